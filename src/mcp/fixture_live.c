/* fixture_live -- fixtures that take their time, and tell of it on a stream; and, of the versions that have sessions, those that ask their client for something. */
#include "mcp/fixture.h"
#include <stdlib.h>

#define STEP_MS		50

/* --- over time --- */

static void progress_end(struct ask *ask) { mcp_progress(ask, 100, 100, S("Done")); fixture_text(ask, false, "It took its time, and told of it."); }
static void progress_half(struct ask *ask) { mcp_progress(ask, 50, 100, S("Half of it")); mcp_later(ask, STEP_MS, progress_end); }

void
fixture_progress(struct ask *ask)
{
	if ((ask = mcp_stream(ask)) == NULL)
		return;
	mcp_progress(ask, 0, 100, S("Begun"));
	mcp_later(ask, STEP_MS, progress_half);
}

static void log_last(struct ask *ask) { mcp_log(ask, "info", S("\"Tool execution completed\"")); fixture_text(ask, false, "It logged three lines."); }
static void log_second(struct ask *ask) { mcp_log(ask, "info", S("\"Tool processing data\"")); mcp_later(ask, STEP_MS, log_last); }

void
fixture_logging(struct ask *ask)
{
	if ((ask = mcp_stream(ask)) == NULL)
		return;
	mcp_log(ask, "info", S("\"Tool execution started\""));
	mcp_later(ask, STEP_MS, log_second);
}

void fixture_tool_change(struct ask *ask) { mcp_list_changed(ask->m, "tools", NULL); fixture_text(ask, false, "The list of tools is said to have changed."); }
void fixture_prompt_change(struct ask *ask) { mcp_list_changed(ask->m, "prompts", NULL); fixture_text(ask, false, "The list of prompts is said to have changed."); }

/* --- requests to the client, of the versions that have them --- */

static void
request_told(struct ask *ask)
{
	const json_t *result = json_object_get(ask->own, "result"), *text = json_object_get(json_object_get(result, "content"), "text");

	if (result == NULL) {
		fixture_text(ask, true, "The client did not answer.");
		return;
	}
	if (json_is_string(text)) {
		fixture_text(ask, false, "LLM response: %s", json_string_value(text));
		return;
	}
	char *all = json_dumps(json_object_get(result, "content"), JSON_COMPACT | JSON_ENCODE_ANY);
	fixture_text(ask, false, "Elicitation completed: action=%.*s, content=%s", STR(mcp_text(result, "action")), all != NULL ? all : "{}");
	free(all);
}

static void
request(struct ask *ask, const char *capability, const char *method, str params)
{
	if (!mcp_client_can(ask, capability))
		fixture_text(ask, true, "The client did not declare the capability %s.", capability);
	else if ((ask = mcp_stream(ask)) != NULL)
		mcp_request(ask, str_z(method), params, request_told);
}

/* A JSON text of an argument. */
static str
quoted(struct ask *ask, const char *argument)
{
	str v = mcp_text(json_object_get(ask->params, "arguments"), argument);
	struct buf b;
	struct json j;

	buf_init(&b, ask->a, 6 * v.n + 16);
	jw_begin(&j, &b);
	jw_str(&j, v.p != NULL ? v : S("?"));
	return buf_str(&b);
}

void
fixture_ask_model(struct ask *ask)
{
	request(ask, "sampling", "sampling/createMessage",
	    str_fmt(ask->a, "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":%.*s}}],\"maxTokens\":100}", STR(quoted(ask, "prompt"))));
}

#define ASKS(properties, required) "\"requestedSchema\":{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "]}}"

void
fixture_ask_user(struct ask *ask)
{
	request(ask, "elicitation", "elicitation/create", str_fmt(ask->a, "{\"message\":%.*s,"
	    ASKS("\"username\":{\"type\":\"string\",\"description\":\"User's response\"},\"email\":{\"type\":\"string\",\"description\":\"User's email address\"}",
	    "\"username\",\"email\""), STR(quoted(ask, "message"))));
}

void
fixture_ask_defaults(struct ask *ask)
{
	request(ask, "elicitation", "elicitation/create", S("{\"message\":\"Please look over the defaults.\","
	    ASKS("\"name\":{\"type\":\"string\",\"description\":\"Name\",\"default\":\"John Doe\"},\"age\":{\"type\":\"integer\",\"description\":\"Age\",\"default\":30},"
	    "\"score\":{\"type\":\"number\",\"description\":\"Score\",\"default\":95.5},"
	    "\"status\":{\"type\":\"string\",\"description\":\"Status\",\"enum\":[\"active\",\"inactive\",\"pending\"],\"default\":\"active\"},"
	    "\"verified\":{\"type\":\"boolean\",\"description\":\"Verified\",\"default\":true}", "")));
}

void
fixture_ask_enums(struct ask *ask)
{
	request(ask, "elicitation", "elicitation/create", S("{\"message\":\"Please choose.\","
	    ASKS("\"untitledSingle\":{\"type\":\"string\",\"enum\":[\"option1\",\"option2\",\"option3\"]},"
	    "\"titledSingle\":{\"type\":\"string\",\"oneOf\":[{\"const\":\"value1\",\"title\":\"First Option\"},{\"const\":\"value2\",\"title\":\"Second Option\"},"
	    "{\"const\":\"value3\",\"title\":\"Third Option\"}]},"
	    "\"legacyEnum\":{\"type\":\"string\",\"enum\":[\"opt1\",\"opt2\",\"opt3\"],\"enumNames\":[\"Option One\",\"Option Two\",\"Option Three\"]},"
	    "\"untitledMulti\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"option1\",\"option2\",\"option3\"]}},"
	    "\"titledMulti\":{\"type\":\"array\",\"items\":{\"anyOf\":[{\"const\":\"value1\",\"title\":\"First Choice\"},{\"const\":\"value2\",\"title\":\"Second Choice\"},"
	    "{\"const\":\"value3\",\"title\":\"Third Choice\"}]}}", "")));
}
