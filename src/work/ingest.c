/* ingest -- KB_INGEST_…: a text, sent or read from somewhere, becomes a knowledge document (contract 6.9).
 *
 * What was read from somewhere is kept with the unlisted document first, so that a job that begins again need not read it
 * anew.  Passages and terms are written slice by slice, each in a transaction that asks the fence, while the document is unlisted;
 * the last one, that of DONE, lists it.  A job that begins again removes first what the start before it wrote: another
 * program may have written that. */
#include "know/know.h"
#include "model/ledger.h"
#include "model/upload.h"
#include "work/work_priv.h"

struct ingest { document_id document; str content_type; };
static const struct field fields[] = {
	F_ID (ingest, document, document, "documentId", NULL, 0, ""),
	F_STR(ingest, content_type, "contentType", NULL, F_OMIT, 0, 0, "", NULL),
};
static const struct rec ingest_rec = REC(ingest, fields, "The input of an ingest, as the job keeps it");

#define INPUT_MAX	((size_t)4096)

str
ingest_input(struct arena *a, document_id id, str content_type)
{
	return input_text(a, &ingest_rec, &(struct ingest){ id, content_type }, INPUT_MAX);
}

struct work_piece {
	struct run *r;
	struct ingest in;
	struct unlisted u;
	struct text_mark *mark;		/* of its text */
	int marks;
	double began;			/* the share of the job that was over when the text was there */
	bool found;			/* it is there */
	document_id twin;		/* the listed document of the same text; absent: none */
	digest hash;
	struct document d;
	struct passage *passage;
	int *page;			/* of each passage */
	struct term *term;
	str vectors;			/* the model that all passages have some of, or "" */
	int npassages, nterms;
	int64_t length;			/* of the bodies, in terms */
	int at;				/* the first of the next slice */
	bool more;
};

/* Of the text and who may see it. */
static digest
hash_of(const struct unlisted *u)
{
	struct crypto_sha256 h;

	crypto_sha256_init(&h);
	crypto_sha256_add(&h, id_set(u->project) ? (str){ u->project.u.s, 26 } : S("all projects"));
	crypto_sha256_add(&h, S("\n"));
	crypto_sha256_add(&h, u->body);
	return crypto_sha256_end(&h);
}

static enum err
find_twin(struct work_piece *p, struct db *db, struct error *e)
{
	bool found;

	p->twin = (document_id){ .u = { "" } };
	return document_same(db, p->r->task.workspace, &p->hash, &p->twin, &found, e);
}

static enum err
fetch(void *ctx, struct db *db, struct error *e)
{
	struct work_piece *p = ctx;

	return unlisted_get(db, &p->r->a, p->r->task.workspace, p->d.id, &p->u, &p->found, e);
}

static enum err
look_for_twin(void *ctx, struct db *db, struct error *e)
{
	return find_twin(ctx, db, e);
}

static enum err
keep_text(void *ctx, struct db *db, struct error *e)
{
	struct work_piece *p = ctx;

	TRY(job_held(db, &p->r->task, e));
	return unlisted_read(db, p->r->task.workspace, &p->u, e);
}

/* --- slices --- */

static enum err
empty_slice(void *ctx, struct db *db, struct error *e)
{
	struct work_piece *p = ctx;

	TRY(job_held(db, &p->r->task, e));
	return document_empty(db, &p->r->a, p->r->task.workspace, p->d.id, &p->more, e);
}

static enum err
passage_slice(void *ctx, struct db *db, struct error *e)
{
	struct work_piece *p = ctx;
	int n = MIN(KNOWLEDGE_PASSAGES, p->npassages - p->at);

	TRY(job_held(db, &p->r->task, e));
	return passages_put(db, p->r->task.workspace, p->d.id, p->at, p->passage + p->at, p->page + p->at, n, e);
}

