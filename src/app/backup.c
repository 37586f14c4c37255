/* backup -- the commands that copy the embedded database while it serves, and bring a copy back. */
#include "app/app.h"
#include "move/keep.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct backup_opts { str to; };
static const struct field backup_fields[] = {
	F_STR(backup_opts, to, "to", NULL, F_REQ, 1, 4000, "The file, or s3://BUCKET/KEY", "/backup/scriped.tar"),
};
const struct rec backup_rec = REC(backup_opts, backup_fields, "Where the copy goes");

struct restore_opts { str from; };
static const struct field restore_fields[] = {
	F_STR(restore_opts, from, "from", NULL, F_REQ, 1, 4000, "The file that backup made, or s3://BUCKET/KEY; - is standard input", "/backup/scriped.tar"),
};
const struct rec restore_rec = REC(restore_opts, restore_fields, "Where the copy is");

static void
tell(void *ctx, int64_t done, int64_t of)
{
	(void)ctx;
	if (isatty(STDERR_FILENO) && of > 0)
		fprintf(stderr, "\r\033[K%3d %% of %.1f MB", (int)(done * 100 / of), (double)of / 1e6);
}

static void
report(const struct options *o, const struct backup_result *r, const char *verb)
{
	char at[TIME_LEN];
	struct arena a;
	struct buf b;
	struct json j;

	time_write(at, r->made_at);
	if (!o->json) {
		printf("%s a database of %.1f MB with %lld rows%s%s, as it was at %.24s; sha256 %s\n", verb, (double)r->database / 1e6, (long long)r->rows,
		    r->files > 0 ? ", uploads" : "", r->has_secret ? " and the secret" : " without the secret", at, r->sum);
		if (r->here > 0)
			printf("the bytes of %lld uploads are not in it: say --blobs\n", (long long)r->here);
		if (r->in_bucket > 0)
			printf("the bytes of %lld uploads lie in a bucket and are not in it: keep versions or a copy of that bucket\n", (long long)r->in_bucket);
		return;
	}
	arena_init(&a, 1 << 16);
	buf_init(&b, &a, 1 << 16);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("createdAt"), (str){ at, TIME_LEN });
	jw_key_i64(&j, S("schema"), r->schema);
	jw_key_i64(&j, S("rows"), r->rows);
	jw_key_i64(&j, S("databaseBytes"), r->database);
	jw_key_i64(&j, S("uploads"), r->files);
	jw_key_i64(&j, S("uploadsLeftOut"), r->here);
	jw_key_i64(&j, S("uploadsInBucket"), r->in_bucket);
	jw_key_i64(&j, S("bytes"), r->bytes);
	jw_key(&j, S("hasSecret"));
	jw_bool(&j, r->has_secret);
	jw_key_str(&j, S("secret"), str_z(r->print));
	jw_key_str(&j, S("sha256"), str_z(r->sum));
	jw_end(&j);
	printf("%.*s\n", STR(buf_str(&b)));
	arena_free(&a);
}

/* What PostgreSQL has itself is better than what we could make. */
static enum err
not_embedded(const struct conf *c, struct error *e)
{
	if (home_pg(c) == NULL)
		return c->data[0] != '\0' ? OK : fail(e, E_USAGE, NULL, "no database: say --data DIR");
	return fail(e, E_USAGE, NULL, "backup copies the embedded database; PostgreSQL has its own: pg_dump -Fc -f scriped.dump \"$URI\" (back: pg_restore -d \"$URI\" scriped.dump), "
	    "or pg_basebackup -D DIR for the cluster; one workspace: scriped export");
}

/* --- backup --- */

/* Nothing is made: a folder without one is none of ours. */
static enum err
read_secret(struct conf *c, secret *ret, struct error *e)
{
	const char *path = c->secret_file[0] != '\0' ? c->secret_file : home_path(&c->a, c, "secret").p;
	enum err code = home_read_secret(path, ret, e);

	return code != E_NOT_FOUND ? code : fail(e, E_SYS, NULL, "there is no server secret %s: is %s a data folder of scriped?", path, c->data);
}

/* It is made whole in the data folder first: where a copy stops half way nothing is in the bucket. */
static enum err
to_bucket(struct options *o, struct conf *c, const struct backup_conf *bc, struct backup_result *r, struct error *e)
{
	const char *path = home_path(&c->a, c, "backup.tar").p;
	struct object_place p;

	TRY(object_place(&o->a, c, options_value(o, "to"), &p, e));
	p.alive = stop_not_asked;
	TRY(backup_make(bc, path, r, e));
	enum err code = keep_send(&p, path, e);
	unlink(path);
	return code;
}

