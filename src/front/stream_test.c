#include "front/house.h"
#include "front/stream.h"

/* Streams: what is sent after the headers, by whom and when; what the handler makes of them is kept in a table, as its owners do. */

#define STREAMS		64
#define BEAT		S(": beat\n\n")
#define BEAT_MS		15000

struct room {
	struct house h;
	struct front_stream *stream[STREAMS];
	atomic_int made, gone;
	atomic_int gone_id[STREAMS];	/* how often gone() came for each */
};

static void
room_gone(void *ctx, uint64_t id)
{
	struct room *r = ctx;

	r->gone_id[id]++;
	r->gone++;
}

static struct front_stream *
make(struct room *r, struct exchange *x)
{
	front_add(x, "Content-Type", "text/event-stream");
	struct front_stream *s = front_stream(x, 200, BEAT, BEAT_MS);

	if (s == NULL)
		return NULL;
	front_stream_on_gone(s, room_gone, r, (uint64_t)r->made);
	return s;
}

#define EARLY	1000000
static char letters[EARLY];

/* /stream/early begins before its body is there, and has much to say. */
static void
st_head(void *ctx, struct exchange *x)
{
	struct room *r = ctx;

	r->h.heads++;
	x->body_max = BODY_MAX;
	if (!str_eq(x->path, S("/stream/early")))
		return;
	struct front_stream *s = r->stream[r->made] = make(r, x);
	front_send(s, (str){ letters, EARLY });
	r->made++;
}

static void
st_run(void *ctx, struct exchange *x)
{
	struct room *r = ctx;

	r->h.runs++;
	if (str_eq(x->path, S("/stream/plain"))) {
		front_answer(x, 200, S("plain"));
		return;
	}
	if (str_starts(x->path, S("/stream/park"))) {
		front_park(x);
		park_one(&r->h, x);
		return;
	}
	struct front_stream *s = make(r, x);
	if (s == NULL)
		front_answer(x, 503, S("full"));
	else if (str_starts(x->path, S("/stream/whole"))) {
		CHECK_INT(front_send(s, S("all ")), ==, !str_eq(x->method, S("HEAD")));
		front_send(s, S(""));
		front_send(s, S("of it"));
		front_stream_end(s);
	} else
		r->stream[r->made] = s;
	if (s != NULL)
		r->made++;
}

static void
st_resumed(void *ctx, struct exchange *x)
{
	struct room *r = ctx;

	r->stream[r->made] = make(r, x);
	r->made++;
}

static void
st_end(void *ctx, struct exchange *x)
{
	struct room *r = ctx;

	r->h.cuts += x->cut;
	r->h.ends++;
}

static void
room_prepare(struct room *r)
{
	static struct front_face face;

	memset(r, 0, sizeof(*r));
	house_prepare(&r->h);
	face = (struct front_face){ S("/stream"), true, { st_head, st_run, st_resumed, st_end, r } };
	r->h.conf.faces = &face;
	r->h.conf.nfaces = 1;
}

static void
room_up(struct room *r)
{
	room_prepare(r);
	house_open(&r->h);
}

static bool
settles(const struct room *r, int streams, int connections)
{
	for (int i = 0; i < WAIT_MS; i++, poll(NULL, 0, 1))
		if (front_streams(r->h.f) == streams && front_connections(r->h.f) == connections)
			return true;
	return false;
}

static void
wake_one(struct room *r)
{
	struct house *h = &r->h;

	pthread_mutex_lock(&h->lock);
	while (h->nparked == 0)
		pthread_cond_wait(&h->came, &h->lock);
	struct exchange *x = h->parked[--h->nparked];
	pthread_mutex_unlock(&h->lock);
	front_wake(x);
}

static bool
busy_are(const struct room *r, int n)
{
	for (int i = 0; i < WAIT_MS && front_busy(r->h.f) != n; i++)
		poll(NULL, 0, 1);
	return front_busy(r->h.f) == n;
}

