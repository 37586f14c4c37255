/* request -- the request log, and what a workspace used by day.  The only code that names tables request_log,
 * request_log_size and usage_day.
 *
 * The log holds every write and every error of a known caller, and a sample of the reads and of refusals that are many; a row
 * that stands for several has their number as its weight.  It is bounded twice: by age, and by rows of a workspace, whose
 * number is kept exactly beside it, in the transactions that add and remove them.
 *
 * Filters of a page are judged on the way through the log, newest first: with at most request_log_rows rows that takes
 * some 20 ms where nothing matches.  Only errors, which people look for and which are few, have an index.
 *
 * Usage is counted exactly, in memory, and written as sums: a row for each day and each counter that ever ran.  So a
 * row may be written twice without harm, and nodes do not wait for each other.
 *
 * Layer: includes db, page, words. */
#ifndef MODEL_REQUEST_H
#define MODEL_REQUEST_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

struct request_log {
	request_id id;			/* carries the moment */
	str principal;
	int mode, method, idempotency;
	str operation, route, path, query;	/* route: of the operation, in no row */
	int64_t status;
	str error;
	int64_t us, bytes_in, bytes_out;
	str ip, agent, version, ignored;
	int64_t weight;
	client_id client;		/* the program that acted for principal, or unset */
};
extern const struct rec request_log_rec;
struct request_logs_query { struct page_query page; unsigned method; str status, operation, error; key_id key; int64_t from, to; };
extern const struct rec request_logs_query_rec;

/* Writes a row once, however often it is asked to; *added tells whether it was new. */
MUST_USE enum err request_log_insert(struct db *, workspace_id, const struct request_log *, bool *added, struct error *);
/* After `added` rows more: removes the oldest ones over `most`, at most `slice` of them; *ret tells how many went. */
MUST_USE enum err request_log_trim(struct db *, workspace_id, int added, int64_t most, int slice, int64_t *ret, struct error *);
/* Removes at most `slice` rows that are older. */
MUST_USE enum err request_log_clean(struct db *, workspace_id, int64_t before, int slice, int64_t *ret, struct error *);
/* principal: only what this one asked, absent: all; client, where it is set: only what it asked through that program. */
MUST_USE enum err request_log_page(struct db *, workspace_id, const struct request_logs_query *, str principal, client_id client, const struct page *,
    struct rows *ret, struct error *);
/* E_NOT_FOUND, in the words that both of them use. */
enum err request_log_none(struct error *);
MUST_USE enum err request_log_get(struct db *, struct arena *, workspace_id, request_id, struct request_log *ret, struct error *);
MUST_USE enum err request_log_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
/* The current row of a page, its texts borrowed. */
void	request_log_scan(struct rows *, struct arena *, struct request_log *ret);

struct usage { int64_t requests, writes, errors; };
struct usage_day { int64_t day; struct usage n; };		/* day: number of days since 1970 */
MUST_USE enum err usage_put(struct db *, workspace_id, int64_t day, const ulid *run, const struct usage *, struct error *);
/* The days of [from, to] that have any, asked for; and heard, the oldest first. */
MUST_USE enum err usage_ask(struct db *, workspace_id, int64_t from, int64_t to, int most, struct rows *ret, struct error *);
MUST_USE enum err usage_days(struct rows *, int most, struct usage_day *ret, int *n, struct error *);
MUST_USE enum err usage_clean(struct db *, workspace_id, int64_t before_day, int slice, int64_t *ret, struct error *);
#endif
