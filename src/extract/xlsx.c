/* xlsx -- sheets: each a page, its name a heading, its rows lines. Dates are dates; sheets that are hidden are no text. */
#include "extract/flow.h"
#include "extract/ooxml.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SHEETS_MAX	1000
#define STRINGS_MAX	2000000
#define STYLES_MAX	65536
#define GAP_MAX		20	/* cells without a value that are kept between two with one */
#define DAYS_TO_1970	25569	/* from the day 0 of spreadsheets, 30 December 1899 */

struct sheet { str name, part; };
struct book {
	struct flow f;
	struct rels rels;
	struct sheet sheet[SHEETS_MAX];
	size_t n;
	str *string;			/* the strings that sheets share */
	size_t strings, strings_cap;
	bool date[STYLES_MAX];		/* whether a cell's style shows a date */
	size_t styles;
	struct { str id; } custom[512];	/* number formats of dates */
	size_t customs;
	bool formats, text, phonetic, named;
	size_t at;			/* the sheet that is read */
	char type;			/* of the cell: s shared, n number, t text, b boolean, e error */
	size_t style;
	int column, given;		/* of the cell, and of the last one with a value in its row */
	struct buf value;
};

/* --- the book: its sheets, its strings, its dates --- */

static void
book_start(struct xml *x, const char *name, bool empty)
{
	struct book *b = x->ctx;

	(void)empty;
	if (strcmp(name, "sheet") != 0 || b->n == SHEETS_MAX)
		return;
	str state = xml_attr(x, "state");
	if (!str_eq(state, S("hidden")) && !str_eq(state, S("veryHidden")))
		b->sheet[b->n++] = (struct sheet){ xml_attr(x, "name"), rels_id(&b->rels, xml_attr_ns(x, "id")) };
}

static void
strings_start(struct xml *x, const char *name, bool empty)
{
	struct book *b = x->ctx;

	if (strcmp(name, "si") == 0)
		b->value.n = 0;
	b->phonetic = b->phonetic || (strcmp(name, "rPh") == 0 && !empty);
	b->text = !b->phonetic && strcmp(name, "t") == 0;
}

static void
strings_end(struct xml *x, const char *name)
{
	struct book *b = x->ctx;

	b->text = false;
	if (strcmp(name, "rPh") == 0)
		b->phonetic = false;
	if (strcmp(name, "si") != 0 || b->strings == STRINGS_MAX)
		return;
	if (b->strings == b->strings_cap) {
		size_t cap = b->strings_cap * 2 + 1024;
		b->string = arena_grow(x->a, b->string, b->strings_cap * sizeof(str), cap * sizeof(str));
		b->strings_cap = cap;
	}
	b->string[b->strings++] = str_dup(x->a, buf_str(&b->value));
}

static void
any_text(struct xml *x, str s)
{
	struct book *b = x->ctx;

	if (b->text)
		buf_add(&b->value, s);
}

/* Whether a format such as `dd.mm.yyyy` or `[$-407]d. mmmm` shows a day; letters in quotes and brackets are no part of it. */
static bool
shows_date(str code)
{
	char close = '\0';

	for (size_t i = 0; i < code.n; i++) {
		char c = code.p[i];
		if (close != '\0')
			close = c == close ? '\0' : close;
		else if (c == '"' || c == '[')
			close = c == '"' ? '"' : ']';
		else if (c == '\\')
			i++;
		else if ((c | 0x20) == 'd' || (c | 0x20) == 'y')
			return true;
	}
	return false;
}

static bool
date_format(const struct book *b, str id)
{
	int64_t n;

	for (size_t i = 0; i < b->customs; i++)
		if (str_eq(b->custom[i].id, id))
			return true;
	return str_int(id, &n) && ((n >= 14 && n <= 17) || n == 22);
}

static void
styles_start(struct xml *x, const char *name, bool empty)
{
	struct book *b = x->ctx;

	if (strcmp(name, "numFmt") == 0 && b->customs < COUNT(b->custom) && shows_date(xml_attr(x, "formatCode")))
		b->custom[b->customs++].id = xml_attr(x, "numFmtId");
	else if (strcmp(name, "cellXfs") == 0)
		b->formats = !empty;
	else if (strcmp(name, "xf") == 0 && b->formats && b->styles < STYLES_MAX)
		b->date[b->styles++] = date_format(b, xml_attr(x, "numFmtId"));
}

static void
styles_end(struct xml *x, const char *name)
{
	struct book *b = x->ctx;

	if (strcmp(name, "cellXfs") == 0)
		b->formats = false;
}

/* --- a sheet --- */

