/* post -- the LinkedIn-ready text and its state.  The only code that writes tables post and post_count:
 * how many posts a column holds is counted here, in the transaction that puts them there or takes them away.
 * Layer: includes db, page, words. */
#ifndef MODEL_POST_H
#define MODEL_POST_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

struct post {
	post_id id;
	project_id project;
	int status, platform, content_type;
	str title, content;
	int64_t scheduled_at, updated_at;
	status_id status_id;
	int category;			/* of its column */
	bool auto_like, auto_comment;
	job_id job;			/* that wrote it, if one did */
};
extern const struct rec post_rec;
struct post_create { project_id project; str content, title; int content_type; int64_t scheduled_for; };
extern const struct rec post_create_rec;
/* A change: what is absent stays.  scheduled_for TIME_ERASED takes the post off the calendar. */
struct post_patch {
	str content, title;
	int content_type, category;
	status_id column;
	int64_t scheduled_for;
	int auto_like, auto_comment;	/* -1, 0, 1 */
};
extern const struct rec post_patch_rec;
struct posts_query { struct page_query page; project_id project; unsigned status; int64_t from, to; };
extern const struct rec posts_query_rec;

int	post_status_in(int category);		/* the legacy status of a post that moves there */
int	post_category(int status);		/* the kanban category of a legacy status (contract 12.2) */
/* What a transaction puts into columns, counted at its end in one statement, in the order of their ids: two that put posts into the same columns do
 * not wait for each other while each holds what the other needs.  A statement that PostgreSQL alone has. */
struct post_counts { int n; struct buf workspace, column, part; };
void	post_counts_init(struct post_counts *, struct arena *);
MUST_USE enum err post_counts_write(struct db *, struct post_counts *, struct error *);	/* once; a no-op without any */
/* Counted there, or with NULL at once. */
MUST_USE enum err post_insert(struct db *, workspace_id, const struct post *, struct post_counts *, struct error *);
MUST_USE enum err post_get(struct db *, struct arena *, workspace_id, post_id, struct post *ret, struct error *);	/* E_NOT_FOUND */
/* The same, held until the transaction ends. */
MUST_USE enum err post_hold(struct db *, struct arena *, workspace_id, post_id, struct post *ret, struct error *);
/* The same, and what must be known to move it: the default column of `category` in its project, absent where there is none, and the
 * category of `column`, -1 where its project has no such column. */
struct post_goal { int category; status_id column, by_default; int in_category; };
MUST_USE enum err post_hold_to(struct db *, struct arena *, workspace_id, post_id, struct post_goal *, struct post *ret, struct error *);
/* From what post_hold gave to what it shall be. */
MUST_USE enum err post_update(struct db *, workspace_id, const struct post *was, const struct post *, struct error *);
/* Many that go from one column to another: each to where it shall be, then all counted at once. */
MUST_USE enum err post_move(struct db *, workspace_id, const struct post *, struct error *);
MUST_USE enum err post_recount(struct db *, workspace_id, status_id from, status_id to, const post_id *moved, int n, struct error *);
/* Some posts that a column holds; and its count, when it is gone. */
MUST_USE enum err post_in_column(struct db *, workspace_id, status_id, int limit, post_id *ret, int *n, struct error *);
MUST_USE enum err post_forget_column(struct db *, workspace_id, status_id, struct error *);
MUST_USE enum err post_page(struct db *, workspace_id, const struct posts_query *, const struct page *, struct rows *ret, struct error *);
MUST_USE enum err post_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
void	post_scan(struct rows *, struct arena *, struct post *ret);
#endif
