#include "model/person.h"
#include "api/rq.h"

struct me_principal { int type; str id; unsigned scopes; int role; client_id client; };
struct me { struct workspace workspace; struct me_principal principal; };

static const struct field who_fields[] = {
	CALLER_FIELDS(me_principal, 0),
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
	struct me m = { .principal = CALLER(rq) };

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
static enum err
list_own(struct rq *rq, bool behind)
{
	struct workspace w;

	TRY(workspace_get(rq->db, rq->a, rq->who.workspace, &w, &rq->err));
	return reply_items(rq, &workspace_rec, &w, behind ? 0 : 1, sizeof(w));
}

static void scan(struct rq *rq, struct rows *r, void *to) { (void)rq; person_reach_scan(r, NULL, to); }

/* A cursor names one that the caller reaches: whether there is any other is nobody's business. */
static enum err
check_cursor(struct rq *rq)
{
	if (id_set(rq->who.person))
		return person_anchor(rq->db, (workspace_id){ rq->after }, &rq->who.person.u, &bad_cursor, &rq->err);
	if (memcmp(rq->after.s, rq->who.workspace.u.s, 26) == 0)
		return OK;
	return fail(&rq->err, bad_cursor.code, bad_cursor.field, "%s", bad_cursor.detail);
}

enum err
workspaces_list(struct rq *rq)
{
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	bool behind = rq->after.s[0] != '\0';
	struct rows r;

	if (behind)
		TRY(check_cursor(rq));
	if (!id_set(rq->who.person))
		return list_own(rq, behind);
	TRY(person_reach_page(rq->db, rq->who.person, (workspace_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &workspace_rec, sizeof(struct reach), scan);
}
