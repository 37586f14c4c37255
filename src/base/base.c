#include "base/base.h"
#include <stdio.h>
#include <stdlib.h>

/* --- str --- */

str  str_z(const char *z) { return (str){ z, z != NULL ? strlen(z) : 0 }; }

static inline char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool
str_ieq(str a, str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool str_starts(str s, str x) { return s.n >= x.n && (x.n == 0 || memcmp(s.p, x.p, x.n) == 0); }
bool str_ends(str s, str x) { return s.n >= x.n && (x.n == 0 || memcmp(s.p + s.n - x.n, x.p, x.n) == 0); }

int
str_cmp(str a, str b)
{
	size_t n = MIN(a.n, b.n);
	int c = n != 0 ? memcmp(a.p, b.p, n) : 0;
	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

str
str_cut(str s, size_t from, size_t to)
{
	to = MIN(to, s.n);
	from = MIN(from, to);
	return (str){ s.p != NULL ? s.p + from : NULL, to - from };
}

static inline bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

str
str_trim(str s)
{
	while (s.n > 0 && blank(s.p[0]))
		s.p++, s.n--;
	while (s.n > 0 && blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

str
str_split(str *rest, char at)
{
	str s = *rest;
	const char *hit = s.n != 0 ? memchr(s.p, at, s.n) : NULL;

	if (hit == NULL) {
		*rest = STR_NONE;
		return s;
	}
	size_t n = (size_t)(hit - s.p);
	*rest = (str){ hit + 1, s.n - n - 1 };
	return (str){ s.p, n };
}

bool
str_int(str s, int64_t *ret)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	int64_t v = 0;

	if (s.n == (size_t)minus)
		return false;
	for (size_t i = minus; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		int d = s.p[i] - '0';
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, d, &v))
			return false;
	}
	if (!minus && __builtin_sub_overflow((int64_t)0, v, &v))
		return false;
	*ret = v;
	return true;
}

/* --- arena --- */

struct block { struct block *next; size_t used, cap; max_align_t data[]; };
#define BLOCK_MIN	((size_t)8192 - sizeof(struct block))
#define ALIGN(n)	(((n) + 15) & ~(size_t)15)
#define BEYOND_REASON	16		/* times the budget */

void arena_init(struct arena *a, size_t budget) { *a = (struct arena){ .budget = budget }; }

static struct block *
block_push(struct arena *a, size_t need)
{
	size_t cap = MAX(need, BLOCK_MIN);
	struct block *b = malloc(sizeof(*b) + cap);

	if (b == NULL || a->used > a->budget * BEYOND_REASON)
		abort();		/* a bug or a machine without memory: the supervisor restarts us, the database is whole */
	*b = (struct block){ .next = a->top, .cap = cap };
	a->top = b;
	return b;
}

void *
arena_raw(struct arena *a, size_t n)
{
	struct block *b = a->top;
	size_t need = ALIGN(n);

	a->used += need;
	a->over |= a->used > a->budget;
	if (unlikely(b == NULL || b->cap - b->used < need))
		b = block_push(a, need);
	void *p = (char *)b->data + b->used;
	b->used += need;
	return p;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	return memset(arena_raw(a, n), 0, n);
}

void *
arena_grow(struct arena *a, void *p, size_t old, size_t n)
{
	struct block *b = a->top;
	size_t had = ALIGN(old), need = ALIGN(n);

	if (p != NULL && b != NULL && (char *)p + had == (char *)b->data + b->used && b->cap - b->used >= need - had) {
		b->used += need - had;
		a->used += need - had;
		a->over |= a->used > a->budget;
		return p;
	}
	void *q = arena_raw(a, n);
	if (old != 0)
		memcpy(q, p, old);
	return q;
}

static void
drop_above(struct arena *a, const struct block *keep)
{
	while (a->top != keep) {
		struct block *next = a->top->next;
		free(a->top);
		a->top = next;
	}
}

void
arena_reset(struct arena *a)
{
	struct block *first = a->top;

	while (first != NULL && first->next != NULL)
		first = first->next;
	drop_above(a, first);
	if (first != NULL)
		first->used = 0;
	a->used = 0;
	a->over = false;
}

void
arena_free(struct arena *a)
{
	drop_above(a, NULL);
	*a = (struct arena){ .budget = a->budget };
}

struct arena_mark
arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->top, a->top != NULL ? a->top->used : 0, a->used };
}

