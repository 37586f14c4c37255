#include "t_app.h"
#include "model/vacate.h"

/* What stays true of folders and columns, whoever changes what. */

static const char *text(struct t_app *a, const struct t_answer *r, const char *path) { return t_fmt(a, "%.*s", STR(t_text(r->body, path))); }

static const char *
new_column(struct t_app *a, const char *name, const char *category)
{
	struct t_answer r = t_call(a, "POST", "/v1/post-statuses",
	    t_fmt(a, "{\"projectId\":\"%s\",\"name\":\"%s\",\"category\":\"%s\"}", a->project, name, category), NULL);

	CHECK_INT(r.status, ==, 200);
	return text(a, &r, "data.id");
}

/* --- columns, at random --- */

static unsigned
dice(unsigned *seed, unsigned of)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % of;
}

static void
any_change(struct t_app *a, unsigned *seed, json_t *columns)
{
	static int named;
	static const char *const categories[] = { "draft", "inProgress", "review", "scheduled", "published" };
	json_t *one = json_array_get(columns, dice(seed, (unsigned)json_array_size(columns)));
	const char *path = t_fmt(a, "/v1/post-statuses/%.*s", STR(t_text(one, "id")));
	unsigned what = dice(seed, 5), order = dice(seed, 12);

	if (what == 0)
		(void)t_call(a, "POST", "/v1/post-statuses", t_fmt(a, "{\"projectId\":\"%s\",\"name\":\"c%d\",\"category\":\"%s\",\"order\":%u,\"isDefault\":%s}",
		    a->project, ++named, categories[dice(seed, 5)], order, dice(seed, 2) ? "true" : "false"), NULL);
	else if (what == 1)
		(void)t_call(a, "DELETE", path, NULL, NULL);
	else if (what == 2)
		(void)t_call(a, "PATCH", path, "{\"isDefault\":true}", NULL);
	else if (what == 3)
		(void)t_call(a, "PATCH", path, "{\"isDefault\":false}", NULL);
	else
		(void)t_call(a, "PATCH", path, t_fmt(a, "{\"order\":%u}", order), NULL);
}

/* Places 0 to n - 1, one default per category. */
static void
check_board(struct t_app *a, json_t *columns)
{
	size_t n = json_array_size(columns), i;
	uint64_t places = 0;
	json_t *c;
	int defaults = 0;
	unsigned categories = 0;

	json_array_foreach (columns, i, c) {
		places |= UINT64_C(1) << t_int(c, "order");
		if (json_is_true(t_at(c, "isDefault"))) {
			defaults++;
			categories |= 1u << words_find(&category_words, t_text(c, "category"));
		}
	}
	CHECK(places == (UINT64_C(1) << n) - 1);
	CHECK_INT(defaults, ==, 5);
	CHECK_INT(__builtin_popcount(categories), ==, 5);
	CHECK_INT(t_tally(&a->h).miscounted, ==, 0);
}

DB_TEST(a_board_is_whole_after_any_change)
{
	struct t_app a;
	unsigned seed = 7;

	t_app_open(&a, t, 0, "");
	for (int i = 0; i < 150; i++) {
		struct t_answer r = t_call(&a, "GET", t_fmt(&a, "/v1/post-statuses?limit=200&projectId=%s", a.project), NULL, NULL);
		json_t *columns = t_at(r.body, "data");
		check_board(&a, columns);
		if (i % 5 == 0)
			CHECK_INT(t_call(&a, "POST", "/v1/posts", t_fmt(&a, "{\"projectId\":\"%s\"}", a.project), NULL).status, ==, 200);
		any_change(&a, &seed, columns);
	}
	t_app_close(&a);
}

DB_TEST(a_board_has_a_hundred_columns_at_most)
{
	struct t_app a;

	t_app_open(&a, t, 0, "");
	for (int i = 5; i < 100; i++)
		(void)new_column(&a, t_fmt(&a, "column %d", i), "draft");
	struct t_answer r = t_call(&a, "POST", "/v1/post-statuses",
	    t_fmt(&a, "{\"projectId\":\"%s\",\"name\":\"more\",\"category\":\"draft\"}", a.project), NULL);
	CHECK_INT(r.status, ==, 409);
	CHECK_STR(t_text(r.body, "error.message"), S("The board of a project has at most 100 columns: delete one first."));
	t_app_close(&a);
}

/* --- what is left behind --- */

struct slice { struct t_house *h; struct vacated v; bool found; int moved; };

static enum err
take_slice(void *ctx, struct db *db, struct error *e)
{
	struct slice *s = ctx;

	s->v = (struct vacated){ .since = 0 };
	s->moved = 0;
	TRY(vacate_next(db, &s->v, &s->found, e));
	return s->found ? vacate_step(db, &s->h->a, &s->h->clock.c, &s->v, &s->moved, e) : OK;
}

static int
one_slice(struct t_app *a, bool *found)
{
	struct slice s = { .h = &a->h };

	t_write(&a->h, take_slice, &s);
	*found = s.found;
	return s.moved;
}

