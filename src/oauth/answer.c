/* answer -- errors of RFC 6749, and answers that nobody may keep. */
#include "api/cors.h"
#include "oauth/oauth_priv.h"
#include <stdio.h>

static const struct { int status; const char *word; } rows[O_COUNT] = {
#define X(id, status, word) [O_##id] = { status, word },
	OAUTH_ERRORS(X)
#undef X
};

const char *refused_word(enum refused code) { return rows[code].word; }

enum refused
refuse(struct refusal *r, enum refused code, const char *fmt, ...)
{
	va_list ap;

	*r = (struct refusal){ .code = code };
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	for (char *c = r->why; *c != '\0'; c++)		/* RFC 6749 5.2 allows no others */
		*c = *c < ' ' || *c > '~' || *c == '\\' ? '?' : *c == '"' ? '\'' : *c;
	return code;
}

void
answer_json(struct turn *t, int status, const struct buf *b)
{
	struct exchange *x = t->f.x;

	front_add(x, "X-Request-Id", api_request_id(x));
	front_add(x, "Content-Type", "application/json");
	front_add(x, "Cache-Control", "no-store");
	front_add(x, "Pragma", "no-cache");
	front_add(x, "X-Content-Type-Options", "nosniff");
	cors_headers(t->f.conf, x);
	front_answer(x, status, buf_str(b));
}

void
answer_refusal(struct turn *t)
{
	struct exchange *x = t->f.x;
	struct json j;
	struct buf b;

	buf_init(&b, t->f.a, 4096);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("error"), str_z(refused_word(t->r.code)));
	jw_key_str(&j, S("error_description"), str_z(t->r.why));
	jw_end(&j);
	if (t->r.retry_s != 0)
		front_add(x, "Retry-After", str_fmt(t->f.a, "%d", t->r.retry_s).p);
	if (t->r.code == O_INVALID_CLIENT && x->header[FH_AUTHORIZATION].p != NULL)
		front_add(x, "WWW-Authenticate", "Basic realm=\"scriped\", charset=\"UTF-8\"");
	if (t->r.code == O_INVALID_TOKEN)
		front_add(x, "WWW-Authenticate", "Bearer error=\"invalid_token\"");
	answer_json(t, rows[t->r.code].status, &b);
}

/* What the database says is nobody's business, but for whether it makes sense to come again. */
static void
refuse_for(struct turn *t)
{
	if ((err_row(t->f.code)->flags & EF_RETRY) == 0) {
		refuse(&t->r, O_SERVER_ERROR, "Something went wrong on our side.");
		return;
	}
	refuse(&t->r, O_UNAVAILABLE, "The server cannot do this right now. Try again.");
	t->r.retry_s = 1;
}

void
answer_code(struct turn *t)
{
	refuse_for(t);
	answer_refusal(t);
}

void
answer_page(struct turn *t, const char *title)
{
	struct html p;

	if (t->r.code == O_OK)
		refuse_for(t);
	front_add(t->f.x, "X-Request-Id", api_request_id(t->f.x));
	if (t->r.retry_s != 0)
		front_add(t->f.x, "Retry-After", str_fmt(t->f.a, "%d", t->r.retry_s).p);
	page_begin(&p, t->f.x, title);
	page_alert(&p, "%s", t->r.why);
	page_p(&p, "hint", "The program that sent you here made a mistake, or is not what it seems. You can close this window; nothing was allowed. (%s)",
	    refused_word(t->r.code));
	int status = rows[t->r.code].status;
	page_answer(&p, status == 401 ? 400 : status);		/* nobody here could show a credential */
}

void
take_turn(struct turn *t, str who, int purpose, int64_t limit, face_then *then)
{
	struct crypto_hash h = crypto_siphash(t->o->hash_key, who);

	face_rate(&t->f, t->o->limits, (struct limit_key){ h.lo, h.hi, (unsigned)purpose }, limit, then);
}

bool
has_turn(struct turn *t)
{
	const struct limit_state *s = &t->f.rate.st;

	if (!s->refused)
		return true;
	refuse(&t->r, O_TOO_MANY, "Too many of these requests. Try again in %d seconds.", s->reset_s);
	t->r.retry_s = s->reset_s;
	return false;
}
