/* admin -- commands on workspaces, projects, keys and people: each a function in one transaction, whose options are the
 * fields of a record.  The same function runs here, when nobody holds the data folder, or inside the server that does. */
#include "app/app.h"
#include "model/ledger.h"
#include "model/project.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

struct list { workspace_id workspace; int64_t limit; };
static const struct field list_fields[] = {
	F_ID (list, workspace, workspace, "workspace", NULL, F_REQ, "The workspace"),
	F_I64(list, limit, "limit", NULL, 0, 1, LIST_MAX, "How many, newest first; 1000 when left out", "100"),
};
const struct rec list_rec = REC(list, list_fields, "A list of a workspace");
static const struct field list_all_fields[] = {
	F_I64(list, limit, "limit", NULL, 0, 1, LIST_MAX, "How many, newest first; 1000 when left out", "100"),
};
const struct rec list_all_rec = REC(list, list_all_fields, "A list");

struct revoke { key_id id; str reason; };
static const struct field revoke_fields[] = {
	F_ID (revoke, id, key, "id", NULL, F_REQ, "The key"),
	F_STR(revoke, reason, "reason", NULL, 0, 1, 500, "Why", "leaked"),
};
const struct rec revoke_rec = REC(revoke, revoke_fields, "A key to be revoked");

/* --- help for the rows --- */

static int64_t now_of(const struct admin *ad) { return sys_wall_ms(ad->clock); }
static ulid fresh(const struct admin *ad) { return sys_ulid(ad->clock); }

static enum err
one(struct admin *ad, const struct rec *rec, const void *v)
{
	struct json j;

	jw_begin(&j, &ad->out);
	rec_encode(rec, v, &j);
	return OK;
}

static enum err
many(struct admin *ad, const struct rec *rec, const void *v, int n, size_t size)
{
	struct json j;

	jw_begin(&j, &ad->out);
	jw_arr(&j);
	for (int i = 0; i < n; i++)
		rec_encode(rec, (const char *)v + (size_t)i * size, &j);
	jw_end(&j);
	return OK;
}

static int limit_of(const struct list *l) { return l->limit != 0 ? (int)l->limit : LIST_MAX; }

/* What the command line does to keys and workspaces is in the audit log of the workspace, like what requests do. */
static enum err
note_audit(struct admin *ad, struct db *db, workspace_id w, const char *what, str resource, struct error *e)
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
	return note_audit(ad, db, ret->id, "workspace create", id_text(ad->a, ID_workspace, &ret->id.u), e);
}

enum err
admin_workspace_create(struct admin *ad, struct db *db, struct error *e)
{
	const struct workspace_create *in = ad->in;
	struct workspace w;

	TRY(new_workspace(ad, db, in->name, in->plan, &w, e));
	return one(ad, &workspace_rec, &w);
}

enum err
admin_workspace_list(struct admin *ad, struct db *db, struct error *e)
{
	int limit = limit_of(ad->in), n;
	struct workspace *w = NEW_N(ad->a, struct workspace, limit);
	workspace_id top;

	memset(top.u.s, 'Z', 26);
	TRY(workspace_page(db, ad->a, top, limit, w, &n, e));
	return many(ad, &workspace_rec, w, n, sizeof(*w));
}

enum err
admin_workspace_plan(struct admin *ad, struct db *db, struct error *e)
{
	const struct plan_set *in = ad->in;
	struct workspace w;

	TRY(workspace_set_plan(db, in->workspace, in->plan, now_of(ad), e));
	TRY(note_audit(ad, db, in->workspace, "workspace plan", str_z(plan_words.v[in->plan]), e));
	TRY(workspace_get(db, ad->a, in->workspace, &w, e));
	ad->bust = true;
	return one(ad, &workspace_rec, &w);
}

/* --- projects --- */

static enum err
new_project(struct admin *ad, struct db *db, workspace_id w, str name, int type, str url, struct project *ret, struct error *e)
{
	status_id columns[PROJECT_COLUMNS];
	struct workspace ws;

	TRY(workspace_get(db, ad->a, w, &ws, e));
	for (int i = 0; i < PROJECT_COLUMNS; i++)
		columns[i] = (status_id){ fresh(ad) };
	rec_init(&project_rec, ret);
	ret->id = (project_id){ fresh(ad) };
	ret->name = name;
	ret->type = type >= 0 ? type : PT_PERSONAL_BRAND;
	ret->status = PS_ACTIVE;
	ret->url = url;
	TRY(project_insert(db, w, ret, columns, e));
	return note_audit(ad, db, w, "project create", id_text(ad->a, ID_project, &ret->id.u), e);
}

enum err
admin_project_create(struct admin *ad, struct db *db, struct error *e)
{
	const struct project_create *in = ad->in;
	struct project p;

	TRY(new_project(ad, db, in->workspace, in->name, in->type, in->url, &p, e));
	return one(ad, &project_rec, &p);
}

