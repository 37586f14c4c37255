#include "auth/auth_priv.h"
#include "auth/token.h"
#include "model/grant.h"
#include "model/session.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define SHARDS		64
#define WAYS		128		/* tokens a shard remembers */
#define TOUCH_MS	60000
#define ADDRESSES	65536
#define LONG_AGO	(INT64_MIN / 2)

struct entry {
	struct crypto_hash tag;
	int64_t loaded_us, touched_ms;
	struct principal p;
	bool used;
};
struct shard { pthread_mutex_t lock; struct entry *e; };	/* WAYS entries, made at first use */
struct auth {
	const struct sys_clock *clock;
	secret secret;
	uint8_t tag_key[16], stranger_key[16];
	_Atomic uint64_t generation;	/* counts edits of keys */
	struct limits *strangers;
	struct bus *bus;
	struct bus_listener hears;
	struct shard shard[SHARDS];
};

struct auth *
auth_new(const secret *s, const struct sys_clock *clock)
{
	struct auth *u = calloc(1, sizeof(*u));

	if (u == NULL)
		abort();
	u->clock = clock;
	u->secret = *s;
	u->strangers = limits_new(ADDRESSES);
	crypto_random(u->tag_key, sizeof(u->tag_key));
	digest d = crypto_hmac(s, S("strangers"));	/* the same on all nodes */
	memcpy(u->stranger_key, d.b, sizeof(u->stranger_key));
	for (int i = 0; i < SHARDS; i++)
		pthread_mutex_init(&u->shard[i].lock, NULL);
	return u;
}

void auth_share(struct auth *u, struct kv *kv) { limits_share(u->strangers, kv, 's'); }

void
auth_free(struct auth *u)
{
	bus_unlisten(u->bus, &u->hears);
	for (int i = 0; i < SHARDS; i++) {
		free(u->shard[i].e);
		pthread_mutex_destroy(&u->shard[i].lock);
	}
	limits_free(u->strangers);
	crypto_wipe(&u->secret, sizeof(u->secret));
	free(u);
}

digest auth_hash(const struct auth *u, str token) { return crypto_hmac(&u->secret, token); }

struct limit_key
auth_budget(const workspace_id *w, int bucket)
{
	uint64_t v[4] = { 0 };

	memcpy(v, w->u.s, 26);		/* a ulid is random enough: mix its parts */
	uint64_t h = (v[0] ^ v[1] * UINT64_C(0x9E3779B97F4A7C15)) + (v[2] ^ v[3] << 17) * UINT64_C(0xC2B2AE3D27D4EB4F) + (uint64_t)bucket;
	h ^= h >> 29;
	return (struct limit_key){ h * UINT64_C(0xBF58476D1CE4E5B9), v[2] * UINT64_C(0x94D049BB133111EB) ^ v[1] ^ v[3] ^ (uint64_t)bucket << 56, 0 };
}

str
auth_name(struct arena *a, const struct principal *p)
{
	if (auth_is_console(p))
		return S("command line");
	return p->type == PRINCIPAL_API_KEY ? id_text(a, ID_key, &p->key.u) : id_text(a, ID_person, &p->person.u);
}

/* --- the cache --- */

/* STALE: too old to be believed, but it was one of ours. */
enum memory { NEVER_SEEN, STALE, FRESH };

static int64_t touch_ms(const struct principal *p) { return p->type == PRINCIPAL_USER ? SESSION_TOUCH_MS : TOUCH_MS; }

static enum memory
recall(struct auth *u, struct crypto_hash tag, int64_t max_age_us, int64_t now_us, int64_t now_ms, struct principal *ret, bool *touch)
{
	struct shard *s = &u->shard[tag.hi % SHARDS];
	enum memory m = NEVER_SEEN;

	pthread_mutex_lock(&s->lock);
	struct entry *e = s->e != NULL ? &s->e[tag.lo % WAYS] : NULL;
	if (e != NULL && e->used && e->tag.lo == tag.lo && e->tag.hi == tag.hi)
		m = now_us - e->loaded_us < max_age_us ? FRESH : STALE;
	if (m == FRESH) {
		*ret = e->p;
		if ((*touch = now_ms - e->touched_ms >= touch_ms(&e->p)))
			e->touched_ms = now_ms;
	}
	pthread_mutex_unlock(&s->lock);
	return m;
}

