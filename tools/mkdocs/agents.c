/* agents -- what agents and the people behind them meet: scopes in plain words, tools, prompts, resources; as Markdown, from the tables that they are served of. */
#include "agents.h"
#include "api/api.h"
#include "docs/docs.h"
#include "mcp/resource.h"
#include "people/people.h"

#define REFERENCE	"/docs/api/v1/reference"

/* Resources serve the pages, and this program makes them: it has none to serve. */
const struct docs_page *docs_list(struct arena *a, int *n) { (void)a; *n = 0; return NULL; }
const str *docs_names(struct arena *a, int *n) { (void)a; *n = 0; return NULL; }
bool docs_read(struct arena *a, str name, str *ret) { (void)a; (void)name; (void)ret; return false; }

void
print_scopes(struct buf *b)
{
	buf_add(b, S("| scope | what people read when they are asked |\n| --- | --- |\n"));
	for (int i = 0; i < GRANT_COUNT; i++)
		put(b, "| `%s` | %s |\n", grant_scope_words.v[i], people_scope(i));
}

static void
put_scopes(struct buf *b, unsigned scopes)
{
	bool first = true;

	for (int i = 0; i < SCOPE_COUNT; i++)
		if (scopes >> i & 1) {
			put(b, "%s`%s`", first ? "" : " or ", scope_words.v[i]);
			first = false;
		}
	if (first)
		buf_add(b, S("any"));
}

void
print_tools(struct buf *b)
{
	buf_add(b, S("| tool | what it does | scope | effect |\n| --- | --- | --- | --- |\n"));
	for (int i = 0; i < nops; i++) {
		if (!(ops[i].flags & OP_MCP))
			continue;
		put(b, "| [`%s`](" REFERENCE "#%s) | %s | ", ops[i].name, ops[i].name, ops[i].summary);
		put_scopes(b, ops[i].scopes);
		put(b, " | %s |\n", ops[i].method == M_GET ? "reads" : ops[i].method == M_DELETE ? "deletes" : "writes");
	}
}

void
print_prompts(struct buf *b)
{
	buf_add(b, S("| prompt | what it does | arguments |\n| --- | --- | --- |\n"));
	for (int i = 0; i < mcp_nprompts; i++) {
		const struct prompt *p = &mcp_prompts[i];
		put(b, "| `%s` | %s | ", p->name, p->description);
		for (int k = 0; k < PROMPT_ARGS && p->args[k].name != NULL; k++)
			put(b, "%s`%s`%s", k == 0 ? "" : ", ", p->args[k].name, p->args[k].required ? "" : " (may be left out)");
		buf_add(b, S(" |\n"));
	}
}

void
print_resources(struct buf *b)
{
	buf_add(b, S("| address | what it is |\n| --- | --- |\n"));
	for (int i = 0; i < mcp_ntemplates; i++)
		put(b, "| `%s` | %s |\n", mcp_templates[i].uri, mcp_templates[i].description);
}
