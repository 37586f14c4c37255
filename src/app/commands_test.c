#include "app/app.h"
#include "t.h"

/* The table of commands against the table of operations, and what is printed from both. */

/* Of an answer that is one of several records, each has it. */
static bool
has_field(const struct rec *r, const char *name)
{
	bool some = false, all = true;

	for (int i = 0; i < r->n; i++) {
		bool here = r->either ? has_field(r->f[i].rec, name) : str_eq(r->f[i].name, str_z(name));
		some |= here;
		all &= here;
	}
	return r->either ? all : some;
}

TEST(every_row_names_an_operation_or_a_function)
{
	for (int i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];
		if (c->run == NULL || c->example == NULL || (c->op == NULL && c->summary == NULL))
			t_fail(__FILE__, __LINE__, "%s %s: incomplete", c->noun, c->verb != NULL ? c->verb : "");
		if (c->op != NULL && (command_op(c) == NULL || c->admin != NULL || c->in != NULL))
			t_fail(__FILE__, __LINE__, "%s: no operation %s", c->noun, c->op);
		if (c->op == NULL && c->run == site_run && (c->admin == NULL || c->in == NULL))
			t_fail(__FILE__, __LINE__, "%s: neither an operation nor a function", c->noun);
		if (c->plain != NULL && c->op != NULL) {
			if (!has_field(command_op(c)->out, c->plain))
				t_fail(__FILE__, __LINE__, "%s %s: its answer has no %s", c->noun, c->verb, c->plain);
		}
	}
}

/* No two fields of one record are meant by one option, and none is hidden by a common one. */
TEST(every_field_has_an_option_of_its_own)
{
	char name[64];

	for (int i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];
		const struct rec *r = command_rec(c);
		for (int k = 0; c->op != NULL && r != NULL && k < r->n; k++) {
			if (!command_shows(c, &r->f[k]))
				continue;
			CHECK(command_field(c, command_option(r->f[k].name, name)) == &r->f[k]);
			CHECK(command_field(c, r->f[k].name) == &r->f[k]);
			CHECK(!str_eq(r->f[k].name, S("workspace")) && !str_eq(r->f[k].name, S("id")) && !str_eq(r->f[k].name, S("data")));
		}
	}
}

TEST(an_option_can_be_written_in_several_ways)
{
	const struct command *mint = command_find("key", "mint"), *folder = command_find("folder", "create"), *list = command_find("folder", "list");

	CHECK_STR(command_field(mint, S("expires"))->name, S("expiresAt"));
	CHECK_STR(command_field(mint, S("expires-at"))->name, S("expiresAt"));
	CHECK_STR(command_field(mint, S("expiresAt"))->name, S("expiresAt"));
	CHECK_STR(command_field(mint, S("api-version"))->name, S("apiVersion"));
	CHECK_STR(command_field(folder, S("project"))->name, S("projectId"));
	CHECK(command_field(mint, S("Expires")) == NULL && command_field(mint, S("expire")) == NULL && command_field(mint, S("")) == NULL);
	CHECK(command_field(list, S("cursor")) == NULL && command_field(list, S("limit")) != NULL);
}

TEST(the_manual_has_every_command)
{
	struct error e;
	struct arena a;
	str text;

	arena_init(&a, 1 << 20);
	if (sys_read_file(&a, "man/scriped.8", 1 << 20, &text, &e) != OK)
		t_fail(__FILE__, __LINE__, "%s", e.detail);
	for (int i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];
		str item = str_fmt(&a, "\n.It Cm %s%s%s", c->noun, c->verb != NULL ? " Cm " : "", c->verb != NULL ? c->verb : "");
		if (c->op != NULL && memmem(text.p, text.n, item.p, item.n) == NULL)
			t_fail(__FILE__, __LINE__, "man/scriped.8 has no %s %s: tools/mancommands --write", c->noun, c->verb != NULL ? c->verb : "");
	}
	arena_free(&a);
}

/* A row of docs/self-hosting.md begins with the noun and has the verbs behind it. */
TEST(the_guide_has_every_command)
{
	struct error e;
	struct arena a;
	str text;

	arena_init(&a, 1 << 20);
	if (sys_read_file(&a, "docs/self-hosting.md", 1 << 20, &text, &e) != OK)
		t_fail(__FILE__, __LINE__, "%s", e.detail);
	for (int i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];
		str first = str_fmt(&a, "`scriped %s", c->noun), verb = c->verb != NULL ? str_fmt(&a, "%s`", c->verb) : S("`");
		const char *row = strstr(text.p, first.p), *end = row != NULL ? strchr(row, '\n') : NULL;
		if (end == NULL || memmem(row, (size_t)(end - row), verb.p, verb.n) == NULL)
			t_fail(__FILE__, __LINE__, "docs/self-hosting.md has no %s %s", c->noun, c->verb != NULL ? c->verb : "");
	}
	arena_free(&a);
}
