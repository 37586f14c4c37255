#include "rec/rec_priv.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- words --- */

int
words_find(const struct words *w, str s)
{
	for (int i = 0; i < w->n; i++)
		if (str_eq(str_z(w->v[i]), s))
			return i;
	return -1;
}

void
words_csv(const struct words *w, unsigned set, struct buf *b)
{
	const char *lead = "";

	for (int i = 0; i < w->n; i++)
		if (set >> i & 1) {
			buf_add(b, str_z(lead));
			buf_add(b, str_z(w->v[i]));
			lead = ",";
		}
}

/* Whole words only: the last one that fits ends the list. */
static void
list_word(struct buf *b, str word)
{
	word = word.n != 0 ? utf8_head(word, 40) : S("''");
	if (b->over || b->max - b->n < word.n + 2) {
		b->over = true;
		return;
	}
	buf_add(b, b->n != 0 ? S(", ") : S(""));
	buf_add(b, word);
}

bool
words_parse(const struct words *w, str csv, unsigned *ret, struct buf *unknown)
{
	bool all = true;

	*ret = 0;
	while (csv.p != NULL) {
		str one = str_trim(str_split(&csv, ','));
		int i = words_find(w, one);
		if (i >= 0) {
			*ret |= 1u << i;
		} else {
			list_word(unknown, one);
			all = false;
		}
	}
	return all;
}

/* --- absent values --- */

void
rec_init(const struct rec *r, void *ret)
{
	memset(ret, 0, r->size);
	for (int i = 0; i < r->n; i++) {
		const struct field *f = &r->f[i];
		void *to = (char *)ret + f->off;
		if (f->type == T_TIME || f->type == T_FROM || f->type == T_TO)
			*(int64_t *)to = TIME_NONE;
		else if (f->type == T_I64 && (f->flags & F_NULL))
			*(int64_t *)to = INT_NONE;
		else if (f->type == T_MILLI)
			*(int64_t *)to = INT_NONE;
		else if (f->type == T_F64)
			*(double *)to = NAN;
		else if (f->type == T_WORDS && (f->flags & F_KEEP))
			*(unsigned *)to = WORDS_NONE;
		else if (f->type == T_WORD || f->type == T_MAYBE)
			*(int *)to = -1;
		else if (f->type == T_REC)
			rec_init(f->rec, to);
	}
}

/* --- in --- */

struct in {
	const struct rec_opts *o;
	struct arena *a;
	struct rec_notes *notes;
	struct error *e;
	str prefix;		/* "source." inside a nested record */
};

/* The name a caller knows the field by; a constant or in the arena, so that an error may point at it. */
static const char *
called(const struct in *in, const struct field *f)
{
	return in->prefix.n == 0 ? f->name.p : str_fmt(in->a, "%.*s%s", STR(in->prefix), f->name.p).p;
}

/* Too long for `detail` and of no use there: the value itself is never repeated, except words of an enum. */
static enum err
wrong(struct in *in, const struct field *f, const char *want)
{
	const char *name = called(in, f);
	return fail(in->e, E_INVALID_REQUEST, name, "'%s' must be %s.", name, want);
}

/* White space and what draws nothing, by Unicode's list. */
static bool
is_blank(uint32_t c)
{
	return c == ' ' || c == 0xA0 || c == 0xAD || c == 0x1680 || (c >= 0x2000 && c <= 0x200F) || (c >= 0x202A && c <= 0x202F) ||
	    (c >= 0x205F && c <= 0x2064) || c == 0x2800 || c == 0x3000 || c == 0x3164 || c == 0xFEFF;
}

bool
is_line(str s)
{
	bool blank = true;

	for (size_t i = 0; i < s.n;) {
		uint32_t c = utf8_next(s, &i);
		if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029)
			return false;
		blank &= is_blank(c);
	}
	return !blank;
}

static bool
is_web(str s)
{
	return str_ieq(str_cut(s, 0, 8), S("https://")) || str_ieq(str_cut(s, 0, 7), S("http://"));
}

