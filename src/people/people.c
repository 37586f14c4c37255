#include "people/people_priv.h"
#include "api/visit.h"
#include <stdio.h>
#include <stdlib.h>

#define QUARTER_MS	INT64_C(900000)
#define TRIES_KEYS	65536
#define BODY_MOST	32768		/* `next` may be as long as 8,000, and grows threefold */
#define SECRET_LEN	43		/* 32 bytes in base64url */
#define KNOWN_S		INT64_C(31536000)

const char *
people_scope(int scope)
{
	static const char *const words[GRANT_COUNT] = {
		[SCOPE_NOTES_READ] = "Read your notes and sources", [SCOPE_NOTES_WRITE] = "Write notes; make, change and delete folders",
		[SCOPE_POSTS_READ] = "Read your posts and drafts, the board and the voice of projects",
		[SCOPE_POSTS_WRITE] = "Write, change, schedule and generate posts; change the voice; make, change and delete samples, pillars and columns of the board",
		[SCOPE_SOURCES_WRITE] = "Add sources: texts, files, pages and recordings", [SCOPE_KNOWLEDGE_READ] = "Read and search your knowledge",
		[SCOPE_KNOWLEDGE_WRITE] = "Add to your knowledge, and delete from it", [SCOPE_WEBHOOKS_MANAGE] = "Manage webhooks",
		[SCOPE_OFFLINE_ACCESS] = "Stay connected while you are away",
	};
	return scope >= 0 && scope < GRANT_COUNT && words[scope] != NULL ? words[scope] : "Something that this server has no words for";
}

/* --- cookies --- */

static bool is_https(const struct api *api) { return str_starts(str_z(api_conf(api)->public_url), S("https://")); }
static const char *nonce_name(const struct api *api) { return is_https(api) ? "__Host-scriped-form" : "scriped-form"; }

/* May a password cross this connection?  A trusted proxy knows how it is reached itself. */
static bool
is_safe(const struct api *api, const struct exchange *x)
{
	str proto = api_proxied(x) ? x->header[FH_X_FORWARDED_PROTO] : STR_NONE;

	if (proto.p != NULL && !str_ieq(proto, S("https")))
		return visit_near(api_address(x));
	return visit_private(api_conf(api), api_address(x));
}

static bool
is_secret(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return s.n == SECRET_LEN;
}

str
people_cookie(const struct api *api, const struct exchange *x)
{
	str s = visit_cookie_of_page(api_conf(api), x, api_address(x));

	return is_secret(s) ? s : STR_NONE;
}

static void
make_secret(struct arena *a, char ret[48])
{
	uint8_t b[32];

	crypto_random(b, sizeof(b));
	str s = crypto_b64(a, (str){ (const char *)b, sizeof(b) });
	memcpy(ret, s.p, s.n + 1);
}

/* For so many seconds; -1: as long as the browser is open. */
static void
set_cookie(const struct api *api, struct exchange *x, const char *name, const char *value, int64_t age_s)
{
	str age = age_s >= 0 ? str_fmt(&x->arena, "; Max-Age=%lld", (long long)age_s) : S("");

	front_add(x, "Set-Cookie", str_fmt(&x->arena, "%s=%s; Path=/; HttpOnly; SameSite=Lax%s%.*s", name, value, is_https(api) ? "; Secure" : "", STR(age)).p);
}

/* --- forms --- */

/* Of a cookie and what it is believed for. */
static str
mac(const struct people *p, struct arena *a, str cookie, const char *what)
{
	str text = str_fmt(a, "%.*s %s", STR(cookie), what);
	digest d = crypto_hmac(&p->secret, text);

	return crypto_b64(a, (str){ (const char *)d.b, sizeof(d.b) });
}

static bool
mac_is(const struct people *p, str cookie, const char *what, str given)
{
	struct arena a;

	arena_init(&a, 4096);
	digest one = crypto_sha256(given), two = crypto_sha256(mac(p, &a, cookie, what));
	arena_free(&a);
	return crypto_same(&one, &two);
}

