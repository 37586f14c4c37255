#include "analyse/analyse_priv.h"

#define READ_MAX	((size_t)200000)	/* bytes of a part that are described: the beginning of a longer one */
#define TITLE_MAX	80		/* code points */
#define TITLE_TWO	60		/* two phrases are a title together up to here */
#define SUMMARY_MAX	450
#define SUMMARY_SENTENCES 3
#define SENTENCE_MAX	240		/* of a sentence that stands for itself */
#define PHRASES		12		/* candidates for a title */

/* One part at work. */
struct part {
	struct arena *a;		/* of the result */
	struct rank *r;
	const struct parts *all;
	int number;
	const struct analysis *before;
	bool *summed;			/* items that the summary holds */
};

/* --- sentences: one after the other, each as unlike the ones before as can be --- */

typedef float worth_of(const struct part *, int item);

/* "2.1 Results.", "3. First": a heading, or an item of a list. */
static bool
numbered(str s)
{
	size_t i = 0;

	while (i < s.n && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.' || s.p[i] == ')'))
		i++;
	return i > 1 && i < s.n && s.p[i] == ' ' && (memchr(s.p, '.', i) != NULL || s.p[i - 1] == ')');
}

/* Stands by itself. */
static bool
whole(const struct rank_item *t, int max)
{
	return t->words >= 4 && t->length <= max && t->fit >= FIT_MIN && !t->leans && !numbered(t->s);
}

static bool
is_question(str s)
{
	return str_ends(s, S("?")) || str_ends(s, S("?\"")) || str_ends(s, S("?“")) || str_ends(s, S("?”"));
}

static float
summary_worth(const struct part *p, int i)
{
	const struct rank_item *t = &p->r->item[i];
	return whole(t, SUMMARY_MAX - 40) && !rank_asks(t) ? t->score : 0;
}

/* What to keep: said in so many words, a result, a figure. */
static float
key_worth(const struct part *p, int i)
{
	const struct rank_item *t = &p->r->item[i];
	float w = t->score;

	if (!whole(t, SENTENCE_MAX) || rank_asks(t))
		return 0;
	w += (t->phrases & (PHRASE_TAKEAWAY | PHRASE_RESULT)) != 0 ? 0.25f : 0;
	w += rank_has_number(p->r, t) ? 0.15f : 0;
	w *= p->summed[i] ? 0.5f : 1;
	return t->length <= 140 ? w : w * 0.8f;
}

static float
hook_worth(const struct part *p, int i)
{
	const struct rank_item *t = &p->r->item[i];

	if (!whole(t, ANALYSE_HOOK_MAX - 1))
		return 0;
	if (is_question(t->s) && rank_addresses(p->r, t))	/* the reader answers it, and not the text */
		return 0.4f + 0.3f * t->score;
	return MAX(rank_opening(p->r, i), 0.02f * t->score);
}

static const char *
post_type(const struct rank *r, const struct rank_item *t)
{
	unsigned kinds = rank_kinds(r, t);

	if (is_question(t->s))
		return "QUESTION";
	if ((kinds & WORD_CONTRAST) != 0)
		return "CONTRAST";
	if (rank_has_number(r, t))
		return "NUMBER";
	if ((t->phrases & (PHRASE_TAKEAWAY | PHRASE_RESULT)) != 0)
		return "LESSON";
	return (kinds & WORD_SELF) != 0 ? "STORY" : "CLAIM";
}

/* The best item that is left; -1: none.  A kind of opening that is there already counts for less. */
static int
next(const struct part *p, const struct rank_choice *c, worth_of *worth, const struct analysis_topic *kinds)
{
	int best = -1;
	float most = 0;

	for (int i = 0; i < p->r->n; i++) {
		float w = c->taken[i] || c->like[i] > RANK_ALIKE ? 0 : worth(p, i) * (1 - 0.7f * c->like[i]);
		for (int k = 0; w > 0 && kinds != NULL && k < kinds->hooks; k++)
			w *= kinds->hook[k].post_type == post_type(p->r, &p->r->item[i]) ? 0.6f : 1;
		if (w > most) {
			most = w;
			best = i;
		}
	}
	return best;
}

static str quoted(const struct part *p, int i, int max) { return rank_line(p->a, p->r->item[i].s, max); }

/* Where no sentence stands by itself: the best there is. */
static int
any_item(const struct rank *r)
{
	int best = -1;

	for (int i = 0; i < r->n; i++)
		if (r->item[i].words > 0 && (best < 0 || r->item[i].score > r->item[best].score))
			best = i;
	return best;
}

