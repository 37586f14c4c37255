/* openapi_priv -- what the parts of the OpenAPI printer share: one document on its way.
 * What a path mentions is noted and printed once, under components. */
#ifndef API_OPENAPI_PRIV_H
#define API_OPENAPI_PRIV_H
#include "api/rq.h"
#include "rec/schema.h"

#define PARTS_MAX	256
#define REFUSALS_MAX	64
#define CODES_MAX	8		/* of one status of one operation */

enum shape { AN_ANSWER, A_BODY, IN_DATA, IN_LIST };
struct part { enum shape shape; const struct rec *rec; const struct rec_form *form; str name; };	/* form NULL: all of the record */
/* The errors of one status, as one response. */
struct refusal { enum err code[CODES_MAX]; int n; unsigned heads; str name; };
struct openapi {
	struct arena a;
	struct json j;
	bool contract, over;		/* over: more parts than there is room for */
	const struct version *version;
	const char *server;		/* where examples lead */
	struct part parts[PARTS_MAX];
	int nparts;
	struct refusal refusals[REFUSALS_MAX];
	int nrefusals;
};

/* The values of the settings when nothing is set. */
#define SET_GROUP(title)
#define SET_STR(name, def, flags, doc)
#define SET_INT(name, def, min, max, unit, flags, doc) DEFAULT_##name = def,
#define SET_BOOL(name, def, flags, doc)
#define SET_ENUM(name, def, words, flags, doc)
enum {
#include "conf/conf.def"
};
#undef SET_GROUP
#undef SET_STR
#undef SET_INT
#undef SET_BOOL
#undef SET_ENUM

/* Which headers an answer may have. */
enum { HEAD_ANY = 1, HEAD_KEY = 2, HEAD_WRITE = 4, HEAD_CHALLENGE = 8, HEAD_RETRY = 16, HEAD_TAG = 32, HEAD_TAKES_KEY = 64 };

/* A single resource, the answers that have a tag. */
static inline bool is_tagged(const struct op *op) { return op->method != M_DELETE && !(op->flags & (OP_LIST | OP_BARE)); }
str	camel(struct openapi *, str snake);			/* note_create: NoteCreate */
void	put_ref(struct openapi *, const char *where, str name);	/* {"$ref":"#/components/where/name"} */
void	put_headers(struct openapi *, unsigned heads);		/* the member `headers` */
struct schema schema_of(struct openapi *, enum schema_use);
str	part_name(struct openapi *, enum shape, const struct rec *, const struct rec *outer, const struct field *);
void	put_parameters(struct openapi *, const struct op *);
void	put_components(struct openapi *);

/* openapi_errors.c */
void	put_refusals(struct openapi *, const struct op *);	/* members of `responses` */
void	put_error_schemas(struct openapi *);			/* members of components.schemas */
void	put_error_responses(struct openapi *);			/* members of components.responses */
void	put_error_examples(struct openapi *);			/* components.examples */
#endif
