#include "t_app.h"
#include "auth/token.h"
#include "model/client.h"
#include "model/grant.h"
#include "model/ledger.h"
#include "model/person.h"
#include "model/session.h"

/* Sessions and programs at /v1: what they may, where, and what the logs tell of them. */

#define SECRET		"0123456789abcdefghijklmnopqrstuvwxyz0123456"
#define COOKIE		"Cookie: other=1; scriped=" SECRET "\r\n"
#define OURS		"Sec-Fetch-Site: same-origin\r\n"

/* Ada is Admin at home and Client next door.  She is signed in, and has allowed a program to read notes. */
struct bench {
	struct t_app a;
	workspace_id next_door, theirs;
	person_id ada;
	client_id program;
	struct family family;
	char token[OAUTH_TOKEN_LEN + 1];
	int role;
};

static enum err
put(void *ctx, struct db *db, struct error *e)
{
	struct bench *b = ctx;
	struct arena *a = &b->a.h.a;
	struct person_create ada = { S("ada@example.com"), S("Ada"), ROLE_ADMIN };
	struct client c = { .id = b->program, .name = S("A program"), .redirects = S("[]"), .metadata = S("{}"), .created_at = t_now(&b->a.h), .fresh_until = TIME_NONE,
	    .consented_at = TIME_NONE };
	struct session s = { .hash = auth_hash(b->a.auth, S(SECRET)), .began_at = t_now(&b->a.h), .ip = S("127.0.0.1") };
	struct consent k;
	struct person p;

	TRY(person_join(db, a, b->a.h.ws, &ada, b->ada, &p, e));
	ada.role = ROLE_CLIENT;
	TRY(person_join(db, a, b->next_door, &ada, b->ada, &p, e));
	s.person = b->ada;
	TRY(session_insert(db, &s, e));
	TRY(client_insert(db, &c, e));
	TRY(consent_give(db, a, b->ada, c.id, b->a.h.ws, SCOPE_BIT(NOTES_READ) | SCOPE_BIT(NOTES_WRITE), (consent_id){ sys_ulid(&b->a.h.clock.c) }, t_now(&b->a.h), &k, e));
	b->family.consent = k.id;
	return family_insert(db, &b->family, e);
}

static void
setup(struct bench *b, struct t_db *t, const char *sets)
{
	project_id project;

	*b = (struct bench){ 0 };
	t_app_open(&b->a, t, 0, sets);
	t_workspace(&b->a.h, PLAN_ENTERPRISE, &b->next_door, &project);
	t_workspace(&b->a.h, PLAN_ENTERPRISE, &b->theirs, &project);
	b->ada = (person_id){ sys_ulid(&b->a.h.clock.c) };
	b->program = (client_id){ sys_ulid(&b->a.h.clock.c) };
	b->family = (struct family){ .id = sys_ulid(&b->a.h.clock.c), .client = b->program, .person = b->ada, .workspace = b->a.h.ws,
	    .scopes = SCOPE_BIT(NOTES_READ) | SCOPE_BIT(NOTES_WRITE), .resource = str_fmt(&b->a.h.a, "%s/mcp", front_url(b->a.front)), .turn = 1,
	    .turned_at = t_now(&b->a.h), .expires_at = t_now(&b->a.h) + REFRESH_MS, .revoked_at = TIME_NONE };
	t_write(&b->a.h, put, b);
	token_mint(&b->a.secret, TOKEN_ACCESS, &b->family.id, t_now(&b->a.h), b->token);
}

static struct t_answer
as(struct bench *b, const char *token, const char *method, const char *path, const char *body, const char *more)
{
	b->a.c.token = token;
	return t_call(&b->a, method, path, body, more);
}
#define BROWSER(b, method, path, body, more)	as(b, NULL, method, path, body, COOKIE more)
#define PROGRAM(b, method, path, body, more)	as(b, (b)->token, method, path, body, more)
static const char *in(struct bench *b, const workspace_id *w) { return t_fmt(&b->a, COOKIE OURS "Scripe-Workspace-Id: org_%s\r\n", w->u.s); }
static str code_of(const struct t_answer *r) { return t_text(r->body, "error.code"); }
static const char *note(struct bench *b) { return t_fmt(&b->a, "{\"projectId\":\"%s\",\"content\":\"x\"}", b->a.project); }

/* --- sessions --- */

