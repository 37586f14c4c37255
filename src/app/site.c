/* site -- where a command's work is done: here, when nobody holds the data folder, or in the server that does; and how its
 * result is printed.  A list is fetched page by page, so that neither side holds more than one. */
#include "app/app.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE_ROWS	"100"
#define LIMIT_KEYS	64

struct site {
	struct conf conf;
	struct home home;
	struct log *log;
	struct limits *limits;
	struct work *work;
	struct bus *bus;
	struct desk desk;
};

/* --- here --- */

static const struct conf *settings(void *ctx) { return &((struct site *)ctx)->conf; }

/* The application without a front and without hands for jobs. */
static enum err
open_here(struct site *s, struct error *e)
{
	const struct sys_clock *clock = s->home.clock;

	TRY(home_open(&s->home, e));
	TRY(log_open("/dev/null", LOG_LOGFMT, LOG_ERROR, clock, &s->log, e));
	s->desk = (struct desk){ .engine = s->home.engine, .secret = &s->home.secret, .clock = clock, .auth = auth_new(&s->home.secret, clock) };
	s->limits = limits_new(LIMIT_KEYS);
	TRY(bus_open(&(struct bus_conf){ home_direct(&s->conf), sys_ulid(clock), s->log, clock }, &s->bus, e));
	auth_on_bus(s->desk.auth, s->bus);
	s->work = work_idle(&(struct work_conf){ .settings = settings, .ctx = s, .engine = s->home.engine, .log = s->log, .clock = clock, .bus = s->bus });
	struct api_conf ac = { .engine = s->home.engine, .work = s->work, .auth = s->desk.auth, .limits = s->limits, .log = s->log, .clock = clock };
	return api_open(&ac, &s->conf, &s->desk.api, e);
}

static void
close_site(struct site *s)
{
	if (s->desk.api != NULL)
		api_close(s->desk.api);
	if (s->work != NULL)
		work_close(s->work);
	home_close(&s->home);
	if (s->desk.auth != NULL)
		auth_free(s->desk.auth);
	bus_close(s->bus);
	if (s->limits != NULL)
		limits_free(s->limits);
	if (s->log != NULL)
		log_close(s->log);
	conf_free(&s->conf);
}

enum err
desk_do(struct desk *d, struct arena *a, const struct command *c, const struct rec_pair *p, int n, str *result, struct error *e)
{
	return c->op != NULL ? operate(d, a, c, p, n, result, e) : admin_call(d, a, c, p, n, result, e);
}

/* --- here or there; a command that is just done is waited for --- */

static enum err
anywhere(struct site *s, struct options *o, const struct command *c, const struct rec_pair *p, int n, str *result, struct error *e)
{
	enum { PATIENCE = 250, PAUSE_US = 20000 };
	int pid = 0;
	enum err code = OK;

	for (int i = 0; i < PATIENCE && s->desk.api == NULL; i++) {
		if ((code = home_lock(&s->home, &pid, e)) != E_CONFLICT)
			break;
		struct error busy = *e;
		if ((code = control_call(&o->a, &s->conf, c, p, n, result, e)) != E_SYS)
			return code;
		*e = busy;
		usleep(PAUSE_US);
		code = E_CONFLICT;
	}
	if (code == OK && s->desk.api == NULL)
		code = open_here(s, e);
	return code == OK ? desk_do(&s->desk, &o->a, c, p, n, result, e) : code;
}

/* --- lists --- */

/* What is asked for a page: the options, with this many rows and from there on. */
static int
page_options(const struct options *o, str limit, str cursor, struct rec_pair *p)
{
	int n = 0;

	for (int i = 0; i < o->nfields; i++)
		if (!str_eq(o->fields[i].name, S("limit")))
			p[n++] = o->fields[i];
	p[n++] = (struct rec_pair){ S("limit"), limit };
	if (cursor.p != NULL)
		p[n++] = (struct rec_pair){ S("cursor"), cursor };
	return n;
}

static enum err
rows_wanted(const struct options *o, int64_t *ret, struct error *e)
{
	*ret = INT64_MAX;
	for (int i = 0; i < o->nfields; i++)
		if (str_eq(o->fields[i].name, S("limit")) && (!str_int(o->fields[i].value, ret) || *ret < 1))
			return fail(e, E_USAGE, NULL, "--limit is a number of rows, 1 or more");
	return OK;
}

static enum err
fetch_list(struct site *s, struct options *o, const struct command *c, json_t **ret, struct error *e)
{
	struct rec_pair p[OPTIONS_MAX + 2];
	str cursor = STR_NONE, result;
	int64_t wanted;
	json_t *page;

	*ret = NULL;
	TRY(rows_wanted(o, &wanted, e));
	json_t *all = json_array();
	do {
		struct arena_mark mark = arena_mark(&o->a);
		int n = page_options(o, S(PAGE_ROWS), cursor, p);
		enum err code = anywhere(s, o, c, p, n, &result, e);
		if (code == OK)
			code = json_read(result, &page, e);
		if (code != OK) {
			json_decref(all);
			return code;
		}
		json_array_extend(all, json_object_get(page, "data"));
		arena_back(&o->a, mark);
		const char *next = json_string_value(json_object_get(json_object_get(page, "pagination"), "next_cursor"));
		cursor = next != NULL ? str_dup(&o->a, str_z(next)) : STR_NONE;
		json_decref(page);
	} while (cursor.p != NULL && (int64_t)json_array_size(all) < wanted);
	while ((int64_t)json_array_size(all) > wanted)
		json_array_remove(all, json_array_size(all) - 1);
	*ret = all;
	return OK;
}

