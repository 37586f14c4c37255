/* tool -- operations as tools: each row of ops with OP_MCP, written once at the start, in two pieces: what every version has, and what came
 * with 2025-06-18. */
#include "mcp/task.h"
#include "mcp/turn.h"
#include "rec/schema.h"
#include <stdlib.h>

#define TOOL_MAX	((size_t)64 << 10)	/* of one, as JSON */
#define PAGE		100

struct tools { struct arena a; struct tool *v; int n; unsigned scopes; };

/* --- schemas --- */

static struct schema
schema_as(const struct conf *c, enum schema_use use)
{
	static const struct schema_sample none[] = { { NULL, NULL, NULL } };
	return (struct schema){ .use = use, .more = true, .whole = true, .text_max = c->text_max, .samples = none };
}

static enum schema_use use_of(const struct op *o) { return o->method == M_GET ? SCHEMA_QUERY : SCHEMA_BODY; }

/* Of a list: a number to a model, though a query has texts alone. */
static bool is_limit(const struct op *o, int i) { return (o->flags & OP_LIST) && i == 0; }

static void
put_limit(struct json *j)
{
	jw_raw(j, S("{\"type\":\"integer\",\"minimum\":1,\"maximum\":200,\"default\":50,\"description\":\"Rows per page.\"}"));
}

static void
put_id(const struct op *o, struct json *j)
{
	jw_obj(j);
	schema_id((enum id_kind)o->id_kind, j);
	jw_key_str(j, S("description"), S("The id of what is meant."));
	jw_key(j, S("examples"));
	jw_arr(j);
	jw_raw2(j, id_prefix((enum id_kind)o->id_kind), S(SCHEMA_ULID));
	jw_end(j);
	jw_end(j);
}

static void
put_properties(const struct schema *s, const struct tool *t, struct json *j)
{
	const struct op *o = t->op;

	jw_key(j, S("properties"));
	jw_obj(j);
	if (t->id_name.n != 0) {
		jw_key(j, t->id_name);
		put_id(o, j);
	}
	for (int i = 0; o->in != NULL && i < o->in->n; i++) {
		if (!schema_shows(s, &o->in->f[i]))
			continue;
		jw_key(j, o->in->f[i].name);
		if (is_limit(o, i))
			put_limit(j);
		else
			schema_property(s, o->in, &o->in->f[i], j);
	}
	jw_end(j);
}

static void
put_required(const struct schema *s, const struct tool *t, struct json *j)
{
	const struct rec *in = t->op->in;

	jw_key(j, S("required"));
	jw_arr(j);
	if (t->id_name.n != 0)
		jw_str(j, t->id_name);
	for (int i = 0; in != NULL && i < in->n; i++)
		if ((in->f[i].flags & F_REQ) && schema_shows(s, &in->f[i]))
			jw_str(j, in->f[i].name);
	jw_end(j);
}

/* The id of the path and the fields of query or body, side by side. */
static void
put_input(const struct conf *c, const struct tool *t, struct json *j)
{
	struct schema s = schema_as(c, use_of(t->op));

	jw_key(j, S("inputSchema"));
	jw_obj(j);
	jw_key_str(j, S("type"), S("object"));
	put_properties(&s, t, j);
	put_required(&s, t, j);
	jw_key(j, S("additionalProperties"));
	jw_bool(j, false);
	jw_end(j);
}

#define PAGINATION "{\"type\":\"object\",\"required\":[\"next_cursor\",\"has_more\"],\"properties\":{\"next_cursor\":{\"type\":[\"string\",\"null\"]," \
	"\"description\":\"The `cursor` of the next page; null on the last one.\"},\"has_more\":{\"type\":\"boolean\"}},\"additionalProperties\":true}"

#define REFUSAL "{\"type\":\"object\",\"required\":[\"code\",\"message\"],\"properties\":{\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}," \
	"\"description\":\"Why it failed; only where isError is true.\",\"additionalProperties\":true}"

