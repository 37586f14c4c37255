/* utter -- words with their times become sentences, by the pauses between them.  Nothing is added but a capital and a full stop.
 *
 * Ownership: the words are copied.  Layer: of the extractor. */
#ifndef UTTER_H
#define UTTER_H
#include "extract/extract.h"

struct utter {
	struct out *o;
	char text[2048];
	size_t n;
	int words;			/* of this piece */
	int64_t from_ms, to_ms;
	bool inside;			/* this piece goes on with a sentence */
	int said;			/* words in all */
};
void	utter_begin(struct utter *, struct out *);
/* A word as a recogniser has it: "read(2)" is "read", "<sil>" and "[NOISE]" are none. */
void	utter_word(struct utter *, int64_t from_ms, int64_t to_ms, str word);
void	utter_end(struct utter *);
#endif
