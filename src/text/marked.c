#include "text/marked.h"

#define PAUSE_MS	2500		/* of silence, and what is said behind it is a new paragraph */
#define TALK_LONG	600		/* bytes of a paragraph of what was said, after which it ends with its sentence */
#define TITLE_MOST	500		/* code points, as a name may have */

void
marked_begin(struct marked_maker *m, struct arena *a, size_t most)
{
	*m = (struct marked_maker){ .a = a, .most = most, .from_ms = -1, .to_ms = -1, .m = { .duration_ms = -1 } };
	buf_init(&m->text, a, most * 4 + 64);
}

/* --- pieces --- */

/* One code point, or a space for a control character that is none of the lines'. */
static str
piece(str s, size_t *i, bool lines)
{
	size_t at = *i;
	uint32_t c = utf8_next(s, i);
	bool control = c < ' ' || (c >= 0x7F && c < 0xA0);

	if (c == 0xFFFD && *i - at == 1)
		return S("\xEF\xBF\xBD");
	if (control && !(lines && (c == '\n' || c == '\t')))
		return c == '\r' ? S("") : S(" ");
	return str_cut(s, at, *i);
}

static void
put(struct marked_maker *m, str s, bool lines)
{
	for (size_t i = 0; i < s.n; m->chars++) {
		if (m->chars >= m->most) {
			m->over = true;
			return;
		}
		size_t run = i;
		while (i < s.n && i - run < m->most - m->chars && s.p[i] >= ' ' && s.p[i] < 0x7F)
			i++;
		if (i == run) {
			buf_add(&m->text, piece(s, &i, lines));
		} else {
			buf_add(&m->text, str_cut(s, run, i));
			m->chars += i - run - 1;
		}
	}
}

static void
add_mark(struct marked_maker *m)
{
	const struct text_mark *last = m->m.marks > 0 ? &m->m.mark[m->m.marks - 1] : NULL;

	if (last == NULL ? m->page == 0 && m->from_ms < 0 : last->page == m->page && last->from_ms == m->from_ms && last->to_ms == m->to_ms)
		return;
	if (m->m.marks == MARKED_MOST) {
		m->over = true;
		return;
	}
	if (m->m.marks == m->cap) {
		int cap = m->cap == 0 ? 16 : 2 * m->cap;
		m->m.mark = arena_grow(m->a, m->m.mark, (size_t)m->cap * sizeof(*m->m.mark), (size_t)cap * sizeof(*m->m.mark));
		m->cap = cap;
	}
	m->m.mark[m->m.marks++] = (struct text_mark){ m->text.n, m->page, m->from_ms, m->to_ms };
}

static void
begin_paragraph(struct marked_maker *m)
{
	if (m->text.n > 0)
		put(m, S("\n\n"), true);
	m->paragraph = m->text.n;
	add_mark(m);
}

static void
no_time(struct marked_maker *m)
{
	m->from_ms = m->to_ms = -1;
	m->talk = false;
}

str
marked_line(struct arena *a, str s, size_t most)
{
	struct marked_maker m;

	marked_begin(&m, a, most);
	put(&m, str_trim(s), false);
	return str_trim(buf_str(&m.text));
}

void
marked_title(struct marked_maker *m, str s)
{
	if (m->m.title.p == NULL && str_trim(s).n > 0)
		m->m.title = marked_line(m->a, s, TITLE_MOST);
}

void marked_page(struct marked_maker *m, int page) { m->page = MAX(m->page, page); }

void
marked_heading(struct marked_maker *m, int level, str s)
{
	s = str_trim(s);
	if (s.n == 0)
		return;
	no_time(m);
	begin_paragraph(m);
	put(m, str_cut(S("######"), 0, (size_t)MIN(MAX(level, 1), 6)), false);
	put(m, S(" "), false);
	put(m, s, false);
}

void
marked_paragraph(struct marked_maker *m, str s)
{
	s = str_trim(s);
	if (s.n == 0)
		return;
	no_time(m);
	begin_paragraph(m);
	put(m, s, true);
}

/* --- what was said --- */

