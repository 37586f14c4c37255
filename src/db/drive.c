/* drive -- the thread of the pool that drives connections (see pool.c). */
#include "db/pool_priv.h"
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TASKS		256		/* calls under way on a driver */
#define ALOFT		8		/* so many wait for each flight under way: then another one leaves */
#define ALOFT_US	2000		/* or when none has left for so long */
#define TRIES		5		/* of a call that met another one, or lost its connection */
#define MEASURE_US	10000000	/* between two looks at the size of the database */
#define EVENTS		64

/* --- lists of tasks --- */

static void
tasks_put(struct tasks *l, struct task *t)
{
	t->next = NULL;
	*l->tail = t;
	l->tail = &t->next;
}

static struct task *
tasks_take(struct tasks *l)
{
	struct task *t = l->head;

	if (t != NULL && (l->head = t->next) == NULL)
		l->tail = &l->head;
	return t;
}

static void
wake(struct task *t)
{
	if (!t->waits)
		return;
	t->waits = false;
	tasks_put(&t->d->ready, t);
}

static void
pause_task(struct task *t)
{
	t->waits = true;
	fiber_wait(t->fiber);
}

/* --- seats --- */

void
pool_seat_up(struct seat *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };

	if (epoll_ctl(s->d->epoll, EPOLL_CTL_ADD, PQsocket(s->l.c), &ev) != 0)
		abort();
	s->state = SEAT_FREE;
	s->outs = false;
	s->heard_us = mono();
	atomic_fetch_add(&s->d->p->up, 1);
}

static void
seat_drop(struct seat *s)
{
	link_close(&s->l);		/* its descriptor leaves epoll with that */
	s->state = SEAT_DOWN;
	atomic_fetch_sub(&s->d->p->up, 1);
	atomic_fetch_add(&s->d->p->reconnects, 1);
}

static void
take_dialed(struct driver *d)
{
	struct pool *p = d->p;

	pthread_mutex_lock(&p->lock);
	struct seat *s = d->dialed;
	d->dialed = NULL;
	pthread_mutex_unlock(&p->lock);
	for (struct seat *next; s != NULL; s = next) {
		next = s->next;
		s->l = s->fresh;
		s->fresh = (struct link){ 0 };
		pool_seat_up(s);
	}
}

static void
watch(struct seat *s)
{
	if (s->l.unflushed == s->outs || link_lost(&s->l))
		return;
	struct epoll_event ev = { .events = EPOLLIN | (s->l.unflushed ? EPOLLOUT : 0), .data.ptr = s };
	s->outs = s->l.unflushed;
	if (epoll_ctl(s->d->epoll, EPOLL_CTL_MOD, PQsocket(s->l.c), &ev) != 0)
		abort();
}

static struct seat *
free_seat(struct driver *d)
{
	for (int i = 0; i < d->nseats; i++)
		if (d->seat[i].state == SEAT_FREE)
			return &d->seat[i];
	return NULL;
}

static void
seat_hold(struct seat *s, struct task *t)
{
	s->state = SEAT_HELD;
	s->task = t;
	t->seat = s;
	atomic_fetch_add_explicit(&s->d->p->busy, 1, memory_order_relaxed);
}

static void asks_front(struct driver *d, struct ask *);

/* A flight is back: whoever was skipped, because another one failed, goes again. */
static void
land(struct seat *s)
{
	struct driver *d = s->d;

	for (int i = s->n; i-- > 0; )
		if (s->flight[i]->skipped)
			asks_front(d, s->flight[i]);
	for (int i = 0; i < s->n; i++) {
		struct task *t = s->flight[i]->who->ctx;
		if (s->flight[i]->answered && t->awaits == s->flight[i])
			wake(t);
	}
	s->n = 0;
	s->state = SEAT_FREE;
	d->aloft--;
	atomic_fetch_sub_explicit(&d->p->busy, 1, memory_order_relaxed);
}

static void
seat_settle(struct seat *s)
{
	bool idle = link_idle(&s->l);

	if (s->state == SEAT_FLIGHT && idle)
		land(s);
	else if (s->state == SEAT_HELD && (s->task->awaits != NULL ? s->task->awaits->answered : idle))
		wake(s->task);
	else if (s->state == SEAT_CLOSING && idle)
		s->state = SEAT_FREE;
	if (s->state == SEAT_FREE && (link_lost(&s->l) || s->l.doomed))
		seat_drop(s);
	else
		watch(s);
}

static void
seat_leave(struct seat *s)
{
	s->task->seat = NULL;
	s->task = NULL;
	s->state = SEAT_CLOSING;
	atomic_fetch_sub_explicit(&s->d->p->busy, 1, memory_order_relaxed);
	seat_settle(s);
}

/* --- what a session asks of its host: on the fiber of its task --- */

