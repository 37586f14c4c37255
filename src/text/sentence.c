#include "text/text_priv.h"
#include <stdlib.h>

/* --- marks --- */

static bool
ends(uint32_t c)
{
	return c == '.' || c == '!' || c == '?' || c == 0x2026 || c == 0x203C || c == 0x203D || c == 0x61F || c == 0x964;
}

/* Ends a sentence without a blank behind it. */
static bool wide(uint32_t c) { return c == 0x3002 || c == 0xFF01 || c == 0xFF0E || c == 0xFF1F; }

static bool
quote(uint32_t c)
{
	return c == '"' || c == '\'' || c == 0xAB || c == 0xBB || (c >= 0x2018 && c <= 0x201F) || c == 0x2039 || c == 0x203A
	    || (c >= 0x300C && c <= 0x300F);
}

static bool closes(uint32_t c) { return quote(c) || c == ')' || c == ']' || c == '}' || c == '*' || c == '_' || c == 0xFF09; }

static bool
opens(uint32_t c)
{
	return quote(c) || c == '(' || c == '[' || c == '{' || c == '*' || c == '_' || c == 0xBF || c == 0xA1 || c == '-' || c == 0x2013 || c == 0x2014;
}

static bool blank_byte(char c) { return (uint8_t)c <= ' '; }

static uint32_t
peek(str s, size_t i)
{
	return i < s.n ? utf8_next(s, &i) : 0;
}

/* The code point in front of i, which is > 0. */
static size_t
back(str s, size_t i)
{
	do
		i--;
	while (i > 0 && ((uint8_t)s.p[i] & 0xC0) == 0x80);
	return i;
}

/* --- abbreviations --- */

enum stop { NONE, NEVER, NUMBER, STARTER, CAPITAL };
struct abbr { str s; enum stop stop; };
static const struct abbr abbr_en[] = {
#define A(text, kind) { S_INIT(text), kind },
#include "text/abbr_en.def"
#undef A
};
static const struct abbr abbr_de[] = {
#define A(text, kind) { S_INIT(text), kind },
#include "text/abbr_de.def"
#undef A
};

static int
compare(const void *a, const void *b)
{
	return str_cmp(((const struct abbr *)a)->s, ((const struct abbr *)b)->s);
}

static enum stop
find(enum text_lang lang, str s)
{
	struct abbr key = { .s = s };
	const struct abbr *r = NULL;

	if (lang != TEXT_DE)
		r = bsearch(&key, abbr_en, COUNT(abbr_en), sizeof(key), compare);
	if (r == NULL && lang != TEXT_EN)
		r = bsearch(&key, abbr_de, COUNT(abbr_de), sizeof(key), compare);
	return r != NULL ? r->stop : NONE;
}

static bool
sorted(const struct abbr *row, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (compare(&row[i - 1], &row[i]) >= 0)
			return false;
	return true;
}

bool text_abbr_sorted(void) { return sorted(abbr_en, COUNT(abbr_en)) && sorted(abbr_de, COUNT(abbr_de)); }

/* --- what stands in front of a full stop --- */

struct split {
	str t;
	enum text_lang lang;
	bool lower;		/* the writer begins sentences with small letters */
	size_t from, to;	/* the sentence begins here, the block ends there */
};

/* The token that ends at `to`: back to a blank, without what opens it. */
static str
token(const struct split *p, size_t to)
{
	size_t i = to;

	while (i > p->from && !text_blank(peek(p->t, back(p->t, i))))
		i = back(p->t, i);
	i = MAX(i, p->from);
	while (i < to) {
		size_t j = i;
		uint32_t c = utf8_next(p->t, &j);
		if (text_letter(c) || text_digit(c))
			break;
		i = j;
	}
	return str_cut(p->t, i, to);
}

static bool
one_letter(str w)
{
	size_t i = 0;
	return w.n != 0 && text_letter(utf8_next(w, &i)) && i == w.n;
}

/* In front of the blanks that end at `to`. */
static size_t
before_blanks(const struct split *p, size_t to)
{
	while (to > p->from && text_blank(peek(p->t, back(p->t, to))))
		to = back(p->t, to);
	return MAX(to, p->from);
}

