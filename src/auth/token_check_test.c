/* Tokens and sessions, from what a request shows to a principal; keys are in auth_test. */
#include "auth/auth.h"
#include "auth/token.h"
#include "model/client.h"
#include "model/grant.h"
#include "model/person.h"
#include "model/session.h"
#include "t_db.h"

static const int64_t start = INT64_C(1778803200000) + 12 * 3600000;	/* 2026-05-15, noon UTC */
#define MK(type, n)	((type##_id){ t_ulid(1000, n) })
#define URL	"https://scripe.example"
#define SECRET	"0123456789abcdefghijklmnopqrstuvwxyz0123456"

/* Ada is Admin of workspace 1 and Client of 2, whose plan has no API; 3 is others'.  She allowed a program two scopes. */
struct bench {
	struct db db;
	struct arena a;
	struct error e;
	struct sys_clock_test clock;
	struct conf conf;
	struct auth *auth;
	struct family family;
	struct principal who;
	enum auth_known known;
	bool touch;
	struct auth_ask ask;
};
static const secret ours = { { 7 } };

static void
put_people(struct bench *b)
{
	static const int plan[] = { PLAN_TRIAL, PLAN_FREE, PLAN_TRIAL, PLAN_TRIAL };
	struct person_create ada = { S("ada@example.com"), S("Ada"), ROLE_MANAGER };
	struct person p;

	for (int w = 1; w <= 4; w++) {
		struct workspace ws = { .id = MK(workspace, w), .name = S("w"), .plan = plan[w - 1], .subscription = SUB_ACTIVE };
		CHECK_OK(b->e, workspace_insert(&b->db, &ws, &b->e));
	}
	CHECK_OK(b->e, person_join(&b->db, &b->a, MK(workspace, 1), &ada, MK(person, 1), &p, &b->e));
	ada.role = ROLE_CLIENT;
	CHECK_OK(b->e, person_join(&b->db, &b->a, MK(workspace, 2), &ada, MK(person, 1), &p, &b->e));
	CHECK_OK(b->e, person_join(&b->db, &b->a, MK(workspace, 4), &ada, MK(person, 1), &p, &b->e));
}

static void
put_grant(struct bench *b)
{
	struct client c = { .id = MK(client, 1), .name = S("A program"), .redirects = S("[]"), .metadata = S("{}"), .created_at = start, .fresh_until = TIME_NONE,
	    .consented_at = TIME_NONE };
	struct consent k;

	CHECK_OK(b->e, client_insert(&b->db, &c, &b->e));
	CHECK_OK(b->e, consent_give(&b->db, &b->a, MK(person, 1), c.id, MK(workspace, 1), SCOPE_BIT(NOTES_READ) | SCOPE_BIT(POSTS_READ), MK(consent, 1), start, &k, &b->e));
	b->family = (struct family){ .id = t_ulid(1000, 77), .client = c.id, .person = MK(person, 1), .consent = k.id, .workspace = MK(workspace, 1),
	    .scopes = SCOPE_BIT(NOTES_READ) | SCOPE_BIT(OFFLINE_ACCESS), .resource = S(URL "/mcp"), .turn = 1, .turned_at = start,
	    .expires_at = start + REFRESH_MS, .revoked_at = TIME_NONE };
	CHECK_OK(b->e, family_insert(&b->db, &b->family, &b->e));
}

static void
show_token(struct bench *b, enum token_kind kind, int64_t number)
{
	char token[OAUTH_TOKEN_LEN + 1];

	token_mint(&ours, kind, &b->family.id, number, token);
	b->ask.authorization = str_fmt(&b->a, "Bearer %s", token);
}

