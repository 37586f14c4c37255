#include "blob/s3.h"
#include <stdio.h>

#define ALGORITHM	"AWS4-HMAC-SHA256"
#define UNSIGNED	"UNSIGNED-PAYLOAD"
#define URL_MAX		8192
#define SKEW_MS		(15 * 60 * INT64_C(1000))

/* --- words of the protocol --- */

struct stamp { char text[17]; };	/* 20260515T082100Z */

static struct stamp
stamp_of(int64_t now)
{
	char iso[TIME_LEN];
	struct stamp t;
	size_t n = 0;

	time_write(iso, now);
	for (size_t i = 0; i < 19; i++)
		if (iso[i] != '-' && iso[i] != ':')
			t.text[n++] = iso[i];
	t.text[n++] = 'Z';
	t.text[n] = '\0';
	return t;
}

static bool
stamp_read(struct arena *a, str s, int64_t *ret)
{
	if (s.n != 16 || s.p[8] != 'T' || s.p[15] != 'Z')
		return false;
	return time_parse(str_fmt(a, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", s.p, s.p + 4, s.p + 6, s.p + 9, s.p + 11, s.p + 13), ret);
}

static bool
unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

str
s3_encode(struct arena *a, str s, bool path)
{
	struct buf b;

	buf_init(&b, a, s.n * 3 + 1);
	for (size_t i = 0; i < s.n; i++) {
		if (unreserved(s.p[i]) || (path && s.p[i] == '/'))
			buf_char(&b, s.p[i]);
		else
			buf_fmt(&b, "%%%02X", (unsigned)(uint8_t)s.p[i]);
	}
	return buf_str(&b);
}

/* --- where it is --- */

struct address { str scheme, host, base; };	/* base: "" or "/…", encoded as it was given */

/* A name that is no label of a host, or one whose dots a certificate for *.host would not cover. */
static bool
wants_path(const struct s3_place *p, bool https)
{
	bool label = p->bucket.n >= 3 && p->bucket.n <= 63;

	for (size_t i = 0; i < p->bucket.n; i++) {
		char c = p->bucket.p[i];
		label &= (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (c == '.' && !https);
	}
	return p->path_style || !label;
}

static struct address
address_of(struct arena *a, const struct s3_place *p)
{
	str rest = p->endpoint.p != NULL ? p->endpoint : str_fmt(a, "https://s3.%.*s.amazonaws.com", STR(p->region));
	bool https = str_starts(rest, S("https://"));
	struct address at = { .scheme = https ? S("https://") : S("http://") };

	rest = str_cut(rest, at.scheme.n, rest.n);
	at.host = str_split(&rest, '/');
	at.base = rest.n == 0 ? S("") : str_fmt(a, "/%.*s", STR(rest));
	if (str_ends(at.base, S("/")))
		at.base.n--;
	if (wants_path(p, https))
		at.base = str_fmt(a, "%.*s/%.*s", STR(at.base), STR(s3_encode(a, p->bucket, false)));
	else
		at.host = str_fmt(a, "%.*s.%.*s", STR(p->bucket), STR(at.host));
	return at;
}

/* --- the signature --- */

static str scope_of(struct arena *a, const struct s3_place *p, const char *stamp) { return str_fmt(a, "%.8s/%.*s/s3/aws4_request", stamp, STR(p->region)); }

/* The query without its signature, in the order of its names; what stands behind the signature's place is `tail`. */
static str
query_of(struct arena *a, const struct s3_place *p, const char *stamp, int expires_s, str *ret_tail)
{
	str credential = str_fmt(a, "%.*s/%.*s", STR(p->key_id), STR(scope_of(a, p, stamp)));
	struct buf b;

	buf_init(&b, a, URL_MAX);
	buf_fmt(&b, "X-Amz-Algorithm=" ALGORITHM "&X-Amz-Content-Sha256=" UNSIGNED "&X-Amz-Credential=%.*s&X-Amz-Date=%s&X-Amz-Expires=%d",
	    STR(s3_encode(a, credential, false)), stamp, expires_s);
	if (p->token.p != NULL)
		buf_fmt(&b, "&X-Amz-Security-Token=%.*s", STR(s3_encode(a, p->token, false)));
	*ret_tail = S("&X-Amz-SignedHeaders=content-type%3Bhost&x-id=PutObject");
	return buf_str(&b);
}

static digest
chain(const digest *key, str s)
{
	return crypto_hmac_of((str){ (const char *)key->b, sizeof(key->b) }, s);
}

/* What is signed of a request. */
struct signing {
	str method, path, query;
	str headers, names;		/* "name:value\n…" in the order of their names, and these: "content-type;host" */
	str payload;			/* hex SHA-256 of the body, or UNSIGNED */
};

static digest
signature(struct arena *a, const struct s3_place *p, const struct signing *s, const char *stamp)
{
	str request = str_fmt(a, "%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s", STR(s->method), STR(s->path), STR(s->query), STR(s->headers), STR(s->names), STR(s->payload));
	digest d = crypto_sha256(request), k;
	char hex[65];

	crypto_hex(hex, d.b, sizeof(d.b));
	k = crypto_hmac_of(str_fmt(a, "AWS4%.*s", STR(p->key_secret)), (str){ stamp, 8 });
	k = chain(&k, p->region);
	k = chain(&k, S("s3"));
	k = chain(&k, S("aws4_request"));
	return chain(&k, str_fmt(a, ALGORITHM "\n%s\n%.*s\n%s", stamp, STR(scope_of(a, p, stamp)), hex));
}

static digest
put_signature(struct arena *a, const struct s3_place *p, str path, str query, str content_type, str host, const char *stamp)
{
	struct signing s = { .method = S("PUT"), .path = path, .query = query, .names = S("content-type;host"), .payload = S(UNSIGNED) };

	s.headers = str_fmt(a, "content-type:%.*s\nhost:%.*s\n", STR(content_type), STR(host));
	return signature(a, p, &s, stamp);
}

str
s3_presign_put(struct arena *a, const struct s3_place *p, str key, str content_type, int64_t now, int expires_s)
{
	struct stamp t = stamp_of(now);
	struct address at = address_of(a, p);
	str path = str_fmt(a, "%.*s/%.*s", STR(at.base), STR(s3_encode(a, key, true))), tail;
	str query = query_of(a, p, t.text, expires_s, &tail);
	digest d = put_signature(a, p, path, str_fmt(a, "%.*s%.*s", STR(query), STR(tail)), content_type, at.host, t.text);
	char hex[65];

	crypto_hex(hex, d.b, sizeof(d.b));
	return str_fmt(a, "%.*s%.*s%.*s?%.*s&X-Amz-Signature=%s%.*s", STR(at.scheme), STR(at.host), STR(path), STR(query), hex, STR(tail));
}

/* --- requests of our own --- */

#define EMPTY_SHA256	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

void
s3_sign(struct arena *a, const struct s3_place *p, const char *method, str key, str source, int64_t now, struct s3_signed *ret)
{
	s3_sign_asked(a, p, &(struct s3_asked){ .method = method, .key = key, .source = source }, now, ret);
}

void
s3_sign_asked(struct arena *a, const struct s3_place *p, const struct s3_asked *asked, int64_t now, struct s3_signed *ret)
{
	str query = asked->query.p != NULL ? asked->query : S("");
	struct stamp t = stamp_of(now);
	struct address at = address_of(a, p);
	struct signing s = { .method = str_z(asked->method), .query = query, .payload = asked->body ? S(UNSIGNED) : S(EMPTY_SHA256) };
	struct { const char *name; str value; } header[] = {		/* in the order of their names */
		{ "host", at.host }, { "x-amz-content-sha256", s.payload },
		{ "x-amz-copy-source", asked->source.p == NULL ? STR_NONE : str_fmt(a, "/%.*s/%.*s", STR(p->bucket), STR(s3_encode(a, asked->source, true))) },
		{ "x-amz-date", str_z(t.text) }, { "x-amz-security-token", p->token },
	};
	struct buf lines, names;
	char hex[65];
	int n = 0;

	buf_init(&lines, a, URL_MAX);
	buf_init(&names, a, URL_MAX);
	for (size_t i = 0; i < COUNT(header); i++) {
		if (header[i].value.p == NULL)
			continue;
		buf_fmt(&lines, "%s:%.*s\n", header[i].name, STR(header[i].value));
		buf_fmt(&names, "%s%s", n > 0 ? ";" : "", header[i].name);
		ret->header[n++] = str_fmt(a, "%s: %.*s", header[i].name, STR(header[i].value)).p;
	}
	s.path = str_fmt(a, "%.*s/%.*s", STR(at.base), STR(s3_encode(a, asked->key, true)));
	s.headers = buf_str(&lines);
	s.names = buf_str(&names);
	digest d = signature(a, p, &s, t.text);
	crypto_hex(hex, d.b, sizeof(d.b));
	ret->header[n++] = str_fmt(a, "Authorization: " ALGORITHM " Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%s",
	    STR(p->key_id), STR(scope_of(a, p, t.text)), STR(s.names), hex).p;
	ret->header[n++] = "Content-Type:";	/* none: libcurl would name one */
	ret->header[n] = NULL;
	ret->url = str_fmt(a, "%.*s%.*s%.*s%s%.*s", STR(at.scheme), STR(at.host), STR(s.path), query.n > 0 ? "?" : "", STR(query)).p;
}

str
s3_element(str xml, const char *name, str *rest)
{
	char open[32], close[32];
	int n = snprintf(open, sizeof(open), "<%s>", name);

	snprintf(close, sizeof(close), "</%s>", name);
	const char *from = xml.n > 0 ? memmem(xml.p, xml.n, open, (size_t)n) : NULL;
	if (from == NULL)
		return S("");
	str tail = { from + n, xml.n - (size_t)(from + n - xml.p) };
	const char *to = memmem(tail.p, tail.n, close, strlen(close));
	if (to == NULL)
		return S("");
	if (rest != NULL)
		*rest = str_cut(tail, (size_t)(to - tail.p), tail.n);
	return str_cut(tail, 0, (size_t)(to - tail.p));
}

/* --- judging --- */

/* The value of a parameter that comes exactly once, raw; absent otherwise. */
static str
only(str query, str name)
{
	str found = STR_NONE;

	while (query.n > 0) {
		str value = str_split(&query, '&'), n = str_split(&value, '=');
		if (!str_eq(n, name))
			continue;
		if (found.p != NULL)
			return STR_NONE;
		found = value.p != NULL ? value : S("");
	}
	return found;
}

static str
decoded(struct arena *a, str s)
{
	struct buf b;

	buf_init(&b, a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c;
		if (s.p[i] == '%' && crypto_unhex(str_cut(s, i + 1, i + 3), &c, 1)) {
			buf_char(&b, (char)c);
			i += 2;
		} else {
			buf_char(&b, s.p[i]);
		}
	}
	return buf_str(&b);
}

static int
parameters(str query)
{
	int n = 0;

	for (; query.n > 0; n++)
		str_split(&query, '&');
	return n;
}

/* Clients may write the parameters in another order or with other escapes; they may not leave one out, or add one. */
static bool
same_query(struct arena *a, str minted, str given)
{
	if (parameters(given) != parameters(minted) + 1)	/* the signature */
		return false;
	while (minted.n > 0) {
		str value = str_split(&minted, '&'), name = str_split(&value, '=');
		str theirs = only(given, name);
		if (theirs.p == NULL || !str_eq(decoded(a, theirs), decoded(a, value)))
			return false;
	}
	return true;
}

enum s3_verdict
s3_judge_put(struct arena *a, const struct s3_place *p, const struct s3_put *put, int64_t now)
{
	str date = only(put->query, S("X-Amz-Date")), credential = only(put->query, S("X-Amz-Credential")), tail;
	int64_t expires, at;
	digest theirs;

	if (!stamp_read(a, date, &at) || !str_int(only(put->query, S("X-Amz-Expires")), &expires) || expires < 1 || expires > S3_EXPIRES_MAX
	    || !crypto_unhex(only(put->query, S("X-Amz-Signature")), theirs.b, sizeof(theirs.b)) || credential.p == NULL)
		return S3_MALFORMED;
	const char *stamp = str_dup(a, date).p;
	str query = query_of(a, p, stamp, (int)expires, &tail);
	if (!str_eq(decoded(a, credential), decoded(a, only(query, S("X-Amz-Credential")))))
		return S3_OTHER_KEY;
	query = str_fmt(a, "%.*s%.*s", STR(query), STR(tail));
	if (!same_query(a, query, put->query))
		return S3_MALFORMED;
	str path = s3_encode(a, decoded(a, put->path), true);
	digest ours = put_signature(a, p, path, query, put->content_type, put->host, stamp);
	if (!crypto_same(&ours, &theirs))
		return S3_WRONG;
	if (at > now + SKEW_MS)
		return S3_NOT_YET;
	return now >= at + expires * 1000 ? S3_EXPIRED : S3_GOOD;
}
