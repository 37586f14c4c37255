/* keys -- API keys, minted and ended by Admins.  What changes a key holds at once on this node (rq->bust), on others when their
 * caches have aged. */
#include "model/key.h"
#include "api/rq.h"

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&key_rec, r, NULL, to);
}

enum err
keys_list(struct rq *rq)
{
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	TRY(key_page(rq->db, rq->who.workspace, (key_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &key_rec, sizeof(struct key), scan);
}

enum err
keys_get(struct rq *rq)
{
	struct key k;

	TRY(key_get(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, key), &k, &rq->err));
	return reply(rq, &key_rec, &k);
}

static enum err
check_version(struct rq *rq, str date)
{
	if (date.n == 0 || version_known(date))
		return OK;
	return fail(&rq->err, E_INVALID_REQUEST, "apiVersion", "There is no version '%.*s' of the API: use one such as " VERSION_CURRENT ".", STR(date));
}

/* POST /v1/keys.  The token is in this answer and nowhere else, so that there is nothing to replay. */
enum err
keys_create(struct rq *rq)
{
	const struct key_create *in = IN(rq, key_create);
	char *token = arena_alloc(rq->a, TOKEN_LEN + 1);
	struct key_minted m;

	TRY(check_version(rq, in->version));
	key_make(in, rq->who.workspace, (key_id){ fresh(rq) }, auth_name(rq->a, &rq->who), token, &m.key);
	m.token = (str){ token, TOKEN_LEN };
	digest h = auth_hash(rq->api->c.auth, m.token);
	TRY(key_insert(rq->db, &m.key, &h, &rq->err));
	made(rq, ID_key, &m.key.id.u);
	return reply(rq, &key_minted_rec, &m);
}

enum err
keys_update(struct rq *rq)
{
	const struct key_patch *in = IN(rq, key_patch);
	struct key k;

	TRY(key_hold(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, key), &k, &rq->err));
	TRY(check_match(rq, &key_rec, &k));
	TRY(check_version(rq, in->version));
	made(rq, ID_key, &k.id.u);
	if (k.revoked_at != TIME_NONE)
		return fail(&rq->err, E_CONFLICT, NULL, "A revoked API key can no longer be changed.");
	if (in->name.p != NULL)
		k.name = in->name;
	if (in->scopes != WORDS_NONE)
		k.scopes = in->scopes;
	if (in->expires_at != TIME_NONE)
		k.expires_at = in->expires_at != TIME_ERASED ? time_day(in->expires_at) : TIME_NONE;
	if (in->version.p != NULL)
		k.version = in->version.n != 0 ? in->version : STR_NONE;
	TRY(key_update(rq->db, &k, &rq->err));
	rq->bust = true;
	return reply(rq, &key_rec, &k);
}

enum err
keys_revoke(struct rq *rq)
{
	const struct key_revocation *in = IN(rq, key_revocation);
	key_id id = PATH_ID(rq, key);
	struct key k;

	TRY(key_hold(rq->db, rq->a, rq->who.workspace, id, &k, &rq->err));
	if (k.revoked_at != TIME_NONE)
		return fail(&rq->err, E_CONFLICT, NULL, "This API key is revoked already.");
	k.revoked_at = rq->now;
	k.revoked_by = auth_name(rq->a, &rq->who);
	k.revoked_reason = in->reason;
	TRY(key_revoke(rq->db, rq->who.workspace, id, rq->now, k.revoked_by, in->reason, &rq->err));
	made(rq, ID_key, &id.u);
	rq->bust = true;
	return reply(rq, &key_rec, &k);
}
