#include "front/front.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_text(str s)
{
	if (s.p == NULL || !utf8_ok(s) || memchr(s.p, '\0', s.n) != NULL)
		abort();
}

/* What is decoded is text without NUL, whatever came. */
int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct exchange x = { 0 };

	arena_init(&x.arena, 1 << 20);
	front_target(&x, (str){ (const char *)d, n });
	check_text(x.path);
	if (x.nquery > 64 || (x.path_bad && x.path.n != 0))
		abort();
	for (int i = 0; i < x.nquery; i++) {
		check_text(x.query[i].name);
		check_text(x.query[i].value);
	}
	arena_free(&x.arena);
	return 0;
}
