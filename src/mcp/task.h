/* task -- jobs as tasks, where the version has them: 2025-11-25 at the wish of a call, 2026-07-28 (the extension io.modelcontextprotocol/tasks)
 * where the client says that it knows them.  Private to mcp/.
 *
 * A task is its job: the id is the job's, the state is read from its row, so that any node answers and nothing is kept twice.
 *
 *	QUEUED, RUNNING		working
 *	DONE			completed
 *	FAILED			2025-11-25: failed;  2026-07-28: completed, with a result that is an error
 *	CANCELLED		cancelled
 *
 * Its result is what the tool would have answered: the job, as it ended.  It is kept as long as the job (keep_jobs), whatever ttl was asked for. */
#ifndef MCP_TASK_H
#define MCP_TASK_H
#include "mcp/mcp_priv.h"

#define TASK_EXTENSION	"io.modelcontextprotocol/tasks"

enum task_status { TASK_WORKING, TASK_INPUT_REQUIRED, TASK_COMPLETED, TASK_FAILED, TASK_CANCELLED };
struct task { str id, message, created, updated; enum task_status status; int64_t ttl_ms, poll_ms; };
void	mcp_task_put(const struct ask *, struct json *, const struct task *);	/* its members, into the object that is open */
bool	mcp_knows_tasks(const struct ask *);	/* the client of 2026-07-28 */
bool	mcp_needs_tasks(struct ask *);		/* the same; false: it was refused for that */

bool	mcp_task_able(const struct op *);	/* a tool whose call makes a job: its execution.taskSupport is "optional" */
/* Whether this tools/call is to become a task.  TASK_REFUSED: it asks for one that there is not, and was answered. */
enum task_wish { TASK_NO, TASK_YES, TASK_REFUSED };
enum task_wish mcp_task_wish(struct ask *, const struct op *);
/* Ends a call whose operation has just answered with the job. */
void	mcp_task_made(struct ask *);
#endif
