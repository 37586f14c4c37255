#include "rec/schema.h"
#include "t.h"

static const char *const color_list[] = { "red", "green" };
static const struct words colors = { color_list, 2, 0 };
struct inner { str text; };
static const struct field inner_fields[] = { F_STR(inner, text, "text", NULL, F_REQ, 1, 0, "Text", "hello") };
static const struct rec inner_rec = REC(inner, inner_fields, "Inner");

struct all {
	str title, body, secret, maybe, json;
	int64_t wait, count, at, from;
	double ratio;
	bool flag, more;
	note_id id;
	int color;
	unsigned set;
	struct inner inner;
	struct rec_list list;
};
static const struct field fields[] = {
	F_ID   (all, id, note, "id", NULL, F_REQ, "Id"),
	F_STR  (all, title, "title", NULL, F_NULL, 1, 5, "Title", "abc"),
	F_STR  (all, body, "body", NULL, F_BIG, 0, 0, "Body", NULL),
	F_STR  (all, secret, "secret", NULL, F_HIDE, 0, 0, "Secret", NULL),
	F_STR  (all, maybe, "maybe", NULL, F_OMIT, 0, 0, "Maybe", NULL),
	F_I64  (all, wait, "wait", NULL, F_CLAMP | F_REQ, 0, 9, "Wait", "5"),
	F_I64  (all, count, "count", NULL, F_NULL, 1, 9, "Count", NULL),
	F_TIME (all, at, "at", NULL, 0, "At"),
	F_BOOL (all, flag, "flag", NULL, F_REQ, "Flag"),
	F_BOOL (all, more, "more", NULL, F_MORE | F_REQ, "More"),
	F_WORD (all, color, "color", NULL, F_NULL, &colors, "Color", "green"),
	F_WORDS(all, set, "set", NULL, 0, &colors, "Set", "red,green"),
	F_REC  (all, inner, struct inner, "inner", NULL, F_NULL, &inner_rec, "Inner"),
	F_F64  (all, ratio, "ratio", "Ratio", "0.5"),
	F_JSON (all, json, "json", NULL, F_NULL, "Json", NULL),
	F_CREATED(all, id, note, "created", "Created"),
	F_FROM (all, from, "from", "From"),
	F_LIST (all, list, "list", 0, &inner_rec, "List"),
	F_WORD (all, color, "open", NULL, F_GROW, &colors, "Open", NULL),
	F_JSON_OF(all, json, "made", NULL, F_NULL, &inner_rec, "Made", "{\"text\":\"hello\"}"),
	F_TIME (all, at, "until", NULL, F_ERASE, "Until"),
	F_STR  (all, title, "name", NULL, F_NAME, 1, 5, "Name", "abc"),
	F_STR  (all, title, "page", NULL, F_NAME | F_WEB, 1, 50, "Page", "https://a.example"),
};
static const struct rec all_rec = REC(all, fields, "All");

static str
ref_of(void *ctx, enum schema_use use, const struct rec *outer, const struct field *f)
{
	CHECK(outer == &all_rec);
	return str_fmt(ctx, "#/%d/%s", (int)use, f->rec->name);
}

struct bench { struct arena a; struct buf b; struct json j; struct schema s; };

static void
setup(struct bench *t, enum schema_use use)
{
	arena_init(&t->a, 1 << 20);
	buf_init(&t->b, &t->a, 65536);
	jw_begin(&t->j, &t->b);
	t->s = (struct schema){ .use = use, .more = true, .text_max = 1000, .ref = ref_of, .ctx = &t->a };
}

static void
check_field(enum schema_use use, const char *name, const char *want)
{
	struct bench t;

	setup(&t, use);
	jw_obj(&t.j);
	for (int i = 0; i < all_rec.n; i++)
		if (str_eq(fields[i].name, str_z(name)))
			schema_field(&t.s, &all_rec, &fields[i], &t.j);
	jw_end(&t.j);
	CHECK_STR(buf_str(&t.b), str_z(want));
	arena_free(&t.a);
}

