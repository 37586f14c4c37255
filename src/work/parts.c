/* parts -- the partitions of the tables that grow (db/partition.h): made before their time comes, and dropped when all that is in them is
 * older than it is kept.  A duty (duty.c); nothing over the embedded database, where rows are deleted slice by slice (clean.c). */
#include "db/partition.h"
#include "work/work_priv.h"

struct turn { struct work *w; enum partitioned table; char did[PARTITION_DID]; bool back; };

int64_t
work_keep_ms(const struct conf *c, enum partitioned table)
{
	switch (table) {
#define PARTITION(table, keep, days, needed, counted) case PARTITIONED_##table: return c->keep * DAY_MS;
#include "db/partition.def"
#undef PARTITION
	case PARTITIONED_COUNT:
		break;
	}
	return INT64_MAX;
}

static enum err
take_turn(void *ctx, struct db *db, struct error *e)
{
	struct turn *t = ctx;
	int64_t now = sys_wall_ms(t->w->c.clock);

	TRY(partition_take_back(db, t->table, now, &t->back, e));
	return partition_turn(db, t->table, now, now - work_keep_ms(t->w->c.settings(t->w->c.ctx), t->table), t->did, e);
}

/* A table whose lock cannot be had now has its turn in the next round. */
static bool
one_turn(struct work *w, enum partitioned table)
{
	struct turn t = { .w = w, .table = table };
	struct error e;

	if (engine_wait(w->c.engine, take_turn, &t, &e) != OK) {
		log_note(w->c.log, LOG_WARN, "partition", "%s", e.detail);
		return false;
	}
	if (t.back)
		log_note(w->c.log, LOG_WARN, "partition", "a migration was begun and not ended; what it would refuse soon is allowed again: run scriped migrate");
	if (t.did[0] != '\0')
		log_note(w->c.log, str_starts(str_z(t.did), S("counted")) ? LOG_DEBUG : LOG_INFO, "partition", "%s", t.did);
	return t.did[0] != '\0';
}

bool
tend_partitions(struct work *w)
{
	bool more = false;

	for (int i = 0; i < PARTITIONED_COUNT && !engine_embedded(w->c.engine) && !w->stopping; i++)
		more |= one_turn(w, (enum partitioned)i);
	return more;
}
