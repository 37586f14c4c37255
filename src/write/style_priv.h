/* style_priv -- a post in lines, which style.c measures and habit.c compares. */
#ifndef WRITE_STYLE_PRIV_H
#define WRITE_STYLE_PRIV_H
#include "write/style.h"

struct style_line {
	str s;			/* all of it */
	str mark;		/* what it begins with, or absent */
	str body;		/* without mark, and without the tags and pictures at its end; empty: it has no word */
	bool blank;		/* behind a blank line */
	bool item;		/* of a list */
};
struct style_post { struct style_line *line; int n; enum text_lang lang; };

struct style_post style_read(struct arena *, str text);
struct style style_measure(struct arena *, const struct style_post *, str text);
/* The next line from there, in steps of 1 or -1, that says something: not one of hashtags or pictures alone; or NULL. */
const struct style_line *style_told(const struct style_post *, int from, int step);
str	style_sentence(struct arena *, str body, enum text_lang, bool last);	/* its first or last one */
size_t	style_tag(str, size_t i);		/* the bytes of the hashtag at i, or 0 */
bool	style_numbered(str mark);
#endif
