#include "t.h"
#include "sys/sys.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *
in_dir(char out[128], const char *name)
{
	snprintf(out, 128, "%s/%s", t_dir(), name);
	return out;
}

TEST(the_time_of_all_nodes_goes_on_whatever_the_wall_clock_says)
{
	struct sys_clock_shared c;

	sys_clock_shared_init(&c);
	CHECK(llabs(sys_wall_us(&c.c) - sys_wall_us(&sys_clock_real)) < 1000000);
	c.base_us = INT64_C(4000000000000000) - sys_mono_us(&sys_clock_real);
	int64_t passed = sys_wall_us(&c.c) - INT64_C(4000000000000000);
	CHECK(passed >= 0 && passed < 1000000);
}

TEST(a_test_clock_stands_until_it_is_moved)
{
	struct sys_clock_test t;

	sys_clock_test_init(&t, 1000);
	CHECK_INT(sys_wall_ms(&t.c), ==, 1000);
	CHECK_INT(sys_mono_us(&t.c), ==, 1000000);
	t.ms += 5;
	CHECK_INT(sys_wall_ms(&t.c), ==, 1005);
	CHECK_INT(sys_wall_ms(&sys_clock_real), >, INT64_C(1700000000000));
	int64_t before = sys_mono_us(&sys_clock_real);
	CHECK_INT(sys_mono_us(&sys_clock_real), >=, before);
}

TEST(ids_ascend_within_a_millisecond_and_when_the_clock_goes_back)
{
	struct sys_clock_test t;
	ulid last, u;

	sys_clock_test_init(&t, 1700000000000);
	last = sys_ulid(&t.c);
	for (int i = 0; i < 2000; i++) {
		t.ms += i % 3 == 0 ? 1 : i % 7 == 0 ? -20 : 0;
		u = sys_ulid(&t.c);
		CHECK(strcmp(last.s, u.s) < 0 && ulid_ok(str_z(u.s)));
		last = u;
	}
}

enum { THREADS = 4, EACH = 5000 };
struct maker { pthread_t t; ulid made[EACH]; };

static void *
make_ids(void *arg)
{
	struct maker *m = arg;

	for (int i = 0; i < EACH; i++)
		m->made[i] = sys_ulid(&sys_clock_real);
	return NULL;
}

static int by_text(const void *a, const void *b) { return strcmp(((const ulid *)a)->s, ((const ulid *)b)->s); }

TEST(threads_never_get_the_same_id)
{
	struct maker *m = calloc(THREADS, sizeof(*m));
	ulid *all = calloc((size_t)THREADS * EACH, sizeof(*all));
	struct error e;
	int twice = 0, back = 0;

	for (int i = 0; i < THREADS; i++)
		CHECK(sys_thread(&m[i].t, "a name longer than the kernel keeps", make_ids, &m[i], &e) == OK);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(m[i].t, NULL);
		memcpy(all + i * EACH, m[i].made, sizeof(m[i].made));
		for (int k = 1; k < EACH; k++)
			back += strcmp(m[i].made[k - 1].s, m[i].made[k].s) >= 0;
	}
	qsort(all, (size_t)THREADS * EACH, sizeof(*all), by_text);
	for (int i = 1; i < THREADS * EACH; i++)
		twice += strcmp(all[i - 1].s, all[i].s) == 0;
	CHECK_INT(twice, ==, 0);
	CHECK_INT(back, ==, 0);
	free(all);
	free(m);
}

TEST(random_bytes_differ)
{
	char a[600], b[600];

	sys_random(a, sizeof(a));
	sys_random(b, sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)) != 0);
}

struct gate { pthread_mutex_t m; pthread_cond_t c; bool open; };

static void *
open_gate(void *arg)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->m);
	g->open = true;
	pthread_cond_signal(&g->c);
	pthread_mutex_unlock(&g->m);
	return NULL;
}

TEST(a_wait_ends_by_signal_or_by_time)
{
	struct gate g = { .m = PTHREAD_MUTEX_INITIALIZER };
	struct error e;
	pthread_t t;

	sys_cond_init(&g.c);
	pthread_mutex_lock(&g.m);
	int64_t from = sys_mono_us(&sys_clock_real);
	while (sys_cond_wait_us(&g.c, &g.m, 2000))
		;				/* a wake-up without cause is allowed */
	CHECK_INT(sys_mono_us(&sys_clock_real) - from, >=, 1999);
	CHECK(!sys_cond_wait_us(&g.c, &g.m, -1));
	CHECK(sys_thread(&t, "gate", open_gate, &g, &e) == OK);
	bool woken = true;
	while (!g.open && woken)
		woken = sys_cond_wait_us(&g.c, &g.m, INT64_MAX);
	CHECK(g.open);
	pthread_mutex_unlock(&g.m);
	pthread_join(t, NULL);
	pthread_cond_destroy(&g.c);
}

