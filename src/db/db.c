#include "db/db.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* weak: a program without a statement has no such section */
extern struct stmt *const __start_scriped_stmts[] __attribute__((weak));
extern struct stmt *const __stop_scriped_stmts[] __attribute__((weak));

static void
number(void)
{
	for (struct stmt *const *s = __start_scriped_stmts; s < __stop_scriped_stmts; s++)
		(*s)->id = (int)(s - __start_scriped_stmts);
}

void
db_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, number);
}

int
db_stmts(struct stmt *const **ret)
{
	*ret = __start_scriped_stmts;
	return (int)(__stop_scriped_stmts - __start_scriped_stmts);
}

static _Atomic int schema;

bool db_is_pg(const struct db *db) { return strcmp(db->ops->name, "postgres") == 0; }
int db_schema(void) { return schema; }
void db_schema_is(int number) { schema = number; }

static _Atomic int64_t asked;

int64_t db_asked(void) { return atomic_load_explicit(&asked, memory_order_relaxed); }

enum err
db_query_(struct db *db, const struct stmt *q, struct rows *ret, struct error *e, const struct val *v, int n)
{
	atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed);
	return db->ops->query(db, q, v, n, ret, e);
}

enum err
db_send_(struct db *db, const struct stmt *q, const struct miss *miss, struct error *e, const struct val *v, int n)
{
	struct rows r;
	bool hit;

	atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed);
	if (db->ops->send != NULL)
		return db->ops->send(db, q, miss, v, n, e);
	int64_t before = miss != NULL ? db->ops->written(db) : 0;
	TRY(db->ops->query(db, q, v, n, &r, e));
	for (hit = db_next(&r); db_next(&r); )
		;
	TRY(db_done(&r, e));
	return miss == NULL || hit || db->ops->written(db) > before ? OK : fail(e, miss->code, miss->field, "%s", miss->detail);
}

enum err
db_run_(struct db *db, const struct stmt *q, struct error *e, const struct val *v, int n)
{
	return db_send_(db, q, NULL, e, v, n);
}

enum err
db_must_(struct db *db, const struct stmt *q, const struct miss *miss, struct error *e, const struct val *v, int n)
{
	return db_send_(db, q, miss, e, v, n);
}

enum err
db_ask_(struct db *db, const struct stmt *q, struct rows *ret, struct error *e, const struct val *v, int n)
{
	if (db->ops->ask == NULL)
		return db_query_(db, q, ret, e, v, n);
	atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed);
	return db->ops->ask(db, q, v, n, ret, e);
}

enum err db_settle(struct db *db, struct error *e) { return db->ops->settle != NULL ? db->ops->settle(db, e) : OK; }

enum err
db_touch_(struct db *db, const struct stmt *q, int64_t *n, struct error *e, const struct val *v, int nv)
{
	struct rows r;

	TRY(db_query_(db, q, &r, e, v, nv));
	while (db_next(&r))
		;
	TRY(db_done(&r, e));
	*n = db->ops->changes(db);
	return OK;
}

enum err
db_any_(struct db *db, const struct stmt *q, bool *ret, struct error *e, const struct val *v, int n)
{
	struct rows r;

	TRY(db_query_(db, q, &r, e, v, n));
	*ret = db_next(&r);
	return db_done(&r, e);
}

enum err
db_one_(struct db *db, const struct stmt *q, const struct rec *rec, struct arena *a, void *to, bool *found, struct error *e,
    const struct val *v, int n)
{
	struct rows r;

	TRY(db_query_(db, q, &r, e, v, n));
	return db_take(&r, rec, a, to, found, e);
}

enum err
db_take(struct rows *r, const struct rec *rec, struct arena *a, void *to, bool *found, struct error *e)
{
	bool any;

	if ((any = db_next(r)))
		db_scan(rec, r, a, to);
	TRY(db_done(r, e));
	*found = any;
	return OK;
}

void
db_val_word(const struct words *w, struct val v, int *ret)
{
	*ret = v.t == V_TEXT ? words_find(w, v.s) : -1;
}

