/* voice -- how the person of a project writes: /v1/projects/{projectId}/voice, its samples, and the project's pillars.  Whoever changes
 * them holds the project. */
#include "model/voice.h"
#include "api/rq.h"
#include "model/project.h"

DELETED(sample, "voice_sample", "The sample")
DELETED(pillar, "pillar", "The pillar")

/* --- what is said of it --- */

enum err
voice_show(struct rq *rq)
{
	struct voice_profile v;

	TRY(voice_show_of(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, project), &v, &rq->err));
	return reply(rq, &voice_rec, &v);
}

static void
slide(int64_t in, int64_t *to)
{
	if (in != INT_NONE)
		*to = in != TIME_ERASED ? in : INT_NONE;
}

static void
say(str in, str *to)
{
	if (in.p != NULL)
		*to = in;
}

enum err
voice_update(struct rq *rq)
{
	const struct voice_patch *in = IN(rq, voice_patch);
	project_id id = PATH_ID(rq, project);
	struct voice_profile v;

	TRY(project_lock(rq->db, rq->who.workspace, id, &rq->err));
	TRY(voice_get(rq->db, rq->a, rq->who.workspace, id, &v, &rq->err));
	TRY(check_match(rq, &voice_rec, &v));
	say(in->profile, &v.profile);
	slide(in->formality, &v.formality);
	slide(in->warmth, &v.warmth);
	slide(in->energy, &v.energy);
	slide(in->complexity, &v.complexity);
	say(in->prefer, &v.prefer);
	say(in->avoid, &v.avoid);
	say(in->structure, &v.structure);
	v.updated_at = rq->now;
	TRY(voice_put(rq->db, rq->who.workspace, &v, &rq->err));
	made(rq, ID_project, &id.u);
	return reply(rq, &voice_rec, &v);
}

/* --- samples --- */

static void
scan_sample(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&sample_rec, r, NULL, to);
}

enum err
samples_list(struct rq *rq)
{
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	TRY(project_exists(rq->db, rq->who.workspace, PATH_ID(rq, project), &rq->err));
	TRY(sample_page(rq->db, rq->who.workspace, PATH_ID(rq, project), (sample_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &sample_rec, sizeof(struct sample), scan_sample);
}

enum err
samples_get(struct rq *rq)
{
	struct sample s;

	TRY(sample_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, sample), &s, &rq->err));
	return reply(rq, &sample_rec, &s);
}

/* The text of a post as it is now. */
static enum err
from_post(struct rq *rq, const struct sample_look *l, struct sample *s)
{
	if (l->text.p == NULL)
		return fail(&rq->err, E_UNPROCESSABLE, "postId", "'postId' names no post of this project.");
	if (str_trim(l->text).n == 0)
		return fail(&rq->err, E_UNPROCESSABLE, "postId", "'postId' names a post without a text: write it first.");
	if (utf8_count(l->text) > SAMPLE_CHARS)
		return fail(&rq->err, E_UNPROCESSABLE, "postId", "'postId' names a post of more than %d characters: send a part of it as 'text'.", SAMPLE_CHARS);
	s->text = l->text;
	if (s->title.p == NULL && l->title.n != 0)
		s->title = l->title;
	return OK;
}

enum err
samples_create(struct rq *rq)
{
	const struct sample_create *in = IN(rq, sample_create);
	struct sample s = { .project = PATH_ID(rq, project), .post = in->post, .title = in->title, .text = in->text };
	struct sample_look l;

	TRY(project_lock(rq->db, rq->who.workspace, s.project, &rq->err));
	TRY(sample_look(rq->db, rq->a, rq->who.workspace, s.project, s.post, &l, &rq->err));
	if (l.taken)
		return fail(&rq->err, E_CONFLICT, NULL, "This post is a sample already: delete that one to take the post as it is now.");
	if (l.n >= SAMPLES_MAX)
		return fail(&rq->err, E_CONFLICT, NULL, "A project has at most %d voice samples: delete one first.", SAMPLES_MAX);
	if (s.text.p == NULL)
		TRY(from_post(rq, &l, &s));
	s.id = (sample_id){ fresh(rq) };
	TRY(sample_insert(rq->db, rq->who.workspace, &s, &rq->err));
	made(rq, ID_sample, &s.id.u);
	return reply(rq, &sample_rec, &s);
}

