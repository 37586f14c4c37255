/* folder -- folders of notes.  The only code that writes table folder.
 *
 * Under project_hold: no two folders of a project have the same name, and there are at most FOLDERS_MAX.
 * Layer: includes db, page, words. */
#ifndef MODEL_FOLDER_H
#define MODEL_FOLDER_H
#include "db/db.h"
#include "model/page.h"

#define FOLDERS_MAX	100

struct folder { folder_id id; project_id project; str name; };
extern const struct rec folder_rec;
struct folder_create { project_id project; str name; };
extern const struct rec folder_create_rec;
struct folder_patch { str name; };
extern const struct rec folder_patch_rec;
struct folders_query { struct page_query page; project_id project; };
extern const struct rec folders_query_rec;

MUST_USE enum err folder_insert(struct db *, workspace_id, const struct folder *, struct error *);
MUST_USE enum err folder_rename(struct db *, workspace_id, folder_id, str name, struct error *);
MUST_USE enum err folder_delete(struct db *, workspace_id, folder_id, struct error *);
/* How many the project has, and whether one has this name. */
MUST_USE enum err folder_look(struct db *, workspace_id, project_id, str name, int *n, bool *taken, struct error *);
MUST_USE enum err folder_get(struct db *, struct arena *, workspace_id, folder_id, struct folder *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err folder_page(struct db *, workspace_id, project_id, folder_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err folder_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
/* A miss unless the project has it. */
MUST_USE enum err folder_of(struct db *, workspace_id, project_id, folder_id, const struct miss *, struct error *);
/* Its project is held until the transaction ends; a miss: folder not found. */
MUST_USE enum err folder_lock(struct db *, workspace_id, folder_id, struct error *);
/* The folder, and whether another one of its project has this name; E_NOT_FOUND. */
MUST_USE enum err folder_beside(struct db *, struct arena *, workspace_id, folder_id, str name, struct folder *ret, bool *taken, struct error *);
#endif
