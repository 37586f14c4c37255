/* Arbitrary bytes as sound: pieces go on, none is longer than asked for, and together they are the whole. */
#include "pcm/pcm.h"
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	int fd = memfd_create("sound", MFD_CLOEXEC);
	int64_t most = n != 0 ? 1 + d[0] * 37 : 1;

	if (fd < 0 || write(fd, d, n) != (ssize_t)n)
		abort();
	int64_t end = pcm_samples(fd), pieces = 0;
	for (int64_t at = 0, to; at < end; at = to, pieces++) {
		to = pcm_cut(fd, at, end, most);
		if (to <= at || to > end || to - at > most)
			abort();
		(void)pcm_silent(fd, at, to);
	}
	if (pieces > 0 && pieces > 2 * (end / most + 1))
		abort();
	close(fd);
	return 0;
}
