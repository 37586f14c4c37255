#include "mcp/resource.h"
#include "docs/docs.h"
#include <stdlib.h>

#define JSON	"application/json"
#define MARKDOWN "text/markdown"
#define SCHEME	S("scripe://")
#define ADDRESS_MAX	2048		/* bytes; a longer one is none of ours */
#define PAGE_PROJECTS	"20"		/* each is listed with what belongs to it */
#define LIST_TTL	INT64_C(60000)
#define DOCS_TTL	INT64_C(3600000)

/* --- addresses --- */

const struct template mcp_templates[] = {
	{ "scripe://projects/{id}", "project", "Project", "A project: a personal brand or a company page.", JSON, "get_project", false, C_PROJECT },
	{ "scripe://projects/{id}/voice", "voice", "Voice of a project", "How the person of the project writes: profile, sliders, words to prefer and to avoid.", JSON, "get_voice", false, C_PROJECT },
	{ "scripe://projects/{id}/pillars", "pillars", "Content pillars of a project", "The subjects that its person stands for.", JSON, "list_pillars", false, C_PROJECT },
	{ "scripe://projects/{id}/samples", "samples", "Voice samples of a project", "Texts that show how its person writes.", JSON, "list_voice_samples", false, C_PROJECT },
	{ "scripe://projects/{id}/posts", "posts", "Posts of a project", "The 50 newest posts.", JSON, "list_posts", true, C_PROJECT },
	{ "scripe://projects/{id}/notes", "notes", "Notes of a project", "The 50 newest notes.", JSON, "list_notes", true, C_PROJECT },
	{ "scripe://projects/{id}/sources", "sources", "Sources of a project", "The 50 newest sources, each with the beginning of its text.", JSON, "list_sources", true, C_PROJECT },
	{ "scripe://posts/{id}", "post", "Post", "A post with its full text, state and schedule.", JSON, "get_post", false, C_POST },
	{ "scripe://notes/{id}", "note", "Note", "A note: raw material, with its day in the queue.", JSON, "get_note", false, C_NOTE },
	{ "scripe://sources/{id}", "source", "Source", "A source: the beginning of its text, its topics, and opening lines for posts.", JSON, "get_source", false, C_SOURCE },
	{ "scripe://projects/{projectId}/posts/{id}", "project_post", "Post of a project", "The same post, by its project.", JSON, "get_post", false, C_POST },
	{ "scripe://projects/{projectId}/notes/{id}", "project_note", "Note of a project", "The same note, by its project.", JSON, "get_note", false, C_NOTE },
	{ "scripe://projects/{projectId}/sources/{id}", "project_source", "Source of a project", "The same source, by its project.", JSON, "get_source", false, C_SOURCE },
	{ "scripe://docs/{page}", "docs", "Page of the documentation", "How the API works: `index`, `notes`, `posts`, `errors`, …", MARKDOWN, NULL, false, C_PAGE },
	{ "scripe://docs/errors/{code}", "error", "Error", "What an error code means and what to do.", MARKDOWN, NULL, false, C_ERROR },
};
const int mcp_ntemplates = (int)COUNT(mcp_templates);

static int
hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-encoding undone once; absent where it is none, or hides a NUL or what is not UTF-8. */
static str
decoded(struct arena *a, str s)
{
	char *to = arena_raw(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++, n++) {
		to[n] = s.p[i];
		if (s.p[i] != '%')
			continue;
		int hi = s.n - i > 2 ? hex_of(s.p[i + 1]) : -1, lo = s.n - i > 2 ? hex_of(s.p[i + 2]) : -1;
		if (hi < 0 || lo < 0)
			return STR_NONE;
		to[n] = (char)(hi << 4 | lo);
		i += 2;
	}
	to[n] = '\0';
	return memchr(to, '\0', n) == NULL && utf8_ok((str){ to, n }) ? (str){ to, n } : STR_NONE;
}

