#include "model/source.h"
#include "t_provider.h"
#include "t_work.h"

#define ROUNDS	60			/* more than any job here can need */

static int64_t
running(struct t_house *h)
{
	struct work_stats st;

	board_stats(h->work->board, &st);
	return st.running;
}

static bool
final(struct t_house *h, job_id id)
{
	struct job j;

	t_get_job(h, id, &j);
	return j.status == JS_DONE || j.status == JS_FAILED || j.status == JS_CANCELLED;
}

/* What a worker does when it loses its job. */
static void
drop(struct t_house *h, struct run *r)
{
	board_dropped(h->work->board, &r->task);
	t_run_free(r);
	t_run_init(h, r);
}

static int
give_back(struct t_house *h)
{
	struct error e;
	int n = -1;

	(void)!step_lost(h->work, t_now(h), &n, &e);
	return n;
}

/* A worker's life until the job has ended: what the database refuses is tried again, what is lost comes back. */
static void
work_through(struct t_house *h, job_id id, void (*before_end)(struct t_house *))
{
	struct error e;
	struct run r;
	bool took;
	int i = 0;

	t_run_init(h, &r);
	for (; i < ROUNDS; i++) {
		enum err code = t_step(h, &r, &took, &e);
		if (code == E_CONFLICT) {
			drop(h, &r);
		} else if (code == OK && took) {
			r.kind->run(&r);
			if (before_end != NULL)
				before_end(h);
		} else if (code == OK) {
			if (final(h, id))
				break;
			t_move(h, 600000);
			give_back(h);
		}
	}
	CHECK_INT(i, <, ROUNDS);
	CHECK_INT(running(h), ==, 0);
	t_run_free(&r);
}

/* --- the fault loop --- */

struct story { int type, status; int64_t posts, events; void (*before_end)(struct t_house *); };

static void
project_goes(struct t_house *h)
{
	t_db_script(h->t, "DELETE FROM post; DELETE FROM post_status; DELETE FROM project");
}

/* One job from the queue to its end with the nth call of that kind failing; true when that was met. */
static bool
with_fault(struct t_house *h, const struct story *s, enum db_fault_kind kind, int n)
{
	job_id id = t_job(h, s->type, s->type == JT_NOOP ? "{}" : NULL, 5);
	struct t_tally was = t_tally(h), want = was;
	struct job j;

	t_break(h, kind, n, false);
	work_through(h, id, s->before_end);
	bool fired = t_mend(h);
	struct t_tally is = t_tally(h);
	want.post += s->posts;
	want.event += s->events;
	want.reserved -= 5;
	t_get_job(h, id, &j);
	CHECK_INT(j.status, ==, s->status);
	CHECK_INT(j.attempts, >=, 1);
	if (s->before_end != NULL)
		want.post = 0, want.kept = is.kept;
	if (!t_same(&is, &want))
		t_fail(__FILE__, __LINE__, "kind %d, fault %d: %lld posts, %lld events, %lld reserved", (int)kind, n, (long long)(is.post - was.post),
		    (long long)(is.event - was.event), (long long)(is.reserved - was.reserved));
	return fired;
}

static void
fault_loop(struct t_db *t, const struct story *s, int least)
{
	static const enum db_fault_kind kinds[] = { DB_FAULT_CALL, DB_FAULT_COMMIT_BEFORE, DB_FAULT_COMMIT_AFTER };
	struct t_house h;

	t_house_open(&h, t, T_FAULTS, "");
	for (size_t k = 0; k < COUNT(kinds); k++) {
		int n = 1;
		while (n < 100 && with_fault(&h, s, kinds[k], n))
			n++;
		CHECK_INT(n, >, kinds[k] == DB_FAULT_CALL ? least : 2);
		CHECK_INT(n, <, 100);
	}
	t_house_close(&h);
}

DB_TEST(a_generation_ends_once_whatever_breaks)
{
	static const struct story s = { JT_POST_GENERATION, JS_DONE, 1, 2, NULL };
	fault_loop(t, &s, 14);
}

DB_TEST(a_noop_ends_once_whatever_breaks)
{
	static const struct story s = { JT_NOOP, JS_DONE, 0, 1, NULL };
	fault_loop(t, &s, 10);
}

DB_TEST(events_of_a_job_are_one_of_each_kind)
{
	struct t_house h;

	t_house_open(&h, t, 0, "");
	work_through(&h, t_job(&h, JT_POST_GENERATION, NULL, 0), NULL);
	CHECK_INT(t_count(&h, "event WHERE type = 'post.created'"), ==, 1);
	CHECK_INT(t_count(&h, "event WHERE type = 'job.completed'"), ==, 1);
	CHECK_INT(t_count(&h, "post WHERE job IS NOT NULL AND status = 'draft'"), ==, 1);
	t_house_close(&h);
}

