/* move -- the commands that carry a workspace, or everything, from one database to another. */
#include "app/bytes.h"
#include "model/node.h"
#include "move/keep.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DB_FILE		"scriped.db"
#define UNSEEN_MS	(3 * NODE_DEAD_MS)	/* one that is dead may be only paused: it is not forgotten at once */
#define RANGE_TRIES	50
#define RANGE_PAUSE_US	100000

struct export_opts { str workspace, to, secret; };
static const struct field export_fields[] = {
	F_STR(export_opts, workspace, "workspace", NULL, 0, 1, 40, "The workspace, or all, which it is when left out", "org_01J9ZAB12CD34E56F7G8H9JKMN"),
	F_STR(export_opts, to, "to", NULL, 0, 1, 4000, "The file, or s3://BUCKET/KEY; standard output when left out", "scriped.export"),
	F_STR(export_opts, secret, "secret", NULL, 0, 1, 4000, "A file for the server secret, without which the keys are worthless elsewhere", "scriped.secret"),
};
const struct rec export_rec = REC(export_opts, export_fields, "What to export");

struct import_opts { str from, workspace, secret; };
static const struct field import_fields[] = {
	F_STR(import_opts, from, "from", NULL, F_REQ, 1, 4000, "The file, or s3://BUCKET/KEY; - is standard input", "scriped.export"),
	F_STR(import_opts, workspace, "workspace", NULL, 0, 1, 40, "The workspace that it must be of", NULL),
	F_STR(import_opts, secret, "secret", NULL, 0, 1, 4000, "The file with the server secret that export wrote, into an empty database", "scriped.secret"),
};
const struct rec import_rec = REC(import_opts, import_fields, "What to import");

/* --- what both share --- */

struct moving {
	struct options *o;
	struct conf conf;
	struct home home;
	struct side side;
	struct move_conf move;
	struct move_result r;
	struct bytes bytes;
	char scope[27];
	bool told;
};

static void
tell(void *ctx, const struct move_told *t)
{
	struct moving *m = ctx;

	if (!isatty(STDERR_FILENO) || m->o->json)
		return;
	fprintf(stderr, "\r\033[K%s: %lld rows, %.1f MB", t->table, (long long)t->rows, (double)t->bytes / 1e6);
	m->told = true;
}

static void
clear_line(struct moving *m)
{
	if (m->told)
		fprintf(stderr, "\r\033[K");
}

/* "all" or org_…, as a move knows it. */
static enum err
take_scope(struct moving *m, str text, struct error *e)
{
	ulid id;

	if (str_eq(text, S(MOVE_EVERYTHING)))
		snprintf(m->scope, sizeof(m->scope), MOVE_EVERYTHING);
	else if (id_parse(ID_workspace, text, &id))
		memcpy(m->scope, id.s, sizeof(m->scope));
	else
		return fail(e, E_USAGE, NULL, "--workspace is org_… or all");
	m->move.scope = m->scope;
	return OK;
}

static enum err
read_secret(const char *path, secret *ret, struct error *e)
{
	enum err code = home_read_secret(path, ret, e);

	return code != E_NOT_FOUND ? code : fail(e, E_SYS, NULL, "there is no server secret %s", path);
}

/* The secret of the server of a database that is only looked at: nothing is made. */
static enum err
find_secret(struct moving *m, struct error *e)
{
	const struct conf *c = &m->conf;
	struct val v;

	if (c->secret_file[0] != '\0')
		return read_secret(c->secret_file, &m->home.secret, e);
	if (home_pg(c) == NULL)
		return read_secret(home_path(&m->conf.a, c, "secret").p, &m->home.secret, e);
	TRY(side_one(&m->side, &m->o->a, "SELECT value FROM server_fact WHERE name = 'secret'", NULL, 0, &v, e));
	if (v.s.n != sizeof(m->home.secret.b))
		return fail(e, E_STORAGE, NULL, "the database has no server secret: scriped setup makes it");
	memcpy(m->home.secret.b, v.s.p, v.s.n);
	return OK;
}

