#include "front/front_priv.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG	4096		/* the kernel cuts it to net.core.somaxconn */

/* --- the listening socket --- */

/* HOST:PORT or [HOST]:PORT into its two halves, which stay in tmp. */
static bool
split_listen(const char *listen, char *tmp, size_t size, const char **ret_host, const char **ret_port)
{
	size_t n = strlen(listen);
	int64_t port;
	char *colon;

	if (n >= size)
		return false;
	memcpy(tmp, listen, n + 1);
	if ((colon = strrchr(tmp, ':')) == NULL || colon == tmp || colon[1] == '\0')
		return false;
	*colon = '\0';
	*ret_host = tmp;
	*ret_port = colon + 1;
	if (!str_int(str_z(*ret_port), &port) || port < 0 || port > 65535)
		return false;		/* the resolver would take it modulo 65,536 */
	if (tmp[0] != '[')
		return strchr(tmp, ':') == NULL;
	if (colon[-1] != ']')
		return false;
	colon[-1] = '\0';
	*ret_host = tmp + 1;
	return true;
}

static int
bind_one(const struct addrinfo *a)
{
	int one = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));	/* accepted sockets inherit it */
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int no = errno;
	close(fd);
	errno = no;
	return -1;
}

static void
write_url(struct front *f)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n = sizeof(sa);
	char host[INET6_ADDRSTRLEN] = "";

	getsockname(f->listener, (struct sockaddr *)&sa, &n);
	const struct sockaddr_in *v4 = (const void *)&sa;
	const struct sockaddr_in6 *v6 = (const void *)&sa;
	bool six = sa.ss_family == AF_INET6;
	inet_ntop(sa.ss_family, six ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr, host, sizeof(host));
	int port = ntohs(six ? v6->sin6_port : v4->sin_port);
	snprintf(f->url, sizeof(f->url), six ? "http://[%s]:%d" : "http://%s:%d", host, port);
	if (sys_in_network(S("127.0.0.0/8"), str_z(host)) || sys_in_network(S("::1"), str_z(host)))
		snprintf(f->local, sizeof(f->local), "http://localhost:%d", port);
}

static enum err
open_listener(struct front *f, struct error *e)
{
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *all;
	const char *host, *port;
	char tmp[256];

	if (!split_listen(f->conf.listen, tmp, sizeof(tmp), &host, &port))
		return fail(e, E_USAGE, NULL, "listen %s: not HOST:PORT or [HOST]:PORT", f->conf.listen);
	int rc = getaddrinfo(host, port, &hint, &all);
	if (rc != 0) {		/* a name: only now the resolver is loaded */
		hint.ai_flags = AI_NUMERICSERV;
		rc = getaddrinfo(host, port, &hint, &all);
	}
	if (rc != 0)
		return fail(e, E_SYS, NULL, "listen %s: %s", f->conf.listen, gai_strerror(rc));
	for (const struct addrinfo *a = all; a != NULL && f->listener < 0; a = a->ai_next)
		f->listener = bind_one(a);
	freeaddrinfo(all);
	if (f->listener < 0 || !watch_fd(f, f->listener))
		return fail(e, E_SYS, NULL, "listen %s: %m", f->conf.listen);
	write_url(f);
	return OK;
}

/* --- starting --- */

/* As many descriptors as connections may need; fewer connections where the system gives fewer. */
static void
raise_limit(struct front *f)
{
	struct rlimit r;
	rlim_t want = (rlim_t)f->conf.max_connections + FD_RESERVE;

	f->max = f->conf.max_connections;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	if (r.rlim_cur < want) {
		r.rlim_cur = MIN(want, r.rlim_max);
		if (setrlimit(RLIMIT_NOFILE, &r) != 0)
			getrlimit(RLIMIT_NOFILE, &r);
	}
	if (r.rlim_cur < want)
		f->max = r.rlim_cur > 2 * FD_RESERVE ? (int)r.rlim_cur - FD_RESERVE : (int)r.rlim_cur / 2;
}

/* Targets are decoded by front_target; the library need not. */
static size_t
leave_escapes(void *cls, struct MHD_Connection *c, char *s)
{
	(void)cls, (void)c;
	return strlen(s);
}

/* Without MHD_USE_TURBO: it keeps sockets out of the epoll set at first, where a shutdown by the keeper would not be noticed. */
static bool
start_loop(struct front *f, struct loop *l)
{
	l->front = f;
	l->mhd = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0,
	    NULL, NULL, serve_call, l,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_SIZE,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)f->max + LINGER_MAX,	/* ours is lower and counts all loops */
	    MHD_OPTION_CONNECTION_TIMEOUT, 0u,
#if MHD_VERSION >= 0x00097701
	    MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1,	/* what older ones leave to head.c */
