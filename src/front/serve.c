#include "front/front_priv.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

/* --- turns --- */

static struct turn *
turn_take(struct loop *l)
{
	struct turn *t = l->free;

	if (t != NULL) {
		l->free = t->next;
		l->nfree--;
	} else if ((t = malloc(sizeof(*t))) != NULL)
		arena_init(&t->x.arena, l->front->conf.arena_budget);
	else
		return NULL;
	struct arena a = t->x.arena;
	memset(t, 0, sizeof(*t));
	t->x.arena = a;
	t->loop = l;
	return t;
}

static void
turn_put(struct turn *t)
{
	struct loop *l = t->loop;

	if (l->nfree == FREE_MAX) {
		arena_free(&t->x.arena);
		free(t);
		return;
	}
	arena_reset(&t->x.arena);
	t->next = l->free;
	l->free = t;
	l->nfree++;
}

void
serve_free(struct loop *l)
{
	while (l->free != NULL) {
		struct turn *t = l->free;
		l->free = t->next;
		arena_free(&t->x.arena);
		free(t);
	}
}

/* --- answers --- */

static void *unconst(const char *p) { return (void *)(uintptr_t)p; }

static enum MHD_Result
queue(struct turn *t, int status, struct MHD_Response *r)
{
	conn_mark(t->conn, PH_WRITE);
	t->stage = ST_DONE;
	enum MHD_Result ret = MHD_queue_response(t->mhd, (unsigned)status, r);
	MHD_destroy_response(r);
	return ret;
}

str
serve_status(struct turn *t, const char *framing)
{
	struct exchange *x = &t->x;
	time_t now = (time_t)(sys_wall_ms(t->loop->front->conf.clock) / 1000);
	struct tm tm;
	char date[40];
	struct buf b;

	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	buf_init(&b, &x->arena, HEADER_MAX);
	buf_fmt(&b, "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: close\r\n%s", x->status, MHD_get_reason_phrase_for((unsigned)x->status), date, framing);
	for (int i = 0; i < x->nout; i++)
		if (strpbrk(x->out[i].value, "\r\n") == NULL)		/* the library refuses these, too */
			buf_fmt(&b, "%s: %s\r\n", x->out[i].name, x->out[i].value);
	buf_add(&b, S("\r\n"));
	return buf_str(&b);
}

/* While a chunked body comes the library takes no answer, so this one goes past it. */
static enum MHD_Result
answer_past(struct turn *t)
{
	struct exchange *x = &t->x;
	str head = serve_status(t, str_fmt(&x->arena, "Content-Length: %zu\r\n", x->answer.n).p);
	bool headless = str_eq(x->method, S("HEAD"));
	struct iovec v[] = { { unconst(head.p), head.n }, { unconst(x->answer.p), headless ? 0 : x->answer.n } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = COUNT(v) };

	t->stage = ST_DONE;
	t->sent = sendmsg(t->conn->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)(v[0].iov_len + v[1].iov_len);
	t->conn->linger = true;
	return MHD_NO;
}

static enum MHD_Result
answer(struct turn *t)
{
	struct exchange *x = &t->x;

	if (t->stream != NULL)
		return stream_begin(t);
	if (t->midway)
		return answer_past(t);
	struct MHD_Response *r = MHD_create_response_from_buffer(x->answer.n, unconst(x->answer.p), MHD_RESPMEM_PERSISTENT);
	if (r == NULL)
		return MHD_NO;
	for (int i = 0; i < x->nout; i++)
		MHD_add_response_header(r, x->out[i].name, x->out[i].value);
	if (x->close || atomic_load_explicit(&t->loop->front->parting, memory_order_relaxed))
		MHD_add_response_header(r, "Connection", "close");
	return queue(t, x->status, r);
}

/* For what is no HTTP: the handler never hears of it. */
static enum MHD_Result
refuse(struct turn *t, int status)
{
	str why = status == 431 ? S("The header block is larger than 32 KB.\n") : S("This is not a valid HTTP request.\n");
	struct MHD_Response *r = MHD_create_response_from_buffer(why.n, unconst(why.p), MHD_RESPMEM_PERSISTENT);

	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", "text/plain");
	MHD_add_response_header(r, "Connection", "close");
	t->conn->linger = true;
	return queue(t, status, r);
}

/* --- the handler --- */

void
front_answer(struct exchange *x, int status, str body)
{
	x->status = status;
	x->answer = body;
}

void
front_park(struct exchange *x)
{
	if (x->wake == NULL)
		((struct turn *)x)->parks = true;
}

/* Once the turn is PARKED its connection is suspended and stays until we resume it; before that, leaving WOKEN behind is all
 * that may be done, for the turn may be over the moment its loop has seen it. */
