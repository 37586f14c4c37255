#include "db/partition.h"
#include "model/job.h"
#include "model/project.h"
#include "model/workspace.h"
#include "t_db.h"
#include <stdlib.h>

#define MK(type, n)	((type##_id){ t_ulid(1000, n) })
static const struct miss missed = { E_NOT_FOUND, NULL, "none" };
static const int64_t now = INT64_C(1778803200000);
enum { LEASE = 30000 };

SQL(force, "test.job_force", "UPDATE job SET status = $3, started_at = $4, completed_at = $5 WHERE workspace = $1 AND id = $2");

struct bench { struct db db; struct arena a; struct error e; };

static void
open_bench(struct bench *b, struct t_db *t)
{
	*b = (struct bench){ .db = t_db_open(t) };
	arena_init(&b->a, 64 << 20);
}

static void
setup(struct bench *b, struct t_db *t)
{
	t_db_schema(t);
	open_bench(b, t);
	for (int i = 1; i <= 2; i++) {
		struct workspace w = { .id = MK(workspace, i), .name = S("w"), .plan = PLAN_TRIAL, .subscription = SUB_ACTIVE };
		CHECK_OK(b->e, workspace_insert(&b->db, &w, &b->e));
	}
}

static void
close_bench(struct bench *b)
{
	arena_free(&b->a);
	b->db.ops->close(&b->db);
}

static job_id
put_typed(struct bench *b, int w, ulid id, int type, int64_t run_at)
{
	struct job j = { .id = { id }, .type = type, .project = MK(project, 1) };

	CHECK_OK(b->e, job_insert(&b->db, MK(workspace, w), &j, S("{\"text\":\"ü\"}"), run_at, 77, 5, &b->e));
	return j.id;
}

static job_id put(struct bench *b, int w, int n, int64_t run_at) { return put_typed(b, w, t_ulid(now, n), JT_POST_GENERATION, run_at); }

static int
claim(struct bench *b, const char *worker, int64_t at, int limit, struct job_task *ret)
{
	int n = 0;

	CHECK_OK(b->e, job_claim(&b->db, &b->a, str_z(worker), at, LEASE, limit, ret, &n, &b->e));
	return n;
}

static struct job
get(struct bench *b, int w, job_id id)
{
	struct job j = { 0 };
	CHECK_OK(b->e, job_get(&b->db, &b->a, MK(workspace, w), id, &j, &b->e));
	return j;
}

static bool same(job_id a, job_id b) { return strcmp(a.u.s, b.u.s) == 0; }

static int
some(int n)
{
	static unsigned x = 4711;
	x = x * 1103515245u + 12345u;
	return (int)((x >> 16) % (unsigned)n);
}

/* --- the life of a job --- */

DB_TEST(a_job_is_queued_run_and_done)
{
	struct job_task task;
	struct bench b;
	struct job j;

	setup(&b, t);
	job_id id = put(&b, 1, 1, now);
	j = get(&b, 1, id);
	CHECK(j.status == JS_QUEUED && j.type == JT_POST_GENERATION && j.attempts == 0 && j.updated_at == now && j.started_at == TIME_NONE);
	CHECK(j.completed_at == TIME_NONE && j.result.p == NULL && j.error_code.p == NULL && j.estimated_ms == INT_NONE);
	CHECK_ERR(job_get(&b.db, &b.a, MK(workspace, 2), id, &j, &b.e), E_NOT_FOUND);

	CHECK_INT(claim(&b, "w1", now + 10, 5, &task), ==, 1);
	CHECK(same(task.id, id) && task.attempts == 1 && task.lost_leases == 0 && task.reserved == 5 && task.queued_us == 77);
	CHECK(strcmp(task.workspace.u.s, MK(workspace, 1).u.s) == 0 && strcmp(task.project.u.s, MK(project, 1).u.s) == 0);
	CHECK_STR(task.worker, S("w1"));
	CHECK_STR(task.input, S("{\"text\":\"ü\"}"));
	j = get(&b, 1, id);
	CHECK(j.status == JS_RUNNING && j.started_at == now + 10 && j.updated_at == now + 10 && j.attempts == 1);

	CHECK_OK(b.e, job_done(&b.db, &task, now + 20, S("{\"postId\":\"x\"}"), S("{}"), &b.e));
	j = get(&b, 1, id);
	CHECK(j.status == JS_DONE && j.completed_at == now + 20 && j.started_at == now + 10);
	CHECK_STR(j.result, S("{\"postId\":\"x\"}"));
	CHECK_ERR(job_done(&b.db, &task, now + 30, S("{}"), STR_NONE, &b.e), E_CONFLICT);
	CHECK_ERR(job_failed(&b.db, &task, now + 30, S("x"), S("y"), STR_NONE, &b.e), E_CONFLICT);
	CHECK_ERR(job_again(&b.db, &task, now + 30, now, false, &b.e), E_CONFLICT);
	CHECK_ERR(job_give_back(&b.db, &task, now + 30, &b.e), E_CONFLICT);
	CHECK_STR(get(&b, 1, id).result, S("{\"postId\":\"x\"}"));
	close_bench(&b);
}

