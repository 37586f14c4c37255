/* audit -- refusals wait here for the next transaction: they have none of their own (contract 12.3).
 *
 * Bounded; what does not fit is dropped and counted.  /health tells when they cannot be written, not when they come faster than
 * that: anybody who has a key could bring that about.  The entries are copied: a request is gone before they are written. */
#include "api/rq.h"
#include <stdio.h>
#include <stdlib.h>

struct kept { workspace_id workspace; audit_id id; client_id client; int64_t status; char principal[40], mode[8], method[16], route[96], request[40], ip[48]; };
struct audit_buffer {
	struct call call;
	struct engine *engine;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct kept *ring;
	int max, head, n;
	int taken;		/* of the head: in the transaction that runs */
	bool riding;		/* our call is with the engine */
	bool closing;		/* what is refused now is lost */
	int64_t dropped;
	bool ok;
};

static str field(const char *p) { return str_z(p); }

static enum err
flush(struct call *c, struct db *db, struct error *e)
{
	enum { SLICE = 100 };
	struct audit_buffer *b = (struct audit_buffer *)c;

	pthread_mutex_lock(&b->lock);
	b->taken = MIN(b->n, SLICE);
	int head = b->head;
	pthread_mutex_unlock(&b->lock);
	for (int i = 0; i < b->taken; i++) {	/* those taken are not touched by anybody else */
		const struct kept *k = &b->ring[(head + i) % b->max];
		struct audit a = { .workspace = k->workspace, .id = k->id, .client = k->client, .principal = field(k->principal), .mode = field(k->mode),
		    .method = field(k->method), .route = field(k->route), .request = field(k->request), .ip = field(k->ip), .status = k->status };
		TRY(audit_insert(db, &a, e));
	}
	return OK;
}

static void
send(struct audit_buffer *b)
{
	struct error e;

	if (b->riding || b->n == 0)
		return;
	b->riding = engine_submit(b->engine, &b->call, &e) == OK;
}

static void
flushed(struct call *c, enum err code, const struct error *why)
{
	struct audit_buffer *b = (struct audit_buffer *)c;

	(void)why;
	pthread_mutex_lock(&b->lock);
	b->ok = code == OK;
	b->riding = false;
	if (code == OK) {
		b->head = (b->head + b->taken) % b->max;
		b->n -= b->taken;
	}
	if (code == OK || !b->closing)
		send(b);		/* again, a second later at the most, until they are written */
	if (!b->riding)
		pthread_cond_broadcast(&b->idle);
	pthread_mutex_unlock(&b->lock);
}

void
audit_later(struct audit_buffer *b, const struct audit *a)
{
	pthread_mutex_lock(&b->lock);
	if (b->n == b->max) {
		b->dropped++;
	} else {
		struct kept *k = &b->ring[(b->head + b->n++) % b->max];
		*k = (struct kept){ .workspace = a->workspace, .id = a->id, .client = a->client, .status = a->status };
		snprintf(k->principal, sizeof(k->principal), "%.*s", STR(a->principal));
		snprintf(k->mode, sizeof(k->mode), "%.*s", STR(a->mode));
		snprintf(k->method, sizeof(k->method), "%.*s", STR(a->method));
		snprintf(k->route, sizeof(k->route), "%.*s", STR(a->route));
		snprintf(k->request, sizeof(k->request), "%.*s", STR(a->request));
		snprintf(k->ip, sizeof(k->ip), "%.*s", STR(a->ip));
		/* a cut in the middle of a character would be no text to PostgreSQL */
		for (size_t n = strlen(k->route); n > 0 && !utf8_ok((str){ k->route, n }); n--)
			k->route[n - 1] = '\0';
	}
	send(b);
	pthread_mutex_unlock(&b->lock);
}

void
audit_depth(struct audit_buffer *b, int *depth, int64_t *dropped, bool *ok)
{
	pthread_mutex_lock(&b->lock);
	*depth = b->n;
	*dropped = b->dropped;
	*ok = b->ok;
	pthread_mutex_unlock(&b->lock);
}

struct audit_buffer *
audit_buffer_new(struct engine *engine, int max)
{
	struct audit_buffer *b = calloc(1, sizeof(*b));

	if (b == NULL || (b->ring = calloc((size_t)max, sizeof(*b->ring))) == NULL)
		abort();
	b->call = (struct call){ .run = flush, .done = flushed, .flags = CALL_RIDE | CALL_FORCE };
	b->engine = engine;
	b->max = max;
	b->ok = true;
	pthread_mutex_init(&b->lock, NULL);
	sys_cond_init(&b->idle);
	return b;
}

/* Waits until what it holds is written, or was refused once more. */
void
audit_buffer_free(struct audit_buffer *b)
{
	pthread_mutex_lock(&b->lock);
	b->closing = true;
	send(b);
	while (b->riding)
		pthread_cond_wait(&b->idle, &b->lock);
	pthread_mutex_unlock(&b->lock);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->idle);
	free(b->ring);
	free(b);
}
