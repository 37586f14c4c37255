#include "front/front_priv.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SWEEP_SLICE	256		/* connections per hold of the lock */
#define ACCEPT_SLICE	64
#define CLOSE_WAIT	8	/* as in <netinet/tcp.h>, which cannot stand beside <linux/tcp.h> and its longer tcp_info */

/* --- connections come and go --- */

static void
name_peer(struct conn *c, const struct sockaddr *sa)
{
	const char *p = NULL;

	if (sa != NULL && sa->sa_family == AF_INET)
		p = inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, c->peer_text, sizeof(c->peer_text));
	else if (sa != NULL && sa->sa_family == AF_INET6)
		p = inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, c->peer_text, sizeof(c->peer_text));
	if (p != NULL && strncmp(p, "::ffff:", 7) == 0 && strchr(p, '.') != NULL)
		p += 7;			/* an IPv4 client of an IPv6 listener */
	c->peer = p != NULL ? str_z(p) : S("");
}

static struct conn *
conn_open(struct front *f, struct MHD_Connection *m)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->fd = MHD_get_connection_info(m, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	name_peer(c, MHD_get_connection_info(m, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
	c->since_us = sys_mono_us(f->conf.clock);
	pthread_mutex_lock(&f->lock);
	c->slot = f->nconns++;
	f->conns[c->slot] = c;
	pthread_mutex_unlock(&f->lock);
	return c;
}

/* Closing a socket with unread bytes resets it, and the answer may be lost on the way.  So keep it open behind the library's
 * back, say that we are done, and read until the client is.  Called with the lock held. */
static void
linger(struct front *f, const struct conn *c)
{
	char byte;
	ssize_t n = c->moved ? 0 : recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (c->killed || atomic_load(&f->stop) || n == 0 || (n < 0 && (errno != EAGAIN || !c->linger)))
		return;
	int fd = f->nlingering < LINGER_MAX ? fcntl(c->fd, F_DUPFD_CLOEXEC, 0) : -1;
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
	if (fd < 0)
		return;
	shutdown(fd, SHUT_WR);
	if (epoll_ctl(f->poll, EPOLL_CTL_ADD, fd, &ev) != 0) {
		close(fd);
		return;
	}
	f->lingering[f->nlingering++] = (struct lingerer){ fd, sys_mono_us(f->conf.clock) + LINGER_US };
}

static void
conn_close(struct front *f, struct conn *c)
{
	pthread_mutex_lock(&f->lock);
	f->conns[c->slot] = f->conns[--f->nconns];
	f->conns[c->slot]->slot = c->slot;
	linger(f, c);
	pthread_mutex_unlock(&f->lock);
	free(c);
}

void
watch_conn(void *loop, struct MHD_Connection *m, void **conn, enum MHD_ConnectionNotificationCode what)
{
	struct loop *l = loop;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*conn = conn_open(l->front, m);
		return;
	}
	bool moved = *conn != NULL && ((const struct conn *)*conn)->moved;	/* still open, and a stream's */
	if (*conn != NULL)
		conn_close(l->front, *conn);
	atomic_fetch_sub(&l->open, 1);
	atomic_fetch_sub(&l->front->open, !moved);
}

/* --- accepting --- */

bool
watch_adopt(struct front *f, int fd, const struct sockaddr *sa, socklen_t n)
{
	struct loop *l = &f->loops[0];

	if (atomic_load(&f->open) >= f->max) {
		close(fd);
		return false;
	}
	for (int i = 1; i < f->nloops; i++)
		if (atomic_load(&f->loops[i].open) < atomic_load(&l->open))
			l = &f->loops[i];
	atomic_fetch_add(&f->open, 1);
	atomic_fetch_add(&l->open, 1);
	if (MHD_add_connection(l->mhd, fd, sa, n) == MHD_YES)
		return true;
	atomic_fetch_sub(&l->open, 1);
	atomic_fetch_sub(&f->open, 1);
	return false;
}

/* Out of descriptors: take the next caller with the spare one and hang up, rather than spin on a listener that stays ready. */
static void
turn_one_away(struct front *f)
{
	close(f->spare);
	int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	f->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
accept_some(struct front *f)
{
	for (int i = 0; i < ACCEPT_SLICE; i++) {
		struct sockaddr_storage sa;
		socklen_t n = sizeof(sa);
		int fd = accept4(f->listener, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			watch_adopt(f, fd, (struct sockaddr *)&sa, n);
		else if (errno == EMFILE || errno == ENFILE)
			turn_one_away(f);
		else if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

bool
watch_fd(struct front *f, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(f->poll, EPOLL_CTL_ADD, fd, &ev) == 0;
}

void
watch_ring(struct front *f)
{
	uint64_t one = 1;

	while (write(f->bell, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* --- deadlines --- */

/* What the kernel knows of the other end.  left: it has closed its half.  The library misses that when the end came in one
 * event with the last bytes. */
struct wire { uint64_t in, out; bool left; };

static struct wire
look(const struct conn *c)
{
	struct tcp_info i;
	socklen_t n = sizeof(i);

	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &i, &n) != 0)
		return (struct wire){ 0 };
	return (struct wire){ i.tcpi_bytes_received, i.tcpi_bytes_acked, i.tcpi_state == CLOSE_WAIT };
}

/* The library reads what is there, then meets the end and closes. */
static void end_reading(const struct conn *c) { shutdown(c->fd, SHUT_RD); }

static void
kill_conn(struct conn *c)
{
	c->killed = true;
	shutdown(c->fd, SHUT_RDWR);
}

static void
enter_phase(struct conn *c, uint32_t mark, enum phase p, const struct wire *w, int64_t now)
{
	bool goes_on = p == PH_HEAD && c->begun && c->seen >> PHASE_BITS == mark >> PHASE_BITS;

	c->seen = mark;
	if (!goes_on)		/* else its clock runs since the first bytes */
		c->since_us = now;
	c->begun = false;
	c->base = p == PH_WRITE ? w->out : w->in;
}

static void
check_idle(const struct front *f, struct conn *c, const struct wire *w, int64_t now)
{
	if (!c->begun && w->in != c->base) {
		c->begun = true;
		c->since_us = now;
	}
	if (c->begun && now - c->since_us > f->conf.header_ms * 1000)
		kill_conn(c);
	else if (!c->begun && (atomic_load(&f->quiet) || now - c->since_us > f->conf.keepalive_ms * 1000))
		end_reading(c);		/* a request that is just arriving is still served */
}

static void
check_body(const struct front *f, struct conn *c, int64_t for_us)
{
	double due = (double)f->conf.body_rate * (double)(for_us - BODY_GRACE_US) / 1e6;

	if ((double)atomic_load_explicit(&c->got, memory_order_relaxed) < due)
		kill_conn(c);
}

static void
check_write(const struct front *f, struct conn *c, const struct wire *w, int64_t now)
{
	if (w->out != c->base) {
		c->base = w->out;
		c->since_us = now;
	} else if (now - c->since_us > f->conf.keepalive_ms * 1000)
		kill_conn(c);
}

static void
check(const struct front *f, struct conn *c, int64_t now)
{
	uint32_t mark = atomic_load_explicit(&c->mark, memory_order_relaxed);
	enum phase p = mark & PHASE_MASK;

	if (p == PH_RUN)
		return;
	struct wire w = look(c);
	if (mark != c->seen)
		enter_phase(c, mark, p, &w, now);
	if (w.left && p != PH_WRITE)
		end_reading(c);
	else if (p == PH_IDLE)
		check_idle(f, c, &w, now);
	else if (p == PH_HEAD && now - c->since_us > f->conf.header_ms * 1000)
		kill_conn(c);
	else if (p == PH_BODY && now - c->since_us > BODY_GRACE_US)
		check_body(f, c, now - c->since_us);
	else if (p == PH_WRITE)
		check_write(f, c, &w, now);
}

static void
sweep_conns(struct front *f, int64_t now)
{
	bool more = true;

	/* a connection that moves into a passed slot meanwhile is seen by the next sweep */
	for (int i = 0; more; ) {
		pthread_mutex_lock(&f->lock);
		for (int end = MIN(i + SWEEP_SLICE, f->nconns); i < end; i++)
			check(f, f->conns[i], now);
		more = i < f->nconns;
		pthread_mutex_unlock(&f->lock);
	}
}

/* --- lingering --- */

/* Out of the epoll set by hand: the library's own descriptor may still be open, and then closing ours leaves it in there
 * under a number that the next caller gets, whose bytes would be read out in its place. */
static void
drop_lingerer(struct front *f, int i)
{
	epoll_ctl(f->poll, EPOLL_CTL_DEL, f->lingering[i].fd, NULL);
	close(f->lingering[i].fd);
	f->lingering[i] = f->lingering[--f->nlingering];
}

static void
read_out(struct front *f, int fd)
{
	char junk[65536];
	ssize_t n = recv(fd, junk, sizeof(junk), MSG_DONTWAIT);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	pthread_mutex_lock(&f->lock);
	for (int i = 0; i < f->nlingering; i++)
		if (f->lingering[i].fd == fd) {
			drop_lingerer(f, i);
			break;
		}
	pthread_mutex_unlock(&f->lock);
}

static void
sweep_lingerers(struct front *f, int64_t now, bool all)
{
	pthread_mutex_lock(&f->lock);
	for (int i = f->nlingering - 1; i >= 0; i--)
		if (all || f->lingering[i].until_us <= now)
			drop_lingerer(f, i);
	pthread_mutex_unlock(&f->lock);
}

/* --- the keeper --- */

/* Fine enough for the shortest deadline, and no finer than a second otherwise. */
static int64_t
period_ms(const struct front *f)
{
	int64_t ms = MIN(f->conf.header_ms, f->conf.keepalive_ms) / 4;

	ms = MAX(MIN(ms, 1000), 5);
	return atomic_load(&f->quiet) ? MIN(ms, 100) : ms;
}

static void
close_listener(struct front *f)
{
	if (f->listener >= 0)
		close(f->listener);
	f->listener = -1;
}

static void
attend(struct front *f, const struct epoll_event *ev, bool *rung)
{
	uint64_t n;

	if (ev->data.fd == f->bell)
		*rung = read(f->bell, &n, sizeof(n)) > 0;
	else if (ev->data.fd == f->lines)
		stream_attend(f);
	else if (ev->data.fd != f->listener)
		read_out(f, ev->data.fd);
	else if (!atomic_load(&f->quiet))
		accept_some(f);
}

void *
watch_run(void *front)
{
	struct front *f = front;
	int64_t due = 0;

	while (!atomic_load(&f->stop)) {
		/* the pace is real time even where a test holds the clock */
		int64_t now = sys_mono_us(&sys_clock_real), wait_ms = MAX(0, (due - now + 999) / 1000);
		struct epoll_event ev[32];
		int n = epoll_wait(f->poll, ev, COUNT(ev), (int)MIN(wait_ms, 1000));
		bool rung = false;

		for (int i = 0; i < n; i++)
			attend(f, &ev[i], &rung);
		if (!rung && sys_mono_us(&sys_clock_real) < due)
			continue;
		if (atomic_load(&f->quiet))
			close_listener(f);
		now = sys_mono_us(f->conf.clock);
		sweep_conns(f, now);
		sweep_lingerers(f, now, false);
		stream_sweep(f, now);
		due = sys_mono_us(&sys_clock_real) + period_ms(f) * 1000;
	}
	sweep_lingerers(f, 0, true);
	return NULL;
}
