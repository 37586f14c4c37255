/* How PostgreSQL runs the statements of partitioned tables, with plans that are made once for all values: how many partitions each
 * touches of some fifteen, and that none is read from end to end. */
#include "db/partition.h"
#include "model/job.h"
#include "model/ledger.h"
#include "model/request.h"
#include "t_db.h"
#include <libpq-fe.h>
#include <stdlib.h>

#define W	"01J9ZAB12CD34E56F7G8H9JKMN"
#define ROWS	60
#define ALL	99

/* Of a page: those ahead of time, which are empty, and the one that fills it.  ALL: it is of no time, and an index search in each. */
enum { LOOKUP = 1, PAGE = 6 };
static const struct { const char *name; int most; } expect[] = {
	{ "audit.page", PAGE }, { "audit.page_of", ALL }, { "audit.anchor", LOOKUP }, { "audit.clean", ALL },
	{ "event.since", ALL }, { "event.clean", ALL },
	{ "request_log.oldest", ALL }, { "request_log.older", ALL },
	{ "request_log.page", PAGE }, { "request_log.page_failed", ALL }, { "request_log.page_of", ALL }, { "request_log.page_of_failed", ALL },
	{ "request_log.get", LOOKUP }, { "request_log.anchor", LOOKUP },
	{ "job.page", PAGE }, { "job.page_one", ALL }, { "job.page_some", ALL }, { "job.page_any", ALL }, { "job.count_between", ALL },
	{ "job.claim", ALL }, { "job.lost", ALL }, { "job.ended", ALL }, { "job.renew", ALL }, { "job.count_queued", ALL }, { "job.count_running", ALL },
	{ "job.durations", ALL }, { "job.clean", ALL },
	/* the others are of one row */
};

static int
most_of(const char *name)
{
	for (size_t i = 0; i < COUNT(expect); i++)
		if (strcmp(expect[i].name, name) == 0)
			return expect[i].most;
	return LOOKUP;
}

static bool
names_table(const char *sql, const char *table)
{
	size_t n = strlen(table);

	for (const char *at = sql; (at = strstr(at, table)) != NULL; at += n)
		if (at > sql && at[-1] == ' ' && (at[n] == ' ' || at[n] == '\0' || at[n] == ')'))
			return true;
	return false;
}

static PGresult *
ask(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);

	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		t_fail(__FILE__, __LINE__, "%.200s: %s", sql, PQerrorMessage(c));
	return r;
}

static void do_(PGconn *c, const char *sql) { PQclear(ask(c, sql)); }

/* Values that make sense: the workspace, an id of now (of a page: behind all), and small numbers. */
static void
execute(PGconn *c, const char *id, bool page, struct buf *sql)
{
	PGresult *r = ask(c, "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 'one'");

	buf_add(sql, S("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE one"));
	for (int i = 0; i < PQntuples(r); i++) {
		bool text = strcmp(PQgetvalue(r, i, 0), "text") == 0;
		buf_add(sql, i == 0 ? S("(") : S(", "));
		if (!text)
			buf_add(sql, S("50"));
		else
			buf_fmt(sql, "'%s'", i == 0 ? W : i == 1 ? (page ? "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" : id) : "");
	}
	if (PQntuples(r) > 0)
		buf_add(sql, S(")"));
	PQclear(r);
}

/* How many partitions of the table its plan really looked into. */
static int
touched(PGconn *c, const struct stmt *q, const char *table, const char *sql)
{
	PGresult *r = ask(c, sql);
	char seen[ALL][64];
	char on[40];
	int n = 0;

	snprintf(on, sizeof(on), " on %s_", table);
	for (int i = 0; i < PQntuples(r); i++) {
		const char *line = PQgetvalue(r, i, 0), *at = strstr(line, on);
		if (at == NULL || strstr(line, "Scan") == NULL || strstr(line, "never executed") != NULL)
			continue;
		if (strstr(line, "Seq Scan") != NULL)
			t_fail(__FILE__, __LINE__, "%s: %s", q->name, line);
		int k = 0;
		at += 4;
		while (k < n && (strncmp(seen[k], at, strcspn(at, " ")) != 0 || seen[k][strcspn(at, " ")] != '\0'))
			k++;
		if (k == n && n < ALL)
			snprintf(seen[n++], sizeof(seen[0]), "%.*s", (int)strcspn(at, " "), at);
	}
	PQclear(r);
	return n;
}

