#include "model/ledger.h"
#include "work/work_priv.h"
#include "model/project.h"
#include <stdio.h>
#include <stdlib.h>

#define PAUSE_US	1000000		/* after a step that the database refused */
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
	TRY(project_there(db, r->task.workspace, r->task.project, stands, e));
	if (!*stands)
		run_project_gone(r);
	return OK;
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
log_job(const struct run *r, enum log_level level, const char *end)
{
	struct log_line l;

	log_begin(r->w->c.log, &l, level, "job");
	log_str(&l, "job", id_text((struct arena *)(uintptr_t)&r->a, ID_job, &r->task.id.u));
	log_str(&l, "type", str_z(job_type_words.v[r->task.type]));
	log_str(&l, "end", str_z(end));
	log_i64(&l, "attempt", r->task.attempts);
	log_i64(&l, "ms", sys_wall_ms(r->w->c.clock) - r->began_ms);
	if (r->verdict == V_FAILED) {
		log_str(&l, "code", str_z(r->code));
		log_str(&l, "why", r->message);
	}
	log_end(r->w->c.log, &l);
}

/* Who was sent away, or elsewhere, was not begun. */
void
run_ended(const struct run *r)
{
	static const char *const words[] = { [V_DONE] = "done", [V_FAILED] = "failed", [V_AGAIN] = "again", [V_RETURNED] = "returned" };
	bool away = r->verdict == V_RETURNED && r->run_at != 0;

	if (r->task.type != JT_NOOP && !away)
		log_job(r, r->verdict == V_DONE ? LOG_INFO : LOG_WARN, words[r->verdict]);
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
	if (r->kind == NULL)
		run_fail(r, "internal_error", "This server does not run jobs of this type. Submit it to a newer one.");
	else if (!send_away(r))
		run_kind(r);
}

/* Sleeps until a token is there.  False: the end. */
static bool
take_token(struct work *w)
{
	pthread_mutex_lock(&w->lock);
	w->idle++;
	while (w->tokens == 0 && !w->stopping)
		pthread_cond_wait(&w->jobs, &w->lock);
	w->idle--;
	bool go = !w->stopping;
	if (go)
		w->tokens--;
	pthread_mutex_unlock(&w->lock);
	return go;
}

bool
work_told(struct work *w, const char *what, enum err code, const struct error *e)
{
	int at = 0;

	if (code == OK && w->nfailing == 0)
		return true;
	pthread_mutex_lock(&w->lock);
	while (at < w->nfailing && strcmp(w->failing[at], what) != 0)
		at++;
	bool changed = (code == OK) == (at < w->nfailing) && at < FAILING_MAX;
	if (changed && code == OK)
		w->failing[at] = w->failing[--w->nfailing];
	else if (changed)
		w->failing[w->nfailing++] = what;
	pthread_mutex_unlock(&w->lock);
	if (changed)
		log_note(w->c.log, code == OK ? LOG_INFO : LOG_WARN, what, "%s%s", code == OK ? "the database does it again" : "the database refuses: ",
		    code == OK ? "" : e->detail);
	return code == OK;
}