static void
remember(struct auth *u, struct crypto_hash tag, int64_t now_us, int64_t touched_ms, const struct principal *p, uint64_t generation)
{
	struct shard *s = &u->shard[tag.hi % SHARDS];

	pthread_mutex_lock(&s->lock);
	if (s->e == NULL && (s->e = calloc(WAYS, sizeof(*s->e))) == NULL)
		abort();
	/* an edit that committed after the row was read must not be covered by the older row */
	if (atomic_load(&u->generation) == generation)
		s->e[tag.lo % WAYS] = (struct entry){ tag, now_us, touched_ms, *p, true };
	pthread_mutex_unlock(&s->lock);
}

static bool
concerns(const struct principal *p, person_id person, client_id client)
{
	return (!id_set(person) || memcmp(p->person.u.s, person.u.s, 26) == 0) && (!id_set(client) || memcmp(p->client.u.s, client.u.s, 26) == 0);
}

static void
forget_here(struct auth *u, person_id person, client_id client)
{
	atomic_fetch_add(&u->generation, 1);
	for (int i = 0; i < SHARDS; i++) {
		pthread_mutex_lock(&u->shard[i].lock);
		for (int k = 0; u->shard[i].e != NULL && k < WAYS; k++)
			if (concerns(&u->shard[i].e[k].p, person, client))
				u->shard[i].e[k].loaded_us = LONG_AGO;
		pthread_mutex_unlock(&u->shard[i].lock);
	}
}

/* A word is the person and the client, 26 letters each or none, with a slash between them. */
void
auth_bust_of(struct auth *u, person_id person, client_id client)
{
	char word[2 * 26 + 2];

	forget_here(u, person, client);
	int n = snprintf(word, sizeof(word), "%.26s/%.26s", person.u.s, client.u.s);
	bus_say(u->bus, BUS_BUST, (str){ word, (size_t)n });
}

static bool
ulid_or_none(str s, ulid *ret)
{
	*ret = (ulid){ { 0 } };
	if (s.n == 0 || !ulid_ok(s))
		return s.n == 0;
	memcpy(ret->s, s.p, 26);
	return true;
}

/* Where words may be lost, or one is not understood, all is forgotten: it costs a look at the database each. */
static void
told(struct bus_listener *l, str text)
{
	struct auth *u = (struct auth *)((char *)l - offsetof(struct auth, hears));
	str client = text, person = text.p != NULL ? str_split(&client, '/') : text;
	person_id p;
	client_id c;

	if (text.p == NULL || !ulid_or_none(person, &p.u) || !ulid_or_none(client, &c.u))
		forget_here(u, AUTH_ANYBODY, AUTH_ANYTHING);
	else
		forget_here(u, p, c);
}

void
auth_on_bus(struct auth *u, struct bus *bus)
{
	u->bus = bus;
	u->hears = (struct bus_listener){ .topic = BUS_BUST, .heard = told };
	bus_listen(bus, &u->hears);
}

void auth_bust(struct auth *u) { auth_bust_of(u, AUTH_ANYBODY, AUTH_ANYTHING); }

/* --- judging --- */

static enum err
verdict_of_token(const struct principal *p, int64_t now_ms, struct error *e)
{
	if (p->revoked_at != TIME_NONE)
		return fail(e, E_INVALID_TOKEN, NULL, "The access token was revoked: ask the user to connect again.");
	if (now_ms >= p->expires_at)
		return fail(e, E_INVALID_TOKEN, NULL, "The access token has expired: use the refresh token.");
	if (p->flaw == FLAW_AUDIENCE)
		return fail(e, E_INVALID_TOKEN, NULL, "The access token was given for another server ('resource').");
	return OK;
}

