/* authorize -- the request of a browser, until it is known what to do with it (RFC 6749 4.1.1, RFC 7636, 8707, 9207, 9700).
 *
 * First the client and where it may be answered: what is wrong there a page tells, and nobody is sent anywhere.  Everything else goes back to the client, but
 * not at once to any place that a stranger wrote down a minute ago: unless this person allowed the client something, or the operator vouches for it, an error
 * that no person saw leads to loopback only, and otherwise to a page with a link.
 *
 * A consent is remembered, but not for clients that could be anybody: a program on the person's own machine is known by nothing but its client_id (RFC 8252 8.6). */
#include "oauth/ask.h"

#define ANEW_MS	INT64_C(60000)		/* prompt=login: a sign-in so long ago is one that was asked for */
static const char STOPPED[] = "This program cannot be let in";

static struct ask *ask_of(const struct turn *t) { return t->own; }

/* --- reading --- */

bool
ask_begin(struct turn *t, str text)
{
	struct ask *k = t->own = NEW(t->f.a, struct ask);
	enum refused code = params_read(t->f.a, text, &k->p, &t->r);

	k->text = text;
	k->client_id = param(&k->p, "client_id");
	k->state = param(&k->p, "state");
	bool doubtful = k->p.n == 0 || param_times(&k->p, "client_id") > 1 || param_times(&k->p, "redirect_uri") > 1 || param_times(&k->p, "state") > 1;
	if (code == O_OK && k->client_id.p == NULL)
		code = refuse(&t->r, O_INVALID_REQUEST, "'client_id' is missing.");
	if (k->client_id.p != NULL && !(code != O_OK && doubtful))
		return true;		/* what else is wrong the client is told, by ask_judge */
	answer_page(t, STOPPED);
	return false;
}

enum err
ask_look(struct face *f, struct db *db, struct error *e)
{
	struct turn *t = turn_of(f);
	struct ask *k = ask_of(t);
	workspace_id top;

	memset(top.u.s, 'Z', 26);
	top.u.s[26] = '\0';
	k->nreach = 0;
	k->has = false;
	TRY(client_named(db, f->a, k->client_id, &k->client, &k->known, e));
	TRY(people_visitor(t->o->people, f->x, db, &k->me, &k->in, e));
	if (!k->in)
		return OK;
	if (k->known)
		TRY(consent_find(db, f->a, k->me.person, k->client.id, &k->had, &k->has, e));
	return person_workspaces(db, f->a, k->me.person, top, REACH_MOST, k->reach, &k->nreach, e);
}

/* --- client and redirect URI --- */

/* The one that is asked for, or the only one there is; an empty one is asked for by nobody honest. */
static bool
find_redirect(struct turn *t)
{
	struct ask *k = ask_of(t);
	str given = param(&k->p, "redirect_uri"), one = client_redirect(t->f.a, &k->client, 0);

	if (given.p == NULL) {
		k->redirect = one;
		return client_redirect(t->f.a, &k->client, 1).p == NULL && param_times(&k->p, "redirect_uri") == 0;
	}
	for (int i = 1; one.p != NULL && !redirect_matches(one, given); i++)
		one = client_redirect(t->f.a, &k->client, i);
	k->redirect = given;
	return one.p != NULL;
}

bool
ask_trusts(struct turn *t)
{
	struct ask *k = ask_of(t);

	if (!k->known || (k->client.url.p != NULL && !document_named(t->f.conf, k->client.url)))
		refuse(&t->r, O_INVALID_CLIENT, "The program that sent you here is not registered with this server (any more). Connect it anew.");
	else if (!find_redirect(t))
		refuse(&t->r, O_INVALID_REQUEST, "The program wants the answer at an address that it has not registered: redirect_uri must be one of its redirect_uris, letter by letter.");
	else if (redirect_judge(k->redirect, t->f.conf->oauth_schemes, &k->kind) != NULL)
		refuse(&t->r, O_INVALID_REQUEST, "The address that the program wants the answer at is none that this server sends people to (any more).");
	else
		return true;
	answer_page(t, STOPPED);
	return false;
}

/* --- the rest --- */

static enum refused
read_prompt(struct turn *t)
{
	struct ask *k = ask_of(t);
	str rest = param(&k->p, "prompt");
	int n = 0;

	k->never_ask = k->sign_in_anew = k->always_ask = false;
	for (; rest.n != 0; n++) {
		str word = str_split(&rest, ' ');
		k->never_ask |= str_eq(word, S("none"));
		k->sign_in_anew |= str_eq(word, S("login"));
		k->always_ask |= str_eq(word, S("consent")) || str_eq(word, S("select_account"));
	}
	return k->never_ask && n > 1 ? refuse(&t->r, O_INVALID_REQUEST, "prompt=none stands alone.") : O_OK;
}

