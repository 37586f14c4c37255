/* go -- how a method goes on: with an operation of the API, or with the database. */
#include "mcp/live.h"

/* --- operations --- */

static void
on_call(struct turn *t)
{
	struct ask *k = t->ask;

	api_call_resume(k->call);
	if (k->call->x.status == 0)
		front_park(t->f.x);
	else
		k->then(k);
}

static void
woken(struct api_call *c)
{
	struct ask *k = c->ctx;

	if (k->live != NULL)
		live_due(k->live, BY_CALL);
	else
		front_wake(k->turn->f.x);
}

static const enum front_header lent[LENT] = { FH_SCRIPE_WORKSPACE_ID, FH_USER_AGENT, FH_X_FORWARDED_FOR, FH_X_FORWARDED_HOST, FH_X_FORWARDED_PROTO };

void
lent_fill(struct lent *l, const struct exchange *x, struct arena *a)
{
	*l = (struct lent){ .peer = x->peer, .url = x->url, .bytes = x->body.n, .twice = x->header_twice[FH_SCRIPE_WORKSPACE_ID] };
	for (int i = 0; i < LENT; i++)
		l->header[i] = x->header[lent[i]];
	if (a == NULL)
		return;
	l->peer = str_dup(a, l->peer);
	l->url = str_dup(a, str_z(l->url)).p;
	for (int i = 0; i < LENT; i++)
		if (l->header[i].p != NULL)
			l->header[i] = str_dup(a, l->header[i]);
}

/* What a header says to REST may stand in _meta, where a host can put it. */
void
lent_give(const struct lent *l, const json_t *meta, struct api_call *c)
{
	str workspace = mcp_text(meta, META_WORKSPACE), key = mcp_text(meta, "io.scripe/idempotencyKey");

	for (int i = 0; i < LENT; i++)
		c->x.header[lent[i]] = l->header[i];
	if (workspace.p != NULL)
		c->x.header[FH_SCRIPE_WORKSPACE_ID] = workspace;
	c->x.header_twice[FH_SCRIPE_WORKSPACE_ID] = l->twice;
	c->x.header[FH_IF_MATCH] = mcp_text(meta, "io.scripe/ifMatch");
	c->x.header[FH_IDEMPOTENCY_KEY] = key.p != NULL ? key : mcp_text(meta, "idempotencyKey");
	c->x.peer = l->peer;
	c->x.url = l->url;
	c->bytes = l->bytes;
	c->strict = true;
	c->via = "mcp";
}

void
call_end(struct ask *k)
{
	if (k->call != NULL)
		api_call_end(k->call);
	k->call = NULL;
}

/* The exchange may be gone, or belong to another loop: a stream has what was lent, and its steps are the teller's. */
static void
begin(struct ask *k, struct api_call *c)
{
	struct lent now;

	if (k->live != NULL) {
		lent_give(&k->live->lent, k->meta, c);
		c->over = k->live->over;
		c->follows = true;
	} else {
		lent_fill(&now, k->turn->f.x, NULL);
		lent_give(&now, k->meta, c);
		c->over = k->turn->f.x;
		k->turn->go = on_call;
	}
	api_call_begin(k->m->api, c);
}

void
mcp_operate(struct ask *k, const struct op *op, str id, json_t *fields, mcp_then *then)
{
	struct api_call *c = arena_raw(k->a, sizeof(*c));

	call_end(k);
	api_call_init(c, op, &k->who);
	k->call = c;
	k->then = then;
	c->id = id;
	c->json = fields;
	c->woken = woken;
	c->ctx = k;
	begin(k, c);
	if (c->x.status != 0)
		then(k);
	else if (k->live == NULL)
		front_park(k->turn->f.x);
}

json_t *
mcp_fields(struct ask *k, json_t *made)
{
	json_decref(k->spare);
	return k->spare = made;
}

/* --- the database --- */

static void on_face(struct turn *t) { t->f.then(&t->f); }

static enum err
work(struct face *f, struct db *db, struct error *e)
{
	struct ask *k = ((struct turn *)f)->ask;
	return k->work(k, db, e);
}

static void
worked(struct face *f)
{
	struct ask *k = ((struct turn *)f)->ask;
	k->told(k, f->code, &f->err);
}

/* The same for a stream. */
static enum err
run(struct call *c, struct db *db, struct error *e)
{
	struct live *l = (struct live *)((char *)c - offsetof(struct live, call));
	return l->k.work(&l->k, db, e);
}

static void
done(struct call *c, enum err code, const struct error *why)
{
	struct live *l = (struct live *)((char *)c - offsetof(struct live, call));

	l->code = code;
	if (code != OK)
		l->err = *why;
	live_due(l, BY_DB);
}

static void
submit(struct live *l, unsigned flags)
{
	l->call = (struct call){ .run = run, .done = done, .flags = flags, .bytes = 1024 };
	enum err code = engine_submit(l->k.m->api->c.engine, &l->call, &l->err);
	if (code != OK) {
		l->code = code;
		live_due(l, BY_DB);
	}
}

static void
prepare(struct ask *k, mcp_work *todo, mcp_told *told)
{
	k->work = todo;
	k->told = told;
	if (k->live == NULL)
		k->turn->go = on_face;
}

void
mcp_read(struct ask *k, mcp_work *todo, mcp_told *told)
{
	prepare(k, todo, told);
	if (k->live != NULL)
		submit(k->live, CALL_READ);
	else
		face_read(&k->turn->f, work, worked);
}

void
mcp_write(struct ask *k, mcp_work *todo, mcp_told *told)
{
	prepare(k, todo, told);
	if (k->live != NULL)
		submit(k->live, 0);
	else
		face_write(&k->turn->f, work, worked);
}

/* --- sessions --- */

static enum err
keep(struct ask *k, struct db *db, struct error *e)
{
	int64_t now = sys_wall_ms(k->m->api->c.clock);
	struct mcp_session s;
	bool found;

	TRY(mcp_session_hold(db, k->a, &k->session->hash, now, &s, &found, e));
	if (!found)
		return fail(e, E_NOT_FOUND, NULL, "The session has ended: begin anew with initialize.");
	TRY(k->change(k, &s, e));
	s.seen_at = now;
	return mcp_session_update(db, &s, e);
}

/* Who asks next reads the row: what is remembered may be older than what another request has just written. */
static void
kept(struct ask *k, enum err code, const struct error *e)
{
	session_forget(k->m, &k->session->hash);
	mcp_say_changed(k->m, &k->session->hash);
	k->kept(k, code, e);
}

void
mcp_session_keep(struct ask *k, mcp_change *change, mcp_told *then)
{
	k->change = change;
	k->kept = then;
	mcp_write(k, keep, kept);
}
