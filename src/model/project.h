/* project -- a container of content.  The only code that names table project.
 * Layer: includes db, words. */
#ifndef MODEL_PROJECT_H
#define MODEL_PROJECT_H
#include "db/db.h"
#include "model/column.h"
#include "model/page.h"
#include "model/words.h"

struct project { project_id id; str name; int type, status; str url; };
extern const struct rec project_rec;
struct projects_query { struct page_query page; };
extern const struct rec projects_query_rec;
struct project_create { str name; int type; str url; };
extern const struct rec project_create_rec;
/* A change: what is absent stays; an empty url is taken away. */
struct project_patch { str name; int type, status; str url; };
extern const struct rec project_patch_rec;

/* The project, and one column per category (contract 12.2); ids[] names the five columns. */
MUST_USE enum err project_insert(struct db *, workspace_id, const struct project *, const status_id ids[PROJECT_COLUMNS], struct error *);
MUST_USE enum err project_get(struct db *, struct arena *, workspace_id, project_id, struct project *ret, struct error *);	/* E_NOT_FOUND */
/* The same, held until the transaction ends: what changes its folders and columns takes turns. */
MUST_USE enum err project_hold(struct db *, struct arena *, workspace_id, project_id, struct project *ret, struct error *);
MUST_USE enum err project_update(struct db *, workspace_id, const struct project *, int64_t now, struct error *);
MUST_USE enum err project_exists(struct db *, workspace_id, project_id, struct error *);	/* a miss: not found */
MUST_USE enum err project_lock(struct db *, workspace_id, project_id, struct error *);		/* project_hold for who needs nothing of it; a miss: not found */
MUST_USE enum err project_there(struct db *, workspace_id, project_id, bool *found, struct error *);
MUST_USE enum err project_page(struct db *, workspace_id, project_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err project_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
#endif
