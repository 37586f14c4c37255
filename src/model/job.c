#include "model/job.h"
#include "db/partition.h"

static const struct field progress_fields[] = {
	F_F64 (job_progress, progress, "progress", "From 0 to 1", "0.5"),
	F_TIME(job_progress, updated_at, "updatedAt", NULL, 0, "When that was so"),
	F_STR (job_progress, message, "message", NULL, F_NULL, 0, 200, "What happens now", "writing"),
};
static const struct rec progress_rec = REC(job_progress, progress_fields, "A snapshot, kept one hour");

/* What is in the result of each type of job; the row holds it as JSON. */
struct job_result { post_id post; document_id document; source_id source; };
static const struct field result_fields[] = {
	F_ID(job_result, post, post, "postId", NULL, F_OMIT, "The post, of a POST_GENERATION"),
	F_ID(job_result, document, document, "documentId", NULL, F_OMIT, "The knowledge document, of a KB_INGEST job"),
	F_ID(job_result, source, source, "sourceId", NULL, F_OMIT, "The source, of a SOURCE_INGEST_FILE"),
};
static const struct rec result_rec = REC(job_result, result_fields, "What a job made");

static const struct field fields[] = {
	F_ID  (job, id, job, "id", "id", 0, "The job"),
	F_WORD(job, type, "type", "type", F_GROW, &job_any_words, "What it does", "POST_GENERATION"),
	F_WORD(job, status, "status", "status", 0, &job_status_words, "Where it is; DONE, FAILED and CANCELLED are final", "DONE"),
	F_ID  (job, project, project, "projectId", "project", F_NULL, "Its project"),
	F_TIME(job, started_at, "startedAt", "started_at", F_NULL, "When it was first started"),
	F_TIME(job, completed_at, "completedAt", "completed_at", F_NULL, "When it ended"),
	F_REC (job, progress, struct job_progress, "progress", NULL, F_NULL, &progress_rec, "How far it is"),
	F_JSON_OF(job, result, "result", "result", F_NULL, &result_rec, "What it made, once DONE", "{\"postId\":\"post_01J9ZAB12CD34E56F7G8H9JKMN\"}"),
	F_STR (job, error_code, "errorCode", "error_code", F_NULL, 0, 0, "Why it failed, for programs", "provider_timeout"),
	F_STR (job, error_message, "errorMessage", "error_message", F_NULL, 0, 0, "Why it failed and what to do, for people", NULL),
	F_I64 (job, attempts, "attemptCount", "attempts", 0, 0, INT64_MAX, "How often it was started", "1"),
	F_I64 (job, estimated_ms, "estimatedCompletionMs", NULL, F_NULL, 0, INT64_MAX, "Median of the last 50 jobs of its type; null before the fifth", "1200"),
	F_CREATED(job, id, job, "createdAt", "When it was submitted"),
	F_TIME(job, updated_at, "updatedAt", "updated_at", 0, "When its state last changed"),
};
const struct rec job_rec = REC(job, fields, "An asynchronous operation");
#define COLS "id, type, status, project, started_at, completed_at, result, error_code, error_message, attempts, updated_at"

static const struct field query_fields[] = {
	PAGE_FIELDS(jobs_query),
	F_WORDS(jobs_query, type, "type", NULL, 0, &job_kind_words, "Only these types, comma-separated", "POST_GENERATION"),
	F_WORDS(jobs_query, status, "status", NULL, 0, &job_status_words, "Only these states, comma-separated", "QUEUED,RUNNING"),
	F_FROM (jobs_query, from, "dateFrom", "Only jobs submitted on this UTC day, or at this moment, or later"),
	F_TO   (jobs_query, to, "dateTo", "Only jobs submitted on this UTC day, or at this moment, or earlier"),
};
const struct rec jobs_query_rec = REC(jobs_query, query_fields, "Filters of the list of jobs");

