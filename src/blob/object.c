#include "blob/object.h"
#include "dial/dial.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_MS	10000
#define SILENCE_MS	60000
#define TOTAL_MS	INT64_C(3600000)
#define ANSWER_MAX	((size_t)2 << 20)	/* a page of a list: 1,000 keys of 1 KB */
#define TRIES		4
#define PAUSE_US	500000			/* before the second one; twice that before each further one */
#define PARTS_MAX	10000			/* of the protocol */
#define TAG_MAX		80

/* --- the URI --- */

bool object_is_uri(str s) { return str_starts(s, S("s3://")); }

static str
decoded(struct arena *a, str v)
{
	struct buf b;
	uint8_t c;

	buf_init(&b, a, v.n + 1);
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '%' && crypto_unhex(str_cut(v, i + 1, i + 3), &c, 1)) {
			buf_char(&b, (char)c);
			i += 2;
		} else {
			buf_char(&b, v.p[i]);
		}
	}
	return buf_str(&b);
}

static enum err
take_parameter(struct arena *a, struct object_place *p, str pair, struct error *e)
{
	str value = pair, name = str_split(&value, '=');

	value = decoded(a, value);
	if (str_eq(name, S("endpoint")) && (str_starts(value, S("http://")) || str_starts(value, S("https://"))))
		p->at.endpoint = value;
	else if (str_eq(name, S("region")) && value.n > 0)
		p->at.region = value;
	else if (str_eq(name, S("path_style")))
		p->at.path_style = str_eq(value, S("true"));
	else
		return fail(e, E_USAGE, NULL, "s3://BUCKET/KEY takes ?endpoint=URL, &region=NAME and &path_style=true, and not '%.60s'", str_dup(a, pair).p);
	return OK;
}

static str given(const char *s) { return s[0] != '\0' ? str_z(s) : STR_NONE; }

enum err
object_place(struct arena *a, const struct conf *c, str uri, struct object_place *ret, struct error *e)
{
	struct object_place p = { .clock = &sys_clock_real };
	str rest = str_cut(uri, 5, uri.n), path = str_split(&rest, '?');

	p.at = (struct s3_place){ given(c->blob_endpoint), str_z(c->blob_region), str_split(&path, '/'), c->blob_path_style,
		str_z(c->blob_key_id), str_z(c->blob_key_secret), given(c->blob_token) };
	p.key = path;
	if (!object_is_uri(uri) || p.at.bucket.n == 0 || p.key.n == 0)
		return fail(e, E_USAGE, NULL, "a place in a bucket is s3://BUCKET/KEY");
	while (rest.n > 0)
		TRY(take_parameter(a, &p, str_split(&rest, '&'), e));
	if (p.at.key_id.n == 0 || p.at.key_secret.n == 0)
		return fail(e, E_USAGE, NULL, "the bucket %.*s needs an access key: set blob_key_id and blob_key_secret", STR(p.at.bucket));
	*ret = p;
	return OK;
}

/* --- one request, tried again --- */

struct asking {
	const char *method;
	str key, query, body;
	const struct dial_part *part;
	bool (*piece)(void *ctx, str);
	void *ctx;			/* of piece */
	bool (*again)(void *ctx);	/* before another try: forget what came; may be NULL */
	char tag[TAG_MAX];		/* ETag of the answer */
};
struct trying { const struct object_place *p; struct asking *ask; };

static bool
still(void *ctx)
{
	const struct object_place *p = ((struct trying *)ctx)->p;
	return p->alive == NULL || p->alive(p->ctx);
}

static void
take_head(void *ctx, str line)
{
	struct asking *ask = ((struct trying *)ctx)->ask;
	str value = line, name = str_split(&value, ':');

	if (str_ieq(name, S("etag")))
		snprintf(ask->tag, sizeof(ask->tag), "%.*s", STR(str_trim(value)));
}

static bool
take_piece(void *ctx, str piece)
{
	struct asking *ask = ((struct trying *)ctx)->ask;
	return ask->piece(ask->ctx, piece);
}

