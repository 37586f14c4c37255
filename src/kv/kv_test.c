#include "kv/kv_priv.h"
#include "kv/slots.h"
#include "kv/wire.h"
#include "t_db.h"
#include "t_kv.h"
#include <arpa/inet.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_US	INT64_C(60000000)

/* --- the URI --- */

TEST(a_uri_names_a_server)
{
	static const struct { const char *text, *host, *port, *user, *pass; int db; bool tls; } rows[] = {
		{ "redis://h", "h", "6379", "", "", 0, false },
		{ "redis://h/", "h", "6379", "", "", 0, false },
		{ "redis://h:1/7", "h", "1", "", "", 7, false },
		{ "redis://:a?b@h:1/7?name=main", "h", "1", "", "a?b", 7, false },
		{ "rediss://:p%40%3a@h:2", "h", "2", "", "p@:", 0, true },
		{ "redis://u:a@b@[::1]:3/0", "::1", "3", "u", "a@b", 0, false },
		{ "redis://u:p@[fe80::1]", "fe80::1", "6379", "u", "p", 0, false },
	};
	static const char *const bad[] = { "", "h", "http://h", "redis://", "redis://:1", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x", "redis://h/-1",
		"redis://u:%4@h", "redis://u:%00p@h", "redis://[::1", "redis://[::1]x", "redis://h?", "redis://h?x=y", "redis://h?name=" };
	struct kv_uri u;
	struct error e;

	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK(kv_uri_read(str_z(rows[i].text), &u, &e) == OK);
		CHECK_STR(str_z(u.host), str_z(rows[i].host));
		CHECK_STR(str_z(u.port), str_z(rows[i].port));
		CHECK_STR(str_z(u.user), str_z(rows[i].user));
		CHECK_STR(str_z(u.pass), str_z(rows[i].pass));
		CHECK(u.db == rows[i].db && u.tls == rows[i].tls);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		CHECK(kv_uri_read(str_z(bad[i]), &u, &e) == E_USAGE);
}

/* --- a server that we start --- */

struct server { int port; pid_t pid; char uri[80]; };

/* Below those that the system gives to who connects: so nobody else has it when the server is started anew. */
static int
free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	bool free = false;
	uint16_t port;

	while (!free) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		sys_random(&port, sizeof(port));
		port = (uint16_t)(10000 + port % 20000);
		at.sin_port = htons(port);
		free = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
		close(fd);
	}
	return port;
}

static void
server_start(struct server *s)
{
	char port[8];

	snprintf(port, sizeof(port), "%d", s->port);
	fflush(stdout);
	if ((s->pid = fork()) == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL)
			_exit(127);
		execlp("valkey-server", "valkey-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--requirepass", "s@cret", NULL);
		execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--requirepass", "s@cret", NULL);
		_exit(127);
	}
}

static void
server_kill(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
}

static bool there_is_one(void) { return system("(command -v valkey-server || command -v redis-server) >/dev/null 2>&1") == 0; }

static struct log *quiet;

static struct kv *
open_kv(struct server *s, int64_t patience_us)
{
	struct kv_conf c = { .uri = s->uri, .log = quiet, .clock = &sys_clock_real, .patience_us = patience_us };
	struct error e;
	struct kv *kv = NULL;

	CHECK(kv_open(&c, &kv, &e) == OK);
	return kv;
}

static bool
is_up(struct kv *kv)
{
	struct kv_stats st;

	kv_stats(kv, &st);
	return st.ok;
}

static void
wait_up(struct kv *kv, bool up)
{
	for (int64_t end = sys_mono_us(&sys_clock_real) + MOST_US; is_up(kv) != up && sys_mono_us(&sys_clock_real) < end;)
		usleep(2000);
	CHECK(is_up(kv) == up);
}

static void
wait_why(struct kv *kv, const char *why)
{
	struct kv_stats st;
	int64_t end = sys_mono_us(&sys_clock_real) + MOST_US;

	for (kv_stats(kv, &st); strcmp(st.why, why) != 0 && sys_mono_us(&sys_clock_real) < end; kv_stats(kv, &st))
		usleep(2000);
	CHECK_STR(str_z(st.why), str_z(why));
}

