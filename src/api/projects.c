#include "model/project.h"
#include "api/rq.h"

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&project_rec, r, NULL, to);
}

enum err
projects_list(struct rq *rq)
{
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	TRY(project_page(rq->db, rq->who.workspace, (project_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &project_rec, sizeof(struct project), scan);
}

enum err
projects_get(struct rq *rq)
{
	struct project p;

	TRY(project_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, project), &p, &rq->err));
	return reply(rq, &project_rec, &p);
}

static void
scan_column(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&column_rec, r, NULL, to);
}

/* GET /v1/post-statuses */
enum err
columns_list(struct rq *rq)
{
	const struct columns_query *q = IN(rq, columns_query);
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	if (id_set(q->project))
		TRY(project_exists(rq->db, rq->who.workspace, q->project, &rq->err));
	TRY(column_page(rq->db, rq->who.workspace, q->project, (status_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &column_rec, sizeof(struct column), scan_column);
}
