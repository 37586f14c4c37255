/* html_cost -- what a page would cost to read.
 *
 * For each element gumbo looks at those that are open, and for each attribute at those before it in its tag, so a page of a megabyte
 * can take minutes.  One look over the source tells, roughly as a browser reads it; where it is led astray the limit of CPU time holds. */
#include "extract/html_priv.h"

#define DEPTH_MAX	4000
#define WORK_MAX	UINT64_C(3000000000)	/* bytes of names of attributes that are compared: a second */
#define BLANKS		" \t\n\r\f"
#define SLOTS		256

struct scan {
	str s;
	size_t at;
	int depth, open[SLOTS];		/* elements that are open: all, and by name */
	size_t merged;			/* attributes that <html> and <body> have by now: each further such tag adds its own */
	uint64_t work;
	bool closed;			/* the last tag was <.../> */
	bool endless;			/* what is no tags has no end: all are taken for tags */
};

static bool is_one_of(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

static size_t
upto(str s, size_t at, const char *ends)
{
	while (at < s.n && !is_one_of(s.p[at], ends))
		at++;
	return at;
}

static size_t
past(str s, size_t at, const char *set)
{
	while (at < s.n && is_one_of(s.p[at], set))
		at++;
	return at;
}

/* Where the first `what` from `at` on begins, in any case; s.n: nowhere. */
static size_t
find(str s, size_t at, str what)
{
	for (const char *p; at < s.n && (p = memchr(s.p + at, what.p[0], s.n - at)) != NULL; at++) {
		at = (size_t)(p - s.p);
		if (str_ieq(str_cut(s, at, at + what.n), what))
			return at;
	}
	return s.n;
}

/* Behind the comment whose ! stands at `at`. */
static size_t
skip_comment(str s, size_t at)
{
	for (at = find(s, at + 1, S("--")); at < s.n; at = find(s, at + 1, S("--"))) {
		size_t end = at + 2 + (at + 2 < s.n && s.p[at + 2] == '!');
		if (end < s.n && s.p[end] == '>')
			return end;
	}
	return s.n;
}

static bool
is_in(str name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_ieq(name, str_z(names[i])))
			return true;
	return false;
}

/* Elements that need no end, or seldom get one. */
static bool
ends_itself(str name)
{
	static const char *const names[] = { "p", "li", "br", "img", "input", "meta", "link", "hr", "td", "th", "tr", "dt", "dd", "option", "optgroup", "col",
		"area", "source", "wbr", "embed", "param", "track", "base", "tbody", "thead", "tfoot", "colgroup", "frame", "rb", "rp", "rt", "image" };

	return is_in(name, names, COUNT(names));
}

/* What stands in them are no tags. */
static bool
is_raw(str name)
{
	static const char *const names[] = { "script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes" };

	return is_in(name, names, COUNT(names));
}

/* Of two names in one slot the second one only makes the depth less exact. */
static int *
slot(struct scan *c, str name)
{
	unsigned h = 0;

	for (size_t i = 0; i < name.n; i++)
		h = h * 31 + ((unsigned char)name.p[i] | 0x20);
	return &c->open[h % SLOTS];
}

static bool is_drawing(struct scan *c) { return *slot(c, S("svg")) > 0 || *slot(c, S("math")) > 0; }

/* Behind the value that follows the name of an attribute, if one does. */
static size_t
skip_value(str s, size_t at)
{
	size_t equals = past(s, at, BLANKS);

	if (equals >= s.n || s.p[equals] != '=')
		return at;
	at = past(s, equals + 1, BLANKS);
	if (at >= s.n || (s.p[at] != '"' && s.p[at] != '\''))
		return upto(s, at, BLANKS ">");
	const char *end = memchr(s.p + at + 1, s.p[at], s.n - at - 1);
	return end != NULL ? (size_t)(end - s.p) + 1 : s.n;
}

static void
take_attributes(struct scan *c, str name)
{
	bool merges = str_ieq(name, S("html")) || str_ieq(name, S("body"));
	uint64_t n = merges ? c->merged : 0, bytes = 0;

	for (c->at = past(c->s, c->at, BLANKS "/"); c->at < c->s.n && c->s.p[c->at] != '>'; c->at = past(c->s, c->at, BLANKS "/")) {
		size_t end = upto(c->s, c->at + 1, BLANKS "/>=");
		bytes += end - c->at;
		n++;
		c->at = skip_value(c->s, end);
	}
	c->closed = c->at < c->s.n && c->s.p[c->at - 1] == '/';
	c->work += n * bytes;
	c->merged = merges ? n : c->merged;
}

/* To the end tag of an element in which no tags are. */
static void
skip_raw(struct scan *c, str name)
{
	char end[16] = "</";

	memcpy(end + 2, name.p, name.n);
	size_t to = find(c->s, c->at, str_z(end));
	c->endless = to == c->s.n;
	c->at = c->endless ? c->at : to;
}

static void
take_tag(struct scan *c, bool ends)
{
	size_t from = c->at;

	c->at = upto(c->s, from, BLANKS "/>");
	str name = str_cut(c->s, from, c->at);
	int *open = slot(c, name);
	bool drawing = is_drawing(c) || str_ieq(name, S("svg")) || str_ieq(name, S("math"));
	take_attributes(c, name);
	if (ends_itself(name) || (c->closed && drawing))
		return;
	if (!ends) {
		++*open;
		c->depth++;
	} else if (*open > 0) {
		--*open;
		c->depth--;
	}
	if (!ends && !drawing && !c->endless && is_raw(name))
		skip_raw(c, name);
}

enum html_cost
html_cost(str s)
{
	struct scan c = { .s = s };

	for (const char *p; c.at < s.n && (p = memchr(s.p + c.at, '<', s.n - c.at)) != NULL;) {
		c.at = (size_t)(p - s.p) + 1;
		bool ends = c.at < s.n && s.p[c.at] == '/';
		c.at += ends;
		if (str_starts(str_cut(s, c.at, SIZE_MAX), S("!--")))
			c.at = skip_comment(s, c.at);
		else if (c.at < s.n && (s.p[c.at] | 0x20) >= 'a' && (s.p[c.at] | 0x20) <= 'z')
			take_tag(&c, ends);
		if (c.depth > DEPTH_MAX)
			return HTML_DEEP;
		if (c.work > WORK_MAX)
			return HTML_ATTRIBUTES;
	}
	return HTML_FINE;
}
