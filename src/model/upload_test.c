#include "model/upload.h"
#include "model/workspace.h"
#include "t_db.h"

#define MK(type, n)	((type##_id){ t_ulid(1000, n) })

static void
make(struct t_bench *b, int w, int n, bool external, int64_t since)
{
	struct upload u = { .id = MK(upload, n), .state = UP_WAITING, .content_type = S("text/plain"), .max_size = 10, .expires_at = since + 900000,
		.since = since, .external = external };

	CHECK_OK(b->e, upload_insert(&b->db, MK(workspace, w), &u, &b->e));
}

static int
state(struct t_bench *b, int w, int n)
{
	struct upload u;

	return upload_get(&b->db, &b->a, MK(workspace, w), MK(upload, n), &u, &b->e) == OK ? u.state : UP_DOOMED;
}

TEST(each_type_has_its_cap_and_others_have_none)
{
	static const struct { const char *type; int64_t cap; } row[] = {
		{ "audio/mpeg", 500000000 }, { "Video/MP4", 500000000 }, { "image/svg+xml", 25000000 }, { "application/pdf", 100000000 },
		{ "application/vnd.openxmlformats-officedocument.presentationml.presentation", 100000000 }, { "application/msword", 100000000 },
		{ "text/plain", 25000000 }, { "text/plain;charset=utf-8", 25000000 }, { "TEXT/MARKDOWN; a=b", 25000000 }, { "text/html", 25000000 },
		{ "", 0 }, { "audio", 0 }, { "audio/", 0 }, { "audio/a/b", 0 }, { "audio/a b", 0 }, { "xaudio/a", 0 }, { "text/csv", 0 }, { "text/plain2", 0 },
		{ "application/pdf2", 0 }, { "application/vnd.openxmlformats-officedocument.", 0 }, { "application/octet-stream", 0 },
		{ "audio/a\r\nB: c", 0 }, { "audio/\xc3\xa9", 0 }, { " audio/a", 0 }, { "audio/a ", 0 }, { "audio/a;  b=c", 0 }, { ";audio/a", 0 }, { "*/*", 0 },
	};

	for (size_t i = 0; i < COUNT(row); i++)
		if (upload_cap(str_z(row[i].type)) != row[i].cap)
			t_fail(__FILE__, __LINE__, "%s: %lld", row[i].type, (long long)upload_cap(str_z(row[i].type)));
}

/* By the statement that makes this move; E_CONFLICT where there is none, or it moves nothing. */
static enum err
move(struct t_bench *b, int n, int from, int to, bool external)
{
	workspace_id w = MK(workspace, n);
	struct upload u = { .id = MK(upload, n), .external = external };
	ulid attempt = t_ulid(4, n);
	struct upload_doomed doomed;

	if (from == UP_USED && (to == UP_STORED || to == UP_WAITING))
		return upload_release(&b->db, w, MK(job, n), 2000, &b->e) == OK && state(b, n, n) == to ? OK : E_CONFLICT;
	if (to == UP_STORED)
		return upload_store(&b->db, w, u.id, &attempt, 3, 2000, &b->e);
	if (to == UP_USED)
		return upload_use(&b->db, w, &u, MK(job, n), 2000, &b->e) == OK && state(b, n, n) == to ? OK : E_CONFLICT;
	if (to == UP_DOOMED && from == UP_USED)
		return upload_drop(&b->db, w, u.id, 2000, &b->e);
	if (to == UP_DOOMED && from != UP_DOOMED)
		return upload_doom(&b->db, w, 2000, 2000, &doomed, &b->e) == OK && state(b, n, n) == UP_DOOMED ? OK : E_CONFLICT;
	return E_CONFLICT;
}

static void
bring_to(struct t_bench *b, int n, int from, bool external)
{
	struct upload u = { .id = MK(upload, n), .external = external };
	struct upload_doomed doomed;
	ulid attempt = t_ulid(3, n);

	make(b, n, n, external, 1000);
	if (!external && (from == UP_STORED || from == UP_USED))
		CHECK_OK(b->e, upload_store(&b->db, MK(workspace, n), u.id, &attempt, 3, 1000, &b->e));
	if (from == UP_USED)
		CHECK_OK(b->e, upload_use(&b->db, MK(workspace, n), &u, MK(job, n), 1000, &b->e));
	if (from == UP_DOOMED)
		CHECK_OK(b->e, upload_doom(&b->db, MK(workspace, n), 2000, 2000, &doomed, &b->e));
	CHECK_INT(state(b, n, n), ==, from);
}

