#include "model/note.h"

static const struct field slot_fields[] = {
	F_ID  (slot, id, slot, "id", "slot", 0, "The queue slot"),
	F_TIME(slot, date, "date", "slot_date", 0, "The day the note is planned for, at 00:00 UTC"),
	F_WORD(slot, content_type, "contentType", "slot_type", F_NULL, &content_type_words, "Kind of content planned", "PERSONAL"),
};
static const struct rec slot_rec = REC(slot, slot_fields, "The day a note is planned for");

static const struct field fields[] = {
	F_ID  (note, id, note, "id", "id", 0, "The note"),
	F_ID  (note, project, project, "projectId", "project", 0, "Its project"),
	F_ID  (note, folder, folder, "folderId", "folder", F_NULL, "Its folder; null is the root"),
	F_STR (note, content, "content", "content", 0, 0, 0, "The text", "Brain-dump after the customer call"),
	F_CREATED(note, id, note, "createdAt", "When it was created"),
	F_TIME(note, updated_at, "updatedAt", "updated_at", F_NULL, "When it was last changed"),
	F_REC (note, slot, struct slot, "slot", "", F_NULL, &slot_rec, "Its queue slot"),
};
const struct rec note_rec = REC(note, fields, "Raw captured content, the input of posts");
#define COLS "id, project, folder, content, updated_at, slot, slot_date, slot_type"

static const struct field create_fields[] = {
	F_ID  (note_create, project, project, "projectId", NULL, F_REQ, "The project it belongs to"),
	F_STR (note_create, content, "content", NULL, F_BIG, 0, 0, "The text; empty when left out", "Brain-dump after the customer call"),
	F_ID  (note_create, folder, folder, "folderId", NULL, F_NULL, "A folder of the project; left out or null is the root"),
	F_TIME(note_create, date, "date", NULL, 0, "Any moment of the day to plan it for; today when left out"),
	F_WORD(note_create, content_type, "contentType", NULL, F_RULE, &content_type_words, "Kind of content planned; PERSONAL when left out", "PERSONAL"),
};
const struct rec note_create_rec = REC(note_create, create_fields, "A new note");

static const struct field query_fields[] = {
	PAGE_FIELDS(notes_query),
	F_ID  (notes_query, project, project, "projectId", NULL, F_REQ, "The project"),
	F_ID  (notes_query, folder, folder, "folderId", NULL, 0, "Only notes of this folder"),
	F_FROM(notes_query, from, "dateFrom", "Only notes planned for this UTC day or later"),
	F_TO  (notes_query, to, "dateTo", "Only notes planned for this UTC day or earlier"),
};
const struct rec notes_query_rec = REC(notes_query, query_fields, "Filters of the list of notes");

SQL(insert, "note.insert",
    "INSERT INTO note (workspace, id, project, folder, content, slot, slot_date, slot_type) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
SQL(get, "note.get", "SELECT " COLS " FROM note WHERE workspace = $1 AND id = $2");
SQL(leave, "note.leave_folder",
    "UPDATE note SET folder = NULL, updated_at = $4, version = version + 1 WHERE workspace = $1 AND project = $2 AND folder = $3 AND id IN"
    " (SELECT id FROM note WHERE workspace = $1 AND project = $2 AND folder = $3 LIMIT $5)");
SQL(anchor, "note.anchor", "SELECT 1 FROM note WHERE workspace = $1 AND id = $2");
#define PAGE	"SELECT " COLS " FROM note WHERE workspace = $1 AND project = $2 AND id < $3"
#define ORDER	" ORDER BY id DESC LIMIT $4"
SQL(page, "note.page", PAGE ORDER);
SQL(page_folder, "note.page_folder", PAGE " AND folder = $5" ORDER);
/* The filter is a range of days, the order that of creation, and no index serves both: these walk the project in its
 * order and judge the day inside the index.  100,000 notes without a hit take 11 ms; an index of days would sort, which
 * takes 100 ms when the range is wide. */
SQL(page_days, "note.page_days", PAGE " AND slot_date >= $5 AND slot_date < $6" ORDER);
SQL(page_days_folder, "note.page_days_folder", PAGE " AND slot_date >= $5 AND slot_date < $6 AND folder = $7" ORDER);

enum err
note_insert(struct db *db, workspace_id w, const struct note *n, struct error *e)
{
	return db_run(db, insert, e, VID(w), VID(n->id), VID(n->project), VID(n->folder), V(n->content), VID(n->slot.id),
	    VTIME(n->slot.date), val_word(&content_type_words, n->slot.content_type));
}

enum err
note_get(struct db *db, struct arena *a, workspace_id w, note_id id, struct note *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, get, &note_rec, a, ret, &found, e, VID(w), VID(id)));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Note not found.");
}

enum err
note_page(struct db *db, workspace_id w, const struct notes_query *q, const struct page *p, struct rows *ret, struct error *e)
{
	bool days = q->from != TIME_NONE || q->to != TIME_NONE;
	int64_t from = q->from != TIME_NONE ? q->from : INT64_MIN, to = q->to != TIME_NONE ? q->to : INT64_MAX;

	if (days && id_set(q->folder))
		return db_query(db, page_days_folder, ret, e, VID(w), VID(q->project), val_ulid(&p->before), V(p->limit), V(from), V(to), VID(q->folder));
	if (days)
		return db_query(db, page_days, ret, e, VID(w), VID(q->project), val_ulid(&p->before), V(p->limit), V(from), V(to));
	if (id_set(q->folder))
		return db_query(db, page_folder, ret, e, VID(w), VID(q->project), val_ulid(&p->before), V(p->limit), VID(q->folder));
	return db_query(db, page, ret, e, VID(w), VID(q->project), val_ulid(&p->before), V(p->limit));
}

enum err
note_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

enum err
note_leave_folder(struct db *db, workspace_id w, project_id p, folder_id f, int64_t now, int limit, int *n, struct error *e)
{
	int64_t moved;

	if (n == NULL)
		return db_run(db, leave, e, VID(w), VID(p), VID(f), V(now), V(limit));
	TRY(db_touch(db, leave, &moved, e, VID(w), VID(p), VID(f), V(now), V(limit)));
	*n = (int)moved;
	return OK;
}
