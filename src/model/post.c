#include "model/post.h"

#define COUNT_PARTS	16

static const struct field fields[] = {
	F_ID  (post, id, post, "id", "id", 0, "The post"),
	F_ID  (post, project, project, "projectId", "project", F_NULL, "Its project"),
	F_WORD(post, status, "status", "status", 0, &post_status_words, "Where it is on its way", "draft"),
	F_WORD(post, platform, "platform", NULL, F_GROW, &platform_words, "Where it will be published", "linkedin"),
	F_WORD(post, content_type, "contentType", "content_type", 0, &content_type_words, "Kind of content", "PERSONAL"),
	F_STR (post, title, "title", "title", 0, 0, 500, "A name for lists; not published", "What we learned"),
	F_STR (post, content, "content", "content", 0, 0, 0, "The text", "Three things we learned last week."),
	F_TIME(post, scheduled_at, "scheduledAt", "scheduled_at", F_NULL, "When it will be published"),
	F_CREATED(post, id, post, "createdAt", "When it was created"),
	F_TIME(post, updated_at, "updatedAt", "updated_at", F_NULL, "When it was last changed"),
	F_ID  (post, status_id, status, "statusId", "status_id", F_NULL | F_MORE, "Its column on the board"),
	F_WORD(post, category, "statusCategory", "category", F_MORE, &category_words, "Category of that column", "draft"),
	F_BOOL(post, auto_like, "autoLike", "auto_like", F_MORE, "Whether the team likes it after publishing"),
	F_BOOL(post, auto_comment, "autoComment", "auto_comment", F_MORE, "Whether the team comments after publishing"),
};
const struct rec post_rec = REC(post, fields, "A LinkedIn-ready text and its state");
#define COLS "id, project, status, content_type, title, content, scheduled_at, updated_at, status_id, category, auto_like, auto_comment"

static const struct field create_fields[] = {
	F_ID  (post_create, project, project, "projectId", NULL, F_REQ, "The project it belongs to"),
	F_STR (post_create, content, "content", NULL, F_BIG, 0, 0, "The text; one space when left out", "Three things we learned last week."),
	F_STR (post_create, title, "title", NULL, 0, 0, 500, "A name for lists", "What we learned"),
	F_WORD(post_create, content_type, "contentType", NULL, F_RULE, &content_type_words, "PERSONAL when left out", "PERSONAL"),
	F_TIME(post_create, scheduled_for, "scheduledFor", NULL, 0, "A moment in the future: the post is scheduled for it"),
};
const struct rec post_create_rec = REC(post_create, create_fields, "A new post");

static enum err
check_patch(const void *v, struct error *e)
{
	const struct post_patch *p = v;

	if (id_set(p->column) && p->category >= 0)
		return fail(e, E_INVALID_REQUEST, "statusId", "'statusId' and 'statusCategory' exclude each other.");
	if (p->content.p == NULL && p->title.p == NULL && p->content_type == -1 && p->category < 0 && !id_set(p->column) &&
	    p->scheduled_for == TIME_NONE && p->auto_like < 0 && p->auto_comment < 0)
		return fail(e, E_INVALID_REQUEST, NULL, "The body changes nothing: give at least one field.");
	return OK;
}

static const struct field patch_fields[] = {
	F_STR  (post_patch, content, "content", NULL, F_BIG | F_KEEP, 0, 0, "The text", "Three things we learned last week."),
	F_STR  (post_patch, title, "title", NULL, F_KEEP, 0, 500, "A name for lists", "What we learned"),
	F_WORD (post_patch, content_type, "contentType", NULL, F_RULE | F_KEEP, &content_type_words, "Kind of content", "PERSONAL"),
	F_WORD (post_patch, category, "statusCategory", NULL, F_KEEP, &category_words, "Moves the post to the default column of this category; not together with `statusId`", "review"),
	F_ID   (post_patch, column, status, "statusId", NULL, F_KEEP, "Moves the post to this column, one of GET /v1/post-statuses; not together with `statusCategory`"),
	F_TIME (post_patch, scheduled_for, "scheduledFor", NULL, F_ERASE, "A moment in the future: schedules the post for it; null takes it off the calendar, back to draft"),
	F_MAYBE(post_patch, auto_like, "autoLike", F_KEEP, "Whether the team likes it after publishing"),
	F_MAYBE(post_patch, auto_comment, "autoComment", F_KEEP, "Whether the team comments after publishing"),
};
const struct rec post_patch_rec = REC_CHECKED(post_patch, patch_fields, check_patch, "A change of a post; what is left out stays");

