/* ole -- the compound file that Office wrote before 2007: streams in chains of sectors, like a small disk.
 *
 * Every number in it is a stranger's: chains are followed at most as far as the file has sectors.
 * Ownership: streams live in the caller's arena.  Threads: none of its own.  Layer: includes base. */
#ifndef OLE_H
#define OLE_H
#include "base/base.h"

struct ole { str bytes; struct arena *a; uint32_t *fat, *mini; size_t nfat, nmini, sector; str dir, small; };
bool	ole_is(str bytes);
bool	ole_open(struct ole *, struct arena *, str bytes);		/* false: broken */
bool	ole_has(const struct ole *, const char *name);
bool	ole_stream(struct ole *, const char *name, str *ret);		/* false: absent or broken */

/* Numbers in little-endian order; 0 behind the end. */
uint32_t le16(str, uint64_t at);
uint32_t le32(str, uint64_t at);
#endif
