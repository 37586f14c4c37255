/* search -- BM25 over passages (see know.h).  Memory grows with the passages that have a word of the question, some 20 bytes
 * for each, and is given back before it answers. */
#include "know/know.h"
#include <math.h>
#include <stdlib.h>

#define SCRATCH		((size_t)64 << 20)
#define WORDS_MAX	32	/* of a question; of more those that come most often */
#define FORMS_MAX	3	/* of a word: one per language */
#define UNLISTED_MAX	1000
#define HEAD		2	/* a term of a heading or name counts as so many of the body */
#define K1		1.6
#define B		0.75
#define BESIDE		0.2	/* so much more where all words stand beside each other as they do in the question */
#define LOOK_AT		2	/* times the limit are read for that */
#define FUSE		50	/* so many of each search are joined, */
#define FUSE_K		60	/* by the sum of 1 / (FUSE_K + rank) */

/* --- the question --- */

struct word { str form[FORMS_MAX]; int nforms, times; };
struct question { struct word word[WORDS_MAX]; int n; };

static void
add_form(struct word *w, str form)
{
	for (int i = 0; i < w->nforms; i++)
		if (str_eq(w->form[i], form))
			return;
	w->form[w->nforms++] = form;
}

/* Adds it, or counts it once more. */
static int
count_word(struct word *v, int n, const struct word *w)
{
	for (int i = 0; i < n; i++)
		if (str_eq(v[i].form[0], w->form[0])) {
			v[i].times++;
			return n;
		}
	v[n] = *w;
	return n + 1;
}

/* Those that come most often, in their order. */
static void
choose_words(struct word *v, int n, struct question *q)
{
	int most = 0, left = WORDS_MAX;

	for (int i = 0; i < n; i++)
		most = MAX(most, v[i].times);
	for (int times = most; times > 0; times--)
		for (int i = 0; i < n && left > 0; i++)
			if (v[i].times == times) {
				v[i].times = -1;	/* it is taken */
				left--;
			}
	for (int i = 0; i < n; i++)
		if (v[i].times < 0)
			q->word[q->n++] = v[i];
}

/* Function words of the language are left out, where it is not known those of any; unless nothing else is left. */
static void
read_question(struct arena *a, str text, struct question *q)
{
	struct text_word *as[TEXT_OTHER + 1];
	enum text_lang lang = text_language(text);
	int n = 0, different = 0;

	for (int l = TEXT_EN; l <= TEXT_OTHER; l++)
		n = text_words(a, text, (enum text_lang)l, &as[l]);
	struct word *v = NEW_N(a, struct word, n);
	for (int pass = 0; pass < 2 && different == 0; pass++)
		for (int i = 0; i < n; i++) {
			bool stop = lang == TEXT_OTHER ? as[TEXT_EN][i].stop || as[TEXT_DE][i].stop : as[lang][i].stop;
			struct word w = { .times = 1 };
			for (int l = TEXT_EN; l <= TEXT_OTHER; l++)
				add_form(&w, know_term(as[l][i].stem));
			if (!stop || pass == 1)
				different = count_word(v, different, &w);
		}
	choose_words(v, different, q);
}

/* --- what has the words --- */

struct doc { ulid id; unsigned *at, nat; };		/* at: the scores of its passages by their places, and one more */
struct score { unsigned doc, place; float score; };
struct mention { unsigned score, tf, length; };
struct look_up { const struct word *word; str term; bool group; };
struct search {
	struct db *db;
	struct arena a;
	workspace_id workspace;
	project_id project;
	document_id *unlisted;
	int nunlisted;
	double passages, mean;
	struct doc *doc;
	unsigned ndocs, docs_cap;
	unsigned *doc_slot, ndoc_slots;		/* documents by their id, and one more */
	struct score *score;
	unsigned nscores, scores_cap;
	struct mention *mention;
	unsigned nmentions, mentions_cap;
};

static void *
one_more(struct arena *a, void *v, unsigned n, unsigned *cap, size_t size)
{
	if (n < *cap)
		return v;
	unsigned more = *cap == 0 ? 256 : 2 * *cap;
	v = arena_grow(a, v, *cap * size, more * size);
	*cap = more;
	return v;
}

/* The end of a ULID is random. */
static unsigned
ulid_hash(const char *s)
{
	uint64_t h;

	memcpy(&h, s + 18, 8);
	return (unsigned)((h * 0x9E3779B97F4A7C15) >> 32);
}

