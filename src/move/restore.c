#include "move/backup.h"
#include "move/tar.h"
#include "db/migrate.h"
#include "sys/sys.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN	4096
#define PIECE		((size_t)256 << 10)
#define MANIFEST_MAX	((size_t)64 << 10)

struct restoring {
	struct backup_result *r;
	struct arena a;
	const char *data;
	char part[PATH_LEN - 128];	/* DIR/restore.part */
	digest database, before;	/* as they were read */
	str manifest;
	json_t *says;
	int64_t files;
	bool has_database, check;
	bool (*alive)(void *);
};

static const char *
path_of(char to[PATH_LEN], const char *folder, const char *name)
{
	snprintf(to, PATH_LEN, "%s/%s", folder, name);
	return to;
}

/* --- the folder that it is unpacked into --- */

/* Files of one level; what else stands there is nobody's we know, and lets the removal of the folder fail. */
static void
remove_folder(const char *folder)
{
	char path[PATH_LEN];
	const struct dirent *f;
	DIR *d = opendir(folder);

	if (d == NULL)
		return;
	while ((f = readdir(d)) != NULL)
		if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0 && snprintf(path, sizeof(path), "%s/%s", folder, f->d_name) < (int)sizeof(path))
			unlink(path);
	closedir(d);
	rmdir(folder);
}

static void
remove_part(const struct restoring *r)
{
	char uploads[PATH_LEN];

	remove_folder(path_of(uploads, r->part, "uploads"));
	remove_folder(r->part);
}

