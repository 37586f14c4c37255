/* captions -- the text of captions and its times, in whichever form they come: json3, srv1, srv3, WebVTT. */
#include "json/json.h"
#include "web/web_priv.h"

#define LINE_MOST	5000		/* code points of one caption */

static bool
is_sound(str s)
{
	return s.n > 1 && ((s.p[0] == '[' && s.p[s.n - 1] == ']') || (s.p[0] == '(' && s.p[s.n - 1] == ')'));
}

/* Without what is heard and not said: [Music], notes. */
static void
say(struct marked_maker *m, struct arena *a, int64_t from_ms, int64_t length_ms, str s)
{
	const str note = S("\xE2\x99\xAA"), notes = S("\xE2\x99\xAB");

	s = marked_line(a, s, LINE_MOST);
	while (str_starts(s, note) || str_starts(s, notes))
		s = str_trim(str_cut(s, 3, s.n));
	while (str_ends(s, note) || str_ends(s, notes))
		s = str_trim(str_cut(s, 0, s.n - 3));
	if (s.n > 0 && !is_sound(s) && from_ms >= 0)
		marked_said(m, from_ms, from_ms + MAX(length_ms, 0), s);
}

/* --- json3 --- */

static int64_t
number_in(const json_t *v, const char *name)
{
	const json_t *n = json_object_get(v, name);

	return json_is_integer(n) && json_integer_value(n) >= 0 && json_integer_value(n) < INT32_MAX ? json_integer_value(n) : 0;
}

static void
take_event(const json_t *event, struct arena *a, struct marked_maker *m)
{
	const json_t *pieces = json_object_get(event, "segs");
	struct arena_mark before = arena_mark(a);
	struct buf b;

	buf_init(&b, a, LINE_MOST * 4);
	for (size_t i = 0; i < json_array_size(pieces); i++) {
		const json_t *s = json_object_get(json_array_get(pieces, i), "utf8");
		if (json_is_string(s))
			buf_add(&b, (str){ json_string_value(s), json_string_length(s) });
	}
	say(m, a, number_in(event, "tStartMs"), number_in(event, "dDurationMs"), buf_str(&b));
	arena_back(a, before);
}

static bool
read_json3(str file, struct arena *a, struct marked_maker *m)
{
	struct error e;
	json_t *v;

	if (json_read(file, &v, &e) != OK)
		return false;
	const json_t *events = json_object_get(v, "events");
	bool ok = json_is_array(events);
	for (size_t i = 0; i < json_array_size(events); i++)
		take_event(json_array_get(events, i), a, m);
	json_decref(v);
	return ok;
}

/* --- srv1 and srv3: <text start="1.5" dur="2">, <p t="1500" d="2000"> --- */

/* A number in thousandths: "1.5" is 1500. */
static int64_t
thousandths(str s)
{
	int64_t v = 0, unit = 1000;
	bool fraction = false;

	for (size_t i = 0; i < s.n && v < INT32_MAX; i++) {
		if (s.p[i] == '.' && !fraction) {
			fraction = true;
			continue;
		}
		if (s.p[i] < '0' || s.p[i] > '9')
			break;
		unit /= fraction ? 10 : 1;
		v = fraction ? v + (s.p[i] - '0') * unit : v * 10 + (s.p[i] - '0') * 1000;
	}
	return MIN(v, INT32_MAX);
}

/* The value of an attribute of a tag, which is what stands between < and >. */
static str
attribute(str tag, str name)
{
	for (size_t i = 1; i + name.n + 2 < tag.n; i++) {
		if ((tag.p[i - 1] != ' ' && tag.p[i - 1] != '\n') || !str_eq(str_cut(tag, i, i + name.n), name) || tag.p[i + name.n] != '=')
			continue;
		size_t from = i + name.n + 2;
		const char *end = memchr(tag.p + from, tag.p[from - 1], tag.n - from);
		return end != NULL ? str_cut(tag, from, (size_t)(end - tag.p)) : STR_NONE;
	}
	return STR_NONE;
}

