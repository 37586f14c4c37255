#include "extract/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES_MAX	64

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED	true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED	true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED	false
#endif

#if defined(__x86_64__)
#define ARCH	AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH	AUDIT_ARCH_AARCH64
#else
#error "sandbox.c knows the system calls of x86-64 and of 64-bit ARM"
#endif

/* --- limits --- */

static enum err
limit(int what, const char *name, int64_t soft, int64_t hard, struct error *e)
{
	struct rlimit now, r = { (rlim_t)soft, (rlim_t)hard };

	if (getrlimit(what, &now) == 0 && now.rlim_max < r.rlim_max)
		r.rlim_max = now.rlim_max;
	if (r.rlim_cur > r.rlim_max)
		r.rlim_cur = r.rlim_max;
	return setrlimit(what, &r) == 0 ? OK : fail(e, E_SYS, NULL, "cannot limit %s: %s", name, strerror(errno));
}

static enum err
set_limits(const struct sandbox *s, struct error *e)
{
	TRY(limit(RLIMIT_CORE, "core dumps", 0, 0, e));
	TRY(limit(RLIMIT_NOFILE, "descriptors", FILES_MAX, FILES_MAX, e));
	TRY(limit(RLIMIT_FSIZE, "the size of files", s->file_size, s->file_size, e));
	TRY(limit(RLIMIT_CPU, "CPU time", s->cpu_s, s->cpu_s + 2, e));		/* two seconds for its last words */
	return SANITIZED ? OK : limit(RLIMIT_AS, "memory", s->memory, s->memory, e);
}

/* --- Landlock --- */

#define READ_FILE	(LANDLOCK_ACCESS_FS_READ_FILE)
#define READ		(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE		(READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
			LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR)
/* Everything that the first version can forbid; later versions add three, below. */
#define ALL		(WRITE | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
			LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define REFER		(UINT64_C(1) << 13)	/* version 2: linking and renaming between folders */
#define TRUNCATE	(UINT64_C(1) << 14)	/* version 3 */
#define IOCTL		(UINT64_C(1) << 15)	/* version 5: of devices */

static const struct { const char *path; uint64_t access; } paths[] = {
	{ ".", WRITE | TRUNCATE },
	{ "/usr/lib", READ }, { "/usr/lib64", READ }, { "/lib", READ }, { "/lib64", READ }, { "/usr/local/lib", READ },
	{ "/usr/share", READ }, { "/usr/local/share", READ },
	{ "/etc/fonts", READ }, { "/etc/ld.so.cache", READ_FILE }, { "/var/cache/fontconfig", READ }, { "/etc/localtime", READ_FILE },
	{ "/dev/null", READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE }, { "/dev/urandom", READ_FILE },
};

static uint64_t
known(long version)
{
	return ALL | (version >= 2 ? REFER : 0) | (version >= 3 ? TRUNCATE : 0) | (version >= 5 ? IOCTL : 0);
}

static enum err
allow_paths(int rules, uint64_t handled, struct error *e)
{
	for (size_t i = 0; i < COUNT(paths); i++) {
		int fd = open(paths[i].path, O_PATH | O_CLOEXEC);
		if (fd < 0)
			continue;		/* not every machine has all of them */
		struct landlock_path_beneath_attr below = { .allowed_access = paths[i].access & handled, .parent_fd = fd };
		long r = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
		close(fd);
		if (r != 0)
			return fail(e, E_SYS, NULL, "Landlock does not take %s: %s", paths[i].path, strerror(errno));
	}
	return OK;
}

static enum err
guard_files(bool *ret, struct error *e)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attr = { .handled_access_fs = known(version) };

	if (version < 1) {
		*ret = false;
		return OK;
	}
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules < 0)
		return fail(e, E_SYS, NULL, "Landlock makes no rules: %s", strerror(errno));
	TRY(allow_paths(rules, attr.handled_access_fs, e));
	long r = syscall(SYS_landlock_restrict_self, rules, 0);
	close(rules);
	*ret = true;
	return r == 0 ? OK : fail(e, E_SYS, NULL, "Landlock does not hold: %s", strerror(errno));
}

/* --- seccomp --- */

/* What readers and their libraries need.  What is missing here is ENOSYS, so that a library that probes goes another way. */
static const int allowed[] = {
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_lseek, SYS_close, SYS_dup, SYS_fcntl, SYS_fadvise64,
	SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getdents64, SYS_getcwd,
	SYS_ftruncate, SYS_fsync,
	SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk,
	SYS_futex, SYS_set_robust_list, SYS_set_tid_address, SYS_rseq, SYS_membarrier, SYS_sched_yield, SYS_sched_getaffinity,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall, SYS_exit, SYS_exit_group,
	SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_ppoll,
	SYS_getpid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getrusage, SYS_getrandom, SYS_uname, SYS_sysinfo, SYS_times,
#ifdef SYS_stat
	SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_time, SYS_poll, SYS_dup2, SYS_arch_prctl,
#endif
};
/* What Landlock keeps within the folder; without it nothing does, and the data of the server is in reach of its user. */
static const int reaching[] = { SYS_openat, SYS_unlinkat, SYS_mkdirat, SYS_renameat2,
#ifdef SYS_open
	SYS_open, SYS_unlink, SYS_mkdir, SYS_rmdir, SYS_rename,
#endif
};
/* Nothing that reads a file asks for these: who does is no reader any more. */
static const int deadly[] = {
	SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_bpf, SYS_io_uring_setup, SYS_keyctl, SYS_add_key,
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns, SYS_init_module, SYS_finit_module, SYS_kexec_load,
	SYS_perf_event_open, SYS_userfaultfd, SYS_setuid, SYS_setresuid, SYS_setgid, SYS_setresgid, SYS_reboot,
};

