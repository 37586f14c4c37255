#include "rec/older.h"
#include "t.h"

/* Three versions of a small record.  Now: {text, size, kind, inner: {level}}.
 * Version b had `body` for text, a boolean `large` beside size, and `inner.depth` for inner.level.
 * Version a had `content` for body, the words small and big in the place of large, and numbers in the place of kind. */

enum { KIND_RED, KIND_GREEN, KIND_COUNT };
static const char *const kind_list[] = { "red", "green" };
static const struct words kinds = { kind_list, KIND_COUNT, 0 };
static const char *const word_list[] = { "small", "big" };
static const struct words sizes = { word_list, 2, 0 };

struct inner { int64_t level; };
static const struct field inner_fields[] = { F_I64(inner, level, "level", NULL, F_REQ, 0, 9, "Level", NULL) };
static const struct rec inner_rec = REC(inner, inner_fields, "Inner");

struct thing { str text; int64_t size; int kind; struct inner inner; };
static enum err
check_thing(const void *v, struct error *e)
{
	const struct thing *t = v;
	return t->size != 13 ? OK : fail(e, E_INVALID_REQUEST, "size", "'size' and 'inner.level' do not like 13, 'nobody' does.");
}
static const struct field fields[] = {
	F_STR (thing, text, "text", NULL, F_REQ, 1, 5, "Text", NULL),
	F_I64 (thing, size, "size", NULL, F_KEEP, 0, 100, "Size", NULL),
	F_WORD(thing, kind, "kind", NULL, F_NULL, &kinds, "Kind", NULL),
	F_REC (thing, inner, struct inner, "inner", NULL, 0, &inner_rec, "Inner"),
};
static const struct rec thing_rec = REC_CHECKED(thing, fields, check_thing, "A thing");

static void is_large(const void *size, void *ret) { *(bool *)ret = *(const int64_t *)size >= 50; }
static void of_large(const void *large, void *size) { *(int64_t *)size = *(const bool *)large ? 100 : 1; }
static void word_of_large(const void *large, void *ret) { *(int *)ret = *(const bool *)large; }
static void large_of_word(const void *word, void *large) { *(bool *)large = *(const int *)word == 1; }
static void number_of_kind(const void *kind, void *ret) { *(int64_t *)ret = *(const int *)kind < 0 ? INT_NONE : *(const int *)kind + 1; }
static void kind_of_number(const void *n, void *kind) { *(int *)kind = (int)*(const int64_t *)n - 1; }

static const struct field a_large = { .type = T_BOOL, .doc = "Whether it is large" };
static const struct field a_size = { .type = T_WORD, .words = &sizes, .doc = "Its size as a word" };
static const struct field a_number = { .type = T_I64, .flags = F_NULL, .lo = 1, .hi = 2, .doc = "Kind as a number" };
static const struct change changes[] = {
	{ "c", &thing_rec, CHANGE_RENAMED, S_INIT("text"), S_INIT("body"), NULL, NULL, NULL, "" },
	{ "c", &thing_rec, CHANGE_REMOVED, S_INIT("size"), S_INIT("large"), &a_large, is_large, of_large, "" },
	{ "c", &inner_rec, CHANGE_RENAMED, S_INIT("level"), S_INIT("depth"), NULL, NULL, NULL, "" },
	{ "b", &thing_rec, CHANGE_RENAMED, S_INIT("body"), S_INIT("content"), NULL, NULL, NULL, "" },
	{ "b", &thing_rec, CHANGE_ALTERED, S_INIT("large"), S_INIT("large"), &a_size, word_of_large, large_of_word, "" },
	{ "b", &thing_rec, CHANGE_ALTERED, S_INIT("kind"), S_INIT("number"), &a_number, number_of_kind, kind_of_number, "" },
};

struct bench { struct arena a; struct older b, c; const struct rec *in_b, *in_a; struct rec_notes notes; struct error e; };

