#include "model/source.h"

static const struct field hook_fields[] = {
	F_ID  (hook, id, hook, "id", "id", 0, "The hook"),
	F_ID  (hook, topic, topic, "topicId", "topic", F_HIDE, ""),
	F_STR (hook, content, "content", "content", 0, 0, 0, "The opening line", "Nobody reads the second form."),
	F_STR (hook, post_type, "postType", "post_type", 0, 0, 0, "The kind of post that it opens: QUESTION, CONTRAST, NUMBER, LESSON, STORY or CLAIM; others may be added", "STORY"),
	F_WORD(hook, content_type, "contentType", "content_type", 0, &content_type_words, "The kind of content that it opens", "PERSONAL"),
};
static const struct rec hook_rec = REC(hook, hook_fields, "A suggested opening line");

static const struct field topic_fields[] = {
	F_ID   (topic, id, topic, "id", "id", 0, "The topic"),
	F_STR  (topic, title, "title", "title", 0, 0, 0, "What it is about, in a line", "A public tracker for support"),
	F_STR  (topic, summary, "summary", "summary", 0, 0, 0, "What is said of it", "Support moved into a public tracker, and replies came sooner."),
	F_TEXTS(topic, takeaways, "keyTakeaways", "takeaways", 0, "What to keep of it", "[\"The first reply comes after 2.5 hours, not 19.\"]"),
	F_I64  (topic, ranking, "ranking", "ranking", 0, 0, INT64_MAX, "Its place among the topics, from 1", "1"),
	F_MILLI(topic, score, "score", "score", 0, "How well it carries a post; more is better", "0.87"),
	F_MILLI(topic, from, "fromSeconds", "from_ms", F_NULL, "Where it begins in the recording", "12.5"),
	F_MILLI(topic, to, "toSeconds", "to_ms", F_NULL, "Where it ends in the recording", "95"),
	F_LIST (topic, hooks, "hooks", 0, &hook_rec, "Opening lines for it"),
};
static const struct rec topic_rec = REC(topic, topic_fields, "A topic that was found in a source");

static const struct field fields[] = {
	F_ID   (source, id, source, "id", "id", 0, "The source"),
	F_ID   (source, project, project, "projectId", "project", 0, "Its project"),
	F_WORD (source, status, "status", "status", 0, &source_status_words, "A text is Done at once; a file is Processing until it ends as Done or Error", "Done"),
	F_STR  (source, name, "name", "name", F_NULL, 0, 0, "What it is called", "Talk at the spring meetup"),
	F_STR  (source, file_type, "fileType", "file_type", F_NULL, 0, 0, "Media type of the file that it came from; null for a text", NULL),
	F_MILLI(source, duration, "durationSeconds", "duration_ms", F_NULL, "How long the recording is; null where there is none", NULL),
	F_CREATED(source, id, source, "createdAt", "When it was created"),
	F_TIME (source, updated_at, "updatedAt", "updated_at", F_NULL, "When it was last changed"),
	F_STR  (source, preview, "textPreview", "preview", 0, 0, 0, "The first 2,000 characters of its text; the whole text is never shown", "Last week we moved our support to a public tracker."),
	F_BOOL (source, truncated, "textPreviewTruncated", "truncated", 0, "Whether there is more text than the preview"),
	F_BOOL (source, has_text, "hasFullText", "has_text", 0, "Whether its text is there to write from"),
	F_LIST (source, topics, "topics", 0, &topic_rec, "What was found in it, best first"),
};
const struct rec source_rec = REC(source, fields, "Longer material to write from");
#define COLS "id, project, status, name, file_type, duration_ms, updated_at, preview, truncated, has_text"

