#include "model/vector.h"

#define DROP_ROWS	4		/* in one transaction: of 64 vectors each */

SQL(put, "knowledge_vector.put",
    "INSERT INTO knowledge_vector (workspace, document, place, model, n, data) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (workspace, document, place) DO UPDATE SET model = $4, n = $5, data = $6");
SQL(of, "knowledge_vector.of",
    "SELECT n, data FROM knowledge_vector WHERE workspace = $1 AND document = $2 AND model = $3 ORDER BY place");
SQL(first, "knowledge_vector.first", "SELECT place FROM knowledge_vector WHERE workspace = $1 AND document = $2 ORDER BY place LIMIT 1");
SQL(drop, "knowledge_vector.delete", "DELETE FROM knowledge_vector WHERE workspace = $1 AND document = $2 AND place < $3");
/* of all workspaces: who makes them serves all */
SQL(want_before, "knowledge.vectors_before",
    "SELECT workspace, id, vectors_at FROM knowledge WHERE vectors < $1 AND vectors_at <= $2 ORDER BY vectors, workspace, id LIMIT 1");
SQL(want_behind, "knowledge.vectors_behind",
    "SELECT workspace, id, vectors_at FROM knowledge WHERE vectors > $1 AND vectors_at <= $2 ORDER BY vectors, workspace, id LIMIT 1");
SQL(claim, "knowledge.vectors_claim",
    "UPDATE knowledge SET vectors_at = $4 WHERE workspace = $1 AND id = $2 AND vectors_at = $3");
SQL(begin, "knowledge.vectors_begin",
    "UPDATE knowledge SET vectors = '' WHERE workspace = $1 AND id = $2 AND vectors_at = $3 AND vectors <> ''");
SQL(whole, "knowledge.vectors_whole",
    "UPDATE knowledge SET vectors = $4, vectors_at = $5 WHERE workspace = $1 AND id = $2 AND vectors_at = $3");
SQL(changes, "knowledge_size.changes", "SELECT changes FROM knowledge_size WHERE workspace = $1");
SQL(forget, "knowledge.vectors_forget",
    "UPDATE knowledge SET vectors = '', vectors_at = 0 WHERE workspace = $1 AND id IN"
    " (SELECT id FROM knowledge WHERE workspace = $1 AND vectors > '' ORDER BY workspace, id LIMIT $2)");
SQL(documents, "knowledge.with_vectors",
    "SELECT id, project, passages, vectors_at FROM knowledge WHERE vectors = $2 AND workspace = $1 AND id > $3 ORDER BY id LIMIT $4");

enum err
vectors_put(struct db *db, workspace_id w, document_id d, const struct vectors *v, struct error *e)
{
	struct val bytes = { V_BYTES, 0, v->data };

	return db_run(db, put, e, VID(w), VID(d), V(v->first), V(v->model), V(v->n), bytes);
}

enum err
vectors_of(struct db *db, workspace_id w, document_id d, str model, struct rows *ret, struct error *e)
{
	return db_query(db, of, ret, e, VID(w), VID(d), V(model));
}

enum err
vectors_drop(struct db *db, workspace_id w, document_id d, bool *more, struct error *e)
{
	int64_t place = 0;
	struct rows r;

	TRY(db_query(db, first, &r, e, VID(w), VID(d)));
	if ((*more = db_next(&r)))
		place = db_col(&r, 0).i;
	TRY(db_done(&r, e));
	return *more ? db_run(db, drop, e, VID(w), VID(d), V(place + DROP_ROWS * VECTORS_SLICE)) : OK;
}

static enum err
wanted(struct rows *r, struct vectors_wanted *ret, bool *found, struct error *e)
{
	if ((*found = db_next(r))) {
		memcpy(ret->workspace.u.s, db_col(r, 0).s.p, 26);
		memcpy(ret->id.u.s, db_col(r, 1).s.p, 26);
		ret->claim = db_col(r, 2).i;
	}
	return db_done(r, e);
}

enum err
vectors_want(struct db *db, str model, int64_t now, struct vectors_wanted *ret, bool *found, struct error *e)
{
	struct rows r;

	*ret = (struct vectors_wanted){ .claim = 0 };
	TRY(db_query(db, want_before, &r, e, V(model), V(now)));
	TRY(wanted(&r, ret, found, e));
	if (*found)
		return OK;
	TRY(db_query(db, want_behind, &r, e, V(model), V(now)));
	return wanted(&r, ret, found, e);
}

static const struct miss not_held = { E_CONFLICT, NULL, "the document is gone, or somebody else makes its vectors" };

enum err
vectors_claim(struct db *db, struct vectors_wanted *v, int64_t until, struct error *e)
{
	return db_must(db, claim, not_held, e, VID(v->workspace), VID(v->id), V(v->claim), V(until));
}

enum err
vectors_begin(struct db *db, const struct vectors_wanted *v, struct error *e)
{
	int64_t n;

	TRY(db_touch(db, begin, &n, e, VID(v->workspace), VID(v->id), V(v->claim)));
	return n == 1 ? knowledge_size_add(db, v->workspace, 0, 0, e) : OK;
}

enum err
vectors_whole(struct db *db, const struct vectors_wanted *v, str model, int64_t now, struct error *e)
{
	TRY(db_must(db, whole, not_held, e, VID(v->workspace), VID(v->id), V(v->claim), V(model), V(now)));
	return knowledge_size_add(db, v->workspace, 0, 0, e);
}

enum err
vectors_forget(struct db *db, workspace_id w, int most, int *n, struct error *e)
{
	int64_t gone;

	TRY(db_touch(db, forget, &gone, e, VID(w), V(most)));
	*n = (int)gone;
	return *n > 0 ? knowledge_size_add(db, w, 0, 0, e) : OK;
}

enum err
vectors_documents(struct db *db, workspace_id w, str model, document_id behind, int most, struct rows *ret, struct error *e)
{
	str after = { behind.u.s, strnlen(behind.u.s, 26) };

	return db_query(db, documents, ret, e, VID(w), V(model), V(after), V(most));
}

enum err
vectors_changes(struct db *db, workspace_id w, int64_t *ret, struct error *e)
{
	struct rows r;

	*ret = 0;
	TRY(db_query(db, changes, &r, e, VID(w)));
	if (db_next(&r))
		*ret = db_col(&r, 0).i;
	return db_done(&r, e);
}