/* The variables of a template by name; a page may have slashes in it, everything else is one segment. */
static bool
fits(struct arena *a, const struct template *t, str uri, struct address *ret)
{
	str form = str_z(t->uri), text, var, value;

	*ret = (struct address){ .t = t };
	for (;;) {
		text = str_split(&form, '{');
		if (!str_starts(uri, text))
			return false;
		uri = str_cut(uri, text.n, uri.n);
		if (form.p == NULL)
			return uri.n == 0;
		var = str_split(&form, '}');
		size_t n = 0;
		while (n < uri.n && (uri.p[n] != '/' || str_eq(var, S("page"))))
			n++;
		value = decoded(a, str_cut(uri, 0, n));
		if (value.n == 0)
			return false;
		*(str_eq(var, S("projectId")) ? &ret->project : &ret->id) = value;
		uri = str_cut(uri, n, uri.n);
	}
}

bool
mcp_address(struct arena *a, str uri, struct address *ret)
{
	if (!str_starts(uri, SCHEME) || uri.n > ADDRESS_MAX)
		return false;
	for (int i = mcp_ntemplates - 1; i >= 0; i--)	/* docs/errors/{code} before docs/{page} */
		if (fits(a, &mcp_templates[i], uri, ret)) {
			if (ret->t->id == C_ERROR)
				ret->id = str_fmt(a, "errors/%.*s", STR(ret->id));
			return true;
		}
	return false;
}

/* A change of a thing changes the list that it stands in, too. */
bool
mcp_touched(const struct address *at, str type, str thing, str project)
{
	static const struct { str event; enum complete of; const char *list; } kinds[] = {
		{ S_INIT("note."), C_NOTE, "list_notes" }, { S_INIT("post."), C_POST, "list_posts" }, { S_INIT("source."), C_SOURCE, "list_sources" },
	};

	if (at->t->op == NULL)
		return false;
	if (str_starts(type, S("project.")))
		return strcmp(at->t->op, "get_project") == 0 && str_eq(at->id, thing);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (!str_starts(type, kinds[i].event))
			continue;
		if (at->t->id == kinds[i].of)
			return str_eq(at->id, thing) && (at->project.p == NULL || str_ends(at->project, project));
		return strcmp(at->t->op, kinds[i].list) == 0 && project.n != 0 && str_ends(at->id, project);
	}
	return false;
}

/* --- reading --- */

void
mcp_fetch(struct ask *ask, const struct address *at, mcp_then *then)
{
	json_t *query = NULL;

	if (at->t->by_project)
		query = mcp_fields(ask, json_pack("{s:s%}", "projectId", at->id.p, at->id.n));
	mcp_operate(ask, op_named(at->t->op), at->t->by_project ? STR_NONE : at->id, query, then);
}

#define ENVELOPE	S("{\"data\":")

/* The answer of one thing is its envelope around it. */
str
mcp_thing(struct ask *ask, const struct address *at)
{
	str answer = ask->call->x.answer;

	if (op_named(at->t->op)->flags & OP_LIST)
		return answer;
	return str_cut(answer, ENVELOPE.n, answer.n - 1);
}

void
mcp_contents(struct json *j, str uri, const char *mime, str text)
{
	jw_obj(j);
	jw_key_str(j, S("uri"), uri);
	jw_key_str(j, S("mimeType"), str_z(mime));
	jw_key_str(j, S("text"), text);
	jw_end(j);
}

static void
not_found(struct ask *ask, str uri)
{
	struct json j;
	struct buf b;

	buf_init(&b, ask->a, 100 + 6 * ADDRESS_MAX);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("uri"), utf8_head(uri, ADDRESS_MAX));
	jw_end(&j);
	mcp_fail_data(ask, is_modern(ask->version) ? RPC_PARAMS : RPC_RESOURCE, buf_str(&b),
	    "Resource not found. resources/templates/list says what addresses there are, list_projects which projects.");
}