TEST(a_private_folder_is_made_once)
{
	char p[128], f[128];
	struct error e;
	struct stat st;

	in_dir(p, "private");
	CHECK(sys_mkdir_private(p, &e) == OK);
	CHECK(sys_mkdir_private(p, &e) == OK);
	CHECK(stat(p, &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(sys_mkdir_private(in_dir(f, "none/below"), &e) == E_NOT_FOUND);
	CHECK(sys_write_file(in_dir(f, "plain"), S("x"), &e) == OK);
	CHECK(sys_mkdir_private(f, &e) == E_SYS && strstr(e.detail, "not a folder") != NULL);
}

static int
entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n - 2;
}

TEST(a_file_is_replaced_whole)
{
	char dir[128], p[128];
	struct arena a;
	struct error e;
	struct stat st;
	str got;

	arena_init(&a, 1 << 20);
	CHECK(sys_mkdir_private(in_dir(dir, "files"), &e) == OK);
	in_dir(p, "files/one");
	CHECK(sys_read_file(&a, p, 100, &got, &e) == E_NOT_FOUND);
	CHECK(sys_write_file(p, S("first\0half"), &e) == OK);
	CHECK(sys_read_file(&a, p, 10, &got, &e) == OK);
	CHECK_STR(got, S("first\0half"));
	CHECK(sys_read_file(&a, p, 9, &got, &e) == E_SYS);
	CHECK(sys_write_file(p, S(""), &e) == OK);
	CHECK(sys_read_file(&a, p, 0, &got, &e) == OK && got.n == 0 && got.p != NULL);
	CHECK(stat(p, &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK_INT(entries(dir), ==, 1);
	int before = entries(t_dir());
	CHECK(sys_write_file(dir, S("x"), &e) == E_SYS);
	CHECK_INT(entries(t_dir()), ==, before);
	CHECK(sys_write_file(in_dir(p, "none/one"), S("x"), &e) == E_NOT_FOUND);
	arena_free(&a);
}

struct slow_reader { pthread_t writer; int fd; size_t got; };

static void on_signal(int n) { (void)n; }

/* Reads a little at a time, and interrupts who writes before each. */
static void *
read_slowly(void *arg)
{
	struct slow_reader *r = arg;
	char b[1000];

	for (ssize_t n = 1; n > 0; r->got += (size_t)MAX(n, 0)) {
		pthread_kill(r->writer, SIGUSR1);
		n = read(r->fd, b, sizeof(b));
	}
	return NULL;
}

TEST(what_is_written_whole_survives_signals_and_says_that_the_disk_is_full)
{
	static char much[300000];
	struct sigaction act = { .sa_handler = on_signal }, before;
	struct error e;
	pthread_t t;
	int p[2];

	CHECK(pipe(p) == 0 && sigaction(SIGUSR1, &act, &before) == 0);
	struct slow_reader r = { .writer = pthread_self(), .fd = p[0] };
	CHECK(pthread_create(&t, NULL, read_slowly, &r) == 0);
	CHECK(sys_write_all(p[1], (str){ much, sizeof(much) }, "it", &e) == OK);
	close(p[1]);
	pthread_join(t, NULL);
	close(p[0]);
	sigaction(SIGUSR1, &before, NULL);
	CHECK_INT(r.got, ==, (int64_t)sizeof(much));
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	CHECK(sys_write_all(full, S("x"), "it cannot be kept", &e) == E_FULL && strcmp(e.detail, "it cannot be kept: No space left on device") == 0);
	close(full);
}

TEST(a_file_that_does_not_tell_its_size_is_read_too)
{
	struct arena a;
	struct error e;
	str got;

	arena_init(&a, 1 << 20);
	CHECK(sys_read_file(&a, "/proc/self/status", 100000, &got, &e) == OK && str_starts(got, S("Name:")));
	CHECK(sys_read_file(&a, "/dev/zero", 100000, &got, &e) == E_SYS);
	arena_free(&a);
}

TEST(an_address_lies_in_a_network_or_not)
{
	CHECK(sys_in_network(S("127.0.0.1"), S("127.0.0.1")) && !sys_in_network(S("127.0.0.1"), S("127.0.0.2")));
	CHECK(sys_in_network(S("10.0.0.0/8"), S("10.255.1.2")) && !sys_in_network(S("10.0.0.0/8"), S("11.0.0.1")));
	CHECK(sys_in_network(S("192.168.4.0/22"), S("192.168.7.9")) && !sys_in_network(S("192.168.4.0/22"), S("192.168.8.0")));
	CHECK(sys_in_network(S("10.0.0.0/8"), S("::ffff:10.1.1.1")));
	CHECK(sys_in_network(S("fd00::/8"), S("fd12::1")) && !sys_in_network(S("fd00::/8"), S("fe80::1")));
	CHECK(sys_in_network(S("0.0.0.0/0"), S("8.8.8.8")) && !sys_in_network(S("0.0.0.0/0"), S("fd00::1")));
	CHECK(!sys_in_network(S("10.0.0.0/33"), S("10.0.0.1")) && !sys_in_network(S("x"), S("10.0.0.1")) && !sys_is_address(S("unknown")));
}

static void count_up(void *arg) { ++*(int *)arg; }

static void *
go_in_rounds(void *arg)
{
	int *n = arg, other = 0;

	CHECK(!sys_put_off(count_up, n));		/* a thread that has no rounds does it now */
	sys_round_over();
	for (int i = 0; i < 3; i++)
		CHECK(sys_put_off(count_up, n));
	CHECK(!sys_put_off(count_up, &other));
	CHECK_INT(*n, ==, 0);
	sys_round_over();
	CHECK_INT(*n, ==, 1);
	sys_round_over();
	CHECK_INT(*n, ==, 1);
	return NULL;
}

TEST(what_is_put_off_is_done_once_when_the_round_is_over)
{
	struct error e;
	pthread_t thread;
	int n = 0;

	CHECK(sys_thread(&thread, "rounds", go_in_rounds, &n, &e) == OK);
	pthread_join(thread, NULL);
	CHECK(!sys_put_off(count_up, &n));
	CHECK_INT(n, ==, 1);
}
