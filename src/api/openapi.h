/* openapi -- the OpenAPI 3.1 document, from the operation table, the records' fields and the rows of err.def.
 *
 * Rows that exist only under the setting `bench` are not in it.  Additions to the documented surface, operations and
 * fields, carry `x-scriped-addition: true`; with `contract` they are left out.
 *
 * Ownership:  writes into the caller's buf, which needs up to OPENAPI_MAX; its `over` is raised when that is not enough.
 * Threads:    any.  Layer: as api. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H
#include "base/base.h"

struct version;

#define OPENAPI_MAX	((size_t)4 << 20)

/* YAML, or compact JSON, of a version of the API; NULL: the current one.  server_url: where this server is reached, without a slash at its end; NULL or empty: left to the reader. */
void	api_openapi(bool contract, bool json, const struct version *, const char *server_url, struct buf *out);
#endif
