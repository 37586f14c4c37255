#include "log/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* head and tail count bytes since the ring was last empty: producers move head, the log's thread moves tail, and both
 * do it under the lock.  What lies between them is stable, so the thread writes it without the lock. */
#define RING		((size_t)1 << 20)
#define PATIENCE_US	100000		/* how long a line may lie in the ring so that others can join it */
#define VALUE_MAX	256

struct log {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	const struct sys_clock *clock;
	char *path;			/* NULL: standard error */
	int fd;				/* the thread's own once it runs */
	bool json, urgent, reopen, stop, stopped;	/* stopped: the thread is joined */
	_Atomic int level;
	size_t head, tail;
	int64_t dropped;
	char ring[RING];
};

/* --- lines --- */

static const str level_names[] = { S_INIT("debug"), S_INIT("info"), S_INIT("warn"), S_INIT("error") };

#define LINE_ROOM	(sizeof(((struct log_line *)0)->p) - 2)		/* keeps room for the end: "}\n" */

/* Only where there is room. */
static inline void
add(struct log_line *l, str s)
{
	memcpy(l->p + l->n, s.p, s.n);
	l->n += s.n;
}

static inline void add_char(struct log_line *l, char c) { l->p[l->n++] = c; }

/* The name and what stands around it.  Beside it there is room for a number or for quotes; false where there is not. */
static bool
open_field(struct log_line *l, const char *name)
{
	str s = str_z(name);

	if (l->n == 0 || LINE_ROOM - l->n < s.n + 32)
		return false;
	add(l, l->json ? S(",\"") : S(" "));
	add(l, s);
	add(l, l->json ? S("\":") : S("="));
	return true;
}

enum { QUOTE = 1, ESCAPE = 2 };
static const uint8_t class[256] = {
	[0 ... 31] = QUOTE | ESCAPE, [' '] = QUOTE, ['='] = QUOTE, ['"'] = QUOTE | ESCAPE, ['\\'] = QUOTE | ESCAPE,
	[127 ... 255] = QUOTE | ESCAPE,
};

/* C1 controls are escaped too: a terminal obeys them. */
static void
escape(struct log_line *l, uint32_t c, str as_is)
{
	static const char hex[] = "0123456789abcdef";

	if (c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t') {
		add_char(l, '\\');
		add_char(l, c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : (char)c);
	} else if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
		add(l, S("\\u00"));
		add_char(l, hex[c >> 4]);
		add_char(l, hex[c & 15]);
	} else {
		add(l, c == 0xFFFD ? S("\xEF\xBF\xBD") : as_is);
	}
}

static void
add_escaped(struct log_line *l, str v, size_t end)
{
	enum { LONGEST = 6 };

	for (size_t i = 0, from = 0; i < v.n && end - l->n >= LONGEST; from = i) {
		uint32_t c = utf8_next(v, &i);
		escape(l, c, str_cut(v, from, i));
	}
}

static str
cut(str v)
{
	size_t n = VALUE_MAX;

	if (v.n <= n)
		return v;
	while (n > VALUE_MAX - 3 && (v.p[n] & 0xC0) == 0x80)
		n--;
	return (str){ v.p, n };
}

void
log_str(struct log_line *l, const char *name, str v)
{
	unsigned seen = 0;

	if (v.p == NULL || !open_field(l, name))
		return;
	v = cut(v);
	for (size_t i = 0; i < v.n; i++)
		seen |= class[(uint8_t)v.p[i]];
	bool quoted = l->json || seen != 0 || v.n == 0;
	size_t end = LINE_ROOM - 1;
	if (quoted)
		add_char(l, '"');
	if (seen & ESCAPE)
		add_escaped(l, v, end);
	else
		add(l, str_cut(v, 0, end - l->n));
	if (quoted)
		add_char(l, '"');
}

void
log_i64(struct log_line *l, const char *name, int64_t v)
{
	char tmp[24], *end = tmp + sizeof(tmp), *p = end;
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	if (!open_field(l, name))
		return;
	do
		*--p = (char)('0' + u % 10);
	while ((u /= 10) != 0);
	if (v < 0)
		*--p = '-';
	add(l, (str){ p, (size_t)(end - p) });
}

static void
start(const struct log *g, struct log_line *l, enum log_level level, const char *event)
{
	l->json = g->json;
	l->level = level;
	l->n = 0;
	add(l, l->json ? S("{\"ts\":\"") : S("ts="));
	time_write(l->p + l->n, sys_wall_ms(g->clock));
	l->n += TIME_LEN;
	add(l, l->json ? S("\",\"level\":\"") : S(" level="));
	add(l, level_names[level]);
	if (l->json)
		add_char(l, '"');
	log_str(l, "event", str_z(event));
}

static void
finish(struct log_line *l)
{
	if (l->json)
		add_char(l, '}');
	add_char(l, '\n');
}

void
log_begin(struct log *g, struct log_line *l, enum log_level level, const char *event)
{
	if (level >= (enum log_level)g->level)
		start(g, l, level, event);
	else
		l->n = 0;		/* every other function passes over such a line */
}

void
log_note(struct log *g, enum log_level level, const char *event, const char *fmt, ...)
{
	char text[VALUE_MAX + 1];
	struct log_line l;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_begin(g, &l, level, event);
	log_str(&l, "msg", str_z(text));
	log_end(g, &l);
}

/* --- the ring, always under the lock --- */

static size_t used(const struct log *g) { return g->head - g->tail; }

