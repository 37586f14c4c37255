#include "t_db.h"
#include "crypto/crypto.h"
#include "db/migrate.h"
#include <libpq-fe.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

static void
need(enum err code, const struct error *e)
{
	if (code == OK)
		return;
	printf("Bail out! %s\n", e->detail);
	exit(1);
}

/* How many rows it gave; -1 when it failed. */
static int
run(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);
	ExecStatusType st = PQresultStatus(r);
	int n = st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK ? PQntuples(r) : -1;

	if (n < 0)
		t_fail(__FILE__, __LINE__, "%s: %s", sql, PQerrorMessage(c));
	PQclear(r);
	return n;
}

static void
in_base(const char *sql)
{
	PGconn *c = PQconnectdb(getenv("SCRIPED_TEST_PG"));

	run(c, sql);
	PQfinish(c);
}

static const char *
more(const char *uri)
{
	return strchr(uri, '?') != NULL ? "&" : "?";
}

static void
on_sqlite(void (*test)(struct t_db *))
{
	static int made;
	struct t_db t = { 0 };

	snprintf(t.path, sizeof(t.path), "%s/t%d.db", t_dir(), ++made);
	test(&t);
}

static void
on_postgres(const char *base, void (*test)(struct t_db *))
{
	struct t_db t = { .pg = true };
	char sql[128];
	uint64_t rnd;

	sys_random(&rnd, sizeof(rnd));
	snprintf(t.schema, sizeof(t.schema), "t_%016llx", (unsigned long long)rnd);
	snprintf(t.uri, sizeof(t.uri), "%s%soptions=-csearch_path%%3D%s&application_name=%s", base, more(base), t.schema, t.schema);
	snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", t.schema);
	in_base(sql);
	test(&t);
	PQfinish(t.counter);
	if (t.copied) {
		snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", t.schema);
		in_base(sql);
	}
	snprintf(sql, sizeof(sql), "SET client_min_messages = error; SET lock_timeout = '10s'; DROP SCHEMA %s CASCADE", t.schema);
	in_base(sql);
}

void
t_db_each(bool sqlite_only, void (*test)(struct t_db *))
{
	const char *base = getenv("SCRIPED_TEST_PG");

	on_sqlite(test);
	if (base == NULL || base[0] == '\0' || sqlite_only)
		return;
	printf("# the same on PostgreSQL\n");
	on_postgres(base, test);
}

struct db
t_db_open(struct t_db *t)
{
	struct db_sqlite_conf lite = { t->path, false, 2000, 0 };
	struct error e;
	struct db db;

	need(t->pg ? db_pg_open(t->uri, &db, &e) : db_sqlite_open(&lite, &db, &e), &e);
	return db;
}

void
t_db_script(struct t_db *t, const char *sql)
{
	struct db db = t_db_open(t);
	struct error e;

	need(db.ops->script(&db, sql, &e), &e);
	db.ops->close(&db);
}

static void
all_tables(struct t_db *t)
{
	struct db db = t_db_open(t);
	const struct migration *list;
	int n = migrate_list(&list);
	struct error e;

	need(migrate(&db, list, n, NULL, sys_wall_ms(&sys_clock_real), &e), &e);
	db.ops->close(&db);
}

static void
name_template(char ret[40])
{
	const struct migration *list;
	int n = migrate_list(&list);
	struct crypto_sha256 all;
	digest d;

	crypto_sha256_init(&all);
	for (int i = 0; i < n; i++)
		crypto_sha256_add(&all, list[i].sql);
	d = crypto_sha256_end(&all);
	memcpy(ret, "unit_", 5);
	crypto_hex(ret + 5, d.b, 8);
}

/* Several programs may be the first at the same time: one makes it, the others wait for the lock, which ends with the connection. */
static void
make_template(PGconn *c, const char *base, const char *name)
{
	struct t_db t = { .pg = true };
	char sql[200];

	run(c, "SELECT pg_advisory_lock(1970)");
	snprintf(sql, sizeof(sql), "SELECT 1 FROM pg_database WHERE datname = '%s'", name);
	if (run(c, sql) != 0)
		return;
	snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s_part", name);
	run(c, sql);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s_part TEMPLATE template0", name);
	run(c, sql);
	snprintf(t.uri, sizeof(t.uri), "%s%sdbname=%s_part", base, more(base), name);
	all_tables(&t);
	snprintf(sql, sizeof(sql), "ALTER DATABASE %s_part RENAME TO %s", name, name);
	run(c, sql);
}

