#include "dial/dial.h"
#include "t.h"
#include "t_provider.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* What a test sees of one call. */
struct seen { struct arena a; struct dial_result r; size_t pieces, bytes, asked; size_t stop_at; size_t asked_most; };

static bool
count_piece(void *ctx, str piece)
{
	struct seen *s = ctx;

	s->pieces++;
	s->bytes += piece.n;
	return s->stop_at == 0 || s->bytes < s->stop_at;
}

static bool
count_asked(void *ctx)
{
	struct seen *s = ctx;
	return ++s->asked != s->asked_most;
}

static int64_t the_wall_us(const struct sys_clock *c) { (void)c; return INT64_C(1700000000000000); }
static int64_t the_mono_us(const struct sys_clock *c) { (void)c; return sys_mono_us(&sys_clock_real); }
static const struct sys_clock wall_stands = { the_wall_us, the_mono_us };

static const char *const headers[] = { "Content-Type: application/json", "Authorization: Bearer secret-word", NULL };

static struct dial_request
request(struct seen *s, const char *behaviour)
{
	arena_init(&s->a, 64 << 20);
	const char *url = str_fmt(&s->a, "http://user:pass-word@127.0.0.1:%d/%s/x", provider_port(), behaviour).p;
	return (struct dial_request){ .method = "POST", .url = url, .headers = headers, .body = S("{\"model\":\"m\"}"),
	    .connect_ms = 60000, .silence_ms = 60000, .total_ms = 60000, .max = 1 << 20, .ctx = s };
}

static void
call(struct seen *s, const struct dial_request *rq)
{
	dial(&s->a, &wall_stands, rq, &s->r);
	CHECK(s->r.fault == DIAL_OK || s->r.why[0] != '\0');
	CHECK(strstr(s->r.why, "pass-word") == NULL && strstr(s->r.why, "secret-word") == NULL);
}

