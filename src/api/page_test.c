#include "t_app.h"
#include "model/note.h"
#include "model/post.h"
#include <stdlib.h>

/* Pages (contract 2.3, 12.1): random walks while rows come and go, and cursors that are refused. */

enum { ROWS = 500, SEEN_MAX = 2000 };

/* --- rows, without requests --- */

struct fill { struct t_house *h; bool posts; int n; char (*ids)[27]; };

static enum err
fill_run(void *ctx, struct db *db, struct error *e)
{
	struct fill *f = ctx;
	struct note n = { .project = f->h->project, .content = S("x"), .slot = { .content_type = CT_PERSONAL } };
	struct post p = { .project = f->h->project, .status = POST_DRAFT, .content_type = CT_PERSONAL, .title = S(""), .content = S("x"),
	    .scheduled_at = TIME_NONE };

	for (int i = 0; i < f->n; i++) {
		ulid id = sys_ulid(&f->h->clock.c);
		memcpy(f->ids[i], id.s, 27);
		n.id = (note_id){ id };
		n.slot.id = (slot_id){ sys_ulid(&f->h->clock.c) };
		n.slot.date = time_day(t_now(f->h));
		p.id = (post_id){ id };
		TRY(f->posts ? post_insert(db, f->h->ws, &p, NULL, e) : note_insert(db, f->h->ws, &n, e));
		if (i % 7 == 0)
			t_move(f->h, 1);	/* several of one millisecond, and many milliseconds */
	}
	return OK;
}

static void
fill(struct t_app *a, bool posts, int n, char (*ids)[27])
{
	t_write(&a->h, fill_run, &(struct fill){ &a->h, posts, n, ids });
}

SQL(drop_row, "t.drop_note", "DELETE FROM note WHERE workspace = $1 AND id = $2");
SQL(move_row, "t.move_post", "UPDATE post SET status = 'approved' WHERE workspace = $1 AND id = $2");
struct change { struct t_house *h; bool move; char id[27]; };

static enum err
change_run(void *ctx, struct db *db, struct error *e)
{
	struct change *c = ctx;
	ulid id;

	memcpy(id.s, c->id, sizeof(id.s));
	return c->move ? db_run(db, move_row, e, VID(c->h->ws), val_ulid(&id)) : db_run(db, drop_row, e, VID(c->h->ws), val_ulid(&id));
}

static void
change(struct t_app *a, bool move, const char *id)
{
	struct change c = { .h = &a->h, .move = move };

	snprintf(c.id, sizeof(c.id), "%s", id);
	t_write(&a->h, change_run, &c);
}

/* --- a walk --- */

struct walk {
	struct t_app *a;
	const char *path;		/* with its filters */
	unsigned seed;
	char rows[ROWS][27];		/* there at the beginning */
	bool gone[ROWS];
	char seen[SEEN_MAX][40];
	int nseen;
	char cursor[400];
};

static unsigned
dice(struct walk *w, unsigned sides)
{
	w->seed = w->seed * 1103515245 + 12345;
	return (w->seed >> 16 & 0x7FFF) % sides;
}

/* One page; false when it was the last. */
static bool
turn_page(struct walk *w, int limit)
{
	struct t_answer r = t_call(w->a, "GET", t_fmt(w->a, "%s%climit=%d%s%s", w->path, strchr(w->path, '?') != NULL ? '&' : '?', limit,
	    w->cursor[0] != '\0' ? "&cursor=" : "", w->cursor), NULL, NULL);
	json_t *data = t_at(r.body, "data"), *row;
	size_t i;

	CHECK_INT(r.status, ==, 200);
	CHECK_INT(json_array_size(data), <=, limit);
	json_array_foreach (data, i, row)
		if (w->nseen < SEEN_MAX)
			snprintf(w->seen[w->nseen++], 40, "%.*s", STR(t_text(row, "id")));
	bool more = json_is_true(t_at(r.body, "pagination.has_more"));
	CHECK(more == (t_text(r.body, "pagination.next_cursor").p != NULL));
	snprintf(w->cursor, sizeof(w->cursor), "%.*s", STR(t_text(r.body, "pagination.next_cursor")));
	return more;
}

/* Some rows go, but for the one that the cursor names; some come. */
static void
disturb(struct walk *w)
{
	char fresh[8][27];
	const char *anchor = w->nseen > 0 ? w->seen[w->nseen - 1] + 5 : "";

	for (unsigned n = dice(w, 12); n > 0; n--) {
		int i = (int)dice(w, ROWS);
		if (w->gone[i] || strcmp(w->rows[i], anchor) == 0)
			continue;
		w->gone[i] = true;
		change(w->a, false, w->rows[i]);
	}
	fill(w->a, false, (int)dice(w, 8), fresh);
}

