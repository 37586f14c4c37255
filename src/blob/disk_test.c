#include "blob/disk.h"
#include "t.h"
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define NAME	"01J9ZAB12CD34E56F7G8H9JKMN-01J9ZAB12CD34E56F7G8H9JKMP"
#define WAIT_MS	60000

struct owner { atomic_int wakes, published; enum err says; struct disk_owner o; };

static void
woken(void *ctx)
{
	((struct owner *)ctx)->wakes++;
}

static enum err
publish(void *ctx, struct error *e)
{
	struct owner *o = ctx;

	o->published++;
	return o->says == OK ? OK : fail(e, o->says, NULL, "told to");
}

static void
owner_init(struct owner *o, enum err says)
{
	*o = (struct owner){ .says = says };
	o->o = (struct disk_owner){ woken, publish, o };
}

static bool
reaches(atomic_int *n, int least)
{
	for (int i = 0; i < WAIT_MS && *n < least; i++)
		poll(NULL, 0, 1);
	return *n >= least;
}

static struct disk *
up(const char *name, char folder[200])
{
	struct disk *d = NULL;
	struct error e;

	snprintf(folder, 200, "%s/%s", t_dir(), name);
	if (disk_open(folder, 2, &d, &e) != OK) {
		t_fail(__FILE__, __LINE__, "%s", e.detail);
		abort();
	}
	return d;
}

static bool
is_there(const char *folder, const char *name)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

/* All of it, waiting whenever there is no room. */
static enum err
add_all(struct disk_put *p, struct owner *o, const char *b, size_t n, struct error *e)
{
	while (n > 0) {
		int wakes = o->wakes;
		size_t took;
		TRY(disk_add(p, b, n, &took, e));
		b += took;
		n -= took;
		if (n > 0)
			CHECK(reaches(&o->wakes, wakes + 1));
	}
	return OK;
}

static enum err
finish(struct disk_put *p, struct owner *o, struct error *e)
{
	int wakes = o->wakes;

	disk_finish(p);
	CHECK(reaches(&o->wakes, wakes + 1));
	enum err code = disk_result(p, e);
	disk_end(p);
	return code;
}

static char *
noise(size_t n)
{
	char *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 2654435761u >> 13);
	return p;
}

TEST(a_file_is_whole_and_has_its_name_only_when_it_is_published)
{
	static const size_t sizes[] = { 0, 1, DISK_BUFFER - 1, DISK_BUFFER, DISK_BUFFER + 1, 2 * DISK_BUFFER, 5 * DISK_BUFFER + 7, 20000000 };
	char folder[200], *b = noise(20000000);
	struct disk *d = up("whole", folder);
	struct arena a;
	struct error e;

	arena_init(&a, 64 << 20);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct owner o;
		char *got = arena_raw(&a, sizes[i] + 1);
		int fd = -1;
		owner_init(&o, OK);
		struct disk_put *p = disk_begin(d, NAME, "A", &o.o);
		CHECK(p != NULL && add_all(p, &o, b, sizes[i], &e) == OK);
		CHECK(!is_there(folder, NAME));
		CHECK_INT(finish(p, &o, &e), ==, OK);
		CHECK_INT(o.published, ==, 1);
		CHECK_INT(disk_fd(d, NAME, &fd, &e), ==, OK);
		CHECK(read(fd, got, sizes[i] + 1) == (ssize_t)sizes[i] && memcmp(got, b, sizes[i]) == 0);
		close(fd);
		CHECK(!is_there(folder, "incoming/" NAME "-A"));
		CHECK_INT(disk_remove(d, NAME, &e), ==, OK);
		CHECK_INT(disk_remove(d, NAME, &e), ==, OK);
		CHECK_INT(disk_fd(d, NAME, &fd, &e), ==, E_NOT_FOUND);
		arena_reset(&a);
	}
	disk_close(d);
	arena_free(&a);
	free(b);
}

TEST(what_is_not_published_leaves_nothing_but_what_may_have_been_stays)
{
	static const struct { enum err says; bool stays; } row[] = { { E_CONFLICT, false }, { E_UNAVAILABLE, false }, { E_UNCERTAIN, true } };
	char folder[200];
	struct disk *d = up("unpublished", folder);
	struct error e;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct owner o;
		owner_init(&o, row[i].says);
		struct disk_put *p = disk_begin(d, NAME, "A", &o.o);
		CHECK_INT(add_all(p, &o, "abc", 3, &e), ==, OK);
		CHECK_INT(finish(p, &o, &e), ==, row[i].says);
	}
	disk_close(d);		/* when it has seen to everything */
	CHECK(!is_there(folder, NAME));
	CHECK(is_there(folder, "incoming/" NAME "-A"));
}

