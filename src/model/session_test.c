#include "model/invitation.h"
#include "model/person.h"
#include "model/session.h"
#include "t_db.h"

#define MK(type, n)	((type##_id){ t_ulid(1000, n) })
static const struct miss missed = { E_NOT_FOUND, NULL, "none" };
static const int64_t now = INT64_C(1778803200000);		/* 2026-05-15 00:00 UTC */
static const int64_t day = INT64_C(86400000);

struct bench { struct db db; struct arena a; struct error e; struct session s; bool found; };

/* Two workspaces, each with Ada; Ben in the second one. */
static void
setup(struct bench *b, struct t_db *t)
{
	static const struct { int w, n; const char *email; int role; } row[] = {
		{ 1, 1, "ada@example.com", ROLE_ADMIN }, { 2, 1, "ADA@example.com", ROLE_CLIENT }, { 2, 2, "ben@example.com", ROLE_CREATOR },
	};
	struct person p;

	t_db_schema(t);
	*b = (struct bench){ .db = t_db_open(t) };
	arena_init(&b->a, 1 << 20);
	for (int w = 1; w <= 3; w++) {
		struct workspace ws = { .id = MK(workspace, w), .name = S("Acme"), .plan = w == 2 ? PLAN_FREE : PLAN_TRIAL, .subscription = SUB_ACTIVE };
		CHECK_OK(b->e, workspace_insert(&b->db, &ws, &b->e));
	}
	for (size_t i = 0; i < COUNT(row); i++) {
		struct person_create c = { str_z(row[i].email), S("Somebody"), row[i].role };
		CHECK_OK(b->e, person_join(&b->db, &b->a, MK(workspace, row[i].w), &c, MK(person, row[i].n), &p, &b->e));
	}
}

static void
cleanup(struct bench *b)
{
	arena_free(&b->a);
	b->db.ops->close(&b->db);
}

/* --- sessions --- */

static digest hash_of(int n) { return crypto_sha256((str){ (const char *)&n, sizeof(n) }); }

static void
begin(struct bench *b, int n, int person, int64_t at)
{
	struct session s = { .hash = hash_of(n), .person = MK(person, person), .began_at = at, .ip = S("192.0.2.1"), .agent = n % 2 ? S("A browser") : STR_NONE };
	CHECK_OK(b->e, session_insert(&b->db, &s, &b->e));
}

static bool
there(struct bench *b, int n, int64_t at)
{
	digest h = hash_of(n);
	CHECK_OK(b->e, session_by_hash(&b->db, &b->a, &h, at, &b->s, &b->found, &b->e));
	return b->found;
}

DB_TEST(a_session_slides_and_ends)
{
	struct bench b;
	digest h = hash_of(1);

	setup(&b, t);
	begin(&b, 1, 1, now);
	CHECK(there(&b, 1, now) && !there(&b, 2, now));
	CHECK(there(&b, 1, now) && memcmp(b.s.hash.b, h.b, 32) == 0 && memcmp(b.s.person.u.s, MK(person, 1).u.s, 27) == 0);
	CHECK_STR(b.s.email, S("ada@example.com"));
	CHECK_STR(b.s.agent, S("A browser"));
	CHECK(b.s.began_at == now && b.s.seen_at == now && b.s.expires_at == now + SESSION_IDLE_MS);
	CHECK(there(&b, 1, now + SESSION_IDLE_MS - 1) && !there(&b, 1, now + SESSION_IDLE_MS));
	for (int64_t at = now + 10 * day; at < now + SESSION_MOST_MS; at += 10 * day)
		CHECK_OK(b.e, session_touch(&b.db, &h, at, &b.e));
	CHECK(there(&b, 1, now + SESSION_MOST_MS - 1) && b.s.seen_at == now + 80 * day && b.s.expires_at == now + SESSION_MOST_MS);
	CHECK(!there(&b, 1, now + SESSION_MOST_MS));
	CHECK_OK(b.e, session_end(&b.db, &h, &b.e));
	CHECK(!there(&b, 1, now));
	begin(&b, 2, 1, now);
	CHECK(there(&b, 2, now) && b.s.agent.p == NULL);
	cleanup(&b);
}

