/* admit -- may this caller: version, token, plan, workspace, scope or role, rate, in the order of contract 12.1. */
#include "api/face.h"
#include "api/rq.h"
#include "api/visit.h"
#include <stdlib.h>

/* --- version: known before the token, so that refusals are of it too --- */

static enum err
version_refused(struct rq *rq, const char *why)
{
	struct buf b;
	struct json j;

	rq->version = NULL;
	buf_init(&b, rq->a, 1024);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key(&j, S("accepted"));
	jw_arr(&j);
	for (int i = 0; i < nversions; i++)
		if (version_open(&versions[i], rq->conf, rq->api->c.clock))
			jw_str(&j, str_z(versions[i].date));
	jw_end(&j);
	jw_end(&j);
	enum err code = fail(&rq->err, E_VERSION_UNSUPPORTED, NULL, "%s", why);
	rq->err.extra = buf_str(&b);
	return code;
}

static bool
speak(struct rq *rq, str date)
{
	rq->version = version_find(date);
	return rq->version != NULL && version_open(rq->version, rq->conf, rq->api->c.clock);
}

enum err
take_version(struct rq *rq)
{
	str asked = rq->x->header[FH_SCRIPE_API_VERSION];

	rq->version = versions;
	if (asked.p == NULL)
		return OK;
	rq->version_named = true;
	if (!rq->x->header_twice[FH_SCRIPE_API_VERSION] && speak(rq, asked))
		return OK;
	return version_refused(rq, err_row(E_VERSION_UNSUPPORTED)->message);
}

/* What a key speaks when its request names nothing.  A pin on a version that is gone is told: another form than the one that
 * was asked for would be a silent break. */
static enum err
take_pin(struct rq *rq)
{
	const char *pin = rq->who.version;

	if (likely(pin[0] == '\0') || rq->version_named || speak(rq, str_z(pin)))
		return OK;
	return version_refused(rq, str_fmt(rq->a, "This key is pinned to version %s, which is no longer supported: "
	    "pin it to another one, or name one in the 'Scripe-Api-Version' header.", pin).p);
}

/* --- the checks --- */

/* A key that names another workspace must not learn whether there is one (contract 12.1); a person is told. */
static enum err
check_workspace(struct rq *rq)
{
	str named = rq->x->header[FH_SCRIPE_WORKSPACE_ID];
	workspace_id w;

	if (named.p == NULL)
		return OK;
	if (!rq->x->header_twice[FH_SCRIPE_WORKSPACE_ID] && id_parse(ID_workspace, named, &w.u) && memcmp(w.u.s, rq->who.workspace.u.s, 26) == 0)
		return OK;
	if (rq->who.type != PRINCIPAL_API_KEY)
		return fail(&rq->err, E_WORKSPACE_MISMATCH, NULL, "%s", err_row(E_WORKSPACE_MISMATCH)->message);
	return fail(&rq->err, E_NOT_FOUND, NULL, "Workspace not found.");
}

/* {"required":[…]}: the words of the set. */
static str
required(struct rq *rq, const struct words *w, unsigned set)
{
	struct buf b;
	struct json j;

	buf_init(&b, rq->a, 400);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key(&j, S("required"));
	jw_arr(&j);
	for (int i = 0; i < w->n; i++)
		if (set >> i & 1)
			jw_str(&j, str_z(w->v[i]));
	jw_end(&j);
	jw_end(&j);
	return buf_str(&b);
}

static enum err
check_scope(struct rq *rq)
{
	struct buf names;

	if (op_by_scope(rq->op, &rq->who))
		return OK;
	buf_init(&names, rq->a, 200);
	words_csv(&scope_words, rq->op->scopes, &names);
	enum err code = fail(&rq->err, E_SCOPE_MISSING, NULL, "Token lacks the required scope. Need one of: %.*s.", STR(buf_str(&names)));
	rq->err.extra = required(rq, &scope_words, rq->op->scopes);
	return code;
}

/* "Admin", "Admin or Manager", "Admin, Manager or Creator" */
static str
one_of(struct rq *rq, unsigned roles)
{
	struct buf b;

	buf_init(&b, rq->a, 100);
	for (int i = 0; i < ROLE_COUNT; i++) {
		if (!(roles >> i & 1))
			continue;
		bool last = roles >> i == 1;
		buf_add(&b, b.n == 0 ? S("") : last ? S(" or ") : S(", "));
		buf_add(&b, str_z(role_words.v[i]));
	}
	return buf_str(&b);
}

