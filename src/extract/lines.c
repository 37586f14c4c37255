#include "extract/lines.h"
#include "extract/flow.h"
#include "text/text.h"
#include <math.h>
#include <stdlib.h>

#define LINES_MAX	((size_t)1 << 20)
#define LARGER		1.15f	/* times the size of the running text: a heading */
#define HEADING_MAX	240	/* bytes */
#define EDGE		0.12f	/* of a page's height: where running heads and page numbers stand */
#define SIZES		400	/* in half points */
#define LEVELS		4

void
lines_add(struct lines *l, struct line line)
{
	if (l->n == l->cap) {
		size_t cap = l->cap != 0 ? l->cap * 2 : 1024;
		l->at = arena_grow(l->o->a, l->at, l->cap * sizeof(*l->at), cap * sizeof(*l->at));
		l->cap = cap;
	}
	if (l->n == LINES_MAX)
		out_stop(l->o, FAILED, "The file has more than %zu lines. Split it and upload the parts.", LINES_MAX);
	line.s = str_dup(l->o->a, line.s);
	l->at[l->n++] = line;
}

/* --- sizes of type --- */

struct type { int body; int levels[LEVELS], n; float spacing; };

static int half_points(const struct line *l) { return MAX(0, MIN((int)lroundf(l->size * 2), SIZES - 1)); }

static bool
is_heading(const struct line *l, const struct type *t)
{
	return !l->whole && l->s.n != 0 && l->s.n <= HEADING_MAX && (float)half_points(l) >= (float)t->body * LARGER && t->body > 0;
}

static int
level(const struct line *l, const struct type *t)
{
	for (int i = 0; i < t->n; i++)
		if (half_points(l) >= t->levels[i])
			return i + 1;
	return LEVELS;
}

static int
by_float(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

/* The usual distance from one line of running text to the next. */
static float
usual_spacing(const struct lines *l, int body)
{
	float *gap = NEW_N(l->o->a, float, l->n + 1);
	size_t n = 0;

	for (size_t i = 1; i < l->n; i++) {
		float d = l->at[i].y1 - l->at[i - 1].y1;
		if (l->at[i].page == l->at[i - 1].page && abs(half_points(&l->at[i]) - body) <= 1 && d > 0 && d < l->at[i].size * 3)
			gap[n++] = d;
	}
	qsort(gap, n, sizeof(*gap), by_float);
	return n > 0 ? gap[n / 2] : (float)body * 0.6f;
}

static struct type
measure(const struct lines *l)
{
	size_t letters[SIZES] = { 0 };
	struct type t = { .body = 0 };

	for (size_t i = 0; i < l->n; i++)
		if (!l->at[i].whole)
			letters[half_points(&l->at[i])] += l->at[i].s.n;
	for (int i = 1; i < SIZES; i++)
		if (letters[i] > letters[t.body] || t.body == 0)
			t.body = letters[i] > 0 ? i : t.body;
	for (int i = SIZES - 1; i > 0 && t.n < LEVELS && (float)i >= (float)t.body * LARGER && t.body > 0; i--)
		if (letters[i] > 0 && (t.n == 0 || i < t.levels[t.n - 1] - 1))
			t.levels[t.n++] = i;
	t.spacing = usual_spacing(l, t.body);
	return t;
}

/* --- what repeats at the edges --- */

struct repeat { uint64_t key; size_t line; };

static bool
at_edge(const struct line *l, const struct type *t)
{
	return !l->whole && !is_heading(l, t) && (l->y1 < l->page_height * EDGE || l->y2 > l->page_height * (1 - EDGE));
}

/* The same but for numbers, at the same height (both kept coarse). */
static uint64_t
edge_key(const struct line *l)
{
	uint64_t h = UINT64_C(1469598103934665603) ^ (uint64_t)lroundf(l->y1 / 4);
	bool digit = false;

	for (size_t i = 0; i < l->s.n; i++) {
		uint8_t c = (uint8_t)l->s.p[i];
		bool d = c >= '0' && c <= '9';
		if (!(d && digit))
			h = (h ^ (d ? '#' : c)) * UINT64_C(1099511628211);
		digit = d;
	}
	return h;
}

static int
by_key(const void *a, const void *b)
{
	const struct repeat *x = a, *y = b;

	return x->key != y->key ? (x->key < y->key ? -1 : 1) : x->line < y->line ? -1 : x->line > y->line;
}

static void
drop_edges(struct lines *l, const struct type *t, int pages)
{
	struct repeat *r = NEW_N(l->o->a, struct repeat, l->n);
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (at_edge(&l->at[i], t))
			r[n++] = (struct repeat){ edge_key(&l->at[i]), i };
	qsort(r, n, sizeof(*r), by_key);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from; to < n && r[to].key == r[from].key; to++)
			;
		if (to - from < 3 || (int)(to - from) * 5 < pages * 2)		/* left and right pages may differ */
			continue;
		for (size_t i = from; i < to; i++)
			l->at[r[i].line].s.n = 0;
	}
}

