/* The SQLite side. */
#include "move/side.h"
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/resource.h>

struct lite { sqlite3 *c; sqlite3_stmt *read, *fill; int rc; enum side_mode mode; };

/* A limit of file sizes is like a full disk; SQLite calls it an error of writing. */
bool
side_is_full(struct sqlite3 *c)
{
	struct rlimit files;

	return (sqlite3_errcode(c) & 0xff) == SQLITE_FULL ||
	    (sqlite3_extended_errcode(c) == SQLITE_IOERR_WRITE && getrlimit(RLIMIT_FSIZE, &files) == 0 && files.rlim_cur != RLIM_INFINITY);
}

static enum err
fault(sqlite3 *c, struct error *e, const char *what)
{
	int rc = sqlite3_extended_errcode(c);
	enum err code = rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ? E_DUPLICATE : side_is_full(c) ? E_FULL : E_STORAGE;

	return fail(e, code, NULL, "%.80s: %s", what, sqlite3_errmsg(c));
}

static void
bind(sqlite3_stmt *s, const struct val *v, int n)
{
	for (int i = 0; i < n; i++) {
		switch (v[i].t) {
		case V_I64:	sqlite3_bind_int64(s, i + 1, v[i].i); break;
		case V_TEXT:	sqlite3_bind_text(s, i + 1, v[i].s.p, (int)v[i].s.n, SQLITE_STATIC); break;
		case V_BYTES:	sqlite3_bind_blob(s, i + 1, v[i].s.p, (int)v[i].s.n, SQLITE_STATIC); break;
		case V_NULL:	sqlite3_bind_null(s, i + 1); break;
		}
	}
}

