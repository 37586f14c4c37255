/* columns -- of the board of a project: /v1/post-statuses.  Whoever changes them holds the project and works on the whole board in
 * memory, for it is short (model/column.h says what stays true). */
#include "model/column.h"
#include "api/rq.h"
#include "model/project.h"
#include "model/vacate.h"

DELETED(status, "post_status", "The column")

struct board { struct column c[COLUMNS_MAX]; int n; };

static void
scan(struct rq *rq, struct rows *r, void *to)
{
	(void)rq;
	db_scan(&column_rec, r, NULL, to);
}

enum err
columns_list(struct rq *rq)
{
	const struct columns_query *q = IN(rq, columns_query);
	struct page p = page_of(rq, TIME_NONE, TIME_NONE);
	struct rows r;

	if (id_set(q->project))
		TRY(project_exists(rq->db, rq->who.workspace, q->project, &rq->err));
	TRY(column_page(rq->db, rq->who.workspace, q->project, (status_id){ p.before }, p.limit, &r, &rq->err));
	return reply_rows(rq, &r, &column_rec, sizeof(struct column), scan);
}

enum err
columns_get(struct rq *rq)
{
	struct column c;

	TRY(column_by_id(rq->db, rq->a, rq->who.workspace, PATH_ID(rq, status), &c, &rq->err));
	return reply(rq, &column_rec, &c);
}

/* --- the board in memory --- */

static enum err
hold(struct rq *rq, project_id id, struct board **ret)
{
	*ret = NEW(rq->a, struct board);
	TRY(project_lock(rq->db, rq->who.workspace, id, &rq->err));
	return column_all(rq->db, rq->a, rq->who.workspace, id, (*ret)->c, &(*ret)->n, &rq->err);
}

static int
index_of(const struct board *b, status_id id)
{
	for (int i = 0; i < b->n; i++)
		if (memcmp(&b->c[i].id, &id, sizeof(id)) == 0)
			return i;
	return -1;
}

static enum err
name_free(struct rq *rq, const struct board *b, str name, int but)
{
	for (int i = 0; i < b->n; i++)
		if (i != but && str_eq(b->c[i].name, name))
			return fail(&rq->err, E_CONFLICT, NULL, "The board of this project has a column of that name already.");
	return OK;
}

/* The column at `at` goes to `to`, or as far as there are columns; the others make room. */
static int
move(struct board *b, int at, int64_t to)
{
	struct column c = b->c[at];
	int end = (int)MIN(to, b->n - 1);

	for (; at < end; at++)
		b->c[at] = b->c[at + 1];
	for (; at > end; at--)
		b->c[at] = b->c[at - 1];
	b->c[end] = c;
	return end;
}

/* Of its category, this one alone. */
static void
make_default(struct board *b, int at)
{
	for (int i = 0; i < b->n; i++)
		if (b->c[i].category == b->c[at].category)
			b->c[i].is_default = i == at;
}

/* Writes what is not as it was read; `order` is the place in the list. */
static enum err
write_down(struct rq *rq, struct board *b, const struct board *was)
{
	for (int i = 0; i < b->n; i++) {
		int old = index_of(was, b->c[i].id);
		b->c[i].order = i;
		if (old >= 0 && was->c[old].order == i && was->c[old].is_default == b->c[i].is_default && str_eq(was->c[old].name, b->c[i].name))
			continue;
		TRY(old < 0 ? column_insert(rq->db, rq->who.workspace, &b->c[i], &rq->err) : column_update(rq->db, rq->who.workspace, &b->c[i], &rq->err));
	}
	return OK;
}

static struct board *
copy(struct rq *rq, const struct board *b)
{
	struct board *c = NEW(rq->a, struct board);

	*c = *b;
	return c;
}

static enum err
tell(struct rq *rq, const struct column *c)
{
	made(rq, ID_status, &c->id.u);
	return reply(rq, &column_rec, c);
}

/* --- changes --- */

enum err
columns_create(struct rq *rq)
{
	const struct column_create *in = IN(rq, column_create);
	struct board *b;

	TRY(hold(rq, in->project, &b));
	TRY(name_free(rq, b, in->name, -1));
	if (b->n >= COLUMNS_MAX)
		return fail(&rq->err, E_CONFLICT, NULL, "The board of a project has at most %d columns: delete one first.", COLUMNS_MAX);
	struct board *was = copy(rq, b);
	struct column c = { .id = { fresh(rq) }, .project = in->project, .name = in->name, .category = in->category };
	b->c[b->n++] = c;
	int at = move(b, b->n - 1, in->order != INT_NONE ? in->order : INT64_MAX);
	if (in->is_default)
		make_default(b, at);
	TRY(write_down(rq, b, was));
	return tell(rq, &b->c[at]);
}

/* The column of the path with its board, held. */
static enum err
hold_column(struct rq *rq, struct board **b, int *at, struct column *ret)
{
	status_id id = PATH_ID(rq, status);

	*b = NEW(rq->a, struct board);
	TRY(column_lock(rq->db, rq->who.workspace, id, &rq->err));
	TRY(column_around(rq->db, rq->a, rq->who.workspace, id, (*b)->c, &(*b)->n, &rq->err));
	if ((*at = index_of(*b, id)) < 0)	/* it went while we waited for its project */
		return fail(&rq->err, E_NOT_FOUND, NULL, "Post status not found.");
	*ret = (*b)->c[*at];
	return OK;
}

enum err
columns_update(struct rq *rq)
{
	const struct column_patch *in = IN(rq, column_patch);
	struct column c;
	struct board *b;
	int at;

	TRY(hold_column(rq, &b, &at, &c));
	TRY(check_match(rq, &column_rec, &c));
	if (in->is_default == 0 && c.is_default)
		return fail(&rq->err, E_CONFLICT, NULL, "Each category has a default column: make another one the default instead.");
	struct board *was = copy(rq, b);
	if (in->name.p != NULL) {
		TRY(name_free(rq, b, in->name, at));
		b->c[at].name = in->name;
	}
	if (in->order != INT_NONE)
		at = move(b, at, in->order);
	if (in->is_default == 1)
		make_default(b, at);
	TRY(write_down(rq, b, was));
	return tell(rq, &b->c[at]);
}

/* DELETE /v1/post-statuses/{statusId}: its posts go to the default column of its category (vacate.h). */
enum err
columns_delete(struct rq *rq)
{
	struct column c;
	struct board *b;
	int at;

	TRY(hold_column(rq, &b, &at, &c));
	if (c.is_default)
		return fail(&rq->err, E_CONFLICT, NULL, "This is the default column of its category: make another one the default first.");
	struct board *was = copy(rq, b);
	(void)move(b, at, INT64_MAX);
	b->n--;
	TRY(write_down(rq, b, was));
	TRY(column_delete(rq->db, rq->who.workspace, c.id, &rq->err));
	TRY(vacate_begin(rq->db, rq->a, rq->api->c.clock, &(struct vacated){ rq->who.workspace, c.id.u, VACANT_COLUMN, c.project, c.category, rq->now }, &rq->err));
	made(rq, ID_status, &c.id.u);
	return reply(rq, &deleted_status_rec, &(struct deleted_status){ c.id, true });
}