static enum err
back_up(struct options *o, struct conf *c, struct backup_result *r, struct error *e)
{
	secret s;
	struct backup_conf bc = { .data = c->data, .secret = &s, .with_secret = !o->no_secret, .with_uploads = o->blobs,
		.clock = &sys_clock_real, .alive = stop_not_asked, .tell = o->json ? NULL : tell };

	TRY(not_embedded(c, e));
	if (options_value(o, "to").p == NULL)
		return fail(e, E_USAGE, NULL, "say where: --to FILE");
	TRY(read_secret(c, &s, e));
	enum err code = object_is_uri(options_value(o, "to")) ? to_bucket(o, c, &bc, r, e) : backup_make(&bc, options_value(o, "to").p, r, e);
	crypto_wipe(&s, sizeof(s));
	if (!o->json && isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	return code;
}

int
backup_command(const struct command *cmd, struct options *o)
{
	struct backup_result r;
	struct conf c;
	struct error e;

	(void)cmd;
	stop_on_signals();
	umask(0077);
	if (options_conf(o, &c, &e) != OK)
		return complain(&e);
	enum err code = back_up(o, &c, &r, &e);
	if (code == OK)
		report(o, &r, "copied");
	conf_free(&c);
	return code == OK ? EXIT_DONE : complain(&e);
}

/* --- restore --- */

/* A check needs a place as large as the database, and leaves it as it was. */
static const char *
place(struct options *o, const struct conf *c)
{
	const char *tmp = getenv("TMPDIR");

	if (c->data[0] != '\0' || !o->check)
		return c->data;
	return str_fmt(&o->a, "%s/scriped-restore-%u", tmp != NULL ? tmp : "/tmp", (unsigned)geteuid()).p;
}

/* A terminal is told how far it is. */
struct reading { int fd; int64_t done, of; bool quiet; };

static size_t
read_on(void *ctx, char *to, size_t n)
{
	struct reading *r = ctx;
	size_t got = stop_not_asked(NULL) ? export_fd(&r->fd, to, n) : 0;

	r->done += (int64_t)got;
	if (!r->quiet)
		tell(NULL, r->done, r->of);
	return got;
}

/* Under the lock of the folder, which goes with what we made of it. */
static enum err
restore_from(struct options *o, struct conf *c, int fd, const char *to, struct backup_result *r, struct error *e)
{
	struct home h = { .conf = c, .clock = &sys_clock_real, .lock = -1, .make = true };
	struct reading in = { .fd = fd, .quiet = o->json };
	bool made = access(to, F_OK) != 0;
	struct stat st;
	int pid;

	if (fstat(fd, &st) == 0)
		in.of = st.st_size;
	TRY(o->check ? OK : home_lock(&h, &pid, e));
	enum err code = restore_run((struct export_source){ read_on, &in }, to, o->check, stop_not_asked, r, e);
	if (!o->json && isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	if (code != OK && !stop_not_asked(NULL))
		code = fail(e, E_SYS, NULL, "stopped: nothing was restored");
	if (made && code != OK && h.lock >= 0)
		unlink(home_path(&c->a, c, "scriped.lock").p);
	if (made && (code != OK || o->check))
		rmdir(to);
	if (h.lock >= 0)
		close(h.lock);
	return code;
}

static enum err
restore(struct options *o, struct conf *c, struct backup_result *r, struct error *e)
{
	str from = options_value(o, "from");
	const char *to = place(o, c);

	TRY(home_pg(c) != NULL ? fail(e, E_USAGE, NULL, "restore is for the embedded database; PostgreSQL has pg_restore") : OK);
	if (from.p == NULL || to[0] == '\0')
		return fail(e, E_USAGE, NULL, "say what and where: --from FILE --data DIR, or --from FILE --check");
	int fd;
	TRY(source_open(&o->a, c, from, &fd, e));
	enum err code = restore_from(o, c, fd, to, r, e);
	close(fd);
	return code;
}

int
restore_command(const struct command *cmd, struct options *o)
{
	struct backup_result r;
	struct conf c;
	struct error e;

	(void)cmd;
	stop_on_signals();
	umask(0077);
	if (options_conf(o, &c, &e) != OK)
		return complain(&e);
	enum err code = restore(o, &c, &r, &e);
	if (code == OK)
		report(o, &r, o->check ? "proved" : "restored");
	if (code == OK && !r.has_secret && !o->check)
		fprintf(stderr, "scriped: the backup was made without the secret: put it into %s/secret, or no key works (its fingerprint is %s)\n", c.data, r.print);
	conf_free(&c);
	return code == OK ? EXIT_DONE : complain(&e);
}
