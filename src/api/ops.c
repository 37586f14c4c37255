#include "api/rq.h"
#include "model/folder.h"
#include "model/grant.h"
#include "model/invitation.h"
#include "model/key.h"
#include "model/knowledge.h"
#include "model/note.h"
#include "model/person.h"
#include "model/post.h"
#include "model/project.h"
#include "model/source.h"
#include "model/upload.h"
#include "model/request.h"
#include "model/voice.h"
#include <stdio.h>

const char *const method_names[METHOD_COUNT] = { "GET", "POST", "PATCH", "DELETE" };

#define BUCKET(b, n)	[BUCKET_##b] = { #n, offsetof(struct conf, rate_##n) }
const struct bucket_row buckets[BUCKET_COUNT] = {
	[BUCKET_NONE] = { "none", 0 }, [BUCKET_FREE] = { "free", 0 },
	BUCKET(READ, read), BUCKET(WRITE, write), BUCKET(JOBS, jobs), BUCKET(UPLOADS, uploads),
};

#define ERRORS(...)	(const enum err[]){ __VA_ARGS__, OK }
#define S_(name)	SCOPE_BIT(name)
#define WRITE		(OP_TX | OP_IDEMPOTENT | OP_MCP)
#define EDIT		(OP_TX | OP_IDEMPOTENT | OP_MCP | OP_ADDITION)
#define ADMIN		(OP_ADDITION | OP_PEOPLE | OP_FOR(ADMIN))
#define MANAGER		(ADMIN | OP_FOR(MANAGER))
#define ANYBODY		(MANAGER | OP_FOR(CREATOR) | OP_FOR(ASSISTANT) | OP_FOR(CLIENT))

/* Every operation of the product, sorted by path and method.  One row is all there is to an endpoint: the pipeline, the
 * OpenAPI document, the metrics and the tests read it. */
