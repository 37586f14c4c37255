#include "model/column.h"

static const struct field fields[] = {
	F_ID  (column, id, status, "id", "id", 0, "The column"),
	F_ID  (column, project, project, "projectId", "project", F_MORE, "Its project"),
	F_STR (column, name, "name", "name", 0, 1, 100, "What the board calls it", "In review"),
	F_WORD(column, category, "category", "category", 0, &category_words, "Its place in the life of a post", "review"),
	F_BOOL(column, is_default, "isDefault", "is_default", 0, "Whether posts that move to the category land here"),
	F_I64 (column, order, "order", "position", 0, 0, INT64_MAX, "Its place on the board, from the left", "2"),
	F_I64 (column, posts, "postCount", "posts", 0, 0, INT64_MAX, "How many posts it holds", "4"),
};
const struct rec column_rec = REC_NAMED(column, "post_status", fields, "A column of the board of a project");

static enum err
check_create(const void *v, struct error *e)
{
	if (((const struct column_create *)v)->category == CAT_SUGGESTED)
		return fail(e, E_INVALID_REQUEST, "category", "What is suggested has no column: 'category' must be another one.");
	return OK;
}

static const struct field create_fields[] = {
	F_ID  (column_create, project, project, "projectId", NULL, F_REQ, "The project whose board gets it"),
	F_STR (column_create, name, "name", NULL, F_REQ | F_NAME, 1, 100, "What the board calls it; no two columns of a project have the same name", "In translation"),
	F_WORD(column_create, category, "category", NULL, F_REQ, &category_words, "Its place in the life of a post, for good; not `suggested`", "inProgress"),
	F_BOOL(column_create, is_default, "isDefault", NULL, 0, "Whether posts that move to the category land here from now on, and no longer in the default that was"),
	F_I64 (column_create, order, "order", NULL, F_NULL, 0, INT64_MAX, "Its place on the board, from the left, 0 is the first; the last one when left out", "2"),
};
const struct rec column_create_rec = REC_NAMED_CHECKED(column_create, "post_status_create", create_fields, check_create, "A new column");

static enum err
check_patch(const void *v, struct error *e)
{
	const struct column_patch *p = v;

	if (p->name.p == NULL && p->is_default < 0 && p->order == INT_NONE)
		return fail(e, E_INVALID_REQUEST, NULL, "The body changes nothing: give at least one field.");
	return OK;
}

static const struct field patch_fields[] = {
	F_STR  (column_patch, name, "name", NULL, F_KEEP | F_NAME, 1, 100, "What the board calls it", "In translation"),
	F_MAYBE(column_patch, is_default, "isDefault", F_KEEP, "true makes it the default of its category; a default ends only by another one"),
	F_I64  (column_patch, order, "order", NULL, F_KEEP | F_NULL, 0, INT64_MAX, "Its place on the board, from the left; the others make room", "2"),
};
const struct rec column_patch_rec = REC_NAMED_CHECKED(column_patch, "post_status_patch", patch_fields, check_patch, "A change of a column; what is left out stays");

static const struct field query_fields[] = {
	PAGE_FIELDS(columns_query),
	F_ID  (columns_query, project, project, "projectId", NULL, 0, "Only columns of this project"),
};
const struct rec columns_query_rec = REC(columns_query, query_fields, "Filters of the list of columns");

SQL(insert, "post_status.insert",
    "INSERT INTO post_status (workspace, id, project, name, category, is_default, position) VALUES ($1, $2, $3, $4, $5, $6, $7)");
SQL(update, "post_status.update", "UPDATE post_status SET name = $3, is_default = $4, position = $5 WHERE workspace = $1 AND id = $2");
SQL(away, "post_status.delete", "DELETE FROM post_status WHERE workspace = $1 AND id = $2");
SQL(of_category, "post_status.of_category",
    "SELECT id FROM post_status WHERE workspace = $1 AND project = $2 AND category = $3 AND is_default = 1");
#define COUNTED	"SELECT id, project, name, category, is_default, position," \
	" CAST((SELECT COALESCE(sum(c.posts), 0) FROM post_count c WHERE c.workspace = post_status.workspace AND c.status_id = post_status.id) AS {i64}) AS posts" \
	" FROM post_status WHERE workspace = $1"