DB_TEST(a_job_fails_for_a_reason)
{
	struct job_task task;
	struct bench b;

	setup(&b, t);
	job_id id = put(&b, 1, 1, now);
	claim(&b, "w1", now, 1, &task);
	CHECK_OK(b.e, job_failed(&b.db, &task, now + 5, S("provider_timeout"), S("Try again later."), STR_NONE, &b.e));
	struct job j = get(&b, 1, id);
	CHECK(j.status == JS_FAILED && j.completed_at == now + 5 && j.result.p == NULL);
	CHECK_STR(j.error_code, S("provider_timeout"));
	CHECK_STR(j.error_message, S("Try again later."));
	CHECK_INT(claim(&b, "w1", now + LEASE * 10, 1, &task), ==, 0);
	close_bench(&b);
}

DB_TEST(only_a_queued_job_is_cancelled)
{
	struct job_task task;
	int64_t reserved = 0;
	struct bench b;
	struct job j;

	setup(&b, t);
	job_id id = put(&b, 1, 1, now), other = put(&b, 1, 2, now);
	CHECK_ERR(job_cancel(&b.db, &b.a, MK(workspace, 2), id, now, &j, &reserved, &b.e), E_NOT_FOUND);
	CHECK_OK(b.e, job_cancel(&b.db, &b.a, MK(workspace, 1), id, now + 1, &j, &reserved, &b.e));
	CHECK(j.status == JS_CANCELLED && j.completed_at == now + 1 && reserved == 5);
	reserved = 0;
	CHECK_ERR(job_cancel(&b.db, &b.a, MK(workspace, 1), id, now + 2, &j, &reserved, &b.e), E_NOT_CANCELLABLE);
	CHECK_STR(str_z(b.e.detail), S("Job is in 'CANCELLED'; only QUEUED jobs can be cancelled in v1."));
	CHECK_INT(reserved, ==, 0);
	CHECK_INT(claim(&b, "w1", now, 5, &task), ==, 1);
	CHECK(same(task.id, other));
	CHECK_ERR(job_cancel(&b.db, &b.a, MK(workspace, 1), other, now, &j, &reserved, &b.e), E_NOT_CANCELLABLE);
	CHECK(strstr(b.e.detail, "'RUNNING'") != NULL);
	close_bench(&b);
}

DB_TEST(another_try_waits_for_its_moment)
{
	struct job_task task;
	struct bench b;

	setup(&b, t);
	job_id id = put(&b, 1, 1, now);
	claim(&b, "w1", now, 1, &task);
	CHECK_OK(b.e, job_again(&b.db, &task, now + 1, now + 2000, false, &b.e));
	struct job j = get(&b, 1, id);
	CHECK(j.status == JS_QUEUED && j.attempts == 1 && j.started_at == now && j.updated_at == now + 1);
	CHECK_INT(claim(&b, "w1", now + 1999, 1, &task), ==, 0);
	CHECK_INT(claim(&b, "w1", now + 2000, 1, &task), ==, 1);
	CHECK_INT(task.attempts, ==, 2);
	CHECK_OK(b.e, job_again(&b.db, &task, now + 2001, now + 2001, true, &b.e));		/* a start that was none */
	CHECK_INT(get(&b, 1, id).attempts, ==, 1);
	CHECK_INT(get(&b, 1, id).started_at, ==, now);
	close_bench(&b);
}

