#include "move/move.h"
#include "db/migrate.h"
#include "sys/sys.h"
#include <stdio.h>
#include <stdlib.h>

#define FOLD_EVERY	64		/* chunks, between which the log of the embedded database grows */
#define PEOPLE_MAX	100000

/* Of one workspace that comes to others: a person who is there under another id, found by the e-mail address. */
struct twin { ulid theirs, ours; };

struct importing {
	struct side *side;
	const struct move_conf *conf;
	struct move_result *r;
	struct arena a, row;		/* of the import; of a chunk */
	struct side_catalog catalog;
	char id[27];
	bool all;			/* everything */
	int64_t done;			/* the last chunk that is in; -1: none, not even the head */
	int at;				/* the table that is being filled: an earlier one does not come again */
	struct twin *twin;
	int twins;
	bool again, ended;		/* again: the export was interrupted, and went on from another snapshot */
	str blob;
	int64_t blob_bytes;
};

static enum err
bad(struct error *e, const struct export_chunk *c, const char *what)
{
	return fail(e, E_SYS, NULL, "chunk %lld of the export %s", (long long)c->number, what);
}

/* --- the head --- */

static enum err
judge_head(struct importing *m, const json_t *h, struct error *e)
{
	str id = str_z(export_text(h, "export")), scope = str_z(export_text(h, "scope"));
	int64_t format = json_integer_value(json_object_get(h, "format"));

	m->all = str_eq(scope, S(MOVE_EVERYTHING));
	if (format != EXPORT_FORMAT)
		return fail(e, E_SYS, NULL, "the export has format %lld, this program reads %d: use the scriped that wrote it, or a newer one", (long long)format, EXPORT_FORMAT);
	if (!ulid_ok(id) || (!m->all && !ulid_ok(scope)))
		return fail(e, E_SYS, NULL, "this is no export of scriped: its head has no name or no scope");
	if (m->conf->scope != NULL && !str_eq(str_z(m->conf->scope), scope))
		return fail(e, E_USAGE, NULL, "the export is of %s%.*s and not of org_%s: name that one, or none", m->all ? "" : "org_", STR(scope), m->conf->scope);
	memcpy(m->id, id.p, 26);
	snprintf(m->r->scope, sizeof(m->r->scope), "%.*s", STR(scope));
	return OK;
}

static enum err
judge_schema(struct importing *m, const json_t *h, struct error *e)
{
	int64_t theirs = json_integer_value(json_object_get(h, "schema")), ours;

	TRY(side_schema(m->side, &ours, e));
	if (theirs > ours)
		return fail(e, E_CONFLICT, NULL, "the export has schema %lld and this database %lld: upgrade this one first (scriped migrate)", (long long)theirs, (long long)ours);
	if (theirs < schema_oldest)
		return fail(e, E_CONFLICT, NULL, "the export has schema %lld, and this program reads %d and later: upgrade the database that it was made of", (long long)theirs, schema_oldest);
	if (side_table(&m->catalog, S("moved")) == NULL)
		return fail(e, E_CONFLICT, NULL, "this database has schema %lld, which cannot remember how far an import is: upgrade it first (scriped migrate)", (long long)ours);
	return OK;
}

static enum err
judge_secret(struct importing *m, const json_t *h, struct error *e)
{
	char ours[MOVE_PRINT];

	move_fingerprint(m->conf->secret, ours);
	if (m->conf->without_keys || strcmp(ours, export_text(h, "secret")) == 0)
		return OK;
	return fail(e, E_CONFLICT, NULL, "the export comes from a server with another secret, under which its keys and sessions would be worthless here: "
	    "bring that secret (--secret FILE, into an empty database) or leave them out (--without-keys)");
}

enum err
move_empty(struct side *s, bool *ret, struct error *e)
{
	struct arena a;
	struct val v;

	arena_init(&a, 1 << 16);
	enum err code = side_one(s, &a, "SELECT id FROM workspace ORDER BY id LIMIT 1", NULL, 0, &v, e);
	arena_free(&a);
	*ret = code == OK && v.t == V_NULL;
	return code;
}

