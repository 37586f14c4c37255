/* reference -- operations and objects as Markdown.  The OpenAPI document is what is read: it is printed from the operation table
 * and the records, so these pages say what the document says, and new rows need nothing here. */
#include "mkdocs.h"
#include <ctype.h>
#include <stdlib.h>

#define REFERENCE	"/docs/api/v1/reference"

/* --- the document --- */

static json_t *get(json_t *v, const char *key) { return json_object_get(v, key); }
static const char *text(json_t *v, const char *key) { const char *t = json_string_value(get(v, key)); return t != NULL ? t : ""; }

/* What a $ref says, or the value itself; *name is the last word of the path. */
static json_t *
resolve(struct site *s, json_t *v, const char **name)
{
	const char *ref = text(v, "$ref");
	json_t *at = s->api;

	if (ref[0] == '\0')
		return v;
	str rest = str_cut(str_z(ref), 2, strlen(ref));
	while (rest.n != 0) {
		const char *word = str_dup(&s->a, str_split(&rest, '/')).p;
		at = get(at, word);
		if (name != NULL)
			*name = word;
	}
	if (at == NULL)
		die("the OpenAPI document has no %s", ref);
	return at;
}

static bool
has_tag(json_t *op, const char *tag)
{
	return tag == NULL || strcmp(json_string_value(json_array_get(get(op, "tags"), 0)), tag) == 0;
}

static void
each_operation(struct site *s, each_op *each, void *ctx)
{
	static const char *const methods[] = { "get", "post", "put", "patch", "delete" };
	const char *path;
	json_t *item;

	json_object_foreach (get(s->api, "paths"), path, item)
		for (size_t i = 0; i < COUNT(methods); i++) {
			char upper[8] = "";
			if (get(item, methods[i]) == NULL)
				continue;
			for (size_t k = 0; methods[i][k] != '\0'; k++)
				upper[k] = (char)toupper(methods[i][k]);
			each(ctx, upper, path, get(item, methods[i]));
		}
}

/* The codes of an answer: its examples are named after them. */
static json_t *
examples_of(struct site *s, json_t *response)
{
	return get(get(get(resolve(s, response, NULL), "content"), "application/json"), "examples");
}

struct with { struct site *s; const char *slug; each_op *each; void *ctx; };

static void
if_it_may(void *ctx, const char *method, const char *path, json_t *op)
{
	struct with *w = ctx;
	const char *status;
	json_t *response;

	json_object_foreach (get(op, "responses"), status, response)
		if (get(examples_of(w->s, response), w->slug) != NULL) {
			w->each(w->ctx, method, path, op);
			return;
		}
}

void
operations_with(struct site *s, const char *slug, each_op *each, void *ctx)
{
	struct with w = { s, slug, each, ctx };
	each_operation(s, if_it_may, &w);
}

/* --- pieces --- */

static void
add_json(struct buf *b, json_t *v, size_t flags)
{
	char *t = json_dumps(v, flags | JSON_ENCODE_ANY);

	buf_add(b, str_z(t != NULL ? t : "null"));
	free(t);
}

void
json_block(struct buf *b, json_t *v)
{
	buf_add(b, S("```json\n"));
	add_json(b, v, JSON_INDENT(2));
	buf_add(b, S("\n```\n"));
}

/* A cell of a table: one line, no bars. */
static void
add_cell(struct buf *b, str t)
{
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] == '|')
			buf_char(b, '\\');
		buf_char(b, t.p[i] == '\n' ? ' ' : t.p[i]);
	}
}

/* NoteCreate: note create */
static str
spaced(struct site *s, const char *name)
{
	struct buf b;

	buf_init(&b, &s->a, 200);
	for (; *name != '\0'; name++) {
		if (isupper((unsigned char)*name) && b.n != 0)
			buf_char(&b, ' ');
		buf_char(&b, (char)tolower((unsigned char)*name));
	}
	return buf_str(&b);
}

static str
object_id(struct site *s, const char *name)
{
	str words = spaced(s, name);
	char *to = arena_raw(&s->a, words.n);

	for (size_t i = 0; i < words.n; i++)
		to[i] = words.p[i] == ' ' ? '-' : words.p[i];
	return str_fmt(&s->a, "object-%.*s", (int)words.n, to);
}

