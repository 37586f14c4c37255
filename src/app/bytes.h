/* bytes -- the bytes of uploads on their way with an export: out of the data folder or the bucket that the settings name (blob, blob_...), and into it.
 *
 * A row says where its bytes are (upload.external); what comes in lies where this server keeps uploads, and import changes the row accordingly.
 * In a bucket the bytes go to the key that a client would put them to: the job that uses them makes its copy (blob/bucket.h).
 * What goes into a bucket gathers in a file without a name first, so that who is killed leaves nothing behind.
 *
 * Errors:   E_NOT_FOUND: there are no bytes; E_FULL; E_USAGE where no place is set; E_SYS with the service's words.
 * Threads:  one. */
#ifndef APP_BYTES_H
#define APP_BYTES_H
#include "app/app.h"
#include "move/keep.h"

struct bytes {
	const struct conf *conf;
	bool (*alive)(void *ctx);
	int fd;				/* what gathers for the bucket, or -1 */
};
void	bytes_begin(struct bytes *, const struct conf *, bool (*alive)(void *), struct move_blobs *ret);
void	bytes_end(struct bytes *);	/* also of one that is all zeros */

/* Where files are put that a command needs on its way: the data folder, or TMPDIR. */
const char *bytes_folder(const struct conf *);
MUST_USE enum err bytes_scratch(const struct conf *, int *ret, struct error *);	/* a file without a name */
#endif
