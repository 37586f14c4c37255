/* describe -- what a client says of itself (RFC 7591 section 2), registered or in a metadata document.
 *
 * What we use is judged; what a person might be shown is bounded and kept; what we do not know is dropped.  Nothing named here is ever fetched. */
#include "oauth/oauth_priv.h"
#include <stdio.h>

enum { NAME_MOST = 200, TEXT_MOST = 2000, CONTACTS_MOST = 10 };

/* Kept as they are, for whoever reads the registration. */
enum keep { KEEP_TEXT, KEEP_WEB };
static const struct { str name; enum keep how; } kept[] = {
	{ S_INIT("client_uri"), KEEP_WEB }, { S_INIT("logo_uri"), KEEP_WEB }, { S_INIT("tos_uri"), KEEP_WEB }, { S_INIT("policy_uri"), KEEP_WEB },
	{ S_INIT("software_id"), KEEP_TEXT }, { S_INIT("software_version"), KEEP_TEXT },
};

struct reading {
	struct arena *a;
	const json_t *in;
	bool document;
	const char *schemes;
	struct client *c;
	struct json *j;				/* into metadata */
	struct refusal *r;
};

static str text_of(const json_t *v) { return json_is_string(v) ? (str){ json_string_value(v), json_string_length(v) } : STR_NONE; }

static enum refused
wrong(struct reading *d, const char *name, const char *want)
{
	return refuse(d->r, O_INVALID_CLIENT_METADATA, "'%s' must be %s.", name, want);
}

/* Of a member that may be left out, or null: a text of at most `most` bytes without control characters. */
static enum refused
read_text(struct reading *d, const char *name, size_t most, str *ret)
{
	const json_t *v = json_object_get(d->in, name);

	*ret = STR_NONE;
	if (v == NULL || json_is_null(v))
		return O_OK;
	str s = text_of(v);
	bool plain = s.p != NULL && s.n <= most;
	for (size_t i = 0; plain && i < s.n; i++)
		plain = (uint8_t)s.p[i] >= ' ' && s.p[i] != 0x7F;
	if (!plain)
		return refuse(d->r, O_INVALID_CLIENT_METADATA, "'%s' must be one line of text of at most %zu bytes.", name, most);
	*ret = s;
	return O_OK;
}

static enum refused
read_kept(struct reading *d)
{
	str s;

	for (size_t i = 0; i < COUNT(kept); i++) {
		if (read_text(d, kept[i].name.p, TEXT_MOST, &s) != O_OK)
			return d->r->code;
		if (s.p == NULL)
			continue;
		if (kept[i].how == KEEP_WEB && s.n != 0 && !str_starts(s, S("https://")) && !str_starts(s, S("http://")))
			return wrong(d, kept[i].name.p, "an http or https URL");
		jw_key_str(d->j, kept[i].name, s);
	}
	return O_OK;
}

static enum refused
read_contacts(struct reading *d)
{
	const json_t *all = json_object_get(d->in, "contacts"), *v;
	size_t i;

	if (all == NULL || json_is_null(all))
		return O_OK;
	if (!json_is_array(all) || json_array_size(all) > CONTACTS_MOST)
		return wrong(d, "contacts", "an array of at most 10 strings");
	jw_key(d->j, S("contacts"));
	jw_arr(d->j);
	json_array_foreach(all, i, v) {
		if (!json_is_string(v) || json_string_length(v) > 320)
			return wrong(d, "contacts", "an array of strings of at most 320 bytes");
		jw_str(d->j, text_of(v));
	}
	jw_end(d->j);
	return O_OK;
}

/* Of the words that a client lists those that we have; the one that everybody needs must be among them. */
static enum refused
read_words(struct reading *d, const char *name, const char *const *ours, int n, unsigned absent)
{
	const json_t *all = json_object_get(d->in, name), *v;
	unsigned set = 0;
	size_t i;

	if (all == NULL || json_is_null(all))
		set = absent;
	else if (!json_is_array(all) || json_array_size(all) > 20)
		return wrong(d, name, "an array of at most 20 strings");
	json_array_foreach(all, i, v)
		for (int k = 0; k < n; k++)
			if (str_eq(text_of(v), str_z(ours[k])))
				set |= 1u << k;
	if (!(set & 1))
		return refuse(d->r, O_INVALID_CLIENT_METADATA, "'%s' must have '%s' in it.", name, ours[0]);
	jw_key(d->j, str_z(name));
	jw_arr(d->j);
	for (int k = 0; k < n; k++)
		if (set & 1u << k)
			jw_str(d->j, str_z(ours[k]));
	jw_end(d->j);
	return O_OK;
}

static enum refused
read_grants(struct reading *d)
{
	static const char *const grants[] = { "authorization_code", "refresh_token" }, *const types[] = { "code" };

	/* who names refresh_token need not ask for offline_access each time */
	if (read_words(d, "grant_types", grants, COUNT(grants), 1) != O_OK)
		return d->r->code;
	return read_words(d, "response_types", types, COUNT(types), 1);
}