/* --- where an export is read from --- */

enum err
source_open(struct arena *a, const struct conf *c, str from, int *ret, struct error *e)
{
	struct object_place p;

	if (!object_is_uri(from)) {
		*ret = str_eq(from, S("-")) ? dup(STDIN_FILENO) : open(from.p, O_RDONLY | O_CLOEXEC);
		return *ret >= 0 ? OK : fail(e, E_SYS, NULL, "%s: %s", from.p, strerror(errno));
	}
	TRY(object_place(a, c, from, &p, e));
	p.alive = stop_not_asked;
	TRY(bytes_scratch(c, ret, e));
	enum err code = object_get(&p, *ret, e);
	if (code == OK && lseek(*ret, 0, SEEK_SET) != 0)
		code = fail(e, E_SYS, NULL, "what came from the bucket: %s", strerror(errno));
	if (code != OK)
		close(*ret);
	return code;
}

/* --- the result --- */

static void
report(struct moving *m, FILE *to, const char *verb)
{
	const struct move_result *r = &m->r;
	struct json j;
	struct buf b;

	clear_line(m);
	if (!m->o->json && r->already) {
		fprintf(to, "nothing to do: all of this export was imported before\n");
		return;
	}
	if (!m->o->json) {
		fprintf(to, "%s %lld rows%s in %lld chunks, %.1f MB; sha256 %s%s\n", verb, (long long)r->total, r->blobs > 0 ? " and uploads" : "", (long long)r->chunks,
		    (double)r->bytes / 1e6, r->sum, r->snapshots > 1 ? "; it was interrupted and went on" : "");
		return;
	}
	buf_init(&b, &m->o->a, 1 << 16);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key(&j, S("workspace"));
	if (strcmp(r->scope, MOVE_EVERYTHING) == 0)
		jw_str(&j, S(MOVE_EVERYTHING));
	else
		jw_raw2(&j, id_prefix(ID_workspace), str_z(r->scope));
	jw_key(&j, S("rows"));
	jw_obj(&j);
	for (int i = 0; i < nmoved_tables; i++)
		if (r->rows[i] > 0)
			jw_key_i64(&j, str_z(moved_tables[i].name), r->rows[i]);
	jw_end(&j);
	jw_key_i64(&j, S("total"), r->total);
	jw_key_i64(&j, S("uploads"), r->blobs);
	jw_key_i64(&j, S("bytes"), r->bytes);
	jw_key_i64(&j, S("chunks"), r->chunks);
	jw_key_i64(&j, S("snapshots"), r->snapshots);
	jw_key(&j, S("resumed"));
	jw_bool(&j, r->resumed);
	jw_key(&j, S("already"));
	jw_bool(&j, r->already);
	jw_key_str(&j, S("sha256"), str_z(r->sum));
	jw_end(&j);
	fprintf(to, "%.*s\n", STR(buf_str(&b)));
}

static void
close_moving(struct moving *m)
{
	bytes_end(&m->bytes);
	side_close(&m->side);
	home_close(&m->home);
	conf_free(&m->conf);
}

static enum err
begin(struct moving *m, struct error *e)
{
	stop_on_signals();
	signal(SIGPIPE, SIG_IGN);
	umask(0077);
	TRY(options_conf(m->o, &m->conf, e));
	m->home = (struct home){ .conf = &m->conf, .clock = &sys_clock_real, .lock = -1, .make = true };
	m->move = (struct move_conf){ .clock = &sys_clock_real, .secret = &m->home.secret, .tell = tell, .alive = stop_not_asked, .ctx = m };
	return OK;
}

/* --- export --- */

