/* go -- how a method goes on: with an operation of the API, or with the database. */
#include "mcp/turn.h"

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
	front_wake(k->turn->f.x);
}

/* What of the request's headers an operation is to know; the key of idempotency and the workspace may stand in _meta, where a host can put them. */
static void
lend_headers(struct ask *k, struct api_call *c, const struct exchange *x)
{
	static const enum front_header lent[] = { FH_USER_AGENT, FH_X_FORWARDED_FOR, FH_X_FORWARDED_HOST, FH_X_FORWARDED_PROTO, FH_SCRIPE_WORKSPACE_ID };
	str workspace = mcp_text(k->meta, "io.scripe/workspaceId"), key = mcp_text(k->meta, "io.scripe/idempotencyKey");

	for (size_t i = 0; i < COUNT(lent); i++)
		if (x->header[lent[i]].p != NULL)
			c->x.header[lent[i]] = str_dup(k->a, x->header[lent[i]]);
	if (workspace.p != NULL)
		c->x.header[FH_SCRIPE_WORKSPACE_ID] = workspace;
	c->x.header_twice[FH_SCRIPE_WORKSPACE_ID] = x->header_twice[FH_SCRIPE_WORKSPACE_ID];
	c->x.header[FH_IDEMPOTENCY_KEY] = key.p != NULL ? key : mcp_text(k->meta, "idempotencyKey");
	c->x.peer = str_dup(k->a, x->peer);
	c->x.url = str_dup(k->a, str_z(x->url)).p;
}

void
call_end(struct ask *k)
{
	if (k->call != NULL)
		api_call_end(k->call);
	k->call = NULL;
}

void
mcp_operate(struct ask *k, const struct op *op, str id, json_t *fields, mcp_then *then)
{
	struct turn *t = k->turn;
	struct api_call *c = NEW(k->a, struct api_call);

	call_end(k);
	api_call_init(c, op, &k->who);
	k->call = c;
	k->then = then;
	c->id = id;
	c->json = fields;
	c->bytes = t->f.x->body.n;
	c->strict = true;
	c->via = "mcp";
	c->over = t->f.x;
	c->woken = woken;
	c->ctx = k;
	lend_headers(k, c, t->f.x);
	t->go = on_call;
	api_call_begin(k->m->api, c);
	if (c->x.status == 0)
		front_park(t->f.x);
	else
		then(k);
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

void
mcp_read(struct ask *k, mcp_work *todo, mcp_told *told)
{
	k->work = todo;
	k->told = told;
	k->turn->go = on_face;
	face_read(&k->turn->f, work, worked);
}

void
mcp_write(struct ask *k, mcp_work *todo, mcp_told *told)
{
	k->work = todo;
	k->told = told;
	k->turn->go = on_face;
	face_write(&k->turn->f, work, worked);
}

/* --- sessions --- */

static enum err
keep(struct ask *k, struct db *db, struct error *e)
{
	return mcp_session_update(db, k->session, e);
}

static void
kept(struct ask *k, enum err code, const struct error *e)
{
	if (code == OK)
		session_remember(k->m, k->session);
	k->kept(k, code, e);
}

void
mcp_session_keep(struct ask *k, const struct mcp_session *s, mcp_told *then)
{
	struct mcp_session *now = NEW(k->a, struct mcp_session);

	*now = *s;
	now->seen_at = sys_wall_ms(k->m->api->c.clock);
	k->session = now;
	k->kept = then;
	mcp_write(k, keep, kept);
}
