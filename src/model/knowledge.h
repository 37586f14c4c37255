/* knowledge -- reference material that posts are written from: documents, cut into passages, and the index of the words in
 * them.  The only code that names tables knowledge, knowledge_unlisted, knowledge_passage, knowledge_term, knowledge_slice
 * and knowledge_size.
 *
 * A document becomes and goes in many small transactions, so that a megabyte never holds the writer.  In the meantime it is
 * *unlisted*: it stands in a table of its own, no list shows it and no search reads it.
 *
 *	unlisted (text, job) -> passages and terms, slice by slice -> listed, in the transaction of the job's DONE
 *	listed -> unlisted (no job) -> terms and passages removed, slice by slice -> gone
 *
 * A document without a project is of all projects of its workspace.  The same text in the same scope is one document: `hash`.
 *
 * Ownership:  what is read lives in the arena.  Layer: includes db, page, words. */
#ifndef MODEL_KNOWLEDGE_H
#define MODEL_KNOWLEDGE_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

#define KNOWLEDGE_TEXT_MAX	1000000		/* code points (contract 12.1) */
#define KNOWLEDGE_NAME_MAX	500	/* code points */
#define KNOWLEDGE_PREVIEW	500		/* code points of the beginning that is shown */
#define KNOWLEDGE_SLICE		128		/* terms in one transaction, */
#define KNOWLEDGE_PASSAGES	32		/* or passages */
#define KNOWLEDGE_QUERY		500		/* code points of a search */

struct document {
	document_id id;
	project_id project;
	int type;
	str name, url;
	int language;			/* enum knowledge_language; -1: another one */
	int64_t characters, passages;
	str preview;
	bool truncated;
	upload_id upload;		/* that it was made of; in no answer */
};
extern const struct rec document_rec;
struct knowledge_create { int type; str name; project_id project; str text; upload_id upload; str url; };
extern const struct rec knowledge_create_rec;
struct knowledge_query { struct page_query page; project_id project; };
extern const struct rec knowledge_query_rec;

MUST_USE enum err document_get(struct db *, struct arena *, workspace_id, document_id, struct document *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err document_page(struct db *, workspace_id, project_id, document_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err document_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
/* The listed one with that text and scope. */
MUST_USE enum err document_same(struct db *, workspace_id, const digest *hash, document_id *ret, bool *found, struct error *);

/* body: empty until what the text is made of is read; marks: packed, of the body (text/marked.h). */
struct unlisted { document_id id; job_id job; project_id project; int type; str name, body, url; upload_id upload; str marks; };
MUST_USE enum err unlisted_insert(struct db *, workspace_id, const struct unlisted *, struct error *);
MUST_USE enum err unlisted_get(struct db *, struct arena *, workspace_id, document_id, struct unlisted *ret, bool *found, struct error *);
/* Its text was read: name, body, url and marks. */
MUST_USE enum err unlisted_read(struct db *, workspace_id, const struct unlisted *, struct error *);
/* Whether it is unlisted still; held until the transaction ends. */
MUST_USE enum err unlisted_hold(struct db *, workspace_id, document_id, bool *found, struct error *);
MUST_USE enum err unlisted_forget(struct db *, workspace_id, document_id, struct error *);
/* Of all workspaces, behind *w and *d: the keeper's. */
MUST_USE enum err unlisted_next(struct db *, workspace_id *w, document_id *d, job_id *job, bool *found, struct error *);

/* From unlisted to listed, and back: E_NOT_FOUND when it is not listed (any more); *upload: the one that it was made of, or absent. */
MUST_USE enum err document_list(struct db *, workspace_id, const struct document *, int64_t words, const digest *hash,
    str vectors, struct error *);	/* vectors: the model that all passages have some of, or "" */
MUST_USE enum err document_unlist(struct db *, workspace_id, document_id, upload_id *upload, struct error *);

struct passage { str heading, body; int words; };
/* pages: on which each begins; 0: it has none. */
MUST_USE enum err passages_put(struct db *, workspace_id, document_id, int first, const struct passage *, const int *pages, int n, struct error *);
/* Some of a document, from that place on; words are not counted. */
MUST_USE enum err passages_get(struct db *, struct arena *, workspace_id, document_id, int first, int most, struct passage *ret, int *n, struct error *);
struct passage_at { document_id document; project_id project; int language; int64_t place, page; str name, heading, body; };	/* page: INT_NONE: it has none */
/* Of a listed document. */
MUST_USE enum err passage_get(struct db *, struct arena *, workspace_id, document_id, int64_t place, struct passage_at *ret, bool *found, struct error *);
/* On PostgreSQL, many at once, of listed documents: ids and places, each with commas.  passage_scan takes one and tells which, from 1. */
MUST_USE enum err passages_all(struct db *, workspace_id, str documents, str places, struct rows *ret, struct error *);
int64_t	passage_scan(struct rows *, struct arena *, struct passage_at *ret);
struct term { str s, hits; };
/* One slice of at most KNOWLEDGE_SLICE terms. */
MUST_USE enum err terms_put(struct db *, struct arena *, workspace_id, document_id, project_id, int slice, const struct term *, int n, struct error *);
/* All documents that have that row of the index, in the order of their ids: columns document, project, hits. */
MUST_USE enum err term_hits(struct db *, workspace_id, str term, struct rows *ret, struct error *);
/* On PostgreSQL, many at once, a line each, in their order: a fourth column tells which, from 1. */
MUST_USE enum err terms_hits(struct db *, workspace_id, str terms, struct rows *ret, struct error *);
/* It also counts that something changed (vector.h). */
MUST_USE enum err knowledge_size_add(struct db *, workspace_id, int64_t passages, int64_t words, struct error *);
/* The size of the index, and the first documents that are unlisted, ascending. */
MUST_USE enum err knowledge_now(struct db *, workspace_id, int64_t *passages, int64_t *words, document_id *ret, int max, int *n, struct error *);
/* One slice of an unlisted document; *more: there was something. */
MUST_USE enum err document_empty(struct db *, struct arena *, workspace_id, document_id, bool *more, struct error *);
#endif
