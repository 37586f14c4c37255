#include "know/near.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PAGE	256		/* documents that are listed at once */

/* The vectors of a document. */
struct card { document_id id; project_id project; int64_t made; int n, dims; size_t bytes; char v[]; };
/* Those of a workspace, in the order of their ids.  No lock is held while the database is asked, for on PostgreSQL others who want it may stand on the
 * same thread: who reads anew has the shelf (`taken`), on which nobody looks until it is whole; who comes meanwhile reads for itself alone. */
struct shelf {
	struct shelf *next;
	workspace_id workspace;
	pthread_rwlock_t lock;		/* for what follows */
	str model;			/* malloc'd */
	struct card **card;
	int n, cap;
	int64_t changes;		/* the counter when it was read */
	bool whole;			/* all are here */
	/* near's lock */
	bool taken;
	size_t bytes;
	int pins;
	int64_t used;
};
struct near {
	pthread_mutex_t lock;
	struct shelf *shelves;
	size_t bytes, most;
	int64_t ticks;
	_Atomic int64_t closed_until[2];	/* for passages, for questions */
};

struct near *
near_new(int64_t cache_bytes)
{
	struct near *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	c->most = (size_t)cache_bytes;
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

static void
free_cards(struct shelf *s)
{
	for (int i = 0; i < s->n; i++)
		free(s->card[i]);
	free(s->card);
	s->card = NULL;
	s->n = s->cap = 0;
	s->whole = false;
}

static void
free_shelf(struct shelf *s)
{
	free_cards(s);
	free((char *)(uintptr_t)s->model.p);
	pthread_rwlock_destroy(&s->lock);
	free(s);
}

void
near_free(struct near *c)
{
	for (struct shelf *s = c->shelves, *next; s != NULL; s = next) {
		next = s->next;
		free_shelf(s);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}

bool
near_rests(const struct near *c, const struct sys_clock *clock, bool question)
{
	return sys_mono_us(clock) < atomic_load(&c->closed_until[question]);
}

enum provider_fault
near_ask(struct near *c, struct meaning_ask *m)
{
	if (!meaning_on(m->conf))
		return PROVIDER_REJECTED;
	if (near_rests(c, m->clock, m->question))
		return PROVIDER_UNAVAILABLE;
	enum provider_fault fault = meaning_ask(m);
	if (fault != PROVIDER_OK && fault != PROVIDER_STOPPED)
		atomic_store(&c->closed_until[m->question], sys_mono_us(m->clock) + MAX(m->retry_after_s * INT64_C(1000), m->conf->embed_pause) * 1000);
	return fault;
}

/* --- shelves --- */

static struct shelf *
new_shelf(workspace_id w)
{
	struct shelf *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->workspace = w;
	pthread_rwlock_init(&s->lock, NULL);
	return s;
}

static struct shelf *
take_shelf(struct near *c, workspace_id w)
{
	struct shelf *s;

	pthread_mutex_lock(&c->lock);
	for (s = c->shelves; s != NULL && memcmp(s->workspace.u.s, w.u.s, 26) != 0;)
		s = s->next;
	if (s == NULL) {
		s = new_shelf(w);
		s->next = c->shelves;
		c->shelves = s;
	}
	s->pins++;
	s->used = ++c->ticks;
	pthread_mutex_unlock(&c->lock);
	return s;
}

/* The one that nobody uses, and for the longest time. */
static struct shelf **
oldest(struct near *c)
{
	struct shelf **ret = NULL;

	for (struct shelf **s = &c->shelves; *s != NULL; s = &(*s)->next)
		if ((*s)->pins == 0 && (ret == NULL || (*s)->used < (*ret)->used))
			ret = s;
	return ret;
}

/* Whether so many bytes more may be kept; others make room. */
static bool
reserve(struct near *c, struct shelf *s, size_t bytes)
{
	struct shelf **old;

	pthread_mutex_lock(&c->lock);
	while (c->bytes + bytes > c->most && (old = oldest(c)) != NULL) {
		struct shelf *gone = *old;
		*old = gone->next;
		c->bytes -= gone->bytes;
		free_shelf(gone);
	}
	bool fits = c->bytes + bytes <= c->most;
	if (fits) {
		c->bytes += bytes;
		s->bytes += bytes;
	}
	pthread_mutex_unlock(&c->lock);
	return fits;
}

static void
give_back(struct near *c, struct shelf *s, size_t bytes)
{
	pthread_mutex_lock(&c->lock);
	c->bytes -= bytes;
	s->bytes -= bytes;
	pthread_mutex_unlock(&c->lock);
}

static void
drop_cards(struct near *c, struct shelf *s)
{
	give_back(c, s, s->bytes);
	free_cards(s);
}

static void
keep_card(struct shelf *s, struct card *k)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 64 : 2 * s->cap;
		if ((s->card = realloc(s->card, (size_t)s->cap * sizeof(*s->card))) == NULL)
			abort();
	}
	s->card[s->n++] = k;
}

