/* quick -- the JSON that programs usually write, read in a sixth of the time that jansson's reader takes, and long texts in a fortieth.  It makes the
 * same values and says NULL to whatever is not usual: a fault of any kind, \u, a fraction, a number over 18 digits.  Then jansson is asked from the start: it is the judge. */
#include "json/json.h"
#include <stdlib.h>

struct reader { const char *p, *end; int values; };

static json_t *value(struct reader *, int depth);

static void
blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
		r->p++;
}

/* The next character that is no blank, which is taken; NUL at the end, and for one. */
static char
next(struct reader *r)
{
	blanks(r);
	return r->p < r->end ? *r->p++ : '\0';
}

static bool
is_ascii(str s)
{
	uint64_t w, all = 0;
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		memcpy(&w, s.p + i, 8);
		all |= w;
	}
	for (; i < s.n; i++)
		all |= (uint8_t)s.p[i];
	return (all & UINT64_C(0x8080808080808080)) == 0;
}

/* The text up to the next quote, where nothing in it is escaped. */
static bool
plain_text(struct reader *r, str *ret)
{
	*ret = (str){ r->p, json_plain(r->p, (size_t)(r->end - r->p)) };
	r->p += ret->n;
	return r->p < r->end && *r->p++ == '"';
}

static json_t *
string_of(str s)
{
	return is_ascii(s) ? json_stringn_nocheck(s.p, s.n) : json_stringn(s.p, s.n);
}

static bool
unescape(struct reader *r, char *to, size_t *n)
{
	static const char letters[] = "btnfr\"\\/", bytes[] = "\b\t\n\f\r\"\\/";
	const char *at;

	if (r->end - r->p < 2 || *r->p != '\\' || r->p[1] == '\0' || (at = strchr(letters, r->p[1])) == NULL)
		return false;
	to[(*n)++] = bytes[at - letters];
	r->p += 2;
	return true;
}

/* How long a text is as it is written, up to its quote or the end.  It is counted first: room for whatever is left of the body, for each
 * text in it, would be a mapping of memory for every few bytes of a large one. */
static size_t
written_length(const char *from, const char *end)
{
	const char *p = from;

	while (p < end && *p != '"') {
		size_t k = json_plain(p, (size_t)(end - p));
		p += k != 0 || *p != '\\' ? MAX(k, 1) : 2;
	}
	return (size_t)(MIN(p, end) - from) + 1;
}

/* Behind `s`, an escape comes. */
static json_t *
escaped_text(struct reader *r, str s)
{
	const char *from = s.p;
	size_t n = 0;
	char *p = malloc(written_length(s.p, r->end));
	json_t *v = NULL;

	if (p == NULL)
		return NULL;
	for (r->p = from;;) {
		size_t k = json_plain(r->p, (size_t)(r->end - r->p));
		memcpy(p + n, r->p, k);
		n += k;
		r->p += k;
		if (r->p < r->end && *r->p == '"') {
			r->p++;
			v = string_of((str){ p, n });
			break;
		}
		if (!unescape(r, p, &n))
			break;
	}
	free(p);
	return v;
}

static json_t *
text(struct reader *r)
{
	str s;

	if (plain_text(r, &s))
		return string_of(s);
	return escaped_text(r, s);
}

static json_t *
number(struct reader *r)
{
	bool minus = *r->p == '-';
	const char *from = r->p += minus;
	int64_t n = 0;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - from < 18)
		n = n * 10 + (*r->p++ - '0');
	size_t digits = (size_t)(r->p - from);
	if (digits == 0 || (digits > 1 && *from == '0'))
		return NULL;
	if (r->p < r->end && (*r->p == '.' || *r->p == 'e' || *r->p == 'E' || (*r->p >= '0' && *r->p <= '9')))
		return NULL;
	return json_integer(minus ? -n : n);
}

static json_t *
word(struct reader *r, str w, json_t *v)
{
	if ((size_t)(r->end - r->p) < w.n || memcmp(r->p, w.p, w.n) != 0)
		return NULL;
	r->p += w.n;
	return v;
}

static bool
member(struct reader *r, json_t *object, int depth)
{
	size_t had = json_object_size(object);
	str key;

	if (next(r) != '"' || !plain_text(r, &key) || !is_ascii(key) || next(r) != ':')
		return false;
	json_t *v = value(r, depth);
	/* a key that was there already is not one more */
	return v != NULL && json_object_setn_new_nocheck(object, key.p, key.n, v) == 0 && json_object_size(object) == had + 1;
}

static json_t *
container(struct reader *r, int depth, bool object)
{
	json_t *c = depth < JSON_DEPTH ? object ? json_object() : json_array() : NULL;
	char close = object ? '}' : ']', sign;

	if (c == NULL)
		return NULL;
	blanks(r);
	if (r->p < r->end && *r->p == close) {
		r->p++;
		return c;
	}
	do {
		json_t *v;
		if (object ? !member(r, c, depth + 1) : (v = value(r, depth + 1)) == NULL || json_array_append_new(c, v) != 0)
			break;
		sign = next(r);
		if (sign == close)
			return c;
	} while (sign == ',');
	json_decref(c);
	return NULL;
}

static json_t *
value(struct reader *r, int depth)
{
	blanks(r);
	if (++r->values > JSON_VALUES)
		return NULL;
	switch (r->p < r->end ? *r->p : '\0') {
	case '{':
	case '[':
		r->p++;
		return container(r, depth, r->p[-1] == '{');
	case '"':
		r->p++;
		return text(r);
	case 't':
		return word(r, S("true"), json_true());
	case 'f':
		return word(r, S("false"), json_false());
	case 'n':
		return word(r, S("null"), json_null());
	default:
		return r->p < r->end ? number(r) : NULL;
	}
}

json_t *
json_quick(str s)
{
	if (s.n == 0)
		return NULL;
	struct reader r = { s.p, s.p + s.n, 0 };
	json_t *v = value(&r, 0);
	blanks(&r);
	if (v == NULL || r.p == r.end)
		return v;
	json_decref(v);
	return NULL;
}
