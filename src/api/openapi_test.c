#include "api/openapi.h"
#include "api/api.h"
#include "api/yaml.h"
#include "t.h"
#include <regex.h>

/* --- one document, held for a test --- */

struct doc { struct arena a; json_t *v; str text; };

static str
printed(struct arena *a, bool contract, bool json, const char *url)
{
	struct buf b;

	buf_init(&b, a, OPENAPI_MAX);
	api_openapi(contract, json, NULL, url, &b);
	CHECK(!b.over);
	return buf_str(&b);
}

static void
doc_open(struct doc *d, bool contract)
{
	struct error e;

	arena_init(&d->a, 4 * OPENAPI_MAX);
	d->text = printed(&d->a, contract, true, NULL);
	d->v = NULL;
	if (json_read(d->text, &d->v, &e) != OK)
		t_fail(__FILE__, __LINE__, "%s", e.detail);
}

static void
doc_close(struct doc *d)
{
	json_decref(d->v);
	arena_free(&d->a);
}

static const json_t *
at(const json_t *v, const char *a, const char *b, const char *c)
{
	const json_t *r = json_object_get(v, a);
	r = b != NULL ? json_object_get(r, b) : r;
	return c != NULL ? json_object_get(r, c) : r;
}

/* "#/a/b/c"; names of components hold nothing that a JSON pointer escapes. */
static const json_t *
resolve(const json_t *root, const char *ref)
{
	str rest = str_z(ref);

	if (!str_eq(str_split(&rest, '/'), S("#")))
		return NULL;
	while (rest.p != NULL) {
		str one = str_split(&rest, '/');
		root = json_object_getn(root, one.p, one.n);
	}
	return root;
}

static const json_t *
followed(const json_t *root, const json_t *v)
{
	const char *ref = json_string_value(json_object_get(v, "$ref"));
	return ref != NULL ? resolve(root, ref) : v;
}

static void
walk(const json_t *root, const json_t *v, void (*visit)(const json_t *root, const json_t *))
{
	const char *key;
	json_t *item;
	size_t i;

	visit(root, v);
	json_object_foreach ((json_t *)(uintptr_t)v, key, item)
		walk(root, item, visit);
	json_array_foreach (v, i, item)
		walk(root, item, visit);
}

static const json_t *
operation(const struct doc *d, const struct op *o)
{
	static const char *const keys[] = { "get", "post", "patch", "delete" };
	return at(d->v, "paths", o->path, keys[o->method]);
}

/* --- a validator of the keywords that the printer uses --- */

static bool fits(const json_t *root, const json_t *schema, const json_t *v);

static bool
is_type(const char *t, const json_t *v)
{
	return strcmp(t, "object") == 0 ? json_is_object(v) : strcmp(t, "array") == 0 ? json_is_array(v) :
	    strcmp(t, "string") == 0 ? json_is_string(v) : strcmp(t, "integer") == 0 ? json_is_integer(v) :
	    strcmp(t, "number") == 0 ? json_is_number(v) : strcmp(t, "boolean") == 0 ? json_is_boolean(v) :
	    strcmp(t, "null") == 0 && json_is_null(v);
}

static bool
type_fits(const json_t *schema, const json_t *v)
{
	const json_t *t = json_object_get(schema, "type"), *one;
	bool hit = t == NULL || (json_is_string(t) && is_type(json_string_value(t), v));
	size_t i;

	json_array_foreach (t, i, one)
		hit |= is_type(json_string_value(one), v);
	return hit;
}

static bool
one_of(const json_t *root, const json_t *schema, const json_t *v)
{
	const json_t *any = json_object_get(schema, "anyOf"), *words = json_object_get(schema, "enum"), *one;
	bool hit = any == NULL, word = words == NULL;
	size_t i;

	json_array_foreach (any, i, one)
		hit |= fits(root, one, v);
	json_array_foreach (words, i, one)
		word |= json_equal(one, v);
	return hit && word;
}

static bool
pattern_fits(const char *pattern, const char *text)
{
	regex_t re;

	if (pattern == NULL)
		return true;
	bool ok = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) == 0 && regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return ok;
}

static bool
text_fits(const json_t *schema, const json_t *v)
{
	const char *format = json_string_value(json_object_get(schema, "format"));
	const json_t *lo = json_object_get(schema, "minLength"), *hi = json_object_get(schema, "maxLength");
	str s = { json_string_value(v), json_string_length(v) };
	json_int_t n = (json_int_t)utf8_count(s);
	int64_t ms;

	if ((lo != NULL && n < json_integer_value(lo)) || (hi != NULL && n > json_integer_value(hi)))
		return false;
	if (format != NULL && strcmp(format, "date-time") == 0 && !time_parse(s, &ms))
		return false;
	if (format != NULL && strcmp(format, "date") == 0 && !date_parse(s, &ms))
		return false;
	return pattern_fits(json_string_value(json_object_get(schema, "pattern")), s.p);
}

