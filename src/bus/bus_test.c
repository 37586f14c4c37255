/* Two nodes over a real PostgreSQL, and a link between them and it that can be cut.  Without SCRIPED_TEST_PG only what needs no server. */
#include "bus/bus.h"
#include "t.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_US	INT64_C(60000000)

static struct log *lg;

/* What a node heard of a topic. */
struct ear { struct bus_listener l; pthread_mutex_t lock; pthread_cond_t more; int words, looks; char last[BUS_TEXT + 1]; };

static void
heard(struct bus_listener *l, str text)
{
	struct ear *e = (struct ear *)l;

	pthread_mutex_lock(&e->lock);
	e->words += text.p != NULL;
	e->looks += text.p == NULL;
	if (text.p != NULL)
		snprintf(e->last, sizeof(e->last), "%.*s", STR(text));
	pthread_cond_broadcast(&e->more);
	pthread_mutex_unlock(&e->lock);
}

static void
ear_open(struct ear *e, struct bus *b, enum bus_topic topic)
{
	*e = (struct ear){ .l = { .topic = topic, .heard = heard } };
	pthread_mutex_init(&e->lock, NULL);
	sys_cond_init(&e->more);
	bus_listen(b, &e->l);
}

/* Waits until it heard so many words and so many times that it must look. */
static bool
hears(struct ear *e, int words, int looks)
{
	int64_t until = sys_mono_us(&sys_clock_real) + MOST_US;

	pthread_mutex_lock(&e->lock);
	while ((e->words < words || e->looks < looks) && sys_mono_us(&sys_clock_real) < until)
		(void)sys_cond_wait_us(&e->more, &e->lock, until - sys_mono_us(&sys_clock_real));
	bool all = e->words >= words && e->looks >= looks;
	pthread_mutex_unlock(&e->lock);
	return all;
}

static struct bus *
node(const char *uri)
{
	struct bus_conf c = { uri, sys_ulid(&sys_clock_real), lg, &sys_clock_real };
	struct bus *b = NULL;
	struct error e;

	if (lg == NULL && log_open("/dev/null", LOG_LOGFMT, LOG_ERROR, &sys_clock_real, &lg, &e) != OK)
		abort();
	if (bus_open(&c, &b, &e) != OK)
		t_fail(__FILE__, __LINE__, "bus_open: %s", e.detail);
	return b;
}

static bool
becomes(struct bus *b, bool linked)
{
	for (int64_t until = sys_mono_us(&sys_clock_real) + MOST_US; bus_hears(b) != linked && sys_mono_us(&sys_clock_real) < until;)
		usleep(100);
	return bus_hears(b) == linked;
}
static bool linked(struct bus *b) { return becomes(b, true); }

static const char *server(void) { return getenv("SCRIPED_TEST_PG"); }

TEST(without_a_database_of_many_nobody_is_talked_to)
{
	struct bus *b = node(NULL);

	CHECK(b == NULL);
	bus_say(b, BUS_JOB, S(""));
	CHECK(!bus_hears(b));
	bus_close(b);
}

TEST(what_is_no_uri_ends_the_start)
{
	struct bus_conf c = { "postgres://[", sys_ulid(&sys_clock_real), NULL, &sys_clock_real };
	struct bus *b;
	struct error e;

	CHECK(bus_open(&c, &b, &e) == E_USAGE);
}

TEST(a_server_that_is_away_is_called_again_and_again_and_nobody_waits_for_it)
{
	struct bus *b = node("postgres://127.0.0.1:1/none");
	int64_t began = sys_mono_us(&sys_clock_real);

	for (int i = 0; i < 10000; i++)
		bus_say(b, BUS_ENDED, S("01J9ZAB12CD34E56F7G8H9JKMN"));
	CHECK(!bus_hears(b));
	bus_close(b);
	CHECK_INT(sys_mono_us(&sys_clock_real) - began, <, MOST_US);
}

TEST(a_word_is_heard_by_the_others_and_not_by_who_says_it)
{
	if (server() == NULL)
		return;
	struct bus *a = node(server()), *b = node(server());
	struct ear mine, ended, jobs;

	ear_open(&mine, a, BUS_ENDED);
	ear_open(&ended, b, BUS_ENDED);
	ear_open(&jobs, b, BUS_JOB);
	CHECK(hears(&mine, 0, 1) && hears(&ended, 0, 1));	/* each is told to look when its link stands */
	bus_say(a, BUS_ENDED, S("one"));
	CHECK(hears(&ended, 1, 1));
	CHECK_STR(str_z(ended.last), S("one"));
	bus_say(b, BUS_ENDED, S("back"));
	CHECK(hears(&mine, 1, 1));
	CHECK_STR(str_z(mine.last), S("back"));
	CHECK_INT(mine.words, ==, 1);
	CHECK_INT(jobs.words, ==, 0);
	bus_unlisten(b, &ended.l);
	bus_say(a, BUS_ENDED, S("two"));
	bus_say(a, BUS_JOB, S(""));
	CHECK(hears(&jobs, 1, 0));
	CHECK_INT(ended.words, ==, 1);
	bus_close(a);
	bus_close(b);
}

