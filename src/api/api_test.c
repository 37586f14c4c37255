#include "t_app.h"
#include "api/rq.h"

/* The table, the order of checks (contract 12.1), keys that end, and rates. */

/* --- ops_check --- */

static void unsort(struct op *o) { struct op x = o[2]; o[2] = o[3]; o[3] = x; }
static void elsewhere(struct op *o) { o[0].path = "/v0/health"; }
static void no_noun(struct op *o) { o[0].path = "/v1/{id}"; }
static void twice(struct op *o) { o[3] = o[2]; }
static void same_name(struct op *o) { o[3].name = o[2].name; }
static void no_doc(struct op *o) { o[3].doc = NULL; }
static void no_summary(struct op *o) { o[3].summary = NULL; }
static void no_handler(struct op *o) { o[3].handler = NULL; }
static void no_answer(struct op *o) { o[3].out = NULL; }
static void no_tag(struct op *o) { o[3].tag = NULL; }
static void no_name(struct op *o) { o[3].name = NULL; }
static void open_door(struct op *o) { o[3].flags |= OP_PUBLIC; }
static void open_scope(struct op *o) { o[0].scopes = 1; }
static void no_bucket(struct op *o) { o[3].bucket = BUCKET_NONE; }
static void get_writes(struct op *o) { o[2].flags |= OP_TX; }
static void post_reads(struct op *o) { o[3].flags &= ~(unsigned)OP_TX; }
static void get_key(struct op *o) { o[2].flags |= OP_IDEMPOTENT; }
static void no_anchor(struct op *o) { o[2].anchor = NULL; }
static void no_page(struct op *o) { o[2].in = NULL; }
static void people_scopes(struct op *o) { o[3].flags = (o[3].flags & ~(unsigned)OP_MCP) | OP_PEOPLE | OP_ADDITION; o[3].scopes = 1; }
static void people_tool(struct op *o) { o[3].flags |= OP_PEOPLE | OP_ADDITION | OP_MCP; }
static void people_documented(struct op *o) { o[3].flags = (o[3].flags & ~(unsigned)(OP_MCP | OP_ADDITION)) | OP_PEOPLE; o[3].scopes = 0; }
static void lost_id(struct op *o) { o[4].id_kind = -1; }
static void extra_id(struct op *o) { o[2].id_kind = ID_job; }
static void free_list(struct op *o) { o[2].bucket = BUCKET_FREE; }
static void memory_list(struct op *o) { o[2].flags |= OP_MEMORY; }

TEST(ops_check_finds_each_kind_of_broken_row)
{
	static const struct { void (*harm)(struct op *); const char *says; } rows[] = {
		{ unsort, "sorted" }, { elsewhere, "not under /v1/" }, { no_noun, "not under /v1/" }, { twice, "sorted" }, { same_name, "name of another" }, { no_doc, "doc" }, { no_summary, "doc" },
		{ no_handler, "handler" }, { no_answer, "answer" }, { no_tag, "tag" }, { no_name, "name" }, { open_door, "public" },
		{ open_scope, "public" }, { no_bucket, "bucket" }, { get_writes, "a GET in a transaction" }, { post_reads, "a write without" },
		{ get_key, "idempotency" }, { no_anchor, "anchor" }, { no_page, "page fields" }, { people_scopes, "people alone" },
		{ people_tool, "people alone" }, { people_documented, "not an addition" }, { lost_id, "id kind" }, { extra_id, "id kind" },
		{ free_list, "free of charge" }, { memory_list, "from memory" },
	};
	struct op table[16];

	CHECK(ops_check(ops, nops) == NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		memcpy(table, op_named("get_health"), sizeof(table));
		rows[i].harm(table);
		const char *bad = ops_check(table, COUNT(table));
		if (bad == NULL || strstr(bad, rows[i].says) == NULL)
			t_fail(__FILE__, __LINE__, "row %zu: %s", i, bad != NULL ? bad : "nothing found");
	}
}

/* --- the order of checks --- */

enum { VERSION, ROUTE, TOKEN, PLAN, TENANT, SCOPE, RATE, MEDIA, SYNTAX, KEY, MEANING, LEVELS };
static const struct { int status; const char *code; } levels[LEVELS + 1] = {
	{ 400, "version_unsupported" }, { 404, "not_found" }, { 401, "invalid_token" }, { 403, "plan_not_eligible" }, { 404, "not_found" },
	{ 403, "scope_missing" }, { 429, "rate_limited" }, { 415, "unsupported_media_type" }, { 400, "invalid_request" },
	{ 409, "idempotency_key_conflict" }, { 422, "unprocessable" }, { 200, NULL },
};
#define RATE_LIMIT 30

