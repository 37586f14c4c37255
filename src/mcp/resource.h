/* resource -- what has an address: the templates, and what an address names.  Private to mcp/.
 *
 *	scripe://projects/{id}		one thing: the answer of an operation, as JSON
 *	scripe://projects/{id}/posts	the newest of a list
 *	scripe://docs/{page}		a page of the documentation, as Markdown
 *
 * A thing of a project has two addresses, scripe://posts/{id} and scripe://projects/{id}/posts/{id}; lists and prompts say the first one.
 *
 * Ownership:  what an address points to lives in the arena it was read with.  Threads: none of its own. */
#ifndef MCP_RESOURCE_H
#define MCP_RESOURCE_H
#include "mcp/mcp_priv.h"

/* What the variable of a template, or the argument of a prompt, may be completed with (complete.c). */
enum complete { C_NONE, C_PROJECT, C_POST, C_NOTE, C_SOURCE, C_PAGE, C_ERROR, C_LANGUAGE, C_LENGTH, C_DAY, C_COUNT };

struct template {
	const char *uri, *name, *title, *description, *mime;
	const char *op;			/* that reads it; NULL: a page */
	bool by_project;		/* its id goes into the query, as projectId */
	enum complete id;		/* of {id}, {page} or {code} */
};
extern const struct template mcp_templates[];
extern const int mcp_ntemplates;

#define URI_MAX		300		/* bytes of one that is subscribed to: ours have less than 100, and some would percent-encode them */
struct address { const struct template *t; str id, project; };	/* project: where the address names one beside the thing */
/* False: no template fits.  The parts are decoded. */
bool	mcp_address(struct arena *, str uri, struct address *ret);
/* Whether what it names has changed by an event: its type, the id of the thing that it was about, and the ULID of its project. */
bool	mcp_touched(const struct address *, str type, str thing, str project);
/* Begins the operation that reads it; then finds its answer in ask->call. */
void	mcp_fetch(struct ask *, const struct address *, mcp_then *then);
/* The thing alone, out of an answer that went well: JSON.  Of a list the whole answer. */
str	mcp_thing(struct ask *, const struct address *);
/* Ends the ask by what the operation refused with; of a thing that is not there, uri says which. */
void	mcp_refused(struct ask *, str uri);
/* {"uri":…,"mimeType":…,"text":…} */
void	mcp_contents(struct json *, str uri, const char *mime, str text);
/* 400 of a cursor where there is but one page. */
bool	mcp_one_page(struct ask *);

/* --- completion --- */
struct wanted { enum complete kind; str value, project; };	/* project: as far as it is known already */

/* --- prompts --- */
struct prompt_arg { const char *name, *title, *description; bool required; enum complete with; };
#define PROMPT_ARGS	6
struct prompt {
	const char *name, *title, *description;
	struct prompt_arg args[PROMPT_ARGS];	/* ends with one without a name */
	mcp_then *run;
};
extern const struct prompt mcp_prompts[];
extern const int mcp_nprompts;
const struct prompt *mcp_prompt(const struct ask *, str name);	/* NULL: there is none */
str	mcp_argument(const struct ask *, const char *name);	/* absent: not given, or empty */

/* --- those of the fixtures, which exist under the setting alone --- */
struct fixture_resource { const char *uri, *name, *description, *mime, *text, *blob; };
bool	mcp_conformance(const struct ask *);
extern const struct fixture_resource mcp_fixture_resources[];
extern const int mcp_nfixture_resources;
extern const struct prompt mcp_fixture_prompts[];
extern const int mcp_nfixture_prompts;
#define FIXTURE_TEMPLATE	"test://template/{id}/data"
bool	mcp_fixture_read(struct ask *, str uri);		/* false: it is none of them, and nothing was answered */
#endif
