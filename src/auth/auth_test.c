#include "auth/auth.h"
#include "t_db.h"

static const int64_t start = INT64_C(1778803200000) + 12 * 3600000;	/* 2026-05-15, noon UTC */
#define URL	"https://scripe.example"
#define MK(type, n)	((type##_id){ t_ulid(1000, n) })

/* --- a server with one key --- */

struct bench {
	struct db db;
	struct arena a;
	struct error e;
	struct sys_clock_test clock;
	struct conf conf;
	struct auth *auth;
	char token[TOKEN_LEN + 1];
	str bearer;
	struct principal who;
	enum auth_known known;
	bool touch;
	int asked;		/* of the database */
	struct db counting;
};

/* Counts the statements that reach the database; the rest is the real engine's. */
static struct bench *watched;
static struct db_ops counted;

static enum err
count_query(struct db *db, const struct stmt *q, const struct val *v, int n, struct rows *r, struct error *e)
{
	(void)db;
	watched->asked++;
	return watched->db.ops->query(&watched->db, q, v, n, r, e);
}

static void
put_key(struct bench *b, int n, int64_t expires, const char *token)
{
	struct key k = { .workspace = MK(workspace, 1), .id = MK(key, n), .name = S("k"), .mode = MODE_LIVE, .scopes = SCOPE_BIT(NOTES_READ),
	    .last4 = S("d401"), .expires_at = expires };
	digest h = auth_hash(b->auth, str_z(token));

	CHECK_OK(b->e, key_insert(&b->db, &k, &h, &b->e));
}

static void
setup(struct bench *b, struct t_db *t, int64_t expires)
{
	struct workspace w = { .id = MK(workspace, 1), .name = S("w"), .plan = PLAN_TRIAL, .subscription = SUB_ACTIVE };
	secret s = { { 7 } };

	CHECK(crypto_init());
	t_db_schema(t);
	*b = (struct bench){ .db = t_db_open(t) };
	watched = b;
	counted = *b->db.ops;
	counted.query = count_query;
	b->counting = (struct db){ &counted, b->db.h };
	arena_init(&b->a, 1 << 20);
	sys_clock_test_init(&b->clock, start);
	CHECK_OK(b->e, conf_load(&b->conf, NULL, NULL, NULL, 0, &b->e));
	b->auth = auth_new(&s, &b->clock.c);
	token_make(MODE_LIVE, b->token);
	b->bearer = str_fmt(&b->a, "Bearer %s", b->token);
	CHECK_OK(b->e, workspace_insert(&b->db, &w, &b->e));
	put_key(b, 1, expires, b->token);
}

static void
cleanup(struct bench *b)
{
	auth_free(b->auth);
	conf_free(&b->conf);
	arena_free(&b->a);
	b->db.ops->close(&b->db);
}

static enum err
check_from(struct bench *b, str bearer, const char *address, struct db *db)
{
	b->asked = 0;
	struct auth_ask ask = { .authorization = bearer, .address = str_z(address), .url = S(URL) };
	return auth_check(b->auth, &b->conf, &ask, db, &b->who, &b->known, &b->touch, &b->e);
}

static enum err check(struct bench *b) { return check_from(b, b->bearer, "192.0.2.1", &b->counting); }
static enum err check_warm(struct bench *b) { return check_from(b, b->bearer, "192.0.2.1", NULL); }

static str
stranger(struct bench *b)
{
	char token[TOKEN_LEN + 1];

	token_make(MODE_LIVE, token);
	return str_fmt(&b->a, "Bearer %s", token);
}

/* --- tests --- */

DB_TEST(a_key_is_asked_for_once_and_then_remembered)
{
	struct bench b;

	setup(&b, t, TIME_NONE);
	CHECK_ERR(check_warm(&b), E_NEED_DB);
	CHECK(b.known == AUTH_UNKNOWN);
	CHECK_OK(b.e, check(&b));
	CHECK(b.known == AUTH_KNOWN && b.asked == 2);
	CHECK(b.who.type == PRINCIPAL_API_KEY && b.who.mode == MODE_LIVE && b.who.scopes == SCOPE_BIT(NOTES_READ) && b.who.plan == PLAN_TRIAL && b.who.api_access);
	CHECK_STR(str_z(b.who.workspace.u.s), str_z(MK(workspace, 1).u.s));
	CHECK_STR(str_z(b.who.key.u.s), str_z(MK(key, 1).u.s));
	struct limit_key k = auth_budget(&b.who.workspace, 0);
	CHECK(k.lo == b.who.budget.lo && k.hi == b.who.budget.hi);
	memset(&b.who, 0, sizeof(b.who));
	CHECK_OK(b.e, check_warm(&b));
	CHECK(b.known == AUTH_KNOWN && b.who.scopes == SCOPE_BIT(NOTES_READ));
	b.clock.ms += 4999;
	CHECK_OK(b.e, check_warm(&b));
	b.clock.ms += 1;
	CHECK_ERR(check_warm(&b), E_NEED_DB);
	CHECK_OK(b.e, check(&b));
	CHECK_INT(b.asked, ==, 2);
	CHECK_OK(b.e, check(&b));
	CHECK_INT(b.asked, ==, 0);
	b.conf.auth_cache = 0;				/* believe nothing */
	CHECK_ERR(check_warm(&b), E_NEED_DB);
	cleanup(&b);
}

