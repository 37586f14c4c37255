/* write -- the transaction of a write: idempotency, meaning, handler, audit (contract 12.1, design 3).
 *
 * On PostgreSQL it takes two round trips: in the first goes what is waited for, in the second the rest, with COMMIT.  So the key is claimed
 * without asking whether its record stands (model/ledger.h), and a handler may take things for granted in the same way: E_TAKEN or E_DUPLICATE
 * says that it was otherwise, and the request runs once more with rq->look set.
 *
 * What an idempotency key binds is what the row EF_BOUND of err.def says: 2xx, 404, 409, 422.  Such an error undoes
 * what the handler did, but its record and its audit entry commit. */
#include "api/rq.h"

struct audit
audit_entry(const struct rq *rq, int status)
{
	/* The id is the request's: a run that comes again after a lost COMMIT finds its own entry and makes no second one. */
	return (struct audit){
		.workspace = rq->who.workspace, .id = { rq->request }, .principal = auth_name(rq->a, &rq->who),
		.mode = str_z(key_mode_words.v[rq->who.mode]), .method = rq->x->method,
		.route = rq->op != NULL ? str_z(rq->op->path) : rq->x->path, .request = str_z(rq->id_text),
		.resource = rq->resource, .ip = rq->address, .status = status, .client = rq->who.client,
	};
}

static enum err
claim(struct rq *rq, struct idem *ret)
{
	bool sole = rq->db->ops->sole(rq->db);

	*ret = (struct idem){ .fresh = true };
	if (rq->idem_key.p == NULL)
		return OK;
	if (rq->look || sole)
		TRY(idem_look(rq->db, rq->a, rq->who.workspace, &rq->idem, &rq->fingerprint, rq->now,
		    rq->conf->keep_idempotency * 3600000, ret, &rq->err));
	return ret->fresh && !sole ? idem_claim(rq->db, rq->who.workspace, &rq->idem, &rq->err) : OK;
}

static enum err
stand(struct rq *rq, const struct idem *had)
{
	if (!had->same)
		return fail(&rq->err, E_IDEMPOTENCY_KEY_CONFLICT, NULL,
		    "This Idempotency-Key was used with another body in the last %lld hours.", (long long)rq->conf->keep_idempotency);
	rq->replayed = true;
	rq->wait_ms = 0;
	rq->status = had->status;
	buf_init(&rq->out, rq->a, had->body.n);
	buf_add(&rq->out, had->body);
	return OK;
}

static enum err
meaning(struct rq *rq)
{
	if (rq->notes.later.code == OK || (rq->op->flags & OP_MATCHES))
		return run_handler(rq);
	rq->err = rq->notes.later;
	return rq->err.code;
}

/* The handler, and all that it wanted to be there: what was missed first is what is said. */
static enum err
outcome(struct rq *rq)
{
	enum err code = meaning(rq);
	struct error first;

	if (code != OK && !(err_row(code)->flags & EF_BOUND))
		return code;
	if (db_settle(rq->db, &first) != OK) {
		rq->err = first;
		code = first.code;
		if (rq->op->in != NULL)
			rec_speak(rec_in(rq), rq->a, &rq->err);
	}
	return code;
}

/* The handler's outcome becomes the answer; an error that is bound undoes the handler and stands in its place. */
static enum err
perform(struct rq *rq, struct idem *had)
{
	struct error undo;
	enum err code = outcome(rq);

	if (code == OK && (rq->out.over || rq->a->over))
		code = fail(&rq->err, E_UNAVAILABLE, NULL, "The request needs more memory than one may have.");
	if (code == OK || !(err_row(code)->flags & EF_BOUND))
		return code;
	if ((code = rq->db->ops->rewind(rq->db, &undo)) != OK) {
		rq->err = undo;
		return code;
	}
	error_body(rq, rq->err.code);
	rq->wake = false;
	rq->wait_ms = 0;
	rq->resource = STR_NONE;
	return claim(rq, had);		/* the undone claim, made again */
}

static enum err
transact(struct rq *rq)
{
	struct idem had;

	TRY(claim(rq, &had));
	if (had.fresh)
		TRY(perform(rq, &had));
	if (!had.fresh) {
		enum err code = stand(rq, &had);
		if (code != OK)
			error_body(rq, code);
	} else if (rq->idem_key.p != NULL) {
		rq->first = true;
		TRY(idem_finish(rq->db, rq->who.workspace, &rq->idem, &rq->fingerprint, rq->now, rq->status,
		    buf_str(&rq->out), &rq->err));
	}
	struct audit a = audit_entry(rq, rq->status);
	return audit_insert(rq->db, &a, &rq->err);
}

enum err
write_run(struct call *c, struct db *db, struct error *e)
{
	struct rq *rq = (struct rq *)c;

	/* it may run more than once: everything from here on begins anew */
	arena_back(rq->a, rq->mark);
	rq->db = db;
	db_concerns(db, &rq->who.workspace.u);
	rq->now = sys_wall_ms(rq->api->c.clock);
	rq->resource = STR_NONE;
	rq->replayed = rq->first = rq->wake = rq->gone = rq->bust = rq->spend_held = false;
	rq->err.code = OK;
	enum err code = transact(rq);
	rq->db = NULL;
	if (code != OK)
		*e = rq->err;
	return code;
}
