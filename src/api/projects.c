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

/* POST /v1/projects: with one column per category. */
enum err
projects_create(struct rq *rq)
{
	const struct project_create *in = IN(rq, project_create);
	status_id columns[PROJECT_COLUMNS];
	struct project p;

	for (int i = 0; i < PROJECT_COLUMNS; i++)
		columns[i] = (status_id){ fresh(rq) };
	rec_init(&project_rec, &p);
	p.id = (project_id){ fresh(rq) };
	p.name = in->name;
	p.type = in->type >= 0 ? in->type : PT_PERSONAL_BRAND;
	p.status = PS_ACTIVE;
	p.url = in->url;
	TRY(project_insert(rq->db, rq->who.workspace, &p, columns, &rq->err));
	TRY(announce(rq, p.id, EVENT_PROJECT_CREATED, &project_rec, &p));
	made(rq, ID_project, &p.id.u);
	return reply(rq, &project_rec, &p);
}

enum err
projects_update(struct rq *rq)
{
	const struct project_patch *in = IN(rq, project_patch);
	struct project p;

	TRY(project_hold(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, project), &p, &rq->err));
	TRY(check_match(rq, &project_rec, &p));
	if (in->name.p != NULL)
		p.name = in->name;
	if (in->type >= 0)
		p.type = in->type;
	if (in->status >= 0)
		p.status = in->status;
	if (in->url.p != NULL)
		p.url = in->url.n != 0 ? in->url : STR_NONE;
	TRY(project_update(rq->db, rq->who.workspace, &p, rq->now, &rq->err));
	TRY(announce(rq, p.id, EVENT_PROJECT_UPDATED, &project_rec, &p));
	made(rq, ID_project, &p.id.u);
	return reply(rq, &project_rec, &p);
}
