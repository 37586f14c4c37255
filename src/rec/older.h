/* older -- the records of an older version of the API, made from those of the next newer one by a table of changes.
 *
 * A row undoes what one version changed in one record.  A record of the version before the last one is made from the
 * table of the newest, that of the version before it from the one just made, and so on: decoding goes up this chain and
 * encoding down, field by field, and nobody but the decoder and the encoder knows that there is one.  The names that
 * callers are told, the query parameters, the JSON Schema follow, because all of them read the record.
 *
 * A struct has no member for what is gone.  Such a field is T_MADE: `give` makes its value of the value of a field of the
 * newer record, `take` makes that field's value of one that came.
 *
 *	CHANGE_RENAMED	`now` was called `then`
 *	CHANGE_REMOVED	beside `now` there was `then`, which looked like `as`; a request may name either of them, not both
 *	CHANGE_ALTERED	in the place of `now` there was `then`, which looked like `as` (another type, other words)
 *
 * What a version has only added needs no row: additions are allowed inside a version (contract 2.2).
 *
 * Ownership:  made records live in the arena; a record that a version leaves as it is is its own older form.
 * Threads:    older_rec() while the records are made, by one thread; older_find() afterwards, by any.
 * Limits:     64 fields a record.  Layer: as rec. */
#ifndef REC_OLDER_H
#define REC_OLDER_H
#include "rec/rec.h"

enum change_kind { CHANGE_RENAMED, CHANGE_REMOVED, CHANGE_ALTERED };
struct change {
	const char *since;		/* the version that made the change */
	const struct rec *rec;		/* as the newest version has it */
	enum change_kind kind;
	str now, then;			/* now: as that version called it */
	const struct field *as;
	void (*give)(const void *from, void *ret);	/* of records that are answers */
	void (*take)(const void *value, void *from);	/* of records that are requests */
	const char *doc;		/* for who upgrades: what to do instead */
};

#define OLDER_MAX	512
struct older {
	const char *since;		/* the version after this one: its changes are undone */
	const struct older *newer;	/* NULL: made from the newest */
	const struct change *changes;
	int nchanges;
	struct arena *a;
	struct older_pair { const struct rec *newest, *mine; } made[OLDER_MAX];
	int nmade;
	const char *bad;		/* what is wrong with the rows, or NULL */
};
/* The record of this version, made if it is not yet, with all that it holds.  The newer versions have theirs already. */
const struct rec *older_rec(struct older *, const struct rec *newest);
/* The same of one that was made; a record that never was is as it is. */
const struct rec *older_find(const struct older *, const struct rec *newest);
#endif
