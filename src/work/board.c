/* board -- what is known of jobs in memory: progress (an hour), how long they take, who waits for them. */
#include "work/work_priv.h"
#include <stdio.h>
#include <stdlib.h>

#define SLOTS		4096		/* of progress, and chains of waits */
#define UNTOLD		256		/* changes of progress that other nodes were not told */
#define DURATIONS	50
#define MEDIAN_FROM	5		/* no estimate before the fifth */
#define ENDED		1024		/* remembered ends, for waits that come late */

struct progress { struct told is; int64_t told_ms; bool untold; };
struct durations { int64_t ms[DURATIONS]; int n, at; int64_t median; };
struct board {
	const struct sys_clock *clock;
	pthread_mutex_t lock;
	struct progress *progress;	/* by hash of the id; a newer job takes the slot of an older one */
	unsigned short untold[UNTOLD];	/* their places */
	int nuntold;
	uint64_t followed[SLOTS];	/* by the same hash: of which job somebody here or elsewhere is told the steps; 0: of none */
	struct durations took[JT_COUNT];
	struct work_wait *wait[SLOTS];	/* by hash of the job: there may be as many as connections */
	int nwaits;
	int64_t next_us;		/* no wait runs out before */
	bool released;
	job_id ended[ENDED];
	unsigned nended;
	ulid held[HANDS_MAX];		/* worker names in the leases of what runs; st.running of them */
	struct work_stats st;
};

