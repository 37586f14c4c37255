/* step -- the transaction between two jobs: how the last one ended, and the next one taken (see work.h). */
#include "model/ledger.h"
#include "model/post.h"
#include "model/upload.h"
#include "work/work_priv.h"
#include <stdlib.h>

/* Each claim has a name of its own: one whose commit is not known must not live on the signs of life of another. */
struct step {
	struct work *w;
	struct run *r;
	bool take, took;
	ulid name;
	struct job_task next;
	struct arena a;			/* of the next task */
	enum verdict verdict;		/* of r, and where its arena stood: each try begins from there, for apply() may change the one and use the other */
	struct arena_mark mark;
	/* in a group */
	struct step *behind;
	pthread_cond_t over;
	bool queued, done;
	enum err code;
};

/* What a whole group writes in one statement each: how jobs ended that are DONE, the events of all, and what columns hold more. */
struct ends { int64_t now; struct job_ends done; struct events told; struct post_counts counts; };

/* The event holds the job as its row is now; nothing of that is unknown here. */
static enum err
announce(struct run *r, struct db *db, struct ends *all, int type, int64_t now, struct error *e)
{
	const struct job_task *t = &r->task;
	bool done = r->verdict == V_DONE;
	event_id id = { sys_ulid(r->w->c.clock) };
	struct job j;

	rec_init(&job_rec, &j);
	j.id = t->id;
	j.type = t->type;
	j.status = done ? JS_DONE : JS_FAILED;
	j.project = t->project;
	j.started_at = t->started_at;
	j.completed_at = j.updated_at = now;
	j.result = done ? r->result : STR_NONE;
	j.error_code = done ? STR_NONE : str_z(r->code);
	j.error_message = done ? STR_NONE : r->message;
	j.attempts = t->attempts;
	if (all != NULL)
		return events_add(db, &all->told, &r->a, t->workspace, t->project, id, type, &job_rec, &j, e);
	return event_put(db, &r->a, t->workspace, t->project, id, type, &job_rec, &j, e);
}

/* What is to be settled with the spend of a day.  Last of all, and in one order: these rows are those that everybody of a workspace wants. */
struct debt { workspace_id workspace; int64_t submitted, reserved, cost; };

static int
by_day(const void *a, const void *b)
{
	const struct debt *x = a, *y = b;
	int c = memcmp(x->workspace.u.s, y->workspace.u.s, 26);
	int64_t on = x->submitted / DAY_MS, and = y->submitted / DAY_MS;

	return c != 0 ? c : on < and ? -1 : on > and;
}

static enum err
settle_all(struct db *db, struct debt *d, int n, struct error *e)
{
	qsort(d, (size_t)n, sizeof(*d), by_day);
	for (int i = 0; i < n; i++)
		TRY(spend_settle(db, d[i].workspace, d[i].submitted, d[i].reserved, d[i].cost, e));
	return OK;
}

static enum err
end_done(struct run *r, struct db *db, struct ends *all, int64_t now, struct error *e)
{
	if (all == NULL)
		return job_done(db, &r->task, now, r->result, r->receipt, e);
	job_ends_add(&all->done, &r->task, r->result, r->receipt);
	return OK;
}

/* all: of the group, or NULL. */
static enum err
write_down(struct run *r, struct db *db, struct ends *all, struct debt *owed, struct error *e)
{
	int64_t now = all != NULL ? all->now : sys_wall_ms(r->w->c.clock);

	if (r->verdict == V_DONE && r->kind->apply != NULL) {
		TRY(job_held(db, &r->task, e));		/* or its effect would meet that of who has it now */
		r->counts = all != NULL ? &all->counts : NULL;
		TRY(r->kind->apply(r, db, e));
	}
	bool over = r->verdict == V_DONE || r->verdict == V_FAILED;		/* apply may have changed it */
	*owed = (struct debt){ r->task.workspace, ulid_ms(&r->task.id.u), over ? r->task.reserved : 0, r->cost };
	if (r->task.type >= JT_SHOWN && over)
		return job_drop(db, &r->task, e);
	switch (r->verdict) {
	case V_DONE:
		TRY(end_done(r, db, all, now, e));
		return announce(r, db, all, EVENT_JOB_COMPLETED, now, e);
	case V_FAILED:
		TRY(job_failed(db, &r->task, now, str_z(r->code), r->message, r->receipt, e));
		TRY(upload_release(db, r->task.workspace, r->task.id, now, e));
		return announce(r, db, all, EVENT_JOB_FAILED, now, e);
	case V_AGAIN:
		return job_again(db, &r->task, now, r->run_at, false, e);
	case V_RETURNED:
		return job_again(db, &r->task, now, MAX(now, r->run_at), true, e);
	case V_NONE:
		break;
	}
	return OK;
}

