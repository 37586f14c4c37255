/* walk -- an MCP server as its hosts meet it, given nothing but its URL (MCP, Authorization; RFC 9728, 8414, 7591), each step told.
 *
 * Claude, Cursor, ChatGPT and VS Code begin alike: a POST without a token, the 401's challenge, the metadata of the resource (where the challenge says, then with
 * the path inserted, then at the root), that of its authorization server (RFC 8414, then the alias of OpenID), a registration, the authorize
 * page in a browser.  With a token the walk goes on: both kinds of protocol, the list of tools, a stream. */
#include "app/doctor.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SKEW_WARN_S	30
#define SKEW_BAD_S	300
#define STREAM_MS	8000	/* scriped acknowledges a subscription at once */
#define SHOWN		200
#define CALLBACK	"http://127.0.0.1/callback"
#define FOREIGN		"https://inspector.example"

struct walk {
	struct doctor *d;
	const struct walk_conf *c;
	struct arena *a;
	struct place at;
	const char *metadata;		/* of the resource, where the challenge says; NULL: it does not */
	const char *issuer;		/* NULL: nobody named one */
	const char *authorize, *token, *registration;
	const char *client, *client_uri, *client_token;
	const char *session;
};

/* --- asking --- */

static const char *
url_of(struct walk *w, const char *path)
{
	return str_fmt(w->a, "%s%s", w->at.origin, path).p;
}