TEST(many_words_go_out_together_and_all_arrive_in_their_order)
{
	if (server() == NULL)
		return;
	struct bus *a = node(server()), *b = node(server());
	struct ear ended;
	char text[BUS_TEXT + 1];

	ear_open(&ended, b, BUS_ENDED);
	CHECK(linked(a) && hears(&ended, 0, 1));
	for (int i = 1; i <= 1000; i++) {
		snprintf(text, sizeof(text), "word %d of a thousand", i);
		bus_say(a, BUS_ENDED, str_z(text));
	}
	CHECK(hears(&ended, 1000, 1));
	CHECK_STR(str_z(ended.last), S("word 1000 of a thousand"));
	CHECK_INT(ended.looks, ==, 1);
	bus_close(a);
	bus_close(b);
}

TEST(more_than_fits_becomes_one_look_for_yourself)
{
	if (server() == NULL)
		return;
	struct bus *b = node(server());
	struct ear ended;
	char text[BUS_TEXT + 1];

	ear_open(&ended, b, BUS_ENDED);
	CHECK(hears(&ended, 0, 1));
	struct bus *a = node(server());
	memset(text, 'x', BUS_TEXT);
	for (int i = 0; i < 2 * BUS_PENDING / BUS_TEXT && !bus_hears(a); i++)
		bus_say(a, BUS_ENDED, (str){ text, BUS_TEXT });
	CHECK(hears(&ended, 0, 2));
	bus_close(a);
	bus_close(b);
}

TEST(what_is_said_just_before_the_end_is_heard)
{
	if (server() == NULL)
		return;
	struct bus *a = node(server()), *b = node(server());
	struct ear ended;

	ear_open(&ended, b, BUS_ENDED);
	CHECK(linked(a) && hears(&ended, 0, 1));
	bus_say(a, BUS_ENDED, S("the last"));
	bus_close(a);
	CHECK(hears(&ended, 1, 1));
	bus_close(b);
}

/* --- a link that is cut --- */

/* Passes the bytes of one connection after the other on to the server. */
struct cable { int door, port, in, out; _Atomic bool cut, end, deaf; _Atomic int64_t asked, answered; pthread_t thread; struct sockaddr_in to; };

static void
pass(int from, int to, _Atomic int64_t *count)
{
	char b[8192];
	ssize_t n = read(from, b, sizeof(b));

	if (n <= 0 || write(to, b, (size_t)n) != n)
		shutdown(to, SHUT_RDWR);
	++*count;
}

static void
carry(struct cable *c)
{
	while (!c->cut && !c->end) {
		struct pollfd p[2] = { { c->in, POLLIN, 0 }, { c->out, POLLIN, 0 } };
		if (poll(c->deaf ? NULL : p, c->deaf ? 0 : 2, 10) <= 0)
			continue;
		if (p[0].revents != 0)
			pass(c->in, c->out, &c->asked);
		if (p[1].revents != 0)
			pass(c->out, c->in, &c->answered);
		if (((p[0].revents | p[1].revents) & (POLLHUP | POLLERR)) != 0)
			break;
	}
}

static void *
carry_all(void *arg)
{
	struct cable *c = arg;

	while (!c->end) {
		struct pollfd p = { c->door, POLLIN, 0 };
		if (poll(&p, 1, 10) <= 0 || (c->in = accept(c->door, NULL, NULL)) < 0)
			continue;
		c->out = socket(AF_INET, SOCK_STREAM, 0);
		c->cut = false;
		if (connect(c->out, (struct sockaddr *)&c->to, sizeof(c->to)) == 0)
			carry(c);
		close(c->in);
		close(c->out);
	}
	return NULL;
}

