#include "db/migrate.h"
#include "t_db.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct migration steps[] = {
	{ 1, "0001_first.sql", S_INIT("CREATE TABLE a (id {i64} NOT NULL PRIMARY KEY){strict}; INSERT INTO a (id) VALUES (1)"), M_WHOLE },
	{ 2, "0002_second.sql", S_INIT("CREATE TABLE b (id {id} NOT NULL PRIMARY KEY){clustered}; INSERT INTO a (id) VALUES (2)"), M_WHOLE },
	{ 3, "0003_third.sql", S_INIT("INSERT INTO a (id) VALUES (3); CREATE INDEX b_id ON b (id)"), M_WHOLE },
};
static const char sum_a[] = "SELECT sum(id) FROM a";

static enum err
up_to(struct t_db *t, const struct migration *list, int n, int64_t now, struct error *e)
{
	struct db db = t_db_open(t);
	enum err code = migrate(&db, list, n, t->pg ? NULL : t->path, now, e);

	db.ops->close(&db);
	return code;
}

/* The copy of a SQLite database from before migration `number`; path empty when there is none. */
static struct t_db
snapshot(const struct t_db *t, int number)
{
	struct t_db copy = { 0 };
	struct stat st;

	snprintf(copy.path, sizeof(copy.path), "%.120s.before-%04d", t->path, number);
	if (stat(copy.path, &st) != 0)
		copy.path[0] = '\0';
	return copy;
}

DB_TEST(a_fresh_database_gets_every_file_once)
{
	struct error e = { 0 };

	CHECK_OK(e, up_to(t, steps, 2, 1700000000000, &e));
	CHECK_INT(t_db_count(t, sum_a), ==, 3);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM schema_version WHERE applied_at = 1700000000000 AND length(hash) = 64"), ==, 2);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM schema_version WHERE number = 2 AND name = '0002_second.sql'"), ==, 1);
	CHECK_OK(e, up_to(t, steps, 2, 1700000000001, &e));
	CHECK_OK(e, up_to(t, steps, 2, 1700000000002, &e));
	CHECK_INT(t_db_count(t, sum_a), ==, 3);
	CHECK_INT(t_db_count(t, "SELECT max(applied_at) - 1700000000000 FROM schema_version"), ==, 0);
	CHECK(snapshot(t, 1).path[0] == '\0' && snapshot(t, 2).path[0] == '\0');
}

DB_TEST(the_built_in_files_make_the_schema)
{
	const struct migration *list;
	int n = migrate_list(&list);
	struct error e = { 0 };

	CHECK_INT(n, >=, 1);
	for (int i = 0; i < n; i++) {
		CHECK(i == 0 || list[i].number == list[i - 1].number + 1);
		CHECK(list[i].sql.n > 0 && list[i].sql.p[list[i].sql.n] == '\0');
	}
	CHECK_OK(e, up_to(t, list, n, 1, &e));
	CHECK_OK(e, up_to(t, list, n, 2, &e));
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM workspace"), ==, 0);
}

DB_TEST(an_upgrade_copies_what_was_there_first)
{
	struct error e = { 0 };

	CHECK_OK(e, up_to(t, steps, 1, 1, &e));
	CHECK_OK(e, up_to(t, steps, 3, 2, &e));
	CHECK_INT(t_db_count(t, sum_a), ==, 6);
	if (t->pg)
		return;
	struct t_db copy = snapshot(t, 2);
	CHECK(copy.path[0] != '\0');
	CHECK_INT(t_db_count(&copy, sum_a), ==, 1);
	CHECK_INT(t_db_count(&copy, "SELECT max(number) FROM schema_version"), ==, 1);
	CHECK(snapshot(t, 3).path[0] == '\0');		/* one upgrade, one copy */
	CHECK_OK(e, up_to(&copy, steps, 1, 3, &e));	/* the older program goes on with the copy */
}

SQLITE_TEST(a_copy_that_was_interrupted_is_made_anew)
{
	struct error e = { 0 };
	char part[200];
	FILE *f;

	CHECK_OK(e, up_to(t, steps, 1, 1, &e));
	snprintf(part, sizeof(part), "%s.before-0002.part", t->path);
	CHECK((f = fopen(part, "w")) != NULL && fputs("half a copy", f) > 0 && fclose(f) == 0);
	CHECK_OK(e, up_to(t, steps, 2, 2, &e));
	struct t_db copy = snapshot(t, 2);
	CHECK_INT(t_db_count(&copy, sum_a), ==, 1);
	CHECK(access(part, F_OK) != 0);
}

