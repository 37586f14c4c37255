/* kv -- what many nodes count and remember together: in a Valkey or Redis (setting `kv`), without one in UNLOGGED tables of PostgreSQL, and
 * with the embedded database not at all, for there is one process only.  Nothing in it is a truth that cannot be lost.
 *
 *	windows	how many were taken in the last window_us, exact over any such time and all nodes (contract 12.1); moments are those of one
 *		clock: the Valkey's own, or the one that nodes share (sys_clock_shared)
 *	wrote	up to where in the log of the primary a workspace has written, so that a replica that is behind is not asked; Valkey alone
 *
 * Valkey: one thread with one connection.  Takes that wait are sent in one pipeline, those of one name in one command, each command one atomic
 * script; no key is of more than one {hash tag}, so that a cluster is possible.  A take is answered within KV_PATIENCE_US (or the setting kv_timeout) or not at all: then the
 * link is broken off and tried again every second, and meanwhile everybody is told KV_AWAY at once.  A take that was given up may have been counted.
 *
 * PostgreSQL (slots.h): a node takes slots in small blocks: never one request over the limit, at most SLOTS_OUT under it in all nodes together.
 *
 * Ownership:  a take belongs to kv from KV_LATER until done().
 * Errors:     a take that cannot be judged ends with ok = false; the caller judges for itself, by kv_share.
 * Threads:    all functions from any; done() comes on a thread of kv or of the engine, and must be quick.
 * Layer:      includes base, crypto, json, sys, log, conf, db. */
#ifndef KV_H
#define KV_H
#include "db/engine.h"
#include "log/log.h"

#define KV_PATIENCE_US	INT64_C(50000)
#define KV_NEW_US	INT64_C(1000000)	/* between two tries of a link that is away */

/* Of whom (a hash, the hash tag in a cluster), what of them, and for which part of the program. */
struct kv_name { uint64_t lo, hi; unsigned part; char kind; };
struct kv_take {
	struct kv_take *next;		/* kv's */
	struct kv_name name;
	int limit;			/* 1 or more */
	int64_t window_us;
	bool look;			/* without taking */
	bool ask_wrote;			/* tell `wrote` of the same lo and hi, too */
	void (*done)(struct kv_take *);	/* after KV_LATER: once */
	void *kv;			/* kv's */
	int64_t since_us;
	/* the answer */
	bool ok, refused;
	int left;
	int64_t reset_us;		/* until the oldest leaves; 0: none is counted */
	int64_t wrote;			/* KV_UNKNOWN: ask the primary */
};
#define KV_UNKNOWN	INT64_C(-1)

enum kv_backend { KV_MEMORY, KV_VALKEY, KV_POSTGRES };
struct kv_conf {
	const char *uri;		/* redis:// or rediss://; empty: none */
	struct engine *engine;
	struct log *log;
	const struct sys_clock *clock;
	int64_t patience_us;		/* 0: KV_PATIENCE_US */
};
struct kv;
/* A Valkey that is away is no error: it may come.  E_USAGE: the URI is none. */
MUST_USE enum err kv_open(const struct kv_conf *, struct kv **ret, struct error *);
void	kv_close(struct kv *);		/* before the engine; every take is answered */
void	kv_nodes(struct kv *, int n);	/* how many nodes live, this one too: whoever looked */
int	kv_share(const struct kv *, int limit);		/* of one node alone, while nobody can be asked; at least 1 */

enum kv_when { KV_NOW, KV_LATER, KV_AWAY };		/* answered; done() comes; nobody to ask */
enum kv_when kv_take(struct kv *, struct kv_take *);
bool	kv_together(const struct kv *);	/* whether there is anybody to count with: false in memory */
/* What the workspace of that name (kind 'l', part 0) has written ends at `lsn` in the log.  Forgotten after an hour: nothing known is KV_UNKNOWN. */
struct kv_tale { struct kv_tale *next; struct kv_name name; int64_t lsn; void (*done)(struct kv_tale *, bool ok); };
/* True: done() comes, and ok says whether everybody who asks is told so from then on.  False: nobody to tell. */
bool	kv_wrote(struct kv *, struct kv_tale *);
/* How often there was a new link: what was known over an older one may be forgotten. */
int64_t	kv_links(const struct kv *);

#define KV_BINS	12			/* answers within 2^i * 100 us, the last one the rest */
struct kv_stats {
	enum kv_backend backend;
	bool ok;			/* the last word of the link */
	const char *why;		/* a constant: "ECONNREFUSED" where it is not, otherwise empty */
	int64_t latency_us;		/* of the last answer; of PostgreSQL 0: that has a check of its own */
	int64_t takes, late, away;	/* asked; those that had to wait; those that nobody answered */
	int64_t commands, links;	/* sent to Valkey, or trips to PostgreSQL; connections made */
	int64_t bins[KV_BINS], us;	/* of those that waited */
};
void	kv_stats(const struct kv *, struct kv_stats *);		/* of NULL: memory */
/* What a Valkey says of itself (INFO; empty where the user may not ask), when all that counting needs was tried on it.  E_STORAGE: why it is of no use. */
MUST_USE enum err kv_info(const char *uri, const struct sys_clock *, struct arena *, str *ret, struct error *);
#endif
