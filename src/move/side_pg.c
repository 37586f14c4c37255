/* The PostgreSQL side: rows come one by one (single-row mode) and go by COPY, a chunk in one flight. */
#include "move/side.h"
#include <endian.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#define PARAMS	(SIDE_COLUMNS + SIDE_KEYS)
enum { OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23 };
struct pg { PGconn *c; PGresult *row; bool failed; char why[160]; int cols; struct arena a; struct buf out; };

#define COPY_PIECE	((size_t)256 << 10)

static enum err
fault(struct pg *p, PGresult *r, struct error *e, const char *what)
{
	const char *state = r != NULL ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
	enum err code = state == NULL ? E_STORAGE : strcmp(state, "23505") == 0 ? E_DUPLICATE : strcmp(state, "53100") == 0 ? E_FULL : E_STORAGE;

	code = fail(e, code, NULL, "%.60s: %s", what, r != NULL ? PQresultErrorMessage(r) : PQerrorMessage(p->c));
	for (char *c = e->detail; *c != '\0'; c++)
		if (*c == '\n')
			*c = ' ';
	PQclear(r);
	return code;
}

static bool good(const PGresult *r) { return PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK; }

static enum err
run(struct side *s, const char *sql, struct error *e)
{
	struct pg *p = s->h;
	PGresult *r = PQexec(p->c, sql);

	if (!good(r))
		return fault(p, r, e, sql);
	/* a COMMIT of a transaction that had failed says so by its word alone */
	bool undone = strcmp(sql, "COMMIT") == 0 && strcmp(PQcmdStatus(r), "ROLLBACK") == 0;
	PQclear(r);
	return undone ? fail(e, E_STORAGE, NULL, "commit: the transaction had failed") : OK;
}

struct args { const char *v[PARAMS]; char num[PARAMS][24]; int len[PARAMS], binary[PARAMS]; };

static void
take(struct args *a, const struct val *v, int n)
{
	for (int i = 0; i < n; i++) {
		a->binary[i] = v[i].t != V_I64;
		a->v[i] = v[i].t == V_NULL ? NULL : v[i].s.p;
		a->len[i] = (int)v[i].s.n;
		if (v[i].t == V_I64) {
			snprintf(a->num[i], sizeof(a->num[i]), "%lld", (long long)v[i].i);
			a->v[i] = a->num[i];
		}
	}
}

static enum err
read_(struct side *s, const char *sql, const struct val *v, int n, struct error *e)
{
	struct pg *p = s->h;
	struct args a;

	take(&a, v, n);
	p->failed = false;
	if (PQsendQueryParams(p->c, sql, n, NULL, a.v, a.len, a.binary, 1) != 1 || PQsetSingleRowMode(p->c) != 1)
		return fault(p, NULL, e, sql);
	return OK;
}

static bool
next(struct side *s)
{
	struct pg *p = s->h;

	PQclear(p->row);
	p->row = PQgetResult(p->c);
	if (p->row == NULL || PQresultStatus(p->row) == PGRES_SINGLE_TUPLE)
		return p->row != NULL;
	if (PQresultStatus(p->row) != PGRES_TUPLES_OK) {
		p->failed = true;
		snprintf(p->why, sizeof(p->why), "%s", PQresultErrorMessage(p->row));
	}
	return false;
}

static struct val
col(struct side *s, int i)
{
	const PGresult *r = ((struct pg *)s->h)->row;
	const char *b = PQgetvalue(r, 0, i);
	size_t n = (size_t)PQgetlength(r, 0, i);
	uint64_t v = 0;

	if (PQgetisnull(r, 0, i))
		return (struct val){ 0 };
	switch (PQftype(r, i)) {
	case OID_INT8: case OID_INT4: case OID_INT2:
		for (size_t k = 0; k < n; k++)
			v = v << 8 | (uint8_t)b[k];
		return val_i64(n == 4 ? (int32_t)v : n == 2 ? (int16_t)v : (int64_t)v);
	case OID_BYTEA:
		return (struct val){ V_BYTES, 0, { b, n } };
	default:
		return val_str((str){ b, n });
	}
}

/* Whoever stops before the last row has the rest thrown away: only questions of one row do. */
static enum err
ended(struct side *s, struct error *e)
{
	struct pg *p = s->h;

	PQclear(p->row);
	p->row = NULL;
	for (PGresult *r; (r = PQgetResult(p->c)) != NULL; PQclear(r))
		;
	return p->failed ? fail(e, E_STORAGE, NULL, "read: %s", p->why) : OK;
}

static enum err
change(struct side *s, const char *sql, const struct val *v, int n, int64_t *touched, struct error *e)
{
	struct pg *p = s->h;
	struct args a;

	take(&a, v, n);
	PGresult *r = PQexecParams(p->c, sql, n, NULL, a.v, a.len, a.binary, 1);
	if (!good(r))
		return fault(p, r, e, sql);
	*touched = strtoll(PQcmdTuples(r), NULL, 10);
	PQclear(r);
	return OK;
}

/* --- COPY, in its binary form: a type's bytes as the server sends and takes them --- */

static void put16(struct buf *b, int v) { buf_add(b, (str){ (char[]){ (char)(v >> 8), (char)v }, 2 }); }

static void
put32(struct buf *b, int32_t v)
{
	uint32_t n = htobe32((uint32_t)v);
	buf_add(b, (str){ (const char *)&n, sizeof(n) });
}

static enum err
flush(struct pg *p, struct error *e)
{
	int rc = PQputCopyData(p->c, p->out.p, (int)p->out.n);

	arena_reset(&p->a);
	buf_init(&p->out, &p->a, (size_t)1 << 30);
	return rc == 1 ? OK : fault(p, NULL, e, "copy");
}

