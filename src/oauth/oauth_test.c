#include "oauth/oauth_priv.h"
#include "t.h"

/* What the authorization server decides without a database: rows of what comes and what becomes of it. */

#define SCHEMES "cursor,vscode"
struct bench { struct arena a; struct refusal r; };

static void
setup(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	arena_init(&b->a, 1 << 22);
	CHECK(crypto_init());
}

static void cleanup(struct bench *b) { arena_free(&b->a); }

TEST(a_redirect_uri_is_of_the_web_of_this_machine_or_of_an_app)
{
	static const struct { const char *uri; int kind; } row[] = {	/* -1: refused */
		{ "https://app.example.com/cb", REDIRECT_WEB }, { "https://app.example.com", REDIRECT_WEB }, { "https://app.example.com:8443/cb?x=1&y=%20", REDIRECT_WEB },
		{ "http://127.0.0.1:1234/cb", REDIRECT_LOOPBACK }, { "http://127.0.0.1/", REDIRECT_LOOPBACK }, { "http://[::1]:9/x", REDIRECT_LOOPBACK },
		{ "http://localhost:3000/oauth/callback", REDIRECT_LOOPBACK }, { "https://localhost/cb", REDIRECT_WEB },
		{ "com.example.app:/oauth", REDIRECT_APP }, { "com.example.app://host/cb", REDIRECT_APP }, { "cursor://anysphere.cursor-retrieval/oauth/cb", REDIRECT_APP },
		{ "vscode://vendor.ext/did-authenticate", REDIRECT_APP },
		/* not of us */
		{ "", -1 }, { "/cb", -1 }, { "app.example.com/cb", -1 }, { "https:", -1 }, { "https://", -1 }, { "https:///cb", -1 }, { "https:/app.example.com", -1 },
		{ "http://app.example.com/cb", -1 }, { "http://127.0.0.2/cb", -1 }, { "http://127.0.0.1.evil.example/", -1 }, { "http://localhost.evil.example/", -1 },
		{ "http://0.0.0.0/cb", -1 }, { "http://[::]/cb", -1 }, { "http://[::ffff:127.0.0.1]/", -1 }, { "http://2130706433/", -1 },
		{ "javascript:alert(1)", -1 }, { "javascript://app.example.com/%0aalert(1)", -1 }, { "data:text/html,x", -1 }, { "file:///etc/passwd", -1 }, { "blob:https://x", -1 },
		{ "vbscript:x", -1 }, { "about:blank", -1 }, { "view-source:https://x", -1 }, { "ms-msdt:/id", -1 }, { "windsurf://x", -1 }, { "Cursor://x", -1 },
		{ "HTTPS://app.example.com/cb", -1 }, { "urn:ietf:wg:oauth:2.0:oob", -1 }, { ".evil:/x", -1 }, { "1a.b:/x", -1 }, { "com.example.app://u@host/cb", -1 },
		/* two readers read it differently */
		{ "https://app.example.com/cb#x", -1 }, { "https://app.example.com/cb#", -1 }, { "https://user@app.example.com/", -1 }, { "https://user:pw@app.example.com/", -1 },
		{ "https://app.example.com\\@evil.example/", -1 }, { "https://app.example.com/a/../b", -1 }, { "https://app.example.com/a/./b", -1 }, { "https://app.example.com/..", -1 },
		{ "https://app.example.com/a/%2e%2e/b", -1 }, { "https://app.example.com/a/.%2E/b", -1 }, { "https://app.example.com/%2e/b", -1 }, { "https://app.example.com/a%2fb", -1 },
		{ "https://app.example.com/a%5Cb", -1 }, { "https://app.example.com/a b", -1 }, { "https://app.example.com/\r\nx", -1 }, { "https://app.example.com/\xc3\xa4", -1 },
		{ "https://app.example.com/%", -1 }, { "https://app.example.com/%2", -1 }, { "https://app.example.com/%zz", -1 }, { "https://app.example.com:/cb", -1 },
		{ "https://app.example.com:0/cb", -1 }, { "https://app.example.com:65536/cb", -1 }, { "https://app.example.com:00443443/cb", -1 }, { "https://a*b.example/", -1 },
		{ "https://app.example.com;x/cb", -1 }, { "http://127.0.0.1:x/cb", -1 }, { "https://*.example.com/cb", -1 },
		/* dots that are none */
		{ "https://app.example.com/...", REDIRECT_WEB }, { "https://app.example.com/.well-known/cb", REDIRECT_WEB }, { "https://app.example.com/a?b=/../c", REDIRECT_WEB },
	};
	enum redirect_kind kind;

	for (size_t i = 0; i < COUNT(row); i++) {
		const char *odd = redirect_judge(str_z(row[i].uri), SCHEMES, &kind);
		if ((odd == NULL) != (row[i].kind >= 0) || (odd == NULL && (int)kind != row[i].kind))
			t_fail(__FILE__, __LINE__, "%s: %s", row[i].uri, odd != NULL ? odd : "taken");
	}
}

