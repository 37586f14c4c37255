/* blocks -- windows in PostgreSQL: what this node may use of each without asking, and the trips that ask (kv.h, slots.h).
 *
 * One trip is under way at a time, for up to TRIP names; who asks meanwhile gathers for the next.  A trip reports what was used, takes for who waits, fills blocks
 * of names that are warm, and gives back those of names that nobody asked for in a second.  Of a trip that failed nobody knows whether it stands: then the node
 * forgets its blocks, which end by themselves. */
#include "kv/kv_priv.h"
#include "kv/slots.h"
#include <stdio.h>

#define TRIP		64		/* names in one transaction: as many as rate_window.lock has places */
#define CHAINS		4096
#define KEYS_MAX	65536		/* names that this node knows; of others each node grants its share */
#define TICK_US		INT64_C(250000)	/* between two looks at what is due */
#define REPORT_MS	500		/* other nodes wait no longer than that to see what was used of a block */
#define IDLE_MS		1000		/* then a block is given back */
#define FORGET_MS	5000
#define MARGIN_MS	200		/* before its end a block is not used any more */
#define STALE_MS	200		/* a refusal is asked about again */
#define SWEEP_US	INT64_C(60000000)	/* rows of windows that are over */
#define MINUTE_MS	60000		/* the window of requests: longer ones are rare and have no blocks */
#define COARSE_MS	INT64_C(600000)	/* ends_at changes seldom, so that its index does */

SQL_SINCE(5, make, "rate_window.make", "INSERT INTO rate_window (name, slots, ends_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING");
SQL_SINCE(5, lock, "rate_window.lock", "SELECT name, slots FROM rate_window WHERE name IN ("
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, "
    "$33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64"
    ") ORDER BY name{for_update}");
SQL_SINCE(5, keep, "rate_window.keep", "UPDATE rate_window SET slots = $2, ends_at = $3 WHERE name = $1");
SQL_SINCE(5, sweep, "rate_window.sweep", "DELETE FROM rate_window WHERE name IN (SELECT name FROM rate_window WHERE ends_at < $1 ORDER BY ends_at LIMIT 500{skip_locked})");

struct key {
	struct key *next, *line;		/* of its chain; of those that wait for a trip */
	struct kv_name name;
	int limit;
	int64_t window_ms;
	uint64_t block;
	int have, nused;			/* of the block: to use, and used without being reported */
	int64_t used[SLOTS_OUT], until_ms;
	int left;				/* of the limit, as far as is known */
	int64_t oldest_ms, known_ms, taken_ms, full_until_ms;
	struct kv_take *wait, **tail;
	bool made, queued, flying;		/* made: its row was there */
};
struct trip {
	struct key *k;
	struct kv_take *wait;			/* who waits for it */
	char name[64];
	bool make, found;
	int64_t used[SLOTS_OUT];
	struct slots_ask ask;
	struct slots_told told;
	str bytes;
};
struct blocks {
	struct call call;			/* first: of the trip that is under way */
	struct kv *kv;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	pthread_t thread;
	bool runs, closing, flying, sweeping, ok;
	struct key *chain[CHAINS], *line, **line_tail;
	int nkeys, ntrips;
	struct trip trip[TRIP];			/* sorted by name */
	struct arena a;
	struct slots row;
	struct call sweep_call;
	int64_t swept_us, trips;
};

static int64_t wall(const struct blocks *b) { return sys_wall_ms(b->kv->c.clock); }

/* --- what is known of a name --- */

static struct key **
place(struct blocks *b, const struct kv_name *n)
{
	struct key **at = &b->chain[(n->lo ^ n->part * UINT64_C(0x9E3779B9)) % CHAINS];

	while (*at != NULL && ((*at)->name.lo != n->lo || (*at)->name.hi != n->hi || (*at)->name.part != n->part || (*at)->name.kind != n->kind))
		at = &(*at)->next;
	return at;
}

/* What it held ends by itself. */
static void
abandon(struct key *k)
{
	crypto_random(&k->block, sizeof(k->block));
	k->have = k->nused = 0;
	k->known_ms = 0;
}

