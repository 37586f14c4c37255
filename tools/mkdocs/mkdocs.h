/* mkdocs -- makes the documentation site at build time: guides (docs/X.md), pages printed from the tables of the program, the .md
 * twin of each, llms.txt, style and script, all as one block that src/docs serves.
 *
 *	main.c		which pages there are (pages.def), their directives, the lists of everything
 *	reference.c	operations and objects as Markdown, from the OpenAPI document
 *	errors.c	errors and settings as Markdown, from err.def and conf.def
 *	agents.c	scopes, tools, prompts and resources, from what serves them
 *	render.c	Markdown to HTML: md4c, then anchors, tables that scroll, colours of code
 *	page.c		the template around it; whether every link leads somewhere
 *	write.c		the block of src/docs/pack.h
 *
 * A guide is Markdown with directives, lines of their own:
 *	<!-- operations Notes -->	every operation of a tag, and the objects that they answer with; without a tag: all
 *	<!-- errors -->			every error with a link to its page
 *	<!-- settings -->		every setting
 *	<!-- scopes -->, <!-- tools -->, <!-- prompts -->, <!-- resources -->	what programs may ask for, and what MCP offers
 *	<!-- changes -->		CHANGES.md without its title
 *	<!-- if Notes -->, <!-- unless Notes -->, <!-- fi -->	what stands between is for a release with, or without, such operations
 *	<!-- X begin -->, <!-- X end -->	nothing: what stands between is kept by another tool
 * A heading may end with {#anchor}.
 *
 * Ownership:  everything lives in one arena until the program ends.  Any fault ends it with a line that says where. */
#ifndef MKDOCS_H
#define MKDOCS_H
#include "agents.h"
#include "docs/pack.h"
#include "json/json.h"

struct heading { int level; str id, text; };
#define HEADINGS_MAX	400
struct page {
	const char *group, *path, *file, *nav;	/* group NULL: in no list; file NULL: printed into md by the program */
	str title, about, md, html;
	struct heading h[HEADINGS_MAX];
	int nh;
};
#define PAGES_MAX	200
struct site {
	struct arena a;
	struct page *pages[PAGES_MAX];
	int npages;
	json_t *api;			/* the OpenAPI document */
	str style, script, icon;	/* the paths of the assets, which hold their hash */
	struct asset assets[2 * PAGES_MAX + 16];
	int nassets;
};

_Noreturn void die(const char *fmt, ...) PRINTF(1, 2);
str	file_read(struct site *, const char *path);	/* absent when there is none */
struct page *page_add(struct site *, const char *group, const char *path, const char *file, const char *nav);

/* reference.c; tag NULL: all */
void	print_operations(struct site *, const char *tag, struct buf *);
/* errors.c */
void	print_errors(struct site *, struct buf *);
void	print_settings(struct buf *);
void	add_error_pages(struct site *);
/* Calls `each` with every operation that may answer with this error. */
typedef void each_op(void *ctx, const char *method, const char *path, json_t *op);
void	operations_with(struct site *, const char *slug, each_op *, void *ctx);
void	json_block(struct buf *, json_t *);		/* fenced, indented by two */

/* render.c */
str	slug_of(struct arena *, str words);		/* "On this page": on-this-page */
void	render(struct site *, struct page *);		/* md to html, title, about and headings */
/* page.c */
void	dress(struct site *, struct page *, struct buf *);
void	check_links(struct site *);
str	escaped(struct arena *, str);			/* for HTML text and attributes */
/* write.c */
void	asset_add(struct site *, const char *path, const char *type, bool for_ever, str body);
void	pack_write(struct site *, const char *to);
#endif
