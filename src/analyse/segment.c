#include "analyse/analyse_priv.h"
#include <math.h>

#define UNITS_MAX	600		/* stretches that a boundary may stand between */
#define TERMS_MAX	(1 << 17)	/* different words; further ones are not told apart from silence */
#define WINDOW		((size_t)64 << 10)	/* bytes whose words are read at a time */
#define PART_TOKENS	40		/* content words of the shortest part */
#define WORDS_PER_PART	150		/* words of a text for each further part that it may have, */
#define WORDS_PARTED	1500		/* and that it must have */

/* --- the words, as numbers --- */

struct vocabulary { uint64_t *key; int *term; size_t slots; int n; };

static uint64_t
hash(str s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * 1099511628211u;
	return (h ^ h >> 31) | 1;		/* 0 is an empty slot */
}

static size_t
slot_of(const struct vocabulary *v, uint64_t key)
{
	size_t i = (size_t)(key >> 8) & (v->slots - 1);

	while (v->key[i] != 0 && v->key[i] != key)
		i = (i + 1) & (v->slots - 1);
	return i;
}

/* -1: there is no room for another one. */
static int
intern(struct vocabulary *v, str stem)
{
	uint64_t key = hash(stem);
	size_t i = slot_of(v, key);

	if (v->key[i] == key)
		return v->term[i];
	if (v->n == TERMS_MAX)
		return -1;
	v->key[i] = key;
	v->term[i] = v->n;
	return v->n++;
}

/* The text as it is divided: sentence i has the tokens from at[i] to at[i + 1]. */
struct reading {
	struct arena *a;
	str text;
	enum text_lang lang;
	struct text_sentence *s;
	int sentences, words, tokens;
	int *token, *at;
	struct vocabulary v;
};

static struct vocabulary
vocabulary_new(struct arena *a, size_t bytes)
{
	struct vocabulary v = { .slots = 256 };

	while (v.slots < bytes / 2 && v.slots < (size_t)TERMS_MAX * 2)
		v.slots *= 2;
	v.slots *= 2;
	v.key = NEW_N(a, uint64_t, v.slots);
	v.term = NEW_N(a, int, v.slots);
	return v;
}

/* The words of sentences first to last, both included. */
static void
read_window(struct reading *r, int first, int last)
{
	struct arena_mark m = arena_mark(r->a);
	const char *from = r->s[first].s.p, *to = r->s[last].s.p + r->s[last].s.n;
	struct text_word *w;
	int n = text_words(r->a, (str){ from, (size_t)(to - from) }, r->lang, &w), k = 0;

	r->words += n;
	for (int i = first; i <= last; i++) {
		const char *end = r->s[i].s.p + r->s[i].s.n;
		r->at[i] = r->tokens;
		for (; k < n && w[k].s.p < end; k++) {
			int term = w[k].stop || w[k].number || w[k].s.n < 2 ? -1 : intern(&r->v, w[k].stem);
			if (term >= 0)
				r->token[r->tokens++] = term;
		}
	}
	r->at[last + 1] = r->tokens;
	arena_back(r->a, m);
}

#define LONG		((size_t)1500)	/* bytes of a sentence that is none: speech that nobody punctuated is divided all the same, */
#define PIECE		((size_t)250)	/* about here, between two words */

static size_t
piece_end(str s, size_t from)
{
	size_t i = from + PIECE;

	if (i + PIECE >= s.n)
		return s.n;
	while (i < s.n && s.p[i] != ' ' && i < from + 2 * PIECE)
		i++;
	while (i < s.n && ((uint8_t)s.p[i] & 0xC0) == 0x80)
		i++;
	return i;
}

static void
divide_long(struct reading *r)
{
	struct text_sentence *v;
	int n = 0;
	size_t most = (size_t)r->sentences;

	for (int i = 0; i < r->sentences; i++)
		most += r->s[i].s.n > LONG ? r->s[i].s.n / PIECE + 1 : 0;
	if (most == (size_t)r->sentences)
		return;
	v = NEW_N(r->a, struct text_sentence, most);
	for (int i = 0; i < r->sentences; i++) {
		str s = r->s[i].s;
		for (size_t at = 0, end; at < s.n; at = end) {
			end = s.n > LONG ? piece_end(s, at) : s.n;
			v[n] = r->s[i];
			v[n++].s = str_cut(s, at, end);
		}
	}
	r->s = v;
	r->sentences = n;
}

