#include "model/session.h"

#define SESSION	"SELECT s.hash, s.person, s.began_at, s.seen_at, s.expires_at, s.ip, s.agent, p.email, p.name FROM session s JOIN person p ON p.id = s.person"
/* A password ends what began before it. */
#define HOLDS	"s.began_at >= coalesce(p.password_at, 0)"

/* A clock that was set back since the password was chosen must not lock its owner out. */
SQL(insert, "session.insert", "INSERT INTO session (hash, person, began_at, seen_at, expires_at, ip, agent)"
    " SELECT $1, id, CASE WHEN password_at > $3 THEN password_at ELSE $3 END, $3, $4, $5, $6 FROM person WHERE id = $2");
SQL(by_hash, "session.by_hash", SESSION " WHERE s.hash = $1 AND s.expires_at > $2 AND " HOLDS);
SQL(some, "session.page", SESSION " WHERE s.person = $1 AND s.expires_at > $2 AND " HOLDS " ORDER BY s.began_at DESC LIMIT $3");
SQL(many, "session.count", "SELECT count(*) FROM (SELECT hash FROM session WHERE person = $1 LIMIT $2) n");
SQL(oldest, "session.give_way",
    "DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE person = $1 ORDER BY began_at LIMIT $2)");
SQL(touch, "session.touch",
    "UPDATE session SET seen_at = $2, expires_at = CASE WHEN began_at + $4 < $3 THEN began_at + $4 ELSE $3 END WHERE hash = $1");
SQL(end, "session.end", "DELETE FROM session WHERE hash = $1");
SQL(end_all, "session.end_all", "DELETE FROM session WHERE person = $1 AND hash <> $2");
SQL(over, "session.sweep", "DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AND expires_at <= $1");

/* Room for one more: more than SESSIONS_MOST stand only while several begin at the same moment. */
static enum err
make_room(struct db *db, person_id person, struct error *e)
{
	int64_t n = 0;
	struct rows r;

	TRY(db_query(db, many, &r, e, VID(person), V(2 * SESSIONS_MOST)));
	if (db_next(&r))
		n = db_col(&r, 0).i;
	TRY(db_done(&r, e));
	return n < SESSIONS_MOST ? OK : db_run(db, oldest, e, VID(person), V(n - SESSIONS_MOST + 1));
}

enum err
session_insert(struct db *db, const struct session *s, struct error *e)
{
	TRY(make_room(db, s->person, e));
	return db_run(db, insert, e, val_digest(&s->hash), VID(s->person), V(s->began_at), V(s->began_at + SESSION_IDLE_MS),
	    V(s->ip), V(s->agent));
}

static void
scan(struct rows *r, struct arena *a, struct session *ret)
{
	*ret = (struct session){ .began_at = db_col(r, 2).i, .seen_at = db_col(r, 3).i, .expires_at = db_col(r, 4).i,
	    .ip = str_dup(a, db_col(r, 5).s), .agent = str_dup(a, db_col(r, 6).s), .email = str_dup(a, db_col(r, 7).s),
	    .name = str_dup(a, db_col(r, 8).s) };
	memcpy(ret->hash.b, db_col(r, 0).s.p, sizeof(ret->hash.b));
	memcpy(ret->person.u.s, db_col(r, 1).s.p, 26);
}

enum err
session_by_hash(struct db *db, struct arena *a, const digest *hash, int64_t now, struct session *ret, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, by_hash, &r, e, val_digest(hash), V(now)));
	if ((*found = db_next(&r)))
		scan(&r, a, ret);
	return db_done(&r, e);
}

enum err
session_list(struct db *db, struct arena *a, person_id person, int64_t now, struct session ret[SESSIONS_MOST], int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(db_query(db, some, &r, e, VID(person), V(now), V(SESSIONS_MOST)));
	while (*n < SESSIONS_MOST && db_next(&r))
		scan(&r, a, &ret[(*n)++]);
	return db_done(&r, e);
}

enum err
session_touch(struct db *db, const digest *hash, int64_t now, struct error *e)
{
	return db_run(db, touch, e, val_digest(hash), V(now), V(now + SESSION_IDLE_MS), V(SESSION_MOST_MS));
}

enum err
session_end(struct db *db, const digest *hash, struct error *e)
{
	return db_run(db, end, e, val_digest(hash));
}

enum err
session_end_all(struct db *db, person_id person, const digest *but, struct error *e)
{
	static const digest none;	/* no hash is all zero */

	return db_run(db, end_all, e, VID(person), val_digest(but != NULL ? but : &none));
}

enum err
session_sweep(struct db *db, int64_t now, int most, int64_t *n, struct error *e)
{
	TRY(db_touch(db, over, n, e, V(now), V(most)));
	return OK;
}
