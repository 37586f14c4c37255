/* cors -- which pages of other origins may call us from a browser (contract 12.1).
 *
 * Off for /v1 and for the PUTs of uploads unless the setting cors_origins names origins, or `*`.  The paths of `open_paths` in cors.c take any origin: documents,
 * and what programs in browsers need to log in and to speak MCP.  Credentials of a browser, cookies, are never allowed: a key or a
 * token is sent by the program itself.
 *
 * A face that answers by itself calls cors_preflight() when the headers are here, and cors_headers() before each front_answer, errors too.
 *
 * Threads: any.  Layer: as api. */
#ifndef API_CORS_H
#define API_CORS_H
#include "conf/conf.h"
#include "front/front.h"

/* Answers with 204 if this is a preflight that may pass; methods: a bit per enum method, 0 for all of them. */
bool	cors_preflight(const struct conf *, struct exchange *, unsigned methods);
bool	cors_preflight_for(const struct conf *, struct exchange *, const char *methods);	/* methods: as the header names them */
void	cors_headers(const struct conf *, struct exchange *);
/* The first entry of a list of origins that no browser sends, or absent. */
str	cors_odd(const char *list);
#endif
