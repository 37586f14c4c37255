/* uploads -- POST /v1/uploads: a presigned URL for the bytes of one file (contract 6.8, 12.2).
 *
 * A replay answers with the URL of the first answer, which is still the same place: with its end where it was, and used up when it
 * was used.  Who needs another one sends another key. */
#include "model/upload.h"
#include "api/rq.h"
#include "blob/blob.h"
#include "speech/speech.h"

#define LIFETIME_S	(15 * 60)

static enum err
check_file(struct rq *rq, const struct upload_create *in, int64_t *ret_max)
{
	int64_t cap = upload_cap(in->content_type);

	if (cap == 0)
		return fail(&rq->err, E_UNPROCESSABLE, "contentType",
		    "'contentType' must be audio/*, video/*, image/*, application/pdf, application/msword, an Office Open XML type, text/plain, text/markdown or text/html.");
	if (in->max_size > cap)
		return fail(&rq->err, E_UNPROCESSABLE, "maxSizeBytes", "'maxSizeBytes' must be at most %lld for this 'contentType'.", (long long)cap);
	*ret_max = in->max_size > 0 ? in->max_size : cap;
	return OK;
}

enum err
uploads_create(struct rq *rq)
{
	const struct upload_create *in = IN(rq, upload_create);
	const struct blobs *blobs = rq->api->c.blobs;
	struct upload u;

	rec_init(&upload_rec, &u);
	TRY(check_file(rq, in, &u.max_size));
	u.external = blobs_external(rq->conf);
	if (!u.external && (blobs == NULL || blobs->disk == NULL))
		return fail(&rq->err, E_UNAVAILABLE, NULL, "This server has no place for files: its operator gives it a data folder, or a bucket (blob_bucket).");
	u.id = (upload_id){ fresh(rq) };
	u.state = UP_WAITING;
	u.method = S("PUT");
	u.content_type = u.headers.content_type = in->content_type;
	u.since = rq->now;
	/* a signature has whole seconds */
	u.expires_at = rq->now / 1000 * 1000 + LIFETIME_S * 1000;
	struct s3_place at = blobs_place(rq->a, blobs, rq->conf, rq->x->url);
	u.url = s3_presign_put(rq->a, &at, blobs_key(rq->a, &rq->who.workspace, &u.id), u.content_type, rq->now, LIFETIME_S);
	TRY(upload_insert(rq->db, rq->who.workspace, &u, &rq->err));
	made(rq, ID_upload, &u.id.u);
	return reply(rq, &upload_rec, &u);
}

/* --- what is made of one --- */

static enum err
no_upload(struct rq *rq, const char *why)
{
	return fail(&rq->err, E_UNPROCESSABLE, "uploadId", "'uploadId' names %s", why);
}

/* Only recordings are read by somebody who may want money for it. */
int64_t
upload_cents(const struct rq *rq, const struct upload *u, int64_t cents)
{
	str kind = str_cut(u->content_type, 0, sizeof("audio/") - 1);

	return (str_ieq(kind, S("audio/")) || str_ieq(kind, S("video/"))) && speech_costs(rq->conf) ? cents : 0;
}

/* The upload, and in the same round trip what a job of it may be paid from. */
static enum err
hold(struct rq *rq, upload_id id, const job_id *job, bool may_cost, struct upload *ret, bool *found)
{
	struct rows r;
	struct error e;

	TRY(upload_hold(rq->db, rq->who.workspace, id, &r, &rq->err));
	enum err paid = may_cost ? reserve_from(rq, job) : OK, code = upload_held(&r, rq->a, ret, found, &e);
	TRY(paid);
	if (code != OK)
		rq->err = e;
	return code;
}

/* Whatever it holds: what cannot be read is found out by the job. */
enum err
upload_take(struct rq *rq, upload_id id, job_id job, bool may_cost, struct upload *ret)
{
	bool found;

	TRY(hold(rq, id, &job, may_cost, ret, &found));
	if (!found)
		return no_upload(rq, "no upload of this workspace.");
	if (ret->state == UP_USED)
		return no_upload(rq, "an upload that was used already. Upload the file again.");
	/* whether its bytes are there, only the bucket knows */
	if (!ret->external && ret->state == UP_WAITING && ret->expires_at <= rq->now)
		return no_upload(rq, "an upload whose URL expired before its bytes were complete. Ask for another one.");
	if (!ret->external && ret->state == UP_WAITING)
		return no_upload(rq, "an upload whose bytes are not complete. PUT them to its uploadUrl first.");
	return upload_use(rq->db, rq->who.workspace, ret, job, rq->now, &rq->err);
}
