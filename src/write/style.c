#include "write/style_priv.h"
#include <math.h>

#define AMONG_MAX	48		/* bytes of the longest word of a list */

bool
style_among(str list, str word)
{
	char key[AMONG_MAX + 2];
	size_t n = 1;

	key[0] = ' ';
	for (size_t i = 0; i < word.n;) {
		uint32_t c = utf8_next(word, &i);
		if (n + 5 > AMONG_MAX)
			return false;
		n += text_put(key + n, c == 0x2019 ? '\'' : text_lower(c));
	}
	key[n++] = ' ';
	return memmem(list.p, list.n, key, n) != NULL;
}

/* --- pictures, bullets, hashtags --- */

static bool
picture(uint32_t c)
{
	return (c >= 0x1F000 && c <= 0x1FAFF) || (c >= 0x2600 && c <= 0x27BF) || (c >= 0x2B00 && c <= 0x2BFF) || (c >= 0x2190 && c <= 0x21FF)
	    || (c >= 0x2300 && c <= 0x23FF) || (c >= 0x25A0 && c <= 0x25FF);
}

static uint32_t
peek(str s, size_t i)
{
	return i < s.n ? utf8_next(s, &i) : 0;
}

static bool flag(uint32_t c) { return c >= 0x1F1E6 && c <= 0x1F1FF; }
static bool modifies(uint32_t c) { return c == 0xFE0F || c == 0x20E3 || (c >= 0x1F3FB && c <= 0x1F3FF); }

size_t
style_picture(str s, size_t from)
{
	size_t i = from;

	if (from >= s.n)
		return 0;
	uint32_t first = utf8_next(s, &i);
	if (first >= '0' && first <= '9') {		/* a digit in a box */
		if (peek(s, i) != 0xFE0F)
			return 0;
		(void)utf8_next(s, &i);
		if (peek(s, i) != 0x20E3)
			return 0;
		(void)utf8_next(s, &i);
		return i - from;
	}
	if (!picture(first))
		return 0;
	if (flag(first) && flag(peek(s, i)))
		(void)utf8_next(s, &i);
	for (;;) {
		size_t k = i;
		uint32_t c = k < s.n ? utf8_next(s, &k) : 0;
		if (c == 0x200D && picture(peek(s, k)))
			(void)utf8_next(s, &k);
		else if (!modifies(c))
			return i - from;
		i = k;
	}
}

/* "- ", "• ", "3. ", a picture: the sign that a line begins with, without the blank behind it. */
static str
mark_of(str s)
{
	static const str sign[] = { S_INIT("-"), S_INIT("*"), S_INIT("•"), S_INIT("–"), S_INIT("—"), S_INIT("·"), S_INIT("‣") };
	size_t n = style_picture(s, 0), digits = 0;

	if (n > 0)
		return str_cut(s, 0, n);
	for (size_t i = 0; i < COUNT(sign); i++)
		if (str_starts(s, sign[i]) && sign[i].n < s.n && s.p[sign[i].n] == ' ')
			return str_cut(s, 0, sign[i].n);
	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	if (digits > 0 && digits <= 2 && digits + 1 < s.n && (s.p[digits] == '.' || s.p[digits] == ')') && s.p[digits + 1] == ' ')
		return str_cut(s, 0, digits + 1);
	return STR_NONE;
}

bool style_numbered(str mark) { return mark.n > 1 && mark.p[0] >= '0' && mark.p[0] <= '9' && style_picture(mark, 0) == 0; }

/* The bytes of the hashtag at i, or 0. */
size_t
style_tag(str s, size_t i)
{
	size_t end = i + 1, at;
	bool letter = false;

	if (i >= s.n || s.p[i] != '#' || (i > 0 && (uint8_t)s.p[i - 1] > ' ' && s.p[i - 1] != '('))
		return 0;
	while ((at = end) < s.n) {
		uint32_t c = utf8_next(s, &end);
		if (!text_letter(c) && !(c >= '0' && c <= '9') && c != '_') {
			end = at;
			break;
		}
		letter |= text_letter(c);
	}
	return letter ? end - i : 0;
}

/* --- a post in lines --- */

