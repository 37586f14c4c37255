#include "model/vector.h"

static const struct field fields[] = {
	F_ID  (document, id, document, "id", "id", 0, "The document"),
	F_ID  (document, project, project, "projectId", "project", F_NULL, "Its project; null: it is there for all projects of the workspace"),
	F_WORD(document, type, "type", "type", F_GROW, &knowledge_type_words, "What it was made from", "text"),
	F_STR (document, name, "name", "name", 0, 1, KNOWLEDGE_NAME_MAX, "What it is called", "Price list"),
	F_STR (document, url, "url", "url", F_NULL, 1, 2048, "Where it was fetched; null for a text", NULL),
	F_WORD(document, language, "language", "language", F_NULL | F_GROW, &knowledge_language_words,
	    "Whose word endings are known to the search; null for another language, whose words are found as they stand", "en"),
	F_I64 (document, characters, "characters", "characters", 0, 0, INT64_MAX, "How long its text is", "5120"),
	F_I64 (document, passages, "passageCount", "passages", 0, 0, INT64_MAX, "Into how many passages it was cut", "5"),
	F_STR (document, preview, "textPreview", "preview", 0, 0, 0, "The first 500 characters of its text", "The starter plan is 9 euros a month."),
	F_BOOL(document, truncated, "textPreviewTruncated", "truncated", 0, "Whether there is more text than the preview"),
	F_CREATED(document, id, document, "createdAt", "When it was submitted"),
};
const struct rec document_rec = REC_NAMED(document, "knowledge_document", fields, "Reference material that posts are written from");
#define COLS "id, project, type, name, url, language, characters, passages, preview, truncated"

static const struct field create_fields[] = {
	F_WORD(knowledge_create, type, "type", NULL, F_REQ, &knowledge_type_words, "What it is made from", "text"),
	F_STR (knowledge_create, name, "name", NULL, F_NAME, 1, KNOWLEDGE_NAME_MAX, "What to call it; when left out the URL of a page, or the title of a video", "Price list"),
	F_ID  (knowledge_create, project, project, "projectId", NULL, 0, "The project it is for; all projects of the workspace when left out"),
	F_STR (knowledge_create, text, "text", NULL, F_BIG, 1, KNOWLEDGE_TEXT_MAX, "The text, plain or Markdown", "The starter plan is 9 euros a month."),
	F_ID  (knowledge_create, upload, upload, "uploadId", NULL, 0, "The upload that holds the file"),
	F_STR (knowledge_create, url, "url", NULL, F_NAME | F_WEB, 1, 2048, "The public page or video", "https://example.com/prices"),
};
const struct rec knowledge_create_rec = { .name = "knowledge_create", .size = sizeof(struct knowledge_create), .f = create_fields,
    .n = (int)COUNT(create_fields), .doc = "A new knowledge document",
    .forms = FORMS({ "text", "name,text", "uploadId,url" }, { "file", "name,uploadId", "text,url" }, { "url", "url", "text,uploadId" },
        { "youtube", "url", "text,uploadId" }) };

static const struct field query_fields[] = {
	PAGE_FIELDS(knowledge_query),
	F_ID(knowledge_query, project, project, "projectId", NULL, 0, "What this project is written from: its own documents, and those of all projects"),
};
const struct rec knowledge_query_rec = REC(knowledge_query, query_fields, "Filters of the list of knowledge documents");

#define PAGE	"SELECT " COLS " FROM knowledge WHERE workspace = $1 AND id < $2"
#define ORDER	" ORDER BY id DESC LIMIT $3"
SQL(get, "knowledge.get", "SELECT " COLS " FROM knowledge WHERE workspace = $1 AND id = $2");
SQL(page, "knowledge.page", PAGE ORDER);
/* Each arm has its own limit where PostgreSQL would otherwise read all of it (job.c). */
#define ARM(of)	"{pg}({/pg}" PAGE " AND project " of "{pg}" ORDER "){/pg}"
SQL(page_project, "knowledge.page_project", ARM("= $4") " UNION ALL " ARM("IS NULL") ORDER);
SQL(anchor, "knowledge.anchor", "SELECT 1 FROM knowledge WHERE workspace = $1 AND id = $2");
SQL(same, "knowledge.same", "SELECT id FROM knowledge WHERE workspace = $1 AND hash = $2");
SQL(list, "knowledge.insert",
    "INSERT INTO knowledge (workspace, id, project, type, name, url, language, characters, passages, words, preview, truncated, hash, upload, vectors)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)");
