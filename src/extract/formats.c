/* formats -- the table of what is recognised, and by whom it is read. The first row that fits counts. */
#include "extract/container.h"
#include "extract/encode.h"
#include "extract/hear.h"
#include "extract/zip.h"

/* What reads a format where its library was there at build time; else the package that would. */
#ifdef HAVE_poppler_glib
#define BY_POPPLER(read)	read, NULL
#define WARM_PDF		pdf_warm
#else
#define BY_POPPLER(read)	NULL, "libpoppler-glib8"
#define WARM_PDF		NULL
#endif
#ifdef HAVE_gumbo
#define BY_GUMBO(read)		read, NULL
#else
#define BY_GUMBO(read)		NULL, "libgumbo1"
#endif
#ifdef HAVE_libxml_2_0
#define BY_LIBXML(read)		read, NULL
#else
#define BY_LIBXML(read)		NULL, "libxml2"
#endif

#ifdef HAVE_tesseract
#define BY_TESSERACT(read)	read, NULL
#define WARM_OCR		ocr_warm
#else
#define BY_TESSERACT(read)	NULL, "libtesseract5"
#define WARM_OCR		NULL
#endif

#ifdef HAVE_libavformat
#define BY_FFMPEG(read)		read, NULL
#else
#define BY_FFMPEG(read)		NULL, "libavformat59"
#endif

#define MAGIC(name, at, ...)	static bool name(const struct file *f) { return str_starts(str_cut(f->bytes, at, f->bytes.n), S(__VA_ARGS__)); }
MAGIC(is_gzip, 0, "\x1F\x8B")
MAGIC(is_zip, 0, "PK\3\4")
MAGIC(is_7z, 0, "7z\xBC\xAF\x27\x1C")
MAGIC(is_rar, 0, "Rar!\x1A\7")
MAGIC(is_rtf, 0, "{\\rtf")
MAGIC(is_postscript, 0, "%!PS")
MAGIC(is_png, 0, "\x89PNG\r\n\x1A\n")
MAGIC(is_jpeg, 0, "\xFF\xD8\xFF")
MAGIC(is_gif, 0, "GIF8")
static bool is_webp(const struct file *f) { return file_starts(f, S("RIFF")) && str_eq(str_cut(f->bytes, 8, 12), S("WEBP")); }
static bool is_bmp(const struct file *f) { return file_starts(f, S("BM")) && str_eq(str_cut(f->bytes, 6, 10), S("\0\0\0\0")); }
static bool is_tiff(const struct file *f) { return file_starts(f, S("II*\0")) || file_starts(f, S("MM\0*")); }

/* HEIC and AVIF: boxes, of which the first says for whom. */
static bool
is_heif(const struct file *f)
{
	static const str brands[] = { S_INIT("heic"), S_INIT("heix"), S_INIT("mif1"), S_INIT("msf1"), S_INIT("avif") };

	for (size_t i = 0; i < COUNT(brands); i++)
		if (str_eq(str_cut(f->bytes, 4, 8), S("ftyp")) && str_eq(str_cut(f->bytes, 8, 12), brands[i]))
			return true;
	return false;
}

/* Of an archive that was cut off only its first names are left. */
static bool
office(const struct file *f, str prefix)
{
	struct arena a;
	struct zip z;
	bool is;

	if (!file_starts(f, S("PK\3\4")))
		return false;
	arena_init(&a, (size_t)16 << 20);
	if (zip_open(&z, &a, f->bytes) == ZIP_OK) {
		is = zip_find(&z, S("[Content_Types].xml")) != NULL && zip_has(&z, prefix);
	} else {
		str head = str_cut(f->bytes, 0, 65536);
		is = memmem(head.p, head.n, "[Content_Types].xml", 19) != NULL && memmem(head.p, head.n, prefix.p, prefix.n) != NULL;
	}
	arena_free(&a);
	return is;
}

static bool is_docx(const struct file *f) { return office(f, S("word/")); }
static bool is_pptx(const struct file *f) { return office(f, S("ppt/")); }
static bool is_xlsx(const struct file *f) { return office(f, S("xl/")); }

static bool
is_pdf(const struct file *f)
{
	str head = str_cut(f->bytes, 0, 1024);		/* some writers put a few bytes before it */

	return head.n >= 5 && memmem(head.p, head.n, "%PDF-", 5) != NULL;
}

static str
skip_lead(str s)		/* blanks, comments, the XML declaration */
{
	for (;;) {
		s = str_trim(s);
		const char *close = str_starts(s, S("<!--")) ? "-->" : str_starts(s, S("<?")) ? "?>" : NULL;
		const char *p = close != NULL ? memmem(s.p, s.n, close, strlen(close)) : NULL;
		if (p == NULL)
			return s;
		s = str_cut(s, (size_t)(p - s.p) + strlen(close), s.n);
	}
}

