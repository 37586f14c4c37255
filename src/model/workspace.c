#include "model/workspace.h"

static const struct field feature_fields[] = {
	F_BOOL(features, api_access, "apiAccess", NULL, 0, "Whether the plan opens the API"),
	F_BOOL(features, amplifiers, "amplifiers", "amplifiers", 0, "Whether colleagues can amplify posts"),
	F_BOOL(features, engagement, "engagementAutomation", "engagement", 0, "Whether team engagement runs by itself"),
};
static const struct rec features_rec = REC(features, feature_fields, "What the plan of the workspace includes");

static const struct field fields[] = {
	F_ID  (workspace, id, workspace, "id", "id", 0, "Stable for the life of the workspace"),
	F_STR (workspace, name, "name", "name", F_NULL, 1, 200, "Name of the workspace", "Acme Corp"),
	F_WORD(workspace, plan, "plan", "plan", 0, &plan_words, "Plan", "ENTERPRISE"),
	F_WORD(workspace, subscription, "subscription", "subscription", F_HIDE, &subscription_words, "State of the subscription", NULL),
	F_REC (workspace, features, struct features, "features", "", 0, &features_rec, "Feature flags"),
};
const struct rec workspace_rec = REC(workspace, fields, "The tenant: every read returns only data of the active workspace");
#define COLS "id, name, plan, subscription, amplifiers, engagement"

static const struct field query_fields[] = { PAGE_FIELDS(workspaces_query) };
const struct rec workspaces_query_rec = REC(workspaces_query, query_fields, "Paging of the list of workspaces");

static const struct field create_fields[] = {
	F_STR (workspace_create, name, "name", NULL, F_REQ, 1, 200, "Name of the workspace", "Acme Corp"),
	F_WORD(workspace_create, plan, "plan", NULL, 0, &plan_words, "Plan; ENTERPRISE when left out", "ENTERPRISE"),
};
const struct rec workspace_create_rec = REC(workspace_create, create_fields, "A new workspace");

static const struct field patch_fields[] = {
	F_STR(workspace_patch, name, "name", NULL, F_REQ | F_NAME, 1, 200, "Name of the workspace", "Acme Corp"),
};
const struct rec workspace_patch_rec = REC(workspace_patch, patch_fields, "A change of a workspace");

/* What each plan opens, and its AI-spend cap in cents a day (contract 7.6, 12.2, 12.3). */
static const struct { bool api; int64_t cap; } plans[PLAN_COUNT] = {
	[PLAN_FREE] = { false, 0 }, [PLAN_SOLO] = { false, 500 }, [PLAN_TRIAL] = { true, 500 },
	[PLAN_ADVANCED] = { true, 2000 }, [PLAN_BUSINESS] = { true, 5000 }, [PLAN_ENTERPRISE] = { true, CAP_NONE },
};

bool
workspace_api_access(const struct workspace *w)
{
	return w->plan >= 0 && plans[w->plan].api && (w->subscription == SUB_ACTIVE || w->subscription == SUB_TRIALING);
}

int64_t workspace_cap_cents(const struct workspace *w) { return w->plan >= 0 ? plans[w->plan].cap : 0; }

SQL(insert, "workspace.insert",
    "INSERT INTO workspace (id, name, plan, subscription) VALUES ($1, $2, $3, $4)");
SQL(get, "workspace.get", "SELECT " COLS " FROM workspace WHERE id = $1");
SQL(page, "workspace.page", "SELECT " COLS " FROM workspace WHERE id < $1 ORDER BY id DESC LIMIT $2");
SQL(lock, "workspace.lock", "SELECT 1 FROM workspace WHERE id = $1{for_update}");
SQL(rename_it, "workspace.rename", "UPDATE workspace SET name = $2, updated_at = $3 WHERE id = $1");
SQL(set_plan, "workspace.set_plan", "UPDATE workspace SET plan = $2, updated_at = $3 WHERE id = $1");

enum err
workspace_insert(struct db *db, const struct workspace *w, struct error *e)
{
	return db_run(db, insert, e, VID(w->id), V(w->name), val_word(&plan_words, w->plan), val_word(&subscription_words, w->subscription));
}

enum err
workspace_get(struct db *db, struct arena *a, workspace_id id, struct workspace *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, get, &workspace_rec, a, ret, &found, e, VID(id)));
	if (!found)
		return fail(e, E_NOT_FOUND, NULL, "Workspace not found.");
	ret->features.api_access = workspace_api_access(ret);
	return OK;
}

static const struct miss unknown = { E_NOT_FOUND, NULL, "Workspace not found." };

enum err
workspace_lock(struct db *db, workspace_id id, struct error *e)
{
	return db_must(db, lock, unknown, e, VID(id));
}

enum err
workspace_rename(struct db *db, workspace_id id, str name, int64_t now, struct error *e)
{
	return db_run(db, rename_it, e, VID(id), V(name), V(now));
}

enum err
workspace_page(struct db *db, struct arena *a, workspace_id before, int limit, struct workspace *ret, int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(db_query(db, page, &r, e, VID(before), V(limit)));
	while (*n < limit && db_next(&r)) {
		db_scan(&workspace_rec, &r, a, &ret[*n]);
		ret[*n].features.api_access = workspace_api_access(&ret[*n]);
		++*n;
	}
	return db_done(&r, e);
}

