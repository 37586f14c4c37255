#include "write/avoid.h"

#define PHRASE_WORDS	12
#define FORMS		4
#define FOREIGN_MIN	4		/* bytes of a stem that counts although it is of another language */

/* A word by what it is compared with: as written, and its stems; 0: it has no such form. */
struct forms { uint64_t form[FORMS]; };
struct entry { struct forms word[PHRASE_WORDS], joined; int words; bool dotted; str sign; };
struct avoid { struct arena *a; enum text_lang lang; struct entry *row; int n; };

static uint64_t
hash(str s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * 1099511628211u;
	return h != 0 ? h : 1;
}

/* --- words, however they are joined --- */

static bool
invisible(uint32_t c)
{
	return c == 0xAD || (c >= 0x200B && c <= 0x200D) || c == 0x2060 || c == 0xFEFF || c == 0xFE0F || (c >= 0x300 && c <= 0x36F);
}

static bool hyphen(uint32_t c) { return c == '-' || c == 0x2010 || c == 0x2011 || c == '_'; }

static str
visible(struct arena *a, str s)
{
	char *p = arena_raw(a, s.n * 3 + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n;) {
		uint32_t c = utf8_next(s, &i);
		if (!invisible(c))
			n += text_put(p + n, c);
	}
	return (str){ p, n };
}

static bool
parts(uint32_t last, uint32_t c, uint32_t next)
{
	return hyphen(c) ? text_letter(last) && text_letter(next) : text_upper(last) != last && text_lower(c) != c;
}

/* s with a blank for each hyphen inside a word and, if so wanted, in front of each capital inside one. */
static str
parted(struct arena *a, str s, bool capitals)
{
	char *p = arena_raw(a, s.n * 2 + 1);
	size_t n = 0;
	uint32_t last = 0;

	for (size_t i = 0; i < s.n;) {
		uint32_t c = utf8_next(s, &i);
		size_t k = i;
		uint32_t next = i < s.n ? utf8_next(s, &k) : 0;
		bool part = (capitals || hyphen(c)) && parts(last, c, next);
		if (part)
			p[n++] = ' ';
		if (!part || !hyphen(c))
			n += text_put(p + n, c);
		last = c;
	}
	return (str){ p, n };
}

#define RUN_PARTS	8		/* parts of one joined word that are looked at */

static void
put_runs(struct buf *b, const str *part, int n)
{
	for (int i = 0; i < n; i++)
		for (int k = i + 1; k < n && k < i + 4; k++) {
			for (int j = i; j <= k; j++)
				buf_add(b, part[j]);
			buf_char(b, ' ');
		}
}

/* What stands in s with hyphens or capitals inside, written in one: two to four parts in a row. */
static str
joined(struct arena *a, str s)
{
	struct buf b;
	str part[RUN_PARTS];
	size_t from = 0;
	uint32_t last = 0;
	int n = 0;

	buf_init(&b, a, s.n * 12 + 64);
	for (size_t i = 0, at; i <= s.n;) {
		at = i;
		uint32_t c = i < s.n ? utf8_next(s, &i) : 0;
		size_t k = i;
		uint32_t next = i < s.n ? utf8_next(s, &k) : 0;
		bool part_ends = c != 0 && parts(last, c, next);
		if (part_ends || !(text_letter(c) && c != 0)) {
			if (n < RUN_PARTS && at > from)
				part[n++] = str_cut(s, from, at);
			from = part_ends && !hyphen(c) ? at : i;
		}
		if (!part_ends && !(text_letter(c) && c != 0)) {
			put_runs(&b, part, n);
			n = 0;
		}
		last = c;
		if (at == s.n)
			break;
	}
	return buf_str(&b);
}

/* --- forms --- */

/* "genutzt", "nutzt" and "nutzen" are one. */
static str
root(str stem, str fold)
{
	if (str_starts(stem, S("ge")) && stem.n >= 6 && (str_ends(fold, S("t")) || str_ends(fold, S("en"))))
		stem = str_cut(stem, 2, stem.n);
	while (stem.n >= 6 && str_ends(stem, S("et")))
		stem.n -= 2;
	if (stem.n >= 5 && str_ends(stem, S("t")))
		stem.n--;
	return stem;
}

