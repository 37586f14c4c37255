/* docx -- a Word document: paragraphs with the levels of their styles, lists, tables, footnotes. What was deleted or hidden is no text. */
#include "extract/flow.h"
#include "extract/ooxml.h"

#define STYLES_MAX	4000
#define BASED_MAX	16	/* how many styles may stand on each other */

/* --- styles --- */

struct style { str id, based; int level; bool title, item; };
struct styles { struct style *at; size_t n; };

/* "heading 2", in whatever language Word speaks: only ids are translated, names are not. */
static int
heading_name(str name)
{
	return name.n == 9 && str_ieq(str_cut(name, 0, 8), S("heading ")) && name.p[8] >= '1' && name.p[8] <= '6' ? name.p[8] - '0' : 0;
}

static int
outline(str val)	/* 0 is the first level, 9 is running text */
{
	return val.n == 1 && val.p[0] >= '0' && val.p[0] <= '5' ? val.p[0] - '0' + 1 : 0;
}

static void
style_start(struct xml *x, const char *name, bool empty)
{
	struct styles *s = x->ctx;
	struct style *last = &s->at[s->n];	/* at[0] is nobody's */

	(void)empty;
	if (strcmp(name, "style") == 0 && s->n + 1 < STYLES_MAX) {
		s->at[++s->n] = (struct style){ .id = xml_attr_ns(x, "styleId") };
	} else if (strcmp(name, "name") == 0) {
		str v = xml_attr_ns(x, "val");
		last->title = str_ieq(v, S("Title"));
		if (heading_name(v) != 0)
			last->level = heading_name(v);
	} else if (strcmp(name, "basedOn") == 0) {
		last->based = xml_attr_ns(x, "val");
	} else if (strcmp(name, "numId") == 0) {
		last->item = !str_eq(xml_attr_ns(x, "val"), S("0"));
	} else if (strcmp(name, "outlineLvl") == 0 && last->level == 0) {
		last->level = outline(xml_attr_ns(x, "val"));
	}
}

static const struct style *
style_of(const struct styles *s, str id)
{
	for (size_t i = 1; i <= s->n; i++)
		if (str_eq(s->at[i].id, id))
			return &s->at[i];
	return NULL;
}

/* What a paragraph of that style is, by the style itself or the first one under it that says. */
static void
style_look(const struct styles *s, str id, int *ret_level, bool *ret_item)
{
	for (int i = 0; i < BASED_MAX && id.p != NULL; i++) {
		const struct style *st = style_of(s, id);
		if (st == NULL)
			return;
		if (*ret_level == 0)
			*ret_level = st->title ? 1 : st->level;
		*ret_item = *ret_item || st->item;
		id = st->based;
	}
}

/* --- the text --- */

struct walk {
	struct flow f;
	struct styles styles;
	int level, skip, tables, cells;
	bool item, text, hidden, begun;
};

struct step { const char *name; void (*start)(struct walk *, struct xml *), (*end)(struct walk *); };

static void
p_start(struct walk *w, struct xml *x)
{
	(void)x;
	w->level = 0;
	w->item = w->begun = false;
}

/* Lists and levels are known before the first word of a paragraph. */
static void
begin_words(struct walk *w)
{
	if (!w->begun && w->item && w->level == 0 && w->cells == 0)
		flow_mark(&w->f);
	w->begun = true;
}

static void
p_end(struct walk *w)
{
	if (w->cells > 0) {
		flow_add(&w->f, S(" "));
		return;
	}
	flow_end(&w->f, w->level != 0 ? w->level : w->item ? FLOW_LINE : FLOW_TEXT);
}

static void
style_used(struct walk *w, struct xml *x)
{
	style_look(&w->styles, xml_attr_ns(x, "val"), &w->level, &w->item);
}

