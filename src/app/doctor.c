/* doctor -- looks for what would go wrong, one line a check; exit 1 when one of them fails. */
#include "app/doctor.h"
#include "api/cors.h"
#include "api/visit.h"
#include "blob/bucket.h"
#include "move/keep.h"
#include "db/migrate.h"
#include "ingest/ingest.h"
#include "know/meaning.h"
#include "speech/speech.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SPACE_WARN	INT64_C(1000000000)
#define SPACE_FAIL	INT64_C(50000000)
#define YEAR_2024	INT64_C(1704067200000)

/* One line, which may go on until doctor_close. */
void
doctor_open(struct doctor *d, enum health h, const char *check, const char *text)
{
	static const char *const words[] = { "ok", "warn", "FAIL" }, *const colours[] = { "\033[32m", "\033[33m", "\033[31m" };

	d->worst = MAX(d->worst, h);
	if (!d->json) {
		printf("%s%-4s%s  %-12s %s\n", d->colour ? colours[h] : "", words[h], d->colour ? "\033[0m" : "", check, text);
		return;
	}
	jw_obj(&d->j);
	jw_key_str(&d->j, S("check"), str_z(check));
	jw_key_str(&d->j, S("result"), str_z(words[h]));
	jw_key_str(&d->j, S("detail"), str_z(text));
}

void
doctor_close(struct doctor *d)
{
	if (d->json)
		jw_end(&d->j);
}

