/* mcp_priv -- a message of the protocol on its way, as the methods see it.  Private to mcp/.
 *
 * A method is one row of methods[] (method.c): its name, the versions that have it, a function.  A function ends with one of
 *
 *	j = mcp_result(ask);  jw_key_str(j, …);  …  mcp_done(ask);		the result, member by member
 *	mcp_fail(ask, RPC_PARAMS, "…");						an error of the protocol
 *
 * or goes on: mcp_operate (an operation of the API, with all that is asked of a request), mcp_read and mcp_write (the database), mcp_later.
 * Each takes what is called next, as the last act of the function, and that ends or goes on in turn.  Nothing blocks.
 *
 * An answer that is to be a stream begins with `if ((ask = mcp_stream(ask)) == NULL) return;` before anything else: what comes behind
 * that may be on another thread, and may call mcp_notify, mcp_progress, mcp_request.  mcp_done and mcp_fail then end the stream.
 *
 * Ownership:  an ask and all that it points to live until its end; its arena is its own.
 * Errors:     of the API (enum err) are told by mcp_refuse; codes of the protocol are enum rpc.
 * Threads:    an ask is on one thread at a time: a loop's, or the teller's where it is a stream.
 * Layer:      as mcp.h. */
#ifndef MCP_PRIV_H
#define MCP_PRIV_H
#include "api/call.h"
#include "mcp/mcp.h"
#include "model/mcp_session.h"

/* Oldest first. The last one is without sessions: each request says all that there is to know ("modern"). */
enum mcp_version { MCP_2025_03_26, MCP_2025_06_18, MCP_2025_11_25, MCP_2026_07_28, MCP_VERSIONS };
extern const str mcp_versions[MCP_VERSIONS];
#define SINCE(v)	(~0u << MCP_##v & ((1u << MCP_VERSIONS) - 1))
#define LEGACY		((1u << MCP_2026_07_28) - 1)
#define MODERN		SINCE(2026_07_28)
static inline bool is_modern(enum mcp_version v) { return v == MCP_2026_07_28; }

enum rpc {
	RPC_PARSE = -32700, RPC_REQUEST = -32600, RPC_METHOD = -32601, RPC_PARAMS = -32602, RPC_INTERNAL = -32603,
	RPC_RESOURCE = -32002,		/* not found; from 2026-07-28 on that is RPC_PARAMS */
	RPC_HEADER = -32020, RPC_CAPABILITY = -32021, RPC_VERSION = -32022,
};

struct ask;
typedef void mcp_then(struct ask *);
typedef void mcp_told(struct ask *, enum err, const struct error *);
typedef enum err mcp_change(struct ask *, struct mcp_session *, struct error *);
typedef enum err mcp_work(struct ask *, struct db *, struct error *);	/* may run more than once; outside a transaction for mcp_read */

struct turn;
struct live;
struct mcp_method;
struct ask {
	struct mcp *m;
	const struct mcp_method *method;
	enum mcp_version version;
	struct principal who;
	const struct mcp_session *session;	/* NULL: the version has none */
	json_t *params;			/* an object, or NULL */
	json_t *meta;			/* its _meta, or NULL */
	str id;				/* of the request, as JSON; absent: a notification, nothing is answered */
	struct arena *a;
	struct turn *turn;		/* the exchange it came in; NULL on a stream */
	struct live *live;		/* NULL: a plain answer */
	struct api_call *call;		/* of mcp_operate, until the end */
	mcp_then *then;			/* what goes on behind call */
	mcp_work *work;			/* of mcp_read and mcp_write */
	mcp_told *told, *kept;
	mcp_change *change;		/* of mcp_session_keep */
	void *own;			/* of the method */
	json_t *spare;			/* fields that a method made for mcp_operate (mcp_fields); freed at the end */
	/* the answer */
	struct buf out;
	struct json j;
	int http;			/* status; 0: 200, or what the error's code asks for */
	bool failed;
};
struct mcp_method {
	str name;
	unsigned versions;		/* a bit each */
	const char *named;		/* the parameter that the header Mcp-Name repeats, or NULL */
	mcp_then *run;
};
/* What a version offers: "capabilities" of initialize and server/discover. */
struct capability { str name; unsigned versions; const char *json; };
/* Tools that exist under the setting mcp_conformance alone (fixtures.c).  run: as of a method; params are those of tools/call. */
struct fixture {
	const char *name, *description;
	const char *input, *output;	/* schemas; output NULL: none */
	unsigned versions;
	mcp_then *run;
};
extern const struct fixture *const mcp_fixtures;
extern const int mcp_nfixtures;

