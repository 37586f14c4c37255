/* answer -- what is answered, and with which status. */
#include "api/cors.h"
#include "mcp/live.h"
#include <stdio.h>

#define OUT_MAX		((size_t)16 << 20)
#define SERVER		"\"io.modelcontextprotocol/serverInfo\":{\"name\":\"scriped\",\"title\":\"scriped\",\"version\":\"" SCRIPED_VERSION "\"}"

/* --- of a message --- */

static void
envelope(struct json *j, struct buf *b, struct arena *a, str id)
{
	buf_init(b, a, OUT_MAX);
	jw_begin(j, b);
	jw_obj(j);
	jw_key_str(j, S("jsonrpc"), S("2.0"));
	if (id.p != NULL) {
		jw_key(j, S("id"));
		jw_raw(j, id);
	}
}

struct json *
mcp_result_meta(struct ask *k, str type, str meta)
{
	bool modern = is_modern(k->version);

	envelope(&k->j, &k->out, k->a, k->id);
	jw_key(&k->j, S("result"));
	jw_obj(&k->j);
	if (modern)
		jw_key_str(&k->j, S("resultType"), type);
	if (modern || meta.n != 0) {
		jw_key(&k->j, S("_meta"));
		buf_add(&k->out, S("{"));
		buf_add(&k->out, modern ? S(SERVER) : S(""));
		buf_add(&k->out, modern && meta.n != 0 ? S(",") : S(""));
		jw_raw(&k->j, meta);
		buf_add(&k->out, S("}"));
	}
	return &k->j;
}

struct json *mcp_result_as(struct ask *k, str type) { return mcp_result_meta(k, type, STR_NONE); }
struct json *mcp_result(struct ask *k) { return mcp_result_meta(k, S("complete"), STR_NONE); }

void
mcp_caching(struct ask *k, int64_t ttl_ms, bool everybody)
{
	if (!is_modern(k->version))
		return;
	jw_key_i64(&k->j, S("ttlMs"), ttl_ms);
	jw_key_str(&k->j, S("cacheScope"), everybody ? S("public") : S("private"));
}

void
mcp_done(struct ask *k)
{
	struct error e;

	jw_end(&k->j);
	jw_end(&k->j);
	if (k->out.over || k->a->over) {
		(void)fail(&e, E_UNAVAILABLE, NULL, "The answer needs more memory than one may have: ask for less.");
		mcp_refuse(k, E_UNAVAILABLE, &e);
		return;
	}
	ask_end(k);
}

static int
status_of(const struct ask *k, int code)
{
	if (k->http != 0)
		return k->http;
	if (code == RPC_PARSE || code == RPC_REQUEST)
		return 400;
	if (!is_modern(k->version))
		return 200;
	return code == RPC_METHOD ? 404 : code == RPC_HEADER || code == RPC_CAPABILITY || code == RPC_VERSION ? 400 : 200;
}

static str
error_text(struct arena *a, str id, int code, str data, str message)
{
	struct buf b;
	struct json j;

	envelope(&j, &b, a, id);
	jw_key(&j, S("error"));
	jw_obj(&j);
	jw_key_i64(&j, S("code"), code);
	jw_key_str(&j, S("message"), message);
	if (data.p != NULL) {
		jw_key(&j, S("data"));
		jw_raw(&j, data);
	}
	jw_end(&j);
	jw_end(&j);
	return buf_str(&b);
}

str
answer_error(struct arena *a, str id, int code, str data, const char *message)
{
	str m = str_z(message);

	while (m.n > 0 && !utf8_ok(m))		/* it may quote a caller and be cut in the middle of a character */
		m.n--;
	return error_text(a, id, code, data, m);
}

static void
end_with(struct ask *k, int code, str data, const char *message)
{
	str text = answer_error(k->a, k->id, code, data, message);

	k->http = status_of(k, code);
	k->failed = true;
	buf_init(&k->out, k->a, text.n);
	buf_add(&k->out, text);
	ask_end(k);
}