static unsigned
slot_of(const struct search *s, const char *id)
{
	unsigned i = ulid_hash(id) & (s->ndoc_slots - 1);

	while (s->doc_slot[i] != 0 && memcmp(s->doc[s->doc_slot[i] - 1].id.s, id, 26) != 0)
		i = (i + 1) & (s->ndoc_slots - 1);
	return i;
}

static unsigned
doc_of(struct search *s, const char *id)
{
	if (2 * s->ndocs >= s->ndoc_slots) {
		s->ndoc_slots = s->ndoc_slots == 0 ? 512 : 2 * s->ndoc_slots;
		s->doc_slot = NEW_N(&s->a, unsigned, s->ndoc_slots);
		for (unsigned i = 0; i < s->ndocs; i++)
			s->doc_slot[slot_of(s, s->doc[i].id.s)] = i + 1;
	}
	unsigned i = slot_of(s, id);
	if (s->doc_slot[i] == 0) {
		s->doc = one_more(&s->a, s->doc, s->ndocs, &s->docs_cap, sizeof(*s->doc));
		s->doc[s->ndocs] = (struct doc){ .nat = 0 };
		memcpy(s->doc[s->ndocs].id.s, id, 26);
		s->doc_slot[i] = ++s->ndocs;
	}
	return s->doc_slot[i] - 1;
}

static unsigned
score_of(struct search *s, unsigned doc, unsigned place)
{
	struct doc *d = &s->doc[doc];

	if (place >= d->nat) {
		unsigned n = MAX(2 * d->nat, place + 1), *at = NEW_N(&s->a, unsigned, n);
		if (d->nat > 0)
			memcpy(at, d->at, d->nat * sizeof(*at));
		d->at = at;
		d->nat = n;
	}
	if (d->at[place] == 0) {
		s->score = one_more(&s->a, s->score, s->nscores, &s->scores_cap, sizeof(*s->score));
		s->score[s->nscores] = (struct score){ .doc = doc, .place = place };
		d->at[place] = ++s->nscores;
	}
	return d->at[place] - 1;
}

static int by_id(const void *a, const void *b) { return memcmp(a, b, 26); }

/* Of the project or of all projects, and whole. */
static bool
is_ours(const struct search *s, str document, struct val project)
{
	if (document.n != 26)
		return false;
	if (id_set(s->project) && project.t == V_TEXT && !str_eq(project.s, (str){ s->project.u.s, 26 }))
		return false;
	return s->nunlisted == 0 || bsearch(document.p, s->unlisted, (size_t)s->nunlisted, sizeof(*s->unlisted), by_id) == NULL;
}

static void
note_hits(struct search *s, unsigned doc, str hits)
{
	struct hit h = { .place = ~0u };

	while (know_next_hit(&hits, &h)) {
		s->mention = one_more(&s->a, s->mention, s->nmentions, &s->mentions_cap, sizeof(*s->mention));
		s->mention[s->nmentions++] = (struct mention){ score_of(s, doc, h.place), h.body + HEAD * h.head, h.length };
	}
}

static bool
is_form(const struct word *w, str term)
{
	for (int i = 0; i < w->nforms; i++)
		if (str_eq(w->form[i], term))
			return true;
	return false;
}

/* A row of the index: of a form of the word, or of a group that would hold some. */
static void
take_row(struct search *s, const struct look_up *l, struct rows *r)
{
	str document = db_col(r, 0).s, rest = db_col(r, 2).s;
	struct term t;

	if (!is_ours(s, document, db_col(r, 1)))
		return;
	if (!l->group) {
		note_hits(s, doc_of(s, document.p), rest);
		return;
	}
	while (know_next_term(&rest, &t))
		if (is_form(l->word, t.s))
			note_hits(s, doc_of(s, document.p), t.hits);
}

/* Each group once: it is read for all forms. */
static int
list_groups(struct arena *a, const struct word *w, enum know_groups groups, struct look_up *ret)
{
	int n = 0;

	for (int i = 0; i < w->nforms; i++) {
		str key = know_group(w->form[i], groups, arena_raw(a, KNOW_GROUP));
		bool seen = false;
		for (int k = 0; k < n; k++)
			seen |= str_eq(ret[k].term, key);
		if (!seen)
			ret[n++] = (struct look_up){ w, key, true };
	}
	return n;
}

