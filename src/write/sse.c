#include "write/openai.h"

void
sse_init(struct sse *s, struct arena *a, bool (*event)(void *ctx, str data), void *ctx)
{
	*s = (struct sse){ .event = event, .ctx = ctx };
	buf_init(&s->line, a, SSE_MAX);
	buf_init(&s->data, a, SSE_MAX);
}

static bool
dispatch(struct sse *s)
{
	if (!s->has_data)
		return true;
	str data = buf_str(&s->data);
	s->has_data = false;
	s->data.n = 0;
	return s->event(s->ctx, data);
}

/* One line without its end.  Fields other than data do not matter here. */
static bool
take_line(struct sse *s, str line)
{
	if (line.n == 0)
		return dispatch(s);
	str value = line, field = str_split(&value, ':');
	if (!str_eq(field, S("data")))
		return true;
	if (str_starts(value, S(" ")))
		value = str_cut(value, 1, value.n);
	if (s->has_data)
		buf_char(&s->data, '\n');
	buf_add(&s->data, value);
	s->has_data = true;
	s->over |= s->data.over;
	return !s->over;
}

static bool
end_line(struct sse *s)
{
	str line = buf_str(&s->line);

	if (!s->begun && str_starts(line, S("\xEF\xBB\xBF")))
		line = str_cut(line, 3, line.n);
	s->begun = true;
	s->line.n = 0;
	return take_line(s, line);
}

static size_t
to_line_end(str s, size_t i)
{
	while (i < s.n && s.p[i] != '\n' && s.p[i] != '\r')
		i++;
	return i;
}

bool
sse_feed(struct sse *s, str piece)
{
	for (size_t i = 0, end; i < piece.n; i = end + 1) {
		bool half = s->after_cr && piece.p[i] == '\n';	/* the second half of CRLF */
		s->after_cr = false;
		end = half ? i : to_line_end(piece, i);
		if (half)
			continue;
		buf_add(&s->line, str_cut(piece, i, end));
		s->over |= s->line.over;
		if (s->over)
			return false;
		if (end == piece.n)
			break;
		s->after_cr = piece.p[end] == '\r';
		if (!end_line(s))
			return false;
	}
	return true;
}

bool
sse_end(struct sse *s)
{
	return end_line(s) && dispatch(s);
}