static const struct field query_fields[] = {
	PAGE_FIELDS(posts_query),
	F_ID   (posts_query, project, project, "projectId", NULL, F_REQ, "The project"),
	F_WORDS(posts_query, status, "status", NULL, 0, &post_status_words, "Only posts in one of these states, comma-separated", "draft,approved"),
	F_FROM (posts_query, from, "dateFrom", "Only posts created on this UTC day or later"),
	F_TO   (posts_query, to, "dateTo", "Only posts created on this UTC day or earlier"),
};
const struct rec posts_query_rec = REC(posts_query, query_fields, "Filters of the list of posts");

int
post_status_in(int category)
{
	static const int of[CAT_COUNT] = {
		[CAT_SUGGESTED] = POST_SUGGESTED, [CAT_DRAFT] = POST_DRAFT, [CAT_IN_PROGRESS] = POST_DRAFT, [CAT_REVIEW] = POST_WAITING_APPROVAL,
		[CAT_SCHEDULED] = POST_SCHEDULED, [CAT_PUBLISHED] = POST_PUBLISHED,
	};
	return category >= 0 && category < CAT_COUNT ? of[category] : POST_DRAFT;
}

int
post_category(int status)
{
	static const int of[POST_COUNT] = {
		[POST_WAITING_PROCESSING] = CAT_DRAFT, [POST_DRAFT] = CAT_DRAFT, [POST_WAITING_APPROVAL] = CAT_REVIEW,
		[POST_APPROVED] = CAT_REVIEW, [POST_REJECTED] = CAT_REVIEW, [POST_SCHEDULED] = CAT_SCHEDULED,
		[POST_PUBLISHED] = CAT_PUBLISHED, [POST_SUGGESTED] = CAT_SUGGESTED,
	};
	return status >= 0 && status < POST_COUNT ? of[status] : CAT_DRAFT;
}

SQL(insert, "post.insert",
    "INSERT INTO post (workspace, id, project, status, content_type, title, content, scheduled_at, status_id, category, auto_like,"
    " auto_comment, job) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)");
SQL(get, "post.get", "SELECT " COLS " FROM post WHERE workspace = $1 AND id = $2");
SQL(hold, "post.hold", "SELECT " COLS " FROM post WHERE workspace = $1 AND id = $2{for_update}");
SQL(hold_to, "post.hold_to",
    "SELECT " COLS ", (SELECT s.id FROM post_status s WHERE s.workspace = post.workspace AND s.project = post.project AND s.category = $3 AND s.is_default = 1),"
    " (SELECT s.category FROM post_status s WHERE s.workspace = post.workspace AND s.id = $4 AND s.project = post.project)"
    " FROM post WHERE workspace = $1 AND id = $2{for_update}");
/* What stays in its column keeps the entries of three indexes: they are written anew when a statement names what they hold. */
SQL(edit, "post.edit",
    "UPDATE post SET content_type = $3, title = $4, content = $5, scheduled_at = $6, auto_like = $7, auto_comment = $8, updated_at = $9,"
    " version = version + 1 WHERE workspace = $1 AND id = $2");
SQL(move, "post.move",
    "UPDATE post SET status = $3, content_type = $4, title = $5, content = $6, scheduled_at = $7, status_id = $8, auto_like = $9,"
    " auto_comment = $10, updated_at = $11, category = $12, version = version + 1 WHERE workspace = $1 AND id = $2");
SQL(count, "post.count",
    "INSERT INTO post_count (workspace, status_id, part, posts) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (workspace, status_id, part) DO UPDATE SET posts = post_count.posts + excluded.posts");
SQL_PG(0, count_all, "post.count_all",
    "INSERT INTO post_count (workspace, status_id, part, posts)"
    " SELECT t.workspace, t.status_id, t.part, count(*) FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[]) t(workspace, status_id, part)"
    " GROUP BY 1, 2, 3 ORDER BY t.workspace COLLATE \"C\", t.status_id COLLATE \"C\", t.part"
    " ON CONFLICT (workspace, status_id, part) DO UPDATE SET posts = post_count.posts + excluded.posts");
