#include "db/db.h"
#include "t_db.h"
#include <stdlib.h>

static const char table[] =
    "CREATE TABLE t (id {i64} NOT NULL PRIMARY KEY, i {i64}, s TEXT, b {bytes}, k {id} NOT NULL){strict}";

SQL(put, "t.put", "INSERT INTO t (id, i, s, b, k) VALUES ($1, $2, $3, $4, $5)");
SQL(put_odd, "t.put_odd", "INSERT INTO t (s, id, k, i) VALUES ($3, $1, $3, $2)");
SQL(get, "t.get", "SELECT i, s, b, k FROM t WHERE id = $1");
SQL(all, "t.all", "SELECT id FROM t ORDER BY id");
SQL(by_key, "t.by_key", "SELECT id FROM t WHERE k >= $1 ORDER BY k");
SQL(raise, "t.raise", "UPDATE t SET i = i + $2 WHERE id >= $1");
SQL(drop, "t.drop", "DELETE FROM t WHERE id = $1 RETURNING i, s");
SQL(wrong, "t.wrong", "SELECT nonsense FROM t WHERE id = $1");

static struct val bytes(str s) { return (struct val){ V_BYTES, 0, s }; }

static struct db
ready(struct t_db *t)
{
	t_db_script(t, table);
	return t_db_open(t);
}

static void
add(struct db *db, int64_t id)
{
	struct error e = { 0 };
	CHECK_OK(e, db_run(db, put, &e, V(id), V(id * 10), V(S("x")), (struct val){ 0 }, V(S("k"))));
}

/* The ids that are there, as "1 2 3" */
static str
ids(struct db *db, struct arena *a)
{
	struct error e = { 0 };
	struct rows r;
	struct buf b;

	buf_init(&b, a, 4096);
	CHECK_OK(e, db_query_(db, &all, &r, &e, NULL, 0));
	while (db_next(&r))
		buf_fmt(&b, b.n != 0 ? " %lld" : "%lld", (long long)db_col(&r, 0).i);
	CHECK_OK(e, db_done(&r, &e));
	return buf_str(&b);
}

TEST(dialect_words_are_replaced)
{
	static const struct dialect words[] = { { "{i64}", "BIGINT" }, { "{strict}", "" }, { "{id}", "a text that is much longer than its word" }, { NULL, NULL } };
	static const struct { const char *in, *out; } row[] = {
		{ "", "" }, { "plain", "plain" }, { "{i64}", "BIGINT" }, { "x {i64}, y {i64}{strict}", "x BIGINT, y BIGINT" },
		{ "{unknown} {i6 {", "{unknown} {i6 {" }, { "{{i64}}", "{BIGINT}" }, { "{strict}", "" },
	};
	char many[60 * 4 + 1] = "";
	size_t n = 0;

	for (size_t i = 0; i < COUNT(row); i++) {
		char *s = db_expand(row[i].in, words);
		CHECK_STR(str_z(s), str_z(row[i].out));
		free(s);
	}
	for (int i = 0; i < 60; i++, n += 4)
		memcpy(many + n, "{id}", 5);
	char *s = db_expand(many, words);
	CHECK_INT(strlen(s), ==, 60 * strlen(words[2].text));
	free(s);
}

TEST(statements_know_their_place)
{
	struct stmt *const *list;
	int n = db_stmts(&list), ours = 0;

	db_init();
	for (int i = 0; i < n; i++) {
		CHECK_INT(list[i]->id, ==, i);
		ours += strncmp(list[i]->name, "t.", 2) == 0;
	}
	CHECK_INT(ours, ==, 8);
}