/* "z. B.", "i. d. R.": one-letter tokens, written together as the table has them; the last ends at `to`. */
static str
spaced(const struct split *p, size_t to, char out[WORD_MAX])
{
	size_t from = to, n;

	for (int k = 0; k < 4; k++) {
		str w = token(p, to);
		if (!one_letter(w))
			break;
		from = (size_t)(w.p - p->t.p);
		to = before_blanks(p, from);
		if (to == p->from || p->t.p[to - 1] != '.')
			break;
		to--;
	}
	str run = str_cut(p->t, from, p->t.n);
	n = 0;
	for (size_t i = 0; i < run.n && n + 8 < WORD_MAX && run.p + i < p->t.p + p->to; ) {
		uint32_t c = utf8_next(run, &i);
		if (!text_blank(c))
			n += text_put(out + n, text_lower(c));
	}
	return (str){ out, n };
}

static size_t
digits(str w)
{
	size_t n = 0;

	while (n < w.n && text_digit((uint8_t)w.p[n]))
		n++;
	return n;
}

static bool
roman(str w)
{
	for (size_t i = 0; i < w.n; i++)
		if (strchr("IVXLC", w.p[i]) == NULL)
			return false;
	return w.n > 1 && w.n <= 6;
}

/* "der 100.", "am 3.": German ordinals follow a function word. */
static bool
behind_stop(const struct split *p, str w)
{
	char fold[WORD_MAX];
	str before = token(p, before_blanks(p, (size_t)(w.p - p->t.p)));

	return text_stop(TEXT_DE, (str){ fold, text_fold_word(fold, before) });
}

static enum stop
number_stop(const struct split *p, str w)
{
	size_t n = digits(w);

	if (n == w.n && n <= 3 && w.p == p->t.p + p->from)
		return NEVER;			/* it counts: "1. Ask first." */
	if (p->lang == TEXT_EN)
		return NONE;
	if (n == w.n)
		return n <= 2 || (n == 3 && behind_stop(p, w)) ? STARTER : NONE;
	return n <= 2 && w.n <= 5 && w.p[n] == '.' ? STARTER : NONE;		/* "3.5." is a day */
}

static bool
initials(str w)
{
	for (size_t i = 0, k = 0; i < w.n; k++) {
		uint32_t c = utf8_next(w, &i);
		if (k % 2 == 0 ? !text_letter(c) : c != '.')
			return false;
	}
	return w.n > 1;
}

static enum stop
letters_stop(const struct split *p, str w)
{
	char fold[WORD_MAX];
	const char *dash = memrchr(w.p, '-', w.n);
	enum stop k = find(p->lang, (str){ fold, text_fold_word(fold, w) });

	if (k == NONE && dash != NULL) {
		str tail = { dash + 1, (size_t)(w.p + w.n - dash - 1) };
		k = one_letter(tail) ? STARTER : find(p->lang, (str){ fold, text_fold_word(fold, tail) });	/* "H.-J." */
	}
	if (k == NONE && (initials(w) || (p->lang == TEXT_DE && roman(w))))
		k = STARTER;
	return k;
}

/* How much does the full stop at `at` say? */
static enum stop
stop_at(const struct split *p, size_t at)
{
	char buf[WORD_MAX];
	str w = token(p, at);

	if (w.n == 0 || w.n >= WORD_MAX)
		return NONE;
	if (text_digit((uint8_t)w.p[0]))
		return number_stop(p, w);
	if (!one_letter(w))
		return letters_stop(p, w);
	struct split upto = *p;
	upto.to = at;
	str run = spaced(&upto, at, buf);
	enum stop k = find(p->lang, run);
	if (k == NONE && p->lang == TEXT_DE && text_is_lower(peek(w, 0)))
		k = NEVER;
	return k != NONE ? k : STARTER;
}

/* --- what stands behind it --- */

enum next { NEXT_SMALL, NEXT_STARTER, NEXT_CAPITAL, NEXT_DIGIT, NEXT_OTHER };

