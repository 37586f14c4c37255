/* exchange -- codes and refresh tokens for tokens (contract 12.4; RFC 6749 4.1.3 and 6; RFC 7636; RFC 8707).
 *
 * One transaction each: a code is used once, a second use revokes what the first one gave; a refresh token turns its family on.  The token of the
 * turn before gives, within GRACE_MS, the very pair that was given already, for its answer may have been lost; later it is stolen goods. */
#include "auth/token.h"
#include "oauth/oauth_priv.h"
#include <stdlib.h>

struct exchange_of {
	struct credentials who;
	struct params p;
	str resource;				/* asked for; absent: all that was granted */
	/* of a code */
	digest code;
	ulid fresh;				/* the family that it becomes */
	/* of a refresh token */
	ulid family;
	int64_t turn;
	/* what came of it */
	struct family f;
	int64_t moment;				/* of the access token */
	ulid stolen;				/* of what was shown twice */
	bool bust;				/* it held until now */
};

/* --- the answer --- */

static void
tell(struct turn *t)
{
	struct exchange_of *g = t->own;
	char access[OAUTH_TOKEN_LEN + 1], refresh[OAUTH_TOKEN_LEN + 1];
	struct json j;
	struct buf b;

	buf_init(&b, t->f.a, 4096);
	jw_begin(&j, &b);
	jw_obj(&j);
	token_mint(&t->o->secret, TOKEN_ACCESS, &g->f.id, g->moment, access);
	jw_key_str(&j, S("access_token"), str_z(access));
	jw_key_str(&j, S("token_type"), S("Bearer"));
	/* the moment may be a little ahead of now: no two turns have the same */
	jw_key_i64(&j, S("expires_in"), MIN(MAX((g->moment + ACCESS_MS - now_of(t) + 999) / 1000, 0), ACCESS_MS / 1000));
	if (g->f.scopes & SCOPE_OFFLINE) {
		token_mint(&t->o->secret, TOKEN_REFRESH, &g->f.id, g->f.turn, refresh);
		jw_key_str(&j, S("refresh_token"), str_z(refresh));
	}
	jw_key_str(&j, S("scope"), scope_text(t->f.a, g->f.scopes));
	jw_end(&j);
	answer_json(t, 200, &b);
}

static void
told(struct face *f)
{
	struct turn *t = turn_of(f);
	struct exchange_of *g = t->own;

	if (f->code == OK && g->bust) {
		auth_bust(t->o->api->c.auth);
		log_note(t->o->api->c.log, LOG_WARN, "oauth", "token family %s of client %.*s is revoked, for somebody showed what was used before, from %.*s", g->stolen.s,
		    (int)MIN(g->who.id.n, 200), g->who.id.p, STR(face_address(f)));
	}
	if (f->code != OK)
		answer_code(t);
	else if (t->r.code != O_OK)
		answer_refusal(t);
	else
		tell(t);
}

static bool
same(str a, str b)
{
	digest x = crypto_sha256(a), y = crypto_sha256(b);

	return crypto_same(&x, &y);
}

/* Revokes all that came of a code; the refusal is committed with it. */
static enum err
revoke_all(struct turn *t, struct db *db, const ulid *family, const char *why, struct error *e)
{
	struct exchange_of *g = t->own;

	g->stolen = *family;
	refuse(&t->r, O_INVALID_GRANT, "%s", why);
	return family_revoke(db, family, now_of(t), &g->bust, e);
}

/* --- a code --- */

static bool
verifier_fits(struct arena *a, str verifier, str challenge)
{
	digest d = crypto_sha256(verifier);

	return verifier.n >= 43 && verifier.n <= 128 && same(crypto_b64(a, (str){ (const char *)d.b, sizeof(d.b) }), challenge);
}

/* As it was asked with; where it was not asked with any, none, or the only one there is. */
static bool
redirect_fits(struct arena *a, str given, str asked, const struct client *client)
{
	if (asked.n == 0)
		return given.p == NULL || same(given, client_redirect(a, client, 0));
	return given.p != NULL && same(given, asked);
}

