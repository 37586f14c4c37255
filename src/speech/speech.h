/* speech -- from the sound of a recording to what was said in it, with times.
 *
 * openai:   any /v1/audio/transcriptions endpoint (OpenAI, whisper.cpp, faster-whisper).  The sound goes there in pieces that are
 *           cut where it is quietest; what is silent is not sent.  Times are those of its segments where it tells them, else of
 *           the piece.  A piece that fails for a passing reason is sent again, so that those before it are not paid twice.
 * builtin:  pocketsphinx, in the sandbox of scriped-extract; module ingest runs it.  English, and a draft at best.
 *
 * Errors:   a fault is a job's errorCode, a row of fault.def; retryable or not is a column of it.
 * Ownership: what was said goes to the caller's maker; the descriptor stays open.  A piece needs some kilobytes of memory and its answer.
 * Threads:  any; a call blocks its thread, with every wait bounded.
 * Layer:    includes base, text, json, sys, conf, dial, provider. */
#ifndef SPEECH_H
#define SPEECH_H
#include "conf/conf.h"
#include "text/marked.h"

enum speech_fault {
	SPEECH_OK = 0,
#define FAULT(id, code, retry, message) SPEECH_##id,
#include "speech/fault.def"
#undef FAULT
	SPEECH_FAULT_COUNT
};
struct speech_fault_row { const char *code; bool retry; const char *message; };
const struct speech_fault_row *speech_fault_row(enum speech_fault);

enum speech_way { SPEECH_BY_NONE, SPEECH_BY_BUILTIN, SPEECH_BY_OPENAI };
enum speech_way speech_way(const struct conf *);
bool	speech_costs(const struct conf *);	/* who writes it down wants money for it */
/* The base URL of the endpoint that SPEECH_BY_OPENAI means. */
const char *speech_url(const struct conf *);

struct speech {
	const struct conf *conf;
	const struct sys_clock *clock;
	int pcm;				/* a file of samples, pcm/pcm.h */
	str language;				/* BCP 47, or absent */
	struct marked_maker *into;
	/* Called every 100 ms with a fraction 0..1 and what happens; false stops. */
	bool (*progress)(void *ctx, double fraction, const char *what);
	void *ctx;
	/* what came of it, also on a fault */
	int64_t cost_microcents;		/* of all that was transcribed; millionths of a cent */
	char why[200];				/* for the person who reads errorMessage; empty: the row's message says it all */
	int retry_after_s;			/* what the provider asked for, or 0 */
};
/* Asks the endpoint, whatever the way. */
enum speech_fault speech_transcribe(struct speech *);
#endif