static void
ask_mcp(struct walk *w, struct probe *p, const char *url, const char *token, const char *version, const char *method, const char *params)
{
	probe_begin(w->a, p, "POST", url);
	p->body = str_fmt(w->a, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
	probe_header(p, "Content-Type: application/json");
	probe_header(p, "Accept: application/json, text/event-stream");
	probe_header(p, "MCP-Protocol-Version: %s", version);
	probe_header(p, "Mcp-Method: %s", method);
	if (token != NULL)
		probe_header(p, "Authorization: Bearer %s", token);
	if (w->session != NULL)
		probe_header(p, "Mcp-Session-Id: %s", w->session);
}

#define LEGACY		"2025-11-25"
#define MODERN		"2026-07-28"
#define CLIENT_INFO	"{\"name\":\"scriped doctor\",\"version\":\"" SCRIPED_VERSION "\"}"
#define INITIALIZE	"{\"protocolVersion\":\"" LEGACY "\",\"capabilities\":{},\"clientInfo\":" CLIENT_INFO "}"
#define META		"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"" MODERN "\",\"io.modelcontextprotocol/clientInfo\":" CLIENT_INFO \
			",\"io.modelcontextprotocol/clientCapabilities\":{}}"

static void
get(struct walk *w, struct probe *p, const char *url)
{
	probe_begin(w->a, p, "GET", url);
	probe_header(p, "Accept: application/json");
	probe_header(p, "MCP-Protocol-Version: " LEGACY);
	probe_ask(p);
}

/* name="value" of a challenge, or NULL. */
static const char *
challenge_says(struct walk *w, str challenge, const char *name)
{
	str mark = str_fmt(w->a, "%s=\"", name);
	const char *at = challenge.n != 0 ? memmem(challenge.p, challenge.n, mark.p, mark.n) : NULL;

	if (at == NULL)
		return NULL;
	str rest = str_cut(challenge, (size_t)(at - challenge.p) + mark.n, challenge.n);
	return str_dup(w->a, str_split(&rest, '"')).p;
}

/* --- the place --- */

static void
judge_addresses(struct walk *w, const struct probe *p, const struct guard_addresses *found)
{
	const char *inside = NULL;

	for (int i = 0; i < found->n && inside == NULL; i++)
		inside = guard_public((const struct sockaddr *)&found->at[i]);
	if (inside != NULL)
		probe_tell(w->d, WARN, "address", p, MEND_PRIVATE, "%s is %s", w->at.host, inside);
	else if (!w->at.tls)
		probe_tell(w->d, BAD, "address", p, MEND_PLAIN, "%s is a public address, and the URL is http://", w->at.host);
	else
		probe_tell(w->d, GOOD, "address", p, MEND_NONE, "%s is a public address", w->at.host);
}

/* As a resolver takes it: an IPv6 address without brackets. */
static const char *
bare_host(struct walk *w)
{
	str host = str_z(w->at.host);

	return str_starts(host, S("[")) ? str_dup(w->a, str_cut(host, 1, host.n - 1)).p : host.p;
}

static bool
look_at_place(struct walk *w)
{
	struct guard_addresses found = { .n = 0 };
	struct probe p;

	probe_begin(w->a, &p, "GET", w->c->url);
	if (!place_read(w->a, w->c->url, &w->at)) {
		p.at = (struct place){ w->c->url, w->c->url, w->c->url, "/", false };
		probe_tell(w->d, BAD, "address", &p, MEND_URL, "%.*s is no http:// or https:// URL", SHOWN, w->c->url);
		return false;
	}
	p.at = w->at;
	w->d->given = w->at.origin;
	guard_system(bare_host(w), &found);
	if (found.n == 0)
		probe_tell(w->d, BAD, "address", &p, MEND_DNS, "nobody knows an address of %s", w->at.host);
	else
		judge_addresses(w, &p, &found);
	return found.n != 0;
}

static void
look_at_settings(struct walk *w, const struct probe *p)
{
	const char *own = w->d->conf.public_url;

	if (own[0] != '\0' && !(str_starts(str_z(w->at.url), str_z(own)) && w->at.url[strlen(own)] == '/'))
		probe_tell(w->d, BAD, "public_url", p, MEND_PUBLIC_URL, "the settings say public_url = %.*s, and hosts are given %s", SHOWN, own, w->at.origin);
}

/* --- the endpoint --- */

static void
look_at_clock(struct walk *w, const struct probe *p)
{
	struct tm tm = { 0 };
	const char *end = p->date.n != 0 ? strptime(p->date.p, "%a, %d %b %Y %H:%M:%S", &tm) : NULL;

	if (end == NULL)
		return;
	long long skew = (long long)timegm(&tm) - sys_wall_ms(&sys_clock_real) / 1000;
	enum health h = llabs(skew) >= SKEW_BAD_S ? BAD : llabs(skew) >= SKEW_WARN_S ? WARN : GOOD;
	probe_tell(w->d, h, "clock", p, h == GOOD ? MEND_NONE : MEND_CLOCK, h == GOOD ? "that one and ours agree" : "that one is %lld s %s ours", llabs(skew),
	    skew < 0 ? "behind" : "ahead of");
}

static void
look_at_way(struct walk *w, const struct probe *p)
{
	if (p->http10)
		probe_tell(w->d, WARN, "http", p, MEND_HTTP10, "the answer came as HTTP/1.0");
	look_at_clock(w, p);
}

static bool
is_endpoint(const char *path)
{
	str s = str_z(path);

	while (str_ends(s, S("/")))
		s.n--;
	return str_ends(s, S("/mcp"));
}

/* False: there is no use in asking anything else. */
static bool
look_at_endpoint(struct walk *w)
{
	struct probe p;

	ask_mcp(w, &p, w->at.url, NULL, LEGACY, "initialize", INITIALIZE);
	probe_ask(&p);
	look_at_settings(w, &p);
	if (p.r.fault == DIAL_OK)
		look_at_way(w, &p);
	if (probe_reached(w->d, "mcp", &p, is_endpoint(w->at.path) ? MEND_ROUTE_MCP : MEND_ENDPOINT)) {
		w->metadata = challenge_says(w, p.challenge, "resource_metadata");
		if (p.r.status != 401)
			probe_tell(w->d, BAD, "mcp", &p, MEND_OLD, "POST %.*s without a token: %s; a 401 was expected", SHOWN, w->at.url, probe_said(&p));
		else if (w->metadata == NULL)
			probe_tell(w->d, BAD, "mcp", &p, MEND_CHALLENGE, "POST %.*s without a token: 401, but no WWW-Authenticate with resource_metadata", SHOWN, w->at.url);
		else
			probe_tell(w->d, GOOD, "mcp", &p, MEND_NONE, "POST %.*s without a token: 401 with a challenge", SHOWN, w->at.url);
	}
	probe_end(&p);
	return p.r.fault == DIAL_OK;
}

/* The other form of the path, for people copy either. */
static void
look_at_slash(struct walk *w)
{
	size_t n = strlen(w->at.path);
	struct probe p;

	if (n < 2)
		return;
	const char *other = w->at.path[n - 1] == '/' ? str_fmt(w->a, "%.*s", (int)n - 1, w->at.path).p : str_fmt(w->a, "%s/", w->at.path).p;
	ask_mcp(w, &p, url_of(w, other), NULL, LEGACY, "initialize", INITIALIZE);
	probe_ask(&p);
	if (p.r.fault == DIAL_OK && p.r.status == 401 && challenge_says(w, p.challenge, "resource_metadata") != NULL)
		probe_tell(w->d, GOOD, "slash", &p, MEND_NONE, "%s is answered alike", other);
	else
		probe_tell(w->d, WARN, "slash", &p, MEND_SLASH, "POST %s%s: %s; only %s is answered", w->at.origin, other, probe_said(&p), w->at.path);
	probe_end(&p);
}

/* A token that nobody gave: whether it arrives can be seen by the answer. */
static void
look_at_header(struct walk *w)
{
	struct probe p;

	ask_mcp(w, &p, w->at.url, "doctor-asks-whether-this-arrives", LEGACY, "initialize", INITIALIZE);
	probe_ask(&p);
	if (probe_reached(w->d, "header", &p, MEND_ROUTE_MCP)) {
		if (challenge_says(w, p.challenge, "error") != NULL)
			probe_tell(w->d, GOOD, "header", &p, MEND_NONE, "the Authorization header arrives");
		else
			probe_tell(w->d, BAD, "header", &p, MEND_AUTHORIZATION, "a request with a wrong token is answered like one without any (%s)", probe_said(&p));
	}
	probe_end(&p);
}

/* --- the metadata of the resource --- */

static bool
same_but_slash(const char *a, const char *b)
{
	str x = str_z(a), y = str_z(b);

	while (str_ends(x, S("/")))
		x.n--;
	while (str_ends(y, S("/")))
		y.n--;
	return str_eq(x, y);
}

static void
judge_resource(struct walk *w, const struct probe *p, const char *from, bool whole)
{
	const char *resource = probe_member(p, "resource"), *issuer = json_string_value(json_array_get(json_object_get(p->v, "authorization_servers"), 0));
	bool fits = resource != NULL && (whole ? same_but_slash(resource, w->at.url) : str_starts(str_z(w->at.url), str_z(resource)));

	if (resource == NULL || issuer == NULL)
		probe_tell(w->d, BAD, "resource", p, MEND_ROUTE_WELL_KNOWN, "GET %.*s (%s): %s, without resource or authorization_servers", SHOWN, p->url, from, probe_said(p));
	else if (!fits)
		probe_tell(w->d, BAD, "resource", p, MEND_PUBLIC_URL, "GET %.*s (%s): it is of %.*s, and hosts were given %.*s", SHOWN / 2, p->url, from, SHOWN / 2, resource,
		    SHOWN / 2, w->at.url);
	else
		probe_tell(w->d, GOOD, "resource", p, MEND_NONE, "%s: %.*s", from, SHOWN, p->url);
	if (w->issuer == NULL && issuer != NULL)
		w->issuer = str_dup(w->a, str_z(issuer)).p;
}

static void
look_at_resource(struct walk *w, const char *url, const char *from, bool whole)
{
	struct probe p;

	get(w, &p, url);
	if (probe_reached(w->d, "resource", &p, MEND_ROUTE_WELL_KNOWN))
		judge_resource(w, &p, from, whole);
	probe_end(&p);
}

static void
look_for_resource(struct walk *w)
{
	const char *path = same_but_slash(w->at.path, "") ? "" : w->at.path;
	const char *inserted = url_of(w, str_fmt(w->a, "/.well-known/oauth-protected-resource%s", path).p);
	struct place said;
	struct probe p;

	if (w->metadata != NULL && (!place_read(w->a, w->metadata, &said) || strcmp(said.origin, w->at.origin) != 0)) {
		probe_begin(w->a, &p, "GET", w->metadata);
		p.at = w->at;
		probe_tell(w->d, BAD, "challenge", &p, MEND_PUBLIC_URL, "the 401 leads to %.*s, and hosts were given %s", SHOWN, w->metadata, w->at.origin);
	}
	if (w->metadata != NULL && strcmp(w->metadata, inserted) != 0)
		look_at_resource(w, w->metadata, "where the 401 says", true);
	look_at_resource(w, inserted, "with the path inserted", true);
	if (path[0] != '\0')
		look_at_resource(w, url_of(w, "/.well-known/oauth-protected-resource"), "at the root", false);
}

/* --- the metadata of the authorization server --- */

static const char *
endpoint(struct walk *w, const struct probe *p, const char *name)
{
	const char *url = probe_member(p, name);
	return url != NULL ? str_dup(w->a, str_z(url)).p : NULL;
}

static bool
lists(const json_t *list, const char *word)
{
	const json_t *one;
	size_t i;

	json_array_foreach (list, i, one)
		if (json_is_string(one) && strcmp(json_string_value(one), word) == 0)
			return true;
	return false;
}

static void
judge_server(struct walk *w, const struct probe *p, const char *from)
{
	const char *issuer = probe_member(p, "issuer");
	bool registers = probe_member(p, "registration_endpoint") != NULL || json_is_true(json_object_get(p->v, "client_id_metadata_document_supported"));

	if (issuer == NULL || probe_member(p, "authorization_endpoint") == NULL || probe_member(p, "token_endpoint") == NULL)
		probe_tell(w->d, BAD, "issuer", p, MEND_ROUTE_WELL_KNOWN, "GET %.*s (%s): %s, without issuer or endpoints", SHOWN, p->url, from, probe_said(p));
	else if (strcmp(issuer, w->issuer) != 0)
		probe_tell(w->d, BAD, "issuer", p, MEND_PUBLIC_URL, "GET %.*s (%s): it says issuer %.*s, and %.*s was asked for%s", SHOWN / 2, p->url, from, SHOWN / 2, issuer,
		    SHOWN / 2, w->issuer, same_but_slash(issuer, w->issuer) ? ": the slash counts" : "");
	else if (!lists(json_object_get(p->v, "code_challenge_methods_supported"), "S256") || !registers)
		probe_tell(w->d, BAD, "issuer", p, MEND_OLD, "GET %.*s (%s): hosts need code_challenge_methods_supported with S256, and a way to register", SHOWN, p->url, from);
	else
		probe_tell(w->d, GOOD, "issuer", p, MEND_NONE, "%s: %.*s", from, SHOWN, p->url);
	if (w->token == NULL) {
		w->authorize = endpoint(w, p, "authorization_endpoint");
		w->token = endpoint(w, p, "token_endpoint");
		w->registration = endpoint(w, p, "registration_endpoint");
	}
}

static void
look_at_server(struct walk *w, const char *url, const char *from)
{
	struct probe p;

	get(w, &p, url);
	if (probe_reached(w->d, "issuer", &p, MEND_ROUTE_WELL_KNOWN))
		judge_server(w, &p, from);
	probe_end(&p);
}

static void
look_for_server(struct walk *w)
{
	struct place at;
	struct probe p;

	if (w->issuer == NULL)
		w->issuer = w->at.origin;		/* as hosts of 2025-03-26 do */
	if (!place_read(w->a, w->issuer, &at)) {
		probe_begin(w->a, &p, "GET", w->issuer);
		p.at = w->at;
		probe_tell(w->d, BAD, "issuer", &p, MEND_PUBLIC_URL, "the authorization server is named %.*s, which is no URL", SHOWN, w->issuer);
		return;
	}
	const char *path = same_but_slash(at.path, "") ? "" : at.path;
	look_at_server(w, str_fmt(w->a, "%s/.well-known/oauth-authorization-server%s", at.origin, path).p, "RFC 8414");
	look_at_server(w, str_fmt(w->a, "%s/.well-known/openid-configuration%s", at.origin, path).p, "OpenID");
}

/* --- registration --- */

static void
look_at_registration(struct walk *w)
{
	struct probe p;

	if (w->registration == NULL || w->c->no_register)
		return;
	probe_begin(w->a, &p, "POST", w->registration);
	p.body = S("{\"client_name\":\"scriped doctor (a trial, removed at once)\",\"redirect_uris\":[\"" CALLBACK "\"],\"token_endpoint_auth_method\":\"none\","
	    "\"application_type\":\"native\",\"grant_types\":[\"authorization_code\",\"refresh_token\"],\"response_types\":[\"code\"]}");
	probe_header(&p, "Content-Type: application/json");
	probe_ask(&p);
	if (probe_reached(w->d, "register", &p, MEND_ROUTE_OAUTH)) {
		w->client = endpoint(w, &p, "client_id");
		w->client_uri = endpoint(w, &p, "registration_client_uri");
		w->client_token = endpoint(w, &p, "registration_access_token");
		if (w->client != NULL && (p.r.status == 201 || p.r.status == 200))
			probe_tell(w->d, GOOD, "register", &p, MEND_NONE, "a trial client registered itself: %.*s", SHOWN, w->client);
		else
			probe_tell(w->d, BAD, "register", &p, MEND_ROUTE_OAUTH, "POST %.*s: %s, without client_id", SHOWN, w->registration, probe_said(&p));
	}
	probe_end(&p);
}

static void
take_back(struct walk *w)
{
	struct probe p;

	if (w->client == NULL)
		return;
	probe_begin(w->a, &p, "DELETE", w->client_uri != NULL ? w->client_uri : w->registration);
	probe_header(&p, "Authorization: Bearer %s", w->client_token != NULL ? w->client_token : "");
	if (w->client_uri != NULL && w->client_token != NULL)
		probe_ask(&p);
	if (p.r.fault == DIAL_OK && p.r.status == 204)
		probe_tell(w->d, GOOD, "removed", &p, MEND_NONE, "the trial client is gone again");
	else
		probe_tell(w->d, WARN, "removed", &p, MEND_NONE, "the trial client stays until it is removed for not being used: %s", p.r.status != 0 ? probe_said(&p) : "no way to remove it");
	probe_end(&p);
}

/* --- the authorize page --- */

/* A browser comes; one redirect within the origin, to sign-in, is followed. */
static void
visit(struct walk *w, struct probe *p, const char *url)
{
	struct place to;

	probe_begin(w->a, p, "GET", url);
	probe_header(p, "Accept: text/html");
	probe_ask(p);
	if (p->r.fault != DIAL_OK || p->r.location == NULL || !place_read(w->a, p->r.location, &to) || strcmp(to.origin, p->at.origin) != 0)
		return;
	const char *there = to.url;
	probe_end(p);
	probe_begin(w->a, p, "GET", there);
	probe_header(p, "Accept: text/html");
	probe_ask(p);
}

static bool
is_framed_off(const struct probe *p)
{
	return (p->policy.n != 0 && memmem(p->policy.p, p->policy.n, "frame-ancestors 'none'", 22) != NULL) || str_ieq(p->frame, S("DENY"));
}

static void
judge_page(struct walk *w, const struct probe *p, bool known)
{
	if (p->r.fault != DIAL_OK || (p->r.status >= 300 && p->r.status < 400) || p->r.status == 429 || p->r.status >= 500)
		probe_reached(w->d, "authorize", p, MEND_ROUTE_OAUTH);
	else if (!p->is_html || p->r.status == 404 || (p->r.status == 200) != known)
		probe_tell(w->d, BAD, "authorize", p, MEND_ROUTE_OAUTH, "GET %.*s (%s client): %s", SHOWN / 2, p->url, known ? "the trial" : "an unknown", probe_said(p));
	else if (!is_framed_off(p))
		probe_tell(w->d, BAD, "authorize", p, MEND_FRAME, "the page says nothing against being shown in a frame");
	else
		probe_tell(w->d, GOOD, "authorize", p, MEND_NONE, known ? "the trial client is led to a page for people, in no frame" : "an unknown client is refused by a page, in no frame");
}

static void
look_at_authorize(struct walk *w, const char *client)
{
	struct probe p;

	if (w->authorize == NULL)
		return;
	visit(w, &p, str_fmt(w->a, "%s?response_type=code&client_id=%s&redirect_uri=http%%3A%%2F%%2F127.0.0.1%%2Fcallback&state=doctor"
	    "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256", w->authorize, client != NULL ? client : "cli_nobody").p);
	judge_page(w, &p, client != NULL);
	probe_end(&p);
}

static void
look_at_token(struct walk *w)
{
	struct probe p;

	if (w->token == NULL)
		return;
	probe_begin(w->a, &p, "POST", w->token);
	p.body = S("grant_type=authorization_code&code=doctor&client_id=cli_nobody&code_verifier=doctor&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback");
	probe_header(&p, "Content-Type: application/x-www-form-urlencoded");
	probe_ask(&p);
	if (probe_reached(w->d, "token", &p, MEND_ROUTE_OAUTH)) {
		if (probe_member(&p, "error") != NULL)
			probe_tell(w->d, GOOD, "token", &p, MEND_NONE, "a code that nobody gave is refused: %s", probe_said(&p));
		else
			probe_tell(w->d, BAD, "token", &p, MEND_ROUTE_OAUTH, "POST %.*s: %s; an error of OAuth was expected", SHOWN, w->token, probe_said(&p));
	}
	probe_end(&p);
}

/* --- browsers --- */

static bool
lets_browsers(struct walk *w, const char *url, const char *method)
{
	struct probe p;
	bool ok;

	probe_begin(w->a, &p, "OPTIONS", url);
	probe_header(&p, "Origin: " FOREIGN);
	probe_header(&p, "Access-Control-Request-Method: %s", method);
	probe_header(&p, "Access-Control-Request-Headers: authorization, content-type, mcp-protocol-version");
	probe_ask(&p);
	ok = p.r.fault == DIAL_OK && p.r.status < 300 && (str_eq(p.allow_origin, S("*")) || str_eq(p.allow_origin, S(FOREIGN)));
	if (!ok)
		probe_tell(w->d, WARN, "browsers", &p, p.r.status == 403 ? MEND_ORIGIN : MEND_CORS, "OPTIONS %.*s from a page elsewhere: %s, Access-Control-Allow-Origin: %.*s",
		    SHOWN / 2, url, probe_said(&p), p.allow_origin.n != 0 ? (int)p.allow_origin.n : 4, p.allow_origin.n != 0 ? p.allow_origin.p : "none");
	probe_end(&p);
	return ok;
}

static void
look_at_browsers(struct walk *w)
{
	const struct { const char *url, *method; } rows[] = {
		{ w->at.url, "POST" }, { url_of(w, "/.well-known/oauth-protected-resource"), "GET" }, { w->token, "POST" }, { w->registration, "POST" },
	};
	bool ok = true;
	struct probe p;

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].url != NULL && !lets_browsers(w, rows[i].url, rows[i].method))
			ok = false;
	probe_begin(w->a, &p, "OPTIONS", w->at.url);
	if (ok)
		probe_tell(w->d, GOOD, "browsers", &p, MEND_NONE, "programs in web pages may ask all of these");
}

