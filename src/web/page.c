/* page -- a URL in, the text of what stands there out. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "web/web_priv.h"

#define ROBOTS_MS	8000		/* of the time of the page */
#define HEAD_MAX	200000		/* bytes of a document in which its canonical address is looked for */
#define PAUSE_MOST	3600		/* seconds that a server may ask for */
#define READ_S		60		/* to read what came: a recording may take longer, a page must not */
#define TITLE_NEAR	2000		/* bytes in which a heading is looked for that says the title */
#define TYPE_MOST	200		/* letters of a content type */

struct page {
	struct web w;
	int fd;				/* what came */
	int64_t bytes;
	bool no_page, no_room;		/* why the call was stopped */
	bool refused;			/* its fault is filled */
	str type;			/* as the server says */
	const char *asked;		/* the origin whose rules `rules` are; NULL: none yet */
	str rules;			/* absent: everything is allowed */
	struct buf robots;		/* as it comes */
	const char *headers[4];
};

/* --- whom we say we are --- */

static const char *
agent_of(const struct conf *conf, struct arena *a)
{
	const char *docs = conf->docs_url_base[0] != '\0' ? conf->docs_url_base : conf->public_url;

	return docs[0] != '\0' ? str_fmt(a, "User-Agent: scriped/%s (+%s)", SCRIPED_VERSION, docs).p :
	    str_fmt(a, "User-Agent: scriped/%s", SCRIPED_VERSION).p;
}

static struct dial_request
request(struct page *p, const char *url)
{
	const struct conf *conf = p->w.conf;

	return (struct dial_request){ .method = "GET", .url = url, .headers = p->headers, .connect_ms = CONNECT_MS, .silence_ms = conf->fetch_time * 1000,
	    .total_ms = conf->fetch_time * 1000, .max = (size_t)conf->fetch_max, .unpack = true, .proxy = conf->fetch_proxy,
	    .guard = conf->fetch_allow_private ? &guard_open : &guard_strict, .ctx = p };
}

static bool alive(void *ctx) { return web_alive(&((struct page *)ctx)->w); }

static void
say_where(struct page *p, const char *host)
{
	p->w.what = str_fmt(&p->w.scratch, "fetching %.*s", HOST_MOST, host).p;
}

/* --- robots.txt --- */

/* The beginning of it counts, however long it is. */
static bool
take_rules(void *ctx, str piece)
{
	struct page *p = ctx;

	buf_add(&p->robots, str_cut(piece, 0, ROBOTS_MAX - p->robots.n));
	return p->robots.n < ROBOTS_MAX;
}

static bool
refuse(struct page *p)
{
	p->refused = true;
	return false;
}

/* Sections 2.3.1.1 to 2.3.1.4: none there, everything is allowed; no answer, nothing is, for now. */
static bool
judge_rules(struct page *p, const struct dial_result *r, const char *host)
{
	bool whole = r->fault == DIAL_OK, full = r->fault == DIAL_STOPPED && p->robots.n >= ROBOTS_MAX;

	p->rules = STR_NONE;
	if (full || (whole && r->status >= 200 && r->status < 300)) {
		p->rules = buf_str(&p->robots);
		return true;
	}
	if (whole && r->status < 500 && r->status != 429)
		return true;
	if (!whole)
		web_failed(&p->w, r);
	else
		web_fail(&p->w, WEB_UNREACHABLE, MIN(r->retry_after_s, PAUSE_MOST), "%.*s answered with status %d to the question for its robots.txt",
		    HOST_MOST, host, r->status);
	return refuse(p);
}

static bool
fetch_rules(struct page *p, const struct guard_url *u, int64_t left_ms)
{
	struct dial_request rq = request(p, str_fmt(&p->w.scratch, "%s/robots.txt", u->origin).p);
	struct dial_result r;

	rq.total_ms = MIN(left_ms, ROBOTS_MS);
	rq.max = SIZE_MAX / 2;			/* take_rules ends it */
	rq.piece = take_rules;
	rq.alive = alive;
	buf_init(&p->robots, &p->w.scratch, ROBOTS_MAX);
	dial_follow(&p->w.scratch, p->w.clock, &rq, WEB_HOPS, NULL, &r);
	p->asked = u->origin;
	return judge_rules(p, &r, u->host);
}

