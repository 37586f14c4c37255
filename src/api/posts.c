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
	TRY(post_insert(rq->db, rq->who.workspace, &p, NULL, &rq->err));
	TRY(announce(rq, p.project, EVENT_POST_CREATED, &post_rec, &p));
	if (scheduled)
		TRY(announce(rq, p.project, EVENT_POST_SCHEDULED, &post_rec, &p));
	made(rq, ID_post, &p.id.u);
	return reply(rq, &post_rec, &p);
}

/* --- PATCH /v1/posts/{postId} --- */

/* Where the post moves to: an explicit column, or the default one of a category. */
static enum err
choose_column(struct rq *rq, const struct post_patch *in, const struct post_goal *g, struct post *p)
{
	if (id_set(in->column)) {
		if (g->in_category < 0)
			return fail(&rq->err, E_UNPROCESSABLE, "statusId", "'statusId' names no column of this project.");
		p->category = g->in_category;
		p->status_id = in->column;
	} else if (in->category >= 0 && in->category != p->category) {
		p->category = in->category;
		p->status_id = g->by_default;
	}
	return OK;
}

/* The state machine of contract 12.2: a column decides the legacy status, a time decides the column, and a post is
 * scheduled exactly when it has a time. */
static enum err
move(struct rq *rq, const struct post_patch *in, const struct post_goal *g, struct post *p)
{
	int was = p->category;
	bool moves = id_set(in->column) || in->category >= 0, timed = in->scheduled_for != TIME_NONE && in->scheduled_for != TIME_ERASED;

	if (timed && in->scheduled_for <= rq->now)
		return fail(&rq->err, E_UNPROCESSABLE, "scheduledFor", "'scheduledFor' must be in the future.");
	TRY(choose_column(rq, in, g, p));
	if (moves && timed && p->category != CAT_SCHEDULED)
		return fail(&rq->err, E_UNPROCESSABLE, "scheduledFor", "A post with a time belongs to the category 'scheduled'.");
	if (timed)
		p->scheduled_at = in->scheduled_for;
	else if (in->scheduled_for == TIME_ERASED || (moves && p->category != CAT_SCHEDULED && was == CAT_SCHEDULED))
		p->scheduled_at = TIME_NONE;
	if (moves && p->category == CAT_SCHEDULED && p->scheduled_at == TIME_NONE)
		return fail(&rq->err, E_UNPROCESSABLE, "scheduledFor", "A scheduled post needs a time: give 'scheduledFor'.");
	if (!moves && timed)
		p->category = CAT_SCHEDULED;
	else if (!moves && in->scheduled_for == TIME_ERASED && was == CAT_SCHEDULED)
		p->category = CAT_DRAFT;
	if (!moves && p->category != was)
		p->status_id = g->by_default;
	if (p->category != was)
		p->status = post_status_in(p->category);
	return OK;
}

static void
edit(const struct post_patch *in, struct post *p)
{
	if (in->content.p != NULL)
		p->content = in->content;
	if (in->title.p != NULL)
		p->title = in->title;
	if (in->content_type >= 0)
		p->content_type = in->content_type;
	if (in->auto_like >= 0)
		p->auto_like = in->auto_like;
	if (in->auto_comment >= 0)
		p->auto_comment = in->auto_comment;
}

static bool
same(const struct post *a, const struct post *b)
{
	return str_eq(a->content, b->content) && str_eq(a->title, b->title) && a->content_type == b->content_type &&
	    a->auto_like == b->auto_like && a->auto_comment == b->auto_comment && a->scheduled_at == b->scheduled_at &&
	    a->category == b->category && memcmp(&a->status_id, &b->status_id, sizeof(a->status_id)) == 0;
}

/* Where it may go, by what is asked alone: a category is named, or follows from a time. */
static struct post_goal
goal_of(const struct post_patch *in)
{
	bool timed = in->scheduled_for != TIME_NONE && in->scheduled_for != TIME_ERASED;
	int by_time = timed ? CAT_SCHEDULED : in->scheduled_for == TIME_ERASED ? CAT_DRAFT : -1;

	return (struct post_goal){ .category = in->category >= 0 ? in->category : by_time, .column = in->column, .in_category = -1 };
}

/* The post, held, with the columns that it may go to where it may go anywhere. */
static enum err
hold(struct rq *rq, struct post_goal *g, struct post *ret)
{
	if (g->category < 0 && !id_set(g->column))
		return post_hold(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, post), ret, &rq->err);
	return post_hold_to(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, post), g, ret, &rq->err);
}

/* A change that changes nothing writes nothing and announces nothing. */
enum err
posts_update(struct rq *rq)
{
	const struct post_patch *in = IN(rq, post_patch);
	struct post_goal goal = goal_of(in);
	struct post old, p;

	TRY(hold(rq, &goal, &old));
	TRY(check_match(rq, &post_rec, &old));
	made(rq, ID_post, &old.id.u);
	if (old.status == POST_PUBLISHED)
		return fail(&rq->err, E_CONFLICT, NULL, "A published post can no longer be changed.");
	p = old;
	edit(in, &p);
	TRY(move(rq, in, &goal, &p));
	if (same(&old, &p))
		return reply(rq, &post_rec, &p);
	p.updated_at = rq->now;
	TRY(post_update(rq->db, rq->who.workspace, &old, &p, &rq->err));
	TRY(announce(rq, p.project, EVENT_POST_UPDATED, &post_rec, &p));
	if (p.scheduled_at != old.scheduled_at)
		TRY(announce(rq, p.project, p.scheduled_at != TIME_NONE ? EVENT_POST_SCHEDULED : EVENT_POST_UNSCHEDULED, &post_rec, &p));
	return reply(rq, &post_rec, &p);
}
