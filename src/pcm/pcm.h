/* pcm -- sound as speech recognisers take it, in a file: 16 kHz, mono, signed 16 bits, little endian; and where to cut it.
 *
 * A piece ends where it is quietest, so that no word is cut in two.  Whatever the length, some kilobytes of memory.
 * Units:    samples from the beginning of the file, unless the name says otherwise.
 * Errors:   what cannot be read counts as silence; who sends the samples notices.
 * Threads:  none of their own; the file's own position is not moved.
 * Layer:    includes base; server and scriped-extract both have it. */
#ifndef PCM_H
#define PCM_H
#include "base/base.h"

#define PCM_RATE	16000
#define PCM_WIDTH	2			/* bytes of a sample */
#define PCM_HEADER	44

int64_t	pcm_samples(int fd);
static inline int64_t pcm_ms(int64_t samples) { return samples * 1000 / PCM_RATE; }

/* So many samples from there, as this machine has numbers; how many there were. */
int	pcm_read(int fd, int64_t from, int64_t n, int16_t *ret);
/* The middle of the quietest fifth of a second between the two; of several the last. */
int64_t	pcm_quietest(int fd, int64_t from, int64_t to);
/* Where the piece that begins at `at` ends: of at most `most` samples, as long as the others that follow up to `end`. */
int64_t	pcm_cut(int fd, int64_t at, int64_t end, int64_t most);
/* Nothing in it is as loud as the quietest speech. */
bool	pcm_silent(int fd, int64_t from, int64_t to);
/* "transcribing, 3 of 8 minutes" */
void	pcm_what(char *to, size_t size, int64_t done, int64_t all);
/* The head of a WAV file whose samples follow. */
void	pcm_wav(char out[PCM_HEADER], int64_t samples);
#endif
