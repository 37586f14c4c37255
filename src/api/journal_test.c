#include "t_app.h"
#include "api/journal.h"

/* What is written behind the requests: which of them, how much, once, and nothing secret. */

/* --- sampling --- */

#define HOUR	INT64_C(3600000)

static uint64_t
lot(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x * UINT64_C(0x2545F4914F6CDD1D) >> 20;
}

/* A busy hour, a quiet one, a busier one; every tenth read is of another kind, which must be estimated as well. */
TEST(a_sum_of_weights_has_no_bias)
{
	static const int reads[] = { 3000, 50, 20000, 400 };
	double all = 0, kind = 0;
	int64_t kept = 0, n = 0;
	uint64_t seed = 88172645463325252u;
	enum { RUNS = 300 };

	for (int run = 0; run < RUNS; run++) {
		struct sampler s = { 0 };
		for (size_t h = 0; h < COUNT(reads); h++)
			for (int i = 0; i < reads[h]; i++, n++) {
				int64_t w = sampler_take(&s, (int64_t)(1000 + h) * HOUR + i * (HOUR / reads[h]), 10000, 7, i % 7 == 0 ? 1 : 0, SAMPLED_READ, lot(&seed));
				all += (double)w;
				kind += i % 10 == 3 ? (double)w : 0;
				kept += w > 0;
			}
	}
	CHECK(all > 0.98 * (double)n && all < 1.02 * (double)n);
	CHECK(kind > 0.095 * (double)n && kind < 0.105 * (double)n);
	CHECK_INT(kept, <, RUNS * 4000);
}

TEST(a_workspace_keeps_no_more_than_it_may)
{
	struct sampler s = { 0 };
	int64_t kept = 0, reads = 0;
	double all = 0;
	uint64_t seed = 42;

	for (int64_t ms = 1000 * HOUR; ms < (1000 + 7 * 24) * HOUR; ms += 400, reads++) {
		int64_t w = sampler_take(&s, ms, 20000, 7, 0, SAMPLED_READ, lot(&seed));
		kept += w > 0;
		all += (double)w;
	}
	CHECK_INT(kept, <=, 20000);
	CHECK_INT(kept, >, 5000);
	CHECK(all > 0.9 * (double)reads && all < 1.1 * (double)reads);
}

TEST(few_reads_are_all_kept_and_writes_always)
{
	struct sampler s = { 0 };

	for (int day = 0; day < 14; day++)
		for (int i = 0; i < 500; i++)
			CHECK_INT(sampler_take(&s, (1000 + day * 24) * HOUR + i * 1000, 100000, 7, 0, SAMPLED_READ, UINT64_MAX), ==, 1);
	for (int i = 0; i < 50000; i++)
		CHECK_INT(sampler_take(&s, 1400 * HOUR + i, 1000, 7, 8, SAMPLED_WHOLE, 1), ==, 1);
}

TEST(refusals_that_cost_nothing_cannot_push_out_what_happened)
{
	enum { RUNS = 100, ASKED = 100000, SHARE = 100000 / (24 * 8) };
	uint64_t seed = 7;
	double all = 0;

	for (int run = 0; run < RUNS; run++) {
		struct sampler s = { 0 };
		int64_t kept = 0;
		for (int i = 0; i < ASKED; i++) {
			int64_t w = sampler_take(&s, 1000 * HOUR + i, 100000, 7, i % 9 == 0, SAMPLED_REFUSED, i < SHARE ? UINT64_MAX : lot(&seed));
			CHECK(i >= SHARE || w == 1);
			kept += w > 0;
			all += (double)w;
		}
		CHECK_INT(kept, <=, 2 * SHARE);
	}
	CHECK(all > 0.97 * RUNS * ASKED && all < 1.03 * RUNS * ASKED);
}

/* --- secrets and strange bytes --- */

static void
check_scrub(const char *from, const char *want)
{
	char text[64];
	struct scrubbed s = { text, 0, sizeof(text) };

	scrub(&s, str_z(from));
	CHECK_STR(((str){ s.p, s.n }), str_z(want));
}