static bool
begin(struct server *s)
{
	struct error e;

	if (!there_is_one()) {
		printf("# no Valkey or Redis here: skipped\n");
		return false;
	}
	if (quiet == NULL)
		CHECK(log_open("/dev/null", LOG_LOGFMT, LOG_ERROR, &sys_clock_real, &quiet, &e) == OK);
	*s = (struct server){ .port = free_port() };
	snprintf(s->uri, sizeof(s->uri), "redis://:s%%40cret@127.0.0.1:%d/3", s->port);
	server_start(s);
	return true;
}

static struct kv_take
take_of(uint64_t who, int limit, int64_t window_us)
{
	return (struct kv_take){ .name = { who, 7, 1, 'w' }, .limit = limit, .window_us = window_us };
}

/* Also where its patience is short and the machine slow. */
static bool
answers(struct kv *kv)
{
	for (int64_t end = sys_mono_us(&sys_clock_real) + MOST_US; sys_mono_us(&sys_clock_real) < end; usleep(2000))
		if (t_kv_wait(kv, take_of(1, 5, 60000000)).ok)
			return true;
	return false;
}

TEST(a_window_is_counted_in_the_server)
{
	struct server s;

	if (!begin(&s))
		return;
	struct kv *kv = open_kv(&s, MOST_US), *other;
	wait_up(kv, true);
	other = open_kv(&s, MOST_US);
	wait_up(other, true);
	for (int i = 0; i < 7; i++) {
		struct kv_take t = t_kv_wait(i % 2 ? kv : other, take_of(1, 5, 60000000));
		CHECK(t.ok && t.refused == (i >= 5));
		CHECK_INT(t.left, ==, MAX(4 - i, 0));
		CHECK(t.reset_us > 50000000 && t.reset_us <= 60000000);
		CHECK_INT(t.wrote, ==, KV_UNKNOWN);
	}
	struct kv_take look = take_of(2, 5, 60000000);
	look.look = true;
	look = t_kv_wait(kv, look);
	CHECK(look.ok && !look.refused && look.left == 5 && look.reset_us == 0);
	look = take_of(1, 5, 60000000);
	look.look = true;
	look = t_kv_wait(kv, look);
	CHECK(look.ok && look.refused && look.left == 0);
	CHECK(!t_kv_wait(kv, take_of(1, 6, 60000000)).refused);		/* a limit that was raised */
	CHECK(t_kv_wait(kv, take_of(1, 3, 60000000)).refused);
	kv_close(other);
	kv_close(kv);
	server_kill(&s);
}

/* Against the definition: as many are let through in any window as the limit says, and not one less. */
struct hammer { struct kv *kv; int64_t until_us, at[4000]; int n; pthread_t thread; };

static void *
hammer(void *arg)
{
	struct hammer *h = arg;

	while (sys_mono_us(&sys_clock_real) < h->until_us && h->n < (int)COUNT(h->at)) {
		struct kv_take t = t_kv_wait(h->kv, take_of(4, 40, 300000));
		CHECK(t.ok);
		if (!t.refused)
			h->at[h->n++] = sys_wall_us(&sys_clock_real) + t.reset_us;	/* about when it was; the server's own list is looked at below */
	}
	return NULL;
}

