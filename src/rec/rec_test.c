#include "rec/rec.h"
#include "t.h"
#include <math.h>

static const char *const color_list[] = { "red", "green", "blue" };
static const struct words colors = { color_list, 3, 0 };

struct inner { str text; note_id note; int64_t level; };
static const struct field inner_fields[] = {
	F_STR(inner, text, "text", NULL, F_REQ | F_BIG, 1, 0, "", NULL),
	F_ID (inner, note, note, "noteId", NULL, 0, ""),
	F_I64(inner, level, "level", NULL, 0, 0, 9, "", NULL),
};
static const struct rec inner_rec = REC(inner, inner_fields, "");

struct every {
	str name, big, capped;
	int64_t count, clamped, maybe, at, from, to;
	double ratio;
	bool flag;
	note_id note;
	int color, rule;
	unsigned set;
	struct inner inner;
	str json;
	project_id must;
	str secret;
};
static const struct field every_fields[] = {
	F_STR  (every, name, "name", NULL, 0, 2, 5, "", NULL),
	F_STR  (every, big, "big", NULL, F_BIG, 0, 0, "", NULL),
	F_STR  (every, capped, "capped", NULL, F_BIG | F_OMIT, 0, 3, "", NULL),
	F_I64  (every, count, "count", NULL, 0, -1, 100, "", NULL),
	F_I64  (every, clamped, "clamped", NULL, F_CLAMP, 0, 25000, "", NULL),
	F_I64  (every, maybe, "maybe", NULL, F_NULL, INT64_MIN, INT64_MAX, "", NULL),
	F_TIME (every, at, "at", NULL, F_NULL, ""),
	F_FROM (every, from, "from", ""),
	F_TO   (every, to, "to", ""),
	F_F64  (every, ratio, "ratio", "", NULL),
	F_BOOL (every, flag, "flag", NULL, F_FREE, ""),
	F_ID   (every, note, note, "noteId", NULL, F_NULL, ""),
	F_WORD (every, color, "color", NULL, F_NULL, &colors, "", NULL),
	F_WORD (every, rule, "rule", NULL, F_NULL | F_RULE, &colors, "", NULL),
	F_WORDS(every, set, "set", NULL, 0, &colors, "", NULL),
	F_REC  (every, inner, struct inner, "inner", NULL, F_NULL, &inner_rec, ""),
	F_JSON (every, json, "json", NULL, F_NULL, "", NULL),
	F_ID   (every, must, project, "must", NULL, F_REQ, ""),
	F_CREATED(every, must, project, "created", ""),
	F_STR  (every, secret, "secret", NULL, F_HIDE, 0, 0, "", NULL),
};
static const struct rec every_rec = REC(every, every_fields, "");
#define NOTE	"note_01J9ZAB12CD34E56F7G8H9JKMN"
#define PROJECT	"proj_01J9ZAB12CD34E56F7G8H9JKMN"
#define MUST	"\"must\":\"" PROJECT "\""

/* --- the bench the tests work on --- */

struct bench { struct arena a; struct rec_opts o; struct rec_notes notes; struct error e; };

static void
setup(struct bench *b)
{
	*b = (struct bench){ .o = { .text_max = 10 } };
	arena_init(&b->a, 1 << 20);
}

/* field by field and without its braces: {MUST, body} */
static enum err
body(struct bench *b, const char *fields, struct every *ret)
{
	json_t *v;

	b->notes = (struct rec_notes){ 0 };
	b->e = (struct error){ 0 };
	TRY(json_read(str_fmt(&b->a, "{" MUST "%s%s}", fields[0] != '\0' ? "," : "", fields), &v, &b->e));
	enum err code = rec_decode(&every_rec, &b->o, &b->a, v, ret, &b->notes, &b->e);
	json_decref(v);
	return code;
}

static enum err
pairs(struct bench *b, const struct rec_pair *p, int n, struct every *ret)
{
	b->notes = (struct rec_notes){ 0 };
	b->e = (struct error){ 0 };
	return rec_decode_pairs(&every_rec, &b->o, &b->a, p, n, ret, &b->notes, &b->e);
}

static enum err
query(struct bench *b, const char *name, str value, struct every *ret)
{
	struct rec_pair p[] = { { S("must"), S(PROJECT) }, { str_z(name), value } };
	return pairs(b, p, 2, ret);
}

static str
encoded(struct bench *b, const struct rec *r, const void *v)
{
	struct buf out;
	struct json j;

	buf_init(&out, &b->a, 1 << 16);
	jw_begin(&j, &out);
	rec_encode(r, v, &j);
	return buf_str(&out);
}

static bool has(str s, const char *part) { return memmem(s.p, s.n, part, strlen(part)) != NULL; }

/* --- refusals --- */

struct refusal { const char *json; enum err code; const char *field, *detail; };

static void
check_refusals(const struct refusal *row, size_t n)
{
	struct bench b;
	struct every v;

	setup(&b);
	for (size_t i = 0; i < n; i++) {
		enum err code = body(&b, row[i].json, &v);
		if (code != row[i].code || (code != OK && (b.e.field == NULL || strcmp(b.e.field, row[i].field) != 0 ||
		    strstr(b.e.detail, row[i].detail) == NULL || b.e.code != code)))
			t_fail(__FILE__, __LINE__, "%s: %d, field %s: %s", row[i].json, (int)code, b.e.field, b.e.detail);
	}
	arena_free(&b.a);
}

