/* limit -- exact sliding windows of 60 seconds (contract 12.1): at most `limit` takes in any 60 s, not a fixed window
 * and not a smoothed guess.  limits_over makes longer ones.
 *
 * A window is the ring of the moments of its last `limit` takes.  Keys hash to 256 shards with a lock each, held for
 * some 50 ns, so that two workspaces practically never meet on one.
 * Limits:   max_keys keys; beyond that, keys idle for 60 s make room, and when all are busy the oldest of a shard goes.
 * Threads:  all.  Layer: includes base, sys. */
#ifndef LIMIT_H
#define LIMIT_H
#include "sys/sys.h"

#define LIMIT_WINDOW_MS	60000
struct limit_key { uint64_t lo, hi; };		/* a hash of whom is limited, and of what */
struct limit_state {
	int limit;		/* 0: lifted, nothing is counted or refused */
	int remaining;
	int reset_s;		/* until the oldest take leaves the window, rounded up; 0 when none is counted */
	bool refused;
};
struct limits;
struct limits *limits_new(int max_keys);
struct limits *limits_over(int max_keys, int64_t window_ms);
void	limits_free(struct limits *);
/* Takes one unless it is refused; now_ms is monotonic. */
void	limits_take(struct limits *, struct limit_key, int limit, int64_t now_ms, struct limit_state *ret);
/* The state, without taking. */
void	limits_look(struct limits *, struct limit_key, int limit, int64_t now_ms, struct limit_state *ret);
#endif
