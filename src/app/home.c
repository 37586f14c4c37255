/* home -- the data folder (design 3, 7): DIR 0700, files 0600; one process at a time owns it. */
#include "app/app.h"
#include "db/migrate.h"
#include "model/ledger.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DB_FILE		"scriped.db"
#define PAGE_SIZE	4096

str
home_path(struct arena *a, const struct conf *c, const char *name)
{
	return str_fmt(a, "%s/%s", c->data, name);
}

const char *home_pg(const struct conf *c) { return c->db[0] != '\0' ? c->db : NULL; }
const char *home_direct(const struct conf *c) { return home_pg(c) != NULL && c->db_direct[0] != '\0' ? c->db_direct : home_pg(c); }

static enum err
need_folder(struct home *h, struct error *e)
{
	if (h->conf->data[0] != '\0' && !h->make && access(h->conf->data, F_OK) != 0 && errno == ENOENT)
		return fail(e, E_NOT_FOUND, NULL, "there is no data folder %s: scriped setup --data %s makes it", h->conf->data, h->conf->data);
	if (h->conf->data[0] != '\0')
		return sys_mkdir_private(h->conf->data, e);
	if (home_pg(h->conf) != NULL)
		return OK;
	return fail(e, E_USAGE, NULL, "no data folder: say --data DIR");
}

enum err
home_lock(struct home *h, int *pid, struct error *e)
{
	char text[32] = "";

	TRY(need_folder(h, e));
	if (h->conf->data[0] == '\0')
		return OK;		/* PostgreSQL alone: nothing local to guard */
	str path = home_path(&h->conf->a, h->conf, "scriped.lock");
	int fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(e, E_SYS, NULL, "%s: %s", path.p, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int64_t holder = 0;
		if (pread(fd, text, sizeof(text) - 1, 0) > 0)
			(void)str_int(str_trim(str_z(text)), &holder);
		*pid = (int)holder;
		close(fd);
		return fail(e, E_CONFLICT, NULL, "the data folder %s is in use by process %d: stop that one, or name another folder", h->conf->data, *pid);
	}
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n) {
		close(fd);
		return fail(e, E_SYS, NULL, "%s: %s", path.p, strerror(errno));
	}
	h->lock = fd;
	return OK;
}

/* --- the server secret: secret_file, else DIR/secret, else (PostgreSQL) a row --- */

enum err
home_read_secret(const char *path, secret *ret, struct error *e)
{
	struct arena a;
	str text;

	arena_init(&a, 4096);
	enum err code = sys_read_file(&a, path, sizeof(ret->b), &text, e);
	if (code == OK && text.n != sizeof(ret->b))
		code = fail(e, E_SYS, NULL, "%s must hold exactly 32 bytes: restore it from a backup, for no key works without it", path);
	if (code == OK)
		memcpy(ret->b, text.p, sizeof(ret->b));
	arena_free(&a);
	return code;
}

static enum err
read_or_make_secret(struct home *h, const char *path, bool make, struct error *e)
{
	enum err code = home_read_secret(path, &h->secret, e);

	if (code != E_NOT_FOUND || !make)
		return code;
	crypto_random(h->secret.b, sizeof(h->secret.b));
	return sys_write_file(path, (str){ (const char *)h->secret.b, sizeof(h->secret.b) }, e);
}

/* A database without a workspace has no key that another secret would make worthless. */
static enum err
is_fresh(struct db *db, bool *ret, struct error *e)
{
	struct workspace w;
	struct arena a;
	workspace_id top = { { "ZZZZZZZZZZZZZZZZZZZZZZZZZZ" } };
	int n = 0;

	arena_init(&a, 1 << 16);
	enum err code = workspace_page(db, &a, top, 1, &w, &n, e);
	arena_free(&a);
	*ret = n == 0;
	return code;
}

static enum err
load_secret(struct home *h, struct db *db, struct error *e)
{
	bool own = h->conf->secret_file[0] != '\0', fresh;

	TRY(is_fresh(db, &fresh, e));
	if (own)
		TRY(home_read_secret(h->conf->secret_file, &h->secret, e));
	else if (home_pg(h->conf) != NULL)
		TRY(secret_shared(db, &h->secret, e));
	if (home_pg(h->conf) != NULL)
		return secret_judge(db, &h->secret, fresh, e);
	if (own)
		return OK;
	const char *path = home_path(&h->conf->a, h->conf, "secret").p;
	enum err code = read_or_make_secret(h, path, fresh, e);
	if (code == E_NOT_FOUND)
		code = fail(e, E_SYS, NULL, "%s is missing, and no key of this database works without it: restore it from a backup", path);
	return code;
}

/* --- the database --- */

/* Whether a database of the operator's is to be made: an empty one, or what a setup left that was killed half way, with nothing in it and
 * of a schema that nobody serves any more. */
static enum err
is_to_be_made(struct home *h, struct db *db, const struct migration *list, int n, bool *ret, struct error *e)
{
	int at;

	TRY(migrate_look(db, list, n, &at, e));
	*ret = h->first && at < schema_oldest;
	return *ret && at != 0 ? is_fresh(db, ret, e) : OK;
}

/* The embedded database is ours alone, and brought forward whenever it is opened.  On PostgreSQL other nodes may run on the schema as it
 * is, so that only the operator changes it (scriped migrate); setup makes it where there is none. */
static enum err
right_schema(struct home *h, struct db *db, const char *path, struct error *e)
{
	const struct migration *list;
	int n = migrate_list(&list);
	bool make;

	if (home_pg(h->conf) != NULL) {
		TRY(is_to_be_made(h, db, list, n, &make, e));
		if (!make)
			return migrate_fits(db, list, n, e);
		path = NULL;
	}
	TRY(migrate(db, list, n, path, sys_wall_ms(h->clock), e));
	return ledger_adopt(db, e);
}

static enum err
prepare(struct home *h, const char *path, struct error *e)
{
	struct db_sqlite_conf lite = { path, false, 2000, 0 };
	struct db db;

	TRY(home_pg(h->conf) != NULL ? db_pg_open(home_pg(h->conf), &db, e) : db_sqlite_open(&lite, &db, e));
	enum err code = h->shared != NULL ? db_clock(&db, h->shared, e) : OK;
	if (code == OK)
		code = right_schema(h, &db, path, e);
	if (code == OK)
		code = load_secret(h, &db, e);
	db.ops->close(&db);
	return code;
}

enum err
home_open(struct home *h, struct error *e)
{
	const struct conf *c = h->conf;
	const char *path = home_path(&h->conf->a, c, DB_FILE).p;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct engine_conf ec = {
		.pg_uri = home_pg(c), .path = path, .cache_kb = c->db_cache, .max_pages = c->db_max_size * 1000000 / PAGE_SIZE,
		.pool = (int)c->db_pool, .queue_max = (int)c->db_queue, .deadline_us = c->db_deadline * 1000, .lock_ms = c->db_lock, .clock = h->clock,
		.statement_ms = c->db_statement, .drivers = (int)c->db_threads,
		.pg_read = home_pg(c) != NULL && c->db_read[0] != '\0' ? c->db_read : NULL,
		.readers_max = (int)(c->threads != 0 ? c->threads : cores) + (int)c->workers + (int)c->slow_threads + 8,
	};

	umask(0077);
	TRY(prepare(h, path, e));
	return engine_open(&ec, &h->engine, e);
}

void
home_close(struct home *h)
{
	if (h->engine != NULL)
		engine_close(h->engine);
	crypto_wipe(&h->secret, sizeof(h->secret));
	if (h->lock >= 0)
		close(h->lock);
	*h = (struct home){ .lock = -1 };
}