/* A slice with the deletion, the others one by one, each post counted and announced; the entry outlives every transaction. */
DB_TEST(posts_of_a_deleted_column_move_on_in_slices)
{
	enum { POSTS = VACATE_SLICE * 2 + 10 };
	struct t_app a;
	bool found;

	t_app_open(&a, t, 0, "");
	const char *id = new_column(&a, "second", "draft");
	struct t_answer draft = t_call(&a, "POST", "/v1/posts", t_fmt(&a, "{\"projectId\":\"%s\"}", a.project), NULL);
	const char *first = text(&a, &draft, "data.statusId");
	CHECK_INT(t_call(&a, "PATCH", t_fmt(&a, "/v1/post-statuses/%s", id), "{\"isDefault\":true}", NULL).status, ==, 200);
	for (int i = 0; i < POSTS; i++)
		CHECK_INT(t_call(&a, "POST", "/v1/posts", t_fmt(&a, "{\"projectId\":\"%s\"}", a.project), NULL).status, ==, 200);
	CHECK_INT(t_call(&a, "PATCH", t_fmt(&a, "/v1/post-statuses/%s", first), "{\"isDefault\":true}", NULL).status, ==, 200);
	CHECK_INT(t_call(&a, "DELETE", t_fmt(&a, "/v1/post-statuses/%s", id), NULL, NULL).status, ==, 200);
	CHECK_INT(t_count(&a.h, t_fmt(&a, "post WHERE status_id = '%s'", id + 5)), ==, POSTS - VACATE_SLICE);
	CHECK_INT(t_count(&a.h, "event WHERE type = 'post.updated'"), ==, VACATE_SLICE);
	CHECK_INT(one_slice(&a, &found), ==, VACATE_SLICE);
	CHECK_INT(one_slice(&a, &found), ==, POSTS - 2 * VACATE_SLICE);
	CHECK_INT(one_slice(&a, &found), ==, 0);
	CHECK(found);
	CHECK_INT(t_count(&a.h, t_fmt(&a, "post WHERE status_id = '%s'", first + 5)), ==, POSTS + 1);
	CHECK_INT(t_count(&a.h, "event WHERE type = 'post.updated'"), ==, POSTS);
	CHECK_INT(t_tally(&a.h).miscounted, ==, 0);
	t_move(&a.h, VACATE_LINGER_MS);
	CHECK_INT(one_slice(&a, &found), ==, 0);
	CHECK_INT(one_slice(&a, &found), ==, 0);
	CHECK(!found);
	CHECK_INT(t_count(&a.h, t_fmt(&a, "post_count WHERE status_id = '%s'", id + 5)), ==, 0);
	t_app_close(&a);
}

/* A slice of the longest texts is as large as one of many short ones: it fits into the memory of a request, and into the writer's time. */
DB_TEST(posts_of_the_longest_texts_move_on_too)
{
	enum { POSTS = VACATE_SLICE + 2, LETTERS = 100000 };
	struct t_app a;
	bool found;

	t_app_open(&a, t, 0, "");
	const char *id = new_column(&a, "second", "draft");
	CHECK_INT(t_call(&a, "PATCH", t_fmt(&a, "/v1/post-statuses/%s", id), "{\"isDefault\":true}", NULL).status, ==, 200);
	struct buf b;
	buf_init(&b, &a.h.a, (size_t)1 << 20);
	buf_fmt(&b, "{\"projectId\":\"%s\",\"content\":\"", a.project);
	for (int i = 0; i < LETTERS; i++)
		buf_add(&b, S("\xF0\x9F\x98\x80"));
	buf_add(&b, S("\"}"));
	buf_char(&b, '\0');
	for (int i = 0; i < POSTS; i++)
		CHECK_INT(t_call(&a, "POST", "/v1/posts", b.p, NULL).status, ==, 200);
	const char *third = new_column(&a, "third", "draft");
	CHECK_INT(t_call(&a, "PATCH", t_fmt(&a, "/v1/post-statuses/%s", third), "{\"isDefault\":true}", NULL).status, ==, 200);
	CHECK_INT(t_call(&a, "DELETE", t_fmt(&a, "/v1/post-statuses/%s", id), NULL, NULL).status, ==, 200);
	for (int i = 1; i < POSTS; i++)
		CHECK_INT(one_slice(&a, &found), ==, 1);
	CHECK_INT(t_count(&a.h, t_fmt(&a, "post WHERE status_id = '%s'", third + 5)), ==, POSTS);
	CHECK_INT(t_count(&a.h, "event WHERE type = 'post.updated'"), ==, POSTS);
	CHECK_INT(t_tally(&a.h).miscounted, ==, 0);
	t_app_close(&a);
}

/* The same of notes, by the keeper itself. */
DB_TEST(notes_of_a_deleted_folder_go_to_the_root)
{
	enum { NOTES = VACATE_SLICE * 3 };
	struct t_app a;

	t_app_open(&a, t, T_HANDS, "job_poll=50");
	struct t_answer r = t_call(&a, "POST", "/v1/folders", t_fmt(&a, "{\"projectId\":\"%s\",\"name\":\"x\"}", a.project), NULL);
	const char *id = text(&a, &r, "data.id");
	for (int i = 0; i < NOTES; i++)
		CHECK_INT(t_call(&a, "POST", "/v1/notes", t_fmt(&a, "{\"projectId\":\"%s\",\"folderId\":\"%s\"}", a.project, id), NULL).status, ==, 200);
	CHECK_INT(t_call(&a, "DELETE", t_fmt(&a, "/v1/folders/%s", id), NULL, NULL).status, ==, 200);
	T_UNTIL((t_move(&a.h, 100), t_count(&a.h, "note WHERE folder IS NOT NULL") == 0));	/* the keeper's clock */
	CHECK_INT(t_count(&a.h, "note WHERE folder IS NULL AND updated_at IS NOT NULL"), ==, NOTES);
	t_app_close(&a);
}