static void
setup(struct bench *b, struct t_db *t)
{
	CHECK(crypto_init());
	t_db_schema(t);
	*b = (struct bench){ .db = t_db_open(t) };
	arena_init(&b->a, 1 << 20);
	sys_clock_test_init(&b->clock, start);
	CHECK_OK(b->e, conf_load(&b->conf, NULL, NULL, NULL, 0, &b->e));
	b->auth = auth_new(&ours, &b->clock.c);
	b->ask = (struct auth_ask){ .address = S("192.0.2.1"), .url = S(URL) };
	put_people(b);
	put_grant(b);
	show_token(b, TOKEN_ACCESS, start);
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
check_on(struct bench *b, struct db *db)
{
	return auth_check(b->auth, &b->conf, &b->ask, db, &b->who, &b->known, &b->touch, &b->e);
}
static enum err check(struct bench *b) { return check_on(b, &b->db); }
static enum err check_warm(struct bench *b) { return check_on(b, NULL); }
static bool says(const struct bench *b, const char *word) { return strstr(b->e.detail, word) != NULL; }

/* --- tokens --- */

DB_TEST(a_token_is_its_person_as_far_as_the_program_may)
{
	struct bench b;

	setup(&b, t);
	CHECK_ERR(check_warm(&b), E_NEED_DB);
	CHECK_OK(b.e, check(&b));
	CHECK(b.known == AUTH_KNOWN && b.touch && b.who.type == PRINCIPAL_OAUTH && b.who.role == ROLE_MANAGER && b.who.scopes == SCOPE_BIT(NOTES_READ));
	CHECK_STR(auth_name(&b.a, &b.who), id_text(&b.a, ID_person, &MK(person, 1).u));
	CHECK(memcmp(&b.who.workspace, &MK(workspace, 1), 27) == 0 && memcmp(&b.who.client, &MK(client, 1), 27) == 0);
	CHECK(auth_role(&b.who) == ROLE_MANAGER && !auth_is_console(&b.who));
	CHECK_OK(b.e, check_warm(&b));
	CHECK(!b.touch && b.who.scopes == SCOPE_BIT(NOTES_READ));
	struct auth_used used = auth_used(b.auth, &b.ask, &b.who);
	CHECK_OK(b.e, auth_touch(&b.db, &used, start, &b.e));
	b.clock.ms += 5000;
	CHECK_OK(b.e, check(&b));
	CHECK(!b.touch);
	b.clock.ms += 55000;
	CHECK_OK(b.e, check(&b));
	CHECK(b.touch);
	cleanup(&b);
}

DB_TEST(a_token_acts_where_its_person_belongs)
{
	static const char *const bad[] = { "", "org_", "me", "usr_01J9ZAB12CD34E56F7G8H9JKMN" };
	struct bench b;

	setup(&b, t);
	CHECK_OK(b.e, check(&b));
	b.ask.workspace = id_text(&b.a, ID_workspace, &MK(workspace, 4).u);
	CHECK_ERR(check_warm(&b), E_NEED_DB);			/* another principal, not the one that is warm */
	CHECK_OK(b.e, check(&b));
	CHECK(b.who.role == ROLE_CLIENT && memcmp(&b.who.workspace, &MK(workspace, 4), 27) == 0);
	struct limit_key k = auth_budget(&b.who.workspace, 0);
	CHECK(k.lo == b.who.budget.lo);
	b.ask.workspace = id_text(&b.a, ID_workspace, &MK(workspace, 2).u);
	CHECK_ERR(check(&b), E_PLAN_NOT_ELIGIBLE);
	b.ask.workspace = id_text(&b.a, ID_workspace, &MK(workspace, 3).u);
	CHECK_ERR(check(&b), E_WORKSPACE_MISMATCH);
	CHECK(b.known == AUTH_KNOWN && memcmp(&b.who.workspace, &MK(workspace, 1), 27) == 0);	/* whose audit log has it */
	CHECK_ERR(check_warm(&b), E_WORKSPACE_MISMATCH);
	for (size_t i = 0; i < COUNT(bad); i++) {
		b.ask.workspace = str_z(bad[i]);
		CHECK_ERR(check(&b), E_WORKSPACE_MISMATCH);
	}
	b.ask.workspace = STR_NONE;
	CHECK_OK(b.e, check_warm(&b));
	CHECK_OK(b.e, person_leave(&b.db, MK(workspace, 1), MK(person, 1), &b.e));
	auth_bust(b.auth);
	CHECK_ERR(check(&b), E_WORKSPACE_MISMATCH);
	CHECK(b.who.role == ROLE_CLIENT);
	cleanup(&b);
}

DB_TEST(who_tries_one_workspace_after_the_other_is_held_up)
{
	struct bench b;

	setup(&b, t);
	CHECK_OK(b.e, check(&b));
	for (int i = 0; i < 60; i++) {
		b.ask.workspace = id_text(&b.a, ID_workspace, &MK(workspace, 100 + i).u);
		CHECK_ERR(check(&b), E_WORKSPACE_MISMATCH);
	}
	b.ask.workspace = id_text(&b.a, ID_workspace, &MK(workspace, 200).u);
	CHECK_ERR(check(&b), E_RATE_LIMITED);
	b.ask.workspace = STR_NONE;
	CHECK_OK(b.e, check_warm(&b));
	cleanup(&b);
}

DB_TEST(a_token_ends_after_an_hour)
{
	struct bench b;

	setup(&b, t);
	b.clock.ms = start + ACCESS_MS - 1;
	CHECK_OK(b.e, check(&b));
	b.clock.ms = start + ACCESS_MS;
	CHECK_ERR(check_warm(&b), E_INVALID_TOKEN);
	CHECK(b.known == AUTH_KNOWN && says(&b, "expired"));
	auth_bust(b.auth);
	CHECK_ERR(check(&b), E_INVALID_TOKEN);
	CHECK(says(&b, "expired"));
	for (int i = 0; i < 100; i++)
		CHECK_ERR(check(&b), E_INVALID_TOKEN);		/* no stranger: its address is not held up */
	cleanup(&b);
}

DB_TEST(what_ends_a_token_holds_at_once)
{
	struct bench b;
	struct consent k;

	setup(&b, t);
	CHECK_OK(b.e, check(&b));
	CHECK_OK(b.e, consent_revoke(&b.db, MK(person, 1), MK(consent, 1), start, &b.e));
	CHECK_OK(b.e, check_warm(&b));
	auth_bust(b.auth);
	CHECK_ERR(check(&b), E_INVALID_TOKEN);
	CHECK(b.known == AUTH_KNOWN && says(&b, "revoked"));
	CHECK_OK(b.e, consent_give(&b.db, &b.a, MK(person, 1), MK(client, 1), MK(workspace, 1), SCOPE_BIT(NOTES_READ), MK(consent, 2), start, &k, &b.e));
	auth_bust(b.auth);
	CHECK_ERR(check(&b), E_INVALID_TOKEN);			/* allowed once more: for tokens that are given from then on */
	cleanup(&b);
}

DB_TEST(what_one_person_ends_leaves_the_others_warm)
{
	struct bench b;

	setup(&b, t);
	CHECK_OK(b.e, check(&b));
	auth_bust_of(b.auth, MK(person, 2), AUTH_ANYTHING);
	CHECK_OK(b.e, check_warm(&b));
	auth_bust_of(b.auth, MK(person, 1), MK(client, 2));
	CHECK_OK(b.e, check_warm(&b));
	auth_bust_of(b.auth, AUTH_ANYBODY, MK(client, 1));
	CHECK_ERR(check_warm(&b), E_NEED_DB);
	CHECK_OK(b.e, check(&b));
	auth_bust_of(b.auth, MK(person, 1), AUTH_ANYTHING);
	CHECK_ERR(check_warm(&b), E_NEED_DB);
	cleanup(&b);
}

DB_TEST(a_token_is_for_the_server_that_it_names)
{
	static const struct { const char *resource; bool ok; } row[] = {
		{ URL, true }, { URL "/", true }, { URL "/mcp", true }, { URL "/mcp/", true }, { URL "/api/mcp", true }, { URL "/v1", true }, { URL "/v1/", true }, { URL " " URL "/mcp", true },
		{ URL "/v2", false }, { URL "/mcp/x", false }, { URL "//", false }, { URL ".evil", false }, { "https://other.example", false }, { "", false },
		{ "http://scripe.example", false }, { URL "/mcp?x", false },
	};

	struct bench b;

	setup(&b, t);
	for (size_t i = 0; i < COUNT(row); i++) {
		b.family.id = t_ulid(1000, 100 + (int)i);
		b.family.resource = str_z(row[i].resource);
		CHECK_OK(b.e, family_insert(&b.db, &b.family, &b.e));
		show_token(&b, TOKEN_ACCESS, start);
		enum err code = check(&b);
		if (code != (row[i].ok ? OK : E_INVALID_TOKEN) || b.known != AUTH_KNOWN)
			t_fail(__FILE__, __LINE__, "'%s': %d", row[i].resource, (int)code);
	}
	cleanup(&b);
}

DB_TEST(what_this_server_did_not_make_costs_no_database)
{
	static const secret theirs = { { 8 } };
	char token[OAUTH_TOKEN_LEN + 1];
	struct bench b;

	setup(&b, t);
	token_mint(&theirs, TOKEN_ACCESS, &b.family.id, start, token);
	b.ask.authorization = str_fmt(&b.a, "Bearer %s", token);
	CHECK_ERR(check_warm(&b), E_INVALID_TOKEN);
	CHECK(b.known == AUTH_UNKNOWN);
	show_token(&b, TOKEN_REFRESH, 1);
	CHECK_ERR(check_warm(&b), E_INVALID_TOKEN);
	CHECK(says(&b, "refresh token"));
	b.family.id = t_ulid(1000, 78);
	show_token(&b, TOKEN_ACCESS, start);
	CHECK_ERR(check(&b), E_INVALID_TOKEN);
	CHECK(b.known == AUTH_UNKNOWN);
	for (int i = 0; i < 57; i++)
		CHECK_ERR(check(&b), E_INVALID_TOKEN);
	CHECK_ERR(check(&b), E_RATE_LIMITED);
	cleanup(&b);
}

/* --- sessions --- */

static digest
begin(struct bench *b, int person)
{
	digest h = auth_hash(b->auth, S(SECRET));
	struct session s = { .hash = h, .person = MK(person, person), .began_at = b->clock.ms, .ip = S("192.0.2.1") };

	CHECK_OK(b->e, session_insert(&b->db, &s, &b->e));
	b->ask.authorization = STR_NONE;
	b->ask.cookie = S(SECRET);
	return h;
}

DB_TEST(a_session_is_its_person)
{
	struct bench b;

	setup(&b, t);
	digest h = begin(&b, 1);
	CHECK_OK(b.e, check(&b));
	CHECK(b.who.type == PRINCIPAL_USER && b.who.role == ROLE_MANAGER && b.who.scopes == 0 && b.known == AUTH_KNOWN && !b.touch);
	CHECK(memcmp(&b.who.workspace, &MK(workspace, 1), 27) == 0 && memcmp(&b.who.person, &MK(person, 1), 27) == 0 && !auth_is_console(&b.who));
	CHECK_OK(b.e, check_warm(&b));
	b.ask.workspace = id_text(&b.a, ID_workspace, &MK(workspace, 2).u);
	CHECK_OK(b.e, check(&b));				/* the plan opens the API, not the door */
	CHECK(b.who.role == ROLE_CLIENT);
	b.ask.workspace = id_text(&b.a, ID_workspace, &MK(workspace, 3).u);
	CHECK_ERR(check(&b), E_WORKSPACE_MISMATCH);
	b.ask.workspace = STR_NONE;
	b.clock.ms += SESSION_TOUCH_MS;
	CHECK_OK(b.e, check(&b));
	CHECK(b.touch);
	struct auth_used used = auth_used(b.auth, &b.ask, &b.who);
	CHECK_OK(b.e, auth_touch(&b.db, &used, b.clock.ms, &b.e));
	b.clock.ms += SESSION_IDLE_MS - 1;
	CHECK_OK(b.e, check(&b));				/* it slid */
	CHECK_OK(b.e, session_end(&b.db, &h, &b.e));
	auth_bust(b.auth);
	CHECK_ERR(check(&b), E_INVALID_TOKEN);
	CHECK(b.known == AUTH_UNKNOWN && says(&b, "sign in"));
	cleanup(&b);
}

DB_TEST(a_header_goes_before_a_cookie)
{
	struct bench b;

	setup(&b, t);
	str header = b.ask.authorization;
	(void)begin(&b, 1);
	b.ask.authorization = header;
	CHECK_OK(b.e, check(&b));
	CHECK(b.who.type == PRINCIPAL_OAUTH);
	b.ask.authorization = S("Bearer nonsense");
	CHECK_ERR(check(&b), E_INVALID_TOKEN);
	b.ask.authorization = STR_NONE;
	b.ask.cookie = S("too short");
	CHECK_ERR(check_warm(&b), E_INVALID_TOKEN);
	cleanup(&b);
}

DB_TEST(who_belongs_to_no_workspace_is_told)
{
	struct bench b;

	setup(&b, t);
	(void)begin(&b, 1);
	for (int w = 1; w <= 4; w++)
		CHECK_OK(b.e, person_leave(&b.db, MK(workspace, w), MK(person, 1), &b.e));
	CHECK_ERR(check(&b), E_WORKSPACE_MISMATCH);
	CHECK(b.known == AUTH_UNKNOWN && says(&b, "invitation"));
	cleanup(&b);
}
