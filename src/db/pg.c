/* pg -- see pg.h. */
#include "db/pg.h"
#include <stdio.h>
#include <stdlib.h>

#define UNANSWERED	1000	/* statements that nobody waits for: then somebody does, so that neither side's buffers grow without end */

#define OLDEST		140000	/* as PQserverVersion says it */
#define LOCK_MS		30000	/* commands and the start wait so long for a lock */

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23 };

static struct pg *of(struct db *db) { return db->h; }

/* --- asks --- */

static struct ask *
ask_new(struct pg *p)
{
	struct ask *a = p->spare;

	if (a != NULL)
		p->spare = a->next;
	else if ((a = malloc(sizeof(*a))) == NULL)
		abort();
	*a = (struct ask){ .who = p, .peer = p->open };
	p->open = a;
	return a;
}

static void
ask_free(struct ask *a)
{
	struct ask **at = &a->who->open;

	while (*at != a)
		at = &(*at)->peer;
	*at = a->peer;
	PQclear(a->r);
	free(a->room);
	a->r = NULL;
	a->room = NULL;
	a->next = a->who->spare;
	a->who->spare = a;
}

static void
await(struct pg *p, struct ask *a)
{
	if (a != NULL ? a->answered : p->l == NULL || link_idle(p->l))
		return;
	p->trips++;
	p->host->wait(p, a);
}

void
pg_end(struct pg *p)
{
	for (struct ask *a; (a = p->open) != NULL; ask_free(a))
		await(p, a);
	p->replayed = p->position = NULL;
	p->nconcerned = 0;
}

/* A snapshot of a replica that is behind is not looked at. */
static enum err
fresh_enough(struct pg *p, struct error *e)
{
	struct ask *at = p->replayed;

	if (at == NULL || !at->answered)
		return OK;
	bool behind = pg_number(at) < p->since;
	if (!behind)
		p->since = 0;
	return behind ? fail(e, E_RETRY, NULL, "the replica is behind") : OK;
}

/* What stands between here and going on: the fault of something that nobody waited for.  A miss, and a row that is there already, are looked
 * at where they happen: see pg.h. */
static enum err
account_of(struct pg *p, struct error *e)
{
	const struct account *t = &p->account;

	if (t->code == OK)
		return OK;
	p->failed = true;
	if (p->defers && p->phase == PG_WRITE && (t->missed || t->code == E_DUPLICATE))
		return fail(e, E_RETRY, NULL, "begin anew: %s", t->why.detail);
	if (p->since > 0)		/* what it misses may be there by now */
		TRY(fresh_enough(p, e));
	*e = t->why;
	return t->code;
}

/* --- statements --- */

static void
send_off(struct pg *p, struct ask *a, const struct stmt *q, const struct val *v, int n)
{
	if (p->l == NULL) {
		a->q = q;
		a->v = v;
		a->n = n;
		p->host->share(p, a);
		return;
	}
	link_ask(p->l, a, q, v, n);
}

/* Behind what a read shows the position is asked for, in the same flight: whatever was seen had its place in the log by then. */
static void
dispatch(struct pg *p, struct ask *a, const struct stmt *q, const struct val *v, int n)
{
	send_off(p, a, q, v, n);
	if (p->nconcerned > 0 && p->phase != PG_WRITE)
		send_off(p, p->position = ask_new(p), &link_verbs[VERB_LSN], NULL, 0);
}

static enum err
outcome(struct pg *p, struct ask *a, struct error *e)
{
	TRY(account_of(p, e));
	if (p->since > 0)
		TRY(fresh_enough(p, e));
	if (a->code == OK && !a->skipped)
		return OK;
	p->failed = true;
	p->account.lost |= a->lost;
	if (a->skipped)
		return fail(e, E_STORAGE, NULL, "%s: skipped", a->q->name);
	*e = a->why;
	return a->code;
}

static void
count(struct pg *p, const PGresult *r)
{
	const char *touched = PQcmdTuples((PGresult *)(uintptr_t)r);

	p->changes = touched[0] != '\0' ? strtoll(touched, NULL, 10) : 0;
	if (strncmp(PQcmdStatus((PGresult *)(uintptr_t)r), "SELECT", 6) != 0)
		p->total += p->changes;
}

