#include "rank/rank.h"

/* --- as it can be quoted --- */

/* UTF-8 without controls, so that no rule below has to think of them. */
str
rank_clean(struct arena *a, str s)
{
	char *p = arena_raw(a, s.n * 3 + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n;) {
		uint32_t c = utf8_next(s, &i);
		bool control = (c < ' ' && c != '\n' && c != '\r') || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0xFEFF || c == 0x200B;
		if (c == 0xAD || c == 0xFEFF || c == 0x200B)
			continue;		/* soft hyphens, byte order marks: invisible, and in the way of comparing words */
		n += text_put(p + n, control ? ' ' : c);
	}
	return (str){ p, n };
}

/* s with every run of blanks as one; no more than max code points, cut between words. */
str
rank_line(struct arena *a, str s, int max)
{
	char *p = arena_raw(a, s.n + 4);
	size_t n = 0, gap = 0;
	int count = 0;

	for (size_t i = 0; i < s.n;) {
		size_t from = i;
		uint32_t c = utf8_next(s, &i);
		if (c <= ' ' && (n == 0 || p[n - 1] == ' '))
			continue;
		if (++count > max) {
			n = gap != 0 ? gap : n;
			while (n > 0 && strchr(" ,;:-", p[n - 1]) != NULL)
				n--;
			return (str){ p, n + text_put(p + n, 0x2026) };
		}
		if (c <= ' ') {
			p[n++] = ' ';
			gap = n - 1;
		} else {
			memcpy(p + n, s.p + from, i - from);
			n += i - from;
		}
		if (count == max - 1 && gap == 0)
			gap = n;
	}
	return str_trim((str){ p, n });
}

/* --- what a sentence is good for --- */

unsigned
rank_kinds(const struct rank *r, const struct rank_item *t)
{
	unsigned kinds = 0;

	for (int i = t->word; i < t->word + t->words; i++)
		kinds |= r->word[i].kinds;
	return kinds;
}

bool
rank_has_number(const struct rank *r, const struct rank_item *t)
{
	for (int i = t->word; i < t->word + t->words; i++)
		if (r->word[i].number)
			return true;
	return false;
}

bool
rank_asks(const struct rank_item *t)
{
	return memchr(t->s.p, '?', t->s.n) != NULL;
}

/* Speaks to the reader: "you", and the German "Sie" inside a sentence. */
bool
rank_addresses(const struct rank *r, const struct rank_item *t)
{
	for (int i = t->word; i < t->word + t->words; i++) {
		const struct rank_word *w = &r->word[i];
		if ((w->kinds & WORD_READER) != 0 && !(r->lang == TEXT_DE && w->capital))
			return true;
		if (r->lang == TEXT_DE && !w->first && (str_eq(w->s, S("Sie")) || str_eq(w->s, S("Ihnen")) || str_eq(w->s, S("Ihre"))))
			return true;
	}
	return false;
}

static bool
small(str s)
{
	size_t i = 0;
	uint32_t c = utf8_next(s, &i);

	return text_upper(c) != c;
}

float
rank_opening(const struct rank *r, int i)
{
	const struct rank_item *t = &r->item[i];
	unsigned kinds = rank_kinds(r, t);
	float w = t->score * 0.7f;

	if (t->fit < 0.6f || t->leans || t->words < 4 || (rank_asks(t) && (r->word[t->word].kinds & WORD_OPENING) != 0))
		return 0;
	w += rank_has_number(r, t) ? 0.15f : 0;
	w += (kinds & WORD_CONTRAST) != 0 ? 0.2f : 0;
	w += (kinds & WORD_SURPRISE) != 0 ? 0.2f : 0;
	w += rank_asks(t) && rank_addresses(r, t) ? 0.1f : 0;
	w *= t->length < 40 ? 0.7f : 1;
	w *= small(t->s) ? 0.5f : 1;
	w *= (t->phrases & (PHRASE_SEQUEL | PHRASE_POINTER)) != 0 ? 0.5f : 1;
	return t->length <= 120 ? w : w * 120 / (float)t->length;
}
