/* vector -- embeddings of the passages of knowledge documents, as they are kept.  The only code that names table
 * knowledge_vector, and the columns vectors and vectors_at of knowledge but for the insert.
 *
 * A document has vectors of a model when column `vectors` names it: then there is one for each passage, in slices of places that
 * follow each other.  Who makes them later claims the document first: vectors_at is when the claim ends, and as each claim ends
 * at another time it is its name as well.  What is written asks for it, so that a document that was deleted or is somebody
 * else's by now gets nothing (E_CONFLICT).
 *
 * Ownership:  what is read lives in the arena, or until the next row.  Layer: includes db, knowledge. */
#ifndef MODEL_VECTOR_H
#define MODEL_VECTOR_H
#include "model/knowledge.h"

#define VECTORS_SLICE	64		/* the most in one row */

struct vectors { int first, n; str model, data; };
MUST_USE enum err vectors_put(struct db *, workspace_id, document_id, const struct vectors *, struct error *);
/* Columns n and data, in the order of places. */
MUST_USE enum err vectors_of(struct db *, workspace_id, document_id, str model, struct rows *ret, struct error *);
/* Removes some of an unlisted document; *more: there were any. */
MUST_USE enum err vectors_drop(struct db *, workspace_id, document_id, bool *more, struct error *);

/* A listed document whose vectors are not of the model and that nobody makes at `now`; of all workspaces. */
struct vectors_wanted { workspace_id workspace; document_id id; int64_t claim; };
MUST_USE enum err vectors_want(struct db *, str model, int64_t now, struct vectors_wanted *ret, bool *found, struct error *);
/* From `was` to `until`; at first `was` is what vectors_want said. */
MUST_USE enum err vectors_claim(struct db *, struct vectors_wanted *, int64_t until, struct error *);
/* Those that it has are about to be written over: from now on it has those of no model. */
MUST_USE enum err vectors_begin(struct db *, const struct vectors_wanted *, struct error *);
/* All are there: from now on the document has those of the model. */
MUST_USE enum err vectors_whole(struct db *, const struct vectors_wanted *, str model, int64_t now, struct error *);
/* All documents of the workspace get new ones: some of them, *n how many. */
MUST_USE enum err vectors_forget(struct db *, workspace_id, int most, int *n, struct error *);

/* Documents with vectors of the model behind `behind`, ascending: columns id, project, passages, and when the vectors were made. */
MUST_USE enum err vectors_documents(struct db *, workspace_id, str model, document_id behind, int most, struct rows *ret, struct error *);
/* Changes whenever vectors_documents would say something else. */
MUST_USE enum err vectors_changes(struct db *, workspace_id, int64_t *ret, struct error *);
#endif
