/* admin -- the commands that no operation stands behind, for they are not of one workspace: each a function in one transaction,
 * whose options are the fields of a record. */
#include "app/app.h"
#include "model/key.h"
#include "model/ledger.h"
#include "model/node.h"
#include "model/project.h"
#include "model/vector.h"

#define LIST_MAX	1000
#define OUT_MAX		((size_t)4 << 20)

/* --- records of the options --- */

struct setup { str workspace, project; };
static const struct field setup_fields[] = {
	F_STR(setup, workspace, "workspace", NULL, 0, 1, 200, "Name of the first workspace", "Acme Corp"),
	F_STR(setup, project, "project", NULL, 0, 1, 200, "Name of its first project", "Ada Lovelace"),
};
const struct rec setup_rec = REC(setup, setup_fields, "The first workspace, project and key");

struct plan_set { workspace_id workspace; int plan; };
static const struct field plan_fields[] = {
	F_ID  (plan_set, workspace, workspace, "workspace", NULL, F_REQ, "The workspace"),
	F_WORD(plan_set, plan, "plan", NULL, F_REQ, &plan_words, "Its plan", "ADVANCED"),
};
const struct rec plan_set_rec = REC(plan_set, plan_fields, "The plan of a workspace");

struct reembed { workspace_id workspace; };
static const struct field reembed_fields[] = { F_ID(reembed, workspace, workspace, "workspace", NULL, F_REQ, "The workspace") };
const struct rec reembed_rec = REC(reembed, reembed_fields, "A workspace whose vectors are made anew");

struct list { int64_t limit; };
static const struct field list_fields[] = {
	F_I64(list, limit, "limit", NULL, 0, 1, LIST_MAX, "How many, newest first; 1000 when left out", "100"),
};
const struct rec list_rec = REC(list, list_fields, "A list");

/* --- help for the rows --- */

static int64_t now_of(const struct admin *ad) { return sys_wall_ms(ad->clock); }
static ulid fresh(const struct admin *ad) { return sys_ulid(ad->clock); }

enum err
admin_one(struct admin *ad, const struct rec *rec, const void *v)
{
	struct json j;

	jw_begin(&j, &ad->out);
	rec_encode(rec, v, &j);
	return OK;
}

enum err
admin_many(struct admin *ad, const struct rec *rec, const void *v, int n, size_t size)
{
	struct json j;

	jw_begin(&j, &ad->out);
	jw_arr(&j);
	for (int i = 0; i < n; i++)
		rec_encode(rec, (const char *)v + (size_t)i * size, &j);
	jw_end(&j);
	return OK;
}

int
admin_limit(const struct admin *ad)
{
	const struct list *l = ad->in;
	return l->limit != 0 ? (int)l->limit : LIST_MAX;
}

/* What the command line does to keys and workspaces is in the audit log of the workspace, like what requests do. */
enum err
admin_audit(struct admin *ad, struct db *db, workspace_id w, const char *what, str resource, struct error *e)
{
	struct audit a = { .workspace = w, .id = { fresh(ad) }, .principal = S("command line"), .mode = S("live"), .method = S("COMMAND"),
	    .route = str_z(what), .status = 200, .request = S(""), .resource = resource, .ip = S("") };

	return audit_insert(db, &a, e);
}

/* --- workspaces --- */

static enum err
new_workspace(struct admin *ad, struct db *db, str name, int plan, struct workspace *ret, struct error *e)
{
	rec_init(&workspace_rec, ret);
	ret->id = (workspace_id){ fresh(ad) };
	ret->name = name;
	ret->plan = plan >= 0 ? plan : PLAN_ENTERPRISE;
	ret->subscription = SUB_ACTIVE;
	ret->features.api_access = workspace_api_access(ret);
	TRY(workspace_insert(db, ret, e));
	return admin_audit(ad, db, ret->id, "workspace create", id_text(ad->a, ID_workspace, &ret->id.u), e);
}

enum err
admin_workspace_create(struct admin *ad, struct db *db, struct error *e)
{
	const struct workspace_create *in = ad->in;
	struct workspace w;

	TRY(new_workspace(ad, db, in->name, in->plan, &w, e));
	return admin_one(ad, &workspace_rec, &w);
}

enum err
admin_workspace_list(struct admin *ad, struct db *db, struct error *e)
{
	int limit = admin_limit(ad), n;
	struct workspace *w = NEW_N(ad->a, struct workspace, limit);
	workspace_id top;

	memset(top.u.s, 'Z', 26);
	TRY(workspace_page(db, ad->a, top, limit, w, &n, e));
	return admin_many(ad, &workspace_rec, w, n, sizeof(*w));
}

enum err
admin_workspace_plan(struct admin *ad, struct db *db, struct error *e)
{
	const struct plan_set *in = ad->in;
	struct workspace w;

	TRY(workspace_set_plan(db, in->workspace, in->plan, now_of(ad), e));
	TRY(admin_audit(ad, db, in->workspace, "workspace plan", str_z(plan_words.v[in->plan]), e));
	TRY(workspace_get(db, ad->a, in->workspace, &w, e));
	ad->bust = true;
	return admin_one(ad, &workspace_rec, &w);
}

/* --- nodes --- */

enum err
admin_node_list(struct admin *ad, struct db *db, struct error *e)
{
	struct node *v = NEW_N(ad->a, struct node, NODES_MAX);
	int n;

	if (db_schema() < NODE_SCHEMA)
		return fail(e, E_CONFLICT, NULL, "this database is of schema %d, which keeps no list of nodes: run scriped migrate", db_schema());
	TRY(node_list(db, ad->a, v, &n, e));
	nodes_judge(ad->a, v, n, now_of(ad));
	return admin_many(ad, &node_rec, v, MIN(n, admin_limit(ad)), sizeof(*v));
}

