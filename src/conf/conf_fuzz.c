/* A settings file of any bytes is refused with a place and a reason, or taken; what was taken is printed so that it reads back. */
#include "conf/conf.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static enum err
load_text(struct conf *c, str text, struct error *e)
{
	char path[64];
	int fd = memfd_create("scriped.conf", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	enum err rc = conf_load(c, path, NULL, NULL, 0, e);
	close(fd);
	return rc;
}

/* As a file and as JSON.  A secret prints as "***" and is one again when that is read. */
static struct buf
printed(const struct conf *c, struct arena *a)
{
	struct buf b;

	buf_init(&b, a, 1 << 20);
	conf_print(c, false, &b);
	conf_print(c, true, &b);
	return b;
}

static str
settings_of(struct buf b)
{
	const char *json = memmem(b.p, b.n, "\n{\"", 3);

	return (str){ b.p, (size_t)(json + 1 - b.p) };
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct conf one, two;
	struct arena a;
	struct error e;

	if (load_text(&one, (str){ (const char *)p, n }, &e) != OK) {
		if (e.code == E_USAGE && strstr(e.detail, "/proc/self/fd/") == NULL)
			abort();
		return 0;
	}
	arena_init(&a, 4 << 20);
	struct buf first = printed(&one, &a);
	if (first.over || load_text(&two, settings_of(first), &e) != OK)
		abort();
	struct buf second = printed(&two, &a);
	if (!str_eq(buf_str(&first), buf_str(&second)))
		abort();
	conf_free(&one);
	conf_free(&two);
	arena_free(&a);
	return 0;
}
