#include "text/text_priv.h"
#include <libstemmer.h>
#include <stdlib.h>

/* --- letters --- */

/* Capitals and the distance to their small letters; step 2: capital and small letter take turns. */
static const struct { uint32_t from, to, distance, step; } cases[] = {
	{ 'A', 'Z', 32, 1 }, { 0xC0, 0xD6, 32, 1 }, { 0xD8, 0xDE, 32, 1 }, { 0x100, 0x12E, 1, 2 }, { 0x132, 0x136, 1, 2 },
	{ 0x139, 0x147, 1, 2 }, { 0x14A, 0x176, 1, 2 }, { 0x179, 0x17D, 1, 2 }, { 0x388, 0x38A, 37, 1 }, { 0x391, 0x3A1, 32, 1 },
	{ 0x3A3, 0x3A9, 32, 1 }, { 0x400, 0x40F, 80, 1 }, { 0x410, 0x42F, 32, 1 }, { 0x460, 0x480, 1, 2 }, { 0x48A, 0x4BE, 1, 2 },
	{ 0x4D0, 0x52E, 1, 2 }, { 0x531, 0x556, 48, 1 }, { 0x1E00, 0x1E94, 1, 2 }, { 0x1EA0, 0x1EFE, 1, 2 },
};

uint32_t
text_lower(uint32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c + 32 : c;
	for (size_t r = 0; r < COUNT(cases) && cases[r].from <= c; r++)
		if (c <= cases[r].to && (c - cases[r].from) % cases[r].step == 0)
			return c + cases[r].distance;
	return c;
}

uint32_t
text_upper(uint32_t c)
{
	if (c < 0x80)
		return c >= 'a' && c <= 'z' ? c - 32 : c;
	for (size_t r = 0; r < COUNT(cases); r++) {
		uint32_t u = c - cases[r].distance;
		if (u >= cases[r].from && u <= cases[r].to && (u - cases[r].from) % cases[r].step == 0)
			return u;
	}
	return c;
}

/* What is no letter, from U+0080 on: punctuation, symbols, private use, pictures. */
static const struct { uint32_t from, to; } others[] = {
	{ 0x80, 0xA9 }, { 0xAB, 0xB4 }, { 0xB6, 0xB9 }, { 0xBB, 0xBF }, { 0xD7, 0xD7 }, { 0xF7, 0xF7 }, { 0x2C2, 0x2DF }, { 0x37E, 0x37E },
	{ 0x387, 0x387 }, { 0x55A, 0x55F }, { 0x589, 0x58F }, { 0x5BE, 0x5BE }, { 0x5F3, 0x5F4 }, { 0x600, 0x60F }, { 0x61B, 0x61F },
	{ 0x66A, 0x66D }, { 0x6D4, 0x6D4 }, { 0x964, 0x965 }, { 0x970, 0x970 }, { 0xE3F, 0xE3F }, { 0xE4F, 0xE4F }, { 0x2000, 0x2BFF },
	{ 0x2E00, 0x2E7F }, { 0x2FF0, 0x3004 }, { 0x3007, 0x3020 }, { 0x3030, 0x3030 }, { 0x303D, 0x303F }, { 0x30FB, 0x30FB },
	{ 0xD800, 0xF8FF }, { 0xFD3E, 0xFD4F }, { 0xFE00, 0xFE1F }, { 0xFE30, 0xFE6F }, { 0xFEFF, 0xFF0F }, { 0xFF1A, 0xFF20 },
	{ 0xFF3B, 0xFF40 }, { 0xFF5B, 0xFF65 }, { 0xFFE0, 0xFFFF }, { 0x1F000, 0x1FAFF }, { 0xE0000, 0x10FFFF },
};

bool
text_letter(uint32_t c)
{
	if (c < 0x80)
		return (c | 32) >= 'a' && (c | 32) <= 'z';
	for (size_t r = 0; r < COUNT(others) && others[r].from <= c; r++)
		if (c <= others[r].to)
			return false;
	return true;
}

