/* call -- tools/call: an operation of the API in the words of the protocol. */
#include "mcp/live.h"
#include "mcp/task.h"
#include <stdio.h>

#define WAIT_MOST	25000		/* ms; who wants progress waits as long as one may */

/* --- what came of it --- */

static str
header_of(const struct exchange *x, const char *name)
{
	for (int i = 0; i < x->nout; i++)
		if (strcmp(x->out[i].name, name) == 0)
			return str_z(x->out[i].value);
	return STR_NONE;
}

static void
add_member(struct buf *b, const char *name, str json)
{
	buf_fmt(b, "%s\"io.scripe/%s\":%.*s", b->n != 0 ? "," : "", name, STR(json));
}

/* What the headers of the answer say: the tag of the resource, and what became of a write's key. */
static str
meta_of(struct ask *k)
{
	const struct exchange *x = &k->call->x;
	str tag = header_of(x, "ETag"), replayed = header_of(x, "Idempotent-Replayed");
	struct buf b, quoted;
	struct json j;

	buf_init(&b, k->a, 500);
	if (tag.p != NULL) {
		buf_init(&quoted, k->a, 200);
		jw_begin(&j, &quoted);
		jw_str(&j, tag);
		add_member(&b, "etag", buf_str(&quoted));
	}
	if (header_of(x, "Idempotency-Key-Ignored").p != NULL)
		add_member(&b, "idempotencyKeyIgnored", S("\"malformed\""));
	else if (replayed.p != NULL)
		add_member(&b, "idempotentReplayed", replayed);
	return b.n != 0 ? buf_str(&b) : STR_NONE;
}

static void
put_content(struct json *j, str text)
{
	jw_key(j, S("content"));
	jw_arr(j);
	jw_obj(j);
	jw_key_str(j, S("type"), S("text"));
	jw_key_str(j, S("text"), text);
	jw_end(j);
	jw_end(j);
}

static void
put_structured(struct ask *k, struct json *j)
{
	if (!(SINCE(2025_06_18) >> k->version & 1))
		return;
	jw_key(j, S("structuredContent"));
	jw_raw(j, k->call->x.answer);
}

/* --- errors: what happened, and what to do next --- */

static const struct err_row *
row_called(str slug)
{
	for (int i = 1; i < ERR_COUNT; i++) {
		const struct err_row *row = err_row((enum err)i);
		if (row->slug != NULL && str_eq(str_z(row->slug), slug))
			return row;
	}
	return err_row(E_INTERNAL);
}

/* By the first part of its name. */
static bool
is_argument(const struct op *o, str field)
{
	str first = str_split(&field, '.');
	const char *open = strchr(o->path, '{');

	if (open != NULL && str_eq(first, (str){ open + 1, (size_t)(strchr(open, '}') - open) - 1 }))
		return true;
	for (int i = 0; o->in != NULL && i < o->in->n; i++)
		if (str_eq(o->in->f[i].name, first))
			return true;
	return false;
}

static void
list_arguments(struct buf *b, const struct op *o)
{
	const char *open = strchr(o->path, '{'), *lead = "";

	if (open == NULL && o->in == NULL) {
		buf_fmt(b, " %s takes no arguments.", o->name);
		return;
	}
	buf_fmt(b, " The arguments of %s are ", o->name);
	if (open != NULL) {
		buf_fmt(b, "`%.*s`", (int)(strchr(open, '}') - open) - 1, open + 1);
		lead = ", ";
	}
	for (int i = 0; o->in != NULL && i < o->in->n; i++) {
		buf_fmt(b, "%s`%.*s`", lead, STR(o->in->f[i].name));
		lead = ", ";
	}
	buf_add(b, S("; nothing was changed."));
}

/* For a model: names of arguments for names of fields, and nothing about headers that it cannot send. */
static str
advice(struct ask *k, const struct err_row *row, const json_t *error)
{
	str field = mcp_text(json_object_get(error, "details"), "field"), after = header_of(&k->call->x, "Retry-After");
	struct buf b;

	buf_init(&b, k->a, 2000);
	buf_fmt(&b, "%s: ", row->slug);
	buf_add(&b, mcp_text(error, "message"));
	if (row->code == E_INVALID_REQUEST || row->code == E_UNPROCESSABLE || row->code == E_PAYLOAD_TOO_LARGE) {
		if (field.p != NULL && !is_argument(k->call->op, field))
			list_arguments(&b, k->call->op);
		else if (field.p != NULL)
			buf_fmt(&b, " Correct the argument `%.*s` and call %s again; nothing was changed.", STR(field), k->call->op->name);
		else
			buf_fmt(&b, " Correct the arguments and call %s again; nothing was changed.", k->call->op->name);
	} else if (row->flags & EF_RETRY) {
		buf_fmt(&b, " Wait %.*s s, then call again.", STR(after.p != NULL ? after : S("1")));
	} else if (row->code == E_SCOPE_MISSING) {
		buf_add(&b, S(" Ask the user for a key or a consent that has the scope; another call will not help."));
	} else {
		buf_fmt(&b, " %s", row->help);
	}
	return buf_str(&b);
}