/* The project goes between the writing and the end of the job: its transaction changes its mind, at each try anew. */
DB_TEST(a_project_that_goes_meanwhile_fails_the_job_once)
{
	static const struct story s = { JT_POST_GENERATION, JS_FAILED, 0, 1, project_goes };
	struct t_house h;
	struct job j;

	for (int n = 1; n < 20; n++) {
		t_house_open(&h, t, T_FAULTS, "");
		bool fired = with_fault(&h, &s, DB_FAULT_CALL, n);
		CHECK_INT(t_count(&h, "event WHERE type = 'job.failed'"), ==, 1);
		CHECK_INT(t_count(&h, "job WHERE error_code = 'project_gone'"), ==, 1);
		t_house_close(&h);
		t_db_script(t, "DELETE FROM job; DELETE FROM event; DELETE FROM spend; DELETE FROM workspace");
		if (!fired)
			break;
	}
	t_house_open(&h, t, 0, "");
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 0);
	project_goes(&h);
	work_through(&h, id, NULL);		/* gone before the writing: nothing is written at all */
	t_get_job(&h, id, &j);
	CHECK_STR(j.error_code, S("project_gone"));
	t_house_close(&h);
}

/* --- the fence --- */

static void
take(struct t_house *h, struct run *r)
{
	struct error e;
	bool took = false;

	t_run_init(h, r);
	CHECK_OK(e, t_step(h, r, &took, &e));
	CHECK(took);
	if (took)
		r->kind->run(r);
}

static enum err
finish(struct t_house *h, struct run *r)
{
	struct error e;
	bool took;
	enum err code = t_step(h, r, &took, &e);

	if (code == OK)
		CHECK(!took);
	return code;
}

DB_TEST(a_paused_worker_cannot_end_a_job_that_was_given_back)
{
	struct t_house h;
	struct run paused, other;
	struct job j;

	t_house_open(&h, t, 0, "lease=1000");
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 0);
	take(&h, &paused);
	CHECK_INT(give_back(&h), ==, 0);		/* its lease is good */
	t_move(&h, 1001);
	CHECK_INT(give_back(&h), ==, 1);
	CHECK_ERR(finish(&h, &paused), E_CONFLICT);	/* while it waits */
	take(&h, &other);
	CHECK_ERR(finish(&h, &paused), E_CONFLICT);	/* while the other one runs it */
	CHECK_ERR(finish(&h, &other), OK);
	CHECK_ERR(finish(&h, &paused), E_CONFLICT);	/* when it is done */
	drop(&h, &paused);
	t_get_job(&h, id, &j);
	CHECK_INT(j.status, ==, JS_DONE);
	CHECK_INT(j.attempts, ==, 2);
	CHECK_INT(t_count(&h, "post"), ==, 1);
	CHECK_INT(t_count(&h, "event"), ==, 2);
	CHECK_INT(running(&h), ==, 0);
	t_run_free(&paused);
	t_run_free(&other);
	t_house_close(&h);
}

/* Two that hold a job have names of their own, so that one's sign of life is not the other's. */
DB_TEST(a_sign_of_life_is_for_what_runs_here_only)
{
	struct t_house h;
	struct run kept, lost;
	ulid held[HANDS_MAX];

	t_house_open(&h, t, 0, "lease=1000");
	t_job(&h, JT_NOOP, "{}", 0);
	t_job(&h, JT_NOOP, "{}", 0);
	take(&h, &kept);
	take(&h, &lost);
	CHECK_INT(board_held(h.work->board, held), ==, 2);
	CHECK(memcmp(held[0].s, held[1].s, 26) != 0);
	drop(&h, &lost);
	CHECK_INT(board_held(h.work->board, held), ==, 1);
	CHECK_STR(((str){ held[0].s, 26 }), kept.task.worker);
	CHECK_ERR(finish(&h, &kept), OK);
	t_run_free(&kept);
	t_run_free(&lost);
	t_house_close(&h);
}

DB_TEST(a_commit_whose_answer_is_lost_wakes_who_waits)
{
	struct t_house h;
	struct run r;
	struct work_stats st;

	t_house_open(&h, t, T_FAULTS, "");
	t_job(&h, JT_NOOP, "{}", 0);
	take(&h, &r);
	t_break(&h, DB_FAULT_COMMIT_AFTER, 1, false);
	CHECK_ERR(finish(&h, &r), OK);
	CHECK(t_mend(&h));
	board_stats(h.work->board, &st);
	CHECK_INT(st.ended[JT_NOOP][JS_DONE], ==, 1);
	CHECK_INT(st.running, ==, 0);
	CHECK_INT(st.lost, ==, 0);
	t_run_free(&r);
	t_house_close(&h);
}

