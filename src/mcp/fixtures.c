/* fixtures -- the tools that the MCP conformance suite asks for, word for word as it wants them. */
#include "mcp/fixture.h"
#include "mcp/turn.h"
#include <stdio.h>

/* --- answers --- */

void
fixture_content(struct ask *ask, str content)
{
	struct json *j = mcp_result(ask);

	jw_key(j, S("content"));
	jw_arr(j);
	jw_raw(j, content);
	jw_end(j);
	mcp_done(ask);
}

void
fixture_text(struct ask *ask, bool is_error, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct json *j = mcp_result(ask);
	jw_key(j, S("content"));
	jw_arr(j);
	jw_obj(j);
	jw_key_str(j, S("type"), S("text"));
	jw_key_str(j, S("text"), utf8_ok(str_z(text)) ? str_z(text) : S("(not UTF-8)"));
	jw_end(j);
	jw_end(j);
	jw_key(j, S("isError"));
	jw_bool(j, is_error);
	mcp_done(ask);
}

static void simple_text(struct ask *ask) { fixture_text(ask, false, "This is a simple text response for testing."); }
static void error_handling(struct ask *ask) { fixture_text(ask, true, "This tool intentionally returns an error for testing"); }
static void image(struct ask *ask) { fixture_content(ask, S("{\"type\":\"image\",\"data\":\"" FIXTURE_PNG "\",\"mimeType\":\"image/png\"}")); }
static void audio(struct ask *ask) { fixture_content(ask, S("{\"type\":\"audio\",\"data\":\"" FIXTURE_WAV "\",\"mimeType\":\"audio/wav\"}")); }
static void embedded(struct ask *ask) { fixture_content(ask, S("{\"type\":\"resource\",\"resource\":" FIXTURE_EMBEDDED "}")); }

static void
multiple(struct ask *ask)
{
	fixture_content(ask, S("{\"type\":\"text\",\"text\":\"Multiple content types test:\"},"
	    "{\"type\":\"image\",\"data\":\"" FIXTURE_PNG "\",\"mimeType\":\"image/png\"},"
	    "{\"type\":\"resource\",\"resource\":{\"uri\":\"test://mixed-content-resource\",\"mimeType\":\"application/json\","
	    "\"text\":\"{\\\"test\\\":\\\"data\\\",\\\"value\\\":123}\"}}"));
}

static void
schema(struct ask *ask)
{
	str name = mcp_text(json_object_get(ask->params, "arguments"), "name");

	fixture_text(ask, false, "The schema took it, %.*s.", STR(name.p != NULL ? name : S("whoever you are")));
}

/* From 2026-07-28 on the argument comes a second time, as a header that proxies can route by. */
static void
mirrored(struct ask *ask)
{
	str region = mcp_text(json_object_get(ask->params, "arguments"), "region");
	str header = front_header(ask->turn->f.x, "Mcp-Param-Region");

	if (is_modern(ask->version) && (region.p == NULL) != (header.p == NULL))
		mcp_fail(ask, RPC_HEADER, "Header mismatch: Mcp-Param-Region must be there where the argument 'region' is.");
	else if (is_modern(ask->version) && region.p != NULL && !turn_header_is(ask->a, header, region))
		mcp_fail(ask, RPC_HEADER, "Header mismatch: Mcp-Param-Region must repeat the argument 'region'.");
	else
		fixture_text(ask, false, "The region is %.*s.", STR(region.p != NULL ? region : S("not said")));
}

/* --- the rows --- */

#define NOTHING	"{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}"
#define ONE_TEXT(name) "{\"type\":\"object\",\"properties\":{\"" name "\":{\"type\":\"string\"}},\"required\":[\"" name "\"]}"
#define SCHEMA_2020 \
	"{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\"," \
	"\"$defs\":{\"address\":{\"$anchor\":\"addressDef\",\"type\":\"object\",\"properties\":{\"street\":{\"type\":\"string\"},\"city\":{\"type\":\"string\"}}}}," \
	"\"properties\":{\"name\":{\"type\":\"string\"},\"address\":{\"$ref\":\"#/$defs/address\"},\"contactMethod\":{\"type\":\"string\",\"enum\":[\"phone\",\"email\"]}," \
	"\"phone\":{\"type\":\"string\"},\"email\":{\"type\":\"string\"}},\"allOf\":[{\"anyOf\":[{\"required\":[\"phone\"]},{\"required\":[\"email\"]}]}]," \
	"\"if\":{\"properties\":{\"contactMethod\":{\"const\":\"phone\"}},\"required\":[\"contactMethod\"]},\"then\":{\"required\":[\"phone\"]}," \
	"\"else\":{\"required\":[\"email\"]},\"additionalProperties\":false}"
