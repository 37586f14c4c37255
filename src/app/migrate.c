/* migrate -- the database is brought to the schema of this program: on PostgreSQL while nodes serve (db/migrate.h). */
#include "app/app.h"
#include "db/migrate.h"
#include "model/ledger.h"
#include <stdio.h>
#include <unistd.h>

struct migrate_options { int64_t to; };
static const struct field fields[] = {
	F_I64(migrate_options, to, "to", NULL, 0, 1, 9999, "The last schema that is wanted; all that this program knows when left out", "5"),
};
const struct rec migrate_rec = REC(migrate_options, fields, "How far");

struct progress { int64_t began_us; bool quiet; };

/* How long what came before took stands in the line of what comes next. */
static void
show(void *ctx, const char *what)
{
	const struct progress *p = ctx;

	if (!p->quiet)
		fprintf(stderr, "%7.1f s  %s\n", (double)(sys_mono_us(&sys_clock_real) - p->began_us) / 1e6, what);
}

/* Past a pooler, where there is one: the lock that keeps others from migrating, too, is the connection's. */
static enum err
open_database(struct home *h, bool check, struct db *ret, struct error *e)
{
	const struct conf *c = h->conf;
	struct db_sqlite_conf lite = { home_path(&h->conf->a, c, "scriped.db").p, check, 2000, 0 };
	int pid;

	if (home_direct(c) != NULL)
		return db_pg_open(home_direct(c), ret, e);
	if (access(lite.path, F_OK) != 0)
		return fail(e, E_NOT_FOUND, NULL, "there is no database in %s: scriped setup --data DIR makes it", c->data);
	if (!check)
		TRY(home_lock(h, &pid, e));
	return db_sqlite_open(&lite, ret, e);
}

static enum err
read_options(const struct command *c, struct options *o, const struct conf *conf, struct migrate_job *j, struct error *e)
{
	struct rec_opts strict = { .strict = true };
	struct rec_notes notes = { 0 };
	struct migrate_options in;

	TRY(rec_decode_pairs(c->in, &strict, &o->a, o->fields, o->nfields, &in, &notes, e));
	j->to = (int)in.to;
	j->n = migrate_list(&j->list);
	if (conf->test_schema) {
		struct migration *list = NEW_N(&o->a, struct migration, j->n + 1);
		memcpy(list, j->list, (size_t)j->n * sizeof(*list));
		list[j->n++] = migrate_tomorrow;
		j->list = list;
	}
	if (j->to > j->list[j->n - 1].number)
		return fail(e, E_USAGE, NULL, "--to %d: this program knows up to schema %d", j->to, j->list[j->n - 1].number);
	return OK;
}

static enum err
look_or_do(struct db *db, struct migrate_job *j, bool check, struct error *e)
{
	if (check) {
		TRY(migrate_look(db, j->list, j->n, &j->at, e));
		j->from = j->at;
		return OK;
	}
	TRY(migrate_do(db, j, e));
	return j->at > 1 ? ledger_adopt(db, e) : OK;	/* of schema 1 only: found empty ever after */
}

static bool is_pending(const struct migrate_job *j, int i) { return j->list[i].number > j->at && (j->to == 0 || j->list[i].number <= j->to); }

static int
pending(const struct migrate_job *j)
{
	int n = 0;

	for (int i = 0; i < j->n; i++)
		n += is_pending(j, i);
	return n;
}

static void
print_json(const struct migrate_job *j, struct arena *a)
{
	struct json w;
	struct buf b;

	buf_init(&b, a, 1 << 16);
	jw_begin(&w, &b);
	jw_obj(&w);
	jw_key_i64(&w, S("from"), j->from);
	jw_key_i64(&w, S("schema"), j->at);
	jw_key_i64(&w, S("latest"), j->list[j->n - 1].number);
	jw_key(&w, S("pending"));
	jw_arr(&w);
	for (int i = 0; i < j->n; i++)
		if (is_pending(j, i))
			jw_str(&w, str_z(j->list[i].name));
	jw_end(&w);
	jw_end(&w);
	printf("%.*s\n", STR(buf_str(&b)));
}

static void
print_words(const struct migrate_job *j)
{
	if (j->from != j->at)
		printf("schema %d, from %d\n", j->at, j->from);
	else
		printf("schema %d\n", j->at);
	for (int i = 0; i < j->n; i++)
		if (is_pending(j, i))
			printf("to be applied: %s\n", j->list[i].name);
}

int
migrate_run(const struct command *c, struct options *o)
{
	struct progress p = { sys_mono_us(&sys_clock_real), o->json && !isatty(STDERR_FILENO) };
	struct migrate_job j = { .now = sys_wall_ms(&sys_clock_real), .tell = show, .ctx = &p };
	struct home h = { .clock = &sys_clock_real, .lock = -1 };
	struct conf conf;
	struct error e;
	struct db db;

	if (options_conf(o, &conf, &e) != OK)
		return complain(&e);
	h.conf = &conf;
	str path = home_path(&conf.a, &conf, "scriped.db");
	j.snapshot = home_pg(&conf) != NULL ? NULL : path.p;
	enum err code = read_options(c, o, &conf, &j, &e);
	if (code == OK && (code = open_database(&h, o->check, &db, &e)) == OK) {
		code = look_or_do(&db, &j, o->check, &e);
		db.ops->close(&db);
	}
	if (code == OK && o->json)
		print_json(&j, &o->a);
	else if (code == OK)
		print_words(&j);
	home_close(&h);
	conf_free(&conf);
	if (code != OK)
		return complain(&e);
	return o->check && pending(&j) > 0 ? EXIT_FAILED : EXIT_DONE;
}
