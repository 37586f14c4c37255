#include "json/json.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>

/* --- writer --- */

void jw_begin(struct json *j, struct buf *b) { *j = (struct json){ .b = b }; }

static inline bool in_object(const struct json *j) { return (j->objects >> j->depth & 1) != 0; }

/* Before a value: the comma of an array, or the proof that a key stands before it. */
static inline void
lead(struct json *j)
{
	assert(j->key || !in_object(j));
	if (j->comma && !j->key)
		buf_char(j->b, ',');
	j->comma = true;
	j->key = false;
}

static void
push(struct json *j, char open, bool object)
{
	lead(j);
	buf_char(j->b, open);
	j->depth++;
	assert(j->depth < 64);
	j->objects = (j->objects & ~(UINT64_C(1) << j->depth)) | (uint64_t)object << j->depth;
	j->comma = false;
}

void jw_obj(struct json *j) { push(j, '{', true); }
void jw_arr(struct json *j) { push(j, '[', false); }

void
jw_end(struct json *j)
{
	assert(j->depth > 0 && !j->key);
	buf_char(j->b, in_object(j) ? '}' : ']');
	j->depth--;
	j->comma = true;
}

void
jw_key(struct json *j, str k)
{
	assert(in_object(j) && !j->key);
	buf_add(j->b, j->comma ? S(",\"") : S("\""));
	buf_add(j->b, k);
	buf_add(j->b, S("\":"));
	j->comma = true;
	j->key = true;
}

#define ONES	UINT64_C(0x0101010101010101)
#define HIGHS	UINT64_C(0x8080808080808080)

/* Whether one of eight bytes is a control character, a quote or a backslash.  A byte over 0x7F never raises it:
 * its own high bit masks it out. */
static inline bool
needs_escape(uint64_t w)
{
	uint64_t quote = w ^ ONES * '"', slash = w ^ ONES * '\\';
	return ((((w - ONES * 0x20) | (quote - ONES) | (slash - ONES)) & ~w) & HIGHS) != 0;
}

size_t
json_plain(const char *p, size_t n)
{
	size_t i = 0;
	uint64_t w;

	for (; i + 8 <= n; i += 8) {
		memcpy(&w, p + i, 8);
		if (needs_escape(w))
			break;
	}
	while (i < n && (uint8_t)p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
		i++;
	return i;
}

static void
escape(struct buf *b, uint8_t c)
{
	static const char shorts[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
	const char *at = c != 0 ? strchr(shorts, c) : NULL;

	if (at != NULL)
		buf_add(b, (str){ (const char[]){ '\\', letters[at - shorts] }, 2 });
	else
		buf_fmt(b, "\\u%04x", c);
}

void
jw_str(struct json *j, str s)
{
	lead(j);
	buf_char(j->b, '"');
	for (size_t i = 0; i < s.n;) {
		size_t k = json_plain(s.p + i, s.n - i);
		buf_add(j->b, (str){ s.p + i, k });
		i += k;
		if (i < s.n)
			escape(j->b, (uint8_t)s.p[i++]);
	}
	buf_char(j->b, '"');
}

void
jw_f64(struct json *j, double v)
{
	lead(j);
	if (!isfinite(v))
		buf_add(j->b, S("null"));
	else
		buf_fmt(j->b, "%.6g", v);
}

void
jw_time(struct json *j, int64_t ms)
{
	char t[TIME_LEN + 2];

	lead(j);
	t[0] = t[TIME_LEN + 1] = '"';
	time_write(t + 1, ms);
	buf_add(j->b, (str){ t, sizeof(t) });
}

void
jw_raw2(struct json *j, str a, str b)
{
	lead(j);
	buf_char(j->b, '"');
	buf_add(j->b, a);
	buf_add(j->b, b);
	buf_char(j->b, '"');
}

void jw_i64(struct json *j, int64_t v) { lead(j); buf_i64(j->b, v); }
void jw_bool(struct json *j, bool v) { lead(j); buf_add(j->b, v ? S("true") : S("false")); }
void jw_null(struct json *j) { lead(j); buf_add(j->b, S("null")); }
void jw_raw(struct json *j, str v) { lead(j); buf_add(j->b, v); }

/* --- reader --- */

int
json_nesting(str t, int most)
{
	int depth = 0, deepest = 0;
	bool quoted = false;

	for (size_t i = 0; i < t.n && deepest <= most; i++) {
		char c = t.p[i];
		if (quoted) {
			i += c == '\\';
			quoted = c != '"';
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			depth++;
			deepest = MAX(deepest, depth);
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return deepest;
}

int
json_values(str t, int most)
{
	bool quoted = false;
	int n = 1;

	for (size_t i = 0; i < t.n && n <= most; i++) {
		char c = t.p[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else
			n += !quoted && (c == ',' || c == '{' || c == '[');
	}
	return n;
}

enum err
json_read(str text, json_t **ret, struct error *e)
{
	json_error_t why;
	json_t *j;

	if (str_starts(text, S("\xEF\xBB\xBF")))	/* a byte order mark, which some writers put first (RFC 8259, 8.1) */
		text = str_cut(text, 3, text.n);
	if ((j = json_quick(text)) != NULL) {
		*ret = j;
		return OK;
	}
	/* jansson's own limit is 2,048 levels of recursion, fixed when it was compiled */
	if (json_nesting(text, JSON_DEPTH) > JSON_DEPTH)
		return fail(e, E_INVALID_REQUEST, NULL, "The body nests deeper than %d levels.", JSON_DEPTH);
	if (json_values(text, JSON_VALUES) > JSON_VALUES)
		return fail(e, E_INVALID_REQUEST, NULL, "The body has more than %d values.", JSON_VALUES);
	if (text.n != 0 && memchr(text.p, '\0', text.n) != NULL)	/* jansson reads over one between tokens */
		return fail(e, E_INVALID_REQUEST, NULL, "The body holds a NUL byte.");
	j = json_loadb(text.n != 0 ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (j == NULL && json_error_code(&why) == json_error_null_character)
		return fail(e, E_INVALID_REQUEST, NULL, "The body holds a NUL character, \\u0000 (line %d, column %d).", why.line, why.column);
	if (j == NULL)
		return fail(e, E_INVALID_REQUEST, NULL, "The body is not valid JSON: %.120s (line %d, column %d).",
		    why.text, why.line, why.column);
	*ret = j;
	return OK;
}

struct pour { void (*sink)(void *, str); void *ctx; };

static int
pour(const char *p, size_t n, void *ctx)
{
	struct pour *to = ctx;
	to->sink(to->ctx, (str){ p, n });
	return 0;
}

void
json_canonical(const json_t *v, void (*sink)(void *, str), void *ctx)
{
	struct pour to = { sink, ctx };
	(void)json_dump_callback(v, pour, &to, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}
