/* complete -- what is printed from the table of commands for others than people at a terminal: completions, and a part of the manual. */
#include "app/app.h"
#include <stdio.h>

/* --- shells --- */

static void
complete_bash(void)
{
	printf("_scriped() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} at=\"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" words=\n"
	    "\tif [ $COMP_CWORD = 1 ]; then\n\t\twords='");
	for (int i = 0; i < ncommands; i++)
		if (i == 0 || strcmp(commands[i].noun, commands[i - 1].noun) != 0)
			printf("%s ", commands[i].noun);
	printf("'\n\telse\n\t\tcase $at in\n");
	for (int i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];
		const struct rec *r = command_rec(c);
		char name[64];
		printf("\t\t'%s %s'*) words='--data --db --config --set --json --help%s", c->noun, c->verb != NULL ? c->verb : "", c->op != NULL ? " --workspace" : "");
		for (int k = 0; r != NULL && k < r->n; k++)
			if (command_shows(c, &r->f[k]))
				printf(" --%.*s", STR(command_option(r->f[k].name, name)));
		printf("' ;;\n");
	}
	printf("\t\tesac\n\t\tif [ $COMP_CWORD = 2 ]; then\n\t\t\tcase ${COMP_WORDS[1]} in\n");
	for (int i = 0; i < ncommands; i++)
		if (commands[i].verb != NULL)
			printf("\t\t\t%s) words=\"$words %s\" ;;&\n", commands[i].noun, commands[i].verb);
	printf("\t\t\tesac\n\t\tfi\n\tfi\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _scriped scriped\n");
}

/* In single quotes, where fish takes everything but these two as it is. */
static void
quoted(const char *text)
{
	putchar('\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('\'');
}

static void
complete_fish(void)
{
	char name[64];

	for (int i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];
		const struct rec *r = command_rec(c);
		if (i == 0 || strcmp(c->noun, commands[i - 1].noun) != 0)
			printf("complete -c scriped -f -n __fish_use_subcommand -a %s\n", c->noun);
		if (c->verb == NULL)
			continue;
		printf("complete -c scriped -f -n '__fish_seen_subcommand_from %s' -a %s -d ", c->noun, c->verb);
		quoted(command_summary(c));
		printf("\n");
		for (int k = 0; r != NULL && k < r->n; k++) {
			if (!command_shows(c, &r->f[k]))
				continue;
			printf("complete -c scriped -n '__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s' -x -l %.*s -d ", c->noun, c->verb,
			    STR(command_option(r->f[k].name, name)));
			quoted(r->f[k].doc);
			printf("\n");
		}
	}
	printf("complete -c scriped -l data -r\ncomplete -c scriped -l db -x\ncomplete -c scriped -l config -r\ncomplete -c scriped -l set -x\n"
	    "complete -c scriped -l workspace -x\ncomplete -c scriped -l json\ncomplete -c scriped -l help\n");
}

/* --- the manual --- */

/* A sentence of the table, which may hold Markdown, as mdoc: no code marks, and nothing that begins a request. */
static void
sentence(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			printf("\\e");
		else if (*text != '`')
			putchar(*text);
		if (*text == '.' && text[1] == ' ') {
			putchar('\n');
			text++;
		}
	}
}

static const char *
value_of(const struct field *f)
{
	static const char *const names[] = { [T_STR] = "text", [T_I64] = "number", [T_BOOL] = "true | false", [T_MAYBE] = "true | false",
	    [T_TIME] = "time", [T_FROM] = "date", [T_TO] = "date", [T_ID] = "id", [T_WORD] = "word", [T_WORDS] = "list", [T_MILLI] = "number", [T_TEXTS] = "list" };

	if (str_eq(f->name, S("limit")))
		return "number";
	return f->type < COUNT(names) && names[f->type] != NULL ? names[f->type] : "value";
}

static void
manual_item(const struct command *c)
{
	const struct op *op = command_op(c);
	const struct rec *r = command_rec(c);
	char name[64];

	printf(".It Cm %s%s%s", c->noun, c->verb != NULL ? " Cm " : "", c->verb != NULL ? c->verb : "");
	if (op->id_kind >= 0)
		printf(" Ar id");
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; r != NULL && i < r->n; i++) {
			const struct field *f = &r->f[i];
			if (!command_shows(c, f) || ((f->flags & F_REQ) != 0) != (pass == 0))
				continue;
			printf(" %sFl -%.*s Ar %s%s", pass == 0 ? "" : "Oo ", STR(command_option(f->name, name)), value_of(f), pass == 0 ? "" : " Oc");
		}
	printf("\n");
	sentence(command_summary(c));
	printf(".\n");
	sentence(op->doc);
	printf("\n");
}

static void
manual(void)
{
	for (int i = 0; i < ncommands; i++)
		if (commands[i].op != NULL)
			manual_item(&commands[i]);
}

int
completion_run(const struct command *self, struct options *o)
{
	struct error e;

	(void)self;
	if (o->word != NULL && strcmp(o->word, "bash") == 0)
		complete_bash();
	else if (o->word != NULL && strcmp(o->word, "fish") == 0)
		complete_fish();
	else if (o->word != NULL && strcmp(o->word, "man") == 0)
		manual();
	else
		return (void)fail(&e, E_USAGE, NULL, "say for what: scriped completion bash, fish or man"), complain(&e);
	return EXIT_DONE;
}
