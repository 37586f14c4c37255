#include "move/move.h"
#include "t_db.h"
#include <fcntl.h>
#include <unistd.h>

static struct side
open_side(struct t_db *t, enum side_mode mode)
{
	struct side s = { 0 };
	struct error e;

	CHECK_OK(e, t->pg ? side_pg(t->uri, mode, &s, &e) : side_lite(t->path, mode, &s, &e));
	return s;
}

DB_TEST(every_table_of_the_schema_moves_or_says_why_not)
{
	struct side_catalog c;
	struct arena a;
	struct error e;

	t_db_schema(t);
	struct side s = open_side(t, SIDE_READ);
	arena_init(&a, 8 << 20);
	CHECK_OK(e, s.ops->catalog(&s, &a, &c, &e));
	for (int i = 0; i < c.n; i++) {
		const struct moved_table *m = moved_table(str_z(c.table[i].name));
		if (m == NULL) {
			t_fail(__FILE__, __LINE__, "the table %s has no row in src/move/table.c", c.table[i].name);
			continue;
		}
		if (m->stays != NULL)
			continue;
		CHECK_INT(c.table[i].keys, >=, 1);
		CHECK_INT(c.table[i].keys, <=, SIDE_KEYS);
		if (side_column(&c.table[i], S("workspace")) >= 0 && m->one == NULL && !(m->flags & MOVED_SECRET))
			t_fail(__FILE__, __LINE__, "the table %s is of a workspace and does not go with it", m->name);
		for (size_t k = 0; k < COUNT(m->as) && m->as[k].column != NULL; k++)
			CHECK_INT(side_column(&c.table[i], str_z(m->as[k].column)), >=, 0);
	}
	for (int i = 0; i < nmoved_tables; i++)
		if (side_table(&c, str_z(moved_tables[i].name)) == NULL)
			t_fail(__FILE__, __LINE__, "src/move/table.c has %s, which is no table", moved_tables[i].name);
	side_close(&s);
	arena_free(&a);
}

SQLITE_TEST(what_is_referred_to_is_written_first)
{
	struct error e;
	int n = 0;

	t_db_schema(t);
	struct side s = open_side(t, SIDE_READ);
	CHECK_OK(e, s.ops->read(&s, "SELECT t.name, f.\"table\" FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'", NULL, 0, &e));
	for (; s.ops->next(&s); n++) {
		const struct moved_table *child = moved_table(s.ops->col(&s, 0).s), *parent = moved_table(s.ops->col(&s, 1).s);
		CHECK(child != NULL && parent != NULL);
		if (child != NULL && child->stays == NULL && parent >= child)
			t_fail(__FILE__, __LINE__, "%s stands before %s, which it refers to", child->name, parent->name);
	}
	CHECK_OK(e, s.ops->ended(&s, &e));
	CHECK_INT(n, >, 10);
	side_close(&s);
}

/* The catalogs of both engines have the same columns in the same order, with the same keys: a file of one fits the other. */
DB_TEST(keys_are_found_in_their_order)
{
	struct side_catalog c;
	struct arena a;
	struct error e;

	t_db_schema(t);
	struct side s = open_side(t, SIDE_READ);
	arena_init(&a, 8 << 20);
	CHECK_OK(e, s.ops->catalog(&s, &a, &c, &e));
	const struct side_table *term = side_table(&c, S("knowledge_term"));
	CHECK(term != NULL);
	if (term != NULL) {
		CHECK_INT(term->keys, ==, 3);
		CHECK_INT(term->col[side_column(term, S("workspace"))].key, ==, 1);
		CHECK_INT(term->col[side_column(term, S("term"))].key, ==, 2);
		CHECK_INT(term->col[side_column(term, S("document"))].key, ==, 3);
		CHECK_INT(term->col[side_column(term, S("hits"))].type, ==, V_BYTES);
	}
	side_close(&s);
	arena_free(&a);
}

/* --- a file, and what is done to it --- */

static const char org[] = "01J9ZAB12CD34E56F7G8H9JKMN", other[] = "01J9ZAB12CD34E56F7G8H9JKMP";

static const secret key = { { 1 } }, ours = { { 2 } };

