#include "t_app.h"
#include "api/rq.h"
#include "model/ledger.h"

/* What is written beside the answers: audit entries, health, figures. */

/* --- the audit log --- */

/* The newest entries. */
static enum err
audit_list(struct db *db, struct arena *a, workspace_id w, int limit, struct audit *ret, int *n, struct error *e)
{
	struct page p = page_between(&(ulid){ "" }, TIME_NONE, TIME_NONE, limit);
	struct rows r;

	*n = 0;
	TRY(audit_page(db, w, &(struct audit_query){ .from = TIME_NONE, .to = TIME_NONE }, &p, &r, e));
	while (*n < limit && db_next(&r))
		db_scan(&audit_rec, &r, a, &ret[(*n)++]);
	return db_done(&r, e);
}

struct entries { struct t_app *a; struct audit row[64]; int n; };

static void
read_audit(struct t_app *a, struct entries *ret)
{
	struct db db = t_db_open(a->h.t);
	struct error e;

	ret->a = a;
	CHECK_OK(e, audit_list(&db, &a->h.a, a->h.ws, COUNT(ret->row), ret->row, &ret->n, &e));
	db.ops->close(&db);
}

/* Refusals ride with the next transaction; on a pool they are due a second later. */
static void
flush(struct t_app *a, int64_t want)
{
	t_move(&a->h, 1000);
	T_UNTIL((t_call(a, "POST", "/v1/jobs/job_x/cancel", NULL, NULL), t_count(&a->h, "audit WHERE route <> '/v1/jobs/{jobId}/cancel'") >= want));
	CHECK_INT(t_count(&a->h, "audit WHERE route <> '/v1/jobs/{jobId}/cancel'"), ==, want);
}

static const struct audit *
entry_of(const struct entries *all, const struct t_answer *r)
{
	str id = t_header(r, "X-Request-Id");

	for (int i = 0; i < all->n; i++)
		if (str_eq(all->row[i].request, id))
			return &all->row[i];
	return NULL;
}

struct ask { const char *token, *method, *path, *body, *more; int status; bool audited; };

DB_TEST(writes_and_refusals_of_known_keys_are_audited)
{
	static struct entries all;
	struct t_app a;
	char test[80], poor[80], expired[80];

	t_app_open(&a, t, 0, "rate_jobs=1");
	key_id test_id = t_key(&a, a.h.ws, MODE_TEST, T_ALL_SCOPES, TIME_NONE, test);
	t_key(&a, a.h.ws, MODE_LIVE, SCOPE_BIT(POSTS_READ), TIME_NONE, poor);
	t_key(&a, a.h.ws, MODE_LIVE, T_ALL_SCOPES, t_now(&a.h) - 1, expired);
	const char *note = t_note(&a, "x"), *bench = "{\"type\":\"NOOP\"}";
	const struct ask asks[] = {
		{ test, "POST", "/v1/notes", note, "Idempotency-Key: k\r\n", 200, true },
		{ test, "POST", "/v1/notes", note, "Idempotency-Key: k\r\n", 200, true },	/* a replay */
		{ test, "POST", "/v1/notes", t_note(&a, "y"), "Idempotency-Key: k\r\n", 409, true },
		{ test, "POST", "/v1/notes", "{\"projectId\":\"proj_x\"}", NULL, 404, true },
		{ test, "POST", "/v1/notes", "{", NULL, 400, true },
		{ test, "POST", "/v1/notes", note, "Content-Type: text/plain\r\n", 415, true },
		{ test, "POST", "/v1/posts", t_fmt(&a, "{\"projectId\":\"%s\",\"contentType\":\"NO\"}", a.project), NULL, 422, true },
		{ poor, "POST", "/v1/notes", note, NULL, 403, true },
		{ poor, "GET", "/v1/notes", NULL, NULL, 403, true },
		{ expired, "GET", "/v1/jobs", NULL, NULL, 401, true },
		{ test, "POST", "/v1/jobs", bench, NULL, 200, true },
		{ test, "POST", "/v1/jobs", bench, NULL, 429, false },
		{ test, "GET", "/v1/jobs", NULL, NULL, 200, false },
		{ test, "GET", "/v1/jobs/job_x", NULL, NULL, 404, false },
		{ test, "GET", "/v1/nothing", NULL, NULL, 404, false },
		{ "scripe_sk_live_no", "POST", "/v1/notes", note, NULL, 401, false },
		{ NULL, "POST", "/v1/notes", note, NULL, 401, false },
	};
	struct t_answer r[COUNT(asks)];
	int64_t want = 0;

	for (size_t i = 0; i < COUNT(asks); i++) {
		a.c.token = asks[i].token;
		r[i] = t_call(&a, asks[i].method, asks[i].path, asks[i].body, asks[i].more);
		CHECK_INT(r[i].status, ==, asks[i].status);
		want += asks[i].audited;
	}
	a.c.token = a.key;
	flush(&a, want);
	read_audit(&a, &all);
	for (size_t i = 0; i < COUNT(asks); i++) {
		const struct audit *e = entry_of(&all, &r[i]);
		if ((e != NULL) != asks[i].audited)
			t_fail(__FILE__, __LINE__, "row %zu: %s", i, e != NULL ? "audited" : "not audited");
		if (e == NULL)
			continue;
		CHECK_INT(e->status, ==, asks[i].status);
		CHECK_STR(e->method, str_z(asks[i].method));
		CHECK_STR(e->route, str_z(asks[i].path));	/* here path and template are the same */
		CHECK_STR(e->mode, asks[i].token == test ? S("test") : S("live"));
		CHECK_STR(e->ip, S("127.0.0.1"));
		if (asks[i].token == test)
			CHECK_STR(e->principal, str_fmt(&a.h.a, "key_%s", test_id.u.s));
	}
	CHECK_STR(entry_of(&all, &r[0])->resource, t_text(r[0].body, "data.id"));
	CHECK(entry_of(&all, &r[3])->resource.p == NULL);
	t_app_close(&a);
}

