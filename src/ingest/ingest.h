/* ingest -- files to text: the server's side of scriped-extract, the program that reads one file in a sandbox of its own.
 *
 * The server links no parser of strangers' files.  It starts the program for each file, with nothing but the file, two pipes and a
 * private folder: no environment, no other descriptor, and with the lowest claim to the processor.  The program writes lines of
 * JSON (src/extract tells which); what they say is believed as far as it can be checked: UTF-8 without controls, pages and times
 * that ascend, as much text as a source may have.  It is killed when it is late, writes too much or is wanted no more, and with
 * the server; nothing of it stays, neither a process nor a file.
 *
 *	DIR/tmp/file-XXXXXX	the folder, or in $TMPDIR/scriped-extract-UID where there is no data folder.  Its maker holds a lock on it,
 *				so that a sweep of another process removes only what nobody uses any more
 *
 * Settings extract_…: the program, how long it may take and with how much memory, and how many may run at the same time.
 * Of a recording the program leaves the sound in a file of the folder; what is said in it is written down by whom the settings
 * transcriber and transcribe_… name: the same program, started once more (--transcribe), or an endpoint (speech/speech.h).
 *
 * Errors:   a fault is a job's errorCode, a row of fault.def; retryable or not is a column of it.  `why` says more where there is more.
 * Ownership: what is returned lives in the arena; the caller's descriptor stays open, its offset moves.
 * Threads:  any.  The thread waits while the program runs; who started it must not end before (the kernel ties them together).
 * Limits:   INGEST_TEXT_MAX characters; memory of some 3 times the text.
 * Layer:    includes base, text, json, sys, conf, speech. */
#ifndef INGEST_H
#define INGEST_H
#include "conf/conf.h"
#include "text/marked.h"

#define INGEST_TEXT_MAX	1000000		/* code points */

enum ingest_fault {
	INGEST_OK = 0,
#define FAULT(id, code, retry, message) INGEST_##id,
#include "ingest/fault.def"
#undef FAULT
	INGEST_FAULT_COUNT
};
struct ingest_fault_row { const char *code; bool retry; const char *message; };
const struct ingest_fault_row *ingest_fault_row(enum ingest_fault);

struct ingest_result {
	struct marked_text text;
	str type;			/* media type by content; absent when it was not recognised */
	int64_t cost_microcents;	/* of a transcription; millionths of a cent */
	str said;			/* the end of what the program wrote on its standard error, for the log */
	/* on a fault */
	char why[200];			/* what happened, for the person who reads errorMessage; or empty */
	int retry_after_s;		/* what a provider asked for, or 0 */
};
/* Called every 100 ms at least, with a fraction 0..1 and what happens; returns false when the job must stop. */
typedef bool ingest_progress(void *ctx, double fraction, const char *what);

/* The file at fd, from its beginning.  type and name: as its sender declared them, or absent.  A recording that was declared as
 * anything but audio or video is INGEST_UNSUPPORTED. */
enum ingest_fault ingest_file(const struct conf *, const struct sys_clock *, struct arena *, int fd, str type, str name,
    ingest_progress *, void *ctx, struct ingest_result *ret);
/* The same, but the lines of the program go to `line` as they are; text stays empty. */
enum ingest_fault ingest_lines(const struct conf *, const struct sys_clock *, struct arena *, int fd, str type, str name,
    void (*line)(void *ctx, str), ingest_progress *, void *ctx, struct ingest_result *ret);

/* What the program on this machine can read. */
struct ingest_format { str name, types, missing; bool reads; };	/* types: comma-separated; missing: the package that it lacks, or absent */
enum ingest_fault ingest_formats(const struct conf *, const struct sys_clock *, struct arena *, struct ingest_format **ret, int *n,
    struct ingest_result *);

/* An empty file without a name where those folders are, for bytes on their way to ingest_file; the caller closes it.  E_FULL, E_SYS */
MUST_USE enum err ingest_scratch(const struct conf *, int *ret, struct error *);
/* Removes folders of processes that are gone. */
void	ingest_sweep(const struct conf *);
#endif
