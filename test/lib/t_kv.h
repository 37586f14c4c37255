/* t_kv -- a take of kv.h that a test waits for.
 *
 * Whatever kv says, the answer is there when t_kv_wait returns.  Threads: any. */
#ifndef T_KV_H
#define T_KV_H
#include "kv/kv.h"
#include <pthread.h>

struct t_take { struct kv_take t; pthread_mutex_t lock; pthread_cond_t turn; bool due; };

static inline void
t_take_done(struct kv_take *t)
{
	struct t_take *o = (struct t_take *)t;

	pthread_mutex_lock(&o->lock);
	o->due = true;
	pthread_cond_signal(&o->turn);
	pthread_mutex_unlock(&o->lock);
}

static inline struct kv_take
t_kv_wait(struct kv *kv, struct kv_take t)
{
	struct t_take o = { .t = t };

	o.t.done = t_take_done;
	pthread_mutex_init(&o.lock, NULL);
	sys_cond_init(&o.turn);
	if (kv_take(kv, &o.t) == KV_LATER) {
		pthread_mutex_lock(&o.lock);
		while (!o.due)
			pthread_cond_wait(&o.turn, &o.lock);
		pthread_mutex_unlock(&o.lock);
	}
	pthread_cond_destroy(&o.turn);
	pthread_mutex_destroy(&o.lock);
	return o.t;
}
#endif
