/* folders -- of the notes of a project.  Whoever changes them holds the project. */
#include "model/folder.h"
#include "api/rq.h"
#include "model/project.h"
#include "model/vacate.h"

DELETED(folder, "folder", "The folder")

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&folder_rec, r, NULL, to);
}

enum err
folders_list(struct rq *rq)
{
	const struct folders_query *q = IN(rq, folders_query);
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	TRY(project_exists(rq->db, rq->who.workspace, q->project, &rq->err));
	TRY(folder_page(rq->db, rq->who.workspace, q->project, (folder_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &folder_rec, sizeof(struct folder), scan);
}

enum err
folders_get(struct rq *rq)
{
	struct folder f;

	TRY(folder_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, folder), &f, &rq->err));
	return reply(rq, &folder_rec, &f);
}

static enum err name_taken(struct rq *rq) { return fail(&rq->err, E_CONFLICT, NULL, "This project has a folder of that name already."); }

enum err
folders_create(struct rq *rq)
{
	const struct folder_create *in = IN(rq, folder_create);
	struct folder f = { .project = in->project, .name = in->name };
	bool taken;
	int n;

	TRY(project_lock(rq->db, rq->who.workspace, in->project, &rq->err));
	TRY(folder_look(rq->db, rq->who.workspace, in->project, in->name, &n, &taken, &rq->err));
	if (taken)
		return name_taken(rq);
	if (n >= FOLDERS_MAX)
		return fail(&rq->err, E_CONFLICT, NULL, "A project has at most %d folders: delete one first.", FOLDERS_MAX);
	f.id = (folder_id){ fresh(rq) };
	TRY(folder_insert(rq->db, rq->who.workspace, &f, &rq->err));
	made(rq, ID_folder, &f.id.u);
	return reply(rq, &folder_rec, &f);
}

enum err
folders_update(struct rq *rq)
{
	const struct folder_patch *in = IN(rq, folder_patch);
	folder_id id = PATH_ID(rq, folder);
	struct folder f;
	bool taken;

	TRY(folder_lock(rq->db, rq->who.workspace, id, &rq->err));
	TRY(folder_beside(rq->db, rq->a, rq->who.workspace, id, in->name, &f, &taken, &rq->err));
	TRY(check_match(rq, &folder_rec, &f));
	made(rq, ID_folder, &f.id.u);
	if (!str_eq(f.name, in->name)) {
		if (taken)
			return name_taken(rq);
		TRY(folder_rename(rq->db, rq->who.workspace, f.id, in->name, &rq->err));
	}
	f.name = in->name;
	return reply(rq, &folder_rec, &f);
}

/* DELETE /v1/folders/{folderId}: its notes go to the root (vacate.h). */
enum err
folders_delete(struct rq *rq)
{
	struct folder f;

	TRY(folder_lock(rq->db, rq->who.workspace, PATH_ID(rq, folder), &rq->err));
	TRY(folder_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, folder), &f, &rq->err));
	TRY(folder_delete(rq->db, rq->who.workspace, f.id, &rq->err));
	TRY(vacate_begin(rq->db, rq->a, rq->api->c.clock, &(struct vacated){ rq->who.workspace, f.id.u, VACANT_FOLDER, f.project, -1, rq->now }, &rq->err));
	made(rq, ID_folder, &f.id.u);
	return reply(rq, &deleted_folder_rec, &(struct deleted_folder){ f.id, true });
}
