#include "mcp/turn.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What was read is what stands there: the id as JSON of the same value, parameters as objects, and a request has an id. */
static void
look(json_t *v, struct arena *a)
{
	struct message g;
	const char *bad = message_read(v, a, &g);
	json_t *id = g.id.p != NULL ? json_loadb(g.id.p, g.id.n, JSON_DECODE_ANY, NULL) : NULL;

	if (g.id.p != NULL && !json_equal(id, json_object_get(v, "id")))
		abort();
	json_decref(id);
	if (bad != NULL)
		return;
	if ((g.kind == MSG_NOTE) != (g.id.p == NULL) || (g.kind == MSG_RESPONSE) != (g.method.p == NULL))
		abort();
	if ((g.params != NULL && !json_is_object(g.params)) || (g.meta != NULL && !json_is_object(g.meta)))
		abort();
	(void)method_find(g.method);
	(void)version_find_mcp(mcp_text(g.meta, META_VERSION));
	(void)turn_header_is(a, g.method, mcp_text(g.params, "name"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct arena a;
	struct error e;
	json_t *v;
	size_t i;

	arena_init(&a, 16 << 20);
	if (json_read((str){ (const char *)d, n }, &v, &e) == OK) {
		json_t *one;
		look(v, &a);
		json_array_foreach (v, i, one)
			look(one, &a);
		json_decref(v);
	}
	arena_free(&a);
	return 0;
}
