/* tell -- progress for the other nodes: what changed on the board goes into the database, at most ten times a second for a job, many in one transaction.
 * Whoever runs a job waits for none of it.  Where nobody shares the database nothing is told. */
#include "work/work_priv.h"
#include "model/progress.h"
#include <stdatomic.h>
#include <stdlib.h>

struct telling { struct call call; struct work *w; _Atomic bool out; int n; struct told told[TOLD_MOST]; };

static enum err
run(struct call *c, struct db *db, struct error *e)
{
	struct telling *t = (struct telling *)c;

	if (!progress_shared(db))
		return OK;
	for (int i = 0; i < t->n; i++) {
		const struct told *o = &t->told[i];
		struct job_progress p = { o->fraction, o->at_ms, str_z(o->what) };
		TRY(progress_put(db, &o->key, &p, e));
	}
	return OK;
}

static void
done(struct call *c, enum err code, const struct error *why)
{
	struct telling *t = (struct telling *)c;

	(void)why;			/* the next change tells more */
	for (int i = 0; i < t->n && code == OK; i++)
		if (board_followed(t->w->board, &t->told[i].key.id))
			bus_say(t->w->c.bus, BUS_STEP, (str){ t->told[i].key.id.u.s, 26 });
	pthread_mutex_lock(&t->w->lock);
	t->out = false;
	pthread_cond_broadcast(&t->w->pause);
	pthread_mutex_unlock(&t->w->lock);
}

void
run_progress(struct run *r, double fraction, const char *what)
{
	board_progress(r->w->board, &(struct job_key){ r->task.workspace, r->task.id }, fraction, what);
	tell_progress(r->w);
	if (r->w->telling != NULL && board_followed(r->w->board, &r->task.id))
		work_hint(r->w, KEEP_TELL);	/* what was too early is told in a moment, and not when the keeper would look */
}

/* One call is under way at a time; what changes meanwhile is told by the next change, or by the keeper. */
void
tell_progress(struct work *w)
{
	struct telling *t = w->telling;
	struct error e;

	if (t == NULL || db_schema() < 5 || atomic_exchange(&t->out, true))
		return;
	t->n = board_untold(w->board, t->told);
	t->call = (struct call){ .run = run, .done = done, .bytes = 4096 };
	if (t->n == 0 || engine_submit(w->c.engine, &t->call, &e) != OK)
		atomic_store(&t->out, false);
}

struct telling *
telling_new(struct work *w)
{
	struct telling *t;

	if (engine_embedded(w->c.engine))
		return NULL;
	if ((t = calloc(1, sizeof(*t))) == NULL)
		abort();
	t->w = w;
	return t;
}

void
telling_free(struct telling *t)
{
	if (t == NULL)
		return;
	pthread_mutex_lock(&t->w->lock);
	while (t->out)
		pthread_cond_wait(&t->w->pause, &t->w->lock);
	pthread_mutex_unlock(&t->w->lock);
	free(t);
}