static void
fill(struct t_db *t)
{
	char sql[1200];

	t_db_schema(t);
	snprintf(sql, sizeof(sql), "INSERT INTO workspace (id, name, plan) VALUES ('%s', 'One', 'BUSINESS'), ('%s', 'Two', 'FREE');"
	    "INSERT INTO person (id, email, name, password) VALUES ('%s', 'ada@example.com', 'Ada', 'hash');"
	    "INSERT INTO membership (workspace, person, role) VALUES ('%s', '%s', 'Admin');"
	    "INSERT INTO job (workspace, id, type, status, input, run_at, queued_us, lease_until, worker, updated_at) VALUES"
	    " ('%s', '%s', 'NOOP', 'RUNNING', '{}', 1, 1, 99, 'w', 1), ('%s', '%s', 'NOOP', 'DONE', '{}', 1, 1, NULL, NULL, 1)",
	    org, other, org, org, org, org, org, org, other);
	t_db_script(t, sql);
}

static int
temporary(void)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/export", t_dir());
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	return fd;
}

/* A database, a file that it goes into, and how. */
struct trip { struct move_conf c; struct move_result r; struct error e; int fd; };

static struct trip
filled(struct t_db *t)
{
	fill(t);
	return (struct trip){ .c = { .clock = &sys_clock_real, .secret = &key }, .fd = temporary() };
}

static enum err
export_to(struct t_db *t, struct trip *x, const char *scope)
{
	struct move_conf c = x->c;
	struct side s = open_side(t, SIDE_READ);

	c.scope = scope;
	CHECK_INT(lseek(x->fd, 0, SEEK_SET), ==, 0);
	enum err code = move_export(&s, &c, x->fd, true, &x->r, &x->e);
	side_close(&s);
	return code;
}

static enum err
import_from(struct t_db *t, struct trip *x)
{
	struct side s = open_side(t, SIDE_WRITE);

	CHECK_INT(lseek(x->fd, 0, SEEK_SET), ==, 0);
	enum err code = move_import(&s, &x->c, (struct export_source){ export_fd, &x->fd }, &x->r, &x->e);
	side_close(&s);
	return code;
}

static struct trip
exported(struct t_db *t, const char *scope)
{
	struct trip x = filled(t);

	CHECK_OK(x.e, export_to(t, &x, scope));
	return x;
}

static void
empty(struct t_db *t)
{
	t_db_script(t, "DELETE FROM job; DELETE FROM membership; DELETE FROM person; DELETE FROM workspace");
}

DB_TEST(everything_comes_back_and_what_ran_waits)
{
	struct trip x = exported(t, MOVE_EVERYTHING);

	CHECK_ERR(import_from(t, &x), E_CONFLICT);		/* not into a database that has something */
	empty(t);
	CHECK_OK(x.e, import_from(t, &x));
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM workspace"), ==, 2);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM person WHERE password = 'hash'"), ==, 1);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM job WHERE status = 'QUEUED' AND worker IS NULL AND lease_until IS NULL"), ==, 1);
	CHECK_OK(x.e, import_from(t, &x));
	CHECK(x.r.already);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM job"), ==, 2);
	close(x.fd);
}

DB_TEST(one_workspace_goes_alone_and_takes_no_password_along)
{
	struct trip x = exported(t, org);

	CHECK_ERR(import_from(t, &x), E_CONFLICT);		/* it is there */
	empty(t);
	t_db_script(t, "INSERT INTO person (id, email, name) VALUES ('01J9ZAB12CD34E56F7G8H9JKMQ', 'ada@example.com', 'Ada L.')");
	CHECK_OK(x.e, import_from(t, &x));
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM workspace"), ==, 1);
	/* who is known here by the address is the member, as who they are here */
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM person"), ==, 1);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM membership WHERE person = '01J9ZAB12CD34E56F7G8H9JKMQ'"), ==, 1);
	close(x.fd);
}

DB_TEST(another_secret_is_refused_unless_the_keys_stay)
{
	struct trip x = exported(t, MOVE_EVERYTHING);

	x.c.secret = &ours;
	empty(t);
	CHECK_ERR(import_from(t, &x), E_CONFLICT);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM workspace"), ==, 0);
	x.c.without_keys = true;
	CHECK_OK(x.e, import_from(t, &x));
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM workspace"), ==, 2);
	close(x.fd);
}