static bool
number_fits(const json_t *schema, const json_t *v)
{
	const json_t *lo = json_object_get(schema, "minimum"), *hi = json_object_get(schema, "maximum");

	if (!json_is_number(v))
		return true;		/* null, where the type allows it */
	return (lo == NULL || json_number_value(v) >= json_number_value(lo)) && (hi == NULL || json_number_value(v) <= json_number_value(hi));
}

/* Stricter than JSON Schema: an example shows nothing that the schema does not tell. */
static bool
members_fit(const json_t *root, const json_t *schema, const json_t *v)
{
	const json_t *known = json_object_get(schema, "properties"), *must = json_object_get(schema, "required"), *name;
	const char *key;
	json_t *item;
	size_t i;

	json_array_foreach (must, i, name)
		if (json_object_get(v, json_string_value(name)) == NULL)
			return false;
	json_object_foreach ((json_t *)(uintptr_t)v, key, item)
		if (known != NULL && !fits(root, json_object_get(known, key), item))
			return false;
	return true;
}

static bool
fits(const json_t *root, const json_t *schema, const json_t *v)
{
	const json_t *item;
	size_t i;

	if (schema == NULL)
		return false;
	schema = followed(root, schema);
	if (!type_fits(schema, v) || !one_of(root, schema, v))
		return false;
	json_array_foreach (v, i, item)
		if (!fits(root, json_object_get(schema, "items"), item))
			return false;
	return json_is_object(v) ? members_fit(root, schema, v) : json_is_string(v) ? text_fits(schema, v) : number_fits(schema, v);
}

/* --- tests --- */

TEST(the_committed_documents_are_what_is_printed)
{
	static const struct { const char *file; bool contract; } specs[] = { { "spec/openapi.yaml", false }, { "spec/openapi-contract.yaml", true } };
	static char held[OPENAPI_MAX];
	struct arena a;

	arena_init(&a, 4 * OPENAPI_MAX);
	for (size_t i = 0; i < COUNT(specs); i++) {
		FILE *f = fopen(specs[i].file, "r");
		size_t n = f != NULL ? fread(held, 1, sizeof(held), f) : 0;
		if (f != NULL)
			fclose(f);
		if (!str_eq((str){ held, n }, printed(&a, specs[i].contract, false, NULL)))
			t_fail(__FILE__, __LINE__, "%s is old: print it with scriped openapi%s", specs[i].file, specs[i].contract ? " --contract" : "");
	}
	arena_free(&a);
}

TEST(every_operation_is_in_it_once)
{
	struct doc d;
	size_t n = 0, seen = 0;
	const char *key;
	json_t *item;

	doc_open(&d, false);
	for (int i = 0; i < nops; i++) {
		const json_t *o = operation(&d, &ops[i]);
		if (ops[i].flags & OP_BENCH) {
			CHECK(o == NULL);
			continue;
		}
		n++;
		CHECK(json_is_object(o));
		CHECK_STR(str_z(json_string_value(json_object_get(o, "operationId"))), str_z(ops[i].name));
		CHECK_STR(str_z(json_string_value(json_object_get(o, "summary"))), str_z(ops[i].summary));
		CHECK(at(o, "responses", "200", "content") != NULL);
		bool tagged = ops[i].method == M_GET && !(ops[i].flags & (OP_LIST | OP_BARE));
		CHECK((at(o, "responses", "304", NULL) != NULL) == tagged);
		CHECK(!(ops[i].flags & OP_PUBLIC) == (json_object_get(o, "security") == NULL));
		CHECK((at(o, "requestBody", "content", "application/json") != NULL) == (ops[i].method != M_GET && ops[i].in != NULL));
	}
	json_object_foreach ((json_t *)(uintptr_t)json_object_get(d.v, "paths"), key, item)
		seen += json_object_size(item);
	CHECK_INT(seen, ==, n);
	doc_close(&d);
}

TEST(every_tag_is_described)
{
	struct doc d;

	doc_open(&d, false);
	for (int i = 0; i < nops; i++) {
		const json_t *tag;
		bool found = false;
		size_t k;
		json_array_foreach (json_object_get(d.v, "tags"), k, tag)
			found |= strcmp(json_string_value(json_object_get(tag, "name")), ops[i].tag) == 0;
		if (!found)
			t_fail(__FILE__, __LINE__, "tag %s has no description", ops[i].tag);
	}
	doc_close(&d);
}