/* The forms of a word count as one term. */
static int
list_word(struct arena *a, const struct word *w, struct look_up *ret)
{
	int n = 0;

	for (; n < w->nforms; n++)
		ret[n] = (struct look_up){ w, w->form[n], false };
	n += list_groups(a, w, KNOW_FEW, ret + n);
	return n + list_groups(a, w, KNOW_MANY, ret + n);
}

/* All rows of a word were taken. */
static void
weigh(struct search *s)
{
	double n = s->nmentions, rare = log(1 + (MAX(s->passages, n) - n + 0.5) / (n + 0.5));

	for (unsigned i = 0; i < s->nmentions; i++) {
		const struct mention *m = &s->mention[i];
		double tf = m->tf;
		s->score[m->score].score += (float)(rare * tf * (K1 + 1) / (tf + K1 * (1 - B + B * m->length / s->mean)));
	}
	s->nmentions = 0;
}

/* One statement for each. */
static enum err
look_up_each(struct search *s, const struct look_up *l, int n, struct error *e)
{
	struct rows r;

	for (int i = 0; i < n; i++) {
		TRY(term_hits(s->db, s->workspace, l[i].term, &r, e));
		while (db_next(&r))
			take_row(s, &l[i], &r);
		TRY(db_done(&r, e));
		if (i + 1 == n || l[i + 1].word != l[i].word)
			weigh(s);
	}
	return OK;
}

/* One for all. */
static enum err
look_up_all(struct search *s, const struct look_up *l, int n, struct error *e)
{
	const struct word *w = NULL;
	struct rows r;
	struct buf b;

	buf_init(&b, &s->a, (size_t)1 << 20);
	for (int i = 0; i < n; i++) {
		if (i > 0)
			buf_char(&b, '\n');
		buf_add(&b, l[i].term);
	}
	TRY(terms_hits(s->db, s->workspace, buf_str(&b), &r, e));
	while (db_next(&r)) {
		const struct look_up *at = &l[db_col(&r, 3).i - 1];
		if (at->word != w)
			weigh(s);
		w = at->word;
		take_row(s, at, &r);
	}
	weigh(s);
	return db_done(&r, e);
}

static enum err
look_up(struct search *s, const struct question *q, struct error *e)
{
	struct look_up *l = NEW_N(&s->a, struct look_up, q->n * 3 * FORMS_MAX);
	int n = 0;

	for (int i = 0; i < q->n; i++)
		n += list_word(&s->a, &q->word[i], l + n);
	return db_is_pg(s->db) ? look_up_all(s, l, n, e) : look_up_each(s, l, n, e);
}

/* --- the best of them --- */

/* Better first; what scores alike in a fixed order. */
static bool
better(const struct search *s, unsigned a, unsigned b)
{
	const struct score *x = &s->score[a], *y = &s->score[b];

	if (x->score != y->score)
		return x->score > y->score;
	int c = memcmp(s->doc[x->doc].id.s, s->doc[y->doc].id.s, 26);
	return c != 0 ? c > 0 : x->place < y->place;
}

static int
choose(const struct search *s, unsigned *best, int max)
{
	int n = 0;

	for (unsigned i = 0; i < s->nscores; i++) {
		if (n == max && !better(s, i, best[n - 1]))
			continue;
		int k = n < max ? n++ : n - 1;
		for (; k > 0 && better(s, i, best[k - 1]); k--)
			best[k] = best[k - 1];
		best[k] = i;
	}
	return n;
}

/* --- a passage that was found, word by word --- */

/* Which word of the question it is; -1: none. */
static int
which(const struct question *q, const struct text_word *w)
{
	for (int i = 0; i < q->n; i++)
		for (int k = 0; k < q->word[i].nforms; k++)
			if (str_eq(q->word[i].form[k], know_term(w->stem)))
				return i;
	return -1;
}

static void
add_html(struct buf *b, str s)
{
	for (size_t i = 0; i < s.n; i++)
		switch (s.p[i]) {
		case '&': buf_add(b, S("&amp;")); break;
		case '<': buf_add(b, S("&lt;")); break;
		case '>': buf_add(b, S("&gt;")); break;
		case '"': buf_add(b, S("&quot;")); break;
		case '\'': buf_add(b, S("&#39;")); break;
		default: buf_char(b, s.p[i]);
		}
}