/* The head of an answer; what follows stays in c. */
static int
hear_head(struct caller *c)
{
	char *end;
	int status = 0;

	while (c->n == 0 || (end = strstr(c->in, "\r\n\r\n")) == NULL)
		if (!more(c))
			return 0;
	snprintf(head, sizeof(head), "%.*s", (int)(end - c->in), c->in);
	sscanf(head, "HTTP/1.1 %d", &status);
	c->n -= (size_t)(end + 4 - c->in);
	memmove(c->in, end + 4, c->n + 1);
	return status;
}

/* The next chunk into body; false at the last one, or when none comes. */
static bool
hear_chunk(struct caller *c)
{
	unsigned long n;
	char *end;

	while (c->n == 0 || (end = strstr(c->in, "\r\n")) == NULL)
		if (!more(c))
			return false;
	n = strtoul(c->in, NULL, 16);
	size_t all = (size_t)(end - c->in) + 2 + n + 2;
	while (c->n < all)
		if (!more(c))
			return false;
	snprintf(body, sizeof(body), "%.*s", (int)n, end + 2);
	c->n -= all;
	memmove(c->in, c->in + all, c->n + 1);
	return n != 0;
}

/* All chunks to the end and the end of the connection; how many bytes they held. */
static size_t
hear_out(struct caller *c)
{
	size_t n = 0;

	while (hear_chunk(c))
		n += strlen(body);
	CHECK(ended(c));
	return n;
}

TEST(a_stream_goes_on_until_it_is_ended)
{
	struct room r;
	room_up(&r);
	struct caller c = dial(&r.h);

	say(&c, GET("/stream"));
	CHECK_INT(hear_head(&c), ==, 200);
	CHECK(strstr(head, "\r\nTransfer-Encoding: chunked\r\n") != NULL);
	CHECK(strstr(head, "\r\nConnection: close\r\n") != NULL);
	CHECK(strstr(head, "\r\nContent-Type: text/event-stream") != NULL);
	CHECK(strstr(head, "\r\nDate: ") != NULL);
	CHECK(reaches(&r.h.ends, 1));		/* the exchange is over, the stream is not */
	CHECK(settles(&r, 1, 1));
	CHECK(busy_are(&r, 1));
	for (int i = 0; i < 3; i++) {
		CHECK(front_send(r.stream[0], S("data: a\n\n")));
		CHECK(hear_chunk(&c));
		CHECK_SAID("data: a\n\n");
	}
	CHECK(!front_stream_gone(r.stream[0]));
	front_stream_end(r.stream[0]);
	CHECK(!hear_chunk(&c));
	CHECK(ended(&c));
	CHECK_INT(front_busy(r.h.f), ==, 0);
	hang_up(&c);
	CHECK(settles(&r, 0, 0));
	house_down(&r.h);
	CHECK_INT(r.h.cuts, ==, 0);
	CHECK_INT(r.gone, ==, 0);
}

TEST(what_is_sent_in_the_handler_follows_the_head)
{
	struct room r;
	room_up(&r);

	static const char *const asks[] = { GET("/stream/whole"), "POST /stream/whole HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
		"POST /stream/whole HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" };
	for (size_t i = 0; i < COUNT(asks); i++) {
		struct caller c = dial(&r.h);
		say(&c, GET("/stream/plain"));		/* a connection that was used before */
		CHECK_INT(hear(&c), ==, 200);
		say(&c, asks[i]);
		CHECK_INT(hear_head(&c), ==, 200);
		CHECK(hear_chunk(&c));
		CHECK_SAID("all ");
		CHECK(hear_chunk(&c));
		CHECK_SAID("of it");
		CHECK(!hear_chunk(&c));
		CHECK(ended(&c));
		hang_up(&c);
	}
	house_down(&r.h);
	CHECK_INT(r.h.cuts, ==, 0);
}

