/* client -- programs that ask people to act for them (OAuth clients).  The only code that names table oauth_client.
 *
 * A client registered itself (RFC 7591), or is a metadata document at its own URL.  Only hashes of its secret and of
 * its registration token are kept.  One without any consent is an orphan: it goes after CLIENT_ORPHAN_MS, and earlier when there are too many.
 * Layer: includes crypto, db, words. */
#ifndef MODEL_CLIENT_H
#define MODEL_CLIENT_H
#include "db/db.h"
#include "model/words.h"

#define CLIENT_ORPHAN_MS (30 * INT64_C(86400000))
struct client {
	client_id id;
	str url;			/* its client_id where that is a metadata document, else absent */
	str name;
	int auth_method;		/* enum client_auth */
	str scopes;			/* that it registered for, separated by blanks; absent: any */
	str redirects;			/* a JSON array */
	str metadata;			/* JSON: the rest, as it was registered */
	str secret, registration;	/* 32 bytes of a hash, or absent */
	bool verified;			/* the operator vouches for it */
	int64_t created_at, fresh_until, consented_at;
	int64_t changed_at;		/* its name or its redirects: what people are shown when they allow it something */
};
extern const struct rec client_row;

MUST_USE enum err client_insert(struct db *, const struct client *, struct error *);
MUST_USE enum err client_get(struct db *, struct arena *, client_id, struct client *ret, bool *found, struct error *);
MUST_USE enum err client_by_url(struct db *, struct arena *, str url, struct client *ret, bool *found, struct error *);
/* Newest first, behind `before` (all Z: from the top). */
MUST_USE enum err client_page(struct db *, struct arena *, client_id before, int limit, struct client *ret, int *n, struct error *);
/* What it says of itself: name, auth_method, scopes, redirects, metadata, secret, registration, fresh_until, changed_at.  Another changed_at ends what the
 * operator vouched for; of a document they vouch for who owns its URL. */
MUST_USE enum err client_update(struct db *, const struct client *, struct error *);
/* The same of a document, found by its url and made where there is none; changed_at is its own business.  ret->id tells which one it is. */
MUST_USE enum err client_learn(struct db *, struct arena *, const struct client *, struct client *ret, struct error *);
MUST_USE enum err client_consented(struct db *, client_id, int64_t now, struct error *);
MUST_USE enum err client_verify(struct db *, client_id, bool verified, bool *found, struct error *);
/* Only when no consent names it any more (grant_forget). */
MUST_USE enum err client_delete(struct db *, client_id, struct error *);
MUST_USE enum err client_sweep(struct db *, int64_t now, int most, int64_t *n, struct error *);
/* The oldest orphans go until `keep` are left, at most `most` of them. */
MUST_USE enum err client_trim(struct db *, int64_t keep, int most, int64_t *n, struct error *);
#endif
