/* openapi_errors -- which errors an operation may give, and what they look like. */
#include "api/openapi_priv.h"
#include <stdio.h>

/* --- which --- */

static void
collect(const struct op *o, bool can[ERR_COUNT])
{
	bool key = !(o->flags & OP_PUBLIC), body = o->method != M_GET && o->in != NULL;

	can[E_INVALID_REQUEST] = can[E_INTERNAL] = true;
	can[E_VERSION_UNSUPPORTED] = can[E_INVALID_TOKEN] = can[E_KEY_EXPIRED] = can[E_KEY_REVOKED] = key;
	can[E_PLAN_NOT_ELIGIBLE] = can[E_RATE_LIMITED] = key;
	can[E_NOT_FOUND] = key;			/* of a foreign Scripe-Workspace-Id at least */
	can[E_SCOPE_MISSING] = o->scopes != 0;
	can[E_WORKSPACE_MISMATCH] = key;	/* of tokens and people */
	can[E_ROLE_MISSING] = key && ((o->flags & OP_PEOPLE) != 0 || op_roles(o) != (1u << ROLE_COUNT) - 1);
	can[E_ORIGIN_REFUSED] = (o->flags & OP_TX) != 0;
	can[E_BAD_PAGINATION] = can[E_BAD_CURSOR] = (o->flags & OP_LIST) != 0;
	can[E_IDEMPOTENCY_KEY_CONFLICT] = can[E_IDEMPOTENCY_IN_PROGRESS] = (o->flags & OP_IDEMPOTENT) != 0;
	can[E_PAYLOAD_TOO_LARGE] = can[E_UNSUPPORTED_MEDIA_TYPE] = body;
	can[E_UNAVAILABLE] = o->out != &health_rec;	/* whose 503 is the record itself */
	for (const enum err *e = o->errors; e != NULL && *e != OK; e++)
		can[*e] = true;
}

static bool
same(const struct refusal *a, const struct refusal *b)
{
	return a->n == b->n && memcmp(a->code, b->code, (size_t)a->n * sizeof(a->code[0])) == 0;
}

static str
refusal_name(struct openapi *o, const struct refusal *r)
{
	struct buf b;

	buf_init(&b, &o->a, 400);
	for (int i = 0; i < r->n; i++) {
		buf_add(&b, i > 0 ? S("Or") : S(""));
		buf_add(&b, camel(o, str_z(err_row(r->code[i])->slug)));
	}
	return buf_str(&b);
}

static unsigned
heads_of(const struct op *op, const struct refusal *r)
{
	unsigned heads = HEAD_ANY | ((op->flags & OP_PUBLIC) ? 0u : HEAD_KEY) | ((op->flags & OP_IDEMPOTENT) ? HEAD_TAKES_KEY : 0u);
	int http = err_row(r->code[0])->http;

	if (http == 401 || http == 403)
		heads |= HEAD_CHALLENGE;
	for (int i = 0; i < r->n; i++) {
		unsigned flags = err_row(r->code[i])->flags;
		if (flags & EF_RETRY)
			heads |= HEAD_RETRY;
		if ((flags & EF_BOUND) && (op->flags & OP_IDEMPOTENT))
			heads |= HEAD_WRITE;
	}
	return heads;
}

/* One response for all operations with these codes, with the headers that any of them gives. */
static str
noted(struct openapi *o, struct refusal *r)
{
	for (int i = 0; i < o->nrefusals; i++)
		if (same(&o->refusals[i], r)) {
			o->refusals[i].heads |= r->heads;
			return o->refusals[i].name;
		}
	r->name = refusal_name(o, r);
	if (o->nrefusals == REFUSALS_MAX)
		o->over = true;
	else
		o->refusals[o->nrefusals++] = *r;
	return r->name;
}

/* The rows of err.def are in the order of their status: codes of one status stand together. */
void
put_refusals(struct openapi *o, const struct op *op)
{
	bool can[ERR_COUNT] = { false };
	char status[8];

	collect(op, can);
	for (int e = OK + 1; e < ERR_COUNT;) {
		struct refusal r = { .n = 0 };
		int http = err_row((enum err)e)->http;
		for (; e < ERR_COUNT && err_row((enum err)e)->http == http; e++)
			if (can[e] && r.n < CODES_MAX)
				r.code[r.n++] = (enum err)e;
		if (r.n == 0)
			continue;
		r.heads = heads_of(op, &r);
		snprintf(status, sizeof(status), "%d", http);
		jw_key(&o->j, str_dup(&o->a, str_z(status)));
		put_ref(o, "responses", noted(o, &r));
	}
}

