/* invite -- a link that makes its reader a member of a workspace.
 *
 * The link counts and not the address that it was sent to: whoever is signed in joins as who they are.  A new person gets an account of the address, with
 * a password of their own.  So does one whose account has no password yet, a member of this workspace too, but only where no other workspace knows it:
 * whoever made the link could otherwise take over what others gave.  A link is over when whoever made it is Admin no more: who was put out must not come
 * back by a link kept for that. */
#include "people/people_priv.h"
#include "model/invitation.h"

enum kind { GONE, NEW, SIGN_IN, LOCKED, JOIN, MEMBER };
struct invite {
	struct invitation i;
	bool found;
	enum kind kind;
	person_id fresh, who;		/* who: that joined */
	str host;			/* who invites, as the workspace calls them; absent: the command line */
};
static struct invite *invite_of(const struct guest *v) { return v->more; }

/* --- what the link is worth, to whom --- */

/* Whether a workspace beside this one knows the person. */
static enum err
known_elsewhere(struct face *f, struct db *db, person_id who, workspace_id here, bool *ret, struct error *e)
{
	struct reach r[2];
	workspace_id top;
	int n;

	memset(top.u.s, 'Z', 26);
	top.u.s[26] = '\0';
	TRY(person_workspaces(db, f->a, who, top, 2, r, &n, e));
	*ret = false;
	for (int i = 0; i < n; i++)
		*ret |= memcmp(r[i].workspace.id.u.s, here.u.s, 26) != 0;
	return OK;
}

static enum err
kind_for_stranger(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	struct invite *in = invite_of(v);
	bool elsewhere;

	TRY(person_by_email(db, f->a, in->i.email, &v->who, &v->known, e));
	in->kind = !v->known ? NEW : SIGN_IN;
	if (!v->known || v->who.password.n != 0)
		return OK;
	TRY(known_elsewhere(f, db, v->who.id, in->i.workspace, &elsewhere, e));
	in->kind = elsewhere ? LOCKED : NEW;
	return OK;
}

static enum err
find_host(struct face *f, struct db *db, struct error *e)
{
	struct invite *in = invite_of(guest_of(f));
	struct person p;
	person_id id;

	in->host = STR_NONE;
	if (!id_parse(ID_person, in->i.invited_by, &id.u))
		return OK;
	enum err code = person_get(db, f->a, in->i.workspace, id, &p, e);
	in->found = code == OK && p.role == ROLE_ADMIN;
	if (in->found)
		in->host = p.name;
	return code == E_NOT_FOUND ? OK : code;
}

static enum err
look(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	struct invite *in = invite_of(v);
	digest hash = auth_hash(v->p->api->c.auth, v->token);
	bool member;
	int role;

	TRY(invitation_by_hash(db, f->a, &hash, guest_now(v), &in->i, &in->found, e));
	in->kind = GONE;
	if (in->found)
		TRY(find_host(f, db, e));
	if (!in->found)
		return OK;
	TRY(guest_who(f, db, e));
	if (!v->in)
		return kind_for_stranger(f, db, e);
	TRY(person_role_in(db, v->me.person, in->i.workspace, &role, &member, e));
	in->kind = member ? MEMBER : JOIN;
	return OK;
}

/* --- the page --- */

static void
put_intro(struct guest *v)
{
	const struct invitation *i = &invite_of(v)->i;
	struct html *h = &v->h;

	page_open(h, "p", NULL);
	if (invite_of(v)->host.n != 0)
		page_fmt(h, "%.*s invites you to the workspace ", STR(invite_of(v)->host));
	else
		page_fmt(h, "You are invited to the workspace ");
	page_bold(h, i->workspace_name);
	page_fmt(h, " as %s.", role_words.v[i->role]);
	page_close(h, "p");
}

