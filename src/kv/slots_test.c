#include "kv/kv_priv.h"
#include "kv/slots.h"
#include "t_db.h"
#include "t_kv.h"
#include <stdio.h>
#include <unistd.h>

TEST(a_row_is_read_as_it_was_written)
{
	static struct slots s, back;
	static char bytes[SLOTS_BYTES];

	s.block[s.nblocks++] = (struct slots_block){ UINT64_MAX, 1763825000123, 8 };
	for (int i = 0; i < SLOTS_ROOM; i++)
		s.moment[s.n++] = (struct slots_moment){ 1763825000000 + i * 1000 - 500, i + 1 };
	size_t n = slots_write(&s, bytes);
	slots_read((str){ bytes, n }, &back);
	CHECK(back.n == s.n && back.nblocks == 1 && back.block[0].id == UINT64_MAX && back.block[0].until == 1763825000123 && back.block[0].n == 8);
	for (int i = 0; i < s.n; i++)
		CHECK(back.moment[i].at == s.moment[i].at && back.moment[i].n == s.moment[i].n);
	for (size_t cut = 0; cut < n; cut += 97) {
		slots_read((str){ bytes, cut }, &back);
		CHECK(back.n == 0 && back.nblocks == 0);
	}
}

/* --- nodes over one row: against the definition, whatever they do --- */

enum { NODES = 4, LIMIT = 60, WINDOW = 10000, STEPS = 60000 };
struct node { uint64_t block; int have, nused; int64_t used[SLOTS_OUT], until, busy_ms; };

static int64_t uses[STEPS];
static int nuses;

static void
forget(struct node *d)
{
	static uint64_t last;

	d->block = ++last;
	d->have = d->nused = 0;
}

static bool
ask_row(struct node *d, str *row, char *bytes, int64_t now, int want, bool back)
{
	static struct slots s;
	struct slots_told told;
	struct slots_ask q = { .block = d->block, .now = now, .window = WINDOW, .limit = LIMIT, .used = d->used, .nused = d->nused, .want = want,
	    .add = back ? 0 : 2 - d->have, .back = back };

	slots_read(*row, &s);
	slots_turn(&s, &q, &told);
	*row = (str){ bytes, slots_write(&s, bytes) };
	d->nused = 0;
	d->have = (back ? 0 : d->have) + told.added;
	d->until = now + SLOTS_HOLD_MS;
	if (d->have != told.held)
		forget(d);
	return told.got == want;
}

static int
in_window(int64_t now)
{
	int n = 0;

	for (int i = nuses - 1; i >= 0 && uses[i] > now - WINDOW; i--)
		n++;
	return n;
}

TEST(nodes_with_blocks_are_never_one_over_and_at_most_eight_under)
{
	static struct node node[NODES];
	static char bytes[SLOTS_BYTES];
	str row = S("");
	int64_t now = 1763825000000, lost_ms = 0;
	int refused = 0, worst = 0;

	srand(4711);
	for (int i = 0; i < NODES; i++)
		forget(&node[i]);
	for (int step = 0; step < STEPS; step++) {
		struct node *d = &node[rand() % NODES];
		now += rand() % 120;
		if (rand() % 3000 == 0) {		/* killed: nothing is given back */
			forget(d);
			lost_ms = now;
		}
		if (now + 200 >= d->until)
			forget(d);
		bool was_full = in_window(now) + SLOTS_OUT >= LIMIT, got;
		if (d->have > 0) {
			d->have--;
			d->used[d->nused++] = now;
			got = true;
		} else
			got = ask_row(d, &row, bytes, now, 1, false);
		if (got)
			uses[nuses++] = now;
		else {
			refused++;
			if (now - lost_ms > WINDOW + 2 * SLOTS_HOLD_MS && step > 2000) {
				worst = MAX(worst, LIMIT - in_window(now - SLOTS_GUARD_MS));
				CHECK(was_full || in_window(now - SLOTS_GUARD_MS) + SLOTS_OUT >= LIMIT);
			}
		}
		CHECK_INT(in_window(now), <=, LIMIT);
		if (d->nused == SLOTS_OUT || rand() % 40 == 0)
			(void)ask_row(d, &row, bytes, now, 0, rand() % 2);
		for (int i = 0; i < NODES; i++)		/* who is idle gives back before its end */
			if (now + 1500 >= node[i].until && node[i].have + node[i].nused > 0 && now + 200 < node[i].until)
				(void)ask_row(&node[i], &row, bytes, now, 0, true);
	}
	CHECK_INT(refused, >, STEPS / 20);
	printf("# %d taken, %d refused, at most %d under the limit\n", nuses, refused, worst);
}

