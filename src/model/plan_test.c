#include "model/job.h"
#include "model/note.h"
#include "model/post.h"
#include "t_db.h"

/* Every combination of filters that a list can be asked with: which statement answers it, with what in each of its arms, and
 * that SQLite walks one index for an arm, bound by all that is asked, and sorts nothing. */

enum { VALUES = 80 };
static struct { const struct stmt *q; struct val v[VALUES]; int n; } asked;	/* by the last page; never run */

static enum err
note_question(struct db *db, const struct stmt *q, const struct val *v, int n, struct rows *ret, struct error *e)
{
	(void)e;
	asked.q = q;
	asked.n = n;
	memcpy(asked.v, v, (size_t)n * sizeof(*v));
	*ret = (struct rows){ .db = db };
	return OK;
}
static const struct db_ops spy_ops = { .name = "spy", .query = note_question };
static struct db spy = { &spy_ops, NULL };

/* --- what SQLite makes of a statement --- */

struct shape { const char *index, *terms; };	/* of each arm: the index, and what bounds the walk in it */
static struct { const struct stmt *q; int arms, combinations; struct shape shape; } seen[16];
static int nseen;

static bool
is_frame(str line)
{
	static const char *const frames[] = { "MERGE (UNION ALL)", "LEFT", "RIGHT", "COMPOUND QUERY", "LEFT-MOST SUBQUERY", "UNION ALL" };

	for (size_t i = 0; i < COUNT(frames); i++)
		if (str_eq(line, str_z(frames[i])))
			return true;
	return false;
}

/* The number of arms, each as the shape says. */
static int
explain(struct db *db, const struct stmt *q, const char *table, const struct shape *s)
{
	char sql[16384], want[200];
	struct stmt ask = { .name = q->name, .sql = sql, .id = q->id };	/* its place on this connection is free for it */
	struct error e;
	struct rows r;
	int arms = 0;

	snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", q->sql);
	snprintf(want, sizeof(want), "SEARCH %s USING INDEX %s (%s)", table, s->index, s->terms);
	CHECK_OK(e, db_query_(db, &ask, &r, &e, NULL, 0));
	while (db_next(&r)) {
		str line = db_col(&r, 3).s;
		bool arm = str_eq(line, str_z(want));
		arms += arm;
		if (!arm && !is_frame(line))
			t_fail(__FILE__, __LINE__, "%s: \"%.*s\", not \"%s\"", q->name, STR(line), want);
	}
	CHECK_OK(e, db_done(&r, &e));
	return arms;
}

static int
arms_of(struct db *db, const char *table, const struct shape *s)
{
	for (int i = 0; i < nseen; i++)
		if (seen[i].q == asked.q) {
			seen[i].combinations++;
			CHECK(seen[i].shape.index == s->index);
			return seen[i].arms;
		}
	CHECK(nseen < (int)COUNT(seen));
	seen[nseen].q = asked.q;
	seen[nseen].shape = *s;
	seen[nseen].combinations = 1;
	return seen[nseen++].arms = explain(db, asked.q, table, s);
}

static void
tell(void)
{
	for (int i = 0; i < nseen; i++)
		printf("# %-22s %6d combinations, %2d of %s (%s)\n", seen[i].q->name, seen[i].combinations, seen[i].arms, seen[i].shape.index, seen[i].shape.terms);
	nseen = 0;
}

static struct db
open_plans(struct t_db *t)
{
	t_db_schema(t);
	return t_db_open(t);
}

/* --- the lists --- */

static const ulid none = { "" };
static const int64_t times[] = { TIME_NONE, 86400000 };		/* an open end, and a closed one */
#define BOUNDS(q, k)	((q).from = times[(k) & 1], (q).to = times[(k) >> 1 & 1] == TIME_NONE ? TIME_NONE : 2 * times[1])

/* From asked.v[at] on: each arm has its `width` values or NULLs; how often the arm with these words is there. */
static int
arms_with(int at, int width, str one, str two)
{
	int hits = 0;

	for (int i = at; i + width <= asked.n; i += width)
		hits += asked.v[i].t == V_TEXT && str_eq(asked.v[i].s, one) && (width == 1 || str_eq(asked.v[i + 1].s, two));
	return hits;
}

static int
arms_filled(int at, int width)
{
	int n = 0;

	for (int i = at; i + width <= asked.n; i += width)
		n += asked.v[i].t != V_NULL;
	return n;
}

