/* page -- the frame, and what stands in it. */
#include "page/page.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>

const char PAGE_ON[] = "", PAGE_OFF[] = "";

__asm__(".section .rodata\n.global page_css\npage_css:\n.incbin \"src/page/page.css\"\n.global page_css_end\npage_css_end:\n.byte 0\n.previous\n");
extern const char page_css[], page_css_end[];
static str style(void) { return (str){ page_css, (size_t)(page_css_end - page_css) }; }

/* --- escaping --- */

/* Overrides and isolates: a name with one of them could change what stands behind it.  And what takes no room: two names would look the same. */
static bool
sly(uint32_t c)
{
	static const struct { uint32_t from, to; } all[] = {
		{ 0xAD, 0xAD }, { 0x34F, 0x34F }, { 0x61C, 0x61C }, { 0x115F, 0x1160 }, { 0x180B, 0x180F }, { 0x200B, 0x200B }, { 0x200E, 0x200F }, { 0x202A, 0x202E },
		{ 0x2060, 0x206F }, { 0x2800, 0x2800 }, { 0x3164, 0x3164 }, { 0xFEFF, 0xFEFF }, { 0xFFA0, 0xFFA0 }, { 0xE0000, 0xE007F },
	};

	for (size_t i = 0; i < COUNT(all); i++)
		if (c >= all[i].from && c <= all[i].to)
			return true;
	return false;
}
static bool unseen(uint32_t c) { return (c < ' ' && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029; }

/* Blanks, and what joins or varies letters and is nothing without them. */
static bool
blank(uint32_t c)
{
	return c == ' ' || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200D) || c == 0x202F || c == 0x205F || c == 0x3000 || (c >= 0xFE00 && c <= 0xFE0F);
}

bool
page_shows(str s)
{
	for (size_t i = 0; i < s.n;) {
		uint32_t c = utf8_next(s, &i);
		if (c > ' ' && !sly(c) && !unseen(c) && !blank(c))
			return true;
	}
	return false;
}

static str
entity(char c)
{
	switch (c) {
	case '&': return S("&amp;");
	case '<': return S("&lt;");
	case '>': return S("&gt;");
	case '"': return S("&quot;");
	case '\'': return S("&#39;");
	default: return STR_NONE;
	}
}

void
page_text(struct html *p, str s)
{
	for (size_t i = 0; i < s.n;) {
		size_t from = i;
		uint32_t c = utf8_next(s, &i);
		str e = c < 0x80 ? entity((char)c) : STR_NONE;
		bool ours = i - from == 1 && c == 0xFFFD;	/* one byte that is no UTF-8 */
		if (sly(c))
			continue;
		if (ours || unseen(c))
			e = S("\xEF\xBF\xBD");
		buf_add(&p->b, e.p != NULL ? e : str_cut(s, from, i));
	}
}

static void PRINTF(2, 0)
text_va(struct html *p, const char *fmt, va_list ap)
{
	va_list again;
	char *s;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	s = arena_raw(&p->x->arena, (size_t)MAX(n, 0) + 1);
	vsnprintf(s, (size_t)MAX(n, 0) + 1, fmt, again);
	va_end(again);
	page_text(p, (str){ s, (size_t)MAX(n, 0) });
}

void
page_fmt(struct html *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_va(p, fmt, ap);
	va_end(ap);
}

/* --- elements --- */

static bool
has_no_end(const char *element)
{
	static const char *const all[] = { "br", "hr", "input", "wbr" };

	for (size_t i = 0; i < COUNT(all); i++)
		if (strcmp(element, all[i]) == 0)
			return true;
	return false;
}

