/* media -- the sound of a recording, as speech recognisers want it: 16 kHz, mono, signed 16 bits, little endian.
 *
 * The container is opened by its own demuxer alone, over one file descriptor: no protocol, no playlist, no reference to another
 * file is followed.  What it claims of its length is shown and never believed.
 * Errors:   a job's errorCode and what to do; NULL for none.
 * Threads:  one; libavformat and its kin keep to it.
 * Layer:    of the extractor; needs libavformat, libavcodec, libswresample. */
#ifndef EXTRACT_MEDIA_H
#define EXTRACT_MEDIA_H
#include "base/base.h"

#define MEDIA_RATE	16000			/* samples a second */
#define MEDIA_MAX_MS	(INT64_C(6) * 3600 * 1000)

struct media {
	int in;					/* seekable */
	int out;				/* takes the samples; -1: they are only counted */
	int64_t max_ms;				/* longest recording; 0: MEDIA_MAX_MS */
	/* Now and then; 0..1. */
	void (*progress)(void *ctx, double part, const char *what);
	void *ctx;
	/* what came of it */
	int64_t duration_ms;			/* of what was decoded */
	const char *code;			/* errorCode, or NULL */
	char message[240];
};
bool	media_decode(struct media *, const char *demuxer);	/* false: code and message say why */
#endif
