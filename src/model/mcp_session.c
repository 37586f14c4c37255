#include "model/mcp_session.h"

SQL(add, "mcp_session.insert", "INSERT INTO mcp_session (hash, principal, version, client, log_level, subscriptions, began_at, seen_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $7)");
#define FOUND	"SELECT principal, version, client, log_level, subscriptions, began_at, seen_at FROM mcp_session WHERE hash = $1 AND seen_at > $2"
SQL(get, "mcp_session.get", FOUND);
SQL(hold, "mcp_session.hold", FOUND "{for_update}");
SQL(change, "mcp_session.update", "UPDATE mcp_session SET log_level = $2, subscriptions = $3, seen_at = $4 WHERE hash = $1");
SQL(touch, "mcp_session.touch", "UPDATE mcp_session SET seen_at = $2 WHERE hash = $1 AND seen_at < $2");
SQL(end, "mcp_session.end", "DELETE FROM mcp_session WHERE hash = $1");
SQL(sweep, "mcp_session.sweep", "DELETE FROM mcp_session WHERE hash IN (SELECT hash FROM mcp_session WHERE seen_at <= $1 LIMIT $2) AND seen_at <= $1");

enum err
mcp_session_insert(struct db *db, const struct mcp_session *s, struct error *e)
{
	return db_run(db, add, e, val_digest(&s->hash), val_digest(&s->principal), V(s->version), V(s->client), V(s->log_level),
	    V(s->subscriptions), V(s->began_at));
}

static void
scan(struct rows *r, struct arena *a, struct mcp_session *ret)
{
	struct val who = db_col(r, 0);

	memcpy(ret->principal.b, who.s.p, MIN(who.s.n, sizeof(ret->principal.b)));
	ret->version = str_dup(a, db_col(r, 1).s);
	ret->client = str_dup(a, db_col(r, 2).s);
	ret->log_level = str_dup(a, db_col(r, 3).s);
	ret->subscriptions = str_dup(a, db_col(r, 4).s);
	ret->began_at = db_col(r, 5).i;
	ret->seen_at = db_col(r, 6).i;
}

static enum err
one(struct rows *r, struct arena *a, const digest *hash, struct mcp_session *ret, bool *found, struct error *e)
{
	*ret = (struct mcp_session){ .hash = *hash };
	*found = db_next(r);
	if (*found)
		scan(r, a, ret);
	return db_done(r, e);
}

enum err
mcp_session_get(struct db *db, struct arena *a, const digest *hash, int64_t now, struct mcp_session *ret, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, get, &r, e, val_digest(hash), V(now - MCP_SESSION_MS)));
	return one(&r, a, hash, ret, found, e);
}

enum err
mcp_session_hold(struct db *db, struct arena *a, const digest *hash, int64_t now, struct mcp_session *ret, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, hold, &r, e, val_digest(hash), V(now - MCP_SESSION_MS)));
	return one(&r, a, hash, ret, found, e);
}

enum err
mcp_session_update(struct db *db, const struct mcp_session *s, struct error *e)
{
	return db_run(db, change, e, val_digest(&s->hash), V(s->log_level), V(s->subscriptions), V(s->seen_at));
}

enum err
mcp_session_touch(struct db *db, const digest *hash, int64_t now, struct error *e)
{
	return db_run(db, touch, e, val_digest(hash), V(now));
}

enum err
mcp_session_end(struct db *db, const digest *hash, struct error *e)
{
	return db_run(db, end, e, val_digest(hash));
}

enum err
mcp_session_sweep(struct db *db, int64_t now, int most, int64_t *n, struct error *e)
{
	TRY(db_touch(db, sweep, n, e, V(now - MCP_SESSION_MS), V(most)));
	return OK;
}
