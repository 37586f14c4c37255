#include "move/tar.h"
#include "sys/sys.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE		((size_t)256 << 10)
#define OCTAL_MAX	INT64_C(0x1ffffffff)	/* 8 GB less one byte: 11 digits */

/* As the format has it; numbers are octal digits. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is a block");

/* --- writing --- */

void
tar_writer_init(struct tar_writer *w, int fd)
{
	*w = (struct tar_writer){ .fd = fd };
	crypto_sha256_init(&w->sum);
}

static enum err
put(struct tar_writer *w, str s, struct error *e)
{
	crypto_sha256_add(&w->sum, s);
	TRY(sys_write_all(w->fd, s, "the archive cannot be written", e));
	w->bytes += (int64_t)s.n;
	return OK;
}

/* The digits without a NUL where the field is full of them. */
static void
octal(char *to, size_t n, int64_t v)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%0*llo", (int)n - 1, (long long)v);
	memcpy(to, digits, n - 1);
}

static void
write_size(char to[12], int64_t v)
{
	if (v <= OCTAL_MAX) {
		octal(to, 12, v);
		return;
	}
	for (int i = 11; i > 0; i--, v >>= 8)
		to[i] = (char)v;
	to[0] = (char)0x80;
}

static unsigned
sum_of(const struct header *h)
{
	struct header blank = *h;
	unsigned n = 0;

	memset(blank.sum, ' ', sizeof(blank.sum));
	for (size_t i = 0; i < TAR_BLOCK; i++)
		n += ((const unsigned char *)&blank)[i];
	return n;
}

static enum err
put_header(struct tar_writer *w, const char *name, int64_t size, int64_t mtime, struct error *e)
{
	struct header h = { .type = '0', .magic = "ustar", .version = { '0', '0' } };

	snprintf(h.name, sizeof(h.name), "%s", name);
	octal(h.mode, sizeof(h.mode), 0600);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	write_size(h.size, size);
	octal(h.mtime, sizeof(h.mtime), mtime / 1000);
	octal(h.sum, sizeof(h.sum) - 1, sum_of(&h));
	h.sum[7] = ' ';
	return put(w, (str){ (const char *)&h, TAR_BLOCK }, e);
}

static enum err
put_pad(struct tar_writer *w, int64_t size, struct error *e)
{
	static const char zeros[TAR_BLOCK];
	return put(w, (str){ zeros, (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK) }, e);
}

enum err
tar_add_text(struct tar_writer *w, const char *name, str text, int64_t mtime, struct error *e)
{
	TRY(put_header(w, name, (int64_t)text.n, mtime, e));
	TRY(put(w, text, e));
	return put_pad(w, (int64_t)text.n, e);
}

/* What is copied is read once and not wanted again: it must not push out of memory what the server reads. */
enum err
tar_add_file(struct tar_writer *w, const char *name, int fd, int64_t mtime, bool (*alive)(void *), void *ctx, digest *ret, struct error *e)
{
	static const int64_t forget = INT64_C(16) << 20;
	struct crypto_sha256 sum;
	char piece[PIECE];
	struct stat st;
	int64_t at = 0;

	if (fstat(fd, &st) != 0)
		return fail(e, E_SYS, NULL, "%s: %m", name);
	crypto_sha256_init(&sum);
	TRY(put_header(w, name, (int64_t)st.st_size, mtime, e));
	while (at < (int64_t)st.st_size) {
		ssize_t n = pread(fd, piece, MIN(PIECE, (size_t)((int64_t)st.st_size - at)), at);
		if (n <= 0)
			return fail(e, E_SYS, NULL, "%s cannot be read: %m", name);
		if (alive != NULL && !alive(ctx))
			return fail(e, E_SYS, NULL, "stopped");
		str read = { piece, (size_t)n };
		crypto_sha256_add(&sum, read);
		TRY(put(w, read, e));
		at += n;
		if (at % forget < (int64_t)PIECE) {
			(void)fdatasync(w->fd);
			posix_fadvise(fd, 0, at, POSIX_FADV_DONTNEED);
			posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
		}
	}
	if (ret != NULL)
		*ret = crypto_sha256_end(&sum);
	return put_pad(w, (int64_t)st.st_size, e);
}

