/* face -- what the faces beside /v1 share (OAuth, MCP, pages): who sends a request, and work with the database on its behalf.
 *
 *	struct turn_of_mine { struct face f; … };		f first; in the arena of the exchange
 *	head:	struct turn_of_mine *t = NEW(&x->arena, struct turn_of_mine);  face_greet(&t->f, api, x);
 *	run:	face_write(&t->f, change, told);			as the last act of head, run or `then`
 *	change(f, db, e)	runs in a transaction, or for face_read outside any; it may run more than once and keeps what it makes in the arena
 *	told(f)			on the loop's thread: f->code and f->err say how it ended; answers, or asks for more
 *
 * A face's handler has face_resumed as `resumed` and face_end as `end`; x->face is f.  The same count, log line and request id as the API's.
 *
 * Ownership:  all of it lives in the arena of the exchange, until end.
 * Errors:     E_UNCERTAIN of a write is given to `then`, which decides; a full queue is E_UNAVAILABLE.
 * Threads:    a face is on one at a time.  Layer: as api.h. */
#ifndef API_FACE_H
#define API_FACE_H
#include "api/api.h"

struct face;
typedef enum err face_work(struct face *, struct db *, struct error *);
typedef void face_then(struct face *);
struct face {
	struct call call;		/* first: the engine gives it back */
	struct api *api;
	struct exchange *x;
	const struct conf *conf;	/* as they were at the beginning */
	struct arena *a;
	face_work *work;
	face_then *then;
	enum err code;
	struct error err;
	struct arena_mark mark;
	struct principal who;		/* of face_who */
	struct limit_ask rate;		/* of face_rate */
};
void	face_greet(struct face *, struct api *, struct exchange *);
void	face_read(struct face *, face_work *, face_then *);
void	face_write(struct face *, face_work *, face_then *);
void	face_resumed(void *ctx, struct exchange *);
void	face_end(void *ctx, struct exchange *);

/* Who sends it, by its Authorization header, into f->who; then() finds f->code OK, or the refusal that the API would give.
 * From memory when it is warm: then() may be called before this returns. */
void	face_who(struct face *, face_then *);
/* Takes one of that limit, and calls then() with f->rate.st; from memory, or where it is lifted, before this returns. */
void	face_rate(struct face *, struct limits *, struct limit_key, int64_t limit, face_then *then);
/* Writes down that a key or a consent was used, with the next commit: once auth_check says that it is due. */
void	face_used(struct api *, const struct auth_ask *, const struct principal *);
/* public_url without a slash at its end, or where this server listens: the issuer of tokens. */
const char *face_url(const struct face *);
str	face_address(const struct face *);	/* of the caller, behind trusted proxies */

/* What a person did on a page is a write like any other: in its transaction, an entry in the audit log of the workspace that it concerns. */
struct face_deed { workspace_id workspace; person_id person; client_id client; const char *route; str resource; };
MUST_USE enum err face_audit(struct face *, struct db *, const struct face_deed *, struct error *);
#endif
