#include "conf/conf_priv.h"
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX	256000
#define VALUE_MAX	4096
#define NAME_ROOM	40		/* what is longer resembles no setting */

enum kind { GROUP, TEXT, NUMBER, YESNO, WORD };

struct setting {
	const char *name;
	enum kind kind;
	unsigned flags;
	size_t at;			/* of the member of struct conf */
	const char *text;		/* default of TEXT and WORD */
	int64_t number, min, max;	/* default of NUMBER and YESNO; range */
	const char *of;			/* unit of NUMBER, words of WORD */
	const char *doc;
};

static const struct setting rows[] = {
#define SET_GROUP(title) { .kind = GROUP, .doc = title },
#define SET_STR(id, def, fl, what) { #id, TEXT, fl, offsetof(struct conf, id), def, 0, 0, 0, NULL, what },
#define SET_INT(id, def, lo, hi, unit, fl, what) { #id, NUMBER, fl, offsetof(struct conf, id), NULL, def, lo, hi, unit, what },
#define SET_BOOL(id, def, fl, what) { #id, YESNO, fl, offsetof(struct conf, id), NULL, def, 0, 1, NULL, what },
#define SET_ENUM(id, def, words, fl, what) { #id, WORD, fl, offsetof(struct conf, id), def, 0, 0, 0, words, what },
#include "conf/conf.def"
#undef SET_GROUP
#undef SET_STR
#undef SET_INT
#undef SET_BOOL
#undef SET_ENUM
};

#define ROWS_END	(rows + COUNT(rows))
_Static_assert(COUNT(rows) <= 8 * sizeof(((struct conf *)0)->given), "conf.given is too small");

static void *member(struct conf *c, const struct setting *s) { return (char *)c + s->at; }
static const void *value_of(const struct conf *c, const struct setting *s) { return (const char *)c + s->at; }
static const char *text_of(const struct conf *c, const struct setting *s) { return *(const char *const *)value_of(c, s); }

/* --- values --- */

/* One line of text that every format can hold. */
static bool
clean(str v)
{
	for (size_t i = 0; i < v.n; i++)
		if ((uint8_t)v.p[i] < 0x20 || v.p[i] == 0x7F)
			return false;
	return v.n <= VALUE_MAX && utf8_ok(v);
}

static bool
parse_number(str v, int64_t *ret)
{
	static const struct { char suffix; int64_t times; } unit[] = { { 'k', 1000 }, { 'M', 1000000 }, { 'G', 1000000000 } };
	int64_t times = 1;

	for (size_t i = 0; i < COUNT(unit); i++)
		if (v.n > 1 && v.p[v.n - 1] == unit[i].suffix)
			times = unit[i].times;
	v.n -= times > 1;
	return str_int(v, ret) && !__builtin_mul_overflow(*ret, times, ret);
}

/* Place of v in a list "no|yes|…"; -1 if it is not there. */
static int
place_of(str v, const char *list)
{
	str rest = str_z(list);

	for (int i = 0; rest.p != NULL; i++)
		if (str_eq(str_split(&rest, '|'), v))
			return i;
	return -1;
}

static str
word_at(const char *list, int i)
{
	str rest = str_z(list), word = str_split(&rest, '|');

	for (; i > 0; i--)
		word = str_split(&rest, '|');
	return word;
}

static bool
take(struct conf *c, const struct setting *s, str v)
{
	int64_t n;
	int i;

	switch (s->kind) {
	case TEXT:
		if (!clean(v))
			return false;
		*(const char **)member(c, s) = str_dup(&c->a, v).p;
		return true;
	case NUMBER:
		if (!parse_number(v, &n) || n < s->min || n > s->max)
			return false;
		*(int64_t *)member(c, s) = n;
		return true;
	case YESNO:
		if ((i = place_of(v, "false|true|no|yes|off|on|0|1")) < 0)
			return false;
		*(bool *)member(c, s) = i % 2 == 1;
		return true;
	case WORD:
		if ((i = place_of(v, s->of)) < 0)
			return false;
		*(int *)member(c, s) = i;
		return true;
	case GROUP:
		break;
	}
	return false;
}

static bool
same(const struct conf *a, const struct conf *b, const struct setting *s)
{
	switch (s->kind) {
	case TEXT:	return strcmp(text_of(a, s), text_of(b, s)) == 0;
	case NUMBER:	return *(const int64_t *)value_of(a, s) == *(const int64_t *)value_of(b, s);
	case YESNO:	return *(const bool *)value_of(a, s) == *(const bool *)value_of(b, s);
	case WORD:	return *(const int *)value_of(a, s) == *(const int *)value_of(b, s);
	case GROUP:	break;
	}
	return true;
}

