#include "model/source.h"
#include "t_work.h"

#define TEXT	"Last week we moved our onboarding to a single page. Support tickets fell by half within the first month. The biggest change was small: we " \
	"removed the second form. Nobody missed it. Teams that measured before they built saved the most time."

struct put_source { struct source s; workspace_id w; };

static enum err
put_source(void *ctx, struct db *db, struct error *e)
{
	const struct put_source *p = ctx;
	return source_insert(db, p->w, &p->s, S(TEXT), STR_NONE, e);
}

/* A source, and a job that is to find its topics. */
static job_id
put(struct t_house *h, bool unpaid, int64_t reserved)
{
	struct put_source p = { .w = h->ws };

	rec_init(&source_rec, &p.s);
	p.s.id = (source_id){ sys_ulid(&h->clock.c) };
	p.s.project = h->project;
	p.s.status = SS_DONE;
	p.s.preview = S(TEXT);
	p.s.has_text = true;
	t_write(h, put_source, &p);
	return t_job(h, JT_SOURCE_ANALYSE, str_dup(&h->a, analysing_input(&h->a, p.s.id, unpaid)).p, reserved);
}

static int64_t left(struct t_house *h, job_id id) { return t_count(h, str_fmt(&h->a, "job WHERE id = '%s'", id.u.s).p); }

/* Steps until the job is gone, over breakdowns of the database and backoffs; how many starts it took. */
static int
work_through(struct t_house *h, job_id id)
{
	struct run r;
	struct error e;
	int starts = 0, i;
	bool took;

	t_run_init(h, &r);
	for (i = 0; i < 50 && left(h, id) > 0; i++) {
		enum err code = t_step(h, &r, &took, &e);
		if (code == E_CONFLICT) {
			board_dropped(h->work->board, &r.task);
			t_run_free(&r);
			t_run_init(h, &r);
		} else if (code == OK && took) {
			r.kind->run(&r);
			starts++;
		} else if (code == OK) {
			int n;
			t_move(h, 600000);
			(void)!step_lost(h->work, t_now(h), &n, &e);
		}
	}
	CHECK_INT(i, <, 50);
	t_run_free(&r);
	return starts;
}

DB_TEST(topics_are_found_once_whatever_breaks)
{
	static const enum db_fault_kind kinds[] = { DB_FAULT_CALL, DB_FAULT_COMMIT_BEFORE, DB_FAULT_COMMIT_AFTER };
	struct t_house h;
	int64_t sources = 0, events;

	t_house_open(&h, t, T_FAULTS, "");
	events = t_count(&h, "event");
	for (size_t k = 0; k < COUNT(kinds); k++) {
		bool fired = true;
		int n;
		for (n = 1; n < 100 && fired; n++) {
			job_id id = put(&h, false, 5);
			t_break(&h, kinds[k], n, false);
			work_through(&h, id);
			fired = t_mend(&h);
			sources++;
			CHECK_INT(t_count(&h, "source_topic WHERE ranking = 1"), ==, sources);
			CHECK_INT(t_count(&h, "source WHERE updated_at IS NOT NULL"), ==, sources);
			CHECK_INT(t_tally(&h).reserved, ==, 0);
		}
		CHECK_INT(n, >, kinds[k] == DB_FAULT_CALL ? 10 : 2);
		CHECK_INT(n, <, 100);
	}
	CHECK_INT(t_count(&h, "event WHERE type = 'source.updated'"), ==, sources);
	CHECK_INT(t_count(&h, "event"), ==, events + sources);		/* nobody is told of such a job */
	CHECK_INT(t_count(&h, "source_hook"), >=, 3 * sources);
	t_house_close(&h);
}

DB_TEST(what_cannot_be_read_goes_without_a_trace)
{
	struct t_house h;

	t_house_open(&h, t, 0, "");
	work_through(&h, t_job(&h, JT_SOURCE_ANALYSE, "{\"sourceId\":", 0));
	work_through(&h, t_job(&h, JT_SOURCE_ANALYSE, "{\"sourceId\":\"src_01J9ZAB12CD34E56F7G8H9JKMN\"}", 0));
	CHECK_INT(t_count(&h, "event"), ==, 0);
	CHECK_INT(t_count(&h, "source_topic"), ==, 0);
	t_house_close(&h);
}

DB_TEST(where_no_provider_answers_ours_stand_after_the_last_start)
{
	struct t_house h;

	t_house_open(&h, t, 0, "analyser=openai openai_url=http://127.0.0.1:1/v1 openai_price_in=1000 job_attempts=3");
	CHECK_INT(work_through(&h, put(&h, false, 5)), ==, 3);
	CHECK_INT(t_count(&h, "source_topic WHERE ranking = 1"), ==, 1);
	CHECK_INT(work_through(&h, put(&h, true, 0)), ==, 1);		/* unpaid: none is asked */
	CHECK_INT(t_count(&h, "source_topic WHERE ranking = 1"), ==, 2);
	CHECK_INT(t_tally(&h).reserved, ==, 0);
	t_house_close(&h);
}

DB_TEST(an_analyser_that_was_turned_off_meanwhile_finds_nothing)
{
	struct t_house h;

	t_house_open(&h, t, 0, "analyser=off");
	CHECK_INT(work_through(&h, put(&h, false, 0)), ==, 1);
	CHECK_INT(t_count(&h, "source_topic"), ==, 0);
	CHECK_INT(t_count(&h, "source WHERE updated_at IS NOT NULL"), ==, 0);
	t_house_close(&h);
}
