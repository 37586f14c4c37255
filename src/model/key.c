#include "model/key.h"

#define KEY_FIELDS(S, M) \
	F_ID   (S, M id, key, "id", "id", 0, "The key"), \
	F_ID   (S, M workspace, workspace, "workspaceId", "workspace", F_HIDE, "Its workspace"), \
	F_STR  (S, M name, "name", "name", 0, 1, 200, "Name", "Zapier"), \
	F_WORD (S, M mode, "mode", "mode", 0, &key_mode_words, "Live, or test: flagged in the audit log, without effects outside", "live"), \
	F_WORDS(S, M scopes, "scopes", "scopes", F_GROW, &scope_words, "What it may do", "notes:read"), \
	F_STR  (S, M last4, "last4", "last4", 0, 4, 4, "Last four letters of the token", "d401"), \
	F_CREATED(S, M id, key, "createdAt", "When it was minted"), \
	F_STR  (S, M created_by, "createdBy", "created_by", F_NULL, 0, 0, "Who minted it", NULL), \
	F_TIME (S, M expires_at, "expiresAt", "expires_at", F_NULL, "It stops at 00:00 UTC of that day"), \
	F_TIME (S, M last_used_at, "lastUsedAt", "last_used_at", F_NULL, "Last use, to the minute"), \
	F_TIME (S, M revoked_at, "revokedAt", "revoked_at", F_NULL, "When it was revoked"), \
	F_STR  (S, M revoked_by, "revokedBy", "revoked_by", F_NULL, 0, 0, "Who revoked it", NULL), \
	F_STR  (S, M revoked_reason, "revokedReason", "revoked_reason", F_NULL, 0, 0, "Why, if that was said", NULL), \
	F_STR  (S, M version, "apiVersion", "version", F_NULL, 0, 0, "The version of the API that a request gets when it names none; null is the rolling default", NULL)

static const struct field fields[] = { KEY_FIELDS(key, ) };
const struct rec key_rec = REC(key, fields, "An API key; the token itself is shown once and never kept");
#define COLS "id, workspace, name, mode, scopes, last4, created_by, expires_at, last_used_at, revoked_at, revoked_by, revoked_reason, version"