static enum err
hold(struct pg *p, enum tx tx, struct error *e)
{
	struct task *t = p->ctx;
	struct driver *d = t->d;

	(void)tx;
	if (t->seat != NULL)
		return OK;
	struct seat *s = free_seat(d);
	if (s != NULL) {
		seat_hold(s, t);
	} else {
		pool_want(d, 1);
		tasks_put(&d->holders, t);
		atomic_fetch_add_explicit(&d->p->waiting, 1, memory_order_relaxed);
		fiber_wait(t->fiber);
		atomic_fetch_sub_explicit(&d->p->waiting, 1, memory_order_relaxed);
		if (t->seat == NULL)
			return too_late(e);
	}
	p->l = &t->seat->l;
	return OK;
}

static void
yield(struct pg *p)
{
	struct task *t = p->ctx;

	if (p != &t->pg || t->seat == NULL)
		return;			/* a write keeps its seat to its end */
	p->l = NULL;
	seat_leave(t->seat);
}

static void
share(struct pg *p, struct ask *a)
{
	struct driver *d = ((struct task *)p->ctx)->d;

	a->next = NULL;
	a->answered = a->lost = a->skipped = false;
	*d->asks_end = a;
	d->asks_end = &a->next;
	d->nasks++;
	atomic_fetch_add_explicit(&d->p->waiting, 1, memory_order_relaxed);
}

static void
wait(struct pg *p, struct ask *a)
{
	struct task *t = p->ctx;

	if (p->l != NULL) {
		t->seat->heard_us = mono();
		watch(t->seat);
	}
	while (a != NULL ? !a->answered : !link_idle(p->l)) {
		t->awaits = a;
		pause_task(t);
	}
	t->awaits = NULL;
}

const struct pg_host pool_host = { hold, yield, share, wait };

/* --- flights of reads --- */

static struct ask *
asks_take(struct driver *d)
{
	struct ask *a = d->asks;

	if ((d->asks = a->next) == NULL)
		d->asks_end = &d->asks;
	d->nasks--;
	atomic_fetch_sub_explicit(&d->p->waiting, 1, memory_order_relaxed);
	return a;
}

static void
asks_front(struct driver *d, struct ask *a)
{
	a->answered = a->skipped = false;
	if ((a->next = d->asks) == NULL)
		d->asks_end = &a->next;
	d->asks = a;
	d->nasks++;
	atomic_fetch_add_explicit(&d->p->waiting, 1, memory_order_relaxed);
}

/* What may take long, and what is no mere SELECT (a fault beside it would undo it), flies alone. */
static bool
alone(const struct ask *a)
{
	const struct task *t = a->who->ctx;
	return (t->call->flags & CALL_SLOW) || strncmp(a->q->sql, "SELECT", 6) != 0;
}

static void
take_off(struct driver *d, struct seat *s, int64_t now)
{
	bool one = alone(d->asks);

	do {
		struct ask *a = asks_take(d);
		s->flight[s->n++] = a;
		link_ask(&s->l, a, a->q, a->v, a->n);
	} while (!one && s->n < GROUP && d->asks != NULL && !alone(d->asks));
	link_sync(&s->l);
	s->state = SEAT_FLIGHT;
	s->heard_us = d->left_us = now;
	d->aloft++;
	atomic_fetch_add_explicit(&d->p->busy, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&d->p->flights, 1, memory_order_relaxed);
	if (link_lost(&s->l))
		seat_settle(s);
	else
		watch(s);
}

static void
fly(struct driver *d, int64_t now)
{
	while (d->asks != NULL) {
		if (d->aloft > 0 && d->nasks < ALOFT * d->aloft && now - d->left_us < ALOFT_US)
			return;
		struct seat *s = free_seat(d);
		if (s == NULL) {
			pool_want(d, 1);
			return;
		}
		take_off(d, s, now);
	}
}

/* --- calls --- */

static void
nap(struct task *t, int64_t us)
{
	t->wake_us = mono() + us;
	tasks_put(&t->d->sleepers, t);
	fiber_wait(t->fiber);
}

/* Who met another one waits for a moment of chance, so that they do not meet again. */
static int64_t
jitter(int tries)
{
	uint32_t rnd;

	sys_random(&rnd, sizeof(rnd));
	return 500 + rnd % (1000U << MIN(tries, 5));
}

static enum err
attempt(struct task *t, struct db *db, struct error *e)
{
	struct call *c = t->call;
	bool firm = false;

	for (;;) {
		enum err code = (c->flags & CALL_READ) ? c->run(c, db, e) : transact(c, db, firm, e);
		bool lost = code == E_STORAGE && db->ops->broken(db);
		if ((code != E_RETRY && !lost) || ++c->tries >= TRIES)
			return code;
		if (lost) {
			t->again = !t->silent && !late(t->d->p->g, c);
			return code;
		}
		if (firm || (c->flags & CALL_READ))
			nap(t, jitter(c->tries));
		firm = true;
	}
}