static void
bench_open(struct bench *h)
{
	*h = (struct bench){ 0 };
	arena_init(&h->a, 1 << 20);
	h->b = (struct older){ .since = "c", .changes = changes, .nchanges = (int)COUNT(changes), .a = &h->a };
	h->in_b = older_rec(&h->b, &thing_rec);
	h->c = (struct older){ .since = "b", .newer = &h->b, .changes = changes, .nchanges = (int)COUNT(changes), .a = &h->a };
	h->in_a = older_rec(&h->c, &thing_rec);
	CHECK(h->b.bad == NULL && h->c.bad == NULL);
}

static str
encoded(struct bench *h, const struct rec *r, const struct thing *t)
{
	struct buf b;
	struct json j;

	buf_init(&b, &h->a, 4096);
	jw_begin(&j, &b);
	rec_encode(r, t, &j);
	return buf_str(&b);
}

static enum err
decoded(struct bench *h, const struct rec *r, const char *text, struct thing *ret)
{
	struct rec_opts o = { .text_max = 100 };
	json_t *v;

	h->notes = (struct rec_notes){ 0 };
	CHECK_INT(json_read(str_z(text), &v, &h->e), ==, OK);
	enum err code = rec_decode(r, &o, &h->a, v, ret, &h->notes, &h->e);
	json_decref(v);
	return code;
}

TEST(answers_go_down_the_chain)
{
	struct thing t = { S("hi"), 70, KIND_GREEN, { 3 } };
	struct bench h;

	bench_open(&h);
	CHECK_STR(encoded(&h, &thing_rec, &t), S("{\"text\":\"hi\",\"size\":70,\"kind\":\"green\",\"inner\":{\"level\":3}}"));
	CHECK_STR(encoded(&h, h.in_b, &t), S("{\"body\":\"hi\",\"size\":70,\"kind\":\"green\",\"inner\":{\"depth\":3},\"large\":true}"));
	CHECK_STR(encoded(&h, h.in_a, &t), S("{\"content\":\"hi\",\"size\":70,\"number\":2,\"inner\":{\"depth\":3},\"large\":\"big\"}"));
	t.kind = -1;
	t.size = 2;
	CHECK_STR(encoded(&h, h.in_a, &t), S("{\"content\":\"hi\",\"size\":2,\"number\":null,\"inner\":{\"depth\":3},\"large\":\"small\"}"));
	arena_free(&h.a);
}

TEST(requests_go_up_the_chain)
{
	struct bench h;
	struct thing t;

	bench_open(&h);
	CHECK_INT(decoded(&h, h.in_b, "{\"body\":\"hi\",\"large\":true,\"inner\":{\"depth\":4}}", &t), ==, OK);
	CHECK(str_eq(t.text, S("hi")) && t.size == 100 && t.inner.level == 4 && t.kind == -1);
	CHECK_INT(decoded(&h, h.in_a, "{\"content\":\"hi\",\"large\":\"small\",\"number\":2,\"text\":\"new\"}", &t), ==, OK);
	CHECK(str_eq(t.text, S("hi")) && t.size == 1 && t.kind == KIND_GREEN);
	CHECK_INT(h.notes.nignored, ==, 1);
	CHECK_STR(h.notes.ignored[0], S("text"));
	CHECK_INT(decoded(&h, h.in_a, "{\"content\":\"hi\",\"size\":7}", &t), ==, OK);
	CHECK_INT(t.size, ==, 7);
	arena_free(&h.a);
}

TEST(the_same_from_a_query)
{
	struct rec_pair p[] = { { S("content"), S("hi") }, { S("large"), S("big") }, { S("number"), S("1") } };
	struct rec_opts o = { .text_max = 100 };
	struct bench h;
	struct thing t;

	bench_open(&h);
	CHECK_INT(rec_decode_pairs(h.in_a, &o, &h.a, p, 3, &t, &h.notes, &h.e), ==, OK);
	CHECK(str_eq(t.text, S("hi")) && t.size == 100 && t.kind == KIND_RED);
	p[1].name = S("size");
	p[1].value = S("3");
	p[2] = (struct rec_pair){ S("large"), S("big") };
	CHECK_INT(rec_decode_pairs(h.in_a, &o, &h.a, p, 3, &t, &h.notes, &h.e), ==, E_INVALID_REQUEST);
	CHECK_STR(str_z(h.e.field), S("large"));
	arena_free(&h.a);
}

