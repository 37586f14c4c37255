/* answer -- headers and envelopes (contract 2.4, 2.7, 2.8, 12.1). */
#include "api/cors.h"
#include "api/rq.h"
#include <stdio.h>
#include <time.h>

#define OUT_MAX		((size_t)4 << 20)
#define RETRY_S		1		/* where nothing says better */

enum err
reply(struct rq *rq, const struct rec *rec, const void *v)
{
	struct json j;

	buf_init(&rq->out, rq->a, OUT_MAX);
	jw_begin(&j, &rq->out);
	if (!(rq->op->flags & OP_BARE)) {
		jw_obj(&j);
		jw_key(&j, S("data"));
	}
	rec_encode(version_rec(rq->version, rec), v, &j);
	if (!(rq->op->flags & OP_BARE))
		jw_end(&j);
	rq->status = 200;
	return OK;
}

enum err
announce(struct rq *rq, project_id p, int event_type, const struct rec *rec, const void *v)
{
	return event_put(rq->db, rq->a, rq->who.workspace, p, (event_id){ fresh(rq) }, event_type, rec, v, &rq->err);
}

void
made(struct rq *rq, enum id_kind k, const ulid *id)
{
	rq->resource = id_text(rq->a, k, id);
}

/* --- errors --- */

enum err
err_outside(enum err code)
{
	if (err_public(code))
		return code;
	return (err_row(code)->flags & EF_RETRY) ? E_UNAVAILABLE : E_INTERNAL;
}

/* A name or an address, and a port perhaps: nothing that could end the URL or the header it is put into. */
static bool
is_host(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr(".-_:[]", c) != NULL))
			return false;
	}
	return s.n != 0 && s.n <= 255;
}

/* How the caller reaches us: as it was set, as a trusted proxy says, or where we listen. */
static str
origin(const struct rq *rq)
{
	const struct exchange *x = rq->x;
	str set = str_z(rq->conf->public_url), hosts = x->header[FH_X_FORWARDED_HOST], host = str_trim(str_split(&hosts, ','));

	while (str_ends(set, S("/")))
		set.n--;
	if (set.n != 0)
		return set;
	if (rq->proxied && is_host(host))
		return str_fmt(rq->a, "%s://%.*s", str_ieq(x->header[FH_X_FORWARDED_PROTO], S("https")) ? "https" : "http", STR(host));
	return str_z(x->url);
}

static str
docs_base(const struct rq *rq)
{
	if (rq->conf->docs_url_base[0] != '\0')
		return str_z(rq->conf->docs_url_base);
	return str_fmt(rq->a, "%.*s/docs", STR(origin(rq)));
}

static void
details(const struct error *e, bool known, struct json *j)
{
	if (e->extra.p != NULL) {
		jw_key(j, (err_row(e->code)->flags & EF_META) ? S("meta") : S("details"));
		jw_raw(j, e->extra);
	} else if (known && e->field != NULL) {
		jw_key(j, S("details"));
		jw_obj(j);
		jw_key_str(j, S("field"), str_z(e->field));
		jw_key_str(j, S("reason"), str_z(e->detail));
		jw_end(j);
	}
}

/* A detail may quote a caller and be cut in the middle of a character; what is not UTF-8 any more is left off. */
static str
whole(const char *text)
{
	str s = str_z(text);

	while (s.n > 0 && !utf8_ok(s))
		s.n--;
	return s;
}

void
error_body(struct rq *rq, enum err code)
{
	enum err shown = err_outside(code);
	const struct err_row *row = err_row(shown);
	struct json j;

	buf_init(&rq->out, rq->a, 16384);
	jw_begin(&j, &rq->out);
	jw_obj(&j);
	jw_key(&j, S("error"));
	jw_obj(&j);
	jw_key_str(&j, S("code"), str_z(row->slug));
	jw_key_str(&j, S("message"), shown == code && rq->err.detail[0] != '\0' ? whole(rq->err.detail) : str_z(row->message));
	jw_key_str(&j, S("request_id"), str_z(rq->id_text));
	jw_key_str(&j, S("docs_url"), str_fmt(rq->a, "%.*s/api/v1/errors#%s", STR(docs_base(rq)), row->slug));
	details(&rq->err, shown == code, &j);
	jw_end(&j);
	jw_end(&j);
	rq->status = row->http;
}

/* --- headers --- */

static const char *
number(struct rq *rq, int64_t v)
{
	struct buf b;

	buf_init(&b, rq->a, 32);
	buf_i64(&b, v);
	buf_char(&b, '\0');
	return b.p;
}

static void
rate_headers(struct rq *rq)
{
	const struct limit_state *st = &rq->rate;
	const char *name = buckets[rq->op->bucket].name;

	front_add(rq->x, "X-RateLimit-Limit", number(rq, st->limit));
	front_add(rq->x, "X-RateLimit-Remaining", number(rq, st->remaining));
	front_add(rq->x, "X-RateLimit-Reset", number(rq, st->reset_s));
	front_add(rq->x, "RateLimit-Policy", str_fmt(rq->a, "\"%s\";q=%d;w=60", name, st->limit).p);
	front_add(rq->x, "RateLimit", str_fmt(rq->a, "\"%s\";r=%d;t=%d", name, st->remaining, st->reset_s).p);
}

