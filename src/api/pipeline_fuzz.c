/* The assembled server, fed with the bytes of a connection: whatever they are, it answers in good order or hangs up.
 *
 * The workspace, project and key are those that the seeds name. */
#include "api/api.h"
#include "db/migrate.h"
#include "front/front_priv.h"
#include "model/project.h"
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define ID_TEXT		"01J9ZAB12CD34E56F7G8H9JKMN"
#define TOKEN		"scripe_sk_live_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OUT_MAX		((size_t)4 << 20)

static struct {
	char dir[40], path[64];
	struct conf conf;
	struct engine *engine;
	struct log *log;
	struct auth *auth;
	struct limits *limits;
	struct work *work;
	struct api *api;
	struct front *front;
	char out[OUT_MAX];
} s;

static void
must(enum err code, const struct error *e)
{
	if (code == OK)
		return;
	fprintf(stderr, "%s\n", e->detail);
	abort();
}

static void
remove_files(void)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[80];

	for (size_t i = 0; i < COUNT(ends); i++) {
		snprintf(path, sizeof(path), "%s%s", s.path, ends[i]);
		unlink(path);
	}
	rmdir(s.dir);
}

/* --- the server --- */

static void
make_tables(void)
{
	struct db_sqlite_conf lite = { s.path, false, 2000, 0 };
	const struct migration *list;
	struct error e;
	struct db db;
	int n = migrate_list(&list);

	must(db_sqlite_open(&lite, &db, &e), &e);
	must(migrate(&db, list, n, NULL, 0, &e), &e);
	db.ops->close(&db);
}

static enum err
make_tenant(void *ctx, struct db *db, struct error *e)
{
	struct workspace w = { .id = { { ID_TEXT } }, .name = S("w"), .plan = PLAN_ENTERPRISE, .subscription = SUB_ACTIVE };
	struct project p = { .id = { { ID_TEXT } }, .name = S("p"), .type = PT_PERSONAL_BRAND, .status = PS_ACTIVE };
	struct key k = { .workspace = w.id, .id = { { ID_TEXT } }, .name = S("k"), .mode = MODE_LIVE, .scopes = (1u << SCOPE_COUNT) - 1,
	    .last4 = S("cdef"), .expires_at = TIME_NONE };
	digest hash = auth_hash(s.auth, S(TOKEN));
	status_id ids[PROJECT_COLUMNS];

	(void)ctx;
	for (int i = 0; i < PROJECT_COLUMNS; i++)
		ids[i] = (status_id){ sys_ulid(&sys_clock_real) };
	TRY(workspace_insert(db, &w, e));
	TRY(project_insert(db, w.id, &p, ids, e));
	return key_insert(db, &k, &hash, e);
}

static const struct conf *settings(void *ctx) { (void)ctx; return &s.conf; }

static void
load_conf(void)
{
	static const char *const sets[] = { "rate_read=0", "rate_write=0", "rate_jobs=0", "rate_unknown=0", "bench=true", "workers=1",
	    "body_max=20000", "body_max_text=30000", "body_max_long=40000", "text_max=5000", "log_level=error", "log_requests=true",
	    "test_version=true", "cors_origins=https://a.example" };
	struct error e;

	must(conf_load(&s.conf, NULL, NULL, sets, COUNT(sets), &e), &e);
}

