#include "front/house.h"

/* --- targets --- */

TEST(a_target_is_decoded_by_segment)
{
	static const struct { const char *target, *path; bool path_bad, query_bad; int nquery; const char *name, *value; } row[] = {
		{ "/v1/notes", "/v1/notes", false, false, 0, NULL, NULL },
		{ "/", "/", false, false, 0, NULL, NULL },
		{ "/a%20b", "/a b", false, false, 0, NULL, NULL },
		{ "/%c3%A4", "/\xc3\xa4", false, false, 0, NULL, NULL },
		{ "/\xc3\xa4", "/\xc3\xa4", false, false, 0, NULL, NULL },
		{ "//a//", "//a//", false, false, 0, NULL, NULL },
		{ "/a%5Cb\\", "/a\\b\\", false, false, 0, NULL, NULL },
		{ "/a+b", "/a+b", false, false, 0, NULL, NULL },
		{ "/../x", "/../x", false, false, 0, NULL, NULL },
		{ "*", "*", false, false, 0, NULL, NULL },
		{ "/a%2Fb", "", true, false, 0, NULL, NULL },
		{ "/a%2fb", "", true, false, 0, NULL, NULL },
		{ "/a%00", "", true, false, 0, NULL, NULL },
		{ "/a%", "", true, false, 0, NULL, NULL },
		{ "/a%4", "", true, false, 0, NULL, NULL },
		{ "/a%4g", "", true, false, 0, NULL, NULL },
		{ "/%ff", "", true, false, 0, NULL, NULL },
		{ "/\xff", "", true, false, 0, NULL, NULL },
		{ "/%c0%af", "", true, false, 0, NULL, NULL },
		{ "/a%00?b=c", "", true, false, 1, "b", "c" },
		{ "/a?b=c", "/a", false, false, 1, "b", "c" },
		{ "/a?b", "/a", false, false, 1, "b", "" },
		{ "/a?", "/a", false, false, 0, NULL, NULL },
		{ "/a?&&b=c=d&", "/a", false, false, 1, "b", "c=d" },
		{ "/a?b=c?d", "/a", false, false, 1, "b", "c?d" },
		{ "/a?b=1+%2B%26%3d", "/a", false, false, 1, "b", "1 +&=" },
		{ "/a?u=https%3A%2F%2Fb%2F", "/a", false, false, 1, "u", "https://b/" },
		{ "/a?b%20c=d", "/a", false, false, 1, "b c", "d" },
		{ "/a?b=%00", "/a", false, true, 1, "b", "" },
		{ "/a?b=%zz", "/a", false, true, 1, "b", "" },
		{ "/a?b=%ff", "/a", false, true, 1, "b", "" },
		{ "http://host:80/a?b=c", "/a", false, false, 1, "b", "c" },
		{ "HTTPS://host", "/", false, false, 0, NULL, NULL },
		{ "http://host?b=c", "/", false, false, 1, "b", "c" },
	};
	struct exchange x = { 0 };

	arena_init(&x.arena, 1 << 20);
	for (size_t i = 0; i < COUNT(row); i++) {
		front_target(&x, str_z(row[i].target));
		CHECK_STR(x.path, str_z(row[i].path));
		CHECK_INT(x.path_bad, ==, row[i].path_bad);
		CHECK_INT(x.query_bad, ==, row[i].query_bad);
		CHECK_INT(x.nquery, ==, row[i].nquery);
		if (row[i].name != NULL) {
			CHECK_STR(x.query[0].name, str_z(row[i].name));
			CHECK_STR(x.query[0].value, str_z(row[i].value));
			CHECK(x.query[0].value.p != NULL);
		}
	}
	arena_free(&x.arena);
}

TEST(a_query_has_at_most_64_parameters)
{
	struct exchange x = { 0 };
	char t[512] = "/?";

	arena_init(&x.arena, 1 << 20);
	for (int i = 0; i < 64; i++)
		strcat(t, "a=1&");
	front_target(&x, str_z(t));
	CHECK(!x.query_bad);
	CHECK_INT(x.nquery, ==, 64);
	strcat(t, "b");
	front_target(&x, str_z(t));
	CHECK(x.query_bad);
	CHECK_INT(x.nquery, ==, 64);
	arena_free(&x.arena);
}

