#include "t.h"
#include "write/style.h"

static struct arena arena;

static struct style
of(const char *post)
{
	return style_of(&arena, str_z(post));
}

#define NEAR(x, y) do { float x_ = (x), y_ = (y); if (x_ < y_ - 0.01f || x_ > y_ + 0.01f) \
	t_fail(__FILE__, __LINE__, "%s: %.3f is not %.3f", #x, (double)x_, (double)y_); } while (0)

static const char post_en[] =
    "We lost 3 customers in May.\n\nI thought I knew why. I did not!\n\nWhat we changed:\n✅ We call them first\n"
    "✅ We write down what they say\n\nWould you have called? 🤔\n\n#sales #support";
static const char post_de[] =
    "Guten Morgen!\nIch frage dich heute etwas. Wann hast du zuletzt Pause gemacht?\nWir machen sie jetzt jeden Tag 🌿 und es hilft.\nFolge mir für mehr. #pause";

TEST(a_post_is_measured)
{
	arena_init(&arena, 1 << 20);
	struct style s = of(post_en);
	NEAR(s.v[STYLE_PARAGRAPH], 7.0f / 6);
	NEAR(s.v[STYLE_SINGLE], 5.0f / 6);
	NEAR(s.v[STYLE_BLANK], 3.0f / 5);
	NEAR(s.v[STYLE_WORDS], 31.0f / 7);
	NEAR(s.v[STYLE_I], 2.0f / 7);
	NEAR(s.v[STYLE_WE], 4.0f / 7);
	NEAR(s.v[STYLE_YOU], 1.0f / 7);
	NEAR(s.v[STYLE_EMOJI_AT], 2);
	NEAR(s.v[STYLE_EMOJI_END], 1);
	NEAR(s.v[STYLE_TAGS], 2);
	NEAR(s.v[STYLE_TAGS_OWN], 1);
	NEAR(s.v[STYLE_ASK], 1.0f / 7);
	NEAR(s.v[STYLE_SHOUT], 1.0f / 7);
	NEAR(s.v[STYLE_LIST], 2.0f / 6);
	NEAR(s.v[STYLE_OPEN_NUMBER], 1);
	NEAR(s.v[STYLE_CLOSE_ASK], 1);
	s = of(post_de);
	NEAR(s.v[STYLE_OPEN_GREETING], 1);
	NEAR(s.v[STYLE_CLOSE_CALL], 1);
	NEAR(s.v[STYLE_TAGS], 1);
	NEAR(s.v[STYLE_TAGS_OWN], 0);
	NEAR(s.v[STYLE_BLANK], 0);
	NEAR(s.v[STYLE_EMOJI_END], 1);
	NEAR(s.v[STYLE_YOU], 2.0f / 5);
	arena_free(&arena);
}

TEST(openings_and_closings_have_kinds)
{
	static const struct { const char *post; enum style_id id; } row[] = {
		{ "Why do we do this? Nobody knows.", STYLE_OPEN_ASK }, { "Hi all. I am new.", STYLE_OPEN_GREETING }, { "I quit my job.", STYLE_OPEN_I },
		{ "Ich habe gekündigt und das war gut so.", STYLE_OPEN_I }, { "In 2019 everything changed for us.", STYLE_OPEN_NUMBER },
		{ "Nobody reads manuals.", STYLE_OPEN_SHORT }, { "One.\n\nThe lesson is to wait.", STYLE_CLOSE_TAKEAWAY },
		{ "One.\n\nWhat is yours?\n\n#a #b", STYLE_CLOSE_ASK }, { "Eins.\n\nSchreib mir.", STYLE_CLOSE_CALL }, { "Eins.\n\nMein Fazit ist klar.", STYLE_CLOSE_TAKEAWAY },
	};

	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < COUNT(row); i++)
		if (of(row[i].post).v[row[i].id] < 1)
			t_fail(__FILE__, __LINE__, "%s", row[i].post);
	arena_free(&arena);
}

