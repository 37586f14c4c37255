#include "limit/limit.h"
#include <stdlib.h>

#define SHARDS	256
#define SLOTS	64		/* hash chains of a shard */

struct window {
	struct window *next;
	struct limit_key key;
	int64_t last_ms;
	int64_t full_until_ms;		/* so the other nodes said */
	int cap, head, n;		/* ring: the oldest at head */
	int64_t at[];
};
struct shard { pthread_mutex_t lock; struct window *slot[SLOTS]; int n; };
struct limits { int max_per_shard; int64_t window_ms; struct kv *kv; char kind; struct shard shard[SHARDS]; };

struct limits *limits_new(int max_keys) { return limits_over(max_keys, LIMIT_WINDOW_MS); }

struct limits *
limits_over(int max_keys, int64_t window_ms)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	l->max_per_shard = MAX(max_keys / SHARDS, 4);
	l->window_ms = window_ms;
	for (int i = 0; i < SHARDS; i++)
		pthread_mutex_init(&l->shard[i].lock, NULL);
	return l;
}

void
limits_share(struct limits *l, struct kv *kv, char kind)
{
	l->kv = kv_together(kv) ? kv : NULL;
	l->kind = kind;
}

void
limits_free(struct limits *l)
{
	for (int i = 0; l != NULL && i < SHARDS; i++) {
		for (int k = 0; k < SLOTS; k++)
			for (struct window *w = l->shard[i].slot[k], *next; w != NULL; w = next) {
				next = w->next;
				free(w);
			}
		pthread_mutex_destroy(&l->shard[i].lock);
	}
	free(l);
}

static bool same(struct limit_key a, struct limit_key b) { return a.lo == b.lo && a.hi == b.hi && a.part == b.part; }

static struct window **
place(struct shard *s, struct limit_key k)
{
	struct window **at = &s->slot[k.hi % SLOTS];

	while (*at != NULL && !same((*at)->key, k))
		at = &(*at)->next;
	return at;
}

static void
drop(struct shard *s, struct window **at)
{
	struct window *w = *at;

	*at = w->next;
	free(w);
	s->n--;
}

/* Forgets who has been idle for a window; if nobody has, the one who has been so the longest. */
static void
make_room(struct shard *s, int64_t window_ms, int64_t now)
{
	struct window **oldest = NULL;
	int before = s->n;

	for (int k = 0; k < SLOTS; k++)
		for (struct window **at = &s->slot[k]; *at != NULL;) {
			if ((*at)->last_ms <= now - window_ms) {
				drop(s, at);
				continue;
			}
			if (oldest == NULL || (*at)->last_ms < (*oldest)->last_ms)
				oldest = at;
			at = &(*at)->next;
		}
	if (s->n == before && oldest != NULL)
		drop(s, oldest);
}

/* A ring of another size keeps the newest moments that fit. */
static struct window *
resized(struct window *old, struct limit_key k, int limit)
{
	struct window *w = calloc(1, sizeof(*w) + (size_t)limit * sizeof(w->at[0]));

	if (w == NULL)
		abort();
	w->key = k;
	w->cap = limit;
	if (old == NULL)
		return w;
	w->next = old->next;
	w->last_ms = old->last_ms;
	w->full_until_ms = old->full_until_ms;
	int skip = MAX(old->n - limit, 0);
	for (int i = skip; i < old->n; i++)
		w->at[w->n++] = old->at[(old->head + i) % old->cap];
	free(old);
	return w;
}

static struct window *
window_of(struct limits *l, struct shard *s, struct limit_key k, int limit, int64_t now)
{
	struct window **at = place(s, k);

	if (*at == NULL && s->n >= l->max_per_shard) {
		make_room(s, l->window_ms, now);
		at = place(s, k);
	}
	if (*at == NULL)
		s->n++;
	if (*at == NULL || (*at)->cap != limit)
		*at = resized(*at, k, limit);
	return *at;
}

enum use { LOOK, TAKE, NOTE };		/* NOTE: it was taken already, whatever we think */

static void
leave(struct window *w, int64_t until_ms)
{
	while (w->n > 0 && w->at[w->head] <= until_ms) {
		w->head = (w->head + 1) % w->cap;
		w->n--;
	}
}