/* A program may ask its user for more: the challenge names what it has and what this takes. */
static void
step_up(struct ask *k, const json_t *error)
{
	struct turn *t = k->turn;
	unsigned scopes = k->who.scopes | k->call->op->scopes;

	front_add(t->f.x, "WWW-Authenticate", turn_challenge(t, "insufficient_scope", scopes));
	k->http = 403;
	str data = k->call->x.answer;
	mcp_fail_data(k, RPC_REQUEST, data, "%.*s", STR(mcp_text(error, "message")));
}

bool
mcp_step_up(struct ask *k)
{
	json_t *envelope = json_loadb(k->call->x.answer.p, k->call->x.answer.n, 0, NULL);
	const json_t *error = json_object_get(envelope, "error");
	bool lacks = k->who.type == PRINCIPAL_OAUTH && k->turn != NULL && str_eq(mcp_text(error, "code"), str_z(err_row(E_SCOPE_MISSING)->slug));

	if (lacks)
		step_up(k, error);
	json_decref(envelope);
	return lacks;
}

static void
told_error(struct ask *k)
{
	json_t *envelope = json_loadb(k->call->x.answer.p, k->call->x.answer.n, 0, NULL);
	const json_t *error = json_object_get(envelope, "error");
	const struct err_row *row = row_called(mcp_text(error, "code"));

	if (!mcp_step_up(k)) {
		struct json *j = mcp_result_meta(k, S("complete"), meta_of(k));
		put_content(j, advice(k, row, error));
		put_structured(k, j);
		jw_key(j, S("isError"));
		jw_bool(j, true);
		k->failed = true;
		mcp_done(k);
	}
	json_decref(envelope);
}

/* The job that the call made, as a task; a refusal is told as of any call, where the answer may be one. */
static void
told_task(struct ask *k)
{
	if (k->call->x.status >= 400 && is_modern(k->version))
		told_error(k);
	else
		mcp_task_made(k);
}

static void
told(struct ask *k)
{
	if (k->call->x.status >= 400) {
		told_error(k);
		return;
	}
	struct json *j = mcp_result_meta(k, S("complete"), meta_of(k));
	put_content(j, k->call->x.answer);
	put_structured(k, j);
	mcp_done(k);
}

/* --- what goes in --- */

/* A list's `limit` is a number here and a text in a query; what is empty was not meant. */
static void
as_query(json_t *arguments)
{
	const json_t *limit = json_object_get(arguments, "limit");
	const char *name;
	json_t *v;
	void *next;

	if (json_is_number(limit)) {		/* 5.0 is how some write 5 */
		char text[32];
		size_t n = (size_t)snprintf(text, sizeof(text), "%.15g", json_number_value(limit));
		json_object_set_new(arguments, "limit", json_stringn(text, n));
	}
	json_object_foreach_safe (arguments, next, name, v)
		if (json_is_string(v) && json_string_length(v) == 0)
			json_object_del(arguments, name);
}

/* Whether progress is asked for, of something that has some, by one who may: a refusal is better told without a stream. */
static bool
reports(const struct ask *k, const struct op *o)
{
	return (o->flags & OP_WAITS) && json_object_get(k->meta, "progressToken") != NULL && !k->turn->batch && tool_may(o, &k->who);
}

static void
call_tool(struct ask *k, const struct tool *t, json_t *arguments)
{
	str id = STR_NONE;

	if (t->id_name.n != 0) {
		json_t *v = json_object_getn(arguments, t->id_name.p, t->id_name.n);
		if (json_is_string(v))
			id = str_dup(k->a, (str){ json_string_value(v), json_string_length(v) });
		json_object_deln(arguments, t->id_name.p, t->id_name.n);
	}
	if (t->op->method == M_GET)
		as_query(arguments);
	enum task_wish wish = mcp_task_wish(k, t->op);
	if (wish == TASK_REFUSED)
		return;
	if (wish != TASK_YES && reports(k, t->op)) {
		if (json_object_get(arguments, "wait_for_completion_ms") == NULL)
			json_object_set_new(arguments, "wait_for_completion_ms", json_integer(WAIT_MOST));
		if ((k = mcp_stream(k)) == NULL)
			return;
		live_watch_job(k);
	}
	mcp_operate(k, t->op, id, arguments, wish == TASK_YES ? told_task : told);
}

static const struct fixture *
fixture_called(const struct ask *k, str name)
{
	for (int i = 0; i < mcp_nfixtures && api_conf(k->m->api)->mcp_conformance; i++)
		if (str_eq(str_z(mcp_fixtures[i].name), name) && (mcp_fixtures[i].versions >> k->version & 1))
			return &mcp_fixtures[i];
	return NULL;
}

void
mcp_tools_call(struct ask *k)
{
	str name = mcp_text(k->params, "name");
	json_t *arguments = json_object_get(k->params, "arguments");
	const struct tool *t = tool_find(k->m->tools, name);
	const struct fixture *f = fixture_called(k, name);

	if (name.p == NULL) {
		mcp_fail(k, RPC_PARAMS, "'name' must be the name of a tool.");
	} else if (arguments != NULL && !json_is_object(arguments)) {
		mcp_fail(k, RPC_PARAMS, "'arguments' must be an object.");
	} else if (f != NULL) {
		f->run(k);
	} else if (t == NULL) {
		mcp_fail(k, RPC_PARAMS, "Unknown tool: %.*s", STR(utf8_head(name, 128)));
	} else {
		if (arguments == NULL) {
			arguments = json_object();
			json_object_set_new(k->params, "arguments", arguments);
		}
		call_tool(k, t, arguments);
	}
}
