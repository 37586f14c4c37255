/* html -- a page: its title, and of its text what html_main.c says is the page's own. */
#include "extract/encode.h"
#include "extract/flow.h"
#include "extract/html_priv.h"

#define NODES_MAX	2000000
#define HEAD		((size_t)4096)

/* --- its alphabet --- */

/* What the page says of itself, in <meta>, in bytes that are ASCII for the most part. */
static str
meta_charset(str s)
{
	str head = str_cut(s, 0, HEAD);

	for (size_t i = 0; i + 8 < head.n; i++) {
		if (!str_ieq(str_cut(head, i, i + 8), S("charset=")))
			continue;
		size_t from = i + 8 + (head.p[i + 8] == '"' || head.p[i + 8] == '\''), to = from;
		while (to < head.n && ((head.p[to] | 0x20) >= 'a' || (head.p[to] >= '0' && head.p[to] <= '9') || head.p[to] == '-') && (head.p[to] | 0x20) <= 'z')
			to++;
		return str_cut(head, from, to);
	}
	return STR_NONE;
}

/* --- the flat list --- */

static const GumboVector *
children(const GumboNode *n)
{
	return n->type == GUMBO_NODE_ELEMENT || n->type == GUMBO_NODE_TEMPLATE ? &n->v.element.children :
	    n->type == GUMBO_NODE_DOCUMENT ? &n->v.document.children : NULL;
}

/* The node that follows in the source; *leave counts the elements that end before it. */
static const GumboNode *
next_node(const GumboNode *n, const GumboNode *root, int *leave)
{
	const GumboVector *v = children(n);

	*leave = 0;
	if (v != NULL && v->length > 0)
		return v->data[0];
	for (; n != root; n = n->parent) {
		(*leave)++;
		v = children(n->parent);
		if (n->index_within_parent + 1 < v->length)
			return v->data[n->index_within_parent + 1];
	}
	return NULL;
}

static int
count_nodes(const GumboNode *root)
{
	int n = 0, leave;

	for (const GumboNode *at = root; at != NULL && n <= NODES_MAX; at = next_node(at, root, &leave))
		n++;
	return n;
}

static void
flatten(struct page *p, const GumboNode *root)
{
	int at = -1, leave;		/* the element that is open */

	p->n = 0;
	for (const GumboNode *n = root; n != NULL; n = next_node(n, root, &leave)) {
		int i = p->n++;
		p->el[i] = (struct el){ .node = n, .parent = at };
		if (el_is(p, i, GUMBO_TAG_BODY) && p->body == 0)
			p->body = i;
		at = i;
		next_node(n, root, &leave);
		for (; leave > 0 && at >= 0; leave--) {
			p->el[at].end = p->n;
			at = p->el[at].parent;
		}
	}
	p->el[0].end = p->n;
}

str
el_attr(const struct page *p, int i, const char *name)
{
	const GumboAttribute *a = p->el[i].node->type == GUMBO_NODE_ELEMENT ? gumbo_get_attribute(&p->el[i].node->v.element.attributes, name) : NULL;

	return a != NULL ? str_z(a->value) : STR_NONE;
}

str
el_text(const struct page *p, int i)
{
	GumboNodeType t = p->el[i].node->type;

	return t == GUMBO_NODE_TEXT || t == GUMBO_NODE_WHITESPACE || t == GUMBO_NODE_CDATA ? str_z(p->el[i].node->v.text.text) : STR_NONE;
}

/* --- the title --- */

static str
inner_text(const struct page *p, int i, struct arena *a)
{
	struct buf b;

	buf_init(&b, a, 4096);
	for (int k = i + 1; k < p->el[i].end; k++)
		buf_add(&b, el_text(p, k));
	return str_trim(buf_str(&b));
}

static str
meta(const struct page *p, const char *name)
{
	for (int i = 0; i < p->n; i++)
		if (el_is(p, i, GUMBO_TAG_META) && (str_ieq(el_attr(p, i, "property"), str_z(name)) || str_ieq(el_attr(p, i, "name"), str_z(name))))
			return str_trim(el_attr(p, i, "content"));
	return STR_NONE;
}

/* "Words of the page | Name of the site", in either order of common marks; the name is known, or what is short behind the mark. */
static str
without_site(str title, str site)
{
	static const str marks[] = { S_INIT(" | "), S_INIT(" - "), S_INIT(" – "), S_INIT(" — "), S_INIT(" :: "), S_INIT(" · "), S_INIT(" » ") };
	size_t cut = 0;

	for (size_t m = 0; m < COUNT(marks); m++)
		for (size_t i = 0; i + marks[m].n < title.n; i++) {
			if (memcmp(title.p + i, marks[m].p, marks[m].n) != 0)
				continue;
			str behind = str_trim(str_cut(title, i + marks[m].n, title.n));
			if (site.n != 0 ? str_ieq(behind, site) : behind.n < i && behind.n <= 40)
				cut = MAX(cut, i);
		}
	return cut != 0 ? str_trim(str_cut(title, 0, cut)) : title;
}

