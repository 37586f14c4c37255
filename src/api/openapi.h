/* openapi -- the OpenAPI 3.1 document, printed from the operation table, the records and the errors.
 * Layer: as api. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H
#include "api/api.h"

void	api_openapi(bool contract, bool json, const char *server_url, struct buf *out);
#endif
