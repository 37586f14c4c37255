#include "extract/utter.h"
#include "t.h"

struct word { int64_t from, to; const char *word; };

/* The lines that come of these words. */
static str
lines_of(struct arena *a, const struct word *v, size_t n)
{
	struct out o;
	struct utter u;

	out_init(&o, a, &sys_clock_real, -1, 1 << 20);
	utter_begin(&u, &o);
	for (size_t i = 0; i < n; i++)
		utter_word(&u, v[i].from, v[i].to, str_z(v[i].word));
	utter_end(&u);
	arena_free(&o.scratch);
	return buf_str(&o.lines);
}

TEST(a_pause_ends_a_sentence)
{
	static const struct word v[] = { { 0, 10, "<s>" }, { 100, 300, "read(2)" }, { 310, 500, "this" }, { 510, 900, "<sil>" }, { 1000, 1200, "i" }, { 1210, 1500, "did" },
		{ 1500, 1600, "[NOISE]" }, { 1650, 1700, "++UH++" }, { 1700, 1900, "i'm" }, { 1900, 2000, "in" }, { 2000, 2010, "</s>" } };
	struct arena a;

	arena_init(&a, 1 << 20);
	CHECK_STR(lines_of(&a, v, COUNT(v)), S("{\"fromMs\":100,\"toMs\":500,\"text\":\"Read this.\"}\n"
	    "{\"fromMs\":1000,\"toMs\":2000,\"text\":\"I did I'm in.\"}\n"));
	CHECK_INT(lines_of(&a, v, 1).n, ==, 0);
	CHECK_INT(lines_of(&a, v, 0).n, ==, 0);
	arena_free(&a);
}

TEST(a_long_sentence_is_handed_out_in_pieces_and_capitalised_once)
{
	struct word v[40];
	struct arena a;

	for (size_t i = 0; i < COUNT(v); i++)	/* a breath behind each twentieth word */
		v[i] = (struct word){ (int64_t)i * 300 + (i >= 20 ? 200 : 0), (int64_t)i * 300 + 290 + (i >= 20 ? 200 : 0), "on" };
	arena_init(&a, 1 << 20);
	str lines = lines_of(&a, v, COUNT(v));
	CHECK(memmem(lines.p, lines.n, "\"On on", 6) != NULL);
	CHECK(memmem(lines.p, lines.n, "on\"}\n{\"fromMs\":6200,\"toMs\":12190,\"text\":\"on on", 46) != NULL);
	CHECK(str_ends(lines, S("on on.\"}\n")));
	arena_free(&a);
}

/* Without any pause nothing is lost, and no piece is longer than its room. */
TEST(words_without_end)
{
	struct arena a;
	struct out o;
	struct utter u;

	arena_init(&a, 1 << 24);
	out_init(&o, &a, &sys_clock_real, -1, 1 << 22);
	utter_begin(&u, &o);
	for (int i = 0; i < 5000; i++)
		utter_word(&u, i, i + 1, S("sixtyfoursixtyfoursixtyfoursixtyfoursixtyfoursixtyfoursixtyfour1"));
	utter_word(&u, 5000, 5001, S("sixtyfivesixtyfivesixtyfivesixtyfivesixtyfivesixtyfivesixtyfive12"));	/* no word is that long */
	utter_end(&u);
	CHECK_INT(u.said, ==, 5000);
	str all = buf_str(&o.lines);
	int n = 0;
	for (const char *p = all.p; (p = memmem(p, all.n - (size_t)(p - all.p), "four1", 5)) != NULL; p += 5)
		n++;
	CHECK_INT(n, ==, 5000);
	arena_free(&o.scratch);
	arena_free(&a);
}