static enum err
judge(const struct object_place *p, const struct asking *ask, const struct dial_result *r, bool *again, struct error *e)
{
	str code = s3_element(r->body, "Code", NULL), message = s3_element(r->body, "Message", NULL);

	*again = false;
	if (r->fault == DIAL_STOPPED)
		return fail(e, E_SYS, NULL, "stopped");
	if (r->fault != DIAL_OK) {
		*again = true;
		return fail(e, E_SYS, NULL, "%s of %.*s in the bucket %.*s: %s", ask->method, (int)MIN(ask->key.n, 80), ask->key.p, STR(p->at.bucket), r->why);
	}
	/* what joins parts says that it failed inside a 200 */
	if (r->status < 300 && code.n == 0)
		return OK;
	if (r->status == 404 && !str_eq(code, S("NoSuchBucket")))
		return fail(e, E_NOT_FOUND, NULL, "there is no %.*s in the bucket %.*s", (int)MIN(ask->key.n, 120), ask->key.p, STR(p->at.bucket));
	*again = r->status < 300 || r->status >= 500 || r->status == 408 || r->status == 429;
	return fail(e, E_SYS, NULL, "%s of %.*s in the bucket %.*s was answered %d %.*s %.*s", ask->method, (int)MIN(ask->key.n, 60), ask->key.p, STR(p->at.bucket),
	    r->status, (int)MIN(code.n, 40), code.p, (int)MIN(message.n, 60), message.p);
}

static enum err
request_once(struct arena *a, const struct object_place *p, struct asking *ask, str *body, bool *again, struct error *e)
{
	struct trying t = { p, ask };
	struct s3_asked asked = { .method = ask->method, .key = ask->key, .query = ask->query, .body = ask->part != NULL || ask->body.n > 0 };
	struct s3_signed s;
	struct dial_result r;

	s3_sign_asked(a, &p->at, &asked, sys_wall_ms(p->clock), &s);
	dial(a, p->clock, &(struct dial_request){ .method = ask->method, .url = s.url, .headers = s.header, .body = ask->body,
	    .part = ask->part, .parts = ask->part != NULL, .connect_ms = CONNECT_MS, .silence_ms = SILENCE_MS, .total_ms = TOTAL_MS,
	    .max = ask->piece != NULL ? SIZE_MAX / 2 : ANSWER_MAX, .piece = ask->piece != NULL ? take_piece : NULL, .head = take_head, .alive = still, .ctx = &t }, &r);
	*body = r.body;
	return judge(p, ask, &r, again, e);
}

/* The body of the answer into the arena, unless it went to `piece`. */
static enum err
request(struct arena *a, const struct object_place *p, struct asking *ask, str *body, struct error *e)
{
	bool again = true;
	enum err code = OK;

	for (int i = 0; i < TRIES && again; i++) {
		if (i > 0)
			usleep(PAUSE_US << (i - 1));
		if (i > 0 && ask->again != NULL && !ask->again(ask->ctx))
			break;
		code = request_once(a, p, ask, body, &again, e);
	}
	return code;
}

/* --- up --- */

/* What a service keeps it gives an ETag.  A proxy that answers in its place does not. */
static enum err
is_kept(const struct object_place *p, bool tag, struct error *e)
{
	return tag ? OK : fail(e, E_SYS, NULL, "what answers for the bucket %.*s does not say that it keeps anything (no ETag): is its endpoint an S3 service?", STR(p->at.bucket));
}

static enum err
put_part(struct arena *a, const struct object_place *p, int fd, int64_t from, int64_t bytes, str query, char tag[TAG_MAX], struct error *e)
{
	struct dial_part part = { .fd = fd, .from = from, .bytes = bytes };
	struct asking ask = { .method = "PUT", .key = p->key, .query = query, .part = bytes > 0 ? &part : NULL };
	struct arena_mark mark = arena_mark(a);
	str body;

	TRY(request(a, p, &ask, &body, e));
	TRY(is_kept(p, ask.tag[0] != '\0', e));
	arena_back(a, mark);
	if (tag != NULL)
		memcpy(tag, ask.tag, TAG_MAX);
	return OK;
}

