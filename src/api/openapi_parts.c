/* openapi_parts -- the components: schemas of records and envelopes, headers, parameters. */
#include "api/openapi_priv.h"

/* --- names --- */

str
camel(struct openapi *o, str snake)
{
	char *to = arena_raw(&o->a, snake.n + 1);
	size_t n = 0;
	bool up = true;

	for (size_t i = 0; i < snake.n; i++) {
		char c = snake.p[i];
		if (c != '_')
			to[n++] = up && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
		up = c == '_';
	}
	return (str){ to, n };
}

void
put_ref(struct openapi *o, const char *where, str name)
{
	jw_obj(&o->j);
	jw_key_str(&o->j, S("$ref"), str_fmt(&o->a, "#/components/%s/%.*s", where, STR(name)));
	jw_end(&o->j);
}

/* --- records --- */

/* Fields whose own example would contradict another one of the same record. */
static const struct schema_sample samples[] = {
	{ "slot", "date", "\"2024-10-14T00:00:00.000Z\"" },
	{ "post", "scheduledAt", "null" },
	{ "job", "progress", "null" },
	{ "job", "errorCode", "null" },
	{ NULL, NULL, NULL },
};

static const struct part *
named(const struct openapi *o, str name)
{
	for (int i = 0; i < o->nparts; i++)
		if (str_eq(o->parts[i].name, name))
			return &o->parts[i];
	return NULL;
}

static void
add_part(struct openapi *o, struct part p)
{
	if (named(o, p.name) != NULL)
		return;
	if (o->nparts == PARTS_MAX)
		o->over = true;
	else
		o->parts[o->nparts++] = p;
}

static str
ref_of(void *ctx, enum schema_use use, const struct rec *outer, const struct field *f)
{
	struct openapi *o = ctx;
	str name = part_name(o, use == SCHEMA_BODY ? A_BODY : AN_ANSWER, f->rec, outer, f);
	return str_fmt(&o->a, "#/components/schemas/%.*s", STR(name));
}

/* By the word that chooses the form, or by what the field that it needs is or names: SourceCreateText, GenerationSourceNote. */
static str
form_ref_of(void *ctx, const struct rec *rec, const struct rec_form *form)
{
	struct openapi *o = ctx;
	str list = str_z(form->needs), last = form->when != NULL ? str_z(form->when) : str_split(&list, ',');
	if (last.n > 2 && str_eq(str_cut(last, last.n - 2, last.n), S("Id")))
		last = str_cut(last, 0, last.n - 2);
	str name = str_fmt(&o->a, "%.*s%.*s", STR(part_name(o, A_BODY, rec, NULL, NULL)), STR(camel(o, last)));

	add_part(o, (struct part){ A_BODY, rec, form, name });
	return str_fmt(&o->a, "#/components/schemas/%.*s", STR(name));
}

struct schema
schema_of(struct openapi *o, enum schema_use use)
{
	return (struct schema){ .use = use, .more = !o->contract, .text_max = DEFAULT_text_max, .samples = samples, .ref = ref_of, .form_ref = form_ref_of,
	    .ctx = o };
}

/* A record is called by its own name; where another one has that, by the field it stands in. */
str
part_name(struct openapi *o, enum shape shape, const struct rec *rec, const struct rec *outer, const struct field *f)
{
	static const char *const tails[] = { [AN_ANSWER] = "", [A_BODY] = "", [IN_DATA] = "Response", [IN_LIST] = "List" };

	for (int i = 0; i < o->nparts; i++)
		if (o->parts[i].shape == shape && o->parts[i].rec == rec && o->parts[i].form == NULL)
			return o->parts[i].name;
	str name = str_fmt(&o->a, "%.*s%s", STR(camel(o, str_z(rec->name))), tails[shape]);
	if (named(o, name) != NULL)
		name = outer != NULL ? str_fmt(&o->a, "%.*s%.*s", STR(camel(o, str_z(outer->name))), STR(camel(o, f->name)))
		    : str_fmt(&o->a, "%.*sInput", STR(name));
	add_part(o, (struct part){ shape, rec, NULL, name });
	return name;
}