static struct key *
key_of(struct blocks *b, const struct kv_take *t)
{
	struct key **at = place(b, &t->name), *k = *at;

	if (k == NULL && (b->nkeys >= KEYS_MAX || (k = calloc(1, sizeof(*k))) == NULL))
		return NULL;
	if (*at == NULL) {
		*at = k;
		b->nkeys++;
		k->name = t->name;
		k->tail = &k->wait;
		abandon(k);
		pthread_cond_signal(&b->turn);	/* there is something to look after */
	}
	k->limit = t->limit;
	k->window_ms = t->window_us / 1000;
	return k;
}

/* How many a block should hold: none of windows that are small or long, where each counts. */
static int
target(const struct blocks *b, const struct key *k)
{
	return k->window_ms == MINUTE_MS ? MIN(kv_share(b->kv, SLOTS_OUT), k->limit / 8) : 0;
}

static void
queue(struct blocks *b, struct key *k)
{
	if (k->queued || k->flying)
		return;
	k->queued = true;
	k->line = NULL;
	*b->line_tail = k;
	b->line_tail = &k->line;
}

static void
tell(struct kv_take *t, const struct key *k, bool refused, int left, int64_t now)
{
	t->ok = true;
	t->refused = refused;
	t->left = MAX(left, 0);
	t->reset_us = k->oldest_ms != 0 ? MAX(k->oldest_ms + k->window_ms - now, 0) * 1000 : 0;
}

/* True: answered, from what this node has or knows. */
static bool
warm(struct blocks *b, struct key *k, struct kv_take *t, int64_t now)
{
	bool known = now - k->known_ms < STALE_MS;

	if (k->full_until_ms > now) {
		tell(t, k, true, 0, now);
		return true;
	}
	if (t->look && known)
		tell(t, k, k->left <= 0, k->left, now);
	if (t->look)
		return known;
	if (k->have == 0 || now + MARGIN_MS >= k->until_ms)
		return false;
	k->have--;
	k->used[k->nused++] = now;
	k->left--;
	k->oldest_ms = k->oldest_ms != 0 ? k->oldest_ms : now;
	tell(t, k, false, k->left, now);
	if (k->have <= target(b, k) / 2)
		queue(b, k);
	return true;
}

/* --- a trip --- */

static int64_t coarse_end(int64_t now, int64_t window) { return ((now + window + SLOTS_HOLD_MS) / COARSE_MS + 1) * COARSE_MS; }

static struct trip *
trip_of(struct blocks *b, str name)
{
	for (int i = 0; i < b->ntrips; i++)
		if (str_eq(name, str_z(b->trip[i].name)))
			return &b->trip[i];
	return NULL;
}

static void
turn_row(struct blocks *b, struct trip *t, str bytes)
{
	char *out = arena_raw(&b->a, SLOTS_BYTES);

	t->found = true;
	t->ask.now = wall(b);			/* now that the row is ours */
	slots_read(bytes, &b->row);
	slots_turn(&b->row, &t->ask, &t->told);
	t->bytes = (str){ out, slots_write(&b->row, out) };
}

/* Of fewer names than there is room for the last one is named again. */
static enum err
read_rows(struct blocks *b, struct db *db, struct error *e)
{
	struct val v[TRIP];
	struct rows r;

	for (int i = 0; i < TRIP; i++)
		v[i] = val_str(str_z(b->trip[MIN(i, b->ntrips - 1)].name));
	TRY(db_query_(db, &lock, &r, e, v, TRIP));
	while (db_next(&r)) {
		struct trip *t = trip_of(b, db_col(&r, 0).s);
		if (t != NULL)
			turn_row(b, t, db_col(&r, 1).s);
	}
	return db_done(&r, e);
}

