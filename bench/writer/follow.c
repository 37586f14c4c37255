/* follow -- drafts of the built-in writer with voices, for bench/writer: the texts of others in, drafts and how far they are from the samples out.
 *
 *	printf '12\nA text here.' | build/release/follow VOICE...	each text behind a line of its bytes; samples in a VOICE are parted by %%
 * Of each text a draft without a voice and one per voice come out, each behind a line "BEFORE AFTER MICROSECONDS BYTES": the distance to the
 * samples of the draft without the voice and of this one, the time of the processor, and the bytes that follow. */
#include "write/write_priv.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TEXT_MAX	((size_t)8 << 20)
#define FILE_MAX	((size_t)1 << 20)
#define BUDGET		((size_t)512 << 20)

static bool go_on(void *ctx, double fraction, const char *what) { (void)ctx, (void)fraction, (void)what; return true; }

/* The samples of a file; false when it cannot be read. */
static bool
read_voice(struct arena *a, const char *path, struct voice *v)
{
	FILE *f = fopen(path, "rb");
	char *p = arena_raw(a, FILE_MAX);
	str *sample = NEW_N(a, str, VOICE_SAMPLES);

	if (f == NULL)
		return false;
	str all = { p, fread(p, 1, FILE_MAX, f) };
	fclose(f);
	*v = (struct voice){ .formality = -1, .warmth = -1, .energy = -1, .complexity = -1, .sample = sample };
	while (all.n > 0 && v->samples < VOICE_SAMPLES) {
		const char *gap = memmem(all.p, all.n, "\n%%\n", 4);
		size_t n = gap != NULL ? (size_t)(gap - all.p) : all.n;
		sample[v->samples++] = str_cut(all, 0, n);
		all = str_cut(all, n + 4, all.n);
	}
	return true;
}

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static str
draft(struct arena *a, str text, const struct voice *v, int64_t *us)
{
	struct write_input in = { .source = text, .length = WRITE_MEDIUM, .voice = v };
	struct write_output o = { 0 };
	int64_t from = now_us();
	enum write_fault fault = builtin_post(&in, a, go_on, NULL, &o);

	*us = now_us() - from;
	return fault == WRITE_OK ? o.content : S("");
}

static int
answer(struct arena *a, str text, const struct voice *voice, int voices)
{
	int64_t us;
	str plain = draft(a, text, NULL, &us);
	struct style before = style_of(a, plain);

	printf("0 0 %lld %zu\n%.*s", (long long)us, plain.n, STR(plain));
	for (int i = 0; i < voices; i++) {
		struct habits h;
		str s = draft(a, text, &voice[i], &us);
		struct style after = style_of(a, s);
		style_learn(a, voice[i].sample, voice[i].samples, &h);
		printf("%.4f %.4f %lld %zu\n%.*s", (double)style_distance(&before, &h.mean), (double)style_distance(&after, &h.mean), (long long)us, s.n, STR(s));
	}
	return fflush(stdout);
}

int
main(int argc, char **argv)
{
	char *text = malloc(TEXT_MAX);
	struct arena a, own;
	struct voice voice[64];
	int voices = 0;

	arena_init(&a, BUDGET);
	arena_init(&own, BUDGET);
	for (; voices + 1 < argc && voices < (int)COUNT(voice); voices++)
		if (!read_voice(&own, argv[voices + 1], &voice[voices])) {
			fprintf(stderr, "follow: %s cannot be read\n", argv[voices + 1]);
			return 1;
		}
	for (char line[64]; text != NULL && fgets(line, sizeof(line), stdin) != NULL; arena_reset(&a)) {
		size_t n = strtoul(line, NULL, 10);
		if (n > TEXT_MAX || fread(text, 1, n, stdin) != n || answer(&a, (str){ text, n }, voice, voices) != 0) {
			fprintf(stderr, "follow: a text that ends early or has more than %zu bytes\n", TEXT_MAX);
			return 1;
		}
	}
	arena_free(&own);
	arena_free(&a);
	free(text);
	return 0;
}