TEST(errors_name_what_the_caller_wrote)
{
	static const struct { bool a; const char *body, *field, *says; } rows[] = {
		{ true, "{}", "content", "'content' is required" }, { false, "{}", "body", "'body' is required" },
		{ true, "{\"content\":\"too long\"}", "content", "'content' is longer" },
		{ true, "{\"content\":\"hi\",\"number\":3}", "number", "'number' must be from 1 to 2" },
		{ true, "{\"content\":\"hi\",\"number\":\"red\"}", "number", "'number' must be a whole number" },
		{ true, "{\"content\":\"hi\",\"large\":true}", "large", "'large' must be a string" },
		{ true, "{\"content\":\"hi\",\"large\":\"huge\"}", "large", "Unknown 'large' value: huge. Use one of: small,big." },
		{ true, "{\"content\":\"hi\",\"large\":null}", "large", "cannot be null" },
		{ true, "{\"content\":\"hi\",\"large\":\"big\",\"size\":1}", "size", "says the same" },
		{ true, "{\"content\":\"hi\",\"size\":1,\"large\":\"big\"}", "large", "says the same" },
		{ false, "{\"body\":\"hi\",\"inner\":{\"depth\":10}}", "inner.depth", "'inner.depth' must be" },
		{ false, "{\"body\":\"hi\",\"inner\":{\"level\":1}}", "inner.depth", "'inner.depth' is required" },
		{ true, "{\"content\":\"hi\",\"size\":13}", "size", "'size' and 'inner.depth' do not like 13, 'nobody' does." },
	};
	struct bench h;
	struct thing t;

	bench_open(&h);
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK_INT(decoded(&h, rows[i].a ? h.in_a : h.in_b, rows[i].body, &t), ==, E_INVALID_REQUEST);
		CHECK_STR(str_z(h.e.field), str_z(rows[i].field));
		if (strstr(h.e.detail, rows[i].says) == NULL)
			t_fail(__FILE__, __LINE__, "row %zu: %s", i, h.e.detail);
	}
	arena_free(&h.a);
}

TEST(what_nobody_changed_is_itself)
{
	static const struct rec other = REC(inner, inner_fields, "Another");
	struct bench h;

	bench_open(&h);
	CHECK(older_rec(&h.b, &other) == &other);
	CHECK(older_rec(&h.c, &inner_rec) == older_find(&h.b, &inner_rec));
	CHECK(older_find(&h.b, &inner_rec) != &inner_rec);
	arena_free(&h.a);
}

TEST(rows_that_make_no_sense_are_told)
{
	static const struct { struct change c; const char *says; } rows[] = {
		{ { "c", &thing_rec, CHANGE_RENAMED, S_INIT("nothing"), S_INIT("x"), NULL, NULL, NULL, "" }, "no such field" },
		{ { "c", &thing_rec, CHANGE_RENAMED, S_INIT("text"), S_INIT("size"), NULL, NULL, NULL, "" }, "two fields" },
		{ { "c", &thing_rec, CHANGE_REMOVED, S_INIT("size"), S_INIT("kind"), &a_large, is_large, NULL, "" }, "two fields" },
		{ { "c", &thing_rec, CHANGE_REMOVED, S_INIT("size"), S_INIT("large"), NULL, is_large, NULL, "" }, "nothing can be made" },
		{ { "c", &thing_rec, CHANGE_REMOVED, S_INIT("size"), S_INIT("large"), &a_large, NULL, NULL, "" }, "nothing can be made" },
		{ { "c", &thing_rec, CHANGE_ALTERED, S_INIT("inner"), S_INIT("large"), &a_large, is_large, NULL, "" }, "nothing can be made" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a;
		struct older o = { .since = "c", .changes = &rows[i].c, .nchanges = 1, .a = &a };
		arena_init(&a, 1 << 20);
		(void)older_rec(&o, &thing_rec);
		if (o.bad == NULL || strstr(o.bad, rows[i].says) == NULL)
			t_fail(__FILE__, __LINE__, "row %zu: %s", i, o.bad != NULL ? o.bad : "nothing found");
		arena_free(&a);
	}
}