static enum err
ended(struct pg *p, struct ask *a, struct error *e)
{
	await(p, a);
	enum err code = outcome(p, a, e);
	if (code == OK)
		count(p, a->r);
	return code;
}

static enum err
pg_query(struct db *db, const struct stmt *q, const struct val *v, int n, struct rows *ret, struct error *e)
{
	struct pg *p = of(db);

	TRY(account_of(p, e));
	struct ask *a = ask_new(p);
	dispatch(p, a, q, v, n);
	if (p->l != NULL)
		link_sync(p->l);
	await(p, a);
	enum err code = outcome(p, a, e);
	if (code != OK || n < 0) {
		ask_free(a);
		return code;
	}
	count(p, a->r);
	*ret = (struct rows){ db, a, -1, PQntuples(a->r) };
	return OK;
}

/* Short texts, ids above all, may stand in a frame that is gone when the statement is sent. */
static void
keep_values(struct ask *a)
{
	char *room = malloc((sizeof(struct val) + 32) * (size_t)MAX(a->n, 1));
	struct val *v = (struct val *)(void *)room;
	char *text = room + sizeof(*v) * (size_t)a->n;

	if (room == NULL)
		abort();
	for (int i = 0; i < a->n; i++, text += 32) {
		v[i] = a->v[i];
		if (v[i].t != V_TEXT || v[i].s.n > 32)
			continue;
		memcpy(text, v[i].s.p, v[i].s.n);
		v[i].s.p = text;
	}
	a->room = room;
	a->v = v;
}

static enum err
pg_ask(struct db *db, const struct stmt *q, const struct val *v, int n, struct rows *ret, struct error *e)
{
	struct pg *p = of(db);

	TRY(account_of(p, e));
	struct ask *a = ask_new(p);
	a->v = v;
	a->n = n;
	if (p->l == NULL)
		keep_values(a);
	dispatch(p, a, q, a->v, n);
	*ret = (struct rows){ db, a, -1, -1 };
	return OK;
}

static bool
pg_next(struct rows *r)
{
	struct ask *a = r->h;
	struct error e;

	if (r->n < 0) {
		struct pg *p = a->who;
		if (!a->answered && p->l != NULL)
			link_sync(p->l);
		r->n = ended(p, a, &e) == OK ? PQntuples(a->r) : 0;
	}
	return ++r->row < r->n;
}

static struct val
pg_col(struct rows *rows, int i)
{
	const PGresult *r = ((struct ask *)rows->h)->r;
	const char *p = PQgetvalue(r, rows->row, i);
	size_t n = (size_t)PQgetlength(r, rows->row, i);
	uint64_t v = 0;

	if (PQgetisnull(r, rows->row, i))
		return (struct val){ 0 };
	switch (PQftype(r, i)) {
	case OID_INT8: case OID_INT4: case OID_INT2: case OID_BOOL:
		for (size_t k = 0; k < n; k++)
			v = v << 8 | (uint8_t)p[k];
		return val_i64(n == 4 ? (int32_t)v : n == 2 ? (int16_t)v : (int64_t)v);
	case OID_BYTEA:
		return (struct val){ V_BYTES, 0, { p, n } };
	default:
		return val_str((str){ p, n });
	}
}

/* Of one that was asked and not waited for, this is where a miss before it is told. */
static enum err
pg_done(struct rows *r, struct error *e)
{
	struct ask *a = r->h;

	if (r->n < 0)
		(void)pg_next(r);
	enum err code = outcome(a->who, a, e);
	ask_free(a);
	return code;
}

/* Whose rows nobody needs. */
static enum err
in_place(struct db *db, const struct stmt *q, const struct miss *miss, const struct val *v, int n, struct error *e)
{
	struct rows r;

	TRY(pg_query(db, q, v, n, &r, e));
	int64_t hit = of(db)->changes;
	TRY(pg_done(&r, e));
	return miss == NULL || hit > 0 ? OK : fail(e, miss->code, miss->field, "%s", miss->detail);
}

