#include "model/ledger.h"
#include "work/work_priv.h"
#include "model/knowledge.h"
#include "model/project.h"
#include "model/request.h"
#include "model/upload.h"
#include "model/vacate.h"
#include <stdio.h>
#include <stdlib.h>

#define RUN_BUDGET	((size_t)64 << 20)
#define SLICE		500		/* rows of a table deleted in one transaction, */
#define STEP		8		/* and in one statement where others wait for the writer; */
#define HOLD_US		1500		/* then no other statement is begun after that, and with its commit it is under 5 ms */
#define PAUSE_US	1000000		/* after a step that the database refused */
#define CLEAN_US	20000		/* after that cleaning makes room for the keeper's other duties */
#define BACKOFF_MOST	DAY_MS

static const struct conf *settings(const struct work *w) { return w->c.settings(w->c.ctx); }

/* --- the kinds of job --- */

static void
noop(struct run *r)
{
	r->verdict = V_DONE;
	r->result = S("{}");
}

static const struct kind noop_kind = { JT_NOOP, noop, NULL, NULL, false };

const struct kind *
kind_of(int type)
{
	static const struct kind *const kinds[] = { &generate_kind, &file_kind, &analyse_kind, &remove_kind, &noop_kind };

	for (int i = 0; i < ingest_nkinds; i++)
		if (ingest_kinds[i].type == type)
			return &ingest_kinds[i];
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (kinds[i]->type == type)
			return kinds[i];
	return NULL;
}

/* --- ways to end --- */

void
run_fail(struct run *r, const char *code, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->verdict = V_FAILED;
	r->code = code;
	r->message = str_dup(&r->a, str_z(text));
}

void
run_project_gone(struct run *r)
{
	run_fail(r, "project_gone", "The project of this job is gone. Choose another one and submit again.");
}

enum err
run_project(struct run *r, struct db *db, bool *stands, struct error *e)
{
	enum err code = project_exists(db, r->task.workspace, r->task.project, e);

	*stands = code == OK;
	if (code == E_NOT_FOUND)
		run_project_gone(r);
	return code == E_NOT_FOUND ? OK : code;
}

bool run_stopping(const struct run *r) { return r->w->stopping; }

void
run_retry(struct run *r, const char *code, int after_s, const char *why)
{
	int64_t used = r->task.attempts - r->task.lost_leases, pause = r->conf->job_backoff;

	if (run_stopping(r)) {
		r->verdict = V_RETURNED;
		return;
	}
	if (used >= r->conf->job_attempts) {
		run_fail(r, code, "%s", why);
		return;
	}
	for (int64_t i = 1; i < used && pause < BACKOFF_MOST; i++)
		pause *= 5;
	r->verdict = V_AGAIN;
	r->run_at = sys_wall_ms(r->w->c.clock) + MAX(MIN(pause, BACKOFF_MOST), (int64_t)after_s * 1000);
}

/* --- a worker --- */

static void
log_job(const struct run *r)
{
	static const char *const words[] = { [V_DONE] = "done", [V_FAILED] = "failed", [V_AGAIN] = "again", [V_RETURNED] = "returned" };
	struct log_line l;

	log_begin(r->w->c.log, &l, r->verdict == V_DONE ? LOG_INFO : LOG_WARN, "job");
	log_str(&l, "job", id_text((struct arena *)(uintptr_t)&r->a, ID_job, &r->task.id.u));
	log_str(&l, "type", str_z(job_type_words.v[r->task.type]));
	log_str(&l, "end", str_z(words[r->verdict]));
	log_i64(&l, "attempt", r->task.attempts);
	log_i64(&l, "ms", sys_wall_ms(r->w->c.clock) - r->began_ms);
	if (r->verdict == V_FAILED) {
		log_str(&l, "code", str_z(r->code));
		log_str(&l, "why", r->message);
	}
	log_end(r->w->c.log, &l);
}

/* --- lengthy jobs leave room for the others --- */

#define APART_MS	25		/* between two that were sent away: so seldom do they ask again, however many there are */

/* Sends away a lengthy job for which there is no worker now; they come back one by one, in their order. */
static bool
send_away(struct run *r)
{
	struct work *w = r->w;

	if (!r->kind->lengthy || w->lengthy++ < MAX(r->conf->workers / 2, 1))
		return false;
	w->lengthy--;
	pthread_mutex_lock(&w->lock);
	w->held_until = MAX(w->held_until, sys_wall_ms(w->c.clock)) + APART_MS;
	r->run_at = w->held_until;
	pthread_mutex_unlock(&w->lock);
	r->verdict = V_RETURNED;
	return true;
}

