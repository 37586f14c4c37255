#include "t_app.h"
#include "api/rq.h"

/* Idempotency (contract 2.9, 12.1): the window, the fingerprint, and two at the same instant. */

static struct t_answer
keyed(struct t_app *a, const char *path, const char *body, const char *key)
{
	return t_call(a, "POST", path, body, t_fmt(a, "Idempotency-Key: %s\r\n", key));
}

static struct t_answer
note(struct t_app *a, const char *text, const char *key)
{
	return keyed(a, "/v1/notes", t_note(a, text), key);
}

static void
check_kind(const struct t_answer *r, int status, const char *replayed)
{
	CHECK_INT(r->status, ==, status);
	CHECK_STR(t_header(r, "Idempotent-Replayed"), replayed != NULL ? str_z(replayed) : STR_NONE);
}

DB_TEST(a_key_binds_for_a_day)
{
	struct t_app a;

	t_app_open(&a, t, 0, "keep_idempotency=24");
	struct t_answer first = note(&a, "one", "k");
	check_kind(&first, 200, "false");
	t_move(&a.h, DAY_MS - 1);
	struct t_answer replay = note(&a, "one", "k");
	check_kind(&replay, 200, "true");
	CHECK_STR(replay.text, first.text);
	CHECK(!str_eq(t_header(&replay, "X-Request-Id"), t_header(&first, "X-Request-Id")));
	struct t_answer other = note(&a, "two", "k");
	CHECK_INT(other.status, ==, 409);
	CHECK_STR(t_text(other.body, "error.code"), S("idempotency_key_conflict"));
	CHECK_INT(t_count(&a.h, "note"), ==, 1);
	t_move(&a.h, 1);			/* a day to the millisecond: any body, and a day from now */
	struct t_answer anew = note(&a, "two", "k");
	check_kind(&anew, 200, "false");
	CHECK(!str_eq(t_text(anew.body, "data.id"), t_text(first.body, "data.id")));
	t_move(&a.h, DAY_MS - 1);
	struct t_answer again = note(&a, "two", "k");
	check_kind(&again, 200, "true");
	CHECK_STR(again.text, anew.text);
	CHECK_INT(t_count(&a.h, "note"), ==, 2);
	CHECK_INT(t_count(&a.h, "idempotency"), ==, 1);
	t_app_close(&a);
}

/* A retry of a create whose moment has passed meanwhile gets its replay, not a 422; and a 422 binds. */
DB_TEST(what_is_bound_stays_though_its_meaning_changes)
{
	struct t_app a;
	char when[TIME_LEN + 1] = "";

	t_app_open(&a, t, 0, "");
	time_write(when, t_now(&a.h) + 60000);
	const char *body = t_fmt(&a, "{\"projectId\":\"%s\",\"scheduledFor\":\"%s\"}", a.project, when);
	struct t_answer first = keyed(&a, "/v1/posts", body, "k");
	check_kind(&first, 200, "false");
	t_move(&a.h, 120000);
	struct t_answer late = keyed(&a, "/v1/posts", body, "late");
	check_kind(&late, 422, "false");
	struct t_answer replay = keyed(&a, "/v1/posts", body, "k");
	check_kind(&replay, 200, "true");
	struct t_answer again = keyed(&a, "/v1/posts", body, "late");
	check_kind(&again, 422, "true");
	CHECK_STR(again.text, late.text);	/* with the request id of the first one */
	struct t_answer other = keyed(&a, "/v1/posts", t_fmt(&a, "{\"projectId\":\"%s\"}", a.project), "late");
	CHECK_INT(other.status, ==, 409);
	t_app_close(&a);
}

DB_TEST(what_is_not_bound_leaves_the_key_free)
{
	struct t_app a;

	t_app_open(&a, t, 0, "writer=openai openai_price_in=1");
	CHECK_INT(keyed(&a, "/v1/notes", "{", "k").status, ==, 400);
	CHECK_INT(t_call(&a, "POST", "/v1/notes", "x", "Idempotency-Key: k\r\nContent-Type: text/plain\r\n").status, ==, 415);
	t_db_script(t, "UPDATE workspace SET plan = 'TRIAL'");
	t_db_script(t, "INSERT INTO spend (workspace, day, reserved, spent) SELECT id, 1, 0, 500000000 FROM workspace");
	t_db_script(t, str_fmt(&a.h.a, "UPDATE spend SET day = %lld", (long long)(t_now(&a.h) / DAY_MS)).p);
	const char *body = t_fmt(&a, "{\"projectId\":\"%s\",\"source\":{\"text\":\"A text.\"}}", a.project);
	struct t_answer poor = keyed(&a, "/v1/posts/generations", body, "k");
	CHECK_INT(poor.status, ==, 402);
	CHECK_INT(t_int(poor.body, "error.meta.capCents"), ==, 500);
	CHECK_INT(t_int(poor.body, "error.meta.spentCents"), ==, 500);
	CHECK_INT(t_count(&a.h, "idempotency"), ==, 0);
	CHECK_INT(t_count(&a.h, "job"), ==, 0);
	t_db_script(t, "DELETE FROM spend");
	struct t_answer rich = keyed(&a, "/v1/posts/generations", body, "k");
	check_kind(&rich, 200, "false");
	struct t_answer missing = note(&a, "x", "k");	/* another route: another key */
	check_kind(&missing, 200, "false");
	t_app_close(&a);
}

