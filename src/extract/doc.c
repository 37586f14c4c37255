/* doc -- a document of Word 97 to 2003.  Its text lies in pieces, of one or two bytes a letter; what a paragraph is (heading, item, row of a
 * table) stands in pages of 512 bytes that are found by where the paragraph ends in the file. ([MS-DOC] 2.4.1, 2.9.38, 2.9.23.) */
#include "extract/flow.h"
#include "extract/ole.h"
#include "text/text.h"

#define WORD97		0xC1
#define FC_PARAGRAPHS	13	/* numbers of rows of the header's table of places */
#define FC_PIECES	33
#define PAGE		512
#define PIECES_MAX	1000000

struct piece { uint32_t cp, at; bool bytes; };
struct doc { str main, table; struct piece *piece; size_t n; str paragraphs; struct out *o; };

/* --- recognising --- */

static bool
holds(const struct file *f, const char *stream)
{
	struct arena a;
	struct ole o;

	if (!ole_is(f->bytes))
		return false;
	arena_init(&a, (size_t)64 << 20);
	bool is = ole_open(&o, &a, f->bytes) && ole_has(&o, stream);
	arena_free(&a);
	return is;
}

bool doc_sniff(const struct file *f) { return holds(f, "WordDocument"); }
bool ppt_sniff(const struct file *f) { return holds(f, "PowerPoint Document"); }
bool xls_sniff(const struct file *f) { return holds(f, "Workbook") || holds(f, "Book"); }
bool locked_sniff(const struct file *f) { return holds(f, "EncryptedPackage"); }
bool ole_sniff(const struct file *f) { return ole_is(f->bytes); }

_Noreturn void
locked_read(const struct file *f, struct out *o)
{
	(void)f;
	out_stop(o, FAILED, "The document is protected by a password. Save it without one and upload it again.");
}

static _Noreturn void
damaged(struct out *o)
{
	out_stop(o, FAILED, "The document is damaged. Save it anew, as DOCX, and upload that.");
}

/* --- the header --- */

static str
place(const struct doc *d, int row)
{
	uint64_t at = 0x9A + (uint64_t)row * 8, from = le32(d->main, at), n = le32(d->main, at + 4);

	return str_cut(d->table, MIN(from, d->table.n), MIN(from + n, d->table.n));
}

static void
open_doc(struct doc *d, const struct file *f, struct out *o)
{
	struct ole ole;

	d->o = o;
	if (!ole_open(&ole, o->a, f->bytes) || !ole_stream(&ole, "WordDocument", &d->main) || d->main.n < 0x200 || le16(d->main, 0) != 0xA5EC)
		damaged(o);
	if ((le16(d->main, 10) & 0x0100) != 0)
		locked_read(f, o);
	if (le16(d->main, 2) < WORD97)
		out_stop(o, UNSUPPORTED, "The document is of a Word before 1997. Save it as DOCX and upload that.");
	if (!ole_stream(&ole, (le16(d->main, 10) & 0x0200) != 0 ? "1Table" : "0Table", &d->table))
		damaged(o);
	d->paragraphs = place(d, FC_PARAGRAPHS);
}

/* Behind changes of format, which are passed over, stands the table of pieces. */
static void
read_pieces(struct doc *d)
{
	str clx = place(d, FC_PIECES);
	uint64_t at = 0;

	while (at + 3 <= clx.n && clx.p[at] == 1)
		at += 3 + le16(clx, at + 1);
	if (at + 5 > clx.n || clx.p[at] != 2)
		damaged(d->o);
	str t = str_cut(clx, at + 5, at + 5 + le32(clx, at + 1));
	d->n = t.n >= 16 ? (t.n - 4) / 12 : 0;
	if (d->n > PIECES_MAX)
		damaged(d->o);
	d->piece = NEW_N(d->o->a, struct piece, d->n + 1);
	for (size_t i = 0; i < d->n; i++) {
		uint32_t fc = le32(t, (d->n + 1) * 4 + i * 8 + 2);
		bool bytes = (fc & 0x40000000) != 0;
		d->piece[i] = (struct piece){ le32(t, i * 4), bytes ? (fc & 0x3FFFFFFF) / 2 : fc, bytes };
	}
	d->piece[d->n].cp = le32(t, d->n * 4);
}

/* --- what a paragraph is --- */

struct look { int level; bool item, row; };

static int
operand(uint32_t op, str s, uint64_t at)
{
	static const int sizes[] = { 1, 1, 2, 4, 2, 2, 0, 3 };

	if (op >> 13 != 6)
		return sizes[op >> 13];
	return op == 0xD608 ? (int)le16(s, at) + 1 : (int)(at < s.n ? (uint8_t)s.p[at] : 0) + 1;	/* a table says its size in two bytes */
}

static void
read_look(str s, struct look *l)
{
	uint32_t style = le16(s, 0);

	l->level = style >= 1 && style <= 6 ? (int)style : 0;	/* the first styles are headings, in every language */
	for (uint64_t at = 2; at + 2 < s.n;) {
		uint32_t op = le16(s, at);
		at += 2;
		if (op == 0x460B)
			l->item = le16(s, at) != 0;
		else if (op == 0x2417)
			l->row = at < s.n && s.p[at] != 0;
		else if (op == 0x2640 && at < s.n && l->level == 0 && (uint8_t)s.p[at] < 6)
			l->level = (uint8_t)s.p[at] + 1;
		at += (uint64_t)operand(op, s, at);
	}
}

/* The first of n + 1 numbers that is more than v, less one: which of n ranges v is in; n: none. */
static size_t
range_of(str s, size_t n, uint32_t v)
{
	size_t low = 0, high = n + 1;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (le32(s, mid * 4) > v)
			high = mid;
		else
			low = mid + 1;
	}
	return low > 0 && low <= n ? low - 1 : n;
}