/* --- examples --- */

#define FIELD_DETAILS(field, why)	"{\"field\":\"" field "\",\"reason\":\"" why "\"}"
#define WHY_STATUS	"Unknown 'status' value(s): BOGUS."
#define WHY_LIMIT	"'limit' must be an integer from 1 to 500."
#define WHY_CURSOR	"The cursor is not valid for this list: start again without one, and drop the rows that you have."
#define WHY_LONG	"'content' is longer than 100000 characters."
#define WHY_PAST	"'scheduledFor' must be in the future."
#define FIELD_SAMPLE(code, field, why)	[code] = { why, FIELD_DETAILS(field, why) }

/* Where the message of the row says less than what really comes. */
static const struct { const char *message, *details; } samples[ERR_COUNT] = {
	FIELD_SAMPLE(E_INVALID_REQUEST, "status", WHY_STATUS),
	FIELD_SAMPLE(E_BAD_PAGINATION, "limit", WHY_LIMIT),
	FIELD_SAMPLE(E_BAD_CURSOR, "cursor", WHY_CURSOR),
	FIELD_SAMPLE(E_PAYLOAD_TOO_LARGE, "content", WHY_LONG),
	FIELD_SAMPLE(E_UNPROCESSABLE, "scheduledFor", WHY_PAST),
	[E_VERSION_UNSUPPORTED] = { NULL, "{\"accepted\":[\"" VERSION_CURRENT "\"]}" },
	[E_SPEND_CAP_EXCEEDED] = { "Daily AI spend cap reached (498\u00a2 of 500\u00a2). Resets at 00:00 UTC.",
	    "{\"bucketDate\":\"2026-05-26\",\"capCents\":500,\"spentCents\":498,\"estimateCents\":5}" },
	[E_SCOPE_MISSING] = { "Token lacks the required scope. Need one of: notes:read.", "{\"required\":[\"notes:read\"]}" },
	[E_ROLE_MISSING] = { "Only a signed-in Admin or the command line may do this.", "{\"required\":[\"Admin\"]}" },
	[E_NOT_FOUND] = { "Note not found.", NULL },
	[E_METHOD_NOT_ALLOWED] = { "This path does not take PUT, but GET, HEAD, POST.", NULL },
	[E_CONFLICT] = { "A published post can no longer be changed.", NULL },
	[E_NOT_CANCELLABLE] = { "Job is in 'RUNNING'; only QUEUED jobs can be cancelled in v1.", NULL },
	[E_RATE_LIMITED] = { "Rate limit of 120 requests per minute reached. Try again in 17 s.", NULL },
};

/* What both forms end with. */
static void
put_members(struct openapi *o, enum err e)
{
	const struct err_row *row = err_row(e);
	struct json *j = &o->j;

	jw_key(j, S("request_id"));
	jw_raw2(j, id_prefix(ID_request), S(SCHEMA_ULID));
	jw_key_str(j, S("docs_url"), str_fmt(&o->a, "%s/docs/api/v1/errors#%s", o->server, row->slug));
	if (samples[e].details != NULL) {
		jw_key(j, (row->flags & EF_META) ? S("meta") : S("details"));
		jw_raw(j, str_z(samples[e].details));
	}
}

static void
put_example(struct openapi *o, enum err e, bool problem)
{
	const struct err_row *row = err_row(e);
	str message = str_z(samples[e].message != NULL ? samples[e].message : row->message);
	struct json *j = &o->j;

	jw_obj(j);
	if (problem) {
		jw_key_str(j, S("type"), str_fmt(&o->a, "%s/docs/api/v1/errors#%s", o->server, row->slug));
		jw_key_str(j, S("title"), str_z(row->slug));
		jw_key_i64(j, S("status"), row->http);
		jw_key_str(j, S("detail"), message);
		jw_key_str(j, S("code"), str_z(row->slug));
	} else {
		jw_key(j, S("error"));
		jw_obj(j);
		jw_key_str(j, S("code"), str_z(row->slug));
		jw_key_str(j, S("message"), message);
	}
	put_members(o, e);
	if (!problem)
		jw_end(j);
	jw_end(j);
}

