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
