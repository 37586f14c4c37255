/* html_main -- which part of a page is its own text.
 *
 * What is surely not goes first: by tag (nav, footer), by role, by words in class and id (cookie, related), by being a list of links; what holds
 * nearly all text is never judged by its name.  Of what is left, running text counts: blocks of some length with few links.  The part is
 * the smallest element that holds most of it, or the <article> or <main> around that. */
#include "extract/html_priv.h"

#define RUN_MIN		25	/* letters of a block that is running text */
#define MOST		0.70	/* of the running text: the part holds as much */
#define OUTSIDE		250	/* letters of text that must be left, and the share of all, when something large goes for its name */
#define OUTSIDE_SHARE	5

/* --- sums --- */

static int
letters_of(str s)
{
	int n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (uint8_t)s.p[i] > ' ' && ((uint8_t)s.p[i] & 0xC0) != 0x80;
	return n;
}

static bool
unseen(GumboTag t)
{
	static const GumboTag tags[] = { GUMBO_TAG_SCRIPT, GUMBO_TAG_STYLE, GUMBO_TAG_NOSCRIPT, GUMBO_TAG_TEMPLATE, GUMBO_TAG_IFRAME, GUMBO_TAG_OBJECT,
		GUMBO_TAG_SVG, GUMBO_TAG_MATH, GUMBO_TAG_BUTTON, GUMBO_TAG_SELECT, GUMBO_TAG_TEXTAREA, GUMBO_TAG_HEAD, GUMBO_TAG_AUDIO, GUMBO_TAG_VIDEO,
		GUMBO_TAG_CANVAS };

	for (size_t i = 0; i < COUNT(tags); i++)
		if (tags[i] == t)
			return true;
	return false;
}

/* Letters, linked letters and links of every inside, from the end to the start: children come behind their parents. */
static void
add_up(struct page *p)
{
	for (int i = p->n - 1; i > 0; i--) {
		struct el *e = &p->el[i], *up = &p->el[e->parent];
		str text = el_text(p, i);
		bool link = el_is(p, i, GUMBO_TAG_A) && el_attr(p, i, "href").p != NULL;
		if (text.p != NULL)
			e->letters = letters_of(text);
		if (link) {
			e->linked = e->letters;
			e->links++;
		}
		if (e->node->type == GUMBO_NODE_TEMPLATE || unseen(el_tag(p, i))) {
			e->skip = true;
			continue;
		}
		up->letters += e->letters;
		up->linked += e->linked;
		up->links += e->links;
	}
}

/* --- what is not the page's own --- */

static const char *const foreign[] = { "ad", "ads", "advert", "advertisement", "anzeige", "banner", "breadcrumb", "breadcrumbs", "comment", "comments",
	"consent", "cookie", "cookies", "dialog", "disqus", "footer", "gdpr", "kommentar", "kommentare", "login", "menu", "modal", "nav", "navbar", "navigation",
	"newsletter", "outbrain", "overlay", "pager", "pagination", "paywall", "popup", "promo", "promotion", "recommendations", "recommended", "related", "share",
	"sharing", "sidebar", "signup", "social", "sponsor", "sponsored", "subscribe", "subscription", "taboola", "teaser", "teasers", "toolbar", "werbung",
	"widget" };
static const char *const roles[] = { "navigation", "banner", "contentinfo", "complementary", "dialog", "alertdialog", "search", "menu", "menubar", "toolbar" };

static bool
among(const char *const *words, size_t n, str w)
{
	for (size_t i = 0; i < n; i++)
		if (str_ieq(w, str_z(words[i])))
			return true;
	return false;
}

/* The next word of names such as "post-meta relatedPosts": post, meta, related, Posts. */
static str
next_word(str names, size_t *i)
{
	while (*i < names.n && ((names.p[*i] | 0x20) < 'a' || (names.p[*i] | 0x20) > 'z'))
		++*i;
	size_t from = *i;
	while (*i < names.n && (names.p[*i] | 0x20) >= 'a' && (names.p[*i] | 0x20) <= 'z' &&
	    (*i == from || names.p[*i] >= 'a' || names.p[*i - 1] <= 'Z'))
		++*i;
	return str_cut(names, from, *i);
}

static bool
foreign_words(str names)
{
	static const char *const about[] = { "has", "no", "with", "without", "is" };	/* "has-sidebar" is about another element */
	str before = STR_NONE, word;

	for (size_t i = 0; (word = next_word(names, &i)).n != 0; before = word)
		if (among(foreign, COUNT(foreign), word) && !among(about, COUNT(about), before))
			return true;
	return false;
}

static bool
within(const struct page *p, int i, GumboTag t)
{
	for (i = p->el[i].parent; i > 0; i = p->el[i].parent)
		if (el_is(p, i, t))
			return true;
	return false;
}

static bool
hidden(const struct page *p, int i)
{
	str style = el_attr(p, i, "style");

	return el_attr(p, i, "hidden").p != NULL || str_ieq(el_attr(p, i, "aria-hidden"), S("true")) ||
	    (style.p != NULL && (strcasestr(style.p, "display:none") != NULL || strcasestr(style.p, "display: none") != NULL));
}