static enum err
fill(struct side *s, const struct side_table *t, const int *cols, int n, struct error *e)
{
	struct pg *p = s->h;
	struct buf b;

	arena_reset(&p->a);
	buf_init(&b, &p->a, 1 << 16);
	buf_fmt(&b, "COPY \"%s\" (", t->name);
	for (int i = 0; i < n; i++)
		buf_fmt(&b, "%s\"%s\"", i > 0 ? ", " : "", t->col[cols[i]].name);
	buf_add(&b, S(") FROM STDIN (FORMAT binary)"));
	buf_char(&b, '\0');
	PGresult *r = PQexec(p->c, b.p);
	if (PQresultStatus(r) != PGRES_COPY_IN)
		return fault(p, r, e, t->name);
	PQclear(r);
	p->cols = n;
	arena_reset(&p->a);
	buf_init(&p->out, &p->a, (size_t)1 << 30);
	buf_add(&p->out, (str){ "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19 });
	return OK;
}

static enum err
row(struct side *s, const struct val *v, struct error *e)
{
	struct pg *p = s->h;

	put16(&p->out, p->cols);
	for (int i = 0; i < p->cols; i++) {
		if (v[i].t == V_I64) {
			uint64_t n = htobe64((uint64_t)v[i].i);
			put32(&p->out, sizeof(n));
			buf_add(&p->out, (str){ (const char *)&n, sizeof(n) });
		} else {
			put32(&p->out, v[i].t == V_NULL ? -1 : (int32_t)v[i].s.n);
			if (v[i].t != V_NULL)
				buf_add(&p->out, v[i].s);
		}
	}
	return p->out.n > COPY_PIECE ? flush(p, e) : OK;
}

static enum err
filled(struct side *s, struct error *e)
{
	struct pg *p = s->h;
	enum err code = OK;

	put16(&p->out, -1);
	TRY(flush(p, e));
	if (PQputCopyEnd(p->c, NULL) != 1)
		return fault(p, NULL, e, "copy");
	for (PGresult *r; (r = PQgetResult(p->c)) != NULL; ) {
		if (code == OK && !good(r))
			code = fault(p, r, e, "copy");
		else
			PQclear(r);
	}
	return code;
}

static enum err fold(struct side *s, struct error *e) { (void)s, (void)e; return OK; }

/* --- the catalog --- */

static enum err
catalog(struct side *s, struct arena *a, struct side_catalog *ret, struct error *e)
{
	enum { TABLES_MAX = 200 };
	static const char sql[] = "SELECT c.relname, t.attname, t.atttypid::bigint, COALESCE(array_position(string_to_array(i.indkey::text, ' ')::int2[], t.attnum), 0)::bigint"
	    " FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped"
	    " LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary"
	    " WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
	    " ORDER BY c.relname COLLATE \"C\", t.attnum";
	struct side_catalog c = { NEW_N(a, struct side_table, TABLES_MAX), 0 };
	struct side_table *t = NULL;
	bool full = false;

	TRY(read_(s, sql, NULL, 0, e));
	while (!full && next(s)) {
		str name = col(s, 0).s;
		if (t == NULL || !str_eq(str_z(t->name), name)) {
			if ((full = c.n == TABLES_MAX))
				break;
			t = &c.table[c.n++];
			t->name = str_dup(a, name).p;
		}
		if ((full = t->cols == SIDE_COLUMNS))
			break;
		int64_t type = col(s, 2).i;
		int key = (int)col(s, 3).i;
		t->col[t->cols++] = (struct side_column){ str_dup(a, col(s, 1).s).p, type == OID_INT8 ? V_I64 : type == OID_BYTEA ? V_BYTES : V_TEXT, key };
		t->keys = MAX(t->keys, key);
	}
	TRY(ended(s, e));
	*ret = c;
	return full ? fail(e, E_STORAGE, NULL, "the database has more tables or columns than this program knows") : OK;
}

static void
close_(struct side *s)
{
	struct pg *p = s->h;

	PQclear(p->row);
	PQfinish(p->c);
	arena_free(&p->a);
	free(p);
}

static const struct side_ops ops = {
	.name = "postgres", .catalog = catalog, .run = run, .read = read_, .next = next, .col = col, .ended = ended, .change = change,
	.fill = fill, .row = row, .filled = filled, .fold = fold, .close = close_,
};

static void quiet(void *arg, const PGresult *r) { (void)arg, (void)r; }

/* Sorting a table to read it in the order of its key would cost the server's disk: it is to walk the index. */
static enum err
configure(struct side *s, enum side_mode mode, struct error *e)
{
	TRY(run(s, "SET client_min_messages = warning; SET client_encoding = 'UTF8'; SET lock_timeout = '30s'; SET statement_timeout = 0;"
	    " SET enable_sort = off", e));
	return mode == SIDE_READ ? run(s, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", e) : OK;
}

enum err
side_pg(const char *uri, enum side_mode mode, struct side *ret, struct error *e)
{
	const char *names[] = { "connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "application_name", "dbname", NULL };
	const char *values[] = { "10", "5", "5", "2", "scriped", uri, NULL };
	struct pg *p = calloc(1, sizeof(*p));

	if (p == NULL)
		abort();
	arena_init(&p->a, (size_t)64 << 20);
	struct side s = { &ops, p };
	p->c = PQconnectdbParams(names, values, 1);
	PQsetNoticeReceiver(p->c, quiet, NULL);
	enum err code = PQstatus(p->c) == CONNECTION_OK ? configure(&s, mode, e) : fault(p, NULL, e, "connect");
	if (code != OK) {
		close_(&s);
		return code;
	}
	*ret = s;
	return OK;
}