/* Every pair of states, by the statements that move them: they go where the table says, and nowhere else. */
DB_TEST(an_upload_goes_only_where_the_table_says)
{
	struct t_bench b;
	int n = 0;

	t_bench_open(&b, t);
	for (int external = 0; external < 2; external++)
		for (int from = UP_WAITING; from <= UP_DOOMED; from++)
			for (int to = UP_WAITING; to <= UP_DOOMED; to++, n++) {
				/* what is in a bucket is never stored; and who is used leaves in one way only */
				if (from == to || (external && (from == UP_STORED || to == UP_STORED)) || (!external && from == UP_USED && to == UP_WAITING))
					continue;
				bring_to(&b, n, from, external);
				bool may = upload_why(from, to, external) != NULL;
				CHECK_INT(move(&b, n, from, to, external), ==, may ? OK : E_CONFLICT);
				CHECK_INT(state(&b, n, n), ==, may ? to : from);
			}
	t_bench_close(&b);
}

DB_TEST(one_attempt_completes_an_upload_and_may_say_so_twice)
{
	struct t_bench b;
	ulid first = t_ulid(3, 1), second = t_ulid(3, 2);
	bool ours = false;

	t_bench_open(&b, t);
	make(&b, 1, 1, false, 1000);
	CHECK_INT(upload_store(&b.db, MK(workspace, 2), MK(upload, 1), &first, 3, 1000, &b.e), ==, E_CONFLICT);
	CHECK_OK(b.e, upload_store(&b.db, MK(workspace, 1), MK(upload, 1), &first, 3, 1000, &b.e));
	CHECK_OK(b.e, upload_store(&b.db, MK(workspace, 1), MK(upload, 1), &first, 3, 1000, &b.e));
	CHECK_INT(upload_store(&b.db, MK(workspace, 1), MK(upload, 1), &second, 3, 1000, &b.e), ==, E_CONFLICT);
	CHECK_OK(b.e, upload_stored_by(&b.db, MK(workspace, 1), MK(upload, 1), &first, &ours, &b.e));
	CHECK(ours);
	CHECK_OK(b.e, upload_stored_by(&b.db, MK(workspace, 2), MK(upload, 1), &first, &ours, &b.e));
	CHECK(!ours);
	t_bench_close(&b);
}

DB_TEST(what_is_old_is_condemned_first_and_listed_in_the_next_transaction)
{
	struct t_bench b;
	struct upload_doomed doomed;

	t_bench_open(&b, t);
	make(&b, 1, 1, false, 1000);
	make(&b, 1, 2, false, 5000);
	make(&b, 2, 1, false, 1000);
	CHECK_OK(b.e, upload_doom(&b.db, MK(workspace, 1), 2000, 9000, &doomed, &b.e));
	CHECK_INT(doomed.n, ==, 0);
	CHECK_INT(doomed.met, ==, 1);
	CHECK_INT(state(&b, 1, 1), ==, UP_DOOMED);
	CHECK_INT(state(&b, 1, 2), ==, UP_WAITING);
	CHECK_INT(state(&b, 2, 1), ==, UP_WAITING);
	CHECK_OK(b.e, upload_doom(&b.db, MK(workspace, 1), 2000, 9000, &doomed, &b.e));
	CHECK_INT(doomed.n, ==, 1);
	CHECK_INT(doomed.met, ==, 1);
	CHECK_STR(str_z(doomed.id[0].u.s), str_z(MK(upload, 1).u.s));
	CHECK_OK(b.e, upload_forget(&b.db, MK(workspace, 1), MK(upload, 2), &b.e));
	CHECK_INT(state(&b, 1, 2), ==, UP_WAITING);
	CHECK_OK(b.e, upload_forget(&b.db, MK(workspace, 1), doomed.id[0], &b.e));
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM upload"), ==, 2);
	t_bench_close(&b);
}
