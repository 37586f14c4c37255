/* load -- keys, tokens and sessions, as the database knows them. */
#include "auth/auth_priv.h"
#include "auth/token.h"
#include "model/grant.h"
#include "model/person.h"
#include "model/session.h"

struct loading { const secret *secret; const struct bearer *b; struct db *db; struct arena a; struct principal *ret; int64_t *used; };

/* What follows from the workspace. */
static enum err
enter(struct loading *l, workspace_id id, struct error *e)
{
	struct workspace w;

	TRY(workspace_get(l->db, &l->a, id, &w, e));
	l->ret->workspace = id;
	l->ret->plan = w.plan;
	l->ret->api_access = w.features.api_access;
	l->ret->budget = auth_budget(&id, 0);
	return OK;
}

static enum err
load_key(struct loading *l, struct error *e)
{
	digest h = crypto_hmac(l->secret, l->b->secret);
	struct key k;
	bool found;

	TRY(key_by_hash(l->db, &l->a, &h, &k, &found, e));
	if (!found)
		return fail(e, E_INVALID_TOKEN, NULL, "The API key is unknown.");
	*l->ret = (struct principal){ .type = PRINCIPAL_API_KEY, .key = k.id, .mode = k.mode, .scopes = k.scopes, .expires_at = k.expires_at,
	    .revoked_at = k.revoked_at };
	if (k.version.n < sizeof(l->ret->version))
		memcpy(l->ret->version, k.version.p != NULL ? k.version.p : "", k.version.n);
	*l->used = k.last_used_at;
	enum err code = enter(l, k.workspace, e);
	return code == E_NOT_FOUND ? fail(e, E_INVALID_TOKEN, NULL, "The workspace of this API key is gone.") : code;
}

/* --- people --- */

/* Where the person acts: in the workspace that is wanted, else in `usual`.  Who is no member there is told so, on the account of the usual one. */
static enum err
enter_as_member(struct loading *l, workspace_id usual, struct error *e)
{
	workspace_id w = usual;
	bool named = l->b->workspace.p == NULL || id_parse(ID_workspace, l->b->workspace, &w.u), member = false;

	l->ret->role = ROLE_CLIENT;
	if (named)
		TRY(person_role_in(l->db, l->ret->person, w, &l->ret->role, &member, e));
	if (!member)
		l->ret->flaw = FLAW_WORKSPACE;
	return enter(l, member ? w : usual, e);
}

/* One or several, separated by blanks: url, url/, url/mcp, url/api/mcp, url/v1, with a slash or without (contract 12.4).  Whoever may have one of them may
 * have all, and a grant is of one server: the first one tells. */
static bool
is_of(str resources, str url)
{
	static const str place[] = { S_INIT(""), S_INIT("/mcp"), S_INIT("/api/mcp"), S_INIT("/v1") };
	str resource = str_split(&resources, ' ');

	if (!str_starts(resource, url))
		return false;
	str rest = str_cut(resource, url.n, resource.n);
	if (str_ends(rest, S("/")))
		rest.n--;
	for (size_t i = 0; i < COUNT(place); i++)
		if (str_eq(rest, place[i]))
			return true;
	return false;
}

static enum err
load_token(struct loading *l, const ulid *id, int64_t moment, struct error *e)
{
	struct consent c;
	struct family f;
	bool found;

	TRY(family_get(l->db, &l->a, id, &f, &found, e));
	if (!found)
		return fail(e, E_INVALID_TOKEN, NULL, "The access token is unknown, or was given up long ago.");
	enum err code = consent_get(l->db, &l->a, f.person, f.consent, &c, e);
	if (code != OK)
		return code == E_NOT_FOUND ? fail(e, E_INVALID_TOKEN, NULL, "The program that this access token was given to is gone.") : code;
	*l->ret = (struct principal){ .type = PRINCIPAL_OAUTH, .person = f.person, .client = f.client, .consent = f.consent, .mode = MODE_LIVE,
	    .scopes = f.scopes & c.scopes & ((1u << SCOPE_COUNT) - 1), .expires_at = moment + ACCESS_MS, .revoked_at = f.revoked_at };
	if (c.revoked_at != TIME_NONE)
		l->ret->revoked_at = c.revoked_at;
	*l->used = c.used_at;
	TRY(enter_as_member(l, f.workspace, e));
	if (!is_of(f.resource, l->b->url))
		l->ret->flaw = FLAW_AUDIENCE;
	return OK;
}

static enum err
load_session(struct loading *l, int64_t now, struct error *e)
{
	digest h = crypto_hmac(l->secret, l->b->secret);
	workspace_id usual;
	struct session s;
	int role;
	bool found;

	TRY(session_by_hash(l->db, &l->a, &h, now, &s, &found, e));
	if (!found)
		return fail(e, E_INVALID_TOKEN, NULL, SESSION_OVER);
	TRY(person_first_workspace(l->db, s.person, &usual, &role, &found, e));
	if (!found)
		return fail(e, E_WORKSPACE_MISMATCH, NULL, "You are signed in, but belong to no workspace: ask an Admin of one for an invitation.");
	*l->ret = (struct principal){ .type = PRINCIPAL_USER, .person = s.person, .mode = MODE_LIVE, .expires_at = s.expires_at, .revoked_at = TIME_NONE };
	*l->used = s.seen_at;
	return enter_as_member(l, usual, e);
}

static enum err
load(struct loading *l, const ulid *family, int64_t number, int64_t now, struct error *e)
{
	switch (l->b->kind) {
	case BEARER_KEY: return load_key(l, e);
	case BEARER_TOKEN: return load_token(l, family, number, e);
	case BEARER_SESSION: break;
	}
	return load_session(l, now, e);
}

enum err
bearer_load(const secret *s, const struct bearer *b, struct db *db, int64_t now, struct principal *ret, int64_t *used, struct error *e)
{
	struct loading l = { .secret = s, .b = b, .db = db, .ret = ret, .used = used };
	enum token_kind kind;
	int64_t number = 0;
	ulid family;

	if (b->kind == BEARER_TOKEN && (!token_read(s, b->secret, &kind, &family, &number) || kind != TOKEN_ACCESS))
		return fail(e, E_INVALID_TOKEN, NULL, "The access token is malformed, or another server's.");
	if (db == NULL)
		return fail(e, E_NEED_DB, NULL, "cold");
	arena_init(&l.a, 1 << 16);
	enum err code = load(&l, &family, number, now, e);
	arena_free(&l.a);
	return code;
}