DB_TEST(values_come_back_as_they_went)
{
	static const char binary[] = "\0\x01 zeros \0\0\xff\xfe\0";
	const struct { struct val i, s, b; } row[] = {
		{ val_i64(0), val_str(S("")), bytes(S("")) },
		{ val_i64(INT64_MAX), val_str(S("it's a \"quote\" \\ and a $1 -- ; {i64}")), bytes((str){ binary, sizeof(binary) - 1 }) },
		{ val_i64(INT64_MIN), val_str(S("emoji 😀 e\xCC\x81 ünï\n\t\x01")), bytes(S("\xC3\x28 not UTF-8")) },
		{ val_i64(-1), val_str(STR_NONE), { 0 } },
		{ { 0 }, val_str(S("NULL")), { 0 } },
	};
	struct db db = ready(t);
	struct error e = { 0 };
	struct rows r;

	for (int n = 0; n < (int)COUNT(row); n++)
		CHECK_OK(e, db_run(&db, put, &e, V(n), row[n].i, row[n].s, row[n].b, V(S("k"))));
	for (int n = 0; n < (int)COUNT(row); n++) {
		CHECK_OK(e, db_query(&db, get, &r, &e, V(n)));
		CHECK(db_next(&r));
		struct val i = db_col(&r, 0), s = db_col(&r, 1), b = db_col(&r, 2);
		CHECK(i.t == row[n].i.t && i.i == row[n].i.i);
		CHECK(s.t == row[n].s.t && (s.s.p == NULL) == (row[n].s.s.p == NULL));
		CHECK_STR(s.s, row[n].s.s);
		CHECK(b.t == row[n].b.t && (b.s.p == NULL) == (row[n].b.s.p == NULL));
		CHECK_STR(b.s, row[n].b.s);
		CHECK(!db_next(&r));
		CHECK(!db_next(&r));
		CHECK_OK(e, db_done(&r, &e));
	}
	db.ops->close(&db);
}

TEST(values_of_our_types)
{
	ulid u = t_ulid(5, 1), none = { { 0 } }, odd = { "-" };
	static const char *const list[] = { "a", "b" };
	static const struct words w = { list, 2, 0 };

	CHECK(val_ulid(&none).t == V_NULL && val_ulid(&u).t == V_TEXT && val_ulid(&u).s.n == 26 && val_ulid(&odd).s.n == 1);
	CHECK(val_time(TIME_NONE).t == V_NULL && val_time(0).t == V_I64);
	CHECK(val_word(&w, -1).t == V_NULL && str_eq(val_word(&w, 1).s, S("b")));
	CHECK(val_bool(true).i == 1 && V(7).i == 7 && V(INT64_MIN).i == INT64_MIN && V(STR_NONE).t == V_NULL && V(S("")).t == V_TEXT);
	int i = 9;
	db_val_word(&w, V(S("b")), &i);
	CHECK_INT(i, ==, 1);
	db_val_word(&w, V(S("c")), &i);
	CHECK_INT(i, ==, -1);
	db_val_word(&w, (struct val){ 0 }, &i);
	CHECK_INT(i, ==, -1);
}

DB_TEST(parameters_are_numbers_whatever_their_order)
{
	struct db db = ready(t);
	struct error e = { 0 };
	struct rows r;

	CHECK_OK(e, db_run(&db, put_odd, &e, V(1), V(22), V(S("three"))));
	CHECK_OK(e, db_query(&db, get, &r, &e, V(1)));
	CHECK(db_next(&r) && db_col(&r, 0).i == 22);
	CHECK_STR(db_col(&r, 1).s, S("three"));
	CHECK(db_col(&r, 2).t == V_NULL);
	CHECK_STR(db_col(&r, 3).s, S("three"));
	CHECK_OK(e, db_done(&r, &e));
	db.ops->close(&db);
}

DB_TEST(ids_are_compared_by_byte)
{
	static const char *const order[] = { "A", "Z", "a", "z", "ä" };
	struct db db = ready(t);
	struct error e = { 0 };
	struct rows r;
	int n = 0;

	for (int i = 0; i < 5; i++)
		CHECK_OK(e, db_run(&db, put, &e, V(4 - i), V(0), V(S("")), (struct val){ 0 }, V(str_z(order[4 - i]))));
	CHECK_OK(e, db_query(&db, by_key, &r, &e, V(S("Z"))));
	while (db_next(&r))
		CHECK_INT(db_col(&r, 0).i, ==, ++n);
	CHECK_INT(n, ==, 4);
	CHECK_OK(e, db_done(&r, &e));
	db.ops->close(&db);
}

