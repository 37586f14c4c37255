/* rec -- one table of fields per record, read by everyone who needs its shape: bodies and queries in, answers out,
 * rows of the database, command-line options, JSON Schema.  Nothing else in the tree lists a record's fields.
 *
 * A row of the table is type-checked against the struct at compile time.  What "absent" is depends on the type: a str without
 * pointer, an id that starts with NUL, a time of TIME_NONE, a word of -1, a T_F64 that is not a number, a T_MILLI of INT_NONE.
 *
 * Two kinds of refusal: shape (400, returned) and meaning (422, the first one kept in notes->later), because an idempotency key is looked
 * at between the two (contract 12.1).  An id of another kind or of no form becomes one that no row has: it is not found where it is looked up.
 *
 * Ownership:  decoded strings are copied into the arena.  Threads: none.  Layer: includes base, json. */
#ifndef REC_H
#define REC_H
#include "json/json.h"

#define TIME_NONE	INT64_MIN
#define TIME_ERASED	(INT64_MIN + 1)
#define WORD_UNKNOWN	(-2)		/* a word of an F_RULE field that was given and is none: the rule is told later */
#define WORDS_NONE	(~0u)		/* of a T_WORDS that a change leaves out */
#define INT_NONE	INT64_MIN	/* of a T_I64 that may be null, and of a T_MILLI */
enum rec_type {
	T_STR, T_I64, T_F64, T_BOOL,
	T_TIME,		/* int64_t; RFC 3339 outside, milliseconds in a row */
	T_FROM, T_TO,	/* int64_t; a day or a moment: its first millisecond, and the first one behind it */
	T_ID,		/* a typed id; `kind` says which */
	T_CREATED,	/* no member of its own: the moment inside the id it points to (contract 12.2) */
	T_WORD,		/* int, the place in `words` */
	T_WORDS,	/* unsigned, a bit per word; an array in JSON, comma-separated in a query and in a row */
	T_REC,		/* a struct by value, described by `rec`; in an answer null when its first field is absent */
	T_JSON,		/* str, JSON already; what is in it is described by `rec`, where there is one */
	T_MAYBE,	/* int: a boolean, or -1 when absent */
	T_LIST,		/* struct rec_list: structs described by `rec`, in answers only */
	T_MILLI,	/* int64_t, thousandths; a number with at most three decimals; lo and hi in thousandths too */
	T_TEXTS,	/* str, a JSON array of strings already; of options comma-separated.  At most `lo` of at most `hi` characters */
	T_MADE,		/* no member of its own: in an older version of the API, made of another field (rec/older.h) */
};
enum {
	F_REQ   = 1 << 0,	/* must be there */
	F_NULL  = 1 << 1,	/* may be null in an answer */
	F_HIDE  = 1 << 2,	/* kept in rows, never shown */
	F_BIG   = 1 << 3,	/* too long is 413; hi 0: the setting text_max */
	F_RULE  = 1 << 4,	/* an unknown word breaks a rule (422), not the shape */
	F_CLAMP = 1 << 5,	/* a number over hi becomes hi */
	F_FREE  = 1 << 6,	/* not part of the idempotency fingerprint */
	F_OMIT  = 1 << 7,	/* left out of an answer when absent */
	F_MORE  = 1 << 8,	/* an addition to the documented API */
	F_KEEP  = 1 << 9,	/* of a change: absent leaves it as it is, and null is refused */
	F_ERASE = 1 << 10,	/* of a change: null takes it away: TIME_ERASED, an empty text or list; of options, so does the empty value */
	F_NAME  = 1 << 11,	/* one line of text that is not blank; of a T_TEXTS each of them */
	F_ALL   = 1 << 12,	/* of a T_WORDS: the text "all" stands for every word */
	F_GROW  = 1 << 13,	/* of an answer: words may be added inside a version of the API */
	F_WEB   = 1 << 14,	/* an F_NAME that begins with https:// or http:// */
};
struct words { const char *const *v; int n, hidden; };	/* hidden: so many of the last ones are in no document */
struct rec_list { const void *v; int n; };
struct rec;
struct made;
struct field {
	str name;
	const char *col;		/* the column; NULL: not in a row */
	uint8_t type, kind;
	uint16_t flags, off;
	int64_t lo, hi;			/* code points of a string, range of a number */
	const struct words *words;
	union {
		const struct rec *rec;
		const struct made *made;	/* of T_MADE */
	};
	const char *doc, *example;
};
/* One of the shapes of a body that has several.  With `when`, that word of the record's first field chooses it; without, it
 * is the one whose fields are there.  The others are names of fields, comma-separated. */