/* The URI of the tests' server, but through the cable. */
static void
cable_lay(struct cable *c, char *uri, size_t room)
{
	const char *at = strstr(server(), "127.0.0.1:");
	struct sockaddr_in me = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(me);
	struct error e;
	char *rest;

	if (at == NULL)
		abort();
	*c = (struct cable){ .to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) }, .sin_port = htons((uint16_t)strtol(at + 10, &rest, 10)) } };
	c->door = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(c->door, (struct sockaddr *)&me, n) != 0 || listen(c->door, 8) != 0 || getsockname(c->door, (struct sockaddr *)&me, &n) != 0 ||
	    sys_thread(&c->thread, "cable", carry_all, c, &e) != OK)
		abort();
	snprintf(uri, room, "%.*s%d%s", (int)(at + 10 - server()), server(), ntohs(me.sin_port), rest);
}

static void
cable_take(struct cable *c)
{
	c->end = true;
	pthread_join(c->thread, NULL);
	close(c->door);
}

TEST(a_link_that_is_cut_is_made_anew_and_everybody_looks_for_himself)
{
	if (server() == NULL)
		return;
	struct cable c;
	char uri[400];

	cable_lay(&c, uri, sizeof(uri));
	struct bus *a = node(server()), *b = node(uri);
	struct ear ended;
	ear_open(&ended, b, BUS_ENDED);
	CHECK(linked(a) && hears(&ended, 0, 1));
	c.cut = true;
	CHECK(hears(&ended, 0, 2));		/* again, by itself */
	bus_say(a, BUS_ENDED, S("behind the cut"));
	CHECK(hears(&ended, 1, 2));
	bus_close(a);
	bus_close(b);
	cable_take(&c);
}

TEST(words_that_wait_for_the_link_are_said_when_it_stands)
{
	if (server() == NULL)
		return;
	struct cable c;
	char uri[400];

	cable_lay(&c, uri, sizeof(uri));
	struct bus *a = node(uri), *b = node(server());
	struct ear ended;
	ear_open(&ended, b, BUS_ENDED);
	CHECK(linked(a) && hears(&ended, 0, 1));
	c.cut = true;
	CHECK(becomes(a, false));
	bus_say(a, BUS_ENDED, S("while nobody hears"));
	CHECK(hears(&ended, 1, 1));
	bus_close(a);
	bus_close(b);
	cable_take(&c);
}

TEST(a_link_on_which_nothing_is_said_is_asked_and_kept)
{
	if (server() == NULL)
		return;
	struct cable c;
	char uri[400];

	cable_lay(&c, uri, sizeof(uri));
	struct bus *b = node(uri);
	struct ear ended;
	ear_open(&ended, b, BUS_ENDED);
	CHECK(hears(&ended, 0, 1));
	int64_t asked = c.asked, answered = c.answered, until = sys_mono_us(&sys_clock_real) + MOST_US;
	while ((c.asked == asked || c.answered == answered) && sys_mono_us(&sys_clock_real) < until)
		usleep(1000);
	CHECK(c.asked > asked && c.answered > answered);
	CHECK(bus_hears(b));
	CHECK_INT(ended.looks, ==, 1);
	bus_close(b);
	cable_take(&c);
}

TEST(a_server_that_says_nothing_any_more_is_left)
{
	if (server() == NULL)
		return;
	struct cable c;
	char uri[400];

	cable_lay(&c, uri, sizeof(uri));
	struct bus *b = node(uri);
	CHECK(linked(b));
	c.deaf = true;
	bus_say(b, BUS_JOB, S(""));
	CHECK(becomes(b, false));
	c.deaf = false;
	c.cut = true;
	CHECK(linked(b));
	bus_close(b);
	cable_take(&c);
}

/* --- how long it takes --- */

static int
ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

TEST(a_word_waits_for_no_clock)
{
	enum { N = 200 };
	if (server() == NULL)
		return;
	struct bus *a = node(server()), *b = node(server());
	struct ear ended;
	int64_t took[N];

	ear_open(&ended, b, BUS_ENDED);
	CHECK(linked(a) && hears(&ended, 0, 1));
	for (int i = 0; i < N; i++) {
		int64_t began = sys_mono_us(&sys_clock_real);
		bus_say(a, BUS_ENDED, S("quick"));
		CHECK(hears(&ended, i + 1, 1));
		took[i] = sys_mono_us(&sys_clock_real) - began;
	}
	qsort(took, N, sizeof(took[0]), ascending);
	printf("# a word takes %lld us, in 99 of 100 cases at most %lld\n", (long long)took[N / 2], (long long)took[N * 99 / 100]);
	CHECK_INT(took[N / 2], <, 300000);		/* half a second is the shortest time after which anybody looks by himself */
	bus_close(a);
	bus_close(b);
}
