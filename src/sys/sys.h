/* sys -- what the program asks of the operating system, behind one small API so that tests can answer instead.
 *
 * Units:    milliseconds and microseconds as the names say.
 * Threads:  every function may be called from any thread.
 * Layer:    includes base. */
#ifndef SYS_H
#define SYS_H
#include "base/base.h"

/* The clock is injected: nothing else in the tree reads the time.  wall_us is UTC since 1970; mono_us never goes back. */
struct sys_clock { int64_t (*wall_us)(const struct sys_clock *); int64_t (*mono_us)(const struct sys_clock *); };
extern const struct sys_clock sys_clock_real;
static inline int64_t sys_wall_us(const struct sys_clock *c) { return c->wall_us(c); }
static inline int64_t sys_wall_ms(const struct sys_clock *c) { return c->wall_us(c) / 1000; }
static inline int64_t sys_mono_us(const struct sys_clock *c) { return c->mono_us(c); }
/* A clock that stands until the test moves it. */
struct sys_clock_test { struct sys_clock c; _Atomic int64_t ms; };
void	sys_clock_test_init(struct sys_clock_test *, int64_t ms);

/* The clock of many nodes: the database's time as it was learned, and what has passed since by mono_us of this machine: so leases, ids and days
 * are the same whatever the machines say, also when somebody sets one of them.  base_us: their difference; 0, and it is this machine's wall clock. */
struct sys_clock_shared { struct sys_clock c; _Atomic int64_t base_us; };
void	sys_clock_shared_init(struct sys_clock_shared *);

/* Ids made by one process ascend, also within a millisecond and when the wall clock is set back. */
ulid	sys_ulid(const struct sys_clock *);
void	sys_random(void *p, size_t n);

/* A monotonic condition variable: waits are against CLOCK_MONOTONIC. */
#include <pthread.h>
void	sys_cond_init(pthread_cond_t *);
/* Waits until signalled or `us` microseconds have passed; false when time ran out. */
bool	sys_cond_wait_us(pthread_cond_t *, pthread_mutex_t *, int64_t us);
/* Signals are blocked in it: they are the main thread's.  The kernel keeps 15 letters of the name. */
MUST_USE enum err sys_thread(pthread_t *ret, const char *name, void *(*run)(void *), void *arg, struct error *);
/* From now on this thread gives way to those of the program that are less nice: SYS_NICE_READ for what a caller waits for. */
enum { SYS_NICE_READ = 2, SYS_NICE_JOB = 5 };
void	sys_thread_yields(int nice);
/* From now on this thread asks for little of a processor at a time (100 us), and so for its turn soon after it wakes: Linux 6.12 grants
 * it, others let it be. */
void	sys_thread_prompt(void);
/* A thread that goes in rounds, as a loop of events does, may put something off to the end of the round, once for all who ask meanwhile.
 * False: it goes in no rounds, or puts off something else, and what was to be put off is to be done now. */
bool	sys_put_off(void (*what)(void *), void *arg);
void	sys_round_over(void);		/* said by the loop, each time before it waits */

/* Addresses as text.  A network is an address, or one with /bits; an IPv4 address mapped into IPv6 counts as IPv4. */
bool	sys_is_address(str);
bool	sys_in_network(str network, str address);

/* What errno says of it: E_NOT_FOUND, E_FULL (the disk, or a limit of file sizes), or E_SYS. */
enum err sys_fault(struct error *, const char *what);
MUST_USE enum err sys_mkdir_private(const char *path, struct error *);	/* 0700; an existing one of ours is fine */
/* Whole file into the arena, a NUL behind it; E_NOT_FOUND when there is none, E_SYS when it is larger than max. */
MUST_USE enum err sys_read_file(struct arena *, const char *path, size_t max, str *ret, struct error *);
/* All of it, however many calls that takes.  `what` begins the words of an error (sys_fault). */
MUST_USE enum err sys_write_all(int fd, str, const char *what, struct error *);
/* A new name in a folder is there after a crash once the folder that the path is in is synced. */
MUST_USE enum err sys_sync_folder(const char *path, struct error *);
/* Atomic: a temporary name, fsync, rename, fsync of the folder.  Mode 0600.  E_FULL: the disk is. */
MUST_USE enum err sys_write_file(const char *path, str content, struct error *);
#endif