enum err
samples_delete(struct rq *rq)
{
	struct sample s;

	TRY(sample_lock(rq->db, rq->who.workspace, PATH_ID(rq, sample), &rq->err));
	TRY(sample_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, sample), &s, &rq->err));
	TRY(sample_delete(rq->db, rq->who.workspace, s.id, &rq->err));
	made(rq, ID_sample, &s.id.u);
	return reply(rq, &deleted_sample_rec, &(struct deleted_sample){ s.id, true });
}

/* --- pillars --- */

static void
scan_pillar(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&pillar_rec, r, NULL, to);
}

enum err
pillars_list(struct rq *rq)
{
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	TRY(project_exists(rq->db, rq->who.workspace, PATH_ID(rq, project), &rq->err));
	TRY(pillar_page(rq->db, rq->who.workspace, PATH_ID(rq, project), (pillar_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &pillar_rec, sizeof(struct pillar), scan_pillar);
}

enum err
pillars_get(struct rq *rq)
{
	struct pillar p;

	TRY(pillar_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, pillar), &p, &rq->err));
	return reply(rq, &pillar_rec, &p);
}

static enum err name_taken(struct rq *rq) { return fail(&rq->err, E_CONFLICT, NULL, "This project has a pillar of that name already."); }

enum err
pillars_create(struct rq *rq)
{
	const struct pillar_create *in = IN(rq, pillar_create);
	struct pillar v = { .project = PATH_ID(rq, project), .name = in->name, .about = in->about.p != NULL ? in->about : S("") };
	bool taken;
	int n;

	TRY(project_lock(rq->db, rq->who.workspace, v.project, &rq->err));
	TRY(pillar_look(rq->db, rq->who.workspace, v.project, v.name, &n, &taken, &rq->err));
	if (taken)
		return name_taken(rq);
	if (n >= PILLARS_MAX)
		return fail(&rq->err, E_CONFLICT, NULL, "A project has at most %d pillars: delete one first.", PILLARS_MAX);
	v.id = (pillar_id){ fresh(rq) };
	TRY(pillar_insert(rq->db, rq->who.workspace, &v, &rq->err));
	made(rq, ID_pillar, &v.id.u);
	return reply(rq, &pillar_rec, &v);
}

enum err
pillars_update(struct rq *rq)
{
	const struct pillar_patch *in = IN(rq, pillar_patch);
	pillar_id id = PATH_ID(rq, pillar);
	struct pillar v;
	bool taken;

	TRY(pillar_lock(rq->db, rq->who.workspace, id, &rq->err));
	TRY(pillar_beside(rq->db, rq->a, rq->who.workspace, id, in->name, &v, &taken, &rq->err));
	TRY(check_match(rq, &pillar_rec, &v));
	if (taken)
		return name_taken(rq);
	say(in->name, &v.name);
	say(in->about, &v.about);
	TRY(pillar_update(rq->db, rq->who.workspace, &v, &rq->err));
	made(rq, ID_pillar, &v.id.u);
	return reply(rq, &pillar_rec, &v);
}

enum err
pillars_delete(struct rq *rq)
{
	struct pillar v;

	TRY(pillar_lock(rq->db, rq->who.workspace, PATH_ID(rq, pillar), &rq->err));
	TRY(pillar_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, pillar), &v, &rq->err));
	TRY(pillar_delete(rq->db, rq->who.workspace, v.id, &rq->err));
	made(rq, ID_pillar, &v.id.u);
	return reply(rq, &deleted_pillar_rec, &(struct deleted_pillar){ v.id, true });
}
