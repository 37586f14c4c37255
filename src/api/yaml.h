/* yaml -- JSON as YAML 1.2 that YAML 1.1 reads alike: block style, keys in their order, two spaces a level; a text is
 * quoted wherever a reader could take it for something else, and a text of several lines is a literal block.
 *
 * Ownership:  writes into the caller's buf.  Threads: none.  Layer: includes base, json. */
#ifndef API_YAML_H
#define API_YAML_H
#include "json/json.h"

void	yaml_print(const json_t *, struct buf *);
#endif
