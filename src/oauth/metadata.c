/* metadata -- what clients find at /.well-known (RFC 8414, RFC 9728), wherever they look for it.
 *
 * A client that knows https://HOST/mcp asks at /.well-known/X/mcp, /mcp/.well-known/X and /.well-known/X.  There is one authorization server here, so all
 * say the same of it; of the protected resource each says what was asked for. */
#include "api/cors.h"
#include "oauth/oauth_priv.h"

enum document { SERVER, OPENID, RESOURCE, DOCUMENTS };
static const str names[DOCUMENTS] = { S_INIT("oauth-authorization-server"), S_INIT("openid-configuration"), S_INIT("oauth-protected-resource") };
static const str resources[] = { S_INIT("/api/mcp"), S_INIT("/mcp"), S_INIT("/v1"), S_INIT("") };
#define WELL_KNOWN "/.well-known/"

static void
list(struct json *j, const char *key, const char *const *words, int n)
{
	jw_key(j, str_z(key));
	jw_arr(j);
	for (int i = 0; i < n; i++)
		jw_str(j, str_z(words[i]));
	jw_end(j);
}
#define LIST(j, key, ...) list(j, key, (const char *const[]){ __VA_ARGS__ }, (int)COUNT(((const char *const[]){ __VA_ARGS__ })))

static void
url(struct turn *t, struct json *j, const char *key, const char *path)
{
	jw_key_str(j, str_z(key), str_fmt(t->f.a, "%s%s", face_url(&t->f), path));
}

static void
describe_server(struct turn *t, struct json *j, bool openid)
{
	url(t, j, "issuer", "");
	url(t, j, "authorization_endpoint", "/oauth/authorize");
	url(t, j, "token_endpoint", "/oauth/token");
	url(t, j, "registration_endpoint", "/oauth/register");
	url(t, j, "revocation_endpoint", "/oauth/revoke");
	url(t, j, "introspection_endpoint", "/oauth/introspect");
	list(j, "scopes_supported", grant_scope_words.v, grant_scope_words.n);
	LIST(j, "response_types_supported", "code");
	LIST(j, "response_modes_supported", "query");
	LIST(j, "grant_types_supported", "authorization_code", "refresh_token");
	LIST(j, "code_challenge_methods_supported", "S256");
	LIST(j, "token_endpoint_auth_methods_supported", "none", "client_secret_basic", "client_secret_post");
	LIST(j, "revocation_endpoint_auth_methods_supported", "none", "client_secret_basic", "client_secret_post");
	LIST(j, "introspection_endpoint_auth_methods_supported", "client_secret_basic", "client_secret_post");
	LIST(j, "prompt_values_supported", "none", "login", "consent");
	jw_key(j, S("authorization_response_iss_parameter_supported"));
	jw_bool(j, true);
	jw_key(j, S("client_id_metadata_document_supported"));
	jw_bool(j, true);
	jw_key(j, S("request_parameter_supported"));
	jw_bool(j, false);
	jw_key(j, S("request_uri_parameter_supported"));
	jw_bool(j, false);
	url(t, j, "service_documentation", "/docs");
	if (!openid)
		return;
	/* no id tokens are given; readers of this alias insist on the three */
	url(t, j, "jwks_uri", "/oauth/jwks");
	LIST(j, "subject_types_supported", "public");
	LIST(j, "id_token_signing_alg_values_supported", "RS256");
}

static void
describe_resource(struct turn *t, struct json *j, str path)
{
	jw_key_str(j, S("resource"), str_fmt(t->f.a, "%s%.*s", face_url(&t->f), STR(path)));
	LIST(j, "authorization_servers", face_url(&t->f));
	list(j, "scopes_supported", scope_words.v, scope_words.n);
	LIST(j, "bearer_methods_supported", "header");
	jw_key_str(j, S("resource_name"), S("scriped"));
	url(t, j, "resource_documentation", "/docs");
}

static void
publish(struct turn *t, str body)
{
	struct exchange *x = t->f.x;

	front_add(x, "X-Request-Id", api_request_id(x));
	front_add(x, "Content-Type", "application/json");
	front_add(x, "Cache-Control", "public, max-age=300");
	front_add(x, "X-Content-Type-Options", "nosniff");
	cors_headers(t->f.conf, x);
	front_answer(x, 200, body);
}

static void
tell(struct turn *t, enum document d, str resource)
{
	struct json j;
	struct buf b;

	buf_init(&b, t->f.a, 16384);
	jw_begin(&j, &b);
	jw_obj(&j);
	if (d == RESOURCE)
		describe_resource(t, &j, resource);
	else
		describe_server(t, &j, d == OPENID);
	jw_end(&j);
	publish(t, buf_str(&b));
}

void jwks_run(struct turn *t) { publish(t, S("{\"keys\":[]}")); }

/* public_url may have a path, which stands between name and resource then. */
static str
own_path(const char *url)
{
	str rest = str_z(url);
	const char *host = strstr(url, "://"), *at = host != NULL ? strchr(host + 3, '/') : NULL;

	return at != NULL ? str_cut(rest, (size_t)(at - url), rest.n) : S("");
}

/* [RESOURCE]/.well-known/NAME[/] or /.well-known/NAME[RESOURCE][/] */
static bool
understand(str path, str own, enum document *d, str *resource)
{
	const char *at = memmem(path.p, path.n, WELL_KNOWN, sizeof(WELL_KNOWN) - 1);

	if (at == NULL)
		return false;
	str before = { path.p, (size_t)(at - path.p) }, name = str_cut(path, before.n + sizeof(WELL_KNOWN) - 1, path.n);
	while (str_ends(name, S("/")))
		name.n--;
	for (int i = 0; i < DOCUMENTS; i++) {
		if (!str_starts(name, names[i]))
			continue;
		str after = str_cut(name, names[i].n, name.n);
		if (own.n != 0 && str_starts(after, own))
			after = str_cut(after, own.n, after.n);
		for (size_t k = 0; k < COUNT(resources); k++) {
			if (!(str_eq(before, resources[k]) && after.n == 0) && !(before.n == 0 && str_eq(after, resources[k])))
				continue;
			*d = (enum document)i;
			*resource = resources[k];
			return true;
		}
	}
	return false;
}

void
metadata_run(struct turn *t)
{
	enum document d;
	str resource;

	if (understand(t->f.x->path, own_path(face_url(&t->f)), &d, &resource))
		tell(t, d, resource);
	else {
		refuse(&t->r, O_NOT_FOUND, "Nothing is here. The metadata is at /.well-known/oauth-authorization-server and /.well-known/oauth-protected-resource.");
		answer_refusal(t);
	}
}