/* What is there already decides: nothing, this very export, or something that must not be mixed with it. */
static enum err
judge_target(struct importing *m, struct error *e)
{
	struct val key = val_str((str){ m->id, 26 }), v, scope = val_str(str_z(m->r->scope));
	bool empty;

	TRY(side_one(m->side, &m->a, "SELECT chunk FROM moved WHERE export = $1", &key, 1, &v, e));
	if (v.t == V_I64) {
		m->done = v.i;
		m->r->resumed = true;
		TRY(side_one(m->side, &m->a, "SELECT done_at FROM moved WHERE export = $1", &key, 1, &v, e));
		m->r->already = v.t == V_I64;
		return OK;
	}
	if (m->all) {
		TRY(move_empty(m->side, &empty, e));
		return empty ? OK : fail(e, E_CONFLICT, NULL, "this database has workspaces already, and everything goes into an empty one only: "
		    "export one workspace (--workspace org_...), or name an empty database");
	}
	TRY(side_one(m->side, &m->a, "SELECT id FROM workspace WHERE id = $1", &scope, 1, &v, e));
	return v.t == V_NULL ? OK : fail(e, E_CONFLICT, NULL, "the workspace org_%s is in this database already: nothing was changed", m->r->scope);
}

/* --- rows --- */

struct shape { const struct moved_table *rule; const struct side_table *t; int col[SIDE_COLUMNS], cols, workspace, place; };

static enum err
shape_of(struct importing *m, const struct export_chunk *c, struct shape *ret, struct error *e)
{
	const json_t *columns = json_object_get(c->head, "columns");
	str name = str_z(export_text(c->head, "table"));
	struct shape s = { .rule = moved_table(name), .t = side_table(&m->catalog, name), .workspace = -1 };

	if (s.rule == NULL || s.t == NULL || s.rule->stays != NULL || (!m->all && s.rule->one == NULL))
		return bad(e, c, "is of a table that no export holds");
	s.place = (int)(s.rule - moved_tables);
	if (s.place < m->at)
		return bad(e, c, "is of a table whose place is before that of the last one");
	if (!json_is_array(columns) || json_array_size(columns) == 0 || json_array_size(columns) > SIDE_COLUMNS)
		return bad(e, c, "does not name its columns");
	for (size_t i = 0; i < json_array_size(columns); i++) {
		const char *column = json_string_value(json_array_get(columns, i));
		int at = column != NULL ? side_column(s.t, str_z(column)) : -1;
		if (at < 0)
			return bad(e, c, "has a column that this database does not");
		s.col[s.cols++] = at;
		if (strcmp(column, strcmp(s.t->name, "workspace") == 0 ? "id" : "workspace") == 0)
			s.workspace = (int)i;
	}
	*ret = s;
	return OK;
}

static enum err
value_of(struct importing *m, const struct export_chunk *c, enum vtype type, const json_t *j, struct val *ret, struct error *e)
{
	if (json_is_null(j)) {
		*ret = (struct val){ 0 };
		return OK;
	}
	if (type == V_I64 ? !json_is_integer(j) : !json_is_string(j))
		return bad(e, c, "has a value of another type than its column");
	str s = { json_string_value(j), json_string_length(j) };
	if (type == V_BYTES && !crypto_unb64(&m->row, s, &s))
		return bad(e, c, "has bytes that are no base64url");
	*ret = type == V_I64 ? val_i64(json_integer_value(j)) : type == V_BYTES ? val_bytes(s) : val_str(s);
	return OK;
}

static struct val *
named(const struct shape *s, struct val *v, const char *column)
{
	for (int i = 0; i < s->cols; i++)
		if (strcmp(s->t->col[s->col[i]].name, column) == 0)
			return &v[i];
	return NULL;
}

