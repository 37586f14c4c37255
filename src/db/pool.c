/* pool -- the engine on PostgreSQL: a few threads drive all connections.
 *
 * A driver owns seats, each with a connection, and runs each call on a fiber: where the call waits for the database, the driver goes on with
 * another one.  A write has a seat for the length of its transaction; so has a read that begins one.  All other reads share: while a flight
 * of them is under way the next one gathers, so that many go out in one piece and come back in one.  A second flight leaves beside the first
 * one when many wait, or when the first one takes its time.
 *
 * Connections are made on demand by one thread, the dialer, which may wait for names and handshakes: one at a time, so that a server that
 * comes back is not stormed, with growing pauses while it refuses.  Until a connection stands calls wait in their queue.
 *
 * A server that says nothing for longer than a statement may take has left: its connection is closed.  A call whose connection is lost before
 * COMMIT goes back to the head of the queue; one that met a silent server has waited enough, and fails. */
#include "db/pool_priv.h"
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DIAL_MIN_US	50000		/* pauses of the dialer */
#define DIAL_MAX_US	2000000

/* --- the dialer --- */

static void
poke(const struct driver *d)
{
	uint64_t one = 1;
	(void)!write(d->event, &one, sizeof(one));
}

static void
dial_put(struct dialer *r, struct seat *s)
{
	s->next = NULL;
	*r->end = s;
	r->end = &s->next;
}

static struct seat *
dial_take(struct dialer *r)
{
	struct seat *s = r->list;

	if ((r->list = s->next) == NULL)
		r->end = &r->list;
	return s;
}

/* Health says so when nothing is left. */
static void
no_connection(struct pool *p, const struct error *why)
{
	struct engine *g = p->g;

	if (atomic_load(&p->up) > 0)
		return;
	pthread_mutex_lock(&g->lock);
	g->st.ok = false;
	snprintf(g->st.why, sizeof(g->st.why), "%.290s", why->detail);
	pthread_mutex_unlock(&g->lock);
}

static int64_t
growing_pause(int fails)
{
	int64_t most = MIN(DIAL_MIN_US << MIN(fails, 10), DIAL_MAX_US);
	uint32_t rnd;

	sys_random(&rnd, sizeof(rnd));
	return most / 2 + rnd % (uint32_t)(most / 2);
}

