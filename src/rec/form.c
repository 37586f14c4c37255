/* form -- which of its forms a body has. */
#include "rec/rec_priv.h"

/* How many of the fields that a form lists are there.  *one: the first that is, or is not. */
static int
count_seen(const struct rec *newest, const char *list, uint64_t seen, bool wanted, str *one)
{
	str rest = list != NULL ? str_z(list) : STR_NONE;
	int n = 0;

	while (rest.p != NULL) {
		str name = str_split(&rest, ',');
		int i = 0;
		while (!str_eq(newest->f[i].name, name))
			i++;
		if ((seen >> i & 1) == wanted && n++ == 0)
			*one = name;
	}
	return n;
}

/* "'text', 'noteId' and 'sourceId'" */
static str
needs_of(const struct rec_form *f, struct arena *a)
{
	struct buf b;

	buf_init(&b, a, 160);
	for (const struct rec_form *first = f; f->needs != NULL; f++)
		buf_fmt(&b, "%s'%s'", f == first ? "" : f[1].needs != NULL ? ", " : " and ", f->needs);
	return buf_str(&b);
}

static enum err
by_word(const struct rec *newest, const char *word, uint64_t seen, struct arena *a, struct error *e)
{
	const struct rec_form *f = newest->forms;
	str at, by = newest->f[0].name;

	while (strcmp(f->when, word) != 0)
		f++;
	if (count_seen(newest, f->needs, seen, false, &at) > 0)
		return fail(e, E_INVALID_REQUEST, str_dup(a, at).p, "'%.*s' is required when '%s' is '%s'.", STR(at), by.p, word);
	if (count_seen(newest, f->bars, seen, true, &at) > 0)
		return fail(e, E_INVALID_REQUEST, str_dup(a, at).p, "'%.*s' must be left out when '%s' is '%s'.", STR(at), by.p, word);
	return OK;
}

static enum err
by_fields(const struct rec *newest, uint64_t seen, str prefix, struct arena *a, struct error *e)
{
	str at;

	for (const struct rec_form *f = newest->forms; f->needs != NULL; f++)
		if (count_seen(newest, f->needs, seen, false, &at) == 0 && count_seen(newest, f->bars, seen, true, &at) == 0)
			return OK;
	str all = needs_of(newest->forms, a);
	if (prefix.n == 0)
		return fail(e, E_INVALID_REQUEST, NULL, "The body must have exactly one of %.*s.", STR(all));
	const char *name = str_dup(a, str_cut(prefix, 0, prefix.n - 1)).p;
	return fail(e, E_INVALID_REQUEST, name, "'%s' must have exactly one of %.*s.", name, STR(all));
}

enum err
form_check(const struct rec *newest, const void *v, uint64_t seen, str prefix, struct arena *a, struct error *e)
{
	if (newest->forms == NULL)
		return OK;
	if (newest->forms->when == NULL)
		return by_fields(newest, seen, prefix, a, e);
	const struct field *by = &newest->f[0];
	return by_word(newest, by->words->v[*(const int *)((const char *)v + by->off)], seen, a, e);
}