void
doctor_tell(struct doctor *d, enum health h, const char *check, const char *fmt, ...)
{
	char text[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	doctor_open(d, h, check, text);
	doctor_close(d);
}

static void
check_folder(struct doctor *d)
{
	const char *dir = d->conf.data;
	struct stat st;
	struct statvfs fs;

	if (dir[0] == '\0' && home_pg(&d->conf) == NULL) {
		doctor_tell(d, BAD, "folder", "no data folder: say --data DIR");
		return;
	}
	if (dir[0] == '\0') {
		doctor_tell(d, GOOD, "folder", "none is needed: everything is in PostgreSQL");
		return;
	}
	if (stat(dir, &st) != 0)
		doctor_tell(d, BAD, "folder", "%s: %s: run scriped setup --data %s", dir, strerror(errno), dir);
	else if (!S_ISDIR(st.st_mode) || access(dir, R_OK | W_OK | X_OK) != 0)
		doctor_tell(d, BAD, "folder", "%s is no folder that this user may write", dir);
	else if ((st.st_mode & 077) != 0)
		doctor_tell(d, WARN, "folder", "%s can be read by others (mode %03o): chmod 700 it", dir, st.st_mode & 0777);
	else
		doctor_tell(d, GOOD, "folder", "%s, mode 700", dir);
	if (statvfs(dir, &fs) != 0)
		return;
	int64_t room = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	doctor_tell(d, room < SPACE_FAIL ? BAD : room < SPACE_WARN ? WARN : GOOD, "space", "%lld MB free%s", (long long)(room / 1000000),
	    room < SPACE_WARN ? ": writes stop with 503 when it is full" : "");
}

static void
check_files(struct doctor *d)
{
	static const char *const names[] = { "secret", "scriped.db", "scriped.db-wal" };
	struct stat st;

	for (size_t i = 0; d->conf.data[0] != '\0' && i < COUNT(names); i++) {
		str path = home_path(&d->a, &d->conf, names[i]);
		if (stat(path.p, &st) == 0 && (st.st_mode & 077) != 0)
			doctor_tell(d, WARN, "permissions", "%s can be read by others (mode %03o): chmod 600 it", path.p, st.st_mode & 0777);
	}
	if (d->conf.data[0] != '\0' && home_pg(&d->conf) == NULL && d->conf.secret_file[0] == '\0' &&
	    stat(home_path(&d->a, &d->conf, "secret").p, &st) != 0)
		doctor_tell(d, BAD, "secret", "%s/secret is missing: without it no key works; restore it, or run scriped setup on a new folder", d->conf.data);
}

SQL(quick_check, "doctor.ping", "SELECT 1");

static enum err
open_readable(struct doctor *d, struct db *ret, struct error *e)
{
	struct db_sqlite_conf lite = { home_path(&d->a, &d->conf, "scriped.db").p, true, 2000, 0 };

	return home_pg(&d->conf) != NULL ? db_pg_open(home_pg(&d->conf), ret, e) : db_sqlite_open(&lite, ret, e);
}

/* On PostgreSQL the operator migrates. */
static int
check_schema(struct doctor *d, struct db *db)
{
	const struct migration *list;
	int n = migrate_list(&list), at = 0;
	struct error e;

	if (migrate_fits(db, list, n, &e) != OK || migrate_look(db, list, n, &at, &e) != OK)
		doctor_tell(d, BAD, "schema", "%s", e.detail);
	else if (at < list[n - 1].number)
		doctor_tell(d, WARN, "schema", "%d is served; when all nodes are of this release, scriped migrate brings it to %d", at, list[n - 1].number);
	else
		doctor_tell(d, GOOD, "schema", "%d", at);
	if (migrate_rights(db, &e) != OK)
		doctor_tell(d, BAD, "rights", "%s", e.detail);
	return at;
}

/* One that was given up left a part of its rows. */
static void
check_imports(struct doctor *d)
{
	struct side s = { 0 };
	struct val v = { 0 };
	struct error e;
	enum err code = home_pg(&d->conf) != NULL ? side_pg(d->conf.db, SIDE_READ, &s, &e) : side_lite(home_path(&d->a, &d->conf, "scriped.db").p, SIDE_READ, &s, &e);

	if (code == OK && side_one(&s, &d->a, "SELECT scope FROM moved WHERE done_at IS NULL LIMIT 1", NULL, 0, &v, &e) == OK && v.t == V_TEXT)
		doctor_tell(d, WARN, "imports", "that of %s%.*s is not whole: run scriped import again with its file, which goes on where it stopped", v.s.n == 26 ? "org_" : "", STR(v.s));
	side_close(&s);
}

static void
check_database(struct doctor *d)
{
	struct error e;
	struct db db;

	if (home_pg(&d->conf) == NULL && d->conf.data[0] == '\0')
		return;
	if (home_pg(&d->conf) == NULL && access(home_path(&d->a, &d->conf, "scriped.db").p, F_OK) != 0) {
		doctor_tell(d, WARN, "database", "there is none yet: scriped setup makes it");
		return;
	}
	if (open_readable(d, &db, &e) != OK) {
		doctor_tell(d, BAD, "database", "%s", e.detail);
		return;
	}
	enum err code = home_pg(&d->conf) == NULL ? db_sqlite_sound(&db, &e) : db_run_(&db, &quick_check, &e, NULL, 0);
	if (code != OK)
		doctor_tell(d, BAD, "database", "%s%s", e.detail, strstr(e.detail, "prepared statement") == NULL ? ""
		    : ": the pooler shares connections and keeps no prepared statements: PgBouncer 1.21 with max_prepared_statements does, an older one needs pool_mode = session");
	else
		doctor_tell(d, GOOD, "database", "%s, %.1f MB, sound", db.ops->name, (double)db.ops->size(&db) / 1e6);
	check_imports(d);
	int schema = code == OK && home_pg(&d->conf) != NULL ? check_schema(d, &db) : 0;
	db.ops->close(&db);
	if (code == OK && home_pg(&d->conf) != NULL)
		engines_look(d, schema);
}

static void
check_clock(struct doctor *d)
{
	int64_t now = sys_wall_ms(&sys_clock_real);
	char t[TIME_LEN];

	time_write(t, now);
	if (now < YEAR_2024)
		doctor_tell(d, BAD, "clock", "it says %.*s: set it, for keys expire and posts are scheduled by it", TIME_LEN, t);
	else
		doctor_tell(d, GOOD, "clock", "%.*s", TIME_LEN, t);
}

/* What an endpoint says when it is asked for its models; `name` begins the names of its settings. */
static void
ask_models(struct doctor *d, const char *check, const char *name, const char *url, const char *key)
{
	const char *auth = key[0] != '\0' ? str_fmt(&d->a, "Authorization: Bearer %s", key).p : NULL;
	const char *const headers[] = { "Accept: application/json", auth, NULL };
	struct dial_request rq = { .method = "GET", .url = str_fmt(&d->a, "%s/models", url).p, .headers = headers, .connect_ms = d->conf.openai_connect,
	    .silence_ms = 10000, .total_ms = 15000, .max = 1 << 20 };
	struct dial_result r;

	dial(&d->a, &sys_clock_real, &rq, &r);
	if (r.fault != DIAL_OK)
		doctor_tell(d, BAD, check, "%s: %s", url, r.why);
	else if (r.status == 401 || r.status == 403)
		doctor_tell(d, BAD, check, "%s refuses the key (%d): set %s_key", url, r.status, name);
	else
		doctor_tell(d, r.status < 500 ? GOOD : WARN, check, "%s answers (%d)", url, r.status);
}

static void
check_provider(struct doctor *d)
{
	if (d->conf.writer == 0)
		doctor_tell(d, GOOD, "writer", "builtin: needs no provider");
	else
		ask_models(d, "writer", "openai", d->conf.openai_url, d->conf.openai_key);
}

/* It is asked for a vector, which tells of the model, too. */
static void
check_meaning(struct doctor *d)
{
	str text = S("The starter plan is 9 euros a month.");
	struct meaning_ask m = { .conf = &d->conf, .clock = &sys_clock_real, .a = &d->a, .texts = &text, .n = 1 };

	if (!meaning_on(&d->conf))
		return;
	if (meaning_ask(&m) == PROVIDER_OK)
		doctor_tell(d, GOOD, "meaning", "%s gives vectors of %d dimensions", d->conf.embed_model, m.dims);
	else
		doctor_tell(d, BAD, "meaning", "%s: %s", d->conf.embed_url, m.why);
}

static void
check_limits(struct doctor *d)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_max == RLIM_INFINITY || (int64_t)files.rlim_max >= d->conf.max_connections + 256)
		doctor_tell(d, GOOD, "files", "enough for %lld connections", (long long)d->conf.max_connections);
	else
		doctor_tell(d, WARN, "files", "%lld open files are allowed, max_connections wants %lld: raise LimitNOFILE or ulimit -Hn",
		    (long long)files.rlim_max, (long long)d->conf.max_connections + 256);
}