static const struct field task_fields[] = {
	F_ID  (job_task, workspace, workspace, "workspace", "workspace", 0, ""),
	F_ID  (job_task, id, job, "id", "id", 0, ""),
	F_ID  (job_task, project, project, "project", "project", 0, ""),
	F_WORD(job_task, type, "type", "type", 0, &job_type_words, "", NULL),
	F_STR (job_task, input, "input", "input", 0, 0, 0, "", NULL),
	F_STR (job_task, worker, "worker", "worker", 0, 0, 0, "", NULL),
	F_I64 (job_task, attempts, "attempts", "attempts", 0, 0, 0, "", NULL),
	F_I64 (job_task, lost_leases, "lost_leases", "lost_leases", 0, 0, 0, "", NULL),
	F_I64 (job_task, reserved, "reserved", "reserved", 0, 0, 0, "", NULL),
	F_I64 (job_task, queued_us, "queued_us", "queued_us", 0, 0, 0, "", NULL),
	F_TIME(job_task, started_at, "started_at", "started_at", F_NULL, ""),
};
const struct rec job_task_rec = REC(job_task, task_fields, "What a worker holds");
#define TASK "workspace, id, project, type, input, worker, attempts, lost_leases, reserved, queued_us, started_at"

SQL(insert, "job.insert",
    "INSERT INTO job (workspace, id, project, type, status, input, run_at, queued_us, updated_at, reserved) VALUES ($1, $2, $3, $4, 'QUEUED', $5, $6, $7, $6, $8)");
#define SEEN	" AND type NOT IN ('SOURCE_ANALYSE', 'UPLOAD_REMOVE')"	/* none from JT_SHOWN on */
_Static_assert(JT_COUNT == JT_SHOWN + 2, "SEEN names each type that is not shown");
SQL(get, "job.get", "SELECT " COLS " FROM job WHERE workspace = $1 AND id = $2" SEEN);
SQL(anchor, "job.anchor", "SELECT 1 FROM job WHERE workspace = $1 AND id = $2" SEEN);
#define PAGE	"SELECT " COLS " FROM job WHERE workspace = $1 AND id < $2 AND id >= $3"
#define ORDER	" ORDER BY id DESC LIMIT $4"
SQL(page, "job.page", PAGE SEEN ORDER);
/* One arm for each pair of type and state that is asked for, in the order of the index job_by_kind, merged as they come; an
 * arm that is not needed gets NULL and is empty, but costs some 20 us.  So there are three sizes: for one pair, for one
 * state of all types or one type in all states, and for anything. */
#define ARM(t, s)	"{pg}({/pg}" PAGE " AND type = " #t " AND status = " #s "{pg}" ORDER "){/pg}"
#define AND(t, s)	" UNION ALL " ARM(t, s)
#define SEVEN		ARM($5, $6) AND($7, $8) AND($9, $10) AND($11, $12) AND($13, $14) AND($15, $16) AND($17, $18)
SQL(page_one, "job.page_one", PAGE " AND type = $5 AND status = $6" ORDER);
SQL(page_some, "job.page_some", SEVEN ORDER);
SQL(page_any, "job.page_any", SEVEN AND($19, $20) AND($21, $22) AND($23, $24) AND($25, $26) AND($27, $28) AND($29, $30) AND($31, $32)
    AND($33, $34) AND($35, $36) AND($37, $38) AND($39, $40) AND($41, $42) AND($43, $44) AND($45, $46) AND($47, $48) AND($49, $50)
    AND($51, $52) AND($53, $54) AND($55, $56) AND($57, $58) AND($59, $60) AND($61, $62) AND($63, $64) AND($65, $66) AND($67, $68)
    AND($69, $70) AND($71, $72) AND($73, $74) ORDER);
static const struct { const struct stmt *q; int pairs; } page_kinds[] = {
	{ &page_one, 1 }, { &page_some, 7 }, { &page_any, JT_SHOWN * JS_COUNT },
};
_Static_assert(JT_SHOWN <= 7 && JT_SHOWN * JS_COUNT == 35, "job.page_some and job.page_any have an arm for each pair");
SQL(cancel, "job.cancel",
    "UPDATE job SET status = 'CANCELLED', completed_at = $3, updated_at = $3 WHERE workspace = $1 AND id = $2 AND status = 'QUEUED'" SEEN " RETURNING " COLS ", reserved");
#define RESERVED	11		/* behind COLS */

