/* generations -- POST /v1/posts/generations: validate, reserve, enqueue (contract 6.6, 12.2). */
#include "api/rq.h"
#include "model/note.h"
#include "model/project.h"
#include "model/source.h"
#include "write/write.h"

#define WAIT_MAX	25000

struct generation_source { str text; note_id note; source_id source; };
struct generation_options { str language; hook_id hook; int length; str instructions; };
struct generation_create {
	project_id project;
	struct generation_source source;
	int64_t scheduled_for;
	struct generation_options options;
	int64_t wait_ms;
};

static const struct field source_fields[] = {
	F_STR(generation_source, text, "text", NULL, F_BIG, 1, 0, "The text to write from", "Last week we moved our support to a public tracker."),
	F_ID (generation_source, note, note, "noteId", NULL, 0, "A note to write from"),
	F_ID (generation_source, source, source, "sourceId", NULL, 0, "A source to write from"),
};
static const struct rec from_rec = REC_FORMS(generation_source, source_fields, "What to write from: exactly one of the three",
    { NULL, "text", "noteId,sourceId" }, { NULL, "noteId", "text,sourceId" }, { NULL, "sourceId", "text,noteId" });
static const struct field option_fields[] = {
	F_STR (generation_options, language, "language", NULL, 0, 2, 35, "BCP 47; that of the source when left out", "en"),
	F_ID  (generation_options, hook, hook, "hookId", NULL, F_MORE, "A hook to begin with: of the source that is named, or of any source where a text or a note is"),
	F_WORD(generation_options, length, "length", NULL, F_MORE, &gen_length_words, "About 600, 1,200 or 2,000 characters; medium when left out", "medium"),
	F_STR (generation_options, instructions, "instructions", NULL, F_MORE, 0, 2000, "Further steering, in plain words", "Address founders."),
};
static const struct rec options_rec = REC(generation_options, option_fields, "Optional steering");
static const struct field fields[] = {
	F_ID  (generation_create, project, project, "projectId", NULL, F_REQ, "The project the post belongs to"),
	F_REC (generation_create, source, struct generation_source, "source", NULL, F_REQ, &from_rec, "What to write from"),
	F_TIME(generation_create, scheduled_for, "scheduledFor", NULL, F_NULL, "A moment in the future: the post is scheduled for it; otherwise it is a draft"),
	F_REC (generation_create, options, struct generation_options, "options", NULL, 0, &options_rec, "Optional steering"),
	F_I64 (generation_create, wait_ms, "wait_for_completion_ms", NULL, F_CLAMP | F_FREE, 0, WAIT_MAX,
	    "How long to wait for the end of the job, up to 25,000; the answer then has whatever state it is in", "12500"),
};
const struct rec generation_create_rec = REC(generation_create, fields, "A post to be written");

/* Taken for granted at first; when it is not so the request runs once more, and looks what to say. */
static const struct miss otherwise = { E_TAKEN, NULL, "not as it was taken for granted" };

static enum err
check_source(struct rq *rq, source_id source)
{
	int status;

	if (!rq->look)
		return source_done(rq->db, rq->who.workspace, source, &otherwise, &rq->err);
	TRY(source_status(rq->db, rq->who.workspace, source, &status, &rq->err));
	if (status == SS_DONE)
		return OK;
	return fail(&rq->err, E_UNPROCESSABLE, "source.sourceId", status == SS_ERROR ? "'source.sourceId' names a source whose file could not be read."
	    : "'source.sourceId' names a source that is still being processed. Wait for its job.");
}

/* Of the source that is named; a text or a note may begin with a hook of any source of the workspace. */
static enum err
check_hook(struct rq *rq, const struct generation_create *in)
{
	struct hook_found h;

	if (!rq->look)
		return hook_exists(rq->db, rq->who.workspace, in->options.hook, in->source.source, &otherwise, &rq->err);
	enum err code = hook_find(rq->db, rq->a, rq->who.workspace, in->options.hook, &h, &rq->err);

	if (code == E_NOT_FOUND)
		return fail(&rq->err, E_UNPROCESSABLE, "options.hookId", "'options.hookId' names no hook of this workspace.");
	TRY(code);
	if (id_set(in->source.source) && memcmp(h.source.u.s, in->source.source.u.s, 26) != 0)
		return fail(&rq->err, E_UNPROCESSABLE, "options.hookId", "'options.hookId' names a hook of another source than 'source.sourceId'.");
	return OK;
}