static void
challenge(struct rq *rq)
{
	const char *more = rq->status == 401 && rq->x->header[FH_AUTHORIZATION].p != NULL ? ", error=\"invalid_token\"" : "";
	struct buf scopes;

	if (rq->status == 403) {
		buf_init(&scopes, rq->a, 200);
		for (int i = 0; i < SCOPE_COUNT; i++)
			if (rq->op->scopes >> i & 1) {
				buf_add(&scopes, scopes.n != 0 ? S(" ") : S(""));
				buf_add(&scopes, str_z(scope_words.v[i]));
			}
		more = str_fmt(rq->a, ", error=\"insufficient_scope\", scope=\"%.*s\"", STR(buf_str(&scopes))).p;
	}
	front_add(rq->x, "WWW-Authenticate", str_fmt(rq->a, "Bearer resource_metadata=\"%.*s/.well-known/oauth-protected-resource\"%s",
	    STR(origin(rq)), more).p);
}

/* A field's name must not write a header: percent-encoded outside A-Za-z0-9_.- and cut at 64 (contract 12.1). */
static void
ignored(struct rq *rq)
{
	struct buf b;

	buf_init(&b, rq->a, REC_IGNORED * 80);
	for (int i = 0; i < rq->notes.nignored; i++) {
		struct buf one;
		str name = rq->notes.ignored[i];
		buf_init(&one, rq->a, 80);
		for (size_t k = 0; k < name.n; k++) {
			char c = name.p[k];
			bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-'
			    || (k == 0 && c == '?');
			if (one.n + (plain ? 1 : 3) > 64)
				break;		/* no half of an escape */
			if (plain)
				buf_char(&one, c);
			else
				buf_fmt(&one, "%%%02X", (uint8_t)c);
		}
		buf_add(&b, i > 0 ? S(", ") : S(""));
		buf_add(&b, buf_str(&one));
	}
	buf_char(&b, '\0');
	front_add(rq->x, "Scripe-Ignored-Fields", b.p);
}

/* Scripe-Deprecation as documented, RFC 9745, RFC 8594, and where to read about it. */
static void
deprecation(struct rq *rq)
{
	const struct version *v = rq->version;
	int64_t since = 0, end = 0;
	char sunset[40];
	struct tm tm;

	if (!date_parse(str_z(v->deprecated), &since) || !date_parse(str_z(v->sunset), &end))
		return;
	strftime(sunset, sizeof(sunset), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&(time_t){ end / 1000 }, &tm));
	front_add(rq->x, "Scripe-Deprecation", str_fmt(rq->a, "%s; sunset=%s; replacement=%s", v->date, v->sunset, v->replacement).p);
	front_add(rq->x, "Deprecation", str_fmt(rq->a, "@%lld", (long long)(since / 1000)).p);
	front_add(rq->x, "Sunset", str_dup(rq->a, str_z(sunset)).p);
	front_add(rq->x, "Link", str_fmt(rq->a, "<%.*s/api/v1/changelog>; rel=\"deprecation\"", STR(docs_base(rq))).p);
}

static void
special(struct rq *rq)
{
	if (rq->replayed || rq->first)
		front_add(rq->x, "Idempotent-Replayed", rq->replayed ? "true" : "false");
	if (rq->idem_malformed)
		front_add(rq->x, "Idempotency-Key-Ignored", "malformed");
	if (rq->notes.nignored > 0)
		ignored(rq);
	if (rq->status == 401 || (rq->status == 403 && rq->err.code == E_SCOPE_MISSING))
		challenge(rq);
	if (rq->status == 405)
		front_add(rq->x, "Allow", op_methods(rq->a, rq->allowed));
	if (rq->status == 429 || rq->status == 503 || (rq->status == 409 && (err_row(rq->err.code)->flags & EF_RETRY)))
		front_add(rq->x, "Retry-After", number(rq, MAX(rq->err.retry_s, RETRY_S)));
}

/* A single resource, read or written, carries its tag; replays none.  A caller who has it gets 304, with which the front
 * sends no body but the length that it would have (RFC 9110, 8.6). */
static void
tag(struct rq *rq)
{
	str known = rq->x->header[FH_IF_NONE_MATCH];

	if (rq->status != 200 || rq->op == NULL || rq->op->method == M_DELETE || (rq->op->flags & (OP_LIST | OP_BARE)) || rq->replayed)
		return;
	const char *etag = etag_of(rq);
	front_add(rq->x, "ETag", etag);
	if (known.p != NULL && rq->op->method == M_GET && etag_listed(known, etag)) {
		rq->status = 304;
	}
}

void
respond(struct rq *rq)
{
	struct exchange *x = rq->x;
	bool problem = rq->status >= 400 && !(rq->op != NULL && (rq->op->flags & OP_PUBLIC)) && prefers_problem(rq);

	if (problem)
		problem_body(rq);
	front_add(x, "Content-Type", problem ? "application/problem+json" : "application/json");
	front_add(x, "X-Request-Id", rq->id_text);
	front_add(x, "Scripe-Api-Version", rq->version != NULL ? rq->version->date : VERSION_CURRENT);
	if (rq->counted)
		rate_headers(rq);
	if (rq->op != NULL && (rq->op->flags & OP_PUBLIC)) {
		if (rq->status == 200)
			front_add(x, "Cache-Control", "max-age=5, public");
	} else {
		front_add(x, "Cache-Control", "private, no-cache");
		front_add(x, "Vary", "Accept, Authorization, Scripe-Api-Version");
	}
	if (unlikely(rq->version != NULL && rq->version->sunset != NULL))
		deprecation(rq);
	tag(rq);
	special(rq);
	cors_headers(rq->conf, x);
	if (atomic_load_explicit(&rq->api->draining, memory_order_relaxed))
		x->close = true;
	rq->stage = AT_ANSWER;
	front_answer(x, rq->status, buf_str(&rq->out));
}
