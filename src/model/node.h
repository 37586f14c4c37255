/* node -- the processes that serve or work over one database, and what one of them does for all (schema 5, PostgreSQL).  The only code
 * that names tables node and duty.
 *
 * A node renews its row every few seconds and takes it away at its end; one that was not seen for NODE_DEAD_MS is dead.
 *
 * A duty is held for a while by one node, which holds it longer and longer while it lives; when it does not, another node takes the duty
 * when that while is over.  Nobody is elected, and whoever holds a duty does it so that two at the same moment would do no harm: a node
 * that was paused may believe for an instant that it still holds one.
 * Its row also says the settings that all nodes are to have alike (conf_shared), so that one that starts with others is found out.
 * Layer: includes db. */
#ifndef MODEL_NODE_H
#define MODEL_NODE_H
#include "db/db.h"

#define NODE_SCHEMA	5		/* on an older one there are no such tables: each node does all duties, as before */
#define NODE_DEAD_MS	20000
#define NODES_MAX	1000		/* that are looked at */

/* alive and differs (those of its settings on which the living do not agree): for who lists them, nodes_judge */
struct node { node_id id; str role, host, version, settings, differs; int64_t began_at, seen_at; bool alive; };
extern const struct rec node_rec;
MUST_USE enum err node_say(struct db *, const struct node *, struct error *);	/* it is there, seen at seen_at */
MUST_USE enum err node_gone(struct db *, node_id, struct error *);
MUST_USE enum err node_list(struct db *, struct arena *, struct node ret[NODES_MAX], int *n, struct error *);	/* oldest first */
void	nodes_judge(struct arena *, struct node *, int n, int64_t now);
str	node_setting(str settings, str name);	/* absent: not known */
/* Of a node that is dead for long: its row. */
MUST_USE enum err node_bury(struct db *, node_id, int64_t unseen_since, struct error *);

/* As they stand: columns name, holder, until. */
MUST_USE enum err duty_list(struct db *, struct rows *ret, struct error *);
/* Takes it, or keeps it, until then; *next_at: when it is due, 0: at once.  Not *mine: another node has it. */
MUST_USE enum err duty_take(struct db *, str name, node_id, int64_t now, int64_t until, bool *mine, int64_t *next_at, struct error *);
MUST_USE enum err duty_next(struct db *, str name, node_id, int64_t next_at, struct error *);	/* it was done, and is due again then */
MUST_USE enum err duty_leave(struct db *, str name, node_id, struct error *);
#endif