/* Past a pooler, which would give one snapshot to several callers. */
static enum err
open_source(struct moving *m, struct error *e)
{
	const char *path = home_path(&m->conf.a, &m->conf, DB_FILE).p;

	if (home_pg(&m->conf) != NULL)
		TRY(side_pg(home_direct(&m->conf), SIDE_READ, &m->side, e));
	else if (m->conf.data[0] == '\0')
		return fail(e, E_USAGE, NULL, "no database: say --data DIR or --db URI");
	else if (access(path, F_OK) != 0)
		return fail(e, E_NOT_FOUND, NULL, "there is no database %s", path);
	else
		TRY(side_lite(path, SIDE_READ, &m->side, e));
	return find_secret(m, e);
}

/* FILE.part, in which an interrupted export goes on; whole and synced it becomes FILE. */
static enum err
export_to_file(struct moving *m, const char *path, struct error *e)
{
	const char *part = str_fmt(&m->o->a, "%s.part", path).p;

	if (access(path, F_OK) == 0)
		return fail(e, E_CONFLICT, NULL, "%s is there already: remove it, or name another file", path);
	int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(e, E_SYS, NULL, "%s: %s", part, strerror(errno));
	enum err code = flock(fd, LOCK_EX | LOCK_NB) == 0 ? OK : fail(e, E_CONFLICT, NULL, "another process writes %s", part);
	if (code == OK)
		code = move_export(&m->side, &m->move, fd, true, &m->r, e);
	if (code == OK && (fsync(fd) != 0 || rename(part, path) != 0))
		code = fail(e, E_SYS, NULL, "%s: %s", path, strerror(errno));
	if (code == OK)
		code = sys_sync_folder(path, e);
	close(fd);
	return code;
}

/* By way of a file whose name follows from the URI, so that one that was interrupted is gone on with. */
static enum err
export_to_bucket(struct moving *m, str uri, struct error *e)
{
	digest d = crypto_sha256(uri);
	struct object_place p;
	char hex[65];

	TRY(object_place(&m->o->a, &m->conf, uri, &p, e));
	p.alive = stop_not_asked;
	crypto_hex(hex, d.b, sizeof(d.b));
	const char *path = str_fmt(&m->o->a, "%s/scriped-export-%.16s", bytes_folder(&m->conf), hex).p;
	/* whole, and not sent: it is read again, and found to be so */
	(void)rename(path, str_fmt(&m->o->a, "%s.part", path).p);
	TRY(export_to_file(m, path, e));
	TRY(keep_send(&p, path, e));
	unlink(path);
	return OK;
}

static enum err
export_all(struct moving *m, struct error *e)
{
	str to = options_value(m->o, "to"), scope = options_value(m->o, "workspace"), key = options_value(m->o, "secret");
	struct move_blobs blobs;

	TRY(begin(m, e));
	bytes_begin(&m->bytes, &m->conf, stop_not_asked, &blobs);
	TRY(take_scope(m, scope.p != NULL ? scope : S(MOVE_EVERYTHING), e));
	if (to.p == NULL && isatty(STDOUT_FILENO))
		return fail(e, E_USAGE, NULL, "an export is no text for a terminal: say --to FILE");
	TRY(open_source(m, e));
	m->move.go_on = m->o->go_on;
	if (m->o->blobs)
		m->move.blobs = &blobs;
	if (key.p != NULL)
		TRY(sys_write_file(key.p, (str){ (const char *)m->home.secret.b, sizeof(m->home.secret.b) }, e));
	if (object_is_uri(to))
		return export_to_bucket(m, to, e);
	return to.p != NULL ? export_to_file(m, to.p, e) : move_export(&m->side, &m->move, STDOUT_FILENO, false, &m->r, e);
}

int
export_run(const struct command *c, struct options *o)
{
	struct moving m = { .o = o, .home.lock = -1 };
	struct error e;

	(void)c;
	enum err code = export_all(&m, &e);
	if (code == OK)
		report(&m, options_value(o, "to").p != NULL ? stdout : stderr, "exported");
	else
		clear_line(&m);
	close_moving(&m);
	return code == OK ? EXIT_DONE : complain(&e);
}

/* --- import --- */

