#include "extract/encode.h"
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#ifdef HAVE_uchardet
#include <uchardet.h>
#endif

#define LOOK		((size_t)256 << 10)	/* as much is looked at to guess */
#define NAME_MAX	40

/* --- is it text --- */

/* Texts have no control characters but those of lines, and ESC, which switches alphabets in some encodings. */
static bool
readable(str s)
{
	size_t odd = 0, n = MIN(s.n, LOOK);

	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		odd += (c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1B) || c == 0x7F;
	}
	return odd * 200 <= n;
}

/* --- UTF-8 --- */

struct tally { size_t good, bad; };

/* Sequences of several bytes that are UTF-8, and bytes that are not. */
static struct tally
tally_utf8(str s)
{
	struct tally t = { 0, 0 };

	for (size_t i = 0; i < s.n;) {
		size_t was = i;
		uint32_t c = utf8_next(s, &i);
		if (i - was > 1)
			t.good++;
		else if (c == 0xFFFD)
			t.bad++;
	}
	return t;
}

/* A text cut in the middle of a character, or with a stray byte, is still what it is. */
static bool
mostly_utf8(str s)
{
	struct tally t = tally_utf8(s);

	return t.bad == 0 || (t.good >= 4 && t.bad * 3 <= t.good);
}

static bool
switches(str s)		/* ISO-2022 is ASCII with escapes */
{
	return memmem(s.p, s.n, "\x1B$", 2) != NULL || memmem(s.p, s.n, "\x1B(", 2) != NULL;
}

/* --- UTF-16 and UTF-32 --- */

static uint32_t
unit(str s, size_t i, int width, bool big)
{
	uint32_t v = 0;

	for (int k = 0; k < width; k++)
		v |= (uint32_t)(uint8_t)s.p[i + (size_t)k] << 8 * (big ? width - 1 - k : k);
	return v;
}

static size_t
put(char *p, uint32_t c)
{
	if (c < 0x80)
		return p[0] = (char)c, 1;
	if (c >= 0x110000 || (c >= 0xD800 && c < 0xE000))
		c = 0xFFFD;
	int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (int k = n - 1; k > 0; k--, c >>= 6)
		p[k] = (char)(0x80 | (c & 0x3F));
	p[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | c);
	return (size_t)n;
}

static str
wide(struct arena *a, str s, int width, bool big)
{
	char *p = arena_raw(a, s.n / (size_t)width * 4 + 4);
	size_t n = 0, w = (size_t)width;

	for (size_t i = 0; i + w <= s.n; i += w) {
		uint32_t c = unit(s, i, width, big);
		if (width == 2 && c >= 0xD800 && c < 0xDC00 && i + 2 * w <= s.n) {
			uint32_t low = unit(s, i + w, width, big);
			if (low >= 0xDC00 && low < 0xE000) {
				c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
				i += w;
			}
		}
		n += put(p + n, c);
	}
	return (str){ p, n };
}

struct wide_kind { const char *name; int width; bool big; str mark; };
static const struct wide_kind kinds[] = {	/* UTF-32LE's mark begins with that of UTF-16LE */
	{ "UTF-32LE", 4, false, S_INIT("\xFF\xFE\0\0") }, { "UTF-32BE", 4, true, S_INIT("\0\0\xFE\xFF") },
	{ "UTF-16LE", 2, false, S_INIT("\xFF\xFE") }, { "UTF-16BE", 2, true, S_INIT("\xFE\xFF") },
};

static const struct wide_kind *
by_mark(str s)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (str_starts(s, kinds[i].mark))
			return &kinds[i];
	return NULL;
}

/* Blanks, digits and Latin letters have zeros, and these always stand at the same side of a unit. */
static const struct wide_kind *
by_zeros(str s)
{
	size_t at[4] = { 0 }, n = MIN(s.n, LOOK) & ~(size_t)3, all = 0;

	for (size_t i = 0; i < n; i++)
		at[i % 4] += s.p[i] == '\0';
	all = at[0] + at[1] + at[2] + at[3];
	if (all == 0 || n < 4)
		return NULL;
	if (at[2] + at[3] >= n / 2 - n / 50 && at[0] <= n / 50)
		return &kinds[0];
	if (at[0] + at[1] >= n / 2 - n / 50 && at[3] <= n / 50)
		return &kinds[1];
	if ((at[1] + at[3]) * 10 >= all * 9 && all >= n / 50 + 1)
		return &kinds[2];
	if ((at[0] + at[2]) * 10 >= all * 9 && all >= n / 50 + 1)
		return &kinds[3];
	return NULL;
}

/* --- everything else --- */

/* The web's reading: who says Latin-1 or ASCII writes what Windows wrote. */
static const char *
known_name(struct arena *a, str name)
{
	static const str western[] = { S_INIT("iso-8859-1"), S_INIT("iso8859-1"), S_INIT("iso_8859-1"), S_INIT("latin1"), S_INIT("latin-1"), S_INIT("us-ascii"),
		S_INIT("ascii") };

	if (name.n == 0 || name.n > NAME_MAX || memchr(name.p, '/', name.n) != NULL)
		return NULL;
	for (size_t i = 0; i < COUNT(western); i++)
		if (str_ieq(name, western[i]))
			return "WINDOWS-1252";
	return str_dup(a, name).p;
}

