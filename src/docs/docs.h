/* docs -- the documentation, served from the program itself: the pages under /docs, /llms.txt and /llms-full.txt, as tools/mkdocs
 * made them at build time, and the OpenAPI document of this server at /openapi.yaml and /openapi.json.
 *
 *	a page		GET, HEAD; strong ETag and 304; gzip where Accept-Encoding takes it; nothing from another host (CSP)
 *	PAGE.md		the same page as Markdown
 *	/docs/x/	308 to /docs/x;  / and other doors: 302 to where the content is
 *	elsewhere	under /docs a 404 for people, else the envelope of the API; another method: 405
 *
 * The OpenAPI document names the server by public_url, or by where it listens when that is empty.  It is printed when it is first
 * asked for, and anew when public_url was changed by SIGHUP; it may be read from any origin.
 *
 * Ownership:  docs_free after the front is closed: answers under way use its bytes.
 * Threads:    faces run on the loops; printing is behind a mutex, once for each public_url.
 * Layer:      includes base, crypto, conf, front, api. */
#ifndef DOCS_H
#define DOCS_H
#include "api/api.h"

struct docs;
MUST_USE enum err docs_new(struct api *, struct docs **ret, struct error *);
void	docs_free(struct docs *);
#define DOCS_FACES	7
/* What to give to the front. */
void	docs_faces(struct docs *, struct front_face ret[DOCS_FACES]);

/* --- the pages as Markdown, for other faces ---
 *
 * A page has a short name: its path without /docs/ and api/v1/ (`notes`, `quickstart`, `errors/not_found`), and `index` is /docs. */
struct docs_page { str name, title, about; size_t size; };
const struct docs_page *docs_list(struct arena *, int *n);	/* those of the navigation, in its order */
const str *docs_names(struct arena *, int *n);			/* of all pages, in the order of their paths */
bool	docs_read(struct arena *, str name, str *ret);		/* also by what stands behind /docs/ in its path, and with .md */
#endif