/* --- the plain life of requests --- */

TEST(one_connection_serves_one_request_after_another)
{
	struct house h;
	house_up(&h);
	struct caller c = dial(&h);

	for (int i = 0; i < 5; i++) {
		say(&c, "GET /v1/notes?a=1&b=2 HTTP/1.1\r\nHost: a\r\nuser-agent:  me \t\r\n\r\n");
		CHECK_INT(hear(&c), ==, 200);
		CHECK_SAID("GET /v1/notes ua=me peer=127.0.0.1 q=2");
		CHECK(strstr(head, "\r\nDate: ") != NULL);
		CHECK(strstr(head, "Connection") == NULL);
	}
	CHECK_INT(front_connections(h.f), ==, 1);
	hang_up(&c);
	house_down(&h);
	CHECK_INT(h.cuts, ==, 0);
}

TEST(twenty_requests_in_one_packet_get_twenty_answers_in_order)
{
	struct house h;
	house_up(&h);
	struct caller c = dial(&h);
	char all[4096] = "", want[64];

	for (int i = 0; i < 20; i++)
		sprintf(all + strlen(all), "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
	say(&c, all);
	for (int i = 0; i < 20; i++) {
		CHECK_INT(hear(&c), ==, 200);
		sprintf(want, "GET /%d ", i);
		CHECK(str_starts(str_z(body), str_z(want)));
	}
	hang_up(&c);
	house_down(&h);
}

TEST(head_gets_the_length_and_no_body)
{
	struct house h;
	house_up(&h);
	struct caller c = dial(&h);

	say(&c, "HEAD /bye HTTP/1.1\r\nHost: a\r\n\r\n");
	CHECK_INT(hear_as(&c, body, sizeof(body), head, true), ==, 200);
	CHECK(strstr(head, "Content-Length: 3") != NULL);
	CHECK(strstr(head, "Connection: close") != NULL);
	CHECK(ended(&c));
	hang_up(&c);
	house_down(&h);
}

static void face_head(void *ctx, struct exchange *x) { (void)ctx; x->body_max = 100; }
static void face_run(void *ctx, struct exchange *x) { (void)x; front_answer(x, 200, str_z(ctx)); }
static void face_end(void *ctx, struct exchange *x) { (void)ctx, (void)x; }

TEST(a_face_takes_its_paths_and_the_rest_is_the_handlers)
{
	static const struct { const char *target, *said; } row[] = {
		{ "/site", "site" }, { "/site/", "site" }, { "/site/a?b", "site" }, { "/site?x", "site" }, { "/%73ite/a", "site" },
		{ "/one", "one" }, { "/one?x", "one" }, { "/", "root" }, { "/?x", "root" },
		{ "/sites", "GET /sites" }, { "/sit", "GET /sit" }, { "/one/", "GET /one/" }, { "/one/two", "GET /one/two" },
		{ "//", "GET //" }, { "//site", "GET //site" }, { "/site%2Fa", "GET  " }, { "/a/site", "GET /a/site" },
	};
	char site[] = "site", one[] = "one", root[] = "root";
	const struct front_face faces[] = {
		{ S("/site"), true, { face_head, face_run, face_run, face_end, site } },
		{ S("/one"), false, { face_head, face_run, face_run, face_end, one } },
		{ S("/"), false, { face_head, face_run, face_run, face_end, root } },
	};
	struct house h;
	char line[200];

	house_prepare(&h);
	h.conf.faces = faces;
	h.conf.nfaces = (int)COUNT(faces);
	house_open(&h);
	struct caller c = dial(&h);
	for (size_t i = 0; i < COUNT(row); i++) {
		snprintf(line, sizeof(line), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", row[i].target);
		say(&c, line);
		CHECK_INT(hear(&c), ==, 200);
		CHECK(str_starts(str_z(body), str_z(row[i].said)));
	}
	CHECK_INT(h.heads, ==, 8);
	hang_up(&c);
	house_down(&h);
}

TEST(a_body_arrives_whole_with_a_length_and_in_chunks)
{
	struct house h;
	house_up(&h);
	struct caller c = dial(&h);

	say(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello ");
	say(&c, "world");
	CHECK_INT(hear(&c), ==, 200);
	CHECK_SAID("hello world");
	say(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n6\r\nhello \r\n");
	say(&c, "5\r\nchunk\r\n0\r\n\r\n");
	CHECK_INT(hear(&c), ==, 200);
	CHECK_SAID("hello chunk");
	say(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
	CHECK_INT(hear(&c), ==, 200);
	CHECK_SAID("");
	say(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
	CHECK(say_body(&c, BODY_MAX));
	CHECK_INT(hear(&c), ==, 200);
	CHECK(strstr(head, "Content-Length: 200000") != NULL);
	say(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n");
	CHECK(say_body(&c, BODY_MAX));
	say(&c, "\r\n0\r\n\r\n");
	CHECK_INT(hear(&c), ==, 200);
	CHECK(strstr(head, "Content-Length: 200000") != NULL);
	hang_up(&c);
	house_down(&h);
}

TEST(http_1_0_needs_no_host_and_closes)
{
	struct house h;
	house_up(&h);
	struct caller c = dial(&h);

	say(&c, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /x HTTP/1.0\r\n\r\n");
	CHECK_INT(hear(&c), ==, 200);
	CHECK_INT(hear(&c), ==, 200);
	CHECK(ended(&c));
	hang_up(&c);
	house_down(&h);
}

TEST(a_client_that_closes_its_half_at_once_is_answered_and_then_closed)
{
	struct house h;
	house_up(&h);

	for (int i = 0; i < 20; i++) {
		struct caller c = dial(&h);
		say(&c, i % 2 ? GET("/echo") : "GET / HTTP/1.1\r\nHost:");
		shutdown(c.fd, SHUT_WR);
		if (i % 2)
			CHECK_INT(hear(&c), ==, 200);
		CHECK(ended(&c));
		hang_up(&c);
	}
	house_down(&h);
}

TEST(a_header_value_cannot_write_a_header)
{
	struct house h;
	house_up(&h);
	struct caller c = dial(&h);

	say(&c, GET("/split"));
	CHECK_INT(hear(&c), ==, 200);
	CHECK(strstr(head, "Set-Cookie") == NULL);
	CHECK_SAID("whole");
	hang_up(&c);
	house_down(&h);
}

TEST(a_handler_that_neither_answers_nor_parks_hangs_nobody)
{
	struct house h;
	house_up(&h);
	struct caller c = dial(&h);

	say(&c, GET("/neither"));
	CHECK(ended(&c));
	hang_up(&c);
	house_down(&h);
	CHECK_INT(h.cuts, ==, 1);
}

/* --- parking --- */

TEST(a_wake_that_comes_before_the_park_is_not_lost)
{
	struct house h;
	house_up(&h);
	struct caller c = dial(&h);

	for (int i = 0; i < 3; i++) {
		say(&c, GET("/early"));
		CHECK_INT(hear(&c), ==, 200);
		CHECK_SAID("woken");
	}
	hang_up(&c);
	house_down(&h);
}

TEST(a_thousand_parks_are_woken_by_another_thread_whoever_is_first)
{
	enum { CALLERS = 8, ROUNDS = 125 };
	struct house h;
	house_up(&h);
	struct caller c[CALLERS];

	start_waker(&h);
	for (int i = 0; i < CALLERS; i++)
		c[i] = dial(&h);
	for (int r = 0; r < ROUNDS; r++) {
		for (int i = 0; i < CALLERS; i++)
			say(&c[i], r % 2 == 0 ? GET("/park") : "POST /park HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
		for (int i = 0; i < CALLERS; i++)
			if (hear(&c[i]) != 200 || strcmp(body, "woken") != 0)
				t_fail(__FILE__, __LINE__, "round %d, caller %d: %s", r, i, body);
	}
	for (int i = 0; i < CALLERS; i++)
		hang_up(&c[i]);
	stop_waker(&h);
	house_down(&h);
	CHECK_INT(h.ends, ==, CALLERS * ROUNDS);
	CHECK_INT(h.cuts, ==, 0);
}

/* See epoll.c: exactly as many events at once as the library asks for. */
TEST(a_loop_with_128_requests_at_the_same_instant_answers_all)
{
	enum { N = 128 };
	struct house h;
	struct caller c[N], first;

	house_prepare(&h);
	h.conf.threads = 1;
	h.conf.max_connections = N + 10;
	house_open(&h);
	first = dial(&h);
	for (int i = 0; i < N; i++) {
		c[i] = dial(&h);
		say(&c[i], GET("/warm"));
		CHECK_INT(hear(&c[i]), ==, 200);
	}
	say(&first, GET("/block"));
	pthread_mutex_lock(&h.lock);
	while (!h.closed_in)
		pthread_cond_wait(&h.gate, &h.lock);
	pthread_mutex_unlock(&h.lock);
	for (int i = 0; i < N; i++)
		say(&c[i], GET("/now"));
	pthread_mutex_lock(&h.lock);
	h.open = true;
	pthread_cond_broadcast(&h.gate);
	pthread_mutex_unlock(&h.lock);
	CHECK_INT(hear(&first), ==, 200);
	for (int i = 0; i < N; i++) {
		CHECK_INT(hear(&c[i]), ==, 200);
		hang_up(&c[i]);
	}
	hang_up(&first);
	house_down(&h);
}

TEST(a_parked_request_whose_client_left_is_woken_all_the_same_and_cut)
{
	struct house h;
	house_up(&h);
	struct caller c = dial(&h);

	h.large = calloc(1, LARGE);
	say(&c, GET("/park"));
	CHECK(reaches(&h.runs, 1));
	/* leave with a reset, so that the answer finds nobody */
	setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	hang_up(&c);
	CHECK_INT(front_busy(h.f), ==, 1);
	start_waker(&h);
	CHECK(reaches(&h.ends, 1));
	stop_waker(&h);
	house_down(&h);
	CHECK_INT(h.cuts, ==, 1);
}

/* --- the end of the day --- */

TEST(quiesce_refuses_callers_closes_the_idle_and_lets_the_parked_finish)
{
	struct house h;
	house_up(&h);
	struct caller idle = dial(&h), parked = dial(&h), late;

	say(&idle, GET("/"));
	CHECK_INT(hear(&idle), ==, 200);
	say(&parked, GET("/park"));
	CHECK(reaches(&h.runs, 2));
	front_quiesce(h.f);
	late = dial(&h);
	CHECK_INT(late.fd, ==, -1);
	CHECK(ended(&idle));
	CHECK_INT(front_busy(h.f), ==, 1);
	start_waker(&h);
	CHECK_INT(hear(&parked), ==, 200);
	CHECK_SAID("woken");
	CHECK(strstr(head, "Connection: close") != NULL);
	CHECK(ended(&parked));
	CHECK(reaches(&h.ends, 2));
	for (int i = 0; i < WAIT_MS && front_busy(h.f) + front_connections(h.f) > 0; i++)
		poll(NULL, 0, 1);
	CHECK_INT(front_busy(h.f), ==, 0);
	CHECK_INT(front_connections(h.f), ==, 0);
	front_quiesce(h.f);
	stop_waker(&h);
	hang_up(&idle);
	hang_up(&parked);
	house_down(&h);
	CHECK_INT(h.cuts, ==, 0);
}

TEST(close_ends_what_is_under_way)
{
	struct house h;
	house_up(&h);
	struct caller idle = dial(&h), sends = dial(&h);

	say(&sends, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello");
	CHECK(reaches(&h.heads, 1));
	house_down(&h);
	CHECK_INT(h.cuts, ==, 1);
	CHECK(listen_once(&idle, WAIT_MS) <= 0);
	hang_up(&idle);
	hang_up(&sends);
}

TEST(close_waits_for_the_parked)
{
	struct house h;
	house_up(&h);
	struct caller c[8];

	for (size_t i = 0; i < COUNT(c); i++) {
		c[i] = dial(&h);
		say(&c[i], GET("/park"));
	}
	CHECK(reaches(&h.runs, (int)COUNT(c)));
	start_waker(&h);
	front_close(h.f);
	stop_waker(&h);
	CHECK_INT(h.ends, ==, (int)COUNT(c));
	for (size_t i = 0; i < COUNT(c); i++)
		hang_up(&c[i]);
	pthread_cond_destroy(&h.came);
	pthread_mutex_destroy(&h.lock);
}

/* --- many --- */


TEST(a_connection_above_the_limit_is_closed_at_once)
{
	struct house h;
	struct caller c[4];

	house_prepare(&h);
	h.conf.max_connections = 3;
	house_open(&h);
	for (int i = 0; i < 3; i++) {
		c[i] = dial(&h);
		say(&c[i], GET("/"));
		CHECK_INT(hear(&c[i]), ==, 200);
	}
	c[3] = dial(&h);
	CHECK(ended(&c[3]));
	CHECK_INT(front_connections(h.f), ==, 3);
	hang_up(&c[0]);
	hang_up(&c[3]);
	for (int i = 0; i < WAIT_MS && front_connections(h.f) > 2; i++)
		poll(NULL, 0, 1);
	c[0] = dial(&h);
	say(&c[0], GET("/"));
	CHECK_INT(hear(&c[0]), ==, 200);
	for (int i = 0; i < 3; i++)
		hang_up(&c[i]);
	house_down(&h);
}

static double
cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

TEST(five_thousand_idle_connections_cost_next_to_nothing)
{
	struct rlimit r;
	struct house h;
	static struct caller c[5000];
	int n;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	n = r.rlim_cur > 11000 ? 5000 : ((int)r.rlim_cur - 1000) / 2;
	house_prepare(&h);
	h.conf.max_connections = n + 1;
	h.conf.header_ms = 10000;
	house_open(&h);
	for (int i = 0; i < n; i++)
		c[i] = dial(&h);
	for (int i = 0; i < WAIT_MS && front_connections(h.f) < n; i++)
		poll(NULL, 0, 1);
	CHECK_INT(front_connections(h.f), ==, n);
	double before = cpu_seconds();
	int64_t began = sys_mono_us(&sys_clock_real);
	poll(NULL, 0, 1000);		/* a sweep or two: they make no noise that one could wait for */
	CHECK(cpu_seconds() - before < 0.4 * (double)(sys_mono_us(&sys_clock_real) - began) / 1e6);
	say(&c[n / 2], GET("/"));
	CHECK_INT(hear(&c[n / 2]), ==, 200);
	for (int i = 0; i < n; i++)
		hang_up(&c[i]);
	house_down(&h);
}

/* --- where it listens --- */

TEST(it_listens_where_it_is_told_and_names_the_port_it_got)
{
	static const struct { const char *listen, *url; enum err e; } row[] = {
		{ "127.0.0.1:0", "http://127.0.0.1:", OK }, { "[::1]:0", "http://[::1]:", OK }, { "localhost:0", "http://", OK },
		{ "127.0.0.1", NULL, E_USAGE }, { ":80", NULL, E_USAGE }, { "::1:80", NULL, E_USAGE }, { "[::1:80", NULL, E_USAGE },
		{ "127.0.0.1:", NULL, E_USAGE }, { "127.0.0.1:http", NULL, E_USAGE }, { "127.0.0.1:65536", NULL, E_USAGE }, { "203.0.113.1:0", NULL, E_SYS },
	};
	struct front_handler handler = { h_head, h_run, h_resumed, h_end, NULL };
	struct house h;
	house_prepare(&h);

	for (size_t i = 0; i < COUNT(row); i++) {
		struct front *f;
		struct error e;
		h.conf.listen = row[i].listen;
		enum err got = front_open(&h.conf, &handler, &f, &e);
		if (got == E_SYS && row[i].listen[0] == '[' && errno == EADDRNOTAVAIL)
			continue;		/* a machine without IPv6 */
		CHECK_INT(got, ==, row[i].e);
		if (got != OK)
			continue;
		CHECK(str_starts(str_z(front_url(f)), str_z(row[i].url)));
		CHECK_INT(atoi(strrchr(front_url(f), ':') + 1), >, 0);
		front_close(f);
	}
	pthread_cond_destroy(&h.came);
	pthread_mutex_destroy(&h.lock);
}
