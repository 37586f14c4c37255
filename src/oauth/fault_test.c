#include "auth/token.h"
#include "model/person.h"
#include "oauth/oauth_priv.h"
#include "t_app.h"
#include <stdlib.h>

/* Every write of the authorization server with the database failing at each of its calls: all of it is kept or nothing, and who asks again gets on. */

#define VERIFIER	"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE	"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define REDIRECT	"http://127.0.0.1:1/cb"
#define FORM		"Content-Type: application/x-www-form-urlencoded\r\n"

struct bench {
	struct t_app app;
	struct people *people;
	struct oauth *oauth;
	struct front *front;
	struct t_conn c;
	struct client client;
	person_id person;
	consent_id consent;
	/* of one round */
	struct grant_code code;
	char secret[16];
	struct family family;
	int round;
};

static enum err
put_world(void *ctx, struct db *db, struct error *e)
{
	struct bench *b = ctx;
	struct person_create ada = { .email = S("ada@example.com"), .name = S("Ada"), .role = ROLE_ADMIN };
	struct person p;
	struct consent c;

	TRY(client_insert(db, &b->client, e));
	TRY(person_join(db, &b->app.h.a, b->app.h.ws, &ada, b->person, &p, e));
	return consent_give(db, &b->app.h.a, b->person, b->client.id, b->app.h.ws, SCOPES_READ | SCOPE_OFFLINE, b->consent, t_now(&b->app.h), &c, e);
}

static void
open_front(struct bench *b)
{
	struct front_face faces[OAUTH_FACES];

	oauth_faces(b->oauth, faces);
	b->front = t_front(&b->app, faces, OAUTH_FACES, &b->c);
}

static void
setup(struct bench *b, struct t_db *t)
{
	struct error e;

	memset(b, 0, sizeof(*b));
	t_app_open(&b->app, t, T_FAULTS, "rate_register=0");
	CHECK_OK(e, people_new(b->app.api, &b->app.secret, &b->people, &e));
	CHECK_OK(e, oauth_new(b->app.api, b->people, &b->app.secret, &b->oauth, &e));
	open_front(b);
	int64_t now = t_now(&b->app.h);
	b->client = (struct client){ .id = { t_ulid(now, 1) }, .name = S("A"), .auth_method = CLIENT_AUTH_NONE, .redirects = S("[\"" REDIRECT "\"]"), .metadata = S("{}"),
	    .created_at = now, .changed_at = now, .fresh_until = TIME_NONE };
	b->person = (person_id){ t_ulid(now, 2) };
	b->consent = (consent_id){ t_ulid(now, 3) };
	t_write(&b->app.h, put_world, b);
}

static void
cleanup(struct bench *b)
{
	t_conn_close(&b->c);
	front_close(b->front);
	oauth_free(b->oauth);
	people_free(b->people);
	t_app_close(&b->app);
}

static enum err
put_round(void *ctx, struct db *db, struct error *e)
{
	struct bench *b = ctx;

	TRY(code_insert(db, &b->code, e));
	return family_insert(db, &b->family, e);
}

/* A code and a family of its own for each try. */
static void
begin_round(struct bench *b)
{
	int64_t now = t_now(&b->app.h);

	b->round++;
	snprintf(b->secret, sizeof(b->secret), "code%d", b->round);
	b->code = (struct grant_code){ .hash = secret_hash(b->oauth, "code", str_z(b->secret)), .client = b->client.id, .person = b->person, .consent = b->consent,
	    .workspace = b->app.h.ws, .scopes = SCOPES_READ | SCOPE_OFFLINE, .redirect = S(REDIRECT), .challenge = S(CHALLENGE), .resource = str_z(front_url(b->front)), .expires_at = now + CODE_MS };
	b->family = (struct family){ .id = t_ulid(now, 1000 + b->round), .client = b->client.id, .person = b->person, .consent = b->consent, .workspace = b->app.h.ws,
	    .scopes = SCOPES_READ | SCOPE_OFFLINE, .resource = str_z(front_url(b->front)), .turn = 7, .turned_at = now - 1000, .expires_at = now + REFRESH_MS };
	t_write(&b->app.h, put_round, b);
}

static struct t_answer
post(struct bench *b, const char *path, const char *body, const char *more)
{
	return t_ask(&b->c, "POST", path, body, more);
}

static const char *client_name_of(struct bench *b) { return id_text(&b->app.h.a, ID_client, &b->client.id.u).p; }

static struct t_answer
exchange(struct bench *b)
{
	return post(b, "/oauth/token", t_fmt(&b->app, "grant_type=authorization_code&client_id=%s&code=%s&redirect_uri=%s&code_verifier=%s", client_name_of(b), b->secret,
	    "http%3A%2F%2F127.0.0.1%3A1%2Fcb", VERIFIER), FORM);
}

