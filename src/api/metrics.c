/* metrics -- counters of requests, and the page that Prometheus reads. */
#include "api/journal.h"
#include "kv/seen.h"
#include <stdlib.h>

/* The statuses an operation can answer with, by place in op_stats.status. */
static const int statuses[] = { 200, 204, 304, 400, 401, 402, 403, 404, 405, 409, 412, 413, 415, 422, 429, 500, 503 };

static int
place(int status)
{
	for (int i = 0; i < (int)COUNT(statuses); i++)
		if (statuses[i] == status)
			return i;
	return (int)COUNT(statuses);		/* any other */
}
_Static_assert(COUNT(statuses) < COUNT(((struct op_stats *)0)->status), "op_stats.status is too small");

#define BIN_US(i)	(INT64_C(16) << (i))

void
metrics_count(struct api *api, const struct op *op, int status, int64_t us, int trips)
{
	struct op_stats *s = &api->stats[op != NULL ? op - ops : nops];
	int bin = 0;

	while (bin < API_BINS - 1 && us > BIN_US(bin))
		bin++;
	atomic_fetch_add_explicit(&s->status[place(status)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->bins[bin], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->us, us, memory_order_relaxed);
	if (trips != 0)
		atomic_fetch_add_explicit(&s->trips, trips, memory_order_relaxed);
}

/* The current version is what is left: only who must move is counted. */
void
metrics_older(struct api *api, const struct version *v)
{
	atomic_fetch_add_explicit(&api->of_version[v - versions], 1, memory_order_relaxed);
}

static void
family(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_fmt(b, "# HELP scriped_%s %s\n# TYPE scriped_%s %s\n", name, help, name, type);
}

static void
gauge(struct buf *b, const char *name, const char *type, const char *help, int64_t v)
{
	family(b, name, type, help);
	buf_fmt(b, "scriped_%s %lld\n", name, (long long)v);
}

static const char *op_name(int i) { return i < nops ? ops[i].name : "none"; }

static void
requests(struct api *api, struct buf *b)
{
	family(b, "requests_total", "counter", "Requests by operation and status.");
	for (int i = 0; i <= nops; i++)
		for (int k = 0; k <= (int)COUNT(statuses); k++) {
			int64_t n = atomic_load_explicit(&api->stats[i].status[k], memory_order_relaxed);
			if (n == 0)
				continue;
			buf_fmt(b, "scriped_requests_total{operation=\"%s\",status=\"", op_name(i));
			if (k < (int)COUNT(statuses))
				buf_i64(b, statuses[k]);
			else
				buf_add(b, S("other"));
			buf_fmt(b, "\"} %lld\n", (long long)n);
		}
}

static void
round_trips(struct api *api, struct buf *b)
{
	if (engine_embedded(api->c.engine))
		return;
	family(b, "request_round_trips_total", "counter", "Round trips to PostgreSQL that requests waited for, by operation.");
	for (int i = 0; i <= nops; i++) {
		int64_t n = atomic_load_explicit(&api->stats[i].trips, memory_order_relaxed);
		if (n != 0)
			buf_fmt(b, "scriped_request_round_trips_total{operation=\"%s\"} %lld\n", op_name(i), (long long)n);
	}
	gauge(b, "twins_waiting", "gauge", "Requests that wait for another one with the same idempotency key.", twins_parked(api->twins));
}

static void
older(struct api *api, struct buf *b)
{
	family(b, "older_version_requests_total", "counter", "Requests in a version of the API that is not the current one.");
	for (int i = 1; i < nversions; i++) {
		int64_t n = atomic_load_explicit(&api->of_version[i], memory_order_relaxed);
		if (n != 0)
			buf_fmt(b, "scriped_older_version_requests_total{version=\"%s\"} %lld\n", versions[i].date, (long long)n);
	}
}

static void
latencies(struct api *api, struct buf *b)
{
	family(b, "request_seconds", "histogram", "Time from the request line to the answer, by operation.");
	for (int i = 0; i <= nops; i++) {
		int64_t sum = 0;
		for (int k = 0; k < API_BINS; k++)
			sum += atomic_load_explicit(&api->stats[i].bins[k], memory_order_relaxed);
		if (sum == 0)
			continue;
		sum = 0;
		for (int k = 0; k < API_BINS; k++) {
			sum += atomic_load_explicit(&api->stats[i].bins[k], memory_order_relaxed);
			if (k < API_BINS - 1)
				buf_fmt(b, "scriped_request_seconds_bucket{operation=\"%s\",le=\"%.9g\"} %lld\n", op_name(i), (double)BIN_US(k) / 1e6, (long long)sum);
			else
				buf_fmt(b, "scriped_request_seconds_bucket{operation=\"%s\",le=\"+Inf\"} %lld\n", op_name(i), (long long)sum);
		}
		buf_fmt(b, "scriped_request_seconds_sum{operation=\"%s\"} %.6f\nscriped_request_seconds_count{operation=\"%s\"} %lld\n", op_name(i),
		    (double)atomic_load_explicit(&api->stats[i].us, memory_order_relaxed) / 1e6, op_name(i), (long long)sum);
	}
}

/* One histogram without labels: bins[i] counts up to 2^i units, the last one the rest. */
static void
histogram(struct buf *b, const char *name, const char *help, const int64_t *bins, int n, double unit, double sum)
{
	int64_t at = 0;

	family(b, name, "histogram", help);
	for (int i = 0; i < n; i++) {
		at += bins[i];
		if (i < n - 1)
			buf_fmt(b, "scriped_%s_bucket{le=\"%g\"} %lld\n", name, unit * (double)(1 << i), (long long)at);
		else
			buf_fmt(b, "scriped_%s_bucket{le=\"+Inf\"} %lld\n", name, (long long)at);
	}
	buf_fmt(b, "scriped_%s_sum %.6f\nscriped_%s_count %lld\n", name, sum, name, (long long)at);
}

static void
jobs(struct api *api, struct buf *b)
{
	struct work_stats w;

	work_stats(api->c.work, &w);
	gauge(b, "nodes", "gauge", "Processes that live on this database, this one included.", w.nodes);
	if (w.shared)
		gauge(b, "bus_up", "gauge", "Whether words of the other nodes arrive; without them all is a second later.", w.hears);
	gauge(b, "jobs_running", "gauge", "Jobs that run in this process.", w.running);
	gauge(b, "jobs_lost_total", "counter", "Jobs whose lease was lost.", w.lost);
	family(b, "jobs_total", "counter", "Ends of runs by type and the state after them.");
	for (int t = 0; t < JT_COUNT; t++)
		for (int s = 0; s < JS_COUNT; s++)
			if (w.ended[t][s] != 0)
				buf_fmt(b, "scriped_jobs_total{type=\"%s\",status=\"%s\"} %lld\n", job_type_words.v[t], job_status_words.v[s],
				    (long long)w.ended[t][s]);
	histogram(b, "job_seconds", "How long jobs took.", w.took, WORK_BINS, 1e-3, (double)w.took_ms / 1e3);
	histogram(b, "job_start_seconds", "From the submission of a job to its first start.", w.start, WORK_BINS, 1e-4, (double)w.start_us / 1e6);
}

enum err
api_count_run(void *counts, struct db *db, struct error *e)
{
	struct api_counts *c = counts;

	c->size = db->ops->size(db);
	enum err code = job_count(db, &c->jobs, e);
	c->known = code == OK;
	return code;
}

static enum err run_count(struct call *c, struct db *db, struct error *e) { return api_count_run(c, db, e); }

static void
counted(struct call *call, enum err code, const struct error *why)
{
	struct api_counts *c = (struct api_counts *)call;

	(void)why;
	c->known = code == OK;
	front_wake(c->x);
}

bool
api_count(struct api *api, struct exchange *x, struct api_counts *c)
{
	struct health_view v;
	struct db *db;
	struct error e;

	*c = (struct api_counts){ .call = { .run = run_count, .done = counted, .flags = CALL_READ | CALL_SLOW }, .x = x };
	health_look(api, &v);
	if (v.database.n != 0 || engine_reader(api->c.engine, &db, &e) != OK)
		return false;
	if (db != NULL) {
		(void)!api_count_run(c, db, &e);
		return false;
	}
	if (engine_submit(api->c.engine, &c->call, &e) != OK)
		return false;
	front_park(x);
	return true;
}

static void
replicas(struct api *api, struct buf *b, const struct engine_stats *st)
{
	struct seen_stats s;

	if (api->c.seen == NULL)
		return;
	seen_stats(api->c.seen, &s);
	gauge(b, "replica_open", "gauge", "Whether this node may read from replicas.", s.open);
	family(b, "replica_reads_total", "counter", "Statements and snapshots that read, by who answered; behind: a replica that could not, so that the primary did.");
	buf_fmt(b, "scriped_replica_reads_total{from=\"replica\"} %lld\n", (long long)st->of_replica);
	buf_fmt(b, "scriped_replica_reads_total{from=\"primary\"} %lld\n", (long long)st->of_primary);
	buf_fmt(b, "scriped_replica_reads_total{from=\"behind\"} %lld\n", (long long)st->behind);
	gauge(b, "replica_told_total", "counter", "Positions of workspaces in the log that `kv` took.", s.told);
	gauge(b, "replica_held_total", "counter", "Calls whose position `kv` did not take: they waited until no node read from replicas.", s.held);
}

static void
database(struct api *api, const struct api_counts *c, struct buf *b)
{
	struct engine_stats st;

	engine_stats(api->c.engine, &st);
	if (c->known) {
		gauge(b, "jobs_queued", "gauge", "Jobs that wait.", c->jobs.queued);
		gauge(b, "database_bytes", "gauge", "Size of the database.", c->size);
	}
	gauge(b, "database_up", "gauge", "Whether the last transaction was possible.", st.ok);
	gauge(b, "database_statements_total", "counter", "Statements that were run, reads and writes.", db_asked());
	gauge(b, "writer_queue", "gauge", "Calls that wait for the database.", st.queued);
	gauge(b, "writer_failed_total", "counter", "Transactions that the database refused.", st.failed);
	histogram(b, "writer_batch_calls", "Calls that shared a transaction.", st.hist, (int)COUNT(st.hist), 1, (double)st.calls);
	if (engine_embedded(api->c.engine))
		return;
	replicas(api, b, &st);
	gauge(b, "pool_connections", "gauge", "Connections to PostgreSQL that there may be.", st.connections);
	gauge(b, "pool_connected", "gauge", "Connections to the primary that stand.", st.connected);
	gauge(b, "pool_busy", "gauge", "Connections on which something runs.", st.busy);
	gauge(b, "pool_waiting", "gauge", "Statements and snapshots that wait for a connection.", st.waiting);
	gauge(b, "pool_trips_total", "counter", "Answers of PostgreSQL that calls waited for.", st.trips);
	gauge(b, "pool_flights_total", "counter", "Reads that were sent, those of several callers together counted once.", st.flights);
	gauge(b, "pool_lost_total", "counter", "Connections that were lost.", st.reconnects);
	gauge(b, "pool_local_commits_total", "counter", "Commits that were not acknowledged, for the primary was made to give up waiting for its synchronous replica.", st.local);
}

/* --- what nodes count together --- */

static void
together(struct api *api, struct buf *b)
{
	struct kv_stats st;

	kv_stats(api->c.kv, &st);
	if (st.backend == KV_MEMORY)
		return;
	gauge(b, "kv_up", "gauge", "Whether rates are counted together with the other nodes.", st.ok);
	gauge(b, "kv_checks_total", "counter", "Checks of rates.", st.takes);
	gauge(b, "kv_fallbacks_total", "counter", "Checks that this node judged by its share, because nobody answered.", st.away);
	gauge(b, "kv_commands_total", "counter", "Commands to Valkey, or trips to PostgreSQL, for them.", st.commands);
	gauge(b, "kv_links_total", "counter", "Connections made to Valkey.", st.links);
	histogram(b, "kv_wait_seconds", "How long checks waited that could not be answered at once.", st.bins, KV_BINS, 1e-4, (double)st.us / 1e6);
}

void
api_metrics(struct api *api, const struct api_counts *counts, int connections, int streams, struct buf *b)
{
	struct journal_stats st;
	int64_t dropped;
	int depth;
	bool ok;

	requests(api, b);
	round_trips(api, b);
	older(api, b);
	latencies(api, b);
	jobs(api, b);
	database(api, counts, b);
	journal_stats(api->journal, &st);
	gauge(b, "request_log_buffer", "gauge", "Rows of the request log that wait to be written.", st.depth);
	gauge(b, "request_log_dropped_total", "counter", "Rows of the request log that found the buffer full.", st.dropped);
	gauge(b, "request_log_rows_total", "counter", "Rows of the request log that were written.", st.written);
	gauge(b, "request_log_trimmed_total", "counter", "Rows of the request log that made room for newer ones.", st.trimmed);
	gauge(b, "usage_lost_total", "counter", "Requests that were not counted in the usage of their workspace.", st.lost);
	audit_depth(api->audit, &depth, &dropped, &ok);
	gauge(b, "audit_buffer", "gauge", "Refusals that wait to be written.", depth);
	gauge(b, "audit_dropped_total", "counter", "Refusals that found the buffer full.", dropped);
	together(api, b);
	gauge(b, "connections", "gauge", "Open connections.", connections);
	gauge(b, "streams", "gauge", "Open streams: answers that go on.", streams);
}

/* --- the application --- */

enum err
api_open(const struct api_conf *c, const struct conf *conf, struct api **ret, struct error *e)
{
	const char *bad = ops_check(ops, nops);
	struct api *a = calloc(1, sizeof(*a));

	if (bad == NULL)
		bad = versions_check();
	if (bad != NULL) {
		free(a);
		return fail(e, E_INTERNAL, NULL, "%s", bad);
	}
	if (a == NULL || (a->stats = calloc((size_t)nops + 1, sizeof(*a->stats))) == NULL ||
	    (a->of_version = calloc((size_t)nversions, sizeof(*a->of_version))) == NULL)
		abort();
	a->c = *c;
	atomic_store(&a->conf, conf);
	a->audit = audit_buffer_new(c->engine, (int)conf->audit_buffer);
	a->tallies = tallies_new(c->clock);
	a->journal = journal_new(&a->c, a->tallies, (int)conf->request_log_buffer);
	a->health = health_new(a);
	a->slow = slow_new(a);
	a->twins = twins_new(a);
	*ret = a;
	return OK;
}

void
api_close(struct api *a)
{
	slow_free(a->slow);
	twins_free(a->twins);
	engine_hurry(a->c.engine);
	health_free(a->health);
	journal_free(a->journal);
	tallies_free(a->tallies);
	audit_buffer_free(a->audit);
	free(a->stats);
	free(a->of_version);
	free(a);
}
