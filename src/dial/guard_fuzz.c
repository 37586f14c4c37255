/* Arbitrary bytes as a URL, and as what a page refers to: what passes the guard is http(s), is no address of ours in any spelling, and means
 * the same when it is read again. */
#include "dial/guard.h"
#include <arpa/inet.h>
#include <netinet/in.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_passed(struct arena *a, const struct guard_url *u)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct guard_url again;

	if (strncmp(u->url, u->origin, strlen(u->origin)) != 0 || u->url[strlen(u->origin)] != '/' || strchr(u->url, '#') != NULL)
		__builtin_trap();
	if (strcmp(u->scheme, "http") != 0 && strcmp(u->scheme, "https") != 0)
		__builtin_trap();
	for (const char *p = u->url; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f)
			__builtin_trap();
	if (inet_aton(u->host, &in.sin_addr) != 0 && guard_public((const struct sockaddr *)&in) != NULL)
		__builtin_trap();
	const char *why = strlen(u->url) <= GUARD_URL_MAX ? guard_url(&guard_strict, a, u->url, &again) : NULL;
	if (why != NULL || (strlen(u->url) <= GUARD_URL_MAX && strcmp(again.url, u->url) != 0))
		__builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct arena a;
	struct guard_url u;

	arena_init(&a, 64 << 20);
	const char *text = str_dup(&a, (str){ n != 0 ? (const char *)d : "", n }).p;
	if (guard_url(&guard_strict, &a, text, &u) == NULL)
		check_passed(&a, &u);
	const char *joined = guard_join(&a, "https://example.com/a/b?c", text);
	if (joined != NULL && guard_url(&guard_strict, &a, joined, &u) == NULL)
		check_passed(&a, &u);
	arena_free(&a);
	return 0;
}