static const struct field minted_fields[] = {
	KEY_FIELDS(key_minted, key.),
	F_STR(key_minted, token, "key", NULL, 0, TOKEN_LEN, TOKEN_LEN, "The key itself: shown once",
	    "scripe_sk_live_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
};
const struct rec key_minted_rec = REC(key_minted, minted_fields, "A new API key, with its token");

static const struct field create_fields[] = {
	F_STR  (key_create, name, "name", NULL, F_REQ | F_NAME, 1, 200, "Name", "Zapier"),
	F_WORD (key_create, mode, "mode", NULL, 0, &key_mode_words, "live when left out", "live"),
	F_WORDS(key_create, scopes, "scopes", NULL, F_REQ | F_ALL, &scope_words, "What it may do", "notes:read,posts:write"),
	F_FROM (key_create, expires_at, "expiresAt", "It stops at 00:00 UTC of this day; without it, never"),
	F_STR  (key_create, version, "apiVersion", NULL, 0, 10, 10, "Version of the API for requests that name none; the rolling default when left out", "2026-08-01"),
};
const struct rec key_create_rec = REC(key_create, create_fields, "A new key");

static enum err
check_patch(const void *v, struct error *e)
{
	const struct key_patch *p = v;

	if (p->name.p == NULL && p->scopes == WORDS_NONE && p->expires_at == TIME_NONE && p->version.p == NULL)
		return fail(e, E_INVALID_REQUEST, NULL, "The body changes nothing: give at least one field.");
	return OK;
}

static const struct field patch_fields[] = {
	F_STR  (key_patch, name, "name", NULL, F_KEEP | F_NAME, 1, 200, "Name", "Zapier"),
	F_WORDS(key_patch, scopes, "scopes", NULL, F_KEEP | F_ALL, &scope_words, "What it may do from now on", "notes:read,posts:write"),
	{ .name = S_INIT("expiresAt"), .flags = F_ERASE, .doc = "It stops at 00:00 UTC of this day; null: never", FIELD(key_patch, expires_at, int64_t, T_FROM) },
	F_STR  (key_patch, version, "apiVersion", NULL, F_ERASE, 10, 10, "Version of the API for requests that name none; null: the rolling default", "2026-08-01"),
};
const struct rec key_patch_rec = REC_CHECKED(key_patch, patch_fields, check_patch, "A change of a key; what is left out stays");

static const struct field revoke_fields[] = {
	F_STR(key_revocation, reason, "reason", NULL, 0, 1, 500, "Why", "leaked"),
};
const struct rec key_revocation_rec = REC(key_revocation, revoke_fields, "Why a key is revoked");

static const struct field query_fields[] = { PAGE_FIELDS(keys_query) };
const struct rec keys_query_rec = REC(keys_query, query_fields, "Paging of the list of keys");

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

SQL(insert, "key.insert",
    "INSERT INTO api_key (workspace, id, hash, name, mode, scopes, last4, created_by, expires_at, version)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
SQL(by_hash, "key.by_hash", "SELECT " COLS " FROM api_key WHERE hash = $1");
SQL(page, "key.page", "SELECT " COLS " FROM api_key WHERE workspace = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
SQL(get, "key.get", "SELECT " COLS " FROM api_key WHERE workspace = $1 AND id = $2");
SQL(hold, "key.hold", "SELECT " COLS " FROM api_key WHERE workspace = $1 AND id = $2{for_update}");
SQL(anchor, "key.anchor", "SELECT 1 FROM api_key WHERE workspace = $1 AND id = $2");
SQL(update, "key.update", "UPDATE api_key SET name = $3, scopes = $4, expires_at = $5, version = $6 WHERE workspace = $1 AND id = $2");
/* the command line names a key alone; with few workspaces a walk over them is nothing (CROSS: that SQLite walks them, not the keys) */
SQL(find, "key.find", "SELECT k.workspace FROM workspace w CROSS JOIN api_key k WHERE k.workspace = w.id AND k.id = $1");
SQL(revoke, "key.revoke",
    "UPDATE api_key SET revoked_at = $3, revoked_by = $4, revoked_reason = $5 WHERE workspace = $1 AND id = $2 AND revoked_at IS NULL");
SQL(touch, "key.touch", "UPDATE api_key SET last_used_at = $3 WHERE workspace = $1 AND id = $2");

#define SCOPES_MAX	256		/* all words, comma-separated */
static struct buf
scopes_text(unsigned set, char to[SCOPES_MAX])
{
	struct buf b = { .p = to, .cap = SCOPES_MAX, .max = SCOPES_MAX };

	words_csv(&scope_words, set, &b);
	return b;
}

enum err
key_insert(struct db *db, const struct key *k, const digest *hash, struct error *e)
{
	char text[SCOPES_MAX];
	struct buf scopes = scopes_text(k->scopes, text);

	return db_run(db, insert, e, VID(k->workspace), VID(k->id), val_digest(hash), V(k->name), val_word(&key_mode_words, k->mode),
	    V(buf_str(&scopes)), V(k->last4), V(k->created_by), VTIME(k->expires_at), V(k->version));
}

/* A key with a token of its own; the token is 80 bytes. */
void
key_make(const struct key_create *c, workspace_id w, key_id id, str by, char *token, struct key *ret)
{
	rec_init(&key_rec, ret);
	ret->workspace = w;
	ret->id = id;
	ret->name = c->name;
	ret->mode = c->mode >= 0 ? c->mode : MODE_LIVE;
	ret->scopes = c->scopes;
	ret->expires_at = c->expires_at != TIME_NONE ? time_day(c->expires_at) : TIME_NONE;
	ret->version = c->version;
	ret->created_by = by;
	token_make(ret->mode, token);
	ret->last4 = (str){ token + TOKEN_LEN - 4, 4 };
}

static enum err
one(struct db *db, const struct stmt *q, struct arena *a, workspace_id w, key_id id, struct key *ret, struct error *e)
{
	bool found;

	TRY(db_one_(db, q, &key_rec, a, ret, &found, e, VALS(VID(w), VID(id))));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "API key not found.");
}

enum err
key_get(struct db *db, struct arena *a, workspace_id w, key_id id, struct key *ret, struct error *e)
{
	return one(db, &get, a, w, id, ret, e);
}

enum err
key_hold(struct db *db, struct arena *a, workspace_id w, key_id id, struct key *ret, struct error *e)
{
	return one(db, &hold, a, w, id, ret, e);
}

enum err
key_update(struct db *db, const struct key *k, struct error *e)
{
	char text[SCOPES_MAX];
	struct buf scopes = scopes_text(k->scopes, text);

	return db_run(db, update, e, VID(k->workspace), VID(k->id), V(k->name), V(buf_str(&scopes)), VTIME(k->expires_at), V(k->version));
}

enum err
key_page(struct db *db, workspace_id w, key_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, page, ret, e, VID(w), VID(before), V(limit));
}

enum err
key_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

enum err
key_by_hash(struct db *db, struct arena *a, const digest *hash, struct key *ret, bool *found, struct error *e)
{
	return db_one(db, by_hash, &key_rec, a, ret, found, e, val_digest(hash));
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
	return db_run(db, revoke, e, VID(w), VID(id), V(now), V(by), V(reason));
}

enum err
key_touch(struct db *db, workspace_id w, key_id id, int64_t now, struct error *e)
{
	return db_run(db, touch, e, VID(w), VID(id), V(now));
}
