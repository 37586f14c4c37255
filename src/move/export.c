#include "move/move.h"
#include "db/migrate.h"
#include "sys/sys.h"
#include <stdio.h>
#include <unistd.h>

#define BLOB_PIECE	((size_t)768 << 10)
#define SQL_MAX		((size_t)64 << 10)

struct exporting {
	struct side *side;
	const struct move_conf *conf;
	struct arena a;			/* of the whole export: catalog, head */
	struct side_catalog catalog;
	struct export_writer w;
	struct move_result *r;
	char id[27];
	/* where an export that was interrupted goes on: behind this row */
	int table;			/* in moved_tables; tables before it are whole */
	struct val last[SIDE_KEYS];
	str blob;			/* the last one whose bytes are in, and how many of them */
	int64_t blob_bytes;
	bool blobs_begun, ended;
	char moment[64], had[64];	/* the latest change there is; that of the snapshot that wrote last */
};

static bool everything(const struct move_conf *c) { return strcmp(c->scope, MOVE_EVERYTHING) == 0; }

void
move_fingerprint(const secret *s, char ret[MOVE_PRINT])
{
	digest d = crypto_hmac(s, S("fingerprint of the secret"));
	crypto_hex(ret, d.b, 16);
}

/* --- how a table is read --- */

static const char *
expression(const struct exporting *x, const struct moved_table *m, const char *column, char quoted[80])
{
	snprintf(quoted, 80, "\"%s\"", column);
	for (size_t i = 0; i < COUNT(m->as); i++)
		if (m->as[i].column != NULL && strcmp(m->as[i].column, column) == 0)
			return m->as[i].expression;
	for (size_t i = 0; i < COUNT(m->as_one) && !everything(x->conf); i++)
		if (m->as_one[i].column != NULL && strcmp(m->as_one[i].column, column) == 0)
			return m->as_one[i].expression;
	return quoted;
}

static const char *
key_name(const struct side_table *t, int place)
{
	for (int i = 0; i < t->cols; i++)
		if (t->col[i].key == place)
			return t->col[i].name;
	return NULL;
}

static void
keys(struct buf *b, const struct side_table *t)
{
	for (int k = 1; k <= t->keys; k++)
		buf_fmt(b, "%s\"%s\"", k > 1 ? ", " : "", key_name(t, k));
}

/* The rows of a table in the order of its key, behind one where the export goes on. */
static const char *
select_of(struct exporting *x, const struct moved_table *m, const struct side_table *t, bool behind, struct val *v, int *n)
{
	const char *which = everything(x->conf) ? m->whole : m->one, *and = " WHERE ";
	char quoted[80];
	struct buf b;

	*n = 0;
	buf_init(&b, &x->a, SQL_MAX);
	for (int i = 0; i < t->cols; i++)
		buf_fmt(&b, "%s%s", i == 0 ? "SELECT " : ", ", expression(x, m, t->col[i].name, quoted));
	buf_fmt(&b, " FROM \"%s\"", t->name);
	if (which != NULL) {
		buf_fmt(&b, " WHERE %s", which);
		and = " AND ";
		if (!everything(x->conf))
			v[(*n)++] = val_str(str_z(x->conf->scope));
	}
	if (behind) {
		buf_fmt(&b, "%s(", and);
		keys(&b, t);
		buf_add(&b, S(") > ("));
		for (int k = 0; k < t->keys; k++) {
			v[(*n)++] = x->last[k];
			buf_fmt(&b, "%s$%d", k > 0 ? ", " : "", *n);
		}
		buf_char(&b, ')');
	}
	buf_add(&b, S(" ORDER BY "));
	keys(&b, t);
	buf_char(&b, '\0');
	return b.p;
}

/* --- rows --- */

static void
write_value(struct exporting *x, struct json *j, struct val v)
{
	switch (v.t) {
	case V_I64:	jw_i64(j, v.i); break;
	case V_TEXT:	jw_str(j, v.s); break;
	case V_BYTES:	jw_str(j, crypto_b64(&x->w.a, v.s)); break;
	case V_NULL:	jw_null(j); break;
	}
}

static void
begin_chunk(struct exporting *x, const struct side_table *t)
{
	struct json *j = export_chunk(&x->w);

	jw_key_str(j, S("table"), str_z(t->name));
	jw_key(j, S("columns"));
	jw_arr(j);
	for (int i = 0; i < t->cols; i++)
		jw_str(j, str_z(t->col[i].name));
	jw_end(j);
	export_line_end(&x->w);
}

