/* link -- one connection to PostgreSQL in pipeline mode: statements go out without waiting, answers come back in their order.
 *
 *	link_ask, link_run, link_verb	into libpq's buffer; nothing moves before link_sync, or 64 KB
 *	link_sync			ends a flight: the server answers all of it, and an error skips only what stands behind it in the same flight
 *	link_pump			takes in what came and tells whom it is for
 *
 * What is sent has one of four readers: an ask (somebody waits for its rows), the owner's account (a statement that nobody waits for: its
 * fault, or its miss, is kept until somebody does), the place where prepared statements are noted, or nobody.
 *
 * Statements are prepared at their first use, in the same flight.  Nothing is SET: what a connection needs stands in its options, so that a
 * pooler may mix connections between transactions.
 *
 * Ownership:  values may go when the function that sends them returns.  An ask belongs to who sends it and stays until it is answered.
 * Errors:     link_lost says that the connection is gone; everything under way was told so (`lost`).
 * Threads:    one at a time. */
#ifndef DB_LINK_H
#define DB_LINK_H
#include "db/db.h"
#include <libpq-fe.h>

struct pg;
struct ask {
	struct ask *next, *peer;	/* peer: of the same session */
	struct pg *who;
	const struct stmt *q;
	const struct val *v;	/* until it is sent */
	int n;
	PGresult *r;
	enum err code;
	bool answered, lost, skipped;	/* lost: nobody knows what became of it.  skipped: an error before it in its flight */
	bool fatal;			/* the server ended the session with these words */
	bool warned;			/* it said a word of warning before the answer, in the same flight */
	struct error why;
	void *room;			/* copies of its values */
};

/* What became of statements that nobody waits for, first one first. */
struct account {
	enum err code;		/* the fault, or the miss */
	bool missed, lost, told;	/* told: in the server's own words */
	struct error why;
	int unanswered, musts;	/* of which must find a row */
	int64_t written;
};

enum sent { SENT_PREPARE, SENT_ASK, SENT_RUN, SENT_MUST, SENT_VERB, SENT_SYNC };
struct expect { enum sent kind; const struct stmt *q; struct ask *ask; struct account *account; const struct miss *miss; };

struct link {
	PGconn *c;
	struct expect *ring;
	unsigned head, n, cap;		/* cap is a power of two */
	unsigned open;			/* sent since the last Sync */
	uint8_t *prepared;		/* by statement: under which generation's name; 0: not yet */
	uint8_t generation;		/* a name is never used twice */
	bool halfway, doomed;		/* halfway: the result of the first one in the ring is here, its end is not */
	bool unflushed, warned;
	struct ask *script;		/* of link_script */
};

struct link_conf {
	const char *uri;
	int64_t statement_ms, lock_ms;	/* 0: no limit */
	bool replica;			/* one that follows another one */
};
/* Blocks: looks up, connects, greets. */
MUST_USE enum err link_open(struct link *, const struct link_conf *, struct error *);
void	link_close(struct link *);
static inline bool link_lost(const struct link *l) { return l->c == NULL || PQstatus(l->c) != CONNECTION_OK; }
/* With TLS bytes may lie in the library that no poll tells of: whoever waits looks now and then without being told. */
#define LINK_LOOK_MS	100
static inline bool link_hides(const struct link *l) { return l->c != NULL && PQsslInUse(l->c); }
static inline bool link_idle(const struct link *l) { return l->n == 0 && l->script == NULL; }

void	link_ask(struct link *, struct ask *, const struct stmt *, const struct val *, int);
void	link_run(struct link *, struct account *, const struct miss *, const struct stmt *, const struct val *, int);
void	link_verb(struct link *, struct account *, const struct stmt *);	/* BEGIN and the like; account NULL: whatever becomes of it */
void	link_sync(struct link *);
void	link_pump(struct link *);
/* By itself: until the ask is answered, or, with NULL, until nothing is under way. */
void	link_wait(struct link *, const struct ask *);
/* What is under way is of no account any more. */
void	link_forget(struct link *);
/* Several statements in one text, outside of the pipeline; nothing else may be under way. */
void	link_script(struct link *, struct ask *, const char *sql);
/* Everything under way is told that it is lost. */
void	link_fail(struct link *, const char *why);

/* Statements of our own, beside those of SQL(): the same on every connection. */
enum verb { VERB_BEGIN, VERB_SNAPSHOT, VERB_COMMIT, VERB_ROLLBACK, VERB_MARK, VERB_REWIND, VERB_SIZE, VERB_LSN, VERB_REPLAYED, VERBS };
extern const struct stmt link_verbs[VERBS];
#endif
