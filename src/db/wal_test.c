#include "db/db.h"
#include "t_db.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

static const char table[] = "CREATE TABLE w (id {i64} NOT NULL PRIMARY KEY, s TEXT NOT NULL){strict}";
SQL(put, "t.wal_put", "INSERT INTO w (id, s) VALUES ($1, $2)");
SQL(change, "t.wal_change", "UPDATE w SET s = $2 WHERE id >= $1");
SQL(sum, "t.wal_sum", "SELECT count(*), CAST(COALESCE(sum(length(s)), 0) AS {i64}) FROM w WHERE id >= 0");

enum { LONG = 2000 };
static char text[LONG + 1];

/* A page cache so small that a transaction spills into the log and reads back from there. */
static struct db
writer(struct t_db *t)
{
	struct db_sqlite_conf c = { t->path, false, 64, 0 };
	struct error e = { 0 };
	struct db db;

	memset(text, 'x', LONG);
	CHECK_OK(e, db_sqlite_open(&c, &db, &e));
	return db;
}

static enum err
fill(struct db *db, int from, int to, struct error *e)
{
	for (int i = from; i < to; i++)
		TRY(db_run(db, put, e, V(i), V(str_z(text))));
	return OK;
}

/* Rows, and letters in them, as another connection sees them. */
static void
check_sum(struct t_db *t, int64_t rows, int64_t letters)
{
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM w"), ==, rows);
	CHECK_INT(t_db_count(t, "SELECT CAST(COALESCE(sum(length(s)), 0) AS INTEGER) FROM w"), ==, letters);
}

/* Calls of this process that wrote; reading them costs none. */
static long
writes(void)
{
	char line[100];
	long n = 0;
	FILE *f = fopen("/proc/self/io", "r");

	CHECK(f != NULL);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "syscw: ", 7) == 0)
			n = atol(line + 7);
	if (f != NULL)
		fclose(f);
	return n;
}

SQLITE_TEST(a_commit_is_given_to_the_log_in_long_strides)
{
	struct error e = { 0 };

	t_db_script(t, table);
	struct db db = writer(t);
	long before = writes();
	CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
	CHECK_OK(e, fill(&db, 0, 400, &e));
	CHECK_OK(e, db.ops->commit(&db, &e));
	CHECK_INT(writes() - before, <, 100);		/* of some 250 pages, which were 500 writes */
	check_sum(t, 400, 400 * LONG);
	db.ops->close(&db);
}

SQLITE_TEST(what_spills_is_read_back_and_what_is_undone_is_gone)
{
	struct error e = { 0 };
	struct rows r;

	t_db_script(t, table);
	struct db db = writer(t);
	for (int round = 0; round < 3; round++) {
		CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
		CHECK_OK(e, fill(&db, round * 200, round * 200 + 200, &e));
		CHECK_OK(e, db.ops->mark(&db, true, &e));
		CHECK_OK(e, db_run(&db, change, &e, V(0), V(S("short"))));
		CHECK_OK(e, db_query_(&db, &sum, &r, &e, NULL, 0));
		CHECK(db_next(&r));
		CHECK_INT(db_col(&r, 0).i, ==, (round + 1) * 200);
		CHECK_INT(db_col(&r, 1).i, ==, (round + 1) * 200 * 5);
		CHECK_OK(e, db_done(&r, &e));
		CHECK_OK(e, db.ops->rewind(&db, &e));
		CHECK_OK(e, db.ops->release(&db, &e));
		check_sum(t, round * 200, round * 200 * LONG);		/* nobody sees it yet */
		CHECK_OK(e, db.ops->commit(&db, &e));
		check_sum(t, (round + 1) * 200, (round + 1) * 200 * LONG);
		if (round == 1)
			CHECK(db_sqlite_checkpoint(&db));		/* the log begins anew */
	}
	CHECK_OK(e, db_sqlite_sound(&db, &e));
	db.ops->close(&db);
	check_sum(t, 600, 600 * LONG);
}

/* The disk is full at each place of the log in turn: the commit says so, nothing of it stands, and the next one does. */
SQLITE_TEST(a_log_that_cannot_grow_fails_the_commit_and_nothing_else)
{
	struct rlimit old, low;
	struct error e = { 0 };
	int64_t rows = 0;

	t_db_script(t, table);
	struct db db = writer(t);
	signal(SIGXFSZ, SIG_IGN);
	CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
	for (rlim_t kb = 40; kb <= 1000; kb += 120) {
		low = (struct rlimit){ kb << 10, old.rlim_max };
		CHECK(setrlimit(RLIMIT_FSIZE, &low) == 0);
		enum err code = db.ops->begin(&db, TX_WRITE, &e);
		if (code == OK)
			code = fill(&db, (int)rows, (int)rows + 300, &e);
		if (code == OK)
			code = db.ops->commit(&db, &e);
		if (code != OK)
			db.ops->rollback(&db);
		CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
		if (kb < 600)
			CHECK(code == E_STORAGE || code == E_FULL);
		if (code == OK)
			rows += 300;
		CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
		CHECK_OK(e, fill(&db, (int)rows, (int)rows + 1, &e));
		CHECK_OK(e, db.ops->commit(&db, &e));
		rows++;
		check_sum(t, rows, rows * LONG);
		CHECK_OK(e, db_sqlite_sound(&db, &e));
		if (!db_sqlite_checkpoint(&db))
			t_fail(__FILE__, __LINE__, "the log was not folded");
	}
	CHECK_INT(rows, >, 300);
	signal(SIGXFSZ, SIG_DFL);
	db.ops->close(&db);
}