/* A file is what somebody gave us: whatever it says, a row goes to the workspace that was named, and no account gets a password by it. */
static enum err
judge_row(struct importing *m, const struct export_chunk *c, const struct shape *s, struct val *v, struct error *e)
{
	const struct val *fact = strcmp(s->t->name, "server_fact") == 0 ? named(s, v, "name") : NULL;

	if (fact != NULL && !str_eq(fact->s, S("setup")))
		return bad(e, c, "holds a fact of a server that no export holds");
	if (m->all)
		return OK;
	if (s->workspace >= 0 ? !str_eq(v[s->workspace].s, str_z(m->r->scope)) : strcmp(s->t->name, "person") != 0)
		return bad(e, c, "holds a row of another workspace than the export says");
	for (size_t i = 0; i < COUNT(s->rule->as_one) && s->rule->as_one[i].column != NULL; i++) {
		const struct val *hidden = named(s, v, s->rule->as_one[i].column);
		if (hidden != NULL && hidden->t != V_NULL)
			return bad(e, c, "holds a password, which no export of one workspace does");
	}
	return OK;
}

/* --- people who are there already --- */

static enum err
meet_person(struct importing *m, const struct export_chunk *c, const struct shape *s, struct val *v, struct error *e)
{
	const struct val *id = named(s, v, "id"), *email = named(s, v, "email");
	struct val found;

	if (id == NULL || email == NULL || id->s.n != 26 || m->twins == PEOPLE_MAX)
		return bad(e, c, "holds a person without id or address");
	TRY(side_one(m->side, &m->row, "SELECT id FROM person WHERE email = $1", email, 1, &found, e));
	if (found.t != V_TEXT || found.s.n != 26 || str_eq(found.s, id->s))
		return OK;
	struct twin *t = &m->twin[m->twins++];
	*t = (struct twin){ 0 };
	memcpy(t->theirs.s, id->s.p, 26);
	memcpy(t->ours.s, found.s.p, 26);
	return OK;
}

static void
rename_person(const struct importing *m, const struct shape *s, struct val *v)
{
	struct val *person = named(s, v, "person");

	for (int i = 0; person != NULL && i < m->twins; i++)
		if (str_eq(person->s, (str){ m->twin[i].theirs.s, 26 }))
			person->s = (str){ m->twin[i].ours.s, 26 };
}

/* Rows that may be there already, one by one: few, people and memberships. */
static enum err
put_if_absent(struct importing *m, const struct shape *s, const struct val *v, struct error *e)
{
	struct buf b;
	int64_t n;

	buf_init(&b, &m->row, 1 << 16);
	buf_fmt(&b, "INSERT INTO \"%s\" (", s->t->name);
	for (int i = 0; i < s->cols; i++)
		buf_fmt(&b, "%s\"%s\"", i > 0 ? ", " : "", s->t->col[s->col[i]].name);
	buf_add(&b, S(") VALUES ("));
	for (int i = 0; i < s->cols; i++)
		buf_fmt(&b, "%s$%d", i > 0 ? ", " : "", i + 1);
	buf_add(&b, S(") ON CONFLICT DO NOTHING"));
	buf_char(&b, '\0');
	return m->side->ops->change(m->side, b.p, v, s->cols, &n, e);
}

/* --- a chunk --- */

enum way { WAY_COUNT, WAY_FILL, WAY_SHARE };

static enum err
put_row(struct importing *m, const struct export_chunk *c, const struct shape *s, enum way way, const json_t *row, struct error *e)
{
	struct val v[SIDE_COLUMNS];

	if ((int)json_array_size(row) != s->cols)
		return bad(e, c, "has a row with more or fewer values than columns");
	for (int i = 0; i < s->cols; i++)
		TRY(value_of(m, c, s->t->col[s->col[i]].type, json_array_get(row, (size_t)i), &v[i], e));
	TRY(judge_row(m, c, s, v, e));
	if (!m->all && strcmp(s->t->name, "person") == 0)
		TRY(meet_person(m, c, s, v, e));
	if (way == WAY_FILL)
		return m->side->ops->row(m->side, v, e);
	if (way == WAY_COUNT)
		return OK;
	rename_person(m, s, v);
	return put_if_absent(m, s, v, e);
}