/* --- leases --- */

DB_TEST(a_lost_lease_is_a_fence)
{
	struct job_task old, list[5], young;
	struct bench b;
	int n;

	setup(&b, t);
	job_id id = put(&b, 1, 1, now);
	claim(&b, "w1", now, 1, &old);
	CHECK_OK(b.e, job_lost(&b.db, &b.a, now + LEASE, 5, list, &n, &b.e));
	CHECK_INT(n, ==, 0);
	CHECK_OK(b.e, job_lost(&b.db, &b.a, now + LEASE + 1, 5, list, &n, &b.e));
	CHECK(n == 1 && same(list[0].id, id) && list[0].attempts == 1);
	CHECK_STR(list[0].worker, S("w1"));
	CHECK_OK(b.e, job_give_back(&b.db, &list[0], now + LEASE + 1, &b.e));
	CHECK_ERR(job_give_back(&b.db, &list[0], now + LEASE + 1, &b.e), E_CONFLICT);		/* two who found it: one gives it back */
	CHECK_ERR(job_done(&b.db, &old, now + LEASE + 2, S("{}"), STR_NONE, &b.e), E_CONFLICT);

	CHECK_INT(claim(&b, "w1", now + LEASE + 2, 1, &young), ==, 1);				/* the same name, a later start */
	CHECK(young.attempts == 2 && young.lost_leases == 1);
	CHECK_ERR(job_done(&b.db, &old, now + LEASE + 3, S("{\"old\":1}"), STR_NONE, &b.e), E_CONFLICT);
	CHECK_ERR(job_failed(&b.db, &old, now + LEASE + 3, S("x"), S("y"), STR_NONE, &b.e), E_CONFLICT);
	CHECK_ERR(job_again(&b.db, &old, now + LEASE + 3, now, false, &b.e), E_CONFLICT);
	CHECK_OK(b.e, job_done(&b.db, &young, now + LEASE + 4, S("{\"young\":1}"), STR_NONE, &b.e));
	CHECK_STR(get(&b, 1, id).result, S("{\"young\":1}"));
	close_bench(&b);
}

/* PostgreSQL alone has the statement; SQLite has no group to write. */
DB_TEST(many_end_at_once_or_none_of_them)
{
	static const char *const result[] = { "{\"a\":\"\\\\ \\\" , {} NULL\"}", "{}" };
	struct job_ends all;
	struct job_task task[2];
	struct bench b;

	setup(&b, t);
	job_id first = put(&b, 1, 1, now), second = put(&b, 1, 2, now);
	CHECK_INT(claim(&b, "w1", now, 2, task), ==, 2);
	job_ends_init(&all, &b.a);
	CHECK_OK(b.e, job_ends_write(&b.db, &all, now + 1, &b.e));
	for (int again = 0; t->pg && again < 2; again++) {
		job_ends_init(&all, &b.a);
		for (int i = 0; i < 2; i++)
			job_ends_add(&all, &task[i], str_z(result[i]), i == 0 ? S("") : STR_NONE);
		CHECK_OK(b.e, b.db.ops->begin(&b.db, TX_WRITE, &b.e));
		enum err code = job_ends_write(&b.db, &all, now + 1 + again, &b.e);
		CHECK_INT(code, ==, again == 0 ? OK : E_CONFLICT);
		if (code == OK)
			CHECK_OK(b.e, b.db.ops->commit(&b.db, &b.e));
		else
			b.db.ops->rollback(&b.db);
		CHECK_STR(get(&b, 1, first).result, str_z(result[0]));
		CHECK_STR(get(&b, 1, second).result, str_z(result[1]));
		CHECK(get(&b, 1, first).status == JS_DONE && get(&b, 1, second).completed_at == now + 1);
	}
	/* one that runs beside one that is not this worker's any more: it goes on */
	job_id third = put(&b, 1, 3, now);
	CHECK_INT(claim(&b, "w2", now, 1, &task[1]), ==, 1);
	if (t->pg) {
		job_ends_init(&all, &b.a);
		job_ends_add(&all, &task[0], S("{}"), STR_NONE);
		job_ends_add(&all, &task[1], S("{}"), STR_NONE);
		CHECK_OK(b.e, b.db.ops->begin(&b.db, TX_WRITE, &b.e));
		CHECK_ERR(job_ends_write(&b.db, &all, now + 3, &b.e), E_CONFLICT);
		b.db.ops->rollback(&b.db);
	}
	CHECK_INT(get(&b, 1, third).status, ==, JS_RUNNING);
	close_bench(&b);
}