static enum refused
read_auth_method(struct reading *d)
{
	str s;

	if (read_text(d, "token_endpoint_auth_method", 100, &s) != O_OK)
		return d->r->code;
	d->c->auth_method = s.p == NULL ? (d->document ? CLIENT_AUTH_NONE : CLIENT_AUTH_BASIC) : words_find(&client_auth_words, s);
	if (d->document && d->c->auth_method != CLIENT_AUTH_NONE)
		return refuse(d->r, O_INVALID_CLIENT_METADATA, "'token_endpoint_auth_method' must be none: a document shares no secret with this server.");
	if (d->c->auth_method < 0)
		return wrong(d, "token_endpoint_auth_method", "none, client_secret_basic or client_secret_post");
	if (d->document && (json_object_get(d->in, "client_secret") != NULL || json_object_get(d->in, "client_secret_expires_at") != NULL))
		return refuse(d->r, O_INVALID_CLIENT_METADATA, "A document must not have a client_secret.");
	return O_OK;
}

static enum refused
read_application_type(struct reading *d)
{
	str s;

	if (read_text(d, "application_type", 100, &s) != O_OK)
		return d->r->code;
	if (s.p != NULL && !str_eq(s, S("web")) && !str_eq(s, S("native")))
		return wrong(d, "application_type", "web or native");
	if (s.p != NULL)
		jw_key_str(d->j, S("application_type"), s);
	return O_OK;
}

static enum refused
read_redirects(struct reading *d)
{
	const json_t *all = json_object_get(d->in, "redirect_uris"), *v;
	enum redirect_kind kind;
	struct json j;
	struct buf b;
	size_t i;

	if (!json_is_array(all) || json_array_size(all) == 0 || json_array_size(all) > REDIRECTS_MOST)
		return refuse(d->r, O_INVALID_REDIRECT_URI, "'redirect_uris' must be an array of 1 to %d URIs.", REDIRECTS_MOST);
	buf_init(&b, d->a, (size_t)1 << 17);
	jw_begin(&j, &b);
	jw_arr(&j);
	json_array_foreach(all, i, v) {
		const char *odd = json_is_string(v) ? redirect_judge(text_of(v), d->schemes, &kind) : "must be a string";
		if (odd != NULL)
			return refuse(d->r, O_INVALID_REDIRECT_URI, "redirect_uris[%zu] %s.", i, odd);
		jw_str(&j, text_of(v));
	}
	jw_end(&j);
	d->c->redirects = buf_str(&b);
	return O_OK;
}

static enum refused
read_name(struct reading *d)
{
	str s, trimmed;

	if (read_text(d, "client_name", NAME_MOST, &s) != O_OK || read_text(d, "scope", TEXT_MOST, &d->c->scopes) != O_OK)
		return d->r->code;
	trimmed = str_trim(s);
	d->c->name = page_shows(trimmed) ? str_dup(d->a, trimmed) : str_dup(d->a, redirect_host(client_redirect(d->a, d->c, 0)));
	if (d->c->scopes.p != NULL)
		d->c->scopes = str_dup(d->a, d->c->scopes);
	return O_OK;
}

/* A document says which one it is, and that is where it was found. */
static enum refused
read_identity(struct reading *d, str url)
{
	if (!d->document)
		return O_OK;
	if (!str_eq(text_of(json_object_get(d->in, "client_id")), url))
		return refuse(d->r, O_INVALID_CLIENT_METADATA, "'client_id' must be the URL of the document, letter by letter.");
	str name = text_of(json_object_get(d->in, "client_name"));
	return page_shows(name) ? O_OK : refuse(d->r, O_INVALID_CLIENT_METADATA, "'client_name' must be given.");
}

enum refused
describe(struct arena *a, const json_t *in, str document, const char *schemes, struct client *ret, struct refusal *r)
{
	struct reading d = { .a = a, .in = in, .document = document.p != NULL, .schemes = schemes, .c = ret, .r = r };
	struct json j;
	struct buf b;

	if (!json_is_object(in))
		return refuse(r, O_INVALID_CLIENT_METADATA, "The metadata must be a JSON object.");
	buf_init(&b, a, DESCRIBE_MAX);
	jw_begin(&j, &b);
	jw_obj(&j);
	d.j = &j;
	enum refused (*const parts[])(struct reading *) = { read_redirects, read_name, read_auth_method, read_grants, read_application_type, read_kept, read_contacts };
	if (read_identity(&d, document) != O_OK)
		return r->code;
	for (size_t i = 0; i < COUNT(parts); i++)
		if (parts[i](&d) != O_OK)
			return r->code;
	jw_end(&j);
	ret->metadata = buf_str(&b);
	if (b.over)
		return refuse(r, O_INVALID_CLIENT_METADATA, "The metadata is too large.");
	return O_OK;
}

/* --- what was kept --- */

str
client_redirect(struct arena *a, const struct client *c, int n)
{
	json_error_t e;
	json_t *all = json_loadb(c->redirects.p, c->redirects.n, 0, &e);
	str s = n >= 0 ? text_of(json_array_get(all, (size_t)n)) : STR_NONE;

	if (s.p != NULL)
		s = str_dup(a, s);
	json_decref(all);
	return s;
}

bool
client_may_refresh(const struct client *c)
{
	json_error_t e;
	json_t *all = json_loadb(c->metadata.p, c->metadata.n, 0, &e), *v;
	bool may = false;
	size_t i;

	json_array_foreach(json_object_get(all, "grant_types"), i, v)
		may |= str_eq(text_of(v), S("refresh_token"));
	json_decref(all);
	return may;
}