TEST(a_redirect_uri_has_an_end)
{
	char long_one[REDIRECT_MAX + 2];
	enum redirect_kind kind;

	memset(long_one, 'x', sizeof(long_one));
	memcpy(long_one, "https://app.example.com/", 24);
	CHECK(redirect_judge((str){ long_one, REDIRECT_MAX }, "", &kind) == NULL);
	CHECK(redirect_judge((str){ long_one, REDIRECT_MAX + 1 }, "", &kind) != NULL);
}

TEST(redirect_uris_match_letter_by_letter_but_for_the_port_of_loopback)
{
	static const struct { const char *registered, *given; bool ok; } row[] = {
		{ "https://a.example/cb", "https://a.example/cb", true }, { "https://a.example/cb", "https://a.example/cb/", false }, { "https://a.example/cb", "https://a.example/CB", false },
		{ "https://a.example/cb", "https://A.example/cb", false }, { "https://a.example/cb", "https://a.example:443/cb", false }, { "https://a.example/cb", "https://a.example/cb?x", false },
		{ "https://a.example/cb", "https://a.example/c%62", false }, { "https://a.example/cb", "http://a.example/cb", false }, { "https://a.example/", "https://a.example", false },
		{ "http://127.0.0.1/cb", "http://127.0.0.1:5000/cb", true }, { "http://127.0.0.1:3000/cb", "http://127.0.0.1:5000/cb", true }, { "http://127.0.0.1:3000/cb", "http://127.0.0.1/cb", true },
		{ "http://127.0.0.1/cb", "http://127.0.0.1:5000/cb2", false }, { "http://127.0.0.1/cb", "http://localhost:5000/cb", false }, { "http://localhost/cb", "http://localhost:5000/cb", true },
		{ "http://[::1]/cb", "http://[::1]:5000/cb", true }, { "http://[::1]/cb", "http://127.0.0.1:5000/cb", false }, { "http://127.0.0.1/cb", "https://127.0.0.1:5000/cb", false },
		{ "http://127.0.0.1/cb", "http://127.0.0.1:5000/cb#x", false }, { "http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", false }, { "http://127.0.0.1/cb", "http://u@127.0.0.1:1/cb", false },
		{ "http://127.0.0.1/cb", "http://127.0.0.1:5000@evil.example/cb", false }, { "http://127.0.0.1/cb?a=1", "http://127.0.0.1:5/cb?a=2", false },
		{ "com.example.app:/cb", "com.example.app:/cb", true }, { "com.example.app:/cb", "com.example.app://cb", false }, { "http://127.0.0.1/cb", "", false },
	};

	for (size_t i = 0; i < COUNT(row); i++)
		if (redirect_matches(str_z(row[i].registered), str_z(row[i].given)) != row[i].ok)
			t_fail(__FILE__, __LINE__, "%s and %s", row[i].registered, row[i].given);
}