const struct op ops[] = {
	{ M_GET, "/v1/audit-log", "list_audit_log", "Logs", 0, BUCKET_READ, OP_LIST | OP_ADDITION | OP_PEOPLE | OP_FOR(ADMIN), audit_log_list, -1, &audit_query_rec, &audit_rec,
	  audit_anchor, NULL,
	  "List who changed what", "Newest first: every write of a known caller, every refusal of one by 401 or 403, and what the command line did. Entries are never changed." },
	{ M_GET, "/v1/consents", "list_consents", "Consents", 0, BUCKET_READ, OP_LIST | MANAGER, consents_list, -1, &consents_query_rec, &consent_rec, consent_anchor, NULL,
	  "List what members allowed programs", "The consents whose workspace is this one, those that hold, newest first. A program reaches every workspace that its user belongs to." },
	{ M_GET, "/v1/consents/{consentId}", "get_consent", "Consents", 0, BUCKET_READ, MANAGER, consents_get, ID_consent, NULL, &consent_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a consent", "What one member allowed one program." },
	{ M_POST, "/v1/consents/{consentId}/revoke", "revoke_consent", "Consents", 0, BUCKET_WRITE, OP_TX | ADMIN, consents_revoke, ID_consent, NULL, &consent_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Revoke a consent of a member", "Every token of the program for this user is void from then on, at once on the server that answers. The user may allow it again." },
	{ M_GET, "/v1/folders", "list_folders", "Folders", S_(NOTES_READ), BUCKET_READ, OP_LIST | OP_MCP | OP_ADDITION, folders_list, -1, &folders_query_rec, &folder_rec, folder_anchor, ERRORS(E_NOT_FOUND),
	  "List folders of a project", "Newest first." },
	{ M_POST, "/v1/folders", "create_folder", "Folders", S_(NOTES_WRITE), BUCKET_WRITE, EDIT, folders_create, -1, &folder_create_rec, &folder_rec, NULL, ERRORS(E_NOT_FOUND, E_CONFLICT),
	  "Create a folder", "At most 100 in a project, each with a name of its own." },
	{ M_GET, "/v1/folders/{folderId}", "get_folder", "Folders", S_(NOTES_READ), BUCKET_READ, OP_MCP | OP_ADDITION, folders_get, ID_folder, NULL, &folder_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a folder", "One folder." },
	{ M_PATCH, "/v1/folders/{folderId}", "update_folder", "Folders", S_(NOTES_WRITE), BUCKET_WRITE, EDIT | OP_MATCHES, folders_update, ID_folder, &folder_patch_rec, &folder_rec, NULL,
	  ERRORS(E_NOT_FOUND, E_CONFLICT, E_PRECONDITION_FAILED),
	  "Rename a folder", "Its notes stay in it." },
	{ M_DELETE, "/v1/folders/{folderId}", "delete_folder", "Folders", S_(NOTES_WRITE), BUCKET_WRITE, OP_TX | OP_MCP | OP_ADDITION, folders_delete, ID_folder, NULL, &deleted_folder_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Delete a folder", "Its notes go to the root: the first 50 at once, more of them within seconds, during which they name the folder that is gone." },
	{ M_GET, "/v1/health", "get_health", "Health", 0, BUCKET_NONE, OP_PUBLIC | OP_BARE, health, -1, NULL, &health_rec, NULL, NULL,
	  "Health of the service", "Unauthenticated. 200 when ok, 503 when degraded: switch on `status`. At most a second old." },
	{ M_GET, "/v1/health/auth", "check_auth", "Health", 0, BUCKET_READ, OP_BARE | OP_MCP, health_auth, -1, NULL, &health_auth_rec, NULL, NULL,
	  "Authenticated key smoke test", "Tells who asks and whether the service is well." },
	{ M_GET, "/v1/invitations", "list_invitations", "Members", 0, BUCKET_READ, OP_LIST | MANAGER, invitations_list, -1, &invitations_query_rec, &invitation_rec, invitation_anchor, NULL,
	  "List invitations", "Newest first, until they are over; accepted ones too. At most 1,000 in a workspace." },
	{ M_POST, "/v1/invitations", "create_invitation", "Members", 0, BUCKET_WRITE, OP_TX | ADMIN, invitations_create, -1, &invitation_create_rec, &invitation_made_rec, NULL, ERRORS(E_CONFLICT),
	  "Invite somebody", "The link is in this answer and is kept nowhere: send it to them. It works once, for 7 days, and for whoever has it. A member gets one only to choose a first password, and keeps their role. It takes no Idempotency-Key: a stored answer would keep the link." },
	{ M_DELETE, "/v1/invitations/{invitationId}", "delete_invitation", "Members", 0, BUCKET_WRITE, OP_TX | ADMIN, invitations_delete, ID_invitation, NULL, &deleted_invitation_rec, NULL,
	  ERRORS(E_NOT_FOUND),
	  "Take an invitation back", "Its link no longer works. Who has joined by it stays." },
	{ M_GET, "/v1/jobs", "list_jobs", "Jobs", 0, BUCKET_READ, OP_LIST | OP_MCP, jobs_list, -1, &jobs_query_rec, &job_rec, job_anchor, NULL,
	  "List async jobs in the workspace", "Newest first." },
	{ M_POST, "/v1/jobs", "create_job", "Jobs", 0, BUCKET_JOBS, OP_TX | OP_IDEMPOTENT | OP_ADDITION | OP_BENCH, jobs_create, -1, &job_create_rec, &job_rec, NULL, NULL,
	  "Enqueue jobs that do nothing", "For measuring the queue. Exists only under the setting `bench`." },
	{ M_GET, "/v1/jobs/{jobId}", "get_job", "Jobs", 0, BUCKET_READ, OP_MCP, jobs_get, ID_job, NULL, &job_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a job", "With a snapshot of its progress." },
	{ M_POST, "/v1/jobs/{jobId}/cancel", "cancel_job", "Jobs", 0, BUCKET_WRITE, OP_TX | OP_MCP, jobs_cancel, ID_job, NULL, &job_rec, NULL, ERRORS(E_NOT_FOUND, E_NOT_CANCELLABLE),
	  "Cancel a `QUEUED` job", "Its spend reservation is released. A job that runs or has ended cannot be cancelled." },
	{ M_GET, "/v1/jobs/{jobId}/receipt", "get_job_receipt", "Jobs", 0, BUCKET_READ, OP_MCP | OP_ADDITION, jobs_receipt, ID_job, NULL, &job_receipt_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get the receipt of a job", "What a generation was made of that is DONE, or that failed after a model had written: the model, its tokens and their cost, the passages, samples and pillars that it got, and what did not fit. Kept as long as the job." },
	{ M_GET, "/v1/keys", "list_keys", "Keys", 0, BUCKET_READ, OP_LIST | ADMIN, keys_list, -1, &keys_query_rec, &key_rec, key_anchor, NULL,
	  "List API keys", "By creation time, newest first; revoked and expired ones too." },
	{ M_POST, "/v1/keys", "create_key", "Keys", 0, BUCKET_WRITE, OP_TX | ADMIN, keys_create, -1, &key_create_rec, &key_minted_rec, NULL, NULL,
	  "Mint an API key", "The key is in this answer and is kept nowhere. It takes no Idempotency-Key: a stored answer would keep the key in plain text. When an answer is lost, list the keys and revoke the one that nobody knows." },
	{ M_GET, "/v1/keys/{keyId}", "get_key", "Keys", 0, BUCKET_READ, ADMIN, keys_get, ID_key, NULL, &key_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get an API key", "What is known of a key; never the key itself." },
	{ M_PATCH, "/v1/keys/{keyId}", "update_key", "Keys", 0, BUCKET_WRITE, OP_TX | OP_IDEMPOTENT | OP_MATCHES | ADMIN, keys_update, ID_key, &key_patch_rec, &key_rec, NULL,
	  ERRORS(E_NOT_FOUND, E_CONFLICT, E_PRECONDITION_FAILED),
	  "Update an API key (name, scopes, expiry, version)", "What is left out stays. It holds at once on the server that answers, within seconds on others. A revoked key can no longer be changed." },
	{ M_POST, "/v1/keys/{keyId}/revoke", "revoke_key", "Keys", 0, BUCKET_WRITE, OP_TX | ADMIN, keys_revoke, ID_key, &key_revocation_rec, &key_rec, NULL, ERRORS(E_NOT_FOUND, E_CONFLICT),
	  "Revoke an API key", "For good, and at once on the server that answers. The reason is kept for the audit log." },
	{ M_GET, "/v1/knowledge", "list_knowledge", "Knowledge", S_(KNOWLEDGE_READ), BUCKET_READ, OP_LIST | OP_MCP | OP_ADDITION, knowledge_list, -1, &knowledge_query_rec, &document_rec, document_anchor,
	  ERRORS(E_NOT_FOUND),
	  "List knowledge documents", "Newest first, those that are indexed. With `projectId` the ones that posts of this project are written from: its own, and those of all projects." },
	{ M_POST, "/v1/knowledge", "create_knowledge", "Knowledge", S_(KNOWLEDGE_WRITE), BUCKET_JOBS, WRITE | OP_LONG, knowledge_create, -1, &knowledge_create_rec, &job_rec, NULL,
	  ERRORS(E_SPEND_CAP_EXCEEDED, E_NOT_FOUND, E_UNPROCESSABLE, E_SSRF_BLOCKED),
	  "Index a knowledge document", "Answers with a job; `result.documentId` names the document once it is DONE. The same text in the same place is one document, however often it is sent: "
	  "the job then names the one that is there. Of a page the text without its navigation is taken, of a video its captions; both are fetched by the job." },
	{ M_GET, "/v1/knowledge/search", "search_knowledge", "Knowledge", S_(KNOWLEDGE_READ), BUCKET_READ, OP_MCP | OP_ADDITION | OP_SLOW | OP_MEMORY, knowledge_search, -1, &knowledge_search_query_rec, &knowledge_answer_rec, NULL,
	  ERRORS(E_NOT_FOUND),
	  "Search the knowledge", "The passages that answer `q` best, best first: by BM25 over stemmed words, where headings and names count twice and words side by side count more." },
	{ M_GET, "/v1/knowledge/{documentId}", "get_knowledge", "Knowledge", S_(KNOWLEDGE_READ), BUCKET_READ, OP_MCP | OP_ADDITION, knowledge_get, ID_document, NULL, &document_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a knowledge document", "One document with the beginning of its text." },
	{ M_DELETE, "/v1/knowledge/{documentId}", "delete_knowledge", "Knowledge", S_(KNOWLEDGE_WRITE), BUCKET_WRITE, OP_TX | OP_MCP | OP_ADDITION, knowledge_delete, ID_document, NULL, &deleted_document_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Delete a knowledge document", "No search and no generation finds it from then on. Its passages are removed within seconds." },
	{ M_GET, "/v1/members", "list_members", "Members", 0, BUCKET_READ, OP_LIST | MANAGER, members_list, -1, &persons_query_rec, &person_rec, person_anchor, NULL,
	  "List members of the workspace", "By creation time of the user, newest first." },
	{ M_POST, "/v1/members", "create_member", "Members", 0, BUCKET_WRITE, OP_TX | OP_IDEMPOTENT | ADMIN, members_create, -1, &person_create_rec, &person_rec, NULL, ERRORS(E_CONFLICT),
	  "Add a member", "Makes the user when the e-mail address is new. Who is a member already is not changed: that is a conflict, and so is an account that has a password, which joins by an invitation." },
	{ M_GET, "/v1/members/{userId}", "get_member", "Members", 0, BUCKET_READ, MANAGER, members_get, ID_person, NULL, &person_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a member", "One member with the role in this workspace." },
	{ M_PATCH, "/v1/members/{userId}", "update_member", "Members", 0, BUCKET_WRITE, OP_TX | OP_IDEMPOTENT | OP_MATCHES | ADMIN, members_update, ID_person, &person_patch_rec, &person_rec, NULL,
	  ERRORS(E_NOT_FOUND, E_CONFLICT, E_PRECONDITION_FAILED),
	  "Update a member (name, role)", "What is left out stays; other workspaces of the user see nothing of it. The last Admin stays Admin." },
	{ M_DELETE, "/v1/members/{userId}", "delete_member", "Members", 0, BUCKET_WRITE, OP_TX | ADMIN, members_delete, ID_person, NULL, &deleted_person_rec, NULL, ERRORS(E_NOT_FOUND, E_CONFLICT),
	  "Remove a member", "From this workspace; the user stays. The last Admin cannot be removed." },
	{ M_GET, "/v1/notes", "list_notes", "Notes", S_(NOTES_READ), BUCKET_READ, OP_LIST | OP_MCP, notes_list, -1, &notes_query_rec, &note_rec, note_anchor, ERRORS(E_NOT_FOUND),
	  "List notes of a project", "Newest first. A date filter looks at the queue slot: notes without a slot drop out." },
	{ M_POST, "/v1/notes", "create_note", "Notes", S_(NOTES_WRITE), BUCKET_WRITE, WRITE | OP_TEXT, notes_create, -1, &note_create_rec, &note_rec, NULL, ERRORS(E_NOT_FOUND, E_UNPROCESSABLE),
	  "Create a note and its queue slot", "The slot is the day of `date`, today when left out." },
	{ M_GET, "/v1/notes/{noteId}", "get_note", "Notes", S_(NOTES_READ), BUCKET_READ, OP_MCP, notes_get, ID_note, NULL, &note_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a note", "One note with its queue slot." },
	{ M_GET, "/v1/pillars/{pillarId}", "get_pillar", "Voice", S_(POSTS_READ), BUCKET_READ, OP_MCP | OP_ADDITION, pillars_get, ID_pillar, NULL, &pillar_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a content pillar", "One pillar." },
	{ M_PATCH, "/v1/pillars/{pillarId}", "update_pillar", "Voice", S_(POSTS_WRITE), BUCKET_WRITE, EDIT | OP_MATCHES, pillars_update, ID_pillar, &pillar_patch_rec, &pillar_rec, NULL,
	  ERRORS(E_NOT_FOUND, E_CONFLICT, E_PRECONDITION_FAILED),
	  "Update a content pillar (name, about)", "What is left out stays." },
	{ M_DELETE, "/v1/pillars/{pillarId}", "delete_pillar", "Voice", S_(POSTS_WRITE), BUCKET_WRITE, OP_TX | OP_MCP | OP_ADDITION, pillars_delete, ID_pillar, NULL, &deleted_pillar_rec, NULL,
	  ERRORS(E_NOT_FOUND),
	  "Delete a content pillar", "No generation that starts from then on gets it." },
	{ M_GET, "/v1/post-statuses", "list_post_statuses", "Posts", S_(POSTS_READ), BUCKET_READ, OP_LIST | OP_MCP, columns_list, -1, &columns_query_rec, &column_rec, column_anchor, ERRORS(E_NOT_FOUND),
	  "List the columns of the board", "Each project is born with one column per category; `order` is the place on the board." },
	{ M_POST, "/v1/post-statuses", "create_post_status", "Posts", S_(POSTS_WRITE), BUCKET_WRITE, EDIT, columns_create, -1, &column_create_rec, &column_rec, NULL, ERRORS(E_NOT_FOUND, E_CONFLICT),
	  "Create a column of the board", "At most 100 in a project, each with a name of its own. It belongs to its category for good." },
	{ M_GET, "/v1/post-statuses/{statusId}", "get_post_status", "Posts", S_(POSTS_READ), BUCKET_READ, OP_MCP | OP_ADDITION, columns_get, ID_status, NULL, &column_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a column of the board", "One post status with its category and its place." },
	{ M_PATCH, "/v1/post-statuses/{statusId}", "update_post_status", "Posts", S_(POSTS_WRITE), BUCKET_WRITE, EDIT | OP_MATCHES, columns_update, ID_status, &column_patch_rec, &column_rec, NULL,
	  ERRORS(E_NOT_FOUND, E_CONFLICT, E_PRECONDITION_FAILED),
	  "Update a column of the board (name, default, order)", "What is left out stays. Each category has exactly one default column: another one takes its place." },
	{ M_DELETE, "/v1/post-statuses/{statusId}", "delete_post_status", "Posts", S_(POSTS_WRITE), BUCKET_WRITE, OP_TX | OP_MCP | OP_ADDITION, columns_delete, ID_status, NULL, &deleted_status_rec, NULL,
	  ERRORS(E_NOT_FOUND, E_CONFLICT),
	  "Delete a column of the board", "Its posts go to the default column of its category, each with a `post.updated`: up to 50 at once, more of them within seconds, during which they name the column that is gone. A default column stays." },
	{ M_GET, "/v1/posts", "list_posts", "Posts", S_(POSTS_READ), BUCKET_READ, OP_LIST | OP_MCP, posts_list, -1, &posts_query_rec, &post_rec, post_anchor, ERRORS(E_NOT_FOUND),
	  "List posts of a project", "Newest first. Dates are days of creation, in UTC, both inclusive." },
	{ M_POST, "/v1/posts", "create_post", "Posts", S_(POSTS_WRITE), BUCKET_WRITE, WRITE | OP_TEXT, posts_create, -1, &post_create_rec, &post_rec, NULL, ERRORS(E_NOT_FOUND, E_UNPROCESSABLE),
	  "Create a draft (or scheduled) post", "With `scheduledFor` the post is scheduled, otherwise it is a draft." },
	{ M_POST, "/v1/posts/generations", "generate_post", "Posts", S_(POSTS_WRITE), BUCKET_JOBS, WRITE | OP_TEXT | OP_WAITS, posts_generate, -1, &generation_create_rec, &job_rec, NULL,
	  ERRORS(E_SPEND_CAP_EXCEEDED, E_NOT_FOUND, E_UNPROCESSABLE),
	  "Generate a post from a text, a note or a source", "Answers with a job; `result.postId` names the post once it is DONE. `wait_for_completion_ms` waits for that, up to 25 seconds." },
	{ M_GET, "/v1/posts/{postId}", "get_post", "Posts", S_(POSTS_READ), BUCKET_READ, OP_MCP, posts_get, ID_post, NULL, &post_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a post", "One post with its full text." },
	{ M_PATCH, "/v1/posts/{postId}", "update_post", "Posts", S_(POSTS_WRITE), BUCKET_WRITE, WRITE | OP_TEXT | OP_MATCHES, posts_update, ID_post, &post_patch_rec, &post_rec, NULL,
	  ERRORS(E_NOT_FOUND, E_CONFLICT, E_PRECONDITION_FAILED, E_UNPROCESSABLE),
	  "Update a post (content, status, schedule)", "What is left out stays. A published post can no longer be changed. With `If-Match` the change is made only if nobody was faster." },
	{ M_GET, "/v1/projects", "list_projects", "Projects", 0, BUCKET_READ, OP_LIST | OP_MCP, projects_list, -1, &projects_query_rec, &project_rec, project_anchor, NULL,
	  "List projects", "By creation time, newest first." },
	{ M_POST, "/v1/projects", "create_project", "Projects", 0, BUCKET_WRITE, OP_TX | OP_IDEMPOTENT | MANAGER, projects_create, -1, &project_create_rec, &project_rec, NULL, NULL,
	  "Create a project", "It is born with one column per category on its board." },
	{ M_GET, "/v1/projects/{projectId}", "get_project", "Projects", 0, BUCKET_READ, OP_MCP, projects_get, ID_project, NULL, &project_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a project", "One project." },
	{ M_PATCH, "/v1/projects/{projectId}", "update_project", "Projects", 0, BUCKET_WRITE, OP_TX | OP_IDEMPOTENT | OP_MATCHES | MANAGER, projects_update, ID_project, &project_patch_rec, &project_rec, NULL,
	  ERRORS(E_NOT_FOUND, E_PRECONDITION_FAILED),
	  "Update a project (name, type, status, url)", "What is left out stays. With `If-Match` the change is made only if nobody was faster." },
	{ M_GET, "/v1/projects/{projectId}/pillars", "list_pillars", "Voice", S_(POSTS_READ), BUCKET_READ, OP_LIST | OP_MCP | OP_ADDITION, pillars_list, ID_project, &pillars_query_rec, &pillar_rec,
	  pillar_anchor, ERRORS(E_NOT_FOUND),
	  "List the content pillars of a project", "Newest first: the subjects that its person stands for." },
	{ M_POST, "/v1/projects/{projectId}/pillars", "create_pillar", "Voice", S_(POSTS_WRITE), BUCKET_WRITE, EDIT, pillars_create, ID_project, &pillar_create_rec, &pillar_rec, NULL,
	  ERRORS(E_NOT_FOUND, E_CONFLICT),
	  "Create a content pillar", "At most 20 in a project, each with a name of its own." },
	{ M_GET, "/v1/projects/{projectId}/voice", "get_voice", "Voice", S_(POSTS_READ), BUCKET_READ, OP_MCP | OP_ADDITION, voice_show, ID_project, NULL, &voice_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get the voice of a project", "How its person writes, as far as it was said. Every project has one; one that nobody described says nothing." },
	{ M_PATCH, "/v1/projects/{projectId}/voice", "update_voice", "Voice", S_(POSTS_WRITE), BUCKET_WRITE, EDIT | OP_MATCHES | OP_TEXT, voice_update, ID_project, &voice_patch_rec, &voice_rec, NULL,
	  ERRORS(E_NOT_FOUND, E_PRECONDITION_FAILED),
	  "Update the voice of a project", "What is left out stays; a list takes the place of the one that was. Generations that start from then on follow it." },
	{ M_GET, "/v1/projects/{projectId}/voice/samples", "list_voice_samples", "Voice", S_(POSTS_READ), BUCKET_READ, OP_LIST | OP_MCP | OP_ADDITION, samples_list, ID_project, &samples_query_rec,
	  &sample_rec, sample_anchor, ERRORS(E_NOT_FOUND),
	  "List the voice samples of a project", "Newest first, with their texts." },
	{ M_POST, "/v1/projects/{projectId}/voice/samples", "create_voice_sample", "Voice", S_(POSTS_WRITE), BUCKET_WRITE, EDIT, samples_create, ID_project, &sample_create_rec, &sample_rec, NULL,
	  ERRORS(E_NOT_FOUND, E_CONFLICT, E_UNPROCESSABLE),
	  "Create a voice sample", "From a text, or from a post of this project, which is a sample once at most. At most 50 in a project; a generation uses the five that suit its source best." },
	{ M_GET, "/v1/rate-limits", "get_rate_limits", "Logs", 0, BUCKET_FREE, OP_ADDITION | OP_MCP | OP_MEMORY, rate_limits_get, -1, NULL, &rate_limits_rec, NULL, NULL,
	  "Get what is left of the limits", "Every bucket of the rate limits and the AI spend of the day. Asking counts nowhere and is never refused by 429." },
	{ M_GET, "/v1/request-logs", "list_request_logs", "Logs", 0, BUCKET_READ, OP_LIST | OP_ADDITION | OP_FOR(ADMIN) | OP_FOR(MANAGER), request_logs_list, -1,
	  &request_logs_query_rec, &request_log_rec, request_log_anchor, NULL,
	  "List requests as they were answered", "Newest first, a second after their answer: every write, every error, and a sample of the reads and of refusals that are many. A key sees its own, people those of the workspace." },
	{ M_GET, "/v1/request-logs/{requestId}", "get_request_log", "Logs", 0, BUCKET_READ, OP_ADDITION | OP_FOR(ADMIN) | OP_FOR(MANAGER), request_logs_get, ID_request, NULL,
	  &request_log_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a request as it was answered", "By the id of its `X-Request-Id`. Bodies are never kept." },
	{ M_GET, "/v1/sources", "list_sources", "Sources", S_(NOTES_READ), BUCKET_READ, OP_LIST | OP_MCP | OP_ADDITION, sources_list, -1, &sources_query_rec, &source_entry_rec, source_anchor,
	  ERRORS(E_NOT_FOUND),
	  "List sources of a project", "Newest first, each with the beginning of its text; a source by itself has its topics." },
	{ M_POST, "/v1/sources", "create_source", "Sources", S_(SOURCES_WRITE), BUCKET_JOBS, WRITE | OP_LONG, sources_create, -1, &source_create_rec, &source_or_job_rec, NULL,
	  ERRORS(E_SPEND_CAP_EXCEEDED, E_NOT_FOUND, E_UNPROCESSABLE),
	  "Create a source from a text or an upload", "A text is stored at once, and the answer is the source. A file is read, or written down where it is a recording, by a job, "
	  "and the answer is that job; its `result.sourceId` names the source once it is DONE." },
	{ M_GET, "/v1/sources/{sourceId}", "get_source", "Sources", S_(NOTES_READ), BUCKET_READ, OP_MCP, sources_get, ID_source, NULL, &source_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a source", "One source with the beginning of its text and the topics that were found in it. The whole text is withheld." },
	{ M_POST, "/v1/uploads", "create_upload", "Uploads", S_(SOURCES_WRITE) | S_(KNOWLEDGE_WRITE), BUCKET_UPLOADS, WRITE, uploads_create, -1, &upload_create_rec, &upload_rec, NULL,
	  ERRORS(E_UNPROCESSABLE),
	  "Mint a presigned URL for the bytes of a file", "PUT the bytes to `uploadUrl` within 15 minutes, with the `Content-Type` of `headers` and without an API key. "
	  "The URL works for one PUT that is complete; one that broke may be repeated. What nothing is made of is deleted after 24 hours." },
	{ M_GET, "/v1/usage", "get_usage", "Logs", 0, BUCKET_READ, OP_ADDITION | OP_MCP | OP_SLOW, usage_get, -1, &usage_query_rec, &usage_rec, NULL, NULL,
	  "Get what the workspace used", "By UTC day: requests, writes and errors, counted exactly, and AI spend; and the jobs of the range." },
	{ M_GET, "/v1/users/me/consents", "list_my_consents", "Consents", 0, BUCKET_READ, OP_LIST | ANYBODY, my_consents_list, -1, &consents_query_rec, &consent_rec, anchor_of_handler, NULL,
	  "List what you allowed programs", "Your own consents that hold, in all workspaces, newest first." },
	{ M_POST, "/v1/users/me/consents/{consentId}/revoke", "revoke_my_consent", "Consents", 0, BUCKET_WRITE, OP_TX | ANYBODY, my_consents_revoke, ID_consent, NULL, &consent_rec, NULL,
	  ERRORS(E_NOT_FOUND),
	  "Revoke a consent of yours", "Every token of the program for you is void from then on, at once on the server that answers." },
	{ M_GET, "/v1/voice-samples/{sampleId}", "get_voice_sample", "Voice", S_(POSTS_READ), BUCKET_READ, OP_MCP | OP_ADDITION, samples_get, ID_sample, NULL, &sample_rec, NULL, ERRORS(E_NOT_FOUND),
	  "Get a voice sample", "One sample with its text." },
	{ M_DELETE, "/v1/voice-samples/{sampleId}", "delete_voice_sample", "Voice", S_(POSTS_WRITE), BUCKET_WRITE, OP_TX | OP_MCP | OP_ADDITION, samples_delete, ID_sample, NULL, &deleted_sample_rec, NULL,
	  ERRORS(E_NOT_FOUND),
	  "Delete a voice sample", "No generation that starts from then on uses it. A post that it was made of stays." },
	{ M_GET, "/v1/workspaces", "list_workspaces", "Workspaces", 0, BUCKET_READ, OP_LIST | OP_MCP, workspaces_list, -1, &workspaces_query_rec, &workspace_rec, anchor_of_handler, NULL,
	  "List the workspaces that the caller can reach", "A key reaches its own workspace, a user and a program that acts for one all that the user belongs to, newest first." },
	{ M_GET, "/v1/workspaces/me", "get_workspace", "Workspaces", 0, BUCKET_READ, OP_BARE | OP_MCP, workspace_me, -1, NULL, &me_rec, NULL, NULL,
	  "The active workspace and the caller", "What plan and features the workspace has, and who asks." },
	{ M_PATCH, "/v1/workspaces/me", "update_workspace", "Workspaces", 0, BUCKET_WRITE, OP_TX | OP_IDEMPOTENT | OP_BARE | ADMIN, workspace_update, -1, &workspace_patch_rec, &me_rec, NULL, NULL,
	  "Rename the workspace", "Answers like the read." },
};
const int nops = (int)COUNT(ops);

#define BASE	S("/v1/")

static const char *
check_op(const struct op *o, const struct op *prev)
{
	if (prev != NULL) {
		int c = strcmp(prev->path, o->path);
		if (c > 0 || (c == 0 && prev->method >= o->method))
			return "rows are not sorted by path and method, or one stands twice";
	}
	if (!str_starts(str_z(o->path), BASE) || o->path[BASE.n] == '{')
		return "a path that is not under /v1/, or a parameter right behind that";
	if (o->summary == NULL || o->doc == NULL || o->name == NULL || o->tag == NULL || o->out == NULL || o->handler == NULL)
		return "a row without name, tag, handler, answer, summary or doc";
	if ((o->flags & OP_PEOPLE) && (o->scopes != 0 || (o->flags & (OP_PUBLIC | OP_MCP))))
		return "a row for people alone with scopes, public or a tool";
	if ((o->flags & OP_PEOPLE) && !(o->flags & OP_ADDITION))
		return "a row for people alone that is not an addition";
	if ((o->flags & OP_PUBLIC) && (o->scopes != 0 || o->bucket != BUCKET_NONE || (o->flags & OP_TX)))
		return "a public row with scopes, a bucket or a write";
	if (!(o->flags & OP_PUBLIC) && o->bucket == BUCKET_NONE)
		return "a row without a bucket";
	if (o->bucket == BUCKET_FREE && (!(o->flags & OP_MEMORY) || (o->flags & (OP_TX | OP_LIST))))
		return "a row free of charge that costs more than memory";
	if ((o->flags & OP_MEMORY) && (o->method != M_GET || (o->flags & OP_LIST)))
		return "a write or a list from memory";
	if ((o->flags & OP_SLOW) && (o->method != M_GET || (o->flags & OP_PUBLIC)))
		return "only a read of a known caller runs on the slow threads";
	if ((o->method == M_GET) == ((o->flags & OP_TX) != 0))
		return "a GET in a transaction, or a write without one";
	if ((o->flags & OP_IDEMPOTENT) && !(o->flags & OP_TX))
		return "a read that takes an idempotency key";
	if ((o->flags & OP_LIST) && (o->anchor == NULL || o->in == NULL || !str_eq(o->in->f[0].name, S("limit"))))
		return "a list without page fields or without an anchor";
	if ((strchr(o->path, '{') != NULL) != (o->id_kind >= 0))
		return "a row whose path and id kind disagree";
	return NULL;
}

/* Its name is also that of a tool and of a metric. */
static bool
named_before(const struct op *o, int i)
{
	for (int k = 0; k < i; k++)
		if (strcmp(o[k].name, o[i].name) == 0)
			return true;
	return false;
}

const char *
ops_check(const struct op *o, int n)
{
	static char why[200];

	for (int i = 0; i < n; i++) {
		const char *bad = check_op(&o[i], i > 0 ? &o[i - 1] : NULL);
		if (bad == NULL && named_before(o, i))
			bad = "the name of another row";
		if (bad != NULL) {
			snprintf(why, sizeof(why), "%s %s: %s", method_names[o[i].method], o[i].path, bad);
			return why;
		}
	}
	return NULL;
}

unsigned
op_roles(const struct op *o)
{
	unsigned all = (1u << ROLE_COUNT) - 1, named = o->flags >> OP_ROLES;

	if (named != 0)
		return named;
	return (o->flags & OP_TX) ? all & ~(1u << ROLE_CLIENT) : all;
}

bool
op_by_scope(const struct op *o, const struct principal *p)
{
	return p->type == PRINCIPAL_USER || o->scopes == 0 || (o->scopes & p->scopes) != 0;
}

bool
op_by_role(const struct op *o, const struct principal *p)
{
	bool people = (o->flags & OP_PEOPLE) != 0;

	if (p->type == PRINCIPAL_API_KEY || (p->type == PRINCIPAL_OAUTH && people))
		return !people;
	return op_roles(o) >> p->role & 1;
}

const struct op *
op_named(const char *name)
{
	for (int i = 0; i < nops; i++)
		if (strcmp(ops[i].name, name) == 0)
			return &ops[i];
	return NULL;
}

const char *
op_methods(struct arena *a, unsigned set)
{
	struct buf b;

	buf_init(&b, a, 64);
	for (int m = 0; m < METHOD_COUNT; m++) {
		if (!(set >> m & 1))
			continue;
		if (b.n != 0)
			buf_add(&b, S(", "));
		buf_add(&b, str_z(method_names[m]));
		if (m == M_GET)
			buf_add(&b, S(", HEAD"));
	}
	buf_char(&b, '\0');
	return b.p;
}

/* --- matching --- */

/* Segment by segment.  A text segment wins over a parameter because it stands before it in no order that matters:
 * no path of the table matches two templates but /v1/posts/generations, whose id would have no form. */
static bool
fits(const char *t, str path, str *ret_param)
{
	*ret_param = STR_NONE;
	while (*t != '\0') {
		if (*t == '{') {
			const char *end = memchr(path.p, '/', path.n);
			size_t n = end != NULL ? (size_t)(end - path.p) : path.n;
			if (n == 0)
				return false;
			*ret_param = str_cut(path, 0, n);
			path = str_cut(path, n, path.n);
			t = strchr(t, '}') + 1;
			continue;
		}
		if (path.n == 0 || *path.p != *t)
			return false;
		path = str_cut(path, 1, path.n);
		t++;
	}
	return path.n == 0;
}

static int
method_of(str m)
{
	if (str_eq(m, S("HEAD")))
		return M_GET;
	for (int i = 0; i < METHOD_COUNT; i++)
		if (str_eq(m, str_z(method_names[i])))
			return i;
	return -1;
}

/* All rows are under /v1/; behind that one letter passes most of them over.
 * /v1/x/{id} also fits /v1/x/word where that is a row of its own: the row without a parameter is meant. */
const struct op *
op_match(const struct conf *conf, str method, str path, ulid *ret_id, unsigned *allowed)
{
	const struct op *hit = NULL;
	bool literal = false;
	int m = method_of(method);
	char letter = path.n > BASE.n ? path.p[BASE.n] : '\0';
	str param;

	*allowed = 0;
	for (int i = 0; i < nops; i++) {
		const struct op *o = &ops[i];
		if (o->path[BASE.n] != letter)
			continue;
		if (((o->flags & OP_BENCH) && !conf->bench) || !fits(o->path, path, &param))
			continue;
		if (param.p == NULL && !literal) {
			literal = true;		/* forget the templates that it also fits */
			*allowed = 0;
			hit = NULL;
		} else if (param.p != NULL && literal) {
			continue;
		}
		*allowed |= 1u << o->method;
		if ((int)o->method != m)
			continue;
		hit = o;
		if (o->id_kind >= 0 && !id_parse((enum id_kind)o->id_kind, param, ret_id))
			*ret_id = (ulid){ "-" };	/* no row has it: not found where it is looked up */
	}
	return hit;
}
