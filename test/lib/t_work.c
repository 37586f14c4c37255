#include "t_work.h"
#include "model/ledger.h"
#include "model/project.h"
#include <stdlib.h>
#include <time.h>

#define SETS_MAX	24
#define BASE_MS		INT64_C(1785758400000)		/* 2026-08-03 12:00 UTC */
static int64_t begin_ms = BASE_MS;

static void
need(enum err code, const struct error *e)
{
	if (code == OK)
		return;
	printf("Bail out! %s (%s:%d)\n", e->detail, e->file, e->line);
	exit(1);
}

/* --- an engine that breaks on cue --- */

/* The plan is the test's, the fault the engine's thread's: it takes the plan over where a transaction begins. */
struct t_fault {
	struct db_fault f;		/* first: the engine looks for it there */
	struct db_ops ops;
	const struct db_ops *under;
	_Atomic int kind, at;		/* at 0: no plan */
	_Atomic bool each, mended, fired;
};

static struct t_fault *fault_of(struct db *db) { return db->h; }

static void
tell(struct t_fault *t)
{
	if (t->f.fired)
		atomic_store(&t->fired, true);
}

static void
settle_down(struct t_fault *t)
{
	if (atomic_exchange(&t->mended, false)) {
		t->f.countdown = 0;
		t->f.fired = false;
	}
}

static enum err
begin(struct db *db, enum tx tx, struct error *e)
{
	struct t_fault *t = fault_of(db);
	int at = tx != TX_WRITE ? 0 : atomic_load(&t->each) ? atomic_load(&t->at) : atomic_exchange(&t->at, 0);

	settle_down(t);
	if (at > 0) {
		t->f.kind = (enum db_fault_kind)atomic_load(&t->kind);
		t->f.countdown = at;
	}
	enum err code = t->under->begin(db, tx, e);
	tell(t);
	return code;
}

static enum err
commit(struct db *db, struct error *e)
{
	enum err code = fault_of(db)->under->commit(db, e);

	tell(fault_of(db));
	return code;
}

static void
rollback(struct db *db)
{
	fault_of(db)->under->rollback(db);
	tell(fault_of(db));
}

static enum err
query(struct db *db, const struct stmt *q, const struct val *v, int n, struct rows *r, struct error *e)
{
	settle_down(fault_of(db));
	enum err code = fault_of(db)->under->query(db, q, v, n, r, e);
	tell(fault_of(db));
	return code;
}

static struct db
wrap(void *ctx, struct db real)
{
	struct t_fault *t = ctx;
	struct db db = db_fault_wrap(&t->f, real);

	t->under = db.ops;
	t->ops = *db.ops;
	t->ops.begin = begin;
	t->ops.commit = commit;
	t->ops.rollback = rollback;
	t->ops.query = query;
	return (struct db){ &t->ops, t };
}

void
t_break(struct t_house *h, enum db_fault_kind kind, int n, bool each)
{
	atomic_store(&h->fault->fired, false);
	atomic_store(&h->fault->mended, true);
	atomic_store(&h->fault->kind, (int)kind);
	atomic_store(&h->fault->each, each);
	atomic_store(&h->fault->at, n);
}

bool
t_mend(struct t_house *h)
{
	atomic_store(&h->fault->each, false);
	atomic_store(&h->fault->at, 0);
	atomic_store(&h->fault->mended, true);
	return atomic_load(&h->fault->fired);
}

/* --- the house --- */

static void
load_conf(struct t_house *h, const char *sets)
{
	static const char usual[] = "rate_read=0 rate_write=0 rate_jobs=0 rate_uploads=0 bench=true workers=2 job_poll=10 log_level=warn ";
	str rest = str_fmt(&h->a, "%s%s", usual, sets);
	const char *v[SETS_MAX];
	struct error e;
	int n = 0;

	while (rest.p != NULL && n < SETS_MAX) {
		str one = str_split(&rest, ' ');
		if (one.n != 0)
			v[n++] = str_dup(&h->a, one).p;
	}
	need(conf_load(&h->conf, NULL, NULL, v, n, &e), &e);
}

static const struct conf *settings(void *ctx) { return &((struct t_house *)ctx)->conf; }

