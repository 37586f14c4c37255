/* markdown -- CommonMark and the tables of GitHub, through md4c; front matter gives the title and is no text. */
#include "extract/encode.h"
#include "extract/flow.h"
#include <md4c.h>

struct walk { struct flow f; int image, skip, lists; bool first_cell; };

static int kind(const struct walk *w) { return w->lists > 0 ? FLOW_LINE : FLOW_TEXT; }

bool
markdown_sniff(const struct file *f)
{
	bool named = file_named(f, ".md .markdown .mdown .mkd") && !file_starts(f, S("<!"));

	return (named || str_ieq(f->declared, S("text/markdown")) || str_ieq(f->declared, S("text/x-markdown"))) && plain_sniff(f);
}

static int
enter_block(MD_BLOCKTYPE type, void *detail, void *ctx)
{
	struct walk *w = ctx;

	(void)detail;
	switch (type) {
	case MD_BLOCK_LI:
		flow_end(&w->f, FLOW_LINE);	/* what its parent said before */
		flow_mark(&w->f);
		break;
	case MD_BLOCK_TR: w->first_cell = true; break;
	case MD_BLOCK_TH:
	case MD_BLOCK_TD:
		if (!w->first_cell)
			flow_cell(&w->f);
		w->first_cell = false;
		break;
	case MD_BLOCK_HTML: w->skip++; break;
	case MD_BLOCK_UL:
	case MD_BLOCK_OL:
		flow_end(&w->f, kind(w));
		w->lists++;
		break;
	default: break;
	}
	return 0;
}

static int
leave_block(MD_BLOCKTYPE type, void *detail, void *ctx)
{
	struct walk *w = ctx;

	switch (type) {
	case MD_BLOCK_H:
		flow_end(&w->f, (int)((MD_BLOCK_H_DETAIL *)detail)->level);
		break;
	case MD_BLOCK_P: flow_end(&w->f, kind(w)); break;
	case MD_BLOCK_CODE: flow_end(&w->f, FLOW_TEXT); break;
	case MD_BLOCK_LI: flow_end(&w->f, FLOW_LINE); break;
	case MD_BLOCK_UL:
	case MD_BLOCK_OL:
		if (--w->lists == 0)
			flow_close(&w->f);
		break;
	case MD_BLOCK_TR: flow_end(&w->f, FLOW_LINE); break;
	case MD_BLOCK_TABLE: flow_close(&w->f); break;
	case MD_BLOCK_HTML: w->skip--; break;
	default: break;
	}
	return 0;
}

static int
enter_span(MD_SPANTYPE type, void *detail, void *ctx)
{
	struct walk *w = ctx;

	(void)detail;
	w->image += type == MD_SPAN_IMG;
	return 0;
}

static int
leave_span(MD_SPANTYPE type, void *detail, void *ctx)
{
	struct walk *w = ctx;

	(void)detail;
	w->image -= type == MD_SPAN_IMG;
	return 0;
}

/* &amp; and the like: the few that people write. */
static str
entity(str s)
{
	static const struct { str name, is; } known[] = { { S_INIT("&amp;"), S_INIT("&") }, { S_INIT("&lt;"), S_INIT("<") }, { S_INIT("&gt;"), S_INIT(">") },
		{ S_INIT("&quot;"), S_INIT("\"") }, { S_INIT("&nbsp;"), S_INIT(" ") }, { S_INIT("&ndash;"), S_INIT("–") }, { S_INIT("&mdash;"), S_INIT("—") },
		{ S_INIT("&hellip;"), S_INIT("…") }, { S_INIT("&auml;"), S_INIT("ä") }, { S_INIT("&ouml;"), S_INIT("ö") }, { S_INIT("&uuml;"), S_INIT("ü") },
		{ S_INIT("&Auml;"), S_INIT("Ä") }, { S_INIT("&Ouml;"), S_INIT("Ö") }, { S_INIT("&Uuml;"), S_INIT("Ü") }, { S_INIT("&szlig;"), S_INIT("ß") } };

	for (size_t i = 0; i < COUNT(known); i++)
		if (str_eq(s, known[i].name))
			return known[i].is;
	return s;
}

static int
text(MD_TEXTTYPE type, const MD_CHAR *p, MD_SIZE n, void *ctx)
{
	struct walk *w = ctx;

	if (w->skip > 0 || w->image > 0 || type == MD_TEXT_HTML)
		return 0;
	switch (type) {
	case MD_TEXT_BR: flow_line(&w->f); break;
	case MD_TEXT_SOFTBR: flow_add(&w->f, S(" ")); break;
	case MD_TEXT_ENTITY: flow_add(&w->f, entity((str){ p, n })); break;
	default: flow_add(&w->f, (str){ p, n });
	}
	return 0;
}

/* --- front matter --- */

static void
matter_line(struct out *o, str line)
{
	str value = line, name = str_split(&value, ':');

	if (!str_ieq(str_trim(name), S("title")) || value.p == NULL)
		return;
	value = str_trim(value);
	if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') && value.p[value.n - 1] == value.p[0])
		value = str_cut(value, 1, value.n - 1);
	out_title(o, value);
}

/* Between two lines of --- at the very start; without the second one there is none. */
static str
front_matter(struct out *o, str s)
{
	str rest = s, lines;

	if (!str_eq(str_trim(str_split(&rest, '\n')), S("---")) || rest.p == NULL)
		return s;
	lines = rest;
	while (rest.p != NULL) {
		str line = str_trim(str_split(&rest, '\n'));
		if (!str_eq(line, S("---")) && !str_eq(line, S("...")))
			continue;
		while (lines.p < line.p && lines.p != NULL)
			matter_line(o, str_split(&lines, '\n'));
		return rest.p != NULL ? rest : S("");
	}
	return s;
}

void
markdown_read(const struct file *file, struct out *o)
{
	MD_PARSER parser = { .flags = MD_DIALECT_GITHUB, .enter_block = enter_block, .leave_block = leave_block, .enter_span = enter_span,
	    .leave_span = leave_span, .text = text };
	str s = encode_utf8(o->a, file->bytes, file->charset, NULL);
	struct walk w = { .image = 0 };

	if (s.p == NULL)
		out_stop(o, FAILED, "The file begins as text and goes on as something else. Save it anew and upload it again.");
	s = front_matter(o, s);
	flow_init(&w.f, o);
	if (md_parse(s.p, (MD_SIZE)s.n, &parser, &w) != 0)
		out_stop(o, FAILED, "The Markdown could not be read. Upload it as plain text.");
	flow_end(&w.f, FLOW_TEXT);
	flow_close(&w.f);
}