static void
ref_resolves(const json_t *root, const json_t *v)
{
	const char *ref = json_string_value(json_object_get(v, "$ref"));
	if (ref != NULL && resolve(root, ref) == NULL)
		t_fail(__FILE__, __LINE__, "%s leads nowhere", ref);
}

static int nexamples;

static void
example_fits(const json_t *root, const json_t *v)
{
	const json_t *schema = json_object_get(v, "schema"), *example = json_object_get(v, "example"), *list = json_object_get(v, "examples"), *one;
	const char *key;
	size_t i;

	if (schema != NULL && example != NULL && ++nexamples && !fits(root, schema, example))
		t_fail(__FILE__, __LINE__, "does not fit: %.600s", json_dumps(example, 0));
	json_object_foreach ((json_t *)(uintptr_t)(schema != NULL ? list : NULL), key, one)
		if (++nexamples && !fits(root, schema, json_object_get(followed(root, one), "value")))
			t_fail(__FILE__, __LINE__, "the example of %s does not fit", key);
	json_array_foreach (list, i, one)
		if (++nexamples && !fits(root, v, one))
			t_fail(__FILE__, __LINE__, "does not fit: %s", json_dumps(one, JSON_ENCODE_ANY));
}

TEST(references_resolve_and_examples_fit)
{
	struct doc d;

	for (int contract = 0; contract < 2; contract++) {
		doc_open(&d, contract);
		walk(d.v, d.v, ref_resolves);
		nexamples = 0;
		walk(d.v, d.v, example_fits);
		CHECK_INT(nexamples, >, 100);
		doc_close(&d);
	}
}

