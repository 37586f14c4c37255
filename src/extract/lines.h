/* lines -- lines that stand on pages, into headings, paragraphs and lists: what a layout means.
 *
 * Lines are added page by page in reading order.  At the end what repeats at the edges of pages goes, larger type becomes headings, and lines become
 * paragraphs again by their spacing, their indents and how they end; words that were parted at a line's end are joined.
 * Units:  points, from the upper left corner.  Ownership: in the arena of `out`.  Threads: none of its own.  Layer: includes base text. */
#ifndef LINES_H
#define LINES_H
#include "extract/extract.h"

struct line { str s; float x1, y1, x2, y2, size; int page; float page_height; bool whole; };	/* whole: a paragraph already */
struct lines { struct out *o; struct line *at; size_t n, cap; };

void	lines_add(struct lines *, struct line);		/* the text is copied */
void	lines_give(struct lines *);			/* to `out`, with page marks */
#endif
