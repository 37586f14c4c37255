/* ingest_priv -- what the files of ingest/ share: the private folder, the process, and the lines that it writes.  Not for others. */
#ifndef INGEST_PRIV_H
#define INGEST_PRIV_H
#include "ingest/ingest.h"
#include "json/json.h"
#include <limits.h>

/* folder.c */
struct folder { char path[PATH_MAX]; int fd; };		/* fd: holds the lock; -1: there is no folder */
MUST_USE enum err folder_make(const struct conf *, struct folder *, struct error *);
void	folder_remove(struct folder *);			/* with all that is in it */

/* child.c: one process, from its start until nothing of it is left. */
#define CHILD_LINE_MAX	((size_t)13000000)		/* a million characters, each as an escape of 12 bytes */
#define CHILD_OUT_MAX	((size_t)64000000)
#define CHILD_SAID_MAX	4096
enum child_end {
	CHILD_ENDED,			/* by itself: status */
	CHILD_ENOUGH,			/* `line` wanted no more */
	CHILD_STOPPED,			/* `alive` said so */
	CHILD_LATE, CHILD_FLOODED,
	CHILD_MISSING,			/* there is no such program: why */
	CHILD_SYSTEM,			/* it could not be started: why */
};
struct child {
	const struct sys_clock *clock;
	const char *program;
	const char *const *argv;	/* ends with NULL */
	const char *folder;		/* where it runs */
	int in, pcm;			/* its descriptors 0 and 3; pcm -1: none */
	int64_t time_ms;
	bool (*line)(void *ctx, str);	/* without its line feed; false: enough */
	bool (*alive)(void *ctx);	/* asked every 100 ms */
	void *ctx;
	/* what came of it */
	int status;			/* as waitpid gives it */
	int no;				/* errno of a start that failed */
	char said[CHILD_SAID_MAX];
	size_t nsaid;
};
enum child_end child_run(struct child *);

/* lines.c: what the program writes becomes a text. */
struct lines {
	struct arena *a, scratch;	/* scratch: of one line */
	struct marked_maker m;
	struct ingest_result *ret;
	ingest_progress *progress;
	void *ctx;
	double fraction, began;		/* began: the share of the progress that was over before this run */
	char what[320];			/* 80 characters */
	enum ingest_fault fault;
	bool ended, stopped;
};
void	lines_begin(struct lines *, struct arena *, ingest_progress *, void *ctx, struct ingest_result *ret);
bool	lines_take(void *lines, str line);	/* false: the end, or it went wrong */
bool	lines_alive(void *lines);
void	lines_free(struct lines *);
#endif
