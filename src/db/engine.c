#include "db/engine_priv.h"
#include <stdio.h>
#include <stdlib.h>

#define BATCH_CALLS	256
#define BATCH_BYTES	((size_t)8 << 20)
#define TRIES		5		/* of a call alone */
#define ENOUGH		16		/* calls that wait for a driver: no more are waited for */
/* The log is folded when it has grown by this much: seldom enough to cost little, often enough to keep it small. */
#define CHECKPOINT_CALLS 16000
#define CALL_BYTES	((size_t)16 << 10)	/* a call that writes more counts as several, */
#define CALL_ROWS	8			/* and so does one that touches more rows, as cleaning does */
#define MEASURE_US	10000000		/* between two looks at the size of the database */

/* --- queues --- */

static void queue_init(struct queue *q) { *q = (struct queue){ .tail = &q->head }; }

void
queue_put(struct queue *q, struct call *c)
{
	c->next = NULL;
	*q->tail = c;
	q->tail = &c->next;
	q->n++;
}

struct call *
queue_take(struct queue *q)
{
	struct call *c = q->head;

	if (c == NULL)
		return NULL;
	if ((q->head = c->next) == NULL)
		q->tail = &q->head;
	q->n--;
	return c;
}

static void
nudge(void *arg)
{
	struct engine *g = arg;

	pthread_mutex_lock(&g->lock);
	pool_nudge(g->pool);
	pthread_mutex_unlock(&g->lock);
}

/* later: what a loop submits in one round wakes a driver once, so that many reads leave together. */
static enum err
take(struct engine *g, struct call *c, bool later, struct error *e)
{
	struct queue *q = (c->flags & CALL_RIDE) ? &g->ride : g->pool != NULL && (c->flags & CALL_READ) ? &g->read : &g->wait;

	c->since_us = sys_mono_us(g->c.clock);
	c->tries = c->trips = 0;
	later = later && g->pool != NULL && sys_put_off(nudge, g);
	pthread_mutex_lock(&g->lock);
	bool refused = g->closing || (q->n >= g->c.queue_max && !(c->flags & (CALL_FORCE | CALL_AGAIN)));
	if (!refused) {
		queue_put(q, c);
		bool wake = !(c->flags & CALL_RIDE) || g->hurry || (g->pool != NULL && g->ride.n == 1);
		if (wake && g->pool == NULL && g->wait.n <= 1)
			pthread_cond_signal(&g->more);
		g->urgent |= wake && !(c->flags & CALL_SHARES);
		if (wake && g->pool != NULL && (!later || g->wait.n + g->read.n >= ENOUGH))
			pool_nudge(g->pool);
	}
	pthread_mutex_unlock(&g->lock);
	if (refused)
		return fail(e, E_UNAVAILABLE, NULL, "Too many requests wait for the database.");
	return OK;
}

enum err engine_submit(struct engine *g, struct call *c, struct error *e) { return take(g, c, true, e); }

void
engine_on_told(struct engine *g, engine_tell *tell, void *ctx)
{
	if (tell != NULL)
		g->tell_ctx = ctx;
	atomic_store(&g->tell, tell);
}

void
engine_hurry(struct engine *g)
{
	pthread_mutex_lock(&g->lock);
	g->hurry = g->urgent = true;
	pthread_cond_broadcast(&g->more);
	if (g->pool != NULL)
		pool_nudge(g->pool);
	pthread_mutex_unlock(&g->lock);
}

/* Who rides goes last, but not for ever: the queue may never be empty. */
struct call *
next_call(struct engine *g, int64_t now_us)
{
	const struct call *rider = g->ride.head;

	return queue_take(rider != NULL && (g->wait.n == 0 || now_us - rider->since_us >= RIDE_US) ? &g->ride : &g->wait);
}

/* Waits for work; at most `max` calls and BATCH_BYTES into batch[].  0 when the engine closes and all is done. */
static int
gather(struct engine *g, struct call **batch, int max)
{
	struct call *c;
	size_t bytes = 0;
	int n = 0;

	pthread_mutex_lock(&g->lock);
	while (g->wait.n == 0 && !(g->hurry && g->ride.n != 0) && !g->closing)
		if (!sys_cond_wait_us(&g->more, &g->lock, RIDE_US) && g->ride.n != 0)
			break;
	int64_t now = sys_mono_us(g->c.clock);
	while (n < max && bytes < BATCH_BYTES && (c = next_call(g, now)) != NULL) {
		batch[n++] = c;
		bytes += c->bytes;
	}
	pthread_mutex_unlock(&g->lock);
	return n;
}

