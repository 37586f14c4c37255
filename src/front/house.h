/* house -- for the tests of front: a server with a small handler, and a caller that speaks bytes. */
#ifndef FRONT_HOUSE_H
#define FRONT_HOUSE_H
#include "front/front.h"
#include "t.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the house: a front with a small handler --- */

#define WAIT_MS		60000		/* for what must come; nothing waits this long unless it fails */
#define BODY_MAX	200000
#define DRAIN_MAX	1000000
#define QUEUE_MAX	64

struct house {
	struct front *f;
	struct front_conf conf;
	struct sys_clock_test clock;
	char port[8];
	atomic_int heads, runs, ends, cuts;
	/* what is parked, for the waker */
	pthread_mutex_t lock;
	pthread_cond_t came, gate;
	bool open, closed_in;		/* /block holds its loop until the gate is open; closed_in: it stands there */
	struct exchange *parked[QUEUE_MAX];
	int nparked;
	bool stop;
	pthread_t waker;
	char *large;			/* an answer larger than any socket buffer */
};
#define LARGE	(32u << 20)

static inline void
h_head(void *ctx, struct exchange *x)
{
	struct house *h = ctx;

	h->heads++;
	x->body_max = BODY_MAX;
	if (str_eq(x->path, S("/refused")))
		front_answer(x, 401, S("who are you"));
}

static inline void
park_one(struct house *h, struct exchange *x)
{
	pthread_mutex_lock(&h->lock);
	h->parked[h->nparked++] = x;
	pthread_cond_signal(&h->came);
	pthread_mutex_unlock(&h->lock);
}

static inline str
show(struct exchange *x)
{
	return str_fmt(&x->arena, "%.*s %.*s ua=%.*s peer=%.*s q=%d", STR(x->method), STR(x->path), STR(x->header[FH_USER_AGENT]),
	    STR(x->peer), x->nquery);
}

/* Holds the loop, as no handler may; so a test can have many events wait for it. */
static inline void
block(struct house *h)
{
	pthread_mutex_lock(&h->lock);
	h->closed_in = true;
	pthread_cond_broadcast(&h->gate);
	while (!h->open)
		pthread_cond_wait(&h->gate, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

static inline void
h_run(void *ctx, struct exchange *x)
{
	struct house *h = ctx;

	h->runs++;
	front_add(x, "Content-Type", "text/plain");
	if (x->body_over)
		front_answer(x, 413, S("too large"));
	else if (str_eq(x->path, S("/echo")))
		front_answer(x, 200, x->body);
	else if (str_eq(x->path, S("/block"))) {
		block(h);
		front_answer(x, 200, S("opened"));
	}
	else if (str_eq(x->path, S("/large")))
		front_answer(x, 200, (str){ h->large, LARGE });
	else if (str_eq(x->path, S("/split"))) {
		front_add(x, "X-Evil", "a\r\nSet-Cookie: b");
		front_answer(x, 200, S("whole"));
	} else if (str_eq(x->path, S("/bye"))) {
		x->close = true;
		front_answer(x, 200, S("bye"));
	} else if (str_eq(x->path, S("/early"))) {
		front_wake(x);		/* before the park, as a fast worker does */
		front_park(x);
	} else if (str_starts(x->path, S("/park"))) {
		front_park(x);
		park_one(h, x);
	} else if (!str_eq(x->path, S("/neither")))
		front_answer(x, 200, show(x));
}

static inline void h_resumed(void *ctx, struct exchange *x) { (void)ctx; front_answer(x, 200, S("woken")); }

static inline void
h_end(void *ctx, struct exchange *x)
{
	struct house *h = ctx;

	h->cuts += x->cut;
	h->ends++;
}

static inline void *
wake_all(void *ctx)
{
	struct house *h = ctx;

	pthread_mutex_lock(&h->lock);
	while (!h->stop) {
		while (h->nparked > 0) {
			struct exchange *x = h->parked[--h->nparked];
			pthread_mutex_unlock(&h->lock);
			front_wake(x);
			pthread_mutex_lock(&h->lock);
		}
		if (!h->stop)
			pthread_cond_wait(&h->came, &h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static inline void
house_prepare(struct house *h)
{
	memset(h, 0, sizeof(*h));
	sys_clock_test_init(&h->clock, 1000000);
	pthread_mutex_init(&h->lock, NULL);
	sys_cond_init(&h->came);
	sys_cond_init(&h->gate);
	h->conf = (struct front_conf){ .listen = "127.0.0.1:0", .threads = 2, .max_connections = 100, .header_ms = 40, .keepalive_ms = 60000,
		.body_rate = 4096, .drain_max = DRAIN_MAX, .arena_budget = 1 << 20, .clock = &h->clock.c };
}

static inline void
house_open(struct house *h)
{
	struct front_handler handler = { h_head, h_run, h_resumed, h_end, h };
	struct error e = { 0 };

	if (front_open(&h->conf, &handler, &h->f, &e) != OK) {
		t_fail(__FILE__, __LINE__, "%s", e.detail);
		abort();
	}
	snprintf(h->port, sizeof(h->port), "%s", strrchr(front_url(h->f), ':') + 1);
}

static inline void
house_up(struct house *h)
{
	house_prepare(h);
	house_open(h);
}

static inline void
house_down(struct house *h)
{
	front_close(h->f);
	CHECK_INT(h->ends, ==, h->heads);
	free(h->large);
	pthread_cond_destroy(&h->came);
	pthread_mutex_destroy(&h->lock);
}

static inline void
start_waker(struct house *h)
{
	struct error e;

	if (sys_thread(&h->waker, "waker", wake_all, h, &e) != OK)
		abort();
}

static inline void
stop_waker(struct house *h)
{
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_signal(&h->came);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->waker, NULL);
}

/* True as soon as *n is at least `least`. */
static inline bool
reaches(atomic_int *n, int least)
{
	for (int i = 0; i < WAIT_MS && *n < least; i++)
		poll(NULL, 0, 1);
	return *n >= least;
}

/* --- the caller --- */

struct caller { int fd; char *in; size_t n, cap; };

static inline struct caller
dial(const struct house *h)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(h->port)) };
	struct caller c = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(c.fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		close(c.fd);
		c.fd = -1;
	}
	return c;
}

static inline void
hang_up(struct caller *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->in);
	*c = (struct caller){ .fd = -1 };
}