void
arena_back(struct arena *a, struct arena_mark m)
{
	drop_above(a, m.top);
	if (a->top != NULL)
		a->top->used = m.top_used;
	a->used = m.used;
	a->over = a->used > a->budget;
}

str
str_dup(struct arena *a, str s)
{
	if (s.p == NULL)
		return s;
	char *p = arena_raw(a, s.n + 1);
	if (s.n != 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return (str){ p, s.n };
}

str
str_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *p = arena_raw(a, (size_t)MAX(n, 0) + 1);
	p[0] = '\0';
	if (n > 0)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return (str){ p, (size_t)MAX(n, 0) };
}

/* --- buf --- */

void
buf_init(struct buf *b, struct arena *a, size_t max)
{
	*b = (struct buf){ .a = a, .max = max };
}

void
buf_room_(struct buf *b, size_t n)
{
	if (b->over || n > b->max - b->n) {
		b->over = true;
		return;
	}
	size_t cap = MIN(MAX((b->n + n) * 2, 256), b->max);
	b->p = arena_grow(b->a, b->p, b->cap, cap);
	b->cap = cap;
}

void
buf_fmt(struct buf *b, const char *fmt, ...)
{
	char tmp[512];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(tmp, sizeof(tmp), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(tmp))
		b->over = true;		/* formats are for short things; long ones are added as str */
	else if (n > 0)
		buf_add(b, (str){ tmp, (size_t)n });
}

void
buf_i64(struct buf *b, int64_t v)
{
	char tmp[24], *p = tmp + sizeof(tmp);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while ((u /= 10) != 0);
	if (v < 0)
		*--p = '-';
	buf_add(b, (str){ p, (size_t)(tmp + sizeof(tmp) - p) });
}

/* --- error --- */

static const struct err_row rows[ERR_COUNT] = {
	[OK] = { OK, 200, "ok", 0, "", "" },
#define ERR(code, http, slug, flags, message, help) [code] = { code, http, slug, flags, message, help },
#include "base/err.def"
#undef ERR
};

const struct err_row *err_row(enum err e) { return &rows[e < ERR_COUNT ? e : E_INTERNAL]; }

enum err
fail_(struct error *e, enum err code, const char *field, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	e->field = field;
	e->extra = STR_NONE;
	e->retry_s = 0;
	e->file = file;
	e->line = line;
	va_start(ap, fmt);
	vsnprintf(e->detail, sizeof(e->detail), fmt, ap);
	va_end(ap);
	return code;
}

/* --- ids --- */

static const struct { str prefix; const char *noun; } kinds[ID_COUNT] = {
#define ID(type, prefix, kind) { S_INIT(prefix), kind },
#include "base/ids.def"
#undef ID
};
str id_prefix(enum id_kind k) { return kinds[k].prefix; }
const char *id_noun(enum id_kind k) { return kinds[k].noun; }

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/* value + 1 of a Crockford letter, 0 for any other byte */
static const uint8_t value[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16, ['G'] = 17, ['H'] = 18, ['J'] = 19,
	['K'] = 20, ['M'] = 21, ['N'] = 22, ['P'] = 23, ['Q'] = 24, ['R'] = 25, ['S'] = 26, ['T'] = 27, ['V'] = 28,
	['W'] = 29, ['X'] = 30, ['Y'] = 31, ['Z'] = 32,
};

bool
ulid_ok(str s)
{
	if (s.n != 26 || s.p[0] > '7')		/* 128 bits in 26 letters of 5: the first holds 3 */
		return false;
	for (size_t i = 0; i < 26; i++)
		if (value[(uint8_t)s.p[i]] == 0)
			return false;
	return true;
}