static void
scan_value(const struct field *f, struct val v, struct arena *a, void *to)
{
	struct buf unknown;

	switch ((enum rec_type)f->type) {
	case T_STR: case T_JSON: case T_TEXTS:
		*(str *)to = v.t == V_NULL ? STR_NONE : a != NULL ? str_dup(a, v.s) : v.s;
		break;
	case T_I64:
		*(int64_t *)to = v.t == V_NULL && (f->flags & F_NULL) ? INT_NONE : v.i;
		break;
	case T_MILLI:
		*(int64_t *)to = v.t == V_NULL ? INT_NONE : v.i;
		break;
	case T_BOOL:
		*(bool *)to = v.i != 0;
		break;
	case T_F64:
		*(double *)to = (double)v.i;
		break;
	case T_TIME: case T_FROM: case T_TO:
		*(int64_t *)to = v.t == V_NULL ? TIME_NONE : v.i;
		break;
	case T_ID:
		memset(to, 0, sizeof(ulid));
		if (v.t == V_TEXT)
			memcpy(to, v.s.p, MIN(v.s.n, 26));
		break;
	case T_WORD:
		db_val_word(f->words, v, to);
		break;
	case T_WORDS:
		unknown = (struct buf){ .over = true };		/* a word of a later version is passed over */
		words_parse(f->words, v.t == V_TEXT && v.s.n != 0 ? v.s : STR_NONE, to, &unknown);
		break;
	case T_MAYBE: case T_CREATED: case T_REC: case T_LIST: case T_MADE:
		break;
	}
}

static int
scan_from(const struct rec *rec, struct rows *r, struct arena *a, void *ret, int at)
{
	for (int i = 0; i < rec->n; i++) {
		const struct field *f = &rec->f[i];
		void *to = (char *)ret + f->off;
		if (f->col == NULL)
			continue;
		if (f->type == T_REC)
			at = scan_from(f->rec, r, a, to, at);
		else
			scan_value(f, db_col(r, at++), a, to);
	}
	return at;
}

void
db_scan(const struct rec *rec, struct rows *r, struct arena *a, void *ret)
{
	rec_init(rec, ret);
	(void)scan_from(rec, r, a, ret, 0);
}

/* The word that stands here, or NULL. */
static const struct dialect *
word_at(const char *sql, const struct dialect *w)
{
	if (*sql == '{')
		for (; w->word != NULL; w++)
			if (strncmp(sql, w->word, strlen(w->word)) == 0)
				return w;
	return NULL;
}

char *
db_expand(const char *sql, const struct dialect *words)
{
	size_t cap = strlen(sql) * 2 + 256, n = 0;
	char *out = malloc(cap);

	if (out == NULL)
		abort();
	while (*sql != '\0') {
		const struct dialect *w = word_at(sql, words);
		const char *from = w != NULL ? w->text : sql;
		size_t plain = 1 + strcspn(sql + 1, "{"), len = w != NULL ? strlen(w->text) : plain;
		if (cap - n < len + 1 && (out = realloc(out, cap = cap * 2 + len)) == NULL)
			abort();
		memcpy(out + n, from, len);
		n += len;
		sql += w != NULL ? strlen(w->word) : plain;
	}
	out[n] = '\0';
	return out;
}

enum err
db_prepare_all(struct db *db, struct error *e)
{
	struct stmt *const *all;
	int n = db_stmts(&all);

	/* A query of no values and an id below is prepared only: see the engines. */
	for (int i = 0; i < n; i++)
		if (db_is_pg(db) ? all[i]->since <= db_schema() : all[i]->since == 0 && !all[i]->pg)
			TRY(db->ops->query(db, all[i], NULL, -1, NULL, e));
	return OK;
}

/* --- arrays --- */

void
db_array_add(struct buf *b, struct val v)
{
	buf_char(b, b->n == 0 ? '{' : ',');
	if (v.t == V_NULL) {
		buf_add(b, S("NULL"));
		return;
	}
	if (v.t == V_I64) {
		buf_i64(b, v.i);
		return;
	}
	buf_char(b, '"');
	for (size_t i = 0, from = 0; i <= v.s.n; i++) {
		if (i < v.s.n && v.s.p[i] != '"' && v.s.p[i] != '\\')
			continue;
		buf_add(b, str_cut(v.s, from, i));
		from = i;
		if (i < v.s.n)
			buf_char(b, '\\');
	}
	buf_char(b, '"');
}

struct val
db_array(struct buf *b)
{
	buf_add(b, b->n == 0 ? S("{}") : S("}"));
	return val_str(buf_str(b));
}
