#include "model/ledger.h"
#include "db/partition.h"

#define API_VERSION	"2026-08-01"		/* of the form that events are written in */
#define EVENT_MAX	((size_t)4 << 20)
#define EVENTS_MAX	((size_t)16 << 20)	/* a column of many */

/* --- idempotency --- */

/* Divides by zero unless nobody else is at it and no record stands: whatever was sent behind it does not run then, and waits for no row of
 * the twin.  The lock ends with the transaction; a record of a twin that ended between the two looks is met by idem.finish. */
SQL(claim, "idem.claim",
    "SELECT 1 / CASE{pg} WHEN NOT pg_try_advisory_xact_lock($3) THEN 0{/pg} WHEN EXISTS"
    " (SELECT 1 FROM idempotency WHERE workspace = $1 AND name = $2) THEN 0 ELSE 1 END");
SQL(standing, "idem.get", "SELECT hash, status, body, created_at FROM idempotency WHERE workspace = $1 AND name = $2");
SQL(forget, "idem.delete", "DELETE FROM idempotency WHERE workspace = $1 AND name = $2 AND created_at <= $3");
/* The one rule that no two answers of a key can pass, whatever was believed before: its name is unique. */
SQL(finish, "idem.finish", "INSERT INTO idempotency (workspace, name, hash, status, body, created_at) VALUES ($1, $2, $3, $4, $5, $6)");

/* Where a letter or digit stands among them, in the order of ASCII. */
static unsigned
place(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c <= 'Z' ? c - 'A' + 10 : c - 'a' + 36);
}

/* The first twelve letters and digits of the key, in its order: as much as the moment in a ULID or a version 7 UUID takes. */
static void
beginning(str key, uint8_t out[IDEM_BEGINS])
{
	unsigned at[IDEM_BEGINS / 3 * 4] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < key.n && n < COUNT(at); i++)
		if (key.p[i] != '-' && key.p[i] != '_')
			at[n++] = place(key.p[i]);
	for (size_t i = 0; i < IDEM_BEGINS / 3; i++) {
		unsigned four = at[4 * i] << 18 | at[4 * i + 1] << 12 | at[4 * i + 2] << 6 | at[4 * i + 3];
		out[3 * i] = (uint8_t)(four >> 16);
		out[3 * i + 1] = (uint8_t)(four >> 8);
		out[3 * i + 2] = (uint8_t)four;
	}
}

struct idem_name
idem_name(workspace_id w, str route, str key)
{
	struct idem_name name;
	struct crypto_sha256 h;

	crypto_sha256_init(&h);
	crypto_sha256_add(&h, (str){ w.u.s, 26 });
	crypto_sha256_add(&h, route);
	crypto_sha256_add(&h, (str){ "", 1 });		/* no route holds a NUL */
	crypto_sha256_add(&h, key);
	digest d = crypto_sha256_end(&h);
	beginning(key, name.b);
	memcpy(name.b + IDEM_BEGINS, d.b, IDEM_HASH);
	return name;
}

static struct val val_name(const struct idem_name *n) { return (struct val){ V_BYTES, 0, { (const char *)n->b, sizeof(n->b) } }; }

/* By the end of the name, which is a hash. */
static int64_t
lock_of(const struct idem_name *name)
{
	int64_t n;

	_Static_assert(IDEM_HASH >= sizeof(n), "a lock is 64 bits");
	memcpy(&n, name->b + IDEM_BEGINS, sizeof(n));
	return n;
}

enum err
idem_claim(struct db *db, workspace_id w, const struct idem_name *name, struct error *e)
{
	return db_run(db, claim, e, VID(w), val_name(name), V(lock_of(name)));
}

enum err
idem_look(struct db *db, struct arena *a, workspace_id w, const struct idem_name *name, const digest *hash, int64_t now, int64_t keep_ms,
    struct idem *ret, struct error *e)
{
	bool over = false;
	struct rows r;

	*ret = (struct idem){ .fresh = true };
	TRY(db_query(db, standing, &r, e, VID(w), val_name(name)));
	if (db_next(&r)) {
		str h = db_col(&r, 0).s;
		over = ret->fresh = db_col(&r, 3).i <= now - keep_ms;
		ret->same = h.n == sizeof(hash->b) && memcmp(h.p, hash->b, h.n) == 0;
		ret->status = (int)db_col(&r, 1).i;
		ret->body = ret->fresh ? STR_NONE : str_dup(a, db_col(&r, 2).s);
	}
	TRY(db_done(&r, e));
	return over ? db_run(db, forget, e, VID(w), val_name(name), V(now - keep_ms)) : OK;
}

