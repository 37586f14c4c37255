/* take -- what came, into the operation's record: bodies, queries, the idempotency key and the fingerprint. */
#include "api/rq.h"

static void
options(const struct rq *rq, struct rec_opts *o)
{
	*o = (struct rec_opts){ .strict = rq->conf->strict_bodies || (rq->inside != NULL && rq->inside->strict), .text_max = rq->conf->text_max };
}

enum err
take_query(struct rq *rq)
{
	static const struct rec none = { .name = "none", .size = sizeof(struct page_query) };
	const struct rec *rec = rq->op->method == M_GET && rq->op->in != NULL ? rec_in(rq) : &none;
	struct rec_opts o;
	struct rec_pair *p = NEW_N(rq->a, struct rec_pair, rq->x->nquery + 1);

	if (rq->x->query_bad)
		return fail(&rq->err, E_INVALID_REQUEST, NULL, "The query holds a bad escape, a NUL or invalid UTF-8, or too many parameters.");
	for (int i = 0; i < rq->x->nquery; i++)
		p[i] = (struct rec_pair){ rq->x->query[i].name, rq->x->query[i].value };
	options(rq, &o);
	void *to = arena_alloc(rq->a, rec->size);
	if (rec != &none)
		rq->in = to;
	if (rq->inside != NULL && rq->inside->json != NULL && rq->op->method == M_GET)
		return rec_decode(rec, &o, rq->a, rq->inside->json, to, &rq->notes, &rq->err);
	return rec_decode_pairs(rec, &o, rq->a, p, rq->x->nquery, to, &rq->notes, &rq->err);
}

/* application/json, whatever its parameters; no type at all counts as JSON */
static bool
is_json(str type)
{
	if (type.p == NULL)
		return true;
	return str_ieq(str_trim(str_split(&type, ';')), S("application/json"));
}

static bool
key_ok(str k)
{
	if (k.n < 1 || k.n > 64)
		return false;
	for (size_t i = 0; i < k.n; i++) {
		char c = k.p[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
			return false;
	}
	return true;
}

static void
take_key(struct rq *rq)
{
	str k = rq->x->header[FH_IDEMPOTENCY_KEY];

	if (!(rq->op->flags & OP_IDEMPOTENT) || k.p == NULL)
		return;
	if (key_ok(k) && !rq->x->header_twice[FH_IDEMPOTENCY_KEY])
		rq->idem_key = k;
	else
		rq->idem_malformed = true;
}

static void
add_to(void *ctx, str piece)
{
	crypto_sha256_add(ctx, piece);
}

static void
fingerprint(struct rq *rq, json_t *body)
{
	struct crypto_sha256 h;

	rec_unfree(rec_in(rq), body);
	crypto_sha256_init(&h);
	json_canonical(body, add_to, &h);
	rq->fingerprint = crypto_sha256_end(&h);
}

enum err
take_media(struct rq *rq)
{
	if (rq->op->in == NULL || rq->op->method == M_GET || !rq->x->has_body || is_json(rq->x->header[FH_CONTENT_TYPE]))
		return OK;
	return fail(&rq->err, E_UNSUPPORTED_MEDIA_TYPE, NULL, "The body must be application/json, and the Content-Type must say so.");
}

/* A body that came as the options of a command, or not at all. */
static enum err
take_fields(struct rq *rq)
{
	const struct api_call *c = rq->inside;
	struct rec_opts o;

	options(rq, &o);
	rq->in = arena_alloc(rq->a, rq->op->in->size);
	return rec_decode_pairs(rec_in(rq), &o, rq->a, c != NULL ? c->fields : NULL, c != NULL ? c->nfields : 0, rq->in, &rq->notes, &rq->err);
}

/* An action whose fields are all optional can be asked for without a body. */
static bool
may_be_left_out(const struct op *o)
{
	for (int i = 0; i < o->in->n; i++)
		if (o->in->f[i].flags & F_REQ)
			return false;
	return o->in->check == NULL && !(o->flags & OP_IDEMPOTENT);
}

static enum err
decode(struct rq *rq, json_t *v)
{
	struct rec_opts o;

	options(rq, &o);
	rq->in = arena_alloc(rq->a, rq->op->in->size);
	TRY(rec_decode(rec_in(rq), &o, rq->a, v, rq->in, &rq->notes, &rq->err));
	if (rq->idem_key.p != NULL)
		fingerprint(rq, v);
	return OK;
}

/* A body that whoever calls from inside has read already. */
static enum err
take_json(struct rq *rq)
{
	size_t most = body_cap(rq);

	if (rq->inside->bytes > most)
		return fail(&rq->err, E_PAYLOAD_TOO_LARGE, NULL, "The body is larger than %zu bytes.", most);
	return decode(rq, rq->inside->json);
}

enum err
take_body(struct rq *rq)
{
	bool read = rq->inside != NULL && rq->inside->json != NULL;
	json_t *v;

	if (rq->op->in != NULL && rq->inside != NULL && rq->inside->x.body.p == NULL && !read)
		return take_fields(rq);
	take_key(rq);
	if (rq->op->in == NULL)
		return OK;		/* an operation without a body ignores one */
	if (read)
		return take_json(rq);
	if (rq->x->body_over)
		return fail(&rq->err, E_PAYLOAD_TOO_LARGE, NULL, "The body is larger than %zu bytes.", rq->x->body_max);
	if (rq->x->body.n == 0 && may_be_left_out(rq->op))
		return take_fields(rq);
	if (rq->x->body.n == 0)
		return fail(&rq->err, E_INVALID_REQUEST, NULL, "A JSON object is expected in the body.");
	TRY(json_read(rq->x->body, &v, &rq->err));
	enum err code = decode(rq, v);
	json_decref(v);
	return code;
}