/* Without tags, and with what entities stand for. */
static str
without_tags(struct arena *a, str s)
{
	struct buf b;
	bool tag = false;

	buf_init(&b, a, s.n);
	for (size_t i = 0; i < s.n; i++) {
		tag = tag || s.p[i] == '<';
		if (!tag)
			buf_char(&b, s.p[i]);
		tag = tag && s.p[i] != '>';
	}
	return entity_decode(a, buf_str(&b));
}

/* All elements of a name; times in thousandths of the unit that the form has. */
static void
take_elements(str file, struct arena *a, struct marked_maker *m, str open, str close, str from, str length, bool seconds)
{
	const char *p = file.p, *end = p + file.n;

	while ((p = memmem(p, (size_t)(end - p), open.p, open.n)) != NULL) {
		const char *body = memchr(p, '>', (size_t)(end - p));
		const char *stop = body != NULL ? memmem(body, (size_t)(end - body), close.p, close.n) : NULL;
		if (stop == NULL)
			return;
		str tag = { p, (size_t)(body - p) }, text = { body + 1, (size_t)(stop - body) - 1 };
		int64_t at = thousandths(attribute(tag, from)), ms = thousandths(attribute(tag, length));
		struct arena_mark before = arena_mark(a);
		text = without_tags(a, text);
		if (seconds)	/* this form escapes twice */
			text = entity_decode(a, text);
		say(m, a, seconds ? at : at / 1000, seconds ? ms : ms / 1000, text);
		arena_back(a, before);
		p = stop + close.n;
	}
}

/* --- WebVTT: "00:01.500 --> 00:02.000", then lines of text, then an empty one --- */

static int64_t
clock_ms(str s)
{
	int64_t v = 0;

	while (s.p != NULL) {
		str part = str_split(&s, ':');
		v = MIN(v, INT32_MAX) * 60 + thousandths(part);
	}
	return v;
}

static void
read_vtt(str file, struct arena *a, struct marked_maker *m)
{
	int64_t from = -1, to = 0;
	struct arena_mark before = arena_mark(a);
	struct buf b;

	buf_init(&b, a, LINE_MOST * 4);
	while (file.p != NULL) {
		str line = str_trim(str_split(&file, '\n'));
		const char *arrow = memmem(line.p, line.n, "-->", 3);
		if (arrow != NULL || line.n == 0) {
			if (from >= 0)
				say(m, a, from, to - from, without_tags(a, buf_str(&b)));
			arena_back(a, before);
			buf_init(&b, a, LINE_MOST * 4);
			from = -1;
		}
		if (arrow != NULL) {
			str right = str_trim((str){ arrow + 3, line.n - (size_t)(arrow + 3 - line.p) });
			from = clock_ms(str_trim((str){ line.p, (size_t)(arrow - line.p) }));
			to = clock_ms(str_split(&right, ' '));
		} else if (from >= 0) {
			buf_add(&b, line);
			buf_char(&b, ' ');
		}
	}
	if (from >= 0)
		say(m, a, from, to - from, without_tags(a, buf_str(&b)));
}

/* The maker writes into an arena of its own, or what is freed here would be in its way. */
bool
captions_read(struct arena *a, str file, struct marked_maker *m)
{
	if (str_starts(file, S("\xEF\xBB\xBF")))
		file = str_cut(file, 3, file.n);
	file = str_trim(file);
	if (str_starts(file, S("{")))
		return read_json3(file, a, m);
	if (str_starts(file, S("WEBVTT"))) {
		read_vtt(file, a, m);
		return true;
	}
	if (!str_starts(file, S("<")))
		return false;
	take_elements(file, a, m, S("<p "), S("</p>"), S("t"), S("d"), false);
	take_elements(file, a, m, S("<text "), S("</text>"), S("start"), S("dur"), true);
	return true;
}
