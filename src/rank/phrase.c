#include "rank/rank.h"
#include <math.h>

/* A phrase is one to three words in a row that are no function words.  It is worth its frequency, if it stands where nouns do:
 * behind an article or a preposition, not behind a pronoun or "to", and with nothing it could belong to behind it. */
#define PHRASE_WORDS	3

struct entry { int term[PHRASE_WORDS]; int words, first, times, last_item, items, noun, verb, tail, capital, inner, titles; };
struct table { struct entry *row; int n, max, *slot; size_t slots; };

static bool
content(const struct rank_word *w)
{
	return !w->stop && !w->number && (w->kinds & (WORD_WEAK | WORD_FILLER)) == 0 && utf8_count(w->s) >= 3;
}

static struct entry *
entry(struct table *t, const struct rank_word *w, int words)
{
	struct entry e = { .words = words, .term = { -1, -1, -1 }, .last_item = -1 };
	size_t h = 0;

	for (int i = 0; i < words; i++) {
		e.term[i] = w[i].term;
		h = (h + (size_t)w[i].term + 1) * 0x9E3779B97F4A7C15u;
		h ^= h >> 29;
	}
	for (h &= t->slots - 1; t->slot[h] != 0; h = (h + 1) & (t->slots - 1))
		if (memcmp(t->row[t->slot[h] - 1].term, e.term, sizeof(e.term)) == 0)
			return &t->row[t->slot[h] - 1];
	t->row[t->n++] = e;
	t->slot[h] = t->n;
	return &t->row[t->n - 1];
}

static void
note(const struct rank *r, struct table *t, int item, int at, int words)
{
	const struct rank_word *w = &r->word[at];
	struct entry *e = entry(t, w, words);
	int end = at + words;

	if (e->times++ == 0)
		e->first = at;
	e->items += e->last_item != item;
	e->last_item = item;
	e->titles += r->item[item].heading;
	if (!w->first) {
		e->noun += (w[-1].kinds & WORD_BEFORE) != 0;
		e->verb += (w[-1].kinds & WORD_NOT_BEFORE) != 0;
		e->inner++;
		e->capital += w->capital;
	}
	e->tail += end >= r->words || r->word[end].stop || !r->word[end].joined || r->word[end].number;
}

static struct table
collect(const struct rank *r)
{
	struct table t = { .max = r->words * PHRASE_WORDS + 1, .slots = 64 };

	while (t.slots < (size_t)t.max * 2)
		t.slots *= 2;
	/* without a list of function words, what stands side by side need not belong together */
	int most = r->lang == TEXT_OTHER ? 1 : PHRASE_WORDS;
	t.slot = NEW_N(r->a, int, t.slots);
	t.row = NEW_N(r->a, struct entry, t.max);
	for (int i = 0; i < r->n; i++) {
		const struct rank_item *it = &r->item[i];
		if (it->fit < FIT_MIN && !it->heading)
			continue;
		for (int k = it->word; k < it->word + it->words; k++)
			for (int n = 1; n <= most && k + n <= it->word + it->words; n++) {
				const struct rank_word *w = &r->word[k + n - 1];
				if (!content(w) || (n > 1 && !w->joined))
					break;
				note(r, &t, i, k, n);
			}
	}
	return t;
}

/* Endings of words that are seldom nouns. */
static float
ending(const struct rank *r, const struct entry *e)
{
	str s = r->word[e->first + e->words - 1].s;

	if (r->lang == TEXT_DE)
		return r->word[e->first + e->words - 1].capital ? 1 : 0.2f;
	if (r->lang != TEXT_EN)
		return 1;
	if (str_ends(s, S("ly")) || str_ends(s, S("ed")))
		return 0.3f;
	return str_ends(s, S("ing")) ? 0.6f : 1;
}

static float
worth(const struct rank *r, const struct entry *e)
{
	float times = (float)e->times, noun = 0.4f;

	if (e->words > 1 && e->times < 2)
		return 0;
	if (e->noun + e->verb > 0)
		noun = 0.2f + 0.8f * (float)e->noun / (float)(e->noun + e->verb);
	/* names of people and places are written with a capital in English, and say little about what the text is on */
	if (r->lang == TEXT_EN && e->inner > 0 && e->capital * 2 > e->inner)
		noun *= 0.4f;
	float spread = logf(1 + (float)e->items), tail = 0.3f + 0.7f * (float)e->tail / times;
	float length = e->words == 1 ? 1 : e->words == 2 ? 1.8f : 2;
	return spread * sqrtf(times) * noun * tail * length * ending(r, e) * (e->titles > 0 ? 1.4f : 1);
}