/* O_OK: it is good, and was not used. */
static enum refused
judge_code(struct turn *t, const struct grant_code *c, const struct client *client)
{
	struct exchange_of *g = t->own;

	if (memcmp(&c->client, &client->id, sizeof(client->id)) != 0)
		return refuse(&t->r, O_INVALID_GRANT, "This code was given to another client.");
	if (now_of(t) >= c->expires_at)
		return refuse(&t->r, O_INVALID_GRANT, "This code has expired: it holds for a minute.");
	if (!redirect_fits(t->f.a, param(&g->p, "redirect_uri"), c->redirect, client))
		return refuse(&t->r, O_INVALID_GRANT, "redirect_uri is not the one that the code was asked for with.");
	if (!verifier_fits(t->f.a, param(&g->p, "code_verifier"), c->challenge))
		return refuse(&t->r, O_INVALID_GRANT, "code_verifier does not fit the code_challenge.");
	if (!resources_within(g->resource, c->resource))
		return refuse(&t->r, O_INVALID_TARGET, "The code was not asked for with this resource.");
	return O_OK;
}

static enum err
make_family(struct turn *t, struct db *db, const struct grant_code *c, struct error *e)
{
	struct exchange_of *g = t->own;
	int64_t now = now_of(t);

	g->moment = now;
	g->f = (struct family){ .id = g->fresh, .client = c->client, .person = c->person, .consent = c->consent, .workspace = c->workspace, .scopes = c->scopes,
	    .resource = c->resource, .turn = 1, .turned_at = now, .expires_at = now + (c->scopes & SCOPE_OFFLINE ? REFRESH_MS : ACCESS_MS), .revoked_at = TIME_NONE };
	TRY(family_insert(db, &g->f, e));
	return code_used(db, &c->hash, &g->f.id, e);
}

static enum err
exchange_code(struct face *f, struct db *db, struct error *e)
{
	struct turn *t = turn_of(f);
	struct exchange_of *g = t->own;
	struct grant_code c;
	struct consent consent;
	struct client client;
	bool found;

	t->r.code = O_OK;
	g->bust = false;
	TRY(client_login(t, db, &g->who, &client, e));
	if (t->r.code != O_OK)
		return OK;
	TRY(code_by_hash(db, f->a, &g->code, &c, &found, e));
	if (!found) {
		refuse(&t->r, O_INVALID_GRANT, "This code is unknown.");
		return OK;
	}
	/* whoever shows it again: one of the two is a thief, but a stranger without the secret of both must not revoke */
	if (c.family.s[0] != '\0' && memcmp(&c.client, &client.id, sizeof(client.id)) == 0)
		return revoke_all(t, db, &c.family, "This code was used before. What it gave then is revoked.", e);
	if (judge_code(t, &c, &client) != O_OK)
		return OK;
	/* written before it is read: who takes it back at this moment waits, and finds the family */
	TRY(consent_touch(db, c.person, c.consent, now_of(t), e));
	enum err code = consent_get(db, f->a, c.person, c.consent, &consent, e);
	if (code == OK && consent.revoked_at == TIME_NONE)
		return make_family(t, db, &c, e);
	if (code != OK && code != E_NOT_FOUND)
		return code;
	refuse(&t->r, O_INVALID_GRANT, "The consent behind this code was revoked.");
	return OK;
}

static void
begin_code(struct turn *t)
{
	struct exchange_of *g = t->own;
	str code = param(&g->p, "code");

	if (code.p == NULL)
		refuse(&t->r, O_INVALID_REQUEST, "'code' is missing.");
	else if (param(&g->p, "code_verifier").p == NULL)
		refuse(&t->r, O_INVALID_REQUEST, "'code_verifier' is missing: this server always asks for PKCE.");
	if (t->r.code != O_OK) {
		answer_refusal(t);
		return;
	}
	g->code = secret_hash(t->o, "code", code);
	g->fresh = sys_ulid(t->o->api->c.clock);
	face_write(&t->f, exchange_code, told);
}

/* --- a refresh token --- */

static int64_t day(int64_t ms) { return ms / DAY_MS; }

/* The next turn; what was asked for already counts as a use of the day. */
static enum err
turn_on(struct turn *t, struct db *db, struct error *e)
{
	struct exchange_of *g = t->own;
	int64_t now = now_of(t), before = g->f.turned_at;

	g->f.turn++;
	/* no two turns have one moment, and so one access token; nodes differ by a little, and a clock that was set back is believed */
	g->f.turned_at = g->moment = now > before || before - now > GRACE_MS ? now : before + 1;
	g->f.expires_at = now + REFRESH_MS;
	TRY(family_turn(db, &g->f, e));
	return day(before) != day(now) ? consent_touch(db, g->f.person, g->f.consent, now, e) : OK;
}

