/* link -- see link.h. */
#include "db/link.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* Text is compared by byte everywhere, so that keyset pages are the same on both engines. */
static const struct dialect words[] = {
	{ "{i64}", "BIGINT" }, { "{bytes}", "BYTEA" }, { "{strict}", "" }, { "{pg}", "" }, { "{/pg}", "" }, { "{clustered}", "" },
	{ "{unlogged}", "UNLOGGED" }, { "{id}", "TEXT COLLATE \"C\"" }, { "{skip_locked}", " FOR UPDATE SKIP LOCKED" }, { "{for_update}", " FOR NO KEY UPDATE" }, { NULL, NULL },
};
#define PARAMS	80
#define OWN	-2		/* ids of our own statements go down from here: -1 is one that has no place yet */

const struct stmt link_verbs[VERBS] = {
	[VERB_BEGIN] = { "own.begin", "BEGIN", OWN - VERB_BEGIN, 0, true },
	[VERB_SNAPSHOT] = { "own.snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", OWN - VERB_SNAPSHOT, 0, true },
	[VERB_COMMIT] = { "own.commit", "COMMIT", OWN - VERB_COMMIT, 0, true },
	[VERB_ROLLBACK] = { "own.rollback", "ROLLBACK", OWN - VERB_ROLLBACK, 0, true },
	[VERB_MARK] = { "own.mark", "SAVEPOINT m", OWN - VERB_MARK, 0, true },
	[VERB_REWIND] = { "own.rewind", "ROLLBACK TO m", OWN - VERB_REWIND, 0, true },
	[VERB_SIZE] = { "own.size", "SELECT pg_database_size(current_database())", OWN - VERB_SIZE, 0, true },
	/* positions in the log; a server that follows nobody is no replica, whatever it holds: it may have been promoted beside the primary.  One
	 * that follows is on the timeline of the last move of the gate (kv/seen.h) that reached it: it has no other word for that which is never late */
	[VERB_LSN] = { "own.lsn", "SELECT " DB_POSITION, OWN - VERB_LSN, 0, true },
	[VERB_REPLAYED] = { "own.replayed", "SELECT CASE WHEN pg_is_in_recovery() THEN ((floor >> 53) << 53) + (pg_last_wal_replay_lsn() - '0/0')::bigint"
	    " ELSE -1 END FROM replica_gate WHERE id = 1", OWN - VERB_REPLAYED, 0, true },
};

/* --- what the server's words mean --- */

enum fate {
	FATE_PLAIN,		/* the statement failed */
	FATE_GONE,		/* this connection leads nowhere any more: the server stops, or is no longer the primary */
	FATE_STALE,		/* what was prepared is not there, or fits no longer */
};
static const struct { const char *state; enum err code; enum fate fate; } states[] = {	/* two letters: the whole class */
	{ "23505", E_DUPLICATE, FATE_PLAIN },	/* unique_violation */
	{ "22012", E_TAKEN,	FATE_PLAIN },	/* division_by_zero: how a statement says no to all behind it */
	{ "40001", E_RETRY,	FATE_PLAIN },	/* serialization_failure */
	{ "40P01", E_RETRY,	FATE_PLAIN },	/* deadlock_detected */
	{ "55P03", E_LOCKED,	FATE_PLAIN },	/* lock_not_available: lock_timeout */
	{ "53100", E_FULL,	FATE_PLAIN },	/* disk_full */
	{ "0A000", E_RETRY,	FATE_STALE },	/* cached plan must not change result type */
	{ "26000", E_RETRY,	FATE_STALE },	/* prepared statement does not exist */
	{ "42P05", E_RETRY,	FATE_STALE },	/* prepared statement exists already */
	{ "53300", E_STORAGE,	FATE_GONE },	/* too_many_connections */
	{ "25006", E_STORAGE,	FATE_GONE },	/* read_only_sql_transaction: the primary is another one now */
	{ "25P03", E_STORAGE,	FATE_GONE },	/* idle_in_transaction_session_timeout */
	{ "57P01", E_STORAGE,	FATE_GONE },	/* admin_shutdown */
	{ "57P02", E_STORAGE,	FATE_GONE },	/* crash_shutdown */
	{ "57P03", E_STORAGE,	FATE_GONE },	/* cannot_connect_now */
	{ "57P05", E_STORAGE,	FATE_GONE },	/* idle_session_timeout */
	{ "08",	   E_STORAGE,	FATE_GONE },	/* connection exceptions, a pooler's too */
	{ "XX",	   E_STORAGE,	FATE_GONE },	/* internal errors: a connection that is not sound */
};

