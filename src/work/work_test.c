#include "model/client.h"
#include "model/invitation.h"
#include "model/mcp_session.h"
#include "model/person.h"
#include "model/session.h"
#include "t_provider.h"
#include "t_work.h"

/* Jobs in the hands of real workers; what they do in one transaction is in step_test.c. */

static struct work_stats
stats(struct t_house *h)
{
	struct work_stats st;

	work_stats(h->work, &st);
	return st;
}

static int
status_of(struct t_house *h, job_id id)
{
	struct job j;

	t_get_job(h, id, &j);
	return j.status;
}

/* --- waits: told by whom they wake --- */

struct sleeper { struct work_wait w; _Atomic int woken; };

static void
wake(struct work_wait *w)
{
	atomic_fetch_add(&((struct sleeper *)w)->woken, 1);
}

static void
sleep_for(struct t_house *h, struct sleeper *s, job_id job, int64_t ms)
{
	*s = (struct sleeper){ .w = { .job = job, .deadline_us = (t_now(h) + ms) * 1000, .wake = wake } };
	work_wait(h->work, &s->w);
}

/* The keeper goes through its duties, then wakes what has run out: after the second time it has gone through all of them
 * at the time it is now. */
static void
settle(struct t_house *h)
{
	struct sleeper s;

	for (int i = 0; i < 2; i++) {
		sleep_for(h, &s, (job_id){ sys_ulid(&h->clock.c) }, 0);
		T_UNTIL(s.woken == 1);
	}
}

DB_TEST(a_wait_ends_with_its_job)
{
	struct sleeper early, twin, other, late;
	struct t_house h;

	t_house_open(&h, t, T_HANDS, "");
	settle(&h);
	job_id id = t_job(&h, JT_NOOP, "{}", 0);
	sleep_for(&h, &early, id, 25000);
	sleep_for(&h, &twin, id, 25000);
	sleep_for(&h, &other, (job_id){ sys_ulid(&h.clock.c) }, 25000);
	work_wake(h.work);
	T_UNTIL(early.woken == 1 && twin.woken == 1);
	CHECK_INT(status_of(&h, id), ==, JS_DONE);	/* woken after the commit, not before */
	sleep_for(&h, &late, id, 25000);		/* it came when the job had ended */
	CHECK_INT(late.woken, ==, 1);
	CHECK_INT(other.woken, ==, 0);
	t_house_close(&h);
	CHECK_INT(other.woken, ==, 1);			/* by the end of the work */
	CHECK_INT(early.woken + twin.woken + late.woken, ==, 3);
}

DB_TEST(a_wait_ends_at_its_deadline_and_when_it_is_let_go)
{
	struct sleeper first, second, after;
	struct t_house h;

	t_house_open(&h, t, T_HANDS, "");
	settle(&h);
	sleep_for(&h, &first, (job_id){ sys_ulid(&h.clock.c) }, 2000);
	sleep_for(&h, &second, (job_id){ sys_ulid(&h.clock.c) }, 3000);
	t_move(&h, 1999);
	settle(&h);
	CHECK_INT(first.woken, ==, 0);
	t_move(&h, 1);
	T_UNTIL(first.woken == 1);
	CHECK_INT(second.woken, ==, 0);
	work_release(h.work);
	CHECK_INT(second.woken, ==, 1);
	sleep_for(&h, &after, (job_id){ sys_ulid(&h.clock.c) }, 3000);
	CHECK_INT(after.woken, ==, 1);
	t_house_close(&h);
	CHECK_INT(first.woken + second.woken + after.woken, ==, 3);
}

/* Of one chain, for they are found by the random end of their ids. */
DB_TEST(every_job_that_is_waited_for_is_asked_about_once)
{
	static struct sleeper s[100], twin[100];
	struct waited from = { 0 };
	struct job_key some[JOBS_ASKED];
	int n, met = 0;
	struct t_house h;

	t_house_open(&h, t, 0, "");
	for (int i = 0; i < 100; i++) {
		job_id id = { sys_ulid(&h.clock.c) };
		memset(id.u.s + 18, '0', 8);
		id.u.s[16] = (char)('A' + i % 10);
		id.u.s[17] = (char)('A' + i / 10);
		sleep_for(&h, &s[i], id, 25000);
		sleep_for(&h, &twin[i], id, 25000);
	}
	while ((n = board_waited(h.work->board, &from, some, JOBS_ASKED)) != 0) {
		for (int k = 0; k < n; k++, met++)
			board_gone(h.work->board, &some[k].id);		/* while they are gone through */
		CHECK_INT(met, <=, 100);
	}
	CHECK_INT(met, ==, 100);
	for (int i = 0; i < 100; i++)
		CHECK(s[i].woken == 1 && twin[i].woken == 1);
	t_house_close(&h);
}

