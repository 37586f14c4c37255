#include "db/partition.h"
#include "model/request.h"
#include "t_db.h"

/* The request log in its table: bounds, filters, and what is removed. */

static const int64_t now = INT64_C(1778803200000);		/* 2026-05-15 00:00 UTC */
#define WS(n)	((workspace_id){ t_ulid(1000, n) })

/* Row i of a workspace: GET and POST in turn, every fifth an error, two principals. */
static bool
put(struct t_bench *b, int w, int i, int64_t ms)
{
	struct request_log r = { .id = { t_ulid(ms, i) }, .principal = i % 3 == 0 ? S("key_b") : S("key_a"), .mode = MODE_LIVE,
	    .method = i % 2 == 0 ? HTTP_GET : HTTP_POST, .idempotency = KEY_USE_NONE, .operation = i % 2 == 0 ? S("get_note") : S("create_note"),
	    .path = S("/v1/notes"), .status = i % 5 == 0 ? 404 : 200, .error = i % 5 == 0 ? S("not_found") : S(""), .us = 10, .ip = S("::1"), .weight = 1 };
	bool added = false;

	CHECK_OK(b->e, request_log_insert(&b->db, WS(w), &r, &added, &b->e));
	return added;
}

static int
matching(struct t_bench *b, const struct request_logs_query *q, const char *who)
{
	ulid top = { "" };
	struct page p = page_between(&top, q->from, q->to, 1000);
	struct rows r;
	int n = 0;

	CHECK_OK(b->e, request_log_page(&b->db, WS(1), q, who != NULL ? str_z(who) : STR_NONE, (client_id){ { "" } }, &p, &r, &b->e));
	while (db_next(&r))
		n++;
	CHECK_OK(b->e, db_done(&r, &b->e));
	return n;
}

DB_TEST(each_filter_and_all_of_them)
{
	struct t_bench b;
	struct request_logs_query all = { .from = TIME_NONE, .to = TIME_NONE };
#define Q(...)	(&(struct request_logs_query){ .from = TIME_NONE, .to = TIME_NONE, __VA_ARGS__ })

	t_bench_open(&b, t);
	for (int i = 0; i < 60; i++) {
		CHECK(put(&b, 1, i, now + i));
		CHECK(put(&b, 2, i, now + i));
	}
	CHECK_INT(matching(&b, &all, NULL), ==, 60);
	CHECK_INT(matching(&b, &all, "key_b"), ==, 20);
	CHECK_INT(matching(&b, &all, "key_c"), ==, 0);
	CHECK_INT(matching(&b, Q(.method = 1u << HTTP_POST), NULL), ==, 30);
	CHECK_INT(matching(&b, Q(.method = 1u << HTTP_POST | 1u << HTTP_GET), NULL), ==, 60);
	CHECK_INT(matching(&b, Q(.method = 1u << HTTP_DELETE), NULL), ==, 0);
	CHECK_INT(matching(&b, Q(.status = S("4xx")), NULL), ==, 12);
	CHECK_INT(matching(&b, Q(.status = S("404")), NULL), ==, 12);
	CHECK_INT(matching(&b, Q(.status = S("200")), NULL), ==, 48);
	CHECK_INT(matching(&b, Q(.status = S("5xx")), NULL), ==, 0);
	CHECK_INT(matching(&b, Q(.error = S("not_found")), NULL), ==, 12);
	CHECK_INT(matching(&b, Q(.error = S("not")), NULL), ==, 0);
	CHECK_INT(matching(&b, Q(.operation = S("get_note")), NULL), ==, 30);
	CHECK_INT(matching(&b, Q(.operation = S("get_note"), .status = S("4xx"), .method = 1u << HTTP_GET), "key_b"), ==, 2);
	CHECK_INT(matching(&b, &(struct request_logs_query){ .from = now + 50, .to = now + 55 }, NULL), ==, 5);
	t_bench_close(&b);
}