SQL(unlist, "knowledge.delete", "DELETE FROM knowledge WHERE workspace = $1 AND id = $2 RETURNING type, passages, words, upload");
SQL(grow, "knowledge_size.add",
    "INSERT INTO knowledge_size (workspace, passages, words) VALUES ($1, $2, $3) ON CONFLICT (workspace) DO UPDATE"
    " SET passages = knowledge_size.passages + $2, words = knowledge_size.words + $3,"
    " changes = knowledge_size.changes + 1 WHERE knowledge_size.workspace = $1");
SQL(size, "knowledge_size.get", "SELECT passages, words FROM knowledge_size WHERE workspace = $1");

enum err
document_get(struct db *db, struct arena *a, workspace_id w, document_id id, struct document *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, get, &document_rec, a, ret, &found, e, VID(w), VID(id)));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Knowledge document not found.");
}

enum err
document_page(struct db *db, workspace_id w, project_id p, document_id before, int limit, struct rows *ret, struct error *e)
{
	if (!id_set(p))
		return db_query(db, page, ret, e, VID(w), VID(before), V(limit));
	return db_query(db, page_project, ret, e, VID(w), VID(before), V(limit), VID(p));
}

enum err
document_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

static void
take_id(ulid *to, struct val v)
{
	*to = (ulid){ "" };
	if (v.t == V_TEXT && v.s.n == 26)
		memcpy(to->s, v.s.p, 26);
}

enum err
document_same(struct db *db, workspace_id w, const digest *hash, document_id *ret, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, same, &r, e, VID(w), val_digest(hash)));
	if ((*found = db_next(&r)))
		take_id(&ret->u, db_col(&r, 0));
	return db_done(&r, e);
}

/* --- unlisted --- */

