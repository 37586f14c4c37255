/* embed -- vectors of the passages of knowledge documents (know/meaning.h).
 *
 * The job that ingests a document asks for them, and lists it without them when the endpoint fails: it is found by its words
 * meanwhile.  A thread of its own makes what is missing, of documents of all workspaces, one after the other: those without
 * vectors, and those of another model than the one that is set.  It claims a document first (model/vector.h), so that
 * several programs do not pay for the same one. */
#include "know/near.h"
#include "model/ledger.h"
#include "work/work_priv.h"
#include <stdio.h>

#define BUDGET		((size_t)64 << 20)
#define CLAIM_MORE	60000		/* ms beside the longest answer */
#define REFUSED_PAUSES	20		/* times embed_pause that a document is left alone which the endpoint refused */

/* Some passages of a document, on their way. */
struct batch {
	struct work *w;
	const struct conf *conf;
	struct arena *a;
	workspace_id workspace;
	document_id document;
	str name, model;
	const struct passage *passage;
	int n, dims;
	struct meaning_ask ask;
	struct vectors v;
	bool (*alive)(void *ctx);
	void *ctx;
};

/* The first of the passages, as many as fit into a request: asks for their vectors. */
static enum provider_fault
ask_some(struct batch *b, int first)
{
	str *texts = NEW_N(b->a, str, b->n);

	for (int i = 0; i < b->n; i++)
		texts[i] = meaning_text(b->a, b->name, &b->passage[i]);
	int n = meaning_batch(texts, b->n);
	b->ask = (struct meaning_ask){ .conf = b->conf, .clock = b->w->c.clock, .a = b->a, .texts = texts, .n = n, .alive = b->alive, .ctx = b->ctx };
	enum provider_fault fault = near_ask(b->w->c.near, &b->ask);
	if (fault != PROVIDER_OK)
		return fault;
	if (b->dims != 0 && b->ask.dims != b->dims) {
		(void)snprintf(b->ask.why, sizeof(b->ask.why), "The provider changed the length of its vectors within a document. Check embed_model.");
		return PROVIDER_REJECTED;
	}
	b->dims = b->ask.dims;
	b->v = (struct vectors){ first, n, b->model, b->ask.data };
	return PROVIDER_OK;
}

static void
tell(struct batch *b, enum provider_fault fault)
{
	if (fault != PROVIDER_OK && b->ask.why[0] != '\0')
		log_note(b->w->c.log, LOG_WARN, "embed", "%s", b->ask.why);
}

/* --- in the job --- */

struct job_batch { struct batch b; struct run *r; };

static bool job_goes_on(void *ctx) { return !run_stopping(ctx); }

static enum err
put_held(void *ctx, struct db *db, struct error *e)
{
	struct job_batch *j = ctx;

	TRY(job_held(db, &j->r->task, e));
	return vectors_put(db, j->b.workspace, j->b.document, &j->b.v, e);
}

str
embed_passages(struct run *r, document_id id, str name, const struct passage *passage, int n)
{
	struct arena a;
	struct error e;
	int done = 0;

	if (r->w->c.near == NULL || !meaning_on(r->conf))
		return S("");
	str model = meaning_model(&r->a, r->conf);
	arena_init(&a, BUDGET);
	struct job_batch j = { { r->w, r->conf, &a, r->task.workspace, id, name, model, .alive = job_goes_on, .ctx = r }, r };
	while (done < n) {
		arena_reset(&a);
		run_progress(r, 0.9 + 0.1 * done / n, "asking what the passages mean");
		j.b.passage = passage + done;
		j.b.n = MIN(n - done, MEANING_TEXTS);
		enum provider_fault fault = ask_some(&j.b, done);
		r->cost += j.b.ask.cost;
		tell(&j.b, fault);
		if (fault != PROVIDER_OK || engine_wait(r->w->c.engine, put_held, &j, &e) != OK)
			break;
		done += j.b.v.n;
	}
	arena_free(&a);
	return done == n ? model : S("");
}

/* --- later --- */

struct later {
	struct batch b;
	struct arena a;
	struct vectors_wanted wanted;
	int64_t until;			/* of the claim that is asked for */
	bool found, affordable;
	struct document d;
	struct passage passage[MEANING_TEXTS];
	int done;
};

static bool work_goes_on(void *ctx) { return !((struct work *)ctx)->stopping; }

static enum err
find_wanted(void *ctx, struct db *db, struct error *e)
{
	struct later *l = ctx;
	return vectors_want(db, l->b.model, sys_wall_ms(l->b.w->c.clock), &l->wanted, &l->found, e);
}

/* Whether the workspace has money left today: the reservation is undone at once. */
static enum err
check_cap(struct later *l, struct db *db, int64_t now, struct error *e)
{
	struct workspace w;

	l->affordable = true;
	if (l->b.conf->embed_price == 0)
		return OK;
	TRY(workspace_get(db, &l->a, l->wanted.workspace, &w, e));
	enum err code = spend_reserve(db, &l->a, &w, now, EMBED_CENTS, e);
	l->affordable = code != E_SPEND_CAP_EXCEEDED;
	if (code == OK)
		code = spend_settle(db, l->wanted.workspace, now, EMBED_CENTS, 0, e);
	return l->affordable ? code : OK;
}

