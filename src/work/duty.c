/* duty -- what one node does for all: lost leases, cleaning, what deletions leave behind.
 *
 * A row of the table is a duty.  Over the embedded database, and over a schema that has no duties yet, each server does all of them.
 * Over one that has, a duty is held by one node (model/node.h): the keeper takes what is free, and keeps what is held, with each of its
 * signs of life (duties_take); a thread of its own does what is due of what is held, slice by slice, however long it takes.
 *
 * Whoever adds a duty writes it so that two nodes at it in the same moment do no harm. */
#include "work/work_priv.h"

#define IDLE_US		INT64_C(1000000)	/* between two looks whether a duty has become ours */

static const struct conf *settings(const struct work *w) { return w->c.settings(w->c.ctx); }
static int64_t duty_ms(const struct work *w) { return DUTY_PULSES * duty_pulse_ms(settings(w)); }
static bool shared(const struct work *w) { return id_set(w->c.node.id) && !engine_embedded(w->c.engine) && db_schema() >= NODE_SCHEMA; }

static bool
give_back(struct work *w)
{
	struct error e;
	int n;

	if (work_told(w, "leases", step_lost(w, sys_wall_ms(w->c.clock), &n, &e), &e) && n > 0)
		work_wake(w);
	return false;
}

/* Where one node looks for all it may look often. */
static int64_t reap_ms(const struct work *w) { return MIN(MAX(settings(w)->lease / 3, 50), shared(w) ? 1000 : INT64_MAX); }
static int64_t poll_ms(const struct work *w) { return settings(w)->job_poll; }
static int64_t clean_ms(const struct work *w) { return settings(w)->clean_interval * 1000; }

/* run: some of it; whether there is more.  Then it rests for as long as it took, otherwise for its period. */
static const struct duty { const char *name; bool (*run)(struct work *); int64_t (*period_ms)(const struct work *); } duties[] = {
	{ "clean", clean_some, clean_ms },
	{ "leases", give_back, reap_ms },
	{ "over", sweep_over, clean_ms },
	{ "partitions", tend_partitions, clean_ms },
	{ "unlisted", empty_some, poll_ms },
	{ "vacated", move_on, poll_ms },
};
_Static_assert(COUNT(duties) <= DUTIES_MAX, "struct work has a place for each");

/* --- who has it --- */

struct taking { struct work *w; int64_t now; struct { bool free, mine; int64_t next_at; } at[COUNT(duties)]; };

static int
place_of(str name)
{
	for (size_t i = 0; i < COUNT(duties); i++)
		if (str_eq(name, str_z(duties[i].name)))
			return (int)i;
	return -1;		/* of another release */
}

static enum err
look(struct taking *t, struct db *db, struct error *e)
{
	struct rows r;
	int i;

	for (i = 0; i < (int)COUNT(duties); i++)
		t->at[i].free = true;
	TRY(duty_list(db, &r, e));
	while (db_next(&r)) {
		if ((i = place_of(db_col(&r, 0).s)) < 0)
			continue;
		bool ours = str_eq(db_col(&r, 1).s, (str){ t->w->c.node.id.u.s, 26 });
		t->at[i].free = ours || db_col(&r, 2).i <= t->now;
	}
	return db_done(&r, e);
}

static enum err
take(void *ctx, struct db *db, struct error *e)
{
	struct taking *t = ctx;

	TRY(look(t, db, e));
	for (size_t i = 0; i < COUNT(duties); i++) {
		t->at[i].mine = false;
		if (t->at[i].free)
			TRY(duty_take(db, str_z(duties[i].name), t->w->c.node.id, t->now, t->now + duty_ms(t->w), &t->at[i].mine, &t->at[i].next_at, e));
	}
	return OK;
}

/* Takes what is free, and keeps what is held; who holds nothing and finds nothing only reads. */
void
duties_hold(struct work *w)
{
	struct taking t = { .w = w, .now = sys_wall_ms(w->c.clock) };
	struct error e;

	if (!shared(w))
		return;
	if (!work_told(w, "duty", engine_wait(w->c.engine, take, &t, &e), &e))
		return;		/* what is held is held until its end */
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < COUNT(duties); i++) {
		struct duty_held *h = &w->duty[i];
		if (t.at[i].mine && h->until <= t.now)
			h->due_us = sys_mono_us(w->c.clock) + MAX(t.at[i].next_at - t.now, 0) * 1000;
		h->until = t.at[i].mine ? t.now + duty_ms(w) : 0;
	}
	pthread_mutex_unlock(&w->lock);
}

static enum err
leave(void *ctx, struct db *db, struct error *e)
{
	struct work *w = ctx;

	for (size_t i = 0; i < COUNT(duties); i++)
		if (w->duty[i].until != 0)
			TRY(duty_leave(db, str_z(duties[i].name), w->c.node.id, e));
	return node_gone(db, w->c.node.id, e);
}

void
duties_leave(struct work *w)
{
	struct error e;

	if (shared(w) && engine_wait(w->c.engine, leave, w, &e) != OK)
		log_note(w->c.log, LOG_WARN, "duty", "%s", e.detail);
}

/* --- what is due of it --- */

struct next { struct work *w; const char *name; int64_t at; };

static enum err
write_next(void *ctx, struct db *db, struct error *e)
{
	const struct next *n = ctx;
	return duty_next(db, str_z(n->name), n->w->c.node.id, n->at, e);
}

/* One with a long period is not done again by who takes it over. */
static void
done(struct work *w, const struct duty *d, int64_t period_ms)
{
	struct next n = { w, d->name, sys_wall_ms(w->c.clock) + period_ms };
	struct error e;

	if (shared(w) && period_ms >= duty_ms(w))
		(void)work_told(w, "duty_done", engine_wait(w->c.engine, write_next, &n, &e), &e);
}

/* When it is to be looked at again. */
static int64_t
do_duty(struct work *w, const struct duty *d, struct duty_held *h)
{
	int64_t began = sys_mono_us(w->c.clock);

	pthread_mutex_lock(&w->lock);
	bool mine = !shared(w) || sys_wall_ms(w->c.clock) < h->until, due = h->due_us <= began;
	int64_t next = mine ? h->due_us : began + IDLE_US;
	pthread_mutex_unlock(&w->lock);
	if (!mine || !due)
		return next;
	bool more = d->run(w);
	int64_t ended = sys_mono_us(w->c.clock), period_us = d->period_ms(w) * 1000;
	if (!more)
		done(w, d, period_us / 1000);
	pthread_mutex_lock(&w->lock);
	next = h->due_us = more ? ended + MIN(ended - began, period_us) : began + period_us;
	pthread_mutex_unlock(&w->lock);
	return next;
}

void *
duties_do(void *arg)
{
	struct work *w = arg;

	while (!w->stopping) {
		int64_t next = INT64_MAX;
		for (size_t i = 0; i < COUNT(duties) && !w->stopping; i++)
			next = MIN(next, do_duty(w, &duties[i], &w->duty[i]));
		int64_t wait = MAX(next - sys_mono_us(w->c.clock), 1000);
		pthread_mutex_lock(&w->lock);
		if (!w->stopping)
			(void)sys_cond_wait_us(&w->duties, &w->lock, wait);
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}