static enum err
end_last(struct step *s, struct db *db, struct ends *all, struct debt *owed, struct error *e)
{
	s->took = false;
	s->r->verdict = s->verdict;
	arena_back(&s->r->a, s->mark);
	*owed = (struct debt){ .cost = 0 };
	return s->verdict != V_NONE ? write_down(s->r, db, all, owed, e) : OK;
}

static enum err
run_step(void *ctx, struct db *db, struct error *e)
{
	struct step *s = ctx;
	struct debt owed;
	int n = 0;

	enum err code = end_last(s, db, NULL, &owed, e);
	if (code == OK)
		code = settle_all(db, &owed, 1, e);
	if (code == OK && s->take) {
		arena_reset(&s->a);
		code = job_claim(db, &s->a, (str){ s->name.s, 26 }, sys_wall_ms(s->w->c.clock), s->r->conf->lease, 1, &s->next, &n, e);
		s->took = n == 1;
	}
	return code;
}

/* --- on PostgreSQL: the steps of several workers in one transaction --- */

/* One transaction at a time: with two the groups are half as large, and jobs end a third more slowly.  A step waits for that one alone,
 * a few milliseconds, and for no job.  Who would be the first to leave waits until those that landed just now are back, if their jobs are
 * that short: else two halves take turns, in twice as many commits. */
#define COMPANY_US	500		/* after a landing; then nobody is waited for */

struct group { struct step *first; struct arena a; int n; };

static int of_workspace(const struct step *a, const struct step *b) { return memcmp(a->r->task.workspace.u.s, b->r->task.workspace.u.s, 26); }

/* By workspace: what the ends of jobs add to is its own, and two nodes take it in one order. */
static struct step *
in_order(struct step *first, int *n)
{
	struct step *sorted = NULL, **at;

	for (*n = 0; first != NULL; ++*n) {
		struct step *s = first;
		first = s->behind;
		for (at = &sorted; *at != NULL && of_workspace(*at, s) <= 0;)
			at = &(*at)->behind;
		s->behind = *at;
		*at = s;
	}
	return sorted;
}

/* Tasks go to who takes one, in their order. */
static enum err
claim_all(struct group *g, struct db *db, int takers, struct error *e)
{
	const struct step *lead = g->first;
	struct job_task *t = NEW_N(&g->a, struct job_task, takers);
	int n, at = 0;

	TRY(job_claim(db, &g->a, (str){ lead->name.s, 26 }, sys_wall_ms(lead->w->c.clock), lead->r->conf->lease, takers, t, &n, e));
	for (struct step *s = g->first; s != NULL && at < n; s = s->behind) {
		if (!s->take)
			continue;
		arena_reset(&s->a);
		s->next = t[at++];
		s->next.input = str_dup(&s->a, s->next.input);
		s->next.worker = str_dup(&s->a, s->next.worker);
		s->took = true;
	}
	return OK;
}

static enum err
run_group(void *ctx, struct db *db, struct error *e)
{
	struct group *g = ctx;
	struct ends all = { .now = sys_wall_ms(g->first->w->c.clock) };
	int takers = 0, n = 0;

	arena_reset(&g->a);
	struct debt *owed = NEW_N(&g->a, struct debt, g->n);
	job_ends_init(&all.done, &g->a);
	events_init(&all.told, &g->a);
	post_counts_init(&all.counts, &g->a);
	for (struct step *s = g->first; s != NULL; s = s->behind) {
		TRY(end_last(s, db, &all, &owed[n++], e));
		takers += s->take;
	}
	TRY(job_ends_write(db, &all.done, all.now, e));
	TRY(events_write(db, &all.told, e));
	TRY(post_counts_write(db, &all.counts, e));
	TRY(settle_all(db, owed, n, e));
	return takers != 0 ? claim_all(g, db, takers, e) : OK;
}

/* Who comes first takes all that wait along, and tells them; meanwhile the next ones gather.  What does not succeed together each tries alone. */
static void
fly(struct work *w, struct error *e)
{
	struct steps *all = &w->steps;
	struct group g = { .n = 0 };

	g.first = in_order(all->first, &g.n);
	all->first = NULL;
	all->last = &all->first;
	all->flying = true;
	for (struct step *s = g.first; s != NULL; s = s->behind)
		s->queued = false;
	pthread_mutex_unlock(&all->lock);
	arena_init(&g.a, RUN_BUDGET);
	enum err code = engine_wait(w->c.engine, run_group, &g, e);
	arena_free(&g.a);
	pthread_mutex_lock(&all->lock);
	all->flying = false;
	all->away = 0;
	all->landed_us = sys_mono_us(w->c.clock);
	for (struct step *s = g.first, *next; s != NULL; s = next) {
		next = s->behind;
		s->code = code;
		s->done = true;
		all->away += code == OK && s->took;
		pthread_cond_signal(&s->over);
	}
	if (all->first != NULL)
		pthread_cond_signal(&all->first->over);
}