static const struct field entry_fields[] = {
	F_ID   (source_entry, id, source, "id", "id", 0, "The source"),
	F_ID   (source_entry, project, project, "projectId", "project", 0, "Its project"),
	F_WORD (source_entry, status, "status", "status", 0, &source_status_words, "A text is Done at once; a file is Processing until it ends as Done or Error", "Done"),
	F_STR  (source_entry, name, "name", "name", F_NULL, 0, 0, "What it is called", "Talk at the spring meetup"),
	F_STR  (source_entry, file_type, "fileType", "file_type", F_NULL, 0, 0, "Media type of the file that it came from; null for a text", NULL),
	F_MILLI(source_entry, duration, "durationSeconds", "duration_ms", F_NULL, "How long the recording is; null where there is none", NULL),
	F_CREATED(source_entry, id, source, "createdAt", "When it was created"),
	F_TIME (source_entry, updated_at, "updatedAt", "updated_at", F_NULL, "When it was last changed"),
	F_STR  (source_entry, excerpt, "excerpt", "excerpt", 0, 0, 0, "The first 200 characters of its text", "Last week we moved our support to a public tracker."),
	F_BOOL (source_entry, has_text, "hasFullText", "has_text", 0, "Whether its text is there to write from"),
};
const struct rec source_entry_rec = REC(source_entry, entry_fields, "A source as a list shows it: without its topics");

static const struct field query_fields[] = {
	PAGE_FIELDS(sources_query),
	F_ID(sources_query, project, project, "projectId", NULL, F_REQ, "The project"),
};
const struct rec sources_query_rec = REC(sources_query, query_fields, "Filters of the list of sources");

static const struct field create_fields[] = {
	F_WORD(source_create, type, "type", NULL, F_REQ, &source_type_words, "What it is made from", "text"),
	F_ID  (source_create, project, project, "projectId", NULL, F_REQ, "The project it belongs to"),
	F_STR (source_create, text, "text", NULL, F_BIG, 1, SOURCE_TEXT_MAX, "The text", "Last week we moved our support to a public tracker."),
	F_ID  (source_create, upload, upload, "uploadId", NULL, 0, "The upload that holds the file"),
	F_STR (source_create, name, "name", NULL, F_NULL, 0, 500, "What to call it; of a file, its own name when left out", "Talk at the spring meetup"),
};
const struct rec source_create_rec = REC_FORMS(source_create, create_fields, "A new source, from a text or from a file that was uploaded",
    { "text", "text", "uploadId" }, { "file", "uploadId", "text" });