void
mcp_fail_data(struct ask *k, int code, str data, const char *fmt, ...)
{
	char text[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	end_with(k, code, data, text);
}

void
mcp_fail(struct ask *k, int code, const char *fmt, ...)
{
	char text[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	end_with(k, code, STR_NONE, text);
}

/* {"code":"rate_limited","help":"…"}: what the API calls it. */
static str
told(struct arena *a, enum err code)
{
	const struct err_row *row = err_row(err_public(code) ? code : (err_row(code)->flags & EF_RETRY) ? E_UNAVAILABLE : E_INTERNAL);
	struct buf b;
	struct json j;

	buf_init(&b, a, 1000);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("code"), str_z(row->slug));
	jw_key_str(&j, S("help"), str_z(row->help));
	jw_end(&j);
	return buf_str(&b);
}

static int
code_of(enum err code)
{
	int http = err_row(code)->http;

	return http == 400 || http == 404 || http == 413 || http == 422 ? RPC_PARAMS : RPC_INTERNAL;
}

void
mcp_refuse(struct ask *k, enum err code, const struct error *e)
{
	bool open = err_public(code) && e->detail[0] != '\0';

	end_with(k, code_of(code), told(k->a, code), open ? e->detail : "The service cannot do this right now. Try again.");
}

void
ask_end(struct ask *k)
{
	call_end(k);
	json_decref(k->spare);
	k->spare = NULL;
	mcp_count(k);
	if (k->live != NULL)
		live_done(k);
	else
		turn_next(k->turn);
}

/* --- of an exchange --- */

void
turn_answer(struct turn *t, int status, str body)
{
	struct exchange *x = t->f.x;

	if (body.n != 0)
		front_add(x, "Content-Type", "application/json");
	front_add(x, "X-Request-Id", api_request_id(x));
	front_add(x, "Cache-Control", "no-store");
	cors_headers(t->f.conf, x);
	if (atomic_load_explicit(&t->m->api->draining, memory_order_relaxed))
		x->close = true;
	front_answer(x, status, body);
}

void
turn_fail(struct turn *t, int status, str id, int code, str data, const char *message)
{
	turn_answer(t, status, answer_error(t->f.a, id, code, data, message));
}

static void
add_scopes(struct buf *b, unsigned scopes)
{
	bool first = true;

	for (int i = 0; i < SCOPE_COUNT; i++)
		if (scopes >> i & 1) {
			buf_add(b, first ? S("") : S(" "));
			buf_add(b, str_z(scope_words.v[i]));
			first = false;
		}
}

const char *
turn_challenge(struct turn *t, const char *error, unsigned scopes)
{
	struct exchange *x = t->f.x;
	const char *path = str_starts(x->path, S("/api/")) ? "/api/mcp" : "/mcp";
	struct buf b;

	buf_init(&b, t->f.a, 1000);
	buf_fmt(&b, "Bearer resource_metadata=\"%s/.well-known/oauth-protected-resource%s\"%s%s%s, scope=\"", face_url(&t->f), path,
	    error != NULL ? ", error=\"" : "", error != NULL ? error : "", error != NULL ? "\"" : "");
	add_scopes(&b, scopes);
	buf_add(&b, (str){ "\"", 2 });		/* and the NUL */
	return b.p;
}

void
turn_refuse(struct turn *t, enum err code)
{
	struct exchange *x = t->f.x;
	enum err shown = err_public(code) ? code : (err_row(code)->flags & EF_RETRY) ? E_UNAVAILABLE : E_INTERNAL;
	const struct err_row *row = err_row(shown);

	if (row->http == 401)
		front_add(x, "WWW-Authenticate", turn_challenge(t, x->header[FH_AUTHORIZATION].p != NULL ? "invalid_token" : NULL, tools_scopes(t->m->tools)));
	if (row->flags & EF_RETRY)
		front_add(x, "Retry-After", str_fmt(t->f.a, "%d", MAX(t->f.err.retry_s, 1)).p);
	turn_fail(t, row->http, STR_NONE, row->http >= 500 ? RPC_INTERNAL : RPC_REQUEST, told(t->f.a, shown),
	    shown == code && t->f.err.detail[0] != '\0' ? t->f.err.detail : row->message);
}