static void
put_data(struct openapi *o, const struct part *p, bool list)
{
	struct json *j = &o->j;

	jw_obj(j);
	jw_key_str(j, S("type"), S("object"));
	jw_key_str(j, S("description"), list ? S("A page of a list.") : S("One resource."));
	jw_key(j, S("required"));
	jw_raw(j, list ? S("[\"data\",\"pagination\"]") : S("[\"data\"]"));
	jw_key(j, S("properties"));
	jw_obj(j);
	jw_key(j, S("data"));
	if (list) {
		jw_obj(j);
		jw_key_str(j, S("type"), S("array"));
		jw_key(j, S("items"));
	}
	put_ref(o, "schemas", part_name(o, AN_ANSWER, p->rec, NULL, NULL));
	if (list) {
		jw_end(j);
		jw_key(j, S("pagination"));
		put_ref(o, "schemas", S("Pagination"));
	}
	jw_end(j);
	jw_key(j, S("additionalProperties"));
	jw_bool(j, true);
	jw_end(j);
}

static const char pagination[] =
    "{\"type\":\"object\",\"description\":\"Where the next page begins.\",\"required\":[\"next_cursor\",\"has_more\"],\"properties\":{"
    "\"next_cursor\":{\"type\":[\"string\",\"null\"],\"description\":\"The `cursor` of the next page; null on the last one.\"},"
    "\"has_more\":{\"type\":\"boolean\",\"description\":\"Whether there is a next page. Loop until it is false.\"}},\"additionalProperties\":true}";

/* The list of parts grows as records name others. */
static void
put_schemas(struct openapi *o)
{
	struct schema answer = schema_of(o, SCHEMA_ANSWER), body = schema_of(o, SCHEMA_BODY);

	jw_key(&o->j, S("schemas"));
	jw_obj(&o->j);
	for (int i = 0; i < o->nparts; i++) {
		struct part p = o->parts[i];
		jw_key(&o->j, p.name);
		if (p.shape == IN_DATA || p.shape == IN_LIST)
			put_data(o, &p, p.shape == IN_LIST);
		else if (p.form != NULL)
			schema_form(&body, p.rec, p.form, &o->j);
		else
			schema_rec(p.shape == A_BODY ? &body : &answer, p.rec, &o->j);
	}
	jw_key(&o->j, S("Pagination"));
	jw_raw(&o->j, str_z(pagination));
	put_error_schemas(o);
	jw_end(&o->j);
}

/* --- headers --- */

#define A_TEXT		"{\"type\":\"string\"}"
#define A_COUNT		"{\"type\":\"integer\",\"minimum\":0}"
#define A_DATE		"{\"type\":\"string\",\"format\":\"date\"}"

#define TAG		"\"\\\"0f1e2d3c4b5a69788796a5b4c3d2e1f0-" VERSION_CURRENT "\\\"\""