struct board *
board_new(const struct sys_clock *clock)
{
	struct board *b = calloc(1, sizeof(*b));

	if (b == NULL || (b->progress = calloc(SLOTS, sizeof(*b->progress))) == NULL)
		abort();
	b->clock = clock;
	b->next_us = INT64_MAX;
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void
board_free(struct board *b)
{
	pthread_mutex_destroy(&b->lock);
	free(b->progress);
	free(b);
}

static bool same(const job_id *x, const job_id *y) { return memcmp(x->u.s, y->u.s, 26) == 0; }

static uint64_t
mark(const job_id *job)
{
	uint64_t h;

	memcpy(&h, job->u.s + 18, 8);		/* the random end of the id */
	return h;
}

static size_t slot(const job_id *job) { return mark(job) * UINT64_C(0x9E3779B97F4A7C15) >> 52 & (SLOTS - 1); }

/* A newer job takes the slot of an older one. */
static void
set_progress(struct progress *p, const struct job_key *k, double fraction, int64_t at_ms, str what)
{
	p->told_ms = same(&p->is.key.id, &k->id) ? p->told_ms : 0;
	p->is = (struct told){ .key = *k, .fraction = fraction, .at_ms = at_ms };
	snprintf(p->is.what, sizeof(p->is.what), "%.*s", STR(utf8_head(what, sizeof(p->is.what) - 1)));
}

void
board_progress(struct board *b, const struct job_key *k, double fraction, const char *what)
{
	pthread_mutex_lock(&b->lock);
	struct progress *p = &b->progress[slot(&k->id)];
	set_progress(p, k, fraction, sys_wall_ms(b->clock), str_z(what));
	if (!p->untold && b->nuntold < UNTOLD) {
		p->untold = true;
		b->untold[b->nuntold++] = (unsigned short)(p - b->progress);
	}
	pthread_mutex_unlock(&b->lock);
}

void
board_heard(struct board *b, const struct job_key *k, const struct job_progress *is)
{
	pthread_mutex_lock(&b->lock);
	struct progress *p = &b->progress[slot(&k->id)];
	if (!p->untold && (!same(&p->is.key.id, &k->id) || p->is.at_ms < is->updated_at))
		set_progress(p, k, is->progress, is->updated_at, is->message);
	pthread_mutex_unlock(&b->lock);
}

bool
board_follow(struct board *b, const job_id *job)
{
	pthread_mutex_lock(&b->lock);
	b->followed[slot(job)] = mark(job);
	bool known = same(&b->progress[slot(job)].is.key.id, job);
	pthread_mutex_unlock(&b->lock);
	return known;
}

bool
board_followed(struct board *b, const job_id *job)
{
	pthread_mutex_lock(&b->lock);
	bool followed = b->followed[slot(job)] == mark(job);
	pthread_mutex_unlock(&b->lock);
	return followed;
}

int
board_untold(struct board *b, struct told ret[TOLD_MOST])
{
	int64_t now = sys_wall_ms(b->clock);
	int n = 0, kept = 0;

	pthread_mutex_lock(&b->lock);
	for (int i = 0; i < b->nuntold; i++) {
		struct progress *p = &b->progress[b->untold[i]];
		if (n == TOLD_MOST || now - p->told_ms < TELL_MS) {
			b->untold[kept++] = b->untold[i];
			continue;
		}
		p->untold = false;
		p->told_ms = now;
		ret[n++] = p->is;
	}
	b->nuntold = kept;
	pthread_mutex_unlock(&b->lock);
	return n;
}

static int
bin_of(int64_t v, int64_t unit)
{
	int i = 0;

	while (i < WORK_BINS - 1 && v > unit << i)
		i++;
	return i;
}

void
board_started(struct board *b, const struct job_task *t)
{
	int64_t us = sys_wall_us(b->clock) - t->queued_us;

	pthread_mutex_lock(&b->lock);
	memcpy(b->held[b->st.running++].s, t->worker.p, 26);
	if (t->attempts == 1 && us >= 0) {
		b->st.starts++;
		b->st.start_us += us;
		b->st.start[bin_of(us, 100)]++;
	}
	pthread_mutex_unlock(&b->lock);
}

static int
ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void
add_duration(struct durations *d, int64_t ms)
{
	int64_t sorted[DURATIONS];

	d->ms[d->at] = ms;
	d->at = (d->at + 1) % DURATIONS;
	d->n = MIN(d->n + 1, DURATIONS);
	memcpy(sorted, d->ms, sizeof(sorted));
	qsort(sorted, (size_t)d->n, sizeof(sorted[0]), ascending);
	d->median = sorted[d->n / 2];
}

void
board_no_durations(struct board *b, int type)
{
	pthread_mutex_lock(&b->lock);
	b->took[type].n = b->took[type].at = 0;
	pthread_mutex_unlock(&b->lock);
}

void
board_duration(struct board *b, int type, int64_t ms)
{
	pthread_mutex_lock(&b->lock);
	add_duration(&b->took[type], ms);
	pthread_mutex_unlock(&b->lock);
}

/* Moves a wait from its chain to `out`. */
static void
take(struct board *b, struct work_wait **at, struct work_wait **out)
{
	struct work_wait *w = *at;

	b->nwaits--;
	*at = w->next;
	w->next = *out;
	*out = w;
}

/* All that run out by then; next_us is exact afterwards. */
static struct work_wait *
take_due(struct board *b, int64_t until_us)
{
	struct work_wait *out = NULL;

	b->next_us = INT64_MAX;
	for (size_t i = 0; i < SLOTS; i++)
		for (struct work_wait **at = &b->wait[i]; *at != NULL;) {
			if ((*at)->deadline_us <= until_us) {
				take(b, at, &out);
				continue;
			}
			b->next_us = MIN(b->next_us, (*at)->deadline_us);
			at = &(*at)->next;
		}
	return out;
}

/* Outside the lock: a wake may come back to us. */
static void
wake_all(struct work_wait *w)
{
	for (struct work_wait *next; w != NULL; w = next) {
		next = w->next;
		w->wake(w);
	}
}

/* Its lease is not renewed any more. */
static void
let_go(struct board *b, const struct job_task *t)
{
	for (int i = 0; i < b->st.running; i++)
		if (memcmp(b->held[i].s, t->worker.p, 26) == 0) {
			b->held[i] = b->held[--b->st.running];
			return;
		}
}

static struct work_wait *
over(struct board *b, const job_id *job)
{
	struct work_wait *out = NULL;

	b->ended[b->nended++ % ENDED] = *job;
	for (struct work_wait **at = &b->wait[slot(job)]; *at != NULL;)
		if (same(&(*at)->job, job))
			take(b, at, &out);
		else
			at = &(*at)->next;
	return out;
}

void
board_ended(struct board *b, const struct run *r)
{
	static const int status[] = { [V_DONE] = JS_DONE, [V_FAILED] = JS_FAILED, [V_AGAIN] = JS_QUEUED, [V_RETURNED] = JS_QUEUED };
	int64_t ms = sys_wall_ms(b->clock) - r->began_ms;
	struct work_wait *woken = NULL;

	pthread_mutex_lock(&b->lock);
	let_go(b, &r->task);
	b->st.ended[r->task.type][status[r->verdict]]++;
	if (r->verdict == V_DONE || r->verdict == V_FAILED) {
		b->st.took[bin_of(ms, 1)]++;
		b->st.took_ms += ms;
		woken = over(b, &r->task.id);
	}
	if (r->verdict == V_DONE)
		add_duration(&b->took[r->task.type], ms);
	pthread_mutex_unlock(&b->lock);
	wake_all(woken);
}

void
board_lost(struct board *b, int n)
{
	pthread_mutex_lock(&b->lock);
	b->st.lost += n;
	pthread_mutex_unlock(&b->lock);
}

void
board_dropped(struct board *b, const struct job_task *t)
{
	pthread_mutex_lock(&b->lock);
	let_go(b, t);
	b->st.lost++;
	pthread_mutex_unlock(&b->lock);
}

void
board_gone(struct board *b, const job_id *job)
{
	pthread_mutex_lock(&b->lock);
	struct work_wait *woken = over(b, job);
	pthread_mutex_unlock(&b->lock);
	wake_all(woken);
}

int
board_held(struct board *b, ulid ret[HANDS_MAX])
{
	pthread_mutex_lock(&b->lock);
	int n = (int)b->st.running;
	memcpy(ret, b->held, (size_t)n * sizeof(*ret));
	pthread_mutex_unlock(&b->lock);
	return n;
}

bool
board_wait(struct board *b, struct work_wait *w)
{
	struct work_wait **chain = &b->wait[slot(&w->job)];

	pthread_mutex_lock(&b->lock);
	bool ended = b->released;
	for (unsigned i = 0; i < MIN(b->nended, ENDED) && !ended; i++)
		ended = same(&b->ended[i], &w->job);
	bool first = !ended && w->deadline_us < b->next_us;
	if (first)
		b->next_us = w->deadline_us;
	if (!ended) {
		w->next = *chain;
		*chain = w;
		b->nwaits++;
	}
	pthread_mutex_unlock(&b->lock);
	if (ended)
		w->wake(w);
	return first;
}

int
board_waited(struct board *b, struct waited *from, struct job_key *ret, int most)
{
	int n = 0;

	pthread_mutex_lock(&b->lock);
	while (from->slot < SLOTS && n < most) {
		const struct work_wait *least = NULL;
		for (const struct work_wait *w = b->wait[from->slot]; w != NULL; w = w->next)
			if ((w->follows || !from->follows) && memcmp(w->job.u.s, from->behind.u.s, 26) > 0 &&
			    (least == NULL || memcmp(w->job.u.s, least->job.u.s, 26) < 0))
				least = w;
		if (least != NULL)
			ret[n++] = (struct job_key){ least->workspace, from->behind = least->job };
		else
			*from = (struct waited){ .slot = from->slot + 1, .follows = from->follows };
	}
	pthread_mutex_unlock(&b->lock);
	return n;
}

bool
board_shows(struct board *b, const job_id *job)
{
	bool shows = false;

	pthread_mutex_lock(&b->lock);
	for (const struct work_wait *w = b->wait[slot(job)]; w != NULL && !shows; w = w->next)
		shows = w->follows && same(&w->job, job);
	pthread_mutex_unlock(&b->lock);
	return shows;
}

bool
board_waits(struct board *b)
{
	pthread_mutex_lock(&b->lock);
	bool any = b->nwaits != 0;
	pthread_mutex_unlock(&b->lock);
	return any;
}

int64_t
board_expire(struct board *b, int64_t grace_us)
{
	int64_t now = sys_mono_us(b->clock) - grace_us;

	pthread_mutex_lock(&b->lock);
	struct work_wait *out = now >= b->next_us ? take_due(b, now) : NULL;
	int64_t next = b->next_us;
	pthread_mutex_unlock(&b->lock);
	wake_all(out);
	return next != INT64_MAX ? next - now : -1;
}

void
board_release(struct board *b)
{
	pthread_mutex_lock(&b->lock);
	b->released = true;
	struct work_wait *out = take_due(b, INT64_MAX);
	pthread_mutex_unlock(&b->lock);
	wake_all(out);
}

void
board_snapshot(struct board *b, struct arena *a, struct job *j)
{
	pthread_mutex_lock(&b->lock);
	const struct durations *d = &b->took[j->type];
	j->estimated_ms = d->n >= MEDIAN_FROM ? d->median : INT_NONE;
	const struct told *p = &b->progress[slot(&j->id)].is;
	if (same(&p->key.id, &j->id) && (j->progress.updated_at == TIME_NONE || p->at_ms >= j->progress.updated_at))
		j->progress = (struct job_progress){ p->fraction, p->at_ms, str_dup(a, str_z(p->what)) };
	if (j->progress.updated_at != TIME_NONE && sys_wall_ms(b->clock) - j->progress.updated_at >= PROGRESS_KEPT_MS)
		j->progress = (struct job_progress){ .updated_at = TIME_NONE };
	if (j->progress.updated_at != TIME_NONE && j->status == JS_DONE)	/* a bar is full at the end, whichever step was the last to report */
		j->progress = (struct job_progress){ 1, j->progress.updated_at, S("done") };
	pthread_mutex_unlock(&b->lock);
}

void
board_stats(struct board *b, struct work_stats *ret)
{
	pthread_mutex_lock(&b->lock);
	*ret = b->st;
	pthread_mutex_unlock(&b->lock);
}