static bool
holds(str text, const char *part)
{
	return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

TEST(an_answer_is_collected)
{
	struct seen s = { 0 };
	struct dial_request rq = request(&s, "json");

	call(&s, &rq);
	CHECK_INT(s.r.fault, ==, DIAL_OK);
	CHECK_INT(s.r.status, ==, 200);
	CHECK_STR(s.r.content_type, S("application/json"));
	CHECK(holds(s.r.body, "The smallest change"));
	CHECK_INT(s.r.retry_after_s, ==, -1);
	rq.method = "GET";
	rq.body = STR_NONE;
	rq.url = str_fmt(&s.a, "http://127.0.0.1:%d/_requests", provider_port()).p;
	call(&s, &rq);
	CHECK(holds(s.r.body, "\"Authorization\": \"Bearer secret-word\""));
	CHECK(holds(s.r.body, "\"body\": {\"model\": \"m\"}"));
	CHECK(!holds(s.r.body, "Expect"));
	arena_free(&s.a);
}

/* A body in parts, with a file of `size` bytes of which `bytes` are asked for. */
static void
send_parts(struct seen *s, size_t size, int64_t bytes)
{
	struct dial_request rq = request(s, "json");
	char block[4096];
	int fd = fileno(tmpfile());

	memset(block, 'x', sizeof(block));
	for (size_t i = 0; i < size; i += sizeof(block))
		if (write(fd, block, sizeof(block)) != sizeof(block))
			abort();
	struct dial_part part[] = { { .text = S("{\"model\":\"m\",\"file\":\"") }, { .text = S("") },
	    { .fd = fd, .from = 3, .bytes = bytes }, { .text = S("\"}") } };
	rq.part = part;
	rq.parts = COUNT(part);
	call(s, &rq);
	close(fd);
}

TEST(a_body_in_parts_is_read_from_its_file)
{
	struct seen s = { 0 };

	send_parts(&s, 1 << 20, 300001);
	CHECK_INT(s.r.fault, ==, DIAL_OK);
	CHECK_INT(s.r.status, ==, 200);
	arena_free(&s.a);
	struct dial_request rq = request(&s, "json");
	rq.method = "GET";
	rq.body = STR_NONE;
	rq.url = str_fmt(&s.a, "http://127.0.0.1:%d/_requests", provider_port()).p;
	call(&s, &rq);
	const char *at = memmem(s.r.body.p, s.r.body.n, "{\"model\": \"m\", \"file\": \"", 24);
	CHECK(at != NULL);
	size_t n = at != NULL ? strspn(at + 24, "x") : 0;
	CHECK_INT(n, ==, 300001);
	CHECK(holds(s.r.body, "\"Content-Length\": \"300024\""));
	arena_free(&s.a);
}

TEST(a_file_that_is_shorter_than_its_part_breaks_the_call)
{
	struct seen s = { 0 };

	send_parts(&s, 1 << 16, 300000);
	CHECK_INT(s.r.fault, ==, DIAL_BROKEN);
	arena_free(&s.a);
}

TEST(pieces_are_handed_over_and_error_bodies_collected)
{
	struct seen s = { 0 };
	struct dial_request rq = request(&s, "normal");

	rq.piece = count_piece;
	call(&s, &rq);
	CHECK_INT(s.r.fault, ==, DIAL_OK);
	CHECK_INT(s.pieces, >, 100);
	CHECK_INT(s.bytes, >, 5000);
	CHECK_INT(s.r.body.n, ==, 0);
	s.pieces = 0;
	rq.url = str_fmt(&s.a, "http://127.0.0.1:%d/status-503/x", provider_port()).p;
	call(&s, &rq);
	CHECK_INT(s.r.fault, ==, DIAL_OK);
	CHECK_INT(s.r.status, ==, 503);
	CHECK_INT(s.pieces, ==, 0);
	CHECK(holds(s.r.body, "status 503 as asked"));
	arena_free(&s.a);
}

TEST(of_a_large_error_body_the_beginning_is_kept)
{
	struct seen s = { 0 };
	struct dial_request rq = request(&s, "bulk-500");

	rq.max = 2 << 20;
	call(&s, &rq);
	CHECK_INT(s.r.fault, ==, DIAL_OK);
	CHECK_INT(s.r.status, ==, 500);
	CHECK_INT(s.r.body.n, <=, DIAL_ERROR_MAX);
	CHECK(str_starts(s.r.body, S("It did not work.")));
	arena_free(&s.a);
}

/* One row, one way in which a call ends. */
static const struct way {
	const char *behaviour;
	int64_t silence_ms, total_ms;
	size_t max, stop_at, asked_most;
	enum dial_fault fault;
	int status, retry_after_s;
	const char *why;
} ways[] = {
	{ "busy-17", 60000, 60000, 1 << 20, 0, 0, DIAL_OK, 429, 17, "" },
	{ "busy-99999999999", 60000, 60000, 1 << 20, 0, 0, DIAL_OK, 429, INT32_MAX, "" },
	{ "redirect", 60000, 60000, 1 << 20, 0, 0, DIAL_OK, 302, -1, "" },
	{ "flood", 60000, 60000, 1 << 20, 0, 0, DIAL_TOO_LARGE, 200, -1, "more than 1048576 bytes" },
	{ "endless", 60000, 60000, 1 << 20, 20000, 0, DIAL_STOPPED, 200, -1, "stopped" },
	{ "mute", 60000, 60000, 1 << 20, 0, 2, DIAL_STOPPED, 0, -1, "stopped" },
	{ "drip", 60000, 60000, 1 << 20, 0, 30, DIAL_STOPPED, 200, -1, "stopped" },
	{ "mute", 80, 60000, 1 << 20, 0, 0, DIAL_TIMEOUT, 0, -1, "sent nothing for 80 ms" },
	{ "stall", 3000, 60000, 1 << 20, 0, 0, DIAL_TIMEOUT, 200, -1, "sent nothing for 3000 ms" },	/* the head of the answer may take its time */
	{ "drip", 60000, 3000, 1 << 20, 0, 0, DIAL_TIMEOUT, 200, -1, "did not finish within 3000 ms" },
	{ "break", 60000, 60000, 1 << 20, 0, 0, DIAL_BROKEN, 200, -1, "broke" },
	{ "drop", 60000, 60000, 1 << 20, 0, 0, DIAL_BROKEN, 0, -1, "broke" },
};

TEST(every_way_to_end)
{
	for (const struct way *w = ways; w < ways + COUNT(ways); w++) {
		struct seen s = { .stop_at = w->stop_at, .asked_most = w->asked_most };
		struct dial_request rq = request(&s, w->behaviour);
		rq.silence_ms = w->silence_ms;
		rq.total_ms = w->total_ms;
		rq.max = w->max;
		rq.piece = count_piece;
		rq.alive = w->asked_most != 0 ? count_asked : NULL;
		call(&s, &rq);
		if (s.r.fault != w->fault || s.r.status != w->status || s.r.retry_after_s != w->retry_after_s || strstr(s.r.why, w->why) == NULL)
			t_fail(__FILE__, __LINE__, "%s: fault %d, status %d, retry %d, \"%s\"",
			    w->behaviour, s.r.fault, s.r.status, s.r.retry_after_s, s.r.why);
		CHECK_INT(s.asked, ==, w->asked_most);
		arena_free(&s.a);
	}
}

TEST(a_date_of_retry_is_counted_from_the_clock)
{
	struct seen s = { 0 };
	struct dial_request rq = request(&s, "busydate");

	int64_t began = sys_mono_us(&sys_clock_real);
	dial(&s.a, &sys_clock_real, &rq, &s.r);
	CHECK_INT(s.r.retry_after_s, >=, 28 - (sys_mono_us(&sys_clock_real) - began) / 1000000);
	CHECK_INT(s.r.retry_after_s, <=, 31);
	arena_free(&s.a);
}

/* A socket on 127.0.0.1 that nobody accepts from; its port is written out. */
static int
deaf_socket(bool listening, int *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (bind(fd, (struct sockaddr *)&at, n) != 0 || (listening && listen(fd, 0) != 0) || getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		abort();
	*ret_port = ntohs(at.sin_port);
	return fd;
}

TEST(nobody_listens)
{
	struct seen s = { 0 };
	struct dial_request rq = request(&s, "json");
	int port, fd = deaf_socket(false, &port);

	rq.url = str_fmt(&s.a, "http://127.0.0.1:%d/", port).p;
	call(&s, &rq);
	CHECK_INT(s.r.fault, ==, DIAL_CONNECT);
	CHECK(strstr(s.r.why, "Connection refused") != NULL);
	close(fd);
	arena_free(&s.a);
}

TEST(nobody_accepts)
{
	struct seen s = { 0 };
	struct dial_request rq = request(&s, "json");
	int port, fd = deaf_socket(true, &port), fill[4];
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port) };

	for (size_t i = 0; i < COUNT(fill); i++) {	/* fills the backlog: the next one is not answered */
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(fill[i], (struct sockaddr *)&at, sizeof(at));
	}
	rq.url = str_fmt(&s.a, "http://127.0.0.1:%d/", port).p;
	rq.connect_ms = 100;
	call(&s, &rq);
	CHECK_INT(s.r.fault, ==, DIAL_TIMEOUT);
	CHECK(strstr(s.r.why, "within 100 ms") != NULL);
	for (size_t i = 0; i < COUNT(fill); i++)
		close(fill[i]);
	close(fd);
	arena_free(&s.a);
}

