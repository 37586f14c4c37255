#include "rank/rank.h"
#include <math.h>
#include <stdlib.h>

/* --- terms: a word of the source and its inflections are one number --- */

struct terms { struct arena *a; str *stem; int *slot; unsigned *kinds; int n; size_t slots; };

static size_t
hash(str s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * 1099511628211u;
	return (size_t)(h ^ h >> 32);
}

static void
terms_init(struct terms *t, struct arena *a, int max)
{
	*t = (struct terms){ .a = a, .slots = 64 };
	while (t->slots < (size_t)max * 2)
		t->slots *= 2;
	t->slot = NEW_N(a, int, t->slots);
	t->stem = NEW_N(a, str, max);
	t->kinds = NEW_N(a, unsigned, max);
}

/* Where it is, or would be. */
static size_t
slot_of(const struct terms *t, str stem)
{
	size_t i = hash(stem) & (t->slots - 1);

	while (t->slot[i] != 0 && !str_eq(t->stem[t->slot[i] - 1], stem))
		i = (i + 1) & (t->slots - 1);
	return i;
}

static int
intern(struct terms *t, str stem)
{
	size_t i = slot_of(t, stem);

	if (t->slot[i] != 0)
		return t->slot[i] - 1;
	t->stem[t->n++] = stem;
	t->slot[i] = t->n;
	return t->n - 1;
}

#define LANG_EN	(1u << TEXT_EN)
#define LANG_DE	(1u << TEXT_DE)
static const struct { unsigned kind, langs; str words; } known[] = {
#define WORDS(kind, lang, words) { WORD_##kind, LANG_##lang, S_INIT(words) },
#include "rank/words.def"
#undef WORDS
};
#define KNOWN_MAX	2048		/* words in words.def */

/* What words.def says is said of stems, so that it holds for every inflection. */
static void
learn(struct terms *t, enum text_lang lang)
{
	for (size_t r = 0; r < COUNT(known); r++) {
		struct text_word *w;
		if (lang != TEXT_OTHER && (known[r].langs & 1u << lang) == 0)
			continue;
		enum text_lang of = known[r].langs == LANG_EN ? TEXT_EN : TEXT_DE;
		int n = text_words(t->a, known[r].words, lang == TEXT_OTHER ? lang : of, &w);
		for (int i = 0; i < n && t->n < KNOWN_MAX; i++)
			t->kinds[intern(t, w[i].stem)] |= known[r].kind;
	}
}

static bool
joined(str before, str s)
{
	const char *end = before.p + before.n;
	return s.p == end + 1 && (*end == ' ' || *end == '-' || *end == '\n');
}

static void
read_words(struct rank *r, str source)
{
	struct text_word *w;
	struct terms t;

	r->words = text_words(r->a, source, r->lang, &w);
	terms_init(&t, r->a, r->words + KNOWN_MAX);
	learn(&t, r->lang);
	r->word = NEW_N(r->a, struct rank_word, r->words);
	for (int i = 0; i < r->words; i++) {
		int id = intern(&t, w[i].stem);
		r->word[i] = (struct rank_word){
			.s = w[i].s, .term = id, .kinds = t.kinds[id], .stop = w[i].stop, .capital = w[i].capital,
			.number = w[i].number, .joined = i > 0 && joined(w[i - 1].s, w[i].s),
		};
	}
	r->terms = t.n;
}

/* --- sentences --- */

/* Behind "[00:01:02] ", "(0:12)" or "00:12 " in front of a line. */
static str
without_time(str s)
{
	size_t i = s.n > 0 && (s.p[0] == '[' || s.p[0] == '('), digits = 0, colons = 0;

	for (; i < s.n && strchr("0123456789:.,", s.p[i]) != NULL && s.p[i] != '\0'; i++) {
		digits += s.p[i] >= '0' && s.p[i] <= '9';
		colons += s.p[i] == ':';
	}
	if (digits < 3 || colons < 1)
		return s;
	if (i < s.n && (s.p[i] == ']' || s.p[i] == ')'))
		i++;
	while (i < s.n && (s.p[i] == ' ' || s.p[i] == '-'))
		i++;
	return str_cut(s, i, s.n);
}

#define SPEAKER_MAX	32		/* bytes of a name in front of what is said */