/* One workspace for each pair of plan and rate, one key in it with the scope and one without. */
struct tenants { char key[2][2][2][80], project[2][2][40], org[2][2][40]; };

struct new_plan { workspace_id ws; int64_t now; };

static enum err
to_free(void *ctx, struct db *db, struct error *e)
{
	const struct new_plan *n = ctx;
	return workspace_set_plan(db, n->ws, PLAN_FREE, n->now, e);
}

static void
exhaust(struct t_app *a, const char *token)
{
	a->c.token = token;
	for (int i = 0; i < RATE_LIMIT; i++)
		CHECK_INT(t_call(a, "POST", "/v1/jobs/job_x/cancel", NULL, NULL).status, ==, 404);
}

static void
make_tenants(struct t_app *a, struct tenants *t)
{
	for (int i = 0; i < 4; i++) {
		int plan = i & 1, rate = i >> 1;
		workspace_id ws;
		project_id project;
		t_workspace(&a->h, PLAN_ENTERPRISE, &ws, &project);
		snprintf(t->project[plan][rate], 40, "proj_%s", project.u.s);
		snprintf(t->org[plan][rate], 40, "org_%s", ws.u.s);
		t_key(a, ws, MODE_LIVE, T_ALL_SCOPES, TIME_NONE, t->key[plan][rate][0]);
		t_key(a, ws, MODE_LIVE, SCOPE_BIT(NOTES_READ), TIME_NONE, t->key[plan][rate][1]);
		if (rate)
			exhaust(a, t->key[plan][rate][0]);
		if (plan)
			t_write(&a->h, to_free, &(struct new_plan){ ws, t_now(&a->h) });
	}
	auth_bust(a->auth);
}

static bool has(unsigned faults, int level) { return faults >> level & 1; }

static struct t_answer
faulty(struct t_app *a, const struct tenants *t, unsigned faults)
{
	int plan = has(faults, PLAN), rate = has(faults, RATE), scope = has(faults, SCOPE);
	const char *org = has(faults, TENANT) ? "org_01J9ZAB12CD34E56F7G8H9JKMN" : t->org[plan][rate];
	const char *when = has(faults, MEANING) ? "\"2001-01-01T00:00:00Z\"" : "null";
	static int fresh;
	char key[32];

	snprintf(key, sizeof(key), "fresh%d", ++fresh);
	a->c.token = has(faults, TOKEN) ? "scripe_sk_live_no" : t->key[plan][rate][scope];
	return t_call(a, "POST", has(faults, ROUTE) ? "/v1/nothing" : "/v1/posts",
	    has(faults, SYNTAX) ? "{" : t_fmt(a, "{\"projectId\":\"%s\",\"content\":\"%u\",\"scheduledFor\":%s}", t->project[plan][rate], faults, when),
	    t_fmt(a, "%sScripe-Workspace-Id: %s\r\nContent-Type: %s\r\nIdempotency-Key: %s\r\n",
	    has(faults, VERSION) ? "Scripe-Api-Version: 2001-01-01\r\n" : "", org, has(faults, MEDIA) ? "text/plain" : "application/json",
	    has(faults, KEY) ? "used" : key));
}

static void
use_key(struct t_app *a, const struct tenants *t)
{
	const char *body = t_fmt(a, "{\"projectId\":\"%s\",\"content\":\"first\"}", t->project[0][0]);

	a->c.token = t->key[0][0][0];
	CHECK_INT(t_call(a, "POST", "/v1/posts", body, "Idempotency-Key: used\r\n").status, ==, 200);
}

/* Every set of faults at once: the first one of the list is told. */
DB_TEST(a_request_with_several_faults_gets_the_first_one)
{
	static struct tenants tenants;
	struct t_app a;

	t_app_open(&a, t, 0, "rate_write=30 rate_unknown=0");
	make_tenants(&a, &tenants);
	use_key(&a, &tenants);
	for (unsigned faults = 0; faults < 1u << LEVELS; faults++) {
		int first = faults != 0 ? __builtin_ctz(faults) : LEVELS;
		struct t_answer r = faulty(&a, &tenants, faults);
		str code = t_text(r.body, "error.code");
		if (r.status != levels[first].status || (first < LEVELS && !str_eq(code, str_z(levels[first].code))))
			t_fail(__FILE__, __LINE__, "faults %03x: %d %.*s, not %d", faults, r.status, STR(code), levels[first].status);
	}
	CHECK_INT(t_count(&a.h, "post"), ==, 2);
	t_app_close(&a);
}