DB_TEST(a_sign_of_life_keeps_the_lease)
{
	struct job_task mine[2], theirs, list[5];
	struct bench b;
	int n;

	setup(&b, t);
	put(&b, 1, 1, now);
	put(&b, 2, 2, now);
	put(&b, 1, 3, now);
	CHECK_INT(claim(&b, "w1", now, 2, mine), ==, 2);
	CHECK_INT(claim(&b, "w2", now, 2, &theirs), ==, 1);
	CHECK_OK(b.e, job_renew(&b.db, S("w1"), now + 2 * LEASE, &b.e));
	CHECK_OK(b.e, job_renew(&b.db, S("w1"), now + LEASE, &b.e));		/* never backwards */
	CHECK_OK(b.e, job_lost(&b.db, &b.a, now + 2 * LEASE, 5, list, &n, &b.e));
	CHECK(n == 1 && same(list[0].id, theirs.id));
	CHECK_OK(b.e, job_lost(&b.db, &b.a, INT64_MAX, 5, list, &n, &b.e));
	CHECK_INT(n, ==, 3);
	CHECK_OK(b.e, job_lost(&b.db, &b.a, INT64_MAX, 2, list, &n, &b.e));
	CHECK_INT(n, ==, 2);
	close_bench(&b);
}

/* Two connections: what stands behind the fence commits before the job is anybody else's, and nobody waits for it. */
PG_TEST(behind_the_fence_a_job_is_its_workers_until_the_commit)
{
	struct job_task mine, list[5];
	struct bench b, other;
	int n;

	setup(&b, t);
	open_bench(&other, t);
	put(&b, 1, 1, now);
	CHECK_INT(claim(&b, "w1", now, 1, &mine), ==, 1);
	CHECK_OK(other.e, other.db.ops->script(&other.db, "SET lock_timeout = 200", &other.e));
	CHECK_OK(b.e, b.db.ops->begin(&b.db, TX_WRITE, &b.e));
	CHECK_OK(b.e, job_held(&b.db, &mine, &b.e));
	CHECK_OK(b.e, db_settle(&b.db, &b.e));
	CHECK_OK(other.e, job_lost(&other.db, &other.a, INT64_MAX, 5, list, &n, &other.e));
	CHECK_INT(n, ==, 0);
	CHECK_OK(other.e, job_renew(&other.db, S("w1"), now + 2 * LEASE, &other.e));
	CHECK_ERR(job_give_back(&other.db, &mine, now, &other.e), E_LOCKED);
	CHECK_OK(b.e, b.db.ops->commit(&b.db, &b.e));
	CHECK_OK(other.e, job_lost(&other.db, &other.a, now + LEASE + 1, 5, list, &n, &other.e));
	CHECK_INT(n, ==, 1);		/* it was left without a sign of life meanwhile */
	close_bench(&other);
	close_bench(&b);
}

/* --- the queue --- */