static void
read_text(struct reading *r)
{
	r->sentences = text_sentences(r->a, r->text, r->lang, &r->s);
	divide_long(r);
	r->token = NEW_N(r->a, int, r->text.n / 2 + 2);
	r->at = NEW_N(r->a, int, r->sentences + 1);
	r->v = vocabulary_new(r->a, r->text.n);
	for (int i = 0, last; i < r->sentences; i = last + 1) {
		for (last = i; last + 1 < r->sentences && (size_t)(r->s[last + 1].s.p + r->s[last + 1].s.n - r->s[i].s.p) <= WINDOW;)
			last++;
		read_window(r, i, last);
	}
}

/* --- units: what no boundary divides at first --- */

struct units { int *first, n; float *credit; };		/* first sentence of each, and what a boundary in front of it is spared */

static float
credit_of(const struct reading *r, int i)
{
	if (i == 0)
		return 0;
	if (r->s[i].heading && !r->s[i - 1].heading)
		return 1.0f;
	return r->s[i].paragraph != r->s[i - 1].paragraph && !r->s[i - 1].heading ? 0.25f : 0;
}

/* Sentences, or where there are many, as many of them as have their share of the words. */
static struct units
units_of(struct reading *r)
{
	int share = r->tokens / UNITS_MAX + 1, n = 0;
	struct units u = { NEW_N(r->a, int, UNITS_MAX + 2), 0, NEW_N(r->a, float, UNITS_MAX + 2) };

	for (int i = 0; i < r->sentences; i = n) {
		u.first[u.n] = i;
		u.credit[u.n++] = credit_of(r, i);
		for (n = i; n < r->sentences && (r->at[n] - r->at[i] < share || r->at[n] == r->at[i]);)
			n++;
	}
	u.first[u.n] = r->sentences;
	return u;
}

/* --- the cost of a part --- */

/* What it takes to write down `tokens` words of which the sum of f·log(f + 1) is `sum`, with Laplace's estimate of each. */
static double
cost_of(const struct reading *r, int tokens, double sum)
{
	return tokens * log(tokens + r->v.n) - sum;
}

struct counter { int *f; double *gain, sum; };	/* gain[f]: what one more of a word seen f times adds to sum */

static struct counter
counter_new(struct reading *r)
{
	struct counter c = { .f = NEW_N(r->a, int, r->v.n + 1), .gain = NEW_N(r->a, double, r->tokens + 1) };

	for (int i = 0; i < r->tokens; i++)
		c.gain[i] = (i + 1) * log(i + 2.0) - i * log(i + 1.0);
	return c;
}

static void
count_in(struct counter *c, const struct reading *r, int from, int to)
{
	for (int i = from; i < to; i++)
		c->sum += c->gain[c->f[r->token[i]]++];
}

static void
count_out(struct counter *c, const struct reading *r, int from, int to)
{
	for (int i = from; i < to; i++)
		c->sum -= c->gain[--c->f[r->token[i]]];
}

/* cost[i * n + j]: of the part from unit i to unit j, both included. */
static double *
costs(struct reading *r, const struct units *u)
{
	double *cost = arena_raw(r->a, sizeof(double) * (size_t)u->n * (size_t)u->n);
	struct counter c = counter_new(r);

	for (int i = 0; i < u->n; i++) {
		int from = r->at[u->first[i]];
		c.sum = 0;
		for (int j = i; j < u->n; j++) {
			int end = r->at[u->first[j + 1]];
			count_in(&c, r, r->at[u->first[j]], end);
			cost[i * u->n + j] = end - from >= PART_TOKENS ? cost_of(r, end - from, c.sum) : INFINITY;
		}
		memset(c.f, 0, sizeof(*c.f) * (size_t)r->v.n);
	}
	return cost;
}

/* --- the cheapest division --- */

#define PRICE	4.0	/* of a further part, in logarithms of the length of the text */

/* Into `min` to `max` parts, as many as are cheapest; cut[k] is the first unit of part k.  Returns how many. */
static int
divide(struct reading *r, const struct units *u, int min, int max, int *cut)
{
	double *cost = costs(r, u), price = PRICE * log(r->tokens);
	double *best = NEW_N(r->a, double, (max + 1) * (u->n + 1));
	int *back = NEW_N(r->a, int, (max + 1) * (u->n + 1)), parts = 1;

	for (int k = 0; k <= max; k++)
		for (int j = 0; j <= u->n; j++)
			best[k * (u->n + 1) + j] = k == 0 && j == 0 ? 0 : INFINITY;
	for (int k = 1; k <= max; k++)
		for (int j = 1; j <= u->n; j++)
			for (int i = 0; i < j; i++) {
				double c = best[(k - 1) * (u->n + 1) + i] + cost[i * u->n + j - 1] + (k > 1 ? price * (1 - u->credit[i]) : 0);
				if (c < best[k * (u->n + 1) + j]) {
					best[k * (u->n + 1) + j] = c;
					back[k * (u->n + 1) + j] = i;
				}
			}
	for (int k = 2; k <= max; k++)
		if (best[k * (u->n + 1) + u->n] < best[parts * (u->n + 1) + u->n] || (k <= min && !isinf(best[k * (u->n + 1) + u->n])))
			parts = k;
	for (int k = parts, j = u->n; k > 0; k--)
		cut[k - 1] = j = back[k * (u->n + 1) + j];
	return parts;
}

