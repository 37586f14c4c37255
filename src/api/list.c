/* list -- pages: limit, cursor and the envelope of lists (contract 2.3, 12.1).
 *
 * A cursor is base64url of {"createdAt":"…","id":"note_…","f":"<hash of the filters>"}.  f covers workspace, route and
 * filters, so that a cursor of another list, another filter or another tenant is refused; createdAt must be the moment
 * inside the id; and the row must still exist, though it need not match the filters any more. */
#include "api/rq.h"

#define LIMIT_DEFAULT	50
#define LIMIT_MOST	200
#define LIMIT_REFUSED	500
#define FILTER_LEN	16		/* hex digits of f */
#define OUT_MAX		((size_t)64 << 20)

static enum err
take_limit(struct rq *rq, str text)
{
	int64_t n = LIMIT_DEFAULT;

	if (text.n != 0 && (!str_int(text, &n) || n < 1 || n > LIMIT_REFUSED))
		return fail(&rq->err, E_BAD_PAGINATION, "limit", "'limit' must be an integer from 1 to 500.");
	rq->limit = (int)MIN(n, LIMIT_MOST);
	return OK;
}

/* Every parameter that filters, by name and value, in the order of the record; not limit and cursor.  Names are those of the
 * current version where it has them, so that a cursor outlives an upgrade of its client. */
static str
filter_hash(struct rq *rq)
{
	const struct rec *in = rec_in(rq);
	struct crypto_sha256 h;
	char hex[65];

	crypto_sha256_init(&h);
	crypto_sha256_add(&h, (str){ rq->who.workspace.u.s, 26 });
	crypto_sha256_add(&h, str_z(rq->op->path));
	if (rq->op->id_kind >= 0)
		crypto_sha256_add(&h, (str){ rq->id.s, strnlen(rq->id.s, sizeof(rq->id.s)) });
	for (int i = 2; i < in->n; i++)
		for (int k = 0; k < rq->x->nquery; k++) {
			if (!str_eq(rq->x->query[k].name, in->f[i].name) || rq->x->query[k].value.n == 0)
				continue;
			crypto_sha256_add(&h, S("\n"));
			crypto_sha256_add(&h, in->f[i].type == T_MADE ? in->f[i].name : rq->op->in->f[i].name);
			crypto_sha256_add(&h, S("="));
			crypto_sha256_add(&h, rq->x->query[k].value);
		}
	digest d = crypto_sha256_end(&h);
	crypto_hex(hex, d.b, sizeof(d.b));
	return str_dup(rq->a, (str){ hex, FILTER_LEN });
}

static str
member(const json_t *v, const char *name)
{
	const json_t *m = json_object_get(v, name);
	return json_is_string(m) ? (str){ json_string_value(m), json_string_length(m) } : STR_NONE;
}

/* The kind of id that a list gives out: that of its resource's first field. */
static enum id_kind list_kind(const struct op *o) { return (enum id_kind)o->out->f[0].kind; }

static bool
read_cursor(struct rq *rq, str cursor)
{
	struct error ignored;
	int64_t created;
	json_t *v;
	str text;

	if (!crypto_unb64(rq->a, cursor, &text) || json_read(text, &v, &ignored) != OK)
		return false;
	bool ok = json_is_object(v) && id_parse(list_kind(rq->op), member(v, "id"), &rq->after) &&
	    time_parse(member(v, "createdAt"), &created) && created == ulid_ms(&rq->after) &&
	    str_eq(member(v, "f"), rq->filter);
	json_decref(v);
	return ok;
}

const struct miss bad_cursor = { E_BAD_CURSOR, "cursor",
    "The cursor is not valid for this list: start again without one, and drop the rows that you have." };

enum err
list_open(struct rq *rq)
{
	const struct page_query *q = rq->in;

	TRY(take_limit(rq, q->limit));
	rq->filter = filter_hash(rq);
	if (q->cursor.n == 0)
		return OK;
	if (!read_cursor(rq, q->cursor))
		return fail(&rq->err, bad_cursor.code, bad_cursor.field, "%s", bad_cursor.detail);
	return rq->op->anchor(rq->db, rq->who.workspace, &rq->after, &bad_cursor, &rq->err);
}

enum err
anchor_of_handler(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	(void)db, (void)w, (void)id, (void)miss, (void)e;
	return OK;
}

struct page
page_of(const struct rq *rq, int64_t from, int64_t to)
{
	/* one more than asked for tells whether there is more */
	return page_between(&rq->after, from, to, rq->limit + 1);
}

static str
cursor_of(struct rq *rq, const ulid *last)
{
	char t[TIME_LEN];

	time_write(t, ulid_ms(last));
	return crypto_b64(rq->a, str_fmt(rq->a, "{\"createdAt\":\"%.*s\",\"id\":\"%s%s\",\"f\":\"%.*s\"}", TIME_LEN, t,
	    id_prefix(list_kind(rq->op)).p, last->s, STR(rq->filter)));
}

static void
begin_list(struct rq *rq, struct json *j)
{
	buf_init(&rq->out, rq->a, OUT_MAX);
	jw_begin(j, &rq->out);
	jw_obj(j);
	jw_key(j, S("data"));
	jw_arr(j);
}

static void
end_list(struct rq *rq, struct json *j, bool more, const ulid *last)
{
	jw_end(j);
	jw_key(j, S("pagination"));
	jw_obj(j);
	jw_key(j, S("next_cursor"));
	if (more)
		jw_str(j, cursor_of(rq, last));
	else
		jw_null(j);
	jw_key(j, S("has_more"));
	jw_bool(j, more);
	jw_end(j);
	jw_end(j);
	rq->status = 200;
}

enum err
reply_items(struct rq *rq, const struct rec *rec, const void *v, int n, size_t size)
{
	struct json j;

	rec = version_rec(rq->version, rec);
	begin_list(rq, &j);
	for (int i = 0; i < n; i++)
		rec_encode(rec, (const char *)v + (size_t)i * size, &j);
	end_list(rq, &j, false, NULL);
	return OK;
}

/* Rows are encoded as they come, borrowed from the engine: a page is never held twice.  An id stands first in its struct. */
enum err
reply_rows(struct rq *rq, struct rows *rows, const struct rec *rec, size_t size, scan_row *scan)
{
	void *row = arena_alloc(rq->a, size);
	ulid last = { "" };
	bool more = false;
	struct json j;

	rec = version_rec(rq->version, rec);
	begin_list(rq, &j);
	for (int n = 0; db_next(rows) && !(more = n == rq->limit); n++) {
		scan(rq, rows, row);
		memcpy(&last, row, sizeof(last));
		rec_encode(rec, row, &j);
	}
	TRY(db_done(rows, &rq->err));
	end_list(rq, &j, more, &last);
	return OK;
}
