/* work_priv -- what the files of work/ share.  Not for others. */
#ifndef WORK_PRIV_H
#define WORK_PRIV_H
#include "work/work.h"
#include "ingest/ingest.h"
#include "know/know.h"
#include "model/knowledge.h"
#include "model/node.h"
#include "model/vacate.h"
#include "model/voice.h"
#include "text/marked.h"
#include "write/write.h"

#define RUN_BUDGET	((size_t)64 << 20)

enum verdict { V_NONE, V_DONE, V_FAILED, V_AGAIN, V_RETURNED };

/* One job in the hands of a worker. */
struct run {
	struct work *w;
	const struct conf *conf;
	struct arena a;
	struct job_task task;
	const struct kind *kind;
	int64_t began_ms;
	/* how it ended */
	enum verdict verdict;
	str result, receipt;		/* JSON */
	const char *code;		/* errorCode */
	str message;
	int64_t run_at;			/* V_AGAIN; V_RETURNED: not before, or 0 */
	int64_t cost;			/* millionths of a cent */
	void *effect;			/* what run() made for apply() */
	bool unsure;			/* a commit of its end may stand */
	struct post_counts *counts;	/* of the group in which it ends, or NULL: what apply() puts into columns is counted there */
};
/* One row per job type. */
struct kind {
	int type;
	void (*run)(struct run *);	/* outside any transaction; may take minutes; sets the verdict */
	enum err (*apply)(struct run *, struct db *, struct error *);	/* in the transaction of DONE; may change the verdict; repeatable */
	/* Of a knowledge document: makes name, body, url and marks of what it was submitted with (content_type: of its upload); false: the
	 * verdict is set.  NULL: its text was sent. */
	bool (*origin)(struct run *, struct unlisted *, str content_type);
	bool lengthy;			/* waits for files and strangers: half of the workers are kept for the others */
};
const struct kind *kind_of(int type);	/* NULL: this build does not know it */
extern const struct kind generate_kind, file_kind, analyse_kind, remove_kind, ingest_kinds[];
extern const int ingest_nkinds;

/* run.c: ways to end */
void	run_fail(struct run *, const char *code, const char *fmt, ...) PRINTF(3, 4);
/* A fault of provider or network: another start after the backoff, or the end of attempts. */
void	run_retry(struct run *, const char *code, int after_s, const char *why);
/* Where an effect is written: whether the project of the job still stands; if not, the job has failed with that. */
MUST_USE enum err run_project(struct run *, struct db *, bool *stands, struct error *);
void	run_project_gone(struct run *);
void	run_progress(struct run *, double fraction, const char *what);
void	run_ended(const struct run *);		/* logs how, once that is committed */
bool	run_stopping(const struct run *);

/* Where the texts of knowledge documents come from. */
#define READ_SHARE	0.6		/* of the job, that reading one from somewhere is */
bool	from_page(struct run *, struct unlisted *, str content_type), from_video(struct run *, struct unlisted *, str content_type);

/* reading.c.  share: of the job, that reading is.  false: the verdict is set. */
bool	read_upload(struct run *, upload_id, str type, str name, double share, struct ingest_result *ret);
void	run_unread(struct run *, enum ingest_fault, const struct ingest_result *);	/* the verdict of a fault */

/* What the database said of something that is done again and again: a line in the log when it begins to fail, and one when it succeeds again.
 * Returns whether it succeeded. */
bool	work_told(struct work *, const char *what, enum err, const struct error *);

/* step.c: the transaction between two jobs.  `r` ended (verdict set) or is fresh; *took tells whether it holds another job. */
MUST_USE enum err step(struct work *, struct run *r, bool take, bool *took, struct error *);
/* Gives jobs with an ended lease back; all running ones with now = INT64_MAX. */
MUST_USE enum err step_lost(struct work *, int64_t now, int *ret, struct error *);

/* board.c: progress, durations, waits, figures; each behind the board's own lock */
struct board;
struct board *board_new(const struct sys_clock *);
void	board_free(struct board *);
struct told { struct job_key key; double fraction; int64_t at_ms; char what[96]; };
#define TOLD_MOST	32
void	board_progress(struct board *, const struct job_key *, double fraction, const char *what);
int	board_untold(struct board *, struct told ret[TOLD_MOST]);	/* what the other nodes are to be told now; taken by who asks */
void	board_heard(struct board *, const struct job_key *, const struct job_progress *);	/* what another node told, unless we know more */
bool	board_follow(struct board *, const job_id *);	/* its steps are told to somebody, wherever; whether one is known here */
bool	board_followed(struct board *, const job_id *);
bool	board_shows(struct board *, const job_id *);	/* whether who waits for it here is told them */
void	board_started(struct board *, const struct job_task *);
void	board_ended(struct board *, const struct run *);	/* after COMMIT; wakes who waits */
void	board_dropped(struct board *, const struct job_task *);	/* its lease was lost: somebody else has it */
void	board_lost(struct board *, int n);
void	board_gone(struct board *, const job_id *);	/* ended without a run; wakes who waits */
#define HANDS_MAX	256		/* the most that the setting `workers` allows */
int	board_held(struct board *, ulid ret[HANDS_MAX]);	/* the workers of the jobs that run here */
void	board_no_durations(struct board *, int type);
void	board_duration(struct board *, int type, int64_t ms);
/* Some of the jobs that are waited for, or of those alone whose steps are shown (follows), each once, from there on; 0: that was all.  Otherwise it
 * begins with zeros; waits that come and go meanwhile do not hide others. */
