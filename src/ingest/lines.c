/* lines -- what the program writes becomes a text, as far as it can be believed (see ingest.h). */
#include "ingest/ingest_priv.h"
#include <stdio.h>

#define PAGE_MOST	1000000
#define MS_MOST		INT64_C(36000000000)	/* 10,000 hours */
#define TYPE_MOST	100

void
lines_begin(struct lines *l, struct arena *a, ingest_progress *progress, void *ctx, struct ingest_result *ret)
{
	*l = (struct lines){ .a = a, .ret = ret, .progress = progress, .ctx = ctx, .what = "reading the file" };
	arena_init(&l->scratch, (size_t)64 << 20);
	marked_begin(&l->m, a, INGEST_TEXT_MAX);
}

void lines_free(struct lines *l) { arena_free(&l->scratch); }

static str string(const json_t *v) { return json_is_string(v) ? (str){ json_string_value(v), json_string_length(v) } : STR_NONE; }

static bool
whole(const json_t *o, const char *key, int64_t most, int64_t *ret)
{
	const json_t *v = json_object_get(o, key);

	*ret = json_integer_value(v);
	return json_is_integer(v) && *ret >= 0 && *ret <= most;
}

/* --- one function per kind of line; false: it is not as it should be --- */

static bool
take_error(struct lines *l, const json_t *o)
{
	str code = string(json_object_get(o, "error")), message = marked_line(&l->scratch, string(json_object_get(o, "message")), 190);

	message = utf8_head(message, sizeof(l->ret->why) - 1);
	l->fault = INGEST_BROKEN;
	for (int f = INGEST_FAULT_COUNT - 1; f > 0; f--)
		if (str_eq(code, str_z(ingest_fault_row((enum ingest_fault)f)->code)))
			l->fault = (enum ingest_fault)f;
	snprintf(l->ret->why, sizeof(l->ret->why), "%.*s", STR(message));
	return code.p != NULL;
}

static bool
take_end(struct lines *l, const json_t *o)
{
	l->ended = json_is_true(json_object_get(o, "end"));
	return l->ended;
}

static bool
take_type(struct lines *l, const json_t *o)
{
	str type = string(json_object_get(o, "type"));

	for (size_t i = 0; i < type.n; i++)
		if (type.p[i] <= ' ' || type.p[i] > '~')
			return false;
	l->ret->type = str_dup(l->a, type);
	return type.n > 0 && type.n <= TYPE_MOST && memchr(type.p, '/', type.n) != NULL;
}

static bool
take_progress(struct lines *l, const json_t *o)
{
	const json_t *v = json_object_get(o, "progress");
	str what = marked_line(&l->scratch, string(json_object_get(o, "what")), sizeof(l->what) / 4);

	l->fraction = l->began + (1 - l->began) * MIN(MAX(json_number_value(v), 0.0), 1.0);
	if (what.n > 0)
		snprintf(l->what, sizeof(l->what), "%.*s", STR(what));
	return json_is_number(v);
}

static bool
take_title(struct lines *l, const json_t *o)
{
	str title = string(json_object_get(o, "title"));

	if (title.p != NULL)
		marked_title(&l->m, title);
	return title.p != NULL;
}

static bool
take_page(struct lines *l, const json_t *o)
{
	int64_t page;
	bool ok = whole(o, "page", PAGE_MOST, &page) && page > 0 && page >= l->m.page;

	if (ok)
		marked_page(&l->m, (int)page);
	return ok;
}

static bool take_duration(struct lines *l, const json_t *o) { return whole(o, "durationMs", MS_MOST, &l->m.m.duration_ms); }

static bool
take_heading(struct lines *l, const json_t *o)
{
	str text = string(json_object_get(o, "text"));
	int64_t level;

	if (text.p == NULL || !whole(o, "heading", 6, &level) || level == 0)
		return false;
	marked_heading(&l->m, (int)level, text);
	return true;
}

static bool
take_said(struct lines *l, const json_t *o)
{
	str text = string(json_object_get(o, "text"));
	int64_t from, to;

	if (text.p == NULL || !whole(o, "fromMs", MS_MOST, &from) || !whole(o, "toMs", MS_MOST, &to) || to < from || from < l->m.said_ms)
		return false;
	marked_said(&l->m, from, to, text);
	return true;
}

static bool
take_text(struct lines *l, const json_t *o)
{
	str text = string(json_object_get(o, "text"));

	if (text.p != NULL)
		marked_paragraph(&l->m, text);
	return text.p != NULL;
}

/* By the first key that a line has; one with none of them is of a newer program, and passed over. */
static const struct { const char *key; bool (*take)(struct lines *, const json_t *); } kinds[] = {
	{ "error", take_error }, { "end", take_end }, { "type", take_type }, { "progress", take_progress }, { "title", take_title },
	{ "page", take_page }, { "durationMs", take_duration }, { "heading", take_heading }, { "fromMs", take_said }, { "text", take_text },
};

static bool
take_object(struct lines *l, const json_t *o)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (json_object_get(o, kinds[i].key) != NULL)
			return kinds[i].take(l, o);
	return json_is_object(o);
}

bool
lines_take(void *lines, str line)
{
	struct lines *l = lines;
	json_t *o = NULL;
	struct error e;

	arena_reset(&l->scratch);
	if (str_trim(line).n == 0)
		return true;
	bool good = json_read(line, &o, &e) == OK && take_object(l, o);
	json_decref(o);
	if (!good && l->fault == INGEST_OK) {
		l->fault = INGEST_BROKEN;
		snprintf(l->ret->why, sizeof(l->ret->why), "The program that reads files broke off in nonsense. Convert the file to PDF or plain text and upload it again.");
	} else if (l->m.over && l->fault == INGEST_OK) {
		l->fault = INGEST_TOO_LARGE;
	}
	return l->fault == INGEST_OK && !l->ended;
}

bool
lines_alive(void *lines)
{
	struct lines *l = lines;

	l->stopped = l->progress != NULL && !l->progress(l->ctx, l->fraction, l->what);
	return !l->stopped;
}
