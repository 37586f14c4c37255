/* limit -- exact sliding windows of 60 seconds (contract 12.1): at most `limit` takes in any 60 s, not a fixed window
 * and not a smoothed guess.  limits_over makes longer ones.
 *
 * Alone, a window is the ring of the moments of its last `limit` takes.  Keys hash to 256 shards with a lock each, held for
 * some 50 ns, so that two workspaces practically never meet on one.  Who asks is answered at once.
 *
 * Shared (limits_share), the window is that of all nodes (kv.h), and the answer may come later.  What this node took is kept in its own ring, too: while
 * nobody can be asked, the ring judges, by the share of one node of the limit.
 *
 * Limits:   max_keys keys; beyond that, keys idle for 60 s make room, and when all are busy the oldest of a shard goes.
 * Threads:  all; `done` comes on a thread of kv and must be quick.  Layer: includes base, sys, kv. */
#ifndef LIMIT_H
#define LIMIT_H
#include "kv/kv.h"

#define LIMIT_WINDOW_MS	60000
struct limit_key { uint64_t lo, hi; unsigned part; };	/* a hash of whom is limited, the same on all nodes, and of what */
struct limit_state {
	int limit;		/* 0: lifted, nothing is counted or refused */
	int remaining;
	int reset_s;		/* until the oldest take leaves the window, rounded up; 0 when none is counted */
	bool refused;
};
struct limits;
struct limits *limits_new(int max_keys);
struct limits *limits_over(int max_keys, int64_t window_ms);
/* From now on all nodes count together, where kv has somebody to count with; `kind` tells these limits from others. */
void	limits_share(struct limits *, struct kv *, char kind);
void	limits_free(struct limits *);

/* A question, in the memory of who asks. */
struct limit_ask {
	struct kv_take take;		/* first */
	struct limits *l;
	struct limit_key key;
	int limit;
	bool look;			/* without taking */
	bool counted;			/* in the ring of this node already */
	bool ask_wrote;			/* fill `wrote` */
	int64_t now_ms;			/* monotonic */
	void (*done)(struct limit_ask *);	/* once, where limits_ask said false */
	struct limit_state st;		/* the answer */
	int64_t wrote;			/* see kv_take; KV_UNKNOWN where there is none to ask */
};
/* True: st is filled.  False: done() comes. */
MUST_USE bool limits_ask(struct limits *, struct limit_ask *);

/* --- of this node alone --- */
/* Takes one unless it is refused; now_ms is monotonic. */
void	limits_take(struct limits *, struct limit_key, int limit, int64_t now_ms, struct limit_state *ret);
/* The state, without taking. */
void	limits_look(struct limits *, struct limit_key, int limit, int64_t now_ms, struct limit_state *ret);
/* Takes one of this node's at once and tells the other nodes; nobody waits for what they say, but from then on limits_look knows it. */
void	limits_tell(struct limits *, struct limit_key, int limit, int64_t now_ms);
#endif