/* --- with a token --- */

static bool
took_token(struct walk *w, const char *check, const struct probe *p)
{
	if (!probe_reached(w->d, check, p, MEND_ROUTE_MCP))
		return false;
	if (p->r.status == 401)
		probe_tell(w->d, BAD, check, p, challenge_says(w, p->challenge, "error") != NULL ? MEND_TOKEN : MEND_AUTHORIZATION, "POST %.*s with the token: %s", SHOWN, w->at.url,
		    probe_said(p));
	else if (json_object_get(p->v, "result") == NULL && p->piece.p == NULL)
		probe_tell(w->d, BAD, check, p, MEND_OLD, "POST %.*s with the token: %s, without a result", SHOWN, w->at.url, probe_said(p));
	else
		return true;
	return false;
}

static bool
look_at_initialize(struct walk *w)
{
	struct probe p;

	ask_mcp(w, &p, w->at.url, w->c->token, LEGACY, "initialize", INITIALIZE);
	probe_ask(&p);
	bool ok = took_token(w, "initialize", &p);
	if (ok) {
		const json_t *result = json_object_get(p.v, "result"), *info = json_object_get(result, "serverInfo");
		const char *name = json_string_value(json_object_get(info, "name")), *version = json_string_value(json_object_get(info, "version"));
		const char *protocol = json_string_value(json_object_get(result, "protocolVersion"));
		w->session = p.session.n != 0 ? p.session.p : NULL;
		probe_tell(w->d, GOOD, "initialize", &p, MEND_NONE, "%s %s speaks %s", name != NULL ? name : "a server", version != NULL ? version : "", protocol != NULL ? protocol : "?");
	}
	probe_end(&p);
	return ok;
}

