/* folder -- a private folder for one run of the program, gone with it (see ingest.h). */
#include "ingest/ingest_priv.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX	"file-"
#define DEPTH	32			/* of folders that are removed with it */

/* A folder of our own: what lies beside it is not ours to remove.  Others may write to $TMPDIR, and must not lead us elsewhere. */
static enum err
base_of(const struct conf *c, bool make, char ret[PATH_MAX], struct error *e)
{
	const char *tmp = getenv("TMPDIR");
	struct stat st;

	if (c->data[0] == '\0')
		snprintf(ret, PATH_MAX, "%s/scriped-extract-%u", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp", (unsigned)geteuid());
	else
		snprintf(ret, PATH_MAX, "%s/tmp", c->data);
	if (make)
		TRY(sys_mkdir_private(ret, e));
	if (lstat(ret, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return fail(e, E_SYS, NULL, "%s is no folder that only this user may write", ret);
	return OK;
}

/* The folder with a lock that ends with its holder; -1 when another one has it. */
static int
lock(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0 || st.st_nlink == 0 || st.st_uid != geteuid())) {
		close(fd);
		return -1;
	}
	return fd;
}

enum err
ingest_scratch(const struct conf *c, int *ret, struct error *e)
{
	char base[PATH_MAX];

	TRY(base_of(c, true, base, e));
	*ret = open(base, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return *ret >= 0 ? OK : fail(e, errno == ENOSPC || errno == EDQUOT ? E_FULL : E_SYS, NULL, "a file in %s: %m", base);
}

/* A sweep of another process may take it before the lock is ours: then another one is made. */
enum err
folder_make(const struct conf *c, struct folder *f, struct error *e)
{
	enum { TRIES = 10 };
	char base[PATH_MAX];

	f->fd = -1;
	TRY(base_of(c, true, base, e));
	for (int i = 0; i < TRIES && f->fd < 0; i++) {
		if (snprintf(f->path, sizeof(f->path), "%s/" PREFIX "XXXXXX", base) >= (int)sizeof(f->path))
			return fail(e, E_SYS, NULL, "the path is too long: %.100s...", base);
		if (mkdtemp(f->path) == NULL)
			return fail(e, errno == ENOSPC || errno == EDQUOT ? E_FULL : E_SYS, NULL, "a folder in %s: %m", base);
		f->fd = lock(AT_FDCWD, f->path);
	}
	return f->fd >= 0 ? OK : fail(e, E_SYS, NULL, "%s cannot be opened: %m", f->path);
}

static void
empty(int fd, int depth)
{
	int again = dup(fd);
	DIR *d = again >= 0 ? fdopendir(again) : NULL;
	struct dirent *n;

	if (d == NULL) {
		close(again);
		return;
	}
	rewinddir(d);
	while ((n = readdir(d)) != NULL) {
		if (strcmp(n->d_name, ".") == 0 || strcmp(n->d_name, "..") == 0 || unlinkat(fd, n->d_name, 0) == 0 || depth == 0)
			continue;
		int sub = openat(fd, n->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0) {
			empty(sub, depth - 1);
			close(sub);
			unlinkat(fd, n->d_name, AT_REMOVEDIR);
		}
	}
	closedir(d);
}

void
folder_remove(struct folder *f)
{
	if (f->fd < 0)
		return;
	empty(f->fd, DEPTH);
	rmdir(f->path);
	close(f->fd);
	f->fd = -1;
}

void
ingest_sweep(const struct conf *c)
{
	char base[PATH_MAX];
	struct dirent *n;
	struct error e;
	DIR *d;

	if (base_of(c, false, base, &e) != OK || (d = opendir(base)) == NULL)
		return;
	while ((n = readdir(d)) != NULL) {
		int fd = strncmp(n->d_name, PREFIX, strlen(PREFIX)) == 0 ? lock(dirfd(d), n->d_name) : -1;
		if (fd < 0)
			continue;
		empty(fd, DEPTH);
		unlinkat(dirfd(d), n->d_name, AT_REMOVEDIR);
		close(fd);
	}
	closedir(d);
}