bool
late(const struct engine *g, const struct call *c)
{
	return !(c->flags & CALL_FORCE) && sys_mono_us(g->c.clock) - c->since_us > g->c.deadline_us;
}

enum err too_late(struct error *e) { return fail(e, E_UNAVAILABLE, NULL, "The database did not get to this request in time."); }

/* --- statistics --- */

/* Health comes back with a row that was really written: an empty transaction succeeds on a full disk too. */
void
note_batch(struct engine *g, int calls, int64_t began_us, bool wrote, enum err code, const struct error *why)
{
	int bin = 0;

	while (bin < 9 && 1 << bin < calls)
		bin++;
	pthread_mutex_lock(&g->lock);
	g->st.batches++;
	g->st.calls += calls;
	g->st.hist[bin]++;
	g->st.last_batch_us = sys_mono_us(g->c.clock) - began_us;
	g->st.failed += code != OK;
	g->st.ok = code == OK && (g->st.ok || wrote);
	if (code != OK || g->st.ok)
		snprintf(g->st.why, sizeof(g->st.why), "%.290s", code != OK ? why->detail : "");
	pthread_mutex_unlock(&g->lock);
}

static void
measure(struct engine *g, struct db *db)
{
	int64_t now = sys_mono_us(g->c.clock);

	pthread_mutex_lock(&g->lock);
	bool due = now >= g->measure_us;
	if (due)
		g->measure_us = now + MEASURE_US;
	pthread_mutex_unlock(&g->lock);
	if (!due)
		return;
	int64_t size = db->ops->size(db);
	pthread_mutex_lock(&g->lock);
	g->st.size = size;
	pthread_mutex_unlock(&g->lock);
}

void
engine_stats(struct engine *g, struct engine_stats *ret)
{
	pthread_mutex_lock(&g->lock);
	*ret = g->st;
	ret->queued = g->wait.n + g->read.n + g->ride.n;
	if (g->pool != NULL)
		pool_stats(g->pool, ret);
	pthread_mutex_unlock(&g->lock);
}

/* --- one call in a transaction of its own --- */

/* The faults that end a transaction whatever the call made of them. */
bool
fatal(enum err e)
{
	return e == E_RETRY || e == E_LOCKED || e == E_FULL || e == E_STORAGE || e == E_UNCERTAIN;
}

enum err
transact(struct call *c, struct db *db, bool firm, struct error *e)
{
	TRY(db->ops->begin(db, TX_WRITE, e));
	enum err code = db->ops->mark(db, firm, e);
	if (code == OK)
		code = c->run(c, db, e);
	if (code == OK && db->ops->broken(db))
		code = fail(e, E_STORAGE, NULL, "the transaction ended by itself");
	if (code == OK)
		code = db->ops->commit(db, e);
	if (code != OK)
		db->ops->rollback(db);
	return code;
}

static void
alone(struct engine *g, struct call *c, struct db *db)
{
	struct error e = { 0 };
	enum err code = E_RETRY;
	int64_t began = sys_mono_us(g->c.clock), written = db->ops->written(db);

	if (late(g, c))
		code = too_late(&e);
	else
		for (int i = 0; i < TRIES && code == E_RETRY; i++)
			code = transact(c, db, true, &e);
	note_batch(g, 1, began, db->ops->written(db) > written, fatal(code) ? code : OK, &e);
	c->done(c, code, &e);
}

/* --- SQLite: the writer --- */

struct outcome { enum err code; struct error e; };

/* One call inside the shared transaction.  Unless OK, the whole transaction must go: E_RETRY, and firm marks will help;
 * E_STORAGE, and each call is on its own. */
static enum err
in_batch(struct call *c, struct db *db, bool firm, struct outcome *o)
{
	struct error undo;

	if (db->ops->mark(db, firm, &o->e) != OK)
		return E_STORAGE;
	o->code = c->run(c, db, &o->e);
	if (db->ops->broken(db) || fatal(o->code))
		return o->code == E_RETRY && !firm ? E_RETRY : E_STORAGE;
	if (o->code != OK && db->ops->rewind(db, &undo) != OK)
		return undo.code == E_RETRY && !firm ? E_RETRY : E_STORAGE;
	return db->ops->release(db, &undo) == OK && !db->ops->broken(db) ? OK : E_STORAGE;
}

