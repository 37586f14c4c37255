/* s3 -- the S3 protocol's AWS Signature Version 4: in the query, for the URLs that clients put to (contract 6.8), and in headers, for
 * requests of our own.
 *
 * Presigned URLs are made and judged by the same canonical request, so that the embedded store takes what it minted and what any S3 client signs with
 * the same key.  Only PUT of one object with a signed Content-Type and an unsigned payload; the URL equals, byte for byte, what
 * getSignedUrl of @aws-sdk/s3-request-presigner makes of a PutObjectCommand with signableHeaders content-type.
 * Pure: no clock, socket or file.  Times in milliseconds, lifetimes in seconds.  Results live in the arena.
 * Layer: includes base, crypto. */
#ifndef BLOB_S3_H
#define BLOB_S3_H
#include "crypto/crypto.h"

struct s3_place {
	str endpoint;			/* https://host[:port][/base]; absent: Amazon's of the region */
	str region, bucket;
	bool path_style;		/* https://host/bucket/key and not https://bucket.host/key */
	str key_id, key_secret;
	str token;			/* of a temporary key, or absent */
};
#define S3_EXPIRES_MAX	604800		/* seconds: the protocol's limit */

/* The bytes of a path or of a query value as they are signed: all but unreserved ones as %XX; a slash stays where `path`. */
str	s3_encode(struct arena *, str, bool path);
str	s3_presign_put(struct arena *, const struct s3_place *, str key, str content_type, int64_t now, int expires_s);

/* A request of our own, without a body: its URL and headers as dial takes them.  source: the key that a PUT copies, of the same
 * bucket, or absent. */
struct s3_signed { const char *url, *header[8]; };
void	s3_sign(struct arena *, const struct s3_place *, const char *method, str key, str source, int64_t now, struct s3_signed *ret);

/* The same for a request with a query, sorted and encoded ("partNumber=1&uploadId=…", "uploads="), and with a body, which is not
 * signed (TLS is what keeps it). */
struct s3_asked { const char *method; str key, source, query; bool body; };
void	s3_sign_asked(struct arena *, const struct s3_place *, const struct s3_asked *, int64_t now, struct s3_signed *ret);
/* The text of the first element of that name in an answer, "" where there is none; answers are flat and need no parser.  rest, unless NULL: what
 * comes behind it. */
str	s3_element(str xml, const char *name, str *rest);

/* A PUT as it came: the path and the query raw, as they stand in the request line. */
struct s3_put { str path, query, host, content_type; };
enum s3_verdict {
	S3_GOOD,
	S3_MALFORMED,			/* not the query of a presigned URL, or one that signs other headers */
	S3_OTHER_KEY,			/* the access key, the region or the day of the scope is not ours */
	S3_NOT_YET,			/* signed later than now, beyond the clocks' difference of 15 minutes */
	S3_EXPIRED,
	S3_WRONG,			/* another signature: something that is signed was changed */
};
enum s3_verdict s3_judge_put(struct arena *, const struct s3_place *, const struct s3_put *, int64_t now);
#endif
