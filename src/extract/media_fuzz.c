/* Arbitrary bytes as a recording: sound comes of it, or an error that says what to do; and never more than was asked for. */
#include "extract/container.h"
#include "extract/media.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST_MS	20000

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct { bool (*sniff)(const struct file *); const char *demuxer; } containers[] = {
#define CONTAINER(name, noun, demuxer, types) { name##_sniff, demuxer },
#include "extract/containers.def"
#undef CONTAINER
};

static void
decode(int fd, const char *demuxer)
{
	struct media m = { .in = fd, .out = -1, .max_ms = MOST_MS };
	bool ok = media_decode(&m, demuxer);

	if (ok != (m.code == NULL) || (!ok && m.message[0] == '\0') || (ok && (m.duration_ms < 0 || m.duration_ms > MOST_MS)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	struct file f = { .bytes = { (const char *)d, n }, .fd = fd, .sound = -1 };

	if (fd < 0 || write(fd, d, n) != (ssize_t)n)
		abort();
	for (size_t i = 0; i < COUNT(containers); i++)
		if (containers[i].sniff(&f)) {
			decode(fd, containers[i].demuxer);
			break;
		}
	close(fd);
	return 0;
}
