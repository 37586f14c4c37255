/* server -- facts of the installation itself.  The only code that names table server_fact.
 * Layer: includes crypto, db. */
#ifndef MODEL_SERVER_H
#define MODEL_SERVER_H
#include "db/db.h"

/* The secret kept in the database, made at the first call; nodes over PostgreSQL share it so. */
MUST_USE enum err secret_shared(struct db *, secret *ret, struct error *);
/* E_USAGE: nodes of this database have another secret.  Who comes first says which, and again while it is fresh: without a workspace. */
MUST_USE enum err secret_judge(struct db *, const secret *, bool fresh, struct error *);
/* What `setup` made, so that a second run names the same. */
MUST_USE enum err setup_recall(struct db *, workspace_id *, project_id *, bool *found, struct error *);
MUST_USE enum err setup_remember(struct db *, workspace_id, project_id, struct error *);
/* Writes a row of no meaning: whether writing works at all. */
MUST_USE enum err server_probe(struct db *, int64_t now, struct error *);
/* Looks which schema the database has by now: a node goes on while it is migrated, and uses what is new (db_schema). */
MUST_USE enum err server_schema(struct db *, struct error *);
#endif
