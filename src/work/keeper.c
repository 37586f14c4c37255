/* keeper -- what each node does for itself: signs of life for the jobs that it runs and for itself, polling under the wake-ups, waits
 * that run out or whose job ended on another node. */
#include "work/work_priv.h"

#define RECALL_US	INT64_C(900000000)	/* between two looks at how long jobs take */
#define LATE_US		INT64_C(250000)
#define FOLLOW_US	INT64_C(20000)	/* from the first word of a step to the look for all */
#define BURY_MS		DAY_MS		/* after which the row of a dead node goes */

static const struct conf *settings(const struct work *w) { return w->c.settings(w->c.ctx); }

/* --- signs of life --- */

static enum err
renew(void *ctx, struct db *db, struct error *e)
{
	struct work *w = ctx;
	int64_t until = sys_wall_ms(w->c.clock) + settings(w)->lease;
	ulid held[HANDS_MAX];
	int n = board_held(w->board, held);

	for (int i = 0; i < n; i++)
		TRY(job_renew(db, (str){ held[i].s, 26 }, until, e));
	return OK;
}

static void
sign_of_life(struct work *w)
{
	struct work_stats st;
	struct error e;

	board_stats(w->board, &st);
	if (st.running > 0)
		(void)work_told(w, "lease", engine_wait(w->c.engine, renew, w, &e), &e);
}

/* This node's own, and who else is there. */
static enum err
pulse(void *ctx, struct db *db, struct error *e)
{
	struct work *w = ctx;
	struct node me = w->c.node, *all;
	struct arena a;
	struct buf b;
	int n = 0, live = 0, serve = 0;

	me.seen_at = sys_wall_ms(w->c.clock);
	arena_init(&a, 4 << 20);
	buf_init(&b, &a, 1 << 16);
	conf_shared(settings(w), &b);
	me.settings = buf_str(&b);
	all = NEW_N(&a, struct node, NODES_MAX);
	enum err code = node_say(db, &me, e);
	if (code == OK)
		code = node_list(db, &a, all, &n, e);
	for (int i = 0; code == OK && i < n; i++) {
		bool lives = me.seen_at - all[i].seen_at < NODE_DEAD_MS;
		live += lives;
		serve += lives && !str_eq(all[i].role, S("worker"));	/* who counts callers */
		if (me.seen_at - all[i].seen_at > BURY_MS)
			code = node_bury(db, all[i].id, me.seen_at - BURY_MS, e);
	}
	arena_free(&a);
	w->live = MAX(live, 1);
	kv_nodes(w->c.kv, MAX(serve, 1));
	return code;
}

static void
be_there(struct work *w)
{
	struct error e;

	if (!id_set(w->c.node.id) || engine_embedded(w->c.engine) || db_schema() < NODE_SCHEMA)
		return;
	(void)work_told(w, "node", engine_wait(w->c.engine, pulse, w, &e), &e);
	duties_hold(w);
}

static enum err
ask_time(void *ctx, struct db *db, struct error *e)
{
	return db_clock(db, ((struct work *)ctx)->c.shared, e);
}

static void
set_clock(struct work *w)
{
	struct error e;

	if (w->c.shared != NULL)
		(void)work_told(w, "clock", engine_read(w->c.engine, ask_time, w, &e), &e);
}

/* --- polling --- */

/* How far the jobs are whose steps somebody here is told. */
static enum err
look_at_steps(void *ctx, struct db *db, struct error *e)
{
	struct work *w = ctx;
	struct job_key some[JOBS_ASKED];
	struct waited from = { .follows = true };
	struct arena a;
	int n;
	enum err code = OK;

	arena_init(&a, 1 << 16);
	while (code == OK && progress_shared(db) && (n = board_waited(w->board, &from, some, JOBS_ASKED)) != 0) {
		struct job_progress is[JOBS_ASKED];
		for (int i = 0; i < n; i++)
			is[i].updated_at = TIME_NONE;
		code = progress_some(db, &a, some, n, is, e);
		for (int i = 0; i < n && code == OK; i++)
			if (is[i].updated_at != TIME_NONE)
				board_heard(w->board, &some[i], &is[i]);
		arena_reset(&a);
	}
	arena_free(&a);
	return code;
}

