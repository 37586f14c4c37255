#include "t.h"
#include "log/log.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOON	1778833260000			/* 2026-05-15T08:21:00.000Z */
#define HEAD	"ts=2026-05-15T08:21:00.000Z level=info event=request"
#define JHEAD	"{\"ts\":\"2026-05-15T08:21:00.000Z\",\"level\":\"info\",\"event\":\"request\""

static struct sys_clock_test noon;
static struct arena arena;

static const char *
fresh(char out[128])
{
	static int n;

	sys_clock_test_init(&noon, NOON);
	arena_free(&arena);
	arena_init(&arena, 16 << 20);
	snprintf(out, 128, "%s/log%d", t_dir(), n++);
	return out;
}

static struct log *
opened(const char *path, enum log_format f, enum log_level level)
{
	struct log *g = NULL;
	struct error e;

	if (log_open(path, f, level, &noon.c, &g, &e) != OK)
		t_fail(__FILE__, __LINE__, "%s", e.detail);
	return g;
}

static str
content(const char *path)
{
	struct error e;
	str s = STR_NONE;

	CHECK(sys_read_file(&arena, path, 16 << 20, &s, &e) == OK);
	return s;
}

/* One line with one value under the name "v", without its head. */
static str
written(enum log_format f, str v)
{
	char path[128];
	struct log_line l;
	struct log *g = opened(fresh(path), f, LOG_INFO);

	log_begin(g, &l, LOG_INFO, "request");
	log_str(&l, "v", v);
	log_end(g, &l);
	log_close(g);
	str s = content(path), head = f == LOG_JSON ? S(JHEAD) : S(HEAD);
	CHECK(str_starts(s, head) && str_ends(s, S("\n")));
	return str_cut(s, head.n, s.n - 1);
}

TEST(a_line_has_its_time_its_level_its_event_and_its_fields)
{
	char path[128];
	struct log_line l;
	struct stat st;

	for (int json = 0; json < 2; json++) {
		struct log *g = opened(fresh(path), json ? LOG_JSON : LOG_LOGFMT, LOG_INFO);
		log_begin(g, &l, LOG_INFO, "request");
		log_str(&l, "path", S("/v1/notes"));
		log_str(&l, "none", STR_NONE);
		log_i64(&l, "status", 200);
		log_i64(&l, "low", INT64_MIN);
		log_end(g, &l);
		log_note(g, LOG_WARN, "disk", "only %d MB left", 7);
		log_close(g);
		CHECK_STR(content(path), json
		    ? S(JHEAD ",\"path\":\"/v1/notes\",\"status\":200,\"low\":-9223372036854775808}\n"
			"{\"ts\":\"2026-05-15T08:21:00.000Z\",\"level\":\"warn\",\"event\":\"disk\",\"msg\":\"only 7 MB left\"}\n")
		    : S(HEAD " path=/v1/notes status=200 low=-9223372036854775808\n"
			"ts=2026-05-15T08:21:00.000Z level=warn event=disk msg=\"only 7 MB left\"\n"));
	}
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
}

