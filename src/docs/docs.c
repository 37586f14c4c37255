#include "docs/docs_priv.h"
#include "api/cors.h"
#include <pthread.h>
#include <stdlib.h>

struct docs {
	struct api *api;
	pthread_mutex_t lock;		/* specs */
	struct spec *specs;
};

/* Nothing but our own style, script and pictures; the script reads its list of headings. */
#define POLICY	"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct { str from; const char *to; } doors[] = {
	{ S_INIT("/"), "/docs" },
	{ S_INIT("/docs/api"), "/docs/api/v1/reference" },
	{ S_INIT("/docs/api/v1"), "/docs/api/v1/reference" },
	{ S_INIT("/docs/changelog"), "/docs/api/v1/changelog" },
	{ S_INIT("/docs/index"), "/docs" },
	{ S_INIT("/docs/llms.txt"), "/llms.txt" },
	{ S_INIT("/docs/openapi.yaml"), "/openapi.yaml" },
	{ S_INIT("/docs/openapi.json"), "/openapi.json" },
};

/* --- answers --- */

/* The last range that names it counts, a range with q=0 does not take it. */
bool
takes_gzip(str list)
{
	bool named = false, takes = false;

	while (list.p != NULL) {
		str params = str_split(&list, ',');
		str coding = str_trim(str_split(&params, ';'));
		bool gzip = str_ieq(coding, S("gzip")) || str_ieq(coding, S("x-gzip"));
		if (!gzip && (named || !str_eq(coding, S("*"))))
			continue;
		str q = str_trim(params);
		bool zero = str_starts(q, S("q=0")) || str_starts(q, S("Q=0"));
		for (size_t i = 3; zero && i < q.n; i++)
			zero = q.p[i] == '.' || q.p[i] == '0';
		takes = !zero;
		named |= gzip;
	}
	return takes;
}

static void
common_headers(struct exchange *x, const char *type, const char *cache)
{
	front_add(x, "Content-Type", type);
	front_add(x, "X-Request-Id", api_request_id(x));
	front_add(x, "Cache-Control", cache);
	front_add(x, "Content-Security-Policy", POLICY);
	front_add(x, "X-Content-Type-Options", "nosniff");
	front_add(x, "Referrer-Policy", "same-origin");
}

static void
serve(struct exchange *x, const struct asset *as, int status)
{
	str body = as->body;
	str known = x->header[FH_IF_NONE_MATCH];
	bool gzip = as->gzip.n != 0 && takes_gzip(x->header[FH_ACCEPT_ENCODING]);
	const char *tag = gzip ? as->etag_gzip : as->etag;

	common_headers(x, as->type, as->cache);
	front_add(x, "Vary", "Accept-Encoding");
	if (gzip)
		front_add(x, "Content-Encoding", "gzip");
	if (status == 200) {
		front_add(x, "ETag", tag);
		if (known.p != NULL && etag_listed(known, tag))
			status = 304;
	}
	if (gzip)
		body = as->gzip;
	else if (body.p == NULL)
		body = gunzip(&x->arena, as->gzip, as->size);
	front_answer(x, status, body);
}

static void
redirect(struct exchange *x, int status, const char *to)
{
	common_headers(x, "text/plain; charset=utf-8", "no-cache");
	front_add(x, "Location", to);
	front_answer(x, status, str_fmt(&x->arena, "It is at %s\n", to));
}

/* --- who is asked for what --- */

static void
serve_spec(struct docs *d, struct exchange *x, enum spec_form f)
{
	struct asset as;

	if (!spec_get(&d->specs, &d->lock, api_url(d->api, x), f, &as)) {
		api_refuse(x, E_UNAVAILABLE, "The OpenAPI document cannot be printed right now: there is no memory for it.");
		return;
	}
	cors_headers(api_conf(d->api), x);
	serve(x, &as, 200);
}

/* What is sent back is our own text, never the caller's. */
static bool
send_on(struct exchange *x)
{
	struct asset as;
	str bare = x->path;

	for (size_t i = 0; i < COUNT(doors); i++)
		if (str_eq(bare, doors[i].from)) {
			redirect(x, 302, doors[i].to);
			return true;
		}
	while (bare.n > 1 && bare.p[bare.n - 1] == '/')
		bare.n--;
	if (bare.n == x->path.n || !site_find(bare, &as))
		return false;
	redirect(x, 308, as.path);
	return true;
}

static void
on_head(void *ctx, struct exchange *x)
{
	struct docs *d = ctx;

	api_greet(d->api, x);
	x->body_max = 0;
	if (cors_preflight(api_conf(d->api), x, 1u << M_GET))
		return;
	if (!str_eq(x->method, S("GET")) && !str_eq(x->method, S("HEAD")))
		api_refuse(x, E_METHOD_NOT_ALLOWED, "This path is for reading: GET or HEAD.");
}

static void
on_run(void *ctx, struct exchange *x)
{
	struct docs *d = ctx;
	struct asset as;

	if (str_eq(x->path, S("/openapi.yaml")))
		serve_spec(d, x, SPEC_YAML);
	else if (str_eq(x->path, S("/openapi.json")))
		serve_spec(d, x, SPEC_JSON);
	else if (site_find(x->path, &as))
		serve(x, &as, 200);
	else if (!send_on(x) && site_find(S(SITE_NOT_FOUND), &as))
		serve(x, &as, 404);
}

static void on_end(void *ctx, struct exchange *x) { (void)ctx; api_part(x); }

/* --- wiring --- */

enum err
docs_new(struct api *api, struct docs **ret, struct error *e)
{
	struct docs *d = calloc(1, sizeof(*d));
	struct asset as;

	if (d == NULL || !site_ok() || !site_find(S(SITE_NOT_FOUND), &as)) {
		free(d);
		return fail(e, E_SYS, NULL, "no memory for the documentation, or none was linked in");
	}
	d->api = api;
	pthread_mutex_init(&d->lock, NULL);
	*ret = d;
	return OK;
}

void
docs_free(struct docs *d)
{
	spec_free(d->specs);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void
docs_faces(struct docs *d, struct front_face ret[DOCS_FACES])
{
	static const struct { str path; bool below; } at[DOCS_FACES] = {
		{ S_INIT("/docs"), true }, { S_INIT("/docs.md"), false }, { S_INIT("/"), false }, { S_INIT("/llms.txt"), false }, { S_INIT("/llms-full.txt"), false },
		{ S_INIT("/openapi.yaml"), false }, { S_INIT("/openapi.json"), false },
	};

	for (int i = 0; i < DOCS_FACES; i++)
		ret[i] = (struct front_face){ at[i].path, at[i].below, { on_head, on_run, on_run, on_end, d } };
}
