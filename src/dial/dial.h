/* dial -- outbound HTTP through libcurl, with every wait bounded.
 *
 * Errors:   none of HTTP's: a status is a result.  What keeps an answer from coming is a struct dial_result.fault.
 * Threads:  any; a call blocks its thread until the answer is whole, the callback stops it, or a limit is met.
 *           libcurl is initialised at the first call.  A thread that calls blocks or ignores SIGPIPE (those of sys_thread do).
 * Rules:    http and https only, certificates are verified, redirects are answers and not followed (dial_follow does).  The proxy
 *           variables of the environment hold, but not for this machine itself, and not for a call with a guard.
 * Guard:    a URL that a stranger wrote is called with one (guard.h).  Behind a proxy, which looks names up itself, only
 *           the URL is judged: the proxy must guard the rest.
 * Layer:    includes base, sys. */
#ifndef DIAL_H
#define DIAL_H
#include "dial/guard.h"

#define DIAL_ERROR_MAX	65536
#define DIAL_HEAD_MAX	65536	/* bytes of the headers of an answer */

enum dial_fault {
	DIAL_OK,		/* an answer came, whatever its status */
	DIAL_RESOLVE, DIAL_CONNECT, DIAL_TLS,
	DIAL_TIMEOUT,		/* connect, silence or total */
	DIAL_BROKEN,		/* the connection ended inside the answer */
	DIAL_TOO_LARGE,		/* more than max bytes, or headers over DIAL_HEAD_MAX */
	DIAL_BLOCKED,		/* the guard said no */
	DIAL_STOPPED,		/* the callback said so */
};
/* A stretch of a body: text, or as much of a file as is said, which is read while it is sent and never held whole. */
struct dial_part {
	str text;
	int fd;					/* where `bytes` is not 0 */
	int64_t from, bytes;
};
struct dial_request {
	const char *method, *url;
	const char *const *headers;		/* "Name: value", NULL at the end */
	str body;
	const struct dial_part *part;		/* the body in parts, where parts is not 0 */
	int parts;
	int64_t connect_ms, silence_ms, total_ms;
	size_t max;				/* bytes of answer body, unpacked */
	bool unpack;				/* offer gzip and what else libcurl reads, and unpack it */
	const struct guard *guard;		/* NULL: the URL is the operator's */
	const char *proxy;			/* NULL: as the rules above say; "": none */
	/* Called with each piece of body as it comes, once the status is known; false stops the call.
	 * NULL: the body is collected in the arena.  For a status of 300 and more it is always collected, as far as it
	 * fits into DIAL_ERROR_MAX. */
	bool (*piece)(void *ctx, str piece);
	/* Called before the first piece; false stops the call. */
	bool (*begin)(void *ctx, str content_type);
	/* Called with each line of the head as it came, without its end: "HTTP/1.1 200 OK", "Date: …"; NULL: nobody asks. */
	void (*head)(void *ctx, str line);
	/* Called about every 100 ms; false stops the call (shutdown, lost lease). */
	bool (*alive)(void *ctx);
	void *ctx;
};
struct dial_result {
	enum dial_fault fault;
	int status;
	str body, content_type;
	str cache_control;			/* all lines of it as one; absent where it was not sent */
	int64_t length;				/* as Content-Length says, to HEAD too; -1 if not sent */
	int retry_after_s;			/* seconds or HTTP-date, -1 if not sent */
	const char *url;			/* what was called: as the guard wrote it, of several hops the last */
	char address[46];			/* of the other end; empty when there was no connection */
	const char *location;			/* of a redirect, absolute; NULL when none was sent */
	char why[160];				/* for a person, without the secret parts of the URL */
};
void	dial(struct arena *, const struct sys_clock *, const struct dial_request *, struct dial_result *ret);
/* A GET that follows up to `hops` redirects, each judged by the guard anew; total_ms is for all of them.  Before each call `hop` is
 * asked, unless NULL: false ends it as DIAL_STOPPED.  One redirect too many is the answer. */
typedef bool dial_hop(void *ctx, const char *url, int64_t left_ms);
void	dial_follow(struct arena *, const struct sys_clock *, const struct dial_request *, int hops, dial_hop *hop, struct dial_result *ret);
#endif
