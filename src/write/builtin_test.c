#include "t.h"
#include "write/write_priv.h"
#include <stdlib.h>

static bool go_on(void *ctx, double fraction, const char *what) { (void)ctx; return fraction >= 0 && fraction <= 1 && what != NULL; }

static enum write_fault
post(struct arena *a, str source, enum write_length length, struct write_output *ret)
{
	struct write_input in = { .source = source, .length = length };

	*ret = (struct write_output){ 0 };
	return builtin_post(&in, a, go_on, NULL, ret);
}

static bool has(str s, str what) { return what.n == 0 || memmem(s.p, s.n, what.p, what.n) != NULL; }

/* Blanks as one space each, as the draft writes them. */
static str
squeezed(struct arena *a, str s)
{
	struct buf b;

	buf_init(&b, a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		bool blank = (uint8_t)s.p[i] <= ' ';
		if (!blank)
			buf_char(&b, s.p[i]);
		else if (b.n > 0 && b.p[b.n - 1] != ' ')
			buf_char(&b, ' ');
	}
	return buf_str(&b);
}

/* The draft's parts: paragraphs, and a last line of hashtags. */
struct parts { str paragraph[64]; int n; str tags; };

static struct parts
parts_of(str content)
{
	struct parts p = { .n = 0 };

	while (content.n > 0 && p.n < 64) {
		const char *gap = memmem(content.p, content.n, "\n\n", 2);
		str s = gap != NULL ? (str){ content.p, (size_t)(gap - content.p) } : content;
		content = str_cut(content, s.n + (gap != NULL ? 2 : 0), content.n);
		if (content.n == 0 && s.p[0] == '#')
			p.tags = s;
		else
			p.paragraph[p.n++] = s;
	}
	return p;
}

static void
check_tags(str tags)
{
	int n = 0;

	while (tags.p != NULL && tags.n > 0) {
		str tag = str_split(&tags, ' ');
		size_t i = 1;
		CHECK(tag.n > 3 && tag.p[0] == '#');
		CHECK(text_lower(utf8_next(tag, &i)) != 0);
		for (i = 1; i < tag.n;) {
			uint32_t c = utf8_next(tag, &i);
			CHECK(text_letter(c) || (c >= '0' && c <= '9'));
		}
		n++;
	}
	CHECK_INT(n, <=, 3);
}

static bool
own_question(str s)
{
	return str_starts(s, S("What is your experience")) || str_starts(s, S("Welche Erfahrungen haben Sie"));
}

/* Every paragraph is made of sentences of the source; so no number, name or word is new. */
static void
check_verbatim(struct arena *a, str source, const struct parts *p)
{
	str whole = squeezed(a, source);
	struct text_sentence *s;

	for (int i = 0; i < p->n; i++) {
		if (i == p->n - 1 && own_question(p->paragraph[i]))
			continue;
		int n = text_sentences(a, p->paragraph[i], text_language(source), &s);
		for (int k = 0; k < n; k++)
			if (!has(whole, s[k].s))
				t_fail(__FILE__, __LINE__, "not in the source: %.*s", STR(s[k].s));
	}
}

/* The share of the words of a and b that both have. */
static double
overlap(struct arena *a, str x, str y)
{
	struct text_word *v, *w;
	int n = text_words(a, x, TEXT_EN, &v), m = text_words(a, y, TEXT_EN, &w), both = 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < m; k++)
			if (str_eq(v[i].stem, w[k].stem)) {
				both++;
				break;
			}
	return (double)both / MAX(1, MAX(n, m));
}

static void
check_different(struct arena *a, const struct parts *p)
{
	struct buf all;
	struct text_sentence *s;

	buf_init(&all, a, 1 << 16);
	for (int i = 0; i < p->n; i++) {
		buf_add(&all, p->paragraph[i]);
		buf_add(&all, S("\n\n"));
	}
	int n = text_sentences(a, buf_str(&all), TEXT_EN, &s);
	for (int i = 0; i < n; i++)
		for (int k = i + 1; k < n; k++)
			if (overlap(a, s[i].s, s[k].s) > 0.75)
				t_fail(__FILE__, __LINE__, "said twice: %.*s", STR(s[i].s));
}

static const int target[] = { 600, 1200, 2000 };

static void
check_invariants(struct arena *a, str source, enum write_length length)
{
	struct write_output o, again;

	CHECK_INT(post(a, source, length, &o), ==, WRITE_OK);
	CHECK_INT(post(a, str_dup(a, source), length, &again), ==, WRITE_OK);
	CHECK_STR(o.content, again.content);
	CHECK_STR(o.title, again.title);
	CHECK(utf8_ok(o.content) && utf8_ok(o.title));
	CHECK_INT(utf8_count(o.title), <=, 120);
	CHECK_INT(utf8_count(o.title), >, 0);
	CHECK(!has(o.title, S("\n")));
	CHECK_INT(utf8_count(o.content), <=, target[length] + target[length] / 10);
	CHECK_INT(utf8_count(o.content), <=, POST_MAX);
	CHECK_STR(str_z(o.provider), S("builtin"));
	CHECK_STR(o.model, S("extract-1"));
	struct parts p = parts_of(o.content);
	CHECK_INT(p.n, >=, 1);
	check_tags(p.tags);
	check_verbatim(a, source, &p);
	check_different(a, &p);
	CHECK(!a->over);
}