static void *
dial(void *arg)
{
	struct dialer *r = arg;
	struct pool *p = r->p;
	struct error e;

	pthread_mutex_lock(&p->lock);
	while (!p->closing) {
		if (r->list == NULL) {
			pthread_cond_wait(&r->more, &p->lock);
			continue;
		}
		struct seat *s = dial_take(r);
		pthread_mutex_unlock(&p->lock);
		bool ok = link_open(&s->fresh, &r->conf, &e) == OK;
		if (!ok && r == &p->dialer[PRIMARY])
			no_connection(p, &e);
		pthread_mutex_lock(&p->lock);
		if (ok) {
			r->fails = 0;
			s->next = s->d->dialed;
			s->d->dialed = s;
			poke(s->d);
			continue;
		}
		dial_put(r, s);
		int64_t until = mono() + growing_pause(r->fails++);
		poke(s->d);
		for (int64_t now; !p->closing && (now = mono()) < until; )
			(void)sys_cond_wait_us(&r->more, &p->lock, until - now);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* One, unless another one is under way and will land soon. */
int
pool_company(const struct driver *d, int64_t now)
{
	int least = INT_MAX;

	for (const struct lane *n = d->lane; n < d->lane + LANES && n->seats > 0; n++)
		least = MIN(least, n->aloft == 0 || now - n->left_us >= ALOFT_US ? 1 : ALOFT * n->aloft - n->waiting);
	return MAX(least, 1);
}

void
pool_want(struct lane *n, int want)
{
	struct dialer *r = n->dialer;

	for (int i = 0; i < n->seats; i++)
		want -= n->seat[i].state == SEAT_DIALING;
	if (want <= 0)
		return;
	pthread_mutex_lock(&r->p->lock);
	for (int i = 0; i < n->seats && want > 0; i++) {
		if (n->seat[i].state != SEAT_DOWN)
			continue;
		n->seat[i].state = SEAT_DIALING;
		dial_put(r, &n->seat[i]);
		want--;
	}
	pthread_cond_broadcast(&r->more);
	pthread_mutex_unlock(&r->p->lock);
}

/* --- size --- */

static enum err
run_tick(struct call *c, struct db *db, struct error *e)
{
	struct pool *p = (struct pool *)((char *)c - offsetof(struct pool, tick));
	struct engine *g = p->g;
	int64_t size = db->ops->size(db);

	(void)e;
	pthread_mutex_lock(&g->lock);
	g->st.size = size;
	pthread_mutex_unlock(&g->lock);
	return OK;
}

static void
done_tick(struct call *c, enum err code, const struct error *why)
{
	(void)code, (void)why;
	((struct pool *)((char *)c - offsetof(struct pool, tick)))->ticking = false;
}

void
pool_tick(struct driver *d, int64_t now)
{
	struct pool *p = d->p;

	if (d != p->driver || p->ticking || (p->ticked_us != 0 && now - p->ticked_us < MEASURE_US))
		return;
	p->ticked_us = now;
	p->ticking = true;
	p->tick = (struct call){ .run = run_tick, .done = done_tick, .flags = CALL_READ, .since_us = sys_mono_us(p->g->c.clock) };
	pthread_mutex_lock(&p->g->lock);
	queue_put(&p->g->read, &p->tick);
	pthread_mutex_unlock(&p->g->lock);
}

/* --- figures, open, close --- */

void
pool_nudge(struct pool *p)
{
	for (int i = 0; i < p->drivers; i++) {
		struct driver *d = &p->driver[i];
		if (!d->asleep || (!p->g->urgent && p->g->read.n < d->company))
			continue;
		d->asleep = false;
		poke(d);
	}
	p->g->urgent = false;
}

void
pool_stats(struct pool *p, struct engine_stats *ret)
{
	ret->connections = p->size[PRIMARY] + p->size[REPLICA];
	ret->connected = p->up;
	ret->busy = p->busy;
	ret->waiting = p->waiting;
	ret->trips = p->trips;
	ret->flights = p->flights;
	ret->reconnects = p->reconnects;
	ret->local = p->local;
	ret->of_replica = p->of_replica;
	ret->of_primary = p->of_primary;
	ret->behind = p->behind;
}

/* All statements are prepared once, so that one which the database refuses ends the start; connections prepare what they are asked for. */
static enum err
first_link(struct pool *p, struct error *e)
{
	struct db db;

	TRY(pg_open_own(&p->dialer[PRIMARY].conf, &db, e));
	enum err code = db_prepare_all(&db, e);
	if (code == OK) {
		struct pg *own = db.h;
		p->seat[0].l = *own->l;
		*own->l = (struct link){ 0 };
	}
	db.ops->close(&db);
	return code;
}

static void
seat_init(struct driver *d, struct lane *n, struct seat *s)
{
	const struct engine_conf *c = &d->p->g->c;

	s->d = d;
	s->lane = n;
	pg_init(&s->pg, &pool_host);
	s->pg.l = &s->l;
	s->pg.positions = c->pg_read != NULL;
	s->db = pg_db(&s->pg);
	if (c->wrap != NULL && n == &d->lane[PRIMARY])
		s->db = c->wrap(c->wrap_ctx, s->db);
}

static void
driver_init(struct pool *p, int i)
{
	struct driver *d = &p->driver[i];
	struct epoll_event ev = { .events = EPOLLIN };
	struct seat *s = p->seat;

	*d = (struct driver){ .p = p, .active_us = mono() };
	tasks_init(&d->ready);
	tasks_init(&d->holders);
	tasks_init(&d->sleepers);
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	d->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->epoll < 0 || d->event < 0 || epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->event, &ev) != 0)
		abort();
	for (int k = 0; k < LANES; s += p->size[k++]) {
		int from = p->size[k] * i / p->drivers, to = p->size[k] * (i + 1) / p->drivers;
		struct lane *n = &d->lane[k];
		*n = (struct lane){ .dialer = &p->dialer[k], .seat = s + from, .seats = to - from };
		n->end = &n->asks;
		for (int m = 0; m < n->seats; m++)
			seat_init(d, n, &n->seat[m]);
	}
}

