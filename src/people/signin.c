/* signin -- who are you, and good-bye. */
#include "people/people_priv.h"

static const char WRONG[] = "The e-mail address or the password is wrong.";

static void
form(struct guest *v, int status, const char *alert)
{
	struct html *h = &v->h;
	struct exchange *x = v->f.x;
	bool known = v->email.n != 0;

	guest_page(v, "Sign in");
	if (alert != NULL)
		page_alert(h, "%s", alert);
	else if (rule_of_program(v->next))
		page_p(h, NULL, "A program wants to work here in your name. Sign in, and you see what it wants and decide.");
	page_leads_to(h, v->next.p != NULL ? rule_leads_to(v->f.a, v->next) : NULL);
	page_form(h, "/signin", people_csrf(v->p, x, "signin"));
	if (v->next.p != NULL)
		page_hidden(h, "next", v->next);
	page_input(h, &(struct page_field){ .label = "E-mail address", .name = "email", .type = "email", .autocomplete = "username", .value = v->email, .required = true, .focus = !known });
	page_input(h, &(struct page_field){ .label = "Password", .name = "password", .type = "password", .autocomplete = "current-password", .required = true, .focus = known });
	page_button(h, NULL, NULL, NULL, "Sign in");
	page_close(h, "form");
	page_p(h, "hint foot", "No account yet? An Admin of your workspace can invite you. Forgotten your password? Whoever runs this server can set another one.");
	page_answer(h, status);
}

/* --- the page --- */

static void
look(struct face *f)
{
	struct guest *v = guest_of(f);

	if (f->code != OK)
		guest_trouble(v);
	else if (v->in && !rule_asks_anew(f->a, v->next))
		page_redirect(f->x, v->next.p != NULL ? str_dup(f->a, v->next).p : "/account");
	else
		form(v, 200, NULL);
}

void signin_show(struct face *f) { face_read(f, guest_who, look); }

/* --- the form --- */

static enum err
find(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	return person_by_email(db, f->a, v->email, &v->who, &v->known, e);
}

/* The password may have become another one while this one was looked at. */
static enum err
begin(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	struct account now;
	bool found;

	TRY(person_account_hold(db, f->a, v->who.id, &now, &found, e));
	if (!found || !str_eq(now.password, v->who.password))
		return fail(e, E_CONFLICT, NULL, "%s", WRONG);
	return guest_begin(v, db, v->who.id, guest_now(v), e);
}

/* Browsers hold a redirect behind a form to where the form's page may lead.  A program that did not say where it waits may be anywhere: then the
 * browser goes on by itself, from a page. */
static void
go_on(struct guest *v)
{
	const char *to = v->next.p != NULL ? str_dup(v->f.a, v->next).p : "/account";
	struct html *h = &v->h;

	if (!rule_of_program(v->next) || rule_leads_to(v->f.a, v->next) != NULL) {
		page_redirect(v->f.x, to);
		return;
	}
	front_add(v->f.x, "Refresh", str_fmt(v->f.a, "0; url=%s", to).p);
	guest_page(v, "You are signed in");
	page_open(h, "a", "class", "button", "href", to, NULL);
	page_fmt(h, "Go on");
	page_close(h, "a");
	page_answer(h, 200);
}

static void
begun(struct face *f)
{
	struct guest *v = guest_of(f);

	if (f->code == E_CONFLICT) {
		form(v, 422, WRONG);
		return;
	}
	if (f->code != OK) {
		guest_trouble(v);
		return;
	}
	if (id_set(v->left))
		auth_bust_of(v->p->api->c.auth, v->left, AUTH_ANYTHING);
	guest_note(v, "signed in", &v->who.id);
	guest_set_cookie(v, v->email);
	go_on(v);
}

static void
judged(struct face *f)
{
	struct guest *v = guest_of(f);

	if (!v->job.ok) {
		guest_note(v, "wrong password", v->known ? &v->who.id : NULL);
		form(v, 422, WRONG);
		return;
	}
	guest_secret(v);
	face_write(f, begin, begun);
}

/* Whether there is such an account or not: the same work from here on, up to the same words. */
static void found(struct face *f) { guest_compare(guest_of(f), judged); }

static void tried(struct face *f) { face_read(f, find, found); }

void
signin_do(struct face *f)
{
	struct guest *v = guest_of(f);

	v->email = person_email(f->a, str_trim(guest_field(v, "email")));
	v->password = guest_field(v, "password");
	if (!guest_form_ok(v, "signin"))
		form(v, 403, "This form had been open for too long, or your browser keeps no cookies. Try again.");
	else if (v->email.n == 0 || v->email.n > 254 || v->password.n == 0 || v->password.n > 4 * PASSWORD_MOST)
		form(v, 422, "Type in your e-mail address and your password.");
	else
		guest_try(v, v->email, tried);
}

/* --- good-bye --- */

static enum err
end(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);

	TRY(guest_who(f, db, e));
	return v->in ? session_end(db, &v->me.hash, e) : OK;
}

static void
ended(struct face *f)
{
	struct guest *v = guest_of(f);

	if (f->code != OK) {
		guest_trouble(v);
		return;
	}
	if (v->in) {
		auth_bust_of(v->p->api->c.auth, v->me.person, AUTH_ANYTHING);
		guest_note(v, "signed out", &v->me.person);
	}
	guest_drop_cookie(v);
	page_redirect(f->x, v->next.p != NULL ? str_fmt(f->a, "/signin?next=%.*s", STR(rule_escape(f->a, v->next))).p : "/signin");
}

void signout_show(struct face *f) { page_redirect(f->x, "/account"); }

void
signout_do(struct face *f)
{
	struct guest *v = guest_of(f);

	if (guest_form_ok(v, "signout"))
		face_write(f, end, ended);
	else
		guest_stop(v, 403, "Not signed out", "This form had been open for too long. Go back, load the page again, and sign out there.");
}
