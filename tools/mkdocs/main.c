#include "api/openapi.h"
#include "mkdocs.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define RESOURCES	"Resources"		/* the group of pages.def */

void
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("mkdocs: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

void
put(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *text = arena_raw(b->a, (size_t)n + 1);
	vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	buf_add(b, (str){ text, (size_t)n });
	if (b->over)
		die("a page is too large");
}

str
file_read(struct site *s, const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf b;
	char some[65536];
	size_t n;

	if (f == NULL)
		return STR_NONE;
	buf_init(&b, &s->a, (size_t)16 << 20);
	while ((n = fread(some, 1, sizeof(some), f)) > 0)
		buf_add(&b, (str){ some, n });
	fclose(f);
	return buf_str(&b);
}

struct page *
page_add(struct site *s, const char *group, const char *path, const char *file, const char *nav)
{
	if (s->npages == PAGES_MAX)
		die("more than %d pages", PAGES_MAX);
	struct page *p = NEW(&s->a, struct page);
	*p = (struct page){ .group = group, .path = path, .file = file, .nav = nav };
	return s->pages[s->npages++] = p;
}

/* A tag of operations that are in the document; NULL when there are none. */
static json_t *
tag_find(const struct site *s, str name)
{
	json_t *one;
	size_t i;

	json_array_foreach (json_object_get(s->api, "tags"), i, one)
		if (str_eq(name, str_z(json_string_value(json_object_get(one, "name")))))
			return one;
	return NULL;
}

static struct page *
page_at(const struct site *s, const char *path)
{
	for (int i = 0; i < s->npages; i++)
		if (strcmp(s->pages[i]->path, path) == 0)
			return s->pages[i];
	return NULL;
}

/* A tag that nobody has written a guide about has a page all the same, behind the other resources. */
static void
add_tag_pages(struct site *s)
{
	json_t *one;
	size_t i;

	json_array_foreach (json_object_get(s->api, "tags"), i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));
		const char *path = str_fmt(&s->a, "/docs/api/v1/%.*s", STR(slug_of(&s->a, str_z(name)))).p;
		if (page_at(s, path) != NULL)
			continue;
		struct page *p = page_add(s, RESOURCES, path, NULL, name);
		p->md = str_fmt(&s->a, "# %s\n\n%s\n\n<!-- operations %s -->\n", name, json_string_value(json_object_get(one, "description")), name);
		int at = --s->npages;
		while (at > 0 && (s->pages[at - 1]->group == NULL || strcmp(s->pages[at - 1]->group, RESOURCES) != 0)) {
			s->pages[at] = s->pages[at - 1];
			at--;
		}
		s->pages[at] = p;
		s->npages++;
	}
}

/* --- directives --- */

static bool
table(str word, struct buf *out)
{
	static const struct { const char *word; void (*print)(struct buf *); } tables[] = {
		{ "settings", print_settings }, { "scopes", print_scopes }, { "tools", print_tools }, { "prompts", print_prompts }, { "resources", print_resources },
	};

	for (size_t i = 0; i < COUNT(tables); i++)
		if (str_eq(word, str_z(tables[i].word)))
			return tables[i].print(out), true;
	return false;
}

static void
directive(struct site *s, const char *file, str what, struct buf *out)
{
	str rest = what, word = str_split(&rest, ' ');

	if (str_eq(rest, S("begin")) || str_eq(rest, S("end")) || str_eq(word, S("if")) || str_eq(word, S("unless")) || str_eq(word, S("fi")))
		return;			/* what stands between is kept by another tool, or was judged by wanted() */
	if (str_eq(word, S("operations")))
		print_operations(s, rest.n != 0 ? str_dup(&s->a, rest).p : NULL, out);
	else if (str_eq(word, S("errors")))
		print_errors(s, out);
	else if (str_eq(word, S("changes"))) {
		str text = file_read(s, "CHANGES.md");
		str_split(&text, '\n');
		buf_add(out, str_trim(text));
		buf_char(out, '\n');
	} else if (!table(word, out))
		die("docs/%s: there is no directive '%.*s'", file, STR(what));
}

