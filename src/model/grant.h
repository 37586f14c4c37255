/* grant -- what a person allowed a program: consents, codes, families of tokens (contract 12.4).  The only code that names tables
 * consent, oauth_code and oauth_family.
 *
 * A consent is one per person and client.  A code is exchanged once for a family; a family is all the tokens that come of it by
 * rotation (auth/token.h).  Revoking a consent revokes its families; whoever revokes calls auth_bust after the commit.
 * scopes are of grant_scope_words: those of keys, and SCOPE_BIT(OFFLINE_ACCESS) where there are refresh tokens.
 * Layer: includes crypto, db, words, person. */
#ifndef MODEL_GRANT_H
#define MODEL_GRANT_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

struct consent {
	consent_id id;
	person_id person;
	client_id client;
	str client_name, client_url;	/* of the client; url absent: it registered itself */
	bool verified;
	workspace_id workspace;
	unsigned scopes;
	int64_t given_at, used_at, revoked_at;
};
extern const struct rec consent_rec;
struct consents_query { struct page_query page; };
extern const struct rec consents_query_rec;

struct grant_code {
	digest hash;
	client_id client;
	person_id person;
	consent_id consent;
	workspace_id workspace;
	unsigned scopes;
	str redirect, challenge, resource;
	int64_t expires_at;
	ulid family;			/* that it was exchanged for; unset: it was not */
};
#define CODE_MS	INT64_C(60000)
#define CODE_KEEP_MS INT64_C(86400000)	/* behind its end: a second use is told from an unknown code so long */

struct family {
	ulid id;
	client_id client;
	person_id person;
	consent_id consent;
	workspace_id workspace;
	unsigned scopes;
	str resource;
	int64_t turn, turned_at, expires_at, revoked_at;
};

/* Gives, or widens: to what stood already the scopes are added, the workspace is then that one.  ret->id tells which one it is. */
MUST_USE enum err consent_give(struct db *, struct arena *, person_id, client_id, workspace_id, unsigned scopes, consent_id fresh, int64_t now,
    struct consent *ret, struct error *);
MUST_USE enum err consent_find(struct db *, struct arena *, person_id, client_id, struct consent *ret, bool *found, struct error *);	/* not revoked */
MUST_USE enum err consent_get(struct db *, struct arena *, person_id, consent_id, struct consent *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err consent_revoke(struct db *, person_id, consent_id, int64_t now, struct error *);		/* with its families; again: nothing */
MUST_USE enum err consent_revoke_all(struct db *, person_id, int64_t now, struct error *);		/* of a person, in all workspaces */
MUST_USE enum err consent_touch(struct db *, person_id, consent_id, int64_t now, struct error *);	/* used_at, which is to the minute */
/* Those of one person that hold, newest first; of a workspace: those whose default it is, of its members. */
MUST_USE enum err consent_page(struct db *, person_id, consent_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err consent_page_of(struct db *, workspace_id, consent_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err consent_own(struct db *, person_id, consent_id, const struct miss *, struct error *);	/* a miss unless it is theirs */
MUST_USE enum err consent_get_of(struct db *, struct arena *, workspace_id, consent_id, struct consent *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err consent_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
/* Of a client that goes: at most `most` of its consents, with their families.  *n: how many; less than `most`: none is left. */
MUST_USE enum err grant_forget(struct db *, client_id, int most, int64_t *n, struct error *);

MUST_USE enum err code_insert(struct db *, const struct grant_code *, struct error *);
MUST_USE enum err code_by_hash(struct db *, struct arena *, const digest *, struct grant_code *ret, bool *found, struct error *);	/* held until the transaction ends */
MUST_USE enum err code_used(struct db *, const digest *, const ulid *family, struct error *);
MUST_USE enum err family_insert(struct db *, const struct family *, struct error *);
MUST_USE enum err family_get(struct db *, struct arena *, const ulid *, struct family *ret, bool *found, struct error *);
MUST_USE enum err family_hold(struct db *, struct arena *, const ulid *, struct family *ret, bool *found, struct error *);	/* until the transaction ends */
MUST_USE enum err family_turn(struct db *, const struct family *, struct error *);	/* turn, turned_at, expires_at */
MUST_USE enum err family_revoke(struct db *, const ulid *, int64_t now, bool *was, struct error *);	/* *was: it held until now */
/* The keeper's: codes and families that are over, at most `most` of each. */
MUST_USE enum err grant_sweep(struct db *, int64_t now, int most, int64_t *n, struct error *);
#endif