static enum err
end_chunk(struct exporting *x, const char *what, struct error *e)
{
	const struct move_conf *c = x->conf;

	TRY(export_chunk_end(&x->w, e));
	x->r->bytes = x->w.bytes;
	x->r->chunks = x->w.chunk;
	if (c->tell != NULL)
		c->tell(c->ctx, &(struct move_told){ what, x->r->total, x->r->bytes });
	return c->alive == NULL || c->alive(c->ctx) ? OK : fail(e, E_SYS, NULL, "stopped: run it again to go on");
}

static enum err
write_rows(struct exporting *x, int place, const struct side_table *t, struct error *e)
{
	struct side *s = x->side;
	bool open = false;

	while (s->ops->next(s)) {
		if (!open)
			begin_chunk(x, t);
		open = true;
		struct json *j = export_row(&x->w);
		for (int i = 0; i < t->cols; i++)
			write_value(x, j, s->ops->col(s, i));
		export_line_end(&x->w);
		x->r->rows[place]++;
		x->r->total++;
		if (x->w.body.n < CHUNK_FULL)
			continue;
		TRY(end_chunk(x, t->name, e));
		open = false;
	}
	return open ? end_chunk(x, t->name, e) : OK;
}

static enum err
export_table(struct exporting *x, int place, bool behind, struct error *e)
{
	const struct moved_table *m = &moved_tables[place];
	const struct side_table *t = side_table(&x->catalog, str_z(m->name));
	struct val v[SIDE_KEYS + 1];
	struct error later;
	int n = 0;

	if (t == NULL || m->stays != NULL || (!everything(x->conf) && m->one == NULL))
		return OK;
	const char *sql = select_of(x, m, t, behind, v, &n);
	TRY(x->side->ops->read(x->side, sql, v, n, e));
	enum err code = write_rows(x, place, t, e), end = x->side->ops->ended(x->side, code == OK ? e : &later);
	return code != OK ? code : end;
}

/* --- the bytes of uploads --- */

static enum err
write_blob(struct exporting *x, const char *name, int fd, struct error *e)
{
	int64_t size = lseek(fd, 0, SEEK_END), from = str_eq(x->blob, str_z(name)) ? x->blob_bytes : 0;
	struct arena a;
	enum err code = OK;

	arena_init(&a, BLOB_PIECE * 4);
	char *piece = arena_raw(&a, BLOB_PIECE);
	while (code == OK && from < size) {
		ssize_t n = pread(fd, piece, MIN(BLOB_PIECE, (size_t)(size - from)), from);
		if (n <= 0) {
			code = fail(e, E_SYS, NULL, "the upload %s cannot be read: %m", name);
			break;
		}
		struct json *j = export_chunk(&x->w);
		jw_key_str(j, S("blob"), str_z(name));
		jw_key_i64(j, S("from"), from);
		jw_key_i64(j, S("size"), size);
		export_line_end(&x->w);
		j = export_row(&x->w);
		jw_str(j, crypto_b64(&x->w.a, (str){ piece, (size_t)n }));
		export_line_end(&x->w);
		code = end_chunk(x, "uploads", e);
		from += n;
	}
	arena_free(&a);
	x->r->blobs += code == OK;
	return code;
}

static enum err
export_blob(struct exporting *x, str workspace, str upload, bool external, struct error *e)
{
	char name[56];
	struct arena a;
	int fd;

	snprintf(name, sizeof(name), "%.26s-%.26s", workspace.p, upload.p);
	/* in the order of their names: what comes before the one that an interrupted export had in hand is in */
	if (x->blob.p != NULL && str_cmp(str_z(name), x->blob) < 0) {
		x->r->blobs++;
		return OK;
	}
	arena_init(&a, 1 << 20);
	enum err code = x->conf->blobs->open(x->conf->blobs->ctx, &a, str_cut(str_z(name), 0, 26), str_cut(str_z(name), 27, 53), external, &fd, e);
	arena_free(&a);
	if (code == E_NOT_FOUND)
		return OK;		/* nobody put it, or it is gone with what was made of it */
	TRY(code);
	code = write_blob(x, name, fd, e);
	close(fd);
	return code;
}

/* In a bucket they may be there before anybody knows (model/upload.h). */
#define HAS_BYTES	"(external <> 0 OR state <> 'waiting') AND state <> 'doomed'"

