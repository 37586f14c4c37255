#include "model/request.h"
#include "db/partition.h"

static const struct field fields[] = {
	F_ID  (request_log, id, request, "id", "id", 0, "The request: what `X-Request-Id` said"),
	F_CREATED(request_log, id, request, "createdAt", "When it came"),
	F_STR (request_log, principal, "principal", "principal", 0, 0, 0, "Who asked", "key_01J9ZAB12CD34E56F7G8H9JKMN"),
	F_WORD(request_log, mode, "mode", "mode", F_NULL, &key_mode_words, "live or test", "live"),
	F_WORD(request_log, method, "method", "method", 0, &http_method_words, "HTTP method; OTHER for one of none of these", "POST"),
	F_STR (request_log, operation, "operation", "operation", F_NULL, 0, 0, "The operation, by its name in this document; null when the path has none", "create_note"),
	F_STR (request_log, route, "route", NULL, F_NULL, 0, 0, "Template of its path", "/v1/notes"),
	F_STR (request_log, path, "path", "path", 0, 0, 0, "Path as it came; what looks like a secret is ***", "/v1/notes"),
	F_STR (request_log, query, "query", "query", F_NULL, 0, 0, "Query, decoded; what looks like a secret is ***", NULL),
	F_I64 (request_log, status, "status", "status", 0, 100, 599, "HTTP status", "200"),
	F_STR (request_log, error, "errorCode", "error", F_NULL, 0, 0, "Code of the error", NULL),
	F_I64 (request_log, us, "durationUs", "us", 0, 0, INT64_MAX, "Microseconds from the request line to the last byte of the answer", "870"),
	F_I64 (request_log, bytes_in, "bytesIn", "bytes_in", 0, 0, INT64_MAX, "Bytes of the body that was read", "64"),
	F_I64 (request_log, bytes_out, "bytesOut", "bytes_out", 0, 0, INT64_MAX, "Bytes of the body of the answer", "420"),
	F_STR (request_log, ip, "ip", "ip", 0, 0, 0, "Address of the caller", "203.0.113.7"),
	F_STR (request_log, agent, "userAgent", "agent", F_NULL, 0, 0, "What the caller says it is, cut at 128 bytes", "curl/7.88.1"),
	F_STR (request_log, version, "apiVersion", "version", F_NULL, 0, 0, "Version of the API that it spoke", "2026-08-01"),
	F_WORD(request_log, idempotency, "idempotencyKey", "idempotency", 0, &key_use_words, "Whether a key came, and what it did", "none"),
	F_STR (request_log, ignored, "ignored", "ignored", F_NULL, 0, 0, "Fields and parameters that nobody knows", NULL),
	F_I64 (request_log, weight, "weight", "weight", 0, 1, INT64_MAX,
	    "How many requests like it the row stands for: 1 for writes and errors, a power of two for reads and for refusals of which there were many. Sums of it are estimates without a bias", "1"),
	F_ID  (request_log, client, client, "clientId", "client", F_OMIT, "The program that asked for the user, where one did"),
};
const struct rec request_log_rec = REC(request_log, fields, "A request as it was answered: every write and every error, and a sample of the reads and of refusals that are many");
#define COLS "id, principal, mode, method, operation, path, query, status, error, us, bytes_in, bytes_out, ip, agent, version, idempotency, ignored, weight, client"

static bool
three_digits(str s)
{
	return s.n == 3 && s.p[0] >= '1' && s.p[0] <= '5' &&
	    (str_eq(str_cut(s, 1, 3), S("xx")) || (s.p[1] >= '0' && s.p[1] <= '9' && s.p[2] >= '0' && s.p[2] <= '9'));
}

static enum err
check_query(const void *v, struct error *e)
{
	const struct request_logs_query *q = v;

	if (q->status.n == 0 || three_digits(q->status))
		return OK;
	return fail(e, E_INVALID_REQUEST, "status", "'status' must be an HTTP status such as 404, or a class such as 4xx.");
}

static const struct field query_fields[] = {
	PAGE_FIELDS(request_logs_query),
	F_WORDS(request_logs_query, method, "method", NULL, 0, &http_method_words, "Only these methods, comma-separated", "POST"),
	F_STR (request_logs_query, status, "status", NULL, 0, 0, 3, "Only this status, or this class of them", "4xx"),
	F_STR (request_logs_query, operation, "operation", NULL, 0, 0, 64, "Only this operation", "create_note"),
	F_STR (request_logs_query, error, "errorCode", NULL, 0, 0, 64, "Only this code of error", "not_found"),
	F_ID  (request_logs_query, key, key, "keyId", NULL, 0, "Only what this key asked; a key sees no other than its own"),
	F_FROM(request_logs_query, from, "dateFrom", "Only requests of this UTC day or moment, or later"),
	F_TO  (request_logs_query, to, "dateTo", "Only requests of this UTC day or moment, or earlier"),
};
const struct rec request_logs_query_rec = REC_CHECKED(request_logs_query, query_fields, check_query, "Filters of the request log");