/* `share`: how many of the limit may be taken here. */
static void
use(struct limits *l, struct limit_key k, int limit, int share, int64_t now, enum use what, struct limit_state *ret)
{
	struct shard *s = &l->shard[(k.lo + k.part) % SHARDS];

	*ret = (struct limit_state){ .limit = limit };
	if (limit <= 0)
		return;
	pthread_mutex_lock(&s->lock);
	struct window *w = window_of(l, s, k, limit, now);
	leave(w, now - l->window_ms);
	ret->refused = w->n >= share;
	if (what == NOTE && w->n == w->cap)
		leave(w, w->at[w->head]);
	if (what == NOTE || (what == TAKE && !ret->refused))
		w->at[(w->head + w->n++) % w->cap] = now;
	w->last_ms = now;
	ret->remaining = MAX(share - w->n, 0);
	if (w->n > 0)
		ret->reset_s = (int)((w->at[w->head] + l->window_ms - now + 999) / 1000);
	if (unlikely(w->full_until_ms > now))
		*ret = (struct limit_state){ limit, 0, (int)((w->full_until_ms - now + 999) / 1000), true };
	pthread_mutex_unlock(&s->lock);
}

void
limits_take(struct limits *l, struct limit_key k, int limit, int64_t now_ms, struct limit_state *ret)
{
	use(l, k, limit, limit, now_ms, TAKE, ret);
}

void
limits_look(struct limits *l, struct limit_key k, int limit, int64_t now_ms, struct limit_state *ret)
{
	use(l, k, limit, limit, now_ms, LOOK, ret);
}

/* --- with other nodes --- */

/* Nobody can be asked. */
static void
by_share(struct limit_ask *q)
{
	use(q->l, q->key, q->limit, kv_share(q->l->kv, q->limit), q->now_ms, q->look || q->counted ? LOOK : TAKE, &q->st);
	q->wrote = KV_UNKNOWN;
}

static void
answered(struct limit_ask *q)
{
	const struct kv_take *t = &q->take;
	struct limit_state mine;

	if (!t->ok) {
		by_share(q);
		return;
	}
	q->wrote = t->wrote;
	if (q->limit <= 0) {
		q->st = (struct limit_state){ 0 };
		return;
	}
	if (!t->look && !t->refused && !q->counted)
		use(q->l, q->key, q->limit, q->limit, q->now_ms, NOTE, &mine);
	q->st = (struct limit_state){ q->limit, t->left, (int)((t->reset_us + 999999) / 1000000), t->refused };
}

static void
taken(struct kv_take *t)
{
	struct limit_ask *q = (struct limit_ask *)t;

	answered(q);
	q->done(q);
}

bool
limits_ask(struct limits *l, struct limit_ask *q)
{
	q->l = l;
	q->wrote = KV_UNKNOWN;
	if (likely(l->kv == NULL) || (q->limit <= 0 && !q->ask_wrote)) {
		use(l, q->key, q->limit, q->limit, q->now_ms, q->look ? LOOK : TAKE, &q->st);
		return true;
	}
	q->take = (struct kv_take){ .name = { q->key.lo, q->key.hi, q->key.part, l->kind }, .limit = MAX(q->limit, 1), .window_us = l->window_ms * 1000,
	    .look = q->look || q->limit <= 0, .ask_wrote = q->ask_wrote, .done = taken };
	switch (kv_take(l->kv, &q->take)) {
	case KV_LATER: return false;
	case KV_NOW: answered(q); return true;
	case KV_AWAY: break;
	}
	by_share(q);
	return true;
}

static void
keep_full(struct limits *l, struct limit_key k, int limit, int64_t now_ms, int64_t until_ms)
{
	struct shard *s = &l->shard[(k.lo + k.part) % SHARDS];

	pthread_mutex_lock(&s->lock);
	window_of(l, s, k, limit, now_ms)->full_until_ms = until_ms;
	pthread_mutex_unlock(&s->lock);
}

static void
told(struct limit_ask *q)
{
	if (q->take.ok && q->take.left == 0)
		keep_full(q->l, q->key, q->limit, q->now_ms, q->now_ms + q->take.reset_us / 1000);
	free(q);
}

void
limits_tell(struct limits *l, struct limit_key k, int limit, int64_t now_ms)
{
	struct limit_state st;
	struct limit_ask *q;

	limits_take(l, k, limit, now_ms, &st);
	if (l->kv == NULL || limit <= 0 || (q = calloc(1, sizeof(*q))) == NULL)
		return;
	*q = (struct limit_ask){ .key = k, .limit = limit, .counted = true, .now_ms = now_ms, .done = told };
	if (limits_ask(l, q))
		told(q);
}