static enum err
put_rows(struct importing *m, struct export_chunk *c, const struct shape *s, enum way way, struct error *e)
{
	json_t *row;

	for (;;) {
		struct arena_mark mark = arena_mark(&m->row);
		TRY(export_next_row(c, &row, e));
		if (row == NULL)
			return OK;
		enum err code = put_row(m, c, s, way, row, e);
		json_decref(row);
		arena_back(&m->row, mark);
		TRY(code);
		m->r->rows[s->place]++;
		m->r->total++;
	}
}

static bool
left_out(const struct importing *m, const struct shape *s)
{
	return m->conf->without_keys && (s->rule->flags & MOVED_SECRET);
}

/* The rows of a chunk in the transaction that is open. */
static enum err
put_table(struct importing *m, struct export_chunk *c, struct error *e)
{
	struct shape s;

	TRY(shape_of(m, c, &s, e));
	m->at = s.place;
	if (left_out(m, &s))
		return OK;
	if (c->number <= m->done)
		return put_rows(m, c, &s, WAY_COUNT, e);
	if (!m->all && (s.rule->flags & MOVED_SHARED))
		return put_rows(m, c, &s, WAY_SHARE, e);
	TRY(m->side->ops->fill(m->side, s.t, s.col, s.cols, e));
	TRY(put_rows(m, c, &s, WAY_FILL, e));
	return m->side->ops->filled(m->side, e);
}

/* The row says where its bytes are now.  In a bucket none is ever stored: the job that uses it finds out whether they are there (model/upload.h). */
static enum err
place_blob(struct importing *m, const struct moved_bytes *b, struct error *e)
{
	static const char here[] = "UPDATE upload SET external = 0, size = $1, state = CASE state WHEN 'waiting' THEN 'stored' ELSE state END WHERE workspace = $2 AND id = $3";
	static const char in_bucket[] = "UPDATE upload SET external = 1, size = NULL, state = CASE state WHEN 'stored' THEN 'waiting' ELSE state END WHERE workspace = $1 AND id = $2";
	struct val v[] = { val_i64(b->size), val_str(b->workspace), val_str(b->upload) };
	bool bucket = m->conf->blobs->external;
	int64_t n;

	return bucket ? m->side->ops->change(m->side, in_bucket, v + 1, 2, &n, e) : m->side->ops->change(m->side, here, v, 3, &n, e);
}

/* Bytes of an upload: the file is written and synced before the transaction that says so. */
static enum err
put_blob(struct importing *m, struct export_chunk *c, struct error *e)
{
	const json_t *from = json_object_get(c->head, "from"), *size = json_object_get(c->head, "size");
	str name = str_z(export_text(c->head, "blob")), bytes = S("");
	json_t *row;

	if (!moved_is_upload(name) || !json_is_integer(from) || !json_is_integer(size))
		return bad(e, c, "is of no upload");
	if (!m->all && !str_eq(str_cut(name, 0, 26), str_z(m->r->scope)))
		return bad(e, c, "is of an upload of another workspace than the export says");
	TRY(export_next_row(c, &row, e));
	const json_t *text = json_array_get(row, 0);
	bool good = json_is_string(text) && crypto_unb64(&m->row, (str){ json_string_value(text), json_string_length(text) }, &bytes);
	json_decref(row);
	int64_t at = json_integer_value(from), whole = json_integer_value(size);
	bool follows = str_eq(m->blob, name) ? at == m->blob_bytes : at == 0;
	if (!good || bytes.n == 0 || !follows || at < 0 || (int64_t)bytes.n > whole - at)
		return bad(e, c, "has bytes of an upload that do not follow each other");
	m->blob = str_eq(m->blob, name) ? m->blob : str_dup(&m->a, name);
	m->blob_bytes = at + (int64_t)bytes.n;
	m->r->blobs += m->blob_bytes == whole;
	struct moved_bytes b = { str_cut(name, 0, 26), str_cut(name, 27, 53), bytes, at, whole, c->number <= m->done };
	TRY(m->conf->blobs->put(m->conf->blobs->ctx, &b, e));
	return moved_last(&b) && !b.again ? place_blob(m, &b, e) : OK;
}