static enum err
verdict(const struct principal *p, int64_t now_ms, struct error *e)
{
	if (p->type == PRINCIPAL_OAUTH)
		TRY(verdict_of_token(p, now_ms, e));
	else if (p->revoked_at != TIME_NONE)
		return fail(e, E_KEY_REVOKED, NULL, "This API key has been revoked.");
	else if (p->expires_at != TIME_NONE && now_ms >= p->expires_at)
		return p->type == PRINCIPAL_USER ? fail(e, E_INVALID_TOKEN, NULL, SESSION_OVER)
		    : fail(e, E_KEY_EXPIRED, NULL, "This API key has expired.");
	if (p->flaw == FLAW_WORKSPACE)
		return fail(e, E_WORKSPACE_MISMATCH, NULL, "%s", err_row(E_WORKSPACE_MISMATCH)->message);
	if (!p->api_access && p->type != PRINCIPAL_USER)	/* the plan opens the API, not the door */
		return fail(e, E_PLAN_NOT_ELIGIBLE, NULL, "The plan of this workspace has no API access.");
	return OK;
}

static struct limit_key
address_key(const struct auth *u, str address)
{
	struct crypto_hash h = crypto_siphash(u->stranger_key, address);
	return (struct limit_key){ h.lo, h.hi, 0 };
}

static void
suspect(struct auth *u, const struct conf *c, str address, int64_t now_us)
{
	limits_tell(u->strangers, address_key(u, address), (int)c->rate_unknown, now_us / 1000);
}

static enum err
refused_address(struct auth *u, const struct conf *c, str address, int64_t now_us, struct error *e)
{
	struct limit_state st;

	limits_look(u->strangers, address_key(u, address), (int)c->rate_unknown, now_us / 1000, &st);
	if (!st.refused)
		return OK;
	enum err code = fail(e, E_RATE_LIMITED, NULL, "Too many unknown API keys from this address.");
	e->retry_s = st.reset_s;
	return code;
}

/* --- what a request shows --- */

static enum err
bearer_of_header(str token, struct bearer *ret, struct error *e)
{
	int mode;

	ret->secret = token;
	ret->kind = BEARER_KEY;
	if (token_ok(token, &mode))
		return OK;
	ret->kind = BEARER_TOKEN;
	if (token.n == OAUTH_TOKEN_LEN && str_starts(token, S("scripe_at_")))
		return OK;
	if (str_starts(token, S("scripe_rt_")))
		return fail(e, E_INVALID_TOKEN, NULL, "This is a refresh token: it is for /oauth/token. Send the access token here.");
	return fail(e, E_INVALID_TOKEN, NULL, "The API key is malformed.");
}

static enum err
bearer_of(const struct auth_ask *ask, struct bearer *ret, struct error *e)
{
	str header = ask->authorization;

	*ret = (struct bearer){ .kind = BEARER_SESSION, .secret = ask->cookie, .workspace = ask->workspace, .url = ask->url };
	if (header.p == NULL && ask->cookie.p != NULL)
		return ask->cookie.n == SESSION_SECRET_LEN ? OK : fail(e, E_INVALID_TOKEN, NULL, SESSION_OVER);
	if (header.p == NULL)
		return fail(e, E_INVALID_TOKEN, NULL, "Send your API key in the Authorization header, as 'Bearer scripe_sk_live_…'.");
	if (!str_ieq(str_cut(header, 0, 7), S("Bearer ")))
		return fail(e, E_INVALID_TOKEN, NULL, "The Authorization header must be 'Bearer' and an API key.");
	return bearer_of_header(str_trim(str_cut(header, 7, header.n)), ret, e);
}