/* One that this answer sets already, or that came with the request, or a new one. */
static str
nonce(const struct people *p, struct exchange *x)
{
	const char *name = nonce_name(p->api);
	char fresh[48];
	str s = page_cookie(x, name);

	if (is_secret(s))
		return s;
	for (int i = 0; i < x->nout; i++) {
		str v = str_z(x->out[i].value);
		if (strcmp(x->out[i].name, "Set-Cookie") == 0 && str_eq(str_split(&v, '='), str_z(name)))
			return str_split(&v, ';');
	}
	make_secret(&x->arena, fresh);
	s = str_dup(&x->arena, str_z(fresh));
	set_cookie(p->api, x, name, s.p, -1);
	return s;
}

str
people_csrf(struct people *p, struct exchange *x, const char *action)
{
	str s = people_cookie(p->api, x);

	return mac(p, &x->arena, s.p != NULL ? s : nonce(p, x), action);
}

bool
people_csrf_ok(struct people *p, const struct exchange *x, const char *action, str given)
{
	str cookie = people_cookie(p->api, x);

	if (cookie.p == NULL)
		cookie = page_cookie(x, nonce_name(p->api));
	return is_secret(cookie) && visit_from(api_conf(p->api), x) != VISIT_THEIRS && mac_is(p, cookie, action, given);
}

bool
guest_form_ok(struct guest *v, const char *action)
{
	return people_csrf_ok(v->p, v->f.x, action, guest_field(v, "csrf"));
}

str
guest_field(const struct guest *v, const char *name)
{
	bool twice;
	str s = page_pair(&v->form, name, &twice);

	return twice ? STR_NONE : s;
}

void
people_ask_in(struct people *p, struct exchange *x, str next)
{
	(void)p;
	page_redirect(x, rule_next_ok(next) ? str_fmt(&x->arena, "/signin?next=%.*s", STR(rule_escape(&x->arena, next))).p : "/signin");
}

/* --- sessions --- */

int64_t guest_now(const struct guest *v) { return sys_wall_ms(v->p->api->c.clock); }

struct touch { struct call call; digest hash; int64_t now; };

static enum err
touch(struct call *c, struct db *db, struct error *e)
{
	struct touch *t = (struct touch *)c;
	return session_touch(db, &t->hash, t->now, e);
}

static void touched(struct call *c, enum err code, const struct error *why) { (void)code, (void)why; free(c); }

/* Nobody waits for it: it rides with somebody's write. */
static void
touch_later(struct people *p, const struct session *s, int64_t now)
{
	struct touch *t = calloc(1, sizeof(*t));
	struct error e;

	if (t == NULL)
		return;
	*t = (struct touch){ .call = { .run = touch, .done = touched, .flags = CALL_RIDE, .bytes = 64 }, .hash = s->hash, .now = now };
	if (engine_submit(p->api->c.engine, &t->call, &e) != OK)
		free(t);
}

enum err
people_visitor(struct people *p, struct exchange *x, struct db *db, struct session *ret, bool *found, struct error *e)
{
	str secret_one = people_cookie(p->api, x);
	int64_t now = sys_wall_ms(p->api->c.clock);

	*found = false;
	if (secret_one.p == NULL)
		return OK;
	digest hash = auth_hash(p->api->c.auth, secret_one);
	TRY(session_by_hash(db, &x->arena, &hash, now, ret, found, e));
	if (*found && now - ret->seen_at >= SESSION_TOUCH_MS)
		touch_later(p, ret, now);
	return OK;
}

enum err
guest_who(struct face *f, struct db *db, struct error *e)
{
	struct guest *v = guest_of(f);
	return people_visitor(v->p, f->x, db, &v->me, &v->in, e);
}

void guest_secret(struct guest *v) { make_secret(v->f.a, v->cookie); }

enum err
guest_begin(struct guest *v, struct db *db, person_id who, int64_t now, struct error *e)
{
	str old = people_cookie(v->p->api, v->f.x), agent = v->f.x->header[FH_USER_AGENT];
	struct session s = { .hash = auth_hash(v->p->api->c.auth, str_z(v->cookie)), .person = who, .began_at = now, .ip = face_address(&v->f) };

	struct session was;
	bool found = false;

	if (old.p != NULL)
		TRY(people_visitor(v->p, v->f.x, db, &was, &found, e));
	v->left = found ? was.person : AUTH_ANYBODY;
	if (found)
		TRY(session_end(db, &was.hash, e));
	if (agent.p != NULL && utf8_ok(agent))
		s.agent = utf8_head(agent, 300);
	return session_insert(db, &s, e);
}