/* What stands between `if TAG` or `unless TAG` and `fi` is for a release that has such operations, or has none. */
static bool
wanted(struct site *s, str what, bool now)
{
	str rest = what, word = str_split(&rest, ' ');

	if (str_eq(word, S("fi")))
		return true;
	if (!str_eq(word, S("if")) && !str_eq(word, S("unless")))
		return now;
	return (tag_find(s, rest) != NULL) == str_eq(word, S("if"));
}

static str
expand(struct site *s, const char *file, str text)
{
	struct buf b;
	bool now = true;

	buf_init(&b, &s->a, (size_t)8 << 20);
	while (text.p != NULL) {
		str line = str_split(&text, '\n');
		if (str_starts(line, S("<!-- ")) && str_ends(line, S(" -->"))) {
			str what = str_cut(line, 5, line.n - 4);
			now = wanted(s, what, now);
			if (now)
				directive(s, file, what, &b);
			continue;
		}
		if (!now)
			continue;
		buf_add(&b, line);
		if (text.p != NULL)
			buf_char(&b, '\n');
	}
	return buf_str(&b);
}

static void
read_guides(struct site *s)
{
	for (int i = 0; i < s->npages; i++) {
		struct page *p = s->pages[i];
		if (p->file == NULL) {
			p->md = expand(s, p->path, p->md);
			continue;
		}
		str text = file_read(s, str_fmt(&s->a, "docs/%s", p->file).p);
		if (text.p == NULL)
			die("docs/%s cannot be read", p->file);
		p->md = expand(s, p->file, text);
	}
}

/* A guide that nobody would find. */
static void
check_files(const struct site *s)
{
	DIR *d = opendir("docs");
	struct dirent *e;

	if (d == NULL)
		die("no folder docs: run at the top of the tree");
	while ((e = readdir(d)) != NULL) {
		bool known = !str_ends(str_z(e->d_name), S(".md")) || strcmp(e->d_name, "error-notes.md") == 0;
		for (int i = 0; i < s->npages && !known; i++)
			known = s->pages[i]->file != NULL && strcmp(s->pages[i]->file, e->d_name) == 0;
		if (!known)
			die("docs/%s is in no row of tools/mkdocs/pages.def", e->d_name);
	}
	closedir(d);
}

/* --- what goes into the block --- */

/* Explicit anchors are for HTML. */
static str
twin(struct site *s, str md)
{
	struct buf b;

	buf_init(&b, &s->a, (size_t)8 << 20);
	while (md.p != NULL) {
		str line = str_split(&md, '\n');
		const char *mark = str_starts(line, S("#")) && str_ends(line, S("}")) ? memmem(line.p, line.n, " {#", 3) : NULL;
		buf_add(&b, mark != NULL ? str_cut(line, 0, (size_t)(mark - line.p)) : line);
		if (md.p != NULL)
			buf_char(&b, '\n');
	}
	return buf_str(&b);
}

static void
add_pages(struct site *s)
{
	for (int i = 0; i < s->npages; i++) {
		struct page *p = s->pages[i];
		struct buf b;
		buf_init(&b, &s->a, (size_t)8 << 20);
		dress(s, p, &b);
		asset_add(s, p->path, "text/html; charset=utf-8", false, buf_str(&b));
		if (p->path[0] == '/')
			asset_add(s, str_fmt(&s->a, "%s.md", p->path).p, "text/markdown; charset=utf-8", false, twin(s, p->md));
	}
}

