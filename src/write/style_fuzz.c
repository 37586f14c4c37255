/* Arbitrary bytes as samples, parted by NUL: what is learned is numbers, lines of the samples, and the same again. */
#include "write/style.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool
inside(str s, const uint8_t *d, size_t n)
{
	return s.p == NULL || s.n == 0 || (s.p >= (const char *)d && s.p + s.n <= (const char *)d + n) || str_eq(s, S("1."));
}

static void
check(const struct habits *h, const uint8_t *d, size_t n)
{
	for (int i = 0; i < STYLE_COUNT; i++)
		if (!(h->mean.v[i] >= 0 && h->mean.v[i] < 1e6f))
			__builtin_trap();
	for (int i = 0; i < h->emojis; i++)
		if (h->emoji[i].n == 0 || !inside(h->emoji[i], d, n))
			__builtin_trap();
	for (int i = 0; i < h->closers; i++)
		if (h->closer[i].n == 0 || !inside(h->closer[i], d, n) || memchr(h->closer[i].p, '\n', h->closer[i].n) != NULL)
			__builtin_trap();
	if (!inside(h->opener, d, n) || !inside(h->bullet, d, n) || h->asks < 0 || h->asks > 1.01f)
		__builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	str sample[STYLE_SAMPLES], rest = { (const char *)d, n };
	struct habits h, again;
	struct arena a;
	int samples = 0;

	arena_init(&a, 64 << 20);
	while (n > 0 && rest.p != NULL && samples < STYLE_SAMPLES)
		sample[samples++] = str_split(&rest, '\0');
	style_learn(&a, sample, samples, &h);
	style_learn(&a, sample, samples, &again);
	check(&h, d, n);
	if (style_distance(&h.mean, &again.mean) > 0 || h.closers != again.closers || h.emojis != again.emojis)
		__builtin_trap();
	arena_free(&a);
	return 0;
}