/* --- browsers that an account was used in before ---
 *
 * Their cookie is a random value and its MAC with the account.  They have tries of their own: whoever guesses at an account from elsewhere uses up the account's, and
 * does not lock out its owner. */

static const char *known_name(const struct api *api) { return is_https(api) ? "__Host-scriped-known" : "scriped-known"; }

/* The random value, absent where the browser is a new one to that account. */
static str
known_browser(const struct guest *v, str email)
{
	str given = page_cookie(v->f.x, known_name(v->p->api)), value = str_split(&given, '.');

	return email.n != 0 && is_secret(value) && is_secret(given) && mac_is(v->p, value, str_fmt(v->f.a, "knows %.*s", STR(email)).p, given) ? value : STR_NONE;
}

void
guest_set_cookie(struct guest *v, str email)
{
	str value = known_browser(v, email);
	char fresh[48];

	set_cookie(v->p->api, v->f.x, visit_cookie_name(v->f.conf), v->cookie, SESSION_MOST_MS / 1000);
	if (value.p == NULL) {
		make_secret(v->f.a, fresh);
		value = str_z(fresh);
	}
	str whole = str_fmt(v->f.a, "%.*s.%.*s", STR(value), STR(mac(v->p, v->f.a, value, str_fmt(v->f.a, "knows %.*s", STR(email)).p)));
	set_cookie(v->p->api, v->f.x, known_name(v->p->api), whole.p, KNOWN_S);
}

void guest_drop_cookie(struct guest *v) { set_cookie(v->p->api, v->f.x, visit_cookie_name(v->f.conf), "", 0); }

/* --- tries --- */

static void
spend(struct guest *v, char kind, str whom, int64_t limit, face_then *then)
{
	struct crypto_hash h = crypto_siphash(v->p->limit_key, str_fmt(v->f.a, "%c%.*s", kind, STR(whom)));

	face_rate(&v->f, v->p->tries, (struct limit_key){ h.lo, h.hi, (unsigned char)kind }, limit, then);
}

static bool
may_try(struct guest *v)
{
	int wait_s = v->f.rate.st.reset_s;

	if (!v->f.rate.st.refused)
		return true;
	guest_note(v, "too many tries", NULL);
	front_add(v->f.x, "Retry-After", str_fmt(v->f.a, "%d", wait_s).p);
	int minutes = MAX((wait_s + 59) / 60, 1);
	guest_stop(v, 429, "Too many tries", "There were too many tries to sign in. Wait %d minute%s, and try again.", minutes, minutes == 1 ? "" : "s");
	return false;
}

static void
account_counted(struct face *f)
{
	struct guest *v = guest_of(f);

	if (may_try(v))
		v->tried(f);
}

static void
address_counted(struct face *f)
{
	struct guest *v = guest_of(f);
	str browser = known_browser(v, v->trying);

	if (!may_try(v))
		return;
	if (browser.p != NULL)
		spend(v, 'b', browser, f->conf->rate_signin_account, account_counted);
	else if (v->trying.p != NULL)
		spend(v, 'e', v->trying, f->conf->rate_signin_account, account_counted);
	else
		v->tried(f);
}

void
guest_try(struct guest *v, str account, face_then *then)
{
	v->trying = account;
	v->tried = then;
	spend(v, 'a', people_group(v->f.a, face_address(&v->f)), v->f.conf->rate_signin_address, address_counted);
}

/* --- a guest --- */

void
guest_hash(struct guest *v, bool make, str hash, str password, face_then *then)
{
	v->f.then = then;
	v->job = (struct hash_job){ .x = v->f.x, .make = make, .hash = hash, .password = password };
	v->hashes++;
	if (hasher_take(v->p->hasher, &v->job)) {
		front_park(v->f.x);
		return;
	}
	front_add(v->f.x, "Retry-After", "5");
	guest_stop(v, 503, "One moment", "Many people sign in right now. Wait a few seconds, and try again.");
}

