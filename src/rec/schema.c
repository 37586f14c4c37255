#include "rec/schema.h"
#include "rec/rec_priv.h"

bool
schema_shows(const struct schema *s, const struct field *f)
{
	return !(f->flags & F_HIDE) && (s->more || !(f->flags & F_MORE));
}

/* --- types --- */

static bool
nullable(const struct schema *s, const struct field *f)
{
	return s->use == SCHEMA_ANSWER ? (f->flags & F_NULL) != 0 : s->use == SCHEMA_BODY && (f->flags & (F_NULL | F_ERASE)) != 0 && !(f->flags & F_KEEP);
}

static void
put_type(const char *type, bool null, struct json *j)
{
	jw_key(j, S("type"));
	if (null) {
		jw_arr(j);
		jw_str(j, str_z(type));
		jw_str(j, S("null"));
		jw_end(j);
	} else {
		jw_str(j, str_z(type));
	}
}

static void
put_pattern(enum id_kind k, struct json *j)
{
	struct arena a;

	arena_init(&a, 1024);
	jw_key_str(j, S("pattern"), str_fmt(&a, "^%.*s[0-7][0-9A-HJKMNP-TV-Z]{25}$", STR(id_prefix(k))));
	arena_free(&a);
}

void
schema_id(enum id_kind k, struct json *j)
{
	put_type("string", false, j);
	put_pattern(k, j);
}

/* Words of an answer that may grow are told and not closed: a generated client fails on what an enum does not name. */
static void
put_enum(const struct schema *s, const struct field *f, bool null, struct json *j)
{
	bool open = (f->flags & F_GROW) != 0;
	const struct words *w = f->words;

	if (open && s->whole)
		return;
	jw_key(j, open ? S("x-extensible-enum") : S("enum"));
	jw_arr(j);
	for (int i = 0; i < w->n - w->hidden; i++)
		jw_str(j, str_z(w->v[i]));
	if (null && !open)
		jw_null(j);
	jw_end(j);
}

static void
put_words(const struct schema *s, const struct field *f, struct json *j)
{
	jw_key(j, S("items"));
	jw_obj(j);
	put_type("string", false, j);
	put_enum(s, f, false, j);
	jw_end(j);
}

/* A day or a moment: a format of our own, because generated clients make nonsense of a choice between two. */
static void
put_days(const struct schema *s, bool null, struct json *j)
{
	put_type("string", null, j);
	if (!s->whole)
		jw_key_str(j, S("format"), S("date-or-date-time"));
	jw_key_str(j, S("pattern"), S("^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$"));
}

static void
put_length(const struct schema *s, const struct field *f, struct json *j)
{
	int64_t hi = f->hi != 0 ? f->hi : (f->flags & F_BIG) ? s->text_max : 0;

	if (s->use == SCHEMA_ANSWER)
		return;
	if (f->lo > 0)
		jw_key_i64(j, S("minLength"), f->lo);
	if (hi > 0)
		jw_key_i64(j, S("maxLength"), hi);
	if (f->flags & F_NAME) {	/* the format is our own: what it is, the pattern says as far as one can */
		if (!s->whole)
			jw_key_str(j, S("format"), f->flags & F_WEB ? S("web-address") : S("line"));
		jw_key_str(j, S("pattern"), f->flags & F_WEB ? S("^[Hh][Tt][Tt][Pp][Ss]?://") : S("^.*\\S.*$"));
	}
}

/* A number over the top of an F_CLAMP field is taken: it has no maximum. */
static void
put_range(const struct schema *s, const struct field *f, struct json *j)
{
	if (!s->whole)
		jw_key_str(j, S("format"), S("int64"));
	if (f->lo != INT64_MIN)
		jw_key_i64(j, S("minimum"), f->lo);
	if (f->hi != INT64_MAX && !(f->flags & F_CLAMP))
		jw_key_i64(j, S("maximum"), f->hi);
}

/* A number with at most three decimals; in an answer nothing more is said of it. */
static void
put_milli(const struct field *f, struct json *j)
{
	if (f->hi == 0)
		return;
	jw_key(j, S("minimum"));
	milli_write(f->lo, j);
	jw_key(j, S("maximum"));
	milli_write(f->hi, j);
}

