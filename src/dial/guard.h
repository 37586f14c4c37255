/* guard -- which URLs and addresses may be called on behalf of strangers (contract 8.3, 12.6).
 *
 * A URL that a stranger wrote may lead into the network that this server stands in.  So: http and https on the ports of the web
 * only, no user name in it, and each address of its host must be one of the public Internet, in whichever form it is written.  A call with a
 * guard (dial.h) looks the host up itself, refuses it when any one address is not public, connects to these addresses and no
 * others, and judges the address of the connection once more when its socket is made.
 *
 * Ownership:  what is returned lives in the arena, or is a constant.
 * Errors:     a refusal is a sentence without a subject for a person ("leads to 10.0.0.1, a private address"); NULL is consent.
 * Threads:    any; a guard is not changed while it is used.
 * Layer:      includes base, sys. */
#ifndef DIAL_GUARD_H
#define DIAL_GUARD_H
#include "sys/sys.h"
#include <sys/socket.h>

#define GUARD_ADDRESSES	16	/* of one name; more are not looked at and not used */
#define GUARD_URL_MAX	2048	/* bytes */

struct guard_addresses { struct sockaddr_storage at[GUARD_ADDRESSES]; int n; };
/* Fills ret with what a name stands for; n 0 when nobody knows it.  May take seconds: it is called on a thread of its own, and
 * given up on when the time of the call is over. */
typedef void guard_resolver(const char *host, struct guard_addresses *ret);

/* What an address is when it must not be called: "a private address (RFC 1918)". */
typedef const char *guard_judgement(const struct sockaddr *);
guard_judgement guard_public;		/* lets public ones pass; those that stand inside others are judged, too */
guard_judgement guard_any;		/* lets all pass */

struct guard {
	guard_judgement *judge;
	guard_resolver *resolve;
	bool any_port;
};
guard_resolver guard_system;		/* the system's resolver */
extern const struct guard guard_strict;	/* what strangers may have called */
extern const struct guard guard_open;	/* for development: any address and port, still http(s) and without a user name */

struct guard_url {
	const char *url;		/* as it is requested: host in lower case and ASCII, without fragment, default port or trailing dot */
	const char *scheme, *host;	/* an IPv6 address without brackets */
	const char *origin;		/* scheme://host[:port] */
	int port;
	bool literal;			/* the host is an address */
	bool inside;			/* refused for its address */
};
/* Reads and judges everything but what names stand for: that is asked when the call is made. */
const char *guard_url(const struct guard *, struct arena *, const char *text, struct guard_url *ret);
/* What a reference on the page `base` stands for; NULL: nothing. */
const char *guard_join(struct arena *, const char *base, const char *reference);

/* The addresses of a URL that passed guard_url, judged.  Takes up to `ms`, and asks `alive` meanwhile (dial.h). */
enum guard_answer { GUARD_OK, GUARD_REFUSED, GUARD_UNKNOWN, GUARD_LATE, GUARD_STOPPED };
enum guard_answer guard_resolve(const struct guard *, struct arena *, const struct guard_url *, int64_t ms, bool (*alive)(void *ctx), void *ctx,
    struct guard_addresses *ret, const char **why);
#endif
