/* store -- the face of the embedded store: it takes the PUTs of presigned URLs, at UPLOADS_PATH (contract 6.8, 12.2).
 *
 *	head	signature, expiry, length, then the row: refused before the body when one of them is wrong
 *	sink	bytes to the disk, as fast as it takes them; the client is held back meanwhile
 *	run	the file is synced, its row says so, it gets its name, and only then 200
 *
 * What breaks before that leaves nothing, and the PUT may be repeated.  Clients are S3 clients: errors are its XML.  The
 * Content-Type must be that of the URL, which signs it; the host is that of the URL, whatever a proxy made of the header.
 *
 * Ownership:  store_free after the front is closed.  Threads: as front.h and disk.h say.
 * Layer:      includes base, sys, conf, db, blob, front, model, api. */
#ifndef STORE_H
#define STORE_H
#include "api/api.h"
#include "blob/blob.h"

struct store;
MUST_USE enum err store_new(struct api *, struct engine *, const struct blobs *, const struct sys_clock *, struct store **ret, struct error *);
void	store_free(struct store *);
void	store_face(struct store *, struct front_face *ret);
/* What a server that was killed left behind is finished or removed. */
MUST_USE enum err store_recover(struct engine *, const struct blobs *, struct error *);
#endif
