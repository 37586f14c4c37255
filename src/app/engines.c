/* engines -- doctor: what nodes share (PostgreSQL and its replica, the way past its pooler, Valkey), and what mends it. */
#include "app/doctor.h"
#include "db/partition.h"
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define FAR_US		INT64_C(2000000)	/* a clock that is off by more */
#define HEARD_US	INT64_C(3000000)	/* how long a word may take */
#define BEHIND		(INT64_C(16) << 20)	/* bytes of log that a replica may have yet to replay */

/* A question whose rows are lines: ok, warn or FAIL, and the words.  $1 is db_pool; schema and version: what it needs. */
struct look { const char *check; int schema, version; const char *sql; };

static const struct look looks[] = {
	{ "server", 0, 0,
	    "WITH off AS (SELECT name, harm FROM (VALUES ('fsync', 'a power cut may damage the database'), ('full_page_writes', 'a power cut may damage the database'),"
	    "  ('synchronous_commit', 'a crash loses writes that were acknowledged'), ('autovacuum', 'tables grow without end')) s(name, harm) WHERE current_setting(name) = 'off')"
	    " SELECT 'warn', format('%s is off: %s: ALTER SYSTEM SET %s = on; SELECT pg_reload_conf()', name, harm, name) FROM off"
	    " UNION ALL SELECT 'ok', format('PostgreSQL %s; what is acknowledged is on disk', current_setting('server_version')) WHERE NOT EXISTS (SELECT 1 FROM off)" },
	/* Where the system's order of letters changes under an index, it misses rows, and lets an address in twice. */
	{ "collation", 0, 150000,
	    "SELECT 'warn', format('indexes were made with version %s of the system''s order of letters, which is %s now, and may miss rows:"
	    " REINDEX DATABASE %I; ALTER DATABASE %I REFRESH COLLATION VERSION', datcollversion, now, datname, datname)"
	    " FROM (SELECT datname, datcollversion, pg_database_collation_actual_version(oid) AS now FROM pg_database WHERE datname = current_database()) d WHERE datcollversion <> now" },
	{ "connections", 5, 0,
	    "WITH n AS (SELECT GREATEST(count(*), 1) AS nodes FROM node WHERE seen_at > extract(epoch FROM clock_timestamp()) * 1000 - 60000),"
	    " l(most) AS (SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
	    "  UNION ALL SELECT datconnlimit FROM pg_database WHERE datname = current_database() UNION ALL SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),"
	    " x AS (SELECT nodes, nodes * ($1::bigint + 1) AS want, (SELECT min(most) FROM l WHERE most >= 0) AS have FROM n)"
	    " SELECT CASE WHEN want > have THEN 'warn' ELSE 'ok' END, format('nodes: %s, with up to %s of the %s connections that may be%s', nodes, want, have,"
	    "  CASE WHEN want > have THEN ': set db_pool lower or max_connections higher, or put PgBouncer between (deploy/pgbouncer.ini)' ELSE '' END) FROM x" },
	{ "nodes", 5, 0,
	    "WITH s AS (SELECT host, line, split_part(line, '=', 1) AS name FROM node, regexp_split_to_table(settings, '\n') AS line"
	    "  WHERE seen_at > extract(epoch FROM clock_timestamp()) * 1000 - 20000 AND line <> ''), o AS (SELECT name FROM s GROUP BY name HAVING count(DISTINCT line) > 1)"
	    " SELECT 'warn', format('%s: let all nodes have the same', string_agg(line || ' on ' || hosts, ', ' ORDER BY line))"
	    "  FROM (SELECT name, line, string_agg(host, ' ' ORDER BY host) AS hosts FROM s JOIN o USING (name) GROUP BY name, line) d GROUP BY name"
	    " UNION ALL SELECT 'ok', format('%s with the same settings where they must', count(DISTINCT host)) FROM s HAVING count(*) > 0 AND NOT EXISTS (SELECT 1 FROM o)" },
	/* TABLE_later begins where the ranges end; the first ten letters of an id are its milliseconds. */
	{ "partitions", PARTITION_SCHEMA, 0,
	    "WITH t(name) AS (VALUES "
#define PARTITION(table, keep, days, needed, counted) "('" #table "'),"
#include "db/partition.def"
#undef PARTITION
	    " (NULL)), bound AS (SELECT name, (SELECT substring(pg_get_expr(relpartbound, oid) FROM 'FROM \\(''(.{26})') FROM pg_class WHERE oid = to_regclass(name || '_later')) AS id"
	    "  FROM t WHERE name IS NOT NULL), ends AS (SELECT name, to_timestamp((SELECT sum((strpos('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(id, i, 1)) - 1)::bigint << 5 * (10 - i))"
	    "  FROM generate_series(1, 10) i) / 1000) AS at FROM bound)"
	    " SELECT 'FAIL', format('%s has no ranges of time, which this schema has: scriped migrate --db URI', name) FROM ends WHERE at IS NULL"
	    " UNION ALL SELECT CASE WHEN at < clock_timestamp() THEN 'FAIL' ELSE 'warn' END, format('the ranges of %s end at %s: a running node makes more; start one, or look for"
	    " event=partition in its log', name, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) FROM ends WHERE at < clock_timestamp() + interval '1 day'"
	    " UNION ALL SELECT 'ok', format('ranges of time stand ready until %s', to_char(min(at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')) FROM ends"
	    "  HAVING min(at) >= clock_timestamp() + interval '1 day' AND count(at) = count(*)" },
};
/* What a node says when it connects, and a pooler does not pass on. */
static const struct look pooled = { "pooler", 0, 0,
	    "WITH s AS (SELECT name, want FROM (VALUES ('plan_cache_mode', 'force_generic_plan'), ('jit', 'off'), ('enable_seqscan', 'off'), ('timezone', 'UTC'), ('statement_timeout', '5s'),"
	    "  ('lock_timeout', '4500ms'), ('idle_in_transaction_session_timeout', '15s')) v(name, want) WHERE current_setting(name) = '0' OR (want NOT LIKE '%s' AND current_setting(name) <> want))"
	    " SELECT 'warn', format('the pooler passes on no settings of a connection: ALTER ROLE %I SET %s = %L', current_user, name, want) FROM s"
	    " UNION ALL SELECT 'ok', 'there is one, and the role has what nodes say of themselves without' WHERE NOT EXISTS (SELECT 1 FROM s)" };

