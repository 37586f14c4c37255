/* progress -- the job that a streamed call waits for: how far it is, and its end when nobody waits any more.
 *
 * A call that is cancelled, or in the version without sessions just left, cancels the job that it began, as cancel_job does: one that is QUEUED
 * ends, one that RUNS goes on to its end and its result stays.
 *
 * Whichever node works on it: the keeper puts what another one told onto the board of this one (work/keeper.c). */
#include "mcp/live.h"

static bool waits(const struct ask *k) { return k->call != NULL && atomic_load_explicit(&k->call->waiting, memory_order_acquire); }

void
progress_tick(struct ask *k)
{
	struct arena a;
	struct job j;

	if (!waits(k))
		return;
	if (live_given_up(k)) {
		progress_cancel(k);
		return;
	}
	arena_init(&a, 1 << 16);
	rec_init(&job_rec, &j);
	j.id = k->call->job;
	j.type = JT_POST_GENERATION;
	j.status = JS_RUNNING;
	work_snapshot(k->m->api->c.work, &a, &j);
	if (j.progress.updated_at != TIME_NONE)
		mcp_progress(k, j.progress.progress, 1, j.progress.message);
	arena_free(&a);
}

void
progress_last(struct ask *k)
{
	progress_tick(k);
	if (waits(k) && k->call->done)
		mcp_progress(k, 1, 1, S("done"));
}

static void
woken(struct api_call *c)
{
	live_due(c->ctx, BY_CANCEL);
}

/* Its headers, but not its key. */
static void
begin(struct live *l, struct api_call *c)
{
	lent_give(&l->lent, NULL, c);
	c->x.header[FH_SCRIPE_WORKSPACE_ID] = l->k.call->x.header[FH_SCRIPE_WORKSPACE_ID];
	c->woken = woken;
	c->ctx = l;
	api_call_begin(l->k.m->api, c);
}

void
progress_cancelled(struct ask *k)
{
	struct live *l = k->live;

	if (l->cancel->x.status == 0)
		api_call_resume(l->cancel);
	if (l->cancel->x.status == 0)
		return;
	api_call_end(l->cancel);
	l->cancel = NULL;
}

void
progress_cancel(struct ask *k)
{
	struct live *l = k->live;

	if (l->asked_end || !waits(k))
		return;
	l->asked_end = true;
	l->cancel = NEW(k->a, struct api_call);
	api_call_init(l->cancel, op_named("cancel_job"), &k->who);
	l->cancel->id = id_text(k->a, ID_job, &k->call->job.u);
	begin(l, l->cancel);
	if (l->cancel->x.status != 0)
		progress_cancelled(k);
}