digest
tar_sum(const struct tar_writer *w)
{
	struct crypto_sha256 so_far = w->sum;
	return crypto_sha256_end(&so_far);
}

enum err
tar_end(struct tar_writer *w, struct error *e)
{
	static const char zeros[2 * TAR_BLOCK];
	return put(w, (str){ zeros, sizeof(zeros) }, e);
}

/* --- reading --- */

void
tar_reader_init(struct tar_reader *r, size_t (*read)(void *ctx, char *to, size_t n), void *ctx)
{
	*r = (struct tar_reader){ .read = read, .ctx = ctx };
	crypto_sha256_init(&r->sum);
}

static bool
get(struct tar_reader *r, char *to, size_t n)
{
	size_t had = 0;

	while (had < n) {
		size_t got = r->read(r->ctx, to + had, n - had);
		if (got == 0)
			return false;
		had += got;
	}
	crypto_sha256_add(&r->sum, (str){ to, n });
	return true;
}

static bool
pass(struct tar_reader *r, int64_t n)
{
	char piece[TAR_BLOCK];

	for (; n > 0; n -= TAR_BLOCK)
		if (!get(r, piece, (size_t)MIN(n, TAR_BLOCK)))
			return false;
	return true;
}

/* Octal digits, blanks around them; false for anything else. */
static bool
read_octal(const char *p, size_t n, int64_t *ret)
{
	int64_t v = 0;
	size_t i = 0;

	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		v = v * 8 + (p[i] - '0');
	while (i < n && (p[i] == ' ' || p[i] == '\0'))
		i++;
	*ret = v;
	return i == n;
}

static bool
read_size(const char p[12], int64_t *ret)
{
	uint64_t v = 0;

	if (p[0] != (char)0x80)
		return read_octal(p, 12, ret);
	for (int i = 4; i < 12; i++)
		v = v << 8 | (uint8_t)p[i];
	*ret = (int64_t)v;
	return p[1] == 0 && p[2] == 0 && p[3] == 0 && v <= (uint64_t)INT64_MAX / 2;
}

static bool
is_end(const struct header *h)
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (((const char *)h)[i] != '\0')
			return false;
	return true;
}

enum err
tar_next(struct tar_reader *r, struct tar_member *ret, bool *found, struct error *e)
{
	struct header h;
	int64_t sum;

	*found = false;
	if (!pass(r, r->left) || !pass(r, r->pad))
		return fail(e, E_SYS, NULL, "the archive ends in the middle of a file: it is not whole");
	struct crypto_sha256 so_far = r->sum;
	r->before = crypto_sha256_end(&so_far);
	r->left = r->pad = 0;
	if (!get(r, (char *)&h, TAR_BLOCK))
		return fail(e, E_SYS, NULL, "the archive has no end: it is not whole");
	if (is_end(&h))
		return OK;
	if (memcmp(h.magic, "ustar", 5) != 0 || !read_octal(h.sum, sizeof(h.sum), &sum) || sum != (int64_t)sum_of(&h)
	    || !read_size(h.size, &ret->size) || (h.type != '0' && h.type != '\0') || h.prefix[0] != '\0')
		return fail(e, E_SYS, NULL, "this is no backup of scriped, or one that was changed");
	memcpy(ret->name, h.name, TAR_NAME);
	ret->name[TAR_NAME] = '\0';
	r->left = ret->size;
	r->pad = (TAR_BLOCK - ret->size % TAR_BLOCK) % TAR_BLOCK;
	*found = true;
	return OK;
}

enum err
tar_read(struct tar_reader *r, char *to, size_t cap, size_t *n, struct error *e)
{
	*n = (size_t)MIN((int64_t)cap, r->left);
	if (!get(r, to, *n))
		return fail(e, E_SYS, NULL, "the archive ends in the middle of a file: it is not whole");
	r->left -= (int64_t)*n;
	return OK;
}

digest tar_sum_before(const struct tar_reader *r) { return r->before; }
