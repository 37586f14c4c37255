#include "mcp/fixture.h"
#include "mcp/live.h"

#define POLL_MS		1000		/* how often a client may look, where nothing is known of how long it takes */
#define POLL_LEAST	500
#define POLL_MOST	5000
#define LOOK_MS		40		/* until tasks/result looks again: twice as long each time, up to LOOK_MOST */
#define LOOK_MOST	1000
#define TASKS_PAGE	"50"
#define BODY_MAX	((size_t)4 << 20)

/* --- which calls --- */

bool
mcp_task_able(const struct op *o)
{
	return (o->flags & OP_MCP) && o->bucket == BUCKET_JOBS && o->out == op_named("get_job")->out;
}

bool
mcp_knows_tasks(const struct ask *ask)
{
	const json_t *can = json_object_get(ask->meta, "io.modelcontextprotocol/clientCapabilities");

	return json_is_object(json_object_get(json_object_get(can, "extensions"), TASK_EXTENSION));
}

bool
mcp_needs_tasks(struct ask *ask)
{
	bool knows = mcp_knows_tasks(ask);

	if (!knows)
		mcp_fail_data(ask, RPC_CAPABILITY, S("{\"requiredCapabilities\":{\"extensions\":{\"" TASK_EXTENSION "\":{}}}}"),
		    "Missing required client capability: " TASK_EXTENSION);
	return knows;
}

/* A client that knows tasks gets one, unless the call says itself how long it will wait. */
enum task_wish
mcp_task_wish(struct ask *ask, const struct op *o)
{
	const json_t *wait = json_object_get(json_object_get(ask->params, "arguments"), "wait_for_completion_ms");

	if (is_modern(ask->version))
		return mcp_task_able(o) && mcp_knows_tasks(ask) && wait == NULL ? TASK_YES : TASK_NO;
	if (ask->version != MCP_2025_11_25 || json_object_get(ask->params, "task") == NULL)
		return TASK_NO;
	if (mcp_task_able(o))
		return TASK_YES;
	mcp_fail(ask, RPC_METHOD, "The tool %s cannot be called as a task: tools/list says of each by execution.taskSupport. Call it without 'task'.", o->name);
	return TASK_REFUSED;
}

/* --- a job as a task --- */

enum { ENDED_NOT, ENDED_WELL, ENDED_BADLY, ENDED_EARLY };

static int
ending(const json_t *job)
{
	str s = mcp_text(job, "status");

	return str_eq(s, S("DONE")) ? ENDED_WELL : str_eq(s, S("FAILED")) ? ENDED_BADLY : str_eq(s, S("CANCELLED")) ? ENDED_EARLY : ENDED_NOT;
}

static enum task_status
status_of(const struct ask *ask, const json_t *job)
{
	static const enum task_status by[] = { TASK_WORKING, TASK_COMPLETED, TASK_FAILED, TASK_CANCELLED };
	int e = ending(job);

	return by[e == ENDED_BADLY && is_modern(ask->version) ? ENDED_WELL : e];
}

static str
message_of(const json_t *job)
{
	str error = mcp_text(job, "errorMessage"), progress = mcp_text(json_object_get(job, "progress"), "message");

	switch (ending(job)) {
	case ENDED_WELL:  return S("It is done.");
	case ENDED_BADLY: return error.p != NULL ? error : S("It failed.");
	case ENDED_EARLY: return S("It was cancelled.");
	default:          return progress.p != NULL ? progress : str_eq(mcp_text(job, "status"), S("QUEUED")) ? S("It waits for its turn.") : S("It is being worked on.");
	}
}

static int64_t
poll_of(const json_t *job)
{
	const json_t *estimate = json_object_get(job, "estimatedCompletionMs");

	return json_is_integer(estimate) ? MIN(MAX(json_integer_value(estimate) / 2, POLL_LEAST), POLL_MOST) : POLL_MS;
}

void
mcp_task_put(const struct ask *ask, struct json *j, const struct task *t)
{
	static const char *const words[] = { "working", "input_required", "completed", "failed", "cancelled" };
	bool modern = is_modern(ask->version);

	jw_key_str(j, S("taskId"), t->id);
	jw_key_str(j, S("status"), str_z(words[t->status]));
	jw_key_str(j, S("statusMessage"), t->message);
	jw_key_str(j, S("createdAt"), t->created);
	jw_key_str(j, S("lastUpdatedAt"), t->updated);
	jw_key_i64(j, modern ? S("ttlMs") : S("ttl"), t->ttl_ms);
	jw_key_i64(j, modern ? S("pollIntervalMs") : S("pollInterval"), t->poll_ms);
}

