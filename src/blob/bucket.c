#include "blob/bucket.h"
#include "dial/dial.h"
#include <stdio.h>
#include <unistd.h>

#define CONNECT_MS	10000
#define SILENCE_MS	60000		/* a service may copy 500 MB before it says a word */
#define TOTAL_MS	900000
#define ANSWER_MAX	65536		/* bytes of XML */
#define SAID_MAX	120

struct ask { const char *method; str key, source; size_t max; bool (*piece)(void *, str); void *ctx; };

/* --- what the service said --- */

/* Printable ASCII, and not much of it. */
static str
said(struct arena *a, str s)
{
	char *p = arena_raw(a, SAID_MAX + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n && n < SAID_MAX; i++)
		p[n++] = s.p[i] >= 0x20 && s.p[i] < 0x7F ? s.p[i] : ' ';
	return (str){ p, n };
}

static enum bucket_end
judge(struct bucket_client *b, const struct ask *ask, const struct dial_result *r)
{
	str code = said(b->a, s3_element(r->body, "Code", NULL)), message = said(b->a, s3_element(r->body, "Message", NULL));

	if (r->fault == DIAL_STOPPED)
		return BUCKET_STOPPED;
	if (r->fault == DIAL_TOO_LARGE)
		return BUCKET_TOO_LARGE;
	if (r->fault != DIAL_OK) {
		snprintf(b->why, sizeof(b->why), "%s of an object: %s", ask->method, r->why);
		return BUCKET_BROKEN;
	}
	if (r->status == 404 && !str_eq(code, S("NoSuchBucket")))
		return BUCKET_MISSING;
	/* a copy that fails after it began is an error inside a 200 */
	if (r->status < 300 && (ask->source.p == NULL || code.n == 0))
		return BUCKET_OK;
	snprintf(b->why, sizeof(b->why), "%s of an object was answered %d %.*s %.*s", ask->method, r->status, STR(code), STR(message));
	return r->status < 300 || r->status >= 500 || r->status == 408 || r->status == 429 ? BUCKET_BROKEN : BUCKET_REFUSED;
}

static enum bucket_end
request(struct bucket_client *b, const struct ask *ask, int64_t *ret_length)
{
	struct s3_place at = blobs_place(b->a, NULL, b->conf, NULL);
	struct dial_result r;
	struct s3_signed s;

	s3_sign(b->a, &at, ask->method, ask->key, ask->source, sys_wall_ms(b->clock), &s);
	dial(b->a, b->clock, &(struct dial_request){ .method = ask->method, .url = s.url, .headers = s.header,
	    .connect_ms = CONNECT_MS, .silence_ms = SILENCE_MS, .total_ms = TOTAL_MS, .max = ask->max,
	    .piece = ask->piece, .alive = b->alive, .ctx = ask->piece != NULL ? ask->ctx : b->ctx }, &r);
	if (ret_length != NULL)
		*ret_length = r.length;
	return judge(b, ask, &r);
}

static str kept(struct arena *a, str key) { return str_fmt(a, "kept/%.*s", STR(key)); }

/* --- measure and copy --- */

static enum bucket_end
measure(struct bucket_client *b, str key, int64_t max)
{
	int64_t length = -1;
	enum bucket_end end = request(b, &(struct ask){ .method = "HEAD", .key = key, .max = ANSWER_MAX }, &length);

	/* the answer to HEAD has no body: the reason is in that to GET */
	if (end == BUCKET_REFUSED)
		end = request(b, &(struct ask){ .method = "GET", .key = key, .max = ANSWER_MAX }, NULL);
	return end == BUCKET_OK && length > max ? BUCKET_TOO_LARGE : end;
}

enum bucket_end
bucket_keep(struct bucket_client *b, str key, int64_t max)
{
	str copy = kept(b->a, key);
	enum bucket_end end = measure(b, copy, max);

	if (end != BUCKET_MISSING)
		return end;		/* kept before, by a start that was killed */
	if ((end = measure(b, key, max)) != BUCKET_OK)
		return end;
	if ((end = request(b, &(struct ask){ .method = "PUT", .key = copy, .source = key, .max = ANSWER_MAX }, NULL)) != BUCKET_OK)
		return end;
	/* what was copied may be another one than what was measured */
	end = measure(b, copy, max);
	if (end == BUCKET_TOO_LARGE)
		(void)request(b, &(struct ask){ .method = "DELETE", .key = copy, .max = ANSWER_MAX }, NULL);
	if (end != BUCKET_OK)
		return end;
	end = request(b, &(struct ask){ .method = "DELETE", .key = key, .max = ANSWER_MAX }, NULL);
	return end == BUCKET_MISSING ? BUCKET_OK : end;
}

/* --- read --- */

struct filling { struct bucket_client *b; int fd; bool full; };

static bool
fill(void *ctx, str piece)
{
	struct filling *f = ctx;
	struct error e;

	if (sys_write_all(f->fd, piece, "a file in the data folder cannot be written", &e) == OK)
		return true;
	snprintf(f->b->why, sizeof(f->b->why), "%s", e.detail);
	f->full = true;
	return false;
}

static bool
still_filling(void *ctx)
{
	struct filling *f = ctx;
	return f->b->alive == NULL || f->b->alive(f->b->ctx);
}

enum bucket_end
bucket_read(struct bucket_client *b, str key, int fd, int64_t max)
{
	struct filling f = { .b = b, .fd = fd };
	struct bucket_client inner = *b;

	inner.alive = still_filling;
	enum bucket_end end = request(&inner, &(struct ask){ .method = "GET", .key = kept(b->a, key), .max = (size_t)max, .piece = fill, .ctx = &f }, NULL);
	if (f.full)
		return BUCKET_FULL;
	memcpy(b->why, inner.why, sizeof(b->why));
	return end;
}

/* --- remove, check --- */

enum bucket_end
bucket_remove(struct bucket_client *b, str key)
{
	enum bucket_end end = request(b, &(struct ask){ .method = "DELETE", .key = kept(b->a, key), .max = ANSWER_MAX }, NULL);

	if (end == BUCKET_OK || end == BUCKET_MISSING)
		end = request(b, &(struct ask){ .method = "DELETE", .key = key, .max = ANSWER_MAX }, NULL);
	return end == BUCKET_MISSING ? BUCKET_OK : end;
}

enum bucket_end
bucket_check(struct bucket_client *b)
{
	enum bucket_end end = request(b, &(struct ask){ .method = "GET", .key = S("kept/nothing"), .max = ANSWER_MAX }, NULL);

	return end == BUCKET_MISSING ? BUCKET_OK : end;
}
