#include "sys/sys.h"
#include "model/vacate.h"
#include "model/column.h"
#include "model/ledger.h"
#include "model/note.h"
#include "model/post.h"
#include <stdlib.h>

static const char *const vacant_names[] = { [VACANT_FOLDER] = "folder", [VACANT_COLUMN] = "column" };
static const struct words vacant_words = { .v = vacant_names, .n = COUNT(vacant_names) };

static const struct field fields[] = {
	F_ID  (vacated, workspace, workspace, "workspace", "workspace", 0, "Its workspace"),
	F_WORD(vacated, kind, "kind", "kind", 0, &vacant_words, "What it was", NULL),
	F_ID  (vacated, project, project, "project", "project", 0, "Its project"),
	F_WORD(vacated, category, "category", "category", 0, &category_words, "Of a column", NULL),
	F_TIME(vacated, since, "since", "since", 0, "When it was deleted"),
};
static const struct rec vacated_rec = REC(vacated, fields, "A folder or column that was deleted");

SQL(enter, "vacated.insert", "INSERT INTO vacated (workspace, id, kind, project, category, since) VALUES ($1, $2, $3, $4, $5, $6)");
SQL(away, "vacated.delete", "DELETE FROM vacated WHERE workspace = $1 AND id = $2");
/* of all workspaces: the keeper's */
SQL(next, "vacated.next",
    "SELECT workspace, kind, project, category, since, id FROM vacated WHERE (workspace, id) > ($1, $2) ORDER BY workspace, id LIMIT 1");

enum err
vacate_next(struct db *db, struct vacated *v, bool *found, struct error *e)
{
	struct vacated after = *v;
	struct rows r;

	TRY(db_query(db, next, &r, e, V(((str){ after.workspace.u.s, strlen(after.workspace.u.s) })), V(((str){ after.id.s, strlen(after.id.s) }))));
	if ((*found = db_next(&r))) {
		db_scan(&vacated_rec, &r, NULL, v);
		memcpy(v->id.s, db_col(&r, 5).s.p, 26);
		v->id.s[26] = '\0';
	}
	return db_done(&r, e);
}

/* Like a change by a person: announced, and counted with the others. */
static enum err
move_post(struct db *db, struct arena *a, const struct sys_clock *clock, const struct vacated *v, post_id id, status_id to, size_t *bytes,
    bool *moved, struct error *e)
{
	struct post p;

	TRY(post_hold(db, a, v->workspace, id, &p, e));
	if (!(*moved = memcmp(p.status_id.u.s, v->id.s, 26) == 0))
		return OK;
	*bytes += p.content.n;
	p.status_id = to;
	p.updated_at = sys_wall_ms(clock);
	TRY(post_move(db, v->workspace, &p, e));
	return event_put(db, a, v->workspace, p.project, (event_id){ sys_ulid(clock) }, EVENT_POST_UPDATED, &post_rec, &p, e);
}

static int by_id(const void *a, const void *b) { return memcmp(a, b, 26); }

/* Texts may be long: no more than one is held at a time, and a slice ends early when it has written much.  All posts are locked before any
 * count is: who changes one of them has the post and wants the count. */
static enum err
move_posts(struct db *db, struct arena *a, const struct sys_clock *clock, const struct vacated *v, int *moved, struct error *e)
{
	post_id ids[VACATE_SLICE];
	size_t bytes = 0;
	status_id to;
	int n, i, here = 0;
	bool it;

	TRY(post_in_column(db, v->workspace, (status_id){ v->id }, VACATE_SLICE, ids, &n, e));
	TRY(column_of(db, v->workspace, v->project, v->category, &to, e));
	qsort(ids, (size_t)n, sizeof(*ids), by_id);
	for (i = 0; i < n && bytes < VACATE_BYTES; i++) {
		struct arena_mark mark = arena_mark(a);
		TRY(move_post(db, a, clock, v, ids[i], to, &bytes, &it, e));
		arena_back(a, mark);
		if (it)
			ids[here++] = ids[i];
	}
	*moved = i;
	return post_recount(db, v->workspace, (status_id){ v->id }, to, ids, here, e);
}

static enum err
move(struct db *db, struct arena *a, const struct sys_clock *clock, const struct vacated *v, int *moved, struct error *e)
{
	if (v->kind == VACANT_COLUMN)
		return move_posts(db, a, clock, v, moved, e);
	return note_leave_folder(db, v->workspace, v->project, (folder_id){ v->id }, sys_wall_ms(clock), VACATE_SLICE, moved, e);
}

enum err
vacate_begin(struct db *db, struct arena *a, const struct sys_clock *clock, const struct vacated *v, struct error *e)
{
	int moved, *count = v->kind == VACANT_COLUMN ? &moved : NULL;

	TRY(db_run(db, enter, e, VID(v->workspace), val_ulid(&v->id), val_word(&vacant_words, v->kind), VID(v->project),
	    val_word(&category_words, v->category), V(v->since)));
	return move(db, a, clock, v, count, e);
}

enum err
vacate_step(struct db *db, struct arena *a, const struct sys_clock *clock, const struct vacated *v, int *moved, struct error *e)
{
	TRY(move(db, a, clock, v, moved, e));
	if (*moved > 0 || sys_wall_ms(clock) - v->since < VACATE_LINGER_MS)
		return OK;
	TRY(post_forget_column(db, v->workspace, (status_id){ v->id }, e));
	return db_run(db, away, e, VID(v->workspace), val_ulid(&v->id));
}