TEST(values_are_escaped_for_their_format)
{
	static const struct { str in, logfmt, json; } row[] = {
		{ S_INIT("plain/{id}?x"), S_INIT(" v=plain/{id}?x"), S_INIT(",\"v\":\"plain/{id}?x\"}") },
		{ S_INIT(""), S_INIT(" v=\"\""), S_INIT(",\"v\":\"\"}") },
		{ S_INIT("a b"), S_INIT(" v=\"a b\""), S_INIT(",\"v\":\"a b\"}") },
		{ S_INIT("a=b"), S_INIT(" v=\"a=b\""), S_INIT(",\"v\":\"a=b\"}") },
		{ S_INIT("a\"b"), S_INIT(" v=\"a\\\"b\""), S_INIT(",\"v\":\"a\\\"b\"}") },
		{ S_INIT("a\\b"), S_INIT(" v=\"a\\\\b\""), S_INIT(",\"v\":\"a\\\\b\"}") },
		{ S_INIT("a\nlevel=error\r\t"), S_INIT(" v=\"a\\nlevel=error\\r\\t\""), S_INIT(",\"v\":\"a\\nlevel=error\\r\\t\"}") },
		{ S_INIT("\0\x1b[2J\x7f"), S_INIT(" v=\"\\u0000\\u001b[2J\\u007f\""), S_INIT(",\"v\":\"\\u0000\\u001b[2J\\u007f\"}") },
		{ S_INIT("\xC2\x9B""2J"), S_INIT(" v=\"\\u009b2J\""), S_INIT(",\"v\":\"\\u009b2J\"}") },
		{ S_INIT("Gr\xC3\xB6\xC3\x9F""e"), S_INIT(" v=\"Gr\xC3\xB6\xC3\x9F""e\""), S_INIT(",\"v\":\"Gr\xC3\xB6\xC3\x9F""e\"}") },
		{ S_INIT("a\xFF\xC3"), S_INIT(" v=\"a\xEF\xBF\xBD\xEF\xBF\xBD\""), S_INIT(",\"v\":\"a\xEF\xBF\xBD\xEF\xBF\xBD\"}") },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		CHECK_STR(written(LOG_LOGFMT, row[i].in), row[i].logfmt);
		CHECK_STR(written(LOG_JSON, row[i].in), row[i].json);
	}
}

TEST(a_long_value_is_cut_between_code_points)
{
	char v[400];

	memset(v, 'x', sizeof(v));
	CHECK_INT(written(LOG_LOGFMT, (str){ v, 256 }).n, ==, 3 + 256);
	CHECK_INT(written(LOG_LOGFMT, (str){ v, 400 }).n, ==, 3 + 256);
	memcpy(v + 254, "\xE2\x82\xAC", 3);
	CHECK_INT(written(LOG_LOGFMT, (str){ v, 400 }).n, ==, 3 + 254);
	memcpy(v + 253, "\xE2\x82\xAC" "x", 4);
	CHECK_INT(written(LOG_LOGFMT, (str){ v, 400 }).n, ==, 3 + 2 + 256);
}

TEST(a_line_without_room_stays_whole)
{
	char path[128], v[256];
	struct log_line l;
	struct log *g = opened(fresh(path), LOG_JSON, LOG_INFO);

	memset(v, '\x01', sizeof(v));		/* six bytes each when escaped */
	for (size_t plain = 0; plain < 256; plain++) {
		log_begin(g, &l, LOG_INFO, "request");
		log_str(&l, "a", (str){ "a", plain % 2 });
		log_str(&l, "b", (str){ v, sizeof(v) });
		memset(v, 'x', plain);
		log_str(&l, "c", (str){ v, sizeof(v) });
		log_i64(&l, "d", 12345678);
		for (int i = 0; i < 100; i++)
			log_str(&l, "e", S("and on"));
		log_i64(&l, "f", INT64_MIN);
		log_end(g, &l);
	}
	log_close(g);
	str rest = content(path);
	for (int n = 0; rest.n > 0; n++) {
		str one = str_split(&rest, '\n');
		CHECK(one.n < sizeof(l.p) && str_starts(one, S(JHEAD)) && str_ends(one, S("}")));
		CHECK_INT(n, <, 256);
	}
}

TEST(lines_below_the_level_are_not_written)
{
	char path[128];
	struct log_line l;
	struct log *g = opened(fresh(path), LOG_LOGFMT, LOG_WARN);

	log_begin(g, &l, LOG_INFO, "request");
	log_str(&l, "a", S("b"));
	log_i64(&l, "n", 1);
	log_end(g, &l);
	log_note(g, LOG_ERROR, "one", "x");
	log_level(g, LOG_DEBUG);
	log_note(g, LOG_DEBUG, "two", "x");
	log_close(g);
	CHECK_STR(content(path), S("ts=2026-05-15T08:21:00.000Z level=error event=one msg=x\n"
				   "ts=2026-05-15T08:21:00.000Z level=debug event=two msg=x\n"));
}

struct teller { pthread_t t; struct log *g; int64_t n; };
enum { TELLERS = 4, LINES = 3000 };

