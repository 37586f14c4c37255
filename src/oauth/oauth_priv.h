/* oauth_priv -- what the files of the authorization server share.
 *
 *	oauth.c		wiring: paths, methods, the way of a request
 *	answer.c	errors of RFC 6749 and answers that nobody may keep
 *	metadata.c	what clients find at /.well-known
 *	redirect.c	which redirect URIs may be registered, and which one matches
 *	scope.c		scopes in texts, and who may use them
 *	param.c		parameters: given once, or refused
 *	describe.c	what a client says of itself, registered or in a document
 *	register.c	RFC 7591 and 7592
 *	document.c	metadata documents: fetched by threads, kept by their headers
 *	authorize.c	the request of a browser, until it is known what to do with it
 *	consent.c	the page that asks, and what becomes of the answer
 *	login.c		how a client proves who it is
 *	exchange.c	codes and refresh tokens for tokens
 *	inspect.c	revocation and introspection
 *
 * A struct turn is one request; what an endpoint needs beside it hangs at t->own.  Work with the database may run more than once: what it
 * finds out it writes anew each time, and randomness is taken before it. */
#ifndef OAUTH_PRIV_H
#define OAUTH_PRIV_H
#include "model/client.h"
#include "model/grant.h"
#include "oauth/oauth.h"
#include "page/page.h"

/* --- errors, one row each: RFC 6749 4.1.2.1 and 5.2, 7591 3.2.2, 8707 2, OpenID Connect Core 3.1.2.6 --- */
#define OAUTH_ERRORS(X) \
	X(INVALID_REQUEST, 400, "invalid_request") X(INVALID_CLIENT, 401, "invalid_client") X(INVALID_GRANT, 400, "invalid_grant") \
	X(UNSUPPORTED_GRANT_TYPE, 400, "unsupported_grant_type") \
	X(INVALID_SCOPE, 400, "invalid_scope") X(INVALID_TARGET, 400, "invalid_target") X(ACCESS_DENIED, 403, "access_denied") \
	X(UNSUPPORTED_RESPONSE_TYPE, 400, "unsupported_response_type") X(LOGIN_REQUIRED, 400, "login_required") \
	X(CONSENT_REQUIRED, 400, "consent_required") X(REQUEST_NOT_SUPPORTED, 400, "request_not_supported") \
	X(REQUEST_URI_NOT_SUPPORTED, 400, "request_uri_not_supported") X(INVALID_REDIRECT_URI, 400, "invalid_redirect_uri") \
	X(INVALID_CLIENT_METADATA, 400, "invalid_client_metadata") X(INVALID_TOKEN, 401, "invalid_token") X(NOT_FOUND, 404, "not_found") \
	X(METHOD_NOT_ALLOWED, 405, "method_not_allowed") X(TOO_LARGE, 413, "invalid_request") X(TOO_MANY, 429, "temporarily_unavailable") \
	X(SERVER_ERROR, 500, "server_error") X(UNAVAILABLE, 503, "temporarily_unavailable")
enum refused {
	O_OK,
#define X(id, status, word) O_##id,
	OAUTH_ERRORS(X)
#undef X
	O_COUNT
};
struct refusal { enum refused code; int retry_s; char why[240]; };	/* why: of printable ASCII without quotes and backslashes */
/* Fills and returns the code. */
enum refused refuse(struct refusal *, enum refused, const char *fmt, ...) PRINTF(3, 4);
const char *refused_word(enum refused);

struct oauth {
	struct api *api;
	struct people *people;
	secret secret;
	struct limits *limits;			/* of addresses, and of people who ask for documents */
	uint8_t hash_key[16];
	struct documents *documents;
	_Atomic unsigned registered;		/* since the start: now and then orphans are counted */
};
struct turn;
enum { ON_GET = 1, ON_POST = 2, ON_PUT = 4, ON_DELETE = 8 };
struct endpoint {
	str path;
	bool below;				/* and what is under it; otherwise the path alone */
	unsigned methods;
	size_t body_max;
	void (*run)(struct turn *);
};
struct turn {
	struct face f;				/* first: the exchange's */
	struct oauth *o;
	const struct endpoint *at;
	str rest;				/* of the path, behind an endpoint that is `below`; no slash in front */
	struct refusal r;
	void *own;
};
static inline struct turn *turn_of(struct face *f) { return (struct turn *)f; }
static inline int64_t now_of(const struct turn *t) { return sys_wall_ms(t->o->api->c.clock); }
static inline bool is_method(const struct turn *t, str m) { return str_eq(t->f.x->method, m); }

