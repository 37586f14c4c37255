#include "mcp/live.h"
#include "api/cors.h"
#include <stdio.h>
#include <stdlib.h>

#define ARENA_BUDGET	((size_t)32 << 20)
#define IDLE_US		INT64_C(1000000)

struct teller {
	struct mcp *m;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	struct live *all, *first, **last;	/* first to last: those that are due */
	uint64_t ids;
	int n;
	int64_t next_us;		/* no clock is due before */
	bool stop, runs;
};

static int64_t now_us(const struct mcp *m) { return sys_mono_us(m->api->c.clock); }
static struct live *live_of(const struct ask *k) { return k->live; }

/* --- what is due --- */

static void
enqueue(struct teller *t, struct live *l, unsigned why)
{
	l->due |= why;
	if (l->busy || l->queued)
		return;
	l->queued = true;
	l->after = NULL;
	*t->last = l;
	t->last = &l->after;
	pthread_cond_signal(&t->turn);
}

void
live_due(struct live *l, enum why why)
{
	struct teller *t = l->k.m->teller;

	pthread_mutex_lock(&t->lock);
	enqueue(t, l, why);
	pthread_mutex_unlock(&t->lock);
}

static struct live *
dequeue(struct teller *t)
{
	struct live *l = t->first;

	if ((t->first = l->after) == NULL)
		t->last = &t->first;
	l->queued = false;
	l->busy = true;
	return l;
}

/* The clocks of all are looked at when the first of them is due. */
static void
look_at_clocks(struct teller *t)
{
	int64_t now = now_us(t->m), next = INT64_MAX;

	if (now < t->next_us)
		return;
	for (struct live *l = t->all; l != NULL; l = l->next) {
		unsigned why = (l->later_us <= now ? BY_TIME : 0) | (l->tick_us <= now ? BY_TICK : 0);
		if (why & BY_TIME)
			l->later_us = INT64_MAX;
		if (why & BY_TICK)
			l->tick_us = now + PROGRESS_MS * 1000;
		if (why != 0)
			enqueue(t, l, why);
		next = MIN(next, MIN(l->later_us, l->tick_us));
	}
	t->next_us = next;
}

static void
set_clock(struct live *l, int64_t *clock, int64_t ms)
{
	struct teller *t = l->k.m->teller;

	pthread_mutex_lock(&t->lock);
	*clock = now_us(t->m) + ms * 1000;
	t->next_us = MIN(t->next_us, *clock);
	pthread_cond_signal(&t->turn);
	pthread_mutex_unlock(&t->lock);
}

/* --- a step --- */

static void
on_call(struct ask *k)
{
	api_call_resume(k->call);
	if (k->call->x.status == 0)
		return;
	progress_last(k);
	k->then(k);
}

static void
on_answer(struct live *l)
{
	mcp_then *then = l->answered;

	if (then == NULL)
		return;
	l->answered = NULL;
	l->k.own = l->response;
	then(&l->k);
	json_decref(l->response);
	l->response = NULL;
}

static void
on_time(struct live *l)
{
	mcp_then *later = l->later;

	if (later == NULL) {
		on_answer(l);		/* the client took too long */
		return;
	}
	l->later = NULL;
	later(&l->k);
}

/* One thing after the other; what ends the ask ends it for the others. */
static void
step(struct live *l, unsigned why)
{
	struct ask *k = &l->k;

	if ((why & BY_CALL) && !l->ended)
		on_call(k);
	if ((why & BY_DB) && !l->ended)
		k->told(k, l->code, &l->err);
	if ((why & BY_CLIENT) && !l->ended)
		on_answer(l);
	if ((why & BY_TIME) && !l->ended)
		on_time(l);
	if ((why & BY_TICK) && !l->ended)
		progress_tick(k);
	if (why & BY_CANCEL)
		progress_cancelled(k);
	if ((why & BY_LEAVING) && !l->ended) {
		if (l->listens != NULL)
			listen_over(k);
		else if (l->answered != NULL)
			on_answer(l);
		else
			progress_cancel(k);
	}
}

static void
unlink_live(struct teller *t, struct live *l)
{
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		t->all = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	t->n--;
}

static void
free_live(struct live *l)
{
	json_decref(l->root);
	json_decref(l->response);
	arena_free(&l->a);
	free(l);
}

/* Under the lock.  True: it is over, and the caller frees it when the lock is free. */
static bool
leave(struct teller *t, struct live *l)
{
	l->busy = false;
	if (l->ended && l->cancel == NULL && l->k.call == NULL) {
		unlink_live(t, l);
		return true;
	}
	if (l->due != 0)
		enqueue(t, l, 0);
	return false;
}

