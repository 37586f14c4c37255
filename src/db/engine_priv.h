/* engine_priv -- what the halves of the engine share: engine.c (queues, figures, SQLite's writer) and pool.c (PostgreSQL). */
#ifndef ENGINE_PRIV_H
#define ENGINE_PRIV_H
#include "db/engine.h"
#include <stdatomic.h>

#define RIDE_US		1000000		/* who rides waits no longer for company */

struct queue { struct call *head, **tail; int n; };
struct pool;

struct engine {
	struct engine_conf c;
	pthread_mutex_t lock;		/* queues, figures, closing */
	pthread_cond_t more;		/* the writer's */
	struct queue wait, read, ride;	/* read: PostgreSQL, calls without a transaction */
	bool hurry;
	bool urgent;			/* there is something new that a driver need not sleep over */
	_Atomic bool closing;
	struct pool *pool;		/* NULL: SQLite */
	struct db writer;
	pthread_t thread;
	bool writes;			/* the writer's thread runs */
	pthread_key_t reader_key;
	struct db *reader;		/* readers_max places */
	int nreader;
	int64_t since_checkpoint;	/* the writer's own */
	int64_t measure_us;		/* when the size is to be asked for again */
	struct engine_stats st;
	_Atomic(engine_tell *) tell;
	void *tell_ctx;
};

/* With the lock held. */
void	queue_put(struct queue *, struct call *);
struct call *queue_take(struct queue *);
struct call *next_call(struct engine *, int64_t now_us);

bool	late(const struct engine *, const struct call *);
enum err too_late(struct error *);
/* The faults that end a transaction whatever the call made of them. */
bool	fatal(enum err);
enum err transact(struct call *, struct db *, bool firm, struct error *);
void	note_batch(struct engine *, int calls, int64_t began_us, bool wrote, enum err code, const struct error *why);

MUST_USE enum err pool_open(struct engine *, struct pool **ret, struct error *);
void	pool_nudge(struct pool *);	/* there is something to do; with the lock held */
void	pool_stats(struct pool *, struct engine_stats *);
void	pool_close(struct pool *);	/* when all that is queued has run */
#endif
