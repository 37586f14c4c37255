/* invitation -- links that make their reader a member of a workspace.  The only code that names table invitation.
 *
 * The link ends in 32 random bytes in base64url; only the HMAC of that text (auth_hash) is kept.  It works once, for 7 days, while who made it is Admin, and for whoever has it: a
 * new person chooses a password behind it, one that has an account signs in.  Who is invited is free to become a member under another address: the link
 * is what counts, and email says only where it was meant to go.
 * Layer: includes crypto, db, page, person, words. */
#ifndef MODEL_INVITATION_H
#define MODEL_INVITATION_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

#define INVITATION_MS	(7 * INT64_C(86400000))
#define INVITATIONS_MOST 1000		/* of one workspace, accepted ones too until they are over */
struct invitation { invitation_id id; workspace_id workspace; str email, name; int role; str invited_by; int64_t expires_at, accepted_at; str workspace_name; };
extern const struct rec invitation_rec;
struct invitation_made { struct invitation invitation; str url; };	/* url: shown once */
extern const struct rec invitation_made_rec;
struct invitation_create { str email, name; int role; };	/* name absent: what stands before the @ */
extern const struct rec invitation_create_rec;
struct invitations_query { struct page_query page; };
extern const struct rec invitations_query_rec;

/* Whether there is room, E_CONFLICT when there are INVITATIONS_MOST: under workspace_lock.  And how whoever has the address stands:
 * known: has chosen a password; role and name are of a member. */
struct invitee { bool member, known; int role; str name; };
MUST_USE enum err invitation_look(struct db *, struct arena *, workspace_id, str email, struct invitee *ret, struct error *);
MUST_USE enum err invitation_insert(struct db *, const struct invitation *, const digest *, struct error *);
/* *found: it is there, not accepted, and not over at `now`. */
MUST_USE enum err invitation_by_hash(struct db *, struct arena *, const digest *, int64_t now, struct invitation *ret, bool *found, struct error *);
/* First of all in the transaction that makes the member: E_CONFLICT when the link was used meanwhile. */
MUST_USE enum err invitation_accept(struct db *, workspace_id, invitation_id, int64_t now, struct error *);
MUST_USE enum err invitation_delete(struct db *, workspace_id, invitation_id, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err invitation_page(struct db *, workspace_id, invitation_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err invitation_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
/* The keeper's: removes at most `most` that are over; *n tells how many. */
MUST_USE enum err invitation_sweep(struct db *, int64_t now, int most, int64_t *n, struct error *);
#endif