static void num_start(struct walk *w, struct xml *x) { w->item = !str_eq(xml_attr_ns(x, "val"), S("0")); }
static void level_start(struct walk *w, struct xml *x) { w->level = outline(xml_attr_ns(x, "val")); }
static void t_start(struct walk *w, struct xml *x) { (void)x; w->text = true; }
static void t_end(struct walk *w) { w->text = false; }
static void tab_start(struct walk *w, struct xml *x) { (void)x; if (w->begun) flow_add(&w->f, S(" ")); }
static void br_start(struct walk *w, struct xml *x) { (void)x; if (w->begun) flow_line(&w->f); }
static void hyphen_start(struct walk *w, struct xml *x) { (void)x; flow_add(&w->f, S("-")); }
static void r_start(struct walk *w, struct xml *x) { (void)x; w->hidden = false; }
static void skip_start(struct walk *w, struct xml *x) { (void)x; w->skip++; }
static void skip_end(struct walk *w) { w->skip--; }

static void
vanish_start(struct walk *w, struct xml *x)
{
	str v = xml_attr_ns(x, "val");

	w->hidden = !str_eq(v, S("0")) && !str_eq(v, S("false"));
}

static void
tbl_start(struct walk *w, struct xml *x)
{
	(void)x;
	if (w->tables++ == 0)
		flow_close(&w->f);	/* a list before it is another text */
}

static void
tbl_end(struct walk *w)
{
	if (--w->tables == 0)
		flow_close(&w->f);
}

static void
tc_start(struct walk *w, struct xml *x)
{
	(void)x;
	if (w->tables == 1)
		flow_cell(&w->f);
	w->cells++;
}

static void tc_end(struct walk *w) { w->cells--; }

static void
tr_end(struct walk *w)
{
	if (w->tables == 1)
		flow_end(&w->f, FLOW_LINE);
}

static const struct step steps[] = {
	{ "p", p_start, p_end }, { "r", r_start, NULL }, { "t", t_start, t_end }, { "pStyle", style_used, NULL }, { "numId", num_start, NULL },
	{ "outlineLvl", level_start, NULL }, { "tab", tab_start, NULL }, { "br", br_start, NULL }, { "cr", br_start, NULL }, { "noBreakHyphen", hyphen_start, NULL },
	{ "tbl", tbl_start, tbl_end }, { "tr", NULL, tr_end }, { "tc", tc_start, tc_end }, { "vanish", vanish_start, NULL },
	/* the same again for older programs; the format of the mark of a paragraph; what was there before a change */
	{ "Fallback", skip_start, skip_end }, { "pPrChange", skip_start, skip_end }, { "rPrChange", skip_start, skip_end }, { "moveFrom", skip_start, skip_end },
	{ "tabs", skip_start, skip_end },
};

static const struct step *
step_of(const char *name)
{
	for (size_t i = 0; i < COUNT(steps); i++)
		if (strcmp(steps[i].name, name) == 0)
			return &steps[i];
	return NULL;
}

static void
start(struct xml *x, const char *name, bool empty)
{
	struct walk *w = x->ctx;
	const struct step *s = step_of(name);

	(void)empty;
	if (s != NULL && s->start != NULL && (w->skip == 0 || s->start == skip_start))
		s->start(w, x);
}

static void
end(struct xml *x, const char *name)
{
	struct walk *w = x->ctx;
	const struct step *s = step_of(name);

	if (s != NULL && s->end != NULL && (w->skip == 0 || s->end == skip_end))
		s->end(w);
}

static void
text(struct xml *x, str s)
{
	struct walk *w = x->ctx;

	if (!w->text || w->skip > 0 || w->hidden)
		return;
	begin_words(w);
	flow_add(&w->f, s);
}

void
docx_read(const struct file *file, struct out *o)
{
	static const struct xml_calls style_calls = { .start = style_start }, calls = { start, end, text };
	static const str more[] = { S_INIT("/footnotes"), S_INIT("/endnotes") };
	struct walk w = { .level = 0 };
	struct ooxml x;

	ooxml_open(&x, file, o);
	ooxml_title(&x);
	str part = ooxml_main(&x);
	struct rels r = ooxml_rels(&x, part);
	w.styles.at = NEW_N(o->a, struct style, STYLES_MAX);
	xml_walk(&x, rels_type(&r, S("/styles")), &style_calls, &w.styles);
	flow_init(&w.f, o);
	xml_walk(&x, part, &calls, &w);
	for (size_t i = 0; i < COUNT(more); i++)
		xml_walk(&x, rels_type(&r, more[i]), &calls, &w);
	flow_end(&w.f, FLOW_TEXT);
	flow_close(&w.f);
}