static enum err
check_role(struct rq *rq)
{
	unsigned may = op_roles(rq->op);

	if (op_by_role(rq->op, &rq->who))
		return OK;
	enum err code = (rq->op->flags & OP_PEOPLE) ? fail(&rq->err, E_ROLE_MISSING, NULL, "Only a signed-in %.*s or the command line may do this.", STR(one_of(rq, may)))
	    : fail(&rq->err, E_ROLE_MISSING, NULL, "The role '%s' does not allow this: it takes %.*s.", role_words.v[rq->who.role], STR(one_of(rq, may)));
	rq->err.extra = required(rq, &role_words, may);
	return code;
}

static int
limit_of(const struct conf *c, enum bucket b)
{
	return buckets[b].limit != 0 ? (int)*(const int64_t *)((const char *)c + buckets[b].limit) : 0;
}

struct limit_key
api_budget(const struct principal *p, int bucket)
{
	struct limit_key k = p->budget;

	k.part = (unsigned)bucket;
	return k;
}

void
bucket_ask(const struct rq *rq, enum bucket b, struct limit_ask *ret)
{
	*ret = (struct limit_ask){ .key = api_budget(&rq->who, b), .limit = limit_of(rq->conf, b), .look = true, .now_ms = sys_mono_us(rq->api->c.clock) / 1000 };
}

static void
rate_told(struct limit_ask *q)
{
	front_wake(((struct rq *)((char *)q - offsetof(struct rq, rate_ask)))->x);
}

/* A refusal costs nothing, but tells how the bucket stands. */
bool
rate_ask(struct rq *rq, enum err code)
{
	rq->admission = code;
	rq->rate_ask.wrote = KV_UNKNOWN;
	if (rq->known != AUTH_KNOWN || auth_is_console(&rq->who))
		return true;
	bucket_ask(rq, rq->op->bucket, &rq->rate_ask);
	rq->rate_ask.look = code != OK;
	rq->rate_ask.ask_wrote = rq->api->c.seen != NULL && rq->op->method == M_GET;
	rq->rate_ask.done = rate_told;
	return limits_ask(rq->api->c.limits, &rq->rate_ask);
}

enum err
rate_judge(struct rq *rq)
{
	if (rq->known != AUTH_KNOWN || auth_is_console(&rq->who))
		return rq->admission;
	rq->rate = rq->rate_ask.st;
	rq->counted = rq->rate.limit > 0;
	if (rq->admission != OK)
		return rq->admission;
	rq->charged = !rq->rate.refused;
	if (rq->charged)
		return OK;
	enum err code = fail(&rq->err, E_RATE_LIMITED, NULL, "Rate limit of %d requests per minute reached. Try again in %d s.",
	    rq->rate.limit, rq->rate.reset_s);
	rq->err.retry_s = rq->rate.reset_s;
	return code;
}

/* What is asked of whoever is known. */
enum err
admit_known(struct rq *rq)
{
	enum err code = take_pin(rq);

	if (code == OK)
		code = check_workspace(rq);
	if (code == OK)
		code = check_scope(rq);
	return code == OK ? check_role(rq) : code;
}

struct auth_ask
rq_ask(const struct rq *rq)
{
	const struct exchange *x = rq->x;

	/* of two credentials a proxy and we might believe different ones */
	return (struct auth_ask){
		.authorization = x->header_twice[FH_AUTHORIZATION] ? S("") : x->header[FH_AUTHORIZATION],
		.cookie = rq->op != NULL ? visit_cookie(rq->conf, x, rq->address) : STR_NONE,
		.workspace = x->header_twice[FH_SCRIPE_WORKSPACE_ID] ? S("two") : x->header[FH_SCRIPE_WORKSPACE_ID],
		.address = rq->address, .url = api_origin(rq->conf, x),
	};
}

enum err
identify(struct rq *rq, struct db *db)
{
	struct auth_ask ask = rq_ask(rq);
	bool used;
	enum err code = auth_check(rq->api->c.auth, rq->conf, &ask, db, &rq->who, &rq->known, &used, &rq->err);

	if (code == OK && used)
		face_used(rq->api, &ask, &rq->who);
	return code;
}

/* A browser sends the cookie with whatever a page has it send: what changes something must come from a page of ours. */
static enum err
check_origin(struct rq *rq)
{
	bool cookie = rq->who.type == PRINCIPAL_USER && rq->x->header[FH_AUTHORIZATION].p == NULL;

	if (!cookie || !(rq->op->flags & OP_TX) || visit_from(rq->conf, rq->x) == VISIT_OURS)
		return OK;
	return fail(&rq->err, E_ORIGIN_REFUSED, NULL, "%s", err_row(E_ORIGIN_REFUSED)->message);
}

enum err
admit(struct rq *rq, struct db *db)
{
	if (rq->op->flags & OP_PUBLIC)
		return OK;
	enum err code = identify(rq, db);
	if (rq->known != AUTH_KNOWN)
		return code;
	if (code == OK)
		code = check_origin(rq);
	return code == OK ? admit_known(rq) : code;
}