void
mcp_refused(struct ask *ask, str uri)
{
	int status = ask->call->x.status;
	struct error ignored;
	json_t *v = NULL;

	if (status == 404) {
		not_found(ask, uri);
		return;
	}
	if (mcp_step_up(ask))
		return;
	const char *message = json_read(ask->call->x.answer, &v, &ignored) == OK ?
	    json_string_value(json_object_get(json_object_get(v, "error"), "message")) : NULL;
	mcp_fail_data(ask, status < 429 ? RPC_PARAMS : RPC_INTERNAL, ask->call->x.answer, "%s", message != NULL ? message : "The operation was refused.");
	json_decref(v);
}

static bool
of_project(struct ask *ask, const struct address *at)
{
	struct error ignored;
	json_t *v;

	if (at->project.p == NULL)
		return true;
	if (json_read(ask->call->x.answer, &v, &ignored) != OK)
		return false;
	bool ok = str_eq(mcp_text(json_object_get(v, "data"), "projectId"), at->project);
	json_decref(v);
	return ok;
}

static void
contents_of(struct ask *ask, str uri, const char *mime, str text, int64_t ttl, bool everybody)
{
	struct json *j = mcp_result(ask);

	jw_key(j, S("contents"));
	jw_arr(j);
	mcp_contents(j, uri, mime, text);
	jw_end(j);
	mcp_caching(ask, ttl, everybody);
	mcp_done(ask);
}

static void
read_told(struct ask *ask)
{
	const struct address *at = ask->own;
	str uri = mcp_text(ask->params, "uri");

	if (ask->call->x.status != 200)
		mcp_refused(ask, uri);
	else if (!of_project(ask, at))
		not_found(ask, uri);
	else
		contents_of(ask, uri, at->t->mime, mcp_thing(ask, at), 0, false);
}

static void
read_page(struct ask *ask, str uri, str page)
{
	str text;

	if (docs_read(ask->a, page, &text))
		contents_of(ask, uri, MARKDOWN, text, DOCS_TTL, true);
	else
		not_found(ask, uri);
}

void
mcp_resources_read(struct ask *ask)
{
	struct address *at = ask->own = NEW(ask->a, struct address);
	str uri = mcp_text(ask->params, "uri");

	if (uri.p == NULL)
		mcp_fail(ask, RPC_PARAMS, "'uri' is missing: the address of a resource, such as scripe://docs/index.");
	else if (mcp_conformance(ask) && mcp_fixture_read(ask, uri))
		return;
	else if (!mcp_address(ask->a, uri, at))
		not_found(ask, uri);
	else if (at->t->op == NULL)
		read_page(ask, uri, at->id);
	else
		mcp_fetch(ask, at, read_told);
}

/* --- lists --- */

bool
mcp_one_page(struct ask *ask)
{
	if (json_object_get(ask->params, "cursor") == NULL)
		return true;
	mcp_fail(ask, RPC_PARAMS, "The cursor is not valid: this list has one page and gives out no cursors.");
	return false;
}

static void
resource(struct json *j, str uri, str name, str title, str description, const char *mime)
{
	jw_key_str(j, S("uri"), uri);
	jw_key_str(j, S("name"), name);
	jw_key_str(j, S("title"), title);
	jw_key_str(j, S("description"), description);
	jw_key_str(j, S("mimeType"), str_z(mime));
}

/* audience is both: who works with them reads them, too */
static void
annotations(struct json *j, const char *priority, str modified)
{
	jw_key(j, S("annotations"));
	jw_obj(j);
	jw_key(j, S("audience"));
	jw_raw(j, S("[\"user\",\"assistant\"]"));
	jw_key(j, S("priority"));
	jw_raw(j, str_z(priority));
	if (modified.p != NULL)
		jw_key_str(j, S("lastModified"), modified);
	jw_end(j);
}

