/* ledger -- what is written beside a change, in its transaction: the idempotency record, the audit entry, the outbox event.
 * The only code that names tables idempotency, idempotency_old, audit and event.
 *
 * Idempotency (contract 2.9, 12.1).  The transaction of a write begins with idem_look, which finds the record that stands.  Where others
 * write too a round trip is saved by taking for granted that there is none: idem_claim alone fails, or the statement behind it, with E_TAKEN
 * when there is one or a twin is at it; who meets that begins anew with idem_look, and claims where that found nothing.  It never waits
 * for the twin.  idem_finish writes the answer last, and is E_DUPLICATE where a twin was faster after all: then nothing of this one stands.
 * A record is found by its name: workspace, route and key in 25 bytes.  It begins as the key does, so that keys which are in the
 * order of time share the leaves of the index, and ends with 16 bytes of the SHA-256 of all three.
 * idem_look removes a record that is older than keep_idempotency, and it is as if it had not been there.
 *
 * Layer: includes crypto, db, page, words. */
#ifndef MODEL_LEDGER_H
#define MODEL_LEDGER_H
#include "db/db.h"
#include "model/page.h"
#include "model/words.h"

enum { IDEM_BEGINS = 9, IDEM_HASH = 16 };
struct idem_name { uint8_t b[IDEM_BEGINS + IDEM_HASH]; };
struct idem_name idem_name(workspace_id, str route, str key);
struct idem { bool fresh, same; int status; str body; };	/* fresh: ours to fill; otherwise what stands, same: with the same body */
MUST_USE enum err idem_look(struct db *, struct arena *, workspace_id, const struct idem_name *, const digest *, int64_t now, int64_t keep_ms,
    struct idem *ret, struct error *);
MUST_USE enum err idem_claim(struct db *, workspace_id, const struct idem_name *, struct error *);
MUST_USE enum err idem_finish(struct db *, workspace_id, const struct idem_name *, const digest *, int64_t now, int status, str body, struct error *);
/* Gives the records of schema 1 their names, all of them, in transactions of its own: a client that retries what it sent to the
 * older program gets its replay.  Quick where there are none. */
MUST_USE enum err ledger_adopt(struct db *, struct error *);

struct audit {
	audit_id id;			/* carries the moment */
	workspace_id workspace;
	str principal, mode, method, route, request, resource, ip;
	int64_t status;
	client_id client;		/* the program that acted for principal, or unset */
};
extern const struct rec audit_rec;
MUST_USE enum err audit_insert(struct db *, const struct audit *, struct error *);
struct audit_query { struct page_query page; str principal; int64_t from, to; };
extern const struct rec audit_query_rec;
MUST_USE enum err audit_page(struct db *, workspace_id, const struct audit_query *, const struct page *, struct rows *ret, struct error *);
MUST_USE enum err audit_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);

/* The event of contract 12.6: its body is the whole envelope, with the resource as `data`. */
MUST_USE enum err event_put(struct db *, struct arena *, workspace_id, project_id, event_id, int type, const struct rec *, const void *data,
    struct error *);
/* The same of many events, in one statement that PostgreSQL alone has. */
struct events { int n; struct buf workspace, id, type, project, body; };
void	events_init(struct events *, struct arena *);
MUST_USE enum err events_add(struct db *, struct events *, struct arena *, workspace_id, project_id, event_id, int type, const struct rec *, const void *data,
    struct error *);
MUST_USE enum err events_write(struct db *, struct events *, struct error *);	/* once; a no-op without any */
/* What happened since then, oldest first: the event's id, its word, its project, and the id of the thing that it is about, at most `most` of them. */
struct event_seen { ulid id; str type, project, thing; };
MUST_USE enum err event_since(struct db *, struct arena *, workspace_id, const ulid *after, int most, struct event_seen *ret, int *n, struct error *);

/* Deletes at most `slice` rows of a workspace that are older than their keeping; *ret tells how many went. */
MUST_USE enum err ledger_clean(struct db *, workspace_id, int64_t idem_before, int64_t audit_before, int64_t event_before, int slice,
    int64_t *ret, struct error *);
#endif
