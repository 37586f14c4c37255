#include "json/json.h"
#include "t.h"

TEST(the_writer_places_commas_and_escapes)
{
	struct arena a;
	struct buf b;
	struct json j;

	arena_init(&a, 1 << 16);
	buf_init(&b, &a, 1 << 16);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("s"), S("q\"b\\n\n\x01\x1f end ünï 😀 0123456789 \"long\" enough for the fast path\t"));
	jw_key_i64(&j, S("i"), INT64_MIN);
	jw_key(&j, S("a"));
	jw_arr(&j);
	jw_null(&j);
	jw_bool(&j, true);
	jw_f64(&j, 0.5);
	jw_f64(&j, 0.0 / 0.0);
	jw_obj(&j);
	jw_end(&j);
	jw_end(&j);
	jw_key(&j, S("t"));
	jw_time(&j, 0);
	jw_end(&j);
	CHECK_STR(buf_str(&b), S("{\"s\":\"q\\\"b\\\\n\\n\\u0001\\u001f end ünï 😀 0123456789 \\\"long\\\" enough for the fast path\\t\","
	    "\"i\":-9223372036854775808,\"a\":[null,true,0.5,null,{}],\"t\":\"1970-01-01T00:00:00.000Z\"}"));
	arena_free(&a);
}

TEST(every_byte_survives_a_round_trip)
{
	struct arena a;
	struct error e;

	arena_init(&a, 1 << 20);
	for (int c = 1; c < 128; c++)
		for (int at = 0; at < 20; at++) {
			char s[20];
			struct buf b;
			struct json j;
			json_t *v;
			memset(s, 'x', sizeof(s));
			s[at] = (char)c;
			buf_init(&b, &a, 1000);
			jw_begin(&j, &b);
			jw_str(&j, (str){ s, sizeof(s) });
			if (json_read(buf_str(&b), &v, &e) != OK) {
				t_fail(__FILE__, __LINE__, "byte %d at %d: %s", c, at, e.detail);
				continue;
			}
			CHECK_STR(((str){ json_string_value(v), json_string_length(v) }), ((str){ s, sizeof(s) }));
			json_decref(v);
		}
	arena_free(&a);
}

TEST(what_the_contract_refuses_is_refused)
{
	static const str bad[] = {
		S_INIT("{\"a\":1,\"a\":2}"), S_INIT("{\"a\":\"\\u0000\"}"), S_INIT("{\"a\":\"\xff\"}"), S_INIT("{"), S_INIT(""),
		S_INIT("{} x"), S_INIT("{\"a\":01}"), S_INIT("nul"), S_INIT("{\"a\":\"\\ud800\"}"), S_INIT("[1,]"), S_INIT("\xef\xbb\xbf"), S_INIT("\xef\xbb\xbf\xef\xbb\xbf{}"), S_INIT("{}\xef\xbb\xbf"),
		S_INIT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), S_INIT("{\"a\":99999999999999999999}"), S_INIT("{\"a\":1\0}"),
	};
	struct error e;
	json_t *v;

	for (size_t i = 0; i < COUNT(bad); i++) {
		if (json_read(bad[i], &v, &e) == OK)
			t_fail(__FILE__, __LINE__, "accepted: %.*s", STR(bad[i]));
		else
			CHECK_INT(e.code, ==, E_INVALID_REQUEST);
	}
}

TEST(a_byte_order_mark_may_stand_first)
{
	struct error e;
	json_t *v;

	CHECK(json_read(S("\xef\xbb\xbf{\"a\":1}"), &v, &e) == OK);
	CHECK(json_integer_value(json_object_get(v, "a")) == 1);
	json_decref(v);
}

TEST(nesting_counts_outside_strings_only)
{
	CHECK_INT(json_nesting(S("{\"a\":\"[[[[\\\"[[\",\"b\":[1]}"), 32), ==, 2);
	CHECK_INT(json_nesting(S("[[[]]]"), 2), ==, 3);
}

static void
collect(void *ctx, str s)
{
	buf_add(ctx, s);
}