static enum err
put_str(struct in *in, const struct field *f, str s, str *to)
{
	int64_t hi = f->hi != 0 ? f->hi : (f->flags & F_BIG) ? in->o->text_max : INT64_MAX;
	const char *name = called(in, f);

	if ((int64_t)s.n > hi && (int64_t)utf8_count(s) > hi)
		return fail(in->e, (f->flags & F_BIG) ? E_PAYLOAD_TOO_LARGE : E_INVALID_REQUEST, name,
		    "'%s' is longer than %lld characters.", name, (long long)hi);
	if ((int64_t)s.n < f->lo * 4 && (int64_t)utf8_count(s) < f->lo)
		return f->lo == 1 ? fail(in->e, E_INVALID_REQUEST, name, "'%s' must not be empty.", name)
		    : fail(in->e, E_INVALID_REQUEST, name, "'%s' must have at least %lld characters.", name, (long long)f->lo);
	if ((f->flags & F_NAME) && !is_line(s))
		return fail(in->e, E_INVALID_REQUEST, name, "'%s' must be one line of text that is not blank.", name);
	if ((f->flags & F_WEB) && !is_web(s))
		return fail(in->e, E_INVALID_REQUEST, name, "'%s' must begin with https:// or http://.", name);
	*to = str_dup(in->a, s);
	return OK;
}

static enum err
put_i64(struct in *in, const struct field *f, int64_t v, int64_t *to)
{
	const char *name = called(in, f);

	if (v > f->hi && (f->flags & F_CLAMP))
		v = f->hi;
	if (v < f->lo || v > f->hi)
		return fail(in->e, E_INVALID_REQUEST, name, "'%s' must be from %lld to %lld.", name, (long long)f->lo, (long long)f->hi);
	*to = v;
	return OK;
}

/* RFC 3339 carries four digits of year; an offset must not lead out of them. */
#define YEAR_0		INT64_C(-62167219200000)
#define YEAR_10000	INT64_C(253402300800000)

static enum err
put_time(struct in *in, const struct field *f, str s, int64_t *to)
{
	int64_t ms;
	bool day = f->type != T_TIME && date_parse(s, &ms);

	if (!day && (!time_parse(s, &ms) || ms < YEAR_0 || ms >= YEAR_10000))
		return wrong(in, f, f->type == T_TIME ? "an RFC 3339 date-time with an offset, such as 2026-05-15T08:21:00Z"
		    : "a date such as 2026-05-15");
	if (f->type == T_TO)
		ms += day ? DAY_MS : 1;
	*to = ms;
	return OK;
}

static enum err
put_word(struct in *in, const struct field *f, str s, int *to)
{
	struct error *e = (f->flags & F_RULE) ? &in->notes->later : in->e;
	int i = words_find(f->words, s);
	struct buf all;

	if (i >= 0) {
		*to = i;
		return OK;
	}
	*to = WORD_UNKNOWN;
	if (e->code != OK && (f->flags & F_RULE))
		return OK;		/* only the first broken rule is told */
	buf_init(&all, in->a, 400);
	words_csv(f->words, ~0u, &all);
	const char *name = called(in, f);
	enum err code = fail(e, (f->flags & F_RULE) ? E_UNPROCESSABLE : E_INVALID_REQUEST, name,
	    "Unknown '%s' value: %.*s. Use one of: %.*s.", name, STR(utf8_head(s, 40)), STR(buf_str(&all)));
	return (f->flags & F_RULE) ? OK : code;
}

static enum err
put_words(struct in *in, const struct field *f, str csv, unsigned *to)
{
	const char *name = called(in, f);
	struct buf unknown;

	if ((f->flags & F_ALL) && str_eq(csv, S("all"))) {
		*to = (1u << f->words->n) - 1;
		return OK;
	}
	buf_init(&unknown, in->a, 120);
	if (words_parse(f->words, csv, to, &unknown))
		return OK;
	return fail(in->e, E_INVALID_REQUEST, name, "Unknown '%s' value(s): %.*s.", name, STR(buf_str(&unknown)));
}

static void
put_id(const struct field *f, str s, ulid *to)
{
	if (!id_parse(f->kind, s, to))
		*to = (ulid){ "-" };
}

static enum err put_made_text(struct in *, const struct field *, str, void *base);