static bool
mentioned(const struct openapi *o, enum err e)
{
	for (int i = 0; i < o->nrefusals; i++)
		for (int k = 0; k < o->refusals[i].n; k++)
			if (o->refusals[i].code[k] == e)
				return true;
	return false;
}

static str
example_name(struct openapi *o, enum err e, bool problem)
{
	return str_fmt(&o->a, "%s%s", err_row(e)->slug, problem ? "_problem" : "");
}

static void
put_named_example(struct openapi *o, enum err e, bool problem)
{
	struct json *j = &o->j;

	jw_key(j, example_name(o, e, problem));
	jw_obj(j);
	jw_key_str(j, S("summary"), str_z(err_row(e)->message));
	jw_key_str(j, S("description"), str_z(err_row(e)->help));
	jw_key(j, S("value"));
	put_example(o, e, problem);
	jw_end(j);
}

void
put_error_examples(struct openapi *o)
{
	jw_key(&o->j, S("examples"));
	jw_obj(&o->j);
	for (int e = OK + 1; e < ERR_COUNT; e++)
		if (mentioned(o, (enum err)e)) {
			put_named_example(o, (enum err)e, false);
			put_named_example(o, (enum err)e, true);
		}
	jw_end(&o->j);
}

/* --- responses --- */

static void
put_form(struct openapi *o, const struct refusal *r, bool problem)
{
	struct json *j = &o->j;

	jw_key(j, problem ? S("application/problem+json") : S("application/json"));
	jw_obj(j);
	jw_key(j, S("schema"));
	put_ref(o, "schemas", problem ? S("Problem") : S("ErrorResponse"));
	jw_key(j, S("examples"));
	jw_obj(j);
	for (int i = 0; i < r->n; i++) {
		jw_key(j, str_z(err_row(r->code[i])->slug));
		put_ref(o, "examples", example_name(o, r->code[i], problem));
	}
	jw_end(j);
	jw_end(j);
}

/* What a public operation answers has one form. */
static void
put_response(struct openapi *o, const struct refusal *r)
{
	struct json *j = &o->j;
	struct buf text;

	buf_init(&text, &o->a, 4096);
	for (int i = 0; i < r->n; i++)
		buf_fmt(&text, "%s`%s`: %s", i > 0 ? "\n\n" : "", err_row(r->code[i])->slug, err_row(r->code[i])->message);
	jw_obj(j);
	jw_key_str(j, S("description"), buf_str(&text));
	put_headers(o, r->heads);
	jw_key(j, S("content"));
	jw_obj(j);
	put_form(o, r, false);
	if (r->heads & HEAD_KEY)
		put_form(o, r, true);
	jw_end(j);
	jw_end(j);
}

void
put_error_responses(struct openapi *o)
{
	for (int i = 0; i < o->nrefusals; i++) {
		jw_key(&o->j, o->refusals[i].name);
		put_response(o, &o->refusals[i]);
	}
}

/* --- the schema --- */

#define STRING(doc, more)	"{\"type\":\"string\",\"description\":\"" doc "\"" more "}"
#define STRINGS(doc)		"{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"" doc "\"}"
#define CENTS(doc)		"{\"type\":\"integer\",\"minimum\":0,\"description\":\"" doc "\"}"
#define OBJECT(doc, members)	"{\"type\":\"object\",\"description\":\"" doc "\",\"properties\":{" members "},\"additionalProperties\":true}"

static const char response_schema[] =
    "{\"type\":\"object\",\"description\":\"What every refusal and failure looks like.\",\"required\":[\"error\"],"
    "\"properties\":{\"error\":{\"$ref\":\"#/components/schemas/ErrorBody\"}},\"additionalProperties\":true}";