DB_TEST(a_password_ends_the_sessions_before_it)
{
	struct account c;
	struct bench b;

	setup(&b, t);
	begin(&b, 1, 1, now);
	begin(&b, 2, 2, now);
	CHECK_OK(b.e, person_by_email(&b.db, &b.a, S("Ada@Example.com"), &c, &b.found, &b.e));
	CHECK(b.found && c.password.p == NULL && c.password_at == TIME_NONE && memcmp(c.id.u.s, MK(person, 1).u.s, 27) == 0);
	CHECK_OK(b.e, person_set_password(&b.db, c.id, S("$argon2id$"), now + 1, &b.e));
	CHECK(!there(&b, 1, now + 2) && there(&b, 2, now + 2));
	begin(&b, 3, 1, now + 1);			/* the session of who has just changed it */
	CHECK(there(&b, 3, now + 2));
	begin(&b, 4, 1, now - day);			/* the clock was set back since then */
	CHECK(there(&b, 4, now - day) && b.s.seen_at == now - day && b.s.expires_at == now - day + SESSION_IDLE_MS);
	CHECK_OK(b.e, person_account(&b.db, &b.a, c.id, &c, &b.found, &b.e));
	CHECK(b.found && c.password_at == now + 1);
	CHECK_STR(c.password, S("$argon2id$"));
	CHECK_OK(b.e, person_by_email(&b.db, &b.a, S("nobody@example.com"), &c, &b.found, &b.e));
	CHECK(!b.found);
	CHECK_ERR(person_set_password(&b.db, MK(person, 9), S("x"), now, &b.e), E_NOT_FOUND);
	cleanup(&b);
}

DB_TEST(all_sessions_but_one_end_together)
{
	struct session list[SESSIONS_MOST];
	struct bench b;
	digest h = hash_of(2);
	int n;

	setup(&b, t);
	for (int i = 1; i <= 3; i++)
		begin(&b, i, 1, now + i);
	begin(&b, 4, 2, now);
	CHECK_OK(b.e, session_list(&b.db, &b.a, MK(person, 1), now + 4, list, &n, &b.e));
	CHECK(n == 3 && list[0].began_at == now + 3 && list[2].began_at == now + 1);
	CHECK_OK(b.e, session_end_all(&b.db, MK(person, 1), &h, &b.e));
	CHECK(!there(&b, 1, now + 4) && there(&b, 2, now + 4) && !there(&b, 3, now + 4) && there(&b, 4, now + 4));
	CHECK_OK(b.e, session_end_all(&b.db, MK(person, 1), NULL, &b.e));
	CHECK(!there(&b, 2, now + 4) && there(&b, 4, now + 4));
	cleanup(&b);
}

DB_TEST(the_oldest_session_gives_way)
{
	struct bench b;

	setup(&b, t);
	begin(&b, 1000, 2, now - 1);
	for (int i = 1; i <= SESSIONS_MOST + 3; i++)
		begin(&b, i, 1, now + i);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM session"), ==, SESSIONS_MOST + 1);
	CHECK(!there(&b, 3, now + 100) && there(&b, 4, now + 100) && there(&b, 1000, now + 100));
	cleanup(&b);
}

DB_TEST(sessions_that_are_over_are_swept_in_slices)
{
	struct bench b;
	int64_t n;

	setup(&b, t);
	for (int i = 0; i < 5; i++)
		begin(&b, i, 1, now + i);
	CHECK_OK(b.e, session_sweep(&b.db, now + SESSION_IDLE_MS + 3, 3, &n, &b.e));
	CHECK(n == 3 && !there(&b, 2, now) && there(&b, 3, now));
	CHECK_OK(b.e, session_sweep(&b.db, now + SESSION_IDLE_MS + 3, 3, &n, &b.e));
	CHECK(n == 1);
	CHECK_OK(b.e, session_sweep(&b.db, now + SESSION_IDLE_MS + 3, 3, &n, &b.e));
	CHECK(n == 0 && there(&b, 4, now));
	cleanup(&b);
}

/* --- workspaces of a person --- */

