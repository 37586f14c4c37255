/* remove -- UPLOAD_REMOVE: the bytes of a forgotten upload leave the bucket.  A job of this type is shown to nobody.
 *
 * Its row and this job change places in one transaction, so that no object is forgotten; one whose bucket refuses is logged. */
#include "blob/bucket.h"
#include "work/work_priv.h"

struct removal { upload_id upload; };
static const struct field fields[] = {
	F_ID(removal, upload, upload, "uploadId", NULL, 0, ""),
};
static const struct rec removal_rec = REC(removal, fields, "The input of a removal, as the job keeps it");
#define INPUT_MAX	((size_t)256)
#define ARENA_MAX	((size_t)4096)

enum err
remove_enqueue(struct work *w, struct db *db, workspace_id ws, upload_id upload, struct error *e)
{
	const struct sys_clock *clock = w->c.clock;
	struct arena a;
	struct job j;

	arena_init(&a, ARENA_MAX);
	rec_init(&job_rec, &j);
	j.id = (job_id){ sys_ulid(clock) };
	j.type = JT_UPLOAD_REMOVE;
	enum err code = job_insert(db, ws, &j, input_text(&a, &removal_rec, &(struct removal){ upload }, INPUT_MAX), sys_wall_ms(clock), sys_wall_us(clock), 0, e);
	arena_free(&a);
	return code;
}

static bool still_wanted(void *ctx) { return !run_stopping(ctx); }

static void
remove_bytes(struct run *r)
{
	struct bucket_client b = { .conf = r->conf, .clock = r->w->c.clock, .a = &r->a, .alive = still_wanted, .ctx = r };
	struct removal in;
	struct error e;

	if (input_read(r, &removal_rec, &in, &e) != OK) {
		run_fail(r, "internal_error", "The input of the job cannot be read: %s", e.detail);
		return;
	}
	if (!blobs_external(r->conf)) {
		run_fail(r, "internal_error", "No bucket is set any more; what it holds is the operator's to remove.");
		return;
	}
	enum bucket_end end = bucket_remove(&b, blobs_key(&r->a, &r->task.workspace, &in.upload));
	if (end == BUCKET_OK)
		r->verdict = V_DONE;
	else if (end == BUCKET_STOPPED)
		r->verdict = V_RETURNED;
	else
		run_retry(r, "fetch_failed", 0, b.why);
}

const struct kind remove_kind = { JT_UPLOAD_REMOVE, remove_bytes, NULL, NULL, true };