DB_TEST(a_session_may_what_its_role_may)
{
	struct bench b;

	setup(&b, t, "");
	struct t_answer r = BROWSER(&b, "GET", "/v1/workspaces/me", NULL, "");
	CHECK_INT(r.status, ==, 200);
	CHECK_STR(t_text(r.body, "principal.type"), S("user"));
	CHECK_STR(t_text(r.body, "principal.id"), str_z(t_fmt(&b.a, "usr_%s", b.ada.u.s)));
	CHECK_STR(t_text(r.body, "principal.role"), S("Admin"));
	CHECK(t_at(r.body, "principal.clientId") == NULL);
	CHECK_INT(BROWSER(&b, "GET", "/v1/keys", NULL, "").status, ==, 200);
	CHECK_INT(BROWSER(&b, "POST", "/v1/notes", note(&b), OURS).status, ==, 200);
	r = as(&b, NULL, "GET", "/v1/keys", NULL, in(&b, &b.next_door));
	CHECK_STR(code_of(&r), S("role_missing"));
	r = as(&b, NULL, "GET", "/v1/health/auth", NULL, in(&b, &b.next_door));
	CHECK_STR(t_text(r.body, "workspace.id"), str_z(t_fmt(&b.a, "org_%s", b.next_door.u.s)));
	CHECK_STR(t_text(r.body, "principal.role"), S("Client"));
	r = as(&b, NULL, "GET", "/v1/workspaces/me", NULL, in(&b, &b.theirs));
	CHECK(r.status == 403);
	CHECK_STR(code_of(&r), S("workspace_mismatch"));
	r = as(&b, NULL, "GET", "/v1/workspaces/me", NULL, t_fmt(&b.a, "%sScripe-Workspace-Id: org_%s\r\n", in(&b, &b.next_door), b.next_door.u.s));
	CHECK_STR(code_of(&r), S("workspace_mismatch"));		/* twice */
	t_app_close(&b.a);
}

/* Browsers send cookies with whatever a page has them send. */
DB_TEST(what_a_page_of_another_origin_sends_is_nobodys)
{
	static const struct { const char *more; int read, write; const char *code; } row[] = {
		{ "", 200, 403, "origin_refused" }, { "Sec-Fetch-Site: none\r\n", 200, 403, "origin_refused" }, { OURS, 200, 200, NULL },
		{ "Sec-Fetch-Site: cross-site\r\n", 401, 401, "invalid_token" }, { "Sec-Fetch-Site: same-site\r\n", 401, 401, "invalid_token" },
		{ "Origin: https://evil.example\r\n", 401, 401, "invalid_token" }, { "Origin: null\r\n", 401, 401, "invalid_token" },
		{ "Origin: https://friend.example\r\n", 401, 401, "invalid_token" },
	};
	struct bench b;

	setup(&b, t, "cors_origins=https://friend.example");
	for (size_t i = 0; i < COUNT(row); i++) {
		const char *more = t_fmt(&b.a, COOKIE "%s", row[i].more);
		struct t_answer r = as(&b, NULL, "GET", "/v1/projects", NULL, more), w = as(&b, NULL, "POST", "/v1/notes", note(&b), more);
		if (r.status != row[i].read || w.status != row[i].write || (row[i].code != NULL && !str_eq(code_of(&w), str_z(row[i].code))))
			t_fail(__FILE__, __LINE__, "'%s': %d, %d", row[i].more, r.status, w.status);
	}
	const char *own = COOKIE "Origin: http://t\r\n";
	CHECK_INT(as(&b, NULL, "POST", "/v1/notes", note(&b), own).status, ==, 200);
	CHECK_INT(as(&b, NULL, "POST", "/v1/notes", note(&b), OURS "Cookie: scriped=" SECRET "; scriped=" SECRET "\r\n").status, ==, 401);
	CHECK_INT(as(&b, b.a.key, "POST", "/v1/notes", note(&b), COOKIE).status, ==, 200);	/* a key needs no page */
	T_UNTIL(t_count(&b.a.h, "audit WHERE status = 403 AND route = '/v1/notes'") == 2);
	t_app_close(&b.a);
}

/* --- programs --- */

