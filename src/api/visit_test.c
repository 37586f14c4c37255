#include "api/visit.h"
#include "t.h"

#define LOCAL	"http://127.0.0.1:8080"

TEST(a_cookie_is_believed_where_it_cannot_be_overheard)
{
	static const struct { const char *url, *address, *cookie, *want; } row[] = {
		{ "", "127.0.0.1", "scriped=abc", "abc" }, { "", "192.168.1.7", "a=b; scriped=abc", "abc" }, { "", "::1", "scriped=abc", "abc" },
		{ "", "203.0.113.7", "scriped=abc", NULL }, { "http://scripe.example", "203.0.113.7", "scriped=abc", NULL },
		{ "https://scripe.example", "203.0.113.7", "__Host-scriped=abc", "abc" }, { "https://scripe.example", "203.0.113.7", "scriped=abc", NULL },
		{ "https://scripe.example", "127.0.0.1", "scriped=abc", NULL }, { "", "127.0.0.1", "__Host-scriped=abc", NULL },
		{ "", "127.0.0.1", "scriped=abc; scriped=def", NULL }, { "", "127.0.0.1", NULL, NULL }, { "", "172.32.0.1", "scriped=abc", NULL },
		{ "", "not an address", "scriped=abc", NULL },
	};

	for (size_t i = 0; i < COUNT(row); i++) {
		struct conf c = { .public_url = row[i].url };
		struct exchange x = { .header[FH_COOKIE] = row[i].cookie != NULL ? str_z(row[i].cookie) : STR_NONE };
		str got = visit_cookie(&c, &x, str_z(row[i].address));
		if (row[i].want == NULL ? got.p != NULL : !str_eq(got, str_z(row[i].want)))
			t_fail(__FILE__, __LINE__, "row %zu: '%.*s'", i, STR(got));
	}
}

TEST(a_browser_says_where_it_comes_from)
{
	static const struct { const char *url, *host, *origin, *site; enum visit_from want; } row[] = {
		{ "", "127.0.0.1:8080", NULL, NULL, VISIT_UNTOLD }, { "", "127.0.0.1:8080", NULL, "none", VISIT_UNTOLD },
		{ "", "127.0.0.1:8080", LOCAL, NULL, VISIT_OURS }, { "", "127.0.0.1:8080", LOCAL, "same-origin", VISIT_OURS },
		{ "", "127.0.0.1:8080", NULL, "same-origin", VISIT_OURS }, { "", "127.0.0.1:8080", NULL, "same-site", VISIT_THEIRS },
		{ "", "127.0.0.1:8080", NULL, "cross-site", VISIT_THEIRS }, { "", "127.0.0.1:8080", LOCAL, "cross-site", VISIT_THEIRS },
		{ "", "127.0.0.1:8080", NULL, "", VISIT_THEIRS }, { "", "127.0.0.1:8080", "null", NULL, VISIT_THEIRS },
		{ "", "127.0.0.1:8080", "", NULL, VISIT_THEIRS }, { "", "127.0.0.1:8080", "https://127.0.0.1:8080", NULL, VISIT_THEIRS },
		{ "", "127.0.0.1:8080", "http://127.0.0.1:80", NULL, VISIT_THEIRS }, { "", "127.0.0.1:8080", "http://evil.example", "same-origin", VISIT_THEIRS },
		{ "https://scripe.example", "x", "https://scripe.example", NULL, VISIT_OURS }, { "https://scripe.example/", "x", "https://Scripe.Example", NULL, VISIT_OURS },
		{ "https://scripe.example/app", "x", "https://scripe.example", NULL, VISIT_OURS }, { "https://scripe.example", "x", "https://scripe.exampl", NULL, VISIT_THEIRS },
		{ "https://scripe.example", "x", "https://scripe.example.evil", NULL, VISIT_THEIRS }, { "https://scripe.example:8443", "x", "https://scripe.example", NULL, VISIT_THEIRS },
		{ "https://scripe.example", "evil.example", "http://evil.example", NULL, VISIT_THEIRS }, { "https://scripe.example", "x", "https:", NULL, VISIT_THEIRS },
	};

	for (size_t i = 0; i < COUNT(row); i++) {
		struct conf c = { .public_url = row[i].url };
		struct exchange x = { .header[FH_HOST] = str_z(row[i].host), .header[FH_ORIGIN] = row[i].origin != NULL ? str_z(row[i].origin) : STR_NONE,
		    .header[FH_SEC_FETCH_SITE] = row[i].site != NULL ? str_z(row[i].site) : STR_NONE };
		if (visit_from(&c, &x) != row[i].want)
			t_fail(__FILE__, __LINE__, "row %zu: %d", i, (int)visit_from(&c, &x));
	}
	struct conf c = { .public_url = "" };
	struct exchange twice = { .header[FH_HOST] = S("127.0.0.1:8080"), .header[FH_ORIGIN] = S(LOCAL), .header_twice[FH_ORIGIN] = true, .header[FH_COOKIE] = S("scriped=abc") };
	CHECK(visit_from(&c, &twice) == VISIT_THEIRS && visit_cookie(&c, &twice, S("127.0.0.1")).p == NULL);
}
