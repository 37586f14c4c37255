#include "api/tally.h"
#include <stdatomic.h>
#include <stdlib.h>

#define SHARDS	64
#define SLOTS	64
#define MOST	1024			/* of a shard */
#define HOUR_MS	INT64_C(3600000)
#define DAY_HOURS 24
#define K_MAX	30

/* --- sampling --- */

static int64_t quarter_of(const struct sampler *s, int64_t share) { return MAX(MAX(s->credit, share / 8) / 4, 1); }

static void
turn(struct sampler *s, int64_t hour, int64_t share)
{
	int64_t most = share * DAY_HOURS, passed = s->hour == 0 ? DAY_HOURS : hour - s->hour;

	s->credit = MIN(s->credit + share * MIN(passed, DAY_HOURS), most);
	s->before = passed == 1 ? s->reads : 0;
	s->quarter = quarter_of(s, share);
	s->hour = hour;
	s->reads = s->kept = s->refused = s->refused_kept = 0;
	s->refused_k = 0;
	for (s->k = 0; s->k < K_MAX && s->before >> s->k > 2 * s->quarter;)
		s->k++;
}

/* Its weight where one in 2^k is drawn and this one is. */
static int64_t drawn(int k, uint64_t random) { return (random & ((UINT64_C(1) << k) - 1)) == 0 ? INT64_C(1) << k : 0; }

static int64_t
take_read(struct sampler *s, int64_t share, int pressure, uint64_t random)
{
	int64_t weight = drawn(s->k + pressure, random);

	s->reads++;
	if (weight == 0)
		return 0;
	s->credit = MAX(s->credit - 1, 0);
	if (++s->kept >= s->quarter && s->k < K_MAX) {
		s->k++;
		s->kept = 0;
		s->quarter = quarter_of(s, share);
	}
	return weight;
}

/* Any number of them leaves some two shares in an hour at most. */
static int64_t
take_refused(struct sampler *s, int64_t share, int pressure, uint64_t random)
{
	bool many = ++s->refused > share;
	int64_t weight = many ? drawn(s->refused_k + pressure, random) : 1;

	s->credit = MAX(s->credit - (weight > 0), 0);
	if (many && weight > 0 && ++s->refused_kept >= MAX(share / 16, 1) && s->refused_k < K_MAX) {
		s->refused_k++;
		s->refused_kept = 0;
	}
	return weight;
}

int64_t
sampler_take(struct sampler *s, int64_t now_ms, int64_t rows, int64_t days, int pressure, enum sampled kind, uint64_t random)
{
	int64_t hour = now_ms / HOUR_MS, share = MAX(rows / (DAY_HOURS * (days + 1)), 1);

	if (hour > s->hour)
		turn(s, hour, share);
	if (kind == SAMPLED_READ)
		return take_read(s, share, pressure, random);
	if (kind == SAMPLED_REFUSED)
		return take_refused(s, share, pressure, random);
	s->credit = MAX(s->credit - 1, 0);
	return 1;
}

/* --- counting --- */

struct tally {
	struct tally *next, *next_news;
	workspace_id workspace;
	ulid run;
	int64_t day, seen_ms;
	struct usage n;
	struct tally_sum before;	/* of yesterday, not collected yet; day 0: none */
	struct sampler sampler;
	struct spend_sum spend;
	int64_t spend_day, spend_us;
	bool news;
};
struct shard { pthread_mutex_t lock; struct tally *slot[SLOTS], *news; int n; uint64_t random; int64_t lost; };
struct tallies { const struct sys_clock *clock; struct shard shard[SHARDS]; _Atomic unsigned turn; };

struct tallies *
tallies_new(const struct sys_clock *clock)
{
	struct tallies *t = calloc(1, sizeof(*t));

	if (t == NULL)
		abort();
	t->clock = clock;
	for (int i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&t->shard[i].lock, NULL);
		sys_random(&t->shard[i].random, sizeof(t->shard[i].random));
		t->shard[i].random |= 1;
	}
	return t;
}

void
tallies_free(struct tallies *t)
{
	for (int i = 0; i < SHARDS; i++) {
		for (int k = 0; k < SLOTS; k++)
			for (struct tally *y = t->shard[i].slot[k], *next; y != NULL; y = next) {
				next = y->next;
				free(y);
			}
		pthread_mutex_destroy(&t->shard[i].lock);
	}
	free(t);
}

/* xorshift64: good enough to draw lots, and without a lock of its own. */
static uint64_t
draw(struct shard *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random * UINT64_C(0x2545F4914F6CDD1D) >> 20;
}

