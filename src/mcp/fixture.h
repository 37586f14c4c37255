/* fixture -- what the fixtures of the conformance suite share.  They exist under the setting mcp_conformance alone.  Private to mcp/. */
#ifndef MCP_FIXTURE_H
#define MCP_FIXTURE_H
#include "mcp/resource.h"
#include "mcp/task.h"

#define FIXTURE_PNG	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC"
#define FIXTURE_WAV	"UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQgAAAAAAAAAAAAAAA=="
#define FIXTURE_EMBEDDED "{\"uri\":\"test://embedded-resource\",\"mimeType\":\"text/plain\",\"text\":\"This is an embedded resource content.\"}"

void	fixture_content(struct ask *, str content);	/* ends the call: items of content, JSON without the brackets */
void	fixture_text(struct ask *, bool is_error, const char *fmt, ...) PRINTF(3, 4);

/* fixture_tasks.c: tasks without a job */
enum fixture_kind { FIXTURE_WORK, FIXTURE_FAILS, FIXTURE_BREAKS, FIXTURE_CONFIRM, FIXTURE_MULTI, FIXTURE_TASKS };
void	fixture_task_begin(struct ask *, enum fixture_kind, int64_t ms, str name);
bool	fixture_task(struct ask *, str id);	/* false: there is none of that id, and nothing was answered */

/* fixture_input.c: those that want something of their client before they answer (2026-07-28) */
#define FIXTURE(name)	void name(struct ask *);
FIXTURE(fixture_elicitation) FIXTURE(fixture_sampling) FIXTURE(fixture_roots) FIXTURE(fixture_state) FIXTURE(fixture_multiple) FIXTURE(fixture_rounds)
FIXTURE(fixture_capabilities) FIXTURE(fixture_missing) FIXTURE(fixture_streamed) FIXTURE(fixture_prompt) FIXTURE(fixture_escalated)
FIXTURE(fixture_greet) FIXTURE(fixture_slow) FIXTURE(fixture_failing) FIXTURE(fixture_breaking) FIXTURE(fixture_confirm) FIXTURE(fixture_multi)
/* fixture_live.c */
FIXTURE(fixture_progress) FIXTURE(fixture_logging) FIXTURE(fixture_tool_change) FIXTURE(fixture_prompt_change)
FIXTURE(fixture_ask_user) FIXTURE(fixture_ask_model) FIXTURE(fixture_ask_defaults) FIXTURE(fixture_ask_enums)
#undef FIXTURE
#endif
