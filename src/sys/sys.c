#include "sys/sys.h"
#include <stdatomic.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

/* --- clocks --- */

static int64_t
real_wall_us(const struct sys_clock *c)
{
	struct timespec t;

	(void)c;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t
real_mono_us(const struct sys_clock *c)
{
	struct timespec t;

	(void)c;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

const struct sys_clock sys_clock_real = { real_wall_us, real_mono_us };

static int64_t
shared_wall_us(const struct sys_clock *c)
{
	int64_t base = atomic_load_explicit(&((const struct sys_clock_shared *)c)->base_us, memory_order_relaxed);

	return base != 0 ? real_mono_us(c) + base : real_wall_us(c);
}

void
sys_clock_shared_init(struct sys_clock_shared *c)
{
	*c = (struct sys_clock_shared){ .c = { shared_wall_us, real_mono_us } };
}

/* The clock is the first member, so that its address is the test clock's. */
static int64_t test_us(const struct sys_clock *c) { return ((const struct sys_clock_test *)c)->ms * 1000; }

void
sys_clock_test_init(struct sys_clock_test *t, int64_t ms)
{
	t->c = (struct sys_clock){ test_us, test_us };
	t->ms = ms;
}

/* --- randomness and ids --- */

void
sys_random(void *p, size_t n)
{
	for (char *at = p; n > 0; ) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno != EINTR)
			abort();		/* no safe way on without randomness */
		if (got > 0)
			at += got, n -= (size_t)got;
	}
}

#define ULID_MS_MAX	((INT64_C(1) << 48) - 1)

ulid
sys_ulid(const struct sys_clock *clock)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int64_t last = -1;
	static uint8_t rnd[10];
	int64_t now = MIN(MAX(sys_wall_ms(clock), 0), ULID_MS_MAX);

	pthread_mutex_lock(&lock);
	if (now > last) {
		last = now;
		sys_random(rnd, sizeof(rnd));
		rnd[0] &= 0x7F;			/* 2^79 ids of room: the increment cannot overflow */
	} else {
		for (int i = 9; i >= 0 && ++rnd[i] == 0; i--)
			;
	}
	ulid u = ulid_from(last, rnd);
	pthread_mutex_unlock(&lock);
	return u;
}

/* --- threads --- */

void
sys_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t a;

	if (pthread_condattr_init(&a) != 0 || pthread_condattr_setclock(&a, CLOCK_MONOTONIC) != 0 || pthread_cond_init(c, &a) != 0)
		abort();
	pthread_condattr_destroy(&a);
}

bool
sys_cond_wait_us(pthread_cond_t *c, pthread_mutex_t *m, int64_t us)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	us = MIN(MAX(us, 0), INT64_C(1) << 50) + t.tv_nsec / 1000;	/* 35 years are for ever, and fit */
	t.tv_sec += us / 1000000;
	t.tv_nsec = us % 1000000 * 1000 + t.tv_nsec % 1000;
	return pthread_cond_timedwait(c, m, &t) != ETIMEDOUT;
}

enum err
sys_thread(pthread_t *ret, const char *name, void *(*run)(void *), void *arg, struct error *e)
{
	sigset_t all, old;
	char shorter[16];

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(ret, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = rc;
	if (rc != 0)
		return fail(e, E_SYS, NULL, "thread %s: %m", name);
	snprintf(shorter, sizeof(shorter), "%s", name);		/* what the kernel keeps */
	pthread_setname_np(*ret, shorter);
	return OK;
}

/* The kernel's struct sched_attr in its first form: its header cannot be included beside <sched.h>. */
struct turn { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; };

void
sys_thread_prompt(void)
{
	struct turn a = { .size = sizeof(a), .policy = SCHED_OTHER, .runtime = 100000 };

	(void)syscall(SYS_sched_setattr, 0, &a, 0);
}

static _Thread_local struct { bool goes; void (*what)(void *); void *arg; } rounds;

bool
sys_put_off(void (*what)(void *), void *arg)
{
	if (!rounds.goes || (rounds.what != NULL && (rounds.what != what || rounds.arg != arg)))
		return false;
	rounds.what = what;
	rounds.arg = arg;
	return true;
}

void
sys_round_over(void)
{
	void (*what)(void *) = rounds.what;

	rounds.goes = true;
	rounds.what = NULL;
	if (what != NULL)
		what(rounds.arg);
}

/* On Linux a thread has a niceness of its own.  Where that may not be changed it stays as it is. */
void
sys_thread_yields(int nice)
{
	(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), nice);
}

/* --- files --- */

