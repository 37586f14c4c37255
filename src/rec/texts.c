/* texts -- lists of texts and thousandths that come in. */
#include "rec/rec_priv.h"
#include <math.h>
#include <stdlib.h>

/* --- a list of texts: kept as JSON --- */

struct list { const struct field *f; const char *name; struct buf b; struct json j; int n; struct error *e; };

static void
begin(struct list *l, const struct field *f, const char *name, struct arena *a, struct error *e)
{
	*l = (struct list){ .f = f, .name = name, .e = e };
	/* a character is at most four bytes, or an escape of six */
	buf_init(&l->b, a, (size_t)f->lo * ((size_t)f->hi * 6 + 3) + 2);
	jw_begin(&l->j, &l->b);
	jw_arr(&l->j);
}

static enum err
add(struct list *l, str s)
{
	if (++l->n > l->f->lo)
		return fail(l->e, E_INVALID_REQUEST, l->name, "'%s' has more than %lld entries.", l->name, (long long)l->f->lo);
	if ((int64_t)s.n > l->f->hi && (int64_t)utf8_count(s) > l->f->hi)
		return fail(l->e, E_INVALID_REQUEST, l->name, "An entry of '%s' is longer than %lld characters.", l->name, (long long)l->f->hi);
	if ((l->f->flags & F_NAME) && !is_line(s))
		return fail(l->e, E_INVALID_REQUEST, l->name, "Each entry of '%s' must be one line of text that is not blank.", l->name);
	jw_str(&l->j, s);
	return OK;
}

static str
end(struct list *l)
{
	jw_end(&l->j);
	return buf_str(&l->b);
}

enum err
texts_json(const struct field *f, const char *name, struct arena *a, const json_t *v, str *to, struct error *e)
{
	const json_t *one;
	struct list l;
	size_t i;

	begin(&l, f, name, a, e);
	json_array_foreach (v, i, one) {
		if (!json_is_string(one))
			return fail(e, E_INVALID_REQUEST, name, "'%s' must be an array of strings.", name);
		TRY(add(&l, (str){ json_string_value(one), json_string_length(one) }));
	}
	*to = end(&l);
	return OK;
}

/* An option says them with commas between; one that holds a comma is said as JSON. */
enum err
texts_option(const struct field *f, const char *name, struct arena *a, str s, str *to, struct error *e)
{
	struct error unread;
	struct list l;
	json_t *v;

	if (str_starts(s, S("[")) && json_read(s, &v, &unread) == OK) {
		enum err code = texts_json(f, name, a, v, to, e);
		json_decref(v);
		return code;
	}
	begin(&l, f, name, a, e);
	while (s.p != NULL)
		TRY(add(&l, str_trim(str_split(&s, ','))));
	*to = end(&l);
	return OK;
}

/* --- thousandths --- */

enum err
milli_in(const struct field *f, const char *name, double v, int64_t *to, struct error *e)
{
	if (!(v * 1000 >= (double)f->lo && v * 1000 <= (double)f->hi))
		return fail(e, E_INVALID_REQUEST, name, "'%s' must be from %g to %g.", name, (double)f->lo / 1000, (double)f->hi / 1000);
	*to = llrint(v * 1000);
	return OK;
}

bool
milli_read(str s, double *ret)
{
	char text[32], *stop;

	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (strchr("0123456789.-", s.p[i]) == NULL)
			return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*ret = strtod(text, &stop);
	return *stop == '\0';
}
