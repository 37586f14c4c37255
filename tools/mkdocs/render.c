/* render -- Markdown to HTML by md4c, then what it leaves to us: anchors, tables and code that scroll, colours. */
#include "mkdocs.h"
#include <ctype.h>
#include <md4c-html.h>

struct work { struct site *s; struct page *p; struct buf out; };

str
escaped(struct arena *a, str t)
{
	struct buf b;

	buf_init(&b, a, (size_t)1 << 20);
	for (size_t i = 0; i < t.n; i++)
		switch (t.p[i]) {
		case '&': buf_add(&b, S("&amp;")); break;
		case '<': buf_add(&b, S("&lt;")); break;
		case '>': buf_add(&b, S("&gt;")); break;
		case '"': buf_add(&b, S("&quot;")); break;
		default: buf_char(&b, t.p[i]);
		}
	return buf_str(&b);
}

/* HTML as a text: no tags, entities as characters. */
static str
plain(struct arena *a, str html)
{
	static const struct { str entity; char c; } entities[] = {
		{ S_INIT("&amp;"), '&' }, { S_INIT("&lt;"), '<' }, { S_INIT("&gt;"), '>' }, { S_INIT("&quot;"), '"' },
	};
	struct buf b;

	buf_init(&b, a, (size_t)1 << 20);
	for (size_t i = 0; i < html.n; i++) {
		size_t k = 0;
		if (html.p[i] == '<') {
			while (i < html.n && html.p[i] != '>')
				i++;
			continue;
		}
		while (k < COUNT(entities) && !str_starts(str_cut(html, i, html.n), entities[k].entity))
			k++;
		buf_char(&b, k < COUNT(entities) ? entities[k].c : html.p[i]);
		i += k < COUNT(entities) ? entities[k].entity.n - 1 : 0;
	}
	return str_trim(buf_str(&b));
}

/* --- headings --- */

static bool
id_taken(const struct page *p, str id)
{
	for (int i = 0; i < p->nh; i++)
		if (str_eq(p->h[i].id, id))
			return true;
	return false;
}

str
slug_of(struct arena *a, str words)
{
	struct buf b;

	buf_init(&b, a, 400);
	for (size_t i = 0; i < words.n; i++) {
		unsigned char c = (unsigned char)words.p[i];
		if (isalnum(c) || c == '_')
			buf_char(&b, (char)tolower(c));
		else if (b.n != 0 && b.p[b.n - 1] != '-')
			buf_char(&b, '-');
	}
	str id = buf_str(&b);
	while (str_ends(id, S("-")))
		id.n--;
	return id;
}

static str
free_id(struct work *w, str words)
{
	str first = slug_of(&w->s->a, words), id = first;

	for (int i = 2; id_taken(w->p, id); i++)
		id = str_fmt(&w->s->a, "%.*s-%d", STR(first), i);
	return id;
}

/* inner may end with {#anchor}. */
static void
heading(struct work *w, int level, str inner)
{
	const char *mark = str_ends(inner, S("}")) ? memmem(inner.p, inner.n, " {#", 3) : NULL;
	struct page *p = w->p;
	str id = STR_NONE;

	if (mark != NULL) {
		id = (str){ mark + 3, (size_t)(inner.p + inner.n - 1 - (mark + 3)) };
		inner.n = (size_t)(mark - inner.p);
	}
	str words = plain(&w->s->a, inner);
	if (level == 1) {
		p->title = words;
		put(&w->out, "<h1>%.*s</h1>", STR(inner));
		return;
	}
	if (id.p != NULL && id_taken(p, id))
		die("%s: two headings have the anchor '%.*s'", p->path, STR(id));
	if (id.p == NULL)
		id = free_id(w, words);
	if (p->nh == HEADINGS_MAX)
		die("%s: more than %d headings", p->path, HEADINGS_MAX);
	p->h[p->nh++] = (struct heading){ level, id, words };
	put(&w->out, "<h%d id=\"%.*s\"><a class=\"anchor\" href=\"#%.*s\">%.*s</a></h%d>", level, STR(id), STR(id), STR(inner), level);
}

/* --- code --- */

static size_t
span(struct buf *b, const char *kind, str t, size_t n)
{
	put(b, "<span class=\"%s\">%.*s</span>", kind, (int)n, t.p);
	return n;
}

/* The string that begins here, in HTML: to behind its closing &quot;. */
static size_t
string_end(str t)
{
	for (size_t i = 6; i < t.n; i++) {
		if (t.p[i] == '\\')
			i++;
		else if (str_starts(str_cut(t, i, t.n), S("&quot;")))
			return i + 6;
	}
	return t.n;
}

static void
colour_json(struct buf *b, str t)
{
	for (size_t i = 0; i < t.n;) {
		str rest = str_cut(t, i, t.n);
		size_t n = 0;
		if (str_starts(rest, S("&quot;"))) {
			n = string_end(rest);
			i += span(b, n < rest.n && rest.p[n] == ':' ? "k" : "s", rest, n);
			continue;
		}
		while (n < rest.n && (isalnum((unsigned char)rest.p[n]) || (n > 0 && rest.p[n] == '.') || rest.p[n] == '-'))
			n++;
		if (n > 0)
			i += span(b, "n", rest, n);
		else {
			buf_char(b, rest.p[0]);
			i++;
		}
	}
}