SQLITE_TEST(every_filter_of_posts_walks_one_index_for_each_state)
{
	static const struct shape all = { "post_page", "workspace=? AND project=? AND id>? AND id<?" };
	static const struct shape by_state = { "post_by_status", "workspace=? AND project=? AND status=? AND id>? AND id<?" };
	struct db db = open_plans(t);
	struct error e;
	struct rows r;

	for (unsigned states = 0; states < 1u << POST_COUNT; states++)
		for (int k = 0; k < 4; k++) {
			struct posts_query q = { .project = { t_ulid(1, 1) }, .status = states };
			BOUNDS(q, k);
			struct page p = page_between(&none, q.from, q.to, 51);
			CHECK_OK(e, post_page(&spy, (workspace_id){ t_ulid(1, 1) }, &q, &p, &r, &e));
			int arms = arms_of(&db, "post", states == 0 ? &all : &by_state);
			CHECK_INT(arms, ==, states == 0 ? 1 : asked.n - 5);
			CHECK_INT(arms_filled(5, 1), ==, __builtin_popcount(states));
			for (int s = 0; s < POST_COUNT; s++)
				CHECK_INT(arms_with(5, 1, str_z(post_status_words.v[s]), STR_NONE), ==, states >> s & 1);
		}
	tell();
	db.ops->close(&db);
}

SQLITE_TEST(every_filter_of_notes_walks_one_index)
{
	static const struct shape all = { "note_page", "workspace=? AND project=? AND id<?" };
	static const struct shape of_folder = { "note_folder", "workspace=? AND project=? AND folder=? AND id<?" };
	struct db db = open_plans(t);
	struct error e;
	struct rows r;

	for (int folder = 0; folder < 2; folder++)
		for (int k = 0; k < 4; k++) {
			struct notes_query q = { .project = { t_ulid(1, 1) } };
			BOUNDS(q, k);
			if (folder == 1)
				q.folder = (folder_id){ t_ulid(1, 1) };
			struct page p = page_between(&none, TIME_NONE, TIME_NONE, 51);
			CHECK_OK(e, note_page(&spy, (workspace_id){ t_ulid(1, 1) }, &q, &p, &r, &e));
			CHECK_INT(arms_of(&db, "note", folder == 1 ? &of_folder : &all), ==, 1);
			CHECK_INT(asked.n, ==, 4 + (k != 0 ? 2 : 0) + folder);
			for (int i = 0; i < asked.n; i++)
				CHECK(asked.v[i].t != V_NULL);		/* an open end is a bound */
		}
	tell();
	db.ops->close(&db);
}

SQLITE_TEST(every_filter_of_jobs_walks_one_index_for_each_type_and_state)
{
	static const struct shape all = { "sqlite_autoindex_job_1", "workspace=? AND id>? AND id<?" };
	static const struct shape by_kind = { "job_by_kind", "workspace=? AND type=? AND status=? AND id>? AND id<?" };
	struct db db = open_plans(t);
	struct error e;
	struct rows r;

	for (unsigned i = 0; i < 1u << (JT_SHOWN + JS_COUNT + 2); i++) {
		struct jobs_query q = { .type = i >> 2 & ((1u << JT_SHOWN) - 1), .status = i >> (2 + JT_SHOWN) };
		int types = q.type != 0 ? __builtin_popcount(q.type) : JT_SHOWN, states = q.status != 0 ? __builtin_popcount(q.status) : JS_COUNT;
		bool any = q.type != 0 || q.status != 0;
		BOUNDS(q, (int)(i & 3));
		struct page p = page_between(&none, q.from, q.to, 51);
		CHECK_OK(e, job_page(&spy, (workspace_id){ t_ulid(1, 1) }, &q, &p, &r, &e));
		CHECK_INT(arms_of(&db, "job", any ? &by_kind : &all), ==, any ? (asked.n - 4) / 2 : 1);
		CHECK_INT(arms_filled(4, 2), ==, any ? types * states : 0);
		for (int y = 0; any && y < JT_SHOWN; y++)
			for (int s = 0; s < JS_COUNT; s++)
				CHECK_INT(arms_with(4, 2, str_z(job_type_words.v[y]), str_z(job_status_words.v[s])), ==,
				    (q.type == 0 || (q.type >> y & 1)) && (q.status == 0 || (q.status >> s & 1)));
	}
	tell();
	db.ops->close(&db);
}
