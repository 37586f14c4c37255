#include "t_db.h"
#include "crypto/crypto.h"
#include "db/migrate.h"
#include <libpq-fe.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

/* Of this program: a connection to the server of the tests, and the database with our tables that its tests use one after the other. */
static struct { PGconn *server, *c; char name[40], mark[400]; pid_t pid; } own;

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
	if (own.server == NULL || PQstatus(own.server) != CONNECTION_OK) {
		PQfinish(own.server);
		own.server = PQconnectdb(getenv("SCRIPED_TEST_PG"));
		run(own.server, "SET client_min_messages = error; SET lock_timeout = '10s'");
	}
	run(own.server, sql);
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

/* What there is beside rows, in a word that changes with it.  Whoever makes, alters or analyses a table writes to a catalog; a
 * database that has become large is as good as changed. */
static const char what_it_is[] =
	"SELECT concat_ws(' ', (SELECT sum(pg_relation_size(oid)) < 4000000 FROM pg_class WHERE relnamespace = 'public'::regnamespace),"
#define WRITES(catalog) " (SELECT count(*) || '/' || max(xmin::text::bigint) FROM " catalog "),"
	WRITES("pg_class") WRITES("pg_attribute") WRITES("pg_constraint") WRITES("pg_trigger") WRITES("pg_proc") WRITES("pg_namespace") WRITES("pg_statistic")
	WRITES("public.schema_version") " (SELECT count(*) FROM pg_db_role_setting))";
/* TRUNCATE makes new files of each table and each of its indexes. */
static const char no_rows[] =
	"DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
	" AND relname <> 'schema_version' AND pg_relation_size(oid) > 0 LOOP EXECUTE 'DELETE FROM ' || t; END LOOP; END $$";
static const char nobody_else[] =
	"SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

static void
look(char ret[sizeof(own.mark)])
{
	PGresult *r = PQexec(own.c, what_it_is);

	snprintf(ret, sizeof(own.mark), "%s", PQntuples(r) == 1 ? PQgetvalue(r, 0, 0) : PQerrorMessage(own.c));
	PQclear(r);
}

static void
drop_own(void)
{
	char sql[128];

	if (own.pid != getpid())		/* a child that ends */
		return;
	PQfinish(own.c);
	own.c = NULL;
	if (own.name[0] != '\0') {
		snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", own.name);
		in_base(sql);
	}
	own.name[0] = '\0';
}

/* For the next test: the same database without a row, or none, when this one has left other things behind than rows. */
static void
empty_own(void)
{
	char now[sizeof(own.mark)];

	run(own.c, nobody_else);
	run(own.c, no_rows);
	look(now);
	if (strcmp(now, own.mark) != 0)
		drop_own();
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
	if (t.copied)
		empty_own();
	snprintf(sql, sizeof(sql), "DROP SCHEMA %s CASCADE", t.schema);
	in_base(sql);
}

void
t_db_each(unsigned engines, void (*test)(struct t_db *))
{
	const char *base = getenv("SCRIPED_TEST_PG");

	if (engines & T_SQLITE)
		on_sqlite(test);
	if (base == NULL || base[0] == '\0' || !(engines & T_POSTGRES))
		return;
	printf("# %son PostgreSQL\n", engines & T_SQLITE ? "the same " : "");
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

/* Several programs may be the first at the same time: one makes it, the others wait for the lock. */
static void
make_template(PGconn *c, const char *base, const char *name)
{
	struct t_db t = { .pg = true };
	char sql[200];

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
make_own(const char *base, const char *name)
{
	char template[40], sql[200], uri[900];
	PGconn *c = PQconnectdb(base);

	name_template(template);
	run(c, "SET client_min_messages = error");
	run(c, "SELECT pg_advisory_lock(1970)");		/* ends with the connection */
	make_template(c, base, template);
	snprintf(own.name, sizeof(own.name), "%s", name);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE %s%s", name, template, PQserverVersion(c) >= 150000 ? " STRATEGY file_copy" : "");
	run(c, sql);
	PQfinish(c);
	snprintf(uri, sizeof(uri), "%s%sdbname=%s", base, more(base), name);
	own.c = PQconnectdb(uri);
	run(own.c, "SET session_replication_role = replica; SET client_min_messages = error");	/* rows go in any order */
	look(own.mark);
	if (own.pid == 0)
		atexit(drop_own);
	own.pid = getpid();
}

static void
use_own(struct t_db *t, const char *base)
{
	const struct migration *list;

	PQfinish(t->counter);		/* it counted where nothing is any more */
	t->counter = NULL;
	if (own.name[0] == '\0')
		make_own(base, t->schema);
	t->copied = true;
	db_schema_is(migrate_list(&list));	/* numbers are without a gap */
	snprintf(t->uri, sizeof(t->uri), "%s%sdbname=%s&application_name=%s", base, more(base), own.name, t->schema);
}

/* A file of all tables takes a program 40 ms to make, sanitized. */
static void
copy_file(struct t_db *t)
{
	static struct t_db first;
	const struct migration *list;
	struct arena a;

	if (first.path[0] == '\0') {
		snprintf(first.path, sizeof(first.path), "%s/tables.db", t_dir());
		all_tables(&first);
	}
	arena_init(&a, 4 << 20);
	str all = t_file(&a, first.path);
	FILE *f = fopen(t->path, "wbx");
	if (f == NULL)
		all_tables(t);		/* it is there: what a test stopped and starts again */
	else if (fwrite(all.p, 1, all.n, f) != all.n || fclose(f) != 0)
		t_fail(__FILE__, __LINE__, "%s: cannot be written", t->path);
	arena_free(&a);
	db_schema_is(migrate_list(&list));	/* numbers are without a gap */
}

void
t_db_schema(struct t_db *t)
{
	if (t->pg && !t->copied)
		use_own(t, getenv("SCRIPED_TEST_PG"));
	else if (!t->pg)
		copy_file(t);
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