/* The footer says how many rows there were to be. */
static enum err
judge_footer(struct importing *m, const struct export_chunk *c, struct error *e)
{
	const json_t *rows = json_object_get(c->head, "rows");

	m->r->snapshots = json_integer_value(json_object_get(c->head, "snapshots"));
	for (int i = 0; i < nmoved_tables; i++) {
		if (m->conf->without_keys && (moved_tables[i].flags & MOVED_SECRET))
			continue;
		if (json_integer_value(json_object_get(rows, moved_tables[i].name)) != m->r->rows[i])
			return bad(e, c, "says another number of rows than came");
	}
	m->ended = true;
	return OK;
}

static enum err
note(struct importing *m, const struct export_chunk *c, struct error *e)
{
	struct val hash = val_bytes((str){ (const char *)c->chain.b, sizeof(c->chain.b) }), key = val_str((str){ m->id, 26 });
	struct val now = val_i64(sys_wall_ms(m->conf->clock));
	int64_t n = 0;

	if (c->number == 0)
		return m->side->ops->change(m->side, "INSERT INTO moved (export, scope, chunk, hash) VALUES ($1, $2, 0, $3)",
		    (struct val[]){ key, val_str(str_z(m->r->scope)), hash }, 3, &n, e);
	if (m->ended)
		TRY(m->side->ops->change(m->side, "UPDATE moved SET chunk = $1, hash = $2, done_at = $3 WHERE export = $4 AND chunk = $5",
		    (struct val[]){ val_i64(c->number), hash, now, key, val_i64(c->number - 1) }, 5, &n, e));
	else
		TRY(m->side->ops->change(m->side, "UPDATE moved SET chunk = $1, hash = $2 WHERE export = $3 AND chunk = $4",
		    (struct val[]){ val_i64(c->number), hash, key, val_i64(c->number - 1) }, 4, &n, e));
	return n == 1 ? OK : fail(e, E_CONFLICT, NULL, "another import of this export is under way");
}

static enum err
put_contents(struct importing *m, struct export_chunk *c, struct error *e)
{
	if (m->ended)
		return bad(e, c, "comes behind the end");
	if (json_object_get(c->head, "table") != NULL)
		return put_table(m, c, e);
	if (json_object_get(c->head, "blob") != NULL)
		return put_blob(m, c, e);
	if (json_is_true(json_object_get(c->head, "end")))
		return judge_footer(m, c, e);
	m->again |= json_object_get(c->head, "again") != NULL;
	return json_object_get(c->head, "again") != NULL ? OK : bad(e, c, "is of no kind that this program knows");
}

static enum err
put_chunk(struct importing *m, struct export_chunk *c, struct error *e)
{
	struct side *s = m->side;
	struct error later;

	if (c->number <= m->done)
		return c->number == 0 ? OK : put_contents(m, c, e);
	TRY(s->ops->run(s, strcmp(s->ops->name, "sqlite") == 0 ? "BEGIN IMMEDIATE" : "BEGIN", e));
	enum err code = c->number == 0 ? OK : put_contents(m, c, e);
	if (code == OK)
		code = note(m, c, e);
	if (code == OK)
		code = s->ops->run(s, "COMMIT", e);
	if (code != OK)
		(void)s->ops->run(s, "ROLLBACK", &later);
	if (code == E_STORAGE && m->again)
		return fail(e, code, NULL, "%.120s; the export went on after an interruption while its server was writing: make it anew, in one go", str_dup(&m->a, str_z(e->detail)).p);
	if (code != OK)
		return code;
	return c->number % FOLD_EVERY == 0 ? s->ops->fold(s, e) : OK;
}

/* --- the whole file --- */

static enum err
begin(struct importing *m, const struct export_chunk *c, struct error *e)
{
	TRY(judge_head(m, c->head, e));
	TRY(judge_schema(m, c->head, e));
	TRY(judge_target(m, e));
	return m->r->already ? OK : judge_secret(m, c->head, e);
}