static enum err
go(struct call *c, struct db *db, struct error *e)
{
	struct blocks *b = (struct blocks *)c;
	int64_t now = wall(b);

	arena_reset(&b->a);
	for (int i = 0; i < b->ntrips; i++) {
		struct trip *t = &b->trip[i];
		t->found = false;
		if (t->make)
			TRY(db_run(db, make, e, V(str_z(t->name)), val_bytes(S("")), V(coarse_end(now, t->ask.window))));
	}
	TRY(read_rows(b, db, e));
	for (int i = 0; i < b->ntrips; i++) {
		struct trip *t = &b->trip[i];
		if (t->found)
			TRY(db_run(db, keep, e, V(str_z(t->name)), val_bytes(t->bytes), V(coarse_end(now, t->ask.window))));
	}
	return OK;
}

static int
by_name(const void *x, const void *y)
{
	return strcmp(((const struct trip *)x)->name, ((const struct trip *)y)->name);
}

static void
prepare(struct blocks *b, struct trip *t, struct key *k, int64_t now)
{
	const struct kv_name *n = &k->name;
	bool idle = now - k->taken_ms >= IDLE_MS || b->closing;
	int want = 0;

	if ((k->have > 0 || k->nused > 0) && now + MARGIN_MS >= k->until_ms)
		abandon(k);
	for (const struct kv_take *w = k->wait; w != NULL; w = w->next)
		want += !w->look;
	*t = (struct trip){ .k = k, .wait = k->wait, .make = !k->made, .ask = { .block = k->block, .window = k->window_ms, .limit = k->limit, .nused = k->nused,
	    .want = want, .add = idle ? 0 : MAX(target(b, k) - k->have, 0), .back = idle } };
	snprintf(t->name, sizeof(t->name), "%c%u:%016llx%016llx", n->kind, n->part, (unsigned long long)n->lo, (unsigned long long)n->hi);
	memcpy(t->used, k->used, sizeof(t->used));
	k->have = idle ? 0 : k->have;
	k->wait = NULL;
	k->tail = &k->wait;
	k->queued = false;
	k->flying = true;
}

/* Under the lock: true, b->trip is to be sent. */
static bool
gather(struct blocks *b)
{
	int64_t now = wall(b);

	if (b->flying || b->line == NULL)
		return false;
	for (b->ntrips = 0; b->ntrips < TRIP && b->line != NULL; b->ntrips++) {
		struct key *k = b->line;
		b->line = k->line;
		prepare(b, &b->trip[b->ntrips], k, now);
	}
	if (b->line == NULL)
		b->line_tail = &b->line;
	qsort(b->trip, (size_t)b->ntrips, sizeof(b->trip[0]), by_name);
	for (int i = 0; i < b->ntrips; i++)
		b->trip[i].ask.used = b->trip[i].used;
	b->flying = true;
	b->trips++;
	return true;
}

/* --- back from it --- */

/* What is known of it now; whoever waited is answered by answer_all. */
static void
learn(struct key *k, const struct trip *t)
{
	int since = k->nused - t->ask.nused;

	memmove(k->used, k->used + t->ask.nused, (size_t)since * sizeof(k->used[0]));
	k->nused = since;
	k->have += t->told.added;
	if (k->have + since != t->told.held)
		abandon(k);			/* it had ended before the trip came there */
	k->until_ms = t->ask.now + SLOTS_HOLD_MS;
	k->left = t->told.left - since;
	k->oldest_ms = t->told.left < k->limit ? t->told.oldest : since > 0 ? k->used[0] : 0;
	k->known_ms = t->ask.now;
	k->made = true;
	if (t->told.got < t->ask.want)
		k->full_until_ms = MIN(t->told.oldest + k->window_ms + SLOTS_GUARD_MS, t->ask.now + STALE_MS);
}

static void
judge(struct trip *t, enum err code)
{
	struct key *k = t->k;
	int i = 0;

	for (struct kv_take *w = t->wait; w != NULL; w = w->next) {
		w->ok = code == OK;
		if (code == OK && w->look)
			tell(w, k, k->left <= 0, k->left, t->ask.now);
		else if (code == OK) {
			bool got = i++ < t->told.got;
			tell(w, k, !got, got ? k->left + t->told.got - i : 0, t->ask.now);
		}
	}
}

