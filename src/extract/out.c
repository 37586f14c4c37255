#include "extract/extract.h"
#include "text/text.h"
#include <stdio.h>
#include <unistd.h>

#define LINES_MAX	((size_t)256 << 10)
#define FLUSH_AT	((size_t)32 << 10)
#define PIECE_MAX	((size_t)48 << 10)	/* of text in a line: escaped twice as long at most */
#define TITLE_MAX	500
#define HEADING_MAX	1000
#define PROGRESS_US	100000

void
out_init(struct out *o, struct arena *a, const struct sys_clock *clock, int fd, size_t max)
{
	*o = (struct out){ .a = a, .clock = clock, .fd = fd, .max = max };
	arena_init(&o->scratch, a->budget);
	buf_init(&o->lines, a, fd < 0 ? (size_t)64 << 20 : LINES_MAX);
}

/* Only whole lines are written.  Who reads them has gone when it fails: there is nobody left to tell. */
void
out_flush(struct out *o)
{
	struct error e;

	if (o->fd < 0)
		return;
	if (sys_write_all(o->fd, buf_str(&o->lines), "", &e) != OK)
		_exit(1);
	o->lines.n = 0;
}

static void
begin(struct out *o, struct json *j)
{
	jw_begin(j, &o->lines);
	jw_obj(j);
}

static void
end(struct out *o, struct json *j)
{
	jw_end(j);
	buf_char(&o->lines, '\n');
	if (o->lines.n >= FLUSH_AT)
		out_flush(o);
}

/* --- text --- */

