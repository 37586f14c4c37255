/* Arbitrary bytes: sentences and words lie inside the input, in its order, and do not overlap. */
#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_sentences(struct arena *a, str in, enum text_lang lang)
{
	struct text_sentence *s;
	const char *at = in.p;
	int n = text_sentences(a, in, lang, &s);

	for (int i = 0; i < n; i++) {
		if (s[i].s.n == 0 || s[i].s.p < at || s[i].s.p + s[i].s.n > in.p + in.n || (i > 0 && s[i].paragraph < s[i - 1].paragraph))
			__builtin_trap();
		at = s[i].s.p + s[i].s.n;
	}
}

static void
check_words(struct arena *a, str in, enum text_lang lang)
{
	struct text_word *w;
	const char *at = in.p;
	int n = text_words(a, in, lang, &w);

	for (int i = 0; i < n; i++) {
		if (w[i].s.n == 0 || w[i].s.p < at || w[i].s.p + w[i].s.n > in.p + in.n)
			__builtin_trap();
		at = w[i].s.p + w[i].s.n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	str in = { n != 0 ? (const char *)d : "", n };
	struct arena a;

	arena_init(&a, 64 << 20);
	(void)text_language(in);
	for (int lang = TEXT_EN; lang <= TEXT_OTHER; lang++) {
		check_sentences(&a, in, (enum text_lang)lang);
		check_words(&a, in, (enum text_lang)lang);
	}
	if (!utf8_ok(text_fold(&a, in)))
		__builtin_trap();
	arena_free(&a);
	return 0;
}
