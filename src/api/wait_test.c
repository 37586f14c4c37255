#include "t_app.h"
#include <semaphore.h>

/* wait_for_completion_ms: parked connections hold no thread, and wake at the end of their job, at their deadline, at a
 * cancel, and at a shutdown. */

enum { MANY = 40 };

static const char *
generation(struct t_app *a, int wait_ms)
{
	return t_fmt(a, "{\"projectId\":\"%s\",\"source\":{\"text\":\"We changed one form. Calls fell by half.\"},\"wait_for_completion_ms\":%d}",
	    a->project, wait_ms);
}

static int64_t
queued(struct t_app *a)
{
	return t_count(&a->h, "job WHERE status = 'QUEUED'");
}

/* Where one connection writes, what was committed before this has been told to those who wait for it. */
static void
settle(struct t_app *a)
{
	CHECK_INT(t_call(a, "POST", "/v1/jobs/job_x/cancel", NULL, NULL).status, ==, 404);
}

/* Requests that wait, one on each connection: committed and parked. */
static void
park(struct t_app *a, struct t_conn *c, int n, int wait_ms)
{
	int64_t was = t_count(&a->h, "job");

	for (int i = 0; i < n; i++) {
		t_conn_open(&c[i], a->port, a->key);
		t_send(&c[i], "POST", "/v1/posts/generations", generation(a, wait_ms), NULL);
	}
	T_UNTIL(t_count(&a->h, "job") == was + n && front_busy(a->front) == n);
	settle(a);
}

/* The workers' part of a work without hands: every job that is ready, to its end. */
static void
work_off(struct t_app *a)
{
	struct error e;
	struct run r;
	bool took;

	t_run_init(&a->h, &r);
	for (;;) {
		CHECK_OK(e, t_step(&a->h, &r, &took, &e));
		if (!took)
			break;
		r.kind->run(&r);
	}
	t_run_free(&r);
}

static void
hear_all(struct t_conn *c, int n, const char *status)
{
	for (int i = 0; i < n; i++) {
		struct t_answer r = t_hear(&c[i]);
		CHECK_INT(r.status, ==, 200);
		CHECK_STR(t_text(r.body, "data.status"), str_z(status));
		CHECK((t_text(r.body, "data.result.postId").p != NULL) == (strcmp(status, "DONE") == 0));
		t_conn_close(&c[i]);
	}
}

DB_TEST(many_wait_while_others_are_served)
{
	static struct t_conn c[MANY];
	struct t_app a;

	t_app_open(&a, t, 0, "");
	park(&a, c, MANY, 25000);
	for (int i = 0; i < 10; i++)
		CHECK_INT(t_call(&a, "GET", "/v1/jobs?limit=1", NULL, NULL).status, ==, 200);
	T_UNTIL(front_busy(a.front) == MANY);
	work_off(&a);
	hear_all(c, MANY, "DONE");
	CHECK_INT(t_count(&a.h, "post"), ==, MANY);
	t_app_close(&a);
}

DB_TEST(a_wait_ends_at_its_deadline_with_the_job_as_it_stands)
{
	static struct t_conn c[2];
	struct t_app a;

	t_app_open(&a, t, T_FAULTS, "");
	park(&a, &c[0], 1, 2000);
	t_conn_open(&c[1], a.port, a.key);
	t_send(&c[1], "POST", "/v1/posts/generations", generation(&a, 99000), NULL);	/* counts as 25,000 */
	T_UNTIL(queued(&a) == 2);
	settle(&a);
	t_move(&a.h, 1999);
	board_expire(a.h.work->board, 0);
	T_UNTIL(front_busy(a.front) == 2);
	t_move(&a.h, 1);
	board_expire(a.h.work->board, 0);
	hear_all(&c[0], 1, "QUEUED");
	t_move(&a.h, 22999);
	board_expire(a.h.work->board, 0);
	T_UNTIL(front_busy(a.front) == 1);
	t_move(&a.h, 1);
	board_expire(a.h.work->board, 0);
	hear_all(&c[1], 1, "QUEUED");
	t_app_close(&a);
}

DB_TEST(a_wait_ends_when_the_job_is_cancelled)
{
	static struct t_conn c[1];
	struct t_app a;

	t_app_open(&a, t, 0, "");
	park(&a, c, 1, 25000);
	str id = t_text(t_call(&a, "GET", "/v1/jobs", NULL, NULL).body, "data.0.id");
	CHECK_INT(t_call(&a, "POST", t_fmt(&a, "/v1/jobs/%.*s/cancel", STR(id)), NULL, NULL).status, ==, 200);
	hear_all(c, 1, "CANCELLED");
	struct t_answer again = t_call(&a, "POST", t_fmt(&a, "/v1/jobs/%.*s/cancel", STR(id)), NULL, NULL);
	CHECK_INT(again.status, ==, 409);
	CHECK_STR(t_text(again.body, "error.message"), S("Job is in 'CANCELLED'; only QUEUED jobs can be cancelled in v1."));
	t_app_close(&a);
}