TEST(a_value_of_the_wrong_type_is_named)
{
	static const struct refusal row[] = {
		{ "\"name\":1", E_INVALID_REQUEST, "name", "'name' must be a string." },
		{ "\"name\":true", E_INVALID_REQUEST, "name", "a string" },
		{ "\"name\":[\"abc\"]", E_INVALID_REQUEST, "name", "a string" },
		{ "\"count\":\"7\"", E_INVALID_REQUEST, "count", "'count' must be a whole number." },
		{ "\"count\":7.5", E_INVALID_REQUEST, "count", "a whole number" },
		{ "\"count\":1e300", E_INVALID_REQUEST, "count", "a whole number" },
		{ "\"count\":{}", E_INVALID_REQUEST, "count", "a whole number" },
		{ "\"flag\":\"true\"", E_INVALID_REQUEST, "flag", "true or false" },
		{ "\"flag\":0", E_INVALID_REQUEST, "flag", "true or false" },
		{ "\"at\":1700000000000", E_INVALID_REQUEST, "at", "a date-time string" },
		{ "\"from\":2026", E_INVALID_REQUEST, "from", "a date string" },
		{ "\"noteId\":7", E_INVALID_REQUEST, "noteId", "an id string" },
		{ "\"color\":1", E_INVALID_REQUEST, "color", "a string" },
		{ "\"set\":\"red\"", E_INVALID_REQUEST, "set", "an array of strings" },
		{ "\"set\":[\"red\",1]", E_INVALID_REQUEST, "set", "an array of strings" },
		{ "\"inner\":\"x\"", E_INVALID_REQUEST, "inner", "an object" },
		{ "\"inner\":[]", E_INVALID_REQUEST, "inner", "an object" },
		{ "\"inner\":{\"text\":5}", E_INVALID_REQUEST, "inner.text", "'inner.text' must be a string." },
		{ "\"ratio\":0.5", E_INVALID_REQUEST, "ratio", "left out" },
		{ "\"json\":{}", E_INVALID_REQUEST, "json", "left out" },
		{ "\"json\":\"{}\"", E_INVALID_REQUEST, "json", "left out" },
		{ "\"created\":\"2026-01-01T00:00:00Z\"", E_INVALID_REQUEST, "created", "left out" },
	};
	check_refusals(row, COUNT(row));
}

TEST(a_string_is_measured_in_code_points)
{
	static const struct refusal row[] = {
		{ "\"name\":\"ab\"", OK, "", "" },
		{ "\"name\":\"abcde\"", OK, "", "" },
		{ "\"name\":\"abcdef\"", E_INVALID_REQUEST, "name", "'name' is longer than 5 characters." },
		{ "\"name\":\"a\"", E_INVALID_REQUEST, "name", "'name' must have at least 2 characters." },
		{ "\"name\":\"\"", E_INVALID_REQUEST, "name", "at least 2" },
		{ "\"name\":\"😀\"", E_INVALID_REQUEST, "name", "at least 2" },		/* four bytes, one letter */
		{ "\"name\":\"😀😀\"", OK, "", "" },
		{ "\"name\":\"😀😀😀😀😀\"", OK, "", "" },
		{ "\"name\":\"😀😀😀😀😀x\"", E_INVALID_REQUEST, "name", "longer than 5" },
		{ "\"name\":\"e\\u0301e\\u0301e\"", OK, "", "" },			/* a combining mark counts */
		{ "\"name\":\"e\\u0301e\\u0301e\\u0301\"", E_INVALID_REQUEST, "name", "longer than 5" },
		{ "\"big\":\"\"", OK, "", "" },
		{ "\"big\":\"äöüäöüäöüä\"", OK, "", "" },				/* text_max is 10 here */
		{ "\"big\":\"äöüäöüäöüäx\"", E_PAYLOAD_TOO_LARGE, "big", "'big' is longer than 10 characters." },
		{ "\"capped\":\"abc\"", OK, "", "" },
		{ "\"capped\":\"abcd\"", E_PAYLOAD_TOO_LARGE, "capped", "longer than 3" },
		{ "\"secret\":\"as long as it likes to be, there is no cap\"", OK, "", "" },
		{ "\"inner\":{\"text\":\"\"}", E_INVALID_REQUEST, "inner.text", "'inner.text' must not be empty." },
		{ "\"inner\":{\"text\":\"12345678901\"}", E_PAYLOAD_TOO_LARGE, "inner.text", "longer than 10" },
	};
	check_refusals(row, COUNT(row));
}

