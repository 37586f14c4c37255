/* pdf -- the text of a PDF by poppler. */
#include "extract/lines.h"
#include <poppler.h>

#define PAGES_MAX	5000
#define TITLE_MIN	4

bool
pdf_sniff(const struct file *f)
{
	str head = str_cut(f->bytes, 0, 1024);		/* some writers put a few bytes before it */

	return head.n >= 5 && memmem(head.p, head.n, "%PDF-", 5) != NULL;
}

/* --- one page --- */

struct glyphs { const PopplerRectangle *at; guint n, next; };

/* A line of the page's text and the rectangles of its letters, one per code point and one for its end. */
static struct line
measure(str s, struct glyphs *g)
{
	struct line l = { .s = s, .x1 = 1e9f, .y1 = 1e9f };
	size_t n = utf8_count(s);
	float sum = 0;
	int counted = 0;

	for (size_t i = 0; i < n && g->next < g->n; i++, g->next++) {
		const PopplerRectangle *r = &g->at[g->next];
		float y1 = (float)MIN(r->y1, r->y2), y2 = (float)MAX(r->y1, r->y2);
		l.x1 = MIN(l.x1, (float)MIN(r->x1, r->x2));
		l.x2 = MAX(l.x2, (float)MAX(r->x1, r->x2));
		l.y1 = MIN(l.y1, y1);
		l.y2 = MAX(l.y2, y2);
		sum += y2 - y1;
		counted++;
	}
	g->next += g->next < g->n;
	l.size = counted != 0 ? sum / (float)counted : 0;
	return l;
}

static void
read_page(struct lines *l, PopplerPage *page, int number)
{
	PopplerRectangle *rects = NULL;
	struct glyphs g = { .n = 0 };
	char *text = poppler_page_get_text(page);
	double width, height;

	poppler_page_get_size(page, &width, &height);
	if (poppler_page_get_text_layout(page, &rects, &g.n))
		g.at = rects;
	for (str rest = str_z(text != NULL ? text : ""); rest.p != NULL && rest.n != 0;) {
		struct line line = measure(str_split(&rest, '\n'), &g);
		line.s = str_trim(line.s);
		line.page = number;
		line.page_height = (float)height;
		if (line.s.n != 0)
			lines_add(l, line);
	}
	g_free(rects);
	g_free(text);
}

/* --- the document --- */

static PopplerDocument *
open_document(const struct file *file, struct out *o)
{
	GBytes *bytes = g_bytes_new_static(file->bytes.p, file->bytes.n);
	GError *why = NULL;
	PopplerDocument *doc = poppler_document_new_from_bytes(bytes, NULL, &why);

	if (doc == NULL && why != NULL && why->domain == POPPLER_ERROR && why->code == POPPLER_ERROR_ENCRYPTED)
		out_stop(o, FAILED, "The PDF is protected by a password. Save it without one and upload it again.");
	if (doc == NULL)
		out_stop(o, FAILED, "The PDF is damaged: it cannot be opened. Save it anew and upload it again.");
	return doc;
}

/* What people called it, not what a program called its file. */
static void
give_title(PopplerDocument *doc, struct out *o)
{
	static const char *const names[] = { ".doc", ".docx", ".pdf", ".indd", ".tex", ".dvi", ".qxd", ".ppt", ".pptx", ".odt", ".rtf", ".xls", ".xlsx" };
	char *title = poppler_document_get_title(doc);
	str s = str_trim(str_z(title != NULL ? title : ""));
	bool good = s.n >= TITLE_MIN && !str_ieq(s, S("untitled")) && !str_starts(s, S("Microsoft ")) && memchr(s.p, '/', s.n) == NULL;

	for (size_t i = 0; i < COUNT(names); i++)
		good = good && !str_ends(s, str_z(names[i]));
	if (good)
		out_title(o, s);
}

void
pdf_warm(void)
{
	/* A page in memory: fonts and encodings are looked for by the first text. */
	static const char one[] = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
	    "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj "
	    "4 0 obj<</Length 27>>stream\nBT /F 9 Tf 9 9 Td (a) Tj ET\nendstream endobj\ntrailer<</Root 1 0 R>>\n";
	GBytes *bytes = g_bytes_new_static(one, sizeof(one) - 1);
	PopplerDocument *doc = poppler_document_new_from_bytes(bytes, NULL, NULL);
	PopplerPage *page = doc != NULL ? poppler_document_get_page(doc, 0) : NULL;

	if (page != NULL)
		g_free(poppler_page_get_text(page));
}

void
pdf_read(const struct file *file, struct out *o)
{
	PopplerDocument *doc = open_document(file, o);
	int n = poppler_document_get_n_pages(doc);
	struct lines l = { .o = o };

	if (n > PAGES_MAX)
		out_stop(o, FAILED, "The PDF has %d pages; at most %d are read. Split it and upload the parts.", n, PAGES_MAX);
	give_title(doc, o);
	for (int i = 0; i < n; i++) {
		PopplerPage *page = poppler_document_get_page(doc, i);
		out_progress(o, (double)i / n, "page %d of %d", i + 1, n);
		if (page == NULL)
			continue;
		read_page(&l, page, i + 1);
		g_object_unref(page);
	}
	lines_give(&l);
}
