/* fixture_input -- fixtures that ask their client for something and are called again with it (2026-07-28: multi round-trip requests).
 *
 * A state that travels through the client is ours: it names tool, round, caller and the moment until which it holds, under a MAC. */
#include "mcp/fixture.h"

#define STATE_MS	INT64_C(600000)

struct input { const char *key, *capability, *request; };

#define ELICIT(message, property, type) "{\"method\":\"elicitation/create\",\"params\":{\"mode\":\"form\",\"message\":\"" message "\"," \
	"\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"" property "\":{\"type\":\"" type "\"}},\"required\":[\"" property "\"]}}}"
#define SAMPLE(question, tokens) "{\"method\":\"sampling/createMessage\",\"params\":{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\"," \
	"\"text\":\"" question "\"}}],\"maxTokens\":" tokens "}}"
#define ROOTS	"{\"method\":\"roots/list\",\"params\":{}}"

static const struct input name = { "user_name", "elicitation", ELICIT("What is your name?", "name", "string") };
static const struct input capital = { "capital_question", "sampling", SAMPLE("What is the capital of France?", "100") };
static const struct input roots = { "client_roots", "roots", ROOTS };
static const struct input confirm = { "confirm", "elicitation", ELICIT("Please confirm", "ok", "boolean") };
static const struct input greeting = { "greeting", "sampling", SAMPLE("Generate a greeting", "50") };
static const struct input steps[] = {
	{ "step1", "elicitation", ELICIT("Step 1: What is your name?", "name", "string") },
	{ "step2", "elicitation", ELICIT("Step 2: What is your favorite color?", "color", "string") },
};
static const struct input context = { "user_context", "elicitation", ELICIT("What context should the prompt use?", "context", "string") };

/* --- states --- */

static str
seal(struct ask *ask, int round, int64_t until)
{
	str tool = mcp_text(ask->params, "name");
	char hex[65];
	str text = str_fmt(ask->a, "%.*s.%d.%lld", STR(tool), round, (long long)until);
	digest d = auth_hash(mcp_api(ask)->c.auth, str_fmt(ask->a, "mcp state %.*s %.26s %.26s", STR(text), ask->who.key.u.s, ask->who.person.u.s));

	crypto_hex(hex, d.b, sizeof(d.b));
	return str_fmt(ask->a, "%.*s.%s", STR(text), hex);
}

/* The round that the state in the request is of; 0: there is none; -1: it is not ours, and that was answered. */
static int
round_of(struct ask *ask)
{
	str given = mcp_text(ask->params, "requestState"), rest = given;
	int64_t round = 0, until = 0;

	if (json_object_get(ask->params, "requestState") == NULL)
		return 0;
	(void)str_split(&rest, '.');
	if (str_int(str_split(&rest, '.'), &round) && round > 0 && round < 10 && str_int(str_split(&rest, '.'), &until) &&
	    until > sys_wall_ms(mcp_api(ask)->c.clock) && str_eq(seal(ask, (int)round, until), given))
		return (int)round;
	mcp_fail(ask, RPC_PARAMS, "The requestState is not what this server gave out for this request, or its time is over: begin again without it.");
	return -1;
}

/* --- asking --- */

static void
want(struct ask *ask, const struct input *const *inputs, int n, int round)
{
	struct json *j = mcp_result_as(ask, S("input_required"));

	jw_key(j, S("inputRequests"));
	jw_obj(j);
	for (int i = 0; i < n; i++) {
		jw_key(j, str_z(inputs[i]->key));
		jw_raw(j, str_z(inputs[i]->request));
	}
	jw_end(j);
	if (round > 0)
		jw_key_str(j, S("requestState"), seal(ask, round, sys_wall_ms(mcp_api(ask)->c.clock) + STATE_MS));
	mcp_done(ask);
}

static bool
can(struct ask *ask, const struct input *i)
{
	if (mcp_client_can(ask, i->capability))
		return true;
	mcp_fail_data(ask, RPC_CAPABILITY, str_fmt(ask->a, "{\"requiredCapabilities\":{\"%s\":{}}}", i->capability),
	    "Missing required client capability: %s.", i->capability);
	return false;
}

/* The responses to all of them, in ret; otherwise the ask was answered: refused, or what is missing asked for again. */
static bool
inputs(struct ask *ask, const struct input *const *in, int n, int round, const json_t **ret)
{
	const json_t *given = json_object_get(ask->params, "inputResponses");
	const struct input *missing[4];
	int nmissing = 0;

	if (given != NULL && !json_is_object(given)) {
		mcp_fail(ask, RPC_PARAMS, "'inputResponses' must be an object: a response by the key of its request.");
		return false;
	}
	for (int i = 0; i < n; i++) {
		if (!can(ask, in[i]))
			return false;
		ret[i] = json_object_get(given, in[i]->key);
		if (ret[i] != NULL && !json_is_object(ret[i])) {
			mcp_fail(ask, RPC_PARAMS, "The response '%s' must be an object.", in[i]->key);
			return false;
		}
		if (ret[i] == NULL)
			missing[nmissing++] = in[i];
	}
	if (nmissing > 0)
		want(ask, missing, nmissing, round);
	return nmissing == 0;
}

