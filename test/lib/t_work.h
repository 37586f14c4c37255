/* t_work -- a house for tests of jobs: a database with a workspace and a project, its engine, settings, log, a clock that
 * stands until the test moves it, and a `work`.
 *
 * Its engine can be told to break at a chosen call (t_break), on the one writing connection it has then.  A work without
 * hands has neither workers nor keeper: the test takes the steps itself, and sees a wake-up as a token.
 *
 * Ids of one process ascend whatever the clock says, so a house begins a day after the one before it ended. */
#ifndef T_WORK_H
#define T_WORK_H
#include "conf/conf.h"
#include "t_db.h"
#include "work/work_priv.h"
#include <stdatomic.h>

#define T_PG(h)	((h)->t->pg)

struct t_house {
	struct t_db *t;
	struct sys_clock_test clock;
	struct conf conf;
	struct engine *engine;
	struct log *log;
	char log_path[128];
	struct work *work;
	workspace_id ws;
	project_id project;
	struct arena a;			/* of what the house tells; freed with it */
	struct t_fault *fault;		/* NULL: none */
};
enum { T_HANDS = 1, T_FAULTS = 2 };	/* workers and a keeper; a breakable engine */
/* sets: "name=value name=value"; what is not set is the default, but without rate limits, with 2 workers, `bench` on. */
void	t_house_open(struct t_house *, struct t_db *, unsigned flags, const char *sets);
void	t_house_close(struct t_house *);
void	t_work_close(struct t_house *);		/* as a shutdown does; the house stays */
void	t_work_open(struct t_house *, unsigned flags);
void	t_move(struct t_house *, int64_t ms);	/* the clock forward */
int64_t	t_now(const struct t_house *);
void	t_write(struct t_house *, enum err (*)(void *, struct db *, struct error *), void *ctx);	/* commits, or ends the program */

/* Another workspace with a project. */
void	t_workspace(struct t_house *, int plan, workspace_id *, project_id *);
/* A job of the house's workspace; input NULL: a text to write from. */
job_id	t_job(struct t_house *, int type, const char *input, int64_t reserved);
void	t_get_job(struct t_house *, job_id, struct job *ret);	/* texts live in the house's arena */
int64_t	t_count(struct t_house *, const char *from);	/* SELECT count(*) FROM … */

/* How many rows there are of what a request or a job writes, and what is reserved and spent. */
struct t_tally { int64_t note, post, source, job, event, idempotency, audit, reserved, spent, miscounted, kept, unlisted; };	/* miscounted: columns of the board, always 0;
	kept: projects, folders, columns, keys, people, memberships, knowledge documents, uploads, voice samples and pillars */
struct t_tally t_tally(struct t_house *);
bool	t_same(const struct t_tally *, const struct t_tally *);

/* The engine breaks at the nth call of that kind of the next transaction; `each`: of every transaction from then on. */
void	t_break(struct t_house *, enum db_fault_kind, int n, bool each);
bool	t_mend(struct t_house *);	/* whole again; whether it broke */

/* For a work without hands: takes a job and runs it, as a worker does; false when none is ready.  r is fresh or ended. */
void	t_run_init(struct t_house *, struct run *);
enum err t_step(struct t_house *, struct run *, bool *took, struct error *);	/* writes the end of r down and takes the next */
void	t_run_free(struct run *);
/* Until it is so, or it has taken 30 s: then the test fails. */
#define T_UNTIL(c)	do { int64_t until_ = sys_mono_us(&sys_clock_real) + 60000000; while (!(c)) { \
	if (sys_mono_us(&sys_clock_real) > until_) { t_fail(__FILE__, __LINE__, "never: %s", #c); break; } t_pause(); } } while (0)
void	t_pause(void);			/* a millisecond, between two looks at something that another thread does */
#endif
