#include "dial/guard.h"
#include <arpa/inet.h>
#include <curl/curl.h>
#include <idn2.h>
#include <netinet/in.h>

const struct guard guard_strict = { .judge = guard_public, .resolve = guard_system };
const struct guard guard_open = { .judge = guard_any, .resolve = guard_system, .any_port = true };

/* --- addresses --- */

struct net { const char *net, *what; };
static const struct net v4[] = {
	{ "0.0.0.0/8",		"an address of this network (RFC 1122)" },
	{ "10.0.0.0/8",		"a private address (RFC 1918)" },
	{ "100.64.0.0/10",	"an address behind a carrier's NAT (RFC 6598)" },
	{ "127.0.0.0/8",	"a loopback address (RFC 1122)" },
	{ "168.63.129.16/32",	"the platform address of a cloud" },
	{ "169.254.0.0/16",	"a link-local address (RFC 3927)" },
	{ "172.16.0.0/12",	"a private address (RFC 1918)" },
	{ "192.0.0.0/24",	"an address of a protocol (RFC 6890)" },
	{ "192.0.2.0/24",	"an address for documentation (RFC 5737)" },
	{ "192.88.99.0/24",	"a 6to4 relay (RFC 7526)" },
	{ "192.168.0.0/16",	"a private address (RFC 1918)" },
	{ "198.18.0.0/15",	"an address for benchmarks (RFC 2544)" },
	{ "198.51.100.0/24",	"an address for documentation (RFC 5737)" },
	{ "203.0.113.0/24",	"an address for documentation (RFC 5737)" },
	{ "224.0.0.0/4",	"a multicast address (RFC 5771)" },
	{ "240.0.0.0/4",	"a reserved address (RFC 1112)" },
};
/* Of the global unicast addresses, 2000::/3, what is not; and what is none. */
static const struct net v6[] = {
	{ "::1/128",		"a loopback address (RFC 4291)" },
	{ "fc00::/7",		"a private address (RFC 4193)" },
	{ "fe80::/10",		"a link-local address (RFC 4291)" },
	{ "fec0::/10",		"a site-local address (RFC 3879)" },
	{ "ff00::/8",		"a multicast address (RFC 4291)" },
	{ "64:ff9b:1::/48",	"an address of a local NAT64 (RFC 8215)" },
	{ "::/3",		"no global address (RFC 4291)" },
	{ "4000::/2",		"no global address (RFC 4291)" },
	{ "8000::/1",		"no global address (RFC 4291)" },
	{ "2001::/32",		"an address of a Teredo tunnel (RFC 4380)" },
	{ "2001::/23",		"an address of a protocol (RFC 2928)" },
	{ "2001:db8::/32",	"an address for documentation (RFC 3849)" },
	{ "2002::/16",		"an address of a 6to4 tunnel (RFC 7526)" },
	{ "3fff::/20",		"an address for documentation (RFC 9637)" },
};

static const char *
judge_in(const struct net *nets, size_t n, const char *address)
{
	for (size_t i = 0; i < n; i++)
		if (sys_in_network(str_z(nets[i].net), str_z(address)))
			return nets[i].what;
	return NULL;
}

static const char *
judge_v4(const uint8_t b[4])
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, b, text, sizeof(text));
	return judge_in(v4, COUNT(v4), text);
}

const char *
guard_public(const struct sockaddr *sa)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };		/* RFC 6052 */
	char text[INET6_ADDRSTRLEN];

	if (sa->sa_family == AF_INET)
		return judge_v4((const uint8_t *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr);
	if (sa->sa_family != AF_INET6)
		return "no address of the Internet";
	const uint8_t *b = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr;
	if (memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0)
		return judge_v4(b + 12);
	inet_ntop(AF_INET6, b, text, sizeof(text));
	return judge_in(v6, COUNT(v6), text);
}

const char *
guard_any(const struct sockaddr *sa)
{
	(void)sa;
	return NULL;
}

/* --- URLs --- */

static char *
part_of(CURLU *u, CURLUPart part, unsigned flags)
{
	char *s;

	return curl_url_get(u, part, &s, flags) == CURLUE_OK ? s : NULL;
}

static const char *
keep_part(struct arena *a, CURLU *u, CURLUPart part, unsigned flags)
{
	char *s = part_of(u, part, flags);
	const char *kept = s != NULL ? str_dup(a, str_z(s)).p : NULL;

	curl_free(s);
	return kept;
}

static bool
parse_address(const char *host, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = AF_INET;
	if (inet_aton(host, &in->sin_addr) != 0)	/* octal, hexadecimal and short forms, too */
		return true;
	ret->ss_family = AF_INET6;
	return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1;
}

static bool
name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of letters, digits, - and _; the last one must not look like a number: some programs read such a name as an address. */
static bool
is_name(str host)
{
	str label = STR_NONE;

	if (host.n == 0 || host.n > 253)
		return false;
	while (host.p != NULL) {
		label = str_split(&host, '.');
		if (label.n == 0 || label.n > 63)
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!name_char(label.p[i]))
				return false;
	}
	return label.p[0] < '0' || label.p[0] > '9';
}