static enum fate
fate_of(const PGresult *r, enum err *ret)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	*ret = E_STORAGE;
	for (size_t i = 0; state != NULL && i < COUNT(states); i++)
		if (strncmp(states[i].state, state, strlen(states[i].state)) == 0) {
			*ret = states[i].code;
			return states[i].fate;
		}
	return state != NULL ? FATE_PLAIN : FATE_GONE;
}

static bool
good(const PGresult *r)
{
	return PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK;
}

static bool
ends_session(const PGresult *r)
{
	const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
	return severity == NULL || strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
}

static enum err
say(struct error *e, enum err code, const char *what, const char *why)
{
	code = fail(e, code, NULL, "%s: %s", what, why);
	for (char *c = e->detail; *c != '\0'; c++)
		if (*c == '\n')
			*c = ' ';
	return code;
}

/* --- what is expected --- */

static void
expect(struct link *l, struct expect x)
{
	if (l->n == l->cap) {
		unsigned cap = MAX(l->cap * 2, 64);
		struct expect *ring = malloc(sizeof(*ring) * cap);
		if (ring == NULL)
			abort();
		for (unsigned i = 0; i < l->n; i++)
			ring[i] = l->ring[(l->head + i) & (l->cap - 1)];
		free(l->ring);
		l->ring = ring;
		l->cap = cap;
		l->head = 0;
	}
	l->ring[(l->head + l->n++) & (l->cap - 1)] = x;
	l->open = x.kind == SENT_SYNC ? 0 : l->open + 1;
}

static struct expect *first(struct link *l) { return &l->ring[l->head]; }

static void
drop_first(struct link *l)
{
	l->head = (l->head + 1) & (l->cap - 1);
	l->n--;
	l->halfway = false;
}

static size_t
place(const struct stmt *q)
{
	struct stmt *const *list;
	return q->id > OWN ? (size_t)q->id : (size_t)DB_SLOTS(db_stmts(&list)) + (size_t)(OWN - q->id);
}

static size_t
places(void)
{
	struct stmt *const *list;
	return (size_t)DB_SLOTS(db_stmts(&list)) + VERBS;
}

/* --- sending --- */

static void
name_of(const struct stmt *q, int generation, char ret[80])
{
	snprintf(ret, 80, generation > 1 ? "%s.%d" : "%s", q->name, generation);
}

static bool
prepare(struct link *l, const struct stmt *q, struct ask *a, struct account *t)
{
	char *sql = db_expand(q->sql, words), name[80];

	name_of(q, l->generation, name);
	bool ok = PQsendPrepare(l->c, name, sql, 0, NULL) == 1;
	free(sql);
	if (!ok)
		return false;
	l->prepared[place(q)] = l->generation;
	expect(l, (struct expect){ SENT_PREPARE, q, a, t, NULL });
	return true;
}

/* Numbers go as text, for which the server finds the type; text and bytes go as they are, with their length. */
static bool
execute(struct link *l, const struct stmt *q, const struct val *v, int n)
{
	const char *arg[PARAMS];
	char num[PARAMS][24], name[80];
	int len[PARAMS], binary[PARAMS];

	for (int i = 0; i < n; i++) {
		binary[i] = v[i].t != V_I64;
		arg[i] = v[i].t == V_NULL ? NULL : v[i].s.p;
		len[i] = (int)v[i].s.n;
		if (v[i].t == V_I64) {
			snprintf(num[i], sizeof(num[i]), "%lld", (long long)v[i].i);
			arg[i] = num[i];
		}
	}
	name_of(q, l->prepared[place(q)], name);
	return PQsendQueryPrepared(l->c, name, n, arg, len, binary, 1) == 1;
}