DB_TEST(a_program_may_what_both_scopes_and_role_allow)
{
	struct bench b;

	setup(&b, t, "");
	CHECK_INT(PROGRAM(&b, "POST", "/v1/notes", note(&b), NULL).status, ==, 200);
	struct t_answer r = PROGRAM(&b, "GET", "/v1/posts", NULL, NULL);
	CHECK_STR(code_of(&r), S("scope_missing"));
	CHECK_STR(t_header(&r, "WWW-Authenticate"), str_z(t_fmt(&b.a,
	    "Bearer resource_metadata=\"%s/.well-known/oauth-protected-resource\", error=\"insufficient_scope\", scope=\"posts:read\"", front_url(b.a.front))));
	r = PROGRAM(&b, "POST", "/v1/uploads", "{\"contentType\":\"text/plain\"}", NULL);
	CHECK(strstr(t_header(&r, "WWW-Authenticate").p, "scope=\"sources:write knowledge:write\"") != NULL);
	r = PROGRAM(&b, "GET", "/v1/keys", NULL, NULL);
	CHECK_STR(code_of(&r), S("role_missing"));			/* for people alone, though Ada is Admin */
	r = PROGRAM(&b, "POST", "/v1/notes", note(&b), in(&b, &b.next_door));
	CHECK_STR(code_of(&r), S("role_missing"));			/* a Client writes nothing */
	CHECK(strstr(t_text(r.body, "error.message").p, "'Client'") != NULL);
	r = PROGRAM(&b, "GET", "/v1/workspaces/me", NULL, in(&b, &b.theirs));
	CHECK_STR(code_of(&r), S("workspace_mismatch"));
	r = PROGRAM(&b, "GET", "/v1/workspaces/me", NULL, NULL);
	CHECK_STR(t_text(r.body, "principal.type"), S("oauth"));
	CHECK_STR(t_text(r.body, "principal.clientId"), str_z(t_fmt(&b.a, "cli_%s", b.program.u.s)));
	CHECK_STR(t_text(r.body, "principal.id"), str_z(t_fmt(&b.a, "usr_%s", b.ada.u.s)));
	CHECK_INT((int64_t)json_array_size(t_at(r.body, "principal.scopes")), ==, 2);
	t_move(&b.a.h, ACCESS_MS);
	r = PROGRAM(&b, "GET", "/v1/workspaces/me", NULL, NULL);
	CHECK_INT(r.status, ==, 401);
	CHECK(strstr(t_text(r.body, "error.message").p, "expired") != NULL && strstr(t_header(&r, "WWW-Authenticate").p, "error=\"invalid_token\"") != NULL);
	t_app_close(&b.a);
}

DB_TEST(people_and_programs_list_what_they_reach)
{
	struct bench b;

	setup(&b, t, "");
	for (int i = 0; i < 2; i++) {
		const char *who = i == 0 ? b.token : NULL, *more = i == 0 ? NULL : COOKIE;
		struct t_answer r = as(&b, who, "GET", "/v1/workspaces?limit=1", NULL, more);
		CHECK_STR(t_text(r.body, "data.0.id"), str_z(t_fmt(&b.a, "org_%s", b.next_door.u.s)));
		CHECK(json_is_true(t_at(r.body, "pagination.has_more")));
		const char *next = t_fmt(&b.a, "/v1/workspaces?limit=1&cursor=%s", t_text(r.body, "pagination.next_cursor").p);
		r = as(&b, who, "GET", next, NULL, more);
		CHECK_STR(t_text(r.body, "data.0.id"), str_z(t_fmt(&b.a, "org_%s", b.a.h.ws.u.s)));
		CHECK(json_is_false(t_at(r.body, "pagination.has_more")));
		t_db_script(t, t_fmt(&b.a, "UPDATE membership SET workspace = '%s' WHERE workspace = '%s'", b.theirs.u.s, b.next_door.u.s));
		r = as(&b, who, "GET", next, NULL, more);
		CHECK_STR(code_of(&r), S("bad_cursor"));
		t_db_script(t, t_fmt(&b.a, "UPDATE membership SET workspace = '%s' WHERE workspace = '%s'", b.next_door.u.s, b.theirs.u.s));
	}
	struct t_answer r = as(&b, b.a.key, "GET", "/v1/workspaces", NULL, NULL);
	CHECK_INT((int64_t)json_array_size(t_at(r.body, "data")), ==, 1);
	t_app_close(&b.a);
}