TEST(addresses_that_cannot_work)
{
	static const struct { const char *url; enum dial_fault fault; } rows[] = {
		{ "", DIAL_CONNECT }, { "localhost/v1", DIAL_CONNECT }, { "file:///etc/passwd", DIAL_CONNECT }, { "ftp://127.0.0.1/", DIAL_CONNECT },
		{ "http://", DIAL_CONNECT }, { "http://a b/", DIAL_CONNECT },
		/* a label of 64 letters cannot be asked for, so no name server hears of it */
		{ "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid/", DIAL_RESOLVE },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct seen s = { 0 };
		struct dial_request rq = request(&s, "json");
		rq.url = rows[i].url;
		call(&s, &rq);
		if (s.r.fault != rows[i].fault)
			t_fail(__FILE__, __LINE__, "%s: fault %d, \"%s\"", rows[i].url, s.r.fault, s.r.why);
		arena_free(&s.a);
	}
}

TEST(a_server_without_tls)
{
	struct seen s = { 0 };
	struct dial_request rq = request(&s, "json");

	rq.url = str_fmt(&s.a, "https://127.0.0.1:%d/json/x", provider_port()).p;
	call(&s, &rq);
	CHECK_INT(s.r.fault, ==, DIAL_TLS);
	arena_free(&s.a);
}

TEST(a_proxy_is_not_asked_for_this_machine)
{
	struct seen s = { 0 };
	struct dial_request rq = request(&s, "json");

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	call(&s, &rq);
	unsetenv("http_proxy");
	CHECK_INT(s.r.status, ==, 200);
	arena_free(&s.a);
}

static void *
one_call(void *ctx)
{
	struct seen *s = ctx;
	struct dial_request rq = request(s, "late-50");

	call(s, &rq);
	return NULL;
}

TEST(threads_call_at_the_same_time)
{
	struct seen s[8] = { 0 };
	pthread_t t[COUNT(s)];
	struct error e;

	provider_port();
	for (size_t i = 0; i < COUNT(s); i++)
		if (sys_thread(&t[i], "call", one_call, &s[i], &e) != OK)
			abort();
	for (size_t i = 0; i < COUNT(s); i++) {
		pthread_join(t[i], NULL);
		CHECK_INT(s[i].r.status, ==, 200);
		arena_free(&s[i].a);
	}
}

/* --- the head --- */

struct lines { struct seen s; char first[40], type[80]; int n; };

static void
note_line(void *ctx, str line)
{
	struct lines *l = ctx;

	if (l->n++ == 0)
		snprintf(l->first, sizeof(l->first), "%.*s", STR(line));
	if (str_starts(line, S("Content-Type: ")))
		snprintf(l->type, sizeof(l->type), "%.*s", STR(line));
}

TEST(the_lines_of_the_head_are_handed_over)
{
	struct lines l = { 0 };
	struct dial_request rq = request(&l.s, "json");

	rq.head = note_line;
	rq.ctx = &l;
	call(&l.s, &rq);
	CHECK_INT(l.s.r.fault, ==, DIAL_OK);
	CHECK(strncmp(l.first, "HTTP/1.", 7) == 0 && strstr(l.first, " 200") != NULL);
	CHECK(strstr(l.type, "application/json") != NULL);
	CHECK(strcmp(l.s.r.address, "127.0.0.1") == 0);
	arena_free(&l.s.a);
}
