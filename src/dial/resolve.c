/* Names are looked up on a thread of their own: the system's resolver cannot be stopped, and may take half a minute. */
#include "dial/guard.h"
#include <netdb.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdlib.h>

#define TICK_US		100000

/* Shared by who asks and the thread that answers; the last one frees it. */
struct lookup {
	pthread_mutex_t lock;
	pthread_cond_t done;
	guard_resolver *resolve;
	char host[256];
	struct guard_addresses got;
	bool answered, left;
};

void
guard_system(const char *host, struct guard_addresses *ret)
{
	struct addrinfo want = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *list;

	ret->n = 0;
	if (getaddrinfo(host, NULL, &want, &list) != 0)
		return;
	for (const struct addrinfo *p = list; p != NULL && ret->n < GUARD_ADDRESSES; p = p->ai_next)
		if (p->ai_addrlen <= sizeof(ret->at[0]))
			memcpy(&ret->at[ret->n++], p->ai_addr, p->ai_addrlen);
	freeaddrinfo(list);
}

static void
lookup_free(struct lookup *l)
{
	pthread_cond_destroy(&l->done);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void *
look_up(void *arg)
{
	struct lookup *l = arg;
	struct guard_addresses got = { .n = 0 };

	l->resolve(l->host, &got);
	pthread_mutex_lock(&l->lock);
	l->got = got;
	l->answered = true;
	bool left = l->left;
	pthread_cond_signal(&l->done);
	pthread_mutex_unlock(&l->lock);
	if (left)
		lookup_free(l);
	return NULL;
}

/* Waits for the answer; GUARD_OK when there is one. */
static enum guard_answer
await(struct lookup *l, int64_t ms, bool (*alive)(void *), void *ctx)
{
	enum guard_answer r = GUARD_OK;

	pthread_mutex_lock(&l->lock);
	for (int64_t left = ms * 1000; !l->answered && r == GUARD_OK; ) {
		int64_t wait = MIN(left, TICK_US);
		if (sys_cond_wait_us(&l->done, &l->lock, wait))
			continue;
		left -= wait;
		if (left <= 0)
			r = GUARD_LATE;
		else if (alive != NULL && !alive(ctx))
			r = GUARD_STOPPED;
	}
	if (l->answered)
		r = GUARD_OK;
	l->left = r != GUARD_OK;
	pthread_mutex_unlock(&l->lock);
	return r;
}

static enum guard_answer
ask(const struct guard *g, const char *host, int64_t ms, bool (*alive)(void *), void *ctx, struct guard_addresses *ret)
{
	struct lookup *l = calloc(1, sizeof(*l));	/* outlives the call when that gives up */
	struct error e;
	pthread_t t;

	if (l == NULL)
		return GUARD_UNKNOWN;
	pthread_mutex_init(&l->lock, NULL);
	sys_cond_init(&l->done);
	l->resolve = g->resolve;
	memcpy(l->host, host, MIN(strlen(host), sizeof(l->host) - 1));
	if (sys_thread(&t, "resolve", look_up, l, &e) != OK) {
		lookup_free(l);
		return GUARD_UNKNOWN;
	}
	pthread_detach(t);
	enum guard_answer r = await(l, ms, alive, ctx);
	if (r == GUARD_OK) {
		*ret = l->got;
		lookup_free(l);
	}
	return r;
}

static void
literal(const char *host, struct guard_addresses *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&ret->at[0];
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&ret->at[0];

	ret->n = 1;
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1)
		in->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1)
		in6->sin6_family = AF_INET6;
	else
		ret->n = 0;
}

static str
address_text(struct arena *a, const struct sockaddr *sa)
{
	char text[INET6_ADDRSTRLEN] = "";
	const void *from = sa->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr :
	    (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;

	if (sa->sa_family == AF_INET || sa->sa_family == AF_INET6)
		inet_ntop(sa->sa_family, from, text, sizeof(text));
	return str_dup(a, str_z(text));
}

enum guard_answer
guard_resolve(const struct guard *g, struct arena *a, const struct guard_url *u, int64_t ms, bool (*alive)(void *), void *ctx,
    struct guard_addresses *ret, const char **why)
{
	enum guard_answer r = GUARD_OK;

	*ret = (struct guard_addresses){ .n = 0 };
	if (u->literal)
		literal(u->host, ret);
	else
		r = ask(g, u->host, ms, alive, ctx, ret);
	if (r != GUARD_OK)
		return r;
	for (int i = 0; i < ret->n; i++) {
		const struct sockaddr *sa = (const struct sockaddr *)&ret->at[i];
		const char *what = g->judge(sa);
		if (what != NULL) {
			*why = str_fmt(a, "leads to %.*s, %s", STR(address_text(a, sa)), what).p;
			return GUARD_REFUSED;
		}
	}
	return ret->n > 0 ? GUARD_OK : GUARD_UNKNOWN;
}
