/* key -- API keys (contract 3, 12.3).  The only code that names table api_key.
 *
 * A token is scripe_sk_live_ or scripe_sk_test_ and 64 hex digits, 32 random bytes.  Only its HMAC is stored.
 * Layer: includes crypto, db, words. */
#ifndef MODEL_KEY_H
#define MODEL_KEY_H
#include "db/db.h"
#include "model/words.h"

#define TOKEN_LEN	79		/* 15 of prefix, 64 of hex */
struct key {
	workspace_id workspace;
	key_id id;
	str name;
	int mode;
	unsigned scopes;
	str last4, created_by;
	int64_t expires_at, last_used_at, revoked_at;
	str revoked_by, revoked_reason;
	str version;			/* of the API, for requests that name none; absent: the rolling default */
};
extern const struct rec key_rec;
struct key_create { workspace_id workspace; str name; int mode; str scopes; int64_t expires_at; str version; };
extern const struct rec key_create_rec;

/* Whether a text has the form of a token; its mode. */
bool	token_ok(str token, int *ret_mode);
void	token_make(int mode, char ret[TOKEN_LEN + 1]);
/* "all", or names, comma-separated. */
MUST_USE enum err scopes_parse(struct arena *, str, unsigned *ret, struct error *);

MUST_USE enum err key_insert(struct db *, const struct key *, const digest *, struct error *);
MUST_USE enum err key_by_hash(struct db *, struct arena *, const digest *, struct key *ret, bool *found, struct error *);
MUST_USE enum err key_list(struct db *, struct arena *, workspace_id, int limit, struct key *ret, int *n, struct error *);
MUST_USE enum err key_find(struct db *, key_id, workspace_id *ret, struct error *);	/* for the command line; E_NOT_FOUND */
MUST_USE enum err key_revoke(struct db *, workspace_id, key_id, int64_t now, str by, str reason, struct error *);
MUST_USE enum err key_touch(struct db *, workspace_id, key_id, int64_t now, struct error *);
#endif