/* What an error answers is part of it: there are hosts that hold every structured result to its schema. */
static void
put_output(const struct conf *c, const struct op *o, struct json *j)
{
	struct schema s = schema_as(c, SCHEMA_ANSWER);
	bool list = (o->flags & OP_LIST) != 0;

	jw_key(j, S("outputSchema"));
	jw_obj(j);
	jw_key_str(j, S("type"), S("object"));
	jw_key(j, S("anyOf"));
	jw_arr(j);
	if (o->flags & OP_BARE) {
		schema_rec(&s, o->out, j);
		jw_raw(j, S("{\"required\":[\"error\"],\"properties\":{\"error\":" REFUSAL "}}"));
		jw_end(j);
		jw_end(j);
		return;
	}
	jw_raw(j, list ? S("{\"required\":[\"data\",\"pagination\"]}") : S("{\"required\":[\"data\"]}"));
	jw_raw(j, S("{\"required\":[\"error\"]}"));
	jw_end(j);
	jw_key(j, S("properties"));
	jw_obj(j);
	jw_key(j, S("error"));
	jw_raw(j, S(REFUSAL));
	jw_key(j, S("data"));
	if (list) {
		jw_obj(j);
		jw_key_str(j, S("type"), S("array"));
		jw_key(j, S("items"));
	}
	schema_rec(&s, o->out, j);
	if (list) {
		jw_end(j);
		jw_key(j, S("pagination"));
		jw_raw(j, S(PAGINATION));
	}
	jw_end(j);
	jw_key(j, S("additionalProperties"));
	jw_bool(j, true);
	jw_end(j);
}

/* --- what it is --- */

/* The summary without the marks of Markdown. */
static str
title_of(struct arena *a, const struct op *o)
{
	str s = str_z(o->summary);
	char *p = arena_raw(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '`')
			p[n++] = s.p[i];
	return (str){ p, n };
}

static void
put_description(struct arena *a, const struct op *o, struct json *j)
{
	struct buf b;

	buf_init(&b, a, 8000);
	buf_fmt(&b, "%s. %s", o->summary, o->doc);
	if (use_of(o) == SCHEMA_BODY && o->in != NULL && o->in->forms != NULL) {
		buf_char(&b, ' ');
		buf_add(&b, schema_forms(o->in, a));
	}
	if (o->flags & OP_LIST)
		buf_add(&b, S(" Go on with `cursor` set to `pagination.next_cursor` while `pagination.has_more` is true."));
	if (o->flags & OP_WAITS)
		buf_add(&b, S(" Called with a progress token it reports progress and waits as long as it may."));
	if (o->flags & OP_IDEMPOTENT)
		buf_add(&b, S(" Send the same `idempotencyKey` in `_meta` again to repeat a call safely."));
	jw_key_str(j, S("description"), buf_str(&b));
}

/* What the row says: a read changes nothing; a deletion or an edit takes something away, a creation does not; only what calls other servers is
 * of an open world. */
static void
put_annotations(struct arena *a, const struct op *o, struct json *j)
{
	bool reads = o->method == M_GET, again = reads || o->method == M_DELETE || o->method == M_PATCH;

	jw_key(j, S("annotations"));
	jw_obj(j);
	jw_key_str(j, S("title"), title_of(a, o));
	jw_key(j, S("readOnlyHint"));
	jw_bool(j, reads);
	jw_key(j, S("destructiveHint"));
	jw_bool(j, o->method == M_DELETE || o->method == M_PATCH || strstr(o->path, "/cancel") != NULL);
	jw_key(j, S("idempotentHint"));
	jw_bool(j, again);
	jw_key(j, S("openWorldHint"));
	jw_bool(j, o->bucket == BUCKET_JOBS);
	jw_end(j);
}

static str
id_name_of(const struct op *o)
{
	const char *open = strchr(o->path, '{');

	return open != NULL ? (str){ open + 1, (size_t)(strchr(open, '}') - open) - 1 } : S("");
}

/* `base` is left open: {"name":…, …   `more` begins with a comma. */
static void
write_tool(struct tools *s, const struct conf *c, struct tool *t)
{
	struct arena scratch;		/* what is kept moves out of it, at its size */
	struct buf b;
	struct json j;

	t->id_name = id_name_of(t->op);
	arena_init(&scratch, (size_t)4 << 20);
	buf_init(&b, &scratch, TOOL_MAX);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("name"), str_z(t->op->name));
	put_description(&scratch, t->op, &j);
	put_annotations(&scratch, t->op, &j);
	put_input(c, t, &j);
	size_t base = b.n;
	jw_key_str(&j, S("title"), title_of(&scratch, t->op));
	put_output(c, t->op, &j);
	t->base = str_dup(&s->a, str_cut(buf_str(&b), 0, base));
	t->more = str_dup(&s->a, str_cut(buf_str(&b), base, b.n));
	arena_free(&scratch);
}