void
t_work_open(struct t_house *h, unsigned flags)
{
	struct work_conf wc = { .settings = settings, .ctx = h, .engine = h->engine, .log = h->log, .clock = &h->clock.c };
	struct error e;

	if (flags & T_HANDS)
		need(work_open(&wc, &h->work, &e), &e);
	else {
		h->work = work_idle(&wc);
		h->work->nthreads = 1;		/* room for one token */
	}
}

static void
open_engine(struct t_house *h, unsigned flags)
{
	struct engine_conf ec = t_db_conf(h->t);

	ec.clock = &h->clock.c;
	ec.readers_max = 16;
	ec.queue_max = (int)h->conf.db_queue;
	ec.lock_ms = h->conf.db_lock;
	if (flags & T_FAULTS) {
		ec.pool = 1;
		ec.wrap = wrap;
		ec.wrap_ctx = h->fault = calloc(1, sizeof(*h->fault));
	}
	h->engine = t_db_engine(&ec);
}

void
t_house_open(struct t_house *h, struct t_db *t, unsigned flags, const char *sets)
{
	static int made;
	struct error e;

	if (!crypto_init())
		abort();
	*h = (struct t_house){ .t = t };
	arena_init(&h->a, 64 << 20);
	sys_clock_test_init(&h->clock, begin_ms);
	load_conf(h, sets);
	snprintf(h->log_path, sizeof(h->log_path), "%s/log%d", t_dir(), ++made);
	need(log_open(h->log_path, LOG_LOGFMT, (enum log_level)h->conf.log_level, &sys_clock_real, &h->log, &e), &e);
	t_db_schema(t);
	open_engine(h, flags);
	t_workspace(h, PLAN_ENTERPRISE, &h->ws, &h->project);
	t_work_open(h, flags);
}

struct closing { struct work *w; _Atomic bool over; };

static void *
close_work(void *arg)
{
	struct closing *c = arg;

	work_close(c->w);
	atomic_store(&c->over, true);
	return NULL;
}

/* A job that waits for a provider looks up every 100 ms of the clock: it has to go on meanwhile. */
void
t_work_close(struct t_house *h)
{
	struct closing c = { .w = h->work };
	pthread_t thread;

	if (h->work == NULL)
		return;
	if (h->work->thread == NULL)
		h->work->nthreads = 0;
	int64_t step_ms = h->work->nthreads > 0 ? 100 : 0;
	pthread_create(&thread, NULL, close_work, &c);
	for (; !atomic_load(&c.over); t_pause())
		t_move(h, step_ms);
	pthread_join(thread, NULL);
	h->work = NULL;
}

void
t_house_close(struct t_house *h)
{
	t_work_close(h);
	engine_close(h->engine);
	log_close(h->log);
	conf_free(&h->conf);
	arena_free(&h->a);
	free(h->fault);
	begin_ms = time_day(t_now(h)) + DAY_MS + DAY_MS / 2;
}

void t_move(struct t_house *h, int64_t ms) { atomic_fetch_add(&h->clock.ms, ms); }
int64_t t_now(const struct t_house *h) { return h->clock.ms; }

