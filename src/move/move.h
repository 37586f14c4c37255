/* move -- export and import: one workspace, or everything, from one database to another of either engine.
 *
 * Export reads one snapshot while the server serves, table by table in the order of their keys, and writes a file (format.h).  One that was
 * interrupted goes on behind the last whole chunk of its file, if nothing was changed since: counters would not fit what they count.  Who
 * insists gets rows of several snapshots, which the footer says.
 * Import writes each chunk in one transaction with a row of table `moved` that says how far it is: whoever is killed goes on behind
 * the last chunk that is in.  Ids, times, versions and hashes stay as they are.
 *
 * What is refused, with words: a workspace that is there already, everything into a database that is not empty, a file of a newer schema, a
 * file that was changed or is not whole, rows of another workspace than the file says, another server secret while the file holds keys.
 *
 * Memory:   a chunk, which is a megabyte, or one row where that is longer.
 * Errors:   E_SYS, E_STORAGE, E_FULL, E_CONFLICT, E_USAGE with what to do.
 * Threads:  a call blocks its thread.  Layer: includes base, crypto, json, sys, db. */
#ifndef MOVE_MOVE_H
#define MOVE_MOVE_H
#include "move/format.h"
#include "move/side.h"
#include "move/table.h"

#define MOVE_EVERYTHING	"all"
#define MOVE_PRINT	33		/* hex digits of a fingerprint, with its NUL */
/* What tells two server secrets apart and neither of them. */
void	move_fingerprint(const secret *, char ret[MOVE_PRINT]);

struct move_told { const char *table; int64_t rows, bytes; };	/* so far */
/* The name of an upload's bytes: its workspace and its id, a hyphen between them. */
static inline bool moved_is_upload(str s) { return s.n == 53 && s.p[26] == '-' && ulid_ok(str_cut(s, 0, 26)) && ulid_ok(str_cut(s, 27, 53)); }
/* A stretch of the bytes of an upload that comes in.  again: an earlier run took it, and is done with what it is the last of. */
struct moved_bytes { str workspace, upload, bytes; int64_t from, size; bool again; };
static inline bool moved_last(const struct moved_bytes *m) { return m->from + (int64_t)m->bytes.n == m->size; }
struct move_blobs {
	/* The bytes of a file of the store, to read from; E_NOT_FOUND: there is none.  external: its row says that it is in a bucket. */
	enum err (*open)(void *ctx, struct arena *, str workspace, str upload, bool external, int *ret, struct error *);
	enum err (*put)(void *ctx, const struct moved_bytes *, struct error *);	/* behind the last one of an upload its row is made to fit */
	bool external;			/* they go into a bucket */
	void *ctx;
};
struct move_conf {
	const struct sys_clock *clock;
	const char *scope;		/* MOVE_EVERYTHING, or the 26 letters of a workspace; import: NULL for what the file holds */
	const secret *secret;		/* of the database's server */
	bool go_on;			/* export: also where the database was written to since the interruption */
	bool without_keys;		/* import: leave out what another secret makes worthless */
	const struct move_blobs *blobs;	/* export: NULL, and the bytes of uploads stay */
	void (*tell)(void *ctx, const struct move_told *);	/* after each chunk; may be NULL */
	bool (*alive)(void *ctx);	/* false stops behind the chunk; may be NULL */
	void *ctx;
};
struct move_result {
	int64_t rows[64];		/* by the place of the table in moved_tables */
	int64_t total, bytes, chunks, blobs;
	int64_t snapshots;
	bool resumed, already;		/* already: the import had been whole before */
	char sum[65];
	char scope[27];
};
/* fd: the file, at its beginning; what stands in it already is gone on with, so it is empty or that of an export that was interrupted.
 * Not resumable where it cannot be read (a pipe). */
MUST_USE enum err move_export(struct side *, const struct move_conf *, int fd, bool resumable, struct move_result *, struct error *);
MUST_USE enum err move_import(struct side *, const struct move_conf *, struct export_source, struct move_result *, struct error *);
/* Whether the database has no workspace yet: whoever comes first may bring a secret along. */
MUST_USE enum err move_empty(struct side *, bool *ret, struct error *);
/* Whether a file is whole, and as it was written: what is not would stop in the middle, and leave half of itself.  Its scope stands in its head. */
MUST_USE enum err move_prove(const struct move_conf *, struct export_source, char scope[27], struct error *);
#endif
