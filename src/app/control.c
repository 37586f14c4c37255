/* control -- DIR/scriped.sock: commands of this machine's operator reach the server that holds the data folder.
 *
 * One line of JSON each way:
 *	{"command":["key","revoke"],"options":{"id":"key_…"}}
 *	{"result":…}  or  {"error":"…","usage":false}
 * Options are texts; the result of an operation is the body of its answer.
 * The socket is mode 0600 in a folder of mode 0700: who can open it could read the database as well. */
#include "app/app.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ASKED_MOST	((size_t)4 << 20)	/* of a command */
#define LINE_MOST	((size_t)65 << 20)	/* of an answer: a page of the longest texts */
#define PATIENCE_MS	10000

struct control {
	struct desk *desk;
	struct log *log;
	int fd, bell[2];		/* bell: written to at the end */
	struct sockaddr_un at;
	pthread_t thread;
};

static enum err
address(struct arena *a, const struct conf *c, struct sockaddr_un *ret, struct error *e)
{
	str path = home_path(a, c, "scriped.sock");

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (path.n >= sizeof(ret->sun_path))
		return fail(e, E_SYS, NULL, "the path %s is too long for a socket: choose a shorter data folder", path.p);
	memcpy(ret->sun_path, path.p, path.n + 1);
	return OK;
}

/* Up to the newline, or `most` and a little more; absent when the other end is slow or gone, or when the bell rings (-1: there is none). */
static str
read_line(struct arena *a, int fd, int bell, size_t most)
{
	struct buf b;
	char piece[4096];

	buf_init(&b, a, most + 2 * sizeof(piece));
	for (;;) {
		struct pollfd p[2] = { { fd, POLLIN, 0 }, { bell, POLLIN, 0 } };
		if (poll(p, 2, PATIENCE_MS) <= 0 || p[1].revents != 0)
			return STR_NONE;
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n <= 0)
			return STR_NONE;
		buf_add(&b, (str){ piece, (size_t)n });
		if (b.n > most)
			return buf_str(&b);
		if (b.p[b.n - 1] == '\n')
			return (str){ b.p, b.n - 1 };
	}
}

static bool
write_line(int fd, str s)
{
	while (s.n != 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = str_cut(s, (size_t)n, s.n);
	}
	return true;
}

/* --- the server's side --- */

static int
fields_of(struct arena *a, const json_t *options, struct rec_pair *p)
{
	const char *k;
	json_t *v;
	int n = 0;

	json_object_foreach ((json_t *)(uintptr_t)options, k, v)
		if (n < OPTIONS_MAX && json_is_string(v))
			p[n++] = (struct rec_pair){ str_dup(a, str_z(k)), str_dup(a, (str){ json_string_value(v), json_string_length(v) }) };
	return n;
}

static enum err
obey(struct control *c, struct arena *a, str line, str *result, struct error *e)
{
	struct rec_pair p[OPTIONS_MAX];
	json_t *v;

	if (line.n > ASKED_MOST)
		return fail(e, E_USAGE, NULL, "a command is at most %zu bytes", ASKED_MOST);
	TRY(json_read(line, &v, e));
	const json_t *name = json_object_get(v, "command");
	const char *noun = json_string_value(json_array_get(name, 0)), *verb = json_string_value(json_array_get(name, 1));
	const struct command *cmd = noun != NULL ? command_find(noun, verb) : NULL;
	int n = fields_of(a, json_object_get(v, "options"), p);
	enum err code = cmd != NULL && cmd->run == site_run ? desk_do(c->desk, a, cmd, p, n, result, e)
	    : fail(e, E_USAGE, NULL, "the running server does not know this command: it is of another version");
	json_decref(v);
	return code;
}

static void
serve_one(struct control *c, int fd)
{
	struct arena a;
	struct error e;
	struct buf b;
	struct json j;
	str result;

	arena_init(&a, LINE_MOST);
	str line = read_line(&a, fd, c->bell[0], ASKED_MOST);
	if (line.p != NULL) {
		enum err code = obey(c, &a, line, &result, &e);
		buf_init(&b, &a, LINE_MOST);
		jw_begin(&j, &b);
		jw_obj(&j);
		if (code == OK) {
			jw_key(&j, S("result"));
			jw_raw(&j, result);
		} else {
			jw_key_str(&j, S("error"), str_z(e.detail));
			jw_key(&j, S("usage"));
			jw_bool(&j, code == E_USAGE || code == E_INVALID_REQUEST);
		}
		jw_end(&j);
		buf_char(&b, '\n');
		if (!write_line(fd, buf_str(&b)))
			log_note(c->log, LOG_WARN, "control", "a command went away before its answer");
	}
	arena_free(&a);
}