void
live_left(struct live *l)
{
	struct teller *t = l->k.m->teller;

	l->over = NULL;
	pthread_mutex_lock(&t->lock);
	bool over = leave(t, l);
	pthread_mutex_unlock(&t->lock);
	if (over)
		free_live(l);
}

/* Calls that are under way come back here. */
static bool
is_needed(const struct teller *t)
{
	for (const struct live *l = t->all; l != NULL; l = l->next)
		if (l->cancel != NULL || l->k.call != NULL)
			return true;
	return false;
}

static void *
tell(void *arg)
{
	struct teller *t = arg;

	pthread_mutex_lock(&t->lock);
	while (!t->stop || is_needed(t)) {
		look_at_clocks(t);
		if (t->first == NULL) {
			int64_t wait = t->next_us == INT64_MAX ? IDLE_US : MAX(MIN(t->next_us - now_us(t->m), IDLE_US), 1);
			(void)sys_cond_wait_us(&t->turn, &t->lock, wait);
			continue;
		}
		struct live *l = dequeue(t);
		unsigned why = l->due;
		l->due = 0;
		pthread_mutex_unlock(&t->lock);
		step(l, why);
		pthread_mutex_lock(&t->lock);
		if (leave(t, l)) {
			pthread_mutex_unlock(&t->lock);
			free_live(l);
			pthread_mutex_lock(&t->lock);
		}
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* --- the beginning of one --- */

/* The client left, or took too little. */
static void
gone(void *ctx, uint64_t id)
{
	struct teller *t = ctx;

	pthread_mutex_lock(&t->lock);
	for (struct live *l = t->all; l != NULL; l = l->next)
		if (l->id == id && !l->ended) {
			l->gone = true;
			if (l->listens != NULL || is_modern(l->k.version))
				enqueue(t, l, BY_LEAVING);
		}
	pthread_mutex_unlock(&t->lock);
}

static void
move_ask(struct live *l, const struct ask *k)
{
	struct turn *t = k->turn;
	struct mcp_session *s = NULL;

	l->k = *k;
	l->k.a = &l->a;
	l->k.turn = NULL;
	l->k.live = l;
	l->k.id = str_dup(&l->a, k->id);
	if (k->session != NULL) {
		s = NEW(&l->a, struct mcp_session);
		*s = *k->session;
		s->version = mcp_versions[k->version];
		s->client = str_dup(&l->a, s->client);
		s->log_level = str_dup(&l->a, s->log_level);
		s->subscriptions = str_dup(&l->a, s->subscriptions);
	}
	l->k.session = s;
	l->root = t->root;
	t->root = NULL;
	l->over = t->f.x;
	lent_fill(&l->lent, t->f.x, &l->a);
}

static void
enlist(struct live *l)
{
	struct teller *t = l->k.m->teller;

	pthread_mutex_lock(&t->lock);
	l->id = ++t->ids;
	l->busy = true;
	l->next = t->all;
	if (l->next != NULL)
		l->next->prev = l;
	t->all = l;
	t->n++;
	pthread_mutex_unlock(&t->lock);
	front_stream_on_gone(l->out, gone, t, l->id);
}

static struct front_stream *
open_stream(struct turn *t)
{
	struct exchange *x = t->f.x;

	front_add(x, "Content-Type", "text/event-stream");
	front_add(x, "Cache-Control", "no-cache, no-transform");
	front_add(x, "X-Accel-Buffering", "no");
	front_add(x, "X-Request-Id", api_request_id(x));
	cors_headers(t->f.conf, x);
	return front_stream(x, 200, S(": \n\n"), BEAT_MS);
}

/* Half of the connections may be streams (front/stream.h), and half of those one workspace's. */
static bool
crowded(const struct ask *k, int connections)
{
	struct teller *t = k->m->teller;
	int n = 0;

	pthread_mutex_lock(&t->lock);
	for (const struct live *l = t->all; l != NULL; l = l->next)
		n += memcmp(&l->k.who.workspace, &k->who.workspace, sizeof(k->who.workspace)) == 0;
	pthread_mutex_unlock(&t->lock);
	return n >= MAX(connections / 4, 1);
}

/* Why there is none, or NULL. */
static const char *
no_stream(const struct ask *k)
{
	const struct turn *t = k->turn;

	if (t->batch)
		return "A batch has no stream: send this message by itself.";
	if (crowded(k, (int)t->f.conf->max_connections))
		return "This workspace has as many open streams as it may have: close some.";
	return atomic_load(&k->m->api->draining) ? "The server is about to stop: ask again in a moment." : NULL;
}

struct ask *
mcp_stream(struct ask *k)
{
	struct turn *t = k->turn;
	struct error e;

	if (k->live != NULL)
		return k;
	const char *why = no_stream(k);
	struct live *l = why == NULL ? calloc(1, sizeof(*l)) : NULL;
	int nout = t->f.x->nout;
	if (l != NULL && (l->out = open_stream(t)) == NULL) {
		t->f.x->nout = nout;
		free(l);
		l = NULL;
	}
	if (l == NULL) {
		mcp_refuse(k, E_UNAVAILABLE, (fail(&e, E_UNAVAILABLE, NULL, "%s", why != NULL ? why : "The server cannot begin a stream right now."), &e));
		return NULL;
	}
	arena_init(&l->a, ARENA_BUDGET);
	l->later_us = l->tick_us = INT64_MAX;
	l->told = -1;
	move_ask(l, k);
	enlist(l);
	t->live = l;
	return &l->k;
}

void
mcp_forget(struct ask *k)
{
	json_decref(k->live->root);
	k->live->root = NULL;
	k->params = k->meta = NULL;
}

/* --- what goes out --- */

void
live_send(struct live *l, str json)
{
	struct arena a;
	struct buf b;

	arena_init(&a, ARENA_BUDGET);
	buf_init(&b, &a, json.n + 40);
	buf_add(&b, S("event: message\ndata: "));
	buf_add(&b, json);
	buf_add(&b, S("\n\n"));
	(void)front_send(l->out, buf_str(&b));
	arena_free(&a);
}

void
live_done(struct ask *k)
{
	struct live *l = live_of(k);

	pthread_mutex_lock(&k->m->teller->lock);
	l->ended = true;
	bool silent = l->cancelled;		/* nobody waits for the answer to a request that was cancelled */
	pthread_mutex_unlock(&k->m->teller->lock);
	if (k->out.n != 0 && !silent)
		live_send(l, buf_str(&k->out));
	front_stream_end(l->out);
	l->out = NULL;
}

bool
mcp_gone(const struct ask *k)
{
	struct teller *t = k->m->teller;

	if (k->live == NULL)
		return false;
	pthread_mutex_lock(&t->lock);
	bool over = k->live->gone || k->live->cancelled;
	pthread_mutex_unlock(&t->lock);
	return over;
}

bool
live_given_up(const struct ask *k)
{
	struct teller *t = k->m->teller;

	pthread_mutex_lock(&t->lock);
	bool over = k->live->cancelled || (k->live->gone && is_modern(k->version));
	pthread_mutex_unlock(&t->lock);
	return over;
}

static void
put_message(struct ask *k, str id, str method, str params)
{
	struct arena a;
	struct buf b;
	struct json j;

	arena_init(&a, ARENA_BUDGET);
	buf_init(&b, &a, params.n + method.n + id.n + 100);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("jsonrpc"), S("2.0"));
	if (id.p != NULL) {
		jw_key(&j, S("id"));
		jw_raw(&j, id);
	}
	jw_key_str(&j, S("method"), method);
	if (params.p != NULL) {
		jw_key(&j, S("params"));
		jw_raw(&j, params);
	}
	jw_end(&j);
	live_send(k->live, buf_str(&b));
	arena_free(&a);
}

void
mcp_notify(struct ask *k, str method, str params)
{
	if (k->live != NULL && !mcp_gone(k))
		put_message(k, STR_NONE, method, params);
}

/* A value must be larger than the one before: another one is not told. */
void
mcp_progress(struct ask *k, double progress, double total, str message)
{
	const json_t *token = json_object_get(k->meta, "progressToken");
	struct arena a;
	struct buf b;
	struct json j;

	if (k->live == NULL || (!json_is_string(token) && !json_is_integer(token)) || progress <= k->live->told)
		return;
	k->live->told = progress;
	arena_init(&a, ARENA_BUDGET);
	buf_init(&b, &a, (size_t)1 << 20);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key(&j, S("progressToken"));
	if (json_is_integer(token))
		jw_i64(&j, json_integer_value(token));
	else
		jw_str(&j, mcp_text(k->meta, "progressToken"));
	jw_key(&j, S("progress"));
	jw_f64(&j, progress);
	jw_key(&j, S("total"));
	jw_f64(&j, total);
	if (message.n != 0)
		jw_key_str(&j, S("message"), message);
	jw_end(&j);
	if (!b.over)		/* a token may be as long as a message */
		mcp_notify(k, S("notifications/progress"), buf_str(&b));
	arena_free(&a);
}

void
mcp_log(struct ask *k, const char *level, str data)
{
	str least = k->session != NULL ? k->session->log_level : mcp_text(k->meta, META_LOG_LEVEL);

	if (mcp_level(least) < 0 || mcp_level(str_z(level)) < mcp_level(least))
		return;
	mcp_notify(k, S("notifications/message"), str_fmt(k->a, "{\"level\":\"%s\",\"logger\":\"scriped\",\"data\":%.*s}", level, STR(data)));
}

void
mcp_later(struct ask *k, int64_t ms, mcp_then *then)
{
	k->live->later = then;
	set_clock(k->live, &k->live->later_us, ms);
}

void
live_watch_job(struct ask *k)
{
	set_clock(k->live, &k->live->tick_us, PROGRESS_MS);
}

/* --- what the client says about it --- */

void
mcp_request(struct ask *k, str method, str params, mcp_then *then)
{
	struct live *l = k->live;
	struct teller *t = k->m->teller;

	pthread_mutex_lock(&t->lock);
	l->asked = str_fmt(k->a, "\"%llu-%d\"", (unsigned long long)l->id, ++l->nasked);
	l->answered = then;
	pthread_mutex_unlock(&t->lock);
	put_message(k, l->asked, method, params);
	set_clock(l, &l->later_us, REQUEST_MS);
}

static bool
is_of(const struct live *l, const digest *session)
{
	return !l->ended && l->k.session != NULL && memcmp(l->k.session->hash.b, session->b, sizeof(session->b)) == 0;
}

void
live_response(struct mcp *m, const struct mcp_session *s, str id, json_t *response)
{
	struct teller *t = m->teller;

	pthread_mutex_lock(&t->lock);
	for (struct live *l = t->all; l != NULL; l = l->next)
		if (is_of(l, &s->hash) && l->answered != NULL && l->response == NULL && str_eq(l->asked, id)) {
			l->response = json_deep_copy(response);
			l->later_us = INT64_MAX;
			enqueue(t, l, BY_CLIENT);
		}
	pthread_mutex_unlock(&t->lock);
}

void
live_cancel(struct mcp *m, const digest *session, const digest *id, size_t bytes)
{
	struct teller *t = m->teller;
	digest its;

	pthread_mutex_lock(&t->lock);
	for (struct live *l = t->all; l != NULL; l = l->next)
		if (is_of(l, session) && l->listens == NULL && (its = mcp_id_mac(m, l->k.id), memcmp(its.b, id->b, bytes) == 0)) {
			l->cancelled = true;
			enqueue(t, l, BY_LEAVING);
		}
	pthread_mutex_unlock(&t->lock);
}

void
live_listens(struct live *l, struct listener *who, void (*first)(struct live *, const struct listener *))
{
	struct teller *t = l->k.m->teller;

	pthread_mutex_lock(&t->lock);
	for (struct live *o = t->all; o != NULL && l->k.session != NULL; o = o->next)
		if (o->listens != NULL && is_of(o, &l->k.session->hash))
			enqueue(t, o, BY_LEAVING);
	if (first != NULL)
		first(l, who);		/* under the lock: nobody tells anything before it, and nothing that happens behind it is missed */
	l->listens = who;
	if (atomic_load(&t->m->api->draining))
		enqueue(t, l, BY_LEAVING);	/* teller_drain was here already, or will be */
	pthread_mutex_unlock(&t->lock);
}

void
live_each_listener(struct teller *t, bool (*each)(struct live *, void *ctx), void *ctx)
{
	pthread_mutex_lock(&t->lock);
	for (struct live *l = t->all; l != NULL; l = l->next)
		if (l->listens != NULL && !l->ended && !l->gone && !each(l, ctx))
			enqueue(t, l, BY_LEAVING);
	pthread_mutex_unlock(&t->lock);
}

/* --- the teller --- */

struct teller *
teller_new(struct mcp *m)
{
	struct teller *t = calloc(1, sizeof(*t));
	struct error e;

	if (t == NULL)
		abort();
	t->m = m;
	t->last = &t->first;
	t->next_us = INT64_MAX;
	pthread_mutex_init(&t->lock, NULL);
	sys_cond_init(&t->turn);
	t->runs = sys_thread(&t->thread, "mcp", tell, t, &e) == OK;
	return t;
}

int
teller_streams(struct teller *t)
{
	pthread_mutex_lock(&t->lock);
	int n = t->n;
	pthread_mutex_unlock(&t->lock);
	return n;
}

void
teller_drain(struct teller *t)
{
	pthread_mutex_lock(&t->lock);
	for (struct live *l = t->all; l != NULL; l = l->next)
		if ((l->listens != NULL || l->answered != NULL) && !l->ended)
			enqueue(t, l, BY_LEAVING);
	pthread_mutex_unlock(&t->lock);
}

/* The front is closed: nothing comes in any more, and whoever waits was woken by work_release. */
void
teller_free(struct teller *t)
{
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->turn);
	pthread_mutex_unlock(&t->lock);
	if (t->runs)
		pthread_join(t->thread, NULL);
	for (struct live *l = t->all, *next; l != NULL; l = next) {
		next = l->next;
		if (l->out != NULL)
			front_stream_end(l->out);
		free_live(l);
	}
	pthread_cond_destroy(&t->turn);
	pthread_mutex_destroy(&t->lock);
	free(t);
}