/* Returns what could be sent. */
static inline size_t
say_n(struct caller *c, const char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t k = send(c->fd, p + done, n - done, MSG_NOSIGNAL);
		if (k <= 0)
			break;
		done += (size_t)k;
	}
	return done;
}

static inline void say(struct caller *c, const char *z) { say_n(c, z, strlen(z)); }

/* False when the other end would not have it all. */
static inline bool
say_body(struct caller *c, size_t n)
{
	static const char piece[65536];

	for (size_t k; n > 0; n -= k)
		if ((k = say_n(c, piece, MIN(n, sizeof(piece)))) == 0)
			return false;
	return true;
}

/* One read: bytes, 0 at the end, -1 reset, -2 nothing within ms. */
static inline ssize_t
listen_once(struct caller *c, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	if (poll(&p, 1, ms) <= 0)
		return -2;
	if (c->cap - c->n < 65536)
		c->in = realloc(c->in, c->cap = c->cap * 2 + 131072);
	ssize_t k = recv(c->fd, c->in + c->n, c->cap - c->n - 1, 0);
	if (k > 0)
		c->in[c->n += (size_t)k] = '\0';
	return k;
}

static inline bool
more(struct caller *c)
{
	return listen_once(c, WAIT_MS) > 0;
}

/* The next answer; its strings are cut out of c.  headless: the answer to a HEAD. */
static inline int
hear_as(struct caller *c, char body[], size_t size, char head[2048], bool headless)
{
	char *end, *l;
	int status = 0;

	while (c->n == 0 || (end = strstr(c->in, "\r\n\r\n")) == NULL)
		if (!more(c))
			return 0;
	snprintf(head, 2048, "%.*s", (int)(end - c->in), c->in);
	sscanf(head, "HTTP/1.1 %d", &status);
	size_t length = (l = strcasestr(head, "Content-Length: ")) != NULL && !headless ? (size_t)atol(l + 16) : 0;
	size_t all = (size_t)(end - c->in) + 4 + length;
	while (c->n < all)
		if (!more(c))
			return 0;
	snprintf(body, size, "%.*s", (int)MIN(length, size - 1), c->in + all - length);
	memmove(c->in, c->in + all, c->n - all + 1);
	c->n -= all;
	return status;
}

static char body[4096], head[2048];
static inline int hear(struct caller *c) { return hear_as(c, body, sizeof(body), head, false); }
#define CHECK_SAID(text) CHECK_STR(str_z(body), S(text))

/* Ended in good order: no reset, and nothing more was said. */
static inline bool
ended(struct caller *c)
{
	return c->n == 0 && listen_once(c, WAIT_MS) == 0;
}

/* The clock goes on in steps until the connection is gone; how far it went, or -1. */
static inline int64_t
gone_after(struct house *h, struct caller *c, int64_t step_ms, int64_t most_ms)
{
	int64_t went = 0;

	for (;;) {
		ssize_t k = listen_once(c, 25);
		if (k == 0 || k == -1)
			return went;
		if (went >= most_ms)
			return -1;
		h->clock.ms += step_ms;
		went += step_ms;
	}
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

#endif