static void *
serve_all(void *arg)
{
	struct control *c = arg;

	for (;;) {
		struct pollfd p[2] = { { c->fd, POLLIN, 0 }, { c->bell[0], POLLIN, 0 } };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents != 0)
			return NULL;
		int fd = p[0].revents != 0 ? accept4(c->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
		if (fd < 0)
			continue;
		/* who does not read the answer must not keep the next command waiting for ever */
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ PATIENCE_MS / 1000, 0 }, sizeof(struct timeval));
		serve_one(c, fd);
		close(fd);
	}
}

static enum err
listen_at(struct control *c, struct error *e)
{
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(c->at.sun_path);		/* ours: we hold the folder */
	if (c->fd < 0 || bind(c->fd, (const struct sockaddr *)&c->at, sizeof(c->at)) != 0 || chmod(c->at.sun_path, 0600) != 0 ||
	    listen(c->fd, SOMAXCONN) != 0 || pipe2(c->bell, O_CLOEXEC) != 0)
		return fail(e, E_SYS, NULL, "%.100s: %s", c->at.sun_path, strerror(errno));
	return sys_thread(&c->thread, "control", serve_all, c, e);
}

enum err
control_open(const struct conf *conf, struct desk *desk, struct log *log, struct control **ret, struct error *e)
{
	struct control *c = calloc(1, sizeof(*c));
	struct arena a;

	if (c == NULL)
		abort();
	arena_init(&a, 4096);
	*c = (struct control){ .desk = desk, .log = log, .fd = -1, .bell = { -1, -1 } };
	enum err code = address(&a, conf, &c->at, e);
	arena_free(&a);
	if (code == OK)
		code = listen_at(c, e);
	if (code != OK) {
		if (c->fd >= 0)
			close(c->fd);
		free(c);
		return code;
	}
	*ret = c;
	return OK;
}

void
control_close(struct control *c)
{
	if (c == NULL)
		return;
	if (write(c->bell[1], "", 1) == 1)
		pthread_join(c->thread, NULL);
	unlink(c->at.sun_path);
	close(c->fd);
	close(c->bell[0]);
	close(c->bell[1]);
	free(c);
}

/* --- the command's side --- */

static str
request(struct arena *a, const struct command *c, const struct rec_pair *p, int n)
{
	struct buf b;
	struct json j;

	buf_init(&b, a, LINE_MOST);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key(&j, S("command"));
	jw_arr(&j);
	jw_str(&j, str_z(c->noun));
	if (c->verb != NULL)
		jw_str(&j, str_z(c->verb));
	jw_end(&j);
	jw_key(&j, S("options"));
	jw_obj(&j);
	for (int i = 0; i < n; i++)
		jw_key_str(&j, p[i].name, p[i].value);
	jw_end(&j);
	jw_end(&j);
	buf_char(&b, '\n');
	return buf_str(&b);
}

static enum err
understand(struct arena *a, str line, str *result, struct error *e)
{
	json_t *v;

	if (line.p == NULL)
		return fail(e, E_UNAVAILABLE, NULL, "the running server did not answer: look at its log, and try again");
	if (line.n > LINE_MOST)
		return fail(e, E_UNAVAILABLE, NULL, "the answer is larger than %zu bytes", LINE_MOST);
	TRY(json_read(line, &v, e));
	const json_t *r = json_object_get(v, "result"), *bad = json_object_get(v, "error");
	enum err code = OK;
	if (bad != NULL) {
		code = fail(e, json_is_true(json_object_get(v, "usage")) ? E_USAGE : E_CONFLICT, NULL, "%s", json_string_value(bad));
	} else {
		char *text = json_dumps(r, JSON_COMPACT | JSON_ENCODE_ANY);
		*result = str_dup(a, str_z(text != NULL ? text : "null"));
		free(text);
	}
	json_decref(v);
	return code;
}

enum err
control_call(struct arena *a, const struct conf *conf, const struct command *c, const struct rec_pair *p, int n, str *result, struct error *e)
{
	struct sockaddr_un at;

	TRY(address(a, conf, &at, e));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0) {
		enum err code = fail(e, E_SYS, NULL, "%.100s: %s", at.sun_path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return code;
	}
	str line = write_line(fd, request(a, c, p, n)) ? read_line(a, fd, -1, LINE_MOST) : STR_NONE;
	close(fd);
	return understand(a, line, result, e);
}
