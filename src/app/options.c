#include "app/app.h"
#include <stdlib.h>
#include <unistd.h>

#define ARENA_BUDGET	((size_t)64 << 20)	/* a page of the longest texts */

extern char **environ;

str
options_value(const struct options *o, const char *name)
{
	for (int i = o->nfields; i-- > 0; )		/* the last one wins */
		if (str_eq(o->fields[i].name, str_z(name)))
			return o->fields[i].value;
	return STR_NONE;
}

/* Flags that stand for a setting, so that --data DIR and --set data=DIR are the same. */
static const char *const shorts[] = { "data", "listen", "db", "role", "kv", "blob" };

static bool
is_short(str name)
{
	for (size_t i = 0; i < COUNT(shorts); i++)
		if (str_eq(name, str_z(shorts[i])))
			return true;
	return false;
}

static enum err
too_many(struct error *e)
{
	return fail(e, E_USAGE, NULL, "more than %d options", OPTIONS_MAX);
}

static enum err
add_set(struct options *o, const char *text, struct error *e)
{
	if (o->nsets == OPTIONS_MAX)
		return too_many(e);
	o->sets[o->nsets++] = text;
	return OK;
}

static enum err
add_field(struct options *o, str name, str value, struct error *e)
{
	if (o->nfields == OPTIONS_MAX)
		return too_many(e);
	o->fields[o->nfields++] = (struct rec_pair){ name, value };
	return OK;
}

/* --name that takes a value: a setting, or a field of the command's record. */
static enum err
take(struct options *o, const struct command *c, str name, str value, struct error *e)
{
	if (str_eq(name, S("set")))
		return add_set(o, value.p, e);
	if (str_eq(name, S("config"))) {
		o->config = value.p;
		return OK;
	}
	const struct field *f = command_field(c, name);
	if (f != NULL)
		return add_field(o, f->name, value, e);
	if (c->op != NULL && str_eq(name, S("workspace")))
		return add_field(o, name, value, e);
	if (is_short(name))
		return add_set(o, str_fmt(&o->a, "%.*s=%.*s", STR(name), STR(value)).p, e);
	return fail(e, E_USAGE, NULL, "unknown option --%.*s: see scriped %s --help", STR(name), command_words(c, &o->a));
}

static bool
take_switch(struct options *o, str name)
{
	const struct { str name; bool *to; } known[] = {
		{ S("json"), &o->json }, { S("help"), &o->help }, { S("contract"), &o->contract }, { S("no-register"), &o->no_register },
		{ S("blobs"), &o->blobs }, { S("without-keys"), &o->without_keys }, { S("no-secret"), &o->no_secret }, { S("check"), &o->check }, { S("go-on"), &o->go_on },
	};
	for (size_t i = 0; i < COUNT(known); i++)
		if (str_eq(name, known[i].name))
			return *known[i].to = true;
	return false;
}

static enum err
take_operand(struct options *o, const struct command *c, char *text, struct error *e)
{
	if (c->op != NULL && command_op(c)->id_kind >= 0)
		return add_field(o, S("id"), str_z(text), e);
	if (c->admin != NULL && c->in->f[0].type == T_ID)
		return add_field(o, c->in->f[0].name, str_z(text), e);
	if ((c->run == completion_run || c->run == extract_run) && o->word == NULL) {
		o->word = text;
		return OK;
	}
	return fail(e, E_USAGE, NULL, "'%.100s' is one word too many: see scriped %s --help", text, command_words(c, &o->a));
}

enum err
options_read(struct options *o, const struct command *c, int argc, char **argv, struct error *e)
{
	bool only_operands = false;

	arena_init(&o->a, ARENA_BUDGET);
	for (int i = 0; i < argc; i++) {
		str value = str_z(argv[i]);
		if (only_operands || !str_starts(value, S("--"))) {
			if (str_eq(value, S("-h")))
				o->help = true;
			else
				TRY(take_operand(o, c, argv[i], e));
			continue;
		}
		value = str_cut(value, 2, value.n);
		if (value.n == 0) {
			only_operands = true;
			continue;
		}
		str name = str_split(&value, '=');
		if (value.p == NULL && take_switch(o, name))
			continue;
		if (value.p == NULL && i + 1 == argc)
			return fail(e, E_USAGE, NULL, "--%.*s needs a value", STR(name));
		TRY(take(o, c, name, value.p != NULL ? value : str_z(argv[++i]), e));
	}
	return OK;
}

enum err
options_conf(struct options *o, struct conf *ret, struct error *e)
{
	return conf_load(ret, o->config, environ, o->sets, o->nsets, e);
}
