/* call -- the pipeline without a connection (see call.h). */
#include "api/rq.h"
#include <pthread.h>

#define ARENA_BUDGET	((size_t)32 << 20)

static void woken(struct exchange *x) { struct api_call *c = (struct api_call *)x; c->woken(c); }

void
api_call_init(struct api_call *c, const struct op *op, const struct principal *who)
{
	*c = (struct api_call){ .op = op, .who = *who, .x.wake = woken, .x.url = "", .x.peer = S(""), .x.method = str_z(method_names[op->method]) };
	arena_init(&c->x.arena, ARENA_BUDGET);
}

/* The template with the id in it: what idempotency keys, logs and audit know the request by. */
static str
path_of(struct arena *a, const struct op *op, str id)
{
	const char *open = strchr(op->path, '{');

	if (open == NULL)
		return str_z(op->path);
	return str_fmt(a, "%.*s%.*s%s", (int)(open - op->path), op->path, STR(id), strchr(open, '}') + 1);
}

static enum err
id_missing(struct rq *rq)
{
	const char *open = strchr(rq->op->path, '{') + 1;
	const char *name = str_dup(rq->a, (str){ open, (size_t)(strchr(open, '}') - open) }).p;

	return fail(&rq->err, E_INVALID_REQUEST, name, "'%s' is required: the id of what is meant, as text.", name);
}

/* The first call over a request stands for it. */
static void
stand_for(struct rq *rq, struct rq *over)
{
	if (over->spoken)
		return;
	over->spoken = true;
	rq->request = over->request;
	memcpy(rq->id_text, over->id_text, sizeof(rq->id_text));
}

void
api_call_begin(struct api *api, struct api_call *c)
{
	struct rq *rq;

	c->x.began_us = sys_mono_us(api->c.clock);
	if (c->x.url[0] == '\0' && api->url != NULL)
		c->x.url = api->url;
	c->x.path = path_of(&c->x.arena, c->op, c->id);
	c->x.has_body = c->x.body.p != NULL;
	rq = rq_new(api, &c->x);
	rq->inside = c;
	if (c->over != NULL)
		stand_for(rq, c->over->user);
	rq->op = c->op;
	rq->who = c->who;
	rq->known = AUTH_KNOWN;
	rq->version = versions;
	rq->version_named = true;	/* by those inside: a pin is for requests */
	if (c->op->id_kind >= 0 && !id_parse((enum id_kind)c->op->id_kind, c->id, &rq->id))
		rq->id = (ulid){ "-" };		/* no row has it */
	rq_admit(rq, admit_known(rq));
}

void
call_admitted(struct rq *rq, enum err code)
{
	const struct api_call *c = rq->inside;

	if (code == OK && c->op->id_kind >= 0 && c->id.p == NULL)
		code = id_missing(rq);
	rq->stage = AT_BODY;
	if (code == OK)
		rq_go_on(rq);
	else
		rq_stop(rq, code);
}

void api_call_resume(struct api_call *c) { rq_resumed(c->x.user); }

void
api_call_end(struct api_call *c)
{
	rq_ended(c->x.user);
	arena_free(&c->x.arena);
}

/* --- waiting --- */

struct waiter { pthread_mutex_t lock; pthread_cond_t turn; bool due; };

static void
ring(struct api_call *c)
{
	struct waiter *w = c->ctx;

	pthread_mutex_lock(&w->lock);
	w->due = true;
	pthread_cond_signal(&w->turn);
	pthread_mutex_unlock(&w->lock);
}

void
api_call_wait(struct api *api, struct api_call *c)
{
	struct waiter w = { .due = false };

	pthread_mutex_init(&w.lock, NULL);
	sys_cond_init(&w.turn);
	c->woken = ring;
	c->ctx = &w;
	api_call_begin(api, c);
	while (c->x.status == 0) {
		pthread_mutex_lock(&w.lock);
		while (!w.due)
			pthread_cond_wait(&w.turn, &w.lock);
		w.due = false;
		pthread_mutex_unlock(&w.lock);
		api_call_resume(c);
	}
	pthread_cond_destroy(&w.turn);
	pthread_mutex_destroy(&w.lock);
}
