#include "store/store.h"
#include "api/cors.h"
#include "model/upload.h"
#include <stdlib.h>

struct store { struct api *api; struct engine *engine; const struct blobs *blobs; const struct sys_clock *clock; };

enum stage { AT_LOOK, AT_BYTES, AT_END };
struct put {
	struct call call;		/* first: the engine gives it back */
	struct store *store;
	struct exchange *x;
	enum stage stage;
	workspace_id workspace;
	upload_id id;
	ulid attempt;
	struct upload upload;
	struct disk_put *file;
	int64_t size;
	enum err code;
	struct error err;
};

/* --- answers --- */

static void
common_headers(struct put *p)
{
	struct exchange *x = p->x;

	front_add(x, "X-Request-Id", api_request_id(x));
	front_add(x, "x-amz-request-id", api_request_id(x));
	front_add(x, "Cache-Control", "no-store");
	cors_headers(api_conf(p->store->api), x);
}

/* In the form of S3; the words are ours and hold nothing of the caller's. */
static void
refuse(struct put *p, int status, const char *code, const char *message)
{
	struct exchange *x = p->x;

	common_headers(p);
	front_add(x, "Content-Type", "application/xml");
	if (status == 503)
		front_add(x, "Retry-After", "1");
	front_answer(x, status, str_fmt(&x->arena, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>\n",
	    code, message, api_request_id(x)));
}

static void
refuse_for(struct put *p, enum err code)
{
	switch (code) {
	case E_NOT_FOUND:
		refuse(p, 404, "NoSuchUpload", "There is no such upload. It may have been deleted: ask for another URL.");
		break;
	case E_CONFLICT:
		refuse(p, 403, "AccessDenied", "This URL was used already: its upload is complete.");
		break;
	case E_FULL:
		refuse(p, 507, "InsufficientStorage", "There is no room for these bytes. Nothing was kept; the URL may be used again.");
		break;
	default:
		refuse(p, 503, "ServiceUnavailable", "The bytes cannot be taken right now. Nothing was kept; try again.");
	}
}

static void
too_large(struct put *p)
{
	refuse(p, 413, "EntityTooLarge", "The body is larger than the maxSizeBytes of this upload.");
}

static void
stored(struct put *p)
{
	common_headers(p);
	front_add(p->x, "ETag", str_fmt(&p->x->arena, "\"%s\"", p->attempt.s).p);
	front_answer(p->x, 200, S(""));
}

/* --- what the request says by itself --- */

/* UPLOADS_PATH/org_…/upl_… */
static bool
read_path(struct put *p)
{
	str rest = str_cut(p->x->path, sizeof(UPLOADS_PATH), p->x->path.n);
	str org = str_split(&rest, '/');

	return rest.p != NULL && id_parse(ID_workspace, org, &p->workspace.u) && id_parse(ID_upload, rest, &p->id.u);
}

/* Signed for the place of our own URL: a proxy may give another Host, and take away a path in front. */
static enum s3_verdict
judge(struct put *p)
{
	struct exchange *x = p->x;
	struct arena *a = &x->arena;
	struct s3_place at = blobs_place(a, p->store->blobs, api_conf(p->store->api), x->url);
	str query = x->target, host = at.endpoint, base;

	str_split(&query, '?');
	host = str_cut(host, str_starts(host, S("https://")) ? 8 : 7, host.n);
	base = host;
	host = str_split(&base, '/');
	while (str_ends(base, S("/")))
		base.n--;
	struct s3_put put = {
		.path = str_fmt(a, "%s%.*s" UPLOADS_PATH "/%.*s", base.n != 0 ? "/" : "", STR(base), STR(blobs_key(a, &p->workspace, &p->id))),
		.query = query.p != NULL ? query : S(""), .host = host,
		.content_type = x->header[FH_CONTENT_TYPE].p != NULL ? x->header[FH_CONTENT_TYPE] : S(""),
	};
	return s3_judge_put(a, &at, &put, sys_wall_ms(p->store->clock));
}

