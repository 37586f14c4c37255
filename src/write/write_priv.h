/* write_priv -- what the files of write share: the built-in writer.
 *
 * Deterministic: the same source gives the same answer on every run; no time, randomness or locale.
 * Ownership: all results live in the arena. */
#ifndef WRITE_PRIV_H
#define WRITE_PRIV_H
#include "rank/rank.h"
#include "write/plan.h"

/* --- the builtin writer --- */

/* Fills title, content, provider and model; WRITE_EMPTY when the source holds no word, WRITE_STOPPED when progress says so. */
/* WRITE_AVOIDED when no sentence and no clause of it does without an avoided word. */
enum write_fault builtin_post(const struct write_input *, struct arena *, write_progress *, void *ctx, struct write_output *ret);

/* A draft while it is made: builtin.c chooses, layout.c writes. */
struct draft {
	const struct plan *plan;
	struct rank *r;
	str source;		/* what r points into */
	struct rank_choice c;
	float *suits;		/* how much more or less an item is worth to this voice: about 1 */
	bool *skip;		/* tried, and does not fit in */
	bool *hidden;		/* taken, and told by the opening already */
	bool *item;		/* taken as an item of the list */
	int room;		/* code points left */
	int clip;		/* the longest sentence that is written whole */
	int hook, close, ask;	/* items; -1: none */
	str opening;		/* the first line, as it is written */
	str question;		/* one of our own, where the source asks none; or empty */
};
#define TAGS_MAX	8
/* Hashtags that may be written: the person's own, then those of the text. */
int	layout_tags(const struct draft *, const struct phrase *, int keys, str *ret);
str	layout_question(const struct draft *, const struct phrase *, int keys);
str	layout_post(const struct draft *, const str *tag, int tags);
str	layout_title(const struct draft *);
#endif