DB_TEST(the_logs_tell_the_program)
{
	struct bench b;

	setup(&b, t, "");
	struct t_answer r = PROGRAM(&b, "POST", "/v1/notes", note(&b), NULL);
	str first = t_header(&r, "X-Request-Id");
	r = BROWSER(&b, "POST", "/v1/notes", note(&b), OURS);
	str second = t_header(&r, "X-Request-Id");
	t_move(&b.a.h, 2000);
	(void)BROWSER(&b, "POST", "/v1/notes", note(&b), OURS);		/* a commit that the rows ride with */
	T_UNTIL(t_count(&b.a.h, "request_log") >= 2);
	r = BROWSER(&b, "GET", "/v1/audit-log?limit=3", NULL, "");
	CHECK(t_at(r.body, "data.0.clientId") == NULL && t_at(r.body, "data.1.clientId") == NULL);
	CHECK_STR(t_text(r.body, "data.2.clientId"), str_z(t_fmt(&b.a, "cli_%s", b.program.u.s)));
	CHECK_STR(t_text(r.body, "data.2.principal"), t_text(r.body, "data.1.principal"));
	r = BROWSER(&b, "GET", t_fmt(&b.a, "/v1/request-logs/%.*s", STR(first)), NULL, "");
	CHECK_STR(t_text(r.body, "data.clientId"), str_z(t_fmt(&b.a, "cli_%s", b.program.u.s)));
	r = PROGRAM(&b, "GET", "/v1/request-logs", NULL, NULL);
	CHECK_INT((int64_t)json_array_size(t_at(r.body, "data")), ==, 1);	/* its own alone, though Ada asked more */
	CHECK_STR(t_text(r.body, "data.0.id"), first);
	CHECK_INT(PROGRAM(&b, "GET", t_fmt(&b.a, "/v1/request-logs/%.*s", STR(second)), NULL, NULL).status, ==, 404);
	t_app_close(&b.a);
}

/* --- consents --- */

DB_TEST(a_consent_that_is_revoked_ends_its_tokens_at_once)
{
	struct bench b;

	setup(&b, t, "");
	const char *id = t_fmt(&b.a, "cons_%s", b.family.consent.u.s);
	struct t_answer r = BROWSER(&b, "GET", "/v1/consents", NULL, "");
	CHECK_STR(t_text(r.body, "data.0.id"), str_z(id));
	CHECK_STR(t_text(r.body, "data.0.clientName"), S("A program"));
	r = as(&b, NULL, "GET", "/v1/users/me/consents", NULL, in(&b, &b.next_door));	/* one's own: wherever one is */
	CHECK_STR(t_text(r.body, "data.0.id"), str_z(id));
	r = as(&b, NULL, "GET", "/v1/consents", NULL, in(&b, &b.next_door));
	CHECK_STR(code_of(&r), S("role_missing"));
	CHECK_INT(PROGRAM(&b, "GET", "/v1/notes", NULL, NULL).status, ==, 400);
	r = as(&b, NULL, "POST", t_fmt(&b.a, "/v1/users/me/consents/%s/revoke", id), NULL, in(&b, &b.next_door));
	CHECK_INT(r.status, ==, 200);
	CHECK(t_text(r.body, "data.revokedAt").p != NULL);
	r = PROGRAM(&b, "GET", "/v1/notes", NULL, NULL);
	CHECK_INT(r.status, ==, 401);
	CHECK(strstr(t_text(r.body, "error.message").p, "revoked") != NULL);
	r = BROWSER(&b, "POST", t_fmt(&b.a, "/v1/consents/%s/revoke", id), NULL, OURS);
	CHECK_INT(r.status, ==, 404);
	r = BROWSER(&b, "GET", "/v1/users/me/consents", NULL, "");
	CHECK_INT((int64_t)json_array_size(t_at(r.body, "data")), ==, 0);
	t_app_close(&b.a);
}

DB_TEST(who_leaves_is_out_at_once)
{
	struct bench b;

	setup(&b, t, "");
	CHECK_INT(BROWSER(&b, "POST", "/v1/members", "{\"email\":\"ben@example.com\",\"name\":\"Ben\",\"role\":\"Admin\"}", OURS).status, ==, 200);
	CHECK_INT(PROGRAM(&b, "GET", "/v1/projects", NULL, NULL).status, ==, 200);
	const char *ada = t_fmt(&b.a, "/v1/members/usr_%s", b.ada.u.s);
	CHECK_INT(BROWSER(&b, "PATCH", ada, "{\"role\":\"Client\"}", OURS).status, ==, 200);
	struct t_answer r = BROWSER(&b, "DELETE", ada, NULL, OURS);
	CHECK_STR(code_of(&r), S("role_missing"));
	CHECK_INT(PROGRAM(&b, "POST", "/v1/notes", note(&b), NULL).status, ==, 403);
	t_app_close(&b.a);
}
