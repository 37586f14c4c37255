#include "model/voice.h"

/* --- what is said of it --- */

#define SLIDER(m, low, high) \
	F_MILLI(voice_profile, m, #m, #m, F_NULL, "From 0, " low ", to 1, " high "; null: not said", "0.4")
static const struct field fields[] = {
	F_ID   (voice_profile, project, project, "projectId", "project", 0, "Whose voice it is"),
	F_STR  (voice_profile, profile, "profile", "profile", 0, 0, 0, "How the person writes, in plain words; empty: nothing is said", "Says what went wrong first. Never sells."),
	SLIDER(formality, "as among friends", "as to a court"),
	SLIDER(warmth, "matter of fact", "hearty"),
	SLIDER(energy, "calm", "rousing"),
	SLIDER(complexity, "the shortest sentences and plain words", "long sentences and terms of the trade"),
	F_TEXTS(voice_profile, prefer, "prefer", "prefer_words", 0, "Words and phrases to prefer", "[\"customers\", \"we learned\"]"),
	F_TEXTS(voice_profile, avoid, "avoid", "avoid_words", 0, "Words and phrases to avoid", "[\"users\", \"game changer\"]"),
	F_STR  (voice_profile, structure, "structure", "structure", 0, 0, 0, "How posts are built; empty: nothing is said", "One sentence, then a list, then a question."),
	F_TIME (voice_profile, updated_at, "updatedAt", "updated_at", F_NULL, "When it was last changed; null: never"),
};
const struct rec voice_rec = REC_NAMED(voice_profile, "voice", fields, "How the person of a project writes");

static enum err
check_patch(const void *v, struct error *e)
{
	const struct voice_patch *p = v;
	const int64_t slider[] = { p->formality, p->warmth, p->energy, p->complexity };
	bool any = p->profile.p != NULL || p->prefer.p != NULL || p->avoid.p != NULL || p->structure.p != NULL;

	for (size_t i = 0; i < COUNT(slider); i++)
		any |= slider[i] != INT_NONE;
	return any ? OK : fail(e, E_INVALID_REQUEST, NULL, "The body changes nothing: give at least one field.");
}

#define SLIDES(m, low, high) \
	F_MILLI_IN(voice_patch, m, #m, F_ERASE, 0, 1000, "From 0, " low ", to 1, " high "; kept to three decimals; null: not said", "0.4")
static const struct field patch_fields[] = {
	F_STR(voice_patch, profile, "profile", NULL, F_ERASE, 0, 10000, "How the person writes, in plain words; null takes it away", "Says what went wrong first. Never sells."),
	SLIDES(formality, "as among friends", "as to a court"),
	SLIDES(warmth, "matter of fact", "hearty"),
	SLIDES(energy, "calm", "rousing"),
	SLIDES(complexity, "the shortest sentences and plain words", "long sentences and terms of the trade"),
	F_TEXTS_IN(voice_patch, prefer, "prefer", F_ERASE | F_NAME, 100, 80, "Words and phrases to prefer, instead of those that were; null is none", "[\"customers\", \"we learned\"]"),
	F_TEXTS_IN(voice_patch, avoid, "avoid", F_ERASE | F_NAME, 100, 80, "Words and phrases to avoid, instead of those that were; null is none", "[\"users\", \"game changer\"]"),
	F_STR(voice_patch, structure, "structure", NULL, F_ERASE, 0, 2000, "How posts are built; null takes it away", "One sentence, then a list, then a question."),
};
const struct rec voice_patch_rec = REC_CHECKED(voice_patch, patch_fields, check_patch, "A change of a voice; what is left out stays");

SQL(said, "voice.get",
    "SELECT project, profile, formality, warmth, energy, complexity, prefer_words, avoid_words, structure, updated_at"
    " FROM voice WHERE workspace = $1 AND project = $2");
SQL(shown, "voice.shown",
    "SELECT p.id, coalesce(v.profile, ''), v.formality, v.warmth, v.energy, v.complexity, coalesce(v.prefer_words, '[]'), coalesce(v.avoid_words, '[]'),"
    " coalesce(v.structure, ''), v.updated_at FROM project p LEFT JOIN voice v ON v.workspace = p.workspace AND v.project = p.id"
    " WHERE p.workspace = $1 AND p.id = $2");
SQL(say, "voice.put",
    "INSERT INTO voice (workspace, project, profile, formality, warmth, energy, complexity, prefer_words, avoid_words, structure, updated_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    " ON CONFLICT (workspace, project) DO UPDATE SET profile = excluded.profile, formality = excluded.formality, warmth = excluded.warmth,"
    " energy = excluded.energy, complexity = excluded.complexity, prefer_words = excluded.prefer_words, avoid_words = excluded.avoid_words,"
    " structure = excluded.structure, updated_at = excluded.updated_at");

enum err
voice_get(struct db *db, struct arena *a, workspace_id w, project_id p, struct voice_profile *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, said, &voice_rec, a, ret, &found, e, VID(w), VID(p)));
	if (found)
		return OK;
	rec_init(&voice_rec, ret);
	ret->project = p;
	ret->profile = ret->structure = S("");
	ret->prefer = ret->avoid = S("[]");
	return OK;
}

