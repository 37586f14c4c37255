#include "db/migrate.h"
#include "model/ledger.h"
#include "t_db.h"

/* An upgrade keeps the promise of 24 hours: what the older program answered is replayed. */

static const int64_t now = INT64_C(1778803200000);		/* 2026-05-15 00:00 UTC */
#define DAY	INT64_C(86400000)

static void
upgrade(struct t_db *t, struct db *db, int to)
{
	const struct migration *list;
	struct error e = { 0 };

	CHECK(migrate_list(&list) >= to);
	CHECK_OK(e, migrate(db, list, to, t->pg ? NULL : t->path, now, &e));
}

/* Its twin of now: what stands under the name. */
static struct idem
standing(struct db *db, struct arena *a, const char *workspace, const char *route, const char *key)
{
	workspace_id w = { 0 };
	struct error e = { 0 };
	struct idem ret;
	digest h;

	memcpy(w.u.s, workspace, 26);
	memset(h.b, 'h', sizeof(h.b));
	struct idem_name name = idem_name(w, str_z(route), str_z(key));
	CHECK_OK(e, db->ops->begin(db, TX_WRITE, &e));
	CHECK_OK(e, idem_look(db, a, w, &name, &h, now, DAY, &ret, &e));
	db->ops->rollback(db);
	return ret;
}

DB_TEST(records_of_the_older_schema_are_replayed)
{
	enum { ROWS = 450 };
	static const char w1[] = "01J9ZAB12CD34E56F7G8H9JKMN", w2[] = "01J9ZAB12CD34E56F7G8H9JKMP", hash[] = "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh";
	struct error e = { 0 };
	struct arena a;
	char sql[400];

	arena_init(&a, 1 << 20);
	struct db db = t_db_open(t);
	upgrade(t, &db, 1);
	for (int i = 0; i < ROWS; i++) {
		snprintf(sql, sizeof(sql), "INSERT INTO idempotency (workspace, route, key, hash, status, body, created_at) VALUES"
		    " ('%s', 'POST /v1/notes', 'k%d', CAST('%s' AS {bytes}), 200, 'body %d', %lld)", i % 2 ? w1 : w2, i, hash, i,
		    (long long)(i < 10 ? now - 2 * DAY : now - 1000));
		CHECK_OK(e, db.ops->script(&db, sql, &e));
	}
	upgrade(t, &db, 2);
	CHECK_OK(e, ledger_adopt(&db, &e));
	CHECK_OK(e, ledger_adopt(&db, &e));
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM idempotency_old"), ==, 0);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM idempotency"), ==, ROWS);
	struct idem i = standing(&db, &a, w1, "POST /v1/notes", "k449");
	CHECK(!i.fresh && i.same && i.status == 200);
	CHECK_STR(i.body, S("body 449"));
	CHECK(standing(&db, &a, w2, "POST /v1/notes", "k449").fresh);	/* another workspace's */
	CHECK(standing(&db, &a, w1, "POST /v1/posts", "k449").fresh);
	CHECK(standing(&db, &a, w1, "POST /v1/notes", "k1").fresh);	/* too old */
	db.ops->close(&db);
	arena_free(&a);
}
