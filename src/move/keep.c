#include "move/keep.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME_LEN	28		/* scriped-20261122T153000Z.tar */
#define NAMES_MAX	10000		/* that are looked at: those beyond stay */
#define PATH_LEN	4096
#define RETRY_LEAST_MS	60000		/* and no longer than backup_every */
#define AHEAD_MS	60000		/* a name of later than that is of a clock that was wrong */

struct name { char s[NAME_LEN + 1]; };
struct names { struct name *v; int n; };

struct keep {
	struct keep_conf c;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	_Atomic bool closing;
	_Atomic int64_t last_ms, failures;
	_Atomic bool failed;
};

/* --- names --- */

static struct name
name_of(int64_t ms)
{
	char iso[TIME_LEN];
	struct name n;

	time_write(iso, ms);
	snprintf(n.s, sizeof(n.s), "scriped-%.4s%.2s%.2sT%.2s%.2s%.2sZ.tar", iso, iso + 5, iso + 8, iso + 11, iso + 14, iso + 17);
	return n;
}

static bool
time_of(str name, int64_t *ret)
{
	char iso[32];

	if (name.n != NAME_LEN || !str_starts(name, S("scriped-")) || !str_ends(name, S("Z.tar")) || name.p[16] != 'T')
		return false;
	snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", name.p + 8, name.p + 12, name.p + 14, name.p + 17, name.p + 19, name.p + 21);
	return time_parse(str_z(iso), ret);
}

static void
add_name(void *ctx, str path)
{
	struct names *names = ctx;
	const char *slash = path.n > 0 ? memrchr(path.p, '/', path.n) : NULL;
	str name = slash != NULL ? str_cut(path, (size_t)(slash + 1 - path.p), path.n) : path;
	int64_t ms;

	if (names->n < NAMES_MAX && time_of(name, &ms))
		memcpy(names->v[names->n++].s, name.p, NAME_LEN);
}

static int by_name(const void *a, const void *b) { return strcmp(((const struct name *)a)->s, ((const struct name *)b)->s); }

/* --- the place --- */

static enum err
bucket_of(struct arena *a, const struct conf *c, str name, struct object_place *ret, struct error *e)
{
	str uri = str_z(c->backup_to), rest = uri, path = str_split(&rest, '?');

	return object_place(a, c, str_fmt(a, "%.*s%s%.*s%s%.*s", STR(path), str_ends(path, S("/")) ? "" : "/", STR(name), rest.n > 0 ? "?" : "", STR(rest)), ret, e);
}

/* The newest last. */
static enum err
list(struct arena *a, const struct conf *c, struct names *ret, struct error *e)
{
	struct object_place p;
	const struct dirent *f;

	*ret = (struct names){ NEW_N(a, struct name, NAMES_MAX), 0 };
	if (object_is_uri(str_z(c->backup_to))) {
		TRY(bucket_of(a, c, S("scriped-"), &p, e));
		TRY(object_list(&p, add_name, ret, e));
	} else {
		DIR *d = opendir(c->backup_to);
		if (d == NULL)
			return fail(e, E_SYS, NULL, "the folder %s: %s", c->backup_to, strerror(errno));
		while ((f = readdir(d)) != NULL)
			add_name(ret, str_z(f->d_name));
		closedir(d);
	}
	qsort(ret->v, (size_t)ret->n, sizeof(ret->v[0]), by_name);
	return OK;
}

enum err
keep_newest(const struct conf *c, int64_t *ret, int *count, struct error *e)
{
	struct arena a;
	struct names names;

	arena_init(&a, (size_t)1 << 20);
	enum err code = list(&a, c, &names, e);
	*ret = TIME_NONE;
	*count = code == OK ? names.n : 0;
	for (int64_t i = names.n - 1, ms; code == OK && i >= 0 && *ret == TIME_NONE; i--)
		if (time_of(str_z(names.v[i].s), &ms) && ms <= sys_wall_ms(&sys_clock_real) + AHEAD_MS)
			*ret = ms;
	arena_free(&a);
	return code;
}