struct rec_form {
	const char *when;
	const char *needs, *bars;	/* fields that must be there, and that must not; NULL: none */
};
struct rec {
	const char *name;
	size_t size;
	const struct field *f;
	int n;
	enum err (*check)(const void *, struct error *);	/* shape that spans fields, or NULL */
	const char *doc;
	const struct rec_form *forms;	/* ends with one that needs nothing and bars nothing; NULL: it has one shape */
	bool either;			/* an answer that is one of the records in its fields, which are all T_REC; never encoded itself */
	const struct rec *newer;	/* of an older version: the record that it was made from; its fields stand in the same places */
};
/* Of a T_MADE field: what it looks like, and how its value goes together with that of a field of the newer record. */
struct made {
	struct field as;
	const struct field *from;
	int slot;			/* the place of the field of the newest record that it ends at */
	void (*give)(const void *from, void *ret);
	void (*take)(const void *value, void *from);
};

#define FIELD_IS(S, m, CT)	(0 * sizeof(_Generic(((struct S *)0)->m, CT: 0)))
#define FIELD(S, m, CT, ty)	.type = ty, .off = (uint16_t)(offsetof(struct S, m) + FIELD_IS(S, m, CT))
#define F_STR(S, m, nm, cl, fl, l, h, d, ex)	{ .name = S_INIT(nm), .col = cl, .flags = fl, .lo = l, .hi = h, .doc = d, .example = ex, FIELD(S, m, str, T_STR) }
#define F_I64(S, m, nm, cl, fl, l, h, d, ex)	{ .name = S_INIT(nm), .col = cl, .flags = fl, .lo = l, .hi = h, .doc = d, .example = ex, FIELD(S, m, int64_t, T_I64) }
#define F_F64(S, m, nm, d, ex)			{ .name = S_INIT(nm), .doc = d, .example = ex, FIELD(S, m, double, T_F64) }
#define F_BOOL(S, m, nm, cl, fl, d)		{ .name = S_INIT(nm), .col = cl, .flags = fl, .doc = d, FIELD(S, m, bool, T_BOOL) }
#define F_MAYBE(S, m, nm, fl, d)		{ .name = S_INIT(nm), .flags = fl, .doc = d, FIELD(S, m, int, T_MAYBE) }
#define F_TIME(S, m, nm, cl, fl, d)		{ .name = S_INIT(nm), .col = cl, .flags = fl, .doc = d, FIELD(S, m, int64_t, T_TIME) }
#define F_FROM(S, m, nm, d)			{ .name = S_INIT(nm), .doc = d, FIELD(S, m, int64_t, T_FROM) }
#define F_TO(S, m, nm, d)			{ .name = S_INIT(nm), .doc = d, FIELD(S, m, int64_t, T_TO) }
#define F_ID(S, m, K, nm, cl, fl, d)		{ .name = S_INIT(nm), .col = cl, .flags = fl, .kind = ID_##K, .doc = d, FIELD(S, m, K##_id, T_ID) }
#define F_CREATED(S, m, K, nm, d)		{ .name = S_INIT(nm), .doc = d, FIELD(S, m, K##_id, T_CREATED) }
#define F_WORD(S, m, nm, cl, fl, w, d, ex)	{ .name = S_INIT(nm), .col = cl, .flags = fl, .words = w, .doc = d, .example = ex, FIELD(S, m, int, T_WORD) }
#define F_WORDS(S, m, nm, cl, fl, w, d, ex)	{ .name = S_INIT(nm), .col = cl, .flags = fl, .words = w, .doc = d, .example = ex, FIELD(S, m, unsigned, T_WORDS) }
#define F_REC(S, m, CT, nm, cl, fl, r, d)	{ .name = S_INIT(nm), .col = cl, .flags = fl, .rec = r, .doc = d, FIELD(S, m, CT, T_REC) }
#define F_LIST(S, m, nm, fl, r, d)		{ .name = S_INIT(nm), .flags = fl, .rec = r, .doc = d, FIELD(S, m, struct rec_list, T_LIST) }
#define F_MILLI(S, m, nm, cl, fl, d, ex)		{ .name = S_INIT(nm), .col = cl, .flags = fl, .doc = d, .example = ex, FIELD(S, m, int64_t, T_MILLI) }
#define F_TEXTS(S, m, nm, cl, fl, d, ex)		{ .name = S_INIT(nm), .col = cl, .flags = fl, .doc = d, .example = ex, FIELD(S, m, str, T_TEXTS) }
/* The same two where they come in; without them they are in answers only. */
#define F_MILLI_IN(S, m, nm, fl, l, h, d, ex)	{ .name = S_INIT(nm), .flags = fl, .lo = l, .hi = h, .doc = d, .example = ex, FIELD(S, m, int64_t, T_MILLI) }
#define F_TEXTS_IN(S, m, nm, fl, l, h, d, ex)	{ .name = S_INIT(nm), .flags = fl, .lo = l, .hi = h, .doc = d, .example = ex, FIELD(S, m, str, T_TEXTS) }
#define F_JSON(S, m, nm, cl, fl, d, ex)		{ .name = S_INIT(nm), .col = cl, .flags = fl, .doc = d, .example = ex, FIELD(S, m, str, T_JSON) }
#define F_JSON_OF(S, m, nm, cl, fl, r, d, ex)	{ .name = S_INIT(nm), .col = cl, .flags = fl, .rec = r, .doc = d, .example = ex, FIELD(S, m, str, T_JSON) }
#define REC(S, fields, d)			{ .name = #S, .size = sizeof(struct S), .f = fields, .n = (int)COUNT(fields), .doc = d }
#define REC_NAMED(S, nm, fields, d)		{ .name = nm, .size = sizeof(struct S), .f = fields, .n = (int)COUNT(fields), .doc = d }
#define F_EITHER(nm, r, d)			{ .name = S_INIT(nm), .type = T_REC, .rec = r, .doc = d }
#define REC_CHECKED(S, fields, ck, d)		{ .name = #S, .size = sizeof(struct S), .f = fields, .n = (int)COUNT(fields), .check = ck, .doc = d }
#define REC_NAMED_CHECKED(S, nm, fields, ck, d)	{ .name = nm, .size = sizeof(struct S), .f = fields, .n = (int)COUNT(fields), .check = ck, .doc = d }
#define FORMS(...)				(const struct rec_form[]){ __VA_ARGS__, { NULL, NULL, NULL } }
#define REC_FORMS(S, fields, d, ...)		{ .name = #S, .size = sizeof(struct S), .f = fields, .n = (int)COUNT(fields), .doc = d, .forms = FORMS(__VA_ARGS__) }
#define REC_EITHER(nm, fields, d)		{ .name = nm, .f = fields, .n = (int)COUNT(fields), .doc = d, .either = true }

