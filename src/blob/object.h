/* object -- large files in a bucket of any S3 service: exports and backups, which are read and written as streams and never held whole.
 *
 * A file of more than OBJECT_PART goes up in parts (multipart upload), each tried again by itself when the network or the service fails;
 * the object is there when all are, or not at all, and the parts of one that failed are removed.
 *
 *	s3://BUCKET/KEY[?endpoint=URL&region=NAME&path_style=true]
 *
 * What a URI does not say is said by the settings blob_endpoint, blob_region and blob_path_style; the access key is always theirs
 * (blob_key_id, blob_key_secret, blob_token).
 *
 * Errors:   E_SYS with the service's own code and words, E_NOT_FOUND, E_FULL for the file that is written to.
 * Threads:  any; a call blocks its thread, with every wait bounded.  Layer: includes base, crypto, sys, conf, dial. */
#ifndef BLOB_OBJECT_H
#define BLOB_OBJECT_H
#include "blob/blob.h"

#define OBJECT_PART	(INT64_C(32) << 20)
struct object_place {
	struct s3_place at;
	str key;
	const struct sys_clock *clock;
	bool (*alive)(void *ctx);	/* about every 100 ms; false stops; may be NULL */
	void *ctx;
};
bool	object_is_uri(str);
MUST_USE enum err object_place(struct arena *, const struct conf *, str uri, struct object_place *ret, struct error *);
MUST_USE enum err object_put(const struct object_place *, int fd, struct error *);	/* all of the file */
MUST_USE enum err object_get(const struct object_place *, int fd, struct error *);	/* from where it stands */
MUST_USE enum err object_remove(const struct object_place *, str key, struct error *);
/* Every key that begins with that of the place, in the order of bytes. */
MUST_USE enum err object_list(const struct object_place *, void (*each)(void *ctx, str key), void *ctx, struct error *);
#endif
