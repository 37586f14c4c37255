#include "db/partition.h"
#include "db/migrate.h"
#include <stdarg.h>
#include <stdio.h>

/* A row that is old may be of a job that is not done. */
SQL_PG(PARTITION_SCHEMA, job_needed, "partition.job_needed",
    "SELECT 1 FROM job WHERE id >= $1 AND id < $2 AND status = 'QUEUED' AND run_at >= 0"
    " UNION ALL SELECT 1 FROM job WHERE id >= $1 AND id < $2 AND status = 'RUNNING' AND lease_until >= 0 LIMIT 1");

#define PARTITION(table, keep, days, needed, counted) \
	SQL_PG(1, table##_last, "partition." #table "_last", "SELECT max(id) FROM " #table); \
	SQL_PG(PARTITION_SCHEMA, table##_few, "partition." #table "_few", "SELECT count(*) FROM (SELECT 1 FROM " #table " WHERE id < $1 LIMIT 10001) x");
#include "db/partition.def"
#undef PARTITION

struct row { const char *table, *counted; int64_t width; const struct stmt *needed, *last, *few; };
static const struct row rows[] = {
#define PARTITION(table, keep, days, needed, counted) { #table, counted, (days) * DAY_MS, needed, &table##_last, &table##_few },
#include "db/partition.def"
#undef PARTITION
};

/* Bounds are read as the server writes them: FOR VALUES FROM (MINVALUE) TO ('01K…'). */
SQL_PG(0, ranges, "partition.ranges",
    "SELECT c.relname::text, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid"
    " WHERE h.inhparent = to_regclass($1::text) AND c.relispartition ORDER BY c.relname");
SQL_PG(0, gone, "partition.gone",
    "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT relispartition"
    " AND relname LIKE replace($1::text, '_', '\\_') || '\\_gone\\_%' ORDER BY relname LIMIT 1");
SQL_PG(0, alone, "partition.alone", "SELECT pg_try_advisory_xact_lock(1971, hashtext(COALESCE(current_schema()::text, '') || $1::text))");
SQL_PG(0, kind, "partition.kind", "SELECT 1 FROM pg_class WHERE oid = to_regclass($1::text) AND relkind = 'p'");
SQL_PG(0, rule, "partition.rule",
    "SELECT convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass($1::text) AND conname = $1::text || '_bound'");
SQL_PG(0, indexes, "partition.indexes",
    "SELECT c.relname::text, CASE WHEN i.indisprimary THEN '' ELSE pg_get_indexdef(i.indexrelid) END FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE i.indrelid = to_regclass($1::text) ORDER BY c.relname");

/* From one end of time to the other, without a gap: the first has no lower bound (empty), the last no upper one. */
struct range { struct range *next; char name[64]; ulid low, high; };
struct layout { struct arena a; struct range *first, *last; };
#define LAYOUT_MAX	((size_t)1 << 20)
#define FEW		10000		/* rows that may be moved while others wait */

bool partition_on(struct db *db) { return db_is_pg(db) && db_schema() >= PARTITION_SCHEMA; }

PRINTF(3, 4) static enum err
do_sql(struct db *db, struct error *e, const char *fmt, ...)
{
	char sql[1500];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(sql, sizeof(sql), fmt, ap);
	va_end(ap);
	return n < (int)sizeof(sql) ? db->ops->script(db, sql, e) : fail(e, E_STORAGE, NULL, "a statement of a partition is too long: %.60s", sql);
}

/* --- what there is --- */

/* The ulid behind the word, or empty: MINVALUE and MAXVALUE have no quotes. */
static ulid
bound(str def, const char *word)
{
	const char *at = memmem(def.p, def.n, word, strlen(word));
	size_t skip = strlen(word), left = at != NULL ? def.n - (size_t)(at - def.p) : 0;
	ulid u = { "" };

	if (left >= skip + 26 && ulid_ok((str){ at + skip, 26 }))
		memcpy(u.s, at + skip, 26);
	return u;
}

static void
add_range(struct layout *l, str name, ulid low, ulid high)
{
	struct range *r = NEW(&l->a, struct range), **at = &l->first;

	*r = (struct range){ .low = low, .high = high };
	snprintf(r->name, sizeof(r->name), "%.*s", STR(name));
	while (*at != NULL && strcmp((*at)->low.s, low.s) < 0)
		at = &(*at)->next;
	r->next = *at;
	*at = r;
	if (r->next == NULL)
		l->last = r;
}

static bool
is_whole(const struct layout *l)
{
	bool whole = l->first != NULL && l->first->low.s[0] == '\0' && l->last->high.s[0] == '\0' && l->first != l->last;

	for (const struct range *r = l->first; whole && r->next != NULL; r = r->next)
		whole = strcmp(r->high.s, r->next->low.s) == 0;
	return whole;
}

/* The caller frees its arena. */
static enum err
layout(struct db *db, const struct row *p, struct layout *ret, struct error *e)
{
	struct rows r;

	ret->first = ret->last = NULL;
	TRY(db_query(db, ranges, &r, e, V(str_z(p->table))));
	while (db_next(&r)) {
		str def = db_col(&r, 1).s;
		add_range(ret, db_col(&r, 0).s, bound(def, "FROM ('"), bound(def, "TO ('"));
	}
	TRY(db_done(&r, e));
	if (ret->a.over)
		return fail(e, E_UNAVAILABLE, NULL, "%s has too many partitions", p->table);
	return is_whole(ret) ? OK : fail(e, E_STORAGE, NULL, "the partitions of %s leave a gap: attach what was detached by hand, or make what is missing", p->table);
}

static int64_t floor_to(int64_t ms, int64_t width) { return ms - ms % width; }

static enum err
ask_id(struct db *db, const struct stmt *q, ulid *ret, struct error *e)
{
	struct rows r;

	*ret = (ulid){ "" };
	TRY(db_query_(db, q, &r, e, NULL, 0));
	if (db_next(&r) && db_col(&r, 0).t == V_TEXT)
		memcpy(ret->s, db_col(&r, 0).s.p, MIN(db_col(&r, 0).s.n, 26));
	while (db_next(&r))
		;
	return db_done(&r, e);
}

static enum err
text_of(struct db *db, const struct stmt *q, const char *table, char ret[64], struct error *e)
{
	struct rows r;

	ret[0] = '\0';
	TRY(db_query_(db, q, &r, e, VALS(V(str_z(table)))));
	if (db_next(&r))
		snprintf(ret, 64, "%.*s", STR(db_col(&r, 0).s));
	while (db_next(&r))
		;
	return db_done(&r, e);
}

/* --- cutting one --- */

static void
day_name(const char *table, const char *between, const ulid *of, char ret[64])
{
	char t[TIME_LEN];

	time_write(t, ulid_ms(of));
	snprintf(ret, 64, "%s%s_%.4s%.2s%.2s", table, between, t, t + 5, t + 8);
}

static enum err
have(struct db *db, const struct row *p, struct error *e)
{
	return do_sql(db, e, "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", p->table);
}

static enum err
detach(struct db *db, const struct row *p, const char *name, struct error *e)
{
	return do_sql(db, e, "ALTER TABLE %s DETACH PARTITION %s", p->table, name);
}

/* The server looks whether all rows are in the bounds: so what is attached has few. */
static enum err
attach(struct db *db, const struct row *p, const char *name, const ulid *low, const ulid *high, struct error *e)
{
	char from[32] = "MINVALUE", to[32] = "MAXVALUE";

	if (low->s[0] != '\0')
		snprintf(from, sizeof(from), "'%s'", low->s);
	if (high->s[0] != '\0')
		snprintf(to, sizeof(to), "'%s'", high->s);
	return do_sql(db, e, "ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)", p->table, name, from, to);
}

static enum err
make(struct db *db, const struct row *p, const char *name, struct error *e)
{
	return do_sql(db, e, "CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS)", name, p->table);
}

/* A range of its own for what `from`, which is detached, holds of it. */
static enum err
make_range(struct db *db, const struct row *p, const char *from, const ulid *low, const ulid *high, char name[64], struct error *e)
{
	day_name(p->table, "", low, name);
	TRY(make(db, p, name, e));
	TRY(do_sql(db, e, "INSERT INTO %s SELECT * FROM %s WHERE id >= '%s' AND id < '%s'", name, from, low->s, high->s));
	TRY(do_sql(db, e, "DELETE FROM %s WHERE id >= '%s' AND id < '%s'", from, low->s, high->s));
	return attach(db, p, name, low, high, e);
}

/* Of the first range; one more than FEW where there are more. */
static enum err
count_few(struct db *db, const struct row *p, const ulid *high, int64_t *ret, struct error *e)
{
	struct rows r;

	*ret = 0;
	TRY(db_query_(db, p->few, &r, e, VALS(val_ulid(high))));
	if (db_next(&r))
		*ret = db_col(&r, 0).i;
	while (db_next(&r))
		;
	return db_done(&r, e);
}

/* Off the beginning of time: what is there is split, where it is little. */
static enum err
span(struct db *db, const struct row *p, const struct range *first, int64_t from, struct error *e)
{
	ulid none = { "" }, least = ulid_low(floor_to(from, p->width)), low = least, high;
	char name[64];
	int64_t n;

	if (strcmp(least.s, first->high.s) >= 0)
		return OK;
	TRY(count_few(db, p, &first->high, &n, e));
	if (n > FEW)
		return OK;
	TRY(have(db, p, e));
	TRY(detach(db, p, first->name, e));
	for (; strcmp(low.s, first->high.s) < 0; low = high) {
		high = ulid_low(floor_to(ulid_ms(&low), p->width) + p->width);
		if (strcmp(high.s, first->high.s) > 0)
			high = first->high;
		TRY(make_range(db, p, first->name, &low, &high, name, e));
	}
	return attach(db, p, first->name, &none, &least, e);
}

static enum err
take_turn(struct db *db, const char *table, bool *mine, struct error *e)
{
	struct rows r;

	TRY(db_query(db, alone, &r, e, V(str_z(table))));
	*mine = db_next(&r) && db_col(&r, 0).i != 0;
	while (db_next(&r))
		;
	return db_done(&r, e);
}

enum err
partition_span(struct db *db, enum partitioned which, int64_t from, struct error *e)
{
	struct layout l;
	enum err code;
	bool mine;

	if (!partition_on(db))
		return OK;
	TRY(take_turn(db, rows[which].table, &mine, e));
	if (!mine)
		return fail(e, E_LOCKED, NULL, "another one makes or drops ranges of %s", rows[which].table);
	arena_init(&l.a, LAYOUT_MAX);
	if ((code = layout(db, &rows[which], &l, e)) == OK)
		code = span(db, &rows[which], l.first, from, e);
	arena_free(&l.a);
	return code;
}

/* --- one turn of the duty --- */

/* What has been counted stands in the table's comment, which is written in the same transaction: so it is done once, whoever is killed. */
#define SLICE	"20000"
static const char count_off[] =
    "DO $do$ DECLARE done text := COALESCE(obj_description('%s'::regclass), ''); upto text; BEGIN"
    " SELECT max(workspace) INTO upto FROM (SELECT workspace FROM %s WHERE workspace > done ORDER BY workspace LIMIT " SLICE ") few;"
    " IF upto IS NULL THEN DROP TABLE %s; RETURN; END IF;"
    " UPDATE %s size SET n = size.n - gone.n FROM (SELECT workspace, count(*) AS n FROM %s WHERE workspace > done AND workspace <= upto GROUP BY workspace) gone"
    " WHERE size.workspace = gone.workspace;"
    " EXECUTE format('COMMENT ON TABLE %s IS %%L', upto); END $do$";

static enum err
drop_gone(struct db *db, const struct row *p, char did[PARTITION_DID], struct error *e)
{
	char name[64];

	TRY(text_of(db, &gone, p->table, name, e));
	if (name[0] == '\0')
		return OK;
	if (p->counted != NULL)
		TRY(do_sql(db, e, count_off, name, name, name, p->counted, name, name));
	else
		TRY(do_sql(db, e, "DROP TABLE %s", name));
	snprintf(did, PARTITION_DID, "%s %s", p->counted != NULL ? "counted" : "dropped", name);
	return OK;
}

/* So many ranges are there before they are needed: a duty that does not come for that long costs a longer look at what is behind them. */
static int64_t ahead_of(const struct row *p) { return MAX(2 * p->width, 3 * DAY_MS); }

/* Off the end of time; a time in which nobody was there is one range. */
static enum err
make_ahead(struct db *db, const struct row *p, const struct layout *l, int64_t now, char did[PARTITION_DID], struct error *e)
{
	const struct range *last = l->last;
	int64_t low = ulid_ms(&last->low), next = MAX(floor_to(low, p->width) + p->width, floor_to(now, p->width));
	ulid high = ulid_low(next), none = { "" };
	char name[64];

	if (low > now + ahead_of(p))
		return OK;
	TRY(have(db, p, e));
	TRY(detach(db, p, last->name, e));
	TRY(make_range(db, p, last->name, &last->low, &high, name, e));
	TRY(attach(db, p, last->name, &high, &none, e));
	snprintf(did, PARTITION_DID, "made %s", name);
	return OK;
}

/* What ends is kept from its end on, which is soon after its id was made. */
#define LATE_MS	DAY_MS

static enum err
may_go(struct db *db, const struct row *p, const struct range *r, int64_t before, bool *ret, struct error *e)
{
	ulid least = ulid_low(p->needed != NULL ? before - LATE_MS : before);
	bool needed = false;

	*ret = r->high.s[0] != '\0' && strcmp(r->high.s, least.s) <= 0;
	if (!*ret || p->needed == NULL)
		return OK;
	TRY(db_any_(db, p->needed, &needed, e, VALS(V(str_z(r->low.s)), val_ulid(&r->high))));
	*ret = !needed;
	return OK;
}

static enum err
put_away(struct db *db, const struct row *p, const struct range *r, struct error *e)
{
	char name[64];

	day_name(p->table, "_gone", &r->high, name);
	TRY(detach(db, p, r->name, e));
	return do_sql(db, e, "ALTER TABLE %s RENAME TO %s", r->name, name);
}

/* The beginning of time: empty, until somebody brings old rows. */
static enum err
make_older(struct db *db, const struct row *p, const ulid *high, struct error *e)
{
	ulid none = { "" };
	char name[64];

	snprintf(name, sizeof(name), "%s_older", p->table);
	TRY(make(db, p, name, e));
	return attach(db, p, name, &none, high, e);
}

/* Two go at a time: the first, which reaches back for ever, and the next one, unless that is too young; then the first goes only when
 * there is something in it.  Nobody can make a row of it needed once the table is ours alone: so it is asked twice, and most of the
 * asking is done before. */
static enum err
detach_oldest(struct db *db, const struct row *p, const struct layout *l, int64_t before, char did[PARTITION_DID], struct error *e)
{
	const struct range *r = l->first, *next = r->next;
	bool one, two;
	int64_t n;

	TRY(may_go(db, p, r, before, &one, e));
	if (!one)
		return OK;
	TRY(may_go(db, p, next, before, &two, e));
	TRY(count_few(db, p, &r->high, &n, e));
	if (!two && n == 0)
		return OK;
	TRY(have(db, p, e));
	TRY(may_go(db, p, r, before, &one, e));
	if (two)
		TRY(may_go(db, p, next, before, &two, e));
	if (!one)
		return OK;
	TRY(put_away(db, p, r, e));
	if (two)
		TRY(put_away(db, p, next, e));
	TRY(make_older(db, p, two ? &next->high : &r->high, e));
	snprintf(did, PARTITION_DID, "detached %s", two ? next->name : r->name);
	return OK;
}

static enum err
do_one_thing(struct db *db, const struct row *p, struct layout *l, int64_t now, int64_t before, char did[PARTITION_DID], struct error *e)
{
	TRY(drop_gone(db, p, did, e));
	if (did[0] != '\0')
		return OK;
	TRY(layout(db, p, l, e));
	TRY(make_ahead(db, p, l, now, did, e));
	return did[0] == '\0' ? detach_oldest(db, p, l, before, did, e) : OK;
}

enum err
partition_turn(struct db *db, enum partitioned which, int64_t now, int64_t before, char did[PARTITION_DID], struct error *e)
{
	const struct row *p = &rows[which];
	struct layout l;
	bool mine;

	did[0] = '\0';
	if (!partition_on(db))
		return OK;
	TRY(db->ops->script(db, "SET LOCAL lock_timeout = 100", e));
	TRY(take_turn(db, p->table, &mine, e));
	if (!mine)
		return OK;
	arena_init(&l.a, LAYOUT_MAX);
	enum err code = do_one_thing(db, p, &l, now, before, did, e);
	arena_free(&l.a);
	return code;
}

/* --- a plain table becomes a partitioned one --- */

#define MARGIN_MS	(2 * DAY_MS)	/* the rule holds that long at least before the first row of behind it comes */
#define NEAR_MS		(DAY_MS / 2)

struct conversion { struct db *db; const struct row *p; void (*tell)(void *, const char *); void *ctx; ulid at; bool ruled, valid; };

static void
tell(const struct conversion *c, const char *what)
{
	char line[200];

	if (c->tell == NULL)
		return;
	snprintf(line, sizeof(line), "  %s: %s", c->p->table, what);
	c->tell(c->ctx, line);
}

static enum err
look_for_rule(struct db *db, const struct row *p, ulid *at, bool *ruled, bool *valid, struct error *e)
{
	struct rows r;

	TRY(db_query(db, rule, &r, e, V(str_z(p->table))));
	if ((*ruled = db_next(&r))) {
		*valid = db_col(&r, 0).i != 0;
		*at = bound(db_col(&r, 1).s, "'");
	}
	while (db_next(&r))
		;
	return db_done(&r, e);
}

/* One short transaction that has the table for itself, again until it could be had. */
static enum err
shortly(struct conversion *c, enum err (*what)(struct conversion *, struct error *), struct error *e)
{
	int tries = 0;

	for (;;) {
		enum err code = migrate_begin(c->db, c->p->table, e);
		if (code == OK) {
			if ((code = what(c, e)) == OK)
				code = c->db->ops->commit(c->db, e);
			if (code != OK)
				c->db->ops->rollback(c->db);
		}
		if ((code != E_LOCKED && code != E_RETRY) || !migrate_pause(&tries))
			return code;
	}
}

static enum err
put_rule(struct conversion *c, struct error *e)
{
	return do_sql(c->db, e, "ALTER TABLE %s ADD CONSTRAINT %s_bound CHECK (id < '%s') NOT VALID", c->p->table, c->p->table, c->at.s);
}

static enum err
drop_rule(struct conversion *c, struct error *e)
{
	return do_sql(c->db, e, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s_bound", c->p->table, c->p->table);
}

/* Index by index: the old one gives its name to that of the new table, of which it becomes a part. */
struct index { char name[64], def[600]; };

static enum err
list_indexes(struct conversion *c, struct index *ret, int most, int *n, struct error *e)
{
	struct rows r;

	TRY(db_query(c->db, indexes, &r, e, V(str_z(c->p->table))));
	for (*n = 0; db_next(&r) && *n < most; ++*n) {
		snprintf(ret[*n].name, sizeof(ret[*n].name), "%.*s", STR(db_col(&r, 0).s));
		snprintf(ret[*n].def, sizeof(ret[*n].def), "%.*s", STR(db_col(&r, 1).s));
	}
	return db_done(&r, e);
}

static enum err
swap(struct conversion *c, struct error *e)
{
	const char *t = c->p->table;
	struct index ix[16];
	int n;

	TRY(list_indexes(c, ix, (int)COUNT(ix), &n, e));
	TRY(do_sql(c->db, e, "ALTER TABLE %s RENAME TO %s_before", t, t));
	for (int i = 0; i < n; i++)
		TRY(do_sql(c->db, e, "ALTER INDEX %s RENAME TO %s_before", ix[i].name, ix[i].name));
	TRY(do_sql(c->db, e, "CREATE TABLE %s (LIKE %s_before INCLUDING DEFAULTS, PRIMARY KEY (workspace, id)) PARTITION BY RANGE (id)", t, t));
	for (int i = 0; i < n; i++)
		if (ix[i].def[0] != '\0')
			TRY(do_sql(c->db, e, "%s", ix[i].def));
	TRY(do_sql(c->db, e, "ALTER TABLE %s ATTACH PARTITION %s_before FOR VALUES FROM (MINVALUE) TO ('%s')", t, t, c->at.s));
	TRY(do_sql(c->db, e, "ALTER TABLE %s_before DROP CONSTRAINT %s_bound", t, t));
	return do_sql(c->db, e, "CREATE TABLE %s_later PARTITION OF %s FOR VALUES FROM ('%s') TO (MAXVALUE)", t, t, c->at.s);
}

/* The first range begins behind all that there is, and late enough that the rows of the next days are not refused meanwhile. */
static enum err
choose_bound(struct conversion *c, int64_t now, struct error *e)
{
	ulid last;

	TRY(ask_id(c->db, c->p->last, &last, e));
	int64_t behind = MAX(now, last.s[0] != '\0' ? ulid_ms(&last) : 0) + MARGIN_MS;
	c->at = ulid_low(floor_to(behind, c->p->width) + c->p->width);
	return OK;
}

static enum err
convert_one(struct conversion *c, int64_t now, struct error *e)
{
	bool done;

	TRY(db_any(c->db, kind, &done, e, V(str_z(c->p->table))));
	if (done)
		return OK;
	TRY(look_for_rule(c->db, c->p, &c->at, &c->ruled, &c->valid, e));
	if (c->ruled && ulid_ms(&c->at) < now + NEAR_MS) {
		TRY(shortly(c, drop_rule, e));
		c->ruled = c->valid = false;
	}
	if (!c->ruled) {
		tell(c, "a bound for what there is");
		TRY(choose_bound(c, now, e));
		TRY(shortly(c, put_rule, e));
	}
	if (!c->valid) {
		tell(c, "all rows are looked at, while others read and write them");
		TRY(do_sql(c->db, e, "ALTER TABLE %s VALIDATE CONSTRAINT %s_bound", c->p->table, c->p->table));
	}
	tell(c, "the table becomes the oldest partition of the new one");
	return shortly(c, swap, e);
}

enum err
partition_convert(struct db *db, int64_t now, void (*tell_)(void *ctx, const char *what), void *ctx, struct error *e)
{
	TRY(db->ops->script(db, "SET lock_timeout = 0", e));
	for (int i = 0; i < PARTITIONED_COUNT; i++)
		TRY(convert_one(&(struct conversion){ .db = db, .p = &rows[i], .tell = tell_, .ctx = ctx }, now, e));
	return OK;
}

enum err
partition_take_back(struct db *db, enum partitioned which, int64_t now, bool *did, struct error *e)
{
	const struct row *p = &rows[which];
	bool ruled, valid;
	ulid at;

	*did = false;
	if (!db_is_pg(db) || db_schema() >= PARTITION_SCHEMA)
		return OK;
	TRY(look_for_rule(db, p, &at, &ruled, &valid, e));
	if (!ruled || ulid_ms(&at) >= now + NEAR_MS)
		return OK;
	TRY(db->ops->script(db, "SET LOCAL lock_timeout = 300", e));
	TRY(do_sql(db, e, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s_bound", p->table, p->table));
	*did = true;
	return OK;
}
