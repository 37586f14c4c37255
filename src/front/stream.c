#include "front/front_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define JUNK_MAX	65536		/* what a client may say while it should listen */
#define CHUNK_HEAD	20		/* "%zx\r\n" */

struct front_stream {
	struct front_stream *next, **link;	/* front.streams, under its lock */
	struct front *front;			/* not to be touched once it is gone */
	atomic_int refs;			/* the owner's and the front's */
	pthread_mutex_t lock;			/* all below; taken after streams_lock */
	int fd;					/* -1: has not begun, or is over */
	bool bare, headless;			/* HTTP/1.0: no chunks; HEAD */
	bool ended, counted;
	_Atomic bool gone;
	str beat;
	int64_t beat_us, sent_us;
	int64_t until_us;			/* all was sent: its client has until then to close */
	char *kept;				/* what the socket did not take yet: from..to */
	size_t from, to, cap;
	size_t junk;
	void (*on_gone)(void *ctx, uint64_t id);
	void *ctx;
	uint64_t id;
};

static struct iovec piece(str s) { return (struct iovec){ (void *)(uintptr_t)s.p, s.n }; }
static int64_t now_us(const struct front *f) { return sys_mono_us(f->conf.clock); }

/* Half of the connections stay for requests, whoever opens how many streams. */
static bool
enter(struct front *f)
{
	if (atomic_fetch_add(&f->nstreams, 1) < MAX(f->max / 2, 1))
		return true;
	atomic_fetch_sub(&f->nstreams, 1);
	return false;
}

struct front_stream *
front_stream(struct exchange *x, int status, str beat, int64_t beat_ms)
{
	struct turn *t = (struct turn *)x;
	struct front_stream *s = x->wake == NULL && enter(t->loop->front) ? calloc(1, sizeof(*s)) : NULL;

	if (s == NULL)
		return NULL;
	s->counted = true;
	pthread_mutex_init(&s->lock, NULL);
	s->refs = 2;
	s->front = t->loop->front;
	s->fd = -1;
	s->bare = t->http10;
	s->headless = str_eq(x->method, S("HEAD"));
	s->gone = s->headless;
	s->beat = beat;
	s->beat_us = beat_ms * 1000;
	x->status = status;
	t->stream = s;
	return s;
}

static void
drop_ref(struct front_stream *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void
front_stream_on_gone(struct front_stream *s, void (*gone)(void *ctx, uint64_t id), void *ctx, uint64_t id)
{
	s->on_gone = gone;
	s->ctx = ctx;
	s->id = id;
}

bool front_stream_gone(const struct front_stream *s) { return atomic_load(&s->gone); }
int front_streams(const struct front *f) { return atomic_load(&f->nstreams); }

/* --- bytes out; s->lock is held --- */

static void
uncount(struct front_stream *s)
{
	if (s->counted)
		atomic_fetch_sub(&s->front->nstreams, 1);
	s->counted = false;
}

/* n of the bytes kept need be kept no longer. */
static void
forget(struct front_stream *s, size_t n)
{
	atomic_fetch_sub(&s->front->waiting, n);
	s->from += n;
	if (s->from != s->to)
		return;
	free(s->kept);
	s->kept = NULL;
	s->from = s->to = s->cap = 0;
}

/* The front's poll sees the end of the socket and does the rest. */
static void
cut(struct front_stream *s)
{
	s->gone = true;
	forget(s, s->to - s->from);
	uncount(s);
	if (s->fd >= 0)
		shutdown(s->fd, SHUT_RDWR);
}

/* All is sent.  The client closes first, so that nothing it said meanwhile resets what is still under way. */
static void
finish(struct front_stream *s)
{
	uncount(s);
	s->until_us = now_us(s->front) + LINGER_US;
	shutdown(s->fd, SHUT_WR);
}

static bool
room_for(struct front_stream *s, size_t n)
{
	size_t had = s->to - s->from;

	if (had + n > FRONT_STREAM_MAX)
		return false;
	if (s->cap - s->to < n) {
		size_t cap = had + n > 2 * had ? had + n : 2 * had;
		char *p = malloc(cap);
		if (p == NULL)
			return false;
		if (had != 0)
			memcpy(p, s->kept + s->from, had);
		free(s->kept);
		s->kept = p;
		s->from = 0;
		s->to = had;
		s->cap = cap;
	}
	if (atomic_fetch_add(&s->front->waiting, n) + n <= FRONT_STREAMS_MAX)
		return true;
	atomic_fetch_sub(&s->front->waiting, n);
	return false;
}

/* All but the first `skip` bytes. */
static bool
keep(struct front_stream *s, const struct iovec *v, int nv, size_t all, size_t skip)
{
	if (!room_for(s, all - skip))
		return false;
	for (int i = 0; i < nv; i++) {
		size_t from = MIN(skip, v[i].iov_len), n = v[i].iov_len - from;
		if (n != 0)
			memcpy(s->kept + s->to, (const char *)v[i].iov_base + from, n);
		s->to += n;
		skip -= from;
	}
	return true;
}

/* What the socket takes goes out, the rest is kept until it takes more. */
static bool
put(struct front_stream *s, struct iovec *v, int nv)
{
	struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)nv };
	size_t all = 0, sent = 0;

	for (int i = 0; i < nv; i++)
		all += v[i].iov_len;
	s->sent_us = now_us(s->front);
	if (s->fd >= 0 && s->from == s->to) {
		ssize_t k = sendmsg(s->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k >= 0)
			sent = (size_t)k;
		else if (errno != EAGAIN) {
			cut(s);
			return false;
		}
	}
	if (sent == all || keep(s, v, nv, all, sent))
		return true;
	cut(s);
	return false;
}