#define OR_NULL(t)	"\"type\":[\"" t "\",\"null\"]"

TEST(a_field_of_an_answer)
{
	check_field(SCHEMA_ANSWER, "id", "{\"type\":\"string\",\"pattern\":\"^note_[0-7][0-9A-HJKMNP-TV-Z]{25}$\"}");
	check_field(SCHEMA_ANSWER, "title", "{" OR_NULL("string") "}");
	check_field(SCHEMA_ANSWER, "count", "{" OR_NULL("integer") ",\"format\":\"int64\",\"minimum\":1,\"maximum\":9}");
	check_field(SCHEMA_ANSWER, "at", "{\"type\":\"string\",\"format\":\"date-time\"}");
	check_field(SCHEMA_ANSWER, "created", "{\"type\":\"string\",\"format\":\"date-time\"}");
	check_field(SCHEMA_ANSWER, "ratio", "{\"type\":\"number\"}");
	check_field(SCHEMA_ANSWER, "color", "{" OR_NULL("string") ",\"enum\":[\"red\",\"green\",null]}");
	check_field(SCHEMA_ANSWER, "open", "{\"type\":\"string\",\"x-extensible-enum\":[\"red\",\"green\"]}");
	check_field(SCHEMA_ANSWER, "made", "{\"anyOf\":[{\"$ref\":\"#/0/inner\"},{\"type\":\"null\"}]}");
	check_field(SCHEMA_ANSWER, "set", "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"red\",\"green\"]}}");
	check_field(SCHEMA_ANSWER, "inner", "{\"anyOf\":[{\"$ref\":\"#/0/inner\"},{\"type\":\"null\"}]}");
	check_field(SCHEMA_ANSWER, "json", "{" OR_NULL("object") "}");
	check_field(SCHEMA_ANSWER, "list", "{\"type\":\"array\",\"items\":{\"$ref\":\"#/0/inner\"}}");
}

TEST(a_field_of_a_body_has_bounds)
{
	check_field(SCHEMA_BODY, "id", "{\"type\":\"string\",\"pattern\":\"^note_[0-7][0-9A-HJKMNP-TV-Z]{25}$\"}");
	check_field(SCHEMA_BODY, "title", "{" OR_NULL("string") ",\"minLength\":1,\"maxLength\":5}");
	check_field(SCHEMA_BODY, "body", "{\"type\":\"string\",\"maxLength\":1000}");
	check_field(SCHEMA_BODY, "wait", "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":0}");
	check_field(SCHEMA_BODY, "name",
	    "{\"type\":\"string\",\"minLength\":1,\"maxLength\":5,\"format\":\"line\",\"pattern\":\"^.*\\\\S.*$\"}");
	check_field(SCHEMA_BODY, "flag", "{\"type\":\"boolean\"}");
	check_field(SCHEMA_BODY, "inner", "{\"anyOf\":[{\"$ref\":\"#/1/inner\"},{\"type\":\"null\"}]}");
	check_field(SCHEMA_BODY, "page",
	    "{\"type\":\"string\",\"minLength\":1,\"maxLength\":50,\"format\":\"web-address\",\"pattern\":\"^[Hh][Tt][Tt][Pp][Ss]?://\"}");
	check_field(SCHEMA_BODY, "until", "{" OR_NULL("string") ",\"format\":\"date-time\"}");
}

TEST(a_parameter_is_never_null)
{
	check_field(SCHEMA_QUERY, "color", "{\"type\":\"string\",\"enum\":[\"red\",\"green\"]}");
	check_field(SCHEMA_QUERY, "set", "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"red\",\"green\"]}}");
	check_field(SCHEMA_QUERY, "from", "{\"type\":\"string\",\"format\":\"date-or-date-time\",\"pattern\":\"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$\"}");
}

