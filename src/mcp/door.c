/* door -- from where we may be spoken to: a page that was led to our address under another name (DNS rebinding) stays outside.
 *
 * Ours are public_url, the names of this machine where we listen for it alone, what a trusted proxy sends, any address as such (a name is
 * what can be led astray), and what mcp_origins names. */
#include "mcp/turn.h"

/* "example.com:443" of "https://example.com:443/path"; what has no scheme is a host already. */
static str
host_of(str url)
{
	const char *sep = url.n != 0 ? memmem(url.p, url.n, "://", 3) : NULL;
	str rest = sep != NULL ? str_cut(url, (size_t)(sep - url.p) + 3, url.n) : url;

	return str_split(&rest, '/');
}

/* Without the port; of [::1]:80 what is between the brackets, and of [::1].example.com nothing. */
static str
name_of(str host)
{
	str rest = host, name;

	if (!str_starts(host, S("[")))
		return str_split(&rest, ':');
	rest = str_cut(host, 1, host.n);
	name = str_split(&rest, ']');
	return rest.n == 0 || str_starts(rest, S(":")) ? name : STR_NONE;
}

static bool
is_loopback(str name)
{
	return str_ieq(name, S("localhost")) || str_eq(name, S("::1")) || (sys_is_address(name) && sys_in_network(S("127.0.0.0/8"), name));
}

/* One of the list, as an origin or by its host; an asterisk stands for all. */
static bool
is_listed(const char *list, str origin, str host)
{
	str rest = str_z(list);

	while (rest.n != 0) {
		str one = str_trim(str_split(&rest, ','));
		while (str_ends(one, S("/")))
			one.n--;
		if (str_eq(one, S("*")) || (origin.n != 0 && str_ieq(one, origin)) || (origin.n == 0 && one.n != 0 && str_ieq(host_of(one), host)))
			return true;
	}
	return false;
}

static bool
is_public(const struct conf *c, str host)
{
	str own = host_of(str_z(c->public_url));

	return own.n != 0 && (str_ieq(own, host) || str_ieq(name_of(own), host));
}

/* By its name alone: a port is no other machine. */
static bool
is_public_name(const struct conf *c, str name)
{
	str own = name_of(host_of(str_z(c->public_url)));

	return own.n != 0 && str_ieq(own, name);
}

static bool
by_proxy(const struct conf *c, const struct exchange *x)
{
	str rest = str_z(c->trusted_proxies);

	while (rest.n != 0)
		if (sys_in_network(str_trim(str_split(&rest, ',')), x->peer))
			return true;
	return false;
}

bool
door_host(const struct conf *c, const struct exchange *x, bool loopback)
{
	str host = x->header[FH_HOST], name = name_of(host);

	return sys_is_address(name) || (loopback && is_loopback(name)) || is_public_name(c, name) || by_proxy(c, x) || is_listed(c->mcp_origins, STR_NONE, host);
}

/* A page of the very address that it was asked for at is our own. */
static bool
is_same(const struct exchange *x, str host)
{
	return sys_is_address(name_of(host)) && str_ieq(host, x->header[FH_HOST]);
}

bool
door_origin(const struct conf *c, const struct exchange *x, bool loopback)
{
	str origin = x->header[FH_ORIGIN], host = host_of(origin);
	str led = x->header[FH_X_FORWARDED_HOST].p != NULL ? x->header[FH_X_FORWARDED_HOST] : x->header[FH_HOST];

	if (origin.p == NULL)
		return true;		/* no browser */
	if (x->header_twice[FH_ORIGIN])
		return false;
	return is_listed(c->mcp_origins, origin, STR_NONE) || is_public(c, host) || (loopback && is_loopback(name_of(host))) || is_same(x, host) ||
	    (by_proxy(c, x) && str_ieq(host, led));
}

const char *
door_check(const struct turn *t)
{
	bool loopback = is_loopback(name_of(host_of(str_z(t->f.x->url))));

	if (!door_host(t->f.conf, t->f.x, loopback))
		return "The Host header names another server than this one. Set public_url to how this server is reached, or name the host in mcp_origins.";
	if (!door_origin(t->f.conf, t->f.x, loopback))
		return "Pages of this Origin may not speak to this server. An operator can name it in mcp_origins.";
	return NULL;
}