/* Of a row that was swept away in between: asked for again, made first. */
static bool
again(struct key *k, struct trip *t)
{
	struct kv_take **last = &t->wait;

	if (t->found)
		return false;
	abandon(k);
	k->made = false;
	while (*last != NULL)
		last = &(*last)->next;
	*last = k->wait;
	k->tail = k->wait != NULL ? k->tail : last == &t->wait ? &k->wait : last;
	k->wait = t->wait;
	t->wait = NULL;
	return true;
}

static void
land(struct blocks *b, struct trip *t, enum err code)
{
	struct key *k = t->k;

	k->flying = false;
	if (code != OK)
		abandon(k);
	else if (!again(k, t))
		learn(k, t);
	judge(t, code);
	if (k->wait != NULL)
		queue(b, k);
}

static void
answer_all(struct blocks *b, struct kv_take *w)
{
	for (struct kv_take *next; w != NULL; w = next) {
		next = w->next;
		kv_answer(b->kv, w);
	}
}

static void fly(struct blocks *);

static void
landed(struct call *c, enum err code, const struct error *why)
{
	struct blocks *b = (struct blocks *)c;
	struct kv_take *waited = NULL, **last = &waited;

	(void)why;
	pthread_mutex_lock(&b->lock);
	b->ok = code == OK;
	for (int i = 0; i < b->ntrips; i++) {
		land(b, &b->trip[i], code);
		*last = b->trip[i].wait;
		while (*last != NULL)
			last = &(*last)->next;
	}
	pthread_mutex_unlock(&b->lock);
	answer_all(b, waited);
	pthread_mutex_lock(&b->lock);
	b->flying = false;
	bool more = gather(b);
	if (!more)
		pthread_cond_broadcast(&b->turn);	/* who closes frees what this stands in */
	pthread_mutex_unlock(&b->lock);
	if (more)
		fly(b);
}

static void
fly(struct blocks *b)
{
	struct error e;

	b->call = (struct call){ .run = go, .done = landed, .bytes = 1024 };
	enum err code = engine_submit(b->kv->c.engine, &b->call, &e);
	if (code != OK)
		landed(&b->call, code, &e);
}

static void
launch(struct blocks *b)
{
	pthread_mutex_lock(&b->lock);
	bool go_now = gather(b);
	pthread_mutex_unlock(&b->lock);
	if (go_now)
		fly(b);
}

static enum kv_when
take(void *h, struct kv_take *t)
{
	struct blocks *b = h;
	int64_t now = wall(b);

	if (db_schema() < 5)		/* the operator has not migrated yet: each by itself, as the release before */
		return KV_AWAY;
	pthread_mutex_lock(&b->lock);
	struct key *k = b->closing ? NULL : key_of(b, t);
	bool answered = k != NULL && warm(b, k, t, now);
	if (k != NULL && !t->look)
		k->taken_ms = now;
	if (k != NULL && !answered) {
		t->next = NULL;
		*k->tail = t;
		k->tail = &t->next;
		queue(b, k);
	}
	bool waiting = b->line != NULL && !b->flying;
	pthread_mutex_unlock(&b->lock);
	if (waiting)
		launch(b);
	return k == NULL ? KV_AWAY : answered ? KV_NOW : KV_LATER;
}

/* --- what is due without anybody asking --- */

/* True: nothing is left of it. */
static bool
look_after(struct blocks *b, struct key *k, int64_t now)
{
	bool holds = k->have > 0 || k->nused > 0;

	if (holds && (now - k->taken_ms >= IDLE_MS || now - k->known_ms >= REPORT_MS || b->closing))
		queue(b, k);
	return !holds && !k->queued && !k->flying && k->wait == NULL && now - k->taken_ms >= FORGET_MS;
}

static void
look_after_all(struct blocks *b)
{
	int64_t now = wall(b);

	for (int i = 0; i < CHAINS; i++)
		for (struct key **at = &b->chain[i], *k; (k = *at) != NULL;) {
			if (!look_after(b, k, now)) {
				at = &k->next;
				continue;
			}
			*at = k->next;
			free(k);
			b->nkeys--;
		}
}

