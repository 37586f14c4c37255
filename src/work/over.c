/* over -- what is over and of no workspace: sessions, invitations, clients without a consent, codes and families of tokens, sessions of MCP.
 *
 * And the progress that jobs told an hour ago.  A duty (duty.c): slice by slice, each a transaction of its own, as with what workspaces have (clean.c). */
#include "model/client.h"
#include "model/grant.h"
#include "model/invitation.h"
#include "model/mcp_session.h"
#include "model/session.h"
#include "work/work_priv.h"

#define SLICE	50		/* rows of a table in one transaction: an index entry or three each */

typedef enum err sweep_of(struct db *, int64_t now, int most, int64_t *n, struct error *);
static sweep_of *const sweeps[] = { session_sweep, invitation_sweep, client_sweep, grant_sweep, mcp_session_sweep, progress_sweep };

struct sweeping { struct work *w; bool more; };

static enum err
sweep(void *ctx, struct db *db, struct error *e)
{
	struct sweeping *s = ctx;
	int64_t now = sys_wall_ms(s->w->c.clock), n;

	s->more = false;
	for (size_t i = 0; i < COUNT(sweeps); i++) {
		TRY(sweeps[i](db, now, SLICE, &n, e));
		s->more |= n >= SLICE;
	}
	TRY(client_trim(db, s->w->c.settings(s->w->c.ctx)->oauth_clients_unused, SLICE, &n, e));
	s->more |= n >= SLICE;
	return OK;
}

bool
sweep_over(struct work *w)
{
	struct sweeping s = { .w = w };
	struct error e;

	return work_told(w, "over", engine_wait(w->c.engine, sweep, &s, &e), &e) && s.more;
}