/* What a value may be, in words: for errors and for the manual. */
static void
wants(const struct setting *s, char *out, size_t n)
{
	switch (s->kind) {
	case NUMBER:
		snprintf(out, n, "a number from %lld to %lld%s%s", (long long)s->min, (long long)s->max, s->of[0] != '\0' ? " " : "", s->of);
		return;
	case YESNO:
		snprintf(out, n, "true or false");
		return;
	case WORD:
		snprintf(out, n, "one of %s", s->of);
		return;
	case TEXT:
	case GROUP:
		snprintf(out, n, "text");
	}
}

/* --- names --- */

static const struct setting *
find(str name)
{
	for (const struct setting *s = rows; s < ROWS_END; s++)
		if (s->kind != GROUP && str_eq(str_z(s->name), name))
			return s;
	return NULL;
}

/* How many letters must be added, dropped or changed to make a into b. */
static int
distance(str a, str b)
{
	int row[NAME_ROOM + 1];

	for (int j = 0; j <= (int)b.n; j++)
		row[j] = j;
	for (size_t i = 0; i < a.n; i++) {
		int diagonal = row[0]++;
		for (size_t j = 0; j < b.n; j++) {
			int change = diagonal + (a.p[i] != b.p[j]);
			diagonal = row[j + 1];
			row[j + 1] = MIN(change, MIN(row[j], row[j + 1]) + 1);
		}
	}
	return row[b.n];
}

/* The setting that was meant, if one is close: a third of the letters may differ. */
static const char *
nearest(str name)
{
	const char *best = NULL;
	int least = (int)name.n / 3 + 1;

	if (name.n > NAME_ROOM)
		return NULL;
	for (const struct setting *s = rows; s < ROWS_END; s++) {
		int d = s->kind != GROUP ? distance(str_z(s->name), name) : least;
		if (d < least) {
			least = d;
			best = s->name;
		}
	}
	return best;
}

static enum err
unknown(const char *place, str name, struct error *e)
{
	const char *near = nearest(name);

	if (!clean(name) || name.n > NAME_ROOM)
		return fail(e, E_USAGE, NULL, "%s: this is no name of a setting", place);
	if (near == NULL)
		return fail(e, E_USAGE, NULL, "%s: there is no setting '%.*s'", place, STR(name));
	return fail(e, E_USAGE, NULL, "%s: there is no setting '%.*s'; did you mean '%s'?", place, STR(name), near);
}

static enum err
refuse(const char *place, const struct setting *s, str v, struct error *e)
{
	char right[128];

	if (s->kind == TEXT)
		return fail(e, E_USAGE, s->name, "%s: %s must be one line of UTF-8 of at most %d bytes", place, s->name, VALUE_MAX);
	wants(s, right, sizeof(right));
	if (!clean(v) || v.n > 40)
		return fail(e, E_USAGE, s->name, "%s: %s must be %s", place, s->name, right);
	return fail(e, E_USAGE, s->name, "%s: %s must be %s, not '%.*s'", place, s->name, right, STR(v));
}

static enum err
assign(struct conf *c, const char *place, str name, str v, struct error *e)
{
	const struct setting *s = find(name);

	if (s == NULL)
		return unknown(place, name, e);
	c->given[(s - rows) / 64] |= UINT64_C(1) << (s - rows) % 64;
	return take(c, s, v) ? OK : refuse(place, s, v, e);
}

/* --- for what fills several of them --- */

static const struct setting *
must_find(const char *name)
{
	const struct setting *s = find(str_z(name));

	if (s == NULL)
		abort();
	return s;
}

bool
conf_given(const struct conf *c, const char *name)
{
	ptrdiff_t i = must_find(name) - rows;

	return c->given[i / 64] >> i % 64 & 1;
}

bool conf_set(struct conf *c, const char *name, str v) { return take(c, must_find(name), v); }

bool
conf_says(const struct conf *c, const char *name, str v)
{
	const struct setting *s = must_find(name);
	struct conf other = { 0 };

	arena_init(&other.a, VALUE_MAX + 64);
	bool yes = take(&other, s, v) && same(c, &other, s);
	arena_free(&other.a);
	return yes;
}

/* --- where they come from --- */

static void
set_defaults(struct conf *c)
{
	memset(c->given, 0, sizeof(c->given));
	for (const struct setting *s = rows; s < ROWS_END; s++) {
		if (s->kind == TEXT)
			*(const char **)member(c, s) = s->text;
		else if (s->kind == NUMBER)
			*(int64_t *)member(c, s) = s->number;
		else if (s->kind == YESNO)
			*(bool *)member(c, s) = s->number != 0;
		else if (s->kind == WORD)
			*(int *)member(c, s) = place_of(str_z(s->text), s->of);
	}
}