enum err
job_insert(struct db *db, workspace_id w, const struct job *j, str input, int64_t now, int64_t now_us, int64_t reserved, struct error *e)
{
	return db_run(db, insert, e, VID(w), VID(j->id), VID(j->project), val_word(&job_type_words, j->type), V(input), V(now), V(now_us), V(reserved));
}

enum err
job_get(struct db *db, struct arena *a, workspace_id w, job_id id, struct job *ret, struct error *e)
{
	struct rows row, seen = { .db = NULL };
	bool found;

	TRY(db_ask(db, get, &row, e, VID(w), VID(id)));
	enum err asked = progress_shared(db) ? progress_ask(db, &(struct job_key){ w, id }, &seen, e) : OK;
	if ((found = db_next(&row)))
		db_scan(&job_rec, &row, a, ret);
	while (db_next(&row))
		;
	TRY(db_done(&row, e));
	TRY(asked);
	if (seen.db != NULL)
		TRY(progress_read(&seen, a, &ret->progress, e));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Job not found.");
}

SQL(receipt_of, "job.receipt", "SELECT receipt FROM job WHERE workspace = $1 AND id = $2");

enum err
job_receipt(struct db *db, struct arena *a, workspace_id w, job_id id, str *ret, struct error *e)
{
	struct rows r;
	bool found;

	*ret = STR_NONE;
	TRY(db_query(db, receipt_of, &r, e, VID(w), VID(id)));
	if ((found = db_next(&r)) && db_col(&r, 0).t == V_TEXT)
		*ret = str_dup(a, db_col(&r, 0).s);
	TRY(db_done(&r, e));
	if (!found)
		return fail(e, E_NOT_FOUND, NULL, "Job not found.");
	return ret->n != 0 ? OK : fail(e, E_NOT_FOUND, NULL, "This job has no receipt: a generation has one when it is DONE, or failed after a model wrote.");
}

enum err
job_page(struct db *db, workspace_id w, const struct jobs_query *q, const struct page *p, struct rows *ret, struct error *e)
{
	struct val v[4 + 2 * JT_SHOWN * JS_COUNT] = { VID(w), val_ulid(&p->before), val_ulid(&p->from), V(p->limit) };
	int n = 4, k = 0;

	if (q->type == 0 && q->status == 0)
		return db_ask_(db, &page, ret, e, v, n);
	for (int t = 0; t < JT_SHOWN; t++)
		for (int s = 0; s < JS_COUNT; s++) {
			if ((q->type != 0 && !(q->type >> t & 1)) || (q->status != 0 && !(q->status >> s & 1)))
				continue;
			v[n++] = val_word(&job_type_words, t);
			v[n++] = val_word(&job_status_words, s);
		}
	while (4 + 2 * page_kinds[k].pairs < n)
		k++;
	return db_ask_(db, page_kinds[k].q, ret, e, v, 4 + 2 * page_kinds[k].pairs);
}

enum err
job_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

enum err
job_cancel(struct db *db, struct arena *a, workspace_id w, job_id id, int64_t now, struct job *ret, int64_t *reserved, struct error *e)
{
	struct rows r;
	bool hit;

	TRY(db_query(db, cancel, &r, e, VID(w), VID(id), V(now)));
	if ((hit = db_next(&r))) {
		db_scan(&job_rec, &r, a, ret);
		*reserved = db_col(&r, RESERVED).i;
	}
	TRY(db_done(&r, e));
	if (hit)
		return OK;
	TRY(job_get(db, a, w, id, ret, e));
	return fail(e, E_NOT_CANCELLABLE, NULL, "Job is in '%s'; only QUEUED jobs can be cancelled in v1.", job_status_words.v[ret->status]);
}

/* An arm each; one without a job gets NULL.  The embedded database has no other node that could end a job. */
#define OVER(w, i)	"SELECT id FROM job WHERE workspace = $" #w " AND id = $" #i " AND status IN ('DONE', 'FAILED', 'CANCELLED')"
#define OR(w, i)	" UNION ALL " OVER(w, i)
SQL_PG(0, ended_of, "job.ended", JOBS_ARMS(OVER, OR));

