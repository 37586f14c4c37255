#include "db/migrate.h"
#include "db/partition.h"
#include "t_db.h"
#include <stdlib.h>

#define W	"01J9ZAB12CD34E56F7G8H9JKMN"

/* All that there is to do, as the duty does it; what was done stands in `did`, word by word. */
static int
tend(struct db *db, enum partitioned which, int64_t now, int64_t before, char did[PARTITION_DID])
{
	struct error e = { 0 };
	int n = -1;

	did[0] = '\0';
	for (char one[PARTITION_DID] = "x"; one[0] != '\0'; n++) {
		if (one[0] != 'x')
			memcpy(did, one, PARTITION_DID);
		CHECK_OK(e, db->ops->begin(db, TX_WRITE, &e));
		CHECK_OK(e, partition_turn(db, which, now, before, one, &e));
		CHECK_OK(e, db->ops->commit(db, &e));
	}
	return n;
}

static void
put_event(struct t_db *t, int64_t ms, int n)
{
	ulid id = t_ulid(ms, n);
	char sql[300];

	snprintf(sql, sizeof(sql), "INSERT INTO event (workspace, id, type, body) VALUES ('" W "', '%s', 'note.created', '{}')", id.s);
	t_db_script(t, sql);
}

static void
put_job(struct t_db *t, int64_t ms, int n, const char *status, int64_t completed)
{
	ulid id = t_ulid(ms, n);
	char sql[500];

	snprintf(sql, sizeof(sql), "INSERT INTO job (workspace, id, type, status, input, run_at, queued_us, updated_at, completed_at)"
	    " VALUES ('" W "', '%s', 'NOOP', '%s', '{}', 1, 1, 1, %lld)", id.s, status, (long long)completed);
	t_db_script(t, sql);
}

static int64_t now_of(void) { return sys_wall_ms(&sys_clock_real); }

static int64_t
later(struct t_db *t)
{
	return t_db_count(t, "SELECT count(*) FROM event_later");
}

#define PARTS(t, table) t_db_count(t, "SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('" table "')")

PG_TEST(ranges_are_there_before_their_time_and_go_when_all_of_them_is_old)
{
	char did[PARTITION_DID];
	int64_t now = now_of();

	t_db_schema(t);
	struct db db = t_db_open(t);
	put_event(t, now, 1);
	CHECK_INT(tend(&db, PARTITIONED_event, now, now - 30 * DAY_MS, did), >=, 1);
	int64_t parts = PARTS(t, "event");
	CHECK_INT(tend(&db, PARTITIONED_event, now, now - 30 * DAY_MS, did), ==, 0);
	/* days later there are more of them, and rows of then find a place */
	now += 20 * DAY_MS;
	CHECK_INT(tend(&db, PARTITIONED_event, now, now - 30 * DAY_MS, did), >, 2);
	CHECK_INT(PARTS(t, "event"), >, parts);
	put_event(t, now, 2);
	CHECK_INT(later(t), ==, 0);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event"), ==, 2);
	/* the first one is kept for thirty days at least, and gone not much later */
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event_before"), ==, 1);
	now += 30 * DAY_MS;
	CHECK_INT(tend(&db, PARTITIONED_event, now, now - 30 * DAY_MS, did), >, 2);
	CHECK(strncmp(did, "dropped event_gone_", 19) == 0);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event"), ==, 1);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM pg_class WHERE relname LIKE 'event_gone%' AND relkind = 'r'"), ==, 0);
	CHECK_INT(PARTS(t, "event"), <, 16);
	db.ops->close(&db);
}

PG_TEST(a_job_that_is_not_done_keeps_its_partition)
{
	char did[PARTITION_DID];
	int64_t now = now_of(), keep = 30 * DAY_MS;

	t_db_schema(t);
	struct db db = t_db_open(t);
	put_job(t, now, 1, "DONE", now);
	put_job(t, now, 2, "QUEUED", 0);
	tend(&db, PARTITIONED_job, now, now - keep, did);
	now += 100 * DAY_MS;
	tend(&db, PARTITIONED_job, now, now - keep, did);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM job"), ==, 2);
	t_db_script(t, "UPDATE job SET status = 'RUNNING', lease_until = 1 WHERE status = 'QUEUED'");
	CHECK_INT(tend(&db, PARTITIONED_job, now, now - keep, did), ==, 0);
	t_db_script(t, "UPDATE job SET status = 'DONE', lease_until = NULL WHERE status = 'RUNNING'");
	CHECK_INT(tend(&db, PARTITIONED_job, now, now - keep, did), >, 0);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM job"), ==, 0);
	db.ops->close(&db);
}

