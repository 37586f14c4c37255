#include "extract/flow.h"
#include "text/text.h"

#define WORDS_MAX	((size_t)32 << 20)
#define LINES_FULL	((size_t)16 << 10)

void
flow_init(struct flow *f, struct out *o)
{
	f->o = o;
	buf_init(&f->words, o->a, WORDS_MAX);
	buf_init(&f->lines, o->a, WORDS_MAX);
}

void
flow_add(struct flow *f, str s)
{
	buf_add(&f->words, s);
	if (f->words.over)
		out_stop(f->o, FAILED, "The file holds a paragraph of more than %zu MB. Split it and upload the parts.", WORDS_MAX >> 20);
}

bool
flow_small(str s)
{
	size_t i = 0;
	uint32_t c = s.n != 0 ? utf8_next(s, &i) : 0;

	return text_letter(c) && text_upper(c) != c;
}

/* A word parted at the end of a line is one word; "E-Mail-" and "Adresse" keep their hyphen. */
void
flow_wrap(struct flow *f, str next)
{
	struct buf *b = &f->words;
	bool soft = str_ends(buf_str(b), S("\xC2\xAD"));
	bool hyphen = b->n >= 2 && b->p[b->n - 1] == '-' && ((b->p[b->n - 2] | 0x20) >= 'a' || (b->p[b->n - 2] & 0x80) != 0);

	if (soft)
		b->n -= 2;
	else if (hyphen && flow_small(next))
		b->n--;
	else if (!hyphen)
		flow_add(f, S(" "));
	flow_add(f, next);
}

void
flow_line(struct flow *f)
{
	flow_add(f, S("\n"));
}

void
flow_close(struct flow *f)
{
	out_text(f->o, buf_str(&f->lines));
	f->lines.n = 0;
}

static void
add_line(struct flow *f, str s)
{
	for (size_t i = 0; i < f->words.n; i++)		/* a line is a line */
		if (f->words.p[i] == '\n')
			f->words.p[i] = ' ';
	if (f->lines.n > LINES_FULL)
		flow_close(f);
	buf_char(&f->lines, '\n');
	buf_add(&f->lines, s);
}

void
flow_end(struct flow *f, int what)
{
	str s = str_trim(buf_str(&f->words));

	while (what == FLOW_LINE && str_ends(s, S(" |")))	/* cells without a value at the end of a row */
		s = str_trim(str_cut(s, 0, s.n - 2));
	if (s.n == 0 || (what == FLOW_LINE && str_eq(s, S("-")))) {
		f->words.n = 0;
		return;
	}
	if (what == FLOW_LINE) {
		add_line(f, s);
	} else {
		flow_close(f);
		if (what == FLOW_TEXT)
			out_text(f->o, s);
		else
			out_heading(f->o, what, s);
	}
	f->words.n = 0;
}

void
flow_mark(struct flow *f)
{
	flow_add(f, S("- "));
}

void
flow_cell(struct flow *f)
{
	if (f->words.n != 0)
		flow_add(f, S(" | "));
}
