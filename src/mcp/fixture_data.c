/* fixture_data -- the prompts and resources that the MCP conformance suite asks for. */
#include "mcp/fixture.h"

bool mcp_conformance(const struct ask *ask) { return api_conf(mcp_api(ask))->mcp_conformance; }

/* --- resources --- */

const struct fixture_resource mcp_fixture_resources[] = {
	{ "test://static-binary", "Static binary", "A picture of one pixel.", "image/png", NULL, FIXTURE_PNG },
	{ "test://static-text", "Static text", "A text that stays as it is.", "text/plain", "This is the content of the static text resource.", NULL },
	{ "test://watched-resource", "Watched resource", "A text that may be subscribed to.", "text/plain", "Watch this.", NULL },
};
const int mcp_nfixture_resources = (int)COUNT(mcp_fixture_resources);

static void
answer(struct ask *ask, str uri, const char *mime, str kind, str body)
{
	struct json *j = mcp_result(ask);

	jw_key(j, S("contents"));
	jw_arr(j);
	jw_obj(j);
	jw_key_str(j, S("uri"), uri);
	jw_key_str(j, S("mimeType"), str_z(mime));
	jw_key_str(j, kind, body);
	jw_end(j);
	jw_end(j);
	mcp_caching(ask, 0, true);
	mcp_done(ask);
}

/* test://template/{id}/data */
static bool
by_template(struct ask *ask, str uri)
{
	str rest = uri, head = S("test://template/"), id;
	struct buf b;
	struct json j;

	if (!str_starts(uri, head) || !str_ends(uri, S("/data")) || uri.n <= head.n + 5)
		return false;
	rest = str_cut(uri, head.n, uri.n - 5);
	id = str_split(&rest, '/');
	if (rest.p != NULL)
		return false;
	buf_init(&b, ask->a, 12 * uri.n + 200);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("id"), id);
	jw_key(&j, S("templateTest"));
	jw_bool(&j, true);
	jw_key_str(&j, S("data"), str_fmt(ask->a, "Data for ID: %.*s", STR(id)));
	jw_end(&j);
	answer(ask, uri, "application/json", S("text"), buf_str(&b));
	return true;
}

bool
mcp_fixture_read(struct ask *ask, str uri)
{
	for (int i = 0; i < mcp_nfixture_resources; i++) {
		const struct fixture_resource *f = &mcp_fixture_resources[i];
		if (!str_eq(str_z(f->uri), uri))
			continue;
		answer(ask, uri, f->mime, f->text != NULL ? S("text") : S("blob"), str_z(f->text != NULL ? f->text : f->blob));
		return true;
	}
	return by_template(ask, uri);
}

/* --- prompts --- */

static void
messages(struct ask *ask, str all)
{
	struct json *j = mcp_result(ask);

	jw_key(j, S("messages"));
	jw_arr(j);
	jw_raw(j, all);
	jw_end(j);
	mcp_done(ask);
}

#define TEXT(t)	"{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"" t "\"}}"

static void simple(struct ask *ask) { messages(ask, S(TEXT("This is a simple prompt for testing."))); }

static void
picture(struct ask *ask)
{
	messages(ask, S("{\"role\":\"user\",\"content\":{\"type\":\"image\",\"data\":\"" FIXTURE_PNG "\",\"mimeType\":\"image/png\"}}," TEXT("Please analyze the image above.")));
}

/* A message of one member of content, which may hold anything that was sent. */
static void
begin(struct json *j, struct buf *b, struct ask *ask, size_t max)
{
	buf_init(b, ask->a, max);
	jw_begin(j, b);
	jw_obj(j);
	jw_key_str(j, S("role"), S("user"));
	jw_key(j, S("content"));
	jw_obj(j);
}

static void
with_arguments(struct ask *ask)
{
	str one = mcp_argument(ask, "arg1"), two = mcp_argument(ask, "arg2");
	struct buf b;
	struct json j;

	begin(&j, &b, ask, 6 * (one.n + two.n) + 500);
	jw_key_str(&j, S("type"), S("text"));
	jw_key_str(&j, S("text"), str_fmt(ask->a, "Prompt with arguments: arg1='%.*s', arg2='%.*s'", STR(one), STR(two)));
	jw_end(&j);
	jw_end(&j);
	messages(ask, buf_str(&b));
}

static void
with_resource(struct ask *ask)
{
	str uri = mcp_argument(ask, "resourceUri");
	struct buf b;
	struct json j;

	begin(&j, &b, ask, 6 * uri.n + 1000);
	jw_key_str(&j, S("type"), S("resource"));
	jw_key(&j, S("resource"));
	mcp_contents(&j, uri, "text/plain", S("Embedded resource content for testing."));
	jw_end(&j);
	jw_end(&j);
	buf_add(&b, S("," TEXT("Please process the embedded resource above.")));
	messages(ask, buf_str(&b));
}

const struct prompt mcp_fixture_prompts[] = {
	{ "test_input_required_result_prompt", "Needs input", "A prompt that asks its client for something.", { { 0 } }, fixture_prompt },
	{ "test_prompt_with_arguments", "With arguments", "A prompt with two arguments.",
	  { { "arg1", "First", "First test argument", true, C_NONE }, { "arg2", "Second", "Second test argument", true, C_NONE } }, with_arguments },
	{ "test_prompt_with_embedded_resource", "With a resource", "A prompt with a resource in it.",
	  { { "resourceUri", "Resource", "URI of the resource to embed", true, C_NONE } }, with_resource },
	{ "test_prompt_with_image", "With an image", "A prompt with an image in it.", { { 0 } }, picture },
	{ "test_simple_prompt", "Simple", "A prompt without arguments.", { { 0 } }, simple },
};
const int mcp_nfixture_prompts = (int)COUNT(mcp_fixture_prompts);