/* llmstxt.org: a title, what it is, and links to Markdown by group. */
static void
add_lists(struct site *s)
{
	struct buf index, all;
	const char *group = "";

	buf_init(&index, &s->a, 1 << 20);
	buf_init(&all, &s->a, (size_t)8 << 20);
	buf_add(&index, S("# scriped\n\n> The Scripe API on your own machine: a JSON REST API for LinkedIn content. Notes, posts, and jobs that turn a "
	    "text into a draft.\n\nEvery page below is Markdown; without `.md` the same path is HTML. The API as OpenAPI 3.1: [/openapi.yaml](/openapi.yaml).\n"));
	for (int i = 0; i < s->npages; i++) {
		struct page *p = s->pages[i];
		if (p->group == NULL)
			continue;
		if (strcmp(group, p->group) != 0)
			put(&index, "\n## %s\n\n", group = p->group);
		put(&index, "- [%.*s](%s.md): %.*s\n", STR(p->title), p->path, STR(p->about));
		put(&all, "%s<!-- %s -->\n\n", i > 0 ? "\n\n" : "", p->path);
		buf_add(&all, str_trim(twin(s, p->md)));
	}
	buf_char(&all, '\n');
	asset_add(s, "/llms.txt", "text/plain; charset=utf-8", false, buf_str(&index));
	asset_add(s, "/llms-full.txt", "text/plain; charset=utf-8", false, buf_str(&all));
}

/* What the search box looks through: [page, heading, address] of every heading. */
static void
add_search(struct site *s)
{
	struct buf b;
	struct json j;

	buf_init(&b, &s->a, (size_t)4 << 20);
	jw_begin(&j, &b);
	jw_arr(&j);
	for (int i = 0; i < s->npages; i++) {
		struct page *p = s->pages[i];
		for (int k = 0; p->path[0] == '/' && k <= p->nh; k++) {
			if (k > 0 && (p->h[k - 1].level > 3 || (strcmp(p->nav, "Errors") == 0 && p->h[k - 1].level == 3)))
				continue;
			jw_arr(&j);
			jw_str(&j, str_z(p->nav));
			jw_str(&j, k == 0 ? p->title : p->h[k - 1].text);
			jw_str(&j, k == 0 ? str_z(p->path) : str_fmt(&s->a, "%s#%.*s", p->path, STR(p->h[k - 1].id)));
			jw_end(&j);
		}
	}
	jw_end(&j);
	asset_add(s, "/docs/assets/search.json", "application/json", false, buf_str(&b));
}

static str
hashed_asset(struct site *s, const char *name, const char *tail, const char *type)
{
	str body = file_read(s, str_fmt(&s->a, "docs/assets/%s.%s", name, tail).p);

	if (body.p == NULL)
		die("docs/assets/%s.%s cannot be read", name, tail);
	str path = str_fmt(&s->a, "/docs/assets/%s.%.*s.%s", name, STR(hash_of(&s->a, body)), tail);
	asset_add(s, path.p, type, true, body);
	return path;
}

static void
read_api(struct site *s)
{
	struct buf b;
	struct error e;

	buf_init(&b, &s->a, OPENAPI_MAX);
	api_openapi(false, true, NULL, NULL, &b);
	if (b.over || json_read(buf_str(&b), &s->api, &e) != OK)
		die("the OpenAPI document cannot be read");
}

int
main(int argc, char **argv)
{
	static struct site s;

	if (argc != 2)
		die("usage: mkdocs FILE, at the top of the tree");
	arena_init(&s.a, (size_t)512 << 20);
	read_api(&s);
#define PAGE(group, path, file, nav) page_add(&s, group, path, file, nav);
#include "pages.def"
#undef PAGE
	check_files(&s);
	add_tag_pages(&s);
	add_error_pages(&s);
	read_guides(&s);
	s.style = hashed_asset(&s, "site", "css", "text/css; charset=utf-8");
	s.script = hashed_asset(&s, "site", "js", "text/javascript; charset=utf-8");
	s.icon = hashed_asset(&s, "icon", "svg", "image/svg+xml");
	for (int i = 0; i < s.npages; i++)
		render(&s, s.pages[i]);
	check_links(&s);
	add_pages(&s);
	add_lists(&s);
	add_search(&s);
	pack_write(&s, argv[1]);
	json_decref(s.api);
	arena_free(&s.a);
	return 0;
}
