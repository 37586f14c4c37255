/* usage -- what a workspace used, by UTC day: requests counted exactly, jobs and spend as the database has them. */
#include "api/journal.h"
#include "model/request.h"
#include "model/job.h"

#define DAYS_DEFAULT	30
#define DAYS_MOST	366
#define JOBS_MOST	10000
#define DAY_FIRST	INT64_C(-719528)	/* of the year 0: the first that can be written */

struct usage_query { int64_t from, to; };
struct used_day { str date; int64_t requests, writes, errors, spent; };
struct used_jobs { int type, status; int64_t count; };
struct used { str from, to; int64_t requests, writes, errors; struct rec_list days, jobs; struct spend_state spend; };

static enum err
check_query(const void *v, struct error *e)
{
	const struct usage_query *q = v;

	if (q->from == TIME_NONE || q->to == TIME_NONE || q->to - q->from <= DAYS_MOST * DAY_MS)
		return OK;
	return fail(e, E_INVALID_REQUEST, "dateFrom", "'dateFrom' and 'dateTo' may be %d days apart: ask for a shorter range.", DAYS_MOST);
}

static const struct field query_fields[] = {
	F_FROM(usage_query, from, "dateFrom", "The first UTC day; 29 days before the last one when left out"),
	F_TO  (usage_query, to, "dateTo", "The last UTC day; today when left out. At most 366 days are told at once"),
};
const struct rec usage_query_rec = REC_CHECKED(usage_query, query_fields, check_query, "A range of days");
static const struct field day_fields[] = {
	F_STR(used_day, date, "date", NULL, 0, 0, 0, "The UTC day", "2026-08-01"),
	F_I64(used_day, requests, "requests", NULL, 0, 0, INT64_MAX, "Requests", "1200"),
	F_I64(used_day, writes, "writes", NULL, 0, 0, INT64_MAX, "Of these, writes", "200"),
	F_I64(used_day, errors, "errors", NULL, 0, 0, INT64_MAX, "Of these, answered with 4xx or 5xx", "3"),
	F_I64(used_day, spent, "spentCents", NULL, 0, 0, INT64_MAX, "AI spend, rounded up", "12"),
};
static const struct rec day_rec = REC_NAMED(used_day, "usage_day", day_fields, "What was used on a day");
static const struct field job_fields[] = {
	F_WORD(used_jobs, type, "type", NULL, 0, &job_seen_words, "Type of job", "POST_GENERATION"),
	F_WORD(used_jobs, status, "status", NULL, 0, &job_status_words, "Its state now", "DONE"),
	F_I64 (used_jobs, count, "count", NULL, 0, 1, JOBS_MOST, "How many that were submitted in the range; 10,000 stands for that many or more", "40"),
};
static const struct rec jobs_rec = REC_NAMED(used_jobs, "usage_jobs", job_fields, "Jobs of a type in a state");
static const struct field fields[] = {
	F_STR (used, from, "dateFrom", NULL, 0, 0, 0, "The first day", "2026-08-01"),
	F_STR (used, to, "dateTo", NULL, 0, 0, 0, "The last day", "2026-08-01"),
	F_I64 (used, requests, "requests", NULL, 0, 0, INT64_MAX, "Requests in the range", "1200"),
	F_I64 (used, writes, "writes", NULL, 0, 0, INT64_MAX, "Of these, writes", "200"),
	F_I64 (used, errors, "errors", NULL, 0, 0, INT64_MAX, "Of these, answered with 4xx or 5xx", "3"),
	F_LIST(used, days, "days", 0, &day_rec, "Every day of the range, the oldest first"),
	F_LIST(used, jobs, "jobs", 0, &jobs_rec, "Jobs that were submitted in the range; finished ones are kept 30 days unless this server is set up otherwise"),
	F_REC (used, spend, struct spend_state, "spend", NULL, 0, &spend_state_rec, "AI spend of today"),
};
const struct rec usage_rec = REC_NAMED(used, "usage", fields, "What the workspace used. Requests are counted exactly, and written a second later at most");

