/* replay -- the main() of a fuzzer that is built without libFuzzer: run the files and folders named, in order of name.
 * The output is TAP: one row per argument, with the number of its inputs.  Each file is named before it runs, so that
 * the last line before a crash tells the input.  The empty input always runs first.
 *
 * Each input is given in a block of exactly its size, so that the sanitizers see a read behind its end. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
int LLVMFuzzerInitialize(int *, char ***);

__attribute__((weak)) int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return 0;
}

static void
give_up(const char *path, const char *why)
{
	printf("Bail out! %s: %s\n", path, why);
	exit(1);
}

static void
run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;

	if (f == NULL || fstat(fileno(f), &st) != 0)
		give_up(path, strerror(errno));
	if (st.st_size > INPUT_MAX)
		give_up(path, "larger than an input may be");
	size_t n = (size_t)st.st_size;
	uint8_t *p = malloc(n != 0 ? n : 1);
	if (p == NULL || fread(p, 1, n, f) != n)
		give_up(path, "cannot be read");
	fclose(f);
	printf("# %s\n", path);
	LLVMFuzzerTestOneInput(p, n);
	free(p);
}

static int
visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int
run_folder(const char *path)
{
	struct dirent **row;
	char name[4096];
	int n = scandir(path, &row, visible, alphasort);

	if (n < 0)
		give_up(path, strerror(errno));
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s/%s", path, row[i]->d_name);
		run_file(name);
		free(row[i]);
	}
	free(row);
	return n;
}

int
main(int argc, char **argv)
{
	struct stat st;

	setvbuf(stdout, NULL, _IOLBF, 0);
	LLVMFuzzerInitialize(&argc, &argv);
	printf("# the empty input\n");
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("ok 1 - the empty input\n");
	for (int i = 1; i < argc; i++) {
		int n = 1;
		if (stat(argv[i], &st) != 0)
			give_up(argv[i], strerror(errno));
		if (S_ISDIR(st.st_mode))
			n = run_folder(argv[i]);
		else
			run_file(argv[i]);
		printf("ok %d - %s: %d inputs\n", i + 1, argv[i], n);
	}
	printf("1..%d\n", argc > 1 ? argc : 1);
	return 0;
}
