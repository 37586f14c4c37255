/* db -- run a named SQL statement on whichever engine we were given.
 *
 * A statement is a constant: SQL() takes a string literal and nothing else, so a query cannot be built from input.
 * The text is the same for both engines; what SQLite and PostgreSQL spell differently is one of these words,
 * replaced when the statement is prepared:
 *
 *	{pg} … {/pg}: what PostgreSQL alone needs; a comment to SQLite
 *	{i64} {bytes} {skip_locked} {for_update} {strict}	{id}: TEXT, compared by byte	{clustered}: strict, and kept in its key
 *	{for_update}: as a change would, so that a row which only refers to this one is written meanwhile
 *	{unlogged}: not kept over a crash of PostgreSQL
 *
 * SQL() also enters the statement into a list that the linker collects, so that all are prepared when an engine
 * opens (on its first connection; the others prepare what they are asked for), and a tool can ask for the plan of each.
 * Prepared ones take 4 KB each of the embedded server: there what nodes share waits for its first use.
 *
 * Ownership:  rows belong to the query and die with db_done; text read from them is borrowed until the next row
 *             unless db_scan is given an arena.  Texts over 32 bytes and bytes that are bound live until db_done.
 * Errors:     E_DUPLICATE, E_TAKEN (a statement divided by zero: that is how one says no to all that come behind it), E_RETRY, E_FULL, E_STORAGE, E_UNCERTAIN, whatever the engine.
 * Threads:    a struct db belongs to one thread at a time.
 * Layer:      includes base, crypto, rec, sys. */
#ifndef DB_H
#define DB_H
#include "crypto/crypto.h"
#include "rec/rec.h"

struct stmt { const char *name, *sql; int id, since; bool pg; };	/* id: its place in the list, set by db_init */
#define SQL(var, nm, text) SQL_SINCE(0, var, nm, text)
/* One that needs this schema: on PostgreSQL nodes of a new release run on the schema of the last one until the operator migrates, and
 * who uses it asks db_schema() before.  SQLite, whose schema is always the newest, prepares it when it is first used. */
#define SQL_SINCE(number, var, nm, text) \
	static struct stmt var = { nm, "" text, -1, number, false }; \
	static struct stmt *const var##_listed __attribute__((section("scriped_stmts"), used)) = &var
/* One that PostgreSQL alone has: what asks its catalogs or its clock.  Never run on SQLite, which does not prepare it. */
#define SQL_PG(number, var, nm, text) \
	static struct stmt var = { nm, "" text, -1, number, true }; \
	static struct stmt *const var##_listed __attribute__((section("scriped_stmts"), used)) = &var

enum vtype { V_NULL, V_I64, V_TEXT, V_BYTES };
struct val { enum vtype t; int64_t i; str s; };
static inline struct val val_i64(int64_t i) { return (struct val){ V_I64, i, STR_NONE }; }
static inline struct val val_int(int i) { return val_i64(i); }
static inline struct val val_bool(bool b) { return val_i64(b); }
static inline struct val val_str(str s) { return (struct val){ s.p != NULL ? V_TEXT : V_NULL, 0, s }; }
static inline struct val val_bytes(str s) { return (struct val){ s.p != NULL ? V_BYTES : V_NULL, 0, s }; }
static inline struct val val_ulid(const ulid *u) { return (struct val){ u->s[0] != '\0' ? V_TEXT : V_NULL, 0, { u->s, strnlen(u->s, 26) } }; }
static inline struct val val_time(int64_t ms) { return (struct val){ ms != TIME_NONE ? V_I64 : V_NULL, ms, STR_NONE }; }
static inline struct val val_word(const struct words *w, int i) { return val_str(i >= 0 ? str_z(w->v[i]) : STR_NONE); }
static inline struct val val_digest(const digest *d) { return (struct val){ V_BYTES, 0, { (const char *)d->b, sizeof(d->b) } }; }
#define V(x)	_Generic((x), int64_t: val_i64, int: val_int, bool: val_bool, str: val_str)(x)
#define VID(id)	val_ulid(&(id).u)
#define VTIME(ms) val_time(ms)

struct miss { enum err code; const char *field, *detail; };
enum tx { TX_READ, TX_WRITE };
struct db_ops;
struct db { const struct db_ops *ops; void *h; };
bool	db_is_pg(const struct db *);
struct rows { struct db *db; void *h; int row, n; };	/* row and n are the engine's */