static bool
ends_sentence(str s)
{
	return s.n > 0 && (memchr(".!?", s.p[s.n - 1], 3) != NULL || str_ends(s, S("…")));
}

static bool
goes_on(const struct marked_maker *m, int64_t from_ms)
{
	size_t n = m->text.n - m->paragraph;

	return m->talk && from_ms - m->to_ms < PAUSE_MS && (n < TALK_LONG || !ends_sentence(buf_str(&m->text))) && n < (size_t)4 * TALK_LONG;
}

void
marked_said(struct marked_maker *m, int64_t from_ms, int64_t to_ms, str s)
{
	s = str_trim(s);
	if (s.n == 0)
		return;
	m->said_ms = from_ms = MAX(from_ms, m->said_ms);
	bool on = goes_on(m, from_ms);
	m->from_ms = from_ms;
	m->to_ms = MAX(to_ms, from_ms);
	m->talk = true;
	if (on) {
		put(m, S(" "), false);
		add_mark(m);
	} else {
		begin_paragraph(m);
	}
	put(m, s, false);
}

/* What was cut off may leave a mark behind the end. */
struct marked_text
marked_end(struct marked_maker *m)
{
	m->m.text = buf_str(&m->text);
	while (m->m.marks > 0 && m->m.mark[m->m.marks - 1].at >= m->m.text.n)
		m->m.marks--;
	return m->m;
}

/* --- packed --- */

static void
put_number(struct buf *b, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		buf_char(b, (char)(n | 0x80));
	buf_char(b, (char)n);
}

static bool
take_number(str *rest, uint64_t *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < rest->n && i < 9; i++) {
		*ret |= (uint64_t)(rest->p[i] & 0x7F) << (7 * i);
		if ((rest->p[i] & 0x80) == 0) {
			*rest = str_cut(*rest, i + 1, rest->n);
			return true;
		}
	}
	return false;
}

str
marked_pack(struct arena *a, const struct text_mark *v, int n)
{
	struct text_mark last = { 0 };
	struct buf b;

	if (n == 0)
		return STR_NONE;
	buf_init(&b, a, (size_t)n * 40);
	for (int i = 0; i < n; i++) {
		put_number(&b, v[i].at - last.at);
		put_number(&b, (uint64_t)(v[i].page - last.page));
		last.at = v[i].at;
		last.page = v[i].page;
		if (v[i].from_ms < 0) {
			put_number(&b, 0);
			continue;
		}
		put_number(&b, (uint64_t)(v[i].from_ms - last.from_ms) + 1);
		put_number(&b, (uint64_t)(v[i].to_ms - v[i].from_ms));
		last.from_ms = v[i].from_ms;
	}
	return buf_str(&b);
}

static bool
take_mark(str *rest, struct text_mark *last, struct text_mark *ret)
{
	uint64_t at, page, from, length = 0;

	if (!take_number(rest, &at) || !take_number(rest, &page) || !take_number(rest, &from) || (from > 0 && !take_number(rest, &length)))
		return false;
	if ((at | page | from | length) >> 40 != 0 || page + (uint64_t)last->page > INT32_MAX)
		return false;
	last->at += at;
	last->page += (int)page;
	last->from_ms += from > 0 ? (int64_t)from - 1 : 0;
	*ret = *last;
	ret->to_ms = from > 0 ? last->from_ms + (int64_t)length : -1;
	if (from == 0)
		ret->from_ms = -1;
	return true;
}

int
marked_unpack(struct arena *a, str s, struct text_mark **ret)
{
	size_t most = MIN(s.n / 3, (size_t)MARKED_MOST);	/* a mark has three bytes at least */
	struct text_mark last = { 0 };
	int n = 0;

	*ret = NEW_N(a, struct text_mark, most);
	while (n < (int)most && take_mark(&s, &last, &(*ret)[n]))
		n++;
	return n;
}

const struct text_mark *
marked_at(const struct text_mark *v, int n, size_t at)
{
	int low = 0;

	while (low < n) {
		int mid = low + (n - low) / 2;
		if (v[mid].at > at)
			n = mid;
		else
			low = mid + 1;
	}
	return low > 0 ? &v[low - 1] : NULL;
}
