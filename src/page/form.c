/* form -- what browsers send: forms and cookies. */
#include "page/page.h"

void
page_pairs(struct arena *a, str body, struct page_pairs *ret)
{
	ret->bad = !front_form(a, body, ret->v, PAGE_PAIRS, &ret->n);
	if (ret->bad)
		ret->n = 0;
}

str
page_pair(const struct page_pairs *p, const char *name, bool *twice)
{
	str ret = STR_NONE, k = str_z(name);

	if (twice != NULL)
		*twice = false;
	for (int i = 0; i < p->n; i++) {
		if (!str_eq(p->v[i].name, k))
			continue;
		if (ret.p == NULL)
			ret = p->v[i].value;
		else if (twice != NULL)
			*twice = true;
	}
	return ret;
}

bool
page_is_form(const struct exchange *x)
{
	str params = x->header[FH_CONTENT_TYPE];

	return str_ieq(str_trim(str_split(&params, ';')), S("application/x-www-form-urlencoded"));
}

str
page_cookie(const struct exchange *x, const char *name)
{
	str rest = x->header[FH_COOKIE], ret = STR_NONE, k = str_z(name);

	while (rest.p != NULL) {
		str value = str_trim(str_split(&rest, ';'));
		if (!str_eq(str_split(&value, '='), k) || value.p == NULL)
			continue;
		if (ret.p != NULL)
			return STR_NONE;
		ret = value;
	}
	return ret;
}