static const struct { str name; unsigned heads; const char *schema, *example, *doc; } headers[] = {
	{ S_INIT("X-Request-Id"), HEAD_ANY, "{\"type\":\"string\",\"pattern\":\"^req_[0-7][0-9A-HJKMNP-TV-Z]{25}$\"}", "\"req_" SCHEMA_ULID "\"",
	  "Names this request, new for each one; tell it when you report a problem." },
	{ S_INIT("Scripe-Api-Version"), HEAD_ANY, A_DATE, "\"" VERSION_CURRENT "\"", "The version that answered." },
	{ S_INIT("Cache-Control"), HEAD_ANY, A_TEXT, "\"private, no-cache\"", "How long the answer may be kept." },
	{ S_INIT("Scripe-Ignored-Fields"), HEAD_ANY, A_TEXT, "\"contnet, ?limt\"",
	  "Fields of the body, and query parameters as `?name`, that nobody knows and that were ignored: at most 20, percent-encoded." },
	{ S_INIT("Vary"), HEAD_KEY, A_TEXT, "\"Accept, Authorization, Scripe-Api-Version\"", "The request headers that the answer depends on." },
	{ S_INIT("ETag"), HEAD_TAG, A_TEXT, TAG, "Names this state of the resource in this version, for `If-None-Match`. A replay has none." },
	{ S_INIT("X-RateLimit-Limit"), HEAD_KEY, A_COUNT, "120", "Requests that the bucket takes in 60 seconds. Absent where the limit is lifted." },
	{ S_INIT("X-RateLimit-Remaining"), HEAD_KEY, A_COUNT, "119", "Requests left." },
	{ S_INIT("X-RateLimit-Reset"), HEAD_KEY, A_COUNT, "60", "Seconds until the oldest counted request leaves the window." },
	{ S_INIT("RateLimit-Policy"), HEAD_KEY, A_TEXT, "\"\\\"read\\\";q=120;w=60\"", "The same limit in the words of the IETF draft: bucket, quota, window." },
	{ S_INIT("RateLimit"), HEAD_KEY, A_TEXT, "\"\\\"read\\\";r=119;t=60\"", "The same state in the words of the IETF draft: bucket, left, seconds." },
	{ S_INIT("Scripe-Deprecation"), HEAD_KEY, A_TEXT, "\"2026-08-01; sunset=2026-12-01; replacement=2026-11-01\"",
	  "Only when the version that answered will go: which, when, and what replaces it." },
	{ S_INIT("Deprecation"), HEAD_KEY, A_TEXT, "\"@1793491200\"", "Likewise (RFC 9745): since when, in seconds since 1970." },
	{ S_INIT("Sunset"), HEAD_KEY, A_TEXT, "\"Tue, 01 Dec 2026 00:00:00 GMT\"", "Likewise (RFC 8594): when it goes." },
	{ S_INIT("Link"), HEAD_KEY, A_TEXT, "\"<https://scripe.example/docs/api/v1/changelog>; rel=\\\"deprecation\\\"\"",
	  "Likewise: where to read about it." },
	{ S_INIT("Idempotent-Replayed"), HEAD_WRITE, "{\"type\":\"string\",\"enum\":[\"true\",\"false\"]}", "\"false\"",
	  "With an Idempotency-Key: whether this is the stored answer of an earlier request." },
	{ S_INIT("Idempotency-Key-Ignored"), HEAD_TAKES_KEY, "{\"type\":\"string\",\"enum\":[\"malformed\"]}", "\"malformed\"",
	  "The Idempotency-Key has not the right form and was ignored." },
	{ S_INIT("WWW-Authenticate"), HEAD_CHALLENGE, A_TEXT,
	  "\"Bearer resource_metadata=\\\"https://scripe.example/.well-known/oauth-protected-resource\\\", error=\\\"invalid_token\\\"\"",
	  "How to authenticate; with `scope_missing`, which scopes would do." },
	{ S_INIT("Retry-After"), HEAD_RETRY, A_COUNT, "17", "Seconds to wait before the next try." },
};

void
put_headers(struct openapi *o, unsigned heads)
{
	jw_key(&o->j, S("headers"));
	jw_obj(&o->j);
	for (size_t i = 0; i < COUNT(headers); i++)
		if (headers[i].heads & heads) {
			jw_key(&o->j, headers[i].name);
			put_ref(o, "headers", headers[i].name);
		}
	jw_end(&o->j);
}

static void
put_header_parts(struct openapi *o)
{
	struct json *j = &o->j;

	jw_key(j, S("headers"));
	jw_obj(j);
	for (size_t i = 0; i < COUNT(headers); i++) {
		jw_key(j, headers[i].name);
		jw_obj(j);
		jw_key_str(j, S("description"), str_z(headers[i].doc));
		jw_key(j, S("schema"));
		jw_raw(j, str_z(headers[i].schema));
		jw_key(j, S("example"));
		jw_raw(j, str_z(headers[i].example));
		jw_end(j);
	}
	jw_end(j);
}

/* --- parameters --- */

