/* reading -- the bytes of an upload become a text: how SOURCE_INGEST_FILE and KB_INGEST_FILE begin. */
#include "work/work_priv.h"
#include <unistd.h>

#define SAID_SHOWN	200		/* bytes, of what the program complained about */

struct reading { struct run *r; double share; };

static bool
on_progress(void *ctx, double fraction, const char *what)
{
	const struct reading *d = ctx;

	board_progress(d->r->w->board, &d->r->task.id, fraction * d->share, what);
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

static bool
open_upload(struct run *r, upload_id id, int *ret)
{
	struct disk *disk = r->w->c.disk;
	struct blob_name file = blobs_file(&r->task.workspace, &id);
	struct error e;
	enum err code = disk != NULL ? disk_fd(disk, file.s, ret, &e) : E_NOT_FOUND;

	if (code == E_NOT_FOUND) {
		run_fail(r, "upload_missing", "The bytes of the upload are not on this server. Upload the file again.");
	} else if (code != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its file cannot be read: %s", e.detail);
		run_retry(r, "internal_error", 0, "The file of the job could not be read. Upload it again.");
	}
	return code == OK;
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
