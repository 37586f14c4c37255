/* method -- the rows, and the methods that are about the protocol itself. */
#include "mcp/live.h"
#include "mcp/task.h"

const str mcp_versions[MCP_VERSIONS] = { S_INIT("2025-03-26"), S_INIT("2025-06-18"), S_INIT("2025-11-25"), S_INIT("2026-07-28") };

/* Sorted by name. */
const struct mcp_method mcp_methods[] = {
	{ S_INIT("completion/complete"), SINCE(2025_03_26), NULL, mcp_complete },
	{ S_INIT("initialize"), LEGACY, NULL, mcp_initialize },
	{ S_INIT("logging/setLevel"), LEGACY, NULL, mcp_set_level },
	{ S_INIT("notifications/cancelled"), LEGACY, NULL, mcp_cancelled },
	{ S_INIT("notifications/initialized"), LEGACY, NULL, mcp_noted },
	{ S_INIT("notifications/progress"), LEGACY, NULL, mcp_noted },
	{ S_INIT("notifications/roots/list_changed"), LEGACY, NULL, mcp_noted },
	{ S_INIT("ping"), LEGACY, NULL, mcp_ping },
	{ S_INIT("prompts/get"), SINCE(2025_03_26), "name", mcp_prompts_get },
	{ S_INIT("prompts/list"), SINCE(2025_03_26), NULL, mcp_prompts_list },
	{ S_INIT("resources/list"), SINCE(2025_03_26), NULL, mcp_resources_list },
	{ S_INIT("resources/read"), SINCE(2025_03_26), "uri", mcp_resources_read },
	{ S_INIT("resources/subscribe"), LEGACY, NULL, mcp_resources_subscribe },
	{ S_INIT("resources/templates/list"), SINCE(2025_03_26), NULL, mcp_templates_list },
	{ S_INIT("resources/unsubscribe"), LEGACY, NULL, mcp_resources_unsubscribe },
	{ S_INIT("server/discover"), MODERN, NULL, mcp_discover },
	{ S_INIT("subscriptions/listen"), MODERN, NULL, mcp_listen },
	{ S_INIT("tasks/cancel"), SINCE(2025_11_25), "taskId", mcp_tasks_cancel },
	{ S_INIT("tasks/get"), SINCE(2025_11_25), "taskId", mcp_tasks_get },
	{ S_INIT("tasks/list"), SINCE(2025_11_25) & LEGACY, NULL, mcp_tasks_list },
	{ S_INIT("tasks/result"), SINCE(2025_11_25) & LEGACY, NULL, mcp_tasks_result },
	{ S_INIT("tasks/update"), MODERN, "taskId", mcp_tasks_update },
	{ S_INIT("tools/call"), SINCE(2025_03_26), "name", mcp_tools_call },
	{ S_INIT("tools/list"), SINCE(2025_03_26), NULL, mcp_tools_list },
};
const int mcp_nmethods = (int)COUNT(mcp_methods);

static const struct capability capabilities[] = {
	{ S_INIT("completions"), SINCE(2025_03_26), "{}" },
	{ S_INIT("extensions"), MODERN, "{\"" TASK_EXTENSION "\":{}}" },
	{ S_INIT("prompts"), SINCE(2025_03_26), "{}" },
	{ S_INIT("resources"), SINCE(2025_03_26), "{\"subscribe\":true}" },
	{ S_INIT("tasks"), SINCE(2025_11_25) & LEGACY, "{\"list\":{},\"cancel\":{},\"requests\":{\"tools\":{\"call\":{}}}}" },
	{ S_INIT("tools"), SINCE(2025_03_26), "{\"listChanged\":true}" },
	{ S_INIT("logging"), LEGACY, "{}" },
};

const struct mcp_method *
method_find(str name)
{
	for (int i = 0; i < mcp_nmethods; i++)
		if (str_eq(mcp_methods[i].name, name))
			return &mcp_methods[i];
	return NULL;
}

/* --- versions --- */

int
version_find_mcp(str date)
{
	for (int i = 0; i < MCP_VERSIONS; i++)
		if (str_eq(mcp_versions[i], date))
			return i;
	return -1;
}

enum mcp_version
version_for(str asked)
{
	int v = version_find_mcp(asked);
	return v >= 0 && !is_modern(v) ? (enum mcp_version)v : MCP_2025_11_25;
}

void
versions_put(struct json *j)
{
	jw_arr(j);
	for (int i = MCP_VERSIONS - 1; i >= 0; i--)
		jw_str(j, mcp_versions[i]);
	jw_end(j);
}

/* --- what we are --- */

#define INSTRUCTIONS "scriped stores the LinkedIn content of a team and writes posts in a person's voice. Content hangs off a project: begin with list_projects. " \
	"Notes are raw captures, sources are transcribed recordings and texts, knowledge is reference material; generate_post makes a post of a note, a source or a text. " \
	"Ids have a typed prefix (proj_, post_, note_, src_, job_): pass them as they are. Lists are newest first; go on with `cursor` while has_more is true. " \
	"Long work answers with a job: ask get_job until it is DONE, FAILED or CANCELLED. Nothing is published by these tools unless a post is scheduled."

void
capabilities_put(enum mcp_version v, struct json *j)
{
	jw_key(j, S("capabilities"));
	jw_obj(j);
	for (size_t i = 0; i < COUNT(capabilities); i++)
		if (capabilities[i].versions >> v & 1) {
			jw_key(j, capabilities[i].name);
			jw_raw(j, str_z(capabilities[i].json));
		}
	jw_end(j);
}

void
mcp_discover(struct ask *k)
{
	struct json *j = mcp_result(k);

	jw_key(j, S("supportedVersions"));
	versions_put(j);
	capabilities_put(k->version, j);
	jw_key_str(j, S("instructions"), S(INSTRUCTIONS));
	mcp_caching(k, DISCOVER_TTL_MS, true);
	mcp_done(k);
}

