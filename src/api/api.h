/* api -- the operations of the product as rows of one table, and the one pipeline that every request walks.
 *
 *	front.head  match row -> version -> token -> plan -> workspace -> scope -> rate	(memory only when warm)
 *	front.run   media type, JSON, fields (400, 413, 415)
 *	  read row  -> inline on this thread's read-only connection; PostgreSQL: on the engine's pool
 *	  write row -> the engine: idempotency -> meaning (422) -> handler -> audit, in one transaction
 *	answer      after COMMIT: headers, envelope, log line, metrics
 *
 * A handler is a straight line of 10 to 40 lines: it sees a struct rq with a decoded record, a database and an arena,
 * and ends with reply(); it never sees HTTP or JSON, versions, keys, limits or idempotency.
 *
 * Ownership:  struct rq lives in the exchange's arena, from head() to end().
 * Threads:    a request is on one thread at a time; struct api is shared and read-only but for its atomics.
 * Layer:      includes everything above but app. */
#ifndef API_H
#define API_H
#include "auth/auth.h"
#include "conf/conf.h"
#include "db/engine.h"
#include "front/front.h"
#include "limit/limit.h"
#include "log/log.h"
#include "model/page.h"
#include "work/work.h"
#include <stdatomic.h>

enum method { M_GET, M_POST, M_PATCH, M_DELETE, METHOD_COUNT };
extern const char *const method_names[METHOD_COUNT];
/* NONE: of what needs no key.  FREE: counted nowhere, never refused. */
enum bucket { BUCKET_NONE, BUCKET_FREE, BUCKET_READ, BUCKET_WRITE, BUCKET_JOBS, BUCKET_UPLOADS, BUCKET_COUNT };

enum {
	OP_TX         = 1 << 0,	/* a write: runs in a transaction, with audit */
	OP_IDEMPOTENT = 1 << 1,	/* takes an Idempotency-Key */
	OP_PUBLIC     = 1 << 2,	/* without a token */
	OP_LIST       = 1 << 3,	/* pages: its query starts with a struct page_query */
	OP_TEXT       = 1 << 4,	/* body up to body_max_text */
	OP_MCP        = 1 << 5,	/* offered to agents as a tool */
	OP_ADDITION   = 1 << 6,	/* not part of the documented surface */
	OP_BENCH      = 1 << 7,	/* exists only under the setting `bench` */
	OP_WAITS      = 1 << 8,	/* may wait for the job it makes */
	OP_BARE       = 1 << 9,	/* its answer is not wrapped in `data` */
	OP_MATCHES    = 1 << 10,	/* takes If-Match: its handler calls check_match before the meaning of the body */
	OP_MEMORY     = 1 << 11,	/* a read that tries without a database first: its handler may say E_NEED_DB, or E_NEED_OTHERS when it asked other nodes */
	OP_SLOW       = 1 << 12,	/* a read that may take long: on a thread of its own, with OP_MEMORY first without a database */
	OP_LONG       = 1 << 15,	/* body up to body_max_long */
	OP_PEOPLE     = 1 << 23,	/* people only: keys are refused, whatever their scopes */
	OP_ROLES      = 24,		/* from this bit on: the roles that may, where op_roles would not say so by itself */
};
/* of a row that these roles alone may use: OP_PEOPLE | OP_FOR(ADMIN) | OP_FOR(MANAGER) */
#define OP_FOR(role)	(1u << (OP_ROLES + ROLE_##role))