static int64_t
size_of(struct t_db *t)
{
	return t_db_count(t, "SELECT COALESCE(CAST(sum(n) AS BIGINT), 0) FROM request_log_size");
}

DB_TEST(the_oldest_go_when_there_are_too_many_and_when_they_are_too_old)
{
	struct t_bench b;
	int64_t gone;
	int schema;

	t_bench_open(&b, t);
	schema = db_schema();
	db_schema_is(PARTITION_SCHEMA - 1);		/* from there on PostgreSQL drops whole partitions */
	for (int i = 0; i < 50; i++)
		CHECK(put(&b, 1, i, now + i * DAY_MS));
	CHECK(!put(&b, 1, 7, now + 7 * DAY_MS));		/* written once, however often */
	CHECK_OK(b.e, request_log_trim(&b.db, WS(1), 50, 40, 6, &gone, &b.e));
	CHECK_INT(gone, ==, 6);				/* a slice */
	CHECK_INT(size_of(t), ==, 44);
	CHECK_OK(b.e, request_log_trim(&b.db, WS(1), 0, 40, 100, &gone, &b.e));
	CHECK_INT(gone, ==, 4);
	CHECK_OK(b.e, request_log_trim(&b.db, WS(1), 0, 40, 100, &gone, &b.e));
	CHECK_INT(gone, ==, 0);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM request_log"), ==, 40);
	CHECK_OK(b.e, request_log_clean(&b.db, WS(1), now + 20 * DAY_MS, 7, &gone, &b.e));
	CHECK_INT(gone, ==, 7);
	CHECK_OK(b.e, request_log_clean(&b.db, WS(1), now + 20 * DAY_MS, 7, &gone, &b.e));
	CHECK_INT(gone, ==, 3);
	CHECK_INT(size_of(t), ==, 30);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM request_log"), ==, 30);
	db_schema_is(schema);
	t_bench_close(&b);
}

DB_TEST(a_sum_that_is_written_twice_says_the_same)
{
	ulid one = t_ulid(now, 1), two = t_ulid(now, 2);
	struct usage u = { 10, 4, 1 };
	struct usage_day d[5];
	struct t_bench b;
	struct rows r;
	int64_t gone;
	int n;

	t_bench_open(&b, t);
	CHECK_OK(b.e, usage_put(&b.db, WS(1), 100, &one, &u, &b.e));
	CHECK_OK(b.e, usage_put(&b.db, WS(1), 100, &one, &u, &b.e));
	CHECK_OK(b.e, usage_put(&b.db, WS(1), 100, &two, &u, &b.e));
	CHECK_OK(b.e, usage_put(&b.db, WS(1), 102, &two, &u, &b.e));
	CHECK_OK(b.e, usage_put(&b.db, WS(2), 100, &two, &u, &b.e));
	CHECK_OK(b.e, usage_ask(&b.db, WS(1), 99, 102, 5, &r, &b.e));
	CHECK_OK(b.e, usage_days(&r, 5, d, &n, &b.e));
	CHECK_INT(n, ==, 2);
	CHECK(d[0].day == 100 && d[0].n.requests == 20 && d[0].n.writes == 8 && d[0].n.errors == 2 && d[1].day == 102 && d[1].n.requests == 10);
	CHECK_OK(b.e, usage_clean(&b.db, WS(1), 102, 1, &gone, &b.e));
	CHECK_INT(gone, ==, 1);
	CHECK_OK(b.e, usage_clean(&b.db, WS(1), 102, 10, &gone, &b.e));
	CHECK_INT(gone, ==, 1);
	CHECK_OK(b.e, usage_ask(&b.db, WS(1), 0, 200, 5, &r, &b.e));
	CHECK_OK(b.e, usage_days(&r, 5, d, &n, &b.e));
	CHECK_INT(n, ==, 1);
	t_bench_close(&b);
}