SQL(enter, "knowledge_unlisted.insert",
    "INSERT INTO knowledge_unlisted (workspace, id, job, project, type, name, body, url, upload) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
SQL(read, "knowledge_unlisted.read", "UPDATE knowledge_unlisted SET name = $3, body = $4, url = $5, marks = $6 WHERE workspace = $1 AND id = $2");
SQL(unlisted, "knowledge_unlisted.get", "SELECT id, job, project, type, name, body, url, upload, marks FROM knowledge_unlisted WHERE workspace = $1 AND id = $2");
SQL(away, "knowledge_unlisted.delete", "DELETE FROM knowledge_unlisted WHERE workspace = $1 AND id = $2");
SQL(hold_unlisted, "knowledge_unlisted.hold", "SELECT 1 FROM knowledge_unlisted WHERE workspace = $1 AND id = $2{for_update}");
SQL(some, "knowledge_unlisted.some", "SELECT id FROM knowledge_unlisted WHERE workspace = $1 ORDER BY id LIMIT $2");
/* of all workspaces: the keeper's */
SQL(next, "knowledge_unlisted.next",
    "SELECT workspace, id, job FROM knowledge_unlisted WHERE (workspace, id) > ($1, $2) ORDER BY workspace, id LIMIT 1");

static const struct field unlisted_fields[] = {
	F_ID  (unlisted, id, document, "id", "id", 0, ""),
	F_ID  (unlisted, job, job, "job", "job", 0, ""),
	F_ID  (unlisted, project, project, "project", "project", 0, ""),
	F_WORD(unlisted, type, "type", "type", 0, &knowledge_type_words, "", NULL),
	F_STR (unlisted, name, "name", "name", 0, 0, 0, "", NULL),
	F_STR (unlisted, body, "body", "body", 0, 0, 0, "", NULL),
	F_STR (unlisted, url, "url", "url", 0, 0, 0, "", NULL),
	F_ID  (unlisted, upload, upload, "upload", "upload", 0, ""),
	F_STR (unlisted, marks, "marks", "marks", 0, 0, 0, "", NULL),
};
static const struct rec unlisted_rec = REC(unlisted, unlisted_fields, "A document that is being written or removed");

enum err
unlisted_insert(struct db *db, workspace_id w, const struct unlisted *u, struct error *e)
{
	return db_run(db, enter, e, VID(w), VID(u->id), VID(u->job), VID(u->project), val_word(&knowledge_type_words, u->type), V(u->name), V(u->body),
	    V(u->url), VID(u->upload));
}

enum err
unlisted_read(struct db *db, workspace_id w, const struct unlisted *u, struct error *e)
{
	return db_run(db, read, e, VID(w), VID(u->id), V(u->name), V(u->body), V(u->url), val_bytes(u->marks));
}

enum err
unlisted_get(struct db *db, struct arena *a, workspace_id w, document_id id, struct unlisted *ret, bool *found, struct error *e)
{
	return db_one(db, unlisted, &unlisted_rec, a, ret, found, e, VID(w), VID(id));
}

enum err
unlisted_hold(struct db *db, workspace_id w, document_id id, bool *found, struct error *e)
{
	return db_any(db, hold_unlisted, found, e, VID(w), VID(id));
}

enum err
unlisted_forget(struct db *db, workspace_id w, document_id id, struct error *e)
{
	return db_run(db, away, e, VID(w), VID(id));
}

enum err
unlisted_next(struct db *db, workspace_id *w, document_id *d, job_id *job, bool *found, struct error *e)
{
	workspace_id after = *w;
	document_id behind = *d;
	struct rows r;

	TRY(db_query(db, next, &r, e, V(((str){ after.u.s, strlen(after.u.s) })), V(((str){ behind.u.s, strlen(behind.u.s) }))));
	if ((*found = db_next(&r))) {
		take_id(&w->u, db_col(&r, 0));
		take_id(&d->u, db_col(&r, 1));
		take_id(&job->u, db_col(&r, 2));
	}
	return db_done(&r, e);
}

enum err
knowledge_size_add(struct db *db, workspace_id w, int64_t passages, int64_t words, struct error *e)
{
	return db_run(db, grow, e, VID(w), V(passages), V(words));
}

enum err
document_list(struct db *db, workspace_id w, const struct document *d, int64_t words, const digest *hash, str vectors, struct error *e)
{
	TRY(db_run(db, list, e, VID(w), VID(d->id), VID(d->project), val_word(&knowledge_type_words, d->type), V(d->name), V(d->url),
	    val_word(&knowledge_language_words, d->language), V(d->characters), V(d->passages), V(words), V(d->preview), V(d->truncated),
	    val_digest(hash), VID(d->upload), V(vectors)));
	TRY(knowledge_size_add(db, w, d->passages, words, e));
	return unlisted_forget(db, w, d->id, e);
}

enum err
document_unlist(struct db *db, workspace_id w, document_id id, upload_id *upload, struct error *e)
{
	struct unlisted u = { .id = id, .name = S(""), .body = S("") };
	int64_t passages = 0, words = 0;
	struct rows r;
	bool found;

	TRY(db_query(db, unlist, &r, e, VID(w), VID(id)));
	if ((found = db_next(&r))) {
		db_val_word(&knowledge_type_words, db_col(&r, 0), &u.type);
		passages = db_col(&r, 1).i;
		words = db_col(&r, 2).i;
		take_id(&upload->u, db_col(&r, 3));
	}
	TRY(db_done(&r, e));
	if (!found)
		return fail(e, E_NOT_FOUND, NULL, "Knowledge document not found.");
	TRY(knowledge_size_add(db, w, -passages, -words, e));
	return unlisted_insert(db, w, &u, e);
}

/* Both are asked at once; each answer is heard to its end. */
enum err
knowledge_now(struct db *db, workspace_id w, int64_t *passages, int64_t *words, document_id *ret, int max, int *n, struct error *e)
{
	struct rows r, u;

	*passages = *words = *n = 0;
	TRY(db_ask(db, size, &r, e, VID(w)));
	enum err asked = db_ask(db, some, &u, e, VID(w), V(max));
	while (db_next(&r)) {
		*passages = db_col(&r, 0).i;
		*words = db_col(&r, 1).i;
	}
	enum err code = db_done(&r, e);
	TRY(asked);
	while (db_next(&u))
		take_id(&ret[(*n)++].u, db_col(&u, 0));
	enum err also = db_done(&u, e);
	return code != OK ? code : also;
}

/* --- passages and terms --- */

SQL(put_passage, "knowledge_passage.insert",
    "INSERT INTO knowledge_passage (workspace, document, place, heading, body, page) VALUES ($1, $2, $3, $4, $5, $6)");
SQL(passage, "knowledge_passage.get",
    "SELECT k.id, k.project, k.language, p.place, k.name, p.heading, p.body, p.page FROM knowledge k JOIN knowledge_passage p"
    " ON p.workspace = k.workspace AND p.document = k.id WHERE k.workspace = $1 AND k.id = $2 AND p.place = $3");
SQL(some_passages, "knowledge_passage.some",
    "SELECT heading, body FROM knowledge_passage WHERE workspace = $1 AND document = $2 AND place >= $3 ORDER BY place LIMIT $4");
SQL(first_passage, "knowledge_passage.first", "SELECT place FROM knowledge_passage WHERE workspace = $1 AND document = $2 ORDER BY place LIMIT 1");
SQL(drop_passages, "knowledge_passage.delete", "DELETE FROM knowledge_passage WHERE workspace = $1 AND document = $2 AND place < $3");
SQL(put_term, "knowledge_term.insert", "INSERT INTO knowledge_term (workspace, term, document, project, hits) VALUES ($1, $2, $3, $4, $5)");
SQL(drop_term, "knowledge_term.delete", "DELETE FROM knowledge_term WHERE workspace = $1 AND term = $2 AND document = $3");
SQL(hits, "knowledge_term.hits", "SELECT document, project, hits FROM knowledge_term WHERE workspace = $1 AND term = $2 ORDER BY document");
/* PostgreSQL answers over a network: there all terms of a question, and all passages of an answer, are one statement each.  SQLite has no such list and
 * needs none.  LATERAL with an order or a limit of its own: each is a look-up in the index, whatever the planner thinks of the others. */
SQL_PG(0, hits_of_all, "knowledge_term.hits_of_all",
    "SELECT k.document, k.project, k.hits, t.nth FROM unnest(string_to_array($2, chr(10))) WITH ORDINALITY AS t (term, nth)"
    " CROSS JOIN LATERAL (SELECT document, project, hits FROM knowledge_term WHERE workspace = $1 AND term = t.term ORDER BY document) k ORDER BY t.nth");
SQL_PG(0, all_passages, "knowledge_passage.all",
    "SELECT k.id, k.project, k.language, p.place, k.name, p.heading, p.body, p.page, t.nth"
    " FROM unnest(string_to_array($2, ','), string_to_array($3, ',')) WITH ORDINALITY AS t (document, place, nth)"
    " CROSS JOIN LATERAL (SELECT id, project, language, name FROM knowledge WHERE workspace = $1 AND id = t.document LIMIT 1) k"
    " CROSS JOIN LATERAL (SELECT place, heading, body, page FROM knowledge_passage"
    " WHERE workspace = $1 AND document = t.document AND place = CAST(t.place AS bigint) LIMIT 1) p");
SQL(put_slice, "knowledge_slice.insert", "INSERT INTO knowledge_slice (workspace, document, place, terms) VALUES ($1, $2, $3, $4)");
SQL(first_slice, "knowledge_slice.first", "SELECT place, terms FROM knowledge_slice WHERE workspace = $1 AND document = $2 ORDER BY place LIMIT 1");
SQL(drop_slice, "knowledge_slice.delete", "DELETE FROM knowledge_slice WHERE workspace = $1 AND document = $2 AND place = $3");

enum err
passages_put(struct db *db, workspace_id w, document_id d, int first, const struct passage *p, const int *pages, int n, struct error *e)
{
	for (int i = 0; i < n; i++)
		TRY(db_run(db, put_passage, e, VID(w), VID(d), V(first + i), V(p[i].heading), V(p[i].body), pages[i] > 0 ? V(pages[i]) : V(STR_NONE)));
	return OK;
}

static const struct field at_fields[] = {
	F_ID (passage_at, document, document, "id", "id", 0, ""),
	F_ID (passage_at, project, project, "project", "project", 0, ""),
	F_WORD(passage_at, language, "language", "language", 0, &knowledge_language_words, "", NULL),
	F_I64(passage_at, place, "place", "place", 0, 0, INT64_MAX, "", NULL),
	F_STR(passage_at, name, "name", "name", 0, 0, 0, "", NULL),
	F_STR(passage_at, heading, "heading", "heading", 0, 0, 0, "", NULL),
	F_STR(passage_at, body, "body", "body", 0, 0, 0, "", NULL),
	F_I64(passage_at, page, "page", "page", F_NULL, 0, INT64_MAX, "", NULL),
};
static const struct rec at_rec = REC(passage_at, at_fields, "A passage and its document");

enum err
passage_get(struct db *db, struct arena *a, workspace_id w, document_id d, int64_t place, struct passage_at *ret, bool *found, struct error *e)
{
	return db_one(db, passage, &at_rec, a, ret, found, e, VID(w), VID(d), V(place));
}

enum err
passages_all(struct db *db, workspace_id w, str documents, str places, struct rows *ret, struct error *e)
{
	return db_query(db, all_passages, ret, e, VID(w), V(documents), V(places));
}

int64_t
passage_scan(struct rows *r, struct arena *a, struct passage_at *ret)
{
	db_scan(&at_rec, r, a, ret);
	return db_col(r, 8).i;
}

enum err
passages_get(struct db *db, struct arena *a, workspace_id w, document_id d, int first, int most, struct passage *ret, int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(db_query(db, some_passages, &r, e, VID(w), VID(d), V(first), V(most)));
	while (db_next(&r))
		ret[(*n)++] = (struct passage){ str_dup(a, db_col(&r, 0).s), str_dup(a, db_col(&r, 1).s), 0 };
	return db_done(&r, e);
}

enum err
terms_put(struct db *db, struct arena *a, workspace_id w, document_id d, project_id p, int slice, const struct term *t, int n, struct error *e)
{
	struct buf names;

	buf_init(&names, a, 1 << 20);
	for (int i = 0; i < n; i++) {
		struct val bytes = { V_BYTES, 0, t[i].hits };
		TRY(db_run(db, put_term, e, VID(w), V(t[i].s), VID(d), VID(p), bytes));
		buf_add(&names, t[i].s);
		buf_char(&names, '\n');
	}
	return db_run(db, put_slice, e, VID(w), VID(d), V(slice), V(buf_str(&names)));
}

enum err
term_hits(struct db *db, workspace_id w, str term, struct rows *ret, struct error *e)
{
	return db_query(db, hits, ret, e, VID(w), V(term));
}

enum err
terms_hits(struct db *db, workspace_id w, str terms, struct rows *ret, struct error *e)
{
	return db_query(db, hits_of_all, ret, e, VID(w), V(terms));
}

static enum err
drop_terms(struct db *db, workspace_id w, document_id d, str names, struct error *e)
{
	while (names.p != NULL) {
		str name = str_split(&names, '\n');
		if (name.n > 0)
			TRY(db_run(db, drop_term, e, VID(w), V(name), VID(d)));
	}
	return OK;
}

enum err
document_empty(struct db *db, struct arena *a, workspace_id w, document_id d, bool *more, struct error *e)
{
	int64_t place = 0;
	str names = STR_NONE;
	struct rows r;

	TRY(db_query(db, first_slice, &r, e, VID(w), VID(d)));
	if ((*more = db_next(&r))) {
		place = db_col(&r, 0).i;
		names = str_dup(a, db_col(&r, 1).s);
	}
	TRY(db_done(&r, e));
	if (*more) {
		TRY(drop_terms(db, w, d, names, e));
		return db_run(db, drop_slice, e, VID(w), VID(d), V(place));
	}
	TRY(db_query(db, first_passage, &r, e, VID(w), VID(d)));
	if ((*more = db_next(&r)))
		place = db_col(&r, 0).i;
	TRY(db_done(&r, e));
	return *more ? db_run(db, drop_passages, e, VID(w), VID(d), V(place + KNOWLEDGE_PASSAGES)) : vectors_drop(db, w, d, more, e);
}