struct tools *
tools_new(const struct conf *c)
{
	struct tools *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	arena_init(&s->a, (size_t)4 << 20);
	s->v = NEW_N(&s->a, struct tool, nops);
	for (int i = 0; i < nops; i++)
		if (ops[i].flags & OP_MCP) {
			s->v[s->n].op = &ops[i];
			s->v[s->n].name = str_z(ops[i].name);
			s->scopes |= ops[i].scopes;
			write_tool(s, c, &s->v[s->n++]);
		}
	return s;
}

void
tools_free(struct tools *s)
{
	arena_free(&s->a);
	free(s);
}

unsigned tools_scopes(const struct tools *s) { return s->scopes; }

const struct tool *
tool_find(const struct tools *s, str name)
{
	for (int i = 0; i < s->n; i++)
		if (str_eq(s->v[i].name, name))
			return &s->v[i];
	return NULL;
}

/* --- the list --- */

bool
tool_may(const struct op *o, const struct principal *p)
{
	return op_by_scope(o, p) && op_by_role(o, p);
}

static bool
put_from(const struct ask *k, const char *name, str *after)
{
	if (after->p == NULL)
		return true;
	if (str_eq(str_z(name), *after))
		*after = STR_NONE;
	(void)k;
	return false;
}

static void
put_fixture(const struct fixture *f, struct json *j)
{
	jw_obj(j);
	jw_key_str(j, S("name"), str_z(f->name));
	jw_key_str(j, S("description"), str_z(f->description));
	jw_key(j, S("inputSchema"));
	jw_raw(j, str_z(f->input));
	if (f->output != NULL) {
		jw_key(j, S("outputSchema"));
		jw_raw(j, str_z(f->output));
	}
	jw_end(j);
}

static void
put_tool(const struct ask *k, const struct tool *t, struct json *j)
{
	struct buf *b = j->b;

	jw_raw(j, t->base);
	if (SINCE(2025_06_18) >> k->version & 1)
		buf_add(b, t->more);
	if (k->version == MCP_2025_11_25 && mcp_task_able(t->op))
		buf_add(b, S(",\"execution\":{\"taskSupport\":\"optional\"}"));
	buf_char(b, '}');
}

bool
tools_page(const struct ask *k, str after, int most, struct json *j, str *ret_next)
{
	const struct tools *s = k->m->tools;
	const char *last = NULL;
	int n = 0;

	*ret_next = STR_NONE;
	for (int i = 0; i < s->n; i++) {
		const struct tool *t = &s->v[i];
		if (!put_from(k, t->op->name, &after) || !tool_may(t->op, &k->who))
			continue;
		if (n++ == most) {
			*ret_next = str_z(last);
			break;
		}
		put_tool(k, t, j);
		last = t->op->name;
	}
	for (int i = 0; ret_next->p == NULL && api_conf(k->m->api)->mcp_conformance && i < mcp_nfixtures; i++)
		if (mcp_fixtures[i].versions >> k->version & 1)
			put_fixture(&mcp_fixtures[i], j);
	return after.p == NULL;
}

/* A cursor is the name of the last tool that was told. */
void
mcp_tools_list(struct ask *k)
{
	const json_t *cursor = json_object_get(k->params, "cursor");
	str after = STR_NONE, next;
	struct json *j = mcp_result(k);

	jw_key(j, S("tools"));
	jw_arr(j);
	bool ok = (cursor == NULL || crypto_unb64(k->a, mcp_text(k->params, "cursor"), &after)) && tools_page(k, after, PAGE, j, &next);
	if (!ok) {
		mcp_fail(k, RPC_PARAMS, "The cursor is none of this list: begin without one.");
		return;
	}
	jw_end(j);
	if (next.p != NULL)
		jw_key_str(j, S("nextCursor"), crypto_b64(k->a, next));
	mcp_caching(k, TOOLS_TTL_MS, false);
	mcp_done(k);
}
