/* Arbitrary bytes, parted by NUL, as a source, instructions, an opening line, an avoided word and samples: a draft is valid UTF-8, within
 * LinkedIn's limit and without the word, or nothing could be written. */
#include "write/write_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool go_on(void *ctx, double fraction, const char *what) { (void)ctx, (void)fraction, (void)what; return true; }

static void
check(const struct write_output *o, const struct avoid *avoid)
{
	if (!utf8_ok(o->content) || o->content.n == 0 || utf8_count(o->content) > POST_MAX || !utf8_ok(o->title) || utf8_count(o->title) > 120)
		__builtin_trap();
	if (avoid_hits(avoid, o->content) || avoid_hits(avoid, o->title))
		__builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	str rest = { n > 0 ? (const char *)d + 1 : "", n > 0 ? n - 1 : 0 }, part[4 + VOICE_SAMPLES] = { { NULL, 0 } };
	int parts = 0;

	while (rest.p != NULL && parts < (int)COUNT(part))
		part[parts++] = str_split(&rest, '\0');
	struct voice v = { .formality = n > 0 ? d[0] * 4 : -1, .warmth = -1, .energy = -1, .complexity = -1, .avoid = &part[3], .avoids = part[3].n > 0,
		.prefer = &part[1], .prefers = part[1].n > 0, .sample = &part[4], .samples = MAX(0, parts - 4) };
	struct write_input in = { .source = part[0], .instructions = part[1], .hook = part[2], .voice = parts > 1 ? &v : NULL };
	struct write_output o = { 0 };
	struct arena a;

	in.length = (enum write_length)(n > 0 ? d[0] % 3 : 0);
	in.length_free = n > 0 && d[0] % 2 != 0;
	in.language = n > 0 && d[0] >= 'a' ? S("de") : STR_NONE;
	arena_init(&a, 64 << 20);
	enum write_fault f = builtin_post(&in, &a, go_on, NULL, &o);
	if (f != WRITE_OK && f != WRITE_EMPTY && (f != WRITE_AVOIDED || v.avoids == 0))
		__builtin_trap();
	if (f == WRITE_OK)
		check(&o, avoid_new(&a, v.avoid, v.avoids, text_language(part[0])));
	arena_free(&a);
	return 0;
}