static enum err
remove_one(struct arena *a, const struct conf *c, const char *name, struct error *e)
{
	char path[PATH_LEN];
	struct object_place p;

	if (object_is_uri(str_z(c->backup_to))) {
		TRY(bucket_of(a, c, str_z(name), &p, e));
		return object_remove(&p, p.key, e);
	}
	snprintf(path, sizeof(path), "%s/%s", c->backup_to, name);
	return unlink(path) == 0 || errno == ENOENT ? OK : fail(e, E_SYS, NULL, "%s: %s", path, strerror(errno));
}

/* What a server that was killed left half made, here or where it waits to go to a bucket. */
static void
clear_halves(const char *folder)
{
	char path[PATH_LEN];
	const struct dirent *f;
	DIR *d = opendir(folder);

	if (d == NULL)
		return;
	while ((f = readdir(d)) != NULL) {
		str name = str_z(f->d_name);
		int64_t ms;
		if (name.n > NAME_LEN && time_of(str_cut(name, 0, NAME_LEN), &ms) && str_starts(str_cut(name, NAME_LEN, name.n), S(".part"))) {
			snprintf(path, sizeof(path), "%s/%s", folder, f->d_name);
			unlink(path);
		}
	}
	closedir(d);
}

enum err
keep_send(const struct object_place *p, const char *path, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(e, E_SYS, NULL, "%s: %s", path, strerror(errno));
	enum err code = object_put(p, fd, e);
	close(fd);
	return code;
}

/* --- one backup --- */

static bool alive(void *ctx) { return !atomic_load(&((struct keep *)ctx)->closing); }

/* A bucket gets what is whole here: NAME.part.sent, which the next run would remove. */
static enum err
make(struct keep *k, struct arena *a, const struct conf *c, const struct name *as, struct backup_result *r, struct error *e)
{
	struct backup_conf bc = { .data = c->data, .secret = k->c.secret, .with_secret = c->backup_secret, .with_uploads = c->backup_uploads,
		.clock = k->c.clock, .alive = alive, .ctx = k };
	bool remote = object_is_uri(str_z(c->backup_to));
	const char *folder = remote ? c->data : c->backup_to, *path = str_fmt(a, "%s/%s%s", folder, as->s, remote ? ".part.sent" : "").p;
	struct object_place p;

	clear_halves(folder);
	if (!remote)
		return backup_make(&bc, path, r, e);
	TRY(bucket_of(a, c, str_z(as->s), &p, e));
	p.alive = alive;
	p.ctx = k;
	TRY(backup_make(&bc, path, r, e));
	enum err code = keep_send(&p, path, e);
	unlink(path);
	return code;
}

/* The one that was just made stays whatever its name says: the clock may have been set back since the others. */
static enum err
make_room(struct arena *a, const struct conf *c, const struct name *made, struct error *e)
{
	struct names names;

	TRY(list(a, c, &names, e));
	for (int i = 0, many = names.n - (int)c->backup_keep; i < names.n && many > 0; i++)
		if (strcmp(names.v[i].s, made->s) != 0) {
			TRY(remove_one(a, c, names.v[i].s, e));
			many--;
		}
	return OK;
}

static void
one(struct keep *k, const struct conf *c)
{
	struct backup_result r;
	struct error e;
	struct arena a;

	arena_init(&a, (size_t)2 << 20);
	struct name name = name_of(sys_wall_ms(k->c.clock));
	enum err code = make(k, &a, c, &name, &r, &e);
	if (code == OK) {
		atomic_store(&k->last_ms, r.made_at);
		log_note(k->c.log, LOG_INFO, "backup", "made in %lld ms: %.1f MB", (long long)r.ms, (double)r.bytes / 1e6);
		if (r.in_bucket > 0)
			log_note(k->c.log, LOG_INFO, "backup", "the bytes of %lld uploads lie in a bucket and are not in it", (long long)r.in_bucket);
		code = make_room(&a, c, &name, &e);
	}
	bool gone = atomic_load(&k->closing);
	if (code != OK && !gone) {
		atomic_fetch_add(&k->failures, 1);
		log_note(k->c.log, LOG_ERROR, "backup", "%s", e.detail);
	}
	atomic_store(&k->failed, code != OK && !gone);
	arena_free(&a);
}