SQL(page, "post_status.page", COUNTED " AND id < $2 ORDER BY id DESC LIMIT $3");
SQL(page_of, "post_status.page_project", COUNTED " AND id < $2 AND project = $4 ORDER BY id DESC LIMIT $3");
SQL(whole, "post_status.by_id", COUNTED " AND id = $2");
SQL(all, "post_status.all", COUNTED " AND project = $2 ORDER BY position LIMIT $3");
SQL(around, "post_status.around", COUNTED " AND project = (SELECT o.project FROM post_status o WHERE o.workspace = $1 AND o.id = $2) ORDER BY position LIMIT $3");
SQL(lock, "post_status.lock_project",
    "SELECT 1 FROM project WHERE workspace = $1 AND id = (SELECT project FROM post_status WHERE workspace = $1 AND id = $2){for_update}");
SQL(anchor, "post_status.anchor", "SELECT 1 FROM post_status WHERE workspace = $1 AND id = $2");

enum err
columns_of_birth(struct db *db, workspace_id w, project_id p, const status_id ids[PROJECT_COLUMNS], struct error *e)
{
	static const struct { str name; int category; } born[PROJECT_COLUMNS] = {
		{ S_INIT("Draft"), CAT_DRAFT }, { S_INIT("In progress"), CAT_IN_PROGRESS }, { S_INIT("In review"), CAT_REVIEW },
		{ S_INIT("Scheduled"), CAT_SCHEDULED }, { S_INIT("Published"), CAT_PUBLISHED },
	};

	for (int i = 0; i < PROJECT_COLUMNS; i++)
		TRY(column_insert(db, w, &(struct column){ ids[i], p, born[i].name, born[i].category, true, i, 0 }, e));
	return OK;
}

enum err
column_insert(struct db *db, workspace_id w, const struct column *c, struct error *e)
{
	return db_run(db, insert, e, VID(w), VID(c->id), VID(c->project), V(c->name), val_word(&category_words, c->category),
	    val_bool(c->is_default), V(c->order));
}

enum err
column_update(struct db *db, workspace_id w, const struct column *c, struct error *e)
{
	return db_run(db, update, e, VID(w), VID(c->id), V(c->name), val_bool(c->is_default), V(c->order));
}

enum err
column_delete(struct db *db, workspace_id w, status_id id, struct error *e)
{
	return db_run(db, away, e, VID(w), VID(id));
}

static enum err
board(struct db *db, const struct stmt *q, struct arena *a, workspace_id w, const ulid *id, struct column ret[COLUMNS_MAX], int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(db_query_(db, q, &r, e, VALS(VID(w), val_ulid(id), V(COLUMNS_MAX))));
	while (*n < COLUMNS_MAX && db_next(&r))
		db_scan(&column_rec, &r, a, &ret[(*n)++]);
	return db_done(&r, e);
}

enum err
column_all(struct db *db, struct arena *a, workspace_id w, project_id p, struct column ret[COLUMNS_MAX], int *n, struct error *e)
{
	return board(db, &all, a, w, &p.u, ret, n, e);
}

enum err
column_around(struct db *db, struct arena *a, workspace_id w, status_id id, struct column ret[COLUMNS_MAX], int *n, struct error *e)
{
	return board(db, &around, a, w, &id.u, ret, n, e);
}

static const struct miss unknown = { E_NOT_FOUND, NULL, "Post status not found." };

enum err
column_lock(struct db *db, workspace_id w, status_id id, struct error *e)
{
	return db_must(db, lock, unknown, e, VID(w), VID(id));
}

enum err
column_page(struct db *db, workspace_id w, project_id p, status_id before, int limit, struct rows *ret, struct error *e)
{
	if (id_set(p))
		return db_query(db, page_of, ret, e, VID(w), VID(before), V(limit), VID(p));
	return db_query(db, page, ret, e, VID(w), VID(before), V(limit));
}

enum err
column_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

enum err
column_by_id(struct db *db, struct arena *a, workspace_id w, status_id id, struct column *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, whole, &column_rec, a, ret, &found, e, VID(w), VID(id)));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Post status not found.");
}

enum err
column_of(struct db *db, workspace_id w, project_id p, int category, status_id *ret, struct error *e)
{
	struct rows r;

	*ret = (status_id){ 0 };
	TRY(db_query(db, of_category, &r, e, VID(w), VID(p), val_word(&category_words, category)));
	if (db_next(&r))
		memcpy(ret->u.s, db_col(&r, 0).s.p, 26);
	return db_done(&r, e);
}