static void
check_origins(struct doctor *d)
{
	str odd = cors_odd(d->conf.cors_origins);

	if (odd.p != NULL)
		doctor_tell(d, WARN, "cors", "%.*s in cors_origins is no origin: write scheme://host[:port], as in https://app.example.com", STR(odd));
	else if (d->conf.cors_origins[0] != '\0')
		doctor_tell(d, GOOD, "cors", "pages of %s may call the API", d->conf.cors_origins);
}

/* Where people may sign in, and what their cookie is worth (api/visit.h). */
static void
check_people(struct doctor *d)
{
	const char *url = d->conf.public_url, *cookie = visit_cookie_name(&d->conf);
	str listen = str_z(d->conf.listen);

	if (url[0] == '\0' && (str_starts(listen, S("0.0.0.0:")) || str_starts(listen, S("[::]:"))))
		doctor_tell(d, WARN, "people", "links and what programs are told lead to http://%s, which is no address to call: set public_url to how this server is reached", d->conf.listen);
	else if (!str_starts(str_z(cookie), S("__Host-")))
		doctor_tell(d, url[0] != '\0' ? WARN : GOOD, "people", "sign in from this machine and private addresses only, with the cookie %s, which other servers on this host may read:"
		    " for others set public_url to an https address", cookie);
	else if (d->conf.trusted_proxies[0] == '\0')
		doctor_tell(d, WARN, "people", "sign in at %s, and all from the address of the proxy that has its certificate: set trusted_proxies to it, or they share their tries", url);
	else
		doctor_tell(d, GOOD, "people", "sign in at %s, with the cookie %s", url, cookie);
}

static void
ask_bucket(struct doctor *d)
{
	struct bucket_client b = { .conf = &d->conf, .clock = &sys_clock_real, .a = &d->a };

	if (bucket_check(&b) == BUCKET_OK)
		doctor_tell(d, GOOD, "uploads", "to the bucket %s", d->conf.blob_bucket);
	else
		doctor_tell(d, BAD, "uploads", "the bucket %s: %s: look at the settings blob_...", d->conf.blob_bucket, b.why);
}