static void
put_texts(const struct schema *s, const struct field *f, struct json *j)
{
	struct field one = { .lo = 1, .hi = f->hi, .flags = f->flags & F_NAME };

	if (f->hi != 0)
		jw_key_i64(j, S("maxItems"), f->lo);
	jw_key(j, S("items"));
	jw_obj(j);
	put_type("string", false, j);
	if (f->hi != 0)
		put_length(s, &one, j);
	jw_end(j);
}

static void put_object(const struct schema *, const struct rec *, struct json *);

/* The record of a field where $ref would stand: an object of which the type says whether it may be null. */
static void
put_there(const struct schema *s, const struct field *f, struct json *j)
{
	put_type("object", nullable(s, f), j);
	put_object(s, f->rec, j);
}

static void
put_ref(const struct schema *s, const struct rec *r, const struct field *f, struct json *j)
{
	bool null = nullable(s, f);

	if (s->whole) {
		put_there(s, f, j);
		return;
	}

	if (null) {
		jw_key(j, S("anyOf"));
		jw_arr(j);
		jw_obj(j);
	}
	jw_key_str(j, S("$ref"), s->ref(s->ctx, s->use, r, f));
	if (null) {
		jw_end(j);
		jw_obj(j);
		put_type("null", false, j);
		jw_end(j);
		jw_end(j);
	}
}

static void
put_items(const struct schema *s, const struct rec *r, const struct field *f, struct json *j)
{
	jw_key(j, S("items"));
	if (s->whole) {
		schema_rec(s, f->rec, j);
		return;
	}
	jw_obj(j);
	jw_key_str(j, S("$ref"), s->ref(s->ctx, s->use, r, f));
	jw_end(j);
}

static const struct field *face(const struct field *f) { return f->type == T_MADE ? &f->made->as : f; }

static const char *const types[] = {
	[T_STR] = "string", [T_I64] = "integer", [T_F64] = "number", [T_BOOL] = "boolean", [T_MAYBE] = "boolean", [T_TIME] = "string",
	[T_ID] = "string", [T_CREATED] = "string", [T_WORD] = "string", [T_WORDS] = "array", [T_JSON] = "object", [T_LIST] = "array",
	[T_MILLI] = "number", [T_TEXTS] = "array", [T_FROM] = NULL, [T_TO] = NULL, [T_REC] = NULL,
};

void
schema_field(const struct schema *s, const struct rec *r, const struct field *f, struct json *j)
{
	bool null = nullable(s, f = face(f));

	if (f->type == T_JSON && f->rec != NULL) {
		put_ref(s, r, f, j);
		return;
	}
	if (types[f->type] != NULL)
		put_type(types[f->type], null, j);
	switch ((enum rec_type)f->type) {
	case T_STR:	put_length(s, f, j); break;
	case T_I64:	put_range(s, f, j); break;
	case T_TIME: case T_CREATED:
			jw_key_str(j, S("format"), S("date-time")); break;
	case T_FROM: case T_TO:
			put_days(s, null, j); break;
	case T_ID:	put_pattern(f->kind, j); break;
	case T_WORD:	put_enum(s, f, null, j); break;
	case T_WORDS:	put_words(s, f, j); break;
	case T_REC:	put_ref(s, r, f, j); break;
	case T_LIST:	put_items(s, r, f, j); break;
	case T_TEXTS:	put_texts(s, f, j); break;
	case T_MILLI:	put_milli(f, j); break;
	case T_F64: case T_BOOL: case T_MAYBE: case T_JSON: case T_MADE:
			break;
	}
}

/* "name, other and last", each between backquotes */
static void
add_names(struct buf *b, const char *list)
{
	str rest = str_z(list);

	for (bool first = true; rest.p != NULL; first = false) {
		str one = str_split(&rest, ',');
		buf_fmt(b, "%s`%.*s`", first ? "" : rest.p != NULL ? ", " : " and ", STR(one));
	}
}