static enum next
next_of(const struct split *p, size_t i)
{
	char fold[WORD_MAX];
	str w;

	while (i < p->to && (text_blank(peek(p->t, i)) || opens(peek(p->t, i))))
		(void)utf8_next(p->t, &i);
	uint32_t c = i < p->to ? peek(p->t, i) : 0;
	if (text_digit(c))
		return NEXT_DIGIT;
	if (!text_letter(c) || !text_next_word(p->t, &i, &w))
		return NEXT_OTHER;
	size_t k = 0;
	(void)utf8_next(w, &k);
	if (text_is_lower(c))
		return k < w.n && text_is_upper(peek(w, k)) ? NEXT_CAPITAL : NEXT_SMALL;	/* iPhone, eBay */
	str f = { fold, text_fold_word(fold, w) };
	bool stop = p->lang == TEXT_OTHER ? text_stop(TEXT_EN, f) : text_stop(p->lang, f);
	return stop && text_is_upper(c) ? NEXT_STARTER : NEXT_CAPITAL;
}

/* Does the mark at `at`, whose run of marks and closing quotes ends at `end`, end the sentence? */
static bool
is_end(const struct split *p, size_t at, size_t end)
{
	enum next next = next_of(p, end);
	bool lone = p->t.p[at] == '.' && (at + 1 >= p->to || !ends(peek(p->t, at + 1)));
	enum stop k = lone ? stop_at(p, at) : NONE;

	if (next == NEXT_SMALL)
		return p->lower && k == NONE && end == at + 1;
	switch (k) {
	case NEVER: return false;
	case NUMBER: return next != NEXT_DIGIT;
	case STARTER: return next == NEXT_STARTER;
	default: return true;
	}
}

/* Behind the marks, closing quotes and footnotes ("[12]") that follow the mark ending at i. */
static size_t
run_end(const struct split *p, size_t i)
{
	while (i < p->to) {
		size_t j = i;
		uint32_t c = utf8_next(p->t, &j);
		if (c == '[' && j < p->to && text_digit((uint8_t)p->t.p[j])) {
			while (j < p->to && (text_digit((uint8_t)p->t.p[j]) || p->t.p[j] == ','))
				j++;
			if (j >= p->to || p->t.p[j] != ']')
				return i;
			j++;
		} else if (!ends(c) && !wide(c) && !closes(c)) {
			return i;
		}
		i = j;
	}
	return i;
}

#define ASIDE_MAX	240		/* bytes: a bracket open for longer was not meant as one */

/* Behind the bracket that closes the one at `at`; `at` when there is none near. */
static size_t
aside(const struct split *p, size_t at)
{
	char open = p->t.p[at], shut = open == '(' ? ')' : ']';
	int depth = 0;

	for (size_t i = at; i < p->to && i < at + ASIDE_MAX; i++) {
		depth += p->t.p[i] == open;
		depth -= p->t.p[i] == shut;
		if (depth == 0)
			return i + 1;
	}
	return at;
}

/* The end of the sentence that begins at p->from. */
static size_t
sentence_end(const struct split *p)
{
	for (size_t i = p->from; i < p->to;) {
		size_t at = i, end;
		uint32_t c = utf8_next(p->t, &i);
		if ((c == '(' || c == '[') && (end = aside(p, at)) > at + 2) {
			bool whole = at == p->from && ends((uint8_t)p->t.p[end - 2]);	/* (A sentence in brackets.) */
			i = whole ? end - 2 : end;
			continue;
		}
		if (!ends(c) && !wide(c))
			continue;
		end = run_end(p, i);
		if (end >= p->to || wide(c) || (text_blank(peek(p->t, end)) && is_end(p, at, end)))
			return end;
		i = end;
	}
	return p->to;
}

/* --- lines and blocks --- */

enum kind { BLANK, TEXT, ITEM, HEADING, RULE };
struct line { size_t from, to; enum kind kind; };

struct lines { struct line *row; size_t n, full; };

static bool
all_of(str s, const char *set)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr(set, s.p[i]) == NULL || s.p[i] == '\0')
			return false;
	return true;
}

static bool
is_bullet(uint32_t c)
{
	return c == '-' || c == '*' || c == '+' || c == 0xB7 || c == 0x2022 || c == 0x2013 || c == 0x2014 || c == 0x25AA || c == 0x25E6
	    || c == 0x2023 || c == 0x25CF || c == 0x2043;
}

/* The length of "- ", "12. " or "b) " in front of s, or 0. */
static size_t
item_mark(str s)
{
	size_t i = 0, n = digits(s);

	if (n > 0 && n <= 3 && n < s.n && (s.p[n] == '.' || s.p[n] == ')'))
		i = n + 1;
	else if (s.n > 2 && text_letter((uint8_t)s.p[0]) && s.p[1] == ')')
		i = 2;
	else if (s.n == 0 || !is_bullet(utf8_next(s, &i)))
		return 0;
	if (i >= s.n || !blank_byte(s.p[i]))
		return 0;
	while (i < s.n && blank_byte(s.p[i]))
		i++;
	return i;
}