/* A copy of a database that has all tables takes a fifth of what it takes to make them; copied as files, half of what it takes through the log. */
static void
copy_template(struct t_db *t, const char *base)
{
	PGconn *c = PQconnectdb(base);
	const struct migration *list;
	char name[40], sql[200];

	PQfinish(t->counter);		/* it counted where nothing is any more */
	t->counter = NULL;
	name_template(name);
	run(c, "SET client_min_messages = error");
	make_template(c, base, name);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE %s%s", t->schema, name, PQserverVersion(c) >= 150000 ? " STRATEGY file_copy" : "");
	t->copied = run(c, sql) >= 0;
	PQfinish(c);
	db_schema_is(migrate_list(&list));	/* numbers are without a gap */
	snprintf(t->uri, sizeof(t->uri), "%s%sdbname=%s&application_name=%s", base, more(base), t->schema, t->schema);
}

void
t_db_schema(struct t_db *t)
{
	if (t->pg && !t->copied)
		copy_template(t, getenv("SCRIPED_TEST_PG"));
	else if (!t->pg)
		all_tables(t);
}

struct engine_conf
t_db_conf(struct t_db *t)
{
	return (struct engine_conf){
		.pg_uri = t->pg ? t->uri : NULL, .path = t->path, .cache_kb = 2000, .pool = 4, .queue_max = 1000, .readers_max = 4,
		.deadline_us = 30000000, .clock = &sys_clock_real,
	};
}

struct engine *
t_db_engine(const struct engine_conf *c)
{
	struct engine *g = NULL;
	struct error e;

	need(engine_open(c, &g, &e), &e);
	return g;
}

static int64_t
count_sqlite(const char *path, const char *sql)
{
	sqlite3 *c = NULL;
	sqlite3_stmt *s = NULL;
	int64_t n = -1;

	if (sqlite3_open_v2(path, &c, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK && sqlite3_prepare_v2(c, sql, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	else
		t_fail(__FILE__, __LINE__, "%s: %s", sql, sqlite3_errmsg(c));
	sqlite3_finalize(s);
	sqlite3_close(c);
	return n;
}

/* To connect costs PostgreSQL more than to count; a test may have cut the connection meanwhile. */
static int64_t
count_postgres(struct t_db *t, const char *sql)
{
	PGresult *r = t->counter != NULL ? PQexec(t->counter, sql) : NULL;
	int64_t n = -1;

	if (t->counter == NULL || PQstatus(t->counter) != CONNECTION_OK) {
		PQclear(r);
		PQfinish(t->counter);
		t->counter = PQconnectdb(t->uri);
		r = PQexec(t->counter, sql);
	}
	if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1)
		n = atoll(PQgetvalue(r, 0, 0));
	else
		t_fail(__FILE__, __LINE__, "%s: %s", sql, PQerrorMessage(t->counter));
	PQclear(r);
	return n;
}

int64_t
t_db_count(struct t_db *t, const char *sql)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&one);
	int64_t n = t->pg ? count_postgres(t, sql) : count_sqlite(t->path, sql);
	pthread_mutex_unlock(&one);
	return n;
}

ulid
t_ulid(int64_t ms, int n)
{
	uint8_t rnd[10] = { 0 };

	for (int i = 0; i < 4; i++)
		rnd[9 - i] = (uint8_t)(n >> 8 * i);
	return ulid_from(ms, rnd);
}

void
t_bench_open(struct t_bench *b, struct t_db *t)
{
	t_db_schema(t);
	*b = (struct t_bench){ .db = t_db_open(t) };
	arena_init(&b->a, 1 << 20);
}

void
t_bench_close(struct t_bench *b)
{
	arena_free(&b->a);
	b->db.ops->close(&b->db);
}
