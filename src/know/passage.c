/* passage -- cuts a text into passages, and indexes them (see know.h). */
#include "know/know.h"
#include <stdlib.h>

#define PASSAGE_WORDS	200
#define PASSAGE_MOST	260	/* a sentence that would make it longer begins the next one */
#define PASSAGE_LEAST	60	/* a heading begins a passage when the one before has as many words */
#define OVERLAP_WORDS	40
#define TERM_MAX	64	/* bytes; the rest of a longer word is not looked at */

/* --- units: sentences, and pieces of those that are too long --- */

struct unit { str s; int words; bool heading; };
struct units { struct arena *a; struct unit *v; size_t n, cap; };

static void
add_unit(struct units *u, str s, int words, bool heading)
{
	if (u->n == u->cap) {
		size_t cap = u->cap == 0 ? 64 : 2 * u->cap;
		u->v = arena_grow(u->a, u->v, u->cap * sizeof(*u->v), cap * sizeof(*u->v));
		u->cap = cap;
	}
	u->v[u->n++] = (struct unit){ s, words, heading };
}

static void
add_sentence(struct units *u, const struct text_sentence *s)
{
	size_t from = 0, i = 0, end = 0;
	int words = 0;
	str w;

	while (text_next_word(s->s, &i, &w)) {
		if (words == PASSAGE_WORDS) {
			add_unit(u, str_cut(s->s, from, end), words, false);
			from = (size_t)(w.p - s->s.p);
			words = 0;
		}
		words++;
		end = i;
	}
	add_unit(u, str_cut(s->s, from, s->s.n), words, s->heading);
}

/* --- passages --- */

struct cutter { const struct unit *v; size_t n; struct passage *ret; int count; };

static void
emit(struct cutter *c, size_t from, size_t to, str heading)
{
	const char *p = c->v[from].s.p, *end = c->v[to - 1].s.p + c->v[to - 1].s.n;
	int words = 0;

	for (size_t i = from; i < to; i++)
		words += c->v[i].words;
	if (words > 0)
		c->ret[c->count++] = (struct passage){ heading, { p, (size_t)(end - p) }, words };
}

/* Where the passage behind the one that ends at `to` begins: some sentences back, but not all of it and not over a heading. */
static size_t
overlap(const struct cutter *c, size_t from, size_t to)
{
	size_t i = to;

	for (int words = 0; i > from + 1 && !c->v[i - 1].heading && words + c->v[i - 1].words <= OVERLAP_WORDS; i--)
		words += c->v[i - 1].words;
	return i;
}

static void
cut(struct cutter *c)
{
	str heading = S(""), next = S("");
	size_t from = 0;
	int words = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct unit *u = &c->v[i];
		bool begins = u->heading && words >= PASSAGE_LEAST;
		if (i > from && (begins || words >= PASSAGE_WORDS || words + u->words > PASSAGE_MOST)) {
			emit(c, from, i, heading);
			from = begins || u->heading ? i : overlap(c, from, i);
			words = 0;
			for (size_t k = from; k < i; k++)
				words += c->v[k].words;
			heading = next;
		}
		if (u->heading) {
			next = u->s;
			if (i == from)
				heading = u->s;
		}
		words += u->words;
	}
	if (c->n > 0)
		emit(c, from, c->n, heading);
}

int
know_passages(struct arena *a, str text, enum text_lang lang, struct passage **ret)
{
	struct units u = { .a = a };
	struct text_sentence *s;
	int n = text_sentences(a, text, lang, &s);

	for (int i = 0; i < n; i++)
		add_sentence(&u, &s[i]);
	struct cutter c = { .v = u.v, .n = u.n, .ret = NEW_N(a, struct passage, u.n) };
	cut(&c);
	*ret = c.ret;
	return c.count;
}

/* --- terms --- */

struct entry { str s; size_t last, n; };		/* last: its newest count, and one more; 0: it has none yet */
struct count { unsigned entry, place, body, head; };
struct index {
	struct arena *a;
	enum text_lang lang;
	struct entry *entry;
	size_t nentries, entries_cap;
	unsigned *slot;				/* entries by their hash, and one more */
	size_t nslots;
	struct count *count;
	size_t ncounts, counts_cap;
	unsigned *length;			/* of each passage, in terms */
};

static size_t
hash(str s)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * 0x100000001b3;
	return (size_t)(h ^ h >> 29);
}

static size_t
find_slot(const struct index *x, str s)
{
	size_t i = hash(s) & (x->nslots - 1);

	while (x->slot[i] != 0 && !str_eq(x->entry[x->slot[i] - 1].s, s))
		i = (i + 1) & (x->nslots - 1);
	return i;
}

static void
more_slots(struct index *x)
{
	x->nslots = x->nslots == 0 ? 1024 : 2 * x->nslots;
	x->slot = NEW_N(x->a, unsigned, x->nslots);
	for (size_t i = 0; i < x->nentries; i++)
		x->slot[find_slot(x, x->entry[i].s)] = (unsigned)i + 1;
}