TEST(numbers_keep_their_range)
{
	static const struct refusal row[] = {
		{ "\"count\":-1", OK, "", "" },
		{ "\"count\":100", OK, "", "" },
		{ "\"count\":-2", E_INVALID_REQUEST, "count", "'count' must be from -1 to 100." },
		{ "\"count\":101", E_INVALID_REQUEST, "count", "from -1 to 100" },
		{ "\"count\":1.01e2", E_INVALID_REQUEST, "count", "from -1 to 100" },
		{ "\"clamped\":-1e300", E_INVALID_REQUEST, "clamped", "from 0 to 25000" },
		{ "\"clamped\":-1", E_INVALID_REQUEST, "clamped", "from 0 to 25000" },
		{ "\"inner\":{\"text\":\"x\",\"level\":10}", E_INVALID_REQUEST, "inner.level", "from 0 to 9" },
	};
	struct bench b;
	struct every v;

	check_refusals(row, COUNT(row));
	setup(&b);
	CHECK(body(&b, "\"clamped\":25001", &v) == OK && v.clamped == 25000);
	CHECK(body(&b, "\"clamped\":9223372036854775807", &v) == OK && v.clamped == 25000);
	CHECK(body(&b, "\"clamped\":1e300", &v) == OK && v.clamped == 25000);
	CHECK(body(&b, "\"count\":7.0", &v) == OK && v.count == 7);
	CHECK(body(&b, "\"count\":1e2", &v) == OK && v.count == 100);
	CHECK(body(&b, "\"count\":-0.0", &v) == OK && v.count == 0);
	CHECK(body(&b, "\"maybe\":-9007199254740992.0", &v) == OK && v.maybe == -INT64_C(9007199254740992));
	CHECK(body(&b, "\"maybe\":9007199254740994.0", &v) == E_INVALID_REQUEST);
	CHECK(body(&b, "\"maybe\":9223372036854775807", &v) == OK && v.maybe == INT64_MAX);
	CHECK(query(&b, "maybe", S("-9223372036854775807"), &v) == OK && v.maybe == -INT64_MAX);
	CHECK(query(&b, "count", S("9223372036854775808"), &v) == E_INVALID_REQUEST);
	CHECK(query(&b, "count", S("1e1"), &v) == E_INVALID_REQUEST);
	CHECK(query(&b, "count", S(" 1"), &v) == E_INVALID_REQUEST);
	arena_free(&b.a);
}

TEST(what_is_absent_reads_as_absent)
{
	struct bench b;
	struct every v;
	static const char *const none[] = { "", "\"name\":null,\"big\":null,\"maybe\":null,\"at\":null,\"from\":null,\"to\":null,\"noteId\":null,"
	    "\"color\":null,\"rule\":null,\"set\":null,\"inner\":null,\"flag\":null,\"count\":null,\"ratio\":null,\"json\":null,\"created\":null" };

	setup(&b);
	for (size_t i = 0; i < COUNT(none); i++) {
		memset(&v, 0xA5, sizeof(v));
		CHECK(body(&b, none[i], &v) == OK);
		CHECK(v.name.p == NULL && v.big.p == NULL && v.json.p == NULL && v.inner.text.p == NULL);
		CHECK(v.count == 0 && v.maybe == INT_NONE && v.at == TIME_NONE && v.from == TIME_NONE && v.to == TIME_NONE);
		CHECK(isnan(v.ratio) && !v.flag && !id_set(v.note) && v.color == -1 && v.rule == -1 && v.set == 0);
		CHECK(id_set(v.must));
		CHECK_INT(b.notes.nignored, ==, 0);
	}
	CHECK(body(&b, "\"name\":\"ab\",\"big\":\"\"", &v) == OK && v.big.p != NULL && v.big.n == 0);
	arena_free(&b.a);
}

TEST(what_is_required_must_be_there_and_not_null)
{
	struct bench b;
	struct every v;
	json_t *j;

	setup(&b);
	static const char *const without[] = { "{}", "{\"must\":null}" };
	for (size_t i = 0; i < COUNT(without); i++) {
		CHECK(json_read(str_z(without[i]), &j, &b.e) == OK);
		CHECK(rec_decode(&every_rec, &b.o, &b.a, j, &v, &b.notes, &b.e) == E_INVALID_REQUEST);
		CHECK_STR(str_z(b.e.field), S("must"));
		CHECK_STR(str_z(b.e.detail), S("'must' is required."));
		json_decref(j);
	}
	CHECK(pairs(&b, NULL, 0, &v) == E_INVALID_REQUEST);
	CHECK(pairs(&b, &(struct rec_pair){ S("must"), S("") }, 1, &v) == E_INVALID_REQUEST);
	CHECK(body(&b, "\"inner\":{}", &v) == E_INVALID_REQUEST);
	CHECK_STR(str_z(b.e.field), S("inner.text"));
	CHECK(body(&b, "\"inner\":{\"text\":null}", &v) == E_INVALID_REQUEST);
	for (const char *bad = "[]\0" "7\0" "\"x\"\0" "null\0"; *bad != '\0'; bad += strlen(bad) + 1) {
		CHECK(json_read(str_z(bad), &j, &b.e) == OK);
		CHECK(rec_decode(&every_rec, &b.o, &b.a, j, &v, &b.notes, &b.e) == E_INVALID_REQUEST && b.e.field == NULL);
		json_decref(j);
	}
	arena_free(&b.a);
}

/* --- words --- */

TEST(a_broken_rule_waits_until_the_shape_is_known)
{
	struct bench b;
	struct every v;

	setup(&b);
	CHECK(body(&b, "\"color\":\"pink\"", &v) == E_INVALID_REQUEST);
	CHECK_STR(str_z(b.e.detail), S("Unknown 'color' value: pink. Use one of: red,green,blue."));
	CHECK(body(&b, "\"rule\":\"pink\"", &v) == OK);
	CHECK_INT(b.notes.later.code, ==, E_UNPROCESSABLE);
	CHECK_STR(str_z(b.notes.later.field), S("rule"));
	CHECK(v.rule == WORD_UNKNOWN && b.e.code == OK);
	CHECK(body(&b, "\"rule\":\"pink\",\"count\":1000", &v) == E_INVALID_REQUEST);
	CHECK(body(&b, "\"rule\":\"Red\"", &v) == OK && b.notes.later.code == E_UNPROCESSABLE);
	CHECK(body(&b, "\"rule\":\"\"", &v) == OK && b.notes.later.code == E_UNPROCESSABLE);
	CHECK(body(&b, "\"rule\":\"blue\"", &v) == OK && b.notes.later.code == OK && v.rule == 2);
	CHECK(body(&b, "\"rule\":7", &v) == E_INVALID_REQUEST);
	arena_free(&b.a);
}

