#include "t.h"
#include "analyse/analyse_priv.h"
#include <stdio.h>
#include <stdlib.h>

/* Three texts on three subjects, in sentences that stand by themselves. */
static const char *const bread[] = {
	"Our bakery kneads the dough by hand every morning.", "Rye flour needs more water than wheat flour.", "The oven is heated with beech wood since 1974.",
	"A sourdough that rests for twenty hours tastes better than one that rests for four.", "Most customers do not know that bread freezes well.",
	"We sell 800 loaves on a Saturday.", "The dough rises in baskets of willow.", "An apprentice learns to shape a loaf within three weeks.",
	"Salt slows down the yeast and keeps the crumb firm.", "Stale loaves become crumbs, and crumbs become the next dough.",
	"The best flour is useless if the oven is cold.", "Bakers who rush the dough lose the crust.", "What would you pay for a loaf that lasts a week?",
};
static const char *const ships[] = {
	"The harbour of the island closes when the wind exceeds nine.", "A ferry carries 240 passengers and forty lorries.", "Captains read the tide before they read the timetable.",
	"Two tugs pull the ferry away from the quay.", "The lighthouse was automated, but its keeper stayed.", "Nobody on the quay believed that the hull would hold.",
	"The anchor chain weighs eleven tons.", "A pilot boards the ship three miles off the coast.", "Sailors paint the hull each spring.",
	"The harbour master counts every vessel at noon.", "Fog costs the ferry company more than fuel.", "The crew of the tug sleeps aboard the vessel.",
	"Passengers wait on the quay until the tide turns.",
};
static const char *const bees[] = {
	"A hive holds fifty thousand bees in June.", "The queen lays two thousand eggs a day.", "Beekeepers inspect the hive every nine days in spring.",
	"Honey from the linden tree is pale and tastes of mint.", "Mites kill more colonies than winter does.", "A swarm looks dangerous, but it hardly ever stings.",
	"Bees find the meadow by the angle of the sun.", "The colony shrinks to a ball around its queen.", "Every frame of honey costs the bees a million flowers.",
	"Smoke calms the colony because the bees expect a fire.", "A beekeeper who harvests too much honey starves the colony.", "Drones leave the hive in August and never return.",
	"I lost four colonies in my first winter.",
};
#define EACH	13

static bool go_on(void *ctx, double fraction, const char *what) { (void)ctx; return fraction >= 0 && fraction <= 1 && what != NULL; }
static bool stop(void *ctx, double fraction, const char *what) { (void)ctx, (void)what; return fraction < 0.3; }

/* There and back: who talks, repeats himself. */
static void
put_all(struct buf *b, const char *const *s)
{
	for (int i = 0; i < EACH * 2; i++)
		buf_fmt(b, "%s ", s[i < EACH ? i : EACH * 2 - 1 - i]);
}

static str
three_texts(struct arena *a)
{
	struct buf b;

	buf_init(&b, a, 1 << 16);
	put_all(&b, bread);
	put_all(&b, ships);
	put_all(&b, bees);
	return buf_str(&b);
}

static struct analysis
analysis_of(struct arena *a, str text)
{
	struct marked_text m = { .text = text, .duration_ms = -1 };
	struct analysis r;

	CHECK(analyse_builtin(a, &m, go_on, NULL, &r));
	return r;
}

static bool within(str s, const char *text) { return memmem(text, strlen(text), s.p, s.n) != NULL; }

TEST(a_boundary_stands_where_the_subject_changes)
{
	struct arena a;
	struct parts p;

	arena_init(&a, 64 << 20);
	str text = three_texts(&a);
	segment_find(&a, text, TEXT_EN, ANALYSE_TOPICS, &p);
	CHECK_INT(p.n, ==, 3);
	for (int i = 1; i < p.n; i++) {
		const char *first = i == 1 ? ships[0] : bees[0];
		long at = (long)((const char *)memmem(text.p, text.n, first, strlen(first)) - text.p);
		CHECK_INT(labs((long)p.part[i].from - at), <=, 60);	/* a sentence at the most */
	}
	CHECK_INT(p.part[0].from, ==, 0);
	CHECK(segment_focus(&p, 2, S("hive")) > 0.7f);
	CHECK(segment_focus(&p, 0, S("hive")) < 0.1f);
	CHECK(segment_focus(&p, 0, S("nowhere")) == 0);
	arena_free(&a);
}