TEST(the_validator_of_this_test_refuses)
{
	static const struct { const char *schema, *value; } rows[] = {
		{ "{\"type\":\"string\"}", "1" }, { "{\"type\":[\"string\",\"null\"]}", "1" }, { "{\"type\":\"string\",\"pattern\":\"^a$\"}", "\"b\"" },
		{ "{\"type\":\"string\",\"format\":\"date-time\"}", "\"2026-01-01\"" }, { "{\"type\":\"string\",\"maxLength\":1}", "\"ab\"" },
		{ "{\"enum\":[\"a\"]}", "\"b\"" }, { "{\"anyOf\":[{\"type\":\"null\"}]}", "1" }, { "{\"type\":\"integer\",\"maximum\":1}", "2" },
		{ "{\"type\":\"object\",\"required\":[\"a\"]}", "{}" }, { "{\"type\":\"object\",\"properties\":{}}", "{\"a\":1}" },
		{ "{\"type\":\"array\",\"items\":{\"type\":\"null\"}}", "[1]" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *schema = json_loads(rows[i].schema, 0, NULL), *v = json_loads(rows[i].value, JSON_DECODE_ANY, NULL);
		CHECK(schema != NULL && v != NULL);
		if (fits(schema, schema, v))
			t_fail(__FILE__, __LINE__, "%s takes %s", rows[i].schema, rows[i].value);
		json_decref(schema);
		json_decref(v);
	}
}

/* What one copies out of the document is taken by the decoder, rules of meaning included. */
TEST(bodies_of_examples_are_decoded)
{
	const struct rec_opts strict = { .strict = true, .text_max = 100000 };
	struct doc d;

	doc_open(&d, false);
	for (int i = 0; i < nops; i++) {
		struct rec_notes notes = { .nignored = 0 };
		struct error e;
		const json_t *body = at(at(operation(&d, &ops[i]), "requestBody", "content", "application/json"), "example", NULL, NULL);
		if (body == NULL)
			continue;
		void *to = arena_alloc(&d.a, ops[i].in->size);
		if (rec_decode(ops[i].in, &strict, &d.a, body, to, &notes, &e) != OK || notes.later.code != OK)
			t_fail(__FILE__, __LINE__, "%s: %s%s", ops[i].name, e.detail, notes.later.detail);
	}
	doc_close(&d);
}

static bool
gives(const struct doc *d, const struct op *o, enum err code)
{
	char status[8];

	snprintf(status, sizeof(status), "%d", err_row(code)->http);
	const json_t *r = followed(d->v, at(operation(d, o), "responses", status, NULL));
	return at(at(r, "content", "application/json", "examples"), err_row(code)->slug, NULL, NULL) != NULL;
}

static void
check_gives(const struct doc *d, const struct op *o, enum err code, bool want)
{
	if (gives(d, o, code) != want)
		t_fail(__FILE__, __LINE__, "%s: %s is %s", o->name, err_row(code)->slug, want ? "missing" : "there");
}

TEST(every_error_that_an_operation_gives_is_told)
{
	struct doc d;

	doc_open(&d, false);
	for (int i = 0; i < nops; i++) {
		const struct op *o = &ops[i];
		bool key = !(o->flags & OP_PUBLIC), body = o->method != M_GET && o->in != NULL;
		if (o->flags & OP_BENCH)
			continue;
		for (const enum err *e = o->errors; e != NULL && *e != OK; e++)
			check_gives(&d, o, *e, true);
		check_gives(&d, o, E_INVALID_REQUEST, true);
		check_gives(&d, o, E_INTERNAL, true);
		check_gives(&d, o, E_VERSION_UNSUPPORTED, key);
		check_gives(&d, o, E_INVALID_TOKEN, key);
		check_gives(&d, o, E_PLAN_NOT_ELIGIBLE, key);
		check_gives(&d, o, E_NOT_FOUND, key);
		check_gives(&d, o, E_RATE_LIMITED, key);
		check_gives(&d, o, E_UNAVAILABLE, key);
		check_gives(&d, o, E_SCOPE_MISSING, o->scopes != 0);
		check_gives(&d, o, E_BAD_CURSOR, (o->flags & OP_LIST) != 0);
		check_gives(&d, o, E_IDEMPOTENCY_KEY_CONFLICT, (o->flags & OP_IDEMPOTENT) != 0);
		check_gives(&d, o, E_PAYLOAD_TOO_LARGE, body);
		check_gives(&d, o, E_UNSUPPORTED_MEDIA_TYPE, body);
		check_gives(&d, o, E_METHOD_NOT_ALLOWED, false);
	}
	doc_close(&d);
}

TEST(codes_are_listed_whether_an_operation_gives_them_or_not)
{
	struct arena a;

	arena_init(&a, 4 * OPENAPI_MAX);
	str text = printed(&a, false, false, NULL);
	for (int e = OK + 1; e < ERR_COUNT; e++)
		if (err_public((enum err)e)) {
			str row = str_fmt(&a, "| `%s` | %d |", err_row((enum err)e)->slug, err_row((enum err)e)->http);
			CHECK(memmem(text.p, text.n, row.p, row.n) != NULL);
		}
	arena_free(&a);
}

static bool
has(str text, str word)
{
	return memmem(text.p, text.n, word.p, word.n) != NULL;
}

TEST(the_contract_has_no_additions)
{
	struct doc full, less;

	doc_open(&full, false);
	doc_open(&less, true);
	CHECK(has(full.text, S("\"x-scriped-addition\":true")));
	CHECK(!has(less.text, S("x-scriped-addition")));
	const json_t *status = at(at(full.v, "components", "schemas", "Post"), "properties", "statusId", NULL);
	CHECK(json_is_true(json_object_get(status, "x-scriped-addition")));
	CHECK(at(at(less.v, "components", "schemas", "Post"), "properties", "statusId", NULL) == NULL);
	CHECK(has(less.text, S("scheduledAt")));
	doc_close(&full);
	doc_close(&less);
}

TEST(the_server_is_named_when_it_is_known)
{
	struct arena a;

	arena_init(&a, 8 * OPENAPI_MAX);
	str named = printed(&a, false, false, "https://api.example.org"), free_ = printed(&a, false, false, "");
	CHECK(has(named, S("\n  - url: https://api.example.org\n")));
	CHECK(has(named, S("docs_url: 'https://api.example.org/docs/api/v1/errors#not_found'")) || has(named, S("docs_url: https://api.example.org/docs/api/v1/errors#not_found")));
	CHECK(has(free_, S("\n  - url: '{origin}'\n")));
	CHECK_STR(free_, printed(&a, false, false, NULL));
	arena_free(&a);
}

TEST(too_little_room_is_told)
{
	struct arena a;
	struct buf b;

	arena_init(&a, 1 << 20);
	buf_init(&b, &a, 5000);
	api_openapi(false, false, NULL, NULL, &b);
	CHECK(b.over);
	arena_free(&a);
}

/* --- YAML --- */

static void
check_yaml(const char *json, const char *yaml)
{
	json_t *v = json_loads(json, JSON_DECODE_ANY, NULL);
	struct arena a;
	struct buf b;

	arena_init(&a, 65536);
	buf_init(&b, &a, 4096);
	yaml_print(v, &b);
	CHECK_STR(buf_str(&b), str_z(yaml));
	json_decref(v);
	arena_free(&a);
}

TEST(yaml_structure)
{
	check_yaml("{\"b\":1,\"a\":{\"x\":[],\"w\":{},\"z\":[1,2]}}", "b: 1\na:\n  x: []\n  w: {}\n  z:\n    - 1\n    - 2\n");
	check_yaml("[{\"a\":1,\"b\":{\"c\":2}},[3,[4]],{}]", "- a: 1\n  b:\n    c: 2\n- - 3\n  - - 4\n- {}\n");
	check_yaml("{\"200\":true,\"a b\":null,\"$ref\":false,\"/v1/{id}\":0}", "'200': true\na b: null\n$ref: false\n/v1/{id}: 0\n");
	check_yaml("{\"a\":-5,\"b\":0.5,\"c\":2.0,\"d\":1e30}", "a: -5\nb: 0.5\nc: 2.0\nd: 1e+30\n");
}

TEST(yaml_texts_that_could_be_something_else_are_quoted)
{
	static const struct { const char *json, *yaml; } rows[] = {
		{ "plain text (fine), too", "plain text (fine), too" }, { "http://a/b", "http://a/b" }, { "notes:read", "notes:read" },
		{ "", "''" }, { "true", "'true'" }, { "No", "'No'" }, { "null", "'null'" }, { "~", "'~'" }, { "y", "'y'" }, { "12", "'12'" },
		{ "0x1F", "'0x1F'" }, { "1e3", "'1e3'" }, { ".5", "'.5'" }, { "2026-08-01", "'2026-08-01'" }, { "a: b", "'a: b'" }, { "a:", "'a:'" },
		{ "a #b", "'a #b'" }, { "a#b", "a#b" }, { "- a", "'- a'" }, { "#a", "'#a'" }, { "{a}", "'{a}'" }, { "[a]", "'[a]'" }, { "*a", "'*a'" },
		{ "&a", "'&a'" }, { "!a", "'!a'" }, { "%a", "'%a'" }, { "@a", "'@a'" }, { "`a`", "'`a`'" }, { "|", "'|'" }, { ">", "'>'" },
		{ "it's", "it's" }, { "'a'", "'''a'''" }, { " a", "' a'" }, { "a ", "'a '" }, { "\\\"a\\\"", "'\"a\"'" }, { "caf\u00e9", "'caf\u00e9'" },
		{ "a\\tb", "\"a\\u0009b\"" }, { "a\\u0085b", "\"a\\u0085b\"" }, { "\\u2028", "\"\\u2028\"" }, { "a\\\\\\tb\\\"", "\"a\\\\\\u0009b\\\"\"" },
		{ "a\\nb\\n\\n c", "|-\n  a\n  b\n\n   c" }, { " a\\nb", "\" a\\nb\"" }, { "a\\n", "\"a\\n\"" }, { "a\\r\\nb", "\"a\\u000D\\nb\"" },
	};
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++)
		check_yaml(str_fmt(&a, "{\"k\":\"%s\"}", rows[i].json).p, str_fmt(&a, "k: %s\n", rows[i].yaml).p);
	arena_free(&a);
}