TEST(what_is_shown_of_a_redirect_uri_is_its_host)
{
	CHECK_STR(redirect_host(S("https://app.example.com/cb")), S("app.example.com"));
	CHECK_STR(redirect_host(S("https://app.example.com:8443/cb")), S("app.example.com:8443"));
	CHECK_STR(redirect_host(S("http://[::1]:33/")), S("[::1]:33"));
	CHECK_STR(redirect_host(S("cursor://a/b")), S("cursor"));
	CHECK_STR(redirect_host(S("com.example.app:/b")), S("com.example.app"));
}

TEST(an_answer_is_put_behind_the_redirect_uri_encoded)
{
	struct front_param v[] = { { S("code"), S("a-b_c") }, { S("state"), S("x y&z=\xc3\xa4\r\n") }, { S("none"), STR_NONE } };
	struct bench b;

	setup(&b);
	CHECK_STR(str_z(redirect_with(&b.a, S("https://a.example/cb"), v, 3)), S("https://a.example/cb?code=a-b_c&state=x%20y%26z%3D%C3%A4%0D%0A"));
	CHECK_STR(str_z(redirect_with(&b.a, S("https://a.example/cb?k=v"), v, 1)), S("https://a.example/cb?k=v&code=a-b_c"));
	cleanup(&b);
}

TEST(scopes_are_read_in_any_order_and_written_in_ours)
{
	struct bench b;
	bool unknown;

	setup(&b);
	CHECK_INT(scope_read(S("posts:write  notes:read notes:read"), &unknown), ==, SCOPE_BIT(POSTS_WRITE) | SCOPE_BIT(NOTES_READ));
	CHECK(!unknown);
	CHECK_INT(scope_read(S("openid notes:read"), &unknown), ==, SCOPE_BIT(NOTES_READ));
	CHECK(unknown);
	CHECK_INT(scope_read(STR_NONE, &unknown), ==, 0);
	CHECK(!unknown);
	CHECK_STR(scope_text(&b.a, SCOPE_BIT(POSTS_WRITE) | SCOPE_BIT(NOTES_READ) | SCOPE_OFFLINE), S("notes:read posts:write offline_access"));
	cleanup(&b);
}

TEST(a_role_uses_the_scopes_of_the_operations_that_are_open_to_it)
{
	unsigned admin = scopes_of_role(ROLE_ADMIN), client = scopes_of_role(ROLE_CLIENT);

	CHECK((admin & SCOPE_BIT(POSTS_WRITE)) && (admin & SCOPE_BIT(NOTES_READ)) && (admin & SCOPE_OFFLINE));
	CHECK(client & SCOPE_BIT(POSTS_READ));
	CHECK_INT(client & SCOPE_BIT(POSTS_WRITE), ==, 0);
}

TEST(parameters_come_once)
{
	static const struct { const char *text; bool ok; } row[] = {
		{ "a=1&b=2", true }, { "a=1&a=1", false }, { "a=1&a=", false }, { "resource=x&resource=y", true }, { "a=%zz", false }, { "a=%00", false }, { "a=%ff", false }, { "", true },
	};
	struct params p;
	struct bench b;

	setup(&b);
	for (size_t i = 0; i < COUNT(row); i++)
		if ((params_read(&b.a, str_z(row[i].text), &p, &b.r) == O_OK) != row[i].ok)
			t_fail(__FILE__, __LINE__, "%s", row[i].text);
	CHECK_INT(params_read(&b.a, S("a=&b=x+y"), &p, &b.r), ==, O_OK);
	CHECK(param(&p, "a").p == NULL);		/* without a value it is not there */
	CHECK_STR(param(&p, "b"), S("x y"));
	cleanup(&b);
}

