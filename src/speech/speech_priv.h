/* speech_priv -- what an endpoint answers, and what of it was said.  Private to speech.
 *
 * All of it is a stranger's: bounded, checked, fuzzed.  Ownership: the arena's. */
#ifndef SPEECH_PRIV_H
#define SPEECH_PRIV_H
#include "provider/provider.h"
#include "text/marked.h"

#define SEGMENTS_MAX	20000		/* of one piece */

struct answer {
	bool nonsense;			/* it is no transcript */
	bool timed;			/* its segments have times */
	int said;			/* pieces of text in it */
	struct provider_error error;
};
/* type: the media type it came with.  The piece lasts from one time to the other, and no time lies outside. */
struct answer answer_read(struct arena *, str body, str type, int64_t from_ms, int64_t to_ms, struct marked_maker *into);
#endif
