/* pipeline -- the way of a request, stage by stage (see api.h).  Everything that is asked of every request is asked here. */
#include "api/cors.h"
#include "api/journal.h"
#include "kv/seen.h"

static int64_t mono(const struct rq *rq) { return sys_mono_us(rq->api->c.clock); }

/* A write that is refused before its transaction, and any refusal by 401 or 403 of a known key, is still audited. */
static bool
wants_audit(const struct rq *rq)
{
	int s = rq->status;

	if (rq->known != AUTH_KNOWN || rq->stage == AT_WRITE)
		return false;
	if (s == 401 || s == 403)
		return true;
	return rq->op != NULL && (rq->op->flags & OP_TX) && s >= 400 && s < 500 && s != 429;
}

void
rq_stop(struct rq *rq, enum err code)
{
	error_body(rq, code);
	if (wants_audit(rq)) {
		struct audit a = audit_entry(rq, rq->status);
		audit_later(rq->api->audit, &a);
	}
	respond(rq);
}

static void
answer(struct rq *rq, enum err code)
{
	if (code == OK)
		respond(rq);
	else
		rq_stop(rq, code);
}

/* --- head --- */

/* The right-most address that is not one of our proxies (contract: trusted_proxies). */
static bool
trusted(const char *list, str address)
{
	str rest = str_z(list);

	while (rest.p != NULL && rest.n != 0) {
		str one = str_trim(str_split(&rest, ','));
		if (sys_in_network(one, address))
			return true;
	}
	return false;
}

/* Some proxies add the port, and put an IPv6 address into brackets: 203.0.113.7:4711, [2001:db8::7]:4711. */
static str
bare(str s)
{
	const char *colon = s.n != 0 ? memchr(s.p, ':', s.n) : NULL, *end = s.n != 0 ? memchr(s.p, ']', s.n) : NULL;

	if (str_starts(s, S("[")) && end != NULL)
		return str_cut(s, 1, (size_t)(end - s.p));
	if (colon != NULL && memchr(colon + 1, ':', s.n - (size_t)(colon - s.p) - 1) == NULL)
		return str_cut(s, 0, (size_t)(colon - s.p));
	return s;
}

static str
address_of(const struct rq *rq)
{
	str peer = rq->x->peer, list = rq->proxied ? rq->x->header[FH_X_FORWARDED_FOR] : STR_NONE;

	while (list.n != 0) {
		size_t at = list.n;
		while (at > 0 && list.p[at - 1] != ',')
			at--;
		str one = bare(str_trim(str_cut(list, at, list.n)));
		if (!trusted(rq->conf->trusted_proxies, one))
			return sys_is_address(one) ? one : peer;
		list = str_cut(list, 0, at > 0 ? at - 1 : 0);
	}
	return peer;
}

static enum err
choose_op(struct rq *rq)
{
	if (!rq->x->path_bad)
		rq->op = op_match(rq->conf, rq->x->method, rq->x->path, &rq->id, &rq->allowed);
	if (rq->op != NULL)
		return OK;
	if (rq->allowed != 0)
		return fail(&rq->err, E_METHOD_NOT_ALLOWED, NULL, "This path does not take %.*s, but %s.", (int)MIN(rq->x->method.n, 20),
		    rq->x->method.p, op_methods(rq->a, rq->allowed));
	return fail(&rq->err, E_NOT_FOUND, NULL, "There is nothing at this path. Those of operations begin with /v1 and have no slash at the end.");
}

size_t
body_cap(const struct rq *rq)
{
	if (rq->op->in == NULL || rq->op->method == M_GET)
		return 0;
	if (rq->op->flags & OP_LONG)
		return (size_t)rq->conf->body_max_long;
	return (size_t)((rq->op->flags & OP_TEXT) ? rq->conf->body_max_text : rq->conf->body_max);
}