static void
put(struct log *g, str s)
{
	size_t at = g->head % RING, first = MIN(s.n, RING - at);

	memcpy(g->ring + at, s.p, first);
	memcpy(g->ring, s.p + first, s.n - first);
	g->head += s.n;
}

static void
announce(struct log *g)
{
	struct log_line l;

	start(g, &l, LOG_WARN, "log_dropped");
	log_i64(&l, "lines", g->dropped);
	finish(&l);
	put(g, (str){ l.p, l.n });
	g->dropped = 0;
}

/* True: the thread must be woken. */
static bool
push(struct log *g, const struct log_line *l)
{
	size_t before = used(g), need = l->n + (g->dropped > 0 ? sizeof(l->p) : 0);

	if (RING - before < need) {
		g->dropped++;
		return false;
	}
	if (unlikely(g->dropped > 0))
		announce(g);
	put(g, (str){ l->p, l->n });
	g->urgent |= l->level == LOG_ERROR;
	return before == 0 || l->level == LOG_ERROR || (before < RING / 2 && used(g) >= RING / 2);
}

void
log_end(struct log *g, struct log_line *l)
{
	if (l->n == 0)
		return;
	finish(l);
	pthread_mutex_lock(&g->lock);
	bool wake = push(g, l);
	pthread_mutex_unlock(&g->lock);
	if (wake)
		pthread_cond_signal(&g->wake);
}

/* --- the thread --- */

/* Writes what the ring holds now, not what comes meanwhile.  What cannot be written (a full disk, a pipe without room)
 * stays in the ring for another attempt, so that no line is torn. */
static bool
drain(struct log *g)
{
	size_t goal = g->head;

	g->urgent = false;
	while (g->tail != goal) {
		size_t at = g->tail % RING, n = MIN(goal - g->tail, RING - at);
		pthread_mutex_unlock(&g->lock);
		ssize_t put_out = write(g->fd, g->ring + at, n);
		int no = errno;
		pthread_mutex_lock(&g->lock);
		if (put_out < 0 && no != EINTR)
			return false;
		g->tail += (size_t)MAX(put_out, 0);
	}
	if (g->tail == g->head)
		g->head = g->tail = 0;		/* the same few pages again: they are warm */
	return true;
}

static int open_file(const char *path) { return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600); }

static void
reopen(struct log *g)
{
	g->reopen = false;
	pthread_mutex_unlock(&g->lock);
	int fd = open_file(g->path);
	if (fd >= 0) {
		close(g->fd);
		g->fd = fd;
	} else {
		log_note(g, LOG_ERROR, "log_reopen", "%s: %m", g->path);
	}
	pthread_mutex_lock(&g->lock);
}

static bool due(const struct log *g) { return g->stop || g->reopen || g->urgent || used(g) >= RING / 2; }

static void *
run(void *arg)
{
	struct log *g = arg;

	pthread_mutex_lock(&g->lock);
	for (;;) {
		while (used(g) == 0 && !due(g))
			pthread_cond_wait(&g->wake, &g->lock);
		while (!due(g) && sys_cond_wait_us(&g->wake, &g->lock, PATIENCE_US))
			;
		bool ok = drain(g);
		if (g->reopen)
			reopen(g);
		if (g->stop && (!ok || used(g) == 0))	/* it may have been set while drain wrote */
			break;
		while (!ok && !g->stop && !g->reopen && sys_cond_wait_us(&g->wake, &g->lock, PATIENCE_US))
			;
	}
	if (g->dropped > 0 && RING - used(g) >= sizeof(struct log_line)) {
		announce(g);
		(void)drain(g);		/* the last attempt */
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

static void
forget(struct log *g)
{
	if (g->path != NULL && g->fd >= 0)
		close(g->fd);
	pthread_mutex_destroy(&g->lock);
	pthread_cond_destroy(&g->wake);
	free(g->path);
	free(g);
}

enum err
log_open(const char *path, enum log_format format, enum log_level level, const struct sys_clock *clock,
	 struct log **ret, struct error *e)
{
	struct log *g = calloc(1, sizeof(*g));
	char *own = path != NULL ? strdup(path) : NULL;

	if (g == NULL || (path != NULL && own == NULL))
		abort();
	g->path = own;
	g->json = format == LOG_JSON;
	g->level = (int)level;
	g->clock = clock;
	pthread_mutex_init(&g->lock, NULL);
	sys_cond_init(&g->wake);
	g->fd = path != NULL ? open_file(path) : STDERR_FILENO;
	enum err rc = g->fd < 0 ? fail(e, E_SYS, NULL, "%s: %m", path) : sys_thread(&g->thread, "log", run, g, e);
	if (rc != OK)
		forget(g);
	else
		*ret = g;
	return rc;
}

static void
tell(struct log *g, bool *what)
{
	pthread_mutex_lock(&g->lock);
	*what = true;
	pthread_mutex_unlock(&g->lock);
	pthread_cond_signal(&g->wake);
}

void
log_reopen(struct log *g)
{
	if (g->path != NULL)
		tell(g, &g->reopen);
}

void log_level(struct log *g, enum log_level level) { g->level = (int)level; }

void
log_stop(struct log *g)
{
	if (g->stopped)
		return;
	tell(g, &g->stop);
	pthread_join(g->thread, NULL);
	g->stopped = true;
}

void
log_close(struct log *g)
{
	log_stop(g);
	forget(g);
}
