/* t_db -- databases for tests.  A DB_TEST runs on SQLite and, where SCRIPED_TEST_PG names a server, on PostgreSQL too;
 * a SQLITE_TEST and a PG_TEST on the one alone.  They find their fresh and empty database in `t`: a file of t_dir(), or a schema with
 * a random name that is dropped at the end; its connections carry that name as their application's.  Once t_db_schema was called it is a
 * database of this program, which its tests use one after the other: rows are removed behind each, and it is made anew behind one that left other
 * things than rows: tables, columns, settings, statistics. */
#ifndef T_DB_H
#define T_DB_H
#include "db/engine.h"
#include "t.h"

struct t_db { bool pg; char path[160], uri[800], schema[40]; bool copied; void *counter; };	/* counter: the connection of t_db_count */
enum { T_SQLITE = 1, T_POSTGRES = 2 };
void t_db_each(unsigned engines, void (*)(struct t_db *));
#define DB_TEST(id)	T_ON(id, T_SQLITE | T_POSTGRES)
#define SQLITE_TEST(id)	T_ON(id, T_SQLITE)
#define PG_TEST(id)	T_ON(id, T_POSTGRES)
#define T_ON(id, engines) static void id##_on(struct t_db *); TEST(id) { t_db_each(engines, id##_on); } static void id##_on(struct t_db *t)

/* What a test cannot go on without ends the program when it fails. */
struct db t_db_open(struct t_db *);		/* the caller closes it */
void	t_db_script(struct t_db *, const char *sql);
void	t_db_schema(struct t_db *);		/* the program's own tables, before anything else is there */
struct engine_conf t_db_conf(struct t_db *);	/* on this database: a pool of 4, a queue of 1000, a deadline of 30 s */
struct engine *t_db_engine(const struct engine_conf *);
int64_t	t_db_count(struct t_db *, const char *sql);	/* the one number that sql selects, read on a connection that nothing else uses */

/* One connection to a database with our tables, and what a test of a table needs beside it. */
struct t_bench { struct db db; struct arena a; struct error e; };
void	t_bench_open(struct t_bench *, struct t_db *);
void	t_bench_close(struct t_bench *);

#define CHECK_OK(e, call) do { if ((call) != OK) t_fail(__FILE__, __LINE__, "%s: %s", #call, (e).detail); } while (0)
#define CHECK_ERR(call, want) do { enum err got_ = (call); if (got_ != (want)) \
	t_fail(__FILE__, __LINE__, "%s: %d, not %s", #call, (int)got_, #want); } while (0)
ulid	t_ulid(int64_t ms, int n);		/* the n-th ulid of a millisecond */
#endif