/* In front of the hashtags and pictures that a line ends with. */
static str
without_tail(str s)
{
	size_t keep = 0;

	for (size_t i = 0; i < s.n;) {
		size_t n = style_tag(s, i);
		n = n > 0 ? n : style_picture(s, i);
		if (n > 0) {
			i += n;
			continue;
		}
		bool blank = (uint8_t)s.p[i] <= ' ';
		(void)utf8_next(s, &i);
		if (!blank)
			keep = i;
	}
	return str_cut(s, 0, keep);
}

static bool
has_word(str s)
{
	size_t i = 0;
	str w;

	return text_next_word(s, &i, &w);
}

static struct style_line
line_of(str s, bool blank)
{
	struct style_line l = { .s = s, .mark = mark_of(s), .blank = blank };
	l.body = without_tail(str_trim(str_cut(s, l.mark.n, s.n)));
	if (!has_word(l.body))
		l.body = S("");
	return l;
}

#define WRAP_MIN	60		/* bytes of a line that may have been ended by a margin and not by its writer */

static bool
wraps(str s, str next)
{
	uint32_t c = peek(next, 0);
	return s.n >= WRAP_MIN && strchr(".!?:;", s.p[s.n - 1]) == NULL && text_letter(c) && text_upper(c) != c;
}

static bool same_mark(str a, str b) { return a.n > 0 && (str_eq(a, b) || (style_numbered(a) && style_numbered(b))); }

struct style_post
style_read(struct arena *a, str text)
{
	struct style_post p = { .n = 0 };
	bool blank = false;
	int max = 1;

	text = utf8_head(text, STYLE_READ);
	for (size_t i = 0; i < text.n; i++)
		max += text.p[i] == '\n';
	p.line = NEW_N(a, struct style_line, max);
	p.lang = text_language(text);
	for (str rest = text, s; rest.p != NULL && (s = str_trim(str_split(&rest, '\n')), true);) {
		struct style_line *before = p.n > 0 ? &p.line[p.n - 1] : NULL;
		if (s.n == 0) {
			blank = true;
			continue;
		}
		if (before != NULL && !blank && wraps(before->s, s))
			*before = line_of((str){ before->s.p, (size_t)(s.p + s.n - before->s.p) }, before->blank);
		else
			p.line[p.n++] = line_of(s, blank);
		blank = false;
	}
	for (int i = 1; i < p.n; i++)
		if (same_mark(p.line[i].mark, p.line[i - 1].mark))
			p.line[i].item = p.line[i - 1].item = true;
	return p;
}

/* The lines that say something: not those of hashtags or pictures alone. */
const struct style_line *
style_told(const struct style_post *p, int from, int step)
{
	for (int i = from; i >= 0 && i < p->n; i += step)
		if (p->line[i].body.n > 0)
			return &p->line[i];
	return NULL;
}

/* --- persons --- */

enum { EN = 1u << TEXT_EN, DE = 1u << TEXT_DE, OTHER = 1u << TEXT_OTHER };
static const struct { enum style_id id; unsigned langs; str words; } persons[] = {
	{ STYLE_I, EN, S_INIT(" i me my mine myself i'm i've i'd i'll ") },
	{ STYLE_WE, EN, S_INIT(" we us our ours ourselves we're we've we'd we'll ") },
	{ STYLE_YOU, EN, S_INIT(" you your yours yourself you're you've you'd you'll ") },
	{ STYLE_THEY, EN, S_INIT(" they them their theirs they're they've they'd they'll ") },
	{ STYLE_I, DE, S_INIT(" ich mich mir mein meine meinen meinem meiner meines ") },
	{ STYLE_WE, DE, S_INIT(" wir uns unser unsere unseren unserem unserer unseres ") },
	{ STYLE_YOU, DE, S_INIT(" du dich dir dein deine deinen deinem deiner ihr euch euer eure euren eurem eurer ") },
	{ STYLE_THEY, DE, S_INIT(" sie ihnen ihre ihren ihrem ihrer ") },
};
static const str sie = S_INIT(" sie ihnen ihr ihre ihren ihrem ihrer ihres ");

static bool
capital(str w)
{
	uint32_t c = peek(w, 0);
	return text_lower(c) != c;
}