/* Related links, a table of contents, a row of tags: nearly everything in it is a link. */
static bool
links_only(const struct page *p, int i, GumboTag t)
{
	const struct el *e = &p->el[i];

	return (t == GUMBO_TAG_UL || t == GUMBO_TAG_OL || t == GUMBO_TAG_DIV || t == GUMBO_TAG_SECTION || t == GUMBO_TAG_TABLE || t == GUMBO_TAG_DL) &&
	    e->links >= 3 && e->linked * 10 >= e->letters * 7;
}

/* Notes between words that only a browser needs: of a wiki, to edit a chapter and to find a source. */
static bool
mark(const struct page *p, int i)
{
	str class = el_attr(p, i, "class");

	return str_eq(class, S("mw-editsection")) || (el_is(p, i, GUMBO_TAG_SUP) && str_eq(class, S("reference")));
}

/* Whether enough is left without it: comments may be longer than what they are about. */
static bool
spared(const struct page *p, int i)
{
	const struct el *all = &p->el[p->body], *e = &p->el[i];
	int left = (all->letters - all->linked) - (e->letters - e->linked);

	return left >= OUTSIDE && left * OUTSIDE_SHARE >= all->letters;
}

static bool
not_own(const struct page *p, int i, int all)
{
	GumboTag t = el_tag(p, i);
	bool small = p->el[i].letters * 2 < all;

	if (t == GUMBO_TAG_NAV || t == GUMBO_TAG_FOOTER || t == GUMBO_TAG_ASIDE)
		return true;
	if (t == GUMBO_TAG_HEADER && !within(p, i, GUMBO_TAG_ARTICLE) && !within(p, i, GUMBO_TAG_MAIN) && small)
		return true;
	if (hidden(p, i) || mark(p, i) || (small && among(roles, COUNT(roles), el_attr(p, i, "role"))))
		return true;
	if (t == GUMBO_TAG_BODY || t == GUMBO_TAG_MAIN || t == GUMBO_TAG_ARTICLE || t == GUMBO_TAG_HTML || !el_block(t) || (!small && !spared(p, i)))
		return false;
	return foreign_words(el_attr(p, i, "class")) || foreign_words(el_attr(p, i, "id")) || links_only(p, i, t);
}

/* --- the running text --- */

/* A block that has text of its own, and enough of it, and not as links. */
static bool
running(const struct page *p, int i)
{
	const struct el *e = &p->el[i];

	return e->letters >= RUN_MIN && e->linked * 2 < e->letters;
}

/* sum[i]: letters of running text before row i. */
static int *
sum_running(const struct page *p, struct arena *a)
{
	int *sum = NEW_N(a, int, p->n + 1), block = 0, skip_to = 0;

	for (int i = 0; i < p->n; i++) {
		if (p->el[i].skip)
			skip_to = MAX(skip_to, p->el[i].end);
		sum[i + 1] = sum[i];
		if (i < skip_to || el_text(p, i).p == NULL)
			continue;
		for (block = p->el[i].parent; block > 0 && !el_block(el_tag(p, block)); block = p->el[block].parent)
			;
		if (running(p, block))
			sum[i + 1] += p->el[i].letters;
	}
	return sum;
}

static bool
holds(GumboTag t)
{
	return t == GUMBO_TAG_DIV || t == GUMBO_TAG_SECTION || t == GUMBO_TAG_ARTICLE || t == GUMBO_TAG_MAIN || t == GUMBO_TAG_BODY || t == GUMBO_TAG_FORM ||
	    t == GUMBO_TAG_TABLE || t == GUMBO_TAG_TBODY || t == GUMBO_TAG_TR || t == GUMBO_TAG_TD || t == GUMBO_TAG_CENTER || t == GUMBO_TAG_UNKNOWN;
}

static int
smallest(const struct page *p, const int *sum)
{
	int part = p->body, all = sum[p->el[part].end] - sum[part];

	for (int i = part + 1; i < p->el[part].end;) {
		const struct el *e = &p->el[i];
		if (e->node->type == GUMBO_NODE_ELEMENT && !e->skip && holds(el_tag(p, i)) && all > 0 && sum[e->end] - sum[i] >= MOST * all) {
			part = i;		/* go into it */
			i++;
		} else {
			i = e->end;
		}
	}
	return part;
}

int
html_main_part(struct page *p, struct arena *a)
{
	add_up(p);
	for (int i = p->body + 1; i < p->el[p->body].end; i++)
		if (!p->el[i].skip && p->el[i].node->type == GUMBO_NODE_ELEMENT)
			p->el[i].skip = not_own(p, i, p->el[p->body].letters);
	const int *sum = sum_running(p, a);
	int part = smallest(p, sum);
	for (int i = part; i > p->body; i = p->el[i].parent)
		if (el_is(p, i, GUMBO_TAG_ARTICLE) || el_is(p, i, GUMBO_TAG_MAIN) || str_ieq(el_attr(p, i, "role"), S("main")))
			return i;
	return part;
}
