#include "api/rq.h"

struct me_principal { int type; str id; unsigned scopes; int role; };
struct me { struct workspace workspace; struct me_principal principal; };

static const struct field who_fields[] = {
	F_WORD (me_principal, type, "type", NULL, F_GROW, &principal_type_words, "What kind of caller", "api_key"),
	F_STR  (me_principal, id, "id", NULL, 0, 0, 0, "The key, or the user", "key_01J9ZAB12CD34E56F7G8H9JKMN"),
	F_WORDS(me_principal, scopes, "scopes", NULL, F_GROW, &scope_words, "What it may do; of a user nothing, for the role decides", "notes:read"),
	F_WORD (me_principal, role, "role", NULL, F_OMIT | F_MORE, &role_words, "Of a user: the role in this workspace", "Admin"),
};
static const struct rec who_rec = REC(me_principal, who_fields, "Who asks");
static const struct field fields[] = {
	F_REC(me, workspace, struct workspace, "workspace", NULL, 0, &workspace_rec, "The active workspace"),
	F_REC(me, principal, struct me_principal, "principal", NULL, 0, &who_rec, "Who asks"),
};
const struct rec me_rec = REC(me, fields, "The active workspace and the caller");

enum err
workspace_me(struct rq *rq)
{
	struct me m = { .principal = { rq->who.type, auth_name(rq->a, &rq->who), rq->who.scopes, auth_role(&rq->who) } };

	TRY(workspace_get(rq->db, rq->a, rq->who.workspace, &m.workspace, &rq->err));
	return reply(rq, &me_rec, &m);
}

enum err
workspace_update(struct rq *rq)
{
	TRY(workspace_rename(rq->db, rq->who.workspace, IN(rq, workspace_patch)->name, rq->now, &rq->err));
	made(rq, ID_workspace, &rq->who.workspace.u);
	return workspace_me(rq);
}

/* A page of one row: what a key reaches. */
enum err
workspaces_list(struct rq *rq)
{
	struct workspace w;
	bool behind = rq->after.s[0] != '\0';

	TRY(workspace_get(rq->db, rq->a, rq->who.workspace, &w, &rq->err));
	return reply_items(rq, &workspace_rec, &w, behind ? 0 : 1, sizeof(w));
}