/* What an engine provides; nothing above this line knows which. */
struct db_ops {
	const char *name;			/* "sqlite", "postgres" */
	enum err (*begin)(struct db *, enum tx, struct error *);
	enum err (*commit)(struct db *, struct error *);
	void	 (*rollback)(struct db *);
	/* Inside a transaction, one level deep: what came after mark can be undone alone.  A mark that is not firm costs
	 * nothing, but where something was written since, rewind answers E_RETRY: begin anew, with firm marks. */
	enum err (*mark)(struct db *, bool firm, struct error *);
	enum err (*release)(struct db *, struct error *);
	enum err (*rewind)(struct db *, struct error *);	/* undoes; the mark stays */
	bool	 (*sole)(struct db *);		/* nobody else writes: what is not there now comes only from us */
	bool	 (*broken)(struct db *);	/* the transaction is gone, whatever the mark said */
	enum err (*query)(struct db *, const struct stmt *, const struct val *, int, struct rows *ret, struct error *);
	enum err (*ask)(struct db *, const struct stmt *, const struct val *, int, struct rows *ret, struct error *);	/* db_ask; NULL: query does it */
	enum err (*send)(struct db *, const struct stmt *, const struct miss *, const struct val *, int, struct error *);	/* db_run, db_must; NULL: query does it */
	enum err (*settle)(struct db *, struct error *);	/* db_settle; NULL: nothing is ever deferred */
	bool	 (*next)(struct rows *);
	struct val (*col)(struct rows *, int);
	enum err (*done)(struct rows *, struct error *);
	int64_t	 (*changes)(struct db *);	/* rows touched by the last query */
	int64_t	 (*written)(struct db *);	/* rows touched by all of them so far */
	int64_t	 (*trips)(struct db *);		/* how often it waited for an answer, so far; NULL: never */
	void	 (*concerns)(struct db *, const ulid *workspace);	/* db_concerns; NULL: there is nobody to tell */
	enum err (*script)(struct db *, const char *sql, struct error *);
	enum err (*revive)(struct db *, struct error *);	/* reconnects when the link is lost */
	int64_t	 (*size)(struct db *);		/* bytes of the database, -1 if unknown */
	void	 (*close)(struct db *);
};

/* Where the log of a primary of PostgreSQL stands, as SQL and a whole number: its timeline, which each promotion makes larger, above the place.
 * So what a promoted server writes is ahead of all that was written before, and of all that another one has which did not follow it. */
#define DB_POSITION	"((('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint & 1023) << 53)" \
	" + (pg_current_wal_insert_lsn() - '0/0')::bigint"
#define DB_TIMELINE(position)	((position) >> 53)

void	db_init(void);				/* numbers the statements; once */
int	db_schema(void);			/* of the database that this process has opened: it grows while we run */
void	db_schema_is(int);			/* whoever looked */
int	db_stmts(struct stmt *const **ret);
#define DB_SLOTS(n)	((n) + 2)		/* prepared statements of a connection: two more for migrate */

struct db_sqlite_conf { const char *path; bool read_only; int64_t cache_kb, max_pages; };
MUST_USE enum err db_sqlite_open(const struct db_sqlite_conf *, struct db *ret, struct error *);
/* Folds the WAL into the database; only the one writer may call it.  True when the whole log was folded. */
bool	db_sqlite_checkpoint(struct db *);
/* Reads all pages and indexes; E_STORAGE with what is wrong. */
MUST_USE enum err db_sqlite_sound(struct db *, struct error *);
/* E_USAGE: a server that is too old, or a database that is not encoded in UTF8. */
MUST_USE enum err db_pg_open(const char *uri, struct db *ret, struct error *);
MUST_USE enum err db_prepare_all(struct db *, struct error *);

/* A statement is passed by its name: db_query(db, insert, …), where SQL(insert, …) stands in the same file. */
MUST_USE enum err db_query_(struct db *, const struct stmt *, struct rows *, struct error *, const struct val *, int);
MUST_USE enum err db_run_(struct db *, const struct stmt *, struct error *, const struct val *, int);
MUST_USE enum err db_one_(struct db *, const struct stmt *, const struct rec *, struct arena *, void *, bool *, struct error *,
    const struct val *, int);
