#include "write/style_priv.h"

/* --- how often what stands in samples --- */

#define COUNTED_MAX	64
#define SIGN_MAX	60		/* bytes; longer ones are nobody's habit */

struct counted { str s[COUNTED_MAX]; int times[COUNTED_MAX], last[COUNTED_MAX], n; };

/* Of one sample each sign counts once where by_sample is set. */
static void
count(struct counted *c, str s, int sample, bool by_sample)
{
	int i = 0;

	while (i < c->n && !str_ieq(c->s[i], s))
		i++;
	if (i == COUNTED_MAX || s.n > SIGN_MAX)
		return;
	if (i == c->n) {
		c->s[c->n] = s;
		c->last[c->n++] = -1;
	}
	c->times[i] += !by_sample || c->last[i] != sample;
	c->last[i] = sample;
}

/* The most frequent ones that are there at least so often, the earlier one first where two are as frequent. */
static int
most(struct counted *c, int least, str *ret)
{
	int n = 0;

	while (n < HABITS_MAX) {
		int best = -1;
		for (int i = 0; i < c->n; i++)
			if (c->times[i] >= least && (best < 0 || c->times[i] > c->times[best]))
				best = i;
		if (best < 0)
			break;
		ret[n++] = c->s[best];
		c->times[best] = 0;
	}
	return n;
}

struct signs { struct counted behind, front, tags, bullets; int items, lists, fronted; };

static void
count_words(struct signs *c, str s, int sample)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		if ((n = style_tag(s, i)) > 0) {
			count(&c->tags, str_cut(s, i, i + n), sample, true);
		} else if ((n = style_picture(s, i)) > 0) {
			count(&c->behind, str_cut(s, i, i + n), sample, false);
		} else {
			size_t k = i;
			(void)utf8_next(s, &k);
			n = k - i;
		}
	}
}

static void
count_line(struct signs *c, const struct style_line *l, bool first_item, int sample)
{
	bool picture = style_picture(l->mark, 0) > 0;

	count_words(c, str_cut(l->s, picture ? l->mark.n : 0, l->s.n), sample);
	if (l->item) {
		count(&c->bullets, style_numbered(l->mark) ? S("1.") : l->mark, sample, false);
		c->items++;
		c->lists += first_item;
	} else if (picture && l->body.n > 0) {
		count(&c->front, l->mark, sample, false);
		c->fronted++;
	} else if (picture) {
		count(&c->behind, l->mark, sample, false);
	}
}

/* --- samples that are another one once more --- */

static str
longest(const struct style_post *p)
{
	str s = S("");

	for (int i = 0; i < p->n; i++)
		if (p->line[i].s.n > s.n)
			s = p->line[i].s;
	return s;
}

static bool
seen_before(struct arena *a, const struct style_post *p, int i)
{
	str s = text_fold(a, longest(&p[i]));

	for (int k = 0; k < i; k++)
		if (str_eq(s, text_fold(a, longest(&p[k]))))
			return true;
	return false;
}

/* --- lines that come again --- */

#define CLOSING_LINES	3		/* from the end of a post on, those that may be its signature */
#define LINE_MAX	300		/* bytes of a line that is somebody's own */

struct ends { str line[CLOSING_LINES], fold[CLOSING_LINES]; int n; str first, first_fold; };

static str
bare(const struct style_line *l)
{
	return (str){ l->s.p, (size_t)(l->body.p + l->body.n - l->s.p) };
}

static struct ends
ends_of(struct arena *a, const struct style_post *p)
{
	struct ends e = { .n = 0 };
	const struct style_line *l = style_told(p, 0, 1);

	if (l == NULL)
		return e;
	e.first = bare(l);
	e.first_fold = text_fold(a, e.first);
	for (int i = p->n - 1; i > l - p->line && e.n < CLOSING_LINES; i--)
		if (p->line[i].body.n > 0 && p->line[i].s.n <= LINE_MAX) {
			e.line[e.n] = bare(&p->line[i]);
			e.fold[e.n] = text_fold(a, e.line[e.n]);
			e.n++;
		}
	return e;
}

static int
signed_with(const struct ends *e, int n, str fold)
{
	int times = 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < e[i].n; k++)
			times += str_eq(e[i].fold[k], fold);
	return times;
}

static int
opened_with(const struct ends *e, int n, str fold)
{
	int times = 0;

	for (int i = 0; i < n; i++)
		times += fold.n > 0 && str_eq(e[i].first_fold, fold);
	return times;
}