static enum err
fetch(struct site *s, struct options *o, const struct command *c, json_t **ret, struct error *e)
{
	const struct op *op = command_op(c);
	str result;
	json_t *v;

	if (op != NULL && (op->flags & OP_LIST))
		return fetch_list(s, o, c, ret, e);
	TRY(anywhere(s, o, c, o->fields, o->nfields, &result, e));
	TRY(json_read(result, &v, e));
	*ret = op != NULL && !(op->flags & OP_BARE) ? json_incref(json_object_get(v, "data")) : json_incref(v);
	json_decref(v);
	return OK;
}

/* --- printing --- */

static bool holds_objects(const json_t *v) { return json_is_object(json_array_get(v, 0)); }

/* An object that stands in a list within a table is named by its first field. */
static void
print_value(const json_t *v)
{
	const json_t *one;
	size_t i;

	if (json_is_string(v))
		printf("%s", json_string_value(v));
	else if (json_is_null(v) || v == NULL)
		printf("-");
	else if (json_is_array(v))
		json_array_foreach (v, i, one) {
			printf("%s", i > 0 ? "," : "");
			print_value(json_is_object(one) ? json_object_iter_value(json_object_iter((json_t *)(uintptr_t)one)) : one);
		}
	else {
		char *t = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		printf("%s", t != NULL ? t : "");
		free(t);
	}
}

static void
print_cell(const json_t *v)
{
	print_value(v);
	printf("\t");
}

/* A table for people: a line of names, then a line a record, separated by tabs as column(1) and cut(1) like them. */
static void
print_table(const json_t *rows)
{
	const char *k;
	json_t *v;
	size_t i;
	const json_t *row;

	json_object_foreach (json_array_get(rows, 0), k, v)
		printf("%s\t", k);
	if (json_array_size(rows) != 0)
		printf("\n");
	json_array_foreach (rows, i, row) {
		json_object_foreach ((json_t *)(uintptr_t)row, k, v)
			print_cell(v);
		printf("\n");
	}
}

/* A line a field; a field of an object within it has both names. */
static void
print_fields(const char *of, const json_t *v)
{
	const char *k;
	json_t *one;

	json_object_foreach ((json_t *)(uintptr_t)v, k, one) {
		if (json_is_object(one) && of[0] == '\0')
			print_fields(k, one);
		else if (!holds_objects(one)) {
			printf("%s%s%s\t", of, of[0] != '\0' ? "." : "", k);
			print_cell(one);
			printf("\n");
		}
	}
}

/* A record: its fields, then a table for each list of objects in it. */
static void
print_record(const json_t *v)
{
	const char *k;
	json_t *one;

	print_fields("", v);
	json_object_foreach ((json_t *)(uintptr_t)v, k, one)
		if (holds_objects(one)) {
			printf("\n%s\n", k);
			print_table(one);
		}
}

static void
print_result(const struct command *c, const struct options *o, const json_t *v)
{
	char *text;

	if (!o->json && json_is_array(v))
		print_table(v);
	else if (!o->json && c->plain != NULL)
		printf("%s\n", json_string_value(json_object_get(v, c->plain)));
	else if (!o->json && c->op != NULL)
		print_record(v);
	else if ((text = json_dumps(v, JSON_COMPACT)) != NULL) {
		printf("%s\n", text);
		free(text);
	}
}

/* What nodes may read from a replica: what a scope opens (api/pipeline.c). */
static bool
writes_content(const struct command *c)
{
	const struct op *op = command_op(c);

	return op != NULL && op->method != M_GET && op->scopes != 0;
}

int
site_run(const struct command *c, struct options *o)
{
	struct site s = { .home = { .clock = &sys_clock_real, .lock = -1 } };
	struct error e;
	json_t *v;

	if (options_conf(o, &s.conf, &e) != OK)
		return complain(&e);
	s.home.conf = &s.conf;
	s.home.first = s.home.make = c->admin == admin_setup || c->admin == admin_workspace_create;
	enum err code = c->asks != NULL ? c->asks(o, &e) : OK;
	if (code == OK && (code = fetch(&s, o, c, &v, &e)) == OK) {
		if (s.desk.api != NULL && writes_content(c))
			code = nodes_told(&s.conf, s.home.engine, &e);
		print_result(c, o, v);
		json_decref(v);
	}
	close_site(&s);
	return code == OK ? EXIT_DONE : complain(&e);
}
