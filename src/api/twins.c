/* twins -- requests with the idempotency key of one that is under way wait here, without a connection to the database.
 *
 * The first of a key in this process goes on; the others stand behind it and go when it is done: all of them when its record stands, for
 * they only read it then, otherwise the next one alone.  A twin on another node is met at the claim (model/ledger.h): then the first one
 * waits here too and tries again after a pause that grows, and only it does.  Whoever has waited for `db_lock` is answered with
 * idempotency_in_progress.  On SQLite the one writer takes twins in their order, and nothing of this is there.
 *
 * Ownership:  a request that waits is ours until it is submitted again or woken.  Limits: as many wait as there are connections.
 * Threads:    any; one of ours, from the first pause on, looks after pauses and time limits. */
#include "api/rq.h"
#include <stdlib.h>

#define CHAINS		256
#define PAUSE_US	INT64_C(20000)	/* then twice that, and so on */
#define PAUSE_MOST_US	INT64_C(250000)

struct twins {
	struct api *api;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct rq *chain[CHAINS];	/* the first ones, by name */
	int parked;			/* all that wait */
	bool started, closing;
	pthread_t thread;
};

static int64_t mono(const struct twins *t) { return sys_mono_us(t->api->c.clock); }
static bool same(const struct rq *a, const struct rq *b) { return memcmp(&a->idem, &b->idem, sizeof(a->idem)) == 0; }

static struct rq **
place(struct twins *t, const struct rq *rq)
{
	struct rq **at = &t->chain[rq->idem.b[sizeof(rq->idem.b) - 1] % CHAINS];

	while (*at != NULL && !same(*at, rq))
		at = &(*at)->twin.next;
	return at;
}

/* Not in any list any more. */
static void
refuse(struct rq *rq)
{
	(void)fail(&rq->err, E_IDEMPOTENCY_IN_PROGRESS, NULL, "%s", err_row(E_IDEMPOTENCY_IN_PROGRESS)->message);
	rq->stage = AT_BODY;
	front_wake(rq->x);
}

static void
go(struct twins *t, struct rq *rq)
{
	if (write_again(rq))
		return;
	twins_leave(t, rq, false);
	front_wake(rq->x);
}

/* --- the thread --- */

/* Of one chain: whose time is up, and firsts whose pause is over, go to `out`; *next_us: when to look again. */
static void
pass(struct twins *t, struct rq **at, int64_t now, struct rq **out, int64_t *next_us)
{
	for (; *at != NULL; at = &(*at)->twin.next) {
		struct rq *first = *at;
		for (struct rq **b = &first->twin.behind; *b != NULL;) {
			if ((*b)->twin.until_us > now) {
				*next_us = MIN(*next_us, (*b)->twin.until_us);
				b = &(*b)->twin.behind;
				continue;
			}
			struct rq *late = *b;
			*b = late->twin.behind;
			late->twin.out = *out;
			*out = late;
			t->parked--;
		}
		if (first->twin.due_us != 0 && first->twin.due_us <= now) {
			first->twin.due_us = 0;
			first->twin.out = *out;
			*out = first;
			t->parked--;
		} else if (first->twin.due_us != 0) {
			*next_us = MIN(*next_us, first->twin.due_us);
		}
	}
}

