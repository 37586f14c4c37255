/* rq -- a request on its way, as the pipeline and the handlers see it.  Private to api/.
 *
 * Handlers use: in, id, who, now, db, a, err, reply(), reply_list(), fresh ids, announce(), made(). */
#ifndef API_RQ_H
#define API_RQ_H
#include "api/call.h"
#include "model/ledger.h"

struct meaning_ask;
struct standing;
enum stage { AT_ADMIT, AT_RATE, AT_BODY, AT_STANDING, AT_WRITE, AT_READ, AT_WAIT, AT_ANSWER };

/* Of twins.c: first: no other of its name goes on in this process. */
struct twin { struct rq *next, *behind, *out; int64_t until_us, pause_us, due_us; bool first; };

struct rq {
	struct call call;		/* first: the engine gives it back */
	struct api *api;
	struct exchange *x;
	const struct conf *conf;
	const struct op *op;
	const struct version *version;
	bool version_named;		/* by the request */
	enum stage stage;
	/* who */
	struct principal who;
	enum auth_known known;
	str address;			/* of the caller, behind trusted proxies */
	bool proxied;			/* the other end is one of them */
	struct limit_ask rate_ask;
	enum err admission;		/* what was said of all but the rate */
	struct limit_state rate;
	bool counted;			/* rate is filled */
	bool charged;			/* it passed the check of its rate: what comes now was paid for */
	char id_text[32];		/* req_… */
	ulid request;
	/* what */
	ulid id;			/* of the path */
	void *in;			/* decoded by op->in */
	struct rec_notes notes;
	struct api_call *inside;	/* that this is, or NULL: it came over HTTP */
	str label;			/* what a face says of it in the log */
	bool spoken;			/* a call from inside stands for it in the log */
	str idem_key;
	bool idem_malformed;
	struct idem_name idem;		/* of idem_key, workspace and route */
	digest fingerprint;
	/* inside a transaction or a read */
	struct db *db;
	struct arena *a;
	struct error err;
	int64_t now;
	struct arena_mark mark;
	bool look;			/* what it took for granted is not so: it runs once more, and looks */
	struct spend_held spend;	/* of reserve_from, if spend_held */
	bool spend_held;
	/* lists */
	ulid after;
	int limit;
	str filter;			/* hash of the filters */
	struct progress_page progress;	/* of jobs, as other nodes told it */
	/* the answer */
	int status;
	struct buf out;
	struct standing *standing;	/* of all buckets: see limits.c */
	const struct meaning_ask *meaning;	/* of a search: the vector of the question */
	str resource;			/* id of what was made, for the audit log */
	bool replayed, first;		/* of an idempotency key */
	int trips;			/* to the database and back, of all its calls */
	int again;			/* so often an uncertain commit was looked after */
	bool owed_wake, owed_gone;	/* by a run whose commit was uncertain */
	struct twin twin;
	unsigned allowed;
	/* published after COMMIT */
	bool wake;			/* a job was enqueued */
	bool gone;			/* rq->job was cancelled */
	bool bust;			/* a key, a member or a consent was changed: the caches of auth must forget */
	job_id job;
	int64_t wait_ms;
	struct work_wait wait;
	int64_t began_us;
};

/* --- for handlers --- */
#define IN(rq, T)	((struct T *)(rq)->in)
#define PATH_ID(rq, T)	((T##_id){ (rq)->id })
static inline ulid fresh(const struct rq *rq) { return sys_ulid(rq->api->c.clock); }
enum err reply(struct rq *, const struct rec *, const void *);
/* The rows of an open query, one page of them. */
typedef void scan_row(struct rq *, struct rows *, void *to);
enum err reply_rows(struct rq *, struct rows *, const struct rec *, size_t size, scan_row *);
/* The same of n items in memory, all on one page. */
enum err reply_items(struct rq *, const struct rec *, const void *, int n, size_t size);
/* An outbox event for a change of this request. */
enum err announce(struct rq *, project_id, int event_type, const struct rec *, const void *);
void	made(struct rq *, enum id_kind, const ulid *);
/* A job with id, type and project, as it is committed, with so many cents reserved; the answer is that job. */
enum err enqueue(struct rq *, struct job *, str input, int64_t cents);
struct upload;
/* The upload that a body names, for that job (uploads.c); may_cost: reading it may have a price. */
enum err upload_take(struct rq *, upload_id, job_id, bool may_cost, struct upload *ret);
int64_t upload_cents(const struct rq *, const struct upload *, int64_t cents);	/* what to reserve for reading it */
/* One that is not shown, beside whatever the answer is. */
enum err enqueue_unseen(struct rq *, job_id, int type, project_id, str input, int64_t cents);
/* So much AI spend for that job, on the day of its id, which is the day that it will be settled on.  reserve_from: ahead, where it can
 * share a round trip with what says how much. */
