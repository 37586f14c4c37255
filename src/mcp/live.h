/* live -- an answer that is a stream, from its first event to its last.  Private to mcp/.
 *
 * A live ask was moved out of its exchange by mcp_stream: it has an arena of its own, and what it does next it does on the teller's thread, one
 * step at a time.  A step is due when an operation or the database woke it, when its time came, when the client answered or left.
 *
 * Ownership:  the teller has all of them; one is freed behind the step in which it ended, when nothing of it is under way any more.
 * Threads:    the step that made it runs on the loop's thread, all others on the teller's.  front_send is called from any. */
#ifndef MCP_LIVE_H
#define MCP_LIVE_H
#include "front/stream.h"
#include "mcp/turn.h"

#define BEAT_MS		15000
#define PROGRESS_MS	100		/* between two looks at the progress of a job */
#define REQUEST_MS	60000		/* how long a client may take to answer a request of ours */
enum why { BY_CALL = 1, BY_DB = 2, BY_TIME = 4, BY_CLIENT = 8, BY_LEAVING = 16, BY_CANCEL = 32, BY_TICK = 64 };	/* what made a step due */

struct listener;
struct live {
	struct ask k;			/* first */
	struct call call;		/* of mcp_read and mcp_write */
	enum err code;
	struct error err;
	struct arena a;
	struct front_stream *out;
	uint64_t id;
	json_t *root, *response;
	struct lent lent;		/* of the exchange */
	struct exchange *over;		/* the exchange itself, during the first step */
	mcp_then *later, *answered;
	int64_t later_us, tick_us;	/* INT64_MAX: never */
	str asked;			/* id of the request that the client is to answer, as JSON */
	int nasked;
	double told;			/* progress */
	struct api_call *cancel;	/* of the job that it waits for */
	bool asked_end;			/* cancel was begun */
	struct listener *listens;	/* NULL: it is an answer to a call */
	/* the teller's, under its lock */
	bool busy, queued, ended, gone, cancelled;
	unsigned due;			/* of enum why */
	struct live *next, *prev, *after;
};

struct teller;
struct teller *teller_new(struct mcp *);
void	teller_drain(struct teller *);		/* streams that listen end in good order; calls go on to their end */
void	teller_free(struct teller *);
int	teller_streams(struct teller *);
void	live_due(struct live *, enum why);	/* from any thread */
void	live_left(struct live *);		/* the step that made it is over, on the loop's thread */
void	live_send(struct live *, str json);	/* one event */
void	live_done(struct ask *);		/* the answer is in k->out: the last event */
/* Both from a loop's thread: whose request it is the session tells. */
void	live_cancel(struct mcp *, const digest *session, const digest *id, size_t bytes);	/* id: that many bytes of its MAC */
void	live_response(struct mcp *, const struct mcp_session *, str id, json_t *response);
/* Each of those that listen, newest first, under the lock of the teller: quick.  One for which `each` says false ends. */
void	live_each_listener(struct teller *, bool (*each)(struct live *, void *ctx), void *ctx);

bool	live_given_up(const struct ask *);	/* cancelled; with the versions that have sessions to be gone is no word against a request */
void	live_watch_job(struct ask *);		/* progress_tick from now on, until it ends */

/* From now on, and behind what `first` says (NULL: nothing); another stream of the same session ends. */
void	live_listens(struct live *, struct listener *, void (*first)(struct live *, const struct listener *));

/* --- listen.c --- */
struct uris { str *v; int n; };		/* of one with a session they stand in its row */
struct listener { bool tools, prompts, resources, has_uris; struct uris uris; struct auth_ask by; int64_t began_ms; };
void	listen_say(struct live *, const char *method, str members);	/* notifications/METHOD with these members of params */
struct auth_ask listen_by(struct live *);	/* who asked, to be asked again while it goes on; in the first step */
struct auth_ask listen_ask_copy(struct arena *, struct auth_ask);
struct uris listen_uris(struct arena *, const json_t *list);
void	listen_session(struct turn *);		/* GET: what is not an answer, to a client with a session */
void	listen_over(struct ask *);		/* ends in good order, as the version has it */

/* --- nodes.c: words to the other nodes --- */
digest	mcp_id_mac(const struct mcp *, str id);
void	mcp_say_changed(struct mcp *, const digest *session);
void	mcp_say_cancelled(struct mcp *, const digest *session, const digest *id);

/* --- watch.c --- */
struct watch *watch_new(struct mcp *);
void	watch_free(struct watch *);

/* --- progress.c: the job that a call waits for --- */
void	progress_tick(struct ask *);
void	progress_last(struct ask *);		/* what is left to tell comes before the result: a bar is full at the end */
void	progress_cancel(struct ask *);		/* the caller left, or said so */
void	progress_cancelled(struct ask *);	/* goes on with that */
#endif
