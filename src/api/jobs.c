#include "api/rq.h"
#include "model/upload.h"

/* Progress and estimate are not in the row: they are added as it passes. */
static void
scan(struct rq *rq, struct rows *r, void *to)
{
	struct job *j = to;

	db_scan(&job_rec, r, NULL, j);
	progress_pick(&rq->progress, &j->id, &j->progress);
	work_snapshot(rq->api->c.work, rq->a, j);
}

enum err
jobs_list(struct rq *rq)
{
	const struct jobs_query *q = IN(rq, jobs_query);
	struct page p = page_of(rq, q->from, q->to);
	struct rows r, seen = { .db = NULL };

	if (progress_shared(rq->db))
		TRY(progress_page_ask(rq->db, rq->who.workspace, &p, &seen, &rq->err));
	TRY(job_page(rq->db, rq->who.workspace, q, &p, &r, &rq->err));
	rq->progress = (struct progress_page){ .row = NULL };
	if (seen.db != NULL)
		TRY(progress_page_read(&seen, rq->a, &rq->progress, &rq->err));
	return reply_rows(rq, &r, &job_rec, sizeof(struct job), scan);
}

enum err
jobs_get(struct rq *rq)
{
	struct job j;

	TRY(job_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, job), &j, &rq->err));
	work_snapshot(rq->api->c.work, rq->a, &j);
	return reply(rq, &job_rec, &j);
}

struct job_receipt { job_id job; str receipt; };
static const struct field receipt_fields[] = {
	F_ID     (job_receipt, job, job, "jobId", NULL, 0, "The job"),
	F_JSON_OF(job_receipt, receipt, "receipt", NULL, 0, &receipt_rec, "What it was done with",
	    "{\"provider\":\"openai\",\"model\":\"gpt-4o-mini\",\"tokensIn\":1800,\"tokensOut\":310,\"costMicrocents\":45600,"
	    "\"promptHash\":\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\",\"calls\":1,\"sourceBytes\":5120,\"readBytes\":5120,"
	    "\"passages\":[],\"samples\":[{\"sampleId\":\"smp_01J9ZAB12CD34E56F7G8H9JKMN\",\"score\":0.214,\"sharedWords\":12}],\"pillars\":[],\"leftOut\":[]}"),
};
const struct rec job_receipt_rec = REC(job_receipt, receipt_fields, "How a job was done");

enum err
jobs_receipt(struct rq *rq)
{
	struct job_receipt r = { .job = PATH_ID(rq, job) };

	TRY(job_receipt(rq->db, rq->a, rq->who.workspace, r.job, &r.receipt, &rq->err));
	return reply(rq, &job_receipt_rec, &r);
}

/* POST /v1/jobs/{jobId}/cancel: what was reserved for it flows back, and its upload may be used again. */
enum err
jobs_cancel(struct rq *rq)
{
	int64_t reserved;
	struct job j;

	TRY(job_cancel(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, job), rq->now, &j, &reserved, &rq->err));
	TRY(upload_release(rq->db, rq->who.workspace, j.id, rq->now, &rq->err));
	TRY(spend_settle(rq->db, rq->who.workspace, ulid_ms(&j.id.u), reserved, 0, &rq->err));
	work_snapshot(rq->api->c.work, rq->a, &j);
	made(rq, ID_job, &j.id.u);
	rq->gone = true;
	rq->job = j.id;
	return reply(rq, &job_rec, &j);
}