DB_TEST(the_route_is_the_template_and_the_address_that_of_the_caller)
{
	static struct entries all;
	struct t_app a;

	t_app_open(&a, t, 0, "trusted_proxies=127.0.0.0/8,10.0.0.0/8");
	struct t_answer r = t_call(&a, "POST", "/v1/jobs/job_x/cancel", NULL, "X-Forwarded-For: 192.0.2.1, 203.0.113.7, 10.1.2.3\r\n");
	struct t_answer odd = t_call(&a, "POST", "/v1/jobs/job_x/cancel", NULL, "X-Forwarded-For: 203.0.113.7, nonsense\r\n");
	read_audit(&a, &all);
	CHECK_INT(all.n, ==, 2);
	CHECK_STR(entry_of(&all, &r)->route, S("/v1/jobs/{jobId}/cancel"));
	CHECK_STR(entry_of(&all, &r)->ip, S("203.0.113.7"));		/* the right-most that is not ours */
	CHECK_STR(entry_of(&all, &odd)->ip, S("127.0.0.1"));
	t_app_close(&a);
}

static bool
healthy(struct t_app *a, struct t_answer *ret)
{
	t_move(&a->h, 1000);			/* a probe is at most a second old */
	(void)t_call(a, "GET", "/v1/health", NULL, NULL);
	*ret = t_call(a, "GET", "/v1/health", NULL, NULL);
	CHECK_STR(t_text(ret->body, "status"), ret->status == 200 ? S("ok") : S("degraded"));
	CHECK(ret->status == 200 || ret->status == 503);
	return ret->status == 200;
}

/* The buffer is full because the database refuses: what does not fit is dropped and counted, the rest is kept till it can be written. */
DB_TEST(a_full_audit_buffer_drops_and_counts)
{
	struct t_app a;
	struct t_answer r;
	char poor[80];

	t_app_open(&a, t, T_FAULTS, "audit_buffer=16");
	t_key(&a, a.h.ws, MODE_LIVE, 0, TIME_NONE, poor);
	CHECK_INT(t_call(&a, "POST", "/v1/jobs/job_x/cancel", NULL, NULL).status, ==, 404);
	a.c.token = poor;
	CHECK_INT(t_call(&a, "GET", "/v1/workspaces/me", NULL, NULL).status, ==, 200);	/* known from here on */
	t_break(&a.h, DB_FAULT_CALL, 1, true);
	for (int i = 0; i < 40; i++)
		CHECK_INT(t_call(&a, "GET", "/v1/notes", NULL, NULL).status, ==, 403);
	CHECK_INT(t_figure(&a, "audit_buffer"), ==, 16);
	CHECK_INT(t_figure(&a, "audit_dropped_total"), ==, 24);
	T_UNTIL(!healthy(&a, &r) && json_is_false(t_at(r.body, "checks.auditBuffer.ok")));	/* the database itself may be the first to be ill */
	CHECK_INT(t_int(r.body, "checks.auditBuffer.depth"), ==, 16);
	CHECK_INT(t_count(&a.h, "audit"), ==, 1);
	t_mend(&a.h);
	T_UNTIL(t_count(&a.h, "audit") == 17);
	T_UNTIL(healthy(&a, &r));
	CHECK_INT(t_int(r.body, "checks.auditBuffer.depth"), ==, 0);
	CHECK_INT(t_figure(&a, "audit_buffer"), ==, 0);
	CHECK_INT(t_figure(&a, "audit_dropped_total"), ==, 24);
	t_app_close(&a);
}

