#include "write/write_priv.h"
#include <math.h>

/* What was chosen, written as the plan wants it: lines first, then their signs, then the whole. */

#define TITLE_MAX	120		/* code points */
#define PARAGRAPH_MAX	260		/* code points after which a paragraph ends, where nobody's habits say so */
#define PARAGRAPH_SENTENCES 3
#define PLAIN_TAGS	3
#define SUBJECTS	6		/* key phrases that a question may be about */
#define LINES_MAX	256
#define PICTURES_MAX	12

enum kind { OPENER, OPENING, BODY, ITEM, QUESTION, CLOSER };
struct line { enum kind kind; str s, before, behind; };
struct page { const struct draft *d; struct line line[LINES_MAX]; int n; };

static void
add(struct page *p, enum kind kind, str s)
{
	if (s.n > 0 && p->n < LINES_MAX && !avoid_hits(p->d->plan->avoid, s))
		p->line[p->n++] = (struct line){ .kind = kind, .s = s };
}

static str
written(const struct draft *d, int i)
{
	return rank_line(d->r->a, d->r->item[i].s, d->clip);
}

/* --- paragraphs --- */

static bool
same_section(const struct rank *r, int a, int b)
{
	for (int i = a; i < b; i++)
		if (r->item[i].heading)
			return false;
	return r->item[a].paragraph == r->item[b].paragraph || b <= a + 3;
}

/* How many sentences the next paragraph holds, so that singles are as frequent and the mean is as it is wanted. */
struct rhythm { float single, others, owed_single, owed; };

static struct rhythm
rhythm_of(const struct plan *p)
{
	float mean = MAX(1, p->want.v[STYLE_PARAGRAPH]), single = MIN(1, p->want.v[STYLE_SINGLE]);
	float others = single < 0.95f ? (mean - single) / (1 - single) : 1;

	return (struct rhythm){ .single = single, .others = MAX(others, single < 0.95f ? 2 : 1), .owed_single = 0.5f };
}

static int
next_size(struct rhythm *t)
{
	t->owed_single += t->single;
	if (t->owed_single >= 1) {
		t->owed_single -= 1;
		return 1;
	}
	t->owed += t->others;
	int n = (int)lroundf(t->owed);
	t->owed -= (float)n;
	return MAX(1, n);
}

struct flow { struct rhythm rhythm; int size, count, length, last; };

/* What stands behind an item of a list, which has no full stop, is no part of its sentence. */
static bool
is_closed(str s)
{
	return s.n > 0 && ((uint8_t)s.p[s.n - 1] >= 0x80 || strchr(".!?)\"", s.p[s.n - 1]) != NULL);
}

/* Whether item i goes on in the paragraph of the one before. */
static bool
goes_on(struct flow *f, const struct draft *d, int i)
{
	const struct rank_item *t = &d->r->item[i];

	if (f->last < 0 || d->item[i] || d->item[f->last])
		return false;
	if (d->plan->voiced)
		return f->count < f->size && is_closed(d->r->item[f->last].s);
	bool full = f->count >= PARAGRAPH_SENTENCES || f->length + t->length > PARAGRAPH_MAX || i == d->close;
	return (t->leans && f->last == i - 1) || (!full && same_section(d->r, f->last, i));
}

#define PARTS_MAX	4
#define NO_SINGLES	0.2f
#define LONGER		1.25f		/* a sentence with so many times the words that are wanted is parted, where it can be */

static int
parts_of(const struct draft *d, int i, str *part)
{
	const struct rank_item *t = &d->r->item[i];

	if (d->plan->voiced && !d->item[i] && (float)t->words > d->plan->want.v[STYLE_WORDS] * LONGER)
		return clause_split(d->r->a, written(d, i), d->r->lang, part, PARTS_MAX);
	part[0] = written(d, i);
	return 1;
}

static void
add_part(struct page *p, struct flow *f, int i, str s)
{
	const struct draft *d = p->d;
	int before = p->n;

	if (goes_on(f, d, i) && p->n > 0) {
		struct line *l = &p->line[p->n - 1];
		l->s = str_fmt(d->r->a, "%.*s %.*s", STR(l->s), STR(s));
		f->count++;
		f->length += d->r->item[i].length;
	} else {
		add(p, d->item[i] ? ITEM : BODY, s);
		f->size = next_size(&f->rhythm);
		f->count = 1;
		f->length = d->r->item[i].length;
	}
	f->last = p->n > before || f->last >= 0 ? i : -1;
}

