/* pdf -- the text of a PDF by poppler. */
#include "extract/lines.h"
#include "extract/ocr.h"
#include <cairo.h>
#include <math.h>
#include <poppler.h>

#define PAGES_MAX	5000
#define SCAN_LETTERS	16	/* a page with fewer letters may be an image of one */
#define SCAN_DPI	300.0
#define SCAN_PIXELS	16e6	/* at most: large pages are read coarser */

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

static size_t
letters(str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (uint8_t)s.p[i] > ' ' && ((uint8_t)s.p[i] & 0xC0) != 0x80;
	return n;
}

/* A line of a table of contents: words, dots and a number. */
static bool
leads_on(str s)
{
	return memmem(s.p, s.n, ". . . . .", 9) != NULL || memmem(s.p, s.n, ".......", 7) != NULL;
}

static void
read_text(struct lines *l, PopplerPage *page, int number, str text, double height)
{
	PopplerRectangle *rects = NULL;
	struct glyphs g = { .n = 0 };

	if (poppler_page_get_text_layout(page, &rects, &g.n))
		g.at = rects;
	for (str rest = text; rest.p != NULL && rest.n != 0;) {
		struct line line = measure(str_split(&rest, '\n'), &g);
		line.s = str_trim(line.s);
		line.page = number;
		line.page_height = (float)height;
		if (line.s.n != 0 && !leads_on(line.s))
			lines_add(l, line);
	}
	g_free(rects);
}

#ifdef HAVE_tesseract
/* --- a page that is an image --- */

struct scan { struct lines *l; int page; };

static void
give(void *ctx, str paragraph)
{
	struct scan *s = ctx;

	lines_add(s->l, (struct line){ .s = paragraph, .page = s->page, .whole = true });
}

/* Its dots, 0 black to 255 white, in place of the colours. */
static struct grey
paint(PopplerPage *page, cairo_surface_t *surface, double scale)
{
	cairo_t *c = cairo_create(surface);

	cairo_set_source_rgb(c, 1, 1, 1);
	cairo_paint(c);
	cairo_scale(c, scale, scale);
	poppler_page_render(page, c);
	cairo_destroy(c);
	cairo_surface_flush(surface);
	struct grey g = { cairo_image_surface_get_data(surface), cairo_image_surface_get_width(surface), cairo_image_surface_get_height(surface),
	    cairo_image_surface_get_stride(surface), (int)(scale * 72) };
	for (int y = 0; y < g.height; y++) {
		unsigned char *row = cairo_image_surface_get_data(surface) + (size_t)y * (size_t)g.stride;
		for (int x = 0; x < g.width; x++)
			row[x] = (unsigned char)((row[4 * x] + 6 * row[4 * x + 1] + 3 * row[4 * x + 2]) / 10);
	}
	return g;
}

static void
read_scan(struct lines *l, PopplerPage *page, int number, double width, double height)
{
	double scale = MIN(SCAN_DPI / 72, sqrt(SCAN_PIXELS / (width * height)));

	if (!(width * scale >= 8) || !(height * scale >= 8) || width * scale > 30000 || height * scale > 30000)
		return;
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(width * scale), (int)(height * scale));
	if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS)
		out_stop(l->o, FAILED, "A page of the PDF is too large to be read. Split it and upload the parts.");
	struct grey g = paint(page, surface, scale);
	if (!ocr_blank(&g))
		ocr_read(l->o, &g, give, &(struct scan){ l, number });
	cairo_surface_destroy(surface);
}
#else
static void
read_scan(struct lines *l, PopplerPage *page, int number, double width, double height)
{
	(void)l, (void)page, (void)number, (void)width, (void)height;
}
#endif

static void
read_page(struct lines *l, PopplerPage *page, int number)
{
	char *text = poppler_page_get_text(page);
	str s = str_z(text != NULL ? text : "");
	double width, height;
	size_t before = l->n;

	poppler_page_get_size(page, &width, &height);
	if (letters(s) < SCAN_LETTERS)
		read_scan(l, page, number, width, height);
	if (l->n == before)
		read_text(l, page, number, s, height);
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
	char *title = poppler_document_get_title(doc);
	out_title_meant(o, str_z(title != NULL ? title : ""));
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
