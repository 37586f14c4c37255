/* knowledge -- documents that posts are written from: submitted, listed, searched, deleted (contract 6.9). */
#include "api/rq.h"
#include "know/know.h"
#include "model/project.h"
#include "model/upload.h"
#include "speech/speech.h"
#include "web/web.h"

DELETED(document, "knowledge_document", "The document")

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&document_rec, r, NULL, to);
}

static enum err
check_project(struct rq *rq, project_id id)
{
	return id_set(id) ? project_exists(rq->db, rq->who.workspace, id, &rq->err) : OK;
}

enum err
knowledge_list(struct rq *rq)
{
	const struct knowledge_query *q = IN(rq, knowledge_query);
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	TRY(check_project(rq, q->project));
	TRY(document_page(rq->db, rq->who.workspace, q->project, (document_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &document_rec, sizeof(struct document), scan);
}

enum err
knowledge_get(struct rq *rq)
{
	struct document d;

	TRY(document_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, document), &d, &rq->err));
	return reply(rq, &document_rec, &d);
}

/* Its passages and the bytes that it was made of are the keeper's to remove. */
enum err
knowledge_delete(struct rq *rq)
{
	document_id id = PATH_ID(rq, document);
	upload_id upload = { .u = { "" } };

	TRY(document_unlist(rq->db, rq->who.workspace, id, &upload, &rq->err));
	if (id_set(upload))
		TRY(upload_drop(rq->db, rq->who.workspace, upload, rq->now, &rq->err));
	made(rq, ID_document, &id.u);
	return reply(rq, &deleted_document_rec, &(struct deleted_document){ id, true });
}

/* --- a new one --- */

/* What can be known of a URL without asking anybody: names are looked up by the job. */
static enum err
check_page(struct rq *rq, struct unlisted *u)
{
	bool inside;
	const char *why = web_check(rq->conf, rq->a, str_dup(rq->a, u->url).p, &inside);

	size_t n = 0;

	if (why != NULL)
		return fail(&rq->err, inside ? E_SSRF_BLOCKED : E_UNPROCESSABLE, "url", "'url' %s.", why);
	for (int i = 0; i < KNOWLEDGE_NAME_MAX && n < u->url.n; i++)
		(void)utf8_next(u->url, &n);
	if (u->name.p == NULL)
		u->name = str_cut(u->url, 0, n);
	return OK;
}

/* Its title will be its name. */
static enum err
check_video(struct rq *rq, struct unlisted *u)
{
	char id[WEB_VIDEO_ID + 1];

	if (!web_video_id(rq->a, str_dup(rq->a, u->url).p, id))
		return fail(&rq->err, E_UNPROCESSABLE, "url", "'url' names no video of YouTube: send one such as https://www.youtube.com/watch?v=dQw4w9WgXcQ.");
	u->url = web_video_url(rq->a, id);
	if (u->name.p == NULL)
		u->name = S("");
	return OK;
}

#define FILE_CENTS	3		/* contract 12.2: also for its vectors */

static bool vectors_cost(const struct rq *rq) { return meaning_on(rq->conf) && rq->conf->embed_price > 0; }

static int64_t
estimate(const struct rq *rq, const struct upload *file)
{
	return MAX(upload_cents(rq, file, FILE_CENTS), vectors_cost(rq) ? EMBED_CENTS : 0);
}

enum err
knowledge_create(struct rq *rq)
{
	static const int types[] = { [KT_TEXT] = JT_KB_INGEST_TEXT, [KT_FILE] = JT_KB_INGEST_FILE, [KT_URL] = JT_KB_INGEST_URL,
		[KT_YOUTUBE] = JT_KB_INGEST_YOUTUBE };
	const struct knowledge_create *in = IN(rq, knowledge_create);
	struct unlisted u = { .project = in->project, .type = in->type, .name = in->name, .body = in->text.p != NULL ? in->text : S(""),
	    .url = in->url, .upload = in->upload };
	struct upload file = { .content_type = STR_NONE };
	struct job j;

	TRY(check_project(rq, in->project));
	rec_init(&job_rec, &j);
	u.job = j.id = (job_id){ fresh(rq) };
	j.type = types[in->type];
	j.project = in->project;
	u.id = (document_id){ fresh(rq) };
	if (in->type == KT_FILE)
		TRY(upload_take(rq, in->upload, j.id, vectors_cost(rq) || speech_costs(rq->conf), &file));
	if (in->type == KT_URL)
		TRY(check_page(rq, &u));
	if (in->type == KT_YOUTUBE)
		TRY(check_video(rq, &u));
	TRY(unlisted_insert(rq->db, rq->who.workspace, &u, &rq->err));
	return enqueue(rq, &j, ingest_input(rq->a, u.id, file.content_type), estimate(rq, &file));
}

