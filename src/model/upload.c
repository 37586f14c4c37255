#include "model/upload.h"

static const struct field header_fields[] = {
	F_STR(upload_headers, content_type, "Content-Type", NULL, 0, 0, 0, "As it was asked for", "audio/mpeg"),
};
static const struct rec headers_rec = REC(upload_headers, header_fields, "The headers that the PUT must have, with exactly these values");

static const struct field fields[] = {
	F_ID  (upload, id, upload, "id", NULL, 0, "The upload"),
	F_STR (upload, url, "uploadUrl", NULL, 0, 0, 0, "Where to PUT the bytes, once, without an API key",
	    "https://scripe.example.com/uploads/org_01J9ZAB12CD34E56F7G8H9JKMN/upl_01J9ZAB12CD34E56F7G8H9JKMN?X-Amz-Algorithm=AWS4-HMAC-SHA256"),
	F_STR (upload, method, "method", NULL, 0, 0, 0, "Always PUT", "PUT"),
	F_REC (upload, headers, struct upload_headers, "headers", NULL, F_MORE, &headers_rec, "What the PUT must send"),
	F_STR (upload, content_type, "contentType", NULL, 0, 0, 0, "Media type of the file", "audio/mpeg"),
	F_I64 (upload, max_size, "maxSizeBytes", NULL, 0, 1, INT64_MAX, "The most bytes that the PUT may have", "500000000"),
	F_TIME(upload, expires_at, "expiresAt", NULL, 0, "Until when the PUT may begin"),
};
const struct rec upload_rec = REC(upload, fields, "A place to put the bytes of one file");

static const struct field create_fields[] = {
	F_STR(upload_create, content_type, "contentType", NULL, F_REQ, 1, 255, "Media type of the file; the PUT must send the same", "audio/mpeg"),
	F_I64(upload_create, max_size, "maxSizeBytes", NULL, 0, 1, INT64_MAX, "The most bytes to accept; the cap of the type when left out", "25000000"),
};
const struct rec upload_create_rec = REC(upload_create, create_fields, "A file that will be uploaded");

static const struct field row_fields[] = {
	F_ID  (upload, id, upload, "id", "id", 0, ""),
	F_WORD(upload, state, "state", "state", 0, &upload_state_words, "", NULL),
	F_STR (upload, content_type, "contentType", "content_type", 0, 0, 0, "", NULL),
	F_I64 (upload, max_size, "maxSizeBytes", "max_size", 0, 0, INT64_MAX, "", NULL),
	F_TIME(upload, expires_at, "expiresAt", "expires_at", 0, ""),
	F_BOOL(upload, external, "external", "external", 0, ""),
	F_I64 (upload, size, "size", "size", F_NULL, 0, INT64_MAX, "", NULL),
	F_TIME(upload, since, "since", "since", 0, ""),
};
static const struct rec row_rec = REC(upload, row_fields, "An upload as its row keeps it");

/* --- what is accepted --- */

#define MB	INT64_C(1000000)
/* A type that ends in / or . stands for what begins so. */
static const struct { str type; int64_t cap; } accepted[] = {
	{ S_INIT("audio/"), 500 * MB }, { S_INIT("video/"), 500 * MB }, { S_INIT("image/"), 25 * MB },
	{ S_INIT("application/pdf"), 100 * MB }, { S_INIT("application/msword"), 100 * MB },
	{ S_INIT("application/vnd.openxmlformats-officedocument."), 100 * MB },
	{ S_INIT("text/plain"), 25 * MB }, { S_INIT("text/markdown"), 25 * MB }, { S_INIT("text/html"), 25 * MB },
};

/* It becomes a header of the PUT, and is signed as it stands: visible characters and single blanks between them. */
static bool
is_header_value(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~' || (s.p[i] == ' ' && (i == 0 || i + 1 == s.n || s.p[i - 1] == ' ')))
			return false;
	return true;
}

int64_t
upload_cap(str content_type)
{
	str params = content_type, type = str_trim(str_split(&params, ';'));

	if (!is_header_value(content_type))
		return 0;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		str t = accepted[i].type;
		bool family = str_ends(t, S("/")) || str_ends(t, S("."));
		bool rest = type.n > t.n && memchr(type.p, ' ', type.n) == NULL && memchr(type.p + t.n, '/', type.n - t.n) == NULL;
		if (family ? rest && str_ieq(str_cut(type, 0, t.n), t) : str_ieq(type, t))
			return accepted[i].cap;
	}
	return 0;
}

/* --- states --- */