/* Comments and variables. */
static void
colour_sh(struct buf *b, str t)
{
	while (t.p != NULL) {
		str line = str_split(&t, '\n');
		if (str_starts(line, S("#"))) {
			span(b, "c", line, line.n);
			line.n = 0;
		}
		for (size_t i = 0; i < line.n;) {
			str rest = str_cut(line, i, line.n);
			size_t n = rest.p[0] == '$' ? 1 : 0;
			while (n > 0 && n < rest.n && (isalnum((unsigned char)rest.p[n]) || rest.p[n] == '_'))
				n++;
			if (n > 1)
				i += span(b, "k", rest, n);
			else {
				buf_char(b, rest.p[0]);
				i++;
			}
		}
		if (t.p != NULL)
			buf_char(b, '\n');
	}
}

/* <pre><code class="language-X">…: it scrolls by keyboard, too. */
static void
code_block(struct work *w, str inner)
{
	str open = S("<code class=\"language-"), lang = STR_NONE;
	struct buf *b = &w->out;

	if (str_starts(inner, open)) {
		lang = str_cut(inner, open.n, inner.n);
		lang = str_split(&lang, '"');
	}
	const char *from = memchr(inner.p, '>', inner.n);
	str body = { from + 1, (size_t)(inner.p + inner.n - (from + 1)) - strlen("</code>") };
	put(b, "<div class=\"code\" data-language=\"%.*s\"><pre tabindex=\"0\"><code>", lang.p != NULL ? (int)lang.n : 4, lang.p != NULL ? lang.p : "text");
	if (str_eq(lang, S("json")))
		colour_json(b, body);
	else if (str_eq(lang, S("sh")))
		colour_sh(b, body);
	else
		buf_add(b, body);
	buf_add(b, S("</code></pre></div>"));
}

/* --- all of it --- */

static bool
element(str *rest, str open, str close, str *ret_inner)
{
	const char *end;

	if (!str_starts(*rest, open) || (end = memmem(rest->p, rest->n, close.p, close.n)) == NULL)
		return false;
	*ret_inner = (str){ rest->p + open.n, (size_t)(end - rest->p) - open.n };
	*rest = str_cut(*rest, (size_t)(end - rest->p) + close.n, rest->n);
	return true;
}

static bool
special(struct work *w, str *rest)
{
	static const str heads[] = { S_INIT("<h1>"), S_INIT("<h2>"), S_INIT("<h3>"), S_INIT("<h4>") };
	static const str tails[] = { S_INIT("</h1>"), S_INIT("</h2>"), S_INIT("</h3>"), S_INIT("</h4>") };
	str inner;

	for (int i = 0; i < 4; i++)
		if (element(rest, heads[i], tails[i], &inner)) {
			heading(w, i + 1, inner);
			return true;
		}
	if (element(rest, S("<pre>"), S("</pre>"), &inner))
		code_block(w, inner);
	else if (element(rest, S("<table>"), S("</table>"), &inner))
		put(&w->out, "<div class=\"scroll\" role=\"group\" aria-label=\"Table\" tabindex=\"0\"><table>%.*s</table></div>", STR(inner));
	else
		return false;
	return true;
}

/* A paragraph of a method and a path is the line of an operation. */
static bool
operation_line(struct work *w, str *rest)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

	for (size_t i = 0; i < COUNT(methods); i++) {
		str open = str_fmt(&w->s->a, "<p><code>%s</code> <code>/", methods[i]);
		if (!str_starts(*rest, open))
			continue;
		put(&w->out, "<p class=\"op\"><code class=\"method m-%s\">%s</code> <code>/", methods[i], methods[i]);
		*rest = str_cut(*rest, open.n, rest->n);
		return true;
	}
	return false;
}

static void take(const MD_CHAR *t, MD_SIZE n, void *to) { buf_add(to, (str){ t, n }); }

static void
about(struct work *w, str html)
{
	str inner = STR_NONE;
	const char *p = memmem(html.p, html.n, "<p>", 3);

	if (p == NULL || (html = str_cut(html, (size_t)(p - html.p), html.n), !element(&html, S("<p>"), S("</p>"), &inner)))
		die("%s: no first paragraph", w->p->path);
	inner = plain(&w->s->a, inner);
	char *one = arena_raw(&w->s->a, inner.n);
	for (size_t i = 0; i < inner.n; i++)
		one[i] = inner.p[i] == '\n' ? ' ' : inner.p[i];
	w->p->about = (str){ one, inner.n };
}

void
render(struct site *s, struct page *p)
{
	struct work w = { .s = s, .p = p };
	struct buf raw;

	buf_init(&raw, &s->a, (size_t)8 << 20);
	buf_init(&w.out, &s->a, (size_t)8 << 20);
	if (md_html(p->md.p, (MD_SIZE)p->md.n, take, &raw, MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_NOHTML, 0) != 0)
		die("%s: md4c failed", p->path);
	str rest = buf_str(&raw);
	about(&w, rest);
	while (rest.n != 0)
		if (rest.p[0] != '<' || (!special(&w, &rest) && !operation_line(&w, &rest))) {
			buf_char(&w.out, rest.p[0]);
			rest = str_cut(rest, 1, rest.n);
		}
	if (p->title.n == 0)
		die("%s: no title", p->path);
	p->html = buf_str(&w.out);
}
