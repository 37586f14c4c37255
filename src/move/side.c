#include "move/side.h"

const struct side_table *
side_table(const struct side_catalog *c, str name)
{
	for (int i = 0; i < c->n; i++)
		if (str_eq(str_z(c->table[i].name), name))
			return &c->table[i];
	return NULL;
}

int
side_column(const struct side_table *t, str name)
{
	for (int i = 0; i < t->cols; i++)
		if (str_eq(str_z(t->col[i].name), name))
			return i;
	return -1;
}

enum err
side_one(struct side *s, struct arena *a, const char *sql, const struct val *v, int n, struct val *ret, struct error *e)
{
	struct val found = { 0 };

	TRY(s->ops->read(s, sql, v, n, e));
	if (s->ops->next(s)) {
		found = s->ops->col(s, 0);
		if (found.s.p != NULL)
			found.s = str_dup(a, found.s);
	}
	TRY(s->ops->ended(s, e));
	*ret = found;
	return OK;
}

enum err
side_schema(struct side *s, int64_t *ret, struct error *e)
{
	struct side_catalog c;
	struct arena a;
	struct val v = { 0 };

	arena_init(&a, 1 << 20);
	enum err code = s->ops->catalog(s, &a, &c, e);
	if (code == OK && side_table(&c, S("schema_version")) != NULL)
		code = side_one(s, &a, "SELECT max(number) FROM schema_version", NULL, 0, &v, e);
	arena_free(&a);
	if (code == OK)
		*ret = v.t == V_I64 ? v.i : 0;
	return code;
}
