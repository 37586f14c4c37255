#include "front/front_priv.h"
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct count { atomic_int heads, runs, ends; };

static void
head(void *ctx, struct exchange *x)
{
	((struct count *)ctx)->heads++;
	x->body_max = 100;
	if (x->method.n == 0 || x->target.n == 0 || x->nquery > QUERY_MAX || memchr(x->path.p, '\0', x->path.n) != NULL)
		abort();
	if (str_starts(x->path, S("/r")))
		front_answer(x, 401, S("refused"));
}

static void
run(void *ctx, struct exchange *x)
{
	((struct count *)ctx)->runs++;
	if (x->body.n > x->body_max || (x->body_over && x->body.n != 0))
		abort();
	if (str_starts(x->path, S("/p"))) {
		front_wake(x);
		front_park(x);
	} else if (str_starts(x->path, S("/s"))) {
		struct front_stream *s = front_stream(x, 200, S("beat"), 1000);
		front_send(s, x->target);
		front_stream_end(s);
	} else
		front_answer(x, x->body_over ? 413 : 200, x->body);
}

static void resumed(void *ctx, struct exchange *x) { (void)ctx; front_answer(x, 200, x->target); }
static void end(void *ctx, struct exchange *x) { (void)x; ((struct count *)ctx)->ends++; }

/* Until the front has read it all or said something: an end that comes together with bytes would wait for a sweep. */
static void
hear_out(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int unread;

	while (ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0 && poll(&p, 1, 0) == 0)
		sched_yield();
}

/* Bytes into a running front and out again until it hangs up: it does, and every head() has had its end(). */
int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	static struct front *f;
	static struct count c;
	struct sockaddr sa = { .sa_family = AF_UNIX };
	char junk[4096];
	int pair[2];

	if (f == NULL) {
		struct front_conf conf = { .listen = "127.0.0.1:0", .threads = 1, .max_connections = 8, .header_ms = 10000,
			.keepalive_ms = 10000, .body_rate = 1, .drain_max = 300, .arena_budget = 1 << 20, .clock = &sys_clock_real };
		struct front_handler h = { head, run, resumed, end, &c };
		struct error e;
		if (front_open(&conf, &h, &f, &e) != OK)
			abort();
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 || !watch_adopt(f, pair[0], &sa, sizeof(sa)))
		abort();
	if (send(pair[1], d, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && n != 0)
		abort();
	hear_out(pair[1]);
	shutdown(pair[1], SHUT_WR);
	struct pollfd p = { .fd = pair[1], .events = POLLIN };
	do {
		if (poll(&p, 1, 5000) <= 0)
			abort();
	} while (read(pair[1], junk, sizeof(junk)) > 0);
	close(pair[1]);
	for (int i = 0; i < 1000 && c.heads != c.ends; i++)	/* a stream is over before its exchange may be */
		poll(NULL, 0, 1);
	if (c.heads != c.ends)
		abort();
	return 0;
}