TEST(descriptions_tell_what_keywords_cannot)
{
	struct bench t;

	setup(&t, SCHEMA_BODY);
	CHECK_STR(schema_doc(&t.s, &fields[1], &t.a), S("Title."));
	CHECK_STR(schema_doc(&t.s, &fields[2], &t.a), S("Body. Up to 1000 characters, unless this server is set up otherwise."));
	CHECK_STR(schema_doc(&t.s, &fields[5], &t.a), S("Wait. A number over 9 counts as 9."));
	CHECK_STR(schema_doc(&t.s, &fields[COUNT(fields) - 5], &t.a), S("Open. Known words: `red`, `green`; others may be added."));
	arena_free(&t.a);
}

static json_t *
schema(struct bench *t, enum schema_use use, bool more)
{
	struct error e;
	json_t *v = NULL;

	setup(t, use);
	t->s.more = more;
	schema_rec(&t->s, &all_rec, &t->j);
	CHECK_INT(json_read(buf_str(&t->b), &v, &e), ==, OK);
	return v;
}

static bool
required(const json_t *v, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach (json_object_get(v, "required"), i, one)
		if (strcmp(json_string_value(one), name) == 0)
			return true;
	return false;
}

TEST(a_record)
{
	struct bench t;
	json_t *v = schema(&t, SCHEMA_ANSWER, true), *p = json_object_get(v, "properties");

	CHECK_INT(json_object_size(p), ==, all_rec.n - 1);
	CHECK(json_object_get(p, "secret") == NULL);
	CHECK(required(v, "title") && required(v, "more") && !required(v, "maybe"));
	CHECK(json_is_true(json_object_get(json_object_get(p, "more"), "x-scriped-addition")));
	CHECK(json_is_true(json_object_get(v, "additionalProperties")));
	json_decref(v);
	arena_free(&t.a);
	v = schema(&t, SCHEMA_BODY, false);
	CHECK(required(v, "id") && required(v, "wait") && !required(v, "title") && !required(v, "more"));
	CHECK(json_object_get(json_object_get(v, "properties"), "more") == NULL);
	CHECK(json_object_get(v, "additionalProperties") == NULL);
	json_decref(v);
	arena_free(&t.a);
}

TEST(examples)
{
	static const struct schema_sample samples[] = { { "all", "at", "\"later\"" }, { NULL, NULL, NULL } };
	struct bench t;

	setup(&t, SCHEMA_ANSWER);
	t.s.samples = samples;
	schema_example(&t.s, &all_rec, &t.j);
	CHECK_STR(buf_str(&t.b), S("{\"id\":\"note_" SCHEMA_ULID "\",\"title\":\"abc\",\"body\":\"text\",\"wait\":5,\"count\":null,\"at\":\"later\","
	    "\"flag\":true,\"more\":true,\"color\":\"green\",\"set\":[\"red\",\"green\"],\"inner\":{\"text\":\"hello\"},\"ratio\":0.5,\"json\":null,"
	    "\"created\":\"2024-10-12T02:53:49.516Z\",\"from\":\"2024-10-01\",\"list\":[{\"text\":\"hello\"}],"
	    "\"open\":\"red\",\"made\":{\"text\":\"hello\"},\"until\":\"2024-10-12T02:54:09.516Z\",\"name\":\"abc\",\"page\":\"https://a.example\"}"));
	arena_free(&t.a);
	setup(&t, SCHEMA_BODY);
	t.s.more = false;
	schema_example(&t.s, &inner_rec, &t.j);
	CHECK_STR(buf_str(&t.b), S("{\"text\":\"hello\"}"));
	arena_free(&t.a);
}

struct parcel { int kind; str text; note_id note; };
static const struct field parcel_fields[] = {
	F_WORD(parcel, kind, "kind", NULL, F_REQ, &colors, "Kind", "red"),
	F_STR (parcel, text, "text", NULL, 0, 0, 0, "Text", "x"),
	F_ID  (parcel, note, note, "noteId", NULL, 0, "Note"),
};
static const struct rec by_word = REC_FORMS(parcel, parcel_fields, "One or the other",
    { "red", "text", "noteId" }, { "green", "noteId", "text" });