/* A value that came as text: from a query, a command line, or as a JSON string. */
static enum err
put_text(struct in *in, const struct field *f, str s, void *to)
{
	int64_t n;
	double d;

	switch ((enum rec_type)f->type) {
	case T_STR:
		return put_str(in, f, s, to);
	case T_I64:
		return str_int(s, &n) ? put_i64(in, f, n, to) : wrong(in, f, "a whole number");
	case T_BOOL:
		*(bool *)to = str_eq(s, S("true"));
		return *(bool *)to || str_eq(s, S("false")) ? OK : wrong(in, f, "true or false");
	case T_TIME: case T_FROM: case T_TO:
		return put_time(in, f, s, to);
	case T_ID:
		put_id(f, s, to);
		return OK;
	case T_WORD:
		return put_word(in, f, s, to);
	case T_WORDS:
		return put_words(in, f, s, to);
	case T_MADE:
		return put_made_text(in, f, s, to);
	case T_MAYBE:
		*(int *)to = str_eq(s, S("true"));
		return *(int *)to || str_eq(s, S("false")) ? OK : wrong(in, f, "true or false");
	case T_MILLI:
		return f->hi == 0 ? wrong(in, f, "left out") : milli_read(s, &d) ? milli_in(f, called(in, f), d, to, in->e) : wrong(in, f, "a number");
	case T_TEXTS:
		return f->hi == 0 ? wrong(in, f, "left out") : texts_option(f, called(in, f), in->a, s, to, in->e);
	case T_F64: case T_CREATED: case T_REC: case T_JSON: case T_LIST:
		break;
	}
	return wrong(in, f, "left out");
}

/* --- fields of an older version: no member, but a way to another field and back --- */

union value { int64_t i; double d; str s; char id[32]; };

/* What the field looks like, under the name that it has in this record. */
static struct field
face(const struct field *f)
{
	struct field as = f->made->as;

	as.name = f->name;
	return as;
}

static void
take_made(const struct made *m, const void *value, void *base)
{
	union value newer = { 0 };

	if (m->from->type != T_MADE) {
		m->take(value, (char *)base + m->from->off);
		return;
	}
	m->take(value, &newer);
	take_made(m->from->made, &newer, base);
}

static void
give_made(const struct made *m, const void *base, union value *ret)
{
	union value newer = { 0 };

	if (m->from->type != T_MADE) {
		m->give((const char *)base + m->from->off, ret);
		return;
	}
	give_made(m->from->made, base, &newer);
	m->give(&newer, ret);
}

static enum err
put_made_text(struct in *in, const struct field *f, str s, void *base)
{
	struct field as = face(f);
	union value v = { 0 };

	TRY(put_text(in, &as, s, &v));
	take_made(f->made, &v, base);
	return OK;
}

/* The place in a record that a value fills: two fields of an older version may be one of the newest. */
static int
slot_of(const struct rec *r, const struct field *f)
{
	return f->type == T_MADE ? f->made->slot : (int)(f - r->f);
}

static enum err
fill(struct in *in, const struct rec *r, const struct field *f, uint64_t *seen)
{
	uint64_t bit = UINT64_C(1) << slot_of(r, f);

	if (unlikely(*seen & bit))
		return fail(in->e, E_INVALID_REQUEST, called(in, f), "'%s' says the same as another field: leave one of them out.", called(in, f));
	*seen |= bit;
	return OK;
}

static void
ignore(struct rec_notes *notes, struct arena *a, const char *lead, str prefix, str name)
{
	if (notes->nignored < REC_IGNORED)
		notes->ignored[notes->nignored++] = str_fmt(a, "%s%.*s%.*s", lead, STR(prefix), STR(utf8_head(name, 200)));
}

static enum err
unknown(struct in *in, const char *lead, str name)
{
	if (in->o->strict) {
		str path = str_fmt(in->a, "%.*s%.*s", STR(in->prefix), STR(utf8_head(name, 64)));
		return fail(in->e, E_INVALID_REQUEST, path.p, "Unknown %s '%.*s'.", lead[0] == '?' ? "parameter" : "field", STR(path));
	}
	ignore(in->notes, in->a, lead, in->prefix, name);
	return OK;
}

static const struct rec *
newest_of(const struct rec *r)
{
	while (r->newer != NULL)
		r = r->newer;
	return r;
}

static const struct field *
named(const struct rec *r, str name)
{
	for (int i = 0; i < r->n; i++)
		if (str_eq(r->f[i].name, name))
			return &r->f[i];
	return NULL;
}

static enum err decode(struct in *, const struct rec *, const json_t *, void *);

