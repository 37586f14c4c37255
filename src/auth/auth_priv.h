/* auth_priv -- what a request shows, and the way from there to a principal through the database.  Private to auth/. */
#ifndef AUTH_PRIV_H
#define AUTH_PRIV_H
#include "auth/auth.h"

#define SESSION_OVER	"The session is over: sign in again."
enum bearer_kind { BEARER_KEY, BEARER_TOKEN, BEARER_SESSION };
struct bearer { enum bearer_kind kind; str secret, workspace, url; };	/* workspace: that is wanted, or absent */

/* Fills *ret whatever has become of it; *used: when it was last written down that it was used.  E_INVALID_TOKEN: nobody knows it;
 * E_WORKSPACE_MISMATCH: a person without any workspace; E_NEED_DB where db is NULL and arithmetic does not suffice. */
MUST_USE enum err bearer_load(const secret *, const struct bearer *, struct db *, int64_t now, struct principal *ret, int64_t *used, struct error *);
#endif