TEST(nodes_that_hammer_one_name_get_the_limit_and_not_one_more)
{
	enum { NODES = 3, THREADS = 2 };
	static struct hammer h[NODES * THREADS];
	struct server s;
	int n = 0;

	if (!begin(&s))
		return;
	struct kv *kv[NODES];
	for (int i = 0; i < NODES; i++) {
		kv[i] = open_kv(&s, MOST_US);
		wait_up(kv[i], true);
	}
	int64_t began = sys_mono_us(&sys_clock_real);
	for (int i = 0; i < NODES * THREADS; i++) {
		struct error e;
		h[i] = (struct hammer){ .kv = kv[i / THREADS], .until_us = began + 1500000 };
		CHECK(sys_thread(&h[i].thread, "hammer", hammer, &h[i], &e) == OK);
	}
	for (int i = 0; i < NODES * THREADS; i++) {
		pthread_join(h[i].thread, NULL);
		n += h[i].n;
	}
	int64_t took = sys_mono_us(&sys_clock_real) - began;
	CHECK_INT(n, <=, 40 * (took / 300000 + 1));
	CHECK_INT(n, >, 40);
	for (int i = 0; i < NODES; i++)
		kv_close(kv[i]);
	server_kill(&s);
}

TEST(a_server_that_dies_is_no_hindrance_and_one_that_comes_back_counts_again)
{
	struct server s;
	struct kv_stats st;

	if (!begin(&s))
		return;
	struct kv *kv = open_kv(&s, MOST_US);
	wait_up(kv, true);
	CHECK(t_kv_wait(kv, take_of(1, 5, 60000000)).ok);
	server_kill(&s);
	wait_up(kv, false);
	CHECK(!t_kv_wait(kv, take_of(1, 5, 60000000)).ok);
	wait_why(kv, "ECONNREFUSED");
	kv_stats(kv, &st);
	CHECK(st.away == 1);
	CHECK_INT(kv_share(kv, 60), ==, 60);
	kv_nodes(kv, 7);
	CHECK_INT(kv_share(kv, 60), ==, 8);
	CHECK_INT(kv_share(kv, 3), ==, 1);
	server_start(&s);
	wait_up(kv, true);
	struct kv_take t = t_kv_wait(kv, take_of(1, 5, 60000000));
	CHECK(t.ok && t.left == 4);
	kv_close(kv);
	server_kill(&s);
}

TEST(a_server_that_hangs_is_waited_for_no_longer_than_the_patience)
{
	struct server s;
	struct kv_stats st;

	if (!begin(&s))
		return;
	struct kv *kv = open_kv(&s, 1000000);
	wait_up(kv, true);
	kill(s.pid, SIGSTOP);
	int64_t began = sys_mono_us(&sys_clock_real);
	CHECK(!t_kv_wait(kv, take_of(1, 5, 60000000)).ok);
	CHECK_INT(sys_mono_us(&sys_clock_real) - began, >=, 990000);
	CHECK_INT(sys_mono_us(&sys_clock_real) - began, <, MOST_US / 2);
	struct kv_take next = take_of(1, 5, 60000000);
	CHECK(kv_take(kv, &next) == KV_AWAY);				/* the next one does not wait at all */
	kv_stats(kv, &st);
	CHECK_STR(str_z(st.why), S("ETIMEDOUT"));
	kill(s.pid, SIGCONT);
	CHECK(answers(kv));
	kv_close(kv);
	server_kill(&s);
}

static void
ask_server(struct server *s, const str *words, int n)
{
	struct kv_uri u;
	struct error e;
	struct wire l;
	redisReply *r;
	int64_t until = sys_mono_us(&sys_clock_real) + MOST_US;

	CHECK(kv_uri_read(str_z(s->uri), &u, &e) == OK);
	wire_init(&l, &u, &sys_clock_real);
	CHECK(wire_open(&l, MOST_US));
	wire_put(&l, (str[]){ S("AUTH"), str_z(u.pass) }, 2);
	CHECK(wire_wait(&l, &r, until) && r->type == REDIS_REPLY_STATUS);
	freeReplyObject(r);
	wire_put(&l, words, n);
	CHECK(wire_wait(&l, &r, until) && r->type == REDIS_REPLY_STATUS);
	freeReplyObject(r);
	wire_free(&l);
}

