/* side -- one end of a move: a connection of its own to either engine, which reads tables in the order of their keys and writes rows as
 * they come, with whatever columns the catalog of that database says they have.
 *
 * It is not db.h, on purpose: there a statement is a constant and a row a record, and here a table of the schema, or a column that a
 * later release adds, must be carried without anybody having named it.  Names in a text come from a catalog or from table.c, never from a file.
 *
 * A reading side sees one snapshot from side_open on, however long it reads, and holds up nobody: SQLite keeps its log meanwhile,
 * PostgreSQL its dead rows.  Rows are streamed: one is in memory at a time.
 *
 * Ownership:  text of a row is borrowed until the next one.  The catalog lives in the arena that it was read into.
 * Errors:     E_DUPLICATE, E_FULL, E_STORAGE, with the words of the engine.
 * Threads:    a side belongs to one.  Layer: includes base, db (its values). */
#ifndef MOVE_SIDE_H
#define MOVE_SIDE_H
#include "db/db.h"

#define SIDE_KEYS	4
#define SIDE_COLUMNS	64
struct side_column { const char *name; enum vtype type; int key; };	/* key: its place in the primary key from 1 on, 0: none */
struct side_table { const char *name; struct side_column col[SIDE_COLUMNS]; int cols, keys; };
struct side_catalog { struct side_table *table; int n; };

struct side;
struct side_ops {
	const char *name;
	enum err (*catalog)(struct side *, struct arena *, struct side_catalog *ret, struct error *);
	enum err (*run)(struct side *, const char *sql, struct error *);
	/* One SELECT at a time.  next: false at the end, and when it failed, which `ended` tells. */
	enum err (*read)(struct side *, const char *sql, const struct val *, int n, struct error *);
	bool	 (*next)(struct side *);
	struct val (*col)(struct side *, int);
	enum err (*ended)(struct side *, struct error *);
	/* A change with values; *n: rows that it touched. */
	enum err (*change)(struct side *, const char *sql, const struct val *, int n, int64_t *touched, struct error *);
	/* Many rows of one table: fill begins, row adds, filled ends. */
	enum err (*fill)(struct side *, const struct side_table *, const int *col, int cols, struct error *);
	enum err (*row)(struct side *, const struct val *, struct error *);
	enum err (*filled)(struct side *, struct error *);
	enum err (*fold)(struct side *, struct error *);	/* SQLite: the log into the file, by who is alone */
	void	 (*close)(struct side *);
};
struct side { const struct side_ops *ops; void *h; };

enum side_mode {
	SIDE_READ,		/* one snapshot */
	SIDE_WRITE,		/* beside a server: it folds the log */
	SIDE_ALONE,		/* nobody else has the database */
};
MUST_USE enum err side_lite(const char *path, enum side_mode, struct side *ret, struct error *);
MUST_USE enum err side_pg(const char *uri, enum side_mode, struct side *ret, struct error *);
struct sqlite3;
bool	side_is_full(struct sqlite3 *);	/* whether what failed last is for want of room */
static inline void side_close(struct side *s) { if (s->ops != NULL) s->ops->close(s); s->ops = NULL; }

const struct side_table *side_table(const struct side_catalog *, str name);	/* NULL: there is none */
int	side_column(const struct side_table *, str name);			/* -1: there is none */
/* What the database is: its schema, 0 when there are no tables of ours. */
MUST_USE enum err side_schema(struct side *, int64_t *ret, struct error *);
/* The first value of the first row into the arena; V_NULL where there is no row. */
MUST_USE enum err side_one(struct side *, struct arena *, const char *sql, const struct val *, int n, struct val *ret, struct error *);
#endif