/* STYLE_COUNT: of no person.  A German "Sie" at the start of a sentence may be she, they or you, and counts for none. */
static enum style_id
person_of(enum text_lang lang, str w, bool first)
{
	if (lang == TEXT_DE && capital(w) && style_among(sie, w))
		return first ? STYLE_COUNT : STYLE_YOU;
	for (size_t i = 0; i < COUNT(persons); i++)
		if ((persons[i].langs & 1u << lang) != 0 && style_among(persons[i].words, w))
			return persons[i].id;
	return STYLE_COUNT;
}

/* --- kinds of sentences --- */

static const str greetings = S_INIT(" hi hello hey dear welcome hallo moin servus liebe lieber guten "),
    calls = S_INIT(" follow comment share tell let join try write send check drop ask subscribe book download repost dm folge folgt folgen schreib schreibt "
    "teile teilt kommentiere kommentiert erzähl erzählt sag sagt lass lasst verrate verratet probier probiert melde meldet abonniere abonniert "),
    concludes = S_INIT(" lesson lessons remember takeaway takeaways conclusion learned advice fazit gelernt rückblickend entscheidend rat lehre lektion ");

static bool
any_among(str s, str list)
{
	str w;

	for (size_t i = 0; text_next_word(s, &i, &w);)
		if (style_among(list, w))
			return true;
	return false;
}

static bool
has_digit(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= '0' && s.p[i] <= '9')
			return true;
	return false;
}

static int
words_of(str s)
{
	int n = 0;
	str w;

	for (size_t i = 0; text_next_word(s, &i, &w);)
		n++;
	return n;
}

#define SHORT_WORDS	8

enum style_id
style_opening(str s, enum text_lang lang)
{
	size_t i = 0;
	str w = S("");

	text_next_word(s, &i, &w);
	if (memchr(s.p, '?', s.n) != NULL)
		return STYLE_OPEN_ASK;
	if (style_among(greetings, w) || str_starts(s, S("Good morning")))
		return STYLE_OPEN_GREETING;
	if (has_digit(s))
		return STYLE_OPEN_NUMBER;
	if (person_of(lang, w, true) == STYLE_I)
		return STYLE_OPEN_I;
	return words_of(s) <= SHORT_WORDS ? STYLE_OPEN_SHORT : STYLE_COUNT;
}

static enum style_id
closing_of(str s)
{
	size_t i = 0;
	str w = S("");

	text_next_word(s, &i, &w);
	if (memchr(s.p, '?', s.n) != NULL)
		return STYLE_CLOSE_ASK;
	if (style_among(calls, w))
		return STYLE_CLOSE_CALL;
	return any_among(s, concludes) ? STYLE_CLOSE_TAKEAWAY : STYLE_COUNT;
}

/* --- measuring --- */

struct tally { struct style st; float sentences, words, squares, paragraphs, gaps, capitals; };

static bool
shouted(str w)
{
	int n = 0;

	for (size_t i = 0; i < w.n; n++) {
		uint32_t c = utf8_next(w, &i);
		if (text_lower(c) == c)
			return false;
	}
	return n >= 4;
}

unsigned
style_persons(str s, enum text_lang lang)
{
	unsigned seen = 0;
	bool first = true;
	str w;

	for (size_t i = 0; text_next_word(s, &i, &w); first = false) {
		enum style_id p = person_of(lang, w, first);
		seen |= p < STYLE_COUNT ? 1u << p : 0;
	}
	return seen;
}

static void
tally_sentence(struct tally *t, str s, enum text_lang lang)
{
	unsigned seen = style_persons(s, lang);
	float n = 0;
	str w;

	for (size_t i = 0; text_next_word(s, &i, &w); n++)
		t->capitals += shouted(w);
	for (int p = STYLE_I; p <= STYLE_THEY; p++)
		t->st.v[p] += (seen & 1u << p) != 0;
	t->st.v[STYLE_ASK] += memchr(s.p, '?', s.n) != NULL;
	t->st.v[STYLE_SHOUT] += memchr(s.p, '!', s.n) != NULL;
	t->sentences++;
	t->words += n;
	t->squares += n * n;
}