/* --- connections --- */

/* `attrs`: which of several hosts; what the URI says itself wins. */
static PGconn *
open_at(struct doctor *d, const char *uri, const char *attrs, enum health away, const char *check, const char *then)
{
	const char *names[] = { "connect_timeout", "application_name", "client_encoding", "target_session_attrs", "dbname", NULL };
	const char *values[] = { "5", "scriped doctor", "UTF8", attrs, uri, NULL };
	PGconn *c = PQconnectdbParams(names, values, 1);

	if (PQstatus(c) == CONNECTION_OK)
		return c;
	char why[300];
	snprintf(why, sizeof(why), "%.*s", STR(str_trim(str_z(PQerrorMessage(c)))));
	for (char *at = why; (at = strpbrk(at, "\n\t")) != NULL; )
		*at = ' ';
	doctor_tell(d, away, check, "%s; %s", why, then);
	PQfinish(c);
	return NULL;
}

/* The first value of the first row; empty where there is none, or the question fails. */
static const char *
one(struct doctor *d, PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);
	const char *v = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) > 0 ? str_dup(&d->a, str_z(PQgetvalue(r, 0, 0))).p : "";

	PQclear(r);
	return v;
}

static int64_t number(struct doctor *d, PGconn *c, const char *sql) { return strtoll(one(d, c, sql), NULL, 10); }

/* Of a database and all its copies. */
static const char *identity(struct doctor *d, PGconn *c) { return one(d, c, "SELECT system_identifier || '/' || current_database() FROM pg_control_system()"); }

/* A pooler gives its clients numbers of its own. */
static bool through_pooler(struct doctor *d, PGconn *c) { return number(d, c, "SELECT pg_backend_pid()") != PQbackendPID(c); }

/* --- the primary --- */

static void
look(struct doctor *d, PGconn *c, const struct look *l)
{
	char pool[24];
	const char *v[] = { pool };

	snprintf(pool, sizeof(pool), "%lld", (long long)d->conf.db_pool);
	PGresult *r = PQexecParams(c, l->sql, strstr(l->sql, "$1") != NULL, NULL, v, NULL, NULL, 0);
	if (PQresultStatus(r) != PGRES_TUPLES_OK) {
		const char *why = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
		doctor_tell(d, WARN, l->check, "cannot be looked at: %s", why != NULL ? why : "the connection was lost");
	}
	for (int i = 0; i < PQntuples(r); i++) {
		char word = PQgetvalue(r, i, 0)[0];
		doctor_tell(d, word == 'o' ? GOOD : word == 'w' ? WARN : BAD, l->check, "%s", PQgetvalue(r, i, 1));
	}
	PQclear(r);
}

