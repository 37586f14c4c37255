/* voice -- how the person of a project writes: /v1/projects/{projectId}/voice, its samples, and the project's pillars.  Whoever changes
 * them holds the project. */
#include "model/voice.h"
#include "api/rq.h"
#include "model/post.h"
#include "model/project.h"

DELETED(sample, "voice_sample", "The sample")
DELETED(pillar, "pillar", "The pillar")

/* --- what is said of it --- */

enum err
voice_show(struct rq *rq)
{
	struct voice_profile v;

	TRY(project_exists(rq->db, rq->who.workspace, PATH_ID(rq, project), &rq->err));
	TRY(voice_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, project), &v, &rq->err));
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
	struct project p;

	TRY(project_hold(rq->db, rq->a, rq->who.workspace, id, &p, &rq->err));
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
from_post(struct rq *rq, struct sample *s)
{
	struct post p;
	enum err code = post_get(rq->db, rq->a, rq->who.workspace, s->post, &p, &rq->err);

	if (code == E_NOT_FOUND || (code == OK && memcmp(&p.project, &s->project, sizeof(p.project)) != 0))
		return fail(&rq->err, E_UNPROCESSABLE, "postId", "'postId' names no post of this project.");
	TRY(code);
	if (str_trim(p.content).n == 0)
		return fail(&rq->err, E_UNPROCESSABLE, "postId", "'postId' names a post without a text: write it first.");
	if (utf8_count(p.content) > SAMPLE_CHARS)
		return fail(&rq->err, E_UNPROCESSABLE, "postId", "'postId' names a post of more than %d characters: send a part of it as 'text'.", SAMPLE_CHARS);
	s->text = p.content;
	if (s->title.p == NULL && p.title.n != 0)
		s->title = p.title;
	return OK;
}

enum err
samples_create(struct rq *rq)
{
	const struct sample_create *in = IN(rq, sample_create);
	struct sample s = { .project = PATH_ID(rq, project), .post = in->post, .title = in->title, .text = in->text };
	struct project p;
	bool taken;
	int n;

	TRY(project_hold(rq->db, rq->a, rq->who.workspace, s.project, &p, &rq->err));
	TRY(sample_look(rq->db, rq->who.workspace, s.project, s.post, &n, &taken, &rq->err));
	if (taken)
		return fail(&rq->err, E_CONFLICT, NULL, "This post is a sample already: delete that one to take the post as it is now.");
	if (n >= SAMPLES_MAX)
		return fail(&rq->err, E_CONFLICT, NULL, "A project has at most %d voice samples: delete one first.", SAMPLES_MAX);
	if (s.text.p == NULL)
		TRY(from_post(rq, &s));
	s.id = (sample_id){ fresh(rq) };
	TRY(sample_insert(rq->db, rq->who.workspace, &s, &rq->err));
	made(rq, ID_sample, &s.id.u);
	return reply(rq, &sample_rec, &s);
}

enum err
samples_delete(struct rq *rq)
{
	struct project p;
	struct sample s;

	TRY(sample_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, sample), &s, &rq->err));
	TRY(project_hold(rq->db, rq->a, rq->who.workspace, s.project, &p, &rq->err));
	TRY(sample_get(rq->db, rq->a, rq->who.workspace, s.id, &s, &rq->err));
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

/* Under the project's hold; *n: how many it has. */
static enum err
name_free(struct rq *rq, const struct pillar *p, int *n)
{
	bool taken;

	TRY(pillar_look(rq->db, rq->who.workspace, p->project, p->name, p->id, n, &taken, &rq->err));
	return taken ? fail(&rq->err, E_CONFLICT, NULL, "This project has a pillar of that name already.") : OK;
}

enum err
pillars_create(struct rq *rq)
{
	const struct pillar_create *in = IN(rq, pillar_create);
	struct pillar v = { .project = PATH_ID(rq, project), .name = in->name, .about = in->about.p != NULL ? in->about : S("") };
	struct project p;
	int n;

	TRY(project_hold(rq->db, rq->a, rq->who.workspace, v.project, &p, &rq->err));
	TRY(name_free(rq, &v, &n));
	if (n >= PILLARS_MAX)
		return fail(&rq->err, E_CONFLICT, NULL, "A project has at most %d pillars: delete one first.", PILLARS_MAX);
	v.id = (pillar_id){ fresh(rq) };
	TRY(pillar_insert(rq->db, rq->who.workspace, &v, &rq->err));
	made(rq, ID_pillar, &v.id.u);
	return reply(rq, &pillar_rec, &v);
}

/* The pillar of the path with its project held: read again, for it may have changed or gone while we waited. */
static enum err
hold_pillar(struct rq *rq, struct pillar *ret)
{
	struct project p;

	TRY(pillar_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, pillar), ret, &rq->err));
	TRY(project_hold(rq->db, rq->a, rq->who.workspace, ret->project, &p, &rq->err));
	return pillar_get(rq->db, rq->a, rq->who.workspace, ret->id, ret, &rq->err);
}

enum err
pillars_update(struct rq *rq)
{
	const struct pillar_patch *in = IN(rq, pillar_patch);
	struct pillar v;
	int n;

	TRY(hold_pillar(rq, &v));
	TRY(check_match(rq, &pillar_rec, &v));
	say(in->name, &v.name);
	say(in->about, &v.about);
	TRY(name_free(rq, &v, &n));
	TRY(pillar_update(rq->db, rq->who.workspace, &v, &rq->err));
	made(rq, ID_pillar, &v.id.u);
	return reply(rq, &pillar_rec, &v);
}

enum err
pillars_delete(struct rq *rq)
{
	struct pillar v;

	TRY(hold_pillar(rq, &v));
	TRY(pillar_delete(rq->db, rq->who.workspace, v.id, &rq->err));
	made(rq, ID_pillar, &v.id.u);
	return reply(rq, &deleted_pillar_rec, &(struct deleted_pillar){ v.id, true });
}