/* What this node waits for may have ended on another one, and its word may be lost.  Steps first: who is woken is told no more of them. */
static enum err
look_at_waited(void *ctx, struct db *db, struct error *e)
{
	struct work *w = ctx;
	struct job_key some[JOBS_ASKED];
	struct waited from = { 0 };
	bool ended[JOBS_ASKED];
	int n;

	TRY(look_at_steps(ctx, db, e));
	while ((n = board_waited(w->board, &from, some, JOBS_ASKED)) != 0) {
		TRY(job_ended(db, some, n, ended, e));
		for (int i = 0; i < n; i++)
			if (ended[i])
				board_gone(w->board, &some[i].id);
	}
	return OK;
}

static void
read_waited(struct work *w, enum err (*run)(void *, struct db *, struct error *))
{
	struct error e;

	if (!engine_embedded(w->c.engine) && board_waits(w->board))
		(void)work_told(w, "wait", engine_read(w->c.engine, run, w, &e), &e);
}

static void
look(struct work *w)
{
	work_wake_here(w);
	tell_progress(w);
	read_waited(w, look_at_waited);
}

static void follow(struct work *w) { read_waited(w, look_at_steps); }

/* How long jobs take is known of those that ran here; the others' come with the next look. */
static void
recall(struct work *w)
{
	struct error e;

	if (!engine_embedded(w->c.engine))
		(void)work_told(w, "estimate", engine_read(w->c.engine, work_recall, w, &e), &e);
}

/* --- waits that the keeper is late for --- */

/* It may stand for as long as an outage of PostgreSQL lasts; whoever waits for a job is answered when the time is up. */
void *
late_do(void *arg)
{
	struct work *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stopping) {
		pthread_mutex_unlock(&w->lock);
		int64_t next = board_expire(w->board, LATE_US);
		pthread_mutex_lock(&w->lock);
		if (!w->stopping && !w->poke_late)
			(void)sys_cond_wait_us(&w->late, &w->lock, next >= 0 ? MAX(next, 1000) : RECALL_US);
		w->poke_late = false;
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* --- the thread --- */

static int64_t heartbeat_us(const struct conf *c) { return MIN(c->heartbeat, MAX(c->lease / 3, 1)) * 1000; }
static int64_t poll_us(const struct conf *c) { return c->job_poll * 1000; }
static int64_t pulse_us(const struct conf *c) { return duty_pulse_ms(c) * 1000; }
static int64_t seldom_us(const struct conf *c) { (void)c; return RECALL_US; }

/* soon_us: how long after a hint it is due, so that many hints are one. */
struct round { void (*run)(struct work *); int64_t (*period_us)(const struct conf *); int64_t soon_us, due; };

static int64_t
go_round(struct work *w, struct round *r, size_t n, int64_t now)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < n; i++) {
		if (r[i].due <= now) {
			r[i].run(w);
			r[i].due = sys_mono_us(w->c.clock) + r[i].period_us(settings(w));
		}
		next = MIN(next, r[i].due);
	}
	return next;
}

/* Those that were hinted at, sooner than they would be. */
static void
take_hints(struct work *w, struct round *r, size_t n)
{
	int64_t now = sys_mono_us(w->c.clock);

	for (size_t i = 0; i < n; i++)
		if (w->hints >> i & 1)
			r[i].due = MIN(r[i].due, now + r[i].soon_us);
	w->hints = 0;
}

void *
keeper_do(void *arg)
{
	struct work *w = arg;
	struct round rounds[] = { [KEEP_LOOK] = { look, poll_us, 0, 0 }, [KEEP_TELL] = { tell_progress, seldom_us, TELL_MS * 1000, 0 },
		[KEEP_FOLLOW] = { follow, seldom_us, FOLLOW_US, 0 }, { sign_of_life, heartbeat_us, 0, 0 }, { set_clock, pulse_us, 0, 0 }, { be_there, pulse_us, 0, 0 },
		{ recall, seldom_us, 0, sys_mono_us(w->c.clock) + RECALL_US } };

	while (!w->stopping) {
		int64_t now = sys_mono_us(w->c.clock), next = go_round(w, rounds, COUNT(rounds), now), wait;
		now = sys_mono_us(w->c.clock);
		int64_t expire = board_expire(w->board, 0);
		wait = MAX(next - now, 1000);
		if (expire >= 0)
			wait = MIN(wait, MAX(expire, 100));
		pthread_mutex_lock(&w->lock);
		if (!w->stopping && !w->poke && w->hints == 0)
			(void)sys_cond_wait_us(&w->keeper, &w->lock, wait);
		take_hints(w, rounds, COUNT(rounds));
		w->poke = false;
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}
