/* commands -- the table of commands.  A row that names an operation takes everything else from it: options from its record, the
 * operand from its path, words from its summary. */
#include "app/app.h"
#include "model/key.h"
#include <stdio.h>

static enum err
whose_key(struct db *db, const ulid *id, workspace_id *ret, struct error *e)
{
	return key_find(db, (key_id){ *id }, ret, e);
}

/* plain: the field that is printed alone; NULL: the record, or a table */
#define CALLS(n, v, operation, field, ex) { .noun = n, .verb = v, .run = site_run, .op = operation, .plain = field, .example = ex }
#define CALLS_KEY(v, operation, field, ex) { .noun = "key", .verb = v, .run = site_run, .op = operation, .whose = whose_key, .plain = field, .example = ex }
#define RUNS(n, function, ex, words) { .noun = n, .run = function, .example = ex, .summary = words }
#define ADMIN(n, v, function, record, field, ex, words) \
	{ .noun = n, .verb = v, .run = site_run, .admin = function, .in = &record, .plain = field, .example = ex, .summary = words }

const struct command commands[] = {
	RUNS("serve", serve_run, "scriped serve --data ./var --listen 127.0.0.1:8080", "Serve the API until SIGTERM; SIGHUP reloads settings"),
	ADMIN("setup", NULL, admin_setup, setup_rec, NULL,
	    "scriped setup --data ./var --workspace Acme --project Ada", "Make the first workspace, project and key, once; prints one JSON object"),
	{ .noun = "migrate", .run = migrate_run, .in = &migrate_rec, .example = "scriped migrate --db postgres://…",
	  .summary = "Bring the database to the schema of this program, while nodes serve; --check: only say what would be done, exit status 1 if anything" },
	ADMIN("workspace", "create", admin_workspace_create, workspace_create_rec, "id",
	    "scriped workspace create --data ./var --name Acme --plan BUSINESS", "Make a workspace"),
	ADMIN("workspace", "list", admin_workspace_list, list_rec, NULL, "scriped workspace list --data ./var --json", "List workspaces"),
	ADMIN("workspace", "plan", admin_workspace_plan, plan_set_rec, "plan",
	    "scriped workspace plan --data ./var --workspace org_… --plan ADVANCED", "Change the plan of a workspace"),
	CALLS("workspace", "edit", "update_workspace", NULL, "scriped workspace edit --data ./var --workspace org_… --name 'Acme Corp'"),
	CALLS("project", "create", "create_project", "id", "scriped project create --data ./var --workspace org_… --name Ada --type COMPANY_PAGE"),
	CALLS("project", "list", "list_projects", NULL, "scriped project list --data ./var --workspace org_… --json"),
	CALLS("project", "get", "get_project", NULL, "scriped project get --data ./var proj_…"),
	CALLS("project", "edit", "update_project", "id", "scriped project edit --data ./var proj_… --status PAUSED"),
	CALLS("folder", "create", "create_folder", "id", "scriped folder create --data ./var --project proj_… --name Ideas"),
	CALLS("folder", "list", "list_folders", NULL, "scriped folder list --data ./var --project proj_… --json"),
	CALLS("folder", "get", "get_folder", NULL, "scriped folder get --data ./var fold_…"),
	CALLS("folder", "edit", "update_folder", "id", "scriped folder edit --data ./var fold_… --name 'Old ideas'"),
	CALLS("folder", "delete", "delete_folder", "id", "scriped folder delete --data ./var fold_…"),
	CALLS("status", "create", "create_post_status", "id", "scriped status create --data ./var --project proj_… --name 'In translation' --category inProgress"),
	CALLS("status", "list", "list_post_statuses", NULL, "scriped status list --data ./var --project proj_… --json"),
	CALLS("status", "get", "get_post_status", NULL, "scriped status get --data ./var stat_…"),
	CALLS("status", "edit", "update_post_status", "id", "scriped status edit --data ./var stat_… --order 0 --is-default true"),
	CALLS("status", "delete", "delete_post_status", "id", "scriped status delete --data ./var stat_…"),
	CALLS("voice", "show", "get_voice", NULL, "scriped voice show --data ./var proj_…"),
	CALLS("voice", "set", "update_voice", "projectId", "scriped voice set --data ./var proj_… --formality 0.3 --avoid 'users,game changer'"),
	CALLS("sample", "add", "create_voice_sample", "id", "scriped sample add --data ./var proj_… --post post_…"),
	CALLS("sample", "list", "list_voice_samples", NULL, "scriped sample list --data ./var proj_… --json"),
	CALLS("sample", "get", "get_voice_sample", NULL, "scriped sample get --data ./var smp_…"),
	CALLS("sample", "delete", "delete_voice_sample", "id", "scriped sample delete --data ./var smp_…"),
	CALLS("pillar", "create", "create_pillar", "id", "scriped pillar create --data ./var proj_… --name 'Customer support'"),
	CALLS("pillar", "list", "list_pillars", NULL, "scriped pillar list --data ./var proj_… --json"),
	CALLS("pillar", "get", "get_pillar", NULL, "scriped pillar get --data ./var plr_…"),
	CALLS("pillar", "edit", "update_pillar", "id", "scriped pillar edit --data ./var plr_… --about 'Why builders answer'"),
	CALLS("pillar", "delete", "delete_pillar", "id", "scriped pillar delete --data ./var plr_…"),
	CALLS("job", "list", "list_jobs", NULL, "scriped job list --data ./var --workspace org_… --limit 20"),
	CALLS("job", "get", "get_job", NULL, "scriped job get --data ./var job_…"),
	CALLS("job", "receipt", "get_job_receipt", NULL, "scriped job receipt --data ./var job_…"),
	CALLS("key", "mint", "create_key", "key", "scriped key mint --data ./var --workspace org_… --name Zapier --mode live --scopes notes:read,posts:write"),
	CALLS("key", "create", "create_key", "key", "scriped key create --data ./var --workspace org_… --name Zapier --scopes all"),
	CALLS("key", "list", "list_keys", NULL, "scriped key list --data ./var --workspace org_… --json"),
	CALLS_KEY("get", "get_key", NULL, "scriped key get --data ./var key_…"),
	CALLS_KEY("edit", "update_key", "id", "scriped key edit --data ./var key_… --scopes notes:read --expires 2027-01-01"),
	CALLS_KEY("revoke", "revoke_key", "id", "scriped key revoke --data ./var key_… --reason leaked"),
	CALLS("user", "create", "create_member", "id", "scriped user create --data ./var --workspace org_… --email ada@example.com --name Ada --role Admin"),
	CALLS("user", "list", "list_members", NULL, "scriped user list --data ./var --workspace org_… --json"),
	CALLS("user", "get", "get_member", NULL, "scriped user get --data ./var usr_…"),
	CALLS("user", "edit", "update_member", "id", "scriped user edit --data ./var usr_… --role Manager"),
	CALLS("user", "remove", "delete_member", "id", "scriped user remove --data ./var usr_…"),
	CALLS("user", "delete", "delete_member", "id", "scriped user delete --data ./var usr_…"),
	CALLS("user", "invite", "create_invitation", "url", "scriped user invite --data ./var --workspace org_… --email ada@example.com --role Creator"),
	{ .noun = "user", .verb = "password", .run = site_run, .admin = admin_user_password, .in = &password_set_rec, .asks = password_read, .plain = "id",
	  .example = "scriped user password --data ./var --email ada@example.com < password.txt",
	  .summary = "Set a user's password, which is read from standard input; their sessions end" },
	CALLS("invitation", "list", "list_invitations", NULL, "scriped invitation list --data ./var --workspace org_… --json"),
	CALLS("invitation", "delete", "delete_invitation", "id", "scriped invitation delete --data ./var inv_…"),
	CALLS("consent", "list", "list_consents", NULL, "scriped consent list --data ./var --workspace org_… --json"),
	CALLS("consent", "get", "get_consent", NULL, "scriped consent get --data ./var cons_…"),
	CALLS("consent", "revoke", "revoke_consent", "id", "scriped consent revoke --data ./var cons_…"),
	ADMIN("client", "list", admin_client_list, list_rec, NULL, "scriped client list --data ./var --json", "List OAuth clients: programs that may ask people to act for them"),
	ADMIN("client", "verify", admin_client_verify, client_verify_rec, "id",
	    "scriped client verify --data ./var cli_…", "Vouch for an OAuth client: people are no longer warned when they allow it"),
	ADMIN("client", "delete", admin_client_delete, client_delete_rec, "id",
	    "scriped client delete --data ./var cli_…", "Delete an OAuth client with all consents and tokens"),
	CALLS("audit", "list", "list_audit_log", NULL, "scriped audit list --data ./var --workspace org_… --limit 20"),
	CALLS("request", "list", "list_request_logs", NULL, "scriped request list --data ./var --workspace org_… --status 4xx"),
	CALLS("request", "get", "get_request_log", NULL, "scriped request get --data ./var req_…"),
	CALLS("knowledge", "create", "create_knowledge", "id", "scriped knowledge create --data ./var --workspace org_… --type text --name Prices --text 'The plan is 9 euros.'"),
	CALLS("knowledge", "list", "list_knowledge", NULL, "scriped knowledge list --data ./var --workspace org_… --json"),
	CALLS("knowledge", "show", "get_knowledge", NULL, "scriped knowledge show --data ./var kb_…"),
	CALLS("knowledge", "search", "search_knowledge", NULL, "scriped knowledge search --data ./var --workspace org_… --q 'price of the starter plan'"),
	CALLS("knowledge", "delete", "delete_knowledge", "id", "scriped knowledge delete --data ./var kb_…"),
	ADMIN("node", "list", admin_node_list, list_rec, NULL, "scriped node list --db postgres://… --json", "List the processes that serve or work over this database"),
	ADMIN("knowledge", "reembed", admin_knowledge_reembed, reembed_rec, NULL,
	    "scriped knowledge reembed --data ./var --workspace org_…", "Have the server make all vectors of the knowledge of a workspace anew"),
	CALLS("source", "create", "create_source", "id", "scriped source create --data ./var --project proj_… --type text --name Talk --text 'We moved our support.'"),
	CALLS("source", "list", "list_sources", NULL, "scriped source list --data ./var --project proj_… --json"),
	CALLS("source", "show", "get_source", NULL, "scriped source show --data ./var src_…"),
	CALLS("usage", NULL, "get_usage", NULL, "scriped usage --data ./var --workspace org_… --date-from 2026-08-01"),
	CALLS("limits", NULL, "get_rate_limits", NULL, "scriped limits --data ./var --workspace org_…"),
	{ .noun = "export", .run = export_run, .in = &export_rec, .example = "scriped export --data ./var --workspace all --to scriped.export --secret scriped.secret",
	  .summary = "Write a workspace, or everything, into a file that import takes; --blobs: with the bytes of uploads" },
	{ .noun = "import", .run = import_run, .in = &import_rec, .example = "scriped import --db postgres://… --from scriped.export --secret scriped.secret",
	  .summary = "Take in what export wrote, into a database of either engine; --without-keys: leave out keys and sessions" },
	{ .noun = "backup", .run = backup_command, .in = &backup_rec, .example = "scriped backup --data ./var --to /backup/scriped.tar",
	  .summary = "Copy the embedded database while it serves; --blobs: with the bytes of uploads, --no-secret: without the server secret" },
	{ .noun = "restore", .run = restore_command, .in = &restore_rec, .example = "scriped restore --from /backup/scriped.tar --data ./var",
	  .summary = "Prove a backup by reading all of it, and put it into an empty data folder; --check: prove it only" },
	{ .noun = "openapi", .run = openapi_run, .in = &openapi_rec, .example = "scriped openapi --contract > openapi.yaml",
	  .summary = "Print the OpenAPI document; --contract: the documented surface alone" },
	{ .noun = "extract", .run = extract_run, .in = &extract_rec, .example = "scriped extract talk.pdf",
	  .summary = "Print the text of a file, as the server would read it; --json: line by line, as it is read" },
	RUNS("conf", conf_run, "scriped conf --config scriped.conf", "Print the effective settings, secrets masked"),
	{ .noun = "doctor", .run = doctor_run, .in = &doctor_rec, .example = "scriped doctor --data ./var",
	  .summary = "Check folder, space, database, clock, provider and which files can be read; --mcp: an MCP server, as its hosts meet it (--no-register: without a trial client)" },
	RUNS("completion", completion_run, "scriped completion bash >/etc/bash_completion.d/scriped", "Print what bash or fish needs to complete commands, or man: what the manual says of them"),
	RUNS("versions", versions_run, "scriped versions", "Print the versions of the API and what each one changed, as Markdown"),
	RUNS("version", version_run, "scriped version", "Print the version"),
	RUNS("help", help_run, "scriped help", "Print this"),
};
const int ncommands = (int)COUNT(commands);