TEST(lists_of_words)
{
	struct bench b;
	struct every v;
	static const struct { str csv; unsigned set; const char *unknown; } row[] = {
		{ S_INIT("red"), 1, NULL }, { S_INIT("blue,red"), 5, NULL }, { S_INIT(" red , green "), 3, NULL }, { S_INIT("red,red"), 1, NULL },
		{ S_INIT("BOGUS"), 0, "BOGUS." }, { S_INIT("red,x,y"), 0, "x, y." }, { S_INIT("Red"), 0, "Red." },
		{ S_INIT(","), 0, "'', ''." }, { S_INIT("red,"), 0, "''." },
		{ S_INIT("01234567890123456789012345678901234567890123456789012345678901234567890123456789"
		    "01234567890123456789012345678901234567890123456789"), 0, ": 0123456789012345678901234567890123456789." },
		{ S_INIT("0123456789012345678901234567890123456789,1123456789012345678901234567890123456789,2123456789012345678901234567890123456789,x"),
		    0, ": 0123456789012345678901234567890123456789, 1123456789012345678901234567890123456789." },
	};

	setup(&b);
	for (size_t i = 0; i < COUNT(row); i++) {
		enum err code = query(&b, "set", row[i].csv, &v);
		if (row[i].unknown == NULL) {
			CHECK(code == OK);
			CHECK_INT(v.set, ==, row[i].set);
		} else {
			CHECK_INT(code, ==, E_INVALID_REQUEST);
			CHECK(str_ends(str_z(b.e.detail), str_z(row[i].unknown)));
			CHECK(str_starts(str_z(b.e.detail), S("Unknown 'set' value(s): ")));
		}
	}
	CHECK(query(&b, "set", S(""), &v) == OK && v.set == 0);
	CHECK(body(&b, "\"set\":[]", &v) == OK && v.set == 0);
	CHECK(body(&b, "\"set\":[\"red\",\"blue\"]", &v) == OK && v.set == 5);
	CHECK(body(&b, "\"set\":[\"red\",\"pink\",\"\",\"mauve\"]", &v) == E_INVALID_REQUEST);
	CHECK_STR(str_z(b.e.detail), S("Unknown 'set' value(s): pink, '', mauve."));
	CHECK(body(&b, "\"set\":[\"red,blue\"]", &v) == E_INVALID_REQUEST);
	arena_free(&b.a);
}

TEST(what_a_stranger_sent_is_cut_between_characters)
{
	struct bench b;
	struct every v;
	/* 39 letters and an emoji of four bytes: the cut at 40 falls into it */
	const char *odd = "012345678901234567890123456789012345678😀";

	setup(&b);
	CHECK(body(&b, str_fmt(&b.a, "\"color\":\"%s\"", odd).p, &v) == E_INVALID_REQUEST);
	CHECK(utf8_ok(str_z(b.e.detail)));
	CHECK(query(&b, "set", str_z(odd), &v) == E_INVALID_REQUEST);
	CHECK(utf8_ok(str_z(b.e.detail)));
	b.o.strict = true;
	CHECK(body(&b, str_fmt(&b.a, "\"x01234567890123456789012%s\":1", odd).p, &v) == E_INVALID_REQUEST);
	CHECK(utf8_ok(str_z(b.e.detail)) && utf8_ok(str_z(b.e.field)));
	arena_free(&b.a);
}

/* --- times --- */

TEST(days_and_moments)
{
	struct bench b;
	struct every v;
	const int64_t day = INT64_C(1778803200000);		/* 2026-05-15 */

	setup(&b);
	CHECK(query(&b, "from", S("2026-05-15"), &v) == OK && v.from == day);
	CHECK(query(&b, "to", S("2026-05-15"), &v) == OK && v.to == day + DAY_MS);
	CHECK(query(&b, "from", S("2026-05-15T08:00:00.250Z"), &v) == OK && v.from == day + 8 * 3600000 + 250);
	CHECK(query(&b, "to", S("2026-05-15T08:00:00.250Z"), &v) == OK && v.to == day + 8 * 3600000 + 251);
	CHECK(query(&b, "to", S("2026-05-15T01:00:00+01:00"), &v) == OK && v.to == day + 1);
	CHECK(body(&b, "\"at\":\"2026-05-15T01:00:00+01:00\"", &v) == OK && v.at == day);
	CHECK(body(&b, "\"at\":\"2026-05-15\"", &v) == E_INVALID_REQUEST);
	CHECK(strstr(b.e.detail, "RFC 3339") != NULL);
	for (const char *bad = "15/05/2026\0" "2026-5-15\0" "2026-02-30\0" "2026-05-15T08:00:00\0" "2026-05-15 \0"; *bad != '\0'; bad += strlen(bad) + 1)
		CHECK(query(&b, "from", str_z(bad), &v) == E_INVALID_REQUEST && strstr(b.e.detail, "a date such as") != NULL);
	arena_free(&b.a);
}

