#include "model/post.h"
#include "model/project.h"
#include "model/workspace.h"
#include "t_db.h"
#include <pthread.h>

#define MK(type, n)	((type##_id){ t_ulid(1000, n) })
#define NOW		INT64_C(1778803200000)		/* 2026-05-15 00:00 UTC */

/* Who counts in several columns holds all that come before the one that it waits for: so it never waits for who waits for it. */
SQL_PG(0, take_column, "test.take_column", "SELECT 1 FROM post_count WHERE workspace = $1 AND status_id = $2 FOR UPDATE NOWAIT");
SQL_PG(0, waiters, "test.waiters", "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND $1 = 0");
struct putter { struct t_db *t; enum err code; };

static enum err
put_into_all(struct t_bench *b, int ms, enum err *ret)
{
	struct post_counts all;

	*ret = b->db.ops->begin(&b->db, TX_WRITE, &b->e);
	post_counts_init(&all, &b->a);
	for (int i = PROJECT_COLUMNS; i-- > 0 && *ret == OK; ) {
		struct post p = { .id = { t_ulid(NOW + ms, 0) }, .project = MK(project, 1), .status = POST_DRAFT, .category = CAT_DRAFT, .title = S(""), .content = S(" "),
		    .scheduled_at = TIME_NONE, .updated_at = TIME_NONE, .status_id = MK(status, 10 + (i + 3) % PROJECT_COLUMNS) };
		memcpy(p.id.u.s + 20, (char[]){ 'A', 'B', 'C', 'D', (char)('A' + i), '0' }, 6);
		*ret = post_insert(&b->db, MK(workspace, 1), &p, &all, &b->e);
	}
	if (*ret == OK)
		*ret = post_counts_write(&b->db, &all, &b->e);
	return *ret;
}

static void *
put_behind(void *arg)
{
	struct putter *me = arg;
	struct t_bench b;

	t_bench_open(&b, me->t);
	if (put_into_all(&b, 2, &me->code) == OK)
		me->code = b.db.ops->commit(&b.db, &b.e);
	t_bench_close(&b);
	return NULL;
}

PG_TEST(columns_are_counted_in_one_order)
{
	struct putter me = { .t = t };
	struct t_bench b, look;
	struct workspace w = { .id = MK(workspace, 1), .name = S("Acme"), .plan = PLAN_TRIAL, .subscription = SUB_ACTIVE };
	struct project p = { .id = MK(project, 1), .name = S("Ada"), .type = PT_COMPANY_PAGE, .status = PS_ACTIVE, .url = STR_NONE };
	status_id ids[PROJECT_COLUMNS];
	pthread_t thread;
	enum err code;
	bool any = false;

	t_db_schema(t);
	t_bench_open(&b, t);
	t_bench_open(&look, t);
	CHECK_OK(b.e, workspace_insert(&b.db, &w, &b.e));
	for (int i = 0; i < PROJECT_COLUMNS; i++)
		ids[i] = MK(status, 10 + i);
	CHECK_OK(b.e, project_insert(&b.db, w.id, &p, ids, &b.e));
	CHECK_OK(b.e, put_into_all(&b, 1, &code));
	CHECK_OK(b.e, b.db.ops->commit(&b.db, &b.e));
	CHECK_OK(b.e, b.db.ops->begin(&b.db, TX_WRITE, &b.e));
	CHECK_OK(b.e, db_any(&b.db, take_column, &any, &b.e, VID(MK(workspace, 1)), VID(MK(status, 14))));
	CHECK_INT(pthread_create(&thread, NULL, put_behind, &me), ==, 0);
	any = false;
	for (int64_t until = sys_mono_us(&sys_clock_real) + 30000000; !any && sys_mono_us(&sys_clock_real) < until; )
		CHECK_OK(look.e, db_any(&look.db, waiters, &any, &look.e, V(0)));
	CHECK(any);
	for (int i = 0; i < PROJECT_COLUMNS; i++)
		CHECK_ERR(db_any(&look.db, take_column, &any, &look.e, VID(MK(workspace, 1)), VID(MK(status, 10 + i))), E_LOCKED);
	CHECK_OK(b.e, b.db.ops->commit(&b.db, &b.e));
	pthread_join(thread, NULL);
	CHECK_INT(me.code, ==, OK);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM post_status s WHERE (SELECT count(*) FROM post p WHERE p.status_id = s.id)"
	    " <> (SELECT sum(c.posts) FROM post_count c WHERE c.status_id = s.id)"), ==, 0);
	CHECK_INT(t_db_count(t, "SELECT sum(posts) FROM post_count"), ==, 2 * PROJECT_COLUMNS);
	t_bench_close(&look);
	t_bench_close(&b);
}
