/* source -- longer material: a text that was sent, or what was extracted from a file, with the topics and opening lines
 * (hooks) that are found in it.  The only code that names tables source, source_text, source_topic and source_hook.
 *
 * Who reads a source sees its beginning, never its whole text (contract 6.7): the beginning stands in the row, and the text,
 * which may have a million characters, in a table of its own that only a generation reads.
 * Topics come by their ranking, each with its hooks in their order.  All tables have the source in an index, and a hook is found
 * by its id and its source.
 *
 * Ownership:  what is read lives in the arena.  Layer: includes db, words. */
#ifndef MODEL_SOURCE_H
#define MODEL_SOURCE_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

#define SOURCE_PREVIEW	2000		/* code points of the beginning that is shown */
#define SOURCE_TEXT_MAX	1000000		/* code points (contract 12.1) */
#define SOURCE_TOPICS	50		/* as many are shown */
#define SOURCE_HOOKS	500		/* of all topics together */

struct hook { hook_id id; topic_id topic; str content, post_type; int content_type; };
struct topic {
	topic_id id;
	str title, summary, takeaways;	/* takeaways: a JSON array of strings */
	int64_t ranking, score, from, to;	/* score in thousandths; from and to in milliseconds, of what was spoken */
	struct rec_list hooks;
};
struct source {
	source_id id;
	project_id project;
	int status;
	str name, file_type;
	int64_t duration, updated_at;	/* duration in milliseconds */
	str preview;
	bool truncated, has_text;	/* truncated: there is more text than the preview */
	struct rec_list topics;
};
extern const struct rec source_rec;
/* What a list tells of it: the whole of many would be megabytes. */
struct source_entry {
	source_id id;
	project_id project;
	int status;
	str name, file_type;
	int64_t duration, updated_at;
	str excerpt;
	bool has_text;
};
extern const struct rec source_entry_rec;
struct sources_query { struct page_query page; project_id project; };
extern const struct rec sources_query_rec;
struct source_create { int type; project_id project; str text; upload_id upload; str name; };
extern const struct rec source_create_rec;

/* The beginning of a text that a reader sees, never cut inside a character. */
str	source_preview(str text);
/* With its text, unless that is absent; marks: of the text, packed (text/marked.h), or absent. */
MUST_USE enum err source_insert(struct db *, workspace_id, const struct source *, str text, str marks, struct error *);
MUST_USE enum err source_get(struct db *, struct arena *, workspace_id, source_id, struct source *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err source_status(struct db *, workspace_id, source_id, int *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err source_done(struct db *, workspace_id, source_id, const struct miss *, struct error *);	/* a miss unless it is Done */
MUST_USE enum err hook_exists(struct db *, workspace_id, hook_id, source_id of, const struct miss *, struct error *);	/* `of` absent: of any source */
MUST_USE enum err source_text(struct db *, struct arena *, workspace_id, source_id, str *ret, struct error *);	/* E_NOT_FOUND where there is none */
MUST_USE enum err source_marks(struct db *, struct arena *, workspace_id, source_id, str *ret, struct error *);	/* packed; absent: there are none */
/* Of the project, newest first; read as source_entry_rec. */
MUST_USE enum err source_page(struct db *, workspace_id, project_id, source_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err source_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
/* What was found in a source: topics with their hooks, with ids of all. */
MUST_USE enum err source_topics_insert(struct db *, workspace_id, source_id, const struct rec_list *topics, struct error *);
MUST_USE enum err source_touch(struct db *, workspace_id, source_id, int64_t now, struct error *);	/* it was changed */
/* A hook by itself: where it stands, and what its topic is about. */
struct hook_found { source_id source; str content, title, summary; };
MUST_USE enum err hook_find(struct db *, struct arena *, workspace_id, hook_id, struct hook_found *ret, struct error *);	/* E_NOT_FOUND */
#endif