struct rq *
rq_new(struct api *api, struct exchange *x)
{
	struct rq *rq = arena_alloc(&x->arena, sizeof(*rq));

	rq->api = api;
	rq->x = x;
	rq->a = &x->arena;
	rq->conf = api_conf(api);
	rq->request = sys_ulid(api->c.clock);
	memcpy(rq->id_text, "req_", 4);
	memcpy(rq->id_text + 4, rq->request.s, 27);
	rq->proxied = rq->conf->trusted_proxies[0] != '\0' && trusted(rq->conf->trusted_proxies, x->peer);
	rq->address = address_of(rq);
	x->user = rq;
	return rq;
}

/* A browser asks before it lets a page of another origin send what pages may not send by themselves. */
static bool
preflight(struct rq *rq)
{
	ulid id;

	if (!rq->x->path_bad)
		(void)op_match(rq->conf, rq->x->method, rq->x->path, &id, &rq->allowed);
	if (!cors_preflight(rq->conf, rq->x, rq->allowed))
		return false;
	front_add(rq->x, "X-Request-Id", rq->id_text);
	rq->status = rq->x->status;
	rq->stage = AT_ANSWER;
	return true;
}

/* --- run --- */

static void read_done(struct call *, enum err, const struct error *);
static void write_done(struct call *, enum err, const struct error *);

enum err
run_handler(struct rq *rq)
{
	enum err code = rq->op->handler(rq);

	if (unlikely(code != OK && rq->op->in != NULL))
		rec_speak(rec_in(rq), rq->a, &rq->err);
	return code;
}

enum err
handle(struct rq *rq)
{
	rq->now = sys_wall_ms(rq->api->c.clock);
	if (!(rq->op->flags & OP_LIST))
		return run_handler(rq);
	/* one snapshot for the cursor's row, the project and the page */
	TRY(rq->db->ops->begin(rq->db, TX_READ, &rq->err));
	enum err code = list_open(rq);
	if (code == OK)
		code = run_handler(rq);
	rq->db->ops->rollback(rq->db);
	return code;
}

/* What is read after a wait: the job as it stands now. */
static enum err
read_job(struct rq *rq)
{
	struct job j;

	TRY(job_get(rq->db, rq->a, rq->who.workspace, rq->job, &j, &rq->err));
	work_snapshot(rq->api->c.work, rq->a, &j);
	if (rq->inside != NULL)
		rq->inside->done = j.status == JS_DONE;
	return reply(rq, &job_rec, &j);
}

/* --- replicas --- */

/* A replica answers reads of content: what a scope of keys opens.  What authenticates, limits or holds (keys, members, consents, workspaces), what goes on
 * (jobs), what looks back on requests (logs, usage) and long searches are the primary's. */
static bool
of_content(const struct op *o)
{
	return o->method == M_GET && o->scopes != 0 && !(o->flags & (OP_SLOW | OP_PUBLIC));
}

/* Whether others may act upon what this read of the primary shows, or it is the first one to look at a workspace that kv knows nothing of: then all
 * nodes are told how far it saw. */
static bool
shows(const struct rq *rq)
{
	if (rq->api->c.seen == NULL || rq->stage == AT_ADMIT)
		return false;
	return of_content(rq->op) ? rq->rate_ask.take.ok && rq->rate_ask.wrote == KV_UNKNOWN : !(rq->op->flags & OP_SLOW);
}

/* A list reads in a snapshot of its own. */
static unsigned
kind_of_read(struct rq *rq, int64_t *since)
{
	unsigned shares = rq->op->flags & OP_LIST ? 0 : CALL_SHARES;

	*since = rq->stage == AT_READ && of_content(rq->op) ? seen_since(rq->api->c.seen, rq->rate_ask.wrote) : KV_UNKNOWN;
	return CALL_READ | shares | (*since != KV_UNKNOWN ? CALL_REPLICA : 0);
}