static enum err
put_array(struct in *in, const struct field *f, const json_t *v, unsigned *to)
{
	const char *name = called(in, f);
	const json_t *one;
	struct buf none;
	size_t i;

	*to = 0;
	buf_init(&none, in->a, 120);
	json_array_foreach (v, i, one) {
		if (!json_is_string(one))
			return wrong(in, f, "an array of strings");
		str s = { json_string_value(one), json_string_length(one) };
		int w = words_find(f->words, s);
		if (w >= 0)
			*to |= 1u << w;
		else
			list_word(&none, s);
	}
	if (none.n == 0 && !none.over)
		return OK;
	return fail(in->e, E_INVALID_REQUEST, name, "Unknown '%s' value(s): %.*s.", name, STR(buf_str(&none)));
}

static enum err put_made_json(struct in *, const struct field *, const json_t *, void *base);

#define EXACT	9007199254740992.0	/* up to here a double holds every whole number */

/* JSON has one kind of number: 1.0 and 1e2 are whole ones, and some languages write them so. */
static bool
whole(const struct field *f, const json_t *v, int64_t *ret)
{
	double d = json_number_value(v);

	if (json_is_integer(v)) {
		*ret = json_integer_value(v);
		return true;
	}
	if (!json_is_real(v) || d != trunc(d) || (fabs(d) > EXACT && !(f->flags & F_CLAMP)))
		return false;
	*ret = d > EXACT ? INT64_MAX : d < -EXACT ? INT64_MIN : (int64_t)d;
	return true;
}

static enum err
put_json(struct in *in, const struct field *f, const json_t *v, void *to)
{
	static const char *const want[] = {
		[T_STR] = "a string", [T_I64] = "a whole number", [T_F64] = "left out", [T_BOOL] = "true or false", [T_MAYBE] = "true or false",
		[T_TIME] = "a date-time string", [T_FROM] = "a date string", [T_TO] = "a date string", [T_ID] = "an id string",
		[T_CREATED] = "left out", [T_WORD] = "a string", [T_WORDS] = "an array of strings", [T_REC] = "an object", [T_JSON] = "left out",
		[T_LIST] = "left out", [T_MILLI] = "a number", [T_TEXTS] = "an array of strings",
	};
	int64_t n;

	if (f->type == T_MADE)
		return put_made_json(in, f, v, to);
	if (f->type == T_I64 && whole(f, v, &n))
		return put_i64(in, f, n, to);
	if (f->type == T_MAYBE && json_is_boolean(v)) {
		*(int *)to = json_is_true(v);
		return OK;
	}
	if (f->type == T_BOOL && json_is_boolean(v)) {
		*(bool *)to = json_is_true(v);
		return OK;
	}
	if (f->type == T_WORDS && json_is_array(v))
		return put_array(in, f, v, to);
	if (f->type == T_MILLI && f->hi != 0 && json_is_number(v))
		return milli_in(f, called(in, f), json_number_value(v), to, in->e);
	if (f->type == T_TEXTS && f->hi != 0 && json_is_array(v))
		return texts_json(f, called(in, f), in->a, v, to, in->e);
	if (f->type == T_REC && json_is_object(v)) {
		struct in inner = *in;
		inner.prefix = str_fmt(in->a, "%.*s%s.", STR(in->prefix), f->name.p);
		return decode(&inner, f->rec, v, to);
	}
	if (!json_is_string(v) || f->type == T_I64 || f->type == T_BOOL || f->type == T_MAYBE || f->type == T_WORDS || f->type == T_REC ||
	    f->type == T_LIST || f->type == T_MILLI || f->type == T_TEXTS)
		return wrong(in, f, want[f->type]);
	return put_text(in, f, (str){ json_string_value(v), json_string_length(v) }, to);
}

static enum err
put_made_json(struct in *in, const struct field *f, const json_t *v, void *base)
{
	struct field as = face(f);
	union value value = { 0 };

	TRY(put_json(in, &as, v, &value));
	take_made(f->made, &value, base);
	return OK;
}

/* In a create, null for an optional field is its absence; in a change it takes away, where that is possible (contract 12.1). */
static enum err
put_null(struct in *in, const struct field *f, void *to)
{
	if (f->flags & F_KEEP)
		return wrong(in, f, "left out to stay as it is; it cannot be null");
	if ((f->flags & F_ERASE) && f->type == T_STR)
		*(str *)to = S("");
	else if ((f->flags & F_ERASE) && f->type == T_TEXTS)
		*(str *)to = S("[]");
	else if (f->flags & F_ERASE)
		*(int64_t *)to = TIME_ERASED;
	return OK;
}

