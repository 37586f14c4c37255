/* room -- a trap of libsodium, mended in front of it.
 *
 * For each password it maps 64 MB, filled, and unmaps them.  While the kernel fills them it holds the memory of the whole process for reading; a loop that
 * maps the pool of a new connection meanwhile waits, and whoever faults a page in waits behind it: beside 14 sign-ins a second the p99 of reads was 30 to
 * 80 ms, with this 1.  So a thread that hashes keeps its room and gives it to each password in turn.  The library's calls are bound to these definitions. */
#include "crypto/crypto.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOM_LEAST	((size_t)16 << 20)

static _Thread_local struct { void *p; size_t n; bool keeps, taken; } room;

/* ThreadSanitizer maps before it can watch anybody, and has definitions of its own. */
#ifndef __SANITIZE_THREAD__
static void *
map(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, from);
}

void *
mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	if (!room.keeps || room.taken || n < ROOM_LEAST || fd != -1 || !(flags & MAP_POPULATE))
		return map(at, n, prot, flags, fd, from);
	if (room.p != NULL && room.n != n) {
		crypto_room_drop();
		room.keeps = true;
	}
	if (room.p == NULL) {
		void *p = map(at, n, prot, flags & ~MAP_POPULATE, fd, from);	/* page by page, which holds nobody up */
		if (p == MAP_FAILED)
			return p;
		room.p = p;
		room.n = n;
	}
	room.taken = true;
	return room.p;
}

int
munmap(void *p, size_t n)
{
	if (p == NULL || p != room.p)
		return (int)syscall(SYS_munmap, p, n);
	room.taken = false;
	return 0;
}
#endif

void crypto_room_keep(void) { room.keeps = true; }

void
crypto_room_drop(void)
{
	void *p = room.p;
	size_t n = room.n;

	room.p = NULL;
	room.keeps = room.taken = false;
	if (p != NULL)
		(void)munmap(p, n);
}