static void
check_example(const char *path, const char *topic)
{
	struct arena a;
	struct write_output o;

	arena_init(&a, 64 << 20);
	str source = t_file(&a, path);
	for (int l = WRITE_SHORT; l <= WRITE_LONG; l++) {
		check_invariants(&a, source, (enum write_length)l);
		post(&a, source, (enum write_length)l, &o);
		CHECK_INT(utf8_count(o.content), >=, target[l] * 3 / 4);
		CHECK(has(o.content, str_z(topic)));
	}
	arena_free(&a);
}

TEST(the_examples_become_drafts)
{
	check_example("examples/talk.txt", "issue tracker");
	check_example("examples/vortrag.txt", "Viertagewoche");
}

TEST(a_draft_is_not_the_start_of_the_source)
{
	struct arena a;
	struct write_output o;
	struct text_sentence *s;
	int early = 0, late = 0;

	arena_init(&a, 64 << 20);
	str source = t_file(&a, "examples/talk.txt");
	CHECK_INT(post(&a, source, WRITE_MEDIUM, &o), ==, WRITE_OK);
	int n = text_sentences(&a, source, TEXT_EN, &s);
	for (int i = 0; i < n; i++)
		if (!s[i].heading && has(o.content, s[i].s))
			(i < n / 3 ? &early : &late)[0]++;
	CHECK_INT(late, >=, early);
	CHECK_INT(early, >=, 1);
	CHECK(!has(o.content, S("Good evening")) && !has(o.content, S("Thank you")) && !has(o.content, S("herring")));
	arena_free(&a);
}

TEST(a_draft_opens_with_a_hook_and_ends_with_a_question)
{
	struct arena a;
	struct write_output o;
	static const char *const path[] = { "examples/talk.txt", "examples/vortrag.txt" };

	arena_init(&a, 64 << 20);
	for (size_t i = 0; i < COUNT(path); i++) {
		CHECK_INT(post(&a, t_file(&a, path[i]), WRITE_MEDIUM, &o), ==, WRITE_OK);
		struct parts p = parts_of(o.content);
		CHECK_INT(p.n, >=, 5);
		CHECK_INT(utf8_count(p.paragraph[0]), <=, 140);
		CHECK(str_ends(p.paragraph[p.n - 1], S("?")));
		CHECK(p.tags.n > 0);
	}
	arena_free(&a);
}

/* Rows: a source, what its draft must hold, and what it must not. */
TEST(sources_of_many_kinds)
{
	static const struct { const char *source, *in, *out; } row[] = {
		{ "Our team shipped 14 releases last month without a single rollback.", "14 releases", "#14" },
		{ "just a few words", "just a few words", "…" },
		{ "What do you do when the build fails?", "What do you do when the build fails?", "experience" },
		{ "Der Umbau dauerte 3,5 Wochen und kostete 12.000 Euro.", "12.000 Euro", "What is" },
		{ "42", "42", "…" },
		{ "Anna: Um, so, you know, welcome.\nBen: We cut our build from 45 to 3 minutes in one quarter.\nAnna: Uh, how?\n"
		  "Ben: We deleted 1,800 tests that had never failed.\n", "We cut our build", "Anna" },
		{ "[00:01] We cut our build from 45 to 3 minutes in one quarter.\n[00:07] We deleted 1,800 tests that never failed.\n",
		  "1,800 tests", "00:0" },
		{ "The new release is twice as fast as the old one.\n\nSubscribe to our newsletter for more!\n\nhttps://example.com/a\n\n"
		  "Search now answers in 20 ms instead of 45.", "20 ms", "newsletter" },
		{ "The move went well and took two days.\nNobody lost any data.\n\nBest regards\nEve\n\n-- \nEve Example\nExample Inc., Main Street\n",
		  "Nobody lost any data", "Main Street" },
		{ "# Plan\n- Tag the commit\n- Build on a clean machine\n- Run the long tests twice\n", "Run the long tests twice", "- Run" },
		{ "The old design failed on 3 of 4 machines. The old design failed on 3 of 4 machines. We wrote a new one in May.",
		  "We wrote a new one", "machines. The old" },
		{ "Pendant trois ans, notre équipe a commencé chaque semaine par une réunion. Nous avons gagné 96 heures.", "96 heures", "What is" },
		{ "今日は新しい製品を発表します。性能は二倍になりました。", "性能は二倍になりました。", "What is" },
	};
	struct arena a;
	struct write_output o;

	arena_init(&a, 64 << 20);
	for (size_t i = 0; i < COUNT(row); i++) {
		check_invariants(&a, str_z(row[i].source), WRITE_MEDIUM);
		post(&a, str_z(row[i].source), WRITE_MEDIUM, &o);
		if (!has(o.content, str_z(row[i].in)) || has(o.content, str_z(row[i].out)))
			t_fail(__FILE__, __LINE__, "row %zu: %.*s", i, STR(o.content));
	}
	arena_free(&a);
}

