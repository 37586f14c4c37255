#include "write/write_priv.h"

#define TITLE_MAX	120		/* code points */
#define TAGS_MAX	3
#define PARAGRAPH_MAX	260		/* code points after which a paragraph ends */
#define PARAGRAPH_SENTENCES 3

static const int target[] = { [WRITE_SHORT] = 600, [WRITE_MEDIUM] = 1200, [WRITE_LONG] = 2000 };

struct draft {
	struct rank *r;
	struct rank_choice c;
	bool *skip;		/* tried, and does not fit in */
	int room;		/* code points left */
	int clip;		/* the longest sentence that is written whole */
	int hook, close, ask;	/* items; -1: none */
	str question;		/* one of our own, where the source asks none */
};

/* --- the source --- */

static enum text_lang
language_of(const struct write_input *in, str source)
{
	enum text_lang lang = text_language(source);
	str tag = str_cut(in->language, 0, 2);

	if (lang != TEXT_OTHER)
		return lang;
	return str_ieq(tag, S("en")) ? TEXT_EN : str_ieq(tag, S("de")) ? TEXT_DE : TEXT_OTHER;
}

/* --- what a sentence is good for --- */

/* The last fifth of a text concludes. */
static float
close_worth(const struct rank *r, int i)
{
	const struct rank_item *t = &r->item[i];
	float w = t->score, at = (float)i / (float)MAX(r->n, 1);

	if (t->fit < 0.6f || t->leans || rank_asks(t) || t->words < 4 || t->length > 220 || at < 0.75f)
		return 0;
	w += (t->phrases & PHRASE_TAKEAWAY) != 0 ? 0.3f : 0;
	w += rank_addresses(r, t) ? 0.2f : 0;
	w += (rank_kinds(r, t) & WORD_CONTRAST) != 0 ? 0.15f : 0;
	return w + (at - 0.75f) * 1.6f;
}

/* A question put to the reader, or one that the text ends on. */
static float
ask_worth(const struct rank *r, int i)
{
	const struct rank_item *t = &r->item[i];
	float at = (float)i / (float)MAX(r->n, 1);
	bool reader = rank_addresses(r, t);

	if (r->spoken || t->fit < 0.6f || t->leans || t->length > 180 || t->words < 4 || t->s.p[t->s.n - 1] != '?'
	    || (!reader && (at < 0.7f || (r->word[t->word].kinds & WORD_OPENING) != 0)))
		return 0;
	return (reader ? 1 : 0.3f) + at;
}

static int
best_of(const struct draft *d, float (*worth)(const struct rank *, int))
{
	int best = -1;
	float most = 0;

	for (int i = 0; i < d->r->n; i++) {
		float w = d->c.taken[i] ? 0 : worth(d->r, i);
		if (w > most) {
			most = w;
			best = i;
		}
	}
	return best;
}

static float plain_worth(const struct rank *r, int i) { return r->item[i].leans ? r->item[i].score / 2 : r->item[i].score; }

/* The order of a few sentences is better left alone. */
static bool
few(const struct rank *r)
{
	int n = 0;

	for (int i = 0; i < r->n; i++)
		n += r->item[i].fit >= FIT_MIN;
	return n <= 4;
}

static float first_worth(const struct rank *r, int i) { return r->item[i].fit >= FIT_MIN && !r->item[i].leans ? 1 / (1 + (float)i) : 0; }

/* --- choosing --- */

static void
take(struct draft *d, int i)
{
	rank_take(&d->c, i);
	d->room -= d->r->item[i].length + 2;
}

static bool
usable(const struct draft *d, int i)
{
	return i >= 0 && d->r->item[i].fit >= FIT_MIN && d->c.like[i] <= RANK_ALIKE && !d->skip[i] && !d->c.taken[i];
}

/* The sentence that i leans on, where it may be taken along; -1 where i cannot stand in the draft. */
static int
prop(const struct draft *d, int i)
{
	const struct rank_item *t = &d->r->item[i];
	int before = i - 1;

	if (before < 0 || before == d->hook || before == d->ask || t[-1].paragraph != t->paragraph || t[-1].at != t->at - 1)
		return -1;
	if (!d->c.taken[before] && (!usable(d, before) || t[-1].leans || rank_asks(&t[-1])))
		return -1;
	return before;
}