DB_TEST(the_fingerprint_is_of_the_value_not_of_its_writing)
{
	struct t_app a;
	const char *p;

	t_app_open(&a, t, 0, "");
	p = a.project;
	struct t_answer first = keyed(&a, "/v1/posts", t_fmt(&a, "{\"projectId\":\"%s\",\"scheduledFor\":\"2126-05-01T13:00:00Z\"}", p), "k");
	check_kind(&first, 200, "false");
	struct t_answer same = keyed(&a, "/v1/posts", t_fmt(&a, " { \"scheduledFor\" : \"2126-05-01T13:00:00Z\" ,\n \"projectId\" : \"%s\" } ", p), "k");
	check_kind(&same, 200, "true");
	CHECK_STR(same.text, first.text);
	CHECK_INT(keyed(&a, "/v1/posts", t_fmt(&a, "{\"projectId\":\"%s\",\"scheduledFor\":\"2126-05-01T13:00:00.000Z\"}", p), "k").status, ==, 409);
	/* how long to wait is no part of it, and a replay does not wait */
	struct t_answer job = keyed(&a, "/v1/posts/generations", t_fmt(&a, "{\"projectId\":\"%s\",\"source\":{\"text\":\"A text.\"}}", p), "k");
	check_kind(&job, 200, "false");
	struct t_answer at_once = keyed(&a, "/v1/posts/generations",
	    t_fmt(&a, "{\"wait_for_completion_ms\":25000,\"projectId\":\"%s\",\"source\":{\"text\":\"A text.\"}}", p), "k");
	check_kind(&at_once, 200, "true");
	CHECK_STR(at_once.text, job.text);
	CHECK_STR(t_text(at_once.body, "data.status"), S("QUEUED"));
	t_app_close(&a);
}

DB_TEST(a_key_of_the_wrong_shape_is_none)
{
	static const char *const wrong[] = { "", "a b", "sixty-five-letters-are-one-more-than-a-key-may-have-0123456789abcd", "k\xc3\xa9y", "a,b" };
	struct t_app a;

	t_app_open(&a, t, 0, "");
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct t_answer r = note(&a, "x", wrong[i]);
		check_kind(&r, 200, NULL);
		CHECK_STR(t_header(&r, "Idempotency-Key-Ignored"), S("malformed"));
	}
	struct t_answer r = t_call(&a, "POST", "/v1/notes", t_note(&a, "x"), "Idempotency-Key: a\r\nIdempotency-Key: b\r\n");
	CHECK_STR(t_header(&r, "Idempotency-Key-Ignored"), S("malformed"));
	r = note(&a, "x", "sixty-four-letters-is-all-that-a-key-may-have_0123456789abcdefgh");
	check_kind(&r, 200, "false");
	r = t_call(&a, "GET", "/v1/jobs", NULL, "Idempotency-Key: a b\r\n");
	CHECK(t_header(&r, "Idempotency-Key-Ignored").p == NULL);
	CHECK_INT(t_count(&a.h, "note"), ==, COUNT(wrong) + 2);
	CHECK_INT(t_count(&a.h, "idempotency"), ==, 1);
	t_app_close(&a);
}

DB_TEST(a_key_belongs_to_its_workspace)
{
	struct t_app a;
	workspace_id ws;
	project_id project;
	char other[80];

	t_app_open(&a, t, 0, "");
	t_workspace(&a.h, PLAN_TRIAL, &ws, &project);
	t_key(&a, ws, MODE_LIVE, T_ALL_SCOPES, TIME_NONE, other);
	struct t_answer r = note(&a, "x", "k");
	check_kind(&r, 200, "false");
	a.c.token = other;
	r = keyed(&a, "/v1/notes", t_fmt(&a, "{\"projectId\":\"proj_%s\"}", project.u.s), "k");
	check_kind(&r, 200, "false");
	r = note(&a, "x", "k2");		/* a project that is there, but not theirs */
	check_kind(&r, 404, "false");
	CHECK_STR(t_text(r.body, "error.message"), S("Project not found."));
	t_app_close(&a);
}

/* --- twins --- */

struct pair {
	struct t_app *a;
	struct t_conn c;
	pthread_barrier_t *go;
	const char *body;
	int rounds, fresh, replays, same;
	char last[40];
	struct pair *other;
};

