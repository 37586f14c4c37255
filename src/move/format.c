#include "move/format.h"
#include "sys/sys.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

enum { WINDOW_GZIP = 15 + 16, MEMORY = 9 };
#define INPUT	((size_t)64 << 10)
#define SUM_LINE	78		/* {"sha256":"64 digits"} and its newline */

static digest
chained(const digest *before, str lines)
{
	struct crypto_sha256 h;

	crypto_sha256_init(&h);
	crypto_sha256_add(&h, (str){ (const char *)before->b, sizeof(before->b) });
	crypto_sha256_add(&h, lines);
	return crypto_sha256_end(&h);
}

/* --- writing --- */

void
export_writer_init(struct export_writer *w, int fd)
{
	*w = (struct export_writer){ .fd = fd };
	arena_init(&w->a, CHUNK_MAX / 4);
}

void export_writer_free(struct export_writer *w) { arena_free(&w->a); }

struct json *
export_chunk(struct export_writer *w)
{
	arena_reset(&w->a);
	buf_init(&w->body, &w->a, CHUNK_MAX);
	jw_begin(&w->j, &w->body);
	jw_obj(&w->j);
	if (w->chunk > 0)
		jw_key_i64(&w->j, S("chunk"), w->chunk);
	return &w->j;
}

void
export_line_end(struct export_writer *w)
{
	jw_end(&w->j);
	buf_char(&w->body, '\n');
}

struct json *
export_row(struct export_writer *w)
{
	jw_begin(&w->j, &w->body);
	jw_arr(&w->j);
	return &w->j;
}

static enum err
put(struct export_writer *w, str s, struct error *e)
{
	TRY(sys_write_all(w->fd, s, "the export cannot be written", e));
	w->bytes += (int64_t)s.n;
	return OK;
}

/* One gzip member.  The fastest level: texts shrink to less than half, and the database is read as fast as they do. */
static enum err
pack(struct export_writer *w, str lines, struct error *e)
{
	char out[INPUT];
	z_stream z = { .next_in = (Bytef *)(uintptr_t)lines.p, .avail_in = (uInt)lines.n };
	enum err code = OK;
	int rc;

	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_GZIP, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return fail(e, E_SYS, NULL, "no memory to pack a chunk");
	do {
		z.next_out = (Bytef *)out;
		z.avail_out = sizeof(out);
		rc = deflate(&z, Z_FINISH);
		code = put(w, (str){ out, sizeof(out) - z.avail_out }, e);
	} while (code == OK && rc == Z_OK);
	deflateEnd(&z);
	return code;
}

enum err
export_chunk_end(struct export_writer *w, struct error *e)
{
	char hex[65];

	if (w->body.over)
		return fail(e, E_SYS, NULL, "a row is longer than an export can hold");
	w->chain = chained(&w->chain, buf_str(&w->body));
	crypto_hex(hex, w->chain.b, sizeof(w->chain.b));
	buf_fmt(&w->body, "{\"sha256\":\"%s\"}\n", hex);
	w->chunk++;
	return pack(w, buf_str(&w->body), e);
}

/* --- reading --- */

struct export_reader {
	struct export_source source;
	char in[INPUT];
	size_t at, n;			/* what of `in` is not used yet */
	int64_t used;			/* bytes of the file that are */
	char *body;			/* the lines of the chunk */
	size_t len, cap;
	json_t *head;
	digest chain;
	int64_t number;
};

struct export_reader *
export_reader_new(struct export_source s)
{
	struct export_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		abort();
	r->source = s;
	return r;
}

void
export_reader_free(struct export_reader *r)
{
	json_decref(r->head);
	free(r->body);
	free(r);
}

size_t
export_fd(void *ctx, char *to, size_t n)
{
	ssize_t got;

	do
		got = read(*(int *)ctx, to, n);
	while (got < 0 && errno == EINTR);
	return got > 0 ? (size_t)got : 0;
}

static bool
refill(struct export_reader *r)
{
	if (r->at == r->n) {
		r->n = r->source.read(r->source.ctx, r->in, sizeof(r->in));
		r->at = 0;
	}
	return r->at < r->n;
}

/* Room for more of the chunk; false beyond what one may have. */
static bool
widen(struct export_reader *r)
{
	size_t cap = r->cap == 0 ? 2 * CHUNK_FULL : MIN(r->cap * 2, CHUNK_MAX);

	if (r->cap >= CHUNK_MAX)
		return false;
	char *p = realloc(r->body, cap);
	if (p == NULL)
		return false;
	r->body = p;
	r->cap = cap;
	return true;
}

enum member { MEMBER_WHOLE, MEMBER_TORN, MEMBER_BAD, MEMBER_LARGE };

