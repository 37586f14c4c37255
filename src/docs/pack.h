/* pack -- the documentation site as one block of bytes: tools/mkdocs writes it, docs reads it where the linker put it.
 *
 * A head, the rows sorted by path, then what they point to.  Offsets count from the beginning; texts end with a NUL; numbers are
 * in the order of the machine that builds.
 *
 * Ownership:  the block is read-only and lives for ever.  Threads: any.  Layer: includes base. */
#ifndef DOCS_PACK_H
#define DOCS_PACK_H
#include "base/base.h"

#define PACK_MAGIC	0x31736f64u	/* "dos1" */
struct pack_head { uint32_t magic, n; };
struct pack_row {
	uint32_t path, type, cache, etag;	/* texts */
	uint32_t size;				/* of the body */
	uint32_t body;				/* the body; 0: only its compressed form is here */
	uint32_t gzip, gzip_n;			/* compressed; gzip_n 0: not worth it */
};

/* What a path answers with.  A body that is absent is unpacked for the few who do not take gzip: that keeps the program
 * small.  The tag of the compressed form is another: "…-gz" (RFC 9110, 8.8.3). */
struct asset { const char *path, *type, *cache, *etag, *etag_gzip; str body, gzip; size_t size; };
#define GZIP_TAIL	"-gz\""

/* Compressed by zlib, with nothing in it that changes from run to run; absent when that fails. */
str	gzip_of(struct arena *, str);
str	gunzip(struct arena *, str, size_t size);	/* of our own making: size is what comes out; absent when it does not */
/* "0123456789abcdef" of these bytes, and the strong tag that is made of it. */
str	hash_of(struct arena *, str);
const char *tag_of(struct arena *, str hash, const char *tail);
#endif