/* Whoever has a key, even a revoked one, could take the service out of its load balancer otherwise. */
DB_TEST(refusals_that_come_faster_than_they_are_written_are_no_illness)
{
	struct t_app a;
	struct t_answer r;
	char poor[80];

	t_app_open(&a, t, 0, "audit_buffer=16");
	t_key(&a, a.h.ws, MODE_LIVE, 0, TIME_NONE, poor);
	a.c.token = poor;
	for (int i = 0; i < 10000 && t_figure(&a, "audit_dropped_total") == 0; i++)
		for (int k = 0; k < 50; k++)
			CHECK_INT(t_call(&a, "GET", "/v1/notes", NULL, NULL).status, ==, 403);
	CHECK_INT(t_figure(&a, "audit_dropped_total"), >, 0);
	CHECK(healthy(&a, &r));
	t_app_close(&a);
}

DB_TEST(a_refusal_whose_commit_is_uncertain_is_written_once)
{
	struct t_app a;
	struct t_answer r;
	char poor[80];

	t_app_open(&a, t, T_FAULTS, "");
	t_key(&a, a.h.ws, MODE_LIVE, 0, TIME_NONE, poor);
	a.c.token = poor;
	CHECK_INT(t_call(&a, "GET", "/v1/workspaces/me", NULL, NULL).status, ==, 200);
	t_break(&a.h, DB_FAULT_COMMIT_AFTER, 1, true);
	CHECK_INT(t_call(&a, "GET", "/v1/notes", NULL, NULL).status, ==, 403);
	T_UNTIL(t_count(&a.h, "audit") == 1);
	CHECK_INT(t_call(&a, "GET", "/v1/notes", NULL, NULL).status, ==, 403);
	t_mend(&a.h);
	T_UNTIL(healthy(&a, &r) && t_int(r.body, "checks.auditBuffer.depth") == 0);
	CHECK_INT(t_count(&a.h, "audit"), ==, 2);
	t_app_close(&a);
}

/* The end does not wait for a database that refuses. */
DB_TEST(a_shutdown_does_not_wait_for_what_cannot_be_written)
{
	struct t_app a;
	char poor[80];

	t_app_open(&a, t, T_FAULTS, "");
	t_key(&a, a.h.ws, MODE_LIVE, 0, TIME_NONE, poor);
	a.c.token = poor;
	CHECK_INT(t_call(&a, "GET", "/v1/workspaces/me", NULL, NULL).status, ==, 200);
	t_break(&a.h, DB_FAULT_CALL, 1, true);
	CHECK_INT(t_call(&a, "GET", "/v1/notes", NULL, NULL).status, ==, 403);
	t_app_close(&a);
}

DB_TEST(a_shutdown_writes_the_refusals_it_holds)
{
	struct t_app a;
	char poor[80];

	t_app_open(&a, t, 0, "");
	t_key(&a, a.h.ws, MODE_LIVE, 0, TIME_NONE, poor);
	a.c.token = poor;
	for (int i = 0; i < 250; i++)
		CHECK_INT(t_call(&a, "GET", "/v1/notes", NULL, NULL).status, ==, 403);
	t_app_close(&a);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM audit"), ==, 250);
}

/* --- health --- */