static enum err
missing(struct in *in, const struct rec *r, uint64_t seen)
{
	for (int i = 0; i < r->n; i++)
		if ((r->f[i].flags & F_REQ) && !(seen >> slot_of(r, &r->f[i]) & 1))
			return fail(in->e, E_INVALID_REQUEST, called(in, &r->f[i]), "'%s' is required.", called(in, &r->f[i]));
	return OK;
}

/* Checks know the newest names only. */
static enum err
check(struct in *in, const struct rec *r, const void *v, uint64_t seen)
{
	enum err code = form_check(newest_of(r), v, seen, in->prefix, in->a, in->e);

	if (code == OK && r->check != NULL)
		code = r->check(v, in->e);
	if (code != OK)
		rec_speak(r, in->a, in->e);
	return code;
}

static enum err
decode(struct in *in, const struct rec *r, const json_t *v, void *ret)
{
	uint64_t seen = 0;
	const char *key;
	json_t *item;

	json_object_foreach ((json_t *)(uintptr_t)v, key, item) {
		const struct field *f = named(r, str_z(key));
		if (f == NULL) {
			TRY(unknown(in, "", str_z(key)));
		} else if (json_is_null(item)) {
			TRY(put_null(in, f, (char *)ret + f->off));
		} else {
			TRY(put_json(in, f, item, (char *)ret + f->off));
			TRY(fill(in, r, f, &seen));
		}
	}
	TRY(missing(in, r, seen));
	return check(in, r, ret, seen);
}

enum err
rec_decode(const struct rec *r, const struct rec_opts *o, struct arena *a, const json_t *v, void *ret,
    struct rec_notes *notes, struct error *e)
{
	struct in in = { o, a, notes, e, STR_NONE };

	rec_init(r, ret);
	if (!json_is_object(v))
		return fail(e, E_INVALID_REQUEST, NULL, "The body must be a JSON object.");
	return decode(&in, r, v, ret);
}

enum err
rec_decode_pairs(const struct rec *r, const struct rec_opts *o, struct arena *a, const struct rec_pair *p, int n, void *ret,
    struct rec_notes *notes, struct error *e)
{
	struct in in = { o, a, notes, e, STR_NONE };
	uint64_t named_twice = 0, seen = 0;

	rec_init(r, ret);
	for (int i = 0; i < n; i++) {
		const struct field *f = named(r, p[i].name);
		if (f == NULL) {
			TRY(unknown(&in, "?", p[i].name));
			continue;
		}
		uint64_t bit = UINT64_C(1) << (f - r->f);
		if (named_twice & bit)
			return fail(e, E_INVALID_REQUEST, f->name.p, "'%s' is given more than once.", f->name.p);
		named_twice |= bit;
		if (p[i].value.n == 0) {
			if (f->flags & F_ERASE)
				TRY(put_null(&in, f, (char *)ret + f->off));
			continue;
		}
		TRY(put_text(&in, f, p[i].value, (char *)ret + f->off));
		TRY(fill(&in, r, f, &seen));
	}
	TRY(missing(&in, r, seen));
	return check(&in, r, ret, seen);
}

void
rec_unfree(const struct rec *r, json_t *v)
{
	for (int i = 0; i < r->n; i++)
		if (r->f[i].flags & F_FREE)
			json_object_del(v, r->f[i].name.p);
}

/* --- what an error calls a field --- */

/* The name of `path`, of the newest record, in r; absent where nothing is called so. */
static str
name_in(const struct rec *r, struct arena *a, str path)
{
	const struct rec *newest = newest_of(r);
	str first = str_split(&path, '.');

	const struct field *f = named(newest, first);
	if (f == NULL)
		return STR_NONE;
	const struct field *mine = &r->f[f - newest->f];
	if (path.p == NULL || mine->type != T_REC)
		return mine->name;
	str rest = name_in(mine->rec, a, path);
	return rest.p != NULL ? str_fmt(a, "%.*s.%.*s", STR(mine->name), STR(rest)) : STR_NONE;
}

