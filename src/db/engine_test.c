#include "db/engine.h"
#include "t_db.h"
#include <stdlib.h>

/* A call writes one row into each: where one is without the other, something was left half-written. */
static const char tables[] =
    "CREATE TABLE t (id {i64} NOT NULL PRIMARY KEY, s TEXT){strict}; CREATE TABLE u (id {i64} NOT NULL PRIMARY KEY){strict}";
static const char halves[] = "SELECT count(*) FROM (SELECT id FROM t UNION ALL SELECT id FROM u) x WHERE NOT EXISTS"
    " (SELECT 1 FROM t JOIN u ON t.id = u.id WHERE t.id = x.id)";

SQL(put_t, "t.put", "INSERT INTO t (id, s) VALUES ($1, $2)");
SQL(put_u, "u.put", "INSERT INTO u (id) VALUES ($1)");
SQL(count_t, "t.count", "SELECT count(*) FROM t");

/* --- calls that tell what became of them --- */

struct probe {
	struct call c;
	int64_t id;
	str s;
	enum err fails;		/* what run ends with, after its first row */
	int fail_times;		/* that often, INT32_MAX: always */
	bool poisoned;		/* the database fails it at its second row, each time */
	int runs, dones, order;
	enum err code;
	struct error e;
};
static struct { pthread_mutex_t lock; pthread_cond_t change; int dones, order; } board = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

static void
board_clear(void)
{
	board.dones = board.order = 0;
}

static void
wait_dones(int n)
{
	pthread_mutex_lock(&board.lock);
	while (board.dones < n)
		pthread_cond_wait(&board.change, &board.lock);
	pthread_mutex_unlock(&board.lock);
}

static enum err
run_probe(struct call *c, struct db *db, struct error *e)
{
	struct probe *p = (struct probe *)c;

	p->runs++;
	pthread_mutex_lock(&board.lock);
	p->order = ++board.order;
	pthread_mutex_unlock(&board.lock);
	TRY(db_run(db, put_t, e, V(p->id), V(p->s)));
	if (p->runs <= p->fail_times)
		return fail(e, p->fails, NULL, "as it was told");
	if (p->poisoned)
		*(struct db_fault *)db->h = (struct db_fault){ .real = ((struct db_fault *)db->h)->real, .countdown = 1 };
	return db_run(db, put_u, e, V(p->id));
}

static void
done_probe(struct call *c, enum err code, const struct error *why)
{
	struct probe *p = (struct probe *)c;

	pthread_mutex_lock(&board.lock);
	p->dones++;
	p->code = code;
	if (code != OK)
		p->e = *why;
	board.dones++;
	pthread_cond_broadcast(&board.change);
	pthread_mutex_unlock(&board.lock);
}

static struct probe
probe(int64_t id)
{
	return (struct probe){ .c = { .run = run_probe, .done = done_probe }, .id = id, .s = S("x") };
}

static void
submit(struct engine *g, struct probe *p)
{
	struct error e = { 0 };
	CHECK_OK(e, engine_submit(g, &p->c, &e));
}

/* A gate holds the engine's thread, so that what is submitted meanwhile is one batch.  row: one it writes first. */
struct gate { struct call c; int64_t row; bool inside, open, passed; struct db_fault *arm; enum db_fault_kind kind; int countdown; };

static enum err
run_gate(struct call *c, struct db *db, struct error *e)
{
	struct gate *g = (struct gate *)c;

	if (g->row != 0)
		TRY(db_run(db, put_t, e, V(g->row), V(S("x"))));
	pthread_mutex_lock(&board.lock);
	g->inside = true;
	pthread_cond_broadcast(&board.change);
	while (!g->open)
		pthread_cond_wait(&board.change, &board.lock);
	pthread_mutex_unlock(&board.lock);
	return OK;
}

static void
done_gate(struct call *c, enum err code, const struct error *why)
{
	struct gate *g = (struct gate *)c;

	(void)code, (void)why;
	if (g->arm != NULL) {
		g->arm->kind = g->kind;
		g->arm->countdown = g->countdown;
	}
	pthread_mutex_lock(&board.lock);
	g->passed = true;
	pthread_cond_broadcast(&board.change);
	pthread_mutex_unlock(&board.lock);
}

