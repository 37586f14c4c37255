/* note -- raw captured content and its queue slot.  The only code that names table note.
 * Layer: includes db, page, words. */
#ifndef MODEL_NOTE_H
#define MODEL_NOTE_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

struct slot { slot_id id; int64_t date; int content_type; };
struct note {
	note_id id;
	project_id project;
	folder_id folder;
	str content;
	int64_t updated_at;
	struct slot slot;
};
extern const struct rec note_rec;
struct note_create { project_id project; folder_id folder; str content; int64_t date; int content_type; };
extern const struct rec note_create_rec;
struct notes_query { struct page_query page; project_id project; folder_id folder; int64_t from, to; };
extern const struct rec notes_query_rec;

MUST_USE enum err note_insert(struct db *, workspace_id, const struct note *, struct error *);
MUST_USE enum err note_get(struct db *, struct arena *, workspace_id, note_id, struct note *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err note_page(struct db *, workspace_id, const struct notes_query *, const struct page *, struct rows *ret, struct error *);
MUST_USE enum err note_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
/* Some notes of a folder go to the root; *n tells how many. */
MUST_USE enum err note_leave_folder(struct db *, workspace_id, project_id, folder_id, int64_t now, int limit, int *n, struct error *);
#endif