/* What is unknown is left out; where nothing is asked for, what the client registered with, or else reading.  Hosts ask for the scopes of a challenge, in which
 * offline_access does not belong: that they want to refresh they say by the grant types of their registration. */
static enum refused
read_scope(struct turn *t)
{
	struct ask *k = ask_of(t);
	str text = param(&k->p, "scope");
	bool said = text.p != NULL, unknown;

	k->scopes = scope_read(said ? text : k->client.scopes, &unknown);
	if (said && k->scopes == 0)
		return refuse(&t->r, O_INVALID_SCOPE, "None of these scopes is known here; scopes_supported of the metadata lists them.");
	if ((k->scopes & ~SCOPE_OFFLINE) == 0)
		k->scopes |= SCOPES_READ;
	if (client_may_refresh(&k->client))
		k->scopes |= SCOPE_OFFLINE;
	return O_OK;
}

static bool
is_challenge(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return s.n == 43;		/* of 32 bytes */
}

static enum refused
read_challenge(struct turn *t)
{
	struct ask *k = ask_of(t);
	str method = param(&k->p, "code_challenge_method");

	k->challenge = param(&k->p, "code_challenge");
	if (k->challenge.p == NULL)
		return refuse(&t->r, O_INVALID_REQUEST, "'code_challenge' is missing: this server always asks for PKCE.");
	if (!str_eq(method, S("S256")))
		return refuse(&t->r, O_INVALID_REQUEST, "'code_challenge_method' must be S256.");
	return is_challenge(k->challenge) ? O_OK : refuse(&t->r, O_INVALID_REQUEST, "'code_challenge' must be a SHA-256 hash in base64url: 43 characters.");
}

enum refused
ask_judge(struct turn *t)
{
	struct ask *k = ask_of(t);
	struct params again;
	str type = param(&k->p, "response_type"), mode = param(&k->p, "response_mode");

	t->r.code = O_OK;
	if (params_read(t->f.a, k->text, &again, &t->r) != O_OK)
		return t->r.code;
	if (param(&k->p, "request").p != NULL)
		return refuse(&t->r, O_REQUEST_NOT_SUPPORTED, "This server reads the parameters themselves, not request objects.");
	if (param(&k->p, "request_uri").p != NULL)
		return refuse(&t->r, O_REQUEST_URI_NOT_SUPPORTED, "This server reads the parameters themselves, not request objects.");
	if (type.p == NULL)
		return refuse(&t->r, O_INVALID_REQUEST, "'response_type' is missing.");
	if (!str_eq(type, S("code")))
		return refuse(&t->r, O_UNSUPPORTED_RESPONSE_TYPE, "'response_type' must be code.");
	if (mode.p != NULL && !str_eq(mode, S("query")))
		return refuse(&t->r, O_INVALID_REQUEST, "'response_mode' must be query.");
	if (read_challenge(t) != O_OK || read_scope(t) != O_OK || read_prompt(t) != O_OK)
		return t->r.code;
	if (resources_read(t->f.a, face_url(&t->f), &k->p, &k->resource, &t->r) == O_OK && k->resource.p == NULL)
		k->resource = str_z(face_url(&t->f));
	return t->r.code;
}

/* --- ways out --- */

str
ask_path(struct turn *t, bool anew)
{
	struct ask *k = ask_of(t);
	str rest = k->text;
	struct buf b;

	buf_init(&b, t->f.a, (size_t)1 << 17);
	buf_add(&b, S("/oauth/authorize?"));
	for (size_t from = b.n; rest.p != NULL;) {
		str pair = str_split(&rest, '&');
		if (anew && str_starts(pair, S("prompt=")))
			continue;
		if (b.n > from)
			buf_char(&b, '&');
		buf_add(&b, pair);
	}
	if (anew)
		buf_add(&b, S("&prompt=login"));
	return buf_str(&b);
}

static void ask_in(struct turn *t, bool anew) { people_ask_in(t->o->people, t->f.x, ask_path(t, anew)); }

static void
lead_back(struct turn *t, const char *to)
{
	front_add(t->f.x, "X-Request-Id", api_request_id(t->f.x));
	page_redirect(t->f.x, to);
}

