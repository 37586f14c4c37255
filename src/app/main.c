#include "app/app.h"
#include <signal.h>
#include <stdio.h>

static bool asks_help(const char *word) { return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0; }

static int
unknown(int argc, char **argv)
{
	if (argc > 2 && asks_help(argv[2]) && commands_help(argv[1]) > 0)
		return EXIT_DONE;
	fprintf(stderr, "scriped: there is no command '%s%s%s': see scriped help\n", argv[1], argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	static struct options o;
	char help[] = "--help";
	struct error e;

	signal(SIGXFSZ, SIG_IGN);	/* a limit of file sizes is an error like a full disk */
	if (!crypto_init()) {
		fprintf(stderr, "scriped: libsodium cannot be initialised\n");
		return EXIT_FAILED;
	}
	if (argc > 2 && strcmp(argv[1], "help") == 0) {		/* help key mint: key mint --help */
		memmove(&argv[1], &argv[2], (size_t)(argc - 2) * sizeof(argv[0]));
		argv[argc - 1] = help;
	}
	if (argc < 2 || asks_help(argv[1]))
		return help_run(NULL, NULL), argc < 2 ? EXIT_USAGE : EXIT_DONE;
	if (strcmp(argv[1], "--version") == 0)
		argv[1] += 2;
	const struct command *c = command_find(argv[1], argc > 2 ? argv[2] : NULL);
	if (c == NULL)
		return unknown(argc, argv);
	int skip = c->verb != NULL ? 3 : 2;
	enum err code = options_read(&o, c, argc - skip, argv + skip, &e);
	int status = code != OK ? complain(&e) : o.help ? help_of(c) : c->run(c, &o);
	arena_free(&o.a);
	return status;
}
