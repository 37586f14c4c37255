/* analyse -- SOURCE_ANALYSE: the topics of a text that is a source already; and the topics of one that a job is about to make
 * (contract 6.7).  A job of this type is shown to nobody: the source is. */
#include "analyse/analyse.h"
#include "model/ledger.h"
#include "model/source.h"
#include "work/work_priv.h"

struct analysing { source_id source; bool unpaid; };
static const struct field fields[] = {
	F_ID  (analysing, source, source, "sourceId", NULL, 0, ""),
	F_BOOL(analysing, unpaid, "unpaid", NULL, 0, ""),
};
static const struct rec analysing_rec = REC(analysing, fields, "The input of an analysis, as the job keeps it");
#define INPUT_MAX	((size_t)256)

str
analysing_input(struct arena *a, source_id id, bool unpaid)
{
	return input_text(a, &analysing_rec, &(struct analysing){ id, unpaid }, INPUT_MAX);
}

/* --- as the tables have it --- */

static str
texts(struct arena *a, const str *s, int n)
{
	struct buf b;
	struct json j;

	buf_init(&b, a, (size_t)1 << 16);
	jw_begin(&j, &b);
	jw_arr(&j);
	for (int i = 0; i < n; i++)
		jw_str(&j, s[i]);
	jw_end(&j);
	return buf_str(&b);
}

static struct rec_list
hooks_of(struct run *r, const struct analysis_topic *t, topic_id topic)
{
	struct hook *h = NEW_N(&r->a, struct hook, t->hooks);

	for (int i = 0; i < t->hooks; i++) {
		const struct analysis_hook *x = &t->hook[i];
		h[i] = (struct hook){ .id = { sys_ulid(r->w->c.clock) }, .topic = topic, .content = x->content, .post_type = str_z(x->post_type),
		    .content_type = words_find(&content_type_words, str_z(x->content_type)) };
	}
	return (struct rec_list){ h, t->hooks };
}

static struct rec_list
topics_of(struct run *r, const struct analysis *a)
{
	struct topic *t = NEW_N(&r->a, struct topic, a->n);

	for (int i = 0; i < a->n; i++) {
		const struct analysis_topic *x = &a->topic[i];
		t[i] = (struct topic){ .id = { sys_ulid(r->w->c.clock) }, .title = x->title, .summary = x->summary, .takeaways = texts(&r->a, x->key, x->keys),
		    .ranking = i + 1, .score = x->score, .from = x->from_ms >= 0 ? x->from_ms : INT_NONE, .to = x->from_ms >= 0 ? x->to_ms : INT_NONE };
		t[i].hooks = hooks_of(r, x, t[i].id);
	}
	return (struct rec_list){ t, a->n };
}

struct share { struct run *r; double from; };		/* of the job: the analysis takes the rest */

static bool
on_progress(void *ctx, double fraction, const char *what)
{
	const struct share *s = ctx;

	run_progress(s->r, s->from + (1 - s->from) * fraction, what);
	return !run_stopping(s->r);
}

static enum provider_fault
find(struct run *r, const struct marked_text *m, bool unpaid, double from, struct analysis *ret)
{
	struct share s = { r, from };

	if (unpaid || r->conf->analyser == ANALYSER_BUILTIN)
		return analyse_builtin(&r->a, m, on_progress, &s, ret) ? PROVIDER_OK : PROVIDER_STOPPED;
	enum provider_fault fault = analyse(r->conf, r->w->c.clock, &r->a, m, on_progress, &s, ret);
	r->cost += ret->cost_microcents;
	if (fault != PROVIDER_STOPPED && ret->why[0] != '\0')
		log_note(r->w->c.log, LOG_WARN, "analyse", "%s", ret->why);
	return fault;
}

bool
analyse_run(struct run *r, const struct marked_text *m, double from, struct rec_list *ret)
{
	struct analysis found;

	*ret = (struct rec_list){ NULL, 0 };
	if (r->conf->analyser == ANALYSER_OFF)
		return true;
	if (find(r, m, false, from, &found) == PROVIDER_STOPPED)
		return false;
	*ret = topics_of(r, &found);
	return true;
}

/* --- the job --- */

struct reading { struct run *r; source_id id; struct marked_text text; bool gone; };

static enum err
fetch(void *ctx, struct db *db, struct error *e)
{
	struct reading *g = ctx;
	enum err code = source_text(db, &g->r->a, g->r->task.workspace, g->id, &g->text.text, e);

	g->gone = code == E_NOT_FOUND;
	return g->gone ? OK : code;
}

struct effect { source_id id; struct rec_list topics; };

/* A fault that may pass is worth another start; after the last one the built-in analyser's words stand. */
static void
settle(struct run *r, struct effect *x, enum provider_fault fault, const struct analysis *found)
{
	const struct write_fault_row *row = write_fault_row((enum write_fault)fault);

	r->effect = x;
	if (fault == PROVIDER_STOPPED) {
		r->verdict = V_RETURNED;
		return;
	}
	if (fault != PROVIDER_OK && row->retry)
		run_retry(r, row->code, found->retry_after_s, found->why);
	if (r->verdict == V_AGAIN || r->verdict == V_RETURNED)
		return;
	x->topics = topics_of(r, found);
	r->verdict = V_DONE;
}

static void
analyse_source(struct run *r)
{
	struct reading g = { .r = r, .text = { .duration_ms = -1 } };
	struct effect *x = NEW(&r->a, struct effect);
	struct analysis found = { .n = 0 };
	struct analysing in;
	struct error e;

	if (input_read(r, &analysing_rec, &in, &e) != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its input cannot be read: %s", e.detail);
		run_fail(r, "internal_error", "The input of the job cannot be read.");
		return;
	}
	g.id = x->id = in.source;
	if (engine_read(r->w->c.engine, fetch, &g, &e) != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its source cannot be read: %s", e.detail);
		run_retry(r, "internal_error", 0, "The source of the job could not be read.");
		return;
	}
	bool nothing = g.gone || r->conf->analyser == ANALYSER_OFF;
	settle(r, x, nothing ? PROVIDER_OK : find(r, &g.text, in.unpaid, 0, &found), &found);
}

static enum err
apply(struct run *r, struct db *db, struct error *e)
{
	const struct effect *x = r->effect;
	struct source s;

	if (x->topics.n == 0)
		return OK;
	TRY(source_topics_insert(db, r->task.workspace, x->id, &x->topics, e));
	TRY(source_touch(db, r->task.workspace, x->id, sys_wall_ms(r->w->c.clock), e));
	TRY(source_get(db, &r->a, r->task.workspace, x->id, &s, e));
	return event_put(db, &r->a, r->task.workspace, s.project, (event_id){ sys_ulid(r->w->c.clock) }, EVENT_SOURCE_UPDATED, &source_rec, &s, e);
}

const struct kind analyse_kind = { JT_SOURCE_ANALYSE, analyse_source, apply, NULL, false };