SQL(in_column, "post.in_column", "SELECT id FROM post WHERE workspace = $1 AND status_id = $2 LIMIT $3");
SQL(forget, "post_count.delete", "DELETE FROM post_count WHERE workspace = $1 AND status_id = $2");
SQL(anchor, "post.anchor", "SELECT 1 FROM post WHERE workspace = $1 AND id = $2");
#define PAGE	"SELECT " COLS " FROM post WHERE workspace = $1 AND project = $2 AND id < $3 AND id >= $4"
#define ORDER	" ORDER BY id DESC LIMIT $5"
SQL(page, "post.page", PAGE ORDER);
/* One arm a state, each in the order of its index, merged as they come (PostgreSQL takes a page of each and sorts these: it does not
 * see that an arm is in order); one that is not asked for gets NULL and is empty. */
#define ARM(n)	"{pg}({/pg}" PAGE " AND status = " #n "{pg}" ORDER "){/pg}"
SQL(page_one, "post.page_one", PAGE " AND status = $6" ORDER);
SQL(page_any, "post.page_any", ARM($6) " UNION ALL " ARM($7) " UNION ALL " ARM($8) " UNION ALL " ARM($9) " UNION ALL "
    ARM($10) " UNION ALL " ARM($11) " UNION ALL " ARM($12) " UNION ALL " ARM($13) ORDER);

/* One part is enough where nobody else writes. */
static int part_of(struct db *db, post_id id) { return db->ops->sole(db) ? 0 : id.u.s[25] % COUNT_PARTS; }

static enum err
count_in(struct db *db, workspace_id w, status_id column, int part, int more, struct error *e)
{
	return id_set(column) ? db_run(db, count, e, VID(w), VID(column), V(part), V(more)) : OK;
}

#define COUNTS_MAX	((size_t)1 << 20)	/* bytes of a column */

void
post_counts_init(struct post_counts *m, struct arena *a)
{
	m->n = 0;
	buf_init(&m->workspace, a, COUNTS_MAX);
	buf_init(&m->column, a, COUNTS_MAX);
	buf_init(&m->part, a, COUNTS_MAX);
}

enum err
post_counts_write(struct db *db, struct post_counts *m, struct error *e)
{
	if (m->n == 0)
		return OK;
	struct val w = db_array(&m->workspace), column = db_array(&m->column), part = db_array(&m->part);
	if (m->workspace.over || m->column.over || m->part.over)
		return fail(e, E_UNAVAILABLE, NULL, "too many posts at once");
	return db_run(db, count_all, e, w, column, part);
}

static enum err
enter(struct db *db, workspace_id w, const struct post *p, struct post_counts *all, struct error *e)
{
	int part = part_of(db, p->id);

	if (all == NULL || !id_set(p->status_id))
		return count_in(db, w, p->status_id, part, 1, e);
	all->n++;
	db_array_add(&all->workspace, VID(w));
	db_array_add(&all->column, VID(p->status_id));
	db_array_add(&all->part, V(part));
	return OK;
}

enum err
post_insert(struct db *db, workspace_id w, const struct post *p, struct post_counts *all, struct error *e)
{
	TRY(db_run(db, insert, e, VID(w), VID(p->id), VID(p->project), val_word(&post_status_words, p->status),
	    val_word(&content_type_words, p->content_type), V(p->title), V(p->content), VTIME(p->scheduled_at), VID(p->status_id),
	    val_word(&category_words, p->category), val_bool(p->auto_like), val_bool(p->auto_comment), VID(p->job)));
	return enter(db, w, p, all, e);
}

static void
derive(struct post *p)
{
	p->platform = PLATFORM_LINKEDIN;
}

void
post_scan(struct rows *r, struct arena *a, struct post *ret)
{
	db_scan(&post_rec, r, a, ret);
	derive(ret);
}

static enum err
one(struct db *db, const struct stmt *q, struct arena *a, workspace_id w, post_id id, struct post *ret, struct error *e)
{
	bool found;

	TRY(db_one_(db, q, &post_rec, a, ret, &found, e, VALS(VID(w), VID(id))));
	if (!found)
		return fail(e, E_NOT_FOUND, NULL, "Post not found.");
	derive(ret);
	return OK;
}

enum err
post_get(struct db *db, struct arena *a, workspace_id w, post_id id, struct post *ret, struct error *e)
{
	return one(db, &get, a, w, id, ret, e);
}

enum err
post_hold(struct db *db, struct arena *a, workspace_id w, post_id id, struct post *ret, struct error *e)
{
	return one(db, &hold, a, w, id, ret, e);
}

#define HELD	12		/* columns of COLS */