static void *
look_after(void *arg)
{
	struct twins *t = arg;

	pthread_mutex_lock(&t->lock);
	while (!t->closing) {
		struct rq *out = NULL;
		int64_t now = mono(t), next_us = now + 1000000;
		for (int i = 0; i < CHAINS && t->parked > 0; i++)
			pass(t, &t->chain[i], now, &out, &next_us);
		if (out == NULL) {
			(void)sys_cond_wait_us(&t->more, &t->lock, t->parked > 0 ? MAX(next_us - now, 1000) : 60000000);
			continue;
		}
		pthread_mutex_unlock(&t->lock);
		for (struct rq *next; out != NULL; out = next) {
			next = out->twin.out;
			if (out->twin.first)
				go(t, out);
			else
				refuse(out);
		}
		pthread_mutex_lock(&t->lock);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* Under the lock.  Without a thread nobody would be told that time is up. */
static bool
wait_here(struct twins *t)
{
	struct error e;

	if (!t->started)
		t->started = sys_thread(&t->thread, "twins", look_after, t, &e) == OK;
	t->parked += t->started;
	pthread_cond_signal(&t->more);
	return t->started;
}

/* Under the lock: behind the first one of its name, or as that. */
static void
stand(struct twins *t, struct rq *rq)
{
	struct rq **at = place(t, rq);

	rq->twin.next = rq->twin.behind = NULL;
	if ((rq->twin.first = *at == NULL)) {
		*at = rq;
		return;
	}
	for (at = &(*at)->twin.behind; *at != NULL; at = &(*at)->twin.behind)
		;
	*at = rq;
}

/* --- for the pipeline --- */

bool
twins_enter(struct twins *t, struct rq *rq)
{
	rq->twin = (struct twin){ .until_us = mono(t) + api_conf(t->api)->db_lock * 1000 };
	pthread_mutex_lock(&t->lock);
	bool alone = *place(t, rq) == NULL;
	bool goes = alone || !wait_here(t);	/* nobody would look after it: the claim tells */
	if (alone || !goes)
		stand(t, rq);
	pthread_mutex_unlock(&t->lock);
	return goes;
}

bool
twins_later(struct twins *t, struct rq *rq)
{
	int64_t now = mono(t);

	if (now >= rq->twin.until_us || atomic_load(&t->api->draining))
		return false;
	rq->twin.pause_us = rq->twin.pause_us == 0 ? PAUSE_US : MIN(2 * rq->twin.pause_us, PAUSE_MOST_US);
	pthread_mutex_lock(&t->lock);
	bool waits = wait_here(t);
	if (waits && !rq->twin.first)
		stand(t, rq);
	if (waits && rq->twin.first)
		rq->twin.due_us = now + rq->twin.pause_us;
	pthread_mutex_unlock(&t->lock);
	return waits;
}

/* Who stood behind it: all, one after the other by twin.behind, or the one that takes its place. */
static struct rq *
take_out(struct twins *t, struct rq *rq, bool stands)
{
	struct rq **at = place(t, rq), *next = rq->twin.behind;

	*at = rq->twin.next;
	if (next == NULL)
		return NULL;
	if (stands) {
		for (struct rq *o = next; o != NULL; o = o->twin.behind)
			t->parked--;
		return next;
	}
	next->twin.next = *at;
	next->twin.first = true;
	*at = next;
	t->parked--;
	return next;
}

void
twins_leave(struct twins *t, struct rq *rq, bool stands)
{
	if (t == NULL || !rq->twin.first)
		return;
	rq->twin.first = false;
	pthread_mutex_lock(&t->lock);
	struct rq *out = take_out(t, rq, stands);
	pthread_mutex_unlock(&t->lock);
	for (struct rq *next; out != NULL; out = next) {
		next = stands ? out->twin.behind : NULL;
		if (stands)
			out->twin.behind = NULL;
		go(t, out);
	}
}

int
twins_parked(struct twins *t)
{
	if (t == NULL)
		return 0;
	pthread_mutex_lock(&t->lock);
	int n = t->parked;
	pthread_mutex_unlock(&t->lock);
	return n;
}

struct twins *
twins_new(struct api *api)
{
	struct twins *t;

	if (engine_embedded(api->c.engine))
		return NULL;
	if ((t = calloc(1, sizeof(*t))) == NULL)
		abort();
	t->api = api;
	pthread_mutex_init(&t->lock, NULL);
	sys_cond_init(&t->more);
	return t;
}

void
twins_free(struct twins *t)
{
	if (t == NULL)
		return;
	pthread_mutex_lock(&t->lock);
	t->closing = true;
	pthread_cond_signal(&t->more);
	pthread_mutex_unlock(&t->lock);
	if (t->started)
		pthread_join(t->thread, NULL);
	pthread_cond_destroy(&t->more);
	pthread_mutex_destroy(&t->lock);
	free(t);
}
