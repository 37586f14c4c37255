/* health -- the state of the service, from memory and at most a second old (contract 6.2, 12.1).
 *
 * A thread sends a probe through the engine, like any request, every 900 ms; what it took and how the last transactions
 * ended is what callers see.  It also learns when the operator has migrated the database.  After a failed transaction the
 * probe writes a row, for a full disk still reads. */
#include "api/rq.h"
#include "model/server.h"
#include <stdlib.h>

#define PROBE_US	INT64_C(900000)
#define STUCK_US	INT64_C(5000000)

struct check { bool ok; int64_t latency_ms; str backend, error; };
struct buffer_check { bool ok; int64_t depth; str error; };
struct checks { struct check db, redis; struct buffer_check audit; };
struct health { int status; str version; struct checks checks; };
struct health_workspace { workspace_id id; };
struct health_principal { int type; str id; unsigned scopes; int role; client_id client; };
struct health_auth { int status; str version; struct health_workspace workspace; struct health_principal principal; struct checks checks; };

static const char *const states[] = { "ok", "degraded" };
static const struct words state_words = { states, 2, 0 };

static const struct field check_fields[] = {
	F_BOOL(check, ok, "ok", NULL, 0, "Whether it works"),
	F_I64 (check, latency_ms, "latencyMs", NULL, 0, 0, INT64_MAX, "How long the last probe took", "1"),
	F_STR (check, backend, "backend", NULL, F_OMIT | F_MORE, 0, 0, "What answers", "sqlite"),
	F_STR (check, error, "error", NULL, F_OMIT, 0, 0, "What is wrong", NULL),
};
static const struct rec check_rec = REC(check, check_fields, "One dependency");
static const struct field buffer_fields[] = {
	F_BOOL(buffer_check, ok, "ok", NULL, 0, "Whether it takes entries and writes them"),
	F_I64 (buffer_check, depth, "depth", NULL, F_NULL, 0, INT64_MAX, "Entries that wait", "0"),
	F_STR (buffer_check, error, "error", NULL, F_OMIT, 0, 0, "What is wrong", NULL),
};
static const struct rec buffer_rec = REC(buffer_check, buffer_fields, "The buffer of the audit log");
static const struct field checks_fields[] = {
	F_REC(checks, db, struct check, "db", NULL, 0, &check_rec, "The database"),
	F_REC(checks, redis, struct check, "redis", NULL, 0, &check_rec, "The shared state of rate limits"),
	F_REC(checks, audit, struct buffer_check, "auditBuffer", NULL, 0, &buffer_rec, "The buffer of the audit log"),
};
static const struct rec checks_rec = REC(checks, checks_fields, "The dependencies");
static const struct field health_fields[] = {
	F_WORD(health, status, "status", NULL, 0, &state_words, "Switch on this, not on the HTTP status", "ok"),
	F_STR (health, version, "version", NULL, 0, 0, 0, "Default API version of this server", VERSION_CURRENT),
	F_REC (health, checks, struct checks, "checks", NULL, 0, &checks_rec, "Each dependency"),
};
const struct rec health_rec = REC(health, health_fields, "Health of the service");
static const struct field ws_fields[] = { F_ID(health_workspace, id, workspace, "id", NULL, 0, "The workspace of the key") };
static const struct rec ws_rec = REC(health_workspace, ws_fields, "The workspace of the key");
static const struct field principal_fields[] = {
	CALLER_FIELDS(health_principal, F_MORE),
};
static const struct rec principal_rec = REC(health_principal, principal_fields, "Who asks");
static const struct field auth_fields[] = {
	F_WORD(health_auth, status, "status", NULL, 0, &state_words, "Whether the service is well", "ok"),
	F_STR (health_auth, version, "version", NULL, 0, 0, 0, "Default API version of this server", VERSION_CURRENT),
	F_REC (health_auth, workspace, struct health_workspace, "workspace", NULL, 0, &ws_rec, "The workspace of the key"),
	F_REC (health_auth, principal, struct health_principal, "principal", NULL, 0, &principal_rec, "Who asks"),
	F_REC (health_auth, checks, struct checks, "checks", NULL, F_MORE, &checks_rec, "Each dependency"),
};
const struct rec health_auth_rec = REC(health_auth, auth_fields, "Health of the service, and who asks");

/* --- the probe --- */

struct health_state {
	struct call call;
	struct api *api;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	pthread_t thread;
	bool runs, out, closing, answered, failed, full, told;	/* full: that is why it failed.  told: what the log knows */
	int64_t sent_us, took_us;
	int64_t local;			/* commits that the log knows of */
	int schema;			/* that it knows of */
};

static enum err
probe_run(struct call *c, struct db *db, struct error *e)
{
	const struct health_state *h = (const struct health_state *)c;

	return (h->call.flags & CALL_READ) ? server_schema(db, e) : server_probe(db, sys_wall_ms(h->api->c.clock), e);
}

/* They are on the primary's disk, and wait for the replica no longer. */
static void
tell_local(struct health_state *h, int64_t local)
{
	if (local != h->local)
		log_note(h->api->c.log, LOG_WARN, "health", "%lld commits were not acknowledged: somebody made the primary give up waiting for its synchronous replica "
		    "(pg_cancel_backend); to go on without one, change synchronous_standby_names", (long long)(local - h->local));
	h->local = local;
}

static void
tell_schema(struct health_state *h)
{
	if (db_schema() != h->schema)
		log_note(h->api->c.log, LOG_INFO, "schema", "somebody migrated the database from schema %d to %d", h->schema, db_schema());
	h->schema = db_schema();
}