TEST(a_large_limit_is_counted_coarsely_and_never_over)
{
	static struct slots s;
	struct slots_told told;
	int64_t now = 1763825000000;
	int taken = 0;

	for (int i = 0; i < 20000; i++) {
		struct slots_ask q = { .block = 1, .now = now + i, .window = 60000, .limit = 10000, .want = 1 };
		slots_turn(&s, &q, &told);
		taken += told.got;
		CHECK(s.n <= SLOTS_ROOM);
	}
	CHECK_INT(taken, ==, 10000);
}

/* --- on a real PostgreSQL: three nodes --- */

static struct kv_take
wait_for(struct kv *kv, uint64_t who, int limit, bool look)
{
	return t_kv_wait(kv, (struct kv_take){ .name = { who, 7, 1, 'w' }, .limit = limit, .window_us = 60000000, .look = look });
}

struct house { struct engine *engine[3]; struct kv *kv[3]; };

static void
open_house(struct house *h, struct t_db *t)
{
	struct engine_conf ec = t_db_conf(t);
	struct error e;

	t_db_schema(t);
	for (int i = 0; i < 3; i++) {
		h->engine[i] = t_db_engine(&ec);
		struct kv_conf c = { .uri = "", .engine = h->engine[i], .clock = &sys_clock_real };
		CHECK(kv_open(&c, &h->kv[i], &e) == OK);
		kv_nodes(h->kv[i], 3);
	}
}

static void
close_house(struct house *h)
{
	for (int i = 0; i < 3; i++) {
		kv_close(h->kv[i]);
		engine_close(h->engine[i]);
	}
}

struct hammer { struct kv *kv; int got, refused; pthread_t thread; };

static void *
hammer(void *arg)
{
	struct hammer *h = arg;

	for (int i = 0; i < 150; i++) {
		struct kv_take t = wait_for(h->kv, 4, 120, false);
		CHECK(t.ok);
		h->got += !t.refused;
		h->refused += t.refused;
		CHECK(!t.refused || (t.left == 0 && t.reset_us <= 60000000));
	}
	return NULL;
}

PG_TEST(three_nodes_share_a_window_in_the_database)
{
	static struct hammer d[6];
	struct house h;
	struct error e;
	int got = 0;

	open_house(&h, t);
	int64_t began = sys_mono_us(&sys_clock_real);
	for (int i = 0; i < 6; i++) {
		d[i] = (struct hammer){ .kv = h.kv[i % 3] };
		CHECK(sys_thread(&d[i].thread, "hammer", hammer, &d[i], &e) == OK);
	}
	for (int i = 0; i < 6; i++) {
		pthread_join(d[i].thread, NULL);
		got += d[i].got;
	}
	if (sys_mono_us(&sys_clock_real) - began < 50000000) {
		CHECK_INT(got, <=, 120);
		CHECK_INT(got, >=, 120 - SLOTS_OUT);
	}
	close_house(&h);
}

PG_TEST(a_warm_name_costs_no_trip_of_its_own)
{
	struct kv_stats st;
	struct house h;

	open_house(&h, t);
	for (int i = 0; i < 3; i++)
		kv_nodes(h.kv[i], 1);
	for (int i = 0; i < 40; i++) {
		struct kv_take k = wait_for(h.kv[0], 5, 120, false);
		CHECK(k.ok && !k.refused);
		CHECK_INT(k.left, ==, 119 - i);
		CHECK(k.reset_us > 0 && k.reset_us <= 60000000);
		kv_stats(h.kv[0], &st);
		usleep(i == 0 ? 20000 : (unsigned)MAX(20000, 2 * st.us / st.late));	/* as somebody who waits for answers, and is slower than a trip */
	}
	kv_stats(h.kv[0], &st);
	CHECK_INT(st.late, <=, 20);		/* the first one, and where a trip was slower than that */
	struct kv_take look = wait_for(h.kv[1], 5, 120, true);
	CHECK(look.ok && !look.refused && look.left >= 80 - SLOTS_OUT && look.left <= 80);
	for (int64_t until = sys_mono_us(&sys_clock_real) + 30000000; look.left < 80 && sys_mono_us(&sys_clock_real) < until; usleep(20000))
		look = wait_for(h.kv[1], 5, 120, true);		/* until all is given back, and reported */
	CHECK_INT(look.left, ==, 80);
	CHECK_INT(wait_for(h.kv[2], 5, 120, false).left, ==, 79);
	close_house(&h);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM rate_window"), ==, 1);
}
