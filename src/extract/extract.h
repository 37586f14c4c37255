/* extract -- a stranger's file to text, in a process of its own: the program scriped-extract.
 *
 * The server links none of this, nor a library under it: it starts the program once per file and believes nothing but its lines.
 *
 *   scriped-extract [--type MIME] [--name NAME] [--cpu-s N] [--memory-mb N] [--output-mb N] <FILE
 *   scriped-extract --transcribe [--cpu-s N] … <SOUND
 *   scriped-extract --formats
 *
 * It gets   the file at descriptor 0 (a regular file or a memfd), its declared type (with a charset, if one was sent) and its name;
 *           a working folder that is its own: made and removed by the server, the only place it can write to;
 *           for recordings descriptor 3, perhaps closed: signed 16-bit little-endian PCM, 16 kHz, mono, goes there.
 *           Start it from a thread that lives on: it is killed when that thread ends (PR_SET_PDEATHSIG).
 * It gives  JSON lines at descriptor 1, each under 256 KB:
 *             {"type":"application/pdf"}                first: what the bytes are
 *             {"progress":0.15,"what":"page 12 of 80"}  any time, at most ten a second
 *             {"title":"…"}                             at most once
 *             {"page":3}                                what follows stands on page 3; slides and sheets count as pages
 *             {"heading":2,"text":"…"}  {"text":"…"}    a heading of level 1 to 6; a paragraph. A line break inside one means something:
 *                                                       the items of a list ("- …") and the rows of a table ("a | b") are lines
 *             {"fromMs":12000,"toMs":15000,"text":"…"}  what was said then
 *             {"durationMs":482000}                     of a recording
 *             {"end":true}  or  {"error":"CODE","message":"what is wrong and what to do"}   last
 *           CODE is unsupported_media, upload_too_large, empty_text, extraction_failed or transcription_failed (contract 12.7).
 *           Text is UTF-8 without control characters. Before an error there may be lines of text, which are worth nothing, and when the
 *           reader crashed a line that broke off. Without a last line the process was killed: its status says by what.
 *           Diagnostics go to descriptor 2. Exit status: 0 behind "end", 1 behind "error", 2 when it was called wrongly, 3 when
 *           the kernel refuses the sandbox.
 * --transcribe takes such PCM at descriptor 0, and gives what is said in it: a draft, and English only.
 * --formats prints one object per format: {"format":"pdf","types":["application/pdf"],"reads":true,"missing":null}; "missing" is the
 *           package that would read it. The row "speech" tells whether --transcribe works.
 *
 * Types are recognised by content. A declared type of another family (an image declared as PDF) is unsupported_media; within a family
 * (PNG or JPEG, DOC or DOCX, any text) the content decides.
 *
 * Errors:    a reader that cannot go on calls out_stop, which does not return: the process ends, or in a test the stack is cut.
 * Ownership: everything lives in the arena of `out`, or in a library's memory, until the process ends; nothing is freed.
 * Threads:   one; libraries may start their own.
 * Layer:     includes base text pcm json sys. */
#ifndef EXTRACT_H
#define EXTRACT_H
#include "base/base.h"
#include "json/json.h"
#include "sys/sys.h"
#include <setjmp.h>

/* What is read.  bytes is the mapped file; charset is absent unless it was declared. */
struct file { str bytes; int fd, sound; str declared, charset, name; };	/* sound: takes that of a recording; -1: nobody wants it */

/* --- what comes out --- */
struct out {
	struct arena *a, scratch;		/* of the whole extraction; of the piece that is being said */
	const struct sys_clock *clock;
	int fd;					/* -1: lines stay in `lines`, as tests want them */
	struct buf lines;
	size_t max, said;			/* bytes of text allowed and given */
	int64_t page, page_said, next_progress_us;
	bool titled, recording;			/* recording: it has a duration, and no text yet */
	jmp_buf *back;				/* where out_stop goes to; NULL: it ends the process */
};
void	out_init(struct out *, struct arena *, const struct sys_clock *, int fd, size_t max);
/* Text may hold anything: what is no UTF-8, no character or only blanks is seen to here, and empty pieces say nothing. */
void	out_type(struct out *, const char *mime);
void	out_title(struct out *, str);		/* the first one counts; without any it is the first heading of level 1 */
void	out_title_meant(struct out *, str);	/* of a file's properties: not when it is what a program put there */
void	out_page(struct out *, int64_t n);	/* from 1; said when something stands on it */
void	out_heading(struct out *, int level, str);
void	out_text(struct out *, str);
void	out_said(struct out *, int64_t from_ms, int64_t to_ms, str);
void	out_duration(struct out *, int64_t ms);
void	out_progress(struct out *, double done, const char *fmt, ...) PRINTF(3, 4);
void	out_end(struct out *);			/* empty_text when there was none */
_Noreturn void out_stop(struct out *, const char *code, const char *fmt, ...) PRINTF(3, 4);
void	out_flush(struct out *);

/* These words stand in src/ingest/fault.def, which the server knows them by. */
#define FAILED		"extraction_failed"
#define UNSUPPORTED	"unsupported_media"
#define TOO_LARGE	"upload_too_large"
#define EMPTY		"empty_text"

/* --- formats --- */
enum family { FAMILY_DOCUMENT, FAMILY_OFFICE, FAMILY_TEXT, FAMILY_IMAGE, FAMILY_RECORDING, FAMILY_OTHER };
struct format {
	const char *name, *noun;		/* "pdf", "a PDF"; a name of NULL: the ruin of one, not listed */
	enum family family;
	const char *types;			/* MIME types with a blank between; the first is its own */
	bool (*sniff)(const struct file *);
	void (*read)(const struct file *, struct out *);	/* NULL: recognised only */
	const char *missing;			/* the package that would read it; NULL when it is there or none would */
	void (*warm)(void);			/* opens what its libraries would open later; needed where only seccomp guards files */
};
extern const struct format formats[];
extern const size_t formats_n;
const struct format *format_of(const struct file *);			/* NULL: binary, and of no known type */
const struct format *format_declared(str mime);				/* NULL: nothing was declared, or something unknown */
void	formats_print(struct out *);
void	extract(const struct file *, struct out *);			/* recognise, judge, read, end */

/* Readers and what recognises their bytes, one file each. */
bool	plain_sniff(const struct file *), markdown_sniff(const struct file *);
void	plain_read(const struct file *, struct out *), markdown_read(const struct file *, struct out *);
void	html_read(const struct file *, struct out *), pdf_read(const struct file *, struct out *);
void	docx_read(const struct file *, struct out *), pptx_read(const struct file *, struct out *), xlsx_read(const struct file *, struct out *);
bool	doc_sniff(const struct file *), ppt_sniff(const struct file *), xls_sniff(const struct file *), locked_sniff(const struct file *), ole_sniff(const struct file *);
void	doc_read(const struct file *, struct out *), locked_read(const struct file *, struct out *);
void	image_read(const struct file *, struct out *);
void	pdf_warm(void), ocr_warm(void);

bool	file_starts(const struct file *, str magic);
bool	file_named(const struct file *, const char *endings);		/* ".md .markdown", whatever the case */
#endif
