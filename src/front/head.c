#include "front/front_priv.h"

/* The characters of a token (RFC 9110, 5.6.2). */
static const bool token_char[256] = {
	['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true,
	['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true,
	['`'] = true, ['|'] = true, ['~'] = true,
};

static bool
is_token(str s)
{
	bool ok = s.n != 0;

	for (size_t i = 0; i < s.n; i++)
		ok &= token_char[(uint8_t)s.p[i]];
	return ok;
}

static const str names[FH_COUNT] = {
#define X(id, name) S_INIT(name),
	FRONT_HEADERS(X)
#undef X
};

/* Length and first letter tell the names apart; FH_COUNT for one that nobody asks for. */
static enum front_header
header_of(str s)
{
	enum front_header h;

#define KEY(n, c) ((n) << 8 | (c))
	switch (KEY((int)MIN(s.n, 64), s.p[0] | 0x20)) {
	case KEY(4, 'h'): h = FH_HOST; break;
	case KEY(6, 'a'): h = FH_ACCEPT; break;
	case KEY(6, 'c'): h = FH_COOKIE; break;
	case KEY(6, 'e'): h = FH_EXPECT; break;
	case KEY(6, 'o'): h = FH_ORIGIN; break;
	case KEY(8, 'i'): h = FH_IF_MATCH; break;
	case KEY(8, 'm'): h = FH_MCP_NAME; break;
	case KEY(10, 'm'): h = FH_MCP_METHOD; break;
	case KEY(10, 'u'): h = FH_USER_AGENT; break;
	case KEY(12, 'c'): h = FH_CONTENT_TYPE; break;
	case KEY(13, 'a'): h = FH_AUTHORIZATION; break;
	case KEY(13, 'i'): h = FH_IF_NONE_MATCH; break;
	case KEY(13, 'l'): h = FH_LAST_EVENT_ID; break;
	case KEY(14, 'c'): h = FH_CONTENT_LENGTH; break;
	case KEY(14, 'm'): h = FH_MCP_SESSION_ID; break;
	case KEY(14, 's'): h = (s.p[10] | 0x20) == 'd' ? FH_SEC_FETCH_DEST : (s.p[10] | 0x20) == 'm' ? FH_SEC_FETCH_MODE : FH_SEC_FETCH_SITE; break;
	case KEY(15, 'a'): h = FH_ACCEPT_ENCODING; break;
	case KEY(15, 'i'): h = FH_IDEMPOTENCY_KEY; break;
	case KEY(15, 'x'): h = FH_X_FORWARDED_FOR; break;
	case KEY(16, 'x'): h = FH_X_FORWARDED_HOST; break;
	case KEY(16, 'c'): h = FH_CONTENT_ENCODING; break;
	case KEY(17, 't'): h = FH_TRANSFER_ENCODING; break;
	case KEY(17, 'x'): h = FH_X_FORWARDED_PROTO; break;
	case KEY(18, 's'): h = FH_SCRIPE_API_VERSION; break;
	case KEY(19, 's'): h = FH_SCRIPE_WORKSPACE_ID; break;
	case KEY(20, 'm'): h = FH_MCP_PROTOCOL_VERSION; break;
	case KEY(29, 'a'): h = FH_ACCESS_CONTROL_REQUEST_METHOD; break;
	default: return FH_COUNT;
	}
#undef KEY
	return str_ieq(s, names[h]) ? h : FH_COUNT;
}

/* Up to 0.9.77 the library is lax about request lines and header lines, and how it leaves them in memory shows it; later
 * ones have a level of strictness (front.c asks for it) and lay them out as they like. */
#define LAX	(MHD_VERSION < 0x00097701)

#define LIST_MAX	4096		/* of the lines of one list together */

/* The lines of a header that is a list are one list (RFC 9110, 5.3).  Of too many the later ones count: the nearest proxy's. */
static str
joined(struct arena *a, enum front_header h, str had, str v)
{
	if (had.p == NULL)
		return v;
	if (h == FH_COOKIE)		/* of HTTP/2 each may come by itself, and the proxy in front should have joined them (RFC 9113, 8.2.3) */
		return had.n + v.n > LIST_MAX ? v : str_fmt(a, "%.*s; %.*s", STR(had), STR(v));
	if (h != FH_ACCEPT && h != FH_ACCEPT_ENCODING && h != FH_IF_MATCH && h != FH_IF_NONE_MATCH && h != FH_X_FORWARDED_FOR)
		return had;
	return had.n + v.n > LIST_MAX ? v : str_fmt(a, "%.*s, %.*s", STR(had), STR(v));
}

struct pass { struct exchange *x; const char *end; bool bad; };

/* The lax library cuts a line at a NUL and glues a folded one to the name.  Lines follow each other in memory with their
 * CR LF made NUL, so either shows as a gap. */
static bool
follows(const char *end, const char *next)
{
	return !LAX || next == end + 1 || next == end + 2;
}

static enum MHD_Result
one_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t nname, const char *value, size_t nvalue)
{
	struct pass *p = cls;
	str k = { name, nname }, v = { value, nvalue };

	(void)kind;
	if (!follows(p->end, name) || !is_token(k)) {
		p->bad = true;
		return MHD_NO;
	}
	p->end = value + nvalue;
	enum front_header h = header_of(k);
	if (h == FH_COUNT)
		return MHD_YES;
	while (v.n != 0 && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	p->x->header_twice[h] |= p->x->header[h].p != NULL;
	p->x->header[h] = joined(&p->x->arena, h, p->x->header[h], v);
	return MHD_YES;
}

/* How long the body is: RFC 9112, 6.3, with no benefit of doubt.  The library has refused a length that is no number. */
static bool
read_framing(struct turn *t)
{
	const struct exchange *x = &t->x;
	str length = x->header[FH_CONTENT_LENGTH], coding = x->header[FH_TRANSFER_ENCODING];

	if (x->header_twice[FH_CONTENT_LENGTH] || x->header_twice[FH_TRANSFER_ENCODING])
		return false;
	if (coding.p != NULL) {
		/* a blank behind it would make the library read until the connection closes */
		if (length.p != NULL || t->http10 || !str_ieq(coding, S("chunked")) || coding.p[coding.n] != '\0')
			return false;
		t->chunked = true;
	}
	for (size_t i = 0; i < length.n; i++) {
		if (length.p[i] < '0' || length.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(t->length, 10, &t->length) ||
		    __builtin_add_overflow(t->length, (uint64_t)(length.p[i] - '0'), &t->length))
			return false;
	}
	return length.p == NULL || length.n != 0;
}

static bool
line_ok(const struct turn *t, const char *version)
{
	str target = t->x.target;
	bool ok = is_token(t->x.method) && target.n != 0;

	for (size_t i = 0; i < target.n; i++)
		ok &= (uint8_t)target.p[i] > 0x20 && target.p[i] != 0x7F;
	/* one blank between the three, and no NUL that would have cut one */
	return ok && (!LAX || version == t->x.method.p + t->x.method.n + 1 + target.n + 1);
}

bool
head_read(struct turn *t, const char *method, const char *version, int *ret_status)
{
	struct exchange *x = &t->x;
	struct pass p = { .x = x, .end = version + sizeof("HTTP/1.1") - 1 };
	size_t size = MHD_get_connection_info(t->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;

	t->http10 = version[7] == '0';
	x->method = str_z(method);
	*ret_status = size > HEADER_MAX ? 431 : 400;
	if (size > HEADER_MAX || !line_ok(t, version) || (LAX && memchr(method, '\r', size) != NULL))
		return false;
	MHD_get_connection_values_n(t->mhd, MHD_HEADER_KIND, one_header, &p);
	size_t tail = (size_t)(method + size - p.end);		/* the ends of the last line and of the empty one */
	if (p.bad || (LAX && (tail < 2 || tail > 4)))
		return false;
	if (x->header_twice[FH_HOST] || (x->header[FH_HOST].p == NULL && !t->http10) || !read_framing(t))
		return false;
	x->has_body = t->chunked || t->length != 0;
	t->expects = !t->http10 && str_ieq(x->header[FH_EXPECT], S("100-continue"));
	return true;
}

str
front_header(struct exchange *x, const char *name)
{
	const char *value = NULL;
	size_t n = 0;

	if (x->wake != NULL || MHD_lookup_connection_value_n(((struct turn *)x)->mhd, MHD_HEADER_KIND, name, strlen(name), &value, &n) != MHD_YES || value == NULL)
		return STR_NONE;
	return str_trim((str){ value, n });
}