enum err
voice_show_of(struct db *db, struct arena *a, workspace_id w, project_id p, struct voice_profile *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, shown, &voice_rec, a, ret, &found, e, VID(w), VID(p)));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Project not found.");
}

static struct val val_slider(int64_t v) { return (struct val){ v != INT_NONE ? V_I64 : V_NULL, v, STR_NONE }; }

enum err
voice_put(struct db *db, workspace_id w, const struct voice_profile *v, struct error *e)
{
	return db_run(db, say, e, VID(w), VID(v->project), V(v->profile), val_slider(v->formality), val_slider(v->warmth), val_slider(v->energy),
	    val_slider(v->complexity), V(v->prefer), V(v->avoid), V(v->structure), V(v->updated_at));
}

/* --- samples --- */

static const struct field sample_fields[] = {
	F_ID (sample, id, sample, "id", "id", 0, "The sample"),
	F_ID (sample, project, project, "projectId", "project", 0, "Whose voice it shows"),
	F_ID (sample, post, post, "postId", "post", F_NULL, "The post that it was made of, as that was then"),
	F_STR(sample, title, "title", "title", F_NULL, 0, 0, "A name for lists", "How we lost the first customer"),
	F_STR(sample, text, "text", "content", 0, 0, 0, "The text", "We lost our first customer over a spreadsheet."),
	F_CREATED(sample, id, sample, "createdAt", "When it was created"),
};
const struct rec sample_rec = REC_NAMED(sample, "voice_sample", sample_fields, "A text that shows how the person of a project writes");
#define SAMPLE	"SELECT id, project, post, title, content FROM voice_sample WHERE workspace = $1"

static const struct field sample_create_fields[] = {
	F_STR(sample_create, text, "text", NULL, 0, 1, SAMPLE_CHARS, "Something that the person wrote", "We lost our first customer over a spreadsheet."),
	F_ID (sample_create, post, post, "postId", NULL, 0, "A post of this project; its text is copied, and later changes of the post do not change the sample"),
	F_STR(sample_create, title, "title", NULL, 0, 0, 500, "A name for lists; that of the post when left out", "How we lost the first customer"),
};
const struct rec sample_create_rec = { .name = "voice_sample_create", .size = sizeof(struct sample_create), .f = sample_create_fields,
    .n = (int)COUNT(sample_create_fields), .doc = "A new sample: exactly one of `text` and `postId`",
    .forms = FORMS({ NULL, "text", "postId" }, { NULL, "postId", "text" }) };

static const struct field samples_query_fields[] = { PAGE_FIELDS(samples_query) };
const struct rec samples_query_rec = REC(samples_query, samples_query_fields, "Paging of the list of samples");

SQL(sample_put, "voice_sample.insert", "INSERT INTO voice_sample (workspace, id, project, post, title, content) VALUES ($1, $2, $3, $4, $5, $6)");
SQL(sample_away, "voice_sample.delete", "DELETE FROM voice_sample WHERE workspace = $1 AND id = $2");
SQL(sample_posts, "voice_sample.posts",
    "SELECT s.n, s.taken, p.content, p.title FROM (SELECT count(*) AS n, coalesce(max(CASE WHEN post = $3 THEN 1 ELSE 0 END), 0) AS taken"
    " FROM voice_sample WHERE workspace = $1 AND project = $2) s LEFT JOIN post p ON p.workspace = $1 AND p.id = $3 AND p.project = $2");
SQL(sample_lock_of, "voice_sample.lock_project",
    "SELECT 1 FROM project WHERE workspace = $1 AND id = (SELECT project FROM voice_sample WHERE workspace = $1 AND id = $2){for_update}");
