/* marked -- a text that knows where it came from: what is extracted from a file, a page or a recording.
 *
 * The text is one string, as it is kept and cut: a heading is a line that begins with `# `, one more # for each level, paragraphs
 * stand between empty lines.  A mark says where a stretch of it was found, from its byte to that of the next mark; they ascend.
 *
 * **Made** piece by piece by a maker: what it is given is any UTF-8, and what it makes is always well-formed: no control
 * characters but line feeds and tabs, pages and times that never go back.  Over its most characters it takes no more and says so.
 * **Packed**, marks are numbers of seven bits a byte, low ones first, four for each mark (two of a mark without times): bytes since
 * the last one, pages since the last one, then 0 or one more than the milliseconds since the last beginning, and how long it lasts.
 *
 * Ownership:  an arena's.  Layer: includes base. */
#ifndef TEXT_MARKED_H
#define TEXT_MARKED_H
#include "base/base.h"

struct text_mark {
	size_t at;			/* byte of the text */
	int page;			/* from 1; 0: it has no pages (sheets and slides are pages) */
	int64_t from_ms, to_ms;		/* of a recording; -1: it has no times */
};
struct marked_text {
	str title;			/* absent when the document names none */
	str text;
	struct text_mark *mark;
	int marks;
	int64_t duration_ms;		/* of a recording; -1 for all else */
};

#define MARKED_MOST	100000		/* marks of a text */
struct marked_maker {
	struct arena *a;
	struct buf text;
	size_t chars, most;		/* code points */
	struct marked_text m;
	int cap, page;
	int64_t from_ms, to_ms;		/* of the stretch that is written; -1: it has no times */
	int64_t said_ms;		/* when the last one began that has some */
	size_t paragraph;		/* where the last one begins */
	bool talk;			/* it was said, and may go on */
	bool over;			/* there was more than `most`, or too many marks */
};
void	marked_begin(struct marked_maker *, struct arena *, size_t most);
void	marked_title(struct marked_maker *, str);		/* the first one that says something counts */
void	marked_page(struct marked_maker *, int page);		/* of what follows; a lower one than before is passed over */
void	marked_heading(struct marked_maker *, int level, str);	/* 1 to 6, clamped */
void	marked_paragraph(struct marked_maker *, str);		/* its line feeds stay */
/* What was said then.  It goes on in its paragraph unless there was a pause, or that is long and ended with its sentence. */
void	marked_said(struct marked_maker *, int64_t from_ms, int64_t to_ms, str);
struct marked_text marked_end(struct marked_maker *);

/* One clean line of at most so many code points: controls are spaces, none at the ends. */
str	marked_line(struct arena *, str, size_t most);
str	marked_pack(struct arena *, const struct text_mark *, int n);	/* absent when there are none */
/* What was packed; what is broken ends it early. */
int	marked_unpack(struct arena *, str, struct text_mark **ret);
/* The mark of that byte: the last one at or before it; NULL before the first. */
const struct text_mark *marked_at(const struct text_mark *, int n, size_t at);
#endif
