/* Each probe runs in a process of its own, which gives up its rights and tries. */
#include "extract/sandbox.h"
#include "t.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSED	0
#define NO_BOX	100

static int outer = -1;		/* a descriptor that the process had before */
static bool old_kernel;		/* one without Landlock */

/* From here on this process finds a kernel that has none. */
static bool
forget_landlock(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { COUNT(f), f };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) == 0;
}

/* The status of a process that ran probe() in the sandbox, in a fresh folder. */
static int
boxed(int (*probe)(void), int64_t cpu_s)
{
	char folder[256];
	struct sandbox s = { .memory = INT64_C(1) << 40, .cpu_s = cpu_s, .file_size = 1 << 20 };
	struct error e;
	unsigned guards;
	int status = -1;

	snprintf(folder, sizeof(folder), "%s/box", t_dir());
	mkdir(folder, 0700);
	outer = open("/etc/passwd", O_RDONLY);
	outer = outer >= 0 && outer < 4 ? fcntl(outer, F_DUPFD, 10) : outer;
	pid_t pid = fork();
	if (pid == 0) {
		if (chdir(folder) != 0 || (old_kernel && !forget_landlock()) || sandbox_enter(&s, &guards, &e) != OK || (guards & SANDBOX_SECCOMP) == 0)
			_exit(NO_BOX);
		_exit(probe());
	}
	waitpid(pid, &status, 0);
	return status;
}

/* A probe says 0 when it was refused as it must be, else the number of what was not. */
#define REFUSED(call, no)	((call) < 0 && errno == (no))
#define EXPECT(n, c)		do { if (!(c)) return (n); } while (0)

static int
reach_out(void)
{
	EXPECT(1, REFUSED(socket(AF_INET, SOCK_STREAM, 0), EACCES));
	EXPECT(2, REFUSED(socket(AF_UNIX, SOCK_STREAM, 0), EACCES));
	EXPECT(3, socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){ 0 }) < 0);
	EXPECT(4, kill(getppid(), 0) < 0);
	EXPECT(5, ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0);	/* never returns */
	return PASSED;
}

static int
read_outside(void)
{
	static const char *const paths[] = { "/etc/passwd", "/proc/self/environ", "/proc/1/cmdline", "..", "/", "/root", "/home", "/tmp", "/dev/zero" };

	for (size_t i = 0; i < COUNT(paths); i++)
		EXPECT((int)i + 1, REFUSED(open(paths[i], O_RDONLY), EACCES));
	EXPECT(20, REFUSED(fcntl(outer, F_GETFD), EBADF));
	EXPECT(21, symlink("/etc/passwd", "link") < 0);
	EXPECT(22, link("/etc/passwd", "link") < 0);
	return PASSED;
}

static int
write_outside(void)
{
	static const char *const paths[] = { "../outside", "/tmp/outside", "/dev/shm/outside", "/usr/lib/outside", "/usr/share/outside", "/var/cache/fontconfig/x" };

	for (size_t i = 0; i < COUNT(paths); i++)
		EXPECT((int)i + 1, open(paths[i], O_WRONLY | O_CREAT, 0600) < 0);
	EXPECT(20, rename("../box", "../other") < 0);
	EXPECT(21, chmod(".", 0777) < 0);
	return PASSED;
}

/* Without Landlock: nothing by a name, wherever it is. */
static int
touch_names(void)
{
	EXPECT(1, REFUSED(open("kept", O_RDONLY), EACCES));
	EXPECT(2, REFUSED(rename("kept", "gone"), EACCES));
	EXPECT(3, REFUSED(unlink("kept"), EACCES));
	EXPECT(4, REFUSED(unlinkat(AT_FDCWD, "kept", 0), EACCES));
	EXPECT(5, REFUSED(mkdir("folder", 0700), EACCES));
	EXPECT(6, REFUSED(rmdir("../box"), EACCES));
	EXPECT(7, access("kept", F_OK) == 0);
	return PASSED;
}