TEST(a_topic_is_made_of_sentences_of_the_text_alone)
{
	struct arena a;

	arena_init(&a, 64 << 20);
	str text = three_texts(&a);
	const char *all = str_dup(&a, text).p;
	struct analysis r = analysis_of(&a, text);
	CHECK_INT(r.n, ==, 3);
	for (int i = 0; i < r.n; i++) {
		const struct analysis_topic *t = &r.topic[i];
		CHECK(t->title.n > 0 && memchr(t->title.p, '\n', t->title.n) == NULL);
		CHECK(t->score >= 0 && t->score <= 1000 && (i == 0 || t->score <= r.topic[i - 1].score));
		CHECK(t->keys >= 3 && t->hooks >= 3 && t->summary.n > 0);
		CHECK_INT(t->from_ms, ==, -1);
		CHECK_INT(t->to_ms, ==, -1);
		for (int k = 0; k < t->keys; k++)
			CHECK(within(t->key[k], all));
		for (int k = 0; k < t->hooks; k++) {
			CHECK(within(t->hook[k].content, all));
			CHECK_INT(utf8_count(t->hook[k].content), <=, ANALYSE_HOOK_MAX);
		}
	}
	arena_free(&a);
}

TEST(openings_are_of_different_kinds)
{
	struct arena a;
	unsigned seen = 0;
	static const char *const types[] = { "QUESTION", "CONTRAST", "NUMBER", "LESSON", "STORY", "CLAIM" };

	arena_init(&a, 64 << 20);
	struct analysis r = analysis_of(&a, three_texts(&a));
	for (int i = 0; i < r.n; i++)
		for (int k = 0; k < r.topic[i].hooks; k++)
			for (size_t t = 0; t < COUNT(types); t++)
				seen |= strcmp(r.topic[i].hook[k].post_type, types[t]) == 0 ? 1u << t : 0;
	CHECK((seen & 1) != 0 && (seen & 2) != 0 && (seen & 4) != 0);
	arena_free(&a);
}

TEST(topics_of_a_recording_have_its_times)
{
	struct text_mark mark[64];
	struct arena a;
	struct analysis r;
	int n = 0;

	arena_init(&a, 64 << 20);
	struct marked_text m = { .text = three_texts(&a), .mark = mark, .duration_ms = 64000 };
	for (size_t at = 0; n < 64; at += m.text.n / 64, n++)
		mark[n] = (struct text_mark){ at, 0, n * 1000, n * 1000 + 1000 };
	m.marks = n;
	CHECK(analyse_builtin(&a, &m, go_on, NULL, &r));
	CHECK_INT(r.n, ==, 3);
	int64_t covered = 0;
	for (int i = 0; i < r.n; i++) {
		CHECK(r.topic[i].from_ms >= 0 && r.topic[i].to_ms > r.topic[i].from_ms && r.topic[i].to_ms <= 64000);
		covered += r.topic[i].to_ms - r.topic[i].from_ms;
	}
	CHECK_INT(covered, >=, 64000);
	CHECK_INT(covered, <=, 64000 + 2000);		/* a mark may reach into two of them */
	arena_free(&a);
}

TEST(german_and_headings_are_understood)
{
	struct arena a;
	bool titled = false, question = false;

	arena_init(&a, 64 << 20);
	struct analysis r = analysis_of(&a, t_file(&a, "examples/vortrag.txt"));
	CHECK_INT(r.n, >=, 2);
	for (int i = 0; i < r.n; i++) {
		titled |= str_eq(r.topic[i].title, S("Warum wir den Montag abgeschafft haben"));
		for (int k = 0; k < r.topic[i].hooks; k++)
			question |= strcmp(r.topic[i].hook[k].post_type, "QUESTION") == 0;
	}
	CHECK(titled && question);
	r = analysis_of(&a, t_file(&a, "examples/talk.txt"));
	CHECK_INT(r.n, >=, 3);
	for (int i = 0; i < r.n; i++)
		for (int k = 0; k < i; k++)
			CHECK(!str_ieq(r.topic[i].title, r.topic[k].title));
	arena_free(&a);
}

