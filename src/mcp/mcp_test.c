#include "t_app.h"
#include "mcp/turn.h"
#include <stdio.h>

/* What of MCP is decided without a socket: messages, names in headers, who may speak to us, tools and their schemas; and sessions on both engines. */

/* --- messages --- */

static const char *
reads_as(struct arena *a, const char *text, struct message *ret)
{
	struct error e;
	json_t *v;

	if (json_read(str_z(text), &v, &e) != OK)
		return "no JSON";
	const char *bad = message_read(v, a, ret);
	json_decref(v);
	return bad;
}

TEST(a_message_is_a_request_a_notification_or_a_response)
{
	static const struct { const char *text; enum message_kind kind; const char *id; } rows[] = {
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}", MSG_REQUEST, "7" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"method\":\"ping\",\"params\":{\"_meta\":{}}}", MSG_REQUEST, "\"a\\\"b\"" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", MSG_NOTE, NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", MSG_RESPONSE, "1" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}", MSG_RESPONSE, "1" },
	};
	struct arena a;
	struct message g;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK(reads_as(&a, rows[i].text, &g) == NULL);
		CHECK_INT(g.kind, ==, rows[i].kind);
		CHECK_STR(g.id, str_z(rows[i].id));
	}
	arena_free(&a);
}

TEST(what_is_no_message_is_said_and_its_id_is_kept)
{
	static const struct { const char *text; const char *id; } rows[] = {
		{ "1", NULL }, { "[]", NULL }, { "{}", NULL }, { "{\"jsonrpc\":\"1.0\",\"id\":3,\"method\":\"x\"}", "3" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}", NULL }, { "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"x\"}", NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"x\"}", NULL }, { "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":5}", "4" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"x\",\"params\":[]}", "4" }, { "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"x\",\"params\":{\"_meta\":1}}", "4" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":4}", "4" },
	};
	struct arena a;
	struct message g;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK(reads_as(&a, rows[i].text, &g) != NULL);
		CHECK_STR(g.id, str_z(rows[i].id));
	}
	arena_free(&a);
}

TEST(a_name_in_a_header_is_plain_or_coded)
{
	static const struct { const char *header, *name; bool same; } rows[] = {
		{ "get_note", "get_note", true }, { "get_note", "get_notes", false }, { "=?base64?Z2V0X25vdGU=?=", "get_note", true },
		{ "=?base64?fn9+?=", "~\x7f~", true }, { "=?base64?" "?=", "", true }, { "=?base64?!!!!?=", "get_note", false },
		{ "=?BASE64?Z2V0X25vdGU=?=", "get_note", false }, { "=?base64?Z2V0X25vdGU=", "get_note", false }, { "", "", true },
	};
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK_INT(turn_header_is(&a, str_z(rows[i].header), str_z(rows[i].name)), ==, rows[i].same);
	arena_free(&a);
}

/* --- the door --- */

struct knock { const char *public_url, *proxies, *more, *host, *origin, *peer; bool loopback, host_ok, origin_ok; };

TEST(the_door_knows_our_own_names)
{
	static const struct knock rows[] = {
		{ "", "", "", "localhost:8080", NULL, "127.0.0.1", true, true, true },
		{ "", "", "", "127.0.0.1:8080", "http://localhost:6274", "127.0.0.1", true, true, true },
		{ "", "", "", "[::1]:8080", "http://[::1]:3000", "::1", true, true, true },
		{ "", "", "", "evil.example.com", "http://evil.example.com", "127.0.0.1", true, false, false },
		{ "", "", "", "localhost:8080", "http://localhost.evil.example", "127.0.0.1", true, true, false },
		{ "", "", "", "localhost:8080", "null", "127.0.0.1", true, true, false },
		{ "", "", "", "localhost", "http://localhost", "192.0.2.7", false, false, false },
		{ "", "", "", "192.0.2.1:8080", "http://192.0.2.1:8080", "192.0.2.7", false, true, true },
		{ "", "", "", "192.0.2.1:8080", "http://192.0.2.9:8080", "192.0.2.7", false, true, false },
		{ "https://scripe.example", "", "", "scripe.example", "https://scripe.example", "192.0.2.7", false, true, true },
		{ "https://scripe.example/", "", "", "SCRIPE.example:443", NULL, "192.0.2.7", false, true, true },
		{ "https://scripe.example", "", "", "scripe.example.evil", "https://scripe.example.evil", "192.0.2.7", false, false, false },
		{ "", "192.0.2.0/24", "", "inside", "https://inside", "192.0.2.7", false, true, true },
		{ "", "192.0.2.0/24", "", "inside", "https://outside", "192.0.2.7", false, true, false },
		{ "", "", "https://app.example, other.example", "other.example", "https://app.example", "192.0.2.7", false, true, true },
		{ "", "", "https://app.example", "app.example", "http://app.example", "192.0.2.7", false, true, false },
		{ "", "", "*", "any.example", "https://any.example", "192.0.2.7", false, true, true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct knock *k = &rows[i];
		struct conf c = { .public_url = k->public_url, .trusted_proxies = k->proxies, .mcp_origins = k->more };
		struct exchange x = { .peer = str_z(k->peer) };
		x.header[FH_HOST] = str_z(k->host);
		x.header[FH_ORIGIN] = str_z(k->origin);
		if (door_host(&c, &x, k->loopback) != k->host_ok || door_origin(&c, &x, k->loopback) != k->origin_ok)
			t_fail(__FILE__, __LINE__, "row %zu: Host %s, Origin %s", i, k->host, k->origin != NULL ? k->origin : "none");
	}
}

/* --- tools --- */

static json_t *
parsed(struct arena *a, str base, str more)
{
	str text = str_fmt(a, "%.*s%.*s}", STR(base), STR(more));
	json_t *v = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);

	CHECK(v != NULL);
	return v;
}

