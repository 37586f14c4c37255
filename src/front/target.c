#include "front/front_priv.h"

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Does nothing in it need decoding?  Bytes above 0x7F do, to be checked. */
static bool
plain(str s, bool query)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '%' || (uint8_t)s.p[i] - 0x21u >= 0x7F - 0x21u || (query && s.p[i] == '+'))
			return false;
	return true;
}

/* A decoded slash would become a separator in a path; in a query it is what encoders make of any slash. */
static str
decode(struct arena *a, str s, bool query, bool *bad)
{
	if (plain(s, query))
		return s;
	char *out = arena_raw(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		*bad |= (uint8_t)c <= 0x20 || c == 0x7F;
		if (query && c == '+')
			c = ' ';
		if (c == '%') {
			int hi = i + 2 < s.n ? hex(s.p[i + 1]) : -1, lo = i + 2 < s.n ? hex(s.p[i + 2]) : -1;
			c = hi < 0 || lo < 0 ? '\0' : (char)(hi << 4 | lo);
			*bad |= c == '\0' || (c == '/' && !query);
			i += 2;
		}
		out[n++] = c;
	}
	*bad |= !utf8_ok((str){ out, n });
	return *bad ? S("") : (str){ out, n };
}

/* Proxies send http://host/path; what they mean is the path. */
static str
without_origin(str t)
{
	size_t scheme = str_ieq(str_cut(t, 0, 7), S("http://")) ? 7 : str_ieq(str_cut(t, 0, 8), S("https://")) ? 8 : 0;

	if (scheme == 0)
		return t;
	while (scheme < t.n && t.p[scheme] != '/' && t.p[scheme] != '?')
		scheme++;
	return str_cut(t, scheme, t.n);
}

bool
front_form(struct arena *a, str q, struct front_param *v, int max, int *n)
{
	bool bad = false;

	*n = 0;
	while (q.n != 0) {
		str value = str_split(&q, '&');
		if (value.n == 0)
			continue;
		if (*n == max)
			return false;
		str name = str_split(&value, '=');
		v[(*n)++] = (struct front_param){ decode(a, name, true, &bad), value.p != NULL ? decode(a, value, true, &bad) : S("") };
	}
	return !bad;
}

static void
read_query(struct exchange *x, str q)
{
	int n = q.n != 0;

	for (size_t i = 0; i < q.n && n < QUERY_MAX; i++)
		n += q.p[i] == '&';
	x->query = n != 0 ? NEW_N(&x->arena, struct front_param, n) : NULL;
	x->query_bad = !front_form(&x->arena, q, x->query, n, &x->nquery);
}

void
front_target(struct exchange *x, str target)
{
	str rest = without_origin(target);
	str path = str_split(&rest, '?');

	x->path_bad = x->query_bad = false;
	x->nquery = 0;
	x->path = path.n != 0 ? decode(&x->arena, path, false, &x->path_bad) : S("/");
	read_query(x, rest);
}