static void
gate_shut(struct gate *g, struct engine *at, int64_t row)
{
	struct error e = { 0 };

	*g = (struct gate){ .c = { .run = run_gate, .done = done_gate }, .row = row };
	CHECK_OK(e, engine_submit(at, &g->c, &e));
	pthread_mutex_lock(&board.lock);
	while (!g->inside)
		pthread_cond_wait(&board.change, &board.lock);
	pthread_mutex_unlock(&board.lock);
}

static void
gate_open(struct gate *g)
{
	pthread_mutex_lock(&board.lock);
	g->open = true;
	pthread_cond_broadcast(&board.change);
	pthread_mutex_unlock(&board.lock);
}

static void
gate_wait(struct gate *g)
{
	pthread_mutex_lock(&board.lock);
	while (!g->passed)
		pthread_cond_wait(&board.change, &board.lock);
	pthread_mutex_unlock(&board.lock);
}

static struct engine *
one_thread(struct t_db *t, struct engine_conf *c)
{
	board_clear();
	t_db_script(t, tables);
	*c = t_db_conf(t);
	c->pool = 1;
	return t_db_engine(c);
}

/* --- group commit --- */

enum { THREADS = 64, EACH = 20 };
struct client { pthread_t thread; struct engine *g; int first, acked; };

static enum err
write_one(void *ctx, struct db *db, struct error *e)
{
	const int64_t *id = ctx;

	TRY(db_run(db, put_t, e, V(*id), V(S("x"))));
	return db_run(db, put_u, e, V(*id));
}

static void *
write_some(void *arg)
{
	struct client *c = arg;
	struct error e = { 0 };

	for (int i = 0; i < EACH; i++) {
		int64_t id = c->first + i;
		c->acked += engine_wait(c->g, write_one, &id, &e) == OK;
	}
	return NULL;
}

DB_TEST(what_is_acknowledged_is_there)
{
	static struct client client[THREADS];
	struct engine_stats st;
	struct error e = { 0 };
	int acked = 0;
	int64_t in_hist = 0;

	t_db_script(t, tables);
	struct engine_conf c = t_db_conf(t);
	c.drivers = 2;
	struct engine *g = t_db_engine(&c);
	CHECK_INT(engine_embedded(g), ==, !t->pg);
	for (int i = 0; i < THREADS; i++) {
		client[i] = (struct client){ .g = g, .first = i * EACH };
		CHECK_OK(e, sys_thread(&client[i].thread, "client", write_some, &client[i], &e));
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(client[i].thread, NULL);
		acked += client[i].acked;
	}
	engine_stats(g, &st);
	engine_close(g);
	CHECK_INT(acked, ==, THREADS * EACH);
	CHECK_INT(st.calls, ==, THREADS * EACH);
	CHECK_INT(st.queued, ==, 0);
	CHECK(st.ok && st.failed == 0 && st.size > 0);
	CHECK_INT(st.batches, <=, st.calls);
	for (int i = 0; i < 10; i++)
		in_hist += st.hist[i];
	CHECK_INT(in_hist, ==, st.batches);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM t"), ==, acked);
	CHECK_INT(t_db_count(t, halves), ==, 0);
}

DB_TEST(what_gathers_meanwhile_is_one_batch)
{
	static struct probe p[THREADS];
	struct engine_conf c;
	struct engine *g = one_thread(t, &c);
	struct engine_stats st;
	struct gate gate;

	gate_shut(&gate, g, 0);
	for (int i = 0; i < THREADS; i++) {
		p[i] = probe(i);
		submit(g, &p[i]);
	}
	engine_stats(g, &st);
	CHECK_INT(st.queued, ==, THREADS);
	gate_open(&gate);
	wait_dones(THREADS);
	engine_stats(g, &st);
	CHECK_INT(st.batches, ==, t->pg ? 65 : 2);
	CHECK_INT(st.hist[6], ==, t->pg ? 0 : 1);
	for (int i = 0; i < THREADS; i++)
		CHECK(p[i].code == OK && p[i].dones == 1 && p[i].runs == 1 && p[i].order == i + 1);
	engine_close(g);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM u"), ==, THREADS);
}

