/* auth -- who is it: from a key, a token or a session to a principal (contract 3, 12.3, 12.4), in memory when warm.
 *
 * Each is believed for auth_cache seconds; auth_bust makes edits hold at once, on all nodes that share a bus.  The cache is keyed by a keyed hash of the
 * secret and of the workspace that was asked for, so that no secret stands in memory longer than its request, and the HMAC that the database
 * is asked with is computed only on a miss.  What is revoked, expired, without a plan or outside of its workspaces is cached like any
 * other: it is known, its refusals are audited.  An unknown one is not; its address is limited instead, which does not hold
 * up what was seen before.  A token that this server did not make is told by its MAC, without the database.
 *
 * Threads:  all.  Layer: includes base, crypto, rec, sys, conf, db, model, limit. */
#ifndef AUTH_H
#define AUTH_H
#include "bus/bus.h"
#include "conf/conf.h"
#include "limit/limit.h"
#include "model/key.h"
#include "model/workspace.h"

/* Of a key: key, scopes, its end, the plan.  Of a user: person and role in that workspace; scopes do not apply to people.  Of an
 * OAuth token both: what a program (client) may do (scopes) for a person, and no more than that person's role.
 * A user without a person is the command line on the machine of the server: an Admin whom no rate limits. */
enum auth_flaw { FLAW_NONE, FLAW_AUDIENCE, FLAW_WORKSPACE };
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
	int flaw;			/* enum auth_flaw: why it is refused, whatever it asks for */
	int plan;
	bool api_access;
	char version[12];		/* of the API, when the request names none; empty: the rolling default */
	struct limit_key budget;	/* of its workspace */
};
static inline bool auth_is_console(const struct principal *p) { return p->type == PRINCIPAL_USER && !id_set(p->person); }
static inline int auth_role(const struct principal *p) { return p->type == PRINCIPAL_API_KEY ? -1 : p->role; }
/* Its id as the API names it, of a token the person's; "command line" of that. */
str	auth_name(struct arena *, const struct principal *);
struct auth;
struct auth *auth_new(const secret *, const struct sys_clock *);
void	auth_share(struct auth *, struct kv *);	/* how many unknown secrets an address showed, all nodes count together */
void	auth_free(struct auth *);
/* From now on what is forgotten here is forgotten by the other nodes, and the other way round.  The bus lives longer. */
void	auth_on_bus(struct auth *, struct bus *);
void	auth_bust(struct auth *);
/* The same where only what this person did, or through this program, was changed (unset: any): the others stay warm, however often strangers
 * end what is theirs. */
void	auth_bust_of(struct auth *, person_id, client_id);
#define AUTH_ANYBODY	((person_id){ { "" } })
#define AUTH_ANYTHING	((client_id){ { "" } })

/* What a request shows of who sends it. */
struct auth_ask {
	str authorization;		/* the header; absent: not sent */
	str cookie;			/* the secret of a session, absent where the request may not be a session's; an Authorization goes before it */
	str workspace;			/* that a person or a token wants to act in, "org_…"; absent: their default.  Keys have one */
	str address;			/* of the caller */
	str url;			/* of this server: tokens for others are refused */
};
enum auth_known { AUTH_UNKNOWN, AUTH_KNOWN };
/* OK, E_INVALID_TOKEN, E_KEY_REVOKED, E_KEY_EXPIRED, E_PLAN_NOT_ELIGIBLE, E_WORKSPACE_MISMATCH, E_RATE_LIMITED (an address with too many
 * unknown secrets), E_NEED_DB when the cache is cold and db is NULL, or what the database says.
 * *known tells whether *ret is filled although the answer is a refusal.  *touch: when it was last used wants to be written (auth_touch). */
MUST_USE enum err auth_check(struct auth *, const struct conf *, const struct auth_ask *, struct db *, struct principal *ret,
    enum auth_known *known, bool *touch, struct error *);
/* Whose it is, from memory alone and whatever has become of it: for the log of a request that was refused before
 * anybody asked.  False: not known here and now. */
bool	auth_peek(struct auth *, const struct conf *, const struct auth_ask *, struct principal *ret);
/* What auth_touch needs of a request that is gone by then. */
struct auth_used { struct principal who; digest session; };
struct auth_used auth_used(const struct auth *, const struct auth_ask *, const struct principal *);
MUST_USE enum err auth_touch(struct db *, const struct auth_used *, int64_t now, struct error *);
/* One key for the limiter out of an id and a small number. */
struct limit_key auth_budget(const workspace_id *, int bucket);
digest	auth_hash(const struct auth *, str token);
#endif