/* What is no character in a text: controls, soft hyphens, marks of width and direction, what Unicode has set aside. */
static bool
nothing(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || (c >= 0x200B && c <= 0x200F && c != 0x200D) || (c >= 0x202A && c <= 0x202E) ||
	    (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF || (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
}

static bool
blank(uint32_t c)
{
	return c == ' ' || c == '\t' || c == '\f' || c == '\v' || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F ||
	    c == 0x3000;
}

static bool line_end(uint32_t c) { return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029 || c == 0x85; }

/* Blanks as one space, lines trimmed, empty lines gone.  Without `lines` a line break is a blank. */
static str
clean(struct out *o, str s, bool lines)
{
	arena_reset(&o->scratch);
	char *p = arena_raw(&o->scratch, s.n * 3 + 4);
	size_t n = 0;
	char gap = '\0';		/* what stands between the last word and the next one */

	for (size_t i = 0; i < s.n;) {
		uint32_t c = utf8_next(s, &i);
		if (line_end(c) || blank(c)) {
			gap = gap == '\n' || (lines && line_end(c)) ? '\n' : ' ';
			continue;
		}
		if (nothing(c))
			continue;
		if (c >= 0xF000 && c <= 0xF0FF)		/* a symbol font: nearly always a bullet */
			c = 0x2022;
		if (gap != '\0' && n != 0)
			p[n++] = gap;
		gap = '\0';
		n += text_put(p + n, c);
	}
	return (str){ p, n };
}

/* Where the first `most` bytes end well: behind a line, else a blank, else a character. */
static size_t
cut_at(str s, size_t most)
{
	size_t i = most;

	if (s.n <= most)
		return s.n;
	for (const char *at = "\n "; *at != '\0'; at++) {
		const char *p = memrchr(s.p, *at, most);
		if (p != NULL && p > s.p + most / 2)
			return (size_t)(p - s.p);
	}
	while (i > 0 && ((uint8_t)s.p[i] & 0xC0) == 0x80)
		i--;
	return i;
}

static void
count(struct out *o, size_t n)
{
	o->said += n;
	if (o->said > o->max)
		out_stop(o, FAILED, "The file holds more than %zu MB of text. Split it and upload the parts.", o->max >> 20);
}

static void
page_first(struct out *o)
{
	struct json j;

	if (o->page == o->page_said)
		return;
	o->page_said = o->page;
	begin(o, &j);
	jw_key_i64(&j, S("page"), o->page);
	end(o, &j);
}

static void
say(struct out *o, int level, str s)
{
	struct json j;

	count(o, s.n);
	page_first(o);
	begin(o, &j);
	if (level != 0)
		jw_key_i64(&j, S("heading"), level);
	jw_key_str(&j, S("text"), s);
	end(o, &j);
}

void
out_text(struct out *o, str s)
{
	s = clean(o, s, true);
	while (s.n != 0) {
		size_t n = cut_at(s, PIECE_MAX);
		say(o, 0, str_cut(s, 0, n));
		s = str_trim(str_cut(s, n, s.n));
	}
}

void
out_heading(struct out *o, int level, str s)
{
	str text = clean(o, str_cut(s, 0, PIECE_MAX), false);

	if (s.n > PIECE_MAX || text.n > HEADING_MAX)
		out_text(o, s);
	else if (text.n != 0) {
		say(o, MAX(1, MIN(level, 6)), text);
		if (level == 1 && o->page <= 1)
			out_title(o, s);	/* of a file that has no title of its own */
	}
}

void
out_title(struct out *o, str s)
{
	struct json j;

	s = clean(o, str_cut(s, 0, PIECE_MAX), false);
	if (o->titled || s.n == 0)
		return;
	o->titled = true;
	begin(o, &j);
	jw_key_str(&j, S("title"), str_cut(s, 0, cut_at(s, TITLE_MAX)));
	end(o, &j);
}

/* What a program writes when nobody gave it a title. */
void
out_title_meant(struct out *o, str s)
{
	static const char *const files[] = { ".doc", ".docx", ".pdf", ".indd", ".tex", ".dvi", ".qxd", ".ppt", ".pptx", ".odt", ".rtf", ".xls", ".xlsx" };
	static const char *const words[] = { "untitled", "unbenannt", "title", "titel", "powerpoint presentation", "powerpoint-präsentation", "presentation",
		"präsentation", "document", "dokument", "document1", "dokument1", "presentation1", "präsentation1", "book1", "mappe1" };
	bool meant = (s = str_trim(s)).n > 3 && !str_starts(s, S("Microsoft ")) && memchr(s.p, '/', s.n) == NULL;

	for (size_t i = 0; i < COUNT(files); i++)
		meant = meant && !str_ends(s, str_z(files[i]));
	for (size_t i = 0; i < COUNT(words); i++)
		meant = meant && !str_ieq(s, str_z(words[i]));
	if (meant)
		out_title(o, s);
}

void
out_said(struct out *o, int64_t from_ms, int64_t to_ms, str s)
{
	struct json j;

	s = clean(o, s, false);
	s = str_cut(s, 0, cut_at(s, PIECE_MAX));
	if (s.n == 0)
		return;
	count(o, s.n);
	begin(o, &j);
	jw_key_i64(&j, S("fromMs"), from_ms);
	jw_key_i64(&j, S("toMs"), to_ms);
	jw_key_str(&j, S("text"), s);
	end(o, &j);
}

/* --- the rest --- */

void
out_type(struct out *o, const char *mime)
{
	struct json j;

	begin(o, &j);
	jw_key_str(&j, S("type"), str_z(mime));
	end(o, &j);
	out_flush(o);
}

void
out_page(struct out *o, int64_t n)
{
	o->page = n;
}

void
out_duration(struct out *o, int64_t ms)
{
	struct json j;

	o->recording = true;
	begin(o, &j);
	jw_key_i64(&j, S("durationMs"), ms);
	end(o, &j);
}

void
out_progress(struct out *o, double done, const char *fmt, ...)
{
	int64_t now = sys_mono_us(o->clock);
	char what[80];
	struct json j;
	va_list ap;

	if (now < o->next_progress_us)
		return;
	o->next_progress_us = now + PROGRESS_US;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	begin(o, &j);
	jw_key(&j, S("progress"));
	jw_f64(&j, MAX(0, MIN(done, 1)));
	jw_key_str(&j, S("what"), str_z(what));
	end(o, &j);
	out_flush(o);
}

void
out_end(struct out *o)
{
	struct json j;

	if (o->said == 0 && !o->recording)
		out_stop(o, EMPTY, "No text was found in the file. Upload one that holds text, or a sharper image of it.");
	begin(o, &j);
	jw_key(&j, S("end"));
	jw_bool(&j, true);
	end(o, &j);
	out_flush(o);
}

_Noreturn void
out_stop(struct out *o, const char *code, const char *fmt, ...)
{
	char message[300];
	struct json j;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	begin(o, &j);
	jw_key_str(&j, S("error"), str_z(code));
	jw_key_str(&j, S("message"), str_z(message));
	end(o, &j);
	out_flush(o);
	if (o->back != NULL)
		longjmp(*o->back, 1);
	_exit(1);
}