static void
look_at_discover(struct walk *w)
{
	struct probe p;

	ask_mcp(w, &p, w->at.url, w->c->token, MODERN, "server/discover", "{" META "}");
	probe_ask(&p);
	if (took_token(w, "discover", &p))
		probe_tell(w->d, GOOD, "discover", &p, MEND_NONE, "and " MODERN ", without sessions");
	probe_end(&p);
}

static void
look_at_tools(struct walk *w)
{
	struct probe p;

	ask_mcp(w, &p, w->at.url, w->c->token, LEGACY, "tools/list", "{}");
	probe_ask(&p);
	if (took_token(w, "tools", &p)) {
		const json_t *tools = json_object_get(json_object_get(p.v, "result"), "tools");
		probe_tell(w->d, json_array_size(tools) > 0 ? GOOD : BAD, "tools", &p, json_array_size(tools) > 0 ? MEND_NONE : MEND_TOKEN, "%zu tools for this token",
		    json_array_size(tools));
	}
	probe_end(&p);
}

static void
look_at_stream(struct walk *w)
{
	struct probe p;

	ask_mcp(w, &p, w->at.url, w->c->token, MODERN, "subscriptions/listen", "{" META ",\"notifications\":{\"toolsListChanged\":true}}");
	p.first = true;
	p.wait_ms = STREAM_MS;
	probe_ask(&p);
	bool streams = str_starts(p.r.content_type, S("text/event-stream"));
	if (p.piece.p != NULL && streams)
		probe_tell(w->d, GOOD, "stream", &p, MEND_NONE, "a stream began after %lld ms, before its end", (long long)p.piece_ms);
	else if (p.r.fault == DIAL_TIMEOUT)
		probe_tell(w->d, BAD, "stream", &p, MEND_BUFFER, "nothing of a stream came within %d s, though it began at once", STREAM_MS / 1000);
	else if (probe_reached(w->d, "stream", &p, MEND_ROUTE_MCP))
		probe_tell(w->d, BAD, "stream", &p, MEND_OLD, "a subscription was answered with %s, no stream", probe_said(&p));
	probe_end(&p);
}

