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

/* What a page of another site leads to is its reader's; what it asks for behind their back is nobody's. */
TEST(a_page_that_is_opened_by_a_link_is_its_readers)
{
	static const struct { const char *method, *site, *mode, *dest, *origin; bool page, api; } row[] = {
		{ "GET", "cross-site", "navigate", "document", NULL, true, false }, { "HEAD", "same-site", "navigate", "document", NULL, true, false },
		{ "GET", "same-origin", "cors", "empty", NULL, true, true }, { "GET", NULL, NULL, NULL, NULL, true, true }, { "GET", "cross-site", NULL, NULL, NULL, true, false },
		{ "POST", "cross-site", "navigate", "document", NULL, false, false }, { "GET", "cross-site", "navigate", "iframe", NULL, false, false },
		{ "GET", "cross-site", "no-cors", "image", NULL, false, false }, { "GET", "cross-site", "cors", "empty", NULL, false, false },
		{ "GET", "cross-site", "navigate", "document", "https://evil.example", false, false }, { "GET", "same-site", "cors", "document", NULL, false, false },
	};

	for (size_t i = 0; i < COUNT(row); i++) {
		const char *h[] = { row[i].site, row[i].mode, row[i].dest, row[i].origin };
		enum front_header k[] = { FH_SEC_FETCH_SITE, FH_SEC_FETCH_MODE, FH_SEC_FETCH_DEST, FH_ORIGIN };
		struct exchange x = { .method = str_z(row[i].method), .header[FH_HOST] = S("127.0.0.1:8080"), .header[FH_COOKIE] = S("scriped=abc") };
		struct conf c = { .public_url = "" };
		for (size_t j = 0; j < COUNT(h); j++)
			x.header[k[j]] = h[j] != NULL ? str_z(h[j]) : STR_NONE;
		if ((visit_cookie_of_page(&c, &x, S("127.0.0.1")).p != NULL) != row[i].page || (visit_cookie(&c, &x, S("127.0.0.1")).p != NULL) != row[i].api)
			t_fail(__FILE__, __LINE__, "row %zu", i);
		CHECK(visit_cookie_of_page(&c, &x, S("203.0.113.7")).p == NULL);
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
