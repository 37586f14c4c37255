#include "kv/seen.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LOOK_US		500000
#define RENEW_US	2000000		/* while kv is away and somebody wrote: so that the next one need not wait for licences to end */
#define KEPT_US		3000000		/* the replicas are shut for so long behind a move, whatever happens; half of SEEN_SHUT_US */
#define MUTE_US		60000000	/* behind the last position that kv did not take */
#define TURN_US		20000

/* Outside of any transaction of ours: where the log stands, and what shut the replicas last. */
SQL_PG(SEEN_SCHEMA, look, "replica_gate.look", "SELECT " DB_POSITION ", turn, floor FROM replica_gate WHERE id = 1");
/* A floor of another timeline is one of another primary. */
SQL_PG(SEEN_SCHEMA, move, "replica_gate.move", "INSERT INTO replica_gate (id, turn, floor) VALUES (1, 1, " DB_POSITION ")"
    " ON CONFLICT (id) DO UPDATE SET turn = replica_gate.turn + 1,"
    " floor = GREATEST(excluded.floor, CASE WHEN replica_gate.floor >> 53 = excluded.floor >> 53 THEN replica_gate.floor END)");

/* A call, until kv has taken the position for each workspace that it concerned. */
struct parcel;
struct letter { struct kv_tale tale; struct parcel *of; };
struct parcel {
	struct parcel *next;
	struct seen *s;
	struct call *call;
	bool failed;
	_Atomic int left;
	struct letter letter[];
};

struct seen {
	struct seen_conf c;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	bool runs, stop;
	/* reading */
	_Atomic int64_t until_us, floor, links;	/* the licence: until when, from where on, and over which link to kv */
	int64_t last_turn, shut_until_us;	/* the thread's */
	bool looked;
	/* writing, under the lock */
	struct parcel *held;		/* kv did not take it */
	int64_t failed_us;		/* when that was last so */
	int64_t shut_us, moved_us;	/* the thread's: since when all licences end, 0: they do not; before the last move */
	_Atomic int64_t told, waited;
};

static int64_t mono(void) { return sys_mono_us(&sys_clock_real); }

/* --- telling --- */

static void
deliver(struct parcel *p)
{
	struct error e = { 0 };
	struct call *c = p->call;

	free(p);
	c->done(c, OK, &e);
}

static void
hold(struct parcel *p)
{
	struct seen *s = p->s;

	pthread_mutex_lock(&s->lock);
	bool stop = s->stop;
	if (!stop) {
		s->failed_us = mono();
		p->next = s->held;
		s->held = p;
		pthread_cond_signal(&s->turn);
	}
	pthread_mutex_unlock(&s->lock);
	if (stop)
		deliver(p);
	else
		atomic_fetch_add_explicit(&s->waited, 1, memory_order_relaxed);
}

/* On older tables nobody reads from replicas. */
static void
posted(struct parcel *p)
{
	if (p->failed && db_schema() >= SEEN_SCHEMA)
		hold(p);
	else
		deliver(p);
}

static void
taken(struct kv_tale *t, bool ok)
{
	struct parcel *p = ((struct letter *)t)->of;

	if (ok)
		atomic_fetch_add_explicit(&p->s->told, 1, memory_order_relaxed);
	else
		p->failed = true;		/* one thread of kv answers all */
	if (atomic_fetch_sub(&p->left, 1) == 1)
		posted(p);
}

static bool
tell(void *ctx, struct call *c, const ulid *workspaces, int n)
{
	struct seen *s = ctx;
	struct parcel *p = calloc(1, sizeof(*p) + (size_t)n * sizeof(*p->letter));
	int missed = 1;				/* ours, so that it stays until we are through */

	if (p == NULL)
		abort();
	*p = (struct parcel){ .s = s, .call = c, .left = n + 1 };
	for (int i = 0; i < n; i++) {
		struct letter *l = &p->letter[i];
		*l = (struct letter){ { .name = s->c.name(&workspaces[i]), .lsn = c->lsn, .done = taken }, p };
		if (c->lsn == 0 || !kv_wrote(s->c.kv, &l->tale))
			missed++;
	}
	if (missed > 1)
		p->failed = true;
	if (atomic_fetch_sub(&p->left, missed) == missed)
		posted(p);
	return true;
}

/* --- looking: on the thread --- */

struct gate { int64_t position, turn, floor; bool there; };

static enum err
read_gate(void *ctx, struct db *db, struct error *e)
{
	struct gate *g = ctx;
	struct rows r;

	*g = (struct gate){ 0 };
	TRY(db_query_(db, &look, &r, e, NULL, 0));
	if ((g->there = db_next(&r))) {
		g->position = db_col(&r, 0).i;
		g->turn = db_col(&r, 1).i;
		g->floor = db_col(&r, 2).i;
	}
	return db_done(&r, e);
}

enum err seen_shut(struct db *db, struct error *e) { return db_run_(db, &move, e, NULL, 0); }

static enum err
move_gate(void *ctx, struct db *db, struct error *e)
{
	(void)ctx;
	return seen_shut(db, e);
}