SQL(sample_one, "voice_sample.get", SAMPLE " AND id = $2");
SQL(sample_some, "voice_sample.page", SAMPLE " AND project = $2 AND id < $3 ORDER BY id DESC LIMIT $4");
SQL(sample_starts, "voice_sample.begins",
    "SELECT id, substr(content, 1, 2000) FROM voice_sample WHERE workspace = $1 AND project = $2 ORDER BY id DESC LIMIT $3");
_Static_assert(SAMPLE_BEGINS == 2000, "as in the statement");
SQL(sample_there, "voice_sample.anchor", "SELECT 1 FROM voice_sample WHERE workspace = $1 AND id = $2");

enum err
sample_insert(struct db *db, workspace_id w, const struct sample *s, struct error *e)
{
	return db_run(db, sample_put, e, VID(w), VID(s->id), VID(s->project), VID(s->post), V(s->title), V(s->text));
}

enum err
sample_delete(struct db *db, workspace_id w, sample_id id, struct error *e)
{
	return db_run(db, sample_away, e, VID(w), VID(id));
}

enum err
sample_look(struct db *db, struct arena *a, workspace_id w, project_id p, post_id post, struct sample_look *ret, struct error *e)
{
	struct rows r;

	*ret = (struct sample_look){ 0 };
	TRY(db_query(db, sample_posts, &r, e, VID(w), VID(p), VID(post)));
	if (db_next(&r))
		*ret = (struct sample_look){ (int)db_col(&r, 0).i, db_col(&r, 1).i != 0, str_dup(a, db_col(&r, 2).s), str_dup(a, db_col(&r, 3).s) };
	return db_done(&r, e);
}

static const struct miss no_sample = { E_NOT_FOUND, NULL, "Voice sample not found." };

enum err
sample_lock(struct db *db, workspace_id w, sample_id id, struct error *e)
{
	return db_must(db, sample_lock_of, no_sample, e, VID(w), VID(id));
}

enum err
sample_get(struct db *db, struct arena *a, workspace_id w, sample_id id, struct sample *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, sample_one, &sample_rec, a, ret, &found, e, VID(w), VID(id)));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Voice sample not found.");
}

enum err
sample_page(struct db *db, workspace_id w, project_id p, sample_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, sample_some, ret, e, VID(w), VID(p), VID(before), V(limit));
}

enum err
sample_begins(struct db *db, workspace_id w, project_id p, struct rows *ret, struct error *e)
{
	return db_query(db, sample_starts, ret, e, VID(w), VID(p), V(SAMPLES_MAX));
}

enum err
sample_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &sample_there, miss, e, VALS(VID(w), val_ulid(id)));
}

/* --- pillars --- */

static const struct field pillar_fields[] = {
	F_ID (pillar, id, pillar, "id", "id", 0, "The pillar"),
	F_ID (pillar, project, project, "projectId", "project", 0, "Its project"),
	F_STR(pillar, name, "name", "name", 0, 0, 0, "Name", "Customer support"),
	F_STR(pillar, about, "about", "about", 0, 0, 0, "What it is about", "Why support belongs to the people who build."),
	F_CREATED(pillar, id, pillar, "createdAt", "When it was created"),
};
const struct rec pillar_rec = REC(pillar, pillar_fields, "A subject that the person of a project stands for");
#define PILLAR	"SELECT id, project, name, about FROM pillar WHERE workspace = $1"

static const struct field pillar_create_fields[] = {
	F_STR(pillar_create, name, "name", NULL, F_REQ | F_NAME, 1, 100, "Name; no two pillars of a project have the same", "Customer support"),
	F_STR(pillar_create, about, "about", NULL, 0, 0, 2000, "What it is about; empty when left out", "Why support belongs to the people who build."),
};
const struct rec pillar_create_rec = REC(pillar_create, pillar_create_fields, "A new pillar");

static enum err
check_pillar(const void *v, struct error *e)
{
	const struct pillar_patch *p = v;

	if (p->name.p == NULL && p->about.p == NULL)
		return fail(e, E_INVALID_REQUEST, NULL, "The body changes nothing: give at least one field.");
	return OK;
}

static const struct field pillar_patch_fields[] = {
	F_STR(pillar_patch, name, "name", NULL, F_KEEP | F_NAME, 1, 100, "Name", "Customer support"),
	F_STR(pillar_patch, about, "about", NULL, F_ERASE, 0, 2000, "What it is about; null takes it away", "Why support belongs to the people who build."),
};
const struct rec pillar_patch_rec = REC_CHECKED(pillar_patch, pillar_patch_fields, check_pillar, "A change of a pillar; what is left out stays");

