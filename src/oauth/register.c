/* register -- clients that register themselves, and manage what they said (RFC 7591, RFC 7592).
 *
 * Whoever knows the address may do so, hence the bounds: so many a minute of an address, and of those that nobody ever allowed anything
 * only the newest are kept.  Now and then, not each time, somebody counts them. */
#include "oauth/oauth_priv.h"

enum { COUNT_EVERY = 64, TRIM_MOST = 1000, FORGET_SLICE = 100 };

struct registration {
	struct client c;			/* as it is kept */
	str secret, token;			/* said once; absent: none, or none anew */
	str given;				/* the registration token of who manages it */
	client_id id;
	json_t *body;
	digest secret_hash, token_hash;
	bool count, more;
};

static str
fresh_text(struct arena *a)
{
	uint8_t rnd[32];

	crypto_random(rnd, sizeof(rnd));
	str s = crypto_b64(a, (str){ (const char *)rnd, sizeof(rnd) });
	crypto_wipe(rnd, sizeof(rnd));
	return s;
}

/* --- the answer --- */

static void
tell_scope(struct json *j, const struct client *c)
{
	if (c->scopes.p != NULL)
		jw_key_str(j, S("scope"), c->scopes);
}

/* What was kept stands at the end: an object without its opening brace. */
static void
tell(struct turn *t, int status)
{
	struct registration *g = t->own;
	struct arena *a = t->f.a;
	const struct client *c = &g->c;
	str name = client_name(a, c);
	struct json j;
	struct buf b;

	buf_init(&b, a, 4 * DESCRIBE_MAX);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("client_id"), name);
	jw_key_i64(&j, S("client_id_issued_at"), c->created_at / 1000);
	if (g->secret.p != NULL) {
		jw_key_str(&j, S("client_secret"), g->secret);
		jw_key_i64(&j, S("client_secret_expires_at"), 0);
	}
	jw_key_str(&j, S("registration_access_token"), g->token.p != NULL ? g->token : g->given);
	jw_key_str(&j, S("registration_client_uri"), str_fmt(a, "%s/oauth/register/%.*s", face_url(&t->f), STR(name)));
	jw_key_str(&j, S("client_name"), c->name);
	jw_key(&j, S("redirect_uris"));
	jw_raw(&j, c->redirects);
	jw_key_str(&j, S("token_endpoint_auth_method"), str_z(client_auth_words.v[c->auth_method]));
	tell_scope(&j, c);
	if (c->metadata.n > 2)		/* more than {} */
		buf_char(&b, ',');
	buf_add(&b, str_cut(c->metadata, 1, c->metadata.n));
	answer_json(t, status, &b);
}

/* --- the body --- */

static enum refused
read_body(struct turn *t)
{
	struct registration *g = t->own;
	struct exchange *x = t->f.x;
	str params = x->header[FH_CONTENT_TYPE], type = str_trim(str_split(&params, ';'));
	struct error e;

	if (type.p != NULL && !str_ieq(type, S("application/json")))
		return refuse(&t->r, O_INVALID_CLIENT_METADATA, "Send the metadata as a JSON object, with Content-Type: application/json.");
	if (json_read(x->body, &g->body, &e) != OK)
		return refuse(&t->r, O_INVALID_CLIENT_METADATA, "%.200s", e.detail);
	return describe(t->f.a, g->body, STR_NONE, t->f.conf->oauth_schemes, &g->c, &t->r);
}

/* A client with a secret gets a fresh one; its texts are made before any work with the database, which may run again. */
static void
make_secret(struct turn *t)
{
	struct registration *g = t->own;

	g->c.secret = g->secret = STR_NONE;
	if (g->c.auth_method == CLIENT_AUTH_NONE)
		return;
	g->secret = fresh_text(t->f.a);
	g->secret_hash = secret_hash(t->o, "client secret", g->secret);
	g->c.secret = (str){ (const char *)g->secret_hash.b, sizeof(g->secret_hash.b) };
}

/* --- registering --- */

static enum err
insert(struct face *f, struct db *db, struct error *e)
{
	struct registration *g = turn_of(f)->own;
	int64_t gone;

	TRY(client_insert(db, &g->c, e));
	return g->count ? client_trim(db, f->conf->oauth_clients_unused, TRIM_MOST, &gone, e) : OK;
}

static void
inserted(struct face *f)
{
	struct turn *t = turn_of(f);

	if (f->code == OK)
		tell(t, 201);
	else
		answer_code(t);
}

static struct registration *
begin(struct turn *t)
{
	struct registration *g = t->own = NEW(t->f.a, struct registration);

	rec_init(&client_row, &g->c);
	return g;
}

static void
registered(struct face *f)
{
	struct turn *t = turn_of(f);
	struct registration *g = t->own;

	if (!has_turn(t)) {
		answer_refusal(t);
		return;
	}
	g->c.id = (client_id){ sys_ulid(t->o->api->c.clock) };
	g->c.created_at = g->c.changed_at = now_of(t);
	make_secret(t);
	g->token = fresh_text(t->f.a);
	g->token_hash = secret_hash(t->o, "registration", g->token);
	g->c.registration = (str){ (const char *)g->token_hash.b, sizeof(g->token_hash.b) };
	g->count = atomic_fetch_add(&t->o->registered, 1) % COUNT_EVERY == 0;
	face_write(&t->f, insert, inserted);
}

