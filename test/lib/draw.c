/* draw -- makes the images that test/extract.py has read: draw FORMAT SIZE LINE... >FILE, where FORMAT is png, jpeg, turned (a JPEG that lies on
 * its left side), webp, tiff or grey (two numbers and the dots), and SIZE the height of its letters in dots. */
#include <allheaders.h>
#include <cairo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
format_of(const char *name)
{
	return strcmp(name, "jpeg") == 0 || strcmp(name, "turned") == 0 ? IFF_JFIF_JPEG : strcmp(name, "webp") == 0 ? IFF_WEBP : strcmp(name, "tiff") == 0 ? IFF_TIFF_LZW : IFF_PNG;
}

static PIX *
grey_of(cairo_surface_t *s)
{
	int w = cairo_image_surface_get_width(s), h = cairo_image_surface_get_height(s), stride = cairo_image_surface_get_stride(s);
	const unsigned char *p = cairo_image_surface_get_data(s);
	PIX *pix = pixCreate(w, h, 8);

	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
			pixSetPixel(pix, x, y, p[(size_t)y * (size_t)stride + 4 * (size_t)x]);
	return pix;
}

static cairo_surface_t *
page(int size, int lines, char **line)
{
	int width = size * 32, height = size * 2 * (lines + 2);
	cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
	cairo_t *c = cairo_create(s);

	cairo_set_source_rgb(c, 1, 1, 1);
	cairo_paint(c);
	cairo_set_source_rgb(c, 0, 0, 0);
	cairo_select_font_face(c, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(c, size);
	for (int i = 0; i < lines; i++) {
		cairo_move_to(c, 2 * size, size * 1.6 * (i + 2));
		cairo_show_text(c, line[i]);
	}
	cairo_destroy(c);
	cairo_surface_flush(s);
	return s;
}

int
main(int argc, char **argv)
{
	l_uint8 *data = NULL;
	size_t n = 0;

	if (argc < 4)
		return 2;
	PIX *pix = grey_of(page((int)strtol(argv[2], NULL, 10), argc - 3, argv + 3));
	if (strcmp(argv[1], "grey") == 0) {
		l_int32 w = pixGetWidth(pix), h = pixGetHeight(pix);
		printf("%d %d\n", w, h);
		for (int y = 0; y < h; y++)
			for (int x = 0; x < w; x++)
				putchar(GET_DATA_BYTE(pixGetData(pix) + (size_t)y * (size_t)pixGetWpl(pix), x));
		return 0;
	}
	if (strcmp(argv[1], "turned") == 0)
		pix = pixRotateOrth(pix, 3);
	if (pixWriteMem(&data, &n, pix, format_of(argv[1])) != 0)
		return 1;
	return fwrite(data, 1, n, stdout) == n ? 0 : 1;
}
