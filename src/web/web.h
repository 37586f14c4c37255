/* web -- pages and captions of videos become texts (contract 6.9).
 *
 * A page is fetched on behalf of a stranger, so through the guard of dial: public addresses only, at most 5 redirects, a limit of
 * bytes and one of time for all of it.  Its site is asked first (robots.txt, RFC 9309), and so is each site that it redirects to.
 * What came is read by the program that reads files (ingest.h), so that a PDF or a text behind a URL works as a page does.
 *
 * Of a video the captions are taken: its watch page tells what there is, and the best of it is read: those made by a person in
 * the language that is spoken, then those made by a machine in it, then any.  All calls go to the setting youtube_url; no URL
 * that an answer names is called elsewhere.  After a 429 nobody asks until its pause is over; what a video refused for good is
 * not asked for again for ten minutes.
 *
 * Settings fetch_… and youtube_….
 *
 * Errors:   a fault is a job's errorCode, a row of fault.def or of ingest's; `why` is the errorMessage: what happened and what to do.
 * Ownership: what is returned lives in the arena.
 * Threads:  any; what is remembered of videos is shared, behind a lock.
 * Limits:   settings fetch_max and fetch_time; INGEST_TEXT_MAX characters of text.
 * Layer:    includes base, text, json, sys, conf, dial, ingest. */
#ifndef WEB_H
#define WEB_H
#include "conf/conf.h"
#include "dial/guard.h"
#include "text/marked.h"

struct web_result {
	struct marked_text text;
	str url;			/* what the page says its address is, if that is of its site; else where it was found in the end */
	/* on a fault */
	const char *code;		/* errorCode */
	bool retry, stopped;		/* stopped: progress said so */
	char why[380];
	int retry_after_s;		/* what the server asked for, or 0 */
	str log;			/* for the operator, or absent */
};
/* Called every 100 ms or so with a fraction 0..1 and what happens; false stops. */
typedef bool web_progress(void *ctx, double fraction, const char *what);

/* False: it failed. */
MUST_USE bool web_page(const struct conf *, const struct sys_clock *, struct arena *, const char *url, web_progress *, void *ctx,
    struct web_result *ret);
#define WEB_VIDEO_ID	11
MUST_USE bool web_video(const struct conf *, const struct sys_clock *, struct arena *, const char id[WEB_VIDEO_ID + 1], web_progress *, void *ctx,
    struct web_result *ret);

/* What is wrong with a URL, known without a look-up: a sentence without a subject; NULL: nothing.  *inside: it leads to an
 * address that must not be called. */
const char *web_check(const struct conf *, struct arena *, const char *url, bool *inside);
/* The id in any URL of a video of YouTube. */
bool	web_video_id(struct arena *, const char *url, char ret[WEB_VIDEO_ID + 1]);
str	web_video_url(struct arena *, const char id[WEB_VIDEO_ID + 1]);
#endif
