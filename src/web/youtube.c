/* youtube -- the captions of a video become a text with times. */
#include "web/web_priv.h"

#define ANSWER_MAX	10000000	/* bytes of a watch page, or of captions */
#define PAUSE_S		300		/* after a 429 that does not say how long */
#define PAUSE_MOST	3600

/* --- its id --- */

static bool
is_id(str s)
{
	if (s.n != WEB_VIDEO_ID)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' || s.p[i] == '_'))
			return false;
	return true;
}

/* The value of the parameter v. */
static str
id_in_query(str query)
{
	while (query.p != NULL) {
		str pair = str_split(&query, '&'), name = str_split(&pair, '=');
		if (str_eq(name, S("v")))
			return pair;
	}
	return STR_NONE;
}

static bool
is_platform(str host)
{
	static const str hosts[] = { S_INIT("youtube.com"), S_INIT("www.youtube.com"), S_INIT("m.youtube.com"), S_INIT("music.youtube.com"),
		S_INIT("gaming.youtube.com"), S_INIT("youtube-nocookie.com"), S_INIT("www.youtube-nocookie.com") };

	for (size_t i = 0; i < COUNT(hosts); i++)
		if (str_eq(host, hosts[i]))
			return true;
	return false;
}

static str
id_in_path(str path, str query)
{
	static const str before[] = { S_INIT("shorts"), S_INIT("live"), S_INIT("embed"), S_INIT("v"), S_INIT("e"), S_INIT("watch") };
	str first = str_split(&path, '/'), id = str_split(&path, '/');

	if (str_eq(first, S("watch")) && id.n == 0)
		return id_in_query(query);
	for (size_t i = 0; i < COUNT(before); i++)
		if (str_eq(first, before[i]))
			return id;
	return STR_NONE;
}

bool
web_video_id(struct arena *a, const char *url, char ret[WEB_VIDEO_ID + 1])
{
	struct guard_url u;

	if (guard_url(&guard_strict, a, url, &u) != NULL || (u.port != 80 && u.port != 443))
		return false;
	str query = str_z(u.url + strlen(u.origin) + 1), path = str_split(&query, '?'), host = str_z(u.host), id = STR_NONE;
	if (str_eq(host, S("youtu.be")) || str_eq(host, S("www.youtu.be")))
		id = str_split(&path, '/');
	else if (is_platform(host))
		id = id_in_path(path, query);
	if (!is_id(id))
		return false;
	memcpy(ret, id.p, WEB_VIDEO_ID);
	ret[WEB_VIDEO_ID] = '\0';
	return true;
}

str
web_video_url(struct arena *a, const char id[WEB_VIDEO_ID + 1])
{
	return str_fmt(a, "https://www.youtube.com/watch?v=%s", id);
}

/* --- fetching --- */

/* The cookie says no to all others: without an answer to that question some countries get no page. */
static const char *const headers[] = { "User-Agent: Mozilla/5.0 (compatible; scriped/" SCRIPED_VERSION ")", "Accept-Language: en", "Cookie: SOCS=CAI", NULL };

/* Where it sends whom it does not trust. */
static bool
is_wall(const struct dial_result *r)
{
	static const char *const places[] = { "//consent.", "/sorry/", "//accounts.", "ServiceLogin" };

	for (size_t i = 0; i < COUNT(places) && r->location != NULL; i++)
		if (strstr(r->location, places[i]) != NULL)
			return true;
	return r->status == 401 || r->status == 403;
}

static bool
refused(struct web *w, const char *id, enum web_fault f, str why)
{
	memory_refused(w->clock, id, f, why);
	return web_fail(w, f, 0, "%.*s", STR(why));
}