enum err
admin_project_list(struct admin *ad, struct db *db, struct error *e)
{
	const struct list *in = ad->in;
	int limit = limit_of(in), n = 0;
	struct project *p = NEW_N(ad->a, struct project, limit);
	struct rows r;
	project_id top;

	memset(top.u.s, 'Z', 26);
	TRY(project_page(db, in->workspace, top, limit, &r, e));
	while (n < limit && db_next(&r))
		db_scan(&project_rec, &r, ad->a, &p[n++]);
	TRY(db_done(&r, e));
	return many(ad, &project_rec, p, n, sizeof(*p));
}

/* --- keys --- */

struct minted { struct key key; str token; };
static const struct field minted_fields[] = {
	F_ID  (minted, key.id, key, "id", NULL, 0, "The key"),
	F_STR (minted, key.name, "name", NULL, 0, 0, 0, "Name", NULL),
	F_WORD(minted, key.mode, "mode", NULL, 0, &key_mode_words, "Mode", NULL),
	F_WORDS(minted, key.scopes, "scopes", NULL, 0, &scope_words, "Scopes", NULL),
	F_STR (minted, key.last4, "last4", NULL, 0, 0, 0, "Last four letters", NULL),
	F_TIME(minted, key.expires_at, "expiresAt", NULL, F_NULL, "It stops then"),
	F_STR (minted, key.version, "apiVersion", NULL, F_NULL, 0, 0, "Version of the API when a request names none", NULL),
	F_STR (minted, token, "key", NULL, 0, 0, 0, "The key itself: shown once", NULL),
};
static const struct rec minted_rec = REC(minted, minted_fields, "A new key");

static enum err
mint(struct admin *ad, struct db *db, workspace_id w, str name, int mode, unsigned scopes, int64_t expires, str version, struct minted *ret,
    struct error *e)
{
	char *token = arena_alloc(ad->a, TOKEN_LEN + 1);

	rec_init(&key_rec, &ret->key);
	token_make(mode, token);
	ret->token = (str){ token, TOKEN_LEN };
	ret->key.workspace = w;
	ret->key.id = (key_id){ fresh(ad) };
	ret->key.name = name;
	ret->key.mode = mode;
	ret->key.scopes = scopes;
	ret->key.last4 = str_cut(ret->token, TOKEN_LEN - 4, TOKEN_LEN);
	ret->key.created_by = S("command line");
	ret->key.expires_at = expires;
	ret->key.version = version;
	digest h = crypto_hmac(ad->secret, ret->token);
	TRY(key_insert(db, &ret->key, &h, e));
	return note_audit(ad, db, w, "key mint", id_text(ad->a, ID_key, &ret->key.id.u), e);
}

enum err
admin_key_mint(struct admin *ad, struct db *db, struct error *e)
{
	const struct key_create *in = ad->in;
	struct workspace w;
	struct minted m;
	unsigned scopes;

	TRY(scopes_parse(ad->a, in->scopes, &scopes, e));
	if (in->version.p != NULL && !version_known(in->version))
		return fail(e, E_INVALID_REQUEST, "api-version", "There is no version '%.*s' of the API: see scriped versions.", STR(in->version));
	TRY(workspace_get(db, ad->a, in->workspace, &w, e));
	TRY(mint(ad, db, in->workspace, in->name, in->mode >= 0 ? in->mode : MODE_LIVE, scopes,
	    in->expires_at != TIME_NONE ? time_day(in->expires_at) : TIME_NONE, in->version, &m, e));
	return one(ad, &minted_rec, &m);
}

enum err
admin_key_list(struct admin *ad, struct db *db, struct error *e)
{
	const struct list *in = ad->in;
	int limit = limit_of(in), n;
	struct key *k = NEW_N(ad->a, struct key, limit);

	TRY(key_list(db, ad->a, in->workspace, limit, k, &n, e));
	return many(ad, &key_rec, k, n, sizeof(*k));
}

enum err
admin_key_revoke(struct admin *ad, struct db *db, struct error *e)
{
	const struct revoke *in = ad->in;
	workspace_id w;

	TRY(key_find(db, in->id, &w, e));
	TRY(key_revoke(db, w, in->id, now_of(ad), S("command line"), in->reason, e));
	TRY(note_audit(ad, db, w, "key revoke", id_text(ad->a, ID_key, &in->id.u), e));
	ad->bust = true;
	return one(ad, &revoke_rec, in);
}

/* --- people, audit --- */

enum err
admin_user_create(struct admin *ad, struct db *db, struct error *e)
{
	const struct person_create *in = ad->in;
	struct workspace w;
	struct person p;

	TRY(workspace_get(db, ad->a, in->workspace, &w, e));
	TRY(person_join(db, ad->a, in, (person_id){ fresh(ad) }, &p, e));
	TRY(note_audit(ad, db, in->workspace, "user create", id_text(ad->a, ID_person, &p.id.u), e));
	return one(ad, &person_rec, &p);
}