enum param { P_VERSION, P_WORKSPACE, P_IDEMPOTENCY, P_KNOWN, P_MATCH, P_LIMIT, P_CURSOR };
static const struct { str part, name; const char *in, *schema, *example, *doc; } params[] = {
	[P_VERSION] = { S_INIT("ApiVersion"), S_INIT("Scripe-Api-Version"), "header", NULL, NULL,
	  "The version to be answered in; when left out, the one that the key is pinned to, or the current one." },
	[P_WORKSPACE] = { S_INIT("WorkspaceId"), S_INIT("Scripe-Workspace-Id"), "header",
	  "{\"type\":\"string\",\"pattern\":\"^org_[0-7][0-9A-HJKMNP-TV-Z]{25}$\"}", "\"org_" SCHEMA_ULID "\"",
	  "The workspace that is meant. A key has one: naming another is `not_found`." },
	[P_IDEMPOTENCY] = { S_INIT("IdempotencyKey"), S_INIT("Idempotency-Key"), "header",
	  "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{1,64}$\"}", "\"note-2026-05-15-a\"",
	  "Makes a retry safe: within 24 hours the same key and body get the first answer again, another body is a conflict." },
	[P_KNOWN] = { S_INIT("IfNoneMatch"), S_INIT("If-None-Match"), "header", A_TEXT, TAG,
	  "The `ETag` of what you have: when it still holds, the answer is 304 without a body." },
	[P_MATCH] = { S_INIT("IfMatch"), S_INIT("If-Match"), "header", A_TEXT, TAG,
	  "The `ETag` of what you have read: when somebody else has changed it since, nothing is done and the answer is 412." },
	[P_LIMIT] = { S_INIT("Limit"), S_INIT("limit"), "query",
	  "{\"type\":\"integer\",\"minimum\":1,\"maximum\":500,\"default\":50}", "50", "Rows of a page. 201 to 500 counts as 200." },
	[P_CURSOR] = { S_INIT("Cursor"), S_INIT("cursor"), "query", "{\"type\":\"string\",\"maxLength\":400}", NULL,
	  "`pagination.next_cursor` of the page before. It belongs to this list and these filters." },
};

static void
put_versions(const struct openapi *o, struct json *j)
{
	jw_obj(j);
	jw_key_str(j, S("type"), S("string"));
	jw_key(j, S("enum"));
	jw_arr(j);
	for (int i = 0; i < nversions; i++)
		if (!versions[i].test || &versions[i] == o->version)
			jw_str(j, str_z(versions[i].date));
	jw_end(j);
	jw_end(j);
}

static void
put_param_parts(struct openapi *o)
{
	struct json *j = &o->j;

	jw_key(j, S("parameters"));
	jw_obj(j);
	for (size_t i = 0; i < COUNT(params); i++) {
		jw_key(j, params[i].part);
		jw_obj(j);
		jw_key_str(j, S("name"), params[i].name);
		jw_key_str(j, S("in"), str_z(params[i].in));
		jw_key_str(j, S("description"), str_z(params[i].doc));
		jw_key(j, S("schema"));
		if (i == P_VERSION)
			put_versions(o, j);
		else
			jw_raw(j, str_z(params[i].schema));
		if (i == P_VERSION)
			jw_key_str(j, S("example"), str_z(o->version->date));
		if (params[i].example != NULL) {
			jw_key(j, S("example"));
			jw_raw(j, str_z(params[i].example));
		}
		jw_end(j);
	}
	jw_end(j);
}

static void
put_path_param(struct openapi *o, const struct op *op)
{
	str name = str_z(strchr(op->path, '{') + 1);
	struct json *j = &o->j;

	jw_obj(j);
	jw_key_str(j, S("name"), str_cut(name, 0, (size_t)(strchr(name.p, '}') - name.p)));
	jw_key_str(j, S("in"), S("path"));
	jw_key(j, S("required"));
	jw_bool(j, true);
	jw_key_str(j, S("description"), str_fmt(&o->a, "%s id.", id_noun((enum id_kind)op->id_kind)));
	jw_key(j, S("schema"));
	jw_obj(j);
	schema_id((enum id_kind)op->id_kind, j);
	jw_end(j);
	jw_key(j, S("example"));
	jw_raw2(j, id_prefix((enum id_kind)op->id_kind), S(SCHEMA_ULID));
	jw_end(j);
}