static void
try(struct draft *d, int i)
{
	const struct rank_item *t = &d->r->item[i];
	int before = t->leans ? prop(d, i) : i;
	int need = t->length + 2;

	d->skip[i] = true;
	if (before < 0 || (before != i && i == d->close + 1))
		return;
	if (before != i && !d->c.taken[before])
		need += t[-1].length + 2;
	if (need > d->room + 20)
		return;
	if (before != i && !d->c.taken[before])
		take(d, before);
	take(d, i);
}

#define WORDS_FULL	10		/* shorter ones say less than their rank lets hope */

/* Sentences of a part of the text that is already told count for less, so that the draft goes through all of it; one that goes on
 * where a chosen one ended makes up for that. */
static float
fresh(const struct draft *d, int i)
{
	const struct rank_item *t = &d->r->item[i];
	int same = 0;

	for (int k = MAX(0, i - 8); k < MIN(d->r->n, i + 9); k++)
		same += d->c.taken[k] && d->r->item[k].paragraph == t->paragraph;
	if (i > 0 && d->c.taken[i - 1] && t[-1].paragraph == t->paragraph && i - 1 != d->hook)
		same--;
	float w = rank_worth(&d->c, i);
	if (i + 1 < d->r->n && t[1].leans && t[1].paragraph == t->paragraph && !d->c.taken[i + 1])
		w *= 0.8f;			/* it only prepares the next one */
	return w * (float)MIN(t->words, WORDS_FULL) / WORDS_FULL / (1 + 0.5f * (float)same);
}

static int
next_best(const struct draft *d)
{
	int best = -1, last = d->close >= 0 ? d->close : d->r->n;
	float most = 0;

	for (int i = 0; i < last; i++) {
		float w = usable(d, i) && !rank_asks(&d->r->item[i]) ? fresh(d, i) : 0;
		if (w > most) {
			most = w;
			best = i;
		}
	}
	return best;
}

static void
fill(struct draft *d)
{
	for (int before = d->room + 1; before > d->room;) {
		before = d->room;
		for (int i; d->room > 30 && (i = next_best(d)) >= 0;)
			try(d, i);
		/* what was refused for want of the sentence it leans on may have it now */
		memset(d->skip, 0, (size_t)d->r->n * sizeof(*d->skip));
	}
}

/* --- writing --- */

static void
put(const struct draft *d, struct buf *b, int i, const char *before)
{
	buf_add(b, b->n != 0 ? str_z(before) : S(""));
	buf_add(b, rank_line(d->r->a, d->r->item[i].s, d->clip));
}

static bool
same_section(const struct rank *r, int a, int b)
{
	for (int i = a; i < b; i++)
		if (r->item[i].heading)
			return false;
	return r->item[a].paragraph == r->item[b].paragraph || b <= a + 3;
}

static void
put_body(const struct draft *d, struct buf *b)
{
	const struct rank *r = d->r;
	int count = 0, length = 0, last = -1;

	for (int i = 0; i < r->n; i++) {
		const struct rank_item *t = &r->item[i];
		if (!d->c.taken[i] || i == d->hook || i == d->ask)
			continue;
		bool full = count >= PARAGRAPH_SENTENCES || length + t->length > PARAGRAPH_MAX || i == d->close;
		bool on = last >= 0 && ((t->leans && last == i - 1) || (!full && same_section(r, last, i)));
		put(d, b, i, on ? " " : "\n\n");
		count = on ? count + 1 : 1;
		length = on ? length + t->length : t->length;
		last = i;
	}
}