SQLITE_TEST(no_copy_no_upgrade)
{
	struct error e = { 0 };
	char odd[200];

	CHECK_OK(e, up_to(t, steps, 1, 1, &e));
	snprintf(odd, sizeof(odd), "%s/it's", t->path);
	struct db db = t_db_open(t);
	CHECK_ERR(migrate(&db, steps, 2, odd, 2, &e), E_STORAGE);
	snprintf(odd, sizeof(odd), "%s/no folder/x", t->path);
	CHECK_ERR(migrate(&db, steps, 2, odd, 2, &e), E_STORAGE);
	db.ops->close(&db);
	CHECK_INT(t_db_count(t, sum_a), ==, 1);
}

DB_TEST(a_newer_database_is_refused)
{
	struct error e = { 0 };

	CHECK_OK(e, up_to(t, steps, 3, 1, &e));
	CHECK_ERR(up_to(t, steps, 2, 2, &e), E_STORAGE);
	CHECK(strstr(e.detail, "schema 3") != NULL && strstr(e.detail, "newer") != NULL);
	CHECK_INT(t_db_count(t, sum_a), ==, 6);
}

DB_TEST(a_changed_file_is_refused)
{
	struct migration other[3];
	struct error e = { 0 };

	memcpy(other, steps, sizeof(other));
	other[0].sql = S("CREATE TABLE a (id {i64} NOT NULL PRIMARY KEY){strict}; INSERT INTO a (id) VALUES (1) -- changed");
	CHECK_OK(e, up_to(t, steps, 2, 1, &e));
	CHECK_ERR(up_to(t, other, 3, 2, &e), E_STORAGE);
	CHECK(strstr(e.detail, "schema 1") != NULL && strstr(e.detail, "0001_first.sql") != NULL);
	CHECK_INT(t_db_count(t, sum_a), ==, 3);
}

DB_TEST(a_failing_file_leaves_nothing)
{
	static const char *const bad[] = {
		"INSERT INTO a (id) VALUES (7); CREATE TABLE c (id {i64}); NONSENSE", "INSERT INTO a (id) VALUES (7); INSERT INTO a (id) VALUES (1)",
	};
	struct migration list[3];
	struct error e = { 0 };

	memcpy(list, steps, sizeof(list));
	for (size_t i = 0; i < COUNT(bad); i++) {
		list[2].sql = str_z(bad[i]);
		CHECK_ERR(up_to(t, list, 3, 1, &e), E_STORAGE);
		CHECK_INT(e.code, ==, E_STORAGE);
		CHECK_INT(t_db_count(t, sum_a), ==, 3);			/* those before it stay */
		CHECK_INT(t_db_count(t, "SELECT max(number) FROM schema_version"), ==, 2);
	}
	CHECK_OK(e, up_to(t, steps, 3, 2, &e));
	CHECK_INT(t_db_count(t, sum_a), ==, 6);
}

struct node { pthread_t thread; struct t_db *t; enum err code; struct error e; };

static void *
start_node(void *arg)
{
	struct node *n = arg;

	n->code = up_to(n->t, steps, 3, 1, &n->e);
	return NULL;
}

/* one embedded server has one data folder */
PG_TEST(nodes_that_start_together_share_the_work)
{
	struct node node[6];
	struct error e = { 0 };

	for (int i = 0; i < 6; i++) {
		node[i] = (struct node){ .t = t };
		CHECK_OK(e, sys_thread(&node[i].thread, "node", start_node, &node[i], &e));
	}
	for (int i = 0; i < 6; i++) {
		pthread_join(node[i].thread, NULL);
		if (node[i].code != OK)
			t_fail(__FILE__, __LINE__, "%s", node[i].e.detail);
	}
	CHECK_INT(t_db_count(t, sum_a), ==, 6);
}

SQLITE_TEST(a_file_that_is_no_database_is_left_alone)
{
	struct db_sqlite_conf c = { t->path, false, 100, 0 };
	static const char text[] = "This is a letter, and somebody may want it back.  It is a little longer than the header of a database.\n";
	struct error e = { 0 };
	char back[200] = "";
	struct db db;
	FILE *f;

	CHECK((f = fopen(t->path, "w")) != NULL && fputs(text, f) > 0 && fclose(f) == 0);
	CHECK_ERR(db_sqlite_open(&c, &db, &e), E_STORAGE);
	CHECK(strstr(e.detail, "not a database") != NULL && strstr(e.detail, t->path) != NULL);
	CHECK((f = fopen(t->path, "r")) != NULL && fgets(back, sizeof(back), f) != NULL && fclose(f) == 0);
	CHECK_STR(str_z(back), str_z(text));
}

/* --- on PostgreSQL, while others are there --- */

static const struct migration apart[] = {
	{ 1, "0001_first.sql", S_INIT("CREATE TABLE a (id {i64} NOT NULL PRIMARY KEY, n {i64}){strict}; INSERT INTO a (id, n) VALUES (1, 1)"), M_WHOLE },
	{ 2, "0002_index.sql", S_INIT("-- an index without a lock\nCREATE INDEX {pg}CONCURRENTLY {/pg}IF NOT EXISTS a_n ON a (n);\nINSERT INTO a (id, n) VALUES (2, 2)\n ON CONFLICT (id) DO NOTHING;\n"), M_APART },
};
static const char valid[] = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('a_n') AND indisvalid";