static enum err
pg_send(struct db *db, const struct stmt *q, const struct miss *miss, const struct val *v, int n, struct error *e)
{
	struct pg *p = of(db);

	if (!p->defers)
		return in_place(db, q, miss, v, n, e);
	TRY(account_of(p, e));
	p->sent_since++;
	link_run(p->l, &p->account, miss, q, v, n);
	if (p->account.unanswered < UNANSWERED)
		return OK;
	link_sync(p->l);
	await(p, NULL);
	return account_of(p, e);
}

static enum err
pg_settle(struct db *db, struct error *e)
{
	struct pg *p = of(db);

	if (p->account.musts > 0) {
		link_sync(p->l);
		await(p, NULL);
	}
	return account_of(p, e);
}

static bool pg_sole(struct db *db) { (void)db; return false; }
static int64_t pg_changes(struct db *db) { return of(db)->changes; }
static int64_t pg_written(struct db *db) { return of(db)->total + of(db)->account.written; }

static int64_t pg_trips(struct db *db) { return of(db)->trips; }

static void
pg_concerns(struct db *db, const ulid *workspace)
{
	struct pg *p = of(db);

	if (!p->positions)
		return;
	for (int i = 0; i < p->nconcerned; i++)
		if (memcmp(&p->concerned[i], workspace, sizeof(*workspace)) == 0)
			return;
	if (p->nconcerned == p->concerned_cap) {
		p->concerned_cap = MAX(p->concerned_cap * 2, 4);
		if ((p->concerned = realloc(p->concerned, (size_t)p->concerned_cap * sizeof(*p->concerned))) == NULL)
			abort();
	}
	p->concerned[p->nconcerned++] = *workspace;
}

ulid *
pg_take_concerned(struct pg *p, int *n)
{
	ulid *v = p->concerned;

	*n = p->nconcerned;
	p->concerned = NULL;
	p->nconcerned = p->concerned_cap = 0;
	return v;
}

int64_t
pg_position(struct pg *p)
{
	if (p->position == NULL)
		return p->lsn;
	await(p, p->position);
	return p->position->code == OK && !p->position->skipped ? pg_number(p->position) : 0;
}

/* The one number that it gave; 0 when it failed. */
int64_t
pg_number(const struct ask *a)
{
	uint64_t v = 0;

	if (a->r == NULL || PQntuples(a->r) != 1 || PQgetlength(a->r, 0, 0) != 8)
		return 0;
	for (int k = 0; k < 8; k++)
		v = v << 8 | (uint8_t)PQgetvalue(a->r, 0, 0)[k];
	return (int64_t)v;
}

/* --- transactions --- */

static enum err
pg_begin(struct db *db, enum tx t, struct error *e)
{
	struct pg *p = of(db);

	TRY(p->host->hold(p, t, e));
	p->account = (struct account){ 0 };
	p->sent_since = 0;
	p->defers = t == TX_READ;	/* of a write the mark says */
	p->phase = t == TX_WRITE ? PG_WRITE : PG_READ;
	if (p->since > 0 && p->replayed == NULL) {		/* before the snapshot, which has all of it then */
		p->replayed = ask_new(p);
		link_ask(p->l, p->replayed, &link_verbs[VERB_REPLAYED], NULL, 0);
		link_sync(p->l);
	}
	link_verb(p->l, &p->account, &link_verbs[t == TX_WRITE ? VERB_BEGIN : VERB_SNAPSHOT]);
	return OK;
}

/* A mark that is not firm costs nothing; a firm one rides with the next statement. */
static enum err
pg_mark(struct db *db, bool firm, struct error *e)
{
	struct pg *p = of(db);

	(void)e;
	p->firm = firm;
	p->defers = !firm;
	p->marked_at = pg_written(db);
	p->sent_since = 0;
	if (firm)
		link_verb(p->l, &p->account, &link_verbs[VERB_MARK]);
	return OK;
}

static enum err pg_release(struct db *db, struct error *e) { (void)db, (void)e; return OK; }