/* No $ref, no format or keyword of ours, and what is required is there. */
static void
check_schema(const json_t *v, const char *name)
{
	const char *key;
	json_t *one;
	size_t i;

	if (json_is_array(v))
		json_array_foreach (v, i, one)
			check_schema(one, name);
	json_object_foreach ((json_t *)(uintptr_t)v, key, one) {
		const char *format = strcmp(key, "format") == 0 ? json_string_value(one) : NULL;
		if (strcmp(key, "$ref") == 0 || strncmp(key, "x-", 2) == 0 || (format != NULL && strcmp(format, "date-time") != 0))
			t_fail(__FILE__, __LINE__, "%s: %s", name, key);
		check_schema(one, name);
	}
	json_array_foreach (json_object_get(v, "required"), i, one)
		if (json_object_get(v, "properties") != NULL && json_object_get(json_object_get(v, "properties"), json_string_value(one)) == NULL)
			t_fail(__FILE__, __LINE__, "%s: %s is required and is not there", name, json_string_value(one));
}

TEST(each_tool_has_schemas_in_one_piece)
{
	struct conf c;
	struct arena a;
	struct error e;

	arena_init(&a, 64 << 20);
	CHECK_INT(conf_load(&c, NULL, NULL, NULL, 0, &e), ==, OK);
	struct tools *s = tools_new(&c);
	for (int i = 0; i < nops; i++) {
		const struct tool *t = tool_find(s, str_z(ops[i].name));
		CHECK_INT(t != NULL, ==, (ops[i].flags & OP_MCP) != 0);
		if (t == NULL)
			continue;
		json_t *v = parsed(&a, t->base, t->more);
		check_schema(json_object_get(v, "inputSchema"), ops[i].name);
		check_schema(json_object_get(v, "outputSchema"), ops[i].name);
		CHECK(json_object_get(json_object_get(v, "inputSchema"), "oneOf") == NULL);
		CHECK(str_eq(mcp_text(json_object_get(v, "outputSchema"), "type"), S("object")));
		json_decref(v);
	}
	tools_free(s);
	conf_free(&c);
	arena_free(&a);
}

TEST(a_list_of_tools_by_pages_is_the_whole_list)
{
	struct conf c;
	struct arena a;
	struct error e;
	str after = STR_NONE;
	int n = 0, pages = 0;

	arena_init(&a, 64 << 20);
	CHECK_INT(conf_load(&c, NULL, NULL, NULL, 0, &e), ==, OK);
	struct api api = { .draining = false };
	struct mcp m = { .api = &api, .tools = tools_new(&c) };
	atomic_store(&api.conf, &c);
	struct ask k = { .m = &m, .version = MCP_2026_07_28, .a = &a,
	    .who = { .type = PRINCIPAL_API_KEY, .scopes = SCOPE_BIT(NOTES_READ) | SCOPE_BIT(POSTS_READ) } };
	do {
		struct buf b;
		struct json j;
		buf_init(&b, &a, 4 << 20);
		jw_begin(&j, &b);
		jw_arr(&j);
		CHECK(tools_page(&k, after, 7, &j, &after));
		jw_end(&j);
		json_t *v = json_loadb(b.p, b.n, 0, NULL);
		n += (int)json_array_size(v);
		CHECK_INT(json_array_size(v), <=, 7);
		json_decref(v);
	} while (++pages < 100 && after.p != NULL);
	int may = 0;
	for (int i = 0; i < nops; i++)
		may += (ops[i].flags & OP_MCP) && tool_may(&ops[i], &k.who);
	CHECK_INT(n, ==, may);
	CHECK_INT(pages, ==, (may + 6) / 7);
	tools_free(m.tools);
	conf_free(&c);
	arena_free(&a);
}

TEST(who_may_depends_on_scopes_and_on_the_role)
{
	const struct op *read = op_named("get_note"), *write = op_named("create_note"), *any = op_named("list_projects");
	struct principal key = { .type = PRINCIPAL_API_KEY, .scopes = SCOPE_BIT(NOTES_WRITE) };
	struct principal token = { .type = PRINCIPAL_OAUTH, .scopes = SCOPE_BIT(NOTES_WRITE) | SCOPE_BIT(NOTES_READ), .role = ROLE_CLIENT };

	CHECK(tool_may(write, &key) && !tool_may(read, &key) && tool_may(any, &key));
	CHECK(!tool_may(write, &token) && tool_may(read, &token) && tool_may(any, &token));
	token.role = ROLE_CREATOR;
	CHECK(tool_may(write, &token));
}

TEST(rows_of_methods_are_sorted_and_each_has_a_version)
{
	for (int i = 0; i < mcp_nmethods; i++) {
		CHECK(mcp_methods[i].versions != 0 && mcp_methods[i].run != NULL);
		CHECK(i == 0 || str_cmp(mcp_methods[i - 1].name, mcp_methods[i].name) < 0);
		CHECK(method_find(mcp_methods[i].name) == &mcp_methods[i]);
	}
	CHECK(method_find(S("tools")) == NULL && method_find(S("")) == NULL);
	CHECK_INT(version_for(S("2025-06-18")), ==, MCP_2025_06_18);
	CHECK_INT(version_for(S("2026-07-28")), ==, MCP_2025_11_25);
	CHECK_INT(version_for(S("1")), ==, MCP_2025_11_25);
}
