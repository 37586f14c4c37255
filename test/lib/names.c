/* names -- names that a test answers for: LD_PRELOAD=names.so NAMES='rebind.test=9.9.9.9,127.0.0.1' CONNECTS=file program
 *
 * Each lookup of a name gives the next of its addresses, the last one for ever: what a hostile name server does.  A name that stands twice in a row with a plus,
 * `9.9.9.9+127.0.0.1`, gives both at once.  Each address that the program connects to is a line of the file; those of the tests' names that
 * are not of this machine are refused at once, so that nothing leaves it. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAMES_MOST 8
static struct { char name[64]; int asked; } seen[NAMES_MOST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* How often this one was asked before. */
static int
turn_of(const char *name)
{
	int turn = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < NAMES_MOST; i++) {
		if (seen[i].name[0] == '\0')
			snprintf(seen[i].name, sizeof(seen[i].name), "%s", name);
		if (strcmp(seen[i].name, name) == 0) {
			turn = seen[i].asked++;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	return turn;
}

/* The addresses of this lookup, or NULL: the name is not ours. */
static char *
answer(const char *name, char *copy, size_t n)
{
	char *rest = copy, *one, *word, *last = NULL;
	size_t len = name ? strlen(name) : 0;

	snprintf(copy, n, "%s", getenv("NAMES") ? getenv("NAMES") : "");
	while ((one = strsep(&rest, " ")) != NULL)
		if (len != 0 && strncmp(one, name, len) == 0 && one[len] == '=') {
			one += len + 1;
			for (int turn = turn_of(name); turn >= 0 && (word = strsep(&one, ",")) != NULL; turn--)
				last = word;
			return last;
		}
	return NULL;
}

int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
	char copy[1024], *list = answer(name, copy, sizeof(copy)), *one;
	struct addrinfo numeric = hints ? *hints : (struct addrinfo){ 0 }, **end = ret;

	if (list == NULL)
		return real(name, service, hints, ret);
	numeric.ai_flags = AI_NUMERICHOST;
	*ret = NULL;
	while ((one = strsep(&list, "+")) != NULL) {
		if (real(one, service, &numeric, end) != 0)
			return EAI_NONAME;
		while (*end != NULL)
			end = &(*end)->ai_next;
	}
	return 0;
}

int
connect(int fd, const struct sockaddr *to, socklen_t n)
{
	int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
	char at[INET_ADDRSTRLEN] = "", line[64];
	const struct sockaddr_in *in = (const void *)to;
	const char *path = getenv("CONNECTS");
	int out;

	if (path == NULL || to->sa_family != AF_INET || inet_ntop(AF_INET, &in->sin_addr, at, sizeof(at)) == NULL)
		return real(fd, to, n);
	if ((out = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) >= 0) {
		int len = snprintf(line, sizeof(line), "%s:%d\n", at, ntohs(in->sin_port));
		if (write(out, line, (size_t)len) < 0)
			perror("connects");
		close(out);
	}
	if (strncmp(at, "127.", 4) == 0)
		return real(fd, to, n);
	errno = ECONNREFUSED;
	return -1;
}
