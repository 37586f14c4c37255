/* bucket -- the uploads that clients put into a bucket of an S3 service, as this server reads them (contract 6.8).
 *
 * A client may put to its URL again until that expires, so what is made of an upload is made of a copy: `kept/` and its key, written by
 * nobody else.  bucket_keep measures and copies, and removes the original; who was killed half way keeps again.
 * What was put once more afterwards lies at the original key, is read by nobody, and goes with bucket_remove.
 *
 * Errors:   a struct bucket_end; `why` is for the operator's log: the service's own code and words, never a key or a token.
 * Threads:  any; a call blocks its thread, with every wait bounded.  Layer: includes base, crypto, sys, conf, dial. */
#ifndef BLOB_BUCKET_H
#define BLOB_BUCKET_H
#include "blob/blob.h"

enum bucket_end {
	BUCKET_OK,
	BUCKET_MISSING,			/* no such object */
	BUCKET_TOO_LARGE,
	BUCKET_REFUSED,			/* the service says no, and would say it again: blob_… settings */
	BUCKET_BROKEN,			/* the network, or a service that is not well: later */
	BUCKET_FULL,			/* the file that is written to: the disk */
	BUCKET_STOPPED,
};
struct bucket_client {
	const struct conf *conf;
	const struct sys_clock *clock;
	struct arena *a;
	bool (*alive)(void *ctx);	/* about every 100 ms; false stops; may be NULL */
	void *ctx;
	char why[240];
};
/* `key` is that of the client's URL (blobs_key) everywhere. */
MUST_USE enum bucket_end bucket_keep(struct bucket_client *, str key, int64_t max);
/* The copy, into a file, from where it stands. */
MUST_USE enum bucket_end bucket_read(struct bucket_client *, str key, int fd, int64_t max);
/* Copy and original; what is not there is fine. */
MUST_USE enum bucket_end bucket_remove(struct bucket_client *, str key);
/* Whether the service answers and the settings' key may look. */
MUST_USE enum bucket_end bucket_check(struct bucket_client *);
#endif