static void
put_new(struct guest *v, const char *action)
{
	const struct invitation *i = &invite_of(v)->i;
	struct html *h = &v->h;
	struct arena *a = v->f.a;

	page_form(h, action, people_csrf(v->p, v->f.x, "invite"));
	guest_username(v, i->email);
	page_open(h, "p", NULL);
	page_fmt(h, "You will sign in with ");
	page_bold(h, i->email);
	page_fmt(h, ".");
	page_close(h, "p");
	page_input(h, &(struct page_field){ .label = "Your name", .name = "name", .type = "text", .autocomplete = "name", .value = v->name.p != NULL ? v->name : i->name, .required = true });
	page_input(h, &(struct page_field){ .label = "Password", .name = "password", .type = "password", .autocomplete = "new-password", .required = true, .focus = true,
	    .hint = str_fmt(a, "At least %d characters. A few words of your own are best.", PASSWORD_LEAST).p });
	page_button(h, "do", "create", NULL, "Create account and join");
	page_close(h, "form");
	page_open(h, "p", "class", "hint foot", NULL);
	page_fmt(h, "You have an account with another address? ");
	page_link(h, str_fmt(a, "/signin?next=%s", action).p, "Sign in");
	page_fmt(h, ", and join with that.");
	page_close(h, "p");
}

static void
put_join(struct guest *v, const char *action)
{
	struct html *h = &v->h;

	page_open(h, "p", NULL);
	page_fmt(h, "You are signed in as ");
	page_bold(h, v->me.email);
	page_fmt(h, ".");
	page_close(h, "p");
	page_form(h, action, people_csrf(v->p, v->f.x, "invite"));
	page_button(h, "do", "join", NULL, "Join the workspace");
	page_close(h, "form");
	page_form(h, "/signout", people_csrf(v->p, v->f.x, "signout"));
	page_hidden(h, "next", str_z(action));
	page_button(h, NULL, NULL, "plain", "Use another account");
	page_close(h, "form");
}

static void
show_end(struct guest *v)
{
	struct html *h = &v->h;

	guest_page(v, "This invitation is over");
	page_p(h, NULL, "The link was used already, is older than seven days, or is not complete, or who made it is Admin no more. Ask for another one.");
	page_open(h, "p", NULL);
	page_fmt(h, "If it was you who used it: ");
	page_link(h, "/signin", "sign in");
	page_fmt(h, ".");
	page_close(h, "p");
	page_answer(h, 404);
}

static void
show(struct guest *v, int status, const char *alert)
{
	const struct invite *in = invite_of(v);
	struct html *h = &v->h;
	/* the token has been looked up: it is plain letters */
	const char *action = str_fmt(v->f.a, "/invite/%.*s", STR(rule_escape(v->f.a, v->token))).p;

	if (in->kind == GONE) {
		show_end(v);
		return;
	}
	page_begin(h, v->f.x, "Join a workspace");
	if (alert != NULL)
		page_alert(h, "%s", alert);
	put_intro(v);
	switch (in->kind) {
	case NEW:
		put_new(v, action);
		break;
	case JOIN:
		put_join(v, action);
		break;
	case MEMBER:
		page_p(h, NULL, "You belong to it already.");
		page_link(h, "/account", "Go to your account");
		break;
	case SIGN_IN:
		page_p(h, NULL, "There is an account for %.*s: sign in, and join with one more click.", STR(in->i.email));
		page_open(h, "a", "class", "button", "href", str_fmt(v->f.a, "/signin?next=%s", action).p, NULL);
		page_fmt(h, "Sign in");
		page_close(h, "a");
		break;
	case LOCKED: case GONE:
		page_p(h, NULL, "There is an account for %.*s that has no password yet. Whoever runs this server can give it one; then come back to this link.", STR(in->i.email));
		break;
	}
	page_answer(h, status);
}

static void
looked(struct face *f)
{
	if (f->code != OK)
		guest_trouble(guest_of(f));
	else
		show(guest_of(f), 200, NULL);
}

void
invite_show(struct face *f)
{
	guest_of(f)->more = NEW(f->a, struct invite);
	face_read(f, look, looked);
}

/* --- joining --- */

static enum err
audit(struct guest *v, struct db *db, struct error *e)
{
	const struct invite *in = invite_of(v);

	return face_audit(&v->f, db, &(struct face_deed){ .workspace = in->i.workspace, .person = in->who, .route = "/invite/{token}",
	    .resource = id_text(v->f.a, ID_invitation, &in->i.id.u) }, e);
}

