/* people_priv -- what the files of people share: the state, a visit, the threads that hash, and rules that need neither.
 *
 * A guest is one request of a page, and who sends it.  Its functions are a chain of turns: work with the database (face.h) and hashing (hasher) take it away, and
 * the next function of the chain goes on.  Each ends by answering or by handing it on, as its last act. */
#ifndef PEOPLE_PRIV_H
#define PEOPLE_PRIV_H
#include "model/person.h"
#include "page/page.h"
#include "people/people.h"

/* --- hasher: Argon2id on a few threads, which begin with the first password --- */

struct hash_job {
	struct hash_job *next;
	struct exchange *x;		/* woken when it is done */
	bool make;			/* a new hash; else a password is compared */
	str password, hash;		/* hash absent: nobody's, which takes as long */
	bool ok;
	char made[CRYPTO_PASSWORD];
};
struct hasher;
MUST_USE enum err hasher_new(int threads, struct hasher **ret, struct error *);
void	hasher_free(struct hasher *);
bool	hasher_take(struct hasher *, struct hash_job *);	/* false: too many wait */

/* --- the state and a guest --- */

struct people {
	struct api *api;
	secret secret;			/* of forms */
	uint8_t limit_key[16];
	struct limits *tries;
	struct hasher *hasher;
};

struct guest {
	struct face f;			/* first */
	struct people *p;
	const struct people_route *route;
	struct html h;
	struct page_pairs form;
	str token;			/* of /invite/TOKEN */
	str next;			/* checked; absent: none */
	struct session me;		/* who is signed in */
	bool in;
	struct account who;		/* whose password is asked for */
	bool known;
	str email, name, password;	/* that were typed in */
	struct hash_job job;
	int hashes;			/* that were made or compared so far */
	char cookie[48];		/* the secret of the session that begins */
	person_id left;			/* whose session it takes the place of, or unset */
	str trying;			/* of guest_try */
	face_then *tried;
	void *more;			/* of one kind of page */
};
struct people_route { str path; bool below; face_then *show, *act; };
static inline struct guest *guest_of(struct face *f) { return (struct guest *)f; }

void	guest_hash(struct guest *, bool make, str hash, str password, face_then *then);
/* Behind a look for the account: the password that was given against its own, or against nobody's, which takes as long. */
void	guest_compare(struct guest *, face_then *then);
bool	guest_made(struct guest *);			/* then(): there is a hash to keep, and the secret of a session.  False: answered */
/* One more try of an address and, unless absent, an account; the latter of a browser that knows the account is its own.  One too many is answered
 * with 429, and then() is not called. */
void	guest_try(struct guest *, str account, face_then *then);
bool	guest_form_ok(struct guest *, const char *action);	/* of the field `csrf` */
str	guest_field(const struct guest *, const char *name);	/* one that was sent twice is absent */
void	guest_username(struct guest *, str email);	/* in a form: whose password it is, for who keeps passwords */
/* The beginning of a page; where a program waits for its end, its window is kept. */
void	guest_page(struct guest *, const char *title);
/* A page of a few words instead. */
void	guest_stop(struct guest *, int status, const char *title, const char *fmt, ...) PRINTF(4, 5);
void	guest_trouble(struct guest *);			/* f.code and f.err say which */
enum err guest_who(struct face *, struct db *, struct error *);	/* a face_work: fills me and in */
/* A session of this browser: its secret into the visit, then in a transaction the row, in the place of the one that stood. */
void	guest_secret(struct guest *);
MUST_USE enum err guest_begin(struct guest *, struct db *, person_id, int64_t now, struct error *);
void	guest_set_cookie(struct guest *, str email);	/* of the session, and that the account is known here */
void	guest_drop_cookie(struct guest *);
void	guest_note(struct guest *, const char *what, const person_id *);	/* a line of the log */
int64_t	guest_now(const struct guest *);

/* --- rules --- */

bool	rule_next_ok(str);				/* a path of this server */
bool	rule_of_program(str next);			/* it asks what a program wants */
const char *rule_leads_to(struct arena *, str next);	/* the origin that /oauth/authorize would redirect to, or NULL */
bool	rule_asks_anew(struct arena *, str next);	/* whether /oauth/authorize wants a sign-in that is fresh (prompt=login) */
str	rule_escape(struct arena *, str);		/* as the value of a query */
/* Why it will not do, or NULL. */
const char *rule_password(struct arena *, str password, str email);
bool	rule_name_ok(str);
str	rule_agent(struct arena *, str user_agent);	/* "Firefox on Linux" */

/* --- pages --- */

face_then signin_show, signin_do, signout_show, signout_do, invite_show, invite_do, account_show, account_do;
#endif
