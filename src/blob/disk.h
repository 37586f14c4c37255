/* disk -- the embedded store: a folder of files that are whole or not there.
 *
 *	DIR/incoming/NAME-ATTEMPT	bytes on their way in; one file an attempt
 *	DIR/NAME			complete, synced, and known to the database
 *
 * A file is written to incoming, synced with its folder, published by the owner (a row that names the attempt, committed), and only
 * then renamed.  Who is killed between two of these leaves either a file that nobody names, which disk_recover removes, or one
 * that is published, which it renames.  So a name outside incoming is always complete, and written once.
 *
 * Several servers may share a folder: who is at an attempt holds a lock on its file, and disk_recover passes that over.
 *
 * Bytes go through two buffers per file to threads of the store: whoever adds them never waits for the disk.
 *
 *	disk_begin -> disk_add … -> disk_finish -> (wake) -> disk_result -> disk_end
 *	disk_end at any moment before disk_finish drops what came so far.
 *
 * Errors:   E_FULL: the disk, a quota or a limit of file sizes; E_SYS otherwise.  Whatever fails leaves nothing behind.
 * Threads:  the functions of a put from one thread at a time; wake and publish are called on a thread of the store, wake with
 *           the store's lock held: it must not call back.
 * Limits:   DISK_BUFFER bytes twice for each of at most max_puts.
 * Layer:    includes base, sys. */
#ifndef BLOB_DISK_H
#define BLOB_DISK_H
#include "sys/sys.h"

#define DISK_BUFFER	((size_t)128 << 10)
#define DISK_NAME	96		/* with its NUL */

struct disk;
struct disk_put;
MUST_USE enum err disk_open(const char *folder, int max_puts, struct disk **ret, struct error *);
void	disk_close(struct disk *);	/* every put has ended */

struct disk_owner {
	void (*wake)(void *ctx);	/* there is room again, or the end is reached */
	enum err (*publish)(void *ctx, struct error *);	/* may block; E_UNCERTAIN: disk_recover will tell */
	void *ctx;
};
/* NULL: as many are under way as may be, or there is no memory. */
struct disk_put *disk_begin(struct disk *, const char *name, const char *attempt, const struct disk_owner *);
/* As much as there is room for; less than all of it: wake is due.  An error is final. */
MUST_USE enum err disk_add(struct disk_put *, const char *p, size_t n, size_t *ret, struct error *);
void	disk_finish(struct disk_put *);	/* wake is due when it is published and renamed, or failed */
MUST_USE enum err disk_result(struct disk_put *, struct error *);
void	disk_end(struct disk_put *);

/* Looks at what is left in incoming: judge says whether that attempt was published; an error leaves the file for the next time. */
MUST_USE enum err disk_recover(struct disk *, enum err (*judge)(void *ctx, str name, str attempt, bool *published, struct error *), void *ctx,
    struct error *);
MUST_USE enum err disk_remove(struct disk *, const char *name, struct error *);	/* one that is not there is fine */
MUST_USE enum err disk_fd(struct disk *, const char *name, int *ret, struct error *);	/* to read from; the caller's to close.  E_NOT_FOUND */
#endif
