/* fixture_tasks -- fixtures whose calls are tasks of 2026-07-28 without a job: what the conformance suite asks of the extension.
 *
 * What is kept of one is when it began and what its client said; how it stands is derived from that and the clock.  They live in the memory of
 * this process, and the oldest makes way for a new one. */
#include "mcp/fixture.h"
#include <pthread.h>
#include <stdio.h>

#define PLACES		256
#define TTL_MS		INT64_C(600000)
#define POLL_MS		100
#define NAME_BYTES	64
#define KEYS_MOST	2

static const struct kind { const char *keys[KEYS_MOST]; int nkeys; bool fails, breaks; } kinds[FIXTURE_TASKS] = {
	[FIXTURE_WORK] = { { NULL }, 0, false, false }, [FIXTURE_FAILS] = { { NULL }, 0, true, false }, [FIXTURE_BREAKS] = { { NULL }, 0, false, true },
	[FIXTURE_CONFIRM] = { { "confirm" }, 1, false, false }, [FIXTURE_MULTI] = { { "first", "second" }, 2, false, false },
};
struct place { char id[40]; const struct kind *kind; int64_t began, updated, ms; bool cancelled; unsigned answered; char name[NAME_BYTES]; };
static struct { pthread_mutex_t lock; struct place v[PLACES]; unsigned n; } tasks = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int64_t now_ms(const struct ask *ask) { return sys_wall_ms(mcp_api(ask)->c.clock); }

static enum task_status
status_of(const struct place *p, int64_t now)
{
	if (p->cancelled)
		return TASK_CANCELLED;
	if (p->answered != (1u << p->kind->nkeys) - 1)
		return TASK_INPUT_REQUIRED;
	if (now < p->began + p->ms)
		return TASK_WORKING;
	return p->kind->breaks ? TASK_FAILED : TASK_COMPLETED;
}

static str
moment(struct arena *a, int64_t ms)
{
	char text[TIME_LEN];

	time_write(text, ms);
	return str_dup(a, (str){ text, TIME_LEN });
}

static void
put(struct ask *ask, struct json *j, const struct place *p)
{
	static const char *const says[] = { "It is being worked on.", "It waits for its client.", "It is done.", "It broke.", "It was cancelled." };
	enum task_status s = status_of(p, now_ms(ask));
	struct task t = { str_z(p->id), str_z(says[s]), moment(ask->a, p->began), moment(ask->a, p->updated), s, TTL_MS, POLL_MS };

	mcp_task_put(ask, j, &t);
}

void
fixture_task_begin(struct ask *ask, enum fixture_kind kind, int64_t ms, str name)
{
	ulid id = sys_ulid(mcp_api(ask)->c.clock);

	pthread_mutex_lock(&tasks.lock);
	struct place *p = &tasks.v[tasks.n++ % PLACES], copy;
	*p = (struct place){ .kind = &kinds[kind], .began = now_ms(ask), .ms = ms };
	p->updated = p->began;
	snprintf(p->id, sizeof(p->id), "task_%.26s", id.s);
	snprintf(p->name, sizeof(p->name), "%.*s", STR(utf8_head(name, NAME_BYTES - 1)));
	copy = *p;
	pthread_mutex_unlock(&tasks.lock);
	struct json *j = mcp_result_as(ask, S("task"));
	put(ask, j, &copy);
	mcp_done(ask);
}

/* --- tasks/get, tasks/update, tasks/cancel --- */

static void
put_requests(struct json *j, const struct place *p)
{
	jw_key(j, S("inputRequests"));
	jw_obj(j);
	for (int i = 0; i < p->kind->nkeys; i++) {
		if (p->answered >> i & 1)
			continue;
		jw_key(j, str_z(p->kind->keys[i]));
		jw_raw(j, S("{\"method\":\"elicitation/create\",\"params\":{\"mode\":\"form\",\"message\":\"Please confirm.\",\"requestedSchema\":{\"type\":\"object\","
		    "\"properties\":{\"confirm\":{\"type\":\"boolean\"}},\"required\":[\"confirm\"]}}}"));
	}
	jw_end(j);
}