static enum err
pg_rewind(struct db *db, struct error *e)
{
	struct pg *p = of(db);

	if (!p->firm) {
		if (!p->failed && p->sent_since == 0 && pg_written(db) == p->marked_at)
			return OK;
		return fail(e, E_RETRY, NULL, "rewind: something was written since a mark that is not firm");
	}
	link_verb(p->l, &p->account, &link_verbs[VERB_REWIND]);
	p->failed = false;
	if (!p->account.lost)
		p->account.code = OK;
	return account_of(p, e);
}

static bool
pg_broken(struct db *db)
{
	struct pg *p = of(db);
	return p->account.lost || (p->phase != PG_NONE && link_lost(p->l)) || (p->l != NULL && p->host->share == NULL && link_lost(p->l));
}

/* What is still under way is for nobody. */
static void
leave(struct pg *p)
{
	link_forget(p->l);
	if (p->replayed != NULL && p->replayed->answered) {
		ask_free(p->replayed);
		p->replayed = NULL;
	}
	p->total += p->account.written;
	p->account = (struct account){ .lost = p->account.lost };
	p->phase = PG_NONE;
	p->defers = p->firm = p->failed = false;
	p->host->yield(p);
}

/* A COMMIT whose answer is lost is neither success nor failure.  One that answers ROLLBACK was a failure; one that was skipped, too.  One that
 * warns stands here alone: somebody cancelled it (pg_cancel_backend) while it waited for a synchronous replica, which may be the next primary. */
static enum err
judge(struct pg *p, const struct ask *a, struct error *e)
{
	if (a->code == OK && !a->skipped && strcmp(PQcmdStatus(a->r), "ROLLBACK") != 0)
		return a->warned ? fail(e, E_UNCERTAIN, NULL, "commit: the server no longer waits for its replica") : OK;
	if (p->account.told)
		return account_of(p, e);
	if (a->lost || a->fatal)
		return fail(e, E_UNCERTAIN, NULL, "commit: %.150s", a->why.detail);
	if (a->code == OK)
		return fail(e, E_STORAGE, NULL, "commit: the transaction had failed");
	*e = a->why;
	return a->code;
}

static enum err
pg_commit(struct db *db, struct error *e)
{
	struct pg *p = of(db);
	enum err code;

	TRY(pg_settle(db, e));
	struct ask *a = ask_new(p), *at = p->positions ? ask_new(p) : NULL;
	link_ask(p->l, a, &link_verbs[VERB_COMMIT], NULL, 0);
	if (at != NULL)
		link_ask(p->l, at, &link_verbs[VERB_LSN], NULL, 0);
	link_sync(p->l);
	await(p, NULL);
	p->kept = a->warned;
	if ((code = judge(p, a, e)) == OK)
		leave(p);
	ask_free(a);
	if (at != NULL) {
		p->lsn = code == OK ? pg_number(at) : 0;
		ask_free(at);
	}
	return code;
}

/* Nobody waits for it: the connection is free when its answer is there. */
static void
pg_rollback(struct db *db)
{
	struct pg *p = of(db);

	if (p->phase == PG_NONE)
		return;
	if (!link_lost(p->l)) {
		link_sync(p->l);	/* of what was not waited for something may have failed: all up to here is skipped then */
		link_verb(p->l, NULL, &link_verbs[VERB_ROLLBACK]);
		link_sync(p->l);
	}
	for (struct ask *a = p->open; a != NULL; a = a->peer)
		await(p, a);		/* what was asked and not looked at */
	leave(p);
}

/* --- the rest --- */

static enum err
pg_script(struct db *db, const char *sql, struct error *e)
{
	struct pg *p = of(db);
	bool held = p->l != NULL;

	if (!held)
		TRY(p->host->hold(p, TX_READ, e));
	link_sync(p->l);
	await(p, NULL);
	enum err code = account_of(p, e);
	struct ask *a = ask_new(p);
	if (code == OK) {
		link_script(p->l, a, sql);
		await(p, a);
		code = outcome(p, a, e);
	}
	ask_free(a);
	if (!held)
		p->host->yield(p);
	return code;
}

static enum err
pg_revive(struct db *db, struct error *e)
{
	struct pg *p = of(db);

	if (!link_lost(p->l) && !p->l->doomed)
		return OK;
	link_close(p->l);
	p->account = (struct account){ 0 };
	return link_open(p->l, &p->conf, e);
}