/* --- the best so far --- */

struct best { const struct near_question *q; struct near_hit *hit; int n, most; };

static void
offer(struct best *b, const struct card *k, int place, double likeness)
{
	if (b->n == b->most && likeness <= b->hit[b->n - 1].likeness)
		return;
	int i = b->n < b->most ? b->n++ : b->n - 1;
	for (; i > 0 && b->hit[i - 1].likeness < likeness; i--)
		b->hit[i] = b->hit[i - 1];
	b->hit[i] = (struct near_hit){ k->id, place, likeness };
}

static void
look_at(struct best *b, const struct card *k)
{
	const struct near_question *q = b->q;
	size_t stride = (size_t)(VECTOR_HEAD + k->dims);

	if (k->dims != q->dims)
		return;
	if (id_set(q->project) && id_set(k->project) && memcmp(q->project.u.s, k->project.u.s, 26) != 0)
		return;
	for (int i = 0; i < k->n; i++)
		offer(b, k, i, vector_likeness(q->vector, k->v + (size_t)i * stride, k->dims));
}

/* --- what the database has --- */

struct listed { document_id id; project_id project; int passages; int64_t made; };

static enum err
list_some(struct db *db, const struct near_question *q, document_id behind, struct listed *ret, int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(vectors_documents(db, q->workspace, q->model, behind, PAGE, &r, e));
	while (db_next(&r)) {
		struct listed *d = &ret[(*n)++];
		struct val project = db_col(&r, 1);
		*d = (struct listed){ .passages = (int)db_col(&r, 2).i, .made = db_col(&r, 3).i };
		memcpy(d->id.u.s, db_col(&r, 0).s.p, 26);
		if (project.t == V_TEXT && project.s.n == 26)
			memcpy(d->project.u.s, project.s.p, 26);
	}
	return db_done(&r, e);
}

/* Adds a slice; one that does not belong to those before ends the card there. */
static struct card *
add_slice(struct card *k, const struct listed *d, int n, str data)
{
	int dims = n > 0 ? (int)(data.n / (size_t)n) - VECTOR_HEAD : 0;

	if (dims <= 0 || data.n != (size_t)n * (size_t)(VECTOR_HEAD + dims) || (k != NULL && (k->dims != dims || k->n + n > d->passages)))
		return k;
	size_t stride = (size_t)(VECTOR_HEAD + dims);
	if (k == NULL) {
		size_t bytes = sizeof(*k) + (size_t)MAX(d->passages, n) * stride;
		if ((k = malloc(bytes)) == NULL)
			abort();
		*k = (struct card){ .id = d->id, .project = d->project, .made = d->made, .dims = dims, .bytes = bytes };
	}
	memcpy(k->v + (size_t)k->n * stride, data.p, data.n);
	k->n += n;
	return k;
}

static enum err
load(struct db *db, const struct near_question *q, const struct listed *d, struct card **ret, struct error *e)
{
	struct rows r;

	*ret = NULL;
	TRY(vectors_of(db, q->workspace, d->id, q->model, &r, e));
	while (db_next(&r))
		*ret = add_slice(*ret, d, (int)db_col(&r, 0).i, db_col(&r, 1).s);
	enum err code = db_done(&r, e);
	if (code != OK) {
		free(*ret);
		*ret = NULL;
	}
	return code;
}

/* --- reading anew --- */

/* The cards that stood there before, and how far they have been looked through: both are in the order of ids.  part: not all could be kept. */
struct old { struct card **card; int n, at; bool part; };

static void
drop_old(struct near *c, struct shelf *s, struct old *old)
{
	give_back(c, s, old->card[old->at]->bytes);
	free(old->card[old->at++]);
}

/* The card of that document, if there was one; those before it are of documents that are gone. */
static struct card *
old_card(struct near *c, struct shelf *s, struct old *old, const struct listed *d)
{
	int order = -1;

	while (old->at < old->n && (order = memcmp(old->card[old->at]->id.u.s, d->id.u.s, 26)) < 0)
		drop_old(c, s, old);
	if (old->at == old->n || order != 0)
		return NULL;
	if (old->card[old->at]->made == d->made)
		return old->card[old->at++];
	drop_old(c, s, old);
	return NULL;
}

