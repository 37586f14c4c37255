/* vacate -- what is left of a folder or a column that was deleted: notes and posts that still name it.
 *
 * The folder or column itself is gone at once.  Its notes go to the root, its posts to the default column of its category, a slice
 * in each transaction: the first one in that of the deletion, so that few are moved as one with it, the others by the keeper.
 * Until its turn a note or post names what is not there any more.  The entry stays for VACATE_LINGER_MS, longer than any
 * transaction: one that saw the folder before it went may still put a note there.
 *
 * The only code that names table vacated.  Layer: includes db, ledger, post. */
#ifndef MODEL_VACATE_H
#define MODEL_VACATE_H
#include "db/db.h"
#include "model/words.h"

#define VACATE_SLICE		50
#define VACATE_BYTES		((size_t)256 << 10)	/* of texts of posts: then a slice ends early */
#define VACATE_LINGER_MS	INT64_C(600000)

enum vacant { VACANT_FOLDER, VACANT_COLUMN };
struct vacated {
	workspace_id workspace;
	ulid id;
	int kind;			/* enum vacant */
	project_id project;
	int category;			/* of a column; -1 */
	int64_t since;
};
/* Enters it and moves a first slice. */
MUST_USE enum err vacate_begin(struct db *, struct arena *, const struct sys_clock *, const struct vacated *, struct error *);
/* The first entry behind *v, in the order of workspace and id; a cleared one is in front of all. */
MUST_USE enum err vacate_next(struct db *, struct vacated *v, bool *found, struct error *);
/* One more slice; *moved tells how many.  When nothing is left and it has lingered, the entry goes. */
MUST_USE enum err vacate_step(struct db *, struct arena *, const struct sys_clock *, const struct vacated *, int *moved, struct error *);
#endif