enum err
job_ended(struct db *db, const struct job_key *k, int n, bool *ret, struct error *e)
{
	struct val v[2 * JOBS_ASKED];
	struct rows r;

	jobs_asked(k, n, v);
	memset(ret, 0, (size_t)n * sizeof(*ret));
	TRY(db_query_(db, &ended_of, &r, e, v, 2 * JOBS_ASKED));
	while (db_next(&r))
		for (int i = 0; i < n; i++)
			ret[i] |= str_eq(db_col(&r, 0).s, (str){ k[i].id.u.s, 26 });
	return db_done(&r, e);
}

/* --- the worker's side --- */

/* MATERIALIZED: chosen once.  PostgreSQL may run a subquery again for each row, and each time lock others than before. */
SQL(claim, "job.claim",
    "WITH next AS MATERIALIZED (SELECT workspace, id FROM job WHERE status = 'QUEUED' AND run_at <= $1 ORDER BY run_at, id LIMIT $4{skip_locked})"
    " UPDATE job SET status = 'RUNNING', worker = $3, lease_until = $2, attempts = attempts + 1, started_at = COALESCE(started_at, $1), updated_at = $1"
    " WHERE (workspace, id) IN (SELECT workspace, id FROM next) RETURNING " TASK);
/* Of a queue that was empty when it was last analysed the planner of PostgreSQL expects a handful of rows, and would sort them: that is the whole
 * queue, each time.  In its order the index gives what is needed. */
SQL_PG(0, in_order, "job.in_order", "SELECT set_config('enable_sort', 'off', true)");
#define FENCE	" WHERE workspace = $1 AND id = $2 AND status = 'RUNNING' AND worker = $3 AND attempts = $4"
/* Locked, and not only looked at: what is written behind it commits before anybody else has the job. */
SQL(held, "job.held", "SELECT 1 FROM job" FENCE "{for_update}");
SQL(done, "job.done",
    "UPDATE job SET status = 'DONE', result = $6, receipt = $7, completed_at = $5, updated_at = $5, worker = NULL, lease_until = NULL" FENCE);
/* The status is compared as it is in no index: job_leased holds all that run, and each is asked for by its key. */
SQL_PG(0, all_done, "job.all_done",
    "WITH ended AS (UPDATE job SET status = 'DONE', result = t.result, receipt = t.receipt, completed_at = $7, updated_at = $7, worker = NULL, lease_until = NULL"
    " FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::bigint[], $5::text::text[], $6::text::text[])"
    " t(workspace, id, worker, attempts, result, receipt)"
    " WHERE job.workspace = t.workspace AND job.id = t.id AND job.status || '' = 'RUNNING' AND job.worker = t.worker AND job.attempts = t.attempts RETURNING 1)"
    " SELECT 1 FROM (SELECT count(*) AS n FROM ended) e WHERE e.n = $8");
SQL(failed, "job.failed",
    "UPDATE job SET status = 'FAILED', error_code = $6, error_message = $7, receipt = $8, completed_at = $5, updated_at = $5, worker = NULL, lease_until = NULL" FENCE);
SQL(drop, "job.drop", "DELETE FROM job" FENCE);
SQL(again, "job.again",
    "UPDATE job SET status = 'QUEUED', run_at = $6, attempts = attempts - $7, updated_at = $5, worker = NULL, lease_until = NULL" FENCE);
/* One that is being written down is left to that transaction, or to the next sign of life: who waits for one while it holds others may wait for ever. */
SQL(renew, "job.renew",
    "UPDATE job SET lease_until = $2 WHERE (workspace, id) IN"
    " (SELECT workspace, id FROM job WHERE status = 'RUNNING' AND worker = $1 AND lease_until < $2{skip_locked})");
SQL(lost, "job.lost",
    "SELECT " TASK " FROM job WHERE status = 'RUNNING' AND lease_until < $1 ORDER BY lease_until LIMIT $2{skip_locked}");
SQL(give_back, "job.give_back",
    "UPDATE job SET status = 'QUEUED', run_at = $5, lost_leases = lost_leases + 1, updated_at = $5, worker = NULL, lease_until = NULL" FENCE);

static enum err
tasks(struct rows *r, struct arena *a, int limit, struct job_task *ret, int *n, struct error *e)
{
	*n = 0;
	while (*n < limit && db_next(r))
		db_scan(&job_task_rec, r, a, &ret[(*n)++]);
	return db_done(r, e);
}