DB_TEST(the_header_is_bearer_and_a_token)
{
	static const struct { const char *before, *after; bool ok; } row[] = {
		{ "Bearer ", "", true }, { "bearer ", "", true }, { "BEARER   ", "  ", true }, { "Basic ", "", false }, { "", "", false },
		{ "Bearer", "", false }, { "Bearer ", "0", false }, { "Bearer x", "", false },
	};
	struct bench b;

	setup(&b, t, TIME_NONE);
	for (size_t i = 0; i < COUNT(row); i++) {
		enum err code = check_from(&b, str_fmt(&b.a, "%s%s%s", row[i].before, b.token, row[i].after), "192.0.2.1", &b.counting);
		if (code != (row[i].ok ? OK : E_INVALID_TOKEN) || (b.known == AUTH_KNOWN) != row[i].ok)
			t_fail(__FILE__, __LINE__, "'%s' '%s': %d", row[i].before, row[i].after, (int)code);
		CHECK(b.asked == 0 || row[i].ok);
	}
	CHECK_ERR(check_from(&b, STR_NONE, "192.0.2.1", NULL), E_INVALID_TOKEN);
	CHECK(strstr(b.e.detail, "Authorization") != NULL);
	CHECK_ERR(check_from(&b, S(""), "192.0.2.1", NULL), E_INVALID_TOKEN);
	CHECK_ERR(check_from(&b, S("Bearer "), "192.0.2.1", NULL), E_INVALID_TOKEN);
	CHECK_ERR(check_from(&b, stranger(&b), "192.0.2.1", &b.counting), E_INVALID_TOKEN);
	CHECK(b.known == AUTH_UNKNOWN && b.asked == 1);
	cleanup(&b);
}

DB_TEST(an_edit_holds_at_once)
{
	struct bench b;

	setup(&b, t, TIME_NONE);
	CHECK_OK(b.e, check(&b));
	CHECK_OK(b.e, key_revoke(&b.db, MK(workspace, 1), MK(key, 1), start, S("ada"), STR_NONE, &b.e));
	CHECK_OK(b.e, check_warm(&b));				/* another node's edit: within auth_cache */
	auth_bust(b.auth);
	CHECK_ERR(check_warm(&b), E_NEED_DB);
	CHECK_ERR(check(&b), E_KEY_REVOKED);
	CHECK(b.known == AUTH_KNOWN && b.who.revoked_at == start);	/* its refusal is audited */
	CHECK_ERR(check_warm(&b), E_KEY_REVOKED);
	CHECK(b.known == AUTH_KNOWN);
	cleanup(&b);
}

/* An edit that commits, and busts, after the row was read and before it is remembered. */
static enum err
bust_meanwhile(struct db *db, const struct stmt *q, const struct val *v, int n, struct rows *r, struct error *e)
{
	TRY(count_query(db, q, v, n, r, e));
	if (watched->asked == 2)
		auth_bust(watched->auth);
	return OK;
}

DB_TEST(a_row_that_was_read_before_an_edit_is_not_remembered)
{
	struct bench b;

	setup(&b, t, TIME_NONE);
	counted.query = bust_meanwhile;
	CHECK_OK(b.e, check(&b));
	CHECK_ERR(check_warm(&b), E_NEED_DB);
	counted.query = count_query;
	CHECK_OK(b.e, check(&b));
	CHECK_OK(b.e, check_warm(&b));
	cleanup(&b);
}

DB_TEST(last_use_is_written_once_a_minute)
{
	struct bench b;

	setup(&b, t, TIME_NONE);
	CHECK_OK(b.e, check(&b));
	CHECK(b.touch);
	CHECK_OK(b.e, check(&b));
	CHECK(!b.touch);
	CHECK_OK(b.e, key_touch(&b.db, MK(workspace, 1), MK(key, 1), start, &b.e));
	for (int s = 3; s < 60; s += 3) {
		b.clock.ms += 3000;
		CHECK_OK(b.e, check(&b));
		CHECK(!b.touch);			/* also where the cache ran out in between */
	}
	b.clock.ms += 3000;
	CHECK_OK(b.e, check(&b));
	CHECK(b.touch);
	CHECK_OK(b.e, check(&b));
	CHECK(!b.touch);
	b.conf.auth_cache = 5;
	auth_bust(b.auth);
	CHECK_OK(b.e, check(&b));
	CHECK(b.touch);					/* the row knows of nothing later */
	cleanup(&b);
}

DB_TEST(a_key_stops_at_midnight_of_its_day)
{
	const int64_t midnight = start + 12 * 3600000;
	struct bench b;

	setup(&b, t, midnight);
	b.clock.ms = midnight - 1;
	CHECK_OK(b.e, check(&b));
	b.clock.ms = midnight;
	CHECK_ERR(check_warm(&b), E_KEY_EXPIRED);	/* in the middle of what the cache believes */
	CHECK(b.known == AUTH_KNOWN && b.who.expires_at == midnight);
	cleanup(&b);
}