static void
check_offset(struct doctor *d, PGconn *c)
{
	enum { LOOKS = 3 };
	int64_t best = INT64_MAX, off = 0;

	for (int i = 0; i < LOOKS; i++) {
		int64_t asked = sys_wall_ms(&sys_clock_real) * 1000, began = sys_mono_us(&sys_clock_real);
		int64_t there = number(d, c, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"), took = sys_mono_us(&sys_clock_real) - began;
		if (took < best) {
			best = took;
			off = asked + took / 2 - there;
		}
	}
	bool far = off > FAR_US + best || -off > FAR_US + best;
	doctor_tell(d, !far ? GOOD : d->conf.db_clock ? WARN : BAD, "clock", "%.1f s %s the database's%s", (double)(off < 0 ? -off : off) / 1e6, off < 0 ? "behind" : "ahead of", !far ? ""
	    : d->conf.db_clock ? ", by which nodes go; log lines and certificates go by this one: set it (timedatectl set-ntp true)"
	    : ", and with db_clock = false ids, leases and sessions go by it: set it (timedatectl set-ntp true), or leave db_clock out");
}

/* --- words from node to node: on three connections, so that a pooler that shares them is found out --- */

#define NOT_HEARD	"until it answers nodes hear of each other's jobs and revocations when they next look, a second later"

static bool
hears(PGconn *listener, PGconn *other, PGconn *speaker)
{
	unsigned name = (unsigned)PQbackendPID(listener);	/* those of a pooler may be negative */
	PGnotify *word = NULL;
	char channel[64], say[80];

	snprintf(channel, sizeof(channel), "LISTEN scriped_doctor_%u", name);
	snprintf(say, sizeof(say), "NOTIFY scriped_doctor_%u", name);
	PQclear(PQexec(listener, channel));
	PQclear(PQexec(other, "BEGIN; SELECT 1"));	/* has what the listener gave back, if it did */
	PQclear(PQexec(speaker, say));
	int64_t until = sys_mono_us(&sys_clock_real) + HEARD_US;
	for (int64_t now; word == NULL && (now = sys_mono_us(&sys_clock_real)) < until && PQstatus(listener) == CONNECTION_OK; ) {
		struct pollfd p = { PQsocket(listener), POLLIN, 0 };
		(void)poll(&p, 1, (int)((until - now) / 1000) + 1);
		(void)PQconsumeInput(listener);
		word = PQnotifies(listener);
	}
	PQclear(PQexec(other, "ROLLBACK"));
	PQclear(PQexec(listener, "UNLISTEN *"));
	bool heard = word != NULL;
	PQfreemem(word);
	return heard;
}

static void
check_words(struct doctor *d, const char *uri)
{
	PGconn *c[3] = { NULL };
	int n = 0;

	while (n < 3 && (c[n] = open_at(d, uri, "read-write", WARN, "words", NOT_HEARD)) != NULL)
		n++;
	if (n == 3 && hears(c[0], c[1], c[2]))
		doctor_tell(d, GOOD, "words", "LISTEN hears what other nodes say");
	else if (n == 3)
		doctor_tell(d, WARN, "words", "LISTEN hears nothing through a pooler that shares connections, so nodes hear of each other a second later: set db_direct to the database past it");
	while (n > 0)
		PQfinish(c[--n]);
}

/* What leads past the pooler; false: it does not answer. */
static bool
check_direct(struct doctor *d, const char *primary)
{
	PGconn *c = open_at(d, d->conf.db_direct, "read-write", WARN, "db_direct", NOT_HEARD);

	if (c == NULL)
		return false;
	if (strcmp(identity(d, c), primary) != 0)
		doctor_tell(d, BAD, "db_direct", "leads to another database than db: nodes would not hear each other, and migrate would change that one");
	else if (through_pooler(d, c))
		doctor_tell(d, WARN, "db_direct", "leads through a pooler, too: name the server itself, as migrate and export need it");
	else
		doctor_tell(d, GOOD, "db_direct", "the same database, past any pooler");
	PQfinish(c);
	return true;
}

/* --- the replica --- */

static void
judge_replica(struct doctor *d, PGconn *c, const char *primary, int64_t lsn)
{
	int64_t behind = lsn - number(d, c, "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint");

	if (strcmp(one(d, c, "SELECT pg_is_in_recovery()::text"), "true") != 0)
		doctor_tell(d, BAD, "db_read", "follows nobody, so it is no replica and nothing is read there: let db_read name a streaming replica of db");
	else if (strcmp(identity(d, c), primary) != 0)
		doctor_tell(d, BAD, "db_read", "is a replica of another database than db: let db_read name one of this");
	else if (behind > BEHIND)
		doctor_tell(d, WARN, "db_read", "%lld MB of the log behind, so most reads go to the primary: see pg_stat_replication there, and whether queries on the replica hold it up",
		    (long long)(behind / 1000000));
	else
		doctor_tell(d, GOOD, "db_read", "a replica of this database, %lld KB of the log behind", (long long)(MAX(behind, 0) / 1000));
}

static void
check_replica(struct doctor *d, const char *primary, int64_t lsn)
{
	if (d->conf.db_read[0] == '\0')
		return;
	if (d->conf.kv[0] == '\0')
		doctor_tell(d, BAD, "db_read", "needs kv, by which nodes tell each other what was written: without it the server does not start");
	if (strcmp(d->conf.db_read, d->conf.db) == 0) {
		doctor_tell(d, GOOD, "db_read", "the primary: this node tells the others what it writes, and reads from no replica");
		return;
	}
	PGconn *c = open_at(d, d->conf.db_read, "any", WARN, "db_read", "until it answers all is read from the primary");
	if (c == NULL)
		return;
	judge_replica(d, c, primary, lsn);
	PQfinish(c);
}

void
engines_look(struct doctor *d, int schema)
{
	PGconn *c = open_at(d, d->conf.db, "read-write", BAD, "server", "look at the setting db");

	if (c == NULL)
		return;
	for (size_t i = 0; i < COUNT(looks); i++)
		if (schema >= looks[i].schema && PQserverVersion(c) >= looks[i].version)
			look(d, c, &looks[i]);
	check_offset(d, c);
	if (through_pooler(d, c))
		look(d, c, &pooled);
	const char *primary = identity(d, c);
	if (d->conf.db_direct[0] == '\0' || check_direct(d, primary))
		check_words(d, home_direct(&d->conf));
	check_replica(d, primary, number(d, c, "SELECT (pg_current_wal_lsn() - '0/0')::bigint"));
	PQfinish(c);
}

/* --- Valkey --- */

/* NAME:VALUE lines; 0 where there is no such one. */
static str
said(str info, const char *name)
{
	while (info.n > 0) {
		str line = str_trim(str_split(&info, '\n')), key = str_split(&line, ':');
		if (str_eq(key, str_z(name)))
			return line;
	}
	return S("0");
}

void
engines_kv(struct doctor *d)
{
	struct error e;
	str info;

	if (d->conf.kv[0] == '\0')
		return;
	if (kv_info(d->conf.kv, &sys_clock_real, &d->a, &info, &e) != OK) {
		doctor_tell(d, BAD, "kv", "%s; until it answers each node counts its share by itself", e.detail);
		return;
	}
	bool full = !str_eq(said(info, "maxmemory"), S("0"));
	if (info.n > 0 && (!full || str_eq(said(info, "maxmemory_policy"), S("noeviction"))))
		doctor_tell(d, WARN, "kv", "%s: CONFIG SET maxmemory 256mb, CONFIG SET maxmemory-policy volatile-ttl, and the same in its file",
		    full ? "it refuses to count when its memory is full" : "it has no limit of memory");
	if (!str_eq(said(info, "evicted_keys"), S("0")))
		doctor_tell(d, WARN, "kv", "%.*s keys had to make room before their time, so that limits let too much through: raise maxmemory", STR(said(info, "evicted_keys")));
	if (str_eq(said(info, "rdb_last_bgsave_status"), S("err")))
		doctor_tell(d, WARN, "kv", "it cannot write to its disk and may stop counting for that; it need not write: CONFIG SET save ''");
	doctor_tell(d, GOOD, "kv", "it answers, and takes what nodes count%s", str_eq(said(info, "aof_enabled"), S("1")) ? "; it writes to its disk (appendonly), which nothing here needs" : "");
}
