/* child -- runs one process and hears it out (see ingest.h). */
#include "ingest/ingest_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS		100
#define CHUNK		((size_t)65536)
#define GRACE_MS	1000		/* between the end of its output and its own */
#define NICE		10
#define PIPE_READS	64		/* what a pipe holds, in pieces */
#define CANNOT_START	127

/* --- the start --- */

struct start { const char *program, *folder; char *const *argv; int fd[4]; pid_t parent; volatile int no; };

/* Between vfork and exec: only calls of the system.  Memory is the parent's, descriptors and signals are its own. */
static _Noreturn void
become(struct start *s)
{
	static char *const nothing[] = { NULL };
	sigset_t none;
	int high[4];

	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	setpriority(PRIO_PROCESS, 0, NICE);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != s->parent || chdir(s->folder) != 0)
		goto failed;
	for (int i = 0; i < 4; i++)	/* out of the way of each other first */
		if ((high[i] = s->fd[i] < 0 ? -1 : fcntl(s->fd[i], F_DUPFD_CLOEXEC, 10)) < 0 && s->fd[i] >= 0)
			goto failed;
	for (int i = 0; i < 4; i++)
		if (high[i] >= 0 && dup2(high[i], i) < 0)
			goto failed;
	if (close_range(high[3] >= 0 ? 4 : 3, ~0U, 0) != 0)
		for (int fd = high[3] >= 0 ? 4 : 3; fd < 65536; fd++)
			close(fd);
	execve(s->program, s->argv, nothing);
failed:
	s->no = errno;
	_exit(CANNOT_START);
}

/* -1: no. */
static pid_t
start(struct child *c, int out, int err)
{
	struct start s = { c->program, c->folder, (char *const *)(uintptr_t)c->argv, { c->in, out, err, c->pcm }, getpid(), 0 };
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid_t pid = vfork();
	if (pid == 0)
		become(&s);
	int no = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	c->no = pid < 0 ? no : s.no;
	return pid;
}

/* --- what it writes --- */

struct hearing { struct child *c; char *p; size_t n, cap, total; };

/* Whole lines go out; what is behind the last one stays. */
static bool
hand_out(struct hearing *h, size_t old, bool all)
{
	size_t from = 0;
	bool go = true;

	for (char *nl; go && (nl = memchr(h->p + MAX(from, old), '\n', h->n - MAX(from, old))) != NULL; from = (size_t)(nl - h->p) + 1)
		go = h->c->line(h->c->ctx, (str){ h->p + from, (size_t)(nl - h->p) - from });
	if (go && all && from < h->n)
		go = h->c->line(h->c->ctx, (str){ h->p + from, h->n - from });
	memmove(h->p, h->p + from, h->n - from);
	h->n -= from;
	return go;
}

enum heard { HEARD, HEARD_END, HEARD_ENOUGH, HEARD_FLOOD };

static enum heard
hear(struct hearing *h, int fd)
{
	if (h->cap - h->n < CHUNK) {
		size_t cap = MAX(h->cap * 2, 2 * CHUNK);
		char *p = realloc(h->p, cap);
		if (p == NULL)
			return HEARD_FLOOD;
		h->p = p;
		h->cap = cap;
	}
	ssize_t got = read(fd, h->p + h->n, CHUNK);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? HEARD : HEARD_END;
	if (got == 0)
		return hand_out(h, h->n, true) ? HEARD_END : HEARD_ENOUGH;
	size_t old = h->n;
	h->n += (size_t)got;
	h->total += (size_t)got;
	if (!hand_out(h, old, false))
		return HEARD_ENOUGH;
	return h->n > CHILD_LINE_MAX || h->total > CHILD_OUT_MAX ? HEARD_FLOOD : HEARD;
}

/* Keeps the end of what it says on its standard error.  False when that is closed. */
static bool
overhear(struct child *c, int fd)
{
	char b[1024];
	ssize_t got = read(fd, b, sizeof(b));

	if (got <= 0)
		return got < 0 && (errno == EINTR || errno == EAGAIN);
	size_t n = (size_t)got, drop = c->nsaid + n > sizeof(c->said) ? c->nsaid + n - sizeof(c->said) : 0;
	memmove(c->said, c->said + drop, c->nsaid - drop);
	memcpy(c->said + c->nsaid - drop, b, n);
	c->nsaid += n - drop;
	return true;
}

static enum child_end
listen_to(struct child *c, int out, int err)
{
	int64_t until = sys_mono_us(c->clock) + c->time_ms * 1000, asked = 0;
	struct hearing h = { .c = c };
	enum heard heard = HEARD;
	enum child_end end = CHILD_ENDED;

	while (heard == HEARD && end == CHILD_ENDED) {
		struct pollfd p[2] = { { out, POLLIN, 0 }, { err, POLLIN, 0 } };
		(void)!poll(p, 2, TICK_MS);
		if (p[1].revents != 0 && !overhear(c, err))
			err = -1;
		if (p[0].revents != 0)
			heard = hear(&h, out);
		int64_t now = sys_mono_us(c->clock);
		if (now >= until) {
			end = CHILD_LATE;
		} else if (heard == HEARD && (p[0].revents == 0 || now - asked >= TICK_MS * 1000)) {
			asked = now;
			end = c->alive(c->ctx) ? CHILD_ENDED : CHILD_STOPPED;
		}
	}
	free(h.p);
	return heard == HEARD_ENOUGH ? CHILD_ENOUGH : heard == HEARD_FLOOD ? CHILD_FLOODED : heard == HEARD_END ? CHILD_ENDED : end;
}

/* --- the end --- */

static bool
has_ended(pid_t pid)
{
	siginfo_t si = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) != 0 || si.si_pid != 0;
}

/* Its group goes before it is waited for: until then nobody else can have its number. */
static void
bury(struct child *c, pid_t pid, bool grace)
{
	for (int ms = 0; grace && ms < GRACE_MS && !has_ended(pid); ms++)
		poll(NULL, 0, 1);
	kill(pid, SIGKILL);
	kill(-pid, SIGKILL);
	while (waitpid(pid, &c->status, 0) < 0 && errno == EINTR)
		;
}

enum child_end
child_run(struct child *c)
{
	int out[2], err[2];

	if (pipe2(out, O_CLOEXEC) != 0) {
		c->no = errno;
		return CHILD_SYSTEM;
	}
	if (pipe2(err, O_CLOEXEC) != 0) {
		c->no = errno;
		close(out[0]), close(out[1]);
		return CHILD_SYSTEM;
	}
	lseek(c->in, 0, SEEK_SET);
	pid_t pid = start(c, out[1], err[1]);
	close(out[1]), close(err[1]);
	enum child_end end = pid < 0 ? CHILD_SYSTEM : listen_to(c, out[0], err[0]);
	if (pid > 0)
		bury(c, pid, end == CHILD_ENDED);
	if (pid > 0 && fcntl(err[0], F_SETFL, O_NONBLOCK) == 0)
		for (int i = 0; i < PIPE_READS && overhear(c, err[0]); i++)
			;
	close(out[0]), close(err[0]);
	if (pid > 0 && c->no != 0)
		end = c->no == ENOENT || c->no == EACCES || c->no == ENOEXEC ? CHILD_MISSING : CHILD_SYSTEM;
	else if (end == CHILD_ENDED && WIFEXITED(c->status) && WEXITSTATUS(c->status) == CANNOT_START)
		end = CHILD_MISSING;	/* where vfork shares no memory, as under a debugger; and what a shell in between says */
	return end;
}
