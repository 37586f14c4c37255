#include "extract/ocr.h"
#include "extract/flow.h"
#include <tesseract/capi.h>

#define SURE		40	/* per cent: words below are noise of a picture */
#define DARK		128
#define BLANK		20000	/* fewer than one dark dot in so many, and nothing is printed */

/* Of libgomp, which tesseract brings: a second thread costs more than it gives, and there is one file per process. */
void omp_set_num_threads(int);

static TessBaseAPI *engine;

static bool
open_engine(void)
{
	static const char *const languages[] = { "eng+deu", "eng", "deu" };

	for (size_t i = 0; engine == NULL && i < COUNT(languages); i++) {
		TessBaseAPI *api = TessBaseAPICreate();
		TessBaseAPISetVariable(api, "debug_file", "/dev/null");
		if (TessBaseAPIInit3(api, NULL, languages[i]) == 0)
			engine = api;
		else
			TessBaseAPIDelete(api);
	}
	if (engine != NULL)
		TessBaseAPISetPageSegMode(engine, PSM_AUTO);
	return engine != NULL;
}

void
ocr_warm(void)
{
	omp_set_num_threads(1);
	(void)open_engine();
}

bool
ocr_blank(const struct grey *g)
{
	int64_t dark = 0;

	for (int y = 0; y < g->height; y++)
		for (int x = 0; x < g->width; x++)
			dark += g->p[(size_t)y * (size_t)g->stride + (size_t)x] < DARK;
	return dark * BLANK < (int64_t)g->width * g->height;
}

/* A walk over the words that were found. */
struct walk { struct flow f; int left, right; int line_right; };	/* the edges of the block, and where the line before ended */

static void
box(TessResultIterator *it, TessPageIteratorLevel level, int *left, int *right)
{
	int top, bottom;

	if (!TessPageIteratorBoundingBox(TessResultIteratorGetPageIterator(it), level, left, &top, right, &bottom))
		*left = *right = 0;
}

static bool
bullet(str word)
{
	static const str marks[] = { S_INIT("•"), S_INIT("-"), S_INIT("–"), S_INIT("*"), S_INIT("·"), S_INIT("▪") };

	for (size_t i = 0; i < COUNT(marks); i++)
		if (str_eq(word, marks[i]))
			return true;
	return false;
}

static void
add_word(struct walk *w, str word, bool new_line)
{
	bool full = w->line_right >= w->left + (w->right - w->left) * 3 / 4;	/* a line that was not wrapped ends early */

	if (w->f.words.n == 0)
		flow_add(&w->f, word);
	else if (new_line && (bullet(word) || !full)) {
		flow_line(&w->f);
		flow_add(&w->f, word);
	} else if (new_line)
		flow_wrap(&w->f, word);
	else {
		flow_add(&w->f, S(" "));
		flow_add(&w->f, word);
	}
}

static void
end_paragraph(struct walk *w, ocr_give *give, void *ctx)
{
	str s = str_trim(buf_str(&w->f.words));

	if (s.n != 0)
		give(ctx, s);
	w->f.words.n = 0;
}

void
ocr_read(struct out *o, const struct grey *g, ocr_give *give, void *ctx)
{
	struct walk w = { .left = 0 };
	int left, right = 0;

	ocr_warm();
	if (engine == NULL)
		out_stop(o, FAILED, "The server has no data to read images with (tesseract-ocr-eng, tesseract-ocr-deu). Upload the text itself.");
	flow_init(&w.f, o);
	TessBaseAPISetImage(engine, g->p, g->width, g->height, 1, g->stride);
	TessBaseAPISetSourceResolution(engine, g->dpi);
	if (TessBaseAPIRecognize(engine, NULL) != 0)
		out_stop(o, FAILED, "The image cannot be read. Upload it as PNG or JPEG.");
	TessResultIterator *it = TessBaseAPIGetIterator(engine);
	if (it == NULL)
		return;
	do {
		TessPageIterator *page = TessResultIteratorGetPageIterator(it);
		bool new_line = TessPageIteratorIsAtBeginningOf(page, RIL_TEXTLINE);
		char *word = TessResultIteratorGetUTF8Text(it, RIL_WORD);
		if (TessPageIteratorIsAtBeginningOf(page, RIL_PARA))
			end_paragraph(&w, give, ctx);
		if (new_line) {
			w.line_right = right;
			box(it, RIL_BLOCK, &w.left, &w.right);
			box(it, RIL_TEXTLINE, &left, &right);
		}
		if (word != NULL && TessResultIteratorConfidence(it, RIL_WORD) >= SURE)
			add_word(&w, str_z(word), new_line);
		TessDeleteText(word);
	} while (TessResultIteratorNext(it, RIL_WORD));
	end_paragraph(&w, give, ctx);
	TessResultIteratorDelete(it);
	TessBaseAPIClear(engine);
}
