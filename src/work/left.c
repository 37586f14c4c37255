/* left -- what deletions leave behind: notes and posts of folders and columns that are gone, documents that nobody writes any more.
 * Two duties (duty.c). */
#include "model/knowledge.h"
#include "work/work_priv.h"

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

bool
move_on(struct work *w)
{
	struct moving m = { .w = w };
	struct error e;

	for (int64_t until = sys_mono_us(w->c.clock) + CLEAN_US; !w->stopping && sys_mono_us(w->c.clock) < until; w->move_at = m.v) {
		m.v = w->move_at;
		enum err code = engine_read(w->c.engine, find_vacated, &m, &e);
		if (code == OK && m.found)
			code = engine_wait(w->c.engine, move_slice, &m, &e);
		if (!work_told(w, "move", code, &e) || !m.found) {
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
bool
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
		if (!work_told(w, "knowledge", code, &e))
			return false;
	}
	w->empty_at = m.found ? m.workspace : (workspace_id){ .u = { "" } };
	w->empty_behind = m.found ? m.document : (document_id){ .u = { "" } };
	return m.found && emptied;
}