DB_TEST(a_person_reaches_the_workspaces_they_belong_to)
{
	struct reach r[4];
	workspace_id top, w;
	struct bench b;
	int n, role;

	setup(&b, t);
	memset(top.u.s, 'Z', 26);
	CHECK_OK(b.e, person_workspaces(&b.db, &b.a, MK(person, 1), top, 4, r, &n, &b.e));
	CHECK(n == 2 && memcmp(&r[0].workspace.id, &MK(workspace, 2), 27) == 0 && memcmp(&r[1].workspace.id, &MK(workspace, 1), 27) == 0);
	CHECK(r[0].role == ROLE_CLIENT && r[1].role == ROLE_ADMIN && !r[0].workspace.features.api_access && r[1].workspace.features.api_access);
	CHECK_OK(b.e, person_workspaces(&b.db, &b.a, MK(person, 1), r[0].workspace.id, 4, r, &n, &b.e));
	CHECK(n == 1 && r[0].role == ROLE_ADMIN);
	CHECK_OK(b.e, person_role_in(&b.db, MK(person, 1), MK(workspace, 2), &role, &b.found, &b.e));
	CHECK(b.found && role == ROLE_CLIENT);
	CHECK_OK(b.e, person_role_in(&b.db, MK(person, 2), MK(workspace, 1), &role, &b.found, &b.e));
	CHECK(!b.found);
	CHECK_OK(b.e, person_first_workspace(&b.db, MK(person, 1), &w, &role, &b.found, &b.e));
	CHECK(b.found && role == ROLE_ADMIN && memcmp(&w, &MK(workspace, 1), sizeof(w)) == 0);
	CHECK_OK(b.e, person_first_workspace(&b.db, MK(person, 9), &w, &role, &b.found, &b.e));
	CHECK(!b.found);
	cleanup(&b);
}

TEST(a_password_has_a_length)
{
	static const struct { str s; bool ok; } row[] = {
		{ S_INIT("short"), false }, { S_INIT("ninechars"), false }, { S_INIT("ten chars!"), true }, { S_INIT("öööööööööö"), true },
		{ S_INIT("öööööö"), false }, { S_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), false }, { S_INIT(""), false },
	};
	char most[PASSWORD_MOST + 1];
	struct error e;

	for (size_t i = 0; i < COUNT(row); i++)
		CHECK_INT(person_password_ok(row[i].s, &e) == OK, ==, row[i].ok);
	memset(most, 'x', sizeof(most));
	CHECK_OK(e, person_password_ok((str){ most, PASSWORD_MOST }, &e));
	CHECK_ERR(person_password_ok((str){ most, PASSWORD_MOST + 1 }, &e), E_INVALID_REQUEST);
	CHECK_ERR(person_password_ok(STR_NONE, &e), E_INVALID_REQUEST);
}

/* --- invitations --- */

static void
invite(struct bench *b, int w, int n)
{
	struct invitation i = { .id = MK(invitation, n), .workspace = MK(workspace, w), .email = S("cora@example.com"), .name = S("Cora"), .role = ROLE_MANAGER,
	    .invited_by = S("usr_1"), .expires_at = now + INVITATION_MS + n };
	digest h = hash_of(n);

	CHECK_OK(b->e, invitation_insert(&b->db, &i, &h, &b->e));
}

/* The newest of a workspace. */
static bool
newest(struct bench *b, int w, struct invitation *ret)
{
	struct rows r;

	CHECK_OK(b->e, invitation_page(&b->db, MK(workspace, w), MK(invitation, 9999), 1, &r, &b->e));
	bool found = db_next(&r);
	if (found)
		db_scan(&invitation_rec, &r, &b->a, ret);
	CHECK_OK(b->e, db_done(&r, &b->e));
	return found;
}