/* Keys have their workspace; the others are another principal in each. */
static struct crypto_hash
tag_of(const struct auth *u, const struct bearer *b)
{
	char text[OAUTH_TOKEN_LEN + 40];
	str w = str_cut(b->workspace, 0, 38), s = str_cut(b->secret, 0, OAUTH_TOKEN_LEN);

	if (b->kind == BEARER_KEY)
		return crypto_siphash(u->tag_key, b->secret);
	text[0] = b->kind == BEARER_TOKEN ? 't' : 's';
	memcpy(text + 1, s.p, s.n);
	text[1 + s.n] = w.p != NULL ? '/' : '.';
	memcpy(text + 2 + s.n, w.p != NULL ? w.p : "", w.n);
	return crypto_siphash(u->tag_key, (str){ text, 2 + s.n + w.n });
}

bool
auth_peek(struct auth *u, const struct conf *c, const struct auth_ask *ask, struct principal *ret)
{
	struct bearer b;
	struct error e;
	bool touch;

	if (bearer_of(ask, &b, &e) != OK)
		return false;
	return recall(u, tag_of(u, &b), c->auth_cache * 1000000, sys_mono_us(u->clock), 0, ret, &touch) == FRESH;
}

/* Nothing that could be known: of a header that is not there at all the address is not held guilty. */
static enum err
shapeless(struct auth *u, const struct conf *c, const struct auth_ask *ask, int64_t now_us, struct error *e)
{
	struct error limit;

	if (ask->authorization.p == NULL)
		return e->code;
	if (refused_address(u, c, ask->address, now_us, &limit) != OK)
		*e = limit;
	else
		suspect(u, c, ask->address, now_us);
	return e->code;
}

struct moment { int64_t us, ms; };

static enum err
look_up(struct auth *u, const struct conf *c, const struct auth_ask *ask, const struct bearer *b, enum memory m, struct moment now, struct db *db,
    struct principal *ret, bool *touch, struct error *e)
{
	uint64_t generation = atomic_load(&u->generation);
	int64_t used = TIME_NONE;

	if (m == NEVER_SEEN)		/* neighbours behind the same address must not lock a good key out */
		TRY(refused_address(u, c, ask->address, now.us, e));
	enum err code = bearer_load(&u->secret, b, db, now.ms, ret, &used, e);
	/* who tries one workspace after the other is held up, too: each is a look at the database */
	if (code == E_INVALID_TOKEN || code == E_WORKSPACE_MISMATCH || (code == OK && m == NEVER_SEEN && ret->flaw == FLAW_WORKSPACE))
		suspect(u, c, ask->address, now.us);
	TRY(code);
	*touch = used == TIME_NONE || now.ms - used >= touch_ms(ret);
	remember(u, tag_of(u, b), now.us, *touch ? now.ms : used, ret, generation);
	return OK;
}

enum err
auth_check(struct auth *u, const struct conf *c, const struct auth_ask *ask, struct db *db, struct principal *ret,
    enum auth_known *known, bool *touch, struct error *e)
{
	struct moment now = { sys_mono_us(u->clock), sys_wall_ms(u->clock) };
	struct bearer b;

	*known = AUTH_UNKNOWN;
	*touch = false;
	if (bearer_of(ask, &b, e) != OK)
		return shapeless(u, c, ask, now.us, e);
	enum memory m = recall(u, tag_of(u, &b), c->auth_cache * 1000000, now.us, now.ms, ret, touch);
	if (m != FRESH)
		TRY(look_up(u, c, ask, &b, m, now, db, ret, touch, e));
	*known = AUTH_KNOWN;
	return verdict(ret, now.ms, e);
}

/* --- when it was last used --- */

struct auth_used
auth_used(const struct auth *u, const struct auth_ask *ask, const struct principal *p)
{
	struct auth_used t = { .who = *p };

	if (p->type == PRINCIPAL_USER)
		t.session = auth_hash(u, ask->cookie);
	return t;
}

enum err
auth_touch(struct db *db, const struct auth_used *t, int64_t now, struct error *e)
{
	switch (t->who.type) {
	case PRINCIPAL_USER: return session_touch(db, &t->session, now, e);
	case PRINCIPAL_OAUTH: return consent_touch(db, t->who.person, t->who.consent, now, e);
	default: return key_touch(db, t->who.workspace, t->who.key, now, e);
	}
}
