/* clean -- what workspaces have kept for long enough goes, slice by slice: a duty (duty.c). */
#include "model/ledger.h"
#include "model/request.h"
#include "model/upload.h"
#include "work/work_priv.h"

#define SLICE		500		/* rows of a table deleted in one transaction, */
#define STEP		8		/* and in one statement where others wait for the writer; */
#define HOLD_US		1500		/* then no other statement is begun after that, and with its commit it is under 5 ms */

static const struct conf *settings(const struct work *w) { return w->c.settings(w->c.ctx); }

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

/* Without a store here, files are for a node that has them. */
static void
leave_files(struct upload_doomed *d)
{
	int kept = 0;

	for (int i = 0; i < d->n; i++)
		if (d->external[i]) {
			d->external[kept] = true;
			d->id[kept++] = d->id[i];
		}
	d->met -= d->n - kept;
	d->n = kept;
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
	if (c->w->c.disk == NULL)
		leave_files(&c->doomed);
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

void clean_from_the_top(struct work *w) { memset(w->clean_at.u.s, 'Z', 26); }

/* Up to the first slice that held something. */
bool
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
		if (!work_told(w, "clean", code, &e) || c.last) {
			clean_from_the_top(w);
			return false;
		}
	}
	return true;
}