static void tell_lost(const struct expect *, const char *why);

static void
ship(struct link *l, struct expect x, const struct val *v, int n)
{
	if (x.account != NULL) {
		x.account->unanswered++;
		x.account->musts += x.kind == SENT_MUST;
	}
	bool ok = !link_lost(l) && (l->prepared[place(x.q)] != 0 || prepare(l, x.q, x.ask, x.account));
	if (ok && n >= 0)
		ok = execute(l, x.q, v, n);
	if (ok && n >= 0)
		expect(l, x);
	if (!ok) {
		tell_lost(&x, l->c != NULL ? PQerrorMessage(l->c) : "no connection");
		link_fail(l, "the connection takes nothing more");
	}
}

/* With n below 0 it is prepared only, and the ask is answered by that. */
void
link_ask(struct link *l, struct ask *a, const struct stmt *q, const struct val *v, int n)
{
	a->q = q;
	a->n = n;
	a->answered = n < 0 && !link_lost(l) && l->prepared[place(q)] != 0;
	a->lost = a->skipped = a->fatal = a->warned = false;
	a->code = OK;
	a->r = NULL;
	if (!a->answered)
		ship(l, (struct expect){ SENT_ASK, q, a, NULL, NULL }, v, n);
}

void
link_run(struct link *l, struct account *t, const struct miss *miss, const struct stmt *q, const struct val *v, int n)
{
	ship(l, (struct expect){ miss != NULL ? SENT_MUST : SENT_RUN, q, NULL, t, miss }, v, n);
}

void
link_verb(struct link *l, struct account *t, const struct stmt *q)
{
	ship(l, (struct expect){ SENT_VERB, q, NULL, t, NULL }, NULL, 0);
}

/* The class of warnings that have none of their own: what COMMIT says when it no longer waits for its replica. */
static void
heed(void *link, const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	((struct link *)link)->warned |= state != NULL && strcmp(state, "01000") == 0;
}

void
link_sync(struct link *l)
{
	if (l->open == 0)
		return;
	if (link_lost(l) || PQpipelineSync(l->c) != 1) {
		link_fail(l, "the connection takes nothing more");
		return;
	}
	PQsetNoticeReceiver(l->c, heed, l);	/* here, for a link may have moved since it was opened */
	expect(l, (struct expect){ .kind = SENT_SYNC });
	l->unflushed = PQflush(l->c) == 1;
}

/* --- taking in --- */

static void
count_rows(struct account *t, const struct expect *x, const PGresult *r)
{
	char *rows = PQcmdTuples((PGresult *)(uintptr_t)r);
	int64_t n = rows[0] != '\0' ? strtoll(rows, NULL, 10) : 0;

	if (strncmp(PQcmdStatus((PGresult *)(uintptr_t)r), "SELECT", 6) != 0)
		t->written += n;
	if (x->kind != SENT_MUST || n != 0 || t->code != OK)
		return;
	t->missed = true;
	t->code = fail(&t->why, x->miss->code, x->miss->field, "%s", x->miss->detail);
}

static void
close_account(const struct expect *x)
{
	x->account->unanswered--;
	x->account->musts -= x->kind == SENT_MUST;
}

/* A preparation that fails is the fault of the statement behind it, which the server skips. */
static void
tell_fault(struct link *l, const struct expect *x, const PGresult *r)
{
	const char *why = PQresultErrorMessage(r);
	enum err code;
	enum fate fate = fate_of(r, &code);

	l->doomed |= fate == FATE_GONE;
	if (fate == FATE_STALE) {
		memset(l->prepared, 0, places());
		l->doomed |= ++l->generation == 0;
	}
	if (x->ask != NULL && x->ask->code == OK) {
		x->ask->code = say(&x->ask->why, code, x->q->name, why);
		x->ask->fatal = ends_session(r);
		x->ask->lost = fate == FATE_GONE;
	}
	if (x->account != NULL && x->account->code == OK) {
		x->account->code = say(&x->account->why, code, x->q->name, why);
		x->account->lost |= fate == FATE_GONE;
		x->account->told = true;
	}
}