/* --- types --- */

static bool
is_null(json_t *schema)
{
	return strcmp(text(schema, "type"), "null") == 0;
}

/* The one that is not null of [X, null]. */
static json_t *
without_null(json_t *schema)
{
	json_t *any = get(schema, "anyOf");

	if (json_array_size(any) == 2 && is_null(json_array_get(any, 1)))
		return json_array_get(any, 0);
	return schema;
}

static bool
may_be_null(json_t *schema)
{
	json_t *type = get(schema, "type"), *one;
	size_t i;

	if (without_null(schema) != schema)
		return true;
	json_array_foreach (type, i, one)
		if (strcmp(json_string_value(one), "null") == 0)
			return true;
	return false;
}

static const char *
type_name(json_t *schema)
{
	json_t *type = get(schema, "type");

	if (json_is_array(type))
		type = json_array_get(type, 0);
	return json_is_string(type) ? json_string_value(type) : get(schema, "enum") != NULL ? "string" : "object";
}

static void
add_type(struct site *s, struct buf *b, json_t *schema)
{
	json_t *one = resolve(s, without_null(schema), NULL), *any = get(one, "anyOf");
	const char *pattern = text(one, "pattern"), *format = text(one, "format");

	if (any != NULL && get(json_array_get(any, 0), "$ref") == NULL) {
		for (size_t i = 0; i < json_array_size(any); i++) {
			buf_add(b, i > 0 ? S(" or ") : S(""));
			add_type(s, b, json_array_get(any, i));
		}
		return;
	}
	if (strcmp(type_name(one), "array") == 0) {
		buf_add(b, S("list of "));
		add_type(s, b, get(one, "items"));
	} else if (pattern[0] == '^' && isalpha((unsigned char)pattern[1]) && strchr(pattern, '[') != NULL && strstr(pattern, "_[") != NULL)
		put(b, "id, `%.*s…`", (int)(strchr(pattern, '[') - pattern - 1), pattern + 1);
	else if (format[0] != '\0' && strcmp(type_name(one), "string") == 0)
		buf_add(b, strcmp(format, "date-or-date-time") == 0 ? S("date or date-time") : str_z(format));
	else
		buf_add(b, str_z(type_name(one)));
	if (may_be_null(schema))
		buf_add(b, S(" or null"));
}

static void
add_words(struct buf *b, json_t *words)
{
	bool first = true;
	json_t *w;
	size_t i;

	json_array_foreach (words, i, w) {
		if (!json_is_string(w))
			continue;
		put(b, "%s`%s`", first ? " One of " : ", ", json_string_value(w));
		first = false;
	}
	buf_add(b, first ? S("") : S("."));
}

/* What tells the forms apart: the fields that each must have. */
static void
add_forms(struct site *s, struct buf *b, json_t *forms)
{
	bool first = true;
	json_t *form, *name;
	size_t i, k;

	json_array_foreach (forms, i, form)
		json_array_foreach (get(resolve(s, form, NULL), "required"), k, name) {
			put(b, "%s`%s`", first ? " Exactly one of " : ", ", json_string_value(name));
			first = false;
		}
	buf_add(b, first ? S("") : S("."));
}

/* What the schema says beside its type. */
static void
add_limits(struct site *s, struct buf *b, json_t *schema)
{
	json_t *one = resolve(s, without_null(schema), NULL);
	json_t *low = get(one, "minLength"), *high = get(one, "maxLength"), *min = get(one, "minimum"), *max = get(one, "maximum");

	if (strstr(text(schema, "description"), "Up to ") != NULL)
		high = NULL;		/* it says so itself, with more words */

	if (strcmp(type_name(one), "array") == 0)
		one = resolve(s, get(one, "items"), NULL);
	add_words(b, get(one, "enum"));
	add_forms(s, b, get(one, "oneOf"));
	if (get(one, "const") != NULL) {
		buf_add(b, S(" Always `"));
		add_json(b, get(one, "const"), 0);
		buf_add(b, S("`."));
	}
	if (low != NULL && high != NULL)
		put(b, " %lld to %lld characters.", json_integer_value(low), json_integer_value(high));
	else if (high != NULL)
		put(b, " At most %lld characters.", json_integer_value(high));
	if (min != NULL && max != NULL)
		put(b, " From %lld to %lld.", (long long)json_number_value(min), (long long)json_number_value(max));
	else if (min != NULL)
		put(b, " At least %lld.", (long long)json_number_value(min));
	if (get(one, "default") != NULL) {
		buf_add(b, S(" Default `"));
		add_json(b, get(one, "default"), 0);
		buf_add(b, S("`."));
	}
}