void
page_open(struct html *p, const char *element, ...)
{
	const char *name, *value;
	va_list ap;

	buf_char(&p->b, '<');
	buf_add(&p->b, str_z(element));
	va_start(ap, element);
	while ((name = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (value == PAGE_OFF)
			continue;
		buf_char(&p->b, ' ');
		buf_add(&p->b, str_z(name));
		if (value == PAGE_ON)
			continue;
		buf_add(&p->b, S("=\""));
		page_text(p, str_z(value));
		buf_char(&p->b, '"');
	}
	va_end(ap);
	buf_char(&p->b, '>');
	if (has_no_end(element))
		return;
	if (p->depth < PAGE_DEPTH)
		p->inside[p->depth++] = element;
	else
		p->b.over = true;
}

void
page_close(struct html *p, const char *element)
{
	assert(p->depth > 0 && strcmp(p->inside[p->depth - 1], element) == 0);
	p->depth--;
	buf_add(&p->b, S("</"));
	buf_add(&p->b, str_z(element));
	buf_char(&p->b, '>');
	if (strcmp(element, "span") != 0 && strcmp(element, "strong") != 0 && strcmp(element, "a") != 0 && strcmp(element, "time") != 0)
		buf_char(&p->b, '\n');
}

/* An element of a class with a text. */
static void PRINTF(4, 0)
element_va(struct html *p, const char *element, const char *class, const char *fmt, va_list ap)
{
	page_open(p, element, "class", class != NULL ? class : PAGE_OFF, NULL);
	text_va(p, fmt, ap);
	page_close(p, element);
}

void
page_p(struct html *p, const char *class, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	element_va(p, "p", class, fmt, ap);
	va_end(ap);
}

void
page_h2(struct html *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	element_va(p, "h2", NULL, fmt, ap);
	va_end(ap);
}

void
page_bold(struct html *p, str s)
{
	page_open(p, "strong", NULL);
	page_text(p, s);
	page_close(p, "strong");
}

void
page_link(struct html *p, const char *href, const char *label)
{
	page_open(p, "a", "href", href, NULL);
	page_text(p, str_z(label));
	page_close(p, "a");
}

static void
moment(struct html *p, int64_t ms, bool hours)
{
	static const char *const months[] = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
	    "November", "December" };
	char exact[TIME_LEN + 1] = "";
	int64_t month = 1, day = 1;

	time_write(exact, ms);
	(void)str_int((str){ exact + 5, 2 }, &month);
	(void)str_int((str){ exact + 8, 2 }, &day);
	page_open(p, "time", "datetime", hours ? exact : str_fmt(&p->x->arena, "%.10s", exact).p, NULL);
	page_fmt(p, "%d %s %.4s", (int)day, months[MIN(MAX(month, 1), 12) - 1], exact);
	if (hours)
		page_fmt(p, ", %.5s UTC", exact + 11);
	page_close(p, "time");
}

void page_time(struct html *p, int64_t ms) { moment(p, ms, true); }
void page_date(struct html *p, int64_t ms) { moment(p, ms, false); }

/* --- notes at the top --- */

void
page_alert(struct html *p, const char *fmt, ...)
{
	va_list ap;

	p->alert = true;
	page_open(p, "div", "class", "alert", "role", "alert", "id", "alert", NULL);
	va_start(ap, fmt);
	element_va(p, "p", NULL, fmt, ap);
	va_end(ap);
	page_close(p, "div");
}

void
page_done(struct html *p, const char *fmt, ...)
{
	va_list ap;

	page_open(p, "div", "class", "done", "role", "status", NULL);
	va_start(ap, fmt);
	element_va(p, "p", NULL, fmt, ap);
	va_end(ap);
	page_close(p, "div");
}

void
page_warn(struct html *p, const char *fmt, ...)
{
	va_list ap;

	page_open(p, "div", "class", "warn", "role", "note", NULL);
	va_start(ap, fmt);
	element_va(p, "p", NULL, fmt, ap);
	va_end(ap);
	page_close(p, "div");
}

/* --- forms --- */

void
page_form(struct html *p, const char *action, str csrf)
{
	/* what is wrong with a value, the answer says in our words: browsers know fewer addresses, and say it in a bubble that goes away */
	page_open(p, "form", "method", "post", "action", action, "novalidate", PAGE_ON, NULL);
	page_hidden(p, "csrf", csrf);
}

void
page_hidden(struct html *p, const char *name, str value)
{
	page_open(p, "input", "type", "hidden", "name", name, "value", str_dup(&p->x->arena, value).p, NULL);
}

