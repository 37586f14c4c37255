#include "db/engine.h"
#include "t_db.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* What only the pool of PostgreSQL does; what both engines promise is in engine_test.c. */
SQL(put, "t.put", "INSERT INTO t (id) VALUES ($1)");
SQL(get, "t.get", "SELECT id FROM t WHERE id = $1");
SQL(some, "t.some", "SELECT id FROM t WHERE id >= $1 ORDER BY id");
SQL(divide, "t.divide", "SELECT 1 / ($1 - id) FROM t WHERE id = $1");
SQL(sleep_ms, "t.sleep_ms", "SELECT pg_sleep($1 / 1000.0)::text");
SQL(much, "t.much", "SELECT repeat('x', $1)");
SQL(stand_in_line, "t.stand_in_line", "SELECT pg_advisory_xact_lock($1 + hashtext(current_schema()))::text");
static const char tables[] = "CREATE TABLE t (id {i64} NOT NULL PRIMARY KEY){strict}";

struct probe { struct call c; int64_t id, seen; int runs, dones; enum err code; struct error e; };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static bool shut, inside;

static void
done_probe(struct call *c, enum err code, const struct error *why)
{
	struct probe *p = (struct probe *)c;

	pthread_mutex_lock(&lock);
	p->code = code;
	if (code != OK)
		p->e = *why;
	p->dones++;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}

static enum err
look_up(struct call *c, struct db *db, struct error *e)
{
	struct probe *p = (struct probe *)c;
	struct rows r;

	p->runs++;
	TRY(db_query(db, get, &r, e, V(p->id)));
	p->seen = db_next(&r) ? db_col(&r, 0).i : -1;
	return db_done(&r, e);
}

static enum err
fail_to_look(struct call *c, struct db *db, struct error *e)
{
	struct probe *p = (struct probe *)c;
	bool any;

	p->runs++;
	return db_any(db, divide, &any, e, V(p->id));
}

/* Two statements in one snapshot. */
static enum err
look_twice(struct call *c, struct db *db, struct error *e)
{
	struct probe *p = (struct probe *)c;
	enum err code;

	TRY(db->ops->begin(db, TX_READ, e));
	if ((code = look_up(c, db, e)) == OK)
		code = look_up(c, db, e);
	db->ops->rollback(db);
	p->seen += p->runs;
	return code;
}

/* Three questions at once. */
static enum err
ask_thrice(struct call *c, struct db *db, struct error *e)
{
	struct probe *p = (struct probe *)c;
	struct rows r[3];

	for (int i = 0; i < 3; i++)
		TRY(db_ask(db, some, &r[i], e, V(p->id + i)));
	for (int i = 0; i < 3; i++) {
		while (db_next(&r[i]))
			p->seen++;
		TRY(db_done(&r[i], e));
	}
	return OK;
}

static enum err
look_at_much(struct call *c, struct db *db, struct error *e)
{
	struct probe *p = (struct probe *)c;
	struct rows r;

	TRY(db_query(db, much, &r, e, V(p->id)));
	p->seen = db_next(&r) ? (int64_t)db_col(&r, 0).s.n : -1;
	return db_done(&r, e);
}

static enum err
wait_in_line(struct call *c, struct db *db, struct error *e)
{
	bool any;

	return db_any(db, stand_in_line, &any, e, V(((struct probe *)c)->id));
}

static enum err
write_it(struct call *c, struct db *db, struct error *e)
{
	struct probe *p = (struct probe *)c;

	p->runs++;
	return db_run(db, put, e, V(p->id));
}

static enum err
stand(struct call *c, struct db *db, struct error *e)
{
	(void)c, (void)db, (void)e;
	pthread_mutex_lock(&lock);
	inside = true;
	pthread_cond_broadcast(&change);
	while (shut)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
	return OK;
}

static struct probe
probe(int64_t id, enum err (*run)(struct call *, struct db *, struct error *), unsigned flags)
{
	return (struct probe){ .c = { .run = run, .done = done_probe, .flags = flags }, .id = id };
}

static void
submit(struct engine *g, struct probe *p)
{
	struct error e = { 0 };
	CHECK_OK(e, engine_submit(g, &p->c, &e));
}

static void
wait_for(const struct probe *p)
{
	pthread_mutex_lock(&lock);
	while (p->dones == 0)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
}

static void
run(struct engine *g, struct probe *p)
{
	submit(g, p);
	wait_for(p);
}

