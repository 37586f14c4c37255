/* openai -- the pieces of the writer for /v1/chat/completions: its stream, its answer, the tidying of what a model wrote.
 *
 * Private to write.  Everything a model or its server sends is a stranger's: bounded, checked, fuzzed.
 * Ownership:  all in the arena that is given.  Threads: none of their own. */
#ifndef WRITE_OPENAI_H
#define WRITE_OPENAI_H
#include "provider/provider.h"
#include "text/text.h"
#include "write/write.h"

_Static_assert((int)WRITE_STOPPED == (int)PROVIDER_STOPPED, "write/fault.def begins with the faults of a provider");

/* Fills all of *ret, which was emptied; on a fault tokens and cost as far as they are known. */
enum write_fault openai_post(const struct conf *, const struct sys_clock *, struct arena *, const struct write_input *,
    write_progress *, void *ctx, struct write_output *ret);

/* prompt.c: what a model gets.  What does not fit into its context (tokens of prompt and answer) is left out. */
#define FENCE_LEN	16
struct prompt {
	str system, user;
	const char *fence;		/* of the lines around what a stranger wrote */
	str source;			/* as much of it as was put */
	struct write_left left[WRITE_LEFT];
	int nleft;
};
void	prompt_make(struct arena *, const struct write_input *, int64_t context, struct prompt *ret);
int	prompt_chars(enum write_length);	/* how long a post is to be */

/* check.c: whether a post can be taken.  First mend what needs no model, then check what came of it. */
struct avoid;
struct check { struct arena *a; const struct write_input *in; const struct prompt *prompt; enum text_lang lang; struct avoid *avoid; };
struct verdict {
	bool good;
	const char *name;		/* of the first flaw */
	str say;			/* to the model: all that is wrong, a line each */
	const char *what, *advice;	/* to a person, of the first flaw that cannot be taken; NULL: there is none */
	str said;
};
void	check_init(struct check *, struct arena *, const struct write_input *, const struct prompt *, str post);
str	check_mend(const struct check *, str post);
bool	check_begins(const struct check *, str post);	/* with the hook, where there is one */
void	check_post(const struct check *, str post, struct verdict *ret);
size_t	check_most(const struct write_input *);	/* code points of a post that is not too long */

#define SSE_MAX		65536		/* bytes of a line, and of the data of an event */
#define REPLY_TEXT_MAX	65536		/* bytes of text: a model that writes more is stopped */
#define REPLY_DOC_MAX	(256 << 10)	/* bytes of an answer that is one JSON document */

/* An event stream (WHATWG HTML, section 9.2), in pieces cut anywhere.  `event` gets the data of each event that has some;
 * false stops. */
struct sse {
	struct buf line, data;
	bool (*event)(void *ctx, str data);
	void *ctx;
	bool begun, after_cr, has_data;
	bool over;			/* a line or an event was too long */
};
void	sse_init(struct sse *, struct arena *, bool (*event)(void *ctx, str data), void *ctx);
bool	sse_feed(struct sse *, str piece);	/* false: stopped, or over */
bool	sse_end(struct sse *);			/* the stream ended: hands over an event that no blank line ended */

/* The answer to a chat completion: a stream of chunks, or one document; the first byte that is not blank tells. */
struct reply {
	struct arena *a;
	enum { REPLY_UNSEEN, REPLY_STREAM, REPLY_DOC } form;
	struct sse sse;
	struct buf doc, text;
	bool read;			/* a chunk, or the document */
	bool whole;			/* finish_reason or [DONE] came */
	bool cut_off;			/* by the model's own limit of length */
	bool filtered;
	bool full;			/* stopped at REPLY_TEXT_MAX */
	bool nonsense;			/* what came is no chat completion */
	struct provider_error error;
	int64_t tokens_in, tokens_out;	/* -1: not told */
};
#define REPLY_TOKENS_MAX	1000000000
void	reply_init(struct reply *, struct arena *);
bool	reply_feed(struct reply *, str piece);	/* false: nothing more is needed */
void	reply_end(struct reply *);		/* the answer ended in good order */

/* The post in what a model wrote: without thoughts, fences and quotation marks around it, at most three hashtags, at most
 * POST_MAX code points, ending with a sentence.  `cut_off`: it may end inside one. */
str	tidy_post(struct arena *, str text, bool cut_off);
/* At most so many code points of a text, ending with a sentence where there is one. */
str	tidy_cut(struct arena *, str text, size_t chars, bool cut_off);
str	tidy_title(struct arena *, str post);	/* its first line, at most 120 code points */
#endif