static void
put_end(const struct draft *d, struct buf *b, const struct phrase *key, int keys)
{
	if (d->ask >= 0)
		put(d, b, d->ask, "\n\n");
	else if (d->question.n != 0 && !rank_asks(&d->r->item[d->hook]))
		buf_add(b, str_fmt(d->r->a, "\n\n%.*s", STR(d->question)));
	for (int i = 0, n = 0; i < keys && n < TAGS_MAX; i++) {
		str tag = phrase_tag(d->r, &key[i]);
		if (tag.n < 4 || tag.n > 50)
			continue;
		buf_add(b, n++ == 0 ? S("\n\n") : S(" "));
		buf_add(b, tag);
	}
}

static str
own_question(const struct rank *r, const struct phrase *key, int keys)
{
	for (int i = 0; i < keys; i++) {
		str x = phrase_object(r, &key[i]);
		if (x.n == 0 || x.n > 60)
			continue;
		x = rank_line(r->a, x, 60);
		if (r->lang == TEXT_EN)
			return str_fmt(r->a, "What is your experience with %.*s?", STR(x));
		if (r->lang == TEXT_DE)
			return str_fmt(r->a, "Welche Erfahrungen haben Sie mit dem Thema „%.*s“ gemacht?", STR(x));
	}
	return r->lang == TEXT_EN ? S("What is your experience?") : r->lang == TEXT_DE ? S("Welche Erfahrungen haben Sie gemacht?") : S("");
}

static str
title_of(const struct draft *d)
{
	const struct rank *r = d->r;

	for (int i = 0; i < r->n; i++) {
		const struct rank_item *t = &r->item[i];
		if (t->heading && t->words >= 2 && t->length <= TITLE_MAX && (t->phrases & (PHRASE_NOISE | PHRASE_GREETING)) == 0)
			return rank_line(r->a, t->s, TITLE_MAX);
	}
	str s = rank_line(r->a, r->item[d->hook].s, TITLE_MAX);
	if (s.n > 1 && s.p[s.n - 1] == '.' && s.p[s.n - 2] != '.')
		s.n--;
	return s;
}

static void
compose(struct draft *d, enum write_length length, struct write_output *ret)
{
	struct rank *r = d->r;
	struct phrase key[TAGS_MAX + 3];
	struct buf b;
	int keys = phrase_find(r, key, COUNT(key));

	rank_choice_init(&d->c, r);
	d->skip = NEW_N(r->a, bool, r->n);
	d->room = target[length];
	d->clip = target[length] * 2 / 3;
	d->question = own_question(r, key, keys);
	d->close = d->ask = -1;
	if ((d->ask = best_of(d, ask_worth)) >= 0)
		take(d, d->ask);
	else
		d->room -= (int)utf8_count(d->question);
	d->hook = best_of(d, few(r) ? first_worth : rank_opening);
	if (d->hook < 0)
		d->hook = best_of(d, plain_worth);
	if (d->hook < 0) {		/* all there is, is one question */
		d->hook = d->ask;
		d->ask = -1;
	} else {
		take(d, d->hook);
	}
	if ((d->close = best_of(d, close_worth)) >= 0 && d->c.like[d->close] <= RANK_ALIKE)
		take(d, d->close);
	else
		d->close = -1;
	d->room -= 40;			/* the hashtags */
	fill(d);
	buf_init(&b, r->a, POST_MAX * 4);
	put(d, &b, d->hook, "");
	put_body(d, &b);
	put_end(d, &b, key, keys);
	ret->content = buf_str(&b);
	ret->title = title_of(d);
}

enum write_fault
builtin_post(const struct write_input *in, struct arena *a, write_progress *progress, void *ctx, struct write_output *ret)
{
	struct draft d = { .hook = -1 };
	str source = rank_clean(a, in->source);

	if (!progress(ctx, 0.1, "reading"))
		return WRITE_STOPPED;
	d.r = rank_new(a, source, language_of(in, source));
	if (!rank_relax(d.r))
		return WRITE_EMPTY;
	if (!progress(ctx, 0.6, "choosing"))
		return WRITE_STOPPED;
	compose(&d, in->length, ret);
	ret->provider = "builtin";
	ret->model = S("extract-1");
	return progress(ctx, 1, "done") ? WRITE_OK : WRITE_STOPPED;
}