static void
tell_lost(const struct expect *x, const char *why)
{
	if (x->ask != NULL && !x->ask->answered) {
		if (x->ask->code == OK)
			x->ask->code = say(&x->ask->why, E_STORAGE, x->q->name, why);
		x->ask->lost = x->ask->answered = true;
	}
	if (x->account != NULL) {
		if (x->account->code == OK)
			x->account->code = say(&x->account->why, E_STORAGE, x->q->name, why);
		x->account->lost = true;
		if (x->kind != SENT_PREPARE)
			close_account(x);
	}
}

/* The result is the ask's own from here on. */
static PGresult *
tell(struct link *l, const struct expect *x, PGresult *r)
{
	ExecStatusType st = PQresultStatus(r);

	if (x->kind == SENT_PREPARE && st != PGRES_COMMAND_OK)
		l->prepared[place(x->q)] = 0;
	if (!good(r) && st != PGRES_PIPELINE_ABORTED)
		tell_fault(l, x, r);
	else if (x->ask != NULL && st == PGRES_PIPELINE_ABORTED && x->kind == SENT_ASK)
		x->ask->skipped = x->ask->code == OK;
	else if (x->ask != NULL && x->kind == SENT_ASK) {
		x->ask->r = r;
		r = NULL;
	} else if (x->account != NULL && good(r) && x->kind != SENT_PREPARE)
		count_rows(x->account, x, r);
	if (x->account != NULL && x->kind != SENT_PREPARE)
		close_account(x);
	if (x->ask != NULL) {
		x->ask->answered = x->kind == SENT_ASK || x->ask->n < 0;
		x->ask->warned = l->warned;
	}
	return r;
}

static bool
take_one(struct link *l)
{
	struct expect *x = first(l);
	PGresult *r = PQgetResult(l->c);

	if (r == NULL) {
		if (!l->halfway)
			return false;
		drop_first(l);
		return true;
	}
	if (PQresultStatus(r) == PGRES_PIPELINE_SYNC && x->kind == SENT_SYNC) {
		drop_first(l);
		l->warned = false;
	} else if (x->kind == SENT_SYNC || l->halfway) {
		l->doomed = true;		/* an answer to no question: the end of a session, as a rule */
	} else {
		l->halfway = true;
		r = tell(l, x, r);
	}
	PQclear(r);
	return true;
}

/* Its results up to the first fault; then the pipeline goes on. */
static void
take_script(struct link *l)
{
	struct ask *a = l->script;
	PGresult *r;

	while (!PQisBusy(l->c) && (r = PQgetResult(l->c)) != NULL) {
		if (!good(r))
			tell_fault(l, &(struct expect){ SENT_ASK, a->q, a, NULL, NULL }, r);
		PQclear(r);
	}
	if (PQisBusy(l->c) || PQstatus(l->c) != CONNECTION_OK)
		return;
	a->answered = true;
	l->script = NULL;
	if (PQenterPipelineMode(l->c) != 1)
		l->doomed = true;
}

void
link_pump(struct link *l)
{
	if (l->c == NULL)
		return;
	bool open = PQconsumeInput(l->c) == 1;
	if (l->unflushed && open) {
		int left = PQflush(l->c);
		l->unflushed = left == 1;
		open = left >= 0;
	}
	while (l->n > 0 && !PQisBusy(l->c) && take_one(l))
		;
	if (l->script != NULL)
		take_script(l);
	if (!open || PQstatus(l->c) != CONNECTION_OK)
		link_fail(l, PQerrorMessage(l->c));
}

void
link_fail(struct link *l, const char *why)
{
	char kept[200];

	l->doomed = true;
	snprintf(kept, sizeof(kept), "%s", why != NULL && why[0] != '\0' ? why : "the connection was lost");
	while (l->n > 0) {
		struct expect x = *first(l);
		bool told = l->halfway;
		drop_first(l);
		if (!told)
			tell_lost(&x, kept);
	}
	if (l->script != NULL)
		tell_lost(&(struct expect){ SENT_ASK, l->script->q, l->script, NULL, NULL }, kept);
	l->script = NULL;
	l->open = 0;
	l->unflushed = false;
	if (l->c != NULL)
		PQfinish(l->c);		/* whatever else comes is for nobody */
	l->c = NULL;
}

