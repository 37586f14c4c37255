#include "text/text.h"
#include "web/web_priv.h"

static const struct { str name; const char *text; } names[] = {
	{ S_INIT("amp"), "&" }, { S_INIT("lt"), "<" }, { S_INIT("gt"), ">" }, { S_INIT("quot"), "\"" }, { S_INIT("apos"), "'" }, { S_INIT("nbsp"), " " },
	{ S_INIT("lrm"), "" }, { S_INIT("rlm"), "" },
};

/* The number behind &#, decimal or with an x; 0 when it is none of a character. */
static uint32_t
number_of(str s)
{
	bool hex = s.n > 0 && (s.p[0] == 'x' || s.p[0] == 'X');
	uint32_t n = 0;

	if (s.n == (size_t)hex || s.n > 8)
		return 0;
	for (size_t i = hex; i < s.n; i++) {
		char c = s.p[i];
		int v = c >= '0' && c <= '9' ? c - '0' : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10 : hex && c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (v < 0)
			return 0;
		n = n * (hex ? 16 : 10) + (uint32_t)v;
	}
	return n > 0x10FFFF || (n >= 0xD800 && n < 0xE000) ? 0 : n;
}

/* What stands between & and ; as text; false: it is no entity. */
static bool
entity(str s, char out[8], size_t *n)
{
	if (s.n > 1 && s.p[0] == '#') {
		uint32_t c = number_of(str_cut(s, 1, s.n));
		*n = c != 0 ? text_put(out, c) : 0;
		return c != 0;
	}
	for (size_t i = 0; i < COUNT(names); i++)
		if (str_eq(s, names[i].name)) {
			*n = strlen(names[i].text);
			memcpy(out, names[i].text, *n);
			return true;
		}
	return false;
}

str
entity_decode(struct arena *a, str s)
{
	struct buf b;
	char text[8];
	size_t n;

	buf_init(&b, a, s.n);
	for (size_t i = 0; i < s.n; ) {
		const char *end = s.p[i] == '&' ? memchr(s.p + i, ';', MIN(s.n - i, 12)) : NULL;
		if (end != NULL && entity((str){ s.p + i + 1, (size_t)(end - s.p) - i - 1 }, text, &n)) {
			buf_add(&b, (str){ text, n });
			i = (size_t)(end - s.p) + 1;
		} else {
			buf_char(&b, s.p[i++]);
		}
	}
	return buf_str(&b);
}
