/* person -- people and their membership in workspaces.  The only code that names tables person and membership.
 *
 * A person is an account, found by e-mail address, and belongs to any number of workspaces.  What one workspace calls a member is
 * its own: no workspace sees or changes a name that another one gave.
 * Layer: includes db, page, words. */
#ifndef MODEL_PERSON_H
#define MODEL_PERSON_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

struct person { person_id id; str email, name; int role; };
extern const struct rec person_rec;
struct person_create { str email, name; int role; };
extern const struct rec person_create_rec;
struct person_patch { str name; int role; };
extern const struct rec person_patch_rec;
struct persons_query { struct page_query page; };
extern const struct rec persons_query_rec;

/* Makes the person if the address is new, and the membership; E_CONFLICT when it is a member already. */
MUST_USE enum err person_join(struct db *, struct arena *, workspace_id, const struct person_create *, person_id fresh, struct person *ret, struct error *);
MUST_USE enum err person_get(struct db *, struct arena *, workspace_id, person_id, struct person *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err person_update(struct db *, workspace_id, const struct person *, struct error *);
MUST_USE enum err person_leave(struct db *, workspace_id, person_id, struct error *);
/* Whether the workspace has an Admin beside this one; under workspace_hold. */
MUST_USE enum err person_other_admin(struct db *, workspace_id, person_id, bool *ret, struct error *);
MUST_USE enum err person_page(struct db *, workspace_id, person_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err person_anchor(struct db *, workspace_id, const ulid *, bool *found, struct error *);
#endif