str
schema_forms(const struct rec *r, struct arena *a)
{
	const struct rec_form *f = r->forms;
	struct buf b;

	buf_init(&b, a, 2000);
	if (f->when == NULL)
		buf_add(&b, S("Give exactly one of "));
	for (; f->needs != NULL; f++) {
		if (f->when != NULL)
			buf_fmt(&b, "%sWith `%.*s` \"%s\" give ", f == r->forms ? "" : " ", STR(r->f[0].name), f->when);
		add_names(&b, f->needs);
		if (f->when != NULL && f->bars != NULL) {
			buf_add(&b, S(", without "));
			add_names(&b, f->bars);
		}
		buf_add(&b, f->when != NULL || f[1].needs == NULL ? S(".") : f[2].needs != NULL ? S(", ") : S(" and "));
	}
	return buf_str(&b);
}

static str
without(str s, str tail)
{
	return str_ends(s, tail) ? str_cut(s, 0, s.n - tail.n) : s;
}

static str
growing_doc(const struct field *f, struct arena *a)
{
	struct buf b;

	buf_init(&b, a, 4096);
	buf_fmt(&b, "%s.", f->doc);
	for (int i = 0; i < f->words->n - f->words->hidden; i++)
		buf_fmt(&b, "%s`%s`", i > 0 ? ", " : " Known words: ", f->words->v[i]);
	buf_add(&b, S("; others may be added."));
	return buf_str(&b);
}

str
schema_doc(const struct schema *s, const struct field *f, struct arena *a)
{
	if (s->whole && f->type == T_REC && s->use == SCHEMA_BODY && f->rec->forms != NULL)
		return str_fmt(a, "%s. %.*s", f->doc, STR(schema_forms(f->rec, a)));
	if (s->use != SCHEMA_ANSWER && (f->flags & F_CLAMP))
		return str_fmt(a, "%s. A number over %lld counts as %lld.", f->doc, (long long)f->hi, (long long)f->hi);
	if (s->use != SCHEMA_ANSWER && (f->flags & F_BIG) && f->hi == 0)
		return str_fmt(a, "%s. Up to %lld characters, unless this server is set up otherwise.", f->doc, (long long)s->text_max);
	if (f->flags & F_GROW)
		return growing_doc(f, a);
	if (s->whole && f->type == T_WORDS)
		return str_fmt(a, "%.*s.", STR(without(str_z(f->doc), S(", comma-separated"))));
	return str_fmt(a, "%s.", f->doc);
}

/* --- examples --- */

#define EXAMPLE_MS	INT64_C(1000)		/* between two moments of one record */

static int64_t
created(void)
{
	ulid u = { SCHEMA_ULID };
	return ulid_ms(&u);
}

static void
put_example_words(const struct field *f, struct json *j)
{
	str rest = str_z(f->example != NULL ? f->example : f->words->v[0]);

	jw_arr(j);
	while (rest.p != NULL)
		jw_str(j, str_split(&rest, ','));
	jw_end(j);
}

static void put_example(const struct schema *, const struct rec *, int64_t ms, struct json *);

static void
put_value(const struct schema *s, const struct field *f, int64_t ms, struct json *j)
{
	f = face(f);
	str ex = f->example != NULL ? str_z(f->example) : STR_NONE;

	if (ex.p == NULL && nullable(s, f) && (f->type == T_STR || f->type == T_JSON || f->type == T_I64 || f->type == T_F64 ||
	    f->type == T_MILLI)) {
		jw_null(j);
		return;
	}
	switch ((enum rec_type)f->type) {
	case T_STR:	jw_str(j, ex.p != NULL ? ex : S("text")); break;
	case T_I64: case T_F64: case T_MILLI:
			jw_raw(j, ex.p != NULL ? ex : S("0")); break;
	case T_JSON:	jw_raw(j, ex.p != NULL ? ex : S("{}")); break;
	case T_TEXTS:	jw_raw(j, ex.p != NULL ? ex : S("[]")); break;
	case T_BOOL: case T_MAYBE:
			jw_bool(j, true); break;
	case T_TIME:	jw_time(j, ms); break;
	case T_CREATED:	jw_time(j, created()); break;
	case T_FROM:	jw_str(j, S("2024-10-01")); break;
	case T_TO:	jw_str(j, S("2024-10-31")); break;
	case T_ID:	jw_raw2(j, id_prefix(f->kind), S(SCHEMA_ULID)); break;
	case T_WORD:	jw_str(j, ex.p != NULL ? ex : str_z(f->words->v[0])); break;
	case T_WORDS:	put_example_words(f, j); break;
	case T_REC:	put_example(s, f->rec, ms, j); break;
	case T_LIST:	jw_arr(j); put_example(s, f->rec, ms, j); jw_end(j); break;
	case T_MADE:	break;
	}
}