static void
leave(struct walk *w)
{
	struct probe p;

	if (w->session == NULL)
		return;
	probe_begin(w->a, &p, "DELETE", w->at.url);
	probe_header(&p, "Authorization: Bearer %s", w->c->token);
	probe_header(&p, "Mcp-Session-Id: %s", w->session);
	probe_header(&p, "MCP-Protocol-Version: " LEGACY);
	probe_ask(&p);
	probe_end(&p);
	w->session = NULL;
}

static void
walk_with_token(struct walk *w)
{
	if (!look_at_initialize(w))
		return;
	look_at_tools(w);
	leave(w);
	look_at_discover(w);
	look_at_stream(w);
}

void
walk_run(struct doctor *d, const struct walk_conf *c)
{
	struct walk w = { .d = d, .c = c, .a = &d->a };

	if (!look_at_place(&w) || !look_at_endpoint(&w))
		return;
	look_at_slash(&w);
	if (c->token == NULL)
		look_at_header(&w);
	look_for_resource(&w);
	look_for_server(&w);
	look_at_registration(&w);
	look_at_authorize(&w, NULL);
	if (w.client != NULL)
		look_at_authorize(&w, w.client);
	look_at_token(&w);
	look_at_browsers(&w);
	take_back(&w);
	if (c->token != NULL)
		walk_with_token(&w);
}
