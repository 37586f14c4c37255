/* probe -- one question to a server that may stand behind a proxy, and what any answer may tell about what stands between (doctor.h). */
#include "app/doctor.h"
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_MS	10000
#define ANSWER_MS	20000
#define ANSWER_MAX	((size_t)4 << 20)
#define SHOWN		200	/* bytes of a URL in a line */

static const struct { const char *words, *caddy, *nginx; } mends[] = {
	[MEND_NONE] = { NULL, NULL, NULL },
#define MEND(id, words, caddy, nginx) [MEND_##id] = { words, caddy, nginx },
#include "app/mend.def"
#undef MEND
};

/* --- places --- */

bool
place_read(struct arena *a, const char *url, struct place *ret)
{
	struct guard_url u;

	if (guard_url(&guard_open, a, url, &u) != NULL)
		return false;
	const char *path = u.url + strlen(u.origin);
	*ret = (struct place){ .url = u.url, .origin = u.origin, .host = strchr(u.host, ':') != NULL ? str_fmt(a, "[%s]", u.host).p : u.host,
	    .path = path[0] != '\0' ? path : "/", .tls = strcmp(u.scheme, "https") == 0 };
	return true;
}

/* --- asking --- */

void
probe_begin(struct arena *a, struct probe *p, const char *method, const char *url)
{
	*p = (struct probe){ .method = method, .url = url, .a = a };
}

void
probe_header(struct probe *p, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (p->nheaders < PROBE_HEADERS)
		p->headers[p->nheaders++] = str_dup(p->a, str_z(text)).p;
}

static void
note_head(void *ctx, str line)
{
	struct probe *p = ctx;
	const struct { str name; str *to; } kept[] = {
		{ S("WWW-Authenticate"), &p->challenge }, { S("Access-Control-Allow-Origin"), &p->allow_origin }, { S("Date"), &p->date },
		{ S("Access-Control-Allow-Headers"), &p->allow_headers }, { S("Content-Security-Policy"), &p->policy }, { S("X-Frame-Options"), &p->frame },
		{ S("Mcp-Session-Id"), &p->session },
	};

	if (str_starts(line, S("HTTP/")))
		p->http10 = str_starts(line, S("HTTP/1.0"));
	str name = str_split(&line, ':');
	for (size_t i = 0; i < COUNT(kept); i++)
		if (str_ieq(name, kept[i].name) && line.p != NULL)
			*kept[i].to = kept[i].to->n == 0 ? str_dup(p->a, str_trim(line)) : str_fmt(p->a, "%.*s, %.*s", STR(*kept[i].to), STR(str_trim(line)));
}

static bool
note_first(void *ctx, str piece)
{
	struct probe *p = ctx;

	p->piece = str_dup(p->a, piece);
	p->piece_ms = (sys_mono_us(&sys_clock_real) - p->began_us) / 1000;
	return false;
}

/* A body of JSON, or the first message of a stream that came to its end. */
static void
read_body(struct probe *p)
{
	struct error e;
	str body = p->r.body, line;

	if (str_starts(p->r.content_type, S("text/event-stream"))) {
		while ((line = str_split(&body, '\n')).p != NULL)
			if (str_starts(line, S("data:")) && json_read(str_trim(str_cut(line, 5, line.n)), &p->v, &e) == OK)
				return;
		return;
	}
	str start = str_trim(p->r.body);
	p->is_html = str_starts(p->r.content_type, S("text/html")) || (start.n > 0 && start.p[0] == '<');
	if (!p->is_html && start.n > 0 && json_read(start, &p->v, &e) != OK)
		p->v = NULL;
}

void
probe_ask(struct probe *p)
{
	struct dial_request rq = { .method = p->method, .url = p->url, .headers = p->headers, .body = p->body, .connect_ms = CONNECT_MS,
	    .silence_ms = p->wait_ms != 0 ? p->wait_ms : ANSWER_MS, .total_ms = CONNECT_MS + ANSWER_MS, .max = ANSWER_MAX, .head = note_head, .piece = p->first ? note_first : NULL, .ctx = p };

	p->began_us = sys_mono_us(&sys_clock_real);
	if (!place_read(p->a, p->url, &p->at)) {
		p->at = (struct place){ p->url, p->url, p->url, "/", false };
		p->r = (struct dial_result){ .fault = DIAL_CONNECT, .why = "it is no http:// or https:// URL" };
		return;
	}
	dial(p->a, &sys_clock_real, &rq, &p->r);
	if (p->r.fault == DIAL_OK)
		read_body(p);
}

void
probe_end(struct probe *p)
{
	json_decref(p->v);
	p->v = NULL;
}

const char *
probe_member(const struct probe *p, const char *name)
{
	return json_string_value(json_object_get(p->v, name));
}

/* --- telling --- */

const char *
probe_said(const struct probe *p)
{
	const char *what = p->is_html ? ", a page of HTML" : p->v != NULL ? "" : p->r.body.n == 0 ? ", without a body" : ", no JSON";
	const char *code = json_string_value(json_object_get(json_object_get(p->v, "error"), "code")), *word = probe_member(p, "error");

	if (p->r.fault != DIAL_OK)
		return p->r.why;
	return str_fmt(p->a, "%d%s%s%s", p->r.status, what, code != NULL || word != NULL ? " " : "", code != NULL ? code : word != NULL ? word : "").p;
}