/* Of two that bring everything the second one would meet the half of the first.  The lock is the connection's. */
static enum err
import_alone(struct moving *m, struct error *e)
{
	struct val mine;

	TRY(side_one(&m->side, &m->o->a, "SELECT pg_try_advisory_lock(1972, hashtext(current_schema()::text))::int", NULL, 0, &mine, e));
	return mine.i != 0 ? OK : fail(e, E_CONFLICT, NULL, "another import into this database is under way: wait for its end");
}

/* The tables and the secret are made as serve would make them.  A server that runs on the folder is let be: one workspace may come beside it. */
static enum err
open_target(struct moving *m, struct error *e)
{
	const char *path = home_path(&m->conf.a, &m->conf, DB_FILE).p;
	int pid = 0;
	enum err code = home_lock(&m->home, &pid, e);

	if (code == E_CONFLICT && home_pg(&m->conf) == NULL) {
		if (strcmp(m->scope, MOVE_EVERYTHING) == 0)
			return code;
		TRY(side_lite(path, SIDE_WRITE, &m->side, e));
		return find_secret(m, e);
	}
	if (code != OK && code != E_CONFLICT)
		return code;
	m->home.first = true;
	TRY(home_open(&m->home, e));
	engine_close(m->home.engine);
	m->home.engine = NULL;
	if (home_pg(&m->conf) == NULL)
		return side_lite(path, SIDE_ALONE, &m->side, e);
	TRY(side_pg(home_direct(&m->conf), SIDE_WRITE, &m->side, e));
	return strcmp(m->scope, MOVE_EVERYTHING) == 0 ? import_alone(m, e) : OK;
}

/* A server that runs already holds the secret it began with. */
static enum err
no_server_runs(struct moving *m, struct error *e)
{
	struct val since = val_i64(sys_wall_ms(&sys_clock_real) - UNSEEN_MS), v;

	if (home_pg(&m->conf) == NULL)
		return OK;		/* the folder is ours */
	TRY(side_one(&m->side, &m->o->a, "SELECT id FROM node WHERE seen_at > $1 LIMIT 1", &since, 1, &v, e));
	return v.t == V_NULL ? OK : fail(e, E_CONFLICT, NULL, "a server runs on this database, with the secret it has: stop it before another secret is brought");
}

static enum err
keep_secret(struct moving *m, const secret *s, struct error *e)
{
	str text = { (const char *)s->b, sizeof(s->b) };
	struct val v = val_bytes(text);
	int64_t n;

	if (m->conf.secret_file[0] != '\0')
		return fail(e, E_CONFLICT, NULL, "the setting secret_file names another secret: put the one of the export there");
	TRY(no_server_runs(m, e));
	if (home_pg(&m->conf) == NULL) {
		TRY(sys_write_file(home_path(&m->conf.a, &m->conf, "secret").p, text, e));
	} else {
		TRY(m->side.ops->change(&m->side, "DELETE FROM server_fact WHERE name = 'secret_mark'", NULL, 0, &n, e));	/* of the other one */
		TRY(m->side.ops->change(&m->side, "UPDATE server_fact SET value = $1 WHERE name = 'secret'", &v, 1, &n, e));
	}
	m->home.secret = *s;
	return OK;
}

/* The secret of the export becomes that of this database while nothing here depends on another one. */
static enum err
bring_secret(struct moving *m, str path, struct error *e)
{
	secret s;
	bool empty;

	if (path.p == NULL)
		return OK;
	TRY(read_secret(path.p, &s, e));
	if (memcmp(s.b, m->home.secret.b, sizeof(s.b)) == 0)
		return OK;
	TRY(move_empty(&m->side, &empty, e));
	enum err code = empty ? keep_secret(m, &s, e)
	    : fail(e, E_CONFLICT, NULL, "this database has workspaces whose keys depend on its own secret: leave out --secret, and the keys (--without-keys)");
	crypto_wipe(&s, sizeof(s));
	return code;
}

