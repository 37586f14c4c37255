#include "blob/disk.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS		4		/* so that one file's sync does not hold up the others' bytes */
#define FLUSH_BYTES	((int64_t)8 << 20)	/* begun to be written back, so that the sync at the end is short */

struct disk_put {
	struct disk_put *next;		/* in the queue */
	struct disk *disk;
	struct disk_owner owner;
	char name[DISK_NAME], incoming[DISK_NAME];
	/* the owner fills buf[in] while it is not full; a thread writes buf[out] while it is */
	char *buf[2];
	size_t fill[2];
	bool full[2];
	int in, out;
	bool queued, busy, waiting, finishing, done, ended;
	/* of the thread that has it */
	int fd;
	int64_t written, flushed;
	enum err code;
	struct error why;
};

struct disk {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct disk_put *first, **last;
	int puts, max_puts;
	bool stop;
	char *folder;
	int dir, incoming;		/* descriptors of the two folders */
	int nthreads;
	pthread_t thread[THREADS];
};

/* --- what touches the disk; without the lock --- */

static enum err
refused(struct error *e, const char *what, const char *name)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return fail(e, full ? E_FULL : E_SYS, NULL, "%s %s: %s", what, name, strerror(errno));
}

/* The lock says that somebody is at it: another server may share the folder, and look for what was left behind at this very moment. */
static enum err
open_file(struct disk_put *p, struct error *e)
{
	struct stat st;

	if (p->fd >= 0)
		return OK;
	p->fd = openat(p->disk->incoming, p->incoming, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (p->fd < 0)
		return refused(e, "cannot make", p->incoming);
	if (flock(p->fd, LOCK_EX | LOCK_NB) != 0 || fstat(p->fd, &st) != 0 || st.st_nlink == 0)
		return refused(e, "cannot keep", p->incoming);
	return OK;
}

static enum err
write_some(struct disk_put *p, str s, struct error *e)
{
	char what[sizeof(p->incoming) + 16];

	TRY(open_file(p, e));
	snprintf(what, sizeof(what), "cannot write %s", p->incoming);
	TRY(sys_write_all(p->fd, s, what, e));
	p->written += (int64_t)s.n;
	if (p->written - p->flushed >= FLUSH_BYTES) {
		(void)sync_file_range(p->fd, p->flushed, p->written - p->flushed, SYNC_FILE_RANGE_WRITE);
		p->flushed = p->written;
	}
	return OK;
}

/* After the rename it must not fail any more: what is published is found under either name. */
static enum err
seal(struct disk_put *p, struct error *e)
{
	TRY(open_file(p, e));
	if (fsync(p->fd) != 0 || fsync(p->disk->incoming) != 0)
		return refused(e, "cannot sync", p->incoming);
	TRY(p->owner.publish(p->owner.ctx, e));
	(void)renameat(p->disk->incoming, p->incoming, p->disk->dir, p->name);
	return OK;
}

/* What may have been published stays for disk_recover. */
static void
discard(struct disk_put *p)
{
	if (p->fd >= 0 && !(p->done && (p->code == OK || p->code == E_UNCERTAIN)))
		(void)unlinkat(p->disk->incoming, p->incoming, 0);
	if (p->fd >= 0)
		close(p->fd);
	free(p->buf[0]);
	free(p->buf[1]);
	free(p);
}

/* --- the threads --- */

static void
wake(struct disk_put *p)
{
	if (!p->waiting)
		return;
	p->waiting = false;
	p->owner.wake(p->owner.ctx);
}

/* One buffer, or the end.  False: there is nothing to do for it now.  Called with the lock, which it leaves meanwhile. */
static bool
advance(struct disk_put *p)
{
	struct disk *d = p->disk;
	int i = p->out;
	bool last = !p->full[i];
	enum err code = p->code;
	struct error e = p->why;

	if (p->ended || (last && (!p->finishing || p->done)))
		return false;
	pthread_mutex_unlock(&d->lock);
	if (code == OK)
		code = last ? seal(p, &e) : write_some(p, (str){ p->buf[i], p->fill[i] }, &e);
	pthread_mutex_lock(&d->lock);
	p->code = code;
	p->why = e;
	if (last) {
		p->done = true;
	} else {
		p->fill[i] = 0;
		p->full[i] = false;
		p->out = 1 - i;
	}
	if (last || !p->finishing)
		wake(p);
	return true;
}

static void
enqueue(struct disk_put *p)
{
	struct disk *d = p->disk;

	if (p->queued || p->busy)
		return;
	p->queued = true;
	p->next = NULL;
	*d->last = p;
	d->last = &p->next;
	pthread_cond_signal(&d->work);
}

static struct disk_put *
next_put(struct disk *d)
{
	struct disk_put *p;

	while (d->first == NULL && !d->stop)
		pthread_cond_wait(&d->work, &d->lock);
	if ((p = d->first) == NULL)
		return NULL;
	if ((d->first = p->next) == NULL)
		d->last = &d->first;
	p->queued = false;
	p->busy = true;
	return p;
}

static void *
serve(void *arg)
{
	struct disk *d = arg;
	struct disk_put *p;

	pthread_mutex_lock(&d->lock);
	while ((p = next_put(d)) != NULL) {
		while (advance(p))
			;
		p->busy = false;
		if (!p->ended)
			continue;
		pthread_mutex_unlock(&d->lock);
		discard(p);
		pthread_mutex_lock(&d->lock);
		d->puts--;
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* --- a put --- */

struct disk_put *
disk_begin(struct disk *d, const char *name, const char *attempt, const struct disk_owner *owner)
{
	struct disk_put *p = calloc(1, sizeof(*p));
	bool room;

	if (p == NULL)
		return NULL;
	*p = (struct disk_put){ .disk = d, .owner = *owner, .fd = -1, .buf = { malloc(DISK_BUFFER), malloc(DISK_BUFFER) } };
	int n = snprintf(p->name, sizeof(p->name), "%s", name), k = snprintf(p->incoming, sizeof(p->incoming), "%s-%s", name, attempt);
	pthread_mutex_lock(&d->lock);
	room = d->puts < d->max_puts && p->buf[0] != NULL && p->buf[1] != NULL && n < DISK_NAME && k < DISK_NAME;
	d->puts += room;
	pthread_mutex_unlock(&d->lock);
	if (room)
		return p;
	discard(p);
	return NULL;
}

/* A buffer that is full is the threads'. */
static bool
take_buffer(struct disk_put *p, bool give, enum err *code, struct error *e)
{
	pthread_mutex_lock(&p->disk->lock);
	if (give && p->fill[p->in] > 0) {
		p->full[p->in] = true;
		p->in = 1 - p->in;
		enqueue(p);
	}
	bool free_now = !p->full[p->in];
	if ((*code = p->code) != OK)
		*e = p->why;
	p->waiting = !free_now && *code == OK;
	pthread_mutex_unlock(&p->disk->lock);
	return free_now;
}

enum err
disk_add(struct disk_put *p, const char *b, size_t n, size_t *ret, struct error *e)
{
	size_t had = n;
	enum err code;

	for (bool room = take_buffer(p, false, &code, e); code == OK && room && n > 0; ) {
		int i = p->in;
		size_t k = MIN(n, DISK_BUFFER - p->fill[i]);
		memcpy(p->buf[i] + p->fill[i], b, k);
		p->fill[i] += k;
		b += k;
		n -= k;
		if (p->fill[i] == DISK_BUFFER && n > 0)
			room = take_buffer(p, true, &code, e);
	}
	*ret = had - n;
	return code;
}

void
disk_finish(struct disk_put *p)
{
	pthread_mutex_lock(&p->disk->lock);
	if (p->fill[p->in] > 0)
		p->full[p->in] = true;
	p->finishing = p->waiting = true;
	enqueue(p);
	pthread_mutex_unlock(&p->disk->lock);
}

enum err
disk_result(struct disk_put *p, struct error *e)
{
	pthread_mutex_lock(&p->disk->lock);
	enum err code = p->code;
	*e = p->why;
	pthread_mutex_unlock(&p->disk->lock);
	return code;
}

void
disk_end(struct disk_put *p)
{
	pthread_mutex_lock(&p->disk->lock);
	p->ended = true;
	p->waiting = false;
	enqueue(p);
	pthread_mutex_unlock(&p->disk->lock);
}

/* --- what is there --- */

typedef enum err judge(void *ctx, str name, str attempt, bool *published, struct error *);

static enum err
clear(struct disk *d, const char *file, const char *dash, judge *j, void *ctx, struct error *e)
{
	char name[DISK_NAME];
	bool published = false;

	snprintf(name, sizeof(name), "%.*s", (int)(dash - file), file);
	TRY(j(ctx, str_z(name), str_z(dash + 1), &published, e));
	int rc = published ? renameat(d->incoming, file, d->dir, name) : unlinkat(d->incoming, file, 0);
	return rc == 0 || errno == ENOENT ? OK : refused(e, "cannot clear", file);
}

static enum err
recover_one(struct disk *d, const char *file, judge *j, void *ctx, struct error *e)
{
	const char *dash = strrchr(file, '-');

	if (dash == NULL || (size_t)(dash - file) >= DISK_NAME)
		return OK;		/* not one of ours */
	int fd = openat(d->incoming, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? OK : refused(e, "cannot open", file);
	enum err code = flock(fd, LOCK_EX | LOCK_NB) == 0 ? clear(d, file, dash, j, ctx, e) : OK;	/* else somebody is at it */
	close(fd);
	return code;
}

enum err
disk_recover(struct disk *d, judge *j, void *ctx, struct error *e)
{
	int fd = openat(d->incoming, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	enum err code = OK;

	if (dir == NULL)
		return refused(e, "cannot list", d->folder);
	for (struct dirent *de; code == OK && (de = readdir(dir)) != NULL; )
		if (de->d_name[0] != '.')
			code = recover_one(d, de->d_name, j, ctx, e);
	closedir(dir);
	return code;
}

enum err
disk_remove(struct disk *d, const char *name, struct error *e)
{
	return unlinkat(d->dir, name, 0) == 0 || errno == ENOENT ? OK : refused(e, "cannot remove", name);
}

enum err
disk_fd(struct disk *d, const char *name, int *ret, struct error *e)
{
	if ((*ret = openat(d->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) >= 0)
		return OK;
	return errno == ENOENT ? fail(e, E_NOT_FOUND, NULL, "%s is not there", name) : refused(e, "cannot open", name);
}

/* --- opening --- */

static enum err
open_folder(const char *path, int *ret, struct error *e)
{
	TRY(sys_mkdir_private(path, e));
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret >= 0 ? OK : refused(e, "cannot open", path);
}

static enum err
open_all(struct disk *d, struct error *e)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/incoming", d->folder);
	TRY(open_folder(d->folder, &d->dir, e));
	TRY(open_folder(path, &d->incoming, e));
	for (; d->nthreads < THREADS; d->nthreads++)
		TRY(sys_thread(&d->thread[d->nthreads], "blob", serve, d, e));
	return OK;
}

enum err
disk_open(const char *folder, int max_puts, struct disk **ret, struct error *e)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (d == NULL || (d->folder = strdup(folder)) == NULL) {
		free(d);
		return fail(e, E_SYS, NULL, "no memory for the store of uploads");
	}
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->work, NULL);
	d->last = &d->first;
	d->max_puts = max_puts;
	d->dir = d->incoming = -1;
	enum err code = open_all(d, e);
	if (code != OK) {
		disk_close(d);
		return code;
	}
	*ret = d;
	return OK;
}

void
disk_close(struct disk *d)
{
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	pthread_cond_broadcast(&d->work);
	pthread_mutex_unlock(&d->lock);
	for (int i = 0; i < d->nthreads; i++)
		pthread_join(d->thread[i], NULL);
	if (d->dir >= 0)
		close(d->dir);
	if (d->incoming >= 0)
		close(d->incoming);
	pthread_cond_destroy(&d->work);
	pthread_mutex_destroy(&d->lock);
	free(d->folder);
	free(d);
}