TEST(resources_are_those_of_this_server)
{
	static const struct { const char *text, *want; } row[] = {	/* NULL: invalid_target */
		{ "", "" }, { "resource=", "" }, { "resource=https://s.example", "https://s.example" }, { "resource=https://s.example/", "https://s.example" },
		{ "resource=HTTPS://S.example/mcp", "https://s.example/mcp" }, { "resource=https://s.example/mcp/", "https://s.example/mcp" },
		{ "resource=https://s.example/api/mcp&resource=https://s.example/v1", "https://s.example/api/mcp https://s.example/v1" },
		{ "resource=https://s.example/mcp&resource=https://s.example/mcp/", "https://s.example/mcp" },
		{ "resource=https://s.example/mcp%23x", NULL }, { "resource=https://s.example/other", NULL }, { "resource=https://s.example.evil", NULL },
		{ "resource=https://evil.example", NULL }, { "resource=https://s.example/mcp&resource=https://evil.example", NULL }, { "resource=https://s.example/MCP", NULL },
		{ "resource=https://s.example//", NULL }, { "resource=http://s.example", NULL }, { "resource=s.example", NULL }, { "resource=https://s.example?x", NULL },
	};
	struct params p;
	struct bench b;
	str got;

	setup(&b);
	for (size_t i = 0; i < COUNT(row); i++) {
		CHECK_INT(params_read(&b.a, str_z(row[i].text), &p, &b.r), ==, O_OK);
		enum refused code = resources_read(&b.a, "https://s.example", &p, &got, &b.r);
		CHECK_INT(code, ==, row[i].want != NULL ? O_OK : O_INVALID_TARGET);
		if (row[i].want != NULL)
			CHECK_STR(got, str_z(row[i].want));
	}
	CHECK(resources_within(S("https://s/mcp"), S("https://s https://s/mcp")) && !resources_within(S("https://s/v1"), S("https://s https://s/mcp")));
	CHECK(resources_ours("https://s", S("https://s")) && resources_ours("https://s", S("https://s/mcp https://s")) && !resources_ours("https://s", S("https://s.evil/mcp")));
	CHECK(!resources_ours("https://s", S("https://t")) && !resources_ours("https://s", S("")));
	CHECK(resources_within(STR_NONE, S("https://s")) && !resources_within(S("https://s/mcp https://s/v1"), S("https://s/mcp")));
	cleanup(&b);
}

TEST(a_document_is_believed_as_long_as_its_headers_say_within_bounds)
{
	static const struct { const char *header; int64_t s; } row[] = {
		{ "max-age=600", 600 }, { "public, max-age=600", 600 }, { "MAX-AGE=600 , public", 600 }, { "max-age=1", 60 }, { "max-age=0", 60 }, { "max-age=-5", 60 },
		{ "max-age=999999999999999999999", 60 }, { "max-age=1000000", 86400 }, { "max-age=9223372036854775807", 86400 }, { "no-store", 60 }, { "no-cache, max-age=600", 60 },
		{ "max-age=600, no-store", 60 }, { "private", 3600 }, { "", 3600 }, { "max-age=\"600\"", 60 }, { ",,,", 3600 },
	};

	for (size_t i = 0; i < COUNT(row); i++)
		if (document_fresh_ms(str_z(row[i].header)) != row[i].s * 1000)
			t_fail(__FILE__, __LINE__, "%s: %lld", row[i].header, (long long)document_fresh_ms(str_z(row[i].header)));
	CHECK_INT(document_fresh_ms(STR_NONE), ==, 3600000);
}

TEST(a_document_is_at_an_https_url_with_a_path)
{
	static const struct { const char *id; bool strict, open; } row[] = {
		{ "https://app.example.com/client.json", true, true }, { "https://app.example.com:8443/a/b?x=1", true, true }, { "http://127.0.0.1:9/client.json", false, true },
		{ "https://app.example.com", false, false }, { "https://app.example.com/", false, false }, { "https://app.example.com/?x", false, false },
		{ "https://app.example.com/a#b", false, false }, { "https://u@app.example.com/a", false, false }, { "https://app.example.com/../a", false, false },
		{ "https://app.example.com/%2e%2e/a", false, false }, { "cli_01J9ZAB12CD34E56F7G8H9JKMN", false, false }, { "ftp://app.example.com/a", false, false }, { "", false, false },
		{ "HTTPS://app.example.com/a", false, false }, { "https://app.example.com/a b", false, false },
	};
	struct conf strict = { .oauth_allow_private = false }, open = { .oauth_allow_private = true };

	for (size_t i = 0; i < COUNT(row); i++)
		if (document_named(&strict, str_z(row[i].id)) != row[i].strict || document_named(&open, str_z(row[i].id)) != row[i].open)
			t_fail(__FILE__, __LINE__, "%s", row[i].id);
}

