/* call -- an operation called from inside: by the command line, and by whoever else speaks for a principal that is known already.
 *
 * The same pipeline with an exchange of its own: what is asked of a request behind its token is asked here too (role or scope,
 * rate, decoding, references, transaction, audit, events, log line).
 *
 *	struct api_call c;
 *	api_call_init(&c, op_named("create_folder"), &who);
 *	c.x.body = …;  or  c.fields = …, c.nfields = …;		c.x.query, c.x.header[…], c.id where they are wanted
 *	api_call_wait(api, &c);					c.x.status, c.x.answer; an error is the envelope
 *	api_call_end(&c);
 *
 * Who must not wait calls api_call_begin; unless c.x.status is set then, c.woken comes once, from any thread, and api_call_resume
 * is due on a thread of the caller's choice, after which the same holds again.
 *
 * Who speaks for a request of another protocol sets `via` and `over`: the call takes the request's id, and its log line and row of the
 * request log stand for both.  It copies from there what headers, peer and url the call is to know.
 *
 * Ownership:  everything lives in c.x.arena until api_call_end.  Threads: a call is on one at a time.  Layer: as api.h. */
#ifndef API_CALL_H
#define API_CALL_H
#include "api/api.h"

struct api_call {
	struct exchange x;		/* first */
	const struct op *op;
	struct principal who;
	str id;				/* of the path: "proj_…"; absent where there should be one: that is refused */
	const struct rec_pair *fields;	/* the body where x.body is absent: options of a command; never with an Idempotency-Key */
	int nfields;
	json_t *json;			/* the body, or the query of a GET, where it was read already; belongs to the caller, is changed */
	size_t bytes;			/* of the text that json was read from */
	bool strict;			/* an unknown field is refused */
	const char *via;		/* the protocol it came by, for the log; NULL: none */
	struct exchange *over;		/* greeted (api_greet), and here until api_call_begin has returned; NULL: none */
	bool follows;			/* the steps of the job that it waits for are shown (work_snapshot) */
	_Atomic bool waiting;		/* for the end of `job` */
	bool done;			/* what it waited for is DONE */
	job_id job;
	void (*woken)(struct api_call *);
	void *ctx;			/* of who is woken */
};
void	api_call_init(struct api_call *, const struct op *, const struct principal *);
void	api_call_begin(struct api *, struct api_call *);
void	api_call_resume(struct api_call *);
void	api_call_wait(struct api *, struct api_call *);	/* begin, and resume on this thread until it has ended */
void	api_call_end(struct api_call *);
#endif