static enum err
take_line(struct conf *c, const char *place, str line, struct error *e)
{
	str v = line, name = str_trim(str_split(&v, '='));

	if (v.p == NULL)
		return fail(e, E_USAGE, NULL, "%s: a line must be `name = value`", place);
	v = str_trim(v);
	if (str_starts(v, S("\""))) {
		if (v.n < 2 || !str_ends(v, S("\"")))
			return fail(e, E_USAGE, NULL, "%s: the line must end with the closing quote", place);
		v = str_cut(v, 1, v.n - 1);
	}
	return assign(c, place, name, v, e);
}

static enum err
take_file(struct conf *c, const char *file, struct error *e)
{
	char place[160];
	size_t long_by = strlen(file) > 120 ? strlen(file) - 120 : 0;	/* the end of a path tells more than its beginning */
	str rest;
	enum err rc = sys_read_file(&c->a, file, FILE_MAX, &rest, e);

	if (rc == E_NOT_FOUND)
		return fail(e, E_USAGE, NULL, "there is no file %s", file);
	TRY(rc);
	for (int n = 1; rest.p != NULL; n++) {
		str line = str_trim(str_split(&rest, '\n'));
		if (line.n == 0 || line.p[0] == '#')
			continue;
		snprintf(place, sizeof(place), "%s:%d", file + long_by, n);
		TRY(take_line(c, place, line, e));
	}
	return OK;
}

static bool
is_setting(str var)
{
	static const char *const clients[] = { "SCRIPED_URL", "SCRIPED_KEY", "SCRIPED_PROJECT" };

	for (size_t i = 0; i < COUNT(clients); i++)
		if (str_eq(var, str_z(clients[i])))
			return false;
	return str_starts(var, S("SCRIPED_")) && !str_starts(var, S("SCRIPED_TEST_")) && !str_starts(var, S("SCRIPED_BENCH_"));
}

static enum err
take_env(struct conf *c, char *const *env, struct error *e)
{
	char place[160];

	for (; env != NULL && *env != NULL; env++) {
		str v = str_z(*env), var = str_split(&v, '=');
		if (v.p == NULL || !is_setting(var))
			continue;
		snprintf(place, sizeof(place), "%.*s", STR(var));
		str name = str_cut(var, sizeof("SCRIPED_") - 1, var.n);
		char *lower = arena_raw(&c->a, name.n + 1);
		for (size_t i = 0; i < name.n; i++)
			lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
		TRY(assign(c, place, (str){ lower, name.n }, v, e));
	}
	return OK;
}

static enum err
take_sets(struct conf *c, const char *const *sets, int n, struct error *e)
{
	char place[160];

	for (int i = 0; i < n; i++) {
		str v = str_z(sets[i]), name = str_split(&v, '=');
		snprintf(place, sizeof(place), "--set %.*s", STR(name));
		if (v.p == NULL)
			return fail(e, E_USAGE, NULL, "%s: must be --set name=value", place);
		TRY(assign(c, place, name, v, e));
	}
	return OK;
}

static enum err
load(struct conf *c, const char *file, char *const *env, const char *const *sets, int n, struct error *e)
{
	set_defaults(c);
	if (file != NULL)
		TRY(take_file(c, file, e));
	TRY(take_env(c, env, e));
	TRY(take_sets(c, sets, n, e));
	return blob_uri(c, e);
}

enum err
conf_load(struct conf *ret, const char *file, char *const *env, const char *const *sets, int n, struct error *e)
{
	struct conf c;

	arena_init(&c.a, 4 * FILE_MAX);
	enum err rc = load(&c, file, env, sets, n, e);
	if (rc == OK)
		*ret = c;
	else
		arena_free(&c.a);
	return rc;
}

void conf_free(struct conf *c) { arena_free(&c->a); }

/* --- printing --- */

static str
shown_text(const struct conf *c, const struct setting *s)
{
	if (s->kind == WORD)
		return word_at(s->of, *(const int *)value_of(c, s));
	str v = str_z(text_of(c, s));
	return (s->flags & CF_SECRET) && v.n != 0 ? S("***") : v;
}

/* In quotes where a file would otherwise read something else. */
static void
print_text(str v, struct buf *b)
{
	bool quote = v.n == 0 || v.p[0] == '"' || str_trim(v).n != v.n;

	if (quote)
		buf_char(b, '"');
	buf_add(b, v);
	if (quote)
		buf_char(b, '"');
}

/* A value holds no control characters and is UTF-8: `clean` saw to it. */
static void
print_json_text(str v, struct buf *b)
{
	buf_char(b, '"');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\')
			buf_char(b, '\\');
		buf_char(b, v.p[i]);
	}
	buf_char(b, '"');
}

static void
print_value(const struct conf *c, const struct setting *s, bool json, struct buf *b)
{
	if (s->kind == NUMBER)
		buf_i64(b, *(const int64_t *)value_of(c, s));
	else if (s->kind == YESNO)
		buf_add(b, *(const bool *)value_of(c, s) ? S("true") : S("false"));
	else
		(json ? print_json_text : print_text)(shown_text(c, s), b);
}