void
front_wake(struct exchange *x)
{
	if (x->wake != NULL) {
		x->wake(x);
		return;
	}
	struct turn *t = (struct turn *)x;
	struct loop *l = t->loop;
	int was = PARK_NO;

	atomic_fetch_add(&l->waking, 1);	/* the library's part of the loop is still ours when the request has long ended */
	if (!atomic_compare_exchange_strong(&t->park, &was, PARK_WOKEN)) {
		struct MHD_Connection *c = t->mhd;
		atomic_store(&t->park, PARK_NO);
		MHD_resume_connection(c);
	}
	atomic_fetch_sub(&l->waking, 1);
}

/* Until the wake, after which it goes on at this stage.  False when the wake was here first. */
static bool
suspend(struct turn *t, enum stage then)
{
	int was = PARK_WOKEN;

	if (atomic_compare_exchange_strong(&t->park, &was, PARK_NO))
		return false;
	t->stage = then;
	MHD_suspend_connection(t->mhd);
	was = PARK_NO;
	if (!atomic_compare_exchange_strong(&t->park, &was, PARK_YES)) {
		atomic_store(&t->park, PARK_NO);
		MHD_resume_connection(t->mhd);
	}
	return true;
}

/* A few faces: each costs a length and a letter to pass over. */
static const struct front_handler *
handler_of(const struct front *f, str path)
{
	for (int i = 0; i < f->conf.nfaces; i++) {
		const struct front_face *face = &f->faces[i];
		size_t n = face->path.n;
		if (path.n < n || (path.n > n && !(face->below && path.p[n] == '/')))
			continue;
		if (memcmp(path.p, face->path.p, n) == 0)
			return &face->handler;
	}
	return &f->h;
}

typedef void step(void *ctx, struct exchange *);

/* In this order, so that front_close sees what runs, or is seen here. */
static bool
may_run(struct turn *t)
{
	atomic_store(&t->conn->mark, t->conn->ended << PHASE_BITS | PH_RUN);
	return !atomic_load(&t->loop->front->stop);
}

static enum MHD_Result
proceed(struct turn *t, step *next)
{
	const struct front_handler *h = t->h;

	if (!may_run(t) && next == h->run)
		return MHD_NO;
	do {
		t->parks = false;
		next(h->ctx, &t->x);
		if (t->x.status != 0)
			return answer(t);
		if (!t->parks)
			return MHD_NO;		/* a handler that does neither has a bug; its caller must not hang */
		next = h->resumed;
	} while (!suspend(t, ST_PARKED));
	return MHD_YES;
}

/* --- the request --- */

/* The answer stands, or the body is larger than wanted: contract 12.1 says when to read it and when to answer at once. */
static enum MHD_Result
turn_away(struct turn *t)
{
	t->stage = ST_DRAIN;
	if (!t->expects && t->length <= t->loop->front->conf.drain_max)
		return MHD_YES;
	t->conn->linger = true;
	return t->x.status != 0 ? answer(t) : proceed(t, t->h->run);
}

static enum MHD_Result
headed(struct turn *t)
{
	struct exchange *x = &t->x;

	conn_mark(t->conn, x->has_body ? PH_BODY : PH_RUN);
	t->stage = ST_READ;
	if (!x->has_body)
		return MHD_YES;		/* an answer given here would close the connection: it goes out with the next call */
	x->body_over = t->length > x->body_max;
	return x->status != 0 || x->body_over ? turn_away(t) : MHD_YES;
}

/* What the handler says to the headers.  While it is parked the client waits with its body, or for the 100. */
static enum MHD_Result
greet(struct turn *t, step *next)
{
	for (;; next = t->h->resumed) {
		t->parks = false;
		next(t->h->ctx, &t->x);
		if (t->x.status != 0 || !t->parks)
			return headed(t);
		if (suspend(t, ST_HEAD))
			return MHD_YES;
	}
}

/* People write localhost, and programs compare: what we say of ourselves then is that name, too.  No other Host is believed. */
static const char *
url_of(const struct front *f, str host)
{
	str local = str_z(f->local);

	return local.n != 0 && str_ieq(str_cut(local, sizeof("http://") - 1, local.n), host) ? f->local : f->url;
}

static enum MHD_Result
begin(struct turn *t, const char *method, const char *version)
{
	struct exchange *x = &t->x;
	int status;

	if (!head_read(t, method, version, &status))
		return refuse(t, status);
	x->peer = t->conn->peer;
	x->url = url_of(t->loop->front, x->header[FH_HOST]);
	front_target(x, x->target);
	atomic_store_explicit(&t->conn->got, 0, memory_order_relaxed);
	if (!may_run(t))
		return MHD_NO;
	t->headed = true;
	t->h = handler_of(t->loop->front, x->path);
	return greet(t, t->h->head);
}

/* A chunked body takes twice the room each time, and from here on all that it may ever take: what it outgrew stays in the
 * arena, so the largest bodies would be over their memory.  Room is touched only as it is filled. */
#define CHUNKS_MANY	((size_t)1 << 20)

