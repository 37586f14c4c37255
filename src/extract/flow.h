/* flow -- pieces of running text into paragraphs: what the readers of HTML, Markdown and Office documents share.
 *
 * Words are added as they come; flow_end says what they were.  Lines (items of a list, rows of a table, lines of code) that follow each other
 * make one text.  Blanks at the edges and double ones are out's business.
 * Ownership: in the arena of `out`.  Threads: none of its own.  Layer: includes base. */
#ifndef FLOW_H
#define FLOW_H
#include "extract/extract.h"

struct flow { struct out *o; struct buf words, lines; };
enum { FLOW_LINE = -1, FLOW_TEXT = 0 };		/* from 1 to 6: a heading of that level */

void	flow_init(struct flow *, struct out *);
void	flow_add(struct flow *, str);
void	flow_wrap(struct flow *, str);		/* the next line of a paragraph: a word that was parted at its end is one word */
bool	flow_small(str);				/* begins with a small letter */
void	flow_line(struct flow *);		/* a line break inside the paragraph */
void	flow_end(struct flow *, int what);	/* of a paragraph; nothing added is nothing said */
void	flow_mark(struct flow *);		/* the words that come are an item of a list */
void	flow_cell(struct flow *);		/* between two cells of a row */
void	flow_close(struct flow *);		/* no line follows the ones before */
#endif