struct api *mcp_api(const struct ask *);

/* --- parameters --- */
str	mcp_text(const json_t *object, const char *name);	/* absent: there is none, or it is no text */
bool	mcp_client_can(const struct ask *, const char *capability);	/* as the client said of itself, in this request or when the session began */

/* --- answers --- */
struct json *mcp_result(struct ask *);		/* inside {"result":{ */
struct json *mcp_result_as(struct ask *, str type);	/* one that is not complete: "input_required", "task"; resultType where the version has it */
struct json *mcp_result_meta(struct ask *, str type, str meta);	/* and with members of _meta: JSON without its braces, or absent */
void	mcp_caching(struct ask *, int64_t ttl_ms, bool everybody);	/* where the version has it */
void	mcp_done(struct ask *);
void	mcp_fail(struct ask *, int code, const char *fmt, ...) PRINTF(3, 4);
void	mcp_fail_data(struct ask *, int code, str data, const char *fmt, ...) PRINTF(4, 5);	/* data: JSON */
void	mcp_refuse(struct ask *, enum err, const struct error *);	/* by the API's error: its words, its status in data */

/* --- going on --- */
/* An operation with the id of its path (absent: that is refused, where it has one) and its query or body, or NULL for none.
 * then: ask->call->x.status and .answer, JSON; an error is the envelope.  The next operation of an ask ends the one before. */
void	mcp_operate(struct ask *, const struct op *, str id, json_t *fields, mcp_then *then);
json_t *mcp_fields(struct ask *, json_t *made);		/* made, which belongs to the ask from now on; values of a query are texts */
/* A token of OAuth lacked a scope for the operation that has just been refused: ends the ask with the challenge.  Otherwise false. */
bool	mcp_step_up(struct ask *);
void	mcp_read(struct ask *, mcp_work *, mcp_told *then);
void	mcp_write(struct ask *, mcp_work *, mcp_told *then);
/* Changes log_level or subscriptions of the session as it stands in its row, held: several requests may change it at the same time. */
void	mcp_session_keep(struct ask *, mcp_change *, mcp_told *then);

/* --- streams --- */
struct ask *mcp_stream(struct ask *);		/* the ask that goes on; NULL: it was answered, the caller returns */
void	mcp_forget(struct ask *);		/* what goes on for long keeps nothing of the message that began it: params and meta are gone */
bool	mcp_gone(const struct ask *);		/* nobody listens any more, or the request was cancelled */
void	mcp_notify(struct ask *, str method, str params);	/* params: a JSON object */
void	mcp_progress(struct ask *, double progress, double total, str message);	/* where the request asked for it */
void	mcp_log(struct ask *, const char *level, str data);	/* notifications/message, where the client wants that level; data: JSON */
void	mcp_later(struct ask *, int64_t ms, mcp_then *then);
/* A request to the client, which the versions with sessions have.  then: ask->own is the response, an object that is borrowed, or NULL. */
void	mcp_request(struct ask *, str method, str params, mcp_then *then);
/* To all streams of this server that want it: "tools", "prompts", "resources"; workspace NULL: of everybody. */
void	mcp_list_changed(struct mcp *, const char *list, const workspace_id *);

/* --- the methods, one function a row --- */
#define METHOD(name)	void name(struct ask *);
METHOD(mcp_initialize) METHOD(mcp_discover) METHOD(mcp_ping) METHOD(mcp_set_level) METHOD(mcp_noted) METHOD(mcp_cancelled)
METHOD(mcp_tools_list) METHOD(mcp_tools_call) METHOD(mcp_listen)
METHOD(mcp_resources_list) METHOD(mcp_templates_list) METHOD(mcp_resources_read) METHOD(mcp_resources_subscribe) METHOD(mcp_resources_unsubscribe)
METHOD(mcp_prompts_list) METHOD(mcp_prompts_get) METHOD(mcp_complete)
METHOD(mcp_tasks_get) METHOD(mcp_tasks_list) METHOD(mcp_tasks_result) METHOD(mcp_tasks_cancel) METHOD(mcp_tasks_update)
#undef METHOD
#endif