void
t_pause(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

void
t_write(struct t_house *h, enum err (*run)(void *, struct db *, struct error *), void *ctx)
{
	struct error e;

	need(engine_wait(h->engine, run, ctx, &e), &e);
}

/* --- rows --- */

struct tenant { struct workspace w; struct project p; status_id ids[PROJECT_COLUMNS]; };

static enum err
put_tenant(void *ctx, struct db *db, struct error *e)
{
	struct tenant *t = ctx;

	TRY(workspace_insert(db, &t->w, e));
	return project_insert(db, t->w.id, &t->p, t->ids, e);
}

void
t_workspace(struct t_house *h, int plan, workspace_id *ws, project_id *project)
{
	struct tenant t = { .w = { .id = { sys_ulid(&h->clock.c) }, .name = S("Acme"), .plan = plan, .subscription = SUB_ACTIVE },
	    .p = { .id = { sys_ulid(&h->clock.c) }, .name = S("Ada"), .type = PT_PERSONAL_BRAND, .status = PS_ACTIVE } };

	for (int i = 0; i < PROJECT_COLUMNS; i++)
		t.ids[i] = (status_id){ sys_ulid(&h->clock.c) };
	t_write(h, put_tenant, &t);
	*ws = t.w.id;
	*project = t.p.id;
}

struct put_job { struct t_house *h; struct job j; str input; int64_t reserved; };

static enum err
put_job(void *ctx, struct db *db, struct error *e)
{
	struct put_job *p = ctx;
	struct workspace w = { .id = p->h->ws, .plan = PLAN_ENTERPRISE };

	TRY(spend_reserve(db, &p->h->a, &w, t_now(p->h), p->reserved, e));
	return job_insert(db, p->h->ws, &p->j, p->input, t_now(p->h), t_now(p->h) * 1000, p->reserved, e);
}

job_id
t_job(struct t_house *h, int type, const char *input, int64_t reserved)
{
	struct generation g = { .text = S("We changed one form. Support calls fell by half. Nobody missed the old fields."),
	    .length = -1, .scheduled_for = TIME_NONE };
	struct put_job p = { .h = h, .j = { .id = { sys_ulid(&h->clock.c) }, .type = type, .project = h->project }, .reserved = reserved };

	p.input = input != NULL ? str_z(input) : generation_input(&h->a, &g);
	t_write(h, put_job, &p);
	return p.j.id;
}

void
t_get_job(struct t_house *h, job_id id, struct job *ret)
{
	struct db db = t_db_open(h->t);		/* of its own: the engine may be about to break */
	struct error e;

	rec_init(&job_rec, ret);
	need(job_get(&db, &h->a, h->ws, id, ret, &e), &e);
	db.ops->close(&db);
}

int64_t
t_count(struct t_house *h, const char *from)
{
	char sql[400];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", from);
	return t_db_count(h->t, sql);
}

SQL(tally, "t.tally", "SELECT (SELECT count(*) FROM note), (SELECT count(*) FROM post),"
    " (SELECT count(*) FROM source s JOIN source_text t ON t.workspace = s.workspace AND t.source = s.id),"
    " (SELECT count(*) FROM job), (SELECT count(*) FROM event),"
    " (SELECT count(*) FROM idempotency), (SELECT count(*) FROM audit), CAST((SELECT COALESCE(sum(reserved), 0) FROM spend) AS {i64}),"
    " CAST((SELECT COALESCE(sum(spent), 0) FROM spend) AS {i64}), (SELECT count(*) FROM post_status s WHERE"
    " (SELECT count(*) FROM post p WHERE p.workspace = s.workspace AND p.status_id = s.id) <>"
    " (SELECT COALESCE(sum(c.posts), 0) FROM post_count c WHERE c.workspace = s.workspace AND c.status_id = s.id)),"
    " (SELECT count(*) FROM project) + (SELECT count(*) FROM folder) + (SELECT count(*) FROM post_status) + (SELECT count(*) FROM api_key)"
    " + (SELECT count(*) FROM person) + (SELECT count(*) FROM membership) + (SELECT count(*) FROM knowledge) + (SELECT count(*) FROM upload)"
    " + (SELECT count(*) FROM voice_sample) + (SELECT count(*) FROM pillar)"
    " + (SELECT count(*) FROM invitation) + (SELECT count(*) FROM consent WHERE revoked_at IS NULL),"
    " (SELECT count(*) FROM knowledge_unlisted)");

static enum err
read_tally(void *ctx, struct db *db, struct error *e)
{
	int64_t *v = ctx;
	struct rows r;

	TRY(db_query_(db, &tally, &r, e, NULL, 0));
	if (db_next(&r))
		for (int i = 0; i < 12; i++)
			v[i] = db_col(&r, i).i;
	return db_done(&r, e);
}

struct t_tally
t_tally(struct t_house *h)
{
	struct error e;
	int64_t v[12];

	need(engine_read(h->engine, read_tally, v, &e), &e);
	return (struct t_tally){ v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11] };
}

bool
t_same(const struct t_tally *a, const struct t_tally *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* --- steps --- */

void
t_run_init(struct t_house *h, struct run *r)
{
	*r = (struct run){ .w = h->work };
	arena_init(&r->a, 64 << 20);
}

enum err
t_step(struct t_house *h, struct run *r, bool *took, struct error *e)
{
	r->conf = &h->conf;
	TRY(step(h->work, r, true, took, e));
	if (!*took)
		return OK;
	r->conf = &h->conf;
	r->kind = kind_of(r->task.type);
	r->began_ms = t_now(h);
	board_started(h->work->board, &r->task);
	return OK;
}

void t_run_free(struct run *r) { arena_free(&r->a); }
