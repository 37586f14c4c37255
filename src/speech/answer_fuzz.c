/* Arbitrary bytes as the answer to a piece; the first one says of which type.  What is said is well-formed, and its times lie in the piece. */
#include "speech/speech_priv.h"
#include <stdlib.h>

#define FROM_MS	60000
#define TO_MS	90000

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct marked_maker m;
	struct arena a;

	if (n == 0)
		return 0;
	str body = { (const char *)d + 1, n - 1 };
	arena_init(&a, 64 << 20);
	marked_begin(&m, &a, 100000);
	struct answer r = answer_read(&a, body, d[0] & 1 ? S("text/plain; charset=utf-8") : S("application/json"), FROM_MS, TO_MS, &m);
	struct marked_text t = marked_end(&m);
	if (!utf8_ok(t.text) || (t.text.n != 0) != (r.said != 0) || ((r.nonsense || r.error.found) && r.said != 0))
		abort();
	for (int i = 0; i < t.marks; i++)
		if (t.mark[i].from_ms < FROM_MS || t.mark[i].to_ms > TO_MS || t.mark[i].to_ms < t.mark[i].from_ms || t.mark[i].at >= t.text.n)
			abort();
	arena_free(&a);
	return 0;
}
