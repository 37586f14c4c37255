/* page -- what every list takes: a place to go on from and a number of rows (contract 2.3, 12.1).
 *
 * Rows are in the order of their ids, newest first; a moment of creation is inside the id, so that a filter by date is
 * a pair of bounds on it.  `before` is exclusive, `from` inclusive.
 * Layer: includes rec. */
#ifndef MODEL_PAGE_H
#define MODEL_PAGE_H
#include "rec/rec.h"

struct page { ulid before, from; int limit; };

/* The first fields of every list's query; `page` stands first in its struct. */
struct page_query { str limit, cursor; };
#define PAGE_FIELDS(S) \
	F_STR(S, page.limit, "limit", NULL, 0, 0, 0, "Rows per page, 1 to 200; 201 to 500 is clamped to 200", "50"), \
	F_STR(S, page.cursor, "cursor", NULL, 0, 0, 0, "`next_cursor` of the page before", NULL)

/* Bounds of a page of things created in [from, to), going on behind `after` (absent: from the top). */
static inline struct page
page_between(const ulid *after, int64_t from, int64_t to, int limit)
{
	struct page p = { .limit = limit };

	p.from = ulid_low(from != TIME_NONE ? from : 0);
	p.before = ulid_low(to != TIME_NONE ? to : INT64_MAX);
	if (to == TIME_NONE)
		memset(p.before.s, 'Z', 26);	/* behind every ulid */
	if (after->s[0] != '\0' && memcmp(after->s, p.before.s, 26) < 0)
		p.before = *after;
	return p;
}
#endif
