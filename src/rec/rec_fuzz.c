#include "rec/rec.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const color_list[] = { "red", "green", "blue" };
static const struct words colors = { color_list, 3, 0 };

struct inner { str text; note_id note; };
static const struct field inner_fields[] = {
	F_STR(inner, text, "text", NULL, F_REQ, 1, 10, "", NULL),
	F_ID (inner, note, note, "noteId", NULL, F_NULL, ""),
};
static const struct rec inner_rec = REC(inner, inner_fields, "");

struct every {
	str name, json;
	int64_t count, maybe, at, from, to;
	double ratio;
	bool flag;
	note_id note;
	int color, rule;
	unsigned set;
	struct inner inner;
	int64_t milli;
	str texts;
};
static const struct field every_fields[] = {
	F_STR  (every, name, "name", NULL, F_BIG, 2, 0, "", NULL),
	F_JSON (every, json, "json", NULL, F_NULL, "", NULL),
	F_I64  (every, count, "count", NULL, F_CLAMP, -5, 100, "", NULL),
	F_I64  (every, maybe, "maybe", NULL, F_NULL, -INT64_MAX, INT64_MAX, "", NULL),
	F_TIME (every, at, "at", NULL, F_NULL, ""),
	F_FROM (every, from, "from", ""),
	F_TO   (every, to, "to", ""),
	F_F64  (every, ratio, "ratio", "", NULL),
	F_BOOL (every, flag, "flag", NULL, 0, ""),
	F_ID   (every, note, note, "noteId", NULL, F_NULL, ""),
	F_WORD (every, color, "color", NULL, F_NULL, &colors, "", NULL),
	F_WORD (every, rule, "rule", NULL, F_NULL | F_RULE, &colors, "", NULL),
	F_WORDS(every, set, "set", NULL, 0, &colors, "", NULL),
	F_REC  (every, inner, struct inner, "inner", NULL, F_NULL, &inner_rec, ""),
	F_MILLI_IN(every, milli, "milli", F_NULL, -1000, 1000, "", NULL),
	F_TEXTS_IN(every, texts, "texts", F_NULL | F_NAME, 4, 10, "", NULL),
};
static const struct rec every_rec = REC(every, every_fields, "");
static const struct rec_opts opts = { .text_max = 50 };

static void
must(bool so)
{
	if (!so)
		abort();
}

/* Errors end up in answers and headers: text only. */
static bool
decoded(struct arena *a, str text, struct every *ret)
{
	struct rec_notes notes = { 0 };
	struct error e = { 0 };
	json_t *v;

	if (json_read(text, &v, &e) != OK)
		return false;
	enum err code = rec_decode(&every_rec, &opts, a, v, ret, &notes, &e);
	json_decref(v);
	must(code == e.code && (code == OK || (e.detail[0] != '\0' && utf8_ok(str_z(e.detail)))));
	must(notes.nignored <= REC_IGNORED && (notes.later.code == OK || utf8_ok(str_z(notes.later.detail))));
	for (int i = 0; i < notes.nignored; i++)
		must(utf8_ok(notes.ignored[i]));
	return code == OK;
}

static str
encoded(struct arena *a, struct every *v)
{
	struct buf b;
	struct json j;

	if (v->to != TIME_NONE)
		v->to--;		/* a T_TO stands for the millisecond before it */
	buf_init(&b, a, 8 << 20);
	jw_begin(&j, &b);
	rec_encode(&every_rec, v, &j);
	return buf_str(&b);
}

/* What is decoded and encoded is decoded to the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct arena a;
	struct every v, w;

	arena_init(&a, 64 << 20);
	if (decoded(&a, (str){ (const char *)d, n }, &v)) {
		str once = encoded(&a, &v);
		must(decoded(&a, once, &w));
		must(str_eq(once, encoded(&a, &w)));
	}
	arena_free(&a);
	return 0;
}
