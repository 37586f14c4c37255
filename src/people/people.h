/* people -- signing in: passwords, sessions, invitations, and the pages for them (contract 12.3, 12.4, 12.10).
 *
 *	/signin		e-mail address and password; leads back to `next`, a path of this server
 *	/signout	ends the session (POST)
 *	/invite/TOKEN	joins a workspace; a new person chooses a password
 *	/account	workspaces; programs that were allowed, each with a button to revoke it; sessions; another password
 *
 * Passwords are hashed (Argon2id) on threads of their own, signin_threads at a time and SIGNIN_QUEUE waiting; whoever comes on top is asked to
 * come back (503).  An address and an account have so many tries in a quarter of an hour; a wrong try costs the same time and gets the same words whether the
 * account exists or not, and so does one too many: it is not looked at at all.  A browser that an account was used in before has tries of its own there.
 *
 * The cookie is __Host-scriped where public_url is https.  Otherwise it is `scriped`, and only callers from loopback and private addresses are signed in:
 * a password must not cross the Internet in the clear.  Behind a trusted proxy X-Forwarded-Proto and the caller's address decide.  A session gets a new secret at each
 * sign-in (no fixation).
 *
 * A form carries HMAC(server secret, session or nonce cookie, action), and what the browser says of its origin must not be another one's: Sec-Fetch-Site where it
 * sends that, else Origin against our own name.
 *
 * Every sign-in, refusal, password, new member and revoked program is a line of the log, event `people`, without anything that is secret.
 *
 * Ownership:  people_free after the front is closed.  Threads: faces run on the loops; see above.
 * Layer:      includes base, crypto, json, rec, sys, log, conf, db, front, model, limit, auth, api, page. */
#ifndef PEOPLE_H
#define PEOPLE_H
#include "api/face.h"
#include "model/session.h"

#define SIGNIN_QUEUE	64
struct people;
MUST_USE enum err people_new(struct api *, const secret *, struct people **ret, struct error *);
void	people_free(struct people *);
#define PEOPLE_FACES	4
void	people_faces(struct people *, struct front_face ret[PEOPLE_FACES]);

/* The secret of the session in a request's cookie, absent where there is none that may be believed. */
str	people_cookie(const struct api *, const struct exchange *);
/* Whose it is; inside a face's work with the database.  *found false: nobody is signed in. */
MUST_USE enum err people_visitor(struct people *, struct exchange *, struct db *, struct session *ret, bool *found, struct error *);
/* What a form of this visitor carries, and whether what came back is that and came from our own page.  Where nobody is signed in a nonce cookie stands for the session. */
str	people_csrf(struct people *, struct exchange *, const char *action);
bool	people_csrf_ok(struct people *, const struct exchange *, const char *action, str given);
/* Leads a stranger to the sign-in page, and from there to `next`: a path of this server with its query. */
void	people_ask_in(struct people *, struct exchange *, str next);
/* What a scope (enum grant_scope) lets a program do, in plain words: "Read your notes". */
const char *people_scope(int scope);
/* Who shares a limit: an IPv4 address, the /64 of an IPv6 one. */
str	people_group(struct arena *, str address);
#endif
