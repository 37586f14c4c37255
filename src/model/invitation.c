#include "model/invitation.h"
#include "model/person.h"

#define FIELDS(S, M) \
	F_ID  (S, M id, invitation, "id", "id", 0, "The invitation"), \
	F_ID  (S, M workspace, workspace, "workspaceId", "workspace", F_HIDE, "The workspace"), \
	F_STR (S, M email, "email", "email", 0, 3, 254, "Who is invited, in lower case", "ada@example.com"), \
	F_STR (S, M name, "name", "name", 0, 1, 200, "Name in this workspace", "Ada"), \
	F_WORD(S, M role, "role", "role", 0, &role_words, "Role in this workspace", "Creator"), \
	F_STR (S, M invited_by, "invitedBy", "invited_by", 0, 0, 0, "Who invited", "usr_01J9ZAB12CD34E56F7G8H9JKMN"), \
	F_CREATED(S, M id, invitation, "createdAt", "When it was made"), \
	F_TIME(S, M expires_at, "expiresAt", "expires_at", 0, "The link works until then"), \
	F_TIME(S, M accepted_at, "acceptedAt", "accepted_at", F_NULL, "When somebody joined by it"), \
	F_STR (S, M workspace_name, "workspaceName", "workspace_name", F_HIDE, 0, 0, "Name of the workspace", "Acme Corp")

static const struct field fields[] = { FIELDS(invitation, ) };
const struct rec invitation_rec = REC(invitation, fields, "An invitation into the workspace; its link is shown once and never kept");

static const struct field made_fields[] = {
	FIELDS(invitation_made, invitation.),
	F_STR(invitation_made, url, "url", NULL, 0, 0, 0, "The link: shown once. Whoever has it can join", "https://scriped.example.com/invite/bXktc2VjcmV0LWxpbmstb2YtMzItcmFuZG9tLWJ5dGVz"),
};
const struct rec invitation_made_rec = REC(invitation_made, made_fields, "A new invitation, with its link");

static enum err
check_create(const void *v, struct error *e)
{
	return person_email_ok(((const struct invitation_create *)v)->email, e);
}

static const struct field create_fields[] = {
	F_STR (invitation_create, email, "email", NULL, F_REQ, 3, 254, "E-mail address", "ada@example.com"),
	F_STR (invitation_create, name, "name", NULL, F_NAME, 1, 200, "Name; what stands before the @ when left out", "Ada"),
	F_WORD(invitation_create, role, "role", NULL, 0, &role_words, "Role; Creator when left out", "Creator"),
};
const struct rec invitation_create_rec = REC_CHECKED(invitation_create, create_fields, check_create, "A new invitation");

static const struct field query_fields[] = { PAGE_FIELDS(invitations_query) };
const struct rec invitations_query_rec = REC(invitations_query, query_fields, "Paging of the list of invitations");

#define INVITATION	"SELECT i.id, i.workspace, i.email, i.name, i.role, i.invited_by, i.expires_at, i.accepted_at, w.name" \
	" FROM invitation i JOIN workspace w ON w.id = i.workspace"
SQL(insert, "invitation.insert",
    "INSERT INTO invitation (workspace, id, hash, email, name, role, invited_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
SQL(look, "invitation.look",
    "SELECT (SELECT count(*) FROM (SELECT id FROM invitation WHERE workspace = $1 LIMIT $3) n), m.role, coalesce(m.name, p.name), p.password IS NOT NULL"
    " FROM workspace w LEFT JOIN person p ON p.email = $2 LEFT JOIN membership m ON m.workspace = w.id AND m.person = p.id WHERE w.id = $1");
SQL(by_hash, "invitation.by_hash", INVITATION " WHERE i.hash = $1 AND i.expires_at > $2 AND i.accepted_at IS NULL");
SQL(page, "invitation.page", INVITATION " WHERE i.workspace = $1 AND i.id < $2 ORDER BY i.id DESC LIMIT $3");
SQL(anchor, "invitation.anchor", "SELECT 1 FROM invitation WHERE workspace = $1 AND id = $2");
SQL(accept, "invitation.accept", "UPDATE invitation SET accepted_at = $3 WHERE workspace = $1 AND id = $2 AND accepted_at IS NULL AND expires_at > $3");
SQL(gone, "invitation.delete", "DELETE FROM invitation WHERE workspace = $1 AND id = $2");
SQL(over, "invitation.sweep",
    "DELETE FROM invitation WHERE hash IN (SELECT hash FROM invitation WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)");

enum err
invitation_look(struct db *db, struct arena *a, workspace_id w, str email, struct invitee *ret, struct error *e)
{
	struct rows r;
	int64_t n = 0;

	*ret = (struct invitee){ .name = STR_NONE };
	TRY(db_query(db, look, &r, e, VID(w), V(email), V(INVITATIONS_MOST)));
	if (db_next(&r)) {
		n = db_col(&r, 0).i;
		ret->member = db_col(&r, 1).t != V_NULL;
		db_val_word(&role_words, db_col(&r, 1), &ret->role);
		ret->name = str_dup(a, db_col(&r, 2).s);
		ret->known = db_col(&r, 3).i != 0;
	}
	TRY(db_done(&r, e));
	return n < INVITATIONS_MOST ? OK : fail(e, E_CONFLICT, NULL, "There are %d invitations: delete some, or wait until they are over.", INVITATIONS_MOST);
}

enum err
invitation_insert(struct db *db, const struct invitation *i, const digest *hash, struct error *e)
{
	return db_run(db, insert, e, VID(i->workspace), VID(i->id), val_digest(hash), V(i->email), V(i->name), val_word(&role_words, i->role),
	    V(i->invited_by), V(i->expires_at));
}

enum err
invitation_by_hash(struct db *db, struct arena *a, const digest *hash, int64_t now, struct invitation *ret, bool *found, struct error *e)
{
	return db_one(db, by_hash, &invitation_rec, a, ret, found, e, val_digest(hash), V(now));
}

enum err
invitation_accept(struct db *db, workspace_id w, invitation_id id, int64_t now, struct error *e)
{
	static const struct miss used = { E_CONFLICT, NULL, "This invitation has been used or is over: ask for another one." };

	return db_must(db, accept, used, e, VID(w), VID(id), V(now));
}

enum err
invitation_delete(struct db *db, workspace_id w, invitation_id id, struct error *e)
{
	static const struct miss unknown = { E_NOT_FOUND, NULL, "Invitation not found." };

	return db_must(db, gone, unknown, e, VID(w), VID(id));
}

enum err
invitation_page(struct db *db, workspace_id w, invitation_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, page, ret, e, VID(w), VID(before), V(limit));
}

enum err
invitation_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

enum err
invitation_sweep(struct db *db, int64_t now, int most, int64_t *n, struct error *e)
{
	TRY(db_touch(db, over, n, e, V(now), V(most)));
	return OK;
}
