/* provider -- calls to an endpoint of the OpenAI kind (/chat/completions, /embeddings, /audio/transcriptions: OpenAI, Ollama,
 * llama.cpp, vLLM, whisper.cpp), and what is told when one fails.
 *
 * A provider is what a group of settings says: NAME_url, NAME_key, NAME_model.  All that its server sends is a stranger's.
 * Errors:   a fault is a job's errorCode, a row of fault.def; why says what happened and which setting to look at, and never
 *           holds the key.  Modules above begin their own faults with these rows, so that the numbers are the same.
 * Ownership: answers live in the arena.  Threads: any; a call blocks its thread, with every wait bounded.
 * Layer:    includes base, json, sys, dial. */
#ifndef PROVIDER_H
#define PROVIDER_H
#include "json/json.h"
#include "sys/sys.h"

enum provider_fault {
	PROVIDER_OK = 0,
#define FAULT(id, code, retry, message) PROVIDER_##id,
#include "provider/fault.def"
#undef FAULT
	PROVIDER_FAULT_COUNT
};

struct provider {
	const char *name;			/* of its settings: "openai" for openai_url */
	const char *url, *key, *model;		/* key "": none is sent */
	const char *path;			/* "/chat/completions"; a url may end with it or with what stands before it */
	int64_t connect_ms, stall_ms, total_ms;	/* to connect; longest silence; all in all */
};
struct dial_part;
struct provider_call {
	const struct provider *to;
	struct arena *a;
	const char *content_type;		/* of the body; NULL: application/json */
	const char *accept;			/* NULL: application/json */
	str body;
	const struct dial_part *part;		/* the body in parts, as dial's, where parts is not 0 */
	int parts;
	size_t max;				/* bytes of answer */
	bool (*piece)(void *ctx, str);		/* as dial's; NULL: the answer is collected */
	bool (*alive)(void *ctx);		/* about every 100 ms; false stops; may be NULL */
	void *ctx;
	/* what came of it */
	int status;				/* 0: none came */
	str answer, type;			/* type: its media type */
	char why[200];
	int retry_after_s;			/* what the provider asked for, or 0 */
	bool got;				/* a part of an answer came */
	bool stopped;				/* alive said so */
};
/* PROVIDER_OK: an answer of 2xx came whole, or piece stopped it. */
enum provider_fault provider_ask(const struct sys_clock *, struct provider_call *);

/* {"error": …} as servers write it: an object, or just a text; `code` a number or a word. */
struct provider_error { bool found; str message, code; int status; };
struct provider_error provider_error(struct arena *, const json_t *root);

/* Fills why with "WHAT: SAID. ADVICE" and returns fault.  `said` is a stranger's: its beginning, on one line, without the key.
 * An @ in `what` or `advice` stands for the name: "Check @_url." */
enum provider_fault provider_blame(struct provider_call *, enum provider_fault, const char *what, str said, const char *advice);
/* The same for an error that came inside an answer of 200. */
enum provider_fault provider_blame_error(struct provider_call *, const struct provider_error *);
/* About how many tokens a text has: four plain letters to one, an ideograph one of its own.  Cents per million tokens are
 * millionths of a cent per token. */
int64_t	provider_tokens(str text);
void	provider_put_message(struct json *, str role, str content);	/* of the list `messages` of a chat */
#endif
