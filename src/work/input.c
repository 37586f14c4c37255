/* input -- what a job is given, as it is kept: the fields of a record, in JSON. */
#include "work/work_priv.h"

str
input_text(struct arena *a, const struct rec *rec, const void *v, size_t max)
{
	struct buf b;
	struct json j;

	buf_init(&b, a, max);
	jw_begin(&j, &b);
	rec_encode(rec, v, &j);
	return buf_str(&b);
}

enum err
input_read(struct run *r, const struct rec *rec, void *ret, struct error *e)
{
	struct rec_opts all = { .text_max = INT64_MAX };
	struct rec_notes notes = { 0 };
	json_t *v;

	TRY(json_read(r->task.input, &v, e));
	enum err code = rec_decode(rec, &all, &r->a, v, ret, &notes, e);
	json_decref(v);
	return code;
}