static int
forms_of(const struct avoid *v, str s, struct forms **ret, struct text_word **words)
{
	struct text_word *en, *de;
	int n = text_words(v->a, s, TEXT_EN, &en);

	text_words(v->a, s, TEXT_DE, &de);
	*ret = NEW_N(v->a, struct forms, n);
	for (int i = 0; i < n; i++) {
		str fold = text_fold(v->a, en[i].s), r = root(de[i].stem, fold);
		struct forms *f = &(*ret)[i];
		f->form[0] = hash(fold);
		f->form[1] = v->lang == TEXT_EN || en[i].stem.n >= FOREIGN_MIN ? hash(en[i].stem) : 0;
		f->form[2] = v->lang == TEXT_DE || de[i].stem.n >= FOREIGN_MIN ? hash(de[i].stem) : 0;
		f->form[3] = v->lang != TEXT_EN && r.n >= FOREIGN_MIN ? hash(r) : 0;
	}
	*words = en;
	return n;
}

static bool
same(const struct forms *a, const struct forms *b)
{
	for (int i = 0; i < FORMS; i++)
		if (a->form[i] != 0 && a->form[i] == b->form[i])
			return true;
	return false;
}

/* --- the list --- */

static void
add(struct avoid *v, str plain, str apart)
{
	struct entry *e = &v->row[v->n];
	struct forms *f;
	struct text_word *w;
	struct buf one;

	e->words = MIN(forms_of(v, apart, &f, &w), PHRASE_WORDS);
	e->dotted = memchr(plain.p, '.', plain.n) != NULL;
	if (e->words == 0)
		e->sign = plain;
	buf_init(&one, v->a, apart.n + 1);
	for (int i = 0; i < e->words; i++) {
		e->word[i] = f[i];
		buf_add(&one, w[i].s);
	}
	if (forms_of(v, buf_str(&one), &f, &w) == 1)
		e->joined = f[0];
	v->n += e->words > 0 || e->sign.n > 0;
}

struct avoid *
avoid_new(struct arena *a, const str *phrase, int n, enum text_lang lang)
{
	struct avoid *v = NEW(a, struct avoid);

	*v = (struct avoid){ .a = a, .lang = lang, .row = NEW_N(a, struct entry, n * 2 + 1) };
	for (int i = 0; i < n; i++) {
		str plain = str_trim(visible(a, phrase[i])), words = parted(a, plain, false), parts = parted(a, plain, true);
		add(v, plain, words);
		if (parts.n > words.n)		/* "GameChanger" is two words as well */
			add(v, plain, parts);
	}
	return v;
}

#define GAP_MAX		4		/* bytes between two words of a phrase */

/* A phrase does not reach from one sentence or paragraph into the next, unless it is one with full stops: "z. B.". */
static bool
near(const struct entry *e, str before, str word)
{
	const char *end = before.p + before.n;
	int marks = 0, lines = 0;

	if (word.p - end > GAP_MAX)
		return false;
	for (const char *p = end; p < word.p; p++) {
		marks += strchr(".!?;:", *p) != NULL;
		lines += *p == '\n';
	}
	return lines < 2 && (marks == 0 || e->dotted);
}

static bool
stands_at(const struct entry *e, const struct forms *f, const struct text_word *w, int left)
{
	if (e->words > left)
		return false;
	for (int i = 0; i < e->words; i++) {
		if (!same(&e->word[i], &f[i]))
			return false;
		if (i > 0 && !near(e, w[i - 1].s, w[i].s))
			return false;
	}
	return true;
}

static bool
any_stands(const struct avoid *v, str s, bool apart)
{
	struct forms *f;
	struct text_word *w;
	int n = s.n > 0 ? forms_of(v, s, &f, &w) : 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < v->n; k++) {
			const struct entry *e = &v->row[k];
			if (e->words > 0 && (same(&e->joined, &f[i]) || (apart && stands_at(e, &f[i], &w[i], n - i))))
				return true;
		}
	return false;
}

bool
avoid_hits(const struct avoid *v, str text)
{
	struct arena_mark m = arena_mark(v->a);
	str s = visible(v->a, text);
	bool hit = false;

	if (v->n == 0)
		return false;
	for (int k = 0; k < v->n && !hit; k++)
		hit = v->row[k].words == 0 && memmem(s.p, s.n, v->row[k].sign.p, v->row[k].sign.n) != NULL;
	str words = parted(v->a, s, false), parts = parted(v->a, s, true);
	hit = hit || any_stands(v, words, true) || (parts.n > words.n && any_stands(v, parts, true)) || any_stands(v, joined(v->a, s), false);
	arena_back(v->a, m);
	return hit;
}
