#include "extract/zip.h"
#include <zlib.h>

#define MEMBER_MAX	((uint64_t)96 << 20)
#define ALL_MAX		((uint64_t)512 << 20)
#define MEMBERS_MAX	20000
#define END_LEN		22	/* of the record at the end of the archive */
#define ROW_LEN		46	/* of a row of its directory, without the name */
#define HEAD_LEN	30	/* of what stands before a member */

static uint32_t get16(str s, uint64_t at) { return (uint32_t)(uint8_t)s.p[at] | (uint32_t)(uint8_t)s.p[at + 1] << 8; }
static uint32_t get32(str s, uint64_t at) { return get16(s, at) | get16(s, at + 2) << 16; }
static bool fits(str s, uint64_t at, uint64_t n) { return at <= s.n && n <= s.n - at; }

/* The record at the end, before a comment of up to 64 KB. */
static bool
find_end(str s, uint64_t *ret)
{
	for (uint64_t back = END_LEN; back <= s.n && back <= END_LEN + 65535; back++)
		if (memcmp(s.p + s.n - back, "PK\5\6", 4) == 0) {
			*ret = s.n - back;
			return true;
		}
	return false;
}

enum zip_fault
zip_open(struct zip *z, struct arena *a, str s)
{
	uint64_t end, at;

	*z = (struct zip){ .bytes = s, .a = a };
	if (!find_end(s, &end))
		return ZIP_CUT;
	size_t n = get16(s, end + 10);
	at = get32(s, end + 16);
	if (n > MEMBERS_MAX)
		return ZIP_BOMB;
	z->member = NEW_N(a, struct zip_member, n + 1);
	for (; z->n < n; z->n++) {
		if (!fits(s, at, ROW_LEN) || memcmp(s.p + at, "PK\1\2", 4) != 0)
			return ZIP_BROKEN;
		size_t name = get16(s, at + 28), more = get16(s, at + 30) + get16(s, at + 32);
		if (!fits(s, at + ROW_LEN, name + more))
			return ZIP_BROKEN;
		z->member[z->n] = (struct zip_member){ .name = { s.p + at + ROW_LEN, name }, .at = get32(s, at + 42), .packed = get32(s, at + 20),
		    .size = get32(s, at + 24), .method = (uint16_t)get16(s, at + 10), .flags = (uint16_t)get16(s, at + 8) };
		at += ROW_LEN + name + more;
	}
	return ZIP_OK;
}

const struct zip_member *
zip_find(const struct zip *z, str name)
{
	for (size_t i = 0; i < z->n; i++)
		if (str_ieq(z->member[i].name, name))
			return &z->member[i];
	return NULL;
}

bool
zip_has(const struct zip *z, str prefix)
{
	for (size_t i = 0; i < z->n; i++)
		if (str_starts(z->member[i].name, prefix))
			return true;
	return false;
}

/* Only what comes out counts; what the directory says of the size is not believed. */
static enum zip_fault
inflate_all(struct zip *z, str packed, str *ret)
{
	size_t cap = MIN(MAX(packed.n * 4, (size_t)65536), (size_t)MEMBER_MAX), n = 0;
	char *p = arena_raw(z->a, cap);
	union { const char *in; Bytef *inout; } from = { .in = packed.p };
	z_stream s = { .next_in = from.inout, .avail_in = (uInt)packed.n };
	int r = inflateInit2(&s, -MAX_WBITS);

	while (r == Z_OK) {
		if (n == cap) {
			size_t more = MIN(cap * 2, (size_t)MEMBER_MAX);
			if (more == cap)
				break;
			p = arena_grow(z->a, p, cap, more);
			cap = more;
		}
		s.next_out = (Bytef *)p + n;
		s.avail_out = (uInt)(cap - n);
		r = inflate(&s, Z_NO_FLUSH);
		n = cap - s.avail_out;
	}
	inflateEnd(&s);
	*ret = (str){ p, n };
	return r == Z_STREAM_END ? ZIP_OK : r == Z_OK ? ZIP_BOMB : ZIP_BROKEN;
}

enum zip_fault
zip_unpack(struct zip *z, const struct zip_member *m, str *ret)
{
	str s = z->bytes;
	enum zip_fault fault = ZIP_OK;

	if (m == NULL)
		return ZIP_ABSENT;
	if ((m->flags & 1) != 0)
		return ZIP_LOCKED;
	if (!fits(s, m->at, HEAD_LEN) || memcmp(s.p + m->at, "PK\3\4", 4) != 0)
		return ZIP_BROKEN;
	uint64_t from = m->at + HEAD_LEN + get16(s, m->at + 26) + get16(s, m->at + 28);
	if (!fits(s, from, m->packed))
		return ZIP_BROKEN;
	str packed = { s.p + from, m->packed };
	if (m->method == 0)
		*ret = packed;
	else if (m->method == 8)
		fault = inflate_all(z, packed, ret);
	else
		fault = ZIP_BROKEN;
	z->unpacked += fault == ZIP_OK ? ret->n : 0;
	return z->unpacked > ALL_MAX ? ZIP_BOMB : fault;
}