/* --- fields --- */

static bool
required(json_t *schema, const char *name)
{
	json_t *one;
	size_t i;

	json_array_foreach (get(schema, "required"), i, one)
		if (strcmp(json_string_value(one), name) == 0)
			return true;
	return false;
}

static const char *addition(json_t *v) { return json_is_true(get(v, "x-scriped-addition")) ? " *Addition to the documented API.*" : ""; }

/* The rows of an object and of those inside it; of alternatives each one's rows once, `seen` tells which. */
static void
add_rows(struct site *s, struct buf *b, json_t *schema, str before, bool body, json_t *seen)
{
	static const char *const unions[] = { "oneOf", "anyOf", "allOf" };
	const char *name;
	json_t *field;

	json_object_foreach (get(schema, "properties"), name, field) {
		str full = str_fmt(&s->a, "%.*s%s", STR(before), name);
		json_t *one = resolve(s, without_null(field), NULL);
		const char *doc = text(field, "description");
		struct buf limits;
		if (get(seen, full.p) != NULL)
			continue;
		json_object_set_new(seen, full.p, json_true());
		put(b, "| `%s` | ", full.p);
		add_type(s, b, field);
		if (body)
			buf_add(b, required(schema, name) ? S(", required") : S(""));
		buf_add(b, S(" | "));
		add_cell(b, str_z(doc[0] != '\0' ? doc : text(one, "description")));
		buf_init(&limits, &s->a, 4096);
		add_limits(s, &limits, field);
		put(b, "%.*s%s |\n", STR(buf_str(&limits)), addition(field));
		if (strcmp(type_name(one), "array") == 0)
			add_rows(s, b, resolve(s, get(one, "items"), NULL), str_fmt(&s->a, "%.*s[].", STR(full)), body, seen);
		else
			add_rows(s, b, one, str_fmt(&s->a, "%.*s.", STR(full)), body, seen);
	}
	for (size_t u = 0; u < COUNT(unions); u++)
		for (size_t i = 0; i < json_array_size(get(schema, unions[u])); i++)
			add_rows(s, b, resolve(s, json_array_get(get(schema, unions[u]), i), NULL), before, false, seen);
}

/* Of an object with forms, one table for each. */
static void
add_fields(struct site *s, struct buf *b, json_t *schema, bool body)
{
	json_t *seen, *form;
	size_t i;

	json_array_foreach (get(schema, "oneOf"), i, form) {
		const char *name = "";
		json_t *one = resolve(s, form, &name);
		put(b, "%sIn the form *%.*s*:\n\n", i > 0 ? "\n" : "", STR(spaced(s, name)));
		add_fields(s, b, one, body);
	}
	if (get(schema, "oneOf") != NULL)
		return;
	seen = json_object();
	buf_add(b, S("| field | type | what it is |\n| --- | --- | --- |\n"));
	add_rows(s, b, schema, S(""), body, seen);
	json_decref(seen);
}

/* --- an operation --- */

static void
add_parameters(struct site *s, struct buf *b, json_t *op)
{
	json_t *ref, *list = get(op, "parameters");
	size_t i;

	if (json_array_size(list) == 0)
		return;
	buf_add(b, S("**Parameters**\n\n| name | in | type | what it is |\n| --- | --- | --- | --- |\n"));
	json_array_foreach (list, i, ref) {
		json_t *p = resolve(s, ref, NULL);
		put(b, "| `%s` | %s | ", text(p, "name"), text(p, "in"));
		add_type(s, b, get(p, "schema"));
		buf_add(b, json_is_true(get(p, "required")) ? S(", required | ") : S(" | "));
		add_cell(b, str_z(text(p, "description")));
		add_limits(s, b, get(p, "schema"));
		put(b, "%s |\n", addition(p));
	}
	buf_char(b, '\n');
}

