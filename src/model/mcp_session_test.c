#include "model/mcp_session.h"
#include "t_db.h"

/* Sessions in their table: what is kept of one, when it is over, and that it is removed. */

static const int64_t now = INT64_C(1778803200000);		/* 2026-05-15 00:00 UTC */

static struct mcp_session
one(int n)
{
	struct mcp_session s = { .version = S("2025-11-25"), .client = S("{\"name\":\"x\"}"), .log_level = S("info"), .subscriptions = S("[]"), .began_at = now };

	memset(s.hash.b, n, sizeof(s.hash.b));
	memset(s.principal.b, n + 100, sizeof(s.principal.b));
	return s;
}

static bool
there(struct t_bench *b, int n, int64_t at, struct mcp_session *ret)
{
	struct mcp_session want = one(n);
	bool found;

	CHECK_OK(b->e, mcp_session_get(&b->db, &b->a, &want.hash, at, ret, &found, &b->e));
	return found;
}

DB_TEST(a_session_is_kept_changed_and_ended)
{
	struct t_bench b;
	struct mcp_session s = one(1), got;

	t_bench_open(&b, t);
	CHECK(!there(&b, 1, now, &got));
	CHECK_OK(b.e, mcp_session_insert(&b.db, &s, &b.e));
	CHECK(there(&b, 1, now, &got));
	CHECK(memcmp(got.principal.b, s.principal.b, sizeof(s.principal.b)) == 0 && memcmp(got.hash.b, s.hash.b, sizeof(s.hash.b)) == 0);
	CHECK_STR(got.version, s.version);
	CHECK_STR(got.client, s.client);
	CHECK_INT(got.began_at, ==, now);
	CHECK_INT(got.seen_at, ==, now);
	got.log_level = S("error");
	got.subscriptions = S("[\"scripe://posts/x\"]");
	got.seen_at = now + 5;
	CHECK_OK(b.e, mcp_session_update(&b.db, &got, &b.e));
	CHECK(there(&b, 1, now, &got));
	CHECK_STR(got.log_level, S("error"));
	CHECK_STR(got.subscriptions, S("[\"scripe://posts/x\"]"));
	CHECK_INT(got.seen_at, ==, now + 5);
	CHECK_OK(b.e, mcp_session_end(&b.db, &s.hash, &b.e));
	CHECK(!there(&b, 1, now, &got));
	t_bench_close(&b);
}

DB_TEST(a_session_is_over_a_day_after_its_last_use)
{
	struct t_bench b;
	struct mcp_session s = one(1), got;

	t_bench_open(&b, t);
	CHECK_OK(b.e, mcp_session_insert(&b.db, &s, &b.e));
	CHECK(there(&b, 1, now + MCP_SESSION_MS - 1, &got));
	CHECK(!there(&b, 1, now + MCP_SESSION_MS, &got));
	CHECK_OK(b.e, mcp_session_touch(&b.db, &s.hash, now + 1000, &b.e));
	CHECK(there(&b, 1, now + MCP_SESSION_MS, &got));
	CHECK_OK(b.e, mcp_session_touch(&b.db, &s.hash, now + 500, &b.e));	/* a late one takes nothing back */
	CHECK(there(&b, 1, now + MCP_SESSION_MS, &got));
	t_bench_close(&b);
}

DB_TEST(sessions_that_are_over_are_removed_some_at_a_time)
{
	struct t_bench b;
	struct mcp_session got;
	int64_t n;

	t_bench_open(&b, t);
	for (int i = 1; i <= 5; i++) {
		struct mcp_session s = one(i);
		s.began_at = now + i;
		CHECK_OK(b.e, mcp_session_insert(&b.db, &s, &b.e));
	}
	CHECK_OK(b.e, mcp_session_sweep(&b.db, now + 4 + MCP_SESSION_MS, 3, &n, &b.e));
	CHECK_INT(n, ==, 3);
	CHECK_OK(b.e, mcp_session_sweep(&b.db, now + 4 + MCP_SESSION_MS, 3, &n, &b.e));
	CHECK_INT(n, ==, 1);
	CHECK(there(&b, 5, now + MCP_SESSION_MS, &got));
	CHECK_OK(b.e, mcp_session_sweep(&b.db, now + 4 + MCP_SESSION_MS, 3, &n, &b.e));
	CHECK_INT(n, ==, 0);
	t_bench_close(&b);
}
