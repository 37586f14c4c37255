#include "write/write_priv.h"

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

/* --- how it suits a voice --- */

#define SUITS		0.2f		/* a sentence is worth so much more or less by how it is written: what it says comes first */
#define LISTED		0.5f		/* so much of it, where an item of a list would be a sentence among others */
#define UNASKED		0.05f		/* and of a question, where none was wanted */
#define PREFERRED	0.3f		/* more, where it has a preferred word */

static bool
has_preferred(const struct draft *d, const struct rank_item *t)
{
	for (int i = t->word; i < t->word + t->words; i++)
		for (int k = 0; k < d->plan->prefers; k++) {
			str p = d->plan->prefer[k], left = str_cut(d->source, (size_t)(d->r->word[i].s.p - d->source.p), d->source.n);
			if (str_ieq(str_cut(left, 0, p.n), p) && left.p + p.n <= t->s.p + t->s.n)
				return true;
		}
	return false;
}

/* How much more often than in the source each person is wanted: -1 .. 1. */
struct wanted { float by[STYLE_COUNT]; };

static struct wanted
wanted_of(const struct draft *d)
{
	struct wanted w = { { 0 } };
	float n = 0;

	for (int i = 0; i < d->r->n; i++) {
		unsigned seen = d->r->item[i].words > 0 ? style_persons(d->r->item[i].s, d->r->lang) : 0;
		n += d->r->item[i].words > 0;
		for (int p = STYLE_I; p <= STYLE_YOU; p++)
			w.by[p] -= (seen & 1u << p) != 0;
	}
	for (int p = STYLE_I; p <= STYLE_YOU; p++)
		w.by[p] = d->plan->want.v[p] + w.by[p] / MAX(1, n);
	return w;
}

/* How near the length and the persons of a sentence are to those that are wanted: 0 .. 1. */
static float
nearness(const struct draft *d, const struct wanted *w, const struct rank_item *t)
{
	float words = d->plan->want.v[STYLE_WORDS], off = (float)t->words - words, person = 0;
	unsigned seen = style_persons(t->s, d->r->lang);

	for (int p = STYLE_I; p <= STYLE_YOU; p++)
		person += (seen & 1u << p) != 0 ? w->by[p] : 0;
	off = MIN(1, (off < 0 ? -off : off) / MAX(5, words * 0.75f));
	return 0.6f * (1 - off) + 0.4f * MAX(0, MIN(1, 0.5f + person));
}

/* Whether a sentence of the source is an item of a list: a mark stands between it and the beginning of its line. */
static bool
listed(const struct draft *d, int i)
{
	str s = d->r->item[i].s;
	const char *p = s.p;

	while (p > d->source.p && p[-1] != '\n')
		p--;
	str mark = str_trim((str){ p, (size_t)(s.p - p) });
	if (mark.n == 0 || mark.n > 4 || d->r->item[i].words == 0 || d->r->item[i].length > 200)
		return false;
	return str_eq(mark, S("-")) || str_eq(mark, S("*")) || str_eq(mark, S("•")) || str_eq(mark, S("–")) || (mark.p[0] >= '0' && mark.p[0] <= '9');
}

static void
weigh(struct draft *d)
{
	struct wanted w = wanted_of(d);

	d->suits = NEW_N(d->r->a, float, d->r->n);
	for (int i = 0; i < d->r->n; i++) {
		const struct rank_item *t = &d->r->item[i];
		d->suits[i] = 1;
		if (d->plan->voiced && t->words > 0)
			d->suits[i] += SUITS * (2 * nearness(d, &w, t) - 1);
		if (d->plan->voiced && listed(d, i))
			d->suits[i] *= LISTED;
		if (d->plan->silent && rank_asks(t))
			d->suits[i] *= UNASKED;
		if (d->plan->prefers > 0 && has_preferred(d, t))
			d->suits[i] += PREFERRED;
	}
}