static void
tally_signs(struct tally *t, str s, bool marked)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		if ((n = style_tag(s, i)) > 0) {
			t->st.v[STYLE_TAGS]++;
		} else if ((n = style_picture(s, i)) > 0) {
			t->st.v[marked && i == 0 ? STYLE_EMOJI_AT : STYLE_EMOJI_END]++;
		} else {
			size_t k = i;
			(void)utf8_next(s, &k);
			n = k - i;
		}
	}
}

/* The first or the last sentence of a line. */
str
style_sentence(struct arena *a, str body, enum text_lang lang, bool last)
{
	struct text_sentence *s;
	int n = text_sentences(a, body, lang, &s);

	return n == 0 ? body : s[last ? n - 1 : 0].s;
}

static void
tally_line(struct arena *a, struct tally *t, const struct style_post *p, int i)
{
	const struct style_line *l = &p->line[i];
	struct text_sentence *s;

	tally_signs(t, l->s, style_picture(l->mark, 0) > 0);
	t->st.v[STYLE_TAGS_OWN] = MAX(t->st.v[STYLE_TAGS_OWN], l->body.n == 0 && style_tag(l->s, 0) > 0 ? 1 : 0);
	if (l->body.n == 0)
		return;
	if (t->paragraphs > 0) {
		t->gaps++;
		t->st.v[STYLE_BLANK] += l->blank;
	}
	int n = text_sentences(a, l->body, p->lang, &s);
	for (int k = 0; k < n; k++)
		tally_sentence(t, s[k].s, p->lang);
	t->st.v[STYLE_SINGLE] += n <= 1;
	t->st.v[STYLE_LIST] += l->item;
	t->paragraphs++;
}

static void
share(float *x, float of)
{
	*x = of > 0 ? *x / of : 0;
}

struct style
style_measure(struct arena *a, const struct style_post *p, str text)
{
	struct tally t = { .sentences = 0 };
	const struct style_line *first = style_told(p, 0, 1), *last = style_told(p, p->n - 1, -1);

	for (int i = 0; i < p->n; i++)
		tally_line(a, &t, p, i);
	float mean = t.sentences > 0 ? t.words / t.sentences : 0;
	t.st.v[STYLE_WORDS] = mean;
	t.st.v[STYLE_SPREAD] = t.sentences > 0 ? sqrtf(MAX(0, t.squares / t.sentences - mean * mean)) : 0;
	t.st.v[STYLE_PARAGRAPH] = t.paragraphs > 0 ? t.sentences / t.paragraphs : 0;
	for (int i = STYLE_I; i <= STYLE_THEY; i++)
		share(&t.st.v[i], t.sentences);
	share(&t.st.v[STYLE_ASK], t.sentences);
	share(&t.st.v[STYLE_SHOUT], t.sentences);
	share(&t.st.v[STYLE_SINGLE], t.paragraphs);
	share(&t.st.v[STYLE_LIST], t.paragraphs);
	share(&t.st.v[STYLE_BLANK], t.gaps);
	t.st.v[STYLE_CAPITALS] = t.words > 0 ? t.capitals / t.words : 0;
	t.st.v[STYLE_LENGTH] = (float)utf8_count(text);
	if (first != NULL) {
		enum style_id open = style_opening(style_sentence(a, first->body, p->lang, false), p->lang);
		enum style_id close = closing_of(style_sentence(a, last->body, p->lang, true));
		if (open != STYLE_COUNT)
			t.st.v[open] = 1;
		if (close != STYLE_COUNT)
			t.st.v[close] = 1;
	}
	return t.st;
}

struct style
style_of(struct arena *a, str text)
{
	struct arena_mark m = arena_mark(a);
	struct style_post p = style_read(a, text);
	struct style st = style_measure(a, &p, text);

	arena_back(a, m);
	return st;
}

static const struct { float weight, scale; } rows[STYLE_COUNT] = {
#define STYLE(id, weight, scale, what) { weight, scale },
#include "write/style.def"
#undef STYLE
};

float
style_distance(const struct style *a, const struct style *b)
{
	float sum = 0, weights = 0;

	for (int i = 0; i < STYLE_COUNT; i++) {
		sum += rows[i].weight * MIN(1, fabsf(a->v[i] - b->v[i]) / rows[i].scale);
		weights += rows[i].weight;
	}
	return sum / weights;
}