static void
offer_way_back(struct turn *t, const char *to)
{
	struct ask *k = ask_of(t);
	struct html p;

	front_add(t->f.x, "X-Request-Id", api_request_id(t->f.x));
	page_begin(&p, t->f.x, STOPPED);
	page_alert(&p, "%s", t->r.why);
	page_p(&p, NULL, "The program %.*s asked for something that this server does not do. Nothing was allowed.", STR(k->client.name));
	page_open(&p, "p", NULL);
	page_link(&p, to, str_fmt(t->f.a, "Go back to %.*s", STR(redirect_host(k->redirect))).p);
	page_close(&p, "p");
	page_answer(&p, 400);
}

void
ask_refuse(struct turn *t, bool deliberate)
{
	struct ask *k = ask_of(t);
	struct front_param v[] = { { S("error"), str_z(refused_word(t->r.code)) }, { S("error_description"), str_z(t->r.why) }, { S("state"), k->state },
	    { S("iss"), str_z(face_url(&t->f)) } };
	const char *to = redirect_with(t->f.a, k->redirect, v, COUNT(v));

	if (deliberate || k->kind == REDIRECT_LOOPBACK || k->client.verified || k->has)
		lead_back(t, to);
	else
		offer_way_back(t, to);
}

/* --- giving --- */

static enum err
audit_consent(struct turn *t, struct db *db, struct error *e)
{
	struct ask *k = ask_of(t);

	return face_audit(&t->f, db, &(struct face_deed){ k->code.workspace, k->me.person, k->client.id, "/oauth/consent", id_text(t->f.a, ID_consent, &k->code.consent.u) }, e);
}

/* With the account held: a password that is set at this moment ends the session and takes back all consents, this one too. */
static enum err
still_in(struct turn *t, struct db *db, bool *ret, struct error *e)
{
	struct ask *k = ask_of(t);
	struct account who;
	struct session now;

	TRY(person_account_hold(db, t->f.a, k->me.person, &who, ret, e));
	if (*ret)
		TRY(people_visitor(t->o->people, t->f.x, db, &now, ret, e));
	*ret = *ret && memcmp(&now.person, &k->me.person, sizeof(now.person)) == 0;
	return OK;
}

static enum err
give(struct face *f, struct db *db, struct error *e)
{
	struct turn *t = turn_of(f);
	struct ask *k = ask_of(t);
	struct consent c;
	bool found = true;

	t->r.code = O_OK;
	TRY(still_in(t, db, &found, e));
	if (!found) {
		refuse(&t->r, O_ACCESS_DENIED, "You were signed out just now.");
		return OK;
	}
	if (k->widens)
		TRY(consent_give(db, f->a, k->me.person, k->client.id, k->code.workspace, k->scopes, k->fresh, now_of(t), &c, e));
	else
		TRY(consent_find(db, f->a, k->me.person, k->client.id, &c, &found, e));
	if (!found) {
		refuse(&t->r, O_ACCESS_DENIED, "The consent was taken back just now.");
		return OK;
	}
	k->code.consent = c.id;
	if (k->widens)
		TRY(audit_consent(t, db, e));
	TRY(client_consented(db, k->client.id, now_of(t), e));
	return code_insert(db, &k->code, e);
}

static void
given(struct face *f)
{
	struct turn *t = turn_of(f);
	struct ask *k = ask_of(t);

	if (f->code != OK) {
		t->r.code = O_OK;
		answer_page(t, "Not now");
		return;
	}
	if (t->r.code != O_OK) {
		ask_refuse(t, true);
		return;
	}
	struct front_param v[] = { { S("code"), str_z(k->secret) }, { S("state"), k->state }, { S("iss"), str_z(face_url(f)) } };
	lead_back(t, redirect_with(f->a, k->redirect, v, COUNT(v)));
}

static void
may_give(struct face *f)
{
	struct turn *t = turn_of(f);
	struct ask *k = ask_of(t);
	str asked = param(&k->p, "redirect_uri");
	uint8_t rnd[32];

	if (!has_turn(t)) {
		answer_page(t, "Not now");
		return;
	}
	crypto_random(rnd, sizeof(rnd));
	memcpy(k->secret, crypto_b64(t->f.a, (str){ (const char *)rnd, sizeof(rnd) }).p, CODE_TEXT + 1);
	k->fresh = (consent_id){ sys_ulid(t->o->api->c.clock) };
	k->code = (struct grant_code){ .hash = secret_hash(t->o, "code", str_z(k->secret)), .client = k->client.id, .person = k->me.person, .workspace = k->into,
	    .scopes = k->scopes, .redirect = asked.p != NULL ? asked : S(""), .challenge = k->challenge, .resource = k->resource, .expires_at = now_of(t) + CODE_MS };
	face_write(&t->f, give, given);
}

void
ask_give(struct turn *t, workspace_id w)
{
	struct ask *k = ask_of(t);

	k->into = w;
	take_turn(t, (str){ k->me.person.u.s, 26 }, LIMIT_CODE, t->f.conf->rate_codes, may_give);
}

