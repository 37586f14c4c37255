/* logs -- what was asked and who changed what: the request log and the audit log, as people and keys may read them. */
#include "api/rq.h"
#include "model/request.h"

static str
route_of(str operation)
{
	for (int i = 0; i < nops && operation.p != NULL; i++)
		if (str_eq(str_z(ops[i].name), operation))
			return str_z(ops[i].path);
	return STR_NONE;
}

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	struct request_log *row = to;

	(void)rq;
	request_log_scan(r, NULL, row);
	row->route = route_of(row->operation);
}

/* A key and a program see what they asked themselves, people what anybody asked in their workspace. */
static str own(const struct rq *rq) { return rq->who.type == PRINCIPAL_USER ? STR_NONE : auth_name(rq->a, &rq->who); }

enum err
request_logs_list(struct rq *rq)
{
	const struct request_logs_query *q = IN(rq, request_logs_query);
	struct page p = page_of(rq, q->from, q->to);
	str who = own(rq), asked = id_set(q->key) ? id_text(rq->a, ID_key, &q->key.u) : who;
	struct rows r;

	if (who.p != NULL && !str_eq(who, asked))
		return reply_items(rq, &request_log_rec, NULL, 0, sizeof(struct request_log));
	TRY(request_log_page(rq->db, rq->who.workspace, q, asked, rq->who.client, &p, &r, &rq->err));
	return reply_rows(rq, &r, &request_log_rec, sizeof(struct request_log), scan);
}

enum err
request_logs_get(struct rq *rq)
{
	struct request_log row;
	str who = own(rq);

	TRY(request_log_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, request), &row, &rq->err));
	if (who.p != NULL && (!str_eq(who, row.principal) || memcmp(&row.client, &rq->who.client, sizeof(row.client)) != 0))
		return request_log_none(&rq->err);
	row.route = route_of(row.operation);
	return reply(rq, &request_log_rec, &row);
}

static void
scan_audit(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&audit_rec, r, NULL, to);
}

enum err
audit_log_list(struct rq *rq)
{
	const struct audit_query *q = IN(rq, audit_query);
	struct page p = page_of(rq, q->from, q->to);
	struct rows r;

	TRY(audit_page(rq->db, rq->who.workspace, q, &p, &r, &rq->err));
	return reply_rows(rq, &r, &audit_rec, sizeof(struct audit), scan_audit);
}