/* How many words of the question stand behind the one that they follow there; function words between them do not count. */
static int
beside(const struct question *q, const struct text_word *w, int n)
{
	bool pair[WORDS_MAX] = { false };
	int last = -1, pairs = 0;

	for (int i = 0; i < n; i++) {
		int at = which(q, &w[i]);
		if (at < 0 && w[i].stop)
			continue;
		if (at > 0 && at == last + 1 && !pair[at]) {
			pair[at] = true;
			pairs++;
		}
		last = at;
	}
	return pairs;
}

static str
mark_words(struct arena *a, const struct question *q, str body, const struct text_word *w, int n)
{
	const char *p = body.p;
	struct buf b;

	buf_init(&b, a, body.n * 32 + 64);
	for (int i = 0; i < n; i++) {
		if (which(q, &w[i]) < 0)
			continue;
		add_html(&b, (str){ p, (size_t)(w[i].s.p - p) });
		buf_add(&b, S("<mark>"));
		add_html(&b, w[i].s);
		buf_add(&b, S("</mark>"));
		p = w[i].s.p + w[i].s.n;
	}
	add_html(&b, (str){ p, (size_t)(body.p + body.n - p) });
	return buf_str(&b);
}

static void
judge(struct search *s, struct arena *a, const struct question *q, struct found *f, bool mark)
{
	struct text_word *w;
	int n = text_words(&s->a, f->at.body, know_lang(f->at.language), &w);

	if (q->n > 1)
		f->score *= 1 + BESIDE * beside(q, w, n) / (q->n - 1);
	f->milli = (int64_t)(f->score * 1000 + 0.5);
	if (mark)
		f->marked = mark_words(a, q, f->at.body, w, n);
}

static int
by_score(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	int c = memcmp(y->at.document.u.s, x->at.document.u.s, 26);
	return c != 0 ? c : x->at.place < y->at.place ? -1 : 1;
}

/* The passages themselves, of those that are there still: the others have no body. */
static enum err
read_each(struct search *s, struct arena *a, struct found **f, int n, struct error *e)
{
	bool found;

	for (int i = 0; i < n; i++)
		TRY(passage_get(s->db, a, s->workspace, f[i]->at.document, f[i]->at.place, &f[i]->at, &found, e));
	return OK;
}

static enum err
read_all(struct search *s, struct arena *a, struct found **f, int n, struct error *e)
{
	struct buf documents, places;
	struct passage_at at;
	struct rows r;

	buf_init(&documents, &s->a, (size_t)1 << 16);
	buf_init(&places, &s->a, (size_t)1 << 16);
	for (int i = 0; i < n; i++) {
		buf_add(&documents, str_fmt(&s->a, "%s%s", i > 0 ? "," : "", f[i]->at.document.u.s));
		buf_add(&places, str_fmt(&s->a, "%s%lld", i > 0 ? "," : "", (long long)f[i]->at.place));
	}
	TRY(passages_all(s->db, s->workspace, buf_str(&documents), buf_str(&places), &r, e));
	while (db_next(&r)) {
		int64_t which = passage_scan(&r, a, &at);
		f[which - 1]->at = at;
	}
	return db_done(&r, e);
}

static enum err
read_passages(struct search *s, struct arena *a, const struct question *q, struct found **f, int n, bool mark, struct error *e)
{
	if (n > 0)
		TRY(db_is_pg(s->db) ? read_all(s, a, f, n, e) : read_each(s, a, f, n, e));
	for (int i = 0; i < n; i++)
		if (f[i]->at.body.p != NULL)
			judge(s, a, q, f[i], mark);
	return OK;
}

/* The best by their words: the first ones read, and in the order of their scores then; of the others only where they are. */
static enum err
read_best(struct search *s, struct arena *a, const struct question *q, const struct know_query *k, struct found **ret, int *n, struct error *e)
{
	unsigned best[LOOK_AT * KNOW_FOUND];
	int limit = MIN(k->limit, KNOW_FOUND), look = LOOK_AT * limit, most = choose(s, best, k->meaning != NULL ? MAX(look, FUSE) : look), read = 0;
	struct found *at[LOOK_AT * KNOW_FOUND];

	*ret = NEW_N(a, struct found, most + FUSE);
	for (int i = 0; i < most; i++) {
		const struct score *x = &s->score[best[i]];
		at[i] = &(*ret)[i];
		*at[i] = (struct found){ .at = { .document = { s->doc[x->doc].id }, .place = x->place }, .score = x->score };
	}
	TRY(read_passages(s, a, q, at, MIN(look, most), k->mark, e));
	*n = 0;
	for (int i = 0; i < most; i++) {
		bool found = i >= look || (*ret)[i].at.body.p != NULL;
		if (found)
			(*ret)[(*n)++] = (*ret)[i];
		read += found && i < look;
	}
	qsort(*ret, (size_t)read, sizeof(**ret), by_score);
	return OK;
}

