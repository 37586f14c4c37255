/* container -- recordings, by the first bytes of a file; containers.def holds them all.  Layer: of the extractor. */
#ifndef CONTAINER_H
#define CONTAINER_H
#include "extract/extract.h"

#define CONTAINER(name, noun, demuxer, types) bool name##_sniff(const struct file *);
#include "extract/containers.def"
#undef CONTAINER

void	media_read(const struct file *, struct out *);
#endif
