/* fetch -- KB_INGEST_URL and KB_INGEST_YOUTUBE: what stands on the web becomes the text of a knowledge document. */
#include "web/web.h"
#include "work/work_priv.h"

static bool
on_progress(void *ctx, double fraction, const char *what)
{
	struct run *r = ctx;

	run_progress(r, fraction * READ_SHARE, what);
	return !run_stopping(r);
}

/* Sets the verdict. */
static bool
unread(struct run *r, const struct web_result *p)
{
	if (p->log.n > 0)
		log_note(r->w->c.log, LOG_WARN, "extract", "%.*s", STR(p->log));
	if (p->stopped)
		r->verdict = V_RETURNED;
	else if (p->retry)
		run_retry(r, p->code, p->retry_after_s, p->why);
	else
		run_fail(r, p->code, "%s", p->why);
	return false;
}

static bool
keep(struct run *r, struct unlisted *u, const struct web_result *p)
{
	u->body = p->text.text;
	u->marks = marked_pack(&r->a, p->text.mark, p->text.marks);
	u->url = p->url;
	return true;
}

bool
from_page(struct run *r, struct unlisted *u, str content_type)
{
	struct web_result p;

	(void)content_type;
	return web_page(r->conf, r->w->c.clock, &r->a, str_dup(&r->a, u->url).p, on_progress, r, &p) ? keep(r, u, &p) : unread(r, &p);
}

/* The API has checked that there is an id in its URL. */
bool
from_video(struct run *r, struct unlisted *u, str content_type)
{
	char id[WEB_VIDEO_ID + 1];
	struct web_result p;

	(void)content_type;
	if (!web_video_id(&r->a, str_dup(&r->a, u->url).p, id)) {
		run_fail(r, "internal_error", "The input of the job cannot be read. Submit it again.");
		return false;
	}
	if (!web_video(r->conf, r->w->c.clock, &r->a, id, on_progress, r, &p))
		return unread(r, &p);
	if (u->name.n == 0)
		u->name = p.text.title.n > 0 ? p.text.title : u->url;
	return keep(r, u, &p);
}
