/* redirect -- which redirect URIs may be registered, and which one matches (contract 12.4, RFC 8252, RFC 9700 4.1). */
#include "oauth/oauth_priv.h"

/* scheme://host[:port][path][?query]; of an app scheme:anything */
struct parts { str scheme, host, port, rest; };

static bool
split(str uri, struct parts *ret)
{
	const char *colon = uri.n != 0 ? memchr(uri.p, ':', uri.n) : NULL;

	if (colon == NULL)
		return false;
	size_t at = (size_t)(colon - uri.p), end;
	*ret = (struct parts){ .scheme = str_cut(uri, 0, at), .rest = str_cut(uri, at + 1, uri.n) };
	if (!str_starts(ret->rest, S("//")))
		return true;
	str rest = str_cut(ret->rest, 2, ret->rest.n);
	for (end = 0; end < rest.n && rest.p[end] != '/' && rest.p[end] != '?'; end++)
		;
	str host = str_cut(rest, 0, end);
	ret->rest = str_cut(rest, end, rest.n);
	size_t cut = host.n;
	while (cut > 0 && host.p[cut - 1] >= '0' && host.p[cut - 1] <= '9')
		cut--;
	if (cut > 0 && cut < host.n && host.p[cut - 1] == ':') {
		ret->port = str_cut(host, cut, host.n);
		host = str_cut(host, 0, cut - 1);
	}
	ret->host = host;
	return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

static bool
is_loopback(const struct parts *p)
{
	return str_eq(p->scheme, S("http")) && (str_eq(p->host, S("127.0.0.1")) || str_eq(p->host, S("[::1]")) || str_eq(p->host, S("localhost")));
}

/* What a URI is written in; nothing that a browser reads otherwise than we do. */
static const char *
odd_letters(str uri)
{
	for (size_t i = 0; i < uri.n; i++) {
		char c = uri.p[i];
		if (c == '#')
			return "must not have a fragment";
		if (c == '\\')
			return "must not have a backslash";
		if (c <= ' ' || c >= 0x7F || strchr("\"<>^`{|}", c) != NULL)
			return "has a character that must be percent-encoded";
		if (c == '%' && !(i + 2 < uri.n && strchr("0123456789abcdefABCDEF", uri.p[i + 1]) != NULL && strchr("0123456789abcdefABCDEF", uri.p[i + 2]) != NULL))
			return "has a bad percent escape";
	}
	return NULL;
}

/* A dot, plain or encoded; *i moves behind it. */
static bool
is_dot(str s, size_t *i)
{
	size_t n = *i < s.n && s.p[*i] == '.' ? 1 : str_ieq(str_cut(s, *i, *i + 3), S("%2e")) ? 3 : 0;

	*i += n;
	return n != 0;
}

static bool
has_dot_segment(str rest)
{
	str path = rest, query = rest;

	path = str_split(&query, '?');
	while (path.p != NULL) {
		str segment = str_split(&path, '/');
		size_t i = 0;
		if (is_dot(segment, &i) && (i == segment.n || (is_dot(segment, &i) && i == segment.n)))
			return true;
	}
	return false;
}

static bool
has_encoded_slash(str rest)
{
	str path = str_split(&rest, '?');

	for (size_t i = 0; i + 3 <= path.n; i++)
		if (str_ieq(str_cut(path, i, i + 3), S("%2f")) || str_ieq(str_cut(path, i, i + 3), S("%5c")))
			return true;
	return false;
}

/* A name or an address, nothing else: no user before an @, no port that is none. */
static const char *
odd_host(const struct parts *p)
{
	int64_t port = 1;
	str h = p->host;
	bool six = str_starts(h, S("[")) && str_ends(h, S("]"));

	if (memchr(h.p, '@', h.n) != NULL)
		return "must not have a user name";
	for (size_t i = 0; i < h.n; i++)
		if (!(is_lower((char)(h.p[i] | 0x20)) || is_digit(h.p[i]) || h.p[i] == '-' || h.p[i] == '.' || h.p[i] == '_' || (six && strchr(":[]", h.p[i]) != NULL)))
			return "has a host that is none";
	if (p->port.p != NULL && (!str_int(p->port, &port) || port < 1 || port > 65535 || p->port.n > 5))
		return "has a port that is none";
	return NULL;
}

static bool
listed(const char *schemes, str scheme)
{
	str rest = str_z(schemes);

	while (rest.n != 0)
		if (str_eq(str_trim(str_split(&rest, ',')), scheme))
			return true;
	return false;
}

/* A scheme with a dot is a domain's, turned around (RFC 8252 7.1); programs without one are listed by name, so that none is dangerous. */
static const char *
judge_app(const struct parts *p, const char *schemes)
{
	bool plain = p->scheme.n != 0 && is_lower(p->scheme.p[0]), dot = false;

	for (size_t i = 0; i < p->scheme.n; i++) {
		plain &= is_lower(p->scheme.p[i]) || is_digit(p->scheme.p[i]) || strchr("+-.", p->scheme.p[i]) != NULL;
		dot |= p->scheme.p[i] == '.';
	}
	if (!plain)
		return "must begin with https://, or with the scheme of an app in lower case";
	if (!dot && !listed(schemes, p->scheme))
		return "must be https, http on 127.0.0.1, [::1] or localhost, or have a private-use scheme such as com.example.app";
	return p->host.p == NULL || memchr(p->host.p, '@', p->host.n) == NULL ? NULL : "must not have a user name";
}

const char *
redirect_judge(str uri, const char *schemes, enum redirect_kind *kind)
{
	struct parts p;
	const char *odd;

	if (uri.n == 0 || uri.n > REDIRECT_MAX)
		return "must have 1 to 2000 characters";
	if ((odd = odd_letters(uri)) != NULL)
		return odd;
	if (!split(uri, &p))
		return "must be an absolute URI";
	if (has_dot_segment(p.rest))
		return "must not have dot segments";
	if (has_encoded_slash(p.rest))
		return "must not have an encoded slash";
	bool web = str_eq(p.scheme, S("https")), http = str_eq(p.scheme, S("http"));
	*kind = web ? REDIRECT_WEB : http ? REDIRECT_LOOPBACK : REDIRECT_APP;
	if (!web && !http)
		return judge_app(&p, schemes);
	if (p.host.n == 0)
		return "must name a host";
	if ((odd = odd_host(&p)) != NULL)
		return odd;
	return web || is_loopback(&p) ? NULL : "must be https, or http on 127.0.0.1, [::1] or localhost";
}

bool
redirect_matches(str registered, str given)
{
	struct parts r, g;
	enum redirect_kind kind;

	if (str_eq(registered, given))
		return true;
	if (redirect_judge(given, "", &kind) != NULL || kind != REDIRECT_LOOPBACK || !split(registered, &r) || !split(given, &g))
		return false;
	return is_loopback(&r) && str_eq(r.host, g.host) && str_eq(r.rest, g.rest);
}

str
redirect_host(str uri)
{
	struct parts p;

	if (!split(uri, &p))
		return uri;
	if (!str_eq(p.scheme, S("https")) && !str_eq(p.scheme, S("http")))
		return p.scheme;
	return p.port.p != NULL ? (str){ p.host.p, p.host.n + 1 + p.port.n } : p.host;
}

static void
encode(struct buf *b, str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (is_lower((char)(c | 0x20)) || is_digit(c) || memchr("-._~", c, 4) != NULL)
			buf_char(b, c);
		else
			buf_fmt(b, "%%%02X", (uint8_t)c);
	}
}

const char *
redirect_with(struct arena *a, str uri, const struct front_param *v, int n)
{
	bool query = uri.n != 0 && memchr(uri.p, '?', uri.n) != NULL;
	struct buf b;

	buf_init(&b, a, (size_t)1 << 18);
	buf_add(&b, uri);
	for (int i = 0; i < n; i++) {
		if (v[i].value.p == NULL)
			continue;
		buf_char(&b, query ? '&' : '?');
		query = true;
		encode(&b, v[i].name);
		buf_char(&b, '=');
		encode(&b, v[i].value);
	}
	return str_dup(a, buf_str(&b)).p;
}