static void
summarise(const struct part *p, struct analysis_topic *ret)
{
	struct rank_choice c;
	struct buf b;
	int room = SUMMARY_MAX, n = 0;

	rank_choice_init(&c, p->r);
	for (int i; n < SUMMARY_SENTENCES && (i = next(p, &c, summary_worth, NULL)) >= 0; n++) {
		if (p->r->item[i].length > room)
			break;
		room -= p->r->item[i].length + 1;
		rank_take(&c, i);
	}
	buf_init(&b, p->a, (size_t)SUMMARY_MAX * 8);
	for (int i = 0; i < p->r->n; i++)
		if (c.taken[i]) {
			buf_add(&b, b.n != 0 ? S(" ") : S(""));
			buf_add(&b, quoted(p, i, SUMMARY_MAX));
			p->summed[i] = true;
		}
	int any = n == 0 ? any_item(p->r) : -1;
	ret->summary = any >= 0 ? quoted(p, any, SUMMARY_MAX) : buf_str(&b);
}

static void
take_keys(const struct part *p, struct analysis_topic *ret)
{
	struct rank_choice c;

	rank_choice_init(&c, p->r);
	for (int i; ret->keys < ANALYSE_KEYS && (i = next(p, &c, key_worth, NULL)) >= 0;) {
		rank_take(&c, i);
		ret->key[ret->keys++] = quoted(p, i, SENTENCE_MAX);
	}
	int any = ret->keys == 0 ? any_item(p->r) : -1;
	if (any >= 0)
		ret->key[ret->keys++] = quoted(p, any, SENTENCE_MAX);
}

/* --- hooks --- */

/* The first of the kinds that makes up a fair share of the words: one of a sentence, fewer of a whole part. */
static const char *
content_type(const struct rank *r, int from, int to, int share)
{
	static const struct { unsigned kind; const char *word; } rows[] = {
		{ WORD_SELF, "PERSONAL" }, { WORD_OURS, "BUSINESS_INTERNAL" }, { WORD_MARKET, "BUSINESS_EXTERNAL" }, { WORD_TEACH, "EDUCATIONAL" },
	};
	int n[COUNT(rows)] = { 0 }, best = -1;

	for (int i = from; i < to; i++)
		for (size_t k = 0; k < COUNT(rows); k++)
			n[k] += (r->word[i].kinds & rows[k].kind) != 0;
	for (int k = 0; k < (int)COUNT(rows); k++)
		if (n[k] * share >= to - from && n[k] > 0 && (best < 0 || n[k] > n[best]))
			best = k;
	return best >= 0 ? rows[best].word : NULL;
}

#define SHARE_SENTENCE	20
#define SHARE_PART	60

static void
put_hook(const struct part *p, int i, const char *of_part, struct analysis_topic *ret)
{
	const struct rank_item *t = &p->r->item[i];
	const char *own = content_type(p->r, t->word, t->word + t->words, SHARE_SENTENCE);

	ret->hook[ret->hooks++] = (struct analysis_hook){ quoted(p, i, ANALYSE_HOOK_MAX - 1), post_type(p->r, t),
	    own != NULL ? own : of_part != NULL ? of_part : "UNKNOWN" };
}

static void
take_hooks(const struct part *p, struct analysis_topic *ret)
{
	const char *of_part = content_type(p->r, 0, p->r->words, SHARE_PART);
	struct rank_choice c;

	rank_choice_init(&c, p->r);
	for (int i; ret->hooks < ANALYSE_HOOKS && (i = next(p, &c, hook_worth, ret)) >= 0;) {
		rank_take(&c, i);
		put_hook(p, i, of_part, ret);
	}
	int any = ret->hooks == 0 ? any_item(p->r) : -1;
	if (any >= 0)
		put_hook(p, any, of_part, ret);
}

/* --- the title --- */

static bool
titular(const struct rank_item *t)
{
	return t->heading && t->words >= 2 && t->length <= TITLE_MAX && (t->phrases & (PHRASE_NOISE | PHRASE_GREETING)) == 0;
}

/* With a capital in front; where it is one word or more in small letters. */
static str
raised(struct arena *a, str s)
{
	char *p = arena_raw(a, s.n + 4);
	size_t i = 0, n;
	uint32_t c = utf8_next(s, &i);

	n = text_put(p, text_upper(c));
	memcpy(p + n, s.p + i, s.n - i);
	return (str){ p, n + s.n - i };
}

/* What makes a phrase the title of this part and not of another one. */
static float
focus(const struct part *p, const struct phrase *f)
{
	struct text_word *w;
	float sum = 0;
	int n = text_words(p->r->a, phrase_text(p->r, f), p->r->lang, &w);

	for (int i = 0; i < n; i++)
		sum += segment_focus(p->all, p->number, w[i].stem);
	return n > 0 ? sum / (float)n : 0;
}

static bool
is_new(const struct part *p, str title)
{
	for (int i = 0; i < p->before->n; i++)
		if (str_ieq(p->before->topic[i].title, title))
			return false;
	return true;
}