static enum member
unpack_into(struct export_reader *r, z_stream *z)
{
	int rc = Z_OK;

	r->len = 0;
	while (rc == Z_OK || rc == Z_BUF_ERROR) {
		if (!refill(r))
			return MEMBER_TORN;
		if (r->len == r->cap && !widen(r))
			return MEMBER_LARGE;
		size_t had = r->n - r->at;
		z->next_in = (Bytef *)r->in + r->at;
		z->avail_in = (uInt)had;
		z->next_out = (Bytef *)r->body + r->len;
		z->avail_out = (uInt)(r->cap - r->len);
		rc = inflate(z, Z_NO_FLUSH);
		r->at += had - z->avail_in;
		r->used += (int64_t)(had - z->avail_in);
		r->len = r->cap - z->avail_out;
	}
	return rc == Z_STREAM_END ? MEMBER_WHOLE : MEMBER_BAD;
}

static enum member
unpack(struct export_reader *r)
{
	z_stream z = { 0 };

	if (inflateInit2(&z, WINDOW_GZIP) != Z_OK)
		return MEMBER_LARGE;
	enum member m = unpack_into(r, &z);
	inflateEnd(&z);
	return m;
}

static enum err
broken(struct export_reader *r, struct error *e, const char *what)
{
	return fail(e, E_SYS, NULL, "this is no export of scriped, or one that was changed: chunk %lld %s", (long long)r->number, what);
}

/* The lines without the last one, if that is the sum of them and of all before. */
static bool
sums_up(struct export_reader *r, str *ret)
{
	char hex[65], line[SUM_LINE];
	str all = { r->body, r->len };

	if (all.n <= SUM_LINE || all.p[all.n - SUM_LINE - 1] != '\n')
		return false;
	str lines = str_cut(all, 0, all.n - SUM_LINE), sum = str_cut(all, lines.n, all.n);
	digest d = chained(&r->chain, lines);
	crypto_hex(hex, d.b, sizeof(d.b));
	memcpy(line, "{\"sha256\":\"", 11);
	memcpy(line + 11, hex, 64);
	memcpy(line + 75, "\"}\n", 3);
	if (!str_eq(sum, (str){ line, SUM_LINE }))
		return false;
	r->chain = d;
	*ret = lines;
	return true;
}

static enum err
read_line(int64_t chunk, str line, json_t **ret, struct error *e)
{
	struct error why;

	if ((*ret = json_quick(line)) != NULL || json_read(line, ret, &why) == OK)
		return OK;
	*ret = NULL;
	return fail(e, E_SYS, NULL, "chunk %lld of the export holds a line that is no JSON: %.120s", (long long)chunk, why.detail);
}

/* The first line says what the chunk is, and its number is the next one. */
static enum err
take_head(struct export_reader *r, str *lines, struct error *e)
{
	str line = str_split(lines, '\n');

	json_decref(r->head);
	r->head = NULL;
	TRY(read_line(r->number, line, &r->head, e));
	if (!json_is_object(r->head))
		return broken(r, e, "does not say what it is");
	json_t *number = json_object_get(r->head, "chunk");
	if (r->number == 0 ? number != NULL || strcmp(export_text(r->head, "scriped"), "export") != 0 : json_integer_value(number) != r->number)
		return broken(r, e, r->number == 0 ? "does not begin as one" : "has another number: some are missing or moved");
	return OK;
}

enum err
export_next(struct export_reader *r, struct export_chunk *ret, bool *found, bool *torn, struct error *e)
{
	str lines;

	*found = *torn = false;
	if (!refill(r))
		return OK;
	switch (unpack(r)) {
	case MEMBER_TORN:
		*torn = true;
		return OK;
	case MEMBER_BAD:
		return broken(r, e, "cannot be unpacked");
	case MEMBER_LARGE:
		return broken(r, e, "is larger than any there is");
	case MEMBER_WHOLE:
		break;
	}
	if (!sums_up(r, &lines))
		return broken(r, e, "does not have the sum that it says");
	TRY(take_head(r, &lines, e));
	*ret = (struct export_chunk){ r->number++, r->head, lines.p != NULL ? lines : S(""), r->used, r->chain };
	*found = true;
	return OK;
}

enum err
export_next_row(struct export_chunk *c, json_t **ret, struct error *e)
{
	*ret = NULL;
	if (c->rows.n == 0)
		return OK;
	str line = str_split(&c->rows, '\n');
	if (c->rows.p == NULL)
		c->rows = S("");
	TRY(read_line(c->number, line, ret, e));
	if (json_is_array(*ret))
		return OK;
	json_decref(*ret);
	*ret = NULL;
	return fail(e, E_SYS, NULL, "chunk %lld holds something that is no row", (long long)c->number);
}

const char *
export_text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));
	return s != NULL ? s : "";
}
