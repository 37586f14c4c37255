#include "kv/kv_priv.h"

enum err
kv_open(const struct kv_conf *c, struct kv **ret, struct error *e)
{
	struct kv *kv = calloc(1, sizeof(*kv));

	if (kv == NULL)
		return fail(e, E_SYS, NULL, "no memory for what nodes count together");
	kv->c = *c;
	kv->nodes = 1;
	kv->patience_us = c->patience_us != 0 ? c->patience_us : KV_PATIENCE_US;
	enum err code = OK;
	if (str_z(c->uri).n != 0)
		code = valkey_open(kv, e);
	else if (c->engine != NULL && !engine_embedded(c->engine))
		code = blocks_open(kv, e);
	if (code != OK) {
		free(kv);
		return code;
	}
	*ret = kv;
	return OK;
}

void
kv_close(struct kv *kv)
{
	if (kv == NULL)
		return;
	if (kv->ops != NULL)
		kv->ops->close(kv->h);
	free(kv);
}

bool kv_together(const struct kv *kv) { return kv != NULL && kv->ops != NULL; }

void
kv_nodes(struct kv *kv, int n)
{
	if (kv != NULL)
		atomic_store_explicit(&kv->nodes, MAX(n, 1), memory_order_relaxed);
}

int kv_share(const struct kv *kv, int limit) { return MAX(limit / atomic_load_explicit(&kv->nodes, memory_order_relaxed), 1); }

static void add(_Atomic int64_t *to, int64_t n) { atomic_fetch_add_explicit(to, n, memory_order_relaxed); }
static int64_t figure(const _Atomic int64_t *of) { return atomic_load_explicit(of, memory_order_relaxed); }

enum kv_when
kv_take(struct kv *kv, struct kv_take *t)
{
	t->ok = false;
	t->wrote = KV_UNKNOWN;
	t->kv = kv;
	t->since_us = sys_mono_us(kv->c.clock);
	enum kv_when when = kv->ops->take(kv->h, t);	/* KV_LATER: it may be gone already */
	add(&kv->takes, 1);
	if (when == KV_AWAY)
		add(&kv->away, 1);
	return when;
}

void
kv_answer(struct kv *kv, struct kv_take *t)
{
	int64_t us = sys_mono_us(kv->c.clock) - t->since_us;
	int bin = 0;

	while (bin < KV_BINS - 1 && us > INT64_C(100) << bin)
		bin++;
	add(&kv->bins[bin], 1);
	add(&kv->us, us);
	add(&kv->late, 1);
	if (!t->ok)
		add(&kv->away, 1);
	t->done(t);
}

bool
kv_wrote(struct kv *kv, struct kv_tale *t)
{
	return kv_together(kv) && kv->ops->wrote != NULL && kv->ops->wrote(kv->h, t);
}

int64_t kv_links(const struct kv *kv) { return kv_together(kv) && kv->ops->links != NULL ? kv->ops->links(kv->h) : 0; }

void
kv_stats(const struct kv *kv, struct kv_stats *ret)
{
	*ret = (struct kv_stats){ .backend = KV_MEMORY, .ok = true, .why = "" };
	if (!kv_together(kv))
		return;
	ret->backend = kv->ops->backend;
	ret->takes = figure(&kv->takes);
	ret->late = figure(&kv->late);
	ret->away = figure(&kv->away);
	ret->us = figure(&kv->us);
	for (int i = 0; i < KV_BINS; i++)
		ret->bins[i] = figure(&kv->bins[i]);
	kv->ops->stats(kv->h, ret);
}