DB_TEST(the_plan_is_asked_with_the_key)
{
	struct bench b;

	setup(&b, t, TIME_NONE);
	CHECK_OK(b.e, workspace_set_plan(&b.db, MK(workspace, 1), PLAN_SOLO, start, &b.e));
	CHECK_ERR(check(&b), E_PLAN_NOT_ELIGIBLE);
	CHECK(b.known == AUTH_KNOWN && !b.who.api_access);
	CHECK_OK(b.e, workspace_set_plan(&b.db, MK(workspace, 1), PLAN_BUSINESS, start, &b.e));
	CHECK_ERR(check(&b), E_PLAN_NOT_ELIGIBLE);
	auth_bust(b.auth);
	CHECK_OK(b.e, check(&b));			/* the same key works again */
	cleanup(&b);
}

DB_TEST(unknown_tokens_are_counted_by_address)
{
	struct bench b;
	char second[TOKEN_LEN + 1];

	setup(&b, t, TIME_NONE);
	CHECK_OK(b.e, check(&b));
	token_make(MODE_LIVE, second);
	put_key(&b, 2, TIME_NONE, second);
	for (int i = 0; i < 60; i++) {
		CHECK_ERR(check_from(&b, i % 2 ? stranger(&b) : S("Bearer malformed"), "192.0.2.1", &b.counting), E_INVALID_TOKEN);
		CHECK_ERR(check_from(&b, stranger(&b), "192.0.2.1", NULL), i < 59 ? E_NEED_DB : E_RATE_LIMITED);	/* a cold look counts nothing */
	}
	CHECK_ERR(check_from(&b, stranger(&b), "192.0.2.1", &b.counting), E_RATE_LIMITED);
	CHECK(b.asked == 0 && b.known == AUTH_UNKNOWN);
	CHECK_INT(b.e.retry_s, ==, 60);
	CHECK_ERR(check_from(&b, S("Bearer malformed"), "192.0.2.1", &b.counting), E_RATE_LIMITED);
	CHECK_ERR(check_from(&b, S("nonsense"), "192.0.2.1", &b.counting), E_RATE_LIMITED);
	CHECK_ERR(check_from(&b, str_fmt(&b.a, "Bearer %s", second), "192.0.2.1", &b.counting), E_RATE_LIMITED);
	CHECK_OK(b.e, check_warm(&b));			/* a key that is remembered works from anywhere */
	b.clock.ms += 5000;
	CHECK_OK(b.e, check(&b));			/* also when it must be asked for again */
	auth_bust(b.auth);
	CHECK_OK(b.e, check(&b));
	CHECK_ERR(check_from(&b, stranger(&b), "192.0.2.2", &b.counting), E_INVALID_TOKEN);
	CHECK_OK(b.e, check_from(&b, str_fmt(&b.a, "Bearer %s", second), "192.0.2.2", &b.counting));
	b.clock.ms += 54999;
	CHECK_ERR(check_from(&b, stranger(&b), "192.0.2.1", &b.counting), E_RATE_LIMITED);
	b.clock.ms += 1;
	CHECK_ERR(check_from(&b, stranger(&b), "192.0.2.1", &b.counting), E_INVALID_TOKEN);
	cleanup(&b);
}

DB_TEST(a_limit_of_zero_is_lifted)
{
	struct bench b;

	setup(&b, t, TIME_NONE);
	b.conf.rate_unknown = 0;
	for (int i = 0; i < 100; i++)
		CHECK_ERR(check_from(&b, stranger(&b), "192.0.2.1", &b.counting), E_INVALID_TOKEN);
	cleanup(&b);
}

DB_TEST(a_database_that_fails_is_no_unknown_token)
{
	struct bench b;
	struct db_fault f = { 0 };

	setup(&b, t, TIME_NONE);
	struct db db = db_fault_wrap(&f, b.db);
	for (int i = 0; i < 100; i++) {
		f.countdown = 1 + i % 2;
		CHECK_ERR(check_from(&b, b.bearer, "192.0.2.1", &db), E_STORAGE);
		CHECK(b.known == AUTH_UNKNOWN);
	}
	CHECK_OK(b.e, check(&b));
	cleanup(&b);
}

TEST(budgets_differ_by_workspace_and_bucket)
{
	enum { N = 2000 };
	static struct limit_key k[N * 4];
	int twice = 0, n = 0;

	for (int w = 0; w < N; w++)
		for (int bucket = 0; bucket < 4; bucket++)
			k[n++] = auth_budget(&MK(workspace, w), bucket);
	for (int i = 0; i < n; i++)
		for (int j = i + 1; j < i + 500 && j < n; j++)
			twice += k[i].lo == k[j].lo && k[i].hi == k[j].hi;
	CHECK_INT(twice, ==, 0);
}
