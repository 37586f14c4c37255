#include "model/key.h"

static const struct field fields[] = {
	F_ID   (key, workspace, workspace, "workspaceId", "workspace", F_HIDE, "Its workspace"),
	F_ID   (key, id, key, "id", "id", 0, "The key"),
	F_STR  (key, name, "name", "name", 0, 1, 200, "Name", "Zapier"),
	F_WORD (key, mode, "mode", "mode", 0, &key_mode_words, "Live, or test: flagged in the audit log, without effects outside", "live"),
	F_WORDS(key, scopes, "scopes", "scopes", 0, &scope_words, "What it may do", "notes:read"),
	F_STR  (key, last4, "last4", "last4", 0, 4, 4, "Last four letters of the token", "d401"),
	F_CREATED(key, id, key, "createdAt", "When it was minted"),
	F_STR  (key, created_by, "createdBy", "created_by", F_NULL, 0, 0, "Who minted it", NULL),
	F_TIME (key, expires_at, "expiresAt", "expires_at", F_NULL, "It stops at 00:00 UTC of that day"),
	F_TIME (key, last_used_at, "lastUsedAt", "last_used_at", F_NULL, "Last use, to the minute"),
	F_TIME (key, revoked_at, "revokedAt", "revoked_at", F_NULL, "When it was revoked"),
	F_STR  (key, revoked_by, "revokedBy", "revoked_by", F_NULL, 0, 0, "Who revoked it", NULL),
	F_STR  (key, revoked_reason, "revokedReason", "revoked_reason", F_NULL, 0, 0, "Why, if that was said", NULL),
	F_STR  (key, version, "apiVersion", "version", F_NULL, 0, 0, "The version of the API that a request gets when it names none; null is the rolling default", NULL),
};
const struct rec key_rec = REC(key, fields, "An API key; the token itself is shown once and never kept");
#define COLS "workspace, id, name, mode, scopes, last4, created_by, expires_at, last_used_at, revoked_at, revoked_by, revoked_reason, version"

static const struct field create_fields[] = {
	F_ID  (key_create, workspace, workspace, "workspace", NULL, F_REQ, "The workspace it opens"),
	F_STR (key_create, name, "name", NULL, F_REQ, 1, 200, "Name", "Zapier"),
	F_WORD(key_create, mode, "mode", NULL, 0, &key_mode_words, "live when left out", "live"),
	F_STR (key_create, scopes, "scopes", NULL, F_REQ, 1, 400, "all, or scopes, comma-separated", "notes:read,posts:write"),
	F_FROM(key_create, expires_at, "expires", "Day it stops on, at 00:00 UTC"),
	F_STR (key_create, version, "api-version", NULL, 0, 10, 10, "Version of the API for requests that name none; the rolling default when left out", "2026-08-01"),
};
const struct rec key_create_rec = REC(key_create, create_fields, "A new key");

static const str prefix[MODE_COUNT] = { S_INIT("scripe_sk_live_"), S_INIT("scripe_sk_test_") };

bool
token_ok(str t, int *ret_mode)
{
	for (int m = 0; m < MODE_COUNT && t.n == TOKEN_LEN; m++) {
		if (!str_starts(t, prefix[m]))
			continue;
		for (size_t i = prefix[m].n; i < t.n; i++)
			if (!((t.p[i] >= '0' && t.p[i] <= '9') || (t.p[i] >= 'a' && t.p[i] <= 'f')))
				return false;
		*ret_mode = m;
		return true;
	}
	return false;
}

void
token_make(int mode, char ret[TOKEN_LEN + 1])
{
	uint8_t rnd[32];

	crypto_random(rnd, sizeof(rnd));
	memcpy(ret, prefix[mode].p, prefix[mode].n);
	crypto_hex(ret + prefix[mode].n, rnd, sizeof(rnd));
	crypto_wipe(rnd, sizeof(rnd));
}

enum err
scopes_parse(struct arena *a, str s, unsigned *ret, struct error *e)
{
	struct buf unknown;

	*ret = (1u << SCOPE_COUNT) - 1;
	if (str_eq(s, S("all")))
		return OK;
	buf_init(&unknown, a, 120);
	if (words_parse(&scope_words, s, ret, &unknown))
		return OK;
	return fail(e, E_INVALID_REQUEST, "scopes", "Unknown scope(s): %.*s. Use all, or names such as notes:read,posts:write.", STR(buf_str(&unknown)));
}

SQL(insert, "key.insert",
    "INSERT INTO api_key (workspace, id, hash, name, mode, scopes, last4, created_by, expires_at, version)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
SQL(by_hash, "key.by_hash", "SELECT " COLS " FROM api_key WHERE hash = $1");
SQL(list, "key.list", "SELECT " COLS " FROM api_key WHERE workspace = $1 ORDER BY id DESC LIMIT $2");
/* the command line names a key alone; with few workspaces a walk over them is nothing (CROSS: that SQLite walks them, not the keys) */
SQL(find, "key.find", "SELECT k.workspace FROM workspace w CROSS JOIN api_key k WHERE k.workspace = w.id AND k.id = $1");
SQL(revoke, "key.revoke",
    "UPDATE api_key SET revoked_at = $3, revoked_by = $4, revoked_reason = $5 WHERE workspace = $1 AND id = $2 AND revoked_at IS NULL");
SQL(touch, "key.touch", "UPDATE api_key SET last_used_at = $3 WHERE workspace = $1 AND id = $2");

enum err
key_insert(struct db *db, const struct key *k, const digest *hash, struct error *e)
{
	char scopes[256];
	struct buf b = { .p = scopes, .cap = sizeof(scopes), .max = sizeof(scopes) };

	words_csv(&scope_words, k->scopes, &b);
	return db_run(db, insert, e, VID(k->workspace), VID(k->id), val_digest(hash), V(k->name), val_word(&key_mode_words, k->mode),
	    V(buf_str(&b)), V(k->last4), V(k->created_by), VTIME(k->expires_at), V(k->version));
}

enum err
key_by_hash(struct db *db, struct arena *a, const digest *hash, struct key *ret, bool *found, struct error *e)
{
	return db_one(db, by_hash, &key_rec, a, ret, found, e, val_digest(hash));
}

enum err
key_list(struct db *db, struct arena *a, workspace_id w, int limit, struct key *ret, int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(db_query(db, list, &r, e, VID(w), V(limit)));
	while (*n < limit && db_next(&r))
		db_scan(&key_rec, &r, a, &ret[(*n)++]);
	return db_done(&r, e);
}

enum err
key_find(struct db *db, key_id id, workspace_id *ret, struct error *e)
{
	struct rows r;
	bool found;

	TRY(db_query(db, find, &r, e, VID(id)));
	if ((found = db_next(&r))) {
		memcpy(ret->u.s, db_col(&r, 0).s.p, 26);
		ret->u.s[26] = '\0';
	}
	TRY(db_done(&r, e));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "API key not found.");
}

enum err
key_revoke(struct db *db, workspace_id w, key_id id, int64_t now, str by, str reason, struct error *e)
{
	TRY(db_run(db, revoke, e, VID(w), VID(id), V(now), V(by), V(reason)));
	return db->ops->changes(db) == 1 ? OK : fail(e, E_CONFLICT, NULL, "This API key is revoked already.");
}

enum err
key_touch(struct db *db, workspace_id w, key_id id, int64_t now, struct error *e)
{
	return db_run(db, touch, e, VID(w), VID(id), V(now));
}