static int64_t
pg_size(struct db *db)
{
	struct rows r;
	struct error e;
	int64_t n = -1;

	if (pg_query(db, &link_verbs[VERB_SIZE], NULL, 0, &r, &e) != OK)
		return -1;
	if (pg_next(&r))
		n = pg_col(&r, 0).i;
	return pg_done(&r, &e) == OK ? n : -1;
}

void
pg_free(struct pg *p)
{
	pg_end(p);
	for (struct ask *a; (a = p->spare) != NULL; ) {
		p->spare = a->next;
		free(a);
	}
	free(p->concerned);
	p->concerned = NULL;
}

static void
pg_close(struct db *db)
{
	struct pg *p = of(db);

	link_close(p->l);
	pg_free(p);
	free(p->l);
	free(p);
}

static const struct db_ops ops = {
	.name = "postgres", .begin = pg_begin, .commit = pg_commit, .rollback = pg_rollback, .mark = pg_mark,
	.release = pg_release, .rewind = pg_rewind, .sole = pg_sole, .broken = pg_broken, .query = pg_query, .ask = pg_ask, .send = pg_send,
	.settle = pg_settle, .next = pg_next, .col = pg_col, .done = pg_done, .changes = pg_changes, .written = pg_written,
	.trips = pg_trips, .concerns = pg_concerns, .script = pg_script, .revive = pg_revive, .size = pg_size, .close = pg_close,
};

struct db pg_db(struct pg *p) { return (struct db){ &ops, p }; }

/* --- by itself: the commands, the start, tests --- */

static enum err
own_hold(struct pg *p, enum tx t, struct error *e)
{
	(void)t, (void)e;
	link_wait(p->l, NULL);		/* a ROLLBACK that nobody waited for */
	return OK;
}

static void own_yield(struct pg *p) { (void)p; }
static void own_wait(struct pg *p, struct ask *a) { link_wait(p->l, a); }

static const struct pg_host own = { own_hold, own_yield, NULL, own_wait };

void
pg_init(struct pg *p, const struct pg_host *host)
{
	*p = (struct pg){ .host = host };
}

enum err
pg_open_own(const struct link_conf *conf, struct db *ret, struct error *e)
{
	struct pg *p = calloc(1, sizeof(*p));
	struct link *l = calloc(1, sizeof(*l));

	if (p == NULL || l == NULL)
		abort();
	pg_init(p, &own);
	p->conf = *conf;
	p->l = l;
	enum err code = link_open(l, conf, e);
	*ret = pg_db(p);
	if (code != OK)
		pg_close(ret);
	return code;
}

/* What libpq would take for the name of a database on this machine. */
static enum err
judge_scheme(const char *uri, struct error *e)
{
	if (strstr(uri, "://") == NULL || strncmp(uri, "postgres://", 11) == 0 || strncmp(uri, "postgresql://", 13) == 0)
		return OK;
	return fail(e, E_USAGE, NULL, "the URI of the database begins with another word than postgres://: it is postgres://USER:PASSWORD@HOST:PORT/NAME");
}

static enum err
judge_server(PGconn *c, struct error *e)
{
	const char *encoding = PQparameterStatus(c, "server_encoding");

	if (PQserverVersion(c) < OLDEST)
		return fail(e, E_USAGE, NULL, "the server is PostgreSQL %d: it has to be %d or newer", PQserverVersion(c) / 10000, OLDEST / 10000);
	if (encoding == NULL || strcmp(encoding, "UTF8") == 0)
		return OK;
	return fail(e, E_USAGE, NULL, "the database %s is encoded in %s, which cannot hold what people write: make it with"
	    " CREATE DATABASE %s ENCODING 'UTF8' TEMPLATE template0", PQdb(c), encoding, PQdb(c));
}

enum err
db_pg_open(const char *uri, struct db *ret, struct error *e)
{
	struct link_conf conf = { .uri = uri, .lock_ms = LOCK_MS };

	TRY(judge_scheme(uri, e));
	TRY(pg_open_own(&conf, ret, e));
	enum err code = judge_server(((struct pg *)ret->h)->l->c, e);
	if (code != OK)
		ret->ops->close(ret);
	return code;
}
