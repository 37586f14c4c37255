#include "json/json.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
add(void *ctx, str s)
{
	buf_add(ctx, s);
}

/* What the quick reader takes jansson takes, too, as the same value; so it is with the bounds that jansson does not know. */
static void
agree(str text)
{
	json_t *quick = json_quick(text), *slow;

	if (quick == NULL)
		return;
	slow = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	if (slow == NULL || !json_equal(quick, slow) || json_nesting(text, JSON_DEPTH) > JSON_DEPTH || memchr(text.p, '\0', text.n) != NULL)
		abort();
	json_decref(quick);
	json_decref(slow);
}

/* Whatever the reader takes, its canonical form is read as the same value. */
int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct arena a;
	struct buf b;
	struct error e;
	json_t *v, *w;

	agree((str){ (const char *)d, n });
	arena_init(&a, 16 << 20);
	buf_init(&b, &a, 8 << 20);
	if (json_read((str){ (const char *)d, n }, &v, &e) == OK) {
		json_canonical(v, add, &b);
		if (json_read(buf_str(&b), &w, &e) != OK || !json_equal(v, w))
			abort();
		json_decref(v);
		json_decref(w);
	}
	arena_free(&a);
	return 0;
}