DB_TEST(the_queue_is_in_order_of_time_then_age)
{
	static const struct { int w, n; int64_t at; } row[] = { { 1, 5, 2 }, { 2, 4, 2 }, { 1, 3, 7 }, { 1, 9, 1 }, { 2, 1, 20 }, { 2, 8, 2 } };
	static const int order[] = { 9, 4, 5, 8, 3 };
	struct job_task task[10];
	struct bench b;

	setup(&b, t);
	for (size_t i = 0; i < COUNT(row); i++)
		put(&b, row[i].w, row[i].n, now + row[i].at);
	for (size_t i = 0; i < COUNT(order); i++) {
		CHECK_INT(claim(&b, "w", now + 10, 1, task), ==, 1);
		CHECK_STR(str_z(task[0].id.u.s), str_z(t_ulid(now, order[i]).s));
	}
	CHECK_INT(claim(&b, "w", now + 10, 1, task), ==, 0);
	CHECK_INT(claim(&b, "w", now + 20, 10, task), ==, 1);
	for (int i = 0; i < 7; i++)
		put(&b, 1, 20 + i, now);
	CHECK_INT(claim(&b, "w", now, 3, task), ==, 3);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM job WHERE status = 'QUEUED'"), ==, 4);
	CHECK_INT(claim(&b, "w", now, 10, task), ==, 4);
	close_bench(&b);
}

enum { WORKERS = 6, JOBS = 120 };
struct worker { pthread_t thread; struct t_db *t; int number, claimed; };

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct job_task task[3];
	struct bench b;
	char name[8];
	int n;

	open_bench(&b, w->t);
	snprintf(name, sizeof(name), "w%d", w->number);
	do {
		CHECK_OK(b.e, b.db.ops->begin(&b.db, TX_WRITE, &b.e));
		n = claim(&b, name, now, 3, task);
		for (int i = 0; i < n; i++)
			CHECK_OK(b.e, job_done(&b.db, &task[i], now + 1, str_z(name), STR_NONE, &b.e));
		CHECK_OK(b.e, b.db.ops->commit(&b.db, &b.e));
		w->claimed += n;
	} while (n != 0);
	close_bench(&b);
	return NULL;
}

DB_TEST(each_job_is_claimed_by_one_worker)
{
	struct worker w[WORKERS];
	struct bench b;
	int claimed = 0;

	setup(&b, t);
	CHECK_OK(b.e, b.db.ops->begin(&b.db, TX_WRITE, &b.e));
	for (int i = 0; i < JOBS; i++)
		put(&b, 1 + i % 2, i, now);
	CHECK_OK(b.e, b.db.ops->commit(&b.db, &b.e));
	for (int i = 0; i < WORKERS; i++) {
		w[i] = (struct worker){ .t = t, .number = i };
		CHECK_OK(b.e, sys_thread(&w[i].thread, "worker", work, &w[i], &b.e));
	}
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(w[i].thread, NULL);
		claimed += w[i].claimed;
	}
	CHECK_INT(claimed, ==, JOBS);			/* none twice, none left running beyond a claim's limit */
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM job WHERE status = 'DONE' AND attempts = 1"), ==, JOBS);
	close_bench(&b);
}

DB_TEST(the_queue_is_counted)
{
	struct job_counts c;
	struct job_task task[2];
	struct bench b;

	setup(&b, t);
	CHECK_OK(b.e, job_count(&b.db, &c, &b.e));
	CHECK(c.queued == 0 && c.running == 0);
	for (int i = 0; i < 5; i++)
		put(&b, 1 + i % 2, i, now + i * DAY_MS);
	claim(&b, "w", now + DAY_MS, 2, task);
	CHECK_OK(b.e, job_done(&b.db, &task[0], now, S("{}"), STR_NONE, &b.e));
	CHECK_OK(b.e, job_count(&b.db, &c, &b.e));
	CHECK(c.queued == 3 && c.running == 1);
	close_bench(&b);
}

/* --- history --- */

static void
finish(struct bench *b, int w, job_id id, int status, int64_t from, int64_t to)
{
	CHECK_OK(b->e, db_run(&b->db, force, &b->e, VID(MK(workspace, w)), VID(id), val_word(&job_status_words, status), VTIME(from), VTIME(to)));
}