TEST(a_put_that_is_given_up_leaves_nothing_at_any_moment)
{
	char folder[200], *b = noise(10 * DISK_BUFFER);
	struct disk *d = up("given_up", folder);
	struct error e;

	for (int i = 0; i < 20; i++) {
		size_t n = (size_t)i * (DISK_BUFFER / 2 + 1), took;
		struct owner o;
		struct disk_put *p;
		char attempt[2] = { (char)('A' + i), '\0' };	/* the one before may still be on its way out */
		owner_init(&o, OK);
		while ((p = disk_begin(d, NAME, attempt, &o.o)) == NULL)
			poll(NULL, 0, 1);
		CHECK_INT(disk_add(p, b, n, &took, &e), ==, OK);
		disk_end(p);
		CHECK_INT(o.published, ==, 0);
	}
	disk_close(d);
	CHECK(!is_there(folder, NAME));
	for (int i = 0; i < 20; i++) {
		char name[100];
		snprintf(name, sizeof(name), "incoming/" NAME "-%c", 'A' + i);
		CHECK(!is_there(folder, name));
	}
	free(b);
}

TEST(as_many_are_under_way_as_may_be)
{
	char folder[200];
	struct disk *d = up("many", folder);
	struct owner o;

	owner_init(&o, OK);
	struct disk_put *one = disk_begin(d, "a", "A", &o.o), *two = disk_begin(d, "b", "A", &o.o), *three;
	CHECK(one != NULL && two != NULL);
	CHECK(disk_begin(d, "c", "A", &o.o) == NULL);
	disk_end(one);
	for (int i = 0; (three = disk_begin(d, "c", "A", &o.o)) == NULL && i < WAIT_MS; i++)
		poll(NULL, 0, 1);
	CHECK(three != NULL);
	disk_end(two);
	disk_end(three);
	disk_close(d);
}

/* A limit of file sizes stands for a full disk: the same error, at the same call. */
TEST(a_disk_that_is_full_is_told_and_nothing_is_kept)
{
	char folder[200], *b = noise(4 * DISK_BUFFER);
	struct disk *d = up("full", folder);
	struct rlimit was, tight;
	struct owner o;
	struct error e = { 0 };
	enum err code = OK;

	getrlimit(RLIMIT_FSIZE, &was);
	tight = (struct rlimit){ DISK_BUFFER, was.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	owner_init(&o, OK);
	struct disk_put *p = disk_begin(d, NAME, "A", &o.o);
	setrlimit(RLIMIT_FSIZE, &tight);
	for (int i = 0; i < 3 && code == OK; i++)
		code = add_all(p, &o, b, 4 * DISK_BUFFER, &e);
	disk_finish(p);
	for (int i = 0; i < WAIT_MS && code == OK; i++, poll(NULL, 0, 1))
		code = disk_result(p, &e);
	CHECK_INT(code, ==, E_FULL);
	disk_end(p);
	disk_close(d);
	setrlimit(RLIMIT_FSIZE, &was);
	CHECK_INT(o.published, ==, 0);
	CHECK(!is_there(folder, NAME) && !is_there(folder, "incoming/" NAME "-A"));
	free(b);
}

static enum err
judge(void *ctx, str name, str attempt, bool *published, struct error *e)
{
	const enum err *says = ctx;

	CHECK_STR(name, S(NAME));
	*published = str_eq(attempt, S("A"));
	return *says == OK ? OK : fail(e, *says, NULL, "told to");
}

TEST(what_a_killed_server_left_is_finished_or_removed)
{
	char folder[200], path[400];
	struct disk *d = up("killed", folder);
	enum err says = E_UNAVAILABLE;
	struct error e;

	for (char c = 'A'; c <= 'B'; c++) {
		snprintf(path, sizeof(path), "%s/incoming/" NAME "-%c", folder, c);
		CHECK_INT(sys_write_file(path, S("abc"), &e), ==, OK);
	}
	CHECK_INT(disk_recover(d, judge, &says, &e), ==, E_UNAVAILABLE);
	CHECK(is_there(folder, "incoming/" NAME "-A") && is_there(folder, "incoming/" NAME "-B"));
	says = OK;
	CHECK_INT(disk_recover(d, judge, &says, &e), ==, OK);
	CHECK(is_there(folder, NAME));
	CHECK(!is_there(folder, "incoming/" NAME "-A") && !is_there(folder, "incoming/" NAME "-B"));
	disk_close(d);
}
