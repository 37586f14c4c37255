/* step -- the transaction between two jobs: how the last one ended, and the next one taken (see work.h). */
#include "model/ledger.h"
#include "model/upload.h"
#include "work/work_priv.h"

/* Each claim has a name of its own: one whose commit is not known must not live on the signs of life of another. */
struct step { struct work *w; struct run *r; bool take, took; ulid name; struct job_task next; struct arena a; };

static enum err
announce(struct run *r, struct db *db, int type, struct error *e)
{
	struct job j;
	event_id id = { sys_ulid(r->w->c.clock) };

	TRY(job_get(db, &r->a, r->task.workspace, r->task.id, &j, e));
	return event_put(db, &r->a, r->task.workspace, r->task.project, id, type, &job_rec, &j, e);
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
		return announce(r, db, EVENT_JOB_COMPLETED, e);
	case V_FAILED:
		TRY(job_failed(db, &r->task, now, str_z(r->code), r->message, r->receipt, e));
		TRY(upload_release(db, r->task.workspace, r->task.id, now, e));
		TRY(spend_settle(db, r->task.workspace, submitted, r->task.reserved, r->cost, e));
		return announce(r, db, EVENT_JOB_FAILED, e);
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
run_step(void *ctx, struct db *db, struct error *e)
{
	struct step *s = ctx;
	struct arena_mark m = arena_mark(&s->r->a);
	enum verdict verdict = s->r->verdict;
	int n = 0;

	s->took = false;
	enum err code = verdict != V_NONE ? write_down(s->r, db, e) : OK;
	if (code == OK && s->take) {
		arena_reset(&s->a);
		code = job_claim(db, &s->a, (str){ s->name.s, 26 }, sys_wall_ms(s->w->c.clock), s->r->conf->lease, 1, &s->next, &n, e);
		s->took = n == 1;
	}
	if (code != OK) {
		s->r->verdict = verdict;		/* apply() may have changed it; the next try starts from the same place */
		arena_back(&s->r->a, m);
	}
	return code;
}

enum err
step(struct work *w, struct run *r, bool take, bool *took, struct error *e)
{
	struct step s = { .w = w, .r = r, .take = take, .name = sys_ulid(w->c.clock) };

	arena_init(&s.a, r->a.budget);
	enum err code = engine_wait(w->c.engine, run_step, &s, e);
	if (code == E_UNCERTAIN && r->verdict != V_NONE) {
		r->unsure = true;
		s.name = sys_ulid(w->c.clock);
		code = engine_wait(w->c.engine, run_step, &s, e);
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
