#include "db/migrate.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* The files are linked in as they are.  The assembler finds them from the top of the tree, where make runs. */
#define MIGRATION(n, file) \
	__asm__(".section .rodata\n.global schema_" #n "\nschema_" #n ":\n.incbin \"schema/" file "\"\nschema_" #n "_end:\n.byte 0\n.global schema_" #n "_end\n.previous\n"); \
	extern const char schema_##n[], schema_##n##_end[];
#include "db/migrate.def"
#undef MIGRATION

int
migrate_list(const struct migration **ret)
{
	static struct migration list[] = {
#define MIGRATION(n, file) { n, file, { NULL, 0 } },
#include "db/migrate.def"
#undef MIGRATION
	};
	int i = 0;
#define MIGRATION(n, file) list[i++].sql = (str){ schema_##n, (size_t)(schema_##n##_end - schema_##n) };
#include "db/migrate.def"
#undef MIGRATION
	*ret = list;
	return i;
}

static const char create[] =
    "CREATE TABLE IF NOT EXISTS schema_version (number {i64} NOT NULL PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL,"
    " applied_at {i64} NOT NULL){strict}";
/* not SQL(): these are needed before the tables exist that all other statements are prepared against */
static struct stmt applied = { "schema.applied", "SELECT number, hash FROM schema_version ORDER BY number", -1, 0 };
static struct stmt apply = { "schema.apply", "INSERT INTO schema_version (number, name, hash, applied_at) VALUES ($1, $2, $3, $4)", -1, 0 };

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

static enum err
apply_one(struct db *db, const struct migration *m, int64_t now, struct error *e)
{
	char hex[65];

	hash_of(m, hex);
	TRY(db->ops->begin(db, TX_WRITE, e));
	/* The row first: of two nodes that start together one waits here, and then finds it done. */
	enum err code = db_run_(db, &apply, e, VALS(val_int(m->number), val_str(str_z(m->name)), val_str(str_z(hex)), val_i64(now)));
	if (code == OK && (code = db->ops->script(db, m->sql.p, e)) == E_DUPLICATE)
		e->code = code = E_STORAGE;	/* of the file's own making */
	if (code == OK)
		code = db->ops->commit(db, e);
	if (code != OK)
		db->ops->rollback(db);
	return code;
}

/* Of two nodes that make the table of versions at the same instant PostgreSQL lets one fail, with one of several errors. */
static enum err
versions(struct db *db, struct error *e)
{
	return db->ops->script(db, create, e) == OK ? OK : db->ops->script(db, create, e);
}

static void
number_own(void)
{
	struct stmt *const *others;

	applied.id = db_stmts(&others);
	apply.id = applied.id + 1;
}

enum err
migrate(struct db *db, const struct migration *list, int n, const char *snapshot, int64_t now, struct error *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int64_t at;
	bool copied = false;

	db_init();
	pthread_once(&once, number_own);
	TRY(versions(db, e));
	TRY(highest(db, list, n, &at, e));
	for (int i = 0; i < n; i++) {
		if (list[i].number <= at)
			continue;
		if (at > 0 && !copied)
			TRY(copy_before(db, snapshot, list[i].number, e));
		copied = true;
		enum err code = apply_one(db, &list[i], now, e);
		if (code == E_DUPLICATE)	/* another node was first: take its work, if it is of our files */
			code = highest(db, list, n, &at, e);
		TRY(code);
	}
	db_schema_is((int)MAX(at, list[n - 1].number));
	return OK;
}
