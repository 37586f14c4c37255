/* term -- the index of a document: its terms, and where they are (see know.h). */
#include "know/know.h"
#include <stdlib.h>

#define TERM_MAX	64	/* bytes; the rest of a longer word is not looked at */
#define FEW_FROM	1000	/* terms: a document that has as many is written by few groups, */
#define MANY_FROM	8000	/* or by many */
#define GROUP_PREFIX	4	/* bytes: the stems of a word in several languages mostly share them, and so a group */

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

str know_term(str stem) { return utf8_head(stem, TERM_MAX); }

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

#define NUMBER_MAX	5
#define HIT_MAX		(4 * NUMBER_MAX)

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

/* --- groups --- */

str
know_group(str term, enum know_groups groups, char to[KNOW_GROUP])
{
	static const char digits[] = "0123456789abcdef";
	size_t h = hash(str_cut(term, 0, GROUP_PREFIX)) % 1024;

	memcpy(to, (char[KNOW_GROUP]){ '=', digits[h >> 4 & 15], digits[h & 15], digits[h >> 8] }, KNOW_GROUP);
	return (str){ to, groups == KNOW_MANY ? KNOW_GROUP : KNOW_GROUP - 1 };
}

static size_t
put_text(char *p, str s)
{
	size_t n = put_number(p, (unsigned)s.n);

	memcpy(p + n, s.p, s.n);
	return n + s.n;
}

struct filed { char key[KNOW_GROUP]; const struct term *t; };

static int
by_group(const void *a, const void *b)
{
	const struct filed *x = a, *y = b;
	int c = memcmp(x->key, y->key, KNOW_GROUP);

	return c != 0 ? c : str_cmp(x->t->s, y->t->s);
}

/* The rows of a long document: its terms by group. */
static int
group_terms(struct arena *a, const struct term *t, int n, struct term **ret)
{
	struct filed *f = NEW_N(a, struct filed, n);
	struct term *row = *ret = NEW_N(a, struct term, n);
	enum know_groups groups = n < MANY_FROM ? KNOW_FEW : KNOW_MANY;
	size_t size = 0, n_key = 0;
	int rows = 0;

	for (int i = 0; i < n; i++) {
		f[i].t = &t[i];
		n_key = know_group(t[i].s, groups, f[i].key).n;
		size += t[i].s.n + t[i].hits.n + 2 * NUMBER_MAX;
	}
	qsort(f, (size_t)n, sizeof(*f), by_group);
	char *p = arena_raw(a, size);
	for (int i = 0; i < n; i++) {
		if (i == 0 || memcmp(f[i].key, f[i - 1].key, n_key) != 0)
			row[rows++] = (struct term){ { f[i].key, n_key }, { p, 0 } };
		char *from = p;
		p += put_text(p, f[i].t->s);
		p += put_text(p, f[i].t->hits);
		row[rows - 1].hits.n += (size_t)(p - from);
	}
	return rows;
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
	return x.nentries < FEW_FROM ? (int)x.nentries : group_terms(a, *ret, (int)x.nentries, ret);
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

static bool
get_text(str *rest, str *ret)
{
	unsigned n;

	if (!get_number(rest, &n) || n > rest->n)
		return false;
	*ret = (str){ rest->p, n };
	rest->p += n;
	rest->n -= n;
	return true;
}

bool
know_next_term(str *rest, struct term *ret)
{
	return get_text(rest, &ret->s) && get_text(rest, &ret->hits);
}