bool
id_parse(enum id_kind k, str text, ulid *ret)
{
	str p = kinds[k].prefix;

	if (!str_starts(text, p) || !ulid_ok(str_cut(text, p.n, text.n)))
		return false;
	memcpy(ret->s, text.p + p.n, 26);
	ret->s[26] = '\0';
	return true;
}

str
id_text(struct arena *a, enum id_kind k, const ulid *u)
{
	return str_fmt(a, "%s%s", kinds[k].prefix.p, u->s);
}

static void
write_ms(char *s, int64_t ms)
{
	for (int i = 9; i >= 0; i--, ms >>= 5)
		s[i] = crockford[ms & 31];
}

ulid
ulid_from(int64_t ms, const uint8_t rnd[10])
{
	ulid u;
	uint64_t hi = 0, lo = 0;

	for (int i = 0; i < 5; i++) {
		hi = hi << 8 | rnd[i];
		lo = lo << 8 | rnd[i + 5];
	}
	write_ms(u.s, ms);
	for (int i = 7; i >= 0; i--, hi >>= 5, lo >>= 5) {
		u.s[10 + i] = crockford[hi & 31];
		u.s[18 + i] = crockford[lo & 31];
	}
	u.s[26] = '\0';
	return u;
}

ulid
ulid_low(int64_t ms)
{
	ulid u;

	memset(u.s, '0', 26);
	u.s[26] = '\0';
	write_ms(u.s, MAX(0, MIN(ms, (INT64_C(1) << 48) - 1)));
	return u;
}

int64_t
ulid_ms(const ulid *u)
{
	int64_t ms = 0;

	for (int i = 0; i < 10; i++)
		ms = ms << 5 | (value[(uint8_t)u->s[i]] - 1);
	return ms;
}

/* --- UTF-8 --- */

str
utf8_head(str s, size_t bytes)
{
	if (s.n <= bytes)
		return s;
	while (bytes > 0 && ((uint8_t)s.p[bytes] & 0xC0) == 0x80)
		bytes--;
	return str_cut(s, 0, bytes);
}

size_t
utf8_count(str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((uint8_t)s.p[i] & 0xC0) != 0x80;
	return n;
}

/* Length of the well-formed sequence at p, 0 if there is none (RFC 3629, table of section 4). */
static size_t
sequence(const uint8_t *p, size_t n)
{
	static const struct { uint8_t from, to, len, lo, hi; } row[] = {
		{ 0xC2, 0xDF, 2, 0x80, 0xBF }, { 0xE0, 0xE0, 3, 0xA0, 0xBF }, { 0xE1, 0xEC, 3, 0x80, 0xBF },
		{ 0xED, 0xED, 3, 0x80, 0x9F }, { 0xEE, 0xEF, 3, 0x80, 0xBF }, { 0xF0, 0xF0, 4, 0x90, 0xBF },
		{ 0xF1, 0xF3, 4, 0x80, 0xBF }, { 0xF4, 0xF4, 4, 0x80, 0x8F },
	};
	if (p[0] < 0x80)
		return 1;
	for (size_t r = 0; r < COUNT(row); r++) {
		if (p[0] < row[r].from || p[0] > row[r].to)
			continue;
		if (n < row[r].len || p[1] < row[r].lo || p[1] > row[r].hi)
			return 0;
		for (size_t i = 2; i < row[r].len; i++)
			if ((p[i] & 0xC0) != 0x80)
				return 0;
		return row[r].len;
	}
	return 0;
}

bool
utf8_ok(str s)
{
	for (size_t i = 0, k; i < s.n; i += k)
		if ((k = sequence((const uint8_t *)s.p + i, s.n - i)) == 0)
			return false;
	return true;
}

uint32_t
utf8_next(str s, size_t *i)
{
	const uint8_t *p = (const uint8_t *)s.p + *i;
	size_t k = sequence(p, s.n - *i);

	*i += k != 0 ? k : 1;
	switch (k) {
	case 1: return p[0];
	case 2: return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3Fu);
	case 3: return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3Fu);
	case 4: return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 | (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3Fu);
	default: return 0xFFFD;
	}
}

/* --- time: days from civil and back, after the proleptic Gregorian calendar --- */