TEST(the_canonical_form_ignores_order_and_blanks_but_not_values)
{
	struct arena a;
	struct buf b;
	struct error e;
	json_t *v;

	arena_init(&a, 4096);
	buf_init(&b, &a, 1000);
	CHECK(json_read(S(" { \"b\" : [1, 2.50],\n\"a\":\"13:00:00Z\" } "), &v, &e) == OK);
	json_canonical(v, collect, &b);
	CHECK_STR(buf_str(&b), S("{\"a\":\"13:00:00Z\",\"b\":[1,2.5]}"));
	json_decref(v);
	arena_free(&a);
}

TEST(usual_json_is_read_quickly_and_the_rest_is_jansson_s)
{
	static const struct { const char *text; bool quick; } row[] = {
		{ "{}", true }, { " [ ] ", true }, { "\t{\"a\" : [1, -20, 0 ,-0,123456789012345678],\r\n\"b\":{\"c\":null,\"d\":true,\"e\":false}}", true },
		{ "\"\"", true }, { "\"\xc3\xa4\xf0\x9f\x98\x80 and more\"", true }, { "\"a\\n\\\"\\\\\\/\\t\\b\\f\\r z\"", true }, { "{\"\":\"\"}", true },
		{ "{\"\xc3\xa4\":1}", false }, { "{\"a\\n\":1}", false }, { "\"\\u0041\"", false }, { "1234567890123456789", false }, { "1.5", false }, { "1e3", false },
		{ "", false }, { " ", false }, { "{", false }, { "[1,]", false }, { "[,1]", false }, { "{\"a\":1,}", false }, { "{\"a\":1,\"a\":1}", false },
		{ "{a:1}", false }, { "01", false }, { "-", false }, { "+1", false }, { "nul", false }, { "nulll", false }, { "{} {}", false }, { "\"a", false },
		{ "\"\xff\"", false }, { "\"\xed\xa0\x80\"", false }, { "\"\x01\"", false }, { "\"\\", false }, { "\"\\x\"", false }, { "\"\\n", false }, { "[1 2]", false },
		{ "{\"a\" 1}", false }, { "{\"a\"}", false }, { "]", false }, { "[}", false },
	};

	for (size_t i = 0; i < COUNT(row); i++) {
		json_t *v = json_quick(str_z(row[i].text)), *slow = json_loads(row[i].text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
		if ((v != NULL) != row[i].quick || (v != NULL && !json_equal(v, slow)))
			t_fail(__FILE__, __LINE__, "%s", row[i].text);
		json_decref(v);
		json_decref(slow);
	}
}

TEST(the_quick_reader_nests_as_deep_as_is_allowed)
{
	char text[2 * (JSON_DEPTH + 1)];

	for (int depth = JSON_DEPTH; depth <= JSON_DEPTH + 1; depth++) {
		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		json_t *v = json_quick((str){ text, 2 * (size_t)depth });
		CHECK_INT(v != NULL, ==, depth == JSON_DEPTH);
		json_decref(v);
	}
}

TEST(a_body_has_so_many_values_and_no_more)
{
	struct arena a;
	struct error e;
	json_t *v;

	CHECK_INT(json_values(S("{\"a\":[1,\"[,{\\\",\",{}],\"b\":0}"), 100), ==, 7);
	CHECK_INT(json_values(S("[[[[[["), 3), ==, 4);
	arena_init(&a, 4 << 20);
	for (int n = JSON_VALUES - 1; n <= JSON_VALUES; n++) {		/* and the array that they are in */
		struct buf b;
		buf_init(&b, &a, 2 << 20);
		buf_char(&b, '[');
		for (int i = 0; i < n; i++)
			buf_add(&b, i > 0 ? S(",1") : S("1"));
		buf_char(&b, ']');
		bool takes = json_read(buf_str(&b), &v, &e) == OK;
		CHECK_INT(takes, ==, n < JSON_VALUES);
		if (takes)
			json_decref(v);
	}
	arena_free(&a);
}
