/* auth -- who is it: from a token to a principal (contract 3, 12.3), in memory when warm.
 *
 * A key is believed for auth_cache seconds; auth_bust makes every node's own edits hold at once.  The cache is keyed by
 * a keyed hash of the token, so that no token stands in memory longer than its request, and the HMAC that the database
 * is asked with is computed only on a miss.  A key that is revoked, expired or without a plan is cached like any other:
 * it is known, its refusals are audited.  An unknown token is not; its address is limited instead, which does not hold
 * up a key that was seen before.
 *
 * Other kinds of token (OAuth) will be told apart in token_of and loaded beside load(); they end in the same principal.
 * Threads:  all.  Layer: includes base, crypto, rec, sys, conf, db, model, limit. */
#ifndef AUTH_H
#define AUTH_H
#include "conf/conf.h"
#include "limit/limit.h"
#include "model/key.h"
#include "model/workspace.h"

/* Of a key: key, scopes, its end, the plan.  Of a user: person and role in that workspace; scopes do not apply to people.  Of an
 * OAuth token both: what a program (client) may do (scopes) for a person, and no more than that person's role.
 * A user without a person is the command line on the machine of the server: an Admin whom no rate limits. */
struct principal {
	int type;			/* enum principal_type */
	workspace_id workspace;
	key_id key;
	person_id person;
	client_id client;		/* of a token: the program */
	consent_id consent;		/* of a token: what the person allowed it */
	int role;			/* of a user or a token: enum role in that workspace */
	int mode;
	unsigned scopes;
	int64_t expires_at, revoked_at;
	int plan;
	bool api_access;
	char version[12];		/* of the API, when the request names none; empty: the rolling default */
	struct limit_key budget;	/* of its workspace */
};
static inline bool auth_is_console(const struct principal *p) { return p->type == PRINCIPAL_USER && !id_set(p->person); }
static inline int auth_role(const struct principal *p) { return p->type == PRINCIPAL_USER ? p->role : -1; }
/* Its id as the API names it; "command line" of that. */
str	auth_name(struct arena *, const struct principal *);
struct auth;
struct auth *auth_new(const secret *, const struct sys_clock *);
void	auth_free(struct auth *);
void	auth_bust(struct auth *);

enum auth_known { AUTH_UNKNOWN, AUTH_KNOWN };
/* OK, E_INVALID_TOKEN, E_KEY_REVOKED, E_KEY_EXPIRED, E_PLAN_NOT_ELIGIBLE, E_RATE_LIMITED (an address with too many unknown
 * tokens), E_NEED_DB when the cache is cold and db is NULL, or what the database says.
 * *known tells whether *ret is filled although the answer is a refusal.  *touch: lastUsedAt wants to be written. */
MUST_USE enum err auth_check(struct auth *, const struct conf *, str authorization, str address, struct db *, struct principal *ret,
    enum auth_known *known, bool *touch, struct error *);
/* Whose token it is, from memory alone and whatever has become of the key: for the log of a request that was refused before
 * anybody asked.  False: not known here and now. */
bool	auth_peek(struct auth *, const struct conf *, str authorization, struct principal *ret);
/* One key for the limiter out of an id and a small number. */
struct limit_key auth_budget(const workspace_id *, int bucket);
digest	auth_hash(const struct auth *, str token);
#endif
