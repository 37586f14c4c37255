/* write -- from a source text to a LinkedIn post, by one of two writers (contract 12.8).
 *
 * builtin: extractive and deterministic, no model, no network: every sentence of the draft is a sentence of the source.
 * openai:  any /v1/chat/completions endpoint, streamed.
 *
 * Errors:   a fault is a job's errorCode, a row of fault.def; retryable or not is a column of it.
 * Ownership: what is returned lives in the arena.
 * Threads:  any; no state is shared.
 * Layer:    includes base, text, rank, crypto, json, sys, conf, dial. */
#ifndef WRITE_H
#define WRITE_H
#include "conf/conf.h"
#include "write/voice.h"

#define POST_MAX	3000		/* code points: LinkedIn's limit */

enum write_length { WRITE_SHORT, WRITE_MEDIUM, WRITE_LONG };	/* about 600, 1,200 and 2,000 characters */
struct write_passage { str name, body; };	/* name: of the document */
struct write_input {
	str source;			/* UTF-8, at most 400,000 bytes */
	str language;			/* BCP 47, or absent: that of the source */
	enum write_length length;	/* WRITE_MEDIUM unless the caller asked */
	bool length_free;		/* nobody asked for it: a voice or instructions may */
	str instructions;		/* free text for a model, or absent */
	str hook;			/* the opening line that was chosen, or absent */
	str topic;			/* what its topic is about, in sentences: where to look first; or absent */
	const struct voice *voice;	/* NULL: nothing is known of it */
	const struct write_passage *passage;	/* for a model: of the person's knowledge, best first; builtin writes from the source alone */
	int passages;
};
enum write_fault {
	WRITE_OK = 0,
#define FAULT(id, code, retry, message) WRITE_##id,
#include "write/fault.def"
#undef FAULT
	WRITE_FAULT_COUNT
};
struct write_fault_row { const char *code; bool retry; const char *message; };
const struct write_fault_row *write_fault_row(enum write_fault);

/* An ingredient (prompt.c) that did not fit, and how many of it were left out; of the source, bytes. */
struct write_left { const char *what; int64_t n; };
#define WRITE_LEFT	16
struct write_output {
	str title;			/* at most 120 code points, one line */
	str content;			/* the post: at most POST_MAX code points */
	/* the receipt (contract 12.8) */
	const char *provider;		/* "builtin", "openai" */
	str model;
	int64_t tokens_in, tokens_out;
	int64_t cost_microcents;	/* millionths of a cent */
	bool hooked;			/* the hook was taken; the built-in writer passes over one that the voice avoids */
	str followed;			/* builtin: the instructions that it understood, by name; or absent */
	int calls;			/* how often a model was asked */
	const char *again;		/* what was wrong when it was asked once more; NULL: nothing was */
	size_t source_used;		/* bytes of the source that the writer read */
	struct write_left left[WRITE_LEFT];
	int nleft;
	str prompt_hash;		/* hex SHA-256 of what the writer got; for builtin, of source and options */
	/* on a fault */
	char why[200];			/* what happened, for the person who reads errorMessage */
	int retry_after_s;		/* what the provider asked for, or 0 */
};
/* progress: called now and then with a fraction 0..1 and what happens; returns false when the job must stop. */
typedef bool write_progress(void *ctx, double fraction, const char *what);

enum write_fault write_post(const struct conf *, const struct sys_clock *, struct arena *, const struct write_input *,
    write_progress *, void *ctx, struct write_output *ret);
/* Cents to reserve for one generation: 5 for a provider with a price, 0 otherwise (contract 12.2). */
int	write_estimate_cents(const struct conf *);
bool	write_reads_passages(const struct conf *);
#endif