static void
put_end(struct json *j, const struct place *p, enum task_status s)
{
	if (s == TASK_FAILED) {
		jw_key(j, S("error"));
		jw_raw(j, S("{\"code\":-32603,\"message\":\"It broke.\"}"));
	} else if (s == TASK_COMPLETED) {
		jw_key(j, S("result"));
		jw_obj(j);
		jw_key(j, S("content"));
		jw_arr(j);
		jw_obj(j);
		jw_key_str(j, S("type"), S("text"));
		jw_key_str(j, S("text"), p->kind->fails ? S("It failed, as it was to.") : str_z(p->name));
		jw_end(j);
		jw_end(j);
		jw_key(j, S("isError"));
		jw_bool(j, p->kind->fails);
		jw_end(j);
	}
}

static void
answer_to(struct ask *ask, struct place *p)
{
	const json_t *given = json_object_get(ask->params, "inputResponses");

	for (int i = 0; i < p->kind->nkeys; i++)
		if (json_is_object(json_object_get(given, p->kind->keys[i])))
			p->answered |= 1u << i;
	p->updated = now_ms(ask);
}

/* Under the lock. */
static void
act(struct ask *ask, struct place *p)
{
	enum task_status s = status_of(p, now_ms(ask));
	bool over = s == TASK_COMPLETED || s == TASK_FAILED || s == TASK_CANCELLED;

	if (str_eq(ask->method->name, S("tasks/update")) && !over)
		answer_to(ask, p);
	else if (str_eq(ask->method->name, S("tasks/cancel")) && !over)
		p->cancelled = true;
}

bool
fixture_task(struct ask *ask, str id)
{
	struct place copy;
	bool found = false;

	pthread_mutex_lock(&tasks.lock);
	for (unsigned i = 0; i < PLACES && !found; i++)
		if ((found = tasks.v[i].kind != NULL && str_eq(str_z(tasks.v[i].id), id))) {
			act(ask, &tasks.v[i]);
			copy = tasks.v[i];
		}
	pthread_mutex_unlock(&tasks.lock);
	if (!found)
		return false;
	struct json *j = mcp_result(ask);
	if (str_eq(ask->method->name, S("tasks/get"))) {
		enum task_status s = status_of(&copy, now_ms(ask));
		put(ask, j, &copy);
		if (s == TASK_INPUT_REQUIRED)
			put_requests(j, &copy);
		put_end(j, &copy, s);
	}
	mcp_done(ask);
	return true;
}

/* --- the tools --- */

static str argument(const struct ask *ask, const char *name) { return mcp_text(json_object_get(ask->params, "arguments"), name); }

void fixture_greet(struct ask *ask) { fixture_text(ask, false, "Hello, %.*s!", STR(argument(ask, "name"))); }

/* A client without tasks has it at once. */
void
fixture_slow(struct ask *ask)
{
	json_int_t seconds = json_integer_value(json_object_get(json_object_get(ask->params, "arguments"), "seconds"));

	if (mcp_knows_tasks(ask))
		fixture_task_begin(ask, FIXTURE_WORK, MAX(MIN(seconds, 600), 0) * 1000, S("Computed."));
	else
		fixture_text(ask, false, "Computed.");
}

void fixture_failing(struct ask *ask) { if (mcp_needs_tasks(ask)) fixture_task_begin(ask, FIXTURE_FAILS, 1000, S("")); }
void fixture_breaking(struct ask *ask) { if (mcp_needs_tasks(ask)) fixture_task_begin(ask, FIXTURE_BREAKS, 300, S("")); }
void fixture_confirm(struct ask *ask) { if (mcp_needs_tasks(ask)) fixture_task_begin(ask, FIXTURE_CONFIRM, 0, S("Deleted.")); }
void fixture_multi(struct ask *ask) { if (mcp_needs_tasks(ask)) fixture_task_begin(ask, FIXTURE_MULTI, 0, S("Both were answered.")); }