enum err
idem_finish(struct db *db, workspace_id w, const struct idem_name *name, const digest *hash, int64_t now, int status, str body, struct error *e)
{
	return db_run(db, finish, e, VID(w), val_name(name), val_digest(hash), V(status), V(body), V(now));
}

/* --- idempotency records of schema 1, which were found by workspace, route and key --- */

#define ADOPT_ROWS	200
#define ADOPT_BYTES	((size_t)4 << 20)	/* of bodies: then a transaction ends early */

SQL(old_some, "idem.old_page", "SELECT workspace, route, key, hash, status, body, created_at FROM idempotency_old WHERE workspace > $1 ORDER BY workspace LIMIT $2");
SQL(old_gone, "idem.old_delete", "DELETE FROM idempotency_old WHERE workspace = $1 AND route = $2 AND key = $3");
SQL(adopt, "idem.adopt", "INSERT INTO idempotency (workspace, name, hash, status, body, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING");

struct old { workspace_id workspace; str route, key, hash, body; int64_t status, created_at; };

static enum err
read_old(struct db *db, struct arena *a, struct old *ret, int *n, struct error *e)
{
	size_t bytes = 0;
	struct rows r;

	TRY(db_query(db, old_some, &r, e, V(S("")), V(ADOPT_ROWS)));
	for (*n = 0; *n < ADOPT_ROWS && bytes < ADOPT_BYTES && db_next(&r); ++*n) {
		struct old *o = &ret[*n];
		*o = (struct old){ .route = str_dup(a, db_col(&r, 1).s), .key = str_dup(a, db_col(&r, 2).s), .hash = str_dup(a, db_col(&r, 3).s),
		    .status = db_col(&r, 4).i, .body = str_dup(a, db_col(&r, 5).s), .created_at = db_col(&r, 6).i };
		memcpy(o->workspace.u.s, db_col(&r, 0).s.p, 26);
		bytes += o->body.n;
	}
	return db_done(&r, e);
}

static enum err
adopt_some(struct db *db, struct arena *a, int *n, struct error *e)
{
	struct old *o = NEW_N(a, struct old, ADOPT_ROWS);

	TRY(read_old(db, a, o, n, e));
	for (int i = 0; i < *n; i++) {
		struct idem_name name = idem_name(o[i].workspace, o[i].route, o[i].key);
		TRY(db_run(db, adopt, e, VID(o[i].workspace), val_name(&name), ((struct val){ V_BYTES, 0, o[i].hash }), V(o[i].status), V(o[i].body),
		    V(o[i].created_at)));
		TRY(db_run(db, old_gone, e, VID(o[i].workspace), V(o[i].route), V(o[i].key)));
	}
	return OK;
}

enum err
ledger_adopt(struct db *db, struct error *e)
{
	enum err code = OK;
	struct arena a;
	int n = 1;

	arena_init(&a, 4 * ADOPT_BYTES);
	while (code == OK && n > 0) {
		struct arena_mark mark = arena_mark(&a);
		if ((code = db->ops->begin(db, TX_WRITE, e)) != OK)
			break;
		if ((code = adopt_some(db, &a, &n, e)) == OK && a.over)
			code = fail(e, E_UNAVAILABLE, NULL, "an idempotency record is larger than %zu bytes", 3 * ADOPT_BYTES);
		if (code == OK)
			code = db->ops->commit(db, e);
		else
			db->ops->rollback(db);
		arena_back(&a, mark);
	}
	arena_free(&a);
	return code;
}

/* --- audit --- */

static const struct field audit_fields[] = {
	F_ID (audit, id, audit, "id", "id", 0, "The entry"),
	F_CREATED(audit, id, audit, "createdAt", "When"),
	F_STR(audit, principal, "principal", "principal", 0, 0, 0, "Who", "key_01J9ZAB12CD34E56F7G8H9JKMN"),
	F_STR(audit, mode, "mode", "mode", 0, 0, 0, "live or test", "live"),
	F_STR(audit, method, "method", "method", 0, 0, 0, "HTTP method", "POST"),
	F_STR(audit, route, "route", "route", 0, 0, 0, "Path template", "/v1/notes"),
	F_I64(audit, status, "status", "status", 0, 0, 599, "HTTP status", "200"),
	F_STR(audit, request, "requestId", "request", 0, 0, 0, "Request id", "req_01J9ZAB12CD34E56F7G8H9JKMN"),
	F_STR(audit, resource, "resourceId", "resource", F_NULL, 0, 0, "What was made or changed", NULL),
	F_STR(audit, ip, "ip", "ip", 0, 0, 0, "Address of the caller", "203.0.113.7"),
	F_ID (audit, client, client, "clientId", "client", F_OMIT, "The program that acted for the user, where one did"),
};
const struct rec audit_rec = REC_NAMED(audit, "audit_entry", audit_fields, "One line of the audit log");

