/* file -- SOURCE_INGEST_FILE: an uploaded file in, a source out (contract 6.7).  Of files this release reads plain text. */
#include "model/ledger.h"
#include "model/project.h"
#include "model/source.h"
#include "work/work_priv.h"

static const struct field fields[] = {
	F_ID (ingestion, upload, upload, "uploadId", NULL, 0, ""),
	F_STR(ingestion, name, "name", NULL, F_NULL, 0, 0, "", NULL),
	F_STR(ingestion, content_type, "contentType", NULL, 0, 0, 0, "", NULL),
};
static const struct rec ingestion_rec = REC(ingestion, fields, "The input of an ingestion, as the job keeps it");
#define BYTES_MAX	((size_t)SOURCE_TEXT_MAX * 4 + 3)	/* of the longest text, with its mark */
#define INPUT_MAX	((size_t)1 << 16)

str ingestion_input(struct arena *a, const struct ingestion *g) { return input_text(a, &ingestion_rec, g, INPUT_MAX); }

/* A source as it will be, with its text. */
struct read_file { struct source s; str text; };

/* The bytes as text, or why they are none. */
static bool
read_text(struct run *r, str bytes, str *ret)
{
	if (str_starts(bytes, S("\xEF\xBB\xBF")))
		bytes = str_cut(bytes, 3, bytes.n);
	if (!utf8_ok(bytes) || (bytes.n != 0 && memchr(bytes.p, '\0', bytes.n) != NULL))
		run_fail(r, "unsupported_media", "The file is not text in UTF-8. Save it as such and upload it again.");
	else if (str_trim(bytes).n == 0)
		run_fail(r, "empty_text", "The file holds no text. Upload another one.");
	else if (utf8_count(bytes) > SOURCE_TEXT_MAX)
		run_fail(r, "upload_too_large", "The text has more than %d characters. Upload it in parts.", SOURCE_TEXT_MAX);
	else {
		*ret = bytes;
		return true;
	}
	return false;
}

static void
settle(struct run *r, const struct ingestion *g, str text)
{
	struct read_file *m = NEW(&r->a, struct read_file);

	rec_init(&source_rec, &m->s);
	m->text = text;
	m->s.project = r->task.project;
	m->s.status = SS_DONE;
	m->s.name = g->name;
	m->s.file_type = g->content_type;
	m->s.preview = source_preview(text);
	m->s.truncated = m->s.preview.n < text.n;
	m->s.has_text = true;
	r->effect = m;
	r->verdict = V_DONE;
}

static void
take_file(struct run *r)
{
	struct disk *disk = r->w->c.disk;
	struct ingestion g;
	struct error e;
	str bytes, text;
	int64_t size;

	if (input_read(r, &ingestion_rec, &g, &e) != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its input cannot be read: %s", e.detail);
		run_fail(r, "internal_error", "The input of the job cannot be read. Submit it again.");
		return;
	}
	board_progress(r->w->board, &r->task.id, 0.05, "reading the file");
	struct blob_name file = blobs_file(&r->task.workspace, &g.upload);
	enum err code = disk != NULL ? disk_size(disk, file.s, &size, &e) : E_NOT_FOUND;
	if (code == OK && size > (int64_t)BYTES_MAX) {
		run_fail(r, "upload_too_large", "The file has more than %d characters of text. Upload it in parts.", SOURCE_TEXT_MAX);
		return;
	}
	if (code == OK)
		code = disk_read(disk, &r->a, file.s, BYTES_MAX, &bytes, &e);
	if (code == E_NOT_FOUND)
		run_fail(r, "upload_missing", "The bytes of the upload are not on this server. Upload the file again.");
	else if (code != OK) {
		log_note(r->w->c.log, LOG_ERROR, "job", "its file cannot be read: %s", e.detail);
		run_retry(r, "internal_error", 0, "The file of the job could not be read. Upload it again.");
	} else if (read_text(r, bytes, &text))
		settle(r, &g, text);
}

/* --- the effect, in the transaction of DONE --- */

static enum err
apply(struct run *r, struct db *db, struct error *e)
{
	struct read_file *m = r->effect;
	const struct sys_clock *clock = r->w->c.clock;
	enum err code = project_exists(db, r->task.workspace, r->task.project, e);

	if (code == E_NOT_FOUND) {
		run_fail(r, "project_gone", "The project of this job is gone. Choose another one and submit again.");
		return OK;
	}
	TRY(code);
	m->s.id = (source_id){ sys_ulid(clock) };
	TRY(source_insert(db, r->task.workspace, &m->s, m->text, e));
	TRY(event_put(db, &r->a, r->task.workspace, m->s.project, (event_id){ sys_ulid(clock) }, EVENT_SOURCE_CREATED, &source_rec, &m->s, e));
	r->result = str_fmt(&r->a, "{\"sourceId\":\"%s%s\"}", id_prefix(ID_source).p, m->s.id.u.s);
	return OK;
}

const struct kind file_kind = { JT_SOURCE_INGEST_FILE, take_file, apply };
