#include "ingest/ingest_priv.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Marks stand in the text and ascend, and are the same when they were packed. */
static bool
sound(struct arena *a, const struct marked_text *t)
{
	str packed = marked_pack(a, t->mark, t->marks);
	struct text_mark *v;

	if (!utf8_ok(t->text) || utf8_count(t->text) > INGEST_TEXT_MAX || (t->text.n > 0 && memchr(t->text.p, '\0', t->text.n) != NULL))
		return false;
	if (marked_unpack(a, packed, &v) != t->marks)
		return false;
	for (int i = 0; i < t->marks; i++) {
		const struct text_mark *m = &t->mark[i];
		if (m->at >= t->text.n || m->from_ms > m->to_ms || (i > 0 && (m->at < m[-1].at || m->page < m[-1].page)))
			return false;
		if (v[i].at != m->at || v[i].page != m->page || v[i].from_ms != m->from_ms || v[i].to_ms != m->to_ms)
			return false;
	}
	return true;
}

/* Whatever the program writes, what comes of it is well-formed. */
int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct ingest_result r = { .text.duration_ms = -1 };
	str rest = { (const char *)d, n };
	struct text_mark *v;
	struct lines l;
	struct arena a;

	arena_init(&a, (size_t)64 << 20);
	(void)marked_unpack(&a, rest, &v);
	lines_begin(&l, &a, NULL, NULL, &r);
	while (rest.p != NULL && lines_take(&l, str_split(&rest, '\n')))
		;
	struct marked_text t = marked_end(&l.m);
	if (!sound(&a, &t) || !utf8_ok(t.title) || !utf8_ok(str_z(r.why)) || l.fault >= INGEST_FAULT_COUNT)
		abort();
	lines_free(&l);
	arena_free(&a);
	return 0;
}