/* The folder is made by the first serve, so that it is missing before is no fault. */
static void
check_uploads(struct doctor *d)
{
	str path = home_path(&d->a, &d->conf, "uploads/incoming");

	if (d->conf.blob_bucket[0] != '\0' && (d->conf.blob_key_id[0] == '\0' || d->conf.blob_key_secret[0] == '\0'))
		doctor_tell(d, BAD, "uploads", "the bucket %s has no key: set blob_key_id and blob_key_secret", d->conf.blob_bucket);
	else if (d->conf.blob_bucket[0] != '\0')
		ask_bucket(d);
	else if (d->conf.data[0] == '\0')
		doctor_tell(d, WARN, "uploads", "refused: there is neither a data folder nor a bucket (blob_bucket)");
	else if (access(path.p, R_OK | W_OK | X_OK) != 0 && errno != ENOENT)
		doctor_tell(d, BAD, "uploads", "%s: %s: give it to the user of the server", path.p, strerror(errno));
	else
		doctor_tell(d, GOOD, "uploads", "to the data folder");
}

static void
check_transcriber(struct doctor *d, const struct ingest_format *f, int n)
{
	bool own = d->conf.transcribe_url[0] != '\0', reads = false;

	for (int i = 0; i < n; i++)
		reads |= f[i].reads && str_eq(f[i].name, S("speech"));
	if (speech_way(&d->conf) == SPEECH_BY_OPENAI)
		ask_models(d, "transcriber", own ? "transcribe" : "openai", speech_url(&d->conf), own ? d->conf.transcribe_key : d->conf.openai_key);
	else if (speech_way(&d->conf) == SPEECH_BY_NONE)
		doctor_tell(d, GOOD, "transcriber", "none: recordings fail as transcription_failed");
	else if (reads)
		doctor_tell(d, GOOD, "transcriber", "builtin: a draft, in English; set transcribe_url for more");
	else
		doctor_tell(d, WARN, "transcriber", "builtin, which this build lacks: recordings fail until pocketsphinx-en-us is there, or transcribe_url is set");
}

static void
check_files_read(struct doctor *d)
{
	struct ingest_result r;
	struct ingest_format *f;
	struct buf reads, lacks;
	int n;
	enum ingest_fault fault = ingest_formats(&d->conf, &sys_clock_real, &d->a, &f, &n, &r);

	if (fault != INGEST_OK) {
		doctor_tell(d, BAD, "extract", "%s", r.why[0] != '\0' ? r.why : ingest_fault_row(fault)->message);
		return;
	}
	buf_init(&reads, &d->a, 4096);
	buf_init(&lacks, &d->a, 4096);
	for (int i = 0; i < n; i++) {
		if (f[i].reads)
			buf_fmt(&reads, "%s%.*s", reads.n > 0 ? ", " : "", STR(f[i].name));
		else if (f[i].missing.n > 0)
			buf_fmt(&lacks, "%s%.*s (%.*s)", lacks.n > 0 ? ", " : "", STR(f[i].name), STR(f[i].missing));
	}
	doctor_tell(d, GOOD, "extract", "reads %.*s", STR(buf_str(&reads)));
	check_transcriber(d, f, n);
	if (lacks.n > 0)
		doctor_tell(d, WARN, "extract", "cannot read %.*s: install what is in parentheses, and build again", STR(buf_str(&lacks)));
}