DB_TEST(errors_have_one_name_on_both_engines)
{
	struct db db = ready(t);
	struct error e = { 0 };
	struct rows r;

	add(&db, 1);
	CHECK_ERR(db_run(&db, put, &e, V(1), V(0), V(S("")), (struct val){ 0 }, V(S("k"))), E_DUPLICATE);
	CHECK(strstr(e.detail, "t.put") != NULL && strchr(e.detail, '\n') == NULL);
	CHECK_ERR(db_run(&db, put, &e, V(3), V(0), V(S("")), (struct val){ 0 }, (struct val){ 0 }), E_STORAGE);
	CHECK_ERR(db_query(&db, wrong, &r, &e, V(1)), E_STORAGE);
	CHECK_ERR(db_query(&db, wrong, &r, &e, V(1)), E_STORAGE);	/* a failed preparation leaves nothing half-made */
	CHECK_ERR(db_prepare_all(&db, &e), E_STORAGE);
	CHECK_ERR(db.ops->script(&db, "CREATE TABLE t (id {i64})", &e), E_STORAGE);
	add(&db, 2);
	db.ops->close(&db);
}

DB_TEST(a_transaction_is_all_or_nothing)
{
	struct db db = ready(t);
	struct error e = { 0 };
	struct arena a;

	arena_init(&a, 1 << 16);
	CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
	add(&db, 1);
	db.ops->rollback(&db);
	CHECK_STR(ids(&db, &a), S(""));
	db.ops->rollback(&db);					/* without one it does nothing */
	CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
	add(&db, 2);
	CHECK_OK(e, db.ops->commit(&db, &e));
	CHECK_STR(ids(&db, &a), S("2"));
	CHECK_OK(e, db.ops->begin(&db, TX_READ, &e));
	CHECK_STR(ids(&db, &a), S("2"));
	db.ops->rollback(&db);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM t"), ==, 1);
	arena_free(&a);
	db.ops->close(&db);
}

DB_TEST(what_came_after_the_mark_is_undone_alone)
{
	struct db db = ready(t);
	struct error e = { 0 };
	struct arena a;

	arena_init(&a, 1 << 16);
	add(&db, 1);
	CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
	CHECK_OK(e, db.ops->mark(&db, true, &e));
	add(&db, 2);
	CHECK_OK(e, db.ops->rewind(&db, &e));
	CHECK_STR(ids(&db, &a), S("1"));
	add(&db, 3);
	CHECK_ERR(db_run(&db, put, &e, V(1), V(0), V(S("")), (struct val){ 0 }, V(S("k"))), E_DUPLICATE);
	CHECK(!db.ops->broken(&db));
	CHECK_OK(e, db.ops->rewind(&db, &e));			/* the mark stays, also after an error */
	CHECK_STR(ids(&db, &a), S("1"));
	add(&db, 4);
	CHECK_OK(e, db.ops->release(&db, &e));
	CHECK_OK(e, db.ops->commit(&db, &e));
	CHECK_STR(ids(&db, &a), S("1 4"));
	CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
	CHECK_OK(e, db.ops->mark(&db, true, &e));
	add(&db, 5);
	CHECK_OK(e, db.ops->commit(&db, &e));			/* takes the mark with it */
	CHECK_STR(ids(&db, &a), S("1 4 5"));
	arena_free(&a);
	db.ops->close(&db);
}

DB_TEST(a_failed_transaction_never_commits_half)
{
	struct db db = ready(t);
	struct error e = { 0 };

	CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
	add(&db, 1);
	CHECK_ERR(db_run(&db, put, &e, V(1), V(0), V(S("")), (struct val){ 0 }, V(S("k"))), E_DUPLICATE);
	enum err code = db.ops->commit(&db, &e);		/* SQLite keeps what stood before the error, PostgreSQL nothing, and says so */
	CHECK_INT(code, ==, t->pg ? E_STORAGE : OK);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM t"), ==, t->pg ? 0 : 1);
	db.ops->close(&db);
}