TEST(the_distance_is_one_of_0_to_1)
{
	arena_init(&arena, 1 << 20);
	struct style x = of(post_en), y = of(post_de), none = of("");
	CHECK(style_distance(&x, &x) <= 0);
	CHECK(style_distance(&x, &y) > 0.1f && style_distance(&x, &y) < 1);
	NEAR(style_distance(&x, &y), style_distance(&y, &x));
	CHECK(style_distance(&x, &none) <= 1);
	arena_free(&arena);
}

TEST(habits_come_from_what_recurs)
{
	static const str sample[] = {
		S_INIT("Happy Friday!\n\nWe sold 4 boats. 🚤\n\nWhat would you sell?\n\nKeep rowing. — Ida\n#boats #work"),
		S_INIT("Happy Friday!\n\nToday there was rain. ☔ And 🚤 too.\n\n- oars\n- ropes\n\nKeep rowing. — Ida\n#boats"),
		S_INIT("Happy Friday!\n\nToday there was rain. ☔ And 🚤 too.\n\n- oars\n- ropes\n\nKeep rowing. — Ida\n#boats"),
		S_INIT("Nobody rows alone here at the harbour of ours.\n\nSo why do we try?\n#boats #sea"),
		S_INIT(" \n#x\n"),
	};
	struct habits h;

	arena_init(&arena, 1 << 20);
	style_learn(&arena, sample, COUNT(sample), &h);
	CHECK_INT(h.samples, ==, 3);
	CHECK_STR(h.opener, S("Happy Friday!"));
	CHECK_INT(h.closers, ==, 1);
	CHECK_STR(h.closer[0], S("Keep rowing. — Ida"));
	CHECK_INT(h.tags, ==, 1);
	CHECK_STR(h.tag[0], S("#boats"));
	CHECK_INT(h.emojis, ==, 2);
	CHECK_STR(h.emoji[0], S("🚤"));
	CHECK_STR(h.bullet, S("-"));
	NEAR(h.asks, 2.0f / 3);
	style_learn(&arena, NULL, 0, &h);
	CHECK_INT(h.samples, ==, 0);
	CHECK(h.opener.p == NULL && h.closers == 0 && h.bullet.p == NULL);
	arena_free(&arena);
}

TEST(who_is_spoken_to)
{
	static const struct { str sample; enum address address; } row[] = {
		{ S_INIT("Was machst du, wenn es nicht geht? Dann ist es dein Tag."), ADDRESS_DU },
		{ S_INIT("Was macht ihr, wenn es nicht geht? Das ist eure Sache."), ADDRESS_IHR },
		{ S_INIT("Was machen Sie, wenn es nicht geht? Das liegt an Ihnen und nicht an uns."), ADDRESS_SIE },
		{ S_INIT("Es geht nicht, und das ist auch gut so."), ADDRESS_NONE }, { S_INIT("What do you do?"), ADDRESS_NONE },
	};
	struct habits h;

	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < COUNT(row); i++) {
		style_learn(&arena, &row[i].sample, 1, &h);
		CHECK_INT(h.address, ==, row[i].address);
	}
	arena_free(&arena);
}

TEST(pictures_are_whole)
{
	static const struct { str s; size_t n; } row[] = {
		{ S_INIT("👩‍💻 x"), sizeof("👩‍💻") - 1 }, { S_INIT("🇩🇪🇫🇷"), sizeof("🇩🇪") - 1 }, { S_INIT("👍🏽!"), sizeof("👍🏽") - 1 },
		{ S_INIT("1️⃣ one"), sizeof("1️⃣") - 1 }, { S_INIT("12"), 0 }, { S_INIT("a"), 0 }, { S_INIT(""), 0 }, { S_INIT("❤️"), sizeof("❤️") - 1 },
	};

	for (size_t i = 0; i < COUNT(row); i++)
		CHECK_INT(style_picture(row[i].s, 0), ==, row[i].n);
}
