#include "t.h"
#include "rank/rank.h"

TEST(the_ranking_gives_sentences_in_the_order_of_the_source)
{
	struct arena a;
	struct text_sentence *s;

	arena_init(&a, 64 << 20);
	str source = t_file(&a, "examples/talk.txt");
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

TEST(what_is_like_a_part_of_the_text_says_more)
{
	struct arena a;
	float before = 0, after = 0, rest = 0;

	arena_init(&a, 64 << 20);
	struct rank *r = rank_new(&a, S("Rye flour needs more water than wheat flour. The oven is heated with beech wood. Bakers rush the dough in December.\n\n"
	    "A ferry carries forty lorries to the island. Two tugs pull the ferry from the quay. Sailors paint the hull each spring."), TEXT_EN);
	for (int i = 0; i < r->n; i++)
		before += i >= 3 ? r->item[i].score : 0;
	rank_toward(r, S("The ferry and its lorries. Tugs pull at the quay. Sailors paint hulls in spring."));
	for (int i = 0; i < r->n; i++) {
		after += i >= 3 ? r->item[i].score : 0;
		rest += i < 3 ? r->item[i].score : 0;
	}
	CHECK_INT(r->n, ==, 6);
	CHECK(after <= before && after > 3 * rest);
	rank_toward(r, S(""));
	CHECK(r->item[3].score >= 0);
	arena_free(&a);
}