static int
best_of(const struct draft *d, float (*worth)(const struct rank *, int))
{
	int best = -1;
	float most = 0;

	for (int i = 0; i < d->r->n; i++) {
		float w = d->c.taken[i] ? 0 : worth(d->r, i) * d->suits[i];
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

	if (before < 0 || d->hidden[before] || before == d->ask || t[-1].paragraph != t->paragraph || t[-1].at != t->at - 1)
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

#define WORDS_FULL	10		/* shorter ones say less than their rank lets hope; who writes shorter ones knows */

/* Sentences of a part of the text that is already told count for less, so that the draft goes through all of it; one that goes on
 * where a chosen one ended makes up for that. */
static float
fresh(const struct draft *d, int i)
{
	const struct rank_item *t = &d->r->item[i];
	int same = 0;

	for (int k = MAX(0, i - 8); k < MIN(d->r->n, i + 9); k++)
		same += d->c.taken[k] && d->r->item[k].paragraph == t->paragraph;
	if (i > 0 && d->c.taken[i - 1] && t[-1].paragraph == t->paragraph && !d->hidden[i - 1])
		same--;
	float w = rank_worth(&d->c, i);
	if (i + 1 < d->r->n && t[1].leans && t[1].paragraph == t->paragraph && !d->c.taken[i + 1])
		w *= 0.8f;			/* it only prepares the next one */
	float full = d->plan->voiced ? MIN(WORDS_FULL, d->plan->want.v[STYLE_WORDS]) : WORDS_FULL;
	return w * d->suits[i] * MIN((float)t->words, full) / full / (1 + 0.5f * (float)same);
}

static int
next_best(const struct draft *d)
{
	int best = -1, last = d->close >= 0 ? d->close : d->r->n;
	float most = 0;

	for (int i = 0; i < last; i++) {
		float w = usable(d, i) && !rank_asks(&d->r->item[i]) && !d->item[i] ? fresh(d, i) : 0;
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

/* --- the parts of a draft --- */

/* The first line by its kind where the person has one, if the text has a good one of it. */
static int
opening_of_kind(const struct draft *d, int best)
{
	int found = -1;
	float most = best >= 0 ? rank_opening(d->r, best) * 0.85f : 0;

	for (int i = 0; i < d->r->n && d->plan->open != STYLE_COUNT; i++) {
		float w = d->c.taken[i] ? 0 : rank_opening(d->r, i);
		if (w > most && style_opening(d->r->item[i].s, d->r->lang) == d->plan->open) {
			most = w;
			found = i;
		}
	}
	return found >= 0 ? found : best;
}

static void
open_with(struct draft *d, int i)
{
	d->hook = i;
	d->opening = rank_line(d->r->a, d->r->item[i].s, d->clip);
	d->hidden[i] = true;
	if (!d->c.taken[i])
		take(d, i);
}

static void
choose_hook(struct draft *d)
{
	int i = few(d->r) && !d->plan->voiced ? best_of(d, first_worth) : opening_of_kind(d, best_of(d, few(d->r) ? first_worth : rank_opening));

	if (i < 0)
		i = best_of(d, plain_worth);
	if (i < 0) {			/* all there is, is one question */
		i = d->ask;
		d->ask = -1;
	}
	if (i >= 0)
		open_with(d, i);
}

#define HOOK_MAX	300		/* code points of an opening line that was chosen */
#define SAID_MIN	12		/* bytes of a sentence that is looked for in it */

static bool
within(str s, str in)
{
	return s.n >= SAID_MIN && memmem(in.p, in.n, s.p, s.n) != NULL;
}

/* The line that was chosen comes first, and what it says is not said again. */
static bool
take_hook(struct draft *d, str hook)
{
	str s = str_trim(rank_line(d->r->a, rank_clean(d->r->a, hook), HOOK_MAX));

	if (s.n == 0 || avoid_hits(d->plan->avoid, s))
		return false;
	d->opening = s;
	d->room -= (int)utf8_count(s) + 2;
	for (int i = 0; i < d->r->n; i++) {
		str t = rank_line(d->r->a, d->r->item[i].s, HOOK_MAX);
		if (d->r->item[i].words == 0 || !(within(t, s) || within(s, t)))
			continue;
		d->room += d->r->item[i].length + 2;
		take(d, i);
		d->hidden[i] = true;
		d->hook = i;
	}
	return true;
}

/* --- lists --- */

#define LIST_MIN	2
#define LIST_MAX	6

/* The items of a list from i on. */
static int
list_at(const struct draft *d, int i)
{
	int n = 0;

	while (i + n < d->r->n && listed(d, i + n) && d->r->item[i + n].paragraph == d->r->item[i].paragraph && !d->c.taken[i + n])
		n++;
	return n;
}

/* The longest list of the source with the sentence that announces it; two thirds of the room at most, or none. */
static void
take_list(struct draft *d)
{
	int best = 0, most = 0, n = 0, room = d->room * 2 / 3, max = d->plan->habits.items;

	for (int i = 0, k; i < d->r->n; i += MAX(1, k))
		if ((k = list_at(d, i)) > most) {
			most = k;
			best = i;
		}
	while (n < MIN(most, max > 0 ? MIN(max + 1, LIST_MAX) : LIST_MAX) && (room -= d->r->item[best + n].length + 2) >= 0)
		n++;
	if (n < LIST_MIN)
		return;
	const struct rank_item *lead = best > 0 ? &d->r->item[best - 1] : NULL;
	if (lead != NULL && !d->c.taken[best - 1] && lead->words > 0 && str_ends(lead->s, S(":")))
		take(d, best - 1);
	for (int i = best; i < best + n; i++) {
		take(d, i);
		d->item[i] = true;
	}
}

/* --- all of it --- */

static void
compose(struct draft *d, str hook, struct write_output *ret)
{
	struct rank *r = d->r;
	struct phrase key[TAGS_MAX + 3];
	str tag[TAGS_MAX];
	int keys = phrase_find(r, key, COUNT(key)), tags = layout_tags(d, key, keys, tag);
	bool listing = d->plan->voiced && d->plan->want.v[STYLE_LIST] > 0.03f;

	rank_choice_init(&d->c, r);
	weigh(d);
	d->skip = NEW_N(r->a, bool, r->n);
	d->hidden = NEW_N(r->a, bool, r->n);
	d->item = NEW_N(r->a, bool, r->n);
	d->room = d->plan->length;
	d->clip = d->plan->length * 2 / 3;
	d->close = d->ask = d->hook = -1;
	bool given = ret->hooked = take_hook(d, hook);
	if (d->plan->ask) {
		d->question = layout_question(d, key, keys);
		if ((d->ask = best_of(d, ask_worth)) >= 0)
			take(d, d->ask);
		else
			d->room -= (int)utf8_count(d->question);
	}
	if (!given)
		choose_hook(d);
	if (listing)
		take_list(d);
	if ((d->close = best_of(d, close_worth)) >= 0 && d->c.like[d->close] <= RANK_ALIKE)
		take(d, d->close);
	else
		d->close = -1;
	d->room -= 40;			/* the hashtags */
	fill(d);
	ret->content = layout_post(d, tag, tags);
	ret->title = layout_title(d);
}

/* --- the source, without what is avoided --- */

/* Sentences that hold an avoided word say nothing; false when no good one is left that does not. */
static bool
bar(struct draft *d)
{
	bool left = false, barred = false;

	for (int i = 0; i < d->r->n; i++) {
		struct rank_item *t = &d->r->item[i];
		if (avoid_hits(d->plan->avoid, t->s)) {
			t->fit = t->score = 0;
			t->words = 0;
			barred = true;
		}
		left |= t->fit >= FIT_MIN && !t->heading;
	}
	return left || !barred;
}

static enum write_fault
read_source(struct draft *d, struct arena *a)
{
	d->r = rank_new(a, d->source, d->plan->lang);
	if (!bar(d)) {
		str cut = clause_keep(a, d->plan->avoid, d->source, d->plan->lang);
		if (cut.n > 0) {
			d->source = cut;
			d->r = rank_new(a, cut, d->plan->lang);
			(void)bar(d);
		}
		return rank_relax(d->r) ? WRITE_OK : WRITE_AVOIDED;
	}
	return rank_relax(d->r) ? WRITE_OK : WRITE_EMPTY;
}

enum write_fault
builtin_post(const struct write_input *in, struct arena *a, write_progress *progress, void *ctx, struct write_output *ret)
{
	struct plan plan;
	struct draft d = { .plan = &plan, .source = plan_exchange(a, in->voice, rank_clean(a, in->source)) };

	if (!progress(ctx, 0.1, "reading"))
		return WRITE_STOPPED;
	plan_new(a, in, language_of(in, d.source), &plan);
	enum write_fault fault = read_source(&d, a);
	if (fault != WRITE_OK)
		return fault;
	if (in->topic.n != 0)
		rank_toward(d.r, in->topic);
	if (!progress(ctx, 0.6, "choosing"))
		return WRITE_STOPPED;
	compose(&d, plan_exchange(a, in->voice, in->hook), ret);
	if (ret->content.n == 0)
		return WRITE_AVOIDED;
	ret->followed = plan.followed;
	ret->provider = "builtin";
	ret->model = S("extract-1");
	return progress(ctx, 1, "done") ? WRITE_OK : WRITE_STOPPED;
}
