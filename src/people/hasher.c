#include "people/people_priv.h"
#include <stdlib.h>

#define THREADS_MOST	64
#define IDLE_US		INT64_C(3000000)	/* then a thread gives its memory back */

struct hasher {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct hash_job *first, *last;
	int waiting, idle, n, most;
	bool closing;
	pthread_t thread[THREADS_MOST];
};

static void
hash(struct hash_job *j)
{
	j->ok = j->make ? crypto_password_hash(j->password, j->made) : crypto_password_verify(j->hash, j->password);
	front_wake(j->x);
}

static void
wait_for_more(struct hasher *h)
{
	h->idle++;
	if (!sys_cond_wait_us(&h->more, &h->lock, IDLE_US) && h->first == NULL) {
		crypto_room_drop();
		while (h->first == NULL && !h->closing)
			pthread_cond_wait(&h->more, &h->lock);
	}
	h->idle--;
}

static void *
work(void *ctx)
{
	struct hasher *h = ctx;

	sys_thread_yields(SYS_NICE_JOB);
	pthread_mutex_lock(&h->lock);
	for (;;) {
		while (h->first == NULL && !h->closing)
			wait_for_more(h);
		struct hash_job *j = h->first;
		if (j == NULL)
			break;
		h->first = j->next;
		h->waiting--;
		pthread_mutex_unlock(&h->lock);
		crypto_room_keep();
		hash(j);
		pthread_mutex_lock(&h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	crypto_room_drop();
	return NULL;
}

enum err
hasher_new(int threads, struct hasher **ret, struct error *e)
{
	struct hasher *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return fail(e, E_SYS, NULL, "no memory for the threads that hash passwords");
	pthread_mutex_init(&h->lock, NULL);
	sys_cond_init(&h->more);
	h->most = MIN(threads, THREADS_MOST);
	*ret = h;
	return OK;
}

void
hasher_free(struct hasher *h)
{
	pthread_mutex_lock(&h->lock);
	h->closing = true;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
	for (int i = 0; i < h->n; i++)
		pthread_join(h->thread[i], NULL);
	pthread_cond_destroy(&h->more);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* A thread more where all are busy and there may be one; one at least, or nobody would come for the job. */
static bool
staff(struct hasher *h)
{
	struct error e;

	if (h->idle == 0 && h->n < h->most && sys_thread(&h->thread[h->n], "password", work, h, &e) == OK)
		h->n++;
	return h->n > 0;
}

bool
hasher_take(struct hasher *h, struct hash_job *j)
{
	pthread_mutex_lock(&h->lock);
	bool taken = h->waiting < SIGNIN_QUEUE && !h->closing && staff(h);
	if (taken) {
		j->next = NULL;
		if (h->first == NULL)
			h->first = j;
		else
			h->last->next = j;
		h->last = j;
		h->waiting++;
		pthread_cond_signal(&h->more);
	}
	pthread_mutex_unlock(&h->lock);
	return taken;
}