static void
pause_after(struct work *w)
{
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
		if (code != E_CONFLICT && work_told(w, "job", code, &e))
			return true;
		if (code == E_CONFLICT) {
			log_job(r, LOG_WARN, "lost");		/* what it did is of no effect */
			board_dropped(w->board, &r->task);
			arena_free(&r->a);
			*r = (struct run){ .w = w, .conf = settings(w) };
			arena_init(&r->a, RUN_BUDGET);
			continue;
		}
		if (w->stopping)
			return false;		/* what it held comes back when its lease ends */
		pause_after(w);
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

/* Whether there is somebody to take it at once. */
static bool
wake_one(struct work *w)
{
	pthread_mutex_lock(&w->lock);
	bool at_once = w->tokens < w->idle;
	if (w->tokens < w->nthreads) {
		w->tokens++;
		pthread_cond_signal(&w->jobs);
	}
	pthread_mutex_unlock(&w->lock);
	return at_once;
}

void work_wake_here(struct work *w) { (void)wake_one(w); }

void
work_wake(struct work *w)
{
	if (!wake_one(w))
		bus_say(w->c.bus, BUS_JOB, S(""));
}

/* --- what other nodes say --- */

void
work_hint(struct work *w, enum keeper_round what)
{
	pthread_mutex_lock(&w->lock);
	w->hints |= 1u << what;
	pthread_cond_signal(&w->keeper);
	pthread_mutex_unlock(&w->lock);
}

static void
job_there(struct bus_listener *l, str text)
{
	struct work *w = (struct work *)((char *)l - offsetof(struct work, hears_jobs));

	(void)text;
	work_wake_here(w);
}

static bool
is_job(str text, job_id *ret)
{
	*ret = (job_id){ 0 };
	if (text.p == NULL || !ulid_ok(text))
		return false;
	memcpy(ret->u.s, text.p, 26);
	return true;
}

static void
job_ended_there(struct bus_listener *l, str text)
{
	struct work *w = (struct work *)((char *)l - offsetof(struct work, hears_ends));
	job_id id;

	if (text.p == NULL)
		work_hint(w, KEEP_LOOK);
	else if (is_job(text, &id))
		board_gone(w->board, &id);
}

/* Somebody follows a job: if it runs here, it may have said something already. */
static void
job_followed_there(struct bus_listener *l, str text)
{
	struct work *w = (struct work *)((char *)l - offsetof(struct work, hears_follows));
	job_id id;

	if (is_job(text, &id) && board_follow(w->board, &id))
		bus_say(w->c.bus, BUS_STEP, text);
}

/* It may be another node that follows it. */
static void
job_stepped_there(struct bus_listener *l, str text)
{
	struct work *w = (struct work *)((char *)l - offsetof(struct work, hears_steps));
	job_id id;

	if (is_job(text, &id) && board_shows(w->board, &id))
		work_hint(w, KEEP_FOLLOW);
}

void
work_ended(struct work *w, const job_id *id)
{
	bus_say(w->c.bus, BUS_ENDED, (str){ id->u.s, 26 });
}

/* --- open and close --- */

enum err
work_recall(void *ctx, struct db *db, struct error *e)
{
	struct work *w = ctx;
	int64_t ms[50];
	int n;

	for (int t = 0; t < JT_COUNT; t++) {
		TRY(job_durations(db, t, (int)COUNT(ms), ms, &n, e));
		board_no_durations(w->board, t);
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

/* The bus and the workers that are there already count along. */
static enum err
hire(struct work *w, struct error *e)
{
	TRY(sys_thread(&w->thread[w->nthreads], "job", worker, w, e));
	pthread_mutex_lock(&w->lock);
	w->nthreads++;
	pthread_mutex_unlock(&w->lock);
	return OK;
}

static enum err
start(struct work *w, struct error *e)
{
	int n = w->c.no_workers ? 0 : (int)settings(w)->workers;

	if ((w->thread = calloc((size_t)MAX(n, 1), sizeof(*w->thread))) == NULL)
		abort();
	TRY(engine_wait(w->c.engine, work_recall, w, e));
	w->hears_jobs = (struct bus_listener){ .topic = BUS_JOB, .heard = job_there };
	w->hears_ends = (struct bus_listener){ .topic = BUS_ENDED, .heard = job_ended_there };
	w->hears_follows = (struct bus_listener){ .topic = BUS_FOLLOW, .heard = job_followed_there };
	w->hears_steps = (struct bus_listener){ .topic = BUS_STEP, .heard = job_stepped_there };
	bus_listen(w->c.bus, &w->hears_jobs);
	bus_listen(w->c.bus, &w->hears_ends);
	bus_listen(w->c.bus, &w->hears_follows);
	bus_listen(w->c.bus, &w->hears_steps);
	if (engine_embedded(w->c.engine))
		TRY(take_back(w, e));
	while (w->nthreads < n)
		TRY(hire(w, e));
	TRY(sys_thread(&w->keeper_thread, "keeper", keeper_do, w, e));
	w->keeper_runs = true;
	if (!engine_embedded(w->c.engine)) {
		TRY(sys_thread(&w->late_thread, "late", late_do, w, e));
		w->late_runs = true;
	}
	TRY(sys_thread(&w->duty_thread, "duty", duties_do, w, e));
	w->duty_runs = true;
	if (w->c.near != NULL && n != 0) {
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
	w->telling = telling_new(w);
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->steps.lock, NULL);
	sys_cond_init(&w->jobs);
	sys_cond_init(&w->keeper);
	sys_cond_init(&w->late);
	sys_cond_init(&w->duties);
	w->live = 1;
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
	pthread_cond_broadcast(&w->late);
	pthread_cond_broadcast(&w->duties);
	pthread_cond_broadcast(&w->pause);
	pthread_mutex_unlock(&w->lock);
	for (int i = 0; i < w->nthreads; i++)
		pthread_join(w->thread[i], NULL);
	if (w->keeper_runs)
		pthread_join(w->keeper_thread, NULL);
	if (w->late_runs)
		pthread_join(w->late_thread, NULL);
	if (w->duty_runs)
		pthread_join(w->duty_thread, NULL);
	if (w->embed_runs)
		pthread_join(w->embed_thread, NULL);
	if (w->keeper_runs)
		duties_leave(w);
	bus_unlisten(w->c.bus, &w->hears_jobs);
	bus_unlisten(w->c.bus, &w->hears_ends);
	bus_unlisten(w->c.bus, &w->hears_follows);
	bus_unlisten(w->c.bus, &w->hears_steps);
	telling_free(w->telling);
	board_release(w->board);
	board_free(w->board);
	pthread_cond_destroy(&w->jobs);
	pthread_cond_destroy(&w->keeper);
	pthread_cond_destroy(&w->late);
	pthread_cond_destroy(&w->duties);
	pthread_cond_destroy(&w->pause);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->steps.lock);
	free(w->thread);
	free(w);
}

void work_snapshot(struct work *w, struct arena *a, struct job *j) { board_snapshot(w->board, a, j); }
void work_release(struct work *w) { board_release(w->board); }
void
work_gone(struct work *w, const job_id *job)
{
	board_gone(w->board, job);
	work_ended(w, job);
}


void
work_stats(struct work *w, struct work_stats *ret)
{
	board_stats(w->board, ret);
	ret->nodes = w->live;
	ret->shared = w->c.bus != NULL;
	ret->hears = bus_hears(w->c.bus);
}

void
work_wait(struct work *w, struct work_wait *wait)
{
	if (wait->follows) {
		(void)board_follow(w->board, &wait->job);
		bus_say(w->c.bus, BUS_FOLLOW, (str){ wait->job.u.s, 26 });
	}
	if (!board_wait(w->board, wait))
		return;
	pthread_mutex_lock(&w->lock);
	w->poke = w->poke_late = true;
	pthread_cond_signal(&w->keeper);
	pthread_cond_signal(&w->late);
	pthread_mutex_unlock(&w->lock);
}
