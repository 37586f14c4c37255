#include "api/cors.h"
#include "api/api.h"

enum verdict { NOBODY, THIS_ONE, EVERYBODY };

#define V1_METADATA	"/v1/.well-known/"	/* the one thing below /v1 that the setting is not about */
/* A path ending in an asterisk stands for what begins so. */
static const str open_paths[] = {
	S_INIT("/openapi.*"), S_INIT("/.well-known/*"), S_INIT("/mcp/.well-known/*"), S_INIT("/api/mcp/.well-known/*"), S_INIT(V1_METADATA "*"),
	S_INIT("/oauth/token"), S_INIT("/token"), S_INIT("/oauth/register"), S_INIT("/oauth/register/*"), S_INIT("/register"), S_INIT("/oauth/revoke"),
	S_INIT("/oauth/introspect"), S_INIT("/oauth/jwks"), S_INIT("/mcp"), S_INIT("/mcp/"), S_INIT("/api/mcp"), S_INIT("/api/mcp/"),
};

#define ALL_METHODS	((1u << METHOD_COUNT) - 1)
/* The asterisk does not cover Authorization, and some clients do not know it. */
#define REQUEST_HEADERS	"*, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Scripe-Api-Version, Scripe-Workspace-Id"
#define ANSWER_HEADERS	"X-Request-Id, Scripe-Api-Version, Scripe-Ignored-Fields, Scripe-Deprecation, Deprecation, Sunset, Link, ETag, " \
	"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, RateLimit-Policy, RateLimit, Retry-After, Idempotent-Replayed, " \
	"Idempotency-Key-Ignored, WWW-Authenticate, Allow, Location, Mcp-Session-Id"
#define MAX_AGE		"7200"		/* s; the most that browsers take */

static bool
is_open(str path)
{
	for (size_t i = 0; i < COUNT(open_paths); i++) {
		str p = open_paths[i];
		if (str_ends(p, S("*")) ? str_starts(path, str_cut(p, 0, p.n - 1)) : str_eq(path, p))
			return true;
	}
	return false;
}

/* Scheme, host and port, all of it: neither a suffix nor a prefix is the same origin.  Pages without an origin of their own send
 * `null`, whoever made them: that is nobody. */
static str
entry(str *rest)
{
	str one = str_trim(str_split(rest, ','));

	while (str_ends(one, S("/")))
		one.n--;
	return one;
}

static enum verdict
listed(const char *list, str origin)
{
	enum verdict v = NOBODY;
	str rest = str_z(list);

	while (rest.n != 0) {
		str one = entry(&rest);
		if (str_eq(one, S("*")))
			return EVERYBODY;
		if (origin.n != 0 && str_ieq(one, origin) && !str_eq(origin, S("null")))
			v = THIS_ONE;
	}
	return v;
}

/* What the setting is about.  A path that cannot be decoded is known by how it begins. */
static bool
is_api(const struct exchange *x)
{
	str path = x->path_bad ? x->target : x->path;

	return (str_starts(path, S("/v1")) && !str_starts(path, S(V1_METADATA))) || str_starts(path, S("/uploads/"));
}

static enum verdict
judge(const struct conf *c, const struct exchange *x)
{
	str origin = x->header_twice[FH_ORIGIN] ? STR_NONE : x->header[FH_ORIGIN];

	if (is_api(x))
		return likely(c->cors_origins[0] == '\0') ? NOBODY : listed(c->cors_origins, origin);
	return is_open(x->path) ? EVERYBODY : NOBODY;
}

static void
allow(struct exchange *x, enum verdict v)
{
	if (v == EVERYBODY)
		front_add(x, "Access-Control-Allow-Origin", "*");
	else if (v == THIS_ONE)
		front_add(x, "Access-Control-Allow-Origin", str_dup(&x->arena, x->header[FH_ORIGIN]).p);
	if (v != EVERYBODY)
		front_add(x, "Vary", "Origin");
}

bool
cors_preflight_for(const struct conf *c, struct exchange *x, const char *methods)
{
	if (!str_eq(x->method, S("OPTIONS")) || x->header[FH_ORIGIN].p == NULL || x->header[FH_ACCESS_CONTROL_REQUEST_METHOD].p == NULL)
		return false;
	enum verdict v = judge(c, x);
	if (v == NOBODY)
		return false;
	allow(x, v);
	front_add(x, "Access-Control-Allow-Methods", methods);
	front_add(x, "Access-Control-Allow-Headers", REQUEST_HEADERS);
	front_add(x, "Access-Control-Max-Age", MAX_AGE);
	front_answer(x, 204, S(""));
	return true;
}

bool
cors_preflight(const struct conf *c, struct exchange *x, unsigned methods)
{
	return cors_preflight_for(c, x, op_methods(&x->arena, methods != 0 ? methods : ALL_METHODS));
}

void
cors_headers(const struct conf *c, struct exchange *x)
{
	enum verdict v = judge(c, x);

	if (v == NOBODY && (c->cors_origins[0] == '\0' || !is_api(x)))
		return;		/* what depends on the origin says so, whoever asked */
	allow(x, v);
	if (v != NOBODY)
		front_add(x, "Access-Control-Expose-Headers", ANSWER_HEADERS);
}

/* scheme://host[:port], or the asterisk. */
static bool
is_origin(str s)
{
	const char *sep = s.n != 0 ? memmem(s.p, s.n, "://", 3) : NULL;

	if (str_eq(s, S("*")))
		return true;
	if (sep == NULL || sep == s.p)
		return false;
	str host = str_cut(s, (size_t)(sep - s.p) + 3, s.n);
	for (size_t i = 0; i < host.n; i++)
		if (strchr("/?#@*\\ \t", host.p[i]) != NULL)
			return false;
	return host.n != 0;
}

str
cors_odd(const char *list)
{
	str rest = str_z(list);

	while (rest.n != 0) {
		str one = entry(&rest);
		if (!is_origin(one))
			return one.n != 0 ? one : S("''");
	}
	return STR_NONE;
}
