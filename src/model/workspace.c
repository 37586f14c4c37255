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
	TRY(db_run(db, set_plan, e, VID(id), val_word(&plan_words, plan), V(now)));
	return db->ops->changes(db) == 1 ? OK : fail(e, E_NOT_FOUND, NULL, "Workspace not found.");
}

/* A caller's list holds what it can reach: of a key, its own workspace. */
enum err
workspace_anchor(struct db *db, workspace_id w, const ulid *id, bool *found, struct error *e)
{
	(void)db, (void)e;
	*found = memcmp(w.u.s, id->s, 26) == 0;
	return OK;
}

/* --- people --- */

static const struct field person_fields[] = {
	F_ID  (person, id, person, "id", "id", 0, "The user"),
	F_STR (person, email, "email", "email", 0, 3, 254, "E-mail address, in lower case", "ada@example.com"),
	F_STR (person, name, "name", "name", 0, 1, 200, "Name", "Ada"),
	F_WORD(person, role, "role", "role", 0, &role_words, "Role in the workspace", "Admin"),
};
const struct rec person_rec = REC(person, person_fields, "A member of a workspace");

static enum err
check_person(const void *v, struct error *e)
{
	const struct person_create *c = v;
	const char *at = memchr(c->email.p, '@', c->email.n);

	if (at == NULL || at == c->email.p || at + 1 == c->email.p + c->email.n)
		return fail(e, E_INVALID_REQUEST, "email", "'email' must be an e-mail address, such as ada@example.com.");
	return OK;
}

static const struct field person_create_fields[] = {
	F_ID  (person_create, workspace, workspace, "workspace", NULL, F_REQ, "The workspace to join"),
	F_STR (person_create, email, "email", NULL, F_REQ, 3, 254, "E-mail address", "ada@example.com"),
	F_STR (person_create, name, "name", NULL, F_REQ, 1, 200, "Name", "Ada"),
	F_WORD(person_create, role, "role", NULL, 0, &role_words, "Role; Admin when left out", "Admin"),
};
const struct rec person_create_rec = REC_CHECKED(person_create, person_create_fields, check_person, "A new member");

SQL(person_insert, "person.insert", "INSERT INTO person (id, email, name) VALUES ($1, $2, $3) ON CONFLICT (email) DO NOTHING");
SQL(person_by_email, "person.by_email", "SELECT id FROM person WHERE email = $1");
SQL(member_put, "membership.put",
    "INSERT INTO membership (workspace, person, role) VALUES ($1, $2, $3) ON CONFLICT (workspace, person) DO UPDATE SET role = $3");
SQL(member_get, "membership.get",
    "SELECT p.id, p.email, p.name, m.role FROM membership m JOIN person p ON p.id = m.person WHERE m.workspace = $1 AND m.person = $2");
SQL(member_list, "membership.list",
    "SELECT p.id, p.email, p.name, m.role FROM membership m JOIN person p ON p.id = m.person WHERE m.workspace = $1 ORDER BY m.person DESC LIMIT $2");

static str
lower_case(struct arena *a, str s)
{
	char *p = arena_raw(a, s.n + 1);

	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	p[s.n] = '\0';
	return (str){ p, s.n };
}

enum err
person_join(struct db *db, struct arena *a, const struct person_create *c, person_id fresh, struct person *ret, struct error *e)
{
	str email = lower_case(a, c->email);
	struct rows r;
	bool found;

	TRY(db_run(db, person_insert, e, VID(fresh), V(email), V(c->name)));
	TRY(db_query(db, person_by_email, &r, e, V(email)));
	if (db_next(&r))
		memcpy(fresh.u.s, db_col(&r, 0).s.p, 26);
	TRY(db_done(&r, e));
	TRY(db_run(db, member_put, e, VID(c->workspace), VID(fresh), val_word(&role_words, c->role >= 0 ? c->role : ROLE_ADMIN)));
	return db_one(db, member_get, &person_rec, a, ret, &found, e, VID(c->workspace), VID(fresh));
}

enum err
person_list(struct db *db, struct arena *a, workspace_id w, int limit, struct person *ret, int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(db_query(db, member_list, &r, e, VID(w), V(limit)));
	while (*n < limit && db_next(&r))
		db_scan(&person_rec, &r, a, &ret[(*n)++]);
	return db_done(&r, e);
}

/* --- spend --- */

/* The row first, so that two reservations of one day meet on it and neither reads a stale sum. */
SQL(spend_touch, "spend.touch",
    "INSERT INTO spend (workspace, day, reserved, spent) VALUES ($1, $2, 0, 0) ON CONFLICT (workspace, day) DO UPDATE SET reserved = spend.reserved");
SQL(spend_get, "spend.get", "SELECT reserved, spent FROM spend WHERE workspace = $1 AND day = $2");
SQL(spend_move, "spend.move", "UPDATE spend SET reserved = reserved + $3, spent = spent + $4 WHERE workspace = $1 AND day = $2");

static int64_t day_of(int64_t ms) { return ms / DAY_MS; }

enum err
spend_reserve(struct db *db, struct arena *a, const struct workspace *w, int64_t now, int64_t cents, struct error *e)
{
	int64_t cap = workspace_cap_cents(w), day = day_of(now), reserved = 0, spent = 0;
	char date[TIME_LEN];
	struct rows r;

	if (cents == 0)
		return OK;
	TRY(db_run(db, spend_touch, e, VID(w->id), V(day)));
	TRY(db_query(db, spend_get, &r, e, VID(w->id), V(day)));
	if (db_next(&r)) {
		reserved = db_col(&r, 0).i;
		spent = db_col(&r, 1).i;
	}
	TRY(db_done(&r, e));
	int64_t used = reserved + (spent + CENT - 1) / CENT;
	if (cap == CAP_NONE || used + cents <= cap)
		return db_run(db, spend_move, e, VID(w->id), V(day), V(cents), V(0));
	time_write(date, now);
	enum err code = fail(e, E_SPEND_CAP_EXCEEDED, NULL, "Daily AI spend cap reached (%lld¢ of %lld¢). Resets at 00:00 UTC.",
	    (long long)used, (long long)cap);
	e->extra = str_fmt(a, "{\"bucketDate\":\"%.10s\",\"capCents\":%lld,\"spentCents\":%lld,\"estimateCents\":%lld}",
	    date, (long long)cap, (long long)used, (long long)cents);
	return code;
}

enum err
spend_settle(struct db *db, workspace_id w, int64_t reserved_at, int64_t cents, int64_t cost, struct error *e)
{
	int64_t day = day_of(reserved_at);

	if (cents == 0 && cost == 0)
		return OK;
	TRY(db_run(db, spend_touch, e, VID(w), V(day)));
	return db_run(db, spend_move, e, VID(w), V(day), V(-cents), V(cost));
}
