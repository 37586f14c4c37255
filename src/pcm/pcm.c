#include "pcm/pcm.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAME		(PCM_RATE / 50)		/* 20 ms */
#define PAUSE_FRAMES	10
#define BLOCK		(FRAME * 16)
#define SEARCH_MOST	(30 * PCM_RATE)		/* how far before and behind its place a cut is looked for */
#define QUIET_RMS	50			/* -56 dB: below the quietest speech, above the noise of a microphone that is off */

int64_t
pcm_samples(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_size / PCM_WIDTH : 0;
}

int
pcm_read(int fd, int64_t from, int64_t n, int16_t *ret)
{
	uint8_t block[4096];
	int have = 0;

	while (have < n) {
		ssize_t got = pread(fd, block, (size_t)MIN((int64_t)sizeof(block), (n - have) * PCM_WIDTH), (from + have) * PCM_WIDTH) / PCM_WIDTH;
		if (got <= 0)
			break;
		for (ssize_t i = 0; i < got; i++)
			ret[have++] = (int16_t)(block[2 * i] | block[2 * i + 1] << 8);
	}
	return have;
}

/* The sum of the squares of each frame, one after the other. */
struct frames {
	int fd;
	int64_t at, to;			/* what is read next; the end */
	int have, used;			/* samples of the block */
	uint8_t block[BLOCK * PCM_WIDTH];
};

static void
fill(struct frames *f)
{
	size_t want = (size_t)MIN((int64_t)BLOCK, f->to - f->at) * PCM_WIDTH;
	ssize_t got = pread(f->fd, f->block, want, f->at * PCM_WIDTH);

	if (got < (ssize_t)want)
		memset(f->block + MAX(got, 0), 0, want - (size_t)MAX(got, 0));
	f->have = (int)(want / PCM_WIDTH);
	f->used = 0;
	f->at += f->have;
}

/* False at the end.  The last frame may be shorter. */
static bool
next_frame(struct frames *f, int64_t *ret)
{
	if (f->used == f->have) {
		if (f->at >= f->to)
			return false;
		fill(f);
	}
	int end = MIN(f->used + FRAME, f->have);
	*ret = 0;
	for (; f->used < end; f->used++) {
		int16_t v = (int16_t)(f->block[2 * f->used] | f->block[2 * f->used + 1] << 8);
		*ret += (int64_t)v * v;
	}
	return true;
}

int64_t
pcm_quietest(int fd, int64_t from, int64_t to)
{
	struct frames f = { .fd = fd, .at = from, .to = to };
	int64_t ring[PAUSE_FRAMES] = { 0 }, sum = 0, least = INT64_MAX, v;
	int64_t best = from + (to - from) / 2;

	for (int64_t i = 0; next_frame(&f, &v); i++) {
		sum += v - ring[i % PAUSE_FRAMES];
		ring[i % PAUSE_FRAMES] = v;
		if (i + 1 >= PAUSE_FRAMES && sum <= least) {
			least = sum;
			best = from + (i + 1 - PAUSE_FRAMES / 2) * FRAME;
		}
	}
	return MIN(best, to);
}

int64_t
pcm_cut(int fd, int64_t at, int64_t end, int64_t most)
{
	int64_t left = end - at;

	if (left <= most)
		return end;
	int64_t room = MAX(most * 9 / 10, 1);	/* so that the search goes on behind the place, too */
	int64_t target = left / ((left + room - 1) / room), search = MIN(target / 4, SEARCH_MOST);
	int64_t to = MIN(at + target + search, at + most);
	return MAX(pcm_quietest(fd, at + target - search, to), at + 1);
}

bool
pcm_silent(int fd, int64_t from, int64_t to)
{
	struct frames f = { .fd = fd, .at = from, .to = to };
	int64_t v;

	while (next_frame(&f, &v))
		if (v > (int64_t)QUIET_RMS * QUIET_RMS * FRAME)
			return false;
	return true;
}

void
pcm_what(char *to, size_t size, int64_t done, int64_t all)
{
	long long minutes = (pcm_ms(all) + 59999) / 60000;

	snprintf(to, size, "transcribing, %lld of %lld minute%s", (long long)(pcm_ms(done) / 60000), minutes, minutes == 1 ? "" : "s");
}

static char *
put32(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++, v >>= 8)
		*p++ = (char)v;
	return p;
}

void
pcm_wav(char out[PCM_HEADER], int64_t samples)
{
	uint32_t bytes = (uint32_t)MIN(samples * PCM_WIDTH, (int64_t)UINT32_MAX - PCM_HEADER);
	char *p = out;

	memcpy(p, "RIFF", 4);
	p = put32(p + 4, bytes + PCM_HEADER - 8);
	memcpy(p, "WAVEfmt ", 8);
	p = put32(p + 8, 16);
	p = put32(p, 1 | 1 << 16);			/* PCM, one channel */
	p = put32(p, PCM_RATE);
	p = put32(p, PCM_RATE * PCM_WIDTH);
	p = put32(p, PCM_WIDTH | (8 * PCM_WIDTH) << 16);
	memcpy(p, "data", 4);
	put32(p + 4, bytes);
}