/* The one that was idle for the longest and has nothing to be collected goes. */
static void
make_room(struct shard *s)
{
	struct tally **oldest = NULL;

	for (int k = 0; k < SLOTS; k++)
		for (struct tally **at = &s->slot[k]; *at != NULL; at = &(*at)->next)
			if (!(*at)->news && (oldest == NULL || (*at)->seen_ms < (*oldest)->seen_ms))
				oldest = at;
	if (oldest == NULL)
		return;
	struct tally *gone = *oldest;
	*oldest = gone->next;
	free(gone);
	s->n--;
}

static struct tally *
tally_of(struct tallies *t, struct shard *s, const struct principal *p)
{
	struct tally **at = &s->slot[p->budget.hi % SLOTS], *y = *at;

	while (y != NULL && memcmp(y->workspace.u.s, p->workspace.u.s, 26) != 0)
		y = y->next;
	if (y != NULL)
		return y;
	if (s->n >= MOST)
		make_room(s);
	if (s->n >= MOST || (y = calloc(1, sizeof(*y))) == NULL)
		return NULL;
	y->workspace = p->workspace;
	y->run = sys_ulid(t->clock);
	y->next = *at;
	*at = y;
	s->n++;
	return y;
}

static struct tally_sum sum_of(const struct tally *y) { return (struct tally_sum){ y->workspace, y->day, y->run, y->n }; }

static void
add(struct shard *s, struct tally *y, const struct tally_seen *seen, bool *news)
{
	int64_t day = seen->now_ms / DAY_MS;

	if (day > y->day) {
		if (y->news)
			y->before = sum_of(y);
		y->n = (struct usage){ 0 };
		y->day = day;
	}
	y->seen_ms = seen->now_ms;
	y->n.requests++;
	y->n.writes += seen->write;
	y->n.errors += seen->error;
	if (y->news)
		return;
	*news = y->news = true;
	y->next_news = s->news;
	s->news = y;
}

int64_t
tally_count(struct tallies *t, const struct conf *c, const struct tally_seen *seen, bool *news)
{
	struct shard *s = &t->shard[seen->who->budget.lo % SHARDS];
	enum sampled kind = seen->refused ? SAMPLED_REFUSED : seen->write || seen->error ? SAMPLED_WHOLE : SAMPLED_READ;
	int64_t weight = kind == SAMPLED_WHOLE;

	*news = false;
	pthread_mutex_lock(&s->lock);
	struct tally *y = tally_of(t, s, seen->who);
	if (y != NULL) {
		add(s, y, seen, news);
		if (c->request_log)
			weight = sampler_take(&y->sampler, seen->now_ms, c->request_log_rows, c->request_log_days, seen->pressure, kind, draw(s));
	} else {
		s->lost++;
	}
	pthread_mutex_unlock(&s->lock);
	return c->request_log ? weight : 0;
}

/* Each time from another shard on, so that one that always has news does not keep the others from being written. */
int
tally_collect(struct tallies *t, struct tally_sum *ret, int most)
{
	unsigned first = atomic_fetch_add(&t->turn, 1);
	int n = 0;

	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *s = &t->shard[(first + i) % SHARDS];
		pthread_mutex_lock(&s->lock);
		while (s->news != NULL && n + 2 <= most) {
			struct tally *y = s->news;
			s->news = y->next_news;
			y->news = false;
			if (y->before.day != 0)
				ret[n++] = y->before;
			y->before.day = 0;
			ret[n++] = sum_of(y);
		}
		pthread_mutex_unlock(&s->lock);
	}
	return n;
}

bool
tally_spend(struct tallies *t, const struct principal *who, int64_t day, int64_t since_us, struct spend_sum *ret)
{
	struct shard *s = &t->shard[who->budget.lo % SHARDS];

	pthread_mutex_lock(&s->lock);
	const struct tally *y = tally_of(t, s, who);
	bool fresh = y != NULL && y->spend_day == day && y->spend_us > since_us;
	if (fresh)
		*ret = y->spend;
	pthread_mutex_unlock(&s->lock);
	return fresh;
}

void
tally_keep_spend(struct tallies *t, const struct principal *who, int64_t day, int64_t now_us, const struct spend_sum *sum)
{
	struct shard *s = &t->shard[who->budget.lo % SHARDS];

	pthread_mutex_lock(&s->lock);
	struct tally *y = tally_of(t, s, who);
	if (y != NULL) {
		y->spend = *sum;
		y->spend_day = day;
		y->spend_us = now_us;
	}
	pthread_mutex_unlock(&s->lock);
}

int64_t
tally_lost(struct tallies *t)
{
	int64_t n = 0;

	for (int i = 0; i < SHARDS; i++) {
		pthread_mutex_lock(&t->shard[i].lock);
		n += t->shard[i].lost;
		pthread_mutex_unlock(&t->shard[i].lock);
	}
	return n;
}
