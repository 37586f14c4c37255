/* pages_test -- the chains of turns behind the forms, with the database failing at each of their calls: all of it happens, or nothing. */
#include "people/people_priv.h"
#include "model/invitation.h"
#include "t_app.h"
#include <stdio.h>
#include <stdlib.h>

#define PASSWORD	"four green ducks"
#define FORM		"Content-Type: application/x-www-form-urlencoded\r\n"

struct house {
	struct t_app app;
	struct people *people;
	struct front *front;
	struct t_conn c;
	const char *cookie, *csrf;	/* of the page that was looked at last */
};

static void
house_open(struct house *h, struct t_db *t, const char *sets)
{
	struct front_face faces[PEOPLE_FACES];
	struct error e;
	secret s;

	CHECK(crypto_init());
	t_app_open(&h->app, t, T_FAULTS, sets);
	crypto_random(&s, sizeof(s));
	CHECK_OK(e, people_new(h->app.api, &s, &h->people, &e));
	people_faces(h->people, faces);
	h->front = t_front(&h->app, faces, PEOPLE_FACES, &h->c);
}

static void
house_close(struct house *h)
{
	t_conn_close(&h->c);
	front_close(h->front);
	people_free(h->people);
	t_app_close(&h->app);
}

static str
between(str text, const char *from, char to)
{
	const char *at = text.n != 0 ? memmem(text.p, text.n, from, strlen(from)) : NULL;

	if (at == NULL)
		return STR_NONE;
	str rest = str_cut(text, (size_t)(at - text.p) + strlen(from), text.n);
	return str_split(&rest, to);
}

/* A page with its form: what a POST of it has to bring along is kept. */
static void
look(struct house *h, const char *path)
{
	struct t_answer r = t_ask(&h->c, "GET", path, NULL, NULL);

	CHECK_INT(r.status, ==, 200);
	h->csrf = t_fmt(&h->app, "%.*s", STR(between(r.text, "name=\"csrf\" value=\"", '"')));
	h->cookie = t_fmt(&h->app, "Cookie: scriped-form=%.*s\r\n" FORM, STR(between(t_header(&r, "Set-Cookie"), "scriped-form=", ';')));
}

static struct t_answer
post(struct house *h, const char *path, const char *fields)
{
	return t_ask(&h->c, "POST", path, t_fmt(&h->app, "csrf=%s&%s", h->csrf, fields), h->cookie);
}

/* --- a person with a password, and a link --- */

struct put { struct house *h; const char *hash, *email; digest link; };

static enum err
put_person(void *ctx, struct db *db, struct error *e)
{
	struct put *p = ctx;
	struct t_house *t = &p->h->app.h;
	struct person made;

	TRY(person_join(db, &t->a, t->ws, &(struct person_create){ S("ada@example.com"), S("Ada"), ROLE_ADMIN }, (person_id){ sys_ulid(&t->clock.c) }, &made, e));
	return person_set_password(db, made.id, str_z(p->hash), t_now(t), e);
}

static enum err
put_link(void *ctx, struct db *db, struct error *e)
{
	struct put *p = ctx;
	struct t_house *t = &p->h->app.h;
	struct invitation i = { .id = { sys_ulid(&t->clock.c) }, .workspace = t->ws, .email = str_z(p->email), .name = S("New"), .role = ROLE_CREATOR, .invited_by = S("x"),
	    .expires_at = t_now(t) + INVITATION_MS };

	return invitation_insert(db, &i, &p->link, e);
}

static const char *
new_link(struct house *h, int n)
{
	const char *token = t_fmt(&h->app, "token-%d-0123456789012345678901234567890", n);
	struct put p = { .h = h, .email = t_fmt(&h->app, "new%d@example.com", n), .link = auth_hash(h->app.auth, str_z(token)) };

	t_write(&h->app.h, put_link, &p);
	return t_fmt(&h->app, "/invite/%s", token);
}

/* --- all or nothing --- */

static int64_t used(struct house *h) { return t_count(&h->app.h, "invitation WHERE accepted_at IS NOT NULL"); }

/* 503, or done; a COMMIT of which nobody knows may stand. */
static void
check_one(struct house *h, enum db_fault_kind kind, int n, const struct t_answer *r, int64_t more, const char *what)
{
	bool done = r->status == 303;

	(void)h;
	CHECK(done || r->status == 503);
	if (kind == DB_FAULT_COMMIT_AFTER ? more != 0 && more != 1 : more != done)
		t_fail(__FILE__, __LINE__, "%s, kind %d, call %d: %d, and %lld more", what, (int)kind, n, r->status, (long long)more);
}

