/* robots -- the rules that a site has for programs (RFC 9309). */
#include "web/web_priv.h"

/* --- paths are compared in one spelling (section 2.2.2) --- */

static int
hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

/* What need not be escaped is not, and what is not ASCII is. */
static str
spelled(struct arena *a, str s)
{
	struct buf b;

	buf_init(&b, a, s.n * 3 + 1);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		int hi = c == '%' && i + 2 < s.n ? hex_value(s.p[i + 1]) : -1, lo = hi >= 0 ? hex_value(s.p[i + 2]) : -1;
		bool escape = lo >= 0;
		if (escape) {
			c = (unsigned char)(hi * 16 + lo);
			i += 2;
		}
		if (c < 0x80 && (!escape || unreserved(c)))
			buf_char(&b, (char)c);
		else
			buf_fmt(&b, "%%%02X", c);
	}
	return buf_str(&b);
}

/* --- one rule --- */

/* Whether the pattern fits the beginning of the path, or with a $ at its end the whole.  Between its stars the first place that fits is
 * the right one, so it takes one walk over the path. */
static bool
fits(str pattern, str path)
{
	bool whole = pattern.n > 0 && pattern.p[pattern.n - 1] == '$';
	str rest = str_cut(pattern, 0, pattern.n - whole), piece = str_split(&rest, '*');
	size_t at = piece.n;

	if (!str_starts(path, piece))
		return false;
	while (rest.p != NULL) {
		piece = str_split(&rest, '*');
		if (rest.p == NULL && whole)	/* the last one stands at the end */
			return path.n - at >= piece.n && str_ends(path, piece);
		const char *found = piece.n > 0 ? memmem(path.p + at, path.n - at, piece.p, piece.n) : path.p + at;
		if (found == NULL)
			return false;
		at = (size_t)(found - path.p) + piece.n;
	}
	return !whole || at == path.n;
}

/* --- the file --- */

struct reading {
	str agent, path;
	bool in_head;			/* the lines before were names of agents */
	bool ours, everybodys;		/* for whom the rules of this group are */
	bool named;			/* there was a group of ours */
	/* of ours and of everybody's: the longest rule that fits */
	struct best { size_t length; bool allow; } mine, all;
};

/* The longest one counts, and of two equal ones that which allows. */
static void
weigh(struct best *b, size_t length, bool allow)
{
	if (length > b->length || (length == b->length && allow))
		*b = (struct best){ length, allow };
}

static void
take_agent(struct reading *r, str name)
{
	size_t n = 0;

	if (!r->in_head)
		r->ours = r->everybodys = false;
	r->in_head = true;
	while (n < name.n && (unreserved(name.p[n]) && name.p[n] != '.' && name.p[n] != '~'))
		n++;
	if (str_eq(name, S("*")))
		r->everybodys = true;
	else if (n > 0 && str_ieq(str_cut(name, 0, n), r->agent))
		r->ours = r->named = true;
}

static void
take_line(struct arena *a, struct reading *r, str line)
{
	str rest = str_split(&line, '#'), key = str_trim(str_split(&rest, ':')), value = str_trim(rest);
	bool allow = str_ieq(key, S("allow"));

	if (str_ieq(key, S("user-agent"))) {
		take_agent(r, value);
		return;
	}
	if (!allow && !str_ieq(key, S("disallow")))
		return;
	r->in_head = false;
	if (value.n == 0 || !(r->ours || r->everybodys))
		return;
	struct arena_mark m = arena_mark(a);
	str pattern = spelled(a, value);
	if (fits(pattern, r->path)) {
		if (r->ours)
			weigh(&r->mine, pattern.n, allow);
		if (r->everybodys)
			weigh(&r->all, pattern.n, allow);
	}
	arena_back(a, m);
}

bool
robots_allow(struct arena *a, str file, str agent, str path)
{
	struct reading r = { .agent = agent, .path = spelled(a, path), .mine = { 0, true }, .all = { 0, true } };

	if (str_starts(file, S("\xEF\xBB\xBF")))
		file = str_cut(file, 3, file.n);
	while (file.p != NULL) {
		str line = str_split(&file, '\n');
		while (line.p != NULL)
			take_line(a, &r, str_split(&line, '\r'));
	}
	return str_eq(path, S("/robots.txt")) || (r.named ? r.mine : r.all).allow;
}