/* --- a database that hangs --- */

SQL_PG(0, hang, "t.hang", "SELECT pg_sleep(3)::text WHERE $1 = 0");

static enum err
run_hang(struct call *c, struct db *db, struct error *e)
{
	bool any;

	(void)c;
	return db_any(db, hang, &any, e, V(0));
}

static _Atomic int hanging;
static void done_hang(struct call *c, enum err code, const struct error *why) { (void)c, (void)code, (void)why; hanging--; }

PG_TEST(a_wait_ends_at_its_deadline_though_the_database_hangs)
{
	struct call all[8];
	struct sleeper s;
	struct t_house h;
	struct error e;

	t_house_open(&h, t, T_HANDS, "");
	settle(&h);
	for (size_t i = 0; i < COUNT(all); i++, hanging++) {
		all[i] = (struct call){ .run = run_hang, .done = done_hang };
		CHECK_OK(e, engine_submit(h.engine, &all[i], &e));
	}
	sleep_for(&h, &s, (job_id){ sys_ulid(&h.clock.c) }, 2000);
	for (int i = 0; i < 100; i++)
		t_pause();			/* the keeper, too, stands before the database now */
	t_move(&h, 2500);
	T_UNTIL(s.woken == 1);
	CHECK_INT(hanging, ==, COUNT(all));
	T_UNTIL(hanging == 0);
	t_house_close(&h);
	CHECK_INT(s.woken, ==, 1);
}

DB_TEST(a_wait_ends_when_its_job_is_cancelled)
{
	struct sleeper s, late;
	struct t_house h;

	t_house_open(&h, t, 0, "");
	job_id id = t_job(&h, JT_NOOP, "{}", 0);
	sleep_for(&h, &s, id, 25000);
	work_gone(h.work, &id);
	CHECK_INT(s.woken, ==, 1);
	sleep_for(&h, &late, id, 25000);
	CHECK_INT(late.woken, ==, 1);
	t_house_close(&h);
}

DB_TEST(a_wait_ends_when_its_job_was_lost_for_the_last_time)
{
	struct sleeper s;
	struct t_house h;
	struct run r;
	struct error e;
	bool took;
	int n;

	t_house_open(&h, t, 0, "lease=1000 job_lost_leases=1");
	job_id id = t_job(&h, JT_NOOP, "{}", 0);
	t_run_init(&h, &r);
	CHECK_OK(e, t_step(&h, &r, &took, &e));
	sleep_for(&h, &s, id, 25000);
	t_move(&h, 1001);
	CHECK_OK(e, step_lost(h.work, t_now(&h), &n, &e));
	CHECK_INT(s.woken, ==, 1);
	CHECK_INT(status_of(&h, id), ==, JS_FAILED);
	t_run_free(&r);
	t_house_close(&h);
}

/* --- many --- */

DB_TEST(each_of_many_jobs_runs_once)
{
	enum { MANY = 200 };
	struct t_house h;

	t_house_open(&h, t, T_HANDS, "workers=4");
	for (int i = 0; i < MANY; i++) {
		t_job(&h, JT_NOOP, "{}", 0);
		work_wake(h.work);
	}
	T_UNTIL(stats(&h).ended[JT_NOOP][JS_DONE] == MANY);
	struct work_stats st = stats(&h);
	CHECK_INT(st.starts, ==, MANY);
	CHECK_INT(st.running, ==, 0);
	CHECK_INT(st.lost, ==, 0);
	CHECK_INT(t_count(&h, "job WHERE status = 'DONE' AND attempts = 1"), ==, MANY);
	CHECK_INT(t_count(&h, "event"), ==, MANY);
	t_house_close(&h);
}

/* A wake-up that nobody published is made up for by the look every job_poll. */
DB_TEST(a_job_is_found_without_a_wake_up)
{
	struct t_house h;

	t_house_open(&h, t, T_HANDS, "job_poll=10");
	settle(&h);
	job_id id = t_job(&h, JT_NOOP, "{}", 0);
	t_move(&h, 10);
	T_UNTIL(status_of(&h, id) == JS_DONE);
	t_house_close(&h);
}

