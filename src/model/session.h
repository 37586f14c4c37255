/* session -- browsers in which a person is signed in.  The only code that names table session.
 *
 * The cookie is 32 random bytes in base64url; only its HMAC (auth_hash) is kept.  A session slides: SESSION_IDLE_MS behind its last use and
 * SESSION_MOST_MS behind its beginning at the latest it is over; so is one that is older than the person's password: who changes it
 * gets a session anew.  Whoever ends one calls auth_bust after the commit.
 * Layer: includes crypto, db. */
#ifndef MODEL_SESSION_H
#define MODEL_SESSION_H
#include "db/db.h"

#define SESSION_SECRET_LEN 43		/* letters of the cookie */
#define SESSION_IDLE_MS	(14 * INT64_C(86400000))
#define SESSION_MOST_MS	(90 * INT64_C(86400000))
#define SESSION_TOUCH_MS INT64_C(300000)	/* seen_at is written at most so often */
#define SESSIONS_MOST	50			/* of one person: the oldest one gives way */

struct session {
	digest hash;
	person_id person;
	int64_t began_at, seen_at, expires_at;
	str ip, agent;
	str email, name;		/* of the person */
};
/* hash, person, began_at, ip, agent (may be absent); the rest follows from them. */
MUST_USE enum err session_insert(struct db *, const struct session *, struct error *);
/* *found: there is one, it is not over at `now`, and the password is no younger. */
MUST_USE enum err session_by_hash(struct db *, struct arena *, const digest *, int64_t now, struct session *ret, bool *found, struct error *);
/* Those of a person, the latest first. */
MUST_USE enum err session_list(struct db *, struct arena *, person_id, int64_t now, struct session ret[SESSIONS_MOST], int *n, struct error *);
MUST_USE enum err session_touch(struct db *, const digest *, int64_t now, struct error *);
MUST_USE enum err session_end(struct db *, const digest *, struct error *);
MUST_USE enum err session_end_all(struct db *, person_id, const digest *but, struct error *);	/* but: NULL, or the one that stays */
/* The keeper's: removes at most `most` that are over; *n tells how many. */
MUST_USE enum err session_sweep(struct db *, int64_t now, int most, int64_t *n, struct error *);
#endif