/* --- keys that end --- */

DB_TEST(a_key_ends_at_midnight_of_its_day)
{
	struct t_app a;
	char token[80];

	t_app_open(&a, t, 0, "");
	int64_t midnight = time_day(t_now(&a.h)) + DAY_MS;
	t_key(&a, a.h.ws, MODE_TEST, T_ALL_SCOPES, midnight, token);
	a.c.token = token;
	t_move(&a.h, midnight - 1 - t_now(&a.h));
	CHECK_INT(t_call(&a, "GET", "/v1/workspaces/me", NULL, NULL).status, ==, 200);
	t_move(&a.h, 1);			/* remembered a millisecond ago, and over all the same */
	struct t_answer r = t_call(&a, "GET", "/v1/workspaces/me", NULL, NULL);
	CHECK_INT(r.status, ==, 401);
	CHECK_STR(t_text(r.body, "error.code"), S("key_expired"));
	CHECK(strstr(t_header(&r, "WWW-Authenticate").p, "error=\"invalid_token\"") != NULL);
	t_app_close(&a);
}

/* --- rates --- */

/* What the limiter should say: the moments that still count. */
struct oracle { int64_t at[400]; int n; };

static int
counted(const struct oracle *o, int64_t now)
{
	int n = 0;

	for (int i = 0; i < o->n; i++)
		n += o->at[i] > now - 60000;
	return n;
}

static int64_t
reset(const struct oracle *o, int64_t now)
{
	for (int i = 0; i < o->n; i++)
		if (o->at[i] > now - 60000)
			return (o->at[i] + 60000 - now + 999) / 1000;
	return 0;
}

static int64_t
number(const struct t_answer *r, const char *name)
{
	int64_t n = -1;

	return str_int(t_header(r, name), &n) ? n : -1;
}

static void
check_headers(struct t_app *a, const struct t_answer *r, const struct oracle *o, int limit)
{
	int64_t now = t_now(&a->h);
	int left = limit - counted(o, now);

	CHECK_INT(number(r, "X-RateLimit-Limit"), ==, limit);
	CHECK_INT(number(r, "X-RateLimit-Remaining"), ==, left);
	CHECK_INT(number(r, "X-RateLimit-Reset"), ==, reset(o, now));
	CHECK_STR(t_header(r, "RateLimit-Policy"), str_fmt(&a->h.a, "\"read\";q=%d;w=60", limit));
	CHECK_STR(t_header(r, "RateLimit"), str_fmt(&a->h.a, "\"read\";r=%d;t=%lld", left, (long long)reset(o, now)));
}

/* A walk in time with requests of two keys of one workspace; each answer is what an exact count over 60 s says. */
DB_TEST(rates_are_exact_over_any_sixty_seconds)
{
	enum { LIMIT = 7 };
	static struct oracle o;
	struct t_app a;
	char other[80], poor[80];
	unsigned seed = 12345;

	o.n = 0;
	t_app_open(&a, t, 0, "rate_read=7");
	t_key(&a, a.h.ws, MODE_TEST, T_ALL_SCOPES, TIME_NONE, other);
	t_key(&a, a.h.ws, MODE_LIVE, 0, TIME_NONE, poor);
	for (int i = 0; i < 300; i++) {
		seed = seed * 1103515245 + 12345;
		unsigned dice = seed >> 16 & 0x7FFF;
		t_move(&a.h, dice % 5 == 0 ? dice % 40000 : dice % 1500);
		a.c.token = dice % 7 == 0 ? poor : dice % 2 ? other : a.key;
		bool room = counted(&o, t_now(&a.h)) < LIMIT;
		struct t_answer r = t_call(&a, "GET", a.c.token == poor ? "/v1/notes" : "/v1/jobs", NULL, NULL);
		CHECK_INT(r.status, ==, a.c.token == poor ? 403 : room ? 200 : 429);
		if (r.status == 200)
			o.at[o.n++] = t_now(&a.h);
		if (r.status == 429)
			CHECK_INT(number(&r, "Retry-After"), ==, reset(&o, t_now(&a.h)));
		check_headers(&a, &r, &o, LIMIT);
	}
	CHECK_INT(o.n, >, 100);
	t_app_close(&a);
}

