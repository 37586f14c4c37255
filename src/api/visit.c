#include "api/visit.h"
#include "page/page.h"

static bool is_https(const struct conf *c) { return str_starts(str_z(c->public_url), S("https://")); }

const char *visit_cookie_name(const struct conf *c) { return is_https(c) ? "__Host-scriped" : "scriped"; }

bool
visit_near(str address)
{
	static const str nets[] = {
		S_INIT("127.0.0.0/8"), S_INIT("::1"), S_INIT("10.0.0.0/8"), S_INIT("172.16.0.0/12"), S_INIT("192.168.0.0/16"),
		S_INIT("169.254.0.0/16"), S_INIT("fc00::/7"), S_INIT("fe80::/10"),
	};

	for (size_t i = 0; i < COUNT(nets); i++)
		if (sys_in_network(nets[i], address))
			return true;
	return false;
}

bool visit_private(const struct conf *c, str address) { return is_https(c) || visit_near(address); }

/* scheme://host[:port], as browsers write it; where no public_url is set, that of the Host that they called. */
static bool
is_ours(const struct conf *c, const struct exchange *x, str origin)
{
	str url = str_z(c->public_url), host = x->header[FH_HOST];
	const char *sep = strstr(c->public_url, "://"), *path = sep != NULL ? strchr(sep + 3, '/') : NULL;

	if (url.n == 0)
		return str_starts(origin, S("http://")) && host.n != 0 && str_ieq(str_cut(origin, 7, origin.n), host);
	return str_ieq(path != NULL ? str_cut(url, 0, (size_t)(path - url.p)) : url, origin);
}

enum visit_from
visit_from(const struct conf *c, const struct exchange *x)
{
	str origin = x->header[FH_ORIGIN], site = x->header[FH_SEC_FETCH_SITE];
	bool same = str_eq(site, S("same-origin"));

	if (x->header_twice[FH_ORIGIN] || x->header_twice[FH_SEC_FETCH_SITE])
		return VISIT_THEIRS;
	if (site.p != NULL && !same && !str_eq(site, S("none")))
		return VISIT_THEIRS;
	if (origin.p != NULL)
		return is_ours(c, x, origin) ? VISIT_OURS : VISIT_THEIRS;
	return same ? VISIT_OURS : VISIT_UNTOLD;
}

str
visit_cookie(const struct conf *c, const struct exchange *x, str address)
{
	if (likely(x->header[FH_COOKIE].p == NULL) || visit_from(c, x) == VISIT_THEIRS || !visit_private(c, address))
		return STR_NONE;
	return page_cookie(x, visit_cookie_name(c));
}
