/* page -- the template around a page, and whether its links lead somewhere. */
#include "mkdocs.h"

static void
put_head(struct site *s, const struct page *p, struct buf *b)
{
	str title = escaped(&s->a, p->title), about = escaped(&s->a, p->about.n > 300 ? str_cut(p->about, 0, 300) : p->about);

	put(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<title>%.*s · scriped</title>\n<meta name=\"description\" content=\"%.*s\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
	    "<link rel=\"icon\" href=\"%.*s\">\n<link rel=\"stylesheet\" href=\"%.*s\">\n<script src=\"%.*s\"></script>\n",
	    STR(title), STR(about), STR(s->icon), STR(s->style), STR(s->script));
	if (p->path[0] == '/')
		put(b, "<link rel=\"alternate\" type=\"text/markdown\" href=\"%s.md\">\n", p->path);
	buf_add(b, S("</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header class=\"top\">\n"
	    "<a class=\"brand\" href=\"/docs\"><svg viewBox=\"0 0 32 32\" aria-hidden=\"true\"><path d=\"M7 25 21 5l4 3-14 20-5 1z\"/><path d=\"M15 29h11\"/></svg>"
	    "scriped</a>\n<div class=\"tools\" id=\"tools\"><a class=\"to-menu\" id=\"menu\" href=\"#nav\">Menu</a></div>\n</header>\n"));
}

static void
put_nav(const struct site *s, const struct page *here, struct buf *b)
{
	const char *group = NULL;

	buf_add(b, S("<nav id=\"nav\" class=\"nav\" aria-label=\"Documentation\">\n<a class=\"close\" href=\"#main\">Close</a>\n"));
	for (int i = 0; i < s->npages; i++) {
		const struct page *p = s->pages[i];
		if (p->group == NULL)
			continue;
		if (group == NULL || strcmp(group, p->group) != 0)
			put(b, "%s<p>%s</p>\n<ul>\n", group != NULL ? "</ul>\n" : "", p->group);
		group = p->group;
		put(b, "<li><a href=\"%s\"%s>%s</a></li>\n", p->path, p == here ? " aria-current=\"page\"" : "", p->nav);
	}
	buf_add(b, S("</ul>\n</nav>\n"));
}

static void
put_contents(struct site *s, const struct page *p, struct buf *b)
{
	int shown = 0;

	for (int i = 0; i < p->nh; i++)
		shown += p->h[i].level <= 3;
	if (shown < 2)
		return;
	buf_add(b, S("<nav class=\"toc\" aria-label=\"On this page\">\n<p>On this page</p>\n<ul>\n"));
	for (int i = 0; i < p->nh; i++)
		if (p->h[i].level <= 3)
			put(b, "<li class=\"l%d\"><a href=\"#%.*s\">%.*s</a></li>\n", p->h[i].level, STR(p->h[i].id), STR(escaped(&s->a, p->h[i].text)));
	buf_add(b, S("</ul>\n</nav>\n"));
}

static void
put_foot(const struct site *s, const struct page *p, struct buf *b)
{
	const struct page *before = NULL, *after = NULL;

	for (int i = 0; i < s->npages; i++)
		if (s->pages[i] == p && p->group != NULL) {
			before = i > 0 ? s->pages[i - 1] : NULL;
			after = i + 1 < s->npages && s->pages[i + 1]->group != NULL ? s->pages[i + 1] : NULL;
		}
	buf_add(b, S("<footer>\n"));
	if (before != NULL || after != NULL) {
		buf_add(b, S("<div class=\"turn\">"));
		if (before != NULL)
			put(b, "<a href=\"%s\"><small>Before</small> %s</a>", before->path, before->nav);
		if (after != NULL)
			put(b, "<a class=\"next\" href=\"%s\"><small>Next</small> %s</a>", after->path, after->nav);
		buf_add(b, S("</div>\n"));
	}
	buf_add(b, S("<p>"));
	if (p->path[0] == '/')
		put(b, "<a href=\"%s.md\">This page as Markdown</a> ", p->path);
	put(b, "<a href=\"/llms.txt\">llms.txt</a> <a href=\"/openapi.yaml\">OpenAPI</a> <span>scriped %s</span></p>\n</footer>\n", SCRIPED_VERSION);
}

void
dress(struct site *s, struct page *p, struct buf *b)
{
	put_head(s, p, b);
	buf_add(b, S("<div class=\"frame\">\n"));
	put_nav(s, p, b);
	buf_add(b, S("<main id=\"main\" tabindex=\"-1\">\n<article>\n"));
	buf_add(b, p->html);
	buf_add(b, S("</article>\n"));
	put_foot(s, p, b);
	buf_add(b, S("</main>\n"));
	put_contents(s, p, b);
	buf_add(b, S("</div>\n</body>\n</html>\n"));
}

/* --- links --- */

static bool
has_heading(const struct page *p, str id)
{
	for (int i = 0; i < p->nh; i++)
		if (str_eq(p->h[i].id, id))
			return true;
	return id.p == NULL;
}

static bool
leads(const struct site *s, const struct page *from, str to)
{
	static const str others[] = { S_INIT("/openapi.yaml"), S_INIT("/openapi.json"), S_INIT("/llms.txt"), S_INIT("/llms-full.txt") };
	str id = to, path = str_split(&id, '#');

	if (str_starts(to, S("https://")) || str_starts(to, S("mailto:")))
		return true;
	if (path.n == 0)
		return has_heading(from, id);
	for (size_t i = 0; i < COUNT(others); i++)
		if (str_eq(path, others[i]))
			return true;
	for (int i = 0; i < s->npages; i++)
		if (str_eq(path, str_z(s->pages[i]->path)))
			return has_heading(s->pages[i], id);
	return false;
}

void
check_links(struct site *s)
{
	for (int i = 0; i < s->npages; i++) {
		str rest = s->pages[i]->html, href = S("<a href=\"");
		const char *at;
		while ((at = memmem(rest.p, rest.n, href.p, href.n)) != NULL) {
			rest = str_cut(rest, (size_t)(at - rest.p) + href.n, rest.n);
			str to = str_split(&rest, '"');
			if (!leads(s, s->pages[i], to))
				die("%s: the link to %.*s leads nowhere", s->pages[i]->path, STR(to));
		}
	}
}