static enum err
put_parts(struct arena *a, const struct object_place *p, int fd, int64_t size, str upload, struct error *e)
{
	int64_t each = MAX(OBJECT_PART, (size / (PARTS_MAX - 1) / 4096 + 1) * 4096);
	char tag[TAG_MAX];
	struct buf list;
	str body;
	int n = 0;

	buf_init(&list, a, (size_t)4 << 20);
	buf_add(&list, S("<CompleteMultipartUpload>"));
	for (int64_t from = 0; from < size; from += each) {
		str query = str_fmt(a, "partNumber=%d&uploadId=%.*s", ++n, STR(upload));
		TRY(put_part(a, p, fd, from, MIN(each, size - from), query, tag, e));
		buf_fmt(&list, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", n, tag);
	}
	buf_add(&list, S("</CompleteMultipartUpload>"));
	struct asking ask = { .method = "POST", .key = p->key, .query = str_fmt(a, "uploadId=%.*s", STR(upload)), .body = buf_str(&list) };
	TRY(request(a, p, &ask, &body, e));
	return is_kept(p, s3_element(body, "ETag", NULL).n > 0, e);
}

static enum err
put_large(struct arena *a, const struct object_place *p, int fd, int64_t size, struct error *e)
{
	struct asking begin = { .method = "POST", .key = p->key, .query = S("uploads=") };
	struct error later;
	str body;

	TRY(request(a, p, &begin, &body, e));
	str upload = s3_encode(a, s3_element(body, "UploadId", NULL), false);
	if (upload.n == 0)
		return fail(e, E_SYS, NULL, "the service of the bucket %.*s gave no name to an upload in parts", STR(p->at.bucket));
	enum err code = put_parts(a, p, fd, size, upload, e);
	if (code != OK) {
		struct asking drop = { .method = "DELETE", .key = p->key, .query = str_fmt(a, "uploadId=%.*s", STR(upload)) };
		(void)request(a, p, &drop, &body, &later);
	}
	return code;
}

enum err
object_put(const struct object_place *p, int fd, struct error *e)
{
	struct arena a;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail(e, E_SYS, NULL, "what goes to the bucket cannot be read: %s", strerror(errno));
	arena_init(&a, (size_t)8 << 20);
	enum err code = (int64_t)st.st_size > OBJECT_PART ? put_large(&a, p, fd, (int64_t)st.st_size, e)
	    : put_part(&a, p, fd, 0, (int64_t)st.st_size, STR_NONE, NULL, e);
	arena_free(&a);
	return code;
}

/* --- down --- */

struct filling { int fd; off_t from; enum err code; struct error e; };

static bool
fill(void *ctx, str piece)
{
	struct filling *f = ctx;

	f->code = sys_write_all(f->fd, piece, "what comes from the bucket cannot be written", &f->e);
	return f->code == OK;
}

static bool
begin_again(void *ctx)
{
	struct filling *f = ctx;
	return f->code == OK && ftruncate(f->fd, f->from) == 0 && lseek(f->fd, f->from, SEEK_SET) == f->from;
}

enum err
object_get(const struct object_place *p, int fd, struct error *e)
{
	struct filling f = { .fd = fd, .from = lseek(fd, 0, SEEK_CUR) };
	struct asking ask = { .method = "GET", .key = p->key, .piece = fill, .ctx = &f, .again = begin_again };
	struct arena a;
	str body;

	arena_init(&a, (size_t)8 << 20);
	enum err code = request(&a, p, &ask, &body, e);
	arena_free(&a);
	if (f.code != OK)
		*e = f.e;
	return f.code != OK ? f.code : code;
}

/* --- list, remove --- */

enum err
object_remove(const struct object_place *p, str key, struct error *e)
{
	struct asking ask = { .method = "DELETE", .key = key };
	struct arena a;
	str body;

	arena_init(&a, (size_t)1 << 20);
	enum err code = request(&a, p, &ask, &body, e);
	arena_free(&a);
	return code == E_NOT_FOUND ? OK : code;
}

static enum err
list_page(struct arena *a, const struct object_place *p, void (*each)(void *ctx, str key), void *ctx, str *token, struct error *e)
{
	str after = token->n > 0 ? str_fmt(a, "continuation-token=%.*s&", STR(s3_encode(a, *token, false))) : S(""), body, rest;
	struct asking ask = { .method = "GET", .key = S(""), .query = str_fmt(a, "%.*slist-type=2&prefix=%.*s", STR(after), STR(s3_encode(a, p->key, false))) };

	TRY(request(a, p, &ask, &body, e));
	*token = s3_element(body, "NextContinuationToken", NULL);
	rest = body;
	for (str key; (key = s3_element(rest, "Key", &rest)).n > 0; )
		each(ctx, key);
	return OK;
}

enum err
object_list(const struct object_place *p, void (*each)(void *ctx, str key), void *ctx, struct error *e)
{
	enum { PAGES_MAX = 1000 };
	struct arena a;
	str token = S("");
	char held[1200];
	enum err code = OK;

	arena_init(&a, (size_t)8 << 20);
	for (int i = 0; i < PAGES_MAX && code == OK && (i == 0 || token.n > 0); i++) {
		snprintf(held, sizeof(held), "%.*s", STR(token));
		token = str_z(held);
		arena_reset(&a);
		code = list_page(&a, p, each, ctx, &token, e);
	}
	arena_free(&a);
	return code;
}