/* Its own heading, if the part begins with one. */
static str
heading_of(const struct part *p)
{
	for (int i = 0; i < MIN(p->r->n, 3); i++)
		if (titular(&p->r->item[i]))
			return quoted(p, i, TITLE_MAX);
	return STR_NONE;
}

/* A single word that stands somewhere as a noun does: behind an article or a preposition, with nothing it could belong to behind it. */
static bool
stands_alone(const struct rank *r, const struct phrase *f)
{
	for (int i = 1; i < r->words; i++) {
		const struct rank_word *w = &r->word[i];
		bool ends = i + 1 == r->words || w[1].stop || !w[1].joined;
		if (w->term == r->word[f->word].term && !w->first && (w[-1].kinds & WORD_BEFORE) != 0 && ends)
			return true;
	}
	return false;
}

#define NO_NOUN		0.3f

/* The phrases by what they say of this part and of no other; returns how many. */
static int
phrases_of(const struct part *p, struct phrase *f)
{
	int n = phrase_find(p->r, f, PHRASES);

	for (int i = 0; i < n; i++)
		f[i].score *= focus(p, &f[i]) * (f[i].words > 1 || p->r->lang != TEXT_EN || stands_alone(p->r, &f[i]) ? 1 : NO_NOUN);
	for (int i = 1; i < n; i++)
		for (int k = i; k > 0 && f[k - 1].score < f[k].score; k--) {
			struct phrase t = f[k];
			f[k] = f[k - 1];
			f[k - 1] = t;
		}
	return n;
}

/* One phrase, or the two best where both are short and worth it. */
static str
phrase_title(const struct part *p, const struct phrase *f, int n)
{
	static const char *const and[] = { [TEXT_EN] = "and", [TEXT_DE] = "und", [TEXT_OTHER] = "–" };
	str a = rank_line(p->a, phrase_text(p->r, &f[0]), TITLE_MAX);

	if (n < 2 || f[1].score < 0.4f * f[0].score)
		return raised(p->a, a);
	str b = rank_line(p->a, phrase_text(p->r, &f[1]), TITLE_MAX);
	bool both = utf8_count(a) + utf8_count(b) + 5 <= TITLE_TWO;
	return raised(p->a, both ? str_fmt(p->a, "%.*s %s %.*s", STR(a), and[p->r->lang], STR(b)) : a);
}

static str
title_of(const struct part *p)
{
	struct phrase f[PHRASES];
	str title = heading_of(p);

	if (title.n != 0 && is_new(p, title))
		return title;
	for (int n = phrases_of(p, f), i = 0; i < n; i++) {
		title = phrase_title(p, f + i, n - i);
		if (is_new(p, title))
			return title;
	}
	int any = any_item(p->r);
	return any >= 0 ? quoted(p, any, TITLE_TWO) : S("");
}

/* --- how well it carries a post --- */

/* Its openings, how much it says in sentences that can be used, and how large it is in the whole. */
static int
score_of(const struct part *p, const struct analysis_topic *t)
{
	float open = 0, said = 0, share = (float)p->all->part[p->number].tokens / (float)MAX(p->all->tokens, 1);
	int best = 0;

	for (int i = 0; i < p->r->n; i++) {
		float w = hook_worth(p, i);
		open = MAX(open, w);
		said += p->r->item[i].fit >= FIT_MIN ? (float)p->r->item[i].length : 0;
		best += w >= 0.35f;
	}
	float s = 0.4f * MIN(open, 1) + 0.2f * (float)MIN(best, ANALYSE_HOOKS) / ANALYSE_HOOKS + 0.2f * MIN(said / 1500, 1)
	    + 0.1f * MIN(share * (float)p->all->n, 1) + 0.1f * (float)t->keys / ANALYSE_KEYS;
	return (int)(s * 1000 + 0.5f);
}

void
topic_describe(struct arena *a, struct arena *scratch, str text, enum text_lang lang, const struct parts *all, int number,
    const struct analysis *before, struct analysis_topic *ret)
{
	struct arena_mark m = arena_mark(scratch);
	str of = str_cut(text, all->part[number].from, all->part[number].to);
	struct part p = { .a = a, .all = all, .number = number, .before = before,
	    .r = rank_new(scratch, rank_clean(scratch, utf8_head(of, READ_MAX)), lang) };

	*ret = (struct analysis_topic){ .from_ms = -1, .to_ms = -1 };
	p.summed = NEW_N(scratch, bool, p.r->n + 1);
	(void)rank_relax(p.r);
	summarise(&p, ret);
	take_keys(&p, ret);
	take_hooks(&p, ret);
	ret->title = title_of(&p);
	ret->score = score_of(&p, ret);
	arena_back(scratch, m);
}