struct rec_opts { bool strict; int64_t text_max; };
#define REC_IGNORED	20
struct rec_notes {
	str ignored[REC_IGNORED];	/* names nobody knows; "?name" in a query */
	int nignored;
	struct error later;		/* code OK, or the first broken rule of meaning */
};
struct rec_pair { str name, value; };

void	rec_init(const struct rec *, void *);
MUST_USE enum err rec_decode(const struct rec *, const struct rec_opts *, struct arena *, const json_t *, void *ret,
    struct rec_notes *, struct error *);
/* The same from texts: a query string, options of a command.  A name that comes twice is refused, an empty value is absent. */
MUST_USE enum err rec_decode_pairs(const struct rec *, const struct rec_opts *, struct arena *, const struct rec_pair *, int n, void *ret,
    struct rec_notes *, struct error *);
void	rec_encode(const struct rec *, const void *, struct json *);
/* Where an error speaks of fields by the names of the newest record, in `field` and in quotes in `detail`: the names of this one. */
void	rec_speak(const struct rec *, struct arena *, struct error *);
/* Removes the F_FREE fields from a decoded body: what is left is fingerprinted. */
void	rec_unfree(const struct rec *, json_t *);
int	words_find(const struct words *, str);		/* -1 if it is none of them */
void	words_csv(const struct words *, unsigned set, struct buf *);
bool	words_parse(const struct words *, str csv, unsigned *ret, struct buf *unknown);	/* false, and the unknown ones, comma-separated */
#endif
