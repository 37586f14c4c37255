#include "api/openapi.h"
#include "api/openapi_priv.h"
#include "api/yaml.h"

#define LOCAL	"http://127.0.0.1:8080"		/* where `scriped serve` listens when nothing is set */

/* --- about the document --- */

static const char about[] =
    "Notes, posts and generated drafts for LinkedIn, over JSON. Everything lives in a workspace, and a key belongs to one.\n"
    "\n"
    "**Authentication.** `Authorization: Bearer scripe_sk_live_...` on everything but `GET /v1/health`.\n"
    "\n"
    "**Versions.** `Scripe-Api-Version: %s` pins the behaviour; without it the version that the key is pinned to answers, or the current one. "
    "Inside a version fields, operations and error codes are only ever added, so clients ignore what they do not know. "
    "The version that answered is in `Scripe-Api-Version`; one that will go says so in `Scripe-Deprecation` and `Sunset`.%s\n"
    "\n"
    "**Bodies** are JSON objects. In a create, null for an optional field is its absence; a change refuses it where the schema does not allow it. "
    "Unknown fields are ignored and named in `Scripe-Ignored-Fields`.\n"
    "\n"
    "**Lists** are pages, newest first: pass `pagination.next_cursor` as `cursor` until `has_more` is false.\n"
    "\n"
    "**Retries.** A write with an `Idempotency-Key` may be sent again within 24 hours and has its effect once.\n"
    "\n"
    "**Errors** share one envelope; switch on `error.code`. 400 is a wrong shape, 422 a value that breaks a rule. "
    "With `Accept: application/problem+json` they come as RFC 9457 has them.\n"
    "\n"
    "**Rate limits** are the workspace's, counted over any 60 seconds in buckets: reads, other writes, job submissions and uploads.";

static const struct { const char *name, *doc; } tags[] = {
	{ "Consents", "What people allowed programs that act for them." },
	{ "Folders", "Folders of the notes of a project." },
	{ "Health", "Whether the service and a key work." },
	{ "Jobs", "Asynchronous operations: what they do, how far they are, what they made." },
	{ "Keys", "API keys, minted and ended by people." },
	{ "Knowledge", "Reference material that posts are written from, and the search in it." },
	{ "Logs", "What was asked and how it was answered, and who changed what." },
	{ "Members", "People of the workspace, their roles, and invitations." },
	{ "Notes", "Raw captured content, the input of posts, each with a slot in the queue." },
	{ "Posts", "LinkedIn-ready texts and their states, written by people or generated." },
	{ "Projects", "Containers of content, usually one profile or one company page." },
	{ "Sources", "Longer material to write from: its beginning, and the topics and opening lines found in it." },
	{ "Uploads", "Places to put the bytes of a file that something is to be made of." },
	{ "Voice", "How the person of a project writes: what is said of it, samples that show it, subjects that they stand for." },
	{ "Workspaces", "The tenant: every read returns only data of the active workspace." },
};

static bool
shown(const struct openapi *o, const struct op *op)
{
	return !(op->flags & OP_BENCH) && !(o->contract && (op->flags & OP_ADDITION));
}

static void
put_about(struct openapi *o)
{
	const struct version *v = o->version;
	str end = v->sunset == NULL ? S("") : str_fmt(&o->a, " This is a version that goes on %s: move to %s.", v->sunset, v->replacement);

	jw_key_str(&o->j, S("description"), str_fmt(&o->a, about, v->date, end.p));
}

static void
put_info(struct openapi *o)
{
	struct json *j = &o->j;

	jw_key(j, S("info"));
	jw_obj(j);
	jw_key_str(j, S("title"), S("Scripe API"));
	jw_key_str(j, S("version"), str_z(o->version->date));
	jw_key_str(j, S("summary"), S("Notes, posts and generated drafts for LinkedIn."));
	put_about(o);
	jw_key(j, S("contact"));
	jw_raw(j, S("{\"name\":\"The operator of this server\"}"));
	jw_key(j, S("license"));
	jw_raw(j, S("{\"name\":\"ISC\",\"identifier\":\"ISC\"}"));
	jw_end(j);
}

static void
put_servers(struct openapi *o, const char *url)
{
	struct json *j = &o->j;

	jw_key(j, S("servers"));
	jw_arr(j);
	jw_obj(j);
	jw_key_str(j, S("url"), url != NULL ? str_z(url) : S("{origin}"));
	jw_key_str(j, S("description"), S("This server"));
	if (url == NULL) {
		jw_key(j, S("variables"));
		jw_raw(j, S("{\"origin\":{\"default\":\"" LOCAL "\",\"description\":\"Scheme, host and port of the server\"}}"));
	}
	jw_end(j);
	jw_end(j);
}

static bool
tag_used(const struct openapi *o, const char *tag)
{
	for (int i = 0; i < nops; i++)
		if (shown(o, &ops[i]) && strcmp(ops[i].tag, tag) == 0)
			return true;
	return false;
}

