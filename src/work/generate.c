/* generate -- POST_GENERATION: a source text in, a draft out (contract 6.6, 12.8). */
#include "analyse/analyse.h"
#include "know/know.h"
#include "model/ledger.h"
#include "model/note.h"
#include "model/post.h"
#include "model/project.h"
#include "model/source.h"
#include "work/work_priv.h"

static const struct field fields[] = {
	F_STR (generation, text, "text", NULL, 0, 0, 0, "", NULL),
	F_ID  (generation, note, note, "noteId", NULL, 0, ""),
	F_ID  (generation, source, source, "sourceId", NULL, 0, ""),
	F_ID  (generation, hook, hook, "hookId", NULL, 0, ""),
	F_STR (generation, language, "language", NULL, 0, 0, 0, "", NULL),
	F_STR (generation, instructions, "instructions", NULL, 0, 0, 0, "", NULL),
	F_WORD(generation, length, "length", NULL, 0, &gen_length_words, "", NULL),
	F_TIME(generation, scheduled_for, "scheduledFor", NULL, 0, ""),
};
const struct rec generation_rec = REC(generation, fields, "The input of a generation, as the job keeps it");
#define INPUT_MAX	((size_t)4 << 20)

str generation_input(struct arena *a, const struct generation *g) { return input_text(a, &generation_rec, g, INPUT_MAX); }

/* --- what is read from the database before writing --- */

struct material { struct run *r; struct generation *g; bool project_gone, source_gone; const struct meaning_ask *meaning; struct found *passage; int npassages; struct job_voice voice; struct hook_found hook; };

#define REFERENCE_MOST	5		/* passages of the knowledge that a model gets */
#define REFERENCE_BYTES	((size_t)6000)	/* and so much of them: some 1,500 tokens */
#define REFERENCE_FIT	0.5		/* and none that fits half as well as the best */
#define QUESTION_BYTES	((size_t)8000)	/* of a source are looked at for what it is about */

static enum err
find_passages(void *ctx, struct db *db, struct error *e)
{
	struct material *m = ctx;
	struct run *r = m->r;
	size_t bytes = 0;
	int n, kept = 0;

	TRY(know_search(db, &r->a, &(struct know_query){ r->task.workspace, r->task.project, utf8_head(m->g->text, QUESTION_BYTES), REFERENCE_MOST,
	    false, r->w->c.near, m->meaning }, &m->passage, &n, e));
	while (kept < n && m->passage[kept].score >= REFERENCE_FIT * m->passage[0].score && bytes + m->passage[kept].at.body.n <= REFERENCE_BYTES)
		bytes += m->passage[kept++].at.body.n;
	m->npassages = kept;
	return OK;
}

/* What the person knows of what the source is about.  The built-in writer writes from the source alone. */
static enum err
consult(struct material *m, struct error *e)
{
	struct run *r = m->r;
	str *texts = NEW(&r->a, str);
	struct meaning_ask *ask = NEW(&r->a, struct meaning_ask);

	if (!write_reads_passages(r->conf) || m->g->text.p == NULL)
		return OK;
	*texts = utf8_head(m->g->text, QUESTION_BYTES);
	*ask = (struct meaning_ask){ .conf = r->conf, .clock = r->w->c.clock, .a = &r->a, .texts = texts, .n = 1, .question = true };
	if (r->w->c.near != NULL && near_ask(r->w->c.near, ask) == PROVIDER_OK)
		m->meaning = ask;
	r->cost += ask->cost;
	return engine_read(r->w->c.engine, find_passages, m, e);
}

static struct write_passage *
passages_of(const struct material *m)
{
	struct write_passage *v = NEW_N(&m->r->a, struct write_passage, m->npassages + 1);

	for (int i = 0; i < m->npassages; i++)
		v[i] = (struct write_passage){ m->passage[i].at.name, m->passage[i].at.body };
	return v;
}

/* A hook goes with nothing but its workspace; then there is nobody to ask for another one. */
static enum err
fetch_hook(struct material *m, struct db *db, struct error *e)
{
	enum err code = id_set(m->g->hook) ? hook_find(db, &m->r->a, m->r->task.workspace, m->g->hook, &m->hook, e) : OK;
	return code == E_NOT_FOUND ? OK : code;
}

static enum err
fetch(void *ctx, struct db *db, struct error *e)
{
	struct material *m = ctx;
	struct note n;
	enum err code = OK;
	bool there;

	TRY(project_there(db, m->r->task.workspace, m->r->task.project, &there, e));
	if ((m->project_gone = !there))
		return OK;
	if (id_set(m->g->source)) {
		code = source_text(db, &m->r->a, m->r->task.workspace, m->g->source, &m->g->text, e);
		m->source_gone = code == E_NOT_FOUND;
		if (m->source_gone)
			return OK;
		TRY(code);
	} else if (id_set(m->g->note)) {
		code = note_get(db, &m->r->a, m->r->task.workspace, m->g->note, &n, e);
		if (code == E_NOT_FOUND)
			return OK;	/* it leaves no text, which is what will be said */
		TRY(code);
		m->g->text = n.content;
	}
	TRY(fetch_hook(m, db, e));
	return voice_fetch(m->r, db, m->g->text, &m->voice, e);
}

static bool
on_progress(void *ctx, double fraction, const char *what)
{
	struct run *r = ctx;

	run_progress(r, fraction, what);
	return !run_stopping(r);
}

/* --- how much of it is read --- */

/* As much as the longest text of a note may have.  The built-in writer takes some 100 bytes of memory for each, and a
 * model has a window. */