static bool
check_signature(struct put *p)
{
	static const struct { int status; const char *code, *message; } rows[] = {
		[S3_MALFORMED] = { 400, "AuthorizationQueryParametersError", "This is not a presigned URL of this server, or not all of one." },
		[S3_OTHER_KEY] = { 403, "InvalidAccessKeyId", "The access key is not one of this server." },
		[S3_NOT_YET] = { 403, "AccessDenied", "Request is not yet valid" },
		[S3_EXPIRED] = { 403, "AccessDenied", "Request has expired" },
		[S3_WRONG] = { 403, "SignatureDoesNotMatch", "The path, the query or the Content-Type is not the one that was signed: send the URL as it is, and the Content-Type of the upload." },
	};
	enum s3_verdict v = judge(p);

	if (v != S3_GOOD)
		refuse(p, rows[v].status, rows[v].code, rows[v].message);
	return v == S3_GOOD;
}

static bool
check_framing(struct put *p)
{
	const struct exchange *x = p->x;

	if (x->header[FH_CONTENT_ENCODING].n != 0 && !str_ieq(x->header[FH_CONTENT_ENCODING], S("identity")))
		refuse(p, 501, "NotImplemented", "Send the bytes as they are, without a Content-Encoding.");
	else if (x->header[FH_CONTENT_LENGTH].p == NULL && x->header[FH_TRANSFER_ENCODING].p == NULL)
		refuse(p, 411, "MissingContentLength", "Send a Content-Length.");
	return x->status == 0;
}

/* --- the row --- */

static void
wake(void *ctx)
{
	front_wake(ctx);
}

static enum err
run_look(struct call *c, struct db *db, struct error *e)
{
	struct put *p = (struct put *)c;
	return upload_get(db, &p->x->arena, p->workspace, p->id, &p->upload, e);
}

static void
look_done(struct call *c, enum err code, const struct error *why)
{
	struct put *p = (struct put *)c;

	(void)why;
	p->code = code;
	front_wake(p->x);
}

static size_t take_bytes(void *ctx, struct exchange *, const char *b, size_t n);
static enum err publish(void *ctx, struct error *);

/* The row is here: the last look before the bytes. */
static void
admit(struct put *p)
{
	struct exchange *x = p->x;
	struct disk_owner owner = { wake, publish, x };
	int64_t length = 0;

	if (p->code == OK && p->upload.external)
		p->code = E_NOT_FOUND;
	if (p->code == OK && p->upload.state != UP_WAITING)
		p->code = E_CONFLICT;
	if (p->code != OK) {
		refuse_for(p, p->code);
		return;
	}
	if (x->header[FH_CONTENT_LENGTH].p != NULL && (!str_int(x->header[FH_CONTENT_LENGTH], &length) || length > p->upload.max_size)) {
		too_large(p);
		return;
	}
	p->attempt = sys_ulid(p->store->clock);
	p->file = disk_begin(p->store->blobs->disk, blobs_file(&p->workspace, &p->id).s, p->attempt.s, &owner);
	if (p->file == NULL) {
		refuse(p, 503, "SlowDown", "Too many uploads are under way. Try again.");
		return;
	}
	p->stage = AT_BYTES;
	x->body_max = (size_t)p->upload.max_size;
	x->sink = take_bytes;
}

static void
look(struct put *p)
{
	struct db *db;

	p->code = engine_reader(p->store->engine, &db, &p->err);
	if (p->code == OK && db == NULL) {
		p->call = (struct call){ .run = run_look, .done = look_done, .flags = CALL_READ };
		/* not into p->code: look_done may have written there already */
		enum err code = engine_submit(p->store->engine, &p->call, &p->err);
		if (code == OK) {
			front_park(p->x);
			return;
		}
		p->code = code;
	} else if (p->code == OK)
		p->code = run_look(&p->call, db, &p->err);
	admit(p);
}

/* --- the bytes --- */

static size_t
take_bytes(void *ctx, struct exchange *x, const char *b, size_t n)
{
	struct put *p = x->face;
	size_t took;

	(void)ctx;
	enum err code = disk_add(p->file, b, n, &took, &p->err);
	p->size += (int64_t)took;
	if (code != OK) {
		refuse_for(p, code);
		return took;
	}
	if (took < n)
		front_park(x);
	return took;
}

