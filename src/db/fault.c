/* fault -- an engine that breaks on cue (see db.h). */
#include "db/db.h"

static struct db_fault *of(struct db *db) { return db->h; }
static struct db *real(struct db *db) { return &of(db)->real; }

static bool
due(struct db *db, enum db_fault_kind kind)
{
	struct db_fault *f = of(db);

	if (f->kind == kind && f->countdown > 0 && --f->countdown == 0)
		return f->fired = true;
	return false;
}

static enum err
broke(struct error *e, const char *where)
{
	return fail(e, E_STORAGE, NULL, "injected at %s", where);
}

static enum err
f_begin(struct db *db, enum tx t, struct error *e)
{
	return due(db, DB_FAULT_CALL) ? broke(e, "begin") : real(db)->ops->begin(real(db), t, e);
}

static enum err
f_commit(struct db *db, struct error *e)
{
	if (due(db, DB_FAULT_CALL) || due(db, DB_FAULT_COMMIT_BEFORE)) {
		real(db)->ops->rollback(real(db));
		return broke(e, "commit");
	}
	bool after = due(db, DB_FAULT_COMMIT_AFTER);
	TRY(real(db)->ops->commit(real(db), e));
	return after ? fail(e, E_UNCERTAIN, NULL, "injected after commit") : OK;
}

static enum err
f_query(struct db *db, const struct stmt *q, const struct val *v, int n, struct rows *r, struct error *e)
{
	if (n >= 0 && due(db, DB_FAULT_CALL))
		return broke(e, q->name);
	return real(db)->ops->query(real(db), q, v, n, r, e);
}

static enum err
f_ask(struct db *db, const struct stmt *q, const struct val *v, int n, struct rows *r, struct error *e)
{
	if (due(db, DB_FAULT_CALL))
		return broke(e, q->name);
	return (real(db)->ops->ask != NULL ? real(db)->ops->ask : real(db)->ops->query)(real(db), q, v, n, r, e);
}

static enum err
f_send(struct db *db, const struct stmt *q, const struct miss *miss, const struct val *v, int n, struct error *e)
{
	return due(db, DB_FAULT_CALL) ? broke(e, q->name) : db_send_(real(db), q, miss, e, v, n);
}

static enum err f_settle(struct db *db, struct error *e) { return db_settle(real(db), e); }

static enum err
f_mark(struct db *db, bool firm, struct error *e)
{
	return due(db, DB_FAULT_CALL) ? broke(e, "mark") : real(db)->ops->mark(real(db), firm, e);
}

static enum err
f_release(struct db *db, struct error *e)
{
	return due(db, DB_FAULT_CALL) ? broke(e, "release") : real(db)->ops->release(real(db), e);
}

static enum err f_rewind(struct db *db, struct error *e) { return real(db)->ops->rewind(real(db), e); }
static void f_rollback(struct db *db) { real(db)->ops->rollback(real(db)); }
static bool f_sole(struct db *db) { return real(db)->ops->sole(real(db)); }
static bool f_broken(struct db *db) { return real(db)->ops->broken(real(db)); }
static int64_t f_changes(struct db *db) { return real(db)->ops->changes(real(db)); }
static int64_t f_written(struct db *db) { return real(db)->ops->written(real(db)); }
static int64_t f_trips(struct db *db) { return db_trips(real(db)); }
static void f_concerns(struct db *db, const ulid *workspace) { db_concerns(real(db), workspace); }
static enum err f_script(struct db *db, const char *sql, struct error *e) { return real(db)->ops->script(real(db), sql, e); }
static enum err f_revive(struct db *db, struct error *e) { return real(db)->ops->revive(real(db), e); }
static int64_t f_size(struct db *db) { return real(db)->ops->size(real(db)); }
static void f_close(struct db *db) { real(db)->ops->close(real(db)); }

static const struct db_ops ops = {	/* rows go to the real engine: theirs is the db in them */
	.name = "fault", .begin = f_begin, .commit = f_commit, .rollback = f_rollback, .mark = f_mark, .release = f_release,
	.rewind = f_rewind, .sole = f_sole, .broken = f_broken, .query = f_query, .ask = f_ask, .send = f_send, .settle = f_settle, .changes = f_changes, .written = f_written,
	.trips = f_trips, .concerns = f_concerns, .script = f_script, .revive = f_revive, .size = f_size, .close = f_close,
};

struct db
db_fault_wrap(struct db_fault *f, struct db db)
{
	f->real = db;
	f->fired = false;
	return (struct db){ &ops, f };
}
