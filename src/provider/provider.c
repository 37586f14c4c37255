#include "provider/provider.h"
#include "dial/dial.h"
#include <stdio.h>

#define RETRY_MAX_S	3600
#define SAID_MAX	120		/* code points of a provider's own words in a `why` */
#define KEY_SHORT	4		/* shorter ones are placeholders; looking for them would spoil words */

/* --- what went wrong, for a person --- */

/* Without control characters, each run of them and of blanks one blank. */
static str
one_line(struct arena *a, str s)
{
	char *p = arena_raw(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0, from = 0; i < s.n; from = i) {
		uint32_t c = utf8_next(s, &i);
		if (c > 0x20 && (c < 0x7F || c > 0x9F)) {
			memcpy(p + n, s.p + from, i - from);
			n += i - from;
		} else if (n > 0 && p[n - 1] != ' ') {
			p[n++] = ' ';
		}
	}
	return (str){ p, n };
}

static str
without_key(struct arena *a, str s, str key)
{
	struct buf out;

	if (key.n < KEY_SHORT)
		return s;
	buf_init(&out, a, s.n + 1);
	for (const char *hit; (hit = memmem(s.p, s.n, key.p, key.n)) != NULL;) {
		size_t at = (size_t)(hit - s.p);
		buf_add(&out, str_cut(s, 0, at));
		buf_add(&out, S("***"));
		s = str_cut(s, at + key.n, s.n);
	}
	buf_add(&out, s);
	return buf_str(&out);
}

/* At most SAID_MAX code points and `room` bytes, without a full stop at the end. */
static str
clip(str s, size_t room)
{
	size_t end = 0;

	for (size_t i = 0, n = 0; i < s.n && n < SAID_MAX; n++) {
		utf8_next(s, &i);
		if (i > room)
			break;
		end = i;
	}
	s = str_trim(str_cut(s, 0, end));
	return str_ends(s, S(".")) ? str_cut(s, 0, s.n - 1) : s;
}

/* The name of the settings for each @. */
static str
named(const struct provider_call *c, const char *text)
{
	struct buf b;

	buf_init(&b, c->a, sizeof(c->why) * 2);
	for (const char *at; (at = strchr(text, '@')) != NULL; text = at + 1) {
		buf_add(&b, (str){ text, (size_t)(at - text) });
		buf_add(&b, str_z(c->to->name));
	}
	buf_add(&b, str_z(text));
	return buf_str(&b);
}

enum provider_fault
provider_blame(struct provider_call *c, enum provider_fault fault, const char *what, str said, const char *advice)
{
	str head = named(c, what), tail = named(c, advice);
	size_t size = sizeof(c->why), used = head.n + tail.n + sizeof(": . ");

	said = clip(without_key(c->a, one_line(c->a, said), str_z(c->to->key)), size > used ? size - used : 0);
	snprintf(c->why, size, "%.*s%s%.*s. %.*s", STR(head), said.n != 0 ? ": " : "", STR(said), STR(tail));
	return fault;
}

static const struct refusal { int status; enum provider_fault fault; const char *advice; } refusals[] = {
	{ 400, PROVIDER_REJECTED, "Check @_model, or shorten the source." },
	{ 401, PROVIDER_REJECTED, "Check @_key." },
	{ 402, PROVIDER_REJECTED, "Check the quota of that account." },
	{ 403, PROVIDER_REJECTED, "Check what @_key may do." },
	{ 404, PROVIDER_REJECTED, "Check @_url and @_model." },
	{ 408, PROVIDER_TIMEOUT, "Try again later." },
	{ 413, PROVIDER_REJECTED, "Shorten the source." },
	{ 422, PROVIDER_REJECTED, "Check @_model, or shorten the source." },
	{ 429, PROVIDER_UNAVAILABLE, "Try again later, or raise its limit." },
};
static const struct refusal out_of_quota = { 429, PROVIDER_REJECTED, "Check the quota of that account." };
static const struct refusal moved = { 300, PROVIDER_REJECTED, "Set @_url to where it redirects." };
static const struct refusal refused = { 400, PROVIDER_REJECTED, "Check @_url and @_model." };
static const struct refusal broken = { 500, PROVIDER_UNAVAILABLE, "Try again later." };

static const struct refusal *
refusal_of(int status, str code)
{
	if (str_eq(code, S("insufficient_quota")))
		return &out_of_quota;
	for (size_t i = 0; i < COUNT(refusals); i++)
		if (refusals[i].status == status)
			return &refusals[i];
	return status >= 400 && status < 500 ? &refused : status >= 300 && status < 400 ? &moved : &broken;
}

static enum provider_fault
blame_status(struct provider_call *c, const struct dial_result *r)
{
	struct provider_error said = { 0 };
	struct error e;
	json_t *root;
	char what[64];

	if (json_read(r->body, &root, &e) == OK) {
		said = provider_error(c->a, root);
		json_decref(root);
	}
	const struct refusal *row = refusal_of(r->status, said.code);
	if (row->fault != PROVIDER_REJECTED)
		c->retry_after_s = MIN(MAX(r->retry_after_s, 0), RETRY_MAX_S);
	snprintf(what, sizeof(what), "The provider answered %d", r->status);
	return provider_blame(c, row->fault, what, said.message, row->advice);
}

