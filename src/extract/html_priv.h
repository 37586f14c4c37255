/* html_priv -- a page as a flat list: every element and piece of text in the order of the source, with where its inside ends.
 *
 * So the inside of element i is the rows i + 1 to end - 1, no walk needs recursion, and what is asked of an inside is a difference of two sums.
 * Ownership: in the arena of `out`; nodes belong to gumbo, and are never freed.  Layer: includes base. */
#ifndef HTML_PRIV_H
#define HTML_PRIV_H
#include "base/base.h"
#include <gumbo.h>

struct el {
	const GumboNode *node;
	int parent, end;
	int letters, linked;		/* of the text inside, and of that within links */
	int links;			/* elements <a href> inside */
	bool skip;			/* this and its inside are not the page's own text */
};
struct page { struct el *el; int n; int body; };

static inline bool el_is(const struct page *p, int i, GumboTag t)
{
	return p->el[i].node->type == GUMBO_NODE_ELEMENT && p->el[i].node->v.element.tag == t;
}
static inline GumboTag el_tag(const struct page *p, int i)
{
	return p->el[i].node->type == GUMBO_NODE_ELEMENT ? p->el[i].node->v.element.tag : GUMBO_TAG_UNKNOWN;
}
str	el_attr(const struct page *, int i, const char *name);	/* absent when there is none */
str	el_text(const struct page *, int i);			/* of a piece of text; absent of an element */
bool	el_block(GumboTag);					/* begins a paragraph of its own */

/* Marks what is navigation, a comment, a banner, a list of links; returns the smallest element that holds the running text. */
int	html_main_part(struct page *, struct arena *);

/* html_cost.c: whether gumbo can read it in good time. */
enum html_cost { HTML_FINE, HTML_DEEP, HTML_ATTRIBUTES };
enum html_cost html_cost(str);
#endif
