#include "t_app.h"
#include "api/rq.h"

/* Versions that end, and what is written about them.  What an older version says is told in test/scenario/versions.scn. */

#define OLD	"Scripe-Api-Version: 2026-05-01\r\n"

TEST(the_tables_make_sense)
{
	const char *bad = versions_check();

	CHECK(bad == NULL);
	CHECK(versions[0].sunset == NULL && !versions[0].test);
	CHECK_STR(str_z(versions[0].date), S(VERSION_CURRENT));
	for (int i = 1; i < nversions; i++)
		CHECK(strcmp(versions[i - 1].date, versions[i].date) > 0);
}

/* Nobody but the answer knows of versions: what is announced is of the current one. */
DB_TEST(events_are_of_the_current_version)
{
	struct t_app a;
	struct buf b;

	t_app_open(&a, t, 0, "test_version=true");
	struct t_answer r = t_call(&a, "POST", "/v1/notes", t_fmt(&a, "{\"projectId\":\"%s\",\"text\":\"old\"}", a.project), OLD);
	CHECK_INT(r.status, ==, 200);
	CHECK_STR(t_text(r.body, "data.text"), S("old"));
	CHECK_INT(t_count(&a.h, "event WHERE body LIKE '%\"content\":\"old\"%' AND body LIKE '%\"apiVersion\":\"" VERSION_CURRENT "\"%'"), ==, 1);
	T_UNTIL(atomic_load(&a.api->of_version[1]) == 1);	/* counted when the answer is out */
	buf_init(&b, &a.h.a, 1 << 20);
	api_metrics(a.api, &(struct api_counts){ .known = false }, 1, 0, &b);
	buf_char(&b, '\0');
	CHECK(strstr(b.p, "scriped_older_version_requests_total{version=\"2026-05-01\"} 1\n") != NULL);
	t_app_close(&a);
}

TEST(the_guide_has_the_tables_as_they_are)
{
	struct arena a;
	struct error e;
	struct buf b;
	str text;

	arena_init(&a, 1 << 20);
	buf_init(&b, &a, 1 << 18);
	buf_add(&b, S("<!-- versions begin -->\n"));
	versions_print(&b);
	buf_add(&b, S("<!-- versions end -->\n"));
	CHECK_INT(sys_read_file(&a, "docs/versions.md", 1 << 18, &text, &e), ==, OK);
	if (memmem(text.p, text.n, b.p, b.n) == NULL)
		t_fail(__FILE__, __LINE__, "docs/versions.md: its tables are old: put in what scriped versions prints");
	arena_free(&a);
}

/* From the first moment of its sunset on a version is like one that never was; a key that is pinned to it is told.  The last test:
 * the clock of this program does not go back. */
DB_TEST(a_version_ends_with_its_sunset)
{
	char pinned[TOKEN_LEN + 1];
	struct t_app a;
	int64_t end = 0;

	t_app_open(&a, t, 0, "test_version=true");
	t_key(&a, a.h.ws, MODE_LIVE, T_ALL_SCOPES, TIME_NONE, pinned);
	t_db_script(t, str_fmt(&a.h.a, "UPDATE api_key SET version = '2026-05-01' WHERE last4 = '%s'", pinned + TOKEN_LEN - 4).p);
	CHECK(date_parse(str_z(versions[1].sunset), &end));
	t_move(&a.h, end - 1 - t_now(&a.h));
	struct t_answer r = t_call(&a, "GET", "/v1/projects", NULL, OLD);
	CHECK_INT(r.status, ==, 200);
	CHECK_STR(t_header(&r, "Scripe-Api-Version"), S("2026-05-01"));
	a.c.token = pinned;
	r = t_call(&a, "GET", "/v1/projects", NULL, NULL);
	CHECK_INT(r.status, ==, 200);
	CHECK_STR(t_header(&r, "Scripe-Api-Version"), S("2026-05-01"));
	t_move(&a.h, 1);
	r = t_call(&a, "GET", "/v1/projects", NULL, OLD);
	CHECK_INT(r.status, ==, 400);
	CHECK_STR(t_text(r.body, "error.code"), S("version_unsupported"));
	CHECK_INT(json_array_size(json_object_get(json_object_get(json_object_get(r.body, "error"), "details"), "accepted")), ==, 1);
	CHECK_STR(t_header(&r, "Scripe-Api-Version"), S(VERSION_CURRENT));
	CHECK(t_header(&r, "Sunset").p == NULL);
	r = t_call(&a, "GET", "/v1/projects", NULL, NULL);
	CHECK_INT(r.status, ==, 400);
	CHECK(strstr(t_text(r.body, "error.message").p, "pinned to version 2026-05-01") != NULL);
	r = t_call(&a, "GET", "/v1/projects", NULL, "Scripe-Api-Version: " VERSION_CURRENT "\r\n");
	CHECK_INT(r.status, ==, 200);
	t_app_close(&a);
}