/* Without a shelf they are looked at, and nothing is kept. */
static enum err
read_one(struct near *c, struct shelf *s, struct db *db, struct old *old, const struct listed *d, struct best *b, struct error *e)
{
	struct card *k = old_card(c, s, old, d);
	bool keep = k != NULL;

	if (k == NULL)
		TRY(load(db, b->q, d, &k, e));
	if (k == NULL)
		return OK;
	look_at(b, k);
	if (!keep && (s == NULL || !reserve(c, s, k->bytes))) {
		old->part = true;
		free(k);
		return OK;
	}
	keep_card(s, k);
	return OK;
}

static enum err
read_all(struct near *c, struct shelf *s, struct db *db, struct old *old, struct best *b, struct error *e)
{
	struct listed page[PAGE];
	document_id behind = { .u = { "" } };
	int n = PAGE;

	while (n == PAGE) {
		TRY(list_some(db, b->q, behind, page, &n, e));
		for (int i = 0; i < n; i++)
			TRY(read_one(c, s, db, old, &page[i], b, e));
		if (n > 0)
			behind = page[n - 1].id;
	}
	while (old->at < old->n)
		drop_old(c, s, old);
	return OK;
}

static void
set_model(struct near *c, struct shelf *s, str model)
{
	char *p;

	if (str_eq(s->model, model))
		return;
	drop_cards(c, s);
	free((char *)(uintptr_t)s->model.p);
	if ((p = malloc(model.n + 1)) == NULL)
		abort();
	memcpy(p, model.p, model.n);
	s->model = (str){ p, model.n };
}

/* Reads what is not here, and looks at all. */
static enum err
refresh(struct near *c, struct shelf *s, struct db *db, int64_t changes, struct best *b, struct error *e)
{
	pthread_rwlock_wrlock(&s->lock);
	set_model(c, s, b->q->model);
	struct old old = { s->card, s->n, 0, false };
	s->card = NULL;
	s->n = s->cap = 0;
	s->whole = false;
	pthread_rwlock_unlock(&s->lock);
	enum err code = read_all(c, s, db, &old, b, e);
	while (old.at < old.n)
		free(old.card[old.at++]);
	free(old.card);
	pthread_rwlock_wrlock(&s->lock);
	if (code != OK)
		drop_cards(c, s);
	s->whole = code == OK && !old.part;
	s->changes = changes;
	pthread_rwlock_unlock(&s->lock);
	return code;
}

static bool
is_true(const struct shelf *s, const struct near_question *q, int64_t changes)
{
	return s->whole && s->changes == changes && str_eq(s->model, q->model);
}

static bool
look_at_all(struct best *b, struct shelf *s, int64_t changes)
{
	pthread_rwlock_rdlock(&s->lock);
	bool here = is_true(s, b->q, changes);
	for (int i = 0; here && i < s->n; i++)
		look_at(b, s->card[i]);
	pthread_rwlock_unlock(&s->lock);
	return here;
}

/* Whether it was as we want it before. */
static bool
set_taken(struct near *c, struct shelf *s, bool taken)
{
	pthread_mutex_lock(&c->lock);
	bool was = s->taken;
	s->taken = taken;
	pthread_mutex_unlock(&c->lock);
	return was == taken;
}

static enum err
search_shelf(struct near *c, struct shelf *s, struct db *db, int64_t changes, struct best *b, struct error *e)
{
	struct old none = { .n = 0 };
	enum err code = OK;

	if (look_at_all(b, s, changes))
		return OK;
	if (set_taken(c, s, true))
		return read_all(c, NULL, db, &none, b, e);
	if (!look_at_all(b, s, changes))		/* another search was first */
		code = refresh(c, s, db, changes, b, e);
	(void)set_taken(c, s, false);
	return code;
}

enum err
near_search(struct near *c, struct db *db, const struct near_question *q, int most, struct near_hit *ret, int *n, struct error *e)
{
	struct best b = { .q = q, .hit = ret, .most = MIN(most, NEAR_MOST) };
	int64_t changes;

	TRY(vectors_changes(db, q->workspace, &changes, e));
	struct shelf *s = take_shelf(c, q->workspace);
	enum err code = search_shelf(c, s, db, changes, &b, e);
	pthread_mutex_lock(&c->lock);
	s->pins--;
	pthread_mutex_unlock(&c->lock);
	*n = b.n;
	return code;
}