/* --- search --- */

struct knowledge_search_query { str q; project_id project; int64_t count; };
static const struct field query_fields[] = {
	F_STR(knowledge_search_query, q, "q", NULL, F_REQ, 1, KNOWLEDGE_QUERY, "What to look for: words or a question; of more than 32 words those count that come most often", "price of the starter plan"),
	F_ID (knowledge_search_query, project, project, "projectId", NULL, 0, "What this project is written from; everything in the workspace when left out"),
	F_I64(knowledge_search_query, count, "count", NULL, 0, 1, KNOW_FOUND, "How many passages, 1 to 50; 10 when left out", "10"),
};
const struct rec knowledge_search_query_rec = REC(knowledge_search_query, query_fields, "A question");

static const struct field hit_fields[] = {
	F_ID   (found, at.document, document, "documentId", NULL, 0, "The document that it stands in"),
	F_ID   (found, at.project, project, "projectId", NULL, F_NULL, "The project of the document; null: of all projects"),
	F_STR  (found, at.name, "documentName", NULL, 0, 0, 0, "What the document is called", "Price list"),
	F_I64  (found, at.place, "passage", NULL, 0, 0, INT64_MAX, "Its place in the document, from 0", "0"),
	F_I64  (found, at.page, "page", NULL, F_NULL, 1, INT64_MAX, "The page of the file on which it begins; null where there are none", NULL),
	F_STR  (found, at.heading, "heading", NULL, 0, 0, 0, "The heading that it begins with or follows; empty when there is none", "Plans"),
	F_STR  (found, at.body, "text", NULL, 0, 0, 0, "The passage as it was written", "The starter plan is 9 euros a month."),
	F_STR  (found, marked, "highlighted", NULL, 0, 0, 0, "The passage as HTML, every word that was found inside `<mark>`", "The <mark>starter</mark> <mark>plan</mark> is 9 euros a month."),
	F_MILLI(found, milli, "score", NULL, 0, "How well it answers; compares passages of one answer only", "4.217"),
};
static const struct rec hit_rec = REC_NAMED(found, "knowledge_passage", hit_fields, "A passage that answers a question");

struct knowledge_answer { int mode; struct rec_list passages; };
static const struct field answer_fields[] = {
	F_WORD(knowledge_answer, mode, "mode", NULL, F_GROW, &search_mode_words,
	    "`words`: found by the words of the question alone; `fused`: by what it means as well, which the server asks another one for", "words"),
	F_LIST(knowledge_answer, passages, "passages", 0, &hit_rec, "Best first; none when nothing is found"),
};
const struct rec knowledge_answer_rec = REC(knowledge_answer, answer_fields, "What was found");

/* First without a database: the vector of the question comes from another server, or it does not. */
static enum err
ask_meaning(struct rq *rq, str text)
{
	struct meaning_ask *m = NEW(rq->a, struct meaning_ask);
	str *texts = NEW(rq->a, str);

	*texts = text;
	*m = (struct meaning_ask){ .conf = rq->conf, .clock = rq->api->c.clock, .a = rq->a, .texts = texts, .n = 1, .question = true };
	if (rq->api->c.near != NULL && near_ask(rq->api->c.near, m) == PROVIDER_OK)
		rq->meaning = m;
	return E_NEED_DB;
}

enum err
knowledge_search(struct rq *rq)
{
	const struct knowledge_search_query *q = IN(rq, knowledge_search_query);
	struct know_query k = { rq->who.workspace, q->project, q->q, q->count > 0 ? (int)q->count : 10, true, rq->api->c.near, rq->meaning };
	struct found *v;
	int n;

	if (rq->db == NULL)
		return ask_meaning(rq, q->q);
	TRY(check_project(rq, q->project));
	TRY(know_search(rq->db, rq->a, &k, &v, &n, &rq->err));
	return reply(rq, &knowledge_answer_rec, &(struct knowledge_answer){ k.meaning != NULL ? SEARCH_FUSED : SEARCH_WORDS, { v, n } });
}