static enum err
export_blobs(struct exporting *x, struct error *e)
{
	struct side *s = x->side;
	bool all = everything(x->conf);
	struct val scope = val_str(str_z(x->conf->scope));
	enum err code = OK;
	struct error later;

	if (x->conf->blobs == NULL)
		return OK;
	TRY(s->ops->read(s, all ? "SELECT workspace, id, external FROM upload WHERE " HAS_BYTES " ORDER BY workspace, id"
	    : "SELECT workspace, id, external FROM upload WHERE workspace = $1 AND " HAS_BYTES " ORDER BY id", &scope, all ? 0 : 1, e));
	while (code == OK && s->ops->next(s))
		if (s->ops->col(s, 0).s.n == 26 && s->ops->col(s, 1).s.n == 26)
			code = export_blob(x, s->ops->col(s, 0).s, s->ops->col(s, 1).s, s->ops->col(s, 2).i != 0, e);
	enum err end = s->ops->ended(s, code == OK ? e : &later);
	return code != OK ? code : end;
}

/* --- head and footer --- */

/* Each change has an event, and an audit entry where a key made it: the latest ones tell whether there was one since. */
static enum err
look_at_moment(struct exporting *x, struct error *e)
{
	static const char *const sql[][2] = {
		{ "SELECT max(id) FROM event WHERE workspace = $1", "SELECT max((SELECT max(id) FROM event WHERE workspace = w.id)) FROM workspace w" },
		{ "SELECT max(id) FROM audit WHERE workspace = $1", "SELECT max((SELECT max(id) FROM audit WHERE workspace = w.id)) FROM workspace w" },
	};
	bool all = everything(x->conf);
	struct val scope = val_str(str_z(x->conf->scope)), v[2];

	for (size_t i = 0; i < COUNT(sql); i++)
		TRY(side_one(x->side, &x->a, sql[i][all], &scope, all ? 0 : 1, &v[i], e));
	snprintf(x->moment, sizeof(x->moment), "%.*s/%.*s", STR(v[0].s), STR(v[1].s));
	return OK;
}

static enum err
write_head(struct exporting *x, struct error *e)
{
	char print[MOVE_PRINT], at[TIME_LEN];
	ulid id = sys_ulid(x->conf->clock);
	struct json *j = export_chunk(&x->w);
	int64_t schema;

	TRY(side_schema(x->side, &schema, e));
	move_fingerprint(x->conf->secret, print);
	time_write(at, sys_wall_ms(x->conf->clock));
	memcpy(x->id, id.s, sizeof(x->id));
	jw_key_str(j, S("scriped"), S("export"));
	jw_key_i64(j, S("format"), EXPORT_FORMAT);
	jw_key_str(j, S("export"), str_z(x->id));
	jw_key_str(j, S("scope"), str_z(x->conf->scope));
	jw_key_i64(j, S("schema"), schema);
	jw_key_str(j, S("engine"), str_z(x->side->ops->name));
	jw_key_str(j, S("secret"), str_z(print));
	jw_key_str(j, S("createdAt"), (str){ at, TIME_LEN });
	jw_key_str(j, S("version"), S(SCRIPED_VERSION));
	jw_key_str(j, S("moment"), str_z(x->moment));
	jw_key(j, S("uploads"));
	jw_bool(j, x->conf->blobs != NULL);
	export_line_end(&x->w);
	return end_chunk(x, "head", e);
}

static enum err
write_footer(struct exporting *x, struct error *e)
{
	struct json *j = export_chunk(&x->w);

	jw_key(j, S("end"));
	jw_bool(j, true);
	jw_key_i64(j, S("snapshots"), x->r->snapshots);
	jw_key_i64(j, S("uploads"), x->r->blobs);
	jw_key(j, S("rows"));
	jw_obj(j);
	for (int i = 0; i < nmoved_tables; i++)
		if (moved_tables[i].stays == NULL && (everything(x->conf) || moved_tables[i].one != NULL))
			jw_key_i64(j, str_z(moved_tables[i].name), x->r->rows[i]);
	jw_end(j);
	export_line_end(&x->w);
	return end_chunk(x, "footer", e);
}

/* --- going on --- */

static enum err
other_export(struct error *e, const char *what)
{
	return fail(e, E_CONFLICT, NULL, "the file holds the beginning of an export of another %s: remove it, or name another file", what);
}