/* --- paragraphs --- */

static str
without_bullet(str s)
{
	static const str marks[] = { S_INIT("•"), S_INIT("◦"), S_INIT("▪"), S_INIT("‣"), S_INIT("●"), S_INIT("○"), S_INIT("■"), S_INIT("- "), S_INIT("– "),
		S_INIT("* "), S_INIT("\xEF\x82\xB7") };

	for (size_t i = 0; i < COUNT(marks); i++)
		if (str_starts(s, marks[i]))
			return str_trim(str_cut(s, marks[i].n, s.n));
	return STR_NONE;
}

static bool
numbered(str s)
{
	size_t i = 0;

	while (i < s.n && i < 3 && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i > 0 && i + 2 < s.n && (s.p[i] == '.' || s.p[i] == ')') && s.p[i + 1] == ' ';
}

static bool item(str s) { return without_bullet(s).p != NULL || numbered(s); }

static bool
ends_sentence(str s)
{
	static const str ends[] = { S_INIT("."), S_INIT("!"), S_INIT("?"), S_INIT(":"), S_INIT("…"), S_INIT("”"), S_INIT("“"), S_INIT("\""), S_INIT(".)") };

	for (size_t i = 0; i < COUNT(ends); i++)
		if (str_ends(s, ends[i]))
			return true;
	return false;
}

/* Whether a line goes on with what the one before it began; right is where the lines of its paragraph end. */
static bool
goes_on(const struct line *was, const struct line *is, float right, const struct type *t)
{
	float gap = is->y1 - was->y1;

	if (is->whole || was->whole || item(is->s) || is_heading(is, t) != is_heading(was, t))
		return false;
	if (fabsf(is->size - was->size) > was->size * 0.12f)
		return false;
	if (is->page != was->page || gap < -is->size)		/* the next page or column */
		return !ends_sentence(was->s) && flow_small(is->s);
	if (is_heading(is, t))
		return gap < is->size * 1.7f;
	if (gap > t->spacing * 1.4f)
		return false;
	if (ends_sentence(was->s) && (is->x1 > was->x1 + is->size * 0.8f || was->x2 < right - (right - was->x1) * 0.25f))
		return false;
	return true;
}

static size_t
give_one(struct lines *l, struct flow *f, const struct type *t, size_t i)
{
	const struct line *first = &l->at[i], *was = first;
	str bare = first->whole ? STR_NONE : without_bullet(first->s);
	bool list = !first->whole && item(first->s) && !is_heading(first, t);
	float right = first->x2;

	if (!list)
		flow_close(f);
	if (first->page != l->o->page) {
		flow_close(f);
		out_page(l->o, first->page);
	}
	if (list && bare.p != NULL)
		flow_mark(f);
	flow_add(f, list && bare.p != NULL ? bare : first->s);
	for (i++; i < l->n; i++) {
		if (l->at[i].s.n == 0)
			continue;
		if (!goes_on(was, &l->at[i], right, t))
			break;
		was = &l->at[i];
		right = MAX(right, was->x2);
		flow_wrap(f, was->s);
	}
	flow_end(f, is_heading(first, t) ? level(first, t) : list ? FLOW_LINE : FLOW_TEXT);
	return i;
}

void
lines_give(struct lines *l)
{
	struct flow f;

	if (l->n == 0)
		return;
	struct type t = measure(l);
	drop_edges(l, &t, l->at[l->n - 1].page);
	flow_init(&f, l->o);
	for (size_t i = 0; i < l->n;)
		i = l->at[i].s.n != 0 ? give_one(l, &f, &t, i) : i + 1;
	flow_close(&f);
}