void
guest_compare(struct guest *v, face_then *then)
{
	if (v->f.code != OK)
		guest_trouble(v);
	else
		guest_hash(v, false, v->known ? v->who.password : STR_NONE, v->password, then);
}

bool
guest_made(struct guest *v)
{
	if (v->job.ok)
		guest_secret(v);
	else {
		v->f.code = fail(&v->f.err, E_UNAVAILABLE, NULL, "no memory to hash a password");
		guest_trouble(v);
	}
	return v->job.ok;
}

void
guest_username(struct guest *v, str email)
{
	page_open(&v->h, "input", "type", "text", "name", "username", "value", str_dup(v->f.a, email).p, "autocomplete", "username", "hidden", PAGE_ON, NULL);
}

void
guest_page(struct guest *v, const char *title)
{
	page_begin(&v->h, v->f.x, title);
	if (rule_of_program(v->next))
		page_popup(&v->h);
}

void
guest_stop(struct guest *v, int status, const char *title, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	guest_page(v, title);
	page_p(&v->h, NULL, "%s", text);
	page_answer(&v->h, status);
}

void
guest_trouble(struct guest *v)
{
	const struct err_row *row = err_row(v->f.code);
	struct log_line l;

	log_begin(v->p->api->c.log, &l, LOG_WARN, "people");
	log_str(&l, "id", str_z(api_request_id(v->f.x)));
	log_str(&l, "why", str_z(v->f.err.detail));
	log_end(v->p->api->c.log, &l);
	if (row->http == 503)
		front_add(v->f.x, "Retry-After", "5");
	guest_stop(v, row->http >= 500 ? row->http : 503, "That did not work", "Something went wrong on our side, and nothing was changed that you can rely on. Try again in a moment. The number of this request is %s.",
	    api_request_id(v->f.x));
}

void
guest_note(struct guest *v, const char *what, const person_id *who)
{
	struct log_line l;

	log_begin(v->p->api->c.log, &l, LOG_INFO, "people");
	log_str(&l, "id", str_z(api_request_id(v->f.x)));
	log_str(&l, "what", str_z(what));
	if (who != NULL)
		log_str(&l, "user", id_text(v->f.a, ID_person, &who->u));
	log_i64(&l, "hashes", v->hashes);
	log_str(&l, "ip", face_address(&v->f));
	log_end(v->p->api->c.log, &l);
}

/* --- the face --- */

static const struct people_route routes[PEOPLE_FACES] = {
	{ S_INIT("/signin"), false, signin_show, signin_do },
	{ S_INIT("/signout"), false, signout_show, signout_do },
	{ S_INIT("/invite"), true, invite_show, invite_do },
	{ S_INIT("/account"), false, account_show, account_do },
};

static const struct people_route *
route_of(str path)
{
	for (size_t i = 0; i < COUNT(routes); i++)
		if (str_eq(path, routes[i].path) || (routes[i].below && str_starts(path, routes[i].path)))
			return &routes[i];
	return NULL;
}

/* What is secret in a path must not be written into the log. */
static void
hide_token(struct guest *v)
{
	struct exchange *x = v->f.x;

	v->token = str_cut(x->path, v->route->path.n + 1, x->path.n);
	x->path = S("/invite/…");
}

static void
on_head(void *ctx, struct exchange *x)
{
	struct people *p = ctx;
	struct guest *v = NEW(&x->arena, struct guest);

	face_greet(&v->f, p->api, x);
	v->p = p;
	front_add(x, "X-Request-Id", api_request_id(x));
	v->route = route_of(x->path);
	if (v->route != NULL && v->route->below)
		hide_token(v);
	bool post = str_eq(x->method, S("POST"));
	x->body_max = post ? BODY_MOST : 0;
	if (!post && !str_eq(x->method, S("GET")) && !str_eq(x->method, S("HEAD"))) {
		front_add(x, "Allow", "GET, HEAD, POST");
		guest_stop(v, 405, "Not that way", "This page is read with GET, and its forms are sent with POST.");
	}
}