/* OK, and each call has its outcome; E_UNCERTAIN, and the batch may stand or not; anything else, and nothing of it stands. */
static enum err
together(struct call **batch, int n, struct db *db, bool firm, struct outcome *o, struct error *e)
{
	TRY(db->ops->begin(db, TX_WRITE, e));
	for (int i = 0; i < n; i++) {
		enum err code = in_batch(batch[i], db, firm, &o[i]);
		if (code != OK) {
			db->ops->rollback(db);
			return code;
		}
	}
	enum err code = db->ops->commit(db, e);
	if (code != OK)
		db->ops->rollback(db);
	return code;
}

/* What may stand must not run again: then a call that went well is as uncertain as the batch. */
static void
answer(struct engine *g, struct call **batch, int n, const struct outcome *o, int64_t began, bool wrote, enum err code, const struct error *why)
{
	note_batch(g, n, began, wrote, code, why);
	for (int i = 0; i < n; i++) {
		bool own = code == OK || o[i].code != OK;
		batch[i]->done(batch[i], own ? o[i].code : code, own ? &o[i].e : why);
	}
}

static void
fold(struct engine *g, struct db *db, int64_t n)
{
	if ((g->since_checkpoint += n) < CHECKPOINT_CALLS)
		return;
	if (db_sqlite_checkpoint(g->c.wrap != NULL ? &((struct db_fault *)db->h)->real : db))
		g->since_checkpoint = 0;
	else
		g->since_checkpoint = CHECKPOINT_CALLS / 2;	/* a reader held it back: soon again */
}

static int64_t
weight(struct call *const *batch, int n)
{
	int64_t calls = n;

	for (int i = 0; i < n; i++)
		calls += (int64_t)(batch[i]->bytes / CALL_BYTES);
	return calls;
}

static int
drop_late(struct engine *g, struct call **batch, int n)
{
	int kept = 0;

	for (int i = 0; i < n; i++) {
		if (late(g, batch[i])) {
			struct error e;
			enum err code = too_late(&e);
			batch[i]->done(batch[i], code, &e);
		} else {
			batch[kept++] = batch[i];
		}
	}
	return kept;
}

static void *
write_all(void *arg)
{
	struct engine *g = arg;
	struct db *db = &g->writer;
	struct call *batch[BATCH_CALLS];
	struct outcome *o = calloc(BATCH_CALLS, sizeof(*o));
	int n;

	if (o == NULL)
		abort();
	measure(g, db);
	while ((n = gather(g, batch, BATCH_CALLS)) != 0) {
		int64_t began = sys_mono_us(g->c.clock);
		struct error why;
		if ((n = drop_late(g, batch, n)) == 0)
			continue;
		int64_t calls = weight(batch, n), written = db->ops->written(db);
		/* first as if none would look back; then with a savepoint for each; then each alone */
		enum err code = together(batch, n, db, false, o, &why);
		if (code == E_RETRY)
			code = together(batch, n, db, true, o, &why);
		if (code == OK || code == E_UNCERTAIN)
			answer(g, batch, n, o, began, db->ops->written(db) > written, code, &why);
		else
			for (int i = 0; i < n; i++)
				alone(g, batch[i], db);
		fold(g, db, MAX(calls, (db->ops->written(db) - written) / CALL_ROWS));
		measure(g, db);
	}
	free(o);
	return NULL;
}

/* --- open, wait, read, close --- */

static enum err
start_writer(struct engine *g, struct error *e)
{
	struct db_sqlite_conf lite = { g->c.path, false, g->c.cache_kb, g->c.max_pages };
	struct db *db = &g->writer;

	TRY(db_sqlite_open(&lite, db, e));
	enum err code = db_prepare_all(db, e);
	if (code == OK && g->c.wrap != NULL)
		*db = g->c.wrap(g->c.wrap_ctx, *db);
	if (code == OK)
		code = sys_thread(&g->thread, "writer", write_all, g, e);
	g->writes = code == OK;
	if (code != OK)
		db->ops->close(db);
	return code;
}