static size_t
hashes(str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] == '#')
		n++;
	return n >= 1 && n <= 6 && n < s.n && blank_byte(s.p[n]) ? n + 1 : 0;
}

/* Does it end as a sentence, or a part of one, ends? */
static bool
is_closed(str s)
{
	while (s.n > 0) {
		size_t i = back(s, s.n);
		uint32_t c = peek(s, i);
		if (!closes(c))
			return ends(c) || wide(c) || c == ':' || c == ';' || c == ',';
		s.n = i;
	}
	return false;
}

static str
trim(str t, size_t from, size_t to)
{
	while (from < to && text_blank(peek(t, from)))
		(void)utf8_next(t, &from);
	while (to > from && text_blank(peek(t, back(t, to))))
		to = back(t, to);
	return str_cut(t, from, to);
}

static struct line
line_of(str t, size_t from, size_t to, const struct line *before)
{
	str s = trim(t, from, to);
	struct line l = { .from = (size_t)(s.p - t.p), .to = (size_t)(s.p - t.p) + s.n, .kind = TEXT };
	size_t n;

	if (s.n == 0) {
		l.kind = BLANK;
	} else if (s.n >= 3 && all_of(s, "=-_*~ ")) {
		l.kind = RULE;
	} else if ((n = hashes(s)) != 0) {
		l.kind = HEADING;
		l.from += n;
	} else if ((n = item_mark(s)) != 0) {
		/* "…am\n3. Mai…": a number at the start of a wrapped line is no mark */
		bool wrapped = text_digit((uint8_t)s.p[0]) && before != NULL && before->kind == TEXT
		    && !is_closed(str_cut(t, before->from, before->to));
		l.kind = wrapped ? TEXT : ITEM;
		l.from += wrapped ? 0 : n;
	}
	return l;
}

static struct lines
lines_of(struct arena *a, str t)
{
	size_t max = 1;

	for (size_t i = 0; i < t.n; i++)
		max += t.p[i] == '\n' || t.p[i] == '\r';
	struct lines ls = { .row = NEW_N(a, struct line, max) };
	for (size_t from = 0, i = 0; i <= t.n; i++) {
		if (i < t.n && t.p[i] != '\n' && t.p[i] != '\r')
			continue;
		struct line *before = ls.n > 0 ? &ls.row[ls.n - 1] : NULL;
		struct line l = line_of(t, from, i, before);
		if (l.kind == RULE && before != NULL && before->kind == TEXT && (t.p[l.from] == '=' || t.p[l.from] == '-'))
			before->kind = HEADING;			/* underlined */
		if (i < t.n && t.p[i] == '\r' && i + 1 < t.n && t.p[i + 1] == '\n')
			i++;
		ls.row[ls.n++] = l;
		ls.full += l.kind != BLANK;
		from = i + 1;
	}
	return ls;
}

/* "Anna:" or "[00:12]" in front of a line: someone speaks. */
static bool
is_spoken(str s)
{
	size_t i = 0, colon;
	uint32_t c = peek(s, 0);

	if ((c == '[' || c == '(') && s.n > 1 && text_digit((uint8_t)s.p[1]))
		return true;
	if (text_digit(c) && digits(s) <= 2 && digits(s) < s.n && s.p[digits(s)] == ':')
		return true;
	const char *hit = memchr(s.p, ':', MIN(s.n, 32));
	if (hit == NULL || !text_is_upper(c))
		return false;
	colon = (size_t)(hit - s.p);
	int words = 0;
	for (str w; text_next_word(str_cut(s, 0, colon), &i, &w);)
		words++;
	return words <= 3 && colon + 2 < s.n && blank_byte(s.p[colon + 1]) && !text_is_lower(peek(s, colon + 2));
}

#define WRAP_MIN	40		/* bytes: no one wraps narrower */