/* --- writing --- */

SQL(insert, "request_log.insert",
    "INSERT INTO request_log (workspace, " COLS ", failed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)"
    " ON CONFLICT (workspace, id) DO NOTHING");
SQL(resize, "request_log.resize",
    "INSERT INTO request_log_size (workspace, n) VALUES ($1, $2) ON CONFLICT (workspace) DO UPDATE SET n = request_log_size.n + excluded.n RETURNING n");
SQL(size, "request_log.size", "SELECT n FROM request_log_size WHERE workspace = $1");
#define REMOVE	"DELETE FROM request_log WHERE workspace = $1 AND id IN (SELECT id FROM request_log WHERE workspace = $1"
SQL(oldest, "request_log.oldest", REMOVE " ORDER BY id LIMIT $2)");
SQL(older, "request_log.older", REMOVE " AND id < $2 ORDER BY id LIMIT $3)");

enum err
request_log_insert(struct db *db, workspace_id w, const struct request_log *r, bool *added, struct error *e)
{
	int64_t n;

	TRY(db_touch(db, insert, &n, e, VID(w), VID(r->id), V(r->principal), val_word(&key_mode_words, r->mode), val_word(&http_method_words, r->method),
	    V(r->operation), V(r->path), V(r->query), V(r->status), V(r->error), V(r->us), V(r->bytes_in), V(r->bytes_out), V(r->ip), V(r->agent),
	    V(r->version), val_word(&key_use_words, r->idempotency), V(r->ignored), V(r->weight), VID(r->client), r->status >= 400 ? VID(r->id) : V(STR_NONE)));
	*added = n == 1;
	return OK;
}

/* `more` 0 writes nothing. */
static enum err
count_on(struct db *db, workspace_id w, int64_t more, int64_t *ret, struct error *e)
{
	struct rows r;

	if (more != 0)
		TRY(db_query(db, resize, &r, e, VID(w), V(more)));
	else
		TRY(db_query(db, size, &r, e, VID(w)));
	if (db_next(&r))
		*ret = db_col(&r, 0).i;
	return db_done(&r, e);
}

enum err
request_log_trim(struct db *db, workspace_id w, int added, int64_t most, int slice, int64_t *ret, struct error *e)
{
	int64_t n = 0;

	*ret = 0;
	TRY(count_on(db, w, added, &n, e));
	if (n <= most)
		return OK;
	TRY(db_touch(db, oldest, ret, e, VID(w), V(MIN(n - most, slice))));
	return count_on(db, w, -*ret, &n, e);
}

enum err
request_log_clean(struct db *db, workspace_id w, int64_t before, int slice, int64_t *ret, struct error *e)
{
	ulid low = ulid_low(before);
	int64_t n;

	*ret = 0;
	if (partition_on(db))
		return OK;
	TRY(db_touch(db, older, ret, e, VID(w), val_ulid(&low), V(slice)));
	return *ret > 0 ? count_on(db, w, -*ret, &n, e) : OK;
}

/* --- reading --- */

/* A filter that is not given is a range that holds everything, so that the text of the statement stays one. */
#define PAGE(id, who) \
	"SELECT " COLS " FROM request_log WHERE workspace = $1 AND " id " < $2 AND " id " >= $3" \
	" AND " who " AND status >= $7 AND status <= $8 AND operation >= $9 AND operation <= $10" \
	" AND error >= $11 AND error <= $12 AND method IN ($13, $14, $15, $16, $17, $18, $19, $20) ORDER BY " id " DESC LIMIT $4"
#define WHOEVER	"principal >= $5 AND principal <= $6"
#define THROUGH	"principal = $5 AND client = $6"
SQL(page, "request_log.page", PAGE("id", WHOEVER));
SQL(page_failed, "request_log.page_failed", PAGE("failed", WHOEVER));
SQL(page_of, "request_log.page_of", PAGE("id", THROUGH));
SQL(page_of_failed, "request_log.page_of_failed", PAGE("failed", THROUGH));
SQL(get, "request_log.get", "SELECT " COLS " FROM request_log WHERE workspace = $1 AND id = $2");
SQL(anchor, "request_log.anchor", "SELECT 1 FROM request_log WHERE workspace = $1 AND id = $2");
#define LAST	S("~")			/* behind every principal, operation and code */
_Static_assert(HTTP_COUNT == 8, "request_log.page has a parameter for each method");