void
page_input(struct html *p, const struct page_field *f)
{
	struct arena *a = &p->x->arena;
	bool secret_one = strcmp(f->type, "password") == 0, told = f->focus && p->alert;
	const char *id = str_fmt(a, "f-%s", f->name).p, *hint = str_fmt(a, "h-%s", f->name).p;
	const char *by = told ? (f->hint != NULL ? str_fmt(a, "alert %s", hint).p : "alert") : f->hint != NULL ? hint : PAGE_OFF;
	bool email = strcmp(f->type, "email") == 0;

	page_open(p, "div", "class", "field", NULL);
	page_open(p, "label", "for", id, NULL);
	page_text(p, str_z(f->label));
	page_close(p, "label");
	page_open(p, "input", "id", id, "name", f->name, "type", f->type, "autocomplete", f->autocomplete != NULL ? f->autocomplete : PAGE_OFF, "value", secret_one || f->value.n == 0 ? PAGE_OFF : str_dup(a, f->value).p,
	    "aria-describedby", by, "aria-invalid", told ? "true" : PAGE_OFF, "required", f->required ? PAGE_ON : PAGE_OFF, "autofocus", f->focus ? PAGE_ON : PAGE_OFF,
	    "autocapitalize", secret_one || email ? "none" : PAGE_OFF, "spellcheck", "false", NULL);
	if (f->hint != NULL) {
		page_open(p, "p", "class", "hint", "id", hint, NULL);
		page_text(p, str_z(f->hint));
		page_close(p, "p");
	}
	page_close(p, "div");
}

void
page_choose(struct html *p, const struct page_choice *c)
{
	struct arena *a = &p->x->arena;

	page_open(p, "label", "class", c->off ? "choice off" : "choice", NULL);
	page_open(p, "input", "type", c->type, "name", c->name, "value", str_dup(a, c->value).p, "checked", c->on ? PAGE_ON : PAGE_OFF,
	    "disabled", c->off ? PAGE_ON : PAGE_OFF, NULL);
	page_open(p, "span", NULL);
	page_text(p, c->label);
	if (c->hint.p != NULL) {
		page_open(p, "small", NULL);
		page_text(p, c->hint);
		page_close(p, "small");
	}
	page_close(p, "span");
	page_close(p, "label");
}

void
page_button(struct html *p, const char *name, const char *value, const char *class, const char *label)
{
	page_open(p, "button", "type", "submit", "name", name != NULL ? name : PAGE_OFF, "value", name != NULL ? value : PAGE_OFF,
	    "class", class != NULL ? class : PAGE_OFF, NULL);
	page_text(p, str_z(label));
	page_close(p, "button");
}

/* --- the frame --- */

void
page_begin(struct html *p, struct exchange *x, const char *title)
{
	*p = (struct html){ .x = x };
	buf_init(&p->b, &x->arena, PAGE_MAX);
	buf_add(&p->b, S("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n<title>"));
	page_text(p, str_z(title));
	buf_add(&p->b, S(" · scriped</title>\n<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
	    "%3Crect width='32' height='32' rx='7' fill='%230b6a5c'/%3E%3Cpath d='M8 24 19.5 7l3.5 2.4L11.5 26 7.6 27z' fill='%23fff'/%3E"
	    "%3Cpath d='M16 26.5h9' stroke='%23fff' stroke-width='2' stroke-linecap='round'/%3E%3C/svg%3E\">\n<style>"));
	buf_add(&p->b, style());
	buf_add(&p->b, S("</style>\n</head>\n<body>\n<header><svg viewBox=\"0 0 32 32\" aria-hidden=\"true\"><path d=\"M7 25 21 5l4 3-14 20-5 1z\"/>"
	    "<path d=\"M15 29h11\"/></svg>scriped</header>\n<main>\n<h1>"));
	page_text(p, str_z(title));
	buf_add(&p->b, S("</h1>\n"));
}

static char style_hash[64];	/* 'sha256-…' with its quotes */

static void
hash_style(void)
{
	digest d = crypto_sha256(style());
	struct arena a;

	arena_init(&a, 4096);
	str b64 = crypto_b64(&a, (str){ (const char *)d.b, sizeof(d.b) });
	int n = snprintf(style_hash, sizeof(style_hash), "'sha256-%.*s='", STR(b64));
	for (int i = 8; i < n; i++)		/* behind the name, which has a hyphen */
		style_hash[i] = style_hash[i] == '-' ? '+' : style_hash[i] == '_' ? '/' : style_hash[i];
	arena_free(&a);
}