/* --- what a client says of itself --- */

static enum refused
said(struct bench *b, const char *json, const char *document, struct client *ret)
{
	json_t *all;
	struct error e;

	rec_init(&client_row, ret);
	CHECK_INT(json_read(str_z(json), &all, &e), ==, OK);
	enum refused code = describe(&b->a, all, document != NULL ? str_z(document) : STR_NONE, SCHEMES, ret, &b->r);
	json_decref(all);
	return code;
}

#define CB "\"redirect_uris\":[\"https://a.example/cb\"]"
TEST(metadata_is_taken_as_far_as_it_is_known_and_right)
{
	static const struct { const char *json; enum refused code; } row[] = {
		{ "{" CB "}", O_OK }, { "{}", O_INVALID_REDIRECT_URI }, { "[]", O_INVALID_CLIENT_METADATA }, { "null", O_INVALID_CLIENT_METADATA },
		{ "{\"redirect_uris\":[]}", O_INVALID_REDIRECT_URI }, { "{\"redirect_uris\":\"https://a.example/cb\"}", O_INVALID_REDIRECT_URI }, { "{\"redirect_uris\":[1]}", O_INVALID_REDIRECT_URI },
		{ "{\"redirect_uris\":[\"https://a.example/cb\",\"http://a.example/cb\"]}", O_INVALID_REDIRECT_URI },
		{ "{" CB ",\"client_name\":7}", O_INVALID_CLIENT_METADATA }, { "{" CB ",\"client_name\":null}", O_OK }, { "{" CB ",\"client_name\":\"a\\nb\"}", O_INVALID_CLIENT_METADATA },
		{ "{" CB ",\"token_endpoint_auth_method\":\"none\"}", O_OK }, { "{" CB ",\"token_endpoint_auth_method\":\"private_key_jwt\"}", O_INVALID_CLIENT_METADATA },
		{ "{" CB ",\"grant_types\":[\"authorization_code\",\"implicit\"]}", O_OK }, { "{" CB ",\"grant_types\":[\"client_credentials\"]}", O_INVALID_CLIENT_METADATA },
		{ "{" CB ",\"grant_types\":\"authorization_code\"}", O_INVALID_CLIENT_METADATA }, { "{" CB ",\"response_types\":[\"token\"]}", O_INVALID_CLIENT_METADATA },
		{ "{" CB ",\"application_type\":\"native\"}", O_OK }, { "{" CB ",\"application_type\":\"x\"}", O_INVALID_CLIENT_METADATA },
		{ "{" CB ",\"logo_uri\":\"javascript:alert(1)\"}", O_INVALID_CLIENT_METADATA }, { "{" CB ",\"client_uri\":\"https://a.example\"}", O_OK },
		{ "{" CB ",\"contacts\":[\"a@b\"]}", O_OK }, { "{" CB ",\"contacts\":[1]}", O_INVALID_CLIENT_METADATA }, { "{" CB ",\"contacts\":{}}", O_INVALID_CLIENT_METADATA },
		{ "{" CB ",\"unknown\":{\"a\":[1]}}", O_OK }, { "{" CB ",\"jwks\":{\"keys\":[]}}", O_OK }, { "{" CB ",\"scope\":[]}", O_INVALID_CLIENT_METADATA },
	};
	struct client c;
	struct bench b;

	setup(&b);
	for (size_t i = 0; i < COUNT(row); i++)
		if (said(&b, row[i].json, NULL, &c) != row[i].code)
			t_fail(__FILE__, __LINE__, "%s: %s", row[i].json, b.r.why);
	cleanup(&b);
}

