#include "extract/ooxml.h"

#define RELS_MAX	10000

/* --- parts --- */

static void
check(struct ooxml *x, enum zip_fault fault)
{
	switch (fault) {
	case ZIP_OK:
	case ZIP_ABSENT: return;
	case ZIP_CUT: out_stop(x->o, FAILED, "The document is cut off. Upload it again.");
	case ZIP_LOCKED: out_stop(x->o, FAILED, "The document is protected by a password. Save it without one and upload it again.");
	case ZIP_BOMB: out_stop(x->o, FAILED, "The document unpacks to more than it may. Upload its text alone.");
	case ZIP_BROKEN: out_stop(x->o, FAILED, "The document is damaged. Save it anew and upload it again.");
	}
}

void
ooxml_open(struct ooxml *x, const struct file *f, struct out *o)
{
	x->o = o;
	check(x, zip_open(&x->zip, o->a, f->bytes));
}

bool
ooxml_part(struct ooxml *x, str name, str *ret)
{
	enum zip_fault fault = zip_unpack(&x->zip, zip_find(&x->zip, name), ret);

	check(x, fault);
	return fault == ZIP_OK;
}

/* --- a walk --- */

static str
attr(struct xml *x, const char *name, bool prefixed)
{
	str found = STR_NONE;

	while (found.p == NULL && xmlTextReaderMoveToNextAttribute(x->r) == 1)
		if (strcmp((const char *)xmlTextReaderConstLocalName(x->r), name) == 0 && (xmlTextReaderConstPrefix(x->r) != NULL) == prefixed)
			found = str_dup(x->a, str_z((const char *)xmlTextReaderConstValue(x->r)));
	xmlTextReaderMoveToElement(x->r);
	return found;
}

str xml_attr(struct xml *x, const char *name) { return attr(x, name, false); }
str xml_attr_ns(struct xml *x, const char *name) { return attr(x, name, true); }

static void
one_node(struct xml *x, const struct xml_calls *c)
{
	int type = xmlTextReaderNodeType(x->r);

	if (type == XML_READER_TYPE_ELEMENT) {
		bool empty = xmlTextReaderIsEmptyElement(x->r) == 1;
		const char *name = (const char *)xmlTextReaderConstLocalName(x->r);
		c->start(x, name, empty);
		if (empty && c->end != NULL)
			c->end(x, name);
	} else if (type == XML_READER_TYPE_END_ELEMENT) {
		if (c->end != NULL)
			c->end(x, (const char *)xmlTextReaderConstLocalName(x->r));
	} else if (c->text != NULL && (type == XML_READER_TYPE_TEXT || type == XML_READER_TYPE_CDATA || type == XML_READER_TYPE_SIGNIFICANT_WHITESPACE)) {
		c->text(x, str_z((const char *)xmlTextReaderConstValue(x->r)));
	}
}

void
xml_walk(struct ooxml *ox, str part, const struct xml_calls *c, void *ctx)
{
	struct xml x = { .a = ox->o->a, .ctx = ctx };
	str s;
	int r;

	if (!ooxml_part(ox, part, &s) || s.n == 0)
		return;
	x.r = xmlReaderForMemory(s.p, (int)s.n, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
	if (x.r == NULL)
		out_stop(ox->o, FAILED, "The document is damaged. Save it anew and upload it again.");
	while ((r = xmlTextReaderRead(x.r)) == 1)
		one_node(&x, c);
	xmlFreeTextReader(x.r);
	if (r != 0)
		out_stop(ox->o, FAILED, "The document is damaged: one of its parts is no XML. Save it anew and upload it again.");
}

/* --- what names what --- */

struct listing { struct rels *rels; size_t cap; str base; };

/* "../notesSlides/n.xml" as seen from ppt/slides/: the path from the top. */
static str
resolve(struct arena *a, str base, str target)
{
	if (str_starts(target, S("/")))
		return str_cut(target, 1, target.n);
	while (str_starts(target, S("../"))) {
		target = str_cut(target, 3, target.n);
		base = base.n != 0 ? str_cut(base, 0, base.n - 1) : base;
		while (base.n != 0 && base.p[base.n - 1] != '/')
			base.n--;
	}
	return str_fmt(a, "%.*s%.*s", STR(base), STR(target));
}

static void
take_rel(struct xml *x, const char *name, bool empty)
{
	struct listing *l = x->ctx;
	struct rels *r = l->rels;

	(void)empty;
	if (strcmp(name, "Relationship") != 0 || r->n == RELS_MAX)
		return;
	if (r->n == l->cap) {
		size_t cap = l->cap * 2 + 16;
		r->at = arena_grow(x->a, r->at, l->cap * sizeof(*r->at), cap * sizeof(*r->at));
		l->cap = cap;
	}
	r->at[r->n++] = (struct rel){ xml_attr(x, "Id"), xml_attr(x, "Type"), resolve(x->a, l->base, xml_attr(x, "Target")) };
}

struct rels
ooxml_rels(struct ooxml *x, str part)
{
	static const struct xml_calls calls = { .start = take_rel };
	size_t at = part.n;
	struct rels r = { .n = 0 };

	while (at > 0 && part.p[at - 1] != '/')
		at--;
	struct listing l = { &r, 0, str_cut(part, 0, at) };
	xml_walk(x, str_fmt(x->o->a, "%.*s_rels/%.*s.rels", STR(l.base), STR(str_cut(part, at, part.n))), &calls, &l);
	return r;
}

str
rels_id(const struct rels *r, str id)
{
	for (size_t i = 0; i < r->n; i++)
		if (str_eq(r->at[i].id, id))
			return r->at[i].target;
	return STR_NONE;
}

str
rels_type(const struct rels *r, str type)
{
	for (size_t i = 0; i < r->n; i++)
		if (str_ends(r->at[i].type, type))
			return r->at[i].target;
	return STR_NONE;
}

str
ooxml_main(struct ooxml *x)
{
	struct rels r = ooxml_rels(x, S(""));
	str part = rels_type(&r, S("/officeDocument"));

	if (part.p == NULL || zip_find(&x->zip, part) == NULL)
		out_stop(x->o, FAILED, "The document is damaged: its main part is missing. Save it anew and upload it again.");
	return part;
}

/* --- the title --- */

struct core { bool in; struct out *o; };

static void core_start(struct xml *x, const char *name, bool empty) { ((struct core *)x->ctx)->in = !empty && strcmp(name, "title") == 0; }
static void core_end(struct xml *x, const char *name) { (void)name; ((struct core *)x->ctx)->in = false; }

static void
core_text(struct xml *x, str s)
{
	struct core *c = x->ctx;

	if (c->in)
		out_title_meant(c->o, s);
}

void
ooxml_title(struct ooxml *x)
{
	static const struct xml_calls calls = { core_start, core_end, core_text };
	struct core c = { false, x->o };

	xml_walk(x, S("docProps/core.xml"), &calls, &c);
}
