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
dial_put(struct pool *p, struct seat *s)
{
	s->next = NULL;
	*p->dials_end = s;
	p->dials_end = &s->next;
}

static struct seat *
dial_take(struct pool *p)
{
	struct seat *s = p->dials;

	if ((p->dials = s->next) == NULL)
		p->dials_end = &p->dials;
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
	snprintf(g->st.why, sizeof(g->st.why), "%.110s", why->detail);
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
	struct pool *p = arg;
	struct error e;

	pthread_mutex_lock(&p->lock);
	while (!p->closing) {
		if (p->dials == NULL) {
			pthread_cond_wait(&p->more, &p->lock);
			continue;
		}
		struct seat *s = dial_take(p);
		pthread_mutex_unlock(&p->lock);
		bool ok = link_open(&s->fresh, &p->conf, &e) == OK;
		if (!ok)
			no_connection(p, &e);
		pthread_mutex_lock(&p->lock);
		if (ok) {
			p->fails = 0;
			s->next = s->d->dialed;
			s->d->dialed = s;
			poke(s->d);
			continue;
		}
		dial_put(p, s);
		int64_t until = mono() + growing_pause(p->fails++);
		poke(s->d);
		for (int64_t now; !p->closing && (now = mono()) < until; )
			(void)sys_cond_wait_us(&p->more, &p->lock, until - now);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* As many connections as would be used now. */
void
pool_want(struct driver *d, int n)
{
	struct pool *p = d->p;

	for (int i = 0; i < d->nseats; i++)
		n -= d->seat[i].state == SEAT_DIALING;
	if (n <= 0)
		return;
	pthread_mutex_lock(&p->lock);
	for (int i = 0; i < d->nseats && n > 0; i++) {
		if (d->seat[i].state != SEAT_DOWN)
			continue;
		d->seat[i].state = SEAT_DIALING;
		dial_put(p, &d->seat[i]);
		n--;
	}
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
}

/* --- figures, open, close --- */

void
pool_nudge(struct pool *p)
{
	for (int i = 0; i < p->drivers; i++) {
		struct driver *d = &p->driver[i];
		if (!d->asleep)
			continue;
		d->asleep = false;
		poke(d);
	}
}

void
pool_stats(struct pool *p, struct engine_stats *ret)
{
	ret->connections = p->g->c.pool;
	ret->connected = p->up;
	ret->busy = p->busy;
	ret->waiting = p->waiting;
	ret->trips = p->trips;
	ret->flights = p->flights;
	ret->reconnects = p->reconnects;
}

/* All statements are prepared once, so that one which the database refuses ends the start; connections prepare what they are asked for. */
static enum err
first_link(struct pool *p, struct error *e)
{
	struct db db;

	TRY(pg_open_own(&p->conf, &db, e));
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
driver_init(struct pool *p, int i)
{
	struct driver *d = &p->driver[i];
	int from = p->g->c.pool * i / p->drivers, to = p->g->c.pool * (i + 1) / p->drivers;
	struct epoll_event ev = { .events = EPOLLIN };

	*d = (struct driver){ .p = p, .seat = &p->seat[from], .nseats = to - from, .active_us = mono() };
	tasks_init(&d->ready);
	tasks_init(&d->holders);
	tasks_init(&d->sleepers);
	d->asks_end = &d->asks;
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	d->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->epoll < 0 || d->event < 0 || epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->event, &ev) != 0)
		abort();
	for (int k = 0; k < d->nseats; k++) {
		struct seat *s = &d->seat[k];
		s->d = d;
		pg_init(&s->pg, &pool_host);
		s->pg.l = &s->l;
		s->db = pg_db(&s->pg);
		if (p->g->c.wrap != NULL)
			s->db = p->g->c.wrap(p->g->c.wrap_ctx, s->db);
	}
}

static enum err
set_going(struct pool *p, struct error *e)
{
	TRY(first_link(p, e));
	for (int i = 0; i < p->drivers; i++)
		driver_init(p, i);
	pool_seat_up(&p->seat[0]);
	TRY(sys_thread(&p->dialer, "dialer", dial, p, e));
	p->dialing = true;
	for (; p->running < p->drivers; p->running++)
		TRY(sys_thread(&p->driver[p->running].thread, "pool", pool_drive, &p->driver[p->running], e));
	return OK;
}

enum err
pool_open(struct engine *g, struct pool **ret, struct error *e)
{
	struct pool *p = calloc(1, sizeof(*p));
	int64_t statement_ms = g->c.statement_ms != 0 ? g->c.statement_ms : 30000;

	if (p == NULL)
		abort();
	*ret = p;
	p->g = g;
	g->c.pool = MAX(g->c.pool, 1);
	p->drivers = MAX(1, MIN(g->c.drivers, g->c.pool));
	p->silence_us = (statement_ms + 1000) * 1000;
	p->conf = (struct link_conf){ .uri = g->c.pg_uri, .statement_ms = statement_ms, .lock_ms = statement_ms * 9 / 10 };
	if (g->c.lock_ms != 0)
		p->conf.lock_ms = MIN(p->conf.lock_ms, g->c.lock_ms);	/* so that a lock is named as what took so long */
	p->dials_end = &p->dials;
	pthread_mutex_init(&p->lock, NULL);
	sys_cond_init(&p->more);
	p->seat = calloc((size_t)g->c.pool, sizeof(*p->seat));
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
	for (int i = 0; i < d->nseats; i++) {
		link_close(&d->seat[i].l);
		pg_free(&d->seat[i].pg);
	}
	close(d->epoll);
	close(d->event);
}

void
pool_close(struct pool *p)
{
	pthread_mutex_lock(&p->g->lock);
	pool_nudge(p);
	pthread_mutex_unlock(&p->g->lock);
	for (int i = 0; i < p->running; i++)
		pthread_join(p->driver[i].thread, NULL);
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	if (p->dialing)
		pthread_join(p->dialer, NULL);
	for (int i = 0; i < p->drivers; i++)
		if (p->driver[i].p != NULL)
			driver_free(&p->driver[i]);
	for (int i = 0; i < p->g->c.pool; i++)
		if (p->seat[i].state == SEAT_DIALING)
			link_close(&p->seat[i].fresh);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p->seat);
	free(p->driver);
	free(p);
}