static void
look_up(struct seen *s)
{
	int64_t began = mono(), links = kv_links(s->c.kv);
	struct gate g;
	struct error e;

	if (db_schema() < SEEN_SCHEMA || engine_read(s->c.engine, read_gate, &g, &e) != OK)
		return;
	if (!g.there || DB_TIMELINE(g.floor) != DB_TIMELINE(g.position)) {	/* the first one there, or there since a promotion */
		atomic_store(&s->until_us, 0);
		(void)!engine_wait(s->c.engine, move_gate, NULL, &e);
		return;
	}
	if (!s->looked || g.turn != s->last_turn)
		s->shut_until_us = mono() + SEEN_SHUT_US;
	s->looked = true;
	s->last_turn = g.turn;
	/* a floor beyond the log is of another database, or of what was lost with one */
	int64_t floor = MAX(atomic_load(&s->floor), MIN(g.floor, g.position));
	if (links != atomic_load(&s->links)) {
		atomic_store(&s->until_us, 0);
		floor = MAX(floor, g.position);
	}
	atomic_store(&s->floor, MIN(floor, g.position));
	atomic_store(&s->links, links);
	atomic_store(&s->until_us, mono() >= s->shut_until_us ? began + SEEN_LEASE_US : 0);
}

static void
let_go(struct parcel *p)
{
	for (struct parcel *next; p != NULL; p = next) {
		next = p->next;
		deliver(p);
	}
}

static struct parcel *
take_held(struct seen *s)
{
	pthread_mutex_lock(&s->lock);
	struct parcel *p = s->held;
	s->held = NULL;
	pthread_mutex_unlock(&s->lock);
	return p;
}

static void
give_back(struct seen *s, struct parcel *p)
{
	struct parcel **end = &p;

	while (*end != NULL)
		end = &(*end)->next;
	pthread_mutex_lock(&s->lock);
	*end = s->held;
	s->held = p;
	pthread_mutex_unlock(&s->lock);
}

/* Whoever was held before this move began is done, once no licence from before is left. */
static void
shut(struct seen *s)
{
	struct parcel *covered = take_held(s);
	int64_t began = mono();
	struct error e;

	if (engine_wait(s->c.engine, move_gate, NULL, &e) != OK) {
		give_back(s, covered);
		return;
	}
	if (s->shut_us == 0 || began - s->moved_us > KEPT_US) {
		s->shut_us = mono();
		log_note(s->c.log, LOG_WARN, "replica", "what was written could not be told in `kv`: all nodes read from the primary until that works again");
	}
	s->moved_us = began;
	if (mono() < s->shut_us + SEEN_OVER_US)
		give_back(s, covered);
	else
		let_go(covered);
}

static bool
kv_is_away(const struct seen *s)
{
	struct kv_stats st;

	kv_stats(s->c.kv, &st);
	return !st.ok;
}

/* How long until there is something to do; *due: to shut. */
static int64_t
rest_us(struct seen *s, int64_t looked_us, bool *due)
{
	int64_t now = mono(), settled = s->shut_us + SEEN_OVER_US;
	bool waits = s->held != NULL, early = s->shut_us != 0 && now < settled && now - s->moved_us < RENEW_US;

	*due = (waits && !early) || (s->failed_us != 0 && now - s->failed_us < MUTE_US && now - s->moved_us >= RENEW_US && kv_is_away(s));
	return waits && !early ? 0 : waits ? MIN(MIN(settled - now, TURN_US), looked_us + LOOK_US - now) : looked_us + LOOK_US - now;
}

static void *
run(void *arg)
{
	struct seen *s = arg;
	int64_t looked_us = mono() - LOOK_US;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		bool due;
		int64_t us = rest_us(s, looked_us, &due);
		if (us > 0 && !due) {
			(void)sys_cond_wait_us(&s->turn, &s->lock, us);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		if (due)
			shut(s);
		if (mono() >= looked_us + LOOK_US) {
			looked_us = mono();
			look_up(s);
		}
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- for readers --- */

int64_t
seen_since(struct seen *s, int64_t wrote)
{
	if (s == NULL || wrote == KV_UNKNOWN || mono() >= atomic_load(&s->until_us) || kv_links(s->c.kv) != atomic_load(&s->links))
		return KV_UNKNOWN;
	return MAX(wrote, atomic_load(&s->floor));
}

void
seen_stats(struct seen *s, struct seen_stats *ret)
{
	*ret = (struct seen_stats){ 0 };
	if (s == NULL)
		return;
	ret->open = seen_since(s, 0) != KV_UNKNOWN;
	ret->told = atomic_load_explicit(&s->told, memory_order_relaxed);
	ret->held = atomic_load_explicit(&s->waited, memory_order_relaxed);
}

/* --- from first to last --- */

enum err
seen_open(const struct seen_conf *c, struct seen **ret, struct error *e)
{
	struct seen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->c = *c;
	atomic_store(&s->links, -1);
	pthread_mutex_init(&s->lock, NULL);
	sys_cond_init(&s->turn);
	enum err code = sys_thread(&s->thread, "seen", run, s, e);
	if (code != OK) {
		seen_free(s);
		return code;
	}
	s->runs = true;
	engine_on_told(c->engine, tell, s);
	*ret = s;
	return OK;
}

void
seen_stop(struct seen *s)
{
	if (s == NULL || !s->runs)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->turn);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	s->runs = false;
	engine_on_told(s->c.engine, NULL, NULL);
	let_go(take_held(s));
}

void
seen_free(struct seen *s)
{
	if (s == NULL)
		return;
	pthread_cond_destroy(&s->turn);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
