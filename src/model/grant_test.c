#include "model/client.h"
#include "model/grant.h"
#include "model/person.h"
#include "model/workspace.h"
#include "t_db.h"

/* Clients, and what people allowed them, in their tables. */

static const struct miss missed = { E_NOT_FOUND, NULL, "none" };
static const int64_t now = INT64_C(1778803200000);		/* 2026-05-15 00:00 UTC */
#define MK(T, n)	((T##_id){ t_ulid(now + (n), n) })
#define READ		(SCOPE_BIT(NOTES_READ) | SCOPE_BIT(POSTS_READ))

struct bench { struct db db; struct arena a; struct error e; };

static struct client
client_of(int n, int64_t at)
{
	return (struct client){ .id = MK(client, n), .name = S("Acme"), .auth_method = CLIENT_AUTH_NONE, .redirects = S("[\"https://acme.example/cb\"]"),
	    .metadata = S("{}"), .created_at = at, .fresh_until = TIME_NONE, .consented_at = TIME_NONE };
}

static void
put_client(struct bench *b, int n, int64_t at)
{
	struct client c = client_of(n, at);

	CHECK_OK(b->e, client_insert(&b->db, &c, &b->e));
}

static void
setup(struct bench *b, struct t_db *t)
{
	t_db_schema(t);
	*b = (struct bench){ .db = t_db_open(t) };
	arena_init(&b->a, 1 << 20);
	for (int i = 1; i <= 2; i++) {
		struct workspace w = { .id = MK(workspace, i), .name = S("W"), .plan = PLAN_ENTERPRISE, .subscription = SUB_ACTIVE };
		struct person_create c = { .email = str_fmt(&b->a, "p%d@example.com", i), .name = S("P"), .role = ROLE_ADMIN };
		struct person p;
		CHECK_OK(b->e, workspace_insert(&b->db, &w, &b->e));
		CHECK_OK(b->e, person_join(&b->db, &b->a, w.id, &c, MK(person, i), &p, &b->e));
	}
}

static void
finish(struct bench *b)
{
	arena_free(&b->a);
	b->db.ops->close(&b->db);
}

DB_TEST(a_client_is_kept_as_it_registered_and_changed_as_it_says)
{
	struct bench b;
	struct client c = client_of(1, now), got;
	bool found;

	setup(&b, t);
	c.secret = S("01234567890123456789012345678901");
	c.auth_method = CLIENT_AUTH_BASIC;
	CHECK_OK(b.e, client_insert(&b.db, &c, &b.e));
	CHECK_OK(b.e, client_get(&b.db, &b.a, c.id, &got, &found, &b.e));
	CHECK(found && got.auth_method == CLIENT_AUTH_BASIC && got.url.p == NULL && got.scopes.p == NULL && got.registration.p == NULL && !got.verified);
	CHECK_STR(got.secret, c.secret);
	CHECK_STR(got.redirects, c.redirects);
	CHECK_INT(got.consented_at, ==, TIME_NONE);
	got.name = S("Other");
	got.secret = STR_NONE;
	got.registration = S("abcdefghijabcdefghijabcdefghijab");
	CHECK_OK(b.e, client_update(&b.db, &got, &b.e));
	CHECK_OK(b.e, client_verify(&b.db, c.id, true, &found, &b.e));
	CHECK(found);
	CHECK_OK(b.e, client_get(&b.db, &b.a, c.id, &got, &found, &b.e));
	CHECK_STR(got.name, S("Other"));
	CHECK(found && got.secret.p == NULL && got.verified);
	CHECK_STR(got.registration, S("abcdefghijabcdefghijabcdefghijab"));
	CHECK_OK(b.e, client_delete(&b.db, c.id, &b.e));
	CHECK_OK(b.e, client_get(&b.db, &b.a, c.id, &got, &found, &b.e));
	CHECK(!found);
	CHECK_OK(b.e, client_verify(&b.db, c.id, true, &found, &b.e));
	CHECK(!found);
	finish(&b);
}

