#include "model/post.h"
#include "api/rq.h"
#include "model/project.h"

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	post_scan(r, NULL, to);
}

enum err
posts_list(struct rq *rq)
{
	const struct posts_query *q = IN(rq, posts_query);
	struct page p = page_of(rq, q->from, q->to);
	struct rows r;

	TRY(project_exists(rq->db, rq->who.workspace, q->project, &rq->err));
	TRY(post_page(rq->db, rq->who.workspace, q, &p, &r, &rq->err));
	return reply_rows(rq, &r, &post_rec, sizeof(struct post), scan);
}

enum err
posts_get(struct rq *rq)
{
	struct post p;

	TRY(post_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, post), &p, &rq->err));
	return reply(rq, &post_rec, &p);
}

/* POST /v1/posts.  The text is one space when left out: the editor of the dashboard refuses an empty one (contract 6.6). */
enum err
posts_create(struct rq *rq)
{
	const struct post_create *in = IN(rq, post_create);
	bool scheduled = in->scheduled_for != TIME_NONE;
	struct post p;

	TRY(project_exists(rq->db, rq->who.workspace, in->project, &rq->err));
	if (scheduled && in->scheduled_for <= rq->now)
		return fail(&rq->err, E_UNPROCESSABLE, "scheduledFor", "'scheduledFor' must be in the future.");
	rec_init(&post_rec, &p);
	p.id = (post_id){ fresh(rq) };
	p.project = in->project;
	p.status = scheduled ? POST_SCHEDULED : POST_DRAFT;
	p.category = post_category(p.status);
	p.platform = PLATFORM_LINKEDIN;
	p.content_type = in->content_type >= 0 ? in->content_type : CT_PERSONAL;
	p.title = in->title.p != NULL ? in->title : S("");
	p.content = in->content.p != NULL ? in->content : S(" ");
	p.scheduled_at = in->scheduled_for;
	TRY(column_of(rq->db, rq->who.workspace, p.project, p.category, &p.status_id, &rq->err));
	TRY(post_insert(rq->db, rq->who.workspace, &p, &rq->err));
	TRY(announce(rq, p.project, EVENT_POST_CREATED, &post_rec, &p));
	if (scheduled)
		TRY(announce(rq, p.project, EVENT_POST_SCHEDULED, &post_rec, &p));
	made(rq, ID_post, &p.id.u);
	return reply(rq, &post_rec, &p);
}
