/* file -- SOURCE_INGEST_FILE: an uploaded file in, a source out (contract 6.7).
 *
 * Its type is what the file was recognised as, and not what it was declared; its name the title of the document when none was given.
 * What was read is kept until the job ends, so that a start after it neither reads the file nor pays a transcriber again. */
#include "model/ledger.h"
#include "model/project.h"
#include "model/source.h"
#include "model/upload.h"
#include "work/work_priv.h"

static const struct field fields[] = {
	F_ID (ingestion, upload, upload, "uploadId", NULL, 0, ""),
	F_STR(ingestion, name, "name", NULL, F_NULL, 0, 0, "", NULL),
	F_STR(ingestion, content_type, "contentType", NULL, 0, 0, 0, "", NULL),
};
static const struct rec ingestion_rec = REC(ingestion, fields, "The input of an ingestion, as the job keeps it");
_Static_assert(INGEST_TEXT_MAX <= SOURCE_TEXT_MAX && INGEST_TEXT_MAX <= KNOWLEDGE_TEXT_MAX, "what is read can be kept");
#define READING		0.9		/* of the job; then its topics are looked for */
#define INPUT_MAX	((size_t)1 << 16)

str ingestion_input(struct arena *a, const struct ingestion *g) { return input_text(a, &ingestion_rec, g, INPUT_MAX); }

/* A source as it will be, with its text. */
struct read_file { struct source s; str text, marks; };

static void
settle(struct run *r, const struct ingestion *g, const struct ingest_result *i)
{
	struct read_file *m = NEW(&r->a, struct read_file);

	rec_init(&source_rec, &m->s);
	m->text = i->text.text;
	m->marks = marked_pack(&r->a, i->text.mark, i->text.marks);
	m->s.project = r->task.project;
	m->s.status = SS_DONE;
	m->s.name = g->name.n > 0 ? g->name : i->text.title;
	m->s.file_type = i->type.p != NULL ? i->type : g->content_type;
	if (i->text.duration_ms >= 0)
		m->s.duration = i->text.duration_ms;
	m->s.preview = source_preview(m->text);
	m->s.truncated = m->s.preview.n < m->text.n;
	m->s.has_text = true;
	r->effect = m;
	r->verdict = analyse_run(r, &i->text, READING, &m->s.topics) ? V_DONE : V_RETURNED;
}

/* --- the text, read once --- */

struct keeping { struct run *r; struct upload_text t; bool found; };

static enum err
look(void *ctx, struct db *db, struct error *e)
{
	struct keeping *k = ctx;

	return upload_text_get(db, &k->r->a, k->r->task.workspace, k->r->task.id, &k->t, &k->found, e);
}

static enum err
keep(void *ctx, struct db *db, struct error *e)
{
	struct keeping *k = ctx;

	TRY(job_held(db, &k->r->task, e));
	return upload_text_keep(db, k->r->task.workspace, k->r->task.id, &k->t, e);
}

static void
recall(struct run *r, const struct upload_text *t, struct ingest_result *ret)
{
	*ret = (struct ingest_result){ .type = t->type, .text = { .title = t->title, .text = t->body, .duration_ms = t->duration } };
	ret->text.marks = marked_unpack(&r->a, t->marks, &ret->text.mark);
}

/* What cannot be kept is used all the same: it is there.  False: the verdict is set. */
static bool
read_anew(struct run *r, const struct ingestion *g, struct ingest_result *ret)
{
	struct error e;

	if (!read_upload(r, g->upload, g->content_type, g->name, READING, ret))
		return false;
	struct keeping k = { r, { ret->text.text, marked_pack(&r->a, ret->text.mark, ret->text.marks), ret->type, ret->text.title, ret->text.duration_ms }, false };
	enum err code = engine_wait(r->w->c.engine, keep, &k, &e);
	if (code == E_CONFLICT)
		r->verdict = V_RETURNED;		/* somebody else has the job */
	else if (code != OK)
		log_note(r->w->c.log, LOG_WARN, "job", "what it read cannot be kept: %s", e.detail);
	return code != E_CONFLICT;
}

static bool
read_once(struct run *r, const struct ingestion *g, struct ingest_result *ret)
{
	struct keeping k = { .r = r };
	struct error e;

	if (engine_read(r->w->c.engine, look, &k, &e) != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "what it read cannot be looked up: %s", e.detail);
		run_retry(r, "internal_error", 0, "The upload of the job could not be looked up. Submit it again.");
		return false;
	}
	if (!k.found)
		return read_anew(r, g, ret);
	recall(r, &k.t, ret);
	return true;
}

static void
take_file(struct run *r)
{
	struct ingest_result i;
	struct ingestion g;
	struct error e;

	if (input_read(r, &ingestion_rec, &g, &e) != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its input cannot be read: %s", e.detail);
		run_fail(r, "internal_error", "The input of the job cannot be read. Submit it again.");
		return;
	}
	if (read_once(r, &g, &i))
		settle(r, &g, &i);
}

/* --- the effect, in the transaction of DONE --- */

static enum err
apply(struct run *r, struct db *db, struct error *e)
{
	struct read_file *m = r->effect;
	const struct sys_clock *clock = r->w->c.clock;
	bool stands;

	TRY(run_project(r, db, &stands, e));
	if (!stands)
		return OK;
	m->s.id = (source_id){ sys_ulid(clock) };
	TRY(source_insert(db, r->task.workspace, &m->s, m->text, m->marks, e));
	TRY(source_topics_insert(db, r->task.workspace, m->s.id, &m->s.topics, e));
	TRY(upload_text_drop(db, r->task.workspace, r->task.id, e));
	TRY(event_put(db, &r->a, r->task.workspace, m->s.project, (event_id){ sys_ulid(clock) }, EVENT_SOURCE_CREATED, &source_rec, &m->s, e));
	r->result = str_fmt(&r->a, "{\"sourceId\":\"%s%s\"}", id_prefix(ID_source).p, m->s.id.u.s);
	return OK;
}

const struct kind file_kind = { JT_SOURCE_INGEST_FILE, take_file, apply, NULL, true };
