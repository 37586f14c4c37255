/* reading -- the bytes of an upload become a text: how SOURCE_INGEST_FILE and KB_INGEST_FILE begin. */
#include "blob/bucket.h"
#include "model/upload.h"
#include "work/work_priv.h"
#include <unistd.h>

#define SAID_SHOWN	200		/* bytes, of what the program complained about */

struct reading { struct run *r; double share; };

static bool
on_progress(void *ctx, double fraction, const char *what)
{
	const struct reading *d = ctx;

	run_progress(d->r, fraction * d->share, what);
	return !run_stopping(d->r);
}

void
run_unread(struct run *r, enum ingest_fault f, const struct ingest_result *i)
{
	const struct ingest_fault_row *row = ingest_fault_row(f);
	const char *why = i->why[0] != '\0' ? i->why : row->message;

	if (f == INGEST_STOPPED)
		r->verdict = V_RETURNED;
	else if (row->retry)
		run_retry(r, row->code, i->retry_after_s, why);
	else
		run_fail(r, row->code, "%s", why);
}

/* --- in a bucket --- */

/* Words for who waits for the job; what the service said is the operator's. */
static bool
blame_bucket(struct run *r, enum bucket_end end, const char *why)
{
	if (why[0] != '\0')
		log_note(r->w->c.log, LOG_ERROR, "bucket", "%s", why);
	switch (end) {
	case BUCKET_OK: return true;
	case BUCKET_STOPPED: r->verdict = V_RETURNED; break;
	case BUCKET_MISSING: run_fail(r, "upload_missing", "No bytes of the upload are in the bucket. PUT them to its uploadUrl, then submit again."); break;
	case BUCKET_TOO_LARGE: run_fail(r, "upload_too_large", "The upload has more bytes than its maxSizeBytes. Ask for another one and upload a smaller file."); break;
	case BUCKET_REFUSED: run_fail(r, "fetch_failed", "The bucket refused to give the upload. Its operator finds the reason in the log."); break;
	case BUCKET_BROKEN: run_retry(r, "fetch_failed", 0, "The bucket did not give the upload. Try again later."); break;
	case BUCKET_FULL: run_retry(r, "internal_error", 0, "There is no room for the upload on this server. Try again later."); break;
	}
	return false;
}

static bool still_wanted(void *ctx) { return !run_stopping(ctx); }

static bool
fetch_object(struct run *r, const struct upload *u, int *ret)
{
	struct bucket_client b = { .conf = r->conf, .clock = r->w->c.clock, .a = &r->a, .alive = still_wanted, .ctx = r };
	str key = blobs_key(&r->a, &r->task.workspace, &u->id);
	struct error e;

	if (!blobs_external(r->conf)) {
		run_fail(r, "upload_missing", "The upload is in a bucket that this server does not use any more. Upload the file again.");
		return false;
	}
	if (ingest_scratch(r->conf, ret, &e) != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "%s", e.detail);
		run_retry(r, "internal_error", 0, "There is no room for the upload on this server. Try again later.");
		return false;
	}
	run_progress(r, 0, "fetching the file");
	enum bucket_end end = bucket_keep(&b, key, u->max_size);
	if (end == BUCKET_OK)
		end = bucket_read(&b, key, *ret, u->max_size);
	if (!blame_bucket(r, end, b.why))
		close(*ret);
	return end == BUCKET_OK;
}

/* --- in the data folder --- */

#define ELSEWHERE_MS	60000		/* from its first start on, that a job looks for a node that has its file */
#define ELSEWHERE_PAUSE	1000

/* Over one database each node may have a folder of its own, and then only one of them can read this file: it goes on to that one. */
static bool
is_elsewhere(struct run *r)
{
	int64_t now = sys_wall_ms(r->w->c.clock);

	if (engine_embedded(r->w->c.engine) || r->task.started_at == TIME_NONE || now - r->task.started_at > ELSEWHERE_MS)
		return false;
	log_note(r->w->c.log, LOG_ERROR, "job", "the file of an upload is not in the data folder of this node: let all nodes share one folder, or set `blob` to a bucket");
	r->verdict = V_RETURNED;
	r->run_at = now + ELSEWHERE_PAUSE;
	return true;
}

static bool
open_file(struct run *r, upload_id id, int *ret)
{
	struct disk *disk = r->w->c.disk;
	struct blob_name file = blobs_file(&r->task.workspace, &id);
	struct error e;
	enum err code = disk != NULL ? disk_fd(disk, file.s, ret, &e) : E_NOT_FOUND;

	if (code == E_NOT_FOUND) {
		if (is_elsewhere(r))
			return false;
		run_fail(r, "upload_missing", "The bytes of the upload are not on this server. Upload the file again.");
	} else if (code != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its file cannot be read: %s", e.detail);
		run_retry(r, "internal_error", 0, "The file of the job could not be read. Upload it again.");
	}
	return code == OK;
}

struct asking { struct run *r; upload_id id; struct upload u; bool gone; };

static enum err
ask_row(void *ctx, struct db *db, struct error *e)
{
	struct asking *g = ctx;
	enum err code = upload_get(db, &g->r->a, g->r->task.workspace, g->id, &g->u, e);

	g->gone = code == E_NOT_FOUND;
	return g->gone ? OK : code;
}

static bool
open_upload(struct run *r, upload_id id, int *ret)
{
	struct asking g = { .r = r, .id = id };
	struct error e;

	if (engine_read(r->w->c.engine, ask_row, &g, &e) != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its upload cannot be looked up: %s", e.detail);
		run_retry(r, "internal_error", 0, "The upload of the job could not be looked up. Submit it again.");
		return false;
	}
	if (g.gone)
		run_fail(r, "upload_missing", "The upload is gone. Upload the file again.");
	return !g.gone && (g.u.external ? fetch_object(r, &g.u, ret) : open_file(r, id, ret));
}

bool
read_upload(struct run *r, upload_id id, str type, str name, double share, struct ingest_result *ret)
{
	struct reading d = { r, share };
	int fd;

	if (!open_upload(r, id, &fd))
		return false;
	enum ingest_fault f = ingest_file(r->conf, r->w->c.clock, &r->a, fd, type, name, on_progress, &d, ret);
	close(fd);
	r->cost += ret->cost_microcents;
	if (f != INGEST_OK && ret->said.n > 0)
		log_note(r->w->c.log, LOG_WARN, "extract", "%.*s", STR(str_cut(ret->said, ret->said.n - MIN(ret->said.n, SAID_SHOWN), SIZE_MAX)));
	if (f != INGEST_OK)
		run_unread(r, f, ret);
	return f == INGEST_OK;
}