static void
list_docs(struct ask *ask, struct json *j)
{
	int n;
	const struct docs_page *p = docs_list(ask->a, &n);

	for (int i = 0; i < n; i++) {
		jw_obj(j);
		resource(j, str_fmt(ask->a, "scripe://docs/%.*s", STR(p[i].name)), p[i].name, p[i].title, p[i].about, MARKDOWN);
		jw_key_i64(j, S("size"), (int64_t)p[i].size);
		annotations(j, "0.3", STR_NONE);
		jw_end(j);
	}
}

/* The project, and what hangs off it. */
static void
list_project(struct ask *ask, struct json *j, const json_t *project)
{
	str id = mcp_text(project, "id"), name = mcp_text(project, "name");

	for (int i = 0; i < mcp_ntemplates; i++) {
		const struct template *t = &mcp_templates[i];
		if (t->id != C_PROJECT)
			continue;
		const char *tail = strchr(t->uri, '}') + 1;
		jw_obj(j);
		resource(j, str_fmt(ask->a, "scripe://projects/%.*s%s", STR(id), tail), str_fmt(ask->a, "%.*s%s", STR(name), tail),
		    *tail == '\0' ? name : str_fmt(ask->a, "%s: %.*s", t->title, STR(name)), str_z(t->description), t->mime);
		annotations(j, *tail == '\0' ? "0.8" : "0.5", *tail == '\0' ? mcp_text(project, "createdAt") : STR_NONE);
		jw_end(j);
	}
}

static void
list_fixtures(struct json *j)
{
	for (int i = 0; i < mcp_nfixture_resources; i++) {
		const struct fixture_resource *f = &mcp_fixture_resources[i];
		jw_obj(j);
		resource(j, str_z(f->uri), str_z(f->name), str_z(f->name), str_z(f->description), f->mime);
		jw_end(j);
	}
}

/* Projects come first, newest first and page by page, with the cursors of their list; the last page ends with the documentation. */
static void
list_told(struct ask *ask)
{
	struct error e;
	json_t *v, *project;
	size_t i;

	if (ask->call->x.status != 200) {
		mcp_refused(ask, STR_NONE);
		return;
	}
	enum err code = json_read(ask->call->x.answer, &v, &e);
	if (code != OK) {
		mcp_refuse(ask, code, &e);
		return;
	}
	str next = mcp_text(json_object_get(v, "pagination"), "next_cursor");
	struct json *j = mcp_result(ask);
	jw_key(j, S("resources"));
	jw_arr(j);
	json_array_foreach(json_object_get(v, "data"), i, project)
		list_project(ask, j, project);
	if (next.p == NULL) {
		list_docs(ask, j);
		if (mcp_conformance(ask))
			list_fixtures(j);
	}
	jw_end(j);
	if (next.p != NULL)
		jw_key_str(j, S("nextCursor"), next);
	json_decref(v);
	mcp_caching(ask, LIST_TTL, false);
	mcp_done(ask);
}

void
mcp_resources_list(struct ask *ask)
{
	const json_t *cursor = json_object_get(ask->params, "cursor");
	json_t *query = mcp_fields(ask, json_pack("{s:s}", "limit", PAGE_PROJECTS));

	if (cursor != NULL && !json_is_string(cursor)) {
		mcp_fail(ask, RPC_PARAMS, "'cursor' must be the nextCursor of the page before.");
		return;
	}
	if (cursor != NULL)
		json_object_set_new(query, "cursor", json_deep_copy(cursor));
	mcp_operate(ask, op_named("list_projects"), STR_NONE, query, list_told);
}

