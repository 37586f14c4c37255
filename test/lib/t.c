#include "t.h"
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

static struct t *head, **tail = &head;
static int failures;
static char dir[64];

void t_add(struct t *t) { *tail = t; tail = &t->next; }

void
t_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# %s:%d: ", file, line);
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	failures++;
}

const char *
t_dir(void)
{
	if (dir[0] == '\0') {
		snprintf(dir, sizeof(dir), "/tmp/scriped-test-XXXXXX");
		if (mkdtemp(dir) == NULL)
			abort();
	}
	return dir;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

str
t_file(struct arena *a, const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf b;
	char part[4096];

	if (f == NULL) {
		t_fail(__FILE__, __LINE__, "%s: cannot be read", path);
		return S("");
	}
	buf_init(&b, a, 1 << 20);
	for (size_t n; (n = fread(part, 1, sizeof(part), f)) > 0;)
		buf_add(&b, (str){ part, n });
	fclose(f);
	return buf_str(&b);
}

static bool
wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]) != NULL)
			return true;
	return argc < 2;
}

int
main(int argc, char **argv)
{
	int n = 0, bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct t *t = head; t != NULL; t = t->next) {
		if (!wanted(t->name, argc, argv))
			continue;
		failures = 0;
		t->fn();
		printf("%s %d - %s\n", failures ? "not ok" : "ok", ++n, t->name);
		bad += failures != 0;
	}
	printf("1..%d\n", n);
	if (dir[0] != '\0')
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return bad != 0;
}