/* Whether field i is in a list of a form, which knows the newest names. */
static bool
is_listed(const struct rec *r, const char *list, int i)
{
	str rest = list != NULL ? str_z(list) : STR_NONE;

	while (r->newer != NULL)
		r = r->newer;
	while (i < r->n && rest.p != NULL)
		if (str_eq(str_split(&rest, ','), r->f[i].name))
			return true;
	return false;
}

/* A body's example is what one would send at first: what must be there, and what says more than a moment or an id. */
static bool
in_example(const struct schema *s, const struct field *f)
{
	if (!schema_shows(s, f))
		return false;
	if (s->use == SCHEMA_ANSWER)
		return !(f->flags & F_OMIT);
	if ((f->flags & F_REQ) || f->type != T_REC)
		return (f->flags & F_REQ) || f->example != NULL;
	for (int i = 0; i < f->rec->n; i++)
		if (in_example(s, &f->rec->f[i]))
			return true;
	return false;
}

static const char *
sample(const struct schema *s, const struct rec *r, const struct field *f)
{
	for (const struct schema_sample *p = s->samples; p != NULL && p->rec != NULL; p++)
		if (str_eq(str_z(p->rec), str_z(r->name)) && str_eq(str_z(p->field), f->name))
			return p->json;
	return NULL;
}

static void
put_example(const struct schema *s, const struct rec *r, int64_t ms, struct json *j)
{
	if (r->either) {
		put_example(s, r->f[0].rec, ms, j);
		return;
	}
	jw_obj(j);
	for (int i = 0; i < r->n; i++) {
		const struct field *f = &r->f[i];
		const char *json = sample(s, r, f);
		if (!in_example(s, f) || (r->forms != NULL && is_listed(r, r->forms->bars, i)))
			continue;
		jw_key(j, f->name);
		if (json != NULL)
			jw_raw(j, str_z(json));
		else
			put_value(s, f, ms + i * EXAMPLE_MS, j);
	}
	jw_end(j);
}

void
schema_example(const struct schema *s, const struct rec *r, struct json *j)
{
	put_example(s, r, created(), j);
}

void
schema_field_example(const struct schema *s, const struct field *f, struct json *j)
{
	put_value(s, f, created(), j);
}

/* --- records --- */

/* form NULL: the record has one shape */
static void
put_required(const struct schema *s, const struct rec *r, const struct rec_form *form, struct json *j)
{
	bool any = false;

	for (int i = 0; i < r->n; i++) {
		const struct field *f = &r->f[i];
		bool must = s->use == SCHEMA_ANSWER ? !(f->flags & F_OMIT) : (f->flags & F_REQ) || (form != NULL && is_listed(r, form->needs, i));
		if (!must || !schema_shows(s, f))
			continue;
		if (!any) {
			jw_key(j, S("required"));
			jw_arr(j);
		}
		jw_str(j, f->name);
		any = true;
	}
	if (any)
		jw_end(j);
}

void
schema_property(const struct schema *s, const struct rec *r, const struct field *f, struct json *j)
{
	struct arena a;

	jw_obj(j);
	schema_field(s, r, f, j);
	arena_init(&a, 4096);
	jw_key_str(j, S("description"), schema_doc(s, f, &a));
	arena_free(&a);
	if ((f->example != NULL || f->type == T_ID) && !(s->whole && s->use == SCHEMA_ANSWER)) {
		jw_key(j, S("examples"));
		jw_arr(j);
		schema_field_example(s, f, j);
		jw_end(j);
	}
	if ((f->flags & F_MORE) && !s->whole) {
		jw_key(j, S("x-scriped-addition"));
		jw_bool(j, true);
	}
	jw_end(j);
}