/* Asked before each call. */
static bool
hop(void *ctx, const char *url, int64_t left_ms)
{
	struct page *p = ctx;
	struct web *w = &p->w;
	struct guard_url u;

	if (guard_url(w->conf->fetch_allow_private ? &guard_open : &guard_strict, &w->scratch, url, &u) != NULL)
		return true;			/* the call says so itself */
	say_where(p, u.host);
	if (!web_alive(w))
		return false;
	if (!w->conf->fetch_robots)
		return true;
	if ((p->asked == NULL || strcmp(p->asked, u.origin) != 0) && !fetch_rules(p, &u, left_ms))
		return false;
	str path = str_z(u.url + strlen(u.origin));
	if (p->rules.p == NULL || robots_allow(&w->scratch, p->rules, S("scriped"), path))
		return true;
	web_fail(w, WEB_ROBOTS, 0, "the robots.txt of %.*s forbids it", HOST_MOST, u.host);
	return refuse(p);
}

/* --- the page --- */

/* Recordings are large, and their place is an upload. */
static bool
begin(void *ctx, str type)
{
	struct page *p = ctx;

	p->no_page = str_ieq(str_cut(type, 0, 6), S("audio/")) || str_ieq(str_cut(type, 0, 6), S("video/"));
	p->type = str_dup(&p->w.scratch, marked_line(&p->w.scratch, type, TYPE_MOST));	/* it may be anything */
	return !p->no_page;
}

static bool
take(void *ctx, str piece)
{
	struct page *p = ctx;
	struct error e;

	p->no_room = sys_write_all(p->fd, piece, "what came of a page cannot be kept", &e) != OK;
	if (p->no_room)
		p->w.ret->log = str_dup(p->w.a, str_z(e.detail));
	p->bytes += (int64_t)piece.n;
	return !p->no_room;
}

static bool
judge_status(struct page *p, const struct dial_result *r)
{
	struct web *w = &p->w;
	int pause = MIN(r->retry_after_s, PAUSE_MOST), s = r->status;

	if (s == 200 || s == 203)
		return true;
	if (s >= 300 && s < 400)
		return web_fail(w, WEB_LOOP, 0, r->location != NULL ? "%d redirects were followed" : "after %d redirects there was one without a place", WEB_HOPS);
	if (s < 300)
		return web_fail(w, WEB_EMPTY, 0, "its server answered with status %d", s);
	if (s == 429)
		return web_fail(w, WEB_BUSY, pause, "its server answered with status 429");
	if (s >= 500 || s == 408 || s == 425)
		return web_fail(w, WEB_UNREACHABLE, pause, "its server answered with status %d", s);
	if (s == 401 || s == 402 || s == 403 || s == 407 || s == 451)
		return web_fail(w, WEB_REFUSED, 0, "its server answered with status %d", s);
	return web_fail(w, WEB_GONE, 0, "its server answered with status %d", s);
}

static bool
fetch(struct page *p, const char *url, struct dial_result *r)
{
	struct dial_request rq = request(p, url);

	rq.begin = begin;
	rq.piece = take;
	rq.alive = alive;
	dial_follow(&p->w.scratch, p->w.clock, &rq, WEB_HOPS, hop, r);
	if (p->refused)
		return false;
	if (p->no_room)
		return web_fail(&p->w, WEB_SYSTEM, 0, "%s", "");
	if (p->no_page)
		return web_fail(&p->w, WEB_MEDIA, 0, "it is %.60s; upload recordings", p->type.p);
	if (r->fault != DIAL_OK)
		return web_failed(&p->w, r);
	return judge_status(p, r);
}

/* --- its address --- */

static str
without_www(const char *host)
{
	return str_starts(str_z(host), S("www.")) ? str_z(host + 4) : str_z(host);
}

static bool
is_front(const struct guard_url *u)
{
	return strcmp(u->url + strlen(u->origin), "/") == 0;
}

/* Of the same site only, and not its front page, which pages of careless sites call their own. */
static str
address_of(struct page *p, const char *found)
{
	struct arena *a = &p->w.scratch;
	struct guard_url here, there;
	char *head = arena_raw(a, HEAD_MAX);
	ssize_t n = pread(p->fd, head, HEAD_MAX, 0);
	str says = n > 0 ? canonical_of(a, (str){ head, (size_t)n }) : STR_NONE;
	const char *joined = says.n > 0 ? guard_join(a, found, str_dup(a, says).p) : NULL;

	if (guard_url(&guard_open, a, found, &here) != NULL)
		return str_z(found);
	if (joined == NULL || !utf8_ok(says) || guard_url(&guard_open, a, joined, &there) != NULL)
		return str_z(here.url);
	bool ours = str_eq(without_www(here.host), without_www(there.host)) && (!is_front(&there) || is_front(&here));
	return str_z(ours ? there.url : here.url);
}

