/* account -- what a person has here: workspaces, programs that act for them, browsers, a password. */
#include "people/people_priv.h"
#include "json/json.h"
#include "model/client.h"
#include "model/grant.h"

#define SHOWN	100		/* workspaces, programs */

struct program { struct consent c; str host; };
struct holdings {
	struct reach reach[SHOWN];
	struct program program[SHOWN];
	struct session session[SESSIONS_MOST];
	int nreach, nprograms, nsessions;
	consent_id revoke;
	int64_t others;
};
static struct holdings *holdings_of(const struct guest *v) { return v->more; }

/* --- what there is --- */

static str
host_of(str url)
{
	const char *at = url.n != 0 ? memmem(url.p, url.n, "://", 3) : NULL;
	str rest = at != NULL ? str_cut(url, (size_t)(at - url.p) + 3, url.n) : url;
	return str_split(&rest, '/');
}

/* Where a program lives: its own page's host, else that of the first place it sends people to. */
static enum err
find_host(struct face *f, struct db *db, struct program *p, struct error *e)
{
	struct client c;
	struct error bad;
	json_t *list;
	bool found;

	p->host = host_of(p->c.client_url);
	if (p->c.client_url.n != 0)
		return OK;
	TRY(client_get(db, f->a, p->c.client, &c, &found, e));
	if (!found || json_read(c.redirects, &list, &bad) != OK)
		return OK;
	const char *first = json_string_value(json_array_get(list, 0));
	if (first != NULL)
		p->host = str_dup(f->a, host_of(str_z(first)));
	json_decref(list);
	return OK;
}

static enum err
read_programs(struct face *f, struct db *db, struct holdings *o, person_id who, struct error *e)
{
	consent_id top;
	struct rows r;

	memset(top.u.s, 'Z', 26);
	top.u.s[26] = '\0';
	o->nprograms = 0;
	TRY(consent_page(db, who, top, SHOWN, &r, e));
	while (o->nprograms < SHOWN && db_next(&r))
		db_scan(&consent_rec, &r, f->a, &o->program[o->nprograms++].c);
	TRY(db_done(&r, e));
	for (int i = 0; i < o->nprograms; i++)
		TRY(find_host(f, db, &o->program[i], e));
	return OK;
}

static enum err
look(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	struct holdings *o = holdings_of(v);
	workspace_id top;

	TRY(guest_who(f, db, e));
	if (!v->in)
		return OK;
	memset(top.u.s, 'Z', 26);
	top.u.s[26] = '\0';
	TRY(person_workspaces(db, f->a, v->me.person, top, SHOWN, o->reach, &o->nreach, e));
	TRY(read_programs(f, db, o, v->me.person, e));
	return session_list(db, f->a, v->me.person, guest_now(v), o->session, &o->nsessions, e);
}

/* --- the page --- */

static void
put_head(struct guest *v)
{
	struct html *h = &v->h;

	page_open(h, "div", "class", "head", NULL);
	page_open(h, "p", NULL);
	page_bold(h, v->me.name);
	page_open(h, "br", NULL);
	page_text(h, v->me.email);
	page_close(h, "p");
	page_form(h, "/signout", people_csrf(v->p, v->f.x, "signout"));
	page_button(h, NULL, NULL, "plain", "Sign out");
	page_close(h, "form");
	page_close(h, "div");
}

static void
put_workspaces(struct guest *v)
{
	const struct holdings *o = holdings_of(v);
	struct html *h = &v->h;

	page_open(h, "section", NULL);
	page_h2(h, "Workspaces");
	if (o->nreach == 0)
		page_p(h, NULL, "You belong to no workspace any more. An Admin of one can invite you.");
	for (int i = 0; i < o->nreach; i++) {
		page_open(h, "div", "class", "row", NULL);
		page_open(h, "p", NULL);
		page_bold(h, o->reach[i].workspace.name);
		page_open(h, "span", "class", "tag", NULL);
		page_fmt(h, "%s", role_words.v[o->reach[i].role]);
		page_close(h, "span");
		page_close(h, "p");
		page_close(h, "div");
	}
	page_close(h, "section");
}

