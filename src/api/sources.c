#include "model/source.h"
#include "analyse/analyse.h"
#include "api/rq.h"
#include "model/job.h"
#include "model/project.h"
#include "model/upload.h"
#include "speech/speech.h"

/* A text is a source at once; a file becomes one by a job. */
static const struct field made_fields[] = {
	F_EITHER("text", &source_rec, "The source, of a text"),
	F_EITHER("file", &job_rec, "The job that makes the source, of a file"),
};
const struct rec source_or_job_rec = REC_EITHER("source_or_job", made_fields, "The source that was made of a text, or the job that makes one of a file");

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&source_entry_rec, r, NULL, to);
}

enum err
sources_list(struct rq *rq)
{
	const struct sources_query *q = IN(rq, sources_query);
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	TRY(project_exists(rq->db, rq->who.workspace, q->project, &rq->err));
	TRY(source_page(rq->db, rq->who.workspace, q->project, (source_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &source_entry_rec, sizeof(struct source_entry), scan);
}

enum err
sources_get(struct rq *rq)
{
	struct source s;

	TRY(source_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, source), &s, &rq->err));
	return reply(rq, &source_rec, &s);
}

/* What is in it comes a moment later, by a job that is not shown.  Over the cap of AI spend no model is asked. */
static enum err
analyse_later(struct rq *rq, const struct source *s)
{
	int64_t cents = analyse_estimate_cents(rq->conf);
	job_id job = { fresh(rq) };

	if (rq->conf->analyser == ANALYSER_OFF)
		return OK;
	enum err code = reserve(rq, &job, cents);
	bool unpaid = code == E_SPEND_CAP_EXCEEDED;
	if (!unpaid)
		TRY(code);
	return enqueue_unseen(rq, job, JT_SOURCE_ANALYSE, s->project, analysing_input(rq->a, s->id, unpaid), unpaid ? 0 : cents);
}

static enum err
create_text(struct rq *rq, const struct source_create *in)
{
	struct source s;

	rec_init(&source_rec, &s);
	s.id = (source_id){ fresh(rq) };
	s.project = in->project;
	s.status = SS_DONE;
	s.name = in->name;
	s.preview = source_preview(in->text);
	s.truncated = s.preview.n < in->text.n;
	s.has_text = true;
	TRY(source_insert(rq->db, rq->who.workspace, &s, in->text, STR_NONE, &rq->err));
	TRY(announce(rq, s.project, EVENT_SOURCE_CREATED, &source_rec, &s));
	TRY(analyse_later(rq, &s));
	made(rq, ID_source, &s.id.u);
	return reply(rq, &source_rec, &s);
}

#define FILE_CENTS	5		/* contract 12.2: to have a recording written down, and to have a model say what is in it */

/* The file is read by a job. */
static enum err
create_file(struct rq *rq, const struct source_create *in)
{
	struct upload u;
	struct job j;

	rec_init(&job_rec, &j);
	j.id = (job_id){ fresh(rq) };
	j.type = JT_SOURCE_INGEST_FILE;
	j.project = in->project;
	TRY(upload_take(rq, in->upload, j.id, analyse_estimate_cents(rq->conf) > 0 || speech_costs(rq->conf), &u));
	struct ingestion g = { .upload = in->upload, .name = in->name, .content_type = u.content_type };
	return enqueue(rq, &j, ingestion_input(rq->a, &g), MAX(upload_cents(rq, &u, FILE_CENTS), analyse_estimate_cents(rq->conf)));
}

enum err
sources_create(struct rq *rq)
{
	const struct source_create *in = IN(rq, source_create);

	TRY(project_exists(rq->db, rq->who.workspace, in->project, &rq->err));
	return in->type == ST_TEXT ? create_text(rq, in) : create_file(rq, in);
}
