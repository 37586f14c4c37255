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

SQL(insert, "project.insert", "INSERT INTO project (workspace, id, name, type, status, url) VALUES ($1, $2, $3, $4, $5, $6)");
SQL(get, "project.get", "SELECT " COLS " FROM project WHERE workspace = $1 AND id = $2");
SQL(hold, "project.hold", "SELECT " COLS " FROM project WHERE workspace = $1 AND id = $2{for_update}");
SQL(lock, "project.lock", "SELECT 1 FROM project WHERE workspace = $1 AND id = $2{for_update}");
SQL(update, "project.update",
    "UPDATE project SET name = $3, type = $4, status = $5, url = $6, updated_at = $7, version = version + 1 WHERE workspace = $1 AND id = $2");
SQL(exists, "project.exists", "SELECT 1 FROM project WHERE workspace = $1 AND id = $2");
SQL(page, "project.page", "SELECT " COLS " FROM project WHERE workspace = $1 AND id < $2 ORDER BY id DESC LIMIT $3");

enum err
project_insert(struct db *db, workspace_id w, const struct project *p, const status_id ids[PROJECT_COLUMNS], struct error *e)
{
	TRY(db_run(db, insert, e, VID(w), VID(p->id), V(p->name), val_word(&project_type_words, p->type),
	    val_word(&project_status_words, p->status), V(p->url)));
	return columns_of_birth(db, w, p->id, ids, e);
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
project_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &exists, miss, e, VALS(VID(w), val_ulid(id)));
}

static const struct miss unknown = { E_NOT_FOUND, NULL, "Project not found." };

enum err
project_exists(struct db *db, workspace_id w, project_id id, struct error *e)
{
	return project_anchor(db, w, &id.u, &unknown, e);
}

enum err
project_there(struct db *db, workspace_id w, project_id id, bool *found, struct error *e)
{
	return db_any(db, exists, found, e, VID(w), VID(id));
}

enum err
project_lock(struct db *db, workspace_id w, project_id id, struct error *e)
{
	return db_must(db, lock, unknown, e, VID(w), VID(id));
}

enum err
project_page(struct db *db, workspace_id w, project_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, page, ret, e, VID(w), VID(before), V(limit));
}
