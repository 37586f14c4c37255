#include "pcm/pcm.h"
#include "t.h"
#include <stdlib.h>
#include <unistd.h>

/* A file of sound: noise of that height, and silence where `quiet` says. */
struct stretch { int64_t from, to; };

static int
sound(int64_t samples, int height, const struct stretch *quiet, int n)
{
	int fd = fileno(tmpfile());
	int16_t block[1600];
	unsigned seed = 1;

	for (int64_t at = 0; at < samples; at += (int64_t)COUNT(block)) {
		for (size_t i = 0; i < COUNT(block); i++) {
			int64_t here = at + (int64_t)i;
			seed = seed * 1103515245u + 12345u;
			block[i] = (int16_t)((int)(seed >> 16) % height - height / 2);
			for (int k = 0; k < n; k++)
				if (here >= quiet[k].from && here < quiet[k].to)
					block[i] = 0;
		}
		size_t bytes = (size_t)MIN((int64_t)COUNT(block), samples - at) * sizeof(*block);
		if (write(fd, block, bytes) != (ssize_t)bytes)
			abort();
	}
	return fd;
}

#define S_(seconds)	((int64_t)((seconds) * PCM_RATE))

TEST(the_quietest_place_is_in_the_pause)
{
	static const struct stretch pause[] = { { S_(4.0), S_(4.4) }, { S_(6.0), S_(6.1) } };
	int fd = sound(S_(10), 8000, pause, COUNT(pause));
	int64_t at = pcm_quietest(fd, 0, S_(10));

	CHECK_INT(pcm_samples(fd), ==, S_(10));
	CHECK_INT(at, >=, S_(4.0));
	CHECK_INT(at, <=, S_(4.4));
	/* where no pause is long enough, the shorter one is still the quietest place */
	at = pcm_quietest(fd, S_(5), S_(10));
	CHECK_INT(at, >=, S_(5.9));
	CHECK_INT(at, <=, S_(6.2));
	/* of several the last: pieces are as few as can be */
	at = pcm_quietest(fd, S_(4.0), S_(4.4));
	CHECK_INT(at, >=, S_(4.25));
	close(fd);
}

TEST(pieces_are_about_the_same_and_end_in_pauses)
{
	static const struct stretch pause[] = { { S_(9.0), S_(9.5) }, { S_(19.5), S_(20) }, { S_(31), S_(31.5) } };
	int fd = sound(S_(41), 8000, pause, COUNT(pause)), n = 0;

	for (int64_t at = 0, to; at < S_(41); at = to, n++) {
		to = pcm_cut(fd, at, S_(41), S_(12));
		CHECK_INT(to - at, <=, S_(12));
		CHECK_INT(to - at, >=, S_(6));
		if (n < 3)
			CHECK(to >= pause[n].from && to <= pause[n].to);
	}
	CHECK_INT(n, ==, 4);
	CHECK_INT(pcm_cut(fd, 0, S_(41), S_(41)), ==, S_(41));
	close(fd);
}

TEST(what_is_silent)
{
	static const struct stretch pause = { S_(1), S_(2) };
	int fd = sound(S_(3), 8000, &pause, 1), hum = sound(S_(3), 60, NULL, 0), low = sound(S_(3), 400, NULL, 0);

	CHECK(!pcm_silent(fd, 0, S_(3)));
	CHECK(pcm_silent(fd, S_(1), S_(2)));
	CHECK(!pcm_silent(fd, S_(1), S_(2) + 400));
	CHECK(pcm_silent(hum, 0, S_(3)));
	CHECK(!pcm_silent(low, 0, S_(3)));
	CHECK(pcm_silent(fd, S_(2), S_(2)));
	CHECK(pcm_silent(fd, S_(10), S_(20)));	/* behind the end */
	close(fd);
	close(hum);
	close(low);
}

TEST(the_head_of_a_wav_file)
{
	static const char expected[PCM_HEADER] = "RIFF\x2c\x7d\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\x08\x7d\0";
	char head[PCM_HEADER];

	pcm_wav(head, 16004);
	CHECK(memcmp(head, expected, PCM_HEADER) == 0);
	pcm_wav(head, INT64_C(1) << 40);	/* longer than a WAV file can say */
	CHECK((uint8_t)head[7] == 0xFF);
}