TEST(a_server_that_forgets_scripts_or_everything_counts_on)
{
	struct server s;

	if (!begin(&s))
		return;
	struct kv *kv = open_kv(&s, MOST_US);
	wait_up(kv, true);
	CHECK_INT(t_kv_wait(kv, take_of(1, 5, 60000000)).left, ==, 4);
	ask_server(&s, (str[]){ S("SCRIPT"), S("FLUSH") }, 2);
	struct kv_take t = t_kv_wait(kv, take_of(1, 5, 60000000));
	CHECK(t.ok && t.left == 3);
	ask_server(&s, (str[]){ S("FLUSHALL") }, 1);
	t = t_kv_wait(kv, take_of(1, 5, 60000000));
	CHECK(t.ok && t.left == 4);
	CHECK(is_up(kv));
	kv_close(kv);
	server_kill(&s);
}

struct told { struct kv_tale tale; _Atomic int calls; _Atomic bool ok; };

static void
told_done(struct kv_tale *t, bool ok)
{
	struct told *o = (struct told *)t;

	o->ok = ok;
	o->calls++;
}

static struct told
told_of(struct kv_name who, int64_t lsn)
{
	return (struct told){ .tale = { .name = who, .lsn = lsn, .done = told_done } };
}

TEST(where_a_workspace_wrote_only_grows)
{
	struct server s;

	if (!begin(&s))
		return;
	struct kv *kv = open_kv(&s, MOST_US);
	wait_up(kv, true);
	struct kv_name who = { 9, 7, 0, 'l' };
	struct kv_take q = take_of(9, 5, 60000000);
	q.ask_wrote = true;
	CHECK_INT(t_kv_wait(kv, q).wrote, ==, KV_UNKNOWN);
	struct told far = told_of(who, INT64_C(81064793292668928) / 64), near = told_of(who, 5), never = told_of(who, 7);
	CHECK(kv_wrote(kv, &far.tale) && kv_wrote(kv, &near.tale));
	(void)t_kv_wait(kv, take_of(8, 5, 60000000));			/* behind both */
	CHECK(far.calls == 1 && far.ok && near.calls == 1 && near.ok);
	CHECK_INT(t_kv_wait(kv, q).wrote, ==, INT64_C(81064793292668928) / 64);
	for (int i = 0; i < 3; i++) {			/* of a later timeline, where a byte more counts */
		struct told next = told_of(who, (INT64_C(5) << 53) + 1000001 + i);
		CHECK(kv_wrote(kv, &next.tale));
		CHECK_INT(t_kv_wait(kv, q).wrote, ==, (INT64_C(5) << 53) + 1000001 + i);
	}
	CHECK_INT(kv_links(kv), ==, 1);
	server_kill(&s);
	while (kv_wrote(kv, &never.tale)) {		/* the death is not known at once: then it is answered, and not taken */
		while (never.calls == 0)
			usleep(1000);
		never.calls = 0;
	}
	CHECK(!never.ok);
	kv_close(kv);
}

TEST(who_is_told_nothing_is_told_so)
{
	struct server s = { .port = free_port() };
	struct kv_stats st;
	struct error e;

	if (quiet == NULL)
		CHECK(log_open("/dev/null", LOG_LOGFMT, LOG_ERROR, &sys_clock_real, &quiet, &e) == OK);
	snprintf(s.uri, sizeof(s.uri), "redis://127.0.0.1:%d", s.port);
	struct kv *kv = open_kv(&s, 0);
	CHECK(kv_together(kv) && !t_kv_wait(kv, take_of(1, 5, 1000)).ok);
	kv_stats(kv, &st);
	CHECK(!st.ok && st.backend == KV_VALKEY);
	CHECK_STR(str_z(st.why), S("ECONNREFUSED"));
	kv_close(kv);
	CHECK(!kv_together(NULL));
	kv_stats(NULL, &st);
	CHECK(st.ok && st.backend == KV_MEMORY);
}

/* --- a history, judged: three processes take under a short window --- */

enum { CALLERS = 3, MOST_TAKES = 20000, WINDOW_US = 300000, IN_WINDOW = 20, FOR_US = 2500000 };
/* The moment that the server counted lies between the two; all processes have this machine's clock. */
struct taken { int64_t asked, told; bool refused; };
struct history { struct taken at[CALLERS][MOST_TAKES]; int n[CALLERS]; bool failed[CALLERS]; };