static enum err
try_ranges_of(struct moving *m, struct db *db, enum partitioned table, struct error *e)
{
	int64_t now = sys_wall_ms(&sys_clock_real);

	TRY(db->ops->begin(db, TX_WRITE, e));
	enum err code = partition_span(db, table, now - work_keep_ms(&m->conf, table), e);
	if (code == OK)
		code = db->ops->commit(db, e);
	if (code != OK)
		db->ops->rollback(db);
	return code;
}

/* A node, or another import, is done in a moment.  A dump is not: rows are in their place without, too, and stay longer than they must. */
static enum err
make_ranges_of(struct moving *m, struct db *db, enum partitioned table, struct error *e)
{
	enum err code;

	for (int tries = 0; (code = try_ranges_of(m, db, table, e)) == E_LOCKED && tries < RANGE_TRIES; tries++)
		usleep(RANGE_PAUSE_US);
	return code == E_LOCKED ? OK : code;
}

/* Rows of all ages come: ranges for as long as they are kept, so that each goes with its own time and not with the oldest. */
static enum err
make_ranges(struct moving *m, struct error *e)
{
	enum err code = OK;
	struct db db;

	if (home_pg(&m->conf) == NULL)
		return OK;
	TRY(db_pg_open(home_direct(&m->conf), &db, e));
	for (int i = 0; i < PARTITIONED_COUNT && code == OK; i++)
		code = make_ranges_of(m, &db, (enum partitioned)i, e);
	db.ops->close(&db);
	return code;
}

static enum err
import_from(struct moving *m, int fd, struct error *e)
{
	struct move_blobs blobs;

	TRY(open_target(m, e));
	TRY(make_ranges(m, e));
	TRY(bring_secret(m, options_value(m->o, "secret"), e));
	bytes_begin(&m->bytes, &m->conf, stop_not_asked, &blobs);
	m->move.blobs = &blobs;
	m->move.without_keys = m->o->without_keys;
	return move_import(&m->side, &m->move, (struct export_source){ export_fd, &fd }, &m->r, e);
}

/* All of it is read before anything is changed, and its head decides how the database is opened; a pipe cannot be read twice, so there it is
 * taken for everything. */
static enum err
prove(struct moving *m, int fd, struct error *e)
{
	if (lseek(fd, 0, SEEK_CUR) < 0) {
		snprintf(m->scope, sizeof(m->scope), "%s", m->move.scope != NULL ? m->move.scope : MOVE_EVERYTHING);
		return OK;
	}
	TRY(move_prove(&m->move, (struct export_source){ export_fd, &fd }, m->scope, e));
	return lseek(fd, 0, SEEK_SET) == 0 ? OK : fail(e, E_SYS, NULL, "the export cannot be read: %s", strerror(errno));
}

static enum err
import_all(struct moving *m, struct error *e)
{
	str from = options_value(m->o, "from"), scope = options_value(m->o, "workspace");
	char wanted[27];

	TRY(begin(m, e));
	if (from.p == NULL)
		return fail(e, E_USAGE, NULL, "say which file: --from FILE");
	if (scope.p != NULL) {
		TRY(take_scope(m, scope, e));
		memcpy(wanted, m->scope, sizeof(wanted));
		m->move.scope = wanted;
	}
	int fd;
	TRY(source_open(&m->o->a, &m->conf, from, &fd, e));
	enum err code = prove(m, fd, e);
	if (code == OK)
		code = import_from(m, fd, e);
	m->move.scope = NULL;
	close(fd);
	return code;
}

int
import_run(const struct command *c, struct options *o)
{
	struct moving m = { .o = o, .home.lock = -1 };
	struct error e;

	(void)c;
	enum err code = import_all(&m, &e);
	if (code == OK)
		code = nodes_told(&m.conf, NULL, &e);
	if (code == OK)
		report(&m, stdout, "imported");
	else
		clear_line(&m);
	close_moving(&m);
	return code == OK ? EXIT_DONE : complain(&e);
}
