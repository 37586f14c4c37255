/* blob -- where the bytes of uploads are: in the embedded store, or in a bucket of any S3 service (settings blob_…).
 *
 * Either way a client puts them by a presigned URL.  The embedded store has one bucket, UPLOADS_PATH of this server, and an access
 * key whose secret is derived from the server's, so that nobody else can sign for it.
 * An object's key is the workspace's id and the upload's: org_…/upl_….
 * Threads: any.  Layer: includes base, crypto, sys, conf; bucket.c also dial. */
#ifndef BLOB_H
#define BLOB_H
#include "blob/disk.h"
#include "blob/s3.h"
#include "conf/conf.h"

#define UPLOADS_PATH	"/uploads"

struct blobs {
	struct disk *disk;		/* NULL: no data folder, so no embedded store */
	char secret[65];		/* that URLs of the embedded store are signed with */
};
void	blobs_init(struct blobs *, const secret *server, struct disk *);
static inline bool blobs_external(const struct conf *c) { return c->blob_bucket[0] != '\0'; }
/* url: this server's own, where public_url says nothing.  The blobs may be NULL where blobs_external. */
struct s3_place blobs_place(struct arena *, const struct blobs *, const struct conf *, const char *url);
str	blobs_key(struct arena *, const workspace_id *, const upload_id *);
struct blob_name { char s[56]; };
struct blob_name blobs_file(const workspace_id *, const upload_id *);	/* in the embedded store */
#endif
