/* oauth -- wiring: paths, methods, the way of a request. */
#include "api/cors.h"
#include "oauth/oauth_priv.h"
#include <stdlib.h>

#define ADDRESSES	65536
enum { FORM_MAX = 64 * 1024 };

/* The first row that fits. */
static const struct endpoint endpoints[] = {
	{ S_INIT("/oauth/authorize"), false, ON_GET | ON_POST, FORM_MAX, authorize_run },
	{ S_INIT("/oauth/consent"), false, ON_POST, FORM_MAX, consent_run },
	{ S_INIT("/oauth/token"), false, ON_POST, FORM_MAX, token_run },
	{ S_INIT("/oauth/revoke"), false, ON_POST, FORM_MAX, revoke_run },
	{ S_INIT("/oauth/introspect"), false, ON_POST, FORM_MAX, introspect_run },
	{ S_INIT("/oauth/jwks"), false, ON_GET, 0, jwks_run },
	{ S_INIT("/oauth/register"), false, ON_POST, DESCRIBE_MAX, register_run },
	{ S_INIT("/oauth/register"), true, ON_GET | ON_PUT | ON_DELETE, DESCRIBE_MAX, registered_run },
	{ S_INIT("/authorize"), false, ON_GET | ON_POST, FORM_MAX, authorize_run },
	{ S_INIT("/token"), false, ON_POST, FORM_MAX, token_run },
	{ S_INIT("/register"), false, ON_POST, DESCRIBE_MAX, register_run },
	{ S_INIT("/.well-known"), true, ON_GET, 0, metadata_run },
	{ S_INIT("/mcp/.well-known"), true, ON_GET, 0, metadata_run },
	{ S_INIT("/api/mcp/.well-known"), true, ON_GET, 0, metadata_run },
	{ S_INIT("/v1/.well-known"), true, ON_GET, 0, metadata_run },
};
static const struct { str path; bool below; } faces[OAUTH_FACES] = {
	{ S_INIT("/oauth"), true }, { S_INIT("/authorize"), false }, { S_INIT("/token"), false }, { S_INIT("/register"), false }, { S_INIT("/.well-known"), true },
	{ S_INIT("/mcp/.well-known"), true }, { S_INIT("/api/mcp/.well-known"), true }, { S_INIT("/v1/.well-known"), true },
};

static const struct { unsigned method; str word; const char *shown; } methods[] = {
	{ ON_GET, S_INIT("GET"), "GET, HEAD" }, { ON_GET, S_INIT("HEAD"), NULL }, { ON_POST, S_INIT("POST"), "POST" }, { ON_PUT, S_INIT("PUT"), "PUT" },
	{ ON_DELETE, S_INIT("DELETE"), "DELETE" },
};

static const char *
methods_text(struct arena *a, unsigned set)
{
	struct buf b;

	buf_init(&b, a, 64);
	for (size_t i = 0; i < COUNT(methods); i++)
		if ((set & methods[i].method) && methods[i].shown != NULL)
			buf_fmt(&b, "%s%s", b.n != 0 ? ", " : "", methods[i].shown);
	return str_dup(a, buf_str(&b)).p;
}

static unsigned
method_of(str word)
{
	for (size_t i = 0; i < COUNT(methods); i++)
		if (str_eq(word, methods[i].word))
			return methods[i].method;
	return 0;
}

static const struct endpoint *
find(str path, str *rest)
{
	for (size_t i = 0; i < COUNT(endpoints); i++) {
		str at = endpoints[i].path;
		bool under = path.n > at.n && path.p[at.n] == '/';
		if (!str_starts(path, at) || (endpoints[i].below ? !under : path.n != at.n))
			continue;
		*rest = under ? str_cut(path, at.n + 1, path.n) : STR_NONE;
		return &endpoints[i];
	}
	return NULL;
}

static void
on_head(void *ctx, struct exchange *x)
{
	struct turn *t = NEW(&x->arena, struct turn);
	struct oauth *o = ctx;

	face_greet(&t->f, o->api, x);
	t->o = o;
	t->at = find(x->path, &t->rest);
	x->body_max = t->at != NULL ? t->at->body_max : 0;
	if (t->at == NULL) {
		refuse(&t->r, O_NOT_FOUND, "Nothing is here. The endpoints are named at /.well-known/oauth-authorization-server.");
		answer_refusal(t);
		return;
	}
	if (cors_preflight_for(t->f.conf, x, methods_text(t->f.a, t->at->methods)))
		return;
	if (t->at->methods & method_of(x->method))
		return;
	refuse(&t->r, O_METHOD_NOT_ALLOWED, "This path takes %s.", methods_text(t->f.a, t->at->methods));
	front_add(x, "Allow", methods_text(t->f.a, t->at->methods));
	answer_refusal(t);
}

static void
on_run(void *ctx, struct exchange *x)
{
	struct turn *t = x->face;

	(void)ctx;
	if (x->body_over) {
		refuse(&t->r, O_TOO_LARGE, "The body may have at most %zu bytes.", t->at->body_max);
		answer_refusal(t);
		return;
	}
	t->at->run(t);
}

enum err
oauth_new(struct api *api, struct people *people, const secret *s, struct oauth **ret, struct error *e)
{
	struct oauth *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return fail(e, E_SYS, NULL, "no memory for the authorization server");
	o->api = api;
	o->people = people;
	o->secret = *s;
	o->limits = limits_new(ADDRESSES);
	limits_share(o->limits, api->c.kv, 'o');
	digest d = crypto_hmac(s, S("turns of clients"));	/* the same on all nodes */
	memcpy(o->hash_key, d.b, sizeof(o->hash_key));
	enum err code = documents_new(o, &o->documents, e);
	if (code != OK) {
		oauth_free(o);
		return code;
	}
	*ret = o;
	return OK;
}

void oauth_drain(struct oauth *o) { documents_drain(o->documents); }

void
oauth_free(struct oauth *o)
{
	if (o == NULL)
		return;
	documents_free(o->documents);
	limits_free(o->limits);
	crypto_wipe(&o->secret, sizeof(o->secret));
	free(o);
}

void
oauth_faces(struct oauth *o, struct front_face ret[OAUTH_FACES])
{
	for (int i = 0; i < OAUTH_FACES; i++)
		ret[i] = (struct front_face){ faces[i].path, faces[i].below, { on_head, on_run, face_resumed, face_end, o } };
}