static bool
is_html(const struct file *f)
{
	struct arena a;
	bool html = false;

	arena_init(&a, (size_t)1 << 20);
	str s = encode_utf8(&a, str_cut(f->bytes, 0, 4096), f->charset, NULL);
	if (s.p != NULL) {
		str lead = skip_lead(s);
		html = str_ieq(f->declared, S("text/html")) || str_ieq(f->declared, S("application/xhtml+xml")) ||
		    str_ieq(str_cut(lead, 0, 14), S("<!doctype html")) || str_ieq(str_cut(lead, 0, 5), S("<html")) ||
		    (str_starts(lead, S("<")) && file_named(f, ".html .htm .xhtml"));
	}
	arena_free(&a);
	return html;
}

#define OOXML "application/vnd.openxmlformats-officedocument."

const struct format formats[] = {
	{ "pdf", "a PDF", FAMILY_DOCUMENT, "application/pdf application/x-pdf", is_pdf, BY_POPPLER(pdf_read), WARM_PDF },
	{ "docx", "a Word document", FAMILY_OFFICE, OOXML "wordprocessingml.document", is_docx, BY_LIBXML(docx_read), NULL },
	{ "pptx", "a PowerPoint presentation", FAMILY_OFFICE, OOXML "presentationml.presentation", is_pptx, BY_LIBXML(pptx_read), NULL },
	{ "xlsx", "an Excel workbook", FAMILY_OFFICE, OOXML "spreadsheetml.sheet", is_xlsx, BY_LIBXML(xlsx_read), NULL },
	{ "doc", "an old Word document", FAMILY_OFFICE, "application/msword", doc_sniff, doc_read, NULL, NULL },
	{ "ppt", "an old PowerPoint presentation", FAMILY_OFFICE, "application/vnd.ms-powerpoint", ppt_sniff, NULL, NULL, NULL },
	{ "xls", "an old Excel workbook", FAMILY_OFFICE, "application/vnd.ms-excel", xls_sniff, NULL, NULL, NULL },
	{ NULL, "an Office document with a password", FAMILY_OFFICE, "application/x-ole-storage", locked_sniff, locked_read, NULL, NULL },
	{ NULL, "a damaged Office document", FAMILY_OFFICE, "application/x-ole-storage", ole_sniff, NULL, NULL, NULL },
	{ "png", "a PNG image", FAMILY_IMAGE, "image/png", is_png, BY_TESSERACT(image_read), WARM_OCR },
	{ "jpeg", "a JPEG image", FAMILY_IMAGE, "image/jpeg image/jpg", is_jpeg, BY_TESSERACT(image_read), NULL },
	{ "webp", "a WebP image", FAMILY_IMAGE, "image/webp", is_webp, BY_TESSERACT(image_read), NULL },
	{ "tiff", "a TIFF image", FAMILY_IMAGE, "image/tiff", is_tiff, BY_TESSERACT(image_read), NULL },
	{ "heif", "an HEIC or AVIF image", FAMILY_IMAGE, "image/heic image/heif image/avif", is_heif, NULL, NULL, NULL },
	{ "gif", "a GIF image", FAMILY_IMAGE, "image/gif", is_gif, NULL, NULL, NULL },
	{ "bmp", "a BMP image", FAMILY_IMAGE, "image/bmp", is_bmp, NULL, NULL, NULL },
	{ "gzip", "a gzip archive", FAMILY_OTHER, "application/gzip", is_gzip, NULL, NULL, NULL },
	{ "zip", "a ZIP archive", FAMILY_OTHER, "application/zip", is_zip, NULL, NULL, NULL },
	{ "7z", "a 7z archive", FAMILY_OTHER, "application/x-7z-compressed", is_7z, NULL, NULL, NULL },
	{ "rar", "a RAR archive", FAMILY_OTHER, "application/vnd.rar", is_rar, NULL, NULL, NULL },
	{ "rtf", "an RTF document", FAMILY_OFFICE, "application/rtf text/rtf", is_rtf, NULL, NULL, NULL },
	{ "postscript", "PostScript", FAMILY_OTHER, "application/postscript", is_postscript, NULL, NULL, NULL },
#define CONTAINER(name, noun, demuxer, types) { #name, noun, FAMILY_RECORDING, types, name##_sniff, BY_FFMPEG(media_read), NULL },
#include "extract/containers.def"
#undef CONTAINER
	{ "html", "an HTML page", FAMILY_TEXT, "text/html application/xhtml+xml", is_html, BY_GUMBO(html_read), NULL },
	{ "markdown", "Markdown", FAMILY_TEXT, "text/markdown text/x-markdown", markdown_sniff, markdown_read, NULL, NULL },
	{ "text", "plain text", FAMILY_TEXT, "text/plain", plain_sniff, plain_read, NULL, encode_warm },
};
const size_t formats_n = COUNT(formats);