static void
put_task(struct ask *ask, struct json *j, const json_t *job)
{
	struct task t = { mcp_text(job, "id"), message_of(job), mcp_text(job, "createdAt"), mcp_text(job, "updatedAt"), status_of(ask, job),
	    api_conf(mcp_api(ask))->keep_jobs * DAY_MS, poll_of(job) };

	mcp_task_put(ask, j, &t);
}

/* The members of the CallToolResult that the call would have given; body: {"data":{…the job…}}. */
static void
put_outcome(struct json *j, const json_t *job, str body)
{
	jw_key(j, S("content"));
	jw_arr(j);
	jw_obj(j);
	jw_key_str(j, S("type"), S("text"));
	jw_key_str(j, S("text"), body);
	jw_end(j);
	jw_end(j);
	jw_key(j, S("structuredContent"));
	jw_raw(j, body);
	jw_key(j, S("isError"));
	jw_bool(j, ending(job) != ENDED_WELL);
}

/* --- what the operations said --- */

static void
unknown(struct ask *ask)
{
	mcp_fail(ask, RPC_PARAMS, "Failed to retrieve task: there is none of that id, or it was kept for as long as jobs are kept (%d days).",
	    (int)api_conf(mcp_api(ask))->keep_jobs);
}

/* The answer of the operation, in *ret; false: it refused, which is answered. */
static bool
answered(struct ask *ask, json_t **ret)
{
	struct error e;

	if (ask->call->x.status == 404) {
		unknown(ask);
		return false;
	}
	if (ask->call->x.status >= 400) {
		mcp_refused(ask, STR_NONE);
		return false;
	}
	enum err code = json_read(ask->call->x.answer, ret, &e);
	if (code == OK)
		return true;
	mcp_refuse(ask, code, &e);
	return false;
}

/* By the id in the parameters; a client of the extension must say that it knows it. */
static void
by_task(struct ask *ask, const char *op, mcp_then *then)
{
	str id = mcp_text(ask->params, "taskId");

	if (is_modern(ask->version) && !mcp_needs_tasks(ask))
		return;
	if (id.p == NULL)
		mcp_fail(ask, RPC_PARAMS, "'taskId' is missing.");
	else if (!is_modern(ask->version) || !mcp_conformance(ask) || !fixture_task(ask, id))
		mcp_operate(ask, op_named(op), id, NULL, then);
}

void
mcp_task_made(struct ask *ask)
{
	json_t *v;

	if (!answered(ask, &v))
		return;
	struct json *j = mcp_result_as(ask, S("task"));
	if (!is_modern(ask->version)) {
		jw_key(j, S("task"));
		jw_obj(j);
	}
	put_task(ask, j, json_object_get(v, "data"));
	if (!is_modern(ask->version))
		jw_end(j);
	json_decref(v);
	mcp_done(ask);
}

/* --- tasks/get --- */

static void
get_told(struct ask *ask)
{
	json_t *v;

	if (!answered(ask, &v))
		return;
	const json_t *job = json_object_get(v, "data");
	struct json *j = mcp_result(ask);
	int how = ending(job);
	put_task(ask, j, job);
	if (is_modern(ask->version) && (how == ENDED_WELL || how == ENDED_BADLY)) {
		jw_key(j, S("result"));
		jw_obj(j);
		put_outcome(j, job, ask->call->x.answer);
		jw_end(j);
	}
	json_decref(v);
	mcp_done(ask);
}

void mcp_tasks_get(struct ask *ask) { by_task(ask, "get_job", get_told); }

/* --- tasks/update: no job asks its client for anything --- */

static void
acknowledge(struct ask *ask)
{
	(void)mcp_result(ask);
	mcp_done(ask);
}

static void
update_told(struct ask *ask)
{
	json_t *v;

	if (!answered(ask, &v))
		return;
	json_decref(v);
	acknowledge(ask);
}

void
mcp_tasks_update(struct ask *ask)
{
	if (!json_is_object(json_object_get(ask->params, "inputResponses")))
		mcp_fail(ask, RPC_PARAMS, "'inputResponses' must be an object.");
	else
		by_task(ask, "get_job", update_told);
}

/* --- tasks/cancel --- */

static void
cancel_told(struct ask *ask)
{
	json_t *v;

	if (is_modern(ask->version) && ask->call->x.status == 409) {
		acknowledge(ask);	/* it runs or has ended: cancelling is a wish */
		return;
	}
	if (!answered(ask, &v))
		return;
	struct json *j = mcp_result(ask);
	if (!is_modern(ask->version))
		put_task(ask, j, json_object_get(v, "data"));
	json_decref(v);
	mcp_done(ask);
}

void mcp_tasks_cancel(struct ask *ask) { by_task(ask, "cancel_job", cancel_told); }

/* --- tasks/list --- */

