#include "auth/auth.h"
#include <stdatomic.h>
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
	uint8_t tag_key[16];
	_Atomic uint64_t generation;	/* counts edits of keys */
	struct limits *strangers;
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
	for (int i = 0; i < SHARDS; i++)
		pthread_mutex_init(&u->shard[i].lock, NULL);
	return u;
}

void
auth_free(struct auth *u)
{
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
	return (struct limit_key){ h * UINT64_C(0xBF58476D1CE4E5B9), v[2] * UINT64_C(0x94D049BB133111EB) ^ v[1] ^ v[3] ^ (uint64_t)bucket << 56 };
}

str
auth_name(struct arena *a, const struct principal *p)
{
	if (auth_is_console(p))
		return S("command line");
	return p->type == PRINCIPAL_USER ? id_text(a, ID_person, &p->person.u) : id_text(a, ID_key, &p->key.u);
}

/* --- the cache --- */

/* STALE: too old to be believed, but it was a key of ours. */
enum memory { NEVER_SEEN, STALE, FRESH };

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
		if ((*touch = now_ms - e->touched_ms >= TOUCH_MS))
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

void
auth_bust(struct auth *u)
{
	atomic_fetch_add(&u->generation, 1);
	for (int i = 0; i < SHARDS; i++) {
		pthread_mutex_lock(&u->shard[i].lock);
		for (int k = 0; u->shard[i].e != NULL && k < WAYS; k++)
			u->shard[i].e[k].loaded_us = LONG_AGO;
		pthread_mutex_unlock(&u->shard[i].lock);
	}
}

/* --- from the database --- */

static enum err
load(struct auth *u, struct db *db, str token, struct principal *ret, int64_t *last_used, struct error *e)
{
	struct arena a;
	struct key k;
	struct workspace w;
	bool found;
	digest h = auth_hash(u, token);

	arena_init(&a, 1 << 16);
	enum err code = key_by_hash(db, &a, &h, &k, &found, e);
	if (code == OK && !found)
		code = fail(e, E_INVALID_TOKEN, NULL, "The API key is unknown.");
	if (code == OK)
		code = workspace_get(db, &a, k.workspace, &w, e);
	if (code == E_NOT_FOUND)
		code = fail(e, E_INVALID_TOKEN, NULL, "The workspace of this API key is gone.");
	if (code == OK) {
		*ret = (struct principal){ .type = PRINCIPAL_API_KEY, .workspace = k.workspace, .key = k.id, .mode = k.mode, .scopes = k.scopes,
		    .expires_at = k.expires_at, .revoked_at = k.revoked_at, .plan = w.plan, .api_access = w.features.api_access,
		    .budget = auth_budget(&k.workspace, 0) };
		if (k.version.n < sizeof(ret->version))
			memcpy(ret->version, k.version.p != NULL ? k.version.p : "", k.version.n);
		*last_used = k.last_used_at;
	}
	arena_free(&a);
	return code;
}

static enum err
verdict(const struct principal *p, int64_t now_ms, struct error *e)
{
	if (p->revoked_at != TIME_NONE)
		return fail(e, E_KEY_REVOKED, NULL, "This API key has been revoked.");
	if (p->expires_at != TIME_NONE && now_ms >= p->expires_at)
		return fail(e, E_KEY_EXPIRED, NULL, "This API key has expired.");
	if (!p->api_access)
		return fail(e, E_PLAN_NOT_ELIGIBLE, NULL, "The plan of this workspace has no API access.");
	return OK;
}

static struct limit_key
address_key(const struct auth *u, str address)
{
	struct crypto_hash h = crypto_siphash(u->tag_key, address);
	return (struct limit_key){ h.lo, h.hi };
}

static enum err
stranger(struct auth *u, const struct conf *c, str address, int64_t now_us, struct error *e)
{
	struct limit_state st;

	limits_take(u->strangers, address_key(u, address), (int)c->rate_unknown, now_us / 1000, &st);
	return e->code;
}

static enum err
token_of(str authorization, str *ret, struct error *e)
{
	int mode;

	if (authorization.p == NULL)
		return fail(e, E_INVALID_TOKEN, NULL, "Send your API key in the Authorization header, as 'Bearer scripe_sk_live_…'.");
	if (!str_ieq(str_cut(authorization, 0, 7), S("Bearer ")))
		return fail(e, E_INVALID_TOKEN, NULL, "The Authorization header must be 'Bearer' and an API key.");
	*ret = str_trim(str_cut(authorization, 7, authorization.n));
	return token_ok(*ret, &mode) ? OK : fail(e, E_INVALID_TOKEN, NULL, "The API key is malformed.");
}

bool
auth_peek(struct auth *u, const struct conf *c, str authorization, struct principal *ret)
{
	struct error e;
	bool touch;
	str token;

	if (token_of(authorization, &token, &e) != OK)
		return false;
	return recall(u, crypto_siphash(u->tag_key, token), c->auth_cache * 1000000, sys_mono_us(u->clock), 0, ret, &touch) == FRESH;
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

enum err
auth_check(struct auth *u, const struct conf *c, str authorization, str address, struct db *db, struct principal *ret,
    enum auth_known *known, bool *touch, struct error *e)
{
	int64_t now_us = sys_mono_us(u->clock), now_ms = sys_wall_ms(u->clock), last_used = TIME_NONE;
	str token = STR_NONE;

	*known = AUTH_UNKNOWN;
	*touch = false;
	if (token_of(authorization, &token, e) != OK) {
		if (authorization.p == NULL)
			return e->code;
		struct error limit;
		if (refused_address(u, c, address, now_us, &limit) != OK) {
			*e = limit;
			return e->code;
		}
		return stranger(u, c, address, now_us, e);
	}
	struct crypto_hash tag = crypto_siphash(u->tag_key, token);
	enum memory m = recall(u, tag, c->auth_cache * 1000000, now_us, now_ms, ret, touch);
	if (m != FRESH) {
		if (m == NEVER_SEEN)		/* neighbours behind the same address must not lock a good key out */
			TRY(refused_address(u, c, address, now_us, e));
		if (db == NULL)
			return fail(e, E_NEED_DB, NULL, "cold");
		uint64_t generation = atomic_load(&u->generation);
		enum err code = load(u, db, token, ret, &last_used, e);
		if (code == E_INVALID_TOKEN)
			return stranger(u, c, address, now_us, e);
		TRY(code);
		*touch = last_used == TIME_NONE || now_ms - last_used >= TOUCH_MS;
		remember(u, tag, now_us, *touch ? now_ms : last_used, ret, generation);
	}
	*known = AUTH_KNOWN;
	return verdict(ret, now_ms, e);
}