/* The path with the examples of its parameters, and the query parameters that must be there. */
static void
add_target(struct site *s, struct buf *b, const char *path, json_t *op)
{
	bool first = true;
	json_t *ref;
	size_t i;

	for (; *path != '\0'; path++) {
		if (*path != '{') {
			buf_char(b, *path);
			continue;
		}
		json_array_foreach (get(op, "parameters"), i, ref)
			if (strcmp(text(resolve(s, ref, NULL), "in"), "path") == 0)
				buf_add(b, str_z(text(resolve(s, ref, NULL), "example")));
		path = strchr(path, '}');
	}
	json_array_foreach (get(op, "parameters"), i, ref) {
		json_t *p = resolve(s, ref, NULL);
		if (strcmp(text(p, "in"), "query") != 0 || !json_is_true(get(p, "required")))
			continue;
		put(b, "%c%s=%s", first ? '?' : '&', text(p, "name"), text(p, "example"));
		first = false;
	}
}

static bool
takes_header(struct site *s, json_t *op, const char *name)
{
	json_t *ref;
	size_t i;

	json_array_foreach (get(op, "parameters"), i, ref)
		if (strcmp(text(resolve(s, ref, NULL), "name"), name) == 0)
			return true;
	return false;
}

/* Inside single quotes of a shell. */
static void
add_quoted(struct buf *b, json_t *v)
{
	char *t = json_dumps(v, JSON_INDENT(2));

	for (const char *c = t; c != NULL && *c != '\0'; c++)
		if (*c == '\'')
			buf_add(b, S("'\\''"));
		else
			buf_char(b, *c);
	free(t);
}

/* A body may have one example or several. */
static json_t *
example_of(struct site *s, json_t *content)
{
	json_t *one = get(content, "example"), *v;
	const char *name;

	if (one == NULL)
		json_object_foreach (get(content, "examples"), name, v)
			return get(resolve(s, v, NULL), "value");
	return one;
}

static bool for_people(json_t *op) { return get(op, "x-roles") != NULL && json_array_size(get(op, "x-scopes")) == 0; }

static void
add_request(struct site *s, struct buf *b, const char *method, const char *path, json_t *op)
{
	json_t *body = get(get(get(op, "requestBody"), "content"), "application/json");
	bool open = get(op, "security") != NULL && json_array_size(get(op, "security")) == 0;

	if (for_people(op)) {
		buf_add(b, S("> No key may do this, and this release has no sign-in for people. [The command line](/docs/self-hosting#commands) does it.\n\n"));
		return;
	}
	buf_add(b, S("**Example**\n\n```sh\ncurl "));
	if (strcmp(method, "GET") != 0 && (body == NULL || strcmp(method, "POST") != 0))
		put(b, "-X %s ", method);
	buf_add(b, S("\"$SCRIPED_URL"));
	add_target(s, b, path, op);
	buf_add(b, S("\""));
	if (!open)
		buf_add(b, S(" \\\n  -H \"Authorization: Bearer $SCRIPED_KEY\""));
	if (takes_header(s, op, "Idempotency-Key"))
		put(b, " \\\n  -H \"Idempotency-Key: %s-1\"", text(op, "operationId"));
	if (body != NULL) {
		buf_add(b, S(" \\\n  -H \"Content-Type: application/json\" \\\n  -d '"));
		add_quoted(b, example_of(s, body));
		buf_add(b, S("'"));
	}
	buf_add(b, S("\n```\n\n"));
}

/* The object in an answer: of a list its items, of an envelope its data. */
static void
answer_objects(struct site *s, json_t *op, json_t *objects)
{
	json_t *schema = get(get(get(get(get(op, "responses"), "200"), "content"), "application/json"), "schema");
	const char *name = NULL;
	json_t *one = resolve(s, schema, &name), *data = get(get(one, "properties"), "data");
	json_t *choices[] = { schema, NULL, NULL };
	size_t n = 1;

	if (data != NULL)
		choices[0] = get(data, "items") != NULL ? get(data, "items") : data;
	else if (json_array_size(get(one, "oneOf")) == 2)
		for (n = 0; n < 2; n++) {
			json_t *choice = resolve(s, json_array_get(get(one, "oneOf"), n), NULL);
			json_t *inside = get(get(choice, "properties"), "data");
			choices[n] = inside != NULL ? inside : json_array_get(get(one, "oneOf"), n);
		}
	for (size_t i = 0; i < n; i++) {
		name = NULL;
		(void)resolve(s, choices[i], &name);
		if (name != NULL)
			json_object_set_new(objects, name, json_true());
	}
}

