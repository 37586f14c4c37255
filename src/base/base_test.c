#include "t.h"

TEST(times_are_read_and_written_to_the_millisecond)
{
	static const struct { const char *in, *out; } row[] = {
		{ "2026-05-15T08:21:00.000Z",      "2026-05-15T08:21:00.000Z" },
		{ "2026-05-15T08:21:00Z",          "2026-05-15T08:21:00.000Z" },
		{ "2026-05-15t08:21:00.1239z",     "2026-05-15T08:21:00.123Z" },
		{ "2026-05-15T00:21:00+02:00",     "2026-05-14T22:21:00.000Z" },
		{ "2024-02-29T23:59:59.999-00:30", "2024-03-01T00:29:59.999Z" },
		{ "1969-12-31T23:59:59.999Z",      "1969-12-31T23:59:59.999Z" },
		{ "0001-01-01T00:00:00Z",          "0001-01-01T00:00:00.000Z" },
		{ "9999-12-31T23:59:59.999Z",      "9999-12-31T23:59:59.999Z" },
		{ "2016-12-31T23:59:60Z",          "2017-01-01T00:00:00.000Z" },
		{ "1998-12-31T15:59:60.123-08:00", "1999-01-01T00:00:00.123Z" },
		{ "2017-01-01T05:29:60+05:30",     "2017-01-01T00:00:00.000Z" },
		{ "2016-12-31T23:58:60Z", NULL }, { "2016-12-31T23:59:60+01:00", NULL }, { "2016-12-31T23:59:61Z", NULL },
		{ "2023-02-29T00:00:00Z", NULL }, { "2026-05-15T08:21:00", NULL }, { "2026-05-15 08:21:00Z", NULL },
		{ "2026-05-15T08:21:00.Z", NULL }, { "2026-13-01T00:00:00Z", NULL }, { "2026-05-15T24:00:00Z", NULL },
		{ "2026-05-15T08:21:00+0200", NULL }, { "15/05/2026", NULL }, { "", NULL },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		char out[TIME_LEN];
		int64_t ms;
		bool ok = time_parse(str_z(row[i].in), &ms);
		CHECK_INT(ok, ==, row[i].out != NULL);
		if (!ok || row[i].out == NULL)
			continue;
		time_write(out, ms);
		CHECK_STR(((str){ out, TIME_LEN }), str_z(row[i].out));
	}
}

TEST(days_are_utc_days)
{
	int64_t ms;
	CHECK(date_parse(S("1970-01-02"), &ms) && ms == DAY_MS);
	CHECK(date_parse(S("2024-02-29"), &ms));
	CHECK(!date_parse(S("2100-02-29"), &ms) && !date_parse(S("2026-5-1"), &ms) && !date_parse(S("2026-05-15T00:00:00Z"), &ms));
}

TEST(ids_carry_their_kind_and_their_millisecond)
{
	struct arena a;
	ulid u = ulid_from(1760000000123, (const uint8_t[10]){ 255, 1, 2, 3, 4, 5, 6, 7, 8, 255 }), v;

	arena_init(&a, 4096);
	str t = id_text(&a, ID_note, &u);
	CHECK_INT(t.n, ==, 31);
	CHECK(id_parse(ID_note, t, &v) && memcmp(&u, &v, sizeof(u)) == 0);
	CHECK(!id_parse(ID_post, t, &v) && !id_parse(ID_note, str_cut(t, 0, 30), &v));
	CHECK(!id_parse(ID_note, S("note_81ARZ3NDEKTSV4RRFFQ69G5FAV"), &v));	/* more than 128 bits */
	CHECK(!id_parse(ID_note, S("note_01arz3ndektsv4rrffq69g5fav"), &v));
	CHECK_INT(ulid_ms(&u), ==, 1760000000123);
	ulid low = ulid_low(1760000000123), next = ulid_low(1760000000124);
	CHECK(strcmp(low.s, u.s) < 0 && strcmp(u.s, next.s) < 0);
	arena_free(&a);
}

TEST(an_arena_over_its_budget_says_so_and_goes_on)
{
	struct arena a;

	arena_init(&a, 100);
	struct arena_mark m = arena_mark(&a);
	CHECK(str_eq(str_fmt(&a, "%0200d", 1), str_fmt(&a, "%0200d", 1)) && a.over);
	arena_back(&a, m);
	CHECK(!a.over && a.used == 0);
	arena_free(&a);
}

TEST(a_buffer_keeps_to_its_maximum)
{
	struct arena a;
	struct buf b;

	arena_init(&a, 4096);
	buf_init(&b, &a, 5);
	buf_add(&b, S("abc"));
	buf_i64(&b, -7);
	CHECK_STR(buf_str(&b), S("abc-7"));
	CHECK(!b.over);
	buf_char(&b, '!');
	CHECK(b.over && b.n == 5);
	arena_free(&a);
}

TEST(utf8_is_strict)
{
	static const char *const bad[] = { "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80", "\xFF" };
	CHECK(utf8_ok(S("aä€😀")) && utf8_count(S("aä€😀")) == 4);
	CHECK_STR(utf8_head(S("aä€😀"), 5), S("aä"));
	CHECK_STR(utf8_head(S("aä€😀"), 6), S("aä€"));
	CHECK(utf8_head(S("aä€😀"), 10).n == 10 && utf8_head(S("€"), 2).n == 0 && utf8_head(STR_NONE, 3).p == NULL);
	for (size_t i = 0; i < COUNT(bad); i++)
		CHECK(!utf8_ok(str_z(bad[i])));
	size_t i = 0;
	CHECK_INT(utf8_next(S("😀"), &i), ==, 0x1F600);
	CHECK_INT(i, ==, 4);
}

TEST(integers_are_whole_and_fit)
{
	int64_t v;
	CHECK(str_int(S("-9223372036854775808"), &v) && v == INT64_MIN);
	CHECK(str_int(S("9223372036854775807"), &v) && v == INT64_MAX);
	CHECK(!str_int(S("9223372036854775808"), &v) && !str_int(S("1.0"), &v) && !str_int(S(""), &v) && !str_int(S("-"), &v) && !str_int(S(" 1"), &v));
}
