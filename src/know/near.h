/* near -- the passages of a workspace that are nearest to a vector: an exact search over all of them, in memory.
 *
 * A workspace's vectors are read at its first search and kept, up to embed_cache for all workspaces together; of those that are
 * too many the workspace that was asked least lately makes room, and what does not fit is read each time.  Each search
 * asks for the counter of changes first: documents that came, went or were embedded anew are read then, and only those.
 *
 * It also remembers whether the endpoint failed lately, so that not each search waits for it.
 * Threads:  all functions from any thread; a search holds its workspace's lock for reading.  Layer: includes base, model, meaning. */
#ifndef KNOW_NEAR_H
#define KNOW_NEAR_H
#include "know/meaning.h"

struct near;
struct near *near_new(int64_t cache_bytes);
void	near_free(struct near *);

struct near_question { workspace_id workspace; project_id project; str model; int dims; const char *vector; };
struct near_hit { document_id document; int place; double likeness; };
#define NEAR_MOST	100
/* The nearest first, of that project and of all projects, or of all where it is absent. */
MUST_USE enum err near_search(struct near *, struct db *, const struct near_question *, int most, struct near_hit *ret, int *n, struct error *);

/* meaning_ask, unless there is no endpoint (PROVIDER_REJECTED) or it failed less than embed_pause ago (PROVIDER_UNAVAILABLE). */
enum provider_fault near_ask(struct near *, struct meaning_ask *);
/* Whether it would say so now, of passages or of questions. */
bool	near_rests(const struct near *, const struct sys_clock *, bool question);
#endif
