/* journal -- what is written behind the requests: the request log, and what each workspace used by day.
 *
 * Rows wait in a ring and ride with other commits, a second later at most; sums of tally.h go with them.  What does not
 * fit into the ring is dropped and counted.  Flushing may be repeated: a row is written once, a sum says the same again.
 * Nobody waits for it, and a server that is killed loses what it holds. */
#include "api/journal.h"
#include <stdlib.h>

#define SLICE	100			/* rows, and sums, of one flush */
#define TRIM	200			/* rows that make room in one flush: with those written some 2 ms */
#define HOLD_US	INT64_C(900000)

enum { PATH_MAX_ = 256, QUERY_MAX = 256, AGENT_MAX = 128, IGNORED_MAX = 128 };
struct kept {
	workspace_id workspace;
	struct request_log row;		/* its texts are constants, or stand in text[] */
	char principal[40], ip[48], text[PATH_MAX_ + QUERY_MAX + AGENT_MAX + IGNORED_MAX];
};
struct journal {
	struct call call;
	const struct api_conf *c;
	struct tallies *tallies;	/* the API's */
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct kept *ring;
	int max, head;
	_Atomic int n;			/* read without the lock too */
	int taken;			/* of the head: in the transaction that runs */
	int64_t first_us;		/* when the one at the head came */
	bool riding, closing, news, ok;
	int64_t dropped, written, trimmed;
	/* the engine's, while it rides */
	struct tally_sum sums[SLICE];
	int nsums;
	int64_t added, gone, most;
};

/* --- flushing --- */

struct grown { workspace_id workspace; int n; };

static int
by_workspace(const void *a, const void *b)
{
	return memcmp(((const struct grown *)a)->workspace.u.s, ((const struct grown *)b)->workspace.u.s, 26);
}

static void
grow(struct grown *g, int *n, const workspace_id *w)
{
	int i = 0;

	while (i < *n && memcmp(g[i].workspace.u.s, w->u.s, 26) != 0)
		i++;
	if (i == *n)
		g[(*n)++] = (struct grown){ .workspace = *w };
	g[i].n++;
}

/* In the order of their ids: two nodes that keep the same workspaces must not wait for each other crosswise. */
static enum err
trim(struct journal *j, struct db *db, struct grown *g, int n, int64_t most, struct error *e)
{
	int64_t gone;

	qsort(g, (size_t)n, sizeof(*g), by_workspace);
	for (int i = 0; i < n; i++) {
		TRY(request_log_trim(db, g[i].workspace, g[i].n, most, TRIM, &gone, e));
		j->gone += gone;
	}
	return OK;
}

static enum err
write_rows(struct journal *j, struct db *db, int head, int64_t most, struct error *e)
{
	struct grown grown[SLICE];
	int n = 0;
	bool added;

	j->added = j->gone = 0;
	for (int i = 0; i < j->taken; i++) {	/* those taken are not touched by anybody else */
		const struct kept *k = &j->ring[(head + i) % j->max];
		TRY(request_log_insert(db, k->workspace, &k->row, &added, e));
		j->added += added;
		if (added)
			grow(grown, &n, &k->workspace);
	}
	return trim(j, db, grown, n, most, e);
}

/* Not yet, while little waits: then it rides on with a later commit. */
static bool
due(const struct journal *j)
{
	return j->closing || j->n >= SLICE || j->taken > 0 || sys_mono_us(j->c->clock) - j->first_us >= HOLD_US;
}

static enum err
flush(struct call *c, struct db *db, struct error *e)
{
	struct journal *j = (struct journal *)c;

	pthread_mutex_lock(&j->lock);
	bool now = due(j);
	int head = j->head;
	int64_t most = j->most;
	j->taken = now ? MIN(j->n, SLICE) : 0;
	if (now)
		j->news = false;
	pthread_mutex_unlock(&j->lock);
	if (!now)
		return OK;
	if (j->nsums == 0)		/* otherwise those of a flush that failed */
		j->nsums = tally_collect(j->tallies, j->sums, SLICE);
	for (int i = 0; i < j->nsums; i++)
		TRY(usage_put(db, j->sums[i].workspace, j->sums[i].day, &j->sums[i].run, &j->sums[i].n, e));
	return write_rows(j, db, head, most, e);
}