static const struct field pillars_query_fields[] = { PAGE_FIELDS(pillars_query) };
const struct rec pillars_query_rec = REC(pillars_query, pillars_query_fields, "Paging of the list of pillars");

SQL(pillar_put, "pillar.insert", "INSERT INTO pillar (workspace, id, project, name, about) VALUES ($1, $2, $3, $4, $5)");
SQL(pillar_edit, "pillar.update", "UPDATE pillar SET name = $3, about = $4 WHERE workspace = $1 AND id = $2");
SQL(pillar_away, "pillar.delete", "DELETE FROM pillar WHERE workspace = $1 AND id = $2");
SQL(pillar_names, "pillar.names", "SELECT name FROM pillar WHERE workspace = $1 AND project = $2 LIMIT $3");
SQL(pillar_lock_of, "pillar.lock_project",
    "SELECT 1 FROM project WHERE workspace = $1 AND id = (SELECT project FROM pillar WHERE workspace = $1 AND id = $2){for_update}");
SQL(pillar_by, "pillar.beside",
    "SELECT id, project, name, about, EXISTS (SELECT 1 FROM pillar b WHERE b.workspace = pillar.workspace AND b.project = pillar.project"
    " AND b.name = coalesce($3, pillar.name) AND b.id <> pillar.id) FROM pillar WHERE workspace = $1 AND id = $2");
SQL(pillar_one, "pillar.get", PILLAR " AND id = $2");
SQL(pillar_some, "pillar.page", PILLAR " AND project = $2 AND id < $3 ORDER BY id DESC LIMIT $4");
SQL(pillar_there, "pillar.anchor", "SELECT 1 FROM pillar WHERE workspace = $1 AND id = $2");

enum err
pillar_insert(struct db *db, workspace_id w, const struct pillar *p, struct error *e)
{
	return db_run(db, pillar_put, e, VID(w), VID(p->id), VID(p->project), V(p->name), V(p->about));
}

enum err
pillar_update(struct db *db, workspace_id w, const struct pillar *p, struct error *e)
{
	return db_run(db, pillar_edit, e, VID(w), VID(p->id), V(p->name), V(p->about));
}

enum err
pillar_delete(struct db *db, workspace_id w, pillar_id id, struct error *e)
{
	return db_run(db, pillar_away, e, VID(w), VID(id));
}

enum err
pillar_look(struct db *db, workspace_id w, project_id p, str name, int *n, bool *taken, struct error *e)
{
	struct rows r;

	*n = 0;
	*taken = false;
	TRY(db_query(db, pillar_names, &r, e, VID(w), VID(p), V(PILLARS_MAX)));
	for (; db_next(&r); ++*n)
		*taken |= str_eq(db_col(&r, 0).s, name);
	return db_done(&r, e);
}

static const struct miss no_pillar = { E_NOT_FOUND, NULL, "Content pillar not found." };

enum err
pillar_lock(struct db *db, workspace_id w, pillar_id id, struct error *e)
{
	return db_must(db, pillar_lock_of, no_pillar, e, VID(w), VID(id));
}

enum err
pillar_beside(struct db *db, struct arena *a, workspace_id w, pillar_id id, str name, struct pillar *ret, bool *taken, struct error *e)
{
	struct rows r;
	bool found;

	TRY(db_query(db, pillar_by, &r, e, VID(w), VID(id), V(name)));
	if ((found = db_next(&r))) {
		db_scan(&pillar_rec, &r, a, ret);
		*taken = db_col(&r, 4).i != 0;
	}
	TRY(db_done(&r, e));
	return found ? OK : fail(e, no_pillar.code, NULL, "%s", no_pillar.detail);
}

enum err
pillar_get(struct db *db, struct arena *a, workspace_id w, pillar_id id, struct pillar *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, pillar_one, &pillar_rec, a, ret, &found, e, VID(w), VID(id)));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Content pillar not found.");
}

enum err
pillar_page(struct db *db, workspace_id w, project_id p, pillar_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, pillar_some, ret, e, VID(w), VID(p), VID(before), V(limit));
}

enum err
pillar_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &pillar_there, miss, e, VALS(VID(w), val_ulid(id)));
}