static void
put_tags(struct openapi *o)
{
	struct json *j = &o->j;

	jw_key(j, S("tags"));
	jw_arr(j);
	for (size_t i = 0; i < COUNT(tags); i++) {
		if (!tag_used(o, tags[i].name))
			continue;
		jw_obj(j);
		jw_key_str(j, S("name"), str_z(tags[i].name));
		jw_key_str(j, S("description"), str_z(tags[i].doc));
		jw_end(j);
	}
	jw_end(j);
}

/* --- an operation --- */

static const int bucket_limits[BUCKET_COUNT] = {
	[BUCKET_READ] = DEFAULT_rate_read, [BUCKET_WRITE] = DEFAULT_rate_write,
	[BUCKET_JOBS] = DEFAULT_rate_jobs, [BUCKET_UPLOADS] = DEFAULT_rate_uploads,
};

static void
put_op_doc(struct openapi *o, const struct op *op)
{
	const char *lead = "one of ";
	struct buf b;

	buf_init(&b, &o->a, 8192);
	buf_add(&b, str_z(op->doc));
	if (!(op->flags & OP_PUBLIC)) {
		buf_add(&b, (op->flags & OP_PEOPLE) ? S("\n\nFor people, never for keys. Roles: ") : S("\n\nScope: "));
		if (op->flags & OP_PEOPLE)
			words_csv(&role_words, op_roles(op), &b);
		else if (op->scopes == 0)
			buf_add(&b, S("any key"));
		else if ((op->scopes & (op->scopes - 1)) == 0)
			lead = "";
		for (int i = 0; i < SCOPE_COUNT; i++)
			if (op->scopes >> i & 1) {
				buf_fmt(&b, "%s`%s`", lead, scope_words.v[i]);
				lead = ", ";
			}
		if (op->bucket == BUCKET_FREE)
			buf_add(&b, S(". Rate limit: none."));
		else
			buf_fmt(&b, ". Rate limit: bucket `%s`, %d requests in 60 seconds unless this server is set up otherwise.",
			    buckets[op->bucket].name, bucket_limits[op->bucket]);
	}
	jw_key_str(&o->j, S("description"), buf_str(&b));
}

static void
put_access(struct openapi *o, const struct op *op)
{
	struct json *j = &o->j;

	if (op->flags & OP_PUBLIC) {
		jw_key(j, S("security"));
		jw_raw(j, S("[]"));
		return;
	}
	jw_key(j, S("x-scopes"));
	jw_arr(j);
	for (int i = 0; i < SCOPE_COUNT; i++)
		if (op->scopes >> i & 1)
			jw_str(j, str_z(scope_words.v[i]));
	jw_end(j);
	if (op->flags & OP_PEOPLE) {
		jw_key(j, S("x-roles"));
		jw_arr(j);
		for (int i = 0; i < ROLE_COUNT; i++)
			if (op_roles(op) >> i & 1)
				jw_str(j, str_z(role_words.v[i]));
		jw_end(j);
	}
	jw_key_str(j, S("x-rate-limit-bucket"), str_z(buckets[op->bucket].name));
}

static void
put_request(struct openapi *o, const struct op *op)
{
	struct schema s = schema_of(o, SCHEMA_BODY);
	int max = (op->flags & OP_LONG) ? DEFAULT_body_max_long : (op->flags & OP_TEXT) ? DEFAULT_body_max_text : DEFAULT_body_max;
	struct json *j = &o->j;

	if (op->method == M_GET || op->in == NULL)
		return;
	jw_key(j, S("requestBody"));
	jw_obj(j);
	jw_key_str(j, S("description"), str_fmt(&o->a, "%s. At most %d bytes.", op->in->doc, max));
	jw_key_i64(j, S("x-max-bytes"), max);
	jw_key(j, S("required"));
	jw_bool(j, true);
	jw_key(j, S("content"));
	jw_obj(j);
	jw_key(j, S("application/json"));
	jw_obj(j);
	jw_key(j, S("schema"));
	put_ref(o, "schemas", part_name(o, A_BODY, op->in, NULL, NULL));
	jw_key(j, S("example"));
	schema_example(&s, op->in, j);
	jw_end(j);
	jw_end(j);
	jw_end(j);
}

static void
put_answer_example(struct openapi *o, const struct op *op, const struct schema_sample *samples)
{
	struct schema s = schema_of(o, SCHEMA_ANSWER);
	struct json *j = &o->j;
	bool bare = (op->flags & OP_BARE) != 0, list = (op->flags & OP_LIST) != 0;

	if (samples != NULL)
		s.samples = samples;
	jw_key(j, S("example"));
	if (!bare) {
		jw_obj(j);
		jw_key(j, S("data"));
	}
	if (list)
		jw_arr(j);
	schema_example(&s, op->out, j);
	if (list) {
		jw_end(j);
		jw_key(j, S("pagination"));
		jw_raw(j, S("{\"next_cursor\":null,\"has_more\":false}"));
	}
	if (!bare)
		jw_end(j);
}

static const struct schema_sample degraded[] = {
	{ "health", "status", "\"degraded\"" },
	{ "checks", "auditBuffer", "{\"ok\":false,\"depth\":14,\"error\":\"entries cannot be written\"}" },
	{ NULL, NULL, NULL },
};

