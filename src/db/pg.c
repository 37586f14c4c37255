#include "db/db.h"
#include <endian.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

/* Text is compared by byte everywhere, so that keyset pages are the same on both engines. */
static const struct dialect words[] = {
	{ "{i64}", "BIGINT" }, { "{bytes}", "BYTEA" }, { "{strict}", "" }, { "{pg}", "" }, { "{/pg}", "" }, { "{clustered}", "" },
	{ "{unlogged}", "UNLOGGED" }, { "{id}", "TEXT COLLATE \"C\"" }, { "{skip_locked}", " FOR UPDATE SKIP LOCKED" }, { "{for_update}", " FOR UPDATE" }, { NULL, NULL },
};
#define PARAMS	80
struct pg { PGconn *c; bool *prepared; int64_t changes, written; char begin[80]; };

#define LOCK_MS		30000		/* until somebody says how long */

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23 };

static enum err
code_of(const char *state)
{
	static const struct { const char *state; enum err code; } row[] = {
		{ "23505", E_DUPLICATE }, { "40001", E_RETRY }, { "40P01", E_RETRY }, { "55P03", E_LOCKED },
		{ "53100", E_FULL }, { "22012", E_TAKEN }, { "53300", E_RETRY },
	};
	for (size_t i = 0; state != NULL && i < COUNT(row); i++)
		if (strcmp(row[i].state, state) == 0)
			return row[i].code;
	return E_STORAGE;
}

static enum err
fault(struct pg *p, PGresult *r, struct error *e, const char *what)
{
	enum err code = code_of(r != NULL ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL);
	const char *why = r != NULL ? PQresultErrorMessage(r) : PQerrorMessage(p->c);

	code = fail(e, code, NULL, "%s: %s", what, why);
	for (char *c = e->detail; *c != '\0'; c++)
		if (*c == '\n')
			*c = ' ';
	PQclear(r);
	return code;
}

static bool
good(const PGresult *r)
{
	return PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK;
}

static enum err
prepare(struct pg *p, const struct stmt *q, struct error *e)
{
	char *sql = db_expand(q->sql, words);
	PGresult *r = PQprepare(p->c, q->name, sql, 0, NULL);

	free(sql);
	if (!good(r))
		return fault(p, r, e, q->name);
	PQclear(r);
	p->prepared[q->id] = true;
	return OK;
}

/* Numbers go as text, for which the server finds the type; text and bytes go as they are, with their length. */
static enum err
pg_query(struct db *db, const struct stmt *q, const struct val *v, int n, struct rows *ret, struct error *e)
{
	struct pg *p = db->h;
	const char *arg[PARAMS];
	char num[PARAMS][24];
	int len[PARAMS], binary[PARAMS];

	if (!p->prepared[q->id])
		TRY(prepare(p, q, e));
	if (n < 0)
		return OK;
	for (int i = 0; i < n; i++) {
		binary[i] = v[i].t != V_I64;
		arg[i] = v[i].t == V_NULL ? NULL : v[i].s.p;
		len[i] = (int)v[i].s.n;
		if (v[i].t == V_I64) {
			snprintf(num[i], sizeof(num[i]), "%lld", (long long)v[i].i);
			arg[i] = num[i];
		}
	}
	PGresult *r = PQexecPrepared(p->c, q->name, n, arg, len, binary, 1);
	if (!good(r))
		return fault(p, r, e, q->name);
	const char *touched = PQcmdTuples(r);
	p->changes = touched[0] != '\0' ? strtoll(touched, NULL, 10) : 0;
	if (strncmp(PQcmdStatus(r), "SELECT", 6) != 0)
		p->written += p->changes;
	*ret = (struct rows){ db, r, -1, PQntuples(r) };
	return OK;
}

static bool pg_next(struct rows *r) { return ++r->row < r->n; }

static struct val
pg_col(struct rows *r, int i)
{
	const char *p = PQgetvalue(r->h, r->row, i);
	size_t n = (size_t)PQgetlength(r->h, r->row, i);
	uint64_t v = 0;

	if (PQgetisnull(r->h, r->row, i))
		return (struct val){ 0 };
	switch (PQftype(r->h, i)) {
	case OID_INT8: case OID_INT4: case OID_INT2: case OID_BOOL:
		for (size_t k = 0; k < n; k++)
			v = v << 8 | (uint8_t)p[k];
		return val_i64(n == 4 ? (int32_t)v : n == 2 ? (int16_t)v : (int64_t)v);
	case OID_BYTEA:
		return (struct val){ V_BYTES, 0, { p, n } };
	default:
		return val_str((str){ p, n });
	}
}

static enum err
pg_done(struct rows *r, struct error *e)
{
	(void)e;
	PQclear(r->h);
	return OK;
}

static bool pg_sole(struct db *db) { (void)db; return false; }
static int64_t pg_changes(struct db *db) { return ((struct pg *)db->h)->changes; }
static int64_t pg_written(struct db *db) { return ((struct pg *)db->h)->written; }

