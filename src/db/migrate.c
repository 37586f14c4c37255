#include "db/migrate.h"
#include "db/partition.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Nodes of a release run on the schema of the release before, until the operator migrates. */
const int schema_oldest = 4;

#define LOCK_MS		"300"		/* how long others may have to stand behind us */
#define GENTLE_MS	"5000"		/* how long we wait where nobody stands behind us: a vacuum gives way after a second */
#define PAUSE_US	100000
#define PAUSES		6000		/* ten minutes of them */

/* The files are linked in as they are.  The assembler finds them from the top of the tree, where make runs. */
#define MIGRATION(n, file, how) \
	__asm__(".section .rodata\n.global schema_" #n "\nschema_" #n ":\n.incbin \"schema/" file "\"\nschema_" #n "_end:\n.byte 0\n.global schema_" #n "_end\n.previous\n"); \
	extern const char schema_##n[], schema_##n##_end[];
#include "db/migrate.def"
#undef MIGRATION

int
migrate_list(const struct migration **ret)
{
	static struct migration list[] = {
#define MIGRATION(n, file, how) { n, file, { NULL, 0 }, how },
#include "db/migrate.def"
#undef MIGRATION
	};
	int i = 0;
#define MIGRATION(n, file, how) list[i++].sql = (str){ schema_##n, (size_t)(schema_##n##_end - schema_##n) };
#include "db/migrate.def"
#undef MIGRATION
	*ret = list;
	return i;
}

const struct migration migrate_tomorrow = { 9999, "9999_tomorrow.sql", S_INIT("-- an index, beside who writes\n"
    "CREATE INDEX {pg}CONCURRENTLY {/pg}IF NOT EXISTS tomorrow ON note (workspace, updated_at);\n"), M_APART };

static const char create[] =
    "CREATE TABLE IF NOT EXISTS schema_version (number {i64} NOT NULL PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL,"
    " applied_at {i64} NOT NULL){strict}";
/* Per schema of PostgreSQL, so that two databases in one do not wait for each other. */
#define LOCK	"(1970, hashtext(COALESCE(current_schema()::text, '')))"
SQL_PG(0, lock, "schema.lock", "SELECT pg_try_advisory_lock" LOCK);
SQL_PG(0, unlock, "schema.unlock", "SELECT pg_advisory_unlock" LOCK);
SQL_PG(0, exists, "schema.exists", "SELECT 1 WHERE to_regclass('schema_version') IS NOT NULL");
/* what a CREATE INDEX CONCURRENTLY left that did not end: it would count as made */
SQL_PG(0, half_made, "schema.half_made",
    "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND c.relkind = 'i'"
    " AND c.relnamespace = current_schema()::regnamespace AND position(' ' || c.relname || ' ' IN $1::text) > 0");
/* What lacks, with the line that gives it; empty: nothing.  Ranges are made, renamed and dropped by who owns their table. */
SQL_PG(0, lacks, "schema.lacks",
    "SELECT CASE WHEN current_schema() IS NULL THEN format('may use no schema of its search_path (%s): GRANT USAGE, CREATE ON SCHEMA public TO %I', current_setting('search_path'), current_user)"
    " WHEN other IS NOT NULL THEN format('does not own the tables: let the URI name %s, or give them away: ALTER TABLE … OWNER TO %I', other, current_user)"
    " WHEN NOT has_schema_privilege(current_schema()::text, 'CREATE') THEN format('may make no tables: GRANT USAGE, CREATE ON SCHEMA %I TO %I', current_schema(), current_user)"
    " ELSE '' END FROM (SELECT min(pg_get_userbyid(relowner)) AS other FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    " AND relname IN ('schema_version', 'workspace', 'job', 'audit', 'event', 'request_log') AND NOT pg_has_role(relowner, 'USAGE')) x");
/* not SQL(): these are needed before the tables exist that all other statements are prepared against */
static struct stmt applied = { "schema.applied", "SELECT number, hash FROM schema_version ORDER BY number", -1, 0, false };
static struct stmt apply = { "schema.apply", "INSERT INTO schema_version (number, name, hash, applied_at) VALUES ($1, $2, $3, $4)", -1, 0, false };

static void
hash_of(const struct migration *m, char hex[65])
{
	digest d = crypto_sha256(m->sql);
	crypto_hex(hex, d.b, sizeof(d.b));
}

static enum err
check_row(const struct migration *list, int n, int64_t number, str hash, struct error *e)
{
	char hex[65];

	if (number > list[n - 1].number)
		return fail(e, E_STORAGE, NULL, "the database has schema %lld, this program knows up to %d: run a newer scriped",
		    (long long)number, list[n - 1].number);
	for (int i = 0; i < n; i++) {
		if (list[i].number != number)
			continue;
		hash_of(&list[i], hex);
		if (!str_eq(str_z(hex), hash))
			return fail(e, E_STORAGE, NULL, "schema %lld of the database was made by another %s: run the scriped that made it",
			    (long long)number, list[i].name);
	}
	return OK;
}

static enum err
highest(struct db *db, const struct migration *list, int n, int64_t *ret, struct error *e)
{
	struct rows r;
	enum err code = OK;

	*ret = 0;
	TRY(db_query_(db, &applied, &r, e, NULL, 0));
	while (code == OK && db_next(&r)) {
		*ret = db_col(&r, 0).i;
		code = check_row(list, n, *ret, db_col(&r, 1).s, e);
	}
	struct error after;
	enum err ended = db_done(&r, &after);
	if (code == OK && ended != OK) {
		*e = after;
		code = ended;
	}
	return code;
}

static bool
on_disk(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static enum err
copy_before(struct db *db, const char *path, int number, struct error *e)
{
	char to[512], part[520], sql[600];

	if (path == NULL)
		return OK;
	if (snprintf(to, sizeof(to), "%s.before-%04d", path, number) >= (int)sizeof(to) || strchr(to, '\'') != NULL)
		return fail(e, E_STORAGE, NULL, "cannot name a copy of %s: choose a shorter data folder, without quotes", path);
	if (access(to, F_OK) == 0)
		return OK;		/* an upgrade that was interrupted: the first copy is the true one */
	snprintf(part, sizeof(part), "%s.part", to);
	snprintf(sql, sizeof(sql), "VACUUM INTO '%s'", part);
	unlink(part);			/* the half of a copy */
	TRY(db->ops->script(db, sql, e));
	return on_disk(part) && rename(part, to) == 0 ? OK : fail(e, E_STORAGE, NULL, "%s: %m", to);
}

/* --- on PostgreSQL: locks that nobody notices --- */

PRINTF(2, 3) static void
tell(const struct migrate_job *m, const char *fmt, ...)
{
	char line[300];
	va_list ap;

	if (m->tell == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	m->tell(m->ctx, line);
}

PRINTF(3, 4) static enum err
scriptf(struct db *db, struct error *e, const char *fmt, ...)
{
	char sql[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sql, sizeof(sql), fmt, ap);
	va_end(ap);
	return db->ops->script(db, sql, e);
}

/* A vacuum gives way to who waits a second for a lock that it would let others hold beside: so that one is had first. */
static enum err
have_table(struct db *db, const char *table, struct error *e)
{
	TRY(db->ops->script(db, "SET LOCAL lock_timeout = " GENTLE_MS, e));
	TRY(scriptf(db, e, "LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE", table));
	TRY(db->ops->script(db, "SET LOCAL lock_timeout = " LOCK_MS, e));
	return scriptf(db, e, "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", table);
}

enum err
migrate_begin(struct db *db, const char *table, struct error *e)
{
	TRY(db->ops->begin(db, TX_WRITE, e));
	if (!db_is_pg(db))
		return OK;
	enum err code = table != NULL ? have_table(db, table, e) : db->ops->script(db, "SET LOCAL lock_timeout = " LOCK_MS, e);
	if (code != OK)
		db->ops->rollback(db);
	return code;
}

bool
migrate_pause(int *tries)
{
	if (++*tries >= PAUSES)
		return false;
	usleep(PAUSE_US);
	return true;
}

/* --- one file --- */

static enum err
note_applied(struct db *db, const struct migration *m, int64_t now, struct error *e)
{
	char hex[65];
	int64_t n;

	hash_of(m, hex);
	return db_touch_(db, &apply, &n, e, VALS(val_int(m->number), val_str(str_z(m->name)), val_str(str_z(hex)), val_i64(now)));
}

static enum err
apply_whole(struct db *db, const struct migration *m, bool script, int64_t now, struct error *e)
{
	TRY(migrate_begin(db, NULL, e));
	enum err code = note_applied(db, m, now, e);
	if (code == OK && script && (code = db->ops->script(db, m->sql.p, e)) == E_DUPLICATE)
		e->code = code = E_STORAGE;	/* of the file's own making */
	if (code == OK)
		code = db->ops->commit(db, e);
	if (code != OK)
		db->ops->rollback(db);
	return code;
}

static enum err
drop_half_made(struct db *db, str sql, struct error *e)
{
	char name[64] = "";
	struct rows r;

	TRY(db_query(db, half_made, &r, e, V(sql)));
	if (db_next(&r))
		snprintf(name, sizeof(name), "%.*s", STR(db_col(&r, 0).s));
	while (db_next(&r))
		;
	TRY(db_done(&r, e));
	return name[0] != '\0' ? scriptf(db, e, "DROP INDEX CONCURRENTLY %s", name) : OK;
}

/* A statement ends with a semicolon at the end of a line. */
static enum err
apply_apart(struct db *db, const struct migrate_job *j, const struct migration *m, struct error *e)
{
	static const char end[] = ";\n";
	enum err code = db->ops->script(db, "SET lock_timeout = 0", e);

	for (const char *at = m->sql.p, *next; code == OK && at < m->sql.p + m->sql.n; at = next) {
		const char *stop = strstr(at, end);
		next = stop != NULL ? stop + strlen(end) : m->sql.p + m->sql.n;
		char *one = strndup(at, (size_t)(next - at));
		if (one == NULL)
			abort();
		if (strspn(one, " \t\n") < strlen(one)) {
			tell(j, "  %.*s", (int)strcspn(one, "\n;"), one);
			if ((code = drop_half_made(db, str_z(one), e)) == OK)
				code = db->ops->script(db, one, e);
		}
		free(one);
	}
	return code;
}

static enum err
apply_one(struct db *db, const struct migrate_job *j, const struct migration *m, struct error *e)
{
	enum migrate_how how = db_is_pg(db) ? m->how : M_WHOLE;

	if (how == M_APART)
		TRY(apply_apart(db, j, m, e));
	if (how == M_PARTITION)
		TRY(partition_convert(db, j->now, j->tell, j->ctx, e));
	return apply_whole(db, m, how == M_WHOLE, j->now, e);
}

static enum err
apply_patiently(struct db *db, const struct migrate_job *j, const struct migration *m, struct error *e)
{
	int tries = 0;
	enum err code;

	tell(j, "schema %d: %s", m->number, m->name);
	while ((code = apply_one(db, j, m, e)) == E_LOCKED || code == E_RETRY)
		if (!migrate_pause(&tries))
			return fail(e, E_STORAGE, NULL, "schema %d: a transaction of somebody holds a table for ten minutes (see pg_stat_activity): end it and run this again",
			    m->number);
	return code;
}

/* --- all of them --- */

static void
number_own(void)
{
	struct stmt *const *others;

	applied.id = db_stmts(&others);
	apply.id = applied.id + 1;
}

static void
begin_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	db_init();
	pthread_once(&once, number_own);
}

static enum err
bring(struct db *db, struct migrate_job *j, struct error *e)
{
	bool copied = false;
	int64_t at;

	TRY(db->ops->script(db, create, e));
	TRY(highest(db, j->list, j->n, &at, e));
	j->from = j->at = (int)at;
	for (int i = 0; i < j->n; i++) {
		const struct migration *m = &j->list[i];
		if (m->number <= j->at || (j->to != 0 && m->number > j->to))
			continue;
		if (j->from > 0 && !copied)
			TRY(copy_before(db, j->snapshot, m->number, e));
		copied = true;
		TRY(apply_patiently(db, j, m, e));
		j->at = m->number;
	}
	db_schema_is(j->at);
	return OK;
}

static enum err
say(struct db *db, const struct stmt *q, bool *ret, struct error *e)
{
	struct rows r;

	*ret = false;
	TRY(db_query_(db, q, &r, e, NULL, 0));
	if (db_next(&r))
		*ret = db_col(&r, 0).i != 0;
	while (db_next(&r))
		;
	return db_done(&r, e);
}

/* The lock is the connection's: it ends with us, whatever ends us. */
static enum err
alone(struct db *db, const struct migrate_job *j, struct error *e)
{
	bool mine;

	for (int tries = 0; ; ) {
		TRY(say(db, &lock, &mine, e));
		if (mine)
			return OK;
		if (tries == 0)
			tell(j, "somebody else migrates this database: waiting for their end");
		if (!migrate_pause(&tries))
			return fail(e, E_STORAGE, NULL, "somebody else has been migrating this database for ten minutes: see pg_stat_activity");
	}
}

enum err
migrate_rights(struct db *db, struct error *e)
{
	char words[300] = "";
	struct rows r;

	begin_once();
	if (!db_is_pg(db))
		return OK;
	TRY(db_query_(db, &lacks, &r, e, NULL, 0));
	if (db_next(&r))
		snprintf(words, sizeof(words), "%.*s", STR(db_col(&r, 0).s));
	while (db_next(&r))
		;
	TRY(db_done(&r, e));
	return words[0] == '\0' ? OK : fail(e, E_STORAGE, NULL, "the user of the database %s", words);
}

enum err
migrate_do(struct db *db, struct migrate_job *j, struct error *e)
{
	struct error after;
	bool was;

	begin_once();
	if (!db_is_pg(db))
		return bring(db, j, e);
	TRY(migrate_rights(db, e));
	TRY(alone(db, j, e));
	enum err code = bring(db, j, e);
	if (say(db, &unlock, &was, &after) != OK && code == OK) {
		*e = after;
		code = after.code;
	}
	return code;
}

enum err
migrate(struct db *db, const struct migration *list, int n, const char *snapshot, int64_t now, struct error *e)
{
	return migrate_do(db, &(struct migrate_job){ .list = list, .n = n, .snapshot = snapshot, .now = now }, e);
}

enum err
migrate_look(struct db *db, const struct migration *list, int n, int *ret, struct error *e)
{
	bool there = true;
	int64_t at = 0;

	begin_once();
	if (db_is_pg(db))
		TRY(say(db, &exists, &there, e));
	enum err code = there ? highest(db, list, n, &at, e) : OK;
	struct error lacks_it;
	if (code == E_STORAGE && migrate_rights(db, &lacks_it) == E_STORAGE)
		*e = lacks_it;		/* in PostgreSQL's words: permission denied */
	*ret = (int)at;
	return code;
}

enum err
migrate_fits(struct db *db, const struct migration *list, int n, struct error *e)
{
	int at;

	TRY(migrate_look(db, list, n, &at, e));
	if (at == 0)
		return fail(e, E_STORAGE, NULL, "the database is empty: scriped setup --db URI makes its tables and the first workspace");
	if (at < schema_oldest)
		return fail(e, E_STORAGE, NULL, "the database has schema %d, this program serves %d at least: bring it there with scriped migrate of the release "
		    "before, or stop all nodes and run scriped migrate --db URI of this one", at, schema_oldest);
	db_schema_is(at);
	return OK;
}
