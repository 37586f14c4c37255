/* keep -- the backups that a server of the embedded database makes by itself: setting backup_to, every backup_every seconds, of which
 * backup_keep stay.
 *
 *	scriped-20261122T153000Z.tar	in a folder, or behind a prefix in a bucket (s3://BUCKET/PREFIX)
 *
 * When the next one is due is read from the names of those that are there, so that it does not matter how often the server starts.  One that fails is
 * logged, counted, and tried again after a tenth of the pause, a minute at least.  Nothing is removed before a newer one is whole.
 *
 * Threads:  one of its own, nicer than all others.  keep_close waits for it; a copy that is under way is given up.
 * Layer:    includes base, crypto, sys, log, conf, blob. */
#ifndef MOVE_KEEP_H
#define MOVE_KEEP_H
#include "blob/object.h"
#include "log/log.h"
#include "move/backup.h"

struct keep;
struct keep_conf {
	const struct conf *(*settings)(void *ctx);
	void *ctx;
	const secret *secret;
	struct log *log;
	const struct sys_clock *clock;
};
struct keep *keep_new(const struct keep_conf *);	/* NULL: there is no backup_to, or no thread */
void	keep_close(struct keep *);			/* NULL is fine */
void	keep_metrics(struct keep *, struct buf *);	/* NULL is fine: nothing */

/* When the newest backup of a place was made; TIME_NONE: there is none. */
MUST_USE enum err keep_newest(const struct conf *, int64_t *ret, int *count, struct error *);
/* A file into a bucket. */
MUST_USE enum err keep_send(const struct object_place *, const char *path, struct error *);
#endif