static void *
tell_lines(void *arg)
{
	struct teller *w = arg;

	for (int64_t i = 0; i < LINES; i++) {
		struct log_line l;
		log_begin(w->g, &l, i % 500 == 0 ? LOG_ERROR : LOG_INFO, "request");
		log_i64(&l, "who", w->n);
		log_i64(&l, "i", i);
		log_str(&l, "v", S("a value with spaces, as long as a usual one of a request"));
		log_end(w->g, &l);
	}
	return NULL;
}

/* Reads the number behind `name=`. */
static int64_t
number(str line, const char *name)
{
	const char *at = memmem(line.p, line.n, name, strlen(name));

	return at != NULL ? strtoll(at + strlen(name), NULL, 10) : -1;
}

/* Every line is written or counted as dropped, and each thread's lines come in their order.  Returns the dropped. */
static int64_t
check_lines(str rest)
{
	int64_t next[TELLERS] = { 0 }, lines = 0, dropped = 0;

	while (rest.n > 0) {
		str one = str_split(&rest, '\n');
		int64_t who = number(one, " who=");
		if (who < 0) {
			CHECK_INT(number(one, "event=log_dropped lines="), >, 0);
			dropped += number(one, "event=log_dropped lines=");
			continue;
		}
		lines++;
		CHECK_INT(who, <, TELLERS);
		CHECK_INT(number(one, " i="), >=, next[who]);
		next[who] = number(one, " i=") + 1;
	}
	CHECK_INT(lines + dropped, ==, TELLERS * LINES);
	return dropped;
}

TEST(lines_of_many_threads_stay_whole)
{
	char path[128];
	struct teller w[TELLERS];
	struct error e;
	struct log *g = opened(fresh(path), LOG_LOGFMT, LOG_INFO);

	for (int i = 0; i < TELLERS; i++) {
		w[i].g = g;
		w[i].n = i;
		CHECK(sys_thread(&w[i].t, "teller", tell_lines, &w[i], &e) == OK);
	}
	for (int i = 0; i < TELLERS; i++)
		pthread_join(w[i].t, NULL);
	log_close(g);
	check_lines(content(path));
}

struct reader { pthread_t t; int fd; struct buf b; };

static void *
read_to_end(void *arg)
{
	struct reader *r = arg;
	char p[4096];

	for (ssize_t n; (n = read(r->fd, p, sizeof(p))) > 0; )
		buf_add(&r->b, (str){ p, (size_t)n });
	return NULL;
}

TEST(what_a_slow_reader_cannot_take_is_counted)
{
	char path[128];
	struct reader r;
	struct error e;

	CHECK(mkfifo(fresh(path), 0600) == 0);
	r.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	buf_init(&r.b, &arena, 16 << 20);
	struct teller w = { .g = opened(path, LOG_LOGFMT, LOG_INFO) };
	CHECK(fcntl(r.fd, F_SETFL, 0) == 0);
	for (w.n = 0; w.n < TELLERS; w.n++)
		tell_lines(&w);			/* 1.7 MB, and nobody has read a byte */
	CHECK(sys_thread(&r.t, "reader", read_to_end, &r, &e) == OK);
	log_close(w.g);
	pthread_join(r.t, NULL);
	close(r.fd);

	CHECK_INT(check_lines(buf_str(&r.b)), >, 0);
}

TEST(a_moved_file_is_left_for_a_new_one)
{
	char path[128], moved[160];
	struct log *g = opened(fresh(path), LOG_LOGFMT, LOG_INFO);

	log_note(g, LOG_INFO, "one", "x");
	snprintf(moved, sizeof(moved), "%s.1", path);
	CHECK(rename(path, moved) == 0);
	log_reopen(g);
	log_note(g, LOG_INFO, "two", "x");
	log_close(g);
	CHECK_INT(content(path).n + content(moved).n, ==, 2 * (sizeof("ts=2026-05-15T08:21:00.000Z level=info event=one msg=x")));
}

TEST(a_file_that_cannot_be_opened_is_said)
{
	char path[128], below[160];
	struct log *g = NULL;
	struct error e;

	snprintf(below, sizeof(below), "%s/none/log", fresh(path));
	CHECK(log_open(below, LOG_LOGFMT, LOG_INFO, &noon.c, &g, &e) == E_SYS && strstr(e.detail, below) != NULL);
	CHECK(g == NULL);
}
