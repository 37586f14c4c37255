/* front -- HTTP/1.1 in and out, on libmicrohttpd: the edges it leaves open are covered here and nowhere else.
 *
 * The life of a request, all on one loop thread unless it parks:
 *
 *	head()		headers are complete.  The handler looks at x and sets x->body_max: how many bytes of body it
 *			wants.  It may answer already (a refusal): the body is then drained as contract 12.1 says.  It may
 *			park: the body waits, and resumed() does what is left to do.
 *	sink()		set by head() where the body is not to be collected: it gets the bytes as they come.
 *	run()		the body is in x->body, or x->body_over tells that it was larger (and has been drained).
 *			Not called when head() answered.  The handler answers, or parks.
 *	resumed()	after front_wake(), again on the loop thread.  The handler answers, or parks again.
 *	end()		the answer is out, or the connection broke.  The last look at x: log, free what `user` holds.
 *
 * Which handler: that of the first face that takes the path, else the one given to front_open.  A path that cannot be
 * decoded is no face's.  A request keeps its handler to its end.
 *
 * Exactly one front_answer per request, or one front_stream (stream.h); front_park at most once per call of head, run or resumed, as the last act.
 *
 * A sink says how many bytes it took.  Fewer than it got: it has no room, the client is held back, and front_wake is due when there
 * is room again; then it gets the rest.  A sink that answers refuses the body.  What is larger than body_max never reaches it as
 * a whole: run() finds x->body_over.
 *
 * What the handler can rely on (contract 12.1, design 3):
 *   - request line and header block at most 32 KB (431/414 and close, no envelope);
 *   - one Host; one Content-Length or chunked, never both; otherwise 400 and close, no envelope;
 *   - x->path is the raw target decoded by segment: a bad escape, %00, %2F or what is not UTF-8 sets path_bad, and path is
 *     empty; in the query the same sets query_bad, except %2F, which is how clients write a URL there;
 *   - headers complete within header_ms of their first byte, bodies at body_rate after 10 s of grace, else the
 *     connection is closed; idle connections are closed after keepalive_ms;
 *   - `Expect: 100-continue` is answered with 100 only when the body is wanted;
 *   - a refused body: with Expect the answer at once and close; else up to drain_max bytes are read and dropped,
 *     then the answer on a connection that stays; beyond that, answer and close.  An answer never resets a client that still sends;
 *   - HEAD and 304: the handler answers as for GET and 200, front sends no body.
 *
 * Ownership:  x and its arena live from head() to end().  Header names must be constants; values and body live in the
 *             arena or are constants.
 * Threads:    head, run, resumed on the loop thread of the connection; end too; front_wake from any, not after front_close.
 * Layer:      includes base, sys. */
#ifndef FRONT_H
#define FRONT_H
#include "sys/sys.h"

/* Request headers that anyone asks for; the rest are skipped in one pass. */
#define FRONT_HEADERS(X) \
	X(ACCEPT, "Accept") X(ACCESS_CONTROL_REQUEST_METHOD, "Access-Control-Request-Method") X(ACCEPT_ENCODING, "Accept-Encoding") X(AUTHORIZATION, "Authorization") X(CONTENT_ENCODING, "Content-Encoding") X(CONTENT_LENGTH, "Content-Length") \
	X(CONTENT_TYPE, "Content-Type") X(COOKIE, "Cookie") X(EXPECT, "Expect") X(HOST, "Host") X(IDEMPOTENCY_KEY, "Idempotency-Key") \
	X(IF_MATCH, "If-Match") X(IF_NONE_MATCH, "If-None-Match") X(LAST_EVENT_ID, "Last-Event-ID") X(MCP_METHOD, "Mcp-Method") X(MCP_NAME, "Mcp-Name") \
	X(MCP_PROTOCOL_VERSION, "MCP-Protocol-Version") X(MCP_SESSION_ID, "Mcp-Session-Id") X(ORIGIN, "Origin") \
	X(SCRIPE_API_VERSION, "Scripe-Api-Version") X(SCRIPE_WORKSPACE_ID, "Scripe-Workspace-Id") X(SEC_FETCH_DEST, "Sec-Fetch-Dest") X(SEC_FETCH_MODE, "Sec-Fetch-Mode") X(SEC_FETCH_SITE, "Sec-Fetch-Site") \
	X(TRANSFER_ENCODING, "Transfer-Encoding") X(USER_AGENT, "User-Agent") \
	X(X_FORWARDED_FOR, "X-Forwarded-For") X(X_FORWARDED_HOST, "X-Forwarded-Host") X(X_FORWARDED_PROTO, "X-Forwarded-Proto")