/* --- which way --- */

static bool
is_member(const struct ask *k, const workspace_id *w)
{
	for (int i = 0; i < k->nreach; i++)
		if (memcmp(&k->reach[i].workspace.id, w, sizeof(*w)) == 0)
			return true;
	return false;
}

/* Whether nobody need be asked again. */
static bool
is_remembered(const struct ask *k)
{
	bool itself = k->kind == REDIRECT_WEB || k->client.verified || k->client.auth_method != CLIENT_AUTH_NONE;

	return k->has && itself && !k->always_ask && (k->scopes & ~k->had.scopes) == 0 && k->had.given_at >= k->client.changed_at && is_member(k, &k->had.workspace);
}

static void
decide(struct turn *t)
{
	struct ask *k = ask_of(t);
	int64_t now = now_of(t);

	if (ask_judge(t) != O_OK)
		ask_refuse(t, false);
	else if (!k->in && !k->never_ask)
		ask_in(t, false);
	else if (!k->in) {
		refuse(&t->r, O_LOGIN_REQUIRED, "Nobody is signed in, and prompt=none forbids to ask.");
		ask_refuse(t, false);
	} else if (k->sign_in_anew && now - k->me.began_at > ANEW_MS)
		ask_in(t, true);
	else if (is_remembered(k) && !is_method(t, S("HEAD")))		/* who only looks gets no code */
		ask_give(t, k->had.workspace);
	else if (k->never_ask) {
		refuse(&t->r, O_CONSENT_REQUIRED, "The person has to be asked, and prompt=none forbids it.");
		ask_refuse(t, false);
	} else
		ask_person(t, NULL);
}

/* --- clients that are documents --- */

static void looked(struct face *);

static enum err
learn(struct face *f, struct db *db, struct error *e)
{
	struct ask *k = ask_of(turn_of(f));
	struct client kept;

	return client_learn(db, f->a, &k->learned, &kept, e);
}

static void
learned(struct face *f)
{
	if (f->code == OK)
		face_read(f, ask_look, looked);
	else
		answer_page(turn_of(f), "Not now");
}

static void
fetched(struct face *f)
{
	struct turn *t = turn_of(f);
	struct ask *k = ask_of(t);

	k->fetched = true;
	if (t->r.code != O_OK) {
		answer_page(t, STOPPED);
		return;
	}
	k->learned.id = (client_id){ sys_ulid(t->o->api->c.clock) };
	face_write(f, learn, learned);
}

static void
person_may(struct face *f)
{
	struct turn *t = turn_of(f);
	struct ask *k = ask_of(t);

	if (has_turn(t))
		document_fetch(t, k->client_id, &k->learned, fetched);
	else
		answer_page(t, STOPPED);
}

static void
address_may(struct face *f)
{
	struct turn *t = turn_of(f);

	if (has_turn(t))
		take_turn(t, (str){ ask_of(t)->me.person.u.s, 26 }, LIMIT_DOCUMENT, f->conf->rate_documents, person_may);
	else
		answer_page(t, STOPPED);
}

/* Only for people: a stranger makes this server call nobody. */
static void
fetch(struct turn *t)
{
	struct ask *k = ask_of(t);
	struct params *p = &k->p;

	if (!k->in && str_eq(param(p, "prompt"), S("none"))) {
		refuse(&t->r, O_LOGIN_REQUIRED, "Nobody is signed in, and the program forbids to ask.");
		answer_page(t, STOPPED);
	} else if (!k->in)
		ask_in(t, false);
	else
		take_turn(t, people_group(t->f.a, face_address(&t->f)), LIMIT_DOCUMENT, t->f.conf->rate_documents, address_may);
}

static void
looked(struct face *f)
{
	struct turn *t = turn_of(f);
	struct ask *k = ask_of(t);

	if (f->code != OK)
		answer_page(t, "Not now");
	else if (!k->fetched && document_named(f->conf, k->client_id) && !(k->known && now_of(t) < k->client.fresh_until))
		fetch(t);
	else if (ask_trusts(t))
		decide(t);
}

void
authorize_run(struct turn *t)
{
	struct exchange *x = t->f.x;
	str query = x->target;

	(void)str_split(&query, '?');
	if (is_method(t, S("POST")) && !page_is_form(x)) {
		refuse(&t->r, O_INVALID_REQUEST, "The parameters must be a query, or a form of the type application/x-www-form-urlencoded.");
		answer_page(t, STOPPED);
	} else if (ask_begin(t, is_method(t, S("POST")) ? x->body : query))
		face_read(&t->f, ask_look, looked);
}