/* Of the envelope (BODY), of the problem (PROBLEM), or of both; `code` stands before them. */
enum { BODY = 1, PROBLEM = 2, MUST = 4 };
static const struct { str name; unsigned where; const char *schema; } members[] = {
	{ S_INIT("message"), BODY | MUST, STRING("What happened, for a person.", "") },
	{ S_INIT("type"), PROBLEM | MUST, STRING("As `docs_url`.", ",\"format\":\"uri\"") },
	{ S_INIT("title"), PROBLEM | MUST, STRING("As `code`.", "") },
	{ S_INIT("status"), PROBLEM | MUST, "{\"type\":\"integer\",\"minimum\":400,\"maximum\":599,\"description\":\"The HTTP status.\"}" },
	{ S_INIT("detail"), PROBLEM | MUST, STRING("What happened, for a person.", "") },
	{ S_INIT("request_id"), BODY | PROBLEM | MUST, STRING("The request, as in X-Request-Id; in a replay that of the first one.",
	    ",\"pattern\":\"^req_[0-7][0-9A-HJKMNP-TV-Z]{25}$\"") },
	{ S_INIT("docs_url"), BODY | PROBLEM | MUST, STRING("Where to read how to recover.", ",\"format\":\"uri\"") },
	{ S_INIT("details"), BODY | PROBLEM, OBJECT("What is at fault, where one thing is.",
	    "\"field\":" STRING("The parameter or field at fault.", "")
	    ",\"reason\":" STRING("What is wrong with it.", "")
	    ",\"accepted\":" STRINGS("The versions that this server knows (`version_unsupported`).")
	    ",\"required\":" STRINGS("The scopes of which one is enough (`scope_missing`).")) },
	{ S_INIT("meta"), BODY | PROBLEM, OBJECT("The state of the AI-spend cap (`spend_cap_exceeded`).",
	    "\"bucketDate\":" STRING("The UTC day.", ",\"format\":\"date\"")
	    ",\"capCents\":" CENTS("Cap of the day.")
	    ",\"spentCents\":" CENTS("Spent and reserved so far.")
	    ",\"estimateCents\":" CENTS("What this request would have reserved.")) },
};

/* No enum: a code may be added at any time, and a client must not break on it. */
static str
code_doc(struct openapi *o)
{
	struct buf b;

	buf_init(&b, &o->a, 16384);
	buf_add(&b, S("What happened, for a program. Clients treat an unknown code by the HTTP status.\n\n| code | status | what to do |\n| --- | --- | --- |"));
	for (int e = OK + 1; e < ERR_COUNT; e++) {
		const struct err_row *row = err_row((enum err)e);
		if (row->slug != NULL)
			buf_fmt(&b, "\n| `%s` | %d | %s |", row->slug, row->http, row->help);
	}
	return buf_str(&b);
}

static void
put_required(struct json *j, unsigned where)
{
	jw_key(j, S("required"));
	jw_arr(j);
	jw_str(j, S("code"));
	for (size_t i = 0; i < COUNT(members); i++)
		if ((members[i].where & where) && (members[i].where & MUST))
			jw_str(j, members[i].name);
	jw_end(j);
}

static void
put_error_schema(struct openapi *o, unsigned where, str doc)
{
	struct json *j = &o->j;

	jw_obj(j);
	jw_key_str(j, S("type"), S("object"));
	jw_key_str(j, S("description"), doc);
	put_required(j, where);
	jw_key(j, S("properties"));
	jw_obj(j);
	jw_key(j, S("code"));
	jw_obj(j);
	jw_key_str(j, S("type"), S("string"));
	jw_key_str(j, S("description"), where == BODY ? code_doc(o) : S("What happened, for a program; see ErrorBody."));
	jw_end(j);
	for (size_t i = 0; i < COUNT(members); i++)
		if (members[i].where & where) {
			jw_key(j, members[i].name);
			jw_raw(j, str_z(members[i].schema));
		}
	jw_end(j);
	jw_key(j, S("additionalProperties"));
	jw_bool(j, true);
	jw_end(j);
}

void
put_error_schemas(struct openapi *o)
{
	jw_key(&o->j, S("ErrorResponse"));
	jw_raw(&o->j, str_z(response_schema));
	jw_key(&o->j, S("ErrorBody"));
	put_error_schema(o, BODY, S("What went wrong, and where to read about it."));
	jw_key(&o->j, S("Problem"));
	put_error_schema(o, PROBLEM, S("The same as RFC 9457 has it, when `Accept` prefers `application/problem+json`."));
}
