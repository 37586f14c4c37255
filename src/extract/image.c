/* image -- the words of a photograph, a scan or a screenshot: leptonica decodes it, ocr.c reads it. */
#include "extract/ocr.h"
#include <allheaders.h>

#define SIDE_MAX	30000
#define PIXELS_MAX	(INT64_C(100) << 20)
#define LONG_SIDE	4500	/* an A4 page at some 380 dots per inch: more only costs time */
#define SHORT_SIDE	1500	/* letters of a screenshot are too small to be read as they are */

/* --- EXIF: which way is up --- */

static unsigned
get16(str s, size_t i, bool big)
{
	unsigned a = (uint8_t)s.p[i], b = (uint8_t)s.p[i + 1];

	return big ? a << 8 | b : b << 8 | a;
}

/* The orientation, 1 to 8, in the first directory of a TIFF header; 1 when it says nothing. */
static unsigned
tiff_orientation(str t)
{
	if (t.n < 14 || (!str_starts(t, S("II*\0")) && !str_starts(t, S("MM\0*"))))
		return 1;
	bool big = t.p[0] == 'M';
	size_t at = big ? (size_t)get16(t, 4, true) << 16 | get16(t, 6, true) : (size_t)get16(t, 6, false) << 16 | get16(t, 4, false);
	if (at > t.n - 2)
		return 1;
	for (unsigned n = get16(t, at, big), i = 0; i < n; i++) {
		size_t row = at + 2 + (size_t)i * 12;
		if (row + 12 > t.n)
			return 1;
		if (get16(t, row, big) == 0x0112)
			return get16(t, row + 8, big);
	}
	return 1;
}

static unsigned
orientation(str s)
{
	for (size_t i = 2; i + 10 < s.n && (uint8_t)s.p[i] == 0xFF;) {
		size_t n = get16(s, i + 2, true);
		str body = str_cut(s, i + 4, i + 2 + n);
		if ((uint8_t)s.p[i + 1] == 0xE1 && str_starts(body, S("Exif\0\0")))
			return tiff_orientation(str_cut(body, 6, body.n));
		i += 2 + n;
	}
	return 1;
}

static PIX *
upright(PIX *p, unsigned o)
{
	if (o == 2 || o == 4 || o == 5 || o == 7)
		p = pixFlipLR(NULL, p);
	int turns = o == 3 || o == 4 ? 2 : o == 6 || o == 7 ? 1 : o == 8 || o == 5 ? 3 : 0;
	return p != NULL && turns != 0 ? pixRotateOrth(p, turns) : p;
}

/* --- decoding --- */

static void
judge_size(struct out *o, int64_t w, int64_t h)
{
	if (w > SIDE_MAX || h > SIDE_MAX || w * h > PIXELS_MAX)
		out_stop(o, FAILED, "The image has %lld x %lld pixels; at most %lld million are read. Upload a smaller one.", (long long)w, (long long)h,
		    (long long)(PIXELS_MAX >> 20));
}

static PIX *
decode(const struct file *f, struct out *o)
{
	const l_uint8 *p = (const l_uint8 *)f->bytes.p;
	l_int32 format, w = 0, h = 0, depth, samples, mapped, reduce = 1;

	if (pixReadHeaderMem(p, f->bytes.n, &format, &w, &h, &depth, &samples, &mapped) != 0 || w <= 0 || h <= 0)
		return NULL;
	judge_size(o, w, h);
	if (format != IFF_JFIF_JPEG)
		return pixReadMem(p, f->bytes.n);
	while (reduce < 8 && MAX(w, h) / reduce > LONG_SIDE * 2)
		reduce *= 2;
	return pixReadMemJpeg(p, f->bytes.n, 0, reduce, NULL, 0);
}

/* Grey, without what is transparent, at a size whose letters can be read. */
static PIX *
prepare(PIX *p)
{
	if (p != NULL && pixGetDepth(p) == 32 && pixGetSpp(p) == 4)
		p = pixAlphaBlendUniform(p, 0xFFFFFF00);
	p = p != NULL ? pixConvertTo8(p, 0) : NULL;
	if (p == NULL)
		return NULL;
	int side = MAX(pixGetWidth(p), pixGetHeight(p));
	float scale = side > LONG_SIDE ? (float)LONG_SIDE / (float)side : side < SHORT_SIDE / 2 ? 3.0f : side < SHORT_SIDE ? 2.0f : 1.0f;
	return scale != 1.0f ? pixScale(p, scale, scale) : p;
}

/* --- reading --- */

static void
give(void *ctx, str paragraph)
{
	out_text(ctx, paragraph);
}

void
image_read(const struct file *f, struct out *o)
{
	setMsgSeverity(L_SEVERITY_NONE);
	PIX *p = prepare(decode(f, o));
	if (p != NULL)
		p = upright(p, file_starts(f, S("\xFF\xD8")) ? orientation(f->bytes) : 1);
	if (p == NULL)
		out_stop(o, FAILED, "The image is damaged. Save it anew as PNG or JPEG and upload it again.");
	int w = pixGetWidth(p), h = pixGetHeight(p);
	unsigned char *grey = arena_raw(o->a, (size_t)w * (size_t)h);
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
			grey[(size_t)y * (size_t)w + (size_t)x] = (unsigned char)GET_DATA_BYTE(pixGetData(p) + (size_t)y * (size_t)pixGetWpl(p), x);
	struct grey g = { grey, w, h, w, 300 };
	out_progress(o, 0.1, "looking for words");
	ocr_read(o, &g, give, o);
}