static bool
shares(const struct entry *a, const struct entry *b)
{
	for (int i = 0; i < a->words; i++)
		for (int k = 0; k < b->words; k++)
			if (a->term[i] == b->term[k])
				return true;
	return false;
}

int
phrase_find(const struct rank *r, struct phrase *ret, int max)
{
	struct table t = collect(r);
	float *value = NEW_N(r->a, float, t.n + 1);
	int n = 0;

	for (int i = 0; i < t.n; i++)
		value[i] = worth(r, &t.row[i]);
	while (n < max) {
		int best = -1;
		for (int i = 0; i < t.n; i++)
			if (value[i] > (best >= 0 ? value[best] : 0))
				best = i;
		if (best < 0)
			break;
		ret[n++] = (struct phrase){ t.row[best].first, t.row[best].words, value[best] };
		for (int i = 0; i < t.n; i++)
			if (i != best && shares(&t.row[best], &t.row[i]))
				value[i] = 0;
		value[best] = 0;
	}
	return n;
}

/* --- as it is written --- */

static void
put_letters(struct buf *b, str s)
{
	bool raise = true;

	for (size_t i = 0; i < s.n;) {
		char p[4];
		uint32_t c = utf8_next(s, &i);
		bool letter = text_letter(c);
		if (letter || (c >= '0' && c <= '9'))
			buf_add(b, (str){ p, text_put(p, raise && letter ? text_upper(c) : c) });
		raise = !letter && c != '\'' && c != 0x2019;	/* "E-Mail": EMail */
	}
}

static bool
same(const struct rank *r, int at, const struct phrase *p)
{
	if (at + p->words > r->words)
		return false;
	for (int i = 0; i < p->words; i++)
		if (r->word[at + i].term != r->word[p->word + i].term || (i > 0 && !r->word[at + i].joined))
			return false;
	return true;
}

static str
written(const struct rank *r, int from, int to)
{
	return (str){ r->word[from].s.p, (size_t)(r->word[to - 1].s.p + r->word[to - 1].s.n - r->word[from].s.p) };
}

static bool
plural(str s)
{
	return s.n > 3 && s.p[s.n - 1] == 's' && strchr("siu'", s.p[s.n - 2]) == NULL;
}

#define FORMS_MAX	64		/* places of a phrase that are looked at */

/* The place to copy a tag from: the form that the source uses most. */
static int
common_form(const struct rank *r, const struct phrase *p)
{
	int at[FORMS_MAX], n = 0, best = p->word, most = 0;

	for (int i = 0; i < r->words && n < FORMS_MAX; i++)
		if (same(r, i, p))
			at[n++] = i;
	for (int i = 0; i < n; i++) {
		int times = 0;
		for (int k = i; k < n; k++)
			times += str_ieq(written(r, at[i], at[i] + p->words), written(r, at[k], at[k] + p->words));
		if (times > most) {
			most = times;
			best = at[i];
		}
	}
	return best;
}

str
phrase_text(const struct rank *r, const struct phrase *p)
{
	int at = common_form(r, p);
	return written(r, at, at + p->words);
}

str
phrase_tag(const struct rank *r, const struct phrase *p)
{
	int at = common_form(r, p);
	struct buf b;

	buf_init(&b, r->a, 256);
	buf_char(&b, '#');
	for (int i = 0; i < p->words; i++)
		put_letters(&b, r->word[at + i].s);
	return buf_str(&b);
}

str
phrase_object(const struct rank *r, const struct phrase *p)
{
	str best = STR_NONE;

	for (int i = 1; i < r->words; i++) {
		const struct rank_word *w = &r->word[i];
		if (w->first || !same(r, i, p))
			continue;
		str s = written(r, i, i + p->words), before = w[-1].s;
		if (r->lang != TEXT_EN || plural(s))
			return s;
		bool article = w->joined && (str_eq(before, S("a")) || str_eq(before, S("an")));
		if (article && best.p == NULL)
			best = written(r, i - 1, i + p->words);
	}
	return best;
}
