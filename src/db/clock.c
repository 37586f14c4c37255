/* clock -- the database's time: the only place where it is asked for. */
#include "db/engine.h"

/* The embedded database has our time. */
SQL(its_time, "db.clock", "SELECT 0{pg} + CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT){/pg}");

enum err
db_clock(struct db *db, struct sys_clock_shared *c, struct error *e)
{
	enum { LOOKS = 3 };
	int64_t best = INT64_MAX, base = 0;
	struct rows r;

	for (int i = 0; i < LOOKS; i++) {
		int64_t asked = sys_mono_us(&sys_clock_real);
		TRY(db_query_(db, &its_time, &r, e, NULL, 0));
		int64_t there = db_next(&r) ? db_col(&r, 0).i : 0, took = sys_mono_us(&sys_clock_real) - asked;
		TRY(db_done(&r, e));
		if (took < best) {
			best = took;
			base = there != 0 ? there - asked - took / 2 : 0;
		}
	}
	/* no more exact than this: what may still be right stays, so that the time does not tremble */
	int64_t was = c->base_us, off = base - was;
	if (off > best / 2 + 1 || -off > best / 2 + 1)
		c->base_us = base;
	return OK;
}