/* Without one a lost disk is a lost server; an old one says that making them fails. */
static void
check_backups(struct doctor *d)
{
	const struct conf *c = &d->conf;
	struct error e;
	int64_t newest;
	int n;

	if (home_pg(c) != NULL) {
		doctor_tell(d, c->backup_to[0] != '\0' ? WARN : GOOD, "backups", "%sPostgreSQL has its own: pg_dump, pg_basebackup%s", c->backup_to[0] != '\0' ? "backup_to is for the embedded database and does nothing here: " : "",
		    c->blob_bucket[0] != '\0' ? "; uploads are the bucket's" : "");
		return;
	}
	if (c->blob_bucket[0] != '\0')
		doctor_tell(d, GOOD, "backups", "uploads in the bucket %s are in none: keep versions or a copy of it", c->blob_bucket);
	if (c->backup_to[0] == '\0')
		doctor_tell(d, GOOD, "backups", "none are made by the server: set backup_to, or run scriped backup yourself");
	else if (keep_newest(c, &newest, &n, &e) != OK)
		doctor_tell(d, BAD, "backups", "%s", e.detail);
	else if (newest == TIME_NONE)
		doctor_tell(d, WARN, "backups", "none in %s yet: the server makes the first one when it starts; look at its log", c->backup_to);
	else if (sys_wall_ms(&sys_clock_real) - newest > 2 * c->backup_every * 1000 + 60000)
		doctor_tell(d, WARN, "backups", "the newest of %d is %lld hours old: look at the server's log", n, (long long)(sys_wall_ms(&sys_clock_real) - newest) / 3600000);
	else
		doctor_tell(d, GOOD, "backups", "%d in %s, the newest %lld minutes old", n, c->backup_to, (long long)(sys_wall_ms(&sys_clock_real) - newest) / 60000);
}

static void
check_server(struct doctor *d)
{
	struct error e;
	int pid = 0;

	if (d->conf.data[0] == '\0' || access(d->conf.data, F_OK) != 0)
		return;
	d->home = (struct home){ .conf = &d->conf, .clock = &sys_clock_real, .lock = -1 };
	if (home_lock(&d->home, &pid, &e) == E_CONFLICT)
		doctor_tell(d, GOOD, "server", "process %d serves this folder", pid);
	else
		doctor_tell(d, GOOD, "server", "none runs on this folder");
	home_close(&d->home);
}

static void
look_at_all(struct doctor *d)
{
	doctor_tell(d, GOOD, "settings", "read and in range");
	check_folder(d);
	check_files(d);
	check_database(d);
	engines_kv(d);
	check_clock(d);
	check_provider(d);
	check_meaning(d);
	check_limits(d);
	check_origins(d);
	check_people(d);
	check_uploads(d);
	check_files_read(d);
	check_backups(d);
	check_server(d);
}

struct patient { str mcp, token; };
static const struct field doctor_fields[] = {
	F_STR(patient, mcp, "mcp", NULL, 0, 1, 2000, "The URL of an MCP server, to be looked at as hosts do; nothing else is looked at then", "https://scripe.example.com/mcp"),
	F_STR(patient, token, "token", NULL, 0, 1, 4000, "A key or an access token to go on with there; - reads it from standard input", NULL),
};
const struct rec doctor_rec = REC(patient, doctor_fields, "What to look at");

static const char *
field_of(const struct options *o, const char *name)
{
	const char *found = NULL;

	for (int i = 0; i < o->nfields; i++)
		if (str_eq(o->fields[i].name, str_z(name)))
			found = o->fields[i].value.p;
	return found;
}

/* A token in the arguments is seen by whoever lists processes. */
static const char *
token_from(struct doctor *d, const char *token)
{
	char line[4000];

	if (token == NULL || strcmp(token, "-") != 0)
		return token;
	return fgets(line, sizeof(line), stdin) != NULL ? str_dup(&d->a, str_trim(str_z(line))).p : NULL;
}

int
doctor_run(const struct command *c, struct options *o)
{
	struct doctor d = { .json = o->json, .colour = isatty(STDOUT_FILENO) };
	struct walk_conf walk = { .url = field_of(o, "mcp") };
	struct error e;

	(void)c;
	if (options_conf(o, &d.conf, &e) != OK)
		return complain(&e);
	arena_init(&d.a, 1 << 24);
	buf_init(&d.out, &d.a, 1 << 20);
	jw_begin(&d.j, &d.out);
	jw_arr(&d.j);
	walk.token = token_from(&d, field_of(o, "token"));
	walk.no_register = o->no_register;
	if (walk.url != NULL)
		walk_run(&d, &walk);
	else
		look_at_all(&d);
	jw_end(&d.j);
	if (d.json)
		printf("%.*s\n", STR(buf_str(&d.out)));
	arena_free(&d.a);
	conf_free(&d.conf);
	return d.worst == BAD ? EXIT_FAILED : EXIT_DONE;
}
