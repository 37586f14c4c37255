#include "db/wal.h"
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define STRIDE	(120 << 10)		/* SQLite's own layer takes less than 128 KB in one call */

struct log_file {
	sqlite3_file base;		/* first: SQLite gives it back */
	sqlite3_file *under;		/* behind this struct */
	char *kept;
	sqlite3_int64 at;		/* where the kept bytes belong */
	int n;
};
static sqlite3_vfs *under, ours;

static struct log_file *of(sqlite3_file *f) { return (struct log_file *)f; }

static int
give(struct log_file *f)
{
	int n = f->n;

	f->n = 0;
	return n == 0 ? SQLITE_OK : f->under->pMethods->xWrite(f->under, f->kept, n, f->at);
}

static int
log_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct log_file *f = of(file);

	if (f->n != 0 && (at != f->at + f->n || f->n + n > STRIDE)) {
		int rc = give(f);
		if (rc != SQLITE_OK)
			return rc;
	}
	if (n > STRIDE || (f->kept == NULL && (f->kept = malloc(STRIDE)) == NULL))
		return f->under->pMethods->xWrite(f->under, p, n, at);
	if (f->n == 0)
		f->at = at;
	memcpy(f->kept + f->n, p, (size_t)n);
	f->n += n;
	return SQLITE_OK;
}

/* What comes behind the writes finds them in the file. */
#define BEHIND(file, call)	do { int rc_ = give(of(file)); return rc_ != SQLITE_OK ? rc_ : of(file)->under->pMethods->call; } while (0)
static int log_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) { BEHIND(f, xRead(of(f)->under, p, n, at)); }
static int log_cut(sqlite3_file *f, sqlite3_int64 size) { BEHIND(f, xTruncate(of(f)->under, size)); }
static int log_sync(sqlite3_file *f, int flags) { BEHIND(f, xSync(of(f)->under, flags)); }
static int log_size(sqlite3_file *f, sqlite3_int64 *ret) { BEHIND(f, xFileSize(of(f)->under, ret)); }
static int log_control(sqlite3_file *f, int op, void *arg) { BEHIND(f, xFileControl(of(f)->under, op, arg)); }

static int log_lock(sqlite3_file *f, int level) { return of(f)->under->pMethods->xLock(of(f)->under, level); }
static int log_unlock(sqlite3_file *f, int level) { return of(f)->under->pMethods->xUnlock(of(f)->under, level); }
static int log_locked(sqlite3_file *f, int *ret) { return of(f)->under->pMethods->xCheckReservedLock(of(f)->under, ret); }
static int log_sector(sqlite3_file *f) { return of(f)->under->pMethods->xSectorSize(of(f)->under); }
static int log_device(sqlite3_file *f) { return of(f)->under->pMethods->xDeviceCharacteristics(of(f)->under); }

static int
log_close(sqlite3_file *file)
{
	struct log_file *f = of(file);
	int given = give(f), closed = f->under->pMethods->xClose(f->under);

	free(f->kept);
	return given != SQLITE_OK ? given : closed;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1, .xClose = log_close, .xRead = log_read, .xWrite = log_write, .xTruncate = log_cut, .xSync = log_sync,
	.xFileSize = log_size, .xLock = log_lock, .xUnlock = log_unlock, .xCheckReservedLock = log_locked, .xFileControl = log_control,
	.xSectorSize = log_sector, .xDeviceCharacteristics = log_device,
};

static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	(void)vfs;
	if (!(flags & SQLITE_OPEN_WAL))
		return under->xOpen(under, name, file, flags, ret_flags);
	struct log_file *f = of(file);
	*f = (struct log_file){ .under = (sqlite3_file *)(f + 1) };
	int rc = under->xOpen(under, name, f->under, flags, ret_flags);
	if (rc == SQLITE_OK)
		f->base.pMethods = &methods;
	return rc;
}

static void
make(void)
{
	if ((under = sqlite3_vfs_find(NULL)) == NULL)
		return;
	ours = *under;
	ours.zName = "scriped";
	ours.pNext = NULL;
	ours.szOsFile = under->szOsFile + (int)sizeof(struct log_file);
	ours.xOpen = open_file;
	if (sqlite3_vfs_register(&ours, 0) != SQLITE_OK)
		ours.zName = NULL;
}

const char *
wal_vfs(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make);
	return ours.zName;
}