static bool
put_chunk(struct front_stream *s, str data)
{
	char size[CHUNK_HEAD];
	struct iovec v[] = { { size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", data.n) }, piece(data), piece(S("\r\n")) };

	return s->bare ? put(s, &v[1], 1) : put(s, v, 3);
}

static void
flush(struct front_stream *s)
{
	while (s->from < s->to) {
		ssize_t k = send(s->fd, s->kept + s->from, s->to - s->from, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k < 0 && errno == EAGAIN)
			return;
		if (k < 0) {
			cut(s);
			return;
		}
		s->sent_us = now_us(s->front);
		forget(s, (size_t)k);
	}
	if (s->ended && s->until_us == 0)
		finish(s);
}

/* --- the owner --- */

bool
front_send(struct front_stream *s, str data)
{
	pthread_mutex_lock(&s->lock);
	bool ok = !s->gone && (data.n == 0 || put_chunk(s, data));	/* an empty chunk would be the last */
	pthread_mutex_unlock(&s->lock);
	return ok;
}

void
front_stream_end(struct front_stream *s)
{
	struct iovec last = piece(S("0\r\n\r\n"));

	pthread_mutex_lock(&s->lock);
	s->ended = true;
	if (!s->gone && (s->bare || put(s, &last, 1)) && s->fd >= 0)
		flush(s);
	pthread_mutex_unlock(&s->lock);
	drop_ref(s);
}

/* --- the beginning --- */

/* The socket under a number of ours, and under the library's a descriptor that is nothing: it may take that out of its epoll set,
 * shut it down and close it. */
static int
take_socket(struct loop *l, struct conn *c)
{
	struct epoll_event none = { 0 };
	int poll = MHD_get_daemon_info(l->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	int fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	bool polled = epoll_ctl(poll, EPOLL_CTL_DEL, c->fd, NULL) == 0;
	if (dup3(l->front->dummy, c->fd, O_CLOEXEC) < 0 || (polled && epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &none) != 0))
		abort();		/* the room was there a moment ago; the library would abort, too */
	c->moved = true;
	return fd;
}

static void
set_up(const struct front *f, int fd)
{
	int one = 1, no = 0;
	unsigned ms = (unsigned)MIN(f->conf.keepalive_ms, INT32_MAX);

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_CORK, &no, sizeof(no));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

/* The head, and behind it what was sent before. */
static void
open_up(struct front_stream *s, int fd, str head)
{
	pthread_mutex_lock(&s->lock);
	char *before = s->kept;
	struct iovec v[] = { piece(head), { before, s->to } };		/* none of it has gone: from is 0 */

	atomic_fetch_sub(&s->front->waiting, v[1].iov_len);
	s->kept = NULL;
	s->from = s->to = s->cap = 0;
	s->fd = fd;
	bool out = put(s, v, 2);
	free(before);
	if (out && s->from == s->to && (s->ended || s->headless))
		finish(s);
	pthread_mutex_unlock(&s->lock);
}

/* In one hold of the lock: who closes the socket takes it off the list first. */
static void
enlist(struct front *f, struct front_stream *s)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = s };

	pthread_mutex_lock(&f->streams_lock);
	s->next = f->streams;
	s->link = &f->streams;
	if (s->next != NULL)
		s->next->link = &s->next;
	f->streams = s;
	if (epoll_ctl(f->lines, EPOLL_CTL_ADD, s->fd, &ev) != 0) {
		pthread_mutex_lock(&s->lock);
		cut(s);			/* the next sweep finds it */
		pthread_mutex_unlock(&s->lock);
	}
	pthread_mutex_unlock(&f->streams_lock);
}