static void
probe_done(struct call *c, enum err code, const struct error *why)
{
	struct health_state *h = (struct health_state *)c;
	struct engine_stats st;

	engine_stats(h->api->c.engine, &st);	/* why there is no connection, where that is why nobody got to the probe */
	pthread_mutex_lock(&h->lock);
	h->took_us = sys_mono_us(h->api->c.clock) - h->sent_us;
	h->answered = true;
	h->failed = code != OK;
	h->full = code == E_FULL;
	if (h->failed != h->told)
		log_note(h->api->c.log, h->failed ? LOG_ERROR : LOG_INFO, "health", "%s%s%s", h->failed ? why->detail : "the database works again",
		    h->failed && !st.ok ? " " : "", h->failed && !st.ok ? st.why : "");
	h->told = h->failed;
	tell_local(h, st.local);
	tell_schema(h);
	h->out = false;
	pthread_cond_broadcast(&h->turn);
	pthread_mutex_unlock(&h->lock);
}

static void
send(struct health_state *h)
{
	struct engine_stats st;
	struct error e;

	engine_stats(h->api->c.engine, &st);
	h->sent_us = sys_mono_us(h->api->c.clock);
	h->call = (struct call){ .run = probe_run, .done = probe_done, .flags = st.ok ? CALL_READ : 0 };
	h->out = true;
	pthread_mutex_unlock(&h->lock);
	enum err code = engine_submit(h->api->c.engine, &h->call, &e);
	pthread_mutex_lock(&h->lock);
	if (code != OK) {
		h->out = false;
		h->failed = true;
		h->full = false;
	}
}

static void *
probe_all(void *arg)
{
	struct health_state *h = arg;

	pthread_mutex_lock(&h->lock);
	while (!h->closing) {
		int64_t since = sys_mono_us(h->api->c.clock) - h->sent_us;
		if (!h->out && since >= PROBE_US)
			send(h);
		else
			(void)sys_cond_wait_us(&h->turn, &h->lock, h->out ? PROBE_US : PROBE_US - since);
	}
	while (h->out)
		pthread_cond_wait(&h->turn, &h->lock);
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

struct health_state *
health_new(struct api *api)
{
	struct health_state *h = calloc(1, sizeof(*h));
	struct error e;

	if (h == NULL)
		abort();
	h->api = api;
	h->schema = db_schema();
	h->sent_us = sys_mono_us(api->c.clock) - PROBE_US;
	pthread_mutex_init(&h->lock, NULL);
	sys_cond_init(&h->turn);
	h->runs = sys_thread(&h->thread, "health", probe_all, h, &e) == OK;
	return h;
}

void
health_free(struct health_state *h)
{
	pthread_mutex_lock(&h->lock);
	h->closing = true;
	pthread_cond_broadcast(&h->turn);
	pthread_mutex_unlock(&h->lock);
	if (h->runs)
		pthread_join(h->thread, NULL);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->turn);
	free(h);
}

/* What nodes count together. */
static struct check
shared_check(const struct api *api)
{
	static const str names[] = { [KV_MEMORY] = S_INIT("memory"), [KV_VALKEY] = S_INIT("valkey"), [KV_POSTGRES] = S_INIT("postgres") };
	struct kv_stats st;

	kv_stats(api->c.kv, &st);
	return (struct check){ .ok = st.ok, .latency_ms = st.latency_us / 1000, .backend = names[st.backend], .error = st.ok ? STR_NONE : str_z(st.why) };
}

static bool
fill(struct api *api, struct checks *ret)
{
	struct health_state *h = api->health;
	struct engine_stats st;
	int64_t dropped;
	int depth;
	bool audit_ok;

	rec_init(&checks_rec, ret);
	engine_stats(api->c.engine, &st);
	audit_depth(api->audit, &depth, &dropped, &audit_ok);
	pthread_mutex_lock(&h->lock);
	int64_t waiting = h->out ? sys_mono_us(h->api->c.clock) - h->sent_us : 0;
	bool stuck = waiting > STUCK_US;
	ret->db = (struct check){ .ok = st.ok && !h->failed && !stuck, .latency_ms = MAX(h->took_us, waiting) / 1000,
	    .backend = engine_embedded(api->c.engine) ? S("sqlite") : S("postgres") };
	if (!ret->db.ok)
		ret->db.error = stuck ? S("the database does not answer") : h->full ? S("the disk is full: only reads are served, until there is room") : S("the database refuses transactions: see the log");
	pthread_mutex_unlock(&h->lock);
	ret->redis = shared_check(api);
	ret->audit = (struct buffer_check){ .ok = audit_ok, .depth = depth };
	if (!audit_ok)
		ret->audit.error = S("entries cannot be written");
	return ret->db.ok && ret->redis.ok && audit_ok;
}

void
health_look(struct api *api, struct health_view *ret)
{
	struct checks c;

	(void)fill(api, &c);
	*ret = (struct health_view){ c.db.error, c.redis.error, false };
	pthread_mutex_lock(&api->health->lock);
	ret->reads = api->health->full;
	if (!api->health->answered && ret->database.n == 0)
		ret->database = S("it was not asked yet");
	pthread_mutex_unlock(&api->health->lock);
}

enum err
health(struct rq *rq)
{
	struct health h = { .version = S(VERSION_CURRENT) };
	bool ok = fill(rq->api, &h.checks);

	h.status = !ok;
	TRY(reply(rq, &health_rec, &h));
	rq->status = ok ? 200 : 503;
	return OK;
}

enum err
health_auth(struct rq *rq)
{
	struct health_auth h = { .version = S(VERSION_CURRENT), .workspace = { rq->who.workspace },
	    .principal = CALLER(rq) };

	(void)fill(rq->api, &h.checks);	/* the smoke test is of the key: its status is ok (contract 6.2) */
	return reply(rq, &health_auth_rec, &h);
}
