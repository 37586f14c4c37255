/* held -- no lock is held while a thread waits for events: LD_PRELOAD=held.so program
 *
 * On PostgreSQL calls run on fibers of one thread.  Who keeps a lock while the database is asked lets others of that thread run, and the first of
 * them that wants the lock stands before it for ever, with the whole node.  It takes two at the same moment to see that; here one is enough:
 * the program is ended when a thread comes to epoll_pwait (front/epoll.c leads there) with a lock in its hand, and the log says where it took it. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define HELD_MOST 16

static int (*real_lock)(pthread_mutex_t *), (*real_trylock)(pthread_mutex_t *), (*real_unlock)(pthread_mutex_t *);
static int (*real_rdlock)(pthread_rwlock_t *), (*real_wrlock)(pthread_rwlock_t *), (*real_rwunlock)(pthread_rwlock_t *);
static int (*real_wait)(int, struct epoll_event *, int, int, const sigset_t *);

static _Thread_local struct { const void *lock, *taken_at; } held[HELD_MOST];
static _Thread_local int n;

/* ISO C knows no pointer to a function in a pointer to an object. */
#define FIND(var, name) (*(void **)&(var) = dlsym(RTLD_NEXT, name))

/* Other libraries take locks before it is our turn to begin. */
__attribute__((constructor)) static void
find(void)
{
	FIND(real_lock, "pthread_mutex_lock");
	FIND(real_trylock, "pthread_mutex_trylock");
	FIND(real_unlock, "pthread_mutex_unlock");
	FIND(real_rdlock, "pthread_rwlock_rdlock");
	FIND(real_wrlock, "pthread_rwlock_wrlock");
	FIND(real_rwunlock, "pthread_rwlock_unlock");
	FIND(real_wait, "epoll_pwait");
}

static int
took(int code, const void *lock, const void *at)
{
	if (code != 0)
		return code;
	if (n < HELD_MOST)
		held[n].lock = lock, held[n].taken_at = at;
	n++;
	return 0;
}

/* A thread may give back in any order. */
static void
gave(const void *lock)
{
	for (int i = n < HELD_MOST ? n : HELD_MOST; i-- > 0; )
		if (held[i].lock == lock) {
			held[i] = held[--n < HELD_MOST ? n : i];
			return;
		}
}

#define TAKE(name, type, real) \
	int name(type *l) { if ((real) == NULL) find(); return took((real)(l), l, __builtin_return_address(0)); }
#define GIVE(name, type, real) \
	int name(type *l) { if ((real) == NULL) find(); gave(l); return (real)(l); }
TAKE(pthread_mutex_lock, pthread_mutex_t, real_lock)
TAKE(pthread_mutex_trylock, pthread_mutex_t, real_trylock)
TAKE(pthread_rwlock_rdlock, pthread_rwlock_t, real_rdlock)
TAKE(pthread_rwlock_wrlock, pthread_rwlock_t, real_wrlock)
GIVE(pthread_mutex_unlock, pthread_mutex_t, real_unlock)
GIVE(pthread_rwlock_unlock, pthread_rwlock_t, real_rwunlock)

int
epoll_pwait(int fd, struct epoll_event *events, int most, int timeout, const sigset_t *mask)
{
	Dl_info in;

	if (n > 0 && dladdr(held[0].taken_at, &in) != 0) {
		fprintf(stderr, "held: a thread waits for events with a lock in its hand, taken at %s+0x%tx (addr2line -fe %s)\n", in.dli_fname,
		    (const char *)held[0].taken_at - (const char *)in.dli_fbase, in.dli_fname);
		abort();
	}
	return real_wait(fd, events, most, timeout, mask);
}