/* Where units are many sentences: the sentence at which the boundary between two parts stands best. */
static int
refine(struct reading *r, struct counter *c, int from, int lo, int hi, int to)
{
	struct counter left = { .f = NEW_N(r->a, int, r->v.n + 1), .gain = c->gain };
	double least = INFINITY;
	int best = lo;

	memset(c->f, 0, sizeof(int) * (size_t)r->v.n);
	c->sum = 0;
	count_in(&left, r, r->at[from], r->at[lo]);
	count_in(c, r, r->at[lo], r->at[to]);
	for (int i = lo; i <= hi; i++) {
		int n = r->at[i] - r->at[from], m = r->at[to] - r->at[i];
		double cost = cost_of(r, n, left.sum) + cost_of(r, m, c->sum) - credit_of(r, i) * PRICE * log(r->tokens);
		if (cost < least) {
			least = cost;
			best = i;
		}
		if (i < hi) {
			count_in(&left, r, r->at[i], r->at[i + 1]);
			count_out(c, r, r->at[i], r->at[i + 1]);
		}
	}
	return best;
}

/* --- what the parts are made of --- */

static void
count_parts(struct reading *r, const int *first, struct parts *ret)
{
	int *count = NEW_N(r->a, int, ret->n * r->v.n + 1), *all = NEW_N(r->a, int, r->v.n + 1);

	for (int p = 0; p < ret->n; p++)
		for (int i = r->at[first[p]]; i < r->at[first[p + 1]]; i++) {
			count[p * r->v.n + r->token[i]]++;
			all[r->token[i]]++;
		}
	ret->count = count;
	ret->all = all;
	ret->terms = r->v.n;
	ret->tokens = r->tokens;
	ret->vocabulary = NEW(r->a, struct vocabulary);
	*ret->vocabulary = r->v;
}

float
segment_focus(const struct parts *p, int part, str stem)
{
	uint64_t key = hash(stem);
	size_t i = slot_of(p->vocabulary, key);

	if (p->vocabulary->key[i] != key)
		return 0;
	int t = p->vocabulary->term[i];
	float here = (float)p->count[part * p->terms + t] / (float)MAX(p->part[part].tokens, 1);
	float all = (float)p->all[t] / (float)MAX(p->tokens, 1);
	return here + all > 0 ? here / (here + all) : 0;
}

static void
fill(const struct reading *r, const int *first, struct parts *ret)
{
	for (int p = 0; p < ret->n; p++) {
		const struct text_sentence *a = &r->s[first[p]], *b = &r->s[first[p + 1] - 1];
		ret->part[p] = (struct segment){ (size_t)(a->s.p - r->text.p), (size_t)(b->s.p + b->s.n - r->text.p),
		    r->at[first[p + 1]] - r->at[first[p]] };
	}
}

void
segment_find(struct arena *a, str text, enum text_lang lang, int max, struct parts *ret)
{
	struct reading r = { .a = a, .text = text, .lang = lang };
	int cut[ANALYSE_TOPICS], first[ANALYSE_TOPICS + 1];

	*ret = (struct parts){ 0 };
	read_text(&r);
	ret->words = r.words;
	if (r.sentences == 0)
		return;
	struct units u = units_of(&r);
	max = MIN(MIN(max, ANALYSE_TOPICS), MAX(1, r.words / WORDS_PER_PART));
	ret->n = max > 1 && r.tokens >= 2 * PART_TOKENS ? divide(&r, &u, MIN(max, 1 + r.words / WORDS_PARTED), max, cut) : 1;
	first[0] = 0;
	first[ret->n] = r.sentences;
	for (int p = 1; p < ret->n; p++)
		first[p] = u.first[cut[p]];
	struct counter c = counter_new(&r);
	for (int p = 1; p < ret->n && u.n < r.sentences; p++)
		first[p] = refine(&r, &c, first[p - 1], MAX(u.first[cut[p] - 1], first[p - 1] + 1), MIN(u.first[cut[p] + 1], first[p + 1]) - 1, first[p + 1]);
	fill(&r, first, ret);
	count_parts(&r, first, ret);
}