static void
bounds(str status, int64_t *lo, int64_t *hi)
{
	bool class = str_ends(status, S("xx"));

	*lo = 0;
	*hi = 999;
	if (class || str_int(status, lo)) {
		*lo = class ? (status.p[0] - '0') * 100 : *lo;
		*hi = class ? *lo + 99 : *lo;
	}
}

enum err
request_log_page(struct db *db, workspace_id w, const struct request_logs_query *q, str principal, client_id client, const struct page *p,
    struct rows *ret, struct error *e)
{
	str who = principal.p != NULL ? principal : S(""), op = q->operation.n != 0 ? q->operation : S(""), code = q->error.n != 0 ? q->error : S("");
	int64_t lo, hi;

	bounds(q->status, &lo, &hi);
	struct val v[12 + HTTP_COUNT] = { VID(w), val_ulid(&p->before), val_ulid(&p->from), V(p->limit), V(who), V(who.n != 0 ? who : LAST), V(lo), V(hi),
	    V(op), V(op.n != 0 ? op : LAST), V(code), V(code.n != 0 ? code : LAST) };
	for (int i = 0; i < HTTP_COUNT; i++)
		v[12 + i] = val_word(&http_method_words, q->method == 0 || (q->method >> i & 1) ? i : -1);
	bool failed = lo >= 400 || code.n != 0, through = id_set(client);
	const struct stmt *text = through ? failed ? &page_of_failed : &page_of : failed ? &page_failed : &page;
	if (through)
		v[5] = VID(client);
	return db_query_(db, text, ret, e, v, (int)COUNT(v));
}

static void
nothing_is_null(str *s)
{
	if (s->n == 0)
		*s = STR_NONE;
}

void
request_log_scan(struct rows *r, struct arena *a, struct request_log *ret)
{
	db_scan(&request_log_rec, r, a, ret);
	nothing_is_null(&ret->operation);
	nothing_is_null(&ret->error);
}

enum err
request_log_none(struct error *e)
{
	return fail(e, E_NOT_FOUND, NULL, "Request not found: it is older than the log, or a read that is not in the sample.");
}

enum err
request_log_get(struct db *db, struct arena *a, workspace_id w, request_id id, struct request_log *ret, struct error *e)
{
	struct rows r;
	bool found;

	TRY(db_query(db, get, &r, e, VID(w), VID(id)));
	if ((found = db_next(&r)))
		request_log_scan(&r, a, ret);
	TRY(db_done(&r, e));
	return found ? OK : request_log_none(e);
}

enum err
request_log_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

/* --- usage --- */

SQL(put_usage, "usage.put",
    "INSERT INTO usage_day (workspace, day, run, requests, writes, errors) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace, day, run)"
    " DO UPDATE SET requests = excluded.requests, writes = excluded.writes, errors = excluded.errors");
SQL(days, "usage.days",
    "SELECT day, CAST(sum(requests) AS {i64}), CAST(sum(writes) AS {i64}), CAST(sum(errors) AS {i64}) FROM usage_day WHERE workspace = $1 AND day >= $2 AND day <= $3"
    " GROUP BY workspace, day ORDER BY workspace, day LIMIT $4");
SQL(clean_usage, "usage.clean",
    "DELETE FROM usage_day WHERE workspace = $1 AND (day, run) IN (SELECT day, run FROM usage_day WHERE workspace = $1 AND day < $2 ORDER BY day LIMIT $3)");

enum err
usage_put(struct db *db, workspace_id w, int64_t day, const ulid *run, const struct usage *u, struct error *e)
{
	return db_run(db, put_usage, e, VID(w), V(day), val_ulid(run), V(u->requests), V(u->writes), V(u->errors));
}

enum err
usage_ask(struct db *db, workspace_id w, int64_t from, int64_t to, int most, struct rows *ret, struct error *e)
{
	return db_ask(db, days, ret, e, VID(w), V(from), V(to), V(most));
}

enum err
usage_days(struct rows *r, int most, struct usage_day *ret, int *n, struct error *e)
{
	for (*n = 0; *n < most && db_next(r); ++*n)
		ret[*n] = (struct usage_day){ db_col(r, 0).i, { db_col(r, 1).i, db_col(r, 2).i, db_col(r, 3).i } };
	return db_done(r, e);
}

enum err
usage_clean(struct db *db, workspace_id w, int64_t before_day, int slice, int64_t *ret, struct error *e)
{
	TRY(db_touch(db, clean_usage, ret, e, VID(w), V(before_day), V(slice)));
	return OK;
}