TEST(a_short_text_is_one_topic_and_a_few_words_none)
{
	static const struct { const char *text; int topics; } rows[] = {
		{ "", 0 }, { "...", 0 }, { "x", 0 }, { "Four words are few.", 0 }, { "We moved our support into a public tracker, and nobody missed the inbox.", 1 },
		{ "We sell bread. We do not sell cake. The oven is old. The harbour is near. Bees live on the roof.", 1 },
	};
	struct arena a;

	arena_init(&a, 64 << 20);
	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK_INT(analysis_of(&a, str_z(rows[i].text)).n, ==, rows[i].topics);
	arena_free(&a);
}

TEST(the_same_text_has_the_same_topics)
{
	struct arena a;

	arena_init(&a, 64 << 20);
	struct analysis x = analysis_of(&a, three_texts(&a)), y = analysis_of(&a, three_texts(&a));
	CHECK_INT(x.n, ==, y.n);
	for (int i = 0; i < x.n; i++) {
		CHECK(str_eq(x.topic[i].title, y.topic[i].title) && str_eq(x.topic[i].summary, y.topic[i].summary));
		CHECK_INT(x.topic[i].score, ==, y.topic[i].score);
	}
	arena_free(&a);
}

TEST(the_part_of_a_line_is_found_whatever_blanks_are_in_it)
{
	struct arena a;

	arena_init(&a, 64 << 20);
	str text = three_texts(&a);
	char *p = arena_raw(&a, text.n);
	for (size_t i = 0; i < text.n; i++)
		p[i] = text.p[i] == ' ' && i % 3 == 0 ? '\n' : text.p[i];
	str part = analyse_part(&a, (str){ p, text.n }, str_z(ships[5]));
	CHECK(memmem(part.p, part.n, "lighthouse", 10) != NULL && memmem(part.p, part.n, "honey", 5) == NULL && part.n < text.n);
	part = analyse_part(&a, text, S("Mites kill more colonies than…"));
	CHECK(memmem(part.p, part.n, "beekeeper", 9) != NULL && memmem(part.p, part.n, "harbour", 7) == NULL);
	CHECK(analyse_part(&a, text, S("Nobody said this.")).p == NULL);
	CHECK(analyse_part(&a, text, S("")).p == NULL);
	CHECK(analyse_part(&a, S(""), S("x")).p == NULL);
	arena_free(&a);
}

/* As a transcriber writes that knows no punctuation. */
TEST(speech_without_punctuation_is_divided_too)
{
	struct arena a;

	arena_init(&a, 64 << 20);
	str text = three_texts(&a);
	char *p = arena_raw(&a, text.n);
	for (size_t i = 0; i < text.n; i++)
		p[i] = strchr(".,?", text.p[i]) != NULL ? ' ' : (char)(text.p[i] | (text.p[i] >= 'A' && text.p[i] <= 'Z' ? 32 : 0));
	struct analysis r = analysis_of(&a, (str){ p, text.n });
	CHECK_INT(r.n, ==, 3);
	for (int i = 0; i < r.n; i++) {
		const struct analysis_topic *t = &r.topic[i];
		CHECK(t->keys >= 1 && t->hooks >= 1 && t->title.n > 0 && t->summary.n > 0);
		CHECK(utf8_count(t->hook[0].content) <= ANALYSE_HOOK_MAX);
	}
	arena_free(&a);
}

TEST(work_that_must_stop_stops)
{
	struct marked_text m = { .duration_ms = -1 };
	struct arena a;
	struct analysis r;

	arena_init(&a, 64 << 20);
	m.text = three_texts(&a);
	CHECK(!analyse_builtin(&a, &m, stop, NULL, &r));
	arena_free(&a);
}

/* --- what a model says --- */

static struct analysis_topic
checked(struct arena *a, const char *said, const char *part)
{
	struct analysis_topic t = { .title = S("Ours"), .summary = S("Our summary."), .key = { S("Our key.") }, .keys = 1, .score = 500, .hooks = 1,
	    .hook = { { S("Our hook."), "CLAIM", "UNKNOWN" } } };
	json_t *root = check_object(str_z(said));

	check_topic(a, root, str_z(part), &t);
	json_decref(root);
	return t;
}

#define PART	"We moved 310 messages on 3. Mai, 2.5 hours each; write to ada@example.com."

