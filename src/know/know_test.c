#include "know/know.h"
#include "t.h"

static struct arena *
arena(void)
{
	static struct arena a;

	arena_free(&a);
	arena_init(&a, 64 << 20);
	return &a;
}

static str
repeat(struct arena *a, int n, const char *what)
{
	struct buf b;

	buf_init(&b, a, 1 << 24);
	for (int i = 0; i < n; i++)
		buf_add(&b, str_z(what));
	return buf_str(&b);
}

TEST(a_short_text_is_one_passage_as_it_was_written)
{
	struct passage *p;
	str s = S("We  moved.\nIt rained!");

	CHECK_INT(know_passages(arena(), s, TEXT_EN, &p), ==, 1);
	CHECK_STR(p[0].body, s);
	CHECK_STR(p[0].heading, S(""));
	CHECK_INT(p[0].words, ==, 4);
}

TEST(a_text_without_a_word_has_no_passage)
{
	struct passage *p;

	CHECK_INT(know_passages(arena(), S(""), TEXT_EN, &p), ==, 0);
	CHECK_INT(know_passages(arena(), S(" \n\n … — !? "), TEXT_EN, &p), ==, 0);
}

TEST(passages_have_some_200_words_and_begin_with_the_last_sentences_of_the_one_before)
{
	struct arena *a = arena();
	struct passage *p;
	str s = repeat(a, 100, "There are ten words in each sentence of this text. ");
	int n = know_passages(a, s, TEXT_EN, &p);

	CHECK_INT(n, ==, 6);		/* 200 words, of which 40 are those of the one before */
	for (int i = 0; i < n; i++) {
		CHECK_INT(p[i].words, <=, 260);
		CHECK(str_starts(p[i].body, S("There are ten")));
		CHECK(str_ends(p[i].body, S("this text.")));
		if (i > 0) {
			size_t overlap = (size_t)(p[i - 1].body.p + p[i - 1].body.n - p[i].body.p);
			CHECK_INT(overlap, >, 100);
			CHECK_INT(overlap, <, 220);
		}
	}
	CHECK(p[n - 1].body.p + p[n - 1].body.n >= s.p + s.n - 1);
}

TEST(a_sentence_that_is_too_long_is_cut_between_words)
{
	struct arena *a = arena();
	struct passage *p;
	str s = repeat(a, 1000, "word ");
	int n = know_passages(a, s, TEXT_EN, &p), words = 0;

	CHECK_INT(n, ==, 5);
	for (int i = 0; i < n; i++) {
		CHECK_INT(p[i].words, ==, 200);
		CHECK(str_starts(p[i].body, S("word ")));
		words += p[i].words;
	}
	CHECK_INT(words, ==, 1000);
}

TEST(a_heading_begins_a_passage_and_stands_beside_it)
{
	struct arena *a = arena();
	struct passage *p;
	str part = repeat(a, 10, "There are ten words in each sentence of this text. ");
	str s = str_fmt(a, "# First\n\n%.*s\n\n# Second\n\n%.*s\n", STR(part), STR(part));

	CHECK_INT(know_passages(a, s, TEXT_EN, &p), ==, 2);
	CHECK_STR(p[0].heading, S("First"));
	CHECK_STR(p[1].heading, S("Second"));
	CHECK(str_starts(p[1].body, S("Second")));
}

static const struct term *
find(const struct term *t, int n, const char *s)
{
	for (int i = 0; i < n; i++)
		if (str_eq(t[i].s, str_z(s)))
			return &t[i];
	return NULL;
}

TEST(terms_come_sorted_with_the_passages_that_have_them)
{
	struct arena *a = arena();
	struct passage p[] = {
		{ S(""), S("The zebra runs. Zebras!"), 4 }, { S(""), S("Nothing here."), 2 }, { S("Running"), S("A zebra."), 2 },
	};
	struct hit h = { .place = ~0u };
	struct term *t;
	int64_t length;
	int n = know_terms(a, S("Animals"), p, 3, TEXT_EN, &t, &length);

	for (int i = 1; i < n; i++)
		CHECK_INT(str_cmp(t[i - 1].s, t[i].s), <, 0);
	CHECK(find(t, n, "the") == NULL);
	const struct term *zebra = find(t, n, "zebra"), *run = find(t, n, "run");
	CHECK(zebra != NULL && run != NULL && find(t, n, "anim") != NULL);
	str rest = zebra->hits;
	CHECK(know_next_hit(&rest, &h));
	CHECK_INT(h.place, ==, 0);
	CHECK_INT(h.body, ==, 2);
	CHECK_INT(h.head, ==, 0);
	CHECK_INT(h.length, ==, 3);
	CHECK(know_next_hit(&rest, &h));
	CHECK_INT(h.place, ==, 2);
	CHECK_INT(h.length, ==, 1);
	CHECK(!know_next_hit(&rest, &h));
	rest = run->hits;
	h.place = ~0u;
	CHECK(know_next_hit(&rest, &h) && know_next_hit(&rest, &h));
	CHECK_INT(h.place, ==, 2);
	CHECK_INT(h.body, ==, 0);
	CHECK_INT(h.head, ==, 1);
}