static int
work_inside(void)
{
	char b[4] = "";
	int fd = open("scratch", O_RDWR | O_CREAT, 0600);

	EXPECT(1, fd >= 0 && write(fd, "abc", 3) == 3 && pread(fd, b, 3, 0) == 3 && memcmp(b, "abc", 3) == 0);
	EXPECT(2, ftruncate(fd, 1) == 0 && close(fd) == 0);
	EXPECT(3, unlink("scratch") == 0);
	EXPECT(4, mkdir("folder", 0700) == 0 && rmdir("folder") == 0);
	EXPECT(5, open("/usr/share", O_RDONLY | O_DIRECTORY) >= 0);
	return PASSED;
}

static int
start_processes(void)
{
	EXPECT(1, REFUSED(fork(), EPERM));
	EXPECT(2, REFUSED(vfork(), ENOSYS) || errno == EPERM);
	EXPECT(3, system("true") != 0);
	return PASSED;
}

static int
execute(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return 1;
}

static void *
add_one(void *p)
{
	++*(int *)p;
	return NULL;
}

static int
start_threads(void)
{
	pthread_t t;
	int n = 0;

	EXPECT(1, pthread_create(&t, NULL, add_one, &n) == 0);
	EXPECT(2, pthread_join(t, NULL) == 0 && n == 1);
	return PASSED;
}

static int
run_data(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(1, p != MAP_FAILED);
	EXPECT(2, REFUSED(mprotect(p, 4096, PROT_READ | PROT_EXEC), EPERM));
	EXPECT(3, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	return PASSED;
}

static int
fill_the_disk(void)
{
	static char block[65536];
	int fd = open("scratch", O_WRONLY | O_CREAT, 0600);

	for (int i = 0; i < 64 && fd >= 0; i++)
		if (write(fd, block, sizeof(block)) < 0)
			return 2;
	return 1;
}

static int
never_end(void)
{
	for (volatile unsigned n = 0;; n++)
		;
	return 1;
}

#define CHECK_PASSED(status)		do { int s_ = (status); CHECK(WIFEXITED(s_)); CHECK_INT(WEXITSTATUS(s_), ==, PASSED); } while (0)
#define CHECK_KILLED(status, sig)	do { int s_ = (status); CHECK(WIFSIGNALED(s_)); CHECK_INT(WTERMSIG(s_), ==, (sig)); } while (0)

TEST(no_socket_is_made_and_who_traces_is_killed) { CHECK_KILLED(boxed(reach_out, 5), SIGSYS); }
TEST(nothing_outside_is_read_and_what_was_open_is_closed) { CHECK_PASSED(boxed(read_outside, 5)); }
TEST(nothing_is_written_outside_of_its_folder) { CHECK_PASSED(boxed(write_outside, 5)); }
TEST(where_the_kernel_has_no_landlock_no_file_is_opened_renamed_or_removed)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/box", t_dir());
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/box/kept", t_dir());
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	old_kernel = true;
	CHECK_PASSED(boxed(touch_names, 5));
	old_kernel = false;
}

TEST(its_folder_is_its_own_and_libraries_find_their_data) { CHECK_PASSED(boxed(work_inside, 5)); }
TEST(no_process_is_started) { CHECK_PASSED(boxed(start_processes, 5)); }
TEST(who_executes_another_program_is_killed) { CHECK_KILLED(boxed(execute, 5), SIGSYS); }
TEST(threads_are_all_right) { CHECK_PASSED(boxed(start_threads, 5)); }
TEST(what_was_data_is_never_run) { CHECK_PASSED(boxed(run_data, 5)); }
TEST(a_file_that_grows_too_large_ends_it) { CHECK_KILLED(boxed(fill_the_disk, 5), SIGXFSZ); }
TEST(time_that_is_used_up_ends_it) { CHECK_KILLED(boxed(never_end, 1), SIGXCPU); }