DB_TEST(a_sign_in_begins_a_session_or_nothing_whatever_fails)
{
	static const enum db_fault_kind kinds[] = { DB_FAULT_CALL, DB_FAULT_COMMIT_BEFORE, DB_FAULT_COMMIT_AFTER };
	char hash[CRYPTO_PASSWORD];
	struct house h;

	house_open(&h, t, "rate_signin_account=0 rate_signin_address=0");
	CHECK(crypto_password_hash(S(PASSWORD), hash));
	t_write(&h.app.h, put_person, &(struct put){ .h = &h, .hash = hash });
	look(&h, "/signin");
	for (size_t k = 0; k < COUNT(kinds); k++)
		for (int n = 1; n < 40; n++) {
			int64_t before = t_count(&h.app.h, "session");
			t_break(&h.app.h, kinds[k], n, true);
			struct t_answer r = post(&h, "/signin", "email=ada%40example.com&password=four+green+ducks");
			bool broke = t_mend(&h.app.h);
			check_one(&h, kinds[k], n, &r, t_count(&h.app.h, "session") - before, "sign-in");
			if (!broke) {
				CHECK_INT(r.status, ==, 303);
				break;
			}
			CHECK_INT(t_header(&r, "Set-Cookie").p != NULL, ==, r.status == 303);
		}
	house_close(&h);
}

DB_TEST(a_link_makes_a_member_who_is_signed_in_or_nothing_whatever_fails)
{
	static const enum db_fault_kind kinds[] = { DB_FAULT_CALL, DB_FAULT_COMMIT_BEFORE, DB_FAULT_COMMIT_AFTER };
	struct house h;
	int number = 0;

	house_open(&h, t, "rate_signin_account=0 rate_signin_address=0");
	for (size_t k = 0; k < COUNT(kinds); k++)
		for (int n = 1; n < 40; n++) {
			const char *path = new_link(&h, ++number);
			look(&h, path);
			int64_t sessions = t_count(&h.app.h, "session"), people = t_count(&h.app.h, "person"), members = t_count(&h.app.h, "membership"), links = used(&h);
			t_break(&h.app.h, kinds[k], n, true);
			struct t_answer r = post(&h, path, "do=create&name=New&password=four+green+ducks");
			bool broke = t_mend(&h.app.h);
			int64_t more = t_count(&h.app.h, "session") - sessions;
			check_one(&h, kinds[k], n, &r, more, "invitation");
			CHECK_INT(t_count(&h.app.h, "person") - people, ==, more);
			CHECK_INT(t_count(&h.app.h, "membership") - members, ==, more);
			CHECK_INT(used(&h) - links, ==, more);
			if (!broke) {
				CHECK_INT(r.status, ==, 303);
				break;
			}
		}
	house_close(&h);
}

SQLITE_TEST(a_link_is_over_when_its_time_is)
{
	struct house h;

	house_open(&h, t, "");
	const char *path = new_link(&h, 1);
	look(&h, path);
	t_move(&h.app.h, INVITATION_MS);
	CHECK_INT(t_ask(&h.c, "GET", path, NULL, NULL).status, ==, 404);
	CHECK_INT(post(&h, path, "do=create&name=New&password=four+green+ducks").status, ==, 404);
	CHECK_INT(t_count(&h.app.h, "person"), ==, 0);
	house_close(&h);
}

/* The cookie of an answer. */
static const char *
session_of(struct house *h, const struct t_answer *r)
{
	str rest = r->head, name = S("Set-Cookie: scriped=");
	const char *at = memmem(rest.p, rest.n, name.p, name.n);

	CHECK(at != NULL);
	rest = at != NULL ? str_cut(rest, (size_t)(at - rest.p) + name.n, rest.n) : S("");
	str value = str_split(&rest, ';');
	return t_fmt(&h->app, "Cookie: scriped=%.*s\r\n", STR(value));
}

DB_TEST(a_session_slides_with_its_use_and_ends_without)
{
	char hash[CRYPTO_PASSWORD];
	struct house h;

	house_open(&h, t, "");
	CHECK(crypto_password_hash(S(PASSWORD), hash));
	t_write(&h.app.h, put_person, &(struct put){ .h = &h, .hash = hash });
	look(&h, "/signin");
	struct t_answer r = post(&h, "/signin", "email=ada%40example.com&password=four+green+ducks");
	CHECK_INT(r.status, ==, 303);
	const char *cookie = session_of(&h, &r);
	for (int i = 0; i < 5; i++) {		/* each use before its end gives it another fortnight */
		t_move(&h.app.h, SESSION_IDLE_MS - DAY_MS);
		CHECK_INT(t_ask(&h.c, "GET", "/account", NULL, cookie).status, ==, 200);
		T_UNTIL(t_count(&h.app.h, t_fmt(&h.app, "session WHERE seen_at = %lld", (long long)t_now(&h.app.h))) == 1);
	}
	t_move(&h.app.h, SESSION_IDLE_MS + 1000);
	r = t_ask(&h.c, "GET", "/account", NULL, cookie);
	CHECK_INT(r.status, ==, 303);
	CHECK_STR(t_header(&r, "Location"), S("/signin?next=/account"));
	house_close(&h);
}
