/* ocr -- printed words in a grey image to paragraphs, by tesseract: English and German, as far as their data is installed.
 *
 * One process reads one file, so there is one engine, made when the first image needs it.  Threads: one.  Layer: includes base. */
#ifndef OCR_H
#define OCR_H
#include "extract/extract.h"

struct grey { const unsigned char *p; int width, height, stride, dpi; };	/* 0 is black */
typedef void ocr_give(void *ctx, str paragraph);
void	ocr_read(struct out *, const struct grey *, ocr_give *, void *ctx);
bool	ocr_blank(const struct grey *);			/* nothing is printed on it */
#endif
