/* slow -- reads that may take long (OP_SLOW) run here, on a few threads of their own, so that no loop stands still for one.
 *
 * A call is handed over as to the engine, and done() is called exactly once, on a thread of ours or of the engine.  It first runs
 * without a database, for what may wait for another server; with E_NEED_DB it runs again with one: on SQLite with this
 * thread's own read-only connection, on PostgreSQL on the engine's pool.
 *
 * Threads start with the first call.  Limits: WAITING_MAX calls wait; one that waits longer than `db_deadline` is refused. */
#include "api/rq.h"
#include <stdlib.h>

#define WAITING_MAX	256

struct slow {
	const struct api *api;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct call *head, **tail;
	int waiting, nthreads, threads;
	bool closing;
	pthread_t thread[];
};

/* The next one, or NULL: the end. */
static struct call *
next_call(struct slow *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->head == NULL && !s->closing)
		pthread_cond_wait(&s->more, &s->lock);
	struct call *c = s->head;
	if (c != NULL) {
		if ((s->head = c->next) == NULL)
			s->tail = &s->head;
		s->waiting--;
	}
	pthread_mutex_unlock(&s->lock);
	return c;
}

static void
serve(struct slow *s, struct call *c)
{
	struct engine *g = s->api->c.engine;
	struct error e = { 0 };
	struct db *db = NULL;
	enum err code;

	if (sys_mono_us(s->api->c.clock) - c->since_us > api_conf(s->api)->db_deadline * 1000)
		code = fail(&e, E_UNAVAILABLE, NULL, "The server did not get to this request in time.");
	else if ((code = c->run(c, NULL, &e)) == E_NEED_DB && (code = engine_reader(g, &db, &e)) == OK) {
		if (db == NULL && (code = engine_submit(g, c, &e)) == OK)
			return;
		if (db != NULL)
			code = c->run(c, db, &e);
	}
	c->done(c, code, &e);
}

static void *
work(void *arg)
{
	struct slow *s = arg;
	struct call *c;

	sys_thread_yields(SYS_NICE_READ);
	while ((c = next_call(s)) != NULL)
		serve(s, c);
	return NULL;
}

/* With the first calls; fewer threads than were asked for are enough. */
static enum err
start_threads(struct slow *s, struct error *e)
{
	enum err code = OK;

	while (code == OK && s->nthreads < s->threads)
		if ((code = sys_thread(&s->thread[s->nthreads], "slow", work, s, e)) == OK)
			s->nthreads++;
	return s->nthreads > 0 ? OK : code;
}

enum err
slow_submit(struct slow *s, struct call *c, struct error *e)
{
	c->since_us = sys_mono_us(s->api->c.clock);
	c->next = NULL;
	pthread_mutex_lock(&s->lock);
	enum err code = s->closing || s->waiting >= WAITING_MAX ? fail(e, E_UNAVAILABLE, NULL, "Too many searches wait.") : start_threads(s, e);
	if (code == OK) {
		*s->tail = c;
		s->tail = &c->next;
		s->waiting++;
		pthread_cond_signal(&s->more);
	}
	pthread_mutex_unlock(&s->lock);
	return code;
}

struct slow *
slow_new(const struct api *api)
{
	int threads = (int)api_conf(api)->slow_threads;
	struct slow *s = calloc(1, sizeof(*s) + (size_t)threads * sizeof(*s->thread));

	if (s == NULL)
		abort();
	s->api = api;
	s->threads = threads;
	s->tail = &s->head;
	pthread_mutex_init(&s->lock, NULL);
	sys_cond_init(&s->more);
	return s;
}

/* Runs what waits, then ends. */
void
slow_free(struct slow *s)
{
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_broadcast(&s->more);
	pthread_mutex_unlock(&s->lock);
	for (int i = 0; i < s->nthreads; i++)
		pthread_join(s->thread[i], NULL);
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
