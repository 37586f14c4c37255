/* zip -- a ZIP archive in memory: its directory, and members unpacked one by one, as Office documents need it.
 *
 * Units:   bytes.  A member unpacks to 96 MB at most, all of them to 512 MB, whatever the archive says of itself.
 * Errors:  a word for what is wrong, NULL when nothing is.
 * Ownership: in the caller's arena.  Threads: none of its own.  Layer: includes base. */
#ifndef ZIP_H
#define ZIP_H
#include "base/base.h"

struct zip_member { str name; uint64_t at, packed, size; uint16_t method, flags; };
struct zip { str bytes; struct arena *a; struct zip_member *member; size_t n; uint64_t unpacked; };

enum zip_fault { ZIP_OK, ZIP_CUT, ZIP_BROKEN, ZIP_LOCKED, ZIP_BOMB, ZIP_ABSENT };
enum zip_fault zip_open(struct zip *, struct arena *, str bytes);
const struct zip_member *zip_find(const struct zip *, str name);	/* whatever the case; NULL when there is none */
bool	zip_has(const struct zip *, str prefix);
enum zip_fault zip_unpack(struct zip *, const struct zip_member *, str *ret);
#endif
