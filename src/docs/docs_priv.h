/* docs_priv -- what the files of docs share, and its tests look at.
 *
 * Ownership, threads: as docs.h and pack.h say. */
#ifndef DOCS_PRIV_H
#define DOCS_PRIV_H
#include "docs/docs.h"
#include "docs/pack.h"
#include <pthread.h>

/* --- site.c: the pages --- */
int	site_count(void);
struct asset site_asset(int i);				/* in the order of paths */
bool	site_find(str path, struct asset *ret);
bool	site_ok(void);					/* whether what was linked in is a site */
#define SITE_NOT_FOUND	"not-found"			/* the path of the page for a wrong one: no request can name it */

/* --- spec.c: the OpenAPI document --- */
struct spec;
enum spec_form { SPEC_YAML, SPEC_JSON };
/* The document for a server at this URL.  False when there is no memory for it.  *list grows by one for each new URL. */
bool	spec_get(struct spec **list, pthread_mutex_t *, const char *url, enum spec_form, struct asset *ret);
void	spec_free(struct spec *list);

/* Whether Accept-Encoding takes gzip (RFC 9110, 12.5.3). */
bool	takes_gzip(str accept_encoding);
#endif