static void
put_query_param(struct openapi *o, const struct rec *r, const struct field *f)
{
	struct schema s = schema_of(o, SCHEMA_QUERY);
	struct json *j = &o->j;

	jw_obj(j);
	jw_key_str(j, S("name"), f->name);
	jw_key_str(j, S("in"), S("query"));
	jw_key_str(j, S("description"), schema_doc(&s, f, &o->a));
	if (f->flags & F_REQ) {
		jw_key(j, S("required"));
		jw_bool(j, true);
	}
	if (f->type == T_WORDS) {
		jw_key_str(j, S("style"), S("form"));
		jw_key(j, S("explode"));
		jw_bool(j, false);
	}
	jw_key(j, S("schema"));
	jw_obj(j);
	schema_field(&s, r, f, j);
	jw_end(j);
	jw_key(j, S("example"));
	schema_field_example(&s, f, j);
	if (f->flags & F_MORE) {
		jw_key(j, S("x-scriped-addition"));
		jw_bool(j, true);
	}
	jw_end(j);
}

/* limit and cursor stand first in the query of a list. */
static void
put_query(struct openapi *o, const struct op *op)
{
	struct schema s = schema_of(o, SCHEMA_QUERY);
	int from = (op->flags & OP_LIST) ? 2 : 0;

	if (op->method != M_GET || op->in == NULL)
		return;
	for (int i = from; i < op->in->n; i++)
		if (schema_shows(&s, &op->in->f[i]))
			put_query_param(o, op->in, &op->in->f[i]);
	if (op->flags & OP_LIST) {
		put_ref(o, "parameters", params[P_LIMIT].part);
		put_ref(o, "parameters", params[P_CURSOR].part);
	}
}

void
put_parameters(struct openapi *o, const struct op *op)
{
	if (op->id_kind < 0 && (op->flags & OP_PUBLIC) && op->in == NULL)
		return;
	jw_key(&o->j, S("parameters"));
	jw_arr(&o->j);
	if (op->id_kind >= 0)
		put_path_param(o, op);
	put_query(o, op);
	if (op->flags & OP_IDEMPOTENT)
		put_ref(o, "parameters", params[P_IDEMPOTENCY].part);
	if (op->method == M_GET && is_tagged(op))
		put_ref(o, "parameters", params[P_KNOWN].part);
	if (op->flags & OP_MATCHES)
		put_ref(o, "parameters", params[P_MATCH].part);
	if (!(op->flags & OP_PUBLIC)) {
		put_ref(o, "parameters", params[P_WORKSPACE].part);
		put_ref(o, "parameters", params[P_VERSION].part);
	}
	jw_end(&o->j);
}

/* --- all of them --- */

static void
put_responses(struct openapi *o)
{
	struct json *j = &o->j;

	jw_key(j, S("responses"));
	jw_obj(j);
	jw_key(j, S("NotModified"));
	jw_obj(j);
	jw_key_str(j, S("description"), S("What you have still holds."));
	put_headers(o, HEAD_ANY | HEAD_KEY | HEAD_TAG);
	jw_end(j);
	put_error_responses(o);
	jw_end(j);
}

static const char schemes[] =
    "{\"key\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"scripe_sk_live_ or scripe_sk_test_ and 64 hex digits\","
    "\"description\":\"An API key of one workspace, as `Authorization: Bearer scripe_sk_live_...`. It has scopes: each operation names those "
    "of which one is enough. A write scope does not imply its read scope. Keys are made with `scriped key mint` and shown once. "
    "An access token of OAuth (`scripe_at_...`) is taken wherever a key is; the role of its user then counts, too.\"}}";

void
put_components(struct openapi *o)
{
	jw_key(&o->j, S("components"));
	jw_obj(&o->j);
	jw_key(&o->j, S("securitySchemes"));
	jw_raw(&o->j, str_z(schemes));
	put_schemas(o);
	put_param_parts(o);
	put_header_parts(o);
	put_responses(o);
	put_error_examples(o);
	jw_end(&o->j);
}