/* --- its thread --- */

static int64_t
wait_ms(struct keep *k, const struct conf *c, bool first)
{
	int64_t every = c->backup_every * 1000, last = atomic_load(&k->last_ms), now = sys_wall_ms(k->c.clock);

	if (atomic_load(&k->failed))
		return MAX(every / 10, MIN(RETRY_LEAST_MS, every));
	if (last == TIME_NONE)
		return first ? 0 : every;
	return MIN(MAX(last + every - now, 0), every);
}

static void
look(struct keep *k, const struct conf *c)
{
	struct error e;
	int64_t newest;
	int n;

	if (keep_newest(c, &newest, &n, &e) == OK) {
		atomic_store(&k->last_ms, newest);
		return;
	}
	atomic_store(&k->failed, true);
	atomic_fetch_add(&k->failures, 1);
	log_note(k->c.log, LOG_ERROR, "backup", "%s", e.detail);
}

static void *
run(void *arg)
{
	struct keep *k = arg;
	bool first = true;

	sys_thread_yields(SYS_NICE_JOB);
	look(k, k->c.settings(k->c.ctx));
	pthread_mutex_lock(&k->lock);
	while (!atomic_load(&k->closing)) {
		const struct conf *c = k->c.settings(k->c.ctx);
		int64_t ms = wait_ms(k, c, first);
		if (ms > 0 && sys_cond_wait_us(&k->turn, &k->lock, ms * 1000))
			continue;
		first = false;
		pthread_mutex_unlock(&k->lock);
		if (alive(k))
			one(k, c);
		pthread_mutex_lock(&k->lock);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

struct keep *
keep_new(const struct keep_conf *c)
{
	struct keep *k;
	struct error e;

	if (c->settings(c->ctx)->backup_to[0] == '\0')
		return NULL;
	if ((k = calloc(1, sizeof(*k))) == NULL)
		abort();
	k->c = *c;
	atomic_store(&k->last_ms, TIME_NONE);
	pthread_mutex_init(&k->lock, NULL);
	sys_cond_init(&k->turn);
	if (sys_thread(&k->thread, "backup", run, k, &e) == OK)
		return k;
	log_note(c->log, LOG_ERROR, "backup", "none is made: %s", e.detail);
	free(k);
	return NULL;
}

void
keep_close(struct keep *k)
{
	if (k == NULL)
		return;
	pthread_mutex_lock(&k->lock);
	atomic_store(&k->closing, true);
	pthread_cond_broadcast(&k->turn);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->turn);
	free(k);
}

void
keep_metrics(struct keep *k, struct buf *b)
{
	if (k == NULL)
		return;
	int64_t last = atomic_load(&k->last_ms);
	buf_fmt(b, "# HELP scriped_backup_ok Whether the last backup was made\n# TYPE scriped_backup_ok gauge\nscriped_backup_ok %d\n", !atomic_load(&k->failed));
	buf_fmt(b, "# HELP scriped_backup_timestamp_seconds When the newest backup was made; 0: never\n# TYPE scriped_backup_timestamp_seconds gauge\n"
	    "scriped_backup_timestamp_seconds %lld\n", (long long)(last == TIME_NONE ? 0 : last / 1000));
	buf_fmt(b, "# HELP scriped_backup_failures_total Backups that failed\n# TYPE scriped_backup_failures_total counter\n"
	    "scriped_backup_failures_total %lld\n", (long long)atomic_load(&k->failures));
}