/* Holds the driver's thread while the others are submitted, so that they are there at the same time. */
static void
submit_at_once(struct engine *g, struct probe *p, int n)
{
	struct probe gate = probe(0, stand, CALL_READ);

	shut = true;
	inside = false;
	submit(g, &gate);
	pthread_mutex_lock(&lock);
	while (!inside)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < n; i++)
		submit(g, &p[i]);
	pthread_mutex_lock(&lock);
	shut = false;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
	wait_for(&gate);
}

static void
at_once(struct engine *g, struct probe *p, int n)
{
	submit_at_once(g, p, n);
	for (int i = 0; i < n; i++)
		wait_for(&p[i]);
}

static struct engine *
with_rows(struct t_db *t, struct engine_conf *c, int n)
{
	struct engine *g;

	t_db_script(t, tables);
	*c = t_db_conf(t);
	c->pool = 1;
	c->statement_ms = 500;
	g = t_db_engine(c);
	for (int i = 1; i <= n; i++) {
		struct probe p = probe(i, write_it, 0);
		run(g, &p);
		CHECK(p.code == OK && p.c.trips == 1);
	}
	return g;
}

/* --- flights --- */

PG_TEST(reads_of_many_share_a_flight)
{
	static struct probe p[30];
	struct engine_conf c;
	struct engine_stats before, after;

	struct engine *g = with_rows(t, &c, 3);
	engine_stats(g, &before);
	for (int i = 0; i < 30; i++)
		p[i] = probe(i % 3 + 1, look_up, CALL_READ);
	at_once(g, p, 30);
	engine_stats(g, &after);
	for (int i = 0; i < 30; i++)
		CHECK(p[i].code == OK && p[i].seen == p[i].id && p[i].c.trips == 1);
	CHECK_INT(after.flights - before.flights, <=, 2);	/* the engine's own look at the size may be one */
	CHECK(after.connections == 1 && after.connected == 1 && after.busy == 0 && after.waiting == 0);
	engine_close(g);
}

PG_TEST(a_read_that_fails_fails_alone)
{
	struct probe p[5];
	struct engine_conf c;

	struct engine *g = with_rows(t, &c, 3);
	for (int i = 0; i < 5; i++)
		p[i] = i % 2 == 0 ? probe(i / 2 + 1, look_up, CALL_READ) : probe(1, fail_to_look, CALL_READ);
	at_once(g, p, 5);
	for (int i = 0; i < 5; i++) {
		CHECK_INT(p[i].code, ==, i % 2 == 0 ? OK : E_TAKEN);
		CHECK(p[i].runs == 1 && p[i].dones == 1);
	}
	CHECK(p[0].seen == 1 && p[2].seen == 2 && p[4].seen == 3);
	engine_close(g);
}

PG_TEST(several_questions_take_one_round_trip)
{
	struct probe p = probe(1, ask_thrice, CALL_READ), twice = probe(2, look_twice, CALL_READ);
	struct engine_conf c;

	struct engine *g = with_rows(t, &c, 3);
	run(g, &p);
	CHECK(p.code == OK && p.seen == 3 + 2 + 1);
	CHECK_INT(p.c.trips, ==, 1);
	run(g, &twice);				/* its ROLLBACK is waited for by nobody */
	CHECK(twice.code == OK && twice.seen == 2 + 2);
	CHECK_INT(twice.c.trips, ==, 2);
	engine_close(g);
}

/* Whoever asks to stand in line does so until it is opened. */
static void shut_line(struct t_db *t) { (void)t_db_count(t, "SELECT 1 FROM pg_advisory_lock(hashtext(current_schema()))"); }
static void open_line(struct t_db *t) { (void)t_db_count(t, "SELECT pg_advisory_unlock(hashtext(current_schema()))::int"); }

static void
see_one_in_line(struct t_db *t)
{
	while (t_db_count(t, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
	    " AND objid::bigint = hashtext(current_schema())::bigint & 4294967295") == 0)
		usleep(1000);
}

/* Its driver need not wake for one that shares while a flight is under way, but must when that one takes its time, and when many wait. */
PG_TEST(who_shares_waits_for_no_flight_that_does_not_land)
{
	struct probe slow = probe(0, wait_in_line, CALL_READ | CALL_SHARES), quick = probe(2, look_up, CALL_READ | CALL_SHARES), many[20];
	struct engine_conf c;

	engine_close(with_rows(t, &c, 3));
	c.pool = 2;
	c.statement_ms = 120000;
	struct engine *g = t_db_engine(&c);
	shut_line(t);
	submit(g, &slow);
	see_one_in_line(t);
	run(g, &quick);
	for (size_t i = 0; i < COUNT(many); i++) {
		many[i] = probe(1, look_up, CALL_READ | CALL_SHARES);
		submit(g, &many[i]);
	}
	for (size_t i = 0; i < COUNT(many); i++) {
		wait_for(&many[i]);
		CHECK(many[i].code == OK && many[i].seen == 1);
	}
	CHECK(quick.code == OK && quick.seen == 2);
	CHECK_INT(slow.dones, ==, 0);
	open_line(t);
	wait_for(&slow);
	CHECK_OK(slow.e, slow.code);
	engine_close(g);
}