DB_TEST(a_document_is_learned_again_under_the_id_of_the_first_time)
{
	struct bench b;
	struct client c = client_of(1, now), again = client_of(2, now + 5), got;
	bool found;

	setup(&b, t);
	c.url = again.url = S("https://app.example/client.json");
	c.fresh_until = now + 60000;
	again.fresh_until = now + 120000;
	again.name = S("Renamed");
	CHECK_OK(b.e, client_learn(&b.db, &b.a, &c, &got, &b.e));
	CHECK_STR(((str){ got.id.u.s, 26 }), ((str){ c.id.u.s, 26 }));
	CHECK_OK(b.e, client_verify(&b.db, got.id, true, &found, &b.e));
	CHECK_OK(b.e, client_learn(&b.db, &b.a, &again, &got, &b.e));
	CHECK_STR(((str){ got.id.u.s, 26 }), ((str){ c.id.u.s, 26 }));
	CHECK_STR(got.name, S("Renamed"));
	CHECK_INT(got.fresh_until, ==, now + 120000);
	CHECK_INT(got.created_at, ==, now);
	CHECK(got.verified);
	CHECK_OK(b.e, client_by_url(&b.db, &b.a, S("https://app.example/client.json2"), &got, &found, &b.e));
	CHECK(!found);
	finish(&b);
}

DB_TEST(orphans_go_when_they_are_old_or_too_many_and_who_has_a_consent_stays)
{
	struct bench b;
	struct client got;
	int64_t n;
	bool found;

	setup(&b, t);
	for (int i = 1; i <= 10; i++)
		put_client(&b, i, now + i);
	CHECK_OK(b.e, client_consented(&b.db, MK(client, 1), now + 1, &b.e));
	CHECK_OK(b.e, client_trim(&b.db, 9, 100, &n, &b.e));
	CHECK_INT(n, ==, 0);
	CHECK_OK(b.e, client_trim(&b.db, 6, 100, &n, &b.e));
	CHECK_INT(n, ==, 3);		/* 2, 3 and 4 */
	CHECK_OK(b.e, client_get(&b.db, &b.a, MK(client, 4), &got, &found, &b.e));
	CHECK(!found);
	CHECK_OK(b.e, client_trim(&b.db, 1, 2, &n, &b.e));
	CHECK_INT(n, ==, 2);
	CHECK_OK(b.e, client_sweep(&b.db, now + CLIENT_ORPHAN_MS + 8, 100, &n, &b.e));
	CHECK_INT(n, ==, 1);		/* 7; 8 is 30 days old in a moment */
	CHECK_OK(b.e, client_sweep(&b.db, now + 2 * CLIENT_ORPHAN_MS, 1, &n, &b.e));
	CHECK_INT(n, ==, 1);
	CHECK_OK(b.e, client_sweep(&b.db, now + 2 * CLIENT_ORPHAN_MS, 100, &n, &b.e));
	CHECK_INT(n, ==, 2);
	CHECK_OK(b.e, client_get(&b.db, &b.a, MK(client, 1), &got, &found, &b.e));
	CHECK(found && got.consented_at == now + 1);
	finish(&b);
}

static void
give(struct bench *b, int person, int client, int ws, unsigned scopes, int fresh, struct consent *ret)
{
	CHECK_OK(b->e, consent_give(&b->db, &b->a, MK(person, person), MK(client, client), MK(workspace, ws), scopes, MK(consent, fresh), now + fresh, ret, &b->e));
}

static struct family
put_family(struct bench *b, int n, int person, int consent, int64_t end)
{
	struct family f = { .id = t_ulid(now, n), .client = MK(client, 1), .person = MK(person, person), .consent = MK(consent, consent), .workspace = MK(workspace, 1),
	    .scopes = READ | SCOPE_BIT(OFFLINE_ACCESS), .resource = S("https://s.example"), .turn = 1, .turned_at = now, .expires_at = end };

	CHECK_OK(b->e, family_insert(&b->db, &f, &b->e));
	return f;
}