static void
list_told(struct ask *ask)
{
	json_t *v, *job;
	size_t i;

	if (!answered(ask, &v))
		return;
	struct json *j = mcp_result(ask);
	jw_key(j, S("tasks"));
	jw_arr(j);
	json_array_foreach(json_object_get(v, "data"), i, job) {
		jw_obj(j);
		put_task(ask, j, job);
		jw_end(j);
	}
	jw_end(j);
	str next = mcp_text(json_object_get(v, "pagination"), "next_cursor");
	if (next.p != NULL)
		jw_key_str(j, S("nextCursor"), next);
	json_decref(v);
	mcp_done(ask);
}

void
mcp_tasks_list(struct ask *ask)
{
	json_t *query = mcp_fields(ask, json_pack("{s:s}", "limit", TASKS_PAGE)), *cursor = json_object_get(ask->params, "cursor");

	if (cursor != NULL)
		json_object_set(query, "cursor", cursor);
	mcp_operate(ask, op_named("list_jobs"), STR_NONE, query, list_told);
}

/* --- tasks/result: waits for the end --- */

struct looking { str id, body; struct auth_ask by; int64_t pause; struct arena_mark before; };
static void look(struct ask *ask);

static void
result_of(struct ask *ask, const json_t *job, str body)
{
	str meta = str_fmt(ask->a, "\"io.modelcontextprotocol/related-task\":{\"taskId\":\"%.*s\"}", STR(mcp_text(job, "id")));
	struct json *j = mcp_result_meta(ask, S("complete"), meta);

	put_outcome(j, job, body);
	mcp_done(ask);
}

/* The row and its progress, as the API shows it, to who may still ask. */
static enum err
read_job(struct ask *ask, struct db *db, struct error *e)
{
	struct api *api = mcp_api(ask);
	struct principal is = ask->who;
	job_id id = { { "-" } };
	enum auth_known known;
	bool used;
	struct job job;
	struct buf b;
	struct json j;

	TRY(auth_check(api->c.auth, api_conf(api), &((struct looking *)ask->own)->by, db, &is, &known, &used, e));
	(void)id_parse(ID_job, ((struct looking *)ask->own)->id, &id.u);
	db_concerns(db, &ask->who.workspace.u);
	TRY(job_get(db, ask->a, ask->who.workspace, id, &job, e));
	work_snapshot(api->c.work, ask->a, &job);
	buf_init(&b, ask->a, BODY_MAX);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key(&j, S("data"));
	rec_encode(&job_rec, &job, &j);
	jw_end(&j);
	((struct looking *)ask->own)->body = buf_str(&b);
	return OK;
}

static void
looked(struct ask *ask, enum err code, const struct error *why)
{
	struct looking *at = ask->own;
	struct error e;
	json_t *v;

	if (code == E_NOT_FOUND) {
		unknown(ask);
		return;
	}
	if (code == OK && (code = json_read(at->body, &v, &e)) != OK)
		why = &e;
	if (code != OK) {
		mcp_refuse(ask, code, why);
		return;
	}
	if (ending(json_object_get(v, "data")) != ENDED_NOT)
		result_of(ask, json_object_get(v, "data"), at->body);
	else
		mcp_later(ask, at->pause = MIN(2 * at->pause, LOOK_MOST), look);
	json_decref(v);
}

static void
look(struct ask *ask)
{
	struct error e;

	arena_back(ask->a, ((struct looking *)ask->own)->before);	/* a job may wait for hours */
	if (atomic_load_explicit(&mcp_api(ask)->draining, memory_order_relaxed))
		mcp_refuse(ask, E_UNAVAILABLE, (fail(&e, E_UNAVAILABLE, NULL, "The server is about to stop, and the task goes on: ask for its result again."), &e));
	else if (mcp_gone(ask))
		mcp_fail(ask, RPC_INTERNAL, "Nobody waits for the result any more.");
	else
		mcp_read(ask, read_job, looked);
}

/* The first look is asked of the API, with all that is asked of a request; those while it waits count for nothing. */
static void
result_told(struct ask *ask)
{
	json_t *v;

	if (!answered(ask, &v))
		return;
	bool ended = ending(json_object_get(v, "data")) != ENDED_NOT;
	if (ended)
		result_of(ask, json_object_get(v, "data"), ask->call->x.answer);
	json_decref(v);
	if (ended)
		return;
	call_end(ask);
	if ((ask = mcp_stream(ask)) == NULL)
		return;
	struct looking *at = ask->own = NEW(ask->a, struct looking);
	at->id = str_dup(ask->a, mcp_text(ask->params, "taskId"));
	at->by = listen_by(ask->live);
	mcp_forget(ask);
	at->before = arena_mark(ask->a);
	mcp_later(ask, at->pause = LOOK_MS, look);
}

void mcp_tasks_result(struct ask *ask) { by_task(ask, "get_job", result_told); }