static enum err
prepare(struct search *s, struct error *e)
{
	int64_t passages, words;

	s->unlisted = NEW_N(&s->a, document_id, UNLISTED_MAX);
	TRY(knowledge_now(s->db, s->workspace, &passages, &words, s->unlisted, UNLISTED_MAX, &s->nunlisted, e));
	s->passages = (double)passages;
	s->mean = passages > 0 ? (double)MAX(words, 1) / (double)passages : 1;
	return OK;
}

/* --- joined with what is near in meaning --- */

static struct found *
find_place(struct found *v, int n, const struct near_hit *h)
{
	for (int i = 0; i < n; i++)
		if (v[i].at.place == h->place && memcmp(v[i].at.document.u.s, h->document.u.s, 26) == 0)
			return &v[i];
	return NULL;
}

static double share(int rank) { return (FUSE_K + 1) / 2.0 / (FUSE_K + rank); }

/* Reciprocal rank fusion: what is best in both searches has a score of 1. */
static void
fuse(struct found *v, int *n, const struct near_hit *hit, int hits)
{
	for (int i = 0; i < *n; i++)
		v[i].score = i < FUSE ? share(i + 1) : 0;
	for (int i = 0; i < hits; i++) {
		struct found *f = find_place(v, *n, &hit[i]);
		if (f == NULL) {
			f = &v[(*n)++];
			*f = (struct found){ .at = { .document = hit[i].document, .place = hit[i].place } };
		}
		f->score += share(i + 1);
	}
	qsort(v, (size_t)*n, sizeof(*v), by_score);
}

/* Those that were only near: their scores stay what the ranks gave them. */
static enum err
read_missing(struct search *s, struct arena *a, const struct question *q, struct found *v, int n, bool mark, struct error *e)
{
	struct found *at[KNOW_FOUND];
	double score[KNOW_FOUND];
	int missing = 0;

	for (int i = 0; i < n; i++) {
		score[i] = v[i].score;
		if (v[i].at.body.p == NULL)
			at[missing++] = &v[i];
	}
	TRY(read_passages(s, a, q, at, missing, mark, e));
	for (int i = 0; i < n; i++) {
		v[i].score = score[i];
		v[i].milli = (int64_t)(score[i] * 1000 + 0.5);
	}
	return OK;
}

static enum err
join_near(struct search *s, struct arena *a, const struct question *q, const struct know_query *k, struct found *v, int *n, struct error *e)
{
	const struct meaning_ask *m = k->meaning;
	struct near_question nq = { s->workspace, s->project, meaning_model(&s->a, m->conf), m->dims, m->data.p };
	struct near_hit hit[FUSE];
	int hits, all, kept = 0, first = 0, step = 0;

	TRY(near_search(k->near, s->db, &nq, FUSE, hit, &hits, e));
	fuse(v, n, hit, hits);
	all = *n;
	for (int i = 0; i < all && kept < k->limit; i++) {
		if (i == first) {		/* mostly all are there still, and this is once */
			step = MIN(all - i, k->limit);
			TRY(read_missing(s, a, q, v + i, step, k->mark, e));
			first += step;
		}
		if (v[i].at.body.p != NULL)
			v[kept++] = v[i];
	}
	*n = kept;
	return OK;
}

static enum err
search(struct search *s, struct arena *a, const struct know_query *k, struct found **ret, int *n, struct error *e)
{
	struct question q = { .n = 0 };

	read_question(&s->a, k->text, &q);
	TRY(prepare(s, e));
	TRY(look_up(s, &q, e));
	TRY(read_best(s, a, &q, k, ret, n, e));
	if (k->meaning != NULL)
		TRY(join_near(s, a, &q, k, *ret, n, e));
	*n = MIN(*n, MIN(k->limit, KNOW_FOUND));
	return OK;
}

enum err
know_search(struct db *db, struct arena *a, const struct know_query *k, struct found **ret, int *n, struct error *e)
{
	struct search s = { .db = db, .workspace = k->workspace, .project = k->project };

	arena_init(&s.a, SCRATCH);
	enum err code = search(&s, a, k, ret, n, e);
	arena_free(&s.a);
	return code;
}
