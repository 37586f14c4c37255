/* base -- the words every other module is written in: str, arena, buf, error, id.
 *
 * Ownership:  a str never owns its bytes.  An arena owns everything allocated
 *             from it and frees it at once; nothing is freed one by one.
 * Errors:     a function that can fail returns enum err and, on failure only,
 *             fills the caller's struct error.  ret_ parameters are written on
 *             success only.  Library layers never log.
 * Threads:    an arena belongs to one request or job, that to one thread at a time.
 * Units:      times are int64_t milliseconds since 1970 (UTC) unless the name says otherwise.
 * Layer:      first.  Includes nothing of ours. */
#ifndef BASE_H
#define BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_USE	__attribute__((warn_unused_result))
#define PRINTF(f, a)	__attribute__((format(printf, f, a)))
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))
#define likely(c)	__builtin_expect(!!(c), 1)
#define unlikely(c)	__builtin_expect(!!(c), 0)

/* str: a pointer and a length, passed by value.  {NULL, 0} is "absent", {"", 0} is "empty". */
typedef struct { const char *p; size_t n; } str;
#define S(lit)		((str){ "" lit, sizeof(lit) - 1 })
#define S_INIT(lit)	{ "" lit, sizeof(lit) - 1 }
#define STR(s)		(int)(s).n, (s).p		/* for "%.*s" */
#define STR_NONE	((str){ NULL, 0 })
str	str_z(const char *);
static inline bool str_eq(str a, str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
bool	str_ieq(str, str);				/* ASCII case folded */
bool	str_starts(str, str prefix);
bool	str_ends(str, str suffix);
int	str_cmp(str, str);				/* byte order, shorter first */
str	str_cut(str, size_t from, size_t to);		/* clamped */
str	str_trim(str);					/* spaces, tabs, CR, LF at both ends */
str	str_split(str *rest, char at);			/* the part before `at`; *rest moves behind it, absent at the end */
bool	str_int(str, int64_t *ret);			/* the whole of it a decimal number that fits */

/* arena: memory that dies with its request or job.  Over its budget it still
 * gives memory and raises `over`, which the pipeline turns into one clean 503;
 * so no caller checks for NULL.  At 16 times the budget, or when the system has none, it aborts. */
struct block;
struct arena { struct block *top; size_t used, budget; bool over; };
void	 arena_init(struct arena *, size_t budget);
void	*arena_raw(struct arena *, size_t n);		/* not cleared */
void	*arena_alloc(struct arena *, size_t n);		/* cleared, never NULL */
void	*arena_grow(struct arena *, void *p, size_t old, size_t n);	/* in place when p was the last */
void	 arena_reset(struct arena *);			/* forget all, keep the first block for reuse */
void	 arena_free(struct arena *);
struct arena_mark { struct block *top; size_t top_used, used; };
struct arena_mark arena_mark(const struct arena *);
void	 arena_back(struct arena *, struct arena_mark);	/* forget all since the mark */
#define NEW(a, T)	((T *)arena_alloc((a), sizeof(T)))
#define NEW_N(a, T, n)	((T *)arena_alloc((a), (size_t)(n) * sizeof(T)))
str	 str_dup(struct arena *, str);			/* followed by a NUL */
str	 str_fmt(struct arena *, const char *fmt, ...) PRINTF(2, 3);

/* buf: a growing byte string in an arena.  It is born with a maximum; what would pass it is dropped and `over` raised. */
struct buf { struct arena *a; char *p; size_t n, cap, max; bool over; };
void	buf_init(struct buf *, struct arena *, size_t max);
void	buf_room_(struct buf *, size_t n);
static inline void
buf_add(struct buf *b, str s)
{
	if (unlikely(b->cap - b->n < s.n))
		buf_room_(b, s.n);
	if (s.n != 0 && likely(!b->over)) {
		memcpy(b->p + b->n, s.p, s.n);
		b->n += s.n;
	}
}
static inline void buf_char(struct buf *b, char c) { buf_add(b, (str){ &c, 1 }); }
void	buf_fmt(struct buf *, const char *fmt, ...) PRINTF(2, 3);
void	buf_i64(struct buf *, int64_t);
static inline str buf_str(const struct buf *b) { return (str){ b->p != NULL ? b->p : "", b->n }; }

/* error */
enum { EF_BOUND = 1, EF_RETRY = 2, EF_META = 4 };
enum err {
	OK = 0,
#define ERR(code, http, slug, flags, message, help) code,
#include "base/err.def"
#undef ERR
	ERR_COUNT
};
struct error {
	enum err code;
	const char *field;	/* the field at fault, a constant or in the request's arena */
	str extra;		/* JSON for `details` (or `meta`) where it is not {field, reason}; in the request's arena */
	int retry_s;		/* Retry-After, where the code that fails knows it */
	const char *file;
	int line;
	char detail[240];	/* what happened, for a person */
};
enum err fail_(struct error *, enum err, const char *field, const char *file, int line, const char *fmt, ...) PRINTF(6, 7);
/* fail(e, code, field, fmt, ...): fill *e and return code.  file and line go to the log, never to a caller. */
#define fail(e, code, field, ...) fail_((e), (code), (field), __FILE__, __LINE__, __VA_ARGS__)
struct err_row { enum err code; int http; const char *slug; unsigned flags; const char *message, *help; };
const struct err_row *err_row(enum err);
#define err_public(e)	(err_row(e)->slug != NULL)

/* The one control-flow macro in the tree. */
#define TRY(call) do { enum err try_ = (call); if (unlikely(try_ != OK)) return try_; } while (0)

/* Ids: a ULID behind a typed prefix, one C type per entity, so that a post's id cannot be passed as a job's.
 * An id whose first byte is NUL is absent. */
typedef struct { char s[27]; } ulid;
#define ID(type, prefix, kind) typedef struct { ulid u; } type##_id;
#include "base/ids.def"
#undef ID
enum id_kind {
#define ID(type, prefix, kind) ID_##type,
#include "base/ids.def"
#undef ID
	ID_COUNT
};
str	id_prefix(enum id_kind);
const char *id_noun(enum id_kind);			/* "Post" */
bool	id_parse(enum id_kind, str text, ulid *ret);	/* prefix and 26 Crockford letters, upper case */
str	id_text(struct arena *, enum id_kind, const ulid *);
#define id_set(id)	((id).u.s[0] != '\0')

bool	ulid_ok(str);
ulid	ulid_from(int64_t ms, const uint8_t rnd[10]);
ulid	ulid_low(int64_t ms);				/* the least ulid of that millisecond; clamped to what a ulid can hold */
int64_t	ulid_ms(const ulid *);

/* UTF-8 */
size_t	utf8_count(str);				/* code points; every byte that starts one */
str	utf8_head(str, size_t bytes);			/* the beginning, at most that long, up to a character */
bool	utf8_ok(str);					/* strict: no surrogates, no overlong forms */
/* The code point at *i, moving *i behind it; U+FFFD and one byte for what is not UTF-8. */
uint32_t utf8_next(str, size_t *i);

/* RFC 3339 (contract 2.5): with an offset, milliseconds kept, the rest of a fraction cut; and YYYY-MM-DD. */
bool	time_parse(str, int64_t *ret_ms);
bool	date_parse(str, int64_t *ret_ms);		/* 00:00 UTC of that day */
#define TIME_LEN	24				/* 2026-05-15T08:21:00.000Z */
void	time_write(char out[TIME_LEN], int64_t ms);
#define DAY_MS		INT64_C(86400000)
int64_t	time_day(int64_t ms);				/* 00:00 UTC of its day */

#endif