/* The most takes that certainly lie in one window, wherever it begins: it may begin at any take, and nowhere is it fuller. */
static int
most_in_a_window(const struct taken *t, int n)
{
	int most = 0;

	for (int i = 0; i < n; i++) {
		int in = 0;
		for (int k = 0; k < n && !t[i].refused; k++)
			in += !t[k].refused && t[k].asked >= t[i].asked && t[k].told < t[i].asked + WINDOW_US;
		most = MAX(most, in);
	}
	return most;
}

/* The fewest takes that can have been in the window before one that was refused. */
static int
fewest_before_a_refusal(const struct taken *t, int n, int64_t window_us)
{
	int fewest = INT_MAX;

	for (int i = 0; i < n; i++) {
		int in = 0;
		for (int k = 0; k < n && t[i].refused; k++)
			in += !t[k].refused && t[k].asked <= t[i].told && t[k].told > t[i].asked - window_us;
		fewest = t[i].refused ? MIN(fewest, in) : fewest;
	}
	return fewest;
}

TEST(the_judge_of_histories_sees_one_too_many_and_one_too_few)
{
	static struct taken t[IN_WINDOW + 2];

	for (int i = 0; i <= IN_WINDOW; i++)
		t[i] = (struct taken){ i * 1000, i * 1000 + 100, false };
	CHECK_INT(most_in_a_window(t, IN_WINDOW), ==, IN_WINDOW);
	CHECK_INT(most_in_a_window(t, IN_WINDOW + 1), ==, IN_WINDOW + 1);
	t[IN_WINDOW] = (struct taken){ WINDOW_US + 101, WINDOW_US + 200, false };	/* the first one has left */
	CHECK_INT(most_in_a_window(t, IN_WINDOW + 1), ==, IN_WINDOW);
	t[IN_WINDOW] = (struct taken){ WINDOW_US - 1000, WINDOW_US - 900, true };
	CHECK_INT(fewest_before_a_refusal(t, IN_WINDOW + 1, WINDOW_US), ==, IN_WINDOW);
	t[IN_WINDOW] = (struct taken){ WINDOW_US + 101, WINDOW_US + 200, true };
	CHECK_INT(fewest_before_a_refusal(t, IN_WINDOW + 1, WINDOW_US), ==, IN_WINDOW - 1);
}

/* Bursts and pauses, so that windows begin everywhere. */
static void
call_for_a_while(struct kv *kv, struct history *h, int caller)
{
	int64_t end = sys_mono_us(&sys_clock_real) + FOR_US;
	unsigned seed = (unsigned)caller + 1;
	int n = 0;

	for (int64_t now; (now = sys_mono_us(&sys_clock_real)) < end && n < MOST_TAKES; n++) {
		struct kv_take t = t_kv_wait(kv, take_of(77, IN_WINDOW, WINDOW_US));
		h->at[caller][n] = (struct taken){ now, sys_mono_us(&sys_clock_real), t.refused };
		h->failed[caller] |= !t.ok;
		usleep((unsigned)rand_r(&seed) % 16 == 0 ? (unsigned)rand_r(&seed) % 150000 : (unsigned)rand_r(&seed) % 2000);
	}
	h->n[caller] = n;
}

static void
be_caller(const char *uri, struct t_db *db, struct history *h, int caller)
{
	struct engine_conf ec;
	struct kv_conf c = { .uri = uri, .clock = &sys_clock_real, .patience_us = MOST_US };
	struct kv *kv;
	struct error e;

	if (log_open("/dev/null", LOG_LOGFMT, LOG_ERROR, &sys_clock_real, &c.log, &e) != OK)
		_exit(1);
	if (db != NULL) {
		ec = t_db_conf(db);
		c.engine = t_db_engine(&ec);
	}
	if (kv_open(&c, &kv, &e) != OK)
		_exit(1);
	for (int i = 0; !is_up(kv) && i < 10000; i++)
		usleep(2000);
	call_for_a_while(kv, h, caller);
	kv_close(kv);
	if (c.engine != NULL)
		engine_close(c.engine);
	_exit(0);
}