DB_TEST(what_is_apart_runs_by_itself_and_again_after_it_was_cut_short)
{
	struct error e = { 0 };

	CHECK_OK(e, up_to(t, apart, 1, 1, &e));
	if (t->pg) {	/* as a kill -9 leaves it: the row is in, the index is half made, and nothing is written down */
		t_db_script(t, "INSERT INTO a (id, n) VALUES (2, 2)");
		t_db_script(t, "CREATE INDEX a_n ON a (n)");
		t_db_script(t, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('a_n')");
		CHECK_INT(t_db_count(t, valid), ==, 0);
	}
	CHECK_OK(e, up_to(t, apart, 2, 2, &e));
	CHECK_INT(t_db_count(t, "SELECT sum(n) FROM a"), ==, 3);
	CHECK_INT(t_db_count(t, "SELECT max(number) FROM schema_version"), ==, 2);
	if (t->pg)
		CHECK_INT(t_db_count(t, valid), ==, 1);
}

struct holder { struct db db; atomic_bool asked; };

static void
note_asked(void *ctx, const char *what)
{
	(void)what;
	((struct holder *)ctx)->asked = true;
}

/* It is tried again and again, each time so shortly that nobody who stands behind it notices. */
static void *
hold_a_while(void *arg)
{
	struct holder *h = arg;
	struct error e;

	while (!h->asked)
		usleep(10000);
	usleep(900000);
	CHECK_OK(e, h->db.ops->commit(&h->db, &e));
	return NULL;
}

DB_TEST(who_holds_a_table_goes_first_and_nobody_stands_behind_us_for_long)
{
	static const struct migration list[] = {
		{ 1, "0001_first.sql", S_INIT("CREATE TABLE a (id {i64} NOT NULL PRIMARY KEY){strict}"), M_WHOLE },
		{ 2, "0002_column.sql", S_INIT("ALTER TABLE a ADD COLUMN n {i64}"), M_WHOLE },
	};
	struct migrate_job j = { .list = list, .n = 2, .tell = note_asked };
	struct error e = { 0 };
	struct holder h = { .asked = false };
	pthread_t thread;

	CHECK_OK(e, up_to(t, list, 1, 1, &e));
	if (!t->pg)
		return;
	h.db = t_db_open(t);
	CHECK_OK(e, h.db.ops->begin(&h.db, TX_WRITE, &e));
	CHECK_OK(e, h.db.ops->script(&h.db, "INSERT INTO a (id) VALUES (1)", &e));
	CHECK_OK(e, sys_thread(&thread, "holder", hold_a_while, &h, &e));
	struct db db = t_db_open(t);
	j.ctx = &h;
	CHECK_OK(e, migrate_do(&db, &j, &e));
	pthread_join(thread, NULL);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM a WHERE n IS NULL"), ==, 1);
	CHECK_INT(j.at, ==, 2);
	db.ops->close(&db);
	h.db.ops->close(&h.db);
}

PG_TEST(a_start_on_postgresql_says_whether_it_can_serve_and_changes_nothing)
{
	const struct migration *list;
	int n = migrate_list(&list), at;
	struct error e = { 0 };

	struct db db = t_db_open(t);
	CHECK_ERR(migrate_fits(&db, list, n, &e), E_STORAGE);
	CHECK(strstr(e.detail, "empty") != NULL && strstr(e.detail, "setup") != NULL);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace"), ==, 0);
	CHECK_OK(e, migrate_do(&db, &(struct migrate_job){ .list = list, .n = n, .to = schema_oldest - 1 }, &e));
	CHECK_ERR(migrate_fits(&db, list, n, &e), E_STORAGE);
	CHECK(strstr(e.detail, "scriped migrate") != NULL);
	CHECK_OK(e, migrate_do(&db, &(struct migrate_job){ .list = list, .n = n, .to = schema_oldest }, &e));
	CHECK_OK(e, migrate_fits(&db, list, n, &e));
	CHECK_INT(db_schema(), ==, schema_oldest);
	CHECK_OK(e, migrate_look(&db, list, n, &at, &e));
	CHECK_INT(at, ==, schema_oldest);
	t_db_script(t, "INSERT INTO schema_version (number, name, hash, applied_at) VALUES (9999, 'later', '', 1)");
	CHECK_ERR(migrate_fits(&db, list, n, &e), E_STORAGE);
	CHECK(strstr(e.detail, "newer") != NULL);
	db.ops->close(&db);
	db_schema_is(n);
}
