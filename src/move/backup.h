/* backup -- a copy of the embedded database while it serves, and the way back.
 *
 * A backup is one file, a tar (tar.h) of mode 0600:
 *
 *	scriped.db		the database as it stood at one moment
 *	secret			the server secret, unless it was to stay
 *	uploads/NAME		the bytes of uploads, where they were asked for
 *	manifest.json		last: schema, rows of each table, SHA-256 of the database and of all that stands before, fingerprint of the secret
 *
 * The copy is made page by page within one read transaction, so that it is of one moment whatever is written meanwhile, and holds up
 * nobody: the writer goes on, and only its log is not folded until the copy is done.  (VACUUM INTO does the same in one step that
 * nobody can slow down.)  Then it is synced, checked page by page, packed, and gets its name: what is damaged is no backup, and takes no place.
 *
 *	FILE.part, FILE.part.db		what is on its way; the next run removes what a killed one left
 *
 * restore unpacks into DIR/restore.part, proves what is there (sums, integrity, references, rows of each table, every value of every row
 * read back), and moves it into place, the database last: a folder with a database is whole.
 *
 * Memory:   less than 2 MB.
 * Errors:   E_SYS, E_FULL, E_STORAGE, E_CONFLICT with what to do.
 * Threads:  a call blocks its thread, for as long as copying takes.  Layer: includes base, crypto, json, sys, db. */
#ifndef MOVE_BACKUP_H
#define MOVE_BACKUP_H
#include "move/move.h"

struct backup_conf {
	const char *data;		/* the data folder */
	const secret *secret;
	bool with_secret, with_uploads;
	const struct sys_clock *clock;
	bool (*alive)(void *ctx);	/* asked after each megabyte; NULL: always */
	void (*tell)(void *ctx, int64_t done, int64_t of);	/* bytes of the copy; may be NULL */
	void *ctx;
};
struct backup_result {
	int64_t bytes, database, rows, files, schema, ms;
	int64_t here, in_bucket;	/* uploads whose bytes are not in it: in the data folder; in a bucket, which never are */
	char sum[65];			/* of the database */
	char print[MOVE_PRINT];		/* of the secret */
	bool has_secret;
	int64_t made_at;
};
MUST_USE enum err backup_make(const struct backup_conf *, const char *to, struct backup_result *, struct error *);

/* from: the archive.  data: an empty folder, or one that is not there, and where it is unpacked.  check: prove it there, and leave nothing.
 * alive: false stops, and leaves nothing.  has_secret of the result: the secret was in it. */
MUST_USE enum err restore_run(struct export_source from, const char *data, bool check, bool (*alive)(void *), struct backup_result *, struct error *);

#endif
