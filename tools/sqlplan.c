/* sqlplan -- asks SQLite how it would run every statement of the program, and fails when one walks a whole table, or to change
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

int
main(int argc, char **argv)
{
	struct db_sqlite_conf c = { ":memory:", false, 2000, 0 };
	const struct migration *list;
	int n = migrate_list(&list);
	struct error e;
	struct db db;

	shown = argv + (argc > 0);
	need(db_sqlite_open(&c, &db, &e), &e);
	need(migrate(&db, list, n, NULL, 0, &e), &e);
	int bad = explain_all(&db);
	db.ops->close(&db);
	return bad != 0;
}