/* In ASCII, as names are asked for (RFC 5891); full-width forms and other full stops become the usual ones. */
static const char *
to_ascii(struct arena *a, const char *host)
{
	uint8_t *ascii = NULL;
	const char *kept = NULL;

	if (idn2_lookup_u8((const uint8_t *)host, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
		kept = str_dup(a, str_z((const char *)ascii)).p;
	idn2_free(ascii);
	return kept;
}

/* The host in lower case and ASCII, without the dot of the root; NULL: it is none. */
static const char *
clean_host(struct arena *a, CURLU *u)
{
	const char *raw = keep_part(a, u, CURLUPART_HOST, 0);
	bool ascii = raw != NULL;

	for (const char *p = raw; ascii && *p != '\0'; p++)
		ascii = (unsigned char)*p < 0x80;
	if (raw != NULL && !ascii)
		raw = to_ascii(a, raw);
	if (raw == NULL)
		return NULL;
	str s = str_z(raw);
	char *p = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = raw[i] >= 'A' && raw[i] <= 'Z' ? (char)(raw[i] + 'a' - 'A') : raw[i];
	if (s.n > 1 && p[s.n - 1] == '.')
		p[s.n - 1] = '\0';
	return p;
}

/* Names of this machine itself need no resolver (RFC 6761). */
static const char *
judge_host(const struct guard *g, struct arena *a, struct guard_url *r)
{
	struct sockaddr_storage at;
	str host = str_z(r->host);

	if (host.n > 2 && host.p[0] == '[')
		r->host = str_dup(a, str_cut(host, 1, host.n - 1)).p;
	r->literal = parse_address(r->host, &at);
	if (!r->literal && !is_name(host))
		return "has a host name that cannot be one";
	if (!r->literal && !str_eq(host, S("localhost")) && !str_ends(host, S(".localhost")))
		return NULL;
	if (!r->literal)
		parse_address("127.0.0.1", &at);
	const char *why = g->judge((const struct sockaddr *)&at);
	r->inside = why != NULL;
	return why != NULL ? str_fmt(a, "leads to %s, %s", r->host, why).p : NULL;
}

static const char *
judge_parts(const struct guard *g, struct arena *a, CURLU *u, struct guard_url *r)
{
	static const int ports[] = { 80, 443, 8080, 8443 };
	const char *port = keep_part(a, u, CURLUPART_PORT, CURLU_DEFAULT_PORT), *zone = keep_part(a, u, CURLUPART_ZONEID, 0);
	bool known = g->any_port;
	int64_t n = 0;

	const char *why = zone != NULL ? "has an address with a zone" : judge_host(g, a, r);
	if (why != NULL)
		return why;
	if (port == NULL || !str_int(str_z(port), &n) || n < 1 || n > 65535)
		return "has a port that cannot be one";
	r->port = (int)n;
	for (size_t i = 0; i < COUNT(ports); i++)
		known = known || ports[i] == r->port;
	return known ? NULL : "has a port other than 80, 443, 8080 and 8443";
}

static const char *
refusal_of(CURLUcode rc)
{
	switch (rc) {
	case CURLUE_USER_NOT_ALLOWED:
		return "carries a user name or a password";
	case CURLUE_UNSUPPORTED_SCHEME:
	case CURLUE_BAD_SCHEME:
		return "is no http:// or https:// URL";
	case CURLUE_NO_HOST:
	case CURLUE_BAD_HOSTNAME:
		return "has no host name";
	case CURLUE_BAD_PORT_NUMBER:
		return "has a port that cannot be one";
	default:
		return "is no URL";
	}
}

/* Twice: an address may come to light only when the name was written in ASCII. */
static const char *
parse(struct arena *a, CURLU *u, const char *text, struct guard_url *r)
{
	const unsigned flags = CURLU_DISALLOW_USER | CURLU_URLENCODE;
	CURLUcode rc = curl_url_set(u, CURLUPART_URL, text, flags);

	if (rc != CURLUE_OK)
		return refusal_of(rc);
	r->scheme = keep_part(a, u, CURLUPART_SCHEME, 0);
	if (r->scheme == NULL || (strcmp(r->scheme, "http") != 0 && strcmp(r->scheme, "https") != 0))
		return "is no http:// or https:// URL";
	const char *host = clean_host(a, u);
	if (host == NULL || curl_url_set(u, CURLUPART_HOST, host, 0) != CURLUE_OK || curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
		return "has a host name that cannot be one";
	const char *again = keep_part(a, u, CURLUPART_URL, CURLU_NO_DEFAULT_PORT);
	if (again == NULL || (rc = curl_url_set(u, CURLUPART_URL, again, flags)) != CURLUE_OK)
		return "has a host name that cannot be one";
	r->host = keep_part(a, u, CURLUPART_HOST, 0);
	r->url = keep_part(a, u, CURLUPART_URL, CURLU_NO_DEFAULT_PORT);
	return r->host != NULL && r->url != NULL ? NULL : "is no URL";
}

const char *
guard_url(const struct guard *g, struct arena *a, const char *text, struct guard_url *ret)
{
	size_t n = strlen(text);

	*ret = (struct guard_url){ 0 };
	if (n > GUARD_URL_MAX)
		return "is too long";
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return "has blanks or control characters in it";
	CURLU *u = curl_url();
	const char *why = u != NULL ? parse(a, u, text, ret) : "cannot be read now";
	const char *host = ret->host;
	if (why == NULL)
		why = judge_parts(g, a, u, ret);
	if (why == NULL) {
		bool usual = ret->port == (strcmp(ret->scheme, "http") == 0 ? 80 : 443);
		ret->origin = usual ? str_fmt(a, "%s://%s", ret->scheme, host).p : str_fmt(a, "%s://%s:%d", ret->scheme, host, ret->port).p;
	}
	curl_url_cleanup(u);
	return why;
}

const char *
guard_join(struct arena *a, const char *base, const char *reference)
{
	CURLU *u = curl_url();
	bool ok = u != NULL && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_URL, reference, CURLU_URLENCODE) == CURLUE_OK;
	const char *joined = ok ? keep_part(a, u, CURLUPART_URL, 0) : NULL;

	curl_url_cleanup(u);
	return joined;
}
