/* person -- people and their membership in workspaces.  The only code that names tables person and membership.
 *
 * A person is an account, found by e-mail address, and belongs to any number of workspaces.  What one workspace calls a member is
 * its own: no workspace sees or changes a name that another one gave.
 * A password is kept as its hash (crypto_password_hash).  Setting one ends all sessions; whoever sets one calls auth_bust after the commit.
 * Layer: includes crypto, db, page, words, workspace. */
#ifndef MODEL_PERSON_H
#define MODEL_PERSON_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"
#include "model/workspace.h"

struct person { person_id id; str email, name; int role; };
extern const struct rec person_rec;
struct person_create { str email, name; int role; };
extern const struct rec person_create_rec;
struct person_patch { str name; int role; };
extern const struct rec person_patch_rec;
struct persons_query { struct page_query page; };
extern const struct rec persons_query_rec;

/* Both sides of an @ and nothing that could end a header or a list; E_INVALID_REQUEST of field `email`. */
MUST_USE enum err person_email_ok(str, struct error *);
str	person_email(struct arena *, str);		/* as it is kept: in lower case */

/* Makes the person if the address is new, and the membership; E_CONFLICT when it is a member already. */
MUST_USE enum err person_join(struct db *, struct arena *, workspace_id, const struct person_create *, person_id fresh, struct person *ret, struct error *);
/* The same; *known: somebody has chosen a password for that address before. */
MUST_USE enum err person_join_as(struct db *, struct arena *, workspace_id, const struct person_create *, person_id fresh, struct person *ret, bool *known, struct error *);
MUST_USE enum err person_get(struct db *, struct arena *, workspace_id, person_id, struct person *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err person_update(struct db *, workspace_id, const struct person *, struct error *);
MUST_USE enum err person_rename(struct db *, workspace_id, person_id, str name, struct error *);	/* E_CONFLICT: no member */
MUST_USE enum err person_leave(struct db *, workspace_id, person_id, struct error *);
/* The member, and whether the workspace has an Admin beside it: under workspace_lock.  E_NOT_FOUND */
MUST_USE enum err person_beside(struct db *, struct arena *, workspace_id, person_id, struct person *ret, bool *other_admin, struct error *);
MUST_USE enum err person_page(struct db *, workspace_id, person_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err person_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);

/* --- across workspaces: who signs in --- */

#define PASSWORD_LEAST	10		/* code points */
#define PASSWORD_MOST	256
struct account { person_id id; str email, name, password; int64_t password_at; };	/* password: its hash; absent until one was chosen */
MUST_USE enum err person_by_email(struct db *, struct arena *, str email, struct account *ret, bool *found, struct error *);
MUST_USE enum err person_account(struct db *, struct arena *, person_id, struct account *ret, bool *found, struct error *);
/* The same, held until the transaction ends: what is decided by a password holds until it is written. */
MUST_USE enum err person_account_hold(struct db *, struct arena *, person_id, struct account *ret, bool *found, struct error *);
MUST_USE enum err person_hold(struct db *, struct arena *, str email, struct error *);		/* the account of that address, where there is one */
MUST_USE enum err person_first_password(struct db *, person_id, str hash, int64_t now, struct error *);	/* E_CONFLICT: it has one */
MUST_USE enum err person_password_ok(str, struct error *);		/* E_INVALID_REQUEST of field `password`, with what to do */
MUST_USE enum err person_set_password(struct db *, person_id, str hash, int64_t now, struct error *);	/* E_NOT_FOUND */
/* Workspaces that a person belongs to, the newest first, behind `before` (all Z: from the top). */
struct reach { struct workspace workspace; int role; };
MUST_USE enum err person_reach_page(struct db *, person_id, workspace_id before, int limit, struct rows *ret, struct error *);
void	person_reach_scan(struct rows *, struct arena *, struct reach *ret);
MUST_USE enum err person_workspaces(struct db *, struct arena *, person_id, workspace_id before, int limit, struct reach *ret, int *n, struct error *);
MUST_USE enum err person_role_in(struct db *, person_id, workspace_id, int *role, bool *found, struct error *);
/* The oldest of them: where a session is that names none. */
MUST_USE enum err person_first_workspace(struct db *, person_id, workspace_id *ret, int *role, bool *found, struct error *);
#endif