DB_TEST(changes_are_counted)
{
	struct db db = ready(t);
	struct error e = { 0 };
	struct rows r;

	for (int i = 1; i <= 5; i++)
		add(&db, i);
	CHECK_INT(db.ops->changes(&db), ==, 1);
	CHECK_OK(e, db_run(&db, raise, &e, V(3), V(1)));
	CHECK_INT(db.ops->changes(&db), ==, 3);
	CHECK_OK(e, db_run(&db, raise, &e, V(6), V(1)));
	CHECK_INT(db.ops->changes(&db), ==, 0);
	CHECK_OK(e, db_query(&db, drop, &r, &e, V(3)));
	CHECK(db_next(&r) && db_col(&r, 0).i == 31);
	CHECK_STR(db_col(&r, 1).s, S("x"));
	CHECK(!db_next(&r));
	CHECK_OK(e, db_done(&r, &e));
	CHECK_INT(db.ops->changes(&db), ==, 1);
	CHECK_OK(e, db_run(&db, drop, &e, V(2)));		/* rows that nobody reads */
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM t"), ==, 3);
	db.ops->close(&db);
}

DB_TEST(every_statement_that_is_asked_is_counted)
{
	struct db db = ready(t);
	struct error e = { 0 };
	struct rows r;
	bool any;
	int64_t before = db_asked();

	CHECK_OK(e, db_run(&db, put_odd, &e, V(1), V(22), V(S("three"))));
	CHECK_OK(e, db_any(&db, get, &any, &e, V(1)));
	CHECK_OK(e, db_query(&db, get, &r, &e, V(1)));
	CHECK_OK(e, db_done(&r, &e));
	CHECK_INT(db_asked() - before, ==, 3);
	db.ops->close(&db);
}

/* Also by who asks several things and waits for none of them at once. */
DB_TEST(a_miss_in_a_snapshot_is_told)
{
	static const struct miss gone = { E_NOT_FOUND, "id", "It is gone." };
	struct db db = ready(t);
	struct error e = { 0 };
	struct rows r, more;

	CHECK_OK(e, db.ops->begin(&db, TX_READ, &e));
	enum err code = db_must(&db, get, gone, &e, V(77));
	if (code == OK) {
		CHECK_OK(e, db_ask(&db, get, &r, &e, V(1)));
		CHECK_OK(e, db_ask(&db, get, &more, &e, V(1)));
		CHECK(!db_next(&r));
		code = db_done(&r, &e);
		CHECK_ERR(db_done(&more, &e), E_NOT_FOUND);
	}
	CHECK_INT(code, ==, E_NOT_FOUND);
	CHECK(strcmp(e.field, "id") == 0);
	db.ops->rollback(&db);
	db.ops->close(&db);
}

DB_TEST(a_list_may_be_left_early)
{
	struct db db = ready(t);
	struct error e = { 0 };
	struct rows r;
	struct arena a;

	arena_init(&a, 1 << 16);
	for (int i = 1; i <= 5; i++)
		add(&db, i);
	CHECK_OK(e, db_query_(&db, &all, &r, &e, NULL, 0));
	CHECK(db_next(&r) && db_next(&r) && db_col(&r, 0).i == 2);
	CHECK_OK(e, db_done(&r, &e));
	CHECK_STR(ids(&db, &a), S("1 2 3 4 5"));
	CHECK_OK(e, db_query_(&db, &all, &r, &e, NULL, 0));
	CHECK_OK(e, db_done(&r, &e));
	add(&db, 6);
	arena_free(&a);
	db.ops->close(&db);
}

/* --- rows into records --- */

static const char *const color_list[] = { "red", "green", "blue" };
static const struct words colors = { color_list, 3, 0 };
struct inner { note_id note; int64_t at; int color; };
static const struct field inner_fields[] = {
	F_ID  (inner, note, note, "noteId", "note", 0, ""),
	F_TIME(inner, at, "at", "at", 0, ""),
	F_WORD(inner, color, "color", "color", 0, &colors, "", NULL),
};
static const struct rec inner_rec = REC(inner, inner_fields, "");
struct row { job_id id; str name, shown; struct inner inner, apart; int64_t count, maybe; bool flag; unsigned set; str json; };
static const struct field row_fields[] = {
	F_ID   (row, id, job, "id", "id", 0, ""),
	F_STR  (row, name, "name", "name", 0, 0, 0, "", NULL),
	F_STR  (row, shown, "shown", NULL, 0, 0, 0, "", NULL),
	F_CREATED(row, id, job, "createdAt", ""),
	F_REC  (row, inner, struct inner, "inner", "", 0, &inner_rec, ""),
	F_REC  (row, apart, struct inner, "apart", NULL, 0, &inner_rec, ""),
	F_I64  (row, count, "count", "count", 0, 0, 0, "", NULL),
	F_I64  (row, maybe, "maybe", "maybe", F_NULL, 0, 0, "", NULL),
	F_BOOL (row, flag, "flag", "flag", 0, ""),
	F_WORDS(row, set, "set", "words", 0, &colors, "", NULL),
	F_JSON (row, json, "json", "json", 0, "", NULL),
};
static const struct rec row_rec = REC(row, row_fields, "");

