#include "dial/dial.h"
#include "t.h"
#include "t_provider.h"
#include <arpa/inet.h>
#include <netinet/in.h>

static struct sockaddr_storage
address(const char *text)
{
	struct sockaddr_storage at = { .ss_family = AF_INET };

	if (inet_pton(AF_INET, text, &((struct sockaddr_in *)(void *)&at)->sin_addr) == 1)
		return at;
	at.ss_family = AF_INET6;
	if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)(void *)&at)->sin6_addr) != 1)
		abort();
	return at;
}

TEST(only_public_addresses_pass)
{
	static const struct { const char *address, *why; } rows[] = {
		{ "1.1.1.1", NULL }, { "9.255.255.255", NULL }, { "11.0.0.0", NULL }, { "100.63.255.255", NULL }, { "100.128.0.0", NULL },
		{ "126.255.255.255", NULL }, { "128.0.0.0", NULL }, { "172.15.255.255", NULL }, { "172.32.0.0", NULL }, { "192.0.1.0", NULL },
		{ "198.17.255.255", NULL }, { "198.20.0.0", NULL }, { "223.255.255.255", NULL }, { "168.63.129.15", NULL },
		{ "0.0.0.0", "RFC 1122" }, { "0.1.2.3", "RFC 1122" }, { "10.0.0.1", "RFC 1918" }, { "10.255.255.255", "RFC 1918" },
		{ "100.64.0.1", "RFC 6598" }, { "100.100.100.200", "RFC 6598" }, { "127.0.0.1", "loopback" }, { "127.255.255.254", "loopback" },
		{ "168.63.129.16", "cloud" }, { "169.254.169.254", "link-local" }, { "172.16.0.1", "RFC 1918" }, { "172.31.255.255", "RFC 1918" },
		{ "192.0.0.192", "RFC 6890" }, { "192.0.2.1", "documentation" }, { "192.88.99.1", "6to4" }, { "192.168.1.1", "RFC 1918" },
		{ "198.18.0.1", "benchmarks" }, { "198.19.255.255", "benchmarks" }, { "198.51.100.7", "documentation" },
		{ "203.0.113.9", "documentation" }, { "224.0.0.1", "multicast" }, { "239.1.1.1", "multicast" }, { "240.0.0.1", "reserved" },
		{ "255.255.255.255", "reserved" },
		{ "2606:4700::1111", NULL }, { "2a00:1450:4001:81b::200e", NULL }, { "2001:200::1", NULL }, { "64:ff9b::101:101", NULL },
		{ "::ffff:1.1.1.1", NULL },
		{ "::", "no global" }, { "::1", "loopback" }, { "::ffff:127.0.0.1", "loopback" }, { "::ffff:a00:1", "RFC 1918" },
		{ "::7f00:1", "no global" }, { "64:ff9b::7f00:1", "loopback" }, { "64:ff9b::a9fe:a9fe", "link-local" }, { "64:ff9b:1::1", "local NAT64" },
		{ "100::1", "no global" }, { "2001::1", "Teredo" }, { "2001:0:7f00:1::", "Teredo" }, { "2001:2::1", "protocol" }, { "2001:10::1", "protocol" },
		{ "2001:db8::1", "documentation" }, { "2002:7f00:1::", "6to4" }, { "2002:808:808::1", "6to4" }, { "3fff:fff::1", "documentation" },
		{ "fc00::1", "private" }, { "fd00:ec2::254", "private" }, { "fe80::1", "link-local" }, { "fec0::1", "site-local" }, { "ff02::1", "multicast" },
		{ "5f00::1", "no global" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sockaddr_storage at = address(rows[i].address);
		const char *why = guard_public((const struct sockaddr *)&at);
		if ((why == NULL) != (rows[i].why == NULL) || (why != NULL && strstr(why, rows[i].why) == NULL))
			t_fail(__FILE__, __LINE__, "%s: %s", rows[i].address, why != NULL ? why : "passes");
	}
	struct sockaddr_storage local = { .ss_family = AF_UNIX };
	CHECK(guard_public((const struct sockaddr *)&local) != NULL);
}

/* url: what is requested, when it passes; why: a part of the refusal. */
static const struct reading { const char *text, *url, *why; } readings[] = {
	{ "https://example.com", "https://example.com/", NULL },
	{ "HTTPS://EXAMPLE.com:443/A?b=c#d", "https://example.com/A?b=c", NULL },
	{ "http://example.com.:8080/a/../b", "http://example.com:8080/b", NULL },
	{ "https://m\xC3\xBCnchen.example/caf\xC3\xA9", "https://xn--mnchen-3ya.example/caf%c3%a9", NULL },
	{ "https://1.1.1.1/", "https://1.1.1.1/", NULL },
	{ "https://[2606:4700::1111]/", "https://[2606:4700::1111]/", NULL },
	{ "https://my_host.example/", "https://my_host.example/", NULL },
	{ "http://127.0.0.1/", NULL, "loopback" }, { "http://127.1/", NULL, "loopback" }, { "http://2130706433/", NULL, "loopback" },
	{ "http://0x7f000001/", NULL, "loopback" }, { "http://0177.0.0.1/", NULL, "loopback" }, { "http://0x7f.0.0.1./", NULL, "loopback" },
	{ "http://127.0.0.1./", NULL, "loopback" }, { "http://0/", NULL, "RFC 1122" }, { "http://10.1/", NULL, "RFC 1918" },
	{ "http://[::1]/", NULL, "loopback" }, { "http://[::ffff:127.0.0.1]/", NULL, "loopback" }, { "http://[fe80::1%25eth0]/", NULL, "" },
	{ "http://[::ffff:7f00:1]:80/", NULL, "loopback" },
	/* full-width digits and an ideographic full stop, which become 127.0.0.1 when the name is written in ASCII */
	{ "http://\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1/", NULL, "loopback" }, { "http://127\xE3\x80\x82" "0.0.1/", NULL, "loopback" },
	{ "http://localhost/", NULL, "loopback" }, { "http://LOCALHOST./", NULL, "loopback" }, { "http://a.localhost/", NULL, "loopback" },
	{ "http://example.com:22/", NULL, "port" }, { "http://example.com:0/", NULL, "port" }, { "http://example.com:99999/", NULL, "port" },
	{ "http://user@example.com/", NULL, "user name" }, { "http://user:secret@example.com/", NULL, "user name" }, { "http://:@example.com/", NULL, "" },
	{ "http://example.com\\@127.0.0.1/", NULL, "" }, { "http://example.com#@127.0.0.1/", "http://example.com/", NULL },
	{ "ftp://example.com/", NULL, "no http" }, { "file:///etc/passwd", NULL, "no http" }, { "gopher://example.com/", NULL, "no http" },
	{ "javascript:alert(1)", NULL, "" }, { "//example.com/", NULL, "" }, { "example.com", NULL, "" }, { "", NULL, "" }, { "http://", NULL, "" },
	{ "http://a b/", NULL, "blanks" }, { "http://example.com/a b", NULL, "blanks" }, { "http://example.com/\r\nHost: x", NULL, "blanks" },
	{ "http://a..b/", NULL, "cannot be one" }, { "http://./", NULL, "" }, { "http://1.2.3.4.5/", NULL, "cannot be one" },
	{ "http://example.0x7f/", NULL, "cannot be one" }, { "http://a.b.c.d.e.1/", NULL, "cannot be one" }, { "http://exa%6dple.com/", "http://example.com/", NULL },
	{ "http://%31%32%37.0.0.1/", NULL, "loopback" },
};

TEST(urls_in_every_form)
{
	for (const struct reading *r = readings; r < readings + COUNT(readings); r++) {
		struct arena a;
		struct guard_url u;

		arena_init(&a, 1 << 16);
		const char *why = guard_url(&guard_strict, &a, r->text, &u);
		bool as_said = r->why != NULL ? why != NULL && strstr(why, r->why) != NULL : why == NULL && strcmp(u.url, r->url) == 0;
		if (!as_said)
			t_fail(__FILE__, __LINE__, "%s: %s", r->text, why != NULL ? why : u.url);
		arena_free(&a);
	}
}

TEST(a_url_is_told_apart_into_its_parts)
{
	struct arena a;
	struct guard_url u;
	char longer[GUARD_URL_MAX + 2] = "https://example.com/";

	arena_init(&a, 1 << 16);
	CHECK(guard_url(&guard_strict, &a, "http://Example.com:8443/x?y", &u) == NULL);
	CHECK_STR(str_z(u.origin), S("http://example.com:8443"));
	CHECK_STR(str_z(u.host), S("example.com"));
	CHECK(!u.literal && u.port == 8443);
	CHECK(guard_url(&guard_open, &a, "http://[::1]:1234/", &u) == NULL);
	CHECK_STR(str_z(u.host), S("::1"));
	CHECK(u.literal && u.port == 1234);
	memset(longer + 20, 'a', GUARD_URL_MAX - 19);
	CHECK(guard_url(&guard_strict, &a, longer, &u) != NULL);
	longer[GUARD_URL_MAX] = '\0';
	CHECK(guard_url(&guard_strict, &a, longer, &u) == NULL);
	arena_free(&a);
}

TEST(a_reference_is_read_as_a_browser_reads_it)
{
	struct arena a;

	arena_init(&a, 1 << 16);
	CHECK_STR(str_z(guard_join(&a, "https://example.com/a/b?c", "d")), S("https://example.com/a/d"));
	CHECK_STR(str_z(guard_join(&a, "https://example.com/a/b", "/x y")), S("https://example.com/x%20y"));
	CHECK_STR(str_z(guard_join(&a, "https://example.com/a", "//other.example/")), S("https://other.example/"));
	CHECK(guard_join(&a, "nonsense", "/x") == NULL);
	arena_free(&a);
}

/* --- calls --- */

/* The web of the tests stands for the public Internet, and everything else is judged as it is. */
static const char *
web_is_public(const struct sockaddr *sa)
{
	struct sockaddr_storage at = address("127.0.0.1");
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa, *us = (const struct sockaddr_in *)(const void *)&at;

	return sa->sa_family == AF_INET && in->sin_addr.s_addr == us->sin_addr.s_addr ? NULL : guard_public(sa);
}

static _Atomic int asked;

/* Names of the form "A.then.B.example": the first time they are asked for, and from then on.  Dots of addresses are dashes. */
static void
fake_resolver(const char *host, struct guard_addresses *ret)
{
	str rest = str_z(host), first = str_split(&rest, '.'), second = str_split(&rest, '.');
	bool both = str_eq(second, S("and"));
	str third = str_split(&rest, '.');
	int times = asked++;

	ret->n = 0;
	for (int i = 0; i < (both ? 2 : 1); i++) {
		str s = i > 0 || (times > 0 && !both) ? third : first;
		char text[64] = "";
		memcpy(text, s.p, MIN(s.n, sizeof(text) - 1));
		for (char *p = text; *p != '\0'; p++)
			*p = *p == '-' ? '.' : *p;
		if (strcmp(text, "nobody") != 0)
			ret->at[ret->n++] = address(text);
	}
}

static const struct guard fake = { web_is_public, fake_resolver, true };

struct guarded { struct arena a; struct dial_request rq; struct dial_result r; int hops_asked; };

static void
ask(struct guarded *g, const char *name, const char *path, int hops)
{
	arena_init(&g->a, 1 << 20);
	const char *url = str_fmt(&g->a, "http://%s:%d/%s", name, web_port(), path).p;
	g->rq = (struct dial_request){ .method = "GET", .url = url, .connect_ms = 60000, .silence_ms = 60000, .total_ms = 60000, .max = 1 << 20,
	    .guard = &fake, .ctx = g };
	asked = 0;
	dial_follow(&g->a, &sys_clock_real, &g->rq, hops, NULL, &g->r);
}

TEST(a_name_is_looked_up_once_and_the_call_goes_there)
{
	struct guarded g;

	ask(&g, "127-0-0-1.then.10-0-0-1.example", "article", 0);
	CHECK_INT(g.r.fault, ==, DIAL_OK);
	CHECK_INT(g.r.status, ==, 200);
	CHECK_INT(asked, ==, 1);
	arena_free(&g.a);
}

TEST(names_that_lead_inside_are_refused)
{
	static const struct { const char *name; enum dial_fault fault; const char *why; } rows[] = {
		{ "10-0-0-1.then.10-0-0-1.example", DIAL_BLOCKED, "leads to 10.0.0.1, a private address" },
		{ "127-0-0-1.and.192-168-0-1.example", DIAL_BLOCKED, "192.168.0.1" },
		{ "192-168-0-1.and.127-0-0-1.example", DIAL_BLOCKED, "192.168.0.1" },
		{ "nobody.then.nobody.example", DIAL_RESOLVE, "no address" },
		{ "10.0.0.1", DIAL_BLOCKED, "RFC 1918" },
		{ "user@127.0.0.1", DIAL_BLOCKED, "user name" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct guarded g;
		ask(&g, rows[i].name, "article", 0);
		if (g.r.fault != rows[i].fault || strstr(g.r.why, rows[i].why) == NULL)
			t_fail(__FILE__, __LINE__, "%s: fault %d, \"%s\"", rows[i].name, g.r.fault, g.r.why);
		arena_free(&g.a);
	}
}

TEST(a_redirect_is_judged_anew)
{
	struct guarded g;

	/* a name that turns private between the two */
	ask(&g, "127-0-0-1.then.10-0-0-1.example", "redirect-1", 5);
	CHECK_INT(g.r.fault, ==, DIAL_BLOCKED);
	CHECK(strstr(g.r.why, "10.0.0.1") != NULL);
	CHECK_INT(asked, ==, 2);
	arena_free(&g.a);
	ask(&g, "127-0-0-1.then.127-0-0-1.example", "redirect-1", 5);
	CHECK_INT(g.r.fault, ==, DIAL_OK);
	CHECK_INT(g.r.status, ==, 200);
	CHECK(strstr(g.r.url, "/article/") != NULL);
	arena_free(&g.a);
	ask(&g, "127-0-0-1.then.127-0-0-1.example", "redirect-1", 0);
	CHECK_INT(g.r.status, ==, 302);
	CHECK(g.r.location != NULL && strstr(g.r.location, "/article/") != NULL);
	arena_free(&g.a);
}

/* What pinning promises is judged again where the connection is made. */
static _Atomic int judged;
static const char *
public_at_first(const struct sockaddr *sa)
{
	return judged++ == 0 ? NULL : guard_public(sa);
}

TEST(the_address_of_the_connection_has_the_last_word)
{
	static const struct guard g1 = { public_at_first, fake_resolver, true };
	struct guarded g;

	ask(&g, "127-0-0-1.then.127-0-0-1.example", "article", 0);
	g.rq.guard = &g1;
	dial(&g.a, &sys_clock_real, &g.rq, &g.r);
	CHECK_INT(g.r.fault, ==, DIAL_BLOCKED);
	CHECK(strstr(g.r.why, "loopback") != NULL);
	CHECK_INT(judged, >=, 2);
	arena_free(&g.a);
}

static _Atomic bool let_go;
static _Atomic int hang;
static void
slow_resolver(const char *host, struct guard_addresses *ret)
{
	(void)host;
	hang++;
	while (!let_go)
		usleep(5000);
	ret->n = 0;
	hang--;
}

static bool stop_now(void *ctx) { (void)ctx; return false; }

TEST(a_resolver_that_hangs_is_left_behind)
{
	static const struct guard slow = { web_is_public, slow_resolver, true };
	struct guarded g;

	ask(&g, "127-0-0-1.then.127-0-0-1.example", "article", 0);
	g.rq.guard = &slow;
	g.rq.connect_ms = 60;
	dial(&g.a, &sys_clock_real, &g.rq, &g.r);
	CHECK_INT(g.r.fault, ==, DIAL_TIMEOUT);
	g.rq.connect_ms = 60000;
	g.rq.alive = stop_now;
	dial(&g.a, &sys_clock_real, &g.rq, &g.r);
	CHECK_INT(g.r.fault, ==, DIAL_STOPPED);
	let_go = true;
	while (hang > 0)
		usleep(5000);
	usleep(50000);			/* the threads free what they hold, and say nothing of it */
	arena_free(&g.a);
}

TEST(a_proxy_of_the_environment_is_not_asked)
{
	struct guarded g;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	ask(&g, "127-0-0-1.then.127-0-0-1.example", "article", 0);
	CHECK_INT(g.r.status, ==, 200);
	unsetenv("http_proxy");
	g.rq.proxy = "http://127.0.0.1:1";
	dial(&g.a, &sys_clock_real, &g.rq, &g.r);
	CHECK_INT(g.r.fault, ==, DIAL_CONNECT);
	arena_free(&g.a);
}

static bool
count_hops(void *ctx, const char *url, int64_t left_ms)
{
	struct guarded *g = ctx;

	CHECK(left_ms > 0 && url != NULL);
	return ++g->hops_asked < 2;
}

TEST(each_hop_can_be_refused)
{
	struct guarded g = { .hops_asked = 0 };

	ask(&g, "127-0-0-1.then.127-0-0-1.example", "article", 5);
	g.rq.url = str_fmt(&g.a, "http://127.0.0.1:%d/redirect-1", web_port()).p;
	dial_follow(&g.a, &sys_clock_real, &g.rq, 5, count_hops, &g.r);
	CHECK_INT(g.hops_asked, ==, 2);
	CHECK_INT(g.r.fault, ==, DIAL_STOPPED);
	CHECK(strstr(g.r.url, "/article/") != NULL);
	arena_free(&g.a);
}

TEST(what_is_packed_has_the_limits_of_what_is_not)
{
	static const struct { const char *path; enum dial_fault fault; const char *why; } rows[] = {
		{ "gzip", DIAL_OK, "" }, { "bomb", DIAL_TOO_LARGE, "more than 1048576 bytes" }, { "nested", DIAL_TOO_LARGE, "more than 1048576 bytes" },
		{ "headers", DIAL_TOO_LARGE, "bytes of headers" }, { "short", DIAL_BROKEN, "broke" }, { "chunks", DIAL_BROKEN, "broke" },
		{ "redirect-4", DIAL_OK, "" }, { "nowhere", DIAL_OK, "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct guarded g;
		ask(&g, "127-0-0-1.then.127-0-0-1.example", "plain", 0);
		g.rq.url = str_fmt(&g.a, "http://127.0.0.1:%d/%s", web_port(), rows[i].path).p;
		g.rq.unpack = true;
		dial_follow(&g.a, &sys_clock_real, &g.rq, 4, NULL, &g.r);
		if (g.r.fault != rows[i].fault || strstr(g.r.why, rows[i].why) == NULL)
			t_fail(__FILE__, __LINE__, "%s: fault %d, \"%s\"", rows[i].path, g.r.fault, g.r.why);
		if (i == 0)
			CHECK(memmem(g.r.body.p, g.r.body.n, "gzipped", 7) != NULL);
		arena_free(&g.a);
	}
}

TEST(a_cookie_of_one_answer_is_not_sent_with_the_next_request)
{
	struct guarded g;

	ask(&g, "127-0-0-1.then.127-0-0-1.example", "cookies", 5);
	CHECK_INT(g.r.status, ==, 200);
	CHECK(memmem(g.r.body.p, g.r.body.n, "GET /echo", 9) != NULL);
	CHECK(memmem(g.r.body.p, g.r.body.n, "secret", 6) == NULL);
	arena_free(&g.a);
}

/* Nobody listens there: what counts is that the name is not looked up by anybody else. */
static void
loopback_of_both(const char *host, struct guard_addresses *ret)
{
	(void)host;
	ret->at[0] = address("::1");
	ret->at[1] = address("::ffff:127.0.0.1");
	ret->n = 2;
}

TEST(long_addresses_are_connected_to)
{
	static const struct guard both = { guard_any, loopback_of_both, true };
	struct guarded g;

	ask(&g, "127-0-0-1.then.127-0-0-1.example", "article", 0);
	g.rq.guard = &both;
	g.rq.url = "http://both.example:1/";
	dial(&g.a, &sys_clock_real, &g.rq, &g.r);
	CHECK_INT(g.r.fault, ==, DIAL_CONNECT);
	CHECK(strstr(g.r.why, "no connection to both.example:1") != NULL);
	g.rq.url = str_fmt(&g.a, "http://both.example:%d/article", web_port()).p;
	dial(&g.a, &sys_clock_real, &g.rq, &g.r);
	CHECK_INT(g.r.status, ==, 200);
	arena_free(&g.a);
}
