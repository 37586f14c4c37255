/* marked -- a text that knows where it came from: what is extracted from a file, a page or a recording.
 *
 * The text is one string, as it is kept and cut: a heading is a line that begins with `# `, one more # for each level, paragraphs
 * stand between empty lines.  A mark says where a stretch of it was found, from its byte to that of the next mark; they ascend.
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
#endif