SQLITE_TEST(a_batch_is_at_most_eight_megabytes)
{
	static struct probe p[6];
	struct engine_conf c;
	struct engine *g = one_thread(t, &c);
	struct engine_stats st;
	struct gate gate;

	gate_shut(&gate, g, 0);
	for (int i = 0; i < 6; i++) {
		p[i] = probe(i);
		p[i].c.bytes = (size_t)4 << 20;
		submit(g, &p[i]);
	}
	gate_open(&gate);
	wait_dones(6);
	engine_stats(g, &st);
	CHECK_INT(st.batches, ==, 4);
	CHECK_INT(st.hist[1], ==, 3);
	engine_close(g);
}

/* --- one fails --- */

DB_TEST(an_error_undoes_its_own_call_only)
{
	struct engine_conf c;
	struct engine *g = one_thread(t, &c);
	struct probe p[4] = { probe(1), probe(2), probe(3), probe(3) };
	struct engine_stats st;
	struct gate gate;

	p[1].fails = E_CONFLICT;
	p[1].fail_times = INT32_MAX;
	gate_shut(&gate, g, 0);
	for (int i = 0; i < 4; i++)
		submit(g, &p[i]);
	gate_open(&gate);
	wait_dones(4);
	engine_stats(g, &st);
	engine_close(g);
	CHECK(p[0].code == OK && p[2].code == OK);
	CHECK_INT(p[1].code, ==, E_CONFLICT);
	CHECK_STR(str_z(p[1].e.detail), S("as it was told"));
	CHECK_INT(p[3].code, ==, E_DUPLICATE);
	for (int i = 0; i < 4; i++)
		/* SQLite: a batch with one that looks back begins anew.  PostgreSQL: the fault of what nobody waited for is looked at in its place */
		CHECK(p[i].dones == 1 && p[i].runs == (i == 3 && t->pg ? 2 : t->pg || i > 1 ? 1 : 2));
	CHECK(st.ok && st.failed == 0);			/* nothing of this is the database's fault */
	CHECK_INT(t_db_count(t, "SELECT sum(id) FROM t"), ==, 4);
	CHECK_INT(t_db_count(t, halves), ==, 0);
}

DB_TEST(a_transaction_that_met_another_is_tried_again)
{
	struct engine_conf c;
	struct engine *g = one_thread(t, &c);
	struct probe p[3] = { probe(1), probe(2), probe(3) };
	struct gate gate;

	p[0].fails = p[2].fails = E_RETRY;
	p[0].fail_times = 4;
	p[2].fail_times = INT32_MAX;
	gate_shut(&gate, g, 0);
	for (int i = 0; i < 3; i++)
		submit(g, &p[i]);
	gate_open(&gate);
	wait_dones(3);
	engine_close(g);
	CHECK(p[0].code == OK && p[1].code == OK);
	CHECK_INT(p[0].runs, ==, 5);
	CHECK_INT(p[2].code, ==, E_RETRY);
	CHECK_INT(p[2].runs, ==, 5);			/* in the shared batch it was not reached */
	CHECK_INT(t_db_count(t, "SELECT sum(id) FROM t"), ==, 3);
	CHECK_INT(t_db_count(t, halves), ==, 0);
}

/* --- the fault loop --- */

static struct db wrap_fault(void *ctx, struct db real) { return db_fault_wrap(ctx, real); }

