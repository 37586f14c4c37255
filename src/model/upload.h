/* upload -- a place for the bytes of one file, and what became of it (contract 6.8).  The only code that names tables
 * upload and upload_text.
 *
 *	waiting -> stored	its bytes are complete: a PUT was answered 200, and no other one will be
 *	stored -> used		a source was made of it; its bytes stay with that
 *	used -> stored		the job that used it failed or was cancelled: it may be used again, for a day
 *	waiting -> used -> waiting	the same in a bucket, where nobody tells us when the bytes are complete: the job finds out
 *	used -> doomed		what was made of it is gone
 *	waiting, stored -> doomed	nobody took it in a day
 *
 * Of what is doomed the bytes go, then the row.  The text that a job read of it is kept until that job ends, in whichever way.
 * Layer: includes db, words. */
#ifndef MODEL_UPLOAD_H
#define MODEL_UPLOAD_H
#include "db/db.h"
#include "model/words.h"

struct upload_headers { str content_type; };
struct upload {
	upload_id id;
	str url;			/* presigned; in no row */
	struct upload_headers headers;	/* that the PUT must have */
	str method, content_type;
	int64_t max_size, expires_at;
	int state;
	bool external;
	int64_t size, since;		/* size: INT_NONE before it is stored */
};
extern const struct rec upload_rec;	/* of an answer */
struct upload_create { str content_type; int64_t max_size; };	/* max_size 0: the cap of the type */
extern const struct rec upload_create_rec;

/* The most bytes that a file of this media type may have; 0: the type is not accepted. */
int64_t	upload_cap(str content_type);
/* Why an upload may go from one state to another; NULL: it may not. */
const char *upload_why(int from, int to, bool external);

MUST_USE enum err upload_insert(struct db *, workspace_id, const struct upload *, struct error *);
/* E_NOT_FOUND: never made, of another workspace, or gone. */
MUST_USE enum err upload_get(struct db *, struct arena *, workspace_id, upload_id, struct upload *ret, struct error *);
/* Its bytes are complete, by this attempt; repeatable.  E_CONFLICT when another attempt was first, or it is gone. */
MUST_USE enum err upload_store(struct db *, workspace_id, upload_id, const ulid *attempt, int64_t size, int64_t now, struct error *);
/* Whether this attempt is the one that completed it. */
MUST_USE enum err upload_stored_by(struct db *, workspace_id, upload_id, const ulid *attempt, bool *ret, struct error *);
/* Asked for, and held until the transaction ends; then what was found; gone is not found. */
MUST_USE enum err upload_hold(struct db *, workspace_id, upload_id, struct rows *ret, struct error *);
MUST_USE enum err upload_held(struct rows *, struct arena *, struct upload *ret, bool *found, struct error *);
/* By that job, under upload_hold.  Nothing happens unless it is stored, or external and waiting. */
MUST_USE enum err upload_use(struct db *, workspace_id, const struct upload *, job_id, int64_t now, struct error *);
MUST_USE enum err upload_release(struct db *, workspace_id, job_id, int64_t now, struct error *);	/* that job came to nothing */
MUST_USE enum err upload_drop(struct db *, workspace_id, upload_id, int64_t now, struct error *);	/* what was made of it is gone */

/* type, title: absent when there is none; marks: packed (text/marked.h); duration: ms, or -1. */
struct upload_text { str body, marks, type, title; int64_t duration; };
MUST_USE enum err upload_text_keep(struct db *, workspace_id, job_id, const struct upload_text *, struct error *);
MUST_USE enum err upload_text_get(struct db *, struct arena *, workspace_id, job_id, struct upload_text *ret, bool *found, struct error *);
MUST_USE enum err upload_text_drop(struct db *, workspace_id, job_id, struct error *);

#define UPLOAD_SLICE	8
/* Condemns what came into its state before that and is not used; and lists what was condemned in an earlier transaction.
 * met: how many of both; 0: there are no more. */
struct upload_doomed { upload_id id[UPLOAD_SLICE]; bool external[UPLOAD_SLICE]; int n; int64_t met; };
MUST_USE enum err upload_doom(struct db *, workspace_id, int64_t before, int64_t now, struct upload_doomed *ret, struct error *);
MUST_USE enum err upload_forget(struct db *, workspace_id, upload_id, struct error *);	/* its bytes are gone */
#endif
