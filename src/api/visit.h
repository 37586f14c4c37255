/* visit -- which requests may be a signed-in person's (contract 12.3): one rule of the session cookie, for the API and for the pages.
 *
 * The cookie is __Host-scriped where public_url is https.  Otherwise it is `scriped`, and believed only of callers on loopback and
 * private addresses: neither it nor a password must cross the Internet in the clear.
 *
 * Browsers send cookies whoever wrote the page.  So a request that comes from another origin, as its Origin or Sec-Fetch-Site says, has
 * none; and what changes something must say that it comes from ours.
 *
 * Threads: any.  Layer: includes base, sys, conf, front, page. */
#ifndef API_VISIT_H
#define API_VISIT_H
#include "conf/conf.h"
#include "front/front.h"

const char *visit_cookie_name(const struct conf *);
bool	visit_near(str address);	/* loopback, private, link-local */
/* Whether people may sign in from there at all; address: of the caller, behind trusted proxies. */
bool	visit_private(const struct conf *, str address);
/* The secret of the session, absent where there is none that may be believed. */
str	visit_cookie(const struct conf *, const struct exchange *, str address);
/* The same of a page.  One that is opened by a link of another site, as programs and letters have them, is its reader's all the same: what a browser asks for with GET, to show it
 * by itself, changes nothing. */
str	visit_cookie_of_page(const struct conf *, const struct exchange *, str address);
enum visit_from { VISIT_UNTOLD, VISIT_OURS, VISIT_THEIRS };
enum visit_from visit_from(const struct conf *, const struct exchange *);
#endif
