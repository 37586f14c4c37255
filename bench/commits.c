/* commits -- how many notes a second SQLite itself commits on this disk: what POST /notes is measured against.
 *
 *	commits DATABASE SECONDS CALLS
 *
 * DATABASE is one that `scriped setup` made.  A transaction holds CALLS times the four rows of one POST /notes (note,
 * idempotency, audit, event) and is committed with synchronous=FULL; everything else is as SQLite comes.
 * Prints {"notes":N,"seconds":S} when SECONDS have passed. */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NOTE, IDEMPOTENCY, AUDIT, EVENT, INSERTS };
#define CONTENT	175		/* bytes, as in tools.py */
#define ANSWER	455		/* of POST /notes with that content */
#define BODY	640		/* of its event */
#define ID	27

/* The name of an idempotency record is in no order at all, as the keys of most clients are. */
static const char *const sql[INSERTS] = {
	"INSERT INTO note (workspace, id, project, content, slot, slot_date, slot_type) VALUES (?1, ?2, ?3, ?5, ?4, 1790000000000, 'PERSONAL')",
	"INSERT INTO idempotency (workspace, name, hash, status, body, created_at)"
	" VALUES (?1, randomblob(25), x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 200, ?5, 1790000000000)",
	"INSERT INTO audit (workspace, id, principal, mode, method, route, status, request, resource, ip)"
	" VALUES (?1, ?2, 'key_01J9ZAB12CD34E56F7G8H9JKMN', 'live', 'POST', '/v1/notes', 200, 'req_' || ?4, 'note_' || ?2, '127.0.0.1')",
	"INSERT INTO event (workspace, id, type, project, body) VALUES (?1, ?2, 'note.created', ?3, ?5)",
};
static const int text_size[INSERTS] = { CONTENT, ANSWER, 0, BODY };

struct bench { sqlite3 *db; sqlite3_stmt *insert[INSERTS], *begin, *commit; char workspace[ID], project[ID], text[BODY]; int64_t n; };

static void
check(struct bench *b, int rc)
{
	if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
		return;
	fprintf(stderr, "commits: %s\n", sqlite3_errmsg(b->db));
	exit(1);
}

static sqlite3_stmt *
prepare(struct bench *b, const char *text)
{
	sqlite3_stmt *s;

	check(b, sqlite3_prepare_v3(b->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL));
	return s;
}

static void
run(struct bench *b, sqlite3_stmt *s)
{
	check(b, sqlite3_step(s));
	check(b, sqlite3_reset(s));
}

/* In the order of creation, as ours are, and of the same length. */
static void
next_id(struct bench *b, char out[ID])
{
	snprintf(out, ID, "01J%023lld", (long long)++b->n);
}

static void
insert_note(struct bench *b)
{
	char id[ID], other[ID];

	next_id(b, id);
	next_id(b, other);
	for (int i = 0; i < INSERTS; i++) {
		sqlite3_stmt *s = b->insert[i];
		sqlite3_bind_text(s, 2, id, -1, SQLITE_STATIC);
		if (sqlite3_bind_parameter_count(s) >= 4)
			sqlite3_bind_text(s, 4, other, -1, SQLITE_STATIC);
		if (text_size[i] != 0)
			sqlite3_bind_text(s, 5, b->text, text_size[i], SQLITE_STATIC);
		run(b, s);
	}
}

static void
open_database(struct bench *b, const char *path)
{
	check(b, sqlite3_open_v2(path, &b->db, SQLITE_OPEN_READWRITE, NULL));
	check(b, sqlite3_exec(b->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", NULL, NULL, NULL));
	sqlite3_stmt *s = prepare(b, "SELECT workspace, id FROM project LIMIT 1");
	check(b, sqlite3_step(s));
	snprintf(b->workspace, ID, "%s", (const char *)sqlite3_column_text(s, 0));
	snprintf(b->project, ID, "%s", (const char *)sqlite3_column_text(s, 1));
	sqlite3_finalize(s);
	s = prepare(b, "SELECT count(*) FROM note");
	check(b, sqlite3_step(s));
	b->n = 2 * sqlite3_column_int64(s, 0);		/* where the last run on this database stopped */
	sqlite3_finalize(s);
}

static void
prepare_all(struct bench *b)
{
	memset(b->text, 'x', sizeof(b->text));
	b->begin = prepare(b, "BEGIN IMMEDIATE");
	b->commit = prepare(b, "COMMIT");
	for (int i = 0; i < INSERTS; i++) {
		sqlite3_stmt *s = b->insert[i] = prepare(b, sql[i]);
		sqlite3_bind_text(s, 1, b->workspace, -1, SQLITE_STATIC);
		if (i == NOTE || i == EVENT)
			sqlite3_bind_text(s, 3, b->project, -1, SQLITE_STATIC);
	}
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	struct bench b = { 0 };
	long notes = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: commits DATABASE SECONDS CALLS\n");
		return 2;
	}
	open_database(&b, argv[1]);
	prepare_all(&b);
	double seconds = strtod(argv[2], NULL), began = now();
	long calls = strtol(argv[3], NULL, 10);
	while (now() - began < seconds) {
		run(&b, b.begin);
		for (long i = 0; i < calls; i++)
			insert_note(&b);
		run(&b, b.commit);
		notes += calls;
	}
	printf("{\"notes\":%ld,\"seconds\":%.6f}\n", notes, now() - began);
	for (int i = 0; i < INSERTS; i++)
		sqlite3_finalize(b.insert[i]);
	sqlite3_finalize(b.begin);
	sqlite3_finalize(b.commit);
	sqlite3_close(b.db);
	return 0;
}
