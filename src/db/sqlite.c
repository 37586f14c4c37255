#include "db/db.h"
#include "db/wal.h"
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct dialect words[] = {
	{ "{i64}", "INTEGER" }, { "{bytes}", "BLOB" }, { "{strict}", " STRICT" }, { "{clustered}", " STRICT, WITHOUT ROWID" },
	{ "{id}", "TEXT" }, { "{unlogged}", "" }, { "{pg}", "/*" }, { "{/pg}", "*/" }, { "{skip_locked}", "" }, { "{for_update}", "" }, { NULL, NULL },
};
enum { BEGIN_READ, BEGIN_WRITE, COMMIT, ROLLBACK, MARK, RELEASE, REWIND, VERBS };
static const char *const verbs[VERBS] = {
	"BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "SAVEPOINT m", "RELEASE m", "ROLLBACK TO m",
};
#define PARAMS	80
#define SHORT	32
struct prepared {
	sqlite3_stmt *s;
	int8_t at[PARAMS + 1];		/* at[n]: the index that sqlite gave to $n */
	char (*short_text)[SHORT];	/* a place for each parameter */
};
struct lite { sqlite3 *c; int64_t marked_at; bool firm; sqlite3_stmt *verb[VERBS]; struct prepared *all; bool read_only; };

static enum err
fault(sqlite3 *c, struct error *e, const char *what)
{
	int rc = sqlite3_extended_errcode(c);
	enum err code = E_STORAGE;

	if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY)
		code = E_DUPLICATE;
	else if ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
		code = E_RETRY;
	else if ((rc & 0xff) == SQLITE_FULL)
		code = E_FULL;
	return fail(e, code, NULL, "%s: %s", what, sqlite3_errmsg(c));
}

static enum err
prepare(struct lite *l, const struct stmt *q, struct error *e)
{
	struct prepared *p = &l->all[q->id];
	char *sql = db_expand(q->sql, words);
	int rc = sqlite3_prepare_v3(l->c, sql, -1, SQLITE_PREPARE_PERSISTENT, &p->s, NULL);

	free(sql);
	if (rc != SQLITE_OK)
		return fault(l->c, e, q->name);
	if ((p->short_text = calloc((size_t)sqlite3_bind_parameter_count(p->s) + 1, SHORT)) == NULL)
		abort();
	/* to SQLite $1 is a name: its index is the order of first appearance */
	memset(p->at, 0, sizeof(p->at));
	for (int i = sqlite3_bind_parameter_count(p->s); i > 0; i--) {
		int64_t n;
		if (!str_int(str_z(sqlite3_bind_parameter_name(p->s, i) + 1), &n) || n < 1 || n > PARAMS)
			abort();		/* a statement is a constant: a bug */
		p->at[n] = (int8_t)i;
	}
	return OK;
}

/* Short texts, ids above all, are kept with the statement: they may stand in a frame that is gone while rows are still
 * read.  Longer ones and bytes are bound where they are and live until db_done, as db.h asks of the caller. */
static void
bind(struct prepared *p, const struct val *v, int n)
{
	for (int i = 0; i < n; i++) {
		int k = p->at[i + 1];
		switch (v[i].t) {
		case V_I64:	sqlite3_bind_int64(p->s, k, v[i].i); break;
		case V_TEXT:
			if (v[i].s.n <= SHORT) {
				memcpy(p->short_text[k], v[i].s.p, v[i].s.n);
				sqlite3_bind_text(p->s, k, p->short_text[k], (int)v[i].s.n, SQLITE_STATIC);
			} else {
				sqlite3_bind_text(p->s, k, v[i].s.p, (int)v[i].s.n, SQLITE_STATIC);
			}
			break;
		case V_BYTES:	sqlite3_bind_blob(p->s, k, v[i].s.p, (int)v[i].s.n, SQLITE_STATIC); break;
		case V_NULL:	sqlite3_bind_null(p->s, k); break;
		}
	}
}

static enum err
lite_query(struct db *db, const struct stmt *q, const struct val *v, int n, struct rows *ret, struct error *e)
{
	struct lite *l = db->h;
	struct prepared *p = &l->all[q->id];

	if (p->s == NULL)
		TRY(prepare(l, q, e));
	if (n < 0)
		return OK;		/* prepare only */
	bind(p, v, n);
	int rc = sqlite3_step(p->s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		enum err code = fault(l->c, e, q->name);
		sqlite3_reset(p->s);
		return code;
	}
	*ret = (struct rows){ db, p->s, 0, rc };
	return OK;
}