/* Wherever the file ends, nothing of it is in twice, and the whole one is taken up where the half one ended. */
SQLITE_TEST(a_file_that_ends_anywhere_is_gone_on_with)
{
	struct trip x = exported(t, MOVE_EVERYTHING);

	off_t whole = lseek(x.fd, 0, SEEK_END);
	char *bytes = malloc((size_t)whole);
	CHECK_INT(pread(x.fd, bytes, (size_t)whole, 0), ==, whole);
	empty(t);
	for (off_t n = 0; n < whole; n += 7) {
		CHECK_INT(ftruncate(x.fd, 0), ==, 0);
		CHECK_INT(pwrite(x.fd, bytes, (size_t)n, 0), ==, n);
		CHECK(import_from(t, &x) != OK);
	}
	CHECK_INT(pwrite(x.fd, bytes, (size_t)whole, 0), ==, whole);
	CHECK_OK(x.e, import_from(t, &x));
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM job"), ==, 2);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM moved WHERE done_at IS NOT NULL"), ==, 1);
	free(bytes);
	close(x.fd);
}

SQLITE_TEST(a_byte_that_was_changed_is_found_and_nothing_of_its_chunk_is_in)
{
	struct trip x = exported(t, MOVE_EVERYTHING);

	off_t whole = lseek(x.fd, 0, SEEK_END);
	empty(t);
	for (off_t at = 12; at < whole; at += 11) {
		char was, now;
		CHECK_INT(pread(x.fd, &was, 1, at), ==, 1);
		now = (char)(was ^ 0x10);
		CHECK_INT(pwrite(x.fd, &now, 1, at), ==, 1);
		/* a byte of a header that means nothing may be another one; then the rows are the same */
		if (import_from(t, &x) == OK)
			CHECK_INT(t_db_count(t, "SELECT count(*) FROM job"), ==, 2);
		CHECK_INT(pwrite(x.fd, &was, 1, at), ==, 1);
		t_db_script(t, "DELETE FROM moved");
		empty(t);
	}
	close(x.fd);
}

/* --- an export that was interrupted --- */

static bool once(void *ctx) { return (*(int *)ctx)-- > 0; }

/* Stopped behind its head. */
static struct trip
interrupted(struct t_db *t)
{
	struct trip x = filled(t);
	int chunks = 1;

	x.c.alive = once;
	x.c.ctx = &chunks;
	CHECK_ERR(export_to(t, &x, MOVE_EVERYTHING), E_SYS);
	x.c.alive = NULL;
	x.c.ctx = NULL;
	return x;
}

DB_TEST(an_export_goes_on_where_nothing_was_written_since)
{
	struct trip x = interrupted(t);

	CHECK_OK(x.e, export_to(t, &x, MOVE_EVERYTHING));
	CHECK(x.r.resumed);
	CHECK_INT(x.r.snapshots, ==, 2);
	CHECK_INT(x.r.total, ==, 6);
	CHECK_OK(x.e, export_to(t, &x, MOVE_EVERYTHING));		/* it was whole: nothing is added */
	CHECK_INT(x.r.total, ==, 6);
	CHECK_INT(x.r.snapshots, ==, 2);
	empty(t);
	CHECK_OK(x.e, import_from(t, &x));
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM job"), ==, 2);
	close(x.fd);
}

DB_TEST(an_export_begins_anew_where_something_was_written_since)
{
	struct trip x = interrupted(t);
	char sql[300];

	snprintf(sql, sizeof(sql), "INSERT INTO event (workspace, id, type, body) VALUES ('%s', '%s', 'note.created', '{}')", org, other);
	t_db_script(t, sql);
	CHECK_ERR(export_to(t, &x, MOVE_EVERYTHING), E_CONFLICT);
	x.c.go_on = true;
	CHECK_OK(x.e, export_to(t, &x, MOVE_EVERYTHING));
	CHECK_INT(x.r.snapshots, ==, 2);
	close(x.fd);
}
