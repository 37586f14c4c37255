/* members -- people of a workspace.  Whoever changes them holds the workspace, so that its last Admin cannot go in two halves.
 * Sessions and tokens feel it at once on this node (rq->bust). */
#include "model/person.h"
#include "api/rq.h"

DELETED(person, "member", "The user")

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&person_rec, r, NULL, to);
}

enum err
members_list(struct rq *rq)
{
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	TRY(person_page(rq->db, rq->who.workspace, (person_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &person_rec, sizeof(struct person), scan);
}

enum err
members_get(struct rq *rq)
{
	struct person p;

	TRY(person_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, person), &p, &rq->err));
	return reply(rq, &person_rec, &p);
}

/* Whoever opened a link chose the password of that address, and nobody looked whether it is theirs: such an account joins by a link that reaches its owner, or by
 * the operator, who gives it another password. */
static enum err
joins_by_link(struct rq *rq, bool known)
{
	return !known || auth_is_console(&rq->who) ? OK : fail(&rq->err, E_CONFLICT, NULL, "There is an account with this address already: make an invitation, and its owner joins by the link.");
}

enum err
members_create(struct rq *rq)
{
	struct person p;
	bool known;

	TRY(person_join_as(rq->db, rq->a, rq->who.workspace, IN(rq, person_create), (person_id){ fresh(rq) }, &p, &known, &rq->err));
	TRY(joins_by_link(rq, known));
	made(rq, ID_person, &p.id.u);
	return reply(rq, &person_rec, &p);
}

/* The member, with the workspace held. */
static enum err
hold(struct rq *rq, struct person *ret, bool *other_admin)
{
	TRY(workspace_lock(rq->db, rq->who.workspace, &rq->err));
	return person_beside(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, person), ret, other_admin, &rq->err);
}

static enum err
needs_admin(struct rq *rq, const struct person *p, bool other)
{
	return other || p->role != ROLE_ADMIN ? OK : fail(&rq->err, E_CONFLICT, NULL, "This is the last Admin of the workspace: make somebody else Admin first.");
}

enum err
members_update(struct rq *rq)
{
	const struct person_patch *in = IN(rq, person_patch);
	struct person p;
	bool other;

	TRY(hold(rq, &p, &other));
	TRY(check_match(rq, &person_rec, &p));
	made(rq, ID_person, &p.id.u);
	if (in->role >= 0 && in->role != ROLE_ADMIN)
		TRY(needs_admin(rq, &p, other));
	if (in->role >= 0)
		p.role = in->role;
	if (in->name.p != NULL)
		p.name = in->name;
	TRY(person_update(rq->db, rq->who.workspace, &p, &rq->err));
	rq->bust = true;
	return reply(rq, &person_rec, &p);
}

enum err
members_delete(struct rq *rq)
{
	struct person p;
	bool other;

	TRY(hold(rq, &p, &other));
	TRY(needs_admin(rq, &p, other));
	TRY(person_leave(rq->db, rq->who.workspace, p.id, &rq->err));
	rq->bust = true;
	made(rq, ID_person, &p.id.u);
	return reply(rq, &deleted_person_rec, &(struct deleted_person){ p.id, true });
}
