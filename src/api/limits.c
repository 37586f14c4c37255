/* limits -- how much is left: of the rates, and of the day's spend on AI.  Free of charge, so it must cost next to nothing:
 * rates are in memory, and the spend of a workspace is read once a second at the most. */
#include "api/journal.h"

#define SPEND_US	INT64_C(1000000)

struct rate_operation { str name, method, path; };
struct rate_limit { str name; int64_t limit, remaining, reset_s, window_s; struct rec_list operations; };
struct rate_limits { struct rec_list buckets; struct spend_state spend; };

static const struct field operation_fields[] = {
	F_STR(rate_operation, name, "operation", NULL, 0, 0, 0, "Its name in this document", "create_note"),
	F_STR(rate_operation, method, "method", NULL, 0, 0, 0, "HTTP method", "POST"),
	F_STR(rate_operation, path, "path", NULL, 0, 0, 0, "Template of its path", "/v1/notes"),
};
static const struct rec operation_rec = REC(rate_operation, operation_fields, "An operation that a bucket counts");
static const struct field bucket_fields[] = {
	F_STR (rate_limit, name, "name", NULL, 0, 0, 0, "The bucket", "read"),
	F_I64 (rate_limit, limit, "limit", NULL, F_NULL, 0, INT64_MAX, "Requests in any window; null: unlimited", "120"),
	F_I64 (rate_limit, remaining, "remaining", NULL, F_NULL, 0, INT64_MAX, "Requests left; null: unlimited", "119"),
	F_I64 (rate_limit, reset_s, "resetSeconds", NULL, 0, 0, 60, "Seconds until the oldest counted request leaves the window", "60"),
	F_I64 (rate_limit, window_s, "windowSeconds", NULL, 0, 0, 60, "Length of the window", "60"),
	F_LIST(rate_limit, operations, "operations", 0, &operation_rec, "What it counts"),
};
static const struct rec bucket_rec = REC(rate_limit, bucket_fields, "A bucket of the rate limits, of the whole workspace");
static const struct field spend_fields[] = {
	F_I64 (spend_state, spent, "spentCents", NULL, 0, 0, INT64_MAX, "Spent today, rounded up", "120"),
	F_I64 (spend_state, cap, "capCents", NULL, F_NULL, 0, INT64_MAX, "Cap of the plan; null: unlimited", "500"),
	F_I64 (spend_state, reserved, "reservedCents", NULL, 0, 0, INT64_MAX, "Reserved for jobs that have not ended", "5"),
	F_TIME(spend_state, resets_at, "resetsAt", NULL, 0, "When the next day begins"),
};
const struct rec spend_state_rec = REC_NAMED(spend_state, "spend", spend_fields, "AI spend of the UTC day");
static const struct field fields[] = {
	F_LIST(rate_limits, buckets, "buckets", 0, &bucket_rec, "Every bucket"),
	F_REC (rate_limits, spend, struct spend_state, "spend", NULL, 0, &spend_state_rec, "AI spend of the UTC day"),
};
const struct rec rate_limits_rec = REC(rate_limits, fields, "What is left of the limits of the workspace");

static struct rec_list
operations_of(struct rq *rq, enum bucket b)
{
	struct rate_operation *o = NEW_N(rq->a, struct rate_operation, nops);
	int n = 0;

	for (int i = 0; i < nops; i++)
		if (ops[i].bucket == b && (!(ops[i].flags & OP_BENCH) || rq->conf->bench))
			o[n++] = (struct rate_operation){ str_z(ops[i].name), str_z(method_names[ops[i].method]), str_z(ops[i].path) };
	return (struct rec_list){ o, n };
}

/* --- how the buckets stand: other nodes may have to be asked --- */

struct bucket_question { struct limit_ask q; struct standing *all; };
struct standing { struct exchange *x; _Atomic int open; struct bucket_question of[BUCKET_COUNT]; };

static void
one_told(struct limit_ask *q)
{
	struct standing *s = ((struct bucket_question *)q)->all;

	if (atomic_fetch_sub(&s->open, 1) == 1)
		front_wake(s->x);
}

/* One is open as long as we still ask, so that who answers in between does not wake. */
bool
standing_ask(struct rq *rq)
{
	struct standing *s = rq->standing = NEW(rq->a, struct standing);

	s->x = rq->x;
	s->open = 1;
	for (enum bucket b = 0; b < BUCKET_COUNT; b++) {
		if (buckets[b].limit == 0)
			continue;
		bucket_ask(rq, b, &s->of[b].q);
		s->of[b].q.done = one_told;
		s->of[b].all = s;
		atomic_fetch_add(&s->open, 1);
		if (limits_ask(rq->api->c.limits, &s->of[b].q))
			atomic_fetch_sub(&s->open, 1);
	}
	return atomic_fetch_sub(&s->open, 1) == 1;
}

static struct rate_limit
state_of(struct rq *rq, enum bucket b)
{
	struct limit_state st = rq->standing->of[b].q.st;

	return (struct rate_limit){ .name = str_z(buckets[b].name), .limit = st.limit > 0 ? st.limit : INT_NONE,
	    .remaining = st.limit > 0 ? st.remaining : INT_NONE, .reset_s = st.reset_s, .window_s = LIMIT_WINDOW_MS / 1000,
	    .operations = operations_of(rq, b) };
}

struct spend_state
spend_state_of(const struct rq *rq, int64_t now, const struct spend_sum *sum)
{
	struct workspace w = { .id = rq->who.workspace, .plan = rq->who.plan };
	int64_t cap = workspace_cap_cents(&w);

	return (struct spend_state){ cap != CAP_NONE ? cap : INT_NONE, sum->spent_cents, sum->reserved_cents, time_day(now) + DAY_MS };
}

static enum err
spend_now(struct rq *rq, struct spend_state *ret)
{
	int64_t now = sys_wall_ms(rq->api->c.clock), us = sys_mono_us(rq->api->c.clock);
	struct spend_sum sum = { 0 };

	if (!tally_spend(rq->api->tallies, &rq->who, now / DAY_MS, us - SPEND_US, &sum)) {
		if (rq->db == NULL)
			return fail(&rq->err, E_NEED_DB, NULL, "cold");
		TRY(spend_of_day(rq->db, rq->who.workspace, now, &sum, &rq->err));
		tally_keep_spend(rq->api->tallies, &rq->who, now / DAY_MS, us, &sum);
	}
	*ret = spend_state_of(rq, now, &sum);
	return OK;
}

enum err
rate_limits_get(struct rq *rq)
{
	struct rate_limit *b = NEW_N(rq->a, struct rate_limit, BUCKET_COUNT);
	struct rate_limits all = { .buckets = { b, 0 } };

	if (rq->standing == NULL && !standing_ask(rq))
		return E_NEED_OTHERS;
	TRY(spend_now(rq, &all.spend));
	for (enum bucket i = 0; i < BUCKET_COUNT; i++)
		if (buckets[i].limit != 0)
			b[all.buckets.n++] = state_of(rq, i);
	return reply(rq, &rate_limits_rec, &all);
}
