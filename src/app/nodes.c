/* nodes -- what a process has to know of the others of its database: whether they have the settings that all must have alike, and whether any reads from a replica. */
#include "app/app.h"
#include "kv/seen.h"
#include "model/node.h"
#include <unistd.h>

#define MEET_BUDGET	((size_t)8 << 20)

/* Who is there, when this process has said that it is, too: of two that start at the same time at least one sees the other. */
struct meeting { struct node *me; struct arena a; struct node *v; int n; };

static enum err
meet(void *ctx, struct db *db, struct error *e)
{
	struct meeting *m = ctx;

	arena_reset(&m->a);
	m->v = NEW_N(&m->a, struct node, NODES_MAX);
	if (m->me != NULL)
		TRY(node_say(db, m->me, e));
	return node_list(db, &m->a, m->v, &m->n, e);
}

static enum err part(void *ctx, struct db *db, struct error *e) { return node_gone(db, ((struct meeting *)ctx)->me->id, e); }

/* What of the two would let a caller read what was before its own write; NULL: nothing. */
static const char *
unsafe_with(str mine, str its)
{
	str my_read = node_setting(mine, S("db_read")), its_read = node_setting(its, S("db_read"));

	if (its_read.p == NULL || (!str_eq(my_read, S("replica")) && !str_eq(its_read, S("replica"))))
		return NULL;
	if (its_read.n == 0)
		return "has no db_read and tells nobody what it writes, so that what is read from a replica here could be older: give it kv, and db_read with the value of db, first";
	if (my_read.n == 0)
		return "reads from a replica, and would not be told what is written here: give this node the same kv, and db_read with the value of db or of a replica";
	if (!str_eq(node_setting(mine, S("kv")), node_setting(its, S("kv"))))
		return "has another kv, so that neither is told what the other writes while one of them reads from a replica: let all have the same kv before any has db_read";
	return NULL;
}

static enum err
judge(const struct node *me, const struct node *other, struct error *e)
{
	const char *why = unsafe_with(me->settings, other->settings);

	if (why == NULL)
		return OK;
	return fail(e, E_CONFLICT, NULL, "node %.*s (role %.*s, seen %lld s ago) %s. One that is gone is forgotten after %d s. See \"Changing what all nodes share\" in the docs",
	    STR(other->host), STR(other->role), (long long)((me->seen_at - other->seen_at) / 1000), why, NODE_DEAD_MS / 1000);
}

/* Once for each setting, whoever has it otherwise. */
static void
warn(const struct node *me, const struct node *v, int n, struct log *log)
{
	str rest = me->settings;

	while (rest.n != 0) {
		str mine = str_split(&rest, '\n'), name = str_split(&mine, '=');
		for (int i = 0; i < n && mine.p != NULL; i++) {
			str its = v[i].alive ? node_setting(v[i].settings, name) : STR_NONE;
			if (its.p == NULL || str_eq(its, mine))
				continue;
			log_note(log, LOG_WARN, "node", "%.*s is '%.*s' here and '%.*s' on node %.*s: let all nodes of a database have the same", STR(name), STR(mine), STR(its), STR(v[i].host));
			break;
		}
	}
}

enum err
nodes_meet(struct engine *g, struct log *log, struct node *me, struct error *e)
{
	struct meeting m = { .me = me };
	struct error after;

	if (db_schema() < NODE_SCHEMA)
		return OK;
	arena_init(&m.a, MEET_BUDGET);
	enum err code = engine_wait(g, meet, &m, e);
	if (code == OK) {
		nodes_judge(&m.a, m.v, m.n, me->seen_at);
		for (int i = 0; i < m.n && code == OK; i++)
			code = m.v[i].alive ? judge(me, &m.v[i], e) : OK;
		if (code == OK)
			warn(me, m.v, m.n, log);
		else
			(void)!engine_wait(g, part, &m, &after);
	}
	arena_free(&m.a);
	return code;
}

/* --- who writes beside the nodes: commands --- */

static enum err
shut_replicas(void *ctx, struct db *db, struct error *e)
{
	struct meeting *m = ctx;
	bool read = false;

	TRY(meet(m, db, e));
	nodes_judge(&m->a, m->v, m->n, sys_wall_ms(&sys_clock_real));
	for (int i = 0; i < m->n && !read; i++)
		read = m->v[i].alive && str_eq(node_setting(m->v[i].settings, S("db_read")), S("replica"));
	m->n = read;
	return read ? seen_shut(db, e) : OK;
}

static enum err
by_itself(const char *uri, struct meeting *m, struct error *e)
{
	struct db db;

	TRY(db_pg_open(uri, &db, e));
	enum err code = db.ops->begin(&db, TX_WRITE, e);
	if (code == OK)
		code = shut_replicas(m, &db, e);
	if (code == OK)
		code = db.ops->commit(&db, e);
	db.ops->close(&db);
	return code;
}

enum err
nodes_told(const struct conf *c, struct engine *g, struct error *e)
{
	struct meeting m = { .me = NULL };
	struct error why;

	if (home_pg(c) == NULL || db_schema() < NODE_SCHEMA)
		return OK;
	arena_init(&m.a, MEET_BUDGET);
	enum err code = g != NULL ? engine_wait(g, shut_replicas, &m, &why) : by_itself(home_direct(c), &m, &why);
	arena_free(&m.a);
	if (code != OK)
		return fail(e, code, NULL, "it is done, but nodes that read from a replica could not be told, and may show what was before for as long as that is behind: %s", why.detail);
	if (m.n != 0)
		usleep(SEEN_OVER_US);
	return OK;
}
