/* journal -- what is written behind the requests, and read again: the request log, usage by day, what is left of limits.
 *
 * Threads:  journal_note on a loop's or the caller's thread, flushing on the engine's.  Layer: private to api/. */
#ifndef API_JOURNAL_H
#define API_JOURNAL_H
#include "api/rq.h"
#include "api/tally.h"

/* Rows wait in a ring of `max` until they ride with another commit; what does not fit is dropped and counted. */
struct journal *journal_new(const struct api_conf *, struct tallies *, int max);
void	journal_free(struct journal *);		/* writes what it holds */
/* A request that has been answered, in `us` microseconds. */
void	journal_note(struct journal *, struct rq *, int64_t us);
struct journal_stats { int depth; int64_t dropped, written, trimmed, lost; bool ok; };	/* lost: requests that were not counted */
void	journal_stats(struct journal *, struct journal_stats *);

/* Appends without what looks like a secret, as UTF-8 without controls, up to max bytes. */
struct scrubbed { char *p; size_t n, max; };
void	scrub(struct scrubbed *, str);
void	scrub_query(struct scrubbed *, const struct front_param *, int n);

/* AI spend of today; E_NEED_DB where it is not in memory and there is no database. */
struct spend_state { int64_t cap, spent, reserved, resets_at; };	/* cents; cap INT_NONE: unlimited */
extern const struct rec spend_state_rec;
struct spend_state spend_state_of(const struct rq *, int64_t now, const struct spend_sum *);
#endif
