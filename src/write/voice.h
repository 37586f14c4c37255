/* voice -- how a person writes, as a writer gets it (contract 12.8): what was said of it, and samples that show it.
 *
 * Ownership:  an arena's.  Layer: includes base. */
#ifndef WRITE_VOICE_H
#define WRITE_VOICE_H
#include "base/base.h"

#define VOICE_SAMPLES	5		/* as many are used */

struct voice_pillar { str name, about; };	/* a subject the person stands for */
struct voice {
	str profile;			/* free text, or absent */
	int formality, warmth, energy, complexity;	/* 0..1000; -1: not said */
	str structure;			/* free text: how posts are built, or absent */
	const str *prefer, *avoid;	/* words and phrases */
	int prefers, avoids;
	const str *sample;		/* posts or texts of the person, best first */
	int samples;
	const struct voice_pillar *pillar;
	int pillars;
};
#endif