#define READ_MAX	((size_t)400000)
#define READ_BACK	((size_t)4000)		/* how far back to look for the end of a sentence */

static bool
ends_sentence(str s, size_t i)
{
	return s.p[i] == '\n' || ((s.p[i] == ' ') && strchr(".!?", s.p[i - 1]) != NULL);
}

/* The beginning of a text that is too long, up to the end of a sentence where one is near, or of a character. */
static str
read_part(str s)
{
	size_t n = READ_MAX;

	if (s.n <= READ_MAX)
		return s;
	while (n > READ_MAX - READ_BACK && !ends_sentence(s, n))
		n--;
	if (n == READ_MAX - READ_BACK)
		n = READ_MAX;
	while (((uint8_t)s.p[n] & 0xC0) == 0x80)
		n--;
	return str_cut(s, 0, n);
}

/* What the hook's topic is about: for the built-in writer its part of the source, where the hook stands in there; a model has the whole
 * source anyway, and is told what was found of it. */
static str
topic_of(const struct material *m)
{
	str part = STR_NONE;

	if (m->hook.content.n == 0)
		return STR_NONE;
	if (!write_reads_passages(m->r->conf))
		part = analyse_part(&m->r->a, read_part(m->g->text), m->hook.content);
	return part.n != 0 ? part : str_fmt(&m->r->a, "%.*s. %.*s", STR(m->hook.title), STR(m->hook.summary));
}

/* --- the outcome --- */

static void
settle(struct run *r, const struct generation *g, const struct material *m, enum write_fault fault, const struct write_output *o)
{
	const struct write_fault_row *row = write_fault_row(fault);
	struct post *p;

	r->cost += o->cost_microcents;
	if (fault == WRITE_OK || o->tokens_out > 0)
		r->receipt = receipt_text(&r->a, o, g->text.n, o->hooked ? g->hook : (hook_id){ 0 }, m->passage, m->npassages, &m->voice);
	if (fault == WRITE_STOPPED) {
		r->verdict = V_RETURNED;
	} else if (fault != WRITE_OK && row->retry) {
		run_retry(r, row->code, o->retry_after_s, o->why[0] != '\0' ? o->why : row->message);
	} else if (fault != WRITE_OK) {
		run_fail(r, row->code, "%s", o->why[0] != '\0' ? o->why : row->message);
	} else {
		p = NEW(&r->a, struct post);
		rec_init(&post_rec, p);
		p->project = r->task.project;
		p->content_type = CT_PERSONAL;
		p->title = o->title;
		p->content = o->content;
		p->scheduled_at = g->scheduled_for;
		p->status = g->scheduled_for != TIME_NONE ? POST_SCHEDULED : POST_DRAFT;
		p->job = r->task.id;
		r->effect = p;
		r->verdict = V_DONE;
	}
}

static void
generate(struct run *r)
{
	struct generation g;
	struct material m = { .r = r, .g = &g };
	struct write_output o = { 0 };
	struct error e;

	if (input_read(r, &generation_rec, &g, &e) != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its input cannot be read: %s", e.detail);
		run_fail(r, "internal_error", "The input of the job cannot be read. Submit it again.");
		return;
	}
	enum err code = engine_read(r->w->c.engine, fetch, &m, &e);
	if (code == OK && !m.project_gone && !m.source_gone)
		code = consult(&m, &e);
	if (code != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its source cannot be read: %s", e.detail);
		run_retry(r, "internal_error", 0, "The source of the job could not be read. Submit it again.");
		return;
	}
	if (m.project_gone) {
		run_project_gone(r);
		return;
	}
	if (m.source_gone) {
		run_fail(r, "source_gone", "The source of this job is gone. Choose another one and submit again.");
		return;
	}
	struct write_input in = { .source = g.text.p != NULL ? read_part(g.text) : S(""), .language = g.language, .instructions = g.instructions,
	    .hook = m.hook.content, .topic = topic_of(&m),
	    .passage = passages_of(&m), .passages = m.npassages, .voice = m.voice.any ? &m.voice.v : NULL,
	    .length = g.length >= 0 ? (enum write_length)g.length : WRITE_MEDIUM, .length_free = g.length < 0 };
	on_progress(r, 0.05, "reading the source");
	settle(r, &g, &m, write_post(r->conf, r->w->c.clock, &r->a, &in, on_progress, r, &o), &o);
}

/* --- the effect, in the transaction of DONE --- */

static enum err
apply(struct run *r, struct db *db, struct error *e)
{
	struct post *p = r->effect;
	const struct sys_clock *clock = r->w->c.clock;
	bool stands;

	TRY(run_project(r, db, &stands, e));
	if (!stands)
		return OK;
	p->id = (post_id){ sys_ulid(clock) };
	p->platform = PLATFORM_LINKEDIN;
	p->category = post_category(p->status);
	TRY(column_of(db, r->task.workspace, p->project, p->category, &p->status_id, e));
	TRY(post_insert(db, r->task.workspace, p, r->counts, e));
	TRY(event_put(db, &r->a, r->task.workspace, p->project, (event_id){ sys_ulid(clock) }, EVENT_POST_CREATED, &post_rec, p, e));
	if (p->scheduled_at != TIME_NONE)
		TRY(event_put(db, &r->a, r->task.workspace, p->project, (event_id){ sys_ulid(clock) }, EVENT_POST_SCHEDULED, &post_rec, p, e));
	r->result = str_fmt(&r->a, "{\"postId\":\"%s%s\"}", id_prefix(ID_post).p, p->id.u.s);
	return OK;
}

const struct kind generate_kind = { JT_POST_GENERATION, generate, apply, NULL, false };
