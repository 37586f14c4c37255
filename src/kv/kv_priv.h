/* kv_priv -- what the files of kv/ share.  Not for others. */
#ifndef KV_PRIV_H
#define KV_PRIV_H
#include "kv/kv.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* What a backend provides. */
struct kv_ops {
	enum kv_backend backend;
	enum kv_when (*take)(void *, struct kv_take *);
	bool (*wrote)(void *, struct kv_tale *);	/* NULL: it keeps none */
	int64_t (*links)(void *);
	void (*stats)(void *, struct kv_stats *);
	void (*close)(void *);
};
struct kv {
	struct kv_conf c;
	const struct kv_ops *ops;		/* NULL: memory */
	void *h;
	int64_t patience_us;
	_Atomic int nodes;
	_Atomic int64_t takes, late, away, us, bins[KV_BINS];
};

/* A backend has an answer to what it said KV_LATER of. */
void	kv_answer(struct kv *, struct kv_take *);

/* They set ops and h. */
MUST_USE enum err valkey_open(struct kv *, struct error *);
MUST_USE enum err blocks_open(struct kv *, struct error *);

#endif
