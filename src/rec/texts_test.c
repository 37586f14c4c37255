#include "rec/rec.h"
#include "t.h"

struct bench { struct arena a; struct rec_opts o; struct rec_notes notes; struct error e; };

static void
setup(struct bench *b)
{
	*b = (struct bench){ .o = { .text_max = 10 } };
	arena_init(&b->a, 1 << 20);
}

struct taste { int64_t sweet; str words; };
static const struct field taste_fields[] = {
	F_MILLI_IN(taste, sweet, "sweet", F_ERASE, 0, 1000, "", NULL),
	F_TEXTS_IN(taste, words, "words", F_ERASE | F_NAME, 3, 5, "", NULL),
};
static const struct rec taste_rec = REC(taste, taste_fields, "");

TEST(thousandths_and_texts_come_in)
{
	static const struct { const char *body; int64_t sweet; const char *words, *detail; } row[] = {
		{ "{}", INT_NONE, NULL, NULL },
		{ "{\"sweet\":0.25,\"words\":[\"a\",\"\\u00e4\\\"\"]}", 250, "[\"a\",\"ä\\\"\"]", NULL },
		{ "{\"sweet\":1,\"words\":[]}", 1000, "[]", NULL }, { "{\"sweet\":0.33349}", 333, NULL, NULL }, { "{\"sweet\":0.3335001}", 334, NULL, NULL },
		{ "{\"sweet\":null,\"words\":null}", TIME_ERASED, "[]", NULL }, { "{\"words\":[\"äöüßé\",\"b\",\"c\"]}", INT_NONE, "[\"äöüßé\",\"b\",\"c\"]", NULL },
		{ "{\"sweet\":1.0001}", 0, NULL, "'sweet' must be from 0 to 1." }, { "{\"sweet\":-1e-9}", 0, NULL, "'sweet' must be from 0 to 1." },
		{ "{\"sweet\":\"1\"}", 0, NULL, "'sweet' must be a number." }, { "{\"words\":\"a\"}", 0, NULL, "'words' must be an array of strings." },
		{ "{\"words\":[\"a\",null]}", 0, NULL, "'words' must be an array of strings." },
		{ "{\"words\":[\"1\",\"2\",\"3\",\"4\"]}", 0, NULL, "'words' has more than 3 entries." },
		{ "{\"words\":[\"sixsix\"]}", 0, NULL, "An entry of 'words' is longer than 5 characters." },
		{ "{\"words\":[\"\"]}", 0, NULL, "Each entry of 'words' must be one line of text that is not blank." },
	};
	struct taste v;
	struct bench b;
	json_t *json;

	setup(&b);
	for (size_t i = 0; i < COUNT(row); i++) {
		CHECK_INT(json_read(str_z(row[i].body), &json, &b.e), ==, OK);
		enum err code = rec_decode(&taste_rec, &b.o, &b.a, json, &v, &b.notes, &b.e);
		json_decref(json);
		if (row[i].detail != NULL) {
			CHECK_INT(code, ==, E_INVALID_REQUEST);
			CHECK_STR(str_z(b.e.detail), str_z(row[i].detail));
			continue;
		}
		CHECK_INT(code, ==, OK);
		CHECK_INT(v.sweet, ==, row[i].sweet);
		CHECK_STR(v.words, row[i].words != NULL ? str_z(row[i].words) : STR_NONE);
	}
	arena_free(&b.a);
}

TEST(thousandths_and_texts_come_as_options)
{
	static const struct { const char *sweet, *words; int64_t want; const char *texts; } row[] = {
		{ "0.5", "a, b,c", 500, "[\"a\",\"b\",\"c\"]" }, { "1.0", "[\"a,b\"]", 1000, "[\"a,b\"]" }, { "0", "[a", 0, "[\"[a\"]" }, { "", "", TIME_ERASED, "[]" },
		{ "nan", "a", -1, NULL }, { "0x1", "a", -1, NULL }, { "1e-1", "a", -1, NULL }, { "--1", "a", -1, NULL }, { "0.5", "a,,b", -1, NULL }, { "0.5", "[1]", -1, NULL },
	};
	struct taste v;
	struct bench b;

	setup(&b);
	for (size_t i = 0; i < COUNT(row); i++) {
		const struct rec_pair p[] = { { S("sweet"), str_z(row[i].sweet) }, { S("words"), str_z(row[i].words) } };
		enum err code = rec_decode_pairs(&taste_rec, &b.o, &b.a, p, COUNT(p), &v, &b.notes, &b.e);
		CHECK_INT(code, ==, row[i].texts != NULL ? OK : E_INVALID_REQUEST);
		if (row[i].texts == NULL)
			continue;
		CHECK_INT(v.sweet, ==, row[i].want);
		CHECK_STR(v.words, str_z(row[i].texts));
	}
	arena_free(&b.a);
}
