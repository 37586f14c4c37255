/* wire -- one connection to a Valkey or Redis: sockets, TLS (libssl), and the protocol (its reader is hiredis').
 *
 * Setting up waits, at most `patience`; after that nothing does.  Private to kv/.
 * Errors:   a word in l->why: an errno's name, the first word of what the server said, ENOTFOUND, TLS, CERTIFICATE_…; wire_words says it longer. */
#ifndef KV_WIRE_H
#define KV_WIRE_H
#include "kv/kv.h"
#include <hiredis/hiredis.h>

struct kv_uri { char host[256], port[6], user[128], pass[256]; int db; bool tls; };
/* redis://[user:pass@]host[:port][/db], rediss://; behind it ?name=WORD, for who compares settings of nodes that reach it by different addresses */
MUST_USE enum err kv_uri_read(str, struct kv_uri *, struct error *);

struct wire {
	const struct kv_uri *uri;
	const struct sys_clock *clock;
	int fd;				/* -1: there is none */
	void *context, *tls;		/* SSL_CTX, made once; SSL */
	redisReader *reader;
	char *out;
	size_t nout, sent, cap;		/* of `out`: filled, and gone */
	const char *why;		/* a constant; "" while it is well */
};
void	wire_init(struct wire *, const struct kv_uri *, const struct sys_clock *);
bool	wire_open(struct wire *, int64_t patience_us);	/* connected, and TLS spoken */
void	wire_close(struct wire *);
void	wire_free(struct wire *);

void	wire_put(struct wire *, const str *words, int n);	/* one command */
bool	wire_flush(struct wire *);			/* as much as goes; false: it broke */
static inline bool wire_waits(const struct wire *l) { return l->sent < l->nout; }
bool	wire_fill(struct wire *);			/* takes in what came; false: it broke */
bool	wire_next(struct wire *, redisReply **ret);	/* the next whole answer, or NULL; false: that was none of the protocol */
bool	wire_wait(struct wire *, redisReply **ret, int64_t until_us);	/* the same, waiting */
bool	wire_fail(struct wire *, const char *word);	/* keeps the first one, a constant; false */
const char *wire_words(const char *why);		/* what it means and what to do, for the operator's log */
bool	wire_fail_by(struct wire *, const redisReply *);	/* what the server said: one of its words that we know, ERR for the others */
#endif
