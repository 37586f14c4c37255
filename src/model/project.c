#include "model/project.h"

static const struct field fields[] = {
	F_ID  (project, id, project, "id", "id", 0, "The project"),
	F_STR (project, name, "name", "name", 0, 1, 200, "Name; may hold emoji", "Ada Lovelace"),
	F_WORD(project, type, "type", "type", F_GROW, &project_type_words, "A person's profile or a company page", "PERSONAL_BRAND"),
	F_WORD(project, status, "status", "status", F_GROW, &project_status_words, "Clients treat an unknown status as ACTIVE", "ACTIVE"),
	F_STR (project, url, "url", "url", F_NULL, 1, 1024, "LinkedIn URL, if connected", "https://www.linkedin.com/in/ada"),
	F_CREATED(project, id, project, "createdAt", "When it was created"),
};
const struct rec project_rec = REC(project, fields, "A container of content, usually one profile or one company page");
#define COLS "id, name, type, status, url"

/* It is shown as a link: nothing that a browser would run. */
static bool
is_link(str url)
{
	return url.p == NULL || url.n == 0 || str_ieq(str_cut(url, 0, 8), S("https://")) || str_ieq(str_cut(url, 0, 7), S("http://"));
}

static enum err
check_url(str url, struct error *e)
{
	return is_link(url) ? OK : fail(e, E_INVALID_REQUEST, "url", "'url' must begin with https:// or http://.");
}

static enum err check_create(const void *v, struct error *e) { return check_url(((const struct project_create *)v)->url, e); }

static enum err
check_patch(const void *v, struct error *e)
{
	const struct project_patch *p = v;

	if (p->name.p == NULL && p->type == -1 && p->status == -1 && p->url.p == NULL)
		return fail(e, E_INVALID_REQUEST, NULL, "The body changes nothing: give at least one field.");
	return check_url(p->url, e);
}

static const struct field create_fields[] = {
	F_STR (project_create, name, "name", NULL, F_REQ | F_NAME, 1, 200, "Name", "Ada Lovelace"),
	F_WORD(project_create, type, "type", NULL, 0, &project_type_words, "PERSONAL_BRAND when left out", "PERSONAL_BRAND"),
	F_STR (project_create, url, "url", NULL, F_NAME, 1, 1024, "LinkedIn URL", "https://www.linkedin.com/in/ada"),
};
const struct rec project_create_rec = REC_CHECKED(project_create, create_fields, check_create, "A new project");

/* ERROR is what the server says, not what people set; it is the last word of the list. */
_Static_assert(PS_ERROR == PS_COUNT - 1, "settable");
static const char *const settable[] = { "ACTIVE", "PAUSED", "ARCHIVED" };
static const struct words settable_words = { settable, PS_ERROR, 0 };
static const struct field patch_fields[] = {
	F_STR (project_patch, name, "name", NULL, F_KEEP | F_NAME, 1, 200, "Name", "Ada Lovelace"),
	F_WORD(project_patch, type, "type", NULL, F_KEEP, &project_type_words, "A person's profile or a company page", "COMPANY_PAGE"),
	F_WORD(project_patch, status, "status", NULL, F_KEEP, &settable_words, "ARCHIVED projects stay readable", "PAUSED"),
	F_STR (project_patch, url, "url", NULL, F_ERASE | F_NAME, 1, 1024, "LinkedIn URL; null takes it away", "https://www.linkedin.com/in/ada"),
};
const struct rec project_patch_rec = REC_CHECKED(project_patch, patch_fields, check_patch, "A change of a project; what is left out stays");

static const struct field query_fields[] = { PAGE_FIELDS(projects_query) };
const struct rec projects_query_rec = REC(projects_query, query_fields, "Paging of the list of projects");

static const struct field column_fields[] = {
	F_ID  (column, id, status, "id", "id", 0, "The column"),
	F_ID  (column, project, project, "projectId", "project", F_MORE, "Its project"),
	F_STR (column, name, "name", "name", 0, 1, 100, "What the board calls it", "In review"),
	F_WORD(column, category, "category", "category", 0, &category_words, "Its place in the life of a post", "review"),
	F_BOOL(column, is_default, "isDefault", "is_default", 0, "Whether posts that move to the category land here"),
	F_I64 (column, order, "order", "position", 0, 0, INT64_MAX, "Its place on the board, from the left", "2"),
	F_I64 (column, posts, "postCount", "posts", 0, 0, INT64_MAX, "How many posts it holds", "4"),
};
const struct rec column_rec = REC_NAMED(column, "post_status", column_fields, "A column of the board of a project");
static const struct field columns_query_fields[] = {
	PAGE_FIELDS(columns_query),
	F_ID  (columns_query, project, project, "projectId", NULL, 0, "Only columns of this project"),
};
const struct rec columns_query_rec = REC(columns_query, columns_query_fields, "Filters of the list of columns");

SQL(insert, "project.insert", "INSERT INTO project (workspace, id, name, type, status, url) VALUES ($1, $2, $3, $4, $5, $6)");
SQL(get, "project.get", "SELECT " COLS " FROM project WHERE workspace = $1 AND id = $2");
SQL(hold, "project.hold", "SELECT " COLS " FROM project WHERE workspace = $1 AND id = $2{for_update}");
SQL(update, "project.update",
    "UPDATE project SET name = $3, type = $4, status = $5, url = $6, updated_at = $7, version = version + 1 WHERE workspace = $1 AND id = $2");
