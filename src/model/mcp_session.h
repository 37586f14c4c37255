/* mcp_session -- what agents of the older protocol versions began with `initialize`, so that any node can serve any request.  The only code that
 * names table mcp_session.
 *
 * The id is 32 random bytes in base64url; only its HMAC is kept.  A session is its principal's alone and ends a day after its last use.
 * Layer: includes crypto, db. */
#ifndef MODEL_MCP_SESSION_H
#define MODEL_MCP_SESSION_H
#include "db/db.h"

#define MCP_SESSION_MS		INT64_C(86400000)
#define MCP_SESSION_TOUCH_MS	INT64_C(600000)	/* seen_at is written at most so often */
struct mcp_session {
	digest hash, principal;
	str version, client, log_level;
	str subscriptions;		/* a JSON array of URIs */
	int64_t began_at, seen_at;
};
MUST_USE enum err mcp_session_insert(struct db *, const struct mcp_session *, struct error *);
MUST_USE enum err mcp_session_get(struct db *, struct arena *, const digest *, int64_t now, struct mcp_session *ret, bool *found, struct error *);
/* The same, held until the transaction ends. */
MUST_USE enum err mcp_session_hold(struct db *, struct arena *, const digest *, int64_t now, struct mcp_session *ret, bool *found, struct error *);
MUST_USE enum err mcp_session_update(struct db *, const struct mcp_session *, struct error *);	/* log_level, subscriptions, seen_at */
MUST_USE enum err mcp_session_touch(struct db *, const digest *, int64_t now, struct error *);
MUST_USE enum err mcp_session_end(struct db *, const digest *, struct error *);
MUST_USE enum err mcp_session_sweep(struct db *, int64_t now, int most, int64_t *n, struct error *);
#endif