/* --- knowledge --- */

#define REEMBED_MOST	2000		/* documents in one transaction */

struct reembedded { int64_t documents; bool more; };
static const struct field reembedded_fields[] = {
	F_I64 (reembedded, documents, "documents", NULL, 0, 0, INT64_MAX, "How many documents get new vectors", "12"),
	F_BOOL(reembedded, more, "more", NULL, 0, "Whether there are more: run it again"),
};
static const struct rec reembedded_rec = REC(reembedded, reembedded_fields, "What will be made anew");

/* The server finds them: they have no vectors now. */
enum err
admin_knowledge_reembed(struct admin *ad, struct db *db, struct error *e)
{
	const struct reembed *in = ad->in;
	struct workspace w;
	int n;

	TRY(workspace_get(db, ad->a, in->workspace, &w, e));
	TRY(vectors_forget(db, in->workspace, REEMBED_MOST, &n, e));
	TRY(admin_audit(ad, db, in->workspace, "knowledge reembed", str_fmt(ad->a, "%d documents", n), e));
	return admin_one(ad, &reembedded_rec, &(struct reembedded){ n, n == REEMBED_MOST });
}

/* --- what setup makes in a workspace --- */

static enum err
first_project(struct admin *ad, struct db *db, workspace_id w, str name, struct project *ret, struct error *e)
{
	status_id columns[PROJECT_COLUMNS];

	for (int i = 0; i < PROJECT_COLUMNS; i++)
		columns[i] = (status_id){ fresh(ad) };
	rec_init(&project_rec, ret);
	ret->id = (project_id){ fresh(ad) };
	ret->name = name;
	ret->type = PT_PERSONAL_BRAND;
	ret->status = PS_ACTIVE;
	TRY(project_insert(db, w, ret, columns, e));
	return admin_audit(ad, db, w, "project create", id_text(ad->a, ID_project, &ret->id.u), e);
}

static enum err
first_key(struct admin *ad, struct db *db, workspace_id w, str *token, struct error *e)
{
	struct key_create all = { .name = S("setup"), .mode = MODE_LIVE, .scopes = (1u << SCOPE_COUNT) - 1, .expires_at = TIME_NONE };
	char *text = arena_alloc(ad->a, TOKEN_LEN + 1);
	struct key k;

	key_make(&all, w, (key_id){ fresh(ad) }, S("command line"), text, &k);
	*token = (str){ text, TOKEN_LEN };
	digest h = crypto_hmac(ad->secret, *token);
	TRY(key_insert(db, &k, &h, e));
	return admin_audit(ad, db, w, "key mint", id_text(ad->a, ID_key, &k.id.u), e);
}

/* --- setup --- */

static enum err
tell_setup(struct admin *ad, workspace_id w, project_id p, str token)
{
	struct json j;

	jw_begin(&j, &ad->out);
	jw_obj(&j);
	jw_key(&j, S("workspaceId"));
	jw_raw2(&j, id_prefix(ID_workspace), (str){ w.u.s, 26 });
	jw_key(&j, S("projectId"));
	jw_raw2(&j, id_prefix(ID_project), (str){ p.u.s, 26 });
	jw_key(&j, S("key"));
	if (token.p != NULL)
		jw_str(&j, token);
	else
		jw_null(&j);
	jw_key(&j, S("created"));
	jw_bool(&j, token.p != NULL);
	jw_end(&j);
	return OK;
}

enum err
admin_setup(struct admin *ad, struct db *db, struct error *e)
{
	const struct setup *in = ad->in;
	struct workspace w;
	struct project p;
	str token;
	bool found;

	TRY(setup_recall(db, &w.id, &p.id, &found, e));
	if (found)
		return tell_setup(ad, w.id, p.id, STR_NONE);
	TRY(new_workspace(ad, db, in->workspace.p != NULL ? in->workspace : S("My workspace"), -1, &w, e));
	TRY(first_project(ad, db, w.id, in->project.p != NULL ? in->project : S("My project"), &p, e));
	TRY(first_key(ad, db, w.id, &token, e));
	TRY(setup_remember(db, w.id, p.id, e));
	return tell_setup(ad, w.id, p.id, token);
}

/* --- running a row --- */

struct running { struct admin ad; const struct command *c; };

static enum err
run_row(void *ctx, struct db *db, struct error *e)
{
	struct running *r = ctx;

	buf_init(&r->ad.out, r->ad.a, OUT_MAX);
	r->ad.bust = false;
	return r->c->admin(&r->ad, db, e);
}

enum err
admin_call(struct desk *d, struct arena *a, const struct command *c, const struct rec_pair *p, int n, str *result, struct error *e)
{
	struct rec_opts strict = { .strict = true, .text_max = 100000 };
	struct rec_notes notes = { 0 };
	struct running r = { .ad = { .a = a, .clock = d->clock, .secret = d->secret, .in = arena_alloc(a, c->in->size) }, .c = c };

	TRY(rec_decode_pairs(c->in, &strict, a, p, n, r.ad.in, &notes, e));
	TRY(engine_wait(d->engine, run_row, &r, e));
	*result = buf_str(&r.ad.out);
	if (r.ad.bust)
		auth_bust(d->auth);
	return OK;
}