static enum err
pg_script(struct db *db, const char *sql, struct error *e)
{
	struct pg *p = db->h;
	char *text = db_expand(sql, words);
	PGresult *r = PQexec(p->c, text);

	free(text);
	if (!good(r))
		return fault(p, r, e, "script");
	PQclear(r);
	return OK;
}

/* The mark rides on BEGIN: one round trip instead of two. */
static enum err
pg_begin(struct db *db, enum tx t, struct error *e)
{
	return pg_script(db, t == TX_WRITE ? ((struct pg *)db->h)->begin : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", e);
}

static enum err pg_mark(struct db *db, bool firm, struct error *e) { (void)db, (void)firm, (void)e; return OK; }
static enum err pg_release(struct db *db, struct error *e) { (void)db, (void)e; return OK; }
static enum err pg_rewind(struct db *db, struct error *e) { return pg_script(db, "ROLLBACK TO m", e); }
static bool pg_broken(struct db *db) { return PQstatus(((struct pg *)db->h)->c) != CONNECTION_OK; }

/* A COMMIT whose answer is lost is neither success nor failure.  One that answers ROLLBACK was a failure. */
static enum err
pg_commit(struct db *db, struct error *e)
{
	struct pg *p = db->h;
	PGresult *r = PQexec(p->c, "COMMIT");

	if (good(r)) {
		bool undone = strcmp(PQcmdStatus(r), "ROLLBACK") == 0;
		PQclear(r);
		return undone ? fail(e, E_STORAGE, NULL, "commit: the transaction had failed") : OK;
	}
	if (PQstatus(p->c) != CONNECTION_OK) {
		PQclear(r);
		return fail(e, E_UNCERTAIN, NULL, "commit: %.150s", PQerrorMessage(p->c));
	}
	return fault(p, r, e, "commit");
}

static void
pg_rollback(struct db *db)
{
	struct error e;

	if (PQtransactionStatus(((struct pg *)db->h)->c) != PQTRANS_IDLE)
		(void)pg_script(db, "ROLLBACK", &e);
}

static void quiet(void *arg, const PGresult *r) { (void)arg, (void)r; }

static enum err
greet(struct db *db, struct error *e)
{
	struct pg *p = db->h;
	struct stmt *const *list;

	memset(p->prepared, 0, sizeof(bool) * (size_t)DB_SLOTS(db_stmts(&list)));
	if (PQstatus(p->c) != CONNECTION_OK)
		return fault(p, NULL, e, "connect");
	PQsetNoticeReceiver(p->c, quiet, NULL);
	/* a read that meets a lock, of a migration or a dump, must not hold its place of the pool; a write says how long it waits */
	return pg_script(db, "SET client_min_messages = warning; SET timezone = 'UTC'; SET client_encoding = 'UTF8'; SET lock_timeout = '10s'", e);
}

static enum err
pg_revive(struct db *db, struct error *e)
{
	struct pg *p = db->h;

	if (PQstatus(p->c) == CONNECTION_OK)
		return OK;
	PQreset(p->c);
	return greet(db, e);
}

static int64_t
pg_size(struct db *db)
{
	PGresult *r = PQexec(((struct pg *)db->h)->c, "SELECT pg_database_size(current_database())");
	int64_t n = good(r) && PQntuples(r) == 1 ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : -1;

	PQclear(r);
	return n;
}

static void
pg_close(struct db *db)
{
	struct pg *p = db->h;

	PQfinish(p->c);
	free(p->prepared);
	free(p);
}

static const struct db_ops ops = {
	.name = "postgres", .begin = pg_begin, .commit = pg_commit, .rollback = pg_rollback, .mark = pg_mark,
	.release = pg_release, .rewind = pg_rewind, .sole = pg_sole, .broken = pg_broken, .query = pg_query, .next = pg_next,
	.col = pg_col, .done = pg_done, .changes = pg_changes, .written = pg_written, .script = pg_script, .revive = pg_revive,
	.size = pg_size, .close = pg_close,
};

void
db_pg_patience(struct db *db, int64_t ms)
{
	struct pg *p = db->h;
	snprintf(p->begin, sizeof(p->begin), "BEGIN; SET LOCAL lock_timeout = %lld; SAVEPOINT m", (long long)ms);
}

/* Where the URI says nothing else, a server that is silent for 15 s has left: waiting would hold a place of the pool for hours. */
enum err
db_pg_open(const char *uri, struct db *ret, struct error *e)
{
	const char *names[] = { "connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "dbname", NULL };
	const char *values[] = { "10", "5", "5", "2", "15000", uri, NULL };
	struct stmt *const *list;
	struct pg *p = calloc(1, sizeof(*p));

	db_init();
	if (p == NULL || (p->prepared = calloc((size_t)DB_SLOTS(db_stmts(&list)), sizeof(bool))) == NULL)
		abort();
	p->c = PQconnectdbParams(names, values, 1);
	struct db db = { &ops, p };
	db_pg_patience(&db, LOCK_MS);
	enum err code = greet(&db, e);
	if (code != OK) {
		pg_close(&db);
		return code;
	}
	*ret = db;
	return OK;
}