/* answer.c */
void	answer_json(struct turn *, int status, const struct buf *);	/* never stored */
void	answer_refusal(struct turn *);			/* t->r */
void	answer_code(struct turn *);			/* f.code, of the database */
void	answer_page(struct turn *, const char *title);	/* t->r, for a person: where no redirect may be believed */
/* So many a minute of who is named; then() asks has_turn.  False: t->r is filled. */
void	take_turn(struct turn *, str who, int purpose, int64_t limit, face_then *then);
bool	has_turn(struct turn *);
enum { LIMIT_REGISTER = 1, LIMIT_DOCUMENT = 2, LIMIT_CODE = 3 };

/* param.c */
struct params { struct front_param v[PAGE_PAIRS]; int n; };
/* Of a query or a form.  A parameter without a value is not there (RFC 6749 3.1); twice is refused, but for resource. */
enum refused params_read(struct arena *, str text, struct params *, struct refusal *);
str	param(const struct params *, const char *name);		/* absent where it is not given */
int	param_times(const struct params *, const char *name);	/* how often it stands there, with or without a value */
/* The body of t as a form. */
enum refused params_of_body(struct turn *, struct params *);
/* Of the resources that are asked for: canonical, each once, separated by blanks.  Absent where there is none. */
enum refused resources_read(struct arena *, const char *origin, const struct params *, str *ret, struct refusal *);
bool	resources_within(str those, str all);
bool	resources_ours(const char *origin, str all);	/* what was granted is of this origin, as it is called now */

/* redirect.c */
enum redirect_kind { REDIRECT_WEB, REDIRECT_LOOPBACK, REDIRECT_APP };
#define REDIRECTS_MOST	10
#define REDIRECT_MAX	2000
/* NULL: it may be registered; otherwise what is wrong with it, a sentence without a subject.  schemes: of apps, beside those with a dot, comma-separated. */
const char *redirect_judge(str uri, const char *schemes, enum redirect_kind *);
bool	redirect_matches(str registered, str given);	/* exactly, but for the port of loopback */
str	redirect_host(str uri);				/* to be shown: host and port, or the scheme of an app */
/* With parameters behind it, as pairs of name and value up to a NULL name; an absent value is left out. */
const char *redirect_with(struct arena *, str uri, const struct front_param *, int n);

/* scope.c */
#define SCOPES_READ	(SCOPE_BIT(NOTES_READ) | SCOPE_BIT(POSTS_READ) | SCOPE_BIT(KNOWLEDGE_READ))
#define SCOPE_OFFLINE	SCOPE_BIT(OFFLINE_ACCESS)
/* The known ones of a text separated by blanks; *unknown: there were others. */
unsigned scope_read(str text, bool *unknown);
str	scope_text(struct arena *, unsigned set);
unsigned scopes_of_role(int role);			/* that some operation opens to it */

/* describe.c */
enum { DESCRIBE_MAX = 64 * 1024 };
/* From JSON into what a row keeps: name, auth_method, scopes, redirects, metadata.  document: its URL, or absent. */
enum refused describe(struct arena *, const json_t *, str document, const char *schemes, struct client *ret, struct refusal *);
bool	client_may_refresh(const struct client *);
/* The n-th registered redirect URI; absent behind the last one. */
str	client_redirect(struct arena *, const struct client *, int n);

/* login.c */
struct credentials { str id, secret; };
/* Reads what a request says of its client, without asking anybody. */
enum refused credentials_read(struct turn *, const struct params *, struct credentials *);
/* Inside work: the client whose credentials they are, or t->r. */
MUST_USE enum err client_login(struct turn *, struct db *, const struct credentials *, struct client *ret, struct error *);
MUST_USE enum err client_named(struct db *, struct arena *, str name, struct client *ret, bool *found, struct error *);
str	client_name(struct arena *, const struct client *);	/* its client_id */
digest	secret_hash(const struct oauth *, const char *kind, str text);

/* document.c */
struct documents;
MUST_USE enum err documents_new(struct oauth *, struct documents **ret, struct error *);
void	documents_drain(struct documents *);	/* who waits for one is told to come again */
void	documents_free(struct documents *);
/* Fetches it, parked; then() finds t->r, or *ret filled as describe() fills it, with url and fresh_until.  It may be called before this returns. */
void	document_fetch(struct turn *, str url, struct client *ret, face_then *then);
/* Whether a client_id is the URL of one that may be fetched: https with a path, nothing that two readers read differently. */
bool	document_named(const struct conf *, str client_id);
int64_t	document_fresh_ms(str cache_control);		/* how long it is believed */

/* the endpoints */
void	metadata_run(struct turn *);
void	jwks_run(struct turn *);
void	register_run(struct turn *);
void	registered_run(struct turn *);
void	authorize_run(struct turn *);
void	consent_run(struct turn *);
void	token_run(struct turn *);
void	revoke_run(struct turn *);
void	introspect_run(struct turn *);
#endif
