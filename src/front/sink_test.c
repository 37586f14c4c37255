#include "front/house.h"

/* A body that is not collected: a sink with little room, whose wakes come from another thread. */

#define ROOM	((size_t)10000)		/* it takes as much each time */
#define REFUSE_AT	((size_t)50000)
#define SINK_MAX	((size_t)3000000)

struct sinking { size_t got, wakes; uint64_t sum; };	/* sum: of place times byte, so that order counts */

static void
add_up(struct sinking *s, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->sum += (s->got + i + 1) * (uint8_t)p[i];
	s->got += n;
}

static size_t
sink(void *ctx, struct exchange *x, const char *p, size_t n)
{
	struct house *h = ctx;
	struct sinking *s = x->face;
	size_t took = MIN(n, ROOM);

	add_up(s, p, took);
	if (str_ends(x->path, S("/refuse")) && s->got >= REFUSE_AT) {
		front_answer(x, 507, S("full"));
		return took;
	}
	if (took < n) {
		s->wakes++;
		park_one(h, x);
	}
	return took;
}

static void
open_sink(struct exchange *x)
{
	x->body_max = SINK_MAX;
	x->sink = sink;
}

static void
s_head(void *ctx, struct exchange *x)
{
	struct house *h = ctx;

	h->heads++;
	x->face = NEW(&x->arena, struct sinking);
	if (str_starts(x->path, S("/sink/park"))) {
		front_park(x);
		park_one(h, x);
	} else
		open_sink(x);
}

static void
s_run(void *ctx, struct exchange *x)
{
	struct house *h = ctx;
	const struct sinking *s = x->face;

	h->runs++;
	if (x->body_over)
		front_answer(x, 413, S("too large"));
	else
		front_answer(x, 200, str_fmt(&x->arena, "%zu %llu", s->got, (unsigned long long)s->sum));
}

static void
s_resumed(void *ctx, struct exchange *x)
{
	(void)ctx;
	if (str_eq(x->path, S("/sink/park/no")))
		front_answer(x, 403, S("no"));
	else
		open_sink(x);
}

static void
sink_up(struct house *h)
{
	static struct front_face face;

	house_prepare(h);
	face = (struct front_face){ S("/sink"), true, { s_head, s_run, s_resumed, h_end, h } };
	h->conf.faces = &face;
	h->conf.nfaces = 1;
	house_open(h);
	start_waker(h);
}

static void
sink_down(struct house *h)
{
	stop_waker(h);
	house_down(h);
}

/* What a body of n of these bytes is answered with. */
static const char *
expected(size_t n, char text[64])
{
	struct sinking s = { 0 };

	for (size_t i = 0; i < n; i++)
		add_up(&s, &"abcdefg"[i % 7], 1);
	snprintf(text, 64, "%zu %llu", s.got, (unsigned long long)s.sum);
	return text;
}

static char *
letters(size_t n)
{
	char *p = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		p[i] = "abcdefg"[i % 7];
	return p;
}

TEST(a_sink_gets_every_byte_in_order_however_little_room_it_has)
{
	static const char *const paths[] = { "/sink", "/sink/park" };
	size_t n = 2000000;
	char *bytes = letters(n), line[200], text[64];
	struct house h;

	sink_up(&h);
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct caller c = dial(&h);
		for (int twice = 0; twice < 2; twice++) {
			snprintf(line, sizeof(line), "PUT %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", paths[i], n);
			say(&c, line);
			CHECK_INT(say_n(&c, bytes, n), ==, n);
			CHECK_INT(hear(&c), ==, 200);
			CHECK_STR(str_z(body), str_z(expected(n, text)));
		}
		hang_up(&c);
	}
	sink_down(&h);
	free(bytes);
}

TEST(chunks_reach_a_sink_as_one_body)
{
	size_t n = 700000, piece = 35000;
	char *bytes = letters(n), line[200], text[64];
	struct house h;

	sink_up(&h);
	struct caller c = dial(&h);
	say(&c, "PUT /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (size_t at = 0; at < n; at += piece) {
		snprintf(line, sizeof(line), "%zx\r\n", piece);
		say(&c, line);
		say_n(&c, bytes + at, piece);
		say(&c, "\r\n");
	}
	say(&c, "0\r\n\r\n");
	CHECK_INT(hear(&c), ==, 200);
	CHECK_STR(str_z(body), str_z(expected(n, text)));
	hang_up(&c);
	sink_down(&h);
	free(bytes);
}

TEST(a_parked_head_keeps_the_100_back_until_it_is_decided)
{
	char text[64];
	struct house h;

	sink_up(&h);
	struct caller c = dial(&h);
	say(&c, "PUT /sink/park HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n");
	CHECK_INT(hear(&c), ==, 100);
	say(&c, "abcdefg");
	CHECK_INT(hear(&c), ==, 200);
	CHECK_STR(str_z(body), str_z(expected(7, text)));
	say(&c, "PUT /sink/park/no HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n");
	CHECK_INT(hear(&c), ==, 403);
	CHECK(ended(&c));
	hang_up(&c);
	c = dial(&h);
	say(&c, "PUT /sink/park/no HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nabcdefg");
	CHECK_INT(hear(&c), ==, 403);
	say(&c, "PUT /sink/park/no HTTP/1.1\r\nHost: a\r\n\r\n");
	CHECK_INT(hear(&c), ==, 403);
	hang_up(&c);
	sink_down(&h);
}

TEST(a_sink_that_answers_refuses_the_body_and_the_client_hears_it)
{
	struct house h;
	char line[200];

	sink_up(&h);
	struct caller c = dial(&h);
	for (int twice = 0; twice < 2; twice++) {	/* under the drain the connection stays */
		snprintf(line, sizeof(line), "PUT /sink/refuse HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", DRAIN_MAX / 2);
		say(&c, line);
		CHECK(say_body(&c, DRAIN_MAX / 2));
		CHECK_INT(hear(&c), ==, 507);
		CHECK_SAID("full");
	}
	snprintf(line, sizeof(line), "PUT /sink/refuse HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", DRAIN_MAX * 2);
	say(&c, line);
	(void)say_body(&c, DRAIN_MAX * 2);
	CHECK_INT(hear(&c), ==, 507);
	hang_up(&c);
	sink_down(&h);
}

TEST(what_is_larger_than_the_sink_takes_is_over)
{
	struct house h;
	char line[200];

	sink_up(&h);
	struct caller c = dial(&h);
	snprintf(line, sizeof(line), "PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\nExpect: 100-continue\r\n\r\n", SINK_MAX + 1);
	say(&c, line);
	CHECK_INT(hear(&c), ==, 413);
	hang_up(&c);
	c = dial(&h);
	say(&c, "PUT /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	snprintf(line, sizeof(line), "%zx\r\n", SINK_MAX + 1);
	say(&c, line);
	(void)say_body(&c, SINK_MAX + 1);
	say(&c, "\r\n0\r\n\r\n");
	CHECK_INT(hear(&c), ==, 413);
	hang_up(&c);
	sink_down(&h);
}

TEST(a_client_that_leaves_while_its_sink_is_full_is_ended_once)
{
	struct house h;

	sink_up(&h);
	for (int i = 0; i < 20; i++) {
		struct caller c = dial(&h);
		say(&c, "PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
		say_body(&c, 300000);
		hang_up(&c);
	}
	CHECK(reaches(&h.ends, 20));
	CHECK_INT(h.cuts, ==, 20);
	CHECK_INT(h.runs, ==, 0);
	sink_down(&h);
}