static void
run_kind(struct run *r)
{
	r->kind->run(r);
	if (r->kind->lengthy)
		r->w->lengthy--;
}

static void
run_job(struct run *r)
{
	r->conf = settings(r->w);
	r->kind = kind_of(r->task.type);
	r->began_ms = sys_wall_ms(r->w->c.clock);
	board_started(r->w->board, &r->task);
	bool away = r->kind != NULL && send_away(r);
	if (r->kind == NULL)
		run_fail(r, "internal_error", "This server does not run jobs of this type. Submit it to a newer one.");
	else if (!away)
		run_kind(r);
	if (r->task.type != JT_NOOP && !away)
		log_job(r);
}

/* Sleeps until a token is there.  False: the end. */
static bool
take_token(struct work *w)
{
	pthread_mutex_lock(&w->lock);
	while (w->tokens == 0 && !w->stopping)
		pthread_cond_wait(&w->jobs, &w->lock);
	bool go = !w->stopping;
	if (go)
		w->tokens--;
	pthread_mutex_unlock(&w->lock);
	return go;
}

static void
pause_after(struct work *w, const struct error *e)
{
	log_note(w->c.log, LOG_ERROR, "job", "the database refuses: %s", e->detail);
	pthread_mutex_lock(&w->lock);
	if (!w->stopping)
		(void)sys_cond_wait_us(&w->pause, &w->lock, PAUSE_US);
	pthread_mutex_unlock(&w->lock);
}

/* The next step, however often the database refuses.  A lost lease costs the work, not the worker. */
static bool
step_through(struct work *w, struct run *r, bool *took)
{
	struct error e;

	for (;;) {
		enum err code = step(w, r, !w->stopping, took, &e);
		if (code == OK)
			return true;
		if (code == E_CONFLICT) {
			log_note(w->c.log, LOG_WARN, "job", "%s", e.detail);
			board_dropped(w->board, &r->task);
			arena_free(&r->a);
			*r = (struct run){ .w = w, .conf = settings(w) };
			arena_init(&r->a, RUN_BUDGET);
			continue;
		}
		if (w->stopping)
			return false;		/* what it held comes back when its lease ends */
		pause_after(w, &e);
	}
}

static void *
worker(void *arg)
{
	struct work *w = arg;
	struct run r = { .w = w };
	bool took;

	sys_thread_yields(SYS_NICE_JOB);		/* a text of a megabyte is cut and counted for half a second */
	arena_init(&r.a, RUN_BUDGET);
	while (take_token(w)) {
		do {
			r.conf = settings(w);
			if (!step_through(w, &r, &took))
				break;
			if (took) {
				work_wake(w);		/* there may be more than one */
				run_job(&r);
			}
		} while (took);
	}
	arena_free(&r.a);
	return NULL;
}

void
work_wake(struct work *w)
{
	pthread_mutex_lock(&w->lock);
	if (w->tokens < w->nthreads) {
		w->tokens++;
		pthread_cond_signal(&w->jobs);
	}
	pthread_mutex_unlock(&w->lock);
}

/* --- the keeper --- */

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

struct cleaning {
	struct work *w;
	workspace_id at, next;
	int64_t gone;
	bool last;
	workspace_id of;
	struct upload_doomed doomed;	/* of that workspace: their bytes are next */
};

static enum err
sweep_requests(struct db *db, const struct conf *conf, workspace_id w, int64_t now, int slice, int64_t *ret, struct error *e)
{
	int64_t gone;

	TRY(request_log_clean(db, w, now - conf->request_log_days * DAY_MS, slice, ret, e));
	TRY(request_log_trim(db, w, 0, conf->request_log_rows, slice, &gone, e));
	*ret += gone;
	TRY(usage_clean(db, w, now / DAY_MS - conf->keep_usage, slice, &gone, e));
	*ret += gone;
	return OK;
}

/* At most `slice` rows of each table. */
static enum err
sweep(struct db *db, const struct conf *conf, workspace_id w, int64_t now, int slice, int64_t *ret, struct error *e)
{
	int64_t jobs, requests;

	TRY(ledger_clean(db, w, now - conf->keep_idempotency * 3600000, now - conf->keep_audit * DAY_MS, now - conf->keep_events * DAY_MS, slice, ret, e));
	TRY(job_clean(db, w, now - conf->keep_jobs * DAY_MS, slice, &jobs, e));
	TRY(sweep_requests(db, conf, w, now, slice, &requests, e));
	*ret += jobs + requests;
	return OK;
}

/* Where one writer serves all, few rows at a time and a look at the clock: how long rows take depends on their sizes and on the
 * disk.  A transaction of its own holds up nobody. */