static const struct field audit_query_fields[] = {
	PAGE_FIELDS(audit_query),
	F_STR (audit_query, principal, "principal", NULL, 0, 0, 64, "Only entries of this key or user, or of `command line`; looked for among 50,000 entries, so give `dateTo` to go further back", "key_01J9ZAB12CD34E56F7G8H9JKMN"),
	F_FROM(audit_query, from, "dateFrom", "Only entries of this UTC day or moment, or later"),
	F_TO  (audit_query, to, "dateTo", "Only entries of this UTC day or moment, or earlier"),
};
const struct rec audit_query_rec = REC(audit_query, audit_query_fields, "Filters of the audit log");

/* Once, however often: entries that wait are written again when it is not known whether their commit stands. */
/* A request that runs again because nobody knows of its COMMIT writes its entry anew, as it is: a transaction that writes nothing would not wait for a
 * replica, and be acknowledged with what the first one wrote while only this server has it. */
SQL(audit_add, "audit.insert",
    "INSERT INTO audit (workspace, id, principal, mode, method, route, status, request, resource, ip, client)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (workspace, id) DO UPDATE SET request = excluded.request");
#define AUDIT	"SELECT id, principal, mode, method, route, status, request, resource, ip, client FROM audit WHERE workspace = $1"
SQL(audit_some, "audit.page", AUDIT " AND id < $2 AND id >= $3 ORDER BY id DESC LIMIT $4");
/* Whose they are is judged on the way, among so many: an index would be written with every write of the API. */
SQL(audit_some_of, "audit.page_of",
    AUDIT " AND id < $2 AND id >= $3 AND id >= (SELECT min(n.id) FROM (SELECT id FROM audit WHERE workspace = $1 AND id < $2 ORDER BY id DESC LIMIT 50000) n)"
    " AND principal = $5 ORDER BY id DESC LIMIT $4");
SQL(audit_there, "audit.anchor", "SELECT 1 FROM audit WHERE workspace = $1 AND id = $2");

enum err
audit_insert(struct db *db, const struct audit *r, struct error *e)
{
	return db_run(db, audit_add, e, VID(r->workspace), VID(r->id), V(r->principal), V(r->mode), V(r->method), V(r->route),
	    V(r->status), V(r->request), V(r->resource), V(r->ip), VID(r->client));
}

enum err
audit_page(struct db *db, workspace_id w, const struct audit_query *q, const struct page *p, struct rows *ret, struct error *e)
{
	if (q->principal.n != 0)
		return db_query(db, audit_some_of, ret, e, VID(w), val_ulid(&p->before), val_ulid(&p->from), V(p->limit), V(q->principal));
	return db_query(db, audit_some, ret, e, VID(w), val_ulid(&p->before), val_ulid(&p->from), V(p->limit));
}

enum err
audit_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &audit_there, miss, e, VALS(VID(w), val_ulid(id)));
}

/* --- outbox --- */

SQL(event_add, "event.insert", "INSERT INTO event (workspace, id, type, project, body) VALUES ($1, $2, $3, $4, $5)");
SQL_PG(0, event_add_all, "event.insert_all", "INSERT INTO event (workspace, id, type, project, body)"
    " SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[])");

static enum err
envelope(struct buf *b, workspace_id w, project_id p, event_id id, int type, const struct rec *rec, const void *data, struct error *e)
{
	struct json j;

	jw_begin(&j, b);
	jw_obj(&j);
	jw_key(&j, S("id"));
	jw_raw2(&j, id_prefix(ID_event), (str){ id.u.s, 26 });
	jw_key_str(&j, S("type"), str_z(event_type_words.v[type]));
	jw_key(&j, S("createdAt"));
	jw_time(&j, ulid_ms(&id.u));
	jw_key_str(&j, S("apiVersion"), S(API_VERSION));
	jw_key(&j, S("workspaceId"));
	jw_raw2(&j, id_prefix(ID_workspace), (str){ w.u.s, 26 });
	jw_key(&j, S("projectId"));
	if (id_set(p))
		jw_raw2(&j, id_prefix(ID_project), (str){ p.u.s, 26 });
	else
		jw_null(&j);
	jw_key(&j, S("data"));
	rec_encode(rec, data, &j);
	jw_end(&j);
	return b->over ? fail(e, E_UNAVAILABLE, NULL, "the event is larger than 4 MB") : OK;
}

enum err
event_put(struct db *db, struct arena *a, workspace_id w, project_id p, event_id id, int type, const struct rec *rec, const void *data,
    struct error *e)
{
	struct buf b;