static enum err
same_head(struct exporting *x, const json_t *head, struct error *e)
{
	char print[MOVE_PRINT];
	int64_t schema;

	TRY(side_schema(x->side, &schema, e));
	move_fingerprint(x->conf->secret, print);
	if (strcmp(export_text(head, "scope"), x->conf->scope) != 0)
		return other_export(e, "scope");
	if (strcmp(export_text(head, "secret"), print) != 0 || strcmp(export_text(head, "engine"), x->side->ops->name) != 0)
		return other_export(e, "server");
	if (json_integer_value(json_object_get(head, "schema")) != schema || json_integer_value(json_object_get(head, "format")) != EXPORT_FORMAT)
		return other_export(e, "release");
	if (json_is_true(json_object_get(head, "uploads")) != (x->conf->blobs != NULL))
		return other_export(e, "kind: uploads are part of one and not of the other");
	snprintf(x->id, sizeof(x->id), "%s", export_text(head, "export"));
	x->r->snapshots = 1;
	return OK;
}

static enum err
remember_key(struct exporting *x, const struct side_table *t, const json_t *columns, const json_t *row, struct error *e)
{
	for (int k = 1; k <= t->keys; k++) {
		int at = side_column(t, str_z(key_name(t, k)));
		json_t *v = json_array_get(row, (size_t)at);
		const char *named = json_string_value(json_array_get(columns, (size_t)at));
		if (named == NULL || strcmp(named, t->col[at].name) != 0)
			return other_export(e, "schema");
		str text = str_dup(&x->a, (str){ json_string_value(v) != NULL ? json_string_value(v) : "", json_string_length(v) });
		if (t->col[at].type == V_BYTES && !crypto_unb64(&x->a, text, &text))
			return other_export(e, "schema");
		x->last[k - 1] = t->col[at].type == V_I64 ? val_i64(json_integer_value(v)) : t->col[at].type == V_BYTES ? val_bytes(text) : val_str(text);
	}
	return OK;
}

/* What of a table is in: its rows are counted, and the last one is where to go on. */
static enum err
recall_rows(struct exporting *x, struct export_chunk *c, struct error *e)
{
	str name = str_z(export_text(c->head, "table"));
	const struct side_table *t = side_table(&x->catalog, name);
	const struct moved_table *m = moved_table(name);
	json_t *row, *last = NULL;
	enum err code = OK;

	if (t == NULL || m == NULL)
		return other_export(e, "schema");
	x->table = (int)(m - moved_tables);
	while (code == OK && (code = export_next_row(c, &row, e)) == OK && row != NULL) {
		json_decref(last);
		last = row;
		x->r->rows[x->table]++;
		x->r->total++;
	}
	if (code == OK)
		code = remember_key(x, t, json_object_get(c->head, "columns"), last, e);
	json_decref(last);
	return code;
}

static enum err
recall_blob(struct exporting *x, struct export_chunk *c, struct error *e)
{
	json_t *row;
	str bytes = S("");
	struct arena a;

	TRY(export_next_row(c, &row, e));
	arena_init(&a, BLOB_PIECE * 4);
	const char *text = json_string_value(json_array_get(row, 0));
	bool good = text != NULL && crypto_unb64(&a, str_z(text), &bytes);
	x->blob = str_dup(&x->a, str_z(export_text(c->head, "blob")));
	x->blob_bytes = json_integer_value(json_object_get(c->head, "from")) + (int64_t)bytes.n;
	x->blobs_begun = true;
	arena_free(&a);
	json_decref(row);
	return good ? OK : other_export(e, "kind");
}

static enum err
recall(struct exporting *x, struct export_chunk *c, struct error *e)
{
	if (json_object_get(c->head, "moment") != NULL)
		snprintf(x->had, sizeof(x->had), "%s", export_text(c->head, "moment"));
	if (c->number == 0)
		TRY(same_head(x, c->head, e));
	else if (json_object_get(c->head, "table") != NULL)
		TRY(recall_rows(x, c, e));
	else if (json_object_get(c->head, "blob") != NULL)
		TRY(recall_blob(x, c, e));
	else if (json_object_get(c->head, "again") != NULL)
		x->r->snapshots++;
	else
		x->ended = true;
	x->w.chain = c->chain;
	x->w.chunk = c->number + 1;
	x->w.bytes = c->ends;
	return OK;
}