static bool
lite_next(struct rows *r)
{
	if (r->row++ > 0 && r->n == SQLITE_ROW)
		r->n = sqlite3_step(r->h);
	return r->n == SQLITE_ROW;
}

/* The value is looked up once: asking the statement for type, text and length looks it up three times.  It is not protected
 * against other threads, and need not be: a connection belongs to one. */
static struct val
lite_col(struct rows *r, int i)
{
	sqlite3_value *v = sqlite3_column_value(r->h, i);

	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		return val_i64(sqlite3_value_int64(v));
	case SQLITE_NULL:
		return (struct val){ 0 };
	case SQLITE_BLOB: {
		const char *p = sqlite3_value_blob(v);
		return (struct val){ V_BYTES, 0, { p != NULL ? p : "", (size_t)sqlite3_value_bytes(v) } };
	}
	default: {
		const char *p = (const char *)sqlite3_value_text(v);
		return val_str((str){ p, (size_t)sqlite3_value_bytes(v) });
	}
	}
}

static enum err
lite_done(struct rows *r, struct error *e)
{
	bool bad = r->n != SQLITE_ROW && r->n != SQLITE_DONE;
	enum err code = bad ? fault(sqlite3_db_handle(r->h), e, "step") : OK;

	sqlite3_reset(r->h);
	return code;
}

static bool lite_sole(struct db *db) { (void)db; return true; }
static int64_t lite_changes(struct db *db) { return sqlite3_changes64(((struct lite *)db->h)->c); }
static int64_t lite_written(struct db *db) { return sqlite3_total_changes64(((struct lite *)db->h)->c); }

static enum err
verb(struct db *db, int k, struct error *e)
{
	struct lite *l = db->h;

	if (l->verb[k] == NULL && sqlite3_prepare_v3(l->c, verbs[k], -1, SQLITE_PREPARE_PERSISTENT, &l->verb[k], NULL) != SQLITE_OK)
		return fault(l->c, e, verbs[k]);
	int rc = sqlite3_step(l->verb[k]);
	enum err code = rc == SQLITE_DONE ? OK : fault(l->c, e, verbs[k]);
	sqlite3_reset(l->verb[k]);
	return code;
}

static enum err lite_begin(struct db *db, enum tx t, struct error *e) { return verb(db, t == TX_WRITE ? BEGIN_WRITE : BEGIN_READ, e); }
static enum err lite_commit(struct db *db, struct error *e) { return verb(db, COMMIT, e); }

/* A savepoint copies each page that is changed within it.  Most calls of a batch never look back, so theirs is a number. */
static enum err
lite_mark(struct db *db, bool firm, struct error *e)
{
	struct lite *l = db->h;

	l->marked_at = sqlite3_total_changes64(l->c);
	l->firm = firm;
	return firm ? verb(db, MARK, e) : OK;
}

static enum err
lite_release(struct db *db, struct error *e)
{
	struct lite *l = db->h;
	bool firm = l->firm;

	l->firm = false;
	return firm ? verb(db, RELEASE, e) : OK;
}

static enum err
lite_rewind(struct db *db, struct error *e)
{
	const struct lite *l = db->h;

	if (l->firm)
		return verb(db, REWIND, e);
	if (sqlite3_total_changes64(l->c) == l->marked_at)
		return OK;
	return fail(e, E_RETRY, NULL, "rewind: something was written since a mark that is not firm");
}

/* FULL, IOERR, NOMEM and INTERRUPT end the whole transaction, not the savepoint (measured on 3.40.1). */
static bool lite_broken(struct db *db) { return sqlite3_get_autocommit(((struct lite *)db->h)->c) != 0; }

static void
lite_rollback(struct db *db)
{
	struct error e;

	if (!lite_broken(db))
		(void)verb(db, ROLLBACK, &e);
}

static enum err
lite_script(struct db *db, const char *sql, struct error *e)
{
	struct lite *l = db->h;
	char *text = db_expand(sql, words);
	int rc = sqlite3_exec(l->c, text, NULL, NULL, NULL);

	free(text);
	return rc == SQLITE_OK ? OK : fault(l->c, e, "script");
}