PG_TEST(rows_of_a_clock_that_was_ahead_are_there_all_the_time)
{
	char did[PARTITION_DID];
	int64_t now = now_of();

	t_db_schema(t);
	struct db db = t_db_open(t);
	for (int i = 0; i < 20; i++)
		put_event(t, now + (100 + i) * DAY_MS, i);
	CHECK_INT(later(t), ==, 20);
	tend(&db, PARTITIONED_event, now, now - 30 * DAY_MS, did);
	CHECK_INT(later(t), ==, 20);
	for (int day = 0; day < 160; day += 20) {	/* as their time comes they move into its range */
		tend(&db, PARTITIONED_event, now + day * DAY_MS, now - 30 * DAY_MS, did);
		CHECK_INT(t_db_count(t, "SELECT count(*) FROM event"), ==, 20);
	}
	CHECK_INT(later(t), ==, 0);
	/* the indexes of what moved are there */
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM pg_inherits h WHERE h.inhparent = to_regclass('event') AND NOT EXISTS"
	    " (SELECT 1 FROM pg_index i WHERE i.indrelid = h.inhrelid AND i.indisprimary AND i.indisvalid)"), ==, 0);
	db.ops->close(&db);
}

PG_TEST(a_time_in_which_nobody_was_there_is_one_range)
{
	char did[PARTITION_DID];
	int64_t now = now_of() + 3000 * DAY_MS;

	t_db_schema(t);
	struct db db = t_db_open(t);
	CHECK_INT(tend(&db, PARTITIONED_request_log, now, 0, did), <, 8);
	put_event(t, now, 1);
	CHECK_INT(PARTS(t, "request_log"), <, 10);
	db.ops->close(&db);
}

PG_TEST(rows_of_old_times_find_ranges_that_were_made_for_them)
{
	char did[PARTITION_DID];
	struct error e = { 0 };
	int64_t now = now_of() + 600 * DAY_MS, old = now - 300 * DAY_MS;

	t_db_schema(t);
	struct db db = t_db_open(t);
	put_event(t, now_of(), 1);
	for (int64_t day = now_of(); day < now; day += 8 * DAY_MS)	/* what was there once is dropped */
		tend(&db, PARTITIONED_event, day, day - 30 * DAY_MS, did);
	tend(&db, PARTITIONED_event, now, now - 30 * DAY_MS, did);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM pg_class WHERE relname = 'event_before'"), ==, 0);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event"), ==, 0);
	put_event(t, old, 1);
	put_event(t, old + 50 * DAY_MS, 2);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event_older"), ==, 2);
	for (int i = 0; i < 2; i++) {
		CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
		CHECK_OK(e, partition_span(&db, PARTITIONED_event, old, &e));
		CHECK_OK(e, db.ops->commit(&db, &e));
	}
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event_older"), ==, 0);
	put_event(t, old - 10 * DAY_MS, 3);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event_older"), ==, 1);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event"), ==, 3);
	tend(&db, PARTITIONED_event, now, now - 30 * DAY_MS, did);	/* they are older than they are kept */
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event"), ==, 0);
	CHECK_INT(PARTS(t, "event"), <, 14);
	put_event(t, old, 4);		/* an old row alone goes, too */
	CHECK_INT(tend(&db, PARTITIONED_event, now, now - 30 * DAY_MS, did), ==, 2);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event"), ==, 0);
	CHECK_INT(tend(&db, PARTITIONED_event, now, now - 30 * DAY_MS, did), ==, 0);
	db.ops->close(&db);
}

PG_TEST(the_sizes_of_request_logs_follow_what_is_dropped)
{
	char did[PARTITION_DID];
	int64_t now = now_of();

	t_db_schema(t);
	struct db db = t_db_open(t);
	t_db_script(t, "INSERT INTO request_log (workspace, id, principal, method, operation, path, status, error, us, bytes_in, bytes_out, ip, idempotency, weight)"
	    " SELECT lpad((i % 3)::text, 26, '0'), '01HZZZZZZZZZZZZZZZZZZ' || lpad(i::text, 5, '0'), 'k', 'GET', 'o', '/', 200, '', 1, 0, 0, '', 'none', 1"
	    " FROM generate_series(1, 45000) i");		/* several slices, and who has more than one of them */
	t_db_script(t, "INSERT INTO request_log_size (workspace, n) SELECT lpad(i::text, 26, '0'), 15000 + i FROM generate_series(0, 2) i");
	tend(&db, PARTITIONED_request_log, now, now - 7 * DAY_MS, did);
	CHECK_INT(t_db_count(t, "SELECT CAST(sum(n) AS BIGINT) FROM request_log_size"), ==, 45003);
	now += 20 * DAY_MS;
	tend(&db, PARTITIONED_request_log, now, now - 7 * DAY_MS, did);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM request_log_size WHERE n = CAST(workspace AS BIGINT)"), ==, 3);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM request_log"), ==, 0);
	db.ops->close(&db);
}