void
conf_print(const struct conf *c, bool json, struct buf *b)
{
	str between = S("{");

	for (const struct setting *s = rows; s < ROWS_END; s++) {
		if (s->kind == GROUP)
			continue;
		if (json) {
			buf_add(b, between);
			print_json_text(str_z(s->name), b);
			buf_char(b, ':');
			print_value(c, s, true, b);
			between = S(",");
		} else {
			buf_fmt(b, "%s = ", s->name);
			print_value(c, s, false, b);
			buf_char(b, '\n');
		}
	}
	if (json)
		buf_add(b, S("}\n"));
}

/* Of a URI what stands behind its credentials; where it gives that a name, this. */
static str
place_in(str uri)
{
	size_t from = uri.n;

	while (from > 0 && uri.p[from - 1] != '@' && !str_ends(str_cut(uri, 0, from), S("://")))
		from--;
	str options = str_cut(uri, from, uri.n), place = str_split(&options, '?');
	return options.p != NULL && str_starts(options, S("name=")) ? str_cut(options, 5, options.n) : place;
}

void
conf_shared(const struct conf *c, struct buf *b)
{
	for (const struct setting *s = rows; s < ROWS_END; s++) {
		if (!(s->flags & CF_SAME))
			continue;
		buf_fmt(b, "%s=", s->name);
		if (s->at == offsetof(struct conf, db_read))
			buf_add(b, c->db_read[0] == '\0' ? S("") : strcmp(c->db_read, c->db) == 0 ? S("primary") : S("replica"));
		else if (s->flags & CF_SECRET)
			buf_add(b, place_in(str_z(text_of(c, s))));
		else if (s->kind == TEXT)
			buf_add(b, str_z(text_of(c, s)));
		else
			print_value(c, s, false, b);
		buf_char(b, '\n');
	}
}

#define COLUMNS	100
#define INDENT	25

/* The words of v, broken before COLUMNS; the first line begins where the caller stands, at column INDENT. */
static void
wrap(str v, struct buf *b)
{
	size_t at = INDENT;

	for (str rest = v; rest.p != NULL; ) {
		str word = str_split(&rest, ' ');
		if (at > INDENT && at + 1 + word.n > COLUMNS) {
			buf_fmt(b, "\n%*s", INDENT, "");
			at = INDENT;
		} else if (at > INDENT) {
			buf_char(b, ' ');
			at++;
		}
		buf_add(b, word);
		at += utf8_count(word);
	}
	buf_char(b, '\n');
}

static void
help_row(const struct setting *s, const struct conf *defaults, struct buf *b)
{
	char right[128], name[INDENT], text[512];
	struct buf value = { .p = text, .cap = sizeof(text), .max = sizeof(text) };

	snprintf(name, sizeof(name), "%s%s", s->name, s->flags & CF_RELOAD ? " *" : "");
	buf_fmt(b, "  %-*s", INDENT - 2, name);
	wrap(str_z(s->doc), b);
	wants(s, right, sizeof(right));
	buf_fmt(&value, "%s, default ", right);
	print_value(defaults, s, false, &value);
	buf_fmt(b, "%*s", INDENT, "");
	wrap(buf_str(&value), b);
}

void
conf_help(struct buf *b)
{
	struct conf defaults;

	buf_add(b, S("A setting is given as --set name=value, as the environment variable SCRIPED_NAME (its name in upper\n"
		     "case, as in SCRIPED_LISTEN) or as a line `name = value` of the file; the first of these wins.\n"
		     "A whole number may end in k, M or G (thousands). SIGHUP takes over the settings marked with *; the\n"
		     "others need a restart.\n"));
	set_defaults(&defaults);
	for (const struct setting *s = rows; s < ROWS_END; s++) {
		if (s->kind == GROUP)
			buf_fmt(b, "\n%s\n", s->doc);
		else
			help_row(s, &defaults, b);
	}
}

str
conf_keep_fixed(struct conf *now, const struct conf *first, struct arena *arena)
{
	static const size_t size[] = { [TEXT] = sizeof(char *), [NUMBER] = sizeof(int64_t), [YESNO] = sizeof(bool), [WORD] = sizeof(int) };
	struct buf out;

	buf_init(&out, arena, COUNT(rows) * (NAME_ROOM + 2));
	for (const struct setting *s = rows; s < ROWS_END; s++) {
		if ((s->flags & CF_RELOAD) || same(now, first, s))
			continue;
		memcpy(member(now, s), value_of(first, s), size[s->kind]);
		if (out.n > 0)
			buf_add(&out, S(", "));
		buf_add(&out, str_z(s->name));
	}
	return buf_str(&out);
}