static size_t
room_for(const struct turn *t, size_t n)
{
	if (!t->chunked)
		return (size_t)t->length;
	return t->cap >= CHUNKS_MANY ? t->x.body_max : MIN(MAX(t->cap * 2, n), t->x.body_max);
}

static void
keep(struct turn *t, const char *data, size_t n)
{
	size_t had = (size_t)t->got, max = t->x.body_max;

	if (n > max - had) {
		t->x.body_over = true;
		t->stage = ST_DRAIN;
		return;
	}
	if (had + n > t->cap) {
		size_t cap = room_for(t, had + n);
		t->buf = arena_grow(&t->x.arena, t->buf, t->cap, cap);
		t->cap = cap;
	}
	memcpy(t->buf + had, data, n);
}

/* To a sink, as much as it has room for.  False: it has none, and the connection waits until it has; then the library comes with
 * the rest again. */
static bool
pour(struct turn *t, const char *data, size_t *size)
{
	struct exchange *x = &t->x;

	if (*size > x->body_max - t->got) {
		x->body_over = true;
		t->stage = ST_DRAIN;
		return true;
	}
	for (;;) {
		size_t n = x->sink(t->h->ctx, x, data, *size);
		data += n;
		*size -= n;
		t->got += n;
		if (x->status != 0)
			t->stage = ST_DRAIN;
		if (*size == 0 || x->status != 0)
			return true;
		atomic_store_explicit(&t->conn->got, t->got, memory_order_relaxed);
		if (suspend(t, ST_READ))
			return false;
	}
}

static enum MHD_Result
take(struct turn *t, const char *data, size_t *size)
{
	const struct front *f = t->loop->front;

	if (t->stage == ST_READ && t->x.sink != NULL) {
		if (!may_run(t))
			return MHD_NO;
		if (!pour(t, data, size))
			return MHD_YES;
		conn_mark(t->conn, PH_BODY);
	} else if (t->stage == ST_READ)
		keep(t, data, *size);
	t->got += *size;
	atomic_store_explicit(&t->conn->got, t->got, memory_order_relaxed);
	if (t->stage == ST_DRAIN && t->got > f->conf.drain_max) {
		t->midway = true;
		return t->x.status != 0 ? answer(t) : proceed(t, t->h->run);
	}
	*size = 0;
	return MHD_YES;
}

static enum MHD_Result
finish(struct turn *t)
{
	struct exchange *x = &t->x;

	if (x->status != 0)
		return answer(t);
	if (x->has_body && !x->body_over && x->sink == NULL)
		x->body = t->got != 0 ? (str){ t->buf, (size_t)t->got } : S("");
	return proceed(t, t->h->run);
}

enum MHD_Result
serve_call(void *loop, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *data,
    size_t *size, void **turn)
{
	struct turn *t = *turn;

	(void)loop, (void)c, (void)url;
	if (t == NULL || t->stage == ST_DONE)
		return MHD_NO;
	if (t->stage == ST_NEW)
		return begin(t, method, version);
	if (t->stage == ST_HEAD)
		return greet(t, t->h->resumed);
	if (t->stage == ST_PARKED)
		return proceed(t, t->h->resumed);
	return *size != 0 ? take(t, data, size) : finish(t);
}

/* The library is about to cut its copy at the question mark and list the parameters in the connection's pool.  When they do not
 * fit it forgets the connection, which then stays for ever; so it gets none to list. */
static void
hide_query(const char *target)
{
	const char *mark = strchr(target, '?');

	if (mark != NULL && mark[1] != '\0')
		*(char *)unconst(mark + 1) = '\0';
}

void *
serve_target(void *loop, const char *target, struct MHD_Connection *c)
{
	struct conn *conn = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	struct turn *t = conn != NULL ? turn_take(loop) : NULL;

	if (t == NULL)
		return NULL;		/* no memory: the call that follows closes the connection */
	t->conn = conn;
	t->mhd = c;
	t->x.began_us = sys_mono_us(t->loop->front->conf.clock);
	t->x.target = str_dup(&t->x.arena, str_z(target));
	hide_query(target);
	conn_mark(conn, PH_HEAD);
	return t;
}

void
serve_done(void *loop, struct MHD_Connection *c, void **turn, enum MHD_RequestTerminationCode why)
{
	struct turn *t = *turn;

	(void)loop, (void)c;
	if (t == NULL)
		return;
	if (t->stream != NULL)
		stream_lost(t);
	if (t->headed) {
		t->x.cut = why != MHD_REQUEST_TERMINATED_COMPLETED_OK && !t->sent;
		t->h->end(t->h->ctx, &t->x);
	} else if (why == MHD_REQUEST_TERMINATED_WITH_ERROR)
		t->conn->linger = true;		/* the library refused the headers */
	t->conn->ended++;
	conn_mark(t->conn, PH_IDLE);
	turn_put(t);
	*turn = NULL;
}