bool
file_starts(const struct file *f, str magic)
{
	return str_starts(f->bytes, magic);
}

bool
file_named(const struct file *f, const char *endings)
{
	str rest = str_z(endings);

	while (rest.p != NULL) {
		str end = str_split(&rest, ' ');
		if (f->name.n > end.n && str_ieq(str_cut(f->name, f->name.n - end.n, f->name.n), end))
			return true;
	}
	return false;
}

static bool
has_type(const struct format *f, str mime)
{
	str rest = str_z(f->types);

	while (rest.p != NULL)
		if (str_ieq(str_split(&rest, ' '), mime))
			return true;
	return false;
}

const struct format *
format_of(const struct file *f)
{
	for (size_t i = 0; i < formats_n; i++)
		if (formats[i].sniff(f))
			return &formats[i];
	return NULL;
}

const struct format *
format_declared(str mime)
{
	for (size_t i = 0; mime.n != 0 && i < formats_n; i++)
		if (has_type(&formats[i], mime))
			return &formats[i];
	return NULL;
}

/* A type that no row has still tells its family: image/heic is an image. */
static enum family
declared_family(str mime)
{
	static const struct { str prefix; enum family family; } rows[] = { { S_INIT("image/"), FAMILY_IMAGE }, { S_INIT("audio/"), FAMILY_RECORDING },
		{ S_INIT("video/"), FAMILY_RECORDING }, { S_INIT("text/"), FAMILY_TEXT } };
	const struct format *f = format_declared(mime);

	if (f != NULL)
		return f->family;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (mime.n > rows[i].prefix.n && str_ieq(str_cut(mime, 0, rows[i].prefix.n), rows[i].prefix))
			return rows[i].family;
	return FAMILY_OTHER;
}

/* Its first type; of a recording the first that is audio or video as its sender says: one container holds both. */
static str
own_type(const struct format *f, str declared)
{
	str rest = str_z(f->types), first = str_split(&rest, ' ');
	str kind = str_cut(declared, 0, sizeof("audio/") - 1);

	if (f->family != FAMILY_RECORDING || kind.n == 0 || str_ieq(str_cut(first, 0, kind.n), kind))
		return first;
	while (rest.p != NULL) {
		str type = str_split(&rest, ' ');
		if (str_ieq(str_cut(type, 0, kind.n), kind))
			return type;
	}
	return first;
}

static void
judge(const struct file *file, const struct format *f, struct out *o)
{
	enum family declared = declared_family(file->declared);

	if (f == NULL)
		out_stop(o, UNSUPPORTED, "The file is of no type that can be read. Upload a PDF, an Office document, a text, a page, an image or a recording.");
	out_type(o, str_dup(o->a, own_type(f, file->declared)).p);
	if (f->read == NULL && f->missing != NULL)
		out_stop(o, UNSUPPORTED, "The file is %s, which this server was built without: it would need %s. Upload it in another form.", f->noun, f->missing);
	if (f->read == NULL)
		out_stop(o, UNSUPPORTED, "The file is %s, which is not read. Upload %s.", f->noun,
		    f->family == FAMILY_IMAGE ? "it as PNG or JPEG" : f->family == FAMILY_OFFICE ? "it as DOCX, PPTX, XLSX or PDF" : "what is in it");
	if (declared != FAMILY_OTHER && declared != f->family)
		out_stop(o, UNSUPPORTED, "The file was declared as %.*s, but its bytes are %s. Upload it again as %.*s.", (int)MIN(file->declared.n, 60),
		    file->declared.p, f->noun, STR(own_type(f, file->declared)));
}

void
extract(const struct file *file, struct out *o)
{
	const struct format *f = format_of(file);

	judge(file, f, o);
	f->read(file, o);
	out_end(o);
}

static void
print_row(struct out *o, const char *name, const char *types, bool reads, const char *missing)
{
	str rest = str_z(types);
	struct json j;

	jw_begin(&j, &o->lines);
	jw_obj(&j);
	jw_key_str(&j, S("format"), str_z(name));
	jw_key(&j, S("types"));
	jw_arr(&j);
	while (rest.n != 0)
		jw_str(&j, str_split(&rest, ' '));
	jw_end(&j);
	jw_key(&j, S("reads"));
	jw_bool(&j, reads);
	jw_key(&j, S("missing"));
	if (missing != NULL)
		jw_str(&j, str_z(missing));
	else
		jw_null(&j);
	jw_end(&j);
	buf_char(&o->lines, '\n');
}

void
formats_print(struct out *o)
{
	for (size_t i = 0; i < formats_n; i++)
		if (formats[i].name != NULL)
			print_row(o, formats[i].name, formats[i].types, formats[i].read != NULL, formats[i].missing);
	print_row(o, "speech", "", hear_ready(), hear_ready() ? NULL : "pocketsphinx-en-us");
	out_flush(o);
}
