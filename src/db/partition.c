#include "db/partition.h"
#include "db/migrate.h"
#include <stdarg.h>
#include <stdio.h>

/* A row that is old may be of a job that is not done, or ended lately.  The first two are index searches; the third is asked only of a
 * partition that is about to go. */
SQL_PG(PARTITION_SCHEMA, job_needed, "partition.job_needed",
    "SELECT 1 FROM job WHERE id >= $1 AND id < $2 AND status = 'QUEUED' AND run_at >= 0"
    " UNION ALL SELECT 1 FROM job WHERE id >= $1 AND id < $2 AND status = 'RUNNING' AND lease_until >= 0"
    " UNION ALL SELECT 1 FROM job WHERE id >= $1 AND id < $2 AND completed_at >= $3 LIMIT 1");

#define PARTITION(table, keep, days, needed, counted) \
	SQL_PG(PARTITION_SCHEMA, table##_stray, "partition." #table "_stray", "SELECT min(id) FROM " #table "_other"); \
	SQL_PG(1, table##_last, "partition." #table "_last", "SELECT max(id) FROM " #table);
#include "db/partition.def"
#undef PARTITION

struct row { const char *table, *counted; int64_t width; const struct stmt *needed, *stray, *last; };
static const struct row rows[] = {
#define PARTITION(table, keep, days, needed, counted) { #table, counted, (days) * DAY_MS, needed, &table##_stray, &table##_last },
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

struct range { struct range *next; char name[64]; ulid low, high; };	/* low empty: from the beginning of time */
struct layout { struct arena a; struct range *first; };
#define LAYOUT_MAX	((size_t)1 << 20)

bool partition_on(struct db *db) { return db_is_pg(db) && db_schema() >= PARTITION_SCHEMA; }

bool
partition_find(str table, enum partitioned *ret)
{
	for (int i = 0; i < PARTITIONED_COUNT; i++)
		if (str_eq(table, str_z(rows[i].table))) {
			*ret = (enum partitioned)i;
			return true;
		}
	return false;
}

static enum err
do_sql(struct db *db, struct error *e, const char *fmt, ...)
{
	char sql[1000];
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

static struct range *
add_range(struct layout *l, str name, ulid low, ulid high)
{
	struct range *r = NEW(&l->a, struct range);

	*r = (struct range){ .next = l->first, .low = low, .high = high };
	snprintf(r->name, sizeof(r->name), "%.*s", STR(name));
	return l->first = r;
}

/* The caller frees its arena. */
static enum err
layout(struct db *db, const struct row *p, struct layout *ret, struct error *e)
{
	struct rows r;

	ret->first = NULL;
	TRY(db_query(db, ranges, &r, e, V(str_z(p->table))));
	while (db_next(&r)) {
		str name = db_col(&r, 0).s, def = db_col(&r, 1).s;
		if (!str_eq(def, S("DEFAULT")))
			add_range(ret, name, bound(def, "FROM ('"), bound(def, "TO ('"));
	}
	TRY(db_done(&r, e));
	return ret->a.over ? fail(e, E_UNAVAILABLE, NULL, "%s has too many partitions", p->table) : OK;
}

static int64_t floor_to(int64_t ms, int64_t width) { return ms - ms % width; }

/* The gap around a moment, as wide as a range may be: false when a range holds it. */
static bool
gap(const struct layout *l, int64_t width, int64_t ms, ulid *low, ulid *high)
{
	ulid at = ulid_low(ms);

	*low = ulid_low(floor_to(ms, width));
	*high = ulid_low(floor_to(ms, width) + width);
	for (const struct range *r = l->first; r != NULL; r = r->next) {
		bool before = r->high.s[0] != '\0' && strcmp(r->high.s, at.s) <= 0, behind = strcmp(r->low.s, at.s) > 0;
		if (!before && !behind)
			return false;
		if (before && strcmp(r->high.s, low->s) > 0)
			*low = r->high;
		if (behind && strcmp(r->low.s, high->s) < 0)
			*high = r->low;
	}
	return true;
}

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

/* --- making a range --- */

static void
day_name(const char *table, const char *between, const ulid *low, char ret[64])
{
	char t[TIME_LEN];

	time_write(t, ulid_ms(low));
	snprintf(ret, 64, "%s%s_%.4s%.2s%.2s", table, between, t, t + 5, t + 8);
}

/* What lies in the net moves in the same transaction: it can be seen at any time.  Attaching looks through the net once more, which
 * is empty but for what a wrong clock left there. */
static enum err
make_range(struct db *db, const struct row *p, const ulid *low, const ulid *high, char did[PARTITION_DID], struct error *e)
{
	const char *t = p->table;
	char name[64];

	day_name(t, "", low, name);
	TRY(do_sql(db, e, "CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS)", name, t));
	TRY(do_sql(db, e, "LOCK TABLE %s_other IN ACCESS EXCLUSIVE MODE", t));
	TRY(do_sql(db, e, "INSERT INTO %s SELECT * FROM %s_other WHERE id >= '%s' AND id < '%s'", name, t, low->s, high->s));
	TRY(do_sql(db, e, "DELETE FROM %s_other WHERE id >= '%s' AND id < '%s'", t, low->s, high->s));
	TRY(do_sql(db, e, "ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')", t, name, low->s, high->s));
	snprintf(did, PARTITION_DID, "made %s", name);
	return OK;
}

static enum err
span(struct db *db, const struct row *p, struct layout *l, int64_t from, int64_t to, struct error *e)
{
	char did[PARTITION_DID];
	ulid low, high;

	for (int64_t ms = from, next; ms <= to; ms = next) {
		next = floor_to(ms, p->width) + p->width;
		if (!gap(l, p->width, ms, &low, &high))
			continue;
		TRY(make_range(db, p, &low, &high, did, e));
		(void)add_range(l, S(""), low, high);
		next = MIN(next, ulid_ms(&high));
	}
	return OK;
}

enum err
partition_span(struct db *db, enum partitioned which, int64_t from, int64_t to, struct error *e)
{
	struct layout l;
	enum err code;

	if (!partition_on(db))
		return OK;
	arena_init(&l.a, LAYOUT_MAX);
	if ((code = layout(db, &rows[which], &l, e)) == OK)
		code = span(db, &rows[which], &l, from, to, e);
	arena_free(&l.a);
	return code;
}

/* --- one turn of the duty --- */

static enum err
drop_gone(struct db *db, const struct row *p, char did[PARTITION_DID], struct error *e)
{
	char name[64];

	TRY(text_of(db, &gone, p->table, name, e));
	if (name[0] == '\0')
		return OK;
	if (p->counted != NULL)
		TRY(do_sql(db, e, "UPDATE %s s SET n = s.n - g.n FROM (SELECT workspace, count(*) AS n FROM %s GROUP BY workspace) g WHERE s.workspace = g.workspace",
		    p->counted, name));
	TRY(do_sql(db, e, "DROP TABLE %s", name));
	snprintf(did, PARTITION_DID, "dropped %s", name);
	return OK;
}

/* So many ranges are there before they are needed: a duty that does not come for that long costs nothing but the net. */
static int64_t ahead_of(const struct row *p) { return MAX(2 * p->width, 3 * DAY_MS); }

static enum err
make_ahead(struct db *db, const struct row *p, const struct layout *l, int64_t now, char did[PARTITION_DID], struct error *e)
{
	ulid low, high;

	for (int64_t ms = now; ms <= now + ahead_of(p); ms += p->width)
		if (gap(l, p->width, ms, &low, &high))
			return make_range(db, p, &low, &high, did, e);
	return OK;
}

static enum err
make_for_strays(struct db *db, const struct row *p, const struct layout *l, char did[PARTITION_DID], struct error *e)
{
	ulid least, low, high;

	TRY(ask_id(db, p->stray, &least, e));
	if (least.s[0] == '\0' || !gap(l, p->width, ulid_ms(&least), &low, &high))
		return OK;
	return make_range(db, p, &low, &high, did, e);
}

static const struct range *
oldest(const struct layout *l)
{
	const struct range *ret = NULL;

	for (const struct range *r = l->first; r != NULL; r = r->next)
		if (ret == NULL || strcmp(r->low.s, ret->low.s) < 0)
			ret = r;
	return ret;
}

static enum err
is_needed(struct db *db, const struct row *p, const struct range *r, int64_t before, bool *ret, struct error *e)
{
	*ret = false;
	if (p->needed == NULL)
		return OK;
	return db_any_(db, p->needed, ret, e, VALS(V(str_z(r->low.s)), val_ulid(&r->high), V(before)));
}

/* Nobody can make a row of it needed once the table is ours alone; so it is asked twice, and most of the asking is done before. */
static enum err
detach_oldest(struct db *db, const struct row *p, const struct layout *l, int64_t before, char did[PARTITION_DID], struct error *e)
{
	const struct range *r = oldest(l);
	ulid least = ulid_low(before);
	char name[64];
	bool needed;

	if (r == NULL || r->high.s[0] == '\0' || strcmp(r->high.s, least.s) > 0)
		return OK;
	TRY(is_needed(db, p, r, before, &needed, e));
	if (needed)
		return OK;
	TRY(do_sql(db, e, "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", p->table));
	TRY(is_needed(db, p, r, before, &needed, e));
	if (needed)
		return OK;
	day_name(p->table, "_gone", &r->high, name);
	TRY(do_sql(db, e, "ALTER TABLE %s DETACH PARTITION %s", p->table, r->name));
	TRY(do_sql(db, e, "ALTER TABLE %s RENAME TO %s", r->name, name));
	snprintf(did, PARTITION_DID, "detached %s", r->name);
	return OK;
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

static enum err
do_one_thing(struct db *db, const struct row *p, struct layout *l, int64_t now, int64_t before, char did[PARTITION_DID], struct error *e)
{
	TRY(drop_gone(db, p, did, e));
	if (did[0] != '\0')
		return OK;
	TRY(layout(db, p, l, e));
	TRY(make_ahead(db, p, l, now, did, e));
	if (did[0] == '\0')
		TRY(make_for_strays(db, p, l, did, e));
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
	TRY(db->ops->script(db, "SET LOCAL lock_timeout = 300", e));
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
	return do_sql(c->db, e, "CREATE TABLE %s_other PARTITION OF %s DEFAULT", t, t);
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