static void
explain(PGconn *c, struct arena *a, const struct stmt *q, const char *table, const char *id)
{
	static const struct dialect words[] = { { "{i64}", "BIGINT" }, { "{pg}", "" }, { "{/pg}", "" }, { "{id}", "TEXT" },
	    { "{skip_locked}", " FOR UPDATE SKIP LOCKED" }, { "{for_update}", " FOR NO KEY UPDATE" }, { NULL, NULL } };
	int most = most_of(q->name);
	char *text = db_expand(q->sql, words);
	struct buf b;

	do_(c, "BEGIN");
	do_(c, str_fmt(a, "PREPARE one AS %s", text).p);
	buf_init(&b, a, 10000);
	execute(c, id, most != LOOKUP, &b);
	int n = touched(c, q, table, str_dup(a, buf_str(&b)).p);
	if (n > most)
		t_fail(__FILE__, __LINE__, "%s touches %d partitions of %s, not %d", q->name, n, table, most);
	do_(c, "ROLLBACK");
	do_(c, "DEALLOCATE one");
	free(text);
}

/* A year of the duty, and rows of today. */
static void
age(struct t_db *t, struct db *db)
{
	int64_t now = sys_wall_ms(&sys_clock_real);
	char did[PARTITION_DID];
	struct error e;

	for (int64_t day = now - 60 * DAY_MS; day <= now + 40 * DAY_MS; day += DAY_MS)
		for (int i = 0; i < PARTITIONED_COUNT; i++)
			do {
				CHECK_OK(e, db->ops->begin(db, TX_WRITE, &e));
				CHECK_OK(e, partition_turn(db, (enum partitioned)i, day, day - 30 * DAY_MS, did, &e));
				CHECK_OK(e, db->ops->commit(db, &e));
			} while (did[0] != '\0');
	(void)t;
}

static void
put_rows(struct t_db *t, const ulid *id)
{
	char sql[700], to[30];

	snprintf(to, sizeof(to), "%.22s", id->s);
	snprintf(sql, sizeof(sql), "INSERT INTO job (workspace, id, type, status, input, run_at, queued_us, updated_at)"
	    " SELECT '" W "', '%s' || lpad(i::text, 4, '0'), 'NOOP', 'QUEUED', '{}', 1, 1, 1 FROM generate_series(1, %d) i", to, ROWS);
	t_db_script(t, sql);
	snprintf(sql, sizeof(sql), "INSERT INTO audit (workspace, id, principal, mode, method, route, status, request, ip)"
	    " SELECT '" W "', '%s' || lpad(i::text, 4, '0'), 'k', 'live', 'GET', '/', 200, 'r', '' FROM generate_series(1, %d) i", to, ROWS);
	t_db_script(t, sql);
	snprintf(sql, sizeof(sql), "INSERT INTO request_log (workspace, id, principal, mode, method, operation, path, status, error, us, bytes_in, bytes_out, ip,"
	    " idempotency, weight) SELECT '" W "', '%s' || lpad(i::text, 4, '0'), '', 'live', '', '', '/', 50, '', 1, 1, 1, '', 'none', 1"
	    " FROM generate_series(1, %d) i", to, ROWS);
	t_db_script(t, sql);
}

PG_TEST(a_row_is_found_in_one_partition_and_a_page_ends_where_it_is_full)
{
	static const char *const tables[] = { "audit", "event", "request_log", "job" };
	struct stmt *const *list;
	int n = db_stmts(&list), asked = 0;
	struct t_bench b;

	t_bench_open(&b, t);
	ulid id = ulid_low(sys_wall_ms(&sys_clock_real) + 40 * DAY_MS);
	age(t, &b.db);
	put_rows(t, &id);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('job')"), >, 8);
	PGconn *c = PQconnectdb(t->uri);
	do_(c, "SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off");
	for (int i = 0; i < n; i++)
		for (size_t k = 0; k < COUNT(tables); k++) {
			if (list[i]->pg || strncmp(list[i]->sql, "INSERT", 6) == 0 || !names_table(list[i]->sql, tables[k]))
				continue;
			struct arena_mark mark = arena_mark(&b.a);
			explain(c, &b.a, list[i], tables[k], id.s);
			arena_back(&b.a, mark);
			asked++;
		}
	CHECK_INT(asked, >, 30);
	PQfinish(c);
	t_bench_close(&b);
}