TEST(an_offset_does_not_lead_out_of_four_digits_of_year)
{
	struct bench b;
	struct every v;
	static const struct { const char *text; bool ok; } row[] = {
		{ "0000-01-01T00:00:00Z", true }, { "0000-01-01T00:00:00+00:01", false }, { "0000-01-01T00:01:00+00:01", true },
		{ "9999-12-31T23:59:59.999Z", true }, { "9999-12-31T23:59:59.999-00:01", false }, { "9999-12-31T23:58:59.999-00:01", true },
		{ "9999-12-31T23:59:60Z", false }, { "10000-01-01T00:00:00Z", false },
	};

	setup(&b);
	for (size_t i = 0; i < COUNT(row); i++) {
		enum err code = body(&b, str_fmt(&b.a, "\"at\":\"%s\"", row[i].text).p, &v);
		if ((code == OK) != row[i].ok)
			t_fail(__FILE__, __LINE__, "%s: %d", row[i].text, (int)code);
		code = query(&b, "to", str_z(row[i].text), &v);
		CHECK_INT(code == OK, ==, row[i].ok);
	}
	CHECK(query(&b, "to", S("9999-12-31"), &v) == OK && v.to == INT64_C(253402300800000));
	CHECK(query(&b, "from", S("0000-01-01"), &v) == OK && v.from == INT64_C(-62167219200000));
	arena_free(&b.a);
}

/* --- ids --- */

TEST(an_id_of_another_kind_is_one_that_no_row_has)
{
	struct bench b;
	struct every v;

	setup(&b);
	CHECK(body(&b, "\"noteId\":\"" NOTE "\"", &v) == OK);
	CHECK_STR(str_z(v.note.u.s), S("01J9ZAB12CD34E56F7G8H9JKMN"));
	for (const char *bad = PROJECT "\0" "nonsense\0" "note_01j9zab12cd34e56f7g8h9jkmn\0" "note_81J9ZAB12CD34E56F7G8H9JKMN\0" "01J9ZAB12CD34E56F7G8H9JKMN\0";
	    *bad != '\0'; bad += strlen(bad) + 1) {
		CHECK(body(&b, str_fmt(&b.a, "\"noteId\":\"%s\"", bad).p, &v) == OK);
		CHECK(id_set(v.note));
		CHECK_STR(str_z(v.note.u.s), S("-"));
	}
	CHECK(body(&b, "\"noteId\":\"\"", &v) == OK && id_set(v.note));		/* a body's empty text is not absence */
	CHECK(query(&b, "noteId", S(""), &v) == OK && !id_set(v.note));
	arena_free(&b.a);
}

/* --- names --- */

TEST(unknown_names_are_noted_or_refused)
{
	struct bench b;
	struct every v;
	struct rec_pair p[30] = { { S("must"), S(PROJECT) } };

	setup(&b);
	CHECK(body(&b, "\"nmae\":1,\"inner\":{\"text\":\"x\",\"deep\":[]},\"Name\":null", &v) == OK);
	CHECK_INT(b.notes.nignored, ==, 3);
	CHECK_STR(b.notes.ignored[0], S("nmae"));
	CHECK_STR(b.notes.ignored[1], S("inner.deep"));
	CHECK_STR(b.notes.ignored[2], S("Name"));
	for (int i = 1; i < 30; i++)
		p[i] = (struct rec_pair){ str_fmt(&b.a, "p%d", i), S("x") };
	CHECK(pairs(&b, p, 30, &v) == OK);
	CHECK_INT(b.notes.nignored, ==, REC_IGNORED);
	CHECK_STR(b.notes.ignored[0], S("?p1"));
	CHECK_STR(b.notes.ignored[19], S("?p20"));
	b.o.strict = true;
	CHECK(pairs(&b, p, 30, &v) == E_INVALID_REQUEST);
	CHECK_STR(str_z(b.e.detail), S("Unknown parameter 'p1'."));
	CHECK(body(&b, "\"inner\":{\"text\":\"x\",\"deep\":1}", &v) == E_INVALID_REQUEST);
	CHECK_STR(str_z(b.e.detail), S("Unknown field 'inner.deep'."));
	CHECK_STR(str_z(b.e.field), S("inner.deep"));
	arena_free(&b.a);
}

TEST(a_name_comes_once_in_a_query)
{
	struct bench b;
	struct every v;
	const struct rec_pair twice[] = { { S("must"), S(PROJECT) }, { S("count"), S("1") }, { S("count"), S("1") } };
	const struct rec_pair empty[] = { { S("must"), S(PROJECT) }, { S("count"), S("") }, { S("count"), S("1") } };
	const struct rec_pair unknown[] = { { S("must"), S(PROJECT) }, { S("x"), S("1") }, { S("x"), S("2") } };

	setup(&b);
	CHECK(pairs(&b, twice, 3, &v) == E_INVALID_REQUEST);
	CHECK_STR(str_z(b.e.detail), S("'count' is given more than once."));
	CHECK(pairs(&b, empty, 3, &v) == E_INVALID_REQUEST);
	CHECK(pairs(&b, unknown, 3, &v) == OK);
	arena_free(&b.a);
}

