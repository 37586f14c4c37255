#include "mcp/resource.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What an address names is a text without NUL, and written into its template it is the same address. */
static void
again(struct arena *a, const struct address *at)
{
	str form = str_z(at->t->uri);
	struct address twin;
	struct buf b;

	buf_init(&b, a, (size_t)1 << 20);
	while (form.p != NULL) {
		buf_add(&b, str_split(&form, '{'));
		str var = form.p != NULL ? str_split(&form, '}') : STR_NONE;
		str value = str_eq(var, S("projectId")) ? at->project : at->t->id == C_ERROR ? str_cut(at->id, sizeof("errors/") - 1, at->id.n) : at->id;
		for (size_t i = 0; var.p != NULL && i < value.n; i++)
			buf_fmt(&b, "%%%02x", (unsigned char)value.p[i]);
	}
	if (!mcp_address(a, buf_str(&b), &twin) || twin.t != at->t || !str_eq(twin.id, at->id) || !str_eq(twin.project, at->project))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct address at;
	struct arena a;

	arena_init(&a, (size_t)16 << 20);
	if (mcp_address(&a, (str){ (const char *)d, n }, &at)) {
		if (at.id.n == 0 || !utf8_ok(at.id) || memchr(at.id.p, '\0', at.id.n) != NULL || (at.project.p != NULL && !utf8_ok(at.project)))
			abort();
		again(&a, &at);
		(void)mcp_touched(&at, S("post.updated"), at.id, at.project);
	}
	arena_free(&a);
	return 0;
}