/* Whether the first step should wait for more: it has waited then. */
static bool
company(struct work *w, struct step *s)
{
	struct steps *all = &w->steps;
	int64_t left = all->landed_us + COMPANY_US - sys_mono_us(w->c.clock);

	if (all->away <= 0 || left <= 0)
		return false;
	if (!sys_cond_wait_us(&s->over, &all->lock, left))
		all->away = 0;
	return true;
}

static void
come_back(struct steps *all)
{
	if (all->away > 0 && --all->away == 0 && !all->flying && all->first != NULL)
		pthread_cond_signal(&all->first->over);
}

static enum err
together(struct work *w, struct step *s, struct error *e)
{
	struct steps *all = &w->steps;

	sys_cond_init(&s->over);
	pthread_mutex_lock(&all->lock);
	if (s->verdict != V_NONE)
		come_back(all);
	if (all->last == NULL)
		all->last = &all->first;
	*all->last = s;
	all->last = &s->behind;
	s->queued = true;
	while (!s->done)
		if (!s->queued || all->flying || (all->first != s && all->away > 0))
			pthread_cond_wait(&s->over, &all->lock);
		else if (!company(w, s))
			fly(w, e);
	pthread_mutex_unlock(&all->lock);
	pthread_cond_destroy(&s->over);
	return s->code;
}

static enum err
alone(struct work *w, struct step *s, struct error *e)
{
	return engine_wait(w->c.engine, run_step, s, e);
}

/* A commit of it may stand: then what was taken with it comes back when its lease ends, for its name is nobody's. */
static void
doubt(struct step *s)
{
	s->r->unsure = true;
	s->name = sys_ulid(s->w->c.clock);
}

enum err
step(struct work *w, struct run *r, bool take, bool *took, struct error *e)
{
	struct step s = { .w = w, .r = r, .take = take, .name = sys_ulid(w->c.clock), .verdict = r->verdict, .mark = arena_mark(&r->a) };

	arena_init(&s.a, r->a.budget);
	enum err code = engine_embedded(w->c.engine) ? alone(w, &s, e) : together(w, &s, e);
	if (code == E_UNCERTAIN)
		doubt(&s);
	if (code != OK && (s.done || code == E_UNCERTAIN))
		code = alone(w, &s, e);
	if (s.done && code == E_UNCERTAIN) {
		doubt(&s);
		code = alone(w, &s, e);
	}
	if (code == E_CONFLICT && r->unsure)	/* the fence tells that it was committed; what was taken with it comes back */
		code = OK;
	if (code == OK) {
		if (r->verdict != V_NONE) {
			board_ended(w->board, r);
			run_ended(r);
		}
		if (r->verdict == V_DONE || r->verdict == V_FAILED)
			work_ended(w, &r->task.id);
		arena_free(&r->a);
		*r = (struct run){ .w = w, .a = s.a, .task = s.next };
		*took = s.took;
	} else {
		r->verdict = s.verdict;
		arena_free(&s.a);
	}
	return code;
}

/* --- lost leases --- */

enum { SLICE = 64 };
struct lost { struct work *w; int64_t now; int n, nfailed; job_id failed[SLICE]; struct arena a; };

static enum err
end_or_give_back(struct lost *l, struct db *db, struct job_task *t, struct debt *owed, struct error *e)
{
	const struct conf *conf = l->w->c.settings(l->w->c.ctx);
	struct run r = { .w = l->w, .task = *t, .verdict = V_FAILED, .code = "attempts_exhausted",
	    .message = S("The job was lost by its worker too often. Its input may be what breaks the worker; change it and submit again.") };

	*owed = (struct debt){ .cost = 0 };
	if (t->lost_leases + 1 < conf->job_lost_leases)
		return job_give_back(db, t, sys_wall_ms(l->w->c.clock), e);
	arena_init(&r.a, 1 << 20);
	enum err code = write_down(&r, db, NULL, owed, e);
	arena_free(&r.a);
	l->failed[l->nfailed++] = t->id;
	return code;
}

static enum err
run_lost(void *ctx, struct db *db, struct error *e)
{
	struct job_task t[SLICE];
	struct debt owed[SLICE];
	struct lost *l = ctx;

	arena_reset(&l->a);
	l->nfailed = 0;
	TRY(job_lost(db, &l->a, l->now, SLICE, t, &l->n, e));
	for (int i = 0; i < l->n; i++)
		TRY(end_or_give_back(l, db, &t[i], &owed[i], e));
	return settle_all(db, owed, l->n, e);
}

enum err
step_lost(struct work *w, int64_t now, int *ret, struct error *e)
{
	struct lost l = { .w = w, .now = now };

	arena_init(&l.a, 64 << 20);
	enum err code = engine_wait(w->c.engine, run_lost, &l, e);
	arena_free(&l.a);
	*ret = l.n;
	if (code == OK)
		board_lost(w->board, l.n);
	for (int i = 0; code == OK && i < l.nfailed; i++)
		work_gone(w, &l.failed[i]);
	return code;
}