static enum err
claim(void *ctx, struct db *db, struct error *e)
{
	struct later *l = ctx;
	struct vectors_wanted v = l->wanted;
	int64_t now = sys_wall_ms(l->b.w->c.clock);

	l->until = now + l->b.conf->embed_total + CLAIM_MORE;
	TRY(vectors_claim(db, &v, l->until, e));
	TRY(check_cap(l, db, now, e));
	if (!l->affordable) {
		v.claim = l->until;
		l->until = now + REFUSED_PAUSES * l->b.conf->embed_pause;
		TRY(vectors_claim(db, &v, l->until, e));
	}
	return document_get(db, &l->a, v.workspace, v.id, &l->d, e);
}

static enum err
read_some(void *ctx, struct db *db, struct error *e)
{
	struct later *l = ctx;
	return passages_get(db, &l->a, l->wanted.workspace, l->wanted.id, l->done, MEANING_TEXTS, l->passage, &l->b.n, e);
}

/* What was made, and the claim anew; the last time that all are there. */
static enum err
put_claimed(void *ctx, struct db *db, struct error *e)
{
	struct later *l = ctx;
	struct vectors_wanted v = l->wanted;
	int64_t now = sys_wall_ms(l->b.w->c.clock);

	l->until = now + l->b.conf->embed_total + CLAIM_MORE;
	TRY(vectors_claim(db, &v, l->until, e));
	v.claim = l->until;
	if (l->done == 0)
		TRY(vectors_begin(db, &v, e));
	TRY(vectors_put(db, v.workspace, v.id, &l->b.v, e));
	TRY(spend_settle(db, v.workspace, now, 0, l->b.ask.cost, e));
	return l->done + l->b.v.n >= l->d.passages ? vectors_whole(db, &v, l->b.model, now, e) : OK;
}

static enum err
put_off(void *ctx, struct db *db, struct error *e)
{
	struct later *l = ctx;
	int64_t now = sys_wall_ms(l->b.w->c.clock);

	TRY(vectors_claim(db, &l->wanted, l->until, e));
	return spend_settle(db, l->wanted.workspace, now, 0, l->b.ask.cost, e);
}

/* The next passages of the document; false when it is over, for now. */
static bool
make_some(struct later *l, struct error *e)
{
	const struct conf *conf = l->b.conf;
	struct engine *g = l->b.w->c.engine;

	arena_reset(&l->a);
	l->b.name = l->d.name;
	if (engine_read(g, read_some, l, e) != OK || l->b.n == 0)
		return false;
	enum provider_fault fault = ask_some(&l->b, l->done);
	tell(&l->b, fault);
	if (fault != PROVIDER_OK) {
		l->until = sys_wall_ms(l->b.w->c.clock) + conf->embed_pause * (fault == PROVIDER_REJECTED ? REFUSED_PAUSES : 1);
		(void)!engine_wait(g, put_off, l, e);
		return false;
	}
	if (engine_wait(g, put_claimed, l, e) != OK)
		return false;
	l->wanted.claim = l->until;
	l->done += l->b.v.n;
	return l->done < l->d.passages;
}

/* One document; false when there is none. */
static bool
make_one(struct work *w, const struct conf *conf)
{
	struct later l = { .b = { .w = w, .conf = conf, .alive = work_goes_on, .ctx = w } };
	struct arena kept;
	struct error e;

	arena_init(&kept, BUDGET);
	arena_init(&l.a, BUDGET);
	l.b.a = &l.a;
	l.b.passage = l.passage;
	l.b.model = meaning_model(&kept, conf);
	bool some = engine_read(w->c.engine, find_wanted, &l, &e) == OK && l.found;
	if (some && engine_wait(w->c.engine, claim, &l, &e) == OK && l.affordable) {
		l.wanted.claim = l.until;
		l.d.name = str_dup(&kept, l.d.name);
		while (make_some(&l, &e))
			;
	}
	arena_free(&l.a);
	arena_free(&kept);
	return some;
}

/* Without an endpoint, while that is left alone, or when nothing is missing, it looks as seldom as idle workers do. */
void *
embed_later(void *arg)
{
	struct work *w = arg;

	sys_thread_yields(SYS_NICE_JOB);
	while (!w->stopping) {
		const struct conf *conf = w->c.settings(w->c.ctx);
		bool some = meaning_on(conf) && !near_rests(w->c.near, w->c.clock, false) && make_one(w, conf);
		pthread_mutex_lock(&w->lock);
		if (!some && !w->stopping)
			(void)sys_cond_wait_us(&w->pause, &w->lock, conf->job_poll * 1000);
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}