/* Of the paragraph whose mark stands there in the file. */
static struct look
look_at(const struct doc *d, uint32_t fc)
{
	size_t n = d->paragraphs.n >= 4 ? (d->paragraphs.n - 4) / 8 : 0, i = range_of(d->paragraphs, n, fc);
	struct look l = { .level = 0 };

	if (i == n)
		return l;
	uint64_t at = (uint64_t)(le32(d->paragraphs, (n + 1) * 4 + i * 4) & 0x3FFFFF) * PAGE;
	str page = str_cut(d->main, MIN(at, d->main.n), MIN(at + PAGE, d->main.n));
	if (page.n < PAGE)
		return l;
	size_t runs = MIN((uint8_t)page.p[PAGE - 1], 29), k = range_of(page, runs, fc);
	if (k == runs)
		return l;
	uint64_t from = (uint64_t)(uint8_t)page.p[(runs + 1) * 4 + k * 13] * 2;
	if (from == 0 || from + 2 >= PAGE)
		return l;
	uint64_t words = (uint8_t)page.p[from], bytes = words != 0 ? words * 2 - 1 : (uint64_t)(uint8_t)page.p[from + 1] * 2;
	from += words != 0 ? 1 : 2;
	read_look(str_cut(page, from, MIN(from + bytes, PAGE - 1)), &l);
	return l;
}

/* --- the text --- */

struct walk { struct flow f; const struct doc *d; int fields, codes; bool rows; };	/* rows: the last line was one of a table */

/* 0x80 to 0x9F of Windows-1252. */
static uint32_t
letter(uint32_t c)
{
	static const uint16_t high[32] = { 0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039, 0x152, 0x8D, 0x17D, 0x8F,
		0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0x9D, 0x17E, 0x178 };

	return c >= 0x80 && c < 0xA0 ? high[c - 0x80] : c;
}

/* A list and a table that follow each other are two texts. */
static void
lines_of(struct walk *w, bool rows)
{
	if (w->rows != rows)
		flow_close(&w->f);
	w->rows = rows;
}

static void
end_paragraph(struct walk *w, uint32_t fc)
{
	struct look l = look_at(w->d, fc);

	lines_of(w, false);
	if (l.item && l.level == 0 && w->f.words.n != 0) {
		str s = str_dup(w->f.o->a, buf_str(&w->f.words));
		w->f.words.n = 0;
		flow_mark(&w->f);
		flow_add(&w->f, s);
	}
	flow_end(&w->f, l.level != 0 ? l.level : l.item ? FLOW_LINE : FLOW_TEXT);
}

/* A cell ends, or with a mark of its own a row. */
static void
end_cell(struct walk *w, uint32_t fc)
{
	if (look_at(w->d, fc).row) {
		lines_of(w, true);
		flow_end(&w->f, FLOW_LINE);
	} else
		flow_cell(&w->f);
}

static void
add(struct walk *w, uint32_t c, uint32_t fc)
{
	char utf8[4];

	if (c == 0x13)			/* a field: its code, then what it shows */
		w->codes = ++w->fields;
	else if (c == 0x14 && w->codes == w->fields)
		w->codes = 0;
	else if (c == 0x15) {
		w->fields -= w->fields > 0;
		w->codes = 0;
	} else if (w->codes > 0)
		return;
	else if (c == 0x0D || c == 0x0C)
		end_paragraph(w, fc);
	else if (c == 0x07)
		end_cell(w, fc);
	else if (c == 0x0B)
		flow_line(&w->f);
	else if (c == 0x1E)
		flow_add(&w->f, S("-"));
	else if (c >= 0x20 || c == '\t')
		flow_add(&w->f, (str){ utf8, text_put(utf8, c == '\t' ? ' ' : c) });
}

static void
walk_piece(struct walk *w, const struct piece *p, uint32_t from, uint32_t to)
{
	const struct doc *d = w->d;
	uint32_t unit = p->bytes ? 1 : 2;

	for (uint32_t cp = from; cp < to; cp++) {
		uint64_t at = (uint64_t)p->at + (uint64_t)(cp - p->cp) * unit;
		if (at + unit > d->main.n)
			damaged(d->o);
		uint32_t c = p->bytes ? letter((uint8_t)d->main.p[at]) : le16(d->main, at);
		if (c >= 0xD800 && c < 0xDC00 && cp + 1 < to) {
			c = 0x10000 + ((c & 0x3FF) << 10) + (le16(d->main, at + 2) & 0x3FF);
			cp++;
		}
		add(w, c, (uint32_t)at);
	}
}

static void
walk_range(struct walk *w, uint64_t from, uint64_t to)
{
	const struct doc *d = w->d;

	for (size_t i = 0; i < d->n; i++) {
		uint64_t a = MAX(from, d->piece[i].cp), b = MIN(to, d->piece[i + 1].cp);
		if (a < b)
			walk_piece(w, &d->piece[i], (uint32_t)a, (uint32_t)b);
	}
	flow_end(&w->f, FLOW_TEXT);
	flow_close(&w->f);
}

void
doc_read(const struct file *f, struct out *o)
{
	struct doc d = { .n = 0 };
	struct walk w = { .d = &d };

	open_doc(&d, f, o);
	read_pieces(&d);
	flow_init(&w.f, o);
	uint64_t text = le32(d.main, 0x4C), notes = le32(d.main, 0x50);
	walk_range(&w, 0, text);
	w.fields = w.codes = 0;
	walk_range(&w, text, text + notes);
}
