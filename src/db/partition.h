/* partition -- tables of rows that come in the order of time and go when they are old, on PostgreSQL.
 *
 * A table of partition.def is partitioned by ranges of the id: a ULID begins with its time, and is compared by byte.
 *
 *	TABLE_before	what there was before it was partitioned: everything up to a moment
 *	TABLE_older	what is older than all others, later: empty but for imports
 *	TABLE_YYYYMMDD	a range of `days` from that day on; ranges begin at multiples of their width since 1970
 *	TABLE_later	what is younger than all others: empty but for clocks that were wrong
 *	TABLE_gone_…	detached, and to be dropped
 *
 * They leave no gap, so that every id has a place, and overlap nowhere, nor is there a default partition: so a page of the newest rows is
 * read range by range, and ends where it is full.
 *
 * So that no request waits, each change is one short transaction, which gives up (E_LOCKED) when it does not get its lock in 0.1 s: a
 * dump holds its locks for hours, and everybody stands behind who waits for it.
 *
 * Threads:  a duty that one node has at a time; two at once do no harm: one of them finds nothing to do.
 * Layer:    includes base, rec, sys. */
#ifndef DB_PARTITION_H
#define DB_PARTITION_H
#include "db/db.h"

enum partitioned {
#define PARTITION(table, keep, days, needed, counted) PARTITIONED_##table,
#include "db/partition.def"
#undef PARTITION
	PARTITIONED_COUNT
};
#define PARTITION_SCHEMA 6

/* Old rows of these tables go with their partitions: who would delete them asks this first. */
bool	partition_on(struct db *);

/* At most one thing, in a transaction of its own that the caller has begun: drops what is detached, makes the next range, or detaches
 * the oldest when all of it is from before `before` (ms).  `did` tells in words what it was, or is empty. */
#define PARTITION_DID	120
MUST_USE enum err partition_turn(struct db *, enum partitioned, int64_t now, int64_t before, char did[PARTITION_DID], struct error *);

/* For who is about to write many rows of old times: ranges from that moment (ms) on, where the oldest one holds few rows.  Without it they
 * go into the oldest, and with that.  In the caller's transaction.  E_LOCKED: another one is at it. */
MUST_USE enum err partition_span(struct db *, enum partitioned, int64_t from, struct error *);

/* Makes of the plain tables partitioned ones, while others use them; in transactions of its own, again after whatever ended it. */
MUST_USE enum err partition_convert(struct db *, int64_t now, void (*tell)(void *ctx, const char *what), void *ctx, struct error *);
/* A conversion that nobody goes on with leaves a rule that refuses rows of later than its bound; this takes back one that comes
 * near (convert begins anew).  In the caller's transaction; *did tells. */
MUST_USE enum err partition_take_back(struct db *, enum partitioned, int64_t now, bool *did, struct error *);
#endif