/* --- cancel against claim --- */

struct cancel { struct t_house *h; job_id id; int64_t reserved; struct job j; enum err code; pthread_barrier_t *go; };

static enum err
cancel_run(void *ctx, struct db *db, struct error *e)
{
	struct cancel *c = ctx;
	struct arena a;

	arena_init(&a, 1 << 16);
	enum err code = job_cancel(db, &a, c->h->ws, c->id, t_now(c->h), &c->j, &c->reserved, e);
	if (code == OK)
		code = spend_settle(db, c->h->ws, ulid_ms(&c->id.u), c->reserved, 0, e);
	arena_free(&a);
	return code;
}

static void *
canceller(void *arg)
{
	struct cancel *c = arg;
	struct error e;

	pthread_barrier_wait(c->go);
	c->code = engine_wait(c->h->engine, cancel_run, c, &e);
	return NULL;
}

static int
race(struct t_house *h)
{
	pthread_barrier_t go;
	struct cancel c = { .h = h, .id = t_job(h, JT_NOOP, "{}", 5), .go = &go };
	pthread_t thread;

	pthread_barrier_init(&go, NULL, 2);
	pthread_create(&thread, NULL, canceller, &c);
	pthread_barrier_wait(&go);
	work_wake(h->work);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&go);
	T_UNTIL(status_of(h, c.id) == (c.code == OK ? JS_CANCELLED : JS_DONE));
	if (c.code != OK)
		CHECK_ERR(c.code, E_NOT_CANCELLABLE);
	return c.code == OK;
}

DB_TEST(a_cancel_and_a_claim_have_one_winner)
{
	enum { ROUNDS = 100 };
	struct t_house h;
	int cancelled = 0;

	t_house_open(&h, t, T_HANDS, "");
	for (int i = 0; i < ROUNDS; i++)
		cancelled += race(&h);
	printf("# %d of %d cancelled\n", cancelled, ROUNDS);
	T_UNTIL(stats(&h).running == 0);
	CHECK_INT(t_count(&h, "job WHERE status = 'DONE'"), ==, ROUNDS - cancelled);
	CHECK_INT(t_count(&h, "event"), ==, ROUNDS - cancelled);
	CHECK_INT(t_count(&h, "job WHERE status = 'CANCELLED' AND attempts = 0"), ==, cancelled);
	CHECK_INT(t_tally(&h).reserved, ==, 0);
	t_house_close(&h);
}

/* --- the end, and what is found at the next start --- */

static void
open_mute(struct t_house *h, struct t_db *t, unsigned flags, const char *more)
{
	char sets[300];

	snprintf(sets, sizeof(sets), "writer=openai openai_url=http://127.0.0.1:%d/mute/v1 openai_stall=600000 openai_total=3600000 %s",
	    provider_port(), more);
	t_house_open(h, t, flags, sets);
}

DB_TEST(a_shutdown_gives_running_jobs_back_uncounted)
{
	struct t_house h;
	struct job j;

	open_mute(&h, t, T_HANDS, "");
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 5);
	work_wake(h.work);
	T_UNTIL(stats(&h).running == 1);
	CHECK_INT(status_of(&h, id), ==, JS_RUNNING);
	t_work_close(&h);
	t_get_job(&h, id, &j);
	CHECK_INT(j.status, ==, JS_QUEUED);
	CHECK_INT(j.attempts, ==, 0);
	CHECK_INT(t_count(&h, "job WHERE lost_leases = 0 AND worker IS NULL AND lease_until IS NULL"), ==, 1);
	CHECK_INT(t_tally(&h).reserved, ==, 5);
	h.conf.writer = 0;
	t_work_open(&h, T_HANDS);			/* the next one does it */
	T_UNTIL(status_of(&h, id) == JS_DONE);
	t_get_job(&h, id, &j);
	CHECK_INT(j.attempts, ==, 1);
	t_house_close(&h);
}

