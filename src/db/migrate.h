/* migrate -- brings a database to the schema of this program, or says why it must not.
 *
 * Each file of schema/ is applied once, in its own transaction, and written down with its SHA-256.  Refused, with what
 * to do in the detail: a database that is newer than the program, and one whose files were other ones.
 * Before an upgrade the embedded database is copied to <path>.before-NNNN.
 * Layer: includes base, crypto, db. */
#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H
#include "db/db.h"

struct migration { int number; const char *name; str sql; };
int	migrate_list(const struct migration **ret);		/* those built in */
/* snapshot: the path of the embedded database, or NULL.  now: for the record. */
MUST_USE enum err migrate(struct db *, const struct migration *, int n, const char *snapshot, int64_t now, struct error *);
#endif