static enum err
term_slice(void *ctx, struct db *db, struct error *e)
{
	struct work_piece *p = ctx;
	int n = MIN(KNOWLEDGE_SLICE, p->nterms - p->at);
	struct arena_mark m = arena_mark(&p->r->a);

	TRY(job_held(db, &p->r->task, e));
	enum err code = terms_put(db, &p->r->a, p->r->task.workspace, p->d.id, p->u.project, p->at / KNOWLEDGE_SLICE, p->term + p->at, n, e);
	arena_back(&p->r->a, m);
	return code;
}

/* One slice after the other; false when the job must end now: its verdict is set. */
static bool
slices(struct work_piece *p, enum err (*run)(void *, struct db *, struct error *), int n, int size, double from, double to, const char *what)
{
	struct run *r = p->r;
	struct error e;

	for (p->at = 0; p->at < n; p->at += size) {
		run_progress(r, p->began + (1 - p->began) * (from + (to - from) * p->at / n), what);
		enum err code = run_stopping(r) ? E_CONFLICT : engine_wait(r->w->c.engine, run, p, &e);
		if (code == E_CONFLICT) {
			r->verdict = V_RETURNED;
			return false;
		}
		if (code != OK) {
			log_note(r->w->c.log, LOG_ERROR, "job", "a slice of a document cannot be written: %s", e.detail);
			run_retry(r, "internal_error", 0, "The document could not be written. Submit it again.");
			return false;
		}
	}
	return true;
}

static bool
empty_first(struct work_piece *p)
{
	p->more = true;
	while (p->more)
		if (!slices(p, empty_slice, 1, 1, 0, 0, "starting again"))
			return false;
	return true;
}

/* --- the job --- */

/* A passage is a piece of the text: the mark of its first byte is its own. */
static void
give_pages(struct work_piece *p)
{
	const struct text_mark *m;

	p->page = NEW_N(&p->r->a, int, p->npassages);
	for (int i = 0; i < p->npassages; i++)
		if ((m = marked_at(p->mark, p->marks, (size_t)(p->passage[i].body.p - p->u.body.p))) != NULL)
			p->page[i] = m->page;
}

static void
describe(struct work_piece *p)
{
	enum text_lang lang = text_language(p->u.body);
	size_t i = 0;

	p->npassages = know_passages(&p->r->a, p->u.body, lang, &p->passage);
	give_pages(p);
	p->nterms = know_terms(&p->r->a, p->u.name, p->passage, p->npassages, lang, &p->term, &p->length);
	for (int n = 0; n < KNOWLEDGE_PREVIEW && i < p->u.body.n; n++)
		(void)utf8_next(p->u.body, &i);
	p->d.project = p->u.project;
	p->d.type = p->u.type;
	p->d.name = p->u.name;
	p->d.url = p->u.url;
	p->d.upload = p->u.upload;
	p->d.language = know_language(lang);
	p->d.characters = (int64_t)utf8_count(p->u.body);
	p->d.passages = p->npassages;
	p->d.preview = str_cut(p->u.body, 0, i);
	p->d.truncated = i < p->u.body.n;
}

static bool
take(struct work_piece *p)
{
	struct run *r = p->r;
	struct error e;

	if (input_read(r, &ingest_rec, &p->in, &e) != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its input cannot be read: %s", e.detail);
		run_fail(r, "internal_error", "The input of the job cannot be read. Submit it again.");
		return false;
	}
	rec_init(&document_rec, &p->d);
	p->d.id = p->in.document;
	if (engine_read(r->w->c.engine, fetch, p, &e) != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its text cannot be read: %s", e.detail);
		run_retry(r, "internal_error", 0, "The text of the job could not be read. Submit it again.");
		return false;
	}
	if (!p->found)
		run_fail(r, "internal_error", "The text of the job is gone. Submit it again.");
	return p->found;
}

