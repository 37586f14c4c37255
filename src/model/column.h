/* column -- the columns of a project's board.  The only code that writes table post_status.
 *
 * What stays true, whoever changes what under project_hold: each category of a project has exactly one default column; `order`
 * counts the columns of a project from 0 without a gap; no two have the same name; there are at most COLUMNS_MAX.
 * Layer: includes db, page, words. */
#ifndef MODEL_COLUMN_H
#define MODEL_COLUMN_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

#define COLUMNS_MAX	100

struct column { status_id id; project_id project; str name; int category; bool is_default; int64_t order, posts; };
extern const struct rec column_rec;
struct column_create { project_id project; str name; int category; bool is_default; int64_t order; };
extern const struct rec column_create_rec;
/* A change: what is absent stays. */
struct column_patch { str name; int is_default; int64_t order; };
extern const struct rec column_patch_rec;
struct columns_query { struct page_query page; project_id project; };
extern const struct rec columns_query_rec;

/* The five that a project is born with, one per category that has columns (contract 12.2). */
#define PROJECT_COLUMNS	5
MUST_USE enum err columns_of_birth(struct db *, workspace_id, project_id, const status_id ids[PROJECT_COLUMNS], struct error *);
MUST_USE enum err column_insert(struct db *, workspace_id, const struct column *, struct error *);
MUST_USE enum err column_update(struct db *, workspace_id, const struct column *, struct error *);	/* name, default, order */
MUST_USE enum err column_delete(struct db *, workspace_id, status_id, struct error *);
/* The column's project is held until the transaction ends; a miss: post status not found. */
MUST_USE enum err column_lock(struct db *, workspace_id, status_id, struct error *);
/* All of a project in their order, *n at most COLUMNS_MAX; and all of the project of this one, none where it is not there. */
MUST_USE enum err column_all(struct db *, struct arena *, workspace_id, project_id, struct column ret[COLUMNS_MAX], int *n, struct error *);
MUST_USE enum err column_around(struct db *, struct arena *, workspace_id, status_id, struct column ret[COLUMNS_MAX], int *n, struct error *);
MUST_USE enum err column_page(struct db *, workspace_id, project_id, status_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err column_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
MUST_USE enum err column_by_id(struct db *, struct arena *, workspace_id, status_id, struct column *ret, struct error *);	/* E_NOT_FOUND */
/* The default column of a category; absent where there is none. */
MUST_USE enum err column_of(struct db *, workspace_id, project_id, int category, status_id *ret, struct error *);
#endif