struct publishing { struct put *put; int64_t now; };

static enum err
write_row(void *ctx, struct db *db, struct error *e)
{
	struct publishing *w = ctx;
	const struct put *p = w->put;

	return upload_store(db, p->workspace, p->id, &p->attempt, p->size, w->now, e);
}

/* On a thread of the disk.  After a COMMIT that may stand, the second look tells. */
static enum err
publish(void *ctx, struct error *e)
{
	struct put *p = ((struct exchange *)ctx)->face;
	struct publishing w = { p, sys_wall_ms(p->store->clock) };
	enum err code = engine_wait(p->store->engine, write_row, &w, e);

	return code == E_UNCERTAIN ? engine_wait(p->store->engine, write_row, &w, e) : code;
}

/* --- what the front calls --- */

static void
on_head(void *ctx, struct exchange *x)
{
	struct store *s = ctx;
	struct put *p = NEW(&x->arena, struct put);

	api_greet(s->api, x);
	x->face = p;
	x->body_max = 0;
	p->store = s;
	p->x = x;
	if (cors_preflight_for(api_conf(s->api), x, "PUT"))
		return;
	if (!str_eq(x->method, S("PUT"))) {
		front_add(x, "Allow", "PUT");
		refuse(p, 405, "MethodNotAllowed", "Uploads are put.");
	} else if (blobs_external(api_conf(s->api)) || !read_path(p))
		refuse_for(p, E_NOT_FOUND);
	else if (check_signature(p) && check_framing(p))
		look(p);
}

static void
on_run(void *ctx, struct exchange *x)
{
	struct put *p = x->face;

	(void)ctx;
	if (x->body_over) {
		too_large(p);
		return;
	}
	p->stage = AT_END;
	front_park(x);
	disk_finish(p->file);
}

static void
on_resumed(void *ctx, struct exchange *x)
{
	struct put *p = x->face;

	(void)ctx;
	if (p->stage == AT_LOOK) {
		admit(p);
		return;
	}
	enum err code = disk_result(p->file, &p->err);
	if (code == OK)
		stored(p);
	else
		refuse_for(p, code);
}

static void
on_end(void *ctx, struct exchange *x)
{
	struct put *p = x->face;

	(void)ctx;
	if (p->file != NULL)
		disk_end(p->file);
	api_part(x);
}

/* --- what was left behind --- */

struct finding { workspace_id workspace; upload_id id; ulid attempt; bool ours; };

static enum err
find(void *ctx, struct db *db, struct error *e)
{
	struct finding *f = ctx;
	return upload_stored_by(db, f->workspace, f->id, &f->attempt, &f->ours, e);
}

static void
name_ulid(str s, ulid *ret)
{
	memcpy(ret->s, s.p, 26);
	ret->s[26] = '\0';
}

static enum err
was_published(void *ctx, str name, str attempt, bool *published, struct error *e)
{
	struct finding f = { .ours = false };
	str id = name, workspace = str_split(&id, '-');

	*published = false;
	if (!ulid_ok(workspace) || !ulid_ok(id) || !ulid_ok(attempt))
		return OK;
	name_ulid(workspace, &f.workspace.u);
	name_ulid(id, &f.id.u);
	name_ulid(attempt, &f.attempt);
	TRY(engine_read(ctx, find, &f, e));
	*published = f.ours;
	return OK;
}

enum err
store_recover(struct engine *engine, const struct blobs *b, struct error *e)
{
	return b->disk != NULL ? disk_recover(b->disk, was_published, engine, e) : OK;
}

/* --- wiring --- */

enum err
store_new(struct api *api, struct engine *engine, const struct blobs *blobs, const struct sys_clock *clock, struct store **ret, struct error *e)
{
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return fail(e, E_SYS, NULL, "no memory for the store of uploads");
	*s = (struct store){ api, engine, blobs, clock };
	*ret = s;
	return OK;
}

void store_free(struct store *s) { free(s); }

void
store_face(struct store *s, struct front_face *ret)
{
	*ret = (struct front_face){ S(UPLOADS_PATH), true, { on_head, on_run, on_resumed, on_end, s } };
}