static str field(const json_t *response, const char *of) { return mcp_text(json_object_get(response, "content"), of); }

/* --- the fixtures --- */

void
fixture_elicitation(struct ask *ask)
{
	const struct input *const in[] = { &name };
	const json_t *got[1];

	if (inputs(ask, in, 1, 0, got))
		fixture_text(ask, false, "Hello, %.*s!", STR(field(got[0], "name")));
}

void
fixture_sampling(struct ask *ask)
{
	const struct input *const in[] = { &capital };
	const json_t *got[1];

	if (inputs(ask, in, 1, 0, got))
		fixture_text(ask, false, "The model says: %.*s", STR(field(got[0], "text")));
}

void
fixture_roots(struct ask *ask)
{
	const struct input *const in[] = { &roots };
	const json_t *got[1];

	if (inputs(ask, in, 1, 0, got))
		fixture_text(ask, false, "The client has %d roots; the first one is %.*s.", (int)json_array_size(json_object_get(got[0], "roots")),
		    STR(mcp_text(json_array_get(json_object_get(got[0], "roots"), 0), "uri")));
}

void
fixture_state(struct ask *ask)
{
	const struct input *const in[] = { &confirm };
	const json_t *got[1];
	int round = round_of(ask);

	if (round == 0)
		(void)(can(ask, &confirm) && (want(ask, in, 1, 1), true));
	else if (round > 0 && inputs(ask, in, 1, 1, got))
		fixture_text(ask, false, "state-ok");
}

void
fixture_multiple(struct ask *ask)
{
	const struct input *const in[] = { &name, &greeting, &roots };
	const json_t *got[3];

	if (round_of(ask) >= 0 && inputs(ask, in, 3, 1, got))
		fixture_text(ask, false, "%.*s, %.*s (%d roots)", STR(field(got[1], "text")), STR(field(got[0], "name")),
		    (int)json_array_size(json_object_get(got[2], "roots")));
}

/* Step 2 follows on an answer to step 1 in a request that carries the state of round 1. */
void
fixture_rounds(struct ask *ask)
{
	const struct input *const first[] = { &steps[0] }, *const second[] = { &steps[1] };
	const json_t *got[1];
	int round = round_of(ask);

	if (round < 0 || (round < 2 && !inputs(ask, first, 1, 1, got)))
		return;
	if (round < 2)
		want(ask, second, 1, 2);
	else if (inputs(ask, second, 1, 2, got))
		fixture_text(ask, false, "It is a %.*s day.", STR(field(got[0], "color")));
}

void
fixture_capabilities(struct ask *ask)
{
	const struct input *const all[] = { &name, &capital, &roots };
	const struct input *some[COUNT(all)];
	int n = 0;

	for (size_t i = 0; i < COUNT(all); i++)
		if (mcp_client_can(ask, all[i]->capability))
			some[n++] = all[i];
	if (n > 0)
		want(ask, some, n, 0);
	else
		fixture_text(ask, false, "The client can be asked for nothing.");
}

void
fixture_missing(struct ask *ask)
{
	if (can(ask, &capital))
		fixture_text(ask, false, "The client can sample.");
}

void
fixture_streamed(struct ask *ask)
{
	const struct input *const in[] = { &name };
	const json_t *got[1];

	if (!can(ask, &name) || (ask = mcp_stream(ask)) == NULL)
		return;
	if (inputs(ask, in, 1, 0, got))
		fixture_text(ask, false, "Hello, %.*s!", STR(field(got[0], "name")));
}

/* First the answer of its client, then a task. */
void
fixture_escalated(struct ask *ask)
{
	const struct input *const in[] = { &name };
	const json_t *got[1];

	if (mcp_needs_tasks(ask) && inputs(ask, in, 1, 0, got))
		fixture_task_begin(ask, FIXTURE_WORK, 200, str_fmt(ask->a, "Hello, %.*s!", STR(field(got[0], "name"))));
}

void
fixture_prompt(struct ask *ask)
{
	const struct input *const in[] = { &context };
	const json_t *got[1];

	if (!is_modern(ask->version)) {
		mcp_fail(ask, RPC_PARAMS, "This prompt is for clients of 2026-07-28.");
		return;
	}
	if (!inputs(ask, in, 1, 0, got))
		return;
	str text = field(got[0], "context");
	struct json *j = mcp_result(ask);
	jw_key(j, S("messages"));
	jw_arr(j);
	jw_obj(j);
	jw_key_str(j, S("role"), S("user"));
	jw_key(j, S("content"));
	jw_obj(j);
	jw_key_str(j, S("type"), S("text"));
	jw_key_str(j, S("text"), str_fmt(ask->a, "Use this context: %.*s", STR(text)));
	jw_end(j);
	jw_end(j);
	jw_end(j);
	mcp_done(ask);
}