static void
add_body(struct page *p)
{
	const struct draft *d = p->d;
	struct flow f = { .rhythm = rhythm_of(d->plan), .last = -1 };
	str part[PARTS_MAX];

	if (d->plan->voiced && d->plan->want.v[STYLE_SINGLE] < NO_SINGLES && p->n > 0) {
		f.last = d->hook;		/* who never writes a line alone opens with a paragraph */
		f.size = next_size(&f.rhythm);
		f.count = 1;
	}
	for (int i = 0; i < d->r->n; i++) {
		if (!d->c.taken[i] || d->hidden[i] || i == d->ask)
			continue;
		int n = parts_of(d, i, part);
		for (int k = 0; k < n; k++)
			add_part(p, &f, i, part[k]);
	}
}

/* --- pictures and bullets --- */

static bool
may_have(const struct line *l, bool in_front)
{
	return in_front ? l->kind == BODY : l->kind != OPENER && l->kind != ITEM && l->kind != CLOSER && !str_ends(l->s, S(":"));
}

/* One for each of n lines of those that may have one, evenly. */
static void
spread(struct page *p, int n, bool in_front)
{
	const struct habits *h = &p->d->plan->habits;
	int lines = 0, seen = 0, put = 0;

	for (int i = 0; i < p->n; i++)
		lines += may_have(&p->line[i], in_front);
	n = MIN(n, lines);
	for (int i = 0; i < p->n; i++) {
		struct line *l = &p->line[i];
		if (!may_have(l, in_front))
			continue;
		if (++seen * n / lines > put)
			*(in_front ? &l->before : &l->behind) = in_front ? h->front[put++ % h->fronts] : h->emoji[put++ % h->emojis];
	}
}

static int
pictures_in(const struct line *l)
{
	int n = 0;

	for (size_t i = 0, k; i < l->s.n; i += k) {
		if ((k = style_picture(l->s, i)) > 0) {
			n++;
		} else {
			size_t at = i;
			(void)utf8_next(l->s, &at);
			k = at - i;
		}
	}
	return n;
}

static void
put_bullets(struct page *p)
{
	const struct plan *plan = p->d->plan;
	str sign = plan->habits.bullet.n > 0 ? plan->habits.bullet : S("•");
	int n = 0;

	if (style_picture(sign, 0) > 0 && plan->want.v[STYLE_EMOJI_AT] <= 0)
		sign = S("•");			/* pictures were asked away */
	for (int i = 0; i < p->n; i++) {
		struct line *l = &p->line[i];
		if (l->kind == ITEM)
			l->before = str_eq(sign, S("1.")) ? str_fmt(p->d->r->a, "%d.", ++n) : sign;
	}
}

static void
decorate(struct page *p)
{
	const struct plan *plan = p->d->plan;
	int front = plan->want.v[STYLE_EMOJI_AT] > 0 ? (int)lroundf(MIN(PICTURES_MAX, plan->habits.fronted)) : 0;
	int end = (int)lroundf(MIN(PICTURES_MAX, plan->want.v[STYLE_EMOJI_END]));

	put_bullets(p);
	for (int i = 0; i < p->n; i++)
		end -= pictures_in(&p->line[i]);
	if (plan->habits.fronts > 0 && front > 0)
		spread(p, front, true);
	if (plan->habits.emojis > 0 && end > 0)
		spread(p, end, false);
}

/* --- hashtags --- */

static bool
has_tag(const str *tag, int n, str s)
{
	for (int i = 0; i < n; i++)
		if (str_ieq(tag[i], s))
			return true;
	return false;
}

int
layout_tags(const struct draft *d, const struct phrase *key, int keys, str *ret)
{
	const struct plan *p = d->plan;
	int max = p->voiced ? (int)lroundf(MIN(TAGS_MAX, p->want.v[STYLE_TAGS])) : PLAIN_TAGS, n = 0;

	for (int i = 0; i < p->habits.tags && n < max; i++)
		if (!avoid_hits(p->avoid, p->habits.tag[i]))
			ret[n++] = p->habits.tag[i];
	for (int i = 0; i < keys && n < max; i++) {
		str tag = phrase_tag(d->r, &key[i]);
		if (tag.n >= 4 && tag.n <= 50 && !has_tag(ret, n, tag) && !avoid_hits(p->avoid, tag))
			ret[n++] = tag;
	}
	return n;
}

/* --- the end --- */

