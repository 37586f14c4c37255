/* admit -- may this caller: version, token, plan, workspace, scope, rate, in the order of contract 12.1. */
#include "api/rq.h"
#include <stdlib.h>

/* Newest first; the first one is the default. */
const struct version versions[] = {
	{ .date = VERSION_CURRENT },
	{ .date = "2026-05-01", .sunset = "2026-12-01", .replacement = VERSION_CURRENT, .deprecated_at = INT64_C(1785542400000),
	  .sunset_at = INT64_C(1796083200000), .test = true },
};
const int nversions = (int)COUNT(versions);

bool version_open(const struct version *v, const struct conf *c) { return !v->test || c->test_version; }

bool
version_known(str date)
{
	for (int i = 0; i < nversions; i++)
		if (str_eq(str_z(versions[i].date), date))
			return true;
	return false;
}

const struct version *
version_find(const struct conf *c, str date)
{
	for (int i = 0; i < nversions; i++)
		if (version_open(&versions[i], c) && (date.p == NULL || str_eq(str_z(versions[i].date), date)))
			return &versions[i];
	return NULL;
}

/* --- lastUsedAt: written at most once a minute, riding on another batch --- */

struct touch { struct call call; struct principal who; int64_t now; };

static enum err
touch_run(struct call *c, struct db *db, struct error *e)
{
	const struct touch *t = (const struct touch *)c;
	return key_touch(db, t->who.workspace, t->who.key, t->now, e);
}

static void
touch_done(struct call *c, enum err code, const struct error *why)
{
	(void)code, (void)why;		/* the next minute brings another one */
	free(c);
}

static void
touch_key(struct rq *rq)
{
	struct touch *t = malloc(sizeof(*t));
	struct error e;

	if (t == NULL)
		return;
	*t = (struct touch){ { .run = touch_run, .done = touch_done, .flags = CALL_RIDE }, rq->who, sys_wall_ms(rq->api->c.clock) };
	if (engine_submit(rq->api->c.engine, &t->call, &e) != OK)
		free(t);
}

/* --- the checks --- */

static enum err
check_workspace(struct rq *rq)
{
	str named = rq->x->header[FH_SCRIPE_WORKSPACE_ID];
	workspace_id w;

	if (named.p == NULL)
		return OK;
	if (!rq->x->header_twice[FH_SCRIPE_WORKSPACE_ID] && id_parse(ID_workspace, named, &w.u) && memcmp(w.u.s, rq->who.workspace.u.s, 26) == 0)
		return OK;
	return fail(&rq->err, E_NOT_FOUND, NULL, "Workspace not found.");
}

static enum err
check_scope(struct rq *rq)
{
	struct buf names;
	struct json j;

	if (rq->op->scopes == 0 || (rq->op->scopes & rq->who.scopes) != 0)
		return OK;
	buf_init(&names, rq->a, 200);
	words_csv(&scope_words, rq->op->scopes, &names);
	enum err code = fail(&rq->err, E_SCOPE_MISSING, NULL, "Token lacks the required scope. Need one of: %.*s.", STR(buf_str(&names)));
	buf_init(&names, rq->a, 400);
	jw_begin(&j, &names);
	jw_obj(&j);
	jw_key(&j, S("required"));
	jw_arr(&j);
	for (int i = 0; i < SCOPE_COUNT; i++)
		if (rq->op->scopes >> i & 1)
			jw_str(&j, str_z(scope_words.v[i]));
	jw_end(&j);
	jw_end(&j);
	rq->err.extra = buf_str(&names);
	return code;
}

static int
limit_of(const struct conf *c, enum bucket b)
{
	const int64_t limits[BUCKET_COUNT] = {
		[BUCKET_READ] = c->rate_read, [BUCKET_WRITE] = c->rate_write, [BUCKET_JOBS] = c->rate_jobs, [BUCKET_UPLOADS] = c->rate_uploads,
	};
	return (int)limits[b];
}

static struct limit_key
budget(const struct rq *rq)
{
	struct limit_key k = rq->who.budget;

	k.lo += (uint64_t)rq->op->bucket * UINT64_C(0x9E3779B97F4A7C15);
	k.hi ^= (uint64_t)rq->op->bucket;
	return k;
}

static enum err
check_rate(struct rq *rq)
{
	int64_t now = sys_mono_us(rq->api->c.clock) / 1000;

	limits_take(rq->api->c.limits, budget(rq), limit_of(rq->conf, rq->op->bucket), now, &rq->rate);
	rq->counted = rq->rate.limit > 0;
	if (!rq->rate.refused)
		return OK;
	enum err code = fail(&rq->err, E_RATE_LIMITED, NULL, "Rate limit of %d requests per minute reached. Try again in %d s.",
	    rq->rate.limit, rq->rate.reset_s);
	rq->err.retry_s = rq->rate.reset_s;
	return code;
}

/* A refusal costs nothing, but tells how the bucket stands. */
static enum err
refuse(struct rq *rq, enum err code)
{
	limits_look(rq->api->c.limits, budget(rq), limit_of(rq->conf, rq->op->bucket), sys_mono_us(rq->api->c.clock) / 1000, &rq->rate);
	rq->counted = rq->rate.limit > 0;
	return code;
}

enum err
admit(struct rq *rq, struct db *db)
{
	/* of two credentials a proxy and we might believe different ones */
	str token = rq->x->header_twice[FH_AUTHORIZATION] ? S("") : rq->x->header[FH_AUTHORIZATION];
	enum err code;
	bool touch;

	if (rq->op->flags & OP_PUBLIC)
		return OK;
	code = auth_check(rq->api->c.auth, rq->conf, token, rq->address, db, &rq->who, &rq->known, &touch, &rq->err);
	if (code == OK && touch)
		touch_key(rq);
	if (rq->known != AUTH_KNOWN)
		return code;
	if (code != OK || (code = check_workspace(rq)) != OK || (code = check_scope(rq)) != OK)
		return refuse(rq, code);
	return check_rate(rq);
}