#define AT(field)	((uint32_t)offsetof(struct seccomp_data, field))
#define ARG(i)		(AT(args) + 8 * (uint32_t)(i))		/* the lower half: both architectures are little-endian */
#define REFUSE(no)	(SECCOMP_RET_ERRNO | (no))

struct program { struct sock_filter at[400]; size_t n; };

static void
op(struct program *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	if (p->n < COUNT(p->at))
		p->at[p->n++] = (struct sock_filter){ code, yes, no, k };
}

static void load(struct program *p, uint32_t at) { op(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, at); }
static void answer(struct program *p, uint32_t what) { op(p, BPF_RET | BPF_K, 0, 0, what); }

/* The system call is in the accumulator: when it is nr, `what`. */
static void
on(struct program *p, int nr, uint32_t what)
{
	op(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)nr);
	answer(p, what);
}

/* When it is nr: `hit` if the argument & mask is mask, else `miss`. */
static void
on_bits(struct program *p, int nr, int arg, uint32_t mask, uint32_t hit, uint32_t miss)
{
	op(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, (uint32_t)nr);
	load(p, ARG(arg));
	op(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
	op(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, mask);
	answer(p, hit);
	answer(p, miss);
}

/* When it is nr: allowed if the argument equals v. */
static void
on_value(struct program *p, int nr, int arg, uint32_t v)
{
	op(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)nr);
	load(p, ARG(arg));
	op(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, v);
	answer(p, SECCOMP_RET_ALLOW);
	answer(p, REFUSE(EPERM));
}

/* mmap: executable only when it maps a file, as the loader does. */
static void
on_mmap(struct program *p)
{
	op(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 7, SYS_mmap);
	load(p, ARG(2));
	op(p, BPF_JMP | BPF_JSET | BPF_K, 1, 0, PROT_EXEC);
	answer(p, SECCOMP_RET_ALLOW);
	load(p, ARG(3));
	op(p, BPF_JMP | BPF_JSET | BPF_K, 0, 1, MAP_ANONYMOUS);
	answer(p, REFUSE(EPERM));
	answer(p, SECCOMP_RET_ALLOW);
}

static void
make_program(struct program *p, bool files)
{
	load(p, AT(arch));
	op(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
	answer(p, SECCOMP_RET_KILL_PROCESS);
	load(p, AT(nr));
#ifdef __x86_64__
	op(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000);	/* the x32 numbers, which mean other calls */
	answer(p, SECCOMP_RET_KILL_PROCESS);
#endif
	for (size_t i = 0; i < COUNT(allowed); i++)
		on(p, allowed[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < COUNT(reaching); i++)
		on(p, reaching[i], files ? SECCOMP_RET_ALLOW : REFUSE(EACCES));
	for (size_t i = 0; i < COUNT(deadly); i++)
		on(p, deadly[i], SECCOMP_RET_KILL_PROCESS);
	on_mmap(p);
	on_bits(p, SYS_mprotect, 2, PROT_EXEC, REFUSE(EPERM), SECCOMP_RET_ALLOW);
	on_bits(p, SYS_clone, 0, CLONE_THREAD, SECCOMP_RET_ALLOW, REFUSE(EPERM));
	on_value(p, SYS_prctl, 0, PR_SET_NAME);
	on_value(p, SYS_tgkill, 0, (uint32_t)getpid());		/* abort() */
	on_value(p, SYS_prlimit64, 2, 0);			/* asking only */
	on(p, SYS_socket, REFUSE(EACCES));
	answer(p, REFUSE(ENOSYS));
}

static enum err
guard_calls(bool files, struct error *e)
{
	struct program p = { .n = 0 };

	make_program(&p, files);
	if (p.n == COUNT(p.at))
		return fail(e, E_SYS, NULL, "the filter of system calls is too long");
	struct sock_fprog prog = { (unsigned short)p.n, p.at };
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
		return fail(e, E_SYS, NULL, "the kernel takes no filter of system calls: %s", strerror(errno));
	return OK;
}

/* --- all of it --- */

enum err
sandbox_enter(const struct sandbox *s, unsigned *ret_guards, struct error *e)
{
	bool files = false;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail(e, E_SYS, NULL, "the kernel refuses to take rights away: %s", strerror(errno));
	syscall(SYS_close_range, 4, ~0U, 0);	/* before 5.9 there is none: what the server opened is closed by exec there */
	TRY(set_limits(s, e));
	TRY(guard_files(&files, e));
	if (!files && s->warm != NULL)
		s->warm();
	TRY(guard_calls(files, e));
	*ret_guards = SANDBOX_SECCOMP | (files ? SANDBOX_LANDLOCK : 0);
	return OK;
}
