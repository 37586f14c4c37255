/* bloburi -- setting `blob`: one URI for what the settings blob_bucket, blob_endpoint, blob_region and blob_path_style say.
 *
 *	s3://BUCKET[?endpoint=URL][&region=NAME][&path_style=true]
 *
 * It fills those settings, which the rest of the program reads, so that there is one truth.  What it does not say may be said by
 * the setting; what both say must be the same.  Access keys are never in it: a URI is shown in lists of processes and in logs. */
#include "conf/conf_priv.h"

#define KEYS_GO	"access keys belong in blob_key_id and blob_key_secret"

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* %XX undone; absent for what is none. */
static str
decoded(struct arena *a, str v)
{
	char *p = arena_raw(a, v.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		p[n++] = v.p[i];
		if (v.p[i] != '%')
			continue;
		if (i + 2 >= v.n || hex(v.p[i + 1]) < 0 || hex(v.p[i + 2]) < 0)
			return STR_NONE;
		p[n - 1] = (char)(hex(v.p[i + 1]) << 4 | hex(v.p[i + 2]));
		i += 2;
	}
	p[n] = '\0';
	return (str){ p, n };
}

/* What every S3 service takes as the name of a bucket. */
static bool
bucket_ok(str b)
{
	if (b.n < 3 || b.n > 63)
		return false;
	for (size_t i = 0; i < b.n; i++) {
		char c = b.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!letter && ((c != '-' && c != '.') || i == 0 || i == b.n - 1))
			return false;
	}
	return true;
}

static enum err
fill(struct conf *c, const char *name, str v, struct error *e)
{
	if (conf_given(c, name) && !conf_says(c, name, v))
		return fail(e, E_USAGE, "blob", "blob and %s say different things: leave one of them out", name);
	if (!conf_set(c, name, v))
		return fail(e, E_USAGE, "blob", "blob: what the URI says is no value of %s", name);
	return OK;
}

static enum err
take_parameter(struct conf *c, str pair, unsigned *seen, struct error *e)
{
	static const struct { str name; const char *setting; } known[] = {
		{ S_INIT("endpoint"), "blob_endpoint" }, { S_INIT("region"), "blob_region" }, { S_INIT("path_style"), "blob_path_style" },
	};
	str value = pair, name = str_split(&value, '=');

	for (size_t i = 0; i < COUNT(known); i++) {
		if (!str_eq(name, known[i].name))
			continue;
		value = decoded(&c->a, value);
		if (value.n == 0 || (*seen & 1u << i))
			return fail(e, E_USAGE, "blob", "blob: ?%s= needs one value, with %%XX for what a URI cannot hold", known[i].name.p);
		*seen |= 1u << i;
		if (i == 0 && !str_starts(value, S("https://")) && !str_starts(value, S("http://")))
			return fail(e, E_USAGE, "blob", "blob: ?endpoint= must be an http:// or https:// URL");
		return fill(c, known[i].setting, value, e);
	}
	return fail(e, E_USAGE, "blob", "blob: a URI has the parameters endpoint, region and path_style; " KEYS_GO);
}

enum err
blob_uri(struct conf *c, struct error *e)
{
	str rest = str_z(c->blob), query = rest;
	unsigned seen = 0;

	if (rest.n == 0)
		return OK;
	if (!str_starts(rest, S("s3://")))
		return fail(e, E_USAGE, "blob", "blob must be s3://BUCKET, with ?endpoint=URL, &region=NAME and &path_style=true where needed");
	query = str_cut(rest, 5, rest.n);
	str bucket = str_split(&query, '?');
	if (memchr(bucket.p, '@', bucket.n) != NULL)
		return fail(e, E_USAGE, "blob", "blob: " KEYS_GO ", not in the URI");
	if (str_ends(bucket, S("/")))
		bucket.n--;
	if (!bucket_ok(bucket))
		return fail(e, E_USAGE, "blob", "blob: behind s3:// stands the name of a bucket: 3 to 63 small letters, digits, dots and hyphens, and no folder");
	TRY(fill(c, "blob_bucket", bucket, e));
	while (query.p != NULL)
		TRY(take_parameter(c, str_split(&query, '&'), &seen, e));
	return OK;
}
