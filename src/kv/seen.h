/* seen -- what anybody wrote of a workspace is seen by who reads it from a replica, on any node (setting `db_read`).
 *
 * A call that concerns a workspace (db_concerns) is not done before its position in the primary's log is in kv: the engine hands each one over
 * between its COMMIT and its done() (engine_on_told), whoever sent it: requests, pages, jobs, duties.  A call parked here has no connection.
 * A read gets the position with the question for its rate, and a replica that has not replayed so much does not answer it.  Nothing known of the
 * workspace, or nobody to ask: the primary answers.
 *
 * Where kv does not take a position, others may still read an older one there.  So this node shuts all replicas: it moves a row of the primary
 * (table replica_gate), which every node looks at each half a second, and which is a licence to read from replicas for SEEN_LEASE_US alone.  When all
 * licences from before have run out, the calls that waited are done.  While it goes on, nobody reads from replicas, and a call is done as soon as the row was
 * moved once more behind it.  The row also holds how far a replica must be when they are open again, SEEN_SHUT_US after the last such move.
 * A new link to kv shuts for a moment, too: the server may have come back with an older memory.
 *
 * A position holds the timeline of the primary (DB_POSITION), and so does the floor of that row, by which a replica shows whom it follows.  After a promotion the
 * first node that looks moves the row: a replica that does not follow, however much it has of the old log, answers nothing from then on, nor what is asked for by
 * a position of the new primary before that.
 *
 * On an older schema than 5 there are nodes that tell nobody what they write: then nobody reads from replicas.
 *
 * Threads:  one, which looks.  All functions from any.
 * Errors:   none: what cannot be known is KV_UNKNOWN.
 * Layer:    as kv.h. */
#ifndef KV_SEEN_H
#define KV_SEEN_H
#include "kv/kv.h"

#define SEEN_SCHEMA	5
#define SEEN_LEASE_US	INT64_C(2000000)
#define SEEN_SHUT_US	INT64_C(6000000)
#define SEEN_OVER_US	(SEEN_LEASE_US + 200000)	/* behind a move: all licences from before have run out, whoever looks a little late */

struct seen;
struct seen_conf {
	struct engine *engine;
	struct kv *kv;
	struct log *log;
	struct kv_name (*name)(const ulid *workspace);	/* as rates know it */
};
MUST_USE enum err seen_open(const struct seen_conf *, struct seen **ret, struct error *);
/* From now on nobody waits here.  Before kv_close, which answers who still does; then, behind the engine, seen_free. */
void	seen_stop(struct seen *);
void	seen_free(struct seen *);
/* What a replica must have replayed to answer for a workspace whose position kv gave; KV_UNKNOWN: ask the primary.  Of NULL, too. */
int64_t	seen_since(struct seen *, int64_t wrote);

/* For who writes and has no `seen`, such as a command: all nodes read from the primary, and from replicas again when these have what is written by now.  It
 * holds SEEN_OVER_US behind the commit. */
MUST_USE enum err seen_shut(struct db *, struct error *);

struct seen_stats { bool open; int64_t told, held; };	/* positions that kv took; calls that waited for replicas to be shut */
void	seen_stats(struct seen *, struct seen_stats *);	/* of NULL: nothing */
#endif
