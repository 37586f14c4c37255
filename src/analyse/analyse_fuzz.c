/* Arbitrary bytes as a text: topics are valid UTF-8, within their limits and in their order; and as what a model said of it. */
#include "analyse/analyse_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool go_on(void *ctx, double fraction, const char *what) { (void)ctx, (void)fraction, (void)what; return true; }
static void need(bool true_here) { if (!true_here) __builtin_trap(); }

static void
check(const struct analysis_topic *t, size_t n)
{
	need(utf8_ok(t->title) && t->title.n != 0 && utf8_ok(t->summary) && t->score >= 0 && t->score <= 1000);
	for (int i = 0; i < t->keys; i++)
		need(utf8_ok(t->key[i]));
	for (int i = 0; i < t->hooks; i++)
		need(utf8_ok(t->hook[i].content) && t->hook[i].content.n != 0 && utf8_count(t->hook[i].content) <= ANALYSE_HOOK_MAX);
	need((t->from_ms < 0) == (t->to_ms < 0) && t->from_ms <= t->to_ms && t->to_ms <= (int64_t)n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct text_mark mark[2] = { { 0, 0, 0, (int64_t)n / 2 }, { n / 2, 0, (int64_t)n / 2, (int64_t)n } };
	struct marked_text m = { .text = { (const char *)d, n }, .mark = mark, .marks = n % 3, .duration_ms = -1 };
	struct analysis r;
	struct arena a;

	if (n == 0)
		m.text = S("");
	m.marks = MIN(m.marks, 2);
	arena_init(&a, (size_t)64 << 20);
	need(analyse_builtin(&a, &m, go_on, NULL, &r) && r.n <= ANALYSE_TOPICS);
	for (int i = 0; i < r.n; i++)
		check(&r.topic[i], n);
	for (int i = 1; i < r.n; i++)
		need(r.topic[i].score <= r.topic[i - 1].score);
	json_t *said = check_object(m.text);
	for (int i = 0; i < r.n; i++) {
		check_topic(&a, said, m.text, &r.topic[i]);
		check(&r.topic[i], n);
	}
	json_decref(said);
	arena_free(&a);
	return 0;
}