MUST_USE enum err db_any_(struct db *, const struct stmt *, bool *ret, struct error *, const struct val *, int);
int64_t	db_asked(void);				/* statements run so far, of all connections of this process */
#define VALS(...)	(struct val[]){ __VA_ARGS__ }, (int)COUNT(((struct val[]){ __VA_ARGS__ }))
#define db_query(db, q, ret, e, ...) db_query_((db), &(q), (ret), (e), VALS(__VA_ARGS__))
#define db_run(db, q, e, ...) db_run_((db), &(q), (e), VALS(__VA_ARGS__))
/* Whether there is a row at all. */
#define db_any(db, q, ret, e, ...) db_any_((db), &(q), (ret), (e), VALS(__VA_ARGS__))
/* A statement whose rows nobody needs.  PostgreSQL sends it with the next one that waits for an answer, or with COMMIT, and its fault
 * comes with that one's: so a transaction of many writes takes one round trip.  SQLite runs it at once.
 *	db_run	 whatever it does
 *	db_must	 it must find, or change, a row: else the next one that waits, at the latest the end of the transaction, fails as `miss` says
 *	db_touch waits, and tells how many rows it changed */
/* What db_run (miss NULL) and db_must are. */
MUST_USE enum err db_send_(struct db *, const struct stmt *, const struct miss *, struct error *, const struct val *, int);
MUST_USE enum err db_must_(struct db *, const struct stmt *, const struct miss *, struct error *, const struct val *, int);
MUST_USE enum err db_touch_(struct db *, const struct stmt *, int64_t *n, struct error *, const struct val *, int);
/*	db_settle waits until all misses are told: a no-op where no db_must is unanswered.  Who must know how its statements went before it goes on
 *	db_ask	 a query whose answer is not waited for before db_next asks for its first row: several of them take one round trip.  Its fault comes
 *		 with db_done at the latest.  Each is read to its end before db_done; a statement can be asked once at a time */
MUST_USE enum err db_ask_(struct db *, const struct stmt *, struct rows *, struct error *, const struct val *, int);
MUST_USE enum err db_settle(struct db *, struct error *);
#define db_ask(db, q, ret, e, ...) db_ask_((db), &(q), (ret), (e), VALS(__VA_ARGS__))
#define db_must(db, q, miss, e, ...) db_must_((db), &(q), &(miss), (e), VALS(__VA_ARGS__))
#define db_touch(db, q, n, e, ...) db_touch_((db), &(q), (n), (e), VALS(__VA_ARGS__))
/* At most one row into a record; *found tells.  The arena may be NULL only for a record without texts: the row is gone. */
#define db_one(db, q, rec, a, to, found, e, ...) db_one_((db), &(q), (rec), (a), (to), (found), (e), VALS(__VA_ARGS__))
static inline int64_t db_trips(struct db *db) { return db->ops->trips != NULL ? db->ops->trips(db) : 0; }
/* What this call writes of that workspace, or shows of it to who may act upon it, is to be seen from then on by whoever reads from a replica:
 * the call is not done() before the position is known to all nodes (kv/seen.h).  Said before the first statement whose rows are shown. */
static inline void
db_concerns(struct db *db, const ulid *workspace)
{
	if (db->ops->concerns != NULL)
		db->ops->concerns(db, workspace);
}
static inline bool db_next(struct rows *r) { return r->db->ops->next(r); }
static inline struct val db_col(struct rows *r, int i) { return r->db->ops->col(r, i); }
/* Of what was asked, at most one row into a record; then it is done. */
MUST_USE enum err db_take(struct rows *, const struct rec *, struct arena *, void *to, bool *found, struct error *);
MUST_USE static inline enum err db_done(struct rows *r, struct error *e) { return r->db->ops->done(r, e); }
/* The current row into a record by its field table: columns stand in the order of the fields that have one.
 * With an arena text is copied, without it is borrowed until the next row. */
void	db_scan(const struct rec *, struct rows *, struct arena *, void *ret);
void	db_val_word(const struct words *, struct val, int *ret);

/* A column of many rows for unnest() of PostgreSQL: an array as its text, which the statement casts ($1::text::bigint[]).  The buffer is
 * initialised by its owner; db_array_add as often as there are rows, then db_array once. */
void	db_array_add(struct buf *, struct val);	/* numbers and texts */
struct val db_array(struct buf *);

/* Expand the dialect words of `sql`, which begin with a brace; malloc'd.  Shared by both engines. */
struct dialect { const char *word, *text; };
char	*db_expand(const char *sql, const struct dialect *);

/* The fault engine wraps another and fails on cue, to prove that nothing is ever half-written. */
enum db_fault_kind { DB_FAULT_CALL, DB_FAULT_COMMIT_BEFORE, DB_FAULT_COMMIT_AFTER };
struct db_fault { struct db real; enum db_fault_kind kind; int countdown; bool fired; };	/* countdown 0: never */
struct db db_fault_wrap(struct db_fault *, struct db real);
#endif