/* --- from plain tables, wherever it was cut short --- */

static void
plain(struct t_db *t, struct db *db)
{
	const struct migration *list;
	int n = migrate_list(&list);
	struct error e = { 0 };

	*db = t_db_open(t);
	CHECK_OK(e, migrate_do(db, &(struct migrate_job){ .list = list, .n = n, .to = PARTITION_SCHEMA - 1, .now = now_of() }, &e));
	put_event(t, now_of(), 1);
	put_job(t, now_of(), 1, "QUEUED", 0);
}

static void
convert(struct db *db, int64_t now)
{
	const struct migration *list;
	int n = migrate_list(&list);
	struct error e = { 0 };

	CHECK_OK(e, migrate(db, list, n, NULL, now, &e));
}

PG_TEST(a_conversion_goes_on_where_it_was_cut_short)
{
	static const char *const cut[] = {
		"SELECT 1",
		"ALTER TABLE event ADD CONSTRAINT event_bound CHECK (id < '01ZZZZZZZZ0000000000000000') NOT VALID",
		"ALTER TABLE event ADD CONSTRAINT event_bound CHECK (id < '01ZZZZZZZZ0000000000000000')",
		"ALTER TABLE event ADD CONSTRAINT event_bound CHECK (id < '01HZZZZZZZ0000000000000000') NOT VALID",	/* months ago */
	};
	struct db db;

	plain(t, &db);
	for (size_t i = 0; i < COUNT(cut); i++) {
		t_db_script(t, cut[i]);
		convert(&db, now_of());
		CHECK_INT(t_db_count(t, "SELECT count(*) FROM pg_class WHERE relkind = 'p' AND relnamespace = current_schema()::regnamespace"), ==, PARTITIONED_COUNT);
		CHECK_INT(t_db_count(t, "SELECT count(*) FROM event_before"), ==, 1);
		CHECK_INT(t_db_count(t, "SELECT count(*) FROM job WHERE status = 'QUEUED' AND run_at >= 0"), ==, 1);
		CHECK_INT(t_db_count(t, "SELECT count(*) FROM pg_constraint WHERE conname LIKE '%_bound'"), ==, 0);
		/* every index of the table has its part in what was there, none was built anew or is left over */
		CHECK_INT(t_db_count(t, "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass('job_before')"), ==, 4);
		CHECK_INT(t_db_count(t, "SELECT count(*) FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indexrelid WHERE i.indrelid = to_regclass('job_before')"), ==, 4);
		if (i + 1 < COUNT(cut)) {	/* as it was */
			t_db_script(t, "ALTER TABLE event DETACH PARTITION event_before");
			t_db_script(t, "DROP TABLE event");
			t_db_script(t, "ALTER TABLE event_before RENAME TO event");
			t_db_script(t, "ALTER INDEX event_pkey_before RENAME TO event_pkey");
			t_db_script(t, "DELETE FROM schema_version WHERE number = 6");
		}
	}
	db.ops->close(&db);
}

PG_TEST(a_row_of_a_clock_that_was_ahead_does_not_stop_a_conversion)
{
	struct db db;

	plain(t, &db);
	put_event(t, now_of() + 700 * DAY_MS, 2);
	convert(&db, now_of());
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event_before"), ==, 2);
	db.ops->close(&db);
}

PG_TEST(a_conversion_that_nobody_ends_is_taken_back_before_it_refuses_rows)
{
	struct error e = { 0 };
	int64_t now = now_of();
	ulid at = ulid_low(now + 3 * DAY_MS);
	struct db db;
	char sql[200];
	bool did;

	plain(t, &db);
	snprintf(sql, sizeof(sql), "ALTER TABLE event ADD CONSTRAINT event_bound CHECK (id < '%s') NOT VALID", at.s);
	t_db_script(t, sql);
	for (int days = 0; days < 4; days += 3) {
		CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
		CHECK_OK(e, partition_take_back(&db, PARTITIONED_event, now + days * DAY_MS, &did, &e));
		CHECK_OK(e, db.ops->commit(&db, &e));
		CHECK_INT(did, ==, days == 3);
	}
	put_event(t, now + 4 * DAY_MS, 3);
	convert(&db, now);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event"), ==, 2);
	db.ops->close(&db);
}
