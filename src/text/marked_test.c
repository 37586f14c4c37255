#include "t.h"
#include "text/marked.h"

static struct marked_maker
fresh(struct arena *a, size_t most)
{
	struct marked_maker m;

	arena_init(a, 1 << 22);
	marked_begin(&m, a, most);
	return m;
}

static void
check_mark(const struct text_mark *m, size_t at, int page, int64_t from, int64_t to)
{
	CHECK_INT(m->at, ==, at);
	CHECK_INT(m->page, ==, page);
	CHECK_INT(m->from_ms, ==, from);
	CHECK_INT(m->to_ms, ==, to);
}

TEST(pieces_become_one_text_and_a_mark_says_where_a_page_begins)
{
	struct arena a;
	struct marked_maker m = fresh(&a, 1000);

	marked_paragraph(&m, S("Before any page."));
	marked_page(&m, 1);
	marked_heading(&m, 2, S(" Prices\nnow "));
	marked_paragraph(&m, S("Nine euros.\nA month."));
	marked_page(&m, 3);
	marked_paragraph(&m, S("  \n "));
	marked_page(&m, 2);
	marked_paragraph(&m, S("Last."));
	struct marked_text t = marked_end(&m);
	CHECK_STR(t.text, S("Before any page.\n\n## Prices now\n\nNine euros.\nA month.\n\nLast."));
	CHECK_INT(t.marks, ==, 2);
	check_mark(&t.mark[0], 18, 1, -1, -1);
	check_mark(&t.mark[1], 55, 3, -1, -1);
	CHECK_INT(t.duration_ms, ==, -1);
	CHECK(t.title.p == NULL && !m.over);
	arena_free(&a);
}

TEST(what_was_said_goes_on_until_there_is_a_pause)
{
	struct arena a;
	struct marked_maker m = fresh(&a, 1000);

	marked_said(&m, 1000, 2000, S("We moved"));
	marked_said(&m, 2100, 3000, S("the form."));
	marked_said(&m, 9000, 9500, S("Later."));
	marked_said(&m, 8000, 8100, S("Back in time."));
	struct marked_text t = marked_end(&m);
	CHECK_STR(t.text, S("We moved the form.\n\nLater. Back in time."));
	CHECK_INT(t.marks, ==, 4);
	check_mark(&t.mark[0], 0, 0, 1000, 2000);
	check_mark(&t.mark[1], 9, 0, 2100, 3000);
	check_mark(&t.mark[2], 20, 0, 9000, 9500);
	check_mark(&t.mark[3], 27, 0, 9000, 9000);
	arena_free(&a);
}

TEST(a_long_paragraph_of_talk_ends_with_its_sentence)
{
	struct arena a;
	struct marked_maker m = fresh(&a, 100000);
	int paragraphs = 1;

	for (int i = 0; i < 100; i++)
		marked_said(&m, i * 1000, i * 1000 + 900, i % 3 == 2 ? S("and this is where it ends.") : S("This is a piece of a sentence"));
	struct marked_text t = marked_end(&m);
	for (size_t i = 0; i + 1 < t.text.n; i++)
		paragraphs += t.text.p[i] == '\n' && t.text.p[i + 1] == '\n';
	CHECK_INT(paragraphs, >, 3);
	CHECK_INT(paragraphs, <, 8);
	arena_free(&a);
}

TEST(no_control_character_and_no_broken_byte_comes_through)
{
	struct arena a;
	struct marked_maker m = fresh(&a, 1000);

	marked_title(&m, S(" \t"));
	marked_title(&m, S(" A\ntitle\x01 "));
	marked_title(&m, S("Another"));
	marked_paragraph(&m, S("a\x1b[0mb\tc\r\nd\xFF" "e\xC2\x85" "f g\x7f"));
	struct marked_text t = marked_end(&m);
	CHECK_STR(t.title, S("A title"));
	CHECK_STR(t.text, S("a [0mb\tc\nd\xEF\xBF\xBD" "e f g "));
	CHECK(utf8_ok(t.text));
	arena_free(&a);
}

TEST(over_the_most_characters_it_takes_no_more)
{
	struct arena a;
	struct marked_maker m = fresh(&a, 5);

	marked_paragraph(&m, S("äöüßé"));
	CHECK(!m.over);
	marked_page(&m, 2);
	marked_paragraph(&m, S("x"));
	struct marked_text t = marked_end(&m);
	CHECK(m.over);
	CHECK_STR(t.text, S("äöüßé"));
	CHECK_INT(t.marks, ==, 0);
	arena_free(&a);
}

TEST(packed_marks_come_back_and_broken_ones_end_early)
{
	static const struct text_mark v[] = { { 0, 1, -1, -1 }, { 300, 1, 5, 70000 }, { 301, 400, 70000, 70000 }, { 90000, 400, -1, -1 },
	    { 1 << 20, 401, INT64_C(36000000), INT64_C(36000001) } };
	struct text_mark *w;
	struct arena a;

	arena_init(&a, 1 << 20);
	str s = marked_pack(&a, v, (int)COUNT(v));
	CHECK_INT(marked_unpack(&a, s, &w), ==, COUNT(v));
	for (size_t i = 0; i < COUNT(v); i++)
		check_mark(&w[i], v[i].at, v[i].page, v[i].from_ms, v[i].to_ms);
	for (size_t n = 0; n < s.n; n++)
		CHECK_INT(marked_unpack(&a, str_cut(s, 0, n), &w), <, COUNT(v));
	CHECK_INT(marked_unpack(&a, S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), &w), ==, 0);
	CHECK_INT(marked_unpack(&a, STR_NONE, &w), ==, 0);
	CHECK(marked_pack(&a, NULL, 0).p == NULL);
	arena_free(&a);
}

TEST(the_mark_of_a_byte_is_the_last_one_before_it)
{
	static const struct text_mark v[] = { { 3, 1, -1, -1 }, { 10, 2, -1, -1 }, { 20, 3, -1, -1 } };

	CHECK(marked_at(v, 3, 2) == NULL);
	CHECK(marked_at(v, 0, 2) == NULL);
	CHECK(marked_at(v, 3, 3) == &v[0]);
	CHECK(marked_at(v, 3, 19) == &v[1]);
	CHECK(marked_at(v, 3, 99) == &v[2]);
}