TEST(nothing_to_write_from)
{
	static const char *const source[] = { "", " ", "\n\t\r\n", "... !!! ---", "—\n\n***\n", "😀 😀", "\x01\x02" };
	struct arena a;
	struct write_output o;

	arena_init(&a, 64 << 20);
	for (size_t i = 0; i < COUNT(source); i++)
		CHECK_INT(post(&a, str_z(source[i]), WRITE_MEDIUM, &o), ==, WRITE_EMPTY);
	arena_free(&a);
}

TEST(sentences_that_lean_come_with_what_they_lean_on)
{
	static const char source[] =
	    "The shop in Husum sold 400 chairs last year. It also sold 90 tables. The old workshop burned down in March 2019. "
	    "This cost the owner 70,000 euros. The insurance paid for the machines and the roof. However, it did not pay for the "
	    "wood in the yard. The neighbours lent the owner their saws for six months. He never forgot that. The new workshop has "
	    "two doors and a pond for the fire brigade. These were cheap. Chairs from the new workshop cost 12 percent less to build.";
	static const struct { const char *lean, *on; } row[] = {
		{ "It also sold", "The shop in Husum" }, { "This cost", "The old workshop burned" }, { "However, it did", "The insurance paid" },
		{ "He never", "The neighbours lent" }, { "These were", "The new workshop has" },
	};
	struct arena a;
	struct write_output o;

	arena_init(&a, 64 << 20);
	for (int l = WRITE_SHORT; l <= WRITE_LONG; l++) {
		CHECK_INT(post(&a, str_z(source), (enum write_length)l, &o), ==, WRITE_OK);
		for (size_t i = 0; i < COUNT(row); i++) {
			const char *lean = memmem(o.content.p, o.content.n, row[i].lean, strlen(row[i].lean));
			const char *on = memmem(o.content.p, o.content.n, row[i].on, strlen(row[i].on));
			CHECK(lean == NULL || (on != NULL && on < lean));
		}
	}
	arena_free(&a);
}

static bool count_down(void *ctx, double fraction, const char *what) { (void)fraction, (void)what; return (*(int *)ctx)-- > 0; }

TEST(a_job_that_must_stop_stops)
{
	struct arena a;
	struct write_output o = { 0 };
	struct write_input in = { .source = S_INIT("One sentence is enough here.") };

	arena_init(&a, 64 << 20);
	for (int calls = 0; calls < 3; calls++) {
		int left = calls;
		CHECK_INT(builtin_post(&in, &a, count_down, &left, &o), ==, WRITE_STOPPED);
	}
	arena_free(&a);
}

static void
put_report(struct buf *b, int i)
{
	buf_fmt(b, "Report %d says that team %d closed %d issues of %d in week %d. ", i, i % 97, i * 7 % 13, i / 3, i % 52);
}
static void put_word(struct buf *b, int i) { buf_fmt(b, "a%d ", i); }
static void put_open(struct buf *b, int i) { buf_fmt(b, "(%d [%d „%d. ", i, i, i); }
static void put_short(struct buf *b, int i) { buf_fmt(b, "Word %d. ", i % 97); }
static void put_line(struct buf *b, int i) { buf_fmt(b, "x%d\n%d\n", i, i); }
static void put_same(struct buf *b, int i) { (void)i; buf_add(b, S("Alpha beta gamma delta epsilon zeta eta theta. ")); }

/* 100,000 bytes each: sentences that all differ a little, and what is worst for the parts below. */
TEST(large_sources_stay_within_their_memory)
{
	static void (*const put[])(struct buf *, int) = { put_report, put_word, put_open, put_short, put_line, put_same };
	struct arena a;
	struct buf b;
	struct write_output o;

	for (size_t k = 0; k < COUNT(put); k++) {
		arena_init(&a, 64 << 20);
		buf_init(&b, &a, 120000);
		for (int i = 0; b.n < 99900; i++)
			put[k](&b, i);
		CHECK_INT(post(&a, buf_str(&b), WRITE_LONG, &o), ==, WRITE_OK);
		CHECK_INT(utf8_count(o.content), <=, POST_MAX);
		CHECK(!a.over);
		arena_free(&a);
	}
}
