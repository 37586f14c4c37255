/* drive -- the thread of the pool that drives connections (see pool.c). */
#include "db/pool_priv.h"
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TASKS		256		/* reads under way on a driver, and one more for each seat; a write needs only the seat */
#define TRIES		5		/* of a call that met another one, or lost its connection */
#define SHUN_US		2000000		/* a replica that is none */
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
	s->lane->up++;
	if (s->lane == &s->d->lane[PRIMARY])
		atomic_fetch_add(&s->d->p->up, 1);
}

static void
seat_drop(struct seat *s)
{
	link_close(&s->l);		/* its descriptor leaves epoll with that */
	s->state = SEAT_DOWN;
	s->lane->up--;
	if (s->lane == &s->d->lane[PRIMARY])
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
free_seat(struct lane *n)
{
	for (int i = 0; i < n->seats; i++)
		if (n->seat[i].state == SEAT_FREE)
			return &n->seat[i];
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

static void asks_front(struct lane *, struct ask *);

/* Whether the answer does: not one of a replica that is behind, or that failed; the primary is asked then. */
static bool
will_do(const struct seat *s, const struct ask *a, int64_t replayed)
{
	const struct task *t = a->who->ctx;

	if (s->lane == &s->d->lane[PRIMARY])
		return !a->skipped;
	return a->code == OK && !a->skipped && replayed >= MAX(t->call->since, 1);
}

static void
tally(struct seat *s, int64_t n)
{
	atomic_fetch_add_explicit(s->lane == &s->d->lane[PRIMARY] ? &s->d->p->of_primary : &s->d->p->of_replica, n, memory_order_relaxed);
}

/* The server sends the answers of a flight in pieces of 8 KB: who has one goes on while the rest is under way. */
static void
tell_some(struct seat *s)
{
	for (const struct ask *a; s->told < s->n && (a = s->flight[s->told])->answered && will_do(s, a, 0); s->told++) {
		struct task *t = a->who->ctx;
		if (t->awaits == a)
			wake(t);
	}
}

/* A flight is back.  Whoever was skipped, because another one failed, goes again. */
static void
land(struct seat *s)
{
	struct lane *primary = &s->d->lane[PRIMARY];
	int64_t replayed = s->lane != primary ? pg_number(&s->replayed) : 0, again = 0;

	PQclear(s->replayed.r);
	s->replayed.r = NULL;
	if (replayed < 0) {		/* who follows nobody any more is left, and for a while nobody of its name is tried */
		s->l.doomed = true;
		s->lane->shunned_us = mono() + SHUN_US;
	}
	for (int i = s->n; i-- > s->told; )
		if (!will_do(s, s->flight[i], replayed)) {
			asks_front(primary, s->flight[i]);
			again++;
		}
	tally(s, s->n - again);
	if (s->lane != primary)
		atomic_fetch_add_explicit(&s->d->p->behind, again, memory_order_relaxed);
	for (int i = s->told; i < s->n; i++) {
		struct task *t = s->flight[i]->who->ctx;
		if (s->flight[i]->answered && t->awaits == s->flight[i])
			wake(t);
	}
	s->n = s->told = 0;
	s->state = SEAT_FREE;
	s->lane->aloft--;
	atomic_fetch_sub_explicit(&s->d->p->busy, 1, memory_order_relaxed);
}

static void
seat_settle(struct seat *s)
{
	bool idle = link_idle(&s->l);

	if (s->state == SEAT_FLIGHT && idle)
		land(s);
	else if (s->state == SEAT_FLIGHT)
		tell_some(s);
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

/* Where a read may go: to the replica when it stands. */
static struct lane *
lane_of(struct task *t)
{
	struct lane *replica = &t->d->lane[REPLICA];

	if (!(t->call->flags & CALL_REPLICA) || t->primary || replica->seats == 0 || replica->shunned_us > mono())
		return &t->d->lane[PRIMARY];
	if (replica->up == 0)
		pool_want(replica, 1);
	return replica->up > 0 ? replica : &t->d->lane[PRIMARY];
}

static enum err
hold(struct pg *p, enum tx tx, struct error *e)
{
	struct task *t = p->ctx;
	struct driver *d = t->d;

	if (t->seat != NULL)
		return OK;
	struct lane *n = tx == TX_READ ? lane_of(t) : &d->lane[PRIMARY];
	struct seat *s = free_seat(n);
	if (s == NULL)
		s = free_seat(n = &d->lane[PRIMARY]);
	if (s != NULL) {
		seat_hold(s, t);
	} else {
		pool_want(n, 1);
		tasks_put(&d->holders, t);
		atomic_fetch_add_explicit(&d->p->waiting, 1, memory_order_relaxed);
		fiber_wait(t->fiber);
		atomic_fetch_sub_explicit(&d->p->waiting, 1, memory_order_relaxed);
		if (t->seat == NULL)
			return too_late(e);
	}
	p->l = &t->seat->l;
	p->since = t->seat->lane == &d->lane[REPLICA] ? MAX(t->call->since, 1) : 0;
	if (tx == TX_READ)
		tally(t->seat, 1);
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
	struct task *t = p->ctx;
	struct lane *n = lane_of(t);

	a->next = NULL;
	a->answered = a->lost = a->skipped = false;
	*n->end = a;
	n->end = &a->next;
	n->waiting++;
	atomic_fetch_add_explicit(&t->d->p->waiting, 1, memory_order_relaxed);
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
asks_take(struct lane *n)
{
	struct ask *a = n->asks;

	if ((n->asks = a->next) == NULL)
		n->end = &n->asks;
	n->waiting--;
	atomic_fetch_sub_explicit(&n->dialer->p->waiting, 1, memory_order_relaxed);
	return a;
}

/* As if it had not been sent. */
static void
asks_front(struct lane *n, struct ask *a)
{
	PQclear(a->r);
	a->r = NULL;
	a->code = OK;
	a->answered = a->skipped = a->lost = false;
	if ((a->next = n->asks) == NULL)
		n->end = &a->next;
	n->asks = a;
	n->waiting++;
	atomic_fetch_add_explicit(&n->dialer->p->waiting, 1, memory_order_relaxed);
}

/* What may take long, and what is no mere SELECT (a fault beside it would undo it), flies alone. */
static bool
alone(const struct ask *a)
{
	const struct task *t = a->who->ctx;
	return (t->call->flags & CALL_SLOW) || strncmp(a->q->sql, "SELECT", 6) != 0;
}

static void
take_off(struct driver *d, struct lane *n, struct seat *s, int64_t now)
{
	bool one = alone(n->asks);

	if (n == &d->lane[REPLICA])
		link_ask(&s->l, &s->replayed, &link_verbs[VERB_REPLAYED], NULL, 0);
	do {
		struct ask *a = asks_take(n);
		s->flight[s->n++] = a;
		link_ask(&s->l, a, a->q, a->v, a->n);
	} while (!one && s->n < GROUP && n->asks != NULL && !alone(n->asks));
	link_sync(&s->l);
	s->state = SEAT_FLIGHT;
	s->heard_us = n->left_us = now;
	n->aloft++;
	atomic_fetch_add_explicit(&d->p->busy, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&d->p->flights, 1, memory_order_relaxed);
	if (link_lost(&s->l))
		seat_settle(s);
	else
		watch(s);
}

static bool
may_leave(const struct lane *n, int64_t now)
{
	return n->asks != NULL && (n->aloft == 0 || n->waiting >= ALOFT * n->aloft || now - n->left_us >= ALOFT_US);
}

static void
fly(struct driver *d, struct lane *n, int64_t now)
{
	while (may_leave(n, now)) {
		struct seat *s = free_seat(n);
		if (s == NULL) {
			pool_want(n, 1);
			return;
		}
		take_off(d, n, s, now);
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
		bool lost = code == E_STORAGE && db->ops->broken(db), elsewhere = (c->flags & CALL_REPLICA) && !t->primary && fatal(code);
		if ((code != E_RETRY && !lost && !elsewhere) || ++c->tries >= TRIES)
			return code;
		if (lost) {
			t->again = !t->silent && !late(t->d->p->g, c);
			return code;
		}
		if (!t->primary && (c->flags & CALL_REPLICA))
			atomic_fetch_add_explicit(&t->d->p->behind, 1, memory_order_relaxed);
		t->primary = true;
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
	struct pg *pg = t->seat != NULL ? &t->seat->pg : &t->pg;
	engine_tell *tell = atomic_load(&g->tell);
	struct error e = { 0 };
	int n = 0;
	int64_t began = sys_mono_us(g->c.clock), written = db->ops->written(db), trips = db_trips(db);

	enum err code = late(g, c) ? too_late(&e) : attempt(t, db, &e);
	int64_t position = code == OK ? pg_position(pg) : 0;
	bool told = code == OK && pg->nconcerned > 0 && tell != NULL;
	ulid *concerned = told ? pg_take_concerned(pg, &n) : NULL;
	pg_end(pg);
	trips = db_trips(db) - trips;
	c->trips += (int)trips;
	if (c != &p->tick)
		c->lsn = code == OK ? position : 0;
	atomic_fetch_add_explicit(&p->trips, trips, memory_order_relaxed);
	if (code == E_UNCERTAIN && pg->kept)
		atomic_fetch_add_explicit(&p->local, 1, memory_order_relaxed);
	if (t->again)
		return;
	if (c != &p->tick)
		note_batch(g, 1, began, db->ops->written(db) > written, fatal(code) ? code : OK, &e);
	if (!told || !tell(g->tell_ctx, c, concerned, n))
		c->done(c, code, &e);
	free(concerned);
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
		t->pg.positions = d->p->g->c.pg_read != NULL;
		t->db = pg_db(&t->pg);
	}
	t->call = c;
	t->silent = t->again = t->waits = t->primary = false;
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

static bool
start_write(struct driver *d, struct seat *s, int64_t now)
{
	struct call *c = next_write(d, now);

	if (c == NULL)
		return false;
	struct task *t = task_new(d, c);
	seat_hold(s, t);
	s->pg.ctx = t;
	tasks_put(&d->ready, t);
	d->active_us = now;
	return true;
}

static bool
give_seat(struct driver *d, struct seat *s)
{
	struct task *t = tasks_take(&d->holders);

	if (t == NULL)
		return false;
	seat_hold(s, t);
	tasks_put(&d->ready, t);
	return true;
}

/* Free seats go round: to a read that begins a snapshot, to a write, to the next flight (one is kept, for more may gather until it leaves).
 * Who had one goes last, so that nobody waits for ever beside a crowd of another kind. */
static void
deal(struct driver *d, int64_t now)
{
	enum { SNAPSHOT, WRITE, FLIGHT, KINDS };
	struct lane *n = &d->lane[PRIMARY];
	int left = 0;

	for (int i = 0; i < n->seats; i++)
		left += n->seat[i].state == SEAT_FREE;
	for (int passed = 0; left > 0 && passed < KINDS; d->turn = (d->turn + 1) % KINDS) {
		bool given = d->turn == SNAPSHOT ? give_seat(d, free_seat(n)) : d->turn == WRITE ? start_write(d, free_seat(n), now) : may_leave(n, now);
		left -= given;
		passed = given && d->turn != FLIGHT ? 0 : passed + 1;
	}
}

static bool room(const struct driver *d) { return d->alive < TASKS + d->lane[PRIMARY].seats; }

/* Takes what can run into the list of those that are ready; how many more want a seat. */
static void
start(struct driver *d, int64_t now)
{
	struct engine *g = d->p->g;
	struct call *c;

	pthread_mutex_lock(&g->lock);
	d->asleep = false;
	while (room(d) && (c = queue_take(&g->read)) != NULL)
		tasks_put(&d->ready, task_new(d, c));
	deal(d, now);
	d->pending = g->wait.n + g->read.n + g->ride.n;
	int writes = g->wait.n;
	pthread_mutex_unlock(&g->lock);
	if (writes > 0)
		pool_want(&d->lane[PRIMARY], writes);
}

/* --- deadlines --- */

static void
look_seats(struct driver *d, struct lane *n, int64_t now)
{
	for (int i = 0; i < n->seats; i++) {
		struct seat *s = &n->seat[i];
		if (s->state < SEAT_FREE || link_idle(&s->l))
			continue;
		if (link_hides(&s->l)) {
			link_pump(&s->l);
			seat_settle(s);
		}
		if (link_idle(&s->l) || now - s->heard_us < d->p->silence_us)
			continue;
		if (s->task != NULL)
			s->task->silent = true;
		for (int k = s->told; k < s->n; k++)
			((struct task *)s->flight[k]->who->ctx)->silent = true;
		link_fail(&s->l, "the database does not answer");
		seat_settle(s);
	}
}

static bool
gives_up(const struct driver *d, const struct call *c)
{
	const struct engine *g = d->p->g;
	return late(g, c) || (g->closing && atomic_load(&d->p->up) == 0 && d->p->dialer[PRIMARY].fails > 0);
}

static void
look_asks(struct driver *d, struct lane *n)
{
	struct lane *primary = &d->lane[PRIMARY];
	struct ask *a;
	int most = n->waiting;

	for (int i = 0; i < most; i++) {
		struct task *t = (a = asks_take(n))->who->ctx;
		if (!gives_up(d, t->call)) {
			struct lane *to = n->up > 0 ? n : primary;	/* the replica may have left meanwhile */
			a->next = NULL;
			*to->end = a;
			to->end = &a->next;
			to->waiting++;
			atomic_fetch_add_explicit(&d->p->waiting, 1, memory_order_relaxed);
			continue;
		}
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
	for (int k = 0; k < LANES; k++) {
		look_seats(d, &d->lane[k], now);
		look_asks(d, &d->lane[k]);
	}
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

/* --- the driver --- */

/* Whether nothing is left to do; over: not ever. */
static bool
may_sleep(struct driver *d, int64_t now, bool *over)
{
	struct engine *g = d->p->g;

	pthread_mutex_lock(&g->lock);
	bool work = (room(d) && g->read.n > 0) || (g->wait.n + (g->hurry || g->closing ? g->ride.n : 0) > 0 && free_seat(&d->lane[PRIMARY]) != NULL);
	d->pending = g->wait.n + g->read.n + g->ride.n;
	*over = g->closing && d->pending == 0 && d->alive == 0;
	d->asleep = !work && !*over;
	d->company = pool_company(d, now);
	pthread_mutex_unlock(&g->lock);
	return !work;
}

static int
sleep_ms(const struct driver *d, int64_t now)
{
	int64_t us = d->alive > 0 || d->pending > 0 ? LOOK_US : MEASURE_US;

	for (int k = 0; k < LANES; k++)
		if (d->lane[k].aloft > 0 && (d->lane[k].asks != NULL || now - d->lane[k].left_us < ALOFT_US))
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
		pool_tick(d, now);
		start(d, now);
		wake_sleepers(d, now);
		while ((t = tasks_take(&d->ready)) != NULL)
			go(t);
		for (int k = 0; k < LANES; k++)
			fly(d, &d->lane[k], now);
		if (now - d->looked_us >= LOOK_US)
			look(d, now);
		bool sleeps = d->ready.head == NULL && may_sleep(d, now, &over);
		if (!over)
			turn(d, sleeps ? sleep_ms(d, now) : 0);
	}
	return NULL;
}