struct range { int64_t first, last; };	/* days since 1970; last < first: none */

static int64_t day_of(int64_t ms) { return time_day(ms) / DAY_MS; }

static struct range
range_of(const struct usage_query *q, int64_t now)
{
	int64_t last = day_of(q->to != TIME_NONE ? q->to - 1 : MAX(now, q->from));

	return (struct range){ q->from != TIME_NONE ? day_of(q->from) : MAX(last - DAYS_DEFAULT + 1, DAY_FIRST), last };
}

static str
date_of(struct rq *rq, int64_t day)
{
	char text[TIME_LEN];

	time_write(text, day * DAY_MS);
	return str_dup(rq->a, (str){ text, 10 });
}

static enum err
count_days(struct rq *rq, const struct range *g, struct rows *days, struct rows *spends, struct used *u)
{
	int n = (int)MAX(g->last - g->first + 1, 0), found = 0, spent = 0;
	struct used_day *d = NEW_N(rq->a, struct used_day, n + 1);
	struct usage_day *had = NEW_N(rq->a, struct usage_day, n + 1);
	struct spend_day *spend = NEW_N(rq->a, struct spend_day, n + 1);
	struct spend_sum today = { 0 };
	enum err code = usage_days(days, n, had, &found, &rq->err);

	TRY(spend_days(spends, n, spend, &spent, &today, &rq->err));
	TRY(code);
	u->spend = spend_state_of(rq, rq->now, &today);
	for (int i = 0; i < n; i++)
		d[i].date = date_of(rq, g->first + i);
	for (int i = 0; i < spent; i++)
		d[spend[i].day - g->first].spent = spend[i].sum.spent_cents;
	for (int i = 0; i < found; i++) {
		struct used_day *at = &d[had[i].day - g->first];
		u->requests += at->requests = had[i].n.requests;
		u->writes += at->writes = had[i].n.writes;
		u->errors += at->errors = had[i].n.errors;
	}
	u->days = (struct rec_list){ d, n };
	return OK;
}

static enum err
count_jobs(struct rq *rq, const struct range *g, struct used *u)
{
	struct used_jobs *j = NEW_N(rq->a, struct used_jobs, JT_SHOWN * JS_COUNT);
	int64_t count[JT_SHOWN][JS_COUNT] = { { 0 } };
	int n = 0;

	TRY(job_count_between(rq->db, rq->who.workspace, g->first * DAY_MS, (g->last + 1) * DAY_MS, JOBS_MOST, count, &rq->err));
	for (int t = 0; t < JT_SHOWN; t++)
		for (int s = 0; s < JS_COUNT; s++)
			if (count[t][s] > 0)
				j[n++] = (struct used_jobs){ t, s, count[t][s] };
	u->jobs = (struct rec_list){ j, n };
	return OK;
}

enum err
usage_get(struct rq *rq)
{
	struct range g = range_of(IN(rq, usage_query), rq->now);
	struct rows days, spends;
	struct used u;

	if (g.last - g.first >= DAYS_MOST)
		return fail(&rq->err, E_INVALID_REQUEST, "dateFrom", "'dateFrom' lies more than %d days back: give 'dateTo' too.", DAYS_MOST);
	rec_init(&usage_rec, &u);
	u.from = date_of(rq, g.first);
	u.to = date_of(rq, g.last);
	/* asked at once, and heard to the end each */
	TRY(usage_ask(rq->db, rq->who.workspace, g.first, g.last, DAYS_MOST, &days, &rq->err));
	TRY(spend_ask(rq->db, rq->who.workspace, g.first, g.last, rq->now, &spends, &rq->err));
	enum err code = count_jobs(rq, &g, &u);
	TRY(count_days(rq, &g, &days, &spends, &u));
	TRY(code);
	return reply(rq, &usage_rec, &u);
}