TEST(numbers_of_any_size_are_hits_and_a_cut_one_is_none)
{
	struct hit h = { .place = ~0u };
	str s = { "\x85\x01\x01\x00\xC8\x01", 6 }, cut = { "\x85\x01\x01", 3 };

	CHECK(know_next_hit(&s, &h));
	CHECK_INT(h.place, ==, 133);
	CHECK_INT(h.body, ==, 1);
	CHECK_INT(h.length, ==, 200);
	CHECK(!know_next_hit(&cut, &h));
}

TEST(a_very_long_word_is_indexed_by_its_beginning_and_never_cut_inside_a_character)
{
	struct arena *a = arena();
	str s = repeat(a, 5000, "é");
	struct passage p = { S(""), str_fmt(a, "x%.*s", 400, s.p), 1 };
	struct term *t;
	int64_t length;

	CHECK_INT(know_terms(a, S("!"), &p, 1, TEXT_OTHER, &t, &length), ==, 1);
	CHECK_INT(t[0].s.n, ==, 63);
	CHECK(utf8_ok(t[0].s));
}

/* A text of so many different words, w0 and so on, all but the first of them once. */
static str
vocabulary(struct arena *a, int n)
{
	struct buf b;

	buf_init(&b, a, 1 << 24);
	for (int i = 0; i < n; i++)
		buf_fmt(&b, "w%dx w0x ", i);
	return buf_str(&b);
}

/* Looks for the term as a search does: in the row of its own, and in those of its groups. */
static int
times(const struct term *t, int n, str term)
{
	int found = 0;
	char to[KNOW_GROUP];

	for (int g = KNOW_FEW; g <= KNOW_MANY; g++) {
		str key = know_group(term, (enum know_groups)g, to);
		struct term in;
		for (int i = 0; i < n; i++)
			for (str rest = str_eq(t[i].s, key) ? t[i].hits : S(""); know_next_term(&rest, &in);)
				found += str_eq(in.s, term);
	}
	for (int i = 0; i < n; i++)
		found += str_eq(t[i].s, term);
	return found;
}

TEST(each_term_of_a_long_document_is_in_one_row_whatever_its_length)
{
	static const struct { int words, most; } rows[] = { { 900, 900 }, { 1100, 256 }, { 7900, 256 }, { 8100, 1024 } };

	for (int k = 0; k < 4; k++) {
		struct arena *a = arena();
		struct passage p = { S(""), vocabulary(a, rows[k].words), 2 * rows[k].words };
		struct term *t;
		int64_t length;
		int n = know_terms(a, S("!"), &p, 1, TEXT_OTHER, &t, &length);
		CHECK_INT(n, <=, rows[k].most);
		CHECK_INT(length, ==, 2 * rows[k].words);
		for (int i = 1; i < n; i++)
			CHECK_INT(str_cmp(t[i - 1].s, t[i].s), <, 0);
		for (int i = 0; i < rows[k].words; i += 7)
			CHECK_INT(times(t, n, str_fmt(a, "w%dx", i)), ==, 1);
		CHECK_INT(times(t, n, S("w0")), ==, 0);
	}
}

TEST(a_group_that_was_cut_ends_there)
{
	str whole = { "\x02" "ab\x04\x00\x01\x00\x05", 8 }, cut = { "\x02" "ab\x04\x00\x01", 6 };
	struct term t;

	CHECK(know_next_term(&whole, &t));
	CHECK_STR(t.s, S("ab"));
	CHECK_INT((int)t.hits.n, ==, 4);
	CHECK(!know_next_term(&whole, &t));
	CHECK(!know_next_term(&cut, &t));
}
