/* tar -- the archive that a backup is: plain tar (ustar; sizes from 8 GB on in GNU's way), so that `tar xf` unpacks it without us.
 *
 * Only what a backup has is written and read: regular files with short names.  A running SHA-256 covers every byte, headers included.
 * Errors:   E_SYS with what is wrong, E_FULL: the disk.  Threads: none.  Layer: includes base, crypto, sys. */
#ifndef MOVE_TAR_H
#define MOVE_TAR_H
#include "crypto/crypto.h"

#define TAR_NAME	100
#define TAR_BLOCK	512

struct tar_writer { int fd; int64_t bytes; struct crypto_sha256 sum; };
void	tar_writer_init(struct tar_writer *, int fd);
/* alive: asked for each piece, NULL: always. */
MUST_USE enum err tar_add_file(struct tar_writer *, const char *name, int fd, int64_t mtime, bool (*alive)(void *), void *ctx, digest *ret, struct error *);
MUST_USE enum err tar_add_text(struct tar_writer *, const char *name, str text, int64_t mtime, struct error *);
digest	tar_sum(const struct tar_writer *);		/* of everything so far */
MUST_USE enum err tar_end(struct tar_writer *, struct error *);

struct tar_reader { size_t (*read)(void *ctx, char *to, size_t n); void *ctx; struct crypto_sha256 sum; digest before; int64_t left, pad; };
struct tar_member { char name[TAR_NAME + 1]; int64_t size; };
void	tar_reader_init(struct tar_reader *, size_t (*read)(void *ctx, char *to, size_t n), void *ctx);
/* The next member; found is false at the end.  What was not read of the last one is passed over. */
MUST_USE enum err tar_next(struct tar_reader *, struct tar_member *ret, bool *found, struct error *);
/* Bytes of the member; *n is 0 behind the last one. */
MUST_USE enum err tar_read(struct tar_reader *, char *to, size_t cap, size_t *n, struct error *);
digest	tar_sum_before(const struct tar_reader *);	/* of everything before the member that tar_next gave */
#endif
