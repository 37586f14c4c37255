#include "model/client.h"

static const struct field fields[] = {
	F_ID  (client, id, client, "id", "id", 0, ""),
	F_STR (client, url, "url", "url", F_NULL, 0, 0, "", NULL),
	F_STR (client, name, "name", "name", 0, 0, 0, "", NULL),
	F_WORD(client, auth_method, "authMethod", "auth_method", 0, &client_auth_words, "", NULL),
	F_STR (client, scopes, "scopes", "scopes", F_NULL, 0, 0, "", NULL),
	F_JSON(client, redirects, "redirects", "redirects", 0, "", NULL),
	F_JSON(client, metadata, "metadata", "metadata", 0, "", NULL),
	F_STR (client, secret, "secret", "secret", F_HIDE, 0, 0, "", NULL),
	F_STR (client, registration, "registration", "registration", F_HIDE, 0, 0, "", NULL),
	F_BOOL(client, verified, "verified", "verified", 0, ""),
	F_TIME(client, created_at, "createdAt", "created_at", 0, ""),
	F_TIME(client, fresh_until, "freshUntil", "fresh_until", F_NULL, ""),
	F_TIME(client, consented_at, "consentedAt", "consented_at", F_NULL, ""),
	F_TIME(client, changed_at, "changedAt", "changed_at", 0, ""),
};
const struct rec client_row = REC(client, fields, "A client as its row keeps it");
#define COLS "id, url, name, auth_method, scopes, redirects, metadata, secret, registration, verified, created_at, fresh_until, consented_at, changed_at"

#define INSERT "INSERT INTO oauth_client (id, url, name, auth_method, scopes, redirects, metadata, secret, registration, verified, created_at, fresh_until, changed_at)" \
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
SQL(insert, "oauth_client.insert", INSERT);
SQL(learn, "oauth_client.learn", INSERT
    " ON CONFLICT (url) WHERE url IS NOT NULL DO UPDATE SET name = excluded.name, auth_method = excluded.auth_method, scopes = excluded.scopes,"
    " redirects = excluded.redirects, metadata = excluded.metadata, fresh_until = excluded.fresh_until, changed_at = CASE WHEN"
    " oauth_client.name = excluded.name AND oauth_client.redirects = excluded.redirects THEN oauth_client.changed_at ELSE excluded.changed_at END");
SQL(get, "oauth_client.get", "SELECT " COLS " FROM oauth_client WHERE id = $1");
SQL(page, "oauth_client.page", "SELECT " COLS " FROM oauth_client WHERE id < $1 ORDER BY id DESC LIMIT $2");
SQL(by_url, "oauth_client.by_url", "SELECT " COLS " FROM oauth_client WHERE url = $1");
SQL(update, "oauth_client.update",
    "UPDATE oauth_client SET name = $2, auth_method = $3, scopes = $4, redirects = $5, metadata = $6, secret = $7, registration = $8, fresh_until = $9,"
    " changed_at = $10, verified = CASE WHEN changed_at = $10 THEN verified ELSE 0 END WHERE id = $1");
SQL(consented, "oauth_client.consented", "UPDATE oauth_client SET consented_at = $2 WHERE id = $1 AND consented_at IS NULL");
SQL(verify, "oauth_client.verify", "UPDATE oauth_client SET verified = $2 WHERE id = $1");
SQL(forget, "oauth_client.delete", "DELETE FROM oauth_client WHERE id = $1");

/* The outer condition is asked again of a row that was waited for: who got a consent meanwhile stays. */
#define ORPHANS "DELETE FROM oauth_client WHERE consented_at IS NULL AND id IN (SELECT id FROM oauth_client WHERE consented_at IS NULL AND created_at "
SQL(sweep, "oauth_client.sweep", ORPHANS "< $1 ORDER BY created_at LIMIT $2) AND consented_at IS NULL");
SQL(count, "oauth_client.orphans", "SELECT count(*) FROM (SELECT 1 FROM oauth_client WHERE consented_at IS NULL AND created_at > 0 LIMIT $1) AS o");
SQL(trim, "oauth_client.trim", ORPHANS "> 0 ORDER BY created_at LIMIT $1) AND consented_at IS NULL");

static enum err
write_row(struct db *db, const struct stmt *q, const struct client *c, struct error *e)
{
	return db_run_(db, q, e, VALS(VID(c->id), V(c->url), V(c->name), val_word(&client_auth_words, c->auth_method), V(c->scopes), V(c->redirects),
	    V(c->metadata), val_bytes(c->secret), val_bytes(c->registration), V(c->verified), V(c->created_at), VTIME(c->fresh_until), V(c->changed_at)));
}

enum err
client_insert(struct db *db, const struct client *c, struct error *e)
{
	return write_row(db, &insert, c, e);
}

enum err
client_learn(struct db *db, struct arena *a, const struct client *c, struct client *ret, struct error *e)
{
	bool found;

	TRY(write_row(db, &learn, c, e));
	return client_by_url(db, a, c->url, ret, &found, e);
}

enum err
client_get(struct db *db, struct arena *a, client_id id, struct client *ret, bool *found, struct error *e)
{
	return db_one(db, get, &client_row, a, ret, found, e, VID(id));
}

enum err
client_by_url(struct db *db, struct arena *a, str url, struct client *ret, bool *found, struct error *e)
{
	return db_one(db, by_url, &client_row, a, ret, found, e, V(url));
}

enum err
client_page(struct db *db, struct arena *a, client_id before, int limit, struct client *ret, int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(db_query(db, page, &r, e, VID(before), V(limit)));
	while (*n < limit && db_next(&r))
		db_scan(&client_row, &r, a, &ret[(*n)++]);
	return db_done(&r, e);
}

enum err
client_update(struct db *db, const struct client *c, struct error *e)
{
	return db_run(db, update, e, VID(c->id), V(c->name), val_word(&client_auth_words, c->auth_method), V(c->scopes), V(c->redirects), V(c->metadata),
	    val_bytes(c->secret), val_bytes(c->registration), VTIME(c->fresh_until), V(c->changed_at));
}

enum err
client_consented(struct db *db, client_id id, int64_t now, struct error *e)
{
	return db_run(db, consented, e, VID(id), V(now));
}

enum err
client_verify(struct db *db, client_id id, bool verified, bool *found, struct error *e)
{
	int64_t n;

	TRY(db_touch(db, verify, &n, e, VID(id), V(verified)));
	*found = n == 1;
	return OK;
}

enum err
client_delete(struct db *db, client_id id, struct error *e)
{
	return db_run(db, forget, e, VID(id));
}

enum err
client_sweep(struct db *db, int64_t now, int most, int64_t *n, struct error *e)
{
	TRY(db_touch(db, sweep, n, e, V(now - CLIENT_ORPHAN_MS), V(most)));
	return OK;
}

enum err
client_trim(struct db *db, int64_t keep, int most, int64_t *n, struct error *e)
{
	struct rows r;
	int64_t there = 0;

	*n = 0;
	TRY(db_query(db, count, &r, e, V(keep + most)));
	if (db_next(&r))
		there = db_col(&r, 0).i;
	TRY(db_done(&r, e));
	if (there <= keep)
		return OK;
	TRY(db_touch(db, trim, n, e, V(there - keep)));
	return OK;
}
