#include "model/server.h"

SQL(put, "server_fact.put", "INSERT INTO server_fact (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING");
SQL(get, "server_fact.get", "SELECT value FROM server_fact WHERE name = $1");

SQL(probe, "server_fact.probe", "INSERT INTO server_fact (name, value) VALUES ('probe', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value");
SQL(mark, "server_fact.mark", "INSERT INTO server_fact (name, value) VALUES ('secret_mark', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value");

SQL(schema, "schema.newest", "SELECT number FROM schema_version WHERE number > $1 ORDER BY number DESC LIMIT 1");

static struct val bytes(const void *p, size_t n) { return (struct val){ V_BYTES, 0, { p, n } }; }

/* Exactly n bytes, or not found. */
static enum err
recall(struct db *db, str name, void *to, size_t n, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, get, &r, e, V(name)));
	if ((*found = db_next(&r) && db_col(&r, 0).s.n == n))
		memcpy(to, db_col(&r, 0).s.p, n);
	return db_done(&r, e);
}

enum err
secret_shared(struct db *db, secret *ret, struct error *e)
{
	secret fresh;
	bool found;

	crypto_random(fresh.b, sizeof(fresh.b));
	enum err code = db_run(db, put, e, V(S("secret")), bytes(fresh.b, sizeof(fresh.b)));
	crypto_wipe(&fresh, sizeof(fresh));
	TRY(code);
	TRY(recall(db, S("secret"), ret->b, sizeof(ret->b), &found, e));
	return found ? OK : fail(e, E_STORAGE, NULL, "the server secret in the database is damaged");
}

enum err
secret_judge(struct db *db, const secret *s, bool fresh, struct error *e)
{
	digest ours = crypto_hmac(s, S("which secret the nodes of this database have")), theirs;
	bool found;

	if (fresh)
		return db_run(db, mark, e, bytes(&ours, sizeof(ours)));
	TRY(db_run(db, put, e, V(S("secret_mark")), bytes(&ours, sizeof(ours))));
	TRY(recall(db, S("secret_mark"), &theirs, sizeof(theirs), &found, e));
	if (found && memcmp(&ours, &theirs, sizeof(ours)) == 0)
		return OK;
	return fail(e, E_USAGE, NULL, "the server secret is another one than that of the nodes that began with this database, whose keys would not work here:"
	    " give all of them the same secret_file, or none");
}

struct first { char workspace[26], project[26]; };

enum err
setup_recall(struct db *db, workspace_id *w, project_id *p, bool *found, struct error *e)
{
	struct first f;

	TRY(recall(db, S("setup"), &f, sizeof(f), found, e));
	if (*found) {
		*w = (workspace_id){ 0 };
		*p = (project_id){ 0 };
		memcpy(w->u.s, f.workspace, 26);
		memcpy(p->u.s, f.project, 26);
	}
	return OK;
}

enum err
setup_remember(struct db *db, workspace_id w, project_id p, struct error *e)
{
	struct first f;

	memcpy(f.workspace, w.u.s, 26);
	memcpy(f.project, p.u.s, 26);
	return db_run(db, put, e, V(S("setup")), bytes(&f, sizeof(f)));
}

enum err
server_probe(struct db *db, int64_t now, struct error *e)
{
	return db_run(db, probe, e, bytes(&now, sizeof(now)));
}

enum err
server_schema(struct db *db, struct error *e)
{
	struct rows r;
	int64_t n = db_schema();

	TRY(db_query(db, schema, &r, e, V(n)));
	if (db_next(&r))
		n = db_col(&r, 0).i;
	TRY(db_done(&r, e));
	db_schema_is((int)n);
	return OK;
}