static enum err
run_read(struct call *c, struct db *db, struct error *e)
{
	struct rq *rq = (struct rq *)c;

	rq->db = db;
	if (db != NULL && shows(rq))
		db_concerns(db, &rq->who.workspace.u);
	if (db == NULL && !(rq->op->flags & OP_MEMORY))		/* on a slow thread, which tries without one first */
		return E_NEED_DB;
	enum err code = rq->stage == AT_ADMIT ? admit(rq, db) : rq->stage == AT_WAIT ? read_job(rq) : handle(rq);
	if (code == OK && (rq->out.over || rq->a->over))
		code = fail(&rq->err, E_UNAVAILABLE, NULL, "The answer needs more memory than one may have: ask for a smaller page.");
	rq->db = NULL;
	if (code != OK)
		*e = rq->err;
	return code;
}

typedef enum err call_run(struct call *, struct db *, struct error *);
typedef void call_done(struct call *, enum err, const struct error *);

static enum err
send_call(struct rq *rq, call_run *run, call_done *done, unsigned flags)
{
	rq->call = (struct call){ .run = run, .done = done, .flags = flags, .bytes = rq->x->body.n * 3 + 1024 };
	return engine_submit(rq->api->c.engine, &rq->call, &rq->err);
}

/* A replica that is behind has it run twice. */
static enum err
send_read(struct rq *rq)
{
	int64_t since;
	unsigned flags = kind_of_read(rq, &since);

	rq->call = (struct call){ .run = run_read, .done = read_done, .flags = flags, .since = since, .bytes = 1024 };
	return engine_submit(rq->api->c.engine, &rq->call, &rq->err);
}

static void
park(struct rq *rq, enum err code)
{
	if (code != OK)
		rq_stop(rq, code);
	else
		front_park(rq->x);
}

static void
submit(struct rq *rq, call_run *run, call_done *done, unsigned flags)
{
	park(rq, send_call(rq, run, done, flags));
}

static void
read_slowly(struct rq *rq)
{
	rq->call = (struct call){ .run = run_read, .done = read_done, .flags = CALL_READ | CALL_SLOW, .bytes = 1024 };
	rq->stage = AT_READ;
	park(rq, slow_submit(rq->api->slow, &rq->call, &rq->err));
}

/* Inline on this thread's own connection, or, where there is none, on the engine's pool. */
static void
read_somewhere(struct rq *rq)
{
	struct db *db;
	enum err code = engine_reader(rq->api->c.engine, &db, &rq->err);

	if (code == OK && db == NULL) {
		park(rq, send_read(rq));
		return;
	}
	answer(rq, code == OK ? run_read(&rq->call, db, &rq->err) : code);
}

/* Method and template; where an id stands in it the concrete path. */
static str
route_of(const struct rq *rq)
{
	const struct op *o = rq->op;
	return str_fmt(rq->a, "%s %.*s", method_names[o->method], STR(o->id_kind >= 0 ? rq->x->path : str_z(o->path)));
}

static void
begin_write(struct rq *rq)
{
	bool named = rq->idem_key.p != NULL;

	if (named)
		rq->idem = idem_name(rq->who.workspace, route_of(rq), rq->idem_key);
	rq->mark = arena_mark(rq->a);
	if (named && rq->api->twins != NULL && !twins_enter(rq->api->twins, rq)) {
		front_park(rq->x);
		return;
	}
	enum err code = send_call(rq, write_run, write_done, 0);
	if (code != OK)
		twins_leave(rq->api->twins, rq, false);
	park(rq, code);
}

bool
write_again(struct rq *rq)
{
	rq->look = true;
	rq->stage = AT_BODY;
	return send_call(rq, write_run, write_done, CALL_AGAIN) == OK;
}

static void
begin_read(struct rq *rq)
{
	enum err code = E_NEED_DB;

	if (rq->op->flags & OP_SLOW) {
		read_slowly(rq);
		return;
	}
	if (rq->op->flags & OP_MEMORY)
		code = rq->op->handler(rq);
	if (code == E_NEED_OTHERS) {
		rq->stage = AT_STANDING;
		front_park(rq->x);
		return;
	}
	if (code != E_NEED_DB) {
		answer(rq, code);
		return;
	}
	rq->stage = AT_READ;
	read_somewhere(rq);
}

