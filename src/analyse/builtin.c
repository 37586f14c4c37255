#include "analyse/analyse_priv.h"

/* From the first mark that reaches into the part to the last one. */
static void
set_times(const struct marked_text *m, const struct segment *s, struct analysis_topic *t)
{
	for (int i = 0; i < m->marks; i++) {
		const struct text_mark *k = &m->mark[i];
		size_t end = i + 1 < m->marks ? m->mark[i + 1].at : m->text.n;
		if (end <= s->from || k->at >= s->to || k->from_ms < 0)
			continue;
		t->from_ms = t->from_ms < 0 ? k->from_ms : MIN(t->from_ms, k->from_ms);
		t->to_ms = MAX(t->to_ms, k->to_ms);
	}
}

/* The better first; of the same score in the order of the text. */
void
analysis_sort(struct analysis *r)
{
	for (int i = 1; i < r->n; i++)
		for (int k = i; k > 0 && r->topic[k - 1].score < r->topic[k].score; k--) {
			struct analysis_topic t = r->topic[k];
			r->topic[k] = r->topic[k - 1];
			r->topic[k - 1] = t;
		}
}

bool
analyse_builtin(struct arena *a, const struct marked_text *m, analyse_progress *progress, void *ctx, struct analysis *ret)
{
	enum text_lang lang = text_language(m->text);
	struct arena scratch;
	struct parts parts;
	bool go;

	*ret = (struct analysis){ .n = 0 };
	arena_init(&scratch, ANALYSE_BUDGET);
	if ((go = progress(ctx, 0.05, "reading the text")))
		segment_find(&scratch, m->text, lang, ANALYSE_TOPICS, &parts);
	for (int i = 0; go && parts.words >= ANALYSE_WORDS && i < parts.n; i++) {
		struct analysis_topic t;
		go = progress(ctx, 0.3 + 0.7 * i / parts.n, "looking for topics");
		topic_describe(a, &scratch, m->text, lang, &parts, i, ret, &t);
		set_times(m, &parts.part[i], &t);
		t.from = parts.part[i].from;
		t.to = parts.part[i].to;
		if (t.title.n != 0)
			ret->topic[ret->n++] = t;
	}
	analysis_sort(ret);
	arena_free(&scratch);
	return go;
}

/* --- the part of a line --- */

static bool blank(char c) { return (uint8_t)c <= ' '; }

/* Whether `line` begins at s, each run of blanks like any other. */
static bool
begins(str s, str line)
{
	size_t i = 0, k = 0;

	while (k < line.n) {
		if (i == s.n || blank(s.p[i]) != blank(line.p[k]) || (!blank(s.p[i]) && s.p[i] != line.p[k]))
			return false;
		for (i++, k++; i < s.n && blank(s.p[i - 1]) && blank(s.p[i]);)
			i++;
	}
	return true;
}

static bool
find_line(str text, str line, size_t *ret)
{
	str ellipsis = S("…");

	line = str_trim(str_ends(line, ellipsis) ? str_cut(line, 0, line.n - ellipsis.n) : line);
	for (size_t i = 0; line.n != 0 && i < text.n; i++)
		if (text.p[i] == line.p[0] && begins(str_cut(text, i, text.n), line)) {
			*ret = i;
			return true;
		}
	return false;
}

str
analyse_part(struct arena *a, str text, str line)
{
	struct arena scratch;
	struct parts parts;
	str part = STR_NONE;
	size_t at;

	if (!find_line(text, line, &at))
		return part;
	arena_init(&scratch, ANALYSE_BUDGET);
	segment_find(&scratch, text, text_language(text), ANALYSE_TOPICS, &parts);
	for (int i = 0; i < parts.n; i++)
		if (at >= parts.part[i].from && at < parts.part[i].to)
			part = str_dup(a, str_cut(text, parts.part[i].from, parts.part[i].to));
	arena_free(&scratch);
	return part;
}
