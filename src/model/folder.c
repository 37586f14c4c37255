#include "model/folder.h"

static const struct field fields[] = {
	F_ID  (folder, id, folder, "id", "id", 0, "The folder"),
	F_ID  (folder, project, project, "projectId", "project", 0, "Its project"),
	F_STR (folder, name, "name", "name", 0, 1, 100, "Name", "Ideas"),
	F_CREATED(folder, id, folder, "createdAt", "When it was created"),
};
const struct rec folder_rec = REC(folder, fields, "A folder of notes");
#define COLS "id, project, name"

static const struct field create_fields[] = {
	F_ID (folder_create, project, project, "projectId", NULL, F_REQ, "The project it belongs to"),
	F_STR(folder_create, name, "name", NULL, F_REQ | F_NAME, 1, 100, "Name; no two folders of a project have the same", "Ideas"),
};
const struct rec folder_create_rec = REC(folder_create, create_fields, "A new folder");

static const struct field patch_fields[] = {
	F_STR(folder_patch, name, "name", NULL, F_REQ | F_NAME, 1, 100, "Name", "Ideas"),
};
const struct rec folder_patch_rec = REC(folder_patch, patch_fields, "A change of a folder");

static const struct field query_fields[] = {
	PAGE_FIELDS(folders_query),
	F_ID(folders_query, project, project, "projectId", NULL, F_REQ, "The project"),
};
const struct rec folders_query_rec = REC(folders_query, query_fields, "Filters of the list of folders");

SQL(insert, "folder.insert", "INSERT INTO folder (workspace, id, project, name) VALUES ($1, $2, $3, $4)");
SQL(rename_it, "folder.rename", "UPDATE folder SET name = $3 WHERE workspace = $1 AND id = $2");
SQL(away, "folder.delete", "DELETE FROM folder WHERE workspace = $1 AND id = $2");
SQL(names, "folder.names", "SELECT name FROM folder WHERE workspace = $1 AND project = $2 LIMIT $3");
SQL(get, "folder.get", "SELECT " COLS " FROM folder WHERE workspace = $1 AND id = $2");
SQL(page, "folder.page", "SELECT " COLS " FROM folder WHERE workspace = $1 AND project = $2 AND id < $3 ORDER BY id DESC LIMIT $4");
SQL(anchor, "folder.anchor", "SELECT 1 FROM folder WHERE workspace = $1 AND id = $2");
SQL(lock, "folder.lock_project", "SELECT 1 FROM project WHERE workspace = $1 AND id = (SELECT project FROM folder WHERE workspace = $1 AND id = $2){for_update}");
SQL(beside, "folder.beside",
    "SELECT " COLS ", EXISTS (SELECT 1 FROM folder b WHERE b.workspace = folder.workspace AND b.project = folder.project AND b.name = $3 AND b.id <> folder.id)"
    " FROM folder WHERE workspace = $1 AND id = $2");
SQL(of, "folder.exists", "SELECT 1 FROM folder WHERE workspace = $1 AND id = $2 AND project = $3");

enum err
folder_insert(struct db *db, workspace_id w, const struct folder *f, struct error *e)
{
	return db_run(db, insert, e, VID(w), VID(f->id), VID(f->project), V(f->name));
}

enum err
folder_rename(struct db *db, workspace_id w, folder_id id, str name, struct error *e)
{
	return db_run(db, rename_it, e, VID(w), VID(id), V(name));
}

enum err
folder_delete(struct db *db, workspace_id w, folder_id id, struct error *e)
{
	return db_run(db, away, e, VID(w), VID(id));
}

enum err
folder_look(struct db *db, workspace_id w, project_id p, str name, int *n, bool *taken, struct error *e)
{
	struct rows r;

	*n = 0;
	*taken = false;
	TRY(db_query(db, names, &r, e, VID(w), VID(p), V(FOLDERS_MAX)));
	for (; db_next(&r); ++*n)
		*taken |= str_eq(db_col(&r, 0).s, name);
	return db_done(&r, e);
}

static const struct miss unknown = { E_NOT_FOUND, NULL, "Folder not found." };

enum err
folder_get(struct db *db, struct arena *a, workspace_id w, folder_id id, struct folder *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, get, &folder_rec, a, ret, &found, e, VID(w), VID(id)));
	return found ? OK : fail(e, unknown.code, NULL, "%s", unknown.detail);
}

enum err
folder_page(struct db *db, workspace_id w, project_id p, folder_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, page, ret, e, VID(w), VID(p), VID(before), V(limit));
}

enum err
folder_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

enum err
folder_of(struct db *db, workspace_id w, project_id p, folder_id id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &of, miss, e, VALS(VID(w), VID(id), VID(p)));
}

enum err
folder_lock(struct db *db, workspace_id w, folder_id id, struct error *e)
{
	return db_must(db, lock, unknown, e, VID(w), VID(id));
}

enum err
folder_beside(struct db *db, struct arena *a, workspace_id w, folder_id id, str name, struct folder *ret, bool *taken, struct error *e)
{
	struct rows r;
	bool found;

	TRY(db_query(db, beside, &r, e, VID(w), VID(id), V(name)));
	if ((found = db_next(&r))) {
		db_scan(&folder_rec, &r, a, ret);
		*taken = db_col(&r, 3).i != 0;
	}
	TRY(db_done(&r, e));
	return found ? OK : fail(e, unknown.code, NULL, "%s", unknown.detail);
}
