/* voice -- how the person of a project writes, as a writer gets it: of the samples those five that share most with the source, and among
 * equals the newest.  What a text shares with another are its stems; the likeness is the cosine of the two sets, so that a long sample
 * is not alike for being long. */
#include "work/work_priv.h"
#include <math.h>
#include <stdlib.h>

#define SOURCE_LOOK	((size_t)8000)	/* bytes of a source are looked at for what it is about */

/* --- likeness --- */

struct stems { str *v; int n; };

static int
by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const str *)a, *(const str *)b);
}

static struct stems
stems_of(struct arena *a, str text)
{
	struct text_word *w;
	int n = text_words(a, text, text_language(text), &w);
	struct stems s = { NEW_N(a, str, n + 1), 0 };

	for (int i = 0; i < n; i++)
		if (!w[i].stop)
			s.v[s.n++] = w[i].stem;
	qsort(s.v, (size_t)s.n, sizeof(str), by_bytes);
	n = 0;
	for (int i = 0; i < s.n; i++)
		if (i == 0 || !str_eq(s.v[i], s.v[n - 1]))
			s.v[n++] = s.v[i];
	s.n = n;
	return s;
}

static struct chosen
liken(const struct stems *a, const struct stems *b)
{
	struct chosen c = { .shared = 0 };

	for (int i = 0, k = 0; i < a->n && k < b->n;) {
		int order = str_cmp(a->v[i], b->v[k]);
		c.shared += order == 0;
		i += order <= 0;
		k += order >= 0;
	}
	if (c.shared > 0)
		c.milli = llrint(1000.0 * (double)c.shared / sqrt((double)a->n * b->n));
	return c;
}

/* --- samples --- */

/* Behind those that are as much alike: they come newest first. */
static void
place(struct chosen best[VOICE_SAMPLES], int *n, struct chosen c)
{
	int at = *n;

	while (at > 0 && best[at - 1].milli < c.milli)
		at--;
	if (at == VOICE_SAMPLES)
		return;
	*n = MIN(*n + 1, VOICE_SAMPLES);
	memmove(best + at + 1, best + at, (size_t)(*n - at - 1) * sizeof(*best));
	best[at] = c;
}

static enum err
choose_samples(struct run *r, struct db *db, const struct stems *source, struct job_voice *v, struct error *e)
{
	struct rows rows;

	TRY(sample_begins(db, r->task.workspace, r->task.project, &rows, e));
	while (db_next(&rows)) {
		struct arena_mark mark = arena_mark(&r->a);
		struct stems s = stems_of(&r->a, str_dup(&r->a, db_col(&rows, 1).s));
		struct chosen c = liken(source, &s);
		arena_back(&r->a, mark);
		memcpy(c.id.u.s, db_col(&rows, 0).s.p, 26);
		place(v->sample, &v->v.samples, c);
	}
	return db_done(&rows, e);
}

/* One that goes meanwhile is passed over. */
static enum err
fetch_samples(struct run *r, struct db *db, struct job_voice *v, struct error *e)
{
	str *text = NEW_N(&r->a, str, VOICE_SAMPLES);
	int chosen = v->v.samples;
	struct sample s;

	v->v.samples = 0;
	for (int i = 0; i < chosen; i++) {
		enum err code = sample_get(db, &r->a, r->task.workspace, v->sample[i].id, &s, e);
		if (code == E_NOT_FOUND)
			continue;
		TRY(code);
		v->sample[v->v.samples] = v->sample[i];
		text[v->v.samples++] = s.text;
	}
	v->v.sample = text;
	return OK;
}

/* --- pillars: those that the source touches first --- */

struct ranked { struct pillar p; int64_t milli; };

static int
by_likeness(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->milli != y->milli ? (x->milli < y->milli ? 1 : -1) : -memcmp(x->p.id.u.s, y->p.id.u.s, 26);
}

static enum err
fetch_pillars(struct run *r, struct db *db, const struct stems *source, struct job_voice *v, struct error *e)
{
	struct ranked *row = NEW_N(&r->a, struct ranked, PILLARS_MAX);
	struct voice_pillar *out = NEW_N(&r->a, struct voice_pillar, PILLARS_MAX);
	struct rows rows;
	pillar_id top;
	int n = 0;

	memset(top.u.s, 'Z', 26);
	TRY(pillar_page(db, r->task.workspace, r->task.project, top, PILLARS_MAX, &rows, e));
	while (n < PILLARS_MAX && db_next(&rows)) {
		struct pillar *p = &row[n].p;
		db_scan(&pillar_rec, &rows, &r->a, p);
		struct stems s = stems_of(&r->a, str_fmt(&r->a, "%.*s\n%.*s", STR(p->name), STR(p->about)));
		row[n++].milli = liken(source, &s).milli;
	}
	TRY(db_done(&rows, e));
	qsort(row, (size_t)n, sizeof(*row), by_likeness);
	v->pillar = NEW_N(&r->a, pillar_id, n + 1);
	for (int i = 0; i < n; i++) {
		out[i] = (struct voice_pillar){ row[i].p.name, row[i].p.about };
		v->pillar[i] = row[i].p.id;
	}
	v->v.pillar = out;
	v->v.pillars = n;
	return OK;
}

/* --- what is said of it --- */

static int slider(int64_t milli) { return milli != INT_NONE ? (int)milli : -1; }

/* A list as the row keeps it. */
static const str *
words_of(struct arena *a, str list, int *n)
{
	struct error e;
	json_t *v;

	*n = 0;
	if (json_read(list, &v, &e) != OK)
		return NULL;
	str *word = NEW_N(a, str, json_array_size(v) + 1);
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *one = json_array_get(v, i);
		word[(*n)++] = str_dup(a, (str){ json_string_value(one), json_string_length(one) });
	}
	json_decref(v);
	return word;
}

enum err
voice_fetch(struct run *r, struct db *db, str source, struct job_voice *ret, struct error *e)
{
	struct voice *v = &ret->v;
	struct voice_profile p;

	*ret = (struct job_voice){ .any = false };
	TRY(voice_get(db, &r->a, r->task.workspace, r->task.project, &p, e));
	v->profile = p.profile;
	v->formality = slider(p.formality);
	v->warmth = slider(p.warmth);
	v->energy = slider(p.energy);
	v->complexity = slider(p.complexity);
	v->structure = p.structure;
	v->prefer = words_of(&r->a, p.prefer, &v->prefers);
	v->avoid = words_of(&r->a, p.avoid, &v->avoids);
	struct stems stems = stems_of(&r->a, utf8_head(source, SOURCE_LOOK));
	TRY(choose_samples(r, db, &stems, ret, e));
	TRY(fetch_samples(r, db, ret, e));
	TRY(fetch_pillars(r, db, &stems, ret, e));
	ret->any = p.updated_at != TIME_NONE || v->samples > 0 || v->pillars > 0;
	return OK;
}