/* Both ask with the key of the round at the same instant, then compare what they were told. */
static void *
ask_often(void *arg)
{
	struct pair *w = arg;
	char key[48];

	for (int i = 0; i < w->rounds; i++) {
		snprintf(key, sizeof(key), "Idempotency-Key: twin%d\r\n", i);
		pthread_barrier_wait(w->go);
		struct t_answer r = t_ask(&w->c, "POST", "/v1/notes", w->body, key);
		str replayed = t_header(&r, "Idempotent-Replayed");
		w->fresh += r.status == 200 && str_eq(replayed, S("false"));
		w->replays += r.status == 200 && str_eq(replayed, S("true"));
		snprintf(w->last, sizeof(w->last), "%.*s", STR(t_text(r.body, "data.id")));
		pthread_barrier_wait(w->go);
		w->same += w->last[0] != '\0' && strcmp(w->last, w->other->last) == 0;
		pthread_barrier_wait(w->go);
	}
	return NULL;
}

DB_TEST(of_two_twins_one_writes_and_one_gets_its_replay)
{
	enum { ROUNDS = 200 };
	struct t_app a;
	pthread_barrier_t go;
	pthread_t thread;
	struct pair w[2];

	t_app_open(&a, t, 0, "");
	pthread_barrier_init(&go, NULL, 2);
	for (int i = 0; i < 2; i++) {
		w[i] = (struct pair){ .a = &a, .go = &go, .body = t_note(&a, "twin"), .rounds = ROUNDS, .other = &w[1 - i] };
		t_conn_open(&w[i].c, a.port, a.key);
	}
	pthread_create(&thread, NULL, ask_often, &w[0]);
	ask_often(&w[1]);
	pthread_join(thread, NULL);
	CHECK_INT(w[0].fresh + w[1].fresh, ==, ROUNDS);
	CHECK_INT(w[0].replays + w[1].replays, ==, ROUNDS);
	CHECK_INT(w[0].same, ==, ROUNDS);
	printf("# %d of %d written by the first\n", w[0].fresh, ROUNDS);
	CHECK_INT(t_count(&a.h, "note"), ==, ROUNDS);
	CHECK_INT(t_count(&a.h, "event"), ==, ROUNDS);
	CHECK_INT(t_count(&a.h, "idempotency"), ==, ROUNDS);
	CHECK_INT(t_count(&a.h, "audit"), ==, 2 * ROUNDS);
	t_conn_close(&w[0].c);
	t_conn_close(&w[1].c);
	pthread_barrier_destroy(&go);
	t_app_close(&a);
}

/* Twins whose outcome is an error that is bound: each undoes what it did and claims again. */
DB_TEST(of_two_twins_that_fail_both_get_the_same_error)
{
	enum { ROUNDS = 100 };
	struct t_app a;
	pthread_barrier_t go;
	pthread_t thread;
	struct pair w[2];

	t_app_open(&a, t, 0, "");
	pthread_barrier_init(&go, NULL, 2);
	for (int i = 0; i < 2; i++) {
		w[i] = (struct pair){ .a = &a, .go = &go, .body = t_fmt(&a, "{\"projectId\":\"%s\"}", a.other_project), .rounds = ROUNDS, .other = &w[1 - i] };
		t_conn_open(&w[i].c, a.port, a.key);
	}
	pthread_create(&thread, NULL, ask_often, &w[0]);
	ask_often(&w[1]);
	pthread_join(thread, NULL);
	CHECK_INT(w[0].fresh + w[1].fresh + w[0].replays + w[1].replays, ==, 0);
	CHECK_INT(t_count(&a.h, "note"), ==, 0);
	CHECK_INT(t_count(&a.h, "idempotency WHERE status = 404"), ==, ROUNDS);
	CHECK_INT(t_count(&a.h, "audit WHERE status = 404"), ==, 2 * ROUNDS);
	t_conn_close(&w[0].c);
	t_conn_close(&w[1].c);
	pthread_barrier_destroy(&go);
	t_app_close(&a);
}

