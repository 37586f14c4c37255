/* sqlplan -- two questions to every statement of the program.
 *
 * Does it stay within one workspace?  A statement of a table whose key begins with the workspace binds it, and so does every unique index:
 * then the table can be distributed by it (docs/scaling.md).  What cannot stands in the list `crossing` with the reason.
 *
 * And how would SQLite run it?  It asks SQLite how it would run every statement of the program, and fails when one walks a whole table, or to change
 * something a whole workspace, or sorts in memory: with millions of rows such a statement would hold the writer.  A statement
 * that may do so stands in the list below with the reason.
 *
 *	sqlplan			prints one line per finding, then "N statements, N waived"; exit status 1 when one is not waived
 *	sqlplan WORD...		prints the whole plan, too, of each statement whose name contains one of the words */
#include "db/migrate.h"
#include <stdio.h>
#include <stdlib.h>

static const struct waiver { const char *name, *reason; } waivers[] = {
	{ "job.durations", "walks the workspaces, which are few, and sorts the last jobs of each; read once, when the server starts" },
	{ "key.find", "walks the workspaces, which are few; for the command line" },
};
static bool used[COUNT(waivers)];

/* Statements and unique indexes that find a workspace, or walk all of them.  Of many shards the first ask all, or a table that every shard
 * has a copy of; the others are duties, and done for each shard. */
static const struct waiver crossing[] = {
	{ "key.by_hash", "a key is all that a caller brings: it finds the workspace" },
	{ "api_key: api_key_hash", "the same: a hash of 256 bits is unique anywhere" },
	{ "key.find", "for the command line" },
	{ "invitation.by_hash", "a link is all that its reader brings" },
	{ "invitation: invitation_hash", "the same" },
	{ "invitation.sweep", "a duty: what is over" },
	{ "membership.first", "which workspaces a person belongs to" },
	{ "membership.workspaces", "the same" },
	{ "consent: consent_of", "consents are people's, and so are the codes and tokens that come of them" },
	{ "consent: sqlite_autoindex_consent_1", "the same" },
	{ "oauth_code: sqlite_autoindex_oauth_code_1", "the same" },
	{ "oauth_family: sqlite_autoindex_oauth_family_1", "the same" },
	{ "idempotency: sqlite_autoindex_idempotency_1", "the name holds the workspace, and every statement binds both" },
	{ "idem.old_page", "records of schema 1, moved once" },
	{ "job.claim", "a worker asks for the next job, whoever's it is" },
	{ "job.renew", "a sign of life for all jobs of a worker" },
	{ "job.lost", "a duty: leases that are over" },
	{ "job.count_queued", "a figure" },
	{ "job.count_running", "a figure" },
	{ "job.durations", "read once, at the start" },
	{ "knowledge.vectors_before", "a duty: documents that want vectors" },
	{ "knowledge.vectors_behind", "the same" },
	{ "knowledge_unlisted.next", "a duty: what a job left" },
	{ "job_progress.sweep", "a duty: what is over" },
	{ "vacated.next", "a duty: what a deletion left behind" },
};
static bool crossed[COUNT(crossing)];
static char *const *shown;	/* words, up to a NULL */

#define SOURCES	16
struct plan { char source[SOURCES][40]; int sources, findings; };	/* source: what the statement itself makes to read from */

static bool
made_here(const struct plan *p, str name)
{
	for (int i = 0; i < p->sources; i++)
		if (str_eq(str_z(p->source[i]), name))
			return true;
	return false;
}

static void
note_source(struct plan *p, str name)
{
	if (p->sources < SOURCES)
		snprintf(p->source[p->sources++], sizeof(p->source[0]), "%.*s", STR(name));
}

/* A change that finds its rows by the workspace alone looks at all that the workspace has.  How it finds them is the first line
 * of the plan; what comes behind are its questions, which have limits. */
static bool
walks_workspace(const char *sql, int number, str line)
{
	static const char whole[] = "(workspace=?)";
	size_t n = sizeof(whole) - 1;

	return number == 0 && (strncmp(sql, "DELETE", 6) == 0 || strncmp(sql, "UPDATE", 6) == 0) && line.n >= n && memcmp(line.p + line.n - n, whole, n) == 0;
}

static bool
is_finding(struct plan *p, str line)
{
	str rest = line, verb = str_split(&rest, ' ');

	if (str_eq(verb, S("MATERIALIZE")) || str_eq(verb, S("CO-ROUTINE")))
		note_source(p, rest);
	if (str_starts(line, S("USE TEMP B-TREE")))
		return true;
	if (!str_eq(verb, S("SCAN")))
		return false;
	str what = str_split(&rest, ' ');
	return !str_eq(what, S("CONSTANT")) && !str_starts(what, S("(")) && !made_here(p, what);
}

static const char *
waived(const char *name)
{
	for (size_t i = 0; i < COUNT(waivers); i++)
		if (strcmp(waivers[i].name, name) == 0) {
			used[i] = true;
			return waivers[i].reason;
		}
	return NULL;
}

static bool
is_shown(const char *name)
{
	for (char *const *word = shown; *word != NULL; word++)
		if (strstr(name, *word) != NULL)
			return true;
	return false;
}

static void
need(enum err code, const struct error *e)
{
	if (code == OK)
		return;
	fprintf(stderr, "sqlplan: %s\n", e->detail);
	exit(1);
}

