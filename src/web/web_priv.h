/* web_priv -- what the files of web/ share.  Not for others. */
#ifndef WEB_PRIV_H
#define WEB_PRIV_H
#include "dial/dial.h"
#include "ingest/ingest.h"
#include "web/web.h"

#define WEB_HOPS	5		/* redirects that are followed */
#define CONNECT_MS	10000
#define HOST_MOST	60		/* letters of a host that a progress shows */

enum web_fault {
	WEB_OK = 0,
#define FAULT(id, code, retry, what, advice) WEB_##id,
#include "web/fault.def"
#undef FAULT
	WEB_FAULT_COUNT
};

/* One fetch: who asked for it, and where it stands. */
struct web {
	const struct conf *conf;
	const struct sys_clock *clock;
	struct arena *a;		/* of the caller */
	struct arena scratch;		/* of this fetch */
	web_progress *progress;
	void *ctx;
	double fraction;
	const char *what;
	bool stopped;
	struct web_result *ret;
};
void	web_begin(struct web *, const struct conf *, const struct sys_clock *, struct arena *, web_progress *, void *ctx, struct web_result *ret);
bool	web_at(struct web *, double fraction, const char *what);	/* false: it was stopped */
bool	web_alive(void *web);
bool	web_tick(void *web, double fraction, const char *what);		/* of reading, as a part of the whole */
bool	web_end(struct web *, bool ok);		/* frees what it holds; returns ok */
/* Always false: fills the fault. */
bool	web_fail(struct web *, enum web_fault, int retry_after_s, const char *fmt, ...) PRINTF(4, 5);
bool	web_failed(struct web *, const struct dial_result *);		/* no answer came */

/* robots.c */
enum { ROBOTS_MAX = 512000 };		/* bytes that are read; RFC 9309 wants 500 KiB at least */
/* Whether a robots.txt lets the agent have the path (with its query). */
bool	robots_allow(struct arena *, str file, str agent, str path);

/* entity.c: &amp; and numbers; what is no entity stays. */
str	entity_decode(struct arena *, str);

/* canonical.c: what an HTML document says its address is; absent when it says nothing. */
str	canonical_of(struct arena *, str html);

/* player.c: what a watch page says about its video. */
struct captions { str url, language; bool by_machine; };	/* url: path and query, without a host */
struct player { str title; struct captions best; };
enum web_fault player_read(struct arena *, str page, struct player *ret, str *why);

/* captions.c: captions in any form; false: it is none of them. */
bool	captions_read(struct arena *, str file, struct marked_maker *);

/* memory.c: what videos refused, and until when nobody asks. */
enum web_fault memory_ask(const struct sys_clock *, const char *id, str *why, struct arena *, int *wait_s);
void	memory_refused(const struct sys_clock *, const char *id, enum web_fault, str why);
void	memory_pause(const struct sys_clock *, int seconds);
#endif