/* On PostgreSQL, where the first one may run on another node for longer than a twin waits; the embedded writer has an order. */
PG_TEST(a_twin_that_waits_too_long_is_told_to_come_back)
{
	struct t_app a;
	struct t_conn c;
	struct db other;
	struct error e;

	t_app_open(&a, t, 0, "db_lock=100");
	CHECK_OK(e, db_pg_open(t->uri, &other, &e));
	struct idem_name name = idem_name(a.h.ws, S("POST /v1/notes"), S("k"));
	CHECK_OK(e, other.ops->begin(&other, TX_WRITE, &e));
	CHECK_OK(e, idem_claim(&other, a.h.ws, &name, &e));
	CHECK_OK(e, db_settle(&other, &e));
	t_conn_open(&c, a.port, a.key);
	t_send(&c, "POST", "/v1/notes", t_note(&a, "one"), "Idempotency-Key: k\r\n");
	T_UNTIL(twins_parked(a.api->twins) == 1);
	struct t_answer r = note(&a, "without", "a bad key");		/* nobody's twin */
	check_kind(&r, 200, NULL);
	t_move(&a.h, 200);
	r = t_hear(&c);
	check_kind(&r, 409, NULL);
	CHECK_STR(t_text(r.body, "error.code"), S("idempotency_in_progress"));
	CHECK_STR(t_header(&r, "Retry-After"), S("1"));
	t_conn_close(&c);
	other.ops->rollback(&other);
	other.ops->close(&other);
	r = note(&a, "one", "k");
	check_kind(&r, 200, "false");
	CHECK_INT(t_count(&a.h, "note"), ==, 2);
	t_app_close(&a);
}

/* Nothing is asked of the database by a body that breaks a rule: the claim alone tells that the key is bound. */
DB_TEST(a_rule_that_is_broken_binds_the_key)
{
	struct t_app a;

	t_app_open(&a, t, 0, "");
	const char *bad = t_fmt(&a, "{\"projectId\":\"%s\",\"contentType\":\"NOPE\"}", a.project);
	struct t_answer first = keyed(&a, "/v1/posts", bad, "k"), again = keyed(&a, "/v1/posts", bad, "k");
	check_kind(&first, 422, "false");
	check_kind(&again, 422, "true");
	CHECK_STR(again.text, first.text);
	t_app_close(&a);
}

enum { TWINS = 200 };

/* All ask; `waiting` of them without a connection. */
static void
ask_all(struct t_app *a, struct t_conn *c, const char *key, int waiting)
{
	const char *more = t_fmt(a, "Idempotency-Key: %s\r\n", key);

	for (int i = 0; i < TWINS; i++)
		t_send(&c[i], "POST", "/v1/notes", t_note(a, "one"), more);
	T_UNTIL(twins_parked(a->api->twins) == waiting);
}

static void
all_replayed(struct t_conn *c, int fresh)
{
	str text = STR_NONE;

	for (int i = 0; i < TWINS; i++) {
		struct t_answer r = t_hear(&c[i]);
		CHECK_INT(r.status, ==, 200);
		fresh -= str_eq(t_header(&r, "Idempotent-Replayed"), S("false"));
		if (text.p != NULL)
			CHECK_STR(r.text, text);
		text = r.text;
	}
	CHECK_INT(fresh, ==, 0);
}

/* On a pool of four: one of them waits for a row, and the others for it, without a connection. */
PG_TEST(two_hundred_twins_wait_and_others_go_on)
{
	struct t_conn c[TWINS];
	struct t_app a;
	struct db other;
	struct error e;

	t_app_open(&a, t, 0, "");
	for (int i = 0; i < TWINS; i++)
		t_conn_open(&c[i], a.port, a.key);
	/* the first one is slow: it waits for whoever holds the table */
	CHECK_OK(e, db_pg_open(t->uri, &other, &e));
	CHECK_OK(e, other.ops->begin(&other, TX_WRITE, &e));
	CHECK_OK(e, other.ops->script(&other, "LOCK TABLE note IN EXCLUSIVE MODE", &e));
	ask_all(&a, c, "slow", TWINS - 1);
	for (int i = 0; i < 20; i++)
		CHECK_INT(keyed(&a, "/v1/posts", t_fmt(&a, "{\"projectId\":\"%s\"}", a.project), t_fmt(&a, "p%d", i)).status, ==, 200);
	other.ops->rollback(&other);
	all_replayed(c, 1);
	CHECK_INT(t_count(&a.h, "note"), ==, 1);

	/* the first one is on another node, which is killed: one of ours does it, the others hear of it */
	struct idem_name name = idem_name(a.h.ws, S("POST /v1/notes"), S("far"));
	CHECK_OK(e, other.ops->begin(&other, TX_WRITE, &e));
	CHECK_OK(e, idem_claim(&other, a.h.ws, &name, &e));
	CHECK_OK(e, db_settle(&other, &e));
	ask_all(&a, c, "far", TWINS);
	CHECK_INT(keyed(&a, "/v1/posts", t_fmt(&a, "{\"projectId\":\"%s\"}", a.project), "beside").status, ==, 200);
	other.ops->rollback(&other);
	t_move(&a.h, 1000);
	all_replayed(c, 1);
	CHECK_INT(t_count(&a.h, "note"), ==, 2);
	CHECK_INT(twins_parked(a.api->twins), ==, 0);
	other.ops->close(&other);
	for (int i = 0; i < TWINS; i++)
		t_conn_close(&c[i]);
	t_app_close(&a);
}