static enum err
set_going(struct pool *p, struct error *e)
{
	TRY(first_link(p, e));
	for (int i = 0; i < p->drivers; i++)
		driver_init(p, i);
	pool_seat_up(&p->seat[0]);
	for (int k = 0; k < LANES && p->size[k] > 0; k++) {
		TRY(sys_thread(&p->dialer[k].thread, "dialer", dial, &p->dialer[k], e));
		p->dialer[k].runs = true;
	}
	for (; p->running < p->drivers; p->running++)
		TRY(sys_thread(&p->driver[p->running].thread, "pool", pool_drive, &p->driver[p->running], e));
	return OK;
}

static void
dialer_init(struct pool *p, int k)
{
	const struct engine_conf *c = &p->g->c;
	struct dialer *r = &p->dialer[k];
	int64_t statement_ms = c->statement_ms != 0 ? c->statement_ms : 30000;

	p->silence_us = (statement_ms + 1000) * 1000;
	r->p = p;
	r->conf = (struct link_conf){ .uri = k == PRIMARY ? c->pg_uri : c->pg_read, .replica = k == REPLICA, .statement_ms = statement_ms };
	/* a lock that takes so long is named as what it is, and not as a long statement */
	r->conf.lock_ms = MIN(c->lock_ms != 0 ? c->lock_ms : INT64_MAX, statement_ms * 9 / 10);
	r->end = &r->list;
	sys_cond_init(&r->more);
}

enum err
pool_open(struct engine *g, struct pool **ret, struct error *e)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		abort();
	*ret = p;
	p->g = g;
	p->size[PRIMARY] = MAX(g->c.pool, 1);
	p->drivers = MAX(1, MIN(g->c.drivers, p->size[PRIMARY]));
	p->size[REPLICA] = g->c.pg_read != NULL ? MAX(p->size[PRIMARY] / 2, p->drivers) : 0;
	for (int k = 0; k < LANES; k++)
		dialer_init(p, k);
	pthread_mutex_init(&p->lock, NULL);
	p->seat = calloc((size_t)(p->size[PRIMARY] + p->size[REPLICA]), sizeof(*p->seat));
	p->driver = calloc((size_t)p->drivers, sizeof(*p->driver));
	if (p->seat == NULL || p->driver == NULL)
		abort();
	return set_going(p, e);
}

static void
driver_free(struct driver *d)
{
	for (struct task *t; (t = d->spare) != NULL; ) {
		d->spare = t->next;
		pg_free(&t->pg);
		free(t);
	}
	fibers_free(&d->fibers);
	close(d->epoll);
	close(d->event);
}

void
pool_close(struct pool *p)
{
	pthread_mutex_lock(&p->g->lock);
	p->g->urgent = true;
	pool_nudge(p);
	pthread_mutex_unlock(&p->g->lock);
	for (int i = 0; i < p->running; i++)
		pthread_join(p->driver[i].thread, NULL);
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	for (int k = 0; k < LANES; k++)
		pthread_cond_broadcast(&p->dialer[k].more);
	pthread_mutex_unlock(&p->lock);
	for (int k = 0; k < LANES; k++) {
		if (p->dialer[k].runs)
			pthread_join(p->dialer[k].thread, NULL);
		pthread_cond_destroy(&p->dialer[k].more);
	}
	for (int i = 0; i < p->drivers; i++)
		if (p->driver[i].p != NULL)
			driver_free(&p->driver[i]);
	for (int i = 0; i < p->size[PRIMARY] + p->size[REPLICA]; i++) {
		link_close(&p->seat[i].l);
		link_close(&p->seat[i].fresh);
		pg_free(&p->seat[i].pg);
	}
	pthread_mutex_destroy(&p->lock);
	free(p->seat);
	free(p->driver);
	free(p);
}
