#include "api/cors.h"
#include "api/api.h"
#include "t.h"

/* What a story cannot reach yet: paths that are open to everybody, long lists, a header that comes twice. */

struct bench { struct exchange x; struct conf conf; };

static void
ask(struct bench *b, const char *method, const char *path, const char *origin, const char *list)
{
	*b = (struct bench){ .x = { .method = str_z(method), .path = str_z(path), .target = str_z(path) }, .conf = { .cors_origins = list } };
	arena_init(&b->x.arena, 1 << 20);
	if (origin != NULL)
		b->x.header[FH_ORIGIN] = str_z(origin);
	b->x.header[FH_ACCESS_CONTROL_REQUEST_METHOD] = S("POST");
}

static str
told(const struct bench *b, const char *name)
{
	for (int i = 0; i < b->x.nout; i++)
		if (strcmp(b->x.out[i].name, name) == 0)
			return str_z(b->x.out[i].value);
	return STR_NONE;
}

/* Who may read the answer to GET; absent: nobody. */
static void
check_reader(const char *path, const char *origin, const char *list, const char *want)
{
	struct bench b;

	ask(&b, "GET", path, origin, list);
	cors_headers(&b.conf, &b.x);
	str got = told(&b, "Access-Control-Allow-Origin");
	if (!str_eq(got, want != NULL ? str_z(want) : STR_NONE))
		t_fail(__FILE__, __LINE__, "%s from %s with '%s': %.*s", path, origin != NULL ? origin : "nowhere", list, STR(got));
	CHECK(told(&b, "Access-Control-Allow-Credentials").p == NULL);
	CHECK((told(&b, "Access-Control-Expose-Headers").p != NULL) == (want != NULL));
	arena_free(&b.x.arena);
}

TEST(some_paths_are_open_to_everybody_whatever_is_set)
{
	static const char *const open[] = { "/openapi.json", "/openapi.yaml", "/.well-known/oauth-authorization-server",
		"/.well-known/oauth-protected-resource/mcp", "/oauth/token", "/oauth/register", "/mcp", "/api/mcp",
		"/mcp/.well-known/oauth-protected-resource", "/v1/.well-known/oauth-authorization-server", "/oauth/register/cli_01J9ZAB12CD34E56F7G8H9JKMN", "/token", "/register",
		"/oauth/introspect" };
	static const char *const closed[] = { "/", "/openapi", "/oauth/authorize", "/authorize", "/oauth/consent", "/oauth/tokens", "/v1/.well-known", "/mcp/x", "/docs", "/v1/mcp", "/.well-known", "" };

	for (size_t i = 0; i < COUNT(open); i++) {
		check_reader(open[i], "https://a.example", "", "*");
		check_reader(open[i], NULL, "https://b.example", "*");
	}
	for (size_t i = 0; i < COUNT(closed); i++) {
		check_reader(closed[i], "https://a.example", "", NULL);
		check_reader(closed[i], "https://a.example", "https://b.example", NULL);
	}
	check_reader("/docs", "https://a.example", "*", NULL);
}

TEST(a_preflight_of_an_open_path_passes)
{
	struct bench b;

	ask(&b, "OPTIONS", "/oauth/token", "https://a.example", "");
	CHECK(cors_preflight(&b.conf, &b.x, 1u << M_POST));
	CHECK_INT(b.x.status, ==, 204);
	CHECK_STR(told(&b, "Access-Control-Allow-Methods"), S("POST"));
	CHECK_STR(told(&b, "Access-Control-Allow-Origin"), S("*"));
	arena_free(&b.x.arena);
	ask(&b, "OPTIONS", "/v1/notes", "https://a.example", "");
	CHECK(!cors_preflight(&b.conf, &b.x, 0));
	CHECK_INT(b.x.status, ==, 0);
	CHECK_INT(b.x.nout, ==, 0);
	arena_free(&b.x.arena);
	ask(&b, "POST", "/oauth/token", "https://a.example", "");
	CHECK(!cors_preflight(&b.conf, &b.x, 0));
	arena_free(&b.x.arena);
}

TEST(one_of_very_many_is_found_and_two_are_none)
{
	struct arena a;
	struct buf list;
	struct bench b;

	arena_init(&a, 1 << 20);
	buf_init(&list, &a, 1 << 18);
	for (int i = 0; i < 2000; i++)
		buf_fmt(&list, "%shttps://app%d.example.com", i > 0 ? " , " : "", i);
	buf_char(&list, '\0');
	check_reader("/v1/notes", "https://app1999.example.com", list.p, "https://app1999.example.com");
	check_reader("/v1/notes", "https://app2000.example.com", list.p, NULL);
	check_reader("/v1/notes", "https://app199.example.co", list.p, NULL);
	check_reader("/v1/notes", "", list.p, NULL);
	ask(&b, "GET", "/v1/notes", "https://app7.example.com", list.p);
	b.x.header_twice[FH_ORIGIN] = true;
	cors_headers(&b.conf, &b.x);
	CHECK(told(&b, "Access-Control-Allow-Origin").p == NULL);
	CHECK_STR(told(&b, "Vary"), S("Origin"));
	arena_free(&b.x.arena);
	arena_free(&a);
}

TEST(the_doctor_knows_what_no_browser_sends)
{
	static const char *const good[] = { "", "*", "https://a.example", "http://localhost:3000/, https://b.example", "http://[::1]:8080", "app://x" };
	static const struct { const char *list, *odd; } bad[] = {
		{ "a.example", "a.example" }, { "https://a.example,null", "null" }, { "https://a.example/path", "https://a.example/path" },
		{ "https://*.a.example", "https://*.a.example" }, { "https://", "https:" }, { "https://a.example,,", "''" }, { "https://u@a", "https://u@a" },
	};

	for (size_t i = 0; i < COUNT(good); i++)
		CHECK(cors_odd(good[i]).p == NULL);
	for (size_t i = 0; i < COUNT(bad); i++)
		CHECK_STR(cors_odd(bad[i].list), str_z(bad[i].odd));
}