static void
run_task(void *arg)
{
	struct task *t = arg;
	struct pool *p = t->d->p;
	struct engine *g = p->g;
	struct call *c = t->call;
	struct db *db = t->seat != NULL ? &t->seat->db : &t->db;
	struct error e = { 0 };
	int64_t began = sys_mono_us(g->c.clock), written = db->ops->written(db), trips = db_trips(db);

	enum err code = late(g, c) ? too_late(&e) : attempt(t, db, &e);
	trips = db_trips(db) - trips;
	c->trips += (int)trips;
	atomic_fetch_add_explicit(&p->trips, trips, memory_order_relaxed);
	if (t->again)
		return;
	if (c != &p->tick)
		note_batch(g, 1, began, db->ops->written(db) > written, fatal(code) ? code : OK, &e);
	c->done(c, code, &e);
}

static void
requeue(struct engine *g, struct call *c)
{
	struct queue *q = (c->flags & CALL_READ) ? &g->read : &g->wait;

	pthread_mutex_lock(&g->lock);
	if ((c->next = q->head) == NULL)
		q->tail = &c->next;
	q->head = c;
	q->n++;
	pthread_mutex_unlock(&g->lock);
}

static void
go(struct task *t)
{
	struct driver *d = t->d;

	if (fiber_go(t->fiber))
		return;
	if (t->seat != NULL)
		seat_leave(t->seat);
	if (t->again)
		requeue(d->p->g, t->call);
	t->next = d->spare;
	d->spare = t;
	d->alive--;
}

static struct task *
task_new(struct driver *d, struct call *c)
{
	struct task *t = d->spare;

	if (t != NULL) {
		d->spare = t->next;
	} else if ((t = calloc(1, sizeof(*t))) == NULL) {
		abort();
	} else {
		t->d = d;
		pg_init(&t->pg, &pool_host);
		t->pg.ctx = t;
		t->db = pg_db(&t->pg);
	}
	t->call = c;
	t->silent = t->again = t->waits = false;
	t->pg.account = (struct account){ 0 };
	t->fiber = fiber_new(&d->fibers, run_task, t);
	d->alive++;
	return t;
}

/* With the engine's lock held: a call that needs a seat and may run now. */
static struct call *
next_write(struct driver *d, int64_t now)
{
	struct engine *g = d->p->g;
	const struct call *rider = g->ride.head;
	int64_t clock = sys_mono_us(g->c.clock);

	bool due = rider != NULL && (g->hurry || g->closing || clock - rider->since_us >= RIDE_US || now - d->active_us >= RIDE_US);
	return g->wait.n > 0 || due ? next_call(g, clock) : NULL;
}

/* Takes what can run into the list of those that are ready; how many more want a seat. */
static void
start(struct driver *d, int64_t now)
{
	struct engine *g = d->p->g;
	struct seat *s;
	struct call *c;

	pthread_mutex_lock(&g->lock);
	d->asleep = false;
	while (d->alive < TASKS && (c = queue_take(&g->read)) != NULL)
		tasks_put(&d->ready, task_new(d, c));
	while (d->alive < TASKS && (s = free_seat(d)) != NULL && (c = next_write(d, now)) != NULL) {
		struct task *t = task_new(d, c);
		seat_hold(s, t);
		s->pg.ctx = t;
		tasks_put(&d->ready, t);
		d->active_us = now;
	}
	d->pending = g->wait.n + g->read.n + g->ride.n;
	int writes = g->wait.n;
	pthread_mutex_unlock(&g->lock);
	if (writes > 0)
		pool_want(d, writes);
}

static void
give_seats(struct driver *d)
{
	struct seat *s;

	while (d->holders.head != NULL && (s = free_seat(d)) != NULL) {
		struct task *t = tasks_take(&d->holders);
		seat_hold(s, t);
		tasks_put(&d->ready, t);
	}
}

/* --- deadlines --- */

static void
look_seats(struct driver *d, int64_t now)
{
	for (int i = 0; i < d->nseats; i++) {
		struct seat *s = &d->seat[i];
		if (s->state < SEAT_FREE || link_idle(&s->l) || now - s->heard_us < d->p->silence_us)
			continue;
		if (s->task != NULL)
			s->task->silent = true;
		for (int k = 0; k < s->n; k++)
			((struct task *)s->flight[k]->who->ctx)->silent = true;
		link_fail(&s->l, "the database does not answer");
		seat_settle(s);
	}
}

static bool
gives_up(const struct driver *d, const struct call *c)
{
	const struct engine *g = d->p->g;
	return late(g, c) || (g->closing && atomic_load(&d->p->up) == 0 && d->p->fails > 0);
}