static void
common_headers(struct exchange *x)
{
	front_add(x, "Cache-Control", "no-store");
	front_add(x, "Referrer-Policy", "same-origin");
	front_add(x, "X-Content-Type-Options", "nosniff");
	front_add(x, "X-Frame-Options", "DENY");
}

void
page_answer(struct html *p, int status)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct exchange *x = p->x;

	pthread_once(&once, hash_style);
	assert(p->depth == 0);
	buf_add(&p->b, S("</main>\n</body>\n</html>\n"));
	common_headers(x);
	front_add(x, "Content-Type", "text/html; charset=utf-8");
	front_add(x, "Content-Security-Policy", str_fmt(&x->arena, "default-src 'none'; style-src %s; img-src data:; base-uri 'none'; form-action 'self'%s%s; frame-ancestors 'none'",
	    style_hash, p->leads_to != NULL ? " " : "", p->leads_to != NULL ? p->leads_to : "").p);
	front_add(x, "Cross-Origin-Resource-Policy", "same-origin");
	if (p->leads_to == NULL && !p->popup)
		front_add(x, "Cross-Origin-Opener-Policy", "same-origin");
	if (p->b.over || p->depth != 0)
		front_answer(x, 500, S("<!doctype html><title>Too much</title><p>This page would be too large.</p>\n"));
	else
		front_answer(x, status, buf_str(&p->b));
}

void
page_redirect(struct exchange *x, const char *to)
{
	common_headers(x);
	front_add(x, "Content-Type", "text/plain; charset=utf-8");
	front_add(x, "Location", to);
	front_answer(x, 303, S("Go on at the address in Location.\n"));
}

/* --- where a form leads --- */

/* Nothing of it may end the directive. */
static bool
is_source(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || memchr("-._:/[]*+", c, 9) != NULL))
			return false;
	}
	return s.n != 0 && s.n <= 300;
}

void
page_leads_to(struct html *p, const char *origin)
{
	if (origin != NULL && is_source(str_z(origin)))
		p->leads_to = origin;
}

void page_popup(struct html *p) { p->popup = true; }

static bool
is_scheme(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = (char)(s.p[i] | 0x20);
		if (!(c >= 'a' && c <= 'z') && (i == 0 || !((s.p[i] >= '0' && s.p[i] <= '9') || memchr("+-.", s.p[i], 3) != NULL)))
			return false;
	}
	return s.n != 0 && s.n <= 100;
}

static bool
is_loopback(str host)
{
	return str_ieq(host, S("127.0.0.1")) || str_ieq(host, S("[::1]")) || str_ieq(host, S("localhost"));
}

const char *
page_origin(struct arena *a, str url)
{
	str rest = url, scheme = str_split(&rest, ':'), host;
	bool web = str_ieq(scheme, S("https")) || str_ieq(scheme, S("http"));
	size_t n = 0;

	if (rest.p == NULL || !is_scheme(scheme))
		return NULL;
	if (!web)
		return str_fmt(a, "%.*s:", STR(scheme)).p;
	if (!str_starts(rest, S("//")))
		return NULL;
	rest = str_cut(rest, 2, rest.n);
	while (n < rest.n && strchr("/?#\\", rest.p[n]) == NULL)
		n++;
	host = str_cut(rest, 0, n);
	if (!is_source(host) || memchr(host.p, '*', host.n) != NULL || memchr(host.p, '/', host.n) != NULL)
		return NULL;
	const char *end = host.p[0] == '[' ? memchr(host.p, ']', host.n) : host.p;
	const char *colon = end != NULL ? memchr(end, ':', host.n - (size_t)(end - host.p)) : NULL;
	str name = str_cut(host, 0, colon != NULL ? (size_t)(colon - host.p) : host.n);
	/* a policy has no word for an IPv6 address: the whole scheme, then */
	if (name.n != 0 && name.p[0] == '[')
		return str_fmt(a, "%.*s:", STR(scheme)).p;
	if (is_loopback(name))
		return str_fmt(a, "%.*s://%.*s:*", STR(scheme), STR(name)).p;
	return str_fmt(a, "%.*s://%.*s", STR(scheme), STR(host)).p;
}
