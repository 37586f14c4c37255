/* tally -- what each workspace asked today, in memory, and which of its reads are written down.
 *
 * Counting is exact: every request of a known caller, its writes and its errors, by UTC day.  Sums are collected to be
 * written to usage_day; a process that is killed loses at most the last second.
 *
 * Sampling: a workspace may keep so many rows in so many days.  It earns an equal share each hour, saves up to a day's
 * worth, and each row that is kept costs one.  Writes and errors are always kept; a read with a chance of 1 in 2^k, and
 * then stands for 2^k reads.  k is chosen at the beginning of an hour from what came in the hour before, and grows by one
 * whenever a quarter of what is left has been kept; while the ring of rows that wait fills up, `pressure` is added.
 * A refusal before anything was charged to a rate (401, 403, 429, a path or version that nobody knows) can be had as often as somebody
 * likes: an hour's share of them is kept whole, and then they are drawn like reads, with a k of their own that only grows.
 * All of it depends on the past alone, never on the request at hand: so a sum of weights has no bias, whatever requests it
 * is taken of.
 *
 * Limits:   65,536 workspaces; beyond that those that were idle for the longest make room.
 * Threads:  all; a lock for each of 64 shards, held for some 50 ns.  Layer: private to api/. */
#ifndef API_TALLY_H
#define API_TALLY_H
#include "auth/auth.h"
#include "model/request.h"

struct sampler {
	int64_t hour;			/* since 1970; 0: never used */
	int64_t credit;			/* rows that may be kept */
	int64_t quarter, kept;		/* how many reads may be kept with this k, and are */
	int64_t reads, before;		/* of this hour, of the one before */
	int k;
	int64_t refused, refused_kept;	/* of this hour; those drawn with this k */
	int refused_k;
};
enum sampled { SAMPLED_READ, SAMPLED_WHOLE, SAMPLED_REFUSED };	/* whole: a write or an error */
/* The weight of the row to be kept, 0 for none. */
int64_t	sampler_take(struct sampler *, int64_t now_ms, int64_t rows, int64_t days, int pressure, enum sampled, uint64_t random);

struct tallies;
struct tallies *tallies_new(const struct sys_clock *);
void	tallies_free(struct tallies *);
struct tally_seen { const struct principal *who; int64_t now_ms; int pressure; bool write, error, refused; };	/* refused: an error that cost nothing */
/* Counts one and returns its weight; *news: there is something to collect that was not there before. */
int64_t	tally_count(struct tallies *, const struct conf *, const struct tally_seen *, bool *news);

struct tally_sum { workspace_id workspace; int64_t day; ulid run; struct usage n; };
/* Takes what has changed since it was taken last, at most `most`. */
int	tally_collect(struct tallies *, struct tally_sum *ret, int most);
/* The AI spend of a workspace on a day, where it was kept since `since_us`; false: it was not. */
bool	tally_spend(struct tallies *, const struct principal *, int64_t day, int64_t since_us, struct spend_sum *ret);
void	tally_keep_spend(struct tallies *, const struct principal *, int64_t day, int64_t now_us, const struct spend_sum *);
int64_t	tally_lost(struct tallies *);	/* requests that found no room to be counted */
#endif
