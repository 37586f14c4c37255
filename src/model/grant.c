#include "model/grant.h"

/* --- consents --- */

static const struct field fields[] = {
	F_ID  (consent, id, consent, "id", "id", 0, "The consent"),
	F_ID  (consent, person, person, "userId", "person", 0, "Who gave it"),
	F_ID  (consent, client, client, "clientId", "client", 0, "The program that it was given to"),
	F_STR (consent, client_name, "clientName", "name", 0, 0, 0, "What the program calls itself", "Acme Notion Sync"),
	F_STR (consent, client_url, "clientUrl", "url", F_NULL, 0, 0, "The program's own page about itself; null for one that registered itself",
	    "https://app.example.com/oauth/client.json"),
	F_BOOL(consent, verified, "verified", "verified", 0, "Whether the operator of this server vouches for the program"),
	F_ID  (consent, workspace, workspace, "workspaceId", "workspace", 0, "The workspace that its tokens are for unless a request names another one"),
	F_WORDS(consent, scopes, "scopes", "scopes", F_GROW, &grant_scope_words, "What the program may do", "notes:read"),
	F_TIME(consent, given_at, "givenAt", "given_at", 0, "When it was given, or widened"),
	F_TIME(consent, used_at, "lastUsedAt", "used_at", F_NULL, "Last use, to the minute"),
	F_TIME(consent, revoked_at, "revokedAt", "revoked_at", F_NULL, "When it was revoked"),
};
const struct rec consent_rec = REC(consent, fields, "What a person allowed a program");
static const struct field query_fields[] = { PAGE_FIELDS(consents_query) };
const struct rec consents_query_rec = REC(consents_query, query_fields, "Paging of the list of consents");

#define CONSENT "SELECT c.id, c.person, c.client, k.name, k.url, k.verified, c.workspace, c.scopes, c.given_at, c.used_at, c.revoked_at" \
	" FROM consent c JOIN oauth_client k ON k.id = c.client WHERE "

SQL(give, "consent.give", "INSERT INTO consent (person, id, client, workspace, scopes, given_at) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (person, client) DO UPDATE SET workspace = excluded.workspace, scopes = excluded.scopes, given_at = excluded.given_at, revoked_at = NULL");
SQL(hold, "consent.hold", "SELECT 1 FROM consent WHERE person = $1 AND client = $2{for_update}");
SQL(by_client, "consent.by_client", CONSENT "c.person = $1 AND c.client = $2");
SQL(by_id, "consent.get", CONSENT "c.person = $1 AND c.id = $2");
/* Who left is no business of the workspace any more. */
#define OF_MEMBER " AND EXISTS (SELECT 1 FROM membership m WHERE m.workspace = c.workspace AND m.person = c.person)"
SQL(by_id_of, "consent.get_of", CONSENT "c.workspace = $1 AND c.id = $2 AND c.revoked_at IS NULL" OF_MEMBER);
SQL(page, "consent.page", CONSENT "c.person = $1 AND c.revoked_at IS NULL AND c.id < $2 ORDER BY c.id DESC LIMIT $3");
SQL(page_of, "consent.page_of", CONSENT "c.workspace = $1 AND c.revoked_at IS NULL AND c.id < $2" OF_MEMBER " ORDER BY c.id DESC LIMIT $3");
SQL(anchor, "consent.anchor", "SELECT 1 FROM consent WHERE workspace = $1 AND revoked_at IS NULL AND id = $2");
SQL(own, "consent.own", "SELECT 1 FROM consent WHERE person = $1 AND id = $2");
SQL(revoke, "consent.revoke", "UPDATE consent SET revoked_at = $3 WHERE person = $1 AND id = $2 AND revoked_at IS NULL");
SQL(revoke_families, "oauth_family.revoke_of", "UPDATE oauth_family SET revoked_at = $3 WHERE person = $1 AND consent = $2 AND revoked_at IS NULL");
SQL(revoke_all, "consent.revoke_all", "UPDATE consent SET revoked_at = $2 WHERE person = $1 AND revoked_at IS NULL");
SQL(revoke_all_families, "oauth_family.revoke_all", "UPDATE oauth_family SET revoked_at = $2 WHERE person = $1 AND revoked_at IS NULL");
SQL(touch, "consent.touch", "UPDATE consent SET used_at = $3 WHERE person = $1 AND id = $2");
#define OF_CLIENT "(SELECT person, id FROM consent WHERE client = $1 ORDER BY person, id LIMIT $2)"
SQL(forget_families, "oauth_family.forget", "DELETE FROM oauth_family WHERE (person, consent) IN " OF_CLIENT);
SQL(forget, "consent.forget", "DELETE FROM consent WHERE (person, id) IN " OF_CLIENT);

#define SCOPES_MAX	256		/* all words, comma-separated */
static struct buf
scopes_text(unsigned set, char to[SCOPES_MAX])
{
	struct buf b = { .p = to, .cap = SCOPES_MAX, .max = SCOPES_MAX };

	words_csv(&grant_scope_words, set, &b);
	return b;
}

