#include "api/yaml.h"
#include <ctype.h>

/* --- texts --- */

/* Words that YAML 1.1 or 1.2 reads as a boolean or as null. */
static bool
reserved(str s)
{
	static const char *const words[] = { "true", "false", "null", "yes", "no", "on", "off", "y", "n" };

	for (size_t i = 0; i < COUNT(words); i++)
		if (str_ieq(s, str_z(words[i])))
			return true;
	return false;
}

/* A letter, a slash and a dollar begin neither a number nor a date nor an indicator. */
static bool
plain(str s)
{
	if (s.n == 0 || !(isalpha((unsigned char)s.p[0]) || s.p[0] == '/' || s.p[0] == '$'))
		return false;
	if (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == ':' || reserved(s))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < 0x20 || s.p[i] > 0x7E)
			return false;
		if ((s.p[i] == ':' && s.p[i + 1] == ' ') || (s.p[i] == '#' && s.p[i - 1] == ' '))
			return false;
	}
	return true;
}

/* What may stand unescaped in every kind of text: no controls, no line ends but \n, no byte order mark. */
static bool
printable(uint32_t c)
{
	return c >= 0x20 && !(c >= 0x7F && c < 0xA0) && c != 0x2028 && c != 0x2029 && c != 0xFEFF && c != 0xFFFE && c != 0xFFFF;
}

static bool
all_printable(str s, bool lines)
{
	for (size_t i = 0; i < s.n;) {
		uint32_t c = utf8_next(s, &i);
		if (!printable(c) && !(lines && c == '\n'))
			return false;
	}
	return true;
}

static void
single_quoted(str s, struct buf *b)
{
	buf_char(b, '\'');
	for (size_t i = 0; i < s.n; i++)
		buf_add(b, s.p[i] == '\'' ? S("''") : (str){ s.p + i, 1 });
	buf_char(b, '\'');
}

static void
double_quoted(str s, struct buf *b)
{
	buf_char(b, '"');
	for (size_t i = 0; i < s.n;) {
		size_t from = i;
		uint32_t c = utf8_next(s, &i);
		if (c == '"' || c == '\\')
			buf_fmt(b, "\\%c", (int)c);
		else if (c == '\n')
			buf_add(b, S("\\n"));
		else if (printable(c))
			buf_add(b, str_cut(s, from, i));
		else
			buf_fmt(b, "\\u%04X", (unsigned)c);
	}
	buf_char(b, '"');
}

static void
put_text(str s, struct buf *b)
{
	if (plain(s))
		buf_add(b, s);
	else if (all_printable(s, false))
		single_quoted(s, b);
	else
		double_quoted(s, b);
}

static void
margin(int indent, struct buf *b)
{
	while (indent-- > 0)
		buf_char(b, ' ');
}

/* A block begins at its first character and keeps no line end behind its last. */
static bool
is_block(str s)
{
	return memchr(s.p, '\n', s.n) != NULL && s.p[0] != ' ' && s.p[0] != '\n' && s.p[s.n - 1] != '\n' && all_printable(s, true);
}

static void
put_block(str s, int indent, struct buf *b)
{
	buf_add(b, S(" |-\n"));
	while (s.p != NULL) {
		str line = str_split(&s, '\n');
		if (line.n != 0)
			margin(indent, b);
		buf_add(b, line);
		buf_char(b, '\n');
	}
}

/* --- values --- */

static void
put_real(double v, struct buf *b)
{
	size_t from = b->n;

	buf_fmt(b, "%.15g", v);
	for (size_t i = from; i < b->n; i++)
		if (b->p[i] == '.' || b->p[i] == 'e')
			return;
	buf_add(b, S(".0"));
}

static void
put_scalar(const json_t *v, int indent, struct buf *b)
{
	str s = json_is_string(v) ? (str){ json_string_value(v), json_string_length(v) } : STR_NONE;

	if (s.n != 0 && is_block(s)) {
		put_block(s, indent, b);
		return;
	}
	buf_char(b, ' ');
	switch (json_typeof(v)) {
	case JSON_STRING:	put_text(s, b); break;
	case JSON_INTEGER:	buf_i64(b, json_integer_value(v)); break;
	case JSON_REAL:		put_real(json_real_value(v), b); break;
	case JSON_TRUE:		buf_add(b, S("true")); break;
	case JSON_FALSE:	buf_add(b, S("false")); break;
	case JSON_NULL:		buf_add(b, S("null")); break;
	case JSON_OBJECT:	buf_add(b, S("{}")); break;
	case JSON_ARRAY:	buf_add(b, S("[]")); break;
	}
	buf_char(b, '\n');
}

static void put(const json_t *, int indent, bool dash, struct buf *);

/* `here`: the first line goes on behind a dash. */
static void
put_items(const json_t *v, int indent, bool here, struct buf *b)
{
	const json_t *item;
	size_t i;

	json_array_foreach (v, i, item) {
		margin(i == 0 && here ? 0 : indent, b);
		buf_char(b, '-');
		put(item, indent + 2, true, b);
	}
}

static void
put_members(const json_t *v, int indent, bool here, struct buf *b)
{
	const char *key;
	json_t *item;
	bool first = true;

	json_object_foreach ((json_t *)(uintptr_t)v, key, item) {
		margin(first && here ? 0 : indent, b);
		put_text(str_z(key), b);
		buf_char(b, ':');
		put(item, indent + 2, false, b);
		first = false;
	}
}

/* A value behind a key or a dash; its further lines begin at `indent`. */
static void
put(const json_t *v, int indent, bool dash, struct buf *b)
{
	bool object = json_object_size(v) > 0;

	if (!object && json_array_size(v) == 0) {
		put_scalar(v, indent, b);
		return;
	}
	buf_char(b, dash ? ' ' : '\n');
	if (object)
		put_members(v, indent, dash, b);
	else
		put_items(v, indent, dash, b);
}

void
yaml_print(const json_t *v, struct buf *b)
{
	if (json_object_size(v) > 0)
		put_members(v, 0, true, b);
	else if (json_array_size(v) > 0)
		put_items(v, 0, true, b);
	else
		put_scalar(v, 0, b);
}
