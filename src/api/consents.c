/* consents -- what people allowed programs: those of a workspace, for its Admins, and everybody's own.  Revoking one holds at once on
 * this node (rq->bust), on others when their caches have aged. */
#include "model/grant.h"
#include "api/rq.h"

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&consent_rec, r, NULL, to);
}

enum err
consents_list(struct rq *rq)
{
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	TRY(consent_page_of(rq->db, rq->who.workspace, (consent_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &consent_rec, sizeof(struct consent), scan);
}

enum err
consents_get(struct rq *rq)
{
	struct consent c;

	TRY(consent_get_of(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, consent), &c, &rq->err));
	return reply(rq, &consent_rec, &c);
}

static enum err
revoked(struct rq *rq, const struct consent *c)
{
	made(rq, ID_consent, &c->id.u);
	rq->bust = true;
	return reply(rq, &consent_rec, c);
}

enum err
consents_revoke(struct rq *rq)
{
	struct consent c;

	TRY(consent_get_of(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, consent), &c, &rq->err));
	TRY(consent_revoke(rq->db, c.person, c.id, rq->now, &rq->err));
	c.revoked_at = rq->now;
	return revoked(rq, &c);
}

/* --- one's own, whatever their workspace; the command line is nobody, and has none --- */

enum err
my_consents_list(struct rq *rq)
{
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	if (rq->after.s[0] != '\0')
		TRY(consent_own(rq->db, rq->who.person, (consent_id){ rq->after }, &bad_cursor, &rq->err));
	TRY(consent_page(rq->db, rq->who.person, (consent_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &consent_rec, sizeof(struct consent), scan);
}

enum err
my_consents_revoke(struct rq *rq)
{
	consent_id id = PATH_ID(rq, consent);
	struct consent c;

	TRY(consent_revoke(rq->db, rq->who.person, id, rq->now, &rq->err));
	TRY(consent_get(rq->db, rq->a, rq->who.person, id, &c, &rq->err));
	return revoked(rq, &c);
}
