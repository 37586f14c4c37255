/* step -- the transaction between two jobs: how the last one ended, and the next one taken (see work.h). */
#include "model/ledger.h"
#include "model/upload.h"
#include "work/work_priv.h"

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

/* The event holds the job as its row is now; nothing of that is unknown here. */
static enum err
announce(struct run *r, struct db *db, int type, int64_t now, struct error *e)
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
	return event_put(db, &r->a, t->workspace, t->project, id, type, &job_rec, &j, e);
}

static enum err
write_down(struct run *r, struct db *db, struct error *e)
{
	int64_t now = sys_wall_ms(r->w->c.clock), submitted = ulid_ms(&r->task.id.u);

	if (r->verdict == V_DONE && r->kind->apply != NULL) {
		TRY(job_held(db, &r->task, e));		/* or its effect would meet that of who has it now */
		TRY(r->kind->apply(r, db, e));
	}
	if (r->task.type >= JT_SHOWN && (r->verdict == V_DONE || r->verdict == V_FAILED)) {
		TRY(job_drop(db, &r->task, e));
		return spend_settle(db, r->task.workspace, submitted, r->task.reserved, r->cost, e);
	}
	switch (r->verdict) {
	case V_DONE:
		TRY(job_done(db, &r->task, now, r->result, r->receipt, e));
		TRY(spend_settle(db, r->task.workspace, submitted, r->task.reserved, r->cost, e));
		return announce(r, db, EVENT_JOB_COMPLETED, now, e);
	case V_FAILED:
		TRY(job_failed(db, &r->task, now, str_z(r->code), r->message, r->receipt, e));
		TRY(upload_release(db, r->task.workspace, r->task.id, now, e));
		TRY(spend_settle(db, r->task.workspace, submitted, r->task.reserved, r->cost, e));
		return announce(r, db, EVENT_JOB_FAILED, now, e);
	case V_AGAIN:
		TRY(spend_settle(db, r->task.workspace, submitted, 0, r->cost, e));
		return job_again(db, &r->task, now, r->run_at, false, e);
	case V_RETURNED:
		TRY(spend_settle(db, r->task.workspace, submitted, 0, r->cost, e));
		return job_again(db, &r->task, now, MAX(now, r->run_at), true, e);
	case V_NONE:
		break;
	}
	return OK;
}

static enum err
end_last(struct step *s, struct db *db, struct error *e)
{
	s->took = false;
	s->r->verdict = s->verdict;
	arena_back(&s->r->a, s->mark);
	return s->verdict != V_NONE ? write_down(s->r, db, e) : OK;
}

static enum err
run_step(void *ctx, struct db *db, struct error *e)
{
	struct step *s = ctx;
	int n = 0;

	enum err code = end_last(s, db, e);
	if (code == OK && s->take) {
		arena_reset(&s->a);
		code = job_claim(db, &s->a, (str){ s->name.s, 26 }, sys_wall_ms(s->w->c.clock), s->r->conf->lease, 1, &s->next, &n, e);
		s->took = n == 1;
	}
	return code;
}

/* --- on PostgreSQL: the steps of several workers in one transaction --- */

/* One transaction at a time: with two the groups are half as large, and jobs end a third more slowly.  A step waits for that one alone,
 * a few milliseconds, and for no job. */

struct group { struct step *first; struct arena a; };

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
	int takers = 0;

	arena_reset(&g->a);
	for (struct step *s = g->first; s != NULL; s = s->behind) {
		TRY(end_last(s, db, e));
		takers += s->take;
	}
	return takers != 0 ? claim_all(g, db, takers, e) : OK;
}

/* Who comes first takes all that wait along, and tells them; meanwhile the next ones gather.  What does not succeed together each tries alone. */
static void
fly(struct work *w, struct error *e)
{
	struct steps *all = &w->steps;
	struct group g = { .first = all->first };

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
	for (struct step *s = g.first, *next; s != NULL; s = next) {
		next = s->behind;
		s->code = code;
		s->done = true;
		pthread_cond_signal(&s->over);
	}
	if (all->first != NULL)
		pthread_cond_signal(&all->first->over);
}

static enum err
together(struct work *w, struct step *s, struct error *e)
{
	struct steps *all = &w->steps;

	sys_cond_init(&s->over);
	pthread_mutex_lock(&all->lock);
	if (all->last == NULL)
		all->last = &all->first;
	*all->last = s;
	all->last = &s->behind;
	s->queued = true;
	while (!s->done)
		if (s->queued && !all->flying)
			fly(w, e);
		else
			pthread_cond_wait(&s->over, &all->lock);
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
		if (r->verdict != V_NONE)
			board_ended(w->board, r);
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
end_or_give_back(struct lost *l, struct db *db, struct job_task *t, struct error *e)
{
	const struct conf *conf = l->w->c.settings(l->w->c.ctx);
	struct run r = { .w = l->w, .task = *t, .verdict = V_FAILED, .code = "attempts_exhausted",
	    .message = S("The job was lost by its worker too often. Its input may be what breaks the worker; change it and submit again.") };

	if (t->lost_leases + 1 < conf->job_lost_leases)
		return job_give_back(db, t, sys_wall_ms(l->w->c.clock), e);
	arena_init(&r.a, 1 << 20);
	enum err code = write_down(&r, db, e);
	arena_free(&r.a);
	l->failed[l->nfailed++] = t->id;
	return code;
}

static enum err
run_lost(void *ctx, struct db *db, struct error *e)
{
	struct job_task t[SLICE];
	struct lost *l = ctx;

	arena_reset(&l->a);
	l->nfailed = 0;
	TRY(job_lost(db, &l->a, l->now, SLICE, t, &l->n, e));
	for (int i = 0; i < l->n; i++)
		TRY(end_or_give_back(l, db, &t[i], e));
	return OK;
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