enum err
consent_give(struct db *db, struct arena *a, person_id p, client_id c, workspace_id w, unsigned set, consent_id fresh, int64_t now,
    struct consent *ret, struct error *e)
{
	char text[SCOPES_MAX];
	bool found;

	TRY(db_run(db, hold, e, VID(p), VID(c)));		/* what is taken back at this moment must not come back with it */
	TRY(consent_find(db, a, p, c, ret, &found, e));
	struct buf scopes = scopes_text(set | (found ? ret->scopes : 0), text);
	TRY(db_run(db, give, e, VID(p), VID(fresh), VID(c), VID(w), V(buf_str(&scopes)), V(now)));
	return db_one(db, by_client, &consent_rec, a, ret, &found, e, VID(p), VID(c));
}

enum err
consent_find(struct db *db, struct arena *a, person_id p, client_id c, struct consent *ret, bool *found, struct error *e)
{
	TRY(db_one(db, by_client, &consent_rec, a, ret, found, e, VID(p), VID(c)));
	*found = *found && ret->revoked_at == TIME_NONE;
	return OK;
}

enum err
consent_get(struct db *db, struct arena *a, person_id p, consent_id id, struct consent *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, by_id, &consent_rec, a, ret, &found, e, VID(p), VID(id)));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Consent not found.");
}

enum err
consent_own(struct db *db, person_id p, consent_id id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &own, miss, e, VALS(VID(p), VID(id)));
}

enum err
consent_get_of(struct db *db, struct arena *a, workspace_id w, consent_id id, struct consent *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, by_id_of, &consent_rec, a, ret, &found, e, VID(w), VID(id)));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Consent not found.");
}

enum err
consent_revoke(struct db *db, person_id p, consent_id id, int64_t now, struct error *e)
{
	/* families before their consent, as a refresh takes them; then those that came while the consent was waited for */
	TRY(db_run(db, revoke_families, e, VID(p), VID(id), V(now)));
	TRY(db_run(db, revoke, e, VID(p), VID(id), V(now)));
	return db_run(db, revoke_families, e, VID(p), VID(id), V(now));
}

enum err
consent_revoke_all(struct db *db, person_id p, int64_t now, struct error *e)
{
	TRY(db_run(db, revoke_all_families, e, VID(p), V(now)));
	TRY(db_run(db, revoke_all, e, VID(p), V(now)));
	return db_run(db, revoke_all_families, e, VID(p), V(now));
}

enum err
consent_touch(struct db *db, person_id p, consent_id id, int64_t now, struct error *e)
{
	return db_run(db, touch, e, VID(p), VID(id), V(now));
}

enum err
consent_page(struct db *db, person_id p, consent_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, page, ret, e, VID(p), VID(before), V(limit));
}

enum err
consent_page_of(struct db *db, workspace_id w, consent_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, page_of, ret, e, VID(w), VID(before), V(limit));
}

enum err
consent_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

enum err
grant_forget(struct db *db, client_id c, int most, int64_t *n, struct error *e)
{
	TRY(db_run(db, forget_families, e, VID(c), V(most)));
	TRY(db_touch(db, forget, n, e, VID(c), V(most)));
	return OK;
}

/* --- codes --- */

/* An id without a type: never shown. */
#define F_ULID(S, m, cl)	{ .name = S_INIT(cl), .col = cl, .flags = F_HIDE, FIELD(S, m, ulid, T_ID) }

static const struct field code_fields[] = {
	F_ID  (grant_code, client, client, "client", "client", 0, ""),
	F_ID  (grant_code, person, person, "person", "person", 0, ""),
	F_ID  (grant_code, consent, consent, "consent", "consent", 0, ""),
	F_ID  (grant_code, workspace, workspace, "workspace", "workspace", 0, ""),
	F_WORDS(grant_code, scopes, "scopes", "scopes", 0, &grant_scope_words, "", NULL),
	F_STR (grant_code, redirect, "redirect", "redirect", 0, 0, 0, "", NULL),
	F_STR (grant_code, challenge, "challenge", "challenge", 0, 0, 0, "", NULL),
	F_STR (grant_code, resource, "resource", "resource", 0, 0, 0, "", NULL),
	F_TIME(grant_code, expires_at, "expiresAt", "expires_at", 0, ""),
	F_ULID(grant_code, family, "family"),
};
static const struct rec code_rec = REC(grant_code, code_fields, "A code as its row keeps it");
#define CODE_COLS "client, person, consent, workspace, scopes, redirect, challenge, resource, expires_at"