/* The "Anna:" in front of s; absent when there is none. */
static str
speaker(str s)
{
	const char *colon = s.n > 0 ? memchr(s.p, ':', MIN(s.n, SPEAKER_MAX)) : NULL;
	size_t i = 0;

	if (colon == NULL || text_lower(utf8_next(s, &i)) == (uint8_t)s.p[0])
		return STR_NONE;
	str name = { s.p, (size_t)(colon - s.p) + 1 };
	for (i = 0; i + 1 < name.n; i++)
		if (strchr(".!?;\"", name.p[i]) != NULL)
			return STR_NONE;
	return name.n < s.n && s.p[name.n] == ' ' ? name : STR_NONE;
}

/* A name is one when it speaks twice; "Note:" does not. */
static void
drop_speakers(struct rank *r, struct text_sentence *s, int n)
{
	struct terms names;
	int *times = NEW_N(r->a, int, n + 1);

	terms_init(&names, r->a, n + 1);
	for (int i = 0; i < n; i++) {
		s[i].s = without_time(s[i].s);
		str name = speaker(s[i].s);
		if (name.p != NULL)
			times[intern(&names, name)]++;
	}
	for (int i = 0; i < n; i++) {
		str name = speaker(s[i].s);
		if (name.p == NULL || times[intern(&names, name)] < 2)
			continue;
		s[i].s = str_trim(without_time(str_trim(str_cut(s[i].s, name.n, s[i].s.n))));
		r->spoken = true;
	}
}

static const struct { unsigned kind; str text; } phrases[] = {
#define PHRASE(kind, text) { PHRASE_##kind, S_INIT(text) },
#include "rank/phrases.def"
#undef PHRASE
};

static unsigned
phrases_in(struct arena *a, str s)
{
	struct arena_mark m = arena_mark(a);
	str f = text_fold(a, str_fmt(a, " %.*s ", STR(s)));
	unsigned kinds = 0;

	for (size_t i = 0; i < COUNT(phrases); i++)
		if ((kinds & phrases[i].kind) == 0 && memmem(f.p, f.n, phrases[i].text.p, phrases[i].text.n) != NULL)
			kinds |= phrases[i].kind;
	arena_back(a, m);
	return kinds;
}

/* German "das", "die" and "der" stand for something when no noun phrase follows them: "Das ist", not "Das Team". */
static bool
bare_article(const struct rank *r, const struct rank_item *t)
{
	const struct rank_word *w = &r->word[t->word];

	if (r->lang != TEXT_DE || t->words < 2 || !(str_ieq(w->s, S("das")) || str_ieq(w->s, S("die")) || str_ieq(w->s, S("der"))))
		return false;
	return w[1].stop && !w[1].capital;
}

/* "It is clear that", "Es gibt": stands for nothing. */
static bool
expletive(const struct rank *r, const struct rank_item *t)
{
	const struct rank_word *w = &r->word[t->word];

	if (t->words < 3)
		return false;
	if (str_ieq(w->s, S("es")))
		return str_ieq(w[1].s, S("gibt")) || str_ieq(w[1].s, S("gab")) || str_ieq(w[1].s, S("geht"));
	return str_ieq(w->s, S("it")) && str_ieq(w[1].s, S("took"));
}

/* "All three were", "One was": no noun, but a part of one before. */
static bool
partial(const struct rank *r, const struct rank_item *t)
{
	int i = t->word, end = t->word + t->words;

	if ((r->word[i].kinds & WORD_PART) == 0)
		return false;
	while (i < end && (r->word[i].kinds & WORD_PART) != 0)
		i++;
	return i < end && r->word[i].stop && (r->word[i].kinds & WORD_BEFORE) == 0;
}

#define NEAR	6		/* words in which a pronoun without a noun before it leans on the sentence before */
#define FAR	8		/* the same, where the sentence begins with a place or a time */

/* A pronoun: not the "that" which joins clauses, not the German "Sie" for who is spoken to, but the "das" with no noun behind it. */
static bool
stands_for(const struct rank *r, const struct rank_word *w, bool last)
{
	if ((w->kinds & WORD_PRONOUN) != 0)
		return !str_ieq(w->s, S("that")) && !(r->lang == TEXT_DE && w->capital);
	return r->lang == TEXT_DE && w->joined && !last && str_eq(w->s, S("das")) && w[1].stop && !w[1].capital;
}