enum err
job_claim(struct db *db, struct arena *a, str worker, int64_t now, int64_t lease_ms, int limit, struct job_task *ret, int *n, struct error *e)
{
	struct rows r;

	if (!db->ops->sole(db))
		TRY(db_run_(db, &in_order, e, NULL, 0));
	TRY(db_query(db, claim, &r, e, V(now), V(now + lease_ms), V(worker), V(limit)));
	return tasks(&r, a, limit, ret, n, e);
}

#define ENDS_MAX	((size_t)16 << 20)	/* bytes of a column */
static const struct miss lost_lease = { E_CONFLICT, NULL, "the lease of this job was lost" };

#define HELD(t)	VID((t)->workspace), VID((t)->id), V((t)->worker), V((t)->attempts)

enum err
job_held(struct db *db, const struct job_task *t, struct error *e)
{
	return db_must(db, held, lost_lease, e, HELD(t));
}

enum err
job_done(struct db *db, const struct job_task *t, int64_t now, str result, str receipt, struct error *e)
{
	return db_must(db, done, lost_lease, e, HELD(t), V(now), V(result), V(receipt));
}

void
job_ends_init(struct job_ends *m, struct arena *a)
{
	struct buf *const column[] = { &m->workspace, &m->id, &m->worker, &m->attempts, &m->result, &m->receipt };

	m->n = 0;
	for (size_t i = 0; i < COUNT(column); i++)
		buf_init(column[i], a, ENDS_MAX);
}

void
job_ends_add(struct job_ends *m, const struct job_task *t, str result, str receipt)
{
	m->n++;
	db_array_add(&m->workspace, VID(t->workspace));
	db_array_add(&m->id, VID(t->id));
	db_array_add(&m->worker, V(t->worker));
	db_array_add(&m->attempts, V(t->attempts));
	db_array_add(&m->result, V(result));
	db_array_add(&m->receipt, V(receipt));
}

enum err
job_ends_write(struct db *db, struct job_ends *m, int64_t now, struct error *e)
{
	if (m->n == 0)
		return OK;
	struct val w = db_array(&m->workspace), id = db_array(&m->id), worker = db_array(&m->worker), attempts = db_array(&m->attempts);
	struct val result = db_array(&m->result), receipt = db_array(&m->receipt);
	if (m->workspace.over || m->id.over || m->worker.over || m->attempts.over || m->result.over || m->receipt.over)
		return fail(e, E_UNAVAILABLE, NULL, "too many jobs end at once");
	return db_must(db, all_done, lost_lease, e, w, id, worker, attempts, result, receipt, V(now), V(m->n));
}

enum err
job_failed(struct db *db, const struct job_task *t, int64_t now, str code, str message, str receipt, struct error *e)
{
	return db_must(db, failed, lost_lease, e, HELD(t), V(now), V(code), V(message), V(receipt));
}

enum err
job_drop(struct db *db, const struct job_task *t, struct error *e)
{
	return db_must(db, drop, lost_lease, e, HELD(t));
}

enum err
job_again(struct db *db, const struct job_task *t, int64_t now, int64_t run_at, bool undo_start, struct error *e)
{
	return db_must(db, again, lost_lease, e, HELD(t), V(now), V(run_at), V((int)undo_start));
}

enum err
job_give_back(struct db *db, const struct job_task *t, int64_t now, struct error *e)
{
	return db_must(db, give_back, lost_lease, e, HELD(t), V(now));
}

enum err
job_renew(struct db *db, str worker, int64_t until, struct error *e)
{
	return db_run(db, renew, e, V(worker), V(until));
}

enum err
job_lost(struct db *db, struct arena *a, int64_t now, int limit, struct job_task *ret, int *n, struct error *e)
{
	struct rows r;

	TRY(db_query(db, lost, &r, e, V(now), V(limit)));
	return tasks(&r, a, limit, ret, n, e);
}

/* --- figures and keeping --- */

/* Any run_at and any lease: named so that SQLite takes the partial indexes, not one of all jobs. */
SQL(count_queued, "job.count_queued", "SELECT count(*) FROM job WHERE status = 'QUEUED' AND run_at >= 0");
SQL(count_running, "job.count_running", "SELECT count(*) FROM job WHERE status = 'RUNNING' AND lease_until >= 0");
/* All workspaces together: how long a type of job takes on this server; read once, at its start.  Of each workspace
 * only its last ones are looked at. */