/* What a killed server held: the embedded one takes it back at its start, others when the lease has ended. */
DB_TEST(a_start_takes_back_what_a_dead_worker_held)
{
	struct t_house h;
	struct run r;
	struct error e;
	struct job j;
	bool took;

	t_house_open(&h, t, 0, "lease=1000 job_poll=10");
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 0);
	t_run_init(&h, &r);
	CHECK_OK(e, t_step(&h, &r, &took, &e));
	CHECK(took);
	t_run_free(&r);
	t_work_close(&h);
	t_work_open(&h, T_HANDS);
	if (T_PG(&h)) {
		settle(&h);
		CHECK_INT(status_of(&h, id), ==, JS_RUNNING);
		t_move(&h, 1001);
	}
	T_UNTIL(status_of(&h, id) == JS_DONE);
	t_get_job(&h, id, &j);
	CHECK_INT(j.attempts, ==, 2);
	CHECK_INT(t_count(&h, "post"), ==, 1);
	t_house_close(&h);
}

/* --- leases --- */

DB_TEST(a_job_that_runs_keeps_its_lease)
{
	struct t_house h;

	open_mute(&h, t, T_HANDS, "lease=3000 heartbeat=1000 job_poll=10");
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 0);
	work_wake(h.work);
	T_UNTIL(stats(&h).running == 1);
	for (int i = 0; i < 10; i++) {
		t_move(&h, 1000);
		settle(&h);
	}
	CHECK_INT(status_of(&h, id), ==, JS_RUNNING);
	CHECK_INT(stats(&h).lost, ==, 0);
	CHECK_INT(t_count(&h, "job WHERE attempts = 1 AND lost_leases = 0"), ==, 1);
	t_house_close(&h);
}

/* A little later, and the keeper has seen it. */
static void
tick(struct t_house *h)
{
	t_move(h, 500);
	settle(h);
}

/* The answer to the commit of a claim is lost: nobody knows of that job, and it comes back although its server is busy.
 * (The commit may be that of a look that finds nothing: then once more.) */
DB_TEST(a_claim_that_nobody_knows_of_comes_back)
{
	struct t_house h;
	struct job j = { .attempts = 0 };
	int tries = 0;

	open_mute(&h, t, T_HANDS | T_FAULTS, "lease=3000 heartbeat=1000 job_poll=10");
	t_job(&h, JT_POST_GENERATION, NULL, 0);
	work_wake(h.work);
	T_UNTIL(stats(&h).running == 1);
	for (; tries < 20 && j.attempts != 2; tries++) {
		settle(&h);
		job_id id = t_job(&h, JT_NOOP, "{}", 0);
		t_break(&h, DB_FAULT_COMMIT_AFTER, 1, false);
		work_wake(h.work);
		T_UNTIL((tick(&h), status_of(&h, id) == JS_DONE));
		CHECK(t_mend(&h));
		t_get_job(&h, id, &j);
	}
	CHECK_INT(j.attempts, ==, 2);
	CHECK_INT(t_count(&h, "event"), ==, tries);
	CHECK_INT(t_count(&h, "job WHERE status = 'RUNNING' AND attempts = 1"), ==, 1);
	t_house_close(&h);
}

/* The lease of a job is taken away while it runs: the worker lets go of it and goes on with others. */
/* Lines of the house's log that hold that. */
static int
logged(struct t_house *h, const char *what)
{
	char line[4096];
	int n = 0;
	FILE *f = fopen(h->log_path, "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, what) != NULL;
	if (f != NULL)
		fclose(f);
	return n;
}

static int64_t
refusals(struct t_house *h)
{
	struct engine_stats st;

	engine_stats(h->engine, &st);
	return st.failed;
}

DB_TEST(a_database_that_refuses_is_a_line_in_the_log_and_one_when_it_is_over)
{
	struct t_house h;

	t_house_open(&h, t, T_HANDS | T_FAULTS, "workers=4 log_level=info");
	settle(&h);
	t_break(&h, DB_FAULT_CALL, 1, true);
	int64_t before = refusals(&h);
	for (int64_t until = sys_mono_us(&sys_clock_real) + 30000000; refusals(&h) < before + 12 && sys_mono_us(&sys_clock_real) < until; t_pause())
		work_wake(h.work);
	CHECK_INT(refusals(&h), >=, before + 12);
	CHECK(t_mend(&h));
	job_id id = t_job(&h, JT_NOOP, "{}", 0);
	work_wake(h.work);
	T_UNTIL(status_of(&h, id) == JS_DONE);
	T_UNTIL(logged(&h, "event=job msg=\"the database does it again\"") == 1);
	CHECK_INT(logged(&h, "event=job msg=\"the database refuses"), ==, 1);
	t_house_close(&h);
}

DB_TEST(a_worker_survives_the_loss_of_its_job)
{
	struct t_house h;
	struct error e;
	int n;

	open_mute(&h, t, T_HANDS, "workers=1 openai_total=200 lease=1000 heartbeat=3600000 log_level=info");
	settle(&h);
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 0);
	work_wake(h.work);
	T_UNTIL(stats(&h).running == 1);
	CHECK_OK(e, step_lost(h.work, INT64_MAX, &n, &e));
	CHECK_INT(n, ==, 1);
	CHECK_INT(stats(&h).lost, ==, 1);
	h.conf.writer = 0;
	t_move(&h, 200);				/* the provider was too slow; whoever takes it next writes it here */
	T_UNTIL(status_of(&h, id) == JS_DONE);
	CHECK_INT(stats(&h).lost, ==, 2);
	T_UNTIL(stats(&h).running == 0);
	CHECK_INT(t_count(&h, "post"), ==, 1);
	t_work_close(&h);
	T_UNTIL(logged(&h, "end=done attempt=2"));	/* what became of it is said once that stands */
	CHECK(logged(&h, "end=lost attempt=1"));
	CHECK(!logged(&h, "end=again"));
	t_house_close(&h);
}

