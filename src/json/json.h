/* json -- JSON out through a writer that cannot emit anything invalid, and in through jansson behind our own bounds.
 *
 * Writer:   jw_ (json_ is jansson's).  Keys, commas and nesting are its business; the caller says what comes.  A call that would break the
 *           grammar (a value where a key must stand) is a bug and stops a debug build.
 * Reader:   refuses what contract 12.1 refuses: duplicate keys, NUL, invalid UTF-8, nesting over 32; and more than JSON_VALUES values, for a tree of empty objects takes 55 times its text.
 * Ownership: the writer writes into the caller's buf.  A json_t is counted by jansson: json_decref it.
 * Threads:  none of its own.  Layer: includes base. */
#ifndef JSON_H
#define JSON_H
#include "base/base.h"
#include <jansson.h>

#define JSON_DEPTH	32
#define JSON_VALUES	400000	/* vectors of 64 texts with 4,096 dimensions, and some more */

struct json { struct buf *b; uint64_t objects; int depth; bool comma, key; };	/* objects: one bit a level, set inside {} */
void	jw_begin(struct json *, struct buf *);
void	jw_obj(struct json *);
void	jw_arr(struct json *);
void	jw_end(struct json *);		/* of the innermost object or array */
void	jw_key(struct json *, str);		/* an identifier: nothing in it needs an escape */
void	jw_str(struct json *, str);
void	jw_i64(struct json *, int64_t);
void	jw_f64(struct json *, double);	/* not a number and infinities become null */
void	jw_bool(struct json *, bool);
void	jw_null(struct json *);
void	jw_time(struct json *, int64_t ms);
void	jw_raw(struct json *, str);		/* a value that is JSON already */
void	jw_raw2(struct json *, str a, str b);	/* the string a followed by b: an id; nothing in them needs an escape */
static inline void jw_key_str(struct json *j, str k, str v) { jw_key(j, k); jw_str(j, v); }
static inline void jw_key_i64(struct json *j, str k, int64_t v) { jw_key(j, k); jw_i64(j, v); }

/* The whole of `text`, as any JSON value.  detail says where and what. */
MUST_USE enum err json_read(str text, json_t **ret, struct error *);
/* The same without a reason: NULL to what is wrong, and to some of what is right but unusual. */
json_t	*json_quick(str text);
/* How many bytes come before the first one that an escape, the end of the text or a fault is: a control character, a quote, a backslash. */
size_t	json_plain(const char *, size_t);
/* How deep arrays and objects nest in `text`, looking at brackets outside strings only; stops counting at `most` + 1. */
int	json_nesting(str text, int most);
/* At most how many values are in `text`; stops counting behind `most`. */
int	json_values(str text, int most);
/* Canonical form (keys sorted, no blanks) handed to `sink` in pieces. */
void	json_canonical(const json_t *, void (*sink)(void *ctx, str piece), void *ctx);
#endif
