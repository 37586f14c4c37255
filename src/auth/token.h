/* token -- the tokens of OAuth (contract 12.4): made and read by arithmetic, so that nothing of them is kept.
 *
 *	access	scripe_at_ FAMILY MOMENT MAC	26 letters of the family's ulid, 11 hex digits of milliseconds since 1970, 64 hex digits
 *	refresh	scripe_rt_ FAMILY TURN MAC	26 letters, 11 hex digits of the turn, 64 hex digits
 *
 * The MAC is HMAC-SHA-256 under the server secret over the kind and what stands before it.  A token whose MAC is right was given by this server; whether it
 * still holds, its family says (model/grant.h): the refresh token of the turn before gives, within ten seconds, the very pair that was given already.
 * Threads: any.  Layer: as auth.h. */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H
#include "crypto/crypto.h"

enum token_kind { TOKEN_ACCESS, TOKEN_REFRESH };
#define OAUTH_TOKEN_LEN	111		/* 10 of prefix, 26, 11, 64 */
#define ACCESS_MS	INT64_C(3600000)		/* an access token holds for an hour */
#define REFRESH_MS	(30 * INT64_C(86400000))	/* a family ends 30 days after its last turn */
#define GRACE_MS	INT64_C(10000)			/* an answer that was lost is given again */

/* number: the moment of an access token, the turn of a refresh token. */
void	token_mint(const secret *, enum token_kind, const ulid *family, int64_t number, char ret[OAUTH_TOKEN_LEN + 1]);
/* False: not one of this server's. */
bool	token_read(const secret *, str token, enum token_kind *, ulid *family, int64_t *number);
#endif