enum err
admin_user_list(struct admin *ad, struct db *db, struct error *e)
{
	const struct list *in = ad->in;
	int limit = limit_of(in), n;
	struct person *p = NEW_N(ad->a, struct person, limit);

	TRY(person_list(db, ad->a, in->workspace, limit, p, &n, e));
	return many(ad, &person_rec, p, n, sizeof(*p));
}

enum err
admin_audit_list(struct admin *ad, struct db *db, struct error *e)
{
	const struct list *in = ad->in;
	int limit = limit_of(in), n;
	struct audit *r = NEW_N(ad->a, struct audit, limit);

	TRY(audit_list(db, ad->a, in->workspace, limit, r, &n, e));
	return many(ad, &audit_rec, r, n, sizeof(*r));
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
	struct minted m;
	unsigned all;
	bool found;

	TRY(setup_recall(db, &w.id, &p.id, &found, e));
	if (found)
		return tell_setup(ad, w.id, p.id, STR_NONE);
	TRY(new_workspace(ad, db, in->workspace.p != NULL ? in->workspace : S("My workspace"), -1, &w, e));
	TRY(new_project(ad, db, w.id, in->project.p != NULL ? in->project : S("My project"), -1, STR_NONE, &p, e));
	TRY(scopes_parse(ad->a, S("all"), &all, e));
	TRY(mint(ad, db, w.id, S("setup"), MODE_LIVE, all, TIME_NONE, STR_NONE, &m, e));
	TRY(setup_remember(db, w.id, p.id, e));
	return tell_setup(ad, w.id, p.id, m.token);
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
admin_call(struct engine *g, const secret *s, const struct sys_clock *clock, struct arena *a, const struct command *c,
    const struct rec_pair *p, int n, str *result, bool *bust, struct error *e)
{
	struct rec_opts strict = { .strict = true, .text_max = 100000 };
	struct rec_notes notes = { 0 };
	struct running r = { .ad = { .a = a, .clock = clock, .secret = s, .in = arena_alloc(a, c->in->size) }, .c = c };

	TRY(rec_decode_pairs(c->in, &strict, a, p, n, r.ad.in, &notes, e));
	TRY(engine_wait(g, run_row, &r, e));
	*result = buf_str(&r.ad.out);
	*bust = r.ad.bust;
	return OK;
}

/* --- printing --- */

static void
print_cell(const json_t *v)
{
	if (json_is_string(v))
		printf("%s\t", json_string_value(v));
	else if (json_is_null(v) || v == NULL)
		printf("-\t");
	else {
		char *t = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		printf("%s\t", t != NULL ? t : "");
		free(t);
	}
}

/* A table for people: a line of names, then a line a record, separated by tabs as column(1) and cut(1) like them. */
static void
print_table(const json_t *rows)
{
	const char *k;
	json_t *v;
	size_t i;
	const json_t *row;

	json_object_foreach (json_array_get(rows, 0), k, v)
		printf("%s\t", k);
	if (json_array_size(rows) != 0)
		printf("\n");
	json_array_foreach (rows, i, row) {
		json_object_foreach ((json_t *)(uintptr_t)row, k, v)
			print_cell(v);
		printf("\n");
	}
}

static void
print_result(const struct command *c, const struct options *o, str result)
{
	struct error e;
	json_t *v;

	if (o->json || (c->plain == NULL && !str_eq(str_z(c->verb != NULL ? c->verb : ""), S("list"))) || json_read(result, &v, &e) != OK) {
		printf("%.*s\n", STR(result));
		return;
	}
	if (json_is_array(v))
		print_table(v);
	else
		printf("%s\n", json_string_value(json_object_get(v, c->plain)));
	json_decref(v);
}

/* Here when the folder is free, through its server when it is not; a command that is just done is waited for. */
static enum err
anywhere(struct home *h, struct options *o, const struct command *c, str *result, struct error *e)
{
	enum { PATIENCE = 250, PAUSE_US = 20000 };
	bool bust;
	int pid = 0;
	enum err code = OK;

	for (int i = 0; i < PATIENCE; i++) {
		if ((code = home_lock(h, &pid, e)) != E_CONFLICT)
			break;
		struct error busy = *e;
		if ((code = control_call(&o->a, h->conf, c, o->fields, o->nfields, result, e)) != E_SYS)
			return code;
		*e = busy;
		usleep(PAUSE_US);
		code = E_CONFLICT;
	}
	if (code == OK)
		code = home_open(h, e);
	if (code == OK)
		code = admin_call(h->engine, &h->secret, h->clock, &o->a, c, o->fields, o->nfields, result, &bust, e);
	return code;
}

int
admin_run(const struct command *c, struct options *o)
{
	struct conf conf;
	struct home h = { .conf = &conf, .clock = &sys_clock_real, .lock = -1 };
	struct error e;
	str result;

	enum err code = options_conf(o, &conf, &e);
	if (code != OK)
		return complain(&e);
	code = anywhere(&h, o, c, &result, &e);
	if (code == OK)
		print_result(c, o, result);
	home_close(&h);
	conf_free(&conf);
	return code == OK ? EXIT_DONE : complain(&e);
}