static struct entry *
entry_of(struct index *x, str s)
{
	if (2 * x->nentries >= x->nslots)
		more_slots(x);
	size_t i = find_slot(x, s);
	if (x->slot[i] == 0) {
		if (x->nentries == x->entries_cap) {
			size_t cap = x->entries_cap == 0 ? 512 : 2 * x->entries_cap;
			x->entry = arena_grow(x->a, x->entry, x->entries_cap * sizeof(*x->entry), cap * sizeof(*x->entry));
			x->entries_cap = cap;
		}
		x->entry[x->nentries++] = (struct entry){ .s = str_dup(x->a, s) };
		x->slot[i] = (unsigned)x->nentries;
	}
	return &x->entry[x->slot[i] - 1];
}

/* The count of a term in a passage; passages come in their order. */
static struct count *
count_of(struct index *x, str s, unsigned place)
{
	struct entry *en = entry_of(x, s);

	if (en->last != 0 && x->count[en->last - 1].place == place)
		return &x->count[en->last - 1];
	if (x->ncounts == x->counts_cap) {
		size_t cap = x->counts_cap == 0 ? 1024 : 2 * x->counts_cap;
		x->count = arena_grow(x->a, x->count, x->counts_cap * sizeof(*x->count), cap * sizeof(*x->count));
		x->counts_cap = cap;
	}
	x->count[x->ncounts++] = (struct count){ .entry = (unsigned)(en - x->entry), .place = place };
	en->last = x->ncounts;
	en->n++;
	return &x->count[x->ncounts - 1];
}

str
know_term(str stem)
{
	size_t n = TERM_MAX;

	if (stem.n <= TERM_MAX)
		return stem;
	while (((uint8_t)stem.p[n] & 0xC0) == 0x80)
		n--;
	return str_cut(stem, 0, n);
}

enum text_lang know_lang(int language) { return language == KL_EN ? TEXT_EN : language == KL_DE ? TEXT_DE : TEXT_OTHER; }
int know_language(enum text_lang lang) { return lang == TEXT_EN ? KL_EN : lang == TEXT_DE ? KL_DE : -1; }

/* Counts the terms of a text into the body or the head of a passage. */
static void
count_words(struct index *x, struct arena *scratch, str s, unsigned place, bool head)
{
	struct arena_mark m = arena_mark(scratch);
	struct text_word *w;
	int n = text_words(scratch, s, x->lang, &w);

	for (int i = 0; i < n; i++) {
		if (w[i].stop && x->lang != TEXT_OTHER)
			continue;
		struct count *c = count_of(x, know_term(w[i].stem), place);
		c->head += head;
		c->body += !head;
		x->length[place] += !head;
	}
	arena_back(scratch, m);
}

static int
by_text(const void *a, const void *b)
{
	return str_cmp(((const struct term *)a)->s, ((const struct term *)b)->s);
}

static size_t
put_number(char *p, unsigned v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (char)(v | 0x80);
	p[n++] = (char)v;
	return n;
}

#define HIT_MAX		(4 * 5)

static void
write_hits(struct index *x, struct term *ret)
{
	unsigned *before = NEW_N(x->a, unsigned, x->nentries);		/* the place behind the last hit */

	for (size_t i = 0; i < x->nentries; i++)
		ret[i] = (struct term){ x->entry[i].s, { arena_raw(x->a, x->entry[i].n * HIT_MAX), 0 } };
	for (size_t i = 0; i < x->ncounts; i++) {
		const struct count *c = &x->count[i];
		struct term *t = &ret[c->entry];
		char *p = (char *)(uintptr_t)t->hits.p;
		t->hits.n += put_number(p + t->hits.n, c->place - before[c->entry]);
		t->hits.n += put_number(p + t->hits.n, c->body);
		t->hits.n += put_number(p + t->hits.n, c->head);
		t->hits.n += put_number(p + t->hits.n, x->length[c->place]);
		before[c->entry] = c->place + 1;
	}
}

int
know_terms(struct arena *a, str name, const struct passage *p, int n, enum text_lang lang, struct term **ret, int64_t *length)
{
	struct index x = { .a = a, .lang = lang, .length = NEW_N(a, unsigned, n) };
	struct arena scratch;

	arena_init(&scratch, a->budget);
	for (int i = 0; i < n; i++) {
		count_words(&x, &scratch, p[i].body, (unsigned)i, false);
		count_words(&x, &scratch, p[i].heading, (unsigned)i, true);
		count_words(&x, &scratch, name, (unsigned)i, true);
	}
	arena_free(&scratch);
	*length = 0;
	for (int i = 0; i < n; i++)
		*length += x.length[i];
	*ret = NEW_N(a, struct term, x.nentries);
	write_hits(&x, *ret);
	qsort(*ret, x.nentries, sizeof(**ret), by_text);
	return (int)x.nentries;
}

static bool
get_number(str *rest, unsigned *ret)
{
	unsigned v = 0;

	for (unsigned shift = 0; rest->n > 0 && shift < 32; shift += 7) {
		uint8_t c = (uint8_t)*rest->p++;
		rest->n--;
		v |= (unsigned)(c & 0x7F) << shift;
		if (c < 0x80) {
			*ret = v;
			return true;
		}
	}
	return false;
}

bool
know_next_hit(str *rest, struct hit *h)
{
	unsigned skipped;

	if (!get_number(rest, &skipped) || !get_number(rest, &h->body) || !get_number(rest, &h->head) || !get_number(rest, &h->length))
		return false;
	h->place += 1 + skipped;
	return true;
}
