#include "limit/limit.h"
#include <stdlib.h>

#define SHARDS	256
#define SLOTS	64		/* hash chains of a shard */

struct window {
	struct window *next;
	struct limit_key key;
	int64_t last_ms;
	int cap, head, n;		/* ring: the oldest at head */
	int64_t at[];
};
struct shard { pthread_mutex_t lock; struct window *slot[SLOTS]; int n; };
struct limits { int max_per_shard; int64_t window_ms; struct shard shard[SHARDS]; };

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

static struct window **
place(struct shard *s, struct limit_key k)
{
	struct window **at = &s->slot[k.hi % SLOTS];

	while (*at != NULL && ((*at)->key.lo != k.lo || (*at)->key.hi != k.hi))
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

static void
use(struct limits *l, struct limit_key k, int limit, int64_t now, bool take, struct limit_state *ret)
{
	struct shard *s = &l->shard[k.lo % SHARDS];

	*ret = (struct limit_state){ .limit = limit };
	if (limit <= 0)
		return;
	pthread_mutex_lock(&s->lock);
	struct window *w = window_of(l, s, k, limit, now);
	while (w->n > 0 && w->at[w->head] <= now - l->window_ms) {
		w->head = (w->head + 1) % w->cap;
		w->n--;
	}
	ret->refused = w->n >= limit;
	if (take && !ret->refused)
		w->at[(w->head + w->n++) % w->cap] = now;
	w->last_ms = now;
	ret->remaining = limit - w->n;
	if (w->n > 0)
		ret->reset_s = (int)((w->at[w->head] + l->window_ms - now + 999) / 1000);
	pthread_mutex_unlock(&s->lock);
}

void
limits_take(struct limits *l, struct limit_key k, int limit, int64_t now_ms, struct limit_state *ret)
{
	use(l, k, limit, now_ms, true, ret);
}

void
limits_look(struct limits *l, struct limit_key k, int limit, int64_t now_ms, struct limit_state *ret)
{
	use(l, k, limit, now_ms, false, ret);
}
