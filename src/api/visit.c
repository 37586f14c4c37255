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

/* Absent: a browser that does not tell. */
static bool is_or_absent(str v, str word) { return v.p == NULL || str_eq(v, word); }

/* By a link, to be shown in a window of its own. */
static bool
is_opened(const struct exchange *x)
{
	bool get = str_eq(x->method, S("GET")) || str_eq(x->method, S("HEAD"));

	return get && x->header[FH_ORIGIN].p == NULL && !x->header_twice[FH_SEC_FETCH_SITE] && is_or_absent(x->header[FH_SEC_FETCH_MODE], S("navigate")) &&
	    is_or_absent(x->header[FH_SEC_FETCH_DEST], S("document"));
}

static str
believed(const struct conf *c, const struct exchange *x, str address)
{
	return visit_private(c, address) ? page_cookie(x, visit_cookie_name(c)) : STR_NONE;
}

str
visit_cookie(const struct conf *c, const struct exchange *x, str address)
{
	if (likely(x->header[FH_COOKIE].p == NULL) || visit_from(c, x) == VISIT_THEIRS)
		return STR_NONE;
	return believed(c, x, address);
}

str
visit_cookie_of_page(const struct conf *c, const struct exchange *x, str address)
{
	if (visit_from(c, x) == VISIT_THEIRS && !is_opened(x))
		return STR_NONE;
	return believed(c, x, address);
}
