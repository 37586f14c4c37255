/* t_provider -- test/provider/provider.py and test/web/web.py as children of a unit test; they end with the test, however that ends.
 * Run from the top of the tree. */
#ifndef T_PROVIDER_H
#define T_PROVIDER_H
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

/* The port of a script that is started at the first call. */
static inline int
script_port(int *port, char *script)
{
	char *argv[] = { (char []){ "python3" }, script, (char []){ "--until-eof" }, NULL };
	posix_spawn_file_actions_t act;
	int in[2], out[2];
	pid_t pid;

	if (*port != 0)
		return *port;
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		abort();
	posix_spawn_file_actions_init(&act);
	posix_spawn_file_actions_adddup2(&act, in[0], 0);
	posix_spawn_file_actions_adddup2(&act, out[1], 1);
	int rc = posix_spawnp(&pid, argv[0], &act, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&act);
	close(in[0]);
	close(out[1]);
	FILE *f = rc == 0 ? fdopen(out[0], "r") : NULL;
	if (f == NULL || fscanf(f, "%d", port) != 1) {
		printf("Bail out! %s does not start (is there a python3, and is this the top of the tree?)\n", script);
		exit(1);
	}
	fclose(f);
	return *port;
}

static inline int
provider_port(void)
{
	static int port;
	return script_port(&port, (char []){ "test/provider/provider.py" });
}

static inline int
web_port(void)
{
	static int port;
	return script_port(&port, (char []){ "test/web/web.py" });
}
#endif