static const struct rec by_fields = REC_FORMS(parcel, parcel_fields, "One or the other",
    { NULL, "text", "noteId" }, { NULL, "noteId", "text" });

static str
form_by_need(void *ctx, const struct rec *r, const struct rec_form *f)
{
	return str_fmt(ctx, "#/%s/%s", r->name, f->needs);
}

static void
check_choice(const struct rec *r, enum schema_use use, const struct rec_form *form, const char *want)
{
	struct bench t;

	setup(&t, use);
	t.s.form_ref = form_by_need;
	if (form != NULL)
		schema_form(&t.s, r, form, &t.j);
	else
		schema_rec(&t.s, r, &t.j);
	CHECK_STR(buf_str(&t.b), str_z(want));
	arena_free(&t.a);
}

#define DOC	"\"description\":\"One or the other.\""
#define EITHER	"{" DOC ",\"oneOf\":[{\"$ref\":\"#/parcel/text\"},{\"$ref\":\"#/parcel/noteId\"}]"
#define TEXT	"\"text\":{\"type\":\"string\",\"description\":\"Text.\",\"examples\":[\"x\"]}"

TEST(a_body_with_forms_is_one_of_them)
{
	check_choice(&by_fields, SCHEMA_BODY, NULL, EITHER "}");
	check_choice(&by_word, SCHEMA_BODY, NULL, EITHER ",\"discriminator\":{\"propertyName\":\"kind\",\"mapping\":{"
	    "\"red\":\"#/parcel/text\",\"green\":\"#/parcel/noteId\"}}}");
}

TEST(a_form_has_the_fields_that_it_does_not_bar)
{
	check_choice(&by_word, SCHEMA_BODY, &by_word.forms[0], "{\"type\":\"object\"," DOC ",\"required\":[\"kind\",\"text\"],\"properties\":{"
	    "\"kind\":{\"type\":\"string\",\"const\":\"red\"}," TEXT "}}");
	check_choice(&by_fields, SCHEMA_BODY, &by_fields.forms[0], "{\"type\":\"object\"," DOC ",\"required\":[\"kind\",\"text\"],\"properties\":{"
	    "\"kind\":{\"type\":\"string\",\"enum\":[\"red\",\"green\"],\"description\":\"Kind.\",\"examples\":[\"red\"]}," TEXT "}}");
}

static str
ref_by_name(void *ctx, enum schema_use use, const struct rec *outer, const struct field *f)
{
	return str_fmt(ctx, "#/%s/%s/%d", outer->name, f->rec->name, (int)use);
}

TEST(an_answer_can_be_one_of_two_records)
{
	static const struct rec r = REC(parcel, parcel_fields, "A parcel");
	static const struct field two[] = { F_EITHER("inner", &inner_rec, ""), F_EITHER("parcel", &r, "") };
	static const struct rec either = REC_EITHER("inner_or_parcel", two, "One of them");
	struct bench t;

	setup(&t, SCHEMA_ANSWER);
	t.s.ref = ref_by_name;
	schema_rec(&t.s, &either, &t.j);
	CHECK_STR(buf_str(&t.b), S("{\"description\":\"One of them.\",\"oneOf\":[{\"$ref\":\"#/inner_or_parcel/inner/0\"},{\"$ref\":\"#/inner_or_parcel/parcel/0\"}]}"));
	arena_free(&t.a);
}

TEST(hidden_words_are_in_no_schema)
{
	static const struct words some = { color_list, 2, 1 };
	static const struct field one[] = { F_WORD(parcel, kind, "kind", NULL, 0, &some, "Kind", NULL) };
	static const struct rec r = REC(parcel, one, "");
	struct bench t;

	setup(&t, SCHEMA_ANSWER);
	jw_obj(&t.j);
	schema_field(&t.s, &r, &one[0], &t.j);
	jw_end(&t.j);
	CHECK_STR(buf_str(&t.b), S("{\"type\":\"string\",\"enum\":[\"red\"]}"));
	arena_free(&t.a);
}