static void
put_program(struct guest *v, const struct program *p)
{
	struct html *h = &v->h;
	str id = id_text(v->f.a, ID_consent, &p->c.id.u);

	page_open(h, "div", "class", "row", NULL);
	page_open(h, "div", NULL);
	page_open(h, "p", NULL);
	page_bold(h, p->c.client_name);
	if (p->host.n != 0)
		page_fmt(h, " from %.*s", STR(p->host));
	if (p->c.verified) {
		page_open(h, "span", "class", "tag", NULL);
		page_fmt(h, "Verified");
		page_close(h, "span");
	}
	page_close(h, "p");
	page_open(h, "ul", NULL);
	for (int s = 0; s < GRANT_COUNT; s++)
		if (p->c.scopes & 1u << s) {
			page_open(h, "li", NULL);
			page_fmt(h, "%s", people_scope(s));
			page_close(h, "li");
		}
	page_close(h, "ul");
	page_open(h, "small", NULL);
	page_fmt(h, "Allowed on ");
	page_date(h, p->c.given_at);
	page_fmt(h, p->c.used_at != TIME_NONE ? " · last used on " : " · never used");
	if (p->c.used_at != TIME_NONE)
		page_date(h, p->c.used_at);
	page_close(h, "small");
	page_close(h, "div");
	page_form(h, "/account", people_csrf(v->p, v->f.x, "account"));
	page_hidden(h, "consent", id);
	page_open(h, "button", "type", "submit", "name", "do", "value", "revoke", "class", "danger", "aria-label",
	    str_fmt(v->f.a, "Revoke access of %.*s", STR(p->c.client_name)).p, NULL);
	page_fmt(h, "Revoke access");
	page_close(h, "button");
	page_close(h, "form");
	page_close(h, "div");
}

static void
put_programs(struct guest *v)
{
	const struct holdings *o = holdings_of(v);
	struct html *h = &v->h;

	page_open(h, "section", NULL);
	page_h2(h, "Programs that act for you");
	page_p(h, NULL, o->nprograms == 0 ? "You allowed none so far." : "What you allowed, you can take back at any time. The program is then shut out at once.");
	for (int i = 0; i < o->nprograms; i++)
		put_program(v, &o->program[i]);
	page_close(h, "section");
}

static void
put_sessions(struct guest *v)
{
	const struct holdings *o = holdings_of(v);
	struct html *h = &v->h;

	page_open(h, "section", NULL);
	page_h2(h, "Where you are signed in");
	for (int i = 0; i < o->nsessions; i++) {
		const struct session *s = &o->session[i];
		page_open(h, "div", "class", "row", NULL);
		page_open(h, "p", NULL);
		page_bold(h, rule_agent(v->f.a, s->agent));
		if (crypto_same(&s->hash, &v->me.hash)) {
			page_open(h, "span", "class", "tag", NULL);
			page_fmt(h, "This browser");
			page_close(h, "span");
		}
		page_open(h, "small", NULL);
		page_fmt(h, "From %.*s · since ", STR(s->ip));
		page_date(h, s->began_at);
		page_fmt(h, " · last seen on ");
		page_time(h, s->seen_at);
		page_close(h, "small");
		page_close(h, "p");
		page_close(h, "div");
	}
	if (o->nsessions > 1) {
		page_form(h, "/account", people_csrf(v->p, v->f.x, "account"));
		page_button(h, "do", "others", "plain", "Sign out everywhere else");
		page_close(h, "form");
	}
	page_close(h, "section");
}

static void
put_password(struct guest *v)
{
	struct html *h = &v->h;

	page_open(h, "section", NULL);
	page_h2(h, "Password");
	page_p(h, NULL, "Another password signs you out everywhere else. Programs that you allowed go on until you revoke them.");
	page_form(h, "/account", people_csrf(v->p, v->f.x, "account"));
	guest_username(v, v->me.email);
	page_input(h, &(struct page_field){ .label = "Current password", .name = "password", .type = "password", .autocomplete = "current-password", .required = true,
	    .focus = h->alert });
	page_input(h, &(struct page_field){ .label = "New password", .name = "new", .type = "password", .autocomplete = "new-password", .required = true,
	    .hint = str_fmt(v->f.a, "At least %d characters. A few words of your own are best.", PASSWORD_LEAST).p });
	page_button(h, "do", "password", NULL, "Change password");
	page_close(h, "form");
	page_close(h, "section");
}

static const char *
done_words(str done)
{
	static const char *const words[][2] = { { "joined", "Welcome: you are a member now." }, { "revoked", "The program is shut out." }, { "others", "You are signed out everywhere else." },
	    { "password", "You have another password now, and are signed out everywhere else." } };

	for (size_t i = 0; i < COUNT(words); i++)
		if (str_eq(done, str_z(words[i][0])))
			return words[i][1];
	return NULL;
}