DB_TEST(a_window_ends_to_the_millisecond)
{
	struct t_app a;
	char other[80];
	workspace_id ws;
	project_id project;

	t_app_open(&a, t, 0, "rate_read=1 rate_write=1");
	CHECK_INT(t_call(&a, "GET", "/v1/jobs", NULL, NULL).status, ==, 200);
	CHECK_INT(t_call(&a, "POST", "/v1/notes", t_note(&a, "x"), NULL).status, ==, 200);	/* a bucket of its own */
	CHECK_INT(t_call(&a, "POST", "/v1/jobs", "{\"type\":\"NOOP\"}", NULL).status, ==, 200);	/* lifted */
	t_workspace(&a.h, PLAN_TRIAL, &ws, &project);
	t_key(&a, ws, MODE_LIVE, T_ALL_SCOPES, TIME_NONE, other);
	a.c.token = other;
	CHECK_INT(t_call(&a, "GET", "/v1/jobs", NULL, NULL).status, ==, 200);	/* another workspace */
	a.c.token = a.key;
	t_move(&a.h, 59999);
	CHECK_INT(t_call(&a, "GET", "/v1/jobs", NULL, NULL).status, ==, 429);
	t_move(&a.h, 1);			/* and a refusal did not count */
	CHECK_INT(t_call(&a, "GET", "/v1/jobs", NULL, NULL).status, ==, 200);
	struct t_answer r = t_call(&a, "POST", "/v1/jobs", "{\"type\":\"NOOP\"}", NULL);
	CHECK(t_header(&r, "X-RateLimit-Limit").p == NULL);
	t_app_close(&a);
}

DB_TEST(a_trusted_proxy_says_how_the_world_reaches_us)
{
	static const struct { const char *sets, *more, *origin; } row[] = {
		{ "trusted_proxies=127.0.0.0/8", "X-Forwarded-Host: api.example.com\r\nX-Forwarded-Proto: https\r\n", "https://api.example.com" },
		{ "trusted_proxies=127.0.0.0/8", "X-Forwarded-Host: [2001:db8::1]:8443, inner\r\n", "http://[2001:db8::1]:8443" },
		{ "trusted_proxies=127.0.0.0/8", "X-Forwarded-Host: a\", x=\"\r\n", NULL },
		{ "trusted_proxies=192.0.2.1", "X-Forwarded-Host: api.example.com\r\n", NULL },
		{ "public_url=https://scripe.example/ trusted_proxies=127.0.0.0/8", "X-Forwarded-Host: api.example.com\r\n", "https://scripe.example" },
	};

	for (size_t i = 0; i < COUNT(row); i++) {
		struct t_app a;
		t_app_open(&a, t, 0, row[i].sets);
		const char *origin = row[i].origin != NULL ? row[i].origin : front_url(a.front);
		a.c.token = NULL;
		struct t_answer r = t_call(&a, "GET", "/v1/projects", NULL, row[i].more);
		CHECK_STR(t_text(r.body, "error.docs_url"), str_z(t_fmt(&a, "%s/docs/api/v1/errors#invalid_token", origin)));
		CHECK_STR(t_header(&r, "WWW-Authenticate"),
		    str_z(t_fmt(&a, "Bearer resource_metadata=\"%s/.well-known/oauth-protected-resource\"", origin)));
		t_app_close(&a);
	}
}

/* The client asks before it sends: a stranger is not told to go on, whether the token is judged from memory or by the database. */
DB_TEST(a_body_is_not_asked_for_before_its_sender_is_known)
{
	static const char ask[] = "Content-Type: application/json\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n";
	char stranger[TOKEN_LEN + 1];
	struct t_app a;
	struct t_conn c;

	t_app_open(&a, t, 0, "");
	token_make(MODE_LIVE, stranger);
	t_conn_open(&c, a.port, stranger);
	t_send(&c, "POST", "/v1/notes", NULL, ask);
	CHECK_INT(t_hear(&c).status, ==, 401);
	t_conn_close(&c);
	auth_bust(a.auth);
	t_send(&a.c, "POST", "/v1/notes", NULL, ask);
	CHECK_INT(t_hear(&a.c).status, ==, 100);
	t_app_close(&a);
}