DB_TEST(a_row_becomes_a_record)
{
	static struct stmt one = { .name = "row.one", .sql = "SELECT id, name, note, at, color, count, maybe, flag, words, json FROM r WHERE id = $1" };
	static struct stmt in = { .name = "row.in", .sql = "INSERT INTO r (id, name, note, at, color, count, maybe, flag, words, json) VALUES"
	    " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)" };
	ulid a1 = t_ulid(1000, 1), a2 = t_ulid(1000, 2), n1 = t_ulid(2000, 1);
	struct val none = { 0 };
	struct error e = { 0 };
	struct arena a;
	struct row v;
	bool found;
	struct stmt *const *list;

	arena_init(&a, 1 << 16);
	t_db_script(t, "CREATE TABLE r (id {id} PRIMARY KEY, name TEXT, note {id}, at {i64}, color TEXT, count {i64}, maybe {i64}, flag {i64}, words TEXT, json TEXT){strict}");
	struct db db = t_db_open(t);
	one.id = db_stmts(&list);	/* the two places beyond the list: prepare_all must not see these */
	in.id = one.id + 1;
	CHECK_OK(e, db_run(&db, in, &e, val_ulid(&a1), V(S("ünï")), val_ulid(&n1), V(5), V(S("blue")), V(6), V(7), val_bool(true), V(S("red,later,blue")), V(S("{}"))));
	CHECK_OK(e, db_run(&db, in, &e, val_ulid(&a2), none, none, none, V(S("mauve")), none, none, none, none, none));

	CHECK_OK(e, db_one(&db, one, &row_rec, &a, &v, &found, &e, val_ulid(&a1)));
	CHECK(found && memcmp(v.id.u.s, a1.s, 27) == 0 && memcmp(v.inner.note.u.s, n1.s, 27) == 0);
	CHECK_STR(v.name, S("ünï"));
	CHECK(v.shown.p == NULL && !id_set(v.apart.note) && v.apart.at == TIME_NONE && v.apart.color == -1);
	CHECK(v.inner.at == 5 && v.inner.color == 2 && v.count == 6 && v.maybe == 7 && v.flag && v.set == 5);
	CHECK_STR(v.json, S("{}"));

	CHECK_OK(e, db_one(&db, one, &row_rec, &a, &v, &found, &e, val_ulid(&a2)));
	CHECK(found && v.name.p == NULL && !id_set(v.inner.note) && v.inner.at == TIME_NONE && v.inner.color == -1);
	CHECK(v.count == 0 && v.maybe == INT_NONE && !v.flag && v.set == 0 && v.json.p == NULL);

	CHECK_OK(e, db_one(&db, one, &row_rec, &a, &v, &found, &e, val_ulid(&n1)));
	CHECK(!found);
	arena_free(&a);
	db.ops->close(&db);
}

/* --- when things break --- */

SQLITE_TEST(a_full_database_ends_the_transaction)
{
	struct db_sqlite_conf c = { t->path, false, 100, 12 };
	struct error e = { 0 };
	struct db db;
	struct arena a;
	static char big[3000];
	enum err code = OK;

	arena_init(&a, 1 << 16);
	memset(big, 'x', sizeof(big));
	CHECK_OK(e, db_sqlite_open(&c, &db, &e));
	CHECK_OK(e, db.ops->script(&db, table, &e));
	add(&db, 1);
	CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
	CHECK_OK(e, db.ops->mark(&db, true, &e));
	for (int i = 2; code == OK && i < 100; i++)
		code = db_run(&db, put, &e, V(i), V(0), V(((str){ big, sizeof(big) })), (struct val){ 0 }, V(S("k")));
	CHECK_INT(code, ==, E_FULL);
	CHECK(db.ops->broken(&db));
	db.ops->rollback(&db);
	CHECK_STR(ids(&db, &a), S("1"));
	add(&db, 2);
	CHECK_INT(db.ops->size(&db), >, 0);
	arena_free(&a);
	db.ops->close(&db);
}