static enum err
sweep_run(struct call *c, struct db *db, struct error *e)
{
	const struct blocks *b = (const struct blocks *)((const char *)c - offsetof(struct blocks, sweep_call));
	return db_run(db, sweep, e, V(wall(b)));
}

static void
swept(struct call *c, enum err code, const struct error *why)
{
	struct blocks *b = (struct blocks *)((char *)c - offsetof(struct blocks, sweep_call));

	(void)code, (void)why;		/* the next minute brings another one */
	pthread_mutex_lock(&b->lock);
	b->sweeping = false;
	pthread_cond_broadcast(&b->turn);
	pthread_mutex_unlock(&b->lock);
}

static void
sweep_now_and_then(struct blocks *b)
{
	int64_t now = sys_mono_us(b->kv->c.clock);
	struct error e;

	if (b->sweeping || now - b->swept_us < SWEEP_US || db_schema() < 5)
		return;
	b->swept_us = now;
	b->sweeping = true;
	b->sweep_call = (struct call){ .run = sweep_run, .done = swept, .flags = CALL_RIDE };
	pthread_mutex_unlock(&b->lock);
	bool sent = engine_submit(b->kv->c.engine, &b->sweep_call, &e) == OK;
	pthread_mutex_lock(&b->lock);
	if (!sent)
		b->sweeping = false;
}

static void *
run(void *arg)
{
	struct blocks *b = arg;

	pthread_mutex_lock(&b->lock);
	while (!b->closing) {
		look_after_all(b);
		sweep_now_and_then(b);
		pthread_mutex_unlock(&b->lock);
		launch(b);
		pthread_mutex_lock(&b->lock);
		if (!b->closing && b->nkeys == 0)
			(void)sys_cond_wait_us(&b->turn, &b->lock, SWEEP_US);
		else if (!b->closing)
			(void)sys_cond_wait_us(&b->turn, &b->lock, TICK_US);
	}
	look_after_all(b);		/* a node that stops keeps nothing */
	pthread_mutex_unlock(&b->lock);
	launch(b);
	return NULL;
}

/* --- from first to last --- */

static void
stats(void *h, struct kv_stats *ret)
{
	struct blocks *b = h;

	pthread_mutex_lock(&b->lock);
	ret->ok = b->ok;
	ret->why = b->ok ? "" : "the database does not answer";
	ret->commands = b->trips;
	pthread_mutex_unlock(&b->lock);
}

static void
close_blocks(void *h)
{
	struct blocks *b = h;

	pthread_mutex_lock(&b->lock);
	b->closing = true;
	pthread_cond_broadcast(&b->turn);
	pthread_mutex_unlock(&b->lock);
	if (b->runs)
		pthread_join(b->thread, NULL);
	engine_hurry(b->kv->c.engine);
	pthread_mutex_lock(&b->lock);
	while (b->flying || b->sweeping || b->line != NULL)
		pthread_cond_wait(&b->turn, &b->lock);
	pthread_mutex_unlock(&b->lock);
	for (int i = 0; i < CHAINS; i++)
		for (struct key *k = b->chain[i], *next; k != NULL; k = next) {
			next = k->next;
			free(k);
		}
	arena_free(&b->a);
	pthread_cond_destroy(&b->turn);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static const struct kv_ops ops = { KV_POSTGRES, take, NULL, NULL, stats, close_blocks };

enum err
blocks_open(struct kv *kv, struct error *e)
{
	struct blocks *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return fail(e, E_SYS, NULL, "no memory for windows in PostgreSQL");
	b->kv = kv;
	b->ok = true;
	b->line_tail = &b->line;
	b->swept_us = sys_mono_us(kv->c.clock);
	arena_init(&b->a, (size_t)1 << 20);
	pthread_mutex_init(&b->lock, NULL);
	sys_cond_init(&b->turn);
	enum err code = sys_thread(&b->thread, "slots", run, b, e);
	b->runs = code == OK;
	if (code != OK) {
		close_blocks(b);
		return code;
	}
	kv->ops = &ops;
	kv->h = b;
	return OK;
}