enum front_header {
#define X(id, name) FH_##id,
	FRONT_HEADERS(X)
#undef X
	FH_COUNT
};

struct front_param { str name, value; };	/* of the query, decoded, in order */
#define FRONT_OUT_MAX	32
struct front_out { const char *name; const char *value; };	/* NUL-terminated: what libmicrohttpd takes */

struct exchange {
	/* what came */
	str method, target;			/* as sent: target is path and query, undecoded */
	str path;				/* decoded; "/v1/notes/note_01…" */
	bool path_bad, query_bad;
	struct front_param *query;
	int nquery;
	str header[FH_COUNT];			/* absent where not sent; of lists all lines as one, else the first */
	bool header_twice[FH_COUNT];
	str body;
	bool has_body, body_over;
	str peer;				/* the address of the other end, without a port */
	const char *url;			/* of this end: front_url, or http://localhost:PORT where it was called so */
	int64_t began_us;			/* mono, when the request line was read */
	/* what goes: filled by the handler through front_answer */
	size_t body_max;
	size_t (*sink)(void *ctx, struct exchange *, const char *p, size_t n);	/* ctx: the handler's */
	int status;
	struct front_out out[FRONT_OUT_MAX];
	int nout;
	str answer;
	bool close;				/* answer with Connection: close */
	bool cut;				/* in end(): the connection broke before the answer was out */
	struct arena arena;
	void *user;
	void *face;				/* of a face that lets another part have `user` */
	void (*wake)(struct exchange *);	/* of an exchange that is no connection's: what front_wake does; front_park does nothing */
};

struct front_handler {
	void (*head)(void *ctx, struct exchange *);
	void (*run)(void *ctx, struct exchange *);
	void (*resumed)(void *ctx, struct exchange *);
	void (*end)(void *ctx, struct exchange *);
	void *ctx;
};
/* A part of the paths with a handler of its own: this path, and with `below` everything under it. */
struct front_face { str path; bool below; struct front_handler handler; };
#define FRONT_FACES	32
struct front_conf {
	const char *listen;			/* HOST:PORT, [::1]:PORT */
	int threads, max_connections;
	int64_t header_ms, keepalive_ms;
	int64_t body_rate;			/* bytes a second */
	size_t drain_max;
	size_t arena_budget;			/* per request */
	const struct sys_clock *clock;
	const struct front_face *faces;		/* copied; FRONT_FACES at most */
	int nfaces;
};
struct front;
MUST_USE enum err front_open(const struct front_conf *, const struct front_handler *, struct front **ret, struct error *);
const char *front_url(const struct front *);	/* "http://127.0.0.1:8080", the port as bound */
int	front_connections(const struct front *);	/* open now, those of streams too */
int	front_streams(const struct front *);	/* that have begun and not ended */

/* Adds a header of the answer; value must outlive x's answer. */
static inline void
front_add(struct exchange *x, const char *name, const char *value)
{
	if (x->nout < FRONT_OUT_MAX)
		x->out[x->nout++] = (struct front_out){ name, value };
}
void	front_answer(struct exchange *, int status, str body);	/* in head, run or resumed */
void	front_park(struct exchange *);		/* in head, run or resumed: it goes on after front_wake */
void	front_wake(struct exchange *);		/* from any thread, once per park; may overtake the return of run() */

/* A header of the request that is not in FRONT_HEADERS, by its name; absent where it was not sent. */
str	front_header(struct exchange *, const char *name);

/* Answers carry Connection: close from now on, so that few connections are kept when front_quiesce comes: who sends into one that
 * is just being closed cannot know whether it arrived. */
void	front_part(struct front *);
/* Stop accepting, too. */
void	front_quiesce(struct front *);
int	front_busy(const struct front *);	/* requests between head() and end(), and streams that have not ended */
/* Turns new requests away, waits for what runs or is parked, then closes every connection, cuts every stream and frees. */
void	front_close(struct front *);

/* The socket-free parts, for tests and fuzzers: decode a raw target into path and query. */
void	front_target(struct exchange *, str target);
/* A form (application/x-www-form-urlencoded) or a query into at most `max` pairs.  False: a bad escape, a NUL, what is no UTF-8, or too many. */
bool	front_form(struct arena *, str, struct front_param *v, int max, int *n);
#endif