enum err
workspace_set_plan(struct db *db, workspace_id id, int plan, int64_t now, struct error *e)
{
	return db_must(db, set_plan, unknown, e, VID(id), val_word(&plan_words, plan), V(now));
}

/* --- spend --- */

/* It is written, so that two reservations of one day meet on it and neither reads a stale sum. */
SQL(spend_touch, "spend.touch",
    "INSERT INTO spend (workspace, day, reserved, spent) VALUES ($1, $2, 0, 0) ON CONFLICT (workspace, day) DO UPDATE SET reserved = spend.reserved"
    " RETURNING reserved, spent, (SELECT plan FROM workspace WHERE id = $1)");
SQL(spend_move, "spend.move",
    "INSERT INTO spend (workspace, day, reserved, spent) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (workspace, day) DO UPDATE SET reserved = spend.reserved + $3, spent = spend.spent + $4");

static int64_t day_of(int64_t ms) { return ms / DAY_MS; }
static struct spend_sum sum_at(struct rows *r, int i) { return (struct spend_sum){ db_col(r, i).i, (db_col(r, i + 1).i + CENT - 1) / CENT }; }

enum err
spend_hold(struct db *db, workspace_id w, int64_t now, struct spend_held *ret, struct error *e)
{
	struct rows r;

	*ret = (struct spend_held){ .workspace = { .id = w }, .now = now };
	TRY(db_query(db, spend_touch, &r, e, VID(w), V(day_of(now))));
	if (db_next(&r)) {
		ret->sum = sum_at(&r, 0);
		db_val_word(&plan_words, db_col(&r, 2), &ret->workspace.plan);
	}
	return db_done(&r, e);
}

enum err
spend_take(struct db *db, struct arena *a, struct spend_held *h, int64_t cents, struct error *e)
{
	int64_t cap = workspace_cap_cents(&h->workspace), used = h->sum.reserved_cents + h->sum.spent_cents;
	char date[TIME_LEN];

	if (cap == CAP_NONE || used + cents <= cap) {
		h->sum.reserved_cents += cents;
		return cents == 0 ? OK : db_run(db, spend_move, e, VID(h->workspace.id), V(day_of(h->now)), V(cents), V(0));
	}
	time_write(date, h->now);
	enum err code = fail(e, E_SPEND_CAP_EXCEEDED, NULL, "Daily AI spend cap reached (%lld¢ of %lld¢). Resets at 00:00 UTC.",
	    (long long)used, (long long)cap);
	e->extra = str_fmt(a, "{\"bucketDate\":\"%.10s\",\"capCents\":%lld,\"spentCents\":%lld,\"estimateCents\":%lld}",
	    date, (long long)cap, (long long)used, (long long)cents);
	return code;
}

enum err
spend_reserve(struct db *db, struct arena *a, const struct workspace *w, int64_t now, int64_t cents, struct error *e)
{
	struct spend_held h;

	if (cents == 0)
		return OK;
	TRY(spend_hold(db, w->id, now, &h, e));
	h.workspace.plan = w->plan;
	return spend_take(db, a, &h, cents, e);
}

enum err
spend_settle(struct db *db, workspace_id w, int64_t reserved_at, int64_t cents, int64_t cost, struct error *e)
{
	int64_t day = day_of(reserved_at);

	if (cents == 0 && cost == 0)
		return OK;
	return db_run(db, spend_move, e, VID(w), V(day), V(-cents), V(cost));
}

SQL(spend_range, "spend.range",
    "SELECT 0, day, reserved, spent FROM spend WHERE workspace = $1 AND day >= $2 AND day <= $3"
    " UNION ALL SELECT 1, day, reserved, spent FROM spend WHERE workspace = $1 AND day = $4");
SQL(spend_on, "spend.day", "SELECT reserved, spent FROM spend WHERE workspace = $1 AND day = $2");

enum err
spend_ask(struct db *db, workspace_id w, int64_t from, int64_t to, int64_t now, struct rows *ret, struct error *e)
{
	return db_ask(db, spend_range, ret, e, VID(w), V(from), V(to), V(day_of(now)));
}

enum err
spend_days(struct rows *r, int most, struct spend_day *ret, int *n, struct spend_sum *today, struct error *e)
{
	*n = 0;
	while (db_next(r)) {
		if (db_col(r, 0).i != 0)
			*today = sum_at(r, 2);
		else if (*n < most)
			ret[(*n)++] = (struct spend_day){ db_col(r, 1).i, sum_at(r, 2) };
	}
	return db_done(r, e);
}

enum err
spend_of_day(struct db *db, workspace_id w, int64_t now, struct spend_sum *ret, struct error *e)
{
	struct rows r;

	*ret = (struct spend_sum){ 0 };
	TRY(db_query(db, spend_on, &r, e, VID(w), V(day_of(now))));
	if (db_next(&r))
		*ret = sum_at(&r, 0);
	return db_done(&r, e);
}