/* All in one transaction: the link is used up, the person is there, is a member, and signed in. */
static enum err
become(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	struct invite *in = invite_of(v);
	int64_t now = guest_now(v);
	bool member = false;
	struct person p;
	int role;

	in->fresh.u = in->who.u = sys_ulid(v->p->api->c.clock);
	TRY(look(f, db, e));
	if (in->found) {		/* looked at again with the account held: another link may be giving it a password */
		TRY(person_hold(db, f->a, in->i.email, e));
		TRY(look(f, db, e));
	}
	if (in->kind != NEW)
		return fail(e, E_CONFLICT, NULL, "This link leads elsewhere by now.");
	TRY(invitation_accept(db, in->i.workspace, in->i.id, now, e));
	if (v->known) {
		in->who = v->who.id;
		TRY(person_role_in(db, in->who, in->i.workspace, &role, &member, e));
	}
	if (member) {
		TRY(person_rename(db, in->i.workspace, in->who, v->name, e));
	} else {
		TRY(person_join(db, f->a, in->i.workspace, &(struct person_create){ in->i.email, v->name, in->i.role }, in->fresh, &p, e));
		if (memcmp(&p.id, &in->who, sizeof(p.id)) != 0)		/* made at this moment, by somebody else */
			return fail(e, E_CONFLICT, NULL, "This link leads elsewhere by now.");
	}
	TRY(audit(v, db, e));
	TRY(person_first_password(db, in->who, str_z(v->job.made), now, e));
	return guest_begin(v, db, in->who, now, e);
}

static enum err
join(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	struct invite *in = invite_of(v);
	struct person p;

	TRY(look(f, db, e));
	if (in->kind != JOIN)
		return fail(e, E_CONFLICT, NULL, "This link leads elsewhere by now.");
	in->who = v->me.person;
	TRY(invitation_accept(db, in->i.workspace, in->i.id, guest_now(v), e));
	TRY(person_join(db, f->a, in->i.workspace, &(struct person_create){ v->me.email, v->me.name, in->i.role }, in->who, &p, e));
	return audit(v, db, e);
}

static void
joined(struct face *f)
{
	struct guest *v = guest_of(f);

	if (f->code == E_CONFLICT) {		/* see what has become of it */
		face_read(f, look, looked);
		return;
	}
	if (f->code != OK) {
		guest_trouble(v);
		return;
	}
	auth_bust_of(v->p->api->c.auth, invite_of(v)->who, AUTH_ANYTHING);
	guest_note(v, "joined", &invite_of(v)->who);
	if (v->cookie[0] != '\0')
		guest_set_cookie(v, invite_of(v)->i.email);
	page_redirect(f->x, "/account?done=joined");
}

static void
hashed(struct face *f)
{
	if (guest_made(guest_of(f)))
		face_write(f, become, joined);
}

static void
tried(struct face *f)
{
	struct guest *v = guest_of(f);
	guest_hash(v, true, STR_NONE, v->password, hashed);
}

static void
decide(struct face *f)
{
	struct guest *v = guest_of(f);
	struct invite *in = invite_of(v);
	bool create = str_eq(guest_field(v, "do"), S("create"));

	if (f->code != OK) {
		guest_trouble(v);
		return;
	}
	if (!guest_form_ok(v, "invite")) {
		show(v, 403, "This form had been open for too long, or your browser keeps no cookies. Try again.");
		return;
	}
	if (in->kind == JOIN && !create) {
		face_write(f, join, joined);
		return;
	}
	if (in->kind != NEW || !create) {
		show(v, 200, NULL);
		return;
	}
	const char *why = rule_name_ok(v->name) ? rule_password(f->a, v->password, in->i.email) : "Type in your name, in one line.";
	if (why != NULL)
		show(v, 422, why);
	else
		guest_try(v, STR_NONE, tried);
}

void
invite_do(struct face *f)
{
	struct guest *v = guest_of(f);

	v->more = NEW(f->a, struct invite);
	v->name = str_trim(guest_field(v, "name"));
	v->password = guest_field(v, "password");
	face_read(f, look, decide);
}
