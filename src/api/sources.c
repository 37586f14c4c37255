#include "model/source.h"
#include "api/rq.h"
#include "model/job.h"
#include "model/project.h"
#include "model/upload.h"

/* A text is a source at once; a file becomes one by a job. */
static const struct field made_fields[] = {
	F_EITHER("text", &source_rec, "The source, of a text"),
	F_EITHER("file", &job_rec, "The job that makes the source, of a file"),
};
const struct rec source_or_job_rec = REC_EITHER("source_or_job", made_fields, "The source that was made of a text, or the job that makes one of a file");

enum err
sources_get(struct rq *rq)
{
	struct source s;

	TRY(source_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, source), &s, &rq->err));
	return reply(rq, &source_rec, &s);
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
	TRY(source_insert(rq->db, rq->who.workspace, &s, in->text, &rq->err));
	TRY(announce(rq, s.project, EVENT_SOURCE_CREATED, &source_rec, &s));
	made(rq, ID_source, &s.id.u);
	return reply(rq, &source_rec, &s);
}

static enum err
no_upload(struct rq *rq, const char *why)
{
	return fail(&rq->err, E_UNPROCESSABLE, "uploadId", "'uploadId' names %s", why);
}

static bool
is_text(str type)
{
	type = str_trim(str_split(&type, ';'));
	return str_ieq(type, S("text/plain")) || str_ieq(type, S("text/markdown"));
}

/* What the upload must be for a source to be made of it. */
static enum err
check_upload(struct rq *rq, upload_id id, struct upload *u)
{
	enum err code = upload_get(rq->db, rq->a, rq->who.workspace, id, u, &rq->err);

	if (code == E_NOT_FOUND)
		return no_upload(rq, "no upload of this workspace.");
	TRY(code);
	if (u->external)
		return no_upload(rq, "an upload in a bucket, and this release reads none from there yet.");
	if (u->state == UP_USED)
		return no_upload(rq, "an upload that was used already. Upload the file again.");
	if (u->state == UP_WAITING && u->expires_at <= rq->now)
		return no_upload(rq, "an upload whose URL expired before its bytes were complete. Ask for another one.");
	if (u->state == UP_WAITING)
		return no_upload(rq, "an upload whose bytes are not complete. PUT them to its uploadUrl first.");
	if (!is_text(u->content_type))
		return no_upload(rq, "a file that this release cannot read yet: it reads text/plain and text/markdown.");
	return OK;
}

/* The file is read by a job. */
static enum err
create_file(struct rq *rq, const struct source_create *in)
{
	struct upload u;
	struct job j;

	TRY(check_upload(rq, in->upload, &u));
	TRY(upload_use(rq->db, rq->who.workspace, in->upload, rq->now, &rq->err));
	struct ingestion g = { .upload = in->upload, .name = in->name, .content_type = u.content_type };
	rec_init(&job_rec, &j);
	j.id = (job_id){ fresh(rq) };
	j.type = JT_SOURCE_INGEST_FILE;
	j.project = in->project;
	return enqueue(rq, &j, ingestion_input(rq->a, &g), 0);
}

enum err
sources_create(struct rq *rq)
{
	const struct source_create *in = IN(rq, source_create);

	TRY(project_exists(rq->db, rq->who.workspace, in->project, &rq->err));
	return in->type == ST_TEXT ? create_text(rq, in) : create_file(rq, in);
}
