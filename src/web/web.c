#include "web/web_priv.h"
#include <stdio.h>

struct row { const char *code; bool retry; const char *what, *advice; };
static const struct row rows[] = {
	[WEB_OK] = { "", false, "", "" },
#define FAULT(id, code, retry, what, advice) [WEB_##id] = { code, retry, what, advice },
#include "web/fault.def"
#undef FAULT
};

void
web_begin(struct web *w, const struct conf *conf, const struct sys_clock *clock, struct arena *a, web_progress *progress, void *ctx,
    struct web_result *ret)
{
	*w = (struct web){ .conf = conf, .clock = clock, .a = a, .progress = progress, .ctx = ctx, .what = "", .ret = ret };
	*ret = (struct web_result){ .code = NULL };
	arena_init(&w->scratch, (size_t)64 << 20);
}

bool
web_end(struct web *w, bool ok)
{
	arena_free(&w->scratch);
	return ok;
}

bool
web_at(struct web *w, double fraction, const char *what)
{
	w->fraction = fraction;
	w->what = what;
	return web_alive(w);
}

bool
web_alive(void *ctx)
{
	struct web *w = ctx;

	if (!w->stopped && w->progress != NULL && !w->progress(w->ctx, w->fraction, w->what))
		w->stopped = true;
	return !w->stopped;
}

/* What comes behind the fetching is the rest of the way. */
bool
web_tick(void *ctx, double fraction, const char *what)
{
	struct web *w = ctx;

	(void)what;
	return web_at(w, MAX(w->fraction, 0.5 + 0.5 * fraction), "reading the page");
}

/* A text that did not fit may end inside a letter. */
static void
end_clean(char *s)
{
	for (size_t n = strlen(s); n > 0 && !utf8_ok((str){ s, n }); )
		s[--n] = '\0';
}

bool
web_fail(struct web *w, enum web_fault fault, int retry_after_s, const char *fmt, ...)
{
	const struct row *r = &rows[fault];
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	end_clean(text);
	w->ret->code = r->code;
	w->ret->retry = r->retry;
	w->ret->stopped = fault == WEB_STOPPED;
	w->ret->retry_after_s = MAX(retry_after_s, 0);
	if (text[0] != '\0')
		snprintf(w->ret->why, sizeof(w->ret->why), "%s: %s. %s", r->what, text, r->advice);
	else
		snprintf(w->ret->why, sizeof(w->ret->why), "%s. %s", r->what, r->advice);
	end_clean(w->ret->why);
	return false;
}

bool
web_failed(struct web *w, const struct dial_result *r)
{
	if (w->stopped)
		return web_fail(w, WEB_STOPPED, 0, "%s", "");
	switch (r->fault) {
	case DIAL_BLOCKED:
		return web_fail(w, WEB_INSIDE, 0, "%s", r->why);
	case DIAL_TOO_LARGE:
		return web_fail(w, WEB_TOO_LARGE, 0, "%s", r->why);
	case DIAL_TLS:
		return web_fail(w, WEB_BROKEN_TLS, 0, "%s", r->why);
	default:
		return web_fail(w, WEB_UNREACHABLE, 0, "%s", r->why);
	}
}

const char *
web_check(const struct conf *conf, struct arena *a, const char *url, bool *inside)
{
	struct guard_url u;
	const char *why = guard_url(conf->fetch_allow_private ? &guard_open : &guard_strict, a, url, &u);

	*inside = u.inside;
	return why;
}
