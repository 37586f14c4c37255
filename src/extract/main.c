/* main -- scriped-extract: gives up its rights, then reads one file.  What it promises is in extract.h. */
#include "extract/extract.h"
#include "extract/hear.h"
#include "extract/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX	(INT64_C(2) << 30)
#define SCRATCH_MAX	(INT64_C(768) << 20)	/* what it may write into its folder, a file: the sound of six hours */
#define SOUND		3
#define ARENA		((size_t)64 << 20)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
/* The search for leaks would want a process of its own, and nothing here is freed. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=0:handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:use_sigaltstack=0:allocator_may_return_null=1";
}
#endif

struct options { const char *type, *name; int64_t cpu_s, memory_mb, output_mb; bool formats, transcribe; };

/* --- the last resort --- */

static struct options options = { .type = "", .name = "", .cpu_s = 600, .memory_mb = 1024, .output_mb = 16 };
static char last_memory[200], last_cpu[200], last_crash[200], last_both[200];

#define LAST(to, ...) snprintf((to), sizeof(to), "\n{\"error\":\"" FAILED "\",\"message\":\"" __VA_ARGS__)

/* Whether there is no memory left: who asked for a little and did not get it gave up, too. */
static bool
starved(void)
{
	void *p = mmap(NULL, (size_t)32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED;
}

/* Nothing but system calls: the heap may be what broke. */
static void
on_signal(int sig)
{
	const char *w = sig == SIGXCPU ? last_cpu : starved() ? last_memory : sig == SIGABRT || sig == SIGTRAP ? last_both : last_crash;

	if (write(STDOUT_FILENO, w, strlen(w)) < 0)
		_exit(3);
	_exit(1);
}

static void
prepare_last_words(void)
{
	static const int fatal[] = { SIGABRT, SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGXCPU, SIGXFSZ };
	static char stack[1 << 16];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	LAST(last_cpu, "The file takes more than %lld s of computing. Split it and upload the parts.\"}\n", (long long)options.cpu_s);
	LAST(last_memory, "The file needs more memory than %lld MB. Split it, or save it in a simpler form.\"}\n", (long long)options.memory_mb);
	LAST(last_both, "The file is damaged or needs more memory than %lld MB. Save it anew and upload it again.\"}\n", (long long)options.memory_mb);
	LAST(last_crash, "The file is damaged: its reader stopped at it. Save it anew and upload it again.\"}\n");
	sigaltstack(&alt, NULL);
	sigfillset(&sa.sa_mask);
	for (size_t i = 0; i < COUNT(fatal); i++)
		sigaction(fatal[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* --- what it was asked --- */

static int
usage(const char *why)
{
	fprintf(stderr, "scriped-extract: %s\n"
	    "usage: scriped-extract [--type MIME] [--name NAME] [--cpu-s N] [--memory-mb N] [--output-mb N] <FILE\n"
	    "       scriped-extract --transcribe [--cpu-s N] [--memory-mb N] [--output-mb N] <SOUND\n"
	    "       scriped-extract --formats\n", why);
	return 2;
}

static bool
number(int64_t most, int64_t *ret)
{
	return str_int(str_z(optarg), ret) && *ret >= 1 && *ret <= most;
}

static bool
take_options(int argc, char **argv)
{
	static const struct option longs[] = { { "type", 1, NULL, 't' }, { "name", 1, NULL, 'n' }, { "cpu-s", 1, NULL, 'c' }, { "memory-mb", 1, NULL, 'm' },
		{ "output-mb", 1, NULL, 'o' }, { "formats", 0, NULL, 'f' }, { "transcribe", 0, NULL, 'r' }, { NULL, 0, NULL, 0 } };
	bool good = true;

	for (int c; good && (c = getopt_long(argc, argv, "", longs, NULL)) != -1;)
		switch (c) {
		case 't': options.type = optarg; break;
		case 'n': options.name = optarg; break;
		case 'c': good = number(86400, &options.cpu_s); break;
		case 'm': good = number(1 << 20, &options.memory_mb); break;
		case 'o': good = number(1024, &options.output_mb); break;
		case 'f': options.formats = true; break;
		case 'r': options.transcribe = true; break;
		default: good = false;
		}
	return good && optind == argc;
}

/* "text/plain; charset=latin1": the type and, if there is one, the charset. */
static void
take_type(struct file *f)
{
	str rest = str_z(options.type);

	f->declared = str_trim(str_split(&rest, ';'));
	while (rest.p != NULL) {
		str value = str_trim(str_split(&rest, ';')), name = str_trim(str_split(&value, '='));
		if (str_ieq(name, S("charset")) && value.p != NULL)
			f->charset = str_trim(value);
	}
	if (f->charset.n >= 2 && f->charset.p[0] == '"' && f->charset.p[f->charset.n - 1] == '"')
		f->charset = str_cut(f->charset, 1, f->charset.n - 1);
}

static void
warm_all(void)
{
	for (size_t i = 0; i < formats_n; i++)
		if (formats[i].warm != NULL)
			formats[i].warm();
}

static void
enter(int64_t file_size)
{
	struct sandbox s = { .memory = (options.memory_mb << 20) + file_size, .cpu_s = options.cpu_s, .file_size = SCRATCH_MAX, .warm = warm_all };
	struct error e;
	unsigned guards;

	mallopt(M_ARENA_MAX, 2);	/* each reserves 64 MB of the address space */
	if (sandbox_enter(&s, &guards, &e) == OK)
		return;
	fprintf(stderr, "scriped-extract: %s\n", e.detail);
	_exit(3);
}

static void
read_file(struct file *f, struct out *o, int64_t size)
{
	if (size > FILE_MAX)
		out_stop(o, TOO_LARGE, "The file has %lld MB; at most %lld MB are read. Split it and upload the parts.", (long long)size >> 20,
		    (long long)FILE_MAX >> 20);
	if (size == 0)
		out_stop(o, EMPTY, "The file is empty. Upload it again.");
	void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, f->fd, 0);
	if (p == MAP_FAILED && errno == ENOMEM)
		out_stop(o, FAILED, "The file needs more memory than %lld MB. Split it and upload the parts.", (long long)options.memory_mb);
	if (p == MAP_FAILED)
		out_stop(o, FAILED, "The file cannot be read: %s.", strerror(errno));
	f->bytes = (str){ p, (size_t)size };
	extract(f, o);
}

/* The model is read before the sandbox closes.  A server that has none says so for each recording. */
static void
transcribe(struct out *o)
{
	const char *why;
	struct hear *h = hear_open(o->a, &why);

	if (h == NULL)
		out_stop(o, "transcription_failed", "%s", why);
	enter(0);
	hear_read(h, STDIN_FILENO, o);
}

int
main(int argc, char **argv)
{
	struct file f = { .fd = STDIN_FILENO, .sound = fcntl(SOUND, F_GETFD) >= 0 ? SOUND : -1 };
	struct arena a;
	struct out o;
	struct stat st;

	if (!take_options(argc, argv))
		return usage("it takes options only, and numbers from 1");
	arena_init(&a, ARENA);
	out_init(&o, &a, &sys_clock_real, STDOUT_FILENO, (size_t)options.output_mb << 20);
	if (options.formats) {
		formats_print(&o);
		return 0;
	}
	if (fstat(STDIN_FILENO, &st) != 0 || !S_ISREG(st.st_mode))
		return usage("standard input is no file");
	take_type(&f);
	f.name = str_z(options.name);
	prepare_last_words();
	if (options.transcribe) {
		transcribe(&o);
		_exit(0);
	}
	enter(MIN(st.st_size, FILE_MAX));
	read_file(&f, &o, st.st_size);
	_exit(0);
}
