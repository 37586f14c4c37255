/* turn -- an HTTP exchange that carries messages, and what its parts share.  Private to mcp/.
 *
 *	door.c		Origin and Host, before anything else
 *	turn.c		an exchange from its headers to its answer: who, which version, which session, one message after the other
 *	message.c	a message as it came
 *	answer.c	what is answered
 *	session.c	sessions of the older versions, in memory when warm
 *	method.c	the rows
 *	tool.c, call.c	tools: their list, and a call
 *	go.c		how a method goes on: operations, the database
 *	live.h		answers that are streams: live.c, progress.c, listen.c, watch.c
 *
 * Ownership:  a turn lives in the arena of its exchange, and so do its asks.  Threads: a turn is on its loop's. */
#ifndef MCP_TURN_H
#define MCP_TURN_H
#include "mcp/mcp_priv.h"

struct tools;
struct sessions;
struct teller;
struct watch;
struct mcp {
	struct api *api;
	secret secret;
	uint8_t tag_key[16];
	struct tools *tools;
	struct sessions *sessions;
	struct teller *teller;
	struct watch *watch;
	struct bus *bus;			/* NULL: no other nodes */
	struct bus_listener hears;
	_Atomic int64_t *counts;		/* by row of methods and whether it failed */
};

enum message_kind { MSG_REQUEST, MSG_NOTE, MSG_RESPONSE };
struct message {
	enum message_kind kind;
	str id;				/* as JSON; absent where there is none, or none that could be read */
	str method;
	json_t *whole;
	json_t *params, *meta;		/* objects, or NULL */
	const char *bad;		/* of a batch: what is wrong with this one, or NULL */
};
/* What is wrong, or NULL. */
const char *message_read(json_t *, struct arena *, struct message *ret);
const char *message_id(const json_t *, struct arena *, str *ret);	/* an id as JSON, as struct message has it */

struct turn {
	struct face f;			/* first */
	struct mcp *m;
	void (*go)(struct turn *);	/* when it resumes */
	json_t *root;
	bool batch, found;
	int nmessages, at;		/* and the one that is answered */
	struct message *messages;
	void (*inside)(struct turn *);	/* when its session is known */
	struct ask *ask;
	struct arena part;		/* of a batch, as out and full: what belongs to the message at hand */
	struct buf out;
	bool full;			/* an answer did not fit: no other message is run */
	enum mcp_version version;
	struct mcp_session session;
	digest session_hash;
	struct live *live;		/* that the message at hand became */
};

/* What of an exchange an operation is to know. */
enum { LENT = 5 };
struct lent { str header[LENT], peer; const char *url; bool twice; size_t bytes; };
void	lent_fill(struct lent *, const struct exchange *, struct arena *copies);	/* copies NULL: it lives as long */
void	lent_give(const struct lent *, const json_t *meta, struct api_call *);

/* --- door.c --- */
bool	door_origin(const struct conf *, const struct exchange *, bool loopback);	/* whether a page of that origin may speak to us */
bool	door_host(const struct conf *, const struct exchange *, bool loopback);
const char *door_check(const struct turn *);	/* what is wrong, or NULL */

/* --- mcp.c --- */
void	mcp_count(const struct ask *);

/* --- turn.c --- */
extern const struct front_handler mcp_turns;	/* its ctx is the struct mcp */
void	turn_answer(struct turn *, int status, str body);
bool	turn_header_is(struct arena *, str header, str want);	/* whether a header repeats this text, as it is or encoded */
void	turn_next(struct turn *);		/* the answer of t->ask is complete: goes on with the next message */

/* --- go.c --- */
void	call_end(struct ask *);			/* of k->call, where there is one */

/* --- answer.c --- */
/* An error without an ask: id absent where none is known. */
str	answer_error(struct arena *, str id, int code, str data, const char *message);
void	ask_end(struct ask *);
void	turn_fail(struct turn *, int status, str id, int code, str data, const char *message);
/* A refusal of the API before a message was read: 401 and 403 with a challenge. */
void	turn_refuse(struct turn *, enum err);
const char *turn_challenge(struct turn *, const char *error, unsigned scopes);	/* WWW-Authenticate */

/* --- session.c --- */
struct sessions *sessions_new(void);
void	sessions_free(struct sessions *);
digest	session_hash(const struct mcp *, str id);
digest	session_owner(const struct mcp *, const struct principal *);
/* From memory, copied into the arena. */
bool	session_recall(struct mcp *, struct arena *, const digest *, struct mcp_session *ret);
void	session_remember(struct mcp *, const struct mcp_session *);
void	session_forget(struct mcp *, const digest *);
void	session_touched(struct mcp *, const struct mcp_session *);	/* it is used now; written down once in a while */

/* --- method.c --- */
extern const struct mcp_method mcp_methods[];
extern const int mcp_nmethods;
const struct mcp_method *method_find(str name);
void	capabilities_put(enum mcp_version, struct json *);
int	version_find_mcp(str);			/* -1: none of ours */
enum mcp_version version_for(str asked);	/* what initialize agrees on: that one, or the newest with sessions */
int	mcp_level(str);				/* of a log message; -1: none */
#define DISCOVER_TTL_MS	INT64_C(3600000)	/* how long an answer to server/discover is fresh; it changes with the program */
#define TOOLS_TTL_MS	INT64_C(300000)		/* the same of the list of tools; rights may change */
#define META_WORKSPACE		"io.scripe/workspaceId"
#define META_VERSION		"io.modelcontextprotocol/protocolVersion"
#define META_CAPABILITIES	"io.modelcontextprotocol/clientCapabilities"
#define META_LOG_LEVEL		"io.modelcontextprotocol/logLevel"
void	versions_put(struct json *);		/* an array, newest first */

/* --- tool.c --- */
struct tool { const struct op *op; str name, base, more, id_name; };
struct tools *tools_new(const struct conf *);
void	tools_free(struct tools *);
const struct tool *tool_find(const struct tools *, str name);
bool	tool_may(const struct op *, const struct principal *);
unsigned tools_scopes(const struct tools *);	/* of all of them */
/* The page of the list behind `after` (absent: from the start), most tools at a time; false: there is no such place. */
bool	tools_page(const struct ask *, str after, int most, struct json *, str *ret_next);
#endif