/* The server sends what fills its buffer, and the rest at the end of the flight. */
DB_TEST(who_has_an_answer_does_not_wait_for_the_rest_of_its_flight)
{
	struct probe p[] = { probe(20000, look_at_much, CALL_READ), probe(3, look_up, CALL_READ), probe(20000, look_at_much, CALL_READ),
		probe(0, wait_in_line, CALL_READ), probe(1, look_up, CALL_READ) };
	struct engine_conf c;

	if (!t->pg)
		return;
	engine_close(with_rows(t, &c, 3));
	c.statement_ms = 120000;
	struct engine *g = t_db_engine(&c);
	shut_line(t);
	submit_at_once(g, p, COUNT(p));
	wait_for(&p[0]);
	see_one_in_line(t);
	CHECK(p[0].code == OK && p[0].seen == 20000);
	CHECK(p[3].dones == 0 && p[4].dones == 0);
	open_line(t);
	for (size_t i = 0; i < COUNT(p); i++) {
		wait_for(&p[i]);
		CHECK(p[i].code == OK && p[i].dones == 1 && p[i].c.trips == 1);
	}
	CHECK(p[1].seen == 3 && p[2].seen == 20000 && p[4].seen == 1);
	engine_close(g);
}

/* --- a server that says nothing --- */

static int
backend(struct t_db *t)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT max(pid) FROM pg_stat_activity WHERE application_name = '%s' AND pid <> pg_backend_pid()", t->schema);
	return (int)t_db_count(t, sql);
}

PG_TEST(a_silent_server_is_left_in_seconds)
{
	struct probe read = probe(1, look_up, CALL_READ), write = probe(9, write_it, 0), later = probe(2, look_up, CALL_READ), last = probe(3, look_up, CALL_READ);
	struct engine_conf c;
	struct engine_stats st;

	struct engine *g = with_rows(t, &c, 3);
	int first = backend(t);
	int64_t began = sys_mono_us(&sys_clock_real);
	CHECK(kill(first, SIGSTOP) == 0);
	run(g, &read);
	CHECK_INT(read.code, ==, E_STORAGE);
	CHECK(strstr(read.e.detail, "does not answer") != NULL);
	run(g, &later);				/* on another connection */
	CHECK(later.code == OK && later.seen == 2);
	int second = backend(t);
	CHECK(kill(second, SIGSTOP) == 0);
	run(g, &write);				/* INSERT and COMMIT were one flight: nobody knows */
	CHECK_INT(write.code, ==, E_UNCERTAIN);
	CHECK(write.runs == 1 && write.dones == 1);
	CHECK_INT(sys_mono_us(&sys_clock_real) - began, <, 60000000);
	run(g, &last);
	CHECK(last.code == OK && last.seen == 3);
	CHECK(kill(first, SIGCONT) == 0 && kill(second, SIGCONT) == 0);
	engine_stats(g, &st);
	CHECK_INT(st.reconnects, ==, 2);
	engine_close(g);
}

/* As when an operator cancels it: it stands on this server, and perhaps on no other. */
PG_TEST(a_commit_of_which_the_server_warns_is_uncertain)
{
	struct probe write = probe(9, write_it, 0), read = probe(9, look_up, CALL_READ), next = probe(10, write_it, 0);
	struct engine_conf c;

	struct engine *g = with_rows(t, &c, 3);
	t_db_script(t, "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'it stands here'; RETURN NULL; END $$;"
	    " CREATE CONSTRAINT TRIGGER warns AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id = 9) EXECUTE FUNCTION warn()");
	run(g, &write);
	CHECK_INT(write.code, ==, E_UNCERTAIN);
	CHECK(write.runs == 1 && write.dones == 1);
	run(g, &read);
	CHECK(read.code == OK && read.seen == 9);
	run(g, &next);
	CHECK_INT(next.code, ==, OK);
	engine_close(g);
}

/* --- a replica --- */