static void
show(struct guest *v, int status, const char *alert)
{
	const struct exchange *x = v->f.x;
	const char *done = NULL;
	struct html *h = &v->h;

	if (!v->in) {
		people_ask_in(v->p, v->f.x, S("/account"));
		return;
	}
	for (int i = 0; i < x->nquery && status == 200; i++)
		if (str_eq(x->query[i].name, S("done")))
			done = done_words(x->query[i].value);
	page_begin(h, v->f.x, "Your account");
	if (alert != NULL)
		page_alert(h, "%s", alert);
	if (done != NULL)
		page_done(h, "%s", done);
	put_head(v);
	put_workspaces(v);
	put_programs(v);
	put_sessions(v);
	put_password(v);
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
account_show(struct face *f)
{
	guest_of(f)->more = NEW(f->a, struct holdings);
	face_read(f, look, looked);
}

/* --- its buttons --- */

/* What a button did, for the log and for the page that comes. */
static void
finish(struct guest *v, const char *note, const char *done)
{
	if (v->f.code != OK) {
		guest_trouble(v);
		return;
	}
	auth_bust_of(v->p->api->c.auth, v->me.person, AUTH_ANYTHING);
	guest_note(v, note, &v->me.person);
	page_redirect(v->f.x, str_fmt(v->f.a, "/account?done=%s", done).p);
}

static enum err
revoke(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	struct consent c;
	enum err code = consent_get(db, f->a, v->me.person, holdings_of(v)->revoke, &c, e);

	if (code == E_NOT_FOUND || (code == OK && c.revoked_at != TIME_NONE))
		return OK;		/* an old page, or the button pressed twice */
	TRY(code);
	TRY(consent_revoke(db, v->me.person, c.id, guest_now(v), e));
	return face_audit(f, db, &(struct face_deed){ .workspace = c.workspace, .person = v->me.person, .route = "/account", .resource = id_text(f->a, ID_consent, &c.id.u) }, e);
}

static void revoked(struct face *f) { finish(guest_of(f), "program revoked", "revoked"); }

static enum err
end_others(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	return session_end_all(db, v->me.person, &v->me.hash, e);
}

static void others_ended(struct face *f) { finish(guest_of(f), "signed out everywhere else", "others"); }

/* The one from before must still be it. */
static enum err
change(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	int64_t now = guest_now(v);
	struct account a;
	bool found;

	TRY(person_account_hold(db, f->a, v->me.person, &a, &found, e));
	if (!found || !str_eq(a.password, v->who.password))
		return fail(e, E_CONFLICT, NULL, "the password has become another one meanwhile");
	TRY(person_set_password(db, v->me.person, str_z(v->job.made), now, e));
	TRY(guest_begin(v, db, v->me.person, now, e));
	digest mine = auth_hash(v->p->api->c.auth, str_z(v->cookie));
	return session_end_all(db, v->me.person, &mine, e);
}

static void
changed(struct face *f)
{
	struct guest *v = guest_of(f);

	if (f->code == E_CONFLICT) {
		show(v, 422, "The password has become another one meanwhile. Try again.");
		return;
	}
	if (f->code == OK)
		guest_set_cookie(v, v->me.email);
	finish(v, "password changed", "password");
}

static void
hashed(struct face *f)
{
	if (guest_made(guest_of(f)))
		face_write(f, change, changed);
}

static void
judged(struct face *f)
{
	struct guest *v = guest_of(f);
	str new = guest_field(v, "new");

	if (!v->job.ok) {
		guest_note(v, "wrong password", &v->me.person);
		show(v, 422, "The password until now is wrong.");
		return;
	}
	const char *why = str_eq(new, v->password) ? "The new password is the one that you have." : rule_password(f->a, new, v->me.email);
	if (why != NULL)
		show(v, 422, why);
	else
		guest_hash(v, true, STR_NONE, new, hashed);
}

static enum err
find(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	return person_account(db, f->a, v->me.person, &v->who, &v->known, e);
}

static void found(struct face *f) { guest_compare(guest_of(f), judged); }

static void tried(struct face *f) { face_read(f, find, found); }

static void
ask_password(struct guest *v)
{
	v->password = guest_field(v, "password");
	if (v->password.n == 0 || v->password.n > 4 * PASSWORD_MOST || guest_field(v, "new").n > 4 * PASSWORD_MOST)
		show(v, 422, "Type in both passwords: the one until now, and the new one.");
	else
		guest_try(v, v->me.email, tried);
}

static void
decide(struct face *f)
{
	struct guest *v = guest_of(f);
	struct holdings *o = holdings_of(v);
	str what = guest_field(v, "do");

	if (f->code != OK)
		guest_trouble(v);
	else if (!v->in)
		people_ask_in(v->p, f->x, S("/account"));
	else if (!guest_form_ok(v, "account"))
		show(v, 403, "This form had been open for too long. Try again.");
	else if (str_eq(what, S("revoke")) && id_parse(ID_consent, guest_field(v, "consent"), &o->revoke.u))
		face_write(f, revoke, revoked);
	else if (str_eq(what, S("others")))
		face_write(f, end_others, others_ended);
	else if (str_eq(what, S("password")))
		ask_password(v);
	else
		show(v, 422, "This page has no such button.");
}

void
account_do(struct face *f)
{
	guest_of(f)->more = NEW(f->a, struct holdings);
	face_read(f, look, decide);
}
