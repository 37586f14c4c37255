/* progress -- how far jobs are that run, where many nodes share a database (schema 5, PostgreSQL): table job_progress, unlogged, for nothing is lost with it.
 *
 * A snapshot is believed for PROGRESS_KEPT_MS.  The embedded server has it in memory alone (work/board.c): there all of this does nothing.
 * Layer: includes db, page. */
#ifndef MODEL_PROGRESS_H
#define MODEL_PROGRESS_H
#include "db/db.h"
#include "model/page.h"

#define PROGRESS_KEPT_MS	INT64_C(3600000)
struct job_key { workspace_id workspace; job_id id; };
/* Several jobs asked for in one statement: an arm each, one without a job gets NULL. */
#define JOBS_ASKED		32
#define JOBS_ARMS(first, next)	first(1, 2) next(3, 4) next(5, 6) next(7, 8) next(9, 10) next(11, 12) next(13, 14) next(15, 16) next(17, 18) next(19, 20) \
	next(21, 22) next(23, 24) next(25, 26) next(27, 28) next(29, 30) next(31, 32) next(33, 34) next(35, 36) next(37, 38) next(39, 40) next(41, 42) \
	next(43, 44) next(45, 46) next(47, 48) next(49, 50) next(51, 52) next(53, 54) next(55, 56) next(57, 58) next(59, 60) next(61, 62) next(63, 64)
void	jobs_asked(const struct job_key *, int n, struct val ret[2 * JOBS_ASKED]);
struct job_progress { double progress; int64_t updated_at; str message; };
bool	progress_shared(struct db *);			/* whether there is such a table, and anybody to read it */
MUST_USE enum err progress_put(struct db *, const struct job_key *, const struct job_progress *, struct error *);
/* To be asked together with something else (db_ask), and read behind it. */
MUST_USE enum err progress_ask(struct db *, const struct job_key *, struct rows *, struct error *);
MUST_USE enum err progress_read(struct rows *, struct arena *, struct job_progress *ret, struct error *);	/* unchanged where there is none */
/* Of some that run, at most JOBS_ASKED: those of which nothing is known are left alone. */
MUST_USE enum err progress_some(struct db *, struct arena *, const struct job_key *, int n, struct job_progress *ret, struct error *);
/* The same for a page of jobs: the newest PROGRESS_PAGE that report anything between its ends, which are more than run. */
#define PROGRESS_PAGE	500
struct progress_page { struct progress_row { job_id job; struct job_progress is; } *row; int n; };
MUST_USE enum err progress_page_ask(struct db *, workspace_id, const struct page *, struct rows *, struct error *);
MUST_USE enum err progress_page_read(struct rows *, struct arena *, struct progress_page *ret, struct error *);
void	progress_pick(const struct progress_page *, const job_id *, struct job_progress *ret);	/* unchanged where there is none */
MUST_USE enum err progress_sweep(struct db *, int64_t now, int most, int64_t *n, struct error *);
#endif