DB_TEST(health_degrades_with_the_database_and_comes_back)
{
	struct t_app a;
	struct t_answer r;

	t_app_open(&a, t, T_FAULTS, "");
	CHECK(healthy(&a, &r));
	CHECK_STR(t_header(&r, "Cache-Control"), S("max-age=5, public"));
	CHECK_STR(t_text(r.body, "checks.db.backend"), t->pg ? S("postgres") : S("sqlite"));
	CHECK(json_is_true(t_at(r.body, "checks.db.ok")));
	t_break(&a.h, DB_FAULT_COMMIT_BEFORE, 1, true);
	CHECK_INT(t_call(&a, "POST", "/v1/notes", t_note(&a, "x"), NULL).status, ==, 503);
	r = t_call(&a, "GET", "/v1/health", NULL, NULL);
	CHECK_INT(r.status, ==, 503);
	CHECK_STR(t_text(r.body, "status"), S("degraded"));
	CHECK(json_is_false(t_at(r.body, "checks.db.ok")));
	CHECK(t_text(r.body, "checks.db.error").n > 0);
	r = t_call(&a, "GET", "/v1/health/auth", NULL, NULL);		/* of the key: the key is well */
	CHECK_INT(r.status, ==, 200);
	t_mend(&a.h);
	CHECK_INT(t_call(&a, "POST", "/v1/notes", t_note(&a, "x"), NULL).status, ==, 200);
	T_UNTIL(healthy(&a, &r));
	CHECK(t_at(r.body, "checks.db.error") == NULL);
	t_app_close(&a);
}

/* --- figures --- */

DB_TEST(figures_count_what_happened)
{
	struct t_app a;

	t_app_open(&a, t, 0, "writer=builtin");
	for (int i = 0; i < 3; i++)
		CHECK_INT(t_call(&a, "POST", "/v1/notes", t_note(&a, "x"), NULL).status, ==, 200);
	CHECK_INT(t_call(&a, "POST", "/v1/notes", "{", NULL).status, ==, 400);
	CHECK_INT(t_call(&a, "GET", "/v1/nothing", NULL, NULL).status, ==, 404);
	CHECK_INT(t_call(&a, "GET", "/v1/jobs", NULL, "Scripe-Api-Version: 2001-01-01\r\n").status, ==, 400);
	CHECK_INT(t_call(&a, "POST", "/v1/jobs", "{\"type\":\"NOOP\",\"count\":5}", NULL).status, ==, 200);
	T_UNTIL(front_busy(a.front) == 0);
	CHECK_INT(t_figure(&a, "requests_total{operation=\"create_note\",status=\"200\"}"), ==, 3);
	CHECK_INT(t_figure(&a, "requests_total{operation=\"create_note\",status=\"400\"}"), ==, 1);
	CHECK_INT(t_figure(&a, "requests_total{operation=\"none\",status=\"404\"}"), ==, 1);
	CHECK_INT(t_figure(&a, "requests_total{operation=\"none\",status=\"400\"}"), ==, 1);
	CHECK_INT(t_figure(&a, "requests_total{operation=\"list_jobs\",status=\"200\"}"), ==, -1);
	CHECK_INT(t_figure(&a, "request_seconds_count{operation=\"create_note\"}"), ==, 4);
	CHECK_INT(t_figure(&a, "request_seconds_bucket{operation=\"create_note\",le=\"+Inf\"}"), ==, 4);
	CHECK_INT(t_figure(&a, "jobs_queued"), ==, 5);
	CHECK_INT(t_figure(&a, "jobs_running"), ==, 0);
	CHECK_INT(t_figure(&a, "database_up"), ==, 1);
	CHECK_INT(t_figure(&a, "connections"), ==, 1);
	CHECK_INT(t_figure(&a, "writer_failed_total"), ==, 0);
	t_app_close(&a);
}

DB_TEST(figures_of_jobs_follow_them)
{
	struct t_app a;

	t_app_open(&a, t, T_HANDS, "");
	CHECK_INT(t_call(&a, "POST", "/v1/jobs", "{\"type\":\"NOOP\",\"count\":5}", NULL).status, ==, 200);
	T_UNTIL(t_figure(&a, "jobs_total{type=\"NOOP\",status=\"DONE\"}") == 5);
	CHECK_INT(t_figure(&a, "jobs_queued"), ==, 0);
	CHECK_INT(t_figure(&a, "jobs_running"), ==, 0);
	CHECK_INT(t_figure(&a, "job_seconds_count"), ==, 5);
	CHECK_INT(t_figure(&a, "job_start_seconds_count"), ==, 5);
	CHECK_INT(t_figure(&a, "jobs_lost_total"), ==, 0);
	t_app_close(&a);
}