TEST(a_query_speaks_text)
{
	struct bench b;
	struct every v;

	setup(&b);
	CHECK(query(&b, "flag", S("true"), &v) == OK && v.flag);
	CHECK(query(&b, "flag", S("false"), &v) == OK && !v.flag);
	CHECK(query(&b, "flag", S("1"), &v) == E_INVALID_REQUEST);
	CHECK(query(&b, "name", S("äö"), &v) == OK);
	CHECK_STR(v.name, S("äö"));
	CHECK(query(&b, "inner", S("{}"), &v) == E_INVALID_REQUEST);
	CHECK(query(&b, "ratio", S("1"), &v) == E_INVALID_REQUEST);
	CHECK(query(&b, "created", S("2026-01-01"), &v) == E_INVALID_REQUEST);
	arena_free(&b.a);
}

/* --- a rule across fields --- */

static enum err
one_of_two(const void *p, struct error *e)
{
	const struct every *v = p;
	return (v->name.p != NULL) != (v->big.p != NULL) ? OK : fail(e, E_INVALID_REQUEST, "name", "one of 'name' and 'big'");
}

TEST(a_check_runs_when_every_field_is_in_place)
{
	static const struct rec checked = REC_CHECKED(every, every_fields, one_of_two, "");
	const struct rec_pair p[] = { { S("must"), S(PROJECT) }, { S("name"), S("abc") }, { S("big"), S("x") } };
	struct bench b;
	struct every v;

	setup(&b);
	CHECK(rec_decode_pairs(&checked, &b.o, &b.a, p, 2, &v, &b.notes, &b.e) == OK);
	CHECK(rec_decode_pairs(&checked, &b.o, &b.a, p, 1, &v, &b.notes, &b.e) == E_INVALID_REQUEST);
	CHECK(rec_decode_pairs(&checked, &b.o, &b.a, p, 3, &v, &b.notes, &b.e) == E_INVALID_REQUEST);
	arena_free(&b.a);
}

/* --- out --- */

TEST(an_answer_holds_null_where_nothing_is)
{
	struct bench b;
	struct every v;

	setup(&b);
	CHECK(body(&b, "", &v) == OK);
	CHECK_STR(encoded(&b, &every_rec, &v), S("{\"name\":null,\"big\":null,\"count\":0,\"clamped\":0,\"maybe\":null,\"at\":null,\"from\":null,"
	    "\"to\":null,\"ratio\":null,\"flag\":false,\"noteId\":null,\"color\":null,\"rule\":null,\"set\":[],\"inner\":null,\"json\":null,"
	    "\"must\":\"" PROJECT "\",\"created\":\"2024-10-12T02:53:49.516Z\"}"));
	v.inner.text = S("t");
	v.json = S("[1,{}]");
	v.ratio = 0.25;
	v.set = 6;
	v.secret = S("never shown");
	v.capped = S("");
	v.maybe = 0;
	v.at = 0;
	str s = encoded(&b, &every_rec, &v);
	CHECK(has(s, "\"inner\":{\"text\":\"t\",\"noteId\":null,\"level\":0}"));
	CHECK(has(s, "\"json\":[1,{}]") && has(s, "\"ratio\":0.25") && has(s, "\"set\":[\"green\",\"blue\"]"));
	CHECK(has(s, "\"capped\":\"\"") && has(s, "\"maybe\":0") && has(s, "1970-01-01T00:00:00.000Z"));
	CHECK(!has(s, "never"));
	arena_free(&b.a);
}

TEST(an_id_that_no_row_has_is_still_json)
{
	struct bench b;
	struct every v;
	json_t *j;

	setup(&b);
	CHECK(body(&b, "\"noteId\":\"" PROJECT "\"", &v) == OK);
	CHECK(json_read(encoded(&b, &every_rec, &v), &j, &b.e) == OK);
	json_decref(j);
	arena_free(&b.a);
}

TEST(what_is_free_leaves_the_fingerprint)
{
	struct error e;
	json_t *j;

	CHECK(json_read(S("{\"flag\":true,\"name\":\"ab\",\"other\":1}"), &j, &e) == OK);
	rec_unfree(&every_rec, j);
	CHECK(json_object_get(j, "flag") == NULL && json_object_size(j) == 2);
	json_decref(j);
}

TEST(words_come_back_from_a_row)
{
	struct arena a;
	struct buf b;
	unsigned set;

	arena_init(&a, 1 << 16);
	buf_init(&b, &a, 100);
	words_csv(&colors, 5, &b);
	CHECK_STR(buf_str(&b), S("red,blue"));
	struct buf unknown = { .over = true };		/* what db_scan gives: a word of a later version is passed over */
	CHECK(!words_parse(&colors, S("red,ultraviolet,blue"), &set, &unknown) && set == 5);
	CHECK(words_parse(&colors, STR_NONE, &set, &unknown) && set == 0);
	arena_free(&a);
}

struct point { int64_t x; };
struct line { str name; struct rec_list points; };
static const struct field point_fields[] = { F_I64(point, x, "x", NULL, 0, 0, 9, "", NULL) };
static const struct rec point_rec = REC(point, point_fields, "");
static const struct field line_fields[] = {
	F_STR (line, name, "name", NULL, 0, 0, 0, "", NULL),
	F_LIST(line, points, "points", 0, &point_rec, ""),
};
static const struct rec line_rec = REC(line, line_fields, "");