/* Absent when there is no such encoding, or when more than one byte in a hundred means nothing in it. */
static str
convert(struct arena *a, str s, const char *name)
{
	iconv_t to = iconv_open("UTF-8", name);
	size_t cap = s.n * 4 + 16, left = s.n, room = cap, bad = 0;

	if (to == (iconv_t)-1)
		return STR_NONE;
	char *p = arena_raw(a, cap), *at = p;
	union { const char *in; char *inout; } from = { .in = s.p };
	while (left > 0 && room > 8 && iconv(to, &from.inout, &left, &at, &room) == (size_t)-1 && errno != E2BIG) {
		size_t n = put(at, 0xFFFD);	/* EILSEQ, or EINVAL: a character cut off at the end */
		at += n, room -= n;
		from.in++, left--, bad++;
	}
	if (left == 0)
		iconv(to, NULL, NULL, &at, &room);
	iconv_close(to);
	return bad * 100 <= s.n && left == 0 ? (str){ p, (size_t)(at - p) } : STR_NONE;
}

/* Western European prose in Windows-1252: few high bytes, and only those that German, French, Spanish and typography use. */
static bool
western(str s)
{
	static const uint8_t usual[] = { 0x80, 0x82, 0x84, 0x85, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0xA0, 0xA7, 0xA9, 0xAB, 0xB0, 0xB4, 0xB7, 0xBB, 0xBF,
		0xC4, 0xC9, 0xD6, 0xDC, 0xDF, 0xE0, 0xE1, 0xE2, 0xE4, 0xE7, 0xE8, 0xE9, 0xEA, 0xED, 0xEE, 0xF1, 0xF3, 0xF4, 0xF6, 0xFA, 0xFB, 0xFC };
	size_t high = 0, n = MIN(s.n, LOOK);

	for (size_t i = 0; i < n; i++) {
		if ((uint8_t)s.p[i] < 0x80)
			continue;
		if (memchr(usual, (uint8_t)s.p[i], sizeof(usual)) == NULL)
			return false;
		high++;
	}
	return high > 0 && high * 2 <= n;
}

#ifdef HAVE_uchardet
static const char *
guess(struct arena *a, str s)
{
	uchardet_t d = uchardet_new();

	if (d == NULL || uchardet_handle_data(d, s.p, MIN(s.n, LOOK)) != 0)
		return NULL;
	uchardet_data_end(d);
	const char *name = known_name(a, str_z(uchardet_get_charset(d)));
	uchardet_delete(d);
	return name;
}
#else
static const char *guess(struct arena *a, str s) { (void)a, (void)s; return NULL; }
#endif

static str
by_looks(struct arena *a, str s, str declared, const char **name)
{
	const char *tries[] = { known_name(a, declared), western(s) ? "WINDOWS-1252" : guess(a, s), "WINDOWS-1252" };

	for (size_t i = 0; i < COUNT(tries); i++) {
		str r = tries[i] != NULL ? convert(a, s, tries[i]) : STR_NONE;
		*name = tries[i];
		if (r.p != NULL)
			return r;
	}
	return STR_NONE;
}

str
encode_utf8(struct arena *a, str s, str declared, const char **ret_name)
{
	const char *ignored, **name = ret_name != NULL ? ret_name : &ignored;
	const struct wide_kind *k = by_mark(s);

	*name = "UTF-8";
	if (str_starts(s, S("\xEF\xBB\xBF")))
		return str_cut(s, 3, s.n);
	if (k == NULL && memchr(s.p != NULL ? s.p : "", '\0', MIN(s.n, LOOK)) != NULL && (k = by_zeros(s)) == NULL)
		return STR_NONE;
	if (k != NULL) {
		*name = k->name;
		str r = wide(a, str_starts(s, k->mark) ? str_cut(s, k->mark.n, s.n) : s, k->width, k->big);
		return readable(r) && memchr(r.p, '\0', r.n) == NULL ? r : STR_NONE;
	}
	if (!readable(s))
		return STR_NONE;
	return mostly_utf8(s) && !switches(s) ? s : by_looks(a, s, declared, name);
}

void
encode_warm(void)
{
	static const char *const names[] = { "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255", "WINDOWS-1256",
		"WINDOWS-1257", "WINDOWS-1258", "ISO-8859-2", "ISO-8859-5", "ISO-8859-7", "ISO-8859-9", "ISO-8859-15", "KOI8-R", "IBM866", "TIS-620", "SHIFT_JIS",
		"EUC-JP", "ISO-2022-JP", "BIG5", "GB18030", "EUC-KR", "UHC", "MACINTOSH", "MAC-CYRILLIC" };

	for (size_t i = 0; i < COUNT(names); i++)
		(void)iconv_open("UTF-8", names[i]);	/* never closed: then the tables stay */
}