static enum err
run(struct side *s, const char *sql, struct error *e)
{
	struct lite *l = s->h;

	return sqlite3_exec(l->c, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : fault(l->c, e, sql);
}

/* $1, $2, … appear in the order of their numbers in all texts of this module, so that a number is its index. */
static enum err
read_(struct side *s, const char *sql, const struct val *v, int n, struct error *e)
{
	struct lite *l = s->h;

	if (sqlite3_prepare_v2(l->c, sql, -1, &l->read, NULL) != SQLITE_OK)
		return fault(l->c, e, sql);
	for (int i = 0; i < n; i++) {		/* the values may be gone before the last row is read */
		if (v[i].t == V_TEXT)
			sqlite3_bind_text(l->read, i + 1, v[i].s.p, (int)v[i].s.n, SQLITE_TRANSIENT);
		else if (v[i].t == V_BYTES)
			sqlite3_bind_blob(l->read, i + 1, v[i].s.p, (int)v[i].s.n, SQLITE_TRANSIENT);
		else if (v[i].t == V_I64)
			sqlite3_bind_int64(l->read, i + 1, v[i].i);
	}
	return OK;
}

static bool
next(struct side *s)
{
	struct lite *l = s->h;

	l->rc = sqlite3_step(l->read);
	return l->rc == SQLITE_ROW;
}

static struct val
col(struct side *s, int i)
{
	sqlite3_stmt *q = ((struct lite *)s->h)->read;
	const char *p;

	switch (sqlite3_column_type(q, i)) {
	case SQLITE_INTEGER:
		return val_i64(sqlite3_column_int64(q, i));
	case SQLITE_NULL:
		return (struct val){ 0 };
	case SQLITE_BLOB:
		p = sqlite3_column_blob(q, i);
		return (struct val){ V_BYTES, 0, { p != NULL ? p : "", (size_t)sqlite3_column_bytes(q, i) } };
	default:
		p = (const char *)sqlite3_column_text(q, i);
		return val_str((str){ p, (size_t)sqlite3_column_bytes(q, i) });
	}
}

static enum err
ended(struct side *s, struct error *e)
{
	struct lite *l = s->h;
	enum err code = l->rc == SQLITE_ROW || l->rc == SQLITE_DONE ? OK : fault(l->c, e, "read");

	sqlite3_finalize(l->read);
	l->read = NULL;
	return code;
}

static enum err
change(struct side *s, const char *sql, const struct val *v, int n, int64_t *touched, struct error *e)
{
	struct lite *l = s->h;
	sqlite3_stmt *q;

	if (sqlite3_prepare_v2(l->c, sql, -1, &q, NULL) != SQLITE_OK)
		return fault(l->c, e, sql);
	bind(q, v, n);
	enum err code = sqlite3_step(q) == SQLITE_DONE ? OK : fault(l->c, e, sql);
	sqlite3_finalize(q);
	if (code == OK)
		*touched = sqlite3_changes64(l->c);
	return code;
}

static enum err
fill(struct side *s, const struct side_table *t, const int *cols, int n, struct error *e)
{
	struct lite *l = s->h;
	struct arena a;
	struct buf b;

	arena_init(&a, 1 << 16);
	buf_init(&b, &a, 1 << 16);
	buf_fmt(&b, "INSERT INTO \"%s\" (", t->name);
	for (int i = 0; i < n; i++)
		buf_fmt(&b, "%s\"%s\"", i > 0 ? ", " : "", t->col[cols[i]].name);
	buf_add(&b, S(") VALUES ("));
	for (int i = 0; i < n; i++)
		buf_fmt(&b, "%s?%d", i > 0 ? ", " : "", i + 1);
	buf_char(&b, ')');
	int rc = sqlite3_prepare_v2(l->c, b.p, (int)b.n, &l->fill, NULL);
	arena_free(&a);
	return rc == SQLITE_OK ? OK : fault(l->c, e, t->name);
}

static enum err
row(struct side *s, const struct val *v, struct error *e)
{
	struct lite *l = s->h;

	bind(l->fill, v, sqlite3_bind_parameter_count(l->fill));
	int rc = sqlite3_step(l->fill);
	enum err code = rc == SQLITE_DONE ? OK : fault(l->c, e, "insert");
	sqlite3_reset(l->fill);
	return code;
}

static enum err
filled(struct side *s, struct error *e)
{
	struct lite *l = s->h;

	(void)e;
	sqlite3_finalize(l->fill);
	l->fill = NULL;
	return OK;
}

static enum err
fold(struct side *s, struct error *e)
{
	struct lite *l = s->h;

	if (l->mode != SIDE_ALONE)
		return OK;
	return sqlite3_wal_checkpoint_v2(l->c, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK ? OK : fault(l->c, e, "checkpoint");
}

static enum vtype
type_of(const char *t)
{
	return strcmp(t, "INTEGER") == 0 ? V_I64 : strcmp(t, "BLOB") == 0 ? V_BYTES : V_TEXT;
}

static void
add_column(struct arena *a, struct side_catalog *c, sqlite3_stmt *q, struct side_table **t)
{
	str name = str_z((const char *)sqlite3_column_text(q, 0));

	if (*t == NULL || !str_eq(str_z((*t)->name), name)) {
		*t = &c->table[c->n++];
		(*t)->name = str_dup(a, name).p;
	}
	int key = sqlite3_column_int(q, 3);
	(*t)->col[(*t)->cols++] = (struct side_column){ str_dup(a, str_z((const char *)sqlite3_column_text(q, 1))).p,
		type_of((const char *)sqlite3_column_text(q, 2)), key };
	(*t)->keys = MAX((*t)->keys, key);
}

static enum err
catalog(struct side *s, struct arena *a, struct side_catalog *ret, struct error *e)
{
	enum { TABLES_MAX = 200 };
	static const char sql[] = "SELECT t.name, c.name, c.type, c.pk FROM sqlite_schema t, pragma_table_info(t.name) c"
	    " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY t.name, c.cid";
	struct lite *l = s->h;
	struct side_catalog c = { NEW_N(a, struct side_table, TABLES_MAX), 0 };
	struct side_table *t = NULL;
	sqlite3_stmt *q;
	int rc;

	if (sqlite3_prepare_v2(l->c, sql, -1, &q, NULL) != SQLITE_OK)
		return fault(l->c, e, "catalog");
	while ((rc = sqlite3_step(q)) == SQLITE_ROW && c.n < TABLES_MAX && (t == NULL || t->cols < SIDE_COLUMNS))
		add_column(a, &c, q, &t);
	enum err code = rc == SQLITE_DONE ? OK : rc == SQLITE_ROW ? fail(e, E_STORAGE, NULL, "the database has more tables or columns than this program knows") : fault(l->c, e, "catalog");
	sqlite3_finalize(q);
	*ret = c;
	return code;
}

static void
close_(struct side *s)
{
	struct lite *l = s->h;

	sqlite3_finalize(l->read);
	sqlite3_finalize(l->fill);
	sqlite3_close(l->c);
	free(l);
}

static const struct side_ops ops = {
	.name = "sqlite", .catalog = catalog, .run = run, .read = read_, .next = next, .col = col, .ended = ended, .change = change,
	.fill = fill, .row = row, .filled = filled, .fold = fold, .close = close_,
};

/* Only who is alone folds the log: of two connections that do it at the same instant SQLite loses pages (sqlite.c). */
static enum err
configure(struct side *s, enum side_mode mode, struct error *e)
{
	sqlite3 *c = ((struct lite *)s->h)->c;

	sqlite3_extended_result_codes(c, 1);
	sqlite3_busy_timeout(c, 30000);
	sqlite3_db_config(c, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (mode != SIDE_ALONE)
		sqlite3_db_config(c, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	TRY(run(s, "PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8000", e));
	if (mode == SIDE_READ)	/* the snapshot begins with the first page that is read */
		return run(s, "PRAGMA query_only=ON; BEGIN; SELECT count(*) FROM sqlite_schema", e);
	return run(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", e);
}

enum err
side_lite(const char *path, enum side_mode mode, struct side *ret, struct error *e)
{
	struct lite *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	struct side s = { &ops, l };
	l->mode = mode;
	int flags = SQLITE_OPEN_NOMUTEX | (mode == SIDE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	enum err code = sqlite3_open_v2(path, &l->c, flags, NULL) == SQLITE_OK ? configure(&s, mode, e) : fault(l->c, e, path);
	if (code != OK) {
		close_(&s);
		return code;
	}
	*ret = s;
	return OK;
}