static int
times_seen(const struct walk *w, const char *id)
{
	int n = 0;

	for (int i = 0; i < w->nseen; i++)
		n += strcmp(w->seen[i] + 5, id) == 0;
	return n;
}

static void
check_walk(const struct walk *w)
{
	for (int i = 0; i < ROWS; i++) {
		int n = times_seen(w, w->rows[i]);
		if (n > 1 || (n == 0 && !w->gone[i]))
			t_fail(__FILE__, __LINE__, "seed %u: row %d seen %d times", w->seed, i, n);
	}
	for (int i = 1; i < w->nseen; i++)
		CHECK_INT(strcmp(w->seen[i - 1], w->seen[i]), >, 0);	/* newest first, none twice */
}

DB_TEST(a_walk_sees_every_row_that_stays_once)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct t_app a;

	for (unsigned seed = 1; seed <= 3; seed++) {
		t_app_open(&a, t, 0, "");
		*w = (struct walk){ .a = &a, .path = t_fmt(&a, "/v1/notes?projectId=%s", a.project), .seed = seed };
		fill(&a, false, ROWS, w->rows);
		while (turn_page(w, 1 + (int)dice(w, 60)))
			disturb(w);
		check_walk(w);
		CHECK_INT(w->nseen, >, ROWS / 2);
		t_app_close(&a);
		t_db_script(t, "DELETE FROM note");
	}
	free(w);
}

/* Drafts are changed while they are listed: what stopped matching marks its place, and none is left out. */
DB_TEST(a_row_that_stopped_matching_marks_its_place)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct t_app a;

	t_app_open(&a, t, 0, "");
	*w = (struct walk){ .a = &a, .path = t_fmt(&a, "/v1/posts?projectId=%s&status=draft", a.project), .seed = 9 };
	fill(&a, true, ROWS, w->rows);
	for (bool more = true; more;) {
		int from = w->nseen;
		more = turn_page(w, 37);
		for (int i = from; i < w->nseen; i++)
			change(&a, true, w->seen[i] + 5);
	}
	check_walk(w);
	CHECK_INT(w->nseen, ==, ROWS);
	CHECK_INT(t_count(&a.h, "post WHERE status = 'draft'"), ==, 0);
	t_app_close(&a);
	free(w);
}

/* Each list pages alike; jobs with every filter, and projects. */
DB_TEST(every_list_pages_to_its_end)
{
	static const char *const paths[] = { "/v1/jobs", "/v1/jobs?status=QUEUED", "/v1/jobs?type=POST_GENERATION,KB_INGEST_URL&status=QUEUED,DONE", "/v1/jobs?dateFrom=2020-01-01" };
	struct walk *w = calloc(1, sizeof(*w));
	struct t_app a;

	t_app_open(&a, t, 0, "");
	for (int i = 0; i < 101; i++)
		t_job(&a.h, JT_POST_GENERATION, "{}", 0);
	for (size_t i = 0; i < COUNT(paths); i++) {
		int pages = 1;
		*w = (struct walk){ .a = &a, .path = paths[i] };
		while (turn_page(w, 10))
			pages++;
		CHECK_INT(w->nseen, ==, 101);
		CHECK_INT(pages, ==, 11);
		for (int k = 1; k < w->nseen; k++)
			CHECK_INT(strcmp(w->seen[k - 1], w->seen[k]), >, 0);
	}
	*w = (struct walk){ .a = &a, .path = "/v1/projects" };
	CHECK(!turn_page(w, 1));
	CHECK_INT(w->nseen, ==, 1);
	t_app_close(&a);
	free(w);
}

/* --- cursors that are refused --- */

static void
refused(struct t_app *a, const char *path)
{
	struct t_answer r = t_call(a, "GET", path, NULL, NULL);

	if (r.status != 400 || !str_eq(t_text(r.body, "error.code"), S("bad_cursor")))
		t_fail(__FILE__, __LINE__, "%s: %d", path, r.status);
}

static str
cursor_with(struct t_app *a, const char *created, const char *id, const char *f)
{
	return crypto_b64(&a->h.a, str_fmt(&a->h.a, "{\"createdAt\":\"%s\",\"id\":\"%s\",\"f\":\"%s\"}", created, id, f));
}

