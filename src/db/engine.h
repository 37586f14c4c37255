/* engine -- runs calls against the database, each all or nothing, and answers only what is committed.
 *
 * SQLite, the heart of the embedded server: one writer thread drains a queue.
 *
 *	BEGIN IMMEDIATE; for each call: mark, run; COMMIT once for all; then done() for each
 *
 * A mark is a mere number at first, for a call that fails has mostly written nothing; when one has, the batch begins anew with
 * a SAVEPOINT for each call (a savepoint copies every page that is changed within it: a sixth of a create's cost).
 * So a thousand writers share one fsync, and a batch never waits for company: while one commits, the next one gathers.
 * FULL, IOERR, NOMEM and INTERRUPT end the whole transaction, not the savepoint; when that happens, or COMMIT fails,
 * everything is rolled back and the calls of the batch run once more, each in a transaction of its own: who fails
 * alone fails, the others succeed.  Only a COMMIT that ends with E_UNCERTAIN is not repeated.  That is why run() must be repeatable: it resets what it did to its own memory first.
 *
 * PostgreSQL (pool.c, drive.c): one transaction per call, on a fiber of a thread that drives many connections; reads without one share
 * flights.  E_RETRY is tried up to five times.  A call whose connection is lost before COMMIT goes back to the queue, and waits there for one
 * that stands, until its deadline.  The first run has marks that are not firm,
 * and what nobody waits for (db_run, db_must) goes out with the next statement that waits, or with COMMIT; a run that looks back, or whose
 * statements failed meanwhile, begins anew with firm marks, each statement waiting.
 *
 * Ownership:  a call belongs to the engine from engine_submit until done() is called, exactly once.
 * Threads:    run() and done() are called on a thread of the engine; done() must be quick and never block.  On PostgreSQL run() must not block
 *             either, but for the database: others run on its thread, so it holds no lock over a statement and calls no engine_wait.
 * Limits:     the queue holds queue_max calls, and as many that ride; a call that waits longer than the deadline fails
 *             with E_UNAVAILABLE. */
#ifndef DB_ENGINE_H
#define DB_ENGINE_H
#include "db/db.h"
#include "sys/sys.h"

enum {
	CALL_READ  = 1,		/* no transaction of ours around it */
	CALL_RIDE  = 2,		/* nobody waits: run with the next batch, or within a second */
	CALL_REPLICA = 16,	/* a read that a replica may answer, as soon as it has what `since` says; if none can, the primary does */
	CALL_SHARES = 64,	/* a read of single statements: where it would have to wait for others to land, its driver sleeps on meanwhile */
	CALL_SLOW  = 8,		/* a read that may take long: PostgreSQL does not send it together with others */
	CALL_FORCE = 4,		/* taken although the queue is full, and waits for as long as it takes: the worker's, which hold a lease */
	CALL_AGAIN = 32,	/* taken although the queue is full, for it had its place before; the deadline holds */
};
struct call {
	struct call *next;
	enum err (*run)(struct call *, struct db *, struct error *);
	/* e is OK when the call is committed.  Otherwise nothing of it is kept (E_UNCERTAIN: nobody knows), and why says more. */
	void (*done)(struct call *, enum err e, const struct error *why);
	unsigned flags;
	size_t bytes;		/* roughly what it writes: a batch is at most 8 MB */
	int64_t since_us;	/* set by the engine */
	int tries;		/* the engine's */
	/* Positions in the log of PostgreSQL (DB_POSITION).  `lsn` of a write, set before done() where a replica is named (pg_read): where its COMMIT stands.  Given as
	 * `since` to a later read, from whatever node, that read sees the write.  0: anything will do. */
	int64_t since, lsn;
	int trips;		/* how often it waited for an answer of the server: set by the engine before done(); 0 on SQLite */
};

struct engine_conf {
	const char *pg_uri;	/* NULL: SQLite at path */
	const char *path;
	int64_t cache_kb, max_pages;
	int pool, queue_max, readers_max;
	int64_t deadline_us;
	/* PostgreSQL */
	int64_t lock_ms;	/* how long a write waits for a row of another one, at most 0.9 of statement_ms; 0: that */
	const char *pg_read;	/* a replica, for calls that say CALL_REPLICA; or NULL */
	int64_t statement_ms;	/* how long a statement may take, and a server be silent (a second longer); 0: 30 s */
	int drivers;		/* threads that drive the connections; 0: 1 */
	const struct sys_clock *clock;
	struct db (*wrap)(void *, struct db);	/* tests: a fault engine around each writing connection */
	void *wrap_ctx;
};
struct engine;
MUST_USE enum err engine_open(const struct engine_conf *, struct engine **ret, struct error *);
bool	engine_embedded(const struct engine *);
/* E_UNAVAILABLE, without taking the call, when the queue is full or the engine is closing. */
MUST_USE enum err engine_submit(struct engine *, struct call *, struct error *);
/* PostgreSQL with a replica: of a call that ended well and said whom it concerns (db_concerns), with call.lsn (0: unknown).  Returns true when it
 * takes the call over: then it calls done(), on a thread of its own.  Called on a thread of the engine; set once, before there are such calls. */
typedef bool engine_tell(void *ctx, struct call *, const ulid *workspaces, int n);
void	engine_on_told(struct engine *, engine_tell *, void *ctx);
/* Submits and waits; for command lines and start-up. */
MUST_USE enum err engine_wait(struct engine *, enum err (*run)(void *ctx, struct db *, struct error *), void *ctx, struct error *);
/* The same outside any transaction, for reading: on this thread where it can, otherwise submitted. */
MUST_USE enum err engine_read(struct engine *, enum err (*run)(void *ctx, struct db *, struct error *), void *ctx, struct error *);
/* SQLite: this thread's own read-only connection, opened at first use; NULL on PostgreSQL, whose reads are submitted. */
MUST_USE enum err engine_reader(struct engine *, struct db **ret, struct error *);
/* From now on who rides waits for no company: somebody is about to close and waits for what rides. */
void	engine_hurry(struct engine *);
/* Runs what is queued, then closes. */
void	engine_close(struct engine *);

/* The clock goes by the database's time from then on.  Three looks, of which the quickest counts. */
MUST_USE enum err db_clock(struct db *, struct sys_clock_shared *, struct error *);

struct engine_stats { int64_t queued, batches, calls, failed, size, last_batch_us; bool ok; char why[300]; int64_t hist[10];
	int64_t connections, connected, busy, waiting, trips, flights, reconnects;
	int64_t local;			/* commits that a synchronous replica was not waited for */
	int64_t of_replica, of_primary, behind; };	/* PostgreSQL; waiting: statements and transactions, for a connection.
				 * Reads that the one and the other answered; those that the replica could not answer */
/* hist[i]: batches of at most 2^i calls.  ok is what the last transaction said. */
void	engine_stats(struct engine *, struct engine_stats *);
#endif