/* Their steps go together where that pays; a transaction that fails or whose commit is not known is nobody's loss and nobody's double. */
DB_TEST(many_workers_end_each_job_once_whatever_the_database_does)
{
	static const enum db_fault_kind kinds[] = { DB_FAULT_CALL, DB_FAULT_COMMIT_BEFORE, DB_FAULT_COMMIT_AFTER };
	enum { JOBS = 60 };
	struct t_house h;

	t_house_open(&h, t, T_HANDS | T_FAULTS, "workers=8 lease=2000 log_level=error");
	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < JOBS; i++)
			t_job(&h, JT_NOOP, "{}", 0);
		t_break(&h, kinds[round % 3], 1 + round, false);
		work_wake(h.work);
		int64_t all = (round + 1) * JOBS;
		T_UNTIL((t_move(&h, 20), t_count(&h, "job WHERE status = 'DONE'")) == all);
		t_mend(&h);
		CHECK_INT(t_count(&h, "event WHERE type = 'job.completed'"), ==, all);
	}
	CHECK_INT(t_count(&h, "job WHERE attempts < 1 OR status <> 'DONE' OR completed_at IS NULL OR started_at IS NULL"), ==, 0);
	t_house_close(&h);
}

/* --- what else the keeper and the board do --- */

DB_TEST(finished_jobs_and_old_events_go)
{
	struct t_house h;

	t_house_open(&h, t, T_HANDS, "keep_jobs=30 keep_events=30 clean_interval=60");
	for (int i = 0; i < 3; i++)
		t_job(&h, JT_NOOP, "{}", 0);
	work_wake(h.work);
	T_UNTIL(stats(&h).ended[JT_NOOP][JS_DONE] == 3);
	settle(&h);
	t_move(&h, 29 * DAY_MS);
	settle(&h);
	CHECK_INT(t_count(&h, "job"), ==, 3);
	CHECK_INT(t_count(&h, "event"), ==, 3);
	t_move(&h, DAY_MS + 60000);
	if (t->pg)	/* there they go with the whole of their partition, which began today and holds what a clock of before says */
		t_move(&h, sys_wall_ms(&sys_clock_real) - sys_wall_ms(&h.clock.c) + 100 * DAY_MS);
	T_UNTIL((t_move(&h, 1000), t_count(&h, "job") == 0 && t_count(&h, "event") == 0));	/* a lock that is not had is tried for again */
	t_house_close(&h);
}