/* The one of an inside; absent when there are more. */
static str
only_h1(const struct page *p, int within, struct arena *a)
{
	str found = STR_NONE;

	for (int i = within; i < p->el[within].end; i++) {
		if (!el_is(p, i, GUMBO_TAG_H1))
			continue;
		if (found.n != 0)
			return STR_NONE;
		found = inner_text(p, i, a);
	}
	return found;
}

static void
give_title(const struct page *p, int part, struct out *o)
{
	str site = meta(p, "og:site_name"), title = meta(p, "og:title");

	if (title.n != 0 && site.n != 0)
		title = without_site(title, site);
	if (title.n == 0)
		title = only_h1(p, part, o->a);
	if (title.n == 0)
		title = only_h1(p, 0, o->a);
	for (int i = 0; title.n == 0 && i < p->n; i++)
		if (el_is(p, i, GUMBO_TAG_TITLE))
			title = without_site(inner_text(p, i, o->a), site);
	out_title(o, title);
}

/* --- the text --- */

struct walk { struct flow f; const struct page *p; int lists, cells, pre, rows; };

static int
kind(const struct walk *w)
{
	return w->lists > 0 ? FLOW_LINE : FLOW_TEXT;
}

static int
heading(GumboTag t)
{
	static const GumboTag tags[] = { GUMBO_TAG_H1, GUMBO_TAG_H2, GUMBO_TAG_H3, GUMBO_TAG_H4, GUMBO_TAG_H5, GUMBO_TAG_H6 };

	for (int i = 0; i < (int)COUNT(tags); i++)
		if (tags[i] == t)
			return i + 1;
	return 0;
}

bool
el_block(GumboTag t)
{
	static const GumboTag tags[] = { GUMBO_TAG_P, GUMBO_TAG_DIV, GUMBO_TAG_SECTION, GUMBO_TAG_ARTICLE, GUMBO_TAG_MAIN, GUMBO_TAG_BLOCKQUOTE, GUMBO_TAG_LI,
		GUMBO_TAG_UL, GUMBO_TAG_OL, GUMBO_TAG_DL, GUMBO_TAG_DT, GUMBO_TAG_DD, GUMBO_TAG_PRE, GUMBO_TAG_TABLE, GUMBO_TAG_TR, GUMBO_TAG_TD, GUMBO_TAG_TH,
		GUMBO_TAG_FIGURE, GUMBO_TAG_FIGCAPTION, GUMBO_TAG_ADDRESS, GUMBO_TAG_HEADER, GUMBO_TAG_FOOTER, GUMBO_TAG_ASIDE, GUMBO_TAG_NAV, GUMBO_TAG_FORM,
		GUMBO_TAG_FIELDSET, GUMBO_TAG_DETAILS, GUMBO_TAG_SUMMARY, GUMBO_TAG_HR, GUMBO_TAG_CENTER, GUMBO_TAG_BODY, GUMBO_TAG_CAPTION };

	for (size_t i = 0; i < COUNT(tags); i++)
		if (tags[i] == t)
			return true;
	return heading(t) != 0;
}

/* A table that lays out a page: its cells are no values. */
static bool
lays_out(const struct page *p, int table)
{
	int cells = 0;

	for (int i = table + 1; i < p->el[table].end; i++) {
		GumboTag t = el_tag(p, i);
		if (t == GUMBO_TAG_TABLE || heading(t) != 0 || ((t == GUMBO_TAG_TD || t == GUMBO_TAG_TH) && p->el[i].letters > 500))
			return true;
		cells += t == GUMBO_TAG_TD || t == GUMBO_TAG_TH;
	}
	return cells < 2;
}

/* Nothing came behind a line break but blanks. */
static bool
broken(const struct walk *w)
{
	size_t n = w->f.words.n;

	while (n > 0 && w->f.words.p[n - 1] == ' ')
		n--;
	return n > 0 && w->f.words.p[n - 1] == '\n';
}