static void
learn_lines(const struct ends *e, int n, struct habits *h)
{
	int best = -1, times = 1;

	for (int i = 0; i < n; i++) {
		int t = opened_with(e, n, e[i].first_fold);
		if (t >= 2 && t * 2 >= n && e[i].first.n <= LINE_MAX && h->opener.p == NULL)
			h->opener = e[i].first;
		for (int k = 0; k < e[i].n; k++)
			if ((t = signed_with(e, n, e[i].fold[k])) > times) {
				times = t;
				best = i;
			}
	}
	/* those of the sample that has the most common one; e counts from the end */
	for (int k = best < 0 ? -1 : e[best].n - 1; k >= 0; k--)
		if (signed_with(e, n, e[best].fold[k]) >= 2) {
			if (h->closers == (int)COUNT(h->closer))
				h->closer[0] = h->closer[--h->closers];
			h->closer[h->closers++] = e[best].line[k];
		}
}

static bool
is_closer(struct arena *a, const struct habits *h, str s)
{
	for (int i = 0; i < h->closers; i++)
		if (str_eq(text_fold(a, h->closer[i]), text_fold(a, s)))
			return true;
	return false;
}

/* Whether a post ends on a question, before what it is signed with. */
static bool
ends_asking(struct arena *a, const struct style_post *p, const struct habits *h)
{
	for (int i = p->n - 1; i >= 0; i--) {
		const struct style_line *l = &p->line[i];
		if (l->body.n == 0 || is_closer(a, h, bare(l)))
			continue;
		str s = style_sentence(a, l->body, p->lang, true);
		return memchr(s.p, '?', s.n) != NULL;
	}
	return false;
}

/* --- who is spoken to in German --- */

static void
count_address(const struct style_post *p, int times[ADDRESS_SIE + 1])
{
	static const struct { enum address address; str words; } row[] = {
		{ ADDRESS_DU, S_INIT(" du dich dir dein deine deinen deinem deiner ") }, { ADDRESS_IHR, S_INIT(" ihr euch euer eure euren eurem eurer ") },
	};
	str w;

	for (int i = 0; i < p->n && p->lang == TEXT_DE; i++) {
		bool first = true;
		for (size_t at = 0; text_next_word(p->line[i].body, &at, &w); first = false) {
			for (size_t r = 0; r < COUNT(row); r++)
				times[row[r].address] += style_among(row[r].words, w) && !str_eq(w, S("Ihr"));
			times[ADDRESS_SIE] += !first && (str_eq(w, S("Sie")) || str_eq(w, S("Ihnen")));
		}
	}
}

static enum address
address_of(const struct style_post *p, int n)
{
	int times[ADDRESS_SIE + 1] = { 0 };
	enum address best = ADDRESS_NONE;

	for (int i = 0; i < n; i++)
		count_address(&p[i], times);
	for (int k = ADDRESS_DU; k <= ADDRESS_SIE; k++)
		if (times[k] > times[best])
			best = (enum address)k;
	return best;
}

/* --- style_learn --- */

static void
learn_signs(struct arena *a, const struct style_post *p, int n, struct habits *h)
{
	struct signs *c = NEW(a, struct signs);
	str common[HABITS_MAX];

	for (int i = 0; i < n; i++)
		for (int k = 0; k < p[i].n; k++)
			count_line(c, &p[i].line[k], k == 0 || !p[i].line[k - 1].item, i);
	h->emojis = most(&c->behind, 1, h->emoji);
	h->fronts = most(&c->front, 1, h->front);
	h->fronted = n > 0 ? (float)c->fronted / (float)n : 0;
	h->tags = most(&c->tags, MAX(2, n / 2 + 1), h->tag);
	if (most(&c->bullets, 1, common) > 0)
		h->bullet = common[0];
	h->items = c->items / MAX(1, c->lists);
}

void
style_learn(struct arena *a, const str *sample, int n, struct habits *h)
{
	struct style_post *p = NEW_N(a, struct style_post, STYLE_SAMPLES);
	struct ends *e = NEW_N(a, struct ends, STYLE_SAMPLES);

	*h = (struct habits){ .samples = 0 };
	for (int i = 0; i < n && h->samples < STYLE_SAMPLES; i++) {
		p[h->samples] = style_read(a, sample[i]);
		if (style_told(&p[h->samples], 0, 1) == NULL || seen_before(a, p, h->samples))
			continue;
		e[h->samples] = ends_of(a, &p[h->samples]);
		struct style st = style_measure(a, &p[h->samples], sample[i]);
		for (int k = 0; k < STYLE_COUNT; k++)
			h->mean.v[k] += st.v[k];
		h->samples++;
	}
	for (int k = 0; k < STYLE_COUNT && h->samples > 0; k++)
		h->mean.v[k] /= (float)h->samples;
	learn_signs(a, p, h->samples, h);
	learn_lines(e, h->samples, h);
	for (int i = 0; i < h->samples; i++)
		h->asks += ends_asking(a, &p[i], h) ? 1 / (float)h->samples : 0;
	h->address = address_of(p, h->samples);
}