void
mcp_templates_list(struct ask *ask)
{
	if (!mcp_one_page(ask))
		return;
	struct json *j = mcp_result(ask);
	jw_key(j, S("resourceTemplates"));
	jw_arr(j);
	for (int i = 0; i < mcp_ntemplates + mcp_conformance(ask); i++) {
		static const struct template fixture = { FIXTURE_TEMPLATE, "test_template", "Test template", "For the conformance suite.", JSON, NULL, false, C_NONE };
		const struct template *t = i < mcp_ntemplates ? &mcp_templates[i] : &fixture;
		jw_obj(j);
		jw_key_str(j, S("uriTemplate"), str_z(t->uri));
		jw_key_str(j, S("name"), str_z(t->name));
		jw_key_str(j, S("title"), str_z(t->title));
		jw_key_str(j, S("description"), str_z(t->description));
		jw_key_str(j, S("mimeType"), str_z(t->mime));
		jw_end(j);
	}
	jw_end(j);
	mcp_caching(ask, DOCS_TTL, true);
	mcp_done(ask);
}

/* --- subscriptions of the versions with sessions --- */

#define SUBSCRIPTIONS_MAX	100

static void
kept(struct ask *ask, enum err code, const struct error *e)
{
	if (code != OK) {
		mcp_refuse(ask, code, e);
		return;
	}
	(void)mcp_result(ask);
	mcp_done(ask);
}

static int
place_of(const json_t *list, str uri)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (str_eq((str){ json_string_value(v), json_string_length(v) }, uri))
			return (int)i;
	return -1;
}

static enum err
too_many(struct error *e)
{
	return fail(e, E_INVALID_REQUEST, NULL, "A session has at most %d subscriptions: end some with resources/unsubscribe.", SUBSCRIPTIONS_MAX);
}

/* The session's list, with or without this address, as the method says. */
static enum err
change_subscriptions(struct ask *ask, struct mcp_session *s, struct error *e)
{
	bool with = str_eq(ask->method->name, S("resources/subscribe"));
	str uri = mcp_text(ask->params, "uri");
	json_t *list;

	TRY(json_read(s->subscriptions, &list, e));
	int at = place_of(list, uri);
	if (with && at < 0 && json_array_size(list) >= SUBSCRIPTIONS_MAX) {
		json_decref(list);
		return too_many(e);
	}
	if (with && at < 0)
		json_array_append_new(list, json_stringn(uri.p, uri.n));
	if (!with && at >= 0)
		json_array_remove(list, (size_t)at);
	char *text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	s->subscriptions = str_dup(ask->a, text != NULL ? str_z(text) : S("[]"));
	free(text);
	return OK;
}

/* It is there, and this caller may read it. */
static void
subscribe_told(struct ask *ask)
{
	str uri = mcp_text(ask->params, "uri");

	if (ask->call->x.status != 200)
		mcp_refused(ask, uri);
	else if (!of_project(ask, ask->own))
		not_found(ask, uri);
	else
		mcp_session_keep(ask, change_subscriptions, kept);
}

void
mcp_resources_subscribe(struct ask *ask)
{
	struct address *at = ask->own = NEW(ask->a, struct address);
	str uri = mcp_text(ask->params, "uri"), text;

	if (uri.p == NULL || uri.n > URI_MAX)
		mcp_fail(ask, RPC_PARAMS, "'uri' must be the address of a resource, of at most %d bytes.", URI_MAX);
	else if (mcp_conformance(ask) && str_starts(uri, S("test://")))
		mcp_session_keep(ask, change_subscriptions, kept);
	else if (!mcp_address(ask->a, uri, at) || (at->t->op == NULL && !docs_read(ask->a, at->id, &text)))
		not_found(ask, uri);
	else if (at->t->op == NULL)
		mcp_session_keep(ask, change_subscriptions, kept);
	else
		mcp_fetch(ask, at, subscribe_told);
}

void
mcp_resources_unsubscribe(struct ask *ask)
{
	str uri = mcp_text(ask->params, "uri");

	if (uri.p == NULL)
		mcp_fail(ask, RPC_PARAMS, "'uri' is missing: the address of a resource.");
	else
		mcp_session_keep(ask, change_subscriptions, kept);
}