static int64_t
days_of(int64_t y, int m, int d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void
civil_of(int64_t days, int *y, int *m, int *d)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097, doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

/* `n` digits at s[at]; -1 if they are not digits */
static int
digits(str s, size_t at, size_t n)
{
	int v = 0;

	if (s.n < at + n)
		return -1;
	for (size_t i = at; i < at + n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		v = v * 10 + (s.p[i] - '0');
	}
	return v;
}

static bool
day_at(str s, int64_t *ret_days)
{
	static const int len[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y = digits(s, 0, 4), m = digits(s, 5, 2), d = digits(s, 8, 2);

	if (y < 0 || m < 1 || m > 12 || d < 1 || s.p[4] != '-' || s.p[7] != '-')
		return false;
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (d > len[m - 1] + (m == 2 && leap))
		return false;
	*ret_days = days_of(y, m, d);
	return true;
}

bool
date_parse(str s, int64_t *ret_ms)
{
	int64_t days;

	if (s.n != 10 || !day_at(s, &days))
		return false;
	*ret_ms = days * DAY_MS;
	return true;
}

/* Z or ±hh:mm at s[i], to the end: minutes east of UTC */
static bool
offset_at(str s, size_t i, int *ret_min)
{
	if (s.n == i + 1 && (s.p[i] == 'Z' || s.p[i] == 'z')) {
		*ret_min = 0;
		return true;
	}
	if (s.n != i + 6 || (s.p[i] != '+' && s.p[i] != '-') || s.p[i + 3] != ':')
		return false;
	int h = digits(s, i + 1, 2), m = digits(s, i + 4, 2);
	if (h < 0 || h > 23 || m < 0 || m > 59)
		return false;
	*ret_min = (h * 60 + m) * (s.p[i] == '-' ? -1 : 1);
	return true;
}

#define DAY_MINUTES	(24 * 60)

bool
time_parse(str s, int64_t *ret_ms)
{
	int64_t days;
	int east = 0, ms = 0;
	size_t i = 19;

	if (s.n < 20 || !day_at(s, &days) || (s.p[10] != 'T' && s.p[10] != 't') || s.p[13] != ':' || s.p[16] != ':')
		return false;
	int h = digits(s, 11, 2), m = digits(s, 14, 2), sec = digits(s, 17, 2);
	if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60)
		return false;
	if (s.p[i] == '.') {
		size_t from = ++i;
		for (int unit = 100; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, unit /= 10)
			ms += (s.p[i] - '0') * unit;
		if (i == from)
			return false;
	}
	if (!offset_at(s, i, &east))
		return false;
	int minute = (h * 60 + m - east) % DAY_MINUTES;
	if (sec == 60 && minute != DAY_MINUTES - 1 && minute != -1)
		return false;		/* a leap second ends a day of UTC (RFC 3339, appendix D) */
	*ret_ms = days * DAY_MS + ((int64_t)h * 60 + m - east) * 60000 + sec * 1000 + ms;
	return true;
}

static void
put2(char *p, int v)
{
	p[0] = (char)('0' + v / 10 % 10);
	p[1] = (char)('0' + v % 10);
}

static int64_t days_since(int64_t ms) { return ms >= 0 ? ms / DAY_MS : (ms - DAY_MS + 1) / DAY_MS; }
int64_t time_day(int64_t ms) { return days_since(ms) * DAY_MS; }

void
time_write(char out[TIME_LEN], int64_t ms)
{
	int64_t days = days_since(ms);
	int in_day = (int)(ms - days * DAY_MS), y, m, d, sec = in_day / 1000, milli = in_day % 1000;

	memcpy(out, "0000-00-00T00:00:00.000Z", TIME_LEN);
	civil_of(days, &y, &m, &d);
	put2(out, y / 100);
	put2(out + 2, y % 100);
	put2(out + 5, m);
	put2(out + 8, d);
	put2(out + 11, sec / 3600);
	put2(out + 14, sec / 60 % 60);
	put2(out + 17, sec % 60);
	put2(out + 20, milli / 10);
	out[22] = (char)('0' + milli % 10);
}