SQL(put_code, "oauth_code.insert", "INSERT INTO oauth_code (hash, " CODE_COLS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
SQL(get_code, "oauth_code.by_hash", "SELECT " CODE_COLS ", family FROM oauth_code WHERE hash = $1{for_update}");
SQL(use_code, "oauth_code.used", "UPDATE oauth_code SET family = $2 WHERE hash = $1");
SQL(sweep_codes, "oauth_code.sweep", "DELETE FROM oauth_code WHERE hash IN (SELECT hash FROM oauth_code WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)");

enum err
code_insert(struct db *db, const struct grant_code *c, struct error *e)
{
	char text[SCOPES_MAX];
	struct buf scopes = scopes_text(c->scopes, text);

	return db_run(db, put_code, e, val_digest(&c->hash), VID(c->client), VID(c->person), VID(c->consent), VID(c->workspace), V(buf_str(&scopes)),
	    V(c->redirect), V(c->challenge), V(c->resource), V(c->expires_at));
}

enum err
code_by_hash(struct db *db, struct arena *a, const digest *hash, struct grant_code *ret, bool *found, struct error *e)
{
	TRY(db_one(db, get_code, &code_rec, a, ret, found, e, val_digest(hash)));
	ret->hash = *hash;
	return OK;
}

enum err
code_used(struct db *db, const digest *hash, const ulid *family, struct error *e)
{
	return db_run(db, use_code, e, val_digest(hash), val_ulid(family));
}

/* --- families --- */

static const struct field family_fields[] = {
	F_ULID(family, id, "id"),
	F_ID  (family, client, client, "client", "client", 0, ""),
	F_ID  (family, person, person, "person", "person", 0, ""),
	F_ID  (family, consent, consent, "consent", "consent", 0, ""),
	F_ID  (family, workspace, workspace, "workspace", "workspace", 0, ""),
	F_WORDS(family, scopes, "scopes", "scopes", 0, &grant_scope_words, "", NULL),
	F_STR (family, resource, "resource", "resource", 0, 0, 0, "", NULL),
	F_I64 (family, turn, "turn", "turn", 0, 0, INT64_MAX, "", NULL),
	F_TIME(family, turned_at, "turnedAt", "turned_at", 0, ""),
	F_TIME(family, expires_at, "expiresAt", "expires_at", 0, ""),
	F_TIME(family, revoked_at, "revokedAt", "revoked_at", F_NULL, ""),
};
static const struct rec family_rec = REC(family, family_fields, "A family as its row keeps it");
#define FAMILY_COLS "id, client, person, consent, workspace, scopes, resource, turn, turned_at, expires_at"

SQL(put_family, "oauth_family.insert", "INSERT INTO oauth_family (" FAMILY_COLS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
SQL(get_family, "oauth_family.get", "SELECT " FAMILY_COLS ", revoked_at FROM oauth_family WHERE id = $1");
SQL(hold_family, "oauth_family.hold", "SELECT " FAMILY_COLS ", revoked_at FROM oauth_family WHERE id = $1{for_update}");
SQL(turn, "oauth_family.turn", "UPDATE oauth_family SET turn = $2, turned_at = $3, expires_at = $4 WHERE id = $1");
SQL(revoke_family, "oauth_family.revoke", "UPDATE oauth_family SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
SQL(sweep_families, "oauth_family.sweep",
    "DELETE FROM oauth_family WHERE id IN (SELECT id FROM oauth_family WHERE expires_at < $1 ORDER BY expires_at LIMIT $2) AND expires_at < $1");

enum err
family_insert(struct db *db, const struct family *f, struct error *e)
{
	char text[SCOPES_MAX];
	struct buf scopes = scopes_text(f->scopes, text);

	return db_run(db, put_family, e, val_ulid(&f->id), VID(f->client), VID(f->person), VID(f->consent), VID(f->workspace), V(buf_str(&scopes)),
	    V(f->resource), V(f->turn), V(f->turned_at), V(f->expires_at));
}

enum err
family_get(struct db *db, struct arena *a, const ulid *id, struct family *ret, bool *found, struct error *e)
{
	return db_one(db, get_family, &family_rec, a, ret, found, e, val_ulid(id));
}

enum err
family_hold(struct db *db, struct arena *a, const ulid *id, struct family *ret, bool *found, struct error *e)
{
	return db_one(db, hold_family, &family_rec, a, ret, found, e, val_ulid(id));
}

enum err
family_turn(struct db *db, const struct family *f, struct error *e)
{
	return db_run(db, turn, e, val_ulid(&f->id), V(f->turn), V(f->turned_at), V(f->expires_at));
}

enum err
family_revoke(struct db *db, const ulid *id, int64_t now, bool *was, struct error *e)
{
	int64_t n;

	TRY(db_touch(db, revoke_family, &n, e, val_ulid(id), V(now)));
	*was = n == 1;
	return OK;
}

enum err
grant_sweep(struct db *db, int64_t now, int most, int64_t *n, struct error *e)
{
	int64_t families;

	TRY(db_touch(db, sweep_codes, n, e, V(now - CODE_KEEP_MS), V(most)));
	TRY(db_touch(db, sweep_families, &families, e, V(now), V(most)));
	*n += families;
	return OK;
}
