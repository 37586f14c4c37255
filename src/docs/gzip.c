#include "crypto/crypto.h"
#include "docs/pack.h"
#include <zlib.h>

enum { WINDOW_GZIP = 15 + 16, MEMORY = 9 };

str
gzip_of(struct arena *a, str from)
{
	z_stream z = { 0 };

	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return STR_NONE;
	size_t cap = deflateBound(&z, (uLong)from.n);
	char *to = arena_raw(a, cap);
	z.next_in = (Bytef *)(uintptr_t)from.p;
	z.avail_in = (uInt)from.n;
	z.next_out = (Bytef *)to;
	z.avail_out = (uInt)cap;
	bool whole = deflate(&z, Z_FINISH) == Z_STREAM_END;
	size_t n = z.total_out;
	deflateEnd(&z);
	return whole ? (str){ to, n } : STR_NONE;
}

str
gunzip(struct arena *a, str from, size_t size)
{
	z_stream z = { 0 };

	if (inflateInit2(&z, WINDOW_GZIP) != Z_OK)
		return STR_NONE;
	char *to = arena_raw(a, size);
	z.next_in = (Bytef *)(uintptr_t)from.p;
	z.avail_in = (uInt)from.n;
	z.next_out = (Bytef *)to;
	z.avail_out = (uInt)size;
	bool whole = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == size;
	inflateEnd(&z);
	return whole ? (str){ to, size } : STR_NONE;
}

str
hash_of(struct arena *a, str s)
{
	static const uint8_t key[16] = "scriped docs v1";
	struct crypto_hash h = crypto_siphash(key, s);

	return str_fmt(a, "%016llx", (unsigned long long)h.lo);
}

const char *
tag_of(struct arena *a, str hash, const char *tail)
{
	return str_fmt(a, "\"%.*s%s", STR(hash), tail).p;
}