/* What must hold after a batch of three in which one thing broke. */
static void
check_fault(struct t_db *t, enum db_fault_kind kind, int n, const struct probe *p)
{
	int failed = 0;

	for (int i = 0; i < 3; i++) {
		char sql[64];
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM t WHERE id = %lld", (long long)p[i].id);
		int64_t there = t_db_count(t, sql);
		failed += p[i].code != OK;
		CHECK_INT(p[i].dones, ==, 1);
		CHECK_INT(p[i].runs, <=, 2);
		if (p[i].code == OK)
			CHECK_INT(there, ==, 1);
		else if (kind == DB_FAULT_COMMIT_AFTER)
			CHECK(there == 1 && p[i].code == E_UNCERTAIN);
		else
			CHECK(there == 0 && p[i].code == E_STORAGE);
	}
	CHECK_INT(t_db_count(t, halves), ==, 0);
	/* SQLite: who shared the broken batch succeeds alone; only what may stand is not repeated.  PostgreSQL: one fails. */
	int want = kind == DB_FAULT_COMMIT_AFTER && !t->pg ? 3 : t->pg;
	if (failed != want)
		t_fail(__FILE__, __LINE__, "kind %d, fault %d: %d failed", (int)kind, n, failed);
}

static bool
break_one(struct t_db *t, enum db_fault_kind kind, int n)
{
	struct db_fault f = { .kind = kind };
	struct engine_conf c = t_db_conf(t);
	struct probe p[3] = { probe(1), probe(2), probe(3) };
	struct gate gate;

	board_clear();
	c.pool = 1;
	c.wrap = wrap_fault;
	c.wrap_ctx = &f;
	t_db_script(t, "DELETE FROM t; DELETE FROM u");
	struct engine *g = t_db_engine(&c);
	gate_shut(&gate, g, 0);
	gate.arm = &f;
	gate.kind = kind;
	gate.countdown = n;
	for (int i = 0; i < 3; i++)
		submit(g, &p[i]);
	gate_open(&gate);
	wait_dones(3);
	engine_close(g);
	if (f.fired)
		check_fault(t, kind, n, p);
	return f.fired;
}

DB_TEST(whatever_breaks_nothing_is_half_written)
{
	/* SQLite: begin, three times mark, two rows, release, then commit.  PostgreSQL: three times begin, mark, two rows, commit. */
	const int calls = t->pg ? 15 : 14, commits = t->pg ? 3 : 1;
	int n;

	t_db_script(t, tables);
	for (n = 1; break_one(t, DB_FAULT_CALL, n); n++)
		;
	CHECK_INT(n - 1, ==, calls);
	for (n = 1; break_one(t, DB_FAULT_COMMIT_BEFORE, n); n++)
		;
	CHECK_INT(n - 1, ==, commits);
	for (n = 1; break_one(t, DB_FAULT_COMMIT_AFTER, n); n++)
		;
	CHECK_INT(n - 1, ==, commits);
}

DB_TEST(who_fails_alone_fails_and_the_others_succeed)
{
	struct db_fault f = { 0 };
	struct probe p[3] = { probe(1), probe(2), probe(3) };
	struct engine_stats st;
	struct gate gate;

	board_clear();
	t_db_script(t, tables);
	struct engine_conf c = t_db_conf(t);
	c.pool = 1;
	c.wrap = wrap_fault;
	c.wrap_ctx = &f;
	struct engine *g = t_db_engine(&c);
	gate_shut(&gate, g, 0);
	p[1].poisoned = true;
	for (int i = 0; i < 3; i++)
		submit(g, &p[i]);
	gate_open(&gate);
	wait_dones(3);
	engine_stats(g, &st);
	engine_close(g);
	CHECK(p[0].code == OK && p[2].code == OK && p[1].code == E_STORAGE);
	CHECK(p[0].dones == 1 && p[1].dones == 1 && p[2].dones == 1);
	CHECK_INT(p[1].runs, ==, t->pg ? 1 : 2);
	CHECK_INT(st.failed, ==, 1);
	CHECK(st.ok && st.why[0] == '\0');			/* the last one went well */
	CHECK_INT(t_db_count(t, "SELECT sum(id) FROM u"), ==, 4);
	CHECK_INT(t_db_count(t, halves), ==, 0);
}

