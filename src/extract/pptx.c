/* pptx -- slides: each a page with its title as a heading, its points as a list, tables as rows, and what the speaker noted. */
#include "extract/flow.h"
#include "extract/ooxml.h"

#define SLIDES_MAX	5000
#define POINT_MAX	200	/* bytes: what is longer is a paragraph, not a point */

struct deck { str slide[SLIDES_MAX]; size_t n; struct rels rels; };

static void
deck_start(struct xml *x, const char *name, bool empty)
{
	struct deck *d = x->ctx;

	(void)empty;
	if (strcmp(name, "sldId") == 0 && d->n < SLIDES_MAX)
		d->slide[d->n++] = rels_id(&d->rels, xml_attr_ns(x, "id"));
}

/* What a shape is for. */
enum place { PLACE_NONE, PLACE_TITLE, PLACE_BODY, PLACE_SKIP };

struct walk { struct flow f; enum place place; int cells; bool text, notes, first; };

static enum place
place_of(str type)
{
	static const str skipped[] = { S_INIT("dt"), S_INIT("ftr"), S_INIT("hdr"), S_INIT("sldNum"), S_INIT("sldImg") };

	for (size_t i = 0; i < COUNT(skipped); i++)
		if (str_eq(type, skipped[i]))
			return PLACE_SKIP;
	return str_eq(type, S("title")) || str_eq(type, S("ctrTitle")) ? PLACE_TITLE : str_eq(type, S("subTitle")) ? PLACE_NONE : PLACE_BODY;
}

static void
start(struct xml *x, const char *name, bool empty)
{
	struct walk *w = x->ctx;

	if (strcmp(name, "sp") == 0)
		w->place = PLACE_NONE;
	else if (strcmp(name, "ph") == 0)
		w->place = place_of(xml_attr(x, "type"));
	else if (strcmp(name, "t") == 0)
		w->text = !empty;
	else if (strcmp(name, "br") == 0)
		flow_add(&w->f, w->place == PLACE_TITLE || w->cells > 0 ? S(" ") : S("\n"));
	else if (strcmp(name, "tc") == 0) {
		flow_cell(&w->f);
		w->cells++;
	}
}

static void
end_paragraph(struct walk *w)
{
	str s = str_trim(buf_str(&w->f.words));

	if (w->place == PLACE_SKIP) {
		w->f.words.n = 0;
	} else if (w->place == PLACE_TITLE && !w->notes) {
		flow_end(&w->f, w->first ? 1 : 2);
	} else if (w->place == PLACE_BODY && !w->notes && s.n != 0 && s.n <= POINT_MAX) {
		str point = str_dup(w->f.o->a, s);
		w->f.words.n = 0;
		flow_mark(&w->f);
		flow_add(&w->f, point);
		flow_end(&w->f, FLOW_LINE);
	} else {
		flow_end(&w->f, FLOW_TEXT);
	}
}

static void
end(struct xml *x, const char *name)
{
	struct walk *w = x->ctx;

	if (strcmp(name, "t") == 0)
		w->text = false;
	else if (strcmp(name, "p") == 0 && w->cells > 0)
		flow_add(&w->f, S(" "));
	else if (strcmp(name, "p") == 0)
		end_paragraph(w);
	else if (strcmp(name, "tc") == 0)
		w->cells--;
	else if (strcmp(name, "tr") == 0)
		flow_end(&w->f, FLOW_LINE);
	else if (strcmp(name, "sp") == 0 || strcmp(name, "tbl") == 0)
		flow_close(&w->f);
}

static void
text(struct xml *x, str s)
{
	struct walk *w = x->ctx;

	if (w->text)
		flow_add(&w->f, s);
}

static void
read_slide(struct ooxml *x, struct walk *w, str part)
{
	static const struct xml_calls calls = { start, end, text };
	struct rels r = ooxml_rels(x, part);

	w->notes = false;
	xml_walk(x, part, &calls, w);
	flow_close(&w->f);
	w->notes = true;
	w->place = PLACE_NONE;
	xml_walk(x, rels_type(&r, S("/notesSlide")), &calls, w);
	flow_close(&w->f);
	w->place = PLACE_NONE;
}

void
pptx_read(const struct file *file, struct out *o)
{
	static const struct xml_calls calls = { .start = deck_start };
	struct deck *d = NEW(o->a, struct deck);
	struct walk w = { .first = true };
	struct ooxml x;

	ooxml_open(&x, file, o);
	ooxml_title(&x);
	str part = ooxml_main(&x);
	d->rels = ooxml_rels(&x, part);
	xml_walk(&x, part, &calls, d);
	flow_init(&w.f, o);
	for (size_t i = 0; i < d->n; i++) {
		out_progress(o, (double)i / (double)d->n, "slide %zu of %zu", i + 1, d->n);
		out_page(o, (int64_t)i + 1);
		read_slide(&x, &w, d->slide[i]);
		w.first = false;
	}
}