void
link_wait(struct link *l, const struct ask *a)
{
	for (;;) {
		link_pump(l);
		if (a != NULL ? a->answered : link_idle(l))
			return;
		if (link_lost(l)) {
			link_fail(l, NULL);
			return;
		}
		struct pollfd p = { PQsocket(l->c), (short)(POLLIN | (l->unflushed ? POLLOUT : 0)), 0 };
		(void)poll(&p, 1, link_hides(l) ? LINK_LOOK_MS : -1);
	}
}

void
link_forget(struct link *l)
{
	for (unsigned i = 0; i < l->n; i++)
		l->ring[(l->head + i) & (l->cap - 1)].account = NULL;
}

void
link_script(struct link *l, struct ask *a, const char *sql)
{
	static const struct stmt what = { .name = "script" };
	char *text = db_expand(sql, words);

	a->q = &what;
	l->script = a;
	if (link_lost(l) || PQexitPipelineMode(l->c) != 1 || PQsendQuery(l->c, text) != 1)
		link_fail(l, l->c != NULL ? PQerrorMessage(l->c) : NULL);
	else
		l->unflushed = PQflush(l->c) == 1;
	free(text);
}

/* --- opening --- */

/* What the URI asks for stays, and wins. */
static void
options_of(const struct link_conf *conf, char *ret, size_t size)
{
	PQconninfoOption *all = PQconninfoParse(conf->uri, NULL);
	const char *theirs = "";

	for (PQconninfoOption *o = all; o != NULL && o->keyword != NULL; o++)
		if (strcmp(o->keyword, "options") == 0 && o->val != NULL)
			theirs = o->val;
	/* Plans of the pool are made once a connection: they are all searches by index, and a plan made anew for each value of a partitioned
	 * table costs more than the search. */
	const char *plans = conf->statement_ms != 0 ? "-c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off " : "";
	/* PgBouncer takes no space at either end. */
	snprintf(ret, size, "%s-c client_min_messages=warning -c timezone=UTC -c lock_timeout=%lld -c statement_timeout=%lld"
	    " -c idle_in_transaction_session_timeout=%lld%s%s", plans, (long long)conf->lock_ms, (long long)conf->statement_ms,
	    (long long)conf->statement_ms * 3, theirs[0] != '\0' ? " " : "", theirs);
	PQconninfoFree(all);
}

static void quiet(void *arg, const PGresult *r) { (void)arg, (void)r; }

/* Where the URI says nothing else: the server that takes writes, and one that is silent for some seconds has left. */
enum err
link_open(struct link *l, const struct link_conf *conf, struct error *e)
{
	char options[600];
	const char *names[] = { "connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
		"target_session_attrs", "client_encoding", "dbname", "options", NULL };
	const char *values[] = { "4", "3", "1", "3", "5000", conf->replica ? "standby" : "read-write", "UTF8", conf->uri, options, NULL };

	db_init();
	*l = (struct link){ .generation = 1 };
	if ((l->prepared = calloc(places(), 1)) == NULL)
		abort();
	options_of(conf, options, sizeof(options));
	l->c = PQconnectdbParams(names, values, 1);
	if (PQstatus(l->c) != CONNECTION_OK || PQsetnonblocking(l->c, 1) != 0 || PQenterPipelineMode(l->c) != 1) {
		enum err code = say(e, E_STORAGE, "connect", PQerrorMessage(l->c));
		link_close(l);
		return code;
	}
	PQsetNoticeReceiver(l->c, quiet, NULL);
	return OK;
}

void
link_close(struct link *l)
{
	if (l->c != NULL)
		PQfinish(l->c);
	free(l->ring);
	free(l->prepared);
	*l = (struct link){ 0 };
}