TEST(an_older_version_has_a_document_of_its_own)
{
	struct arena a;
	struct error e;
	struct buf b;
	json_t *v;

	arena_init(&a, 4 * OPENAPI_MAX);
	buf_init(&b, &a, OPENAPI_MAX);
	api_openapi(false, true, version_find(S("2026-05-01")), NULL, &b);
	CHECK_INT(json_read(buf_str(&b), &v, &e), ==, OK);
	CHECK_STR(str_z(json_string_value(at(v, "info", "version", NULL))), S("2026-05-01"));
	CHECK(strstr(json_string_value(at(v, "info", "description", NULL)), "goes on 2099-12-31: move to " VERSION_CURRENT) != NULL);
	const json_t *schemas = at(v, "components", "schemas", NULL);
	const json_t *note = at(schemas, "Note", "properties", NULL), *post = at(schemas, "PostCreate", "properties", NULL);
	CHECK(at(note, "text", NULL, NULL) != NULL && at(note, "content", NULL, NULL) == NULL);
	CHECK(at(post, "business", NULL, NULL) != NULL && at(post, "contentType", NULL, NULL) != NULL);
	CHECK_INT(json_array_size(at(at(v, "components", "parameters", "ApiVersion"), "schema", "enum", NULL)), ==, 2);
	json_decref(v);
	arena_free(&a);
}
