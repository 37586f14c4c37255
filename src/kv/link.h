/* link -- one connection to a Valkey or Redis: sockets, TLS (libssl), and the protocol (its reader is hiredis').
 *
 * Setting up waits, at most `patience`; after that nothing does.  Private to kv/.
 * Errors:   a word in l->why: an errno's name, the first word of what the server said, ENOTFOUND, TLS. */
#ifndef KV_LINK_H
#define KV_LINK_H
#include "kv/kv.h"
#include <hiredis/hiredis.h>

struct kv_uri { char host[256], port[6], user[128], pass[256]; int db; bool tls; };
/* redis://[user:pass@]host[:port][/db], rediss:// */
MUST_USE enum err kv_uri_read(str, struct kv_uri *, struct error *);

struct link {
	const struct kv_uri *uri;
	const struct sys_clock *clock;
	int fd;				/* -1: there is none */
	void *context, *tls;		/* SSL_CTX, made once; SSL */
	redisReader *reader;
	char *out;
	size_t nout, sent, cap;		/* of `out`: filled, and gone */
	const char *why;		/* a constant; "" while it is well */
};
void	link_init(struct link *, const struct kv_uri *, const struct sys_clock *);
bool	link_open(struct link *, int64_t patience_us);	/* connected, and TLS spoken */
void	link_close(struct link *);
void	link_free(struct link *);

void	link_put(struct link *, const str *words, int n);	/* one command */
bool	link_flush(struct link *);			/* as much as goes; false: it broke */
static inline bool link_waits(const struct link *l) { return l->sent < l->nout; }
bool	link_fill(struct link *);			/* takes in what came; false: it broke */
bool	link_next(struct link *, redisReply **ret);	/* the next whole answer, or NULL; false: that was none of the protocol */
bool	link_wait(struct link *, redisReply **ret, int64_t until_us);	/* the same, waiting */
bool	link_fail(struct link *, const char *word);	/* keeps the first one, a constant; false */
bool	link_fail_by(struct link *, const redisReply *);	/* what the server said: one of its words that we know, ERR for the others */
#endif