SQLITE_TEST(a_full_database_refuses_what_is_large)
{
	struct probe p[3] = { probe(1), probe(2), probe(3) };
	struct engine_stats st;
	struct gate gate;
	char *big = malloc(1 << 20);

	board_clear();
	t_db_script(t, tables);
	struct engine_conf c = t_db_conf(t);
	c.max_pages = 40;
	struct engine *g = t_db_engine(&c);
	memset(big, 'x', 1 << 20);
	p[1].s = (str){ big, 1 << 20 };
	gate_shut(&gate, g, 0);
	for (int i = 0; i < 3; i++)
		submit(g, &p[i]);
	gate_open(&gate);
	wait_dones(3);
	CHECK(p[0].code == OK && p[2].code == OK);
	CHECK_INT(p[1].code, ==, E_FULL);
	struct probe last = probe(4);
	last.s = p[1].s;
	submit(g, &last);
	wait_dones(4);
	engine_stats(g, &st);
	CHECK(!st.ok && strstr(st.why, "full") != NULL);
	CHECK_INT(st.failed, ==, 2);
	engine_close(g);
	CHECK_INT(t_db_count(t, "SELECT sum(id) FROM t"), ==, 4);
	CHECK_INT(t_db_count(t, halves), ==, 0);
	free(big);
}

/* --- queue, deadline, riders --- */

DB_TEST(a_full_queue_refuses)
{
	struct engine_conf c;
	struct probe p[8];
	struct error e = { 0 };
	struct gate gate;

	struct engine *g = one_thread(t, &c);
	engine_close(g);
	c.queue_max = 2;
	g = t_db_engine(&c);
	gate_shut(&gate, g, 0);
	for (int i = 0; i < 8; i++)
		p[i] = probe(i);
	submit(g, &p[0]);
	submit(g, &p[1]);
	CHECK_ERR(engine_submit(g, &p[2].c, &e), E_UNAVAILABLE);
	p[3].c.flags = CALL_FORCE;
	submit(g, &p[3]);
	p[4].c.flags = p[5].c.flags = p[6].c.flags = CALL_RIDE;
	submit(g, &p[4]);
	submit(g, &p[5]);
	CHECK_ERR(engine_submit(g, &p[6].c, &e), E_UNAVAILABLE);
	p[7].c.flags = CALL_AGAIN;
	submit(g, &p[7]);
	gate_open(&gate);
	wait_dones(6);
	engine_close(g);
	CHECK(p[2].runs == 0 && p[2].dones == 0 && p[6].runs == 0 && p[6].dones == 0);
	CHECK_INT(t_db_count(t, "SELECT sum(id) FROM t"), ==, 0 + 1 + 3 + 4 + 5 + 7);
}

DB_TEST(who_waited_too_long_is_told_so)
{
	struct sys_clock_test clock;
	struct engine_conf c;
	struct probe p[5] = { probe(0), probe(1), probe(2), probe(3), probe(4) };
	struct gate gate;

	struct engine *g = one_thread(t, &c);
	engine_close(g);
	sys_clock_test_init(&clock, 1000000);
	c.clock = &clock.c;
	c.deadline_us = 5000000;
	g = t_db_engine(&c);
	gate_shut(&gate, g, 0);
	submit(g, &p[0]);
	p[1].c.flags = CALL_FORCE;
	submit(g, &p[1]);
	p[4].c.flags = CALL_AGAIN;
	submit(g, &p[4]);
	clock.ms += 1;
	submit(g, &p[2]);
	clock.ms += 5000;
	submit(g, &p[3]);
	gate_open(&gate);
	wait_dones(5);
	engine_close(g);
	CHECK(p[0].code == E_UNAVAILABLE && p[0].runs == 0 && p[0].dones == 1 && p[0].e.detail[0] != '\0');
	CHECK(p[4].code == E_UNAVAILABLE && p[4].runs == 0 && p[4].dones == 1);
	CHECK(p[1].code == OK && p[2].code == OK && p[3].code == OK);
	CHECK_INT(t_db_count(t, "SELECT sum(id) FROM t"), ==, 6);
}

DB_TEST(a_rider_needs_no_company)
{
	struct engine_conf c;
	struct engine *g = one_thread(t, &c);
	struct probe p = probe(1);

	p.c.flags = CALL_RIDE;
	submit(g, &p);
	wait_dones(1);			/* nothing else is ever submitted */
	CHECK(p.code == OK && p.runs == 1);
	engine_close(g);
}

