#include "write/plan.h"
#include "rank/rank.h"

/* --- wishes --- */

static const struct wish { const char *name; enum style_id id; float value; const char *phrases; } wishes[] = {
#define WISH(name, id, value, phrases) { name, STYLE_##id, value, phrases },
#include "write/wish.def"
#undef WISH
};
#define WISHES	COUNT(wishes)
struct heard { bool wish[WISHES]; int tags; };		/* tags: "two hashtags"; -1: no number was said */

/* What is folded, with a blank for each mark. */
static str
plain_words(struct arena *a, str f)
{
	char *p = arena_raw(a, f.n + 1);

	for (size_t i = 0; i < f.n; i++)
		p[i] = strchr(".,;:!?()\"/*", f.p[i]) != NULL ? ' ' : f.p[i];
	return (str){ p, f.n };
}

static str
word_before(str s, size_t at)
{
	while (at > 0 && s.p[at - 1] == ' ')
		at--;
	size_t from = at;
	while (from > 0 && s.p[from - 1] != ' ')
		from--;
	return str_cut(s, from, at);
}

static bool
denied(str s, size_t at)
{
	static const str no = S_INIT(" not no never don't without too nicht kein keine keinen nie niemals ohne zu isn't aren't ");
	str near = word_before(s, at), far = near.n > 0 ? word_before(s, (size_t)(near.p - s.p)) : near;

	return style_among(no, near) || (style_among(no, far) && far.n > 0);
}

#define CLAUSE_WORDS	5

/* Whether the clause around `at` is so short that it is about the post and nothing else. */
static bool
curt(str folded, size_t at)
{
	static const char ends[] = ".,;:!?()";
	size_t from = at, to = at, i = 0;
	int n = 0;
	str w;

	while (from > 0 && strchr(ends, folded.p[from - 1]) == NULL)
		from--;
	while (to < folded.n && strchr(ends, folded.p[to]) == NULL)
		to++;
	for (folded = str_cut(folded, from, to); text_next_word(folded, &i, &w);)
		n++;
	return n <= CLAUSE_WORDS;
}

/* Whether s has the phrase as whole words and means it; what was found is made blank.  s is of plain_words, folded what it was made of. */
static bool
hears(str s, str folded, str phrase)
{
	bool in_short = str_starts(phrase, S("="));
	char *text = (char *)(uintptr_t)s.p;

	phrase = str_cut(phrase, in_short, phrase.n);

	for (size_t from = 0; from + phrase.n + 2 <= s.n; from++) {
		const char *hit = memmem(s.p + from, s.n - from, phrase.p, phrase.n);
		if (hit == NULL)
			return false;
		size_t at = from = (size_t)(hit - s.p);
		if (at == 0 || s.p[at - 1] != ' ' || s.p[at + phrase.n] != ' ' || denied(s, at) || (in_short && !curt(folded, at)))
			continue;
		memset(text + at, ' ', phrase.n);
		return true;
	}
	return false;
}

static const str numbers[][2] = {
	{ S_INIT("one"), S_INIT("ein") }, { S_INIT("two"), S_INIT("zwei") }, { S_INIT("three"), S_INIT("drei") }, { S_INIT("four"), S_INIT("vier") },
	{ S_INIT("five"), S_INIT("fünf") },
};

/* The number in front of "hashtags"; -1: none. */
static int
tags_heard(str s)
{
	const char *hit = memmem(s.p, s.n, " hashtag", 8);
	int64_t n;

	if (hit == NULL)
		return -1;
	str w = word_before(s, (size_t)(hit - s.p));
	if (str_int(w, &n) && n >= 0 && n <= 30)
		return (int)n;
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (str_eq(w, numbers[i][0]) || str_eq(w, numbers[i][1]))
			return (int)i + 1;
	return -1;
}

static struct heard
listen(struct arena *a, str said)
{
	struct heard h = { .tags = -1 };
	str folded = text_fold(a, str_fmt(a, " %.*s ", STR(str_cut(said, 0, STYLE_READ)))), s = plain_words(a, folded);

	if (said.n == 0)
		return h;
	for (size_t i = 0; i < WISHES; i++)
		for (str rest = str_z(wishes[i].phrases); rest.p != NULL;)
			h.wish[i] |= hears(s, folded, str_split(&rest, '|'));
	h.tags = tags_heard(s);
	return h;
}