/* The server itself stands in for one, and is not believed: it follows nobody, and may have been promoted beside the primary. */
PG_TEST(a_read_sees_the_write_whose_position_it_names)
{
	struct probe write = probe(7, write_it, 0), read = probe(7, look_up, CALL_READ | CALL_REPLICA), twice = probe(7, look_twice, CALL_READ | CALL_REPLICA);
	struct engine_stats st;
	struct engine_conf c;

	struct engine *g = with_rows(t, &c, 3);
	engine_close(g);
	t_db_script(t, "CREATE TABLE replica_gate (id {i64} NOT NULL PRIMARY KEY, floor {i64} NOT NULL); INSERT INTO replica_gate (id, floor) VALUES (1, 0)");
	c.pg_read = c.pg_uri;
	g = t_db_engine(&c);
	run(g, &write);
	CHECK(write.code == OK && write.c.lsn > 0);
	CHECK_INT(write.c.trips, ==, 1);		/* the position costs none */
	read.c.since = twice.c.since = write.c.lsn;
	for (int i = 0; i < 100; i++) {		/* the replica's connection comes meanwhile */
		read.dones = 0;
		run(g, &read);
		CHECK(read.code == OK && read.seen == 7);
	}
	run(g, &twice);
	CHECK(twice.code == OK && twice.seen == 7 + 2);
	engine_stats(g, &st);
	CHECK(st.of_replica == 0 && st.of_primary >= 101);
	engine_close(g);
}

/* --- nobody waits for ever --- */

struct crowd { struct call c; struct engine *g; enum err (*run)(struct call *, struct db *, struct error *); int64_t runs; };
static _Atomic bool over;
static _Atomic int living;

static enum err
run_again(struct call *c, struct db *db, struct error *e)
{
	struct probe p = { .id = 1 };
	return ((struct crowd *)c)->run(&p.c, db, e);
}

/* Somebody who asks again as soon as there is an answer. */
static void
done_again(struct call *c, enum err code, const struct error *why)
{
	struct crowd *w = (struct crowd *)c;
	struct error e;

	(void)code, (void)why;
	w->runs++;
	if (over || engine_submit(w->g, c, &e) != OK)
		living--;
}

static enum err
dawdle(struct call *c, struct db *db, struct error *e)
{
	bool any;

	(void)c;
	return db_any(db, sleep_ms, &any, e, V(20));
}

/* What one call takes beside a crowd of another kind: each has its turn. */
static void
beside(struct t_db *t, int pool, unsigned flags, enum err (*run_crowd)(struct call *, struct db *, struct error *), struct probe p)
{
	static struct crowd crowd[600];
	struct engine_conf c = t_db_conf(t);

	c.pool = pool;
	c.deadline_us = 60000000;
	struct engine *g = t_db_engine(&c);
	over = false;
	for (size_t i = 0; i < COUNT(crowd); i++, living++) {
		struct error e;
		crowd[i] = (struct crowd){ .c = { .run = run_again, .done = done_again, .flags = flags }, .g = g, .run = run_crowd };
		CHECK_OK(e, engine_submit(g, &crowd[i].c, &e));
	}
	int64_t began = sys_mono_us(&sys_clock_real);
	run(g, &p);
	int64_t took = sys_mono_us(&sys_clock_real) - began;
	over = true;
	engine_close(g);
	CHECK_OK(p.e, p.code);
	CHECK_INT(took, <, 60000000);		/* who has no turn waits as long as the crowd comes, and that is until he had it */
	CHECK_INT(living, ==, 0);
}

PG_TEST(a_write_gets_through_a_crowd_of_reads)
{	t_db_script(t, tables);
	beside(t, 4, CALL_READ, look_up, probe(9, write_it, 0));
}

PG_TEST(a_write_gets_through_a_crowd_of_snapshots)
{	t_db_script(t, tables);
	beside(t, 4, CALL_READ, look_twice, probe(9, write_it, 0));
}

PG_TEST(a_read_gets_through_a_crowd_of_writes)
{	t_db_script(t, tables);
	beside(t, 4, 0, dawdle, probe(1, look_up, CALL_READ));
	beside(t, 4, 0, dawdle, probe(1, look_twice, CALL_READ));
	beside(t, 1, 0, dawdle, probe(1, look_twice, CALL_READ));
}

PG_TEST(a_read_gets_through_a_crowd_of_snapshots)
{	t_db_script(t, tables);
	beside(t, 2, CALL_READ, look_twice, probe(1, look_up, CALL_READ));
	beside(t, 1, CALL_READ, look_twice, probe(1, look_up, CALL_READ));
}