const struct command *
command_find(const char *noun, const char *verb)
{
	for (int i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];
		if (strcmp(c->noun, noun) == 0 && (c->verb == NULL || (verb != NULL && strcmp(c->verb, verb) == 0)))
			return c;
	}
	return NULL;
}

/* --- what follows from a row --- */

const struct op *command_op(const struct command *c) { return c->op != NULL ? op_named(c->op) : NULL; }
const struct rec *command_rec(const struct command *c) { return c->op != NULL ? command_op(c)->in : c->in; }

const char *
command_summary(const struct command *c)
{
	return c->summary != NULL ? c->summary : command_op(c)->summary;
}

const char *
command_words(const struct command *c, struct arena *a)
{
	return c->verb != NULL ? str_fmt(a, "%s %s", c->noun, c->verb).p : c->noun;
}

/* Pages are followed by whoever lists; what is hidden comes another way. */
bool
command_shows(const struct command *c, const struct field *f)
{
	return !(f->flags & F_HIDE) && (c->op == NULL || !str_eq(f->name, S("cursor")));
}

/* with-dashes is withDashes */
static bool
same_name(str option, str name)
{
	size_t n = 0;
	bool up = false;

	if (str_eq(option, name))
		return true;
	for (size_t i = 0; i < option.n; i++) {
		char ch = option.p[i];
		if (ch == '-' && i > 0) {
			up = true;
			continue;
		}
		if (up && ch >= 'a' && ch <= 'z')
			ch = (char)(ch - 'a' + 'A');
		up = false;
		if (n == name.n || name.p[n++] != ch)
			return false;
	}
	return n == name.n;
}