static enum err lite_revive(struct db *db, struct error *e) { (void)db, (void)e; return OK; }

static int64_t
lite_size(struct db *db)
{
	struct stat st;
	const char *path = sqlite3_db_filename(((struct lite *)db->h)->c, "main");

	return path != NULL && stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

static void
lite_close(struct db *db)
{
	struct lite *l = db->h;
	struct stmt *const *list;
	int n = DB_SLOTS(db_stmts(&list));

	for (int i = 0; i < n; i++) {
		sqlite3_finalize(l->all[i].s);
		free(l->all[i].short_text);
	}
	for (int i = 0; i < VERBS; i++)
		sqlite3_finalize(l->verb[i]);
	sqlite3_close(l->c);
	free(l->all);
	free(l);
}

static const struct db_ops ops = {
	.name = "sqlite", .begin = lite_begin, .commit = lite_commit, .rollback = lite_rollback, .mark = lite_mark,
	.release = lite_release, .rewind = lite_rewind, .sole = lite_sole, .broken = lite_broken, .query = lite_query, .next = lite_next,
	.col = lite_col, .done = lite_done, .changes = lite_changes, .written = lite_written, .script = lite_script, .revive = lite_revive,
	.size = lite_size, .close = lite_close,
};

/* Only the writer checkpoints: SQLite up to 3.51.2 can corrupt a WAL database when two connections checkpoint and
 * commit at the same instant.  The writer does it itself between two batches (db_sqlite_checkpoint). */
static enum err
configure(struct db *db, const struct db_sqlite_conf *c, struct error *e)
{
	struct lite *l = db->h;
	char sql[256];

	sqlite3_extended_result_codes(l->c, 1);
	sqlite3_busy_timeout(l->c, 5000);
	sqlite3_db_config(l->c, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (c->read_only)
		sqlite3_db_config(l->c, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	snprintf(sql, sizeof(sql), "PRAGMA cache_size=-%lld; PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY",
	    (long long)c->cache_kb);
	TRY(lite_script(db, sql, e));
	if (c->read_only)
		return lite_script(db, "PRAGMA query_only=ON", e);
	TRY(lite_script(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=268435456", e));
	if (c->max_pages == 0)
		return OK;
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%lld", (long long)c->max_pages);
	return lite_script(db, sql, e);
}

/* Counting its memory costs the library a lock per allocation, and nobody asks. */
static void
once_for_all(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum err
db_sqlite_open(const struct db_sqlite_conf *c, struct db *ret, struct error *e)
{
	struct stmt *const *list;
	int flags = SQLITE_OPEN_NOMUTEX | (c->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	struct lite *l = calloc(1, sizeof(*l));
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	db_init();
	pthread_once(&once, once_for_all);
	if (l == NULL || (l->all = calloc((size_t)DB_SLOTS(db_stmts(&list)), sizeof(*l->all))) == NULL)
		abort();
	struct db db = { &ops, l };
	enum err code = sqlite3_open_v2(c->path, &l->c, flags, c->read_only ? NULL : wal_vfs()) == SQLITE_OK ? configure(&db, c, e) : fault(l->c, e, c->path);
	if (code != OK) {
		if (sqlite3_errcode(l->c) == SQLITE_NOTADB)
			code = fail(e, E_STORAGE, NULL, "%s is not a database: move it away, or name another data folder", c->path);
		lite_close(&db);
		return code;
	}
	*ret = db;
	return OK;
}

bool
db_sqlite_checkpoint(struct db *db)
{
	int frames = 0, folded = 0;
	int rc = sqlite3_wal_checkpoint_v2(((struct lite *)db->h)->c, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &folded);

	return rc == SQLITE_OK && frames == folded;
}

enum err
db_sqlite_sound(struct db *db, struct error *e)
{
	struct lite *l = db->h;
	sqlite3_stmt *s;
	enum err code = OK;

	if (sqlite3_prepare_v2(l->c, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK)
		return fault(l->c, e, "quick_check");
	if (sqlite3_step(s) != SQLITE_ROW)
		code = fault(l->c, e, "quick_check");
	else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0)
		code = fail(e, E_STORAGE, NULL, "the database is damaged: %.120s; restore a backup", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	return code;
}