/* aged: by the keeper, after a while.  In a bucket nobody tells us when the bytes are complete. */
enum { HERE = 1, IN_BUCKET = 2, ANYWHERE = HERE | IN_BUCKET };
static const struct { int from, to, where; bool aged; const char *why; } moves[] = {
	{ UP_WAITING, UP_STORED, HERE, false, "its bytes are complete" },
	{ UP_STORED, UP_USED, HERE, false, "a job makes something of it" },
	{ UP_USED, UP_STORED, HERE, false, "the job came to nothing" },
	{ UP_WAITING, UP_USED, IN_BUCKET, false, "a job looks for its bytes" },
	{ UP_USED, UP_WAITING, IN_BUCKET, false, "the job came to nothing" },
	{ UP_USED, UP_DOOMED, ANYWHERE, false, "what was made of it is gone" },
	{ UP_WAITING, UP_DOOMED, ANYWHERE, true, "nobody sent its bytes, or made anything of them" },
	{ UP_STORED, UP_DOOMED, HERE, true, "nobody made anything of it" },
};

const char *
upload_why(int from, int to, bool external)
{
	for (size_t i = 0; i < COUNT(moves); i++)
		if (moves[i].from == from && moves[i].to == to && (moves[i].where & (external ? IN_BUCKET : HERE)) != 0)
			return moves[i].why;
	return NULL;
}

SQL(insert, "upload.insert", "INSERT INTO upload (workspace, id, state, content_type, max_size, expires_at, external, since)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
#define ROW	"SELECT id, state, content_type, max_size, expires_at, external, size, since FROM upload WHERE workspace = $1 AND id = $2"
SQL(get, "upload.get", ROW);
SQL(hold, "upload.hold", ROW "{for_update}");
SQL(attempt_of, "upload.attempt", "SELECT attempt FROM upload WHERE workspace = $1 AND id = $2");
SQL(store, "upload.store", "UPDATE upload SET state = $3, attempt = $5, size = $6, since = $7 WHERE workspace = $1 AND id = $2 AND state = $4");
SQL(move, "upload.move", "UPDATE upload SET state = $3, since = $5 WHERE workspace = $1 AND id = $2 AND state = $4");
SQL(use, "upload.use", "UPDATE upload SET state = $3, since = $5, job = $6 WHERE workspace = $1 AND id = $2 AND state = $4 AND external = $7");
SQL(release, "upload.release",
    "UPDATE upload SET state = CASE WHEN external = 1 THEN $6 ELSE $3 END, since = $5, job = NULL WHERE workspace = $1 AND job = $2 AND state = $4");
SQL(due, "upload.due", "SELECT id, external FROM upload WHERE workspace = $1 AND state = $2 AND since < $3 ORDER BY since LIMIT $4");
SQL(forget, "upload.forget", "DELETE FROM upload WHERE workspace = $1 AND id = $2 AND state = $3");

SQL(put_text, "upload_text.insert", "INSERT INTO upload_text (workspace, job, type, title, duration, body, marks) VALUES ($1, $2, $3, $4, $5, $6, $7)");
SQL(get_text, "upload_text.get", "SELECT type, title, duration, body, marks FROM upload_text WHERE workspace = $1 AND job = $2");
SQL(drop_text, "upload_text.delete", "DELETE FROM upload_text WHERE workspace = $1 AND job = $2");

static struct val word(int state) { return val_word(&upload_state_words, state); }

enum err
upload_insert(struct db *db, workspace_id w, const struct upload *u, struct error *e)
{
	return db_run(db, insert, e, VID(w), VID(u->id), word(u->state), V(u->content_type), V(u->max_size), V(u->expires_at), V(u->external),
	    V(u->since));
}

enum err
upload_get(struct db *db, struct arena *a, workspace_id w, upload_id id, struct upload *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, get, &row_rec, a, ret, &found, e, VID(w), VID(id)));
	return found && ret->state != UP_DOOMED ? OK : fail(e, E_NOT_FOUND, NULL, "Upload not found.");
}

enum err
upload_hold(struct db *db, workspace_id w, upload_id id, struct rows *ret, struct error *e)
{
	return db_ask(db, hold, ret, e, VID(w), VID(id));
}

enum err
upload_held(struct rows *r, struct arena *a, struct upload *ret, bool *found, struct error *e)
{
	TRY(db_take(r, &row_rec, a, ret, found, e));
	*found = *found && ret->state != UP_DOOMED;
	return OK;
}

enum err
upload_stored_by(struct db *db, workspace_id w, upload_id id, const ulid *attempt, bool *ret, struct error *e)
{
	struct rows r;

	TRY(db_query(db, attempt_of, &r, e, VID(w), VID(id)));
	*ret = db_next(&r) && str_eq(db_col(&r, 0).s, (str){ attempt->s, 26 });
	return db_done(&r, e);
}