DB_TEST(durations_are_those_of_the_newest)
{
	int64_t ms[10];
	struct bench b;
	int n;

	setup(&b, t);
	CHECK_OK(b.e, job_durations(&b.db, JT_NOOP, 4, ms, &n, &b.e));
	CHECK_INT(n, ==, 0);
	for (int i = 1; i <= 6; i++)
		finish(&b, 1 + i % 2, put_typed(&b, 1 + i % 2, t_ulid(now, i), JT_NOOP, now), JS_DONE, now, now + i * 100);
	finish(&b, 1, put_typed(&b, 1, t_ulid(now, 7), JT_NOOP, now), JS_FAILED, now, now + 1);
	finish(&b, 1, put_typed(&b, 1, t_ulid(now, 8), JT_POST_GENERATION, now), JS_DONE, now, now + 1);
	CHECK_OK(b.e, job_durations(&b.db, JT_NOOP, 4, ms, &n, &b.e));
	CHECK(n == 4 && ms[0] == 600 && ms[1] == 500 && ms[2] == 400 && ms[3] == 300);
	CHECK_OK(b.e, job_durations(&b.db, JT_NOOP, 10, ms, &n, &b.e));
	CHECK(n == 6 && ms[5] == 100);
	close_bench(&b);
}

DB_TEST(a_job_that_is_not_shown_leaves_nothing)
{
	struct jobs_query q = { .from = TIME_NONE, .to = TIME_NONE };
	struct job_task task;
	struct rows r;
	struct bench b;
	struct job j;
	int64_t reserved;

	setup(&b, t);
	job_id id = put_typed(&b, 1, t_ulid(now, 1), JT_SOURCE_ANALYSE, now);
	struct page p = { .limit = 10, .from = ulid_low(0), .before = ulid_low(INT64_MAX) };
	CHECK_OK(b.e, job_page(&b.db, MK(workspace, 1), &q, &p, &r, &b.e));
	CHECK(!db_next(&r));
	CHECK_OK(b.e, db_done(&r, &b.e));
	CHECK_ERR(job_get(&b.db, &b.a, MK(workspace, 1), id, &j, &b.e), E_NOT_FOUND);
	CHECK_ERR(job_cancel(&b.db, &b.a, MK(workspace, 1), id, now, &j, &reserved, &b.e), E_NOT_FOUND);
	CHECK_ERR(job_anchor(&b.db, MK(workspace, 1), &id.u, &missed, &b.e), E_NOT_FOUND);
	CHECK_INT(claim(&b, "w", now, 1, &task), ==, 1);
	struct job_task other = task;
	other.attempts++;
	CHECK_ERR(job_drop(&b.db, &other, &b.e), E_CONFLICT);
	CHECK_OK(b.e, job_drop(&b.db, &task, &b.e));
	CHECK_ERR(job_held(&b.db, &task, &b.e), E_CONFLICT);
	CHECK_INT(claim(&b, "w", now + LEASE, 1, &task), ==, 0);
	close_bench(&b);
}

DB_TEST(finished_jobs_go_in_slices)
{
	struct bench b;
	int64_t gone;
	int schema;

	setup(&b, t);
	schema = db_schema();
	db_schema_is(PARTITION_SCHEMA - 1);		/* from there on PostgreSQL drops whole partitions */
	for (int i = 0; i < 20; i++) {
		int w = 1 + (i >= 12), status = i % 6 == 5 ? JS_RUNNING : i % 6 == 4 ? JS_QUEUED : JS_DONE + i % 3;
		job_id id = put_typed(&b, w, t_ulid(now + i, i), JT_NOOP, now + i);
		finish(&b, w, id, status, now, status >= JS_DONE ? now + i : TIME_NONE);
	}
	finish(&b, 1, put_typed(&b, 1, t_ulid(now - 5, 50), JT_NOOP, now), JS_DONE, now, now + 500);	/* old, and ended late */
	/* before now + 9 in workspace 1: 0 to 8 without 4 and 5 */
	CHECK_OK(b.e, job_clean(&b.db, MK(workspace, 1), now + 9, 5, &gone, &b.e));
	CHECK_INT(gone, ==, 5);
	CHECK_OK(b.e, job_clean(&b.db, MK(workspace, 1), now + 9, 5, &gone, &b.e));
	CHECK_INT(gone, ==, 2);
	CHECK_OK(b.e, job_clean(&b.db, MK(workspace, 1), now + 9, 5, &gone, &b.e));
	CHECK_INT(gone, ==, 0);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM job"), ==, 14);
	db_schema_is(schema);
	close_bench(&b);
}

