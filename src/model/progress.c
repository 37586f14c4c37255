#include "model/progress.h"

#define MILLION		1000000
#define COARSE_MS	INT64_C(600000)		/* ends_at changes seldom, so that its index does */

SQL_SINCE(5, put, "job_progress.put", "INSERT INTO job_progress (workspace, job, millionths, message, updated_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6) "
    "ON CONFLICT (workspace, job) DO UPDATE SET millionths = $3, message = $4, updated_at = $5, ends_at = $6");
SQL_SINCE(5, get, "job_progress.get", "SELECT millionths, message, updated_at FROM job_progress WHERE workspace = $1 AND job = $2");
SQL_SINCE(5, get_page, "job_progress.page", "SELECT job, millionths, message, updated_at FROM job_progress WHERE workspace = $1 AND job < $2 AND job >= $3 ORDER BY job DESC LIMIT $4");
SQL_SINCE(5, sweep, "job_progress.sweep", "DELETE FROM job_progress WHERE (workspace, job) IN (SELECT workspace, job FROM job_progress WHERE ends_at < $1 ORDER BY ends_at LIMIT $2{skip_locked})");

bool progress_shared(struct db *db) { return db_schema() >= 5 && !db->ops->sole(db); }

enum err
progress_put(struct db *db, const struct job_key *k, const struct job_progress *p, struct error *e)
{
	int64_t end = ((p->updated_at + PROGRESS_KEPT_MS) / COARSE_MS + 1) * COARSE_MS;

	return db_run(db, put, e, VID(k->workspace), VID(k->id), V((int64_t)(p->progress * MILLION + 0.5)), V(p->message), V(p->updated_at), V(end));
}

enum err
progress_ask(struct db *db, const struct job_key *k, struct rows *r, struct error *e)
{
	return db_ask(db, get, r, e, VID(k->workspace), VID(k->id));
}

enum err
progress_read(struct rows *r, struct arena *a, struct job_progress *ret, struct error *e)
{
	while (db_next(r))
		*ret = (struct job_progress){ (double)db_col(r, 0).i / MILLION, db_col(r, 2).i, str_dup(a, db_col(r, 1).s) };
	return db_done(r, e);
}

/* The embedded database has no other node that could tell. */
#define TOLD(w, i)	"SELECT job, millionths, message, updated_at FROM job_progress WHERE workspace = $" #w " AND job = $" #i
#define AND(w, i)	" UNION ALL " TOLD(w, i)
SQL_PG(5, get_some, "job_progress.some", JOBS_ARMS(TOLD, AND));

void
jobs_asked(const struct job_key *k, int n, struct val ret[2 * JOBS_ASKED])
{
	for (int i = 0; i < JOBS_ASKED; i++) {
		ret[2 * i] = i < n ? VID(k[i].workspace) : (struct val){ 0 };
		ret[2 * i + 1] = i < n ? VID(k[i].id) : (struct val){ 0 };
	}
}

enum err
progress_some(struct db *db, struct arena *a, const struct job_key *k, int n, struct job_progress *ret, struct error *e)
{
	struct val v[2 * JOBS_ASKED];
	struct rows r;

	jobs_asked(k, n, v);
	TRY(db_query_(db, &get_some, &r, e, v, 2 * JOBS_ASKED));
	while (db_next(&r))
		for (int i = 0; i < n; i++)
			if (str_eq(db_col(&r, 0).s, (str){ k[i].id.u.s, 26 }))
				ret[i] = (struct job_progress){ (double)db_col(&r, 1).i / MILLION, db_col(&r, 3).i, str_dup(a, db_col(&r, 2).s) };
	return db_done(&r, e);
}

enum err
progress_page_ask(struct db *db, workspace_id w, const struct page *p, struct rows *r, struct error *e)
{
	return db_ask(db, get_page, r, e, VID(w), val_ulid(&p->before), val_ulid(&p->from), V(PROGRESS_PAGE));
}

enum err
progress_page_read(struct rows *r, struct arena *a, struct progress_page *ret, struct error *e)
{
	*ret = (struct progress_page){ .row = NULL };
	while (db_next(r)) {
		if (ret->row == NULL)
			ret->row = NEW_N(a, struct progress_row, PROGRESS_PAGE);
		struct progress_row *p = &ret->row[ret->n++];
		memcpy(p->job.u.s, db_col(r, 0).s.p, 26);
		p->is = (struct job_progress){ (double)db_col(r, 1).i / MILLION, db_col(r, 3).i, str_dup(a, db_col(r, 2).s) };
	}
	return db_done(r, e);
}

/* The newest first, like the page. */
void
progress_pick(const struct progress_page *page, const job_id *job, struct job_progress *ret)
{
	int from = 0, to = page->n;

	while (from < to) {
		int at = (from + to) / 2, order = memcmp(page->row[at].job.u.s, job->u.s, 26);
		if (order == 0) {
			*ret = page->row[at].is;
			return;
		}
		if (order > 0)
			from = at + 1;
		else
			to = at;
	}
}

enum err
progress_sweep(struct db *db, int64_t now, int most, int64_t *n, struct error *e)
{
	*n = 0;
	return progress_shared(db) ? db_touch(db, sweep, n, e, V(now), V(most)) : OK;
}