enum err
engine_open(const struct engine_conf *c, struct engine **ret, struct error *e)
{
	struct engine *g = calloc(1, sizeof(*g));

	if (g == NULL)
		abort();
	g->c = *c;
	g->st.ok = true;
	queue_init(&g->wait);
	queue_init(&g->read);
	queue_init(&g->ride);
	pthread_mutex_init(&g->lock, NULL);
	sys_cond_init(&g->more);
	g->reader = calloc((size_t)MAX(c->readers_max, 1), sizeof(*g->reader));
	if (g->reader == NULL || pthread_key_create(&g->reader_key, NULL) != 0)
		abort();
	enum err code = c->pg_uri != NULL ? pool_open(g, &g->pool, e) : start_writer(g, e);
	if (code != OK) {
		engine_close(g);
		return code;
	}
	*ret = g;
	return OK;
}

bool engine_embedded(const struct engine *g) { return g->c.pg_uri == NULL; }

enum err
engine_reader(struct engine *g, struct db **ret, struct error *e)
{
	struct db *db = pthread_getspecific(g->reader_key);
	struct db_sqlite_conf lite = { g->c.path, true, g->c.cache_kb, 0 };

	if (db == NULL && g->c.pg_uri == NULL) {
		struct db fresh;
		TRY(db_sqlite_open(&lite, &fresh, e));
		pthread_mutex_lock(&g->lock);
		if (g->nreader < g->c.readers_max)
			*(db = &g->reader[g->nreader++]) = fresh;
		pthread_mutex_unlock(&g->lock);
		if (db == NULL) {
			fresh.ops->close(&fresh);
			return fail(e, E_UNAVAILABLE, NULL, "Too many threads read the database.");
		}
		pthread_setspecific(g->reader_key, db);
	}
	*ret = db;
	return OK;
}

struct waiting {
	struct call call;
	enum err (*run)(void *, struct db *, struct error *);
	void *ctx;
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
	enum err code;
	struct error e;
};

static enum err
run_waiting(struct call *c, struct db *db, struct error *e)
{
	struct waiting *w = (struct waiting *)c;
	return w->run(w->ctx, db, e);
}

static void
done_waiting(struct call *c, enum err code, const struct error *why)
{
	struct waiting *w = (struct waiting *)c;

	pthread_mutex_lock(&w->lock);
	w->code = code;
	if (code != OK)
		w->e = *why;
	w->done = true;
	pthread_cond_signal(&w->over);
	pthread_mutex_unlock(&w->lock);
}

static enum err
wait_for(struct engine *g, unsigned flags, enum err (*run)(void *, struct db *, struct error *), void *ctx, struct error *e)
{
	struct waiting w = { .call = { .run = run_waiting, .done = done_waiting, .flags = CALL_FORCE | flags }, .run = run, .ctx = ctx };

	pthread_mutex_init(&w.lock, NULL);
	sys_cond_init(&w.over);
	enum err code = take(g, &w.call, false, e);
	if (code == OK) {
		pthread_mutex_lock(&w.lock);
		while (!w.done)
			pthread_cond_wait(&w.over, &w.lock);
		pthread_mutex_unlock(&w.lock);
		if ((code = w.code) != OK)
			*e = w.e;
	}
	pthread_cond_destroy(&w.over);
	pthread_mutex_destroy(&w.lock);
	return code;
}

enum err
engine_wait(struct engine *g, enum err (*run)(void *, struct db *, struct error *), void *ctx, struct error *e)
{
	return wait_for(g, 0, run, ctx, e);
}

enum err
engine_read(struct engine *g, enum err (*run)(void *, struct db *, struct error *), void *ctx, struct error *e)
{
	struct db *db;

	TRY(engine_reader(g, &db, e));
	return db != NULL ? run(ctx, db, e) : wait_for(g, CALL_READ | CALL_SLOW, run, ctx, e);
}

void
engine_close(struct engine *g)
{
	pthread_mutex_lock(&g->lock);
	g->closing = true;
	pthread_cond_broadcast(&g->more);
	pthread_mutex_unlock(&g->lock);
	if (g->pool != NULL)
		pool_close(g->pool);
	if (g->writes)
		pthread_join(g->thread, NULL);
	for (int i = 0; i < g->nreader; i++)
		g->reader[i].ops->close(&g->reader[i]);
	if (g->writes)
		g->writer.ops->close(&g->writer);
	pthread_key_delete(g->reader_key);
	pthread_cond_destroy(&g->more);
	pthread_mutex_destroy(&g->lock);
	free(g->reader);
	free(g);
}
