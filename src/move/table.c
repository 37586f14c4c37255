#include "move/table.h"

#define OF_WORKSPACE	"workspace = $1"
#define MOVES(table)	{ .name = table, .one = OF_WORKSPACE }
#define STAYS(table, why) { .name = table, .stays = why }
/* what people allowed programs, and the tokens of it, is bound to the address of the server: of one workspace alone it does not go */
#define OF_SERVER(table) { .name = table, .flags = MOVED_SECRET }
#define NOTHING(column)	{ column, "CASE WHEN 1 = 0 THEN " column " END" }

const struct moved_table moved_tables[] = {
	{ .name = "workspace", .one = "id = $1" },
	/* an account belongs to its person, not to the workspace: its password is not handed to another server */
	{ .name = "person", .one = "id IN (SELECT person FROM membership WHERE workspace = $1)", .flags = MOVED_SHARED,
	  .as_one = { NOTHING("password"), NOTHING("password_at") } },
	MOVES("project"), MOVES("folder"), MOVES("post_status"), MOVES("post_count"), MOVES("note"), MOVES("post"),
	MOVES("voice"), MOVES("voice_sample"), MOVES("pillar"),
	MOVES("source"), MOVES("source_text"), MOVES("source_topic"), MOVES("source_hook"),
	MOVES("upload"), MOVES("upload_text"),
	MOVES("knowledge_passage"), MOVES("knowledge_slice"), MOVES("knowledge_term"), MOVES("knowledge_vector"), MOVES("knowledge_size"), MOVES("knowledge"),
	MOVES("spend"), MOVES("usage_day"), MOVES("request_log"), MOVES("request_log_size"), MOVES("audit"), MOVES("event"),
	MOVES("idempotency"),
	{ .name = "server_fact", .whole = "name = 'setup'" },
	MOVES("vacated"), MOVES("knowledge_unlisted"),
	/* a worker of the other server takes up what one of this server had in hand */
	{ .name = "job", .one = OF_WORKSPACE, .as = {
		{ "status", "CASE status WHEN 'RUNNING' THEN 'QUEUED' ELSE status END" }, { "worker", "CASE status WHEN 'RUNNING' THEN NULL ELSE worker END" },
		{ "lease_until", "CASE status WHEN 'RUNNING' THEN NULL ELSE lease_until END" } } },
	OF_SERVER("oauth_client"), OF_SERVER("consent"), OF_SERVER("oauth_family"), OF_SERVER("oauth_code"), OF_SERVER("mcp_session"), OF_SERVER("session"),
	{ .name = "membership", .one = OF_WORKSPACE, .flags = MOVED_SHARED },
	{ .name = "invitation", .one = OF_WORKSPACE, .flags = MOVED_SECRET },
	{ .name = "api_key", .one = OF_WORKSPACE, .flags = MOVED_SECRET },
	STAYS("schema_version", "each database has its own"),
	STAYS("moved", "which exports came into this database"),
	STAYS("idempotency_old", "a database that may leave has given these records their names"),
	STAYS("node", "the processes of this server"),
	STAYS("job_progress", "how far jobs are that run here"),
	STAYS("rate_window", "how often somebody called in the last minute"),
	STAYS("replica_gate", "when the nodes of this server may read from replicas"),
	STAYS("duty", "what the processes of this server do for each other"),
};
const int nmoved_tables = (int)COUNT(moved_tables);

const struct moved_table *
moved_table(str name)
{
	for (int i = 0; i < nmoved_tables; i++)
		if (str_eq(str_z(moved_tables[i].name), name))
			return &moved_tables[i];
	return NULL;
}