static void
open_server(void)
{
	const struct sys_clock *clock = &sys_clock_real;
	struct front_handler h;
	struct error e;
	secret key = { { 1 } };

	snprintf(s.dir, sizeof(s.dir), "/tmp/scriped-fuzz-XXXXXX");
	if (!crypto_init() || mkdtemp(s.dir) == NULL)
		abort();
	snprintf(s.path, sizeof(s.path), "%s/db", s.dir);
	atexit(remove_files);
	load_conf();
	make_tables();
	must(log_open("/dev/null", LOG_LOGFMT, LOG_ERROR, clock, &s.log, &e), &e);
	must(engine_open(&(struct engine_conf){ .path = s.path, .cache_kb = 2000, .queue_max = 100, .readers_max = 8, .deadline_us = 10000000,
	    .clock = clock }, &s.engine, &e), &e);
	s.auth = auth_new(&key, clock);
	s.limits = limits_new(1024);
	must(engine_wait(s.engine, make_tenant, NULL, &e), &e);
	must(work_open(&(struct work_conf){ .settings = settings, .engine = s.engine, .log = s.log, .clock = clock }, &s.work, &e), &e);
	must(api_open(&(struct api_conf){ s.engine, s.work, s.auth, s.limits, s.log, clock, NULL, NULL, NULL, NULL }, &s.conf, &s.api, &e), &e);
	api_front(s.api, &h);
	must(front_open(&(struct front_conf){ .listen = "127.0.0.1:0", .threads = 1, .max_connections = 8, .header_ms = 10000, .keepalive_ms = 10000,
	    .body_rate = 1, .drain_max = 40000, .arena_budget = 32 << 20, .clock = clock }, &h, &s.front, &e), &e);
}

/* --- what it says --- */

static str
header_in(str head, str name)
{
	while (head.p != NULL) {
		str line = str_split(&head, '\n'), key = str_split(&line, ':');
		if (line.p != NULL && str_ieq(key, name))
			return str_trim(line);
	}
	return STR_NONE;
}

/* An error is an envelope, or a problem, that repeats the request id. */
static void
check_error(str body, str id)
{
	struct error e;
	json_t *v;

	must(json_read(body, &v, &e), &e);
	const json_t *inner = json_object_get(v, "error");
	const char *said = json_string_value(json_object_get(inner != NULL ? inner : v, "request_id"));
	const char *status = json_string_value(json_object_get(v, "status"));
	if ((said == NULL || !str_eq(str_z(said), id)) && status == NULL)	/* the page of health is no envelope */
		abort();
	json_decref(v);
}

/* One answer off the front of `all`.  One without a request id is the HTTP library's own. */
static void
check_answer(str *all)
{
	const char *end = memmem(all->p, all->n, "\r\n\r\n", 4);
	int64_t status, length = 0;

	if (!str_starts(*all, S("HTTP/1.")) || end == NULL || !str_int(str_cut(*all, 9, 12), &status))
		abort();
	str head = str_cut(*all, 0, (size_t)(end - all->p) + 2), id = header_in(head, S("X-Request-Id"));
	str rest = str_cut(*all, head.n + 2, all->n);
	(void)str_int(header_in(head, S("Content-Length")), &length);
	/* HEAD and 304 have a length, but no body */
	bool bare = status == 100 || rest.n == 0 || str_starts(rest, S("HTTP/1."));
	if (!bare && rest.n < (size_t)length)
		abort();
	if (id.p == NULL && status != 100 && (status < 400 || str_eq(header_in(head, S("Content-Type")), S("application/json"))))
		abort();
	if (id.p != NULL && status == 500)
		abort();
	/* a stored answer keeps the id of the first request */
	if (id.p != NULL && status >= 400 && !bare && !str_eq(header_in(head, S("Idempotent-Replayed")), S("true")))
		check_error(str_cut(rest, 0, (size_t)length), id);
	*all = str_cut(rest, bare ? 0 : (size_t)length, rest.n);
}

/* Until the front has read it all or said something: an end that comes together with bytes would wait for a sweep. */
static void
hear_out(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int unread;

	while (ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0 && poll(&p, 1, 0) == 0)
		sched_yield();
}

static size_t
listen_to(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	for (;;) {
		if (poll(&p, 1, 20000) <= 0 || n == OUT_MAX)
			abort();
		ssize_t got = read(fd, s.out + n, OUT_MAX - n);
		if (got <= 0)
			return n;
		n += (size_t)got;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct sockaddr sa = { .sa_family = AF_UNIX };
	int pair[2];

	if (s.front == NULL)
		open_server();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 || !watch_adopt(s.front, pair[0], &sa, sizeof(sa)))
		abort();
	if (send(pair[1], d, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && n != 0)
		abort();
	hear_out(pair[1]);
	shutdown(pair[1], SHUT_WR);
	str all = { s.out, listen_to(pair[1]) };
	close(pair[1]);
	while (all.n != 0)
		check_answer(&all);
	return 0;
}
