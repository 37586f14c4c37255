/* mcp -- the Model Context Protocol over Streamable HTTP, at /mcp and /api/mcp (contract 5, 12.5).
 *
 * One endpoint speaks 2026-07-28, without sessions, and 2025-11-25, 2025-06-18 and 2025-03-26, with them; the request itself tells which.
 * Tools are the rows of ops with OP_MCP: their schemas, annotations and results come from the rows' records, and a call walks the pipeline of
 * every request (api/call.h): scopes, rates, idempotency, audit and log are those of REST.
 *
 * An answer is plain JSON unless the caller asked for progress or a subscription: then it is a stream (front/stream.h) that lives through proxies.
 *
 * Ownership:  mcp_free after the front is closed.
 * Threads:    faces run on the loops; a call that was parked goes on there; progress and changes come from threads of work and its own.
 * Layer:      includes base to model, auth, work, api, docs. */
#ifndef MCP_H
#define MCP_H
#include "api/face.h"

struct mcp;
MUST_USE enum err mcp_new(struct api *, const secret *, struct mcp **ret, struct error *);
void	mcp_drain(struct mcp *);	/* ends all streams in good order: the server is about to stop */
void	mcp_on_bus(struct mcp *, struct bus *);	/* other nodes hear what was given up here, and the other way round */
void	mcp_free(struct mcp *);
#define MCP_FACES	4
void	mcp_faces(struct mcp *, struct front_face ret[MCP_FACES]);
void	mcp_metrics(struct mcp *, struct buf *);	/* figures for the Prometheus page */
#endif
