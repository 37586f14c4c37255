/* Arbitrary bytes as a source: a draft is valid UTF-8 and within LinkedIn's limit, or there was no word in it. */
#include "write/write_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool go_on(void *ctx, double fraction, const char *what) { (void)ctx, (void)fraction, (void)what; return true; }

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct write_input in = { .source = { n > 0 ? (const char *)d + 1 : "", n > 0 ? n - 1 : 0 } };
	struct write_output o = { 0 };
	struct arena a;

	in.length = (enum write_length)(n > 0 ? d[0] % 3 : 0);
	in.language = n > 0 && d[0] >= 'a' ? S("de") : STR_NONE;
	arena_init(&a, 64 << 20);
	enum write_fault f = builtin_post(&in, &a, go_on, NULL, &o);
	if (f != WRITE_OK && f != WRITE_EMPTY)
		__builtin_trap();
	if (f == WRITE_OK && (!utf8_ok(o.content) || o.content.n == 0 || utf8_count(o.content) > POST_MAX
	    || !utf8_ok(o.title) || utf8_count(o.title) > 120))
		__builtin_trap();
	arena_free(&a);
	return 0;
}