enum err
upload_store(struct db *db, workspace_id w, upload_id id, const ulid *attempt, int64_t size, int64_t now, struct error *e)
{
	bool ours;

	int64_t n;

	TRY(db_touch(db, store, &n, e, VID(w), VID(id), word(UP_STORED), word(UP_WAITING), val_ulid(attempt), V(size), V(now)));
	if (n == 1)
		return OK;
	TRY(upload_stored_by(db, w, id, attempt, &ours, e));
	return ours ? OK : fail(e, E_CONFLICT, NULL, "This URL was used already: its upload is complete.");
}

enum err
upload_use(struct db *db, workspace_id w, const struct upload *u, job_id job, int64_t now, struct error *e)
{
	int from = u->external ? UP_WAITING : UP_STORED;

	return db_run(db, use, e, VID(w), VID(u->id), word(UP_USED), word(from), V(now), VID(job), V(u->external));
}

enum err
upload_release(struct db *db, workspace_id w, job_id job, int64_t now, struct error *e)
{
	TRY(upload_text_drop(db, w, job, e));
	return db_run(db, release, e, VID(w), VID(job), word(UP_STORED), word(UP_USED), V(now), word(UP_WAITING));
}

enum err
upload_drop(struct db *db, workspace_id w, upload_id id, int64_t now, struct error *e)
{
	return db_run(db, move, e, VID(w), VID(id), word(UP_DOOMED), word(UP_USED), V(now));
}

/* --- its text --- */

static const struct field text_fields[] = {
	F_STR(upload_text, type, "type", "type", F_NULL, 0, 0, "", NULL),
	F_STR(upload_text, title, "title", "title", F_NULL, 0, 0, "", NULL),
	F_I64(upload_text, duration, "duration", "duration", 0, -1, INT64_MAX, "", NULL),
	F_STR(upload_text, body, "body", "body", 0, 0, 0, "", NULL),
	F_STR(upload_text, marks, "marks", "marks", F_NULL, 0, 0, "", NULL),
};
static const struct rec text_rec = REC(upload_text, text_fields, "What a job read of an upload");

enum err
upload_text_keep(struct db *db, workspace_id w, job_id job, const struct upload_text *t, struct error *e)
{
	return db_run(db, put_text, e, VID(w), VID(job), V(t->type), V(t->title), V(t->duration), V(t->body), val_bytes(t->marks));
}

enum err
upload_text_get(struct db *db, struct arena *a, workspace_id w, job_id job, struct upload_text *ret, bool *found, struct error *e)
{
	return db_one(db, get_text, &text_rec, a, ret, found, e, VID(w), VID(job));
}

enum err upload_text_drop(struct db *db, workspace_id w, job_id job, struct error *e) { return db_run(db, drop_text, e, VID(w), VID(job)); }

/* --- cleaning --- */

static enum err
list_due(struct db *db, workspace_id w, int state, int64_t before, struct upload_doomed *ret, struct error *e)
{
	struct rows r;

	ret->n = 0;
	TRY(db_query(db, due, &r, e, VID(w), word(state), V(before), V(UPLOAD_SLICE)));
	for (; db_next(&r); ret->n++) {
		memcpy(ret->id[ret->n].u.s, db_col(&r, 0).s.p, 26);
		ret->external[ret->n] = db_col(&r, 1).i != 0;
	}
	return db_done(&r, e);
}

/* One that was taken in between is left alone. */
static enum err
doom_some(struct db *db, workspace_id w, int state, int64_t before, int64_t now, int64_t *met, struct error *e)
{
	struct upload_doomed some = { .n = 0 };

	TRY(list_due(db, w, state, before, &some, e));
	for (int i = 0; i < some.n; i++)
		TRY(db_run(db, move, e, VID(w), VID(some.id[i]), word(UP_DOOMED), word(state), V(now)));
	*met += some.n;
	return OK;
}

enum err
upload_doom(struct db *db, workspace_id w, int64_t before, int64_t now, struct upload_doomed *ret, struct error *e)
{
	*ret = (struct upload_doomed){ .n = 0 };
	TRY(list_due(db, w, UP_DOOMED, INT64_MAX, ret, e));
	ret->met = ret->n;
	for (size_t i = 0; i < COUNT(moves); i++)
		if (moves[i].aged)
			TRY(doom_some(db, w, moves[i].from, before, now, &ret->met, e));
	return OK;
}

enum err upload_forget(struct db *db, workspace_id w, upload_id id, struct error *e) { return db_run(db, forget, e, VID(w), VID(id), word(UP_DOOMED)); }