static void
send(struct journal *j)
{
	struct error e;

	if (j->riding || (j->n == 0 && !j->news && j->nsums == 0))
		return;
	j->call.flags = CALL_FORCE | (j->n < SLICE || !j->ok ? CALL_RIDE : 0);	/* a slice is worth a commit of its own */
	j->riding = engine_submit(j->c->engine, &j->call, &e) == OK;
}

static void
flushed(struct call *c, enum err code, const struct error *why)
{
	struct journal *j = (struct journal *)c;

	(void)why;
	pthread_mutex_lock(&j->lock);
	j->ok = code == OK;
	j->riding = false;
	if (code == OK) {
		if (j->taken > 0)
			j->first_us = sys_mono_us(j->c->clock);
		j->head = (j->head + j->taken) % j->max;
		j->n -= j->taken;
		j->written += j->added;
		j->trimmed += j->gone;
		j->news |= j->nsums + 1 >= SLICE;		/* there may be more */
		j->taken = j->nsums = 0;
		j->added = j->gone = 0;
	}
	if (code == OK || !j->closing)
		send(j);
	if (!j->riding)
		pthread_cond_broadcast(&j->idle);
	pthread_mutex_unlock(&j->lock);
}

/* --- noting --- */

static int
method_of(const struct rq *rq)
{
	int m = words_find(&http_method_words, rq->x->method);
	return m >= 0 ? m : HTTP_OTHER;
}

static int
key_use(const struct rq *rq)
{
	if (rq->replayed)
		return KEY_USE_REPLAYED;
	if (rq->idem_malformed)
		return KEY_USE_MALFORMED;
	if (rq->idem_key.p == NULL)
		return KEY_USE_NONE;
	return rq->first ? KEY_USE_FIRST : KEY_USE_REFUSED;
}

/* The code of the envelope: a replay answers with what was stored, and has no error of its own. */
static str
code_of(const struct rq *rq)
{
	static const str lead = S_INIT("{\"error\":{\"code\":\"");
	str body = buf_str(&rq->out);

	if (rq->status < 400)
		return S("");
	if (!rq->replayed)
		return str_z(err_row(err_outside(rq->err.code))->slug);
	for (int i = 1; i < ERR_COUNT && str_starts(body, lead); i++) {
		str slug = err_public(i) ? str_z(err_row(i)->slug) : STR_NONE;
		str rest = str_cut(body, lead.n, body.n);
		if (slug.p != NULL && str_starts(rest, slug) && rest.n > slug.n && rest.p[slug.n] == '"')
			return slug;
	}
	return S("");
}

static str
copied(char *to, size_t size, str s)
{
	str cut = str_cut(s, 0, size);

	memcpy(to, cut.p != NULL ? cut.p : "", cut.n);
	return (str){ to, cut.n };
}

static str
done_with(struct scrubbed *s)
{
	str text = { s->p, s->n };

	s->p += s->max;
	s->n = 0;
	return text.n != 0 ? text : STR_NONE;
}

static void
texts(const struct rq *rq, struct kept *k)
{
	struct scrubbed s = { k->text, 0, PATH_MAX_ };
	str target = rq->x->target;

	scrub(&s, rq->x->path_bad ? str_split(&target, '?') : rq->x->path);
	k->row.path = done_with(&s);
	if (k->row.path.p == NULL)
		k->row.path = S("");
	s.max = QUERY_MAX;
	if (!rq->x->query_bad)
		scrub_query(&s, rq->x->query, rq->x->nquery);
	k->row.query = done_with(&s);
	s.max = AGENT_MAX;
	scrub(&s, rq->x->header[FH_USER_AGENT]);
	k->row.agent = done_with(&s);
	s.max = IGNORED_MAX;
	for (int i = 0; i < rq->notes.nignored; i++) {
		scrub(&s, i > 0 ? S(", ") : S(""));
		scrub(&s, rq->notes.ignored[i]);
	}
	k->row.ignored = done_with(&s);
}