static const struct miss no_note = { E_NOT_FOUND, NULL, "Note not found." };

static enum err
check_references(struct rq *rq, const struct generation_create *in)
{
	TRY(project_exists(rq->db, rq->who.workspace, in->project, &rq->err));
	if (id_set(in->source.note))
		TRY(note_anchor(rq->db, rq->who.workspace, &in->source.note.u, &no_note, &rq->err));
	if (rq->look)		/* what is not found from here on is nothing of the above */
		TRY(db_settle(rq->db, &rq->err));
	if (id_set(in->source.source))
		TRY(check_source(rq, in->source.source));
	if (id_set(in->options.hook))
		TRY(check_hook(rq, in));
	if (in->scheduled_for != TIME_NONE && in->scheduled_for <= rq->now)
		return fail(&rq->err, E_UNPROCESSABLE, "scheduledFor", "'scheduledFor' must be in the future.");
	return OK;
}

enum err
reserve_from(struct rq *rq, const job_id *job)
{
	rq->spend_held = true;
	return spend_hold(rq->db, rq->who.workspace, ulid_ms(&job->u), &rq->spend, &rq->err);
}

enum err
reserve(struct rq *rq, const job_id *job, int64_t cents)
{
	if (cents == 0)
		return OK;
	if (!rq->spend_held)
		TRY(reserve_from(rq, job));
	return spend_take(rq->db, rq->a, &rq->spend, cents, &rq->err);
}

/* The job as it is committed; the pipeline wakes the workers after COMMIT, and waits if that was asked. */
enum err
enqueue(struct rq *rq, struct job *j, str input, int64_t cents)
{
	TRY(reserve(rq, &j->id, cents));
	j->status = JS_QUEUED;
	j->updated_at = rq->now;
	TRY(job_insert(rq->db, rq->who.workspace, j, input, rq->now, sys_wall_us(rq->api->c.clock), cents, &rq->err));
	work_snapshot(rq->api->c.work, rq->a, j);
	rq->wake = true;
	rq->job = j->id;
	made(rq, ID_job, &j->id.u);
	return reply(rq, &job_rec, j);
}

enum err
enqueue_unseen(struct rq *rq, job_id id, int type, project_id project, str input, int64_t cents)
{
	struct job j;

	rec_init(&job_rec, &j);
	j.id = id;
	j.type = type;
	j.project = project;
	rq->wake = true;
	return job_insert(rq->db, rq->who.workspace, &j, input, rq->now, sys_wall_us(rq->api->c.clock), cents, &rq->err);
}

enum err
posts_generate(struct rq *rq)
{
	const struct generation_create *in = IN(rq, generation_create);
	int64_t cents = write_estimate_cents(rq->conf);
	struct generation g = { .text = in->source.text, .note = in->source.note, .source = in->source.source, .hook = in->options.hook,
	    .language = in->options.language,
	    .instructions = in->options.instructions, .length = in->options.length, .scheduled_for = in->scheduled_for };
	struct job j;

	TRY(check_references(rq, in));
	rec_init(&job_rec, &j);
	j.id = (job_id){ fresh(rq) };
	j.type = JT_POST_GENERATION;
	j.project = in->project;
	TRY(enqueue(rq, &j, generation_input(rq->a, &g), cents));
	rq->wait_ms = in->wait_ms;
	return OK;
}

/* --- POST /v1/jobs, under the setting `bench` --- */

struct job_create { int type; int64_t count; };
static const char *const bench_types[] = { "NOOP" };
static const struct words bench_words = { bench_types, 1, 0 };
static const struct field job_fields[] = {
	F_WORD(job_create, type, "type", NULL, F_REQ, &bench_words, "What to do: nothing", "NOOP"),
	F_I64 (job_create, count, "count", NULL, 0, 1, 1000, "How many jobs to enqueue; one when left out", "1"),
};
const struct rec job_create_rec = REC(job_create, job_fields, "Jobs that do nothing");

enum err
jobs_create(struct rq *rq)
{
	const struct job_create *in = IN(rq, job_create);
	struct job j;

	for (int64_t i = 0; i < MAX(in->count, 1); i++) {
		rec_init(&job_rec, &j);
		j.id = (job_id){ fresh(rq) };
		j.type = JT_NOOP;
		TRY(enqueue(rq, &j, S("{}"), 0));
	}
	return OK;
}
