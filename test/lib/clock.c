/* clock -- a clock that a test moves: LD_PRELOAD=clock.so CLOCK_FILE=file program
 *
 * The file holds one number of 8 bytes, in the machine's order: how many nanoseconds the time of day is ahead of the machine's.  Whoever writes
 * another number moves the time of the running program.  What is measured from some moment on (CLOCK_MONOTONIC) stays as it is: no timeout fires. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t nothing, *ahead = &nothing;

__attribute__((constructor)) static void
find(void)
{
	const char *path = getenv("CLOCK_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);

	if (at != MAP_FAILED)
		ahead = at;
	if (fd >= 0)
		close(fd);
}

int
clock_gettime(clockid_t id, struct timespec *ret)
{
	int64_t now;

	if (syscall(SYS_clock_gettime, id, ret) != 0)
		return -1;
	if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)
		return 0;
	now = ret->tv_sec * INT64_C(1000000000) + ret->tv_nsec + *ahead;
	*ret = (struct timespec){ .tv_sec = now / INT64_C(1000000000), .tv_nsec = now % INT64_C(1000000000) };
	return 0;
}

time_t
time(time_t *ret)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return ret ? *ret = t.tv_sec : t.tv_sec;
}