enum err reserve_from(struct rq *, const job_id *);
enum err reserve(struct rq *, const job_id *, int64_t cents);
/* If-Match against the row as it stands, then what was wrong with the meaning of the body (contract 12.1). */
enum err check_match(struct rq *, const struct rec *, const void *);
extern const struct miss bad_cursor;		/* its row is gone, or was never of this list */
/* The anchor of lists that are of a person: their handlers look after the cursor's row themselves. */
MUST_USE enum err anchor_of_handler(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
struct page page_of(const struct rq *, int64_t from, int64_t to);

/* What a deletion answers: the id of what is gone; its record is called deleted_NAME. */
#define DELETED(K, name, what) \
	struct deleted_##K { K##_id id; bool deleted; }; \
	static const struct field deleted_##K##_fields[] = { \
		F_ID  (deleted_##K, id, K, "id", NULL, 0, what), \
		F_BOOL(deleted_##K, deleted, "deleted", NULL, 0, "It is gone"), \
	}; \
	const struct rec deleted_##K##_rec = REC_NAMED(deleted_##K, "deleted_" name, deleted_##K##_fields, "What was deleted");

/* Who asks, as two answers tell it. */
#define CALLER(rq)	{ (rq)->who.type, auth_name((rq)->a, &(rq)->who), (rq)->who.scopes, auth_role(&(rq)->who), (rq)->who.client }
#define CALLER_FIELDS(S, more) \
	F_WORD (S, type, "type", NULL, F_GROW | more, &principal_type_words, "What kind of caller", "api_key"), \
	F_STR  (S, id, "id", NULL, 0, 0, 0, "The key, or the user", "key_01J9ZAB12CD34E56F7G8H9JKMN"), \
	F_WORDS(S, scopes, "scopes", NULL, F_GROW, &scope_words, "What a key or a program may do; of a signed-in user nothing, for the role decides", "notes:read"), \
	F_WORD (S, role, "role", NULL, F_OMIT | F_MORE, &role_words, "Of a user, and of a program that acts for one: the user's role in this workspace", "Admin"), \
	F_ID   (S, client, client, "clientId", NULL, F_OMIT | F_MORE, "The program that acts for the user")

/* --- for the pipeline --- */
enum err admit(struct rq *, struct db *);	/* token to scope; E_NEED_DB on a cold cache */
void	bucket_ask(const struct rq *, enum bucket, struct limit_ask *ret);	/* how it stands; whoever asks sets `done` */
/* The rate, after what was said of all else: true, rate_judge has its answer; false, the exchange is woken for it. */
bool	rate_ask(struct rq *, enum err);
enum err rate_judge(struct rq *);		/* the answer to rate_ask: OK, or why it is refused */
struct auth_ask rq_ask(const struct rq *);	/* what it shows of who sends it */
enum err identify(struct rq *, struct db *);	/* rq->who, by its token; E_NEED_DB on a cold cache */
enum err admit_known(struct rq *);		/* workspace to scope, of rq->who */
size_t	body_cap(const struct rq *);
enum err take_media(struct rq *);		/* known before the body comes, so that it need not come */
enum err take_body(struct rq *);		/* JSON, record, fingerprint */
enum err take_query(struct rq *);
enum err list_open(struct rq *);		/* limit and cursor; the cursor's row must exist */
enum err write_run(struct call *, struct db *, struct error *);	/* the transaction of a write */
void	respond(struct rq *);			/* headers and body to the front */
/* What a caller is told: our own words for the API's errors, none of the inside for the others. */
enum err err_outside(enum err);
void	error_body(struct rq *, enum err);	/* the envelope into rq->out, its status into rq->status */
enum err handle(struct rq *);			/* list_open, then the handler */
enum err take_version(struct rq *);		/* that the header names, or the default */
enum err run_handler(struct rq *);		/* its errors in the names of the caller's version */
static inline const struct rec *rec_in(const struct rq *rq) { return version_rec(rq->version, rq->op->in); }
struct audit audit_entry(const struct rq *, int status);

/* pipeline.c, for call.c */
struct rq *rq_new(struct api *, struct exchange *);
void	rq_stop(struct rq *, enum err);		/* answers with an error */
void	rq_admit(struct rq *, enum err);	/* its rate is the last question */
void	rq_go_on(struct rq *);			/* admitted, the body is here */
void	rq_resumed(struct rq *);
void	rq_ended(struct rq *);			/* counted and logged */

/* call.c: a call from inside is known, and within its rate, or refused */
void	call_admitted(struct rq *, enum err);

/* limits.c: asks how all buckets stand, then wakes the exchange unless it says true */
bool	standing_ask(struct rq *);
bool	write_again(struct rq *);		/* to the engine, to look this time; false, with the error in rq, when it is closing */

/* twins.c; with the embedded database there are none: NULL */
struct twins *twins_new(struct api *);
void	twins_free(struct twins *);
bool	twins_enter(struct twins *, struct rq *);	/* false: another one of its key is under way, and this one waits for that */
bool	twins_later(struct twins *, struct rq *);	/* its twin is on another node: false when it has waited long enough */
void	twins_leave(struct twins *, struct rq *, bool stands);	/* it is done; stands: so that the others find its record */
int	twins_parked(struct twins *);

/* negotiate.c */
const char *etag_of(struct rq *);
bool	prefers_problem(const struct rq *);
void	problem_body(struct rq *);		/* turns the envelope in rq->out into RFC 9457 */

/* audit.c: refusals and reads that fail wait here for the next transaction */
struct audit_buffer *audit_buffer_new(struct engine *, int max);
void	audit_buffer_free(struct audit_buffer *);
void	audit_later(struct audit_buffer *, const struct audit *);
void	audit_depth(struct audit_buffer *, int *depth, int64_t *dropped, bool *ok);

/* slow.c: threads for OP_SLOW */
struct slow *slow_new(const struct api *);
void	slow_free(struct slow *);
MUST_USE enum err slow_submit(struct slow *, struct call *, struct error *);	/* E_UNAVAILABLE, without taking the call */

/* metrics.c */
void	metrics_older(struct api *, const struct version *);
static inline bool is_older(const struct rq *rq) { return unlikely(rq->version != NULL && rq->version != versions); }
void	metrics_count(struct api *, const struct op *, int status, int64_t us, int trips);

/* health.c */
struct health_state *health_new(struct api *);
void	health_free(struct health_state *);
/* What is wrong, in words; empty where nothing is.  shared: the store of what all nodes count and remember. */
struct health_view { str database, shared; bool reads; };	/* reads: all but writes is served, whatever `database` says */
void	health_look(struct api *, struct health_view *);

/* handlers, one file per resource */
#define HANDLER(name)	enum err name(struct rq *);
HANDLER(health) HANDLER(health_auth) HANDLER(workspace_me) HANDLER(workspaces_list) HANDLER(columns_list)
HANDLER(uploads_create) HANDLER(projects_list) HANDLER(projects_get) HANDLER(projects_create) HANDLER(projects_update) HANDLER(workspace_update)
HANDLER(keys_list) HANDLER(keys_get) HANDLER(keys_create) HANDLER(keys_update) HANDLER(keys_revoke)
HANDLER(folders_list) HANDLER(folders_get) HANDLER(folders_create) HANDLER(folders_update) HANDLER(folders_delete)
HANDLER(columns_get) HANDLER(columns_create) HANDLER(columns_update) HANDLER(columns_delete)
HANDLER(members_list) HANDLER(members_get) HANDLER(members_create) HANDLER(members_update) HANDLER(members_delete)
HANDLER(invitations_list) HANDLER(invitations_create) HANDLER(invitations_delete)
HANDLER(consents_list) HANDLER(consents_get) HANDLER(consents_revoke) HANDLER(my_consents_list) HANDLER(my_consents_revoke)
HANDLER(notes_list) HANDLER(notes_get) HANDLER(notes_create)
HANDLER(posts_list) HANDLER(posts_get) HANDLER(posts_create) HANDLER(posts_update) HANDLER(posts_generate)
HANDLER(sources_list) HANDLER(sources_get) HANDLER(sources_create)
HANDLER(knowledge_list) HANDLER(knowledge_get) HANDLER(knowledge_create) HANDLER(knowledge_delete) HANDLER(knowledge_search)
HANDLER(voice_show) HANDLER(voice_update)
HANDLER(samples_list) HANDLER(samples_get) HANDLER(samples_create) HANDLER(samples_delete)
HANDLER(pillars_list) HANDLER(pillars_get) HANDLER(pillars_create) HANDLER(pillars_update) HANDLER(pillars_delete)
HANDLER(jobs_list) HANDLER(jobs_get) HANDLER(jobs_receipt) HANDLER(jobs_cancel) HANDLER(jobs_create)
HANDLER(request_logs_list) HANDLER(request_logs_get) HANDLER(audit_log_list) HANDLER(usage_get) HANDLER(rate_limits_get)
#undef HANDLER
extern const struct rec job_receipt_rec, deleted_sample_rec, deleted_pillar_rec;
extern const struct rec deleted_person_rec, deleted_invitation_rec, deleted_folder_rec, deleted_status_rec, deleted_document_rec;
extern const struct rec source_or_job_rec, knowledge_search_query_rec, knowledge_answer_rec;
extern const struct rec health_rec, health_auth_rec, me_rec, generation_create_rec, job_create_rec, rate_limits_rec, usage_query_rec, usage_rec;
#endif