enum err
sys_fault(struct error *e, const char *what)
{
	enum err code = errno == ENOENT ? E_NOT_FOUND : errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? E_FULL : E_SYS;

	return fail(e, code, NULL, "%s: %m", what);
}

enum err
sys_mkdir_private(const char *path, struct error *e)
{
	struct stat st;

	if (mkdir(path, 0700) == 0)
		return OK;
	if (errno != EEXIST || stat(path, &st) != 0)
		return sys_fault(e, path);
	if (!S_ISDIR(st.st_mode))
		return fail(e, E_SYS, NULL, "%s is not a folder", path);
	if (st.st_uid != geteuid())
		return fail(e, E_SYS, NULL, "%s belongs to user %u, not to us", path, (unsigned)st.st_uid);
	return OK;
}

/* Reads one byte beyond max, if there is one, to know that there is more. */
static enum err
read_all(int fd, struct arena *a, const char *path, size_t max, str *ret, struct error *e)
{
	struct stat st;
	size_t n = 0, cap = fstat(fd, &st) == 0 && st.st_size > 0 ? MIN((size_t)st.st_size, max) + 1 : 4096;
	char *p = arena_raw(a, cap + 1);

	for (;;) {
		ssize_t got = read(fd, p + n, cap - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sys_fault(e, path);
		if (got == 0)
			break;
		n += (size_t)got;
		if (n > max)
			return fail(e, E_SYS, NULL, "%s is larger than %zu bytes", path, max);
		if (n == cap) {
			p = arena_grow(a, p, cap + 1, cap * 2 + 1);
			cap *= 2;
		}
	}
	p[n] = '\0';
	*ret = (str){ p, n };
	return OK;
}

enum err
sys_read_file(struct arena *a, const char *path, size_t max, str *ret, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return sys_fault(e, path);
	enum err rc = read_all(fd, a, path, max, ret, e);
	close(fd);
	return rc;
}

enum err
sys_write_all(int fd, str s, const char *what, struct error *e)
{
	while (s.n > 0) {
		ssize_t put = write(fd, s.p, s.n);
		if (put < 0 && errno != EINTR)
			return sys_fault(e, what);
		if (put > 0)
			s.p += put, s.n -= (size_t)put;
	}
	return OK;
}

/* close may report what a write could not, so it is asked too. */
static enum err
fill(int fd, str content, const char *path, struct error *e)
{
	enum err code = sys_write_all(fd, content, path, e);

	if (code == OK && fsync(fd) != 0)
		code = sys_fault(e, path);
	if (close(fd) != 0 && code == OK)
		code = sys_fault(e, path);
	return code;
}

enum err
sys_sync_folder(const char *path, struct error *e)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";

	if (slash != NULL)
		snprintf(folder, sizeof(folder), "%.*s", (int)MAX(slash - path, 1), path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sys_fault(e, folder);
	enum err code = fsync(fd) == 0 ? OK : sys_fault(e, folder);
	close(fd);
	return code;
}

enum err
sys_write_file(const char *path, str content, struct error *e)
{
	char tmp[PATH_MAX];

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return fail(e, E_SYS, NULL, "the path is too long: %.100s...", path);
	int fd = mkostemp(tmp, O_CLOEXEC);		/* 0600 by its contract */
	if (fd < 0)
		return sys_fault(e, path);
	enum err code = fill(fd, content, path, e);
	if (code == OK && rename(tmp, path) != 0)
		code = sys_fault(e, path);
	if (code != OK) {
		unlink(tmp);
		return code;
	}
	return sys_sync_folder(path, e);
}

/* --- addresses --- */

/* 16 bytes of IPv6; IPv4 as ::ffff:a.b.c.d */
static bool
address(str s, uint8_t ret[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];

	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (inet_pton(AF_INET6, text, ret) == 1)
		return true;
	memcpy(ret, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, ret + 12) == 1;
}

bool
sys_is_address(str s)
{
	uint8_t b[16];

	return address(s, b);
}

bool
sys_in_network(str network, str who)
{
	uint8_t net[16], a[16];
	str rest = network, base = str_split(&rest, '/');
	bool v4 = base.n != 0 && memchr(base.p, ':', base.n) == NULL;
	int64_t bits = 128;

	if (!address(base, net) || !address(who, a))
		return false;
	if (rest.p != NULL) {
		if (!str_int(rest, &bits) || bits < 0 || bits > (v4 ? 32 : 128))
			return false;
		bits += v4 ? 96 : 0;
	}
	size_t whole = (size_t)bits / 8;
	uint8_t mask = (uint8_t)(0xff << (8 - bits % 8));
	return memcmp(net, a, whole) == 0 && (whole == 16 || ((net[whole] ^ a[whole]) & mask) == 0);
}
