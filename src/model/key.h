/* key -- API keys (contract 3, 12.3).  The only code that names table api_key.
 *
 * A token is scripe_sk_live_ or scripe_sk_test_ and 64 hex digits, 32 random bytes.  Only its HMAC is stored.
 * Layer: includes crypto, db, words. */
#ifndef MODEL_KEY_H
#define MODEL_KEY_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

#define TOKEN_LEN	79		/* 15 of prefix, 64 of hex */
struct key {
	key_id id;
	workspace_id workspace;
	str name;
	int mode;
	unsigned scopes;
	str last4, created_by;
	int64_t expires_at, last_used_at, revoked_at;
	str revoked_by, revoked_reason;
	str version;			/* of the API, for requests that name none; absent: the rolling default */
};
extern const struct rec key_rec;
struct key_minted { struct key key; str token; };
extern const struct rec key_minted_rec;
struct key_create { str name; int mode; unsigned scopes; int64_t expires_at; str version; };
extern const struct rec key_create_rec;
/* A change: what is absent stays.  expires_at TIME_ERASED: no end; version empty: the rolling default. */
struct key_patch { str name; unsigned scopes; int64_t expires_at; str version; };
extern const struct rec key_patch_rec;
struct key_revocation { str reason; };
extern const struct rec key_revocation_rec;
struct keys_query { struct page_query page; };
extern const struct rec keys_query_rec;

/* Whether a text has the form of a token; its mode. */
bool	token_ok(str token, int *ret_mode);
void	token_make(int mode, char ret[TOKEN_LEN + 1]);
void	key_make(const struct key_create *, workspace_id, key_id, str by, char *token, struct key *ret);

MUST_USE enum err key_insert(struct db *, const struct key *, const digest *, struct error *);
MUST_USE enum err key_by_hash(struct db *, struct arena *, const digest *, struct key *ret, bool *found, struct error *);
MUST_USE enum err key_get(struct db *, struct arena *, workspace_id, key_id, struct key *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err key_hold(struct db *, struct arena *, workspace_id, key_id, struct key *ret, struct error *);	/* until the transaction ends */
MUST_USE enum err key_update(struct db *, const struct key *, struct error *);
MUST_USE enum err key_page(struct db *, workspace_id, key_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err key_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
MUST_USE enum err key_find(struct db *, key_id, workspace_id *ret, struct error *);	/* for the command line; E_NOT_FOUND */
MUST_USE enum err key_revoke(struct db *, workspace_id, key_id, int64_t now, str by, str reason, struct error *);	/* again: nothing */
MUST_USE enum err key_touch(struct db *, workspace_id, key_id, int64_t now, struct error *);
#endif
