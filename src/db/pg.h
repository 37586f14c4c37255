/* pg -- what PostgreSQL does with statements: a session runs the calls of one after another on whatever connection its host gives it.
 *
 * A transaction has a connection to itself from begin to its end.  Inside one that looks back at nothing (a mark that is not firm),
 * statements whose rows nobody needs are sent with the next one that waits, or with COMMIT; the first fault or miss among them is that one's.
 * A miss begins the transaction anew (E_RETRY), with firm marks and each statement waiting for its answer: so whoever looks at an error finds
 * it where it happened, and only who fails pays for that.
 *
 * Outside a transaction a statement goes out by itself, or, on a pool, together with those of others.
 *
 * A host waits: db_pg_open's by poll, the pool's (pool.c) by letting another call run meanwhile. */
#ifndef PG_H
#define PG_H
#include "db/link.h"

struct pg_host {
	enum err (*hold)(struct pg *, enum tx, struct error *);	/* a connection for a transaction: p->l */
	void (*yield)(struct pg *);			/* the transaction is over */
	void (*share)(struct pg *, struct ask *);	/* where p has no connection: send it with others' */
	void (*wait)(struct pg *, struct ask *);	/* until it is answered; NULL: until nothing is under way on p->l */
};

enum phase { PG_NONE, PG_READ, PG_WRITE };
struct pg {
	const struct pg_host *host;
	void *ctx;			/* the host's */
	struct link *l;
	enum phase phase;
	bool firm, defers;		/* the mark's */
	bool failed;			/* a statement failed since the mark */
	int64_t marked_at, changes, total;
	int sent_since;			/* statements that nobody waited for since the mark */
	struct account account;
	struct ask *spare, *open;	/* asks that wait for use; that are in use */
	int64_t trips;
	bool positions;			/* whether a COMMIT asks where it stands in the log, and a read that concerns somebody */
	ulid *concerned;		/* workspaces of db_concerns */
	int nconcerned, concerned_cap;
	struct ask *position;		/* of a read: where the log stood when its last statement was answered */
	int64_t lsn;			/* where the last one stands */
	bool kept;			/* the last COMMIT stands on the primary alone */
	int64_t since;			/* of a snapshot on a replica: what it must have replayed; 0: anything */
	struct ask *replayed;		/* whether it has: answered with the first statement */
	struct link_conf conf;		/* db_pg_open's */
};

void	pg_init(struct pg *, const struct pg_host *);
void	pg_free(struct pg *);
struct db pg_db(struct pg *);
int64_t	pg_number(const struct ask *);
ulid	*pg_take_concerned(struct pg *, int *n);	/* malloc'd; the next call begins without */
int64_t	pg_position(struct pg *);	/* of a read that concerned somebody, or of the last COMMIT; 0: unknown */
void	pg_end(struct pg *);	/* a call is over: what it asked and left lying is answered, and forgotten, while its memory still stands */
MUST_USE enum err pg_open_own(const struct link_conf *, struct db *ret, struct error *);	/* waits by itself; conf->uri lives as long */
#endif
