#include "analyse/analyse_priv.h"

enum { WRITER_OPENAI = 1 };		/* of the setting `writer` */
#define ESTIMATE_CENTS	5

static bool
asks_model(const struct conf *c)
{
	return c->analyser == ANALYSER_OPENAI || (c->analyser == ANALYSER_AUTO && c->writer == WRITER_OPENAI);
}

enum provider_fault
analyse(const struct conf *conf, const struct sys_clock *clock, struct arena *a, const struct marked_text *m, analyse_progress *progress, void *ctx,
    struct analysis *ret)
{
	if (!analyse_builtin(a, m, progress, ctx, ret)) {
		*ret = (struct analysis){ .n = 0 };
		return PROVIDER_STOPPED;
	}
	return asks_model(conf) ? openai_describe(conf, clock, a, m, progress, ctx, ret) : PROVIDER_OK;
}

int
analyse_estimate_cents(const struct conf *c)
{
	return asks_model(c) && (c->openai_price_in > 0 || c->openai_price_out > 0) ? ESTIMATE_CENTS : 0;
}
