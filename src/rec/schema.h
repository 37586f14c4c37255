/* schema -- a record as JSON Schema 2020-12, from the table that decodes and encodes it, with examples that fit it.
 *
 * An answer lists what is always there as required, and says in so many words that there may be more: clients made by
 * openapi-generator refuse a field that was added later, unless additionalProperties is written out.  A body does not say so,
 * though unknown fields are ignored and null is absence in a create: a client that is checked against it finds its typing errors.
 * A query's lists of words are arrays, sent comma-separated.
 *
 * Ownership:  writes into the caller's writer.  Threads: none.  Layer: includes base, json. */
#ifndef REC_SCHEMA_H
#define REC_SCHEMA_H
#include "rec/rec.h"

enum schema_use { SCHEMA_ANSWER, SCHEMA_BODY, SCHEMA_QUERY };
/* The value of a field in the example of its record, where the field's own would contradict what stands beside it. */
struct schema_sample { const char *rec, *field, *json; };
struct schema {
	enum schema_use use;
	bool more;			/* F_MORE fields too, marked x-scriped-addition */
	/* In one piece: a record stands where $ref would, the forms of a body are one object whose description tells what goes
	 * together, and nothing is in it that is ours alone: formats, x-… keywords; no examples in an answer. */
	bool whole;
	int64_t text_max;		/* of F_BIG fields whose hi is 0 */
	const struct schema_sample *samples;	/* ends with a rec of NULL */
	/* what $ref says of the record inside a field */
	str (*ref)(void *ctx, enum schema_use, const struct rec *outer, const struct field *);
	str (*form_ref)(void *ctx, const struct rec *, const struct rec_form *);	/* what $ref says of a form of a body */
	void *ctx;
};
#define SCHEMA_ULID	"01J9ZAB12CD34E56F7G8H9JKMN"	/* of every id in an example */

bool	schema_shows(const struct schema *, const struct field *);
void	schema_rec(const struct schema *, const struct rec *, struct json *);		/* a schema */
void	schema_form(const struct schema *, const struct rec *, const struct rec_form *, struct json *);	/* that of one form of a body */
/* The keywords of one field into an open object, without its description and examples. */
void	schema_field(const struct schema *, const struct rec *, const struct field *, struct json *);
str	schema_doc(const struct schema *, const struct field *, struct arena *);
str	schema_forms(const struct rec *, struct arena *);	/* in words: what goes together in a body with forms */
void	schema_property(const struct schema *, const struct rec *, const struct field *, struct json *);	/* one field, as an object */
void	schema_id(enum id_kind, struct json *);			/* the keywords of an id, likewise */
void	schema_example(const struct schema *, const struct rec *, struct json *);	/* a value */
void	schema_field_example(const struct schema *, const struct field *, struct json *);
#endif