static void
put_doc(const struct rec *r, struct json *j)
{
	struct arena a;

	arena_init(&a, 4096);
	jw_key_str(j, S("description"), str_fmt(&a, "%s.", r->doc));
	arena_free(&a);
}

static void
put_chooser(const char *word, struct json *j)
{
	jw_obj(j);
	put_type("string", false, j);
	jw_key_str(j, S("const"), str_z(word));
	jw_end(j);
}

static void
put_properties(const struct schema *s, const struct rec *r, const struct rec_form *form, struct json *j)
{
	jw_key(j, S("properties"));
	jw_obj(j);
	for (int i = 0; i < r->n; i++) {
		if (!schema_shows(s, &r->f[i]) || (form != NULL && is_listed(r, form->bars, i)))
			continue;
		jw_key(j, r->f[i].name);
		if (form != NULL && form->when != NULL && i == 0)
			put_chooser(form->when, j);
		else
			schema_property(s, r, &r->f[i], j);
	}
	jw_end(j);
}

void
schema_form(const struct schema *s, const struct rec *r, const struct rec_form *form, struct json *j)
{
	jw_obj(j);
	put_type("object", false, j);
	put_doc(r, j);
	put_required(s, r, form, j);
	put_properties(s, r, form, j);
	jw_end(j);
}

static void
put_one_of(str ref, struct json *j)
{
	jw_obj(j);
	jw_key_str(j, S("$ref"), ref);
	jw_end(j);
}

/* The word that chooses a form also leads programs to it. */
static void
put_discriminator(const struct schema *s, const struct rec *r, struct json *j)
{
	jw_key(j, S("discriminator"));
	jw_obj(j);
	jw_key_str(j, S("propertyName"), r->f[0].name);
	jw_key(j, S("mapping"));
	jw_obj(j);
	for (const struct rec_form *f = r->forms; f->needs != NULL; f++)
		jw_key_str(j, str_z(f->when), s->form_ref(s->ctx, r, f));
	jw_end(j);
	jw_end(j);
}

/* One of the forms of a body, or one of the records in the fields of an answer. */
static void
put_choice(const struct schema *s, const struct rec *r, struct json *j)
{
	jw_obj(j);
	put_doc(r, j);
	jw_key(j, S("oneOf"));
	jw_arr(j);
	for (const struct rec_form *f = r->forms; f != NULL && f->needs != NULL; f++)
		put_one_of(s->form_ref(s->ctx, r, f), j);
	for (int i = 0; r->either && i < r->n; i++)
		put_one_of(s->ref(s->ctx, s->use, r, &r->f[i]), j);
	jw_end(j);
	if (r->forms != NULL && r->forms->when != NULL)
		put_discriminator(s, r, j);
	jw_end(j);
}

static void
put_object(const struct schema *s, const struct rec *r, struct json *j)
{
	put_required(s, r, NULL, j);
	put_properties(s, r, NULL, j);
	if (s->use == SCHEMA_ANSWER) {
		jw_key(j, S("additionalProperties"));
		jw_bool(j, true);
	}
}

/* One of the records in its fields, each in its place. */
static void
put_any_of(const struct schema *s, const struct rec *r, struct json *j)
{
	jw_obj(j);
	put_doc(r, j);
	jw_key(j, S("anyOf"));
	jw_arr(j);
	for (int i = 0; i < r->n; i++)
		schema_rec(s, r->f[i].rec, j);
	jw_end(j);
	jw_end(j);
}

void
schema_rec(const struct schema *s, const struct rec *r, struct json *j)
{
	if (r->either && s->whole) {
		put_any_of(s, r, j);
		return;
	}
	if (r->either || (r->forms != NULL && s->use == SCHEMA_BODY && !s->whole)) {
		put_choice(s, r, j);
		return;
	}
	jw_obj(j);
	put_type("object", false, j);
	put_doc(r, j);
	put_object(s, r, j);
	jw_end(j);
}