/* The number of findings; each is printed. */
static int
explain(struct db *db, const struct stmt *q)
{
	char *sql = NULL;
	struct plan p = { 0 };
	struct error e;
	struct rows r;

	if (asprintf(&sql, "EXPLAIN QUERY PLAN %s", q->sql) < 0)
		abort();
	struct stmt ask = { .name = q->name, .sql = sql, .id = q->id };	/* its place is free: nothing else is prepared on this connection */
	need(db_query_(db, &ask, &r, &e, NULL, 0), &e);
	for (int number = 0; db_next(&r); number++) {
		str line = db_col(&r, 3).s;
		if (is_shown(q->name))
			printf("%s: %.*s\n", q->name, STR(line));
		if (!is_finding(&p, line) && !walks_workspace(q->sql, number, line))
			continue;
		const char *reason = waived(q->name);
		printf("%s: %.*s%s%s\n", q->name, STR(line), reason != NULL ? "; waived: " : "", reason != NULL ? reason : "");
		p.findings++;
	}
	need(db_done(&r, &e), &e);
	free(sql);
	return p.findings;
}

static bool
name_is_its_own(struct stmt *const *list, int i)
{
	for (int k = 0; k < i; k++)
		if (strcmp(list[k]->name, list[i]->name) == 0)
			return false;
	return true;
}

static int
explain_all(struct db *db)
{
	struct stmt *const *list;
	int n = db_stmts(&list), bad = 0, let = 0;

	for (int i = 0; i < n; i++) {
		if (!name_is_its_own(list, i)) {
			printf("%s: two statements have this name\n", list[i]->name);
			bad++;
		}
		if (list[i]->pg || explain(db, list[i]) == 0)
			continue;
		if (waived(list[i]->name) != NULL)
			let++;
		else
			bad++;
	}
	for (size_t i = 0; i < COUNT(waivers); i++)
		if (!used[i]) {
			printf("%s: is waived, and needs no waiver\n", waivers[i].name);
			bad++;
		}
	printf("%d statements, %d waived\n", n, let);
	return bad;
}

/* --- within one workspace --- */

static bool
crosses(const char *name)
{
	for (size_t i = 0; i < COUNT(crossing); i++)
		if (strcmp(crossing[i].name, name) == 0)
			return crossed[i] = true;
	return false;
}

/* The words behind which a table is named. */
static bool
names_table(const char *sql, str table)
{
	static const char *const before[] = { "FROM ", "INTO ", "UPDATE ", "JOIN " };

	for (size_t i = 0; i < COUNT(before); i++)
		for (const char *at = sql; (at = strstr(at, before[i])) != NULL; ) {
			at += strlen(before[i]);
			if (strncmp(at, table.p, table.n) == 0 && strchr(" ,()", at[table.n]) != NULL)
				return true;
		}
	return false;
}

static bool
binds_workspace(const char *sql)
{
	return strstr(sql, "workspace = $") != NULL || (strncmp(sql, "INSERT", 6) == 0 && strstr(sql, "(workspace, ") != NULL);
}

#define QUERY(nm, text) static struct stmt nm = { .name = "sqlplan." #nm, .sql = text }
QUERY(keyed, "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'workspace' AND c.pk = 1 ORDER BY m.name");
QUERY(unique, "SELECT m.name || ': ' || i.name FROM sqlite_master m, pragma_table_info(m.name) c, pragma_index_list(m.name) i WHERE m.type = 'table'"
    " AND c.name = 'workspace' AND i.[unique] AND NOT EXISTS (SELECT 1 FROM pragma_index_info(i.name) x WHERE x.name = 'workspace') ORDER BY 1");

static int
ask_tables(struct db *db, struct stmt *q, int number, int (*each)(str name))
{
	struct error e;
	struct rows r;
	int bad = 0;

	q->id = number;		/* on a connection where nothing else is prepared */
	need(db_query_(db, q, &r, &e, NULL, 0), &e);
	while (db_next(&r))
		bad += each(db_col(&r, 0).s);
	need(db_done(&r, &e), &e);
	return bad;
}

static int
look_at_table(str table)
{
	struct stmt *const *list;
	int n = db_stmts(&list), bad = 0;

	for (int i = 0; i < n; i++)
		if (!list[i]->pg && names_table(list[i]->sql, table) && !binds_workspace(list[i]->sql) && !crosses(list[i]->name)) {
			printf("%s: names %.*s and binds no workspace\n", list[i]->name, STR(table));
			bad++;
		}
	return bad;
}

static int
look_at_index(str name)
{
	char text[100];

	snprintf(text, sizeof(text), "%.*s", STR(name));
	if (crosses(text))
		return 0;
	printf("%s: is unique without the workspace\n", text);
	return 1;
}

static int
stays_within(struct db *db)
{
	int bad = ask_tables(db, &keyed, 0, look_at_table) + ask_tables(db, &unique, 1, look_at_index);

	for (size_t i = 0; i < COUNT(crossing); i++)
		if (!crossed[i]) {
			printf("%s: is listed as crossing workspaces, and does not\n", crossing[i].name);
			bad++;
		}
	return bad;
}

static void
open_fresh(struct db *db)
{
	struct db_sqlite_conf c = { ":memory:", false, 2000, 0 };
	const struct migration *list;
	int n = migrate_list(&list);
	struct error e;

	need(db_sqlite_open(&c, db, &e), &e);
	need(migrate(db, list, n, NULL, 0, &e), &e);
}

int
main(int argc, char **argv)
{
	struct db plans, tables;

	shown = argv + (argc > 0);
	open_fresh(&plans);
	open_fresh(&tables);
	int bad = explain_all(&plans) + stays_within(&tables);
	plans.ops->close(&plans);
	tables.ops->close(&tables);
	return bad != 0;
}