static enum err
sweep_a_while(struct cleaning *c, struct db *db, workspace_id w, struct error *e)
{
	const struct sys_clock *clock = c->w->c.clock;
	int64_t began = sys_mono_us(clock), gone = 1;
	int step = engine_embedded(c->w->c.engine) ? STEP : SLICE;

	c->of = w;
	int64_t now = sys_wall_ms(clock);
	TRY(upload_doom(db, w, now - settings(c->w)->keep_uploads * 3600000, now, &c->doomed, e));
	c->gone = c->doomed.met;
	for (int rows = 0; gone > 0 && rows < SLICE && sys_mono_us(clock) - began <= HOLD_US; rows += step) {
		TRY(sweep(db, settings(c->w), w, sys_wall_ms(clock), step, &gone, e));
		c->gone += gone;
	}
	return OK;
}

/* One workspace, one slice. */
static enum err
clean(void *ctx, struct db *db, struct error *e)
{
	struct cleaning *c = ctx;
	struct workspace ws;
	struct arena a;
	int n;

	arena_init(&a, 1 << 16);
	enum err code = workspace_page(db, &a, c->at, 1, &ws, &n, e);
	c->last = n == 0;
	c->next = c->at;
	if (code == OK && n == 1) {
		code = sweep_a_while(c, db, ws.id, e);
		if (c->gone == 0)
			c->next = ws.id;	/* nothing left here: on to the next one */
	}
	arena_free(&a);
	return code;
}

static enum err
forget_uploads(void *ctx, struct db *db, struct error *e)
{
	const struct cleaning *c = ctx;

	for (int i = 0; i < c->doomed.n; i++) {
		if (c->doomed.external[i])
			TRY(remove_enqueue(c->w, db, c->of, c->doomed.id[i], e));
		TRY(upload_forget(db, c->of, c->doomed.id[i], e));
	}
	return OK;
}

/* Bytes first: a row that is still there is met again.  Never in a transaction: to remove a large file takes its time.  What is in a
 * bucket is left to a job, for the keeper must not wait for a network. */
static enum err
clear_uploads(struct cleaning *c, struct error *e)
{
	struct disk *disk = c->w->c.disk;

	for (int i = 0; disk != NULL && i < c->doomed.n; i++)
		TRY(disk_remove(disk, blobs_file(&c->of, &c->doomed.id[i]).s, e));
	return c->doomed.n > 0 ? engine_wait(c->w->c.engine, forget_uploads, c, e) : OK;
}

static void clean_from_the_top(struct work *w) { memset(w->clean_at.u.s, 'Z', 26); }

/* Up to the first slice that held something. */
static bool
clean_some(struct work *w)
{
	struct cleaning c = { .w = w };
	struct error e;

	for (int64_t until = sys_mono_us(w->c.clock) + CLEAN_US; !w->stopping && c.gone == 0 && sys_mono_us(w->c.clock) < until; w->clean_at = c.next) {
		c.at = w->clean_at;
		c.doomed.n = 0;
		enum err code = engine_wait(w->c.engine, clean, &c, &e);
		if (code == OK)
			code = clear_uploads(&c, &e);
		if (code != OK)
			log_note(w->c.log, LOG_WARN, "clean", "%s", e.detail);
		if (code != OK || c.last) {
			clean_from_the_top(w);
			return false;
		}
	}
	return true;
}

/* --- notes and posts of what was deleted move on --- */

struct moving { struct work *w; struct vacated v; bool found; int moved; };

static enum err
find_vacated(void *ctx, struct db *db, struct error *e)
{
	struct moving *m = ctx;
	return vacate_next(db, &m->v, &m->found, e);
}

static enum err
move_slice(void *ctx, struct db *db, struct error *e)
{
	struct moving *m = ctx;
	struct arena a;

	arena_init(&a, RUN_BUDGET);
	enum err code = vacate_step(db, &a, m->w->c.clock, &m->v, &m->moved, e);
	arena_free(&a);
	return code;
}

static bool
move_on(struct work *w)
{
	struct moving m = { .w = w };
	struct error e;

	for (int64_t until = sys_mono_us(w->c.clock) + CLEAN_US; !w->stopping && sys_mono_us(w->c.clock) < until; w->move_at = m.v) {
		m.v = w->move_at;
		enum err code = engine_read(w->c.engine, find_vacated, &m, &e);
		if (code == OK && m.found)
			code = engine_wait(w->c.engine, move_slice, &m, &e);
		if (code != OK)
			log_note(w->c.log, LOG_WARN, "move", "%s", e.detail);
		if (code != OK || !m.found) {
			bool again = code == OK && w->moved;
			w->move_at = (struct vacated){ .since = 0 };
			w->moved = false;
			return again;
		}
		w->moved |= m.moved > 0;
	}
	return true;
}