static bool
judge(struct web *w, const char *id, const struct dial_result *r)
{
	if (w->stopped)
		return web_fail(w, WEB_STOPPED, 0, "%s", "");
	if (r->fault == DIAL_TOO_LARGE)
		return refused(w, id, WEB_V_STRANGE, S("it is too large"));
	if (r->fault != DIAL_OK)
		return web_fail(w, WEB_V_UNREACHABLE, 0, "%s", r->why);
	if (r->status == 200)
		return true;
	if (r->status == 429) {
		int pause = r->retry_after_s >= 0 ? MIN(MAX(r->retry_after_s, 1), PAUSE_MOST) : PAUSE_S;
		memory_pause(w->clock, pause);
		return web_fail(w, WEB_V_BUSY, pause, "it answered with status 429");
	}
	if (is_wall(r))
		return refused(w, id, WEB_V_WALL, S("it asks for a sign-in or a consent"));
	if (r->status >= 500)
		return web_fail(w, WEB_V_UNREACHABLE, MIN(r->retry_after_s, PAUSE_MOST), "it answered with status %d", r->status);
	if (r->status == 404 || r->status == 410)
		return refused(w, id, WEB_V_GONE, str_fmt(&w->scratch, "YouTube answered with status %d", r->status));
	return refused(w, id, WEB_V_STRANGE, str_fmt(&w->scratch, "status %d", r->status));
}

/* Always at the address that the operator chose. */
static bool
get(struct web *w, const char *id, str path, str *ret)
{
	str base = str_z(w->conf->youtube_url);
	int64_t ms = w->conf->fetch_time * 1000;
	struct dial_result r;

	while (str_ends(base, S("/")))
		base.n--;
	const char *url = str_fmt(&w->scratch, "%.*s%.*s", STR(base), STR(path)).p;
	const struct dial_request rq = { .method = "GET", .url = url, .headers = headers, .connect_ms = CONNECT_MS, .silence_ms = ms, .total_ms = ms,
	    .max = ANSWER_MAX, .unpack = true, .proxy = w->conf->youtube_proxy, .alive = web_alive, .ctx = w };
	dial(&w->scratch, w->clock, &rq, &r);
	*ret = r.body;
	return judge(w, id, &r);
}

/* --- reading --- */

static bool
read_captions(struct web *w, const char *id, const struct player *v)
{
	struct marked_maker m;
	str file;

	if (!web_at(w, 0.4, "fetching the captions") || !get(w, id, str_fmt(&w->scratch, "%.*s&fmt=json3", STR(v->best.url)), &file))
		return w->stopped ? web_fail(w, WEB_STOPPED, 0, "%s", "") : false;
	if (str_trim(file).n == 0)
		return refused(w, id, WEB_V_WALL, S("it names captions and withholds them"));
	if (!web_at(w, 0.7, "reading the captions"))
		return web_fail(w, WEB_STOPPED, 0, "%s", "");
	marked_begin(&m, w->a, INGEST_TEXT_MAX);
	marked_title(&m, v->title);
	if (!captions_read(&w->scratch, file, &m))
		return refused(w, id, WEB_V_STRANGE, S("captions of an unknown form"));
	w->ret->text = marked_end(&m);
	if (m.over)
		return refused(w, id, WEB_TOO_LARGE, str_fmt(&w->scratch, "its captions have more than %d characters", INGEST_TEXT_MAX));
	if (w->ret->text.text.n == 0)
		return refused(w, id, WEB_NO_CAPTIONS, S("there is only music and noise in them"));
	w->ret->url = web_video_url(w->a, id);
	return true;
}

static bool
read_video(struct web *w, const char *id)
{
	struct player v;
	str why = STR_NONE, page;
	int wait_s;
	enum web_fault f = memory_ask(w->clock, id, &why, &w->scratch, &wait_s);

	if (f != WEB_OK)
		return web_fail(w, f, wait_s, "%.*s", STR(why));
	if (!web_at(w, 0.05, "fetching www.youtube.com"))
		return web_fail(w, WEB_STOPPED, 0, "%s", "");
	if (!get(w, id, str_fmt(&w->scratch, "/watch?v=%s&hl=en", id), &page))
		return false;
	f = player_read(&w->scratch, page, &v, &why);
	return f == WEB_OK ? read_captions(w, id, &v) : refused(w, id, f, why);
}

bool
web_video(const struct conf *conf, const struct sys_clock *clock, struct arena *a, const char id[WEB_VIDEO_ID + 1], web_progress *progress, void *ctx,
    struct web_result *ret)
{
	struct web w;

	web_begin(&w, conf, clock, a, progress, ctx, ret);
	return web_end(&w, read_video(&w, id));
}