/* Who closes waits for what rides: those who ride already and those who come then. */
DB_TEST(riders_are_run_when_somebody_is_in_a_hurry)
{
	struct engine_conf c;
	struct engine *g = one_thread(t, &c);
	struct probe p[2] = { probe(1), probe(2) };

	p[0].c.flags = p[1].c.flags = CALL_RIDE;
	submit(g, &p[0]);
	engine_hurry(g);
	wait_dones(1);
	submit(g, &p[1]);
	wait_dones(2);
	CHECK(p[0].runs == 1 && p[1].runs == 1);
	engine_close(g);
}

DB_TEST(a_rider_goes_last_but_not_for_ever)
{
	struct sys_clock_test clock;
	struct engine_conf c;
	struct probe p[4] = { probe(0), probe(1), probe(2), probe(3) };
	struct gate gate;

	struct engine *g = one_thread(t, &c);
	engine_close(g);
	sys_clock_test_init(&clock, 1000000);
	c.clock = &clock.c;
	g = t_db_engine(&c);
	gate_shut(&gate, g, 0);
	p[0].c.flags = p[3].c.flags = CALL_RIDE;
	submit(g, &p[0]);
	clock.ms += 1000;
	submit(g, &p[3]);
	submit(g, &p[1]);
	submit(g, &p[2]);
	gate_open(&gate);
	wait_dones(4);
	engine_close(g);
	CHECK_INT(p[0].order, ==, 1);		/* it waited a second */
	CHECK_INT(p[1].order, ==, 2);
	CHECK_INT(p[2].order, ==, 3);
	CHECK_INT(p[3].order, ==, 4);
}

DB_TEST(closing_runs_what_is_queued)
{
	static struct probe p[20];
	struct engine_conf c;
	struct engine *g = one_thread(t, &c);
	struct gate gate;

	gate_shut(&gate, g, 0);
	for (int i = 0; i < 20; i++) {
		p[i] = probe(i);
		p[i].c.flags = i % 3 == 0 ? CALL_RIDE : 0;
		submit(g, &p[i]);
	}
	gate_open(&gate);
	engine_close(g);
	for (int i = 0; i < 20; i++)
		CHECK(p[i].code == OK && p[i].dones == 1);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM u"), ==, 20);
}

/* --- round trips --- */

SQL(must_u, "u.must", "SELECT 1 FROM u WHERE id = $1");
static const struct miss no_u = { E_NOT_FOUND, "u", "there is no such u" };

static enum err
write_with_reference(struct call *c, struct db *db, struct error *e)
{
	struct probe *p = (struct probe *)c;

	p->runs++;
	TRY(db_must(db, must_u, no_u, e, V(p->id - 1)));
	TRY(db_run(db, put_t, e, V(p->id), V(p->s)));
	TRY(db_run(db, put_u, e, V(p->id)));
	return db_settle(db, e);
}

/* What nobody waits for goes out with COMMIT; what must hold is known before. */
DB_TEST(a_write_takes_two_round_trips_at_most)
{
	struct engine_conf c;
	struct engine *g = one_thread(t, &c);
	struct probe p[3] = { probe(1), probe(2), probe(9) };

	p[1].c.run = p[2].c.run = write_with_reference;
	for (int i = 0; i < 3; i++) {
		submit(g, &p[i]);
		wait_dones(i + 1);
	}
	engine_close(g);
	CHECK(p[0].code == OK && p[1].code == OK && p[2].code == E_NOT_FOUND);
	CHECK(strcmp(p[2].e.field, "u") == 0 && strcmp(p[2].e.detail, no_u.detail) == 0);
	CHECK_INT(p[0].c.trips, ==, t->pg ? 1 : 0);
	CHECK_INT(p[1].c.trips, ==, t->pg ? 2 : 0);
	CHECK_INT(t_db_count(t, "SELECT sum(id) FROM u"), ==, 3);
	CHECK_INT(t_db_count(t, halves), ==, 0);
}

