/* passage -- cuts a text into passages (see know.h). */
#include "know/know.h"

#define PASSAGE_WORDS	200
#define PASSAGE_MOST	260	/* a sentence that would make it longer begins the next one */
#define PASSAGE_LEAST	60	/* a heading begins a passage when the one before has as many words */
#define OVERLAP_WORDS	40

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