DB_TEST(an_invitation_works_once)
{
	struct invitation i;
	struct bench b;
	digest h = hash_of(1);

	setup(&b, t);
	invite(&b, 1, 1);
	CHECK_OK(b.e, invitation_by_hash(&b.db, &b.a, &h, now, &i, &b.found, &b.e));
	CHECK(b.found && i.role == ROLE_MANAGER && i.accepted_at == TIME_NONE && memcmp(&i.workspace, &MK(workspace, 1), 27) == 0);
	CHECK_STR(i.workspace_name, S("Acme"));
	CHECK_STR(i.email, S("cora@example.com"));
	CHECK_OK(b.e, invitation_by_hash(&b.db, &b.a, &h, now + INVITATION_MS + 1, &i, &b.found, &b.e));
	CHECK(!b.found);
	CHECK_ERR(invitation_accept(&b.db, MK(workspace, 1), MK(invitation, 1), now + INVITATION_MS + 1, &b.e), E_CONFLICT);
	CHECK_ERR(invitation_accept(&b.db, MK(workspace, 2), MK(invitation, 1), now, &b.e), E_CONFLICT);
	CHECK_OK(b.e, invitation_accept(&b.db, MK(workspace, 1), MK(invitation, 1), now, &b.e));
	CHECK_ERR(invitation_accept(&b.db, MK(workspace, 1), MK(invitation, 1), now, &b.e), E_CONFLICT);
	CHECK_OK(b.e, invitation_by_hash(&b.db, &b.a, &h, now, &i, &b.found, &b.e));
	CHECK(!b.found);
	CHECK(newest(&b, 1, &i) && i.accepted_at == now);
	cleanup(&b);
}

DB_TEST(a_workspace_has_so_many_invitations)
{
	struct invitation i = { .id = MK(invitation, 5000), .workspace = MK(workspace, 1), .email = S("d@example.com"), .name = S("d"), .role = ROLE_CLIENT,
	    .invited_by = S("x"), .expires_at = now };
	struct invitee to;
	struct bench b;
	digest h = hash_of(5000);

	setup(&b, t);
	CHECK_OK(b.e, b.db.ops->begin(&b.db, TX_WRITE, &b.e));
	for (int n = 1; n <= INVITATIONS_MOST; n++)
		invite(&b, 1, n);
	CHECK_OK(b.e, b.db.ops->commit(&b.db, &b.e));
	CHECK_ERR(invitation_look(&b.db, &b.a, i.workspace, i.email, &to, &b.e), E_CONFLICT);
	i.workspace = MK(workspace, 2);
	CHECK_OK(b.e, invitation_look(&b.db, &b.a, i.workspace, i.email, &to, &b.e));
	CHECK(!to.member && !to.known);
	CHECK_OK(b.e, invitation_insert(&b.db, &i, &h, &b.e));
	CHECK_OK(b.e, invitation_delete(&b.db, MK(workspace, 1), MK(invitation, 1), &b.e));
	invite(&b, 1, 1);
	cleanup(&b);
}

DB_TEST(invitations_are_their_workspaces_alone)
{
	struct invitation i;
	struct bench b;
	struct rows r;
	int64_t gone;
	int n = 0;

	setup(&b, t);
	invite(&b, 1, 1);
	invite(&b, 1, 2);
	invite(&b, 2, 3);
	CHECK_OK(b.e, invitation_page(&b.db, MK(workspace, 1), MK(invitation, 99), 10, &r, &b.e));
	while (db_next(&r)) {
		db_scan(&invitation_rec, &r, NULL, &i);
		CHECK(memcmp(&i.id, &MK(invitation, 2 - n), sizeof(i.id)) == 0);
		n++;
	}
	CHECK_OK(b.e, db_done(&r, &b.e));
	CHECK_INT(n, ==, 2);
	CHECK_ERR(invitation_anchor(&b.db, MK(workspace, 2), &MK(invitation, 1).u, &missed, &b.e), E_NOT_FOUND);
	CHECK_ERR(invitation_delete(&b.db, MK(workspace, 2), MK(invitation, 1), &b.e), E_NOT_FOUND);
	CHECK_OK(b.e, invitation_delete(&b.db, MK(workspace, 1), MK(invitation, 1), &b.e));
	CHECK_OK(b.e, invitation_sweep(&b.db, now + INVITATION_MS + 2, 10, &gone, &b.e));
	CHECK_INT(gone, ==, 1);
	CHECK(newest(&b, 2, &i) && memcmp(&i.id, &MK(invitation, 3), sizeof(i.id)) == 0);
	cleanup(&b);
}