/* --- readers --- */

static int64_t
rows_seen(struct db *db)
{
	struct error e = { 0 };
	struct rows r;
	int64_t n = -1;

	CHECK_OK(e, db_query_(db, &count_t, &r, &e, NULL, 0));
	if (db_next(&r))
		n = db_col(&r, 0).i;
	CHECK_OK(e, db_done(&r, &e));
	return n;
}

DB_TEST(readers_see_what_is_committed)
{
	struct engine_conf c;
	struct engine *g = one_thread(t, &c);
	struct db *reader = NULL, *again = NULL;
	struct error e = { 0 };
	struct gate gate;

	CHECK_OK(e, engine_reader(g, &reader, &e));
	CHECK_INT(reader != NULL, ==, !t->pg);
	if (reader != NULL) {
		gate_shut(&gate, g, 7);
		CHECK_INT(rows_seen(reader), ==, 0);
		gate_open(&gate);
		gate_wait(&gate);
		CHECK_INT(rows_seen(reader), ==, 1);
		CHECK_OK(e, engine_reader(g, &again, &e));
		CHECK(again == reader);
		CHECK_ERR(db_run(reader, put_u, &e, V(9)), E_STORAGE);
	}
	engine_close(g);
}

static void *
read_once(void *arg)
{
	struct engine *g = arg;
	struct error e = { 0 };
	struct db *db = NULL;

	enum err code = engine_reader(g, &db, &e);
	if (code == OK)
		CHECK_INT(rows_seen(db), ==, 0);
	return (void *)(uintptr_t)code;
}

SQLITE_TEST(each_thread_has_its_reader_up_to_a_number)
{
	struct engine_conf c;
	struct engine *g = one_thread(t, &c);
	struct error e = { 0 };
	int refused = 0;

	for (int i = 0; i < c.readers_max + 2; i++) {
		pthread_t thread;
		void *code;
		CHECK_OK(e, sys_thread(&thread, "reader", read_once, g, &e));
		pthread_join(thread, &code);
		refused += (enum err)(uintptr_t)code == E_UNAVAILABLE;
	}
	CHECK_INT(refused, ==, 2);
	engine_close(g);
}

/* --- the link --- */

static enum err
count_into(void *ctx, struct db *db, struct error *e)
{
	struct rows r;

	TRY(db_query_(db, &count_t, &r, e, NULL, 0));
	if (db_next(&r))
		*(int64_t *)ctx = db_col(&r, 0).i;
	return db_done(&r, e);
}

static void
cut_link(struct t_db *t)
{
	char sql[200];

	if (!t->pg)
		return;
	snprintf(sql, sizeof(sql), "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = '%s' AND pid <> pg_backend_pid()", t->schema);
	CHECK_INT(t_db_count(t, sql), ==, 1);
}

/* Nothing of the call can stand before COMMIT, so it runs again on a link made anew. */
DB_TEST(a_link_that_was_lost_while_idle_costs_no_call)
{
	struct engine_conf c;
	struct engine *g = one_thread(t, &c);
	struct error e = { 0 };
	int64_t id = 1, n = 0;

	CHECK_OK(e, engine_wait(g, write_one, &id, &e));
	id = 2;
	cut_link(t);
	CHECK_OK(e, engine_wait(g, write_one, &id, &e));
	cut_link(t);
	CHECK_OK(e, engine_read(g, count_into, &n, &e));
	CHECK_INT(n, ==, 2);
	CHECK_ERR(engine_wait(g, write_one, &id, &e), E_DUPLICATE);
	CHECK(e.code == E_DUPLICATE && e.detail[0] != '\0');
	engine_close(g);
}

TEST(an_engine_that_cannot_open_says_why)
{
	struct engine_conf c = { .path = "/nonexistent/folder/x.db", .clock = &sys_clock_real, .queue_max = 1, .deadline_us = 1 };
	struct error e = { 0 };
	struct engine *g;

	CHECK_ERR(engine_open(&c, &g, &e), E_STORAGE);
	CHECK(strstr(e.detail, c.path) != NULL);
}