TEST(who_waits_with_the_body_is_told_to_send_it_before_the_stream)
{
	struct room r;
	room_up(&r);
	struct caller c = dial(&r.h);

	say(&c, "POST /stream/whole HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	CHECK_INT(hear_head(&c), ==, 100);
	say(&c, "abc");
	CHECK_INT(hear_head(&c), ==, 200);
	CHECK_INT(hear_out(&c), ==, 9);		/* all of it */
	hang_up(&c);
	house_down(&r.h);
}

TEST(http_1_0_gets_it_without_chunks_and_head_the_headers)
{
	struct room r;
	room_up(&r);
	struct caller c = dial(&r.h);

	say(&c, "GET /stream/whole HTTP/1.0\r\n\r\n");
	CHECK_INT(hear_head(&c), ==, 200);
	CHECK(strstr(head, "chunked") == NULL);
	while (listen_once(&c, WAIT_MS) > 0)
		;
	CHECK_STR(((str){ c.in, c.n }), S("all of it"));
	hang_up(&c);
	for (int i = 0; i < 2; i++) {
		c = dial(&r.h);
		say(&c, i == 0 ? "HEAD /stream/whole HTTP/1.1\r\nHost: a\r\n\r\n" : "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
		CHECK_INT(hear_head(&c), ==, 200);
		CHECK(ended(&c));
		hang_up(&c);
	}
	CHECK(reaches(&r.made, 3));
	CHECK(!front_send(r.stream[2], S("x")));
	CHECK(front_stream_gone(r.stream[2]));
	front_stream_end(r.stream[2]);
	CHECK(settles(&r, 0, 0));
	house_down(&r.h);
}

TEST(a_quiet_stream_beats)
{
	struct room r;
	room_up(&r);
	struct caller c = dial(&r.h);

	say(&c, GET("/stream"));
	CHECK_INT(hear_head(&c), ==, 200);
	CHECK(reaches(&r.made, 1));
	r.h.clock.ms += BEAT_MS - 1;
	CHECK_INT(listen_once(&c, 60), ==, -2);
	for (int i = 0; i < 3; i++) {
		r.h.clock.ms += BEAT_MS;
		CHECK(hear_chunk(&c));
		CHECK_SAID(": beat\n\n");
	}
	r.h.clock.ms += BEAT_MS - 1;
	CHECK(front_send(r.stream[0], S("busy")));	/* so it need not beat */
	r.h.clock.ms += BEAT_MS - 1;
	CHECK(hear_chunk(&c));
	CHECK_SAID("busy");
	CHECK_INT(listen_once(&c, 60), ==, -2);
	front_stream_end(r.stream[0]);
	CHECK_INT(hear_out(&c), ==, 0);
	hang_up(&c);
	house_down(&r.h);
}

TEST(a_client_that_leaves_is_noticed_at_once)
{
	struct room r;
	room_up(&r);

	for (int i = 0; i < 3; i++) {
		struct caller c = dial(&r.h);
		say(&c, i == 1 ? GET("/stream/park") : GET("/stream"));
		if (i == 1)
			wake_one(&r);
		CHECK_INT(hear_head(&c), ==, 200);
		CHECK(reaches(&r.made, i + 1));
		CHECK_INT(r.gone, ==, i);
		if (i == 2) {		/* its half is enough: it will not ask for more, and who is gone looks the same */
			shutdown(c.fd, SHUT_WR);
			CHECK(reaches(&r.gone, i + 1));
		}
		hang_up(&c);
		CHECK(reaches(&r.gone, i + 1));		/* no clock goes here */
		CHECK_INT(r.gone_id[i], ==, 1);
		CHECK(front_stream_gone(r.stream[i]));
		CHECK(!front_send(r.stream[i], S("x")));
		front_stream_end(r.stream[i]);
	}
	CHECK(settles(&r, 0, 0));
	house_down(&r.h);
	CHECK_INT(r.gone, ==, 3);
}

TEST(a_client_that_left_before_the_answer_is_noticed_too)
{
	struct room r;
	room_up(&r);
	struct caller c = dial(&r.h);

	say(&c, GET("/stream/park"));
	CHECK(reaches(&r.h.runs, 1));
	hang_up(&c);
	wake_one(&r);
	CHECK(reaches(&r.gone, 1));
	CHECK(!front_send(r.stream[0], S("x")));
	front_stream_end(r.stream[0]);
	CHECK(settles(&r, 0, 0));
	house_down(&r.h);
}

/* Sends until it may not, at most n times; how many went. */
static int
send_many(struct front_stream *s, str piece, int n)
{
	for (int i = 0; i < n; i++)
		if (!front_send(s, piece))
			return i;
	return n;
}

TEST(a_client_that_reads_late_gets_all_and_one_that_does_not_is_cut)
{
	enum { PIECE = 100000 };
	struct room r;

	room_up(&r);
	memset(letters, 'a', PIECE);
	struct caller late = dial(&r.h), never = dial(&r.h);
	say(&late, GET("/stream"));
	CHECK_INT(hear_head(&late), ==, 200);
	CHECK(reaches(&r.made, 1));
	int n = send_many(r.stream[0], (str){ letters, PIECE }, 10);
	CHECK_INT(n, ==, 10);
	front_stream_end(r.stream[0]);
	size_t got = 0;
	while (listen_once(&late, WAIT_MS) > 0)
		;
	for (size_t i = 0; i < late.n; i++)
		got += late.in[i] == 'a';
	CHECK_INT(got, >=, 10 * PIECE);			/* sizes of chunks are 186a0 */
	CHECK(late.n > 5 && memcmp(late.in + late.n - 5, "0\r\n\r\n", 5) == 0);

	say(&never, GET("/stream"));
	CHECK_INT(hear_head(&never), ==, 200);
	CHECK(reaches(&r.made, 2));
	CHECK_INT(send_many(r.stream[1], (str){ letters, PIECE }, 1000), <, 1000);
	CHECK(front_stream_gone(r.stream[1]));
	CHECK(reaches(&r.gone, 1));
	front_stream_end(r.stream[1]);
	hang_up(&late);
	hang_up(&never);
	CHECK(settles(&r, 0, 0));
	house_down(&r.h);
}

TEST(a_client_that_takes_nothing_is_given_up)
{
	struct room r;

	room_prepare(&r);
	r.h.conf.keepalive_ms = 200;
	house_open(&r.h);
	struct caller c = dial(&r.h);
	say(&c, GET("/stream"));
	CHECK_INT(hear_head(&c), ==, 200);
	CHECK(reaches(&r.made, 1));
	CHECK_INT(send_many(r.stream[0], (str){ letters, 100000 }, 10), ==, 10);	/* more than it may have before it reads */
	CHECK(reaches(&r.gone, 1));
	front_stream_end(r.stream[0]);
	hang_up(&c);
	CHECK(settles(&r, 0, 0));
	house_down(&r.h);
}

TEST(all_streams_together_hold_so_much_and_no_more)
{
	enum { N = 40, HELD = FRONT_STREAMS_MAX / EARLY };
	struct room r;
	struct caller c[N];

	memset(letters, 'a', EARLY);
	room_prepare(&r);
	r.h.conf.max_connections = 2 * N;
	r.h.conf.threads = 1;
	house_open(&r.h);
	for (int i = 0; i < N; i++) {
		c[i] = dial(&r.h);
		say(&c[i], "POST /stream/early HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
		CHECK(reaches(&r.made, i + 1));
		CHECK_INT(front_stream_gone(r.stream[i]), ==, i >= HELD);
	}
	for (int i = 0; i < N; i++)
		say(&c[i], "abc");
	for (int i = 0; i < N; i++) {
		front_stream_end(r.stream[i]);
		if (i >= HELD) {
			CHECK(ended(&c[i]));
		} else {
			CHECK_INT(hear_head(&c[i]), ==, 200);
			while (listen_once(&c[i], WAIT_MS) > 0)
				;
			CHECK_INT(c[i].n, >, EARLY);
		}
		hang_up(&c[i]);
	}
	CHECK(settles(&r, 0, 0));
	house_down(&r.h);
	CHECK_INT(r.h.cuts, ==, N - HELD);
}

TEST(who_talks_into_a_stream_is_not_heard_and_not_for_ever)
{
	struct room r;
	room_up(&r);
	struct caller c = dial(&r.h);

	say(&c, GET("/stream") GET("/stream/plain"));
	CHECK_INT(hear_head(&c), ==, 200);
	CHECK(reaches(&r.made, 1));
	say(&c, GET("/stream/plain"));
	CHECK(front_send(r.stream[0], S("data")));
	CHECK(hear_chunk(&c));
	CHECK_SAID("data");
	(void)say_body(&c, 300000);
	CHECK(reaches(&r.gone, 1));
	front_stream_end(r.stream[0]);
	hang_up(&c);
	CHECK(settles(&r, 0, 0));
	house_down(&r.h);
	CHECK_INT(r.h.runs, ==, 1);
}

TEST(streams_count_as_connections_and_half_of_these_are_not_for_them)
{
	enum { MOST = 4 };
	struct room r;
	struct caller c[MOST + 1];

	room_prepare(&r);
	r.h.conf.max_connections = MOST;
	house_open(&r.h);
	for (int i = 0; i < MOST; i++) {
		c[i] = dial(&r.h);
		say(&c[i], GET("/stream"));
		CHECK_INT(hear_head(&c[i]), ==, i < MOST / 2 ? 200 : 503);
	}
	CHECK(settles(&r, MOST / 2, MOST));
	c[MOST] = dial(&r.h);
	CHECK(ended(&c[MOST]));
	hang_up(&c[MOST]);
	hang_up(&c[0]);
	CHECK(settles(&r, MOST / 2 - 1, MOST - 1));
	c[0] = dial(&r.h);
	say(&c[0], GET("/stream"));
	CHECK_INT(hear_head(&c[0]), ==, 200);
	CHECK(settles(&r, MOST / 2, MOST));
	CHECK(reaches(&r.made, MOST / 2 + 1));
	for (int i = 0; i < MOST / 2 + 1; i++)
		front_stream_end(r.stream[i]);
	for (int i = 0; i < MOST; i++)
		hang_up(&c[i]);
	house_down(&r.h);
}

TEST(quiesce_leaves_streams_to_their_owners_and_close_cuts_them)
{
	struct room r;
	struct caller c[4];

	room_up(&r);
	for (int i = 0; i < 4; i++) {
		c[i] = dial(&r.h);
		say(&c[i], GET("/stream"));
		CHECK_INT(hear_head(&c[i]), ==, 200);
	}
	CHECK(reaches(&r.made, 4));
	front_quiesce(r.h.f);
	CHECK(front_send(r.stream[0], S("last words")));
	CHECK(hear_chunk(&c[0]));
	CHECK(busy_are(&r, 4));
	front_stream_end(r.stream[0]);
	CHECK_INT(hear_out(&c[0]), ==, 0);
	CHECK(busy_are(&r, 3));
	house_down(&r.h);
	CHECK_INT(r.gone, ==, 3);
	for (int i = 1; i < 4; i++) {
		CHECK(!front_send(r.stream[i], S("x")));
		front_stream_end(r.stream[i]);
	}
	for (int i = 0; i < 4; i++)
		hang_up(&c[i]);
}

/* --- races --- */

struct speaker { struct front_stream *s; int says; atomic_int *done; };

static void *
speak(void *ctx)
{
	struct speaker *p = ctx;

	for (int i = 0; i < p->says; i++)
		front_send(p->s, S("0123456789"));
	(*p->done)++;
	return NULL;
}

TEST(two_threads_send_and_none_of_it_is_mixed_or_lost)
{
	enum { SAYS = 5000 };
	struct room r;
	atomic_int done = 0;
	pthread_t thread[2];
	struct error e;

	room_up(&r);
	struct caller c = dial(&r.h);
	say(&c, GET("/stream"));
	CHECK_INT(hear_head(&c), ==, 200);
	CHECK(reaches(&r.made, 1));
	struct speaker p = { r.stream[0], SAYS, &done };
	for (int i = 0; i < 2; i++)
		CHECK_INT(sys_thread(&thread[i], "speaker", speak, &p, &e), ==, OK);
	for (int i = 0; i < 2 * SAYS; i++)
		if (!hear_chunk(&c) || strcmp(body, "0123456789") != 0)
			t_fail(__FILE__, __LINE__, "chunk %d: %s", i, body);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	front_stream_end(p.s);
	CHECK_INT(hear_out(&c), ==, 0);
	hang_up(&c);
	house_down(&r.h);
}

static void *
end_it(void *ctx)
{
	struct speaker *p = ctx;

	front_send(p->s, S("bye"));
	front_stream_end(p->s);
	(*p->done)++;
	return NULL;
}

/* The client leaves, the owner ends and the front closes, in whatever order. */
TEST(sends_ends_departures_and_the_close_may_meet)
{
	enum { ROUNDS = 12, N = 16 };
	struct error e;

	for (int round = 0; round < ROUNDS; round++) {
		struct room r;
		struct caller c[N];
		struct speaker p[N];
		pthread_t thread[N];
		atomic_int done = 0;

		room_up(&r);
		for (int i = 0; i < N; i++) {
			c[i] = dial(&r.h);
			say(&c[i], GET("/stream"));
			CHECK_INT(hear_head(&c[i]), ==, 200);
		}
		CHECK(reaches(&r.made, N));
		for (int i = 0; i < N; i++) {
			p[i] = (struct speaker){ r.stream[i], 0, &done };
			CHECK_INT(sys_thread(&thread[i], "owner", end_it, &p[i], &e), ==, OK);
			if (i % 2 == 0)
				hang_up(&c[i]);
		}
		if (round % 2 == 0)
			CHECK(reaches(&done, N));
		house_down(&r.h);
		for (int i = 0; i < N; i++) {
			pthread_join(thread[i], NULL);
			hang_up(&c[i]);
		}
		CHECK_INT(r.gone, <=, N);
	}
}

static void count_gone(void *ctx, uint64_t id) { (void)id; ++*(atomic_int *)ctx; }
static struct front_stream *many[1000];
static atomic_int nmany;
static void m_head(void *ctx, struct exchange *x) { (void)ctx; x->body_max = 0; }
static void m_end(void *ctx, struct exchange *x) { (void)ctx, (void)x; }

static void
m_run(void *ctx, struct exchange *x)
{
	struct front_stream *s = front_stream(x, 200, BEAT, BEAT_MS);
	front_stream_on_gone(s, count_gone, ctx, 0);
	many[nmany++] = s;
}

TEST(of_a_thousand_clients_that_leave_together_each_is_noticed_once)
{
	enum { N = COUNT(many) };
	static struct caller c[N];
	atomic_int gone = 0;
	struct front_face face = { S("/many"), false, { m_head, m_run, m_run, m_end, &gone } };
	struct house h;

	house_prepare(&h);
	h.conf.threads = 1;		/* so that m_run needs no lock */
	h.conf.max_connections = 2 * N;
	h.conf.faces = &face;
	h.conf.nfaces = 1;
	house_open(&h);
	for (int i = 0; i < N; i++) {
		c[i] = dial(&h);
		say(&c[i], GET("/many"));
		CHECK_INT(hear_head(&c[i]), ==, 200);
	}
	for (int i = 0; i < N; i++)
		hang_up(&c[i]);
	CHECK(reaches(&gone, N));
	for (int i = 0; i < N; i++)
		front_stream_end(many[i]);
	house_down(&h);
	CHECK_INT(gone, ==, N);
}