DB_TEST(a_cursor_belongs_to_its_list_its_filters_and_its_row)
{
	static char ids[10][27];
	struct t_app a;
	char other[80];
	workspace_id ws;
	project_id project;
	struct error e;
	json_t *v;
	str text;

	t_app_open(&a, t, 0, "");
	fill(&a, false, 10, ids);
	const char *list = t_fmt(&a, "/v1/notes?projectId=%s&limit=3", a.project);
	str c = t_text(t_call(&a, "GET", list, NULL, NULL).body, "pagination.next_cursor");
	const char *next = t_fmt(&a, "%s&cursor=%.*s", list, STR(c));
	CHECK_INT(t_call(&a, "GET", next, NULL, NULL).status, ==, 200);
	CHECK_INT(t_call(&a, "GET", t_fmt(&a, "/v1/notes?projectId=%s&cursor=%.*s", a.project, STR(c)), NULL, NULL).status, ==, 200);
	refused(&a, t_fmt(&a, "%s&dateFrom=2020-01-01", next));				/* filters changed */
	refused(&a, t_fmt(&a, "/v1/notes?projectId=%s&cursor=%.*s", a.other_project, STR(c)));
	refused(&a, t_fmt(&a, "/v1/posts?projectId=%s&cursor=%.*s", a.project, STR(c)));	/* another list */
	refused(&a, t_fmt(&a, "/v1/jobs?cursor=%.*s", STR(c)));
	refused(&a, t_fmt(&a, "%s&cursor=%.*s", list, (int)c.n - 4, c.p));			/* cut */
	refused(&a, t_fmt(&a, "%s&cursor=%%2A", list));
	refused(&a, t_fmt(&a, "%s&cursor=%.*s", list, STR(crypto_b64(&a.h.a, S("[]")))));
	/* taken apart and put together otherwise */
	CHECK(crypto_unb64(&a.h.a, c, &text));
	CHECK_OK(e, json_read(text, &v, &e));
	const char *created = t_text(v, "createdAt").p, *id = t_text(v, "id").p, *f = t_text(v, "f").p;
	CHECK_INT(t_call(&a, "GET", t_fmt(&a, "%s&cursor=%.*s", list, STR(cursor_with(&a, created, id, f))), NULL, NULL).status, ==, 200);
	refused(&a, t_fmt(&a, "%s&cursor=%.*s", list, STR(cursor_with(&a, "2026-01-01T00:00:00.000Z", id, f))));
	refused(&a, t_fmt(&a, "%s&cursor=%.*s", list, STR(cursor_with(&a, created, "note_01J9ZAB12CD34E56F7G8H9JKMN", f))));
	refused(&a, t_fmt(&a, "%s&cursor=%.*s", list, STR(cursor_with(&a, created, str_fmt(&a.h.a, "post_%s", id + 5).p, f))));
	refused(&a, t_fmt(&a, "%s&cursor=%.*s", list, STR(cursor_with(&a, created, id, "0000000000000000"))));
	json_decref(v);
	t_workspace(&a.h, PLAN_TRIAL, &ws, &project);
	t_key(&a, ws, MODE_LIVE, T_ALL_SCOPES, TIME_NONE, other);
	a.c.token = other;
	refused(&a, next);									/* another tenant */
	a.c.token = a.key;
	change(&a, false, ids[7]);								/* the third from the top */
	refused(&a, next);									/* its row was deleted */
	t_app_close(&a);
}

DB_TEST(limits_are_clamped_or_refused)
{
	static const struct { const char *limit; int status, rows; } rows[] = {
		{ "1", 200, 1 }, { "200", 200, 200 }, { "201", 200, 200 }, { "500", 200, 200 }, { "501", 400, 0 }, { "0", 400, 0 },
		{ "-1", 400, 0 }, { "foo", 400, 0 }, { "1.5", 400, 0 }, { "99999999999999999999", 400, 0 }, { "", 200, 50 }, { "%201", 400, 0 },
	};
	struct t_app a;

	t_app_open(&a, t, 0, "");
	CHECK_INT(t_call(&a, "POST", "/v1/jobs", "{\"type\":\"NOOP\",\"count\":210}", NULL).status, ==, 200);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct t_answer r = t_call(&a, "GET", t_fmt(&a, "/v1/jobs?limit=%s", rows[i].limit), NULL, NULL);
		if (r.status != rows[i].status || (int)json_array_size(t_at(r.body, "data")) != rows[i].rows)
			t_fail(__FILE__, __LINE__, "limit=%s: %d, %zu rows", rows[i].limit, r.status, json_array_size(t_at(r.body, "data")));
		if (r.status == 400)
			CHECK_STR(t_text(r.body, "error.code"), S("bad_pagination"));
	}
	t_app_close(&a);
}