/* The caller is known, or refused: now the body may come. */
static void
admitted(struct rq *rq, enum err code)
{
	if (code == OK)
		code = take_media(rq);
	rq->stage = AT_BODY;
	if (code == OK)
		rq->x->body_max = body_cap(rq);
	else
		rq_stop(rq, code);
}

static void
rated(struct rq *rq)
{
	enum err code = rate_judge(rq);

	if (unlikely(rq->inside != NULL))
		call_admitted(rq, code);
	else
		admitted(rq, code);
}

void
rq_admit(struct rq *rq, enum err code)
{
	rq->stage = AT_RATE;
	if (likely(rate_ask(rq, code)))
		rated(rq);
	else
		front_park(rq->x);
}

/* With a cold cache and no database on this thread it parks: a body is not read before it is known who sends it. */
static void
on_head(void *ctx, struct exchange *x)
{
	struct rq *rq = rq_new(ctx, x);
	struct db *db = NULL;

	if (unlikely(x->header[FH_ORIGIN].p != NULL) && preflight(rq))
		return;
	bool health = str_eq(x->path, S("/v1/health"));

	enum err code = health ? OK : take_version(rq);	/* /v1/health skips all but the route (contract 12.1) */
	if (code == OK)
		code = choose_op(rq);
	if (code == OK)
		code = engine_reader(rq->api->c.engine, &db, &rq->err);
	if (code == OK)
		code = admit(rq, db);
	rq->stage = AT_ADMIT;
	if (code == E_NEED_DB)
		submit(rq, run_read, read_done, CALL_READ);
	else
		rq_admit(rq, code);
}

static void
on_run(void *ctx, struct exchange *x)
{
	(void)ctx;
	rq_go_on(x->user);
}

/* Admitted, the body is here. */
void
rq_go_on(struct rq *rq)
{
	enum err code = take_query(rq);

	if (code == OK && rq->op->method != M_GET)
		code = take_body(rq);
	if (code != OK)
		rq_stop(rq, code);
	else if (rq->op->flags & OP_TX)
		begin_write(rq);
	else if (rq->op->flags & OP_PUBLIC)
		answer(rq, rq->op->handler(rq));
	else
		begin_read(rq);
}

/* --- back from the engine: on its thread, quickly --- */

static void
keep_error(struct rq *rq, enum err code, const struct error *why)
{
	rq->err = *why;
	rq->err.code = code;
}

static void
read_done(struct call *c, enum err code, const struct error *why)
{
	struct rq *rq = (struct rq *)c;

	rq->trips += c->trips;
	if (code != OK)
		keep_error(rq, code, why);
	else
		rq->err.code = OK;
	front_wake(rq->x);
}

static void
waited(struct work_wait *w)
{
	struct rq *rq = (struct rq *)((char *)w - offsetof(struct rq, wait));
	front_wake(rq->x);
}

static void
wait_for_job(struct rq *rq)
{
	if (rq->inside != NULL) {
		rq->inside->job = rq->job;
		atomic_store_explicit(&rq->inside->waiting, true, memory_order_release);
	}
	rq->stage = AT_WAIT;
	rq->wait = (struct work_wait){ .workspace = rq->who.workspace, .job = rq->job, .deadline_us = mono(rq) + rq->wait_ms * 1000,
	    .follows = rq->inside != NULL && rq->inside->follows, .wake = waited };
	work_wait(rq->api->c.work, &rq->wait);
}

#define LOOKS		3		/* after a commit whose answer was lost */

/* Whether it runs once more instead of being answered.  With a key, a lost COMMIT answers itself: the record tells which way it went.  What
 * was taken for granted is looked at.  And a twin that is under way elsewhere is waited for, without a connection. */
