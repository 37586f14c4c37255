#include "extract/ole.h"

#define HEADER		512
#define IN_HEADER	109	/* sectors of the table that the header itself names */
#define MINI_SECTOR	64
#define MINI_CUTOFF	4096	/* smaller streams live in mini sectors */
#define ROW		128	/* of the directory */
#define LAST		0xFFFFFFFA	/* from here on numbers are no sectors */
#define ROOT		5

uint32_t
le16(str s, uint64_t at)
{
	return at + 2 <= s.n ? (uint32_t)(uint8_t)s.p[at] | (uint32_t)(uint8_t)s.p[at + 1] << 8 : 0;
}

uint32_t
le32(str s, uint64_t at)
{
	return at + 4 <= s.n ? le16(s, at) | le16(s, at + 2) << 16 : 0;
}

bool
ole_is(str s)
{
	return s.n >= HEADER && str_starts(s, S("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"));
}

static str
sector(const struct ole *o, uint32_t n)
{
	uint64_t at = ((uint64_t)n + 1) * o->sector;

	return at < o->bytes.n ? str_cut(o->bytes, at, at + o->sector) : STR_NONE;
}

/* The sectors of a chain, one behind the other; up to `most` bytes.  Mini sectors stand in the stream `small`. */
static bool
chain(const struct ole *o, uint32_t n, uint64_t most, bool mini, str *ret)
{
	size_t unit = mini ? MINI_SECTOR : o->sector, steps = mini ? o->nmini : o->nfat;
	struct buf b;

	buf_init(&b, o->a, o->bytes.n + unit);
	for (; n < LAST && b.n < most; n = mini ? o->mini[n] : o->fat[n]) {
		str s = mini ? str_cut(o->small, (uint64_t)n * unit, ((uint64_t)n + 1) * unit) : sector(o, n);
		if (s.n == 0 || n >= (mini ? o->nmini : o->nfat) || steps-- == 0)
			return false;
		buf_add(&b, s);
	}
	*ret = str_cut(buf_str(&b), 0, most);
	return !b.over;
}

static void
take_table(struct ole *o, uint32_t n)
{
	str s = sector(o, n);

	for (size_t i = 0; i + 4 <= s.n; i += 4)
		o->fat[o->nfat++] = le32(s, i);
}

/* The table of sectors: its own sectors are named by the header, and by a chain of further ones. */
static void
read_table(struct ole *o)
{
	size_t sectors = o->bytes.n / o->sector + 1, per = o->sector / 4, most = sectors / per + 2, taken = 0;
	uint32_t next = le32(o->bytes, 68);

	o->fat = NEW_N(o->a, uint32_t, (most + 1) * per);
	for (size_t i = 0; i < IN_HEADER && taken < most; i++) {
		uint32_t n = le32(o->bytes, 76 + i * 4);
		if (n >= LAST)
			return;
		take_table(o, n);
		taken++;
	}
	for (size_t hops = 0; next < LAST && hops < sectors; hops++) {
		str s = sector(o, next);
		for (size_t i = 0; i + 8 <= s.n && taken < most; i += 4, taken++) {
			if (le32(s, i) >= LAST)
				return;
			take_table(o, le32(s, i));
		}
		next = s.n >= 4 ? le32(s, s.n - 4) : LAST;
	}
}

static bool
named(str row, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (le16(row, i * 2) != (uint8_t)name[i])
			return false;
	return le16(row, 64) == (n + 1) * 2;
}

static str
row_of(const struct ole *o, const char *name)
{
	for (size_t i = 0; i + ROW <= o->dir.n; i += ROW)
		if (named(str_cut(o->dir, i, i + ROW), name))
			return str_cut(o->dir, i, i + ROW);
	return STR_NONE;
}

bool
ole_open(struct ole *o, struct arena *a, str s)
{
	uint32_t shift = le16(s, 30);
	str mini;

	*o = (struct ole){ .bytes = s, .a = a };
	if (!ole_is(s) || (shift != 9 && shift != 12))
		return false;
	o->sector = (size_t)1 << shift;
	read_table(o);
	if (!chain(o, le32(s, 48), UINT64_MAX, false, &o->dir) || o->dir.n < ROW || (uint8_t)o->dir.p[66] != ROOT)
		return false;
	if (le32(s, 60) >= LAST)
		return true;		/* no small streams */
	if (!chain(o, le32(s, 60), UINT64_MAX, false, &mini) || !chain(o, le32(o->dir, 116), UINT64_MAX, false, &o->small))
		return false;
	o->nmini = mini.n / 4;
	o->mini = NEW_N(a, uint32_t, o->nmini + 1);
	for (size_t i = 0; i < o->nmini; i++)
		o->mini[i] = le32(mini, i * 4);
	return true;
}

bool
ole_has(const struct ole *o, const char *name)
{
	return row_of(o, name).p != NULL;
}

bool
ole_stream(struct ole *o, const char *name, str *ret)
{
	str row = row_of(o, name);
	uint32_t size = le32(row, 120);

	return row.p != NULL && chain(o, le32(row, 116), size, size < MINI_CUTOFF, ret) && ret->n == size;
}