/* C of "C12"; without one the next. */
static int
column(str place, int next)
{
	int n = 0;

	for (size_t i = 0; i < place.n && i < 3 && place.p[i] >= 'A' && place.p[i] <= 'Z'; i++)
		n = n * 26 + place.p[i] - 'A' + 1;
	return n > 0 ? n : next;
}

static void
cell_start(struct xml *x, const char *name, bool empty)
{
	struct book *b = x->ctx;
	int64_t style;

	(void)empty;
	if (strcmp(name, "c") == 0) {
		struct arena_mark m = arena_mark(x->a);		/* there may be millions of cells */
		str type = xml_attr(x, "t");
		b->value.n = 0;
		b->type = str_eq(type, S("s")) ? 's' : str_eq(type, S("b")) ? 'b' : str_eq(type, S("e")) ? 'e' : type.n == 0 || str_eq(type, S("n")) ? 'n' : 't';
		b->column = column(xml_attr(x, "r"), b->column + 1);
		b->style = str_int(xml_attr(x, "s"), &style) && style >= 0 ? (size_t)style : 0;
		arena_back(x->a, m);
	}
	if (strcmp(name, "row") == 0)
		b->column = b->given = 0;
	b->text = strcmp(name, "v") == 0 || strcmp(name, "t") == 0;
}

#define NUMBER_MAX	40

static str
number(const struct book *b, str v, char out[NUMBER_MAX])
{
	char z[NUMBER_MAX] = "", t[TIME_LEN], *end;

	if (v.n >= sizeof(z))
		return v;
	memcpy(z, v.p, v.n);
	double d = strtod(z, &end), day = floor(d);
	if (end[0] != '\0')
		return v;
	if (b->style >= b->styles || !b->date[b->style] || !(d >= 1) || d > 2958465) {
		snprintf(out, NUMBER_MAX, "%.15g", d);
		return str_z(out);
	}
	time_write(t, (int64_t)(day - DAYS_TO_1970) * DAY_MS + (int64_t)llround((d - day) * 86400) * 1000);
	if (d - day < 1.0 / 86400)
		snprintf(out, NUMBER_MAX, "%.10s", t);
	else
		snprintf(out, NUMBER_MAX, "%.10s %.5s", t, t + 11);
	return str_z(out);
}

/* A sheet without a value has no heading either. */
static void
give_cell(struct book *b, str v)
{
	if (v.n == 0)
		return;
	if (!b->named)
		out_heading(b->f.o, 2, b->sheet[b->at].name);
	b->named = true;
	for (int i = b->given; i < b->column && i < b->given + GAP_MAX; i++)
		flow_cell(&b->f);
	b->given = b->column;
	flow_add(&b->f, v);
}

static void
cell_end(struct xml *x, const char *name)
{
	struct book *b = x->ctx;
	str v = str_trim(buf_str(&b->value));
	char digits[NUMBER_MAX];
	int64_t i;

	b->text = false;
	if (strcmp(name, "row") == 0)
		flow_end(&b->f, FLOW_LINE);
	if (strcmp(name, "c") != 0 || v.n == 0 || b->type == 'e')
		return;
	if (b->type == 's')
		v = str_int(v, &i) && i >= 0 && (size_t)i < b->strings ? b->string[i] : STR_NONE;
	else if (b->type == 'n')
		v = number(b, v, digits);
	else if (b->type == 'b')
		v = str_eq(v, S("1")) ? S("yes") : S("no");
	give_cell(b, v);
}

void
xlsx_read(const struct file *file, struct out *o)
{
	static const struct xml_calls books = { .start = book_start }, strings = { strings_start, strings_end, any_text }, styles = { styles_start, styles_end, NULL },
		cells = { cell_start, cell_end, any_text };
	struct book *b = NEW(o->a, struct book);
	struct ooxml x;

	ooxml_open(&x, file, o);
	ooxml_title(&x);
	str part = ooxml_main(&x);
	b->rels = ooxml_rels(&x, part);
	buf_init(&b->value, o->a, (size_t)1 << 20);
	flow_init(&b->f, o);
	xml_walk(&x, part, &books, b);
	xml_walk(&x, rels_type(&b->rels, S("/styles")), &styles, b);
	xml_walk(&x, rels_type(&b->rels, S("/sharedStrings")), &strings, b);
	for (size_t i = 0; i < b->n; i++) {
		out_progress(o, (double)i / (double)b->n, "sheet %zu of %zu", i + 1, b->n);
		out_page(o, (int64_t)i + 1);
		b->at = i;
		b->named = false;
		xml_walk(&x, b->sheet[i].part, &cells, b);
		flow_close(&b->f);
	}
}
