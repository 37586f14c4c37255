/* work -- runs the durable jobs of the database (contract 7, 12.7).
 *
 * A worker's life is one transaction after another: *write down how the last job ended, and take the next one*.  The
 * effect of a job, its DONE, its events and its spend commit together, so that a worker killed at any instant loses
 * nothing and doubles nothing; a job that it held comes back when its lease ends, or when the embedded server starts.
 *
 *	worker threads	step (transaction) -> run the job, without the database -> step -> …; idle ones sleep until woken
 *	the keeper	signs of life, for all jobs held and for this node; polling as the net under the wake-ups; waits that run out
 *	duties		what one node does for all (duty.c): lost leases, cleaning in slices
 *
 * A wake-up is published after COMMIT only, by whoever committed.  It goes to an idle worker of this node, and to the other nodes (bus.h)
 * only when there is none: so a job starts at once, and no herd runs for it.  That a job ended is said to all, who may have waits for it.
 * Threads:  all functions from any thread.  Layer: includes base, text, json, rec, sys, log, conf, bus, db, blob, model, know, write, ingest. */
#ifndef WORK_H
#define WORK_H
#include "blob/blob.h"
#include "bus/bus.h"
#include "conf/conf.h"
#include "db/engine.h"
#include "db/partition.h"
#include "kv/kv.h"
#include "log/log.h"
#include "model/job.h"
#include "model/node.h"
#include "model/workspace.h"

struct near;
#define EMBED_CENTS	1		/* reserved for the vectors of a document, where they have a price */
typedef const struct conf *(*work_settings)(void *ctx);	/* the settings of this moment: SIGHUP changes them */
struct work_conf {
	work_settings settings;
	void *ctx;
	struct engine *engine;
	struct log *log;
	const struct sys_clock *clock;
	struct disk *disk;		/* the embedded store; NULL: there is none */
	struct near *near;		/* NULL: knowledge has no vectors */
	struct bus *bus;		/* NULL: no other nodes */
	struct kv *kv;			/* NULL, or who is told how many nodes count callers */
	struct node node;		/* this one, as its row has it; without an id it has none */
	struct sys_clock_shared *shared;	/* NULL, or the clock that is set by the database's time */
	bool no_workers;		/* jobs are run by other nodes */
};
struct work;
MUST_USE enum err work_open(const struct work_conf *, struct work **ret, struct error *);
/* Without workers and keeper: for a process that only submits, shows and cancels jobs. */
struct work *work_idle(const struct work_conf *);
/* Running jobs are asked to stop and go back to the queue, without a start being counted. */
void	work_close(struct work *);
void	work_wake(struct work *);			/* a job was committed */

/* What the API shows beside the row. */
void	work_snapshot(struct work *, struct arena *, struct job *);	/* fills progress and estimated_ms */

/* A wait for the end of a job: wake is called once, when it ended, at the deadline, or by work_release; on any thread. */
struct work_wait {
	struct work_wait *next;
	workspace_id workspace;
	job_id job;
	int64_t deadline_us;
	bool follows;			/* who waits shows the steps: work_snapshot knows those of other nodes, too */
	void (*wake)(struct work_wait *);
};
void	work_wait(struct work *, struct work_wait *);
void	work_release(struct work *);			/* wakes all waits, now and from now on at once */
void	work_gone(struct work *, const job_id *);	/* it was cancelled, and that is committed */

/* How long rows of a table that is partitioned by time are kept. */
int64_t	work_keep_ms(const struct conf *, enum partitioned);

#define WORK_BINS	12
/* Histograms: bin i counts what took at most 2^i ms (start: 2^i * 100 us), the last one the rest. */
struct work_stats {
	int64_t running, ended[JT_COUNT][JS_COUNT], lost;
	int nodes;			/* that live, this one included */
	bool shared, hears;		/* there may be others; words of theirs arrive */
	int64_t took[WORK_BINS], took_ms, start[WORK_BINS], start_us, starts;
};
void	work_stats(struct work *, struct work_stats *);

/* The input of a POST_GENERATION job, as its row keeps it. */
struct generation {
	str text;
	note_id note;
	source_id source;
	hook_id hook;
	str language, instructions;
	int length;			/* enum gen_length */
	int64_t scheduled_for;
};
extern const struct rec generation_rec;
extern const struct rec receipt_rec;	/* what a finished job keeps of how it was done (receipt.c) */
/* The same of a SOURCE_INGEST_FILE job. */
struct ingestion { upload_id upload; str name, content_type; };
str	ingestion_input(struct arena *, const struct ingestion *);
str	generation_input(struct arena *, const struct generation *);
/* Of a KB_INGEST job: what its text is made of stands with the unlisted document.  content_type: of an upload, or absent. */
str	ingest_input(struct arena *, document_id, str content_type);
/* Of a SOURCE_ANALYSE job: the text stands with the source.  unpaid: nothing could be reserved for it, so the built-in analyser does it. */
str	analysing_input(struct arena *, source_id, bool unpaid);
#endif