/* One of each, and more sessions than go at a time. */
static enum err
put_people(void *ctx, struct db *db, struct error *e)
{
	enum { SESSIONS = 47 };
	const struct t_house *h = ctx;
	struct person_create ada = { S("ada@example.com"), S("Ada"), ROLE_ADMIN };
	struct client c = { .id = { t_ulid(1, 1) }, .name = S("x"), .redirects = S("[]"), .metadata = S("{}"), .created_at = t_now(h), .fresh_until = TIME_NONE,
	    .consented_at = TIME_NONE };
	struct invitation i = { .id = { t_ulid(1, 2) }, .workspace = h->ws, .email = S("i@example.com"), .name = S("i"), .role = ROLE_CLIENT, .invited_by = S("x"),
	    .expires_at = t_now(h) + INVITATION_MS };
	struct mcp_session m = { .version = S("2025-11-25"), .client = S("{}"), .log_level = S("info"), .subscriptions = S("[]"), .began_at = t_now(h) };
	struct person p;

	for (int ben = 0; ben < 2; ben++) {
		ada.email = ben ? S("ben@example.com") : ada.email;
		TRY(person_join(db, &((struct t_house *)ctx)->a, h->ws, &ada, (person_id){ t_ulid(2, ben) }, &p, e));
		for (int n = 0; n < SESSIONS; n++) {
			int number = ben * SESSIONS + n;
			struct session s = { .hash = crypto_sha256((str){ (const char *)&number, sizeof(number) }), .person = p.id, .began_at = t_now(h), .ip = S("") };
			TRY(session_insert(db, &s, e));
		}
	}
	TRY(client_insert(db, &c, e));
	TRY(mcp_session_insert(db, &m, e));
	return invitation_insert(db, &i, &m.hash, e);
}

DB_TEST(what_people_left_behind_goes_when_it_is_over)
{
	static const struct { int days; const char *gone; } row[] = {
		{ 2, "mcp_session" }, { 6, "invitation" }, { 7, "session" }, { 16, "oauth_client" },
	};
	struct t_house h;

	t_house_open(&h, t, T_HANDS, "clean_interval=60");
	t_write(&h, put_people, &h);
	CHECK_INT(t_count(&h, "session"), ==, 94);
	for (size_t i = 0; i < COUNT(row); i++) {
		settle(&h);			/* the keeper rests: the next move is behind what it has begun */
		for (size_t k = i; k < COUNT(row); k++)
			CHECK_INT(t_count(&h, row[k].gone), >=, 1);
		t_move(&h, row[i].days * DAY_MS);
		T_UNTIL(t_count(&h, row[i].gone) == 0);
	}
	t_house_close(&h);
}

DB_TEST(a_type_that_this_server_does_not_know_fails)
{
	struct t_house h;
	struct job j;

	t_house_open(&h, t, T_HANDS, "");
	job_id id = t_job(&h, JT_KB_INGEST_URL, "{}", 0);
	work_wake(h.work);
	T_UNTIL(status_of(&h, id) == JS_FAILED);
	t_get_job(&h, id, &j);
	CHECK_STR(j.error_code, S("internal_error"));
	t_house_close(&h);
}

DB_TEST(an_estimate_is_the_median_from_the_fifth_on)
{
	static const int64_t took[] = { 900, 100, 500, 300, 700 };
	struct t_house h;
	struct job j;

	t_house_open(&h, t, 0, "");
	for (size_t i = 0; i < COUNT(took); i++) {
		rec_init(&job_rec, &j);
		j.type = JT_NOOP;
		work_snapshot(h.work, &h.a, &j);
		CHECK(j.estimated_ms == INT_NONE);
		board_duration(h.work->board, JT_NOOP, took[i]);
	}
	work_snapshot(h.work, &h.a, &j);
	CHECK_INT(j.estimated_ms, ==, 500);
	for (int i = 0; i < 50; i++)
		board_duration(h.work->board, JT_NOOP, 40);	/* only the last 50 count */
	work_snapshot(h.work, &h.a, &j);
	CHECK_INT(j.estimated_ms, ==, 40);
	t_house_close(&h);
}

DB_TEST(progress_of_what_is_done_is_whole)
{
	struct t_house h;
	struct job j = { .type = JT_NOOP, .status = JS_RUNNING };

	t_house_open(&h, t, 0, "");
	j.id = (job_id){ sys_ulid(&h.clock.c) };
	board_progress(h.work->board, &(struct job_key){ h.ws, j.id }, 0.93, "looking for topics");
	work_snapshot(h.work, &h.a, &j);
	CHECK_STR(j.progress.message, S("looking for topics"));
	j.status = JS_DONE;
	work_snapshot(h.work, &h.a, &j);
	CHECK(j.progress.progress == 1);
	CHECK_STR(j.progress.message, S("done"));
	t_house_close(&h);
}