TEST(a_list_of_records_is_an_array_and_never_read)
{
	static const struct point two[] = { { 1 }, { 2 } };
	struct line l = { S("l"), { two, 2 } }, empty = { S("e"), { NULL, 0 } };
	struct bench b;
	json_t *v;

	setup(&b);
	CHECK_STR(encoded(&b, &line_rec, &l), S("{\"name\":\"l\",\"points\":[{\"x\":1},{\"x\":2}]}"));
	CHECK_STR(encoded(&b, &line_rec, &empty), S("{\"name\":\"e\",\"points\":[]}"));
	CHECK_INT(json_read(S("{\"points\":[{\"x\":1}]}"), &v, &b.e), ==, OK);
	CHECK_INT(rec_decode(&line_rec, &b.o, &b.a, v, &l, &b.notes, &b.e), ==, E_INVALID_REQUEST);
	json_decref(v);
	arena_free(&b.a);
}

/* --- forms --- */

struct parcel { int kind; str text, link; note_id note; };
static const struct field parcel_fields[] = {
	F_WORD(parcel, kind, "kind", NULL, F_REQ, &colors, "", NULL),
	F_STR (parcel, text, "text", NULL, 0, 0, 0, "", NULL),
	F_STR (parcel, link, "link", NULL, 0, 0, 0, "", NULL),
	F_ID  (parcel, note, note, "noteId", NULL, 0, ""),
};
static const struct rec parcel_rec = REC_FORMS(parcel, parcel_fields, "",
    { "red", "text", "link,noteId" }, { "green", "text,link", "noteId" }, { "blue", "noteId", "text,link" });
static const struct field any_fields[] = {
	F_STR (parcel, text, "text", NULL, 0, 0, 0, "", NULL),
	F_STR (parcel, link, "link", NULL, 0, 0, 0, "", NULL),
	F_ID  (parcel, note, note, "noteId", NULL, 0, ""),
};
static const struct rec any_rec = REC_FORMS(parcel, any_fields, "", { NULL, "text", "link,noteId" }, { NULL, "link", "text,noteId" },
    { NULL, "noteId", "text,link" });
struct crate { struct parcel parcel; };
static const struct field crate_fields[] = { F_REC(crate, parcel, struct parcel, "parcel", NULL, 0, &any_rec, "") };
static const struct rec crate_rec = REC(crate, crate_fields, "");

/* want NULL: it is taken; otherwise the field at fault and what is said */
static void
check_form(const struct rec *r, const char *body, const char *field, const char *want)
{
	char room[sizeof(struct crate)];
	struct bench b;
	json_t *v;

	setup(&b);
	CHECK_INT(json_read(str_z(body), &v, &b.e), ==, OK);
	enum err code = rec_decode(r, &b.o, &b.a, v, room, &b.notes, &b.e);
	json_decref(v);
	CHECK_INT(code, ==, want == NULL ? OK : E_INVALID_REQUEST);
	if (want != NULL)
		CHECK_STR(str_z(b.e.detail), str_z(want));
	if (field != NULL)
		CHECK_STR(str_z(b.e.field), str_z(field));
	arena_free(&b.a);
}

TEST(a_word_chooses_the_form_of_a_body)
{
	check_form(&parcel_rec, "{\"kind\":\"red\",\"text\":\"x\"}", NULL, NULL);
	check_form(&parcel_rec, "{\"kind\":\"red\",\"text\":\"x\",\"noteId\":null,\"link\":null}", NULL, NULL);
	check_form(&parcel_rec, "{\"text\":\"x\",\"link\":\"y\",\"kind\":\"green\"}", NULL, NULL);
	check_form(&parcel_rec, "{\"kind\":\"blue\",\"noteId\":\"" NOTE "\"}", NULL, NULL);
	check_form(&parcel_rec, "{\"kind\":\"red\"}", "text", "'text' is required when 'kind' is 'red'.");
	check_form(&parcel_rec, "{\"kind\":\"red\",\"text\":null}", "text", "'text' is required when 'kind' is 'red'.");
	check_form(&parcel_rec, "{\"kind\":\"green\",\"text\":\"x\"}", "link", "'link' is required when 'kind' is 'green'.");
	check_form(&parcel_rec, "{\"kind\":\"red\",\"text\":\"x\",\"noteId\":\"" NOTE "\"}", "noteId",
	    "'noteId' must be left out when 'kind' is 'red'.");
	check_form(&parcel_rec, "{\"text\":\"x\"}", "kind", "'kind' is required.");
}

TEST(fields_choose_the_form_of_a_body)
{
	static const char what[] = "'parcel' must have exactly one of 'text', 'link' and 'noteId'.";

	check_form(&crate_rec, "{\"parcel\":{\"text\":\"x\"}}", NULL, NULL);
	check_form(&crate_rec, "{\"parcel\":{\"text\":null,\"noteId\":\"nonsense\"}}", NULL, NULL);
	check_form(&crate_rec, "{}", NULL, NULL);
	check_form(&any_rec, "{}", NULL, "The body must have exactly one of 'text', 'link' and 'noteId'.");
	check_form(&crate_rec, "{\"parcel\":{}}", "parcel", what);
	check_form(&crate_rec, "{\"parcel\":{\"text\":\"x\",\"link\":\"y\"}}", "parcel", what);
	check_form(&crate_rec, "{\"parcel\":{\"text\":\"x\",\"link\":\"y\",\"noteId\":\"" NOTE "\"}}", "parcel", what);
}

/* --- thousandths and texts --- */