void
register_run(struct turn *t)
{
	struct registration *g = begin(t);

	enum refused code = read_body(t);
	json_decref(g->body);
	if (code == O_OK)
		take_turn(t, people_group(t->f.a, face_address(&t->f)), LIMIT_REGISTER, t->f.conf->rate_register, registered);
	else
		answer_refusal(t);
}

/* --- managing --- */

static bool
may_manage(const struct turn *t, const struct client *c)
{
	const struct registration *g = t->own;
	digest want, got = secret_hash(t->o, "registration", g->given);

	if (c->registration.n != sizeof(want.b) || g->given.n == 0)
		return false;
	memcpy(want.b, c->registration.p, sizeof(want.b));
	return crypto_same(&want, &got);
}

/* The client as it stands, or t->r: who may not manage it is not told whether it is there. */
static enum err
stand(struct turn *t, struct db *db, struct client *ret, struct error *e)
{
	struct registration *g = t->own;
	bool found;

	t->r.code = O_OK;
	TRY(client_get(db, t->f.a, g->id, ret, &found, e));
	if (!found || !may_manage(t, ret))
		refuse(&t->r, O_INVALID_TOKEN, "The registration access token is not the one of this client.");
	return OK;
}

static enum err
look(struct face *f, struct db *db, struct error *e)
{
	struct turn *t = turn_of(f);
	return stand(t, db, &((struct registration *)t->own)->c, e);
}

static enum err
replace(struct face *f, struct db *db, struct error *e)
{
	struct turn *t = turn_of(f);
	struct registration *g = t->own;
	struct client now;

	TRY(stand(t, db, &now, e));
	if (t->r.code != O_OK)
		return OK;
	g->c.id = now.id;
	g->c.created_at = now.created_at;
	g->c.registration = now.registration;
	/* what people were shown when they said yes */
	bool same = str_eq(g->c.name, now.name) && str_eq(g->c.redirects, now.redirects);
	g->c.changed_at = same ? now.changed_at : now_of(t);
	return client_update(db, &g->c, e);
}

/* A popular client has many consents: slice by slice. */
static enum err
forget(struct face *f, struct db *db, struct error *e)
{
	struct turn *t = turn_of(f);
	struct registration *g = t->own;
	struct client now;
	int64_t n;

	g->more = false;
	TRY(stand(t, db, &now, e));
	if (t->r.code != O_OK)
		return OK;
	TRY(grant_forget(db, now.id, FORGET_SLICE, &n, e));
	g->more = n == FORGET_SLICE;
	return g->more ? OK : client_delete(db, now.id, e);
}

static void
forgotten(struct face *f)
{
	struct turn *t = turn_of(f);
	const struct registration *g = t->own;
	struct buf none = { .p = NULL };

	if (f->code == OK)
		auth_bust_of(t->o->api->c.auth, AUTH_ANYBODY, g->id);
	if (f->code != OK)
		answer_code(t);
	else if (t->r.code != O_OK)
		answer_refusal(t);
	else if (((struct registration *)t->own)->more)
		face_write(f, forget, forgotten);
	else
		answer_json(t, 204, &none);
}

static void
told(struct face *f)
{
	struct turn *t = turn_of(f);

	if (f->code != OK)
		answer_code(t);
	else if (t->r.code != O_OK)
		answer_refusal(t);
	else
		tell(t, 200);
}

/* RFC 7592 2.2: the body names the client. */
static bool
read_replacement(struct turn *t)
{
	struct registration *g = t->own;

	rec_init(&client_row, &g->c);
	enum refused code = read_body(t);
	const char *named = json_string_value(json_object_get(g->body, "client_id"));
	if (code == O_OK && (named == NULL || !str_eq(str_z(named), t->rest)))
		code = refuse(&t->r, O_INVALID_CLIENT_METADATA, "'client_id' must be that of the address.");
	json_decref(g->body);
	if (code == O_OK)
		make_secret(t);
	return code == O_OK;
}

/* Who may not manage it is not told what else is wrong. */
static void
looked(struct face *f)
{
	struct turn *t = turn_of(f);

	if (f->code != OK || t->r.code != O_OK || is_method(t, S("GET")) || is_method(t, S("HEAD")))
		told(f);
	else if (is_method(t, S("DELETE")))
		face_write(f, forget, forgotten);
	else if (read_replacement(t))
		face_write(f, replace, told);
	else
		answer_refusal(t);
}

void
registered_run(struct turn *t)
{
	struct registration *g = begin(t);
	str h = t->f.x->header[FH_AUTHORIZATION];

	if (str_ieq(str_cut(h, 0, 7), S("Bearer ")) && id_parse(ID_client, t->rest, &g->id.u)) {
		g->given = str_trim(str_cut(h, 7, h.n));
		face_read(&t->f, look, looked);
		return;
	}
	refuse(&t->r, O_INVALID_TOKEN, "Send the registration access token of this client as 'Authorization: Bearer ...'.");
	answer_refusal(t);
}