DB_TEST(progress_lives_an_hour)
{
	struct t_house h;
	struct job j = { .type = JT_NOOP };

	t_house_open(&h, t, 0, "");
	j.id = (job_id){ sys_ulid(&h.clock.c) };
	board_progress(h.work->board, &(struct job_key){ h.ws, j.id }, 0.5, "writing");
	t_move(&h, 3599999);
	work_snapshot(h.work, &h.a, &j);
	CHECK_STR(j.progress.message, S("writing"));
	j.progress = (struct job_progress){ 0 };
	t_move(&h, 1);
	work_snapshot(h.work, &h.a, &j);
	CHECK(j.progress.message.p == NULL);
	t_house_close(&h);
}

/* A wait that shows steps has them brought here; for another one nobody looks. */
PG_TEST(steps_of_another_node_are_brought_to_who_shows_them)
{
	struct sleeper waits = { .w = { .wake = wake, .deadline_us = INT64_MAX } }, shows = { .w = { .wake = wake, .deadline_us = INT64_MAX, .follows = true } };
	struct t_house h;
	struct job j;

	t_house_open(&h, t, T_HANDS, "");
	struct work *other = work_idle(&h.work->c);
	struct run r = { .w = other, .task = { .workspace = h.ws, .id = { sys_ulid(&h.clock.c) } } }, s = r;
	s.task.id = (job_id){ sys_ulid(&h.clock.c) };
	shows.w.workspace = waits.w.workspace = h.ws;
	waits.w.job = s.task.id;
	work_wait(h.work, &waits.w);
	run_progress(&s, 0.25, "writing");
	T_UNTIL(t_count(&h, "job_progress") == 1);
	shows.w.job = r.task.id;
	work_wait(h.work, &shows.w);
	run_progress(&r, 0.25, "reading");
	T_UNTIL((t_move(&h, 100), j = (struct job){ .id = r.task.id, .progress.updated_at = TIME_NONE }, work_snapshot(h.work, &h.a, &j),
	    j.progress.updated_at != TIME_NONE));
	CHECK_STR(j.progress.message, S("reading"));
	CHECK(j.progress.progress == 0.25);
	j = (struct job){ .id = s.task.id, .progress.updated_at = TIME_NONE };
	work_snapshot(h.work, &h.a, &j);
	CHECK_INT(j.progress.updated_at, ==, TIME_NONE);
	work_release(h.work);
	CHECK(waits.woken == 1 && shows.woken == 1);
	work_close(other);
	t_house_close(&h);
}

/* Another node is told that there is more only of jobs that somebody follows. */
DB_TEST(a_job_is_followed_from_the_word_on)
{
	struct sys_clock_test clock;

	(void)t;
	sys_clock_test_init(&clock, 1000000);
	struct board *b = board_new(&clock.c);
	struct job_key k = { .id = { sys_ulid(&clock.c) } }, other = { .id = { sys_ulid(&clock.c) } };

	CHECK(!board_followed(b, &k.id) && !board_follow(b, &k.id) && board_followed(b, &k.id) && !board_followed(b, &other.id));
	board_progress(b, &k, 0.5, "writing");
	CHECK(board_follow(b, &k.id));
	board_heard(b, &k, &(struct job_progress){ 0.4, 0, S("older") });
	struct job j = { .id = k.id, .progress.updated_at = TIME_NONE };
	struct arena a;
	arena_init(&a, 1 << 16);
	board_snapshot(b, &a, &j);
	CHECK_STR(j.progress.message, S("writing"));
	arena_free(&a);
	board_free(b);
}

PG_TEST(progress_is_seen_by_other_nodes)
{
	struct t_house h;
	struct job j;

	t_house_open(&h, t, 0, "");
	struct work *other = work_idle(&h.work->c);
	struct run r = { .w = h.work, .task = { .workspace = h.ws, .id = t_job(&h, JT_NOOP, NULL, 0) } };
	run_progress(&r, 0.25, "reading");
	T_UNTIL((t_get_job(&h, r.task.id, &j), j.progress.updated_at != TIME_NONE));
	run_progress(&r, 0.5, "writing");		/* too early for another word, which the keeper brings */
	t_move(&h, 100);
	T_UNTIL((tell_progress(h.work), t_get_job(&h, r.task.id, &j), j.progress.progress == 0.5));
	work_snapshot(other, &h.a, &j);
	CHECK_STR(j.progress.message, S("writing"));
	CHECK_INT(t_count(&h, "job_progress"), ==, 1);
	t_move(&h, 3600000);
	work_snapshot(other, &h.a, &j);
	CHECK_INT(j.progress.updated_at, ==, TIME_NONE);
	work_close(other);
	t_house_close(&h);
}