static void
add_answer(struct site *s, struct buf *b, json_t *op)
{
	json_t *content = get(get(get(get(op, "responses"), "200"), "content"), "application/json");
	json_t *example = example_of(s, content), *objects = json_object(), *v;
	const char *name;
	bool first = true;

	answer_objects(s, op, objects);
	buf_add(b, S("**Answer**: "));
	json_object_foreach (objects, name, v) {
		put(b, "%sthe [%.*s object](" REFERENCE "#%.*s)", first ? "" : ", or ", STR(spaced(s, name)), STR(object_id(s, name)));
		first = false;
	}
	buf_add(b, get(get(get(resolve(s, get(content, "schema"), NULL), "properties"), "data"), "items") != NULL ? S(", a page of them.\n\n")
	    : first ? S("200.\n\n") : S(".\n\n"));
	json_decref(objects);
	if (example != NULL)
		json_block(b, example);
}

static void
add_errors(struct site *s, struct buf *b, json_t *op)
{
	const char *status, *slug;
	json_t *response, *v;
	bool first = true;

	buf_add(b, S("\n**Errors**: "));
	json_object_foreach (get(op, "responses"), status, response)
		json_object_foreach (examples_of(s, response), slug, v) {
			if (strcmp(status, "200") == 0)
				continue;
			put(b, "%s[`%s`](/docs/api/v1/errors/%s)", first ? "" : ", ", slug, slug);
			first = false;
		}
	buf_add(b, S(".\n\n"));
}

struct printing { struct site *s; struct buf *b; const char *tag; json_t *objects; };

static void
print_operation(void *ctx, const char *method, const char *path, json_t *op)
{
	struct printing *p = ctx;
	json_t *body = get(get(get(op, "requestBody"), "content"), "application/json");
	struct buf *b = p->b;

	if (!has_tag(op, p->tag))
		return;
	put(b, "### %s {#%s}\n\n`%s` `%s`\n\n%s%s\n\n", text(op, "summary"), text(op, "operationId"), method, path, text(op, "description"),
	    addition(op));
	add_parameters(p->s, b, op);
	if (body != NULL) {
		put(b, "**Body**: %s\n\n", text(get(op, "requestBody"), "description"));
		add_fields(p->s, b, resolve(p->s, get(body, "schema"), NULL), true);
		buf_char(b, '\n');
	}
	add_request(p->s, b, method, path, op);
	add_answer(p->s, b, op);
	add_errors(p->s, b, op);
	answer_objects(p->s, op, p->objects);
}

static void
print_objects(struct printing *p)
{
	const char *name;
	json_t *v;

	json_object_foreach (p->objects, name, v) {
		json_t *schema = get(get(get(p->s->api, "components"), "schemas"), name);
		str id = object_id(p->s, name);
		put(p->b, "### The %.*s object {#%.*s}\n\n%s\n\n", STR(spaced(p->s, name)), STR(id), text(schema, "description"));
		add_fields(p->s, p->b, schema, false);
		buf_char(p->b, '\n');
	}
}

static void
print_tag(struct printing *p, json_t *tag)
{
	p->tag = text(tag, "name");
	put(p->b, "## %s\n\n%s\n\n", p->tag, text(tag, "description"));
	each_operation(p->s, print_operation, p);
}

void
print_operations(struct site *s, const char *tag, struct buf *b)
{
	struct printing p = { s, b, tag, json_object() };
	size_t before = b->n, i;
	json_t *one;

	if (tag != NULL) {
		buf_add(b, S("## Operations\n\n"));
		before = b->n;
		each_operation(s, print_operation, &p);
	} else {
		json_array_foreach (get(s->api, "tags"), i, one)
			print_tag(&p, one);
	}
	if (b->n == before)
		die("there are no operations of the tag '%s'", tag != NULL ? tag : "any");
	buf_add(b, S("## Objects\n\n"));
	print_objects(&p);
	json_decref(p.objects);
}