/* more: headers beside those of the operation.  samples: of the example, in place of the usual ones; NULL: none */
static void
put_answer(struct openapi *o, const struct op *op, const char *doc, unsigned more, const struct schema_sample *samples)
{
	enum shape shape = (op->flags & OP_BARE) ? AN_ANSWER : (op->flags & OP_LIST) ? IN_LIST : IN_DATA;
	struct json *j = &o->j;

	jw_obj(j);
	jw_key_str(j, S("description"), str_fmt(&o->a, "%s.", doc));
	put_headers(o, more | HEAD_ANY | ((op->flags & OP_PUBLIC) ? 0u : HEAD_KEY) | ((op->flags & OP_IDEMPOTENT) ? HEAD_WRITE | HEAD_TAKES_KEY : 0u) |
	    (is_tagged(op) ? HEAD_TAG : 0u));
	jw_key(j, S("content"));
	jw_obj(j);
	jw_key(j, S("application/json"));
	jw_obj(j);
	jw_key(j, S("schema"));
	put_ref(o, "schemas", part_name(o, shape, op->out, NULL, NULL));
	put_answer_example(o, op, samples);
	jw_end(j);
	jw_end(j);
	jw_end(j);
}

static void
put_responses(struct openapi *o, const struct op *op)
{
	jw_key(&o->j, S("responses"));
	jw_obj(&o->j);
	jw_key(&o->j, S("200"));
	put_answer(o, op, (op->flags & OP_LIST) ? "A page of the list" : op->out->doc, 0, NULL);
	if (op->method == M_GET && is_tagged(op)) {
		jw_key(&o->j, S("304"));
		put_ref(o, "responses", S("NotModified"));
	}
	put_refusals(o, op);
	if (op->out == &health_rec) {
		jw_key(&o->j, S("503"));
		put_answer(o, op, "The same when the service is degraded", HEAD_RETRY, degraded);
	}
	jw_end(&o->j);
}

static void
put_op(struct openapi *o, const struct op *op)
{
	static const char *const methods[METHOD_COUNT] = { [M_GET] = "get", [M_POST] = "post", [M_PATCH] = "patch", [M_DELETE] = "delete" };
	struct json *j = &o->j;

	jw_key(j, str_z(methods[op->method]));
	jw_obj(j);
	jw_key_str(j, S("operationId"), str_z(op->name));
	jw_key(j, S("tags"));
	jw_arr(j);
	jw_str(j, str_z(op->tag));
	jw_end(j);
	jw_key_str(j, S("summary"), str_z(op->summary));
	put_op_doc(o, op);
	put_access(o, op);
	put_parameters(o, op);
	put_request(o, op);
	put_responses(o, op);
	if (op->flags & OP_ADDITION) {
		jw_key(j, S("x-scriped-addition"));
		jw_bool(j, true);
	}
	jw_end(j);
}

/* --- all of it --- */

static void
put_paths(struct openapi *o)
{
	const char *path = NULL;

	jw_key(&o->j, S("paths"));
	jw_obj(&o->j);
	for (int i = 0; i < nops; i++) {
		if (!shown(o, &ops[i]))
			continue;
		if (path == NULL || strcmp(path, ops[i].path) != 0) {
			if (path != NULL)
				jw_end(&o->j);
			path = ops[i].path;
			jw_key(&o->j, str_z(path));
			jw_obj(&o->j);
		}
		struct op of = ops[i];		/* with the records of the version */
		of.in = of.in != NULL ? version_rec(o->version, of.in) : NULL;
		of.out = version_rec(o->version, of.out);
		put_op(o, &of);
	}
	if (path != NULL)
		jw_end(&o->j);
	jw_end(&o->j);
}

static void
put_document(struct openapi *o, const char *url)
{
	jw_obj(&o->j);
	jw_key_str(&o->j, S("openapi"), S("3.1.0"));
	put_info(o);
	put_servers(o, url);
	jw_key(&o->j, S("security"));
	jw_raw(&o->j, S("[{\"key\":[]}]"));
	put_tags(o);
	put_paths(o);
	put_components(o);
	jw_end(&o->j);
}

void
api_openapi(bool contract, bool json, const struct version *version, const char *server_url, struct buf *out)
{
	const char *url = server_url != NULL && server_url[0] != '\0' ? server_url : NULL;
	struct openapi o = { .contract = contract, .version = version != NULL ? version : versions, .server = url != NULL ? url : LOCAL };
	struct error e;
	struct buf text;
	json_t *v;

	arena_init(&o.a, 4 * OPENAPI_MAX);
	buf_init(&text, &o.a, OPENAPI_MAX);
	jw_begin(&o.j, &text);
	put_document(&o, url);
	if (o.over || text.over) {
		out->over = true;
	} else if (json) {
		buf_add(out, buf_str(&text));
		buf_char(out, '\n');
	} else if (json_read(buf_str(&text), &v, &e) == OK) {
		yaml_print(v, out);
		json_decref(v);
	} else {
		out->over = true;
	}
	arena_free(&o.a);
}