	buf_init(&b, a, EVENT_MAX);
	TRY(envelope(&b, w, p, id, type, rec, data, e));
	db_concerns(db, &w.u);
	return db_run(db, event_add, e, VID(w), VID(id), val_word(&event_type_words, type), VID(p), V(buf_str(&b)));
}

void
events_init(struct events *m, struct arena *a)
{
	struct buf *const column[] = { &m->workspace, &m->id, &m->type, &m->project, &m->body };

	m->n = 0;
	for (size_t i = 0; i < COUNT(column); i++)
		buf_init(column[i], a, EVENTS_MAX);
}

enum err
events_add(struct db *db, struct events *m, struct arena *a, workspace_id w, project_id p, event_id id, int type, const struct rec *rec, const void *data,
    struct error *e)
{
	struct buf b;

	buf_init(&b, a, EVENT_MAX);
	TRY(envelope(&b, w, p, id, type, rec, data, e));
	db_concerns(db, &w.u);
	m->n++;
	db_array_add(&m->workspace, VID(w));
	db_array_add(&m->id, VID(id));
	db_array_add(&m->type, val_word(&event_type_words, type));
	db_array_add(&m->project, VID(p));
	db_array_add(&m->body, V(buf_str(&b)));
	return OK;
}

enum err
events_write(struct db *db, struct events *m, struct error *e)
{
	if (m->n == 0)
		return OK;
	struct val w = db_array(&m->workspace), id = db_array(&m->id), type = db_array(&m->type), p = db_array(&m->project), body = db_array(&m->body);
	if (m->workspace.over || m->id.over || m->type.over || m->project.over || m->body.over)
		return fail(e, E_UNAVAILABLE, NULL, "too many events at once");
	return db_run(db, event_add_all, e, w, id, type, p, body);
}

/* --- keeping --- */

/* The workspace is bound inside: beside the names it would draw SQLite to the index of ages, all of it. */
SQL(idem_clean, "idem.clean",
    "DELETE FROM idempotency WHERE name IN (SELECT name FROM idempotency"
    " WHERE workspace = $1 AND created_at < $2 ORDER BY created_at LIMIT $3)");
SQL(audit_clean, "audit.clean",
    "DELETE FROM audit WHERE workspace = $1 AND id IN (SELECT id FROM audit WHERE workspace = $1 AND id < $2 ORDER BY id LIMIT $3)");
SQL(event_after, "event.since", "SELECT id, type, project, substr(body, 1, 400) FROM event WHERE workspace = $1 AND id > $2 ORDER BY id LIMIT $3");

/* The body is ours, as event_put writes it: the thing's id is the first of `data`, and stands in its first 400 bytes. */
static str
thing_of(str body)
{
	str lead = S("\"data\":{\"id\":\""), rest;
	const char *at = body.n != 0 ? memmem(body.p, body.n, lead.p, lead.n) : NULL;

	if (at == NULL)
		return STR_NONE;
	rest = str_cut(body, (size_t)(at - body.p) + lead.n, body.n);
	return str_split(&rest, '"');
}

enum err
event_since(struct db *db, struct arena *a, workspace_id w, const ulid *after, int most, struct event_seen *ret, int *n, struct error *e)
{
	struct rows r;

	TRY(db_query(db, event_after, &r, e, VID(w), val_ulid(after), V(most)));
	for (*n = 0; *n < most && db_next(&r); (*n)++) {
		struct event_seen *s = &ret[*n];
		str id = db_col(&r, 0).s;
		*s = (struct event_seen){ .type = str_dup(a, db_col(&r, 1).s), .project = str_dup(a, db_col(&r, 2).s) };
		memcpy(s->id.s, id.p, MIN(id.n, 26));
		s->thing = str_dup(a, thing_of(db_col(&r, 3).s));
	}
	return db_done(&r, e);
}

SQL(event_clean, "event.clean",
    "DELETE FROM event WHERE workspace = $1 AND id IN (SELECT id FROM event WHERE workspace = $1 AND id < $2 ORDER BY id LIMIT $3)");

enum err
ledger_clean(struct db *db, workspace_id w, int64_t idem_before, int64_t audit_before, int64_t event_before, int slice,
    int64_t *ret, struct error *e)
{
	ulid audit_low = ulid_low(audit_before), event_low = ulid_low(event_before);
	int64_t records, entries, events;

	TRY(db_touch(db, idem_clean, &records, e, VID(w), V(idem_before), V(slice)));
	*ret = records;
	if (partition_on(db))
		return OK;
	TRY(db_touch(db, audit_clean, &entries, e, VID(w), val_ulid(&audit_low), V(slice)));
	TRY(db_touch(db, event_clean, &events, e, VID(w), val_ulid(&event_low), V(slice)));
	*ret += entries + events;
	return OK;
}
