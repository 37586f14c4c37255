/* slots -- how often one name may be taken, as a row of PostgreSQL keeps it for all nodes (kv.h): pure, without a clock or a database.
 *
 * A row has the moments of slots that were used, and blocks: slots that a node may use until some moment without asking.  Whatever a block holds counts as
 * taken, so the limit is never passed.  A node reports what it used of its block and when; of a block that ends without a word (its node was killed, or lost
 * count) every slot counts from that end on, the latest moment that it can have been used at.  All blocks together hold SLOTS_OUT at most: so many may be missing
 * where they would be wanted.
 *
 * Up to SLOTS_MOMENTS moments are exact; of a larger limit they are rounded up, to that part of the window.
 * Units:  milliseconds of the clock that nodes share; a moment leaves SLOTS_GUARD_MS late, because clocks differ by less than that. */
#ifndef KV_SLOTS_H
#define KV_SLOTS_H
#include "base/base.h"

#define SLOTS_OUT	8
#define SLOTS_HOLD_MS	3000
#define SLOTS_GUARD_MS	20
#define SLOTS_MOMENTS	512
#define SLOTS_ROOM	(SLOTS_MOMENTS + 64)
#define SLOTS_BYTES	(4 + SLOTS_OUT * 17 + 8 + SLOTS_ROOM * 8)

struct slots_block { uint64_t id; int64_t until; int n; };
struct slots_moment { int64_t at; int n; };
struct slots { struct slots_block block[SLOTS_OUT]; int nblocks; struct slots_moment moment[SLOTS_ROOM]; int n; };
void	slots_read(str, struct slots *);		/* what is no row is an empty one */
size_t	slots_write(const struct slots *, char out[SLOTS_BYTES]);

struct slots_ask {
	uint64_t block;			/* of the node that asks */
	int64_t now, window;
	int limit;
	const int64_t *used;		/* moments of slots of the block */
	int nused;
	int want;			/* to be used now */
	int add;			/* for the block */
	bool back;			/* the block is given back */
};
struct slots_told {
	int got, added;
	int held;			/* by the block now; unless that is what the node thinks, its block had ended */
	int left;			/* of the limit, what this block holds included */
	int64_t oldest;			/* moment; `now` where there is none */
};
void	slots_turn(struct slots *, const struct slots_ask *, struct slots_told *ret);
#endif