/* --- knowledge documents that nobody writes any more are emptied --- */

struct emptying { struct work *w; workspace_id workspace; document_id document; job_id job; bool found, left, more; };

/* The next unlisted document, and whether its job will do nothing to it any more. */
static enum err
find_unlisted(void *ctx, struct db *db, struct error *e)
{
	struct emptying *m = ctx;
	struct arena a;
	struct job j;

	TRY(unlisted_next(db, &m->workspace, &m->document, &m->job, &m->found, e));
	m->left = m->found && !id_set(m->job);
	if (!m->found || m->left)
		return OK;
	arena_init(&a, RUN_BUDGET);
	enum err code = job_get(db, &a, m->workspace, m->job, &j, e);
	m->left = code == E_NOT_FOUND || (code == OK && j.status != JS_QUEUED && j.status != JS_RUNNING);
	arena_free(&a);
	return code == E_NOT_FOUND ? OK : code;
}

/* Asked anew in the transaction itself: between the two looks of find_unlisted the job may have listed its document and ended, and that is nobody's to empty. */
static enum err
empty_slice(void *ctx, struct db *db, struct error *e)
{
	struct emptying *m = ctx;
	struct arena a;

	TRY(unlisted_hold(db, m->workspace, m->document, &m->more, e));
	if (!m->more)
		return OK;
	arena_init(&a, RUN_BUDGET);
	enum err code = document_empty(db, &a, m->workspace, m->document, &m->more, e);
	if (code == OK && !m->more)
		code = unlisted_forget(db, m->workspace, m->document, e);
	arena_free(&a);
	return code;
}

/* Goes on where it was: many documents may be waiting for their jobs, and to look at each takes a while, too. */
static bool
empty_some(struct work *w)
{
	struct emptying m = { .w = w, .workspace = w->empty_at, .document = w->empty_behind, .found = true };
	bool emptied = false;
	struct error e;

	for (int64_t until = sys_mono_us(w->c.clock) + CLEAN_US; !w->stopping && m.found && sys_mono_us(w->c.clock) < until;) {
		enum err code = engine_read(w->c.engine, find_unlisted, &m, &e);
		m.more = code == OK && m.left;
		while (code == OK && m.more && !w->stopping) {
			code = engine_wait(w->c.engine, empty_slice, &m, &e);
			emptied = true;
		}
		if (code != OK) {
			log_note(w->c.log, LOG_WARN, "knowledge", "%s", e.detail);
			return false;
		}
	}
	w->empty_at = m.found ? m.workspace : (workspace_id){ .u = { "" } };
	w->empty_behind = m.found ? m.document : (document_id){ .u = { "" } };
	return m.found && emptied;
}

/* Duties with a period each; run returns whether there is more to do.  Then it rests for as long as it took. */
struct duty { bool (*run)(struct work *); int64_t (*period_us)(const struct conf *); int64_t due; };

static bool
sign_of_life(struct work *w)
{
	struct work_stats st;
	struct error e;

	board_stats(w->board, &st);
	if (st.running > 0 && engine_wait(w->c.engine, renew, w, &e) != OK)
		log_note(w->c.log, LOG_WARN, "lease", "not renewed: %s", e.detail);
	return false;
}

static bool
give_back(struct work *w)
{
	struct error e;
	int n;

	if (step_lost(w, sys_wall_ms(w->c.clock), &n, &e) != OK)
		log_note(w->c.log, LOG_WARN, "lease", "%s", e.detail);
	else if (n > 0)
		work_wake(w);
	return false;
}

static bool look(struct work *w) { work_wake(w); return false; }

static int64_t heartbeat_us(const struct conf *c) { return MIN(c->heartbeat, MAX(c->lease / 3, 1)) * 1000; }
static int64_t reap_us(const struct conf *c) { return MAX(c->lease / 3, 50) * 1000; }
static int64_t poll_us(const struct conf *c) { return c->job_poll * 1000; }
static int64_t clean_us(const struct conf *c) { return c->clean_interval * 1000000; }

static int64_t
do_duties(struct work *w, struct duty *d, size_t n, int64_t now)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < n; i++) {
		if (d[i].due <= now) {
			int64_t began = sys_mono_us(w->c.clock);
			bool more = d[i].run(w);
			int64_t ended = sys_mono_us(w->c.clock);
			d[i].due = ended + (more ? ended - began : d[i].period_us(settings(w)));
		}
		next = MIN(next, d[i].due);
	}
	return next;
}