/* --- its text --- */

static bool
failed_to_read(struct page *p, enum ingest_fault f, const struct ingest_result *in)
{
	struct web_result *ret = p->w.ret;
	const struct ingest_fault_row *row = ingest_fault_row(f);

	ret->log = str_dup(p->w.a, in->said);
	switch (f) {
	case INGEST_STOPPED:
		return web_fail(&p->w, WEB_STOPPED, 0, "%s", "");
	case INGEST_EMPTY:
		return web_fail(&p->w, WEB_EMPTY, 0, "%s", "");
	case INGEST_UNSUPPORTED:
		if (in->type.n == 0 && p->type.n > 0)
			return web_fail(&p->w, WEB_MEDIA, 0, "it is said to be %.80s, and is not", p->type.p);
		return web_fail(&p->w, WEB_MEDIA, 0, "it is %.80s", in->type.n > 0 ? str_dup(p->w.a, in->type).p : "of no known type");
	case INGEST_TOO_LARGE:
		return web_fail(&p->w, WEB_TOO_LARGE, 0, "it has more than %d characters", INGEST_TEXT_MAX);
	default:
		ret->code = row->code;
		ret->retry = row->retry;
		ret->retry_after_s = in->retry_after_s;
		snprintf(ret->why, sizeof(ret->why), "%s", in->why[0] != '\0' ? in->why : row->message);
		return false;
	}
}

/* Whether it begins with a heading of the first level, or has one near its beginning that says the same. */
static bool
has_title(str text, str title)
{
	str rest = str_cut(text, 0, TITLE_NEAR);

	while (rest.p != NULL) {
		str line = str_split(&rest, '\n');
		size_t level = 0;
		while (level < line.n && line.p[level] == '#')
			level++;
		if (level > 0 && ((level == 1 && line.p == text.p) || str_eq(str_trim(str_cut(line, level, line.n)), title)))
			return true;
	}
	return false;
}

/* The title stands above a text that has no heading first, so that it is found with it. */
static void
put_title(struct arena *a, struct marked_text *t)
{
	if (t->title.n > 0 && t->marks == 0 && !has_title(t->text, t->title))
		t->text = str_fmt(a, "# %.*s\n\n%.*s", STR(t->title), STR(t->text));
}

static bool
read_page(struct page *p, const struct dial_result *r)
{
	struct web *w = &p->w;
	struct conf conf = *w->conf;
	struct ingest_result in;

	conf.extract_time = MIN(conf.extract_time, READ_S);
	if (p->bytes == 0)
		return web_fail(w, WEB_EMPTY, 0, "its server sent nothing");
	if (!web_at(w, 0.5, "reading the page"))
		return web_fail(w, WEB_STOPPED, 0, "%s", "");
	str type = p->type.n > 0 ? p->type : S("application/octet-stream");	/* RFC 9110 section 8.3; and no recording */
	enum ingest_fault f = ingest_file(&conf, w->clock, w->a, p->fd, type, STR_NONE, web_tick, w, &in);
	if (f != INGEST_OK)
		return failed_to_read(p, f, &in);
	w->ret->text = in.text;
	put_title(w->a, &w->ret->text);
	bool html = str_eq(in.type, S("text/html")) || str_eq(in.type, S("application/xhtml+xml"));
	w->ret->url = str_dup(w->a, html ? address_of(p, r->url) : str_z(r->url));
	return true;
}

bool
web_page(const struct conf *conf, const struct sys_clock *clock, struct arena *a, const char *url, web_progress *progress, void *ctx,
    struct web_result *ret)
{
	struct page p = { .fd = memfd_create("page", MFD_CLOEXEC) };
	struct dial_result r;

	web_begin(&p.w, conf, clock, a, progress, ctx, ret);
	p.headers[0] = agent_of(conf, &p.w.scratch);
	p.headers[1] = "Accept: text/html, application/xhtml+xml, application/pdf;q=0.9, text/plain;q=0.9, */*;q=0.5";
	if (p.fd < 0)
		return web_end(&p.w, web_fail(&p.w, WEB_SYSTEM, 0, "%s", ""));
	bool ok = fetch(&p, url, &r) && read_page(&p, &r);
	close(p.fd);
	return web_end(&p.w, ok);
}