static bool
obey(struct style *want, const struct heard *h)
{
	bool any = h->tags >= 0;

	for (size_t i = 0; i < WISHES; i++) {
		if (!h->wish[i])
			continue;
		any = true;
		want->v[wishes[i].id] = wishes[i].value;
		if (wishes[i].id == STYLE_EMOJI_END)
			want->v[STYLE_EMOJI_AT] = wishes[i].value;
		if (wishes[i].id == STYLE_PARAGRAPH)
			want->v[STYLE_SINGLE] = wishes[i].value <= 1 ? 1 : 0;
	}
	if (h->tags >= 0)
		want->v[STYLE_TAGS] = (float)h->tags;
	return any;
}

static str
names(struct arena *a, const struct heard *h)
{
	struct buf b;

	buf_init(&b, a, 1 << 12);
	for (size_t i = 0; i < WISHES; i++)
		if (h->wish[i])
			buf_fmt(&b, "%s%s", b.n > 0 ? ", " : "", wishes[i].name);
	if (h->tags >= 0)
		buf_fmt(&b, "%s%d hashtags", b.n > 0 ? ", " : "", h->tags);
	return buf_str(&b);
}

/* --- the target --- */

/* What a draft without a voice is like. */
static const struct style plain = { .v = {
	[STYLE_WORDS] = 16, [STYLE_PARAGRAPH] = 2, [STYLE_SINGLE] = 0.4f, [STYLE_BLANK] = 1, [STYLE_I] = 0.15f, [STYLE_WE] = 0.25f, [STYLE_YOU] = 0.1f,
	[STYLE_TAGS] = 3, [STYLE_TAGS_OWN] = 1, [STYLE_ASK] = 0.1f, [STYLE_CLOSE_ASK] = 1,
} };
static const int lengths[] = { [WRITE_SHORT] = 600, [WRITE_MEDIUM] = 1200, [WRITE_LONG] = 2000 };
#define LENGTH_MIN	300
#define LENGTH_MAX	2000

static bool
slide(struct style *want, const struct voice *v)
{
	static const struct { size_t at; enum style_id id; float by; } row[] = {
#define SLIDER(slider, id, by) { offsetof(struct voice, slider), STYLE_##id, by },
#include "write/slider.def"
#undef SLIDER
	};
	bool any = false;

	for (size_t i = 0; i < COUNT(row); i++) {
		int x;
		memcpy(&x, (const char *)v + row[i].at, sizeof(x));
		if (x < 0)
			continue;
		any = true;
		want->v[row[i].id] += ((float)MIN(x, 1000) - 500) / 500 * row[i].by;
	}
	for (int i = 0; i < STYLE_COUNT; i++)
		want->v[i] = MAX(want->v[i], i == STYLE_WORDS ? 6 : i == STYLE_PARAGRAPH ? 1 : 0);
	return any;
}

static void
learn(struct arena *a, const struct voice *v, struct plan *p)
{
	str sample[STYLE_SAMPLES];
	struct heard h;

	for (int i = 0; i < MIN(v->samples, STYLE_SAMPLES); i++)
		sample[i] = rank_clean(a, v->sample[i]);	/* lines of it may be written */
	style_learn(a, sample, MIN(v->samples, STYLE_SAMPLES), &p->habits);
	if (p->habits.samples > 0) {
		p->voiced = true;
		p->want = p->habits.mean;
		p->want.v[STYLE_CLOSE_ASK] = p->habits.asks;
		return;
	}
	p->voiced = slide(&p->want, v);
	h = listen(a, v->profile);
	p->voiced |= obey(&p->want, &h);
	h = listen(a, v->structure);
	p->voiced |= obey(&p->want, &h);
	if (v->formality >= 0 && v->formality < 350)
		p->habits.address = ADDRESS_DU;
}

/* Those that are not avoided. */
static int
allowed(const struct avoid *avoid, str *sign, int n)
{
	int kept = 0;

	for (int i = 0; i < n; i++)
		if (!avoid_hits(avoid, sign[i]))
			sign[kept++] = sign[i];
	return kept;
}

/* An avoided picture or bullet is left out; the line that it would stand in stays. */
static void
forgo(struct habits *h, const struct avoid *avoid)
{
	h->emojis = allowed(avoid, h->emoji, h->emojis);
	h->fronts = allowed(avoid, h->front, h->fronts);
	if (h->bullet.n > 0 && avoid_hits(avoid, h->bullet))
		h->bullet = STR_NONE;
}

static enum style_id
kind_to_open(const struct style *want)
{
	enum style_id best = STYLE_COUNT;
	float most = 0.4f;		/* less is no habit */

	for (int i = STYLE_OPEN_ASK; i <= STYLE_OPEN_I; i++)
		if (want->v[i] >= most) {
			most = want->v[i] + 0.01f;
			best = (enum style_id)i;
		}
	return best;
}

