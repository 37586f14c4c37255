#include "move/backup.h"
#include "move/tar.h"
#include "sys/sys.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define PATH_LEN	4096
#define STEP_PAGES	256		/* a megabyte: some 2 ms */
#define SYNC_STEPS	16
#define PAUSE_US	1000		/* between two steps: who serves goes before who copies */

struct backing {
	const struct backup_conf *conf;
	struct backup_result *r;
	struct arena a;
	char part[PATH_LEN], copy[PATH_LEN];
};

static bool lives(const struct backup_conf *c) { return c->alive == NULL || c->alive(c->ctx); }

/* --- the copy --- */

static enum err
fault(sqlite3 *c, struct error *e, const char *what)
{
	return fail(e, side_is_full(c) ? E_FULL : E_STORAGE, NULL, "%s: %s", what, sqlite3_errmsg(c));
}

/* Without a transaction of its own the copy would begin anew with each commit of the server. */
static enum err
open_source(struct backing *b, sqlite3 **ret, struct error *e)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/scriped.db", b->conf->data);
	int rc = sqlite3_open_v2(path, ret, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(*ret, 10000);
		sqlite3_db_config(*ret, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		rc = sqlite3_exec(*ret, "PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-256; BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	}
	return rc == SQLITE_OK ? OK : fault(*ret, e, path);
}

static enum err
open_copy(struct backing *b, sqlite3 **ret, struct error *e)
{
	int rc = sqlite3_open_v2(b->copy, ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(*ret, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-1000", NULL, NULL, NULL);
	return rc == SQLITE_OK ? OK : fault(*ret, e, b->copy);
}

/* What is written is given to the disk a little at a time: all at once it would stand before the server's own syncs. */
static enum err
copy_steps(struct backing *b, sqlite3 *from, sqlite3 *to, int fd, struct error *e)
{
	sqlite3_backup *k = sqlite3_backup_init(to, "main", from, "main");
	int rc = SQLITE_OK;

	if (k == NULL)
		return fault(to, e, "backup");
	for (int i = 1; rc == SQLITE_OK && lives(b->conf); i++) {
		rc = sqlite3_backup_step(k, STEP_PAGES);
		if (b->conf->tell != NULL)
			b->conf->tell(b->conf->ctx, (int64_t)(sqlite3_backup_pagecount(k) - sqlite3_backup_remaining(k)) * 4096, (int64_t)sqlite3_backup_pagecount(k) * 4096);
		if (i % SYNC_STEPS == 0)
			(void)fdatasync(fd);
		usleep(PAUSE_US);
	}
	sqlite3_backup_finish(k);
	if (rc == SQLITE_OK)
		return fail(e, E_SYS, NULL, "stopped");
	return rc == SQLITE_DONE ? OK : fault(to, e, "backup");
}

static enum err
copy(struct backing *b, struct error *e)
{
	sqlite3 *from = NULL, *to = NULL;
	enum err code = open_source(b, &from, e);

	if (code == OK)
		code = open_copy(b, &to, e);
	int fd = code == OK ? open(b->copy, O_RDWR | O_CLOEXEC) : -1;
	if (code == OK && fd < 0)
		code = fail(e, E_SYS, NULL, "%s: %m", b->copy);
	if (code == OK)
		code = copy_steps(b, from, to, fd, e);
	sqlite3_close(from);
	if (sqlite3_close(to) != SQLITE_OK && code == OK)
		code = fail(e, E_STORAGE, NULL, "%s: the copy cannot be closed", b->copy);
	if (code == OK && fsync(fd) != 0)
		code = fail(e, E_SYS, NULL, "%s: %m", b->copy);
	if (fd >= 0)
		close(fd);
	return code;
}

/* The copy, and what reading it makes beside it. */
static void
clear_copy(const struct backing *b, bool itself)
{
	char beside[PATH_LEN + 8];

	snprintf(beside, sizeof(beside), "%s-wal", b->copy);
	unlink(beside);
	snprintf(beside, sizeof(beside), "%s-shm", b->copy);
	unlink(beside);
	if (itself)
		unlink(b->copy);
}

/* --- whether it is sound --- */

static int asked_to_stop(void *ctx) { return !lives(ctx); }

static enum err
prove_copy(struct backing *b, struct error *e)
{
	sqlite3 *c = NULL;
	sqlite3_stmt *q = NULL;
	enum err code = OK;

	if (sqlite3_open_v2(b->copy, &c, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK || sqlite3_prepare_v2(c, "PRAGMA integrity_check(1)", -1, &q, NULL) != SQLITE_OK)
		code = fault(c, e, b->copy);
	sqlite3_progress_handler(c, 100000, asked_to_stop, (void *)(uintptr_t)b->conf);
	if (code == OK && sqlite3_step(q) != SQLITE_ROW)
		code = lives(b->conf) ? fault(c, e, "the copy") : fail(e, E_SYS, NULL, "stopped");
	else if (code == OK && strcmp((const char *)sqlite3_column_text(q, 0), "ok") != 0)
		code = fail(e, E_STORAGE, NULL, "the database is damaged, and so would be its backup: restore the last good one (scriped doctor says what is wrong)");
	sqlite3_finalize(q);
	sqlite3_close(c);
	return code;
}

/* --- the manifest --- */

static enum err
count_rows(struct backing *b, struct json *j, struct error *e)
{
	struct side s;
	struct side_catalog c;
	struct val v;
	enum err code = OK;

	TRY(side_lite(b->copy, SIDE_READ, &s, e));
	code = s.ops->catalog(&s, &b->a, &c, e);
	if (code == OK)
		code = side_schema(&s, &b->r->schema, e);
	jw_key(j, S("rows"));
	jw_obj(j);
	for (int i = 0; code == OK && i < c.n; i++) {
		code = side_one(&s, &b->a, str_fmt(&b->a, "SELECT count(*) FROM \"%s\"", c.table[i].name).p, NULL, 0, &v, e);
		if (code != OK)
			break;
		jw_key_i64(j, str_z(c.table[i].name), v.i);
		b->r->rows += v.i;
	}
	if (code == OK && (code = side_one(&s, &b->a, "SELECT count(*) FROM upload WHERE external <> 0 AND state <> 'doomed'", NULL, 0, &v, e)) == OK)
		b->r->in_bucket = v.i;
	jw_end(j);
	side_close(&s);
	clear_copy(b, false);
	return code;
}

static enum err
add_manifest(struct backing *b, struct tar_writer *w, const digest *database, struct error *e)
{
	digest all = tar_sum(w);
	char hex[65], at[TIME_LEN];
	struct json j;
	struct buf t;

	time_write(at, b->r->made_at);
	buf_init(&t, &b->a, 1 << 16);
	jw_begin(&j, &t);
	jw_obj(&j);
	jw_key_str(&j, S("scriped"), S("backup"));
	jw_key_i64(&j, S("format"), 1);
	jw_key_str(&j, S("version"), S(SCRIPED_VERSION));
	jw_key_str(&j, S("createdAt"), (str){ at, TIME_LEN });
	jw_key_str(&j, S("secret"), str_z(b->r->print));
	crypto_hex(b->r->sum, database->b, sizeof(database->b));
	jw_key_str(&j, S("database"), str_z(b->r->sum));
	crypto_hex(hex, all.b, sizeof(all.b));
	jw_key_str(&j, S("sha256"), str_z(hex));
	jw_key_i64(&j, S("files"), b->r->files);
	TRY(count_rows(b, &j, e));
	jw_key_i64(&j, S("schema"), b->r->schema);
	jw_end(&j);
	buf_char(&t, '\n');
	return tar_add_text(w, "manifest.json", buf_str(&t), b->r->made_at, e);
}

/* --- the archive --- */

static enum err
add_path(struct backing *b, struct tar_writer *w, const char *path, const char *name, digest *ret, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && ret == NULL)
		return OK;		/* an upload that went, with what was made of it */
	if (fd < 0)
		return fail(e, E_SYS, NULL, "%s: %m", path);
	enum err code = tar_add_file(w, name, fd, b->r->made_at, b->conf->alive, b->conf->ctx, ret, e);
	close(fd);
	b->r->files += ret == NULL && code == OK;
	return code;
}

static enum err
add_uploads(struct backing *b, struct tar_writer *w, struct error *e)
{
	char folder[PATH_LEN], path[PATH_LEN], name[TAR_NAME];
	enum err code = OK;
	const struct dirent *f;

	snprintf(folder, sizeof(folder), "%s/uploads", b->conf->data);
	DIR *d = opendir(folder);
	if (d == NULL)
		return errno == ENOENT ? OK : fail(e, E_SYS, NULL, "%s: %m", folder);
	while (code == OK && (f = readdir(d)) != NULL) {
		if (!moved_is_upload(str_z(f->d_name)) || snprintf(path, sizeof(path), "%s/%s", folder, f->d_name) >= (int)sizeof(path))
			continue;
		snprintf(name, sizeof(name), "uploads/%.60s", f->d_name);
		if (!b->conf->with_uploads)
			b->r->here++;
		else
			code = add_path(b, w, path, name, NULL, e);
	}
	closedir(d);
	return code;
}

static enum err
pack(struct backing *b, int fd, struct error *e)
{
	const struct backup_conf *c = b->conf;
	struct tar_writer w;
	digest database;

	tar_writer_init(&w, fd);
	TRY(add_path(b, &w, b->copy, "scriped.db", &database, e));
	b->r->database = w.bytes - TAR_BLOCK;	/* but for its header; a database is whole pages */
	if (c->with_secret)
		TRY(tar_add_text(&w, "secret", (str){ (const char *)c->secret->b, sizeof(c->secret->b) }, b->r->made_at, e));
	TRY(add_uploads(b, &w, e));
	TRY(add_manifest(b, &w, &database, e));
	TRY(tar_end(&w, e));
	b->r->bytes = w.bytes;
	return fsync(fd) == 0 ? OK : fail(e, E_SYS, NULL, "%s: %m", b->part);
}

static enum err
make(struct backing *b, const char *to, struct error *e)
{
	int fd = open(b->part, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	enum err code = OK;

	if (fd < 0)
		return fail(e, E_SYS, NULL, "%s: %m", b->part);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		return fail(e, E_CONFLICT, NULL, "another backup writes %s", b->part);
	}
	clear_copy(b, true);
	if (ftruncate(fd, 0) != 0)
		code = fail(e, E_SYS, NULL, "%s: %m", b->part);
	if (code == OK)
		code = copy(b, e);
	if (code == OK)
		code = prove_copy(b, e);
	if (code == OK)
		code = pack(b, fd, e);
	if (code == OK && rename(b->part, to) != 0)
		code = fail(e, E_SYS, NULL, "%s: %m", to);
	clear_copy(b, true);
	if (code != OK)
		unlink(b->part);
	close(fd);
	return code == OK ? sys_sync_folder(to, e) : code;
}

enum err
backup_make(const struct backup_conf *conf, const char *to, struct backup_result *r, struct error *e)
{
	struct backing b = { .conf = conf, .r = r };
	int64_t began = sys_mono_us(conf->clock);

	*r = (struct backup_result){ .made_at = sys_wall_ms(conf->clock), .has_secret = conf->with_secret };
	move_fingerprint(conf->secret, r->print);
	if (snprintf(b.part, sizeof(b.part), "%s.part", to) >= (int)sizeof(b.part) || snprintf(b.copy, sizeof(b.copy), "%s.part.db", to) >= (int)sizeof(b.copy))
		return fail(e, E_USAGE, NULL, "the name of the backup is too long");
	arena_init(&b.a, (size_t)1 << 20);
	enum err code = make(&b, to, e);
	arena_free(&b.a);
	r->ms = (sys_mono_us(conf->clock) - began) / 1000;
	return code;
}
