/* migrate -- brings a database to the schema of this program, or says why it must not.
 *
 * Each file of schema/ is applied once and written down with its SHA-256.  How is said in migrate.def:
 *
 *	M_WHOLE		in one transaction
 *	M_APART		on PostgreSQL each statement by itself, outside a transaction: CREATE INDEX CONCURRENTLY and the like.  Each must be
 *			repeatable (IF NOT EXISTS), for after a kill -9 the file is run again from its first
 *	M_PARTITION	the file says why; on PostgreSQL the tables of partition.def become partitioned ones (partition.h)
 *
 * Refused, with what to do in the detail: a database that is newer than the program, and one whose files were other ones.
 * Before an upgrade the embedded database is copied to <path>.before-NNNN.
 *
 * On PostgreSQL others read and write meanwhile.  No lock that stops them is waited for longer than 0.3 s: then they go first, and it is
 * tried again, for ten minutes.  Of two programs that migrate one waits for the other.  A start does not migrate there: nodes of a
 * release serve the schema of the last one (schema_oldest), too, and migrate_look says whether they can.
 * Layer: includes base, crypto, db. */
#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H
#include "db/db.h"

enum migrate_how { M_WHOLE, M_APART, M_PARTITION };
struct migration { int number; const char *name; str sql; enum migrate_how how; };
int	migrate_list(const struct migration **ret);		/* those built in */
extern const struct migration migrate_tomorrow;			/* of no release: what comes after this program, for tests */
extern const int schema_oldest;					/* what this program can serve on PostgreSQL */

struct migrate_job {
	const struct migration *list;
	int n, to;				/* to: the last one that is wanted; 0: all */
	const char *snapshot;			/* the path of the embedded database, or NULL */
	int64_t now;				/* for the record, and where partitions begin */
	void (*tell)(void *ctx, const char *what);	/* what is done now, in words; NULL: nobody asks */
	void *ctx;
	int from, at;				/* what it was, and what it is now */
};
MUST_USE enum err migrate_do(struct db *, struct migrate_job *, struct error *);
/* All of the list, without a word. */
MUST_USE enum err migrate(struct db *, const struct migration *, int n, const char *snapshot, int64_t now, struct error *);
/* The number of the schema, 0 of an empty database; changes nothing. */
MUST_USE enum err migrate_look(struct db *, const struct migration *, int n, int *ret, struct error *);
/* Whether this program can serve it as it is; then db_schema() says what it is. */
MUST_USE enum err migrate_fits(struct db *, const struct migration *, int n, struct error *);
/* On PostgreSQL, whether the user of the URI may do what this takes, and what tending the partitions takes later: E_STORAGE with the line that allows it. */
MUST_USE enum err migrate_rights(struct db *, struct error *);

/* For what changes tables that others use: begins a transaction that has `table` (NULL: none) for itself, once it could be had.  E_LOCKED:
 * the same again later; migrate_pause waits a little, and is false when ten minutes are over. */
MUST_USE enum err migrate_begin(struct db *, const char *table, struct error *);
bool	migrate_pause(int *tries);
#endif
