#include "t_app.h"
#include "model/project.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX	((size_t)8 << 20)
#define PATIENCE_S	20		/* of a socket: then the test fails */

static void
need(enum err code, const struct error *e)
{
	if (code == OK)
		return;
	printf("Bail out! %s (%s:%d)\n", e->detail, e->file, e->line);
	exit(1);
}

/* --- the application --- */

static struct front *
open_front(struct t_app *a, const struct front_face *faces, int n)
{
	struct front_conf fc = { .listen = "127.0.0.1:0", .threads = 2, .max_connections = 400, .header_ms = 10000, .keepalive_ms = 60000,
	    .body_rate = 4000, .drain_max = 16000000, .arena_budget = 32 << 20, .clock = &a->h.clock.c, .faces = faces, .nfaces = n };
	struct front_handler fh;
	struct front *f;
	struct error e;

	api_front(a->api, &fh);
	need(front_open(&fc, &fh, &f, &e), &e);
	return f;
}

static int port_of(const struct front *f) { return atoi(strrchr(front_url(f), ':') + 1); }

struct front *
t_front(struct t_app *a, const struct front_face *faces, int n, struct t_conn *c)
{
	struct front *f = open_front(a, faces, n);

	t_conn_open(c, port_of(f), NULL);
	return f;
}

void
t_app_open(struct t_app *a, struct t_db *t, unsigned flags, const char *sets)
{
	struct error e;
	workspace_id other;
	project_id project;

	*a = (struct t_app){ 0 };
	t_house_open(&a->h, t, flags, sets);
	crypto_random(&a->secret, sizeof(a->secret));
	a->auth = auth_new(&a->secret, &a->h.clock.c);
	a->limits = limits_new(4096);
	blobs_init(&a->blobs, &a->secret, NULL);
	struct api_conf ac = { .engine = a->h.engine, .work = a->h.work, .auth = a->auth, .limits = a->limits, .log = a->h.log, .clock = &a->h.clock.c, .blobs = &a->blobs };
	need(api_open(&ac, &a->h.conf, &a->api, &e), &e);
	a->front = open_front(a, NULL, 0);
	a->port = port_of(a->front);
	t_workspace(&a->h, PLAN_ENTERPRISE, &other, &project);
	snprintf(a->project, sizeof(a->project), "proj_%s", a->h.project.u.s);
	snprintf(a->other_project, sizeof(a->other_project), "proj_%s", project.u.s);
	a->key_id = t_key(a, a->h.ws, MODE_LIVE, T_ALL_SCOPES, TIME_NONE, a->key);
	t_conn_open(&a->c, a->port, a->key);
}

void
t_app_close(struct t_app *a)
{
	t_conn_close(&a->c);
	front_quiesce(a->front);
	work_release(a->h.work);
	T_UNTIL(front_busy(a->front) == 0);
	front_close(a->front);
	t_work_close(&a->h);
	api_close(a->api);
	t_house_close(&a->h);
	auth_free(a->auth);
	limits_free(a->limits);
}

struct put_key { struct key k; digest hash; };

static enum err
put_key(void *ctx, struct db *db, struct error *e)
{
	const struct put_key *p = ctx;
	return key_insert(db, &p->k, &p->hash, e);
}

int64_t
t_figure(struct t_app *a, const char *name)
{
	struct api_counts counts = { .known = false };
	struct error e;
	struct buf b;
	int64_t n = -1;

	need(engine_read(a->h.engine, api_count_run, &counts, &e), &e);
	buf_init(&b, &a->h.a, 1 << 20);
	api_metrics(a->api, &counts, 1, 0, &b);
	str rest = buf_str(&b), want = str_fmt(&a->h.a, "scriped_%s ", name);
	while (rest.p != NULL) {
		str line = str_split(&rest, '\n');
		if (str_starts(line, want))
			(void)str_int(str_cut(line, want.n, line.n), &n);
	}
	return n;
}

key_id
t_key(struct t_app *a, workspace_id ws, int mode, unsigned scopes, int64_t ms, char *ret)
{
	struct put_key p = { .k = { .workspace = ws, .id = { sys_ulid(&a->h.clock.c) }, .name = S("test"), .mode = mode, .scopes = scopes,
	    .expires_at = ms } };

	token_make(mode, ret);
	p.k.last4 = (str){ ret + TOKEN_LEN - 4, 4 };
	p.hash = auth_hash(a->auth, str_z(ret));
	t_write(&a->h, put_key, &p);
	return p.k.id;
}

/* --- a connection --- */

void
t_conn_open(struct t_conn *c, int port, const char *token)
{
	*c = (struct t_conn){ .fd = -1, .port = port, .token = token, .kept = json_array() };
	arena_init(&c->a, 256 << 20);
}