static bool
leans(const struct rank *r, const struct rank_item *t)
{
	bool noun = false;

	if (t->words == 0 || expletive(r, t))
		return false;
	const struct rank_word *w = &r->word[t->word];
	if ((w->kinds & (WORD_LINK | WORD_PRONOUN)) != 0 || bare_article(r, t) || partial(r, t))
		return true;
	bool placing = (w->kinds & WORD_PLACING) != 0;
	for (int i = 1; i < MIN(placing ? FAR : NEAR, t->words) && !noun; i++) {
		if (stands_for(r, &w[i], i + 1 == t->words))
			return true;
		noun = !placing && !w[i].stop && !w[i].number;
	}
	return false;
}

static bool
balanced(str s)
{
	int straight = 0, curly = 0, round = 0;

	for (size_t i = 0; i < s.n;) {
		uint32_t c = utf8_next(s, &i);
		straight += c == '"';
		curly += c == 0x201E || c == 0x201C ? 1 : 0;
		curly -= c == 0x201D ? 1 : 0;
		round += c == '(';
		round -= c == ')';
	}
	/* „…“ counts two and “…” none */
	return straight % 2 == 0 && (curly == 0 || curly == 2 || curly == 4) && round == 0;
}

static bool
has(str s, const char *what)
{
	return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

/* The share of letters in what is not blank: low for tables, code, formulas. */
static float
letter_share(str s)
{
	int letters = 0, all = 0;

	for (size_t i = 0; i < s.n;) {
		uint32_t c = utf8_next(s, &i);
		letters += text_letter(c);
		all += c > ' ';
	}
	return all != 0 ? (float)letters / (float)all : 0;
}

#define LENGTH_MAX	500		/* code points of a sentence a person would read in a post */

static float
fit_of(const struct rank *r, const struct rank_item *t)
{
	str s = t->s;
	float f = 1, letters = letter_share(s);
	char last = s.n > 0 ? s.p[s.n - 1] : ' ';
	int fillers = 0;

	if (t->heading || t->words == 0 || (t->phrases & PHRASE_NOISE) != 0 || letters < 0.4f || t->length > LENGTH_MAX)
		return 0;
	for (int i = t->word; i < t->word + t->words; i++)
		fillers += (r->word[i].kinds & WORD_FILLER) != 0;
	f *= t->words < 4 ? 0.2f : 1;
	f *= t->length > 320 ? 0.5f : 1;
	f *= last == ':' || last == ',' ? 0.2f : (last >= 'a' && last <= 'z') ? 0.7f : 1;
	f *= balanced(s) ? 1 : 0.4f;
	f *= has(s, "http") || has(s, "www.") || has(s, "@") ? 0.2f : 1;
	f *= has(s, "|") || has(s, "\t") ? 0.1f : has(s, "**") || has(s, "`") ? 0.6f : 1;
	f *= fillers > 0 || (t->phrases & PHRASE_FILLER) != 0 ? 0.3f : 1;
	f *= (t->phrases & PHRASE_GREETING) != 0 ? 0.3f : 1;
	f *= (t->phrases & PHRASE_POINTER) != 0 ? 0.7f : 1;
	f *= letters < 0.7f ? 0.4f : 1;
	return f;
}

/* Where the e-mail signature begins: behind the last line that is "-- ". */
static const char *
signature(str source)
{
	const char *at = source.p + source.n;

	for (size_t i = 0; i + 3 < source.n; i++)
		if (memcmp(source.p + i, "\n--", 3) == 0 && (str_starts(str_cut(source, i + 3, source.n), S("\n"))
		    || str_starts(str_cut(source, i + 3, source.n), S(" \n"))))
			at = source.p + i;
	return at;
}

/* Lines of punctuation are no sentences; out of the way, they take no place among RANK_MAX. */
static int
drop_wordless(struct text_sentence *s, int n)
{
	int kept = 0;

	for (int i = 0; i < n; i++) {
		bool word = false;
		for (size_t k = 0; k < s[i].s.n && !word;) {
			uint32_t c = utf8_next(s[i].s, &k);
			word = text_letter(c) || (c >= '0' && c <= '9');
		}
		if (word)
			s[kept++] = s[i];
	}
	return kept;
}

static void
lower_asides(struct rank *r)
{
	bool aside = false;

	for (int i = 0; i < r->n; i++) {
		struct rank_item *t = &r->item[i];
		aside = (t->phrases & PHRASE_ASIDE) != 0 || (aside && t->paragraph == t[-1].paragraph);
		t->fit *= aside ? 0.5f : 1;
	}
}

static void
read_items(struct rank *r, str source)
{
	struct text_sentence *s;
	int all = text_sentences(r->a, source, r->lang, &s), w = 0;
	const char *end = signature(source);

	drop_speakers(r, s, all);
	all = drop_wordless(s, all);
	r->n = MIN(all, RANK_MAX);
	r->item = NEW_N(r->a, struct rank_item, r->n);
	for (int i = 0; i < r->n; i++) {
		int at = (int)((int64_t)i * all / r->n);
		struct rank_item *t = &r->item[i];
		*t = (struct rank_item){ .s = s[at].s, .paragraph = s[at].paragraph, .at = at, .heading = s[at].heading };
		while (w < r->words && r->word[w].s.p < t->s.p)
			w++;
		for (t->word = w; w < r->words && r->word[w].s.p < t->s.p + t->s.n; w++)
			t->words++;
		if (t->words > 0)
			r->word[t->word].first = true;
		t->length = (int)utf8_count(t->s);
		t->phrases = phrases_in(r->a, t->s);
		t->leans = leans(r, t);
		t->heading &= t->s.p < end;
		t->fit = t->s.p < end ? fit_of(r, t) : 0;
	}
	lower_asides(r);
}

/* --- vectors --- */

static bool counts(const struct rank_word *w) { return !w->stop && !w->number; }

static int
by_id(const void *a, const void *b)
{
	const struct rank_term *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

/* Terms of t with how often they occur. */
static void
gather(struct rank *r, struct rank_item *t)
{
	int n = 0;

	t->term = NEW_N(r->a, struct rank_term, t->words);
	for (int i = t->word; i < t->word + t->words; i++)
		if (counts(&r->word[i]))
			t->term[n++] = (struct rank_term){ r->word[i].term, 1 };
	qsort(t->term, (size_t)n, sizeof(*t->term), by_id);
	for (int i = 0; i < n; i++) {
		if (t->terms > 0 && t->term[t->terms - 1].id == t->term[i].id)
			t->term[t->terms - 1].weight += 1;
		else
			t->term[t->terms++] = t->term[i];
	}
}

static void
weigh(struct rank *r, const int *df)
{
	for (int i = 0; i < r->n; i++) {
		struct rank_item *t = &r->item[i];
		float sum = 0;
		for (int k = 0; k < t->terms; k++) {
			t->term[k].weight *= logf(1 + (float)r->n / (float)df[t->term[k].id]);
			sum += t->term[k].weight * t->term[k].weight;
		}
		for (int k = 0; k < t->terms; k++)
			t->term[k].weight /= sqrtf(sum);
	}
}

static float
dot(const struct rank_item *t, const float *dense)
{
	float sum = 0;

	for (int k = 0; k < t->terms; k++)
		sum += t->term[k].weight * dense[t->term[k].id];
	return sum;
}

static void
scatter(const struct rank_item *t, float *dense, float by)
{
	for (int k = 0; k < t->terms; k++)
		dense[t->term[k].id] += t->term[k].weight * by;
}

/* --- the signals; each is 0..1 over the text --- */

static void
norm(float *x, int n)
{
	float max = 0;

	for (int i = 0; i < n; i++)
		max = MAX(max, x[i]);
	for (int i = 0; i < n && max > 0; i++)
		x[i] /= max;
}

#define WALKS	30
#define DAMPING	0.85f

/* PageRank on the graph of cosines.  The graph is X·Xᵀ of the sentence vectors X and is never written down: a step is two
 * products with X, so that the cost is the words of the text and not the square of its sentences. */
static float *
centrality(struct rank *r)
{
	float *rank = NEW_N(r->a, float, r->n), *degree = NEW_N(r->a, float, r->n), *dense = NEW_N(r->a, float, r->terms);

	for (int i = 0; i < r->n; i++)
		scatter(&r->item[i], dense, r->item[i].heading ? 0 : 1);
	for (int i = 0; i < r->n; i++) {
		degree[i] = MAX(dot(&r->item[i], dense), 1e-6f);
		rank[i] = 1 / (float)r->n;
	}
	for (int walk = 0; walk < WALKS; walk++) {
		memset(dense, 0, (size_t)r->terms * sizeof(*dense));
		for (int i = 0; i < r->n; i++)
			scatter(&r->item[i], dense, r->item[i].heading ? 0 : rank[i] / degree[i]);
		for (int i = 0; i < r->n; i++)
			rank[i] = (1 - DAMPING) / (float)r->n + DAMPING * dot(&r->item[i], dense);
	}
	norm(rank, r->n);
	return rank;
}

/* How common the words of a sentence are in the text, on average. */
static float *
topicality(struct rank *r, const int *df)
{
	float *x = NEW_N(r->a, float, r->n);

	for (int i = 0; i < r->n; i++) {
		const struct rank_item *t = &r->item[i];
		for (int k = 0; k < t->terms; k++)
			x[i] += (float)(df[t->term[k].id] - 1);
		x[i] /= (float)MAX(t->terms, 5);
	}
	norm(x, r->n);
	return x;
}

/* Likeness to the headings: to all of them, and to that of its own section. */
static float *
titled(struct rank *r)
{
	float *x = NEW_N(r->a, float, r->n), *all = NEW_N(r->a, float, r->terms), *own = NEW_N(r->a, float, r->terms);

	for (int i = 0; i < r->n; i++)
		if (r->item[i].heading)
			scatter(&r->item[i], all, 1);
	for (int i = 0; i < r->n; i++) {
		if (r->item[i].heading) {
			memset(own, 0, (size_t)r->terms * sizeof(*own));
			scatter(&r->item[i], own, 1);
		} else {
			x[i] = dot(&r->item[i], all) + dot(&r->item[i], own);
		}
	}
	norm(x, r->n);
	return x;
}

#define LEAD	12.0f		/* sentences after which the weight of being early has fallen to a half */

static float
place(const struct rank *r, int i)
{
	const struct rank_item *t = &r->item[i];
	bool opens = i > 0 && (t[-1].paragraph != t->paragraph || t[-1].heading);
	float tail = (float)(r->n - i) / (float)r->n;

	return LEAD / (LEAD + (float)i) + (opens ? 0.15f : 0) + (tail < 0.1f ? 0.1f : 0);
}

static float
sized(const struct rank_item *t)
{
	return t->words < 8 ? (float)t->words / 8 : t->words <= 30 ? 1 : MAX(0.3f, 1 - (float)(t->words - 30) / 40);
}

static const float w_central = 1.0f, w_topic = 0.25f, w_title = 0.3f, w_place = 1.1f, w_size = 0.25f, w_cue = 0.3f;

static void
score(struct rank *r, const int *df)
{
	float *c = centrality(r), *k = topicality(r, df), *h = titled(r), *all = NEW_N(r->a, float, r->n);

	for (int i = 0; i < r->n; i++) {
		const struct rank_item *t = &r->item[i];
		float cue = (t->phrases & (PHRASE_RESULT | PHRASE_TAKEAWAY)) != 0 ? 1 : 0;
		all[i] = t->fit * (w_central * c[i] + w_topic * k[i] + w_title * h[i] + w_place * place(r, i) + w_size * sized(t) + w_cue * cue);
	}
	norm(all, r->n);
	for (int i = 0; i < r->n; i++)
		r->item[i].score = all[i];
}

struct rank *
rank_new(struct arena *a, str source, enum text_lang lang)
{
	struct rank *r = NEW(a, struct rank);

	r->a = a;
	r->lang = lang;
	read_words(r, source);
	read_items(r, source);
	int *df = NEW_N(a, int, r->terms);
	for (int i = 0; i < r->n; i++) {
		gather(r, &r->item[i]);
		for (int k = 0; k < r->item[i].terms; k++)
			df[r->item[i].term[k].id]++;
	}
	weigh(r, df);
	score(r, df);
	return r;
}

/* A source that is nearly all headings, fragments or endless sentences: then they are what there is to choose from.
 * False when it holds no word at all. */
bool
rank_relax(struct rank *r)
{
	int good = 0, all = 0;

	for (int i = 0; i < r->n; i++) {
		good += r->item[i].fit >= FIT_MIN ? r->item[i].length : 0;
		all += r->item[i].words > 0 ? r->item[i].length : 0;
	}
	if (good > 200 || good > all / 10)
		return true;
	for (int i = 0; i < r->n; i++) {
		struct rank_item *t = &r->item[i];
		if (t->words == 0)
			continue;
		t->fit = MAX(t->fit, (t->phrases & PHRASE_NOISE) != 0 ? 0.01f : 0.5f);
		t->score = MAX(t->score, 0.5f);
	}
	return all > 0;
}

/* --- choosing --- */

void
rank_choice_init(struct rank_choice *c, const struct rank *r)
{
	*c = (struct rank_choice){
		.r = r, .like = NEW_N(r->a, float, r->n), .taken = NEW_N(r->a, bool, r->n), .dense = NEW_N(r->a, float, r->terms),
	};
}

void
rank_take(struct rank_choice *c, int item)
{
	const struct rank_item *t = &c->r->item[item];

	c->taken[item] = true;
	scatter(t, c->dense, 1);
	for (int i = 0; i < c->r->n; i++)
		c->like[i] = MAX(c->like[i], dot(&c->r->item[i], c->dense));
	for (int k = 0; k < t->terms; k++)
		c->dense[t->term[k].id] = 0;
}

static const float w_like = 0.7f;

float
rank_worth(const struct rank_choice *c, int i)
{
	const struct rank_item *t = &c->r->item[i];

	if (c->taken[i] || t->fit <= 0 || c->like[i] > RANK_ALIKE)
		return 0;
	return t->score * (1 - w_like * c->like[i]);
}

/* Which terms of the source `about` has. */
static bool *
terms_in(const struct rank *r, str about)
{
	bool *in = NEW_N(r->a, bool, r->terms + 1);
	struct text_word *w;
	struct terms t;
	int n = text_words(r->a, about, r->lang, &w);

	terms_init(&t, r->a, n + 1);
	for (int i = 0; i < n; i++)
		(void)intern(&t, text_fold(r->a, w[i].s));
	for (int i = 0; i < r->words; i++) {
		str f = text_fold(r->a, r->word[i].s);
		if (counts(&r->word[i]) && t.slot[slot_of(&t, f)] != 0)
			in[r->word[i].term] = true;
	}
	return in;
}

#define ABOUT_MAX	((size_t)50000)		/* bytes of it are looked at */
#define NEAR_ABOUT	6			/* sentences around one that is of the same matter */

/* A sentence of one part of a text has all its words in it, and so have those around it. */
void
rank_toward(struct rank *r, str about)
{
	const bool *in = terms_in(r, str_cut(about, 0, ABOUT_MAX));
	float *share = NEW_N(r->a, float, r->n + 1), *near = NEW_N(r->a, float, r->n + 1);

	for (int i = 0; i < r->n; i++)
		for (int k = 0; k < r->item[i].terms; k++)
			share[i] += in[r->item[i].term[k].id] ? r->item[i].term[k].weight * r->item[i].term[k].weight : 0;
	for (int i = 0; i < r->n; i++)
		for (int k = MAX(0, i - NEAR_ABOUT); k < MIN(r->n, i + NEAR_ABOUT + 1); k++)
			near[i] += share[k];
	norm(near, r->n);
	for (int i = 0; i < r->n; i++)
		r->item[i].score *= 0.05f + 0.95f * share[i] * share[i] * near[i] * near[i];
}

int
rank_best(struct arena *a, str source, enum text_lang lang, int max_words, struct text_sentence **ret)
{
	struct rank *r = rank_new(a, source, lang);
	struct rank_choice c;
	int words = 0, n = 0;

	rank_choice_init(&c, r);
	while (words < max_words) {
		int best = -1;
		for (int i = 0; i < r->n; i++)
			if (rank_worth(&c, i) > (best >= 0 ? rank_worth(&c, best) : 0))
				best = i;
		if (best < 0)
			break;
		rank_take(&c, best);
		words += r->item[best].words;
	}
	*ret = NEW_N(a, struct text_sentence, r->n);
	for (int i = 0; i < r->n; i++)
		if (c.taken[i])
			(*ret)[n++] = (struct text_sentence){ r->item[i].s, r->item[i].paragraph, false };
	return n;
}