static void *
keep(void *arg)
{
	struct work *w = arg;
	struct duty duties[] = {
		{ sign_of_life, heartbeat_us, 0 }, { give_back, reap_us, 0 }, { look, poll_us, 0 }, { clean_some, clean_us, 0 },
		{ move_on, poll_us, 0 }, { empty_some, poll_us, 0 }, { sweep_over, clean_us, 0 },
	};

	while (!w->stopping) {
		int64_t now = sys_mono_us(w->c.clock), next = do_duties(w, duties, COUNT(duties), now), wait;
		now = sys_mono_us(w->c.clock);
		int64_t expire = board_expire(w->board);
		wait = MAX(next - now, 1000);
		if (expire >= 0)
			wait = MIN(wait, MAX(expire, 100));
		pthread_mutex_lock(&w->lock);
		if (!w->stopping && !w->poke)
			(void)sys_cond_wait_us(&w->keeper, &w->lock, wait);
		w->poke = false;
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

/* --- open and close --- */

static enum err
recall(void *ctx, struct db *db, struct error *e)
{
	struct work *w = ctx;
	int64_t ms[50];
	int n;

	for (int t = 0; t < JT_COUNT; t++) {
		TRY(job_durations(db, t, (int)COUNT(ms), ms, &n, e));
		while (n > 0)
			board_duration(w->board, t, ms[--n]);
	}
	return OK;
}

/* The embedded server is alone with its database: whatever runs there was its predecessor's. */
static enum err
take_back(struct work *w, struct error *e)
{
	int n = 0;

	do
		TRY(step_lost(w, INT64_MAX, &n, e));
	while (n > 0);
	return OK;
}

static enum err
start(struct work *w, struct error *e)
{
	int n = (int)settings(w)->workers;

	if ((w->thread = calloc((size_t)n, sizeof(*w->thread))) == NULL)
		abort();
	TRY(engine_wait(w->c.engine, recall, w, e));
	if (engine_embedded(w->c.engine))
		TRY(take_back(w, e));
	for (; w->nthreads < n; w->nthreads++)
		TRY(sys_thread(&w->thread[w->nthreads], "job", worker, w, e));
	TRY(sys_thread(&w->keeper_thread, "keeper", keep, w, e));
	w->keeper_runs = true;
	if (w->c.near != NULL) {
		TRY(sys_thread(&w->embed_thread, "embed", embed_later, w, e));
		w->embed_runs = true;
	}
	return OK;
}

struct work *
work_idle(const struct work_conf *c)
{
	struct work *w = calloc(1, sizeof(*w));

	if (w == NULL)
		abort();
	w->c = *c;
	w->board = board_new(c->clock);
	pthread_mutex_init(&w->lock, NULL);
	sys_cond_init(&w->jobs);
	sys_cond_init(&w->keeper);
	sys_cond_init(&w->pause);
	clean_from_the_top(w);
	return w;
}

enum err
work_open(const struct work_conf *c, struct work **ret, struct error *e)
{
	struct work *w = work_idle(c);
	enum err code = start(w, e);

	if (code != OK) {
		work_close(w);
		return code;
	}
	*ret = w;
	return OK;
}

void
work_close(struct work *w)
{
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->jobs);
	pthread_cond_broadcast(&w->keeper);
	pthread_cond_broadcast(&w->pause);
	pthread_mutex_unlock(&w->lock);
	for (int i = 0; i < w->nthreads; i++)
		pthread_join(w->thread[i], NULL);
	if (w->keeper_runs)
		pthread_join(w->keeper_thread, NULL);
	if (w->embed_runs)
		pthread_join(w->embed_thread, NULL);
	board_release(w->board);
	board_free(w->board);
	pthread_cond_destroy(&w->jobs);
	pthread_cond_destroy(&w->keeper);
	pthread_cond_destroy(&w->pause);
	pthread_mutex_destroy(&w->lock);
	free(w->thread);
	free(w);
}

void work_snapshot(struct work *w, struct arena *a, struct job *j) { board_snapshot(w->board, a, j); }
void work_release(struct work *w) { board_release(w->board); }
void work_gone(struct work *w, const job_id *job) { board_gone(w->board, job); }
void work_stats(struct work *w, struct work_stats *ret) { board_stats(w->board, ret); }

void
work_wait(struct work *w, struct work_wait *wait)
{
	if (!board_wait(w->board, wait))
		return;
	pthread_mutex_lock(&w->lock);
	w->poke = true;
	pthread_cond_signal(&w->keeper);
	pthread_mutex_unlock(&w->lock);
}