DB_TEST(a_wait_ends_at_the_shutdown)
{
	static struct t_conn c[MANY];
	struct t_app a;

	t_app_open(&a, t, 0, "");
	park(&a, c, MANY, 25000);
	atomic_store(&a.api->draining, true);
	work_release(a.h.work);
	for (int i = 0; i < MANY; i++) {
		struct t_answer r = t_hear(&c[i]);
		CHECK_INT(r.status, ==, 200);
		CHECK_STR(t_text(r.body, "data.status"), S("QUEUED"));
		CHECK_STR(t_header(&r, "Connection"), S("close"));
		t_conn_close(&c[i]);
	}
	struct t_answer r = t_call(&a, "POST", "/v1/posts/generations", generation(&a, 25000), NULL);	/* nobody waits any more */
	CHECK_STR(t_text(r.body, "data.status"), S("QUEUED"));
	t_app_close(&a);
}

/* The job may end before the wait begins: it is not waited for. */
DB_TEST(a_wait_meets_the_end_however_fast_it_comes)
{
	struct t_app a;

	t_app_open(&a, t, T_HANDS, "workers=2");
	for (int i = 0; i < 50; i++) {
		struct t_answer r = t_call(&a, "POST", "/v1/posts/generations", generation(&a, 25000), NULL);
		CHECK_INT(r.status, ==, 200);
		CHECK_STR(t_text(r.body, "data.status"), S("DONE"));
		CHECK_INT(t_int(r.body, "data.attemptCount"), ==, 1);
	}
	CHECK_INT(t_count(&a.h, "post"), ==, 50);
	t_app_close(&a);
}

/* Those who wait hang up: their jobs are done all the same, and nobody is answered twice. */
DB_TEST(who_waits_may_leave)
{
	static struct t_conn c[MANY];
	struct t_app a;

	t_app_open(&a, t, 0, "");
	park(&a, c, MANY, 25000);
	for (int i = 0; i < MANY; i++)
		t_conn_close(&c[i]);
	CHECK_INT(t_call(&a, "GET", "/v1/jobs", NULL, NULL).status, ==, 200);
	work_off(&a);
	T_UNTIL(front_busy(a.front) == 0);
	CHECK_INT(t_count(&a.h, "post"), ==, MANY);
	t_app_close(&a);
}

/* Nothing waits for what was refused: an error, a replay, a job that was not enqueued. */
DB_TEST(what_is_refused_does_not_wait)
{
	struct t_app a;

	t_app_open(&a, t, 0, "");
	const char *body = t_fmt(&a, "{\"projectId\":\"%s\",\"source\":{\"text\":\"x\"},\"wait_for_completion_ms\":25000}", a.other_project);
	CHECK_INT(t_call(&a, "POST", "/v1/posts/generations", body, NULL).status, ==, 404);
	CHECK_INT(t_call(&a, "POST", "/v1/posts/generations", generation(&a, 0), "Idempotency-Key: k\r\n").status, ==, 200);
	struct t_answer r = t_call(&a, "POST", "/v1/posts/generations", generation(&a, 25000), "Idempotency-Key: k\r\n");
	CHECK_STR(t_header(&r, "Idempotent-Replayed"), S("true"));
	CHECK_STR(t_text(r.body, "data.status"), S("QUEUED"));
	T_UNTIL(front_busy(a.front) == 0);
	t_app_close(&a);
}

/* A call that stands at a gate, and those that queue behind it. */
struct gate { struct call c; sem_t *open; _Atomic int *over; _Atomic bool inside; };

static enum err
stand(struct call *c, struct db *db, struct error *e)
{
	struct gate *g = (struct gate *)c;

	(void)db, (void)e;
	g->inside = true;
	if (g->open != NULL)
		sem_wait(g->open);
	return OK;
}

static void
over(struct call *c, enum err code, const struct error *why)
{
	(void)code, (void)why;
	atomic_fetch_add(((struct gate *)c)->over, 1);
}

/* The queue is full when the wait ends: the job as it was committed is the answer. */
DB_TEST(a_wait_that_cannot_read_answers_what_it_has)
{
	static struct t_conn c[1];
	struct gate g[17];
	_Atomic int done = 0;
	struct t_app a;
	struct error e;
	sem_t open;
	int n = 0;

	t_app_open(&a, t, T_FAULTS, "db_queue=16");
	park(&a, c, 1, 25000);
	sem_init(&open, 0, 0);
	while (n < 17) {		/* one at the gate, the rest behind it */
		g[n] = (struct gate){ .c = { .run = stand, .done = over, .flags = CALL_READ }, .open = n == 0 ? &open : NULL, .over = &done };
		if (engine_submit(a.h.engine, &g[n].c, &e) == OK)
			n++;
		if (n == 1)
			T_UNTIL(g[0].inside);
	}
	work_release(a.h.work);
	hear_all(c, 1, "QUEUED");
	sem_post(&open);
	T_UNTIL(done == n);
	sem_destroy(&open);
	t_app_close(&a);
}