enum err
post_hold_to(struct db *db, struct arena *a, workspace_id w, post_id id, struct post_goal *g, struct post *ret, struct error *e)
{
	struct rows r;
	bool found;

	TRY(db_query(db, hold_to, &r, e, VID(w), VID(id), val_word(&category_words, g->category), VID(g->column)));
	if ((found = db_next(&r))) {
		post_scan(&r, a, ret);
		struct val at = db_col(&r, HELD);
		g->by_default = (status_id){ 0 };
		if (at.t == V_TEXT)
			memcpy(g->by_default.u.s, at.s.p, 26);
		db_val_word(&category_words, db_col(&r, HELD + 1), &g->in_category);
	}
	TRY(db_done(&r, e));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "Post not found.");
}

/* The two columns in the order of their ids, so that two posts that change places do not wait for each other. */
static enum err
recount(struct db *db, workspace_id w, const struct post *was, const struct post *p, struct error *e)
{
	int order = memcmp(was->status_id.u.s, p->status_id.u.s, sizeof(p->status_id.u.s)), part = part_of(db, p->id);

	if (order == 0)
		return OK;
	TRY(count_in(db, w, order < 0 ? was->status_id : p->status_id, part, order < 0 ? -1 : 1, e));
	return count_in(db, w, order < 0 ? p->status_id : was->status_id, part, order < 0 ? 1 : -1, e);
}

static enum err
count_parts(struct db *db, workspace_id w, status_id column, const int n[COUNT_PARTS], int sign, struct error *e)
{
	for (int i = 0; i < COUNT_PARTS; i++)
		if (n[i] != 0)
			TRY(count_in(db, w, column, i, sign * n[i], e));
	return OK;
}

/* Column by column, part by part: the order of recount, so that neither waits for the other while it holds what that needs. */
enum err
post_recount(struct db *db, workspace_id w, status_id from, status_id to, const post_id *moved, int n, struct error *e)
{
	bool first = memcmp(from.u.s, to.u.s, sizeof(to.u.s)) < 0;
	int parts[COUNT_PARTS] = { 0 };

	for (int i = 0; i < n; i++)
		parts[part_of(db, moved[i])]++;
	TRY(count_parts(db, w, first ? from : to, parts, first ? -1 : 1, e));
	return count_parts(db, w, first ? to : from, parts, first ? 1 : -1, e);
}

enum err
post_move(struct db *db, workspace_id w, const struct post *p, struct error *e)
{
	return db_run(db, move, e, VID(w), VID(p->id), val_word(&post_status_words, p->status), val_word(&content_type_words, p->content_type),
	    V(p->title), V(p->content), VTIME(p->scheduled_at), VID(p->status_id), val_bool(p->auto_like), val_bool(p->auto_comment),
	    VTIME(p->updated_at), val_word(&category_words, p->category));
}

enum err
post_update(struct db *db, workspace_id w, const struct post *was, const struct post *p, struct error *e)
{
	if (was->status == p->status && was->category == p->category && memcmp(&was->status_id, &p->status_id, sizeof(p->status_id)) == 0)
		return db_run(db, edit, e, VID(w), VID(p->id), val_word(&content_type_words, p->content_type), V(p->title), V(p->content),
		    VTIME(p->scheduled_at), val_bool(p->auto_like), val_bool(p->auto_comment), VTIME(p->updated_at));
	TRY(post_move(db, w, p, e));
	return recount(db, w, was, p, e);
}

enum err
post_page(struct db *db, workspace_id w, const struct posts_query *q, const struct page *p, struct rows *ret, struct error *e)
{
	struct val v[5 + POST_COUNT] = { VID(w), VID(q->project), val_ulid(&p->before), val_ulid(&p->from), V(p->limit) };

	int n = 5;

	for (int i = 0; i < POST_COUNT; i++)
		if (q->status >> i & 1)
			v[n++] = val_word(&post_status_words, i);
	if (n <= 6)
		return db_query_(db, n == 5 ? &page : &page_one, ret, e, v, n);
	return db_query_(db, &page_any, ret, e, v, 5 + POST_COUNT);
}

enum err
post_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

enum err
post_in_column(struct db *db, workspace_id w, status_id column, int limit, post_id *ret, int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(db_query(db, in_column, &r, e, VID(w), VID(column), V(limit)));
	for (; *n < limit && db_next(&r); ++*n) {
		ret[*n] = (post_id){ 0 };
		memcpy(ret[*n].u.s, db_col(&r, 0).s.p, 26);
	}
	return db_done(&r, e);
}

enum err
post_forget_column(struct db *db, workspace_id w, status_id column, struct error *e)
{
	return db_run(db, forget, e, VID(w), VID(column));
}