DB_TEST(a_consent_is_one_per_person_and_client_and_grows_until_it_is_revoked)
{
	struct bench b;
	struct consent c;
	struct family f;
	bool found;

	setup(&b, t);
	put_client(&b, 1, now);
	give(&b, 1, 1, 1, READ, 1, &c);
	CHECK_STR(c.client_name, S("Acme"));
	CHECK(c.scopes == READ && c.client_url.p == NULL && !c.verified && c.used_at == TIME_NONE);
	give(&b, 1, 1, 2, SCOPE_BIT(POSTS_WRITE) | SCOPE_BIT(OFFLINE_ACCESS), 2, &c);
	CHECK_INT(c.scopes, ==, READ | SCOPE_BIT(POSTS_WRITE) | SCOPE_BIT(OFFLINE_ACCESS));
	CHECK_STR(((str){ c.id.u.s, 26 }), ((str){ MK(consent, 1).u.s, 26 }));
	CHECK_STR(((str){ c.workspace.u.s, 26 }), ((str){ MK(workspace, 2).u.s, 26 }));
	CHECK_INT(c.given_at, ==, now + 2);
	put_family(&b, 1, 1, 1, now + 100);
	put_family(&b, 2, 2, 1, now + 100);		/* of somebody else */
	CHECK_OK(b.e, consent_touch(&b.db, MK(person, 1), MK(consent, 1), now + 7, &b.e));
	CHECK_OK(b.e, consent_revoke(&b.db, MK(person, 2), MK(consent, 1), now + 8, &b.e));	/* not theirs */
	CHECK_OK(b.e, consent_find(&b.db, &b.a, MK(person, 1), MK(client, 1), &c, &found, &b.e));
	CHECK(found && c.used_at == now + 7);
	CHECK_OK(b.e, consent_revoke(&b.db, MK(person, 1), MK(consent, 1), now + 9, &b.e));
	CHECK_OK(b.e, consent_revoke(&b.db, MK(person, 1), MK(consent, 1), now + 10, &b.e));
	CHECK_OK(b.e, consent_find(&b.db, &b.a, MK(person, 1), MK(client, 1), &c, &found, &b.e));
	CHECK(!found);
	CHECK_OK(b.e, consent_get(&b.db, &b.a, MK(person, 1), MK(consent, 1), &c, &b.e));
	CHECK_INT(c.revoked_at, ==, now + 9);
	CHECK_OK(b.e, family_get(&b.db, &b.a, &(ulid){ "" }, &f, &found, &b.e));
	CHECK(!found);
	CHECK_OK(b.e, family_get(&b.db, &b.a, (ulid[]){ t_ulid(now, 1) }, &f, &found, &b.e));
	CHECK(found && f.revoked_at == now + 9);
	give(&b, 1, 1, 1, SCOPE_BIT(NOTES_READ), 3, &c);
	CHECK_INT(c.scopes, ==, SCOPE_BIT(NOTES_READ));		/* what was revoked does not come back */
	CHECK_INT(c.revoked_at, ==, TIME_NONE);
	CHECK_ERR(consent_get(&b.db, &b.a, MK(person, 2), MK(consent, 1), &c, &b.e), E_NOT_FOUND);
	finish(&b);
}

static int
listed(struct bench *b, enum err code, struct rows *r)
{
	int n = 0;

	CHECK_OK(b->e, code);
	while (db_next(r))
		n++;
	CHECK_OK(b->e, db_done(r, &b->e));
	return n;
}

DB_TEST(consents_are_listed_by_person_and_by_workspace_and_go_with_their_client_slice_by_slice)
{
	struct bench b;
	struct consent c;
	struct person p;
	struct rows r;
	consent_id top = { { "" } };
	int64_t n;

	setup(&b, t);
	memset(top.u.s, 'Z', 26);
	for (int i = 1; i <= 3; i++) {
		put_client(&b, i, now);
		give(&b, 1, i, i == 3 ? 2 : 1, READ, i, &c);
	}
	give(&b, 2, 1, 2, READ, 4, &c);
	put_family(&b, 1, 1, 1, now + 100);
	put_family(&b, 2, 2, 4, now + 100);
	CHECK_INT(listed(&b, consent_page(&b.db, MK(person, 1), top, 10, &r, &b.e), &r), ==, 3);
	CHECK_INT(listed(&b, consent_page(&b.db, MK(person, 1), MK(consent, 3), 1, &r, &b.e), &r), ==, 1);
	CHECK_INT(listed(&b, consent_page_of(&b.db, MK(workspace, 2), top, 10, &r, &b.e), &r), ==, 1);	/* the other one's person is no member there */
	CHECK_ERR(consent_get_of(&b.db, &b.a, MK(workspace, 2), MK(consent, 3), &c, &b.e), E_NOT_FOUND);
	CHECK_OK(b.e, person_join(&b.db, &b.a, MK(workspace, 2), &(struct person_create){ S("p1@example.com"), S("P"), ROLE_CLIENT }, MK(person, 1), &p, &b.e));
	CHECK_INT(listed(&b, consent_page_of(&b.db, MK(workspace, 2), top, 10, &r, &b.e), &r), ==, 2);
	CHECK_OK(b.e, consent_anchor(&b.db, MK(workspace, 2), &MK(consent, 4).u, &missed, &b.e));
	CHECK_OK(b.e, consent_get_of(&b.db, &b.a, MK(workspace, 2), MK(consent, 4), &c, &b.e));
	CHECK_ERR(consent_get_of(&b.db, &b.a, MK(workspace, 1), MK(consent, 4), &c, &b.e), E_NOT_FOUND);
	CHECK_OK(b.e, grant_forget(&b.db, MK(client, 1), 1, &n, &b.e));
	CHECK_INT(n, ==, 1);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM oauth_family"), ==, 1);
	CHECK_OK(b.e, grant_forget(&b.db, MK(client, 1), 10, &n, &b.e));
	CHECK_INT(n, ==, 1);
	CHECK_OK(b.e, client_delete(&b.db, MK(client, 1), &b.e));
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM oauth_family"), ==, 0);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM consent"), ==, 2);
	finish(&b);
}

