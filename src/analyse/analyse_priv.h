/* analyse_priv -- what the files of analyse share: the parts of a text.
 *
 * Parts are found by Utiyama and Isahara's model (2001): a part is a bag of words of its own, and the cheapest way to write the
 * text down is to begin a new bag where the vocabulary changes.  The cost of all stretches of up to UNITS_MAX units is worked
 * out once, the cheapest division by dynamic programming.
 * Memory:    some 30 bytes per word, and 4 bytes for each pair of units.  Layer: of analyse alone. */
#ifndef ANALYSE_PRIV_H
#define ANALYSE_PRIV_H
#include "analyse/analyse.h"
#include "json/json.h"
#include "rank/rank.h"

struct segment { size_t from, to; int tokens; };	/* bytes of the text; content words */
struct parts {
	struct segment part[ANALYSE_TOPICS];
	int n;
	int words;			/* all words of the text */
	/* for segment_focus */
	struct vocabulary *vocabulary;
	const int *count, *all;		/* of term t in part p: count[p * terms + t]; in the text: all[t] */
	int terms, tokens;
};
/* At least one part when there is a word; they cover all sentences, in their order. */
void	segment_find(struct arena *, str text, enum text_lang, int max, struct parts *ret);
/* How much more frequent a word's stem is in a part than in the text: 0 .. 1, 0.5 for the same. */
float	segment_focus(const struct parts *, int part, str stem);

/* The part as a topic, with a title that is none of those before; scratch is given back. */
void	topic_describe(struct arena *, struct arena *scratch, str text, enum text_lang, const struct parts *, int part,
    const struct analysis *before, struct analysis_topic *ret);
void	analysis_sort(struct analysis *);	/* by score */

/* --- openai.c, check.c --- */

/* The topics of *ret in the words of a model, as far as they hold. */
enum provider_fault openai_describe(const struct conf *, const struct sys_clock *, struct arena *, const struct marked_text *, analyse_progress *,
    void *ctx, struct analysis *ret);
/* What a model said of a part, {"title", "summary", …}, over what stands in *t: each piece that is well-formed, not too long, and holds
 * no number and no address that the part has not. */
void	check_topic(struct arena *, const json_t *said, str part, struct analysis_topic *t);
/* The JSON object in what a model wrote, whatever stands around it; NULL: there is none.  To be given back. */
json_t *check_object(str written);
#endif