static str
short_name(str name)
{
	return str_ends(name, S("Id")) || str_ends(name, S("At")) ? str_cut(name, 0, name.n - 2) : name;
}

const struct field *
command_field(const struct command *c, str option)
{
	const struct rec *r = command_rec(c);

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; r != NULL && i < r->n; i++)
			if (command_shows(c, &r->f[i]) && same_name(option, pass == 0 ? r->f[i].name : short_name(r->f[i].name)))
				return &r->f[i];
	return NULL;
}

/* How an option is shown: the way people write options. */
str
command_option(str name, char to[64])
{
	size_t n = 0;

	name = short_name(name);
	for (size_t i = 0; i < name.n && n < 60; i++) {
		if (name.p[i] >= 'A' && name.p[i] <= 'Z' && n > 0) {
			to[n++] = '-';
			to[n++] = (char)(name.p[i] - 'A' + 'a');
		} else
			to[n++] = name.p[i];
	}
	return (str){ to, n };
}

/* --- help --- */

int
commands_help(const char *noun)
{
	int n = 0;

	for (int i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];
		if (noun != NULL && strcmp(c->noun, noun) != 0)
			continue;
		printf("  %-12s%-8s  %s\n", c->noun, c->verb != NULL ? c->verb : "", command_summary(c));
		n++;
	}
	return n;
}

