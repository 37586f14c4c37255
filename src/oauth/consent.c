/* consent -- the page that asks a person, and what becomes of the answer.
 *
 * It says who asks (a name that anybody could take, and where the answer goes, which nobody can), what for, in which workspace, and how sure this server
 * is of it.  The form carries the text of the request, which is read and judged anew; its CSRF value is of that text, the session, and what the
 * page said: a program may say something else of itself while a person reads, and nobody allows what they did not see. */
#include "oauth/ask.h"

static struct ask *ask_of(const struct turn *t) { return t->own; }

static const char *
action(struct turn *t)
{
	struct ask *k = ask_of(t);
	digest d = crypto_sha256(str_fmt(t->f.a, "%x %.*s %.*s %.*s", k->scopes, STR(k->redirect), STR(k->client.name), STR(k->text)));
	char hex[65];

	crypto_hex(hex, d.b, sizeof(d.b));
	return str_fmt(t->f.a, "consent %s", hex).p;
}

/* --- what it says --- */

static void
say_who(struct turn *t, struct html *p)
{
	struct ask *k = ask_of(t);
	str host = redirect_host(k->redirect);

	page_open(p, "p", NULL);
	page_bold(p, k->client.name);
	if (k->client.url.p != NULL)
		page_fmt(p, ", the program of %.*s,", STR(redirect_host(k->client.url)));
	page_fmt(p, " wants to use scriped in your name, %.*s. The answer goes to ", STR(k->me.email));
	page_bold(p, k->kind == REDIRECT_APP ? str_fmt(t->f.a, "the app that opens %.*s: links", STR(host)) : host);
	page_text(p, S("."));
	page_close(p, "p");
}

static void
say_how_sure(struct turn *t, struct html *p)
{
	struct ask *k = ask_of(t);
	str site = k->client.url.p != NULL ? redirect_host(k->client.url) : STR_NONE;

	if (k->client.verified && k->kind != REDIRECT_WEB)
		page_p(p, "hint", "The operator of this server knows this program. The answer goes to your own device: allow it only if you have just started this yourself.");
	else if (k->client.verified)
		page_p(p, "hint", "The operator of this server knows this program.");
	else if (k->kind != REDIRECT_WEB)
		page_warn(p, "The answer goes to a program on your own device. This server cannot tell which one: any program there may call itself %.*s. "
		    "Allow it only if you have just started this yourself.", STR(k->client.name));
	else if (site.p != NULL && str_eq(site, redirect_host(k->redirect)))
		page_warn(p, "Nobody has verified this program. What is certain is that it belongs to %.*s.", STR(site));
	else
		page_warn(p, "Nobody has verified this program: it calls itself %.*s, and could be anyone's. What is certain is that the answer goes to %.*s. "
		    "Allow it only if you trust that site.", STR(k->client.name), STR(redirect_host(k->redirect)));
}

static void
say_scopes(struct turn *t, struct html *p)
{
	struct ask *k = ask_of(t);

	page_h2(p, "It could");
	page_open(p, "ul", NULL);
	for (int i = 0; i < GRANT_COUNT; i++) {
		if (!(k->scopes & 1u << i))
			continue;
		page_open(p, "li", NULL);
		page_text(p, str_z(people_scope(i)));
		if (k->has && (k->had.scopes & 1u << i))
			page_text(p, S(" (you allowed this before)"));
		page_close(p, "li");
	}
	page_close(p, "ul");
}

/* Which of the scopes would be of no use there. */
static str
useless(struct turn *t, int role)
{
	struct ask *k = ask_of(t);
	unsigned cut = k->scopes & ~scopes_of_role(role);
	struct buf b;

	buf_init(&b, t->f.a, 1024);
	buf_fmt(&b, "You are %s here", role_words.v[role]);
	for (int i = 0, n = 0; i < GRANT_COUNT; i++) {
		const char *words = people_scope(i);
		if (cut & 1u << i)
			buf_fmt(&b, "%s%c%s", n++ == 0 ? ", so it could not: " : " · ", words[0] | 0x20, words + 1);
	}
	buf_add(&b, S("."));
	return buf_str(&b);
}

/* The one of before, or the newest that has access. */
static int
preferred(const struct ask *k)
{
	int best = -1;

	for (int i = 0; i < k->nreach; i++) {
		if (!k->reach[i].workspace.features.api_access)
			continue;
		if (k->has && memcmp(&k->reach[i].workspace.id, &k->had.workspace, sizeof(workspace_id)) == 0)
			return i;
		if (best < 0)
			best = i;
	}
	return best;
}

