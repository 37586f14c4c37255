#include "model/node.h"

static const struct field fields[] = {
	F_ID  (node, id, node, "id", "id", 0, "The process"),
	F_STR (node, role, "role", "role", 0, 0, 0, "What it does", "api"),
	F_STR (node, host, "host", "host", 0, 0, 0, "The machine that it runs on, and its process there", "web-1:4711"),
	F_STR (node, version, "version", "version", 0, 0, 0, "Its release", "1.0"),
	F_TIME(node, began_at, "beganAt", "began_at", 0, "When it started"),
	F_TIME(node, seen_at, "seenAt", "seen_at", 0, "Its last sign of life"),
	F_STR (node, settings, "settings", "settings", F_HIDE, 0, 0, "What all nodes are to have alike", ""),
	F_BOOL(node, alive, "alive", NULL, 0, "Whether that was lately"),
	F_STR (node, differs, "differs", NULL, 0, 0, 0, "Its settings that all nodes are to have alike, and have not", "public_url=https://api.example.com"),
};
const struct rec node_rec = REC(node, fields, "A process that serves or works over this database");

SQL_SINCE(NODE_SCHEMA, say, "node.say", "INSERT INTO node (id, role, host, version, began_at, seen_at, settings) VALUES ($1, $2, $3, $4, $5, $6, $7)"
    " ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, settings = excluded.settings");
SQL_SINCE(NODE_SCHEMA, gone, "node.gone", "DELETE FROM node WHERE id = $1");
SQL_SINCE(NODE_SCHEMA, bury, "node.bury", "DELETE FROM node WHERE id = $1 AND seen_at < $2");
SQL_SINCE(NODE_SCHEMA, list, "node.list", "SELECT id, role, host, version, began_at, seen_at, settings FROM node WHERE id > $1 ORDER BY id LIMIT $2");
SQL_SINCE(NODE_SCHEMA, duties, "duty.list", "SELECT name, holder, until FROM duty WHERE name > $1 ORDER BY name");
SQL_SINCE(NODE_SCHEMA, take, "duty.take", "INSERT INTO duty (name, holder, until, next_at) VALUES ($1, $2, $4, 0)"
    " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE duty.holder = $2 OR duty.until <= $3 RETURNING next_at");
SQL_SINCE(NODE_SCHEMA, next, "duty.next", "UPDATE duty SET next_at = $3 WHERE name = $1 AND holder = $2");
SQL_SINCE(NODE_SCHEMA, leave, "duty.leave", "UPDATE duty SET until = 0 WHERE name = $1 AND holder = $2");

enum err
node_say(struct db *db, const struct node *n, struct error *e)
{
	return db_run(db, say, e, VID(n->id), V(n->role), V(n->host), V(n->version), V(n->began_at), V(n->seen_at), V(n->settings));
}

enum err node_gone(struct db *db, node_id id, struct error *e) { return db_run(db, gone, e, VID(id)); }
enum err node_bury(struct db *db, node_id id, int64_t unseen_since, struct error *e) { return db_run(db, bury, e, VID(id), V(unseen_since)); }

enum err
node_list(struct db *db, struct arena *a, struct node ret[NODES_MAX], int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(db_query(db, list, &r, e, V(S("")), V(NODES_MAX)));
	while (*n < NODES_MAX && db_next(&r))
		db_scan(&node_rec, &r, a, &ret[(*n)++]);
	return db_done(&r, e);
}

/* --- what all are to have alike --- */

str
node_setting(str settings, str name)
{
	while (settings.n != 0) {
		str line = str_split(&settings, '\n'), its = str_split(&line, '=');
		if (str_eq(its, name))
			return line.p != NULL ? line : S("");
	}
	return STR_NONE;
}

static bool is_known(const struct node *n) { return n->alive && n->settings.n != 0; }

static bool
is_disputed(const struct node *v, int n, str name, str value)
{
	for (int i = 0; i < n; i++) {
		str its = is_known(&v[i]) ? node_setting(v[i].settings, name) : STR_NONE;
		if (its.p != NULL && !str_eq(its, value))
			return true;
	}
	return false;
}

/* Names, a line each: of the settings that a living node has otherwise than the first one that lives. */
static str
disputed(struct arena *a, const struct node *v, int n)
{
	int first = 0;
	struct buf b;

	while (first < n && !is_known(&v[first]))
		first++;
	str rest = first < n ? v[first].settings : S("");
	buf_init(&b, a, rest.n + 1);
	while (rest.n != 0) {
		str value = str_split(&rest, '\n'), name = str_split(&value, '=');
		if (value.p != NULL && is_disputed(v, n, name, value))
			buf_fmt(&b, "%.*s\n", STR(name));
	}
	return buf_str(&b);
}

static str
those_of(struct arena *a, const struct node *n, str names)
{
	struct buf b;

	buf_init(&b, a, n->settings.n + names.n + 1);
	while (is_known(n) && names.n != 0) {
		str name = str_split(&names, '\n'), value = node_setting(n->settings, name);
		if (value.p != NULL)
			buf_fmt(&b, "%s%.*s=%.*s", b.n != 0 ? " " : "", STR(name), STR(value));
	}
	return b.n != 0 ? buf_str(&b) : S("");
}

void
nodes_judge(struct arena *a, struct node *v, int n, int64_t now)
{
	for (int i = 0; i < n; i++)
		v[i].alive = now - v[i].seen_at < NODE_DEAD_MS;
	str names = disputed(a, v, n);
	for (int i = 0; i < n; i++)
		v[i].differs = those_of(a, &v[i], names);
}

enum err duty_list(struct db *db, struct rows *ret, struct error *e) { return db_query(db, duties, ret, e, V(S(""))); }

enum err
duty_take(struct db *db, str name, node_id me, int64_t now, int64_t until, bool *mine, int64_t *next_at, struct error *e)
{
	struct rows r;

	TRY(db_query(db, take, &r, e, V(name), VID(me), V(now), V(until)));
	if ((*mine = db_next(&r)))
		*next_at = db_col(&r, 0).i;
	return db_done(&r, e);
}

enum err
duty_next(struct db *db, str name, node_id me, int64_t next_at, struct error *e)
{
	return db_run(db, next, e, V(name), VID(me), V(next_at));
}

enum err duty_leave(struct db *db, str name, node_id me, struct error *e) { return db_run(db, leave, e, V(name), VID(me)); }
