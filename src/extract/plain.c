/* plain -- text as it is: blank lines part paragraphs, lines that were only wrapped are joined, others stay lines. */
#include "extract/encode.h"
#include "extract/flow.h"

#define WRAPPED_MIN	40	/* a line that was wrapped has at least so many bytes, */
#define WRAPPED_MAX	110	/* and no line of its paragraph more than so many */

bool
plain_sniff(const struct file *f)
{
	struct arena a;

	arena_init(&a, (size_t)16 << 20);
	bool text = encode_utf8(&a, str_cut(f->bytes, 0, 65536), f->charset, NULL).p != NULL;
	arena_free(&a);
	return text;
}

static bool
item(str line)
{
	size_t i = 0;

	if (str_starts(line, S("- ")) || str_starts(line, S("* ")) || str_starts(line, S("+ ")) || str_starts(line, S("• ")) || str_starts(line, S("– ")))
		return true;
	while (i < line.n && i < 3 && line.p[i] >= '0' && line.p[i] <= '9')
		i++;
	return i > 0 && i + 1 < line.n && (line.p[i] == '.' || line.p[i] == ')') && line.p[i + 1] == ' ';
}

/* The lines up to a blank one, and how long the longest is. */
static str
take_paragraph(str *rest, size_t *ret_longest)
{
	const char *from = rest->p;
	size_t n = 0;

	*ret_longest = 0;
	while (rest->p != NULL) {
		str line = str_trim(str_split(rest, '\n'));
		if (line.n == 0)
			break;
		*ret_longest = MAX(*ret_longest, line.n);
		n = (size_t)(line.p - from) + line.n;
	}
	return (str){ from, n };
}

static void
give_paragraph(struct flow *f, str paragraph, size_t longest)
{
	bool wrapped = longest <= WRAPPED_MAX, before = false;

	for (str rest = paragraph; rest.p != NULL && rest.n != 0;) {
		str line = str_trim(str_split(&rest, '\n'));
		if (!wrapped)
			flow_end(f, FLOW_TEXT);		/* each line is a paragraph */
		else if (before && !item(line))
			flow_add(f, S(" "));
		else
			flow_line(f);
		flow_add(f, line);
		before = line.n >= WRAPPED_MIN;
	}
	flow_end(f, FLOW_TEXT);
}

/* Line ends of Windows and of old Macs become those of everybody. */
static str
unix_lines(struct arena *a, str s)
{
	if (memchr(s.p, '\r', s.n) == NULL)
		return s;
	char *p = arena_raw(a, s.n);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\r')
			p[n++] = s.p[i];
		else if (i + 1 == s.n || s.p[i + 1] != '\n')
			p[n++] = '\n';
	return (str){ p, n };
}

void
plain_read(const struct file *file, struct out *o)
{
	str rest = encode_utf8(o->a, file->bytes, file->charset, NULL);
	struct flow f;
	size_t longest;

	if (rest.p == NULL)
		out_stop(o, FAILED, "The file begins as text and goes on as something else. Save it anew and upload it again.");
	rest = unix_lines(o->a, rest);
	flow_init(&f, o);
	while (rest.p != NULL && rest.n != 0) {
		str p = take_paragraph(&rest, &longest);
		give_paragraph(&f, p, longest);
	}
}