static void
enter(struct walk *w, int i)
{
	GumboTag t = el_tag(w->p, i);

	w->pre += t == GUMBO_TAG_PRE;
	if (t == GUMBO_TAG_BR && kind(w) == FLOW_TEXT && w->cells == 0 && broken(w))
		flow_end(&w->f, FLOW_TEXT);	/* two of them part paragraphs */
	else if (t == GUMBO_TAG_BR)
		flow_line(&w->f);
	if (!el_block(t))
		return;
	if (w->cells > 0 && t != GUMBO_TAG_TD && t != GUMBO_TAG_TH) {
		flow_add(&w->f, S(" "));
		return;
	}
	if (w->rows > 0 && (t == GUMBO_TAG_TD || t == GUMBO_TAG_TH)) {
		flow_cell(&w->f);
		w->cells++;
		return;
	}
	flow_end(&w->f, kind(w));
	w->lists += t == GUMBO_TAG_UL || t == GUMBO_TAG_OL;
	w->rows += t == GUMBO_TAG_TABLE && !lays_out(w->p, i);
	if (t == GUMBO_TAG_LI)
		flow_mark(&w->f);
}

static void
leave(struct walk *w, int i)
{
	GumboTag t = el_tag(w->p, i);
	bool cell = t == GUMBO_TAG_TD || t == GUMBO_TAG_TH;

	w->pre -= t == GUMBO_TAG_PRE;
	if (!el_block(t))
		return;
	if (w->cells > 0) {
		w->cells -= cell;
		return;
	}
	flow_end(&w->f, w->rows > 0 && t == GUMBO_TAG_TR ? FLOW_LINE : heading(t) != 0 ? heading(t) : kind(w));
	if (t == GUMBO_TAG_UL || t == GUMBO_TAG_OL)
		w->lists--;
	w->rows -= t == GUMBO_TAG_TABLE && w->rows > 0;
	if ((t == GUMBO_TAG_TABLE && w->rows == 0) || ((t == GUMBO_TAG_UL || t == GUMBO_TAG_OL) && w->lists == 0))
		flow_close(&w->f);
}

/* A line break in the source is a blank, but not in <pre>. */
static void
words(struct walk *w, str s)
{
	while (w->pre == 0 && s.n != 0) {
		const char *p = memchr(s.p, '\n', s.n);
		size_t n = p != NULL ? (size_t)(p - s.p) : s.n;
		flow_add(&w->f, str_cut(s, 0, n));
		if (p != NULL)
			flow_add(&w->f, S(" "));
		s = str_cut(s, n + (p != NULL), s.n);
	}
	flow_add(&w->f, s);
}

static void
give_text(const struct page *p, int root, struct out *o)
{
	struct walk w = { .p = p };
	int open = root;		/* the innermost element that has not ended */

	flow_init(&w.f, o);
	for (int i = root + 1; i < p->el[root].end;) {
		for (; open != root && p->el[open].end <= i; open = p->el[open].parent)
			leave(&w, open);
		if (p->el[i].skip) {
			i = p->el[i].end;
			continue;
		}
		words(&w, el_text(p, i));
		if (p->el[i].node->type == GUMBO_NODE_ELEMENT) {
			enter(&w, i);
			open = i;
		}
		i++;
	}
	for (; open != root; open = p->el[open].parent)
		leave(&w, open);
	flow_end(&w.f, FLOW_TEXT);
	flow_close(&w.f);
}

static void *gumbo_gets(void *arena, size_t n) { return arena_raw(arena, n); }
static void gumbo_gives_back(void *arena, void *p) { (void)arena, (void)p; }

void
html_read(const struct file *file, struct out *o)
{
	str charset = file->charset.n != 0 ? file->charset : meta_charset(file->bytes);
	str s = encode_utf8(o->a, file->bytes, charset, NULL);
	GumboOptions options = kGumboDefaultOptions;
	struct page p = { .n = 0 };

	if (s.p == NULL)
		out_stop(o, FAILED, "The page begins as text and goes on as something else. Save it anew and upload it again.");
	enum html_cost cost = html_cost(s);
	if (cost != HTML_FINE)
		out_stop(o, FAILED, "The page %s. Upload its text alone.", cost == HTML_DEEP ? "nests elements too deep" : "has tags with too many attributes");
	options.max_errors = 0;
	options.allocator = gumbo_gets;
	options.deallocator = gumbo_gives_back;
	options.userdata = o->a;
	const GumboNode *root = gumbo_parse_with_options(&options, s.p, s.n)->root;
	if ((p.n = count_nodes(root)) > NODES_MAX)
		out_stop(o, FAILED, "The page has more than %d elements. Upload its text alone.", NODES_MAX);
	p.el = NEW_N(o->a, struct el, p.n);
	flatten(&p, root);
	int part = html_main_part(&p, o->a);
	give_title(&p, part, o);
	give_text(&p, part, o);
}
