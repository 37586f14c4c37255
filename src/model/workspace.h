/* workspace -- the tenant and its spend.  The only code that names tables workspace and spend.
 * Layer: includes db, words. */
#ifndef MODEL_WORKSPACE_H
#define MODEL_WORKSPACE_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

struct features { bool api_access, amplifiers, engagement; };
struct workspace {
	workspace_id id;
	str name;
	int plan, subscription;
	struct features features;	/* api_access follows from the plan: workspace_ready */
};
extern const struct rec workspace_rec;
struct workspaces_query { struct page_query page; };
extern const struct rec workspaces_query_rec;
struct workspace_create { str name; int plan; };
extern const struct rec workspace_create_rec;
struct workspace_patch { str name; };
extern const struct rec workspace_patch_rec;

bool	workspace_api_access(const struct workspace *);	/* the plan gate of contract 3 and 12.3 */
MUST_USE enum err workspace_insert(struct db *, const struct workspace *, struct error *);
MUST_USE enum err workspace_get(struct db *, struct arena *, workspace_id, struct workspace *ret, struct error *);	/* E_NOT_FOUND */
/* Held until the transaction ends: what changes its people takes turns.  A miss: not found. */
MUST_USE enum err workspace_lock(struct db *, workspace_id, struct error *);
MUST_USE enum err workspace_rename(struct db *, workspace_id, str name, int64_t now, struct error *);
MUST_USE enum err workspace_page(struct db *, struct arena *, workspace_id before, int limit, struct workspace *ret, int *n, struct error *);
MUST_USE enum err workspace_set_plan(struct db *, workspace_id, int plan, int64_t now, struct error *);

/* Spend of a UTC day (contract 7.6).  reserved in cents, spent in millionths of a cent. */
#define CENT		INT64_C(1000000)
#define CAP_NONE	INT64_C(-1)
int64_t	workspace_cap_cents(const struct workspace *);	/* CAP_NONE: unlimited */
struct spend_sum { int64_t reserved_cents, spent_cents; };		/* spent: rounded up */
/* The spend of a day with the plan of its workspace, held until the transaction ends; then so much of it is reserved. */
struct spend_held { struct workspace workspace; int64_t now; struct spend_sum sum; };
MUST_USE enum err spend_hold(struct db *, workspace_id, int64_t now, struct spend_held *ret, struct error *);
MUST_USE enum err spend_take(struct db *, struct arena *, struct spend_held *, int64_t cents, struct error *);
/* Both.  Reserves `cents`, or E_SPEND_CAP_EXCEEDED with the figures in e->extra (arena). */
MUST_USE enum err spend_reserve(struct db *, struct arena *, const struct workspace *, int64_t now, int64_t cents, struct error *);
struct spend_day { int64_t day; struct spend_sum sum; };		/* day: number of days since 1970 */
MUST_USE enum err spend_of_day(struct db *, workspace_id, int64_t now, struct spend_sum *ret, struct error *);
/* The days of [from, to] that have any, and that of `now`, asked for; and heard. */
MUST_USE enum err spend_ask(struct db *, workspace_id, int64_t from, int64_t to, int64_t now, struct rows *ret, struct error *);
MUST_USE enum err spend_days(struct rows *, int most, struct spend_day *ret, int *n, struct spend_sum *today, struct error *);
/* Gives a reservation of day `day` back and books what it really cost. */
MUST_USE enum err spend_settle(struct db *, workspace_id, int64_t reserved_at, int64_t cents, int64_t cost, struct error *);
#endif