DB_TEST(lost_leases_have_an_end_and_give_the_reservation_back)
{
	struct t_house h;
	struct run r;
	struct job j;

	t_house_open(&h, t, 0, "lease=1000 job_lost_leases=3 job_attempts=1");
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 5);
	for (int i = 1; i <= 3; i++) {
		take(&h, &r);
		drop(&h, &r);
		t_run_free(&r);
		t_move(&h, 1001);
		CHECK_INT(give_back(&h), ==, 1);
		t_get_job(&h, id, &j);
		CHECK_INT(j.status, ==, i < 3 ? JS_QUEUED : JS_FAILED);
		CHECK_INT(j.attempts, ==, i);
	}
	CHECK_STR(j.error_code, S("attempts_exhausted"));
	CHECK_INT(t_tally(&h).reserved, ==, 0);
	CHECK_INT(t_count(&h, "event WHERE type = 'job.failed'"), ==, 1);
	CHECK_INT(give_back(&h), ==, 0);
	t_house_close(&h);
}

/* --- retries --- */

static void
open_provider(struct t_house *h, struct t_db *t, const char *behaviour, const char *more)
{
	static int model;		/* the provider counts by path and model */
	char sets[300];

	snprintf(sets, sizeof(sets), "writer=openai openai_url=http://127.0.0.1:%d/%s/v1 openai_model=m%d %s", provider_port(), behaviour,
	    ++model, more);
	t_house_open(h, t, 0, sets);
}

/* One start that the provider fails; then it waits exactly `pause` ms. */
static void
one_start(struct t_house *h, job_id id, int start, int64_t pause)
{
	struct error e;
	struct run r;
	struct job j;
	bool took;

	take(h, &r);
	CHECK_ERR(finish(h, &r), OK);
	t_get_job(h, id, &j);
	CHECK_INT(j.status, ==, JS_QUEUED);
	CHECK_INT(j.attempts, ==, start);
	t_move(h, pause - 1);
	CHECK_OK(e, t_step(h, &r, &took, &e));
	CHECK(!took);
	t_move(h, 1);
	t_run_free(&r);
}

DB_TEST(a_provider_that_fails_is_tried_again_after_the_backoff)
{
	struct t_house h;
	struct job j;

	open_provider(&h, t, "status-500", "job_attempts=3 job_backoff=2000");
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 5);
	one_start(&h, id, 1, 2000);
	one_start(&h, id, 2, 10000);
	CHECK_INT(t_tally(&h).reserved, ==, 5);		/* it may still cost that */
	work_through(&h, id, NULL);
	t_get_job(&h, id, &j);
	CHECK_INT(j.status, ==, JS_FAILED);
	CHECK_INT(j.attempts, ==, 3);
	CHECK_STR(j.error_code, S("provider_unavailable"));
	CHECK_INT(t_count(&h, "event WHERE type = 'job.failed'"), ==, 1);
	CHECK_INT(t_count(&h, "event"), ==, 1);
	CHECK_INT(t_tally(&h).reserved, ==, 0);
	t_house_close(&h);
}

DB_TEST(the_backoff_is_a_day_at_the_most)
{
	struct t_house h;

	open_provider(&h, t, "status-500", "job_attempts=100 job_backoff=3600000");
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 0);
	one_start(&h, id, 1, 3600000);
	one_start(&h, id, 2, 5 * 3600000);
	for (int i = 3; i < 32; i++)		/* 5^27 is more than an int64_t holds */
		one_start(&h, id, i, DAY_MS);
	t_house_close(&h);
}

DB_TEST(a_provider_that_names_a_pause_gets_it)
{
	struct t_house h;

	open_provider(&h, t, "busy-60", "job_attempts=2 job_backoff=2000");
	one_start(&h, t_job(&h, JT_POST_GENERATION, NULL, 0), 1, 60000);
	t_house_close(&h);
}

DB_TEST(what_is_refused_is_not_tried_again)
{
	struct t_house h;
	struct job j;

	open_provider(&h, t, "status-401", "job_attempts=3");
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 0);
	work_through(&h, id, NULL);
	t_get_job(&h, id, &j);
	CHECK_INT(j.status, ==, JS_FAILED);
	CHECK_INT(j.attempts, ==, 1);
	CHECK_STR(j.error_code, S("provider_rejected"));
	t_house_close(&h);
}

/* A lost lease counts as a start, but not as one that the provider failed. */
DB_TEST(a_lost_lease_does_not_use_up_an_attempt)
{
	struct t_house h;
	struct run r;
	struct job j;

	open_provider(&h, t, "flaky-1", "job_attempts=2 job_backoff=2000 lease=1000");
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 0);
	for (int i = 0; i < 3; i++) {
		struct error e;
		bool took;
		t_run_init(&h, &r);
		CHECK_OK(e, t_step(&h, &r, &took, &e));
		drop(&h, &r);
		t_run_free(&r);
		t_move(&h, 1001);
		CHECK_INT(give_back(&h), ==, 1);
	}
	one_start(&h, id, 4, 2000);
	work_through(&h, id, NULL);
	t_get_job(&h, id, &j);
	CHECK_INT(j.status, ==, JS_DONE);
	CHECK_INT(j.attempts, ==, 5);
	t_house_close(&h);
}