struct amount { int64_t v, none; str texts; };
static const struct field amount_fields[] = {
	F_MILLI(amount, v, "v", NULL, 0, "", NULL),
	F_MILLI(amount, none, "none", NULL, F_NULL, "", NULL),
	F_TEXTS(amount, texts, "texts", NULL, 0, "", NULL),
};
static const struct rec amount_rec = REC(amount, amount_fields, "");

TEST(thousandths_are_numbers)
{
	static const struct { int64_t v; const char *want; } row[] = {
		{ 0, "0" }, { 1, "0.001" }, { 482000, "482" }, { 1500, "1.5" }, { 12340, "12.34" }, { -1, "-0.001" }, { -2050, "-2.05" },
		{ 86400000123, "86400000.123" }, { INT64_MAX, "9223372036854775.807" },
	};
	struct amount m;
	struct bench b;

	setup(&b);
	for (size_t i = 0; i < COUNT(row); i++) {
		rec_init(&amount_rec, &m);
		m.v = row[i].v;
		m.texts = S("[\"a\",\"b\"]");
		CHECK_STR(encoded(&b, &amount_rec, &m), str_fmt(&b.a, "{\"v\":%s,\"none\":null,\"texts\":[\"a\",\"b\"]}", row[i].want));
	}
	arena_free(&b.a);
}

/* --- names and changes --- */

struct change { str name, link; unsigned set; int flag; int64_t end; };
static const struct field change_fields[] = {
	F_STR  (change, name, "name", NULL, F_KEEP | F_NAME, 1, 9, "", NULL),
	F_STR  (change, link, "link", NULL, F_ERASE, 1, 9, "", NULL),
	F_WORDS(change, set, "set", NULL, F_KEEP | F_ALL, &colors, "", NULL),
	F_MAYBE(change, flag, "flag", F_KEEP, ""),
	{ .name = S_INIT("end"), .flags = F_ERASE, .doc = "", FIELD(change, end, int64_t, T_FROM) },
};
static const struct rec change_rec = REC(change, change_fields, "");

static enum err
change_json(struct bench *b, const char *text, struct change *ret)
{
	json_t *v;

	TRY(json_read(str_z(text), &v, &b->e));
	enum err code = rec_decode(&change_rec, &b->o, &b->a, v, ret, &b->notes, &b->e);
	json_decref(v);
	return code;
}

TEST(a_name_is_one_line_that_is_not_blank)
{
	static const struct { const char *name; bool ok; } row[] = {
		{ "Ada", true }, { " Ada ", true }, { "\\ud83d\\ude80", true }, { "\\u200b.", true }, { "\\u00e4", true },
		{ " ", false }, { "   ", false }, { "\\u00a0\\u3000", false }, { "\\u200b\\ufeff", false }, { "\\u2028", false },
		{ "a\\nb", false }, { "a\\tb", false }, { "\\u0085", false }, { "a\\u007f", false }, { "", false },
	};
	struct change c;
	struct bench b;

	setup(&b);
	for (size_t i = 0; i < COUNT(row); i++) {
		enum err code = change_json(&b, str_fmt(&b.a, "{\"name\":\"%s\"}", row[i].name).p, &c);
		if ((code == OK) != row[i].ok)
			t_fail(__FILE__, __LINE__, "'%s': %s", row[i].name, code == OK ? "taken" : b.e.detail);
	}
	arena_free(&b.a);
}

TEST(a_change_tells_left_out_from_taken_away)
{
	struct change c;
	struct bench b;

	setup(&b);
	CHECK_INT(change_json(&b, "{}", &c), ==, OK);
	CHECK(c.name.p == NULL && c.link.p == NULL && c.set == WORDS_NONE && c.flag == -1 && c.end == TIME_NONE);
	CHECK_INT(change_json(&b, "{\"link\":null,\"set\":[],\"flag\":false,\"end\":null}", &c), ==, OK);
	CHECK(c.link.p != NULL && c.link.n == 0 && c.set == 0 && c.flag == 0 && c.end == TIME_ERASED);
	CHECK_INT(change_json(&b, "{\"name\":null}", &c), ==, E_INVALID_REQUEST);
	CHECK_INT(change_json(&b, "{\"set\":null}", &c), ==, E_INVALID_REQUEST);
	CHECK_INT(change_json(&b, "{\"link\":\"\"}", &c), ==, E_INVALID_REQUEST);
	CHECK_INT(change_json(&b, "{\"set\":\"all\"}", &c), ==, E_INVALID_REQUEST);	/* a word for options only */
	arena_free(&b.a);
}

TEST(options_say_the_same_in_texts)
{
	const struct rec_pair p[] = { { S("link"), S("") }, { S("set"), S("all") }, { S("flag"), S("true") }, { S("end"), S("") }, { S("name"), S("") } };
	struct change c;
	struct bench b;

	setup(&b);
	CHECK_INT(rec_decode_pairs(&change_rec, &b.o, &b.a, p, COUNT(p), &c, &b.notes, &b.e), ==, OK);
	CHECK(c.link.p != NULL && c.link.n == 0 && c.set == 7 && c.flag == 1 && c.end == TIME_ERASED && c.name.p == NULL);
	CHECK_INT(rec_decode_pairs(&change_rec, &b.o, &b.a, &(struct rec_pair){ S("flag"), S("perhaps") }, 1, &c, &b.notes, &b.e), ==, E_INVALID_REQUEST);
	arena_free(&b.a);
}