TEST(what_looks_like_a_secret_goes)
{
	check_scrub("curl/7.88.1", "curl/7.88.1");
	check_scrub("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101");
	check_scrub("/v1/notes/note_01J9ZAB12CD34E56F7G8H9JKMN", "/v1/notes/note_01J9ZAB12CD34E56F7G8H9JKMN");
	check_scrub("/v1/x/knowledg_01J9ZAB12CD34E56F7G8H9JKMN", "/v1/x/knowledg_01J9ZAB12CD34E56F7G8H9JKMN");
	check_scrub("x scripe_sk_live_00 y", "x *** y");
	check_scrub("SCRIPE_SK_TEST_00", "***");
	check_scrub("whsec_1", "***");
	check_scrub("bot (Bearer abc) 1", "bot (Bearer ***) 1");
	check_scrub("basic dXNlcjpwYXNz", "basic ***");
	check_scrub("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "***.***.c2lnbmF0dXJl");
	check_scrub("0123456789abcdef0123456789abcdef", "***");
	check_scrub("a-very-long-word-without-a-number-in-it-at-all", "a-very-long-word-without-a-number-in-it-at-all");
	check_scrub("\xC3\xBC\xFF\xC3", "\xC3\xBC\xEF\xBF\xBD\xEF\xBF\xBD");
	check_scrub("a\tb\x7F\xC2\x85" "c\r\n", "a b  c  ");
	check_scrub("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xC3\xBC" "y",
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

TEST(a_parameter_that_speaks_of_a_secret_loses_its_value)
{
	static const struct front_param q[] = { { S_INIT("api_key"), S_INIT("x1") }, { S_INIT("keyId"), S_INIT("key_01J9ZAB12CD34E56F7G8H9JKMN") },
	    { S_INIT("AccessToken"), S_INIT("y") }, { S_INIT("code"), S_INIT("z") }, { S_INIT("errorCode"), S_INIT("not_found") },
	    { S_INIT("password"), S_INIT("") }, { S_INIT("limit"), S_INIT("5") } };
	char text[256];
	struct scrubbed s = { text, 0, sizeof(text) };

	scrub_query(&s, q, (int)COUNT(q));
	CHECK_STR(((str){ s.p, s.n }),
	    S("api_key=***&keyId=key_01J9ZAB12CD34E56F7G8H9JKMN&AccessToken=***&code=***&errorCode=not_found&password=&limit=5"));
}

/* --- through the application --- */

/* Until every row that waits is written: a second passes, and another commit comes by. */
static void
settle(struct t_app *a)
{
	T_UNTIL((t_move(&a->h, 1000), t_call(a, "POST", "/v1/jobs/job_x/cancel", NULL, NULL), t_figure(a, "request_log_buffer") <= 1));
}

/* What was refused by its rate, or because the key was revoked, is asked again and again by programs that nobody watches. */
DB_TEST(a_flood_of_refusals_leaves_the_log_as_it_was)
{
	enum { FLOOD = 3000 };
	struct t_app a;

	t_app_open(&a, t, 0, "rate_read=1 request_log_rows=1000");
	CHECK_INT(t_call(&a, "POST", "/v1/notes", t_note(&a, "x"), NULL).status, ==, 200);
	CHECK_INT(t_call(&a, "GET", "/v1/projects", NULL, NULL).status, ==, 200);
	for (int i = 0; i < FLOOD; i++)
		CHECK_INT(t_call(&a, "GET", "/v1/projects", NULL, NULL).status, ==, 429);
	t_app_close(&a);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM request_log WHERE method = 'POST'"), ==, 1);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM request_log"), <, 100);
	CHECK_INT(t_db_count(t, "SELECT CAST(sum(errors) AS BIGINT) FROM usage_day"), ==, FLOOD);
}

DB_TEST(a_full_buffer_drops_and_counts)
{
	struct t_app a;

	t_app_open(&a, t, T_FAULTS, "request_log_buffer=16 rate_write=0");
	CHECK_INT(t_call(&a, "GET", "/v1/workspaces/me", NULL, NULL).status, ==, 200);
	settle(&a);
	int64_t was = t_count(&a.h, "request_log");
	t_move(&a.h, 1000);
	t_break(&a.h, DB_FAULT_CALL, 1, true);
	for (int i = 0; i < 40; i++)
		CHECK_INT(t_call(&a, "POST", "/v1/notes", t_note(&a, "x"), NULL).status, ==, 503);
	CHECK_INT(t_figure(&a, "request_log_buffer"), ==, 16);
	T_UNTIL(t_figure(&a, "request_log_dropped_total") >= 24);	/* the last one is noted behind its answer */
	CHECK_INT(t_count(&a.h, "request_log"), ==, was);
	t_mend(&a.h);
	settle(&a);
	CHECK_INT(t_count(&a.h, "request_log WHERE status = 503") + t_figure(&a, "request_log_dropped_total"), >=, 40);
	CHECK_INT(t_count(&a.h, "request_log WHERE status = 503"), <=, 16);
	t_app_close(&a);
}

DB_TEST(a_row_whose_commit_is_uncertain_is_written_and_counted_once)
{
	struct t_app a;

	t_app_open(&a, t, T_FAULTS, "rate_write=0");
	for (int i = 0; i < 5; i++)
		CHECK_INT(t_call(&a, "POST", "/v1/notes", t_note(&a, "x"), NULL).status, ==, 200);
	t_move(&a.h, 1000);
	t_break(&a.h, DB_FAULT_COMMIT_AFTER, 1, true);
	for (int i = 0; i < 3; i++)
		(void)t_call(&a, "POST", "/v1/notes", t_note(&a, "y"), NULL);
	t_mend(&a.h);
	settle(&a);
	CHECK_INT(t_count(&a.h, "request_log WHERE operation = 'create_note'"), ==, 8);
	CHECK_INT(t_count(&a.h, "request_log"), ==, t_db_count(t, "SELECT CAST(sum(n) AS BIGINT) FROM request_log_size"));
	t_app_close(&a);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM request_log"), ==, t_db_count(t, "SELECT CAST(sum(requests) AS BIGINT) FROM usage_day"));
}

DB_TEST(a_flood_of_writes_does_not_pass_the_cap)
{
	struct t_app a;

	t_app_open(&a, t, 0, "request_log_rows=100 rate_write=0");
	for (int i = 0; i < 450; i++)
		CHECK_INT(t_call(&a, "POST", "/v1/notes", i % 50 == 0 ? "{" : t_note(&a, "x"), NULL).status, ==, i % 50 == 0 ? 400 : 200);
	settle(&a);
	settle(&a);
	CHECK_INT(t_count(&a.h, "request_log"), <=, 100);
	CHECK_INT(t_count(&a.h, "request_log"), >=, 95);
	CHECK_INT(t_count(&a.h, "request_log"), ==, t_db_count(t, "SELECT n FROM request_log_size"));
	CHECK_INT(t_figure(&a, "request_log_trimmed_total"), >=, 350);
	t_app_close(&a);
}

DB_TEST(a_shutdown_writes_what_waits)
{
	struct t_app a;

	t_app_open(&a, t, 0, "rate_write=0");
	for (int i = 0; i < 250; i++)
		CHECK_INT(t_call(&a, "POST", "/v1/notes", t_note(&a, "x"), NULL).status, ==, 200);
	t_app_close(&a);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM request_log"), ==, 250);
	CHECK_INT(t_db_count(t, "SELECT CAST(sum(writes) AS BIGINT) FROM usage_day"), ==, 250);
}

/* The end does not wait for a database that refuses. */
DB_TEST(a_shutdown_does_not_wait_for_what_cannot_be_written)
{
	struct t_app a;

	t_app_open(&a, t, T_FAULTS, "");
	CHECK_INT(t_call(&a, "POST", "/v1/notes", t_note(&a, "x"), NULL).status, ==, 200);
	t_break(&a.h, DB_FAULT_CALL, 1, true);
	t_app_close(&a);
}

DB_TEST(yesterday_is_counted_as_yesterday)
{
	struct t_app a;

	t_app_open(&a, t, 0, "rate_read=0");
	for (int i = 0; i < 3; i++)
		CHECK_INT(t_call(&a, "GET", "/v1/projects", NULL, NULL).status, ==, 200);
	t_move(&a.h, DAY_MS);
	CHECK_INT(t_call(&a, "GET", "/v1/projects", NULL, NULL).status, ==, 200);
	settle(&a);
	struct t_answer r = t_call(&a, "GET", "/v1/usage", NULL, NULL);
	CHECK_INT(t_int(r.body, "data.days.28.requests"), ==, 3);
	CHECK_INT(t_int(r.body, "data.days.29.requests"), >=, 1);
	t_app_close(&a);
}

/* Any bytes a socket may bring: what is kept is text, and the list of it is JSON. */
DB_TEST(strange_bytes_are_kept_as_text)
{
	struct t_app a;
	char agent[64], path[200];
	uint64_t seed = 7;
	int asked = 0;

	t_app_open(&a, t, 0, "rate_read=0 rate_write=0");
	CHECK_INT(t_call(&a, "GET", "/v1/workspaces/me", NULL, NULL).status, ==, 200);
	for (int i = 0; i < 120; i++) {
		for (size_t k = 0; k < sizeof(agent) - 1; k++)
			agent[k] = (char)(128 + lot(&seed) % 128);
		agent[sizeof(agent) - 1] = '\0';
		snprintf(path, sizeof(path), "/v1/x%%%02X%%%02X%%%02X?q=%%%02X%%%02X", (unsigned)(lot(&seed) % 256), (unsigned)(lot(&seed) % 256),
		    (unsigned)(lot(&seed) % 256), (unsigned)(lot(&seed) % 256), (unsigned)(lot(&seed) % 256));
		asked += t_call(&a, "GET", path, NULL, t_fmt(&a, "User-Agent: %s\r\n", agent)).status == 404;
	}
	settle(&a);
	CHECK_INT(t_count(&a.h, "request_log WHERE status = 404 AND method = 'GET'"), ==, asked);
	struct t_answer r = t_call(&a, "GET", "/v1/request-logs?limit=200&errorCode=not_found&method=GET", NULL, NULL);
	CHECK_INT(r.status, ==, 200);
	CHECK_INT(json_array_size(t_at(r.body, "data")), ==, asked);
	t_app_close(&a);
}

static bool
file_holds(const char *path, const char *text)
{
	struct arena a;
	struct error e;
	str all;

	arena_init(&a, 256 << 20);
	bool held = sys_read_file(&a, path, 128 << 20, &all, &e) == OK && memmem(all.p, all.n, text, strlen(text)) != NULL;
	arena_free(&a);
	return held;
}

SQLITE_TEST(no_secret_is_in_the_files_of_the_database)
{
	struct t_app a;
	char wal[200], key[80];

	t_app_open(&a, t, 0, "");
	snprintf(key, sizeof(key), "%s", a.key);
	snprintf(wal, sizeof(wal), "%s-wal", t->path);
	CHECK_INT(t_call(&a, "GET", t_fmt(&a, "/v1/notes?projectId=%s&token=hunter2&x=%s", a.project, key), NULL,
	    t_fmt(&a, "User-Agent: harmless %s Bearer hunter3\r\nCookie: hunter4\r\nReferer: http://x/?hunter5\r\n", key)).status, ==, 200);
	CHECK_INT(t_call(&a, "GET", t_fmt(&a, "/v1/%s", key), NULL, NULL).status, ==, 404);
	CHECK_INT(t_call(&a, "POST", "/v1/notes", t_fmt(&a, "{\"projectId\":\"%s\",\"%s\":1}", a.project, key), "Idempotency-Key: hunter6\r\n").status, ==, 200);
	settle(&a);
	CHECK_INT(t_count(&a.h, "request_log WHERE agent LIKE 'harmless %'"), ==, 1);
	CHECK(file_holds(wal, "harmless ***") || file_holds(t->path, "harmless ***"));
	CHECK(!file_holds(wal, "hunter") && !file_holds(t->path, "hunter"));
	CHECK(!file_holds(wal, key) && !file_holds(t->path, key));
	t_app_close(&a);
	CHECK(!file_holds(t->path, "hunter") && !file_holds(t->path, key));
}