SQL(exists, "project.exists", "SELECT 1 FROM project WHERE workspace = $1 AND id = $2");
SQL(page, "project.page", "SELECT " COLS " FROM project WHERE workspace = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
SQL(column_insert, "post_status.insert",
    "INSERT INTO post_status (workspace, id, project, name, category, is_default, position) VALUES ($1, $2, $3, $4, $5, 1, $6)");
SQL(column_default, "post_status.of_category",
    "SELECT id FROM post_status WHERE workspace = $1 AND project = $2 AND category = $3 ORDER BY position LIMIT 1");
#define COLUMN	"SELECT id, project, name, category, is_default, position," \
	" CAST((SELECT COALESCE(sum(c.posts), 0) FROM post_count c WHERE c.workspace = post_status.workspace AND c.status_id = post_status.id) AS {i64}) AS posts" \
	" FROM post_status WHERE workspace = $1 AND id < $2"
SQL(columns, "post_status.page", COLUMN " ORDER BY id DESC LIMIT $3");
SQL(columns_of, "post_status.page_project", COLUMN " AND project = $4 ORDER BY id DESC LIMIT $3");
SQL(column_one, "post_status.get", "SELECT category FROM post_status WHERE workspace = $1 AND id = $2 AND project = $3");
SQL(column_seen, "post_status.anchor", "SELECT 1 FROM post_status WHERE workspace = $1 AND id = $2");
SQL(folder_get, "folder.exists", "SELECT 1 FROM folder WHERE workspace = $1 AND id = $2 AND project = $3");

static const struct { str name; int category; } born_with[PROJECT_COLUMNS] = {
	{ S_INIT("Draft"), CAT_DRAFT }, { S_INIT("In progress"), CAT_IN_PROGRESS }, { S_INIT("In review"), CAT_REVIEW },
	{ S_INIT("Scheduled"), CAT_SCHEDULED }, { S_INIT("Published"), CAT_PUBLISHED },
};

enum err
project_insert(struct db *db, workspace_id w, const struct project *p, const status_id ids[PROJECT_COLUMNS], struct error *e)
{
	TRY(db_run(db, insert, e, VID(w), VID(p->id), V(p->name), val_word(&project_type_words, p->type),
	    val_word(&project_status_words, p->status), V(p->url)));
	for (int i = 0; i < PROJECT_COLUMNS; i++)
		TRY(db_run(db, column_insert, e, VID(w), VID(ids[i]), VID(p->id), V(born_with[i].name),
		    val_word(&category_words, born_with[i].category), V(i)));
	return OK;
}

static enum err
one(struct db *db, const struct stmt *q, struct arena *a, workspace_id w, project_id id, struct project *ret, struct error *e)
{
	bool found;

	TRY(db_one_(db, q, &project_rec, a, ret, &found, e, VALS(VID(w), VID(id))));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Project not found.");
}

enum err
project_get(struct db *db, struct arena *a, workspace_id w, project_id id, struct project *ret, struct error *e)
{
	return one(db, &get, a, w, id, ret, e);
}

enum err
project_hold(struct db *db, struct arena *a, workspace_id w, project_id id, struct project *ret, struct error *e)
{
	return one(db, &hold, a, w, id, ret, e);
}

enum err
project_update(struct db *db, workspace_id w, const struct project *p, int64_t now, struct error *e)
{
	return db_run(db, update, e, VID(w), VID(p->id), V(p->name), val_word(&project_type_words, p->type),
	    val_word(&project_status_words, p->status), V(p->url), V(now));
}

enum err
project_anchor(struct db *db, workspace_id w, const ulid *id, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, exists, &r, e, VID(w), val_ulid(id)));
	*found = db_next(&r);
	return db_done(&r, e);
}

enum err
project_exists(struct db *db, workspace_id w, project_id id, struct error *e)
{
	bool found;

	TRY(project_anchor(db, w, &id.u, &found, e));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Project not found.");
}

enum err
project_page(struct db *db, workspace_id w, project_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, page, ret, e, VID(w), VID(before), V(limit));
}

enum err
folder_exists(struct db *db, workspace_id w, project_id p, folder_id id, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, folder_get, &r, e, VID(w), VID(id), VID(p)));
	*found = db_next(&r);
	return db_done(&r, e);
}

enum err
column_of(struct db *db, workspace_id w, project_id p, int category, status_id *ret, struct error *e)
{
	struct rows r;

	*ret = (status_id){ 0 };
	TRY(db_query(db, column_default, &r, e, VID(w), VID(p), val_word(&category_words, category)));
	if (db_next(&r))
		memcpy(ret->u.s, db_col(&r, 0).s.p, 26);
	return db_done(&r, e);
}

enum err
column_page(struct db *db, workspace_id w, project_id p, status_id before, int limit, struct rows *ret, struct error *e)
{
	if (id_set(p))
		return db_query(db, columns_of, ret, e, VID(w), VID(before), V(limit), VID(p));
	return db_query(db, columns, ret, e, VID(w), VID(before), V(limit));
}

enum err
column_anchor(struct db *db, workspace_id w, const ulid *id, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, column_seen, &r, e, VID(w), val_ulid(id)));
	*found = db_next(&r);
	return db_done(&r, e);
}

enum err
column_get(struct db *db, workspace_id w, project_id p, status_id id, int *ret_category, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, column_one, &r, e, VID(w), VID(id), VID(p)));
	if ((*found = db_next(&r)))
		db_val_word(&category_words, db_col(&r, 0), ret_category);
	return db_done(&r, e);
}