struct waited { int slot; job_id behind; bool follows; };
int	board_waited(struct board *, struct waited *from, struct job_key *ret, int most);
bool	board_waits(struct board *);		/* whether anybody waits */
int64_t	board_expire(struct board *, int64_t grace_us);	/* wakes waits that ran out so long ago; us until the next one, or -1 */
void	board_snapshot(struct board *, struct arena *, struct job *);
bool	board_wait(struct board *, struct work_wait *);	/* true: it is the next one to run out */
void	board_release(struct board *);
void	board_stats(struct board *, struct work_stats *);

/* analyse.c: what is in a text, as topics with ids, for source_topics_insert in the transaction that makes or touches the source.
 * from: the share of the job that was done before it.  No topics where the setting `analyser` says off.  False: the job must stop. */
bool	analyse_run(struct run *, const struct marked_text *, double from, struct rec_list *ret);

/* embed.c: vectors of an unlisted document, each slice behind the fence; the model when all are there, "" otherwise */
str	embed_passages(struct run *, document_id, str name, const struct passage *, int n);
void	*embed_later(void *work);

/* remove.c: the bytes of that upload in the bucket are to go */
MUST_USE enum err remove_enqueue(struct work *, struct db *, workspace_id, upload_id, struct error *);

/* What duties do (duty.c); whether there is more of it.  over.c: what is over and of no workspace; parts.c: partitions */
#define CLEAN_US	20000		/* after that a duty makes room for the others */
bool	sweep_over(struct work *), clean_some(struct work *), move_on(struct work *), empty_some(struct work *), tend_partitions(struct work *);
void	clean_from_the_top(struct work *);

/* duty.c */
#define DUTIES_MAX	16
#define DUTY_PULSES	4		/* so many of them may be missed before a duty is another one's */
struct duty_held { int64_t until, due_us; };	/* ms of the clock of all nodes: 0, it is another one's; when it is due, here */
#define PULSE_MS	5000
/* Pause between two signs of life of a node: where leases are short, who gives lost ones back must not be missed for longer than they last. */
static inline int64_t duty_pulse_ms(const struct conf *c) { return MIN(PULSE_MS, MAX(c->lease / 3, 1)); }
void	duties_hold(struct work *), duties_leave(struct work *);
void	*duties_do(void *work), *keeper_do(void *work), *late_do(void *work);

/* keeper.c: what it does sooner when somebody hints at it: to look at what is waited for, to tell and to read progress */
enum keeper_round { KEEP_LOOK, KEEP_TELL, KEEP_FOLLOW };
void	work_hint(struct work *, enum keeper_round);

/* tell.c: progress for the other nodes */
#define TELL_MS	100		/* between two words of one job */
void	tell_progress(struct work *);
struct telling *telling_new(struct work *);	/* NULL: there are none */
void	telling_free(struct telling *);

MUST_USE enum err work_recall(void *work, struct db *, struct error *);	/* how long the last jobs took, on all nodes */
void	work_ended(struct work *, const job_id *);	/* says it to the other nodes */
void	work_wake_here(struct work *);		/* workers of this node alone: a job may be ready */

/* input.c: what a job is given, as it is kept */
str	input_text(struct arena *, const struct rec *, const void *, size_t max);
MUST_USE enum err input_read(struct run *, const struct rec *, void *ret, struct error *);

/* voice.c: how the person of a project writes, with the samples that suit a source best; `any`: something is known of it */
struct chosen { sample_id id; int64_t milli, shared; };	/* likeness in thousandths; words that it shares with the source */
struct job_voice { struct voice v; bool any; struct chosen sample[VOICE_SAMPLES]; pillar_id *pillar; };
MUST_USE enum err voice_fetch(struct run *, struct db *, str source, struct job_voice *ret, struct error *);

/* receipt.c: what a post was made of (contract 12.8), as the job keeps it */
str	receipt_text(struct arena *, const struct write_output *, size_t source, hook_id, const struct found *, int nfound, const struct job_voice *);

/* Steps that wait for each other (step.c). */
struct step;
struct steps {
	pthread_mutex_t lock;
	struct step *first, **last;
	bool flying;
	int away;			/* of those that landed last with a job: who has not come back */
	int64_t landed_us;
};

#define FAILING_MAX	16		/* more than there are words given to work_told */
struct work {
	struct steps steps;
	struct work_conf c;
	struct board *board;
	struct telling *telling;
	pthread_mutex_t lock;
	pthread_cond_t jobs, keeper, late, duties, pause;	/* pause: those whom the database refused, who must not take a wake-up of jobs */
	int tokens, idle;		/* wake-ups not yet taken; workers that wait for one */
	_Atomic bool stopping;
	_Atomic int lengthy;		/* workers that are at a lengthy job */
	int64_t held_until;		/* ms: when the last lengthy job that was sent away comes back */
	int nthreads;
	pthread_t *thread, keeper_thread, late_thread, duty_thread, embed_thread;
	bool keeper_runs, late_runs, duty_runs, embed_runs, poke, poke_late;
	unsigned hints;			/* a bit of enum keeper_round each */
	struct bus_listener hears_jobs, hears_ends, hears_follows, hears_steps;
	_Atomic int live;		/* nodes, this one included */
	const char *failing[FAILING_MAX];	/* work_told's, under the lock */
	_Atomic int nfailing;
	struct duty_held duty[DUTIES_MAX];
	struct vacated move_at;		/* the duties': what it moved from last, and whether there was anything in this round */
	bool moved;
	workspace_id empty_at;		/* the duties': the unlisted document that it looked at last */
	document_id empty_behind;
	workspace_id clean_at;		/* the duties': the workspace whose turn is over */
};
#endif