/* The text, from wherever it comes; one that was read by an earlier start is there. */
static bool
take_text(struct work_piece *p)
{
	struct run *r = p->r;
	struct error e;

	if (r->kind->origin != NULL) {
		p->began = READ_SHARE;
		if (p->u.body.n == 0 && (!r->kind->origin(r, &p->u, p->in.content_type) || !slices(p, keep_text, 1, 1, 0, 0, "keeping the text")))
			return false;
	}
	p->marks = marked_unpack(&r->a, p->u.marks, &p->mark);
	p->hash = hash_of(&p->u);
	if (engine_read(r->w->c.engine, look_for_twin, p, &e) == OK)
		return true;
	log_note(r->w->c.log, LOG_ERROR, "job", "its twin cannot be looked for: %s", e.detail);
	run_retry(r, "internal_error", 0, "The text of the job could not be read. Submit it again.");
	return false;
}

static void
ingest(struct run *r)
{
	struct work_piece *p = NEW(&r->a, struct work_piece);

	p->r = r;
	if (!take(p) || !take_text(p))
		return;
	r->effect = p;
	if (id_set(p->twin)) {
		r->verdict = V_DONE;
		return;
	}
	if (!empty_first(p))
		return;
	run_progress(r, MAX(p->began, 0.05), "cutting the text into passages");
	describe(p);
	if (p->npassages == 0) {
		run_fail(r, "empty_text", "There is no word in this text. Submit one that has some.");
		return;
	}
	if (slices(p, passage_slice, p->npassages, KNOWLEDGE_PASSAGES, 0.2, 0.4, "storing the passages") &&
	    slices(p, term_slice, p->nterms, KNOWLEDGE_SLICE, 0.4, 0.9, "indexing the words")) {
		p->vectors = embed_passages(r, p->d.id, p->u.name, p->passage, p->npassages);
		r->verdict = V_DONE;
	}
}

/* The twin that was found was deleted meanwhile: from the beginning, then. */
static enum err
again(struct run *r)
{
	r->verdict = V_RETURNED;
	return OK;
}

/* What was uploaded for a twin is nobody's.  What this start, or one before it, wrote of the document is left to the keeper. */
static enum err
end_as_twin(struct run *r, struct work_piece *p, struct db *db, struct error *e)
{
	return id_set(p->u.upload) ? upload_drop(db, r->task.workspace, p->u.upload, sys_wall_ms(r->w->c.clock), e) : OK;
}

/* Of twins that are ingested at the same time the second one finds the first one here. */
static enum err
apply(struct run *r, struct db *db, struct error *e)
{
	struct work_piece *p = r->effect;
	const struct sys_clock *clock = r->w->c.clock;

	TRY(find_twin(p, db, e));
	document_id id = id_set(p->twin) ? p->twin : p->d.id;
	r->result = str_fmt(&r->a, "{\"documentId\":\"%s%s\"}", id_prefix(ID_document).p, id.u.s);
	if (id_set(p->twin))
		return end_as_twin(r, p, db, e);
	if (p->npassages == 0)
		return again(r);
	TRY(document_list(db, r->task.workspace, &p->d, p->length, &p->hash, p->vectors, e));
	return event_put(db, &r->a, r->task.workspace, p->d.project, (event_id){ sys_ulid(clock) }, EVENT_KNOWLEDGE_INDEXED, &document_rec, &p->d, e);
}

/* --- where texts come from: one row for each type of job --- */

static bool
from_upload(struct run *r, struct unlisted *u, str content_type)
{
	struct ingest_result i;

	if (!read_upload(r, u->upload, content_type, u->name, READ_SHARE, &i))
		return false;
	u->body = i.text.text;
	u->marks = marked_pack(&r->a, i.text.mark, i.text.marks);
	return true;
}

const struct kind ingest_kinds[] = {
	{ JT_KB_INGEST_TEXT, ingest, apply, NULL, false },
	{ JT_KB_INGEST_FILE, ingest, apply, from_upload, true },
	{ JT_KB_INGEST_URL, ingest, apply, from_page, true },
	{ JT_KB_INGEST_YOUTUBE, ingest, apply, from_video, true },
};
const int ingest_nkinds = COUNT(ingest_kinds);