enum provider_fault
provider_blame_error(struct provider_call *c, const struct provider_error *said)
{
	const struct refusal *row = refusal_of(said->status, said->code);

	return provider_blame(c, row->fault, "The provider reported an error", said->message, row->advice);
}

static enum provider_fault
blame_dial(struct provider_call *c, const struct dial_result *r)
{
	str why = str_z(r->why);

	if (r->fault == DIAL_TIMEOUT)
		return provider_blame(c, PROVIDER_TIMEOUT, "No answer in time", why, "Try again, or raise the @_* time limits.");
	if (c->got)
		return provider_blame(c, PROVIDER_UNAVAILABLE, "The answer broke off", why, "Try again later.");
	return provider_blame(c, PROVIDER_UNAVAILABLE, "No answer from the provider", why, "Check @_url, or try again later.");
}

/* --- an error as servers write it --- */

static str
text_of(const json_t *v)
{
	return json_is_string(v) ? (str){ json_string_value(v), json_string_length(v) } : S("");
}

static void
read_code(struct arena *a, const json_t *v, struct provider_error *ret)
{
	int64_t n;

	if (json_is_integer(v))
		n = json_integer_value(v);
	else if (!str_int(text_of(v), &n))
		n = 0;
	if (n >= 400 && n < 600)
		ret->status = (int)n;
	else if (json_is_string(v))
		ret->code = str_dup(a, text_of(v));
}

struct provider_error
provider_error(struct arena *a, const json_t *root)
{
	const json_t *e = json_object_get(root, "error");
	struct provider_error ret = { .found = json_is_object(e) || json_is_string(e) };

	if (!ret.found)
		return ret;
	ret.message = str_dup(a, text_of(json_is_object(e) ? json_object_get(e, "message") : e));
	read_code(a, json_object_get(e, "code"), &ret);
	return ret;
}

/* In quarters: a plain letter is one, another letter with a case of its own or an accent two, an ideograph four, a picture eight. */
int64_t
provider_tokens(str text)
{
	int64_t quarters = 0;

	for (size_t i = 0; i < text.n;) {
		uint32_t c = utf8_next(text, &i);
		quarters += c < 0x80 ? 1 : c < 0x2E80 ? 2 : c < 0x10000 ? 4 : 8;
	}
	return (quarters + 3) / 4;
}

void
provider_put_message(struct json *j, str role, str content)
{
	jw_obj(j);
	jw_key_str(j, S("role"), role);
	jw_key_str(j, S("content"), content);
	jw_end(j);
}

/* --- the call --- */

static bool
is_printable(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((uint8_t)s.p[i] < 0x20 || s.p[i] == 0x7F)
			return false;
	return true;
}

static const char *
endpoint(struct arena *a, const struct provider *p)
{
	str s = str_z(p->url);

	while (str_ends(s, S("/")))
		s.n--;
	if (str_ends(s, str_z(p->path)))
		return str_dup(a, s).p;
	return str_fmt(a, "%.*s%s", STR(s), p->path).p;
}

static bool
take_piece(void *ctx, str piece)
{
	struct provider_call *c = ctx;

	c->got |= str_trim(piece).n != 0;
	return c->piece(c->ctx, piece);
}

static bool
ask_alive(void *ctx)
{
	struct provider_call *c = ctx;

	c->stopped = c->alive != NULL && !c->alive(c->ctx);
	return !c->stopped;
}

static void
send_request(const struct sys_clock *clock, struct provider_call *c, struct dial_result *ret)
{
	const struct provider *p = c->to;
	const char *headers[] = { str_fmt(c->a, "Content-Type: %s", c->content_type != NULL ? c->content_type : "application/json").p,
	    str_fmt(c->a, "Accept: %s", c->accept != NULL ? c->accept : "application/json").p, NULL, NULL };

	if (p->key[0] != '\0')
		headers[2] = str_fmt(c->a, "Authorization: Bearer %s", p->key).p;
	dial(c->a, clock, &(struct dial_request){ .method = "POST", .url = endpoint(c->a, p), .headers = headers, .body = c->body, .part = c->part, .parts = c->parts,
	    .connect_ms = p->connect_ms, .silence_ms = p->stall_ms, .total_ms = p->total_ms,
	    .max = c->max, .piece = c->piece != NULL ? take_piece : NULL, .alive = ask_alive, .ctx = c }, ret);
}

enum provider_fault
provider_ask(const struct sys_clock *clock, struct provider_call *c)
{
	struct dial_result r;

	if (!is_printable(str_z(c->to->key)))
		return provider_blame(c, PROVIDER_REJECTED, "The setting @_key holds a line break or control character", STR_NONE, "Set it anew.");
	send_request(clock, c, &r);
	c->status = r.status;
	c->answer = r.body;
	c->type = r.content_type;
	c->got |= r.body.n != 0;
	if (c->stopped)
		return provider_blame(c, PROVIDER_STOPPED, "The job was stopped while the provider worked", STR_NONE, "Submit it again.");
	if (r.status >= 300)
		return blame_status(c, &r);
	return r.fault == DIAL_OK || r.fault == DIAL_STOPPED ? PROVIDER_OK : blame_dial(c, &r);
}