/* What was found of the family, against the token. */
static enum err
judge_turn(struct turn *t, struct db *db, const struct client *client, struct error *e)
{
	struct exchange_of *g = t->own;
	const struct family *f = &g->f;
	int64_t now = now_of(t);
	bool unknown;

	if (memcmp(&f->client, &client->id, sizeof(client->id)) != 0)
		refuse(&t->r, O_INVALID_GRANT, "This refresh token was given to another client.");
	else if (f->revoked_at != TIME_NONE || now >= f->expires_at || !(f->scopes & SCOPE_OFFLINE) || g->turn > f->turn)
		refuse(&t->r, O_INVALID_GRANT, "This refresh token has expired or was revoked. Ask the person again.");
	else if (!resources_ours(face_url(&t->f), f->resource))
		refuse(&t->r, O_INVALID_GRANT, "This refresh token was given for another address of this server. Ask the person again.");
	else if (!resources_within(g->resource, f->resource))
		refuse(&t->r, O_INVALID_TARGET, "The refresh token was not given for this resource.");
	else if (scope_read(param(&g->p, "scope"), &unknown) & ~f->scopes || unknown)
		refuse(&t->r, O_INVALID_SCOPE, "A refresh cannot add scopes: send the person through /oauth/authorize again.");
	else if (g->turn == f->turn)
		return turn_on(t, db, e);
	else if (g->turn == f->turn - 1 && llabs(now - f->turned_at) <= GRACE_MS)	/* nodes differ, and clocks are set back */
		g->moment = f->turned_at;
	else
		return revoke_all(t, db, &f->id, "This refresh token was used before. All that came of it is revoked: ask the person again.", e);
	return OK;
}

static enum err
refresh(struct face *f, struct db *db, struct error *e)
{
	struct turn *t = turn_of(f);
	struct exchange_of *g = t->own;
	struct client client;
	bool found = false;

	t->r.code = O_OK;
	g->bust = false;
	TRY(client_login(t, db, &g->who, &client, e));
	if (t->r.code != O_OK)
		return OK;
	if (g->family.s[0] != '\0')
		TRY(family_hold(db, f->a, &g->family, &g->f, &found, e));
	if (found)
		return judge_turn(t, db, &client, e);
	refuse(&t->r, O_INVALID_GRANT, "This refresh token is unknown, or it has expired. Ask the person again.");
	return OK;
}

static void
begin_refresh(struct turn *t)
{
	struct exchange_of *g = t->own;
	str token = param(&g->p, "refresh_token");
	enum token_kind kind;

	if (token.p == NULL) {
		refuse(&t->r, O_INVALID_REQUEST, "'refresh_token' is missing.");
		answer_refusal(t);
		return;
	}
	/* what this server never gave takes no turn with the writer */
	if (!token_read(&t->o->secret, token, &kind, &g->family, &g->turn) || kind != TOKEN_REFRESH) {
		g->family.s[0] = '\0';
		face_read(&t->f, refresh, told);
	} else
		face_write(&t->f, refresh, told);
}

/* NULL: t->r says why. */
typedef void grant_run(struct turn *);
static grant_run *
choose(struct turn *t)
{
	struct exchange_of *g = t->own;
	str grant = param(&g->p, "grant_type");

	if (grant.p == NULL)
		refuse(&t->r, O_INVALID_REQUEST, "'grant_type' is missing.");
	else if (str_eq(grant, S("authorization_code")))
		return begin_code;
	else if (str_eq(grant, S("refresh_token")))
		return begin_refresh;
	else
		refuse(&t->r, O_UNSUPPORTED_GRANT_TYPE, "This server knows the grant types authorization_code and refresh_token.");
	return NULL;
}

void
token_run(struct turn *t)
{
	struct exchange_of *g = t->own = NEW(t->f.a, struct exchange_of);
	bool named = params_of_body(t, &g->p) == O_OK && credentials_read(t, &g->p, &g->who) == O_OK;
	grant_run *begin = named ? choose(t) : NULL;

	if (begin == NULL || resources_read(t->f.a, face_url(&t->f), &g->p, &g->resource, &t->r) != O_OK)
		answer_refusal(t);
	else
		begin(t);
}
