/* inspect -- revocation (RFC 7009) and introspection (RFC 7662).
 *
 * Both are asked by the client that a token was given to; of anybody else's token it learns nothing and changes nothing.  Revoking any token revokes its
 * family: who gives one back wants none of them. */
#include "auth/token.h"
#include "oauth/oauth_priv.h"

struct inspection {
	struct credentials who;
	struct params p;
	enum token_kind kind;
	ulid family;				/* unset: no token of this server */
	int64_t number;
	struct family f;
	bool active, revoked;
	str client;				/* its client_id */
};

static bool
begin(struct turn *t)
{
	struct inspection *g = t->own = NEW(t->f.a, struct inspection);
	str token;

	if (params_of_body(t, &g->p) != O_OK || credentials_read(t, &g->p, &g->who) != O_OK) {
		answer_refusal(t);
		return false;
	}
	if ((token = param(&g->p, "token")).p == NULL) {
		refuse(&t->r, O_INVALID_REQUEST, "'token' is missing.");
		answer_refusal(t);
		return false;
	}
	if (!token_read(&t->o->secret, token, &g->kind, &g->family, &g->number))
		g->family.s[0] = '\0';
	return true;
}

/* The family of the token where it is the client's own, and holds. */
static enum err
look(struct turn *t, struct db *db, struct error *e)
{
	struct inspection *g = t->own;
	struct client client;
	bool found;

	t->r.code = O_OK;
	g->active = g->revoked = false;
	TRY(client_login(t, db, &g->who, &client, e));
	if (t->r.code != O_OK || g->family.s[0] == '\0')
		return OK;
	TRY(family_get(db, t->f.a, &g->family, &g->f, &found, e));
	g->client = client_name(t->f.a, &client);
	g->active = found && memcmp(&g->f.client, &client.id, sizeof(client.id)) == 0 && g->f.revoked_at == TIME_NONE;
	if (client.auth_method == CLIENT_AUTH_NONE && t->at->run == introspect_run)
		refuse(&t->r, O_INVALID_CLIENT, "Only a client with a secret may ask about its tokens.");
	return OK;
}

/* --- revocation --- */

static enum err
revoke(struct face *f, struct db *db, struct error *e)
{
	struct turn *t = turn_of(f);
	struct inspection *g = t->own;

	TRY(look(t, db, e));
	if (t->r.code != O_OK || !g->active)
		return OK;
	return family_revoke(db, &g->f.id, now_of(t), &g->revoked, e);
}

static void
revoked(struct face *f)
{
	struct turn *t = turn_of(f);
	struct inspection *g = t->own;
	struct buf none = { .p = NULL };

	if (f->code == OK && g->revoked)
		auth_bust_of(t->o->api->c.auth, g->f.person, g->f.client);
	if (f->code != OK)
		answer_code(t);
	else if (t->r.code != O_OK)
		answer_refusal(t);
	else
		answer_json(t, 200, &none);
}

void
revoke_run(struct turn *t)
{
	struct inspection *g;

	if (!begin(t))
		return;
	g = t->own;
	(g->family.s[0] != '\0' ? face_write : face_read)(&t->f, revoke, revoked);	/* what we never gave takes no turn with the writer */
}

/* --- introspection --- */

static enum err
inspect(struct face *f, struct db *db, struct error *e)
{
	return look(turn_of(f), db, e);
}

static int64_t
begins(const struct inspection *g)
{
	return g->kind == TOKEN_ACCESS ? g->number : g->f.turned_at;
}

static int64_t
ends(const struct inspection *g)
{
	return g->kind == TOKEN_ACCESS ? g->number + ACCESS_MS : g->f.expires_at;
}

static bool
holds(const struct turn *t)
{
	const struct inspection *g = t->own;

	return g->active && now_of(t) < ends(g) && (g->kind == TOKEN_ACCESS || g->number == g->f.turn);
}

static void
tell_resource(struct json *j, str all)
{
	jw_key(j, S("aud"));
	jw_arr(j);
	while (all.n != 0)
		jw_str(j, str_split(&all, ' '));
	jw_end(j);
}

static void
inspected(struct face *f)
{
	struct turn *t = turn_of(f);
	struct inspection *g = t->own;
	bool active = f->code == OK && t->r.code == O_OK && holds(t);
	struct json j;
	struct buf b;

	if (f->code != OK || t->r.code != O_OK) {
		(f->code != OK ? answer_code : answer_refusal)(t);
		return;
	}
	buf_init(&b, f->a, 8192);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key(&j, S("active"));
	jw_bool(&j, active);
	if (active) {
		jw_key_str(&j, S("scope"), scope_text(f->a, g->f.scopes));
		jw_key_str(&j, S("client_id"), g->client);
		jw_key_str(&j, S("token_type"), g->kind == TOKEN_ACCESS ? S("Bearer") : S("refresh_token"));
		jw_key_str(&j, S("sub"), id_text(f->a, ID_person, &g->f.person.u));
		jw_key_i64(&j, S("iat"), begins(g) / 1000);
		jw_key_i64(&j, S("exp"), ends(g) / 1000);
		jw_key_str(&j, S("iss"), str_z(face_url(f)));
		tell_resource(&j, g->f.resource);
	}
	jw_end(&j);
	answer_json(t, 200, &b);
}

void
introspect_run(struct turn *t)
{
	if (begin(t))
		face_read(&t->f, inspect, inspected);
}