/* Reads what is there up to its last whole chunk, and cuts off the rest. */
static enum err
go_on(struct exporting *x, int fd, struct error *e)
{
	struct export_reader *r = export_reader_new((struct export_source){ export_fd, &fd });
	struct export_chunk c;
	bool found = true, torn = false;
	enum err code = OK;

	while (code == OK && found && (code = export_next(r, &c, &found, &torn, e)) == OK && found)
		code = recall(x, &c, e);
	export_reader_free(r);
	TRY(code);
	if (x->w.chunk > 0 && !x->ended && !x->conf->go_on && strcmp(x->had, x->moment) != 0)
		return fail(e, E_CONFLICT, NULL, "the database was written to since this export was interrupted, so that its parts would not fit each other: remove the file and begin anew, "
		    "or go on all the same (--go-on)");
	if (ftruncate(fd, x->w.bytes) != 0 || lseek(fd, x->w.bytes, SEEK_SET) < 0)
		return fail(e, E_SYS, NULL, "the file that an export goes on in: %m");
	x->r->resumed = x->w.chunk > 0;
	return OK;
}

/* Where an export went on the rows come of another snapshot: whoever reads the file is to know.  Of the same moment, unless somebody insisted. */
static enum err
write_again(struct exporting *x, struct error *e)
{
	char at[TIME_LEN];
	struct json *j = export_chunk(&x->w);

	time_write(at, sys_wall_ms(x->conf->clock));
	x->r->snapshots++;
	jw_key_str(j, S("again"), (str){ at, TIME_LEN });
	jw_key_str(j, S("moment"), str_z(x->moment));
	export_line_end(&x->w);
	return end_chunk(x, "head", e);
}

static enum err
write_all(struct exporting *x, struct error *e)
{
	int from = MAX(x->table, 0);

	if (x->w.chunk == 0) {
		x->r->snapshots = 1;
		TRY(write_head(x, e));
	} else {
		TRY(write_again(x, e));
	}
	for (int i = from; i < nmoved_tables && !x->blobs_begun; i++)
		TRY(export_table(x, i, i == x->table && x->table >= 0, e));
	TRY(export_blobs(x, e));
	return write_footer(x, e);
}

/* Of an older one rows would come to tables that mean other things now; and its idempotency records have no names yet. */
static enum err
judge_schema(struct exporting *x, struct error *e)
{
	int64_t schema;

	if (side_table(&x->catalog, S("workspace")) == NULL)
		return fail(e, E_NOT_FOUND, NULL, "this database has no tables of scriped");
	TRY(side_schema(x->side, &schema, e));
	return schema >= schema_oldest ? OK : fail(e, E_CONFLICT, NULL, "this database has schema %lld, and exports begin with %d: upgrade it first "
	    "(the embedded one by a start of scriped serve, PostgreSQL by scriped migrate)", (long long)schema, schema_oldest);
}

static enum err
scope_is_there(struct exporting *x, struct error *e)
{
	struct val id = val_str(str_z(x->conf->scope)), found;

	if (everything(x->conf))
		return OK;
	TRY(side_one(x->side, &x->a, "SELECT id FROM workspace WHERE id = $1", &id, 1, &found, e));
	return found.t != V_NULL ? OK : fail(e, E_NOT_FOUND, NULL, "there is no workspace org_%s: see scriped workspace list", x->conf->scope);
}

enum err
move_export(struct side *s, const struct move_conf *conf, int fd, bool resumable, struct move_result *r, struct error *e)
{
	struct exporting x = { .side = s, .conf = conf, .r = r, .table = -1 };

	*r = (struct move_result){ 0 };
	arena_init(&x.a, (size_t)8 << 20);
	export_writer_init(&x.w, fd);
	enum err code = s->ops->catalog(s, &x.a, &x.catalog, e);
	if (code == OK)
		code = judge_schema(&x, e);
	if (code == OK)
		code = scope_is_there(&x, e);
	if (code == OK)
		code = look_at_moment(&x, e);
	if (code == OK && resumable)
		code = go_on(&x, fd, e);
	if (code == OK && !x.ended)
		code = write_all(&x, e);
	crypto_hex(r->sum, x.w.chain.b, sizeof(x.w.chain.b));
	snprintf(r->scope, sizeof(r->scope), "%s", conf->scope);
	r->bytes = x.w.bytes;
	r->chunks = x.w.chunk;
	export_writer_free(&x.w);
	arena_free(&x.a);
	return code;
}