static void
print_option(const struct field *f)
{
	char name[64];
	int width = 14 - (int)command_option(f->name, name).n;

	const char *doc = str_eq(f->name, S("limit")) ? "How many rows, newest first; all when left out" : f->doc;
	printf("  --%.*s%*s %s%s\n", STR(command_option(f->name, name)), MAX(width, 0), "", doc, (f->flags & F_REQ) ? " (required)" : "");
	if (f->words != NULL && f->words->n <= 8) {
		printf("  %*s  one of", 14, "");
		for (int i = 0; i < f->words->n; i++)
			printf(" %s", f->words->v[i]);
		printf("%s\n", (f->flags & F_ALL) ? ", comma-separated, or all" : "");
	}
}

static void
print_options(const struct command *c)
{
	const struct op *op = command_op(c);
	const struct rec *r = command_rec(c);

	if (r == NULL && op == NULL)
		return;
	printf("\nOptions:\n");
	if (op != NULL && op->id_kind >= 0)
		printf("  %.*s…%*s %s (required; stands without a name)\n", STR(id_prefix((enum id_kind)op->id_kind)), 15 - (int)id_prefix((enum id_kind)op->id_kind).n, "", "Which one");
	if (op != NULL)
		printf("  --workspace      The workspace; not needed when there is one\n");
	for (int i = 0; r != NULL && i < r->n; i++)
		if (command_shows(c, &r->f[i]))
			print_option(&r->f[i]);
}

void
command_help(const struct command *c)
{
	printf("%s\n\n%s.\n", c->example, command_summary(c));
	if (c->op != NULL)
		printf("%s\n", command_op(c)->doc);
	print_options(c);
}
