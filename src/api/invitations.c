/* invitations -- links by which people join the workspace.  The link is in the answer that makes it and nowhere else. */
#include "model/invitation.h"
#include "model/person.h"
#include "api/rq.h"

DELETED(invitation, "invitation", "The invitation")

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&invitation_rec, r, NULL, to);
}

enum err
invitations_list(struct rq *rq)
{
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	TRY(invitation_page(rq->db, rq->who.workspace, (invitation_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &invitation_rec, sizeof(struct invitation), scan);
}

/* Where browsers find this server; a command without one knows where it would listen. */
static str
base(struct rq *rq)
{
	str url = api_origin(rq->conf, rq->x);
	return url.n != 0 ? url : str_fmt(rq->a, "http://%s", rq->conf->listen);
}

/* A member needs no link, except to choose a first password, as whoever `user create` made a member does: *ret is how they stand, or as it was. */
static enum err
may_invite(struct rq *rq, str email, struct person *ret)
{
	struct invitee to;

	TRY(workspace_lock(rq->db, rq->who.workspace, &rq->err));
	TRY(invitation_look(rq->db, rq->a, rq->who.workspace, email, &to, &rq->err));
	if (to.member && to.known)
		return fail(&rq->err, E_CONFLICT, NULL, "This person is a member already: change the member instead.");
	if (to.member) {
		ret->name = to.name;
		ret->role = to.role;
	}
	return OK;
}

enum err
invitations_create(struct rq *rq)
{
	const struct invitation_create *in = IN(rq, invitation_create);
	str email = person_email(rq->a, in->email), local = email;
	struct invitation_made m;
	uint8_t random[32];
	struct person p = { .name = str_split(&local, '@'), .role = in->role >= 0 ? in->role : ROLE_CREATOR };

	TRY(may_invite(rq, email, &p));
	crypto_random(random, sizeof(random));
	str token = crypto_b64(rq->a, (str){ (const char *)random, sizeof(random) });
	digest hash = auth_hash(rq->api->c.auth, token);
	m.invitation = (struct invitation){ .id = { fresh(rq) }, .workspace = rq->who.workspace, .email = email,
	    .name = in->name.p != NULL ? in->name : p.name, .role = p.role,
	    .invited_by = auth_name(rq->a, &rq->who), .expires_at = rq->now + INVITATION_MS, .accepted_at = TIME_NONE };
	m.url = str_fmt(rq->a, "%.*s/invite/%.*s", STR(base(rq)), STR(token));
	TRY(invitation_insert(rq->db, &m.invitation, &hash, &rq->err));
	made(rq, ID_invitation, &m.invitation.id.u);
	return reply(rq, &invitation_made_rec, &m);
}

enum err
invitations_delete(struct rq *rq)
{
	invitation_id id = PATH_ID(rq, invitation);

	TRY(invitation_delete(rq->db, rq->who.workspace, id, &rq->err));
	made(rq, ID_invitation, &id.u);
	return reply(rq, &deleted_invitation_rec, &(struct deleted_invitation){ id, true });
}