/* What three processes saw, in one row: how many there are. */
#ifdef __SANITIZE_THREAD__
/* The callers are processes, made of one with threads, and begin threads of their own. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "die_after_fork=0"; }
#endif

static int
three_call(const char *uri, struct t_db *db, struct taken **ret)
{
	struct history *h = mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[CALLERS];
	int n = 0, status;

	*ret = calloc((size_t)CALLERS * MOST_TAKES, sizeof(**ret));
	fflush(stdout);
	for (int i = 0; i < CALLERS; i++)
		if ((pid[i] = fork()) == 0)
			be_caller(uri, db, h, i);
	for (int i = 0; i < CALLERS; i++) {
		CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0);
		CHECK(h->n[i] > IN_WINDOW && !h->failed[i]);
		memcpy(*ret + n, h->at[i], (size_t)h->n[i] * sizeof(**ret));
		n += h->n[i];
	}
	munmap(h, sizeof(*h));
	return n;
}

static void
judge_history(const char *where, const struct taken *t, int n, int64_t leaves_us)
{
	int let = 0, most = most_in_a_window(t, n), fewest = fewest_before_a_refusal(t, n, leaves_us);

	for (int i = 0; i < n; i++)
		let += !t[i].refused;
	CHECK(let > 2 * IN_WINDOW && let < n);
	printf("# %s: %d of %d let through, at most %d in a window, a refusal behind at least %d\n", where, let, n, most, fewest);
	CHECK_INT(most, <=, IN_WINDOW);
	CHECK_INT(fewest, >=, IN_WINDOW);
}

TEST(in_a_valkey_no_window_is_over_the_limit_and_nobody_is_refused_under_it)
{
	struct server s;
	struct taken *t;

	if (!begin(&s))
		return;
	int n = three_call(s.uri, NULL, &t);
	judge_history("Valkey", t, n, WINDOW_US);
	free(t);
	server_kill(&s);
}

PG_TEST(in_postgresql_no_window_is_over_the_limit_and_a_refusal_has_its_reason)
{
	struct taken *all;

	t_db_schema(t);
	int n = three_call("", t, &all);
	/* a moment leaves late, by what clocks may differ; blocks there are none in so short a window, so that not one is missing */
	judge_history("PostgreSQL", all, n, WINDOW_US + (SLOTS_GUARD_MS + 1) * 1000);
	free(all);
}

/* A figure, where SCRIPED_BENCH is set: checks a second over one connection, and what they cost. */
static _Atomic int64_t bench_done;
static void bench_take_done(struct kv_take *t) { CHECK(t->ok); bench_done++; }

TEST(what_checks_cost)
{
	enum { AT_ONCE = 64, ALL = 100000 };
	static struct kv_take t[AT_ONCE];
	struct server s;

	if (getenv("SCRIPED_BENCH") == NULL || !begin(&s))
		return;
	struct kv *kv = open_kv(&s, MOST_US);
	wait_up(kv, true);
	int64_t began = sys_mono_us(&sys_clock_real), n = 0;
	clock_t cpu = clock();
	while (n < ALL) {
		for (int i = 0; i < AT_ONCE; i++, n++) {
			t[i] = take_of((uint64_t)(n % 500), 120, 60000000);
			t[i].done = bench_take_done;
			CHECK(kv_take(kv, &t[i]) == KV_LATER);
		}
		while (bench_done < n)
			usleep(20);
	}
	double took = (double)(sys_mono_us(&sys_clock_real) - began) / 1e6;
	printf("# %d checks in %.2f s: %.0f/s, %.1f us CPU each here\n", (int)n, took, (double)n / took, (double)(clock() - cpu) * 1e6 / CLOCKS_PER_SEC / (double)n);
	kv_close(kv);
	server_kill(&s);
}
