/* login -- how a client proves who it is (RFC 6749 2.3): by header, in the form, or not at all where it has no secret. */
#include "oauth/oauth_priv.h"


str
client_name(struct arena *a, const struct client *c)
{
	return c->url.p != NULL ? c->url : id_text(a, ID_client, &c->id.u);
}

enum err
client_named(struct db *db, struct arena *a, str name, struct client *ret, bool *found, struct error *e)
{
	client_id id;

	*found = false;
	if (id_parse(ID_client, name, &id.u))
		return client_get(db, a, id, ret, found, e);
	return memchr(name.p, ':', name.n) != NULL ? client_by_url(db, a, name, ret, found, e) : OK;
}

/* Under the server secret, and told apart by what it is for. */
digest
secret_hash(const struct oauth *o, const char *kind, str text)
{
	uint8_t under[32 + 32];
	digest name = crypto_sha256(str_z(kind)), d = crypto_sha256(text);

	memcpy(under, name.b, 32);
	memcpy(under + 32, d.b, 32);
	return crypto_hmac(&o->secret, (str){ (const char *)under, sizeof(under) });
}

/* --- what the request says --- */

static int
base64_digit(char c)
{
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(all, c) : NULL;

	return at != NULL ? (int)(at - all) : -1;
}

/* Into base64url, which crypto reads; false: it is no base64. */
static bool
unbase64(struct arena *a, str s, str *ret)
{
	char *p = arena_raw(a, s.n + 1);

	for (size_t i = 0; i < s.n; i++) {
		if (base64_digit(s.p[i]) < 0 && s.p[i] != '=')
			return false;
		p[i] = s.p[i] == '+' ? '-' : s.p[i] == '/' ? '_' : s.p[i];
	}
	return crypto_unb64(a, (str){ p, s.n }, ret);
}

/* Both halves are encoded as in a form (RFC 6749 2.3.1). */
static bool
form_decoded(struct arena *a, str s, str *ret)
{
	struct front_param one;
	int n;

	if (memchr(s.p, '&', s.n) != NULL || memchr(s.p, '=', s.n) != NULL || !front_form(a, str_fmt(a, "v=%.*s", STR(s)), &one, 1, &n) || n != 1)
		return false;
	*ret = one.value;
	return true;
}

static bool
read_header(struct arena *a, str header, struct credentials *ret)
{
	str both, id;

	if (!str_ieq(str_cut(header, 0, 6), S("Basic ")) || !unbase64(a, str_trim(str_cut(header, 6, header.n)), &both))
		return false;
	id = str_split(&both, ':');
	return both.p != NULL && form_decoded(a, id, &ret->id) && form_decoded(a, both, &ret->secret);
}

enum refused
credentials_read(struct turn *t, const struct params *p, struct credentials *ret)
{
	str header = t->f.x->header[FH_AUTHORIZATION], id = param(p, "client_id"), word = param(p, "client_secret");

	*ret = (struct credentials){ id, word };
	if (header.p == NULL)
		return id.p != NULL ? O_OK : refuse(&t->r, O_INVALID_CLIENT, "Say who you are: send client_id, or an Authorization header of type Basic.");
	if (t->f.x->header_twice[FH_AUTHORIZATION] || !read_header(t->f.a, header, ret))
		return refuse(&t->r, O_INVALID_CLIENT, "The Authorization header must be 'Basic' and the client's id and secret in base64.");
	if (word.p != NULL)
		return refuse(&t->r, O_INVALID_REQUEST, "Send the client's secret once: in the Authorization header or in the form.");
	if (id.p != NULL && !str_eq(id, ret->id))
		return refuse(&t->r, O_INVALID_CLIENT, "client_id is not the client of the Authorization header.");
	return O_OK;
}

/* --- whether it is true --- */

static bool
holds(const struct oauth *o, const struct client *c, str given)
{
	digest want, got = secret_hash(o, "client secret", given);

	if (c->secret.n != sizeof(want.b))
		return false;
	memcpy(want.b, c->secret.p, sizeof(want.b));
	return crypto_same(&want, &got);
}

enum err
client_login(struct turn *t, struct db *db, const struct credentials *c, struct client *ret, struct error *e)
{
	bool found;

	TRY(client_named(db, t->f.a, c->id, ret, &found, e));
	if (!found)
		refuse(&t->r, O_INVALID_CLIENT, "This client is unknown here. Register again.");
	else if (ret->auth_method == CLIENT_AUTH_NONE && c->secret.n != 0)
		refuse(&t->r, O_INVALID_CLIENT, "This client has no secret: send its client_id alone.");
	else if (ret->auth_method != CLIENT_AUTH_NONE && !holds(t->o, ret, c->secret))
		refuse(&t->r, O_INVALID_CLIENT, c->secret.n != 0 ? "The client's secret is wrong." : "This client must send its secret.");
	return OK;
}