struct rq;
struct op {
	enum method method;
	const char *path;		/* template: /v1/notes/{noteId} */
	const char *name;		/* operationId, also the name of the tool */
	const char *tag;
	unsigned scopes;		/* of a key, any one of them; 0: any key.  What a person may, op_roles tells */
	enum bucket bucket;
	unsigned flags;
	enum err (*handler)(struct rq *);
	int id_kind;			/* of the {…} in the path; -1: none */
	const struct rec *in;		/* query of a GET, body of the others */
	const struct rec *out;		/* the resource in the answer */
	/* lists: whether a row that a cursor names still exists */
	enum err (*anchor)(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
	const enum err *errors;		/* its own, beside those of the pipeline; ends with OK */
	const char *summary, *doc;
};
struct bucket_row { const char *name; size_t limit; };	/* limit: the setting, by its place in struct conf; 0: none */
extern const struct bucket_row buckets[BUCKET_COUNT];
/* What a caller's requests are counted by in a bucket, or in one of another part: BUCKET_COUNT and up. */
struct limit_key api_budget(const struct principal *, int bucket);
extern const struct op ops[];
extern const int nops;
const struct op *op_named(const char *);	/* NULL: there is none */
/* What is wrong with a table, or NULL: sorted, unique, documented, no PUBLIC by accident, writes in a transaction. */
const char *ops_check(const struct op *, int n);
/* The roles of people that may, a bit each: as the row says; otherwise all may read and all but Client write. */
unsigned op_roles(const struct op *);
/* Whether a caller may: keys by scopes, people by role, programs by both; what is for people alone is closed to keys and programs. */
bool	op_by_scope(const struct op *, const struct principal *);
bool	op_by_role(const struct op *, const struct principal *);

const char *op_methods(struct arena *, unsigned set);	/* "GET, HEAD, POST" of a bit per method */
/* Matching: the row, or NULL with *allowed telling which methods the path has (a bit per method). */
const struct op *op_match(const struct conf *, str method, str path, ulid *ret_id, unsigned *allowed);

/* --- versions (contract 2.2, 12.1) --- */
struct version {
	const char *date;
	const char *deprecated, *sunset, *replacement;	/* dates; NULL while nothing is known of its end */
	bool test;			/* exists only under the setting test_version */
};
extern const struct version versions[];	/* newest first; the first one is the default */
extern const int nversions;
const struct version *version_find(str date);	/* NULL: none of the table */
static inline bool version_known(str date) { return version_find(date) != NULL; }
/* Whether requests may be of it now: a test version under its setting, one with a sunset until then. */
bool	version_open(const struct version *, const struct conf *, const struct sys_clock *);
const struct rec *version_older(const struct version *, const struct rec *);
/* A record as this version has it; NULL: as the current one has it. */
static inline const struct rec *
version_rec(const struct version *v, const struct rec *r)
{
	return likely(v == NULL || v == versions) ? r : version_older(v, r);
}
/* What is wrong with the tables, or NULL. */
const char *versions_check(void);
void	versions_print(struct buf *);		/* both tables, as Markdown */
#define VERSION_CURRENT	"2026-08-01"

/* --- metrics --- */
#define API_BINS	16		/* latency: bin i counts what took at most 2^i * 16 us; the last one the rest */
struct op_stats { _Atomic int64_t status[20], bins[API_BINS], us, trips; };	/* status: by the list in metrics.c; trips: to the database, and back */

/* --- the application --- */
struct api_conf {
	struct engine *engine;
	struct work *work;
	struct auth *auth;
	struct limits *limits;
	struct log *log;
	const struct sys_clock *clock;
	const struct blobs *blobs;	/* NULL: no embedded store */
	struct near *near;		/* NULL: searches look for words alone */
	struct kv *kv;			/* NULL: nobody to count with */
	struct seen *seen;		/* NULL: nothing is read from replicas */
};
struct blobs;
struct near;
struct seen;
struct audit_buffer;
struct journal;
struct tallies;
struct slow;
struct twins;
struct health_state;
struct api {
	struct api_conf c;
	const char *url;			/* where its front listens; NULL: it has none */
	_Atomic(const struct conf *) conf;	/* replaced at SIGHUP; old ones live until the end */
	struct audit_buffer *audit;
	struct journal *journal;
	struct tallies *tallies;
	struct health_state *health;
	struct slow *slow;
	struct twins *twins;
	struct op_stats *stats;			/* one per op, and one more for requests without */
	_Atomic int64_t *of_version;		/* requests, by row of `versions` */
	_Atomic bool leaving, draining;		/* leaving: /readyz says so and all goes on; draining: new work is refused */
};
MUST_USE enum err api_open(const struct api_conf *, const struct conf *, struct api **ret, struct error *);
void	api_close(struct api *);
void	api_front(struct api *, struct front_handler *ret);	/* what the front calls */
/* For the other faces of the server (face.h), so that their requests are numbered, counted and logged like ours.  api_greet is called
 * first in head() and takes x->user.  Then the face answers, or has api_refuse answer
 * with the envelope of an error (405: it takes GET and HEAD), and api_part is called in end(). */
void	api_greet(struct api *, struct exchange *);
const char *api_request_id(const struct exchange *);	/* what X-Request-Id says */
void	api_label(struct exchange *, str what);	/* what was asked for in it, for its log line; lives as long */
str	api_address(const struct exchange *);	/* of the caller, behind trusted proxies */
bool	api_proxied(const struct exchange *);	/* by one of those: what it says of scheme and host is believed */
void	api_refuse(struct exchange *, enum err, const char *message);
void	api_part(struct exchange *);
/* public_url without a slash at its end, or where this server listens when that is empty. */
const char *api_url(const struct api *, struct exchange *);
str	api_origin(const struct conf *, const struct exchange *);	/* the same, borrowed */
bool	etag_listed(str list, const char *tag);	/* of If-None-Match or If-Match, which may say `*` or W/ */
/* /livez and /readyz, for a front of ours: without a key, a log line or a count (ready.c). */
#define READY_FACES	2
void	ready_faces(struct api *, struct front_face ret[READY_FACES]);
/* The Prometheus page, for which the database is asked what it holds: no loop stands for that, nor is a database asked that is known to be away.
 * api_count parks the exchange when it returns true; what was not to be had is left out of the page. */
struct api_counts { struct call call; struct exchange *x; bool known; struct job_counts jobs; int64_t size; };
bool	api_count(struct api *, struct exchange *, struct api_counts *);
MUST_USE enum err api_count_run(void *counts, struct db *, struct error *);
void	api_metrics(struct api *, const struct api_counts *, int connections, int streams, struct buf *);
static inline const struct conf *api_conf(const struct api *a) { return atomic_load_explicit(&a->conf, memory_order_acquire); }
#endif