static void
warn_clear(struct guest *v)
{
	struct html *h = &v->h;

	page_begin(h, v->f.x, "Not over this connection");
	page_p(h, NULL, "You reach this server without encryption, and not from its own network. A password would cross the Internet for all to read, so nobody can sign in this way.");
	page_p(h, NULL, "If you run this server: put a proxy with a certificate in front of it, and set public_url to its https address.");
	page_answer(h, 403);
}

static void
take_form(struct guest *v)
{
	struct exchange *x = v->f.x;

	if (x->body_over)
		guest_stop(v, 413, "Too much", "A form of this page is much smaller than what was sent.");
	else if (!page_is_form(x))
		guest_stop(v, 415, "Not a form", "This page takes what its form sends: application/x-www-form-urlencoded.");
	else {
		page_pairs(v->f.a, x->body, &v->form);
		if (v->form.bad)
			guest_stop(v, 400, "Not a form", "What was sent is not the form of this page.");
	}
}

static void
on_run(void *ctx, struct exchange *x)
{
	struct guest *v = x->face;
	bool post = str_eq(x->method, S("POST"));
	str next = STR_NONE;

	(void)ctx;
	if (v->route == NULL) {
		guest_stop(v, 404, "Nothing is here", "There is no page at this address.");
		return;
	}
	if (!is_safe(v->p->api, x)) {
		warn_clear(v);
		return;
	}
	if (post && visit_from(v->f.conf, x) == VISIT_THEIRS)
		guest_stop(v, 403, "Not from here", "This form was sent by a page of another site, or this server is reached by another name than its own, which is %s.", face_url(&v->f));
	else if (post)
		take_form(v);
	if (x->status != 0)
		return;
	for (int i = 0; i < x->nquery && !x->query_bad; i++)
		if (str_eq(x->query[i].name, S("next")))
			next = x->query[i].value;
	if (post)
		next = guest_field(v, "next");
	v->next = rule_next_ok(next) ? next : STR_NONE;
	(post ? v->route->act : v->route->show)(&v->f);
}

static void
forget(str s)
{
	if (s.n != 0)
		crypto_wipe((void *)(uintptr_t)s.p, s.n);
}

/* Passwords do not stay in memory that is kept warm. */
static void
on_end(void *ctx, struct exchange *x)
{
	struct guest *v = x->face;

	for (int i = 0; i < v->form.n; i++)
		if (str_starts(v->form.v[i].name, S("password")) || str_starts(v->form.v[i].name, S("new")))
			forget(v->form.v[i].value);
	if (str_eq(x->method, S("POST")))
		forget(x->body);
	crypto_wipe(v->cookie, sizeof(v->cookie));
	face_end(ctx, x);
}

/* --- wiring --- */

enum err
people_new(struct api *api, const secret *s, struct people **ret, struct error *e)
{
	struct people *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return fail(e, E_SYS, NULL, "no memory for signing in");
	p->api = api;
	digest d = crypto_hmac(s, S("forms of pages"));
	memcpy(p->secret.b, d.b, sizeof(p->secret.b));
	d = crypto_hmac(s, S("tries to sign in"));
	memcpy(p->limit_key, d.b, sizeof(p->limit_key));
	p->tries = limits_over(TRIES_KEYS, QUARTER_MS);
	limits_share(p->tries, api->c.kv, 't');
	enum err code = hasher_new((int)api_conf(api)->signin_threads, &p->hasher, e);
	if (code != OK) {
		limits_free(p->tries);
		free(p);
		return code;
	}
	*ret = p;
	return OK;
}

void
people_free(struct people *p)
{
	hasher_free(p->hasher);
	limits_free(p->tries);
	crypto_wipe(&p->secret, sizeof(p->secret));
	free(p);
}

void
people_faces(struct people *p, struct front_face ret[PEOPLE_FACES])
{
	for (size_t i = 0; i < COUNT(routes); i++)
		ret[i] = (struct front_face){ routes[i].path, routes[i].below, { on_head, on_run, face_resumed, on_end, p } };
}