enum MHD_Result
stream_begin(struct turn *t)
{
	struct front_stream *s = t->stream;
	struct front *f = t->loop->front;
	str head = serve_status(t, s->bare || s->headless ? "" : "Transfer-Encoding: chunked\r\n");

	t->stage = ST_DONE;
	int fd = !s->gone || s->headless ? take_socket(t->loop, t->conn) : -1;
	if (fd < 0)
		return MHD_NO;		/* serve_done loses it */
	t->sent = true;
	t->stream = NULL;
	set_up(f, fd);
	open_up(s, fd, head);
	enlist(f, s);
	return MHD_NO;
}

/* --- the end --- */

static void
over(struct front_stream *s)
{
	pthread_mutex_lock(&s->lock);
	bool tell = !s->ended && s->on_gone != NULL;
	int fd = s->fd;
	s->gone = true;
	forget(s, s->to - s->from);
	uncount(s);
	s->fd = -1;
	pthread_mutex_unlock(&s->lock);
	if (fd >= 0)
		close(fd);
	if (tell)
		s->on_gone(s->ctx, s->id);
	drop_ref(s);
}

void
stream_lost(struct turn *t)
{
	over(t->stream);
	t->stream = NULL;
}

static void
drop(struct front *f, struct front_stream *s)
{
	pthread_mutex_lock(&f->streams_lock);
	*s->link = s->next;
	if (s->next != NULL)
		s->next->link = s->link;
	pthread_mutex_unlock(&f->streams_lock);
	over(s);
	atomic_fetch_sub(&f->open, 1);
}

/* --- the keeper --- */

/* False when the client has closed its half, or will not be quiet. */
static bool
listens(struct front_stream *s)
{
	char junk[4096];
	ssize_t n;

	while ((n = recv(s->fd, junk, sizeof(junk), MSG_DONTWAIT)) > 0)
		if ((s->junk += (size_t)n) > JUNK_MAX)
			return false;
	return n < 0 && errno == EAGAIN;
}

void
stream_attend(struct front *f)
{
	struct epoll_event ev[64];
	int n = epoll_wait(f->lines, ev, COUNT(ev), 0);

	for (int i = 0; i < n; i++) {
		struct front_stream *s = ev[i].data.ptr;
		pthread_mutex_lock(&s->lock);
		bool stays = listens(s) && (ev[i].events & (EPOLLHUP | EPOLLERR)) == 0;
		if (stays)
			flush(s);
		pthread_mutex_unlock(&s->lock);
		if (!stays)
			drop(f, s);
	}
}

/* Sends its beat when that is due; false: it is to be dropped. */
static bool
beat(struct front_stream *s, int64_t now)
{
	pthread_mutex_lock(&s->lock);
	if (!s->gone && !s->ended && s->beat_us > 0 && s->from == s->to && now - s->sent_us >= s->beat_us)
		put_chunk(s, s->beat);
	bool stays = s->until_us == 0 ? !s->gone : now < s->until_us;
	pthread_mutex_unlock(&s->lock);
	return stays;
}

static struct front_stream *
next_dead(struct front *f, int64_t now)
{
	struct front_stream *s;

	pthread_mutex_lock(&f->streams_lock);
	for (s = f->streams; s != NULL && beat(s, now); s = s->next)
		;
	pthread_mutex_unlock(&f->streams_lock);
	return s;
}

void
stream_sweep(struct front *f, int64_t now)
{
	struct front_stream *s;

	while ((s = next_dead(f, now)) != NULL)
		drop(f, s);
}

void
stream_close(struct front *f)
{
	while (f->streams != NULL)
		drop(f, f->streams);
}
