#include "model/note.h"
#include "api/rq.h"
#include "model/folder.h"
#include "model/project.h"

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&note_rec, r, NULL, to);
}

enum err
notes_list(struct rq *rq)
{
	const struct notes_query *q = IN(rq, notes_query);
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	TRY(project_exists(rq->db, rq->who.workspace, q->project, &rq->err));
	TRY(note_page(rq->db, rq->who.workspace, q, &p, &r, &rq->err));
	return reply_rows(rq, &r, &note_rec, sizeof(struct note), scan);
}

enum err
notes_get(struct rq *rq)
{
	struct note n;

	TRY(note_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, note), &n, &rq->err));
	return reply(rq, &note_rec, &n);
}

static const struct miss other_folder = { E_UNPROCESSABLE, "folderId", "'folderId' names no folder of this project." };

/* POST /v1/notes: the note and its queue slot, the day of `date`. */
enum err
notes_create(struct rq *rq)
{
	const struct note_create *in = IN(rq, note_create);
	int64_t date = in->date != TIME_NONE ? in->date : rq->now;
	struct note n;

	TRY(project_exists(rq->db, rq->who.workspace, in->project, &rq->err));
	if (id_set(in->folder))
		TRY(folder_of(rq->db, rq->who.workspace, in->project, in->folder, &other_folder, &rq->err));
	rec_init(&note_rec, &n);
	n.id = (note_id){ fresh(rq) };
	n.project = in->project;
	n.folder = in->folder;
	n.content = in->content.p != NULL ? in->content : S("");
	n.slot = (struct slot){ { fresh(rq) }, time_day(date), in->content_type >= 0 ? in->content_type : CT_PERSONAL };
	TRY(note_insert(rq->db, rq->who.workspace, &n, &rq->err));
	TRY(announce(rq, n.project, EVENT_NOTE_CREATED, &note_rec, &n));
	made(rq, ID_note, &n.id.u);
	return reply(rq, &note_rec, &n);
}
