/* job -- the durable queue and its history (contract 7, 12.7).  The only code that names table job.
 *
 *	QUEUED -> RUNNING -> DONE | FAILED	QUEUED -> CANCELLED	RUNNING -> QUEUED (another try, a lost lease)
 *
 * A worker owns a job through a lease: worker name and number of starts together are a fence, so that one who was
 * believed dead and wakes up again cannot write its effect.  `attempts` counts starts; starts without a lost lease
 * are what the retry budget counts.
 * Layer: includes db, page, words. */
#ifndef MODEL_JOB_H
#define MODEL_JOB_H
#include "db/db.h"
#include "model/page.h"
#include "model/progress.h"
#include "model/words.h"

struct job {
	job_id id;
	int type, status;
	project_id project;
	int64_t started_at, completed_at;
	struct job_progress progress;		/* not in the row: what other nodes told of it, then the work module's */
	str result, error_code, error_message;
	int64_t attempts, estimated_ms, updated_at;
};
extern const struct rec job_rec;
struct jobs_query { struct page_query page; unsigned type, status; int64_t from, to; };
extern const struct rec jobs_query_rec;

MUST_USE enum err job_insert(struct db *, workspace_id, const struct job *, str input, int64_t now, int64_t now_us, int64_t reserved, struct error *);
MUST_USE enum err job_get(struct db *, struct arena *, workspace_id, job_id, struct job *ret, struct error *);	/* E_NOT_FOUND */
/* What was kept of how it was done, JSON; E_NOT_FOUND where nothing was. */
MUST_USE enum err job_receipt(struct db *, struct arena *, workspace_id, job_id, str *ret, struct error *);
/* Asked for (db_ask). */
MUST_USE enum err job_page(struct db *, workspace_id, const struct jobs_query *, const struct page *, struct rows *ret, struct error *);
MUST_USE enum err job_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
/* E_NOT_CANCELLABLE unless QUEUED.  *reserved: to be given back. */
MUST_USE enum err job_cancel(struct db *, struct arena *, workspace_id, job_id, int64_t now, struct job *ret, int64_t *reserved, struct error *);

/* Which of these have ended; at most JOBS_ASKED. */
MUST_USE enum err job_ended(struct db *, const struct job_key *, int n, bool *ret, struct error *);

/* What a worker holds. */
struct job_task {
	workspace_id workspace;
	job_id id;
	project_id project;
	int type;
	str input, worker;
	int64_t attempts, lost_leases, reserved, queued_us, started_at;
};
extern const struct rec job_task_rec;
MUST_USE enum err job_claim(struct db *, struct arena *, str worker, int64_t now, int64_t lease_ms, int limit, struct job_task *ret, int *n, struct error *);
/* The fence of all: E_CONFLICT when the job is no longer this worker's. */
MUST_USE enum err job_held(struct db *, const struct job_task *, struct error *);	/* before an effect that could only be made once */
MUST_USE enum err job_done(struct db *, const struct job_task *, int64_t now, str result, str receipt, struct error *);
/* The same of many jobs, in one statement that PostgreSQL alone has: each of them as job_done, or E_CONFLICT and none. */
struct job_ends { int n; struct buf workspace, id, worker, attempts, result, receipt; };
void	job_ends_init(struct job_ends *, struct arena *);
void	job_ends_add(struct job_ends *, const struct job_task *, str result, str receipt);
MUST_USE enum err job_ends_write(struct db *, struct job_ends *, int64_t now, struct error *);	/* once; a no-op without any */
MUST_USE enum err job_failed(struct db *, const struct job_task *, int64_t now, str code, str message, str receipt, struct error *);	/* receipt: absent where nothing was spent */
MUST_USE enum err job_drop(struct db *, const struct job_task *, struct error *);	/* the end of one that is not shown */
MUST_USE enum err job_again(struct db *, const struct job_task *, int64_t now, int64_t run_at, bool undo_start, struct error *);
MUST_USE enum err job_renew(struct db *, str worker, int64_t until, struct error *);	/* all of this worker's */
/* Jobs whose lease ended before `now`; with now = INT64_MAX every running one: the embedded server at its start. */
MUST_USE enum err job_lost(struct db *, struct arena *, int64_t now, int limit, struct job_task *ret, int *n, struct error *);
MUST_USE enum err job_give_back(struct db *, const struct job_task *, int64_t now, struct error *);

struct job_counts { int64_t queued, running; };
MUST_USE enum err job_count(struct db *, struct job_counts *ret, struct error *);
/* How long the last `limit` finished jobs of a type took, in ms, newest first. */
MUST_USE enum err job_durations(struct db *, int type, int limit, int64_t *ret, int *n, struct error *);
/* Of each type and state, submitted in [from, to); never more than `most`. */
MUST_USE enum err job_count_between(struct db *, workspace_id, int64_t from, int64_t to, int most, int64_t ret[JT_SHOWN][JS_COUNT], struct error *);
MUST_USE enum err job_clean(struct db *, workspace_id, int64_t before, int slice, int64_t *ret, struct error *);
#endif