static bool
once_more(struct rq *rq, enum err code)
{
	bool named = rq->idem_key.p != NULL, taken = code == E_TAKEN || code == E_DUPLICATE;

	if (code == E_UNCERTAIN && named && rq->again++ < LOOKS)
		return write_again(rq);
	if (taken && !rq->look)
		return write_again(rq);
	return taken && named && rq->api->twins != NULL && twins_later(rq->api->twins, rq);
}

/* What others see; of a commit that may stand it is owed until that is known.  A hint too many does no harm. */
static void
tell_others(struct rq *rq, enum err code)
{
	if (rq->bust && (code == OK || code == E_UNCERTAIN))	/* a run that finds the record changes nothing, and says so */
		auth_bust(rq->api->c.auth);
	rq->owed_wake |= rq->wake && (code == OK || code == E_UNCERTAIN);
	rq->owed_gone |= rq->gone && (code == OK || code == E_UNCERTAIN);
	if (rq->owed_wake && (code == OK || code == E_UNCERTAIN))
		work_wake(rq->api->c.work);
	if (rq->owed_gone && code == OK)
		work_gone(rq->api->c.work, &rq->job);
}

static void
write_done(struct call *c, enum err code, const struct error *why)
{
	struct rq *rq = (struct rq *)c;

	rq->trips += c->trips;
	tell_others(rq, code);
	if (once_more(rq, code))
		return;
	twins_leave(rq->api->twins, rq, code == OK);
	rq->stage = code == OK ? AT_WRITE : AT_BODY;
	if (code != OK)
		keep_error(rq, code, why);
	if (code == E_UNCERTAIN || (rq->again > 0 && code != OK && code != E_TAKEN))	/* and not "nothing was changed" */
		(void)fail(&rq->err, E_UNAVAILABLE, NULL, "%s", rq->idem_key.p != NULL
		    ? "The link to the database broke, and it is not known yet whether this was done. Send the same request again with the same Idempotency-Key: it is done once."
		    : "The link to the database broke, and it is not known whether this was done. Look whether it was before you send it again; with an Idempotency-Key you need not look.");
	if (code == E_TAKEN && rq->idem_key.p != NULL)	/* the database's words are not for callers */
		(void)fail(&rq->err, E_IDEMPOTENCY_IN_PROGRESS, NULL, "%s", err_row(E_IDEMPOTENCY_IN_PROGRESS)->message);
	if (code == OK && rq->wait_ms > 0 && rq->status == 200)
		wait_for_job(rq);
	else
		front_wake(rq->x);
}

/* --- resumed: on the loop thread again --- */

static void
after_wait(struct rq *rq)
{
	struct buf queued = rq->out;	/* the job as it was committed is a good answer too */
	struct db *db = NULL;
	struct error e;
	enum err code = engine_reader(rq->api->c.engine, &db, &e);

	if (code == OK && db == NULL && send_call(rq, run_read, read_done, CALL_READ) == OK) {
		front_park(rq->x);
		return;
	}
	if (db == NULL || run_read(&rq->call, db, &e) != OK)
		rq->out = queued;
	respond(rq);
}

void
rq_resumed(struct rq *rq)
{
	switch (rq->stage) {
	case AT_ADMIT:
		rq_admit(rq, rq->err.code);
		return;
	case AT_RATE:
		rated(rq);
		return;
	case AT_STANDING:
		begin_read(rq);
		return;
	case AT_WAIT:
		if (rq->wait_ms > 0) {
			rq->wait_ms = 0;
			after_wait(rq);
			return;
		}
		rq->err.code = OK;	/* the job as it was committed is a good answer too */
		break;
	case AT_WRITE:
		respond(rq);
		return;
	case AT_READ: case AT_BODY: case AT_ANSWER:
		break;
	}
	answer(rq, rq->err.code);
}

/* --- end --- */