/* What a stranger wrote, for a terminal and for JSON: no controls, nothing that turns the direction of writing around, nothing that is no UTF-8. */
static const char *
legible(struct arena *a, str s)
{
	struct buf b;

	buf_init(&b, a, s.n + 1);
	for (size_t i = 0, from = 0; i < s.n; from = i) {
		uint32_t c = utf8_next(s, &i);
		bool bad = c < ' ' || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFFFD;
		buf_add(&b, bad ? S("?") : str_cut(s, from, i));
	}
	buf_char(&b, '\0');
	return b.p;
}

/* The words of a row with what stands in braces filled in. */
static const char *
filled(const struct doctor *d, const struct probe *p, const char *words)
{
	const struct { const char *name; const char *value; } places[] = {
		{ "{origin}", p->at.origin }, { "{host}", p->at.host }, { "{path}", p->at.path }, { "{there}", p->r.location }, { "{given}", d->given },
	};
	struct buf b;

	buf_init(&b, p->a, 4000);
	while (words[0] != '\0') {
		size_t i = 0;
		while (i < COUNT(places) && strncmp(words, places[i].name, strlen(places[i].name)) != 0)
			i++;
		const char *value = i < COUNT(places) && places[i].value != NULL ? places[i].value : NULL;
		buf_add(&b, value != NULL ? str_z(value) : (str){ words, 1 });
		words += value != NULL ? strlen(places[i].name) : 1;
	}
	return legible(p->a, buf_str(&b));
}

static void
show(struct doctor *d, const struct probe *p, const char *key, const char *label, const char *words)
{
	if (words == NULL)
		return;
	if (d->json)
		jw_key_str(&d->j, str_z(key), str_z(filled(d, p, words)));
	else
		printf("%20s%s%s\n", "", label, filled(d, p, words));
}

void
probe_tell(struct doctor *d, enum health h, const char *check, const struct probe *p, enum mend m, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	doctor_open(d, h, check, legible(p->a, str_z(text)));
	show(d, p, "mend", "", mends[m].words);
	show(d, p, "caddy", "Caddy: ", mends[m].caddy);
	show(d, p, "nginx", "nginx: ", mends[m].nginx);
	doctor_close(d);
}

/* --- what stands between --- */

static enum mend
of_fault(enum dial_fault f)
{
	switch (f) {
	case DIAL_RESOLVE:
		return MEND_DNS;
	case DIAL_TLS:
		return MEND_TLS;
	case DIAL_CONNECT:
		return MEND_CONNECT;
	default:
		return MEND_SILENT;
	}
}

/* To https, to another name, or to the same path with or without a slash. */
static enum mend
of_redirect(const struct probe *p, enum mend route)
{
	struct place to;

	if (p->r.location == NULL || !place_read(p->a, p->r.location, &to))
		return route;
	if (strcmp(to.host, p->at.host) != 0)
		return MEND_OTHER_HOST;
	if (to.tls && !p->at.tls)
		return MEND_HTTPS;
	size_t a = strlen(to.path), b = strlen(p->at.path);
	return strncmp(to.path, p->at.path, MIN(a, b)) == 0 && (a == b + 1 || b == a + 1) ? MEND_SLASH : route;
}

static bool
is_ours(const struct probe *p)
{
	return json_object_get(json_object_get(p->v, "error"), "code") != NULL || json_object_get(p->v, "jsonrpc") != NULL || probe_member(p, "error") != NULL;
}

/* MEND_NONE: nobody stands between, or nobody who matters. */
static enum mend
of_status(const struct probe *p, enum mend route)
{
	int s = p->r.status;

	if (s == 429)
		return MEND_BUSY;
	if (s == 401 && !is_ours(p) && (str_starts(p->challenge, S("Basic")) || str_starts(p->challenge, S("Digest")) || str_starts(p->challenge, S("Negotiate"))))
		return MEND_LOGIN;
	if (s == 403)
		return is_ours(p) ? MEND_DOOR : MEND_BOTS;
	if (s >= 502 && s <= 504 && !is_ours(p))
		return MEND_UPSTREAM;
	if (s >= 500)
		return MEND_SERVER;
	if (s == 404 || s == 405)
		return route;
	return p->is_html ? route : MEND_NONE;
}

bool
probe_reached(struct doctor *d, const char *check, const struct probe *p, enum mend route)
{
	if (p->r.fault != DIAL_OK && !(p->first && p->piece.p != NULL)) {
		probe_tell(d, BAD, check, p, of_fault(p->r.fault), "%s %.*s: %s", p->method, SHOWN, p->url, p->r.why);
		return false;
	}
	if (p->r.status >= 300 && p->r.status < 400) {
		probe_tell(d, BAD, check, p, of_redirect(p, route), "%s %.*s: %d, a redirect to %.*s", p->method, SHOWN, p->url, p->r.status, SHOWN,
		    p->r.location != NULL ? p->r.location : "nowhere");
		return false;
	}
	enum mend m = of_status(p, route);
	if (m == MEND_NONE)
		return true;
	probe_tell(d, BAD, check, p, m, "%s %.*s: %s", p->method, SHOWN, p->url, probe_said(p));
	return false;
}