static const char *
refresh_token(struct bench *b, int64_t turn)
{
	char token[OAUTH_TOKEN_LEN + 1];

	token_mint(&b->app.secret, TOKEN_REFRESH, &b->family.id, turn, token);
	return t_fmt(&b->app, "%s", token);
}

static struct t_answer
refresh(struct bench *b)
{
	return post(b, "/oauth/token", t_fmt(&b->app, "grant_type=refresh_token&client_id=%s&refresh_token=%s", client_name_of(b), refresh_token(b, 7)), FORM);
}

static struct t_answer
revoke(struct bench *b)
{
	return post(b, "/oauth/revoke", t_fmt(&b->app, "client_id=%s&token=%s", client_name_of(b), refresh_token(b, 7)), FORM);
}

static struct t_answer
registered(struct bench *b)
{
	return post(b, "/oauth/register", "{\"redirect_uris\":[\"" REDIRECT "\"]}", "Content-Type: application/json\r\n");
}

static int64_t
one(struct bench *b, const char *what)
{
	return t_db_count(b->app.h.t, t_fmt(&b->app, "SELECT %s", what));
}

/* Whether it was kept whole, as the answers told it: `first` with the fault, `again` without. */
static void
check_exchange(struct bench *b, const struct t_answer *first, const struct t_answer *again)
{
	int64_t used = one(b, "count(*) FROM oauth_code WHERE family IS NOT NULL"), families = one(b, "count(*) FROM oauth_family WHERE turn = 1");

	CHECK_INT(used, ==, families);
	if (first->status == 200)		/* the second use of a code */
		CHECK_STR(t_text(again->body, "error"), S("invalid_grant"));
	else
		CHECK(first->status == 503 && (again->status == 200 || str_eq(t_text(again->body, "error"), S("invalid_grant"))));
}

static void
check_refresh(struct bench *b, const struct t_answer *first, const struct t_answer *again)
{
	CHECK(first->status == 200 || first->status == 503);
	CHECK_INT(again->status, ==, 200);
	CHECK_STR(t_text(again->body, "refresh_token"), str_z(refresh_token(b, 8)));
	if (first->status == 200)
		CHECK_STR(t_text(again->body, "access_token"), t_text(first->body, "access_token"));
	CHECK_INT(one(b, t_fmt(&b->app, "turn FROM oauth_family WHERE id = '%s'", b->family.id.s)), ==, 8);
}

static void
check_revoke(struct bench *b, const struct t_answer *first, const struct t_answer *again)
{
	CHECK(first->status == 200 || first->status == 503);
	CHECK_INT(again->status, ==, 200);
	CHECK_INT(one(b, t_fmt(&b->app, "count(*) FROM oauth_family WHERE id = '%s' AND revoked_at IS NOT NULL", b->family.id.s)), ==, 1);
}

static void
check_registered(struct bench *b, const struct t_answer *first, const struct t_answer *again)
{
	CHECK(first->status == 201 || first->status == 503);
	CHECK_INT(again->status, ==, 201);
	if (first->status == 201)
		CHECK_INT(one(b, t_fmt(&b->app, "count(*) FROM oauth_client WHERE id = '%s'", t_text(first->body, "client_id").p + 4)), ==, 1);
}

static const struct { const char *name; struct t_answer (*ask)(struct bench *); void (*check)(struct bench *, const struct t_answer *, const struct t_answer *); int good; } writes[] = {
	{ "exchange", exchange, check_exchange, 200 }, { "refresh", refresh, check_refresh, 200 }, { "revoke", revoke, check_revoke, 200 }, { "register", registered, check_registered, 201 },
};

/* With the fault at the nth place; false: there was none any more. */
static bool
one_fault(struct bench *b, size_t w, enum db_fault_kind kind, int n)
{
	begin_round(b);
	t_break(&b->app.h, kind, n, false);
	struct t_answer first = writes[w].ask(b);
	bool fired = t_mend(&b->app.h);
	if (!fired) {
		CHECK_INT(first.status, ==, writes[w].good);
		return false;
	}
	struct t_answer again = writes[w].ask(b);
	writes[w].check(b, &first, &again);
	return true;
}

DB_TEST(whatever_fails_it_is_kept_whole_or_not_at_all)
{
	static const enum db_fault_kind kinds[] = { DB_FAULT_CALL, DB_FAULT_COMMIT_BEFORE, DB_FAULT_COMMIT_AFTER };
	struct bench b;

	setup(&b, t);
	for (size_t w = 0; w < COUNT(writes); w++)
		for (size_t k = 0; k < COUNT(kinds); k++) {
			int n = 1;
			while (n < 40 && one_fault(&b, w, kinds[k], n))
				n++;
			if (n == 1 || n == 40)
				t_fail(__FILE__, __LINE__, "%s, kind %d: %d faults", writes[w].name, (int)kinds[k], n - 1);
		}
	cleanup(&b);
}