SQL(durations, "job.durations",
    "SELECT j.completed_at - j.started_at, j.id FROM workspace w CROSS JOIN job j WHERE j.workspace = w.id AND j.type = $1 AND j.status = 'DONE'"
    " AND j.id >= (SELECT min(y.id) FROM (SELECT x.id FROM job x WHERE x.workspace = w.id AND x.type = $1 AND x.status = 'DONE'"
    " ORDER BY x.id DESC LIMIT $2) y) ORDER BY j.id DESC LIMIT $2");
SQL(clean, "job.clean",
    "DELETE FROM job WHERE workspace = $1 AND id IN (SELECT id FROM job WHERE workspace = $1 AND id < $2"
    " AND status IN ('DONE', 'FAILED', 'CANCELLED') AND completed_at < $3 ORDER BY id LIMIT $4)");

static enum err
count_one(struct db *db, const struct stmt *q, int64_t *ret, struct error *e)
{
	struct rows r;

	TRY(db_query_(db, q, &r, e, NULL, 0));
	if (db_next(&r))
		*ret = db_col(&r, 0).i;
	return db_done(&r, e);
}

enum err
job_count(struct db *db, struct job_counts *ret, struct error *e)
{
	TRY(count_one(db, &count_queued, &ret->queued, e));
	return count_one(db, &count_running, &ret->running, e);
}

/* One arm a type, for each state a column: of each pair only so many are counted. */
#define FEW(s)		"(SELECT count(*) FROM (SELECT 1 AS one FROM job WHERE workspace = $1 AND type = k.type AND status = '" s "' AND id >= $2 AND id < $3 LIMIT $4) few)"
#define FOUND(s)	", " FEW(s)
SQL(count_between, "job.count_between",
    "SELECT k.type" FOUND("QUEUED") FOUND("RUNNING") FOUND("DONE") FOUND("FAILED") FOUND("CANCELLED")
    " FROM (SELECT $5 AS type UNION ALL SELECT $6 UNION ALL SELECT $7 UNION ALL SELECT $8 UNION ALL SELECT $9 UNION ALL SELECT $10 UNION ALL SELECT $11) k");
_Static_assert(JT_SHOWN == 7 && JS_COUNT == 5 && JS_QUEUED == 0 && JS_RUNNING == 1 && JS_DONE == 2 && JS_FAILED == 3 && JS_CANCELLED == 4,
    "job.count_between has an arm a type and a column a state");

enum err
job_count_between(struct db *db, workspace_id w, int64_t from, int64_t to, int most, int64_t ret[JT_SHOWN][JS_COUNT], struct error *e)
{
	ulid low = ulid_low(from), high = ulid_low(to);
	struct val v[4 + JT_SHOWN] = { VID(w), val_ulid(&low), val_ulid(&high), V(most) };
	struct rows r;
	int type;

	for (int t = 0; t < JT_SHOWN; t++)
		v[4 + t] = val_word(&job_type_words, t);
	TRY(db_query_(db, &count_between, &r, e, v, (int)COUNT(v)));
	while (db_next(&r)) {
		db_val_word(&job_type_words, db_col(&r, 0), &type);
		for (int s = 0; s < JS_COUNT; s++)
			ret[type][s] = db_col(&r, 1 + s).i;
	}
	return db_done(&r, e);
}

enum err
job_durations(struct db *db, int type, int limit, int64_t *ret, int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(db_query(db, durations, &r, e, val_word(&job_type_words, type), V(limit)));
	while (*n < limit && db_next(&r))
		ret[(*n)++] = db_col(&r, 0).i;
	return db_done(&r, e);
}

enum err
job_clean(struct db *db, workspace_id w, int64_t before, int slice, int64_t *ret, struct error *e)
{
	ulid low = ulid_low(before);

	*ret = 0;
	if (partition_on(db))
		return OK;
	TRY(db_touch(db, clean, ret, e, VID(w), val_ulid(&low), V(before), V(slice)));
	return OK;
}