SQL(insert, "source.insert",
    "INSERT INTO source (workspace, id, project, status, name, file_type, duration_ms, preview, truncated, has_text)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
SQL(put_text, "source.put_text", "INSERT INTO source_text (workspace, source, body, marks) VALUES ($1, $2, $3, $4)");
SQL(get, "source.get", "SELECT " COLS " FROM source WHERE workspace = $1 AND id = $2");
SQL(page, "source.page",
    "SELECT id, project, status, name, file_type, duration_ms, updated_at, substr(preview, 1, 200) AS excerpt, has_text FROM source"
    " WHERE workspace = $1 AND project = $2 AND id < $3 ORDER BY id DESC LIMIT $4");
SQL(anchor, "source.anchor", "SELECT 1 FROM source WHERE workspace = $1 AND id = $2");
SQL(status, "source.status", "SELECT status FROM source WHERE workspace = $1 AND id = $2");
SQL(whole, "source.text", "SELECT body FROM source_text WHERE workspace = $1 AND source = $2");
SQL(marks_of, "source.marks", "SELECT marks FROM source_text WHERE workspace = $1 AND source = $2");
SQL(topics, "source.topics",
    "SELECT id, title, summary, takeaways, ranking, score, from_ms, to_ms FROM source_topic WHERE workspace = $1 AND source = $2"
    " ORDER BY ranking, id LIMIT $3");
SQL(hooks, "source.hooks",
    "SELECT id, topic, content, post_type, content_type FROM source_hook WHERE workspace = $1 AND source = $2 ORDER BY topic, position, id LIMIT $3");

SQL(put_topic, "source.put_topic",
    "INSERT INTO source_topic (workspace, id, source, title, summary, takeaways, ranking, score, from_ms, to_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
SQL(put_hook, "source.put_hook",
    "INSERT INTO source_hook (workspace, id, source, topic, position, content, post_type, content_type) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
SQL(touch, "source.touch", "UPDATE source SET updated_at = $3 WHERE workspace = $1 AND id = $2");
SQL(one_hook, "source.hook",
    "SELECT h.source, h.content, t.title, t.summary FROM source_hook h JOIN source_topic t ON t.workspace = h.workspace AND t.id = h.topic"
    " WHERE h.workspace = $1 AND h.id = $2");

SQL(is_done, "source.is_done", "SELECT 1 FROM source WHERE workspace = $1 AND id = $2 AND status = 'Done'");
SQL(hook_of, "source.hook_of", "SELECT 1 FROM source_hook WHERE workspace = $1 AND id = $2 AND source = coalesce($3, source)");

static enum err gone(struct error *e) { return fail(e, E_NOT_FOUND, NULL, "Source not found."); }

str
source_preview(str text)
{
	size_t i = 0;

	for (int n = 0; n < SOURCE_PREVIEW && i < text.n; n++)
		(void)utf8_next(text, &i);
	return str_cut(text, 0, i);
}

enum err
source_insert(struct db *db, workspace_id w, const struct source *s, str body, str marks, struct error *e)
{
	TRY(db_run(db, insert, e, VID(w), VID(s->id), VID(s->project), val_word(&source_status_words, s->status), V(s->name), V(s->file_type),
	    VTIME(s->duration), V(s->preview), V(s->truncated), V(s->has_text)));
	return body.p != NULL ? db_run(db, put_text, e, VID(w), VID(s->id), V(body), val_bytes(marks)) : OK;
}

/* Both lists come in the order of an index; a row that has no room in the answer is not read. */
static enum err
read_list(struct rows *r, struct arena *a, const struct rec *rec, int max, struct rec_list *ret, struct error *e)
{
	char *rows = NULL;
	int n = 0;

	for (; db_next(r); n++) {
		if (rows == NULL)
			rows = arena_alloc(a, (size_t)max * rec->size);
		db_scan(rec, r, a, rows + (size_t)n * rec->size);
	}
	*ret = (struct rec_list){ rows, n };
	return db_done(r, e);
}

/* The hooks of one topic stand together. */
static struct rec_list
hooks_of(const struct topic *t, const struct rec_list *all)
{
	const struct hook *h = all->v, *end = h + all->n;
	int n = 0;

	while (h < end && memcmp(h->topic.u.s, t->id.u.s, 26) != 0)
		h++;
	while (h + n < end && memcmp(h[n].topic.u.s, t->id.u.s, 26) == 0)
		n++;
	return (struct rec_list){ h, n };
}

static void
put_together(struct arena *a, struct source *s, const struct rec_list *ts, const struct rec_list *hs)
{
	struct topic *t = NEW_N(a, struct topic, ts->n);

	if (ts->n > 0)
		memcpy(t, ts->v, sizeof(*t) * (size_t)ts->n);
	for (int i = 0; i < ts->n; i++)
		t[i].hooks = hooks_of(&t[i], hs);
	s->topics = (struct rec_list){ t, ts->n };
}

/* All three are asked at once, in this order: what the first tells of, the others have.  Each answer is heard to its end whatever the others say. */
enum err
source_get(struct db *db, struct arena *a, workspace_id w, source_id id, struct source *ret, struct error *e)
{
	struct rec_list hs = { 0 }, ts = { 0 };
	struct rows it, its, theirs;
	bool found = false;
	enum err one, two, three = OK;

	TRY(db_ask(db, get, &it, e, VID(w), VID(id)));
	if ((two = db_ask(db, topics, &its, e, VID(w), VID(id), V(SOURCE_TOPICS))) == OK)
		three = db_ask(db, hooks, &theirs, e, VID(w), VID(id), V(SOURCE_HOOKS));
	bool asked[] = { two == OK, two == OK && three == OK };
	one = db_take(&it, &source_rec, a, ret, &found, e);
	if (asked[0])
		two = read_list(&its, a, &topic_rec, SOURCE_TOPICS, &ts, e);
	if (asked[1])
		three = read_list(&theirs, a, &hook_rec, SOURCE_HOOKS, &hs, e);
	TRY(one);
	TRY(two);
	TRY(three);
	if (!found)
		return gone(e);
	put_together(a, ret, &ts, &hs);
	return OK;
}

enum err
source_page(struct db *db, workspace_id w, project_id p, source_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, page, ret, e, VID(w), VID(p), VID(before), V(limit));
}

enum err
source_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

enum err
source_status(struct db *db, workspace_id w, source_id id, int *ret, struct error *e)
{
	struct rows r;
	bool found;

	TRY(db_query(db, status, &r, e, VID(w), VID(id)));
	if ((found = db_next(&r)))
		db_val_word(&source_status_words, db_col(&r, 0), ret);
	TRY(db_done(&r, e));
	return found ? OK : gone(e);
}

enum err
source_done(struct db *db, workspace_id w, source_id id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &is_done, miss, e, VALS(VID(w), VID(id)));
}

enum err
hook_exists(struct db *db, workspace_id w, hook_id id, source_id of, const struct miss *miss, struct error *e)
{
	return db_must_(db, &hook_of, miss, e, VALS(VID(w), VID(id), VID(of)));
}

enum err
source_text(struct db *db, struct arena *a, workspace_id w, source_id id, str *ret, struct error *e)
{
	struct rows r;
	bool found;

	TRY(db_query(db, whole, &r, e, VID(w), VID(id)));
	if ((found = db_next(&r)))
		*ret = str_dup(a, db_col(&r, 0).s);
	TRY(db_done(&r, e));
	return found ? OK : gone(e);
}

enum err
source_marks(struct db *db, struct arena *a, workspace_id w, source_id id, str *ret, struct error *e)
{
	struct rows r;

	*ret = STR_NONE;
	TRY(db_query(db, marks_of, &r, e, VID(w), VID(id)));
	if (db_next(&r) && db_col(&r, 0).t != V_NULL)
		*ret = str_dup(a, db_col(&r, 0).s);
	return db_done(&r, e);
}

/* --- what was found in it --- */

static enum err
put_hooks(struct db *db, workspace_id w, source_id id, const struct topic *t, struct error *e)
{
	const struct hook *h = t->hooks.v;

	for (int i = 0; i < t->hooks.n; i++)
		TRY(db_run(db, put_hook, e, VID(w), VID(h[i].id), VID(id), VID(t->id), V(i), V(h[i].content), V(h[i].post_type),
		    val_word(&content_type_words, h[i].content_type)));
	return OK;
}

enum err
source_topics_insert(struct db *db, workspace_id w, source_id id, const struct rec_list *all, struct error *e)
{
	const struct topic *t = all->v;

	for (int i = 0; i < all->n; i++) {
		TRY(db_run(db, put_topic, e, VID(w), VID(t[i].id), VID(id), V(t[i].title), V(t[i].summary), V(t[i].takeaways), V(t[i].ranking),
		    V(t[i].score), VTIME(t[i].from), VTIME(t[i].to)));
		TRY(put_hooks(db, w, id, &t[i], e));
	}
	return OK;
}

enum err
source_touch(struct db *db, workspace_id w, source_id id, int64_t now, struct error *e)
{
	return db_run(db, touch, e, VID(w), VID(id), V(now));
}

static const struct field hook_found_fields[] = {
	F_ID (hook_found, source, source, "source", "source", 0, ""),
	F_STR(hook_found, content, "content", "content", 0, 0, 0, "", NULL),
	F_STR(hook_found, title, "title", "title", 0, 0, 0, "", NULL),
	F_STR(hook_found, summary, "summary", "summary", 0, 0, 0, "", NULL),
};
static const struct rec hook_found_rec = REC(hook_found, hook_found_fields, "A hook with its topic");

enum err
hook_find(struct db *db, struct arena *a, workspace_id w, hook_id id, struct hook_found *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, one_hook, &hook_found_rec, a, ret, &found, e, VID(w), VID(id)));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Hook not found.");
}