DB_TEST(a_lost_link_is_made_anew)
{
	struct db db = ready(t);
	struct error e = { 0 };
	struct arena a;
	char kill[200];

	arena_init(&a, 1 << 16);
	CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
	add(&db, 1);
	if (t->pg) {
		snprintf(kill, sizeof(kill), "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = '%s' AND pid <> pg_backend_pid()", t->schema);
		CHECK_INT(t_db_count(t, kill), ==, 1);
		CHECK_ERR(db_run(&db, raise, &e, V(1), V(1)), E_STORAGE);
		CHECK(db.ops->broken(&db));
	}
	db.ops->rollback(&db);
	CHECK_OK(e, db.ops->revive(&db, &e));
	CHECK_STR(ids(&db, &a), S(""));
	add(&db, 2);
	CHECK_STR(ids(&db, &a), S("2"));
	arena_free(&a);
	db.ops->close(&db);
}

SQLITE_TEST(a_reader_sees_what_is_committed_and_cannot_write)
{
	struct db db = ready(t), reader;
	struct db_sqlite_conf c = { t->path, true, 100, 0 };
	struct error e = { 0 };
	struct arena a;

	arena_init(&a, 1 << 16);
	CHECK_OK(e, db_sqlite_open(&c, &reader, &e));
	add(&db, 1);
	CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
	add(&db, 2);
	CHECK_STR(ids(&reader, &a), S("1"));
	CHECK_ERR(db_run(&reader, raise, &e, V(1), V(1)), E_STORAGE);
	CHECK_OK(e, db.ops->commit(&db, &e));
	CHECK_STR(ids(&reader, &a), S("1 2"));
	CHECK(db_sqlite_checkpoint(&db));
	reader.ops->close(&reader);
	arena_free(&a);
	db.ops->close(&db);
}

DB_TEST(faults_come_on_cue)
{
	struct db real = ready(t);
	struct db_fault f = { .kind = DB_FAULT_CALL, .countdown = 2 };
	struct db db = db_fault_wrap(&f, real);
	struct error e = { 0 };
	struct arena a;

	arena_init(&a, 1 << 16);
	CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
	CHECK_ERR(db_run(&db, put, &e, V(1), V(0), V(S("")), (struct val){ 0 }, V(S("k"))), E_STORAGE);
	CHECK(f.fired);
	add(&db, 2);
	f.kind = DB_FAULT_COMMIT_BEFORE;
	f.countdown = 1;
	CHECK_ERR(db.ops->commit(&db, &e), E_STORAGE);
	CHECK_STR(ids(&db, &a), S(""));
	CHECK_OK(e, db.ops->begin(&db, TX_WRITE, &e));
	add(&db, 3);
	f.kind = DB_FAULT_COMMIT_AFTER;
	f.countdown = 1;
	CHECK_ERR(db.ops->commit(&db, &e), E_UNCERTAIN);
	CHECK_STR(ids(&db, &a), S("3"));
	arena_free(&a);
	db.ops->close(&db);
}

TEST(what_cannot_be_opened_says_so)
{
	struct db_sqlite_conf c = { "/nonexistent/folder/x.db", false, 100, 0 };
	struct error e = { 0 };
	struct db db;

	CHECK_ERR(db_sqlite_open(&c, &db, &e), E_STORAGE);
	CHECK(strstr(e.detail, c.path) != NULL);
	CHECK_ERR(db_pg_open("mysql://nobody@127.0.0.1:1/none", &db, &e), E_USAGE);
	CHECK_ERR(db_pg_open("postgres://nobody@127.0.0.1:1/none?connect_timeout=2", &db, &e), E_STORAGE);
	CHECK(e.detail[0] != '\0');
}