void mcp_ping(struct ask *k) { (void)mcp_result(k); mcp_done(k); }
void mcp_noted(struct ask *k) { ask_end(k); }

void
mcp_cancelled(struct ask *k)
{
	digest mac;
	str id;

	if (message_id(json_object_get(k->params, "requestId"), k->a, &id) == NULL) {
		mac = mcp_id_mac(k->m, id);
		live_cancel(k->m, &k->session->hash, &mac, sizeof(mac.b));
		mcp_say_cancelled(k->m, &k->session->hash, &mac);
	}
	ask_end(k);
}

/* --- sessions --- */

#define CLIENT_MAX	400

/* {"name":…,"version":…,"capabilities":[…]}: what is kept of how the client describes itself. */
static str
client_of(struct ask *k)
{
	const json_t *info = json_object_get(k->params, "clientInfo");
	json_t *can = json_object_get(k->params, "capabilities"), *v;
	const char *name;
	struct buf b;
	struct json j;

	buf_init(&b, k->a, 8 * CLIENT_MAX);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("name"), utf8_head(mcp_text(info, "name"), CLIENT_MAX / 4));
	jw_key_str(&j, S("version"), utf8_head(mcp_text(info, "version"), CLIENT_MAX / 8));
	jw_key(&j, S("capabilities"));
	jw_arr(&j);
	json_object_foreach (can, name, v)
		if (str_z(name).n <= 40 && b.n < CLIENT_MAX * 2)
			jw_str(&j, str_z(name));
	jw_end(&j);
	jw_end(&j);
	return buf_str(&b);
}

static enum err
begin(struct ask *k, struct db *db, struct error *e)
{
	return mcp_session_insert(db, k->session, e);
}

static void
begun(struct ask *k, enum err code, const struct error *e)
{
	struct exchange *x = k->turn->f.x;
	struct json *j;

	if (code != OK) {
		mcp_refuse(k, code, e);
		return;
	}
	session_remember(k->m, k->session);
	front_add(x, "Mcp-Session-Id", k->own);
	j = mcp_result(k);
	jw_key_str(j, S("protocolVersion"), k->session->version);
	capabilities_put(k->version, j);
	jw_key(j, S("serverInfo"));
	jw_raw(j, S("{\"name\":\"scriped\",\"title\":\"scriped\",\"version\":\"" SCRIPED_VERSION "\"}"));
	jw_key_str(j, S("instructions"), S(INSTRUCTIONS));
	mcp_done(k);
}

void
mcp_initialize(struct ask *k)
{
	uint8_t random[32];
	struct mcp_session *s = NEW(k->a, struct mcp_session);

	if (k->turn->batch) {
		mcp_fail(k, RPC_REQUEST, "initialize is no part of a batch.");
		return;
	}
	if (mcp_text(k->params, "protocolVersion").p == NULL) {
		mcp_fail(k, RPC_PARAMS, "'protocolVersion' must be a text such as \"2025-11-25\".");
		return;
	}
	crypto_random(random, sizeof(random));
	str id = crypto_b64(k->a, (str){ (const char *)random, sizeof(random) });
	*s = (struct mcp_session){ .hash = session_hash(k->m, id), .principal = session_owner(k->m, &k->who), .version = mcp_versions[k->version],
	    .client = client_of(k), .log_level = S("info"), .subscriptions = S("[]"), .began_at = sys_wall_ms(k->m->api->c.clock) };
	s->seen_at = s->began_at;
	k->session = s;
	k->own = (void *)(uintptr_t)id.p;
	mcp_write(k, begin, begun);
}

/* --- log messages --- */

int
mcp_level(str name)
{
	static const str levels[] = { S_INIT("debug"), S_INIT("info"), S_INIT("notice"), S_INIT("warning"), S_INIT("error"), S_INIT("critical"),
	    S_INIT("alert"), S_INIT("emergency") };

	for (int i = 0; i < (int)COUNT(levels); i++)
		if (str_eq(levels[i], name))
			return i;
	return -1;
}

static void
level_set(struct ask *k, enum err code, const struct error *e)
{
	if (code != OK) {
		mcp_refuse(k, code, e);
		return;
	}
	(void)mcp_result(k);
	mcp_done(k);
}

static enum err
change_level(struct ask *k, struct mcp_session *s, struct error *e)
{
	(void)e;
	s->log_level = mcp_text(k->params, "level");
	return OK;
}

void
mcp_set_level(struct ask *k)
{
	if (mcp_level(mcp_text(k->params, "level")) < 0)
		mcp_fail(k, RPC_PARAMS, "'level' must be one of debug, info, notice, warning, error, critical, alert and emergency.");
	else
		mcp_session_keep(k, change_level, level_set);
}

/* --- what a request says of itself --- */

str
mcp_text(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);
	return json_is_string(v) ? (str){ json_string_value(v), json_string_length(v) } : STR_NONE;
}

/* initialize named them once, and the session knows the names. */
static bool
session_can(const struct ask *k, const char *capability)
{
	json_t *client = json_loadb(k->session->client.p, k->session->client.n, 0, NULL);
	const json_t *one;
	bool can = false;
	size_t i;

	json_array_foreach (json_object_get(client, "capabilities"), i, one)
		can |= strcmp(json_string_value(one), capability) == 0;
	json_decref(client);
	return can;
}

bool
mcp_client_can(const struct ask *k, const char *capability)
{
	if (k->session != NULL)
		return session_can(k, capability);
	return json_object_get(json_object_get(k->meta, META_CAPABILITIES), capability) != NULL;
}

struct api *mcp_api(const struct ask *k) { return k->m->api; }