DB_TEST(a_code_is_found_by_its_hash_and_remembers_what_it_was_exchanged_for)
{
	struct bench b;
	struct grant_code c = { .hash = crypto_sha256(S("code")), .client = MK(client, 1), .person = MK(person, 1), .consent = MK(consent, 1), .workspace = MK(workspace, 1),
	    .scopes = READ, .redirect = S("https://acme.example/cb"), .challenge = S("c"), .resource = S("https://s.example/mcp"), .expires_at = now + CODE_MS };
	digest other = crypto_sha256(S("other"));
	ulid family = t_ulid(now, 9);
	struct grant_code got;
	bool found;
	int64_t n;

	setup(&b, t);
	CHECK_OK(b.e, code_insert(&b.db, &c, &b.e));
	CHECK_OK(b.e, code_by_hash(&b.db, &b.a, &c.hash, &got, &found, &b.e));
	CHECK(found && got.family.s[0] == '\0' && got.scopes == READ && got.expires_at == c.expires_at);
	CHECK_STR(got.resource, c.resource);
	CHECK_OK(b.e, code_used(&b.db, &c.hash, &family, &b.e));
	CHECK_OK(b.e, code_by_hash(&b.db, &b.a, &c.hash, &got, &found, &b.e));
	CHECK_STR(str_z(got.family.s), str_z(family.s));
	CHECK_OK(b.e, code_by_hash(&b.db, &b.a, &other, &got, &found, &b.e));
	CHECK(!found);
	CHECK_OK(b.e, grant_sweep(&b.db, c.expires_at + CODE_KEEP_MS, 10, &n, &b.e));
	CHECK_INT(n, ==, 0);
	CHECK_OK(b.e, grant_sweep(&b.db, c.expires_at + CODE_KEEP_MS + 1, 10, &n, &b.e));
	CHECK_INT(n, ==, 1);
	finish(&b);
}

DB_TEST(a_family_turns_and_is_revoked_once)
{
	struct bench b;
	struct family f, got;
	bool found;
	int64_t n;

	setup(&b, t);
	f = put_family(&b, 1, 1, 1, now + 1000);
	put_family(&b, 2, 1, 1, now + 10);
	f.turn = 2;
	f.turned_at = now + 5;
	f.expires_at = now + 5000;
	CHECK_OK(b.e, family_turn(&b.db, &f, &b.e));
	CHECK_OK(b.e, family_hold(&b.db, &b.a, &f.id, &got, &found, &b.e));
	CHECK(found && got.turn == 2 && got.turned_at == now + 5 && got.expires_at == now + 5000 && got.revoked_at == TIME_NONE);
	CHECK_INT(got.scopes, ==, f.scopes);
	CHECK_OK(b.e, family_revoke(&b.db, &f.id, now + 6, &found, &b.e));
	CHECK(found);
	CHECK_OK(b.e, family_revoke(&b.db, &f.id, now + 7, &found, &b.e));
	CHECK(!found);
	CHECK_OK(b.e, family_get(&b.db, &b.a, &f.id, &got, &found, &b.e));
	CHECK_INT(got.revoked_at, ==, now + 6);
	CHECK_OK(b.e, grant_sweep(&b.db, now + 11, 10, &n, &b.e));
	CHECK_INT(n, ==, 1);
	CHECK_OK(b.e, family_get(&b.db, &b.a, &f.id, &got, &found, &b.e));
	CHECK(found);
	finish(&b);
}
