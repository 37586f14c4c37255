/* table -- every table of the schema, a row each: how a workspace selects its rows, what leaves otherwise than it stands, or why the
 * table stays where it is.
 *
 * The rows stand in the order in which they are written: what is referred to before what refers to it; then what a worker would take up
 * (jobs), and last what lets anybody in, so that half an import is seen by nobody.
 * Columns and keys come from the catalog (side.h).  move_test fails when a table of the schema has no row here, or stands before one that it
 * refers to.
 * Layer: includes base. */
#ifndef MOVE_TABLE_H
#define MOVE_TABLE_H
#include "base/base.h"

enum {
	MOVED_SECRET = 1,	/* worth nothing under another server secret: hashes, or what depends on those */
	MOVED_SHARED = 2,	/* a row may be there already when one workspace comes to others, and then stays */
};
struct moved_as { const char *column, *expression; };
struct moved_table {
	const char *name;
	const char *whole;		/* which of all rows go when everything does; NULL: each */
	const char *one;		/* those of the workspace $1; NULL: none, its rows are of no workspace */
	unsigned flags;
	struct moved_as as[4];		/* always */
	struct moved_as as_one[3];	/* when one workspace goes, too */
	const char *stays;		/* why no row leaves; NULL: they do */
};
extern const struct moved_table moved_tables[];
extern const int nmoved_tables;
const struct moved_table *moved_table(str name);	/* NULL: there is none */
#endif