static bool
ideograph(uint32_t c)
{
	return (c >= 0x2E80 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

size_t
text_put(char *p, uint32_t c)
{
	if (c < 0x80) {
		p[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		p[i] = (char)(0x80 | (c & 0x3F));
	p[0] = (char)((0xF00u >> n & 0xFF) | c);
	return n;
}

static inline bool apostrophe(uint32_t c) { return c == '\'' || c == 0x2019; }

str
text_fold(struct arena *a, str s)
{
	char *p = arena_raw(a, s.n * 3 + 1);	/* a byte that is not UTF-8 becomes the three of U+FFFD */
	size_t n = 0;

	for (size_t i = 0; i < s.n;) {
		uint32_t c = utf8_next(s, &i);
		n += text_put(p + n, text_blank(c) ? ' ' : apostrophe(c) ? '\'' : text_lower(c));
	}
	return (str){ p, n };
}

/* --- words --- */

/* May the word so far (`n` code points, the last one `last`) go on over `c` to the code point behind it? */
static bool
joins(uint32_t last, uint32_t c, uint32_t next, int n)
{
	if (apostrophe(c))
		return text_letter(last) && text_letter(next);
	if (c == '.' || c == ',' || c == ':')
		return text_digit(last) && text_digit(next);
	return c == '-' && n == 1 && text_letter(last) && text_letter(next);
}

bool
text_next_word(str s, size_t *i, str *ret)
{
	uint32_t last = 0, c;
	size_t from, at;
	int n = 0;

	do {
		if ((from = *i) >= s.n)
			return false;
		c = utf8_next(s, i);
	} while (!text_letter(c) && !text_digit(c));
	for (last = c, n = 1; *i < s.n && !ideograph(c); n++) {
		at = *i;
		c = utf8_next(s, i);
		if (text_letter(c) ? ideograph(c) : !text_digit(c)) {
			size_t j = *i;
			uint32_t next = j < s.n ? utf8_next(s, &j) : 0;
			*i = at;
			if (ideograph(next) || !joins(last, c, next, n))
				break;
			(void)utf8_next(s, i);
		}
		last = c;
	}
	*ret = (str){ s.p + from, *i - from };
	return true;
}

size_t
text_fold_word(char out[WORD_MAX], str w)
{
	size_t n = 0;

	for (size_t i = 0; i < w.n;) {
		uint32_t c = utf8_next(w, &i);
		if (n + 4 > WORD_MAX)
			return 0;
		n += text_put(out + n, apostrophe(c) ? '\'' : text_lower(c));
	}
	if (n > 2 && out[n - 2] == '\'' && out[n - 1] == 's')
		n -= 2;
	return n;
}

/* --- function words --- */

static const str stop_en[] = {
#define W(word) S_INIT(word),
#include "text/stop_en.def"
#undef W
};
static const str stop_de[] = {
#define W(word) S_INIT(word),
#include "text/stop_de.def"
#undef W
};
static const struct { const str *word; size_t n; } stops[] = {
	[TEXT_EN] = { stop_en, COUNT(stop_en) }, [TEXT_DE] = { stop_de, COUNT(stop_de) }, [TEXT_OTHER] = { NULL, 0 },
};

static int
compare(const void *a, const void *b)
{
	return str_cmp(*(const str *)a, *(const str *)b);
}

bool
text_stop(enum text_lang lang, str folded)
{
	return stops[lang].n != 0 && bsearch(&folded, stops[lang].word, stops[lang].n, sizeof(str), compare) != NULL;
}

bool
text_stop_sorted(void)
{
	for (size_t l = 0; l < COUNT(stops); l++)
		for (size_t i = 1; i < stops[l].n; i++)
			if (str_cmp(stops[l].word[i - 1], stops[l].word[i]) >= 0)
				return false;
	return true;
}

/* A tenth of English or German prose, at the very least, is function words of its own, and other languages share a few of
 * them: hence a floor, and a distance between the two. */
enum text_lang
text_language(str s)
{
	char fold[WORD_MAX];
	int n = 0, en = 0, de = 0;
	str w;

	for (size_t i = 0; text_next_word(s, &i, &w);) {
		str f = { fold, text_fold_word(fold, w) };
		if (f.n == 0 || text_digit((uint8_t)f.p[0]))
			continue;
		n++;
		en += text_stop(TEXT_EN, f);
		de += text_stop(TEXT_DE, f);
	}
	if (en * 5 >= n && en * 2 > de * 3)
		return TEXT_EN;
	return de * 5 >= n && de * 2 > en * 3 ? TEXT_DE : TEXT_OTHER;
}

/* --- text_words --- */

static str
stem_of(struct arena *a, struct sb_stemmer *st, str folded)
{
	const sb_symbol *p = st != NULL ? sb_stemmer_stem(st, (const sb_symbol *)folded.p, (int)folded.n) : NULL;

	return str_dup(a, p != NULL ? (str){ (const char *)p, (size_t)sb_stemmer_length(st) } : folded);
}

static struct text_word
word_of(struct arena *a, struct sb_stemmer *st, enum text_lang lang, str s)
{
	char fold[WORD_MAX];
	str f = { fold, text_fold_word(fold, s) };
	size_t i = 0;
	uint32_t c = utf8_next(s, &i);
	struct text_word w = { .s = s, .capital = text_is_upper(c), .number = text_digit(c) };

	if (f.n == 0) {
		w.stem = s;		/* longer than any word of a language: a token of its own */
		return w;
	}
	w.stop = !w.number && (lang == TEXT_OTHER ? utf8_count(f) <= 4 && !ideograph(c) : text_stop(lang, f));
	w.stem = stem_of(a, w.stop || w.number ? NULL : st, f);
	return w;
}

int
text_words(struct arena *a, str s, enum text_lang lang, struct text_word **ret)
{
	struct sb_stemmer *st = lang == TEXT_OTHER ? NULL : sb_stemmer_new(lang == TEXT_EN ? "english" : "german", NULL);
	size_t n = 0, i = 0;
	str w;

	while (text_next_word(s, &i, &w))
		n++;
	*ret = NEW_N(a, struct text_word, n);
	i = 0;
	for (size_t k = 0; text_next_word(s, &i, &w); k++)
		(*ret)[k] = word_of(a, st, lang, w);
	sb_stemmer_delete(st);
	return (int)n;
}
