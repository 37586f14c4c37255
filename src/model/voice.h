/* voice -- how the person of a project writes: what was said of it, samples that show it, and the subjects they stand for
 * (contract 12.8).  The only code that names tables voice, voice_sample and pillar.
 *
 * Every project has a voice; of one that nobody described nothing is said.  Under project_hold: a project has at most SAMPLES_MAX
 * samples, a post is one of them at most once; and at most PILLARS_MAX pillars, each with a name of its own.
 * Layer: includes db, page. */
#ifndef MODEL_VOICE_H
#define MODEL_VOICE_H
#include "db/db.h"
#include "model/page.h"

#define SAMPLES_MAX	50
#define SAMPLE_CHARS	20000
#define PILLARS_MAX	20

struct voice_profile {
	project_id project;
	str profile;					/* never absent, as structure */
	int64_t formality, warmth, energy, complexity;	/* thousandths; INT_NONE: not said */
	str prefer, avoid;				/* JSON arrays of strings */
	str structure;
	int64_t updated_at;
};
extern const struct rec voice_rec;
/* A change: what is absent stays, TIME_ERASED takes a slider away. */
struct voice_patch { str profile; int64_t formality, warmth, energy, complexity; str prefer, avoid, structure; };
extern const struct rec voice_patch_rec;
MUST_USE enum err voice_get(struct db *, struct arena *, workspace_id, project_id, struct voice_profile *ret, struct error *);
MUST_USE enum err voice_show_of(struct db *, struct arena *, workspace_id, project_id, struct voice_profile *ret, struct error *);	/* E_NOT_FOUND: no such project */
MUST_USE enum err voice_put(struct db *, workspace_id, const struct voice_profile *, struct error *);

struct sample { sample_id id; project_id project; post_id post; str title, text; };
extern const struct rec sample_rec;
struct sample_create { str text; post_id post; str title; };	/* a text or a post */
extern const struct rec sample_create_rec;
struct samples_query { struct page_query page; };
extern const struct rec samples_query_rec;
MUST_USE enum err sample_insert(struct db *, workspace_id, const struct sample *, struct error *);
MUST_USE enum err sample_delete(struct db *, workspace_id, sample_id, struct error *);
/* How many the project has, whether this post is one of them, and its text and title: absent unless the project has it. */
struct sample_look { int n; bool taken; str text, title; };
MUST_USE enum err sample_look(struct db *, struct arena *, workspace_id, project_id, post_id, struct sample_look *ret, struct error *);
/* Its project is held until the transaction ends; a miss: voice sample not found. */
MUST_USE enum err sample_lock(struct db *, workspace_id, sample_id, struct error *);
MUST_USE enum err sample_get(struct db *, struct arena *, workspace_id, sample_id, struct sample *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err sample_page(struct db *, workspace_id, project_id, sample_id before, int limit, struct rows *ret, struct error *);
/* All of a project, newest first: id, and the first SAMPLE_BEGINS characters of the text. */
#define SAMPLE_BEGINS	2000
MUST_USE enum err sample_begins(struct db *, workspace_id, project_id, struct rows *ret, struct error *);
MUST_USE enum err sample_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);

struct pillar { pillar_id id; project_id project; str name, about; };
extern const struct rec pillar_rec;
struct pillar_create { str name, about; };
extern const struct rec pillar_create_rec;
struct pillar_patch { str name, about; };	/* what is absent stays */
extern const struct rec pillar_patch_rec;
struct pillars_query { struct page_query page; };
extern const struct rec pillars_query_rec;
MUST_USE enum err pillar_insert(struct db *, workspace_id, const struct pillar *, struct error *);
MUST_USE enum err pillar_update(struct db *, workspace_id, const struct pillar *, struct error *);
MUST_USE enum err pillar_delete(struct db *, workspace_id, pillar_id, struct error *);
/* How many the project has, and whether one has this name. */
MUST_USE enum err pillar_look(struct db *, workspace_id, project_id, str name, int *n, bool *taken, struct error *);
/* Its project is held until the transaction ends; a miss: content pillar not found. */
MUST_USE enum err pillar_lock(struct db *, workspace_id, pillar_id, struct error *);
/* The pillar, and whether another one of its project has this name (absent: its own); E_NOT_FOUND. */
MUST_USE enum err pillar_beside(struct db *, struct arena *, workspace_id, pillar_id, str name, struct pillar *ret, bool *taken, struct error *);
MUST_USE enum err pillar_get(struct db *, struct arena *, workspace_id, pillar_id, struct pillar *ret, struct error *);	/* E_NOT_FOUND */
MUST_USE enum err pillar_page(struct db *, workspace_id, project_id, pillar_id before, int limit, struct rows *ret, struct error *);
MUST_USE enum err pillar_anchor(struct db *, workspace_id, const ulid *, const struct miss *, struct error *);
#endif