/* Chunks that are in are read again, for their sums and for what later ones need to know, and must be the same ones. */
static enum err
same_so_far(struct importing *m, const struct export_chunk *c, struct error *e)
{
	struct val key = val_str((str){ m->id, 26 }), v;

	TRY(side_one(m->side, &m->row, "SELECT hash FROM moved WHERE export = $1", &key, 1, &v, e));
	if (v.s.n == sizeof(c->chain.b) && memcmp(v.s.p, c->chain.b, v.s.n) == 0)
		return OK;
	return fail(e, E_CONFLICT, NULL, "what is in of this export came from another file of the same name: go on with that one");
}

static enum err
take_chunk(struct importing *m, struct export_chunk *c, struct error *e)
{
	const struct move_conf *conf = m->conf;

	arena_reset(&m->row);
	if (c->number == 0)
		TRY(begin(m, c, e));
	if (m->r->already)
		return OK;
	TRY(put_chunk(m, c, e));
	if (c->number == m->done)
		TRY(same_so_far(m, c, e));
	m->r->chunks = c->number + 1;
	m->r->bytes = c->ends;
	crypto_hex(m->r->sum, c->chain.b, sizeof(c->chain.b));
	if (conf->tell != NULL)
		conf->tell(conf->ctx, &(struct move_told){ export_text(c->head, "table"), m->r->total, c->ends });
	return conf->alive == NULL || conf->alive(conf->ctx) ? OK : fail(e, E_SYS, NULL, "stopped: run it again to go on");
}

static enum err
not_whole(int64_t last, bool torn, struct error *e)
{
	return fail(e, E_SYS, NULL, "the export is not whole: it ends behind chunk %lld%s; run the export again, which goes on there", (long long)last, torn ? " and half of the next one" : "");
}

static enum err
take_all(struct importing *m, struct export_reader *r, struct error *e)
{
	struct export_chunk c;
	bool found, torn;

	for (;;) {
		TRY(export_next(r, &c, &found, &torn, e));
		if (!found)
			break;
		TRY(take_chunk(m, &c, e));
		if (m->r->already)
			return OK;
	}
	return m->ended && !torn ? m->side->ops->fold(m->side, e) : not_whole(m->r->chunks - 1, torn, e);
}

enum err
move_import(struct side *s, const struct move_conf *conf, struct export_source from, struct move_result *r, struct error *e)
{
	struct importing m = { .side = s, .conf = conf, .r = r, .done = -1 };
	struct export_reader *reader = export_reader_new(from);

	*r = (struct move_result){ 0 };
	arena_init(&m.a, (size_t)8 << 20);
	arena_init(&m.row, CHUNK_MAX / 4);
	if ((m.twin = calloc(PEOPLE_MAX, sizeof(*m.twin))) == NULL)
		abort();
	enum err code = s->ops->catalog(s, &m.a, &m.catalog, e);
	if (code == OK)
		code = take_all(&m, reader, e);
	export_reader_free(reader);
	free(m.twin);
	arena_free(&m.row);
	arena_free(&m.a);
	return code;
}

enum err
move_prove(const struct move_conf *conf, struct export_source from, char scope[27], struct error *e)
{
	struct export_reader *r = export_reader_new(from);
	bool found = true, torn = false, ended = false;
	struct export_chunk c;
	enum err code = OK;
	int64_t last = -1;

	while (code == OK && (code = export_next(r, &c, &found, &torn, e)) == OK && found) {
		if ((last = c.number) == 0)
			snprintf(scope, 27, "%s", export_text(c.head, "scope"));
		ended = json_is_true(json_object_get(c.head, "end"));
		if (conf->tell != NULL)
			conf->tell(conf->ctx, &(struct move_told){ "looked through", 0, c.ends });
		if (conf->alive != NULL && !conf->alive(conf->ctx))
			code = fail(e, E_SYS, NULL, "stopped: nothing was imported");
	}
	export_reader_free(r);
	if (code == OK && last < 0)
		return fail(e, E_SYS, NULL, "this is no export of scriped: it is empty");
	return code != OK || (ended && !torn) ? code : not_whole(last, torn, e);
}
