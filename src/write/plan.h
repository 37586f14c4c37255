/* plan -- what the built-in writer aims at: learned from the samples of a voice, else from its sliders and words, then from instructions.
 *
 * Samples win over sliders, profile and structure; instructions (wish.def) win over samples; avoided words win over all.  The length that
 * a caller asked for is kept; else it is that of instructions, then that of the samples.
 * Ownership: the arena's.  Layer: includes text. */
#ifndef WRITE_PLAN_H
#define WRITE_PLAN_H
#include "write/avoid.h"
#include "write/style.h"
#include "write/write.h"

struct plan {
	enum text_lang lang;
	bool voiced;			/* something is known: else a draft is laid out plainly */
	struct habits habits;		/* habits.samples may be 0 */
	struct style want;
	const struct avoid *avoid;
	const str *prefer;		/* words to prefer, without those that are exchanged */
	int prefers;
	int length;			/* code points */
	bool ask;			/* end on a question */
	bool silent;			/* it was said not to */
	bool opener, closers;		/* begin, sign as the samples do */
	enum style_id open;		/* the kind of the first sentence, STYLE_COUNT: any */
	str followed;			/* the instructions that were understood, by name */
};
void	plan_new(struct arena *, const struct write_input *, enum text_lang, struct plan *ret);
/* s with "old -> new" of the preferred words done: where the old stands as a word of its own, in any case but in no other form. */
str	plan_exchange(struct arena *, const struct voice *, str s);
#endif