static void
fill(struct rq *rq, int64_t us, int64_t weight, struct kept *k)
{
	bool bodyless = rq->status == 304 || str_eq(rq->x->method, S("HEAD"));

	k->workspace = rq->who.workspace;
	k->row = (struct request_log){
		.id = { rq->request }, .principal = copied(k->principal, sizeof(k->principal), auth_name(rq->a, &rq->who)),
		.mode = rq->who.type != PRINCIPAL_USER ? rq->who.mode : -1, .method = method_of(rq), .idempotency = key_use(rq),
		.operation = rq->op != NULL ? str_z(rq->op->name) : S(""), .status = rq->status, .error = code_of(rq), .us = us,
		.bytes_in = (int64_t)rq->x->body.n, .bytes_out = bodyless ? 0 : (int64_t)rq->out.n, .weight = weight,
		.client = rq->who.client, .ip = copied(k->ip, sizeof(k->ip), rq->address), .version = rq->version != NULL ? str_z(rq->version->date) : STR_NONE,
	};
	texts(rq, k);
}

static void
keep(struct journal *j, struct rq *rq, int64_t us, int64_t weight)
{
	pthread_mutex_lock(&j->lock);
	if (j->n == j->max) {
		j->dropped++;
	} else {
		if (j->n == 0)
			j->first_us = sys_mono_us(j->c->clock);
		fill(rq, us, weight, &j->ring[(j->head + j->n++) % j->max]);
		j->most = rq->conf->request_log_rows;
	}
	send(j);
	pthread_mutex_unlock(&j->lock);
}

static void
wake(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	if (j->n == 0 && !j->news)
		j->first_us = sys_mono_us(j->c->clock);
	j->news = true;
	send(j);
	pthread_mutex_unlock(&j->lock);
}

/* What the command line does is no use of the API: the audit log has it.
 * A path or a version that nobody knows is refused before the key is looked at; who has sent one wants to see it here. */
static bool
known(struct rq *rq)
{
	if (rq->known == AUTH_KNOWN)
		return !auth_is_console(&rq->who);
	struct auth_ask ask = rq_ask(rq);
	return rq->status >= 400 && rq->status != 401 && (rq->op == NULL || rq->version == NULL) && auth_peek(rq->api->c.auth, rq->conf, &ask, &rq->who);
}

/* The last half of the ring is for writes and errors, and for ever fewer of what is drawn. */
static int
pressure(const struct journal *j)
{
	int n = atomic_load_explicit(&j->n, memory_order_relaxed);

	return n * 2 < j->max ? 0 : n * 4 < j->max * 3 ? 3 : 8;
}

void
journal_note(struct journal *j, struct rq *rq, int64_t us)
{
	struct tally_seen seen = { .who = &rq->who, .now_ms = ulid_ms(&rq->request), .pressure = pressure(j), .error = rq->status >= 400,
	    .refused = rq->status >= 400 && !rq->charged, .write = rq->op != NULL && (rq->op->flags & OP_TX) };
	bool news;

	if (rq->status == 0 || !known(rq))
		return;
	int64_t weight = tally_count(j->tallies, rq->conf, &seen, &news);
	if (weight > 0)
		keep(j, rq, us, weight);
	if (news)
		wake(j);
}

void
journal_stats(struct journal *j, struct journal_stats *ret)
{
	pthread_mutex_lock(&j->lock);
	*ret = (struct journal_stats){ j->n, j->dropped, j->written, j->trimmed, 0, j->ok && j->n < j->max };
	pthread_mutex_unlock(&j->lock);
	ret->lost = tally_lost(j->tallies);
}

/* --- open and close --- */

struct journal *
journal_new(const struct api_conf *c, struct tallies *tallies, int max)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (j == NULL || (j->ring = calloc((size_t)max, sizeof(*j->ring))) == NULL)
		abort();
	j->call = (struct call){ .run = flush, .done = flushed, .bytes = SLICE * 400 };
	j->c = c;
	j->max = max;
	j->ok = true;
	j->tallies = tallies;
	pthread_mutex_init(&j->lock, NULL);
	sys_cond_init(&j->idle);
	return j;
}

/* Waits until what it holds is written, or was refused once more. */
void
journal_free(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	j->closing = true;
	send(j);
	while (j->riding)
		pthread_cond_wait(&j->idle, &j->lock);
	pthread_mutex_unlock(&j->lock);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->idle);
	free(j->ring);
	free(j);
}