static bool
pair(str prefer, str *old, str *new)
{
	static const str arrow[] = { S_INIT("->"), S_INIT("→"), S_INIT("=>") };

	for (size_t i = 0; i < COUNT(arrow); i++) {
		const char *hit = memmem(prefer.p, prefer.n, arrow[i].p, arrow[i].n);
		if (hit == NULL)
			continue;
		*old = str_trim(str_cut(prefer, 0, (size_t)(hit - prefer.p)));
		*new = str_trim(str_cut(prefer, (size_t)(hit - prefer.p) + arrow[i].n, prefer.n));
		return old->n > 0 && new->n > 0;
	}
	return false;
}

/* Whether it was said how a part of the post shall be: to which value; -1: it was not. */
static float
said(const struct heard *h, enum style_id id)
{
	for (size_t i = 0; i < WISHES; i++)
		if (h->wish[i] && wishes[i].id == id)
			return wishes[i].value;
	return -1;
}

void
plan_new(struct arena *a, const struct write_input *in, enum text_lang lang, struct plan *p)
{
	const struct voice *v = in->voice;
	struct heard h = listen(a, in->instructions);
	str old, new, *words = NEW_N(a, str, v != NULL ? v->prefers + 1 : 1);

	*p = (struct plan){ .lang = lang, .want = plain, .prefer = words };
	p->avoid = avoid_new(a, v != NULL ? v->avoid : NULL, v != NULL ? v->avoids : 0, lang);
	p->want.v[STYLE_LENGTH] = (float)lengths[in->length];
	if (v != NULL) {
		learn(a, v, p);
		forgo(&p->habits, p->avoid);
		for (int i = 0; i < v->prefers; i++)
			words[p->prefers++] = pair(v->prefer[i], &old, &new) ? new : v->prefer[i];
	}
	p->voiced |= obey(&p->want, &h);
	p->silent = said(&h, STYLE_CLOSE_ASK) >= 0 && said(&h, STYLE_CLOSE_ASK) < 1;
	p->closers = said(&h, STYLE_CLOSE_ASK) < 1;
	p->opener = p->habits.opener.p != NULL && in->hook.n == 0 && said(&h, STYLE_OPEN_ASK) < 0 && said(&h, STYLE_OPEN_NUMBER) < 0;
	p->followed = names(a, &h);
	p->open = kind_to_open(&p->want);
	p->ask = p->want.v[STYLE_CLOSE_ASK] >= 0.5f;
	p->length = !in->length_free ? lengths[in->length] : (int)MIN(LENGTH_MAX, MAX(LENGTH_MIN, p->want.v[STYLE_LENGTH]));
}

/* --- words that are exchanged --- */

#define WORD_MAX	200		/* code points that may take the place of a word */

/* The bytes of s at i that are `old` in whatever case, as words of their own; 0: they are not. */
static size_t
stands(str s, size_t i, str old)
{
	size_t from = i;

	for (size_t k = 0; k < old.n;)
		if (i >= s.n || text_lower(utf8_next(s, &i)) != text_lower(utf8_next(old, &k)))
			return 0;
	size_t end = i;
	return i < s.n && (text_letter(utf8_next(s, &i)) || (s.p[end] >= '0' && s.p[end] <= '9')) ? 0 : end - from;
}

static void
put_new(struct buf *b, str old, str new)
{
	size_t i = 0, k = 0;
	uint32_t was = utf8_next(old, &i), first = utf8_next(new, &k);
	char p[4];

	buf_add(b, (str){ p, text_put(p, text_lower(was) != was ? text_upper(first) : first) });
	buf_add(b, str_cut(new, k, new.n));
}

static str
exchange(struct arena *a, str s, str old, str new)
{
	struct buf b;
	bool inside = false;

	buf_init(&b, a, s.n * (new.n + 2) + 16);
	for (size_t i = 0; i < s.n;) {
		size_t n = inside ? 0 : stands(s, i, old), at = i;
		if (n > 0) {
			put_new(&b, str_cut(s, i, i + n), new);
			i += n;
			inside = false;
			continue;
		}
		uint32_t c = utf8_next(s, &i);
		inside = text_letter(c) || (c >= '0' && c <= '9');
		buf_add(&b, str_cut(s, at, i));
	}
	return buf_str(&b);
}

str
plan_exchange(struct arena *a, const struct voice *v, str s)
{
	str old, new;

	for (int i = 0; v != NULL && i < v->prefers; i++)
		if (pair(v->prefer[i], &old, &new))
			s = exchange(a, s, old, rank_line(a, rank_clean(a, new), WORD_MAX));
	return s;
}