/* --- pages --- */

enum { ROWS = 300, ASKED = 200 };
struct have { ulid id; int type, status; };

static int newest_first(const void *a, const void *b) { return strcmp(((const struct have *)b)->id.s, ((const struct have *)a)->id.s); }

static void
put_jobs(struct bench *b, struct have *h)
{
	CHECK_OK(b->e, b->db.ops->begin(&b->db, TX_WRITE, &b->e));
	for (int i = 0; i < ROWS; i++) {
		h[i] = (struct have){ t_ulid(now + some(60) * 3600000, (i * 7919) % ROWS), some(JT_SHOWN), some(JS_COUNT) };
		for (int w = 1; w <= 2; w++)
			finish(b, w, put_typed(b, w, h[i].id, h[i].type, now), w == 1 ? h[i].status : some(JS_COUNT), TIME_NONE, TIME_NONE);
		/* another's, which are nowhere in ours */
		put_typed(b, 2, t_ulid(now + some(60) * 3600000, ROWS + i), some(JT_SHOWN), now);
	}
	CHECK_OK(b->e, b->db.ops->commit(&b->db, &b->e));
	qsort(h, ROWS, sizeof(*h), newest_first);
}

static bool
page_is(struct bench *b, const struct have *h, const struct jobs_query *q, const struct page *p)
{
	struct job j;
	struct rows r;
	bool good = true;
	int n = 0;

	CHECK_OK(b->e, job_page(&b->db, MK(workspace, 1), q, p, &r, &b->e));
	for (int i = 0; i < ROWS && n < p->limit; i++) {
		if (strcmp(h[i].id.s, p->before.s) >= 0 || strcmp(h[i].id.s, p->from.s) < 0 ||
		    (q->type != 0 && !(q->type >> h[i].type & 1)) || (q->status != 0 && !(q->status >> h[i].status & 1)))
			continue;
		n++;
		if (!(good = db_next(&r)))
			break;
		db_scan(&job_rec, &r, &b->a, &j);
		good = strcmp(j.id.u.s, h[i].id.s) == 0 && j.type == h[i].type && j.status == h[i].status;
		if (!good)
			break;
	}
	good = good && !db_next(&r);
	CHECK_OK(b->e, db_done(&r, &b->e));
	return good;
}

DB_TEST(pages_of_jobs_are_what_a_filter_gives)
{
	struct have h[ROWS];
	ulid none = { { 0 } };
	struct bench b;

	setup(&b, t);
	put_jobs(&b, h);
	for (int i = 0; i < ASKED; i++) {
		struct jobs_query q = { .type = some(3) ? (unsigned)some(1 << JT_SHOWN) : 0, .status = some(3) ? (unsigned)some(1 << JS_COUNT) : 0 };
		struct page p = page_between(some(2) ? &none : &h[some(ROWS)].id, some(2) ? TIME_NONE : now + some(60) * 3600000,
		    some(2) ? TIME_NONE : now + some(60) * 3600000, 1 + some(60));
		if (!page_is(&b, h, &q, &p))
			t_fail(__FILE__, __LINE__, "question %d: types %x, states %x", i, q.type, q.status);
	}
	close_bench(&b);
}

DB_TEST(a_place_in_a_list_is_a_row_of_ones_own)
{
	struct bench b;

	setup(&b, t);
	job_id id = put(&b, 1, 1, now);
	CHECK_OK(b.e, job_anchor(&b.db, MK(workspace, 1), &id.u, &missed, &b.e));
	CHECK_ERR(job_anchor(&b.db, MK(workspace, 2), &id.u, &missed, &b.e), E_NOT_FOUND);
	close_bench(&b);
}