#endif
	    MHD_OPTION_URI_LOG_CALLBACK, serve_target, l,
	    MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL,
	    MHD_OPTION_NOTIFY_COMPLETED, serve_done, l,
	    MHD_OPTION_NOTIFY_CONNECTION, watch_conn, l,
	    MHD_OPTION_END);
	return l->mhd != NULL;
}

static enum err
start(struct front *f, struct error *e)
{
	f->poll = epoll_create1(EPOLL_CLOEXEC);
	f->lines = epoll_create1(EPOLL_CLOEXEC);
	f->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	f->dummy = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	f->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (f->dummy < 0 || !watch_fd(f, f->bell) || !watch_fd(f, f->lines))
		return fail(e, E_SYS, NULL, "epoll: %m");
	TRY(open_listener(f, e));
	for (int i = 0; i < f->conf.threads; i++, f->nloops++)
		if (!start_loop(f, &f->loops[i]))
			return fail(e, E_SYS, NULL, "cannot start an HTTP loop: %m");
	TRY(sys_thread(&f->keeper, "front", watch_run, f, e));
	f->kept = true;
	return OK;
}

enum err
front_open(const struct front_conf *conf, const struct front_handler *h, struct front **ret, struct error *e)
{
	struct front *f = calloc(1, sizeof(*f));

	if (f == NULL || conf->nfaces > FRONT_FACES) {
		free(f);
		return fail(e, E_SYS, NULL, "no memory, or more than %d faces", FRONT_FACES);
	}
	f->conf = *conf;
	f->conf.threads = MAX(conf->threads, 1);
	f->h = *h;
	for (int i = 0; i < conf->nfaces; i++)
		f->faces[i] = conf->faces[i];
	f->listener = f->poll = f->bell = f->spare = f->lines = f->dummy = -1;
	raise_limit(f);
	pthread_mutex_init(&f->lock, NULL);
	pthread_mutex_init(&f->streams_lock, NULL);
	f->conns = calloc((size_t)f->max, sizeof(*f->conns));
	f->loops = calloc((size_t)f->conf.threads, sizeof(*f->loops));
	enum err code = f->conns != NULL && f->loops != NULL ? start(f, e) : fail(e, E_SYS, NULL, "no memory");
	if (code != OK) {
		front_close(f);
		return code;
	}
	*ret = f;
	return OK;
}

const char *front_url(const struct front *f) { return f->url; }
int front_connections(const struct front *f) { return atomic_load(&f->open); }

/* --- stopping --- */

void front_part(struct front *f) { atomic_store(&f->parting, true); }

void
front_quiesce(struct front *f)
{
	front_part(f);
	pthread_mutex_lock(&f->lock);
	if (!atomic_load(&f->quiet))
		shutdown(f->listener, SHUT_RD);		/* refuses from here on; the keeper closes it */
	atomic_store(&f->quiet, true);
	pthread_mutex_unlock(&f->lock);
	watch_ring(f);
}

/* Connections in these phases, a bit each. */
static int
count(const struct front *front, unsigned phases)
{
	struct front *f = (struct front *)(uintptr_t)front;	/* for its lock */
	int n = 0;

	pthread_mutex_lock(&f->lock);
	for (int i = 0; i < f->nconns; i++)
		n += phases >> (atomic_load(&f->conns[i]->mark) & PHASE_MASK) & 1;
	pthread_mutex_unlock(&f->lock);
	return n;
}

int front_busy(const struct front *f) { return count(f, 1u << PH_BODY | 1u << PH_RUN | 1u << PH_WRITE) + front_streams(f); }

/* The library aborts when it is stopped with a suspended connection, and who wakes one must find its loop. */
static bool
in_use(const struct front *f)
{
	int n = count(f, 1u << PH_RUN);

	for (int i = 0; i < f->nloops; i++)
		n += atomic_load(&f->loops[i].waking);
	return n != 0;
}

static void
close_all(const int *fd, int n)
{
	for (int i = 0; i < n; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

void
front_close(struct front *f)
{
	enum { PAUSE_US = 500 };

	atomic_store(&f->stop, true);
	while (in_use(f))
		usleep(PAUSE_US);
	if (f->kept) {
		watch_ring(f);
		pthread_join(f->keeper, NULL);
	}
	for (int i = 0; i < f->nloops; i++)
		MHD_stop_daemon(f->loops[i].mhd);
	for (int i = 0; i < f->nloops; i++)
		serve_free(&f->loops[i]);
	stream_close(f);
	close_all((int[]){ f->listener, f->poll, f->bell, f->spare, f->lines, f->dummy }, 6);
	pthread_mutex_destroy(&f->lock);
	pthread_mutex_destroy(&f->streams_lock);
	free(f->conns);
	free(f->loops);
	free(f);
}