void
t_conn_close(struct t_conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	json_decref(c->kept);
	arena_free(&c->a);
	c->fd = -1;
}

static void
dial(struct t_conn *c)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)c->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		t_fail(__FILE__, __LINE__, "cannot connect to port %d: %m", c->port);
}

/* Whether the server hung up since the last answer. */
static bool
stale(const struct t_conn *c)
{
	char byte;

	return c->fd < 0 || recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void
t_send(struct t_conn *c, const char *method, const char *path, const char *body, const char *more)
{
	str auth = c->token != NULL ? str_fmt(&c->a, "Authorization: Bearer %s\r\n", c->token) : S("");
	str length = body != NULL ? str_fmt(&c->a, "Content-Length: %zu\r\n", strlen(body)) : S("");
	str all = str_fmt(&c->a, "%s %s HTTP/1.1\r\nHost: t\r\n%.*s%.*s%s\r\n%s", method, path, STR(auth), STR(length), more != NULL ? more : "",
	    body != NULL ? body : "");

	if (stale(c)) {
		if (c->fd >= 0)
			close(c->fd);
		dial(c);
	}
	while (all.n > 0) {
		ssize_t n = send(c->fd, all.p, all.n, MSG_NOSIGNAL);
		if (n <= 0)
			return;		/* what was answered can still be heard */
		all = str_cut(all, (size_t)n, all.n);
	}
}

static size_t
end_of_head(str s)
{
	const char *p = s.n != 0 ? memmem(s.p, s.n, "\r\n\r\n", 4) : NULL;
	return p != NULL ? (size_t)(p - s.p) + 4 : 0;
}

static str
header_in(str head, const char *name)
{
	str want = str_z(name);

	while (head.p != NULL) {
		str line = str_split(&head, '\n'), key = str_split(&line, ':');
		if (line.p != NULL && str_ieq(key, want))
			return str_trim(line);
	}
	return STR_NONE;
}

/* 304 and an answer to HEAD have no body, whatever their Content-Length. */
struct t_answer
t_hear(struct t_conn *c)
{
	char *b = arena_raw(&c->a, 65536);
	size_t cap = 65536, n = 0, head = 0, want = SIZE_MAX;
	struct t_answer r = { 0 };
	int64_t length = 0;

	while (n < want && n < ANSWER_MAX) {
		if (n == cap) {
			b = arena_grow(&c->a, b, cap, cap * 2);
			cap *= 2;
		}
		ssize_t got = recv(c->fd, b + n, cap - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		if (head == 0 && (head = end_of_head((str){ b, n })) != 0) {
			(void)str_int(header_in((str){ b, head }, "Content-Length"), &length);
			want = head + (strncmp(b + 9, "304", 3) == 0 ? 0 : (size_t)length);
		}
	}
	if (head == 0 || n < want)
		return r;
	b = memcpy(arena_raw(&c->a, n + 1), b, n);
	r = (struct t_answer){ .status = atoi(b + 9), .head = { b, head }, .text = { b + head, n - head } };
	if (r.text.n != 0 && (r.body = json_loadb(r.text.p, r.text.n, 0, NULL)) != NULL)
		json_array_append_new(c->kept, r.body);
	return r;
}

struct t_answer
t_ask(struct t_conn *c, const char *method, const char *path, const char *body, const char *more)
{
	t_send(c, method, path, body, more);
	return t_hear(c);
}

struct t_answer
t_call(struct t_app *a, const char *method, const char *path, const char *body, const char *more)
{
	return t_ask(&a->c, method, path, body, more);
}

/* --- what came --- */

str t_header(const struct t_answer *r, const char *name) { return header_in(r->head, name); }

json_t *
t_at(json_t *v, const char *path)
{
	str rest = str_z(path);
	char name[64];
	int64_t i;

	while (rest.p != NULL && v != NULL) {
		str one = str_split(&rest, '.');
		snprintf(name, sizeof(name), "%.*s", STR(one));
		v = str_int(one, &i) ? json_array_get(v, (size_t)i) : json_object_get(v, name);
	}
	return v;
}

str
t_text(json_t *v, const char *path)
{
	json_t *m = t_at(v, path);
	return json_is_string(m) ? (str){ json_string_value(m), json_string_length(m) } : STR_NONE;
}

int64_t
t_int(json_t *v, const char *path)
{
	json_t *m = t_at(v, path);
	return json_is_integer(m) ? (int64_t)json_integer_value(m) : -1;
}

const char *
t_fmt(struct t_app *a, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return str_dup(&a->h.a, str_z(text)).p;
}

const char *
t_note(struct t_app *a, const char *text)
{
	return t_fmt(a, "{\"projectId\":\"%s\",\"content\":\"%s\"}", a->project, text);
}
