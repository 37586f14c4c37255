#include "write/openai.h"
#include "text/text.h"

#define TAGS_MAX	3
#define TITLE_MAX	120

/* --- what stands around a post --- */

/* Line ends become \n, tabs blanks; other control characters go. */
static str
clean(struct arena *a, str s)
{
	char *p = arena_raw(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		if (c == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n'))
			c = '\n';
		if (c == '\t')
			c = ' ';
		if (c == '\n' || (c >= 0x20 && c != 0x7F))
			p[n++] = (char)c;
	}
	return (str){ p, n };
}

/* Models that think aloud do it in front: <think>…</think>. */
static str
without_thoughts(str s)
{
	static const str end = S_INIT("</think>");

	s = str_trim(s);
	if (!str_starts(s, S("<think>")))
		return s;
	const char *hit = memmem(s.p, s.n, end.p, end.n);
	return hit == NULL ? S("") : str_cut(s, (size_t)(hit - s.p) + end.n, s.n);
}

static str
without_fence(str s)
{
	static const str fence = S_INIT("```");

	if (!str_starts(s, fence))
		return s;
	s = str_cut(s, fence.n, s.n);
	str rest = s, word = str_split(&rest, '\n');		/* ```text */
	if (rest.n != 0 && memchr(word.p, ' ', word.n) == NULL)
		s = rest;
	s = str_trim(s);
	return str_ends(s, fence) ? str_cut(s, 0, s.n - fence.n) : s;
}

/* Only a pair that holds the whole: “A” and “B” is left as it is. */
static str
without_quotes(str s)
{
	static const struct { str open, close; } row[] = {
		{ S_INIT("\""), S_INIT("\"") }, { S_INIT("“"), S_INIT("”") }, { S_INIT("„"), S_INIT("“") }, { S_INIT("«"), S_INIT("»") },
		{ S_INIT("»"), S_INIT("«") },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		str open = row[i].open, close = row[i].close;
		if (s.n < open.n + close.n || !str_starts(s, open) || !str_ends(s, close))
			continue;
		str in = str_cut(s, open.n, s.n - close.n);
		if (memmem(in.p, in.n, open.p, open.n) == NULL && memmem(in.p, in.n, close.p, close.n) == NULL)
			return in;
	}
	return s;
}

static str
unwrap(str s)
{
	size_t before;

	do {
		before = s.n;
		s = str_trim(without_quotes(str_trim(without_fence(str_trim(s)))));
	} while (s.n < before);
	return s;
}

/* --- hashtags --- */

static bool
word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (uint8_t)c >= 0x80;
}

/* The end of the hashtag that begins at i, or i.  "#1", "C#" and the fragment of an address are none. */
static size_t
tag_end(str s, size_t i)
{
	bool letter = false;
	size_t end = i + 1;

	if (s.p[i] != '#' || (i > 0 && (word_byte(s.p[i - 1]) || s.p[i - 1] == '/' || s.p[i - 1] == '&')))
		return i;
	for (; end < s.n && word_byte(s.p[end]); end++)
		letter |= s.p[end] < '0' || s.p[end] > '9';
	return letter ? end : i;
}

/* Where the hashtags at the end of a line begin, which are labels and no words of a sentence; line.n if there are none. */
static size_t
labels(str line)
{
	size_t from = line.n, n = 0;

	while (from > 0) {
		size_t to = from, at;
		while (to > 0 && line.p[to - 1] == ' ')
			to--;
		for (at = to; at > 0 && line.p[at - 1] != ' '; at--)
			;
		if (at == to || tag_end(str_cut(line, 0, to), at) != to)
			break;
		from = at;
		n++;
	}
	return n > 1 || from == 0 ? from : line.n;
}

/* A tag too many goes if it is a label; in a sentence only its sign goes, for the sentence needs the word. */
static str
few_tags_in(struct arena *a, str line, int *seen)
{
	char *p = arena_raw(a, line.n + 1);
	size_t n = 0, from = labels(line);

	for (size_t i = 0; i < line.n; i++) {
		size_t end = tag_end(line, i);
		if (end == i || ++*seen <= TAGS_MAX)
			p[n++] = line.p[i];
		else if (i >= from)
			i = end - 1;
	}
	return (str){ p, n };
}

static str
few_tags(struct arena *a, str s)
{
	struct buf out;
	int seen = 0;

	buf_init(&out, a, s.n + 1);
	while (s.n != 0) {
		str line = str_split(&s, '\n'), less = few_tags_in(a, line, &seen);
		bool emptied = line.n != 0 && str_trim(less).n == 0;
		while (less.n < line.n && less.n != 0 && less.p[less.n - 1] == ' ')
			less.n--;
		buf_add(&out, less);
		if (s.p != NULL && !emptied)
			buf_char(&out, '\n');
	}
	return str_trim(buf_str(&out));
}

/* --- length --- */

/* The byte at which code point n begins. */
static size_t
offset_of(str s, size_t n)
{
	size_t i = 0;

	while (i < s.n && n-- > 0)
		utf8_next(s, &i);
	return i;
}

/* As many whole words as fit into `max` bytes; if the first does not, what fits of it. */
static str
whole_words(str s, size_t max)
{
	size_t to = max;

	if (max >= s.n)
		return s;
	while (to > 0 && s.p[to] != ' ' && s.p[to] != '\n')
		to--;
	return str_trim(str_cut(s, 0, to != 0 ? to : max));
}

static bool
ends_whole(str s)
{
	static const str row[] = {
		S_INIT("."), S_INIT("!"), S_INIT("?"), S_INIT("…"), S_INIT("\""), S_INIT("”"), S_INIT("“"), S_INIT("»"), S_INIT("«"), S_INIT(")"),
	};
	for (size_t i = 0; i < COUNT(row); i++)
		if (str_ends(s, row[i]))
			return true;
	return false;
}

str
tidy_cut(struct arena *a, str s, size_t chars, bool cut_off)
{
	size_t max = offset_of(s, chars), to = 0;
	struct text_sentence *row;

	if (max == s.n && (!cut_off || ends_whole(s)))
		return s;
	int n = text_sentences(a, s, text_language(s), &row);
	if (cut_off && n > 0 && !ends_whole(row[n - 1].s))
		n--;
	for (int i = 0; i < n; i++) {
		size_t end = (size_t)(row[i].s.p + row[i].s.n - s.p);
		if (end <= max && !row[i].heading)
			to = end;
	}
	return to != 0 ? str_cut(s, 0, to) : whole_words(s, max);
}

str
tidy_post(struct arena *a, str text, bool cut_off)
{
	str s = unwrap(without_thoughts(clean(a, text)));
	return str_trim(tidy_cut(a, few_tags(a, s), POST_MAX, cut_off));
}

str
tidy_title(struct arena *a, str post)
{
	str line = str_trim(str_split(&post, '\n'));

	if (utf8_count(line) <= TITLE_MAX)
		return line;
	str cut = whole_words(line, offset_of(line, TITLE_MAX - 1));
	return str_fmt(a, "%.*s…", STR(cut));
}
