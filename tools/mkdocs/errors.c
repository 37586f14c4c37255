/* errors -- what err.def and conf.def say, as Markdown. */
#include "mkdocs.h"

#define ERRORS_PATH	"/docs/api/v1/errors"

/* --- errors --- */

/* The section of docs/error-notes.md about this code: what really happened; absent when there is none. */
static str
note_on(struct site *s, const char *slug)
{
	str text = file_read(s, "docs/error-notes.md"), head = str_fmt(&s->a, "## %s", slug);
	struct buf b;
	bool in = false;

	buf_init(&b, &s->a, 1 << 16);
	while (text.p != NULL) {
		str line = str_split(&text, '\n');
		if (str_starts(line, S("## ")))
			in = str_eq(str_trim(line), head);
		else if (in) {
			buf_add(&b, line);
			buf_char(&b, '\n');
		}
	}
	return str_trim(buf_str(&b));
}

static const char *
retry_of(const struct err_row *r)
{
	if (r->flags & EF_RETRY)
		return "Yes, after the seconds that `Retry-After` names";
	if (r->http >= 500)
		return "Once, after a pause";
	return "No: the answer stays the same until something changes";
}

void
print_errors(struct site *s, struct buf *b)
{
	(void)s;
	buf_add(b, S("| code | status | as it is | what to do |\n| --- | --- | --- | --- |\n"));
	for (int e = OK + 1; e < ERR_COUNT; e++) {
		const struct err_row *r = err_row((enum err)e);
		if (r->slug != NULL)
			put(b, "| [`%s`](#%s) | %d | %s | %s |\n", r->slug, r->slug, r->http,
			    (r->flags & EF_RETRY) ? "retry" : r->http >= 500 ? "retry once" : "no retry", r->help);
	}
	for (int e = OK + 1; e < ERR_COUNT; e++) {
		const struct err_row *r = err_row((enum err)e);
		if (r->slug != NULL)
			put(b, "\n### %s {#%s}\n\n**%d.** %s %s [What happened, an example, and which operations give it](" ERRORS_PATH "/%s).\n",
			    r->slug, r->slug, r->http, r->message, r->help, r->slug);
	}
}

static void
list_op(void *ctx, const char *method, const char *path, json_t *op)
{
	struct buf *b = ctx;

	put(b, "- [`%s %s`](/docs/api/v1/reference#%s): %s\n", method, path, json_string_value(json_object_get(op, "operationId")),
	    json_string_value(json_object_get(op, "summary")));
}

static void
error_page(struct site *s, const struct err_row *r)
{
	json_t *example = json_object_get(json_object_get(json_object_get(s->api, "components"), "examples"), r->slug);
	struct page *p = page_add(s, NULL, str_fmt(&s->a, ERRORS_PATH "/%s", r->slug).p, NULL, "Errors");
	str note = note_on(s, r->slug);
	struct buf b;

	buf_init(&b, &s->a, 1 << 18);
	put(&b, "# %s\n\n%s\n\n", r->slug, r->message);
	put(&b, "- **Status**: %d\n- **Send the same request again?** %s\n- **Bound by an `Idempotency-Key`?** %s\n\n", r->http, retry_of(r),
	    (r->flags & EF_BOUND) ? "Yes: a replay gets this answer again" : "No: the key stays free");
	put(&b, "## What happened\n\n%.*s\n\n", STR(note.n != 0 ? note : str_z(r->message)));
	put(&b, "## How to recover\n\n%s\n\n", r->help);
	if (example != NULL) {
		buf_add(&b, S("## Example\n\n"));
		json_block(&b, json_object_get(example, "value"));
	}
	buf_add(&b, S("\n## Operations that may give it\n\n"));
	size_t before = b.n;
	operations_with(s, r->slug, list_op, &b);
	if (b.n == before)
		buf_add(&b, S("Paths and methods that no operation has.\n"));
	buf_add(&b, S("\n[All errors](" ERRORS_PATH ")\n"));
	p->md = buf_str(&b);
}

void
add_error_pages(struct site *s)
{
	for (int e = OK + 1; e < ERR_COUNT; e++)
		if (err_row((enum err)e)->slug != NULL)
			error_page(s, err_row((enum err)e));
}

/* --- settings --- */

enum { CF_RELOAD = 1, CF_SECRET = 2, CF_SAME = 4 };
enum kind { GROUP, TEXT, NUMBER, SWITCH, WORD };
static const struct { enum kind kind; const char *name, *def, *low, *high, *unit; int flags; const char *doc; } settings[] = {
#define SET_GROUP(title) { GROUP, title, NULL, NULL, NULL, NULL, 0, NULL },
#define SET_STR(name, def, flags, doc) { TEXT, #name, def, NULL, NULL, NULL, flags, doc },
#define SET_INT(name, def, min, max, unit, flags, doc) { NUMBER, #name, #def, #min, #max, unit, flags, doc },
#define SET_BOOL(name, def, flags, doc) { SWITCH, #name, #def, NULL, NULL, NULL, flags, doc },
#define SET_ENUM(name, def, words, flags, doc) { WORD, #name, def, words, NULL, NULL, flags, doc },
#include "conf/conf.def"
#undef SET_GROUP
#undef SET_STR
#undef SET_INT
#undef SET_BOOL
#undef SET_ENUM
};

/* A bar would end the cell. */
static void
cell(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			buf_char(b, '\\');
		buf_char(b, *text);
	}
}

void
print_settings(struct buf *b)
{
	for (size_t i = 0; i < COUNT(settings); i++) {
		const char *name = settings[i].name;
		if (settings[i].kind == GROUP) {
			put(b, "\n## %c%s\n\n| setting | default | what it is |\n| --- | --- | --- |\n", name[0] & ~0x20, name + 1);
			continue;
		}
		put(b, "| `%s`%s | ", name, (settings[i].flags & CF_RELOAD) ? "\u00a0*" : "");
		put(b, settings[i].def[0] != '\0' ? "`%s`" : "empty", settings[i].def);
		if (settings[i].unit != NULL && settings[i].unit[0] != '\0')
			put(b, " %s", settings[i].unit);
		buf_add(b, S(" | "));
		cell(b, settings[i].doc);
		buf_char(b, '.');
		if (settings[i].kind == NUMBER)
			put(b, " From %s to %s.", settings[i].low, settings[i].high);
		if (settings[i].kind == WORD) {
			buf_add(b, S(" One of "));
			cell(b, settings[i].low);
			buf_char(b, '.');
		}
		buf_add(b, S(" |\n"));
	}
}