DB_TEST(what_a_generation_cost_is_booked)
{
	struct t_house h;

	open_provider(&h, t, "normal", "openai_price_in=1000 openai_price_out=2000");
	job_id id = t_job(&h, JT_POST_GENERATION, NULL, 5);
	work_through(&h, id, NULL);
	struct t_tally is = t_tally(&h);
	CHECK_INT(is.reserved, ==, 0);
	CHECK_INT(is.spent, ==, 321 * 1000 + 123 * 2000);	/* millionths of a cent */
	CHECK_INT(t_count(&h, "job WHERE receipt LIKE '%\"tokensIn\":321%'"), ==, 1);
	t_house_close(&h);
}

/* --- what cannot run --- */

DB_TEST(an_input_that_cannot_be_read_fails_with_words)
{
	struct t_house h;
	struct job j;

	t_house_open(&h, t, 0, "");
	job_id id = t_job(&h, JT_POST_GENERATION, "{\"text\":", 0);
	work_through(&h, id, NULL);
	t_get_job(&h, id, &j);
	CHECK_INT(j.status, ==, JS_FAILED);
	CHECK_STR(j.error_code, S("internal_error"));
	CHECK_STR(j.error_message, S("The input of the job cannot be read. Submit it again."));	/* what broke is for the log */
	id = t_job(&h, JT_POST_GENERATION, "{\"noteId\":\"note_01J9ZAB12CD34E56F7G8H9JKMN\"}", 0);
	work_through(&h, id, NULL);			/* the note is gone: there is no text */
	t_get_job(&h, id, &j);
	CHECK_STR(j.error_code, S("empty_text"));
	id = t_job(&h, JT_POST_GENERATION, "{\"sourceId\":\"src_01J9ZAB12CD34E56F7G8H9JKMN\"}", 0);
	work_through(&h, id, NULL);
	t_get_job(&h, id, &j);
	CHECK_STR(j.error_code, S("source_gone"));
	t_house_close(&h);
}

/* --- long sources --- */

struct put_source { struct source s; str text; workspace_id w; };

static enum err
put_source(void *ctx, struct db *db, struct error *e)
{
	const struct put_source *p = ctx;
	return source_insert(db, p->w, &p->s, p->text, STR_NONE, e);
}

/* A source made of `n` times `one`; how much of it a generation says it has read. */
static int64_t
read_of(struct t_house *h, const char *one, int n)
{
	struct put_source p = { .w = h->ws };
	struct buf b;
	struct job j;

	buf_init(&b, &h->a, 8 << 20);
	for (int i = 0; i < n; i++)
		buf_add(&b, str_z(one));
	rec_init(&source_rec, &p.s);
	p.s.id = (source_id){ sys_ulid(&h->clock.c) };
	p.s.project = h->project;
	p.s.status = SS_DONE;
	p.s.preview = source_preview(buf_str(&b));
	p.text = buf_str(&b);
	t_write(h, put_source, &p);
	job_id id = t_job(h, JT_POST_GENERATION, str_fmt(&h->a, "{\"sourceId\":\"src_%s\"}", p.s.id.u.s).p, 0);
	work_through(h, id, NULL);
	t_get_job(h, id, &j);
	CHECK_INT(j.status, ==, JS_DONE);
	CHECK_INT(t_count(h, str_fmt(&h->a, "job WHERE receipt LIKE '%%\"sourceBytes\":%zu,%%'", b.n).p), >=, 1);
	for (int64_t read = 400000; read > 395000; read--)
		if (b.n > 400000 && t_count(h, str_fmt(&h->a, "job WHERE id = '%s' AND receipt LIKE '%%\"readBytes\":%lld,%%'", id.u.s, (long long)read).p) == 1)
			return read;
	return (int64_t)b.n;
}

DB_TEST(a_long_source_is_read_to_the_end_of_a_sentence)
{
	struct t_house h;

	t_house_open(&h, t, 0, "");
	CHECK_INT(read_of(&h, "We shipped it on Friday. ", 10), ==, 250);
	CHECK_INT(read_of(&h, "We shipped it on Friday. ", 16000), ==, 400000);
	CHECK_INT(read_of(&h, "We shipped it on Friday. ", 40000), ==, 399999);
	CHECK_INT(read_of(&h, "語", 200000), ==, 399999);
	t_house_close(&h);
}