void
rec_speak(const struct rec *r, struct arena *a, struct error *e)
{
	str rest = str_z(e->detail), name;
	struct buf b;

	if (r->newer == NULL)
		return;
	if (e->field != NULL && (name = name_in(r, a, str_z(e->field))).p != NULL)
		e->field = name.p;
	buf_init(&b, a, sizeof(e->detail) - 1);
	for (bool quoted = false; rest.p != NULL; quoted = !quoted) {
		str part = str_split(&rest, '\'');
		name = quoted && rest.p != NULL ? name_in(r, a, part) : STR_NONE;
		buf_add(&b, name.p != NULL ? name : part);
		buf_add(&b, rest.p != NULL ? S("'") : S(""));
	}
	if (b.over)
		return;
	memcpy(e->detail, b.p, b.n);
	e->detail[b.n] = '\0';
}

/* --- out --- */

static bool
absent(const struct field *f, const void *p)
{
	switch ((enum rec_type)f->type) {
	case T_STR: case T_JSON: case T_TEXTS:
		return ((const str *)p)->p == NULL;
	case T_ID:
		return *(const char *)p == '\0';
	case T_TIME: case T_FROM: case T_TO:
		return *(const int64_t *)p == TIME_NONE;
	case T_WORD: case T_MAYBE:
		return *(const int *)p < 0;
	case T_I64:
		return (f->flags & F_NULL) && *(const int64_t *)p == INT_NONE;
	case T_MILLI:
		return *(const int64_t *)p == INT_NONE;
	case T_F64:
		return isnan(*(const double *)p);
	case T_REC:
		return absent(&f->rec->f[0], (const char *)p + f->rec->f[0].off);
	case T_BOOL: case T_CREATED: case T_WORDS: case T_LIST: case T_MADE:
		break;
	}
	return false;
}

static void
encode_words(const struct words *w, unsigned set, struct json *j)
{
	jw_arr(j);
	for (int i = 0; i < w->n; i++)
		if (set >> i & 1)
			jw_str(j, str_z(w->v[i]));
	jw_end(j);
}

/* 482000 is 482, and 1500 is 1.5. */
void
milli_write(int64_t v, struct json *j)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%s%lld.%03lld", v < 0 ? "-" : "", (long long)llabs(v / 1000), (long long)llabs(v % 1000));

	while (text[n - 1] == '0')
		n--;
	jw_raw(j, (str){ text, (size_t)(text[n - 1] == '.' ? n - 1 : n) });
}

static void
encode_list(const struct rec *r, const struct rec_list *l, struct json *j)
{
	jw_arr(j);
	for (int i = 0; i < l->n; i++)
		rec_encode(r, (const char *)l->v + (size_t)i * r->size, j);
	jw_end(j);
}

static void
encode_value(const struct field *f, const void *p, struct json *j)
{
	switch ((enum rec_type)f->type) {
	case T_STR:	jw_str(j, *(const str *)p); break;
	case T_JSON: case T_TEXTS:
			jw_raw(j, *(const str *)p); break;
	case T_MILLI:	milli_write(*(const int64_t *)p, j); break;
	case T_I64:	jw_i64(j, *(const int64_t *)p); break;
	case T_F64:	jw_f64(j, *(const double *)p); break;
	case T_BOOL:	jw_bool(j, *(const bool *)p); break;
	case T_MAYBE:	jw_bool(j, *(const int *)p != 0); break;
	case T_TIME: case T_FROM: case T_TO:
			jw_time(j, *(const int64_t *)p); break;
	case T_CREATED:	jw_time(j, ulid_ms(p)); break;
	case T_ID:	jw_raw2(j, id_prefix(f->kind), (str){ p, strnlen(p, 26) }); break;
	case T_WORD:	jw_str(j, str_z(f->words->v[*(const int *)p])); break;
	case T_WORDS:	encode_words(f->words, *(const unsigned *)p, j); break;
	case T_REC:	rec_encode(f->rec, p, j); break;
	case T_LIST:	encode_list(f->rec, p, j); break;
	case T_MADE:	break;		/* was made before */
	}
}

void
rec_encode(const struct rec *r, const void *from, struct json *j)
{
	jw_obj(j);
	for (int i = 0; i < r->n; i++) {
		const struct field *f = &r->f[i];
		const void *p = (const char *)from + f->off;
		str name = f->name;
		union value v;
		if (unlikely(f->type == T_MADE)) {
			give_made(f->made, from, &v);
			p = &v;
			f = &f->made->as;
		}
		bool none = absent(f, p);
		if ((f->flags & F_HIDE) || (none && (f->flags & F_OMIT)))
			continue;
		jw_key(j, name);
		if (none)
			jw_null(j);
		else
			encode_value(f, p, j);
	}
	jw_end(j);
}
