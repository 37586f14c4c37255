/* session -- sessions of the older versions: rows of the shared state, in memory for as long as a key is believed. */
#include "mcp/turn.h"
#include <stdlib.h>

#define PLACES		4096		/* sessions that are remembered; a newer one takes the place of an older */

struct place { struct mcp_session s; char *texts; int64_t loaded_us; bool used; };
struct memo { struct crypto_hash tag; digest d; bool used; };
struct sessions { pthread_mutex_t lock; struct place *v; struct memo *memos; };

struct sessions *
sessions_new(void)
{
	struct sessions *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->v = calloc(PLACES, sizeof(*s->v))) == NULL || (s->memos = calloc(PLACES, sizeof(*s->memos))) == NULL)
		abort();
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
sessions_free(struct sessions *s)
{
	for (int i = 0; i < PLACES; i++)
		free(s->v[i].texts);
	pthread_mutex_destroy(&s->lock);
	free(s->v);
	free(s->memos);
	free(s);
}

/* A MAC takes some 3 us, and a request needs two of them: those of late are remembered, by a keyed hash of what they are of. */
static digest
hmac(const struct mcp *m, str text)
{
	struct crypto_hash tag = crypto_siphash(m->tag_key, text);
	struct memo *memo = &m->sessions->memos[tag.lo % PLACES];
	digest d;

	pthread_mutex_lock(&m->sessions->lock);
	bool hit = memo->used && memo->tag.lo == tag.lo && memo->tag.hi == tag.hi;
	if (hit)
		d = memo->d;
	pthread_mutex_unlock(&m->sessions->lock);
	if (hit)
		return d;
	d = crypto_hmac(&m->secret, text);
	pthread_mutex_lock(&m->sessions->lock);
	*memo = (struct memo){ tag, d, true };
	pthread_mutex_unlock(&m->sessions->lock);
	return d;
}

digest session_hash(const struct mcp *m, str id) { return hmac(m, id); }

/* Whose a session is: of a key, or of a person by a program. */
digest
session_owner(const struct mcp *m, const struct principal *p)
{
	char text[4 + 3 * 27] = "who ";
	size_t n = 4;

	memcpy(text + n, p->key.u.s, 26);
	memcpy(text + (n += 26), p->person.u.s, 26);
	memcpy(text + (n += 26), p->client.u.s, 26);
	return hmac(m, (str){ text, n + 26 });
}

static struct place *
place_of(const struct mcp *m, const digest *hash)
{
	uint32_t h;

	memcpy(&h, hash->b, sizeof(h));		/* a MAC: nobody chooses it */
	return &m->sessions->v[h % PLACES];
}

static bool holds(const struct place *p, const digest *hash) { return p->used && memcmp(p->s.hash.b, hash->b, sizeof(hash->b)) == 0; }

static void
copy_texts(struct arena *a, struct mcp_session *s)
{
	s->version = str_dup(a, s->version);
	s->client = str_dup(a, s->client);
	s->log_level = str_dup(a, s->log_level);
	s->subscriptions = str_dup(a, s->subscriptions);
}

bool
session_recall(struct mcp *m, struct arena *a, const digest *hash, struct mcp_session *ret)
{
	struct place *p = place_of(m, hash);
	int64_t since = sys_mono_us(m->api->c.clock) - api_conf(m->api)->auth_cache * 1000000;

	pthread_mutex_lock(&m->sessions->lock);
	bool hit = holds(p, hash) && p->loaded_us > since;
	if (hit) {
		*ret = p->s;
		copy_texts(a, ret);
	}
	pthread_mutex_unlock(&m->sessions->lock);
	return hit;
}

/* All four texts in one piece of memory. */
static char *
keep_texts(struct mcp_session *s)
{
	str *all[] = { &s->version, &s->client, &s->log_level, &s->subscriptions };
	size_t n = 1;

	for (size_t i = 0; i < COUNT(all); i++)
		n += all[i]->n;
	char *p = malloc(n), *at = p;
	for (size_t i = 0; p != NULL && i < COUNT(all); i++) {
		memcpy(at, all[i]->p != NULL ? all[i]->p : "", all[i]->n);
		all[i]->p = at;
		at += all[i]->n;
	}
	return p;
}

void
session_remember(struct mcp *m, const struct mcp_session *s)
{
	struct place *p = place_of(m, &s->hash), now = { .s = *s, .loaded_us = sys_mono_us(m->api->c.clock), .used = true };

	if ((now.texts = keep_texts(&now.s)) == NULL)
		return;
	pthread_mutex_lock(&m->sessions->lock);
	char *old = p->texts;
	*p = now;
	pthread_mutex_unlock(&m->sessions->lock);
	free(old);
}

void
session_forget(struct mcp *m, const digest *hash)
{
	struct place *p = place_of(m, hash);

	pthread_mutex_lock(&m->sessions->lock);
	if (holds(p, hash))
		p->used = false;
	pthread_mutex_unlock(&m->sessions->lock);
}

/* --- seen_at: riding on another batch, like the last use of a key --- */

struct touch { struct call call; digest hash; int64_t now; };

static enum err
touch_run(struct call *c, struct db *db, struct error *e)
{
	const struct touch *t = (const struct touch *)c;
	return mcp_session_touch(db, &t->hash, t->now, e);
}

static void
touch_done(struct call *c, enum err code, const struct error *why)
{
	(void)code, (void)why;		/* the next use brings another one */
	free(c);
}

/* True once per MCP_SESSION_TOUCH_MS, here. */
static bool
due(struct mcp *m, const struct mcp_session *s, int64_t now)
{
	struct place *p = place_of(m, &s->hash);

	if (now - s->seen_at < MCP_SESSION_TOUCH_MS)
		return false;
	pthread_mutex_lock(&m->sessions->lock);
	if (holds(p, &s->hash))
		p->s.seen_at = now;
	pthread_mutex_unlock(&m->sessions->lock);
	return true;
}

void
session_touched(struct mcp *m, const struct mcp_session *s)
{
	int64_t now = sys_wall_ms(m->api->c.clock);
	struct error e;

	if (!due(m, s, now))
		return;
	struct touch *t = malloc(sizeof(*t));
	if (t == NULL)
		return;
	*t = (struct touch){ { .run = touch_run, .done = touch_done, .flags = CALL_RIDE }, s->hash, now };
	if (engine_submit(m->api->c.engine, &t->call, &e) != OK)
		free(t);
}