static void
offer_workspaces(struct turn *t, struct html *p, int on)
{
	struct ask *k = ask_of(t);

	page_open(p, "fieldset", NULL);
	page_open(p, "legend", NULL);
	page_text(p, S("In this workspace"));
	page_close(p, "legend");
	for (int i = 0; i < k->nreach; i++) {
		const struct reach *r = &k->reach[i];
		bool off = !r->workspace.features.api_access;
		struct page_choice c = { .type = "radio", .name = "workspace", .value = id_text(t->f.a, ID_workspace, &r->workspace.id.u), .label = r->workspace.name,
		    .hint = off ? S("Its plan has no access for programs.") : useless(t, r->role), .on = i == on, .off = off };
		page_choose(p, &c);
	}
	page_close(p, "fieldset");
	if (k->nreach > 1)
		page_p(p, "hint", "It begins there, and may name another one of your workspaces when it asks for something.");
}

void
ask_person(struct turn *t, const char *alert)
{
	struct ask *k = ask_of(t);
	int on = preferred(k);
	struct html p;

	front_add(t->f.x, "X-Request-Id", api_request_id(t->f.x));
	page_begin(&p, t->f.x, str_fmt(t->f.a, "Allow %.*s?", STR(k->client.name)).p);
	if (alert != NULL)
		page_alert(&p, "%s", alert);
	say_who(t, &p);
	say_how_sure(t, &p);
	say_scopes(t, &p);
	page_leads_to(&p, page_origin(t->f.a, k->redirect));
	page_form(&p, "/oauth/consent", people_csrf(t->o->people, t->f.x, action(t)));
	page_hidden(&p, "request", k->text);
	if (on >= 0)
		offer_workspaces(t, &p, on);
	else
		page_warn(&p, "You belong to no workspace that programs have access to, so there is nothing to allow. Ask an Admin to invite you.");
	if (on >= 0)
		page_button(&p, "decision", "allow", NULL, "Allow");
	page_button(&p, "decision", "deny", "plain", "Do not allow");
	page_close(&p, "form");
	page_open(&p, "p", "class", "hint foot", NULL);
	page_fmt(&p, "You are signed in as %.*s (", STR(k->me.email));
	page_link(&p, redirect_with(t->f.a, S("/signin"), &(struct front_param){ S("next"), ask_path(t, true) }, 1), "use another account");
	page_text(&p, S("). What you allowed stands in "));
	page_link(&p, "/account", "your account");
	page_text(&p, S(", where you can take it back at any time."));
	page_close(&p, "p");
	page_answer(&p, alert != NULL ? 422 : 200);
}

/* --- what becomes of it --- */

static const struct reach *
chosen(struct turn *t, str id)
{
	struct ask *k = ask_of(t);
	workspace_id w;

	for (int i = 0; i < k->nreach && id_parse(ID_workspace, id, &w.u); i++)
		if (memcmp(&k->reach[i].workspace.id, &w, sizeof(w)) == 0 && k->reach[i].workspace.features.api_access)
			return &k->reach[i];
	return NULL;
}

static void
answered(struct turn *t)
{
	struct ask *k = ask_of(t);
	struct page_pairs form;

	page_pairs(t->f.a, t->f.x->body, &form);
	const struct reach *r = chosen(t, page_pair(&form, "workspace", NULL));
	str decision = page_pair(&form, "decision", NULL);

	if (str_eq(decision, S("deny"))) {
		refuse(&t->r, O_ACCESS_DENIED, "The person did not allow it.");
		ask_refuse(t, true);
	} else if (!str_eq(decision, S("allow")))
		ask_person(t, "Allow it or not: use one of the two buttons.");
	else if (r == NULL)
		ask_person(t, "Choose one of your workspaces.");
	else {
		k->widens = true;
		ask_give(t, r->workspace.id);
	}
}

static void
looked(struct face *f)
{
	struct turn *t = turn_of(f);
	struct ask *k = ask_of(t);
	struct page_pairs form;

	page_pairs(f->a, f->x->body, &form);
	if (f->code != OK)
		answer_page(t, "Not now");
	else if (!k->in)
		people_ask_in(t->o->people, f->x, ask_path(t, false));
	else if (!ask_trusts(t))
		return;
	else if (ask_judge(t) != O_OK)
		ask_refuse(t, false);
	else if (!people_csrf_ok(t->o->people, f->x, action(t), page_pair(&form, "csrf", NULL)))
		ask_person(t, "This page had been open for too long, did not come from this server, or the program asks for something else by now. Look at it again, and decide.");
	else
		answered(t);
}

void
consent_run(struct turn *t)
{
	struct page_pairs form;

	page_pairs(t->f.a, t->f.x->body, &form);
	str request = page_is_form(t->f.x) ? page_pair(&form, "request", NULL) : STR_NONE;
	if (request.p == NULL) {
		refuse(&t->r, O_INVALID_REQUEST, "This is no answer to a question of this server.");
		answer_page(t, "Not understood");
	} else if (ask_begin(t, request))
		face_read(&t->f, ask_look, looked);
}