TEST(what_a_model_made_up_is_left_out)
{
	static const struct { const char *title; bool good; } rows[] = {
		{ "A public tracker", true }, { "310 messages", true }, { "2.5 hours", true }, { "2,5 hours", true }, { "2:5 hours", false }, { "25 hours", false }, { "On 3. Mai", true }, { "Write to ada@example.com.", true },
		{ "31 messages", false }, { "5 hours", false }, { "2 hours", false }, { "3,100 messages", false }, { "", false }, { "  \\n ", false },
		{ "See https://example.com", false }, { "See www.example.com", false }, { "Thanks to @ada", false },
		{ "A title that goes on and on and on, far longer than any title of a topic ever should be", false },
	};
	struct arena a;

	arena_init(&a, 64 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct analysis_topic t = checked(&a, str_fmt(&a, "{\"title\":\"%s\"}", rows[i].title).p, PART);
		CHECK_STR(t.title, rows[i].good ? str_z(rows[i].title) : S("Ours"));
	}
	arena_free(&a);
}

TEST(what_a_model_leaves_out_is_ours)
{
	struct arena a;

	arena_init(&a, 64 << 20);
	struct analysis_topic t = checked(&a, "{\"score\":1.5,\"hooks\":[5,{\"content\":7}],\"keyTakeaways\":\"x\",\"summary\":null}", PART);
	CHECK(str_eq(t.title, S("Ours")) && str_eq(t.summary, S("Our summary.")) && t.keys == 1 && t.hooks == 1 && t.score == 500);
	t = checked(&a, "[]", PART);
	CHECK(str_eq(t.title, S("Ours")));
	t = checked(&a, "{\"score\":0.25,\"keyTakeaways\":[\"a\",\"99\",\"b\",\"c\",\"d\",\"e\",\"f\"],\"hooks\":[{\"content\":\"Why\\nnot?\",\"postType\":\"QUESTION\"}]}", PART);
	CHECK(t.keys == ANALYSE_KEYS && t.score == 250 && t.hooks == 1);
	CHECK_STR(t.key[4], S("e"));
	CHECK_STR(t.hook[0].content, S("Why not?"));
	CHECK_STR(str_z(t.hook[0].post_type), S("QUESTION"));
	CHECK_STR(str_z(t.hook[0].content_type), S("UNKNOWN"));
	arena_free(&a);
}

TEST(the_object_is_found_whatever_stands_around_it)
{
	static const struct { const char *text; bool found; } rows[] = {
		{ "{}", true }, { "```json\n{\"a\":{}}\n```", true }, { "<think>{</think>{}", true }, { "Here: {\"a\":[1]} Enjoy!", true },
		{ "", false }, { "none", false }, { "{", false }, { "}{", false }, { "{\"a\":}", false }, { "<think>{}</think>", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *root = check_object(str_z(rows[i].text));
		CHECK_INT(root != NULL, ==, rows[i].found);
		json_decref(root);
	}
}

static void put_story(struct buf *b, int i) { buf_fmt(b, "%s ", i / 400 % 3 == 0 ? bread[i % EACH] : i / 400 % 3 == 1 ? ships[i % EACH] : bees[i % EACH]); }
static void put_letter(struct buf *b, int i) { buf_fmt(b, "%c ", 'a' + i % 26); }
static void put_new(struct buf *b, int i) { buf_fmt(b, "w%dq ", i); }
static void put_line(struct buf *b, int i) { buf_fmt(b, "x%d\n%d\n", i, i); }
static void put_ideograph(struct buf *b, int i) { buf_add(b, i % 9 == 8 ? S("。") : S("水")); }
static void put_one(struct buf *b, int i) { (void)i; buf_char(b, 'x'); }

/* As much as a source may have, and what is worst for the parts below: memory stays within its budget. */
TEST(a_million_characters_stay_within_their_memory)
{
	static void (*const put[])(struct buf *, int) = { put_story, put_letter, put_new, put_line, put_ideograph, put_one };
	struct arena a;
	struct buf b;

	for (size_t k = 0; k < COUNT(put); k++) {
		arena_init(&a, 64 << 20);
		buf_init(&b, &a, 3100000);
		for (int i = 0; b.n < (put[k] == put_ideograph ? 2999990u : 999990u); i++)
			put[k](&b, i);
		struct analysis r = analysis_of(&a, buf_str(&b));
		CHECK_INT(r.n, <=, ANALYSE_TOPICS);
		CHECK(put[k] != put_story || r.n >= 5);
		CHECK(!a.over);
		arena_free(&a);
	}
}
