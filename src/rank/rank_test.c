#include "t.h"
#include "rank/rank.h"

static str
slurp(struct arena *a, const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf b;
	char part[4096];

	if (f == NULL) {
		t_fail(__FILE__, __LINE__, "%s: cannot be read", path);
		return S("");
	}
	buf_init(&b, a, 1 << 20);
	for (size_t n; (n = fread(part, 1, sizeof(part), f)) > 0;)
		buf_add(&b, (str){ part, n });
	fclose(f);
	return buf_str(&b);
}

TEST(the_ranking_gives_sentences_in_the_order_of_the_source)
{
	struct arena a;
	struct text_sentence *s;

	arena_init(&a, 64 << 20);
	str source = slurp(&a, "examples/talk.txt");
	int n = rank_best(&a, source, TEXT_EN, 100, &s), words = 0;
	CHECK_INT(n, >=, 3);
	for (int i = 0; i < n; i++) {
		struct text_word *w;
		words += text_words(&a, s[i].s, TEXT_EN, &w);
		CHECK(i == 0 || s[i].s.p > s[i - 1].s.p);
	}
	CHECK_INT(words, >=, 100);
	CHECK_INT(words, <, 160);
	CHECK_INT(rank_best(&a, S(""), TEXT_EN, 100, &s), ==, 0);
	CHECK_INT(rank_best(&a, source, TEXT_EN, 0, &s), ==, 0);
	arena_free(&a);
}