static str
question_on(const struct draft *d, str x)
{
	static const char *const german[] = {
		[ADDRESS_NONE] = "haben Sie", [ADDRESS_DU] = "hast du", [ADDRESS_IHR] = "habt ihr", [ADDRESS_SIE] = "haben Sie",
	};
	const char *who = german[d->plan->habits.address];

	if (d->r->lang == TEXT_EN)
		return x.n == 0 ? S("What is your experience?") : str_fmt(d->r->a, "What is your experience with %.*s?", STR(x));
	if (d->r->lang == TEXT_DE)
		return x.n == 0 ? str_fmt(d->r->a, "Welche Erfahrungen %s gemacht?", who)
		    : str_fmt(d->r->a, "Welche Erfahrungen %s mit dem Thema „%.*s“ gemacht?", who, STR(x));
	return S("");
}

str
layout_question(const struct draft *d, const struct phrase *key, int keys)
{
	for (int i = 0; i < MIN(keys, SUBJECTS); i++) {
		str x = phrase_object(d->r, &key[i]);
		if (x.n == 0 || x.n > 60)
			continue;
		str q = question_on(d, rank_line(d->r->a, x, 60));
		if (!avoid_hits(d->plan->avoid, q))
			return q;
	}
	str q = question_on(d, S(""));
	return avoid_hits(d->plan->avoid, q) ? S("") : q;
}

static bool
asks(str s)
{
	return memchr(s.p, '?', s.n) != NULL;
}

static void
add_end(struct page *p)
{
	const struct draft *d = p->d;
	const struct habits *h = &d->plan->habits;
	bool asked = !d->plan->voiced && asks(d->opening);

	for (int i = 0; i < h->closers; i++)
		asked |= d->plan->closers && asks(h->closer[i]);
	if (d->ask >= 0)
		add(p, QUESTION, written(d, d->ask));
	else if (!asked)
		add(p, QUESTION, d->question);
	for (int i = 0; i < h->closers; i++)
		if (d->plan->closers && !(d->plan->silent && asks(h->closer[i])))
			add(p, CLOSER, h->closer[i]);
}

/* --- the whole --- */

static str
joined(const struct page *p, const str *tag, int tags)
{
	const struct style *want = &p->d->plan->want;
	str gap = want->v[STYLE_BLANK] >= 0.5f ? S("\n\n") : S("\n");
	struct buf b;

	buf_init(&b, p->d->r->a, POST_MAX * 4);
	for (int i = 0; i < p->n; i++) {
		const struct line *l = &p->line[i];
		bool list = i > 0 && l->kind == ITEM && p->line[i - 1].kind == ITEM;
		buf_add(&b, i == 0 ? S("") : list ? S("\n") : gap);
		buf_add(&b, l->before);
		buf_add(&b, l->before.n > 0 ? S(" ") : S(""));
		buf_add(&b, l->s);
		buf_add(&b, l->behind.n > 0 ? S(" ") : S(""));
		buf_add(&b, l->behind);
	}
	for (int i = 0; i < tags; i++) {
		buf_add(&b, i > 0 || want->v[STYLE_TAGS_OWN] < 0.5f ? S(" ") : gap);
		buf_add(&b, tag[i]);
	}
	return buf_str(&b);
}

/* What is too long, or with what stands beside it says what is avoided, goes: the last line of the body first. */
static bool
drop_line(struct page *p)
{
	for (int i = p->n - 1; i >= 0; i--)
		if (p->line[i].kind == BODY || p->line[i].kind == ITEM || p->n == 1 || i == 0) {
			memmove(&p->line[i], &p->line[i + 1], (size_t)(p->n - i - 1) * sizeof(p->line[0]));
			p->n--;
			return p->n > 0;
		}
	return false;
}

str
layout_post(const struct draft *d, const str *tag, int tags)
{
	struct page *p = NEW(d->r->a, struct page);
	const struct habits *h = &d->plan->habits;
	str s;

	p->d = d;
	if (d->plan->opener)
		add(p, OPENER, h->opener);
	add(p, OPENING, d->opening);
	add_body(p);
	add_end(p);
	if (d->plan->voiced)
		decorate(p);
	while (s = joined(p, tag, tags), utf8_count(s) > POST_MAX || avoid_hits(d->plan->avoid, s))
		if (!drop_line(p))
			return S("");
	return s;
}

static str
without_stop(str s)
{
	if (s.n > 1 && s.p[s.n - 1] == '.' && s.p[s.n - 2] != '.')
		s.n--;
	return s;
}

str
layout_title(const struct draft *d)
{
	const struct rank *r = d->r;

	for (int i = 0; i < r->n; i++) {
		const struct rank_item *t = &r->item[i];
		if (t->heading && t->words >= 2 && t->length <= TITLE_MAX && (t->phrases & (PHRASE_NOISE | PHRASE_GREETING)) == 0)
			return rank_line(r->a, t->s, TITLE_MAX);
	}
	return without_stop(rank_line(r->a, d->opening, TITLE_MAX));
}