static void
log_request(struct rq *rq, int64_t us)
{
	struct log_line l;

	log_begin(rq->api->c.log, &l, rq->status >= 500 ? LOG_WARN : LOG_INFO, "request");
	log_str(&l, "id", (str){ rq->id_text, 30 });
	log_str(&l, "method", rq->x->method);
	log_str(&l, "path", rq->x->path);
	log_str(&l, "call", rq->label);
	log_i64(&l, "status", rq->status);
	log_i64(&l, "us", us);
	if (rq->trips != 0 && rq->conf->log_level == LOG_DEBUG)
		log_i64(&l, "trips", rq->trips);
	log_i64(&l, "bytes", (int64_t)rq->out.n);
	log_str(&l, "ip", rq->address);
	if (rq->known == AUTH_KNOWN) {
		log_str(&l, "workspace", id_text(rq->a, ID_workspace, &rq->who.workspace.u));
		log_str(&l, rq->who.type == PRINCIPAL_API_KEY ? "key" : "user", auth_name(rq->a, &rq->who));
		if (rq->who.type == PRINCIPAL_OAUTH)
			log_str(&l, "client", id_text(rq->a, ID_client, &rq->who.client.u));
	}
	if (rq->status >= 400 && !rq->replayed && rq->err.code != OK)
		log_str(&l, "code", str_z(err_row(err_outside(rq->err.code))->slug));
	if (rq->inside != NULL && rq->inside->via != NULL)
		log_str(&l, "via", str_z(rq->inside->via));
	if (is_older(rq))
		log_str(&l, "version", str_z(rq->version->date));
	if (rq->replayed)
		log_str(&l, "replayed", S("true"));
	if (rq->x->cut)
		log_str(&l, "cut", S("true"));
	if (rq->status >= 500 && rq->err.file != NULL) {
		log_str(&l, "why", str_z(rq->err.detail));
		log_str(&l, "at", str_z(rq->err.file));
		log_i64(&l, "line", rq->err.line);
	}
	log_end(rq->api->c.log, &l);
}

void
rq_ended(struct rq *rq)
{
	int64_t us = mono(rq) - rq->x->began_us;

	if (rq->spoken)
		return;
	metrics_count(rq->api, rq->op, rq->status, us, rq->trips);
	if (is_older(rq))
		metrics_older(rq->api, rq->version);
	journal_note(rq->api->journal, rq, us);
	if (rq->conf->log_requests)
		log_request(rq, us);
}

static void on_resumed(void *ctx, struct exchange *x) { (void)ctx; rq_resumed(x->user); }
static void on_end(void *ctx, struct exchange *x) { (void)ctx; rq_ended(x->user); }

void
api_front(struct api *api, struct front_handler *ret)
{
	*ret = (struct front_handler){ on_head, on_run, on_resumed, on_end, api };
}

/* --- other faces --- */

void api_greet(struct api *api, struct exchange *x) { (void)rq_new(api, x); }

str
api_origin(const struct conf *c, const struct exchange *x)
{
	str set = str_z(c->public_url);

	while (str_ends(set, S("/")))
		set.n--;
	return set.n != 0 ? set : str_z(x->url);
}

void api_label(struct exchange *x, str what) { ((struct rq *)x->user)->label = what; }
const char *api_url(const struct api *api, struct exchange *x) { return str_dup(&x->arena, api_origin(api_conf(api), x)).p; }
const char *api_request_id(const struct exchange *x) { return ((const struct rq *)x->user)->id_text; }
str api_address(const struct exchange *x) { return ((const struct rq *)x->user)->address; }
bool api_proxied(const struct exchange *x) { return ((const struct rq *)x->user)->proxied; }

void
api_refuse(struct exchange *x, enum err code, const char *message)
{
	struct rq *rq = x->user;

	rq->allowed = 1u << M_GET;
	rq_stop(rq, fail(&rq->err, code, NULL, "%s", message));
}

void
api_part(struct exchange *x)
{
	struct rq *rq = x->user;

	rq->status = x->status;
	rq->out.n = x->answer.n;
	rq_ended(rq);
}