TEST(what_is_left_out_has_defaults_and_what_is_unknown_is_dropped)
{
	struct client c;
	struct bench b;

	setup(&b);
	CHECK_INT(said(&b, "{" CB ",\"x\":1,\"software_id\":\"s\",\"scope\":\"notes:read\"}", NULL, &c), ==, O_OK);
	CHECK_STR(c.name, S("a.example"));
	CHECK_STR(c.scopes, S("notes:read"));
	CHECK_INT(c.auth_method, ==, CLIENT_AUTH_BASIC);
	CHECK_STR(c.redirects, S("[\"https://a.example/cb\"]"));
	CHECK_STR(c.metadata, S("{\"grant_types\":[\"authorization_code\"],\"response_types\":[\"code\"],\"software_id\":\"s\"}"));
	CHECK(!client_may_refresh(&c));
	CHECK_STR(client_redirect(&b.a, &c, 0), S("https://a.example/cb"));
	CHECK(client_redirect(&b.a, &c, 1).p == NULL && client_redirect(&b.a, &c, -1).p == NULL);
	CHECK_INT(said(&b, "{" CB ",\"grant_types\":[\"refresh_token\",\"authorization_code\"]}", NULL, &c), ==, O_OK);
	CHECK(client_may_refresh(&c));
	CHECK_INT(said(&b, "{" CB ",\"grant_types\":[\"authorization_code\"],\"software_id\":\"\\\"refresh_token\\\"\"}", NULL, &c), ==, O_OK);
	CHECK(!client_may_refresh(&c));
	cleanup(&b);
}

#define URL "https://a.example/client.json"
TEST(a_document_names_itself_and_has_no_secret)
{
	static const struct { const char *json; enum refused code; } row[] = {
		{ "{\"client_id\":\"" URL "\",\"client_name\":\"A\"," CB "}", O_OK }, { "{\"client_name\":\"A\"," CB "}", O_INVALID_CLIENT_METADATA },
		{ "{\"client_id\":\"" URL "/\",\"client_name\":\"A\"," CB "}", O_INVALID_CLIENT_METADATA }, { "{\"client_id\":\"" URL "\"," CB "}", O_INVALID_CLIENT_METADATA },
		{ "{\"client_id\":\"" URL "\",\"client_name\":\" \"," CB "}", O_INVALID_CLIENT_METADATA }, { "{\"client_id\":\"" URL "\",\"client_name\":\"A\"}", O_INVALID_REDIRECT_URI },
		{ "{\"client_id\":\"" URL "\",\"client_name\":\"A\",\"client_secret\":\"x\"," CB "}", O_INVALID_CLIENT_METADATA },
		{ "{\"client_id\":\"" URL "\",\"client_name\":\"A\",\"token_endpoint_auth_method\":\"client_secret_post\"," CB "}", O_INVALID_CLIENT_METADATA },
		{ "{\"client_id\":\"" URL "\",\"client_name\":\"A\",\"token_endpoint_auth_method\":\"none\"," CB "}", O_OK },
	};
	struct client c;
	struct bench b;

	setup(&b);
	for (size_t i = 0; i < COUNT(row); i++)
		if (said(&b, row[i].json, URL, &c) != row[i].code)
			t_fail(__FILE__, __LINE__, "%s: %s", row[i].json, b.r.why);
	CHECK_INT(c.auth_method, ==, CLIENT_AUTH_NONE);
	cleanup(&b);
}

TEST(an_error_has_only_the_letters_that_its_rfc_allows)
{
	struct refusal r;

	CHECK_INT(refuse(&r, O_INVALID_GRANT, "a \"b\" \\ c\n\xc3\xa4"), ==, O_INVALID_GRANT);
	CHECK_STR(str_z(r.why), S("a 'b' ? c???"));
	CHECK_STR(str_z(refused_word(O_INVALID_TARGET)), S("invalid_target"));
}