static void
look_asks(struct driver *d)
{
	struct ask *a = d->asks, *next;

	d->asks = NULL;
	d->asks_end = &d->asks;
	for (; a != NULL; a = next) {
		struct task *t = a->who->ctx;
		next = a->next;
		a->next = NULL;
		if (!gives_up(d, t->call)) {
			*d->asks_end = a;
			d->asks_end = &a->next;
			continue;
		}
		d->nasks--;
		atomic_fetch_sub_explicit(&d->p->waiting, 1, memory_order_relaxed);
		a->code = too_late(&a->why);
		a->answered = true;
		if (t->awaits == a)
			wake(t);
	}
}

static void
look_holders(struct driver *d)
{
	struct tasks all = d->holders;

	if (all.head == NULL)
		return;
	tasks_init(&d->holders);
	for (struct task *t = all.head, *next; t != NULL; t = next) {
		next = t->next;
		tasks_put(gives_up(d, t->call) ? &d->ready : &d->holders, t);
	}
}

static void
look_queue(struct driver *d, struct queue *q)
{
	struct engine *g = d->p->g;
	struct call *c, *over = NULL;
	struct error e;

	pthread_mutex_lock(&g->lock);
	for (struct call **at = &q->head; (c = *at) != NULL; ) {
		if (!gives_up(d, c)) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		q->n--;
		c->next = over;
		over = c;
	}
	for (q->tail = &q->head; *q->tail != NULL; )
		q->tail = &(*q->tail)->next;
	pthread_mutex_unlock(&g->lock);
	for (struct call *next; over != NULL; over = next) {
		next = over->next;
		enum err code = too_late(&e);
		over->done(over, code, &e);
	}
}

static void
look(struct driver *d, int64_t now)
{
	struct engine *g = d->p->g;

	d->looked_us = now;
	look_seats(d, now);
	look_asks(d);
	look_holders(d);
	if (d->pending > 0) {
		look_queue(d, &g->wait);
		look_queue(d, &g->read);
		look_queue(d, &g->ride);
	}
}

static void
wake_sleepers(struct driver *d, int64_t now)
{
	struct tasks all = d->sleepers;

	if (all.head == NULL)
		return;
	tasks_init(&d->sleepers);
	for (struct task *t = all.head, *next; t != NULL; t = next) {
		next = t->next;
		tasks_put(t->wake_us <= now ? &d->ready : &d->sleepers, t);
	}
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

static void
tick(struct driver *d, int64_t now)
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

/* --- the driver --- */

/* Whether nothing is left to do; over: not ever. */
static bool
may_sleep(struct driver *d, bool *over)
{
	struct engine *g = d->p->g;

	pthread_mutex_lock(&g->lock);
	bool work = (d->alive < TASKS && g->read.n > 0) || (g->wait.n + (g->hurry || g->closing ? g->ride.n : 0) > 0 && free_seat(d) != NULL);
	d->pending = g->wait.n + g->read.n + g->ride.n;
	*over = g->closing && d->pending == 0 && d->alive == 0;
	d->asleep = !work && !*over;
	pthread_mutex_unlock(&g->lock);
	return !work;
}

static int
sleep_ms(const struct driver *d, int64_t now)
{
	int64_t us = MEASURE_US;

	if (d->alive > 0 || d->pending > 0 || d->nasks > 0)
		us = LOOK_US;
	if (d->nasks > 0 && d->aloft > 0)
		us = ALOFT_US;
	for (const struct task *t = d->sleepers.head; t != NULL; t = t->next)
		us = MIN(us, MAX(t->wake_us - now, 0) + 500);
	return (int)((us + 999) / 1000);
}

static void
turn(struct driver *d, int ms)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(d->epoll, ev, EVENTS, ms);
	int64_t now = mono();
	uint64_t count;

	for (int i = 0; i < n; i++) {
		struct seat *s = ev[i].data.ptr;
		if (s == NULL) {
			(void)!read(d->event, &count, sizeof(count));
			take_dialed(d);
			continue;
		}
		if (s->state < SEAT_FREE)
			continue;
		link_pump(&s->l);
		s->heard_us = now;
		seat_settle(s);
	}
}

void *
pool_drive(void *arg)
{
	struct driver *d = arg;
	struct task *t;

	for (bool over = false; !over; ) {
		int64_t now = mono();
		tick(d, now);
		give_seats(d);
		start(d, now);
		wake_sleepers(d, now);
		while ((t = tasks_take(&d->ready)) != NULL)
			go(t);
		fly(d, now);
		if (now - d->looked_us >= LOOK_US)
			look(d, now);
		bool sleeps = d->ready.head == NULL && may_sleep(d, &over);
		if (!over)
			turn(d, sleeps ? sleep_ms(d, now) : 0);
	}
	return NULL;
}
