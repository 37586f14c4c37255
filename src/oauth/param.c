/* param -- parameters: given once, or refused. */
#include "oauth/oauth_priv.h"

#define SEVERAL	"resource"	/* the one parameter that may come more than once (RFC 8707) */

str
param(const struct params *p, const char *name)
{
	for (int i = 0; i < p->n; i++)
		if (str_eq(p->v[i].name, str_z(name)) && p->v[i].value.n != 0)
			return p->v[i].value;
	return STR_NONE;
}

int
param_times(const struct params *p, const char *name)
{
	int n = 0;

	for (int i = 0; i < p->n; i++)
		n += str_eq(p->v[i].name, str_z(name));
	return n;
}

static bool
any_twice(const struct params *p)
{
	for (int i = 0; i < p->n; i++)
		for (int k = 0; k < i; k++)
			if (str_eq(p->v[i].name, p->v[k].name) && !str_eq(p->v[i].name, S(SEVERAL)))
				return true;
	return false;
}

enum refused
params_read(struct arena *a, str text, struct params *ret, struct refusal *r)
{
	if (!front_form(a, text, ret->v, PAGE_PAIRS, &ret->n)) {
		ret->n = 0;
		return refuse(r, O_INVALID_REQUEST, "The parameters cannot be read: they must be UTF-8, percent-encoded, and at most %d.", PAGE_PAIRS);
	}
	return any_twice(ret) ? refuse(r, O_INVALID_REQUEST, "A parameter is given twice.") : O_OK;
}

enum refused
params_of_body(struct turn *t, struct params *ret)
{
	struct exchange *x = t->f.x;

	if (!page_is_form(x))
		return refuse(&t->r, O_INVALID_REQUEST, "Send the parameters as a form, with Content-Type: application/x-www-form-urlencoded, and not as JSON.");
	return params_read(t->f.a, x->body, ret, &t->r);
}

/* --- resources --- */

/* Scheme and host in any case, one slash at the end allowed; what is left is the path. */
static bool
path_of_ours(const char *origin, str s, str *ret)
{
	size_t n = strlen(origin);

	if (!str_ieq(str_cut(s, 0, n), str_z(origin)))
		return false;
	*ret = str_cut(s, n, s.n);
	if (str_ends(*ret, S("/")))
		ret->n--;
	return true;
}

static const char *
canonical(struct arena *a, const char *origin, str s)
{
	static const char *const ours[] = { "", "/mcp", "/api/mcp", "/v1" };
	str path;

	if (!path_of_ours(origin, s, &path))
		return NULL;
	for (size_t i = 0; i < COUNT(ours); i++)
		if (str_eq(path, str_z(ours[i])))
			return str_fmt(a, "%s%s", origin, ours[i]).p;
	return NULL;
}

static bool
is_among(str one, str all)
{
	while (all.n != 0)
		if (str_eq(str_split(&all, ' '), one))
			return true;
	return false;
}

bool
resources_ours(const char *origin, str all)
{
	str path;

	return path_of_ours(origin, str_split(&all, ' '), &path) && (path.n == 0 || path.p[0] == '/');
}

bool
resources_within(str those, str all)
{
	while (those.n != 0)
		if (!is_among(str_split(&those, ' '), all))
			return false;
	return true;
}

enum refused
resources_read(struct arena *a, const char *origin, const struct params *p, str *ret, struct refusal *r)
{
	struct buf b;

	*ret = STR_NONE;
	buf_init(&b, a, 8192);
	for (int i = 0; i < p->n; i++) {
		if (!str_eq(p->v[i].name, S(SEVERAL)) || p->v[i].value.n == 0)
			continue;
		const char *one = canonical(a, origin, p->v[i].value);
		if (one == NULL)
			return refuse(r, O_INVALID_TARGET, "This server gives tokens for its own resources only: its origin, and /mcp, /api/mcp and /v1 there.");
		if (!is_among(str_z(one), buf_str(&b)))
			buf_fmt(&b, "%s%s", b.n != 0 ? " " : "", one);
	}
	if (b.n != 0)
		*ret = buf_str(&b);
	return O_OK;
}