/* Did the line end at l only because the page is `width` wide?  It then had no room for the next line's first word. */
static bool
is_wrapped(str t, const struct line *l, const struct line *next, size_t width)
{
	str s = str_cut(t, l->from, l->to), n = str_cut(t, next->from, next->to);

	if (next->kind != TEXT || is_spoken(n))
		return false;
	if (text_is_lower(peek(n, 0)))
		return true;
	const char *blank = memchr(n.p, ' ', n.n);
	size_t word = blank != NULL ? (size_t)(blank - n.p) : n.n;
	return width >= WRAP_MIN && s.n + 1 + word > width;
}

static size_t
width_at(const struct lines *ls, size_t i)
{
	size_t width = 0;

	for (; i < ls->n && (ls->row[i].kind == TEXT || ls->row[i].kind == ITEM); i++)
		width = MAX(width, ls->row[i].to - ls->row[i].from);
	return width;
}

#define HEADING_MAX	100		/* bytes */

static bool
is_heading(str s)
{
	size_t i = 0;

	while (i < s.n && (s.p[i] == '*' || s.p[i] == '_'))
		i++;
	uint32_t c = peek(s, i);
	return s.n <= HEADING_MAX && !is_closed(s) && !is_spoken(s) && (text_is_upper(c) || text_digit(c));
}

/* --- text_sentences --- */

struct out { struct arena *a; struct text_sentence *row; size_t n, cap; };

static void
put(struct out *o, str s, int paragraph, bool heading)
{
	if (s.n == 0)
		return;
	if (o->n == o->cap) {
		size_t cap = MAX(64, o->cap * 2);
		o->row = arena_grow(o->a, o->row, o->cap * sizeof(*o->row), cap * sizeof(*o->row));
		o->cap = cap;
	}
	o->row[o->n++] = (struct text_sentence){ s, paragraph, heading };
}

static void
put_block(struct out *o, struct split *p, int paragraph)
{
	while (p->from < p->to) {
		size_t end = sentence_end(p);
		put(o, trim(p->t, p->from, end), paragraph, false);
		for (p->from = end; p->from < p->to && text_blank(peek(p->t, p->from));)
			(void)utf8_next(p->t, &p->from);
	}
}

/* More sentences seem to begin with a small letter than with a capital: so writes who writes in chats. */
static bool
is_small_writer(str t)
{
	int small = 0, large = 0;

	for (size_t i = 0; i + 2 < t.n; i++) {
		if (!ends((uint8_t)t.p[i]) || t.p[i + 1] != ' ')
			continue;
		small += text_is_lower(peek(t, i + 2));
		large += text_is_upper(peek(t, i + 2));
	}
	return small >= 2 && small > large;
}

static str
heading_of(str s)
{
	while (s.n > 0 && (s.p[s.n - 1] == '#' || s.p[s.n - 1] == '*' || s.p[s.n - 1] == '_' || blank_byte(s.p[s.n - 1])))
		s.n--;
	while (s.n > 0 && (s.p[0] == '*' || s.p[0] == '_'))
		s.p++, s.n--;
	return s;
}

int
text_sentences(struct arena *a, str t, enum text_lang lang, struct text_sentence **ret)
{
	struct out o = { .a = a };
	struct lines ls = lines_of(a, t);
	struct split p = { .t = t, .lang = lang, .lower = is_small_writer(t) };
	int paragraph = -1;
	size_t width = 0;

	for (size_t i = 0, last; i < ls.n; i = last + 1) {
		struct line *l = &ls.row[i];
		last = i;
		if (l->kind == BLANK || l->kind == RULE)
			continue;
		if (i == 0 || ls.row[i - 1].kind == BLANK || ls.row[i - 1].kind == RULE || ls.row[i - 1].kind == HEADING)
			width = width_at(&ls, i);
		while (l->kind != HEADING && last + 1 < ls.n && is_wrapped(t, &ls.row[last], &ls.row[last + 1], width))
			last++;
		if (l->kind != ITEM || i == 0 || ls.row[i - 1].kind != ITEM)
			paragraph++;
		str first = str_cut(t, l->from, l->to);
		if (l->kind == HEADING || (l->kind == TEXT && last == i && ls.full > 1 && is_heading(first))) {
			put(&o, heading_of(first), paragraph, true);
			continue;
		}
		p.from = l->from;
		p.to = ls.row[last].to;
		put_block(&o, &p, paragraph);
	}
	*ret = o.row;
	return (int)o.n;
}
