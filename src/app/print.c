/* print -- the commands that only print: help, version, settings, documents. */
#include "app/app.h"
#include "api/openapi.h"
#include <stdio.h>
#include <stdlib.h>

#define OPENAPI_MAX	((size_t)4 << 20)

int
complain(const struct error *e)
{
	bool usage = e->code == E_USAGE || e->code == E_INVALID_REQUEST;

	fprintf(stderr, "scriped: %s%s\n", e->detail, e->code == E_FULL ? ": make room, then run it again; what stood before stands" : "");
	return usage ? EXIT_USAGE : EXIT_FAILED;
}

/* --- help --- */

static void
print_settings(void)
{
	struct arena a;
	struct buf b;

	arena_init(&a, 1 << 20);
	buf_init(&b, &a, 1 << 19);
	conf_help(&b);
	printf("%.*s", STR(buf_str(&b)));
	arena_free(&a);
}

int
help_run(const struct command *self, struct options *o)
{
	(void)self, (void)o;
	printf("scriped setup --data ./var            make the first workspace, project and key\n"
	    "scriped serve --data ./var            serve the API on http://127.0.0.1:8080\n\n"
	    "Commands (scriped COMMAND --help tells more):\n");
	(void)commands_help(NULL);
	printf("\nCommon options:\n"
	    "  --data DIR          the data folder\n"
	    "  --db URI            postgres:// URI, in the place of the embedded database\n"
	    "  --config FILE       settings, one `name = value` a line\n"
	    "  --set NAME=VALUE    one setting; may be repeated\n"
	    "  --json              output for programs\n\n"
	    "Exit status: 0 done, 1 refused or failed, 2 usage.  Settings: scriped serve --help\n");
	return EXIT_DONE;
}

int
help_of(const struct command *c)
{
	command_help(c);
	if (c->run == serve_run || c->run == conf_run) {
		printf("\nSettings (--set NAME=VALUE, or a line of --config FILE):\n\n");
		print_settings();
	}
	return EXIT_DONE;
}

/* --- small commands --- */

int
version_run(const struct command *c, struct options *o)
{
	(void)c;
	if (o->json)
		printf("{\"version\":\"%s\",\"apiVersion\":\"%s\"}\n", SCRIPED_VERSION, VERSION_CURRENT);
	else
		printf("scriped %s (API %s)\n", SCRIPED_VERSION, VERSION_CURRENT);
	return EXIT_DONE;
}

int
versions_run(const struct command *c, struct options *o)
{
	struct buf b;

	(void)c;
	buf_init(&b, &o->a, 1 << 18);
	versions_print(&b);
	printf("%.*s", STR(buf_str(&b)));
	return EXIT_DONE;
}

int
conf_run(const struct command *c, struct options *o)
{
	struct conf conf;
	struct error e;
	struct buf b;

	(void)c;
	if (options_conf(o, &conf, &e) != OK)
		return complain(&e);
	buf_init(&b, &o->a, 1 << 19);
	conf_print(&conf, o->json, &b);
	printf("%.*s", STR(buf_str(&b)));
	conf_free(&conf);
	return EXIT_DONE;
}

struct of_version { str date; };
static const struct field openapi_fields[] = {
	F_STR(of_version, date, "api-version", NULL, 0, 10, 10, "Of which version of the API; the current one when left out", VERSION_CURRENT),
};
const struct rec openapi_rec = REC(of_version, openapi_fields, "Which document");

static enum err
take_version(const struct command *c, struct options *o, const struct version **ret, struct error *e)
{
	struct rec_opts strict = { .strict = true };
	struct rec_notes notes = { 0 };
	struct of_version v;

	*ret = versions;
	TRY(rec_decode_pairs(c->in, &strict, &o->a, o->fields, o->nfields, &v, &notes, e));
	if (v.date.p == NULL || (*ret = version_find(v.date)) != NULL)
		return OK;
	return fail(e, E_INVALID_REQUEST, "api-version", "There is no version '%.*s' of the API: see scriped versions.", STR(v.date));
}

int
openapi_run(const struct command *c, struct options *o)
{
	const struct version *v;
	struct conf conf;
	struct arena a;
	struct error e;
	struct buf b;

	if (take_version(c, o, &v, &e) != OK || options_conf(o, &conf, &e) != OK)
		return complain(&e);
	arena_init(&a, OPENAPI_MAX * 4);
	buf_init(&b, &a, OPENAPI_MAX);
	api_openapi(o->contract, o->json, v, conf.public_url, &b);
	fwrite(b.p, 1, b.n, stdout);
	arena_free(&a);
	conf_free(&conf);
	return EXIT_DONE;
}
