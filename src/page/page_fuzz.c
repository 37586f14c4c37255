#include "page/page.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_text(str s)
{
	if (s.p == NULL || !utf8_ok(s) || memchr(s.p, '\0', s.n) != NULL)
		abort();
}

/* What is written between two marks has no character that ends them. */
static void
check_written(str text)
{
	struct exchange x = { 0 };
	struct html p;

	arena_init(&x.arena, 4 << 20);
	page_begin(&p, &x, "t");
	size_t from = p.b.n;
	page_text(&p, text);
	str written = { p.b.p + from, p.b.n - from };
	if (!p.b.over && (!utf8_ok(written) || (written.n != 0 && (memchr(written.p, '<', written.n) != NULL || memchr(written.p, '"', written.n) != NULL))))
		abort();
	arena_free(&x.arena);
}

/* The first line is a cookie, the rest a form and a URL. */
int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct arena a;
	struct page_pairs p;
	str rest = { (const char *)d, n }, line = str_split(&rest, '\n');
	struct exchange x = { .header[FH_COOKIE] = line };

	arena_init(&a, 4 << 20);
	(void)page_cookie(&x, "scriped");
	page_pairs(&a, rest, &p);
	if (p.n > PAGE_PAIRS || (p.bad && p.n != 0))
		abort();
	for (int i = 0; i < p.n; i++) {
		check_text(p.v[i].name);
		check_text(p.v[i].value);
		check_written(p.v[i].value);
	}
	const char *origin = page_origin(&a, rest);
	if (origin != NULL && (strpbrk(origin, " ;,'\"\r\n\t") != NULL || strlen(origin) > 500))
		abort();
	check_written((str){ (const char *)d, n });
	arena_free(&a);
	return 0;
}