static enum err
make_part(struct restoring *r, int *ret_lock, struct error *e)
{
	char path[PATH_LEN];

	TRY(sys_mkdir_private(r->data, e));
	if ((*ret_lock = open(r->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return fail(e, E_SYS, NULL, "%s: %m", r->data);
	if (flock(*ret_lock, LOCK_EX | LOCK_NB) != 0) {
		close(*ret_lock);
		*ret_lock = -1;		/* what stands there is theirs */
		return fail(e, E_CONFLICT, NULL, "another process restores into %s", r->data);
	}
	remove_part(r);
	TRY(sys_mkdir_private(r->part, e));
	return sys_mkdir_private(path_of(path, r->part, "uploads"), e);
}

static enum err
is_empty(struct restoring *r, struct error *e)
{
	char path[PATH_LEN];

	if (access(path_of(path, r->data, "scriped.db"), F_OK) == 0 || access(path_of(path, r->data, "scriped.db-wal"), F_OK) == 0)
		return fail(e, E_CONFLICT, NULL, "%s has a database already: nothing was changed; name another folder", r->data);
	return OK;
}

/* --- unpacking --- */

static enum err
unpack_file(struct restoring *r, struct tar_reader *t, const char *name, digest *ret, struct error *e)
{
	struct crypto_sha256 sum;
	char path[PATH_LEN], piece[PIECE];
	enum err code = OK;
	size_t n = 1;
	int fd = open(path_of(path, r->part, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST ? fail(e, E_SYS, NULL, "the backup has %s twice", name) : fail(e, E_SYS, NULL, "%s: %m", path);
	crypto_sha256_init(&sum);
	while (code == OK && n > 0 && (code = tar_read(t, piece, sizeof(piece), &n, e)) == OK) {
		crypto_sha256_add(&sum, (str){ piece, n });
		code = sys_write_all(fd, (str){ piece, n }, path, e);
	}
	/* what is only looked at need not last */
	if (code == OK && !r->check && fsync(fd) != 0)
		code = fail(e, E_SYS, NULL, "%s: %m", path);
	close(fd);
	*ret = crypto_sha256_end(&sum);
	return code;
}

static enum err
unpack_manifest(struct restoring *r, struct tar_reader *t, const struct tar_member *m, struct error *e)
{
	char *text = arena_raw(&r->a, MANIFEST_MAX);
	size_t n;

	if (m->size > (int64_t)MANIFEST_MAX)
		return fail(e, E_SYS, NULL, "the manifest of the backup is too long");
	r->before = tar_sum_before(t);
	TRY(tar_read(t, text, (size_t)m->size, &n, e));
	r->manifest = (str){ text, n };
	return json_read(r->manifest, &r->says, e);
}

/* Only names that a backup has: an archive is what somebody gave us. */
static enum err
unpack_member(struct restoring *r, struct tar_reader *t, const struct tar_member *m, struct error *e)
{
	digest ignored;

	if (strcmp(m->name, "manifest.json") == 0)
		return unpack_manifest(r, t, m, e);
	if (r->says == NULL && strcmp(m->name, "scriped.db") == 0) {
		r->has_database = true;
		r->r->database = m->size;
		return unpack_file(r, t, "scriped.db", &r->database, e);
	}
	if (r->says == NULL && strcmp(m->name, "secret") == 0 && m->size == sizeof(secret)) {
		r->r->has_secret = true;
		return unpack_file(r, t, "secret", &ignored, e);
	}
	if (r->says == NULL && str_starts(str_z(m->name), S("uploads/")) && moved_is_upload(str_z(m->name + 8))) {
		r->files++;
		return unpack_file(r, t, m->name, &ignored, e);
	}
	return fail(e, E_SYS, NULL, "this is no backup of scriped: it has a file '%.60s'", m->name);
}

static enum err
unpack(struct restoring *r, struct export_source from, struct error *e)
{
	struct tar_reader t;
	struct tar_member m;
	bool found = true;

	tar_reader_init(&t, from.read, from.ctx);
	for (;;) {
		TRY(tar_next(&t, &m, &found, e));
		if (!found)
			break;
		TRY(unpack_member(r, &t, &m, e));
	}
	if (r->says == NULL || !r->has_database)
		return fail(e, E_SYS, NULL, "this is no whole backup of scriped: it has no %s", r->says == NULL ? "manifest" : "database");
	return OK;
}

/* --- proving --- */

static bool
says_sum(const struct restoring *r, const char *name, const digest *d)
{
	char hex[65];

	crypto_hex(hex, d->b, sizeof(d->b));
	return strcmp(export_text(r->says, name), hex) == 0;
}

static enum err
prove_manifest(struct restoring *r, struct error *e)
{
	const struct migration *list;
	int64_t schema = json_integer_value(json_object_get(r->says, "schema"));
	int n = migrate_list(&list), newest = list[n - 1].number;
	char path[PATH_LEN], print[MOVE_PRINT];
	str text;
	secret s;

	if (strcmp(export_text(r->says, "scriped"), "backup") != 0 || json_integer_value(json_object_get(r->says, "format")) != 1)
		return fail(e, E_SYS, NULL, "this is no backup of scriped that this program can read: use the one that made it, or a newer one");
	if (schema > newest)
		return fail(e, E_CONFLICT, NULL, "the backup has schema %lld, this program knows up to %d: run a newer scriped", (long long)schema, newest);
	if (!says_sum(r, "sha256", &r->before) || !says_sum(r, "database", &r->database) || json_integer_value(json_object_get(r->says, "files")) != r->files)
		return fail(e, E_SYS, NULL, "the backup was changed since it was made: its sums are others; take another one");
	r->r->schema = schema;
	r->r->files = r->files;
	(void)time_parse(str_z(export_text(r->says, "createdAt")), &r->r->made_at);
	snprintf(r->r->print, sizeof(r->r->print), "%s", export_text(r->says, "secret"));
	snprintf(r->r->sum, sizeof(r->r->sum), "%s", export_text(r->says, "database"));
	if (!r->r->has_secret)
		return OK;
	TRY(sys_read_file(&r->a, path_of(path, r->part, "secret"), sizeof(s.b), &text, e));
	memcpy(s.b, text.p, sizeof(s.b));
	move_fingerprint(&s, print);
	crypto_wipe(&s, sizeof(s));
	return strcmp(print, r->r->print) == 0 ? OK : fail(e, E_SYS, NULL, "the secret in the backup is not the one that its keys are hashed with");
}

static enum err
prove_pages(struct side *s, struct arena *a, struct error *e)
{
	struct val v;

	TRY(side_one(s, a, "PRAGMA integrity_check(1)", NULL, 0, &v, e));
	if (!str_eq(v.s, S("ok")))
		return fail(e, E_STORAGE, NULL, "the database in the backup is damaged: %.*s", (int)MIN(v.s.n, 120), v.s.p);
	TRY(side_one(s, a, "SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1", NULL, 0, &v, e));
	if (v.t != V_NULL)
		return fail(e, E_STORAGE, NULL, "the database in the backup has rows in %.*s that refer to nothing", STR(v.s));
	return OK;
}

/* Every value of every row. */
static enum err
read_table(struct restoring *r, struct side *s, const struct side_table *t, struct error *e)
{
	struct arena_mark mark = arena_mark(&r->a);
	int64_t rows = 0, bytes = 0;

	TRY(s->ops->read(s, str_fmt(&r->a, "SELECT * FROM \"%s\"", t->name).p, NULL, 0, e));
	for (; s->ops->next(s); rows++)
		for (int i = 0; i < t->cols; i++)
			bytes += (int64_t)s->ops->col(s, i).s.n;
	TRY(s->ops->ended(s, e));
	arena_back(&r->a, mark);
	if (rows != json_integer_value(json_object_get(json_object_get(r->says, "rows"), t->name)))
		return fail(e, E_STORAGE, NULL, "the database in the backup has %lld rows in %s, and its manifest says another number", (long long)rows, t->name);
	r->r->rows += rows;
	r->r->bytes += bytes;
	return OK;
}

static enum err
prove_rows(struct restoring *r, struct side *s, struct error *e)
{
	struct side_catalog c;

	TRY(prove_pages(s, &r->a, e));
	TRY(s->ops->catalog(s, &r->a, &c, e));
	if ((size_t)c.n != json_object_size(json_object_get(r->says, "rows")))
		return fail(e, E_STORAGE, NULL, "the database in the backup has other tables than its manifest says");
	for (int i = 0; i < c.n; i++) {
		TRY(r->alive(NULL) ? OK : fail(e, E_SYS, NULL, "stopped"));
		TRY(read_table(r, s, &c.table[i], e));
	}
	return r->alive(NULL) ? OK : fail(e, E_SYS, NULL, "stopped");
}

static enum err
prove_database(struct restoring *r, struct error *e)
{
	char path[PATH_LEN];
	struct side s;

	TRY(side_lite(path_of(path, r->part, "scriped.db"), SIDE_READ, &s, e));
	enum err code = prove_rows(r, &s, e);
	side_close(&s);
	/* what reading it made beside it is empty, and not to be moved */
	char beside[PATH_LEN];
	unlink(path_of(beside, r->part, "scriped.db-wal"));
	unlink(path_of(beside, r->part, "scriped.db-shm"));
	return code;
}

/* --- moving into place --- */

static enum err
install(struct restoring *r, const char *name, struct error *e)
{
	char from[PATH_LEN], to[PATH_LEN];

	path_of(from, r->part, name);
	path_of(to, r->data, name);
	return rename(from, to) == 0 ? OK : fail(e, E_SYS, NULL, "%s: %m", to);
}

static enum err
install_uploads(struct restoring *r, struct error *e)
{
	char path[PATH_LEN], name[300];
	const struct dirent *f;
	enum err code = OK;

	TRY(sys_mkdir_private(path_of(path, r->data, "uploads"), e));
	DIR *d = opendir(path_of(path, r->part, "uploads"));
	if (d == NULL)
		return fail(e, E_SYS, NULL, "%s: %m", path);
	while (code == OK && (f = readdir(d)) != NULL)
		if (f->d_name[0] != '.') {
			snprintf(name, sizeof(name), "uploads/%s", f->d_name);
			code = install(r, name, e);
		}
	closedir(d);
	return code == OK ? sys_sync_folder(path_of(path, r->data, "uploads/x"), e) : code;
}

/* A secret that is in the folder already is the one of these keys, or is not to be lost. */
static enum err
same_secret(struct restoring *r, struct error *e)
{
	char path[PATH_LEN], print[MOVE_PRINT];
	enum err code;
	str text;
	secret s;

	if ((code = sys_read_file(&r->a, path_of(path, r->data, "secret"), sizeof(s.b), &text, e)) == E_NOT_FOUND)
		return OK;
	TRY(code);
	memset(s.b, 0, sizeof(s.b));
	memcpy(s.b, text.p, MIN(text.n, sizeof(s.b)));
	move_fingerprint(&s, print);
	crypto_wipe(&s, sizeof(s));
	return strcmp(print, r->r->print) == 0 ? OK
	    : fail(e, E_SYS, NULL, "%s is the secret of another server than the backup's: move it away, or name another folder", path);
}

static enum err
install_all(struct restoring *r, struct error *e)
{
	char path[PATH_LEN];

	TRY(same_secret(r, e));
	if (r->files > 0)
		TRY(install_uploads(r, e));
	if (r->r->has_secret)
		TRY(install(r, "secret", e));
	TRY(sys_sync_folder(path_of(path, r->data, "secret"), e));
	TRY(install(r, "scriped.db", e));
	return sys_sync_folder(path_of(path, r->data, "scriped.db"), e);
}

enum err
restore_run(struct export_source from, const char *data, bool check, bool (*alive)(void *), struct backup_result *ret, struct error *e)
{
	struct restoring r = { .r = ret, .data = data, .check = check, .alive = alive };
	int lock = -1;

	*ret = (struct backup_result){ 0 };
	if (snprintf(r.part, sizeof(r.part), "%s/restore.part", data) >= (int)sizeof(r.part))
		return fail(e, E_USAGE, NULL, "the name of the folder is too long");
	arena_init(&r.a, (size_t)1 << 20);
	enum err code = check ? OK : is_empty(&r, e);
	if (code == OK)
		code = make_part(&r, &lock, e);
	if (code == OK)
		code = unpack(&r, from, e);
	if (code == OK)
		code = prove_manifest(&r, e);
	if (code == OK)
		code = prove_database(&r, e);
	if (code == OK && !check)
		code = install_all(&r, e);
	if (lock >= 0) {
		remove_part(&r);
		close(lock);
	}
	json_decref(r.says);
	arena_free(&r.a);
	return code;
}