#define MIRRORED "{\"type\":\"object\",\"properties\":{\"region\":{\"type\":\"string\",\"x-mcp-header\":\"Region\"}},\"required\":[\"region\"]}"
#define SECONDS "{\"type\":\"object\",\"properties\":{\"seconds\":{\"type\":\"integer\"},\"label\":{\"type\":\"string\"}},\"required\":[\"seconds\"]}"
#define ALL	SINCE(2025_03_26)

static const struct fixture rows[] = {
	{ "confirm_delete", "A task that asks to confirm", ONE_TEXT("filename"), NULL, MODERN, fixture_confirm },
	{ "failing_job", "A task whose result is an error", NOTHING, NULL, MODERN, fixture_failing },
	{ "greet", "Greets at once", ONE_TEXT("name"), NULL, MODERN, fixture_greet },
	{ "json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features", SCHEMA_2020, NULL, ALL, schema },
	{ "multi_input", "A task that asks for two things", NOTHING, NULL, MODERN, fixture_multi },
	{ "protocol_error_job", "A task that breaks", NOTHING, NULL, MODERN, fixture_breaking },
	{ "slow_compute", "A task that takes its time", SECONDS, NULL, MODERN, fixture_slow },
	{ "test_audio_content", "Returns audio", NOTHING, NULL, ALL, audio },
	{ "test_elicitation", "Asks the user", ONE_TEXT("message"), NULL, LEGACY & SINCE(2025_06_18), fixture_ask_user },
	{ "test_elicitation_sep1034_defaults", "Asks the user, with defaults", NOTHING, NULL, LEGACY & SINCE(2025_06_18), fixture_ask_defaults },
	{ "test_elicitation_sep1330_enums", "Asks the user to choose", NOTHING, NULL, LEGACY & SINCE(2025_06_18), fixture_ask_enums },
	{ "test_embedded_resource", "Returns an embedded resource", NOTHING, NULL, ALL, embedded },
	{ "test_error_handling", "Always fails", NOTHING, NULL, ALL, error_handling },
	{ "test_image_content", "Returns an image", NOTHING, NULL, ALL, image },
	{ "test_input_required_result_capabilities", "Asks for what the client can give", NOTHING, NULL, MODERN, fixture_capabilities },
	{ "test_input_required_result_elicitation", "Asks for a name", NOTHING, NULL, MODERN, fixture_elicitation },
	{ "test_input_required_result_list_roots", "Asks for the roots", NOTHING, NULL, MODERN, fixture_roots },
	{ "test_input_required_result_multi_round", "Asks twice", NOTHING, NULL, MODERN, fixture_rounds },
	{ "test_input_required_result_multiple_inputs", "Asks for three things at once", NOTHING, NULL, MODERN, fixture_multiple },
	{ "test_input_required_result_request_state", "Asks with a state that comes back", NOTHING, NULL, MODERN, fixture_state },
	{ "test_input_required_result_sampling", "Asks the model", NOTHING, NULL, MODERN, fixture_sampling },
	{ "test_input_required_result_tampered_state", "Takes no state but its own", NOTHING, NULL, MODERN, fixture_state },
	{ "test_logging_tool", "Logs where it is asked to", NOTHING, NULL, MODERN, fixture_logging },
	{ "test_missing_capability", "Needs sampling", NOTHING, NULL, MODERN, fixture_missing },
	{ "test_multiple_content_types", "Returns several kinds of content", NOTHING, NULL, ALL, multiple },
	{ "test_sampling", "Asks the model", ONE_TEXT("prompt"), NULL, LEGACY, fixture_ask_model },
	{ "test_simple_text", "Returns a text", NOTHING, NULL, ALL, simple_text },
	{ "test_streaming_elicitation", "Asks the user on a stream", NOTHING, NULL, MODERN, fixture_streamed },
	{ "test_tool_with_logging", "Logs while it works", NOTHING, NULL, LEGACY, fixture_logging },
	{ "test_tool_with_progress", "Tells of its progress", NOTHING, NULL, ALL, fixture_progress },
	{ "test_tool_with_task", "Asks, and then is a task", NOTHING, NULL, MODERN, fixture_escalated },
	{ "test_trigger_prompt_change", "Says that the prompts have changed", NOTHING, NULL, ALL, fixture_prompt_change },
	{ "test_trigger_tool_change", "Says that the tools have changed", NOTHING, NULL, ALL, fixture_tool_change },
	{ "test_x_mcp_header", "Takes an argument that a header repeats", MIRRORED, NULL, ALL, mirrored },
};
const struct fixture *const mcp_fixtures = rows;
const int mcp_nfixtures = (int)COUNT(rows);
